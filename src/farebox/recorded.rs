//! What was used already: [`UsageCost`].

use std::collections::BTreeMap;
use std::path::Path;

use super::Farebox;
use crate::input::calls::stream::{SourceTally, StreamSink, StreamWarning};
use crate::input::text::{InputError, Source};
use crate::jobs::JobError;
use crate::jobs::error::with_help;
use crate::jobs::usage::{UsageGroupRow, UsageQuery, UsageTotals, price_sources};
use crate::money::Usd;

/// What recorded usage cost. Every record is in it once: with a price, without one and why, as one that costs nothing, or as
/// an amount on a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageCost {
    /// What the records with a price come to.
    pub total: Usd,
    /// The least and the most that can be, where records sum up many requests.
    pub bounds: (Usd, Usd),
    /// Records with a price.
    pub priced: u64,
    /// Records without a price, by why; a line that is not a record is an `invalid-record`.
    pub unpriced: BTreeMap<String, u64>,
    /// Records of requests that cost nothing, by why.
    pub free: BTreeMap<String, u64>,
    /// Amounts on a bill, which are not added to the total, and what those in dollars come to.
    pub charges: (u64, Usd),
    /// Records with a price that have no time of their own: they are priced at [`Farebox::moment`].
    pub without_time: u64,
    /// Records that are older than the first evidence of their price, and what they come to: both are counted above too.
    pub assumed: (u64, Usd),
    /// Sources that cannot be read, each with why.
    pub unreadable: Vec<String>,
    /// The same by model, in the order of their names.
    pub models: Vec<ModelUsage>,
    /// Why records have no price, each with its place; at most a hundred of them, and the counts above have all.
    pub warnings: Vec<String>,
}

/// What the records of one model come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model, as the records name it.
    pub model: String,
    /// Records with a price.
    pub records: u64,
    /// What they come to; `None` where none has a price.
    pub total: Option<Usd>,
    /// Records without a price.
    pub unpriced: u64,
}

impl Farebox {
    /// What recorded usage cost, each record at the prices of its own time.
    ///
    /// A record is JSON in any form that farebox reads: a response body, a line of a log or of an agent's transcript, a span.
    /// The form is told by its fields. Records of one session belong together in their order, because some forms keep
    /// running totals. All are held in memory; [`usage_of_files`](Farebox::usage_of_files) reads as it goes.
    ///
    /// A record without a price is not an error: it is in [`UsageCost::unpriced`], and so is what is not a record.
    ///
    /// # Errors
    /// [`JobError`] where the reading itself failed, so that a sum would be too low.
    ///
    /// # Examples
    /// ```
    /// use farebox::Farebox;
    /// let records = [
    ///     r#"{"model":"gpt-4o","timestamp":"2026-11-01T09:00:00Z","usage":{"prompt_tokens":1000000,"completion_tokens":0}}"#,
    ///     r#"{"model":"unheard-of","usage":{"prompt_tokens":7,"completion_tokens":1}}"#,
    ///     "not a record",
    /// ];
    /// let cost = Farebox::bundled().usage(records)?;
    /// assert_eq!(cost.total.to_string(), "2.5");
    /// assert_eq!((cost.priced, cost.unpriced["unknown-model"], cost.unpriced["invalid-record"]), (1, 1, 1));
    /// # Ok::<(), farebox::JobError>(())
    /// ```
    pub fn usage<R: AsRef<str>>(&self, records: impl IntoIterator<Item = R>) -> Result<UsageCost, JobError> {
        let mut text = String::new();
        for record in records {
            text.push_str(record.as_ref());
            text.push('\n');
        }
        self.usage_of(&[Source::Text(text)])
    }

    /// The same for files: JSON, JSON Lines, CSV tables, archives of them; read in flat memory.
    ///
    /// A file that cannot be read is in [`UsageCost::unreadable`], and the others count.
    ///
    /// # Errors
    /// As [`usage`](Farebox::usage).
    ///
    /// # Examples
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("log.jsonl");
    /// # std::fs::write(&path, "{\"model\":\"gpt-4o\",\"input_tokens\":1000000,\"output_tokens\":0}\n")?;
    /// let fb = farebox::Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>().unwrap());
    /// let cost = fb.usage_of_files([&path, &dir.path().join("missing.jsonl")])?;
    /// assert_eq!(cost.total.to_string(), "2.5");
    /// assert!(cost.unreadable[0].contains("missing.jsonl: no such file"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage_of_files<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<UsageCost, JobError> {
        let sources: Vec<Source> = paths.into_iter().map(|path| Source::File(path.as_ref().to_owned())).collect();
        self.usage_of(&sources)
    }

    fn usage_of(&self, sources: &[Source]) -> Result<UsageCost, JobError> {
        let query = UsageQuery::default();
        let mut kept = RecordedNotes::default();
        let totals = price_sources(&query, &self.setup, sources, 1, &mut kept)?;
        Ok(self.cost_of(&totals, &query, kept))
    }

    fn cost_of(&self, totals: &UsageTotals, query: &UsageQuery, kept: RecordedNotes) -> UsageCost {
        let (head, groups) = totals.summary(&query.view, &self.setup);
        let model = |group: &UsageGroupRow| ModelUsage {
            model: group.group.first().to_owned(),
            records: group.records,
            total: group.total_usd,
            unpriced: group.unpriced,
        };
        UsageCost {
            total: head.total_usd,
            bounds: (head.low_usd, head.high_usd),
            priced: head.priced,
            unpriced: head.reasons.clone(),
            free: head.free.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect(),
            charges: totals.charged(),
            without_time: head.without_timestamp,
            assumed: head.assumed_prices.map_or((0, Usd::ZERO), |assumed| (assumed.records, assumed.total_usd)),
            unreadable: kept.unreadable,
            models: groups.iter().map(model).collect(),
            warnings: kept.warnings.into_iter().chain(totals.unread_warnings()).collect(),
        }
    }
}

/// How many warnings are kept.
const MOST_WARNINGS: usize = 100;

/// What is said while records are read.
#[derive(Default)]
struct RecordedNotes {
    warnings: Vec<String>,
    unreadable: Vec<String>,
}

impl StreamSink for RecordedNotes {
    fn rows(&mut self, _: &[u8]) -> bool {
        true
    }

    fn warn(&mut self, source: &str, warning: &StreamWarning) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(format!("{source}:{}: {}", warning.line, warning.text));
        }
    }

    fn failed(&mut self, error: InputError) {
        self.unreadable.push(with_help(&error, error.help()));
    }

    fn read(&mut self, _: usize, _: u64, _: SourceTally) {}
}
