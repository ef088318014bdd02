//! Which models are offered: those that can be bought on every day they are for, and that can be compared at all. The
//! models are those of `tests/data/life/life.yaml`, made up for these tests.

use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

const AT: [&str; 2] = ["--at", "2026-11-22"];
const WORK: &str = "compare --input-tokens 1000 --output-tokens 100 -p acme --format json";

fn with_prices(command: &str) -> Farebox {
    let prices = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/life/life.yaml");
    farebox(command.split(' ')).args(["--prices", prices])
}

fn at(command: &str) -> Farebox {
    with_prices(command).args(AT)
}

fn rows(json: &Value) -> &Vec<Value> {
    json["rows"].as_array().expect("rows")
}

fn models(json: &Value) -> Vec<&str> {
    rows(json).iter().map(|row| row["model"].as_str().expect("a model")).collect()
}

/// Three months from December 2026 on, within which zephyr-ending retires.
fn plan_file(dir: &std::path::Path, model: &str) -> std::path::PathBuf {
    let path = dir.join("farebox.yaml");
    let text = format!(
        "version: 1\nname: p\nstart: 2026-12-01\nmonths: 3\nfeatures:\n  f: {{model: {model}, prompt: 1000 tokens, output: 100, calls: 1000 per month}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_comparison_offers_what_can_be_bought() {
    let json = at(WORK).run().code(0).json();
    assert_eq!(models(&json), ["zephyr-mini", "zephyr-thinker", "zephyr-ending", "zephyr-max"]);
    assert_eq!(rows(&json)[0]["twins"], json!(["acme/zephyr-mini-2026-01-01"]));
    let ending = json!({"state": "retires", "day": "2027-01-14", "replacement": "zephyr-max"});
    assert_eq!(rows(&json)[2]["life"], ending);
    assert_eq!(rows(&json)[3]["life"], Value::Null);
    let all = at(WORK).arg("--include-retired").run().code(0).json();
    let want = ["zephyr-mini", "zephyr-thinker", "zephyr-dead", "zephyr-lost", "zephyr-ending", "zephyr-max"];
    assert_eq!(models(&all), want);
    let of = |model: &str| rows(&all).iter().find(|row| row["model"] == model).unwrap()["life"].clone();
    assert_eq!(of("zephyr-dead")["state"], "retired");
    assert_eq!(of("zephyr-lost"), json!({"state": "last-listed", "day": "2026-02-01", "replacement": null}));
    // What was listed after a day was alive on it.
    let then = with_prices(WORK).args(["--at", "2025-06-01"]).run().code(0).json();
    assert!(models(&then).contains(&"zephyr-dead") && models(&then).contains(&"zephyr-lost"), "{then}");
    let table = at("compare --input-tokens 1000 --output-tokens 100 -p acme").run().code(0).stdout;
    assert!(table.contains("retires 2027-01-14 → zephyr-max"), "{table}");
    assert!(table.contains("1 dated twin of the same price"), "{table}");
}

/// zephyr-thinker always thinks: 50 to 12,000 tokens, 1,000 expected (data/thinking/tokens.csv, any model), at 0.5 per million.
#[test]
fn a_model_that_always_thinks_is_ranked_with_its_thinking() {
    let of = |json: &Value| rows(json).iter().find(|row| row["model"] == "zephyr-thinker").unwrap().clone();
    let row = of(&at(WORK).run().code(0).json());
    let thinking = json!({"tokens": 1000, "low": 50, "high": 12000, "basis": "assumed", "effort": "medium"});
    assert_eq!((&row["tokens"]["thinking"], &row["total_usd"]), (&thinking, &json!("0.00105")));
    // (1,000 + 100 + 50) × 0.5 and (1,000 + 100 + 12,000) × 0.5 per million.
    assert_eq!((&row["low_usd"], &row["high_usd"]), (&json!("0.000575"), &json!("0.00655")));
    let given = of(&at(WORK).args(["--thinking-tokens", "2000"]).run().code(0).json());
    assert_eq!(
        (&given["tokens"]["thinking"], &given["total_usd"]),
        (&json!({"tokens": 2000, "basis": "given"}), &json!("0.00155"))
    );
    let high = of(&at(WORK).args(["--reasoning", "high"]).run().code(0).json());
    // 80 percent of a budget where medium is 50.
    assert_eq!(
        (&high["tokens"]["thinking"]["tokens"], &high["tokens"]["thinking"]["effort"]),
        (&json!(1600), &json!("high"))
    );
    let none = of(&at(WORK).args(["--reasoning", "0"]).run().code(0).json());
    assert_eq!((&none["total_usd"], &none["tokens"]["thinking_missing"]), (&json!("0.00055"), &json!(true)));
}

#[test]
fn estimate_compare_and_plan_assume_the_same_thinking() {
    let dir = tempfile::tempdir().unwrap();
    let path = plan_file(dir.path(), "acme/zephyr-thinker");
    let named = "estimate --input-tokens 1000 --output-tokens 100 -m acme/zephyr-thinker";
    let estimate = at(named).run().code(0).stdout;
    assert!(estimate.contains("~1,000") && estimate.contains("50 to 12,000 tokens, 1,000 expected"), "{estimate}");
    let one = at(named).args(["--format", "json"]).run().code(0).json();
    assert_eq!(rows(&one)[0]["total_usd"], "0.00105");
    let plan = at("plan --format json").arg("-w").arg(&path).run().code(0).json();
    let event = &plan["events"][0];
    assert_eq!(event["kind"], "assumed-thinking");
    assert!(
        event["text"].as_str().unwrap().contains("50 to 12,000 tokens, 1,000 expected (assumed at medium effort)"),
        "{event}"
    );
    let compared = at("compare --format json -m acme/zephyr-thinker").arg("-w").arg(&path).run().code(0).json();
    let (plans, row) = (&plan["total"]["usage_usd"], &rows(&compared)[0]);
    // 3 months of 1,000 calls at the cost of one estimate.
    assert_eq!((&row["total_usd"], row["thinking"]["tokens"].as_u64()), (&json!("3.15"), Some(1000)), "{plans}");
    let text = std::fs::read_to_string(&path).unwrap().replace("output: 100", "output: 100, reasoning: 0");
    std::fs::write(&path, text).unwrap();
    let without = at("plan --format json").arg("-w").arg(&path).run().code(0).json();
    assert_eq!(without["events"][0]["kind"], "always-thinks");
    let compared = at("compare --format json -m acme/zephyr-thinker").arg("-w").arg(&path).run().code(0).json();
    assert_eq!(rows(&compared)[0]["total_usd"], "1.65");
}

#[test]
fn a_plan_is_offered_what_lives_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = plan_file(dir.path(), "acme/zephyr-max");
    let compared = at("compare --format json -p acme").arg("-w").arg(&path).run().code(0).json();
    assert_eq!(models(&compared), ["zephyr-mini", "zephyr-thinker", "zephyr-max"]);
    assert_eq!(rows(&compared)[0]["twins"], json!(["acme/zephyr-mini-2026-01-01"]));
    let all = at("compare --format json -p acme --include-retired").arg("-w").arg(&path).run().code(0).json();
    let ending = rows(&all).iter().find(|row| row["model"] == "zephyr-ending").unwrap();
    assert_eq!(ending["life"]["state"], "retired");
    // zephyr-ending at two thirds of the price would be the least change that saves a third; with its thinking,
    // zephyr-thinker is the least of those that live on.
    let plan = at("plan --format json --budget 100USD").arg("-w").arg(&path).run().code(0).json();
    let lever = plan["levers"].as_array().unwrap().iter().find(|lever| lever["kind"] == "smaller-model").unwrap();
    assert!(lever["what"].as_str().unwrap().starts_with("use acme/zephyr-thinker"), "{lever}");
    assert!(!plan["fits"].to_string().contains("zephyr-ending"), "{}", plan["fits"]);
}

#[test]
fn a_plan_on_a_model_that_ends_says_when() {
    let dir = tempfile::tempdir().unwrap();
    for (model, event) in [
        (
            "acme/zephyr-ending",
            "acme/zephyr-ending retires on 2027-01-14: later days are planned at its last rates; its replacement is zephyr-max",
        ),
        ("acme/zephyr-max-0101", "acme/zephyr-max-0101 retires on 2026-12-15"),
        ("acme/zephyr-lost", "acme/zephyr-lost was last listed on 2026-02-01: check that it still answers"),
    ] {
        let path = plan_file(dir.path(), model);
        let run = at("plan").arg("-w").arg(&path).run().code(0).stdout;
        assert!(run.contains(event), "{event} is not in\n{run}");
    }
}

#[test]
fn usage_after_the_end_of_a_model_is_priced_with_a_note() {
    let record = |model: &str, day: &str| {
        let record = json!({"provider": "acme", "model": model, "timestamp": format!("{day}T12:00:00Z"),
            "usage": {"input_tokens": 1_000_000, "output_tokens": 0}});
        format!("{record}\n")
    };
    let log = [("zephyr-dead", "2025-12-31"), ("zephyr-dead", "2026-01-01"), ("zephyr-max-0101", "2026-12-20")];
    let log: String = log.into_iter().map(|(model, day)| record(model, day)).collect();
    let json = with_prices("usage --format json").input(log.clone()).run().code(0).json();
    assert_eq!(json["total_usd"], "5");
    let dead =
        json!({"records": 1, "total_usd": "1", "state": "retired", "day": "2026-01-01", "replacement": "zephyr-max"});
    assert_eq!(json["after_end"]["acme/zephyr-dead"], dead);
    assert_eq!(json["after_end"]["acme/zephyr-max-0101"]["day"], "2026-12-15");
    let table = with_prices("usage").input(log.clone()).run().code(0).stdout;
    let note = "1 record ($1.00) of acme/zephyr-dead, retired 2026-01-01 → zephyr-max: priced at its last known rates.";
    assert!(table.contains(note), "{table}");
    let lines = with_prices("usage --format jsonl").input(log.clone()).run().code(0).json_lines();
    let states: Vec<&Value> = lines.iter().map(|line| &line["life"]["state"]).collect();
    assert_eq!(states, [&Value::Null, &json!("retired"), &json!("retired")]);
    let other = with_prices("what-if --model acme/zephyr-dead").input(log).run().code(0).stdout;
    assert!(other.contains("acme/zephyr-dead (retired 2026-01-01 → zephyr-max)"), "{other}");
}

#[test]
fn models_and_price_lists_show_what_lives() {
    let json = at("models -p acme --format json").run().code(0).json();
    let live = ["zephyr-ending", "zephyr-max", "zephyr-mini", "zephyr-painter", "zephyr-thinker"];
    assert_eq!(models(&json), live);
    assert_eq!((&json["retired_left_out"], &rows(&json)[2]["twins"]), (&json!(2), &json!(["zephyr-mini-2026-01-01"])));
    let all = at("models -p acme --include-retired --format json").run().code(0).json();
    let status = |model: &str| rows(&all).iter().find(|row| row["model"] == model).unwrap()["status"].clone();
    assert_eq!(status("zephyr-lost"), "last listed 2026-02-01");
    assert_eq!(status("zephyr-dead"), "retired 2026-01-01 → zephyr-max");
    // Somebody who names a dead model wants to know what became of it.
    assert_eq!(models(&at("models zephyr-dead --format json").run().code(0).json()), ["zephyr-dead"]);
    assert_eq!(models(&at("prices list -p acme --format json").run().code(0).json()).len(), 6);
    assert_eq!(models(&at("prices list -p acme --include-retired --format json").run().code(0).json()).len(), 8);
    let shown = at("prices show acme/zephyr-max").run().code(0).stdout;
    assert!(shown.contains("zephyr-max-0101 (retires 2026-12-15)"), "{shown}");
    assert!(at("prices show acme/zephyr-dead").run().code(0).stdout.contains("retired 2026-01-01 → zephyr-max"));
}

#[test]
fn suggestions_are_models_that_live() {
    let suggested = |asked: &str, day: &str| {
        let run =
            with_prices("estimate --input-tokens 1 --output-tokens 1").args(["-m", asked, "--at", day]).run().code(2);
        run.stderr
    };
    assert!(suggested("acme/zephyr-endng", "2026-11-22").contains("did you mean acme/zephyr-ending"));
    assert!(!suggested("acme/zephyr-endng", "2027-02-01").contains("zephyr-ending,"));
    assert!(!suggested("acme/zephyr", "2026-11-22").contains("acme/zephyr-dead"));
}

#[test]
fn init_warns_of_a_model_that_ends_within_the_plan() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.jsonl");
    let record = json!({"provider": "acme", "model": "zephyr-ending", "timestamp": "2026-11-01T12:00:00Z",
        "usage": {"input_tokens": 1000, "output_tokens": 10}});
    std::fs::write(&log, format!("{record}\n")).unwrap();
    let run = at("init").arg("--from").arg(&log).arg(dir.path().join("farebox.yaml")).run().code(0);
    assert!(
        run.stderr.contains("acme/zephyr-ending is not live over the whole plan (retired 2027-01-14 → zephyr-max)"),
        "{}",
        run.stderr
    );
}
