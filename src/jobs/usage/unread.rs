//! What nobody read of the records of a run, by name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::input::dialect::{OTHER_NAMES as OTHERS, Unread};
use crate::jobs::plural;

/// So many names are told apart; the records of others are counted together.
const NAMES: usize = 1_000;

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
    /// In how many records it is; of other names, how often they come.
    pub records: u64,
}

/// What was not read, by name: the first names of the alphabet, so that it does not depend on the threads which they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnreadNames {
    names: BTreeMap<String, UnreadKey>,
    others: Option<UnreadKey>,
    /// How many records have something that was not read.
    records: u64,
}

impl UnreadNames {
    /// Adds what was not read of a record.
    pub(crate) fn add_record(&mut self, source: &str, line: u64, unread: &[Unread]) {
        self.records += u64::from(!unread.is_empty());
        unread.iter().for_each(|unread| self.add(source, line, unread));
    }

    fn add(&mut self, source: &str, line: u64, unread: &Unread) {
        if let Some(known) = self.names.get_mut(&unread.key) {
            known.records += 1;
            if (source, line) < (known.source.as_str(), known.line) {
                (known.source, known.line, known.value) = (source.to_owned(), line, unread.value.clone());
            }
            return;
        }
        let key = UnreadKey { source: source.to_owned(), line, value: unread.value.clone(), records: 1 };
        self.insert(unread.key.clone(), key);
    }

    /// Adds those of another part of the run.
    pub(crate) fn merge(&mut self, other: UnreadNames) {
        self.records += other.records;
        for (name, unread) in other.names {
            match self.names.get_mut(&name) {
                Some(known) => known.add(unread),
                None => self.insert(name, unread),
            }
        }
        other.others.into_iter().for_each(|unread| self.add_to_others(unread));
    }

    fn insert(&mut self, name: String, unread: UnreadKey) {
        if name == OTHERS {
            return self.add_to_others(unread);
        }
        self.names.insert(name, unread);
        if self.names.len() > NAMES
            && let Some((_, last)) = self.names.pop_last()
        {
            self.add_to_others(last);
        }
    }

    fn add_to_others(&mut self, unread: UnreadKey) {
        match &mut self.others {
            Some(others) => others.add(unread),
            None => self.others = Some(unread),
        }
    }

    /// All of them, those that are not told apart last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &UnreadKey)> {
        let names = self.names.iter().map(|(name, unread)| (name.as_str(), unread));
        names.chain(self.others.iter().map(|others| (OTHERS, others)))
    }

    /// How many records there are with something that was not read.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// A line for each name, of many the first.
    pub(crate) fn warnings(&self) -> Vec<String> {
        /// How many names are listed one by one.
        const LISTED: usize = 20;
        let mut warnings: Vec<String> = self.iter().take(LISTED).map(|(name, key)| Self::warning(name, key)).collect();
        let more = self.iter().count().saturating_sub(LISTED);
        if more > 0 {
            let more = plural(more as u64, "other name");
            warnings.push(format!("unread: {more} not listed here; `farebox usage --format json` lists all"));
        }
        warnings
    }

    /// The line for a name.
    pub(super) fn warning(name: &str, unread: &UnreadKey) -> String {
        let UnreadKey { source, line, value, records } = unread;
        if name == OTHERS {
            let times = plural(*records, "time");
            return format!("{source}:{line}: unread: more names than are listed; they come {times}, here the first");
        }
        let records = plural(*records, "record");
        format!("{source}:{line}: unread: {name} is {value} and may have been billed; it is in {records}")
    }
}

impl UnreadKey {
    /// Adds the records of another part of the run; the earlier place stays, so that it does not depend on the threads.
    fn add(&mut self, other: UnreadKey) {
        let records = self.records + other.records;
        if (&other.source, other.line) < (&self.source, self.line) {
            *self = other;
        }
        self.records = records;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_do_not_depend_on_the_order() {
        let all: Vec<u64> = (0..3 * NAMES as u64).collect();
        let add = |names: &mut UnreadNames, at: u64| {
            names.add("a", at, &Unread { key: format!("usage.n{at:05}"), value: "7".into() });
        };
        let (mut up, mut down, mut half, mut rest): (UnreadNames, UnreadNames, UnreadNames, UnreadNames) =
            Default::default();
        all.iter().for_each(|at| add(&mut up, *at));
        all.iter().rev().for_each(|at| add(&mut down, *at));
        all.iter().for_each(|at| add(if at % 2 == 0 { &mut half } else { &mut rest }, *at));
        half.merge(rest);
        for names in [up, down, half] {
            assert_eq!(names.iter().count(), NAMES + 1);
            let (name, others) = names.iter().last().unwrap();
            assert_eq!((name, others.records, others.line), (OTHERS, 2 * NAMES as u64, NAMES as u64));
            assert!(names.iter().take(NAMES).zip(0..).all(|((name, _), at)| name == format!("usage.n{at:05}")));
        }
    }
}
