//! Keeps the tables that encodings are counted with in a folder, so that only the first process has to lay them out.
//!
//! Nothing is kept before [`keep_in`] has named a folder, which the command line does and no other code here. A file is
//! one layout (see [`fast`](super::fast)) behind hashes of it, and its name tells which vocabulary and which version of
//! farebox it was laid out by, so that an old file is never read. A block of a file is read when it is first needed, and
//! never used before its hash was checked. Files may be deleted at any time, by any process: what cannot be read, or is
//! damaged, is laid out again, and what cannot be written is not.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::XxHash3_64;

use super::fast::kept::{BLOCK, KeptSource};
use super::fast::{Engine, Rules, tables};
use super::files::NewFile;

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Keeps tables in a folder from now on; the first folder that is named in a process stays.
///
/// # Examples
/// ```no_run
/// farebox_tokenizer::prepared::keep_in("/var/cache/mine".into());
/// ```
pub fn keep_in(folder: PathBuf) {
    // The folder of a process does not change: encodings that are in use have read theirs.
    let _ = FOLDER.set(folder);
}

/// Lays tables out, the same ones each time.
pub(super) type Make = Arc<dyn Fn() -> Option<Vec<u64>> + Send + Sync>;

/// The engine of a vocabulary: out of the folder, or made, and then kept there.
///
/// * `frames`: what the vocabulary is packed in, which tells it apart from others of its name.
pub(super) fn engine(name: &str, frames: &[&[u8]], rules: Rules, make: Make) -> Option<Engine> {
    match FOLDER.get() {
        // Layouts are words of a little-endian machine.
        Some(folder) if cfg!(target_endian = "little") => engine_in(folder, name, frames, rules, make),
        _ => Engine::laid_out(make()?, rules),
    }
}

fn engine_in(folder: &Path, name: &str, frames: &[&[u8]], rules: Rules, make: Make) -> Option<Engine> {
    let path = folder.join(format!("{name}-{:016x}.tables", key(frames)));
    let kept = TablesFile::open(&path).and_then(|file| {
        let words = file.words;
        let tables = KeptTables { file, path: path.clone(), make: make.clone() };
        Engine::kept(Box::new(tables), words, rules)
    });
    kept.or_else(|| Engine::laid_out(make_and_write(&make, &path)?, rules))
}

fn make_and_write(make: &Make, path: &Path) -> Option<Vec<u64>> {
    let words = make()?;
    // Whoever cannot write there counts all the same, and lays the tables out each time.
    let _ = write(path, &words);
    Some(words)
}

/// A number for a vocabulary and for how it is laid out.
fn key(frames: &[&[u8]]) -> u64 {
    let seed = tables::VERSION ^ XxHash3_64::oneshot(env!("CARGO_PKG_VERSION").as_bytes());
    frames.iter().fold(seed, |seed, frame| XxHash3_64::oneshot_with_seed(seed, frame))
}

/// A file of tables: a hash of what stands before the layout, the number of words of the layout, a hash of each block of
/// it, and the layout.
struct TablesFile {
    file: File,
    words: usize,
    hashes: Vec<u64>,
}

/// Words before the hashes of the blocks.
const HEAD: usize = 2;

impl TablesFile {
    /// Opens a file and checks what stands before the layout.
    fn open(path: &Path) -> Option<TablesFile> {
        let mut file = File::open(path).ok()?;
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let mut head = [0_u64; HEAD];
        file.read_exact(bytemuck::cast_slice_mut(&mut head)).ok()?;
        let words = usize::try_from(head[1]).ok().filter(|words| *words <= length / 8)?;
        let mut hashes = vec![0_u64; words.div_ceil(BLOCK)];
        if length != (HEAD + hashes.len() + words) * 8 {
            return None;
        }
        file.read_exact(bytemuck::cast_slice_mut(&mut hashes)).ok()?;
        (head[0] == hash_of_head(words, &hashes)).then_some(TablesFile { file, words, hashes })
    }

    /// Reads some blocks, if they are those that were written.
    fn read(&mut self, first: usize, to: &mut [u64]) -> Option<()> {
        let start = (HEAD + self.hashes.len() + first * BLOCK) * 8;
        self.file.seek(SeekFrom::Start(start as u64)).ok()?;
        // A few blocks at a time, so that they are still near the processor when they are hashed.
        for (some, hashes) in to.chunks_mut(BLOCK * AT_ONCE).zip(self.hashes.get(first..)?.chunks(AT_ONCE)) {
            self.file.read_exact(bytemuck::cast_slice_mut(some)).ok()?;
            if !some.chunks(BLOCK).zip(hashes).all(|(block, hash)| hash_of(block) == *hash) {
                return None;
            }
        }
        Some(())
    }
}

/// Blocks that are read in one go.
const AT_ONCE: usize = 64;

fn hash_of(words: &[u64]) -> u64 {
    XxHash3_64::oneshot(bytemuck::cast_slice(words))
}

fn hash_of_head(words: usize, hashes: &[u64]) -> u64 {
    XxHash3_64::oneshot_with_seed(words as u64, bytemuck::cast_slice(hashes))
}

/// Tables that an engine reads block by block, or all at once.
struct KeptTables {
    file: TablesFile,
    path: PathBuf,
    make: Make,
}

impl KeptSource for KeptTables {
    fn read(&mut self, block: usize, to: &mut [u64]) -> bool {
        self.file.read(block, to).is_some()
    }

    fn all(&mut self) -> Vec<u64> {
        let mut words = vec![0; self.file.words];
        match self.file.read(0, &mut words) {
            Some(()) => words,
            None => make_and_write(&self.make, &self.path).expect("what was laid out once can be laid out again"),
        }
    }
}

/// Writes a file that is either whole or not there. It has hashes, so nobody waits until the disk has it.
fn write(path: &Path, words: &[u64]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let hashes: Vec<u64> = words.chunks(BLOCK).map(hash_of).collect();
    let head = [hash_of_head(words.len(), &hashes), words.len() as u64];
    let mut file = NewFile::replacing(path)?;
    file.write_all(bytemuck::cast_slice(&[&head[..], &hashes].concat()))?;
    file.write_all(bytemuck::cast_slice(words))?;
    file.finish_unsynced()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::find::Units;
    use crate::fast::make;

    /// A layout for a vocabulary of bytes and one pair.
    fn small() -> Option<Vec<u64>> {
        let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
        let tokens: Vec<&[u8]> = bytes.iter().map(|byte| &byte[..]).chain([&b"ab"[..]]).collect();
        make::make(&tokens, true, Units::Bytes)
    }

    fn never() -> Option<Vec<u64>> {
        panic!("it is in the folder")
    }

    fn small_in(folder: &Path, frame: &[u8], make: fn() -> Option<Vec<u64>>) -> Engine {
        engine_in(folder, "small", &[frame], Rules::Cl100k, Arc::new(make)).unwrap()
    }

    fn only_file(folder: &Path) -> PathBuf {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert_eq!(files.next(), None);
        file
    }

    #[test]
    fn the_second_time_it_is_read_and_counts_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let first = small_in(&folder, b"frame", small);
        let second = small_in(&folder, b"frame", never);
        assert_eq!(second.count("ab ab a"), 5); // ab, space, ab, space, a
        assert_eq!(second.count(&"ab ".repeat(5_000)), 10_000);
        assert_eq!(first.words(), second.words());
        small_in(&folder, b"other frame", small);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_file_never_counts_and_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let words = small_in(folder.path(), b"frame", small).words().to_vec();
        let path = only_file(folder.path());
        let whole = fs::read(&path).unwrap();
        let mut damaged = vec![whole[..whole.len() - 8].to_vec(), whole[..whole.len() - 1].to_vec(), Vec::new()];
        damaged.extend([5, 8, 16, 24].map(|length| whole[..length].to_vec()));
        // A bit in every block of 2 KiB.
        damaged.extend((0..whole.len()).step_by(2 << 10).map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            flipped
        }));
        for damaged in damaged {
            fs::write(&path, &damaged).unwrap();
            let engine = small_in(folder.path(), b"frame", small);
            assert_eq!(engine.count("ab ab a"), 5);
            assert_eq!(engine.words(), words);
            assert_eq!(fs::read(only_file(folder.path())).unwrap(), whole);
        }
    }

    #[test]
    fn a_file_that_is_cut_off_while_it_is_in_use_changes_no_count() {
        let folder = tempfile::tempdir().unwrap();
        small_in(folder.path(), b"frame", small);
        let engine = small_in(folder.path(), b"frame", small);
        File::options().write(true).open(only_file(folder.path())).unwrap().set_len(64 << 10).unwrap();
        assert_eq!(engine.count("ab ab a"), 5);
        assert_eq!(engine.count(&"ab ".repeat(5_000)), 10_000);
    }

    #[test]
    fn a_folder_that_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "not a folder").unwrap();
        assert_eq!(small_in(&file, b"frame", small).count("ab"), 1);
        assert_eq!(fs::read(&file).unwrap(), b"not a folder");
    }

    #[test]
    fn many_at_once_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(small_in(folder.path(), b"frame", small).count("ab"), 1));
            }
        });
        let mut file = TablesFile::open(&only_file(folder.path())).unwrap();
        let mut words = vec![0; file.words];
        assert!(file.read(0, &mut words).is_some());
    }
}
