//! Settles what lines of coding agents say only together: see [`AgentEvent`].

use std::hash::{BuildHasher, BuildHasherDefault};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::input::dialect::agent::{AgentEvent, Known, Missing, Sum};
use crate::input::dialect::{Bucket, Entry, Item};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

/// So many requests of a run wait for its sum. Those of a longer one count as they come.
const WINDOW: usize = 1 << 14;

/// What is settled: records with the lines they stand on.
type Settled = Vec<(u64, Item<'static>)>;

/// The largest totals of each session.
pub(super) type RunningTotals = FxHashMap<u64, Usage>;

/// What the agents' lines of a run have said so far.
#[derive(Default)]
pub(super) struct Agents {
    known: Known<'static>,
    /// How often each request came in the first place and in the second, and how often it was handed out.
    either: FxHashMap<u64, [u32; 3]>,
    details: Vec<(u64, Entry<'static>)>,
    /// Details that were handed out before their sum came: it does not count them again.
    given_up: Vec<Entry<'static>>,
    /// The last sum of each session in this source.
    sums: FxHashMap<u64, Vec<Entry<'static>>>,
    /// The largest totals of each session, in all sources.
    running: RunningTotals,
    owed: Option<(u64, RecordError)>,
    /// How many sources ended: totals without a session are their source's.
    sources: u64,
    /// How many lines repeated another.
    pub repeats: u64,
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
            AgentEvent::Run => {
                self.given_up.clear();
                return self.flush();
            }
            AgentEvent::Detail(entry) => {
                let entry = self.completed(entry, Missing::default());
                if self.details.len() >= WINDOW {
                    return vec![item(line, entry)];
                }
                self.details.push((line, entry));
            }
            AgentEvent::Sum(sum) => return self.sum(line, sum),
            AgentEvent::Running(entry) => return self.run_on(line, entry),
            AgentEvent::Owes(error) => {
                self.owed.get_or_insert((line, error));
            }
            AgentEvent::Paid => self.owed = None,
        }
        Vec::new()
    }

    /// The source ended: hands out what waited.
    pub(super) fn end(&mut self) -> Settled {
        let mut settled = self.flush();
        settled.extend(self.owed.take().map(|(line, error)| (line, Item::Bad(error))));
        self.known = Known::default();
        self.given_up.clear();
        self.either.clear();
        self.sums.clear();
        self.sources += 1;
        settled
    }

    /// Of a source that goes on, hands out what waited as if it had ended.
    #[cfg(feature = "folders")]
    pub(super) fn give_up(&mut self) -> Settled {
        let more: Vec<Entry> = self.waiting().into_iter().map(|(_, entry)| entry.clone()).collect();
        self.given_up.extend(more);
        let mut settled = self.flush();
        settled.extend(self.owed.take().map(|(line, error)| (line, Item::Bad(error))));
        settled
    }

    /// The requests that count unless a sum repeats them, each as its last line says.
    #[cfg(feature = "folders")]
    pub(super) fn waiting(&self) -> Vec<&(u64, Entry<'static>)> {
        let mut seen = FxHashSet::default();
        let is_last = |(_, entry): &&(u64, Entry)| entry.id.is_none_or(|id| seen.insert(id));
        let mut last: Vec<_> = self.details.iter().rev().filter(is_last).collect();
        last.reverse();
        last
    }

    /// Those of a source with a number of its own.
    #[cfg(feature = "folders")]
    pub(super) fn of_source(number: u64) -> Self {
        Agents { sources: number, ..Agents::default() }
    }

    /// Exchanges the totals, which several files share.
    #[cfg(feature = "folders")]
    pub(super) fn swap_running(&mut self, totals: &mut RunningTotals) {
        std::mem::swap(&mut self.running, totals);
    }

    fn learn(&mut self, more: Known<'static>) {
        let known = &mut self.known;
        known.session = more.session.or(known.session.take());
        known.project = more.project.or(known.project.take());
        known.provider = more.provider.or(known.provider.take());
        known.model = more.model.or(known.model.take());
    }

    fn completed(&self, mut entry: Entry<'static>, missing: Missing) -> Entry<'static> {
        let known = &self.known;
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
            entry.id = entry.id.map(|id| hash(&(id, &entry.labels.session)));
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

    fn flush(&mut self) -> Settled {
        self.details.drain(..).map(|(line, entry)| item(line, entry)).collect()
    }

    fn sum(&mut self, line: u64, mut sum: Sum<'static>) -> Settled {
        self.repeats += self.details.len() as u64;
        self.details.clear();
        let session = sum.session.clone().or_else(|| self.known.session.clone());
        let key = hash(&(self.sources, &session));
        let before = self.sums.insert(key, sum.entries.clone());
        if let Some(before) = before.filter(|before| runs_on(before, &sum)) {
            for entry in &mut sum.entries {
                if let Some(before) = before.iter().find(|before| before.model == entry.model) {
                    entry.usage = since(&entry.usage, &before.usage);
                }
            }
            sum.entries.retain(|entry| entry.usage.used().next().is_some());
        }
        for given in self.given_up.drain(..) {
            let of_model = sum.entries.iter_mut().filter(|entry| entry.model == given.model);
            of_model.for_each(|entry| entry.usage = since(&entry.usage, &given.usage));
        }
        let complete = |entry| self.completed(entry, Missing::default());
        sum.entries.into_iter().map(|entry| item(line, complete(entry))).collect()
    }

    fn run_on(&mut self, line: u64, entry: Entry<'static>) -> Settled {
        let entry = self.completed(entry, Missing::default());
        let source = if entry.labels.session.is_some() { 0 } else { self.sources + 1 };
        let most = self.running.entry(hash(&(source, entry.dialect, &entry.labels.session))).or_default();
        let usage = since(&entry.usage, most);
        for (meter, quantity) in entry.usage.used() {
            most.set(meter, quantity.max(most.quantity(meter)));
        }
        if usage.used().next().is_none() {
            self.repeats += 1;
            return Vec::new();
        }
        vec![item(line, Entry { usage, bucket: Some(Bucket::default()), ..entry })]
    }
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

/// What a usage has beyond another, by meter.
fn since(now: &Usage, before: &Usage) -> Usage {
    let mut delta = Usage::default();
    for (meter, quantity) in now.used() {
        let then = before.quantity(meter);
        if quantity > then {
            delta.set(meter, quantity.saturating_sub(then));
        }
    }
    delta
}

/// A number for a value.
pub(super) fn hash(value: &impl std::hash::Hash) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one(value)
}
