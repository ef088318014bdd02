//! What `count`, `estimate` and `compare` take their inputs for, and what they refuse, through the binary.
//!
//! Prices are those of a table of the tests' own, so that no price update changes a number here.

use std::path::PathBuf;

use crate::support::{Farebox, Ran, farebox};
use serde_json::{Value, json};

/// Two makers. `small` reads 1,000 tokens and answers with 400 at most; `large` reads ten times as much.
const PRICES: &str = r#"schema: 1
provider: acme
role: maker
makes: [small, large, plain]
models:
  - id: small
    kind: chat
    context_window: 1000
    max_output: 400
    tokenizer: o200k_base
    capabilities: [tools]
    prices:
      - from: 2026-01-01
        rates: {input: "1", output: "2", cache_read: "0.1"}
        variants: [{when: {processing: batch}, rates: {input: "0.5", output: "1"}, others: inherit}]
  - id: large
    kind: chat
    context_window: 10000
    max_output: 4000
    tokenizer: o200k_base
    capabilities: [tools, vision]
    prices:
      - from: 2026-01-01
        rates: {input: "10", output: "20"}
        variants: [{when: {processing: batch}, rates: {input: "5", output: "10"}}]
  - id: plain
    kind: chat
    tokenizer: o200k_base
    prices: [{from: 2026-01-01, rates: {input: "100", output: "100"}}]
"#;

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk { dir: tempfile::tempdir().expect("a folder") };
        desk.file("acme.yaml", PRICES);
        desk
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A run in the folder, with the prices of the tests on a day when they hold.
    fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Farebox {
        farebox(args).dir(self.dir.path()).args(["--at", "2026-06-15"]).arg("--prices").arg("acme.yaml")
    }

    fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        self.run(args).args(["--format", "json"]).run().code(0).json()
    }
}

fn request(text: &str) -> Value {
    json!({"model": "acme/small", "max_tokens": 100, "messages": [{"role": "user", "content": text}]})
}

/// The forms in which people keep the same three requests, and whether they are a batch.
fn forms() -> Vec<(&'static str, String, bool)> {
    let three = [request("hello world"), request("hello world"), request("hello world")];
    let lines = |wrap: &dyn Fn(&Value) -> Value| three.iter().map(|r| wrap(r).to_string() + "\n").collect::<String>();
    let openai = |r: &Value| json!({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": r});
    let anthropic = |r: &Value| json!({"custom_id": "1", "params": r});
    let list: Vec<Value> = three.iter().map(anthropic).collect();
    let vertex = |_: &Value| json!({"request": {"contents": [{"role": "user", "parts": [{"text": "hello world"}]}]}});
    let bedrock = |r: &Value| json!({"recordId": "1", "modelInput": r});
    vec![
        ("lines", lines(&Value::clone), false),
        ("a list", json!(three).to_string(), false),
        ("a list over many lines", serde_json::to_string_pretty(&three).expect("JSON"), false),
        ("OpenAI's batch file", lines(&openai), true),
        ("Anthropic's batch", serde_json::to_string_pretty(&json!({ "requests": list })).expect("JSON"), true),
        ("Anthropic's batch as lines", lines(&anthropic), true),
        ("Vertex AI's batch file", lines(&vertex), true),
        ("Bedrock's batch file", lines(&bedrock), true),
    ]
}

#[test]
fn estimate_compare_and_count_take_an_input_for_the_same() {
    let desk = Desk::new();
    for (name, text, is_batch) in forms() {
        desk.file("input", &text);
        let args = ["-m", "acme/small", "--output-tokens", "50"];
        let said = if is_batch { "read as 3 batch requests, priced at batch rates" } else { "read as 3 requests" };
        let estimated = desk.run(["estimate", "input"]).args(args).args(["--format", "json"]).run().code(0).says(said);
        let compared = desk.run(["compare", "input"]).args(args).args(["--format", "json"]).run().code(0).says(said);
        let piped = desk.run(["compare"]).args(args).args(["--format", "json"]).input(text.as_str()).run().code(0);
        let (estimated, compared, piped) =
            (estimated.json(), compared.says("3 answers").json(), piped.says(said).json());
        let row = &estimated["rows"][0];
        let tokens = row["tokens"]["input"]["tokens"].as_u64().expect("a number");
        // "hello world" is two tokens of o200k_base; what the frame of an unmeasured model adds is not the subject.
        assert!(tokens >= 6, "{name}: {tokens}");
        for other in [&compared["rows"][0], &piped["rows"][0]] {
            for key in ["total_usd", "tokens", "requests_in_file"] {
                assert_eq!(row[key], other[key], "{name}: {key}");
            }
        }
        assert_eq!(compared["answers"], 3, "{name}");
        // 150 tokens of answers at 2 for a million, and at half of it in a batch.
        let answers = if is_batch { "0.00015" } else { "0.0003" };
        assert_eq!(row["lines"][1]["usd"], answers, "{name}");
        let counted = desk.json(["count", "input", "-m", "acme/small"]);
        assert_eq!(counted["rows"].as_array().map(Vec::len), Some(3), "{name}");
        assert_eq!(counted["totals"][0]["tokens"], tokens, "{name}");
    }
}

#[test]
fn the_user_can_say_what_an_input_is() {
    let desk = Desk::new();
    let text = request("hello world").to_string();
    desk.file("request.txt", &text);
    // The file in o200k_base, as `count --text` counts it.
    let as_text = desk.json(["count", "--tokenizer", "o200k_base", "--text", &text])["rows"][0]["tokens"].clone();
    for command in ["estimate", "compare"] {
        let row = desk.json([command, "request.txt", "-m", "acme/small", "--plain"])["rows"][0].clone();
        assert_eq!(row["tokens"]["input"]["tokens"], as_text, "{command}");
    }
    let count = |args: &[&str]| {
        desk.run(["count", "request.txt"]).args(args.iter().copied()).args(["--format", "json"]).run().code(0)
    };
    assert_eq!(count(&["-m", "acme/small", "--plain"]).json()["rows"][0]["tokens"], as_text);
    let billed = count(&["-m", "acme/small"]).says("read as 1 request").json()["rows"][0]["tokens"].clone();
    assert_ne!(billed, as_text);
    assert_eq!(count(&[]).json()["rows"][0]["tokens"], billed, "for the model that the request names");
    // A tokenizer without a model counts text alone, and says so; next to a model each counts its own way.
    let ran = count(&["--tokenizer", "o200k_base"]).says("holds requests, counted as plain text");
    assert_eq!(ran.json()["rows"][0]["tokens"], as_text);
    let both =
        |ran: Ran| ran.json()["rows"].as_array().expect("rows").iter().map(|r| r["tokens"].clone()).collect::<Vec<_>>();
    let args = ["-m", "acme/small", "--tokenizer", "o200k_base"];
    assert_eq!(both(count(&args)), [billed.clone(), as_text.clone()]);
    let piped = desk.run(["count", "-"]).args(args).args(["--format", "json"]).input(text.as_str()).run().code(0);
    assert_eq!(both(piped), [billed, as_text.clone()]);
    // An attachment cannot be added to a request, so it is not passed over.
    for command in ["estimate", "compare"] {
        let ran = desk.run([command, "request.txt", "-m", "openai/gpt-4o", "--image", "10x10"]).run().code(2);
        drop(ran.says("--image 10x10: request.txt holds requests"));
    }
    // Text of the command line is text, and so are the files of a folder.
    let row = desk.json(["estimate", "-m", "acme/small", "--text", &text])["rows"][0].clone();
    assert_eq!(row["tokens"]["input"]["tokens"], as_text);
    std::fs::create_dir(desk.dir.path().join("folder")).expect("a folder");
    desk.file("folder/request.json", &text);
    assert_eq!(desk.json(["count", "folder", "-m", "acme/small"])["rows"][0]["tokens"], as_text);
    desk.run(["count", "request.txt", "--plain"]).run().code(0).says("no model given");
    desk.run(["count", "request.txt", "--plain", "--chat", "-m", "acme/small"]).run().code(2);
}

#[test]
fn several_inputs_are_added_up_by_compare() {
    let desk = Desk::new();
    desk.file("a.txt", "hello world");
    desk.file("b.json", request("hello world").to_string());
    let args =
        ["compare", "a.txt", "a.txt", "b.json", "-m", "acme/small", "-m", "acme/large", "--output-tokens", "100"];
    let json = desk.json(args);
    let one = desk.json(["estimate", "b.json", "-m", "acme/small"])["rows"][0]["tokens"]["input"]["tokens"].clone();
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &json["answers"]), (2, &json!(3)));
    assert_eq!(rows[0]["tokens"]["input"]["tokens"].as_u64(), one.as_u64().map(|n| n + 4));
    // 300 tokens of answers at 2 and at 20 for a million: the difference is told over all of the work.
    assert_eq!(rows[0]["lines"][1]["usd"], "0.0006");
    assert_eq!(rows[1]["difference"]["output_rate"], "0.0054");
}

#[test]
fn needs_hosts_and_scores_do_not_wait_for_a_workload() {
    let desk = Desk::new();
    desk.file("scores.csv", "model,score\nacme/small,10\nacme/large,40\n");
    let compare = |more: &[&str]| {
        let args = ["compare", "--text", "hello world", "--output-tokens", "10"];
        desk.run(args).args(more.iter().copied()).args(["--format", "json"]).run()
    };
    let ids = |ran: Ran| -> Vec<String> {
        let id = |row: &Value| format!("{}/{}", row["provider"].as_str().unwrap(), row["model"].as_str().unwrap());
        ran.code(0).json()["rows"].as_array().expect("rows").iter().map(id).collect()
    };
    let mine = ["-p", "acme"];
    assert_eq!(ids(compare(&mine)), ["acme/small", "acme/large", "acme/plain"]);
    assert_eq!(ids(compare(&[&mine[..], &["--need", "vision"]].concat())), ["acme/large"]);
    assert_eq!(ids(compare(&[&mine[..], &["--need", "context=1k,tools"]].concat())), ["acme/small", "acme/large"]);
    let named =
        compare(&["-m", "acme/small", "-m", "acme/large", "--need", "context=2k"]).says("does not meet context=2000");
    assert_eq!(ids(named), ["acme/large"]);
    compare(&["--need", "context=10000k,nonsense"]).code(2).says("--need nonsense").says("vision");
    compare(&["--need", "context=900000m"]).code(2).says("no model is left to compare");
    compare(&["--need", "region="]).code(2).says("names no region");
    desk.run(["prices", "list", "--need", "nonsense"]).run().code(2).says("--need nonsense");
    assert_eq!(ids(compare(&["--hosts", "acme/plain"])), ["acme/plain"]);
    compare(&["--hosts", "no-such-model"]).code(2).says("no-such-model");
    let json = compare(&[&mine[..], &["--scores", "scores.csv"]].concat()).code(0).json();
    // 2 × 1 + 10 × 2 for a million, over 10 points; 2 × 10 + 10 × 20 over 40.
    assert_eq!(json["rows"][0]["usd_per_point"], "0.0000022");
    assert_eq!(json["rows"][1]["usd_per_point"], "0.0000055");
    compare(&["--scores", "none.csv"]).code(5).says("none.csv");
}

#[test]
fn a_request_that_a_model_cannot_take_is_not_priced_in_silence() {
    let desk = Desk::new();
    let ask =
        |command: &str, more: &[&str]| desk.run([command]).args(more.iter().copied()).args(["--format", "json"]).run();
    for command in ["estimate", "compare"] {
        // Longer than the window of 1,000, to its end.
        for prompt in ["1001", "10..1001"] {
            let ran = ask(command, &["-m", "acme/small", "--input-tokens", prompt, "--output-tokens", "1"]).code(2);
            let ran = ran.says("a prompt of 1,001 tokens is longer than its context window, 1,000");
            assert_eq!(
                (&ran.json()["rows"][0]["status"], &ran.json()["rows"][0]["total_usd"]),
                (&json!("too-long"), &Value::Null)
            );
        }
        ask(command, &["-m", "acme/small", "--input-tokens", "1000", "--output-tokens", "0"]).code(0);
        // An answer beyond the longest, and one that the prompt leaves no room for.
        for (prompt, answer, says) in [
            ("10", "401", "an answer of 401 tokens is longer than the longest of the model, 400"),
            ("10", "1..401", "an answer of 401 tokens"),
            ("601", "400", "a prompt of 601 tokens with an answer of 400 is longer than the context window, 1,000"),
        ] {
            let ran = ask(command, &["-m", "acme/small", "--input-tokens", prompt, "--output-tokens", answer]).code(0);
            let ran = ran.says(says);
            assert!(ran.json()["rows"][0]["warning"].is_string());
        }
        let fits = ask(command, &["-m", "acme/small", "--input-tokens", "600", "--output-tokens", "400"]).code(0);
        assert!(!fits.stderr.contains("warning") && fits.json()["rows"][0].get("warning").is_none(), "{}", fits.stderr);
        // Cached tokens are a part of the prompt.
        ask(command, &["-m", "acme/small", "--input-tokens", "100", "--cached-tokens", "101"])
            .code(2)
            .says("101 tokens are more than the prompt's 100");
        ask(command, &["-m", "acme/small", "--input-tokens", "50..100", "--cached-tokens", "80"])
            .code(2)
            .says("80 tokens");
        ask(command, &["-m", "acme/small", "--text", "hello world", "--cached-tokens", "3"])
            .code(2)
            .says("3 cached tokens are more than the prompt's 2");
        ask(command, &["-m", "acme/small", "--text", "hello world", "--cached-tokens", "2"]).code(0);
    }
    // Candidates that were not named are left out and counted; what has no known window is said.
    let ran = ask("compare", &["-p", "acme", "--input-tokens", "5000", "--output-tokens", "500"]).code(0);
    let ran = ran
        .says("Left out: 1 × cannot read a prompt of that length")
        .says("acme/plain: its context window is not known");
    assert_eq!(ran.json()["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(ran.json()["not_compared"][0]["model"], "acme/small");
    let ran = ask("compare", &["-p", "acme", "--input-tokens", "5", "--output-tokens", "500"]).code(0);
    drop(ran.says("1 × cannot write an answer of that length"));
    // The longest answer without a description is what the prompt leaves room for.
    let row = ask("estimate", &["-m", "acme/small", "--input-tokens", "900"]).code(0).json()["rows"][0].clone();
    assert_eq!(row["tokens"]["output"]["high"], 100);
}

#[test]
fn a_count_says_what_does_not_fit() {
    let desk = Desk::new();
    // o200k_base: one token for each " hello", and one for the space at the end.
    desk.file("long.txt", "hello ".repeat(1_000));
    desk.run(["count", "long.txt", "-m", "acme/small"])
        .run()
        .code(0)
        .says("1,001 tokens do not fit the context window of acme/small, 1,000");
    let mut long = request(&"hello ".repeat(900));
    long["max_tokens"] = json!(300);
    desk.file("long.json", long.to_string());
    let ran = desk.run(["count", "long.json", "-m", "acme/small", "--format", "json"]).run().code(0);
    let ran = ran.says("with an answer of 300 ");
    assert_eq!(ran.json()["rows"][0]["fits"], false);
    let allowed = json!({"model": "acme/small", "max_tokens": 999, "messages": [{"role": "user", "content": "Hi"}]});
    desk.file("allowed.json", allowed.to_string());
    desk.run(["estimate", "allowed.json"])
        .run()
        .code(0)
        .says("an answer of 999 tokens; the longest of the model is 400");
}

#[test]
fn names_that_a_variable_left_empty_are_errors() {
    for (args, says) in [
        (vec!["count", "--text", "x", "-m", ""], "--model: the name is empty"),
        (vec!["estimate", "--text", "x", "-m", " "], "--model: the name is empty"),
        (vec!["compare", "--text", "x", "--hosts", ""], "the name is empty"),
        (vec!["count", "--text", "x", "--tokenizer", ""], "--tokenizer: the name is empty"),
        (vec!["estimate", "--text", "x", "-m", "gpt-4o", "--output-tokens", ""], "is not a number of tokens"),
        (vec!["count", "--text", "x", "-m", "gpt-4o", "--threads", "0"], "--threads"),
        (vec!["count", "--text", "x", "-m", "gpt-4o", "--top", "0"], "--top"),
        // A flag that needs another one is not swallowed where that one is excluded.
        (vec!["count", "--jsonl", "text", "--min-share", "3", "-m", "gpt-4o", "--text", "x"], "--min-share"),
    ] {
        farebox(args.iter().copied()).run().code(2).says(says);
    }
    let empty = farebox(["count", "--text", "", "--tokenizer", "o200k_base", "--format", "json"]).run().code(0).json();
    assert_eq!((&empty["rows"][0]["tokens"], &empty["rows"][0]["basis"]), (&json!(0), &json!("exact")));
    farebox(["estimate", "--text", "", "-m", "gpt-4o"]).run().code(0).says("is empty, so the prompt has no tokens");
    let dir = tempfile::tempdir().expect("a folder");
    farebox(["count", "-m", "gpt-4o"]).arg(dir.path()).run().code(2).says("no file to count in this folder");
}

#[test]
fn a_line_without_end_costs_only_itself() {
    // 64 MiB are the longest line of `--jsonl`, and 256 MiB the longest of requests: `input::lines::LONGEST_LINE`.
    let mut input = b"{\"text\":\"".to_vec();
    input.resize(input.len() + (64 << 20), b'x');
    input.extend_from_slice(b"\"}\n{\"text\":\"hello world\"}\n");
    let ran =
        farebox(["count", "--tokenizer", "o200k_base", "--jsonl", "text", "--format", "jsonl", "-"]).input(input).run();
    let ran = ran.code(0).says("-:1: the line is longer than 64 MiB");
    assert_eq!((&ran.json()["line"], &ran.json()["tokens"]), (&json!(2), &json!(2)));
}

#[test]
fn help_never_suggests_inventing_a_price() {
    let desk = Desk::new();
    for args in [
        vec!["--input-tokens", "10", "--cached-tokens", "5", "-m", "acme/large"],
        vec!["--input-tokens", "10", "-m", "acme/small", "--with", "service_tier=superfast"],
        vec!["--input-tokens", "10", "-m", "acme/plain", "--batch"],
    ] {
        let ran = desk.run(["estimate"]).args(args).run().code(2);
        let help = ran.stdout.lines().find(|line| line.contains("help:")).expect("a next step");
        assert!(help.contains("`farebox prices show acme/"), "{help}");
        for invites in ["add `", "add a variant", "leave it out", "overlay"] {
            assert!(!help.contains(invites), "{help}");
        }
    }
}
