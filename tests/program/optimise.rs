//! `farebox optimise` as a user runs it, on prices of these tests' own.

use std::fs;

use rust_decimal::{Decimal, dec};
use serde_json::Value;

use crate::support::{Farebox, farebox};

/// Four models: one dear and able, one cheap that is blind, one cheap that ends within the plan, and one with a short window.
const PRICES: &str = "schema: 1
provider: acme
name: Acme
models:
  - id: large
    context_window: 200000
    input: [text, image]
    prices:
      - from: 2026-01-01
        rates: {input: \"4\", output: \"16\", cache_read: \"0.4\", cache_write_5m: \"5\", cache_write_1h: \"8\"}
        variants:
          - {when: {processing: batch}, rates: {input: \"2\", output: \"8\", cache_read: \"0.2\", cache_write_5m: \"2.5\", cache_write_1h: \"4\"}}
  - {id: blind, context_window: 200000, input: [text], prices: [{from: 2026-01-01, rates: {input: \"1\", output: \"2\"}}]}
  - {id: leaving, context_window: 200000, input: [text, image], retired: 2027-01-20, prices: [{from: 2026-01-01, rates: {input: \"1\", output: \"2\"}}]}
  - {id: narrow, context_window: 2000, input: [text, image], prices: [{from: 2026-01-01, rates: {input: \"1\", output: \"2\"}}]}
";

/// January 2027: 3,100 calls.
const WORKLOAD: &str = "version: 1
name: One
start: 2027-01-01
months: 1
tax: 10%
features:
  search: {model: acme/large, system: 2000, prompt: 1000, output: 500, calls: 100 per day, choose: CHOICE}
";

fn run(dir: &tempfile::TempDir, choice: &str, args: &[&str]) -> Farebox {
    fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
    fs::write(dir.path().join("farebox.yaml"), WORKLOAD.replace("CHOICE", choice)).unwrap();
    let run = farebox(["optimise", "--at", "2026-11-22", "--prices", "prices.yaml"]).dir(dir.path());
    args.iter().fold(run, |run, arg| run.arg(arg))
}

fn json(choice: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    run(&dir, choice, &["--format", "json"]).run().code(0).json()
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

fn row<'j>(json: &'j Value, model: &str) -> &'j Value {
    let rows = json["rows"].as_array().unwrap();
    rows.iter().find(|row| row["model"] == model).unwrap_or_else(|| panic!("{model} is not in {json:#}"))
}

#[test]
fn each_model_that_is_not_chosen_says_why() {
    let json = json("{models: [\"acme/*\"], needs: [vision], latency: day}");
    let large = row(&json, "large");
    assert_eq!((large["status"].as_str(), large["queue"].as_str()), (Some("chosen"), Some("batch")), "{json:#}");
    // 3,100 × (3,000 × 4 + 500 × 16) ÷ 1,000,000 = 62 dollars, in batches 31; with 10% tax 68.20 and 34.10.
    assert_eq!(decimal(&large["usd"]), dec!(31));
    assert_eq!((decimal(&json["before_usd"]), decimal(&json["after_usd"])), (dec!(68.2), dec!(34.1)));
    assert_eq!(large["write"], "model: acme/large; batch: 100%");
    let why = |model: &str| (row(&json, model)["why_not"].clone(), row(&json, model)["reason"].to_string());
    assert_eq!(why("blind"), ("lacks".into(), "\"does not meet vision\"".to_owned()));
    assert_eq!(why("leaving"), ("not-live".into(), "\"not live on 2027-01-20: it is retired then\"".to_owned()));
    let (code, text) = why("narrow");
    assert!(code == "context-too-short" && text.contains("3000") && text.contains("2000"), "{text}");
    // The bill is smaller by 34.10: the saving before tax is 31.
    assert_eq!(json["levers"][0]["what"], "send it in batches");
    assert_eq!(decimal(&json["levers"][0]["saving_usd"]), dec!(34.1));
}

#[test]
fn a_dearer_model_says_by_how_much_and_a_cache_has_its_lifetime() {
    let json = json("{models: [\"acme/*\"], cache: true, cap: 300}");
    let blind = row(&json, "blind");
    // 3,100 × (3,000 × 1 + 300 × 2) ÷ 1,000,000 = 11.16
    assert_eq!((blind["status"].as_str(), decimal(&blind["usd"])), (Some("chosen"), dec!(11.16)), "{json:#}");
    assert_eq!((blind["cache"].as_str(), blind["cap"].as_u64()), (Some("as written"), Some(300)));
    let large = row(&json, "large");
    // 100 calls a day are 0.347 in five minutes and 4.167 in an hour: found again 1 − e^−0.3472 = 29.33% and 98.44% of the time.
    // An hour: 3,100 × (2,000 × (0.9844 × 0.4 + 0.0156 × 8) + 1,000 × 4 + 300 × 16) ÷ 1,000,000 = 30.495072
    assert_eq!((large["cache"].as_str(), large["why_not"].as_str()), (Some("1h"), Some("too-expensive")));
    assert_eq!(decimal(&large["usd"]), dec!(30.495072));
    assert_eq!(decimal(&large["more_usd"]), dec!(19.335072));
    assert_eq!(large["reason"], "too expensive by $19.34");
}

#[test]
fn a_person_sees_the_bill_the_change_and_the_proof() {
    let dir = tempfile::tempdir().unwrap();
    let text = run(&dir, "{models: [\"acme/*\"], needs: [vision], latency: day}", &[]).run().code(0).stdout;
    for want in [
        "One: the cheapest that is allowed, 2027-01-01 to 2027-01-31",
        "The bill goes from $68.20 to $34.10: $34.10 less (−50%).",
        "search: model: acme/large; batch: 100%",
        "the cheapest of each is the cheapest of all",
        "1 × does not meet vision",
    ] {
        assert!(text.contains(want), "{want:?} is not in\n{text}");
    }
    let other = farebox(["optimize", "--at", "2026-11-22", "--prices", "prices.yaml"]).dir(dir.path()).run().code(0);
    assert_eq!(other.stdout, text);
    let csv = run(&dir, "{models: [\"acme/*\"]}", &["--format", "csv"]).run().code(0).stdout;
    // Machines get every model: a header and four.
    assert_eq!(csv.lines().count(), 5, "{csv}");
}

#[test]
fn what_cannot_be_chosen_says_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    run(&dir, "{models: [\"acme/*\"], score: 50}", &[]).run().code(2).says("--scores FILE");
    run(&dir, "{models: [\"nobody/*\"]}", &[])
        .run()
        .code(2)
        .says("no model of the price table is meant")
        .says("line 7");
    run(&dir, "{models: [acme/narrow]}", &[]).run().code(2).says("1 × context too short");
    run(&dir, "{latency: fast}", &[]).run().code(2).says("interactive, minutes or day").says("farebox.yaml:7");
    run(&dir, "{cap: 0}", &[]).run().code(2).says("cut off at 0 tokens");
    run(&dir, "{modles: [x]}", &[]).run().code(2).says("modles");
    fs::write(dir.path().join("scores.csv"), "model,score\nacme/large,60\nacme/blind,40\n").unwrap();
    let scored = run(&dir, "{models: [\"acme/*\"], score: 50}", &["--scores", "scores.csv", "--format", "json"]);
    let scored = scored.run().code(0).json();
    assert_eq!(row(&scored, "large")["status"], "chosen");
    assert_eq!(row(&scored, "blind")["reason"], "score 40 is below 50");
    let plain = WORKLOAD.replace(", choose: CHOICE", "");
    fs::write(dir.path().join("farebox.yaml"), plain).unwrap();
    let run = farebox(["optimise", "--at", "2026-11-22", "--prices", "prices.yaml"]).dir(dir.path()).run();
    run.code(2).says("no feature says what may be chosen").says("choose: {}");
}

#[test]
fn what_ties_features_together_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
    let text = WORKLOAD.replace("CHOICE", "{models: [\"acme/*\"]}");
    fs::write(dir.path().join("farebox.yaml"), format!("{text}credits: [{{amount: 5 USD, provider: acme}}]\n"))
        .unwrap();
    let run = farebox(["optimise", "--at", "2026-11-22", "--prices", "prices.yaml", "--format", "json"]);
    let json = run.dir(dir.path()).run().code(0).json();
    assert!(json["couplings"][0].as_str().unwrap().contains("good at acme alone"), "{json:#}");
    // A feature that follows another keeps its calls: half of 3,100.
    let follower = "  judge: {model: acme/large, prompt: 1000, output: 100, calls: 50% of search, choose: {models: [acme/blind]}}\n";
    fs::write(dir.path().join("farebox.yaml"), format!("{text}{follower}")).unwrap();
    let run = farebox(["optimise", "--at", "2026-11-22", "--prices", "prices.yaml", "--format", "json"]);
    let json = run.dir(dir.path()).run().code(0).json();
    let judge = json["rows"].as_array().unwrap().iter().find(|row| row["feature"] == "judge").unwrap();
    // 1,550 × (1,000 × 1 + 100 × 2) ÷ 1,000,000 = 1.86
    assert_eq!(decimal(&judge["usd"]), dec!(1.86), "{json:#}");
}
