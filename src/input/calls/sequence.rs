//! Settles what only makes sense in order: repeated lines, running totals, streams.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Taken;
use super::session::Session;
use super::spans::{Settled, SpanTrees};
use crate::input::dialect::{Dialect, Entry, Event, Item, SessionCounts};
use crate::meter::Meter;

/// So many requests wait for a later line of theirs.
const WINDOW: usize = 1 << 14;

/// Puts records in order, each request once.
///
/// A request that stands on several lines counts as its last: records with an id wait until their file ends, or until
/// 16,384 others have come. Ids that can return in another file (a session that was resumed is copied) are remembered for
/// the run, at about 20 bytes each; a request that returns after it was handed out is dropped.
#[derive(Default)]
pub struct Sequence {
    seen: FxHashSet<u64>,
    waiting: VecDeque<Option<(u64, Entry<'static>)>>,
    places: FxHashMap<u64, u64>,
    /// The number of the first one waiting.
    first: u64,
    /// How many lines repeated another.
    pub repeats: u64,
    session: Session,
    spans: SpanTrees,
    stream: Option<(u64, Entry<'static>)>,
    /// Requests that were made next to the streamed message.
    beside: Vec<Entry<'static>>,
}

impl Sequence {
    /// Whether an item has to pass here; others may be used as they are.
    #[must_use]
    pub fn concerns(item: &Item) -> bool {
        match item {
            Item::Entry(entry) => entry.id.is_some(),
            Item::Event(_) => true,
            Item::Bad(_) => false,
        }
    }

    /// Takes an item of the source that is being read, and hands out what is settled by it.
    pub fn take(&mut self, line: u64, item: Item<'static>, out: &mut Taken) {
        match item {
            Item::Entry(entry) if entry.id.is_some() => self.wait(line, *entry, out),
            Item::Event(event) => self.event(line, event, out),
            settled => out(line, settled),
        }
    }

    /// The source ended: hands out everything that waited.
    pub fn end(&mut self, out: &mut Taken) {
        self.end_stream(out);
        self.settle_spans(out);
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.places.clear();
        self.session = Session::default();
    }

    /// What waits, in order: it counts, but may still be replaced by a later line.
    #[cfg(feature = "folders")]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Entry<'static>)> {
        let alone = self.waiting.iter().flatten().chain(&self.stream).map(|(line, entry)| (*line, entry));
        alone.chain(self.spans.counted())
    }

    /// Hands out everything that waited, of a source that goes on. What returns later was counted and is dropped.
    #[cfg(feature = "folders")]
    pub(crate) fn settle(&mut self, out: &mut Taken) {
        self.settle_spans(out);
        self.seen.extend(self.waiting.iter().flatten().filter_map(|(_, entry)| entry.id));
        while !self.waiting.is_empty() {
            self.pop(out);
        }
    }

    fn wait(&mut self, line: u64, mut entry: Entry<'static>, out: &mut Taken) {
        let Some(id) = entry.id else { return };
        if self.seen.contains(&id) {
            self.repeats += 1;
            return;
        }
        if let Some(place) = self.places.get(&id)
            && let Some(slot) = self.waiting.get_mut((place - self.first) as usize)
        {
            if let Some((_, before)) = slot.take() {
                join(before, &mut entry);
            }
            self.repeats += 1;
        }
        self.places.insert(id, self.first + self.waiting.len() as u64);
        self.waiting.push_back(Some((line, entry)));
        while self.waiting.len() > WINDOW {
            self.pop(out);
        }
    }

    fn pop(&mut self, out: &mut Taken) {
        let Some(slot) = self.waiting.pop_front() else { return };
        self.first += 1;
        let Some((line, entry)) = slot else { return };
        if let Some(id) = entry.id {
            self.places.remove(&id);
            if entry.dialect.returns() {
                self.seen.insert(id);
            }
        }
        out(line, Item::Entry(Box::new(entry)));
    }

    fn event(&mut self, line: u64, event: Event<'static>, out: &mut Taken) {
        match event {
            Event::Session(head) => self.session.begin(*head),
            Event::Settings(settings) => self.session.set(*settings),
            Event::Counts(counts) => self.counts(line, &counts, out),
            Event::Begin(entry) => {
                self.end_stream(out);
                self.stream = Some((line, *entry));
            }
            Event::Replace(counts) => {
                let Some((_, entry)) = &mut self.stream else { return };
                for (meter, tokens) in counts.tokens {
                    entry.usage.set_tokens(meter, tokens);
                }
                if !counts.beside.is_empty() {
                    let more = |(model, usage): (Option<String>, _)| {
                        let model = model.map(Into::into).or_else(|| entry.model.clone());
                        Entry { model, usage, id: None, ..entry.clone() }
                    };
                    self.beside = counts.beside.into_iter().map(more).collect();
                }
                if let Some(searches) = counts.web_searches {
                    entry.usage.set_tokens(Meter::WebSearches, searches);
                }
                // A sum without its split: what was said to stay for an hour does.
                let hour = entry.usage.tokens(Meter::CacheWrite1h);
                if let Some(short) = counts.written.and_then(|written| written.checked_sub(hour)) {
                    entry.usage.set_tokens(Meter::CacheWrite5m, short);
                }
            }
            Event::End => self.end_stream(out),
            Event::Span(span) => {
                let settled = self.spans.take(line, *span);
                self.hand_on_spans(settled, out);
            }
            Event::Whole(entry) => {
                if self.stream.take().is_some() {
                    self.repeats += 1;
                }
                self.take(line, Item::Entry(entry), out);
            }
        }
    }

    /// Counts of a session: no request, one, or several.
    fn counts(&mut self, line: u64, counts: &SessionCounts, out: &mut Taken) {
        let (seen, places) = (&self.seen, &self.places);
        match self.session.counts(counts, &|id| seen.contains(&id) || places.contains_key(&id)) {
            Ok(entries) if entries.is_empty() => self.repeats += 1,
            Ok(entries) => entries.into_iter().for_each(|entry| self.take(line, Item::Entry(Box::new(entry)), out)),
            Err(error) => out(line, Item::Bad(error)),
        }
    }

    fn settle_spans(&mut self, out: &mut Taken) {
        let settled = self.spans.settle();
        self.hand_on_spans(settled, out);
    }

    /// Takes what the spans of a trace have settled: the same trace may return.
    fn hand_on_spans(&mut self, settled: Settled, out: &mut Taken) {
        self.repeats += settled.repeats;
        settled.records.into_iter().for_each(|(line, entry)| self.take(line, Item::Entry(Box::new(entry)), out));
    }

    fn end_stream(&mut self, out: &mut Taken) {
        if let Some((line, entry)) = self.stream.take() {
            self.beside.drain(..).for_each(|entry| out(line, Item::Entry(Box::new(entry))));
            out(line, Item::Entry(Box::new(entry)));
        }
    }
}

/// Keeps what only an earlier line of a request says.
fn join(mut before: Entry<'static>, entry: &mut Entry<'static>) {
    // Each chunk of a stream has the searches that it cites.
    if !before.queries.is_empty() {
        entry.queries.append(&mut before.queries);
        entry.queries.sort_unstable();
        entry.queries.dedup();
        entry.usage.set_tokens(Meter::WebSearches, entry.queries.len() as u64);
    }
    for meter in [Meter::WebSearches, Meter::MapsQueries] {
        if before.usage.quantity(meter) > entry.usage.quantity(meter) {
            entry.usage.set(meter, before.usage.quantity(meter));
        }
    }
    // A copy may have been made before the answer was whole.
    if entry.dialect == Dialect::ClaudeCode && before.usage.answer_tokens() > entry.usage.answer_tokens() {
        std::mem::swap(&mut entry.usage, &mut before.usage);
    }
    // The copy that a subagent begins with is no request of the subagent's.
    let by_subagent = |entry: &Entry| entry.labels.tags.iter().any(|tag| tag == "subagent");
    if by_subagent(entry) && !by_subagent(&before) {
        (entry.labels, entry.at) = (before.labels, before.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    /// The lines that are handed out of records with these ids, each on a line of its own.
    fn lines(ids: impl Iterator<Item = u64>) -> Vec<u64> {
        let (mut sequence, mut lines) = (Sequence::default(), Vec::new());
        let mut out = |line: u64, _: Item<'static>| lines.push(line);
        for (line, id) in ids.enumerate() {
            let mut entry = Entry::new(Dialect::OpenAiResponses, Usage::tokens_in_out(1, 1));
            entry.id = Some(id);
            sequence.take(line as u64 + 1, Item::Entry(Box::new(entry)), &mut out);
        }
        sequence.end(&mut out);
        lines
    }

    /// What the documentation of [`Sequence`] says: a request waits for its last line until 16,384 others have come.
    #[test]
    fn a_request_counts_as_its_last_line_within_16_384_others() {
        let with_others = |others: u64| [0].into_iter().chain(1..=others).chain([0]);
        let within = lines(with_others(16_383));
        assert_eq!((within.len(), within.first(), within.last()), (16_384, Some(&2), Some(&16_385)));
        let beyond = lines(with_others(16_384));
        assert_eq!((beyond.len(), beyond.first(), beyond.last()), (16_386, Some(&1), Some(&16_386)));
    }
}
