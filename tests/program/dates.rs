//! When prices began, as every command says it: assumed prices of before the first evidence, starts that are known, seen or
//! not known, aliases that moved. The prices are those of `tests/data/life/dates.yaml`, made up for these tests.

use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

/// Before the evidence of the undated price (2026-06-01, when its page was read) and after the first sight of the others.
const BETWEEN: &str = "2025-06-01";

fn with_prices(command: &str) -> Farebox {
    let prices = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/life/dates.yaml");
    farebox(command.split(' ')).args(["--prices", prices])
}

fn record(model: &str, day: &str) -> String {
    let record = json!({"provider": "acme", "model": model, "timestamp": format!("{day}T12:00:00Z"),
        "usage": {"input_tokens": 1_000_000, "output_tokens": 0}});
    format!("{record}\n")
}

/// One record before and one after the evidence of each price: 2 × $1, 2 × $2.
fn log() -> String {
    let days = [("zephyr-undated", "2025-06-01"), ("zephyr-undated", "2026-07-01")];
    let more = [("zephyr-seen", "2025-01-01"), ("zephyr-seen", "2025-06-01")];
    days.into_iter().chain(more).map(|(model, day)| record(model, day)).collect()
}

fn rows(json: &Value) -> &Vec<Value> {
    json["rows"].as_array().expect("rows")
}

#[test]
fn an_estimate_at_an_assumed_price_says_so_and_strict_refuses_it() {
    let command = "estimate --input-tokens 1000000 --output-tokens 0 -m acme/zephyr-undated -m acme/zephyr-seen -m acme/zephyr-own";
    let json = with_prices(command).args(["--at", BETWEEN, "--format", "json"]).run().code(0).json();
    let assumed: Vec<&Value> = rows(&json).iter().map(|row| &row["rates"]["assumed_before"]).collect();
    assert_eq!(assumed, [&json!("2026-06-01"), &Value::Null, &Value::Null]);
    assert_eq!(rows(&json)[0]["total_usd"], "1");
    let table = with_prices(command).args(["--at", BETWEEN]).run().code(0).stdout;
    assert!(
        table.contains("The price of acme/zephyr-undated is assumed: the first evidence of it is from 2026-06-01.")
    );
    for format in ["markdown", "html", "csv"] {
        let text = with_prices(command).args(["--at", BETWEEN, "--format", format]).run().code(0).stdout;
        assert!(text.contains("2026-06-01"), "{format}: {text}");
    }
    let strict = with_prices(command).args(["--at", BETWEEN, "--strict", "--format", "json"]).run().code(3);
    let statuses: Vec<Value> = rows(&strict.json()).iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["assumed-price", "priced", "priced"]);
    assert!(
        strict.stderr.contains("its price on 2025-06-01 is assumed, since the first evidence of it is from 2026-06-01")
    );
    // Nothing is assumed at a moment with evidence, nor of a user's own price at any.
    with_prices(command).args(["--at", "2026-07-01", "--strict"]).run().code(0);
    let own = "estimate --input-tokens 1 --output-tokens 0 -m acme/zephyr-own --at 2020-01-01 --strict";
    with_prices(own).run().code(0);
}

#[test]
fn a_comparison_marks_assumed_prices() {
    let work = "compare --input-tokens 1000000 --output-tokens 0 -m acme/zephyr-undated -m acme/zephyr-seen";
    let run = with_prices(work).args(["--at", BETWEEN, "--format", "json"]).run().code(0).json();
    assert_eq!(rows(&run)[0]["rates"]["assumed_before"], "2026-06-01");
    let listed = "compare --input-tokens 1000000 --output-tokens 0 -p acme --strict";
    let run = with_prices(listed).args(["--at", BETWEEN, "--format", "json"]).run().code(0).json();
    let reason = run["not_compared"].as_array().unwrap().iter().find(|row| row["model"] == "acme/zephyr-undated");
    assert_eq!(reason.unwrap()["reason"], "has only an assumed price, which --strict refuses");
}

#[test]
fn usage_says_how_much_of_it_rests_on_assumed_prices() {
    let run = with_prices("usage --format json").input(log()).run().code(0).json();
    assert_eq!(run["assumed_prices"], json!({"records": 2, "total_usd": "3"}));
    let of = |model: &str| rows(&run).iter().find(|row| row["model"] == model).unwrap()["assumed_prices"].clone();
    assert_eq!(of("acme/zephyr-undated"), json!({"records": 1, "total_usd": "1"}));
    let table = with_prices("usage").input(log()).run().code(0).stdout;
    assert!(table.contains("2 records ($3.00) are older than the first evidence of their prices"), "{table}");
    let csv = with_prices("usage --format csv").input(log()).run().code(0).stdout;
    assert!(csv.starts_with("model,records,total_usd,assumed_usd\n"), "{csv}");
    let lines = with_prices("usage --format jsonl").input(log()).run().code(0).json_lines();
    let assumed: Vec<&Value> = lines.iter().map(|line| &line["rates"]["assumed_before"]).collect();
    assert_eq!(assumed, [&json!("2026-06-01"), &Value::Null, &json!("2025-03-02"), &Value::Null]);
    let strict = with_prices("usage --strict --format json").input(log()).run().code(3);
    assert_eq!(strict.json()["reasons"], json!({"assumed-price": 2}));
    assert_eq!(strict.json()["total_usd"], "3");
}

#[test]
fn what_if_counts_records_at_assumed_prices_on_either_side() {
    let command = "what-if --model acme/zephyr-seen --format json";
    let run = with_prices(command).input(log()).run().code(0).json();
    // The records of 2025-06-01 and 2025-01-01 were priced at assumed prices; the new side adds none.
    assert_eq!(run["assumed_records"], 2);
    let strict = with_prices(command).arg("--strict").input(log()).run().code(3).json();
    assert_eq!((&strict["assumed_records"], &strict["records"]), (&Value::Null, &json!(2)));
}

const PLAN: &str = "version: 1
name: p
start: 2025-06-01
months: 1
features:
  f: {model: acme/zephyr-undated, prompt: 1000 tokens, output: 0, calls: 1000 per month}
";

#[test]
fn plans_checks_and_break_evens_say_which_prices_are_assumed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.yaml");
    std::fs::write(&path, PLAN).unwrap();
    let run = |command: &str| with_prices(command).arg("-w").arg(&path).args(["--at", BETWEEN]);
    let event = "the price of acme/zephyr-undated is assumed before 2026-06-01";
    let plan = run("plan --format json").run().code(0).json();
    assert_eq!(plan["events"][0]["kind"], "assumed-price");
    assert_eq!(plan["sources"][0]["assumed_before"], "2026-06-01");
    assert!(run("plan").run().code(0).stdout.contains(event));
    assert!(run("check").run().code(0).stdout.contains(event));
    let even = run("break-even --gpu-hour 2USD --tokens-per-second 500").run().code(0).stdout;
    assert!(even.contains(event), "{even}");
    let compared = run("compare -m acme/zephyr-undated --format json").run().code(0).json();
    assert_eq!(rows(&compared)[0]["assumed_before"], "2026-06-01");
    assert!(run("plan --strict").run().code(2).stderr.contains("is assumed"));
    run("check --strict").run().code(3);
}

#[test]
fn a_price_says_how_well_its_start_is_known() {
    let show =
        |model: &str| with_prices("prices show").args([model, "--all", "--at", "2026-07-01"]).run().code(0).stdout;
    assert!(show("acme/zephyr-undated").contains("start not known"));
    assert!(show("acme/zephyr-rising").contains("since at least 2025-03-02, until 2026-12-01"));
    let history = |model: &str| with_prices("prices history").args([model, "--at", "2026-07-01"]).run().code(0).stdout;
    assert!(history("acme/zephyr-seen").contains("since at least 2025-03-02"));
    assert!(history("acme/zephyr-rising").contains("from 2026-12-01"));
    assert!(history("acme/zephyr-undated").contains("A price whose start is not known is assumed"));
    let list = with_prices("prices list -p acme --format json --at 2025-06-01").run().code(0).json();
    let of = |model: &str| rows(&list).iter().find(|row| row["model"] == model).unwrap().clone();
    assert_eq!(of("zephyr-seen")["first_seen"], "2025-03-02");
    assert_eq!(of("zephyr-undated")["assumed_before"], "2026-06-01");
    let shown = with_prices("prices show acme/zephyr-undated --at 2025-06-01 --format json").run().code(0).json();
    assert_eq!(shown["assumed_before"], "2026-06-01");
}

#[test]
fn changes_list_first_prices_and_what_is_still_to_come() {
    let changes = |flags: &str| {
        let run = with_prices("prices changes -p acme --at 2026-07-01 --format json").args(flags.split_terminator(' '));
        let json = run.run().code(0).json();
        let row = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}>{}", text("date"), text("start"), text("model"), text("old"), text("new"))
        };
        let input = rows(&json).iter().filter(|row| row["meter"] == "input").map(row);
        (input.collect::<Vec<_>>(), json["start_not_known"].as_u64().unwrap())
    };
    let moved = ["2026-12-01 from acme/zephyr-rising 3>6", "2025-01-01 from acme/zephyr-old 8>7"];
    assert_eq!(changes(""), (moved.map(str::to_owned).to_vec(), 2));
    let (since, _) = changes("--since 2025-02-01");
    assert_eq!(
        since[1..],
        ["2025-03-02 first-seen acme/zephyr-rising ->3", "2025-03-02 first-seen acme/zephyr-seen ->2"]
    );
    let (all, unknown) = changes("--all");
    assert!(all.contains(&"- unknown acme/zephyr-undated ->1".to_owned()), "{all:?}");
    assert_eq!(unknown, 0);
    let table = with_prices("prices changes -p acme --at 2026-07-01 --since 2025-02-01").run().code(0).stdout;
    assert!(table.contains("from 2026-12-01") && table.contains("since at least 2025-03-02"), "{table}");
}

#[test]
fn the_history_of_an_alias_is_that_of_each_model_it_meant() {
    for at in ["2025-06-01", "2026-07-01"] {
        let run =
            with_prices("prices history acme/zephyr-latest --format json").args(["--at", at]).run().code(0).json();
        let row = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {}",
                text("model"),
                text("from"),
                text("to"),
                row["rates"]["input"]["usd"].as_str().unwrap()
            )
        };
        let want = [
            "acme/zephyr-old 2024-01-01 2025-01-01 8",
            "acme/zephyr-old 2025-01-01 2026-01-01 7",
            "acme/zephyr-rising 2026-01-01 2026-12-01 3",
            "acme/zephyr-rising 2026-12-01 - 6",
        ];
        assert_eq!(rows(&run).iter().map(row).collect::<Vec<_>>(), want, "{at}");
    }
    // An alias means what it meant on the day that is asked for.
    for (at, usd) in [("2025-06-01", "7"), ("2026-07-01", "3")] {
        let run = with_prices("estimate --input-tokens 1000000 --output-tokens 0 -m acme/zephyr-latest --format json");
        assert_eq!(rows(&run.args(["--at", at]).run().code(0).json())[0]["total_usd"], usd, "{at}");
    }
}

#[test]
fn a_diff_says_when_the_new_price_began_and_which_side_is_assumed() {
    let run = with_prices("prices diff 2025-02-01 2027-01-01 -p acme --format json").run().code(0).json();
    let input = rows(&run).iter().find(|row| row["model"] == "acme/zephyr-rising" && row["meter"] == "input").unwrap();
    assert_eq!((&input["old"], &input["new"]), (&json!("3"), &json!("6")));
    assert_eq!(
        (&input["new_start"]["from"], &input["old_assumed_before"]),
        (&json!("2026-12-01"), &json!("2025-03-02"))
    );
}
