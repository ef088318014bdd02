//! Reads sources on several threads and hands on what they hold, in order: [`run_stream`].
//!
//! One thread reads and cuts, several parse and take what was parsed ([`TakeItems`]), and the caller puts what must be in
//! order in order ([`StreamSink`]): rows, warnings, and records that wait for others. What needs no order is summed where it
//! was taken.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::chunks::{Chunk, Chunks};
use super::open::open;
use super::sequence::{Sequence, has_several_files};
use super::{Reading, is_table, read_chunk};
use crate::input::dialect::table::read_table;
use crate::input::dialect::{Event, Item};
use crate::input::text::{InputError, Source};

/// How sources are read: not what is made of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamPlan<'s> {
    /// What is read, in turn.
    pub sources: &'s [Source],
    /// What lines are taken for.
    pub reading: &'s Reading,
    /// How many threads parse, at least one.
    pub threads: usize,
    /// Whether every record becomes a row, so that all of a chunk waits as soon as one record does.
    pub rows: bool,
    /// Whether there are several files, and a request may be in two of them.
    several: bool,
}

impl<'s> StreamPlan<'s> {
    /// A plan for these sources, which looks at what they begin with.
    pub(crate) fn new(sources: &'s [Source], reading: &'s Reading, threads: usize, rows: bool) -> Self {
        StreamPlan { sources, reading, threads, rows, several: has_several_files(sources) }
    }
}

/// What a run hands out as it goes on, in order.
pub trait StreamSink {
    /// Rows as lines of JSON. Says whether the output is still read.
    fn rows(&mut self, rows: &[u8]) -> bool;
    /// Why records have no price, for people.
    fn warn(&mut self, source: &str, warning: &StreamWarning);
    /// A source could not be read.
    fn failed(&mut self, error: InputError);
    /// Something was read: how many bytes of text, and what was in them. `source` is the place in the list of sources.
    fn read(&mut self, source: usize, bytes: u64, found: SourceTally);
}

/// Why records have no price: those of a few hundred lines that have the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamWarning {
    /// The line of the first one.
    pub line: u64,
    /// What their reasons have in common. Two warnings of one kind are one to a reader.
    pub kind: String,
    /// The reason of the first one.
    pub text: String,
    /// How many there are.
    pub records: u64,
}

/// What is made of the items that one thread is given.
pub(crate) trait TakeItems: Send {
    /// Takes the item of a line. What must be in order goes into `result`.
    fn take(&mut self, source: &str, line: u64, item: &Item, result: &mut ChunkResult);
    /// So many records were left out, because they are in an earlier file too; some of them said something else.
    fn left_out_copies(&mut self, _copies: u64, _differing: u64) {}
    /// Adds what another thread made.
    fn merge(&mut self, other: Self);
}

/// What a run found in one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceTally {
    /// Records, with or without a price, and also those that contradict themselves.
    pub records: u64,
    /// Lines that are not in any known form, or broken.
    pub bad: u64,
    /// The first of those lines.
    pub first_bad: Option<u64>,
    /// It, or a member of it, could not be opened, which was reported.
    pub is_unreadable: bool,
}

impl std::ops::AddAssign for SourceTally {
    fn add_assign(&mut self, other: SourceTally) {
        self.records += other.records;
        self.bad += other.bad;
        self.first_bad = self.first_bad.or(other.first_bad);
        self.is_unreadable |= other.is_unreadable;
    }
}

/// What came out of a chunk, in order.
#[derive(Default)]
pub(crate) struct ChunkResult {
    /// Lines of JSON.
    pub rows: Vec<u8>,
    /// Why records have no price, one of each kind.
    pub warnings: Vec<StreamWarning>,
    /// Records that wait for others; `rows` is empty where there are any and rows were asked for.
    open: Vec<(u64, Item<'static>)>,
    found: SourceTally,
}

/// How many kinds of warnings of a chunk are told apart; what comes behind them is of the last kind.
const KINDS: usize = 50;

/// The kind of what is not told apart.
const OTHERS: &str = "";

impl ChunkResult {
    /// Keeps why the record of a line has no price. The text is only made for the first of its kind.
    pub(crate) fn warn(&mut self, line: u64, kind: String, text: impl FnOnce() -> String) {
        if let Some(known) = self.warnings.iter_mut().find(|known| known.kind == kind) {
            known.records += 1;
        } else if self.warnings.len() < KINDS {
            self.warnings.push(StreamWarning { line, kind, text: text(), records: 1 });
        } else if let Some(last) = self.warnings.last_mut().filter(|last| last.kind == OTHERS) {
            last.records += 1;
        } else {
            let text = "other refusals; `farebox usage --format jsonl` lists every one".to_owned();
            self.warnings.push(StreamWarning { line, kind: OTHERS.to_owned(), text, records: 1 });
        }
    }

    /// Counts what the item of a line is: some records only come to light behind others.
    fn note(&mut self, line: u64, item: &Item) {
        match item {
            Item::Entry(_) | Item::Event(Event::Counts(_) | Event::Begin(_) | Event::Whole(_) | Event::Chunk(_)) => {
                self.found.records += 1
            }
            Item::Event(Event::Agent(event)) if event.is_record() => self.found.records += 1,
            Item::Bad(error) if error.is_form() => {
                self.found.bad += 1;
                self.found.first_bad.get_or_insert(line);
            }
            // A record whose counts contradict each other is one all the same.
            Item::Bad(_) => self.found.records += 1,
            Item::Event(Event::Span(span)) if span.record.is_some() => self.found.records += 1,
            Item::Event(_) => {}
        }
    }
}

/// A piece of work: which chunk of which source.
struct StreamTask {
    number: u64,
    place: usize,
    source: Arc<str>,
    work: TaskWork,
}

enum TaskWork {
    Chunk(Chunk),
    Items(Vec<(u64, Item<'static>)>),
    Failed(InputError),
    End,
}

/// TaskWork that was done, to be put in order.
struct TaskDone {
    number: u64,
    place: usize,
    source: Arc<str>,
    settled: ChunkResult,
    buffer: Option<Vec<u8>>,
    bytes: u64,
    end: bool,
    failed: Option<InputError>,
    /// The work panicked: what it held is lost.
    is_lost: bool,
}

impl TaskDone {
    fn of(number: u64, place: usize, source: Arc<str>) -> Self {
        TaskDone {
            number,
            place,
            source,
            settled: ChunkResult::default(),
            buffer: None,
            bytes: 0,
            end: false,
            failed: None,
            is_lost: false,
        }
    }
}

/// A thread of ours panicked: sums without its part would be too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a thread of farebox failed, so the sums would be incomplete and are not shown")]
pub(crate) struct LostThread;

impl LostThread {
    /// The next step.
    pub(crate) const HELP: &'static str = "this is a defect of farebox: please report it with the message above";
}

/// Reads everything and hands it to as many takers as there are threads. What comes back has taken all that was read until
/// the output was closed.
///
/// # Errors
/// [`LostThread`] where a thread panicked.
pub(crate) fn run_stream<T: TakeItems>(
    plan: StreamPlan,
    new: &(dyn Fn() -> T + Sync),
    sink: &mut dyn StreamSink,
) -> Result<T, LostThread> {
    if plan.threads <= 1 { Ok(alone(plan, new, sink)) } else { together(plan, new, sink) }
}

fn alone<T: TakeItems>(plan: StreamPlan, new: &dyn Fn() -> T, sink: &mut dyn StreamSink) -> T {
    let mut worker = new();
    let mut merger = InOrder::new(plan, new(), sink);
    let mut is_whole = true;
    each_task(plan, &mut |task| {
        let mut done = step(plan, &mut worker, task);
        is_whole = merger.merge(&mut done);
        (is_whole, done.buffer.take())
    });
    let mut all = merger.end(is_whole);
    all.merge(worker);
    all
}

fn step<T: TakeItems>(plan: StreamPlan, taker: &mut T, task: StreamTask) -> TaskDone {
    let mut done = TaskDone::of(task.number, task.place, task.source);
    match task.work {
        TaskWork::Chunk(chunk) => {
            done.settled = read(plan, taker, &done.source, &chunk);
            done.bytes = chunk.bytes.len() as u64;
            done.buffer = Some(chunk.bytes);
        }
        TaskWork::Items(items) => {
            items.iter().for_each(|(line, item)| done.settled.note(*line, item));
            done.settled.open = items;
        }
        TaskWork::Failed(error) => done.failed = Some(error),
        TaskWork::End => done.end = true,
    }
    done
}

/// Takes what can be taken at once, and keeps the rest. Rows stay in order only if all of a chunk waits as soon as one does.
fn read<T: TakeItems>(plan: StreamPlan, taker: &mut T, source: &str, chunk: &Chunk) -> ChunkResult {
    let mut settled = ChunkResult::default();
    let mut waits = false;
    read_chunk(chunk, plan.reading, &mut |line, item| {
        settled.note(line, &item);
        let concerns = Sequence::concerns(&item, plan.several);
        waits |= concerns;
        if waits && (plan.rows || concerns) {
            settled.open.push((line, item.into_owned()));
        } else {
            taker.take(source, line, &item, &mut settled);
        }
    });
    settled
}

/// Cuts all sources into tasks. `take` says whether to go on, and may give a buffer back.
fn each_task(plan: StreamPlan, take: &mut dyn FnMut(StreamTask) -> (bool, Option<Vec<u8>>)) {
    let reading = plan.reading;
    let mut number = 0;
    let mut spare: Option<Vec<u8>> = None;
    let mut give = |place: usize, source: &Arc<str>, work: TaskWork, spare: &mut Option<Vec<u8>>| {
        let (go_on, back) = take(StreamTask { number, place, source: source.clone(), work });
        number += 1;
        *spare = back.or(spare.take());
        go_on
    };
    for (place, source) in plan.sources.iter().enumerate() {
        let name: Arc<str> = source.name().into();
        let parts = match open(source) {
            Ok(parts) => parts,
            Err(error) => {
                if !give(place, &name, TaskWork::Failed(error), &mut spare) {
                    return;
                }
                continue;
            }
        };
        for part in parts {
            let part = match part {
                Ok(part) => part,
                Err(error) => {
                    give(place, &name, TaskWork::Failed(error), &mut spare);
                    continue;
                }
            };
            let name: Arc<str> = part.name.as_str().into();
            let go_on = if is_table(&part, reading) {
                table(part.reader, reading, &mut |items| give(place, &name, TaskWork::Items(items), &mut spare))
            } else {
                let mut chunks = Chunks::new(part.reader);
                let mut go_on = true;
                while go_on {
                    let mut chunk = Chunk { bytes: spare.take().unwrap_or_default(), ..Chunk::default() };
                    if !chunks.next_into(&mut chunk) {
                        spare = Some(chunk.bytes);
                        break;
                    }
                    go_on = give(place, &name, TaskWork::Chunk(chunk), &mut spare);
                }
                go_on
            };
            if !go_on || !give(place, &name, TaskWork::End, &mut spare) {
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
    if let Err(error) = result {
        items.push((items.last().map_or(1, |(line, _)| line + 1), Item::Bad(error)));
    }
    go_on && give(items)
}

/// Puts in order what came out of chunks.
struct InOrder<'k, T> {
    taker: T,
    sequence: Sequence,
    sink: &'k mut dyn StreamSink,
}

impl<'k, T: TakeItems> InOrder<'k, T> {
    fn new(plan: StreamPlan, taker: T, sink: &'k mut dyn StreamSink) -> Self {
        InOrder { taker, sequence: Sequence::of_several(plan.several), sink }
    }

    /// `is_whole` says that everything was read.
    fn end(mut self, is_whole: bool) -> T {
        if is_whole {
            let InOrder { taker, sequence, sink, .. } = &mut self;
            sequence.finish(&mut |source, line, item| {
                give_late(taker, *sink, source, line, &item);
            });
        }
        self.taker.left_out_copies(self.sequence.copies, self.sequence.differing);
        self.taker
    }

    /// Says whether to go on.
    fn merge(&mut self, done: &mut TaskDone) -> bool {
        if let Some(error) = done.failed.take() {
            self.sink.failed(error);
            self.sink.read(done.place, 0, SourceTally { is_unreadable: true, ..SourceTally::default() });
            return true;
        }
        let mut settled = std::mem::take(&mut done.settled);
        let open = std::mem::take(&mut settled.open);
        let (taker, source) = (&mut self.taker, &*done.source);
        self.sequence.begin(&done.source);
        for (line, item) in open {
            let is_noted = matches!(item, Item::Bad(_));
            self.sequence.take(line, item, &mut |line, item| {
                settled.found.records += u64::from(!is_noted && matches!(item, Item::Bad(_)));
                taker.take(source, line, &item, &mut settled);
            });
        }
        if done.end {
            self.sequence.end(&mut |line, item| {
                // What was used without saying how much is a record all the same.
                settled.found.records += u64::from(matches!(item, Item::Bad(_)));
                taker.take(source, line, &item, &mut settled);
            });
        }
        for warning in &settled.warnings {
            self.sink.warn(source, warning);
        }
        self.sink.read(done.place, done.bytes, settled.found);
        let (sink, mut go_on) = (&mut *self.sink, true);
        self.sequence.take_late(&mut |source, line, item| go_on &= give_late(taker, sink, source, line, &item));
        (settled.rows.is_empty() || self.sink.rows(&settled.rows)) && go_on
    }
}

/// Hands out what was settled after its source had ended. Says whether the output is still read.
fn give_late<T: TakeItems>(
    taker: &mut T,
    sink: &mut dyn StreamSink,
    source: &str,
    line: u64,
    item: &Item<'static>,
) -> bool {
    let mut result = ChunkResult::default();
    taker.take(source, line, item, &mut result);
    result.warnings.iter().for_each(|warning| sink.warn(source, warning));
    result.rows.is_empty() || sink.rows(&result.rows)
}

fn together<T: TakeItems>(
    plan: StreamPlan,
    new: &(dyn Fn() -> T + Sync),
    sink: &mut dyn StreamSink,
) -> Result<T, LostThread> {
    let in_flight = plan.threads * 2 + 2;
    let (free, buffers) = sync_channel::<Vec<u8>>(in_flight);
    let (tasks, todo) = sync_channel::<StreamTask>(in_flight);
    let todo = Mutex::new(todo);
    let (results, done) = sync_channel::<TaskDone>(in_flight);
    (0..in_flight).for_each(|_| drop(free.send(Vec::new())));
    std::thread::scope(|scope| {
        let cutter = scope.spawn(move || cut(plan, buffers, &tasks));
        let workers: Vec<_> = (0..plan.threads)
            .map(|_| {
                let (results, todo) = (results.clone(), &todo);
                scope.spawn(move || work(plan, new(), todo, &results))
            })
            .collect();
        drop(results);
        let all = put_in_order(plan, new(), &done, &free, sink);
        // Threads that still work find the channels closed and end.
        drop((done, free));
        let made: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        let was_cut = cutter.join();
        let mut all = all?;
        was_cut.map_err(|_| LostThread)?;
        for one in made {
            all.merge(one.map_err(|_| LostThread)?);
        }
        Ok(all)
    })
}

/// Each task takes a buffer that was given back, so that their number is limited.
fn cut(plan: StreamPlan, buffers: Receiver<Vec<u8>>, tasks: &SyncSender<StreamTask>) {
    each_task(plan, &mut |task| {
        let Ok(buffer) = buffers.recv() else { return (false, None) };
        (tasks.send(task).is_ok(), Some(buffer))
    });
}

fn work<T: TakeItems>(
    plan: StreamPlan,
    mut taker: T,
    todo: &Mutex<Receiver<StreamTask>>,
    results: &SyncSender<TaskDone>,
) -> T {
    loop {
        let task = match todo.lock() {
            Ok(todo) => todo.recv(),
            Err(_) => break,
        };
        let Ok(task) = task else { break };
        let lost = TaskDone { is_lost: true, ..TaskDone::of(task.number, task.place, task.source.clone()) };
        // Whoever puts the results in order waits for this one, and would wait forever.
        let done = catch_unwind(AssertUnwindSafe(|| step(plan, &mut taker, task)));
        let is_lost = done.is_err();
        if results.send(done.unwrap_or(lost)).is_err() || is_lost {
            break;
        }
    }
    taker
}

fn put_in_order<T: TakeItems>(
    plan: StreamPlan,
    taker: T,
    done: &Receiver<TaskDone>,
    free: &SyncSender<Vec<u8>>,
    sink: &mut dyn StreamSink,
) -> Result<T, LostThread> {
    let mut merger = InOrder::new(plan, taker, sink);
    let mut early: BTreeMap<u64, TaskDone> = BTreeMap::new();
    let mut next = 0;
    while let Ok(one) = done.recv() {
        early.insert(one.number, one);
        while let Some(mut one) = early.remove(&next) {
            next += 1;
            if one.is_lost {
                return Err(LostThread);
            }
            if !merger.merge(&mut one) {
                return Ok(merger.end(false));
            }
            let _ = free.try_send(one.buffer.take().unwrap_or_default());
        }
    }
    Ok(merger.end(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts records, and panics at a model called so.
    struct Counter(u64);

    impl TakeItems for Counter {
        fn take(&mut self, _: &str, _: u64, item: &Item, _: &mut ChunkResult) {
            if let Item::Entry(entry) = item {
                assert_ne!(entry.model.as_deref(), Some("panic"), "as the test asked");
                self.0 += 1;
            }
        }

        fn merge(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    struct Nowhere;

    impl StreamSink for Nowhere {
        fn rows(&mut self, _: &[u8]) -> bool {
            true
        }
        fn warn(&mut self, _: &str, _: &StreamWarning) {}
        fn failed(&mut self, _: InputError) {}
        fn read(&mut self, _: usize, _: u64, _: SourceTally) {}
    }

    fn counted(text: &str) -> Result<u64, LostThread> {
        let (sources, reading) = ([Source::Text(text.to_owned())], Reading::default());
        let plan = StreamPlan::new(&sources, &reading, 3, false);
        run_stream(plan, &|| Counter(0), &mut Nowhere).map(|counter| counter.0)
    }

    #[test]
    fn a_thread_that_panics_is_an_error_and_no_deadlock() {
        let line = |model: &str| format!("{{\"model\":\"{model}\",\"input_tokens\":1,\"output_tokens\":1}}\n");
        // Enough for many chunks, so that buffers are waited for.
        let many = line("m").repeat(200_000);
        assert!(matches!(counted(&many), Ok(200_000)));
        for text in [line("panic") + &many, many.clone() + &line("panic") + &many] {
            assert!(matches!(counted(&text), Err(LostThread)));
        }
    }
}
