//! What a feature costs at a [`Point`], exactly.

use rust_decimal::Decimal;

use super::counted::{CountedText, PromptRow};
use super::ranges::FIRST_LENGTH;
use super::{Epoch, FeaturePlan, PlanError, Point, Stream, StreamRole, UncertainInput, attempts};
use crate::calculator::Refusal;
use crate::calculator::calendar::Month;
use crate::calculator::shape::{At, Cached, LongHistory, MICRO, QUANTITY_SCALE, Shape};
use crate::calculator::tariff::{ALL_SLOTS, SLOTS, Tariff, TokenSlot};
use crate::calculator::workload::History;
use crate::money::{Usd, amount, exact_product, exact_sum};
use crate::range::Range;

/// Digits behind the point that an amount keeps where it is a division without end, or more digits than a decimal has.
const DIVIDED_SCALE: u32 = 12;
/// Digits behind the point up to which an amount is kept exactly.
const EXACT_SCALE: u32 = 18;

/// Money while it is worked out: what it is, and whether a digit of it was lost.
#[derive(Clone, Copy, Debug)]
struct Working {
    value: Decimal,
    is_exact: bool,
}

impl Working {
    const ZERO: Working = Working { value: Decimal::ZERO, is_exact: true };

    const fn exact(value: Decimal) -> Working {
        Working { value, is_exact: true }
    }

    fn times(self, factor: Decimal) -> Option<Working> {
        if factor == Decimal::ONE {
            return Some(self);
        }
        match exact_product(self.value, factor) {
            Some(value) => Some(Working { value, ..self }),
            None => Some(Working { value: self.value.checked_mul(factor)?, is_exact: false }),
        }
    }

    fn divided(self, by: Decimal) -> Option<Working> {
        if by == Decimal::ONE {
            return Some(self);
        }
        let value = self.value.checked_div(by)?.normalize();
        let is_exact = self.is_exact && exact_product(value, by).is_some_and(|again| again == self.value);
        Some(Working { value, is_exact })
    }

    fn plus(self, other: Working) -> Option<Working> {
        let is_exact = self.is_exact && other.is_exact;
        match exact_sum(self.value, other.value) {
            Some(value) => Some(Working { value, is_exact }),
            None => Some(Working { value: self.value.checked_add(other.value)?, is_exact: false }),
        }
    }

    /// The amount, rounded once where it is not exact.
    fn usd(self) -> Usd {
        let value = self.value.normalize();
        let fits = self.is_exact && value.scale() <= EXACT_SCALE;
        Usd::new(if fits { value } else { value.round_dp(DIVIDED_SCALE) })
    }
}

/// Sums of quantities by prompt length.
type BandSums = Vec<[i128; SLOTS]>;

impl FeaturePlan {
    /// One request of a call on a stream, every uncertain number settled but for how many turns and steps there are.
    #[must_use]
    pub(crate) fn shape(&self, stream: &Stream, row: PromptRow, point: &Point) -> Shape {
        let at = |input: UncertainInput| self.ranges.fixed(input).at(point.get(input));
        let tokens = point.get(UncertainInput::Tokens);
        let CountedText { passages: ordered, .. } = &stream.counted;
        let mut user = row.text.at(tokens).saturating_add(row.typed.at(point.get(UncertainInput::Prompt)));
        if let Some((passage, n)) = ordered {
            user = user.saturating_add(passage.at(point.get(UncertainInput::PassageLength))).saturating_mul(*n);
        }
        let base = Shape {
            prefix: 0,
            user: grown(user, point),
            passages: 0,
            leaves_out: false,
            images: 0,
            images_apart: stream.counted.images_apart,
            output: 0,
            reasoning: 0,
            turns: 1,
            around: 0,
            kept: 0,
            long: LongHistory::Sent,
            audio: 0,
            video: 0,
            speech: 0,
            steps: 1,
            call: 0,
            result: 0,
            cached: None,
        };
        if stream.role != StreamRole::Answer {
            return base;
        }
        let (system, tools) = (
            stream.counted.typed_system.at(point.get(UncertainInput::System)),
            stream.counted.typed_tools.at(point.get(UncertainInput::Tools)),
        );
        let cached = self.feature.cache.map(|cache| {
            let typed = |is: bool, tokens: i64| if is { tokens } else { 0 };
            let between = at(UncertainInput::HitRate);
            Cached {
                prefix: grown(
                    (stream.counted.cached_prefix.at(tokens))
                        .saturating_add(typed(cache.system, system))
                        .saturating_add(typed(cache.tools, tools)),
                    point,
                ),
                history: cache.history,
                between,
                within: if cache.within.is_some() { at(UncertainInput::HitRateWithin) } else { between },
                minimum: stream.smallest_cacheable(&cache),
            }
        });
        let media = point.get(UncertainInput::Media);
        let images = stream.counted.images.at(point.get(UncertainInput::Attachments));
        let images = images.saturating_add(stream.counted.media.images.at(media));
        let pages = stream.counted.media.text.at(media);
        Shape {
            prefix: grown(stream.counted.prefix.at(tokens).saturating_add(system).saturating_add(tools), point),
            user: base.user.saturating_add(at(UncertainInput::Attachments)).saturating_add(pages),
            audio: stream.counted.media.audio.at(media),
            video: stream.counted.media.video.at(media),
            speech: stream.counted.media.speech.at(media),
            long: long_history(self.feature.history),
            passages: self.passages(point),
            leaves_out: self.feature.rag.is_some() || images > 0,
            images,
            output: at(UncertainInput::Output),
            reasoning: stream.thinking.at(point.get(UncertainInput::Reasoning)),
            kept: i64::from(self.feature.history.turns()),
            around: stream.counted.turn.at(tokens),
            call: at(UncertainInput::Call),
            result: at(UncertainInput::Result),
            cached,
            ..base
        }
    }

    /// Tokens of all passages of a turn, in millionths.
    fn passages(&self, point: &Point) -> i64 {
        if self.feature.rag.is_none() {
            return 0;
        }
        let of = |input| self.ranges.exact(input).place(point.get(input));
        let tokens = of(UncertainInput::Passages).saturating_mul(of(UncertainInput::PassageLength));
        Range::exactly(tokens).in_units(MICRO).expected
    }

    /// The chance of every number of steps; the streams that look passages up take one request a turn.
    pub(crate) fn steps_of(&self, stream: &Stream, at: At) -> Vec<(i64, Decimal)> {
        if stream.role == StreamRole::Answer { self.ranges.steps(at) } else { vec![(1, Decimal::ONE)] }
    }

    /// Hands out the quantities of a call in parts, each with the chance that it takes place.
    ///
    /// * `band`: to which sum a request belongs, of `bands`.
    fn each_part(
        &self,
        stream: &Stream,
        row: PromptRow,
        point: &Point,
        (bands, band): (usize, &dyn Fn(i128) -> usize),
        mut take: impl FnMut(Decimal, &BandSums) -> Option<()>,
    ) -> Option<()> {
        let turns = self.ranges.turns(point.get(UncertainInput::Turns));
        // Turns that every call has are summed up together.
        let certain = turns.iter().take_while(|chance| **chance == Decimal::ONE).count();
        let part = |turn: usize| if turn < certain { 0 } else { turn + 1 - certain };
        let template = self.shape(stream, row, point);
        for (steps, chance) in self.steps_of(stream, point.get(UncertainInput::Steps)) {
            let shape = Shape { turns: i64::try_from(turns.len()).unwrap_or(i64::MAX), steps, ..template };
            let mut parts: Vec<BandSums> = vec![vec![[0; SLOTS]; bands]; turns.len() + 1 - certain];
            shape.requests(|request| {
                let sums = &mut parts[part(request.turn)][band(request.prompt)];
                sums.iter_mut().zip(&request.parts).for_each(|(sum, part)| *sum += part);
            });
            for (index, sums) in parts.iter().enumerate() {
                let weight = if index == 0 { Decimal::ONE } else { turns[certain + index - 1] };
                take(weight * chance, sums)?;
            }
        }
        Some(())
    }

    /// The longest prompt that the plan thinks possible, in tokens.
    #[must_use]
    pub(crate) fn longest_prompt(&self, stream: &Stream) -> u64 {
        u64::try_from(self.prompts_at(stream, At::High).1 / MICRO).unwrap_or(u64::MAX)
    }

    /// The shortest and the longest prompt of a call, in millionths of a token, every uncertain number at one end.
    fn prompts_at(&self, stream: &Stream, at: At) -> (i128, i128) {
        let point = Point::all(at).grown(self.outer_growth(at));
        let turns = self.ranges.turns(at).len();
        let steps = self.steps_of(stream, at).into_iter().map(|(n, _)| n);
        let steps = if at == At::High { steps.max() } else { steps.min() };
        let (mut shortest, mut longest) = (i128::MAX, 0);
        for (row, _) in &stream.counted.rows {
            let turns = i64::try_from(turns).unwrap_or(i64::MAX);
            let shape = Shape { turns, steps: steps.unwrap_or(1), ..self.shape(stream, *row, &point) };
            let mut take = |prompt: i128| (shortest, longest) = (shortest.min(prompt), longest.max(prompt));
            shape.requests(|request| take(request.prompt));
        }
        (shortest.min(longest), longest)
    }

    /// Why some prompt that the plan thinks possible has no price, in any epoch.
    #[must_use]
    pub(crate) fn refusal<'s>(&self, stream: &'s Stream) -> Option<&'s Refusal> {
        let (shortest, longest) = (self.prompts_at(stream, At::Low).0, self.prompts_at(stream, At::High).1);
        let tariffs = stream.epochs.iter().flat_map(|epoch| std::iter::once(&epoch.single).chain(&epoch.batch));
        tariffs.filter_map(|tariff| tariff.refusal(shortest, longest)).next()
    }

    /// What one call costs on a stream under the rates of an epoch.
    ///
    /// # Errors
    /// `None` where it has more digits than money carries.
    #[must_use]
    pub(crate) fn per_call(&self, stream: &Stream, epoch: &Epoch, point: &Point) -> Option<Usd> {
        self.working_per_call(stream, epoch, point).map(Working::usd)
    }

    fn working_per_call(&self, stream: &Stream, epoch: &Epoch, point: &Point) -> Option<Working> {
        let single = self.per_call_at(stream, &epoch.single, point)?;
        let Some(batch) = &epoch.batch else { return Some(single) };
        let batched = self.per_call_at(stream, batch, point)?;
        single.times(Decimal::ONE - stream.batch)?.plus(batched.times(stream.batch)?)
    }

    fn per_call_at(&self, stream: &Stream, tariff: &Tariff, point: &Point) -> Option<Working> {
        let (sent, answered) = attempts(&self.feature, point.get(UncertainInput::Failures));
        let mut total = Working::ZERO;
        let band = |prompt: i128| tariff.band(prompt).0;
        for (row, n) in &stream.counted.rows {
            self.each_part(stream, *row, point, (tariff.bands.len(), &band), |chance, sums| {
                for (band, quantities) in tariff.bands.iter().zip(sums) {
                    if quantities.iter().all(|quantity| *quantity == 0) {
                        continue;
                    }
                    let rates = band.rates.as_ref().ok()?;
                    for ((slot, rate), quantity) in ALL_SLOTS.iter().zip(rates).zip(quantities) {
                        if rate.per == 0 || *quantity == 0 {
                            continue;
                        }
                        let quantity = decimal(quantity.checked_mul(i128::from(*n))?)?;
                        let per = rate.per.checked_mul(stream.counted.row_count)?;
                        let tried = if slot.is_answer() { answered } else { sent };
                        let usd = Working::exact(amount(quantity, rate.rate, per)?.amount());
                        total = total.plus(usd.times(tried)?.times(chance)?)?;
                    }
                }
                Some(())
            })?;
        }
        let turns = self.ranges.exact(UncertainInput::Turns).place(point.get(UncertainInput::Turns));
        for (index, (rate, range)) in tariff.beside.iter().zip(&stream.also).enumerate().filter(|(_, (r, _))| r.per > 0)
        {
            let quantity = range.at(point.get(UncertainInput::Also).of_part(index));
            let quantity = Decimal::try_from_i128_with_scale(i128::from(quantity), 6).ok()?.normalize();
            let usd = Working::exact(amount(quantity, rate.rate, rate.per)?.amount());
            total = total.plus(usd.times(turns)?)?;
        }
        Some(total)
    }

    /// Requests and tokens of one call on the streams that answer, for what is free.
    pub(super) fn uses_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (requests, prompt, answer) = self.sums_of_a_call(point);
        (requests, prompt + answer)
    }

    /// Tokens that one call sends and gets back, retries included.
    #[must_use]
    pub(crate) fn tokens_of_a_call(&self, point: &Point) -> (Decimal, Decimal) {
        let (_, prompt, answer) = self.sums_of_a_call(point);
        (prompt, answer)
    }

    fn sums_of_a_call(&self, point: &Point) -> (Decimal, Decimal, Decimal) {
        let (mut requests, mut prompt, mut answer) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let (sent, answered) = attempts(&self.feature, point.get(UncertainInput::Failures));
        for stream in self.streams.iter().filter(|s| s.role == StreamRole::Answer) {
            for (row, n) in &stream.counted.rows {
                let rows = Decimal::from(stream.counted.row_count.max(1));
                let share = stream.share.saturating_mul(Decimal::from(*n)).checked_div(rows).unwrap_or_default();
                let add = |chance: Decimal, sums: &BandSums| {
                    let [input, read, write, image, output, reasoning, request, audio, video, speech] =
                        sums.first().copied().unwrap_or_default();
                    let part = |quantity: i128, tried: Decimal| {
                        decimal(quantity).unwrap_or(Decimal::MAX).saturating_mul(tried).saturating_mul(chance * share)
                    };
                    requests += part(request, sent);
                    prompt += part(input + read + write + image + audio + video, sent);
                    answer += part(output + reasoning + speech, answered);
                    Some(())
                };
                self.each_part(stream, *row, point, (1, &|_| 0), add).unwrap_or_default();
            }
        }
        (requests, prompt, answer)
    }

    /// Requests that one call takes, retries included.
    #[must_use]
    pub(crate) fn requests_of_a_call(&self, point: &Point) -> Decimal {
        self.uses_of_a_call(point).0.normalize()
    }

    /// What every stream costs in every span of the plan at a point, what is free taken off; where a number has no end,
    /// rounded once at 10⁻¹² $.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub(crate) fn costs(&self, months: &[Month], point: &Point) -> Result<Vec<Vec<Usd>>, PlanError> {
        let paid = self.paid_shares(months, point);
        let stream_costs = |stream: &Stream| self.stream_costs(stream, months, point, paid.as_deref());
        let costs: Option<Vec<_>> = self.streams.iter().map(stream_costs).collect();
        costs.ok_or_else(|| PlanError::TooLarge(self.feature.name.clone()))
    }

    /// What it costs in every span of the plan at the means, all streams together.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    pub(crate) fn at_means(&self, months: &[Month]) -> Result<Vec<Usd>, PlanError> {
        let costs = self.costs(months, &Point::all(At::Expected))?;
        let of_span = |span: usize| costs.iter().filter_map(|stream| stream.get(span)).copied().sum();
        Ok((0..self.spans).map(of_span).collect())
    }

    fn stream_costs(
        &self,
        stream: &Stream,
        months: &[Month],
        point: &Point,
        paid: Option<&[Decimal]>,
    ) -> Option<Vec<Usd>> {
        let rate = self.rate(point);
        let growth = self.growth(months, point.get(UncertainInput::Growth));
        let mut costs = vec![Working::ZERO; self.spans];
        let prompts = self.prompt_growth(months.len(), point.get(UncertainInput::PromptGrowth));
        for epoch in &stream.epochs {
            let at = |point: &Point| self.working_per_call(stream, epoch, point)?.times(rate)?.times(stream.share);
            let by_month: Vec<Working> = match &prompts {
                None => vec![at(point)?],
                Some(factors) => factors.iter().map(|factor| at(&point.grown(*factor))).collect::<Option<_>>()?,
            };
            for (index, (slot, weight)) in self.slots().iter().zip(&epoch.weights).enumerate() {
                if weight.is_zero() {
                    continue;
                }
                let one = if prompts.is_some() { by_month.get(slot.month) } else { by_month.first() };
                let mut usd = one?.times(*weight)?.times(*growth.get(slot.month)?)?.divided(self.unit(slot.month))?;
                if let Some(share) = paid.and_then(|paid| paid.get(index)).filter(|share| **share != Decimal::ONE) {
                    // A share without end was divided before.
                    usd = Working { is_exact: false, ..usd.times(*share)? };
                }
                usd = usd.times(Self::paid_in(stream, slot.span))?;
                costs[slot.span] = costs[slot.span].plus(usd)?;
            }
        }
        Some(costs.into_iter().map(Working::usd).collect())
    }

    /// The inputs that are uncertain.
    #[must_use]
    pub(crate) fn uncertain(&self) -> Vec<UncertainInput> {
        let is_range = |input: &UncertainInput| match input {
            UncertainInput::Tokens => self.streams.iter().any(Self::is_estimated),
            UncertainInput::Attachments => {
                self.ranges.exact(*input).is_range() || self.streams.iter().any(|s| s.counted.images.is_range())
            }
            UncertainInput::Reasoning => self.streams.iter().any(|s| s.thinking.is_range()),
            UncertainInput::Also => self.streams.iter().any(|s| s.also.iter().any(Range::is_range)),
            UncertainInput::Media => self.streams.iter().any(|s| s.counted.media.is_range()),
            UncertainInput::Prompt => {
                self.streams.iter().any(|s| s.counted.rows.iter().any(|(r, _)| r.typed.is_range()))
            }
            other => self.ranges.exact(*other).is_range(),
        };
        UncertainInput::ALL.iter().copied().filter(is_range).collect()
    }

    /// Whether single calls differ though every mean is known: where their turns or steps are between two whole numbers, and
    /// where the lengths of single answers were measured.
    #[must_use]
    pub(crate) fn varies(&self) -> bool {
        let is_fraction = |input| !self.ranges.exact(input).expected.fract().is_zero();
        self.feature.spread.is_some() || is_fraction(UncertainInput::Turns) || is_fraction(UncertainInput::Steps)
    }

    /// The range of the prompts that were given as a number of tokens, where all of them are the same.
    pub(crate) fn typed_prompts(&self) -> Option<Range<Decimal>> {
        let (row, _) = self.streams.first()?.counted.rows.first()?;
        let tokens = |n: i64| Decimal::new(n, 6).normalize();
        Some(Range { low: tokens(row.typed.low), expected: tokens(row.typed.expected), high: tokens(row.typed.high) })
    }

    /// Whether the cost at the means is the mean of the cost. It is where every uncertain number only multiplies, or where
    /// the mean over its draws is worked out (turns, steps, growth, failures); it is not where a draw may lead to other
    /// rates, to a prompt too short for the cache, or to calls that are free.
    #[must_use]
    pub(crate) fn is_linear(&self) -> bool {
        if self.uncertain().is_empty() {
            return true;
        }
        let is_free = self.limits.iter().any(|limit| !limit.free.quantity.is_zero());
        !is_free && !self.streams.iter().any(|stream| self.is_bent(stream))
    }

    /// Whether draws of a stream may differ in the rates of a request, or in what of it can be cached.
    pub(crate) fn is_bent(&self, stream: &Stream) -> bool {
        let tariffs = || stream.epochs.iter().flat_map(|epoch| std::iter::once(&epoch.single).chain(&epoch.batch));
        let has_bands = tariffs().any(|tariff| tariff.bands.len() > 1);
        let has_minimum = self.feature.cache.is_some_and(|cache| stream.smallest_cacheable(&cache) > 0);
        let is_long = matches!(self.feature.history, History::Tokens(_) | History::Compacted { .. });
        if is_long && self.feature.turns.high > Decimal::ONE {
            return true;
        }
        if !has_bands && !has_minimum {
            return false;
        }
        let turns = i64::try_from(self.ranges.turns(At::High).len()).unwrap_or(i64::MAX);
        let steps: Vec<i64> = self.steps_of(stream, At::Expected).into_iter().map(|(n, _)| n).collect();
        let signs = |row: PromptRow, at: At, steps: i64| {
            let point = Point::all(at).grown(self.outer_growth(at));
            let shape = Shape { turns, steps, ..self.shape(stream, row, &point) };
            let mut signs = Vec::new();
            shape.requests(|request| {
                let bands: Vec<usize> = tariffs().map(|tariff| tariff.band(request.prompt).0).collect();
                signs.push((bands, request.cacheable));
            });
            signs
        };
        let rows = self.typical_rows(stream);
        rows.iter().any(|row| steps.iter().any(|n| signs(*row, At::Low, *n) != signs(*row, At::High, *n)))
    }

    /// The average prompt of the rows of a stream, or up to eight of different lengths where rates depend on it.
    #[must_use]
    pub(crate) fn typical_rows(&self, stream: &Stream) -> Vec<PromptRow> {
        let rows = &stream.counted.rows;
        let has_bands = stream.epochs.iter().any(|e| e.single.bands.len() > 1);
        let mut sorted: Vec<PromptRow> =
            rows.iter().flat_map(|(row, n)| std::iter::repeat_n(*row, usize::try_from(*n).unwrap_or(1))).collect();
        sorted.sort_by_key(PromptRow::expected);
        let groups = if has_bands { 8.min(sorted.len()) } else { 1 };
        let mean = |rows: &[PromptRow]| {
            let n = rows.len().max(1) as i128;
            let of = |get: &dyn Fn(&PromptRow) -> i64| {
                let sum: i128 = rows.iter().map(|r| i128::from(get(r))).sum();
                i64::try_from((sum + n / 2) / n).unwrap_or(i64::MAX)
            };
            let range = |part: fn(&PromptRow) -> Range<i64>| Range {
                low: of(&|r| part(r).low),
                expected: of(&|r| part(r).expected),
                high: of(&|r| part(r).high),
            };
            PromptRow { text: range(|r| r.text), typed: range(|r| r.typed) }
        };
        if sorted.len() <= 1 {
            return sorted;
        }
        (0..groups).map(|g| mean(&sorted[g * sorted.len() / groups..(g + 1) * sorted.len() / groups])).collect()
    }

    /// The share of a stream's calls that are batches.
    #[must_use]
    pub(crate) const fn batch_share(stream: &Stream) -> Decimal {
        stream.batch
    }

    /// What is billed besides the tokens of a turn, in millionths.
    pub(crate) fn beside(stream: &Stream) -> &[Range<i64>] {
        &stream.also
    }

    /// Tokens of the prompt of a first turn at the mean, for people.
    #[must_use]
    pub(crate) fn first_prompt(&self, stream: &Stream) -> u64 {
        let point = Point::all(At::Expected);
        let rows = self.typical_rows(stream);
        let mut first = None;
        if let Some(row) = rows.first() {
            self.shape(stream, *row, &point).requests(|request| first = first.or(Some(request.prompt)));
        }
        u64::try_from(first.unwrap_or(0) / MICRO).unwrap_or(0)
    }

    /// Whether the token counts of a stream's texts are ranges.
    #[must_use]
    pub(crate) fn is_estimated(stream: &Stream) -> bool {
        let CountedText { prefix, turn, rows, .. } = &stream.counted;
        prefix.is_range() || turn.is_range() || rows.iter().any(|(row, _)| row.text.is_range())
    }
}

/// A quotient, rounded at [`DIVIDED_SCALE`] digits where it has no end; `None` where there is nothing to divide by.
#[must_use]
pub(crate) fn per(usd: Usd, by: Decimal) -> Option<Usd> {
    Working::exact(usd.amount().normalize()).divided(by).map(Working::usd)
}

/// Money times a plain number: exact where the digits suffice, otherwise rounded at [`DIVIDED_SCALE`] digits.
#[must_use]
pub(crate) fn times(usd: Usd, factor: Decimal) -> Option<Usd> {
    Working::exact(usd.amount()).times(factor.normalize()).map(Working::usd)
}

/// Tokens of a prompt that is so many times as long as at first.
fn grown(tokens: i64, point: &Point) -> i64 {
    if point.1 == FIRST_LENGTH {
        return tokens;
    }
    i64::try_from(i128::from(tokens) * i128::from(point.1) / i128::from(FIRST_LENGTH)).unwrap_or(i64::MAX)
}

/// What becomes of a long history, in millionths of a token.
fn long_history(history: History) -> LongHistory {
    let micro = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    match history {
        History::Last(_) => LongHistory::Sent,
        History::Tokens(most) => LongHistory::Capped(micro(most)),
        History::Compacted { at, summary } => LongHistory::Compacted { at: micro(at), summary: micro(summary) },
    }
}

/// Tokens from the units of [`Shape::requests`]; `None` where they have more digits than a decimal.
fn decimal(quantity: i128) -> Option<Decimal> {
    let (mut quantity, mut scale) = (quantity, QUANTITY_SCALE);
    while scale > 0 && quantity % 10 == 0 {
        (quantity, scale) = (quantity / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(quantity, scale).ok()
}

impl TokenSlot {
    /// Whether only an attempt that gets an answer uses it.
    pub(crate) const fn is_answer(self) -> bool {
        matches!(self, TokenSlot::Output | TokenSlot::Reasoning | TokenSlot::Speech)
    }
}

impl At {
    /// The place of one of several numbers that are uncertain under one name: the digits behind those that place the
    /// first are as random as a number of their own.
    pub(crate) fn of_part(self, index: usize) -> At {
        match self {
            At::Share(share) if index > 0 => {
                At::Share(crate::calculator::stratified::uniform(share.to_bits(), index as u64, 0))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// Both factors have more digits than their product can carry: it is rounded once at 12 digits.
    #[test]
    fn a_product_that_is_too_long_is_rounded_once() {
        let product = times(Usd::new(dec!(0.123456789012345678)), dec!(0.1234567890123456)).unwrap();
        // 0.015241578753238835… by Python's decimal.
        assert_eq!(product.amount(), dec!(0.015241578753));
        // Where the digits suffice, nothing is rounded.
        let exact = times(Usd::new(dec!(0.000000001)), dec!(0.000000001)).unwrap();
        assert_eq!(exact.amount(), dec!(0.000000000000000001));
        assert_eq!(times(Usd::new(Decimal::MAX), dec!(10)), None);
    }
}
