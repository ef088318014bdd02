//! `farebox prices import` as a user calls it. The files are excerpts of real ones: see `tests/data/README.md`.

use crate::support::farebox;
use serde_json::Value;

const FILES: [&str; 6] =
    ["litellm", "genai-prices", "models-dev", "openrouter", "llm-prices-current", "llm-prices-vendor"];

fn path(name: &str) -> String {
    format!("tests/data/import/{name}.json")
}

#[test]
fn what_import_prints_is_a_price_file_that_lint_has_nothing_against() {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        let file = folder.path().join(format!("{name}.yaml"));
        farebox(["prices", "import", &path(name), "--output"]).arg(&file).run().code(0).says("note: Read as ");
        let report = farebox(["prices", "lint", "--format", "json"]).arg(&file).run().code(0).json();
        // models.dev of May 2026 has 1.25 for cached input of gpt-3.5-turbo, and 0.5 for input: lint may well ask.
        let asked = |row: &serde_json::Value| row["code"] != "cache-read-above-input";
        assert!(!report["rows"].as_array().unwrap().iter().any(asked), "{name}: {report}");
        assert!(report["prices"].as_u64() > Some(0), "{name}");
        // The same file lies over the table, and what it says is what is charged.
        farebox(["prices", "list", "--quiet", "--format", "jsonl", "--prices"]).arg(&file).run().code(0);
    }
}

#[test]
fn a_file_for_one_provider_prices_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openrouter.yaml");
    let yaml = farebox(["prices", "import", "-", "--provider", "openrouter", "--quiet"])
        .input(std::fs::read(path("openrouter")).unwrap())
        .run()
        .code(0);
    assert_eq!(yaml.stderr, "");
    std::fs::write(&file, &yaml.stdout).unwrap();
    let model = "openrouter/bytedance-seed/seed-2.0-code";
    let run = |tokens: &str| {
        let args = [
            "estimate",
            "--input-tokens",
            tokens,
            "--output-tokens",
            "0",
            "-m",
            model,
            "--format",
            "json",
            "--at",
            "2026-11-22",
            "--prices",
        ];
        farebox(args).arg(&file).run().code(0).json()["rows"][0]["total_usd"].as_str().map(str::to_owned)
    };
    // "0.0000005" a token up to 128,000 tokens, "0.000001" beyond.
    assert_eq!(run("128000").as_deref(), Some("0.064"));
    assert_eq!(run("128001").as_deref(), Some("0.128001"));
}

fn compared(name: &str, more: &[&str]) -> Value {
    let path = path(name);
    let args = ["prices", "import", &path, "--compare", "--format", "json", "--at", "2026-11-22"];
    farebox(args.into_iter().chain(more.iter().copied())).run().code(0).json()
}

#[test]
fn a_comparison_says_of_each_price_who_has_what() {
    let report = compared("litellm", &["-p", "openai", "-p", "deepseek"]);
    let rows = report["rows"].as_array().unwrap();
    let verdict = |provider: &str, model: &str, meter: &str, condition: &str| {
        let is = |row: &&Value| {
            row["provider"] == provider
                && row["model"] == model
                && row["meter"] == meter
                && row["condition"] == condition
        };
        rows.iter().find(is).map(|row| row["verdict"].as_str().unwrap().to_owned())
    };
    // What is the same is not shown unless asked for.
    assert_eq!(verdict("openai", "gpt-4o", "input", ""), None);
    assert!(report["prices"]["same"].as_u64() > Some(80), "{}", report["prices"]);
    // The table's peak hours are the same as what LiteLLM says of the hours off the peak.
    assert_eq!(verdict("deepseek", "deepseek-v4-flash", "input", "01:00-04:00, 06:00-10:00 UTC mon-fri"), None);
    let all = compared("litellm", &["-p", "deepseek", "--show", "same"]);
    let peak = all["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["model"] == "deepseek-v4-flash" && row["meter"] == "input" && row["condition"] != "");
    assert_eq!(peak.unwrap()["here"], serde_json::json!({"usd": "0.3", "per": 1_000_000}));
    // The table has models that the excerpt does not.
    assert!(rows.iter().any(|row| row["verdict"] == "only here" && row["prices"][0]["usd"].is_string()));
}

#[test]
fn a_comparison_for_people_ends_in_counts() {
    let ran =
        farebox(["prices", "import", &path("openrouter"), "--compare", "--show", "differs", "--at", "2026-11-22"])
            .run();
    let ran = ran.code(0);
    assert!(ran.stdout.contains("Models in both: "), "{}", ran.stdout);
    let header = ran.stdout.lines().next().unwrap();
    assert!(header.contains("openrouter") && header.contains("table"), "{header}");
}

#[test]
fn what_has_no_place_in_a_price_file_is_listed() {
    let report = farebox(["prices", "import", &path("litellm"), "--unread", "--format", "json"]).run().code(0).json();
    let row = |what: &str| report["rows"].as_array().unwrap().iter().find(|row| row["what"] == what).cloned();
    let pixel = row("field `input_cost_per_pixel`").unwrap();
    assert_eq!(pixel["where"], serde_json::json!(["hd/1024-x-1792/dall-e-3"]));
    assert_eq!(report["mended"].as_array().unwrap().len(), 2);
}

#[test]
fn mistakes_say_the_next_step() {
    let import = |more: &[&str]| farebox(["prices", "import"].into_iter().chain(more.iter().copied()));
    import(&[&path("openrouter"), "--provider", "openai"]).run().code(2).says("help: it lists openrouter");
    import(&[&path("litellm"), "--provider", "opnai"]).run().code(2).says("did you mean `openai`?");
    import(&[&path("litellm"), "--from", "openrouter"]).run().code(2).says("not of the form of openrouter");
    import(&["-"]).input("<html>").run().code(2).says("it looks like a web page");
    import(&["-"]).input("{\"a\": 1}").run().code(2).says("litellm, genai-prices, models-dev, openrouter, llm-prices");
    import(&["-"]).input([0xff, 0xfe]).run().code(2).says("is not UTF-8 text");
    import(&["no-such-file.json"]).run().says("no-such-file.json");
}

#[test]
fn a_failed_import_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    std::fs::write(&file, "old").unwrap();
    farebox(["prices", "import", "-", "--output"]).arg(&file).input("{").run().code(2);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
