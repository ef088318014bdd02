//! Hosting a model oneself against an API, for the calls of a plan: [`BreakEven`].

use rust_decimal::Decimal;

use super::projection::{Plan, PlanError, Point, StreamRole};
use super::settled::rounded;
use super::shape::At;
use super::spans::{Span, length_in_months};
use crate::money::Usd;

/// Hours in a month of average length: 365.25 × 24 ÷ 12.
pub(crate) const HOURS_A_MONTH: Decimal = Decimal::from_parts(7305, 0, 0, false, 1);

/// A machine that answers in the place of an API.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it costs in a month, busy or idle, at the prices of each span of the plan.
    pub month: Vec<Usd>,
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

    /// What it costs in a month at the prices of the first day.
    #[must_use]
    pub(crate) fn first_month(&self) -> Usd {
        self.month.first().copied().unwrap_or_default()
    }

    /// Seconds of work that are possible in a month.
    fn seconds(&self) -> Decimal {
        HOURS_A_MONTH * Decimal::from(3600) * self.utilisation
    }
}

/// One month on both sides.
#[derive(Clone, Debug)]
pub struct MonthBoth {
    /// What the API costs.
    pub api: Usd,
    /// Machines that are needed.
    pub machines: u64,
    /// What they cost; in a part of a month, the part of it.
    pub hosting: Usd,
}

/// When a machine pays.
#[derive(Clone, Debug)]
pub struct BreakEven {
    /// The months of the plan.
    pub months: Vec<MonthBoth>,
    /// What the API costs by span, for other currencies.
    pub api: Vec<Usd>,
    /// What hosting costs by span.
    pub hosting: Vec<Usd>,
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
    let (count, spans) = (plan.months.len(), plan.spans.len());
    let (mut api, mut seconds) = (vec![Usd::ZERO; spans], vec![Decimal::ZERO; count]);
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
    let shares: Vec<Decimal> = plan.spans.iter().map(Span::share_of_month).collect();
    let of_month = |month: usize| plan.spans.iter().zip(&shares).filter(move |(span, _)| span.month == month);
    let machines = (0..count).map(|month| {
        let possible =
            machine.seconds().saturating_mul(of_month(month).map(|(_, share)| *share).sum::<Decimal>().round_dp(18));
        seconds[month].checked_div(possible).unwrap_or_default().ceil().max(Decimal::ONE)
    });
    let machines: Vec<Decimal> = machines.collect();
    let one = machine.month.iter().zip(&shares);
    let one: Vec<Decimal> = one.map(|(month, share)| month.amount().saturating_mul(*share)).collect();
    let hosting = plan.spans.iter().zip(&one).map(|(span, usd)| Usd::new(usd.saturating_mul(machines[span.month])));
    let hosting: Vec<Usd> = hosting.collect();
    let sum = |costs: &[Usd], month: usize| {
        rounded(plan.spans.iter().zip(costs).filter(|(span, _)| span.month == month).map(|(_, usd)| *usd).sum())
    };
    let months = (0..count).map(|month| MonthBoth {
        api: sum(&api, month),
        machines: u64::try_from(machines[month]).unwrap_or(u64::MAX),
        hosting: sum(&hosting, month),
    });
    let per_call = total.amount() / calls;
    let capacity = machine.seconds() / (all_seconds / calls);
    let month = one.iter().sum::<Decimal>().checked_div(shares.iter().sum()).unwrap_or_default().round_dp(18);
    let needed = month.checked_div(per_call);
    let load = needed.and_then(|n| n.checked_div(capacity)).unwrap_or(Decimal::MAX);
    Ok(Some(BreakEven {
        months: months.collect(),
        calls: calls.checked_div(length_in_months(&plan.workload)).unwrap_or(calls),
        api_per_call: Usd::new(per_call.round_dp(15)),
        capacity,
        from_calls: needed.filter(|n| *n <= capacity),
        load,
        api,
        hosting,
    }))
}
