//! `farebox usage`: what did it cost, from the files people already have. The work is `farebox::jobs::usage`.

use std::num::NonZero;
use std::path::PathBuf;

use self::places::{places, say_passed_over};
use self::screen::ReadingScreen;
use super::out::Out;
use super::shared::{self, OutputFlags, PriceFlags, Setup};
use super::span::SpanFlags;
use crate::cli::choice::choice;
use crate::cli::error::Error;
use crate::cli::settings::config;
use farebox::input::calls::Reading;
use farebox::input::calls::places::Places;
use farebox::input::calls::stream::StreamSink;
use farebox::input::dialect::Dialect;
use farebox::input::text::InputError;
use farebox::jobs::usage::{Grouping, PricingWishes, UsageQuery, UsageTotals, UsageView, price_sources};
use farebox::report::Format;
use jiff::tz::TimeZone;

mod follow;
pub(super) mod places;
pub(super) mod screen;

/// Say what recorded usage cost, each record at the prices of its own time
#[derive(Debug, clap::Args)]
#[command(mut_arg("format", |arg| arg.value_parser(choice(Format::ALL, Format::name, Format::about))))]
#[command(after_help = "Examples:
  farebox usage
  farebox usage usage.jsonl
  farebox usage --by day,model responses/ batch_output.jsonl.gz
  farebox usage --from claude-code --by month --timezone Europe/Berlin
  farebox usage --format jsonl usage.jsonl > priced.jsonl
  cat usage.jsonl | farebox usage --strict

Any answer, batch result, export, gateway log, trace or session that farebox knows is read, each line as what it is.
farebox's own record is one JSON object a line:
  {\"provider\": \"openai\", \"model\": \"gpt-4o\", \"timestamp\": \"2024-11-15T12:00:00Z\",
   \"usage\": {\"input_tokens\": 50000, \"output_tokens\": 1200,
   \"cache_read_tokens\": 48000}, \"context\": {}}

A folder is read whole: hidden and ignored files too, links once, and each file once however often it is met. Without files,
what is piped in is read, and otherwise the sessions of coding agents on this machine.

A record without a timestamp is priced as of --at, or now. A file that is named and holds no usage is an error (exit code 2);
in a folder it is a warning.")]
pub(crate) struct UsageArgs {
    /// Files, folders and patterns; - is standard input [default: what is piped in, or the sessions of coding agents]
    files: Vec<PathBuf>,
    /// Read every line as this dialect; coding agents find their own files when none are given
    #[arg(long, value_name = "DIALECT", value_parser = choice(Dialect::ALL, Dialect::name, Dialect::about))]
    from: Option<Dialect>,
    /// Columns of a table, as ours=theirs: model=Name,input_tokens="Prompt tokens"; repeatable
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',', value_parser = column)]
    columns: Vec<(String, String)>,
    /// Provider of records that do not name theirs
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Model of records that do not name theirs
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// Price every record at this provider, whatever it names
    #[arg(long, value_name = "PROVIDER")]
    force_provider: Option<String>,
    /// Price every record as this model, whatever it names
    #[arg(long, value_name = "MODEL")]
    force_model: Option<String>,
    /// Group by; repeatable, or several with commas between them [default: model]
    #[arg(long, value_delimiter = ',', value_name = "WHAT", value_parser = choice(Grouping::ALL, Grouping::name, Grouping::about))]
    by: Vec<Grouping>,
    /// Show only the N most expensive groups
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    span: SpanFlags,
    /// Time zone of days, weeks and months: a name such as Europe/Berlin, an offset, or local [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Keep reading as files grow: print new sums, or with --format jsonl every new record
    #[arg(long)]
    follow: bool,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = shared::threads)]
    threads: Option<NonZero<u16>>,
    /// Price every record as of --at rather than at its own time
    #[arg(long, requires = "at")]
    reprice: bool,
    /// Exit with 3 when a record could not be priced, or only at an assumed price, or when something was not read
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// Reads `--columns`.
pub(super) fn column(text: &str) -> Result<(String, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("write OURS=THEIRS, such as input_tokens=Prompt")?;
    Ok((ours.trim().to_owned(), theirs.trim().to_owned()))
}

impl UsageArgs {
    /// Groups are in reports with sums only, and FOCUS rows are in dollars: a flag that changes nothing is a mistake.
    fn refuse_what_does_nothing(&self) -> Result<(), Error> {
        let without_groups = match self.output.format {
            _ if self.follow => Some("--follow says one sum, or every record"),
            Format::Jsonl => Some("--format jsonl writes every record"),
            Format::Focus => Some("--format focus has its own rows"),
            _ => None,
        };
        let flag = [("--by", !self.by.is_empty()), ("--top", self.top.is_some())].into_iter().find(|(_, given)| *given);
        if let (Some(why), Some((flag, _))) = (without_groups, flag) {
            return Err(Error::Usage(format!(
                "{flag} changes nothing here: {why}\n  help: leave out {flag}, or write --format json"
            )));
        }
        if self.output.format == Format::Focus && self.prices.currency.is_some() {
            let help = "help: leave out --currency, or write --format csv";
            return Err(Error::Usage(format!(
                "--currency changes nothing here: FOCUS rows are in US dollars\n  {help}"
            )));
        }
        Ok(())
    }
}

impl UsageArgs {
    fn query(&self) -> Result<UsageQuery, Error> {
        let zone = zone_of(self.timezone.as_deref())?;
        let by = if self.by.is_empty() { vec![Grouping::Model] } else { self.by.clone() };
        Ok(UsageQuery {
            reading: Reading { from: self.from, columns: self.columns.clone() },
            wishes: PricingWishes {
                reprice: self.reprice,
                provider: self.provider.clone(),
                model: self.model.clone(),
                force_provider: self.force_provider.clone(),
                force_model: self.force_model.clone(),
            },
            view: UsageView { by, span: self.span.period(&zone)?, zone },
            rows: self.output.format == Format::Jsonl,
            focus: self.output.format == Format::Focus,
        })
    }
}

/// The time zone that a flag names, or else the user's configuration.
pub(super) fn zone_of(name: Option<&str>) -> Result<TimeZone, Error> {
    let settled = config()?.timezone.as_ref().map(|zone| zone.value.as_str());
    match name.or(settled) {
        None => Ok(TimeZone::UTC),
        Some(name) if name.eq_ignore_ascii_case("local") => Ok(TimeZone::system()),
        Some(name) => Ok(farebox::jobs::usage::grouping::time_zone(name)?),
    }
}

pub(crate) fn run(args: UsageArgs) -> Result<(), Error> {
    args.refuse_what_does_nothing()?;
    let setup = Setup { strict: args.strict, ..args.prices.setup()? };
    for provider in args.provider.iter().chain(&args.force_provider) {
        farebox::jobs::prices::known_provider(&setup, provider)?;
    }
    let query = args.query()?;
    let places = places(&args.files, args.from, !args.follow)?;
    if args.follow {
        return follow::follow(&args, places, &query, &setup);
    }
    let (totals, failed) = once(&args, places, &query, &setup)?;
    finish(&args, &totals, failed)
}

/// Reads everything once and writes what was asked for.
fn once(
    args: &UsageArgs,
    mut places: Places,
    query: &UsageQuery,
    setup: &Setup,
) -> Result<(UsageTotals, Option<InputError>), Error> {
    // Opened once, and before the work: a named pipe that is opened twice loses what was written first.
    let out = Out::open(args.output.output.as_deref())?;
    say_passed_over(&places, args.output.quiet);
    let missing = std::mem::take(&mut places.failed);
    let (out, rows_out) = if query.rows { (None, Some(out)) } else { (Some(out), None) };
    let mut screen = ReadingScreen::new(rows_out, &places.sources, args.output.quiet);
    missing.into_iter().for_each(|error| screen.failed(error));
    let totals = price_sources(query, setup, &places.sources, shared::number_of(args.threads), &mut screen)?;
    let totals = totals.of_inputs(screen.judge(&places));
    let (rows_out, failed) = screen.end()?;
    if totals.is_empty()
        && let Some(failed) = failed
    {
        return Err(failed.into());
    }
    let note = || (!args.output.quiet).then(|| super::say(&format!("note: {}", totals.sentence(setup))));
    match (rows_out, out, totals.focus_report()) {
        (Some(rows), ..) => {
            rows.finish()?;
            note();
        }
        (None, Some(out), Some(focus)) => {
            args.output.write_to(focus, out)?;
            note();
        }
        (None, Some(out), None) => args.output.write_to(totals.report(&query.view, args.top, setup), out)?,
        (None, None, _) => {}
    }
    Ok((totals, failed))
}

fn finish(args: &UsageArgs, totals: &UsageTotals, failed: Option<InputError>) -> Result<(), Error> {
    let warnings = totals.unread_warnings().into_iter().chain(totals.warning());
    warnings.for_each(|warning| super::say(&format!("warning: {warning}")));
    match failed {
        Some(error) => Err(error.into()),
        None if args.strict && totals.unpriced() == 0 && totals.unread_records() > 0 => {
            Err(Error::Unread(totals.unread_records()))
        }
        None if args.strict && totals.unpriced() > 0 => Err(Error::Strict(totals.unpriced())),
        None if args.strict && !totals.are_complete() => Err(Error::Incomplete),
        None => Ok(()),
    }
}
