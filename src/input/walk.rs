//! Turns what a user named (a file, a folder, a pattern) into files, and says what was passed over.
//!
//! Text to count is looked for as ripgrep does: [`source_files`] keeps ignore rules. Logs are not source code, and one that is left
//! out makes a total too low: [`every_file`] reads hidden and ignored files and follows links. [`Seen`] tells when two paths
//! mean one file.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::text::InputError;

/// The files that a path means.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Files, in one order on every machine.
    pub files: Vec<PathBuf>,
    /// What is there but could not be read, with the reason.
    pub skipped: Vec<InputError>,
}

/// The files that a path means: itself, every file below a folder (ignore rules respected, hidden files left out), or
/// every file that a pattern matches.
///
/// # Errors
/// [`InputError`] where no file matches a pattern. A path that does not exist is handed on: opening it says more.
pub(crate) fn source_files(path: &Path) -> Result<Walked, InputError> {
    named(path, below_by_rules, |matcher, file| matcher.is_match(file))
}

/// The files that a path means: itself, everything below a folder, or everything that a pattern matches. Links are followed,
/// and no folder is entered twice.
///
/// # Errors
/// [`InputError`] where nothing matches a pattern. A path that does not exist is handed on: opening it says more.
pub(crate) fn every_file(path: &Path) -> Result<Walked, InputError> {
    // A pattern that matches a folder means what is in it, as it does where a shell expands it.
    named(path, below, |matcher, file| file.ancestors().any(|part| matcher.is_match(part)))
}

/// How many files below a folder ignore rules hide, counted up to a limit. What Git itself keeps there is not counted.
#[must_use]
pub(crate) fn hidden_files(folder: &Path, shown: usize, limit: usize) -> usize {
    let all =
        ignore::WalkBuilder::new(folder).standard_filters(false).filter_entry(|e| e.file_name() != ".git").build();
    all.filter_map(Result::ok).filter(is_file).take(shown.saturating_add(limit)).count().saturating_sub(shown)
}

const WILD: [char; 3] = ['*', '?', '['];

fn named(
    path: &Path,
    below: fn(&Path) -> Walked,
    fits: fn(&globset::GlobMatcher, &Path) -> bool,
) -> Result<Walked, InputError> {
    let shown = path.to_string_lossy();
    if path.exists() || !shown.contains(WILD) {
        let alone = || Walked { files: vec![path.to_owned()], skipped: Vec::new() };
        return Ok(if path.is_dir() { below(path) } else { alone() });
    }
    let no_match = || InputError::NoMatch { pattern: shown.clone().into_owned() };
    let pattern =
        globset::GlobBuilder::new(&shown).literal_separator(true).build().map_err(|_| no_match())?.compile_matcher();
    let fixed: PathBuf =
        path.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(WILD)).collect();
    let start = if fixed.as_os_str().is_empty() { Path::new(".") } else { &fixed };
    let mut walked = below(start);
    walked.files.retain(|file| fits(&pattern, file.strip_prefix("./").unwrap_or(file)));
    if walked.files.is_empty() { Err(walked.skipped.pop().unwrap_or_else(no_match)) } else { Ok(walked) }
}

fn is_file(entry: &ignore::DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

fn below_by_rules(folder: &Path) -> Walked {
    let mut walked = Walked::default();
    for entry in ignore::WalkBuilder::new(folder).require_git(false).sort_by_file_path(Path::cmp).build() {
        match entry {
            Ok(entry) if is_file(&entry) => walked.files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => walked.skipped.push(unreadable(folder, error)),
        }
    }
    walked
}

/// An error of the crate `ignore` with the path in it, or that of the folder.
fn unreadable(folder: &Path, error: ignore::Error) -> InputError {
    match error {
        ignore::Error::WithPath { path, err } => unreadable(&path, *err),
        ignore::Error::WithDepth { err, .. } => unreadable(folder, *err),
        other => {
            let error = io::Error::other(other.to_string());
            InputError::reading(&folder.display().to_string(), other.into_io_error().unwrap_or(error))
        }
    }
}

fn below(folder: &Path) -> Walked {
    let (mut walked, mut entered) = (Walked::default(), HashSet::new());
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => match inside(&path, &mut entered, &mut walked.skipped) {
                Ok(inside) => todo.extend(inside),
                Err(error) => walked.skipped.push(InputError::reading(&path.display().to_string(), error)),
            },
            Ok(meta) if meta.is_file() => walked.files.push(path),
            // Opening a named pipe would wait for a writer, and a device may never end.
            Ok(_) => walked.skipped.push(InputError::NotRegular { path: path.display().to_string() }),
            Err(error) => walked.skipped.extend(lost(&path, error)),
        }
    }
    walked
}

/// What is in a folder, the first last; nothing where the folder was entered before, under this name or another.
fn inside(folder: &Path, entered: &mut HashSet<PathBuf>, skipped: &mut Vec<InputError>) -> io::Result<Vec<PathBuf>> {
    if !entered.insert(folder.canonicalize()?) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        match entry {
            Ok(entry) => found.push(entry.path()),
            Err(error) => skipped.push(InputError::reading(&folder.display().to_string(), error)),
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Why something in a folder cannot be looked at; nothing where it went away in the meantime.
fn lost(path: &Path, error: io::Error) -> Option<InputError> {
    let shown = path.display().to_string();
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(InputError::reading(&shown, error)),
        _ if is_link => Some(InputError::DeadLink { path: shown }),
        io::ErrorKind::NotFound => None,
        _ => Some(InputError::reading(&shown, error)),
    }
}

/// The files that were met, by what they are rather than by what they are called.
///
/// # Examples
/// ```
/// use farebox::input::walk::Seen;
/// use std::path::Path;
/// let mut seen = Seen::default();
/// assert_eq!(seen.before(Path::new("src/lib.rs")), None);
/// assert_eq!(seen.before(Path::new("./src/../src/lib.rs")), Some(Path::new("src/lib.rs")));
/// ```
#[derive(Debug, Default)]
pub struct Seen(HashMap<Identity, PathBuf>);

/// What a file is.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// The path with every link resolved.
    Path(PathBuf),
    /// Device and number of a file with several names. A number alone is not trusted: some network file systems repeat them.
    #[cfg(unix)]
    Inode(u64, u64),
}

impl Seen {
    /// Remembers a file. Says under which path it was met before, if it was.
    pub fn before(&mut self, path: &Path) -> Option<&Path> {
        use std::collections::hash_map::Entry;
        match self.0.entry(identity(path)) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(new) => {
                new.insert(path.to_owned());
                None
            }
        }
    }
}

fn identity(path: &Path) -> Identity {
    let linked = std::fs::metadata(path).ok().and_then(|meta| hard_linked(&meta));
    // A pipe that the shell made (`<(…)`) has no real path, and is itself.
    linked.unwrap_or_else(|| Identity::Path(path.canonicalize().unwrap_or_else(|_| path.to_owned())))
}

#[cfg(unix)]
fn hard_linked(meta: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    (meta.is_file() && meta.nlink() > 1).then(|| Identity::Inode(meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn hard_linked(_: &Metadata) -> Option<Identity> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
        }
        std::fs::write(dir.path().join(".gitignore"), "*.log\n").unwrap();
        dir
    }

    fn names(dir: &tempfile::TempDir, files: Vec<PathBuf>) -> Vec<String> {
        files.iter().map(|f| f.strip_prefix(dir.path()).unwrap().to_string_lossy().replace('\\', "/")).collect()
    }

    const FILES: &[&str] = &["b.txt", "a/c.txt", "a/d.log", ".hidden", "a/.git/e.txt"];

    #[test]
    fn source_files_keep_ignore_rules() {
        let dir = folder(FILES);
        let of = |path: &Path| source_files(path).map(|walked| names(&dir, walked.files));
        assert_eq!(of(dir.path()).unwrap(), ["a/c.txt", "b.txt"]);
        assert_eq!(of(&dir.path().join("*/*.txt")).unwrap(), ["a/c.txt"]);
        assert!(matches!(of(&dir.path().join("*.md")), Err(InputError::NoMatch { .. })));
        // .gitignore, .hidden and a/d.log; what is below .git is Git's own.
        assert_eq!((hidden_files(dir.path(), 2, 100), hidden_files(dir.path(), 2, 1)), (3, 1));
    }

    #[test]
    fn every_file_is_found() {
        let dir = folder(FILES);
        let of = |path: &Path| every_file(path).map(|walked| names(&dir, walked.files));
        assert_eq!(of(dir.path()).unwrap(), [".gitignore", ".hidden", "a/.git/e.txt", "a/c.txt", "a/d.log", "b.txt"]);
        assert_eq!(of(&dir.path().join("*/*.log")).unwrap(), ["a/d.log"]);
        assert_eq!(of(&dir.path().join("[a-z]")).unwrap(), ["a/.git/e.txt", "a/c.txt", "a/d.log"]);
        assert!(matches!(of(&dir.path().join("*.md")), Err(InputError::NoMatch { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_what_is_no_file_is_named() {
        use std::os::unix::fs::symlink;
        let (dir, elsewhere) = (folder(&["a/c.txt"]), folder(&["x/y.txt"]));
        let link = |to: &Path, name: &str| symlink(to, dir.path().join(name)).unwrap();
        link(dir.path(), "a/loop");
        link(&dir.path().join("a"), "again");
        link(&elsewhere.path().join("x"), "x");
        link(Path::new("itself"), "itself");
        link(Path::new("nowhere"), "dead");
        let walked = every_file(dir.path()).unwrap();
        assert_eq!(names(&dir, walked.files), [".gitignore", "a/c.txt", "x/y.txt"]);
        let skipped: Vec<String> = walked.skipped.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&walked.skipped[..], [InputError::DeadLink { .. }, InputError::DeadLink { .. }]),
            "{skipped:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn one_file_has_one_identity() {
        use std::os::unix::fs::symlink;
        let dir = folder(&["a.txt", "b.txt"]);
        let at = |name: &str| dir.path().join(name);
        std::fs::hard_link(at("a.txt"), at("hard.txt")).unwrap();
        symlink(at("b.txt"), at("soft.txt")).unwrap();
        let mut seen = Seen::default();
        let mut before = |name: &str| seen.before(&at(name)).map(Path::to_owned);
        assert_eq!([before("a.txt"), before("b.txt")], [None, None]);
        assert_eq!([before("hard.txt"), before("soft.txt")], [Some(at("a.txt")), Some(at("b.txt"))]);
        assert_eq!([before("missing"), before("missing")], [None, Some(at("missing"))]);
    }
}
