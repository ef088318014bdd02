//! What recorded usage cost: [`price_sources`].
//!
//! Records are read on several threads (`input::calls::stream`), each is priced at the rates of its own time (`priced`), and
//! [`UsageTotals`] sums them by what [`UsageView`] groups by.

use super::JobError;
use super::setup::{Setup, TableStamp, table_stamp};
use crate::input::calls::Reading;
use crate::input::calls::stream::{ChunkResult, StreamPlan, StreamSink, TakeItems, run_stream};
use crate::input::dialect::{Entry, Item};
use crate::input::text::Source;
use crate::pricing::lookup::Lookup;
use crate::report::write_json_line;

mod chart;
mod focus;
#[cfg(feature = "folders")]
pub mod follow;
pub mod grouping;
pub(crate) mod priced;
mod records;
mod report;
mod totals;
pub(crate) mod unread;

pub use grouping::{Grouping, UsageView};
pub use priced::PricingWishes;
pub(crate) use records::UsageRecordRow;
pub use report::{UsageGroupRow, UsageHead};
pub use totals::UsageTotals;
pub use unread::UnreadKey;

use priced::{RecordOutcome, RecordPricing, RecordVerdict};

/// What is asked of records, wherever they are.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// What lines are taken for.
    pub reading: Reading,
    /// What the user knows better than the records do.
    pub wishes: PricingWishes,
    /// What to group by, and which time counts.
    pub view: UsageView,
    /// Whether every record becomes a line of JSON.
    pub rows: bool,
    /// Whether rows for FinOps tools are gathered.
    pub focus: bool,
}

/// Prices every record of the sources, on so many threads, and sums them up.
///
/// Lines of JSON, warnings and sources that cannot be read go to `sink` as they come, in order.
///
/// # Errors
/// [`JobError::Io`] where a thread failed, so that sums would be too low.
pub fn price_sources(
    query: &UsageQuery,
    setup: &Setup,
    sources: &[Source],
    threads: usize,
    sink: &mut dyn StreamSink,
) -> Result<UsageTotals, JobError> {
    let plan = StreamPlan::new(sources, &query.reading, threads, query.rows);
    Ok(run_stream(plan, &|| RecordTaker::new(query, setup), sink)?.totals)
}

/// Prices and sums the records that it is given.
struct RecordTaker<'s> {
    query: &'s UsageQuery,
    pricing: RecordPricing<'s>,
    lookup: Lookup<'s>,
    stamp: TableStamp,
    totals: UsageTotals,
}

impl<'s> RecordTaker<'s> {
    fn new(query: &'s UsageQuery, setup: &'s Setup) -> Self {
        RecordTaker {
            query,
            pricing: RecordPricing { setup, wishes: &query.wishes },
            lookup: Lookup::new(&setup.table),
            stamp: table_stamp(setup),
            totals: UsageTotals::new(query.focus),
        }
    }

    fn entry(&mut self, source: &str, line: u64, entry: &Entry, result: &mut ChunkResult) {
        let outcome = self.pricing.outcome(entry, &mut self.lookup);
        self.add(source, line, outcome, result);
    }

    fn add(&mut self, source: &str, line: u64, mut outcome: RecordOutcome, result: &mut ChunkResult) {
        if !self.totals.add(&outcome, &self.query.view, &self.pricing) {
            return;
        }
        if let Some(entry) = outcome.entry {
            self.totals.unread.add_record(source, line, &entry.unread);
        }
        if self.query.rows {
            if let RecordVerdict::Refused(refused) = &mut outcome.verdict {
                refused.explain(&mut self.lookup);
            }
            let row = UsageRecordRow::of(source, line, &outcome, self.pricing.setup, &self.stamp);
            // Writing to a vector does not fail.
            let _ = write_json_line(&row, &mut result.rows);
        } else if let RecordOutcome { verdict: RecordVerdict::Refused(mut refused), .. } = outcome {
            let lookup = &mut self.lookup;
            result.warn(line, refused.kind(), || {
                refused.explain(lookup);
                format!("{}: {}", refused.status, refused.text())
            });
        }
    }
}

impl TakeItems for RecordTaker<'_> {
    fn take(&mut self, source: &str, line: u64, item: &Item, result: &mut ChunkResult) {
        match item {
            Item::Entry(entry) => self.entry(source, line, entry, result),
            Item::Bad(error) => self.add(source, line, self.pricing.bad(error), result),
            Item::Event(_) => {}
        }
    }

    fn left_out_copies(&mut self, copies: u64, differing: u64) {
        self.totals.copies += copies;
        self.totals.differing_copies += differing;
    }

    fn merge(&mut self, other: Self) {
        self.totals.merge(other.totals);
    }
}
