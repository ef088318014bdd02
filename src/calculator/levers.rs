//! What would make a plan cheaper: [`levers`], each of them planned again and compared, none guessed.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::outcome::{Bill, is_certain};
use super::projection::{FeaturePlan, Plan, Planner, Point, Resolver, Stream, times};
use super::settled::BillTotal;
use super::settled::{Settled, minus};
use super::shape::At;
use super::simulate::UsageDraws;
use super::workload::{Cache, Feature, History, Route};
use crate::meter::Meter;
use crate::money::{Usd, share_for_people};
use crate::pricing::Found;

/// How many draws of all features levers are compared with at most, where credits make the mean of the bill another one than
/// the bill of the means.
const MOST_DRAWS: usize = 200_000;

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
    /// What is paid less in the end at the expected cost, with credits, fixed costs and tax.
    pub saving: Usd,
    /// The same by span, for other currencies.
    pub spans: Vec<Usd>,
}

/// What a change saves.
#[derive(Clone, Debug)]
struct Saving {
    usd: Usd,
    spans: Vec<Usd>,
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
pub fn levers(base: &Plan, settled: &Settled, resolver: &mut dyn Resolver, smaller: &[Vec<Found>]) -> Vec<Lever> {
    let expected = Point::all(At::Expected);
    let own = |feature| FeaturePlan::costs(feature, &base.months, &expected).ok().map(|costs| (feature, costs));
    let Some(costs) = base.features.iter().map(own).collect::<Option<Vec<_>>>() else { return Vec::new() };
    let bill = Bill::of(settled, base.spans.len(), &costs);
    let Some(total) = bill.total(settled.tax.expected) else { return Vec::new() };
    let wanted = usize::try_from(base.workload.draws).unwrap_or(MOST_DRAWS);
    let number = wanted.min((MOST_DRAWS / base.features.len().max(1)).max(500));
    let draws = ((settled.has_credits() || settled.has_commitments()) && !is_certain(base))
        .then(|| UsageDraws::of(base, settled, number));
    let total = draws.as_ref().map_or(total, |draws| draws.mean_with(base, settled, None));
    let mut trials = LeverTrials { base, settled, costs: &costs, bill, total, draws, resolver, found: Vec::new() };
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
    base: &'b Plan,
    settled: &'b Settled,
    /// What each feature costs.
    costs: &'b [(&'b FeaturePlan, Vec<Vec<Usd>>)],
    bill: Bill<'b>,
    /// What is paid in the end.
    total: BillTotal,
    draws: Option<UsageDraws>,
    resolver: &'b mut dyn Resolver,
    found: Vec<Lever>,
}

impl LeverTrials<'_> {
    /// What the plan costs less with one feature changed; nothing where it then has no price, or costs no less. The other
    /// features are what they were.
    fn saving(&mut self, index: usize, change: impl FnOnce(&mut Feature)) -> Option<Saving> {
        let (old, costs) = self.costs.get(index)?;
        let mut feature = old.feature.clone();
        change(Arc::make_mut(&mut feature));
        let new = Planner::again(self.base, old, feature, None, self.resolver).ok()?;
        let total = match &self.draws {
            Some(draws) => draws.mean_with(self.base, self.settled, Some((*old, &new))),
            None => {
                let changed = new.costs(&self.base.months, &Point::all(At::Expected)).ok()?;
                self.bill.total_with((*old, costs), (&new, &changed), self.settled.tax.expected)?
            }
        };
        // Less than a hundredth of a cent is a rounding, not a saving.
        let saving = minus(self.total.usd, total.usd);
        let is_worth_it = saving.amount() > Decimal::new(1, if self.draws.is_some() { 4 } else { 12 });
        let spans = self.total.spans.iter().zip(&total.spans).map(|(old, new)| minus(*old, *new));
        is_worth_it.then(|| Saving { usd: saving, spans: spans.collect() })
    }

    fn take(&mut self, index: usize, kind: &'static str, what: String, provided: String, saving: Option<Saving>) {
        if let (Some(Saving { usd: saving, spans }), Some((feature, _))) = (saving, self.costs.get(index)) {
            self.found.push(Lever { feature: feature.feature.name.clone(), kind, what, provided, saving, spans });
        }
    }

    fn cache(&mut self, index: usize, feature: &Feature, found: Option<&Found>) {
        let talks = feature.talks();
        let done = feature.cache.is_some_and(|c| c.system && c.tools && (c.history || !talks));
        let lists = found.is_some_and(|f| f.model.rate_cards.last().is_some_and(|card| card.lists(Meter::CacheRead)));
        if done || !lists {
            return;
        }
        let cache = match feature.cache {
            Some(cache) => Cache { system: true, tools: true, history: talks, ..cache },
            None => feature.whole_cache(Meter::CacheWrite5m, 5),
        };
        let saving = self.saving(index, |f| f.cache = Some(cache));
        let parts = if talks { "the instructions and the conversation" } else { "the instructions" };
        let found = share_for_people(cache.hit_rate.expected);
        let provided = format!(
            "a conversation finds them in the cache {found} of the time, as calls that come at random within five minutes do"
        );
        self.take(index, "cache", format!("cache {parts}"), provided, saving);
    }

    fn batch(&mut self, index: usize, feature: &Feature) {
        if feature.batch == Decimal::ONE || !feature.is_one_request() {
            return;
        }
        let saving = self.saving(index, |f| f.batch = Decimal::ONE);
        let provided = "nobody waits for an answer: it comes within 24 hours".into();
        self.take(index, "batch", "send it in batches".into(), provided, saving);
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
        let is_spread = output.is_range() || feature.spread.is_some();
        if !is_spread || output.expected.is_zero() {
            return;
        }
        let cap = output.expected.round_dp(0);
        let of = if feature.spread.is_some() { "as the measured ones" } else { "as the range says" };
        let saving = self.saving(index, |f| f.cap_answers(cap));
        let what = format!("cap answers at {} tokens", cap.normalize());
        let provided = format!("longer answers may be cut off, and single answers are as long {of}");
        self.take(index, "output-cap", what, provided, saving);
    }

    fn smaller(&mut self, index: usize, own: &Found, candidates: &[Found]) {
        let Some((feature, costs)) = self.costs.get(index) else { return };
        let usage: Usd = costs.iter().flatten().copied().sum();
        let own_cost = times(usage, Decimal::ONE + self.settled.tax.expected).unwrap_or(usage);
        let name = feature.feature.name.clone();
        let mut best: Option<(Saving, String)> = None;
        for found in candidates {
            let route = Route { model: found.full_id(), share: Decimal::ONE, line: 0 };
            let saving = self.saving(index, |f| f.routes = vec![route]);
            // The least change that saves a third of what the feature costs: the next smaller sister, not the smallest.
            let enough = saving.filter(|s| s.usd.amount() * Decimal::from(3) >= own_cost.amount());
            if let Some(saving) = enough.filter(|s| best.as_ref().is_none_or(|(least, _)| s.usd < least.usd)) {
                best = Some((saving, found.full_id()));
            }
        }
        if let Some((saving, id)) = best {
            let provided = format!("it answers {name} as well as {} does: try it on your own questions", own.full_id());
            self.take(index, "smaller-model", format!("use {id}"), provided, Some(saving));
        }
    }
}
