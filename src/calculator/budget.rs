//! Whether a plan stays inside of a budget, and the day on which it does not any more.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days};
use super::outcome::Outcome;
use super::projection::{Plan, PlanError};
use super::settled::{Settled, SettledBudget, rounded};
use super::simulate::BudgetDraws;
use super::workload::Amount;
use crate::money::{Usd, exact_product};

/// Digits behind the point that an amount in a currency keeps.
const CONVERTED_SCALE: u32 = 12;

/// What becomes of one budget.
#[derive(Clone, Debug)]
pub struct BudgetVerdict {
    /// The budget as the user gave it.
    pub amount: Amount,
    /// In dollars at the rate of its first day.
    pub usd: Usd,
    /// The month, where it is a monthly budget.
    pub month: Option<Month>,
    /// What is spent of it at the expected cost, in its currency at the rates of the days.
    pub spent: Decimal,
    /// The same in dollars.
    pub spent_usd: Usd,
    /// The low bound of the cost, in dollars at the rate that `spent` has on the whole.
    pub low: Usd,
    /// The high bound of the cost.
    pub high: Usd,
    /// The day on which it is used up at the expected cost.
    pub ends: Option<Date>,
    /// The day at the high bound.
    pub ends_early: Option<Date>,
    /// The day at the low bound.
    pub ends_late: Option<Date>,
    /// Share of the draws that stay inside, where anything is uncertain.
    pub chance: Option<Decimal>,
}

impl BudgetVerdict {
    /// Whether the expected cost stays inside.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.spent <= self.amount.amount.0
    }
}

/// Judges every budget of a workload.
#[must_use]
pub(crate) fn judge(plan: &Plan, outcome: &Outcome, settled: &Settled) -> Vec<BudgetVerdict> {
    let drawn = |index: usize| outcome.simulation.as_ref().and_then(|s| s.budgets.get(index));
    settled
        .budgets
        .iter()
        .enumerate()
        .map(|(index, budget)| verdict(plan, outcome, settled, budget, drawn(index)))
        .collect()
}

fn verdict(
    plan: &Plan,
    outcome: &Outcome,
    settled: &Settled,
    budget: &SettledBudget,
    drawn: Option<&BudgetDraws>,
) -> BudgetVerdict {
    let cost = |span: usize| outcome.spans.get(span).copied().unwrap_or(Usd::ZERO);
    let in_currency = |(span, rate): &(usize, Decimal)| {
        let usd = cost(*span).amount();
        exact_product(usd, *rate).unwrap_or_else(|| usd.saturating_mul(*rate))
    };
    let spent: Decimal = budget.spans.iter().map(in_currency).sum::<Decimal>().round_dp(CONVERTED_SCALE).normalize();
    let spent_usd = rounded(budget.spans.iter().map(|(span, _)| cost(*span)).sum());
    // Bounds are spread over the spans as the expected cost is.
    let times = |bound: Decimal| bound.checked_div(spent).unwrap_or(Decimal::ONE);
    let bound = |bound: Decimal| Usd::new(spent_usd.amount().saturating_mul(times(bound)).round_dp(12).normalize());
    let (low, high) = drawn.map_or((spent, spent), |drawn| (drawn.low.min(spent), drawn.high.max(spent)));
    let ends = |factor: Decimal| day_used_up(plan, outcome, settled, budget, factor);
    BudgetVerdict {
        amount: budget.amount.clone(),
        usd: budget.usd,
        month: budget.month,
        spent,
        spent_usd,
        low: if low == spent { spent_usd } else { bound(low) },
        high: if high == spent { spent_usd } else { bound(high) },
        ends: ends(Decimal::ONE),
        ends_early: ends(times(high)),
        ends_late: ends(times(low)),
        chance: drawn.map(|drawn| drawn.chance),
    }
}

/// The first day by whose end more than the budget is spent; within a span, costs fall on the days as calls do.
///
/// * `factor`: how many times the expected cost is spent.
fn day_used_up(
    plan: &Plan,
    outcome: &Outcome,
    settled: &Settled,
    budget: &SettledBudget,
    factor: Decimal,
) -> Option<Date> {
    let limit = budget.amount.amount.0;
    let mut spent = Decimal::ZERO;
    for (index, rate) in &budget.spans {
        let usd = outcome.spans.get(*index).map_or(Decimal::ZERO, |usd| usd.amount());
        let own = usd.saturating_mul(*rate).saturating_mul(factor).round_dp(CONVERTED_SCALE);
        if spent + own > limit {
            let share = (limit - spent).checked_div(own).unwrap_or_default().max(Decimal::ZERO);
            return Some(day_within(plan, outcome, settled, *index, share));
        }
        spent += own;
    }
    None
}

/// The day of a span by whose end more than a share of its cost is spent.
fn day_within(plan: &Plan, outcome: &Outcome, settled: &Settled, index: usize, share: Decimal) -> Date {
    let Some(span) = plan.spans.get(index) else { return plan.workload.start };
    let zero = Decimal::ZERO;
    // What each feature costs on a day with the usual calls.
    let per_unit = plan.features.iter().zip(&outcome.features).map(|(feature, costs)| {
        let units: Decimal = days(span.first, span.end).map(|day| feature.feature.calendar.factor(day)).sum();
        let cost = costs.spans.get(index).map_or(zero, |usd| usd.amount());
        (feature, cost.checked_div(units).unwrap_or(zero))
    });
    let per_unit: Vec<_> = per_unit.collect();
    let on = |day: Date| {
        per_unit.iter().map(|(f, unit)| f.feature.calendar.factor(day).saturating_mul(*unit)).sum::<Decimal>()
    };
    // What comes once is paid on its day, what is fixed by the day.
    let once =
        |day: Date| settled.once.iter().filter(|(on, _)| *on == day).map(|(_, usd)| usd.amount()).sum::<Decimal>();
    let all_once: Decimal = days(span.first, span.end).map(once).sum();
    let fixed = settled.fixed.get(index).map_or(zero, |usd| usd.amount());
    let length = Decimal::from(span.days_between(span.first, None));
    let fixed_a_day = (fixed - all_once).checked_div(length).unwrap_or(zero);
    let all: Decimal = days(span.first, span.end).map(on).sum::<Decimal>() + fixed;
    let limit = share.saturating_mul(all);
    let mut spent = zero;
    for day in days(span.first, span.end) {
        spent += on(day) + fixed_a_day + once(day);
        if spent.round_dp(9) > limit.round_dp(9) {
            return day;
        }
    }
    span.end.yesterday().unwrap_or(span.first)
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
