//! Turns prices into rate cards and back: [`rate_cards`] for a price file, [`facts_of`] to compare.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::draft::{says_something, settled};
use super::{Boundary, Condition, Fact, Week};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::money::Exact;
use crate::period::Period;
use crate::pricing::card::{Kind, Price, Rate, RateCard, Rates, Schedule, Source, Tier, Variant, rate_of};

/// The cards of a model, one for each period, oldest first.
#[must_use]
pub(crate) fn rate_cards(facts: &[Fact], source: &Arc<Source>) -> Vec<RateCard> {
    let mut periods: Vec<Period> = facts.iter().map(|f| f.period).collect();
    periods.sort_by_key(|p| (p.from, p.to));
    periods.dedup();
    let mut cards: Vec<RateCard> = periods.into_iter().map(|period| rate_card(facts, period, source)).collect();
    for i in 1..cards.len() {
        if is_jump(&cards[i - 1].rates, &cards[i].rates) {
            cards[i].note = Some("a large step, as the database has it".into());
        }
    }
    cards
}

fn rate_card(facts: &[Fact], period: Period, source: &Arc<Source>) -> RateCard {
    let mut card = RateCard {
        period,
        first_seen: None,
        start_source: None,
        source: Arc::clone(source),
        note: None,
        allow: Vec::new(),
        rates: Rates::new(),
        tiers: Vec::new(),
        variants: Vec::new(),
        schedule: Vec::new(),
    };
    for fact in facts.iter().filter(|f| f.period == period) {
        let rate = (fact.meter, Rate::Price(fact.price));
        let Condition { when, tier, hours } = &fact.condition;
        match (when.is_empty(), tier, hours) {
            (_, _, Some(hours)) => add_hours(&mut card.schedule, hours, &rate),
            (true, None, None) => card.rates.push(rate),
            (true, Some(boundary), None) => tier_at(&mut card.tiers, *boundary).push(rate),
            (false, None, None) => variant_of(&mut card.variants, when).rates.push(rate),
            (false, Some(boundary), None) => {
                tier_at(&mut variant_of(&mut card.variants, when).tiers, *boundary).push(rate)
            }
        }
    }
    in_order(&mut card);
    say_the_rest(&mut card);
    card
}

/// Every condition says what holds for a priced meter that the database has no rate for there.
fn say_the_rest(card: &mut RateCard) {
    let RateCard { rates: base, tiers, variants, .. } = card;
    complete_tiers(tiers, base);
    let in_tiers = tiers.iter().flat_map(|tier| &tier.rates).chain(base.iter()).map(|(meter, _)| *meter);
    let meters: std::collections::BTreeSet<Meter> = in_tiers.collect();
    for variant in variants {
        let open: Vec<Meter> = meters.iter().copied().filter(|m| rate_of(&variant.rates, *m).is_none()).collect();
        let said = open.into_iter().map(|meter| (meter, beside(meter, &variant.when)));
        variant.rates.extend(said);
        variant.rates.sort_by_key(|(meter, _)| *meter);
        for tier in tiers.iter() {
            if variant.tiers.iter().all(|own| own.threshold != tier.threshold) && tier_matters(tier, variant) {
                variant.tiers.push(Tier { rates: Rates::new(), ..tier.clone() });
            }
        }
        variant.tiers.sort_by_key(|tier| tier.threshold);
        complete_tiers(&mut variant.tiers, &variant.rates);
    }
}

/// Whether a tier of the base has another price for something that a variant has a price for.
fn tier_matters(tier: &Tier, variant: &Variant) -> bool {
    let is_priced = |rates: &Rates, meter: Meter| matches!(rate_of(rates, meter), Some(Rate::Price(_)));
    tier.rates.iter().any(|(meter, _)| is_priced(&tier.rates, *meter) && is_priced(&variant.rates, *meter))
}

/// Every tier says something of the meters that have a price below it.
fn complete_tiers(tiers: &mut [Tier], below: &Rates) {
    for tier in tiers {
        let priced = below.iter().filter(|(_, rate)| matches!(rate, Rate::Price(_))).map(|(meter, _)| *meter);
        let open: Vec<Meter> = priced.filter(|m| rate_of(&tier.rates, *m).is_none()).collect();
        tier.rates.extend(open.into_iter().map(|meter| (meter, beside(meter, &[]))));
        tier.rates.sort_by_key(|(meter, _)| *meter);
    }
}

/// What a tool is paid for by the call.
const TOOL_CALLS: &[Meter] = &[
    Meter::Requests,
    Meter::WebSearches,
    Meter::FileSearches,
    Meter::MapsQueries,
    Meter::XSearches,
    Meter::AttachmentSearches,
    Meter::CodeExecutions,
    Meter::CodeSessions,
];

/// What holds for a meter that a condition does not list: a fee of a tool is the same in every queue and at every length of
/// a prompt, and the size of an image says nothing about text. Anything else is not known.
fn beside(meter: Meter, when: &[(Dimension, String)]) -> Rate {
    let is_fee = TOOL_CALLS.contains(&meter);
    let is_queue = |d: Dimension| matches!(d, Dimension::Processing | Dimension::ServiceTier | Dimension::Speed);
    let is_untouched = |d: &Dimension| !d.concerns(meter) || (is_fee && is_queue(*d));
    if when.iter().all(|(d, _)| is_untouched(d)) && (is_fee || !when.is_empty()) {
        Rate::Inherit
    } else {
        Rate::Refuse(None)
    }
}

fn variant_of<'c>(variants: &'c mut Vec<Variant>, when: &[(Dimension, String)]) -> &'c mut Variant {
    let at = variants.iter().position(|v| v.when == when).unwrap_or_else(|| {
        variants.push(Variant { when: when.to_vec(), rates: Rates::new(), tiers: Vec::new() });
        variants.len() - 1
    });
    &mut variants[at]
}

fn tier_at(tiers: &mut Vec<Tier>, Boundary { threshold, inclusive }: Boundary) -> &mut Rates {
    let at = tiers.iter().position(|t| t.threshold == threshold).unwrap_or_else(|| {
        tiers.push(Tier { threshold, inclusive, rates: Rates::new() });
        tiers.len() - 1
    });
    &mut tiers[at].rates
}

fn add_hours(schedule: &mut Vec<Schedule>, hours: &Week, rate: &(Meter, Rate)) {
    for (windows, weekdays) in hours.by_days() {
        let at = schedule.iter().position(|s| s.windows == windows && s.weekdays == weekdays).unwrap_or_else(|| {
            let (period, factor, meters) = (Period::default(), None, Vec::new());
            let (zone_minutes, except, rates) = (0, Vec::new(), Rates::new());
            schedule.push(Schedule { windows, zone_minutes, weekdays, except, period, factor, meters, rates });
            schedule.len() - 1
        });
        schedule[at].rates.push(rate.clone());
    }
}

fn in_order(card: &mut RateCard) {
    let by_meter = |rates: &mut Rates| rates.sort_by_key(|(meter, _)| *meter);
    let tiers_in_order = |tiers: &mut Vec<Tier>| {
        tiers.sort_by_key(|t| t.threshold);
        tiers.iter_mut().for_each(|t| by_meter(&mut t.rates));
    };
    by_meter(&mut card.rates);
    tiers_in_order(&mut card.tiers);
    for variant in &mut card.variants {
        by_meter(&mut variant.rates);
        tiers_in_order(&mut variant.tiers);
    }
    card.schedule.iter_mut().for_each(|s| by_meter(&mut s.rates));
}

/// Whether some rate fell or rose by more than nine tenths: what `lint` wants a note for.
fn is_jump(before: &Rates, after: &Rates) -> bool {
    before.iter().any(|(meter, rate)| match (rate, rate_of(after, *meter)) {
        (Rate::Price(old), Some(Rate::Price(new))) => more_than_ninety_percent(old, new),
        _ => false,
    })
}

/// Whether one price is less than a tenth of the other.
pub(in crate::pricing) fn more_than_ninety_percent(old: &Price, new: &Price) -> bool {
    let Some((old, new)) = on_the_same_scale(old, new) else { return false };
    let (small, large) = (old.min(new), old.max(new));
    small.checked_mul(Decimal::TEN).is_some_and(|tenfold| tenfold < large)
}

/// Two prices as if they were for the same quantity.
pub(in crate::pricing) fn on_the_same_scale(one: &Price, other: &Price) -> Option<(Decimal, Decimal)> {
    if one.per == other.per {
        return Some((one.usd.0, other.usd.0));
    }
    Some((one.usd.0.checked_mul(other.per.into())?, other.usd.0.checked_mul(one.per.into())?))
}

/// The prices of a card, each with its condition, for a model of a kind.
///
/// Meters that bill as another and meters that are not sold have no price of their own and are not listed.
pub(in crate::pricing) fn facts_of(card: &RateCard, kind: Kind) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |rates: &Rates, condition: &Condition| {
        for (meter, rate) in rates {
            if let Rate::Price(price) = rate {
                facts.push(Fact { meter: *meter, condition: condition.clone(), period: card.period, price: *price });
            }
        }
    };
    let beyond = |tier: &Tier, condition: &Condition| {
        condition.clone().beyond(Boundary { threshold: tier.threshold, inclusive: tier.inclusive })
    };
    let always = Condition::default();
    add(&card.rates, &always);
    card.tiers.iter().for_each(|tier| add(&tier.rates, &beyond(tier, &always)));
    for variant in &card.variants {
        let mut condition = Condition { when: variant.when.clone(), ..Condition::default() };
        condition.when.sort();
        add(&variant.rates, &condition);
        variant.tiers.iter().for_each(|tier| add(&tier.rates, &beyond(tier, &condition)));
    }
    for schedule in &card.schedule {
        add(&scheduled_rates(card, schedule), &Condition::default().at(Week::of(schedule)));
    }
    facts.retain(|fact| says_something(fact, kind));
    settled(facts)
}

/// The rates at the hours of a schedule, those of a factor worked out.
fn scheduled_rates(card: &RateCard, schedule: &Schedule) -> Rates {
    let Some(Exact(factor)) = schedule.factor else { return schedule.rates.clone() };
    let moved =
        |meter: Meter| if schedule.meters.is_empty() { meter.is_tokens() } else { schedule.meters.contains(&meter) };
    let multiplied = card.rates.iter().filter(|(meter, _)| moved(*meter)).filter_map(|(meter, rate)| match rate {
        Rate::Price(price) => {
            let usd = price.usd.0.checked_mul(factor)?.normalize();
            Some((*meter, Rate::Price(Price { usd: Exact(usd), ..*price })))
        }
        _ => None,
    });
    multiplied.collect()
}
