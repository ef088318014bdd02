//! Whether price files are sound: [`lint`].

use serde::Serialize;

use crate::jobs::plural;
use crate::jobs::setup::{Setup, TableStamp, table_stamp};
use crate::pricing::compile::PriceFile;
use crate::pricing::lint::{lint_files, lint_table};
use crate::pricing::problem::{Problem, Severity, render_all};
use crate::report::{Cell, Report, Tone, TypedTable};

/// Something wrong with a price file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LintRow {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What kind of thing, in one word.
    pub code: &'static str,
    /// The file.
    pub path: String,
    /// The line, from 1; 0 where it is about the file.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LintHead {
    /// How many models were checked.
    pub models: usize,
    /// How many prices were checked.
    pub prices: usize,
    /// How many errors there are.
    pub errors: usize,
    /// How many warnings there are.
    pub warnings: usize,
    /// How many notes there are.
    pub notes: usize,
    /// The price table.
    pub table: TableStamp,
}

/// What was found, as a report and as an editor's user reads it.
#[derive(Clone, Debug)]
pub struct LintResult {
    /// The rows, with the summary as a note.
    pub report: Report,
    /// How many models, prices, errors and warnings there are, for people.
    pub summary: String,
    /// How many errors there are.
    pub errors: u64,
    /// How many warnings there are.
    pub warnings: u64,
    /// How many notes there are.
    pub notes: u64,
    problems: Vec<Problem>,
}

/// Checks price files, or the table where there are none.
///
/// * `max_age`: how many days a live price may go unchecked.
#[must_use]
pub fn lint(files: &[PriceFile], max_age: u32, setup: &Setup) -> LintResult {
    let findings = match files {
        [] => lint_table(&setup.table, setup.at, max_age),
        files => lint_files(files, &setup.table, setup.at, max_age),
    };
    let mut report = table().report(findings.problems.iter().map(row));
    let count = |severity| findings.problems.iter().filter(|p| p.severity == severity).count();
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(count);
    let (models, prices) = (findings.models, findings.prices);
    report.state_all(&LintHead { models, prices, errors, warnings, notes, table: table_stamp(setup) });
    let [errors, warnings, notes] = [errors, warnings, notes].map(|count| count as u64);
    let noted = if notes > 0 { format!(", {}", plural(notes, "note")) } else { String::new() };
    let summary = format!(
        "{}, {} checked: {}, {}{noted}",
        plural(models as u64, "model"),
        plural(prices as u64, "price"),
        plural(errors, "error"),
        plural(warnings, "warning")
    );
    report.notes.push(summary.clone());
    report.entitle("Check of price files", format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")));
    LintResult { report, summary, errors, warnings, notes, problems: findings.problems }
}

impl LintResult {
    /// Each problem with the line that it is about, for people.
    #[must_use]
    pub fn with_lines(&self, files: &[PriceFile]) -> String {
        render_all(&self.problems, |path| files.iter().find(|file| file.path == path).map(|file| file.text.as_str()))
    }
}

fn row(problem: &Problem) -> LintRow {
    LintRow {
        severity: problem.severity.name(),
        code: problem.code,
        path: problem.path.clone(),
        line: problem.place.line,
        column: problem.place.column,
        message: problem.message.clone(),
        help: problem.help.clone(),
    }
}

fn table() -> TypedTable<'static, LintRow> {
    let tone = |row: &LintRow| match row.severity {
        "error" => Tone::Bad,
        "warning" => Tone::Warn,
        _ => Tone::Plain,
    };
    let place = |row: &LintRow| match row.line {
        0 => row.path.clone(),
        line => format!("{}:{line}:{}", row.path, row.column),
    };
    TypedTable::new()
        .text("severity", "severity", move |row: &LintRow| Cell::text(row.severity).tone(tone(row)))
        .text("code", "code", |row| Cell::text(row.code))
        .text("place", "place", move |row| Cell::text(place(row)))
        .text("message", "message", |row| Cell::text(&row.message))
}
