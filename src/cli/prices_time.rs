//! `farebox prices history|changes|diff|stale`: the table over time.

use super::price_files::table_at;
use super::shared::{OutputFlags, TableFlags};
use super::span::SpanFlags;
use crate::cli::error::Error;
use farebox::jobs::prices;
use farebox::jobs::prices::changes::ChangesQuery;
use farebox::jobs::prices::diff::{DiffQuery, DiffSide};
use farebox::jobs::prices::stale::StaleQuery;
use farebox::range::Range;

/// Show every price a model has had, and will have, as a timeline
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices history gpt-4o\n  farebox prices history deepseek/deepseek-chat --format csv"
)]
pub(crate) struct HistoryArgs {
    /// The model: provider/model, a model id, or an alias
    model: String,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn history(args: &HistoryArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    args.output.write(prices::history::history(&args.model, &setup)?)
}

/// List price changes by date: the changelog of the table, made from its data
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices changes --since 2026-10-01 --until 2026-10-31\n  farebox prices changes --provider openai --format markdown"
)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    span: SpanFlags,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Also list the first price of each model without --since, and prices whose start is not known
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn changes(args: &ChangesArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let span = args.span.period(&jiff::tz::TimeZone::UTC)?;
    let query = ChangesQuery { span, providers: args.provider.clone(), all: args.all };
    args.output.write(prices::changes::changes(&query, &setup)?)
}

/// Compare two versions of the table, or the table on two dates: rates, and money for a workload
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices diff 2026-07-01 2026-11-22 --provider openai
  farebox prices diff 2026-11-22 2027-01-02 --input-tokens 1000 --output-tokens 500 --requests 100000
  farebox prices diff ../old-checkout/pricing pricing
  farebox prices diff 2026-11-22 my-prices.yaml")]
pub(crate) struct DiffArgs {
    /// A date, a price file laid over the table, or a folder of price files that is a table of its own
    old: String,
    /// The same for the newer side
    new: String,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Prompt tokens of one request of the workload
    #[arg(long, value_name = "N", requires = "output_tokens")]
    input_tokens: Option<Range<u64>>,
    /// Answer tokens of one request of the workload
    #[arg(long, value_name = "N", requires = "input_tokens")]
    output_tokens: Option<Range<u64>>,
    /// How many requests the workload has
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1, requires = "input_tokens")]
    requests: u64,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn side(text: &str, args: &DiffArgs) -> Result<DiffSide, Error> {
    let setup = args.prices.setup()?;
    if let Some(table) = table_at(text, &args.prices)? {
        return Ok(DiffSide { label: text.to_owned(), table, at: setup.at });
    }
    let looks_like_date = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let at = text.parse().map_err(|error| match looks_like_date {
        true => Error::from(error),
        false => Error::Usage(format!("{text:?} is not a date, a price file or a folder of price files\n  help: write 2026-07-01, my-prices.yaml or path/to/pricing")),
    })?;
    Ok(DiffSide { label: text.to_owned(), table: setup.table, at })
}

pub(crate) fn diff(args: &DiffArgs) -> Result<(), Error> {
    let (old, new) = (side(&args.old, args)?, side(&args.new, args)?);
    let query = DiffQuery {
        providers: args.provider.clone(),
        tokens: args.input_tokens.zip(args.output_tokens),
        requests: args.requests,
    };
    args.output.write(prices::diff::diff(&old, &new, &query))
}

/// List live prices that nobody has checked for long, and models that retire soon; exit code 4 when there are any
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices stale\n  farebox prices stale --max-age 30 --retiring 60 -m gpt-4o -m claude-opus-4-6"
)]
pub(crate) struct StaleArgs {
    /// A price is stale when nobody has checked it for more than this many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    max_age: u32,
    /// A model retires soon when it does within this many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    retiring: u32,
    /// Only these models; repeatable
    #[arg(long = "model", short = 'm', value_name = "MODEL", value_delimiter = ',')]
    models: Vec<String>,
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER", conflicts_with = "models")]
    provider: Vec<String>,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn stale(args: StaleArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let (models, providers) = (args.models, args.provider);
    let query = StaleQuery { max_age: args.max_age, retiring: args.retiring, models, providers };
    let report = prices::stale::stale(&query, &setup)?;
    let count = report.rows.len();
    args.output.write(report)?;
    if count > 0 { Err(Error::Stale(format!("{count} stale or retiring"))) } else { Ok(()) }
}
