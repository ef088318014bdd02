//! Flags that most commands share, and the [`Setup`] they turn into: nothing below a command looks at flags.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, TypedValueParser, ValueParser};
use clap::{Args, ColorChoice};
use rust_decimal::Decimal;

use super::clock;
use super::out::Out;
use super::say;
use super::settings::config;
use crate::cli::error::Error;
use farebox::jobs::config::{Setting, exchange_rate};
pub(crate) use farebox::jobs::setup::Setup;
use farebox::jobs::{AsOf, JobError};
use farebox::pricing::compile::{PriceFile, render_problems};
use farebox::pricing::{PriceTable, TableId};
use farebox::report::{self, Format, Report, Screen};

/// A format that a command writes its report in.
pub(crate) trait OutputFormat: Clone + Default + Send + Sync + 'static {
    /// Reads what `--format` says.
    fn parser() -> ValueParser;

    /// The format that the ending of a file asks for; an ending without one is left to the default.
    fn of_ending(path: &Path) -> Option<Self>;
}

impl OutputFormat for Format {
    fn parser() -> ValueParser {
        ValueParser::new(ReportFormats)
    }

    fn of_ending(path: &Path) -> Option<Format> {
        format_of_ending(path)
    }
}

/// Flags of every command that prints a report, as they were typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
struct TypedOutputFlags<F: OutputFormat> {
    /// Format of the output [default: what the ending of --output says, or table]
    #[arg(long, value_parser = F::parser(), value_name = "FORMAT")]
    format: Option<F>,
    /// Write to a file, which appears only when it is whole
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print no notes on stderr
    #[arg(long, short = 'q')]
    quiet: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    color: ColorChoice,
}

/// Reads a format that any report can be written in. FOCUS is only for what was billed: other commands refuse it before
/// they do any work.
#[derive(Clone)]
struct ReportFormats;

impl TypedValueParser for ReportFormats {
    type Value = Format;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Format, clap::Error> {
        if value == Format::Focus.name() {
            let what = "the format focus is for what was used and billed\n  help: `farebox usage --format focus` writes it; write --format csv here\n";
            return Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, what).with_cmd(command));
        }
        let names = self.possible_values().into_iter().flatten().map(|known| known.get_name().to_owned());
        let name = clap::builder::PossibleValuesParser::new(names).parse_ref(command, arg, value)?;
        // Every possible value is the name of a format.
        Ok(name.parse().unwrap_or_default())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let all = Format::ALL.iter().filter(|format| **format != Format::Focus);
        Some(Box::new(all.map(|format| PossibleValue::new(format.name()).help(format.about()))))
    }
}

/// Where a report goes, and in which format: `--format` says, or the ending of the file.
#[derive(Debug, Clone)]
pub(crate) struct OutputFlags<F = Format> {
    pub format: F,
    pub output: Option<PathBuf>,
    pub quiet: bool,
    pub color: ColorChoice,
}

impl<F: OutputFormat> From<TypedOutputFlags<F>> for OutputFlags<F> {
    fn from(typed: TypedOutputFlags<F>) -> Self {
        let TypedOutputFlags { format, output, quiet, color } = typed;
        let of_ending = || output.as_deref().and_then(F::of_ending);
        OutputFlags { format: format.or_else(of_ending).unwrap_or_default(), output, quiet, color }
    }
}

impl<F: OutputFormat> clap::FromArgMatches for OutputFlags<F> {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        TypedOutputFlags::<F>::from_arg_matches(matches).map(Self::from)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<F: OutputFormat> Args for OutputFlags<F> {
    fn augment_args(command: clap::Command) -> clap::Command {
        TypedOutputFlags::<F>::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        TypedOutputFlags::<F>::augment_args_for_update(command)
    }
}

/// The format that the ending of a file asks for; an ending without one is left to the default.
pub(crate) fn format_of_ending(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    match ending.as_str() {
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "csv" => Some(Format::Csv),
        "md" | "markdown" => Some(Format::Markdown),
        "html" | "htm" => Some(Format::Html),
        _ => None,
    }
}

/// Reads a whole number as people type one: `5000`, `5k`, `2M`.
pub(crate) fn whole_number(text: &str) -> Result<u64, String> {
    farebox::range::whole(text).ok_or_else(|| "write a whole number such as 5000, 5k or 2M".to_owned())
}

/// The most threads that are of use on any machine.
const MOST_THREADS: usize = 256;

/// Reads `--threads`: at least one; what is more than this machine can use is that much.
pub(crate) fn threads(text: &str) -> Result<NonZero<u16>, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("write a whole number such as 4".to_owned());
    }
    let most = (4 * available_threads()).min(MOST_THREADS);
    let number = text.parse::<usize>().unwrap_or(usize::MAX).min(most);
    let number = u16::try_from(number).ok().and_then(NonZero::new);
    number.ok_or_else(|| "at least 1 thread is needed; leave --threads out to use every CPU".to_owned())
}

/// How many threads a run uses.
pub(crate) fn number_of(threads: Option<NonZero<u16>>) -> usize {
    threads.map_or_else(|| available_threads().min(MOST_THREADS), |threads| usize::from(threads.get()))
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Which prices a command works with, and as of when.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Prices")]
pub(crate) struct TableFlags {
    /// Price as of this day or instant (UTC), such as 2024-11-15; now when left out
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Lay a price file of your own over the table; repeatable, later files win
    #[arg(long = "prices", value_name = "FILE")]
    pub overlays: Vec<PathBuf>,
    /// Refuse to run with another price table: its version, its hash, or both as VERSION@HASH
    #[arg(long = "prices-version", value_name = "PIN")]
    pub pin: Option<String>,
    /// Exchange rate, before those of every file: units of a currency for one US dollar; repeatable
    #[arg(long = "rate", value_name = "CODE=N", value_parser = exchange_rate)]
    pub rates: Vec<(String, Decimal)>,
}

/// Flags of every command that shows money.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Prices")]
pub(crate) struct PriceFlags {
    #[command(flatten)]
    pub table: TableFlags,
    /// Show money in another currency, at the European Central Bank's rates or your own (--rate, `exchange:` in a --prices file)
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
}

impl TableFlags {
    /// Reads the overlays and settles the instant.
    pub(crate) fn setup(&self) -> Result<Setup, Error> {
        let (at, as_of) = match &self.at {
            Some(text) => (text.parse()?, AsOf::Named),
            None => {
                let now = clock::now()?;
                (now.at, now.as_of())
            }
        };
        let mut table = PriceTable::bundled();
        let settled = config()?;
        for Setting { value: (code, per_usd), origin } in &settled.rates {
            table.settle_exchange(code, *per_usd, &origin.to_string());
        }
        self.rates.iter().for_each(|(code, per_usd)| table.fix_exchange(code, *per_usd, "--rate"));
        let overlays: Vec<&PathBuf> = settled.prices.iter().map(|file| &file.value).chain(&self.overlays).collect();
        if !overlays.is_empty() {
            let files = overlays.into_iter().map(|path| read_price_file(path)).collect::<Result<Vec<_>, _>>()?;
            match table.lay_over(&files) {
                Ok(warnings) if warnings.is_empty() => {}
                Ok(warnings) => say(&render_problems(&warnings, &files)),
                Err(problems) => return Err(JobError::of_price_files(&problems, &files).into()),
            }
        }
        if let Some(pin) = &self.pin {
            check_pin(pin, table.id())?;
        }
        Ok(Setup {
            table: table.into(),
            at,
            as_of,
            currency: None,
            vocabularies: super::data::tokenizers().ok(),
            strict: false,
        })
    }
}

impl PriceFlags {
    /// Reads the overlays, settles the instant, and checks that the currency has a rate then.
    pub(crate) fn setup(&self) -> Result<Setup, Error> {
        let settled = config()?.currency.as_ref().map(|currency| &currency.value);
        let currency = self.currency.as_ref().or(settled);
        let currency = currency.map(|code| code.to_uppercase()).filter(|code| code != "USD");
        let setup = Setup { currency, ..self.table.setup()? };
        setup.exchange(setup.at)?;
        Ok(setup)
    }
}

/// A pin names the version of the table, at least eight digits of its hash, or both.
fn check_pin(pin: &str, id: &TableId) -> Result<(), Error> {
    let (version, hash) = match pin.split_once('@') {
        Some((version, hash)) => (Some(version), Some(hash)),
        None if pin.len() >= 8 && pin.bytes().all(|b| b.is_ascii_hexdigit()) => (None, Some(pin)),
        None => (Some(pin), None),
    };
    let short = hash.is_some_and(|hash| hash.len() < 8);
    let hash_fits = hash.is_none_or(|hash| id.sha256.starts_with(&hash.to_lowercase()));
    if !short && hash_fits && version.is_none_or(|version| version == id.version) {
        return Ok(());
    }
    let ours = format!("{}@{:.12}", id.version, id.sha256);
    let help = if short {
        "give at least eight digits of the hash"
    } else {
        "install the farebox with that table, or pin this one after `farebox prices diff` said what changed"
    };
    Err(Error::Usage(format!("the price table is {ours}, not {pin}\n  help: {help}")))
}

pub(crate) fn read_price_file(path: &Path) -> Result<PriceFile, Error> {
    price_file_of(&path.display().to_string(), &farebox::input::text::read_yaml(path)?)
}

/// A price file out of what is in it; its lines end in a line feed alone.
pub(crate) fn price_file_of(shown: &str, bytes: &[u8]) -> Result<PriceFile, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Error::prices(format!("{shown} is not UTF-8 text: byte {at} is broken\n  help: save the file as UTF-8"))
    })?;
    Ok(PriceFile { path: shown.to_owned(), text: text.replace("\r\n", "\n") })
}

impl OutputFlags {
    /// Writes a report where the flags say.
    ///
    /// Notes are in the report where people read it, and on stderr where a program does.
    pub(crate) fn write(&self, report: Report) -> Result<(), Error> {
        self.write_to(report, Out::open(self.output.as_deref())?)
    }

    /// Makes a report fit those who read its format, and the screen that they read it on.
    pub(crate) fn make_ready(&self, report: &mut Report, screen: Screen) {
        if self.format.readers() == report::Readers::People {
            report.tidy();
        }
        if let (Format::Table, Some(width)) = (self.format, screen.width) {
            report.fit(width);
        }
    }

    /// Writes a report to an output that was opened before the work began.
    pub(crate) fn write_to(&self, mut report: Report, out: Out) -> Result<(), Error> {
        let screen = out.screen(self.color);
        self.make_ready(&mut report, screen);
        if self.format == Format::Html {
            report.date(&clock::now()?.at.date().to_string());
        }
        out.write_with(|out| report::write(&report, self.format, screen, out))?;
        if self.format.readers() == report::Readers::Programs && !self.quiet {
            report.notes.iter().for_each(|note| say(&format!("note: {note}")));
        }
        Ok(())
    }
}

/// Every YAML file below a folder.
pub(crate) fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(yaml_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
    Ok(files)
}
