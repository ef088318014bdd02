//! SARIF 2.1.0: findings for code scanning, with fingerprints that stay the same when lines and numbers change.

use std::io;

use serde_json::{Value, json};

use super::gate::{Gate, codes, fingerprint, json_text};
use crate::calculator::rules::{Code, Finding, Level};

/// One run with every finding; accepted ones are suppressed.
///
/// # Errors
/// What `out` answers.
pub fn write(gate: &Gate, out: &mut dyn io::Write) -> io::Result<()> {
    let rules: Vec<Value> = codes().map(rule).collect();
    let results: Vec<Value> = gate.findings.iter().map(|finding| result(gate, finding)).collect();
    let (version, sha256) = &gate.table;
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "farebox",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": {"id": format!("farebox/check/{}", crate::report::gate::people(&gate.workload))},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "exitCode": gate.exit_code}],
            "results": results,
            "properties": {
                "verdict": gate.verdict(),
                "headline": gate.headline(),
                "base": {"kind": gate.base.kind, "name": gate.base.name, "commit": gate.base.commit},
                "table": {"version": version, "sha256": sha256},
                "assumptions": gate.assumptions,
            },
        }],
    });
    out.write_all(json_text(&document).as_bytes())
}

/// A rule; its name for people must be another word than its id.
fn rule(code: Code) -> Value {
    let pascal: String = code
        .name()
        .split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
        })
        .collect();
    json!({
        "id": code.name(),
        "name": format!("{pascal}Rule"),
        "shortDescription": {"text": format!("{}.", code.about())},
        "fullDescription": {"text": format!("{}.", code.about())},
        "help": {"text": "Change what the finding names, change the rule in the workload file, or accept it for a while: farebox check --accept FEATURE REASON --until DATE."},
        "helpUri": concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/check.md"),
        "defaultConfiguration": {"level": code.level().name()},
    })
}

fn result(gate: &Gate, finding: &Finding) -> Value {
    let index = codes().position(|code| code == finding.code);
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut result = json!({
        "ruleId": finding.code.name(),
        "ruleIndex": index,
        "level": level,
        "message": {"text": text(&finding.message)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": finding.line.max(1)},
        }}],
        "partialFingerprints": {"farebox/v1": fingerprint(finding)},
        "properties": {"feature": finding.feature, "table": gate.table.0},
    });
    if let Some((reason, until)) = &finding.exempted {
        let justification = format!("accepted until {until}: {reason}");
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": justification}]);
    }
    result
}

/// A message as plain text: links in brackets and placeholders in braces have a meaning in SARIF.
fn text(message: &str) -> String {
    let shown = super::inert(message);
    let mut safe = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '[' | ']' | '\\' => safe.extend(['\\', c]),
            '{' => safe.push_str("{{"),
            '}' => safe.push_str("}}"),
            c => safe.push(c),
        }
    }
    safe
}

/// A relative reference: everything but plain characters is percent-encoded, and a backslash is a slash.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
