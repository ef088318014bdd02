//! What every part of the reading of a workload shares: [`WorkloadReader`], which notes what is wrong or assumed and reads
//! days, shares, tokens and amounts.

use std::fmt::Display;
use std::path::PathBuf;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::ReadFile;
use super::quantity::{MONTHLY, Quantity, without};
use super::root::Root;
use crate::calculator::workload::{Amount, Assumption, Free, Per};
use crate::money::Exact;
use crate::period::Instant;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::At;
use crate::range::Range;

/// Where the file is, what was objected to, and what was filled in.
pub(super) struct WorkloadReader<'f> {
    pub path: String,
    pub folder: PathBuf,
    /// How the files that the workload names are read.
    pub files: ReadFile<'f>,
    pub problems: Vec<Problem>,
    pub assumptions: Vec<Assumption>,
    /// Currency of an amount without one.
    pub currency: String,
    pub start: Date,
    pub end: Date,
    /// The people of the plan, where it says how many.
    pub users: Option<Range<Decimal>>,
    /// Conversations of each of them.
    pub sessions: Option<(Range<Decimal>, Per)>,
    /// Every feature that the file has.
    pub feature_names: Vec<String>,
    /// The features that follow another, and which.
    pub followed: Vec<(String, At<String>)>,
    /// Currencies of amounts, with the place of the first amount in each.
    pub currencies: Vec<(String, Place)>,
    /// The folder that files may be in.
    pub root: Root,
    /// Bytes that were read from files and filled into prompts, up to [`MOST_TEXT`](super::data::MOST_TEXT).
    pub text_bytes: u64,
}

impl WorkloadReader<'_> {
    /// Notes an error.
    pub(crate) fn object(
        &mut self,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Severity::Error, code, place, message.into(), help.into());
    }

    /// Notes that a map lacks something it needs; the place is anywhere in it.
    pub(crate) fn lacks(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.object("missing-key", place, message, help);
    }

    /// Notes something that a person should look at.
    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Severity::Warning, code, place, message.into(), help.into());
    }

    fn note(&mut self, severity: Severity, code: &'static str, place: Place, message: String, help: String) {
        let help = (!help.is_empty()).then_some(help);
        self.problems.push(Problem { code, severity, path: self.path.clone(), place, message, help });
    }

    /// Notes a value that the user did not give.
    pub(crate) fn assume(&mut self, about: &str, what: &str, value: impl Display, origin: &str) {
        self.assumptions.push(Assumption {
            about: about.to_owned(),
            what: what.to_owned(),
            value: value.to_string(),
            origin: origin.to_owned(),
        });
    }

    /// Notes that a currency needs an exchange rate.
    pub(crate) fn needs_rate(&mut self, currency: &str, place: Place) {
        if currency != "USD" && !self.currencies.iter().any(|(known, _)| known == currency) {
            self.currencies.push((currency.to_owned(), place));
        }
    }

    /// A day; `2027-01` is the first of that month.
    pub(crate) fn day(&mut self, word: &At<String>) -> Option<Date> {
        let text = word.value.trim();
        let full = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
        match full.parse::<Date>().ok().filter(|_| full.len() == 10 && full.parse::<Instant>().is_ok()) {
            Some(day) => Some(day),
            None => {
                let help = "write a day of the calendar as year, month, day: 2026-12-01";
                self.object("date", word.place, format!("{text:?} is not a date"), help);
                None
            }
        }
    }

    /// A share: `5%`, or a number up to 1.
    pub(crate) fn share(&mut self, q: &At<Quantity>) -> Range<Decimal> {
        let unit = q.value.unit.trim();
        let unit = without(unit, MONTHLY).unwrap_or(unit);
        let range = q.value.range;
        match unit {
            "%" => range.map(|n| n / Decimal::ONE_HUNDRED),
            "" if range.high <= Decimal::ONE => range,
            _ => {
                let shown = format!("{range} {unit}");
                self.object(
                    "share",
                    q.place,
                    format!("{} is not a share", shown.trim()),
                    "write it in percent, such as 5%",
                );
                Range::default()
            }
        }
    }

    /// A share that cannot be more than the whole.
    pub(crate) fn part(&mut self, q: &At<Quantity>) -> Range<Decimal> {
        let share = self.share(q);
        if share.high > Decimal::ONE {
            self.object("share", q.place, format!("{} is more than 100%", q.value.range), "write up to 100%");
        }
        share
    }

    /// A share that may be several times the whole: `20%`, `3`.
    pub(crate) fn multiple(&mut self, q: &At<Quantity>) -> Range<Decimal> {
        match q.value.unit.as_str() {
            "%" => q.value.range.map(|n| n / Decimal::ONE_HUNDRED),
            _ => self.with_unit(q, &["", "%"]).unwrap_or_default(),
        }
    }

    /// Objects to a range where one number is planned with.
    pub(crate) fn no_range(&mut self, q: &At<Quantity>, what: &str) {
        if q.value.range.is_range() {
            let message = format!("{what} is one number, and {} is a range", q.value.range);
            let unit = if q.value.unit.is_empty() || q.value.unit == "%" {
                q.value.unit.clone()
            } else {
                format!(" {}", q.value.unit)
            };
            self.object("no-range", q.place, message, format!("write {}{unit}", q.value.range.expected));
        }
    }

    /// A number with a unit that may be left out.
    pub(crate) fn plain_or(&mut self, q: &At<Quantity>, units: &[&str]) -> Option<Range<Decimal>> {
        if units.contains(&q.value.unit.as_str()) {
            return Some(q.value.range);
        }
        self.plain(q)
    }

    /// What is free: requests, tokens, or both.
    pub(crate) fn free_limits(&mut self, requests: Option<&At<Quantity>>, tokens: Option<&At<Quantity>>) -> Vec<Free> {
        let mut limits = Vec::new();
        for (quantity, is_tokens) in [(requests, false), (tokens, true)] {
            let Some(quantity) = quantity else { continue };
            let unit = quantity.value.unit.trim_start_matches("requests ").trim_start_matches("tokens ");
            let per = match unit.trim_start_matches("per ").trim_start_matches("a ").trim_start_matches('/') {
                "day" => Per::Day,
                "month" => Per::Month,
                other => {
                    let message = format!("{other:?}: a free quantity is per day or per month");
                    self.object("free", quantity.place, message, "write 1500 per day or 1_000_000 per month");
                    continue;
                }
            };
            self.no_range(quantity, "what is free");
            limits.push(Free { quantity: quantity.value.range.expected, per, is_tokens });
        }
        limits
    }

    /// A number without a unit.
    pub(crate) fn plain(&mut self, q: &At<Quantity>) -> Option<Range<Decimal>> {
        self.with_unit(q, &[""])
    }

    /// Tokens of one request: whole numbers, and not more than any model reads.
    pub(crate) fn tokens(&mut self, q: &At<Quantity>) -> Option<Range<Decimal>> {
        let range = self.with_unit(q, &["", "tokens"])?;
        if range.high > Decimal::from(1_000_000_000_000_u64) {
            let message = format!("{} tokens are more than farebox plans with", range.high);
            self.object("tokens", q.place, message, "write the tokens of one request, such as 300");
        }
        Some(range)
    }

    /// A number of at least one, such as a mean of 1.4 turns.
    pub(crate) fn count(&mut self, q: &At<Quantity>, most: u32) -> Option<Range<Decimal>> {
        let range = self.plain(q)?;
        if range.low < Decimal::ONE || range.high > Decimal::from(most) {
            let message = format!("{range}: it is a number from 1 to {most}");
            self.object("count", q.place, message, "write 4, or a range such as 1..3..10");
            return None;
        }
        Some(range)
    }

    fn with_unit(&mut self, q: &At<Quantity>, units: &[&str]) -> Option<Range<Decimal>> {
        if units.contains(&q.value.unit.as_str()) {
            return Some(q.value.range);
        }
        let message = format!("the unit {:?} does not belong here", q.value.unit);
        let known: Vec<&str> = units.iter().copied().filter(|u| !u.is_empty()).collect();
        let help =
            if known.is_empty() { "write the number alone".into() } else { format!("write {}", known.join(" or ")) };
        self.object("unit", q.place, message, help);
        None
    }

    /// An amount of money: `60 EUR`; a number alone is in the currency of the plan.
    pub(crate) fn amount(&mut self, q: &At<Quantity>, or: &str) -> Option<Amount> {
        self.no_range(q, "an amount of money");
        self.amount_range(q, or)
    }

    /// An amount at its mean; its bounds are for the caller to use.
    pub(crate) fn amount_range(&mut self, q: &At<Quantity>, or: &str) -> Option<Amount> {
        let unit = q.value.unit.to_uppercase();
        let currency = if unit.is_empty() { self.currency.clone() } else { unit };
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let message = format!("{:?} is not a currency", q.value.unit);
            self.object("currency", q.place, message, format!("write an amount such as 60 EUR {or}").trim().to_owned());
            return None;
        }
        self.needs_rate(&currency, q.place);
        Some(Amount { amount: Exact(q.value.range.expected), currency })
    }
}
