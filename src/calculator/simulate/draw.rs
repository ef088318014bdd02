//! One feature, drawn: [`FeatureDraws`].

use super::float;
use super::surface::{Between, CallCost, FloatRates, Paid, Surface, walked};
use crate::calculator::projection::{
    Epoch, FIRST_LENGTH, FeaturePlan, FreeLimit, INPUTS, Plan, Point, PromptRow, Stream, StreamRole, UncertainInput,
};
use crate::calculator::ramp::ramp;
use crate::calculator::settled::Settled;
use crate::calculator::shape::{At, Shape};
use crate::calculator::stratified::{normal, stratified};
use crate::calculator::tariff::Tariff;
use crate::calculator::workload::{Billed, Growth, Per};
use crate::range::Range;
use rust_decimal::Decimal;
use std::sync::Arc;

/// The key of what single calls differ by, beside those of the inputs.
const SINGLE: u64 = INPUTS as u64;
/// How many keys a feature has.
const KEYS: u64 = INPUTS as u64 + 1;

/// A feature with the draws of everything that is uncertain in it.
pub(super) struct FeatureDraws<'p> {
    plan: &'p Plan,
    feature: &'p FeaturePlan,
    /// How many times its first length the prompt has at the low and the high end, in billionths.
    growth: (i64, i64),
    /// The same by draw; nothing where prompts are of their first length.
    grown: Vec<i64>,
    draws: usize,
    /// The places of what is uncertain in its ranges, by draw.
    shares: Arc<[(UncertainInput, Vec<f64>)]>,
}

/// Numbers of all draws, or the one that all of them have.
enum Drawn {
    One(f64),
    Each(Vec<f64>),
}

impl Drawn {
    fn get(&self, draw: usize) -> f64 {
        match self {
            Drawn::One(n) => *n,
            Drawn::Each(list) => list.get(draw).copied().unwrap_or_default(),
        }
    }

    fn map(&self, f: impl Fn(f64) -> f64) -> Drawn {
        match self {
            Drawn::One(n) => Drawn::One(f(*n)),
            Drawn::Each(list) => Drawn::Each(list.iter().map(|n| f(*n)).collect()),
        }
    }

    fn with(&self, other: &Drawn, f: impl Fn(f64, f64) -> f64) -> Drawn {
        match (self, other) {
            (Drawn::One(a), Drawn::One(b)) => Drawn::One(f(*a, *b)),
            (Drawn::One(a), other) => other.map(|b| f(*a, b)),
            (own, Drawn::One(b)) => own.map(|a| f(a, *b)),
            (Drawn::Each(a), Drawn::Each(b)) => Drawn::Each(a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()),
        }
    }
}

/// How many calls are paid for in a slot, by draw.
struct Number<'d> {
    /// The calls of its month in a unit of their time.
    calls: &'d Drawn,
    /// How many such units it has.
    times: f64,
    /// The share that is not free; nothing where all of it is paid.
    paid: Option<&'d Drawn>,
}

impl Number<'_> {
    /// Adds so many times an amount, and a factor, to the sum of each draw. The usual shapes are loops of their own, which the
    /// compiler makes wide, and none of them needs memory.
    fn add_times(&self, amount: &Drawn, factor: f64, sums: &mut [f64]) {
        let times = self.times * factor;
        match (amount, self.calls, self.paid) {
            (Drawn::Each(amounts), Drawn::Each(calls), None) => {
                for ((sum, amount), calls) in sums.iter_mut().zip(amounts).zip(calls) {
                    *sum += amount * calls * times;
                }
            }
            (Drawn::One(amount), Drawn::Each(calls), None) => {
                let each = amount * times;
                sums.iter_mut().zip(calls).for_each(|(sum, calls)| *sum += calls * each);
            }
            (Drawn::Each(amounts), Drawn::One(calls), None) => {
                let each = calls * times;
                sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount * each);
            }
            _ => {
                for (draw, sum) in sums.iter_mut().enumerate() {
                    let paid = self.paid.map_or(1.0, |paid| paid.get(draw));
                    *sum += amount.get(draw) * self.calls.get(draw) * times * paid;
                }
            }
        }
    }
}

impl<'p> FeatureDraws<'p> {
    pub(super) fn new(plan: &'p Plan, feature: &'p FeaturePlan, draws: usize) -> FeatureDraws<'p> {
        let growth = (FIRST_LENGTH, FIRST_LENGTH);
        let mut own = FeatureDraws { plan, feature, growth, grown: Vec::new(), draws, shares: Arc::new([]) };
        own.shares = feature.uncertain().into_iter().map(|input| (input, own.stratified(input))).collect();
        own
    }

    /// Where every uncertain number stands in a draw.
    fn point(&self, draw: usize) -> Point {
        let mut point = Point::all(At::Expected);
        if let Some(factor) = self.grown.get(draw) {
            point = point.grown(*factor);
        }
        for (input, shares) in &*self.shares {
            if let Some(share) = shares.get(draw) {
                point.0[*input as usize] = At::Share(*share);
            }
        }
        point
    }

    /// The places of an input in its range. Counts by one tokenizer err together in all features, and so does what the
    /// workload says is drawn together.
    fn stratified(&self, input: UncertainInput) -> Vec<f64> {
        let of = |order: usize| (order as u64 + 1) * KEYS + input as u64;
        let feature = &self.feature.feature;
        let key = match input {
            UncertainInput::Tokens => self.tokenizer_key(),
            input if self.plan.workload.drawn_together.contains(&input.key()) => u64::MAX - 1 - input as u64,
            // The people of the plan are the same for every feature, and what follows another has its calls.
            UncertainInput::Calls if feature.shared_users => u64::MAX - 1 - INPUTS as u64,
            UncertainInput::Calls | UncertainInput::Sessions | UncertainInput::Growth => of(feature.calls_of),
            _ => of(feature.order),
        };
        stratified(self.plan.workload.seed, key, self.draws)
    }

    fn tokenizer_key(&self) -> u64 {
        let name = self.feature.streams.first().and_then(|s| s.tokenizer.as_deref()).unwrap_or("");
        // FNV-1a: any hash that is the same in every run would do.
        name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    /// The draws of a range that an input has.
    fn drawn(&self, input: UncertainInput, range: Range<f64>) -> Drawn {
        if range.low >= range.high {
            return Drawn::One(range.expected);
        }
        match self.shares.iter().find(|(own, _)| *own == input) {
            None => Drawn::One(range.expected),
            Some((_, shares)) => {
                Drawn::Each(shares.iter().map(|share| ramp(range.low, range.expected, range.high, *share)).collect())
            }
        }
    }

    fn input(&self, input: UncertainInput) -> Drawn {
        self.drawn(input, self.feature.ranges.exact(input).map(float))
    }

    /// Adds what the feature costs, by span and draw, to the groups that its streams are in.
    pub(super) fn run(&self, settled: &Settled, groups: &mut [Vec<f64>]) {
        let calls = self.calls();
        let paid = self.paid(&calls);
        let mut variance: Vec<f64> = Vec::new();
        let by_month = self.by_month();
        for stream in &self.feature.streams {
            let group = settled.group_of(stream);
            let share = float(stream.share);
            for epoch in &stream.epochs {
                let costs: Vec<(Drawn, Option<Drawn>)> = match &by_month {
                    Some(months) => months.iter().map(|month| month.costs(stream, epoch)).collect(),
                    None => vec![self.costs(stream, epoch)],
                };
                for (index, (slot, weight)) in self.feature.slots().iter().zip(&epoch.weights).enumerate() {
                    if weight.is_zero() {
                        continue;
                    }
                    let Some((mean, single)) = costs.get(if by_month.is_some() { slot.month } else { 0 }) else {
                        continue;
                    };
                    let paid_share = float(FeaturePlan::paid_in(stream, slot.span));
                    let unit = float(self.feature.unit(slot.month)).max(f64::MIN_POSITIVE);
                    let times = share * float(*weight) / unit * paid_share;
                    let number = Number { calls: &calls[slot.month], times, paid: paid.get(index) };
                    let span = slot.span * self.draws..(slot.span + 1) * self.draws;
                    number.add_times(mean, 1.0, &mut groups[group][span.clone()]);
                    if let Some(single) = single {
                        variance.resize(self.plan.spans.len() * self.draws, 0.0);
                        number.add_times(single, paid_share, &mut variance[span]);
                    }
                }
            }
        }
        if !variance.is_empty() {
            let group = self.feature.streams.first().map_or(0, |stream| settled.group_of(stream));
            self.add_single(&variance, group, groups);
        }
    }

    /// The same draws with the prompts of each month, where prompts grow.
    fn by_month(&self) -> Option<Vec<FeatureDraws<'p>>> {
        let months = self.plan.months.len();
        let at = |at: At| self.feature.prompt_growth(months, at);
        let (low, high) = (at(At::Low)?, at(At::High)?);
        let input = UncertainInput::PromptGrowth;
        let drawn: Vec<Vec<i64>> = (0..self.draws).filter_map(|draw| at(self.point(draw).get(input))).collect();
        let of = |month: usize| FeatureDraws {
            plan: self.plan,
            feature: self.feature,
            growth: (low[month], high[month]),
            grown: drawn.iter().map(|factors| factors[month]).collect(),
            draws: self.draws,
            shares: self.shares.clone(),
        };
        Some((0..months).map(of).collect())
    }

    /// What single calls add to their mean, by span: a draw with the variance of all of them together.
    fn add_single(&self, variance: &[f64], group: usize, groups: &mut [Vec<f64>]) {
        for (index, variance) in variance.chunks(self.draws).enumerate() {
            let key = ((self.feature.feature.order as u64 + 1) * KEYS + SINGLE).wrapping_add((index as u64 + 1) << 32);
            let shares = stratified(self.plan.workload.seed, key, self.draws);
            for (draw, (share, variance)) in shares.iter().zip(variance).enumerate() {
                let at = index * self.draws + draw;
                // Costs do not fall below nothing, nor rise by more than they could fall: the mean stays.
                let most = groups.iter().map(|sums| sums[at]).sum::<f64>().max(0.0);
                groups[group][at] += (normal(*share) * variance.sqrt()).clamp(-most, most);
            }
        }
    }

    /// The calls of every month in a unit of their time.
    fn calls(&self) -> Vec<Drawn> {
        let feature = self.feature;
        let rate = self.input(UncertainInput::Calls).with(&self.input(UncertainInput::Sessions), |a, b| a * b);
        let rate = rate.with(&self.input(UncertainInput::Share), |a, b| a * b);
        let months = self.plan.months.len();
        if matches!(feature.feature.growth, Growth::Steps(_)) {
            let factors = feature.growth(&self.plan.months, At::Expected);
            return factors.into_iter().map(|factor| rate.map(|rate| rate * float(factor))).collect();
        }
        let growth = self.input(UncertainInput::Growth);
        let mut list: Vec<Drawn> = Vec::with_capacity(months);
        for month in 0..months {
            let before = list.last().unwrap_or(&rate);
            let now = match month > feature.first_month() {
                true => before.with(&growth, |calls, share| calls * (1.0 + share)),
                false => before.map(|calls| calls),
            };
            list.push(now);
        }
        list
    }

    /// The share of every slot that is not free; nothing where all of it is paid.
    fn paid(&self, calls: &[Drawn]) -> Vec<Drawn> {
        let feature = self.feature;
        let mut paid: Vec<Drawn> = Vec::new();
        for FreeLimit { free, others, between } in feature.limits() {
            let at = |list: &[Decimal], slot: usize| list.get(slot).copied().map_or(0.0, float);
            let used = self.used(free.is_tokens);
            let mut left: Vec<f64> = Vec::new();
            let mut month = None;
            for (index, slot) in feature.slots().iter().enumerate() {
                let times = float(slot.weight) / float(feature.unit(slot.month)).max(f64::MIN_POSITIVE);
                let (beside, before) = (at(others, index), at(between, index));
                let all = calls[slot.month].with(&used, |calls, used| calls * used * times + beside);
                let quantity = float(free.quantity);
                let share = |draw: usize, left: &mut Vec<f64>| {
                    let all = all.get(draw);
                    let own = match free.per {
                        Per::Day => quantity * slot.days as f64,
                        _ => (left[draw] - before).max(0.0),
                    };
                    if free.per != Per::Day {
                        left[draw] = (own - all).max(0.0);
                    }
                    if all > 0.0 { ((all - own) / all).max(0.0) } else { 1.0 }
                };
                if month != Some(slot.month) {
                    month = Some(slot.month);
                    left = vec![quantity; self.draws];
                }
                let shares = Drawn::Each((0..self.draws).map(|draw| share(draw, &mut left)).collect());
                match paid.get_mut(index) {
                    Some(other) => *other = other.with(&shares, f64::max),
                    None => paid.push(shares),
                }
            }
        }
        paid
    }

    /// Requests or tokens of one call on the streams that answer.
    fn used(&self, tokens: bool) -> Drawn {
        let rates = FloatRates::counting(tokens);
        let mut sum = Drawn::One(0.0);
        for stream in self.feature.streams.iter().filter(|stream| stream.role == StreamRole::Answer) {
            let share = float(stream.share);
            sum = sum.with(&self.cost_at(stream, &rates, false).0, |sum, used| sum + used * share);
        }
        sum
    }

    /// What a call costs on a stream, and how much single calls vary, where they do.
    fn costs(&self, stream: &Stream, epoch: &Epoch) -> (Drawn, Option<Drawn>) {
        let at = |tariff: &Tariff| {
            let (mean, variance) = self.cost_at(stream, &FloatRates::of(tariff), true);
            (mean.with(&self.beside(stream, tariff), |cost, fee| cost + fee), variance)
        };
        let single = at(&epoch.single);
        let Some(batch) = &epoch.batch else { return single };
        let share = float(FeaturePlan::batch_share(stream));
        let batched = at(batch);
        let mean = single.0.with(&batched.0, |one, other| one * (1.0 - share) + other * share);
        let variance =
            single.1.zip(batched.1).map(|(one, other)| one.with(&other, |a, b| a * (1.0 - share) + b * share));
        (mean, variance)
    }

    /// What is billed besides tokens.
    fn beside(&self, stream: &Stream, tariff: &Tariff) -> Drawn {
        let turns = self.input(UncertainInput::Turns);
        let mut sum = Drawn::One(0.0);
        for (index, (rate, range)) in tariff.beside.iter().zip(FeaturePlan::beside(stream)).enumerate() {
            if rate.per == 0 {
                continue;
            }
            let one = float(rate.rate) / rate.per as f64 / 1e6;
            let quantity = match range.low == range.high {
                true => Drawn::One(range.expected as f64),
                false => {
                    let at = |draw| range.at(self.point(draw).get(UncertainInput::Also).of_part(index)) as f64;
                    Drawn::Each((0..self.draws).map(at).collect())
                }
            };
            let fee = quantity.with(&turns, |quantity, turns| quantity * turns * one);
            sum = sum.with(&fee, |sum, fee| sum + fee);
        }
        sum
    }

    /// What the tokens of a call cost at some rates.
    fn cost_at(&self, stream: &Stream, rates: &FloatRates, with_variance: bool) -> (Drawn, Option<Drawn>) {
        let feature = self.feature;
        let rows = feature.typical_rows(stream);
        let (turns, steps) = (self.input(UncertainInput::Turns), self.input(UncertainInput::Steps));
        let steps = if stream.role == StreamRole::Answer { steps } else { Drawn::One(1.0) };
        let attempts = self.attempts();
        let spread = feature.feature.spread.as_ref().filter(|_| with_variance && stream.role == StreamRole::Answer);
        let deviation = spread.map_or(0.0, |spread| spread.deviation() * 1e6);
        let is_fraction = |input: UncertainInput| {
            let range = feature.ranges.exact(input);
            range.is_range() || !range.expected.fract().is_zero()
        };
        let varies = deviation > 0.0 || is_fraction(UncertainInput::Turns) || is_fraction(UncertainInput::Steps);
        let most_turns = i64::try_from(feature.ranges.turns(At::High).len()).unwrap_or(i64::MAX);
        let counts = feature.steps_of(stream, At::Expected);
        let counts =
            (counts.iter().map(|(n, _)| *n).min().unwrap_or(1), counts.iter().map(|(n, _)| *n).max().unwrap_or(1));
        let is_bent = feature.is_bent(stream);
        let shape_at = |row: PromptRow, point: &Point| Shape { turns: most_turns, ..feature.shape(stream, row, point) };
        let (low, high) = (Point::all(At::Low).grown(self.growth.0), Point::all(At::High).grown(self.growth.1));
        let surface = |row: &PromptRow| {
            (!is_bent)
                .then(|| Surface::of(rates, &shape_at(*row, &low), &shape_at(*row, &high), counts, deviation > 0.0))
        };
        let surfaces: Vec<Option<Surface>> = rows.iter().map(surface).collect();
        let cost = |draw: usize| {
            let point = &self.point(draw);
            let numbers = (Between::of(turns.get(draw)), Between::of(steps.get(draw)));
            let attempts: Paid = [attempts[0].get(draw), attempts[1].get(draw)];
            let mut sum = CallCost::default();
            for (row, surface) in rows.iter().zip(&surfaces) {
                let shape = feature.shape(stream, *row, point);
                let one = match surface {
                    Some(surface) => surface.cost(&shape, numbers, attempts, deviation),
                    None => walked(rates, &shape, numbers, attempts, deviation),
                };
                sum = CallCost { mean: sum.mean + one.mean, variance: sum.variance + one.variance };
            }
            let n = rows.len().max(1) as f64;
            CallCost { mean: sum.mean / n, variance: sum.variance / n }
        };
        if !self.is_uncertain(stream) {
            let CallCost { mean, variance } = cost(0);
            return (Drawn::One(mean), varies.then_some(Drawn::One(variance)));
        }
        let costs: Vec<CallCost> = (0..self.draws).map(cost).collect();
        let variance = varies.then(|| Drawn::Each(costs.iter().map(|cost| cost.variance).collect()));
        (Drawn::Each(costs.into_iter().map(|cost| cost.mean).collect()), variance)
    }

    /// Whether anything about a call on a stream is uncertain.
    fn is_uncertain(&self, stream: &Stream) -> bool {
        let about_calls = [
            UncertainInput::Calls,
            UncertainInput::Sessions,
            UncertainInput::Share,
            UncertainInput::Growth,
            UncertainInput::Also,
        ];
        let concerns = |input: &UncertainInput| {
            let of_answers = stream.role == StreamRole::Answer;
            let everywhere =
                [UncertainInput::Turns, UncertainInput::Failures, UncertainInput::Prompt, UncertainInput::Tokens];
            !about_calls.contains(input)
                && (of_answers || everywhere.contains(input) || *input == UncertainInput::PassageLength)
        };
        self.feature.uncertain().iter().any(concerns)
    }

    /// Attempts that are sent, and those that are answered, for a request that works.
    fn attempts(&self) -> [Drawn; 2] {
        let retries = self.feature.feature.retries;
        let all = self
            .drawn(UncertainInput::Failures, retries.failure_rate.map(float))
            .map(|rate| (0..retries.attempts.max(1)).map(|n| rate.powi(i32::try_from(n).unwrap_or(i32::MAX))).sum());
        let one = || Drawn::One(1.0);
        match retries.billed {
            Billed::All => [all.map(|n| n), all],
            Billed::Input => [all, one()],
            Billed::Nothing => [one(), one()],
        }
    }
}
