//! What nobody read of the records of a run, by name.

use serde::Serialize;

use super::report::plain_count;
use super::totals::UsageTotals;
use crate::input::dialect::Unread;

/// How many names are listed one by one.
const LISTED: usize = 20;

/// A name that looks like that of a count, a cost or a duration, which nobody read, with the first place that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnreadKey {
    /// The file, or the member of an archive.
    pub source: String,
    /// The line that its record begins at.
    pub line: u64,
    /// The number, as it is written there.
    pub value: String,
    /// In how many records it is.
    pub records: u64,
}

impl UnreadKey {
    /// Adds the records of another part of the run; the earlier place stays, so that it does not depend on the threads.
    pub(super) fn add(&mut self, other: UnreadKey) {
        let records = self.records + other.records;
        if (&other.source, other.line) < (&self.source, self.line) {
            *self = other;
        }
        self.records = records;
    }
}

impl UsageTotals {
    pub(super) fn add_unread(&mut self, source: &str, line: u64, unread: &Unread) {
        if let Some(known) = self.unread.get_mut(&unread.key) {
            known.records += 1;
            if (source, line) >= (known.source.as_str(), known.line) {
                return;
            }
            (known.source, known.line, known.value) = (source.to_owned(), line, unread.value.clone());
            return;
        }
        let key = UnreadKey { source: source.to_owned(), line, value: unread.value.clone(), records: 1 };
        self.unread.insert(unread.key.clone(), key);
    }

    /// What was not read although it may have been billed, a line for each name.
    #[must_use]
    pub fn unread_warnings(&self) -> Vec<String> {
        let warning = |(key, unread): (&String, &UnreadKey)| {
            let UnreadKey { source, line, value, records } = unread;
            let records = plain_count(*records, "record");
            format!("{source}:{line}: unread: {key} is {value} and may have been billed; it is in {records}")
        };
        let mut warnings: Vec<String> = self.unread.iter().take(LISTED).map(warning).collect();
        let more = self.unread.len().saturating_sub(LISTED);
        if more > 0 {
            let names = plain_count(more as u64, "other name");
            warnings.push(format!("unread: {names} not listed here; --format json lists all"));
        }
        warnings
    }

    /// How many records have something that was not read: at least as many as the most frequent name is in.
    #[must_use]
    pub fn unread_records(&self) -> u64 {
        self.unread.values().map(|unread| unread.records).max().unwrap_or_default()
    }
}
