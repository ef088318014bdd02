//! What would make a plan cheaper: [`levers`], each of them planned again and compared, none guessed.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::projection::{FeaturePlan, Plan, Point, Resolver, Stream, plan};
use super::shape::At;
use super::simulate::float;
use super::workload::{Cache, Feature, History, Route, Workload};
use crate::meter::Meter;
use crate::money::Usd;
use crate::pricing::Found;
use crate::range::Range;

/// One change, and what it saves over the whole plan.
#[derive(Clone, Debug)]
pub struct Lever {
    /// The feature that changes.
    pub feature: String,
    /// Stable name: `cache`, `batch`, `smaller-model`, `shorter-history`, `output-cap`.
    pub kind: &'static str,
    /// What to do, for people.
    pub what: String,
    /// What it takes, for people.
    pub provided: String,
    /// Saved at the expected cost, before credits and tax.
    pub saving: Usd,
}

/// The stream of a feature that runs on one model alone, which another may take the place of.
#[must_use]
pub(crate) fn on_one_model(feature: &FeaturePlan) -> Option<&Stream> {
    match (feature.feature.routes.as_slice(), &feature.feature.tuning) {
        ([_], None) => feature.streams.first(),
        _ => None,
    }
}

/// Tries every lever on every feature, the largest saving first.
///
/// * `smaller`: by feature, the models to try instead of its one model.
#[must_use]
pub fn levers(base: &Plan, resolver: &mut dyn Resolver, smaller: &[Vec<Found>]) -> Vec<Lever> {
    let own = |feature: &FeaturePlan| {
        let costs = feature.costs(&base.months, &Point::all(At::Expected)).ok()?;
        Some(costs.iter().flatten().copied().sum())
    };
    let Some(costs) = base.features.iter().map(own).collect::<Option<Vec<Usd>>>() else { return Vec::new() };
    let cost = costs.iter().copied().sum();
    let mut trials = LeverTrials { base: &base.workload, costs, cost, resolver, found: Vec::new() };
    for (index, feature) in base.features.iter().enumerate() {
        let plain = &feature.feature;
        trials.cache(index, plain, feature.streams.first().map(|s| &s.found));
        trials.batch(index, plain);
        trials.history(index, plain);
        trials.cap(index, plain);
        if let (Some(stream), Some(models)) = (on_one_model(feature), smaller.get(index)) {
            trials.smaller(index, &stream.found, models);
        }
    }
    trials.found.sort_by_key(|lever| std::cmp::Reverse(lever.saving));
    trials.found
}

/// What the levers are tried on.
struct LeverTrials<'b> {
    base: &'b Workload,
    /// What each feature costs.
    costs: Vec<Usd>,
    /// What all of them cost.
    cost: Usd,
    resolver: &'b mut dyn Resolver,
    found: Vec<Lever>,
}

impl LeverTrials<'_> {
    /// What the plan costs with one feature changed; nothing where it then has no price.
    fn saving(&mut self, index: usize, change: impl FnOnce(&mut Feature)) -> Option<Usd> {
        let mut changed = self.base.clone();
        change(Arc::make_mut(changed.features.get_mut(index)?));
        let cost = plan(&changed, self.resolver, None).ok()?.usage_at(&Point::all(At::Expected)).ok()?;
        (cost < self.cost).then(|| super::settled::minus(self.cost, cost))
    }

    fn take(&mut self, index: usize, kind: &'static str, what: String, provided: String, saving: Option<Usd>) {
        if let (Some(saving), Some(feature)) = (saving, self.base.features.get(index)) {
            self.found.push(Lever { feature: feature.name.clone(), kind, what, provided, saving });
        }
    }

    fn cache(&mut self, index: usize, feature: &Feature, found: Option<&Found>) {
        let talks = feature.turns.expected > Decimal::ONE || feature.steps.count.expected > Decimal::ONE;
        let done = feature.cache.is_some_and(|c| c.system && c.tools && (c.history || !talks));
        let lists = found.is_some_and(|f| f.model.rate_cards.last().is_some_and(|card| card.lists(Meter::CacheRead)));
        if done || !lists {
            return;
        }
        let hit = feature.cache.map_or_else(|| Range::exactly(hit_rate(feature)), |c| c.hit_rate);
        let cache = Cache {
            system: true,
            tools: true,
            history: talks,
            hit_rate: hit,
            write: feature.cache.map_or(Meter::CacheWrite5m, |c| c.write),
            minimum: feature.cache.and_then(|c| c.minimum),
        };
        let saving = self.saving(index, |f| f.cache = Some(cache));
        let parts = if talks { "the instructions and the conversation" } else { "the instructions" };
        let percent = (hit.expected * Decimal::from(100)).round_dp(1).normalize();
        let provided =
            format!("found in the cache {percent}% of the time, as calls that come at random within five minutes are");
        self.take(index, "cache", format!("cache {parts}"), provided, saving);
    }

    fn batch(&mut self, index: usize, feature: &Feature) {
        let one_request = feature.turns.high == Decimal::ONE && feature.steps.count.high == Decimal::ONE;
        if feature.batch == Decimal::ONE || !one_request {
            return;
        }
        let saving = self.saving(index, |f| f.batch = Decimal::ONE);
        self.take(index, "batch", "send it in batches".into(), "answers may take up to a day".into(), saving);
    }

    fn history(&mut self, index: usize, feature: &Feature) {
        if feature.turns.expected < Decimal::from(4) || feature.history.turns() <= 2 {
            return;
        }
        let saving = self.saving(index, |f| f.history = History::Last(2));
        let provided = "earlier turns may be forgotten, or summed up in a line".into();
        self.take(index, "shorter-history", "send the last 2 turns again rather than more".into(), provided, saving);
    }

    fn cap(&mut self, index: usize, feature: &Feature) {
        let output = feature.output;
        if !output.is_range() || output.expected.is_zero() {
            return;
        }
        // The mean of the answers where all above the old mean are cut off there: the left ramp stays as it is.
        let left = (output.high - output.expected) / (output.high - output.low);
        let capped = output.expected - left * (output.expected - output.low) / Decimal::from(3);
        let range = Range { low: output.low, expected: capped.round_dp(6), high: output.expected };
        let saving = self.saving(index, |f| f.output = range);
        let what = format!("cap answers at {} tokens", output.expected.round_dp(0).normalize());
        self.take(index, "output-cap", what, "longer answers may be cut off".into(), saving);
    }

    fn smaller(&mut self, index: usize, own: &Found, candidates: &[Found]) {
        let (Some(feature), Some(own_cost)) = (self.base.features.get(index), self.costs.get(index).copied()) else {
            return;
        };
        let name = feature.name.clone();
        let mut best: Option<(Usd, String)> = None;
        for found in candidates {
            let route = Route { model: found.full_id(), share: Decimal::ONE, line: 0 };
            let saving = self.saving(index, |f| f.routes = vec![route]);
            // The least change that saves a third of what the feature costs: the next smaller sister, not the smallest.
            let enough = saving.filter(|s| s.amount() * Decimal::from(3) >= own_cost.amount());
            if let Some(saving) = enough.filter(|s| best.as_ref().is_none_or(|(least, _)| s < least)) {
                best = Some((saving, found.full_id()));
            }
        }
        if let Some((saving, id)) = best {
            let provided = format!("it answers {name} as well as {} does: try it on your own questions", own.full_id());
            self.take(index, "smaller-model", format!("use {id}"), provided, Some(saving));
        }
    }
}

/// How often calls that come at random find a cache of five minutes warm.
fn hit_rate(feature: &Feature) -> Decimal {
    let per_day = match feature.calls.per {
        super::workload::Per::Day => feature.calls.rate.expected,
        super::workload::Per::Week => {
            feature.calls.rate.expected / Decimal::from(feature.calendar.days_a_week().max(1))
        }
        super::workload::Per::Month => feature.calls.rate.expected / Decimal::from(30),
    };
    let requests = per_day * feature.turns.expected * feature.steps.count.expected;
    let in_five_minutes = float(requests) * 5.0 / 1440.0;
    Decimal::try_from(1.0 - (-in_five_minutes).exp()).unwrap_or_default().round_dp(4)
}
