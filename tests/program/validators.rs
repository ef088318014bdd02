//! Reports and workflow files before the validators that their readers have: Microsoft's SARIF multitool, junitparser,
//! Prometheus' OpenMetrics parser, a JSON schema of GitLab's documented form, action-validator, and the FinOps Foundation's
//! focus-validator.
//!
//! `tests/validate/setup.sh` installs them; `.ci/run` calls it and sets `FAREBOX_VALIDATORS` to the folder. Where that is not
//! set, the tests are listed as ignored; where it is set and a tool is missing, they fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::farebox;
use serde_json::Value;

fn validators() -> PathBuf {
    let folder = std::env::var_os("FAREBOX_VALIDATORS").map(PathBuf::from);
    let folder = folder.expect(
        "FAREBOX_VALIDATORS is not set: run `FAREBOX_VALIDATORS=$(tests/validate/setup.sh) cargo test -- --ignored`",
    );
    assert!(folder.is_dir(), "{} is no folder: run tests/validate/setup.sh", folder.display());
    folder
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a validator, which must be there and be content.
fn run(program: &Path, args: &[&str], dir: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(dir).output();
    let output = output.unwrap_or_else(|e| panic!("{} cannot be run: {e}", program.display()));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {args:?} is not content:\n{text}", program.display());
    text
}

/// Names that every format has to escape.
const NAMES: [&str; 4] = [
    "plain",
    "a \\\"quoted\\\" <b>&amp; ]]> name",
    "line\\nbreak ::error:: ##[x] `$(id)`",
    "ünïcode \\u202e \\u0000 {0} [1](2)",
];

/// A folder with a report in every form, of a check with errors, warnings, notes and something accepted.
fn reports() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut yaml = String::from("version: 1\nstart: 2027-09-01\nmonths: 3\nfeatures:\n");
    for name in NAMES {
        yaml += &format!(
            "  \"{name}\": {{model: openai/gpt-4o, prompt: 1000, output: 100..200..300, calls: 100 per day}}\n"
        );
    }
    yaml += "check:\n  rules:\n    max-feature: 1 USD\n    max-total: {limit: 1 USD, level: warning, message: \"<dear>\"}\n    max-context: 90%\n    nonsense: 1\n  exemptions:\n    - {feature: plain, reason: \"said \\\"so\\\" & <b>\", until: 2030-01-01}\n    - {feature: nobody, reason: x, until: 2030-01-01}\n";
    fs::write(dir.path().join("farebox.yaml"), yaml).unwrap();
    let forms = [
        ("sarif", "farebox.sarif"),
        ("junit", "junit.xml"),
        ("gitlab", "gitlab.json"),
        ("openmetrics", "metrics.txt"),
        ("json", "farebox.json"),
    ];
    let check = farebox(["check", "--at", "2026-11-22", "--ci", "none"]).dir(dir.path());
    let check = forms.iter().fold(check, |check, (form, file)| check.arg("--report").arg(format!("{form}={file}")));
    check.run().code(2);
    dir
}

#[test]
#[ignore = "needs the validators of tests/validate/setup.sh"]
fn sarif_is_what_microsofts_multitool_takes() {
    let (tools, dir) = (validators(), reports());
    let tool = tools.join("node_modules/.bin/sarif-multitool");
    // The tool ends with 0 whatever it finds; its own findings stand in the log that it writes.
    run(&tool, &["validate", "farebox.sarif", "--output", "verdict.sarif", "--log", "ForceOverwrite"], dir.path());
    let verdict = fs::read_to_string(dir.path().join("verdict.sarif")).unwrap();
    let verdict: Value = serde_json::from_str(verdict.trim_start_matches('\u{feff}')).unwrap();
    let found = verdict["runs"][0]["results"].as_array().unwrap();
    let bad: Vec<&Value> =
        found.iter().filter(|r| r["level"] == "error" || r.get("level").is_none() || r["level"] == "warning").collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(verdict["runs"][0]["invocations"][0]["executionSuccessful"], true, "{verdict:#}");
    let ours: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("farebox.sarif")).unwrap()).unwrap();
    let json: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("farebox.json")).unwrap()).unwrap();
    assert_eq!(ours["runs"][0]["results"].as_array().unwrap().len(), json["findings"].as_array().unwrap().len());
}

#[test]
#[ignore = "needs the validators of tests/validate/setup.sh"]
fn junit_openmetrics_and_gitlab_are_read_by_their_parsers() {
    let (tools, dir) = (validators(), reports());
    let python = tools.join("venv/bin/python");
    let (script, schema) =
        (repository().join("tests/validate/reports.py"), repository().join("tests/validate/gitlab.schema.json"));
    let read = run(
        &python,
        &[&script.display().to_string(), &dir.path().display().to_string(), &schema.display().to_string()],
        dir.path(),
    );
    let read: Value = serde_json::from_str(&read).unwrap_or_else(|e| panic!("{e}: {read}"));
    let json: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("farebox.json")).unwrap()).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let is_accepted = |f: &&Value| !f["exempted"].is_null();
    let failures = findings.iter().filter(|f| f["level"] == "error" && f["exempted"].is_null()).count();
    assert_eq!(read["failures"], failures, "{read:#}");
    assert_eq!(read["skipped"], findings.iter().filter(is_accepted).count());
    assert_eq!(read["declared"], serde_json::json!([read["tests"], read["failures"], read["skipped"]]));
    assert_eq!(read["issues"], findings.len() + 1);
    assert_eq!(read["features"].as_array().unwrap().len(), NAMES.len());
}

#[test]
#[ignore = "needs the validators of tests/validate/setup.sh"]
fn the_action_and_the_workflows_are_valid() {
    let tool = validators().join("node_modules/.bin/action-validator");
    run(&tool, &["action.yml"], repository());
    let workflows = fs::read_dir(repository().join(".github/workflows")).unwrap();
    for file in workflows.map(|f| f.unwrap().path()) {
        run(&tool, &[&file.display().to_string()], repository());
    }
    // A validator that takes everything would say nothing: it must object to this one.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("action.yml"), "name: x\nruns: {using: nonsense}\n").unwrap();
    let output = Command::new(&tool).arg("action.yml").current_dir(dir.path()).output().unwrap();
    assert!(!output.status.success());
}

/// A FOCUS table of everything that is priced in the samples.
fn focus_table(dir: &Path) -> PathBuf {
    let path = dir.join("focus.csv");
    let run =
        farebox(["usage", "--format", "focus", "tests/data/usage", "--output", &path.display().to_string()]).run();
    assert!(path.is_file(), "{}", run.stderr);
    path
}

/// What focus-validator says about a table, with the rules that failed. It looks for its own data below the folder it runs in.
fn focus_failures(environment: &Path, args: &[&str]) -> (Vec<String>, String) {
    let lib = fs::read_dir(environment.join("lib")).unwrap().next().unwrap().unwrap().path().join("site-packages");
    let tool = environment.join("bin/focus-validator");
    let output = Command::new(&tool).args(args).current_dir(lib).output();
    let output = output.unwrap_or_else(|e| panic!("{} cannot be run: {e}", tool.display()));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let failed = |line: &str| {
        let of_1 = line.strip_suffix(" failed:").map(str::to_owned);
        of_1.or_else(|| Some(line.strip_prefix("❌ ")?.split(':').next()?.to_owned()))
    };
    (text.lines().filter_map(failed).collect(), text)
}

/// The columns of FOCUS 1.0 with the types and values that 1.0.0 of the validator knows. What it still objects to are rules
/// of its own that bear names which version 1.0 of the specification does not have: its columns are InvoiceIssuerName,
/// ProviderName, PublisherName, ResourceId and, in place of ChargeType, ChargeCategory
/// (https://focus.finops.org/focus-specification/v1-0/, "Column ID" of each, and its changes since 1.0-preview). A table that
/// has nothing but the specification's own columns gets the same objections, which the test shows.
#[test]
#[ignore = "needs the validators of tests/validate/setup.sh"]
fn focus_1_0_is_what_the_official_validator_takes() {
    let (tools, dir) = (validators(), tempfile::tempdir().unwrap());
    let of_the_validator = [
        "InvoiceIssuer_Required",
        "Provider_Required",
        "Publisher_Required",
        "ResourceID_Required",
        "SkuPriceId_Nullable",
    ];
    let failures = |table: &Path| {
        let args = ["--data-file", &table.display().to_string(), "--validate-version", "1.0"];
        focus_failures(&tools.join("focus-1"), &args)
    };
    let table = focus_table(dir.path());
    let (failed, text) = failures(&table);
    assert_eq!(failed, of_the_validator, "{text}");
    let (failed, text) = failures(&repository().join("tests/data/focus-1.0-example.csv"));
    assert_eq!(failed, of_the_validator, "{text}");
    // A validator that takes everything would say nothing: it must object to a currency that is none.
    let broken = dir.path().join("broken.csv");
    fs::write(&broken, fs::read_to_string(&table).unwrap().replace(",USD,", ",Dollar,")).unwrap();
    let (failed, text) = failures(&broken);
    assert!(failed.contains(&"BillingCurrency_IsCurrencyCode".to_owned()), "{text}");
}

/// FOCUS 1.2 by version 2 of the validator, which needs Python 3.12. Its rule InvoiceId-C-005-C says in words
/// "MUST NOT be null when the charge is associated with either an issued invoice or a pre-generated provisional invoice" and
/// states no condition (`"Condition": {}` in its model-1.2.0.1.json); these charges are on no invoice.
#[test]
#[ignore = "needs the validators of tests/validate/setup.sh"]
fn focus_1_2_is_what_the_official_validator_takes() {
    let (tools, dir) = (validators(), tempfile::tempdir().unwrap());
    let table = focus_table(dir.path());
    let failures = |table: &Path| {
        let args = ["--block-download", "--data-file", &table.display().to_string(), "--validate-version", "1.2"];
        focus_failures(&tools.join("focus-2"), &[&args[..], &["--show-violations"]].concat())
    };
    let (failed, text) = failures(&table);
    assert_eq!(failed, ["InvoiceId-C-005-C"], "{text}");
    let broken = dir.path().join("broken.csv");
    fs::write(&broken, fs::read_to_string(&table).unwrap().replace(",Usage-Based,", ",Sometimes,")).unwrap();
    let (failed, text) = failures(&broken);
    assert!(failed.iter().any(|rule| rule.starts_with("ChargeFrequency")), "{text}");
}

/// What an expression puts into a script, a name can put there: inputs reach scripts through the environment alone.
#[test]
fn scripts_of_the_action_hold_no_expressions() {
    let text = fs::read_to_string(repository().join("action.yml")).unwrap();
    let mut script: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if script.is_some_and(|depth| !line.trim().is_empty() && indent <= depth) {
            script = None;
        }
        if line.trim_start().starts_with("run:") {
            script = Some(indent);
        }
        assert!(script.is_none() || !line.contains("${{"), "action.yml:{}: {line}", number + 1);
    }
}
