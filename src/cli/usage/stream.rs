//! Reads sources on several threads and prices what they hold, in order.
//!
//! One thread reads and cuts, several parse and price, and the caller puts what must be in order in order: rows, warnings,
//! and records that wait for others. What needs no order is summed where it was priced.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::priced::{Outcome, Pricing, Refused, Verdict};
use super::rows::machine;
use super::totals::Totals;
use super::view::View;
use crate::input::calls::chunks::{Chunk, Chunks};
use crate::input::calls::open::open;
use crate::input::calls::sequence::Sequence;
use crate::input::calls::{Reading, is_table, read_chunk};
use crate::input::dialect::table::read_table;
use crate::input::dialect::{Entry, Item};
use crate::input::record::RecordError;
use crate::input::text::{InputError, Source};
use crate::pricing::lookup::Lookup;
use crate::report::write_json_line;

/// How a run reads.
#[derive(Clone, Copy)]
pub(super) struct Run<'s> {
    pub reading: &'s Reading,
    pub pricing: Pricing<'s>,
    pub view: &'s View,
    /// Whether every record becomes a row.
    pub rows: bool,
    /// Whether rows for FinOps tools are gathered.
    pub focus: bool,
    pub threads: usize,
}

/// What a run hands out as it goes on, in order.
pub(super) trait Sink {
    /// Rows as lines of JSON. Says whether somebody still reads them.
    fn rows(&mut self, rows: &[u8]) -> bool;
    fn warn(&mut self, source: &str, line: u64, refused: &Refused);
    /// A source could not be read.
    fn failed(&mut self, error: InputError);
    /// So many bytes of text have been read.
    fn progress(&mut self, bytes: u64);
}

/// What one place makes of the items it is given.
pub(super) struct Desk<'s> {
    run: Run<'s>,
    lookup: Lookup<'s>,
    pub totals: Totals,
}

/// What came out of a chunk, in order.
#[derive(Default)]
pub(super) struct Settled {
    pub rows: Vec<u8>,
    pub warnings: Vec<(u64, Refused)>,
    /// Records that wait for others; `rows` is empty where there are any and rows were asked for.
    open: Vec<(u64, Item<'static>)>,
}

/// So many warnings of a chunk are kept: who reads more?
const WARNINGS: usize = 50;

impl<'s> Desk<'s> {
    pub fn new(run: Run<'s>) -> Self {
        Desk { run, lookup: Lookup::new(&run.pricing.setup.table), totals: Totals::new(run.focus) }
    }

    pub fn take(&mut self, source: &str, line: u64, item: &Item, settled: &mut Settled) {
        match item {
            Item::Entry(entry) => self.entry(source, line, entry, settled),
            Item::Bad(error) => self.settle(source, line, self.run.pricing.bad(error), settled),
            Item::Event(_) => {}
        }
    }

    pub fn entry(&mut self, source: &str, line: u64, entry: &Entry, settled: &mut Settled) {
        let outcome = self.run.pricing.outcome(entry, &mut self.lookup);
        self.settle(source, line, outcome, settled);
    }

    fn settle(&mut self, source: &str, line: u64, mut outcome: Outcome, settled: &mut Settled) {
        if !self.totals.add(&outcome, self.run.view, &self.run.pricing) {
            return;
        }
        if self.run.rows {
            if let Verdict::Refused(refused) = &mut outcome.verdict {
                refused.explain(&mut self.lookup);
            }
            let row = machine(source, line, &outcome, self.run.pricing.setup);
            // Writing to a vector does not fail.
            let _ = write_json_line(&row, &mut settled.rows);
        } else if let Outcome { verdict: Verdict::Refused(mut refused), .. } = outcome
            && settled.warnings.len() < WARNINGS
        {
            refused.explain(&mut self.lookup);
            settled.warnings.push((line, refused));
        }
    }

    /// Prices what can be priced at once, and keeps the rest. Rows stay in order only if all of a chunk waits as soon as
    /// one does.
    fn chunk(&mut self, source: &str, chunk: &Chunk) -> Settled {
        let mut settled = Settled::default();
        let run = self.run;
        let mut waits = false;
        read_chunk(chunk, run.reading, &mut |line, item| {
            waits |= Sequence::concerns(&item);
            if waits && (run.rows || Sequence::concerns(&item)) {
                settled.open.push((line, item.into_owned()));
            } else {
                self.take(source, line, &item, &mut settled);
            }
        });
        settled
    }
}

/// A piece of work: which chunk of which source.
struct Task {
    number: u64,
    source: Arc<str>,
    work: Work,
}

enum Work {
    Chunk(Chunk),
    Items(Vec<(u64, Item<'static>)>),
    Failed(InputError),
    End,
}

/// Work that was done, to be put in order.
struct Done {
    number: u64,
    source: Arc<str>,
    settled: Settled,
    buffer: Option<Vec<u8>>,
    bytes: u64,
    end: bool,
    failed: Option<InputError>,
}

/// Reads and prices everything. The totals are of what was read until somebody stopped reading.
pub(super) fn run(sources: &[Source], run: Run<'_>, sink: &mut dyn Sink) -> Totals {
    if run.threads <= 1 { alone(sources, run, sink) } else { together(sources, run, sink) }
}

fn alone(sources: &[Source], run: Run<'_>, sink: &mut dyn Sink) -> Totals {
    let mut worker = Desk::new(run);
    let mut merger = Merger { desk: Desk::new(run), sequence: Sequence::default(), sink };
    each_task(sources, run.reading, &mut |task| {
        let mut done = worker_step(&mut worker, task);
        let go_on = merger.merge(&mut done);
        (go_on, done.buffer.take())
    });
    let mut totals = merger.desk.totals;
    totals.merge(worker.totals);
    totals
}

fn worker_step(desk: &mut Desk, task: Task) -> Done {
    let Task { number, source, work } = task;
    let mut done =
        Done { number, source, settled: Settled::default(), buffer: None, bytes: 0, end: false, failed: None };
    match work {
        Work::Chunk(chunk) => {
            done.settled = desk.chunk(&done.source, &chunk);
            done.bytes = chunk.bytes.len() as u64;
            done.buffer = Some(chunk.bytes);
        }
        Work::Items(items) => done.settled.open = items,
        Work::Failed(error) => done.failed = Some(error),
        Work::End => done.end = true,
    }
    done
}

/// Cuts all sources into tasks. `take` says whether to go on, and may give a buffer back.
fn each_task(sources: &[Source], reading: &Reading, take: &mut dyn FnMut(Task) -> (bool, Option<Vec<u8>>)) {
    let mut number = 0;
    let mut spare: Option<Vec<u8>> = None;
    let mut give = |source: &Arc<str>, work: Work, spare: &mut Option<Vec<u8>>| {
        let (go_on, back) = take(Task { number, source: source.clone(), work });
        number += 1;
        *spare = back.or(spare.take());
        go_on
    };
    for source in sources {
        let name: Arc<str> = source.name().into();
        let parts = match open(source) {
            Ok(parts) => parts,
            Err(error) => {
                if !give(&name, Work::Failed(error), &mut spare) {
                    return;
                }
                continue;
            }
        };
        for part in parts {
            let part = match part {
                Ok(part) => part,
                Err(error) => {
                    give(&name, Work::Failed(error), &mut spare);
                    continue;
                }
            };
            let name: Arc<str> = part.name.as_str().into();
            let go_on = if is_table(&part, reading) {
                table(part.reader, reading, &mut |items| give(&name, Work::Items(items), &mut spare))
            } else {
                let mut chunks = Chunks::new(part.reader);
                let mut go_on = true;
                while go_on {
                    let mut chunk = Chunk { bytes: spare.take().unwrap_or_default(), ..Chunk::default() };
                    if !chunks.next_into(&mut chunk) {
                        spare = Some(chunk.bytes);
                        break;
                    }
                    go_on = give(&name, Work::Chunk(chunk), &mut spare);
                }
                go_on
            };
            if !go_on || !give(&name, Work::End, &mut spare) {
                return;
            }
        }
    }
}

/// A table is read in one place: where a row ends depends on everything before it.
fn table(
    reader: impl std::io::Read,
    reading: &Reading,
    give: &mut dyn FnMut(Vec<(u64, Item<'static>)>) -> bool,
) -> bool {
    const ROWS: usize = 1_000;
    let mut items = Vec::new();
    let mut go_on = true;
    let result = read_table(reader, &reading.columns, reading.from, &mut |line, item| {
        items.push((line, item));
        if items.len() >= ROWS {
            go_on = give(std::mem::take(&mut items));
        }
        go_on
    });
    if let Err(what) = result {
        items.push((items.last().map_or(1, |(line, _)| line + 1), Item::Bad(RecordError::Form(what))));
    }
    go_on && give(items)
}

/// Puts in order what came out of chunks.
struct Merger<'s, 'k> {
    desk: Desk<'s>,
    sequence: Sequence,
    sink: &'k mut dyn Sink,
}

impl Merger<'_, '_> {
    /// Says whether to go on.
    fn merge(&mut self, done: &mut Done) -> bool {
        if let Some(error) = done.failed.take() {
            self.sink.failed(error);
            return true;
        }
        let mut settled = std::mem::take(&mut done.settled);
        let open = std::mem::take(&mut settled.open);
        let (desk, source) = (&mut self.desk, &*done.source);
        for (line, item) in open {
            self.sequence.take(line, item, &mut |line, item| desk.take(source, line, &item, &mut settled));
        }
        if done.end {
            self.sequence.end(&mut |line, item| desk.take(source, line, &item, &mut settled));
        }
        for (line, refused) in &settled.warnings {
            self.sink.warn(source, *line, refused);
        }
        self.sink.progress(done.bytes);
        settled.rows.is_empty() || self.sink.rows(&settled.rows)
    }
}

fn together(sources: &[Source], run: Run<'_>, sink: &mut dyn Sink) -> Totals {
    let in_flight = run.threads * 2 + 2;
    let (free, buffers) = sync_channel::<Vec<u8>>(in_flight);
    let (tasks, todo) = sync_channel::<Task>(in_flight);
    let todo = Mutex::new(todo);
    let (results, done) = sync_channel::<Done>(in_flight);
    (0..in_flight).for_each(|_| drop(free.send(Vec::new())));
    std::thread::scope(|scope| {
        scope.spawn(move || cut(sources, run.reading, buffers, &tasks));
        let workers: Vec<_> = (0..run.threads)
            .map(|_| {
                let (results, todo) = (results.clone(), &todo);
                scope.spawn(move || work(run, todo, &results))
            })
            .collect();
        drop(results);
        let mut totals = put_in_order(run, &done, &free, sink);
        // Whoever still works finds nobody listening and ends.
        drop((done, free));
        for worker in workers {
            if let Ok(of_worker) = worker.join() {
                totals.merge(of_worker);
            }
        }
        totals
    })
}

/// Each task takes a buffer that somebody gave back, so that only so many are under way.
fn cut(sources: &[Source], reading: &Reading, buffers: Receiver<Vec<u8>>, tasks: &SyncSender<Task>) {
    each_task(sources, reading, &mut |task| {
        let Ok(buffer) = buffers.recv() else { return (false, None) };
        (tasks.send(task).is_ok(), Some(buffer))
    });
}

fn work(run: Run<'_>, todo: &Mutex<Receiver<Task>>, results: &SyncSender<Done>) -> Totals {
    let mut desk = Desk::new(run);
    loop {
        let task = match todo.lock() {
            Ok(todo) => todo.recv(),
            Err(_) => break,
        };
        let Ok(task) = task else { break };
        if results.send(worker_step(&mut desk, task)).is_err() {
            break;
        }
    }
    desk.totals
}

fn put_in_order(run: Run<'_>, done: &Receiver<Done>, free: &SyncSender<Vec<u8>>, sink: &mut dyn Sink) -> Totals {
    let mut merger = Merger { desk: Desk::new(run), sequence: Sequence::default(), sink };
    let mut early: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    while let Ok(one) = done.recv() {
        early.insert(one.number, one);
        while let Some(mut one) = early.remove(&next) {
            next += 1;
            if !merger.merge(&mut one) {
                return merger.desk.totals;
            }
            let _ = free.try_send(one.buffer.take().unwrap_or_default());
        }
    }
    merger.desk.totals
}
