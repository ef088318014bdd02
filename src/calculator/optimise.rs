//! The cheapest assignment of model, queue, cache and answer cap for a feature, by trying every one that is allowed:
//! [`Trials::run`] prices them, [`Choice`] says what is allowed.
//!
//! Features do not look at each other here: what one costs does not depend on where another runs, until credits and tax.
//! So the cheapest of each is the cheapest of all, and nothing but the list of alternatives has to be complete. One rule
//! shortens it: an answer that is cut off costs no more than one that is not, since no rate is negative.

use rust_decimal::Decimal;

use super::choice::{Choice, Latency};
use super::projection::{ChangedFeature, FeaturePlan, Plan, PlanError, Resolver, StreamRole};
use super::workload::{Cache, Feature};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::money::Usd;
use crate::pricing::Found;
use crate::range::Range;

/// The queue that requests stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// As the file says.
    AsWritten,
    /// None.
    Standard,
    /// Served when there is room.
    Flex,
    /// Batches.
    Batch,
}

/// How prompts are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// As the file says.
    AsWritten,
    /// Not at all.
    None,
    /// For five minutes.
    FiveMinutes,
    /// For an hour.
    Hour,
}

/// One way to run a feature, beside its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The queue.
    pub queue: Queue,
    /// The cache.
    pub caching: Caching,
    /// Where answers are cut off; `None` where they are not.
    pub cap: Option<u64>,
}

impl Variant {
    /// The feature as it is written.
    pub const AS_WRITTEN: Variant = Variant { queue: Queue::AsWritten, caching: Caching::AsWritten, cap: None };

    /// A feature run in this way.
    #[must_use]
    pub(crate) fn of(self, feature: &Feature) -> Feature {
        let mut changed = feature.clone();
        match self.queue {
            Queue::AsWritten => {}
            Queue::Standard | Queue::Flex | Queue::Batch => {
                changed.batch = if self.queue == Queue::Batch { Decimal::ONE } else { Decimal::ZERO };
                changed.context.remove(Dimension::ServiceTier);
                if self.queue == Queue::Flex {
                    changed.context.set(Dimension::ServiceTier, "flex");
                }
            }
        }
        match self.caching {
            Caching::AsWritten => {}
            Caching::None => changed.cache = None,
            Caching::FiveMinutes => changed.cache = Some(cached(feature, Meter::CacheWrite5m, 5)),
            Caching::Hour => changed.cache = Some(cached(feature, Meter::CacheWrite1h, 60)),
        }
        if let Some(cap) = self.cap {
            changed.cap_answers(Decimal::from(cap));
        }
        changed
    }
}

/// The ways to run a feature that a choice allows. Of those that cost the same the first is taken.
#[must_use]
pub(crate) fn variants(feature: &Feature, choice: &Choice) -> Vec<Variant> {
    let queues: &[Queue] = match choice.latency {
        None => &[Queue::AsWritten],
        Some(Latency::Interactive) => &[Queue::Standard],
        Some(Latency::Minutes) => &[Queue::Standard, Queue::Flex],
        // Each turn and each step waits for the one before it: in batches, for a day.
        Some(Latency::Day) if feature.is_one_request() => &[Queue::Standard, Queue::Flex, Queue::Batch],
        Some(Latency::Day) => &[Queue::Standard, Queue::Flex],
    };
    let cachings: &[Caching] = match choice.cache {
        true => &[Caching::AsWritten, Caching::None, Caching::FiveMinutes, Caching::Hour],
        false => &[Caching::AsWritten],
    };
    let is_cut = |cap: &u64| feature.output.high > Decimal::from(*cap) || feature.spread.is_some();
    let cap = choice.cap.filter(is_cut);
    let with_queue = |queue: Queue| cachings.iter().map(move |caching| Variant { queue, caching: *caching, cap });
    queues.iter().copied().flat_map(with_queue).collect()
}

/// What is cached as the file says, else the whole beginning of each prompt, for so many minutes; as often found again as the
/// file says for that time, else as calls that come at random find it.
fn cached(feature: &Feature, write: Meter, minutes: u32) -> Cache {
    match feature.cache {
        Some(cache) if cache.write == write => cache,
        Some(cache) => Cache { write, hit_rate: Range::exactly(feature.found_again(minutes)), ..cache },
        None => feature.whole_cache(write, minutes),
    }
}

/// Why a model is not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Another is cheaper.
    TooExpensive,
    /// It cannot do what is needed.
    Lacks(String),
    /// Prompts are longer than what it reads.
    ContextTooShort(String),
    /// Answers are longer than what it writes.
    AnswerTooLong(String),
    /// It cannot be bought over the whole plan.
    NotLive(String),
    /// Its score is too low, or it has none.
    Score(String),
    /// It thinks before every answer, and the plan has no tokens for that.
    Thinks,
    /// It costs nothing under the table, and was not named.
    Free,
    /// The plan is refused on it.
    Refused(String),
}

/// A feature on a model in the cheapest way that is allowed, or why not.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The model.
    pub found: Found,
    /// The way, and what it costs over the plan at the means.
    pub best: Result<(Variant, TrialCost), WhyNot>,
}

/// What a feature costs over a plan.
#[derive(Clone, Debug)]
pub struct TrialCost {
    /// All of it.
    pub usd: Usd,
    /// By span, for other currencies.
    pub spans: Vec<Usd>,
}

impl TrialCost {
    /// * `spans`: what it costs in every span.
    pub(crate) fn of(spans: Vec<Usd>) -> TrialCost {
        TrialCost { usd: spans.iter().copied().sum(), spans }
    }
}

/// A feature in every way that is allowed, on the days of its plan.
pub(crate) struct Trials<'p> {
    base: &'p Plan,
    variants: Vec<(Variant, ChangedFeature)>,
    /// How many plans of it were priced.
    pub priced: u64,
}

impl<'p> Trials<'p> {
    /// * `base`: the whole, of which `old` is one.
    pub(crate) fn new(base: &'p Plan, old: &'p FeaturePlan, choice: &Choice) -> Self {
        let changed = |way: Variant| (way, ChangedFeature::of(base, old, way.of(&old.feature).into()));
        let variants = variants(&old.feature, choice).into_iter().map(changed).collect();
        Trials { base, variants, priced: 0 }
    }

    /// Prices every variant on a model, and takes the cheapest.
    ///
    /// * `is_named`: whether the user named this very model.
    ///
    /// # Errors
    /// Why not, of the first variant, where none has a price.
    pub(crate) fn run(
        &mut self,
        found: &Found,
        is_named: bool,
        resolver: &mut dyn Resolver,
    ) -> Result<(Variant, TrialCost), WhyNot> {
        let mut best: Option<(Variant, TrialCost)> = None;
        let mut why = None;
        for (variant, feature) in &self.variants {
            self.priced += 1;
            match self.cost(feature, found, is_named, resolver) {
                Ok(cost) => {
                    if best.as_ref().is_none_or(|(_, least)| cost.usd < least.usd) {
                        best = Some((*variant, cost));
                    }
                }
                Err(reason) => drop(why.get_or_insert(reason)),
            }
        }
        best.ok_or_else(|| why.unwrap_or(WhyNot::Refused("no way to run it is allowed".to_owned())))
    }

    /// What a feature costs over the plan at the means.
    fn cost(
        &self,
        feature: &ChangedFeature,
        found: &Found,
        is_named: bool,
        resolver: &mut dyn Resolver,
    ) -> Result<TrialCost, WhyNot> {
        let refused = |error: PlanError| {
            let text = error.to_string();
            let text = error.feature().and_then(|name| text.strip_prefix(&format!("{name}: "))).unwrap_or(&text);
            WhyNot::Refused(text.to_owned())
        };
        let plan = feature.plan(Some(found), resolver).map_err(refused)?;
        if let Some(event) = plan.events.iter().find(|event| event.kind == "context-window") {
            return Err(WhyNot::ContextTooShort(event.text.clone()));
        }
        if !is_named && plan.events.iter().any(|event| event.kind == "always-thinks") {
            return Err(WhyNot::Thinks);
        }
        if let Some(text) = answer_too_long(&plan) {
            return Err(WhyNot::AnswerTooLong(text));
        }
        let cost = TrialCost::of(plan.at_means(&self.base.months).map_err(refused)?);
        if cost.usd == Usd::ZERO && !is_named {
            return Err(WhyNot::Free);
        }
        Ok(cost)
    }
}

/// What is wrong with the longest answer to the longest prompt, where the model cannot give it.
fn answer_too_long(feature: &FeaturePlan) -> Option<String> {
    let mut answering = feature.streams.iter().filter(|stream| stream.role == StreamRole::Answer);
    answering.find_map(|stream| feature.impossible_answer(stream, feature.longest_prompt(stream)))
}
