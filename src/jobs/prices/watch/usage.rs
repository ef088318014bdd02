//! Recorded usage at the prices of one moment after another: [`WatchedUsage`].
//!
//! Records are read and priced as `usage` does, each once: what it costs is worked out for every state that its model is in
//! within the span, so that nothing is read twice and nothing is kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::OlderTable;
use super::events::{WatchedEvent, WatchedKind, assumed, between, frozen, gone, of_card};
use super::plan::before;
use crate::input::calls::Reading;
use crate::input::calls::stream::{ChunkResult, StreamPlan, StreamSink, TakeItems, run_stream};
use crate::input::dialect::{Entry, Item, State};
use crate::input::text::Source;
use crate::jobs::usage::PricingWishes;
use crate::jobs::usage::priced::{RecordPricing, RecordRefusal, RecordVerdict, cost};
use crate::jobs::usage::unread::UnreadNames;
use crate::jobs::{JobError, Setup};
use crate::money::Usd;
use crate::period::{Instant, Period};
use crate::pricing::Found;
use crate::pricing::lookup::Lookup;

/// Where the records are read from, and which of them count.
#[derive(Clone, Debug, Default)]
pub struct UsageWishes {
    /// What lines are taken for.
    pub reading: Reading,
    /// What the user knows better than the records do.
    pub wishes: PricingWishes,
    /// Only records of this time.
    pub used: Period,
}

/// What the usage of one model costs before anything happens, and after each thing that does.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelBills {
    pub records: u64,
    pub bills: Vec<Usd>,
    /// A sentence about a model that was retired before the span begins.
    pub gone: Option<String>,
    /// Since when there is evidence of the price of the first bill, where that is assumed.
    pub assumed: Option<Instant>,
    pub events: Vec<WatchedEvent>,
}

/// The usage by model.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchedUsage {
    pub models: BTreeMap<String, ModelBills>,
    /// Records that have no price at some moment.
    pub unpriced: u64,
    /// Records that cost nothing: failed ones, those of a machine of one's own.
    pub free: u64,
    /// Records of another time.
    pub outside: u64,
    /// What nobody read of the records, by name: it is in no bill.
    pub unread: UnreadNames,
}

impl WatchedUsage {
    /// Reads all sources on a number of threads.
    pub(crate) fn read(
        query: &UsageWishes,
        (span, older): (Period, Option<&OlderTable>),
        setup: &Setup,
        sources: &[Source],
        threads: usize,
        sink: &mut dyn StreamSink,
    ) -> Result<WatchedUsage, JobError> {
        let plan = StreamPlan::new(sources, &query.reading, threads, false);
        Ok(run_stream(plan, &|| UsageTaker::new(query, (span, older), setup), sink)?.usage)
    }
}

/// A model in every state that it has in the span: at first, and after each thing that happens to it.
struct Track {
    states: Vec<Found>,
    gone: Option<String>,
    assumed: Option<Instant>,
    events: Vec<WatchedEvent>,
}

impl Track {
    /// `Err` for a model that the older table does not have.
    fn of(found: &Found, span: Period, older: Option<&OlderTable>, setup: &Setup) -> Result<Track, String> {
        let first = before(span);
        let in_older = |older: &OlderTable| {
            let named = found.ending_id();
            let known = older.table.get(&named, first);
            known.ok_or_else(|| format!("{named} is not in the older table, {}", older.label))
        };
        let older = older.map(in_older).transpose()?;
        let mut events: Vec<WatchedEvent> =
            older.iter().filter_map(|older| between(older, found, first, &setup.table)).collect();
        events.extend(of_card(&setup.table, found, span));
        let start = older.as_ref().unwrap_or(found);
        let gone = span.from.and_then(|begin| gone(&setup.table, found, begin));
        let mut states = vec![frozen(start, first)];
        for event in &events {
            let instead = event.instead.as_deref().filter(|_| event.kind == WatchedKind::Retires);
            let instead = instead.and_then(|id| setup.table.get(id, event.at));
            states.push(frozen(instead.as_ref().unwrap_or(found), event.holds));
        }
        Ok(Track { states, events, gone, assumed: assumed(start, first) })
    }
}

/// Prices what one thread is given.
struct UsageTaker<'s> {
    query: &'s UsageWishes,
    span: Period,
    older: Option<&'s OlderTable>,
    pricing: RecordPricing<'s>,
    lookup: Lookup<'s>,
    tracks: HashMap<String, Result<Arc<Track>, String>>,
    usage: WatchedUsage,
}

impl TakeItems for UsageTaker<'_> {
    fn take(&mut self, source: &str, line: u64, item: &Item, result: &mut ChunkResult) {
        let taken = match item {
            Item::Entry(entry) if !self.is_of_its_time(entry) => {
                self.usage.outside += 1;
                return;
            }
            Item::Entry(entry) if entry.state == State::Done => {
                self.usage.unread.add_record(source, line, &entry.unread);
                self.entry(entry)
            }
            Item::Entry(_) => {
                self.usage.free += 1;
                return;
            }
            Item::Bad(error) => Err(error.into()),
            Item::Event(_) => return,
        };
        if let Err(mut refused) = taken {
            self.usage.unpriced += 1;
            let lookup = &mut self.lookup;
            result.warn(line, refused.kind(), || {
                RecordRefusal::explain(&mut refused, lookup);
                format!("{}: {}", refused.status, refused.text())
            });
        }
    }

    fn merge(&mut self, other: Self) {
        self.usage.unpriced += other.usage.unpriced;
        self.usage.free += other.usage.free;
        self.usage.outside += other.usage.outside;
        self.usage.unread.merge(other.usage.unread);
        for (model, theirs) in other.usage.models {
            let mine = self.usage.models.entry(model).or_default();
            mine.add(theirs.records, &theirs.bills);
            (mine.events, mine.gone, mine.assumed) = (theirs.events, theirs.gone, theirs.assumed);
        }
    }
}

impl ModelBills {
    fn add(&mut self, records: u64, bills: &[Usd]) {
        self.records += records;
        self.bills.resize(bills.len(), Usd::ZERO);
        self.bills.iter_mut().zip(bills).for_each(|(sum, bill)| *sum += *bill);
    }
}

impl<'s> UsageTaker<'s> {
    fn new(query: &'s UsageWishes, (span, older): (Period, Option<&'s OlderTable>), setup: &'s Setup) -> Self {
        UsageTaker {
            query,
            span,
            older,
            pricing: RecordPricing { setup, wishes: &query.wishes },
            lookup: Lookup::new(&setup.table),
            tracks: HashMap::new(),
            usage: WatchedUsage::default(),
        }
    }

    fn is_of_its_time(&self, entry: &Entry) -> bool {
        self.query.used == Period::default() || entry.at.is_some_and(|at| self.query.used.contains(at))
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), RecordRefusal> {
        let outcome = self.pricing.outcome(entry, &mut self.lookup);
        let at = outcome.at;
        let found = match outcome.verdict {
            RecordVerdict::Priced(priced) => priced.found,
            RecordVerdict::Refused(refused) => return Err(refused),
            RecordVerdict::Free(..) | RecordVerdict::Charge(_) => {
                self.usage.free += 1;
                return Ok(());
            }
        };
        // A snapshot may end on a day of its own.
        let id = found.ending_id();
        let (span, older, setup) = (self.span, self.older, self.pricing.setup);
        let made = || Track::of(&found, span, older, setup).map(Arc::new);
        let track = self.tracks.entry(id.clone()).or_insert_with(made).clone();
        let track = track.map_err(|why| RecordRefusal::new("unknown-model", why))?;
        // What a deployment says of a request is the record's, not the state's.
        let state = |state: &Found| {
            let is_same = state.full_id() == found.full_id();
            let of_record =
                || Found { provider: state.provider.clone(), model: state.model.clone(), ..Found::clone(&found) };
            if is_same { of_record() } else { state.clone() }
        };
        let priced = |still: &Found| {
            let still = state(still);
            let context = still.settle(&entry.context);
            cost(&entry.usage, entry.bucket.as_ref(), &still, &context, at).map(|(cost, _)| cost.total)
        };
        let bills = track.states.iter().map(priced).collect::<Result<Vec<Usd>, _>>()?;
        let model = self.usage.models.entry(id).or_default();
        model.add(1, &bills);
        model.events.clone_from(&track.events);
        model.gone.clone_from(&track.gone);
        model.assumed = track.assumed;
        Ok(())
    }
}
