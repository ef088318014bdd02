//! GitLab's code quality report: a list of issues, with the verdict as the first.

use std::io;

use serde_json::{Value, json};

use super::CheckReport;
use super::text::{fingerprint, fingerprint_of, json_text, people};
use crate::calculator::rules::{Finding, FindingLevel, RuleCode};
use crate::calculator::workload::Assumption;
use crate::pricing::TableId;
use crate::report::inert;

/// The list. Accepted findings are of the least severity.
///
/// # Errors
/// What `out` answers.
pub(super) fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let issues = std::iter::once(verdict(check)).chain(check.findings.iter().map(issue));
    out.write_all(json_text(&issues.collect()).as_bytes())
}

fn verdict(check: &CheckReport) -> Value {
    let assumption = |a: &Assumption| format!("{}: {} = {}", people(&a.about), people(&a.what), people(&a.value));
    let assumptions: Vec<String> = check.assumptions.iter().map(assumption).collect();
    let TableId { version, sha256 } = &check.table;
    json!({
        "description": format!("{}. {}.", check.summary(), check.headline()),
        "check_name": "farebox-verdict",
        // The rule is part of what GitLab knows the entry by, although it is of none.
        "fingerprint": fingerprint_of([RuleCode::MaxTotal.name(), "", &check.workload, "verdict"]),
        "severity": "info",
        "location": {"path": path(&check.workload), "lines": {"begin": 1}},
        "content": {"body": format!("{} Prices: table {version} (sha256 {sha256}).\n\nAssumptions:\n{}", people(&check.base.text), assumptions.join("\n"))},
    })
}

fn issue(finding: &Finding) -> Value {
    let severity = match (finding.exempted.is_some(), finding.level) {
        (true, _) | (_, FindingLevel::Note) => "info",
        (_, FindingLevel::Error) => "critical",
        (_, FindingLevel::Warning) => "minor",
    };
    json!({
        "description": inert(&finding.in_full()),
        "check_name": finding.rule.name(),
        "fingerprint": fingerprint(finding),
        "severity": severity,
        "location": {"path": path(&finding.file), "lines": {"begin": finding.line.max(1)}},
    })
}

/// A path from the top of the repository; GitLab refuses one that begins with `./`.
fn path(path: &str) -> String {
    let shown = inert(path).replace('\\', "/");
    shown.strip_prefix("./").unwrap_or(&shown).to_owned()
}
