//! Turns a [`Workload`] into a [`Plan`]: counted, with the rates of every day, ready to be priced at any [`Point`].
//!
//! Nothing here reads files or vocabularies: a [`Market`] finds cards and counts text. Begin at [`plan`]; [`Plan::costs`]
//! prices a point exactly, [`super::simulate`] draws many of them.
//!
//! Calls of a month are the rate times the days with calls, each with its factor, times the growth, which compounds from
//! month to month and is rounded at [`GROWTH_SCALE`] digits. A month that sees two prices is split by its days.

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days, months};
use super::shape::{At, Cached, Fixed, MICRO, QUANTITY_SCALE, Shape, WHOLE};
use super::tariff::{ALL_SLOTS, Tariff, Uses, tariff};
use super::workload::{Attachment, Feature, Growth, Part, Per, Range, Workload, instant_of};
use super::{Refusal, price};
use crate::context::{Context, Dimension};
use crate::meter::Meter;
use crate::money::{ROUNDED_SCALE, Usd, amount};
use crate::period::Instant;
use crate::pricing::card::{Kind, ModelCard, ProviderHead};
use crate::pricing::{Found, UnknownModel};
use crate::tokenizer::TokenCount;
use crate::usage::Usage;

/// Digits behind the point that a growth factor keeps.
pub const GROWTH_SCALE: u32 = 6;
/// Digits behind the point that a share of a month keeps where it has no end.
const WEIGHT_SCALE: u32 = 12;

/// Finds models and counts text; the only thing that a plan needs from the rest of the program.
pub trait Market {
    /// The card that a name means.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar names.
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel>;

    /// Counts a text with the tokenizer of a model.
    fn count(&mut self, found: &Found, text: &Arc<str>) -> TokenCount;

    /// The name of that tokenizer.
    fn tokenizer(&self, found: &Found) -> String;

    /// Units of a currency for one US dollar at a moment.
    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal>;
}

macro_rules! inputs {
    ($($variant:ident $label:literal;)+) => {
        /// A number of a feature that may be uncertain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Input {
            $(#[doc = $label] $variant,)+
        }

        impl Input {
            /// All of them.
            pub const ALL: &[Input] = &[$(Input::$variant),+];

            /// What people call it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Input::$variant => $label),+ }
            }
        }
    };
}

inputs! {
    Calls "calls";
    Growth "growth";
    Output "length of the answer";
    Reasoning "thinking";
    Turns "turns";
    Steps "steps of the agent";
    Call "length of a tool call";
    Result "length of a tool result";
    Passages "retrieved passages";
    Attachments "attachments";
    Also "other meters";
    HitRate "cache hit rate";
    Failures "failure rate";
    Tokens "token count of the prompt";
}

/// How many inputs a feature has.
pub const INPUTS: usize = Input::ALL.len();

/// Where each uncertain number of a feature stands.
#[derive(Clone, Copy, Debug)]
pub struct Point(pub [At; INPUTS]);

impl Point {
    /// Every number at the same place.
    #[must_use]
    pub const fn all(at: At) -> Self {
        Point([at; INPUTS])
    }

    /// The same point with one number elsewhere.
    #[must_use]
    pub const fn with(mut self, input: Input, at: At) -> Self {
        self.0[input as usize] = at;
        self
    }

    const fn get(&self, input: Input) -> At {
        self.0[input as usize]
    }
}

/// What stays the same on every model: ranges of a feature in fixed-point integers.
#[derive(Clone, Debug)]
pub struct Ranges {
    of: [Fixed; INPUTS],
    calls: Range,
    growth: Growth,
}

/// Text of a feature, counted for one model. Tokens are in millionths.
#[derive(Clone, Debug)]
struct Counted {
    prefix: Fixed,
    cached_prefix: Fixed,
    /// Prompts of the same length, and how many of the rows they are.
    rows: Vec<(Fixed, u64)>,
    row_count: u64,
    images: Fixed,
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
pub enum Role {
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
    pub role: Role,
    /// Its share of the calls.
    pub share: Decimal,
    /// The rates over time, earliest first.
    pub epochs: Vec<Epoch>,
    /// Name of its tokenizer, where text was counted.
    pub tokenizer: Option<String>,
    counted: Counted,
    also: Vec<Fixed>,
    batch: Decimal,
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
pub struct Event {
    /// `price-change`, `retires`, `context-window`, `no-cache`.
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
pub struct FeaturePlan<'w> {
    /// What the user said.
    pub feature: &'w Feature,
    /// Its requests by model.
    pub streams: Vec<Stream>,
    /// Costs that come once.
    pub one_offs: Vec<OneOff>,
    /// What happens within the plan.
    pub events: Vec<Event>,
    /// Uncertain numbers.
    pub ranges: Ranges,
    /// Growth counts from this month of the plan.
    first_month: usize,
    /// Days with calls by month.
    days_with_calls: Vec<u64>,
}

/// A workload, counted and with the rates of every day.
#[derive(Clone, Debug)]
pub struct Plan<'w> {
    /// What the user said.
    pub workload: &'w Workload,
    /// The months, in order.
    pub months: Vec<Month>,
    /// What runs.
    pub features: Vec<FeaturePlan<'w>>,
}

/// Why a workload has no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// A model that nobody sells.
    #[error("{error}")]
    Model {
        /// Line of the file that names it.
        line: usize,
        /// Why.
        error: UnknownModel,
    },
    /// Something that has no price.
    #[error("{feature}: {refusal}")]
    Refused {
        /// The feature.
        feature: String,
        /// Why.
        refusal: Refusal,
    },
    /// Money with more digits than it can carry.
    #[error("{0}: the cost has more digits than farebox carries\n  help: check the calls and the tokens")]
    TooLarge(String),
}

/// Plans a workload; `instead` answers in the place of every model that the workload names.
///
/// # Errors
/// [`PlanError`] of the first feature that cannot be planned.
pub fn plan<'w>(
    workload: &'w Workload,
    market: &mut dyn Market,
    instead: Option<&Found>,
) -> Result<Plan<'w>, PlanError> {
    let months = months(workload.start, workload.end);
    let features = workload
        .features
        .iter()
        .map(|f| FeatureBuilder { feature: f, months: &months, start: workload.start }.build(market, instead));
    let features = features.collect::<Result<Vec<_>, _>>()?;
    Ok(Plan { workload, months, features })
}

struct FeatureBuilder<'w, 'm> {
    feature: &'w Feature,
    months: &'m [Month],
    start: Date,
}

/// A day with calls.
struct CallDay {
    month: usize,
    at: Instant,
    /// Share of the unit of time that the calls are given for.
    weight: Decimal,
}

impl<'w> FeatureBuilder<'w, '_> {
    fn build(&self, market: &mut dyn Market, instead: Option<&Found>) -> Result<FeaturePlan<'w>, PlanError> {
        let feature = self.feature;
        let days = self.days();
        let mut plan = FeaturePlan {
            feature,
            streams: Vec::new(),
            one_offs: Vec::new(),
            events: Vec::new(),
            ranges: ranges(feature),
            first_month: self.month_of(feature.calendar.start),
            days_with_calls: (0..self.months.len())
                .map(|m| days.iter().filter(|d| d.month == m).count() as u64)
                .collect(),
        };
        let first = days.first().map_or_else(|| instant_of(feature.calendar.start, feature.minute), |d| d.at);
        match (instead, &feature.tuning) {
            (Some(found), _) => {
                let found = found.clone();
                self.answer(&mut plan, market, found, Decimal::ONE, &days)?;
            }
            (None, Some(tuning)) => {
                let line = feature.routes.first().map_or(0, |r| r.line);
                let found = self.find(market, &tuning.model, first, line)?;
                for day in &tuning.on {
                    let tokens = tuning.tokens.saturating_mul(u64::from(tuning.epochs));
                    let at = instant_of(*day, feature.minute);
                    self.once(&mut plan, &found, Meter::TrainingTokens, tokens, at, "fine-tuning")?;
                }
                self.answer(&mut plan, market, found, Decimal::ONE, &days)?;
            }
            (None, None) => {
                for route in &feature.routes {
                    let found = self.find(market, &route.model, first, route.line)?;
                    self.answer(&mut plan, market, found, route.share, &days)?;
                }
            }
        }
        self.retrieval(&mut plan, market, first, &days)?;
        Ok(plan)
    }

    fn find(&self, market: &mut dyn Market, model: &str, at: Instant, line: usize) -> Result<Found, PlanError> {
        market.find(model, at).map_err(|error| PlanError::Model { line, error })
    }

    fn month_of(&self, day: Date) -> usize {
        self.months.iter().position(|m| *m == Month::of(day)).unwrap_or(0)
    }

    /// The days of the plan that have calls.
    fn days(&self) -> Vec<CallDay> {
        let (feature, calendar) = (self.feature, &self.feature.calendar);
        let mut list = Vec::new();
        for (index, month) in self.months.iter().enumerate() {
            let unit = match feature.calls.per {
                Per::Day => 1,
                Per::Week => calendar.days_a_week(),
                Per::Month => month.days().filter(|day| calendar.is_weekday(*day)).count() as u64,
            };
            let first = month.first().max(self.start);
            for day in days(first, month.next().first()) {
                let factor = calendar.factor(day);
                if !factor.is_zero() {
                    let weight = factor.checked_div(Decimal::from(unit)).unwrap_or_default();
                    list.push(CallDay { month: index, at: instant_of(day, feature.minute), weight });
                }
            }
        }
        list
    }

    /// The stream that answers, and its events.
    fn answer(
        &self,
        plan: &mut FeaturePlan<'w>,
        market: &mut dyn Market,
        found: Found,
        share: Decimal,
        days: &[CallDay],
    ) -> Result<(), PlanError> {
        let feature = self.feature;
        let is_embedding = matches!(found.model.info.kind, Kind::Embedding | Kind::Rerank);
        let uses = Uses {
            reasoning: feature.reasoning.high > Decimal::ZERO,
            images: feature.attachments.iter().any(|a| matches!(a, Attachment::Image { .. })),
            cache: feature.cache.map(|c| c.write),
            answers: feature.output.high > Decimal::ZERO && !is_embedding || has_steps(feature),
        };
        let counted = count(feature, &found, market);
        let also: Vec<Meter> = feature.also.iter().map(|(meter, _)| *meter).collect();
        let context = found.settle(&feature.context).into_owned();
        let epochs = self.epochs(&found, &context, uses, &also, days, feature.batch)?;
        plan.events.extend(events(&found, &epochs, days));
        if uses.cache.is_some()
            && found
                .model
                .rates_at(days.first().map_or(Instant::from_unix(0), |d| d.at))
                .is_some_and(|card| !card.lists(Meter::CacheRead))
        {
            let text = format!("{} has no rate for cached tokens: they are planned as plain input", found.full_id());
            plan.events.push(Event { kind: "no-cache", model: found.full_id(), at: None, text });
        }
        let tokenizer = feature.texts().next().map(|_| market.tokenizer(&found));
        let also = feature.also.iter().map(|(_, range)| Fixed::of(*range, MICRO)).collect();
        let stream =
            Stream { found, role: Role::Answer, share, epochs, tokenizer, counted, also, batch: feature.batch };
        let longest = plan.longest_prompt(&stream);
        if let Some(window) = stream.found.model.info.context_window.filter(|w| longest > *w) {
            let id = stream.found.full_id();
            let text = format!("a prompt may be {longest} tokens long, more than the {window} that {id} reads");
            plan.events.push(Event { kind: "context-window", model: id, at: None, text });
        }
        plan.streams.push(stream);
        Ok(())
    }

    /// The streams that look passages up.
    fn retrieval(
        &self,
        plan: &mut FeaturePlan<'w>,
        market: &mut dyn Market,
        first: Instant,
        days: &[CallDay],
    ) -> Result<(), PlanError> {
        let feature = self.feature;
        let Some(rag) = &feature.rag else { return Ok(()) };
        let line = feature.routes.first().map_or(0, |r| r.line);
        let models = [(&rag.embedding, Role::Embedding), (&rag.rerank, Role::Rerank)];
        for (model, role) in models.into_iter().filter_map(|(m, role)| Some((m.as_ref()?, role))) {
            let found = self.find(market, model, first, line)?;
            let mut counted = count(feature, &found, market);
            (counted.prefix, counted.cached_prefix, counted.images) = Default::default();
            let card = found.model.rates_at(first);
            let by_unit = role == Role::Rerank && card.is_some_and(|card| card.lists(Meter::SearchUnits));
            let candidates = i64::try_from(rag.candidates).unwrap_or(i64::MAX);
            if by_unit {
                counted.rows = vec![(Fixed::default(), 1)];
                counted.row_count = 1;
            } else if role == Role::Rerank {
                let passage = Fixed::of(rag.chunk_tokens, MICRO);
                counted.rows.iter_mut().for_each(|(tokens, _)| *tokens = (*tokens + passage).times(candidates));
            }
            let also = if by_unit { vec![Meter::SearchUnits] } else { Vec::new() };
            let context = found.settle(&Context::default()).into_owned();
            let epochs = self.epochs(&found, &context, Uses::default(), &also, days, Decimal::ZERO)?;
            plan.events.extend(events(&found, &epochs, days));
            if role == Role::Embedding && rag.index_tokens > 0 {
                self.once(plan, &found, Meter::Input, rag.index_tokens, first, "embedding the index")?;
            }
            let also = also
                .iter()
                .map(|_| {
                    Fixed::exactly(
                        candidates
                            .div_euclid(100)
                            .saturating_add(i64::from(candidates % 100 > 0))
                            .saturating_mul(1_000_000),
                    )
                })
                .collect();
            let tokenizer = feature.texts().next().map(|_| market.tokenizer(&found));
            let share = Decimal::ONE;
            plan.streams.push(Stream { found, role, share, epochs, tokenizer, counted, also, batch: Decimal::ZERO });
        }
        Ok(())
    }

    /// A cost that comes once.
    fn once(
        &self,
        plan: &mut FeaturePlan<'w>,
        found: &Found,
        meter: Meter,
        tokens: u64,
        at: Instant,
        name: &str,
    ) -> Result<(), PlanError> {
        let mut usage = Usage::default();
        usage.set_tokens(meter, tokens);
        let cost = price(&found.provider, &found.model, &usage, &found.context, priced_at(&found.model, at));
        let usd = cost.map_err(|refusal| self.refused(refusal))?.total;
        let name = format!("{name} ({})", found.full_id());
        plan.one_offs.push(OneOff { name, month: self.month_of(at.date()), usd });
        Ok(())
    }

    fn refused(&self, refusal: Refusal) -> PlanError {
        PlanError::Refused { feature: self.feature.name.clone(), refusal }
    }

    /// The rates over the days, one epoch for each time that nothing changes.
    fn epochs(
        &self,
        found: &Found,
        context: &Context,
        uses: Uses,
        also: &[Meter],
        days: &[CallDay],
        batch: Decimal,
    ) -> Result<Vec<Epoch>, PlanError> {
        let mut epochs: Vec<(EpochKey, Epoch)> = Vec::new();
        let ask = |context: &Context, at| tariff(found, context, uses, also, at).map_err(|r| self.refused(r));
        let no_calls = [CallDay { month: 0, at: instant_of(self.start, self.feature.minute), weight: Decimal::ZERO }];
        let days = if days.is_empty() { &no_calls } else { days };
        for day in days {
            let at = priced_at(&found.model, day.at);
            let key = epoch_key(&found.provider, &found.model, at);
            let index = match epochs.iter().position(|(k, _)| *k == key) {
                Some(index) => index,
                None => {
                    let single = if batch < Decimal::ONE { Some(ask(context, at)?) } else { None };
                    let batched = context.clone().with(Dimension::Processing, "batch");
                    let batch = if batch > Decimal::ZERO { Some(ask(&batched, at)?) } else { None };
                    let weights = vec![Decimal::ZERO; self.months.len()];
                    // Where everything goes in batches, nothing is ever priced at the single rates.
                    let Some(single) = single.or_else(|| batch.clone()) else { continue };
                    epochs.push((key, Epoch { at, single, batch, weights }));
                    epochs.len() - 1
                }
            };
            if let Some(weight) = epochs[index].1.weights.get_mut(day.month) {
                *weight += day.weight;
            }
        }
        for (_, epoch) in &mut epochs {
            epoch.weights.iter_mut().for_each(|w| *w = w.round_dp(WEIGHT_SCALE));
        }
        Ok(epochs.into_iter().map(|(_, epoch)| epoch).collect())
    }
}

/// What decides which rates hold: the period, the time window, and the factors in force.
#[derive(PartialEq, Eq)]
struct EpochKey(usize, usize, Vec<bool>);

fn epoch_key(head: &ProviderHead, model: &ModelCard, at: Instant) -> EpochKey {
    let period = model.rate_cards.iter().rposition(|card| card.period.contains(at)).unwrap_or(usize::MAX);
    let schedule = model.rate_cards.get(period).map_or(&[][..], |card| &card.schedule);
    let window = schedule.iter().position(|s| s.holds(at)).unwrap_or(usize::MAX);
    let dated =
        head.multipliers.iter().filter(|m| (m.period.from.is_some() || m.period.to.is_some()) && m.concerns(&model.id));
    EpochKey(period, window, dated.map(|m| m.period.contains(at)).collect())
}

/// The moment that a day is priced at: a model whose rates have ended goes on at its last ones, which an event says.
fn priced_at(model: &ModelCard, at: Instant) -> Instant {
    if model.rates_at(at).is_some() {
        return at;
    }
    let ended = model.rate_cards.iter().filter_map(|card| card.period.to).filter(|to| *to <= at).max();
    ended.map_or(at, |to| Instant::from_unix(to.unix().saturating_sub(1)))
}

/// Prices that change and models that retire while there are calls.
fn events(found: &Found, epochs: &[Epoch], days: &[CallDay]) -> Vec<Event> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
    let id = found.full_id();
    let mut list = Vec::new();
    for epoch in epochs {
        if let Some(from) = epoch.single.period.from.filter(|from| first.at < *from) {
            let text = format!("the price of {id} changes on {from}; the plan applies it from that day on");
            let event = Event { kind: "price-change", model: id.clone(), at: Some(from), text };
            if !list.contains(&event) {
                list.push(event);
            }
        }
    }
    if let Some(day) = found.model.info.retired.filter(|day| *day <= last.at) {
        let replacement = found.model.info.replacement.as_ref();
        let instead =
            replacement.map_or_else(|| "it names no replacement".into(), |r| format!("its replacement is {r}"));
        let text = format!("{id} retires on {day}: later days are planned at its last rates; {instead}");
        list.push(Event { kind: "retires", model: id, at: Some(day), text });
    }
    list
}

fn has_steps(feature: &Feature) -> bool {
    feature.steps.count.high > Decimal::ONE
}

impl Feature {
    /// Every text that is counted.
    fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        let parts = self.system.iter().chain(&self.tools).chain(self.prompts.iter().flatten());
        parts.filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Tokens(_) => None,
        })
    }
}

impl Fixed {
    fn times(self, n: i64) -> Fixed {
        let product = |a: i64| a.saturating_mul(n);
        Fixed { low: product(self.low), expected: product(self.expected), high: product(self.high) }
    }
}

fn of_count(count: TokenCount) -> Fixed {
    let micro = |n: u64| i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Fixed { low: micro(count.low), expected: micro(count.tokens), high: micro(count.high) }
}

/// Counts every text of a feature for a model.
fn count(feature: &Feature, found: &Found, market: &mut dyn Market) -> Counted {
    let mut sum = |parts: &[Part]| {
        parts.iter().fold(Fixed::default(), |sum, part| {
            sum + match part {
                Part::Text(text) => of_count(market.count(found, text)),
                Part::Tokens(range) => Fixed::of(*range, MICRO),
            }
        })
    };
    let (system, tools) = (sum(&feature.system), sum(&feature.tools));
    let mut rows: Vec<(Fixed, u64)> = Vec::new();
    for prompt in &feature.prompts {
        let tokens = sum(prompt);
        match rows.iter_mut().find(|(same, _)| *same == tokens) {
            Some((_, n)) => *n += 1,
            None => rows.push((tokens, 1)),
        }
    }
    if rows.is_empty() {
        rows.push((Fixed::default(), 1));
    }
    let cached = |parts: Fixed, is: bool| if is { parts } else { Fixed::default() };
    let cached_prefix = feature.cache.map_or_else(Fixed::default, |cache| {
        // A cache holds beginnings: tools stand behind the instructions.
        cached(system, cache.system) + cached(tools, cache.tools)
    });
    let images = feature.attachments.iter().fold(Fixed::default(), |sum, a| match a {
        Attachment::Image { width, height, count } => {
            sum + Fixed::of(count.times(Decimal::from(super::picture::tokens(found, *width, *height))), MICRO)
        }
        Attachment::Tokens(_) => sum,
    });
    let row_count = rows.iter().map(|(_, n)| n).sum();
    Counted { prefix: system + tools, cached_prefix, rows, row_count, images }
}

fn ranges(feature: &Feature) -> Ranges {
    let attachments = feature.attachments.iter().fold(Fixed::default(), |sum, a| match a {
        Attachment::Tokens(range) => sum + Fixed::of(*range, MICRO),
        Attachment::Image { .. } => sum,
    });
    let hit_rate = feature.cache.map_or_else(Range::default, |cache| cache.hit_rate);
    let growth = match &feature.growth {
        Growth::Monthly(range) => *range,
        Growth::Steps(_) => Range::default(),
    };
    let passages = feature.rag.as_ref().map_or_else(Range::default, |rag| rag.tokens);
    let of = |input: Input| match input {
        Input::Calls => Fixed::of(feature.calls.rate, MICRO),
        Input::Growth => Fixed::of(growth, WHOLE),
        Input::Output => Fixed::of(feature.output, MICRO),
        Input::Reasoning => Fixed::of(feature.reasoning, MICRO),
        Input::Turns => Fixed::of(feature.turns, 1),
        Input::Steps => Fixed::of(feature.steps.count, 1),
        Input::Call => Fixed::of(feature.steps.call, MICRO),
        Input::Result => Fixed::of(feature.steps.result, MICRO),
        Input::Passages => Fixed::of(passages, MICRO),
        Input::Attachments => attachments,
        Input::Also => Fixed::default(),
        Input::HitRate => Fixed::of(hit_rate, WHOLE),
        Input::Failures => Fixed::of(feature.retries.failure_rate, WHOLE),
        Input::Tokens => Fixed::default(),
    };
    let mut list = [Fixed::default(); INPUTS];
    list.iter_mut().zip(Input::ALL).for_each(|(slot, input)| *slot = of(*input));
    Ranges { of: list, calls: feature.calls.rate, growth: feature.growth.clone() }
}

impl Ranges {
    /// The range of an input in its own units.
    #[must_use]
    pub const fn fixed(&self, input: Input) -> Fixed {
        self.of[input as usize]
    }

    /// A whole number at a place of its range; a draw between two whole numbers is one of them, so that the mean stays.
    fn whole(&self, input: Input, at: At) -> i64 {
        let range = self.fixed(input);
        let At::Share(share) = at else { return range.at(at) };
        let drawn = super::shape::ramp(range.low as f64, range.expected as f64, range.high as f64, share);
        // The digits behind those that place the draw are as random as a number of their own.
        let coin = (share * 1_048_573.0).fract();
        let below = drawn.floor();
        (below as i64).saturating_add(i64::from(coin < drawn - below)).clamp(range.low, range.high)
    }
}

impl Plan<'_> {
    /// The same plan with so many times the calls.
    #[must_use]
    pub fn with_calls(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            feature.ranges.calls = feature.ranges.calls.times(factor);
            feature.ranges.of[Input::Calls as usize] = Fixed::of(feature.ranges.calls, MICRO);
        }
        plan
    }

    /// The same plan with answers of so many times the length.
    #[must_use]
    pub fn with_output(&self, factor: Decimal) -> Self {
        let mut plan = self.clone();
        for feature in &mut plan.features {
            let range = feature.feature.output.times(factor);
            feature.ranges.of[Input::Output as usize] = Fixed::of(range, MICRO);
        }
        plan
    }

    /// What everything that runs costs at the means, before fixed costs, credits and tax.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub fn usage_at(&self, point: &Point) -> Result<Usd, PlanError> {
        let mut total = Usd::ZERO;
        for feature in &self.features {
            total += feature.costs(&self.months, point)?.iter().flatten().copied().sum();
        }
        Ok(total)
    }
}

impl FeaturePlan<'_> {
    /// The same feature with answers of exactly so many tokens.
    #[must_use]
    pub fn with_answer(&self, tokens: u64) -> Self {
        let mut feature = self.clone();
        let range = Range::exactly(Decimal::from(tokens));
        feature.ranges.of[Input::Output as usize] = Fixed::of(range, MICRO);
        feature
    }

    /// Answers over the whole plan at the means: calls times turns.
    #[must_use]
    pub fn answers(&self, months: &[Month]) -> Decimal {
        let calls: Decimal = self.calls(months, &Point::all(At::Expected)).iter().sum();
        calls.saturating_mul(self.feature.turns.expected)
    }
}

impl<'w> FeaturePlan<'w> {
    /// One call on a stream, every uncertain number settled.
    #[must_use]
    pub fn shape(&self, stream: &Stream, row: Fixed, point: &Point) -> Shape {
        let at = |input: Input| self.ranges.fixed(input).at(point.get(input));
        let tokens = point.get(Input::Tokens);
        let turns = self.ranges.whole(Input::Turns, point.get(Input::Turns));
        let failure = i128::from(at(Input::Failures));
        let mut term = WHOLE;
        let mut attempts = WHOLE;
        for _ in 1..self.feature.retries.attempts {
            term = term * failure / WHOLE;
            attempts += term;
        }
        let base = Shape {
            prefix: 0,
            user: row.at(tokens),
            passages: 0,
            images: 0,
            output: 0,
            reasoning: 0,
            turns,
            kept: 0,
            steps: 1,
            call: 0,
            result: 0,
            cached: None,
            attempts: i64::try_from(attempts).unwrap_or(i64::MAX),
            billed: self.feature.retries.billed,
        };
        if stream.role != Role::Answer {
            return base;
        }
        let cached = self.feature.cache.map(|cache| Cached {
            prefix: stream.counted.cached_prefix.at(tokens),
            history: cache.history,
            hit: at(Input::HitRate),
            minimum: i64::try_from(cache.minimum).unwrap_or(i64::MAX).saturating_mul(1_000_000),
        });
        Shape {
            prefix: stream.counted.prefix.at(tokens),
            user: base.user.saturating_add(at(Input::Attachments)),
            passages: at(Input::Passages),
            images: stream.counted.images.at(point.get(Input::Attachments)),
            output: at(Input::Output),
            reasoning: at(Input::Reasoning),
            kept: i64::from(self.feature.history.turns()),
            steps: self.ranges.whole(Input::Steps, point.get(Input::Steps)),
            call: at(Input::Call),
            result: at(Input::Result),
            cached,
            ..base
        }
    }

    /// The longest prompt that the plan thinks possible, in tokens.
    #[must_use]
    pub fn longest_prompt(&self, stream: &Stream) -> u64 {
        let rows = stream.counted.rows.iter().map(|(row, _)| self.shape(stream, *row, &Point::all(At::High)));
        let mut longest = 0;
        rows.for_each(|shape| shape.requests(|prompt, _| longest = longest.max(prompt)));
        u64::try_from(longest / MICRO).unwrap_or(u64::MAX)
    }

    /// What one call costs on a stream under the rates of an epoch.
    ///
    /// # Errors
    /// `None` where it has more digits than money carries.
    #[must_use]
    pub fn per_call(&self, stream: &Stream, epoch: &Epoch, point: &Point) -> Option<Usd> {
        let single = self.per_call_at(stream, &epoch.single, point)?;
        let Some(batch) = &epoch.batch else { return Some(single) };
        let batched = self.per_call_at(stream, batch, point)?;
        times(single, Decimal::ONE - stream.batch)?.checked_add(times(batched, stream.batch)?)
    }

    fn per_call_at(&self, stream: &Stream, tariff: &Tariff, point: &Point) -> Option<Usd> {
        let mut total = Usd::ZERO;
        for (row, n) in &stream.counted.rows {
            let mut bands = vec![[0_i128; ALL_SLOTS.len()]; tariff.bands.len()];
            self.shape(stream, *row, point).requests(|prompt, parts| {
                let sums = &mut bands[tariff.band(prompt).0];
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            });
            for (band, quantities) in tariff.bands.iter().zip(bands) {
                for (rate, quantity) in band.rates.iter().zip(quantities).filter(|(r, q)| r.per > 0 && *q != 0) {
                    let quantity =
                        Decimal::try_from_i128_with_scale(quantity.checked_mul(i128::from(*n))?, QUANTITY_SCALE)
                            .ok()?;
                    let per = rate.per.checked_mul(stream.counted.row_count)?;
                    total = total.checked_add(amount(quantity.normalize(), rate.rate, per)?)?;
                }
            }
        }
        let turns = Decimal::from(self.ranges.whole(Input::Turns, point.get(Input::Turns)));
        for (rate, quantity) in tariff.beside.iter().zip(&stream.also).filter(|(rate, _)| rate.per > 0) {
            let quantity = Decimal::try_from_i128_with_scale(i128::from(quantity.at(At::Expected)), 6).ok()?;
            total = total.checked_add(amount((quantity * turns).normalize(), rate.rate, rate.per)?)?;
        }
        Some(total)
    }

    /// The calls in a unit of the feature's time, at an end or the mean of their range.
    #[must_use]
    pub fn rate(&self, at: At) -> Decimal {
        match at {
            At::Low => self.ranges.calls.low,
            At::High => self.ranges.calls.high,
            At::Expected | At::Share(_) => self.ranges.calls.expected,
        }
    }

    /// What the calls of a month are multiplied with.
    #[must_use]
    pub fn growth(&self, month: usize, months: &[Month], at: At) -> Decimal {
        match &self.ranges.growth {
            Growth::Steps(steps) => {
                let Some(this) = months.get(month) else { return Decimal::ONE };
                let holding = steps.iter().rev().find(|(day, _)| Month::of(*day) <= *this);
                holding.map_or(Decimal::ONE, |(_, factor)| *factor)
            }
            Growth::Monthly(range) => {
                let share = match at {
                    At::Low => range.low,
                    At::High => range.high,
                    At::Expected | At::Share(_) => range.expected,
                };
                let months = month.saturating_sub(self.first_month);
                let one_more = |product: Decimal, _| product.saturating_mul(Decimal::ONE + share).round_dp(20);
                (0..months).fold(Decimal::ONE, one_more).round_dp(GROWTH_SCALE)
            }
        }
    }

    /// The month of the plan that growth counts from.
    #[must_use]
    pub const fn first_month(&self) -> usize {
        self.first_month
    }

    /// Requests and tokens of one call on the streams that answer, for what is free.
    fn uses_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (requests, prompt, answer) = self.sums_of_a_call(point);
        (requests, prompt + answer)
    }

    /// Tokens that one call sends and gets back, retries included.
    #[must_use]
    pub fn tokens_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (_, prompt, answer) = self.sums_of_a_call(point);
        (prompt, answer)
    }

    fn sums_of_a_call(&self, point: &Point) -> (Decimal, Decimal, Decimal) {
        let (mut requests, mut prompt, mut answer) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for stream in self.streams.iter().filter(|s| s.role == Role::Answer) {
            for (row, n) in &stream.counted.rows {
                let mut sums = [0_i128; ALL_SLOTS.len()];
                self.shape(stream, *row, point)
                    .requests(|_, parts| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part));
                let share = stream.share * Decimal::from(*n) / Decimal::from(stream.counted.row_count.max(1));
                let decimal = |q: i128| Decimal::try_from_i128_with_scale(q, QUANTITY_SCALE).unwrap_or_default();
                let [input, read, write, image, output, reasoning, request] = sums;
                requests += decimal(request) * share;
                prompt += decimal(input + read + write + image) * share;
                answer += decimal(output + reasoning) * share;
            }
        }
        (requests, prompt, answer)
    }

    /// Requests that one call takes, retries included.
    #[must_use]
    pub fn requests_of_a_call(&self, point: &Point) -> Decimal {
        self.uses_of_a_call(point).0.normalize()
    }

    /// How much is free in a month, in requests or tokens.
    #[must_use]
    pub fn free_quantity(&self, month: usize) -> Option<Decimal> {
        let free = self.feature.free?;
        let days = match free.per {
            Per::Day => Decimal::from(self.days_with_calls.get(month).copied().unwrap_or(0)),
            Per::Week | Per::Month => Decimal::ONE,
        };
        Some(free.quantity.saturating_mul(days))
    }

    /// How much of what may be free one call uses.
    #[must_use]
    pub fn free_used(&self, point: &Point) -> Decimal {
        let (requests, tokens) = self.uses_of_a_call(point);
        if self.feature.free.is_some_and(|free| free.is_tokens) { tokens } else { requests }
    }

    /// The calls of every month at a point.
    #[must_use]
    pub fn calls(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let rate = self.rate(point.get(Input::Calls));
        let Some(stream) = self.streams.first() else { return vec![Decimal::ZERO; months.len()] };
        let of = |month: usize| {
            let weight: Decimal = stream.epochs.iter().filter_map(|e| e.weights.get(month)).sum();
            let growth = self.growth(month, months, point.get(Input::Growth));
            rate.saturating_mul(weight).saturating_mul(growth).normalize()
        };
        (0..months.len()).map(of).collect()
    }

    /// What every stream costs in every month at a point, what is free taken off; exact.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub fn costs(&self, months: &[Month], point: &Point) -> Result<Vec<Vec<Usd>>, PlanError> {
        let paid: Vec<Decimal> = self.paid_shares(months, point);
        let stream_costs = |stream: &Stream| self.stream_costs(stream, months, point, &paid);
        let costs: Option<Vec<_>> = self.streams.iter().map(stream_costs).collect();
        costs.ok_or_else(|| PlanError::TooLarge(self.feature.name.clone()))
    }

    /// The share of every month's cost that is not free.
    fn paid_shares(&self, months: &[Month], point: &Point) -> Vec<Decimal> {
        let calls = self.calls(months, point);
        let used = if self.feature.free.is_some() { self.free_used(point) } else { Decimal::ZERO };
        let share = |(month, calls): (usize, &Decimal)| {
            let Some(free) = self.free_quantity(month) else { return Decimal::ONE };
            let all = calls.saturating_mul(used);
            let paid = (all - free).max(Decimal::ZERO);
            paid.checked_div(all).unwrap_or(Decimal::ONE)
        };
        calls.iter().enumerate().map(share).collect()
    }

    fn stream_costs(&self, stream: &Stream, months: &[Month], point: &Point, paid: &[Decimal]) -> Option<Vec<Usd>> {
        let rate = self.rate(point.get(Input::Calls));
        let mut costs = vec![Usd::ZERO; months.len()];
        for epoch in &stream.epochs {
            let per_call = self.per_call(stream, epoch, point)?;
            for (month, weight) in epoch.weights.iter().enumerate().filter(|(_, w)| !w.is_zero()) {
                let growth = self.growth(month, months, point.get(Input::Growth));
                let calls = [weight, &growth, &stream.share]
                    .into_iter()
                    .try_fold(rate, |product, factor| product.checked_mul(*factor))?;
                let usd = times(per_call, calls)?;
                let usd =
                    if paid[month] == Decimal::ONE { usd } else { times(usd, paid[month].round_dp(WEIGHT_SCALE))? };
                // Rounded once here, as a line of a receipt is, so that sums of sums stay exact.
                let usd = Usd::new(usd.amount().round_dp(ROUNDED_SCALE));
                costs[month] = costs[month].checked_add(usd)?;
            }
        }
        Some(costs)
    }

    /// The inputs that are uncertain.
    #[must_use]
    pub fn uncertain(&self) -> Vec<Input> {
        let is_range = |input: &Input| match input {
            Input::Tokens => self.streams.iter().any(Self::is_estimated),
            Input::Attachments => {
                self.ranges.fixed(*input).is_range() || self.streams.iter().any(|s| s.counted.images.is_range())
            }
            other => self.ranges.fixed(*other).is_range(),
        };
        Input::ALL.iter().copied().filter(is_range).collect()
    }

    /// Whether the cost at the means is the mean of the cost: every uncertain number then only multiplies.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        let uncertain = self.uncertain();
        let bends = |input: &Input| match input {
            Input::Turns | Input::Steps | Input::Growth => true,
            Input::Failures => self.feature.retries.attempts > 2,
            _ => false,
        };
        if uncertain.is_empty() {
            return true;
        }
        let tiers = |s: &Stream| {
            let border = s.epochs.iter().filter_map(|e| e.single.bands.get(1)).map(|band| band.first).min();
            border.is_some_and(|first| self.longest_prompt(s) >= first)
        };
        let minimum = |s: &Stream| {
            let least = self
                .feature
                .cache
                .map_or(0, |c| i64::try_from(c.minimum).unwrap_or(i64::MAX).saturating_mul(1_000_000));
            let prefix = s.counted.cached_prefix;
            prefix.low < least && least <= prefix.high
        };
        let is_free = self.feature.free.is_some_and(|free| !free.quantity.is_zero());
        !uncertain.iter().any(bends) && !is_free && !self.streams.iter().any(|s| tiers(s) || minimum(s))
    }

    /// The average prompt of the rows of a stream, or up to eight of different lengths where rates depend on it.
    #[must_use]
    pub fn typical_rows(&self, stream: &Stream) -> Vec<Fixed> {
        let rows = &stream.counted.rows;
        let has_bands = stream.epochs.iter().any(|e| e.single.bands.len() > 1);
        let mut sorted: Vec<Fixed> =
            rows.iter().flat_map(|(row, n)| std::iter::repeat_n(*row, usize::try_from(*n).unwrap_or(1))).collect();
        sorted.sort_by_key(|row| row.expected);
        let groups = if has_bands { 8.min(sorted.len()) } else { 1 };
        let mean = |rows: &[Fixed]| {
            let n = rows.len().max(1) as i128;
            let of = |get: fn(&Fixed) -> i64| {
                let sum: i128 = rows.iter().map(|r| i128::from(get(r))).sum();
                i64::try_from((sum + n / 2) / n).unwrap_or(i64::MAX)
            };
            Fixed { low: of(|r| r.low), expected: of(|r| r.expected), high: of(|r| r.high) }
        };
        if sorted.len() <= 1 {
            return sorted;
        }
        (0..groups).map(|g| mean(&sorted[g * sorted.len() / groups..(g + 1) * sorted.len() / groups])).collect()
    }

    /// The share of a stream's calls that are batches.
    #[must_use]
    pub const fn batch_share(stream: &Stream) -> Decimal {
        stream.batch
    }

    /// What stands beside the tokens of a turn, in millionths.
    pub fn beside(stream: &Stream) -> impl Iterator<Item = i64> + '_ {
        stream.also.iter().map(|fixed| fixed.expected)
    }

    /// Tokens of the prompt of a first turn at the mean, for people.
    #[must_use]
    pub fn first_prompt(&self, stream: &Stream) -> u64 {
        let point = Point::all(At::Expected);
        let rows = self.typical_rows(stream);
        let mut first = None;
        if let Some(row) = rows.first() {
            self.shape(stream, *row, &point).requests(|prompt, _| first = first.or(Some(prompt)));
        }
        u64::try_from(first.unwrap_or(0) / MICRO).unwrap_or(0)
    }

    /// Whether the token counts of a stream's texts are ranges.
    #[must_use]
    pub fn is_estimated(stream: &Stream) -> bool {
        stream.counted.prefix.is_range() || stream.counted.rows.iter().any(|(row, _)| row.is_range())
    }
}

/// Money times a plain number: exact where the digits suffice, otherwise rounded once at 15 and 9 digits.
#[must_use]
pub fn times(usd: Usd, factor: Decimal) -> Option<Usd> {
    usd.checked_mul(factor.normalize()).or_else(|| {
        let (usd, factor) = (usd.amount().round_dp(15).normalize(), factor.round_dp(9).normalize());
        Usd::new(usd).checked_mul(factor).or_else(|| usd.checked_mul(factor).map(Usd::new))
    })
}
