//! Hosting a model oneself against the API, for the calls of a workload: [`break_even`] and [`report`].

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::setup::{TableStamp, add_table_line, table_stamp};
use super::workload::{PricedWorkload, ShownCurrency, TableResolver, Unpriced};
use super::{JobError, Setup};
use crate::calculator::breakeven::{self, BreakEven, HOURS_A_MONTH, Machine, MonthBoth};
use crate::calculator::calendar::Month;
use crate::calculator::price;
use crate::calculator::projection::times;
use crate::calculator::settled::in_usd;
use crate::calculator::spans::Span;
use crate::calculator::workload::{Amount, Workload};
use crate::context::Context;
use crate::jobs::error::with_help;
use crate::meter::Meter;
use crate::money::{Usd, grouped, share_for_people};
use crate::report::{Cell, Report, Tone, TypedTable};
use crate::usage::Usage;

/// What a machine costs.
#[derive(Clone, Debug)]
pub enum MachineCost {
    /// By the hour; it runs all the time.
    Hour(Amount),
    /// It is bought.
    Bought {
        /// Its price.
        price: Amount,
        /// Years that it lasts.
        years: Decimal,
        /// Power that it draws, cooling included.
        watts: Decimal,
        /// Price of a kilowatt-hour.
        kwh: Amount,
    },
    /// A dedicated endpoint of the price table.
    Endpoint(String),
}

/// What is compared with the API.
#[derive(Clone, Debug)]
pub struct BreakEvenQuery {
    /// What the machine costs.
    pub cost: MachineCost,
    /// Answer tokens that it makes in a second.
    pub answer_tokens: Decimal,
    /// Prompt tokens that it reads in a second; ten times the answer tokens where that is not given.
    pub prompt_tokens: Option<Decimal>,
    /// Share of the time that it can be kept busy, from 0 to 1.
    pub utilisation: Decimal,
    /// The currency to show money in, instead of the workload's.
    pub currency: Option<String>,
}

impl BreakEvenQuery {
    /// Says in a workload which currencies its costs are compared in.
    pub fn change(&self, workload: &mut Workload) {
        workload.also_in(self.currency.as_deref());
        let amounts = match &self.cost {
            MachineCost::Hour(hour) => vec![hour],
            MachineCost::Bought { price, kwh, .. } => vec![price, kwh],
            MachineCost::Endpoint(_) => Vec::new(),
        };
        amounts.into_iter().for_each(|amount| workload.also_in(Some(&amount.currency)));
    }
}

/// Both sides of a comparison.
#[derive(Clone, Debug)]
pub struct BreakEvenResult {
    /// The months of the plan.
    pub months: Vec<Month>,
    /// What the machine is, for people.
    pub what: String,
    /// The machine.
    pub machine: Machine,
    /// When it pays.
    pub even: BreakEven,
    /// The features that have no price.
    pub unpriced: Vec<Unpriced>,
    /// The currency that money is shown in.
    pub shown: ShownCurrency,
    /// The spans of the plan.
    spans: Arc<[Span]>,
    /// What happens within the plan, for people.
    pub events: Vec<String>,
    /// Whether it is assumed how fast prompts are read.
    prompts_are_assumed: bool,
}

/// Compares the API with a machine.
///
/// # Errors
/// [`JobError`] where the workload makes no calls, or the machine has no price.
pub fn break_even(priced: PricedWorkload, query: &BreakEvenQuery, setup: &Setup) -> Result<BreakEvenResult, JobError> {
    let PricedWorkload { plan, resolver, unpriced, .. } = priced;
    let shown = ShownCurrency::of(query.currency.as_deref(), &plan.workload, &resolver)?;
    let (mut month, mut what) = (Vec::with_capacity(plan.spans.len()), String::new());
    for span in &*plan.spans {
        // An endpoint has the price of the report's moment throughout.
        if let (MachineCost::Endpoint(_), Some(usd)) = (&query.cost, month.last().copied()) {
            month.push(usd);
            continue;
        }
        let (usd, is) = machine_month(&query.cost, setup, &resolver, span.first)?;
        month.push(usd);
        what = is;
    }
    let machine = Machine {
        month,
        answer_tokens: query.answer_tokens,
        prompt_tokens: query.prompt_tokens.unwrap_or(query.answer_tokens * Decimal::TEN),
        utilisation: query.utilisation,
    };
    let Some(even) = breakeven::break_even(&plan, &machine)? else {
        let help = "say how often it runs with calls: 400 per day";
        return Err(JobError::asked("the workload makes no calls", help));
    };
    let prompts_are_assumed = query.prompt_tokens.is_none();
    let events = plan.features.iter().flat_map(|feature| &feature.events).map(|event| event.text.clone());
    let mut events: Vec<String> = events.collect();
    events.sort();
    events.dedup();
    Ok(BreakEvenResult {
        months: plan.months.to_vec(),
        spans: plan.spans.clone(),
        what,
        machine,
        even,
        unpriced,
        shown,
        events,
        prompts_are_assumed,
    })
}

/// What one machine costs in a month, and what it is.
fn machine_month(
    cost: &MachineCost,
    setup: &Setup,
    resolver: &TableResolver,
    day: Date,
) -> Result<(Usd, String), JobError> {
    let usd = |amount: &Amount, what: &str| in_usd(amount, what, day, resolver);
    let too_long = || {
        let message = "the cost of the machine has more digits than farebox carries".to_owned();
        JobError::Asked { message, help: None }
    };
    match cost {
        MachineCost::Hour(hour) => {
            let month = times(usd(hour, "--gpu-hour")?, HOURS_A_MONTH).ok_or_else(too_long)?;
            Ok((month, format!("a machine at {hour} an hour")))
        }
        MachineCost::Bought { price, years, watts, kwh } => {
            let month = Machine::bought(usd(price, "--buy")?, *years, *watts, usd(kwh, "--kwh")?);
            Ok((month.ok_or_else(too_long)?, format!("a machine for {price}, {years} years, {watts} W at {kwh}")))
        }
        MachineCost::Endpoint(model) => {
            let found = setup.find(model)?;
            let mut usage = Usage::default();
            usage.set(Meter::ReplicaMinutes, HOURS_A_MONTH * Decimal::from(60));
            let cost = price(&found.provider, &found.model, &usage, &Context::default(), setup.at);
            let cost = cost?;
            let since = cost.assumed.map_or_else(String::new, |since| format!(", assumed before {since}"));
            let checked = cost.source.checked;
            Ok((cost.total, format!("{} (price checked on {checked}{since})", found.full_id())))
        }
    }
}

/// One month on both sides.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BreakEvenRow {
    /// The month, such as `2027-01`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub month: Month,
    /// What the API costs.
    pub api_usd: Usd,
    /// Machines that are needed.
    pub machines: u64,
    /// What they cost.
    pub hosting_usd: Usd,
    /// `API` or `hosting`.
    pub cheaper: &'static str,
    /// Both in the currency that is shown, each day at its rate.
    #[serde(skip)]
    pub shown: [Decimal; 2],
}

impl BreakEvenRow {
    fn of(index: usize, both: &MonthBoth, result: &BreakEvenResult) -> Self {
        let cheaper = if both.hosting < both.api { "hosting" } else { "API" };
        let in_month = |costs: &[Usd]| {
            let costs = result.spans.iter().zip(costs.iter().copied());
            result.shown.over(costs.filter(|(span, _)| span.month == index))
        };
        BreakEvenRow {
            month: result.months[index],
            api_usd: both.api,
            machines: both.machines,
            hosting_usd: both.hosting,
            cheaper,
            shown: [in_month(&result.even.api), in_month(&result.even.hosting)],
        }
    }
}

/// The fields before the months.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BreakEvenHead {
    /// The machine.
    pub machine: MachineRow,
    /// Calls in the average month of the plan.
    pub calls_a_month: String,
    /// What the API asks for a call.
    pub api_per_call_usd: Usd,
    /// Calls that one machine can answer in a month.
    pub capacity_calls_a_month: String,
    /// Calls a month from which one machine is cheaper; null where it cannot answer as many.
    pub break_even_calls_a_month: Option<String>,
    /// How busy it then is, of what it can be; above 1 where it cannot.
    pub break_even_load: String,
    /// What happens within the plan: prices that change or are assumed, models that retire.
    pub events: Vec<String>,
    /// The price table.
    pub table: TableStamp,
}

/// The machine that answers instead of the API.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MachineRow {
    /// What it is.
    pub what: String,
    /// What it costs in a month, at the rates of the first day of the plan.
    pub month_usd: Usd,
    /// Answer tokens that it makes in a second.
    pub tokens_per_second: String,
    /// Prompt tokens that it reads in a second.
    pub prompt_tokens_per_second: String,
    /// Share of the time that it can be kept busy, from 0 to 1.
    pub utilisation: String,
}

impl BreakEvenHead {
    fn of(result: &BreakEvenResult, setup: &Setup) -> Self {
        let BreakEvenResult { machine, even, .. } = result;
        let text = |n: Decimal| n.normalize().to_string();
        let short = |n: Decimal| text(n.round_dp(6));
        BreakEvenHead {
            machine: MachineRow {
                what: result.what.clone(),
                month_usd: machine.first_month(),
                tokens_per_second: text(machine.answer_tokens),
                prompt_tokens_per_second: text(machine.prompt_tokens),
                utilisation: text(machine.utilisation),
            },
            calls_a_month: text(even.calls),
            api_per_call_usd: even.api_per_call,
            capacity_calls_a_month: short(even.capacity),
            break_even_calls_a_month: even.from_calls.map(short),
            break_even_load: short(even.load),
            events: result.events.clone(),
            table: table_stamp(setup),
        }
    }
}

/// Both sides as a report, a row for each month.
#[must_use]
pub fn report(result: &BreakEvenResult, setup: &Setup) -> Report {
    let BreakEvenResult { machine, even, shown, .. } = result;
    let rows = even.months.iter().enumerate().map(|(index, both)| BreakEvenRow::of(index, both, result));
    let mut report = table(shown).report(rows);
    let month = shown.text(machine.first_month());
    report.head.push(format!("Hosting on {}, {month} a month, against the API", result.what));
    report.head.push(answer(even));
    let notes = &mut report.notes;
    if result.prompts_are_assumed {
        notes.push(format!("Assumed: prompts are read at {} tokens a second, ten times the answers; --prompt-tokens-per-second says yours.", grouped(machine.prompt_tokens.normalize())));
    }
    notes.push(format!("A machine is kept busy {} of the time at most (--utilisation) and costs the same when idle; nobody's time is counted.", share_for_people(machine.utilisation)));
    let left_out = |(feature, error): &Unpriced| {
        format!("Not compared: {feature}, which has no price: {}", with_help(error, error.help()))
    };
    notes.extend(result.unpriced.iter().map(left_out));
    notes.extend(result.events.iter().map(|event| format!("{event}.")));
    notes.extend(shown.notes());
    add_table_line(&mut report, setup);
    report.state_all(&BreakEvenHead::of(result, setup));
    report
}

fn table(shown: &ShownCurrency) -> TypedTable<'_, BreakEvenRow> {
    TypedTable::new()
        .text("month", "month", |row: &BreakEvenRow| Cell::text(row.month.to_string()))
        .number("api_usd", "API", |row| shown.cell_of(row.api_usd, row.shown[0]))
        .number("machines", "machines", |row| Cell::quantity(row.machines))
        .number("hosting_usd", "hosting", |row| shown.cell_of(row.hosting_usd, row.shown[1]))
        .text("cheaper", "cheaper", |row| Cell::text(row.cheaper).tone(Tone::Good))
}

fn answer(even: &BreakEven) -> String {
    let calls = |n: Decimal| Cell::quantity(n.round()).people;
    match even.from_calls {
        Some(from) => format!(
            "Hosting is cheaper from {} calls a month on ({} of what one machine can do); the plan makes {}.",
            calls(from),
            share_for_people(even.load),
            calls(even.calls)
        ),
        None => format!(
            "Hosting is never cheaper: one machine can answer {} calls a month and would have to answer {} × as many.",
            calls(even.capacity),
            even.load.round_dp(1).normalize()
        ),
    }
}
