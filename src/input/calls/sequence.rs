//! Settles what only makes sense in order: repeated lines, running totals, streams.

use std::borrow::Cow;
use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Taken;
use super::agents::Agents;
use crate::input::dialect::{Dialect, Entry, Event, Item, Labels, Naming};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

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
    agents: Agents,
    stream: Option<(u64, Entry<'static>)>,
}

/// What a Codex session has said so far.
#[derive(Default)]
struct Session {
    labels: Labels<'static>,
    provider: Option<Cow<'static, str>>,
    model: Option<Cow<'static, str>>,
    totals: Option<[u64; 4]>,
    is_fork: bool,
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
        let settled = self.agents.end();
        self.hand_on(settled, out);
        while !self.waiting.is_empty() {
            self.pop(out);
        }
        self.places.clear();
        self.session = Session::default();
    }

    /// What waits, in order: it counts, but may still be replaced by a later line.
    #[cfg(feature = "folders")]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, &Entry<'static>)> {
        self.waiting.iter().flatten().chain(&self.stream).map(|(line, entry)| (*line, entry))
    }

    /// Hands out everything that waited, of a source that goes on. What returns later was counted and is dropped.
    #[cfg(feature = "folders")]
    pub(crate) fn settle(&mut self, out: &mut Taken) {
        self.seen.extend(self.waiting.iter().flatten().filter_map(|(_, entry)| entry.id));
        while !self.waiting.is_empty() {
            self.pop(out);
        }
    }

    fn wait(&mut self, line: u64, entry: Entry<'static>, out: &mut Taken) {
        let Some(id) = entry.id else { return };
        if self.seen.contains(&id) {
            self.repeats += 1;
            return;
        }
        if let Some(place) = self.places.get(&id)
            && let Some(slot) = self.waiting.get_mut((place - self.first) as usize)
        {
            *slot = None;
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
            Event::Session(labels, provider, is_fork) => {
                self.session = Session { labels: *labels, provider, is_fork, ..Session::default() };
            }
            Event::Model(model) => self.session.model = Some(model),
            Event::Total(at, total, last) => {
                let counts = self.session.delta(total, last);
                if counts == [0; 4] {
                    self.repeats += 1;
                    return;
                }
                match self.session.entry(counts) {
                    Ok(entry) => out(line, Item::Entry(Box::new(Entry { at, ..entry }))),
                    Err(error) => out(line, Item::Bad(error)),
                }
            }
            Event::Begin(entry) => {
                self.end_stream(out);
                self.stream = Some((line, *entry));
            }
            Event::Replace(counts) => {
                let Some((_, entry)) = &mut self.stream else { return };
                for (meter, tokens) in counts.tokens {
                    entry.usage.set_tokens(meter, tokens);
                }
                if let Some(searches) = counts.web_searches {
                    entry.usage.set_tokens(Meter::WebSearches, searches);
                }
            }
            Event::End => self.end_stream(out),
            Event::Agent(event) => {
                let settled = self.agents.take(line, *event);
                self.hand_on(settled, out);
            }
        }
    }

    /// Takes what the lines of an agent have settled: a request may still return.
    fn hand_on(&mut self, settled: Vec<(u64, Item<'static>)>, out: &mut Taken) {
        self.repeats += std::mem::take(&mut self.agents.repeats);
        settled.into_iter().for_each(|(line, item)| self.take(line, item, out));
    }

    fn end_stream(&mut self, out: &mut Taken) {
        if let Some((line, entry)) = self.stream.take() {
            out(line, Item::Entry(Box::new(entry)));
        }
    }
}

impl Session {
    /// What was used since the totals before. A total that fell began anew, and so did that of a fork.
    fn delta(&mut self, total: [u64; 4], last: Option<[u64; 4]>) -> [u64; 4] {
        let before = self.totals.replace(total);
        let since = |before: [u64; 4]| {
            let mut delta = [0; 4];
            for ((slot, now), then) in delta.iter_mut().zip(total).zip(before) {
                *slot = now.checked_sub(then)?;
            }
            Some(delta)
        };
        match before {
            Some(before) => since(before).or(last).unwrap_or(total),
            None if self.is_fork => last.unwrap_or(total),
            None => total,
        }
    }

    fn entry(&self, counts: [u64; 4]) -> Result<Entry<'static>, RecordError> {
        let [input, cached, output, thinking] = counts;
        let rest = |whole: u64, part: u64, name: &str| {
            whole.checked_sub(part).ok_or_else(|| {
                RecordError::Usage(format!("{part} of {name} are more than the {whole} they are a part of"))
            })
        };
        let mut usage = Usage::tokens_in_out(
            rest(input, cached, "cached_input_tokens")?,
            rest(output, thinking, "reasoning_output_tokens")?,
        );
        usage.set_tokens(Meter::CacheRead, cached);
        usage.set_tokens(Meter::Reasoning, thinking);
        let mut entry = Entry::new(Dialect::Codex, usage);
        entry.provider = self.provider.clone();
        // The name of a section of Codex's settings, which is `openai` for whatever imitates OpenAI.
        entry.naming = Naming::ByHabit;
        entry.model = self.model.clone();
        entry.labels = self.labels.clone();
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
