//! The table as the `data.json` of genai-prices: [`write`].
//!
//! The form holds the periods of a model's prices and its variants; the first token of a tier is the one after its `start`, and hours of the day
//! are a set of prices of the last period.

use std::collections::BTreeMap;

use super::text::{JsonObject, list, quoted};
use super::{Entry, Exported, Selection, note_words};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::period::Period;
use crate::pricing::PriceTable;
use crate::pricing::card::{Alias, ModelCard};
use crate::pricing::import::cards::facts_of;
use crate::pricing::import::draft::is_called_free;
use crate::pricing::import::genai_prices::UNITS;
use crate::pricing::import::names::theirs;
use crate::pricing::import::{DatabaseFormat, Fact};
use rust_decimal::Decimal;

/// Writes what of a table can be bought at a moment, with all its periods.
#[must_use]
pub(crate) fn write(table: &PriceTable, selection: &Selection) -> Exported {
    let mut out = Exported::default();
    let mut providers: BTreeMap<String, (JsonObject, Vec<String>)> = BTreeMap::new();
    for entry in selection.live(table, &mut out) {
        let Some(model) = model(&entry, selection, &mut out) else { continue };
        let (id, _) = theirs(DatabaseFormat::GenaiPrices, &entry.0.id);
        let provider = providers.entry(id.clone()).or_insert_with(|| (provider(&id, &entry), Vec::new()));
        provider.1.push(format!("      {model}"));
        out.models += 1;
    }
    let providers = providers.into_values().map(|(mut fields, models)| {
        fields.json("models", format!("[\n{}\n    ]", models.join(",\n")));
        format!("  {}", fields.done())
    });
    out.text = format!("[\n{}\n]\n", providers.collect::<Vec<_>>().join(",\n"));
    out
}

fn provider(id: &str, (head, _): &Entry) -> JsonObject {
    let mut fields = JsonObject::default();
    fields.text("id", id);
    fields.text("name", &head.name);
    let base = head.api.as_ref().and_then(|api| api.base_url.as_deref()).unwrap_or_default();
    fields.text("api_pattern", &base.replace('.', "\\."));
    fields
}

fn model(entry: &Entry, selection: &Selection, out: &mut Exported) -> Option<String> {
    let (head, card) = entry;
    let (_, begins) = theirs(DatabaseFormat::GenaiPrices, &head.id);
    let mut sets = PriceSets::default();
    for (i, rates) in card.rate_cards.iter().enumerate() {
        let is_last = i + 1 == card.rate_cards.len();
        let next = card.rate_cards.get(i + 1).and_then(|next| next.period.from);
        if rates.period.to.is_some() && rates.period.to != next {
            out.leave_out("the end of a price without a successor", entry);
        }
        sets.add_period(rates.period, &facts_of(rates, card.info.kind), is_last, entry, out);
        note_words(rates, entry, out);
    }
    sets.drop_ended_variants(card, entry, out);
    if sets.prices == 0 {
        out.leave_out("a model whose prices cannot be expressed", entry);
        return None;
    }
    let mut prices = card.rates_at(selection.at).map(|rates| facts_of(rates, card.info.kind)).into_iter().flatten();
    if prices.all(|fact| fact.price.usd.0.is_zero()) && !is_called_free(&card.id) {
        out.leave_out("a model that costs nothing: 0 is read as unknown", entry);
    }
    out.prices += sets.prices;
    let id = format!("{begins}{}", card.id);
    let mut fields = JsonObject::default();
    fields.text("id", &id);
    let aliases = card.aliases.iter().filter(|alias| alias.period.contains(selection.at));
    fields.json("match", rule(&id, aliases.map(|Alias { id, .. }| format!("{begins}{id}"))));
    card.info.context_window.into_iter().for_each(|size| fields.json("context_window", size.to_string()));
    sets.write(&mut fields);
    Some(fields.done())
}

/// The rule that ids of the model fit.
fn rule(id: &str, aliases: impl Iterator<Item = String>) -> String {
    let equals = |id: &str| format!("{{\"equals\": {}}}", quoted(id));
    let others: Vec<String> = aliases.map(|alias| equals(&alias)).collect();
    if others.is_empty() {
        return equals(id);
    }
    format!("{{\"or\": {}}}", list(std::iter::once(equals(id)).chain(others)))
}

/// A price without tiers, and those of longer prompts.
#[derive(Clone, Debug, Default)]
struct TieredPrice {
    base: Option<Decimal>,
    tiers: BTreeMap<u64, Decimal>,
}

/// Prices by their keys.
type Prices = BTreeMap<&'static str, TieredPrice>;

/// What a request states.
type When = Vec<(Dimension, String)>;

#[derive(Default)]
struct PriceSets {
    /// By the start of the period.
    normal: Vec<(Period, Prices)>,
    variants: Vec<(Period, When, Prices)>,
    hours: Vec<((u16, u16), Prices)>,
    prices: usize,
}

impl PriceSets {
    fn add_period(&mut self, period: Period, facts: &[Fact], is_last: bool, entry: &Entry, out: &mut Exported) {
        let (mut normal, mut variants) = (Prices::new(), BTreeMap::<When, Prices>::new());
        if period.from.is_some_and(|from| from.unix().rem_euclid(86_400) != 0) {
            out.leave_out("the hour at which a price begins: only its day is written", entry);
        }
        for fact in facts {
            let Some((key, price)) = keyed(fact) else {
                out.leave_out(format!("a price of {}", fact.meter), entry);
                continue;
            };
            if price.is_zero() && !matches!(fact.meter, Meter::Input | Meter::Output) {
                out.leave_out(format!("a price of 0, which is read as unknown: {}", fact.meter), entry);
            }
            if fact.condition.hours.is_some() {
                self.add_hours(fact, key, price, is_last, entry, out);
                continue;
            }
            let when = &fact.condition.when;
            let prices = if when.is_empty() { &mut normal } else { variants.entry(when.clone()).or_default() };
            let slot = prices.entry(key).or_default();
            match fact.condition.tier {
                None => slot.base = Some(price),
                Some(boundary) => {
                    slot.tiers.insert(boundary.first().saturating_sub(1), price);
                }
            }
            self.prices += 1;
        }
        self.normal.push((period, normal));
        self.variants.extend(variants.into_iter().map(|(when, prices)| (period, when, prices)));
    }

    /// Hours of every day, of the last period.
    fn add_hours(
        &mut self,
        fact: &Fact,
        key: &'static str,
        price: Decimal,
        is_last: bool,
        entry: &Entry,
        out: &mut Exported,
    ) {
        let groups = fact.condition.hours.as_ref().map(|week| week.by_days()).unwrap_or_default();
        let [(windows, days)] = groups.as_slice() else {
            return out.leave_out("prices by the day of the week", entry);
        };
        if !is_last || *days != [true; 7] {
            let what = if is_last { "prices by the day of the week" } else { "prices by the hour that have ended" };
            return out.leave_out(what, entry);
        }
        for window in windows {
            let at = self.hours.iter().position(|(known, _)| known == window).unwrap_or_else(|| {
                self.hours.push((*window, Prices::new()));
                self.hours.len() - 1
            });
            self.hours[at].1.entry(key).or_default().base = Some(price);
        }
        self.prices += 1;
    }

    /// A variant has no end: one that a later period lacks would hold in that period as well.
    fn drop_ended_variants(&mut self, card: &ModelCard, entry: &Entry, out: &mut Exported) {
        let periods: Vec<Period> = card.rate_cards.iter().map(|rates| rates.period).collect();
        let known: Vec<(Period, When, Vec<&'static str>)> = self
            .variants
            .iter()
            .map(|(period, when, prices)| (*period, when.clone(), prices.keys().copied().collect()))
            .collect();
        let has = |period: Period, when: &When, key: &&'static str| {
            known.iter().any(|(p, w, keys)| *p == period && w == when && keys.contains(key))
        };
        for (period, when, prices) in &mut self.variants {
            let before = prices.len();
            prices.retain(|key, _| {
                periods.iter().filter(|later| later.from > period.from).all(|later| has(*later, when, key))
            });
            if prices.len() < before {
                self.prices -= before - prices.len();
                out.leave_out("a condition that a later price lacks", entry);
            }
        }
        self.variants.retain(|(_, _, prices)| !prices.is_empty());
    }

    fn write(&self, fields: &mut JsonObject) {
        match (self.normal.as_slice(), self.hours.is_empty()) {
            ([(Period { from: None, .. }, prices)], true) => fields.json("prices", prices_json(prices, None)),
            _ => {
                let dated = self.normal.iter().map(|(period, prices)| set(*period, None, prices_json(prices, None)));
                let timed = self.hours.iter().map(|((from, to), prices)| {
                    let clock = |minute: u16| format!("{:02}:{:02}:00Z", minute / 60 % 24, minute % 60);
                    let mut hours = JsonObject::default();
                    hours.text("start_time", &clock(*from));
                    hours.text("end_time", &clock(*to));
                    format!("{{\"constraint\": {}, \"prices\": {}}}", hours.done(), prices_json(prices, None))
                });
                fields.json("prices", list(dated.chain(timed)));
            }
        }
        // The first of a condition that lists a price is the one, so that the latest stands first.
        let newest = self.variants.iter().rev().map(|(period, when, prices)| {
            let normal = self.normal.iter().find(|(p, _)| p == period).map(|(_, prices)| prices);
            set(*period, Some(when), prices_json(prices, normal))
        });
        let newest: Vec<String> = newest.collect();
        if !newest.is_empty() {
            fields.json("price_variants", list(newest));
        }
    }
}

fn keyed(fact: &Fact) -> Option<(&'static str, Decimal)> {
    let mut known = UNITS.iter().filter(|(_, meter, _)| *meter == fact.meter);
    known.find_map(|(key, _, quote)| Some((*key, quote.written(&fact.price)?)))
}

fn set(period: Period, when: Option<&When>, prices: String) -> String {
    let mut fields = JsonObject::default();
    if let Some(when) = when {
        let mut stated = JsonObject::default();
        when.iter().for_each(|(dimension, value)| stated.text(&dimension.to_string(), value));
        fields.json("when", stated.done());
    }
    if let Some(from) = period.from {
        fields.json("constraint", format!("{{\"start_date\": {}}}", quoted(&from.date().to_string())));
    }
    fields.json("prices", prices);
    fields.done()
}

/// Prices by key. A variant's price that has no tiers where the normal price has some says so, or it would hold in them.
fn prices_json(prices: &Prices, normal: Option<&Prices>) -> String {
    let mut fields = JsonObject::default();
    for (key, TieredPrice { base, tiers }) in prices {
        let is_tiered = !tiers.is_empty() || normal.and_then(|n| n.get(key)).is_some_and(|n| !n.tiers.is_empty());
        match base {
            Some(base) if !is_tiered => fields.price(key, *base),
            _ => {
                let mut tiered = JsonObject::default();
                base.iter().for_each(|base| tiered.price("base", *base));
                let items = tiers
                    .iter()
                    .map(|(start, price)| format!("{{\"start\": {start}, \"price\": {}}}", price.normalize()));
                tiered.json("tiers", list(items));
                fields.json(key, tiered.done());
            }
        }
    }
    fields.done()
}
