//! OpenMetrics text: gauges of the bill, for GitLab's metrics reports and for anything that scrapes.

use std::fmt::Write as _;
use std::io;

use super::{CheckReport, FeatureStatus, MonthlyChange};
use crate::calculator::rules::FindingLevel;
use crate::report::inert;

/// Gauges of the plan and its features, ending with `# EOF`.
///
/// # Errors
/// What `out` answers.
pub(super) fn write(check: &CheckReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = String::new();
    info(check, &mut text);
    family(&mut text, "farebox_check_passed", "gauge", "1 where the check passed.");
    sample(&mut text, "farebox_check_passed", &[], if check.passed() { "1" } else { "0" });
    let currency = check.currency.as_str();
    family(&mut text, "farebox_monthly", "gauge", "The bill of the average month.");
    sides(&mut text, "farebox_monthly", None, &check.money, currency);
    family(&mut text, "farebox_feature_monthly", "gauge", "What a feature costs in the average month.");
    for feature in check.features.iter().filter(|f| f.status != FeatureStatus::Unpriced) {
        sides(&mut text, "farebox_feature_monthly", Some(&feature.name), &feature.money, currency);
    }
    family(&mut text, "farebox_change_part", "gauge", "What a factor adds to the bill of the average month.");
    for part in &check.parts {
        let feature = part.feature.as_deref().unwrap_or("");
        let labels = [("feature", feature), ("factor", part.factor.name()), ("currency", currency)];
        sample(&mut text, "farebox_change_part", &labels, &part.amount.to_string());
    }
    family(&mut text, "farebox_findings", "gauge", "Findings by level, without accepted ones.");
    for level in [FindingLevel::Error, FindingLevel::Warning, FindingLevel::Note] {
        let count = check.count(level).to_string();
        sample(&mut text, "farebox_findings", &[("level", level.name())], &count);
    }
    text.push_str("# EOF\n");
    out.write_all(text.as_bytes())
}

/// What was checked, as labels of one sample.
fn info(check: &CheckReport, text: &mut String) {
    let assumptions: Vec<String> =
        check.assumptions.iter().map(|a| format!("{}: {}={}", a.about, a.what, a.value)).collect();
    let labels = [
        ("workload", check.workload.as_str()),
        ("verdict", check.verdict()),
        ("base", &check.base.text),
        ("table_version", &check.table.version),
        ("table_sha256", &check.table.sha256),
        ("currency", &check.currency),
        ("assumptions", &assumptions.join("; ")),
    ];
    family(text, "farebox_check", "info", "What was checked, against what, with which prices.");
    sample(text, "farebox_check_info", &labels, "1");
}

/// A sample for each side that there is.
fn sides(text: &mut String, name: &str, feature: Option<&str>, money: &MonthlyChange, currency: &str) {
    for (side, amount) in [("base", money.base), ("head", Some(money.head))] {
        let Some(amount) = amount else { continue };
        let labels = feature.map(|feature| ("feature", feature)).into_iter();
        let labels: Vec<(&str, &str)> = labels.chain([("side", side), ("currency", currency)]).collect();
        sample(text, name, &labels, &amount.normalize().to_string());
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: &str) {
    text.push_str(name);
    if !labels.is_empty() {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = write!(text, "{{{}}}", pairs.join(","));
    }
    let _ = writeln!(text, " {value}");
}

fn escaped(value: &str) -> String {
    inert(value).replace('\\', "\\\\").replace('"', "\\\"").replace("##[", "# # [")
}
