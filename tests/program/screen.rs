//! What every command shows on a terminal of 80 columns: no line runs over the edge, and no id is broken as long as a column
//! can be left out. The models are made up, so that no price update changes what is shown.

use std::fs;
use std::path::Path;

use crate::support::{farebox, on_eighty_columns};

const PRICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/compare/prices.yaml");
const ONE: &str = "zeta/zeta-small-2";
const LONG: &str = "zeta/zeta-mid-with-a-rather-long-name-1";

/// A price file that differs from the one of the tests, and one with mistakes.
const OTHER: &str = r#"schema: 1
provider: zeta
models:
  - id: zeta-small-2
    released: 2026-05-01
    prices:
      - {from: 2026-05-01, to: 2026-12-01, rates: {input: "0.4", output: "0.8"}}
      - {from: 2026-12-01, rates: {input: "0.5", output: "1.25"}}
  - id: zeta-mid-with-a-rather-long-name-1
    prices: [{from: 2026-02-01, rates: {input: "2.125", output: "6"}}]
"#;
const BROKEN: &str = r#"schema: 1
provider: zeta
models:
  - id: zeta-mid-with-a-rather-long-name-1
    prices:
      - from: 2026-02-01
        rates: {inputt: "2", output: "a price that is no number"}
"#;

const WORKLOAD: &str = "version: 1
name: bot
start: 2026-12-01
months: 2
budget: {total: 2 USD}
features:
  answers: {model: zeta/zeta-small-2, prompt: 1000 tokens, output: 100..200..400, calls: 1000 per month, choose: {models: [zeta/*]}}
  a-feature-with-a-long-name: {model: zeta/zeta-mid-with-a-rather-long-name-1, prompt: 500, output: 50, reasoning: 0, calls: 30 per day}
check: {rules: {max-feature: {limit: 1 USD per month, level: warning}}}
";

/// Usage of two days, two models, a project with a long path, and a record without a price.
fn usage() -> String {
    let record = |model: &str, day: &str, project: &str, input: u64| {
        format!(
            r#"{{"provider":"zeta","model":"{model}","timestamp":"2026-11-{day}T12:00:00Z","usage":{{"input_tokens":{input},"output_tokens":1200}},"project":"{project}","session":"8f6f1c1e-0000-4000-8000-000000000001"}}"#
        ) + "\n"
    };
    let path = "/home/someone/a-project/with/a/rather/long/path";
    [
        record("zeta-small-2", "03", path, 50_000),
        record("zeta-mid-with-a-rather-long-name-1", "03", "short", 1_250_000),
        record("zeta-mid-with-a-rather-long-name-1", "04", path, 7),
        record("zeta-unheard-of", "04", "short", 900),
    ]
    .concat()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let line = "The quick brown fox jumps over the lazy dog.\n";
    put("notes/a-file-with-a-rather-long-name-in-a-folder.md", &line.repeat(30));
    put("notes/deep/er/one.txt", line);
    put("notes/deep/er/two-with-a-longer-name.txt", &line.repeat(3));
    put("source/app.py", "client.responses.create(model=\"zeta-small-2\")\n");
    put("prices.yaml", &fs::read_to_string(PRICES).unwrap());
    put("other.yaml", OTHER);
    put("broken.yaml", BROKEN);
    put("farebox.yaml", WORKLOAD);
    put("usage.jsonl", &usage());
    put(
        "database.json",
        r#"{"zeta/zeta-small-2": {"litellm_provider": "zeta", "mode": "chat", "input_cost_per_token": 4.5e-07, "output_cost_per_token": 8e-07}}"#,
    );
    dir
}

/// What is shown, without the line about the price table, and with lines that go on below put together for it.
fn shown(dir: &Path, command: &str) -> String {
    let arguments: Vec<&str> = command.split(' ').map(|word| word.trim_matches('"')).collect();
    let text = on_eighty_columns(Some(dir), &arguments);
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{command}: {wide:#?}\n{text}");
    let mut lines = Vec::new();
    let mut is_table_line = false;
    for line in text.lines() {
        // It goes on below where the version is long.
        is_table_line = line.contains("Prices as of 2026-11-22") || is_table_line && !line.starts_with("Left out");
        if !is_table_line {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// The name of a snapshot, and its command on the made-up prices.
const COMMANDS: &[(&str, &str)] = &[
    ("count", "count notes/a-file-with-a-rather-long-name-in-a-folder.md -m ONE -m LONG"),
    ("count_tokenizer", "count --tokenizer o200k_base notes"),
    ("count_tree", "count --tree notes -m ONE -m LONG"),
    ("count_summary", "count --summary notes -m ONE -m LONG"),
    ("estimate", "estimate notes/deep/er/one.txt -m ONE -m LONG --output-tokens 100..300 -n 1000"),
    ("estimate_numbers", "estimate --input-tokens 10000 --output-tokens 10000 -m ONE -m LONG"),
    ("usage", "usage usage.jsonl"),
    ("usage_by_day", "usage usage.jsonl --by day"),
    ("usage_by_week", "usage usage.jsonl --by week"),
    ("usage_by_month", "usage usage.jsonl --by month"),
    ("usage_by_provider", "usage usage.jsonl --by provider"),
    ("usage_by_project", "usage usage.jsonl --by project"),
    ("usage_by_session", "usage usage.jsonl --by session"),
    ("usage_by_key", "usage usage.jsonl --by key"),
    ("usage_by_tag", "usage usage.jsonl --by tag"),
    ("usage_by_dialect", "usage usage.jsonl --by dialect"),
    ("usage_by_day_and_model", "usage usage.jsonl --by day,model"),
    ("usage_by_project_and_model", "usage usage.jsonl --by month,project,model"),
    ("usage_in_euro", "usage usage.jsonl --by day,model --currency EUR --rate EUR=0.86"),
    ("what_if", "what-if usage.jsonl -m ONE"),
    ("plan", "plan --seed 1"),
    ("check", "check"),
    ("optimise", "optimise"),
    ("break_even", "break-even --gpu-hour 2.50USD --tokens-per-second 2000"),
    ("init", "init new.yaml --kind chatbot --users 40 --per-week 3 -m ONE"),
    ("prices_list", "prices list -p zeta"),
    ("prices_show", "prices show LONG"),
    ("prices_history", "prices history ONE"),
    ("prices_changes", "prices changes -p zeta --all"),
    ("prices_diff", "prices diff prices.yaml other.yaml -p zeta --at 2026-11-22"),
    (
        "prices_diff_in_money",
        "prices diff prices.yaml other.yaml -p zeta --input-tokens 1000 --output-tokens 100 -n 1000 --at 2026-11-22",
    ),
    ("prices_lint", "prices lint broken.yaml"),
    ("prices_stale", "prices stale -p zeta --max-age 5"),
    ("prices_meters", "prices meters"),
    ("prices_import", "prices import database.json --compare -p zeta"),
    ("prices_check", "prices check other.yaml"),
    ("prices_review", "prices review database.json -p zeta"),
    ("prices_watch", "prices watch --since 2026-01-01 --prices other.yaml --at 2026-11-22"),
    ("models", "models zeta"),
    ("tokenizers_show", "tokenizers show o200k_base"),
    ("error_model", "estimate --input-tokens 10 -m zeta/zeta-mid-with-a-rather-long-name-2"),
    ("error_flag", "count --txet hi"),
    ("error_workload", "plan -w broken.yaml"),
];

/// Commands whose output no snapshot could hold still, but which fit as well: they show the whole table or this build.
const OTHERS: &[&str] =
    &["demo", "tokenizers", "schema", "config", "scan source", "prices list", "models", "man", "completions bash"];

#[test]
fn every_command_fits_eighty_columns() {
    let dir = folder();
    for (name, command) in COMMANDS {
        let typed = command.replace("ONE", ONE).replace("LONG", LONG);
        let takes_prices = !["prices meters", "prices lint", "tokenizers show"].iter().any(|c| command.starts_with(c));
        let typed = if takes_prices && !command.contains("--at") {
            format!("{typed} --prices prices.yaml --at 2026-11-22")
        } else {
            typed
        };
        let text = shown(dir.path(), &typed);
        insta::assert_snapshot!(format!("screen_{name}"), format!("$ farebox {command}\n{text}"));
    }
}

#[test]
fn what_no_snapshot_holds_fits_as_well() {
    let dir = folder();
    for command in OTHERS.iter().filter(|command| !["man", "completions bash"].contains(command)) {
        let text = shown(dir.path(), command);
        assert!(!text.is_empty(), "{command}");
    }
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|l| l[2..].split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_command_is_among_them_and_every_help_fits() {
    let help = |command: &str| shown(Path::new("."), &format!("{command} --help").trim().replace("  ", " "));
    let is_shown = |command: &str| {
        let starts = |line: &&str| *line == command || line.starts_with(&format!("{command} "));
        COMMANDS.iter().map(|(_, line)| *line).chain(OTHERS.iter().copied()).any(|line| starts(&line))
            || command == "compare" // tests/program/compare.rs
    };
    // What writes data for other programs, asks the network, or changes what is kept, has no table.
    let silent = [
        "prices export",
        "prices update",
        "tokenizers add",
        "tokenizers remove",
        "tokenizers verify",
        "tokenizers list",
    ];
    let commands = listed(&farebox(["--help"]).run().code(0).stdout);
    assert!(commands.len() >= 15, "{commands:?}");
    for command in commands {
        let text = help(&command);
        let below = listed(&text);
        assert!(!below.is_empty() || is_shown(&command), "{command} has no snapshot at 80 columns");
        for sub in below {
            let full = format!("{command} {sub}");
            help(&full);
            assert!(is_shown(&full) || silent.contains(&full.as_str()), "{full} has no snapshot at 80 columns");
        }
    }
}
