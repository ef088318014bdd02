//! What happens to a model in a span of time: prices that change, a name that moves, the end of the model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::super::rates::change_text;
use crate::context::conditions;
use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::card::{ModelCard, Multiplier, ProviderHead, RateCard, Schedule};
use crate::pricing::diff;
use crate::pricing::{Found, PriceTable, UnknownModel};

/// One thing about the prices of a model that is other than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WatchedChange {
    /// What must hold of a request; empty for one that states nothing.
    pub when: String,
    /// What is billed; null where it is a factor on every token meter.
    pub meter: Option<Meter>,
    /// The rate or the factor before.
    pub old: Option<String>,
    /// The rate or the factor from then on.
    pub new: Option<String>,
}

/// What kind of thing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WatchedKind {
    /// Prices change.
    Price,
    /// The name means another model from then on.
    Moves,
    /// The model no longer answers.
    Retires,
}

/// Something that happens to a model.
#[derive(Clone, Debug)]
pub(super) struct WatchedEvent {
    pub at: Instant,
    /// The moment whose prices hold from then on: that of the event, but for what an older table has otherwise.
    pub holds: Instant,
    /// Since when there is evidence of the price before it, where that is assumed.
    pub old_assumed_before: Option<Instant>,
    /// The same of the price from then on.
    pub new_assumed_before: Option<Instant>,
    pub kind: WatchedKind,
    /// The model, as `provider/model`.
    pub model: String,
    pub changes: Vec<WatchedChange>,
    /// What to use in its place, or what the name means from then on.
    pub instead: Option<String>,
    /// Where it was read.
    pub source: Option<String>,
}

/// What happens to a card in a span, the earliest first; what comes after its end is left out.
pub(super) fn of_card(table: &PriceTable, found: &Found, span: Period) -> Vec<WatchedEvent> {
    let (head, card) = (&found.provider, &found.model);
    let mut moments: Vec<Instant> = card.rate_cards.iter().flat_map(starts_in).collect();
    moments.extend(concerning(head, card).flat_map(|m| ends(m.period)));
    moments.retain(|at| span.contains(*at));
    moments.sort_unstable();
    moments.dedup();
    // A price is in the bill since the change before it, or since the beginning of the span.
    let begin = span.from.map_or(Instant::from_unix(0), just_before);
    let since = |i: usize| i.checked_sub(1).and_then(|i| moments.get(i)).copied().unwrap_or(begin);
    let mut events: Vec<WatchedEvent> =
        moments.iter().enumerate().filter_map(|(i, at)| price_event(found, *at, since(i))).collect();
    if let Some(at) = found.retired().filter(|at| span.contains(*at)) {
        events.retain(|event| event.at < at);
        let instead = replacement(table, found, at);
        let source = card.rates_at(just_before(at)).map(|rates| rates.source.url.clone());
        let last = events.last().map_or(begin, |event| event.at);
        let by = instead.as_deref().and_then(|id| table.get(id, at));
        events.push(WatchedEvent {
            at,
            holds: at,
            old_assumed_before: assumed(found, last),
            new_assumed_before: by.and_then(|by| assumed(&by, at)),
            kind: WatchedKind::Retires,
            model: found.ending_id(),
            changes: Vec::new(),
            instead,
            source,
        });
    }
    events
}

/// Since when there is evidence of the price of a moment, where it is assumed.
pub(super) fn assumed(found: &Found, at: Instant) -> Option<Instant> {
    found.model.rates_at(at).and_then(|rates| rates.assumed_before(at))
}

/// What is other in the table than in an older one, both as of a moment. `None` where nothing is, or one has no price.
pub(super) fn between(older: &Found, found: &Found, at: Instant, table: &PriceTable) -> Option<WatchedEvent> {
    let (old, new) = (older.model.rates_at(at)?, found.model.rates_at(at)?);
    // The day on which the price began; a price without one is new since the table.
    let began = new.period.from.filter(|from| *from <= at);
    let event = WatchedEvent {
        at: began.or(table.day()).unwrap_or(at).min(at),
        holds: at,
        old_assumed_before: old.assumed_before(at),
        new_assumed_before: new.assumed_before(at),
        kind: WatchedKind::Price,
        model: found.full_id(),
        changes: Vec::new(),
        instead: None,
        source: Some(new.source.url.clone()),
    };
    if older.full_id() != found.full_id() {
        let (model, instead) = (older.full_id(), Some(found.full_id()));
        return Some(WatchedEvent { kind: WatchedKind::Moves, model, instead, source: None, ..event });
    }
    let mut changes: Vec<WatchedChange> = diff::changes(old, new).iter().map(of_rates).collect();
    changes.extend(of_hours((old, at), (new, at)));
    changes.extend(differing_factors(older, found, at));
    (!changes.is_empty()).then_some(WatchedEvent { changes, ..event })
}

/// The factors on a model at a moment that two tables have otherwise.
fn differing_factors(older: &Found, found: &Found, at: Instant) -> Vec<WatchedChange> {
    type Factors = BTreeMap<(String, Option<Meter>), String>;
    let factors = |found: &Found| -> Factors {
        let holding = concerning(&found.provider, &found.model).filter(|factor| factor.period.contains(at));
        let one = |factor: &Multiplier| {
            let meters: Vec<Option<Meter>> = match factor.meters.is_empty() {
                true => vec![None],
                false => factor.meters.iter().copied().map(Some).collect(),
            };
            let (when, text) = (conditions(&factor.when), format!("× {}", factor.factor));
            meters.into_iter().map(move |meter| ((when.clone(), meter), text.clone()))
        };
        holding.flat_map(one).collect()
    };
    let (before, after) = (factors(older), factors(found));
    let keys: BTreeSet<&(String, Option<Meter>)> = before.keys().chain(after.keys()).collect();
    let change = |key: &(String, Option<Meter>)| {
        let (old, new) = (before.get(key).cloned(), after.get(key).cloned());
        WatchedChange { when: key.0.clone(), meter: key.1, old, new }
    };
    keys.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

/// The replacement that the provider names, by its full id if the table has it.
pub(super) fn replacement(table: &PriceTable, found: &Found, at: Instant) -> Option<String> {
    let named = found.model.info.replacement.as_ref()?;
    let at_provider = table.find_in(&found.provider.id, named, at).ok();
    let known = at_provider.or_else(|| table.get(named, at));
    Some(known.map_or_else(|| named.clone(), |known| known.full_id()))
}

/// A sentence about a model that was retired before the span begins.
pub(super) fn gone(table: &PriceTable, found: &Found, begin: Instant) -> Option<String> {
    let day = found.retired().filter(|day| *day < begin)?;
    let instead = match replacement(table, found, day) {
        Some(id) => format!("its replacement is {id}"),
        None => "no replacement is named, `farebox models` lists other models".to_owned(),
    };
    Some(format!("{} was retired on {day}; {instead}.", found.ending_id()))
}

/// The moment before a moment.
pub(super) fn just_before(at: Instant) -> Instant {
    Instant::from_unix(at.unix().saturating_sub(1))
}

/// The moments at which a period of prices, or hours within it, begin or end.
fn starts_in(card: &RateCard) -> Vec<Instant> {
    let hours = card.schedule.iter().flat_map(|schedule| ends(schedule.period));
    let hours = hours.filter(|at| card.period.contains(*at));
    card.period.from.into_iter().chain(hours).collect()
}

fn ends(period: Period) -> impl Iterator<Item = Instant> {
    period.from.into_iter().chain(period.to)
}

fn concerning<'h>(head: &'h ProviderHead, card: &'h ModelCard) -> impl Iterator<Item = &'h Multiplier> {
    head.multipliers.iter().filter(|multiplier| multiplier.concerns(&card.id))
}

/// What changes at a moment; `None` where nothing was charged before, or everything is as it was.
fn price_event(found: &Found, at: Instant, since: Instant) -> Option<WatchedEvent> {
    let (head, card) = (&found.provider, &found.model);
    let (old, new) = (card.rates_at(just_before(at))?, card.rates_at(at)?);
    let mut changes: Vec<WatchedChange> = diff::changes(old, new).iter().map(of_rates).collect();
    changes.extend(of_hours((old, just_before(at)), (new, at)));
    let factors = concerning(head, card).filter(|m| ends(m.period).any(|end| end == at));
    for change in factors.flat_map(|factor| of_factor(factor, at)) {
        add_factor(&mut changes, change);
    }
    let source = Some(new.source.url.clone());
    let event = WatchedEvent {
        at,
        holds: at,
        old_assumed_before: old.assumed_before(since),
        new_assumed_before: new.assumed_before(at),
        kind: WatchedKind::Price,
        model: found.full_id(),
        changes,
        instead: None,
        source,
    };
    (!event.changes.is_empty()).then_some(event)
}

fn of_rates(change: &diff::Change) -> WatchedChange {
    WatchedChange {
        when: change.condition.clone(),
        meter: Some(change.meter),
        old: change_text(change.old.as_ref()),
        new: change_text(change.new.as_ref()),
    }
}

/// Factors by the time of day that are other at one moment than at another.
fn of_hours((old, before): (&RateCard, Instant), (new, at): (&RateCard, Instant)) -> Vec<WatchedChange> {
    let factors = |card: &RateCard, at: Instant| -> Vec<(String, String)> {
        let holding = card.schedule.iter().filter(|schedule| schedule.period.contains(at));
        holding.filter_map(|schedule| Some((hours_text(schedule), format!("× {}", schedule.factor?)))).collect()
    };
    let (before, after) = (factors(old, before), factors(new, at));
    let text = |all: &[(String, String)], hours: &String| all.iter().find(|(h, _)| h == hours).map(|(_, f)| f.clone());
    let mut hours: Vec<&String> = before.iter().chain(&after).map(|(hours, _)| hours).collect();
    hours.sort();
    hours.dedup();
    let change = |when: &String| (when.clone(), text(&before, when), text(&after, when));
    let changed = hours.into_iter().map(change).filter(|(_, old, new)| old != new);
    changed.map(|(when, old, new)| WatchedChange { when, meter: None, old, new }).collect()
}

fn hours_text(schedule: &Schedule) -> String {
    Schedule { period: Period::default(), ..schedule.clone() }.to_string()
}

/// A factor that ends where another one for the same requests begins is one change.
fn add_factor(changes: &mut Vec<WatchedChange>, factor: WatchedChange) {
    let is_other_side = |known: &&mut WatchedChange| {
        let is_same = known.when == factor.when && known.meter == factor.meter;
        is_same && known.old.is_some() != factor.old.is_some() && known.new.is_some() != factor.new.is_some()
    };
    match changes.iter_mut().find(is_other_side) {
        Some(known) => {
            known.old = known.old.take().or(factor.old);
            known.new = known.new.take().or(factor.new);
        }
        None => changes.push(factor),
    }
}

fn of_factor(factor: &Multiplier, at: Instant) -> Vec<WatchedChange> {
    let text = Some(format!("× {}", factor.factor));
    let (old, new) = if factor.period.from == Some(at) { (None, text) } else { (text, None) };
    let when = conditions(&factor.when);
    let meters: Vec<Option<Meter>> = match factor.meters.is_empty() {
        true => vec![None],
        false => factor.meters.iter().copied().map(Some).collect(),
    };
    let change = |meter| WatchedChange { when: when.clone(), meter, old: old.clone(), new: new.clone() };
    meters.into_iter().map(change).collect()
}

/// What happens to what a name means in a span: a name may mean one card and later another.
pub(super) fn of_name(table: &PriceTable, name: &str, span: Period) -> Result<Vec<WatchedEvent>, UnknownModel> {
    let mut events = Vec::new();
    let mut begin = span.from.map_or(Instant::from_unix(0), just_before);
    let mut found = table.find(name, begin)?;
    // A name moves a few times at most; a table in which it goes in circles does not hold anybody up.
    for _ in 0..100 {
        let until = found.holds.to.filter(|to| *to > begin && span.contains(*to));
        events.extend(of_card(table, &found, Period { from: Some(begin), to: until.or(span.to) }));
        let retires = events.last().is_some_and(|event: &WatchedEvent| event.kind == WatchedKind::Retires);
        let Some(at) = until.filter(|_| !retires) else { break };
        let Ok(next) = table.find(name, at) else { break };
        if next.full_id() != found.full_id() {
            let (model, instead) = (found.full_id(), Some(next.full_id()));
            events.push(WatchedEvent {
                at,
                holds: at,
                old_assumed_before: assumed(&found, begin),
                new_assumed_before: assumed(&next, at),
                kind: WatchedKind::Moves,
                model,
                changes: Vec::new(),
                instead,
                source: None,
            });
        }
        (begin, found) = (at, next);
    }
    Ok(events)
}

/// A model with the prices of one moment on every day: the same usage costs what it did at that moment.
///
/// Before its first price a model has that one, after its last one the last.
pub(super) fn frozen(found: &Found, at: Instant) -> Found {
    let card = &found.model;
    let ended = || card.rate_cards.iter().rev().find(|rates| rates.period.to.is_some_and(|to| to <= at));
    let rates = card.rates_at(at).or_else(ended).or(card.rate_cards.first());
    let rate_cards = rates.map(|rates| RateCard {
        period: Period::default(),
        schedule: rates.schedule.iter().filter(|s| s.period.contains(at)).map(undated).collect(),
        ..rates.clone()
    });
    let mut model = ModelCard { rate_cards: rate_cards.into_iter().collect(), ..ModelCard::clone(card) };
    (model.info.retired, model.info.last_listed) = (None, None);
    model.aliases.iter_mut().for_each(|alias| alias.retired = None);
    let multipliers = found.provider.multipliers.iter().filter(|m| m.period.contains(at));
    let multipliers = multipliers.map(|m| Multiplier { period: Period::default(), ..m.clone() }).collect();
    let provider = ProviderHead { multipliers, ..ProviderHead::clone(&found.provider) };
    Found {
        provider: Arc::new(provider),
        model: Arc::new(model),
        holds: Period::default(),
        snapshot: None,
        ..found.clone()
    }
}

fn undated(schedule: &Schedule) -> Schedule {
    Schedule { period: Period::default(), ..schedule.clone() }
}
