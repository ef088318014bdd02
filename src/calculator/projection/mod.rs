//! Turns a [`Workload`] into a [`Plan`]: counted, with the rates of every day, ready to be priced at any [`Point`].
//!
//! Nothing here reads files or vocabularies: a [`Resolver`] finds cards and counts text. Begin at [`plan`]; [`FeaturePlan::costs`]
//! prices a point exactly, [`super::simulate`] draws many of them.
//!
//! Calls of a month are the rate times the days with calls, each with its factor, times the growth, which compounds from
//! the first month in which the feature runs.

mod build;
mod cost;
mod counted;
mod epochs;
mod error;
mod ranges;
mod traffic;

use std::sync::Arc;

use rust_decimal::Decimal;

use super::calendar::{Month, months};
use super::shape::{At, MICRO};
use super::tariff::Tariff;
use super::thinking::Thinking;
use super::workload::{Cache, Feature, Workload};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::{Found, UnknownModel};
use crate::range::Range;
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::Wrapping;

pub(crate) use cost::per;
pub(crate) use cost::times;
use counted::CountedText;
pub(crate) use counted::FeatureFrame;
use epochs::DatedFeature;
pub use error::{CountingError, PlanError};
pub(crate) use ranges::{INPUTS, Point, Ranges, UncertainInput};
pub use traffic::GROWTH_SCALE;

/// The shortest cacheable beginning, in tokens, of a model whose card does not say it: that of most models that say one.
pub(crate) const ASSUMED_CACHEABLE: u64 = 1024;

/// Digits behind the point that a share of a month keeps where it has no end.
const WEIGHT_SCALE: u32 = 12;

/// Finds models and counts text; the only thing that a plan needs from the rest of the program.
pub trait Resolver {
    /// The card that a name means.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar names.
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel>;

    /// Counts a text with the tokenizer of a model.
    ///
    /// # Errors
    /// [`CountingError::Tokenizer`], where that tokenizer cannot be used.
    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError>;

    /// What the provider adds around texts that were counted alone, and what tools given as JSON take with it.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    fn wrapping(&mut self, found: &Found, tools: Option<&Arc<str>>) -> Result<Wrapping, CountingError>;

    /// Tokens of an image of so many pixels.
    ///
    /// # Errors
    /// [`CountingError`], where the model cannot be sent such an image.
    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError>;

    /// The name of that tokenizer.
    fn tokenizer(&self, found: &Found) -> String;

    /// Units of a currency for one US dollar at a moment.
    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal>;

    /// The last day that a source listed a model, where it is not known to be retired and no source lists it any longer.
    fn last_listed(&self, _found: &Found, _at: Instant) -> Option<Instant> {
        None
    }

    /// Whether prices of a time before the first evidence of them are refused.
    fn refuses_assumed(&self) -> bool {
        false
    }
}

/// The rates that hold on some days, and the calls of each month that fall on them.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// A moment of them.
    pub at: Instant,
    /// Rates of requests that are sent one by one.
    pub single: Tariff,
    /// Rates of batches.
    pub batch: Option<Tariff>,
    /// Full units of the calls' time (days, weeks, months) by month of the plan, before growth.
    pub weights: Vec<Decimal>,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRole {
    /// Answers.
    Answer,
    /// Embeds the question.
    Embedding,
    /// Orders the candidates.
    Rerank,
}

/// The requests of a feature to one model.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The model.
    pub found: Found,
    /// What it is for.
    pub role: StreamRole,
    /// Its share of the calls.
    pub share: Decimal,
    /// The rates over time, earliest first.
    pub epochs: Vec<Epoch>,
    /// What it thinks before an answer, in millionths of a token.
    pub thinking: Range<i64>,
    /// The same where it is an assumption, with its basis.
    pub assumed_thinking: Option<Thinking>,
    /// Name of its tokenizer, where text was counted.
    pub tokenizer: Option<String>,
    /// What the provider adds around its texts; none where the prompt is a number of tokens.
    pub frame: Option<FeatureFrame>,
    counted: CountedText,
    also: Vec<Range<i64>>,
    batch: Decimal,
}

impl Stream {
    /// The shortest beginning that the cache of the model takes, in millionths of a token.
    fn smallest_cacheable(&self, cache: &Cache) -> i64 {
        let own = self.found.model.info.smallest_cacheable;
        let tokens = cache.minimum.or(own).unwrap_or(ASSUMED_CACHEABLE);
        i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(1_000_000)
    }
}

/// A cost that comes once.
#[derive(Clone, Debug)]
pub struct OneOff {
    /// What it is.
    pub name: String,
    /// Month of the plan.
    pub month: usize,
    /// How much.
    pub usd: Usd,
}

/// Something that happens within the plan: a price that changes, a model that retires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanEvent {
    /// `price-change`, `assumed-price`, `retires`, `last-listed`, `assumed-thinking`, `always-thinks`, `context-window`, `no-cache`.
    pub kind: &'static str,
    /// The model.
    pub model: String,
    /// When, where it has a day.
    pub at: Option<Instant>,
    /// For people.
    pub text: String,
}

/// A feature with everything that it takes to price it.
#[derive(Clone, Debug)]
pub struct FeaturePlan {
    /// What the user said.
    pub feature: Arc<Feature>,
    /// Its requests by model.
    pub streams: Vec<Stream>,
    /// Costs that come once.
    pub one_offs: Vec<OneOff>,
    /// What happens within the plan.
    pub events: Vec<PlanEvent>,
    /// Uncertain numbers.
    pub ranges: Ranges,
    /// Growth counts from this month of the plan.
    first_month: usize,
    /// Days with calls by month.
    days_with_calls: Vec<u64>,
}

/// A workload, counted and with the rates of every day.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the user said.
    pub workload: Arc<Workload>,
    /// The months, in order.
    pub months: Vec<Month>,
    /// What runs.
    pub features: Vec<FeaturePlan>,
}

/// Plans a workload; `instead` answers in the place of every model that the workload names.
///
/// # Errors
/// [`PlanError`] of the first feature that cannot be planned.
pub fn plan(workload: &Workload, resolver: &mut dyn Resolver, instead: Option<&Found>) -> Result<Plan, PlanError> {
    Planner::new(workload.clone()).plan(resolver, instead)
}

/// A workload with the days of its calls, to be planned on many models.
pub struct Planner {
    workload: Arc<Workload>,
    months: Vec<Month>,
    features: Vec<DatedFeature>,
}

impl Planner {
    /// Looks at every day of the workload once.
    #[must_use]
    pub fn new(workload: impl Into<Arc<Workload>>) -> Self {
        let workload = workload.into();
        let months = months(workload.start, workload.end);
        let features = workload.features.iter().map(|f| DatedFeature::of(f, &months, workload.start)).collect();
        Planner { workload, months, features }
    }

    /// Plans the workload, as [`plan`] does.
    ///
    /// # Errors
    /// [`PlanError`] of the first feature that cannot be planned.
    pub fn plan(&self, resolver: &mut dyn Resolver, instead: Option<&Found>) -> Result<Plan, PlanError> {
        let features = self.features.iter().map(|feature| feature.plan(resolver, instead));
        let features = features.collect::<Result<Vec<_>, _>>()?;
        Ok(Plan { workload: self.workload.clone(), months: self.months.clone(), features })
    }
}

impl Plan {
    /// The same plan with so many times the calls.
    #[must_use]
    pub(crate) fn with_calls(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            feature.ranges.calls = feature.ranges.calls.times(factor);
            feature.ranges.of[UncertainInput::Calls as usize] = feature.ranges.calls.in_units(MICRO);
        }
        plan
    }

    /// The same plan with answers of so many times the length.
    #[must_use]
    pub(crate) fn with_output(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            let range = feature.feature.output.times(factor);
            feature.ranges.of[UncertainInput::Output as usize] = range.in_units(MICRO);
        }
        plan
    }

    /// The same plan on models that do not think.
    #[must_use]
    pub(crate) fn without_thinking(&self) -> Self {
        let mut plan = self.clone();
        let streams = plan.features.iter_mut().flat_map(|feature| &mut feature.streams);
        streams.for_each(|stream| stream.thinking = Range::default());
        plan
    }

    /// What everything that runs costs at the means, before fixed costs, credits and tax.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub(crate) fn usage_at(&self, point: &Point) -> Result<Usd, PlanError> {
        let mut total = Usd::ZERO;
        for feature in &self.features {
            total += feature.costs(&self.months, point)?.iter().flatten().copied().sum();
        }
        Ok(total)
    }
}

impl FeaturePlan {
    /// Since when there is evidence of all its prices, where one is assumed for some of its days.
    #[must_use]
    pub(crate) fn assumed(&self) -> Option<Instant> {
        self.streams.iter().flat_map(|stream| &stream.epochs).filter_map(|epoch| epoch.single.assumed).max()
    }

    /// The tokens that the first of its models that thinks takes for an answer.
    #[must_use]
    pub(crate) fn thinking(&self) -> Option<Range<Decimal>> {
        let thinks = self.streams.iter().map(|stream| stream.thinking).find(|tokens| tokens.high > 0)?;
        Some(thinks.map(|tokens| (Decimal::from(tokens) / Decimal::from(1_000_000)).normalize()))
    }

    /// The same feature with answers of exactly so many tokens.
    #[must_use]
    pub(crate) fn with_answer(&self, tokens: u64) -> Self {
        let mut feature = self.clone();
        let range = Range::exactly(Decimal::from(tokens));
        feature.ranges.of[UncertainInput::Output as usize] = range.in_units(MICRO);
        feature
    }

    /// Answers over the whole plan at the means: calls times turns.
    #[must_use]
    pub(crate) fn answers(&self, months: &[Month]) -> Decimal {
        let calls: Decimal = self.calls(months, &Point::all(At::Expected)).iter().sum();
        calls.saturating_mul(self.feature.turns.expected)
    }
}
