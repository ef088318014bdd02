//! Keeps the tables that encodings are counted with in a folder, so that only the first process has to lay them out.
//!
//! Nothing is kept before [`keep_in`] has named a folder, which the command line does and no other code here. A file is
//! one layout (see [`fast`](super::fast)) behind hashes of it, and its name tells which vocabulary and which version of
//! farebox it was laid out by, so that an old file is never read. A block of a file is read when it is first needed, and
//! never used before its hash was checked. Files may be deleted at any time, by any process: what cannot be read, or is
//! damaged, is laid out again, and what cannot be written is not.
//!
//! Hashes find damage and mix-ups, not malice: a program that can write into the folder can write tables that count wrong. So a folder is
//! used only if it belongs to the user and no other user may write into it, and a file only if that holds for it too and its
//! name is not a link. Folders and files are made for the user alone.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::XxHash3_64;

use super::fast::kept::{BLOCK, KeptSource};
use super::fast::{Engine, Rules, tables};
use super::files::{NewFile, is_named, is_of_one_owner};

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

/// Why the tables in a folder are not trusted.
#[derive(Debug, thiserror::Error)]
#[error("the cache folder {} {reason}, so it is not used", folder.display())]
pub struct Distrust {
    folder: PathBuf,
    reason: &'static str,
}

impl Distrust {
    /// The next step.
    #[must_use]
    pub fn help(&self) -> String {
        format!(
            "remove what is in it and `chmod 700 {}`, name another folder with FAREBOX_CACHE_DIR, or set FAREBOX_NO_CACHE=1",
            self.folder.display()
        )
    }
}

/// What was found out about the folder, when it was first needed.
static TRUST: OnceLock<Result<(), Distrust>> = OnceLock::new();

/// Why the folder was not used, once something was counted with tables that would have been kept in it.
pub fn distrust() -> Option<&'static Distrust> {
    TRUST.get().and_then(|trust| trust.as_ref().err())
}

/// Whether a folder is the user's and no other user may write into it; makes one where there is none.
fn trust(folder: &Path) -> Result<(), Distrust> {
    let because = |reason| Distrust { folder: folder.to_owned(), reason };
    let about = match fs::metadata(folder) {
        Ok(about) => about,
        Err(_) => {
            // Where it cannot be made, nothing can be read or kept in it either.
            let _ = make_private(folder);
            return Ok(());
        }
    };
    if is_shared(&about) {
        return Err(because("may be written to by others"));
    }
    if is_foreign(folder, &about) {
        return Err(because("belongs to another user"));
    }
    Ok(())
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

/// Whether somebody else than its owner may write to something.
#[cfg(unix)]
fn is_shared(about: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o022 != 0
}

#[cfg(unix)]
fn is_foreign(folder: &Path, about: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    // A process belongs to its user; where the system does not show processes as files, a file that it makes does.
    let process = fs::metadata("/proc/self").ok();
    let me = process.or_else(|| NewFile::private(&folder.join("probe")).ok()?.metadata().ok());
    me.is_none_or(|me| me.uid() != about.uid())
}

/// Elsewhere the folder is inside of the user's profile, which is theirs alone.
#[cfg(not(unix))]
fn is_shared(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_foreign(_: &Path, _: &Metadata) -> bool {
    false
}

/// Opens a file of a folder that is trusted, unless it is a link or others may write or have written to it.
fn open_private(path: &Path) -> Option<File> {
    let is_trusted = |about: &Metadata| {
        let folder = fs::metadata(path.parent()?).ok()?;
        Some(about.is_file() && !is_shared(about) && is_of_one_owner(about, &folder))
    };
    if is_trusted(&fs::symlink_metadata(path).ok()?) != Some(true) {
        return None;
    }
    let file = File::open(path).ok()?;
    let is_trusted = is_trusted(&file.metadata().ok()?) == Some(true);
    (is_trusted && is_named(&file, path)).then_some(file)
}

/// Lays tables out, the same ones each time.
pub(super) type Make = Arc<dyn Fn() -> Option<Vec<u64>> + Send + Sync>;

/// The engine of a vocabulary: out of the folder, or made, and then kept there.
///
/// * `frames`: what the vocabulary is packed in, which tells it apart from others of its name.
pub(super) fn engine(name: &str, frames: &[&[u8]], rules: Rules, make: Make) -> Option<Engine> {
    match FOLDER.get() {
        // Layouts are words of a little-endian machine.
        Some(folder) if cfg!(target_endian = "little") && TRUST.get_or_init(|| trust(folder)).is_ok() => {
            engine_in(folder, name, frames, rules, make)
        }
        _ => Engine::laid_out(make()?, rules),
    }
}

fn engine_in(folder: &Path, name: &str, frames: &[&[u8]], rules: Rules, make: Make) -> Option<Engine> {
    let key = key(frames);
    let path = folder.join(format!("{name}-{key:016x}.tables"));
    let kept = TablesFile::open(&path, key).and_then(|file| {
        let words = file.words;
        let tables = KeptTables { file, path: path.clone(), make: make.clone() };
        Engine::kept(Box::new(tables), words, rules)
    });
    kept.or_else(|| Engine::laid_out(make_and_write(&make, &path, key)?, rules))
}

fn make_and_write(make: &Make, path: &Path, key: u64) -> Option<Vec<u64>> {
    let words = make()?;
    // Whoever cannot write there counts all the same, and lays the tables out each time.
    let _ = write(path, &words, key);
    Some(words)
}

/// A number for a vocabulary and for how it is laid out.
fn key(frames: &[&[u8]]) -> u64 {
    let seed = tables::VERSION ^ XxHash3_64::oneshot(env!("CARGO_PKG_VERSION").as_bytes());
    frames.iter().fold(seed, |seed, frame| XxHash3_64::oneshot_with_seed(seed, frame))
}

/// A file of tables: a hash of what is before the layout, the number of words of the layout, the [`key`] of the vocabulary, a
/// hash of each block of the layout, and the layout.
struct TablesFile {
    file: File,
    key: u64,
    words: usize,
    hashes: Vec<u64>,
}

/// Words before the hashes of the blocks.
const HEAD: usize = 3;

impl TablesFile {
    /// Opens the file of a vocabulary and checks what is before the layout.
    fn open(path: &Path, key: u64) -> Option<TablesFile> {
        let mut file = open_private(path)?;
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let mut head = [0_u64; HEAD];
        file.read_exact(bytemuck::cast_slice_mut(&mut head)).ok()?;
        let words = usize::try_from(head[1]).ok().filter(|words| *words <= length / 8)?;
        let mut hashes = vec![0_u64; words.div_ceil(BLOCK)];
        if length != (HEAD + hashes.len() + words) * 8 {
            return None;
        }
        file.read_exact(bytemuck::cast_slice_mut(&mut hashes)).ok()?;
        // The name says which vocabulary it is, and so does the content, which renaming does not change.
        let is_whole = head[0] == hash_of_head(words, key, &hashes) && head[2] == key;
        is_whole.then_some(TablesFile { file, key, words, hashes })
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

fn hash_of_head(words: usize, key: u64, hashes: &[u64]) -> u64 {
    let seed = XxHash3_64::oneshot_with_seed(key, &(words as u64).to_le_bytes());
    XxHash3_64::oneshot_with_seed(seed, bytemuck::cast_slice(hashes))
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
            None => make_and_write(&self.make, &self.path, self.file.key)
                .expect("what was laid out once can be laid out again"),
        }
    }
}

/// Writes a file that is either whole or not there. It has hashes, so nobody waits until the disk has it.
fn write(path: &Path, words: &[u64], key: u64) -> io::Result<()> {
    make_private(path.parent().unwrap_or(path))?;
    let hashes: Vec<u64> = words.chunks(BLOCK).map(hash_of).collect();
    let head = [hash_of_head(words.len(), key, &hashes), words.len() as u64, key];
    let mut file = NewFile::private(path)?;
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
        let mut file = TablesFile::open(&only_file(folder.path()), key(&[b"frame"])).unwrap();
        let mut words = vec![0; file.words];
        assert!(file.read(0, &mut words).is_some());
    }

    #[test]
    fn tables_of_one_vocabulary_are_not_those_of_another_by_their_name() {
        let folder = tempfile::tempdir().unwrap();
        small_in(folder.path(), b"frame", small);
        let wrong = only_file(folder.path());
        let right = folder.path().join(format!("small-{:016x}.tables", key(&[b"other"])));
        fs::rename(&wrong, &right).unwrap();
        assert!(TablesFile::open(&right, key(&[b"frame"])).is_some());
        assert!(TablesFile::open(&right, key(&[b"other"])).is_none());
        small_in(folder.path(), b"other", small);
        assert!(TablesFile::open(&right, key(&[b"other"])).is_some(), "it was written again");
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};

        use super::*;

        fn set_mode(path: &Path, mode: u32) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn mode(path: &Path) -> u32 {
            fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
        }

        #[test]
        fn folder_and_files_are_for_the_user_alone() {
            let folder = tempfile::tempdir().unwrap();
            let new = folder.path().join("a/b");
            trust(&new).unwrap();
            small_in(&new, b"frame", small);
            assert_eq!((mode(&folder.path().join("a")), mode(&new), mode(&only_file(&new))), (0o700, 0o700, 0o600));
        }

        #[test]
        fn a_folder_that_others_may_write_to_is_not_trusted() {
            let folder = tempfile::tempdir().unwrap();
            for shared in [0o777, 0o1777, 0o770, 0o702] {
                set_mode(folder.path(), shared);
                let why = trust(folder.path()).unwrap_err();
                assert!(why.to_string().contains("may be written to by others"), "{shared:o}: {why}");
                assert!(why.help().contains("chmod 700"));
            }
            for private in [0o700, 0o755, 0o750] {
                set_mode(folder.path(), private);
                trust(folder.path()).unwrap();
            }
            // Only root can give a folder away.
            if chown(folder.path(), Some(12_345), None).is_ok() {
                assert!(trust(folder.path()).unwrap_err().to_string().contains("belongs to another user"));
            }
        }

        #[test]
        fn a_planted_file_is_not_read_and_what_it_links_to_is_not_written() {
            let folder = tempfile::tempdir().unwrap();
            let elsewhere = tempfile::tempdir().unwrap();
            small_in(folder.path(), b"frame", small);
            let path = only_file(folder.path());
            let key = key(&[b"frame"]);
            let whole = fs::read(&path).unwrap();
            let target = elsewhere.path().join("target");
            type Plant<'p> = &'p dyn Fn();
            let plants: [(&str, Plant); 3] = [
                ("a link", &|| {
                    fs::rename(&path, &target).unwrap();
                    symlink(&target, &path).unwrap();
                }),
                ("a file that the group may write to", &|| set_mode(&path, 0o660)),
                // Not to be had without root.
                ("a file of somebody else", &|| drop(chown(&path, Some(12_345), None))),
            ];
            for (what, plant) in plants {
                plant();
                let is_planted = chown(&path, None, None).is_ok() && TablesFile::open(&path, key).is_none();
                assert!(is_planted || what.contains("somebody else"), "{what}");
                small_in(folder.path(), b"frame", small);
                assert!(TablesFile::open(&path, key).is_some(), "{what}: it was replaced");
                assert_eq!((fs::read(&path).unwrap() == whole, mode(&path)), (true, 0o600), "{what}");
            }
            assert!(fs::read(&target).unwrap() == whole, "the target of the link stays");
        }
    }
}
