//! `farebox prices show`: a matrix for people, a row for each rate for programs.

use crate::support::farebox;

/// Dollars per million tokens, and everything else that may be said of a meter.
const PRICES: &str = r#"schema: 1
provider: acme
models:
  - id: one
    prices:
      - {from: 2025-01-01, to: 2026-01-01, rates: {input: "1", output: "4"}}
      - from: 2026-01-01
        rates: {input: "0.5", output: "2", reasoning: "=output", web_search: {price: "10", per: 1000}, audio_seconds: {price: "0.111", per: 3600, minimum: "10"}}
        tiers: [{when: {prompt_tokens: ">200000"}, rates: {input: "1"}, others: inherit}]
        variants:
          - when: {processing: batch}
            rates: {input: "0.25", output: {refuse: no page says so}, web_search: inherit, audio_seconds: none}
            tiers: [{when: {prompt_tokens: ">200000"}, others: refuse}]
"#;

fn show(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, PRICES).unwrap();
    let run = farebox(["prices", "show", "acme/one", "--at", "2026-11-22"]).args(args.iter().copied());
    run.arg("--prices").arg(&file).run().code(0).stdout
}

#[test]
fn conditions_go_down_meters_across_and_sources_below() {
    let shown = show(&[]);
    let lines: Vec<&str> = shown.lines().collect();
    let want = [
        "when input output web_search audio_seconds",
        "standard $0.50 $2 $10 / 1000 $0.111 / 3600 [2]",
        "prompt > 200000 $1.00 inherit inherit inherit",
        "processing=batch $0.25 refuse [3] inherit not sold",
        "reasoning is billed as output.",
        "[2] audio_seconds: billed for at least 10",
        "[3] refused: no page says so",
    ];
    // The spaces between columns depend on the widest cell.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown_words: Vec<String> = lines.iter().map(|line| words(line)).collect();
    for line in want {
        assert!(shown_words.iter().any(|shown| shown == line), "{line:?} is not in\n{shown}");
    }
    assert!(lines.iter().any(|line| line.starts_with("since 2026-01-01, in force [1]")), "{shown}");
    assert!(lines.iter().take_while(|line| !line.starts_with('[')).all(|line| line.chars().count() <= 100), "{shown}");
}

#[test]
fn each_period_is_a_heading() {
    let shown = show(&["--all"]);
    let headings: Vec<&str> = shown.lines().filter(|line| line.contains("2026-01-01")).collect();
    assert!(headings[0].starts_with("2025-01-01 to 2026-01-01 [1]"), "{shown}");
    assert!(headings[1].starts_with("since 2026-01-01, in force [1]"), "{shown}");
    assert!(!show(&[]).contains("2025-01-01 to 2026-01-01"));
}

#[test]
fn programs_get_a_row_for_each_rate() {
    let csv = show(&["--format", "csv", "-q"]);
    assert!(csv.lines().next().unwrap().starts_with("period,condition,meter,rate"), "{csv}");
    assert!(csv.contains("processing=batch,output,"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&show(&["--format", "json", "-q"])).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len() + 1, csv.lines().count());
}

/// What the provider multiplies rates with is no rate of the card, and is said below it.
#[test]
fn factors_of_the_provider_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    let prices = PRICES.replace(
        "models:\n  - id: one",
        "multipliers:\n  - {when: {inference_geo: us}, factor: \"1.1\", models: [one]}\nmodels:\n  - id: one",
    );
    std::fs::write(&file, prices).unwrap();
    let run = farebox(["prices", "show", "acme/one", "--at", "2026-11-22"]).arg("--prices").arg(&file).run().code(0);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("inference_geo=us: token rates × 1.1"), "{said}");
}

/// The end of a model has a source and a day of its own, wherever the end is shown; the short form has none.
#[test]
fn the_end_of_a_model_says_where_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = |id: &str, retired: &str| {
        format!("  - {{id: {id}, retired: {retired}, prices: [{{from: 2026-01-01, rates: {{input: \"1\"}}}}]}}\n")
    };
    let long = "{date: 2027-03-01, source: deprecations}";
    let text = format!(
        "schema: 1\nprovider: acme\nsources: {{deprecations: {{url: \"https://acme.example/ends\", checked: 2026-11-05, evidence: documented}}}}\nmodels:\n{}{}",
        model("long", long),
        model("short", "2027-03-01")
    );
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, text).unwrap();
    let run =
        |args: &[&str]| farebox(args.iter().copied()).args(["--at", "2026-11-22", "--prices"]).arg(&file).run().code(0);
    let shown = run(&["prices", "show", "acme/long"]).stdout;
    assert!(shown.contains("retires 2027-03-01"), "{shown}");
    assert!(shown.contains("the end: documented, checked 2026-11-05: https://acme.example/ends"), "{shown}");
    let short = run(&["prices", "show", "acme/short"]).stdout;
    assert!(short.contains("retires 2027-03-01") && !short.contains("the end:"), "{short}");
    let json = run(&["prices", "show", "acme/long", "--format", "json"]).json();
    assert_eq!(json["card"]["info"]["retired_source"]["url"], "https://acme.example/ends");
    let models = run(&["models", "-p", "acme", "--format", "json"]).json();
    let sources: Vec<&serde_json::Value> =
        models["rows"].as_array().unwrap().iter().map(|row| &row["retired_source"]["checked"]).collect();
    assert_eq!(sources, [&serde_json::json!("2026-11-05"), &serde_json::Value::Null]);
    let people = run(&["models", "-p", "acme"]).stdout;
    assert!(people.contains("https://acme.example/ends"), "{people}");
    let exported =
        farebox(["prices", "export", "--as", "csv", "-p", "acme", "--prices"]).arg(&file).run().code(0).stdout;
    assert!(exported.contains(",2027-03-01,https://acme.example/ends,2026-11-05,"), "{exported}");
    assert!(exported.contains(",2027-03-01,,,"), "{exported}");
}
