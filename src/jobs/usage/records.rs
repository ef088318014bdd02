//! One record with its price, as a program reads it: [`UsageRecordRow`].
//!
//! A log may have millions of them: a row borrows what it shows and is written as it is.

use std::borrow::Cow;

use serde::Serialize;

use super::priced::{PricedRecord, RecordOutcome, RecordVerdict};
use super::totals::ended;
use crate::calculator::LineItem;
use crate::input::dialect::{Entry, Reported};
use crate::jobs::life::LifeRow;
use crate::jobs::setup::{InCurrency, Setup, TableStamp};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::Evidence;

/// A record, or a line that is none, with its price or why it has none.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UsageRecordRow<'r> {
    /// The file, or the member of an archive.
    source: &'r str,
    /// The line that the record begins at.
    line: u64,
    /// Who billed it: the table's id where it has a price, and otherwise as the record names it.
    provider: Option<&'r str>,
    /// The model, as the record names it.
    model: Option<&'r str>,
    /// `priced`, why it cost nothing (`failed`, `cancelled`, `remembered`, `free`), `charge`, or why it has no price.
    status: &'static str,
    /// What it cost; null where that is not known, or not added.
    total_usd: Option<Usd>,
    /// Why, where it has no price or cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'r, str>>,
    /// Ids that may have been meant by one that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestions: Option<&'r [String]>,
    #[serde(flatten)]
    price: Option<RecordPrice<'r>>,
    #[serde(flatten)]
    facts: Option<RecordFacts<'r>>,
    /// The price table.
    table: &'r TableStamp,
}

/// What a record with a price says further.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordPrice<'r> {
    /// The least that it can be, where it sums up many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    low_usd: Option<Usd>,
    /// The most that it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    high_usd: Option<Usd>,
    /// What was billed.
    lines: &'r [LineItem],
    /// Tiers, variants, schedules and factors that moved a rate.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    applied: &'r [String],
    #[serde(flatten)]
    in_currency: Option<InCurrency>,
    /// The card that it was priced by, as `provider/model`.
    card: String,
    /// That the model had ended by then, or that no source listed it any longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<LifeRow>,
    /// Why it was priced at a provider that it does not name.
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed: Option<&'static str>,
    /// The instant whose prices hold.
    priced_at: Instant,
    /// The rates.
    rates: RatesStamp<'r>,
    /// Null where the record has no time of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<NoTime>,
}

/// Which rates were used, and where they were read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RatesStamp<'r> {
    from: Option<Instant>,
    to: Option<Instant>,
    source: &'r str,
    checked: Instant,
    evidence: Evidence,
    /// Since when there is evidence of them, where that is later than the record: assumed rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed_before: Option<Instant>,
}

/// A time that is not known, which is written as null.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NoTime;

/// What a record says itself: only what is there.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecordFacts<'r> {
    /// The form that it was read as.
    dialect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'r str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'r [Cow<'r, str>],
    /// How many requests it sums up, where it does; null where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<ReportedAmount<'r>>,
    /// What looks like a count, a cost or a duration and was not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadCount<'r>>,
}

/// A number that was not read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnreadCount<'r> {
    /// Its name, behind that of the field that it is in.
    key: &'r str,
    /// As it is written.
    value: &'r str,
}

/// What the file says itself that it cost.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReportedAmount<'r> {
    amount: String,
    currency: &'r str,
}

impl<'r> UsageRecordRow<'r> {
    /// The row of what became of a record.
    pub(super) fn of(
        source: &'r str,
        line: u64,
        outcome: &'r RecordOutcome,
        setup: &Setup,
        table: &'r TableStamp,
    ) -> Self {
        let mut row = UsageRecordRow {
            source,
            line,
            provider: outcome.provider.as_deref(),
            model: outcome.model.as_deref(),
            status: "priced",
            total_usd: None,
            reason: None,
            suggestions: None,
            price: None,
            facts: outcome.entry.map(RecordFacts::of),
            table,
        };
        match &outcome.verdict {
            RecordVerdict::Priced(priced) => {
                row.total_usd = Some(priced.cost.total);
                row.price = Some(RecordPrice::of(priced, outcome, setup));
            }
            RecordVerdict::Refused(refused) => {
                row.because(refused.status, refused.text());
                row.suggestions = (refused.status == "unknown-model").then_some(&refused.suggestions);
            }
            RecordVerdict::Free(status, why) => {
                row.because(status, why);
                row.total_usd = Some(Usd::ZERO);
            }
            RecordVerdict::Charge(what) => row.because("charge", what),
        }
        row
    }

    fn because(&mut self, status: &'static str, reason: impl Into<Cow<'r, str>>) {
        (self.status, self.reason) = (status, Some(reason.into()));
    }
}

impl<'r> RecordPrice<'r> {
    fn of(priced: &'r PricedRecord, outcome: &RecordOutcome, setup: &Setup) -> Self {
        let cost = &priced.cost;
        let has_time = outcome.entry.is_some_and(|entry| entry.at.is_some());
        RecordPrice {
            low_usd: priced.range.map(|(low, _)| low),
            high_usd: priced.range.map(|(_, high)| high),
            lines: &cost.lines,
            applied: &cost.applied,
            in_currency: setup.in_currency(cost.total, outcome.at),
            card: priced.found.full_id(),
            life: ended(priced, outcome.at),
            assumed: priced.assumed.map(super::priced::Assumed::about),
            priced_at: outcome.at,
            rates: RatesStamp {
                from: cost.period.from,
                to: cost.period.to,
                source: &cost.source.url,
                checked: cost.source.checked,
                evidence: cost.source.evidence,
                assumed_before: cost.assumed,
            },
            timestamp: (!has_time).then_some(NoTime),
        }
    }
}

impl<'r> RecordFacts<'r> {
    fn of(entry: &'r Entry<'r>) -> Self {
        let labels = &entry.labels;
        RecordFacts {
            dialect: entry.dialect.name(),
            timestamp: entry.at,
            project: labels.project.as_deref(),
            session: labels.session.as_deref(),
            key: labels.key.as_deref(),
            tags: &labels.tags,
            requests: entry.bucket.as_ref().map(|bucket| bucket.requests),
            reported: entry.reported.as_ref().map(ReportedAmount::of),
            unread: entry.unread.iter().map(|unread| UnreadCount { key: &unread.key, value: &unread.value }).collect(),
        }
    }
}

impl<'r> ReportedAmount<'r> {
    fn of(reported: &'r Reported) -> Self {
        ReportedAmount { amount: reported.amount.normalize().to_string(), currency: &reported.currency }
    }
}
