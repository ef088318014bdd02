//! GitLab's code quality report: a list of issues, with the verdict as the first.

use std::io;

use serde_json::{Value, json};

use super::gate::{Gate, fingerprint, json_text, message, people};
use crate::calculator::rules::{Finding, Level};

/// The list. Accepted findings are of the least severity.
///
/// # Errors
/// What `out` answers.
pub fn write(gate: &Gate, out: &mut dyn io::Write) -> io::Result<()> {
    let (version, sha256) = &gate.table;
    let assumptions: Vec<String> = gate
        .assumptions
        .iter()
        .map(|a| format!("{}: {} = {}", people(&a.about), people(&a.what), people(&a.value)))
        .collect();
    let summary = json!({
        "description": format!("{}. {}.", gate.summary(), gate.headline()),
        "check_name": "farebox-verdict",
        "fingerprint": crate::report::gate::fingerprint(&Finding {
            code: crate::calculator::rules::Code::MaxTotal,
            level: Level::Note,
            feature: None,
            message: String::new(),
            file: gate.workload.clone(),
            line: 0,
            exempted: None,
            subject: "verdict".into(),
        }),
        "severity": "info",
        "location": {"path": path(&gate.workload), "lines": {"begin": 1}},
        "content": {"body": format!("{} Prices: table {version} (sha256 {sha256}).\n\nAssumptions:\n{}", people(&gate.base.text), assumptions.join("\n"))},
    });
    let mut list = vec![summary];
    list.extend(gate.findings.iter().map(issue));
    out.write_all(json_text(&Value::Array(list)).as_bytes())
}

fn issue(finding: &Finding) -> Value {
    let severity = match (finding.exempted.is_some(), finding.level) {
        (true, _) | (_, Level::Note) => "info",
        (_, Level::Error) => "critical",
        (_, Level::Warning) => "minor",
    };
    json!({
        "description": super::inert(&message(finding)),
        "check_name": finding.code.name(),
        "fingerprint": fingerprint(finding),
        "severity": severity,
        "location": {"path": path(&finding.file), "lines": {"begin": finding.line.max(1)}},
    })
}

/// A path from the top of the repository; GitLab refuses one that begins with `./`.
fn path(path: &str) -> String {
    let shown = super::inert(path).replace('\\', "/");
    shown.strip_prefix("./").unwrap_or(&shown).to_owned()
}
