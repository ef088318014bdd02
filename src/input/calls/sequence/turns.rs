//! Files that are read in turns, as they grow: what all of them know, and what would count if nothing more came.

use rustc_hash::FxHashMap;

use super::{Agents, Common, Covered, Requests, Sequence, hashed, key_of};
use crate::input::calls::Taken;
use crate::input::dialect::{Entry, Item};

/// Takes a record that waits, with its source and line.
pub(crate) type TakeWaiting<'t> = dyn FnMut(&str, u64, &Entry) + 't;

impl Common {
    /// What files know that are read in turns: an id that can return counts in the file that it was met in first.
    pub(crate) fn in_turns() -> Self {
        Common { requests: Some(Requests::default()), owners: Some(FxHashMap::default()), ..Common::default() }
    }

    /// Hands out what waits in files and would count if nothing more came, each request once.
    pub(crate) fn would_count<'s>(&self, files: impl Iterator<Item = (&'s str, &'s Sequence)>, out: &mut TakeWaiting) {
        let mut over = Over::default();
        for (name, sequence) in files {
            for (line, entry) in sequence.waiting() {
                if over.is_copy(self, sequence, entry) {
                    continue;
                }
                if let Some(rest) = self.covered.rest_over(&mut over.covered, entry.clone()) {
                    out(name, line, &rest);
                }
            }
        }
        for (name, line, entry) in self.spans.counted() {
            if let Some(rest) = self.covered.rest_over(&mut over.covered, entry.clone()) {
                out(name, line, &rest);
            }
        }
    }

    /// Hands out the spans of traces that are only in such files, as if their files had ended.
    pub(crate) fn settle_spans(
        &mut self,
        are_of: &dyn Fn(&str) -> bool,
        out: &mut dyn FnMut(&str, u64, Item<'static>),
    ) {
        let settled = self.spans.settle_those(true, are_of);
        for span in settled.records {
            if let Some(rest) = self.covered.rest(span.entry) {
                out(&span.source, span.line, Item::Entry(Box::new(rest)));
            }
        }
    }
}

/// What waiting records would add to what is known of all files.
#[derive(Default)]
struct Over {
    here: FxHashMap<(u64, u64), u64>,
    owners: FxHashMap<u64, u64>,
    requests: Requests,
    covered: Covered,
}

impl Over {
    fn is_copy(&mut self, common: &Common, sequence: &Sequence, entry: &Entry) -> bool {
        if let (Some(known), Some(id)) = (&common.owners, entry.id.filter(|_| entry.dialect.returns())) {
            let own = || *self.owners.entry(id).or_insert(sequence.file);
            if known.get(&id).copied().unwrap_or_else(own) != sequence.file {
                return true;
            }
        }
        let (Some(known), Some(key)) = (&common.requests, key_of(entry)) else { return false };
        let before = || sequence.requests_here.get(&key).copied().unwrap_or_default();
        let times = self.here.entry((sequence.file, key)).or_insert_with(before);
        *times += 1;
        let key = hashed(&(key, *times));
        let owner = known.get(&key).copied().unwrap_or_else(|| *self.requests.entry(key).or_insert(sequence.file));
        owner != sequence.file
    }
}

impl Sequence {
    /// That of one of several files, which are read in turns; each has a number of its own.
    pub(crate) fn of_file(number: u32) -> Self {
        let file = u64::from(number) << 32;
        Sequence { file, agents: Agents::of_source(file), ..Sequence::default() }
    }

    /// Reads on with what is known of all files.
    pub(crate) fn with<R>(&mut self, common: &mut Common, read: impl FnOnce(&mut Self) -> R) -> R {
        std::mem::swap(&mut self.common, common);
        self.agents.swap_running(&mut self.common.running);
        let result = read(self);
        self.agents.swap_running(&mut self.common.running);
        std::mem::swap(&mut self.common, common);
        result
    }

    /// What waits, in order: it counts, but may still be replaced by a later line.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Entry<'static>)> {
        let alone = self.waiting.iter().flatten().chain(&self.stream).chain(&self.nameless);
        let alone = alone.map(|(line, entry)| (*line, entry)).chain(self.agents.waiting());
        let line = self.stream.as_ref().map_or(0, |(line, _)| *line);
        alone.chain(self.beside.iter().map(move |entry| (line, entry)))
    }

    /// Hands out the requests that waited for a later line of theirs, of a source that goes on. What returns later was counted
    /// and is dropped.
    pub(crate) fn settle(&mut self, out: &mut Taken) {
        self.common.seen.extend(self.waiting.iter().flatten().filter_map(|(_, entry)| entry.id));
        while !self.waiting.is_empty() {
            self.pop(out);
        }
    }

    /// Whether requests wait for a later line of theirs.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Hands out everything that waited, also what a later line would have summed up or ended, of a source that was given up.
    pub(crate) fn give_up(&mut self, out: &mut Taken) {
        self.end_stream(out);
        let settled = self.agents.give_up();
        self.hand_on(settled, out);
        self.common.seen.extend(self.waiting.iter().flatten().filter_map(|(_, entry)| entry.id));
        self.end_chunks(out);
    }
}
