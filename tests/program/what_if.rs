//! `farebox what-if` through the binary. Rates: openai.com/api/pricing as in `pricing/openai`, gpt-4o at $2.50 in, $1.25
//! cached and $10 out since 2024-10-02 (before, $5 and $15), half of that in a batch; gpt-4o-mini at $0.15, $0.075 and $0.60.

use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

fn record(model: &str, cached: u64) -> String {
    let record = json!({"provider": "openai", "model": model, "timestamp": "2026-01-15T12:00:00Z",
        "usage": {"input_tokens": 1_000_000, "cache_read_tokens": cached, "output_tokens": 100_000}});
    format!("{record}\n")
}

fn what_if<const N: usize>(log: &str, args: [&str; N]) -> Farebox {
    farebox(["what-if", "--format", "json"]).args(args).input(log)
}

#[track_caller]
fn totals(log: &str, flags: &str) -> [String; 4] {
    let run = farebox(["what-if", "--format", "json"]).args(flags.split(' ')).input(log).run().code(0).json();
    ["was_usd", "low_usd", "expected_usd", "high_usd"].map(|key| run[key].as_str().expect(key).to_owned())
}

#[test]
fn each_change_is_worked_out_by_hand() {
    let (plain, cached) = (record("gpt-4o", 0), record("gpt-4o", 200_000));
    //  name                        log      flags                       was     is
    let cases = [
        ("half in a batch", &plain, "--batch", "3.5", "1.75"), // 2.5 + 1; 1.25 + 0.5
        ("at other prices", &plain, "--at 2024-06-01", "3.5", "6.5"), // 5 + 1.5
        ("nothing cached", &cached, "--no-cache", "3.25", "3.5"), // 2 + 0.25 + 1; 2.5 + 1
        ("half of it cached", &cached, "--cache-hits 50", "3.25", "2.875"), // 1.25 + 0.625 + 1
        ("the same tokenizer", &cached, "--switch gpt-4o=gpt-4o-mini", "3.25", "0.195"), // 0.12 + 0.015 + 0.06
        ("any model", &cached, "--model openai/gpt-4o-mini", "3.25", "0.195"),
        ("the first that fits", &cached, "--switch gpt-4=gpt-4-turbo --switch *=gpt-4o-mini", "3.25", "0.195"),
    ];
    for (name, log, flags, was, is) in cases {
        assert_eq!(totals(log, flags), [was, is, is, is].map(str::to_owned), "{name}");
    }
    // Answers at 80 to 150 %: 2.5 + 0.8, 1, 1.5.
    let range = totals(&plain, "--answers 80..150");
    assert_eq!(range, ["3.5", "3.3", "3.5", "4"].map(str::to_owned));
}

#[test]
fn another_tokenizer_is_a_range_that_says_what_it_was_measured_on() {
    let log = record("gpt-4o", 0);
    let run = what_if(&log, ["--switch", "gpt-4o=gpt-4-turbo"]).run().code(0).json();
    let usd = |key: &str| run[key].as_str().unwrap().parse::<f64>().unwrap();
    assert!(usd("low_usd") < usd("expected_usd") && usd("expected_usd") < usd("high_usd"), "{run}");
    assert!(run["assumptions"][0].as_str().unwrap().contains("sample texts (english, technical, code, data"), "{run}");

    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../data/samples/money.rs.txt");
    let body = json!({"object": "chat.completion", "created": 1_768_478_400, "model": "gpt-4o",
        "choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 1_000}});
    let path = dir.path().join("log.jsonl");
    std::fs::write(&path, body.to_string()).unwrap();
    let run = farebox(["what-if", "--format", "json", "-m", "openai/gpt-4-turbo"]).arg(&path).run().code(0).json();
    assert!(run["assumptions"][0].as_str().unwrap().ends_with("measured on texts of the log itself: 1."), "{run}");
    assert_ne!(run["low_usd"], run["high_usd"], "one text still rounds outwards: {run}");
}

#[test]
fn what_has_no_price_is_left_out_of_both_sides_and_named() {
    let log = format!("{}{}broken\n", record("gpt-4o", 0), record("gpt-99-ultra", 0));
    let ran = what_if(&log, ["--batch"]).run().code(0).says(":2: as it was: unknown-model").says(":3: as it was");
    let run: Value = ran.json();
    assert_eq!((&run["records"], &run["unpriced"], &run["was_usd"]), (&json!(1), &json!(2), &json!("3.5")));
    what_if(&log, ["--batch", "--strict"]).run().code(3);
    // Released after the record: no price then, and the error says how to fix it.
    let ran = what_if(&record("gpt-4o", 0), ["--model", "anthropic/claude-opus-4-6"]).run().code(0);
    assert_eq!(ran.says("before-first-price").json()["reasons"], json!({"before-first-price, as it would be": 1}));
}

#[test]
fn a_question_must_be_asked_and_understood() {
    let log = record("gpt-4o", 0);
    what_if(&log, []).run().code(2).says("what if what?");
    what_if(&log, ["--switch", "gpt-4o"]).run().code(2).says("FROM=TO");
    what_if(&log, ["--model", "gpt-99-ultra"]).run().code(2).says("gpt-99-ultra");
    what_if(&log, ["--answers", "150..80"]).run().code(2).says("LOW..HIGH");
    what_if(&log, ["--cache-hits", "101"]).run().code(2);
    what_if(&log, ["--model", "gpt-4", "--text-class", "klingon"]).run().code(2).says("english");
}

#[test]
fn a_row_of_many_requests_is_a_range_on_both_sides() {
    // claude-sonnet-4-5 costs $3 a million in, and $6 for prompts over 200k tokens; claude-haiku-4-5 $1 for any
    // (pricing/anthropic.yaml). 300,000 tokens of a day, half price in a batch.
    let day = r#"{"data":[{"starting_at":"2025-11-01T00:00:00Z","ending_at":"2025-11-02T00:00:00Z","results":[{"uncached_input_tokens":300000,"output_tokens":0,"model":"claude-sonnet-4-5"}]}]}"#;
    let run = what_if(day, ["--batch"]).run().code(0).json();
    let usd = |name: &str| run[name].as_str().unwrap_or("none").to_owned();
    assert_eq!(["was_usd", "was_low_usd", "was_high_usd"].map(usd), ["0.9", "0.9", "1.8"]);
    assert_eq!(["low_usd", "expected_usd", "high_usd"].map(usd), ["0.45", "0.45", "0.9"]);
    assert!(run["assumptions"].to_string().contains("sum up many requests"), "{run}");
}

#[test]
fn a_body_that_does_not_say_which_host_answered_is_refused_as_by_usage() {
    let body = r#"{"object":"chat.completion","created":1768478400,"model":"llama-3.3-70b-instruct","usage":{"prompt_tokens":1000,"completion_tokens":10}}"#;
    farebox(["usage", "--format", "json", "--strict"]).input(body).run().code(3).says("many hosts");
    what_if(body, ["--batch", "--strict"]).run().code(3).says("many hosts");
}

/// A price file of one provider, so that numbers here rest on nothing else: `acme/alpha` and `acme/beta` at $8 and $2 a million
/// tokens of input.
const ACME: &str = "schema: 1
provider: acme
role: maker
name: Acme
models:
  - {id: alpha, kind: chat, tokenizer: o200k_base, prices: [{from: 2025-01-01, source: {url: https://acme.example/prices, checked: 2025-01-01, basis: own}, rates: {input: '8', output: '8'}}]}
  - {id: beta, kind: chat, tokenizer: o200k_base, prices: [{from: 2025-01-01, source: {url: https://acme.example/prices, checked: 2025-01-01, basis: own}, rates: {input: '2', output: '2'}}]}
";

/// A folder with `ACME` and a log of one million tokens of each model on two days.
fn acme() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let line = |model: &str, time: &str| {
        let usage = json!({"input_tokens": 1_000_000, "output_tokens": 0});
        format!("{}\n", json!({"provider": "acme", "model": model, "timestamp": time, "usage": usage}))
    };
    let log = line("alpha", "2025-03-02T12:00:00Z")
        + &line("beta", "2025-03-03T12:00:00Z")
        + &line("alpha", "2025-03-03T23:30:00Z");
    std::fs::write(dir.path().join("acme.yaml"), ACME).unwrap();
    std::fs::write(dir.path().join("log.jsonl"), log).unwrap();
    dir
}

fn asked(dir: &tempfile::TempDir, flags: &str) -> Farebox {
    let all = ["what-if", "log.jsonl", "--prices", "acme.yaml"];
    farebox(all).args(flags.split(' ').filter(|flag| !flag.is_empty())).dir(dir.path())
}

#[test]
fn the_difference_is_in_percent_of_what_it_was() {
    // Two millions at $8 and one at $2 are $18; all three at $2 are $6, which is 66.7% less.
    let ran = asked(&acme(), "--model acme/beta").run().code(0);
    let total = ran.stdout.lines().find(|line| line.contains("total")).unwrap();
    assert!(total.contains("−66.7%"), "{}", ran.stdout);
    let row = ran.stdout.lines().find(|line| line.contains("acme/alpha")).unwrap();
    assert!(row.contains("−75.0%"), "{}", ran.stdout);
}

#[test]
fn a_switch_that_fits_nothing_is_an_error_that_says_what_the_log_holds() {
    let dir = acme();
    let said = asked(&dir, "--switch alfa=acme/beta").run().code(2).stderr;
    assert!(said.contains("--switch alfa=acme/beta fits no record: the log holds acme/alpha, acme/beta"), "{said}");
    assert!(said.contains("help: name a model of the log, such as --switch acme/alpha=acme/beta"), "{said}");
    let ran = asked(&dir, "--switch alpho=acme/beta").run().code(2);
    ran.says("help: did you mean --switch acme/alpha=acme/beta?");
    // Next to one that fits it is a warning, and so is one that comes too late.
    let ran = asked(&dir, "--switch opus=beta --switch alpha=acme/beta --format json").run().code(0);
    assert_eq!(ran.says("warning: --switch opus=beta fits no record").json()["expected_usd"], "6");
    let ran = asked(&dir, "--switch *=acme/beta --switch alpha=acme/alpha --format json").run().code(0);
    assert_eq!(ran.says("earlier switches take every record").json()["expected_usd"], "6");
}

#[test]
fn spans_threads_and_columns_are_those_of_usage() {
    let dir = acme();
    let was = |flags: &str| {
        let of = |command: &str, what: &str, key: &str| {
            let args = [command, "log.jsonl", "--prices", "acme.yaml", "--format", "json"];
            let run = farebox(args).args(flags.split(' ')).args(what.split(' ').filter(|w| !w.is_empty()));
            run.dir(dir.path()).run().code(0).json()[key].as_str().unwrap().to_owned()
        };
        let all = of("what-if", "--answers 50..50", "was_usd");
        assert_eq!(all, of("usage", "", "total_usd"), "{flags}");
        all
    };
    assert_eq!(was("--threads 1"), "18");
    assert_eq!(was("--threads 3"), "18");
    assert_eq!(was("--until 2025-03-02"), "8");
    assert_eq!(was("--since 2025-03-03"), "10");
    // Half past eleven in the evening is the next day in Berlin.
    assert_eq!(was("--since 2025-03-03 --until 2025-03-03 --timezone Europe/Berlin"), "2");
    let ran = asked(&dir, "--answers 50..50 --since 2025-03-03").run().code(0);
    assert!(ran.stdout.contains("1 record of another time left out."), "{}", ran.stdout);

    std::fs::write(dir.path().join("table.csv"), "Name,When,Prompt,Answer\nalpha,2025-03-03,1000000,0\n").unwrap();
    let columns = "model=Name,timestamp=When,input_tokens=Prompt,output_tokens=Answer";
    let run = farebox(["what-if", "table.csv", "--prices", "acme.yaml", "--model", "beta", "--format", "json"])
        .args(["--columns", columns, "--provider", "acme"])
        .dir(dir.path());
    let json = run.run().code(0).json();
    assert_eq!((&json["was_usd"], &json["expected_usd"]), (&json!("8"), &json!("2")));
}

#[test]
fn a_request_that_returns_in_another_file_counts_once_as_in_usage() {
    let dir = tempfile::tempdir().unwrap();
    let session = std::fs::read_to_string("tests/data/usage/claude-code/session.jsonl").unwrap();
    std::fs::write(dir.path().join("a.jsonl"), &session).unwrap();
    std::fs::write(dir.path().join("resumed.jsonl"), &session).unwrap();
    let of = |args: &[&str], key: &str| {
        farebox(args.iter().copied()).pinned().arg(dir.path()).run().code(0).json()[key].clone()
    };
    let was = of(&["what-if", "--batch", "--format", "json"], "was_usd");
    assert_eq!(was, of(&["usage", "--format", "json"], "total_usd"));
}

#[test]
fn flags_that_change_nothing_are_refused() {
    let dir = acme();
    asked(&dir, "--batch --text-class code").run().code(2).says("--text-class changes nothing here");
    asked(&dir, "--batch --format focus").run().code(2).says("farebox usage --format focus");
}

#[test]
fn what_was_not_read_is_on_neither_side_and_is_said() {
    let usage = serde_json::json!({"prompt_tokens": 1_000, "completion_tokens": 10, "zorkmid_tokens": 7});
    let record =
        serde_json::json!({"object": "chat.completion", "created": 1_792_000_000, "model": "gpt-4o", "usage": usage});
    let record = record.to_string();
    what_if(&record, ["--batch"]).run().code(0).says("unread: usage.zorkmid_tokens is 7");
    what_if(&record, ["--batch", "--strict"]).run().code(3);
}
