//! OpenMetrics text: gauges of the bill, for GitLab's metrics reports and for anything that scrapes.

use std::fmt::Write as _;
use std::io;

use super::gate::Gate;
use super::inert;
use crate::calculator::rules::Level;

/// Gauges of the plan and its features, ending with `# EOF`.
///
/// # Errors
/// What `out` answers.
pub fn write(gate: &Gate, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = String::new();
    let (version, sha256) = &gate.table;
    let assumptions: Vec<String> =
        gate.assumptions.iter().map(|a| format!("{}: {}={}", a.about, a.what, a.value)).collect();
    family(&mut text, "farebox_check", "info", "What was checked, against what, with which prices.");
    let labels = [
        ("workload", gate.workload.as_str()),
        ("verdict", gate.verdict()),
        ("base", gate.base.text.as_str()),
        ("table_version", version),
        ("table_sha256", sha256),
        ("currency", &gate.currency),
        ("assumptions", &assumptions.join("; ")),
    ];
    sample(&mut text, "farebox_check_info", &labels, "1");
    family(&mut text, "farebox_check_passed", "gauge", "1 where the check passed.");
    sample(&mut text, "farebox_check_passed", &[], if gate.passed { "1" } else { "0" });
    family(&mut text, "farebox_monthly", "gauge", "The bill of the average month.");
    for (side, amount) in [("base", gate.money.base), ("head", Some(gate.money.head))] {
        if let Some(amount) = amount {
            let labels = [("side", side), ("currency", &gate.currency)];
            sample(&mut text, "farebox_monthly", &labels, &amount.normalize().to_string());
        }
    }
    family(&mut text, "farebox_feature_monthly", "gauge", "What a feature costs in the average month.");
    for feature in gate.features.iter().filter(|f| f.status != "unpriced") {
        for (side, amount) in [("base", feature.money.base), ("head", Some(feature.money.head))] {
            if let Some(amount) = amount {
                let labels = [("feature", feature.name.as_str()), ("side", side), ("currency", &gate.currency)];
                sample(&mut text, "farebox_feature_monthly", &labels, &amount.normalize().to_string());
            }
        }
    }
    family(&mut text, "farebox_change_part", "gauge", "What a factor adds to the bill of the average month.");
    for part in &gate.parts {
        let labels =
            [("feature", part.feature.as_deref().unwrap_or("")), ("factor", part.factor), ("currency", &gate.currency)];
        sample(&mut text, "farebox_change_part", &labels, &part.amount.to_string());
    }
    family(&mut text, "farebox_findings", "gauge", "Findings by level, without accepted ones.");
    for level in [Level::Error, Level::Warning, Level::Note] {
        let count = gate.counting().filter(|f| f.level == level).count();
        sample(&mut text, "farebox_findings", &[("level", level.name())], &count.to_string());
    }
    text.push_str("# EOF\n");
    out.write_all(text.as_bytes())
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
