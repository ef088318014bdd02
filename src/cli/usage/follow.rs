//! `farebox usage --follow`: goes on as files grow, from where it stopped.
//!
//! A request may stand on several lines, and its last one counts: until its file has been quiet for [`QUIET`], what it
//! costs is added to the sums again each time they are printed, and its row waits. Folders are looked through again, so that
//! a session that begins later is found.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

use rustc_hash::{FxHashMap, FxHashSet};

use super::places::{Places, places};
use super::stream::{Desk, Run, Settled, Take};
use super::totals::Totals;
use super::{Args, Progress, WARNINGS};
use crate::cli::clock;
use crate::cli::error::Error;
use crate::cli::out::Out;
use crate::cli::say;
use farebox::input::calls::sequence::{Sequence, returns};
use farebox::input::calls::tail::{Grown, Tail};
use farebox::input::calls::{Reading, each};
use farebox::input::dialect::Item;
use farebox::input::text::{InputError, Source};
use farebox::input::walk::Seen;
use farebox::report::{Format, inert};

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(500);

/// How often folders are looked through for new files.
const LOOK: Duration = Duration::from_secs(2);

/// A file that did not grow for this long has written its requests to their ends.
const QUIET: Duration = Duration::from_secs(2);

/// Reads on until it is interrupted.
pub(super) fn follow(args: &Args, begun_with: Places, run: Run) -> Result<(), Error> {
    let sources = refuse(args, begun_with)?;
    let mut follower = Follower::new(run);
    let mut looked = Clock::now();
    let mut progress = Progress::on_terminal(&sources, args.output.quiet);
    sources.into_iter().for_each(|source| follower.add(source));
    loop {
        let changed = follower.read(progress.as_mut());
        if let Some(mut progress) = progress.take() {
            progress.clear();
        }
        let settled = follower.settle();
        if (changed || settled) && !follower.say()? {
            return Ok(());
        }
        if args.strict && follower.desk.totals.unpriced() > 0 {
            return Err(Error::Strict(follower.desk.totals.unpriced()));
        }
        std::thread::sleep(EVERY);
        if looked.elapsed() >= LOOK {
            looked = Clock::now();
            // What is missing was said at the beginning.
            if let Ok(found) = places(&args.files, args.from, false) {
                found.sources.into_iter().for_each(|source| follower.add(source));
            }
        }
    }
}

/// The files to follow, with what was passed over said.
fn refuse(args: &Args, places: Places) -> Result<Vec<Source>, Error> {
    if places.sources.contains(&Source::Stdin) {
        let help = "help: name the file, or pipe it into --format jsonl without --follow";
        return Err(Error::Usage(format!("standard input cannot be followed: it has no size\n  {help}")));
    }
    if !matches!(args.output.format, Format::Table | Format::Jsonl) || args.output.output.is_some() {
        let help = "help: leave out --format and --output, or write --format jsonl > FILE";
        return Err(Error::Usage(format!(
            "--follow says sums, or with --format jsonl records, as they come\n  {help}"
        )));
    }
    places.say(args.output.quiet);
    places.failed.iter().for_each(|error| say(&format!("warning: {error}")));
    Ok(places.sources)
}

/// A file with what waits in it.
struct Followed {
    name: String,
    tail: Tail,
    sequence: Sequence,
    grew: Clock,
    /// Whether it is missing, or cannot grow: said once.
    is_missing: bool,
    never: bool,
}

struct Follower<'s> {
    run: Run<'s>,
    /// What is settled.
    desk: Desk<'s>,
    /// What waits, priced again each time.
    open: Desk<'s>,
    files: Vec<Followed>,
    known: FxHashSet<PathBuf>,
    seen: Seen,
    /// The file that a request was found in first: it may stand in others too.
    owners: FxHashMap<u64, usize>,
    rows: Vec<u8>,
    warned: u64,
}

impl<'s> Follower<'s> {
    fn new(run: Run<'s>) -> Self {
        Follower {
            run,
            desk: Desk::new(run),
            open: Desk::new(run),
            files: Vec::new(),
            known: FxHashSet::default(),
            seen: Seen::default(),
            owners: FxHashMap::default(),
            rows: Vec::new(),
            warned: 0,
        }
    }

    fn add(&mut self, source: Source) {
        let Source::File(path) = source else { return };
        // A file that is not there yet has no real path: its name is looked at first.
        if !self.known.insert(path.clone()) || path.exists() && self.seen.before(&path).is_some() {
            return;
        }
        self.files.push(Followed {
            name: path.display().to_string(),
            tail: Tail::new(&path),
            sequence: Sequence::default(),
            grew: Clock::now(),
            is_missing: false,
            never: false,
        });
    }

    /// Reads what came. Says whether anything did.
    fn read(&mut self, mut progress: Option<&mut Progress>) -> bool {
        let mut changed = false;
        for place in 0..self.files.len() {
            let before = self.files.get(place).map_or(0, |file| file.tail.offset());
            changed |= self.read_file(place);
            if let (Some(progress), Some(file)) = (&mut progress, self.files.get(place)) {
                progress.add(file.tail.offset().saturating_sub(before));
            }
        }
        changed
    }

    fn read_file(&mut self, place: usize) -> bool {
        let Some(file) = self.files.get_mut(place).filter(|file| !file.never) else { return false };
        let mut taker = Taker { desk: &mut self.desk, owners: &mut self.owners, place, settled: Settled::default() };
        let (name, sequence) = (file.name.as_str(), &mut file.sequence);
        let grown = file.tail.grow(self.run.reading, &mut |line, item| taker.take(name, sequence, line, item));
        let changed = match grown {
            Ok(Grown::Same) => false,
            Ok(Grown::More) => true,
            Ok(Grown::Again(why)) => {
                say(&format!("note: {name}: {why}; reading it from its start, and what was counted before stays"));
                true
            }
            Ok(Grown::Never(why)) => {
                say(&format!("note: {name}: {why} and does not grow line by line; it is read once"));
                file.never = true;
                read_once(file, self.run.reading, &mut taker)
            }
            Err(error) => {
                if !file.is_missing {
                    say(&format!("warning: {error}; waiting for it"));
                }
                file.is_missing = true;
                return false;
            }
        };
        file.is_missing = false;
        if changed {
            file.grew = Clock::now();
        }
        let settled = taker.settled;
        self.keep(place, settled);
        changed
    }

    fn keep(&mut self, place: usize, settled: Settled) {
        self.rows.extend_from_slice(&settled.rows);
        let name = self.files.get(place).map_or("", |file| file.name.as_str());
        for (line, what) in &settled.warnings {
            self.warned += 1;
            match self.warned {
                ..=WARNINGS => say(&format!("warning: {name}:{line}: {what}")),
                n if n == WARNINGS + 1 => say("warning: more refusals are not listed; the sums count them"),
                _ => {}
            }
        }
    }

    /// Hands out what waited in files that are quiet. Says whether there are new rows.
    fn settle(&mut self) -> bool {
        for place in 0..self.files.len() {
            let Some(file) = self.files.get_mut(place) else { continue };
            if !self.run.rows || file.grew.elapsed() < QUIET || file.sequence.waiting().next().is_none() {
                continue;
            }
            let (desk, name) = (&mut self.desk, file.name.as_str());
            let mut settled = Settled::default();
            file.sequence.settle(&mut |line, item| desk.take(name, line, &item, &mut settled));
            self.keep(place, settled);
        }
        !self.rows.is_empty()
    }

    /// The sums with what waits.
    fn totals(&mut self) -> Totals {
        for file in &self.files {
            for (line, entry) in file.sequence.waiting() {
                self.open.entry(&file.name, line, entry, &mut Settled::default());
            }
        }
        let mut totals = self.desk.totals.clone();
        totals.merge(std::mem::take(&mut self.open.totals));
        totals
    }

    /// Prints what is new. Says whether the output is still read.
    fn say(&mut self) -> Result<bool, Error> {
        let mut out = Out::open(None)?;
        let written = if self.run.rows {
            out.write_all(&std::mem::take(&mut self.rows))
        } else {
            let now = clock::now()?.moment();
            let sentence = self.totals().sentence(self.run.pricing.setup);
            writeln!(out, "{now} {}", inert(&sentence))
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }
}

/// Puts what is read where it belongs.
struct Taker<'t, 's> {
    desk: &'t mut Desk<'s>,
    owners: &'t mut FxHashMap<u64, usize>,
    place: usize,
    settled: Settled,
}

impl Taker<'_, '_> {
    fn take(&mut self, name: &str, sequence: &mut Sequence, line: u64, item: Item<'static>) {
        if let Item::Entry(entry) = &item
            && let Some(id) = entry.id.filter(|_| returns(entry.dialect))
            && *self.owners.entry(id).or_insert(self.place) != self.place
        {
            return;
        }
        let (desk, settled) = (&mut *self.desk, &mut self.settled);
        sequence.take(line, item, &mut |line, item| desk.take(name, line, &item, settled));
    }
}

/// Reads a file that does not grow.
fn read_once(file: &Followed, reading: &Reading, taker: &mut Taker) -> bool {
    let source = Source::File(file.tail.path().to_owned());
    let (desk, settled) = (&mut *taker.desk, &mut taker.settled);
    let read: Result<(), InputError> =
        each(&source, reading, &mut |line, item| desk.take(&file.name, line, &item, settled));
    if let Err(error) = &read {
        say(&format!("warning: {error}"));
    }
    read.is_ok()
}
