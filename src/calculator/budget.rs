//! Whether a plan stays inside of a budget, and the day on which it does not any more.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days};
use super::outcome::Outcome;
use super::projection::{Plan, PlanError, Resolver};
use super::settled::{NoExchange, in_usd, minus};
use super::workload::Amount;
use crate::money::Usd;

/// What becomes of one budget.
#[derive(Clone, Debug)]
pub struct BudgetVerdict {
    /// The budget as the user gave it.
    pub amount: Amount,
    /// In dollars at the rate of its first day.
    pub usd: Usd,
    /// The month, where it is a monthly budget.
    pub month: Option<Month>,
    /// What is spent of it at the expected cost.
    pub spent: Usd,
    /// With the bounds of the cost.
    pub low: Usd,
    /// With the bounds of the cost.
    pub high: Usd,
    /// The day on which it is used up at the expected cost.
    pub ends: Option<Date>,
    /// The day at the high bound.
    pub ends_early: Option<Date>,
    /// The day at the low bound.
    pub ends_late: Option<Date>,
    /// Share of the draws that stay inside, where the budget is for the whole plan and anything is uncertain.
    pub chance: Option<Decimal>,
}

impl BudgetVerdict {
    /// Whether the expected cost stays inside.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.spent <= self.usd
    }
}

/// Judges every budget of a workload.
///
/// # Errors
/// [`NoExchange`] where a budget is in a currency without a rate.
pub(crate) fn judge(plan: &Plan, outcome: &Outcome, resolver: &dyn Resolver) -> Result<Vec<BudgetVerdict>, NoExchange> {
    let workload = &plan.workload;
    let budget = &workload.budget;
    let mut verdicts = Vec::new();
    if let Some(amount) = &budget.total {
        let (from, to) = (budget.from.unwrap_or(workload.start), budget.to.unwrap_or(workload.end));
        let usd = in_usd(amount, "the budget", from.max(workload.start), resolver)?;
        let whole = from <= workload.start && to >= workload.end;
        let inside: Vec<usize> = plan
            .months
            .iter()
            .enumerate()
            .filter(|(_, m)| m.next().first() > from && m.first() < to)
            .map(|(i, _)| i)
            .collect();
        verdicts.push(verdict(plan, outcome, amount, usd, &inside, whole, None));
    }
    if let Some(amount) = &budget.monthly {
        for (index, month) in plan.months.iter().enumerate() {
            let usd = in_usd(amount, "the monthly budget", month.first().max(workload.start), resolver)?;
            verdicts.push(verdict(plan, outcome, amount, usd, &[index], false, Some(*month)));
        }
    }
    Ok(verdicts)
}

fn verdict(
    plan: &Plan,
    outcome: &Outcome,
    amount: &Amount,
    usd: Usd,
    months: &[usize],
    whole: bool,
    month: Option<Month>,
) -> BudgetVerdict {
    let of = |get: &dyn Fn(usize) -> Usd| months.iter().map(|m| get(*m)).sum::<Usd>();
    let expected = |m: usize| outcome.months[m].expected;
    let (mut low, mut high) = (|m: usize| outcome.months[m].low, |m: usize| outcome.months[m].high);
    let ends = |get: &dyn Fn(usize) -> Usd| day_used_up(plan, outcome, months, usd, get);
    // Over the whole plan, bounds of the sum are closer together than sums of the bounds.
    let step = |m: usize, get: &dyn Fn(usize) -> Usd| if m == 0 { get(0) } else { minus(get(m), get(m - 1)) };
    let low_sum = |m: usize| step(m, &|m| outcome.cumulative[m].low);
    let high_sum = |m: usize| step(m, &|m| outcome.cumulative[m].high);
    let (low, high): (&dyn Fn(usize) -> Usd, &dyn Fn(usize) -> Usd) =
        if whole { (&low_sum, &high_sum) } else { (&mut low, &mut high) };
    let chance = outcome.simulation.as_ref().filter(|_| whole).map(|s| {
        let limit = i64::try_from((usd.amount() * Decimal::from(1_000_000_000)).trunc()).unwrap_or(i64::MAX);
        let inside = s.totals.partition_point(|nano| *nano <= limit);
        Decimal::from(inside as u64).checked_div(Decimal::from(s.totals.len() as u64)).unwrap_or_default()
    });
    BudgetVerdict {
        amount: amount.clone(),
        usd,
        month,
        spent: of(&expected),
        low: of(low),
        high: of(high),
        ends: ends(&expected),
        ends_early: ends(high),
        ends_late: ends(low),
        chance,
    }
}

/// The first day by whose end more than the budget is spent; within a month, costs fall on the days as calls do.
fn day_used_up(
    plan: &Plan,
    outcome: &Outcome,
    months: &[usize],
    budget: Usd,
    cost: &dyn Fn(usize) -> Usd,
) -> Option<Date> {
    let mut spent = Usd::ZERO;
    for month in months.iter().copied() {
        let own = cost(month);
        if spent + own > budget {
            return Some(day_within(plan, outcome, month, minus(budget, spent), own));
        }
        spent += own;
    }
    None
}

/// The day of a month by whose end more than `left` of its `cost` is spent.
fn day_within(plan: &Plan, outcome: &Outcome, index: usize, left: Usd, cost: Usd) -> Date {
    let month = plan.months[index];
    let (first, last) = (month.first().max(plan.workload.start), month.next().first().min(plan.workload.end));
    let zero = Decimal::ZERO;
    // What each feature costs on a day with the usual calls.
    let per_unit = plan.features.iter().zip(&outcome.features).map(|(feature, costs)| {
        let units: Decimal = days(first, last).map(|day| feature.feature.calendar.factor(day)).sum();
        let cost = costs.months.get(index).map_or(zero, |usd| usd.amount());
        (feature, cost.checked_div(units).unwrap_or(zero))
    });
    let per_unit: Vec<_> = per_unit.collect();
    let on = |day: Date| {
        per_unit.iter().map(|(f, unit)| f.feature.calendar.factor(day).saturating_mul(*unit)).sum::<Decimal>()
    };
    let fixed = outcome.fixed.get(index).map_or(zero, |usd| usd.amount());
    let all: Decimal = days(first, last).map(on).sum::<Decimal>() + fixed;
    let share_left = left.amount().checked_div(cost.amount()).unwrap_or(zero).max(zero);
    let mut spent = fixed;
    for day in days(first, last) {
        spent += on(day);
        if spent > share_left.saturating_mul(all) {
            return day;
        }
    }
    last.yesterday().unwrap_or(first)
}

/// How many times the planned calls a budget pays for, to four digits; `None` where even none are too many.
///
/// `cost` says what so many times the calls cost, and never falls.
///
/// # Errors
/// What `cost` answers.
pub(crate) fn affordable(
    budget: Usd,
    cost: &dyn Fn(Decimal) -> Result<Usd, PlanError>,
) -> Result<Option<Decimal>, PlanError> {
    if cost(Decimal::ZERO)? > budget {
        return Ok(None);
    }
    let (mut low, mut high) = (Decimal::ZERO, Decimal::ONE);
    while cost(high)? <= budget {
        low = high;
        high = high.saturating_mul(Decimal::TWO);
        if high > Decimal::from(1_000_000_000) {
            return Ok(Some(low));
        }
    }
    // Each step halves the distance: 40 of them leave less than the digits shown.
    for _ in 0..40 {
        let middle = ((low + high) / Decimal::TWO).round_dp(12);
        if cost(middle)? <= budget { low = middle } else { high = middle }
    }
    Ok(Some(low.round_dp_with_strategy(4, rust_decimal::RoundingStrategy::ToZero)))
}

/// The longest answer, in whole tokens, that keeps a cost at or below a target; `None` where none does.
///
/// # Errors
/// What `cost` answers.
pub(crate) fn longest_answer(
    target: Usd,
    cost: &dyn Fn(u64) -> Result<Usd, PlanError>,
) -> Result<Option<u64>, PlanError> {
    if cost(0)? > target {
        return Ok(None);
    }
    let (mut low, mut high) = (0_u64, 1_u64);
    while cost(high)? <= target {
        (low, high) = (high, high * 2);
        if high > 1 << 32 {
            return Ok(Some(low));
        }
    }
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if cost(middle)? <= target { low = middle } else { high = middle }
    }
    Ok(Some(low))
}
