//! Where records are: what a user named, or the folders in which coding agents keep their sessions.
//!
//! Everything below a folder is read, each file once, and what is passed over is said: a log that is left out in silence
//! makes a total too low. Begin at [`Places::named`].

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::account::{InputAccount, NotRead};
use super::homes::holds_usage;
pub use super::homes::{AGENTS, AgentsHome, System};
use super::open::{Part, open};
use super::stream::SourceTally;
use crate::input::dialect::Dialect;
use crate::input::dialect::table::looks_like_table;
use crate::input::text::{InputError, Source};
use crate::input::walk::{Seen, every_file};

/// What files of usage are usually called. These are read whatever they begin with; others, if they begin like usage.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "csv", "tsv", "sse"];

/// Files of these endings may hold usage behind other lines, or inside of an archive.
const LATER: &[&str] = &["log", "gz", "zst", "zip"];

/// How much of a file is looked at to tell whether it holds usage.
const LOOKED_AT: u64 = 1 << 16;

/// How many files of an archive are looked at.
const PARTS: usize = 100;

/// How many names a message lists.
const NAMES: usize = 3;

/// What is read, and what is not.
#[derive(Default)]
pub struct Places {
    /// What is read, in turn.
    pub sources: Vec<Source>,
    /// For each source, whether the user named it itself rather than a folder that it is in.
    named: Vec<bool>,
    /// What cannot be read: the run fails, after the rest was read.
    pub failed: Vec<InputError>,
    /// What was passed over, which a user must know.
    pub warnings: Vec<String>,
    /// What becomes of what was met, as far as is known before it is read.
    account: InputAccount,
    /// What was passed over, or chosen where nothing was named.
    pub notes: Vec<String>,
    seen: Seen,
    /// Files that were met again: how many, and the first with its earlier path.
    again: Option<(u64, String)>,
    /// Files that do not begin like usage, by ending.
    others: BTreeMap<String, u64>,
    /// The first of them.
    first_others: Vec<String>,
}

impl Places {
    /// Standard input alone.
    #[must_use]
    pub fn stdin() -> Self {
        let mut places = Places::default();
        places.add(Source::Stdin, true);
        places
    }

    /// Files, folders with everything below them, and patterns; `-` is standard input.
    #[must_use]
    pub fn named(paths: &[PathBuf]) -> Self {
        let mut places = Places::default();
        paths.iter().for_each(|path| places.add_path(path));
        places.end();
        places
    }

    /// The sessions of one coding agent, or of all; a note names the folders where no agent was asked for.
    ///
    /// # Errors
    /// [`NoSessions`] where none of their folders is there.
    pub fn of_agents(agent: Option<Dialect>, home: &AgentsHome) -> Result<Self, NoSessions> {
        let mut places = Places::default();
        let folders = home.folders_of(agent).map_err(|looked| NoSessions { agent, looked })?;
        if agent.is_none() {
            let shown: Vec<String> = folders.iter().map(|(_, folder)| folder.display().to_string()).collect();
            let note = "no files were named; reading the sessions of coding agents in";
            places.notes.push(format!("{note} {}", shown.join(" and ")));
        }
        for (agent, folder) in &folders {
            places.add_below(folder, &|file| holds_usage(*agent, file));
        }
        // An agent that was never used is nothing to fail for, where others were.
        if !places.sources.is_empty() {
            places.failed.retain(|error| !matches!(error, InputError::Nothing { .. }));
        }
        places.end();
        Ok(places)
    }

    fn add(&mut self, source: Source, named: bool) {
        if !self.sources.contains(&Source::Stdin) || source != Source::Stdin {
            self.sources.push(source);
            self.named.push(named);
        }
    }

    fn add_path(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            return self.add(Source::Stdin, true);
        }
        self.add_below(path, &|_| true);
    }

    /// Files, folders and patterns, but only those files in a folder that may hold usage.
    fn add_below(&mut self, path: &Path, may_hold: &dyn Fn(&Path) -> bool) {
        let mut walked = match every_file(path) {
            Ok(walked) => walked,
            Err(error) => return self.failed.push(error),
        };
        let is_folder = path.is_dir();
        walked.files.retain(|file| !is_folder || may_hold(file));
        let named = walked.files.len() == 1 && walked.files.first().is_some_and(|file| file == path);
        let (mut met, mut others, anything_skipped) = (false, BTreeMap::new(), !walked.skipped.is_empty());
        let mut names = Vec::new();
        for error in walked.skipped {
            match error {
                InputError::NotRegular { .. } | InputError::DeadLink { .. } => {
                    let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
                    self.warnings.push(format!("{error}{help}"));
                    self.account.skipped.push(NotRead::of(&error));
                }
                error => {
                    met = true;
                    self.failed.push(error);
                }
            }
        }
        for file in walked.files {
            if is_folder && !is_usage(&file) {
                *others.entry(ending(&file)).or_default() += 1;
                if names.len() < NAMES {
                    names.push(file.display().to_string());
                }
            } else {
                met = true;
                self.add_file(file, named);
            }
        }
        if is_folder && !met {
            let what = match counts(&others) {
                None if anything_skipped => "nothing in this folder can be read".to_owned(),
                None => "this folder is empty".to_owned(),
                Some(others) => format!("no file in this folder holds usage: it has {others}"),
            };
            let help = "name the files of usage themselves, or the folder that holds them".to_owned();
            self.failed.push(InputError::Nothing { path: path.display().to_string(), what, help });
        } else {
            let room = NAMES.saturating_sub(self.first_others.len());
            self.first_others.extend(names.into_iter().take(room));
            others.into_iter().for_each(|(ending, count)| *self.others.entry(ending).or_default() += count);
        }
    }

    /// What became of everything that was met, with what was found in each source.
    #[must_use]
    pub fn account(&self, found: &[SourceTally]) -> InputAccount {
        let mut account = self.account.clone();
        self.sources.iter().zip(found).for_each(|(source, found)| account.add(source, found));
        account
    }

    fn add_file(&mut self, file: PathBuf, named: bool) {
        match self.seen.before(&file) {
            None => self.add(Source::File(file), named),
            Some(before) => {
                let first = format!("{} is {}", file.display(), before.display());
                self.again.get_or_insert((0, first)).0 += 1;
            }
        }
    }

    fn end(&mut self) {
        for error in &self.failed {
            self.account.found += 1;
            self.account.failed.push(NotRead::of(error));
        }
        self.account.met_again = self.again.as_ref().map_or(0, |(count, _)| *count);
        self.account.unlike_usage = self.others.values().sum();
        if let Some((count, first)) = self.again.take() {
            let (files, are) = if count == 1 { ("file", "was") } else { ("files", "were") };
            self.notes.push(format!("{count} {files} {are} met twice and read once: {first}"));
        }
        if let Some(others) = counts(&self.others) {
            let first = self.first_others.join(", ");
            self.notes.push(format!(
                "skipped what does not begin like usage: {others}, such as {first}; name a file itself to read it"
            ));
        }
    }

    /// What a run found nothing in: an error for each file that was named, and one warning for all others. A file of a
    /// known form that only lacks usage, such as a session that was just begun, is an error where there was no usage at all.
    pub fn without_usage(&self, found: &[SourceTally]) -> (Vec<InputError>, Option<String>) {
        let nothing_at_all = found.iter().all(|found| found.records == 0);
        let (mut errors, mut others) = (Vec::new(), Vec::new());
        for ((source, named), found) in self.sources.iter().zip(&self.named).zip(found) {
            match (found.records, found.bad) {
                _ if found.is_unreadable => {}
                (1.., _) => {}
                (0, bad) if *named && (bad > 0 || nothing_at_all) => errors.push(no_usage(source, bad)),
                _ => others.push(source.name()),
            }
        }
        (errors, (!others.is_empty()).then(|| format!("no usage was recognised in {}", listed(&others))))
    }
}

/// Why a file that was named yields nothing.
fn no_usage(source: &Source, bad: u64) -> InputError {
    let is_empty = match source {
        Source::File(path) => std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == 0),
        _ => false,
    };
    let (what, help) = match (source, bad) {
        (_, 1..) => (
            "no usage was recognised in it",
            "--from DIALECT reads every line as one dialect, --columns says what the columns of a table are",
        ),
        (Source::Stdin, _) => (
            "standard input holds no usage",
            "name the files or their folder, such as `farebox usage logs/`; --from claude-code finds its own",
        ),
        _ if is_empty => ("the file is empty", "name the file that the records are in"),
        (Source::File(path), _) if !path.is_file() => ("it holds no usage", "name the file that the records are in"),
        _ => (
            "it holds no usage: its form is known, but nothing in it was billed yet",
            "name the file that the answers are in",
        ),
    };
    InputError::NoUsage { path: source.name(), what: what.to_owned(), help: help.to_owned() }
}

/// How many, and the first names.
fn listed(names: &[String]) -> String {
    let first = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        1 => first,
        n if n <= NAMES => format!("{n} files: {first}"),
        n => format!("{n} files, such as {first}"),
    }
}

/// `12 files: 9 .md, 2 .png, 1 without an ending`, the most first.
fn counts(others: &BTreeMap<String, u64>) -> Option<String> {
    let mut sorted: Vec<_> = others.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let all: u64 = others.values().sum();
    let listed: Vec<String> =
        sorted.iter().take(2 * NAMES).map(|(ending, count)| format!("{count} {ending}")).collect();
    let more = if sorted.len() > 2 * NAMES { ", …" } else { "" };
    (all > 0).then(|| format!("{all} {} ({}{more})", if all == 1 { "file" } else { "files" }, listed.join(", ")))
}

fn ending(file: &Path) -> String {
    let end = file.extension().map(|end| format!(".{}", end.to_string_lossy().to_lowercase()));
    end.unwrap_or_else(|| "without an ending".to_owned())
}

/// Whether a file of a folder is read: by its ending, or because it begins like usage. What cannot be opened is read too,
/// so that the run says why it cannot.
fn is_usage(file: &Path) -> bool {
    let is_one_of =
        |ends: &[&str]| file.extension().is_some_and(|end| ends.iter().any(|e| end.eq_ignore_ascii_case(e)));
    if is_one_of(ENDINGS) {
        return true;
    }
    let lines = if is_one_of(LATER) { usize::MAX } else { 1 };
    let source = Source::File(file.to_owned());
    match open(&source) {
        Err(InputError::NoUsage { .. }) => false,
        Err(_) => true,
        Ok(parts) => parts.take(PARTS).any(|part| part.is_ok_and(|part| begins_like_usage(part, lines))),
    }
}

/// Whether one of the first lines of a text begins like a record, or the first like the head of a table.
fn begins_like_usage(part: Part, lines: usize) -> bool {
    let mut start = Vec::new();
    // What breaks here breaks again when the file itself is read.
    let _ = part.reader.take(LOOKED_AT).read_to_end(&mut start);
    let text = start.trim_ascii_start();
    let head = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let begins = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
    looks_like_table(head) && names_tokens(head)
        || begins.take(lines).any(|at| begins_record(text.get(at..).unwrap_or_default()))
}

/// Whether a text begins with an object, a list of objects, or an event of a stream.
fn begins_record(text: &[u8]) -> bool {
    match text.split_first() {
        Some((b'{', rest)) => rest.trim_ascii_start().starts_with(b"\""),
        Some((b'[', rest)) => rest.trim_ascii_start().starts_with(b"{"),
        _ => text.starts_with(b"data:") || text.starts_with(b"event:"),
    }
}

/// Whether the head of a table names a column of tokens; a sentence with commas may speak of them too, but not in so few
/// words.
fn names_tokens(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_lowercase();
    head.split([',', ';', '\t']).any(|name| name.contains("token") && name.split_whitespace().count() <= 3)
}

/// No folder of the agents that were asked for is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSessions {
    agent: Option<Dialect>,
    looked: Vec<PathBuf>,
}

impl std::error::Error for NoSessions {}

impl std::fmt::Display for NoSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.agent {
            Some(agent) => write!(f, "no sessions of {} were found; looked in", agent.name())?,
            None => f.write_str(
                "no files were named, nothing is piped in, and no sessions of coding agents were found; looked in",
            )?,
        }
        self.looked.iter().try_for_each(|folder| write!(f, "\n    {}", folder.display()))
    }
}

impl NoSessions {
    /// The next step.
    #[must_use]
    pub fn help(&self) -> String {
        let example = if self.agent.is_none() { ", such as `farebox usage logs/`" } else { "" };
        format!("name the files or their folder{example}")
    }
}
