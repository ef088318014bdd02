//! `farebox plan`, `compare -w`, `break-even` and `init` as a user runs them: invoices worked out by hand, what is said
//! about bad files, and pages that carry the same numbers as the JSON.

use std::path::Path;

use crate::support::{Ran, farebox};
use rust_decimal::Decimal;
use serde_json::Value;

const AT: [&str; 2] = ["--at", "2026-11-22"];

fn plan(file: &str, format: &str) -> Ran {
    farebox(["plan", "-w", file, "--format", format]).arg(AT[0]).arg(AT[1]).pinned().run()
}

/// The budget of the chatbot holds until its use has grown: its plan exits with 1.
fn example(name: &str) -> Value {
    let code = if name == "rag-chatbot" { 1 } else { 0 };
    plan(&format!("data/examples/{name}.yaml"), "json").code(code).json()
}

fn month<'j>(json: &'j Value, name: &str) -> &'j Value {
    json["rows"].as_array().unwrap().iter().find(|row| row["month"] == name).unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A line of an invoice: what it is, and the factors whose product it is in dollars.
type Line = (&'static str, &'static [&'static str]);

fn sum(lines: &[Line]) -> Decimal {
    lines.iter().map(|(_, factors)| factors.iter().map(|f| decimal(f)).product::<Decimal>()).sum()
}

const M: &str = "0.000001";

/// Rates per million tokens as `farebox prices show` prints them for the days of the plans; token counts of the tutor's
/// texts by `farebox count --tokenizer o200k_base`; all else is in the example files.
#[test]
fn every_example_has_an_invoice_worked_out_by_hand() {
    // (example, month, lines before tax, factor of the tax, total)
    let invoices: [(&str, &str, &[Line], &str, &str); 5] = [
        // 23 weekdays less Good Friday and Easter Monday; 90 users × 3 sessions ÷ 5 days = 54 conversations a day. Four
        // turns: the instructions (93) in each, the question (180 ÷ 4 = 45 on average) 1 + 2 + 3 + 4 times, answers of
        // 150 sent again 0 + 1 + 2 + 3 times. Around them (OpenAI cookbook): 3 tokens a request, and 3 with one for its role a
        // message, 11 for each request and 8 for each turn that is sent again. One request in a hundred is sent twice.
        (
            "tutor",
            "2027-03",
            &[
                ("instructions", &["4", "93", "0.15", M, "54", "21", "1.01"]),
                ("questions", &["10", "45", "0.15", M, "54", "21", "1.01"]),
                ("earlier answers", &["6", "150", "0.15", M, "54", "21", "1.01"]),
                ("frames of requests", &["4", "11", "0.15", M, "54", "21", "1.01"]),
                ("frames of earlier turns", &["6", "8", "0.15", M, "54", "21", "1.01"]),
                ("answers", &["4", "150", "0.60", M, "54", "21", "1.01"]),
            ],
            "1.19",
            "0.86152360266",
        ),
        // 300 conversations × 28 days × 1.04. Three turns: 60 + 2000 tokens that are new, 360 more of history in each;
        // 1800 cached tokens are read 85 times of 100 and written the others.
        (
            "rag-chatbot",
            "2027-02",
            &[
                ("questions and passages", &["3", "2060", "3", M, "8736"]),
                ("history", &["3", "360", "3", M, "8736"]),
                ("read from the cache", &["3", "1800", "0.85", "0.30", M, "8736"]),
                ("written to the cache", &["3", "1800", "0.15", "3.75", M, "8736"]),
                ("answers", &["3", "300", "15", M, "8736"]),
                ("embedded questions", &["3", "60", "0.02", M, "8736"]),
                ("ordered passages", &["3", "2", "0.001", "8736"]),
                ("titles, prompt", &["400", "0.20", M, "8400"]),
                ("titles, answer", &["12", "1.25", M, "8400"]),
                ("vector database", &["70"]),
            ],
            "1",
            "470.0166016",
        ),
        // 22 days from Tuesday to Saturday; batch rates are half. 18 of the 20 dollars of credit were used in February.
        (
            "nightly-batch",
            "2027-03",
            &[
                ("prompts", &["2750", "0.20", M, "1200", "22"]),
                ("answers", &["250", "0.80", M, "1200", "22"]),
                ("credit", &["-2"]),
            ],
            "1",
            "17.80",
        ),
        // 21 weekdays × 6 users × 8 tasks; 25 requests. Prompts are 12,500 + 1,050 j, together 627,500 tokens, all of it
        // cached: on a hit (9 in 10) 12,000 + 589,800 are read and 500 + 24 × 1,050 written, else all is written. Attempts
        // for one that works: 1 + 0.02 + 0.0004. A fifth goes to the dearer model.
        (
            "coding-agent",
            "2027-01",
            &[
                ("read, Sonnet", &["0.9", "601800", "0.30", M, "1.0204", "0.8", "1008"]),
                ("written on a hit, Sonnet", &["0.9", "25700", "3.75", M, "1.0204", "0.8", "1008"]),
                ("written on a miss, Sonnet", &["0.1", "627500", "3.75", M, "1.0204", "0.8", "1008"]),
                ("calls of tools, Sonnet", &["24", "150", "15", M, "1.0204", "0.8", "1008"]),
                ("answers, Sonnet", &["700", "15", M, "1.0204", "0.8", "1008"]),
                ("read, Opus", &["0.9", "601800", "0.50", M, "1.0204", "0.2", "1008"]),
                ("written on a hit, Opus", &["0.9", "25700", "6.25", M, "1.0204", "0.2", "1008"]),
                ("written on a miss, Opus", &["0.1", "627500", "6.25", M, "1.0204", "0.2", "1008"]),
                ("calls of tools, Opus", &["24", "150", "25", M, "1.0204", "0.2", "1008"]),
                ("answers, Opus", &["700", "25", M, "1.0204", "0.2", "1008"]),
            ],
            "1",
            "640.01398841856",
        ),
        // 2,000 a week × 4 weeks × 1.5. An image of 1024 × 768 is 2 × 2 tiles: 85 + 4 × 170 = 765 tokens.
        (
            "image-captions",
            "2027-02",
            &[
                ("instructions and question", &["140", "2.50", M, "12000"]),
                ("images", &["765", "2.50", M, "12000"]),
                ("captions", &["45", "10", M, "12000"]),
            ],
            "1",
            "32.55",
        ),
    ];
    for (name, when, lines, tax, total) in invoices {
        let by_hand = (sum(lines) * decimal(tax)).normalize();
        assert_eq!(by_hand, decimal(total).normalize(), "{name}: the invoice does not add up");
        let json = example(name);
        let row = month(&json, when);
        assert_eq!(row["expected_usd"], by_hand.to_string(), "{name} {when}");
        assert_eq!(row["features"].as_array().unwrap().len(), json["features"].as_array().unwrap().len());
    }
}

#[test]
fn the_months_add_up_to_the_total_and_bounds_enclose_it() {
    for name in ["tutor", "rag-chatbot", "nightly-batch", "coding-agent", "image-captions"] {
        let json = example(name);
        let of = |row: &Value, key: &str| decimal(row[key].as_str().unwrap());
        let rows = json["rows"].as_array().unwrap();
        let months: Decimal = rows.iter().map(|row| of(row, "expected_usd")).sum();
        assert_eq!(months, of(&json["total"], "expected_usd"), "{name}");
        for row in rows.iter().chain([&json["total"]]).chain(json["features"].as_array().unwrap()) {
            assert!(of(row, "low_usd") <= of(row, "expected_usd"), "{name} {row}");
            assert!(of(row, "expected_usd") <= of(row, "high_usd"), "{name} {row}");
        }
        for row in rows {
            let features: Decimal = row["features"].as_array().unwrap().iter().map(|f| of(f, "expected_usd")).sum();
            let net = features + of(row, "fixed_usd") - of(row, "credits_usd") + of(row, "tax_usd");
            assert_eq!(net, of(row, "expected_usd"), "{name} {row}");
        }
    }
}

#[test]
fn the_mean_of_the_draws_is_the_closed_form_within_four_standard_errors() {
    for name in ["tutor", "rag-chatbot", "coding-agent"] {
        let json = example(name);
        for feature in json["features"].as_array().unwrap() {
            assert_eq!(feature["expected_basis"], "closed-form", "{name}");
        }
        let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
        let (mean, error) =
            (number(&json["simulation"]["mean_usd"]), number(&json["simulation"]["standard_error_usd"]));
        let expected = number(&json["total"]["expected_usd"]);
        assert!(error > 0.0 && (mean - expected).abs() < 4.0 * error, "{name}: {mean} against {expected} ± {error}");
    }
}

#[test]
fn every_form_of_the_plan_carries_the_same_numbers() {
    let json = example("tutor");
    let page = plan("data/examples/tutor.yaml", "html").code(0).stdout;
    let csv = plan("data/examples/tutor.yaml", "csv").code(0).stdout;
    let markdown = plan("data/examples/tutor.yaml", "markdown").code(0).stdout;
    let table = plan("data/examples/tutor.yaml", "table").code(0).stdout;
    for row in json["rows"].as_array().unwrap() {
        for key in ["low_usd", "expected_usd", "high_usd"] {
            let exact = row[key].as_str().unwrap();
            assert!(page.contains(&format!("title=\"{exact}\"")), "{exact} is not in the page");
            assert!(csv.contains(exact), "{exact} is not in the CSV");
        }
        let month = row["month"].as_str().unwrap();
        assert!(markdown.contains(month) && table.contains(month));
    }
    for asks in ["src=", "href=", "url(", "@import", "<script "] {
        assert!(!page.contains(asks), "the page asks for {asks}");
    }
    assert_eq!(page.matches("<script").count(), 1, "one script, that of every page");
    assert!(page.matches("<svg").count() >= 4 && page.matches("<desc").count() == page.matches("<svg").count());
}

#[test]
fn the_same_seed_gives_the_same_plan_and_another_one_other_bounds() {
    let once = plan("data/examples/tutor.yaml", "json").code(0).stdout;
    assert_eq!(once, plan("data/examples/tutor.yaml", "json").code(0).stdout);
    let other =
        farebox(["plan", "-w", "data/examples/tutor.yaml", "--format", "json", "--seed", "2", "--at", "2026-11-22"])
            .pinned()
            .run()
            .code(0);
    let (a, b): (Value, Value) = (serde_json::from_str(&once).unwrap(), other.json());
    assert_eq!(a["total"]["expected_usd"], b["total"]["expected_usd"]);
    assert_ne!(a["total"]["low_usd"], b["total"]["low_usd"]);
}

/// A workload in a folder of its own.
fn written(yaml: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.yaml");
    std::fs::write(&path, yaml).unwrap();
    let path = path.display().to_string();
    (dir, path)
}

const FEATURE: &str = "features:\n  chat:\n    model: openai/gpt-4o-mini\n    prompt: 500\n    output: 300\n";

#[test]
fn a_bad_workload_names_the_line_and_the_way_out() {
    let with = |more: &str| format!("version: 1\nstart: 2027-01-01\nmonths: 2\n{FEATURE}    calls: 10 per day\n{more}");
    // (name, file, line that is named, words that are said)
    let cases: &[(&str, String, &str, &[&str])] = &[
        ("unknown key", with("    modle: x\n"), ":10:", &["no key is called \"modle\"", "did you mean `model`"]),
        ("unknown top key", with("budgets: {}\n"), ":10:", &["did you mean `budget`"]),
        (
            "contradictory range",
            with("    turns: 5..3..9\n"),
            ":10:",
            &["contradicts itself", "low 5, expected 3, high 9"],
        ),
        ("range as a map", with("    reasoning: {low: 9, expected: 5, high: 20}\n"), ":10:", &["contradicts itself"]),
        ("missing file", with("    system: prompts/system.txt\n"), ":10:", &["no such file", "next to the workload"]),
        (
            "unknown model",
            with("").replace("gpt-4o-mini", "gpt-4o-minni"),
            ":6:",
            &["no model is called", "did you mean openai/gpt-4o-mini"],
        ),
        (
            "variable without a value",
            with("    system: {text: \"Hello {{name}}\"}\n"),
            ":10:",
            &["{{name}} has no value"],
        ),
        ("growth without percent", with("    growth: 5\n"), ":10:", &["is not a growth", "5% a month"]),
        ("calls without a time", with("").replace("10 per day", "10"), ":9:", &["400 per day"]),
        ("no days at all", with("calendar: {start: 2028-01-01}\n"), ":10:", &["no day with calls"]),
        ("end before start", with("").replace("months: 2", "end: 2026-01-01"), ":3:", &["ends on 2026-01-01"]),
        ("repeated key", with("    output: 5\n"), ":10:", &["a second time"]),
        (
            "shares that miss a part",
            with("").replace("model: openai/gpt-4o-mini", "routing: {openai/gpt-4o: 50%, openai/gpt-4o-mini: 40%}"),
            ":5:",
            &["add up to 90%"],
        ),
        ("a budget of too many digits", with("budget: 50.123456789012345678\n"), ":10:", &["put it in quotes"]),
        (
            "calls of too many digits",
            with("").replace("10 per day", "0.1234567890123456"),
            ":9:",
            &["put it in quotes"],
        ),
        (
            "a rule of too many digits",
            with("check: {rules: {max-total: 50.123456789012345678}}\n"),
            ":10:",
            &["put it in quotes"],
        ),
        ("negative", with("    reasoning: -5\n"), ":10:", &["negative"]),
        ("unknown weekday", with("calendar: {weekdays: mon-frei}\n"), ":10:", &["is not a day of the week", "mon-fri"]),
        ("no date", with("").replace("2027-01-01", "2027-13-01"), ":2:", &["is not a date"]),
        ("hit rate above one", with("    cache: {hit_rate: 120%}\n"), ":10:", &["more than 100%"]),
        ("no features", "version: 1\n".into(), ":1:", &["no features"]),
        ("another version", with("").replace("version: 1", "version: 2"), ":1:", &["version 1"]),
        ("not YAML", "version: [1\n".into(), "", &["error"]),
    ];
    for (name, yaml, line, words) in cases {
        let (_dir, path) = written(yaml);
        let ran = plan(&path, "json").code(2);
        assert!(ran.stdout.is_empty(), "{name}");
        for word in words.iter().chain([line]) {
            assert!(ran.stderr.contains(word), "{name}: {word:?} is not in\n{}", ran.stderr);
        }
    }
}

#[test]
fn a_budget_without_a_rate_is_a_refusal_with_the_way_out() {
    let (_dir, path) =
        written(&format!("version: 1\nstart: 2027-01-01\nbudget: {{total: 60 XOF}}\n{FEATURE}    calls: 10 per day\n"));
    plan(&path, "json").code(2).says("no exchange rate of XOF holds on 2027-01-01").says("exchange: {XOF:");
}

#[test]
fn no_calls_and_months_without_days_are_warnings() {
    let (_dir, path) = written(&format!("version: 1\nstart: 2027-01-01\nmonths: 2\n{FEATURE}    calls: 0 per day\n"));
    let json = plan(&path, "json").code(0).says("chat makes no calls").json();
    assert_eq!(json["total"]["expected_usd"], "0");
    assert_eq!(json["features"][0]["per_call_usd"], Value::Null);
    let (_dir, path) = written(&format!(
        "version: 1\nstart: 2027-01-01\nmonths: 2\ncalendar: {{holidays: [2027-01-01..2027-01-31]}}\n{FEATURE}    calls: 10 per day\n"
    ));
    let json = plan(&path, "json").code(0).says("no day with calls in 2027-01").json();
    assert_eq!(month(&json, "2027-01")["expected_usd"], "0");
    // 28 days × 10 calls × (500 × 0.15 + 300 × 0.60) ÷ 1M
    assert_eq!(month(&json, "2027-02")["expected_usd"], "0.0714");
}

/// Prices made up for the test: one that changes in the middle of a month, of a model that retires later.
const PRICES: &str = "schema: 1\nprovider: acme\nmodels:\n  - id: one\n    tokenizer: o200k_base\n    retired: 2027-03-01\n    replacement: two\n    prices:\n      - {from: 2026-01-01, to: 2027-01-11, source: {url: 'https://acme.example', checked: 2026-11-01, evidence: own}, rates: {input: \"2\", output: \"10\"}}\n      - {from: 2027-01-11, source: {url: 'https://acme.example', checked: 2026-11-01, evidence: own}, rates: {input: \"1\", output: \"10\"}}\n";

#[test]
fn a_price_change_and_a_retirement_within_the_plan_are_applied_and_said() {
    let yaml = "version: 1\nstart: 2027-01-01\nmonths: 3\nfeatures:\n  chat: {model: acme/one, prompt: 1000000, output: 0, calls: 1 per day}\n";
    let (dir, path) = written(yaml);
    let prices = dir.path().join("prices.yaml");
    std::fs::write(&prices, PRICES).unwrap();
    let json = farebox(["plan", "-w", &path, "--format", "json", "--at", "2026-11-22", "--prices"])
        .arg(&prices)
        .run()
        .code(0)
        .json();
    // 10 days at $2 and 21 at $1; 28 at $1; 31 at $1, the last known rate of a model that has retired.
    for (name, usd) in [("2027-01", "41"), ("2027-02", "28"), ("2027-03", "31")] {
        assert_eq!(month(&json, name)["expected_usd"], usd, "{name}");
    }
    let kinds: Vec<&str> = json["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["price-change", "retires"]);
    let texts = json["events"].to_string();
    assert!(texts.contains("2027-01-11") && texts.contains("its replacement is two"), "{texts}");
}

#[test]
fn a_feature_without_a_price_is_left_out_and_named() {
    let (_dir, path) = written(&format!(
        "version: 1\nstart: 2027-01-01\nmonths: 1\n{FEATURE}    calls: 10 per day\n  fast: {{model: openai/gpt-4o-mini, prompt: 5, output: 5, calls: 1 per day, service_tier: warp}}\n"
    ));
    let json = plan(&path, "json").code(0).says("no rate for service_tier \"warp\"").json();
    assert_eq!(json["unpriced"][0]["feature"], "fast");
    assert_eq!(json["features"].as_array().unwrap().len(), 1);
    farebox(["plan", "-w", &path, "--strict", "--at", "2026-11-22"]).run().code(3);
}

#[test]
fn free_requests_are_not_paid_and_never_negative() {
    let free = |quantity: &str| {
        let (_dir, path) = written(&format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\n{FEATURE}    calls: 10 per day\n    free: {{requests: {quantity}}}\n"
        ));
        plan(&path, "json").code(0).json()["total"]["expected_usd"].as_str().unwrap().to_owned()
    };
    // 31 × 10 calls × 0.000255; 155 of the 310 are free.
    assert_eq!((free("5 per day").as_str(), free("155 per month").as_str()), ("0.039525", "0.039525"));
    assert_eq!(
        (free("10 per day").as_str(), free("9999 per day").as_str(), free("0 per day").as_str()),
        ("0", "0", "0.07905")
    );
}

#[test]
fn a_budget_ends_on_the_day_that_the_calls_reach_it() {
    let (_dir, path) = written(&format!(
        "version: 1\nstart: 2027-01-01\nmonths: 2\nbudget: {{total: 0.0255 USD}}\n{FEATURE}    calls: 10 per day\n"
    ));
    let json = plan(&path, "json").code(1).json();
    // A day costs $0.00255: ten days are inside to the last digit, the eleventh is not.
    assert_eq!(json["budgets"][0]["ends"], "2027-01-11");
    assert_eq!(json["budgets"][0]["holds"], false);
}

#[test]
fn inverse_questions_have_answers_that_hold() {
    let (_dir, path) = written(&format!("version: 1\nstart: 2027-01-01\nmonths: 1\n{FEATURE}    calls: 10 per day\n"));
    let args = [
        "plan",
        "-w",
        &path,
        "--budget",
        "0.1581USD",
        "--unit-cost",
        "0.000375USD",
        "--format",
        "json",
        "--at",
        "2026-11-22",
    ];
    let json = farebox(args).pinned().run().code(0).json();
    let fits = json["fits"].as_array().unwrap();
    // A month costs 0.07905, so twice the calls fit; an answer of 500 tokens costs 500 × 0.15 + 500 × 0.60 = 375 millionths.
    assert_eq!((&fits[0]["factor"], &fits[0]["calls"]), (&Value::from("2"), &Value::from("620")));
    assert!(fits[1]["models"].as_array().unwrap().iter().any(|m| m == "openai/gpt-4o-mini"));
    assert_eq!(fits[2]["tokens"], 500);
}

#[test]
fn levers_are_computed_and_ranked() {
    let json = example("rag-chatbot");
    let savings: Vec<Decimal> =
        json["levers"].as_array().unwrap().iter().map(|l| decimal(l["saving_usd"].as_str().unwrap())).collect();
    assert!(savings.len() >= 2 && savings.is_sorted_by(|a, b| a >= b), "{savings:?}");
    let json = example("image-captions");
    let batch = json["levers"].as_array().unwrap().iter().find(|l| l["kind"] == "batch").unwrap();
    // Batches are half price at OpenAI.
    let half = decimal(json["total"]["expected_usd"].as_str().unwrap()) / Decimal::TWO;
    assert_eq!(decimal(batch["saving_usd"].as_str().unwrap()), half);
}

#[test]
fn the_plan_is_compared_over_models_with_reasons_and_scores() {
    let dir = tempfile::tempdir().unwrap();
    let scores = dir.path().join("scores.csv");
    std::fs::write(
        &scores,
        "model,score\nopenai/gpt-4o-mini,50\nopenai/gpt-4o,80\nacme/nothing,1\nopenai/gpt-4.1,many\n",
    )
    .unwrap();
    let ran = farebox([
        "compare",
        "-w",
        "data/examples/tutor.yaml",
        "--at",
        "2026-11-22",
        "--format",
        "json",
        "--top",
        "0",
        "--need",
        "context=100k,vision",
        "--scores",
    ])
    .arg(&scores)
    .pinned()
    .run()
    .code(0);
    let ran = ran.says("scores.csv:4").says("scores.csv:5");
    let json = ran.json();
    let rows = json["rows"].as_array().unwrap();
    let totals: Vec<Decimal> = rows.iter().map(|r| decimal(r["total_usd"].as_str().unwrap())).collect();
    assert!(rows.len() > 20 && totals.is_sorted());
    let row = |id: &str| rows.iter().find(|r| r["model"] == id && r["provider"] == "openai").unwrap();
    // On its own model the plan costs what `plan` says.
    assert_eq!(row("gpt-4o-mini")["total_usd"], example("tutor")["total"]["expected_usd"]);
    let per_point = decimal(row("gpt-4o")["total_usd"].as_str().unwrap()) / decimal("80");
    assert_eq!(decimal(row("gpt-4o")["usd_per_point"].as_str().unwrap()), per_point.round_dp(18));
    let left_out = json["left_out"].as_array().unwrap();
    assert!(left_out.iter().any(|l| l["reason"].as_str().unwrap().contains("vision")));
    let hosts = farebox([
        "compare",
        "-w",
        "data/examples/tutor.yaml",
        "--at",
        "2026-11-22",
        "--format",
        "json",
        "--hosts",
        "llama-3.3-70b-instruct",
    ])
    .run()
    .code(0)
    .json();
    let hosts = hosts["rows"].as_array().unwrap();
    assert!(
        hosts.len() >= 5 && hosts.iter().all(|r| r["model"].as_str().unwrap().to_lowercase().contains("70b")),
        "{hosts:?}"
    );
}

#[test]
fn a_machine_pays_from_the_calls_that_its_price_buys() {
    let (_dir, path) =
        written(&format!("version: 1\nstart: 2027-01-01\nmonths: 1\n{FEATURE}    calls: 1000 per day\n"));
    let args = [
        "break-even",
        "-w",
        &path,
        "--gpu-hour",
        "1USD",
        "--tokens-per-second",
        "1000",
        "--prompt-tokens-per-second",
        "10000",
        "--utilisation",
        "50",
        "--format",
        "json",
        "--at",
        "2026-11-22",
    ];
    let json = farebox(args).pinned().run().code(0).json();
    // 730.5 hours at $1 ÷ $0.000255 a call; a call takes 0.05 + 0.3 s of 730.5 × 3600 × 50% seconds.
    let near = |key: &str, want: &str| {
        let got = decimal(json[key].as_str().unwrap());
        assert!((got - decimal(want)).abs() < decimal("0.001"), "{key}: {got}");
    };
    near("break_even_calls_a_month", "2864705.882353");
    near("capacity_calls_a_month", "3756857.142857");
    assert_eq!(json["rows"][0]["cheaper"], "API");
    let slow = [
        "break-even",
        "-w",
        &path,
        "--gpu-hour",
        "9USD",
        "--tokens-per-second",
        "100",
        "--format",
        "json",
        "--at",
        "2026-11-22",
    ];
    assert_eq!(farebox(slow).run().code(0).json()["break_even_calls_a_month"], Value::Null);
    farebox(["break-even", "-w", &path, "--tokens-per-second", "100"]).run().code(2);
    let endpoint = [
        "break-even",
        "-w",
        &path,
        "--endpoint",
        "huggingface/endpoint/aws/inf2/x1",
        "--tokens-per-second",
        "100",
        "--format",
        "json",
        "--at",
        "2025-11-22",
    ];
    // $0.75 an hour × 730.5 hours.
    assert_eq!(farebox(endpoint).run().code(0).json()["machine"]["month_usd"], "547.875");
}

#[test]
fn init_writes_a_plan_that_runs_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.yaml");
    farebox(["init"]).arg(&path).run().code(0).says("farebox plan");
    plan(&path.display().to_string(), "json").code(0);
    let before = std::fs::read(&path).unwrap();
    farebox(["init"]).arg(&path).run().code(2).says("exists already");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn init_measures_what_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let (log, out) = (dir.path().join("usage.jsonl"), dir.path().join("w.yaml"));
    let line = |day: u32, input: u64, read: u64, output: u64| {
        format!(
            "{{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2026-11-{day:02}T12:00:00Z\",\"usage\":{{\"input_tokens\":{input},\"cache_read_tokens\":{read},\"output_tokens\":{output}}}}}\n"
        )
    };
    let text = [
        line(1, 2000, 1500, 100),
        line(2, 2000, 0, 200),
        "not json\n".into(),
        line(2, 2000, 1500, 300),
        line(4, 2000, 0, 200),
    ]
    .concat();
    std::fs::write(&log, text).unwrap();
    farebox(["init"])
        .arg(&out)
        .arg("--from")
        .arg(&log)
        .run()
        .code(0)
        .says("left out 1 line that could not be read")
        .says("line 3");
    let json = plan(&out.display().to_string(), "json").code(0).json();
    // 4 calls in 4 days; half of them read 1,500 of 2,000 tokens from the cache; answers of 200 on average.
    let feature = &json["features"][0];
    assert_eq!(
        (&feature["models"][0]["model"], &feature["models"][0]["first_prompt_tokens"]),
        (&Value::from("openai/gpt-4o"), &Value::from(2000))
    );
    // (500 × 2.5 + 1500 × ½ × 1.25 + 1500 × ½ × 2.5 + 200 × 10) ÷ 1M
    assert_eq!(feature["per_call_usd"], "0.0060625");
    farebox(["init"]).arg(dir.path().join("x.yaml")).arg("--from").arg(dir.path().join("none")).run().code(5);
}

/// Every form of a log that `usage` reads can be measured; the numbers stand in the files of `tests/data/usage`.
#[test]
fn init_measures_every_dialect() {
    let dir = tempfile::tempdir().unwrap();
    //  log                                     model                     calls
    let cases = [
        ("openai/chat_completion.json", "gpt-5-2025-08-07", 1),
        ("anthropic/messages_stream.sse", "anthropic/claude-sonnet-4-5-20250929", 1),
        ("claude-code/", "anthropic/claude-sonnet-5", 1),
    ];
    for (index, (log, model, calls)) in cases.iter().enumerate() {
        let out = dir.path().join(format!("{index}.yaml"));
        farebox(["init"]).arg(&out).arg("--from").arg(format!("tests/data/usage/{log}")).run().code(0);
        let text = std::fs::read_to_string(&out).unwrap();
        assert!(text.contains(&format!("model: {model}")), "{log}: {text}");
        assert!(text.matches("calls: ").count() >= *calls, "{log}: {text}");
        plan(&out.display().to_string(), "csv").code(0);
    }
}

/// What a plan says of a first prompt is what `count` says of the same request, frames and tools included.
#[test]
fn a_prompt_is_as_long_as_the_request_that_is_sent() {
    let tools = r#"[{"type":"function","function":{"name":"weather","description":"The weather of a town","parameters":{"type":"object","properties":{"town":{"type":"string"}},"required":["town"]}}}]"#;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tools.json"), tools).unwrap();
    let request = format!(
        r#"{{"messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"How warm is it in Rome?"}}],"tools":{tools}}}"#
    );
    let request_file = dir.path().join("request.json");
    std::fs::write(&request_file, request).unwrap();
    for model in ["openai/gpt-4o", "mistral/mistral-large-2411", "google/gemini-2.5-flash"] {
        let path = dir.path().join("farebox.yaml");
        std::fs::write(&path, format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures:\n  chat: {{model: {model}, system: {{text: You are brief.}}, tools: tools.json, prompt: {{text: How warm is it in Rome?}}, output: 5, calls: 1 per day}}\n"
        )).unwrap();
        let json = plan(&path.display().to_string(), "json").code(0).json();
        let planned = &json["features"][0]["models"][0]["first_prompt_tokens"];
        let counted = farebox(["count", "--chat", "--model", model, "--format", "json", "--at", "2026-11-22"])
            .arg(&request_file)
            .run()
            .code(0)
            .json();
        assert_eq!(planned, &counted["rows"][0]["tokens"], "{model}: {counted}");
        let what = Value::from(format!("message frames of {model}"));
        assert!(json["assumptions"].as_array().unwrap().iter().any(|a| a["what"] == what), "{model}");
    }
}

#[test]
fn a_folder_without_a_workload_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let ran =
        std::process::Command::new(env!("CARGO_BIN_EXE_farebox")).arg("plan").current_dir(dir.path()).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("farebox init"));
    plan("nowhere/farebox.yaml", "json").code(5).says("no such file");
}

#[test]
fn the_examples_in_the_folder_all_plan() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/examples");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_workload = std::fs::read_to_string(&path).unwrap_or_default().contains("\nfeatures:");
        if path.extension().is_some_and(|e| e == "yaml") && is_workload {
            let is_over = path.ends_with("rag-chatbot.yaml");
            plan(&path.display().to_string(), "csv").code(if is_over { 1 } else { 0 });
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}

/// Three models of one price that cache from 4,096 tokens, from 512, and from nobody knows where.
const CACHES: &str = r#"
schema: 1
provider: acme
models:
  - {id: large, smallest_cacheable: 4096, prices: &p [{from: 2026-01-01, rates: {input: "1", cache_read: "0.1", output: "5"}}]}
  - {id: small, smallest_cacheable: 512, prices: *p}
  - {id: silent, prices: *p}
"#;

#[test]
fn a_prompt_is_cached_where_it_is_long_enough_for_the_model() {
    let prices = tempfile::tempdir().unwrap();
    let table = prices.path().join("acme.yaml");
    std::fs::write(&table, CACHES).unwrap();
    let planned = |model: &str, cache: &str| {
        let (_dir, path) = written(&format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures:\n  f: {{model: acme/{model}, system: 2000, prompt: 100, output: 50, calls: 1000 per day{cache}}}\n"
        ));
        farebox(["plan", "-w", &path, "--format", "json", "--at", "2026-11-22", "--prices"])
            .arg(&table)
            .run()
            .code(0)
            .json()
    };
    let per_call = |json: &Value| json["features"][0]["per_call_usd"].as_str().unwrap().to_owned();
    let smallest = |json: &Value| {
        let is_it = |a: &&Value| a["what"].as_str().unwrap().starts_with("smallest cacheable prompt");
        let found = json["assumptions"].as_array().unwrap().iter().find(is_it).cloned();
        found.map(|a| format!("{}: {}", a["value"].as_str().unwrap(), a["origin"].as_str().unwrap()))
    };
    let cached = ", cache: {parts: [system], hit_rate: 80%}";
    // In millionths of a dollar: 2,100 tokens at 1 and 50 at 5 are 2,350 where nothing is cached; where 2,000 tokens are, 1,600
    // of them cost 0.1 and 500 cost 1: 160 + 500 + 250 = 910.
    let large = planned("large", cached);
    assert_eq!(per_call(&large), "0.00235");
    assert_eq!(smallest(&large).unwrap(), "4,096 tokens: the price card of the model");
    assert_eq!(per_call(&planned("small", cached)), "0.00091");
    let silent = planned("silent", cached);
    assert_eq!(per_call(&silent), "0.00091");
    assert!(smallest(&silent).unwrap().starts_with("1,024 tokens: unknown for this model"), "{silent}");
    // What the file says goes before what the card says, and is no assumption.
    let said = planned("large", &cached.replace("80%", "80%, minimum: 0"));
    assert_eq!((per_call(&said).as_str(), smallest(&said)), ("0.00091", None));
    let said = planned("small", &cached.replace("80%", "80%, minimum: 3000"));
    assert_eq!(per_call(&said), "0.00235");
    // The lever asks each model for its own.
    let has_lever = |json: &Value| json["levers"].as_array().unwrap().iter().any(|lever| lever["kind"] == "cache");
    assert!(has_lever(&planned("small", "")) && !has_lever(&planned("large", "")));
    // So does a comparison of the workload on many models.
    let (_dir, path) = written(&format!(
        "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures:\n  f: {{model: acme/small, system: 2000, prompt: 100, output: 50, calls: 1000 per day{cached}}}\n"
    ));
    let compared =
        farebox(["compare", "-w", &path, "--format", "json", "--at", "2026-11-22", "-m", "acme/large", "--prices"])
            .arg(&table)
            .run()
            .code(0)
            .json();
    // 31 days with 1,000 calls at 0.00235.
    assert_eq!(compared["rows"][0]["total_usd"], "72.85", "{compared}");
}
