//! `farebox plan`: a workload over its months, with what drives it, when the budget ends, and what would be cheaper.

use std::path::PathBuf;

use super::shared::{OutputFlags, PriceFlags, Setup};
use super::workload::{amount_argument, priced};
use crate::cli::error::Error;
use farebox::calculator::workload::Amount;
use farebox::jobs::plan::{PlanQuery, plan, report};

/// Plan a workload over months: low, expected and high, when the budget ends, what drives it, the cheapest lever
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init && farebox plan
  farebox plan -w data/examples/tutor.yaml --why
  farebox plan --budget 60EUR --format html -o plan.html
  farebox plan --unit-cost 0.002USD --format json")]
pub(crate) struct PlanArgs {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// List every assumption with its value and where it comes from, and the prices that were used
    #[arg(long)]
    why: bool,
    /// What may be spent over the whole plan, such as 60EUR: how many calls, how long, which models fit
    #[arg(long, value_name = "AMOUNT", value_parser = amount_argument)]
    budget: Option<Amount>,
    /// What an answer may cost, such as 0.002USD: how long it may be
    #[arg(long, value_name = "AMOUNT", value_parser = amount_argument)]
    unit_cost: Option<Amount>,
    /// Seed of the simulation, in the place of the workload's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draws of the simulation, in the place of the workload's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    draws: Option<u32>,
    /// Exit with 3 when something could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: PlanArgs) -> Result<(), Error> {
    let setup = Setup { strict: args.strict, ..args.prices.table.setup()? };
    let query = PlanQuery {
        budget: args.budget,
        unit_cost: args.unit_cost,
        seed: args.seed,
        draws: args.draws,
        currency: args.prices.currency,
    };
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, |workload| query.change(workload))?;
    let result = plan(priced, &query, &setup)?;
    args.output.write(report(&result, args.output.format, args.why, &setup))?;
    if args.strict && !result.unpriced.is_empty() {
        return Err(Error::Strict(result.unpriced.len() as u64));
    }
    result.over_budget().map_or(Ok(()), |over| Err(Error::Failed(over)))
}
