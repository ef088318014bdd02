//! `farebox compare`: the same work on many models, each counted with its own tokenizer, and why one is cheaper.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use super::prompts::{Asked, PromptFlags, RequestNotes, price, verdict};
use super::say;
use super::settings::default_models;
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::workload::priced;
use crate::cli::error::Error;
use farebox::calculator::currency::ShownCurrency;
use farebox::context::Dimension;
use farebox::jobs::compare::needs::{read_needs, read_scores};
use farebox::jobs::compare::workload::{self, RowBounds, compare_plans};
use farebox::jobs::compare::{CompareQuery, candidates, compare, report};
use farebox::jobs::prices::known_providers;
use farebox::report::Readers;

/// Compare what the same work costs on many models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox compare gpt-4o claude-sonnet-4-6
  farebox compare prompt.txt --output-tokens 500
  farebox compare batch.jsonl --output-tokens 200 -m gpt-4o-mini -m claude-haiku-4-5
  farebox compare --text 'Hello' --output-tokens 100..400 -m gpt-4o -m claude-sonnet-4-5 -m gemini-2.5-flash
  farebox compare --text 'What is this?' --image 1024x768 --output-tokens 100 -m gpt-4o -m claude-sonnet-4-5
  farebox compare --input-tokens 10000 --output-tokens 10000 --at 2024-12-01 -m gpt-4-turbo -m command-r
  farebox compare prompt.txt --output-tokens 500 --need context=128k,tools
  farebox compare prompt.txt --output-tokens 500 --hosts llama-3.3-70b
  farebox compare -w farebox.yaml --need context=128k,tools

Several inputs, and the requests of a file or a batch, are added up: a row is what all of them cost on one model. A note says
what an input was taken for; --chat and --plain decide it.

Models that cannot read the prompt, write the answer or do what the work needs (read its images, call its tools) are left out and
counted in a note. docs/compare.md says what the short list is, and where thinking tokens come from. One that is named with --model is
refused where it cannot read the prompt, and priced with a warning where it cannot write such an answer in one request.")]
pub(crate) struct CompareArgs {
    /// Model: provider/model, a model id, or an alias; repeatable, or with commas [default: FAREBOX_MODEL, a configuration file, or all live chat models at their makers]
    #[arg(long = "model", short = 'm', value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// Only models of this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER", conflicts_with = "models")]
    provider: Vec<String>,
    /// Only models that meet this: context=128k, output=8k, tools, vision, region=eu, licence=open; comma-separated
    #[arg(long, value_name = "NEED", value_delimiter = ',')]
    need: Vec<String>,
    /// Your own scores, for a cost per point: a CSV file with the columns model and score
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// One model at all its hosts, matched by name
    #[arg(long, value_name = "MODEL", conflicts_with = "models")]
    hosts: Option<String>,
    /// Show the N cheapest models; 0 shows all at their makers [default: the cheapest, and the newest of each maker in each
    /// of three price classes; machine-readable formats are complete]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Show every model that meets the needs, at hosts, clouds and routers too
    #[arg(long)]
    all: bool,
    /// Include models that cost nothing
    #[arg(long)]
    free: bool,
    /// Include models that are retired or no longer listed
    #[arg(long)]
    include_retired: bool,
    /// Exit with 3 when something could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prompts: PromptFlags,
    #[command(flatten)]
    plan: WorkloadFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// A whole workload instead of one prompt.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Workload")]
struct WorkloadFlags {
    /// Compare the plan of a workload file instead of prompts
    #[arg(long, short = 'w', value_name = "FILE", conflicts_with_all = ["text", "chat", "plain", "binary", "input_tokens", "output_tokens", "cached_tokens", "requests", "batch", "stated", "images", "audio", "video", "pdf"])]
    workload: Option<PathBuf>,
}

pub(crate) fn run(args: CompareArgs) -> Result<(), Error> {
    if let Some(path) = &args.plan.workload {
        return run_workload(&args, path);
    }
    let setup = Setup { strict: args.strict, ..args.prices.setup()? };
    let scores = args.scores(&setup)?;
    let Asked { sources, models, media, mut spec } = args.prompts.asked(&setup, args.output.quiet)?;
    let mut query = args.query(models, &setup)?;
    spec.stated.extend(query.region.clone().map(|region| (Dimension::Region, region)));
    query.needs_region = spec.stated.iter().any(|(dimension, _)| *dimension == Dimension::Region);
    query.scores = scores;
    query.work = media.needs();
    query.providers = known_providers(&setup, &args.provider)?;
    let candidates = candidates(&query, &setup)?;
    let notes = if query.models.is_empty() { RequestNotes::LeftOut } else { RequestNotes::Told };
    let inputs = args.prompts.open(&sources)?;
    let read =
        price(&args.prompts, inputs, &media, &candidates.models, &spec, &setup, notes.unless(args.output.quiet))?;
    let failed = read.failed;
    let comparison = compare(read, candidates, &query);
    args.output.write(report(&comparison, &query, spec.requests, &setup))?;
    if failed > 0 && args.strict {
        return Err(Error::Strict(failed));
    }
    comparison.refuse_nothing()?;
    verdict(if query.models.is_empty() { &[] } else { &comparison.quotes }, args.strict, &args.output)
}

/// The same for the plan of a workload.
fn run_workload(args: &CompareArgs, path: &Path) -> Result<(), Error> {
    let setup = Setup { strict: args.strict, ..args.prices.table.setup()? };
    let typed = args.prompts.text.typed(&|| Ok(setup.clone()), args.output.quiet)?;
    if let Some(source) = typed.sources.first() {
        let name = source.name();
        return Err(Error::Usage(format!("both -w and {name:?} are given\n  help: give one of the two")));
    }
    let currency = args.prices.currency.as_deref();
    let mut priced = priced(Some(path), &setup, args.output.quiet, |w| w.also_in(currency))?;
    let shown = ShownCurrency::of(currency, &priced.plan.workload, &priced.resolver)?;
    let mut query = args.query(typed.models, &setup)?;
    query.providers = known_providers(&setup, &args.provider)?;
    query.scores = args.scores(&setup)?;
    let compared = compare_plans(&priced.plan, &mut priced.resolver, &setup, &query, RowBounds::OfTheShown)?;
    args.output.write(workload::report(&compared, &priced, &query, &shown, args.output.format, &setup))?;
    if compared.rows.is_empty() { Err(Error::NothingPriced) } else { Ok(()) }
}

impl CompareArgs {
    /// Which models are compared, as far as the flags say it without a look into files and names of providers.
    ///
    /// * `bare`: the models among bare arguments.
    fn query(&self, bare: Vec<String>, setup: &Setup) -> Result<CompareQuery, Error> {
        let (needs, region) = read_needs(&self.need, setup)?;
        let mut models: Vec<String> = self.models.iter().cloned().chain(bare).collect();
        // Who looks for models wants others than the usual ones.
        let is_search = self.all || self.free || self.include_retired || !self.provider.is_empty();
        if models.is_empty() && self.need.is_empty() && self.hosts.is_none() && !is_search {
            models = default_models()?;
        }
        Ok(CompareQuery {
            models,
            needs,
            region,
            hosts_of: self.hosts.clone(),
            all: self.all,
            free: self.free,
            include_retired: self.include_retired,
            top: self.top,
            complete: self.output.format.readers() == Readers::Programs,
            ..CompareQuery::default()
        })
    }

    /// The user's own scores; what cannot be read of them goes to stderr.
    fn scores(&self, setup: &Setup) -> Result<Option<HashMap<String, Decimal>>, Error> {
        let Some(path) = &self.scores else { return Ok(None) };
        let (scores, warnings) = read_scores(path, setup)?;
        warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        Ok(Some(scores))
    }
}
