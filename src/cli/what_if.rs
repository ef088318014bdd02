//! `farebox what-if`: what past usage would have cost on another model, in a batch, with another use of the cache. The work
//! is `farebox::jobs::what_if`.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::choice::choice;
use super::out::Out;
use super::shared::{self, OutputFlags, PriceFlags, Setup};
use super::span::SpanFlags;
use super::usage::places::{places, say_passed_over};
use super::usage::screen::ReadingScreen;
use super::usage::{column, zone_of};
use crate::cli::error::Error;
use farebox::calculator::switch::Caching;
use farebox::input::calls::Reading;
use farebox::input::calls::places::Places;
use farebox::input::calls::stream::StreamSink;
use farebox::input::dialect::Dialect;
use farebox::input::text::InputError;
use farebox::jobs::usage::PricingWishes;
use farebox::jobs::what_if::{WhatIf, WhatIfQuery, WhatIfTotals};
use farebox::period::Period;

/// Say what past usage would have cost on another model, tier or date, or with another use of the cache
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox what-if usage.jsonl --switch gpt-4o=claude-haiku-4-5
  farebox what-if usage.jsonl --model gemini-2.5-flash --answers 80..150
  farebox what-if usage.jsonl --batch
  farebox what-if usage.jsonl --cache-hits 80 --at 2026-11-22

What it was is priced at the time of each call; so is what it would have been, unless --at says otherwise. Another
tokenizer counts the same text differently: where the log holds text, its own ratio is measured, and otherwise that of
samples (--text-class), as a range.")]
pub(crate) struct WhatIfArgs {
    /// Files, folders and patterns, as `farebox usage` reads them; - is standard input [default: what is piped in, or the
    /// sessions of coding agents]
    files: Vec<PathBuf>,
    /// Move the requests of one model to another; repeatable, the first that fits wins; `*` is any model
    #[arg(long = "switch", value_name = "FROM=TO", value_parser = mapping)]
    switches: Vec<(String, String)>,
    /// Move every request to this model
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// Send everything in batches
    #[arg(long, conflicts_with = "service_tier")]
    batch: bool,
    /// Send everything through this queue, such as flex or priority
    #[arg(long, value_name = "TIER")]
    service_tier: Option<String>,
    /// Share of each prompt that is read from the cache, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    cache_hits: Option<u8>,
    /// Cache nothing
    #[arg(long, conflicts_with = "cache_hits")]
    no_cache: bool,
    /// Length of answers on the other model, in percent of what they were: 80..150
    #[arg(long, value_name = "LOW..HIGH", value_parser = percents, default_value = "100..100")]
    answers: RangeInclusive<u32>,
    /// Kind of text where the log holds none: english, technical, code, data or a language; repeatable
    #[arg(long, value_name = "CLASS")]
    text_class: Vec<String>,
    /// Provider of records that do not name theirs
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Price every record, as it was, at this provider, whatever it names
    #[arg(long, value_name = "PROVIDER")]
    force_provider: Option<String>,
    /// Price every record, as it was, as this model, whatever it names
    #[arg(long, value_name = "MODEL")]
    force_model: Option<String>,
    /// Read every line as this dialect; coding agents find their own files when none are given
    #[arg(long, value_name = "DIALECT", value_parser = choice(Dialect::ALL, Dialect::name, Dialect::about))]
    from: Option<Dialect>,
    /// Columns of a table, as ours=theirs: model=Name,input_tokens="Prompt tokens"; repeatable
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',', value_parser = column)]
    columns: Vec<(String, String)>,
    #[command(flatten)]
    span: SpanFlags,
    /// Time zone of the days of --since and --until: a name such as Europe/Berlin, an offset, or local [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = shared::threads)]
    threads: Option<NonZero<u16>>,
    /// Exit with 3 when a record could not be priced, or only at an assumed price
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.trim().is_empty() && !to.trim().is_empty() => {
            Ok((from.trim().to_owned(), to.trim().to_owned()))
        }
        _ => Err("write FROM=TO, such as gpt-4o=claude-haiku-4-5".to_owned()),
    }
}

fn percents(text: &str) -> Result<RangeInclusive<u32>, String> {
    let error = || "write percent as LOW..HIGH, such as 80..150".to_owned();
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.trim().trim_end_matches('%').parse::<u32>().map_err(|_| error());
    let (low, high) = (number(low)?, number(high)?);
    if low <= high && high <= 10_000 { Ok(low..=high) } else { Err(error()) }
}

impl WhatIfArgs {
    fn query(&self) -> WhatIfQuery {
        // `--model` moves what no switch before it does.
        let all = self.model.iter().map(|model| ("*".to_owned(), model.clone()));
        WhatIfQuery {
            reading: Reading { from: self.from, columns: self.columns.clone() },
            wishes: PricingWishes {
                provider: self.provider.clone(),
                force_provider: self.force_provider.clone(),
                force_model: self.force_model.clone(),
                ..PricingWishes::default()
            },
            switches: self.switches.iter().cloned().chain(all).collect(),
            batch: self.batch,
            service_tier: self.service_tier.clone(),
            caching: match self.cache_hits {
                Some(percent) => Caching::Hits(percent),
                None if self.no_cache => Caching::Never,
                None => Caching::AsItWas,
            },
            answers: self.answers.clone(),
            text_classes: self.text_class.clone(),
            at_setup: self.prices.table.at.is_some(),
        }
    }
}

pub(crate) fn run(args: WhatIfArgs) -> Result<(), Error> {
    let setup = Setup { strict: args.strict, ..args.prices.setup()? };
    for provider in args.provider.iter().chain(&args.force_provider) {
        farebox::jobs::prices::known_provider(&setup, provider)?;
    }
    let query = args.query();
    let what_if = WhatIf::new(&query, &setup)?;
    let span = args.span.period(&zone_of(args.timezone.as_deref())?)?;
    let places = places(&args.files, args.from, true)?;
    answer(&args, &what_if, span, places)
}

/// Reads everything once and writes the answer.
fn answer(args: &WhatIfArgs, what_if: &WhatIf, span: Period, mut places: Places) -> Result<(), Error> {
    let out = Out::open(args.output.output.as_deref())?;
    say_passed_over(&places, args.output.quiet);
    let mut screen = ReadingScreen::new(None, &places.sources, args.output.quiet);
    std::mem::take(&mut places.failed).into_iter().for_each(|error| screen.failed(error));
    let totals = what_if.price(&places.sources, span, shared::number_of(args.threads), &mut screen)?;
    let _ = screen.judge(&places);
    let (_, failed) = screen.end()?;
    if totals.is_empty()
        && let Some(failed) = failed
    {
        return Err(failed.into());
    }
    let warnings = what_if.judge(&totals)?;
    warnings.iter().for_each(|warning| super::say(&format!("warning: {warning}")));
    args.output.write_to(what_if.report(&totals), out)?;
    finish(args, &totals, failed)
}

fn finish(args: &WhatIfArgs, totals: &WhatIfTotals, failed: Option<InputError>) -> Result<(), Error> {
    let warnings = totals.unread_warnings().into_iter().chain(totals.warning());
    warnings.for_each(|warning| super::say(&format!("warning: {warning}")));
    match failed {
        Some(error) => Err(error.into()),
        None if args.strict && totals.unpriced() > 0 => Err(Error::Strict(totals.unpriced())),
        None if args.strict && totals.unread_records() > 0 => Err(Error::Unread(totals.unread_records())),
        None => Ok(()),
    }
}
