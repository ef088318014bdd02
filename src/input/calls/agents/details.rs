//! The requests of runs that wait for the sums of their sessions.

use rustc_hash::FxHashMap;

use super::hash;
use crate::input::dialect::Entry;

/// Requests with their lines, by session, so that a session that begins or ends touches its own alone.
#[derive(Default)]
pub(super) struct Details {
    by_session: FxHashMap<Option<u64>, Vec<Detail>>,
    waiting: usize,
    /// How many came in all: the number of the next.
    came: u64,
}

struct Detail {
    number: u64,
    line: u64,
    entry: Entry<'static>,
}

fn key(session: Option<&str>) -> Option<u64> {
    session.map(|session| hash(&session))
}

impl Details {
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    pub(super) fn push(&mut self, line: u64, entry: Entry<'static>) {
        let place = self.by_session.entry(key(entry.labels.session.as_deref())).or_default();
        place.push(Detail { number: self.came, line, entry });
        self.came += 1;
        self.waiting += 1;
    }

    /// Whether requests wait that name this session.
    pub(super) fn has(&self, session: &str) -> bool {
        self.by_session.contains_key(&key(Some(session)))
    }

    /// Takes those of a session, and those whose session is not known, as they came.
    pub(super) fn take(&mut self, session: &str) -> Vec<(u64, Entry<'static>)> {
        let of = [key(Some(session)), None].into_iter().filter_map(|key| self.by_session.remove(&key));
        let taken = in_order(of.flatten());
        self.waiting -= taken.len();
        taken
    }

    /// Takes all, as they came.
    pub(super) fn take_all(&mut self) -> Vec<(u64, Entry<'static>)> {
        self.waiting = 0;
        in_order(std::mem::take(&mut self.by_session).into_values().flatten())
    }

    /// Those of a session, and those whose session is not known; without a session, all.
    pub(super) fn of<'d>(&'d self, session: Option<&str>) -> impl Iterator<Item = &'d Entry<'static>> + use<'d> {
        let key = key(session);
        let is_of = move |other: &Option<u64>| key.is_none() || other.is_none() || *other == key;
        let places = self.by_session.iter().filter(move |(other, _)| is_of(other));
        places.flat_map(|(_, details)| details.iter().map(|detail| &detail.entry))
    }

    /// All, in the order they came in.
    #[cfg(feature = "folders")]
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Entry<'static>)> {
        let mut all: Vec<&Detail> = self.by_session.values().flatten().collect();
        all.sort_unstable_by_key(|detail| detail.number);
        all.into_iter().map(|detail| (detail.line, &detail.entry))
    }
}

fn in_order(details: impl Iterator<Item = Detail>) -> Vec<(u64, Entry<'static>)> {
    let mut details: Vec<Detail> = details.collect();
    details.sort_unstable_by_key(|detail| detail.number);
    details.into_iter().map(|detail| (detail.line, detail.entry)).collect()
}
