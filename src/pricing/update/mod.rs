//! What a fresh price database would change, as an overlay over the table: [`plan`].
//!
//! Nothing here writes a file or opens a connection; `fetch`, which does the latter, is behind the feature `update`.
//! Two rules hold for the overlay:
//! * the past stays priced as it was: a new price ends the period before it and adds one;
//! * prices of two sources are not mixed in one period: a card that changes says what the database says from that day
//!   on, and nothing else. A card that does not change is not in the overlay at all.

#[cfg(feature = "update")]
pub mod fetch;

use std::collections::HashMap;
use std::sync::Arc;

use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::PriceTable;
use crate::pricing::card::{Alias, Evidence, ModelCard, Price, Rate, RateCard, Source, rate_of};
use crate::pricing::compile::PriceFile;
use crate::pricing::import::compare::{
    About, ComparedItem, Comparison, Index, Verdict, compare, compare_model, in_force,
};
use crate::pricing::import::write::{PriceFileContent, price_file};
use crate::pricing::import::{Database, Fact, ListedModel, ListedProvider, more_than_ninety_percent, rate_cards};

/// Fewer models than this are no database, but an answer to something else.
pub(crate) const FEWEST_MODELS: usize = 10;

/// What an update would write, and what speaks against it.
#[derive(Clone, Debug, Default)]
pub struct UpdatePlan {
    /// The overlay: price files with `---` between them; empty where nothing changes.
    pub overlay: String,
    /// The database beside the table.
    pub comparison: Comparison,
    /// Models of the table whose prices change, as `provider/model`.
    pub changed: Vec<String>,
    /// Models that the table does not have, as `provider/model`.
    pub added: Vec<String>,
    /// What a person should look at before any of this is used.
    pub concerns: Vec<Concern>,
}

/// Something that a sound update does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Concern {
    /// A price that falls or rises by more than nine tenths.
    #[error("{model}: {meter}{condition} goes from {from} to {to} USD")]
    Steep {
        /// The model, as `provider/model`.
        model: String,
        /// What is billed.
        meter: Meter,
        /// What must hold of the request, with a space before it.
        condition: String,
        /// The price in the table.
        from: String,
        /// The price in the database.
        to: String,
    },
    /// Models that the table has from this database and that it lists no more.
    #[error("{missing} of the {of} models that the table has from this database are not in it any more")]
    Vanished {
        /// How many are gone.
        missing: usize,
        /// Of how many.
        of: usize,
    },
}

/// Why a database gives no update at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// Too small to be a database.
    #[error("it lists {0} models: a price database has at least {FEWEST_MODELS}")]
    TooFew(usize),
    /// The overlay would not be one that farebox can use.
    #[error("the overlay made of it cannot be used: {0}")]
    NotSound(String),
}

/// Works out what a database would change.
///
/// * `table`: what it is compared with;
/// * `at`: the moment of the update: prices without a date of their own hold from that day on.
///
/// # Errors
/// [`UpdateError`] where the database is none, or the overlay would be refused by the code that reads overlays.
pub fn plan(database: &Database, table: &PriceTable, at: Instant) -> Result<UpdatePlan, UpdateError> {
    let models = database.model_count();
    if models < FEWEST_MODELS {
        return Err(UpdateError::TooFew(models));
    }
    let index = Index::new(table, at);
    let mut plan = UpdatePlan { comparison: compare(database, table, at, &[]), ..UpdatePlan::default() };
    let mut files = Vec::new();
    let mut seen: Vec<usize> = Vec::new();
    for provider in &database.providers {
        let Some(head) = table.providers().iter().find(|head| head.id == provider.id) else { continue };
        let cards = changed_cards(&mut plan, &mut seen, database, provider, &index, at);
        if !cards.is_empty() {
            let comment = [
                format!("Written by `farebox prices update` on {} from {}.", at.date(), database.format.page()),
                "Used with --prices; the table inside of the program stays as it is.".to_owned(),
            ];
            // What the table says of the provider holds for its overlays too, and must not stand here a second time.
            let (provider, name) = (&provider.id, &head.name);
            files.push(price_file(&PriceFileContent {
                comment: &comment,
                provider,
                name,
                neutral: &[],
                models: &cards,
            }));
        }
    }
    plan.concerns.extend(vanished(database, &index, &seen, at));
    plan.overlay = files.join("---\n");
    check(&plan.overlay)?;
    Ok(plan)
}

/// Reads the overlay the way it will be read when it is used.
fn check(overlay: &str) -> Result<(), UpdateError> {
    if overlay.is_empty() {
        return Ok(());
    }
    let file = PriceFile { path: "prices-update.yaml".into(), text: overlay.to_owned() };
    match PriceTable::bundled().lay_over(std::slice::from_ref(&file)) {
        Ok(_) => Ok(()),
        Err(problems) => Err(UpdateError::NotSound(problems.first().map(ToString::to_string).unwrap_or_default())),
    }
}

/// The cards of a provider that change or are new.
fn changed_cards(
    plan: &mut UpdatePlan,
    seen: &mut Vec<usize>,
    database: &Database,
    provider: &ListedProvider,
    index: &Index,
    at: Instant,
) -> Vec<ModelCard> {
    let source = Source { url: database.format.page().to_owned(), checked: day_of(at), evidence: Evidence::Single };
    let source = Arc::new(source);
    let mut cards = Vec::new();
    let mut by_place: HashMap<usize, &ListedModel> = HashMap::new();
    for model in &provider.models {
        match index.find(&provider.id, model) {
            // Several entries may be ids of one card: the one of the card's own id speaks for it.
            Some((place, card)) => {
                let speaks = by_place.entry(place).or_insert(model);
                if model.id.eq_ignore_ascii_case(&card.id) {
                    *speaks = model;
                }
            }
            None => cards.extend(added(model, &source, at).inspect(|card| {
                plan.added.push(format!("{}/{}", provider.id, card.id));
            })),
        }
    }
    let mut places: Vec<(usize, &ListedModel)> = by_place.into_iter().collect();
    places.sort_by_key(|(place, _)| *place);
    for (place, model) in places {
        seen.push(place);
        let Some((_, card)) = index.find(&provider.id, model).filter(|(_, card)| !card.is_retired(at)) else {
            continue;
        };
        let (rows, _) = compare_model(&provider.id, model, &in_force(&model.facts, at), card, at);
        if rows.iter().any(ComparedItem::differs_in_money) {
            plan.concerns.extend(rows.iter().filter_map(steep));
            plan.changed.push(format!("{}/{}", provider.id, card.id));
            cards.push(changed(card, model, &source, at));
        }
    }
    cards
}

/// The first moment of the day of a moment.
fn day_of(at: Instant) -> Instant {
    at.date().to_string().parse().unwrap_or(at)
}

/// The card of a model that the table does not have.
fn added(model: &ListedModel, source: &Arc<Source>, at: Instant) -> Option<ModelCard> {
    let answers = model.info.retired.is_none_or(|retired| at < retired);
    (answers && !in_force(&model.facts, at).is_empty()).then(|| ModelCard {
        id: model.id.clone(),
        aliases: model.aliases.iter().map(|id| Alias { id: id.clone(), ..Alias::default() }).collect(),
        info: model.info.clone(),
        tokenizers: Vec::new(),
        rate_cards: rate_cards(&model.facts, source),
    })
}

/// A card of the table with the database's prices from some day on.
fn changed(card: &ModelCard, model: &ListedModel, source: &Arc<Source>, at: Instant) -> ModelCard {
    let facts = in_force(&model.facts, at);
    let old = card.rates_at(at);
    let listed_since = facts.iter().filter_map(|f| f.period.from).max();
    let is_newer = |from: &Instant| old.is_none_or(|old| old.period.from.is_none_or(|known| *from > known));
    let start = listed_since.filter(is_newer).unwrap_or_else(|| day_of(at));
    let facts: Vec<Fact> = facts.into_iter().map(|f| Fact { period: Period::default(), ..f }).collect();
    let mut new = rate_cards(&facts, source);
    for rates in &mut new {
        rates.period = Period { from: Some(start), to: old.and_then(|old| old.period.to) };
        rates.note = Some("as the database lists it; the table has the prices before".into());
        keep_billing(old, rates);
    }
    let before =
        card.rate_cards.iter().filter(|c| c.period.from.is_none_or(|from| from < start)).cloned().map(|mut c| {
            c.period.to = Some(c.period.to.map_or(start, |to| to.min(start)));
            c
        });
    let after = card.rate_cards.iter().filter(|c| c.period.from.is_some_and(|from| from > at)).cloned();
    let mut changed = card.clone();
    changed.info.last_listed = None;
    changed.rate_cards = before.chain(new).chain(after).collect();
    changed
}

/// What bills as something else goes on doing so, and what is rounded up goes on being so: that is no price.
fn keep_billing(old: Option<&RateCard>, new: &mut RateCard) {
    for (meter, rate) in &mut new.rates {
        let known = old.and_then(|old| rate_of(&old.rates, *meter));
        if let (Rate::Price(price), Some(Rate::Price(known))) = (rate, known) {
            (price.minimum, price.step) = (known.minimum, known.step);
        }
    }
    let same_as = old.iter().flat_map(|old| &old.rates).filter(|(_, rate)| matches!(rate, Rate::SameAs(_)));
    for (meter, rate) in same_as {
        let Rate::SameAs(to) = rate else { continue };
        if rate_of(&new.rates, *meter).is_none() && matches!(rate_of(&new.rates, *to), Some(Rate::Price(_))) {
            new.rates.push((*meter, rate.clone()));
            new.rates.sort_by_key(|(meter, _)| *meter);
        }
    }
}

fn steep(row: &ComparedItem) -> Option<Concern> {
    let About::Price { meter, condition, there: Some(there), here: Some(here), .. } = &row.about else { return None };
    let shown = |price: &Price| format!("{} / {}", price.usd, price.per);
    (row.verdict == Verdict::Differs && more_than_ninety_percent(here, there)).then(|| Concern::Steep {
        model: format!("{}/{}", row.provider, row.model),
        meter: *meter,
        condition: if condition.is_always() { String::new() } else { format!(" ({condition})") },
        from: shown(here),
        to: shown(there),
    })
}

/// Whether more than half of what the table has from this database is gone.
fn vanished(database: &Database, index: &Index, seen: &[usize], at: Instant) -> Option<Concern> {
    let from_here =
        |card: &ModelCard| card.rates_at(at).is_some_and(|rates| rates.source.url == database.format.page());
    let known: Vec<usize> =
        index.places().filter(|(place, card)| index.is_live(*place) && from_here(card)).map(|(at, _)| at).collect();
    let missing = known.iter().filter(|place| !seen.contains(place)).count();
    (missing * 2 > known.len()).then_some(Concern::Vanished { missing, of: known.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::import::{DatabaseFormat, read};

    const AT: &str = "2026-11-22T15:00:00Z";

    /// A table with one provider more, whose models come from llm-prices, which the bundled table has nothing from.
    fn table() -> PriceTable {
        let page = DatabaseFormat::LlmPrices.page();
        let model = |id: &str, input: &str| {
            let rates = format!("{{input: \"{input}\", output: {{price: \"8\", minimum: \"10\"}}}}");
            format!("  - {{id: {id}, prices: [{{from: 2026-01-01, source: page, rates: {rates}}}]}}\n")
        };
        let models: String = (0..12).map(|i| model(&format!("m{i}"), "4")).collect();
        let text = format!(
            "schema: 1\nprovider: acme\nfallbacks: {{reasoning: output}}\n\
             sources: {{page: {{url: \"{page}\", checked: 2026-11-01, evidence: single}}}}\nmodels:\n{models}"
        );
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "acme.yaml".into(), text }]).unwrap();
        table
    }

    fn planned(models: impl IntoIterator<Item = (String, &'static str)>) -> Result<UpdatePlan, UpdateError> {
        let member = |(id, input): (String, &str)| {
            format!("{{\"id\": \"{id}\", \"vendor\": \"acme\", \"name\": \"{id}\", \"input\": {input}, \"output\": 8}}")
        };
        let members: Vec<String> = models.into_iter().map(member).collect();
        let text = format!("{{\"prices\": [{}]}}", members.join(","));
        plan(&read(&text, None).unwrap(), &table(), AT.parse().unwrap())
    }

    /// Models as they stand in the table, with another price for the first.
    fn with_first(input: &'static str) -> impl Iterator<Item = (String, &'static str)> {
        (0..12).map(move |i| (format!("m{i}"), if i == 0 { input } else { "4" }))
    }

    #[test]
    fn nothing_changes_where_the_prices_are_the_same() {
        for same in ["4", "4.0", "3.999"] {
            // The last is 4 as somebody has rounded it.
            let plan = planned(with_first(same)).unwrap();
            assert_eq!((plan.overlay.as_str(), plan.concerns.len()), ("", 0), "{same}");
        }
    }

    #[test]
    fn a_new_price_ends_the_old_one_and_leaves_the_past_as_it_was() {
        let plan = planned(with_first("3").chain([("new".to_owned(), "1")])).unwrap();
        assert_eq!(
            (plan.changed, plan.added, plan.concerns),
            (vec!["acme/m0".to_owned()], vec!["acme/new".into()], vec![])
        );
        insta::assert_snapshot!(plan.overlay);
        let mut table = table();
        table.lay_over(&[PriceFile { path: "prices-update.yaml".into(), text: plan.overlay }]).unwrap();
        let input = |id: &str, at: &str| {
            let at = at.parse().unwrap();
            let card = table.find(id, at).unwrap().model;
            let rate = card.rates_at(at).and_then(|rates| rate_of(&rates.rates, Meter::Input).cloned());
            rate.map(|rate| if let Rate::Price(price) = rate { price.usd.to_string() } else { String::new() })
        };
        assert_eq!(input("acme/m0", "2026-11-21").as_deref(), Some("4"));
        assert_eq!(input("acme/m0", "2026-11-22").as_deref(), Some("3"));
        assert_eq!(input("acme/m0", "2025-12-31"), None, "before the first price nothing is known");
        assert_eq!(input("acme/m1", "2026-11-22").as_deref(), Some("4"));
        assert_eq!(input("acme/new", "2026-11-22").as_deref(), Some("1"));
    }

    #[test]
    fn what_no_sound_update_does_is_a_concern() {
        let concerns = |models: Vec<(String, &'static str)>| planned(models).unwrap().concerns;
        // 4 to 0.4 is 90 % exactly, which is allowed; a hair more is not.
        assert_eq!(concerns(with_first("0.4").collect()), []);
        let steep = &concerns(with_first("0.39").collect())[0];
        assert_eq!(steep.to_string(), "acme/m0: input goes from 4 / 1000000 to 0.39 / 1000000 USD");
        let renamed =
            |gone: usize| (0..12).map(|i| (if i < gone { format!("x{i}") } else { format!("m{i}") }, "4")).collect();
        assert_eq!(concerns(renamed(6)), [], "half may go");
        assert_eq!(concerns(renamed(7)), [Concern::Vanished { missing: 7, of: 12 }]);
    }

    #[test]
    fn an_answer_to_something_else_is_no_database() {
        assert_eq!(planned(with_first("4").take(9)).unwrap_err(), UpdateError::TooFew(9));
    }

    #[test]
    fn a_factor_of_the_provider_is_not_applied_twice() {
        use crate::calculator::price;
        use crate::context::{Context, Dimension};
        use crate::usage::Usage;
        let unknown =
            (0..12).map(|i| format!(r#"{{"id": "made-up-{i}", "vendor": "openai", "input": 1, "output": 2}}"#));
        let known =
            r#"{"id": "gpt-5.5", "vendor": "openai", "input": 6, "output": 30, "input_cached": 0.5}"#.to_owned();
        let members: Vec<String> = std::iter::once(known).chain(unknown).collect();
        let database = read(&format!("{{\"prices\": [{}]}}", members.join(",")), None).unwrap();
        let mut table = PriceTable::bundled();
        let at = AT.parse().unwrap();
        let text = plan(&database, &table, at).unwrap().overlay;
        table.lay_over(&[PriceFile { path: "prices-update.yaml".into(), text }]).unwrap();
        let found = table.find("openai/gpt-5.5", at).unwrap();
        let in_the_us = Context::default().with(Dimension::Region, "us");
        let usage = Usage::tokens_in_out(1_000, 0);
        let cost = price(&found.provider, &found.model, &usage, &in_the_us, at).unwrap();
        assert_eq!(cost.total.to_string(), "0.0066"); // 1,000 × 6 ÷ 1M × 1.1, since data in one region costs a tenth more
    }
}
