//! `farebox usage` as a user calls it: views, spans, folders, exports.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::farebox;
use rust_decimal::Decimal;
use serde_json::Value;

fn record(model: &str, time: &str, input: u64) -> String {
    format!(
        "{{\"provider\":\"openai\",\"model\":\"{model}\",\"timestamp\":\"{time}\",\"usage\":{{\"input_tokens\":{input},\"output_tokens\":0}},\"project\":\"p\",\"tags\":[\"a\",\"b\"]}}\n"
    )
}

fn rows(records: &str, args: &[&str]) -> Vec<Value> {
    let args = ["usage", "--format", "json"].iter().chain(args).copied();
    let run = farebox(args).input(records).run().code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report["rows"].as_array().unwrap().clone()
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

// gpt-4o cost $2.50 for a million tokens of input all through 2025 (pricing/openai/gpt.yaml).

#[test]
fn views_group_by_time_in_the_zone_asked_for() {
    let records =
        record("gpt-4o", "2025-03-02T23:30:00Z", 1_000_000) + &record("gpt-4o", "2025-03-03T12:00:00Z", 1_000_000);
    assert_eq!(column(&rows(&records, &["--by", "day"]), "day"), ["2025-03-02", "2025-03-03"]);
    // Half past eleven in Greenwich is half past twelve, the next day, in Berlin.
    for zone in ["Europe/Berlin", "+01:00"] {
        let all = rows(&records, &["--by", "day", "--timezone", zone]);
        assert_eq!((column(&all, "day"), column(&all, "total_usd")), (vec!["2025-03-03".into()], vec!["5".into()]));
    }
    // 2025-03-03 is a Monday (`date -d 2025-03-03 +%A`).
    assert_eq!(column(&rows(&records, &["--by", "week"]), "week"), ["2025-02-24", "2025-03-03"]);
    assert_eq!(column(&rows(&records, &["--by", "month,model"]), "month"), ["2025-03"]);
    let late = farebox(["usage", "--since", "2025-03-04"]).input(records.clone()).run().code(0);
    assert!(late.stdout.contains("2 records of another time left out."), "{}", late.stdout);
    let since = rows(&records, &["--by", "day", "--since", "2025-03-03"]);
    assert_eq!(column(&since, "day"), ["2025-03-03"]);
    let until = rows(&records, &["--by", "day", "--until", "2025-03-02"]);
    assert_eq!(column(&until, "day"), ["2025-03-02"]);
    farebox(["usage", "--timezone", "Europe/Berlim"]).input("").run().code(2);
}

#[test]
fn a_record_with_two_tags_counts_under_both_and_once_in_the_total() {
    let run = farebox(["usage", "--format", "json", "--by", "tag"])
        .input(record("gpt-4o", "2025-03-03", 1_000_000))
        .run()
        .code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(column(report["rows"].as_array().unwrap(), "tag"), ["a", "b"]);
    assert_eq!(report["total_usd"], "2.5");
}

#[test]
fn the_dearest_groups_come_first_and_the_others_are_said() {
    let records = record("gpt-4o-mini", "2025-03-03", 1_000_000) + &record("gpt-4o", "2025-03-03", 1_000_000);
    let run = farebox(["usage", "--top", "1", "--format", "json"]).input(records.clone()).run().code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(column(report["rows"].as_array().unwrap(), "model"), ["openai/gpt-4o"]);
    assert_eq!(report["other_rows"]["total_usd"], "0.15");
}

#[test]
fn a_bucket_is_a_range_where_a_tier_may_apply() {
    // claude-sonnet-4-5 costs twice as much for prompts over 200k tokens (pricing/anthropic.yaml): 300,000 tokens at $3 or $6.
    let bucket = |window: &str| {
        format!(
            "{{\"data\":[{{\"starting_at\":\"2025-11-01T00:00:00Z\",\"ending_at\":\"2025-11-02T00:00:00Z\",\"results\":[{{\"uncached_input_tokens\":300000,\"output_tokens\":0,\"model\":\"claude-sonnet-4-5\",\"context_window\":{window}}}]}}]}}"
        )
    };
    let row = |window: &str| {
        let run = farebox(["usage", "--format", "jsonl"]).input(bucket(window)).run().code(0);
        let row = serde_json::from_str::<Value>(&run.stdout).unwrap();
        ["total_usd", "low_usd", "high_usd"].map(|name| row[name].as_str().unwrap_or("none").to_owned())
    };
    assert_eq!(row("null"), ["0.9", "0.9", "1.8"]);
    assert_eq!(row("\"0-200k\""), ["0.9", "none", "none"]);
    assert_eq!(row("\"200k-1M\""), ["1.8", "none", "none"]);
}

#[test]
fn a_files_own_figure_stands_beside_ours_with_its_cause() {
    // 1,000,000 cached tokens of gpt-4o at $1.25 in 2025; a log that prices them as fresh ones says $2.50.
    let line = "{\"request_id\":\"r\",\"call_type\":\"completion\",\"spend\":2.5,\"prompt_tokens\":1000000,\"completion_tokens\":0,\"model\":\"gpt-4o\",\"custom_llm_provider\":\"openai\",\"startTime\":\"2025-03-03T00:00:00Z\",\"metadata\":{\"usage_object\":{\"prompt_tokens\":1000000,\"completion_tokens\":0,\"prompt_tokens_details\":{\"cached_tokens\":1000000}}}}";
    let run = farebox(["usage", "--format", "json"]).input(line).run().code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["total_usd"], "1.25");
    assert_eq!(report["reported"]["differences"][0]["cause"], "it prices cached tokens as fresh ones");
    assert_eq!(report["reported"]["differences"][0]["difference_usd"], "1.25");
}

#[test]
fn threads_do_not_change_what_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("many.jsonl");
    let text: String = (0..30_000)
        .map(|i| {
            if i % 97 == 0 {
                "broken\n".into()
            } else {
                record(if i % 3 == 0 { "gpt-4o" } else { "o3" }, "2025-07-01T00:00:00Z", i)
            }
        })
        .collect();
    std::fs::write(&path, text).unwrap();
    for format in ["jsonl", "json"] {
        let of = |threads: &str| {
            farebox(["usage", "--format", format, "--threads", threads, path.to_str().unwrap()]).run().code(0).stdout
        };
        assert!(of("1") == of("4"), "{format}");
    }
}

#[test]
fn agents_sessions_are_found_where_the_agent_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str, sample: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(format!("tests/data/usage/{sample}"), path).unwrap();
    };
    place(".claude/projects/-home-student/session.jsonl", "claude-code/session.jsonl");
    place(".codex/sessions/2026/11/20/rollout.jsonl", "codex/rollout-2026-11-20T10-00-00-sample.jsonl");
    place("data/opencode/storage/message/ses/msg.json", "opencode/msg_sample.json");
    place(".gemini/tmp/a1/chats/session.jsonl", "gemini-cli/session-2026-11-20T10-00-3f1c.jsonl");
    place(".kimi/sessions/a/b/wire.jsonl", "kimi/wire.jsonl");
    // What lies beside has no usage.
    std::fs::write(dir.path().join(".gemini/tmp/a1/checkpoint.json"), "[{\"role\":\"user\",\"parts\":[]}]").unwrap();
    std::fs::write(dir.path().join(".kimi/sessions/a/b/context.jsonl"), "{\"role\":\"user\",\"content\":\"x\"}\n")
        .unwrap();
    let usage = |agent: &str, vars: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(["usage", "--from", agent, "--format", "jsonl", "-q"]).env("HOME", dir.path());
        for name in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        let output = command.envs(vars.iter().copied()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap().lines().count(), output.status.code())
    };
    assert_eq!(usage("claude-code", &[]), (3, Some(0)));
    assert_eq!(usage("codex", &[]), (3, Some(0)));
    assert_eq!(usage("gemini-cli", &[]), (2, Some(0)));
    let moved = dir.path().join("moved");
    std::fs::create_dir_all(&moved).unwrap();
    std::fs::rename(dir.path().join(".kimi/sessions"), moved.join("sessions")).unwrap();
    assert_eq!(usage("kimi", &[("KIMI_SHARE_DIR", moved.to_str().unwrap())]).0, 2);
    assert_eq!(usage("opencode", &[("XDG_DATA_HOME", dir.path().join("data").to_str().unwrap())]), (1, Some(0)));
    let moved = dir.path().join(".claude");
    assert_eq!(usage("claude-code", &[("CLAUDE_CONFIG_DIR", moved.to_str().unwrap())]), (3, Some(0)));
    assert_eq!(usage("opencode", &[]), (0, Some(2)));
}

/// `farebox usage --follow` on some files, ended when it goes out of scope.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

/// How long a line is waited for: far longer than it takes, so that a test which waits in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

impl Following {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(["usage", "--follow"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Following { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line within a minute")
    }

    fn row(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Ends it and returns what it said next to its data.
    fn said(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(path: &Path, text: &str) {
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    log.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_growing_log_is_followed_from_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.jsonl");
    let line = |millions: u64| record("gpt-4o", "2025-03-03", millions * 1_000_000);
    append(&path, &line(1));
    let mut following = Following::start(&["--format", "jsonl", path.to_str().unwrap()]);
    assert_eq!(following.row()["total_usd"], "2.5");
    // Half a line waits for its other half; what is broken is said with its line.
    let two = line(2);
    append(&path, &format!("broken\n{}", &two[..40]));
    assert_eq!((following.row()["status"].clone(), 2), ("invalid-record".into(), 2));
    append(&path, &two[40..]);
    let row = following.row();
    assert_eq!((&row["total_usd"], &row["line"]), (&"5".into(), &3.into()));
    // A document over several lines is one record.
    append(&path, "{\"model\": \"gpt-4o\",\n");
    append(&path, " \"timestamp\": \"2025-03-03\",\n \"input_tokens\": 4000000, \"output_tokens\": 0\n}\n");
    let row = following.row();
    assert_eq!((&row["total_usd"], &row["line"]), (&"10".into(), &4.into()));
    // The log is cut short and starts again.
    std::fs::write(&path, "").unwrap();
    append(&path, &line(3));
    let row = following.row();
    assert_eq!((&row["total_usd"], &row["line"]), (&"7.5".into(), &1.into()));
    // Another file takes its place.
    let other = dir.path().join("other.jsonl");
    append(&other, &(line(1) + &line(2) + &line(3)));
    std::fs::rename(&other, &path).unwrap();
    let rows: Vec<String> = (0..3).map(|_| following.row()["total_usd"].as_str().unwrap().to_owned()).collect();
    assert_eq!(rows, ["2.5", "5", "7.5"]);
    let said = following.said();
    assert!(said.contains("it was cut short; reading it from its start"), "{said}");
    assert!(said.contains("another file took its place"), "{said}");
}

/// A line of a Claude Code session: the same request on every line with its id.
fn session_line(id: &str, output: u64) -> String {
    format!(
        "{{\"type\":\"assistant\",\"sessionId\":\"s\",\"uuid\":\"u\",\"timestamp\":\"2025-11-03T00:00:00Z\",\"requestId\":\"r\",\"message\":{{\"id\":\"{id}\",\"model\":\"claude-sonnet-4-5\",\"usage\":{{\"input_tokens\":0,\"output_tokens\":{output}}}}}}}\n"
    )
}

// claude-sonnet-4-5 cost $15 for a million tokens of output in November 2025 (pricing/anthropic.yaml).

#[test]
fn a_request_that_is_followed_counts_as_its_last_line_and_once_in_all_files() {
    let dir = tempfile::tempdir().unwrap();
    let (first, resumed) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
    append(&first, &session_line("one", 1_000));
    let mut following = Following::start(&[dir.path().to_str().unwrap()]);
    assert!(following.line().contains("1 of 1 records priced, $0.015 "));
    append(&first, &session_line("one", 2_000));
    assert!(following.line().contains("1 of 1 records priced, $0.03 "));
    // A session that is resumed begins as a copy, in a file that was not there before.
    append(&resumed, &(session_line("one", 2_000) + &session_line("two", 4_000)));
    assert!(following.line().contains("2 of 2 records priced, $0.09 "));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_followed_counts_once_under_all_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.jsonl");
    append(&path, &record("gpt-4o", "2025-03-03", 1_000_000));
    let mut following = Following::start(&[dir.path().to_str().unwrap(), path.to_str().unwrap()]);
    assert!(following.line().contains("1 of 1 records priced, $2.50 "));
    // A link that sorts before it is found by a later look into the folder.
    std::os::unix::fs::symlink(&path, dir.path().join("a.jsonl")).unwrap();
    append(&dir.path().join("c.jsonl"), &record("gpt-4o", "2025-03-03", 2_000_000));
    assert!(following.line().contains("2 of 2 records priced, $7.50 "));
}

#[test]
fn rows_of_a_followed_session_wait_until_it_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    append(&path, &session_line("one", 1_000));
    let mut following = Following::start(&["--format", "jsonl", path.to_str().unwrap()]);
    append(&path, &session_line("one", 2_000));
    assert_eq!(following.row()["total_usd"], "0.03");
    // It was handed out already: what returns of it is not another request.
    append(&path, &(session_line("one", 2_000) + &session_line("two", 4_000)));
    assert_eq!(following.row()["total_usd"], "0.06");
}

#[test]
fn a_table_is_followed_row_by_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.csv");
    append(&path, "model,timestamp,input_tokens,output_tokens,project\ngpt-4o,2025-03-03,1000000,0,a\n");
    let mut following = Following::start(&["--format", "jsonl", path.to_str().unwrap()]);
    assert_eq!(following.row()["total_usd"], "2.5");
    append(&path, "gpt-4o,2025-03-03,2000000,0,\"two\n");
    append(&path, "lines\"\ngpt-4o,2025-03-03,3000000,0,b\n");
    let (second, third) = (following.row(), following.row());
    assert_eq!(
        (&second["total_usd"], &second["line"], &second["project"]),
        (&"5".into(), &3.into(), &"two\nlines".into())
    );
    assert_eq!((&third["total_usd"], &third["line"]), (&"7.5".into(), &5.into()));
}

#[test]
fn what_cannot_be_followed_is_said() {
    farebox(["usage", "--follow", "-"]).input("").run().code(2);
    let run = farebox(["usage", "--follow", "--format", "csv", "x.jsonl"]).run().code(2);
    assert!(run.stderr.contains("--format jsonl"), "{}", run.stderr);
}

#[test]
fn a_missing_file_is_said_and_the_others_count() {
    let run = farebox(["usage", "tests/data/usage/openai/response.json", "nowhere.jsonl"]).run().code(5);
    assert!(run.stdout.contains("1 of 1 records priced") && run.stderr.contains("nowhere.jsonl"));
    farebox(["usage", "nowhere.jsonl"]).run().code(5);
}

#[test]
fn a_text_that_breaks_off_says_at_which_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    (0..100).for_each(|_| packed.write_all(record("gpt-4o", "2025-03-03", 1_000_000).as_bytes()).unwrap());
    let whole = packed.finish().unwrap();
    let path = dir.path().join("cut.jsonl.gz");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let run = farebox(["usage", path.to_str().unwrap()]).run().code(0);
    // Stored without packing, half of the file is half of the lines.
    assert!(run.stdout.contains("49 of 50 records priced, $122.50 in total"), "{}", run.stdout);
    assert!(run.stderr.contains("cut.jsonl.gz:50: invalid-record: the text breaks off"), "{}", run.stderr);
}

#[test]
fn a_folder_without_usage_is_an_error_and_the_others_count() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("readme.txt"), "hello").unwrap();
    let folder = dir.path().to_str().unwrap();
    let run = farebox(["usage", folder, "tests/data/usage/openai/response.json"]).run().code(2);
    assert!(
        run.stdout.contains("1 of 1 records priced") && run.stderr.contains("it has 1 file (1 .txt)"),
        "{}",
        run.stderr
    );
    farebox(["usage", folder]).run().code(2);
}

// ---- FOCUS ------------------------------------------------------------------------------------------------------

/// Columns and rules of FOCUS 1.2 (`tests/data/focus-1.2.csv`).
#[test]
fn focus_rows_keep_the_rules_of_the_specification() {
    let run = farebox([
        "usage",
        "--format",
        "focus",
        "tests/data/usage/openai",
        "tests/data/usage/anthropic",
        "tests/data/usage/claude-code",
    ])
    .run()
    .code(0);
    let mut table = csv::Reader::from_reader(run.stdout.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    assert!(rows.len() > 20);
    let mut rules = csv::Reader::from_path("tests/data/focus-1.2.csv").unwrap();
    let moment = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap();
    for rule in rules.deserialize::<BTreeMap<String, String>>().map(Result::unwrap) {
        let column = &rule["column"];
        for row in &rows {
            let value = row.get(column).unwrap_or_else(|| panic!("{column} is missing"));
            assert!(rule["null"] != "never" || !value.is_empty(), "{column} is empty");
            if value.is_empty() {
                continue;
            }
            match rule["type"].as_str() {
                "decimal" => drop(value.parse::<Decimal>().unwrap()),
                "date/time" => assert!(moment.is_match(value), "{column}: {value}"),
                _ => {}
            }
            assert!(rule["values"].is_empty() || rule["values"].split('|').any(|v| v == value), "{column}: {value}");
        }
    }
    for row in &rows {
        let number = |name: &str| row[name].parse::<Decimal>().unwrap();
        assert_eq!(number("ListUnitPrice") * number("PricingQuantity"), number("ListCost"), "{row:?}");
        assert_eq!(number("ContractedUnitPrice") * number("PricingQuantity"), number("ContractedCost"));
    }
}

/// Model Studio bills hits of the explicit cache with 10 % of input, of the implicit one with 20 %, and writes with 125 %
/// (alibabacloud.com/help/en/model-studio/context-cache of 2026-10-11). `acme` has one cache.
const TWO_CACHES: &str = r#"
schema: 1
provider: alibaba
models:
  - id: qwen-plus
    prices:
      - from: 2025-01-01
        rates: {input: "0.4", cache_read: "0.08", cache_write_5m: "0.5", output: "1.2"}
        variants: [{when: {cache: explicit}, rates: {cache_read: {factor: "0.5"}}, others: inherit}]
---
schema: 1
provider: acme
models:
  - {id: qwen-plus, prices: [{from: 2025-01-01, rates: {input: "0.4", cache_read: "0.08", output: "1.2"}}]}
"#;

#[test]
fn an_explicit_cache_costs_its_own_price_where_a_provider_has_two() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("two.yaml");
    std::fs::write(&table, TWO_CACHES).unwrap();
    let total = |provider: &str, details: &str| {
        let body = format!(
            "{{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":\"qwen-plus\",\"choices\":[],\"usage\":{{\"prompt_tokens\":1629,\"completion_tokens\":100,\"total_tokens\":1729,\"prompt_tokens_details\":{details}}}}}"
        );
        let run = farebox(["usage", "--format", "json", "--prices"]).arg(&table);
        let run = if provider.is_empty() { run } else { run.args(["--provider", provider]) };
        run.input(body).run().code(0).json()["total_usd"].as_str().unwrap().to_owned()
    };
    let hit = "{\"cached_tokens\":1605,\"cache_creation_input_tokens\":0,\"cache_type\":\"ephemeral\"}";
    let written = "{\"cached_tokens\":0,\"cache_creation_input_tokens\":1605,\"cache_creation\":{\"ephemeral_5m_input_tokens\":1605},\"cache_type\":\"ephemeral\"}";
    // 24 × 0.4 + 1,605 × 0.04 + 100 × 1.2 millionths of a dollar; written: 1,605 × 0.5; implicit: 1,605 × 0.08.
    assert_eq!(total("", hit), "0.0001938");
    assert_eq!(total("", written), "0.0009321");
    assert_eq!(total("alibaba", "{\"cached_tokens\":1605}"), "0.000258");
    // A card without rates by cache bills what it is called alike.
    assert_eq!(total("acme", hit), "0.000258");
}
