//! The present, through the binary: `FAREBOX_NOW` sets it, a run under it says so, and every command reads the same one.

use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

/// Prices that change at the beginning of 2027, and an alias that moves then.
const PRICES: &str = r#"schema: 1
provider: acme
name: Acme
models:
  - id: acme-one
    aliases: [{id: acme-latest, to: 2027-01-01}]
    kind: chat
    tokenizer: o200k_base
    prices:
      - {from: 2026-01-01, to: 2027-01-01, rates: {input: "1", output: "2"}}
      - {from: 2027-01-01, rates: {input: "3", output: "4"}}
  - id: acme-two
    aliases: [{id: acme-latest, from: 2027-01-01}]
    kind: chat
    tokenizer: o200k_base
    prices: [{from: 2026-01-01, rates: {input: "5", output: "6"}}]
"#;

fn folder_with_prices() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
    dir
}

fn million_of(model: &str, dir: &tempfile::TempDir) -> Farebox {
    farebox(["estimate", "--prices", "prices.yaml", "--input-tokens", "1000000", "--output-tokens", "0", "-m", model])
        .dir(dir.path())
}

#[test]
fn the_clock_decides_which_price_holds() {
    let dir = folder_with_prices();
    let price = |now: &str| {
        let run = million_of("acme-one", &dir).args(["--format", "json"]).env("FAREBOX_NOW", now).run().code(0);
        let run = run.json();
        assert_eq!(run["table"]["clock_set_to"], json!(now));
        run["rows"][0]["total_usd"].clone()
    };
    assert_eq!(price("2026-12-31T23:59:59Z"), json!("1"));
    assert_eq!(price("2027-01-01T00:00:00Z"), json!("3"));
}

#[test]
fn a_run_under_another_clock_says_so_and_one_with_a_date_does_not_need_it() {
    let dir = folder_with_prices();
    let now = "2028-02-29T10:00:00Z";
    let said = "note: FAREBOX_NOW sets the clock to 2028-02-29T10:00:00Z";
    let table = million_of("acme-one", &dir).arg("--quiet").env("FAREBOX_NOW", now).run_as_is().code(0).says(said);
    assert!(table.stdout.contains("Prices as of 2028-02-29 (clock set by FAREBOX_NOW), table"), "{}", table.stdout);
    let dated = million_of("acme-one", &dir).args(["--at", "2026-06-01", "--format", "json"]).env("FAREBOX_NOW", now);
    let dated = dated.run_as_is().code(0).says(said).json();
    assert_eq!((&dated["rows"][0]["total_usd"], &dated["table"]["clock_set_to"]), (&json!("1"), &Value::Null));
}

#[test]
fn a_moment_that_does_not_exist_stops_every_command() {
    let commands: [&[&str]; 3] =
        [&["count", "--text", "a", "--tokenizer", "o200k_base"], &["models", "gpt"], &["demo"]];
    for command in commands {
        for now in ["2027-02-29T00:00:00Z", "today", "2026-11-22"] {
            let run = farebox(command.iter().copied()).env("FAREBOX_NOW", now).run_as_is().code(2);
            let run = run.says(now).says("help: write it as RFC 3339");
            assert_eq!(run.stdout, "");
        }
        // Empty is as good as unset.
        let run = farebox(command.iter().copied()).env("FAREBOX_NOW", "").run_as_is().code(0);
        assert!(!run.stderr.contains("FAREBOX_NOW"), "{}", run.stderr);
    }
}

#[test]
fn scan_and_init_use_the_clock_the_date_and_the_prices() {
    let dir = folder_with_prices();
    std::fs::write(dir.path().join("app.py"), "MODEL = \"acme-latest\"\n").unwrap();
    std::fs::write(dir.path().join("log.jsonl"), r#"{"model":"acme-latest","input_tokens":5,"output_tokens":1}"#)
        .unwrap();
    let now = |moment: &str| ("FAREBOX_NOW", moment.to_owned());
    //  flags                                      clock                    the model that the alias means then
    let cases: [(&[&str], _, &str); 3] = [
        (&["--prices", "prices.yaml"], now("2026-12-31T00:00:00Z"), "acme/acme-one"),
        (&["--prices", "prices.yaml"], now("2027-01-01T00:00:00Z"), "acme/acme-two"),
        (&["--prices", "prices.yaml", "--at", "2026-06-01"], now("2027-01-01T00:00:00Z"), "acme/acme-one"),
    ];
    for (index, (flags, (variable, moment), model)) in cases.into_iter().enumerate() {
        let draft = farebox(["scan", "."]).args(flags.iter().copied()).dir(dir.path()).env(variable, &moment).run();
        let draft = draft.code(0).stdout;
        assert!(draft.contains(&format!("model: \"{model}\"")), "{moment} {flags:?}: {draft}");

        let file = format!("{index}.yaml");
        let init = farebox(["init", &file, "--from", "log.jsonl"]).args(flags.iter().copied());
        let run = init.dir(dir.path()).env(variable, &moment).run().code(0);
        assert!(!run.stderr.contains("warning"), "{moment} {flags:?}: {}", run.stderr);
    }
    // Without the price file nothing is called that.
    farebox(["scan", "."]).dir(dir.path()).run().code(2).says("no model that the price table knows");
    farebox(["init", "x.yaml", "--from", "log.jsonl"]).dir(dir.path()).run().code(0).says("no model is called");
    // `--at` is the day on which the plan is made: it starts in the month after, on any day that the test runs.
    let example = farebox(["init", "y.yaml", "--at", "2026-12-15"]).dir(dir.path()).run().code(0);
    assert!(!example.stderr.contains("warning"), "{}", example.stderr);
    let text = std::fs::read_to_string(dir.path().join("y.yaml")).unwrap();
    assert!(text.contains("\nstart: 2027-01-01 "), "{text}");
    let early = farebox(["init", "z.yaml", "--from", "log.jsonl", "--prices", "prices.yaml", "--at", "2025-01-31"]);
    early.dir(dir.path()).run().code(0);
    assert!(std::fs::read_to_string(dir.path().join("z.yaml")).unwrap().contains("\nstart: 2025-02-01 "));
    // A model that had stopped answering by then is said.
    let gone = PRICES.replace("kind: chat", "kind: chat\n    retired: 2026-06-01");
    std::fs::write(dir.path().join("gone.yaml"), gone).unwrap();
    let gone =
        farebox(["init", "gone-plan.yaml", "--from", "log.jsonl", "--prices", "gone.yaml", "--at", "2026-06-02"]);
    gone.dir(dir.path())
        .run()
        .code(0)
        .says("warning: acme/acme-one is not live over the whole plan (retired 2026-06-01)");
}

#[test]
fn nothing_else_reads_the_clock() {
    let mut readers = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let reads = ["Timestamp::now", "SystemTime::now", "Zoned::now", "DateTime::now", "Date::now"];
            let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            if code.any(|line| reads.iter().any(|read| line.contains(read))) {
                readers.push(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned());
            }
        }
    }
    // `std::time::Instant` measures how long something takes and knows no date.
    assert_eq!(readers, [std::path::Path::new("src/cli/clock.rs")]);
}
