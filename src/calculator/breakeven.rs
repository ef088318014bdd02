//! Hosting a model oneself against an API, for the calls of a plan: [`BreakEven`].

use rust_decimal::Decimal;

use super::projection::{Plan, PlanError, Point, StreamRole};
use super::shape::At;
use crate::money::Usd;

/// Hours in a month of average length: 365.25 × 24 ÷ 12.
pub(crate) const HOURS_A_MONTH: Decimal = Decimal::from_parts(7305, 0, 0, false, 1);

/// A machine that answers in the place of an API.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// What it costs in a month, busy or idle.
    pub month: Usd,
    /// Answer tokens that it makes in a second.
    pub answer_tokens: Decimal,
    /// Prompt tokens that it reads in a second.
    pub prompt_tokens: Decimal,
    /// Share of the time that it can be kept busy, from 0 to 1.
    pub utilisation: Decimal,
}

impl Machine {
    /// What a machine that was bought costs in a month: its price over its years, and its power.
    ///
    /// `watts` and `per_kwh`: what it draws all the time, and the price of a kilowatt-hour.
    #[must_use]
    pub(crate) fn bought(price: Usd, years: Decimal, watts: Decimal, per_kwh: Usd) -> Option<Usd> {
        let share = price.amount().checked_div(years.checked_mul(Decimal::from(12))?)?;
        let power =
            watts.checked_mul(HOURS_A_MONTH)?.checked_div(Decimal::ONE_THOUSAND)?.checked_mul(per_kwh.amount())?;
        share.checked_add(power).map(|usd| Usd::new(usd.round_dp(12)))
    }

    /// Seconds of work that are possible in a month.
    fn seconds(&self) -> Decimal {
        HOURS_A_MONTH * Decimal::from(3600) * self.utilisation
    }
}

/// One month on both sides.
#[derive(Clone, Copy, Debug)]
pub struct MonthBoth {
    /// What the API costs.
    pub api: Usd,
    /// Machines that are needed.
    pub machines: u64,
    /// What they cost.
    pub hosting: Usd,
}

/// When a machine pays.
#[derive(Clone, Debug)]
pub struct BreakEven {
    /// The months of the plan.
    pub months: Vec<MonthBoth>,
    /// Calls in the average month of the plan.
    pub calls: Decimal,
    /// What the API asks for a call.
    pub api_per_call: Usd,
    /// Calls that one machine can answer in a month.
    pub capacity: Decimal,
    /// Calls a month from which one machine is cheaper; `None` where it cannot answer as many.
    pub from_calls: Option<Decimal>,
    /// How busy it then is, of what it can be, from 0; above 1 where it cannot.
    pub load: Decimal,
}

/// Compares the expected cost of a plan's answers with machines that give them.
///
/// # Errors
/// [`PlanError`] where the plan has no price; `None` inside where it makes no calls.
pub(crate) fn break_even(plan: &Plan, machine: &Machine) -> Result<Option<BreakEven>, PlanError> {
    let expected = Point::all(At::Expected);
    let count = plan.months.len();
    let (mut api, mut seconds) = (vec![Usd::ZERO; count], vec![Decimal::ZERO; count]);
    let mut calls = Decimal::ZERO;
    for feature in &plan.features {
        let (prompt, answer) = feature.tokens_of_a_call(&expected);
        let per = |tokens: Decimal, rate: Decimal| tokens.checked_div(rate).unwrap_or_default();
        let work = per(prompt, machine.prompt_tokens) + per(answer, machine.answer_tokens);
        for (month, n) in feature.calls(&plan.months, &expected).into_iter().enumerate() {
            seconds[month] += n.saturating_mul(work);
            calls += n;
        }
        // Embedding and ordering passages goes on as it is, wherever the answers come from.
        let answering = feature.streams.iter().map(|s| s.role == StreamRole::Answer);
        for (costs, _) in feature.costs(&plan.months, &expected)?.iter().zip(answering).filter(|(_, is)| *is) {
            api.iter_mut().zip(costs).for_each(|(sum, usd)| *sum += *usd);
        }
    }
    let all_seconds: Decimal = seconds.iter().sum();
    let total: Usd = api.iter().copied().sum();
    if calls.is_zero() || all_seconds.is_zero() || machine.seconds().is_zero() {
        return Ok(None);
    }
    let months = (0..count).map(|m| {
        let machines = (seconds[m] / machine.seconds()).ceil().max(Decimal::ONE);
        let hosting = super::projection::times(machine.month, machines).unwrap_or_default();
        MonthBoth { api: api[m], machines: u64::try_from(machines).unwrap_or(u64::MAX), hosting }
    });
    let per_call = total.amount() / calls;
    let capacity = machine.seconds() / (all_seconds / calls);
    let needed = machine.month.amount().checked_div(per_call);
    let load = needed.and_then(|n| n.checked_div(capacity)).unwrap_or(Decimal::MAX);
    Ok(Some(BreakEven {
        months: months.collect(),
        calls: calls / Decimal::from(count.max(1) as u64),
        api_per_call: Usd::new(per_call.round_dp(15)),
        capacity,
        from_calls: needed.filter(|n| *n <= capacity),
        load,
    }))
}
