//! Many draws of a plan: [`simulate`] says between which bounds nine in ten of them lie.
//!
//! A draw settles every uncertain number once for the whole plan (nobody's answers are short in May and long in June
//! because of ignorance) and prices it. What is drawn are quantities, as floats; each becomes a whole number of
//! millionths before it meets a rate, and from there on everything is integer arithmetic: rates in femto-dollars, calls
//! in 1/1,024, sums in nano-dollars. A quantile is the value of one draw: with `n` draws in rising order, `low` is the one
//! at `⌊0.05 (n − 1)⌋` and `high` the one at `⌈0.95 (n − 1)⌉`. The numbers come from a counter: the draw `i` of an input is
//! a hash of seed, input and `i`, so features can be drawn one after the other and two of them share what they share.

use rust_decimal::Decimal;

use super::projection::{Epoch, FeaturePlan, INPUTS, Plan, Point, Stream, UncertainInput};
use super::settled::Settled;
use super::shape::{At, WHOLE};
use super::tariff::Tariff;
use super::workload::Growth;
use crate::money::Usd;
use crate::range::Range;

/// Binary digits behind the point that a call's cost keeps below a nano-dollar.
const COST_BITS: u32 = 30;
/// Binary digits behind the point that a number of calls keeps.
const CALL_BITS: u32 = 10;
/// Nano-dollars in a dollar.
const NANO: i64 = 1_000_000_000;

/// What the draws of a plan say.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// By feature and month, before credits and tax.
    pub cells: Vec<Vec<Range<Usd>>>,
    /// By feature over the whole plan, before credits and tax.
    pub features: Vec<Range<Usd>>,
    /// By month, credits and tax applied.
    pub months: Vec<Range<Usd>>,
    /// From the start to the end of each month, credits and tax applied.
    pub cumulative: Vec<Range<Usd>>,
    /// Over the whole plan, credits and tax applied.
    pub total: Range<Usd>,
    /// Standard error of the mean over the whole plan, in dollars: a statistic, not money.
    pub standard_error: f64,
    /// Totals of all draws in nano-dollars, in rising order.
    pub totals: Vec<i64>,
}

/// A number from 0 to 1 that depends on its three keys alone.
///
/// # Source
/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators").
#[must_use]
pub(crate) fn uniform(seed: u64, input: u64, draw: u64) -> f64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let key = mix(seed.wrapping_add(input.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let bits = mix(key.wrapping_add(draw.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    // Half a step from either end: neither 0 nor 1 comes up.
    ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Draws a plan.
///
/// * `settled`: what is certain: fixed costs, credits, tax.
/// * `cells`: whether every month and cell gets its bounds too, which only a table shows.
#[must_use]
pub(crate) fn simulate(plan: &Plan, settled: &Settled, cells: bool, draws: usize) -> Simulation {
    let (months, seed) = (plan.months.len(), plan.workload.seed);
    let mut simulation = Simulation::default();
    let mut groups = vec![vec![0_i64; months * draws]; settled.groups.len() + 1];
    let mut own = vec![0_i64; months * draws];
    for (index, feature) in plan.features.iter().enumerate() {
        own.fill(0);
        let drawing = Drawing { plan, feature, seed, draws, months };
        drawing.run(settled, &mut own, &mut groups);
        simulation.features.push(drawing.total(&own));
        if cells {
            simulation.cells.push(own.chunks_mut(draws).map(spread).collect());
        }
    }
    settled.apply(&mut groups, months, draws);
    let Some(mut totals) = groups.into_iter().next() else { return simulation };
    let mut running = vec![0_i64; draws];
    let mut scratch = vec![0_i64; draws];
    for month in totals.chunks_mut(draws) {
        running.iter_mut().zip(month.iter()).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
        if cells {
            scratch.copy_from_slice(&running);
            simulation.cumulative.push(spread(&mut scratch));
            simulation.months.push(spread(month));
        }
    }
    simulation.standard_error = standard_error(&running);
    simulation.total = spread(&mut running);
    running.sort_unstable();
    simulation.totals = running;
    simulation
}

struct Drawing<'p> {
    plan: &'p Plan,
    feature: &'p FeaturePlan,
    seed: u64,
    draws: usize,
    months: usize,
}

/// A stream with what its draws need at hand.
struct Ready<'p> {
    stream: &'p Stream,
    group: usize,
    rows: Vec<Range<i64>>,
    /// Units of the calls' time by epoch and month, the share of the stream included.
    weights: Vec<Vec<f64>>,
    batch: i128,
}

impl Drawing<'_> {
    fn run(&self, settled: &Settled, own: &mut [i64], groups: &mut [Vec<i64>]) {
        let uncertain = self.feature.uncertain();
        let ready: Vec<Ready> = self.feature.streams.iter().map(|s| self.ready(s, settled)).collect();
        let steps = self.step_growth();
        let mut calls = vec![0.0; self.months];
        let mut paid = vec![1.0; self.months];
        for draw in 0..self.draws {
            let point = self.point(&uncertain, draw);
            self.calls(&point, &steps, &mut calls);
            self.paid(&point, &calls, &mut paid);
            let growing = self.feature.prompt_growth(point.0[UncertainInput::PromptGrowth as usize]);
            for stream in &ready {
                for (epoch, weights) in stream.stream.epochs.iter().zip(&stream.weights) {
                    let steady = if growing.is_none() { self.epoch_cost(stream, epoch, &point) } else { 0 };
                    for (month, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
                        let cost = match &growing {
                            Some(factors) => self.epoch_cost(stream, epoch, &point.grown(factors[month])),
                            None => steady,
                        };
                        let calls = weight * calls[month] * paid[month];
                        let calls = (calls * f64::from(1_u32 << CALL_BITS)).round() as i64;
                        let nano = clamp(cost.saturating_mul(i128::from(calls)) >> (COST_BITS + CALL_BITS));
                        let at = month * self.draws + draw;
                        own[at] = own[at].saturating_add(nano);
                        groups[stream.group][at] = groups[stream.group][at].saturating_add(nano);
                    }
                }
            }
        }
    }

    /// What a call costs under the rates of an epoch.
    fn epoch_cost(&self, stream: &Ready, epoch: &Epoch, point: &Point) -> i128 {
        let single = self.cost(stream, &epoch.single, point);
        let Some(batch) = &epoch.batch else { return single };
        let batched = self.cost(stream, batch, point);
        (single / WHOLE) * (WHOLE - stream.batch) + (batched / WHOLE) * stream.batch
    }

    fn ready<'p>(&self, stream: &'p Stream, settled: &Settled) -> Ready<'p> {
        let share = float(stream.share);
        let paid = |month: usize| float(FeaturePlan::paid_of(stream, month));
        let by_month = |e: &Epoch| e.weights.iter().enumerate().map(|(m, w)| float(*w) * share * paid(m)).collect();
        let weights = stream.epochs.iter().map(by_month).collect();
        let batch =
            i128::try_from((FeaturePlan::batch_share(stream) * Decimal::from(1_000_000_000)).round()).unwrap_or(0);
        Ready { stream, group: settled.group_of(stream), rows: self.feature.typical_rows(stream), weights, batch }
    }

    /// The place of every uncertain number in its range, in one draw. Counts by one tokenizer err together in all features.
    fn point(&self, uncertain: &[UncertainInput], draw: usize) -> Point {
        let mut point = Point::all(At::Expected);
        let key = |order: usize, input: UncertainInput| (order as u64 + 1) * INPUTS as u64 + input as u64;
        for input in uncertain {
            let key = match input {
                UncertainInput::Tokens => self.tokenizer_key(),
                // A feature that follows another has the calls of that one.
                UncertainInput::Calls | UncertainInput::Growth => key(self.feature.feature.calls_of, *input),
                other => key(self.feature.feature.order, *other),
            };
            point = point.with(*input, At::Share(uniform(self.seed, key, draw as u64)));
        }
        point
    }

    fn tokenizer_key(&self) -> u64 {
        let name = self.feature.streams.first().and_then(|s| s.tokenizer.as_deref()).unwrap_or("");
        // FNV-1a: any hash that is the same in every run would do.
        name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    fn step_growth(&self) -> Option<Vec<f64>> {
        let steps = || self.feature.growth(&self.plan.months, At::Expected).into_iter().map(float).collect();
        matches!(self.feature.feature.growth, Growth::Steps(_)).then(steps)
    }

    /// The calls of every month in a unit of their time.
    fn calls(&self, point: &Point, steps: &Option<Vec<f64>>, calls: &mut [f64]) {
        let at = |input: UncertainInput| point.0[input as usize];
        let share = self.feature.ranges.fixed(UncertainInput::Share).at(at(UncertainInput::Share)) as f64 / 1e9;
        let rate = self.feature.ranges.fixed(UncertainInput::Calls).at(at(UncertainInput::Calls)) as f64 / 1e6 * share;
        if let Some(steps) = steps {
            calls.iter_mut().zip(steps).for_each(|(calls, factor)| *calls = rate * factor);
            return;
        }
        let share = self.feature.ranges.fixed(UncertainInput::Growth).at(at(UncertainInput::Growth)) as f64 / 1e9;
        let mut now = rate;
        for (month, calls) in calls.iter_mut().enumerate() {
            if month > self.feature.first_month() {
                now *= 1.0 + share;
            }
            *calls = now;
        }
    }

    /// The share of every month that is not free.
    fn paid(&self, point: &Point, calls: &[f64], paid: &mut [f64]) {
        if !self.feature.is_free_in_part() {
            return;
        }
        let used = self.feature.free_used(point);
        for (month, paid) in paid.iter_mut().enumerate() {
            // A quantity: money is integers from here on.
            let calls = Decimal::try_from(calls[month]).unwrap_or_default();
            *paid = float(self.feature.paid_share(month, calls, used));
        }
    }

    /// What a call costs in nano-dollars with [`COST_BITS`] binary digits behind the point.
    fn cost(&self, ready: &Ready, tariff: &Tariff, point: &Point) -> i128 {
        let mut sum: i128 = 0;
        for row in &ready.rows {
            self.feature.shape(ready.stream, *row, point).requests(|prompt, parts| {
                let (_, band) = tariff.band(prompt);
                // A plan that may send such a prompt was refused when it was made.
                let Ok(rates) = &band.rates else {
                    return sum = i128::MAX;
                };
                for (rate, quantity) in rates.iter().zip(parts).filter(|(rate, _)| rate.femto != 0) {
                    sum = sum.saturating_add(quantity.saturating_mul(rate.femto));
                }
            });
        }
        // 10⁻³⁰ $ to 10⁻¹⁸ $, then to binary digits of 10⁻⁹ $.
        let fine = sum / (1_000_000_000_000 * ready.rows.len().max(1) as i128);
        let mut cost = (fine << COST_BITS) / 1_000_000_000;
        if !tariff.beside.is_empty() {
            let turns = self.feature.shape(ready.stream, Range::default(), point).turns;
            for (rate, quantity) in tariff.beside.iter().zip(FeaturePlan::beside(ready.stream, point)) {
                let femto =
                    rate.femto.saturating_mul(i128::from(quantity)).saturating_mul(i128::from(turns)) / 1_000_000;
                cost += (femto << COST_BITS) / 1_000_000;
            }
        }
        cost
    }

    fn total(&self, own: &[i64]) -> Range<Usd> {
        let mut sums = vec![0_i64; self.draws];
        for month in own.chunks(self.draws) {
            sums.iter_mut().zip(month).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
        }
        spread(&mut sums)
    }
}

fn clamp(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn float(n: Decimal) -> f64 {
    f64::try_from(n).unwrap_or(0.0)
}

/// Bounds and mean of draws in nano-dollars; puts them into another order.
fn spread(draws: &mut [i64]) -> Range<Usd> {
    let n = draws.len();
    if n == 0 {
        return Range::default();
    }
    let sum: i128 = draws.iter().map(|d| i128::from(*d)).sum();
    let low = (n - 1) * 5 / 100;
    let high = ((n - 1) * 95).div_ceil(100);
    let low = *draws.select_nth_unstable(low).1;
    let high = *draws.select_nth_unstable(high).1;
    Range { low: usd(i128::from(low), 1), expected: usd(sum, n as u64), high: usd(i128::from(high), 1) }
}

/// Nano-dollars divided by a count.
fn usd(nano: i128, by: u64) -> Usd {
    let per = by.saturating_mul(NANO as u64);
    Decimal::try_from_i128_with_scale(nano, 0)
        .ok()
        .and_then(|n| crate::money::amount(n, Decimal::ONE, per))
        .unwrap_or_default()
}

fn standard_error(draws: &[i64]) -> f64 {
    let n = draws.len() as f64;
    let dollars = |nano: &i64| *nano as f64 / NANO as f64;
    let mean = draws.iter().map(dollars).sum::<f64>() / n;
    let variance = draws.iter().map(|d| (dollars(d) - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculator::shape::ramp;

    #[test]
    fn uniform_numbers_are_uniform_and_the_same_every_time() {
        assert_eq!(uniform(1, 2, 3), uniform(1, 2, 3));
        assert_ne!(uniform(1, 2, 3), uniform(2, 2, 3));
        let n = 100_000_u64;
        let (mut sum, mut tenths) = (0.0, [0_u32; 10]);
        for draw in 0..n {
            let u = uniform(7, 5, draw);
            sum += u;
            tenths[(u * 10.0) as usize] += 1;
        }
        // Standard error of the mean: √(1/12) ÷ √n = 0.0009; of a tenth: √(0.09 n) = 95.
        assert!((sum / n as f64 - 0.5).abs() < 0.004, "{sum}");
        assert!(tenths.iter().all(|t| t.abs_diff(10_000) < 400), "{tenths:?}");
    }

    /// The draws 0 to 100 dollars: one in twenty is below 5 and one in twenty above 95, whatever order they come in.
    #[test]
    fn bounds_hold_nine_draws_in_ten() {
        let dollars = |spread: Range<Usd>| [spread.low, spread.expected, spread.high].map(|usd| usd.to_string());
        let mut draws: Vec<i64> = (0..=100).map(|n| (n * 37 % 101) * NANO).collect();
        assert_eq!(dollars(spread(&mut draws)), ["5", "50", "95"]);
        // Of few draws, the bounds lie outside rather than inside: at ⌊0.05 × 9⌋ and ⌈0.95 × 9⌉.
        let mut few: Vec<i64> = (1..=10).map(|n| n * NANO).collect();
        assert_eq!(dollars(spread(&mut few)), ["1", "5.5", "10"]);
        assert_eq!(spread(&mut []), Range::default());
    }

    #[test]
    fn the_mean_of_a_range_is_its_expected_value() {
        for (low, expected, high) in [(0.0, 1.0, 2.0), (100.0, 120.0, 900.0), (5.0, 5.0, 9.0), (5.0, 9.0, 9.0)] {
            let n = 200_000_u64;
            let mean = (0..n).map(|draw| ramp(low, expected, high, uniform(1, 1, draw))).sum::<f64>() / n as f64;
            // No range has a standard deviation above half its width.
            let error = (high - low) / 2.0 / (n as f64).sqrt();
            assert!((mean - expected).abs() < 4.0 * error, "{low}..{expected}..{high}: {mean}");
        }
    }
}
