//! Lays a database beside the table in force, price by price: [`compare`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rust_decimal::Decimal;

use super::cards::{facts_of, on_the_same_scale};
use super::{Boundary, Condition, Database, Fact, ListedModel, ListedProvider};
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::PriceTable;
use crate::pricing::card::{ModelCard, Price, Rate, RateCard, rate_of};

/// A database beside the table.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Prices and models, in the order of providers and of the file.
    pub rows: Vec<ComparedItem>,
    /// Providers of the file that the table does not have, with how many models they list.
    pub strangers: Vec<(String, usize)>,
    /// How many models are in both.
    pub models_in_both: usize,
}

/// One price of a model, or a model that only one of the two has.
#[derive(Clone, Debug)]
pub struct ComparedItem {
    /// The provider's id.
    pub provider: String,
    /// The model's id: the table's where it has the model.
    pub model: String,
    /// What the file calls the model; `None` where only the table has it.
    pub listed_as: Option<String>,
    /// What the comparison says.
    pub verdict: Verdict,
    /// The price, or the model.
    pub about: About,
}

/// What a [`ComparedItem`] is about.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every row is a price")]
pub enum About {
    /// A price of a model that both have.
    Price {
        /// What is billed.
        meter: Meter,
        /// What must hold of the request, as the file has it where both have it.
        condition: Condition,
        /// The price in the file.
        there: Option<Price>,
        /// The price in the table.
        here: Option<Price>,
        /// The table's condition where it is the same but for one token at the boundary of a tier.
        boundary: Option<Condition>,
    },
    /// A model that only one of the two has, with its prices.
    Model(Vec<Fact>),
}

farebox_data::names! {
    /// What the comparison says of a row, what deserves a look first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Verdict "is not a verdict" {
        Differs "differs" "Both have a price, and the prices or the boundary differ";
        OnlyThere "only-there" "Only the file has it";
        OnlyHere "only-here" "Only the table has it";
        Same "same" "Both have the same price";
    }
}

impl Verdict {
    /// The words in reports.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Differs => "differs",
            Verdict::OnlyThere => "only there",
            Verdict::OnlyHere => "only here",
        }
    }
}

impl ComparedItem {
    /// Whether the prices differ: not the boundary alone, and by more than one of the two is rounded.
    #[must_use]
    pub(crate) fn differs_in_money(&self) -> bool {
        self.both().is_some_and(|(there, here)| !is_same(there, here) && !is_rounded(there, here))
    }

    /// Whether one of the two prices is the other one rounded: 0.00003083 for a second and 0.111 for an hour.
    #[must_use]
    pub(crate) fn is_rounded(&self) -> bool {
        self.both().is_some_and(|(there, here)| !is_same(there, here) && is_rounded(there, here))
    }

    /// Whether it is about a whole model.
    #[must_use]
    pub(crate) const fn is_model(&self) -> bool {
        matches!(self.about, About::Model(_))
    }

    fn both(&self) -> Option<(&Price, &Price)> {
        match &self.about {
            About::Price { there: Some(there), here: Some(here), .. } => Some((there, here)),
            _ => None,
        }
    }
}

impl Comparison {
    /// How many prices of models in both have a verdict.
    #[must_use]
    pub fn prices(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict && !row.is_model()).count()
    }

    /// How many models have a verdict.
    #[must_use]
    pub fn models(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict && row.is_model()).count()
    }
}

/// Providers under whose name databases list another's models as well: the Gemini API's with Vertex's, Azure's OpenAI
/// models with those of others.
const MIXED: [(&str, &str); 3] = [("google", "vertex"), ("azure", "azure-foundry"), ("azure-foundry", "azure")];

/// The table's live cards, found by provider and by every id that means them at a moment.
pub(in crate::pricing) struct Index {
    cards: Vec<(String, Arc<ModelCard>)>,
    /// Whether each card can be bought at the moment of the index, at a price that is known.
    live: Vec<bool>,
    by_id: HashMap<(String, String), usize>,
    providers: HashSet<String>,
}

impl Index {
    pub(crate) fn new(table: &PriceTable, at: Instant) -> Self {
        let mut index = Index { cards: Vec::new(), live: Vec::new(), by_id: HashMap::new(), providers: HashSet::new() };
        index.providers.extend(table.providers().iter().map(|head| head.id.clone()));
        for (head, card) in table.cards() {
            let place = index.cards.len();
            // An id of its own wins over an alias of another card, whichever comes first.
            index.by_id.insert((head.id.clone(), card.id.to_lowercase()), place);
            index.live.push(card.rates_at(at).is_some() && table.life(&head, &card, at).is_live());
            index.cards.push((head.id.clone(), card));
        }
        for (place, (provider, card)) in index.cards.iter().enumerate() {
            for alias in card.aliases.iter().filter(|alias| alias.period.contains(at)) {
                index.by_id.entry((provider.clone(), alias.id.to_lowercase())).or_insert(place);
            }
        }
        index
    }

    /// Every card with its place.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, &ModelCard)> {
        self.cards.iter().enumerate().map(|(place, (_, card))| (place, card.as_ref()))
    }

    /// The card that a listed model is, by its id or by an alias that the file gives it.
    pub(crate) fn find(&self, provider: &str, model: &ListedModel) -> Option<(usize, &Arc<ModelCard>)> {
        let mut ids = std::iter::once(&model.id).chain(&model.aliases);
        let place = ids.find_map(|id| self.by_id.get(&(provider.to_owned(), id.to_lowercase())))?;
        Some((*place, &self.cards[*place].1))
    }

    /// The same; where a database lists two providers under one name, at the other one.
    pub(in crate::pricing) fn find_mixed(
        &self,
        provider: &str,
        model: &ListedModel,
    ) -> Option<(usize, &Arc<ModelCard>)> {
        let other =
            || MIXED.iter().find(|(listed, _)| *listed == provider).and_then(|(_, other)| self.find(other, model));
        self.find(provider, model).or_else(other)
    }

    /// Whether the card at a place can be bought, at a price that is known.
    pub(in crate::pricing) fn is_live(&self, place: usize) -> bool {
        self.live.get(place).is_some_and(|live| *live)
    }

    /// The provider and the card at a place.
    pub(in crate::pricing) fn card(&self, place: usize) -> (&str, &Arc<ModelCard>) {
        let (provider, card) = &self.cards[place];
        (provider, card)
    }
}

/// Compares what a file says with the table, as both stand at a moment.
///
/// * `providers`: only these, by the table's ids; all that both have where it is empty.
///
/// Several entries of a file may be ids of one card: each is compared with it, and what none of them has is only here.
#[must_use]
pub fn compare(database: &Database, table: &PriceTable, at: Instant, providers: &[String]) -> Comparison {
    let index = Index::new(table, at);
    let mut comparison = Comparison::default();
    let wanted = |id: &String| providers.is_empty() || providers.contains(id);
    for provider in database.providers.iter().filter(|p| wanted(&p.id)) {
        if index.providers.contains(&provider.id) {
            compare_provider(&mut comparison, provider, &index, at);
        } else {
            comparison.strangers.push((provider.id.clone(), provider.models.len()));
        }
    }
    comparison
}

fn compare_provider(comparison: &mut Comparison, provider: &ListedProvider, index: &Index, at: Instant) {
    let mut left: HashMap<usize, Vec<Fact>> = HashMap::new();
    let mut elsewhere = HashSet::new();
    for model in &provider.models {
        let there = in_force(&model.facts, at);
        match index.find_mixed(&provider.id, model) {
            Some((place, card)) => {
                let (id, _) = index.card(place);
                let (rows, unmatched) = compare_model(id, model, &there, card, at);
                comparison.rows.extend(rows);
                if id == provider.id {
                    left.entry(place).and_modify(|left| left.retain(|f| unmatched.contains(f))).or_insert(unmatched);
                } else {
                    elsewhere.insert(place);
                }
            }
            None if there.is_empty() => {}
            None => {
                let row = whole_model(&provider.id, &model.id, Verdict::OnlyThere, there);
                comparison.rows.push(ComparedItem { listed_as: Some(model.place.clone()), ..row });
            }
        }
    }
    comparison.models_in_both += left.len() + elsewhere.len();
    for (place, (id, card)) in index.cards.iter().enumerate().filter(|(_, (id, _))| *id == provider.id) {
        match left.remove(&place) {
            Some(facts) => comparison.rows.extend(facts.into_iter().map(|fact| only_here(id, &card.id, fact))),
            None if index.is_live(place) => {
                let facts = card.rates_at(at).map(|rates| facts_of(rates, card.info.kind)).unwrap_or_default();
                comparison.rows.push(whole_model(id, &card.id, Verdict::OnlyHere, facts));
            }
            None => {}
        }
    }
}

fn only_here(provider: &str, model: &str, Fact { meter, condition, price, .. }: Fact) -> ComparedItem {
    let about = About::Price { meter, condition, there: None, here: Some(price), boundary: None };
    let (provider, model) = (provider.to_owned(), model.to_owned());
    ComparedItem { provider, model, listed_as: None, verdict: Verdict::OnlyHere, about }
}

/// The prices that hold at a moment.
pub(in crate::pricing) fn in_force(facts: &[Fact], at: Instant) -> Vec<Fact> {
    facts.iter().filter(|fact| fact.period.contains(at)).cloned().collect()
}

fn whole_model(provider: &str, model: &str, verdict: Verdict, facts: Vec<Fact>) -> ComparedItem {
    let (provider, model) = (provider.to_owned(), model.to_owned());
    ComparedItem { provider, model, listed_as: None, verdict, about: About::Model(facts) }
}

/// The prices of one model in the file beside those of its card, and the card's that the file does not have.
pub(in crate::pricing) fn compare_model(
    provider: &str,
    listed: &ListedModel,
    there: &[Fact],
    card: &ModelCard,
    at: Instant,
) -> (Vec<ComparedItem>, Vec<Fact>) {
    let rates = card.rates_at(at);
    let mut left = rates.map(|rates| facts_of(rates, card.info.kind)).unwrap_or_default();
    let mut row = |fact: &Fact| {
        let (here, boundary) = match take(&mut left, fact) {
            Some(known) if is_same_condition(&known.condition, &fact.condition) => (Some(known.price), None),
            Some(known) => (Some(known.price), Some(known.condition)),
            None => (rates.and_then(|rates| bills_as(rates, card, fact)), None),
        };
        let verdict = match &here {
            None => Verdict::OnlyThere,
            Some(here) if is_same(&fact.price, here) && boundary.is_none() => Verdict::Same,
            Some(_) => Verdict::Differs,
        };
        let (meter, condition, there) = (fact.meter, fact.condition.clone(), Some(fact.price));
        let about = About::Price { meter, condition, there, here, boundary };
        let (provider, model, listed_as) = (provider.to_owned(), card.id.clone(), Some(listed.place.clone()));
        ComparedItem { provider, model, listed_as, verdict, about }
    };
    let rows = there.iter().map(&mut row).collect();
    (rows, left)
}

/// Takes the table's price of the same meter under the same condition out of a list: one that differs by a token at the
/// boundary where there is no other.
fn take(left: &mut Vec<Fact>, fact: &Fact) -> Option<Fact> {
    let exactly = left.iter().position(|f| f.meter == fact.meter && is_same_condition(&f.condition, &fact.condition));
    let nearly = || left.iter().position(|f| f.meter == fact.meter && is_near(&f.condition, &fact.condition));
    exactly.or_else(nearly).map(|at| left.remove(at))
}

fn is_near(one: &Condition, other: &Condition) -> bool {
    let (Some(a), Some(b)) = (one.tier, other.tier) else { return false };
    one.when == other.when && one.hours == other.hours && a.first().abs_diff(b.first()) <= 1
}

/// Whether two conditions hold for the same requests: `>199999` is `>=200000`.
fn is_same_condition(one: &Condition, other: &Condition) -> bool {
    one.when == other.when
        && one.hours == other.hours
        && one.tier.map(Boundary::first) == other.tier.map(Boundary::first)
}

/// The price of the meter that a meter without a price of its own bills as.
fn bills_as(rates: &RateCard, card: &ModelCard, fact: &Fact) -> Option<Price> {
    let Some(Rate::SameAs(other)) = rate_of(&rates.rates, fact.meter) else { return None };
    let facts = facts_of(rates, card.info.kind);
    let at_other = facts.into_iter().find(|f| f.meter == *other && f.condition == fact.condition);
    at_other.map(|f| f.price)
}

/// Whether two prices are less than a two-thousandth apart.
fn is_rounded(one: &Price, other: &Price) -> bool {
    let apart = |(a, b): (Decimal, Decimal)| {
        let difference = a.checked_sub(b)?.abs();
        Some(difference.checked_mul(Decimal::from(2_000))? < a.max(b))
    };
    on_the_same_scale(one, other).and_then(apart) == Some(true)
}

fn is_same(one: &Price, other: &Price) -> bool {
    on_the_same_scale(one, other).is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::compile::PriceFile;
    use crate::pricing::import::read;

    const TABLE: &str = r#"
schema: 1
provider: acme
fallbacks: {reasoning: output}
models:
  - id: one
    aliases: [one-latest]
    prices:
      - rates: {input: "1", output: "2", cache_read: "0.1", web_search: {price: "10", per: 1000}}
        tiers: [{when: {prompt_tokens: ">=200000"}, rates: {input: "2"}}]
        variants: [{when: {processing: batch}, rates: {input: "0.5"}}]
  - id: two
    retired: 2020-01-01
    prices: [{rates: {input: "7"}}]
  - id: three
    prices: [{rates: {input: "9"}}]
"#;

    /// The rows as `verdict provider/model meter condition: there here`.
    fn rows(models: &str) -> Vec<String> {
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "acme.yaml".into(), text: TABLE.into() }]).unwrap();
        let database = read(&format!("{{{models}}}"), None).unwrap();
        let comparison = compare(&database, &table, "2026-11-22".parse().unwrap(), &[]);
        let price = |p: &Option<Price>| p.map_or("–".to_owned(), |p| p.usd.to_string());
        let row = |row: &ComparedItem| match &row.about {
            About::Price { meter, condition, there, here, boundary } => {
                let boundary = boundary.as_ref().map(|b| format!(" here {b}")).unwrap_or_default();
                let (there, here) = (price(there), price(here));
                format!("{} {} {meter} [{condition}]: {there} {here}{boundary}", row.verdict.words(), row.model)
            }
            About::Model(facts) => format!("{} {} ({} prices)", row.verdict.words(), row.model, facts.len()),
        };
        let strangers = comparison.strangers.iter().map(|(id, models)| format!("stranger {id} {models}"));
        comparison.rows.iter().map(row).chain(strangers).collect()
    }

    #[test]
    fn each_price_has_its_verdict() {
        let models = r#"
            "acme/one-latest": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 3e-06,
                "input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_reasoning_token": 2e-06,
                "input_cost_per_audio_token": 5e-06,
                "search_context_cost_per_query": {"search_context_size_low": 0.01}},
            "acme/four": {"litellm_provider": "acme", "input_cost_per_token": 4e-06},
            "zeta/five": {"litellm_provider": "zeta", "input_cost_per_token": 4e-06}"#;
        let want = [
            "same one input []: 1 1",
            "differs one output []: 3 2",
            "differs one input [prompt_tokens>200000]: 2 2 here prompt_tokens>=200000",
            "same one reasoning []: 2 2", // billed as output here
            "only there one input_audio []: 5 –",
            "same one web_search []: 10 10",
            "only there four (1 prices)",
            "only here one cache_read []: – 0.1",
            "only here one input [processing=batch]: – 0.5",
            "only here three (1 prices)", // two is retired
            "stranger zeta 1",
        ];
        assert_eq!(rows(models), want);
    }

    #[test]
    fn what_one_entry_of_a_card_lacks_another_may_have() {
        let models = r#"
            "acme/one": {"litellm_provider": "acme", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
            "acme/one-latest": {"litellm_provider": "acme", "cache_read_input_token_cost": 1e-07}"#;
        let only_here: Vec<String> = rows(models).into_iter().filter(|r| r.starts_with("only here one")).collect();
        let want = [
            "only here one web_search []: – 10",
            "only here one input [prompt_tokens>=200000]: – 2",
            "only here one input [processing=batch]: – 0.5",
        ];
        assert_eq!(only_here, want);
    }
}
