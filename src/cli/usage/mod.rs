//! `farebox usage`: what did it cost, from the files people already have.
//!
//! `places` finds the files, `stream` reads and prices them on several threads, `totals` sums by what `view` groups by.

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

use self::places::{Found, Places, places};
use self::priced::Pricing;
use self::stream::{Desk, Plan, Run, Sink};
use self::totals::Totals;
use self::view::{By, View};
use super::out::Out;
use super::shared::{self, OutputFlags, PriceFlags};
use super::span::SpanFlags;
use crate::cli::choice::choice;
use crate::cli::error::Error;
use farebox::input::calls::Reading;
use farebox::input::dialect::Dialect;
use farebox::input::text::{InputError, Source};
use farebox::report::Format;

mod focus;
mod follow;
pub(super) mod places;
pub(super) mod priced;
mod rows;
pub(super) mod stream;
mod totals;
pub(super) mod view;

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
  {\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2024-11-15T12:00:00Z\",
   \"usage\":{\"input_tokens\":50000,\"output_tokens\":1200,\"cache_read_tokens\":48000},\"context\":{}}

A folder is read whole: hidden and ignored files too, links once, and each file once however often it is met. Without files,
what is piped in is read, and otherwise the sessions of Claude Code, Codex and opencode on this machine.

A record without a timestamp is priced as of --at, or now. A file that is named and holds no usage is an error (exit code 2);
in a folder it is a warning.")]
pub(crate) struct Args {
    /// Files, folders and patterns; - is standard input [default: what is piped in, or the sessions of coding agents]
    files: Vec<PathBuf>,
    /// Read every line as this dialect; claude-code, codex and opencode find their own files when none are given
    #[arg(long, value_name = "DIALECT")]
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
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    by: Vec<By>,
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
    /// Exit with 3 when a record could not be priced
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

impl Args {
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

pub(crate) fn run(args: Args) -> Result<(), Error> {
    args.refuse_what_does_nothing()?;
    let setup = args.prices.setup()?;
    for provider in args.provider.iter().chain(&args.force_provider) {
        farebox::jobs::prices::known_provider(&setup, provider)?;
    }
    let zone = view::zone_of(args.timezone.as_deref())?;
    let span = args.span.period(&zone)?;
    let places = places(&args.files, args.from, !args.follow)?;
    let by = if args.by.is_empty() { vec![By::Model] } else { args.by.clone() };
    let view = View { by, since: span.from, until: span.to, zone };
    let reading = Reading { from: args.from, columns: args.columns.clone() };
    let run = Run {
        reading: &reading,
        pricing: Pricing {
            setup: &setup,
            reprice: args.reprice,
            provider: args.provider.as_deref(),
            model: args.model.as_deref(),
            force_provider: args.force_provider.as_deref(),
            force_model: args.force_model.as_deref(),
        },
        view: &view,
        rows: args.output.format == Format::Jsonl,
        focus: args.output.format == Format::Focus,
    };
    if args.follow {
        return follow::follow(&args, places, run);
    }
    let (totals, failed) = once(&args, places, run)?;
    finish(&args, &totals, failed)
}

/// Reads everything once and writes what was asked for.
fn once(args: &Args, mut places: Places, run: Run) -> Result<(Totals, Option<InputError>), Error> {
    // Opened once, and before the work: a named pipe that is opened twice loses what was written first.
    let out = Out::open(args.output.output.as_deref())?;
    places.say(args.output.quiet);
    let missing = std::mem::take(&mut places.failed);
    let (mut out, rows_out) = if run.rows { (None, Some(out)) } else { (Some(out), None) };
    let mut sink = Screen::new(rows_out, &places.sources, args.output.quiet);
    missing.into_iter().for_each(|error| sink.failed(error));
    let threads = shared::number_of(args.threads);
    let plan = Plan { sources: &places.sources, reading: run.reading, threads, rows: run.rows };
    let totals = stream::run(plan, &|| Desk::new(run), &mut sink)?.totals;
    sink.judge(&places);
    let (rows_out, failed) = sink.end()?;
    let setup = run.pricing.setup;
    if totals.is_empty()
        && let Some(failed) = failed
    {
        return Err(failed.into());
    }
    let note = || (!args.output.quiet).then(|| super::say(&format!("note: {}", totals.sentence(setup))));
    match (rows_out, out.take(), &totals.focus) {
        (Some(rows), ..) => {
            rows.finish()?;
            note();
        }
        (None, Some(out), Some(focus)) => {
            args.output.write_to(focus.report(), out)?;
            note();
        }
        (None, Some(out), None) => args.output.write_to(totals.report(run.view, args.top, setup), out)?,
        (None, None, _) => {}
    }
    Ok((totals, failed))
}

fn finish(args: &Args, totals: &Totals, failed: Option<InputError>) -> Result<(), Error> {
    if totals.all.records == 0 && totals.unpriced() > 0 {
        let reasons: Vec<String> = totals.reasons.iter().map(|(status, count)| format!("{count} {status}")).collect();
        super::say(&format!("warning: no record could be priced: {}", reasons.join(", ")));
    }
    match failed {
        Some(error) => Err(error.into()),
        None if args.strict && totals.unpriced() > 0 => Err(Error::Strict(totals.unpriced())),
        None => Ok(()),
    }
}

/// Where a run's rows, warnings and progress go.
pub(in crate::cli) struct Screen {
    out: Option<Out>,
    error: Option<std::io::Error>,
    failed: Option<InputError>,
    warned: u64,
    progress: Option<Progress>,
    /// What was found in each source.
    found: Vec<Found>,
}

/// How many refusals are listed one by one; the rest are counted.
const WARNINGS: u64 = 20;

impl Screen {
    pub fn new(out: Option<Out>, sources: &[Source], quiet: bool) -> Self {
        let found = vec![Found::default(); sources.len()];
        Screen { out, error: None, failed: None, warned: 0, progress: Progress::on_terminal(sources, quiet), found }
    }

    /// Says which sources held no usage, once everything was read.
    pub fn judge(&mut self, places: &Places) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.error.is_some() {
            return;
        }
        let (errors, warning) = places.without_usage(&self.found);
        warning.into_iter().for_each(|warning| super::say(&format!("warning: {warning}")));
        errors.into_iter().for_each(|error| self.failed(error));
    }

    pub fn end(mut self) -> Result<(Option<Out>, Option<InputError>), Error> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.warned > WARNINGS {
            super::say(&format!(
                "warning: {} more refusals were not listed; `farebox usage --format jsonl` lists every one",
                self.warned - WARNINGS
            ));
        }
        match self.error {
            // A reader that went away is not a failure.
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok((self.out, self.failed)),
        }
    }
}

impl Sink for Screen {
    fn rows(&mut self, rows: &[u8]) -> bool {
        let Some(out) = &mut self.out else { return true };
        match out.write_all(rows).and_then(|()| out.flush()) {
            Ok(()) => true,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn warn(&mut self, source: &str, line: u64, what: &str) {
        self.warned += 1;
        if self.warned <= WARNINGS {
            super::say(&format!("warning: {source}:{line}: {what}"));
        }
    }

    fn failed(&mut self, error: InputError) {
        if let Some(earlier) = self.failed.replace(error) {
            super::say(&format!("error: {earlier}"));
        }
    }

    fn read(&mut self, source: usize, bytes: u64, found: Found) {
        if let Some(sum) = self.found.get_mut(source) {
            sum.records += found.records;
            sum.bad += found.bad;
            sum.is_unreadable |= found.is_unreadable;
        }
        if let Some(progress) = &mut self.progress {
            progress.add(bytes);
        }
    }
}

/// What a person who waits sees on the terminal.
struct Progress {
    begun: Clock,
    shown: Clock,
    bytes: u64,
    /// How much there is to read, where that is known.
    total: Option<u64>,
}

impl Progress {
    /// Where a person looks on.
    fn on_terminal(sources: &[Source], quiet: bool) -> Option<Self> {
        (!quiet && std::io::stderr().is_terminal()).then(|| Progress::new(sources))
    }

    fn new(sources: &[Source]) -> Self {
        let size = |source: &Source| match source {
            Source::File(path) if path.extension().is_none_or(|e| e != "gz" && e != "zst" && e != "zip") => {
                std::fs::metadata(path).ok().map(|meta| meta.len())
            }
            _ => None,
        };
        let now = Clock::now();
        Progress { begun: now, shown: now, bytes: 0, total: sources.iter().map(size).sum() }
    }

    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.shown.elapsed() < Duration::from_millis(250) {
            return;
        }
        self.shown = Clock::now();
        let seconds = self.begun.elapsed().as_millis().max(1) as u64;
        let rate = self.bytes.saturating_mul(1000) / seconds;
        let left = self.total.map(|total| total.saturating_sub(self.bytes) / rate.max(1));
        let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
        let of = self.total.map_or_else(String::new, |total| format!(" of {}", total >> 20));
        let text = format!("\r\x1b[K{}{of} MB, {} MB/s{left}", self.bytes >> 20, rate >> 20);
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn clear(&mut self) {
        let _ = std::io::stderr().write_all(b"\r\x1b[K");
    }
}
