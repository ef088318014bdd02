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
mod free;
mod media;
mod ranges;
mod traffic;

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, months};
use super::limits::impossible_answer;
use super::shape::At;
use super::spans::{Span, spans};
use super::tariff::Tariff;
use super::thinking::Thinking;
use super::workload::{Budget, Cache, Discount, Feature, Workload};
use crate::conversation::Media;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::{Found, UnknownModel};
use crate::range::Range;
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::Wrapping;
use crate::tokenizer::media::Weighed;

pub(crate) use cost::per;
pub(crate) use cost::times;
use counted::CountedText;
pub(crate) use counted::FeatureFrame;
pub(crate) use counted::PromptRow;
use epochs::{CallDays, DatedFeature};
pub use error::{CountingError, PlanError};
pub(crate) use free::FreeLimit;
use ranges::ranges;
pub(crate) use ranges::{FIRST_LENGTH, INPUTS, Point, Ranges, UncertainInput, attempts};
pub use traffic::CALLS_SCALE;

/// The shortest cacheable beginning, in tokens, of a model whose card does not say it: that of most models that say one.
pub(crate) const ASSUMED_CACHEABLE: u64 = 1024;

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
    /// * `tools`: texts that each define tools, which are sent together.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    fn wrapping(&mut self, found: &Found, tools: &[Arc<str>]) -> Result<Wrapping, CountingError>;

    /// Tokens of an image of so many pixels.
    ///
    /// # Errors
    /// [`CountingError`], where the model cannot be sent such an image.
    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError>;

    /// What a recording, a video or a document weighs on a model.
    ///
    /// # Errors
    /// [`CountingError`], where the model cannot be sent it.
    fn weigh(&mut self, found: &Found, media: &Media) -> Result<Weighed, CountingError>;

    /// The name of that tokenizer.
    fn tokenizer(&self, found: &Found) -> String;

    /// Units of a currency for one US dollar at a moment.
    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal>;

    /// The days from which another rate of a currency holds.
    fn exchange_changes(&self, _currency: &str) -> Vec<Date> {
        Vec::new()
    }

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
    /// Usual days by slot of the feature, before growth.
    pub weights: Vec<Decimal>,
}

/// Days of a span that are priced together.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The span of the plan.
    pub span: usize,
    /// The month of the plan.
    pub month: usize,
    /// How many days with calls it has.
    pub days: u64,
    /// How many usual days these are.
    pub weight: Decimal,
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
    /// The share of the list price that is paid, by span.
    paid: Vec<Decimal>,
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
    /// The span of the plan.
    pub span: usize,
    /// Its day.
    pub day: Date,
    /// How much.
    pub usd: Usd,
}

/// Something that happens within the plan: a price that changes, a model that retires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanEvent {
    /// `price-change`, `assumed-price`, `retires`, `last-listed`, `assumed-thinking`, `always-thinks`, `context-window`, `longest-answer`, `no-cache`.
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
    calls: Arc<CallDays>,
    discounts: Arc<[Discount]>,
    /// What is free, its own and what it shares with others.
    limits: Vec<FreeLimit>,
    /// How many spans the plan has.
    spans: usize,
}

/// A workload, counted and with the rates of every day.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the user said.
    pub workload: Arc<Workload>,
    /// The months, in order.
    pub months: Arc<[Month]>,
    /// The spans, in order.
    pub spans: Arc<[Span]>,
    /// What runs.
    pub features: Vec<FeaturePlan>,
}

/// Plans a workload; `instead` answers in the place of every model that the workload names.
///
/// # Errors
/// [`PlanError`] of the first feature that cannot be planned.
pub fn plan(workload: &Workload, resolver: &mut dyn Resolver, instead: Option<&Found>) -> Result<Plan, PlanError> {
    Planner::new(workload.clone(), resolver).plan(resolver, instead)
}

/// A workload with the days of its calls, to be planned on many models.
pub struct Planner {
    workload: Arc<Workload>,
    months: Arc<[Month]>,
    spans: Arc<[Span]>,
    features: Vec<DatedFeature>,
}

impl Planner {
    /// Looks at every day of the workload once.
    #[must_use]
    pub fn new(workload: impl Into<Arc<Workload>>, resolver: &dyn Resolver) -> Self {
        Planner::cut(workload, &[], resolver)
    }

    /// The same, with spans that also end where these days begin.
    #[must_use]
    pub(crate) fn cut(workload: impl Into<Arc<Workload>>, cuts: &[Date], resolver: &dyn Resolver) -> Self {
        let workload = workload.into();
        let months: Arc<[Month]> = months(workload.start, workload.end).into();
        let mut changes = exchange_changes(&workload, resolver);
        changes.extend(cuts);
        let spans: Arc<[Span]> = spans(&workload, &changes).into();
        let features = workload.features.iter().map(|f| DatedFeature::of(f, &months, &spans, &workload)).collect();
        Planner { workload, months, spans, features }
    }

    /// Plans the workload, as [`plan`] does.
    ///
    /// # Errors
    /// [`PlanError`] of the first feature that cannot be planned.
    pub fn plan(&self, resolver: &mut dyn Resolver, instead: Option<&Found>) -> Result<Plan, PlanError> {
        let features = self.features.iter().map(|feature| feature.plan(resolver, instead));
        let mut features = features.collect::<Result<Vec<_>, _>>()?;
        free::share(&mut features, &self.workload.free, &self.months);
        let (workload, months, spans) = (self.workload.clone(), self.months.clone(), self.spans.clone());
        Ok(Plan { workload, months, spans, features })
    }

    /// Plans one feature of a plan after a change that leaves its days alone; the others stay as they are.
    ///
    /// * `instead`: the model that answers instead of its own, if any.
    ///
    /// # Errors
    /// [`PlanError`] where it cannot be planned.
    pub(crate) fn again(
        base: &Plan,
        old: &FeaturePlan,
        feature: Arc<Feature>,
        instead: Option<&Found>,
        resolver: &mut dyn Resolver,
    ) -> Result<FeaturePlan, PlanError> {
        ChangedFeature::of(base, old, feature).plan(instead, resolver)
    }
}

/// A feature of a plan after a change that leaves its days alone, to be planned on many models.
pub(crate) struct ChangedFeature {
    dated: DatedFeature,
    /// What it shares with others, which stays what it was.
    shared: Vec<FreeLimit>,
}

impl ChangedFeature {
    /// * `old`: as it was in the plan.
    #[must_use]
    pub(crate) fn of(base: &Plan, old: &FeaturePlan, feature: Arc<Feature>) -> Self {
        let (months, spans, calls) = (base.months.clone(), base.spans.clone(), old.calls.clone());
        let (ranges, discounts) = (ranges(&feature), old.discounts.clone());
        let dated = DatedFeature { feature, ranges, months, spans, calls, discounts };
        ChangedFeature { dated, shared: old.limits.iter().skip(old.feature.free.len()).cloned().collect() }
    }

    /// * `instead`: the model that answers instead of its own, if any.
    ///
    /// # Errors
    /// [`PlanError`] where it cannot be planned.
    pub(crate) fn plan(&self, instead: Option<&Found>, resolver: &mut dyn Resolver) -> Result<FeaturePlan, PlanError> {
        let mut new = self.dated.plan(resolver, instead)?;
        new.limits.extend(self.shared.iter().cloned());
        Ok(new)
    }
}

/// The days from which another exchange rate holds for a currency of the workload, or one that its costs are looked at in.
pub(crate) fn exchange_changes(workload: &Workload, resolver: &dyn Resolver) -> Vec<Date> {
    let Budget { total, monthly, .. } = &workload.budget;
    let amounts = [total, monthly].into_iter().flatten().chain(workload.credits.iter().map(|credit| &credit.amount));
    let mut currencies: Vec<&str> = amounts.map(|amount| amount.currency.as_str()).collect();
    currencies.extend(workload.currencies.iter().map(|(currency, ..)| currency.as_str()));
    currencies.push(&workload.currency);
    currencies.sort_unstable();
    currencies.dedup();
    currencies.into_iter().filter(|c| *c != "USD").flat_map(|currency| resolver.exchange_changes(currency)).collect()
}

impl Plan {
    /// The same plan with so many times the calls.
    #[must_use]
    pub(crate) fn with_calls(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            let calls = feature.ranges.exact(UncertainInput::Calls).times(factor);
            feature.ranges.set(UncertainInput::Calls, calls);
        }
        plan
    }

    /// The same plan with answers of so many times the length.
    #[must_use]
    pub(crate) fn with_output(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            feature.ranges.set(UncertainInput::Output, feature.feature.output.times(factor));
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

    /// Why no single request of a stream can get the longest answer to a prompt of this length in tokens, with the thinking that was
    /// asked for.
    #[must_use]
    pub(crate) fn impossible_answer(&self, stream: &Stream, prompt: u64) -> Option<String> {
        let measured = self.feature.spread.as_ref().and_then(|spread| spread.longest()).unwrap_or(0);
        let written = measured.max(u64::try_from(self.feature.output.high.ceil()).unwrap_or(u64::MAX));
        // How much a model thinks unasked is assumed, and proves nothing.
        let asked = Some(stream.thinking.high).filter(|_| stream.assumed_thinking.is_none());
        let thought = asked.and_then(|micro| u64::try_from(micro / 1_000_000).ok()).unwrap_or(0);
        let why = impossible_answer(&stream.found.model, prompt, written.saturating_add(thought))?;
        Some(if thought > 0 { format!("{why}, its thinking included") } else { why })
    }

    /// The same feature with answers of exactly so many tokens.
    #[must_use]
    pub(crate) fn with_answer(&self, tokens: u64) -> Self {
        let mut feature = self.clone();
        feature.ranges.set(UncertainInput::Output, Range::exactly(Decimal::from(tokens)));
        feature
    }

    /// Answers over the whole plan at the means: calls times turns.
    #[must_use]
    pub(crate) fn answers(&self, months: &[Month]) -> Decimal {
        let calls: Decimal = self.calls(months, &Point::all(At::Expected)).iter().sum();
        calls.saturating_mul(self.feature.turns.expected)
    }

    /// How many usual days the calls are given for in a month.
    pub(crate) fn unit(&self, month: usize) -> Decimal {
        self.calls.units.get(month).copied().unwrap_or(Decimal::ONE)
    }

    /// What is free, its own and what it shares with others.
    pub(crate) fn limits(&self) -> &[FreeLimit] {
        &self.limits
    }

    /// The share of a stream's list price that is paid in a span.
    pub(crate) fn paid_in(stream: &Stream, span: usize) -> Decimal {
        stream.paid.get(span).copied().unwrap_or(Decimal::ONE)
    }

    /// Days that are priced together, in order.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.calls.slots
    }
}
