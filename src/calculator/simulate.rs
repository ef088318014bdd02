//! Many draws of a plan: [`simulate`] says between which bounds nine in ten of them lie.
//!
//! A draw settles every uncertain number once for the whole plan (nobody's answers are short in May and long in June
//! because of ignorance) and prices it. What single calls differ by is a draw of its own for each span: it grows with the
//! root of their number, so that many calls are closer to their mean than few. Draws are floats from the rates on, and end as
//! bounds and as means that are marked as simulated; nothing else is made of them.
//!
//! A quantile is the value of one draw: with `n` draws in rising order, `low` is the one at `⌊0.05 (n − 1)⌋` and `high` the
//! one at `⌈0.95 (n − 1)⌉`. The draws of a number are stratified by a key of its own ([`stratified`]), so features can be drawn
//! apart from each other and on several threads, two of them share what they share, and a feature that is changed keeps its draws.

mod draw;
mod surface;

use std::borrow::Cow;
use std::ops::Range as Span;

use rust_decimal::Decimal;

use self::draw::FeatureDraws;
use super::projection::{FeaturePlan, Plan};
use super::ramp::ramp;
use super::settled::{BillTotal, Settled};
use super::stratified::stratified;
use crate::money::Usd;
use crate::range::Range;
use crate::tokenizer::parallel;

/// Digits behind the point that a simulated amount keeps.
const SIMULATED_SCALE: u32 = 12;
/// The key of the draws of the tax.
const TAX: u64 = u64::MAX;

/// What the draws of a plan say.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// By feature and month, before credits and tax.
    pub cells: Vec<Vec<Range<Usd>>>,
    /// By feature over the whole plan, before credits and tax.
    pub features: Vec<Range<Usd>>,
    /// The means by feature and span, before credits and tax.
    pub means: Vec<Vec<Usd>>,
    /// What is used of the credits by span, on average.
    pub credits: Vec<Usd>,
    /// What commitments add by span, on average.
    pub committed: Vec<Usd>,
    /// By month, credits and tax applied.
    pub months: Vec<Range<Usd>>,
    /// From the start to the end of each month, credits and tax applied.
    pub cumulative: Vec<Range<Usd>>,
    /// By budget, in its currency: the bounds, and the share of the draws that stay inside.
    pub budgets: Vec<BudgetDraws>,
    /// Over the whole plan, credits and tax applied.
    pub total: Range<Usd>,
    /// Standard error of the mean over the whole plan, in dollars: a statistic, not money.
    pub standard_error: f64,
}

/// What the draws say of a budget, in its currency.
#[derive(Clone, Copy, Debug, Default)]
pub struct BudgetDraws {
    /// One draw in twenty is below.
    pub low: Decimal,
    /// One draw in twenty is above.
    pub high: Decimal,
    /// The share of the draws that stay inside.
    pub chance: Decimal,
}

/// Draws a plan.
///
/// * `settled`: what is certain: fixed costs, credits, tax.
/// * `cells`: whether every month and cell gets its bounds too, which only a table shows.
#[must_use]
pub(crate) fn simulate(plan: &Plan, settled: &Settled, cells: bool, draws: usize) -> Simulation {
    let mut simulation = Simulation::default();
    let months: Vec<Span<usize>> = spans_of_months(plan);
    let mut groups = empty(plan, settled, draws);
    let mut scratch = vec![0.0; draws];
    let each = |feature: &FeaturePlan, own: &mut Groups| DrawnFeature::of(plan, feature, settled, cells, draws, own);
    for_each_feature(
        (&plan.features, draws),
        || empty(plan, settled, draws),
        each,
        |drawn, own| {
            add(&mut groups, own);
            simulation.means.push(drawn.means);
            simulation.features.push(drawn.total);
            if cells {
                simulation.cells.push(drawn.months);
            }
        },
    );
    let applied = settled.apply(&mut groups, draws, &taxes(settled, plan.workload.seed, draws));
    simulation.credits = applied.credits.into_iter().map(usd).collect();
    simulation.committed = applied.committed.into_iter().map(usd).collect();
    let totals = &groups[0];
    for budget in &settled.budgets {
        scratch.fill(0.0);
        for (span, rate) in &budget.spans {
            let rate = float(*rate);
            let draws = &totals[span * draws..(span + 1) * draws];
            scratch.iter_mut().zip(draws).for_each(|(sum, usd)| *sum += usd * rate);
        }
        let limit = float(budget.amount.amount.0);
        let inside = scratch.iter().filter(|n| **n <= limit).count() as u64;
        let chance = Decimal::from(inside).checked_div(Decimal::from(draws as u64)).unwrap_or_default();
        let bounds = spread(&mut scratch);
        simulation.budgets.push(BudgetDraws { low: bounds.low.amount(), high: bounds.high.amount(), chance });
    }
    let mut running = vec![0.0; draws];
    for spans in months {
        sum_of_spans(totals, spans, draws, &mut scratch);
        running.iter_mut().zip(&scratch).for_each(|(sum, n)| *sum += n);
        if cells {
            simulation.months.push(spread(&mut scratch));
            scratch.copy_from_slice(&running);
            simulation.cumulative.push(spread(&mut scratch));
        }
    }
    simulation.standard_error = standard_error(&running);
    simulation.total = spread(&mut running);
    simulation
}

/// The draws of usage by group, with those of one feature apart: what a lever needs, who changes one and keeps the others.
pub(crate) struct UsageDraws {
    draws: usize,
    tax: Vec<f64>,
    groups: Groups,
}

impl UsageDraws {
    /// Draws all features of a plan.
    pub(crate) fn of(plan: &Plan, settled: &Settled, draws: usize) -> UsageDraws {
        let mut groups = empty(plan, settled, draws);
        let each = |feature: &FeaturePlan, own: &mut Groups| FeatureDraws::new(plan, feature, draws).run(settled, own);
        for_each_feature(
            (&plan.features, draws),
            || empty(plan, settled, draws),
            each,
            |(), own| add(&mut groups, own),
        );
        UsageDraws { draws, tax: taxes(settled, plan.workload.seed, draws), groups }
    }

    /// The mean of the bill with one feature in the place of another.
    pub(crate) fn mean_with(
        &self,
        plan: &Plan,
        settled: &Settled,
        change: Option<(&FeaturePlan, &FeaturePlan)>,
    ) -> BillTotal {
        let mut groups = self.groups.clone();
        if let Some((old, new)) = change {
            let mut own = empty(plan, settled, self.draws);
            FeatureDraws::new(plan, old, self.draws).run(settled, &mut own);
            for (group, own) in groups.iter_mut().zip(&own) {
                group.iter_mut().zip(own).for_each(|(sum, own)| *sum = (*sum - own).max(0.0));
            }
            own.iter_mut().for_each(|group| group.fill(0.0));
            FeatureDraws::new(plan, new, self.draws).run(settled, &mut own);
            add(&mut groups, &own);
        }
        settled.apply(&mut groups, self.draws, &self.tax);
        let draws = self.draws.max(1);
        let mean = |sums: &[f64]| usd(sums.iter().sum::<f64>() / draws as f64);
        BillTotal { usd: mean(&groups[0]), spans: groups[0].chunks(draws).map(mean).collect() }
    }
}

/// What is used by group of providers, by span and draw.
type Groups = Vec<Vec<f64>>;

fn empty(plan: &Plan, settled: &Settled, draws: usize) -> Groups {
    vec![vec![0.0; plan.spans.len() * draws]; settled.groups.len() + 1]
}

fn add(sums: &mut Groups, own: &Groups) {
    for (sum, own) in sums.iter_mut().zip(own) {
        sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
}

/// What the draws of a feature say, before credits and tax.
struct DrawnFeature {
    /// The means by span.
    means: Vec<Usd>,
    /// Over the whole plan.
    total: Range<Usd>,
    /// By month, where that is asked for.
    months: Vec<Range<Usd>>,
}

impl DrawnFeature {
    /// Draws a feature, and adds what it uses to its groups.
    fn of(
        plan: &Plan,
        feature: &FeaturePlan,
        settled: &Settled,
        cells: bool,
        draws: usize,
        groups: &mut Groups,
    ) -> DrawnFeature {
        FeatureDraws::new(plan, feature, draws).run(settled, groups);
        let own = sum_of_groups(groups);
        let mut scratch = vec![0.0; draws];
        sum_of_spans(&own, 0..plan.spans.len(), draws, &mut scratch);
        let total = spread(&mut scratch);
        let month = |spans: Span<usize>| {
            sum_of_spans(&own, spans, draws, &mut scratch);
            spread(&mut scratch)
        };
        let months = if cells { spans_of_months(plan).into_iter().map(month).collect() } else { Vec::new() };
        let means = own.chunks(draws.max(1)).map(|span| usd(span.iter().sum::<f64>() / draws as f64)).collect();
        DrawnFeature { means, total, months }
    }
}

/// All groups together; most plans have one.
fn sum_of_groups(groups: &Groups) -> Cow<'_, [f64]> {
    match groups.as_slice() {
        [only] => Cow::Borrowed(only),
        _ => {
            let mut sum = vec![0.0; groups.first().map_or(0, Vec::len)];
            groups.iter().for_each(|group| sum.iter_mut().zip(group).for_each(|(sum, own)| *sum += own));
            Cow::Owned(sum)
        }
    }
}

/// With fewer draws of all features together, threads cost more than they save.
const WORTH_THREADS: usize = 10_000;

/// Draws features on as many threads as the machine has, each with sums of its own, and hands the results over in the order
/// of the file: floats are added in the same order on any number of threads.
fn for_each_feature<R: Send>(
    (features, draws): (&[FeaturePlan], usize),
    empty: impl Fn() -> Groups,
    draw: impl Fn(&FeaturePlan, &mut Groups) -> R + Sync,
    mut take: impl FnMut(R, &Groups),
) {
    // A few draws are done before another thread has begun.
    let is_long = draws.saturating_mul(features.len()) > WORTH_THREADS;
    let threads = if is_long { parallel::available().min(features.len()).max(1) } else { 1 };
    let mut sums: Vec<Groups> = (0..threads).map(|_| empty()).collect();
    let one = |feature: &FeaturePlan, own: &mut Groups| {
        own.iter_mut().for_each(|group| group.fill(0.0));
        draw(feature, own)
    };
    for some in features.chunks(threads) {
        let drawn = parallel::each(some.iter().zip(&mut sums).collect(), |(feature, own)| one(feature, own));
        drawn.into_iter().zip(&sums).for_each(|(drawn, own)| take(drawn, own));
    }
}

fn taxes(settled: &Settled, seed: u64, draws: usize) -> Vec<f64> {
    let tax = settled.tax.map(float);
    if tax.low >= tax.high {
        return vec![tax.expected; draws];
    }
    stratified(seed, TAX, draws).into_iter().map(|share| ramp(tax.low, tax.expected, tax.high, share)).collect()
}

/// The spans of every month.
fn spans_of_months(plan: &Plan) -> Vec<Span<usize>> {
    let of = |month: usize| {
        let first = plan.spans.partition_point(|span| span.month < month);
        first..plan.spans.partition_point(|span| span.month <= month)
    };
    (0..plan.months.len()).map(of).collect()
}

fn sum_of_spans(draws_by_span: &[f64], spans: Span<usize>, draws: usize, sum: &mut [f64]) {
    sum.fill(0.0);
    for span in spans {
        let own = &draws_by_span[span * draws..(span + 1) * draws];
        sum.iter_mut().zip(own).for_each(|(sum, n)| *sum += n);
    }
}

pub(super) fn float(n: Decimal) -> f64 {
    f64::try_from(n).unwrap_or(0.0)
}

/// Bounds and mean of draws; puts them into another order.
fn spread(draws: &mut [f64]) -> Range<Usd> {
    let n = draws.len();
    if n == 0 {
        return Range::default();
    }
    let mean = draws.iter().sum::<f64>() / n as f64;
    let (low, high) = ((n - 1) * 5 / 100, ((n - 1) * 95).div_ceil(100));
    let low_draw = *draws.select_nth_unstable_by(low, f64::total_cmp).1;
    let high_draw = match high.checked_sub(low + 1) {
        // What is behind the low bound is above it already.
        Some(behind) => *draws[low + 1..].select_nth_unstable_by(behind, f64::total_cmp).1,
        None => low_draw,
    };
    Range { low: usd(low_draw), expected: usd(mean), high: usd(high_draw) }
}

/// A simulated amount, rounded once. What is no number any more is as much as money can be: nothing unknown is free.
fn usd(amount: f64) -> Usd {
    let exact = Decimal::from_f64_retain(amount).or_else(|| Decimal::try_from(amount).ok());
    let most = if amount < 0.0 { Decimal::MIN } else { Decimal::MAX };
    Usd::new(exact.map_or(most, |exact| exact.round_dp(SIMULATED_SCALE).normalize()))
}

fn standard_error(draws: &[f64]) -> f64 {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The draws 0 to 100 dollars: one in twenty is below 5 and one in twenty above 95, whatever order they come in.
    #[test]
    fn bounds_hold_nine_draws_in_ten() {
        let dollars = |spread: Range<Usd>| [spread.low, spread.expected, spread.high].map(|usd| usd.to_string());
        let mut draws: Vec<f64> = (0..=100).map(|n| f64::from(n * 37 % 101)).collect();
        assert_eq!(dollars(spread(&mut draws)), ["5", "50", "95"]);
        // Of few draws, the bounds lie outside rather than inside: at ⌊0.05 × 9⌋ and ⌈0.95 × 9⌉.
        let mut few: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(dollars(spread(&mut few)), ["1", "5.5", "10"]);
        assert_eq!(dollars(spread(&mut [7.0])), ["7", "7", "7"]);
        assert_eq!(spread(&mut []), Range::default());
    }

    #[test]
    fn what_is_no_amount_is_never_free() {
        for amount in [f64::NAN, f64::INFINITY, 1e40] {
            assert_eq!(usd(amount), Usd::new(Decimal::MAX), "{amount}");
        }
        assert_eq!(usd(f64::NEG_INFINITY), Usd::new(Decimal::MIN));
        assert_eq!([usd(0.0), usd(1.5)].map(|usd| usd.to_string()), ["0", "1.5"]);
    }
}
