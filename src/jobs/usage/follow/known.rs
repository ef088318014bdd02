//! Which files are met again: under another name, or as copies.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::input::calls::open::open;
use crate::input::calls::tail::{FileId, Likeness, ReadSoFar, Tail};
use crate::input::text::Source;

/// So many files that are read no more are remembered.
const REMEMBERED: usize = 1_000;

/// What did not grow for so long is not being copied.
const COPYING: Duration = Duration::from_secs(10);

/// No line is written bit by bit that is longer than this.
const LONG: u64 = 1 << 16;

/// Why a copy does not count.
const GOES_AS_FAR: &str = "as far as it goes; it counts where it goes on otherwise";

/// A file that was met and is not followed.
pub(super) struct MetFile<'p> {
    path: &'p Path,
    file: File,
    length: u64,
    is_packed: bool,
    /// Its first bytes, unpacked.
    start: Vec<u8>,
}

impl<'p> MetFile<'p> {
    /// # Errors
    /// [`io::Error`] where it cannot be read.
    pub(super) fn open(path: &'p Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        file.by_ref().take(LONG).read_to_end(&mut start)?;
        let is_packed = start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        if is_packed {
            start = unpacked(path).unwrap_or_default();
        }
        let length = file.metadata()?.len();
        Ok(MetFile { path, file, length, is_packed, start })
    }

    /// Its first bytes, unpacked.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// Whether it has a whole line: the beginning of one may be the beginning of many.
    fn has_line(&self) -> bool {
        self.start.len() as u64 == LONG || self.start.contains(&b'\n')
    }

    /// What cannot be read is not alike.
    fn likeness(&self, read: &ReadSoFar) -> Likeness {
        let likeness = self.file.try_clone().and_then(|mut file| read.likeness(&mut file));
        likeness.unwrap_or(Likeness::Other)
    }

    /// Whether it ends as a file that is followed does at that place.
    fn ends_within(&self, tail: &Tail) -> bool {
        let alike = self.file.try_clone().and_then(|mut file| tail.is_alike_before(self.length, &mut file));
        alike.unwrap_or(false)
    }
}

fn unpacked(path: &Path) -> Option<Vec<u8>> {
    let source = Source::File(path.to_owned());
    let part = open(&source).ok()?.next()?.ok()?;
    let mut start = Vec::new();
    part.reader.take(LONG).read_to_end(&mut start).ok()?;
    Some(start)
}

/// Where the text of a file is from that was not followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing else is known to have it.
    New,
    /// It has all that was read of a file that is read no more under its own name: what comes behind that is new.
    GoesOn(ReadSoFar),
    /// It has nothing that another has not.
    Copy,
}

/// A file that is followed under its name, and how far it was read.
pub(super) struct Progress<'f> {
    pub name: &'f str,
    pub tail: &'f Tail,
    pub read: ReadSoFar,
}

/// What is known of files that are not followed under their names.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    /// Further names of what is followed, with the files that they led to.
    names: FxHashMap<PathBuf, FileId>,
    /// What was read of files that were cut short, renamed or deleted, with their names.
    read: VecDeque<(String, ReadSoFar)>,
    /// How long files are that may be in the middle of being copied, and since when.
    growing: FxHashMap<PathBuf, (u64, Duration)>,
    /// Copies that were named.
    said: FxHashSet<PathBuf>,
    notes: Vec<String>,
}

impl KnownFiles {
    /// Whether a name is a further one of a file that is followed, and still leads to it.
    pub(super) fn has(&self, path: &Path, id: &FileId) -> bool {
        self.names.get(path) == Some(id)
    }

    pub(super) fn insert(&mut self, path: PathBuf, id: FileId) {
        self.names.insert(path, id);
    }

    /// Keeps what was read of a file that is read no more under this name.
    pub(super) fn remember(&mut self, name: &str, read: Option<ReadSoFar>) {
        self.read.extend(read.map(|read| (name.to_owned(), read)));
        let over = self.read.len().saturating_sub(REMEMBERED);
        self.read.drain(..over);
    }

    /// What is to be said, once.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Where the text of a file is from; `followed` are those that begin as it does.
    pub(super) fn origin<'f>(
        &mut self,
        met: &MetFile,
        followed: impl Iterator<Item = Progress<'f>>,
        now: Duration,
    ) -> Origin {
        if !met.has_line() {
            return Origin::New;
        }
        for Progress { name, tail, read } in followed {
            if met.is_packed {
                return self.packed_copy(met, name);
            }
            let original = tail.length_now().unwrap_or_default();
            match met.likeness(&read) {
                Likeness::Other => {}
                Likeness::Shorter if !met.ends_within(tail) => {}
                // The original was cut short, which was not seen yet.
                Likeness::Copy if original < read.offset() => return Origin::GoesOn(read),
                // A session that goes on in a file of its own, with a copy of what was before: its requests have ids.
                Likeness::Copy if met.length > original => return Origin::New,
                Likeness::Copy | Likeness::Shorter => return self.copy_of(met, name, GOES_AS_FAR),
            }
        }
        self.origin_in_the_past(met, now)
    }

    /// The same among files that are read no more.
    fn origin_in_the_past(&mut self, met: &MetFile, now: Duration) -> Origin {
        let mut shorter = None;
        for (name, read) in self.read.iter().rev().filter(|(_, read)| read.begins_like(&met.start)) {
            if met.is_packed {
                let name = name.clone();
                return self.packed_copy(met, &name);
            }
            match met.likeness(read) {
                Likeness::Copy => return Origin::GoesOn(read.clone()),
                // It may be in the middle of being copied.
                Likeness::Shorter => shorter = shorter.or(Some(name.clone())),
                Likeness::Other => {}
            }
        }
        match shorter {
            Some(name) if self.still_grows(met, now) => self.copy_of(met, &name, GOES_AS_FAR),
            _ => Origin::New,
        }
    }

    /// Whether a file is not as long as it was [`COPYING`] ago.
    fn still_grows(&mut self, met: &MetFile, now: Duration) -> bool {
        let (known, since) = self.growing.entry(met.path.to_owned()).or_insert((met.length, now));
        if *known != met.length {
            (*known, *since) = (met.length, now);
        }
        now.saturating_sub(*since) < COPYING
    }

    fn packed_copy(&mut self, met: &MetFile, name: &str) -> Origin {
        self.copy_of(met, name, "packed; it is not read")
    }

    fn copy_of(&mut self, met: &MetFile, name: &str, what: &str) -> Origin {
        if self.said.insert(met.path.to_owned()) {
            self.notes.push(format!("{}: a copy of {name}, {what}", met.path.display()));
        }
        Origin::Copy
    }
}
