//! What nobody read of the records of a run, by name.

use serde::Serialize;

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
