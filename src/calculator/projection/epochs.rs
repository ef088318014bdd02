//! The days of a plan, and between which of them no rate changes.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::ranges::{Ranges, grown, ranges};
use super::{Epoch, PlanEvent, Slot};
use crate::calculator::Refusal;
use crate::calculator::calendar::{Month, days};
use crate::calculator::spans::Span;
use crate::calculator::tariff::{Uses, tariff};
use crate::calculator::workload::{Discount, Feature, Per, Workload, instant_of, instant_within};
use crate::context::{Context, Dimension};
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::card::{ModelCard, Multiplier, ProviderHead, RateCard};

/// A moment of a day with calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallDay {
    pub at: Instant,
    day: Date,
    slot: usize,
    /// How many times the usual calls of a day.
    weight: Decimal,
}

/// The days of a feature's calls.
#[derive(Clone, Debug)]
pub(super) struct CallDays {
    /// In order; none without calls.
    days: Vec<CallDay>,
    /// Days that are priced together.
    pub slots: Vec<Slot>,
    /// How many usual days the calls are given for, by month.
    pub units: Vec<Decimal>,
    /// What the calls are multiplied with, by how many months they have grown: low, mean and high.
    pub grown: [Vec<Decimal>; 3],
    /// The moment of the plan's first day, at which a feature without calls is priced.
    start: Instant,
}

impl CallDays {
    /// Every moment with calls: its day, its slot and how many times the usual calls it has.
    pub(super) fn by_day(&self) -> impl Iterator<Item = (Date, usize, Decimal)> {
        self.days.iter().map(|day| (day.day, day.slot, day.weight))
    }
}

/// A feature with the days of its calls, which are the same on every model.
pub(super) struct DatedFeature {
    pub feature: Arc<Feature>,
    pub ranges: Ranges,
    pub months: Arc<[Month]>,
    pub spans: Arc<[Span]>,
    pub calls: Arc<CallDays>,
    /// What providers take off their list prices.
    pub discounts: Arc<[Discount]>,
}

impl DatedFeature {
    pub(crate) fn of(
        feature: &Arc<Feature>,
        months: &Arc<[Month]>,
        spans: &Arc<[Span]>,
        workload: &Workload,
    ) -> DatedFeature {
        let pools = workload.free.iter().filter(|pool| pool.features.contains(&feature.name));
        let limits: Vec<Per> =
            feature.free.iter().chain(pools.flat_map(|pool| &pool.limits)).map(|free| free.per).collect();
        let start = workload.start;
        let calendar = &feature.calendar;
        let unit = |month: &Month| match feature.calls.per {
            Per::Day | Per::Once => Decimal::ONE,
            Per::Week => calendar.days_a_week(),
            Per::Month => month.days().map(|day| calendar.of_weekday(day)).sum(),
        };
        let mut slots: Vec<Slot> = Vec::new();
        let mut places = HashMap::new();
        let mut call_days = Vec::new();
        let moments = calendar.moments(feature.minute);
        for (index, span) in spans.iter().enumerate() {
            for day in days(span.first, span.end) {
                let weight = calendar.factor(day);
                if weight.is_zero() {
                    continue;
                }
                // Days with a quantity that is free of their own are together where they are alike, those that use up what
                // is free in a month one after the other.
                let class = match limits.iter().max_by_key(|per| **per != Per::Day) {
                    None => (None, None),
                    Some(Per::Day) => (Some(weight.normalize()), None),
                    Some(_) => (None, Some(day)),
                };
                let slot = *places.entry((index, class)).or_insert(slots.len());
                if slot == slots.len() {
                    slots.push(Slot { span: index, month: span.month, days: 0, weight: Decimal::ZERO });
                }
                slots[slot].days += 1;
                slots[slot].weight += weight;
                for (minute, share) in &moments {
                    let at = instant_within(day, *minute);
                    call_days.push(CallDay { at, day, slot, weight: weight * share });
                }
            }
        }
        let units = months.iter().map(unit).collect();
        let start = instant_of(start, feature.minute);
        let grown = grown(feature, u32::try_from(months.len()).unwrap_or(0));
        let calls = Arc::new(CallDays { days: call_days, slots, units, grown, start });
        let discounts = workload.discounts.clone().into();
        DatedFeature {
            feature: feature.clone(),
            ranges: ranges(feature),
            months: months.clone(),
            spans: spans.clone(),
            calls,
            discounts,
        }
    }

    /// The share of the list prices of a provider that is paid in each span, all of whose days are alike.
    pub(super) fn paid(&self, provider: &str) -> Vec<Decimal> {
        self.spans.iter().map(|span| self.paid_on(provider, span.first)).collect()
    }

    /// The share that is paid on a day: discounts are taken off one after the other.
    pub(super) fn paid_on(&self, provider: &str, day: Date) -> Decimal {
        self.discounts.iter().fold(Decimal::ONE, |product, d| product * d.paid(provider, day)).normalize()
    }

    /// In order; none without calls.
    pub(super) fn days(&self) -> &[CallDay] {
        &self.calls.days
    }

    /// The moment of the plan's first day.
    pub(super) fn start(&self) -> Instant {
        self.calls.start
    }

    /// The rates over the days, and which prices change and which models retire while there are calls.
    ///
    /// # Errors
    /// The [`Refusal`] of the first kind of token that has no price.
    pub(crate) fn rates(
        &self,
        found: &Found,
        context: &Context,
        uses: Uses,
        also: &[Meter],
        batch: Decimal,
    ) -> Result<(Vec<Epoch>, Vec<PlanEvent>), Refusal> {
        let epochs = self.epochs(found, context, uses, also, batch)?;
        let events = events(found, &epochs, self.days());
        Ok((epochs, events))
    }

    fn weights(&self) -> Vec<Decimal> {
        self.calls.slots.iter().map(|slot| slot.weight).collect()
    }

    /// The rates over the days, one epoch for each time that nothing changes.
    fn epochs(
        &self,
        found: &Found,
        context: &Context,
        uses: Uses,
        also: &[Meter],
        batch: Decimal,
    ) -> Result<Vec<Epoch>, Refusal> {
        let days = self.days();
        let ask = |context: &Context, at| tariff(found, context, uses, also, at);
        let epoch = |at, weights| -> Result<Option<Epoch>, Refusal> {
            let single = if batch < Decimal::ONE { Some(ask(context, at)?) } else { None };
            let batched = context.clone().with(Dimension::Processing, "batch");
            let batch = if batch > Decimal::ZERO { Some(ask(&batched, at)?) } else { None };
            // Where everything goes in batches, nothing is ever priced at the single rates.
            let single = single.or_else(|| batch.clone());
            Ok(single.map(|single| Epoch { at, single, batch, weights }))
        };
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            let at = priced_at(&found.model, self.start());
            return Ok(epoch(at, self.weights())?.into_iter().collect());
        };
        if is_steady(&found.provider, &found.model, first.at, last.at) {
            return Ok(epoch(first.at, self.weights())?.into_iter().collect());
        }
        let mut epochs: Vec<(EpochKey, Epoch)> = Vec::new();
        // A plan has a thousand days, and names of models are slow to compare.
        let dated: Vec<&Multiplier> = dated(&found.provider, &found.model).collect();
        for day in days {
            let at = priced_at(&found.model, day.at);
            let key = epoch_key(&dated, &found.model, at);
            let index = match epochs.iter().position(|(k, _)| *k == key) {
                Some(index) => index,
                None => {
                    let Some(epoch) = epoch(at, vec![Decimal::ZERO; self.calls.slots.len()])? else { continue };
                    epochs.push((key, epoch));
                    epochs.len() - 1
                }
            };
            if let Some(weight) = epochs[index].1.weights.get_mut(day.slot) {
                *weight += day.weight;
            }
        }
        Ok(epochs.into_iter().map(|(_, epoch)| epoch).collect())
    }
}

/// Whether one card holds from a moment to another, with nothing in it that depends on the time.
fn is_steady(head: &ProviderHead, model: &ModelCard, first: Instant, last: Instant) -> bool {
    let holding = |at| model.rate_cards.iter().rposition(|card| card.period.contains(at));
    let Some(period) = holding(first) else { return false };
    let between = |card: &RateCard| card.period.from.is_none_or(|from| from <= first || last < from);
    holding(last) == Some(period)
        && model.rate_cards.iter().all(between)
        && model.rate_cards.get(period).is_some_and(|card| card.schedule.is_empty())
        && dated(head, model).next().is_none()
}

/// The factors on a model that do not hold for ever.
fn dated<'h>(head: &'h ProviderHead, model: &ModelCard) -> impl Iterator<Item = &'h Multiplier> {
    let is_dated = |m: &&Multiplier| m.period.from.is_some() || m.period.to.is_some();
    head.multipliers.iter().filter(is_dated).filter(|m| m.concerns(&model.id))
}

/// What decides which rates hold: the period, the time window, and the factors in force.
#[derive(PartialEq, Eq)]
struct EpochKey(usize, usize, Vec<bool>);

/// * `dated`: the factors on the model that do not hold for ever.
fn epoch_key(dated: &[&Multiplier], model: &ModelCard, at: Instant) -> EpochKey {
    let period = model.rate_cards.iter().rposition(|card| card.period.contains(at)).unwrap_or(usize::MAX);
    let schedule = model.rate_cards.get(period).map_or(&[][..], |card| &card.schedule);
    let window = schedule.iter().position(|s| s.holds(at)).unwrap_or(usize::MAX);
    EpochKey(period, window, dated.iter().map(|m| m.period.contains(at)).collect())
}

/// The moment that a day is priced at: a model whose rates have ended goes on at its last ones, which an event says.
pub(super) fn priced_at(model: &ModelCard, at: Instant) -> Instant {
    if model.rates_at(at).is_some() {
        return at;
    }
    let ended = model.rate_cards.iter().filter_map(|card| card.period.to).filter(|to| *to <= at).max();
    ended.map_or(at, |to| Instant::from_unix(to.unix().saturating_sub(1)))
}

/// Prices that change and models that retire while there are calls.
fn events(found: &Found, epochs: &[Epoch], days: &[CallDay]) -> Vec<PlanEvent> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
    let id = found.full_id();
    let mut list = Vec::new();
    for epoch in epochs {
        if let Some(from) = epoch.single.period.from.filter(|from| first.at < *from) {
            let text = format!("the price of {id} changes on {from}; the plan applies it from that day on");
            let event = PlanEvent { kind: "price-change", model: id.clone(), at: Some(from), text };
            if !list.contains(&event) {
                list.push(event);
            }
        }
    }
    if let Some(since) = epochs.iter().find_map(|epoch| epoch.single.assumed) {
        let text = format!("the price of {id} is assumed before {since}, when the first evidence of it is from");
        list.push(PlanEvent { kind: "assumed-price", model: id.clone(), at: Some(since), text });
    }
    if let Some(day) = found.retired().filter(|day| *day <= last.at) {
        let (id, replacement) = (found.ending_id(), found.model.info.replacement.as_ref());
        let instead =
            replacement.map_or_else(|| "it names no replacement".into(), |r| format!("its replacement is {r}"));
        let text = format!("{id} retires on {day}: later days are planned at its last rates; {instead}");
        list.push(PlanEvent { kind: "retires", model: id, at: Some(day), text });
    }
    list
}
