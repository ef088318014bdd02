//! `farebox prices watch`: what price changes do to a plan, or to what was used.

use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::out::Out;
use super::price_files::table_at;
use super::shared::{self, OutputFlags, PriceFlags, Setup};
use super::span::SpanFlags;
use super::usage::places::{places, say_passed_over};
use super::usage::screen::ReadingScreen;
use super::workload::priced;
use crate::cli::error::Error;
use crate::cli::say;
use farebox::input::calls::Reading;
use farebox::input::calls::stream::StreamSink;
use farebox::input::dialect::Dialect;
use farebox::jobs::prices::watch::{OlderTable, UsageWishes, WatchSpan, Watched, since, watch_plan, watch_usage};
use farebox::jobs::usage::PricingWishes;
use farebox::money::percent_for_people;
use farebox::period::{Instant, Period};

/// Say what price changes, past and scheduled, do to a plan or to what was used
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox prices watch -w farebox.yaml
  farebox prices watch --usage logs/ --since 2026-10-01 --fail-over 5%
  farebox prices watch --since ../old-checkout/pricing
  farebox prices watch -w farebox.yaml --ics prices.ics

Each change is one row: the bill of the same quantities before it and after it. Exit code 1 where the bill rises by more
than --fail-over, 4 where only a model retires.")]
pub(crate) struct WatchArgs {
    /// Workload file whose average month is the bill; farebox.yaml when left out
    #[arg(long, short = 'w', value_name = "FILE", conflicts_with = "usage")]
    workload: Option<PathBuf>,
    /// Files and folders of recorded usage that is the bill, as `farebox usage` reads them; repeatable
    #[arg(long, value_name = "PATH")]
    usage: Vec<PathBuf>,
    /// Changes from this day on, since this version of the table, or since older price files [default: 30 days before --at]
    ///
    /// A folder of price files is a table of its own; a price file is laid over the table. The first bill then has their
    /// prices of the moment of --at, and what the table has otherwise comes before what is scheduled.
    #[arg(long, value_name = "DATE|VERSION|PATH")]
    since: Option<String>,
    /// Changes up to the end of this day [default: all that are known]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Only usage from this day on
    #[arg(long, value_name = "DATE", requires = "usage")]
    used_since: Option<String>,
    /// Only usage up to the end of this day
    #[arg(long, value_name = "DATE", requires = "usage")]
    used_until: Option<String>,
    /// Provider of records that do not name theirs
    #[arg(long, value_name = "PROVIDER", requires = "usage")]
    provider: Option<String>,
    /// Read every line of the usage as this dialect
    #[arg(long, value_name = "DIALECT", requires = "usage")]
    from: Option<Dialect>,
    /// Exit with 1 when the bill rises by more than this in all
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    fail_over: Option<Decimal>,
    /// Also write what is scheduled to a calendar file
    #[arg(long, value_name = "FILE")]
    ics: Option<PathBuf>,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = shared::threads, requires = "usage")]
    threads: Option<NonZero<u16>>,
    /// Exit with 3 when something could not be priced
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn percentage(text: &str) -> Result<Decimal, String> {
    let number = text.trim().trim_end_matches('%').trim_end().parse::<Decimal>();
    number.ok().filter(|percent| !percent.is_sign_negative()).ok_or_else(|| "write a percentage such as 5%".to_owned())
}

/// How many seconds before the moment of the command changes count where no day was named.
const A_MONTH: i64 = 30 * 86_400;

impl WatchArgs {
    fn span(&self, setup: &Setup) -> Result<WatchSpan, Error> {
        let until = SpanFlags { since: None, until: self.until.clone() }.period(&TimeZone::UTC)?.to;
        if let Some(text) = &self.since
            && let Some(table) = table_at(text, &self.prices.table)?
        {
            return Ok(WatchSpan::since_table(OlderTable { label: text.clone(), table }, until, setup));
        }
        let default = Instant::from_unix(setup.at.unix().saturating_sub(A_MONTH));
        let from = self.since.as_deref().map_or(Ok(default), since)?;
        if until.is_some_and(|until| until <= from) {
            let (from, until) = (from.to_string(), self.until.clone().unwrap_or_default());
            return Err(Error::Usage(format!(
                "nothing lies between --since {from} and --until {until}\n  help: write the earlier date after --since"
            )));
        }
        Ok(WatchSpan { period: Period { from: Some(from), to: until }, older: None })
    }
}

pub(crate) fn run(args: &WatchArgs) -> Result<(), Error> {
    let watched = if args.usage.is_empty() { of_plan(args) } else { of_usage(args) }?;
    if let Some(path) = &args.ics {
        write_calendar(path, &watched)?;
    }
    args.output.write(watched.report.clone())?;
    watched.unread.iter().for_each(|warning| say(&format!("warning: {warning}")));
    judge(args, &watched)
}

fn of_plan(args: &WatchArgs) -> Result<Watched, Error> {
    let setup = args.prices.table.setup()?;
    let span = args.span(&setup)?;
    let currency = args.prices.currency.as_deref();
    let priced = priced(args.workload.as_deref(), &setup, args.output.quiet, |w| w.also_in(currency))?;
    Ok(watch_plan(priced, &span, currency, &setup)?)
}

fn of_usage(args: &WatchArgs) -> Result<Watched, Error> {
    let setup = args.prices.setup()?;
    if let Some(provider) = &args.provider {
        farebox::jobs::prices::known_provider(&setup, provider)?;
    }
    let span = args.span(&setup)?;
    let used = SpanFlags { since: args.used_since.clone(), until: args.used_until.clone() }.period(&TimeZone::UTC)?;
    let query = UsageWishes {
        reading: Reading { from: args.from, columns: Vec::new() },
        wishes: PricingWishes { provider: args.provider.clone(), ..PricingWishes::default() },
        used,
    };
    let mut places = places(&args.usage, args.from, false)?;
    say_passed_over(&places, args.output.quiet);
    let mut screen = ReadingScreen::new(None, &places.sources, args.output.quiet);
    std::mem::take(&mut places.failed).into_iter().for_each(|error| screen.failed(error));
    let watched = watch_usage(&query, &span, &setup, &places.sources, shared::number_of(args.threads), &mut screen)?;
    let _ = screen.judge(&places);
    match screen.end()? {
        (_, Some(failed)) => Err(failed.into()),
        (_, None) => Ok(watched),
    }
}

fn write_calendar(path: &Path, watched: &Watched) -> Result<(), Error> {
    let out = Out::open(Some(path))?;
    out.write_with(|out| out.write_all(watched.calendar.as_bytes()))?;
    Ok(())
}

fn judge(args: &WatchArgs, watched: &Watched) -> Result<(), Error> {
    if args.strict && watched.unpriced > 0 {
        return Err(Error::Strict(watched.unpriced));
    }
    if args.strict && watched.unread_records > 0 {
        return Err(Error::Unread(watched.unread_records));
    }
    let Some(limit) = args.fail_over else { return Ok(()) };
    match watched.percent {
        Some(percent) if percent > limit => Err(Error::Failed(format!(
            "the bill rises by {}, more than {}",
            percent_for_people(percent),
            percent_for_people(limit)
        ))),
        _ => match watched.retiring.first() {
            Some(first) => Err(Error::Stale(first.clone())),
            None => Ok(()),
        },
    }
}
