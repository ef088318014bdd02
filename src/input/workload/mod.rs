//! Reads workload files: `farebox.yaml` in, a checked [`Workload`] out, every objection with its line.
//!
//! [`parse`] turns text into [`raw::RawWorkload`]; `read` checks it, reads the prompts it names and fills in what was
//! not said, each of which is an [`Assumption`](crate::calculator::workload::Assumption).

pub mod quantity;
pub(crate) mod raw;
pub mod rules;
pub(crate) mod tree;

pub(crate) mod choose;
mod data;
mod days;
mod feature;
mod read;
mod reader;
mod recover;
mod root;
pub mod short;

use std::path::Path;

use jiff::civil::Date;

use crate::calculator::workload::Workload;
use crate::input::text::{InputError, LARGEST_YAML, read_regular};
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::{Explained, NO_WHOLE_NUMBER, WHOLE_NUMBER_HELP, explain_shape, problem_of};
use crate::similar::did_you_mean;
pub(crate) use feature::mean_of;
use raw::RawWorkload;
use recover::Recovered;

/// The workload file that a command reads where none is named.
pub const DEFAULT_FILE: &str = "farebox.yaml";

/// Reads the text of a workload file.
///
/// # Errors
/// The first thing that is not YAML or not of the layout, with its place.
///
/// # Examples
/// ```
/// let problem = farebox::input::workload::parse("w.yaml", "version: 1\nfeature: {}\n").unwrap_err();
/// assert_eq!((problem.code, problem.place.line), ("unknown-key", 2));
/// assert!(problem.help.unwrap().contains("`features`"));
/// ```
pub fn parse(path: &str, text: &str) -> Result<RawWorkload, Box<Problem>> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| Box::new(problem(path, &error)))
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    options.reject_unsupported_tags = true;
    // The default budget guards a server; a workload that is too large is to be told so in its own words.
    if let Some(budget) = &mut options.budget {
        budget.max_nodes = 500_000;
        budget.max_events = 2_000_000;
    }
    options
}

fn problem(path: &str, error: &serde_saphyr::Error) -> Problem {
    problem_of(path, error, explain)
}

/// Reads and checks a workload.
///
/// * `path`: the file as the user named it; prompts are looked for next to it.
/// * `today`: the day that a plan without a start is made on.
/// * returns: the workload and what a person should look at.
///
/// # Errors
/// Everything that has to change before it can be planned.
pub fn load(path: &Path, text: &str, today: Date) -> Result<(Workload, Vec<Problem>), Vec<Problem>> {
    load_text(path, text, today, &mut from_disk).map(|(_, workload, warnings)| (workload, warnings))
}

/// Reads and checks a workload whose files come from wherever the caller says.
///
/// # Errors
/// Everything that has to change before it can be planned: mistakes of the layout and of the meaning together.
pub(crate) fn load_text(
    path: &Path,
    text: &str,
    today: Date,
    files: ReadFile<'_>,
) -> Result<(RawWorkload, Workload, Vec<Problem>), Vec<Problem>> {
    load_judged(path, text, today, files, &|_, _| Vec::new())
}

/// Reads and checks a workload, and lets the caller object to what its files cannot say, such as a currency that the price
/// table has no exchange rate of: also where something else is wrong, so that all of it is reported at once.
///
/// * `judge`: objects to a workload, which is only as complete as the file could be read; it is told whether that is whole.
///
/// # Errors
/// Everything that has to change before it can be planned, in the order of the file.
pub(crate) fn load_judged(
    path: &Path,
    text: &str,
    today: Date,
    files: ReadFile<'_>,
    judge: Judge<'_>,
) -> Result<(RawWorkload, Workload, Vec<Problem>), Vec<Problem>> {
    let shown = path.display().to_string();
    if text.len() as u64 > LARGEST_YAML {
        let ((code, message, help), place) = (too_many(), Place { line: 1, column: 1 });
        return Err(vec![Problem { code, severity: Severity::Error, path: shown, place, message, help }]);
    }
    let mut recovered = Recovered::of(&shown, text);
    let Some(raw) = recovered.raw.take() else { return Err(recovered.problems) };
    if recovered.problems.is_empty() {
        return read::read(path, (&raw, true), today, files, judge)
            .map(|(workload, warnings)| (raw, workload, warnings));
    }
    // Rates that could not be read are no rates that are missing.
    let has_lost_rates = raw.exchange.0.is_empty() && text.lines().any(|line| line.starts_with("exchange"));
    let judge: Judge<'_> = if has_lost_rates { &|_, _| Vec::new() } else { judge };
    let loaded = read::read(path, (&raw, false), today, files, judge);
    Err(recovered.with(loaded.err().unwrap_or_default(), text))
}

/// What a caller has against a workload.
pub(crate) type Judge<'j> = &'j dyn Fn(&Workload, bool) -> Vec<Problem>;

/// The largest file that a workload may name: 128 MiB, far more than any model reads or a dataset needs.
const LARGEST_FILE: u64 = 128 << 20;

/// A file as it is on the disk: only files, and none that is too large for a prompt or a dataset.
///
/// # Errors
/// [`InputError`] where it cannot be read, or is no file.
pub(crate) fn from_disk(path: &Path) -> Result<Vec<u8>, InputError> {
    read_regular(path, LARGEST_FILE)
}

/// How the files that a workload names are read: from the disk, or out of an earlier version of them.
pub(crate) type ReadFile<'f> = &'f mut dyn FnMut(&Path) -> Result<Vec<u8>, InputError>;

/// Checks a workload that was parsed, with files that come from wherever the caller says.
///
/// # Errors
/// Everything that has to change before it can be planned.
pub fn load_from(
    path: &Path,
    raw: &RawWorkload,
    today: Date,
    files: ReadFile<'_>,
) -> Result<(Workload, Vec<Problem>), Vec<Problem>> {
    read::read(path, (raw, true), today, files, &|_, _| Vec::new())
}

/// What is said of a file that is too large to be read.
fn too_many() -> Explained {
    let help = "write one feature for calls that are alike, with a dataset for their prompts";
    ("too-large", "the file holds more values than a workload needs".into(), Some(help.into()))
}

/// The words of workload files.
fn explain(error: &serde_saphyr::Error) -> Explained {
    use serde_saphyr::Error;
    match error {
        Error::AliasError { error, .. } => explain(error),
        // `{total: 1,5 EUR}`: inside braces YAML ends a value at a comma.
        Error::SerdeUnknownField { field, .. } if field.starts_with(|c: char| c.is_ascii_digit()) => {
            let message = format!("the comma before {field:?} ends the value");
            ("unknown-key", message, Some(quantity::NUMBERS_HELP.into()))
        }
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = did_you_mean(field, expected.iter().copied());
            let help = format!("{near}The keys here are {}", expected.join(", "));
            ("unknown-key", format!("no key is called {field:?} here"), Some(help))
        }
        Error::Budget { .. } => too_many(),
        Error::Message { msg, .. } => {
            let help = quantity::QuantityError::handed_on(msg).and_then(|error| error.help());
            ("invalid-value", msg.clone(), help)
        }
        Error::InvalidScalar { ty: "u64" | "u32", .. } => {
            ("invalid-value", NO_WHOLE_NUMBER.into(), Some(WHOLE_NUMBER_HELP.into()))
        }
        other => explain_shape(other),
    }
}
