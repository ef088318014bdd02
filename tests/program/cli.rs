//! The binary as a user calls it: exit code, stdout and stderr of real runs.

use std::process::{Command, Stdio};

use crate::support::farebox;
use serde_json::Value;

/// The price table changes with every release: its hash and date are filtered out of snapshots.
fn without_table(text: &str) -> String {
    let line = |line: &str| match line.find("Prices as of ") {
        Some(at) => format!("{}Prices as of …", &line[..at]),
        None => line.trim_end().to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

// ---- the student case -------------------------------------------------------------------------------------------

const STUDENT_MODELS: [&str; 5] = [
    "openai/gpt-4-turbo",
    "anthropic/claude-3-5-sonnet",
    "cohere/command-r",
    "google/gemini-1.5-flash",
    "mistral/pixtral-12b",
];

/// 10,000 tokens in and out; `data/examples/student-project.md` works the sums out by hand.
fn student_totals(more: &[&str]) -> Vec<(String, String)> {
    let models = STUDENT_MODELS.iter().flat_map(|m| ["-m", m]);
    let ran = farebox([
        "compare",
        "--input-tokens",
        "10000",
        "--output-tokens",
        "10000",
        "--at",
        "2024-12-15",
        "--format",
        "json",
    ])
    .args(models)
    .args(more.iter().copied())
    .run()
    .code(0);
    let rows = ran.json()["rows"].as_array().expect("rows").clone();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}")).to_owned();
    rows.iter()
        .map(|row| (format!("{}/{}", text(row, "provider"), text(row, "model")), text(row, "total_usd")))
        .collect()
}

#[test]
fn the_student_case_costs_what_the_table_beside_it_says() {
    let table = std::fs::read_to_string("data/examples/student-project.csv").expect("the example's table");
    let overlay = ["--prices", "data/examples/student-project.overview-prices.yaml"];
    let (truth, overview) = (student_totals(&[]), student_totals(&overlay));
    for line in table.lines().skip(1) {
        let [asked, true_usd, overview_usd] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        // The answer names the dated card behind an alias: claude-3-5-sonnet was -20241022 then.
        let of = |totals: &[(String, String)]| {
            let hits: Vec<_> =
                totals.iter().filter(|(id, _)| id.starts_with(asked)).map(|(_, usd)| usd.clone()).collect();
            hits.first().unwrap_or_else(|| panic!("{asked} in {totals:?}")).clone()
        };
        assert_eq!(of(&truth), true_usd, "{asked}");
        assert_eq!(of(&overview), overview_usd, "{asked} at the overview's rates");
    }
}

#[test]
fn the_demo_compares_every_model_of_its_list() {
    let ran = farebox(["demo", "--format", "json"]).run().code(0);
    let listed = std::fs::read_to_string("data/examples/demo-models.txt").expect("the list");
    let wanted = listed.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).count();
    let json = ran.json();
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), wanted, "a model of the list has no price");
    for row in rows {
        let usd = |key: &str| {
            row[key].as_str().expect("money is a string").parse::<rust_decimal::Decimal>().expect("a decimal")
        };
        assert!(usd("low_usd") <= usd("total_usd") && usd("total_usd") <= usd("high_usd"), "{row}");
    }
    let providers: std::collections::BTreeSet<&str> = rows.iter().filter_map(|r| r["provider"].as_str()).collect();
    for provider in [
        "openai",
        "anthropic",
        "google",
        "mistral",
        "cohere",
        "deepseek",
        "xai",
        "groq",
        "together",
        "deepinfra",
        "huggingface",
    ] {
        assert!(providers.contains(provider), "{provider}");
    }
}

// ---- count ------------------------------------------------------------------------------------------------------

#[test]
fn a_count_prints_the_machine_form() {
    let ran =
        farebox(["count", "--text", "hello world", "--tokenizer", "o200k_base", "--format", "jsonl"]).run().code(0);
    assert_eq!(ran.stdout, "{\"source\":\"text\",\"tokenizer\":\"o200k_base\",\"tokens\":2,\"basis\":\"exact\"}\n");
}

#[test]
fn json_lines_are_counted_line_by_line_in_order() {
    let input = "{\"text\":\"hello world\"}\n\n{\"text\":\"\"}\n{\"text\":\"<|endoftext|>\"}\n";
    let ran = farebox([
        "count",
        "--tokenizer",
        "o200k_base",
        "--tokenizer",
        "r50k_base",
        "--jsonl",
        "text",
        "--format",
        "jsonl",
        "-",
    ])
    .input(input)
    .run()
    .code(0);
    let got: Vec<_> = ran
        .json_lines()
        .iter()
        .map(|row| {
            (
                row["line"].as_u64().unwrap(),
                row["tokenizer"].as_str().unwrap().to_owned(),
                row["tokens"].as_u64().unwrap(),
            )
        })
        .collect();
    // tiktoken 0.14.0: "hello world" is 2 in both; "<|endoftext|>" as ordinary text is 7 in both.
    let want = [
        (1, "o200k_base", 2),
        (1, "r50k_base", 2),
        (3, "o200k_base", 0),
        (3, "r50k_base", 0),
        (4, "o200k_base", 7),
        (4, "r50k_base", 7),
    ];
    let want: Vec<_> = want.map(|(line, name, n)| (line, name.to_owned(), n)).into();
    assert_eq!(got, want);
}

#[test]
fn a_bad_line_costs_only_itself() {
    let input = b"{\"text\":\"one\"}\n{\"text\":\n{\"other\":1}\n{\"text\":\"\xff\"}\n{\"text\":\"two\"}".to_vec();
    let args = ["count", "--tokenizer", "o200k_base", "--jsonl", "text", "--format", "jsonl"];
    let ran = farebox(args).input(input.clone()).run().code(0);
    let lines: Vec<_> = ran.json_lines().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 5]);
    let ran = ran.says("-:2: not JSON").says("-:3: no field \"text\"").says("-:4: not UTF-8");
    drop(ran);
    farebox(args).arg("--strict").input(input).run().code(3).says("3 of what was asked for");
}

#[test]
fn a_model_stands_beside_its_tokenizer() {
    let ran =
        farebox(["count", "--text", "hello world", "-m", "openai/gpt-4o", "-m", "xai/grok-4.20", "--format", "jsonl"])
            .run()
            .code(0);
    let rows = ran.json_lines();
    assert_eq!(
        (rows[0]["model"].as_str(), rows[0]["tokenizer"].as_str(), rows[0]["basis"].as_str()),
        (Some("gpt-4o"), Some("o200k_base"), Some("exact"))
    );
    assert!(rows[0].get("low").is_none(), "an exact count has no range");
    assert_eq!(rows[1]["basis"], "estimated");
    let number = |key: &str| rows[1][key].as_u64().unwrap();
    assert!(number("low") < number("tokens") && number("tokens") < number("high"), "{}", rows[1]);
}

#[test]
fn what_it_is_counted_with_is_said() {
    farebox(["count", "--text", "x"]).run().code(0).says("no model given");
    farebox(["count", "--text", "x", "--tokenizer", "o200k"]).run().code(2).says("did you mean o200k_base");
}

// ---- estimate ---------------------------------------------------------------------------------------------------

#[test]
fn an_estimate_is_a_receipt() {
    let ran = farebox(["estimate", "--input-tokens", "50000", "--cached-tokens", "48000", "--output-tokens", "1200"])
        .args(["-m", "openai/gpt-4o", "--at", "2024-11-15", "--format", "json"])
        .run()
        .code(0);
    let row = &ran.json()["rows"][0];
    // 2000 × 2.50 + 48000 × 1.25 + 1200 × 10, each ÷ 1M: 0.005 + 0.06 + 0.012 (rates in force since 2024-10-02).
    assert_eq!(row["total_usd"], "0.077");
    let lines: Vec<_> = row["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["meter"].as_str().unwrap(), l["usd"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [("input", "0.005"), ("cache_read", "0.06"), ("output", "0.012")]);
    assert_eq!(row["rates"]["from"], "2024-10-02");
    assert_eq!(row["table"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn requests_multiply_and_a_range_stays_a_range() {
    let ran = farebox(["estimate", "--input-tokens", "1000", "--output-tokens", "100..200..600", "--requests", "1000"])
        .args(["-m", "openai/gpt-4o-mini", "--at", "2025-01-01", "--format", "json"])
        .run()
        .code(0);
    let row = &ran.json()["rows"][0];
    // gpt-4o-mini: 0.15 in, 0.60 out. 1M × 0.15 = 0.15; answers 0.1M, 0.2M, 0.6M × 0.60 = 0.06, 0.12, 0.36.
    assert_eq!(
        (row["low_usd"].as_str(), row["total_usd"].as_str(), row["high_usd"].as_str()),
        (Some("0.21"), Some("0.27"), Some("0.51"))
    );
}

#[test]
fn an_answer_nobody_described_is_not_a_free_answer() {
    let ran = farebox(["estimate", "--text", "hello", "-m", "gpt-4o-mini", "--format", "json"]).pinned().run().code(0);
    let row = &ran.json()["rows"][0];
    assert_eq!(row["tokens"]["output"]["tokens"], Value::Null);
    assert_eq!(row["tokens"]["output"]["high"], 16_384); // the model's longest answer
    assert_eq!(row["high_usd"], "0.00983055"); // 1 × 0.15 + 16384 × 0.60, ÷ 1M
    let ran = ran.says("The length of the answer was not given");
    drop(ran);
}

#[test]
fn several_prompts_are_priced_apart_and_together() {
    let ran = farebox([
        "estimate",
        "data/prompts/tutor.txt",
        "data/prompts/extract.json",
        "-m",
        "gpt-4o",
        "--output-tokens",
        "0",
        "--format",
        "json",
    ])
    .run()
    .code(0);
    let json = ran.json();
    let usd = |v: &Value| v.as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows.iter().map(|r| usd(&r["total_usd"])).sum::<rust_decimal::Decimal>(),
        usd(&json["totals"][0]["total_usd"])
    );
}

// ---- every format prints the same money -------------------------------------------------------------------------

#[test]
fn formats_agree() {
    let run = |format| {
        farebox([
            "estimate",
            "--input-tokens",
            "12345",
            "--output-tokens",
            "678",
            "-m",
            "gpt-4o",
            "--at",
            "2025-06-01",
            "--format",
            format,
        ])
        .run()
        .code(0)
        .stdout
    };
    // 12345 × 2.50 + 678 × 10, ÷ 1M = 0.0308625 + 0.00678
    let usd = "0.0376425";
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(json["rows"][0]["total_usd"], usd);
    let line: Value = serde_json::from_str(run("jsonl").trim()).unwrap();
    assert_eq!(line["total_usd"], usd);
    let csv = run("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let at = reader.headers().unwrap().iter().position(|h| h == "total_usd").unwrap();
    assert_eq!(&reader.records().next().unwrap().unwrap()[at], usd);
    for people in ["table", "markdown"] {
        assert!(run(people).contains("$0.03764"), "{}", run(people));
    }
}

#[test]
fn machine_forms_keep_stdout_for_data() {
    let ran = farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--format", "csv"]).run().code(0);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(ran.stderr.contains("note: Prices as of"));
    let quiet = farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--format", "csv", "--quiet"]).run().code(0);
    assert_eq!(quiet.stderr, "");
}

// ---- usage records ----------------------------------------------------------------------------------------------

/// The rows of a run of `usage` over records, as JSON.
fn usage_rows(records: &str, more: &[&str]) -> Vec<Value> {
    farebox(["usage", "--format", "jsonl"]).args(more.iter().copied()).input(records).run().code(0).json_lines()
}

#[test]
fn each_record_is_priced_at_its_own_time() {
    let record = |day: &str| {
        format!(
            "{{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"{day}T12:00:00Z\",\"usage\":{{\"input_tokens\":1000000,\"output_tokens\":0}}}}\n"
        )
    };
    let rows = usage_rows(&(record("2024-10-01") + &record("2024-10-02")), &[]);
    // gpt-4o was 5 in until the alias moved on 2024-10-02, 2.50 after.
    assert_eq!((rows[0]["total_usd"].as_str(), rows[1]["total_usd"].as_str()), (Some("5"), Some("2.5")));
    let repriced = usage_rows(&record("2024-10-01"), &["--at", "2025-01-01", "--reprice"]);
    assert_eq!(repriced[0]["total_usd"], "2.5");
}

#[test]
fn the_machine_form_of_a_priced_record() {
    let prices = ["--prices", "tests/data/prices/openai.yaml", "--prices", "tests/data/prices/anthropic.yaml"];
    let rows = usage_rows(&std::fs::read_to_string("data/examples/usage.jsonl").unwrap(), &prices);
    let row = &rows[1];
    assert_eq!(
        (row["source"].as_str(), row["line"].as_u64(), row["status"].as_str()),
        (Some("-"), Some(2), Some("priced"))
    );
    // 2000 × 2.50 + 48000 × 1.25 + 1200 × 10, each ÷ 1M
    assert_eq!(row["total_usd"], "0.077");
    assert_eq!(
        row["lines"][1],
        serde_json::json!({"meter":"cache_read","quantity":"48000","rate":"1.25","per":1_000_000,"usd":"0.06"})
    );
    assert_eq!((row["rates"]["from"].as_str(), &row["rates"]["to"]), (Some("2024-10-02"), &Value::Null));
    // A tier, the batch variant and its own tier: 250k prompt at 5, 900 out at 18.75 (above 200k until 2026-03-13).
    assert_eq!(rows[2]["total_usd"], "1.266875");
    assert_eq!((rows[4]["status"].as_str(), &rows[4]["total_usd"]), (Some("no-rate"), &Value::Null));
}

#[test]
fn every_refusal_has_its_status() {
    let cases = [
        (r#"{"model":"gpt-4oo","input_tokens":10,"output_tokens":5}"#, "unknown-model"),
        (r#"{"provider":"openai","model":"claude-opus-4-6","input_tokens":10}"#, "unknown-model"),
        (r#"{"provider":"openai","model":"gpt-4o","timestamp":"2023-01-01","input_tokens":10}"#, "before-first-price"),
        (
            r#"{"provider":"openai","model":"gpt-4-turbo","timestamp":"2024-12-01","usage":{"input_tokens":10,"cache_read_tokens":5}}"#,
            "no-rate",
        ),
        (
            r#"{"provider":"openai","model":"gpt-4o","usage":{"input_tokens":10,"cache_read_tokens":11}}"#,
            "invalid-usage",
        ),
        (
            r#"{"provider":"openai","model":"gpt-4o","usage":{"input_tokens":10},"context":{"service_teir":"flex"}}"#,
            "no-rate",
        ),
    ];
    for (record, status) in cases {
        let rows = usage_rows(record, &[]);
        assert_eq!(rows[0]["status"], status, "{record}: {}", rows[0]);
        assert!(rows[0]["total_usd"].is_null() && rows[0]["reason"].is_string(), "{}", rows[0]);
    }
    // A line in which no record is recognised is an error too where there is no other.
    let broken = r#"{"model":"gpt-4o-mini","input_tokens":950,"#;
    let rows = farebox(["usage", "--format", "jsonl"]).input(broken).run().code(2).json_lines();
    assert_eq!(rows[0]["status"], "invalid-record");
    let good = r#"{"model":"gpt-4o-mini","timestamp":"2026-01-01","input_tokens":950}"#;
    assert_eq!(usage_rows(&format!("{good}\n{broken}"), &[])[1]["status"], "invalid-record");
    // On a day on which gpt-4o answers: its end is announced.
    let unknown = usage_rows(cases[0].0, &["--at", "2026-11-22"]);
    assert!(unknown[0]["suggestions"].as_array().unwrap().iter().any(|s| s == "openai/gpt-4o"), "{}", unknown[0]);
    farebox(["usage", "--strict"]).input(cases[0].0).run().code(3);
}

#[test]
fn a_currency_needs_a_rate_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let rates = dir.path().join("eur.yaml");
    std::fs::write(&rates, "schema: 1\nexchange:\n  EUR:\n    - {from: 2024-01-01, to: 2025-01-01, per_usd: \"0.9\"}\n    - {from: 2025-01-01, per_usd: \"0.8\"}\n").unwrap();
    let rates = rates.to_str().unwrap();
    let record = |day: &str| {
        format!("{{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"{day}\",\"input_tokens\":1000000}}\n")
    };
    let rows = usage_rows(&(record("2024-11-01") + &record("2025-11-01")), &["--currency", "EUR", "--prices", rates]);
    // 2.50 USD × 0.9, and × 0.8 a year later: each record at the rate of its own day.
    assert_eq!((rows[0]["total"].as_str(), rows[1]["total"].as_str()), (Some("2.25"), Some("2")));
    farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--currency", "XOF"])
        .run()
        .code(2)
        .says("no exchange rate of XOF");
    let old = farebox([
        "estimate",
        "--text",
        "x",
        "-m",
        "gpt-4o",
        "--at",
        "2023-12-31",
        "--currency",
        "EUR",
        "--prices",
        rates,
    ])
    .run();
    drop(old.code(2).says("no exchange rate of EUR holds on 2023-12-31"));
}

#[test]
fn an_overlay_has_discounts_and_deployments() {
    let dir = tempfile::tempdir().unwrap();
    let overlay = dir.path().join("own.yaml");
    let text = "schema: 1\nprovider: azure\nmultipliers: [{factor: \"0.85\", from: 2026-07-01}]\ndeployments:\n  support-bot: {model: gpt-4o, with: {region: eu}}\n";
    std::fs::write(&overlay, text).unwrap();
    let record = r#"{"provider":"azure","model":"support-bot","timestamp":"2026-11-01","input_tokens":1000000}"#;
    let rows = usage_rows(record, &["--prices", overlay.to_str().unwrap()]);
    // azure/eu/gpt-4o is 2.75 in; × 0.85
    assert_eq!((rows[0]["card"].as_str(), rows[0]["total_usd"].as_str()), (Some("azure/eu/gpt-4o"), Some("2.3375")));
    assert!(rows[0]["table"]["version"].as_str().unwrap().ends_with("+overlay"));
}

#[test]
fn a_pinned_table_refuses_another() {
    let json = farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--format", "json"]).run().code(0).json();
    let text = |key: &str| json["table"][key].as_str().unwrap().to_owned();
    let (version, hash) = (text("version"), text("sha256"));
    for pin in [version.clone(), hash[..12].to_owned(), format!("{version}@{}", &hash[..8])] {
        farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--prices-version", &pin]).run().code(0);
    }
    for pin in ["2020.01.01", "00000000", &format!("{version}@00000000"), &format!("{version}@{}", &hash[..4])] {
        farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--prices-version", pin])
            .run()
            .code(2)
            .says("the price table is");
    }
}

#[test]
fn the_table_over_time() {
    let history = farebox(["prices", "history", "openai/gpt-4o", "--format", "json"]).run().code(0).json();
    let from: Vec<_> = history["rows"].as_array().unwrap().iter().map(|r| r["from"].as_str().unwrap()).collect();
    assert_eq!(from[..2], ["2024-05-13", "2024-10-02"]);

    let diff = farebox([
        "prices",
        "diff",
        "2024-10-01",
        "2024-10-03",
        "--provider",
        "openai",
        "--input-tokens",
        "1000000",
        "--output-tokens",
        "0",
        "--format",
        "json",
    ])
    .run()
    .code(0)
    .json();
    let rows = diff["rows"].as_array().unwrap();
    let cut = rows.iter().find(|r| r["model"] == "openai/gpt-4o" && r["meter"] == "input").unwrap();
    assert_eq!(
        (cut["old"].as_str(), cut["new"].as_str(), cut["delta_usd"].as_str()),
        (Some("5"), Some("2.5"), Some("-2.5"))
    );
    let same = farebox(["prices", "diff", "pricing", "pricing", "--format", "json"]).run().code(0).json();
    assert_eq!(same["models"], 0);
    farebox(["prices", "diff", "no-such-thing", "2024-10-03"])
        .run()
        .code(2)
        .says("is not a date, a price file or a folder");

    let changes = farebox([
        "prices",
        "changes",
        "--since",
        "2025-06-10",
        "--until",
        "2025-06-11",
        "--provider",
        "openai",
        "--format",
        "json",
    ])
    .run()
    .code(0)
    .json();
    assert!(
        changes["rows"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["model"] == "openai/o3" && r["old"] == "10" && r["new"] == "2"),
        "{changes}"
    );

    farebox(["prices", "stale", "--at", "2027-11-22", "-m", "openai/gpt-4o"]).run().code(4);
    farebox(["prices", "stale", "--at", "2026-11-22", "-m", "openai/gpt-5.4"]).run().code(0);
}

#[test]
fn a_list_is_filtered_by_needs() {
    let json =
        farebox(["prices", "list", "--need", "context=900k,vision,tools", "--sort", "context", "--format", "json"])
            .run()
            .code(0)
            .json();
    let rows = json["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && json["not_known"].as_u64().unwrap() > 0);
    let models = farebox(["models", "--format", "json"]).run().code(0).json();
    let window = |row: &serde_json::Value| {
        // A dated twin is in the row of its model.
        let is_it = |m: &&serde_json::Value| {
            let twins = m["twins"].as_array().unwrap();
            m["provider"] == row["provider"] && (m["model"] == row["model"] || twins.contains(&row["model"]))
        };
        models["rows"].as_array().unwrap().iter().find(is_it).unwrap()["context_window"].as_u64().unwrap()
    };
    assert!(rows.iter().all(|row| window(row) >= 900_000));
    farebox(["prices", "list", "--need", "context=long"]).run().code(2).says("context=128k");
}

// ---- bad input --------------------------------------------------------------------------------------------------

#[test]
fn an_unknown_model_is_named_with_suggestions_and_never_priced() {
    for command in ["count", "estimate", "compare"] {
        let ran = farebox([command, "--text", "x", "-m", "gpt-4oo"])
            .run()
            .code(2)
            .says("no model is called \"gpt-4oo\"")
            .says("openai/gpt-4o");
        assert_eq!(ran.stdout, "", "{command}");
    }
    farebox(["prices", "show", "anthropic/claude-sonet-4-6"]).run().code(2).says("anthropic/claude-sonnet-4-6");
    farebox(["prices", "list", "--provider", "antropic"]).run().code(2).says("did you mean `anthropic`?");
}

#[test]
fn a_date_before_the_first_price_is_a_refusal() {
    let ran = farebox(["estimate", "--text", "x", "-m", "openai/gpt-4o", "--at", "2024-01-01", "--format", "json"])
        .run()
        .code(2);
    let row = &ran.json()["rows"][0];
    assert_eq!((row["status"].as_str(), &row["total_usd"]), (Some("before-first-price"), &Value::Null));
    let ran = ran.says("its first known price is from 2024-05-13");
    drop(ran);
    farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--at", "yesterday"])
        .run()
        .code(2)
        .says("\"yesterday\" is not a date");
}

#[test]
fn one_refusal_among_others_fails_only_when_strict() {
    let args = [
        "compare",
        "--input-tokens",
        "1",
        "--output-tokens",
        "1",
        "--at",
        "2024-06-01",
        "-m",
        "openai/gpt-4o",
        "-m",
        "openai/gpt-4o-mini",
        "--format",
        "json",
    ];
    let ran = farebox(args).run().code(0);
    assert_eq!((&ran.json()["priced"], &ran.json()["unpriced"]), (&1.into(), &1.into()));
    farebox(args).arg("--strict").run().code(3);
}

#[test]
fn files_that_cannot_be_read_say_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let estimate = |path: &std::path::Path| {
        farebox(["estimate", "-m", "gpt-4o", "--output-tokens", "0", "--format", "json"]).arg(path).run()
    };

    file("prompt.txt", b"hello world");
    estimate(&dir.path().join("promt.txt")).code(5).says("promt.txt").says("prompt.txt");
    estimate(dir.path()).code(2).says("is a folder").says("farebox count");

    let empty = estimate(&file("empty.txt", b"")).code(0);
    assert_eq!(empty.json()["rows"][0]["tokens"]["input"]["tokens"], 0);

    estimate(&file("picture.bin", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")).code(2).says("NUL byte").says("--binary");
    let broken = estimate(&file("broken.txt", b"caf\xe9 cr\xe8me")).code(0).says("U+FFFD");
    // "caf\u{FFFD} cr\u{FFFD}me" in o200k_base, by tiktoken 0.14.0.
    assert_eq!(broken.json()["rows"][0]["tokens"]["input"]["tokens"], 5);
}

#[test]
fn a_bad_overlay_shows_the_line_and_prices_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let head = "schema: 1\nprovider: openai\nmodels:\n  - id: gpt-4o\n    prices:\n";
    let cases = [
        (
            "repeated key",
            "      - {from: 2024-01-01, rates: {input: \"1\", output: \"2\", input: \"3\"}}\n",
            "repeated-key",
        ),
        ("negative price", "      - {from: 2024-01-01, rates: {input: \"-1\"}}\n", "negative-price"),
        ("float price", "      - {from: 2024-01-01, rates: {input: 2.5}}\n", "float-price"),
        (
            "overlapping periods",
            "      - {from: 2024-01-01, rates: {input: \"1\"}}\n      - {from: 2024-06-01, rates: {input: \"2\"}}\n",
            "overlapping-periods",
        ),
        ("unknown key", "      - {form: 2024-01-01, rates: {input: \"1\"}}\n", "unknown-key"),
    ];
    for (name, body, code) in cases {
        let path = dir.path().join("overlay.yaml");
        std::fs::write(&path, format!("{head}{body}")).unwrap();
        let shown = path.display().to_string();
        let ran = farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--prices"]).arg(&path).run().code(2);
        assert_eq!(ran.stdout, "", "{name}");
        let ran = ran.says(&format!("error[{code}]")).says(&format!("{shown}:"));
        let line = body.lines().last().unwrap().trim();
        drop(ran.says(line));
        drop(farebox(["prices", "lint"]).arg(&path).run().code(1));
    }
    farebox(["estimate", "--text", "x", "-m", "gpt-4o", "--prices", "no-such.yaml"]).run().code(5).says("no-such.yaml");
}

#[test]
fn typos_get_a_suggestion() {
    farebox(["cuont"]).run().code(2).says("similar").says("count");
    farebox(["estimate", "--modle", "gpt-4o"]).run().code(2).says("--model");
    farebox(["estimate", "-m", "gpt-4o", "--with", "service_teir=flex", "--text", "x"])
        .run()
        .code(2)
        .says("no dimension is called");
    farebox(["estimate", "-m", "gpt-4o", "--output-tokens", "9..1", "--text", "x"]).run().code(2).says("low..high");
}

#[test]
fn an_unknown_value_is_a_refusal_and_not_the_standard_price() {
    let ran = farebox([
        "estimate",
        "--input-tokens",
        "1000",
        "--output-tokens",
        "1",
        "-m",
        "openai/gpt-4o",
        "--with",
        "service_tier=superfast",
        "--format",
        "json",
    ])
    .run()
    .code(2);
    assert_eq!(ran.json()["rows"][0]["status"], "no-rate");
}

#[test]
fn help_is_a_command_too() {
    let of = |args: &[&str]| farebox(args.iter().copied()).run().code(0).stdout;
    assert_eq!(of(&["help"]), of(&["--help"]));
    assert_eq!(of(&["help", "prices", "show"]), of(&["prices", "show", "--help"]));
    farebox(["help", "cuont"]).run().code(2).says("'count'");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_farebox"))
        .args(["models", "--retired", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).contains("error")), (Some(0), false));
}

// ---- looking things up ------------------------------------------------------------------------------------------

#[test]
fn the_bundled_prices_are_clean() {
    let ran = farebox(["prices", "lint", "pricing", "--at", "2026-11-22", "--format", "json"]).run().code(0);
    let json = ran.json();
    assert_eq!((&json["errors"], &json["warnings"]), (&0.into(), &0.into()), "{}", ran.stdout);
    assert!(json["prices"].as_u64().unwrap() > 1_000);
    let packed = farebox(["prices", "lint", "--at", "2026-11-22", "--format", "json"]).run().code(0).json();
    assert_eq!((&packed["errors"], &packed["warnings"]), (&0.into(), &0.into()));
}

#[test]
fn a_card_shows_periods_conditions_and_sources() {
    let ran =
        farebox(["prices", "show", "openai/gpt-4o", "--all", "--at", "2026-11-22", "--format", "json"]).run().code(0);
    let json = ran.json();
    assert_eq!(json["card"]["model"], "gpt-4o");
    for row in json["rows"].as_array().unwrap() {
        assert!(row["source"]["url"].as_str().unwrap().starts_with("https://"), "{row}");
        assert!(row["source"]["checked"].is_string() && row["meter"].is_string(), "{row}");
    }
}

#[test]
fn completions_and_manual_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(farebox(["completions", shell]).run().code(0).stdout.contains("estimate"), "{shell}");
    }
    assert!(farebox(["man"]).run().code(0).stdout.contains(".TH farebox 1"));
    let dir = tempfile::tempdir().unwrap();
    drop(farebox(["man", "--dir"]).arg(dir.path()).run().code(0));
    assert!(dir.path().join("farebox-prices.1").exists());
}

#[test]
fn help_and_version_go_to_stdout() {
    let version = farebox(["--version"]).run().code(0);
    assert!(version.stdout.starts_with("farebox 0.1.0 (prices 20"), "{}", version.stdout);
    let help = farebox(["--help"]).run().code(0);
    for command in ["count", "estimate", "compare", "prices", "models", "demo", "completions", "man"] {
        assert!(help.stdout.contains(&format!("\n  {command}")), "{command}");
    }
    farebox([]).run().code(2);
}

#[test]
fn the_comparison_reads_like_this() {
    let models = STUDENT_MODELS.iter().flat_map(|m| ["-m", m]);
    let ran = farebox(["compare", "--input-tokens", "10000", "--output-tokens", "10000", "--at", "2024-12-15"])
        .args(models)
        .run()
        .code(0);
    insta::assert_snapshot!(without_table(&ran.stdout));
}
