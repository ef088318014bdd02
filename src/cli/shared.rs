//! Flags that most commands share, and the [`Setup`] they turn into: nothing below a command looks at flags.

use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::out::Out;
use super::say;
use crate::error::Error;
use crate::money::{Usd, digits_for_people};
use crate::period::Instant;
use crate::pricing::card::ExchangeRate;
use crate::pricing::compile::PriceFile;
use crate::pricing::problem::{Problem, render_all};
use crate::pricing::{Found, Matched, PriceTable, TableId};
use crate::report::{self, Cell, Format, Report};

/// Flags of every command that prints a report.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub format: Format,
    /// Write to a file, which appears only when it is whole
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print no notes on stderr
    #[arg(long, short = 'q')]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
}

/// Flags of every command that looks prices up.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Prices")]
pub(crate) struct PriceFlags {
    /// Price as of this day or instant (UTC), such as 2024-11-15; now when left out
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Lay a price file of your own over the table; repeatable, later files win
    #[arg(long = "prices", value_name = "FILE")]
    pub overlays: Vec<PathBuf>,
    /// Show money in another currency, at the rates of an overlay (`exchange:` in a --prices file)
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Refuse to run with another price table: its version, its hash, or both as VERSION@HASH
    #[arg(long = "prices-version", value_name = "PIN")]
    pub pin: Option<String>,
}

/// The price table and the instant that a command works with.
pub(crate) struct Setup {
    pub table: PriceTable,
    pub at: Instant,
    /// Whether `at` is the clock's rather than the user's.
    pub is_now: bool,
    /// The currency to show money in, where it is not the dollar.
    pub currency: Option<String>,
}

impl PriceFlags {
    /// Reads the overlays and settles the instant.
    pub fn setup(&self) -> Result<Setup, Error> {
        let at = match &self.at {
            Some(text) => text.parse()?,
            None => now(),
        };
        let mut table = PriceTable::bundled();
        if !self.overlays.is_empty() {
            let files = self.overlays.iter().map(|path| read_price_file(path)).collect::<Result<Vec<_>, _>>()?;
            let text_of = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
            match table.lay_over(&files) {
                Ok(warnings) if warnings.is_empty() => {}
                Ok(warnings) => say(&render_all(&warnings, text_of)),
                Err(problems) => return Err(price_error(&problems, &files)),
            }
        }
        if let Some(pin) = &self.pin {
            check_pin(pin, table.id())?;
        }
        let currency = self.currency.as_ref().map(|code| code.to_uppercase()).filter(|code| code != "USD");
        let setup = Setup { table, at, is_now: self.at.is_none(), currency };
        setup.exchange(at).map_err(Error::Usage)?;
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

/// Problems of price files as an error, each with its line.
pub(crate) fn price_error(problems: &[Problem], files: &[PriceFile]) -> Error {
    let text_of = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
    Error::Prices(format!("a price file cannot be used\n\n{}", render_all(problems, text_of).trim_end()))
}

pub(crate) fn read_price_file(path: &Path) -> Result<PriceFile, Error> {
    let shown = path.display().to_string();
    let bytes = crate::input::text::read_bytes(path)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::Prices(format!("{shown} is not UTF-8 text: byte {at} is broken\n  help: save the file as UTF-8"))
    })?;
    Ok(PriceFile { path: shown, text: text.replace("\r\n", "\n") })
}

/// The clock, read once for each command.
fn now() -> Instant {
    Instant::from_unix(jiff::Timestamp::now().as_second())
}

impl Setup {
    /// The instant for people: the day alone where it is the clock's.
    pub fn shown_at(&self) -> String {
        if self.is_now { self.at.date().to_string() } else { self.at.to_string() }
    }

    /// The exchange rate at a moment; `None` where money is shown in dollars.
    ///
    /// # Errors
    /// A text for people where the currency has no rate in force then: an old or guessed rate is never used.
    pub fn exchange(&self, at: Instant) -> Result<Option<&ExchangeRate>, String> {
        let Some(code) = &self.currency else { return Ok(None) };
        self.table.exchange(code, at).map(Some).ok_or_else(|| {
            let known = self.table.currencies();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!(
                "no exchange rate of {code} holds on {at} (currencies with a rate at some time: {known})\n  help: add `exchange: {{{code}: [{{from: …, per_usd: \"…\"}}]}}` to a file and lay it over: --prices FILE"
            )
        })
    }

    /// An amount: for people in the currency asked for, at the rate of the command's instant; for programs in dollars, as
    /// the names of the columns say.
    pub fn money(&self, usd: Usd) -> Cell {
        match self.exchange(self.at) {
            Ok(Some(rate)) => converted(usd, rate)
                .map_or_else(|| Cell::absent("too long"), |amount| in_currency(usd, amount, &rate.currency)),
            _ => Cell::usd(usd),
        }
    }

    /// Adds the amount in the currency asked for to a row of a machine form.
    pub fn add_currency(&self, row: &mut Map<String, Value>, usd: Usd, at: Instant) {
        if let Ok(Some(rate)) = self.exchange(at) {
            row.insert("currency".into(), json!(rate.currency));
            row.insert("total".into(), json!(converted(usd, rate).map(|amount| amount.to_string())));
            row.insert(
                "exchange".into(),
                json!({"per_usd": rate.per_usd, "from": rate.period.from, "to": rate.period.to, "source": rate.source}),
            );
        }
    }

    /// The card of every model asked for.
    pub fn find_all(&self, models: &[String]) -> Result<Vec<Found>, Error> {
        models.iter().map(|model| self.find(model)).collect()
    }

    /// The card of a model asked for.
    pub fn find(&self, model: &str) -> Result<Found, Error> {
        Ok(self.table.find(model, self.at)?)
    }
}

impl OutputFlags {
    /// Writes a report where the flags say.
    ///
    /// Notes stand in the report where people read it, and on stderr where a program does.
    pub fn write(&self, mut report: Report) -> Result<(), Error> {
        if self.format == Format::Focus && !report.columns.iter().any(|column| column.key == "BilledCost") {
            let what = "FOCUS is a form of what was used and billed\n  help: `farebox usage --format focus` writes it; here, --format csv";
            return Err(Error::Usage(what.into()));
        }
        if self.format.readers() == report::Readers::People {
            report.drop_empty_columns();
        }
        let out = Out::open(self.output.as_deref())?;
        let screen = out.screen(self.color);
        if let (Format::Table, Some(width)) = (self.format, screen.width) {
            report.fit(width);
        }
        out.write_with(|out| report::write(&report, self.format, screen, out))?;
        if self.format.readers() == report::Readers::Programs && !self.quiet {
            report.notes.iter().for_each(|note| say(&format!("note: {note}")));
        }
        Ok(())
    }
}

/// Dollars in another currency, rounded once to [`CONVERTED_SCALE`](crate::money::CONVERTED_SCALE) digits behind the point;
/// `None` where even so the amount has more digits than a decimal holds.
pub(crate) fn converted(usd: Usd, rate: &ExchangeRate) -> Option<Decimal> {
    crate::money::converted(usd, rate.per_usd.0)
}

/// Dollars that people see as an amount in another currency: `0.06622 EUR`.
pub(crate) fn in_currency(usd: Usd, amount: Decimal, currency: &str) -> Cell {
    Cell::pair(format!("{} {currency}", digits_for_people(amount)), usd.to_string())
}

/// What a person should know about how an id was read; `None` where it was exact and the only one.
pub(crate) fn matched_note(asked: &str, found: &Found) -> Option<String> {
    let id = found.full_id();
    match (&found.matched, found.also_at.is_empty()) {
        (Matched::Without(what), _) => Some(format!("{asked} was read as {id}, without its {what}")),
        (_, false) if !asked.contains('/') => {
            Some(format!("{asked} was read as {id}; also sold by {}", found.also_at.join(", ")))
        }
        _ => None,
    }
}

/// The fields that every machine form carries: which table, and as of when.
pub(crate) fn table_json(setup: &Setup) -> serde_json::Value {
    serde_json::to_value(setup.table.id()).unwrap_or_default()
}

/// One line for people: which table, and as of when.
pub(crate) fn table_line(setup: &Setup) -> String {
    let id = setup.table.id();
    format!("Prices as of {}, table {} (sha256 {:.12}).", setup.shown_at(), id.version, id.sha256)
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
