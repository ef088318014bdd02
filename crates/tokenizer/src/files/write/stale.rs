//! Files that a process has left because it was killed: removed by the next one that writes into the same folder.
//!
//! A file of a living process is locked by it, and the system gives the lock up when the process ends, however it ends. So
//! process numbers, which mean something else in another container, are not needed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{BEFORE, BEHIND, folder_of, is_named};

/// Entries of a folder that are looked at, so that a folder of millions of files does not hold up a report.
const MOST: usize = 100_000;

/// Removes what dead processes have left in the folder of a file that was just made, once for each folder.
pub(super) fn remove_once(own: &Path, file: &File) {
    if is_first_look(folder_of(own)) {
        remove_beside(own, file);
    }
}

/// Removes what dead processes have left in the folder of a file.
///
/// * `own`, `file`: the file that was made, or is locked. What another user has left is theirs.
pub(super) fn remove_beside(own: &Path, file: &File) {
    let Ok(entries) = fs::read_dir(folder_of(own)) else { return };
    for entry in entries.take(MOST).flatten() {
        let name = entry.file_name();
        // By name: the folder may be written in several ways.
        if name.to_str().is_some_and(is_passing) && own.file_name() != Some(&name) {
            remove_if_dead(&entry.path(), file);
        }
    }
}

/// Whether this process has not looked into a folder yet.
fn is_first_look(folder: &Path) -> bool {
    static LOOKED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = !looked.iter().any(|known| known == folder);
    if is_first {
        looked.push(folder.to_owned());
    }
    is_first
}

/// Whether a name is exactly of the form that [`super::make_temporary`] gives.
fn is_passing(name: &str) -> bool {
    let digits = name.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(BEHIND));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn remove_if_dead(path: &Path, own: &File) {
    let is_ours =
        |about: &fs::Metadata| about.is_file() && own.metadata().is_ok_and(|own| is_of_one_owner(&own, about));
    if !fs::symlink_metadata(path).is_ok_and(|about| is_ours(&about)) {
        return;
    }
    if is_named(own, path) {
        // A second name of a file that this process holds, which got its own name right before its writer was killed.
        let _ = fs::remove_file(path);
        return;
    }
    let Ok(file) = File::open(path) else { return };
    // Whoever makes a file looks once it is locked whether it still has its name, so it may be removed while this lock is held.
    if file.try_lock().is_ok() && is_named(&file, path) {
        let _ = fs::remove_file(path);
    }
}

/// Whether two files belong to the same user, as far as the system says.
#[cfg(unix)]
pub(crate) fn is_of_one_owner(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.uid() == other.uid()
}

#[cfg(not(unix))]
pub(crate) fn is_of_one_owner(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::{NewFile, write_file};
    use super::*;

    const DEAD: &str = ".farebox-0123456789abcdef.tmp";

    #[test]
    fn what_a_dead_process_left_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at(DEAD), "half").unwrap();
        let others = [
            ".farebox-0123456789abcde.tmp",
            ".farebox-0123456789abcdef0.tmp",
            ".farebox-0123456789ABCDEF.tmp",
            ".farebox-0123456789abcdeg.tmp",
            ".farebox-0123456789abcdef.tmp.bak",
            "x.farebox-0123456789abcdef.tmp",
        ];
        others.iter().for_each(|name| fs::write(at(name), "kept").unwrap());
        fs::create_dir(at(".farebox-00000000000000aa.tmp")).unwrap();
        write_file(&at("report.csv"), b"new").unwrap();
        assert!(!at(DEAD).exists());
        assert!(others.iter().all(|name| fs::read_to_string(at(name)).unwrap() == "kept"));
        assert!(at(".farebox-00000000000000aa.tmp").is_dir());
    }

    #[test]
    fn a_file_that_is_being_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join(DEAD);
        fs::write(&dead, "").unwrap();
        let living = File::options().write(true).open(&dead).unwrap();
        living.lock().unwrap();
        let another = File::create(dir.path().join("another")).unwrap();
        let mut file = NewFile::replacing(&dir.path().join("report.csv")).unwrap();
        assert!(dead.exists());
        remove_if_dead(&dead, &another);
        assert!(dead.exists());
        file.write_all(b"new").unwrap();
        let mut paths = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let own = paths.find(|path| *path != dead && path.extension().is_some_and(|ending| ending == "tmp")).unwrap();
        remove_if_dead(&own, &another);
        assert!(own.exists(), "its own");
        file.finish().unwrap();
        drop(living);
        remove_if_dead(&dead, &File::open(dir.path().join("report.csv")).unwrap());
        assert!(!dead.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_with_such_names_stay_and_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "kept").unwrap();
        std::os::unix::fs::symlink("precious", dir.path().join(DEAD)).unwrap();
        write_file(&dir.path().join("report.csv"), b"new").unwrap();
        assert!(dir.path().join(DEAD).is_symlink());
        assert_eq!(fs::read_to_string(dir.path().join("precious")).unwrap(), "kept");
    }
}
