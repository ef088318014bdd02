//! Reads files as they were at the base of a change, with the `git` program: [`Repository::base`] finds the commit,
//! [`GitBase::read`] a file of it.
//!
//! Every file comes out of one `git cat-file --batch` process, so that hundreds of prompts cost no hundreds of processes.
//! Names are passed as arguments behind `--` or as lines of that process, never through a shell.
//!
//! The repository may be somebody else's, and its configuration names programs for git to run: what watches the folder, filters
//! files, compares them, pages output or connects. Git is told to run none of them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use super::text::LARGEST_WHOLE;

/// Why the base of a change cannot be read. The text says what is wrong; [`GitError::help`] is the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GitError {
    /// The program is not there.
    #[error("git is not installed, or not on the PATH: {0}")]
    NoGit(std::io::Error),
    /// The folder is in no repository.
    #[error("{0} is in no git repository")]
    NoRepository(String),
    /// The base names no commit.
    #[error("{base:?} names no commit here")]
    UnknownBase {
        /// What the user named.
        base: String,
    },
    /// The history between base and head is not there.
    #[error("the history that {base} and HEAD share is not in this shallow clone")]
    Shallow {
        /// What the user named.
        base: String,
    },
    /// The two share no history.
    #[error("{base} and HEAD share no history")]
    Unrelated {
        /// What the user named.
        base: String,
    },
    /// A file of the base is too large to be read whole.
    #[error("{name} is larger than {limit_mib} MiB at the base", limit_mib = limit >> 20)]
    TooLarge {
        /// The name of the file in the repository.
        name: String,
        /// The most bytes that are read.
        limit: u64,
    },
    /// Git itself failed.
    #[error("git failed: {0}")]
    Failed(String),
}

impl GitError {
    /// The next step; `None` where git itself failed.
    #[must_use]
    pub(crate) fn help(&self) -> Option<String> {
        let help = match self {
            GitError::NoGit(_) => "install it, or compare with a file: --baseline farebox.json",
            GitError::NoRepository(_) => "run it inside of one, or compare with a file: --baseline farebox.json",
            GitError::UnknownBase { base } => return Some(help_of_unknown(base)),
            GitError::Shallow { .. } => {
                "fetch it: `git fetch --unshallow`, or in GitHub Actions `fetch-depth: 0` under actions/checkout, in GitLab `GIT_DEPTH: 0`"
            }
            GitError::Unrelated { .. } => "name another base",
            GitError::TooLarge { .. } => "name a base in which it is smaller",
            GitError::Failed(_) => return None,
        };
        Some(help.to_owned())
    }
}

fn help_of_unknown(base: &str) -> String {
    let short = base.rsplit('/').next().unwrap_or(base);
    match base.split_once('/') {
        Some((remote, branch)) => format!("fetch it first: `git fetch {remote} {branch}`"),
        None => format!("name a branch, a tag or a commit; of a branch that is only on the server: origin/{short}"),
    }
}

/// A git repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    root: PathBuf,
    /// What switches off the filters that its configuration names.
    without_filters: Vec<String>,
}

/// The commit that a change began from.
pub(crate) struct GitBase {
    repository: Repository,
    /// The full id of the commit.
    pub commit: String,
    objects: Option<CatFile>,
}

/// A `git cat-file --batch` that waits for names.
struct CatFile {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Drop for CatFile {
    fn drop(&mut self) {
        // Closing its input ends it; an error means that it has ended already.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl CatFile {
    fn start(repository: &Repository) -> Result<CatFile, GitError> {
        let mut command = command(&repository.root);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(GitError::NoGit)?;
        let out = child.stdout.take().ok_or_else(|| GitError::Failed("it gives no output".into()))?;
        Ok(CatFile { child, out: BufReader::new(out) })
    }

    /// Asks for an object and reads the line that announces it: `<id> blob <size>`, or `<name> missing`.
    fn ask(&mut self, object: &str) -> Result<String, GitError> {
        let stdin = self.child.stdin.as_mut().ok_or_else(|| GitError::Failed("it takes no input".into()))?;
        let asked = stdin.write_all(object.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        asked.and_then(|()| stdin.flush()).map_err(failed)?;
        let mut head = Vec::new();
        self.out.read_until(b'\n', &mut head).map_err(failed)?;
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// The content of an object; `None` where there is none, or it is a folder.
    fn read(&mut self, object: &str, name: &str) -> Result<Option<Vec<u8>>, GitError> {
        let head = self.ask(object)?;
        let mut words = head.trim_end().rsplitn(3, ' ');
        let (size, kind) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let Ok(size) = size.parse::<u64>() else {
            return if head.is_empty() { Err(GitError::Failed("it ended early".into())) } else { Ok(None) };
        };
        match content(&mut self.out, size, LARGEST_WHOLE).map_err(failed)? {
            None => Err(GitError::TooLarge { name: name.to_owned(), limit: LARGEST_WHOLE }),
            Some(bytes) => Ok((kind == "blob").then_some(bytes)),
        }
    }
}

fn failed(error: std::io::Error) -> GitError {
    GitError::Failed(error.to_string())
}

impl Repository {
    /// The repository that a folder is in.
    ///
    /// # Errors
    /// [`GitError::NoGit`], [`GitError::NoRepository`].
    pub(crate) fn of(folder: &Path) -> Result<Repository, GitError> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let output = run(folder, ["rev-parse", "--show-toplevel"].map(OsStr::new))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            if text.contains("dubious ownership") {
                return Err(GitError::Failed(first_line(&text)));
            }
            return Err(GitError::NoRepository(folder.display().to_string()));
        }
        let root = String::from_utf8_lossy(&output.stdout);
        let root = PathBuf::from(root.trim_end_matches(['\n', '\r']));
        let without_filters = without_filters(&root)?;
        Ok(Repository { root, without_filters })
    }

    /// The commit at which the working tree and `base` part: their merge base.
    ///
    /// # Errors
    /// [`GitError::UnknownBase`], [`GitError::Shallow`], [`GitError::Unrelated`].
    pub(crate) fn base(&self, base: &str) -> Result<GitBase, GitError> {
        // A name that begins like an option is none of a commit.
        let named = format!("{base}^{{commit}}");
        let known = !base.starts_with('-')
            && !base.is_empty()
            && self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named])?.status.success();
        let base = base.to_owned();
        if !known {
            return Err(if self.is_shallow()? { GitError::Shallow { base } } else { GitError::UnknownBase { base } });
        }
        let output = self.git(&["merge-base", "--end-of-options", &base, "HEAD"])?;
        let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || commit.is_empty() {
            return Err(if self.is_shallow()? { GitError::Shallow { base } } else { GitError::Unrelated { base } });
        }
        Ok(GitBase { repository: self.clone(), commit, objects: None })
    }

    fn is_shallow(&self) -> Result<bool, GitError> {
        let output = self.git(&["rev-parse", "--is-shallow-repository"])?;
        Ok(output.stdout.starts_with(b"true"))
    }

    fn git(&self, args: &[&str]) -> Result<Output, GitError> {
        run(&self.root, args.iter().map(OsStr::new))
    }

    /// Compares the base with the files as they are, which git would first pass through filters.
    fn diff(&self, args: &[&str]) -> Result<Output, GitError> {
        let filters = self.without_filters.iter().map(String::as_str);
        let safe = ["diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "-z"];
        run(&self.root, filters.chain(safe).chain(args.iter().copied()).map(OsStr::new))
    }

    #[cfg(feature = "folders")]
    /// Its top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path as the repository names it, with slashes; `None` where it is outside.
    #[must_use]
    pub(crate) fn inside(&self, path: &Path) -> Option<String> {
        let absolute = std::path::absolute(path).ok()?;
        // Links in the folder are followed; the file itself need not exist.
        let (folder, name) = (absolute.parent()?, absolute.file_name()?);
        let folder = existing(folder);
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let full = plain(&folder.join(name));
        let relative = full.strip_prefix(&root).ok()?;
        let parts: Option<Vec<&str>> = relative.components().map(|c| c.as_os_str().to_str()).collect();
        Some(parts?.join("/"))
    }
}

/// The folder with its links followed as far as it exists.
fn existing(folder: &Path) -> PathBuf {
    if let Ok(real) = folder.canonicalize() {
        return real;
    }
    match (folder.parent(), folder.file_name()) {
        (Some(parent), Some(name)) => existing(parent).join(name),
        _ => folder.to_owned(),
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn run<'a>(folder: &Path, args: impl IntoIterator<Item = &'a OsStr>) -> Result<Output, GitError> {
    let output = command(folder).args(args).stdin(Stdio::null()).output();
    output.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if folder.exists() => GitError::NoGit(error),
        std::io::ErrorKind::NotFound => GitError::NoRepository(folder.display().to_string()),
        _ => GitError::Failed(error.to_string()),
    })
}

/// Arguments that make filters of files do nothing. No single setting switches all of them off, so each is named.
fn without_filters(root: &Path) -> Result<Vec<String>, GitError> {
    let args = ["config", "--null", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"];
    let output = run(root, args.map(OsStr::new))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut off = Vec::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // The argument could not say where such a name ends.
        if name.contains(['=', '\n', char::REPLACEMENT_CHARACTER]) {
            return Err(GitError::Failed(format!("its configuration has a filter with an odd name: {name:?}")));
        }
        let value = if name.ends_with(".required") { "false" } else { "" };
        off.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    Ok(off)
}

/// What a configuration may not have git do. Options of the command line go before every file.
const CLEAN: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "credential.helper=",
    "diff.external=",
    "protocol.allow=never",
];

/// Variables that change what git does or prints, other than where the repository is and whose configuration holds.
const NOT_PASSED_ON: [&str; 16] = [
    "GIT_ASKPASS",
    "GIT_ATTR_SOURCE",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_REDIRECT_STDERR",
    "GIT_REDIRECT_STDIN",
    "GIT_REDIRECT_STDOUT",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TRACE",
];

fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-pager").args(CLEAN.iter().flat_map(|setting| ["-c", setting]));
    for name in NOT_PASSED_ON {
        command.env_remove(name);
    }
    // A partial clone must not fetch behind the user's back, and messages are read in English.
    command.current_dir(folder).env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    command.env("GIT_TERMINAL_PROMPT", "0");
    command
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").trim_start_matches("fatal: ").to_owned()
}

/// The content of one object and the line feed behind it; `None` where it is larger than `limit`, and then it is passed
/// over, so that the next object can be read.
fn content(out: &mut impl Read, size: u64, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let kept = if size > limit { 0 } else { size };
    out.take(kept).read_to_end(&mut bytes)?;
    let rest = size - kept + 1;
    let passed = std::io::copy(&mut out.take(rest), &mut std::io::sink())?;
    if passed < rest || bytes.len() as u64 != kept {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok((size <= limit).then_some(bytes))
}

impl GitBase {
    /// A file of the base by its path on the disk; `None` where the base does not have it.
    ///
    /// # Errors
    /// [`GitError::Failed`].
    pub(crate) fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
        match self.repository.inside(path) {
            Some(name) => self.read_named(&name),
            None => Ok(None),
        }
    }

    /// A file of the base by its name in the repository.
    ///
    /// # Errors
    /// [`GitError::Failed`], and [`GitError::TooLarge`] beyond [`LARGEST_WHOLE`].
    pub(crate) fn read_named(&mut self, name: &str) -> Result<Option<Vec<u8>>, GitError> {
        let mut object = format!("{}:{name}", self.commit);
        if name.contains('\n') {
            // The process reads one name from each line, so it gets the id instead.
            let output = self.repository.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &object])?;
            if !output.status.success() {
                return Ok(None);
            }
            object = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        let objects = match &mut self.objects {
            Some(objects) => objects,
            None => self.objects.insert(CatFile::start(&self.repository)?),
        };
        objects.read(&object, name)
    }

    /// What a file was called at the base, where git sees that it was renamed since.
    ///
    /// # Errors
    /// [`GitError::Failed`].
    pub(crate) fn renamed_from(&self, path: &Path) -> Result<Option<String>, GitError> {
        let Some(name) = self.repository.inside(path) else { return Ok(None) };
        let args = ["--name-status", "--find-renames", "--diff-filter=R", &self.commit, "--"];
        let output = self.repository.diff(&args)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut fields = text.split('\0');
        while let (Some(_), Some(old), Some(new)) = (fields.next(), fields.next(), fields.next()) {
            if new == name {
                return Ok(Some(old.to_owned()));
            }
        }
        Ok(None)
    }

    #[cfg(feature = "folders")]
    /// The files that differ from the base in the working tree, new ones that are not ignored included.
    ///
    /// # Errors
    /// [`GitError::Failed`].
    pub(crate) fn changed(&self) -> Result<std::collections::BTreeSet<String>, GitError> {
        let mut names = std::collections::BTreeSet::new();
        let changed = self.repository.diff(&["--name-only", "--no-renames", &self.commit, "--"])?;
        let new = self.repository.git(&["ls-files", "--others", "--exclude-standard", "-z"])?;
        for output in [changed, new] {
            if !output.status.success() {
                return Err(GitError::Failed(first_line(&String::from_utf8_lossy(&output.stderr))));
            }
            let text = String::from_utf8_lossy(&output.stdout);
            names.extend(text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned));
        }
        Ok(names)
    }

    /// The path of a name of the repository.
    #[must_use]
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.repository.root.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_passed_over_and_the_next_is_read() {
        let mut out = &b"12345\nabc\n\nde"[..];
        assert_eq!(content(&mut out, 5, 4).unwrap(), None);
        assert_eq!(content(&mut out, 3, 4).unwrap().unwrap(), b"abc");
        assert_eq!(content(&mut out, 0, 4).unwrap().unwrap(), b"");
        assert!(content(&mut out, 2, 4).is_err(), "git ended in the middle of an object");
    }
}
