//! Writes a file so that it is whole or as it was before: the one place of the program that makes, renames and removes files.

mod locked;
mod stale;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) use locked::FolderLock;
pub use locked::LockedFile;
pub(crate) use stale::is_of_one_owner;

/// A file that is written next to its place, and gets its name when it is whole.
///
/// Dropped without [`NewFile::finish`], it leaves what was there before and nothing else. What is not a regular file (a named
/// pipe, a device, a descriptor below `/dev/fd`) is opened once and written to directly. As long as it is unfinished it is locked,
/// so that the next process tells a file that is being written from what a killed process has left, and removes the latter.
///
/// # Examples
/// ```
/// use farebox_tokenizer::files::NewFile;
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("report.txt");
/// let mut file = NewFile::replacing(&path)?;
/// file.write_all(b"2 records\n")?;
/// assert!(!path.exists());
/// file.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "2 records\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a file that is not finished is thrown away"]
pub struct NewFile {
    file: File,
    unfinished: Option<Unfinished>,
}

impl NewFile {
    /// A file that takes the place of what is there, with its permissions, and its owner where the system allows that. A symbolic
    /// link stays, and what it points to is replaced; other names of the same file (hard links) keep the old content.
    ///
    /// # Errors
    /// The file cannot be made, or may not be replaced.
    pub fn replacing(path: &Path) -> io::Result<NewFile> {
        match fs::metadata(path) {
            Ok(present) if present.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(present) if !present.is_file() || is_descriptor(path) => Ok(NewFile::direct(path)?),
            Ok(present) if present.permissions().readonly() => Err(io::ErrorKind::PermissionDenied.into()),
            Ok(present) => {
                // Nobody else may open it before it has the permissions of the file that it replaces.
                let new = NewFile::beside(fs::canonicalize(path)?, Ending::Replace, true)?;
                keep_owner(&new.file, &present);
                new.file.set_permissions(present.permissions())?;
                Ok(new)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                NewFile::beside(end_of_links(path), Ending::Replace, false)
            }
            Err(error) => Err(error),
        }
    }

    /// A file that must not be there yet, also not by the time that it is finished.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`], here or from [`NewFile::finish`]; or the file cannot be made.
    pub fn only_new(path: &Path) -> io::Result<NewFile> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        NewFile::beside(path.to_owned(), Ending::OnlyNew, false)
    }

    /// A file that only its owner may read or write. It replaces what has its name: a link is replaced, not followed.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn private(path: &Path) -> io::Result<NewFile> {
        NewFile::beside(path.to_owned(), Ending::Replace, true)
    }

    fn direct(path: &Path) -> io::Result<NewFile> {
        // Behind /dev/fd may be a regular file that others have written to: what they wrote stays.
        let file = OpenOptions::new().write(true).append(is_descriptor(path)).open(path)?;
        Ok(NewFile { file, unfinished: None })
    }

    fn beside(place: PathBuf, ending: Ending, private: bool) -> io::Result<NewFile> {
        let (file, temporary) = make_temporary(&place, private)?;
        Ok(NewFile { file, unfinished: Some(Unfinished { temporary, place, ending }) })
    }

    /// What the system knows of the file so far.
    pub(crate) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.file.metadata()
    }

    /// What is written to, where it is neither a regular file nor will be one: to ask whether it is a terminal.
    pub fn direct_file(&self) -> Option<&File> {
        self.unfinished.is_none().then_some(&self.file)
    }

    /// Gives the file its name, after the disk has it whole.
    ///
    /// # Errors
    /// The disk cannot take it, or the file cannot be renamed.
    pub fn finish(self) -> io::Result<()> {
        match self.unfinished {
            None => Ok(()),
            Some(unfinished) => {
                synced(&self.file)?;
                // Open, and so locked, until it has its name: another process would take it for a file of a dead one.
                unfinished.rename()
            }
        }
    }

    /// Waits until the disk has what was written, so that little can go wrong in [`NewFile::finish`].
    fn sync(&self) -> io::Result<()> {
        if self.unfinished.is_some() { synced(&self.file) } else { Ok(()) }
    }

    /// The same without waiting for the disk, for what is checked when it is read and made anew where it is damaged.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub(crate) fn finish_unsynced(self) -> io::Result<()> {
        self.unfinished.map_or(Ok(()), |unfinished| unfinished.give_name())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes all of a file, or leaves it as it was: see [`NewFile::replacing`].
///
/// # Errors
/// The file cannot be made or may not be replaced, or the disk cannot take it.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NewFile::replacing(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// Adds to the end of a file that others write to as well, such as the outputs of a step in CI.
///
/// # Errors
/// The file cannot be opened or written to.
pub fn append_to(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

/// Why a file cannot be written, inside of an [`io::Error`] of the same kind.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", path.display())]
pub struct WriteError {
    path: PathBuf,
    reason: String,
    help: Option<String>,
}

impl WriteError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        self.help.clone()
    }
}

/// The same kind of error, with the path and what to do about it.
pub fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    let folder = folder_of(path);
    let (reason, help) = match error.kind() {
        _ if !folder.exists() => (
            format!("the folder {} does not exist", folder.display()),
            Some(format!("create it first: mkdir -p {}", folder.display())),
        ),
        _ if path.is_dir() => ("it is a folder".to_owned(), Some("name a file in it".to_owned())),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            let place = protected(path).display();
            (error.to_string(), Some(format!("name a file that you may write, or allow writing to {place}")))
        }
        io::ErrorKind::StorageFull => (error.to_string(), Some("make room, or name a file on another disk".to_owned())),
        _ => (error.to_string(), None),
    };
    io::Error::new(error.kind(), WriteError { path: path.to_owned(), reason, help })
}

/// Which of the two forbids it: the file, where it is read-only, or else its folder.
fn protected(path: &Path) -> &Path {
    let is_readonly = fs::metadata(path).is_ok_and(|present| present.permissions().readonly());
    if is_readonly { path } else { folder_of(path) }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Whether a path names an open descriptor of this process, which is never replaced.
fn is_descriptor(path: &Path) -> bool {
    let named = ["/dev/stdout", "/dev/stderr"].map(Path::new).contains(&path);
    named || ["/dev/fd", "/proc/self/fd"].map(Path::new).contains(&folder_of(path))
}

/// Where links lead that end at nothing: the file that writing through them would make.
fn end_of_links(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&place) else { break };
        place = folder_of(&place).join(next);
    }
    place
}

/// How a file gets its name.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Replace,
    OnlyNew,
}

/// A file under a passing name next to its place; removed unless it gets its own.
#[derive(Debug)]
struct Unfinished {
    temporary: PathBuf,
    place: PathBuf,
    ending: Ending,
}

impl Unfinished {
    fn rename(self) -> io::Result<()> {
        let place = self.place.clone();
        self.give_name()?;
        sync_folder(folder_of(&place))
    }

    /// Afterwards the passing name is gone; where this fails, `drop` removes it.
    fn give_name(self) -> io::Result<()> {
        let _names = temporaries();
        match self.ending {
            Ending::Replace => fs::rename(&self.temporary, &self.place),
            Ending::OnlyNew => self.link(),
        }
    }

    /// A second name for the file, which the system refuses where there is one: renaming would replace it.
    fn link(&self) -> io::Result<()> {
        match fs::hard_link(&self.temporary, &self.place) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // A file system without links. The empty file holds the name until the whole one takes it.
                File::create_new(&self.place)?;
                fs::rename(&self.temporary, &self.place).inspect_err(|_| {
                    // The name that was only held is free again.
                    let _ = fs::remove_file(&self.place);
                })
            }
            done => done,
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut names = temporaries();
        // After a renaming it is not there any more. Nothing can be done about another failure, and the error that led
        // here is the one to report.
        let _ = fs::remove_file(&self.temporary);
        names.retain(|name| *name != self.temporary);
    }
}

/// The passing names that are in use, for [`remove_unfinished`]. Held while one is made, renamed or removed.
static TEMPORARIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn temporaries() -> MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Called before the first file is made.
static BEFORE_FIRST: OnceLock<fn()> = OnceLock::new();

/// Has a program watch for signals as soon as there is something to clean up, and not before: starting to watch takes time.
/// The first call counts.
pub fn before_first_file(watch: fn()) {
    let _ = BEFORE_FIRST.set(watch);
}

/// Removes every unfinished file and then does `end`, which should end the process: no file is made meanwhile.
pub fn remove_unfinished<T>(end: impl FnOnce() -> T) -> T {
    let mut names = temporaries();
    for name in names.drain(..) {
        let _ = fs::remove_file(name);
    }
    end()
}

/// An empty file next to `place`, under a name that nobody can foresee.
fn make_temporary(place: &Path, private: bool) -> io::Result<(File, PathBuf)> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| BEFORE_FIRST.get().into_iter().for_each(|watch| watch()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if private {
        only_for_the_owner(&mut options);
    }
    let mut attempts = 0;
    loop {
        let temporary = place.with_file_name(format!("{BEFORE}{:016x}{BEHIND}", random()));
        let mut names = temporaries();
        match options.open(&temporary) {
            Ok(file) if is_claimed(&file, &temporary) => {
                names.push(temporary.clone());
                drop(names);
                stale::remove_once(&temporary, &file);
                return Ok((file, temporary));
            }
            // Another process came between making and locking it, and is about to remove it.
            Ok(_) if attempts < 100 => attempts += 1,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < 100 => attempts += 1,
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => return Err(error),
        }
    }
}

/// What the passing names of all processes begin and end with; between them are 16 hexadecimal digits.
const BEFORE: &str = ".farebox-";
const BEHIND: &str = ".tmp";

/// Locks a file that was just made, and sees whether it still has its name. Where the system knows no locks, it is never removed.
fn is_claimed(file: &File, name: &Path) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && is_named(file, name)
}

/// Whether a name is that of an open file, and no link.
#[cfg(unix)]
pub(crate) fn is_named(file: &File, name: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::symlink_metadata(name)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
pub(crate) fn is_named(_: &File, name: &Path) -> bool {
    fs::symlink_metadata(name).is_ok_and(|named| named.is_file())
}

/// Gives a new file the owner and the group of the one that it replaces. Only root may do so for others; anybody else's new
/// file is their own, and is written all the same.
#[cfg(unix)]
fn keep_owner(new: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Ok(about) = new.metadata() else { return };
    let changed = |new: u32, old: u32| (new != old).then_some(old);
    let (owner, group) = (changed(about.uid(), old.uid()), changed(about.gid(), old.gid()));
    if (owner.is_some() || group.is_some()) && fchown(new, owner, group).is_err() {
        let _ = fchown(new, None, group);
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

/// The hasher of the standard library begins with keys that the system draws.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(unix)]
fn only_for_the_owner(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn only_for_the_owner(_: &mut OpenOptions) {}

/// Waits until the disk has it; some file systems have no such wait, which is no failure.
fn synced(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

/// Waits until the disk has the new name. A folder that may be written to and not read cannot be waited for.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).map_or(Ok(()), |folder| synced(&folder))
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn an_unfinished_file_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.csv");
        for old in [None, Some("old")] {
            if let Some(old) = old {
                fs::write(&path, old).unwrap();
            }
            let mut file = NewFile::replacing(&path).unwrap();
            file.write_all(&[b'x'; 100_000]).unwrap();
            assert_eq!(names_in(dir.path()).len(), 1 + usize::from(old.is_some()));
            drop(file);
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), old);
            assert_eq!(names_in(dir.path()).len(), usize::from(old.is_some()));
        }
        assert!(temporaries().iter().all(|name| !name.starts_with(dir.path())), "a name was not given back");
    }

    #[test]
    fn a_finished_file_is_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.csv");
        for text in ["first", "second"] {
            write_file(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mut file = NewFile::replacing(&path).unwrap();
        file.write_all(b"third").unwrap();
        file.finish_unsynced().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(names_in(dir.path()), ["report.csv"]);
    }

    #[test]
    fn only_a_new_file_replaces_nothing_also_not_what_came_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("farebox.yaml");
        let mut file = NewFile::only_new(&path).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(file.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(NewFile::only_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");

        let other = dir.path().join("other.yaml");
        let mut file = NewFile::only_new(&other).unwrap();
        file.write_all(b"mine").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        assert_eq!(names_in(dir.path()), ["farebox.yaml", "other.yaml"]);
    }

    fn in_full(error: &io::Error) -> String {
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<WriteError>());
        let help = inside.and_then(WriteError::help).map(|help| format!("\n  help: {help}"));
        format!("{error}{}", help.unwrap_or_default())
    }

    #[test]
    fn an_error_says_the_path_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let said = |path: &Path, kind: io::ErrorKind| in_full(&cannot_write(path, &kind.into()));
        let nowhere = dir.path().join("nowhere").join("report.csv");
        assert!(said(&nowhere, io::ErrorKind::NotFound).ends_with(&format!(
            "the folder {0} does not exist\n  help: create it first: mkdir -p {0}",
            nowhere.parent().unwrap().display()
        )));
        assert!(said(dir.path(), io::ErrorKind::IsADirectory).ends_with("it is a folder\n  help: name a file in it"));
        let file = dir.path().join("report.csv");
        let help = format!("help: name a file that you may write, or allow writing to {}", dir.path().display());
        assert!(said(&file, io::ErrorKind::PermissionDenied).ends_with(&help));
        assert!(said(&file, io::ErrorKind::StorageFull).contains("help: make room"));
    }

    #[test]
    fn a_read_only_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.csv");
        fs::write(&path, "kept").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let error = NewFile::replacing(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let help = format!("allow writing to {}", path.display());
        assert!(in_full(&cannot_write(&path, &error)).ends_with(&help));
        assert_eq!(names_in(dir.path()), ["kept.csv"]);
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, symlink};

        use super::*;

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        }

        #[test]
        fn permissions_stay_and_no_other_user_reads_a_private_file_while_it_is_written() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("private");
            for kept in [0o600, 0o640, 0o755] {
                fs::write(&path, "old").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
                let file = NewFile::replacing(&path).unwrap();
                let temporary = file.unfinished.as_ref().unwrap().temporary.clone();
                assert_eq!(mode(&temporary), kept);
                file.finish().unwrap();
                assert_eq!(mode(&path), kept);
            }
        }

        #[test]
        fn links_stay_also_those_to_nothing() {
            let dir = tempfile::tempdir().unwrap();
            let (file, link, second) = (dir.path().join("real"), dir.path().join("link"), dir.path().join("second"));
            symlink("real", &link).unwrap();
            symlink("link", &second).unwrap();
            for text in ["made", "replaced"] {
                write_file(&second, text.as_bytes()).unwrap();
                assert_eq!(fs::read_to_string(&file).unwrap(), text);
                assert!(link.is_symlink() && second.is_symlink() && !file.is_symlink());
            }
            assert_eq!(names_in(dir.path()), ["link", "real", "second"]);
            assert_eq!(NewFile::only_new(&link).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }

        #[test]
        fn a_link_to_itself_is_an_error() {
            let dir = tempfile::tempdir().unwrap();
            let link = dir.path().join("link");
            symlink("link", &link).unwrap();
            assert!(write_file(&link, b"x").is_err());
            assert_eq!(names_in(dir.path()), ["link"]);
        }

        #[test]
        fn devices_are_written_to_directly() {
            write_file(Path::new("/dev/null"), b"new").unwrap();
            assert!(!fs::metadata("/dev/null").unwrap().is_file());
        }
    }
}
