//! Settles what only makes sense in order: repeated lines, running totals, streams.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};

use super::Taken;
use super::agents::Agents;
#[cfg(feature = "folders")]
use super::agents::RunningTotals;
use super::covered::{self, Covered};
use super::open::is_archive;
use super::session::Session;
use super::spans::{Settled, SettledSpan, SpanTrees};
use super::told::{CopyVerdict, Told};
use crate::input::dialect::{
    Bucket, Counts, Dialect, Entry, Event, Item, NAMELESS, SessionCounts, Unread, join_unread,
};
use crate::input::record::RecordError;
use crate::input::text::Source;
use crate::meter::Meter;

#[cfg(feature = "folders")]
mod turns;

/// So many requests wait for a later line of theirs.
const WINDOW: usize = 1 << 14;

/// Puts records in order, each request once.
///
/// A request that stands on several lines counts as its last: records with an id wait until their file ends, or until
/// 16,384 others have come. Ids that can return in another file (a session that was resumed is copied) are remembered for
/// the run, at about 40 bytes each; a request that returns after it was handed out counts for what it has beyond that. Where there are several
/// files, a request is also known again by the id that its provider gave it, in whatever form it is written there.
#[derive(Default)]
pub struct Sequence {
    common: Common,
    /// The source that is read, as reports call it.
    source: Arc<str>,
    /// The number of the file that is read.
    file: u64,
    waiting: VecDeque<Option<(u64, Entry<'static>)>>,
    places: FxHashMap<u64, u64>,
    /// The number of the first one waiting.
    first: u64,
    /// How many lines repeated another.
    pub repeats: u64,
    /// How many records were left out, because they are in an earlier file too.
    pub copies: u64,
    /// How many of these say more than what was counted before them.
    pub differing: u64,
    session: Session,
    agents: Agents,
    /// How often each request is in this file.
    requests_here: FxHashMap<u64, u64>,
    stream: Option<(u64, Entry<'static>)>,
    /// The line of counts of a streamed message whose beginning was not read.
    without_beginning: Option<u64>,
    /// A stream without an id, as far as it was read.
    nameless: Option<(u64, Entry<'static>)>,
    silent: Silent,
    /// What nobody read of the event that comes next.
    unread: Vec<Unread>,
    /// Requests that were made next to the streamed message.
    beside: Vec<Entry<'static>>,
    /// What was settled after its source had ended.
    late: Vec<SettledSpan>,
    /// Sums that count behind their requests, which other files may have.
    sums: Vec<SettledSpan>,
}

/// What was read of all files: a record is known again wherever it returns.
#[derive(Default)]
pub(crate) struct Common {
    /// What was counted of each id that can return.
    seen: FxHashMap<u64, Told>,
    /// The requests of several files, where there are any.
    requests: Option<Requests>,
    /// The file that an id was met in first, where files are read in turns.
    owners: Option<FxHashMap<u64, u64>>,
    covered: Covered,
    spans: SpanTrees,
    /// The totals of agents' sessions, where files are read in turns.
    #[cfg(feature = "folders")]
    running: RunningTotals,
}

/// Requests by the ids that their providers gave them, with the file that they were met in first. A copy of one in another
/// file is the same request: it has the same id and as many tokens. Two of one id in one file are two requests, told apart by
/// their order: some servers number their answers from 1.
type Requests = FxHashMap<u64, u64>;

/// A number for a request that returns; `None` where its provider gave it no id, or it used nothing.
fn key_of(entry: &Entry) -> Option<u64> {
    let (prompt, answer) = (entry.usage.prompt_tokens(), entry.usage.answer_tokens());
    let request = entry.request.filter(|_| prompt > 0 || answer > 0)?;
    Some(hashed(&(request, prompt, answer)))
}

/// Streams that have not said what they used: the lines that they begin at, by their ids.
#[derive(Default)]
struct Silent {
    lines: FxHashMap<u64, u64>,
    /// By when they came. One that has spoken since is no longer among the lines.
    order: VecDeque<(u64, u64)>,
}

impl Silent {
    /// A part of a stream without its usage. Hands out the line of the oldest where too many wait: it has long ended.
    fn begin(&mut self, id: u64, line: u64) -> Option<u64> {
        if self.lines.contains_key(&id) {
            return None;
        }
        self.lines.insert(id, line);
        self.order.push_back((id, line));
        if self.order.len() > 2 * WINDOW {
            self.order.retain(|(id, line)| self.lines.get(id) == Some(line));
        }
        while self.lines.len() > WINDOW {
            let (id, line) = self.order.pop_front()?;
            if self.lines.get(&id) == Some(&line) {
                self.lines.remove(&id);
                return Some(line);
            }
        }
        None
    }

    fn has_spoken(&mut self, id: u64) {
        self.lines.remove(&id);
    }

    /// The lines of those that are left, in order.
    fn end(&mut self) -> Vec<u64> {
        self.order.clear();
        let mut lines: Vec<u64> = self.lines.drain().map(|(_, line)| line).collect();
        lines.sort_unstable();
        lines
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
        Self::of_several(has_several_files(sources))
    }

    /// [`Sequence::of`], where it is known whether there are several files.
    pub(crate) fn of_several(several: bool) -> Self {
        let common = Common { requests: several.then(Requests::default), ..Common::default() };
        Sequence { common, ..Sequence::default() }
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

    /// A source is read from here on, which reports call so.
    pub(crate) fn begin(&mut self, source: &Arc<str>) {
        if !Arc::ptr_eq(&self.source, source) {
            self.source = source.clone();
        }
    }

    /// Hands out a record, unless it is a copy of one in an earlier file, and without what a sum or the requests of a sum have
    /// counted already.
    fn give(&mut self, line: u64, entry: Entry<'static>, out: &mut Taken) {
        if self.is_copy(&entry) {
            self.copies += 1;
            return;
        }
        // Files that are read in turns have no end.
        let has_others = self.common.requests.is_some() && self.common.owners.is_none();
        if has_others && covered::waits_for_requests(&entry) {
            self.sums.push(SettledSpan { source: self.source.clone(), line, entry });
            return;
        }
        match self.common.covered.rest(entry) {
            Some(rest) => out(line, Item::Entry(Box::new(rest))),
            None => self.repeats += 1,
        }
    }

    /// Whether a request is in an earlier file. Of what is not, it is remembered.
    fn is_copy(&mut self, entry: &Entry) -> bool {
        let Some(requests) = &mut self.common.requests else { return false };
        let Some(key) = key_of(entry) else { return false };
        let times = self.requests_here.entry(key).or_default();
        *times += 1;
        *requests.entry(hashed(&(key, *times))).or_insert(self.file) != self.file
    }

    /// The source ended: hands out everything that waited. Where there are several, sums of traces wait for the calls that may
    /// be in the others: see [`Sequence::finish`].
    pub fn end(&mut self, out: &mut Taken) {
        self.end_stream(out);
        let settled = self.agents.end();
        self.hand_on(settled, out);
        let settled = self.common.spans.settle(self.common.requests.is_none());
        self.hand_on_spans(settled, out);
        self.end_chunks(out);
        self.session = Session::default();
        self.unread.clear();
        self.requests_here.clear();
        self.file += 1;
    }

    /// All sources ended: hands out what waited for others of them, with the names of its sources.
    pub fn finish(&mut self, out: &mut dyn FnMut(&str, u64, Item<'static>)) {
        let settled = self.common.spans.settle(true);
        self.repeats += settled.repeats;
        self.late.extend(settled.records);
        self.late.append(&mut self.sums);
        self.take_late(out);
    }

    /// Hands out what was settled after its source had ended.
    pub(crate) fn take_late(&mut self, out: &mut dyn FnMut(&str, u64, Item<'static>)) {
        for SettledSpan { source, line, entry } in std::mem::take(&mut self.late) {
            match self.common.covered.rest(entry) {
                Some(rest) => out(&source, line, Item::Entry(Box::new(rest))),
                None => self.repeats += 1,
            }
        }
    }

    /// Every stream of chunks has ended: what comes under their ids belongs to others.
    fn end_chunks(&mut self, out: &mut Taken) {
        self.end_nameless(out);
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.places.clear();
        self.silent.end().into_iter().for_each(|line| out(line, Item::Bad(without_usage())));
    }

    fn wait(&mut self, line: u64, mut entry: Entry<'static>, out: &mut Taken) {
        let Some(id) = entry.id else { return };
        self.silent.has_spoken(id);
        if let Some(told) = self.common.seen.get_mut(&id) {
            let copy = told.again(&entry.usage);
            return self.take_copy(line, copy, entry, out);
        }
        if self.is_owned_by_another(id, &entry) {
            self.repeats += 1;
            self.copies += 1;
            return;
        }
        if let Some(place) = self.places.get(&id)
            && let Some(slot) = self.waiting.get_mut((place - self.first) as usize)
            && slot.as_ref().is_none_or(|(_, before)| goes_on(before, &entry))
        {
            if let Some((_, mut before)) = slot.take() {
                join_unread(&mut entry.unread, std::mem::take(&mut before.unread));
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

    /// A request that was counted before, in this file or an earlier one. The most complete of its copies counts, in whatever
    /// order they are read: what it has beyond the others.
    fn take_copy(&mut self, line: u64, copy: CopyVerdict, entry: Entry<'static>, out: &mut Taken) {
        self.repeats += 1;
        self.copies += 1;
        // A line that says less may be followed by the one that ends the copy.
        self.differing += u64::from(matches!(copy, CopyVerdict::Later(_) | CopyVerdict::Contrary));
        // What sums up others, or was told apart by totals that run on, has another beginning in each copy.
        let is_told_whole = entry.bucket.is_none() && entry.dialect != Dialect::Codex;
        let CopyVerdict::Later(usage) = copy else { return };
        let more = Entry { usage, id: None, request: None, reported: None, ..entry };
        if is_told_whole && let Some(more) = self.common.covered.rest(more) {
            // How long the whole prompt is, which may decide its rates, is not in it: it has a range where that matters.
            out(line, Item::Entry(Box::new(Entry { bucket: Some(Bucket::default()), ..more })));
        }
    }

    /// Whether an id that can return was met in another of the files that are read in turns.
    fn is_owned_by_another(&mut self, id: u64, entry: &Entry) -> bool {
        let owners = self.common.owners.as_mut().filter(|_| entry.dialect.returns());
        owners.is_some_and(|owners| *owners.entry(id).or_insert(self.file) != self.file)
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
                self.common.seen.insert(id, Told::of(&entry.usage));
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
            Event::Replace(counts) => self.replace(line, *counts),
            Event::End => self.end_stream(out),
            Event::Chunk(entry) => self.chunk(line, *entry, out),
            Event::Silent(id) => {
                let has_spoken = self.places.contains_key(&id) || id == NAMELESS && self.nameless.is_some();
                if !has_spoken && let Some(oldest) = self.silent.begin(id, line) {
                    out(oldest, Item::Bad(without_usage()));
                }
            }
            Event::Done => self.end_chunks(out),
            Event::Unread(unread) => join_unread(&mut self.unread, unread),
            Event::Agent(event) => {
                let settled = self.agents.take(line, *event);
                self.hand_on(settled, out);
            }
            Event::Span(span) => {
                let settled = self.common.spans.take(&self.source, line, *span);
                self.hand_on_spans(settled, out);
            }
            Event::Whole(mut entry) => {
                self.without_beginning = None;
                if let Some((_, before)) = self.stream.take() {
                    join_unread(&mut entry.unread, before.unread);
                    self.repeats += 1;
                }
                self.give_beside(line, out);
                join_unread(&mut entry.unread, std::mem::take(&mut self.unread));
                self.take(line, Item::Entry(entry), out);
            }
        }
    }

    /// Counts that replace those of the streamed message.
    fn replace(&mut self, line: u64, counts: Counts) {
        let Some((_, entry)) = &mut self.stream else {
            let is_used = counts.tokens.iter().any(|(_, tokens)| *tokens > 0);
            if is_used || counts.written.is_some() || !counts.beside.is_empty() {
                self.without_beginning.get_or_insert(line);
            }
            return;
        };
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

    /// Counts of a session: no request, one, or several.
    fn counts(&mut self, line: u64, counts: &SessionCounts, out: &mut Taken) {
        let (seen, places) = (&self.common.seen, &self.places);
        match self.session.counts(counts, &|id| seen.contains_key(&id) || places.contains_key(&id)) {
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

    /// Takes what the spans of a trace have settled: the same trace may return. What is of an earlier source waits until its
    /// name can be said.
    fn hand_on_spans(&mut self, settled: Settled, out: &mut Taken) {
        self.repeats += settled.repeats;
        for span in settled.records {
            if Arc::ptr_eq(&span.source, &self.source) {
                self.take(span.line, Item::Entry(Box::new(span.entry)), out);
            } else {
                self.late.push(span);
            }
        }
    }

    fn end_stream(&mut self, out: &mut Taken) {
        if let Some(line) = self.without_beginning.take() {
            out(line, Item::Bad(without_beginning()));
        }
        if let Some((line, mut entry)) = self.stream.take() {
            self.give_beside(line, out);
            entry.unread.append(&mut self.unread);
            self.give(line, entry, out);
        }
    }

    /// Hands out the requests that were made next to a streamed message.
    fn give_beside(&mut self, line: u64, out: &mut Taken) {
        std::mem::take(&mut self.beside).into_iter().for_each(|entry| self.give(line, entry, out));
    }

    /// A chunk of a stream without an id: it goes on with the stream before it where the counts do.
    fn chunk(&mut self, line: u64, mut entry: Entry<'static>, out: &mut Taken) {
        self.silent.has_spoken(NAMELESS);
        entry.unread.append(&mut self.unread);
        if let Some((_, before)) = self.nameless.take_if(|(_, before)| goes_on(before, &entry)) {
            join_unread(&mut entry.unread, before.unread);
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

fn without_usage() -> RecordError {
    RecordError::Form("the stream that begins here was recorded without its usage, and was billed all the same".into())
        .or("streams of chat completions state it where the request has \"stream_options\": {\"include_usage\": true}")
}

fn without_beginning() -> RecordError {
    let what = "counts of a streamed message whose beginning, with its model and its prompt, was not recorded";
    RecordError::Usage(format!("{what}; it was billed all the same"))
}

/// Whether a request can be in two files: archives hold several.
pub(crate) fn has_several_files(sources: &[Source]) -> bool {
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
