//! `farebox prices`: what the table says, and whether price files are sound.

use std::io::Write;
use std::path::PathBuf;

use super::choice::choice;
use super::out::Out;
use super::price_files::price_files;
use super::prices_time::{ChangesArgs, DiffArgs, HistoryArgs, StaleArgs, changes, diff, history, stale};
use super::shared::{OutputFlags, TableFlags};
use super::{plural, wrapped};
use crate::cli::error::Error;
use farebox::jobs::prices;
use farebox::jobs::prices::lint::lint;
use farebox::jobs::prices::list::{ListOrder, PricesListQuery};
use farebox::jobs::prices::show::ShowLayout;
use farebox::pricing::need::Need;
use farebox::report::{Format, Readers};

/// Look up, check and explain prices
#[derive(Debug, clap::Args)]
pub(crate) struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PricesCommand {
    List(ListArgs),
    Show(ShowArgs),
    Lint(LintArgs),
    History(HistoryArgs),
    Changes(ChangesArgs),
    Diff(DiffArgs),
    Stale(StaleArgs),
    Meters(MetersArgs),
    Import(super::prices_import::ImportArgs),
    Export(super::prices_export::ExportArgs),
    Watch(super::prices_watch::WatchArgs),
    Check(super::prices_check::PricesCheckArgs),
    Review(super::prices_review::ReviewArgs),
    #[cfg(feature = "update")]
    Update(super::prices_update::UpdateArgs),
}

pub(crate) fn run(args: PricesArgs) -> Result<(), Error> {
    match args.command {
        PricesCommand::List(args) => list(args),
        PricesCommand::Show(args) => show(&args),
        PricesCommand::Lint(args) => lint_files(&args),
        PricesCommand::History(args) => history(&args),
        PricesCommand::Changes(args) => changes(&args),
        PricesCommand::Diff(args) => diff(&args),
        PricesCommand::Stale(args) => stale(args),
        PricesCommand::Meters(args) => meters(&args),
        PricesCommand::Import(args) => super::prices_import::run(&args),
        PricesCommand::Export(args) => super::prices_export::run(&args),
        PricesCommand::Watch(args) => super::prices_watch::run(&args),
        PricesCommand::Check(args) => super::prices_check::run(&args),
        PricesCommand::Review(args) => super::prices_review::run(&args),
        #[cfg(feature = "update")]
        PricesCommand::Update(args) => super::prices_update::run(&args),
    }
}

/// List the prices in force, one row for each model
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices list --provider mistral\n  farebox prices list --at 2024-12-01 --format csv"
)]
struct ListArgs {
    /// Only this provider; repeatable
    #[arg(long, short = 'p', value_name = "PROVIDER")]
    provider: Vec<String>,
    /// Only models that meet needs: context=128k, output=8k, tools, vision, reasoning, open …; comma-separated
    #[arg(long, value_name = "NEEDS", value_delimiter = ',')]
    need: Vec<Need>,
    /// Order of the rows
    #[arg(long, value_parser = choice(ListOrder::ALL, ListOrder::name, ListOrder::about), default_value_t = ListOrder::Name, value_name = "KEY")]
    sort: ListOrder,
    /// Also list models that are retired or no longer listed
    #[arg(long, alias = "retired")]
    include_retired: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn list(args: ListArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let include_retired = args.include_retired;
    let query = PricesListQuery { providers: args.provider, needs: args.need, order: args.sort, include_retired };
    args.output.write(prices::list::list(&query, &setup)?)
}

/// Show everything the table says about a model: rates, tiers, variants, times of day, sources
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  farebox prices show claude-opus-4-6\n  farebox prices show openai/gpt-4o --all")]
struct ShowArgs {
    /// The model: provider/model, a model id, or an alias
    model: String,
    /// Every period, past and future, rather than the one in force
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// How wide a matrix of rates is at most, on a wider screen and in a file.
const WIDEST: usize = 100;

fn show(args: &ShowArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let out = Out::open(args.output.output.as_deref())?;
    let widest = out.screen(args.output.color).width.map_or(WIDEST, |width| WIDEST.min(usize::from(width)));
    let layout = match args.output.format.readers() {
        Readers::People => ShowLayout::Matrix(widest),
        Readers::Programs => ShowLayout::Rows,
    };
    args.output.write_to(prices::show::show(&args.model, args.all, layout, &setup)?, out)
}

/// Check price files: what cannot be read, what contradicts itself, and prices that look wrong
///
/// Reports everything at once. Errors end with 1, warnings and notes only with --deny. A question about a price that is
/// right is answered in the file: `allow: [CODE]` and a `note` next to the price.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox prices lint\n  farebox prices lint pricing\n  farebox prices lint my-prices.yaml --deny warnings"
)]
struct LintArgs {
    /// Price files, or folders of them; the bundled table when left out
    files: Vec<PathBuf>,
    /// Report prices whose evidence is older than this many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    max_age: u32,
    /// End with 1 for less than errors, too
    #[arg(long, value_enum, value_name = "LEVEL")]
    deny: Option<DenyLevel>,
    #[command(flatten)]
    prices: TableFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// From which level on `prices lint` fails.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DenyLevel {
    /// Warnings and errors
    Warnings,
    /// Notes, warnings and errors
    Notes,
}

fn lint_files(args: &LintArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let files = price_files(&args.files)?;
    let result = lint(&files, args.max_age, &setup);
    let denied = match args.deny {
        None => plural_if(result.errors, "error"),
        Some(DenyLevel::Warnings) => plural_if(result.errors + result.warnings, "finding"),
        Some(DenyLevel::Notes) => plural_if(result.errors + result.warnings + result.notes, "finding"),
    };
    if args.output.format == Format::Table && !result.report.rows.is_empty() {
        let text = result.with_lines(&files);
        let out = Out::open(args.output.output.as_deref())?;
        let width = out.screen(args.output.color).width.map(usize::from);
        let lines: Vec<String> = text.lines().map(|line| wrapped(line, width)).collect();
        out.write_with(|out| writeln!(out, "{}\n{}", lines.join("\n"), result.summary))?;
    } else {
        args.output.write(result.report)?;
    }
    match denied {
        None => Ok(()),
        Some(found) => Err(Error::Failed(format!("{found} in price files"))),
    }
}

/// How many there are, where there are any.
fn plural_if(number: u64, noun: &str) -> Option<String> {
    (number > 0).then(|| plural(number, noun))
}

/// List every meter: what providers bill apart, and what one unit of it is
#[derive(Debug, clap::Args)]
struct MetersArgs {
    #[command(flatten)]
    output: OutputFlags,
}

fn meters(args: &MetersArgs) -> Result<(), Error> {
    args.output.write(prices::meters::list())
}
