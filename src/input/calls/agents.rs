//! Settles what lines of coding agents say only together: see [`AgentEvent`].

use std::borrow::Cow;
use std::hash::{BuildHasher, BuildHasherDefault};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::input::dialect::agent::{AgentEvent, Known, Missing, Sum, beyond};
use crate::input::dialect::{Bucket, Entry, Item};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

mod details;

use details::Details;

/// So many requests of a run wait for its sum. Those of a longer one count as they come.
const WINDOW: usize = 1 << 14;

/// What is settled: records with the lines they stand on.
type Settled = Vec<(u64, Item<'static>)>;

/// What is known of sessions whose totals run on, in all sources.
#[derive(Default)]
pub(super) struct RunningTotals {
    /// The totals of each session.
    sessions: FxHashMap<u64, Total>,
    /// The source in which a session first told a total: a copy of it tells the same.
    told: FxHashMap<u64, u64>,
}

/// What the agents' lines of a run have said so far.
#[derive(Default)]
pub(super) struct Agents {
    known: Known<'static>,
    /// What is known of the sessions that began in this source.
    sessions: FxHashMap<u64, Known<'static>>,
    /// How often an id came in this source, of requests that have it from what they say.
    numbers: FxHashMap<u64, u64>,
    /// The first part of each id in this source.
    parts: FxHashMap<u64, u64>,
    /// How often each request came in the first place and in the second, and how often it was handed out.
    either: FxHashMap<u64, [u32; 3]>,
    details: Details,
    /// Details that were handed out before their sum came: it does not count them again.
    given_up: Vec<Entry<'static>>,
    /// The last sum of each session in this source.
    sums: FxHashMap<u64, Vec<Entry<'static>>>,
    running: RunningTotals,
    /// What each session owes.
    owed: FxHashMap<u64, (u64, RecordError)>,
    /// How many sources ended.
    sources: u64,
    /// How many runs began or ended: totals without a session are their run's.
    runs: u64,
    /// How many lines repeated another.
    pub repeats: u64,
}

/// The totals of a session.
#[derive(Default)]
struct Total {
    /// The source that the last one is in.
    source: u64,
    last: Usage,
    /// What counts as told already: the largest so far, or since the totals of this source began again.
    told: Usage,
    /// The largest of all sources.
    most: Usage,
}

impl Total {
    /// What a total adds to those before it. Within a source, a total that fell began again. One that is smaller than
    /// those of other sources is an earlier part of the same session.
    fn add(&mut self, source: u64, total: &Usage, is_copy: bool) -> Option<Usage> {
        let goes_on = self.source == source + 1;
        let has_fallen = goes_on && fell(&self.last, total);
        if !goes_on {
            self.told.clone_from(&self.most);
        }
        let more = match () {
            () if is_copy => None,
            () if has_fallen => Some(total.clone()),
            () => beyond(total, &self.told),
        };
        if has_fallen {
            self.told.clone_from(total);
        } else {
            raise(&mut self.told, total);
        }
        raise(&mut self.most, total);
        self.last.clone_from(total);
        self.source = source + 1;
        more
    }
}

/// Whether a total is less than the one before it in anything. Text and thinking are compared together, since a newer
/// version tells them apart.
fn fell(before: &Usage, total: &Usage) -> bool {
    let all = |usage: &Usage| {
        let of = |meter| usage.tokens(meter);
        let parts = [of(Meter::CacheRead), of(Meter::CacheWrite5m), of(Meter::Reasoning)];
        [usage.prompt_tokens(), usage.answer_tokens()].into_iter().chain(parts)
    };
    all(before).zip(all(total)).any(|(before, now)| now < before)
}

fn raise(most: &mut Usage, usage: &Usage) {
    for (meter, quantity) in usage.used() {
        most.set(meter, quantity.max(most.quantity(meter)));
    }
}

impl Agents {
    /// Takes what a line says, and hands out what is settled by it.
    pub(super) fn take(&mut self, line: u64, event: AgentEvent<'static>) -> Settled {
        match event {
            AgentEvent::Known(known) => self.learn(known),
            AgentEvent::Request(entry, missing) => return vec![item(line, self.completed(entry, missing))],
            AgentEvent::Either(first, entry) => {
                let entry = self.completed(entry, Missing::default());
                if self.is_new(first, &entry) {
                    return vec![item(line, entry)];
                }
                self.repeats += 1;
            }
            AgentEvent::Begin(known) => return self.begin(known),
            AgentEvent::Detail(entry) => {
                let entry = self.completed(entry, Missing::default());
                if self.details.len() >= WINDOW {
                    return vec![item(line, entry)];
                }
                self.details.push(line, entry);
            }
            AgentEvent::Sum(sum) => return self.sum(line, sum),
            AgentEvent::Running(entry) => return self.run_on(line, entry),
            AgentEvent::Owes(error) => {
                self.owed.entry(hash(&self.known.session)).or_insert((line, error));
            }
            AgentEvent::Paid => {
                self.owed.remove(&hash(&self.known.session));
            }
        }
        Vec::new()
    }

    /// The source ended: hands out what waited.
    pub(super) fn end(&mut self) -> Settled {
        let details = self.details.take_all();
        let mut settled: Settled = details.into_iter().map(|(line, entry)| item(line, entry)).collect();
        settled.extend(self.owed());
        self.known = Known::default();
        self.given_up.clear();
        self.sessions.clear();
        self.numbers.clear();
        self.parts.clear();
        self.either.clear();
        self.sums.clear();
        self.sources += 1;
        self.runs += 1;
        settled
    }

    /// What is missing of runs that no sum came for, by line.
    fn owed(&mut self) -> impl Iterator<Item = (u64, Item<'static>)> + use<> {
        let mut owed: Vec<_> = self.owed.drain().map(|(_, owed)| owed).collect();
        owed.sort_unstable_by_key(|(line, _)| *line);
        owed.into_iter().map(|(line, error)| (line, Item::Bad(error)))
    }

    /// Of a source that goes on, hands out what waited as if it had ended.
    #[cfg(feature = "folders")]
    pub(super) fn give_up(&mut self) -> Settled {
        let more: Vec<Entry> = self.waiting().into_iter().map(|(_, entry)| entry.clone()).collect();
        self.given_up.extend(more);
        let mut settled: Settled = self.details.take_all().into_iter().map(|(line, entry)| item(line, entry)).collect();
        settled.extend(self.owed());
        settled
    }

    /// The requests that count unless a sum repeats them, each as its last line says.
    #[cfg(feature = "folders")]
    pub(super) fn waiting(&self) -> Vec<(u64, &Entry<'static>)> {
        let mut seen = FxHashSet::default();
        let is_last = |(_, entry): &(u64, &Entry)| entry.id.is_none_or(|id| seen.insert(id));
        let mut last: Vec<_> = self.details.iter().rev().filter(is_last).collect();
        last.reverse();
        last
    }

    /// Those of a source with a number of its own.
    #[cfg(feature = "folders")]
    pub(super) fn of_source(number: u64) -> Self {
        Agents { sources: number, runs: number, ..Agents::default() }
    }

    /// Exchanges the totals, which several files share.
    #[cfg(feature = "folders")]
    pub(super) fn swap_running(&mut self, totals: &mut RunningTotals) {
        std::mem::swap(&mut self.running, totals);
    }

    /// A run begins. What an earlier one of the same session left without a sum counts.
    fn begin(&mut self, known: Known<'static>) -> Settled {
        let left = self.of_session(known.session.as_deref());
        self.given_up.retain(|entry| !is_of(entry, known.session.as_deref()));
        if let Some(session) = &known.session
            && self.sessions.len() < WINDOW
        {
            self.sessions.insert(hash(session), known.clone());
        }
        self.known = known;
        self.runs += 1;
        left.into_iter().map(|(line, entry)| item(line, entry)).collect()
    }

    fn learn(&mut self, more: Known<'static>) {
        let known = &mut self.known;
        known.session = more.session.or(known.session.take());
        known.project = more.project.or(known.project.take());
        known.provider = more.provider.or(known.provider.take());
        known.model = more.model.or(known.model.take());
    }

    /// What is known of a session: of the one that runs, or of an earlier one in this source whose lines come in between.
    fn known_of(&self, session: Option<&str>) -> Known<'static> {
        let current = self.known.session.as_deref();
        match session.filter(|session| current.is_some_and(|current| current != *session)) {
            Some(other) => self.sessions.get(&hash(&other)).cloned().unwrap_or_default(),
            None => self.known.clone(),
        }
    }

    fn completed(&mut self, mut entry: Entry<'static>, missing: Missing) -> Entry<'static> {
        let known = &self.known_of(entry.labels.session.as_deref());
        if missing.model && known.model.is_some() {
            entry.model.clone_from(&known.model);
        }
        if entry.model.is_none() {
            entry.model.clone_from(&known.model);
            // A provider belongs to the model that was named with it.
            entry.provider = entry.provider.or_else(|| known.provider.clone());
        }
        let labels = &mut entry.labels;
        labels.session = labels.session.take().or_else(|| known.session.clone());
        labels.project = labels.project.take().or_else(|| known.project.clone());
        if missing.session {
            let source = if labels.session.is_none() { self.sources + 1 } else { 0 };
            entry.id = entry.id.map(|id| hash(&(id, &labels.session, source)));
        }
        if let Some(part) = missing.part {
            entry.id = entry.id.map(|whole| match *self.parts.entry(whole).or_insert(part) {
                first if first == part => whole,
                _ => hash(&(whole, part)),
            });
        }
        if missing.number {
            entry.id = entry.id.map(|id| {
                let number = self.numbers.entry(id).or_default();
                *number += 1;
                hash(&(id, *number))
            });
        }
        entry
    }

    /// Whether a request has not been met in the other place: the third of one place is the third of the other.
    fn is_new(&mut self, first: bool, entry: &Entry) -> bool {
        let used: Vec<_> = entry.usage.used().collect();
        let key = hash(&(&entry.labels.session, &entry.model, used));
        let met = self.either.entry(key).or_default();
        let [one, other, out] = met;
        let place = if first { one } else { other };
        *place += 1;
        let is_new = *place > *out;
        *out += u32::from(is_new);
        is_new
    }

    /// Takes the requests of a session that wait, and those of which nobody knows the session; without a session, all.
    fn of_session(&mut self, session: Option<&str>) -> Vec<(u64, Entry<'static>)> {
        match session {
            Some(session) => self.details.take(session),
            None => self.details.take_all(),
        }
    }

    fn sum(&mut self, line: u64, mut sum: Sum<'static>) -> Settled {
        let session = sum.session.clone().or_else(|| self.known.session.clone());
        let of = self.session_of_details(session.as_deref(), &sum);
        self.repeats += self.of_session(of.as_deref()).len() as u64;
        let key = hash(&(self.sources, &session));
        let before = self.sums.insert(key, sum.entries.clone());
        if let Some(before) = before.filter(|before| runs_on(before, &sum)) {
            for entry in &mut sum.entries {
                if let Some(before) = before.iter().find(|before| before.model == entry.model) {
                    entry.usage = beyond(&entry.usage, &before.usage).unwrap_or_default();
                }
            }
            sum.entries.retain(|entry| entry.usage.used().next().is_some());
        }
        let is_of_sum = |entry: &Entry| is_of(entry, of.as_deref());
        let (given, others) = std::mem::take(&mut self.given_up).into_iter().partition(is_of_sum);
        self.given_up = others;
        let given: Vec<Entry> = given;
        for given in given {
            let of_model = sum.entries.iter_mut().filter(|entry| entry.model == given.model);
            of_model.for_each(|entry| entry.usage = beyond(&entry.usage, &given.usage).unwrap_or_default());
        }
        let completed = sum.entries.into_iter().map(|entry| self.completed(entry, Missing::default()));
        completed.map(|entry| item(line, entry)).collect()
    }

    /// Which requests a sum repeats: those of its session. A result may name another session than the messages before it;
    /// where it can hold those of the session that runs, they are its own.
    fn session_of_details(&self, session: Option<&str>, sum: &Sum) -> Option<Cow<'static, str>> {
        let own = |session: &str| Some(Cow::Owned(session.to_owned()));
        let session = session?;
        if self.sessions.contains_key(&hash(&session)) || self.details.has(session) {
            return own(session);
        }
        let running = self.known.session.clone();
        let mut seen = FxHashSet::default();
        let details = self.details.of(running.as_deref());
        let details = details.filter(|entry| entry.id.is_none_or(|id| seen.insert(id)));
        let add = |sum: u64, entry: &Entry| sum.saturating_add(entry.usage.prompt_tokens());
        let read = details.fold(0, add);
        if read <= sum.entries.iter().fold(0, add) { running } else { own(session) }
    }

    fn run_on(&mut self, line: u64, entry: Entry<'static>) -> Settled {
        let entry = self.completed(entry, Missing::default());
        let run = if entry.labels.session.is_some() { 0 } else { self.runs + 1 };
        let key = hash(&(run, entry.dialect, &entry.labels.session));
        let used: Vec<_> = entry.usage.used().collect();
        let told_in = *self.running.told.entry(hash(&(key, used))).or_insert(self.sources);
        let total = self.running.sessions.entry(key).or_default();
        let Some(usage) = total.add(self.sources, &entry.usage, told_in != self.sources) else {
            self.repeats += 1;
            return Vec::new();
        };
        vec![item(line, Entry { usage, bucket: Some(Bucket::default()), ..entry })]
    }
}

/// Whether a request is of a session, as far as anybody knows; without a session, each is.
fn is_of(entry: &Entry, session: Option<&str>) -> bool {
    session.is_none_or(|session| entry.labels.session.as_deref().is_none_or(|other| other == session))
}

fn item(line: u64, entry: Entry<'static>) -> (u64, Item<'static>) {
    (line, Item::Entry(Box::new(entry)))
}

/// Whether a sum contains the one before it: everything in it is at least what was, and what the latest part used.
fn runs_on(before: &[Entry], sum: &Sum) -> bool {
    let all = |entries: &[Entry], meter: Meter| {
        entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.usage.tokens(meter)))
    };
    let meters: FxHashSet<Meter> =
        before.iter().chain(&sum.entries).flat_map(|e| e.usage.used().map(|(meter, _)| meter)).collect();
    let grew =
        |meter: &Meter| all(&sum.entries, *meter) >= all(before, *meter).saturating_add(sum.latest.tokens(*meter));
    !before.is_empty() && sum.latest.used().next().is_some() && meters.iter().all(grew)
}

/// A number for a value.
pub(super) fn hash(value: &impl std::hash::Hash) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one(value)
}
