//! One side of a check: what was written, what it means, and every file that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::calculator::workload::Workload;
use crate::input::text::{InputError, decoded, read_yaml};
use crate::input::workload::raw::{RawFeature, RawWorkload};
use crate::input::workload::{DEFAULT_FILE, ReadFile, from_disk, load_text};
use crate::jobs::{JobError, Setup};
use crate::pricing::problem::{Place, Problem, Severity, render_all};

/// A workload with the files that it names, as they are or as they were.
#[derive(Debug)]
pub struct CheckSide {
    /// The workload file.
    pub(super) path: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// What it says, with places.
    pub(super) raw: RawWorkload,
    /// What that means.
    pub(super) workload: Workload,
    /// What a person should look at, each with its line; `None` where there is nothing.
    pub warnings: Option<String>,
    /// What was read, by path; `None` where there is no such file.
    files: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl CheckSide {
    /// The workload in the working tree; `farebox.yaml` where no path is given.
    ///
    /// # Errors
    /// [`JobError`] where there is no such file, or it cannot be used: every objection with its line.
    pub fn open(path: Option<&Path>, setup: &Setup) -> Result<CheckSide, JobError> {
        let path = path.unwrap_or(Path::new(DEFAULT_FILE));
        if path == Path::new(DEFAULT_FILE) && !path.exists() {
            let help =
                "`farebox init` writes one to edit; -w FILE names another; a change that deletes it cannot be checked";
            return Err(JobError::asked(format!("there is no {DEFAULT_FILE} here"), help));
        }
        let text = String::from_utf8_lossy(&read_yaml(path)?).replace("\r\n", "\n");
        CheckSide::read(path, &text, setup.at.date(), &mut from_disk).map_err(|problems| JobError::Asked {
            message: format!("the workload cannot be used\n\n{}", rendered(&problems, &text)),
            help: None,
        })
    }

    /// A side out of a text that names no files.
    #[cfg(test)]
    pub(super) fn of_text(text: &str, setup: &Setup) -> CheckSide {
        let mut none = |path: &Path| Err(InputError::Missing { path: path.display().to_string(), similar: None });
        let read = CheckSide::read(Path::new(DEFAULT_FILE), text, setup.at.date(), &mut none);
        read.unwrap_or_else(|problems| panic!("{}", rendered(&problems, text)))
    }

    /// Reads a side whose files come from anywhere.
    pub(super) fn read(
        path: &Path,
        text: &str,
        today: Date,
        read_file: ReadFile<'_>,
    ) -> Result<CheckSide, Vec<Problem>> {
        let shown = path.display().to_string();
        if let Some(problem) = conflict(&shown, text) {
            return Err(vec![problem]);
        }
        let mut files = BTreeMap::new();
        let mut recording = |path: &Path| {
            let result: Result<Vec<u8>, InputError> = read_file(path);
            files.insert(path.to_owned(), result.as_ref().ok().cloned());
            result
        };
        let (raw, workload, warnings) = load_text(path, text, today, &mut recording)?;
        let warnings = (!warnings.is_empty()).then(|| rendered(&warnings, text));
        Ok(CheckSide { path: path.to_owned(), text: text.to_owned(), raw, workload, warnings, files })
    }

    /// The text of a file that the workload names; `None` where it was not read.
    pub(super) fn file(&self, name: &str) -> Option<String> {
        let bytes = self.files.get(&self.folder().join(name))?.as_ref()?;
        Some(decoded(bytes))
    }

    /// Every file that was read, by its name in the folder of the workload.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, String)> {
        self.files.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix(self.folder()).unwrap_or(path).display().to_string();
            Some((name, decoded(bytes.as_ref()?)))
        })
    }

    /// The folder that files are named from.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The workload file, as findings name it.
    pub(super) fn name(&self) -> String {
        slashed(&self.path)
    }

    /// A file that the workload names, as findings name it.
    pub(super) fn named(&self, name: &str) -> String {
        slashed(&self.folder().join(name))
    }

    /// A feature as it is written, and its line.
    pub(super) fn feature(&self, name: &str) -> Option<(usize, &RawFeature)> {
        self.raw.features.0.iter().find(|(key, _)| key.value == name).map(|(key, raw)| (key.place.line, raw))
    }

    /// The line of a feature; 0 where there is none of that name.
    pub(super) fn line_of(&self, feature: &str) -> usize {
        self.feature(feature).map_or(0, |(line, _)| line)
    }
}

/// A path as findings name it: with slashes, and without `./` before it.
fn slashed(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

pub(super) fn rendered(problems: &[Problem], text: &str) -> String {
    render_all(problems, |_| Some(text)).trim_end().to_owned()
}

/// The markers that an unfinished merge leaves behind.
fn conflict(path: &str, text: &str) -> Option<Problem> {
    let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let line = text.lines().position(is_marker)?;
    Some(Problem {
        code: "merge-conflict",
        severity: Severity::Error,
        path: path.to_owned(),
        place: Place { line: line + 1, column: 1 },
        message: "an unfinished merge left its markers here".into(),
        help: Some("choose a side, and remove the lines with <<<<<<<, ======= and >>>>>>>".into()),
    })
}
