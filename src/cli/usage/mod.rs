//! `farebox usage`: what did it cost, from the files people already have.
//!
//! `places` finds the files, `stream` reads and prices them on several threads, `totals` sums by what `view` groups by.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

use self::priced::{Pricing, Refused};
use self::stream::{Run, Sink};
use self::totals::Totals;
use self::view::{By, View};
use super::out::Out;
use super::shared::{OutputFlags, PriceFlags};
use crate::error::Error;
use crate::input::calls::Reading;
use crate::input::dialect::Dialect;
use crate::input::text::{InputError, Source};
use crate::report::Format;

mod focus;
mod follow;
mod places;
pub(super) mod priced;
mod rows;
mod stream;
mod totals;
mod view;

/// Say what recorded usage cost, each record at the prices of its own time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox usage usage.jsonl
  farebox usage --by day,model responses/ batch_output.jsonl.gz
  farebox usage --from claude-code --by month --timezone Europe/Berlin
  farebox usage --format jsonl usage.jsonl > priced.jsonl
  cat usage.jsonl | farebox usage --strict

Any answer, batch result, export, gateway log, trace or session that farebox knows is read, each line as what it is.
farebox's own record is one JSON object a line:
  {\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2024-11-15T12:00:00Z\",
   \"usage\":{\"input_tokens\":50000,\"output_tokens\":1200,\"cache_read_tokens\":48000},\"context\":{}}

A record without a timestamp is priced as of --at, or now.")]
pub(crate) struct Args {
    /// Files, folders and patterns; - is standard input, which is also read when nothing is given
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
    /// Group by; repeatable, or several with commas between them
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [By::Model], value_name = "WHAT")]
    by: Vec<By>,
    /// Show only the dearest groups
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Only what happened from this day or moment on
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Only what happened up to the end of this day, or before this moment
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// The time zone of days, weeks and months: a name such as Europe/Berlin, an offset, or local; UTC when left out
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Go on as files grow: say the new sums, or with --format jsonl every new record
    #[arg(long)]
    follow: bool,
    /// How many threads read; as many as there are processors when left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
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

fn column(text: &str) -> Result<(String, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("write OURS=THEIRS, such as input_tokens=Prompt")?;
    Ok((ours.trim().to_owned(), theirs.trim().to_owned()))
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    for provider in args.provider.iter().chain(&args.force_provider) {
        super::prices::known_provider(&setup, provider)?;
    }
    let (sources, missing) = places::sources(&args.files, args.from)?;
    let zone = view::zone_of(args.timezone.as_deref())?;
    let border = |text: &Option<String>, after| text.as_ref().map(|t| view::border(t, &zone, after)).transpose();
    let view = View {
        by: args.by.clone(),
        since: border(&args.since, false)?,
        until: border(&args.until, true)?,
        zone: zone.clone(),
    };
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
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1),
    };
    if args.follow {
        return follow::follow(&args, sources, missing, run);
    }
    let (totals, failed) = once(&args, &sources, run, missing)?;
    finish(&args, &totals, failed)
}

/// Reads everything once and writes what was asked for.
fn once(
    args: &Args,
    sources: &[Source],
    run: Run,
    missing: Vec<InputError>,
) -> Result<(Totals, Option<InputError>), Error> {
    let out = Out::open(args.output.output.as_deref())?;
    let mut sink = Screen::new(run.rows.then_some(out), sources, args.output.quiet);
    missing.into_iter().for_each(|error| sink.failed(error));
    let totals = stream::run(sources, run, &mut sink);
    let (out, failed) = sink.end()?;
    let setup = run.pricing.setup;
    if totals.is_empty()
        && let Some(failed) = failed
    {
        return Err(failed.into());
    }
    if let Some(focus) = &totals.focus {
        args.output.write(focus.report())?;
        if !args.output.quiet {
            super::say(&format!("note: {}", totals.sentence(setup)));
        }
    } else if let Some(out) = out {
        out.finish()?;
        if !args.output.quiet {
            super::say(&format!("note: {}", totals.sentence(setup)));
        }
    } else {
        args.output.write(totals.report(run.view, args.top, setup))?;
    }
    Ok((totals, failed))
}

fn finish(args: &Args, totals: &Totals, failed: Option<InputError>) -> Result<(), Error> {
    match failed {
        Some(error) => Err(error.into()),
        None if args.strict && totals.unpriced() > 0 => Err(Error::Strict(totals.unpriced())),
        None => Ok(()),
    }
}

/// Where a run's rows, warnings and progress go.
struct Screen {
    out: Option<Out>,
    error: Option<std::io::Error>,
    failed: Option<InputError>,
    warned: u64,
    progress: Option<Progress>,
}

/// So many refusals are said one by one; the rest are counted.
const WARNINGS: u64 = 20;

impl Screen {
    fn new(out: Option<Out>, sources: &[Source], quiet: bool) -> Self {
        Screen { out, error: None, failed: None, warned: 0, progress: Progress::on_terminal(sources, quiet) }
    }

    fn end(mut self) -> Result<(Option<Out>, Option<InputError>), Error> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.warned > WARNINGS {
            super::say(&format!(
                "warning: {} more refusals were not listed; --format jsonl lists every one",
                self.warned - WARNINGS
            ));
        }
        match self.error {
            // A reader that went away is no failure.
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

    fn warn(&mut self, source: &str, line: u64, refused: &Refused) {
        self.warned += 1;
        if self.warned <= WARNINGS {
            super::say(&format!("warning: {source}:{line}: {}: {}", refused.status, refused.reason));
        }
    }

    fn failed(&mut self, error: InputError) {
        if let Some(earlier) = self.failed.replace(error) {
            super::say(&format!("error: {earlier}"));
        }
    }

    fn progress(&mut self, bytes: u64) {
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
