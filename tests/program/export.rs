//! `farebox prices export`: flat rows, and forms of other databases that `prices import` reads back.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::farebox;
use serde_json::{Value, json};

/// Dollars per million tokens, and one of everything that is said of a meter.
const PRICES: &str = r#"schema: 1
provider: acme
multipliers: [{when: {region: eu}, factor: "1.1", models: [one], from: 2026-01-01}]
models:
  - id: one
    retired: 2027-02-01
    replacement: two
    prices:
      - {from: 2025-01-01, to: 2026-01-01, rates: {input: "1", output: "4"}}
      - from: 2026-01-01
        note: half as much
        rates: {input: "0.5", output: "2", reasoning: "=output", web_search: {price: "10", per: 1000}, audio_seconds: {price: "0.111", per: 3600, minimum: "10"}}
        variants:
          - when: {processing: batch}
            rates: {input: "0.25", output: {refuse: no page says so}, web_search: inherit, audio_seconds: none}
"#;

fn acme(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    std::fs::write(&file, PRICES).unwrap();
    farebox(["prices", "export", "-q", "-p", "acme"])
        .args(args.iter().copied())
        .arg("--prices")
        .arg(&file)
        .run()
        .code(0)
        .stdout
}

#[test]
fn a_row_says_everything_about_a_rate() {
    let export: Value = serde_json::from_str(&acme(&["--as", "json"])).unwrap();
    assert!(export["table"]["version"].as_str().unwrap().ends_with("+overlay"));
    assert_eq!(export["table"]["sha256"].as_str().unwrap().len(), 64);
    let rows = export["rows"].as_array().unwrap();
    let of = |from: &str, condition: &str, meter: &str, fields: &[&str]| {
        let is = |row: &&Value| row["from"] == from && row["condition"] == condition && row["meter"] == meter;
        let row = rows.iter().find(is).unwrap_or_else(|| panic!("no {meter} in {rows:?}"));
        fields.iter().map(|field| row[field].clone()).collect::<Vec<_>>()
    };
    let price = ["provider", "model", "kind", "to", "unit", "rate", "usd", "per", "retired", "replacement", "note"];
    let want =
        json!(["acme", "one", "chat", "2026-01-01", "tokens", "price", "4", 1_000_000, "2027-02-01", "two", null]);
    assert_eq!(Value::from(of("2025-01-01", "", "output", &price)), want);
    let now = |condition: &str, meter: &str, fields: &[&str]| Value::from(of("2026-01-01", condition, meter, fields));
    assert_eq!(now("", "input", &["to", "usd", "note", "evidence"]), json!([null, "0.5", "half as much", "own"]));
    assert_eq!(now("", "reasoning", &["rate", "same_as", "usd"]), json!(["same-as", "output", null]));
    assert_eq!(now("", "audio_seconds", &["usd", "per", "minimum", "unit"]), json!(["0.111", 3600, "10", "measure"]));
    let batch = "processing=batch";
    assert_eq!(now(batch, "output", &["rate", "reason", "usd"]), json!(["refuse", "no page says so", null]));
    assert_eq!(now(batch, "web_search", &["rate", "usd"]), json!(["inherit", null]));
    assert_eq!(now(batch, "audio_seconds", &["rate", "usd"]), json!(["not-sold", null]));
    let factor = rows.iter().find(|row| row["rate"] == "factor").unwrap();
    let fields = ["model", "condition", "meter", "factor", "from"].map(|field| factor[field].clone());
    assert_eq!(Value::from(fields.to_vec()), json!(["one", "region=eu", null, "1.1", "2026-01-01"]));
}

/// A note of somebody else's price file turns no writing around and steers no terminal, and says the same.
#[test]
fn json_is_inert() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.yaml");
    let note = "half\u{202e} as\u{9b}31m much";
    std::fs::write(&file, PRICES.replace("half as much", r#""half\u202E as\u009B31m much""#)).unwrap();
    let export = farebox(["prices", "export", "-q", "-p", "acme", "--as", "json", "--prices"]).arg(&file).run().code(0);
    assert!(!export.stdout.contains(['\u{202e}', '\u{9b}']), "{}", export.stdout);
    let json: Value = serde_json::from_str(&export.stdout).unwrap();
    assert!(json["rows"].as_array().unwrap().iter().any(|row| row["note"] == note), "{json:#}");
}

#[test]
fn csv_has_the_rows_of_json_with_the_table_in_each() {
    let export: Value = serde_json::from_str(&acme(&["--as", "json"])).unwrap();
    let text = acme(&["--as", "csv"]);
    let lines: Vec<&str> = text.lines().collect();
    let head: Vec<&str> = lines[0].split(',').collect();
    let fields: Vec<&str> = export["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(head[..fields.len()], fields[..]);
    assert_eq!(head[fields.len()..], ["table_version", "table_sha256"]);
    assert_eq!(lines.len() - 1, export["rows"].as_array().unwrap().len());
    let sha = export["table"]["sha256"].as_str().unwrap();
    assert!(lines[1..].iter().all(|line| line.ends_with(sha)));
    // A cell that a spreadsheet would take for a formula would have an apostrophe.
    assert!(!text.contains("'="), "{text}");
}

#[test]
fn the_same_table_gives_the_same_bytes_on_every_day() {
    for form in ["json", "csv", "litellm", "genai-prices", "focus"] {
        let on = |now: &str| {
            let args = ["prices", "export", "--as", form, "-p", "openai", "-p", "deepseek"];
            farebox(args).env("FAREBOX_NOW", now).run().code(0).stdout
        };
        let first = on("2026-11-22T12:00:00Z");
        assert!(first.len() > 1000, "{form}: {first}");
        assert!(first == on("2031-05-06T07:08:09Z"), "{form} depends on the clock");
    }
}

/// How many prices and models have which verdict when the table is compared with its own export.
fn compared_with_itself(form: &str, pinned: bool) -> (BTreeMap<String, u64>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.json");
    let at = if pinned { "2026-11-22" } else { bundled_day() };
    let with = |run: crate::support::Farebox| if pinned { run.pinned() } else { run };
    with(farebox(["prices", "export", "--as", form, "--at", at, "-q", "-o"]).arg(&file)).run().code(0);
    let import = farebox(["prices", "import", "--compare", "--format", "json", "-q", "--at", at]).arg(&file);
    let report = with(import).run().code(0).json();
    let count = |what: &str, of: &str| (format!("{what} {of}"), report[what][of].as_u64().unwrap());
    let counts = [
        count("prices", "same"),
        count("prices", "differs"),
        count("prices", "only_there"),
        count("models", "only_there"),
        count("models", "in_both"),
    ];
    (counts.into_iter().collect(), report)
}

/// The day of the bundled table, by its version.
fn bundled_day() -> &'static str {
    static DAY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    DAY.get_or_init(|| {
        let version = farebox::pricing::PriceTable::bundled().id().version.clone();
        version.split(['.', '+']).take(3).collect::<Vec<_>>().join("-")
    })
}

#[test]
fn what_is_exported_is_what_is_imported() {
    for form in ["litellm", "genai-prices"] {
        for pinned in [true, false] {
            let (counts, report) = compared_with_itself(form, pinned);
            let wrong = ["prices differs", "prices only_there", "models only_there"];
            let wrong: Vec<_> = wrong.iter().filter(|what| counts[**what] > 0).collect();
            assert!(wrong.is_empty(), "{form}: {counts:?}\n{}", report["rows"]);
            assert!(counts["prices same"] > 5_000 && counts["models in_both"] > 1_000, "{form}: {counts:?}");
        }
    }
}

#[test]
fn what_a_form_cannot_express_is_counted() {
    let notes = |form: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme.yaml");
        std::fs::write(&file, PRICES).unwrap();
        let run =
            farebox(["prices", "export", "--as", form, "-p", "acme", "--at", "2026-11-22", "--prices"]).arg(&file);
        run.run().code(0).stderr
    };
    // 0.111 of 3,600 seconds is no decimal with an end for one second.
    let litellm = notes("litellm");
    assert!(litellm.contains("audio_seconds per 3600 (1 time, such as acme/one)"), "{litellm}");
    let focus = notes("focus");
    assert!(focus.contains("7 SKU prices") || focus.contains("SKU prices."), "{focus}");
}

#[test]
fn the_fields_are_those_of_the_other_databases() {
    let litellm: Value = serde_json::from_str(&acme(&["--as", "litellm", "--at", "2026-11-22"])).unwrap();
    let model = &litellm["acme/one"];
    // 0.5, 2 and 0.25 of a million are 5e-7, 2e-6 and 2.5e-7 of one.
    let want = [
        ("input_cost_per_token", json!(0.000_000_5)),
        ("output_cost_per_token", json!(0.000_002)),
        ("input_cost_per_token_batches", json!(0.000_000_25)),
        ("litellm_provider", json!("acme")),
        ("mode", json!("chat")),
        ("deprecation_date", json!("2027-02-01")),
    ];
    for (field, value) in want {
        assert_eq!(model[field], value, "{field} of {model}");
    }
    // 10 for 1,000 searches are 0.01 for one.
    assert_eq!(model["search_context_cost_per_query"]["search_context_size_low"], json!(0.01));
    assert_eq!(model["output_cost_per_token_batches"], Value::Null);

    let genai: Value = serde_json::from_str(&acme(&["--as", "genai-prices", "--at", "2026-11-22"])).unwrap();
    let model = &genai[0]["models"][0];
    assert_eq!((&genai[0]["id"], &model["match"]), (&json!("acme"), &json!({"equals": "one"})));
    let sets = model["prices"].as_array().unwrap();
    assert_eq!(sets[0]["prices"]["input_mtok"], json!(1));
    assert_eq!(
        (&sets[1]["constraint"], &sets[1]["prices"]["input_mtok"]),
        (&json!({"start_date": "2026-01-01"}), &json!(0.5))
    );
    assert_eq!(model["price_variants"][0]["when"], json!({"processing": "batch"}));
    assert_eq!(model["price_variants"][0]["prices"], json!({"input_mtok": 0.25}));
}

#[test]
fn a_focus_price_has_an_id_of_its_own() {
    let text =
        farebox(["prices", "export", "--as", "focus", "-q", "-p", "openai", "-p", "google"]).run().code(0).stdout;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |name: &str| head.iter().position(|column| column == name).unwrap();
    let (focus, own): (Vec<&String>, Vec<&String>) = head.iter().partition(|column| !column.starts_with("x_"));
    assert!(focus.is_sorted() && own.is_sorted(), "{head:?}");
    let (mut ids, mut rows) = (BTreeSet::new(), 0);
    for row in reader.records() {
        let row = row.unwrap();
        let cell = |name: &str| row.get(at(name)).unwrap().to_owned();
        assert!(!cell("UnitPrice").is_empty() && !cell("SkuPriceCreated").is_empty(), "{row:?}");
        assert!(
            ids.insert((cell("ServiceProviderName"), cell("SkuPriceId"), cell("SkuPriceEffectiveStart"))),
            "{row:?}"
        );
        rows += 1;
    }
    assert!(rows > 500, "{rows}");
    farebox(["prices", "export", "--as", "focus", "--focus-version", "1.2"]).run().code(2).says("1.5-draft-2026-09");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_a_feature() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.parquet");
    let run = farebox(["prices", "export", "--as", "parquet", "-o"]).arg(&file).run().code(2);
    run.says("built without Parquet").says("--features parquet");
    assert!(!file.exists());
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_has_the_version_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.parquet");
    farebox(["prices", "export", "--as", "parquet", "-q", "-o"]).arg(&file).run().code(0);
    let bytes = std::fs::read(&file).unwrap();
    // A Parquet file begins and ends with these four letters.
    assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let sha = farebox::pricing::PriceTable::bundled().id().sha256.clone();
    assert!(bytes.windows(sha.len()).any(|part| part == sha.as_bytes()));
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.json");
    let run = farebox(["prices", "export", "--as", "json", "-p", "nobody", "-o"]).arg(&file).run().code(2);
    run.says("no provider is called \"nobody\"");
    assert!(!file.exists());
    farebox(["prices", "export"]).run().code(2).says("--as");
}
