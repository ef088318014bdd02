//! What is intended, over months: [`Planned`], and what a change does to it: [`Checked`].

use std::path::Path;

use super::Farebox;
use crate::jobs::JobError;
use crate::jobs::check::{BaseQuery, CheckQuery, CheckSide, check};
use crate::jobs::error::on_one_line;
use crate::jobs::plan::rows::months;
use crate::jobs::plan::{PlanQuery, plan};
use crate::jobs::workload::Unpriced;
use crate::jobs::workload::{PricedWorkload, WorkloadFile};
use crate::money::Usd;
use crate::range::Range;

/// What a workload costs over its months.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planned {
    /// The whole plan with fixed costs, credits and tax: nine of ten draws are within the bounds.
    pub total: Range<Usd>,
    /// The same by month.
    pub months: Vec<PlannedMonth>,
    /// The features that have no price, and why; nothing else leaves them out.
    pub unpriced: Vec<(String, String)>,
    /// What a person should look at in the workload, each with its line.
    pub warnings: Option<String>,
}

/// One month of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedMonth {
    /// Such as `2027-01`.
    pub month: String,
    /// What it costs, with everything.
    pub cost: Range<Usd>,
}

/// What a change of a workload does to its bill.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// Whether no rule of the workload forbids it.
    pub passed: bool,
    /// The one sentence that a person needs.
    pub headline: String,
    /// What breaks a rule, or nearly does.
    pub findings: Vec<CheckedFinding>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedFinding {
    /// The name of the rule.
    pub rule: &'static str,
    /// `error`, `warning` or `note`.
    pub level: &'static str,
    /// What was found.
    pub message: String,
    /// The line of the workload file, from 1; 0 where there is none.
    pub line: usize,
}

impl Farebox {
    /// Plans the workload of a YAML file; prompts and tables that it names are read from next to it.
    ///
    /// # Errors
    /// [`JobError`] where the file cannot be read or used, with every objection and its line, and where nothing in it has a
    /// price. A feature without a price is in [`Planned::unpriced`].
    ///
    /// # Examples
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("farebox.yaml");
    /// std::fs::write(&path, "\
    /// version: 1
    /// start: 2026-12-01
    /// months: 2
    /// features:
    ///   tutor: {model: gpt-4o, prompt: 1000 tokens, output: 500, calls: 1000 per month}
    /// ")?;
    /// let fb = farebox::Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>()?);
    /// let plan = fb.plan(&path)?;
    /// assert_eq!(plan.months[0].month, "2026-12");
    /// // Each month 1,000 calls of 1,000 × 2.50 + 500 × 10, per million.
    /// assert_eq!(plan.total.expected.to_string(), "15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, path: impl AsRef<Path>) -> Result<Planned, JobError> {
        self.plan_file(WorkloadFile::open(Some(path.as_ref()), &self.setup)?)
    }

    /// The same for a text; files that it names are looked for next to `path`.
    ///
    /// # Errors
    /// As [`plan`](Farebox::plan).
    pub fn plan_text(&self, path: impl AsRef<Path>, text: &str) -> Result<Planned, JobError> {
        self.plan_file(WorkloadFile::of_text(path.as_ref(), text.replace("\r\n", "\n"), &self.setup)?)
    }

    fn plan_file(&self, file: WorkloadFile) -> Result<Planned, JobError> {
        let warnings = file.warnings.clone();
        let priced = PricedWorkload::of(file, &self.setup)?;
        let result = plan(priced, &PlanQuery::default(), &self.setup)?;
        let unpriced = |(feature, why): &Unpriced| (feature.clone(), on_one_line(why, why.help()));
        let month = |row: crate::jobs::plan::rows::PlanMonthRow| PlannedMonth {
            month: row.month.to_string(),
            cost: Range { low: row.range.low_usd, expected: row.range.expected_usd, high: row.range.high_usd },
        };
        Ok(Planned {
            total: result.outcome.total,
            months: months(&result).into_iter().map(month).collect(),
            unpriced: result.unpriced.iter().map(unpriced).collect(),
            warnings,
        })
    }

    /// Checks the workload of a YAML file against its rules and, where given, against what an earlier check recorded
    /// (`farebox check --format json`).
    ///
    /// # Errors
    /// [`JobError`] where a file cannot be read or used. A broken rule is not an error: [`Checked::passed`] is false.
    ///
    /// # Examples
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("farebox.yaml");
    /// std::fs::write(&path, "\
    /// version: 1
    /// start: 2026-12-01
    /// months: 1
    /// budget: {total: 10 USD}
    /// features:
    ///   tutor: {model: gpt-4o, prompt: 1000 tokens, output: 500, calls: 10000 per month}
    /// ")?;
    /// let fb = farebox::Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>()?);
    /// let checked = fb.check(&path, None)?;
    /// assert!(!checked.passed, "75 dollars are more than 10");
    /// assert!(checked.findings.iter().any(|finding| finding.level == "error"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, path: impl AsRef<Path>, recorded: Option<&Path>) -> Result<Checked, JobError> {
        let head = CheckSide::open(Some(path.as_ref()), &self.setup)?;
        let base = recorded.map_or(BaseQuery::None, |path| BaseQuery::Baseline(path.to_owned()));
        let query = CheckQuery { base, price_files: Vec::new(), currency: None, strict: false };
        let report = check(&head, &query, &self.setup)?.report;
        let finding = |finding: &crate::calculator::rules::Finding| CheckedFinding {
            rule: finding.rule.name(),
            level: finding.level.name(),
            message: finding.message.clone(),
            line: finding.line,
        };
        Ok(Checked {
            passed: report.passed(),
            headline: report.headline(),
            findings: report.counting().map(finding).collect(),
            notes: report.notes.clone(),
        })
    }
}
