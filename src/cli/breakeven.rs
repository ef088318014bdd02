//! `farebox break-even`: hosting a model oneself against the API, for the calls of a workload.

use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::json;

use super::shared::{OutputFlags, PriceFlags, Setup, table_json, table_line};
use super::workload::{Shop, Shown, priced};
use crate::cli::error::Error;
use farebox::calculator::breakeven::{BreakEven, HOURS_A_MONTH, Machine, break_even};
use farebox::calculator::outcome::in_usd;
use farebox::calculator::workload::Amount;
use farebox::context::Context;
use farebox::input::workload::quantity::amount;
use farebox::jobs::workload::PricedWorkload;
use farebox::meter::Meter;
use farebox::money::{Usd, parse_decimal};
use farebox::report::{Cell, Column, Report, Tone};
use farebox::usage::Usage;

/// Find out from how many calls on hosting a model yourself is cheaper than the API
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("machine").required(true).args(["gpu_hour", "buy", "endpoint"]),
    after_help = "Examples:
  farebox break-even -w farebox.yaml --gpu-hour 2.50USD --tokens-per-second 1500
  farebox break-even --buy 32000EUR --years 3 --watts 900 --kwh 0.30EUR --tokens-per-second 2000
  farebox break-even --endpoint huggingface/endpoint/aws/nvidia-a100/x1 --tokens-per-second 1500"
)]
pub(crate) struct Args {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Price of a machine by the hour, such as 2.50USD; it runs all the time
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    gpu_hour: Option<Amount>,
    /// Price of a machine that is bought
    #[arg(long, value_name = "AMOUNT", value_parser = amount, requires_all = ["years", "watts", "kwh"])]
    buy: Option<Amount>,
    /// Years that it lasts
    #[arg(long, value_name = "N", value_parser = number)]
    years: Option<Decimal>,
    /// Power that it draws, cooling included
    #[arg(long, value_name = "N", value_parser = number)]
    watts: Option<Decimal>,
    /// Price of a kilowatt-hour
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    kwh: Option<Amount>,
    /// Dedicated endpoint of the price table: farebox models endpoint
    #[arg(long, value_name = "MODEL")]
    endpoint: Option<String>,
    /// Answer tokens that one machine makes in a second, over all requests that it works on at once
    #[arg(long, value_name = "N", value_parser = number)]
    tokens_per_second: Decimal,
    /// Prompt tokens that it reads in a second; ten times the answer tokens when left out
    #[arg(long, value_name = "N", value_parser = number)]
    prompt_tokens_per_second: Option<Decimal>,
    /// Share of the time that it can be kept busy, in percent
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    utilisation: Decimal,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn number(text: &str) -> Result<Decimal, String> {
    let number = parse_decimal(text).map_err(|error| format!("{text:?} {error}"))?;
    if number.is_zero() { Err("it is more than zero".into()) } else { Ok(number) }
}

fn percent(text: &str) -> Result<Decimal, String> {
    let percent = number(text.trim_end_matches('%'))?;
    if percent > Decimal::ONE_HUNDRED {
        Err(format!("{text} is more than 100%"))
    } else {
        Ok(percent / Decimal::ONE_HUNDRED)
    }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.table.setup()?;
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, |_| {})?;
    let PricedWorkload { plan, resolver: shop, unpriced: refused, .. } = priced;
    let shown = Shown::of(args.prices.currency.as_deref(), &plan.workload, &shop)?;
    let (month, what) = machine_month(&args, &setup, &shop, plan.workload.start)?;
    let prompt = args.prompt_tokens_per_second.unwrap_or(args.tokens_per_second * Decimal::TEN);
    let machine =
        Machine { month, answer_tokens: args.tokens_per_second, prompt_tokens: prompt, utilisation: args.utilisation };
    let Some(even) = break_even(&plan, &machine)? else {
        return Err(Error::Usage(
            "the workload makes no calls\n  help: say how often it runs with calls: 400 per day".into(),
        ));
    };
    let mut report = table(&plan.months, &even, &shown);
    head(&mut report, &args, &machine, &even, &what, &shown);
    for (feature, error) in refused {
        report.notes.push(format!("Not compared: {feature}, which has no price: {error}"));
    }
    report.notes.push(table_line(&setup));
    report.machine.insert("table".into(), table_json(&setup));
    args.output.write(report)
}

/// What one machine costs in a month, and what it is.
fn machine_month(args: &Args, setup: &Setup, shop: &Shop, day: jiff::civil::Date) -> Result<(Usd, String), Error> {
    let usd = |amount: &Amount, what: &str| in_usd(amount, what, day, shop).map_err(Error::from);
    let too_long = || Error::Usage("the cost of the machine has more digits than farebox carries".into());
    if let Some(hour) = &args.gpu_hour {
        let month =
            farebox::calculator::projection::times(usd(hour, "--gpu-hour")?, HOURS_A_MONTH).ok_or_else(too_long)?;
        return Ok((month, format!("a machine at {hour} an hour")));
    }
    if let (Some(price), Some(years), Some(watts), Some(kwh)) = (&args.buy, args.years, args.watts, &args.kwh) {
        let month = Machine::bought(usd(price, "--buy")?, years, watts, usd(kwh, "--kwh")?).ok_or_else(too_long)?;
        return Ok((month, format!("a machine for {price}, {years} years, {watts} W at {kwh}")));
    }
    let found = setup.find(args.endpoint.as_deref().unwrap_or_default())?;
    let mut usage = Usage::default();
    usage.set(Meter::ReplicaMinutes, HOURS_A_MONTH * Decimal::from(60));
    let cost = farebox::calculator::price(&found.provider, &found.model, &usage, &Context::default(), setup.at);
    let cost = cost.map_err(|refusal| Error::Usage(refusal.to_string()))?;
    let id = found.full_id();
    Ok((cost.total, format!("{id} (price checked on {})", cost.source.checked)))
}

fn table(months: &[farebox::calculator::calendar::Month], even: &BreakEven, shown: &Shown) -> Report {
    let mut report = Report::new([
        Column::text("month", "month"),
        Column::number("api_usd", "API"),
        Column::number("machines", "machines"),
        Column::number("hosting_usd", "hosting"),
        Column::text("cheaper", "cheaper"),
    ]);
    for (month, both) in months.iter().zip(&even.months) {
        let cheaper = if both.hosting < both.api { "hosting" } else { "API" };
        report.push(
            [
                Cell::text(month.to_string()),
                shown.cell(both.api),
                Cell::quantity(both.machines),
                shown.cell(both.hosting),
                Cell::text(cheaper).tone(Tone::Good),
            ],
            json!({"month": month, "api_usd": both.api, "machines": both.machines, "hosting_usd": both.hosting, "cheaper": cheaper}),
        );
    }
    report
}

fn head(report: &mut Report, args: &Args, machine: &Machine, even: &BreakEven, what: &str, shown: &Shown) {
    let calls = |n: Decimal| Cell::quantity(n.round()).people;
    report.head.push(format!("Hosting on {what}, {} a month, against the API", shown.text(machine.month)));
    let percent = |share: Decimal| share.saturating_mul(Decimal::ONE_HUNDRED).round_dp(1).normalize();
    report.head.push(match even.from_calls {
        Some(from) => format!(
            "Hosting is cheaper from {} calls a month on ({}% of what one machine can do); the plan makes {}.",
            calls(from),
            percent(even.load),
            calls(even.calls)
        ),
        None => format!(
            "Hosting is never cheaper: one machine can answer {} calls a month and would have to answer {} × as many.",
            calls(even.capacity),
            even.load.round_dp(1).normalize()
        ),
    });
    if args.prompt_tokens_per_second.is_none() {
        report.notes.push(format!("Assumed: prompts are read at {} tokens a second, ten times the answers; --prompt-tokens-per-second says yours.", machine.prompt_tokens.normalize()));
    }
    report.notes.push(format!("A machine is kept busy {}% of the time at most (--utilisation) and costs the same when idle; nobody's time is counted.", percent(machine.utilisation)));
    let map = &mut report.machine;
    map.insert("machine".into(), json!({
        "what": what, "month_usd": machine.month, "tokens_per_second": machine.answer_tokens.normalize().to_string(),
        "prompt_tokens_per_second": machine.prompt_tokens.normalize().to_string(), "utilisation": machine.utilisation.normalize().to_string(),
    }));
    map.insert("calls_a_month".into(), json!(even.calls.normalize().to_string()));
    map.insert("api_per_call_usd".into(), json!(even.api_per_call));
    map.insert("capacity_calls_a_month".into(), json!(even.capacity.round_dp(6).normalize().to_string()));
    map.insert(
        "break_even_calls_a_month".into(),
        json!(even.from_calls.map(|n| n.round_dp(6).normalize().to_string())),
    );
    map.insert("break_even_load".into(), json!(even.load.round_dp(6).normalize().to_string()));
}
