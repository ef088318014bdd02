//! `farebox plan`: a workload over its months, with what drives it, when the budget ends, and what would be cheaper.

use std::path::PathBuf;

use super::draft::DraftFlags;
use super::optimise::{self, OptimiseArgs};
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::workload::{amount_argument, priced, priced_draft};
use crate::cli::error::Error;
use farebox::calculator::workload::Amount;
use farebox::jobs::plan::{PlanQuery, plan, report};

/// Plan a workload over months: low, expected and high, when the budget ends, what drives it, the cheapest lever
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init && farebox plan
  farebox plan --users 40 --per-week 3 --turns 4 --model gpt-5.4-mini --months 6
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
    /// Find the cheapest assignment that each `choose:` of the file allows instead, as `farebox optimise` does
    #[arg(long, visible_alias = "optimize", conflicts_with_all = ["why", "budget", "unit_cost", "seed", "draws", "strict"])]
    optimise: bool,
    /// Exit with 3 when something could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    draft: DraftFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: PlanArgs) -> Result<(), Error> {
    if args.optimise {
        if args.draft.draft()?.is_some() {
            let text = "--optimise chooses within a workload file, and flags describe a plan\n  help: `farebox init` writes a file; add `choose: {}` to its features";
            return Err(Error::Usage(text.to_owned()));
        }
        return optimise::run(OptimiseArgs::of(args.workload, args.prices, args.output));
    }
    let setup = Setup { strict: args.strict, ..args.prices.table.setup()? };
    let query = PlanQuery {
        budget: args.budget,
        unit_cost: args.unit_cost,
        seed: args.seed,
        draws: args.draws,
        currency: args.prices.currency,
    };
    let quiet = args.output.quiet;
    let priced = match (args.workload.as_deref(), args.draft.draft()?) {
        (path, None) => priced(path, &setup, quiet, |workload| query.change(workload))?,
        (None, Some(draft)) => priced_draft(&draft, &setup, quiet, |workload| query.change(workload))?,
        (Some(path), Some(_)) => {
            return Err(Error::Usage(format!(
                "{} says what is planned, and flags do too\n  help: leave out -w, or change the file",
                path.display()
            )));
        }
    };
    let result = plan(priced, &query, &setup)?;
    args.output.write(report(&result, args.output.format, args.why, &setup))?;
    if args.strict && !result.unpriced.is_empty() {
        return Err(Error::Strict(result.unpriced.len() as u64));
    }
    result.over_budget().map_or(Ok(()), |over| Err(Error::Failed(over)))
}
