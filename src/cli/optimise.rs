//! `farebox optimise`: the cheapest assignment that a workload file allows, and why not another.

use std::path::PathBuf;

use super::say;
use super::shared::{OutputFlags, PriceFlags};
use super::workload::priced;
use crate::cli::error::Error;
use farebox::jobs::compare::needs::read_scores;
use farebox::jobs::optimise::{OptimiseQuery, optimise, report};
use farebox::report::Readers;

/// How many alternatives of a feature are shown.
const TOP: usize = 3;

/// Find the cheapest model, queue, cache and answer cap for each feature within what its `choose:` allows
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "optimize",
    after_help = "Examples:
  farebox optimise
  farebox optimise -w plans/tutor.yaml --scores scores.csv --top 5
  farebox optimise --format json

What may be chosen stands in the workload file, under the feature:
  choose: {models: [openai/*, google/*], needs: [vision], score: 70, latency: day, cache: true, cap: 400}
`choose: {}` lets the model be chosen and leaves everything else as it is; docs/optimise.md describes each key."
)]
pub(crate) struct OptimiseArgs {
    /// Workload file; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Your own scores, for `score:` in the file: a CSV file with the columns model and score
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// How many alternatives to show of each feature, beside the one chosen
    #[arg(long, value_name = "N", default_value_t = TOP)]
    top: usize,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

impl OptimiseArgs {
    /// What `plan --optimise` asks for.
    pub(crate) fn of(workload: Option<PathBuf>, prices: PriceFlags, output: OutputFlags) -> OptimiseArgs {
        OptimiseArgs { workload, scores: None, top: TOP, prices, output }
    }
}

pub(crate) fn run(args: OptimiseArgs) -> Result<(), Error> {
    let setup = args.prices.table.setup()?;
    let mut query = OptimiseQuery { top: args.top, currency: args.prices.currency, ..OptimiseQuery::default() };
    if let Some(path) = &args.scores {
        let (scores, warnings) = read_scores(path, &setup)?;
        query.scores = scores;
        warnings.iter().filter(|_| !args.output.quiet).for_each(|warning| say(&format!("warning: {warning}")));
    }
    let currency = query.currency.as_deref();
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, |w| w.also_in(currency))?;
    let result = optimise(priced, &query, &setup)?;
    let for_people = args.output.format.readers() == Readers::People;
    args.output.write(report(&result, &query, for_people, &setup))
}
