//! Keeps the tables that encodings are counted with in a folder, so that only the first process has to lay them out.
//!
//! Nothing is kept before [`keep_in`] has named a folder, which the command line does and no other code here. A file is
//! one layout (see [`fast`](super::fast)) behind the hash of it, and its name tells which vocabulary and which version of
//! farebox it was laid out by, so that an old file is never read. Files may be deleted at any time, by any process: what
//! cannot be read, or is damaged, is laid out again, and what cannot be written is not.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use twox_hash::XxHash3_64;

use super::fast::{Engine, Rules, tables};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Keeps tables in a folder from now on; the first folder that is named in a process stays.
///
/// # Examples
/// ```no_run
/// farebox::tokenizer::prepared::keep_in("/var/cache/mine".into());
/// ```
pub fn keep_in(folder: PathBuf) {
    // The folder of a process does not change: encodings that are in use have read theirs.
    let _ = FOLDER.set(folder);
}

/// The engine of a vocabulary: out of the folder, or made, and then kept there.
///
/// * `frames`: what the vocabulary is packed in, which tells it apart from others of its name.
pub(super) fn engine(
    name: &str,
    frames: &[&[u8]],
    rules: Rules,
    make: impl FnOnce() -> Option<Engine>,
) -> Option<Engine> {
    match FOLDER.get() {
        // Layouts are words of a little-endian machine.
        Some(folder) if cfg!(target_endian = "little") => engine_in(folder, name, frames, rules, make),
        _ => make(),
    }
}

fn engine_in(
    folder: &Path,
    name: &str,
    frames: &[&[u8]],
    rules: Rules,
    make: impl FnOnce() -> Option<Engine>,
) -> Option<Engine> {
    let path = folder.join(format!("{name}-{:016x}.tables", key(frames)));
    if let Some(engine) = read(&path).and_then(|words| Engine::laid_out(words, rules)) {
        return Some(engine);
    }
    let engine = make()?;
    // Whoever cannot write there counts all the same, and lays the tables out each time.
    let _ = write(&path, engine.words());
    Some(engine)
}

/// A number for a vocabulary and for how it is laid out.
fn key(frames: &[&[u8]]) -> u64 {
    let seed = tables::VERSION ^ XxHash3_64::oneshot(env!("CARGO_PKG_VERSION").as_bytes());
    frames.iter().fold(seed, |seed, frame| XxHash3_64::oneshot_with_seed(seed, frame))
}

/// The words of a file, if they are those that were written.
fn read(path: &Path) -> Option<Vec<u64>> {
    let mut file = File::open(path).ok()?;
    let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
    let count = length.checked_sub(8).filter(|bytes| bytes.is_multiple_of(8))? / 8;
    let mut hash = [0; 8];
    file.read_exact(&mut hash).ok()?;
    let mut words = vec![0_u64; count];
    file.read_exact(bytemuck::cast_slice_mut(&mut words)).ok()?;
    (XxHash3_64::oneshot(bytemuck::cast_slice(&words)) == u64::from_le_bytes(hash)).then_some(words)
}

/// Writes a file that is either whole or not there.
fn write(path: &Path, words: &[u64]) -> io::Result<()> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let own = format!("{}-{}.part", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let part = folder.join(own);
    let bytes: &[u8] = bytemuck::cast_slice(words);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(&XxHash3_64::oneshot(bytes).to_le_bytes())?;
        file.write_all(bytes)
    });
    let done = written.and_then(|()| fs::rename(&part, path));
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine for a vocabulary of bytes and one pair.
    fn small() -> Option<Engine> {
        let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
        let tokens: Vec<&[u8]> = bytes.iter().map(|byte| &byte[..]).chain([&b"ab"[..]]).collect();
        Engine::made(&tokens, true, Rules::Cl100k)
    }

    fn never() -> Option<Engine> {
        panic!("it is in the folder")
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
        let first = engine_in(&folder, "small", &[b"frame"], Rules::Cl100k, small).unwrap();
        let second = engine_in(&folder, "small", &[b"frame"], Rules::Cl100k, never).unwrap();
        assert_eq!(first.words(), second.words());
        assert_eq!(second.count("ab ab a"), 5); // ab, space, ab, space, a
        engine_in(&folder, "small", &[b"other frame"], Rules::Cl100k, small).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_file_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let engine = || engine_in(folder.path(), "small", &[b"frame"], Rules::Cl100k, small).unwrap();
        let words = engine().words().to_vec();
        let path = only_file(folder.path());
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() - 8], &whole[..whole.len() - 1], &whole[..5], &[]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path), None);
            assert_eq!(engine().words(), words);
            assert_eq!(fs::read(only_file(folder.path())).unwrap(), whole);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "not a folder").unwrap();
        assert_eq!(engine_in(&file, "small", &[], Rules::Cl100k, small).unwrap().count("ab"), 1);
        assert_eq!(fs::read(&file).unwrap(), b"not a folder");
    }

    #[test]
    fn many_at_once_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| engine_in(folder.path(), "small", &[], Rules::Cl100k, small).unwrap());
            }
        });
        assert!(read(&only_file(folder.path())).is_some());
    }
}
