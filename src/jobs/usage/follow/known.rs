//! Which files are met again: under another name, or as copies.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek};
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

/// Why a copy does not count.
const GOES_AS_FAR: &str = "as far as it goes; it counts where it goes on otherwise";

/// What a name leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileName {
    /// The file, where the system says.
    pub id: Option<FileId>,
    /// The path with every link resolved.
    pub real: Option<PathBuf>,
}

impl FileName {
    pub(super) fn of(path: &Path) -> Self {
        let id = std::fs::metadata(path).ok().and_then(|meta| FileId::of(&meta));
        FileName { id, real: path.canonicalize().ok() }
    }
}

/// Where the text of a file is from that was not followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody knows it.
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
    /// How long it is now.
    pub length: u64,
}

/// What is known of files that are not followed under their names.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    /// Further names of what is followed, with what they led to.
    names: FxHashMap<PathBuf, FileName>,
    /// What was read of files that were cut short, renamed or deleted, with their names.
    read: VecDeque<(String, ReadSoFar)>,
    /// How long files are that may be in the middle of being copied, and since when.
    growing: FxHashMap<PathBuf, (u64, Duration)>,
    /// Copies that were named.
    said: FxHashSet<PathBuf>,
    notes: Vec<String>,
}

impl KnownFiles {
    /// Whether a name still leads to what it led to when it was met.
    pub(super) fn has(&self, path: &Path, met: &FileName) -> bool {
        self.names.get(path).is_some_and(|known| known == met)
    }

    pub(super) fn insert(&mut self, path: PathBuf, met: FileName) {
        self.names.insert(path, met);
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

    /// Where the text of a file is from; `followed` is what is read under its own name.
    pub(super) fn origin<'f>(
        &mut self,
        path: &Path,
        followed: impl Iterator<Item = Progress<'f>>,
        now: Duration,
    ) -> Origin {
        // What cannot be read is said when it is to be followed.
        let Ok(mut file) = File::open(path) else { return Origin::New };
        let followed: Vec<Progress> = followed.collect();
        if is_packed(&mut file) {
            return self.origin_of_packed(path, &followed);
        }
        // The beginning of a line may be the beginning of many.
        if !has_line(&mut file) {
            return Origin::New;
        }
        let length = file.metadata().map_or(0, |meta| meta.len());
        for Progress { name, tail, read, length: original } in followed {
            match like(&read, &mut file) {
                Likeness::Other => {}
                Likeness::Shorter if !tail.is_alike_before(length, &mut file).unwrap_or(false) => {}
                // The original was cut short, and nobody has seen that yet.
                Likeness::Copy if original < read.offset() => return Origin::GoesOn(read),
                // A session that goes on in a file of its own, with a copy of what was before: its requests have ids.
                Likeness::Copy if length > original => return Origin::New,
                Likeness::Copy | Likeness::Shorter => return self.copy_of(path, name, GOES_AS_FAR),
            }
        }
        let mut shorter = None;
        for (name, read) in self.read.iter().rev() {
            match like(read, &mut file) {
                Likeness::Copy => return Origin::GoesOn(read.clone()),
                // It may be in the middle of being copied.
                Likeness::Shorter => shorter = shorter.or(Some(name.clone())),
                Likeness::Other => {}
            }
        }
        match shorter {
            Some(name) if self.still_grows(path, length, now) => self.copy_of(path, &name, GOES_AS_FAR),
            _ => Origin::New,
        }
    }

    /// Whether a file is not as long as it was [`COPYING`] ago.
    fn still_grows(&mut self, path: &Path, length: u64, now: Duration) -> bool {
        let (known, since) = self.growing.entry(path.to_owned()).or_insert((length, now));
        if *known != length {
            (*known, *since) = (length, now);
        }
        now.saturating_sub(*since) < COPYING
    }

    /// A file that was packed when it was rotated: what it begins with tells.
    fn origin_of_packed(&mut self, path: &Path, followed: &[Progress]) -> Origin {
        let Some(head) = unpacked_head(path) else { return Origin::New };
        let known = followed.iter().map(|followed| (followed.name, &followed.read));
        let known = known.chain(self.read.iter().map(|(name, read)| (&**name, read)));
        let found = known.into_iter().find(|(_, read)| read.begins(&head)).map(|(name, _)| name.to_owned());
        match found {
            Some(name) => self.copy_of(path, &name, "packed; it is not read"),
            None => Origin::New,
        }
    }

    fn copy_of(&mut self, path: &Path, name: &str, what: &str) -> Origin {
        if self.said.insert(path.to_owned()) {
            self.notes.push(format!("{}: a copy of {name}, {what}", path.display()));
        }
        Origin::Copy
    }
}

/// What cannot be read is not alike.
fn like(read: &ReadSoFar, file: &mut File) -> Likeness {
    read.likeness(file).unwrap_or(Likeness::Other)
}

/// Whether a file has a whole line, or as much of one as nobody writes bit by bit.
fn has_line(file: &mut File) -> bool {
    const LONG: usize = 1 << 16;
    let mut start = Vec::new();
    let is_read = file.rewind().and_then(|()| file.by_ref().take(LONG as u64).read_to_end(&mut start)).is_ok();
    is_read && (start.len() == LONG || start.contains(&b'\n'))
}

fn is_packed(file: &mut File) -> bool {
    let mut start = Vec::new();
    let is_read = file.by_ref().take(4).read_to_end(&mut start).is_ok();
    is_read && (start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]))
}

/// The first bytes of what was packed.
fn unpacked_head(path: &Path) -> Option<Vec<u8>> {
    let source = Source::File(path.to_owned());
    let part = open(&source).ok()?.next()?.ok()?;
    let mut head = Vec::new();
    part.reader.take(ReadSoFar::HEAD as u64).read_to_end(&mut head).ok()?;
    Some(head)
}
