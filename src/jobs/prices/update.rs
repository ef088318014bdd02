//! What a fresh database would change, as rows: [`report`].

use serde::Serialize;

use super::import::{self, ComparisonHead, database_notes};
use crate::jobs::{Setup, plural};
use crate::pricing::import::Database;
use crate::pricing::import::compare::{ComparedItem, Verdict};
use crate::pricing::update::UpdatePlan;
use crate::report::Report;

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UpdateHead {
    /// The comparison.
    #[serde(flatten)]
    pub comparison: ComparisonHead,
    /// Models of the table whose prices change, as `provider/model`.
    pub changed: Vec<String>,
    /// Models that the table does not have, as `provider/model`.
    pub added: Vec<String>,
    /// What a person should look at before any of this is used.
    pub concerns: Vec<String>,
}

/// What an update would change; what only the table has stays, and is not shown.
#[must_use]
pub fn report(setup: &Setup, database: &Database, plan: &UpdatePlan) -> Report {
    let is_shown = |row: &ComparedItem| matches!(row.verdict, Verdict::Differs | Verdict::OnlyThere);
    let mut report = import::comparison(setup, database, &plan.comparison, is_shown);
    report.state("changed", &plan.changed);
    report.state("added", &plan.added);
    report.state("concerns", plan.concerns.iter().map(ToString::to_string).collect::<Vec<_>>());
    report.notes.extend(database_notes(database));
    report
}

/// What an update changes, in a few words.
#[must_use]
pub fn in_short(plan: &UpdatePlan) -> String {
    format!("{} with other prices, {} new", plural(plan.changed.len() as u64, "model"), plan.added.len())
}

/// The first concerns, a line each.
#[must_use]
pub fn concern_lines(plan: &UpdatePlan) -> Vec<String> {
    const SHOWN: usize = 10;
    let mut lines: Vec<String> = plan.concerns.iter().take(SHOWN).map(ToString::to_string).collect();
    if plan.concerns.len() > SHOWN {
        lines.push(format!("{} more like these", plan.concerns.len() - SHOWN));
    }
    lines
}
