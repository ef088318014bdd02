//! Settles what only makes sense in order: repeated lines, running totals, streams.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::Taken;
use super::agents::Agents;
use super::covered::Covered;
use super::session::Session;
use super::spans::{Settled, SpanTrees};
use crate::input::dialect::{Dialect, Entry, Event, Item, NAMELESS, SessionCounts, Unread};
use crate::input::record::RecordError;
use crate::input::text::Source;
use crate::meter::Meter;

/// So many requests wait for a later line of theirs.
const WINDOW: usize = 1 << 14;

/// Puts records in order, each request once.
///
/// A request that stands on several lines counts as its last: records with an id wait until their file ends, or until
/// 16,384 others have come. Ids that can return in another file (a session that was resumed is copied) are remembered for
/// the run, at about 20 bytes each; a request that returns after it was handed out is dropped. Where there are several
/// files, a request is also known again by the id that its provider gave it, in whatever form it is written there.
#[derive(Default)]
pub struct Sequence {
    seen: FxHashSet<u64>,
    waiting: VecDeque<Option<(u64, Entry<'static>)>>,
    places: FxHashMap<u64, u64>,
    /// The number of the first one waiting.
    first: u64,
    /// How many lines repeated another.
    pub repeats: u64,
    /// How many records were left out, because they are in an earlier file too.
    pub copies: u64,
    session: Session,
    agents: Agents,
    covered: Covered,
    spans: SpanTrees,
    stream: Option<(u64, Entry<'static>)>,
    /// A stream without an id, as far as it was read.
    nameless: Option<(u64, Entry<'static>)>,
    /// Streams that have not said what they used: the lines that they begin at, by their ids.
    silent: FxHashMap<u64, u64>,
    /// What nobody read of the event that comes next.
    unread: Vec<Unread>,
    /// The requests of several files, where there are any.
    requests: Option<Requests>,
    /// Requests that were made next to the streamed message.
    beside: Vec<Entry<'static>>,
}

/// Requests by the ids that their providers gave them. A copy of one in another file is the same request: it has the same
/// id and as many tokens. Two of one id in one file are two requests, told apart by their order: some servers number
/// their answers from 1.
#[derive(Default)]
struct Requests {
    earlier: FxHashSet<u64>,
    /// How often each is in this file.
    here: FxHashMap<u64, u64>,
}

impl Requests {
    /// Whether a request is in an earlier file. Of what is not, it is remembered.
    fn is_copy(&mut self, entry: &Entry) -> bool {
        let (prompt, answer) = (entry.usage.prompt_tokens(), entry.usage.answer_tokens());
        let Some(request) = entry.request.filter(|_| prompt > 0 || answer > 0) else { return false };
        let key = hashed(&(request, prompt, answer));
        let times = self.here.entry(key).or_default();
        *times += 1;
        self.earlier.contains(&hashed(&(key, *times)))
    }

    fn end_file(&mut self) {
        for (key, times) in self.here.drain() {
            self.earlier.extend((1..=times).map(|nth| hashed(&(key, nth))));
        }
    }
}

fn hashed(parts: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Sequence {
    /// One that knows a request again that is in several of these sources.
    #[must_use]
    pub fn of(sources: &[Source]) -> Self {
        Sequence { requests: has_several_files(sources).then(Requests::default), ..Sequence::default() }
    }

    /// Whether an item has to pass here; others may be used as they are. `of_several` says that there are several files.
    #[must_use]
    pub fn concerns(item: &Item, of_several: bool) -> bool {
        match item {
            Item::Entry(entry) => entry.id.is_some() || of_several && entry.request.is_some(),
            Item::Event(_) => true,
            Item::Bad(_) => false,
        }
    }

    /// Takes an item of the source that is being read, and hands out what is settled by it.
    pub fn take(&mut self, line: u64, item: Item<'static>, out: &mut Taken) {
        match item {
            Item::Entry(entry) if entry.id.is_some() => self.wait(line, *entry, out),
            Item::Entry(entry) => self.give(line, *entry, out),
            Item::Event(event) => self.event(line, event, out),
            Item::Bad(_) => out(line, item),
        }
    }

    /// Hands out a record, unless it is a copy of one in an earlier file, and without what a sum or the requests of a sum have
    /// counted already.
    fn give(&mut self, line: u64, entry: Entry<'static>, out: &mut Taken) {
        if self.requests.as_mut().is_some_and(|requests| requests.is_copy(&entry)) {
            self.copies += 1;
            return;
        }
        match self.covered.rest(entry) {
            Some(rest) => out(line, Item::Entry(Box::new(rest))),
            None => self.repeats += 1,
        }
    }

    /// The source ended: hands out everything that waited.
    pub fn end(&mut self, out: &mut Taken) {
        self.end_stream(out);
        let settled = self.agents.end();
        self.hand_on(settled, out);
        self.settle_spans(out);
        self.end_chunks(out);
        self.session = Session::default();
        self.unread.clear();
        self.requests.iter_mut().for_each(Requests::end_file);
    }

    /// Every stream of chunks has ended: what comes under their ids belongs to others.
    fn end_chunks(&mut self, out: &mut Taken) {
        self.end_nameless(out);
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.places.clear();
        let mut silent: Vec<u64> = self.silent.drain().map(|(_, line)| line).collect();
        silent.sort_unstable();
        silent.into_iter().for_each(|line| out(line, Item::Bad(without_usage())));
    }

    /// What waits, in order: it counts, but may still be replaced by a later line.
    #[cfg(feature = "folders")]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Entry<'static>)> {
        let alone = self.waiting.iter().flatten().chain(&self.stream).chain(&self.nameless);
        alone.map(|(line, entry)| (*line, entry)).chain(self.spans.counted())
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
        self.silent.remove(&id);
        if self.seen.contains(&id) {
            self.repeats += 1;
            self.copies += 1;
            return;
        }
        if let Some(place) = self.places.get(&id)
            && let Some(slot) = self.waiting.get_mut((place - self.first) as usize)
            && slot.as_ref().is_none_or(|(_, before)| goes_on(before, &entry))
        {
            if let Some((_, mut before)) = slot.take() {
                add_unread(&mut entry.unread, std::mem::take(&mut before.unread));
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
            // Another request under the same id may have taken its place.
            if self.places.get(&id) == Some(&(self.first - 1)) {
                self.places.remove(&id);
            }
            if entry.dialect.returns() {
                self.seen.insert(id);
            }
        }
        self.give(line, entry, out);
    }

    fn event(&mut self, line: u64, event: Event<'static>, out: &mut Taken) {
        match event {
            Event::Session(head) => self.session.begin(*head),
            Event::Settings(settings) => self.session.set(*settings),
            Event::Counts(counts) => self.counts(line, &counts, out),
            Event::Begin(entry) => {
                let unread = std::mem::take(&mut self.unread);
                self.end_stream(out);
                self.stream = Some((line, *entry));
                self.unread = unread;
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
            Event::Chunk(entry) => self.chunk(line, *entry, out),
            Event::Silent(id) => {
                let has_spoken = self.places.contains_key(&id) || id == NAMELESS && self.nameless.is_some();
                if !has_spoken && self.silent.len() < WINDOW {
                    self.silent.entry(id).or_insert(line);
                }
            }
            Event::Done => self.end_chunks(out),
            Event::Unread(unread) => add_unread(&mut self.unread, unread),
            Event::Agent(event) => {
                let settled = self.agents.take(line, *event);
                self.hand_on(settled, out);
            }
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
            Ok(mut entries) => {
                let unread = std::mem::take(&mut self.unread);
                entries.iter_mut().take(1).for_each(|entry| entry.unread.clone_from(&unread));
                entries.into_iter().for_each(|entry| self.take(line, Item::Entry(Box::new(entry)), out));
            }
            Err(error) => out(line, Item::Bad(error)),
        }
    }

    /// Takes what the lines of an agent have settled: a request may still return.
    fn hand_on(&mut self, settled: Vec<(u64, Item<'static>)>, out: &mut Taken) {
        self.repeats += std::mem::take(&mut self.agents.repeats);
        settled.into_iter().for_each(|(line, item)| self.take(line, item, out));
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
        if let Some((line, mut entry)) = self.stream.take() {
            let beside = std::mem::take(&mut self.beside);
            beside.into_iter().for_each(|entry| self.give(line, entry, out));
            entry.unread.append(&mut self.unread);
            self.give(line, entry, out);
        }
    }

    /// A chunk of a stream without an id: it goes on with the stream before it where the counts do.
    fn chunk(&mut self, line: u64, mut entry: Entry<'static>, out: &mut Taken) {
        self.silent.remove(&NAMELESS);
        entry.unread.append(&mut self.unread);
        if let Some((_, before)) = self.nameless.take_if(|(_, before)| goes_on(before, &entry)) {
            add_unread(&mut entry.unread, before.unread);
            self.repeats += 1;
        } else {
            self.end_nameless(out);
        }
        self.nameless = Some((line, entry));
    }

    fn end_nameless(&mut self, out: &mut Taken) {
        if let Some((line, entry)) = self.nameless.take() {
            self.give(line, entry, out);
        }
    }
}

/// Whether a record can be a later line of the same request. Chunks state the whole so far, so that another prompt or a
/// shorter answer is another request, whatever its id; what other forms repeat under an id is the same one.
fn goes_on(before: &Entry, later: &Entry) -> bool {
    let is_of_chunks = matches!(later.dialect, Dialect::OpenAiChat) || later.id.is_none();
    !is_of_chunks
        || before.model == later.model
            && before.usage.prompt_tokens() == later.usage.prompt_tokens()
            && before.usage.answer_tokens() <= later.usage.answer_tokens()
}

/// Adds what was not read of an earlier line of the same request, each name once.
fn add_unread(known: &mut Vec<Unread>, more: Vec<Unread>) {
    for unread in more {
        if !known.iter().any(|other| other.key == unread.key) {
            known.push(unread);
        }
    }
}

fn without_usage() -> RecordError {
    RecordError::Form("the stream that begins here was recorded without its usage, and was billed all the same".into())
        .or("streams of chat completions state it where the request has \"stream_options\": {\"include_usage\": true}")
}

/// Whether a request can be in two files. Archives hold several.
pub(crate) fn has_several_files(sources: &[Source]) -> bool {
    let is_archive =
        |source: &Source| matches!(source, Source::File(path) if path.extension().is_some_and(|e| e == "zip"));
    sources.len() > 1 || sources.iter().any(is_archive)
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
