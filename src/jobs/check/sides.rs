//! The two sides of a check: the workload as it is, and as it was at the base.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::say;
use super::shared::Setup;
use crate::cli::error::Error;
use farebox::calculator::workload::Workload;
use farebox::input::git::{Base, GitError, Repository};
use farebox::input::text::{InputError, read_bytes};
use farebox::input::workload::raw::RawWorkload;
use farebox::input::workload::{DEFAULT_FILE, ReadFile, from_disk, load_from, parse};
use farebox::pricing::compile::PriceFile;
use farebox::pricing::problem::{Problem, render_all};
use farebox::report::gate::BaseShown;

/// One side: what was written, what it means, and every file that it names.
pub(crate) struct Side {
    pub path: PathBuf,
    pub text: String,
    pub raw: RawWorkload,
    pub workload: Workload,
    files: Files,
}

/// What was read, by path; `None` where there is no such file.
type Files = Rc<RefCell<BTreeMap<PathBuf, Option<Vec<u8>>>>>;

/// How the files of one side are read.
type Read = Box<dyn Fn(&Path) -> Result<Vec<u8>, InputError>>;

/// What a side was compared with before, as a file recorded it.
pub(crate) struct Recorded {
    pub version: String,
    pub sha256: String,
    pub currency: String,
    pub monthly: Option<Decimal>,
    pub features: BTreeMap<String, Decimal>,
}

/// The base of a check.
pub(crate) struct Against {
    pub shown: BaseShown,
    pub side: Option<Side>,
    /// Price files as they were, where they were other ones.
    pub prices: Option<Vec<PriceFile>>,
    pub recorded: Option<Recorded>,
    pub notes: Vec<String>,
}

impl Side {
    /// The workload in the working tree.
    pub fn head(path: Option<&Path>, setup: &Setup, quiet: bool) -> Result<Side, Error> {
        let path = path.unwrap_or(Path::new(DEFAULT_FILE));
        if path == Path::new(DEFAULT_FILE) && !path.exists() {
            let help = "help: `farebox init` writes one to edit; -w FILE names another; a change that deletes it cannot be checked";
            return Err(Error::Usage(format!("there is no {DEFAULT_FILE} here\n  {help}")));
        }
        let text = String::from_utf8_lossy(&read_bytes(path)?).replace("\r\n", "\n");
        let disk = from_disk();
        let (side, warnings) = Side::read(path, text.clone(), setup.at.date(), Box::new(move |path: &Path| disk(path)))
            .map_err(|problems| {
                Error::Usage(format!("the workload cannot be used\n\n{}", rendered(&problems, &text)))
            })?;
        if !warnings.is_empty() && !quiet {
            say(&rendered(&warnings, &text));
        }
        Ok(side)
    }

    /// A side out of a text that names no files.
    #[cfg(test)]
    pub fn of_text(text: &str, setup: &Setup) -> Side {
        let none = |path: &Path| Err(InputError::Missing { path: path.display().to_string(), similar: None });
        let read = Side::read(Path::new(DEFAULT_FILE), text.to_owned(), setup.at.date(), Box::new(none));
        read.unwrap_or_else(|problems| panic!("{}", rendered(&problems, text))).0
    }

    /// Reads a side whose files come from anywhere.
    fn read(path: &Path, text: String, today: Date, read: Read) -> Result<(Side, Vec<Problem>), Vec<Problem>> {
        let shown = path.display().to_string();
        if let Some(problem) = conflict(&shown, &text) {
            return Err(vec![problem]);
        }
        let raw = parse(&shown, &text).map_err(|problem| vec![*problem])?;
        let files = Files::default();
        let seen = files.clone();
        let recording: ReadFile = Box::new(move |path: &Path| {
            let result = read(path);
            seen.borrow_mut().insert(path.to_owned(), result.as_ref().ok().cloned());
            result
        });
        let (workload, warnings) = load_from(path, &raw, today, recording)?;
        Ok((Side { path: path.to_owned(), text, raw, workload, files }, warnings))
    }

    /// The text of a file that the workload names; `None` where it was not read.
    pub fn file(&self, name: &str) -> Option<String> {
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        let files = self.files.borrow();
        files.get(&path)?.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The side as a file that a later check compares with.
    pub fn recorded(&self, setup: &Setup, money: Map<String, Value>) -> Value {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let files = self.files.borrow();
        let named = files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
            Some((name, json!(String::from_utf8_lossy(bytes.as_ref()?))))
        });
        let mut map = Map::new();
        map.insert("farebox_baseline".into(), json!(1));
        map.insert("farebox".into(), json!(env!("CARGO_PKG_VERSION")));
        map.insert("table".into(), json!(setup.table.id()));
        map.insert("at".into(), json!(setup.at));
        map.extend(money);
        map.insert("workload".into(), json!(self.text));
        map.insert("files".into(), Value::Object(named.collect()));
        Value::Object(map)
    }
}

fn rendered(problems: &[Problem], text: &str) -> String {
    render_all(problems, |_| Some(text)).trim_end().to_owned()
}

/// The markers that an unfinished merge leaves behind.
fn conflict(path: &str, text: &str) -> Option<Problem> {
    let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let line = text.lines().position(is_marker)?;
    Some(Problem {
        code: "merge-conflict",
        severity: farebox::pricing::problem::Severity::Error,
        path: path.to_owned(),
        place: farebox::pricing::problem::Place { line: line + 1, column: 1 },
        message: "an unfinished merge left its markers here".into(),
        help: Some("choose a side, and remove the lines with <<<<<<<, ======= and >>>>>>>".into()),
    })
}

impl Against {
    fn nothing(text: impl Into<String>) -> Against {
        let shown = BaseShown { kind: "none", name: String::new(), commit: None, text: text.into() };
        Against { shown, side: None, prices: None, recorded: None, notes: Vec::new() }
    }

    /// What no base was named for.
    pub fn none() -> Against {
        Self::nothing("No base was given, so nothing was compared: --base origin/main, or --baseline farebox.json.")
    }

    /// The merge base with a commit of git.
    pub fn git(name: &str, head: &Side, overlays: &[PathBuf], setup: &Setup) -> Result<Against, Error> {
        let folder = head.path.parent().unwrap_or(Path::new(""));
        let repository = Repository::of(folder)?;
        let base = Rc::new(repository.base(name)?);
        let short: String = base.commit.chars().take(12).collect();
        let mut path = head.path.clone();
        let mut bytes = base.read(&path)?;
        let mut notes = Vec::new();
        if bytes.is_none()
            && let Some(old) = base.renamed_from(&path)?
        {
            bytes = base.read_named(&old)?;
            notes.push(format!("The workload file was called {old} at the base."));
            path = base.path_of(&old);
        }
        let shown =
            |text: String| BaseShown { kind: "git", name: name.to_owned(), commit: Some(base.commit.clone()), text };
        let Some(bytes) = bytes else {
            let text = format!(
                "{name} (merge base {short}) has no {}: everything is new, and nothing was compared.",
                head.path.display()
            );
            return Ok(Against { shown: shown(text), ..Self::nothing("") });
        };
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let files = base.clone();
        let read = move |path: &Path| match files.read(path) {
            Ok(Some(bytes)) => Ok(bytes),
            Err(GitError::TooLarge { limit, .. }) => {
                Err(InputError::TooLarge { path: path.display().to_string(), limit })
            }
            _ => Err(InputError::Missing { path: path.display().to_string(), similar: None }),
        };
        let side = match Side::read(&path, text.clone(), setup.at.date(), Box::new(read)) {
            Ok((side, _)) => Some(side),
            Err(problems) => {
                let first = problems.first().map(ToString::to_string).unwrap_or_default();
                let first = first.lines().next().unwrap_or("").to_owned();
                notes.push(format!("The workload at the base cannot be used, so nothing was compared: {first}"));
                None
            }
        };
        let prices = earlier_prices(&base, overlays)?;
        let text = format!("Compared with {name}, at the merge base {short}.");
        Ok(Against { shown: shown(text), side, prices, recorded: None, notes })
    }

    /// A file that an earlier check wrote.
    pub fn baseline(path: &Path, head: &Side, setup: &Setup) -> Result<Against, Error> {
        let shown = path.display().to_string();
        let refuse = |why: String| {
            Error::Usage(format!(
                "{shown} is no baseline: {why}\n  help: write one with `farebox check --write-baseline {shown}`"
            ))
        };
        let json: Value = serde_json::from_slice(&read_bytes(path)?).map_err(|error| refuse(error.to_string()))?;
        match json.get("farebox_baseline").and_then(Value::as_u64) {
            Some(1) => {}
            Some(other) => return Err(refuse(format!("it has version {other} of the layout, this farebox reads 1"))),
            None => return Err(refuse("it has no farebox_baseline".into())),
        }
        let text_of = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let text = text_of(json.get("workload")).ok_or_else(|| refuse("it holds no workload".into()))?;
        let folder = head.path.parent().unwrap_or(Path::new("")).to_owned();
        let files: BTreeMap<PathBuf, Vec<u8>> = json
            .get("files")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, text)| Some((folder.join(name), text.as_str()?.as_bytes().to_vec())))
            .collect();
        let read = move |path: &Path| {
            let missing = || InputError::Missing { path: path.display().to_string(), similar: None };
            files.get(path).cloned().ok_or_else(missing)
        };
        let (side, _) = Side::read(&head.path, text.clone(), setup.at.date(), Box::new(read))
            .map_err(|problems| refuse(format!("its workload cannot be used\n\n{}", rendered(&problems, &text))))?;
        let table = json.get("table");
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
        let recorded = Recorded {
            version: text_of(table.and_then(|t| t.get("version")))
                .ok_or_else(|| refuse("it does not say which price table it is of".into()))?,
            sha256: text_of(table.and_then(|t| t.get("sha256"))).unwrap_or_default(),
            currency: text_of(json.get("currency")).unwrap_or_else(|| "USD".into()),
            monthly: json.get("monthly").and_then(number),
            features: json
                .get("features")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), number(value)?)))
                .collect(),
        };
        let at = text_of(json.get("at")).unwrap_or_default();
        let text = format!("Compared with {shown}, recorded {at} with price table {}.", recorded.version);
        let base = BaseShown { kind: "baseline", name: shown, commit: None, text };
        Ok(Against { shown: base, side: Some(side), prices: None, recorded: Some(recorded), notes: Vec::new() })
    }
}

/// The price files laid over the table as they were at the base; `None` where they are the same.
fn earlier_prices(base: &Base, overlays: &[PathBuf]) -> Result<Option<Vec<PriceFile>>, Error> {
    let mut files = Vec::new();
    let mut differ = false;
    for path in overlays {
        let now = super::shared::read_price_file(path)?;
        // A file that the base does not have, or that is outside of the repository, is the same on both sides.
        let text = match base.read(path)? {
            Some(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "\n"),
            None => now.text.clone(),
        };
        differ |= text != now.text;
        files.push(PriceFile { path: now.path, text });
    }
    Ok(differ.then_some(files))
}

impl From<GitError> for Error {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Failed(_) => Error::Io(std::io::Error::other(error.to_string())),
            other => Error::Usage(other.to_string()),
        }
    }
}
