//! Usage of files that grow: [`Follower`] goes on from where it stopped.
//!
//! A request may stand on several lines, and its last one counts: until its file has been quiet for [`QUIET`], what it
//! costs is added to the sums again each time they are asked for, and its row waits.

use std::path::PathBuf;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{RecordTaker, UsageQuery, UsageTotals};
use crate::input::calls::sequence::Sequence;
use crate::input::calls::stream::{ChunkResult, StreamWarning, TakeItems};
use crate::input::calls::tail::{Grown, Tail};
use crate::input::calls::{Reading, each};
use crate::input::dialect::Item;
use crate::input::text::Source;
use crate::input::walk::Seen;
use crate::jobs::Setup;
use crate::jobs::error::with_help;

/// A file that did not grow for this long has written its requests to their ends.
const QUIET: Duration = Duration::from_secs(2);

/// What a [`Follower`] has to say at once.
#[derive(Debug)]
pub enum FollowNews<'n> {
    /// Something about a file that a user may want to know.
    Note(String),
    /// A file that cannot be read.
    Warning(String),
    /// A record has no price: its file, its line, and why.
    Unpriced(&'n str, u64, &'n str),
    /// So many bytes were read.
    Read(u64),
}

/// Where news go.
pub(crate) type TakeNews<'t> = dyn FnMut(FollowNews) + 't;

/// A file with what waits in it.
struct FollowedFile {
    name: String,
    tail: Tail,
    sequence: Sequence,
    /// When it grew last.
    grew: Duration,
    /// Whether it is missing, or cannot grow: said once.
    is_missing: bool,
    never: bool,
}

/// Reads files as they grow, and prices what comes. It has no clock: whoever asks says how long it is after the beginning.
pub struct Follower<'s> {
    query: &'s UsageQuery,
    setup: &'s Setup,
    /// What is settled.
    settled: RecordTaker<'s>,
    /// What waits, priced again each time.
    open: RecordTaker<'s>,
    files: Vec<FollowedFile>,
    known: FxHashSet<PathBuf>,
    seen: Seen,
    /// The file that a request was found in first: it may stand in others too.
    owners: FxHashMap<u64, usize>,
    rows: Vec<u8>,
    /// Names of what was not read, each said once.
    unread: FxHashSet<String>,
}

impl<'s> Follower<'s> {
    /// Follows nothing yet.
    #[must_use]
    pub fn new(query: &'s UsageQuery, setup: &'s Setup) -> Self {
        Follower {
            query,
            setup,
            settled: RecordTaker::new(query, setup),
            open: RecordTaker::new(query, setup),
            files: Vec::new(),
            known: FxHashSet::default(),
            seen: Seen::default(),
            owners: FxHashMap::default(),
            rows: Vec::new(),
            unread: FxHashSet::default(),
        }
    }

    /// Follows a file too, unless it is followed already.
    pub fn add(&mut self, source: Source, now: Duration) {
        let Source::File(path) = source else { return };
        // A file that is not there yet has no real path: its name is looked at first.
        if !self.known.insert(path.clone()) || path.exists() && self.seen.before(&path).is_some() {
            return;
        }
        self.files.push(FollowedFile {
            name: path.display().to_string(),
            tail: Tail::new(&path),
            sequence: Sequence::default(),
            grew: now,
            is_missing: false,
            never: false,
        });
    }

    /// Reads what came. Says whether anything did.
    pub fn read(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let mut changed = false;
        for place in 0..self.files.len() {
            let before = self.files.get(place).map_or(0, |file| file.tail.offset());
            changed |= self.read_file(place, now, news);
            if let Some(file) = self.files.get(place) {
                news(FollowNews::Read(file.tail.offset().saturating_sub(before)));
            }
        }
        for (key, warning) in self.settled.totals.unread_by_key() {
            if self.unread.insert(key.to_owned()) {
                news(FollowNews::Warning(warning));
            }
        }
        changed
    }

    fn read_file(&mut self, place: usize, now: Duration, news: &mut TakeNews) -> bool {
        let Some(file) = self.files.get_mut(place).filter(|file| !file.never) else { return false };
        let mut taker =
            FileTaker { taker: &mut self.settled, owners: &mut self.owners, place, result: ChunkResult::default() };
        let (name, sequence) = (file.name.as_str(), &mut file.sequence);
        let grown = file.tail.grow(&self.query.reading, &mut |line, item| taker.take(name, sequence, line, item));
        let changed = match grown {
            Ok(Grown::Same) => false,
            Ok(Grown::More) => true,
            Ok(Grown::Again(why)) => {
                let what = "reading it from its start, and what was counted before stays";
                news(FollowNews::Note(format!("{name}: {why}; {what}")));
                true
            }
            Ok(Grown::Never(why)) => {
                news(FollowNews::Note(format!("{name}: {why} and does not grow line by line; it is read once")));
                file.never = true;
                read_once(file, &self.query.reading, &mut taker, news)
            }
            Err(error) => {
                if !file.is_missing {
                    news(FollowNews::Warning(format!("{}; waiting for it", with_help(&error, error.help()))));
                }
                file.is_missing = true;
                return false;
            }
        };
        file.is_missing = false;
        if changed {
            file.grew = now;
        }
        keep(&mut self.rows, &file.name, &taker.result, news);
        changed
    }

    /// Hands out what waited in files that are quiet. Says whether there are new rows.
    pub fn settle(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        for file in &mut self.files {
            let is_quiet = now.saturating_sub(file.grew) >= QUIET;
            if !self.query.rows || !is_quiet || file.sequence.waiting().next().is_none() {
                continue;
            }
            let (taker, name) = (&mut self.settled, file.name.as_str());
            let mut result = ChunkResult::default();
            file.sequence.settle(&mut |line, item| taker.take(name, line, &item, &mut result));
            keep(&mut self.rows, name, &result, news);
        }
        !self.rows.is_empty()
    }

    /// The new rows as lines of JSON.
    pub fn take_rows(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rows)
    }

    /// How many settled records have no price.
    #[must_use]
    pub fn unpriced(&self) -> u64 {
        self.settled.totals.unpriced()
    }

    /// One line about the sums, with what waits.
    pub fn sentence(&mut self) -> String {
        self.totals().sentence(self.setup)
    }

    fn totals(&mut self) -> UsageTotals {
        for file in &self.files {
            for (line, entry) in file.sequence.waiting() {
                self.open.entry(&file.name, line, entry, &mut ChunkResult::default());
            }
        }
        let mut totals = self.settled.totals.clone();
        totals.merge(std::mem::take(&mut self.open.totals));
        totals
    }
}

fn keep(rows: &mut Vec<u8>, name: &str, result: &ChunkResult, news: &mut TakeNews) {
    rows.extend_from_slice(&result.rows);
    let unpriced = |warning: &StreamWarning| news(FollowNews::Unpriced(name, warning.line, &warning.text));
    result.warnings.iter().for_each(unpriced);
}

/// Puts what is read of one file where it belongs.
struct FileTaker<'t, 's> {
    taker: &'t mut RecordTaker<'s>,
    owners: &'t mut FxHashMap<u64, usize>,
    place: usize,
    result: ChunkResult,
}

impl FileTaker<'_, '_> {
    fn take(&mut self, name: &str, sequence: &mut Sequence, line: u64, item: Item<'static>) {
        if let Item::Entry(entry) = &item
            && let Some(id) = entry.id.filter(|_| entry.dialect.returns())
            && *self.owners.entry(id).or_insert(self.place) != self.place
        {
            return;
        }
        let (taker, result) = (&mut *self.taker, &mut self.result);
        sequence.take(line, item, &mut |line, item| taker.take(name, line, &item, result));
    }
}

/// Reads a file that does not grow.
fn read_once(file: &FollowedFile, reading: &Reading, taker: &mut FileTaker, news: &mut TakeNews) -> bool {
    let source = Source::File(file.tail.path().to_owned());
    let (records, result) = (&mut *taker.taker, &mut taker.result);
    let read = each(&source, reading, &mut |line, item| records.take(&file.name, line, &item, result));
    if let Err(error) = &read {
        news(FollowNews::Warning(with_help(error, error.help())));
    }
    read.is_ok()
}
