//! JUnit's XML: one test for each rule and feature that failed, and one for each rule that held.

use std::fmt::Write as _;
use std::io;

use super::CheckReport;
use super::text::place;
use crate::calculator::rules::{Finding, FindingLevel};
use crate::report::inert;

/// One suite. Errors are failures, warnings pass with their text, accepted findings are skipped.
///
/// # Errors
/// What `out` answers.
pub(super) fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let broken = |rule: &str| check.findings.iter().any(|f| f.rule.name() == rule);
    let held: Vec<&str> = check.rules.iter().copied().filter(|rule| !broken(rule)).collect();
    let failures = check.count(FindingLevel::Error);
    let skipped = check.findings.len() - check.counting().count();
    let tests = check.findings.len() + held.len();
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let suite = xml(&format!("farebox check {}", check.workload));
    let _ = writeln!(text, "<testsuites name=\"farebox\" {counts} time=\"0\">");
    let _ = writeln!(text, "  <testsuite name=\"{suite}\" {counts} time=\"0\">");
    properties(check, &mut text);
    check.findings.iter().for_each(|finding| case(finding, &mut text));
    for rule in held {
        let _ = writeln!(text, "    <testcase name=\"{rule}\" classname=\"farebox.{rule}\" time=\"0\"/>");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    out.write_all(text.as_bytes())
}

fn properties(check: &CheckReport, text: &mut String) {
    let mut properties = vec![
        ("verdict", check.verdict().to_owned()),
        ("headline", check.headline()),
        ("base", check.base.text.clone()),
        ("table", format!("{} sha256 {}", check.table.version, check.table.sha256)),
    ];
    for a in &check.assumptions {
        properties.push(("assumption", format!("{}: {} = {} ({})", a.about, a.what, a.value, a.origin)));
    }
    text.push_str("    <properties>\n");
    for (name, value) in properties {
        let _ = writeln!(text, "      <property name=\"{name}\" value=\"{}\"/>", xml(&value));
    }
    text.push_str("    </properties>\n");
}

fn case(finding: &Finding, text: &mut String) {
    let rule = finding.rule.name();
    let about = finding.feature.as_deref().unwrap_or("plan");
    let message = xml(&finding.in_full());
    let body = format!("{}: {message}", xml(&place(&finding.file, finding.line)));
    let _ = writeln!(
        text,
        "    <testcase name=\"{rule}: {}\" classname=\"farebox.{rule}\" file=\"{}\" line=\"{}\" time=\"0\">",
        xml(about),
        xml(&finding.file),
        finding.line.max(1)
    );
    let _ = match (finding.exempted.is_some(), finding.level) {
        (true, _) => writeln!(text, "      <skipped message=\"{message}\"/>"),
        (_, FindingLevel::Error) => {
            writeln!(text, "      <failure message=\"{message}\" type=\"{rule}\">{body}</failure>")
        }
        _ => writeln!(text, "      <system-out>{body}</system-out>"),
    };
    text.push_str("    </testcase>\n");
}

/// Text in an attribute or between tags; what XML cannot hold is spelled out before.
fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in inert(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '#' => safe.push_str("&#35;"),
            // Not characters of XML 1.0.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
