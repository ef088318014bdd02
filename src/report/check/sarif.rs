//! SARIF 2.1.0: findings for code scanning, with fingerprints that stay the same when lines and numbers change.

use std::io;

use serde_json::{Value, json};

use super::CheckReport;
use super::text::{fingerprint, json_text, people};
use crate::calculator::rules::{Exempted, Finding, RuleCode};
use crate::report::inert;

/// One run with every finding; accepted ones are suppressed.
///
/// # Errors
/// What `out` answers.
pub(crate) fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let rules: Vec<Value> = RuleCode::ALL.iter().copied().map(rule).collect();
    let results: Vec<Value> = check.findings.iter().map(|finding| result(check, finding)).collect();
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
            "automationDetails": {"id": format!("farebox/check/{}", people(&check.workload))},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "exitCode": check.exit_code}],
            "results": results,
            "properties": {
                "verdict": check.verdict(),
                "headline": check.headline(),
                "base": check.base,
                "table": check.table,
                "assumptions": check.assumptions,
            },
        }],
    });
    out.write_all(json_text(&document).as_bytes())
}

/// A rule; its name for people must be another word than its id.
fn rule(code: RuleCode) -> Value {
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

fn result(check: &CheckReport, finding: &Finding) -> Value {
    let index = RuleCode::ALL.iter().position(|code| *code == finding.rule);
    let mut result = json!({
        "ruleId": finding.rule.name(),
        "ruleIndex": index,
        "level": finding.level.name(),
        "message": {"text": text(&finding.message_with_help())},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": finding.line.max(1)},
        }}],
        "partialFingerprints": {"farebox/v1": fingerprint(finding)},
        "properties": {"feature": finding.feature, "table": check.table.version},
    });
    if let Some(Exempted { reason, until }) = &finding.exempted {
        let justification = format!("accepted until {until}: {reason}");
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": justification}]);
    }
    result
}

/// A message as plain text: links in brackets and placeholders in braces have a meaning in SARIF.
fn text(message: &str) -> String {
    let shown = inert(message);
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
