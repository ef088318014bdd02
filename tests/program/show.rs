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
        "standard $0.5 $2 $10 / 1000 $0.111 / 3600 [2]",
        "prompt > 200000 $1 inherit inherit inherit",
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
