//! The prices that a job works with, and as of when: [`Setup`].

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::JobError;
use crate::money::{Exact, Usd};
use crate::period::Instant;
use crate::pricing::card::ExchangeRate;
use crate::pricing::{Found, Matched, PriceTable};
use crate::report::{Cell, Report};
use crate::tokenizer::store::Store;

/// The price table and the instant that a job works with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The bundled prices with overlays.
    pub table: Arc<PriceTable>,
    /// The instant whose prices hold.
    pub at: Instant,
    /// Where the instant came from.
    pub as_of: AsOf,
    /// The currency to show money in, where it is not the dollar.
    pub currency: Option<String>,
    /// The folder of vocabularies that the user added, where there is one.
    pub vocabularies: Option<Store>,
    /// Whether prices of a time before the first evidence of them are refused, rather than marked as assumed.
    pub strict: bool,
}

/// Where the instant of a [`Setup`] came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The user named it.
    Named,
    /// The clock of the machine.
    Clock,
    /// A clock that something stopped at a moment, so that a report can be made again.
    Stopped {
        /// What stopped it, such as a variable of the environment.
        by: &'static str,
        /// The moment, in RFC 3339.
        moment: String,
    },
}

/// Which table, as every machine-readable format carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableStamp {
    /// Calendar version, with `+overlay` where files of the user's were laid over it.
    pub version: String,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// How many days before the command's moment the table was made, where that is more than 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<u64>,
    /// The moment at which the clock was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_set_to: Option<String>,
}

/// An amount in the currency that was asked for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InCurrency {
    /// Three capital letters.
    pub currency: String,
    /// The amount; null where it has more digits than a decimal holds.
    pub total: Option<String>,
    /// The rate that it was converted at.
    pub exchange: ExchangeUsed,
}

/// An exchange rate, and when it holds.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExchangeUsed {
    /// Units of the currency for one US dollar.
    #[cfg_attr(test, schemars(with = "String"))]
    pub per_usd: Exact,
    /// From when on.
    pub from: Option<Instant>,
    /// Until when, exclusive.
    pub to: Option<Instant>,
    /// Where it was read, as the user wrote it.
    pub source: Option<String>,
}

impl Setup {
    /// The instant for people: the day alone where it is the clock's.
    pub(crate) fn shown_at(&self) -> String {
        match &self.as_of {
            AsOf::Stopped { by, .. } => format!("{} (clock set by {by})", self.at.date()),
            AsOf::Clock => self.at.date().to_string(),
            AsOf::Named => self.at.to_string(),
        }
    }

    /// The moment at which the environment stopped the clock, where this command reads the clock.
    pub(crate) fn clock_set_to(&self) -> Option<String> {
        match &self.as_of {
            AsOf::Stopped { moment, .. } => Some(moment.clone()),
            AsOf::Named | AsOf::Clock => None,
        }
    }

    /// The exchange rate at a moment; `None` where money is shown in dollars.
    ///
    /// # Errors
    /// [`JobError::Asked`] where the currency has no rate in force then: an old or guessed rate is never used.
    pub fn exchange(&self, at: Instant) -> Result<Option<&ExchangeRate>, JobError> {
        let Some(code) = &self.currency else { return Ok(None) };
        self.table.exchange(code, at).map(Some).ok_or_else(|| {
            let known = self.table.currencies();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            JobError::asked(
                format!("no exchange rate of {code} holds on {at} (currencies with a rate at some time: {known})"),
                format!(
                    "give one: --rate {code}=N (units of {code} for one US dollar), or lay a file with `exchange: {{{code}: [{{from: …, per_usd: \"…\"}}]}}` over the table: --prices FILE"
                ),
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

    /// The amount in the currency asked for, as rows carry it next to the dollars; `None` where that is the dollar.
    #[must_use]
    pub fn in_currency(&self, usd: Usd, at: Instant) -> Option<InCurrency> {
        let rate = self.exchange(at).ok().flatten()?;
        Some(InCurrency {
            currency: rate.currency.clone(),
            total: converted(usd, rate).map(|amount| amount.to_string()),
            exchange: ExchangeUsed {
                per_usd: rate.per_usd,
                from: rate.period.from,
                to: rate.period.to,
                source: rate.source.clone(),
            },
        })
    }

    /// The card of every model asked for.
    pub fn find_all(&self, models: &[String]) -> Result<Vec<Found>, JobError> {
        models.iter().map(|model| self.find(model)).collect()
    }

    /// The card of a model asked for.
    pub fn find(&self, model: &str) -> Result<Found, JobError> {
        if model.trim().is_empty() {
            return Err(JobError::asked(
                "--model: the name is empty",
                "give a model such as gpt-4o; a variable that is not set gives an empty name",
            ));
        }
        Ok(self.table.find(model, self.at)?)
    }
}

/// Dollars in another currency, rounded once to `CONVERTED_SCALE` digits behind the point;
/// `None` where even so the amount has more digits than a decimal holds.
pub fn converted(usd: Usd, rate: &ExchangeRate) -> Option<Decimal> {
    crate::money::converted(usd, rate.per_usd.0)
}

/// Dollars that people see as an amount in another currency: `0.06622 EUR`.
pub fn in_currency(usd: Usd, amount: Decimal, currency: &str) -> Cell {
    Cell::in_currency(usd, amount, currency)
}

/// What a person should know about how an id was read; `None` where it was exact and the only one.
pub fn matched_note(asked: &str, found: &Found) -> Option<String> {
    let id = found.full_id();
    match (&found.matched, found.also_at.is_empty()) {
        (Matched::Without(what), _) => Some(format!("{asked} was read as {id}, without its {what}")),
        (_, false) if !asked.contains('/') => {
            Some(format!("{asked} was read as {id}; also sold by {}", found.also_at.join(", ")))
        }
        _ => None,
    }
}

/// What every machine-readable format carries: which table, and whether the clock was stopped.
#[must_use]
pub(crate) fn table_stamp(setup: &Setup) -> TableStamp {
    let id = setup.table.id().clone();
    TableStamp {
        version: id.version,
        sha256: id.sha256,
        age_days: table_age(&setup.table, setup.at),
        clock_set_to: setup.clock_set_to(),
    }
}

/// A table that was made at most this many days before the moment it is asked about needs no remark.
const YOUNG_DAYS: u64 = 30;

/// How many days before a moment a table was made, where that is worth a remark: more than 30. The one place that
/// decides so.
#[must_use]
pub(crate) fn table_age(table: &PriceTable, at: Instant) -> Option<u64> {
    let seconds = at.unix() - table.day()?.unix();
    u64::try_from(seconds.div_euclid(86_400)).ok().filter(|days| *days > YOUNG_DAYS)
}

/// What to say of a table that is old at a moment; `None` for one that is at most 30 days old.
#[must_use]
pub(crate) fn table_age_note(table: &PriceTable, at: Instant) -> Option<String> {
    let version = &table.id().version;
    table_age(table, at)
        .map(|days| format!("Table {version} is {days} days old on {}: prices may have changed.", at.date()))
}

/// Who says what an exchange rate is, and from which day on it holds: `European Central Bank, 2026-10-30`.
pub(crate) fn rate_source(rate: &ExchangeRate) -> String {
    let from = rate.period.from.map(|from| from.to_string());
    [Some(rate.source.clone().unwrap_or_else(|| "a file of yours".to_owned())), from]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// The exchange rate that money is shown at, as people read it; nothing where that is the dollar.
fn exchange_line(setup: &Setup) -> Option<String> {
    let rate = setup.exchange(setup.at).ok().flatten()?;
    Some(format!(" 1 USD = {} {} ({}).", rate.per_usd.0.normalize(), rate.currency, rate_source(rate)))
}

/// Says below a report which prices it has, and on a page of which day they are.
pub(crate) fn add_table_line(report: &mut Report, setup: &Setup) {
    report.notes.push(table_line(setup));
    report.date(&setup.at.date().to_string());
}

/// One line for people: which table, and as of when.
pub fn table_line(setup: &Setup) -> String {
    let id = setup.table.id();
    let age = table_age_note(&setup.table, setup.at).map_or_else(String::new, |note| format!(" {note}"));
    let exchange = exchange_line(setup).unwrap_or_default();
    format!("Prices as of {}, table {} (sha256 {:.12}).{age}{exchange}", setup.shown_at(), id.version, id.sha256)
}
