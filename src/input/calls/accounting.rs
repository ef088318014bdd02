//! How the account of inputs is made, as they are met and read.

use super::account::{AccountList, InputAccount, NotRead, PartlyRead};
use super::stream::SourceTally;
use crate::input::text::{InputError, Source};

/// How many inputs of a kind are named; the rest are counted.
const NAMED: usize = 100;

impl<T> AccountList<T> {
    /// Counts one more.
    pub(super) fn push(&mut self, one: T) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(one);
        }
    }
}

impl NotRead {
    pub(super) fn of(error: &InputError) -> Self {
        let (source, what) = (error.path(), error.what());
        let why = what.strip_prefix(source).map_or(&*what, |why| why.trim_start_matches(": "));
        NotRead { source: source.to_owned(), why: why.trim_start_matches("skipped: ").to_owned() }
    }
}

impl InputAccount {
    /// Adds a source with what was found in it.
    pub(super) fn add(&mut self, source: &Source, tally: &SourceTally) {
        self.found += 1;
        let source = source.name();
        match tally {
            SourceTally { is_unreadable: true, records: 0, bad: 0, .. } => {
                self.failed.push(NotRead { source, why: "it cannot be opened".to_owned() });
            }
            SourceTally { is_unreadable, bad, .. } if *is_unreadable || *bad > 0 => {
                self.partly.push(PartlyRead { source, lines: *bad, from_line: tally.first_bad });
            }
            SourceTally { records: 0, .. } => {
                self.read += 1;
                self.without_usage.push(source);
            }
            _ => self.read += 1,
        }
    }
}
