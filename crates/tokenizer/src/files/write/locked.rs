//! Files of the user's that are read, changed and replaced, by one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{NewFile, is_named, stale};
use crate::files::not_a_file;

/// How long others are waited for, and how often it is tried meanwhile: five minutes.
const WAIT: Duration = Duration::from_millis(10);
const MOST_TRIES: u32 = 30_000;

/// A file that no other farebox edits as long as this lives, so that two edits at once both stay.
///
/// What takes its place has its permissions, and its owner where the system allows that. A symbolic link stays. A file with several
/// names (hard links) is refused, since its other names would keep the old text. Where a file system knows no locks, there is none.
///
/// # Examples
/// ```
/// use farebox_tokenizer::files::LockedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("farebox.yaml");
/// std::fs::write(&path, "version: 1\n")?;
/// let mut file = LockedFile::open(&path)?;
/// let text = String::from_utf8_lossy(file.bytes()).into_owned();
/// file.replace(format!("{text}months: 3\n").as_bytes())?;
/// assert_eq!(std::fs::read_to_string(&path)?, "version: 1\nmonths: 3\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is given up when this is dropped"]
pub struct LockedFile {
    file: File,
    place: PathBuf,
    bytes: Vec<u8>,
}

impl LockedFile {
    /// Waits until no other process edits a file, and reads it.
    ///
    /// # Errors
    /// It is not a regular file, cannot be read, or somebody edits it for more than five minutes.
    pub fn open(path: &Path) -> io::Result<LockedFile> {
        if let Some(kind) = not_a_file(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a file")));
        }
        let (mut file, place) = locked(|| {
            let place = fs::canonicalize(path)?;
            Ok((File::open(&place)?, place))
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(LockedFile { file, place, bytes })
    }

    /// What was in it when it was locked.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What will take its place, on the disk and without its name yet. The lock has to be kept until it is finished.
    ///
    /// # Errors
    /// The file has other names, the new one cannot be written, or somebody has changed the old one since it was read.
    pub fn replacement(&mut self, bytes: &[u8]) -> io::Result<NewFile> {
        refuse_other_names(&self.place, &self.file)?;
        let mut new = NewFile::replacing(&self.place)?;
        new.write_all(bytes)?;
        new.sync()?;
        // Editors know nothing of the lock.
        let mut now = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut now)?;
        if now != self.bytes || !is_named(&self.file, &self.place) {
            return Err(io::Error::other("another program has changed it meanwhile"));
        }
        Ok(new)
    }

    /// Replaces the file, and then gives up the lock.
    ///
    /// # Errors
    /// As [`LockedFile::replacement`] and [`NewFile::finish`].
    pub fn replace(mut self, bytes: &[u8]) -> io::Result<()> {
        self.replacement(bytes)?.finish()
    }
}

/// A folder that one process at a time changes: its lock is an empty file that stays in it.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Waits until no other process changes a folder, which must be there.
    ///
    /// # Errors
    /// The folder cannot be written to, or somebody changes it for more than five minutes.
    pub(crate) fn of(folder: &Path) -> io::Result<FolderLock> {
        let place = folder.join(".lock");
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let (file, _) = locked(|| Ok((options.open(&place)?, place.clone())))?;
        Ok(FolderLock { _file: file })
    }
}

/// Opens and locks a file that still has its name then: the process that had the lock before may have replaced it.
fn locked(open: impl Fn() -> io::Result<(File, PathBuf)>) -> io::Result<(File, PathBuf)> {
    for _ in 0..MOST_TRIES {
        let (file, place) = open()?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(WAIT),
            // A file system without locks: the edit is made all the same.
            Ok(()) | Err(TryLockError::Error(_)) if is_named(&file, &place) => return Ok((file, place)),
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another program has locked it for minutes"))
}

#[cfg(unix)]
fn refuse_other_names(place: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if file.metadata()?.nlink() > 1 {
        // The other may be the passing name, left by a process that was killed right after it gave the file its own.
        stale::remove_beside(place, file);
    }
    match file.metadata()?.nlink() {
        0 | 1 => Ok(()),
        names => {
            let text = format!("it has {names} names (hard links), and the others would keep the old text");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

#[cfg(not(unix))]
fn refuse_other_names(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_at_once_all_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("farebox.yaml");
        fs::write(&path, "").unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..8 {
                        let file = LockedFile::open(path).unwrap();
                        let text = [file.bytes(), &[b'a' + thread]].concat();
                        file.replace(&text).unwrap();
                    }
                });
            }
        });
        let mut text = fs::read(&path).unwrap();
        text.sort_unstable();
        let want: Vec<u8> = (b'a'..b'i').flat_map(|letter| [letter; 8]).collect();
        assert_eq!(String::from_utf8(text), String::from_utf8(want));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_editor_wrote_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("farebox.yaml");
        fs::write(&path, "old").unwrap();
        let file = LockedFile::open(&path).unwrap();
        fs::write(&path, "typed").unwrap();
        assert!(file.replace(b"new").unwrap_err().to_string().contains("meanwhile"));
        let file = LockedFile::open(&path).unwrap();
        fs::write(dir.path().join("saved"), "saved").unwrap();
        fs::rename(dir.path().join("saved"), &path).unwrap();
        assert!(file.replace(b"new").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "saved");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_other_names_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link, other) = (dir.path().join("real"), dir.path().join("link"), dir.path().join("other"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        LockedFile::open(&link).unwrap().replace(b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        let passing = dir.path().join(".farebox-0123456789abcdef.tmp");
        fs::hard_link(&path, &passing).unwrap();
        LockedFile::open(&link).unwrap().replace(b"newer").unwrap();
        assert!(!passing.exists(), "a killed process has left its name");
        fs::hard_link(&path, &other).unwrap();
        assert!(LockedFile::open(&link).unwrap().replace(b"no").unwrap_err().to_string().contains("2 names"));
        assert_eq!(fs::read_to_string(&other).unwrap(), "newer");
    }
}
