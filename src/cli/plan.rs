//! `farebox plan`: a workload over its months, with what drives it, when the budget ends, and what would be cheaper.

use std::path::PathBuf;

use rust_decimal::Decimal;

use super::plan_report::{Planned, report};
use super::shared::{OutputFlags, PriceFlags};
use super::workload::{Shown, priced};
use crate::cli::error::Error;
use farebox::calculator::budget::judge;
use farebox::calculator::levers::levers;
use farebox::calculator::outcome::{Settled, drivers, outcome};
use farebox::calculator::workload::{Amount, Workload};
use farebox::input::workload::quantity::amount;
use farebox::jobs::prices::sisters::sisters;
use farebox::jobs::workload::PricedWorkload;

/// Plan a workload over months: low, expected and high, when the budget ends, what drives it, the cheapest lever
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init && farebox plan
  farebox plan -w data/examples/tutor.yaml --why
  farebox plan --budget 60EUR --format html -o plan.html
  farebox plan --unit-cost 0.002USD --format json")]
pub(crate) struct Args {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// List every assumption with its value and where it comes from, and the prices that were used
    #[arg(long)]
    why: bool,
    /// What may be spent over the whole plan, such as 60EUR: how many calls, how long, which models fit
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    budget: Option<Amount>,
    /// What an answer may cost, such as 0.002USD: how long it may be
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    unit_cost: Option<Amount>,
    /// Seed of the simulation, in the place of the workload's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draws of the simulation, in the place of the workload's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    draws: Option<u32>,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.table.setup()?;
    let change = |workload: &mut Workload| {
        workload.seed = args.seed.unwrap_or(workload.seed);
        workload.draws = args.draws.unwrap_or(workload.draws);
        if let Some(budget) = &args.budget {
            workload.budget.total = Some(budget.clone());
            (workload.budget.from, workload.budget.to) = (None, None);
        }
    };
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, change)?;
    let PricedWorkload { file: loaded, plan, resolver: mut shop, unpriced: refused } = priced;
    let settled = Settled::of(&plan, &shop)?;
    let draws = usize::try_from(plan.workload.draws).unwrap_or(10_000);
    let outcome = outcome(&plan, &settled, true, draws)?;
    let shown = Shown::of(args.prices.currency.as_deref(), &plan.workload, &shop)?;
    let verdicts = judge(&plan, &outcome, &shop)?;
    let drivers = drivers(&plan)?;
    let levers = levers(&plan, &mut shop, &|own, longest| sisters(&setup, own, longest));
    let fits =
        super::plan_fit::fits(&plan, &settled, &mut shop, &setup, args.budget.as_ref(), args.unit_cost.as_ref())?;
    let planned = Planned {
        path: &loaded.path,
        plan: &plan,
        settled: &settled,
        outcome: &outcome,
        verdicts: &verdicts,
        drivers: &drivers,
        levers: &levers,
        refused: &refused,
        fits: &fits,
        shown: &shown,
        setup: &setup,
    };
    args.output.write(report(&planned, args.output.format, args.why))?;
    match refused.len() {
        0 => Ok(()),
        n if args.strict => Err(Error::Strict(n as u64)),
        _ => Ok(()),
    }
}

/// A quotient for people and programs, where there is anything to divide by.
pub(crate) fn per(usd: farebox::money::Usd, by: Decimal) -> Option<farebox::money::Usd> {
    usd.amount().checked_div(by).map(|n| farebox::money::Usd::new(n.round_dp(18)))
}
