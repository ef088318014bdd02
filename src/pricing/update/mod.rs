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

use rust_decimal::Decimal;

use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::PriceTable;
use crate::pricing::card::{Alias, Evidence, ModelCard, Price, Rate, RateCard, Source, rate_of};
use crate::pricing::compile::PriceFile;
use crate::pricing::import::compare::{
    About, ComparedItem, Comparison, Index, Verdict, compare, compare_model, in_force,
};
use crate::pricing::import::write::{PriceFileContent, price_file};
use crate::pricing::import::{Database, Fact, ListedModel, ListedProvider, on_the_same_scale, rate_cards};

/// Fewer models than this are no database, but an answer to something else.
pub(crate) const FEWEST_MODELS: usize = 10;

/// How much an update may change before a person has to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLimits {
    /// How many times as high or as low as it was a price may be; `None` for any change.
    pub price: Option<Decimal>,
    /// How many of a hundred models that the table has from the database may be gone from it.
    pub gone: u8,
}

impl Default for ChangeLimits {
    fn default() -> Self {
        ChangeLimits { price: Some(Decimal::from(MOST_TIMES)), gone: 50 }
    }
}

/// A price that is halved or doubled is news, one that is a tenth of what it was is more often a mistake of the database.
const MOST_TIMES: u8 = 3;

impl ChangeLimits {
    /// The smallest whole limits that allow what these do and a concern too.
    fn with(self, concern: &Concern) -> ChangeLimits {
        match concern {
            Concern::Steep { times, .. } => {
                let wider = self.price.zip(*times).map(|(limit, times)| limit.max(times.ceil()));
                ChangeLimits { price: wider, ..self }
            }
            Concern::Vanished { missing, of } => {
                let percent = (missing * 100).div_ceil((*of).max(1));
                ChangeLimits { gone: self.gone.max(u8::try_from(percent).unwrap_or(100)), ..self }
            }
        }
    }
}

/// As a flag takes them: `price=10,gone=80`.
impl std::fmt::Display for ChangeLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let standard = ChangeLimits::default();
        let price = match self.price {
            None => Some("price=any".to_owned()),
            price if price == standard.price => None,
            Some(times) => Some(format!("price={}", times.normalize())),
        };
        let gone = (self.gone != standard.gone).then(|| format!("gone={}", self.gone));
        f.write_str(&price.into_iter().chain(gone).collect::<Vec<_>>().join(","))
    }
}

/// Why limits cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a limit: write price=10 (times as high or low), price=any, gone=80 (percent), or both with a comma"
)]
pub struct LimitsError(String);

impl std::str::FromStr for ChangeLimits {
    type Err = LimitsError;

    fn from_str(text: &str) -> Result<Self, LimitsError> {
        let wrong = || LimitsError(text.to_owned());
        let mut limits = ChangeLimits::default();
        for part in text.split(',') {
            match part.split_once('=').ok_or_else(wrong)? {
                ("price", "any") => limits.price = None,
                ("price", times) => {
                    let times: Decimal = times.parse().map_err(|_| wrong())?;
                    limits.price = Some(times).filter(|times| *times >= Decimal::ONE).ok_or_else(wrong)?.into();
                }
                ("gone", percent) => {
                    let percent = percent.trim_end_matches('%').parse::<u8>();
                    limits.gone = percent.ok().filter(|percent| *percent <= 100).ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(limits)
    }
}

/// What an update would write, and what speaks against it.
#[derive(Clone, Debug, Default)]
pub struct UpdatePlan {
    /// The overlay: price files with `---` between them; empty where nothing changes.
    pub overlay: String,
    /// An overlay that changes nothing, to replace one of an earlier update that said something else.
    pub empty_overlay: String,
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
    /// A price that falls or rises further than the limit.
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
        /// How many times as high or as low it is; `None` from or to nothing.
        times: Option<Decimal>,
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
/// * `limits`: what may change without a concern;
/// * `at`: the moment of the update: prices without a date of their own hold from that day on.
///
/// # Errors
/// [`UpdateError`] where the database is none, or the overlay would be refused by the code that reads overlays.
pub fn plan(
    database: &Database,
    table: &PriceTable,
    limits: &ChangeLimits,
    at: Instant,
) -> Result<UpdatePlan, UpdateError> {
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
        let cards = changed_cards(&mut plan, &mut seen, database, provider, limits, &index, at);
        if !cards.is_empty() {
            files.push(overlay_of(database, (&head.id, &head.name), &cards, at));
        }
    }
    plan.concerns.extend(vanished(database, &index, &seen, limits, at));
    plan.overlay = files.join("---\n");
    check(&plan.overlay)?;
    if let Some(head) = table.providers().first() {
        plan.empty_overlay = overlay_of(database, (&head.id, &head.name), &[], at);
        check(&plan.empty_overlay)?;
    }
    Ok(plan)
}

impl UpdatePlan {
    /// The limits under which nothing of this would be a concern.
    #[must_use]
    pub fn limits_that_allow(&self) -> ChangeLimits {
        self.concerns.iter().fold(ChangeLimits::default(), ChangeLimits::with)
    }
}

/// The price file of a provider, by its id and name, with cards of its own.
fn overlay_of(database: &Database, (provider, name): (&str, &str), cards: &[ModelCard], at: Instant) -> String {
    let comment = [
        format!("Written by `farebox prices update` on {} from {}.", at.date(), database.format.page()),
        "Used with --prices; the table inside of the program stays as it is.".to_owned(),
    ];
    // What the table says of the provider holds for its overlays too, and must not stand here a second time.
    price_file(&PriceFileContent { comment: &comment, provider, name, neutral: &[], models: cards })
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
    limits: &ChangeLimits,
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
            plan.concerns.extend(rows.iter().filter_map(|row| steep(row, limits)));
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

fn steep(row: &ComparedItem, limits: &ChangeLimits) -> Option<Concern> {
    let About::Price { meter, condition, there: Some(there), here: Some(here), .. } = &row.about else { return None };
    let (limit, (old, new)) = (limits.price?, on_the_same_scale(here, there)?);
    let (small, large) = (old.min(new), old.max(new));
    // Beyond what decimals count is beyond every limit.
    let is_steep = small.checked_mul(limit).is_some_and(|most| most < large);
    let shown = |price: &Price| format!("{} / {}", price.usd, price.per);
    (row.verdict == Verdict::Differs && is_steep).then(|| Concern::Steep {
        model: format!("{}/{}", row.provider, row.model),
        meter: *meter,
        condition: if condition.is_always() { String::new() } else { format!(" ({condition})") },
        from: shown(here),
        to: shown(there),
        times: large.checked_div(small),
    })
}

/// Whether more of what the table has from this database is gone than may be.
fn vanished(database: &Database, index: &Index, seen: &[usize], limits: &ChangeLimits, at: Instant) -> Option<Concern> {
    let from_here =
        |card: &ModelCard| card.rates_at(at).is_some_and(|rates| rates.source.url == database.format.page());
    let known: Vec<usize> =
        index.places().filter(|(place, card)| index.is_live(*place) && from_here(card)).map(|(at, _)| at).collect();
    let missing = known.iter().filter(|place| !seen.contains(place)).count();
    (missing * 100 > known.len() * usize::from(limits.gone)).then_some(Concern::Vanished { missing, of: known.len() })
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
        plan(&read(&text, None).unwrap(), &table(), &ChangeLimits::default(), AT.parse().unwrap())
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
        // 4 to 12 is three times exactly, which is allowed; a hair more is not, and neither is a third with a hair less.
        assert_eq!(concerns(with_first("12").collect()), []);
        let steep = &concerns(with_first("12.01").collect())[0];
        assert_eq!(steep.to_string(), "acme/m0: input goes from 4 / 1000000 to 12.01 / 1000000 USD");
        assert_eq!(concerns(with_first("1.34").collect()), []);
        for far in ["1.33", "0.4", "39.6", "0"] {
            assert_eq!(concerns(with_first(far).collect()).len(), 1, "{far}");
        }
        let renamed =
            |gone: usize| (0..12).map(|i| (if i < gone { format!("x{i}") } else { format!("m{i}") }, "4")).collect();
        assert_eq!(concerns(renamed(6)), [], "half may go");
        assert_eq!(concerns(renamed(7)), [Concern::Vanished { missing: 7, of: 12 }]);
    }

    #[test]
    fn the_limits_that_allow_everything_are_named_and_read_back() {
        let named = |input| planned(with_first(input)).unwrap().limits_that_allow().to_string();
        let cases = [("4", ""), ("12.01", "price=4"), ("0.4", "price=10"), ("0", "price=any")];
        for (input, want) in cases {
            assert_eq!(named(input), want, "{input}");
        }
        let gone = ChangeLimits::default().with(&Concern::Vanished { missing: 7, of: 12 });
        assert_eq!(gone.to_string(), "gone=59"); // 7 of 12 are 58.3 %
        for text in ["price=4", "price=any", "gone=59", "price=2.5,gone=100"] {
            assert_eq!(text.parse::<ChangeLimits>().unwrap().to_string(), text);
        }
        for wrong in ["", "10", "price=", "price=0.5", "price=-3", "gone=101", "gone=-1", "price=4,", "all=1"] {
            assert!(wrong.parse::<ChangeLimits>().is_err(), "{wrong}");
        }
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
        let text = plan(&database, &table, &ChangeLimits::default(), at).unwrap().overlay;
        table.lay_over(&[PriceFile { path: "prices-update.yaml".into(), text }]).unwrap();
        let found = table.find("openai/gpt-5.5", at).unwrap();
        let in_the_us = Context::default().with(Dimension::Region, "us");
        let usage = Usage::tokens_in_out(1_000, 0);
        let cost = price(&found.provider, &found.model, &usage, &in_the_us, at).unwrap();
        assert_eq!(cost.total.to_string(), "0.0066"); // 1,000 × 6 ÷ 1M × 1.1, since data in one region costs a tenth more
    }
}
