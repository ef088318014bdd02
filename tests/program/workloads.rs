//! What a workload can say, one case for each key: the price list is made up here, and every number is worked out in a comment.

use std::path::Path;

use crate::support::{Ran, farebox};
use rust_decimal::Decimal;
use serde_json::Value;

/// Round prices, in dollars per million tokens where nothing else is said.
const PRICES: &str = r#"schema: 1
provider: acme
sources:
  own: {url: 'https://acme.example', checked: 2026-11-01, evidence: own}
models:
  - {id: text, tokenizer: o200k_base, prices: [{from: 2026-01-01, source: own, rates: {input: "2", output: "10", reasoning: =output, cache_read: "0.2"}, variants: [{when: {processing: batch}, rates: {input: "1", output: "5", reasoning: =output, cache_read: "0.1"}}]}]}
  - {id: plain, tokenizer: o200k_base, prices: [{from: 2026-01-01, source: own, rates: {input: "1", output: "4"}}]}
  - {id: gpt-realtime-own, tokenizer: o200k_base, prices: [{from: 2026-01-01, source: own, rates: {input: "1", output: "4", input_audio: "30", output_audio: "60"}}]}
  - {id: gemini-2.5-own, tokenizer: o200k_base, prices: [{from: 2026-01-01, source: own, rates: {input: "1", output: "4", input_audio: "3", input_video: "1", input_image: "1"}}]}
  - {id: ears, kind: transcription, prices: [{from: 2026-01-01, source: own, rates: {audio_seconds: {price: "0.0001", per: 1}}}]}
  - {id: voice, kind: speech, prices: [{from: 2026-01-01, source: own, rates: {characters: {price: "15", per: 1000000}}}]}
  - {id: reader, kind: ocr, prices: [{from: 2026-01-01, source: own, rates: {pages: {price: "2", per: 1000}}}]}
  - {id: brush, kind: image, prices: [{from: 2026-01-01, source: own, rates: {images: {price: "0.04", per: 1}}}]}
  - {id: film, kind: video, prices: [{from: 2026-01-01, source: own, rates: {video_seconds: {price: "0.1", per: 1}}}]}
  - id: night
    tokenizer: o200k_base
    prices:
      - from: 2026-01-01
        source: own
        rates: {input: "2", output: "10"}
        schedule:
          - {windows: ["16:30-00:30"], zone: UTC, factor: "0.5"}
"#;

/// A workload in a folder of its own, next to the price list.
fn folder(yaml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("farebox.yaml"), yaml).unwrap();
    std::fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
    dir
}

fn run(dir: &Path, format: &str, more: &[&str]) -> Ran {
    let mut program = farebox(["plan", "--format", format, "--at", "2026-11-22", "--prices", "prices.yaml"]);
    program = program.dir(dir);
    more.iter().fold(program, |program, arg| program.arg(arg)).run()
}

/// January and February 2027 unless the text says otherwise.
fn planned(features: &str) -> Value {
    run(folder(&with_head(features)).path(), "json", &[]).code(0).json()
}

fn with_head(features: &str) -> String {
    let head = if features.contains("start:") { "version: 1\n" } else { "version: 1\nstart: 2027-01-01\nmonths: 2\n" };
    format!("{head}{features}")
}

fn refused(features: &str) -> String {
    run(folder(&with_head(features)).path(), "json", &[]).code(2).stderr
}

fn usd(json: &Value, month: &str) -> Decimal {
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["month"] == month).unwrap();
    row["expected_usd"].as_str().unwrap().parse().unwrap()
}

fn of_feature(json: &Value, month: &str, name: &str, key: &str) -> Decimal {
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["month"] == month).unwrap();
    let feature = row["features"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap();
    feature[key].as_str().unwrap().parse().unwrap()
}

fn n(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The short forms, and the long ones that mean the same.
#[test]
fn short_forms_mean_the_same_as_long_ones() {
    let feature =
        |more: &str| format!("features:\n  a: {{model: acme/text, prompt: 100, output: 10, calls: 5 per day{more}}}\n");
    let pairs = [
        (feature(", batch: true"), feature(", batch: 100%")),
        (feature(", batch: false"), feature(", batch: 0%")),
        (feature(", reasoning: high"), feature(", reasoning_effort: high")),
        (feature(", reasoning: minimal"), feature(", reasoning_effort: minimal")),
        (feature(", steps: 20"), feature(", steps: {count: 20}")),
        (feature(", calendar: {weekdays: [mon, wed, fri]}"), feature(", calendar: {weekdays: 'mon, wed, fri'}")),
        (feature(", calendar: {weekdays: {mon-fri: 1}}"), feature(", calendar: {weekdays: mon-fri}")),
        (feature(", calendar: {holidays: 2027-01-05}"), feature(", calendar: {holidays: [2027-01-05]}")),
        (feature(", attachments: {tokens: 50}"), feature(", attachments: [{tokens: 50}]")),
        (
            format!("budget: 50 EUR\nexchange: {{EUR: [{{per_usd: '0.5'}}]}}\n{}", feature("")),
            format!("budget: {{total: 50 EUR}}\nexchange: {{EUR: [{{per_usd: '0.5'}}]}}\n{}", feature("")),
        ),
        (format!("budget: 3 USD per month\n{}", feature("")), format!("budget: {{monthly: 3}}\n{}", feature(""))),
        (
            format!("fixed: {{name: x, cost: 3 USD per month}}\n{}", feature("")),
            format!("fixed: [{{name: x, cost: 3 USD per month}}]\n{}", feature("")),
        ),
    ];
    for (short, long) in pairs {
        let (a, b) = (planned(&short), planned(&long));
        for key in ["rows", "total", "budgets", "fixed"] {
            assert_eq!(a[key], b[key], "{key} of\n{short}");
        }
    }
}

/// 40 users × 3 a week are 120 in a week of 7 days; 31 days of January: 120 ÷ 7 × 31 = 531.428571…
#[test]
fn calls_of_users_are_written_in_any_place() {
    let feature = "model: acme/text, prompt: 100, output: 10";
    let forms = [
        format!("features: {{a: {{{feature}, calls: {{users: 40, sessions: 3 per week}}}}}}\n"),
        format!("features: {{a: {{{feature}, users: 40, calls: 3 per user per week}}}}\n"),
        format!("features: {{a: {{{feature}, users: 40, calls: 3 per week per user}}}}\n"),
        format!("users: 40\nfeatures: {{a: {{{feature}, calls: 3 per user per week}}}}\n"),
        format!("users: 40\nsessions: 3 per week\nfeatures: {{a: {{{feature}}}}}\n"),
    ];
    for form in forms {
        let json = planned(&form);
        assert_eq!(of_feature(&json, "2027-01", "a", "calls").round_dp(6), n("531.428571"), "{form}");
    }
    // Without sessions, a wide guess that is named.
    let json = planned(&format!("users: 40\nfeatures: {{a: {{{feature}}}}}\n"));
    assert!(json["assumptions"].to_string().contains("1..3..7 per user per week"), "{}", json["assumptions"]);
    assert!(
        refused(&format!("features: {{a: {{{feature}, users: 40, calls: 3 per week}}}}\n"))
            .contains("in all, or for each of them?")
    );
}

#[test]
fn media_are_billed_in_their_own_units() {
    // (what, feature, dollars of a call)
    let cases = [
        // 3 minutes are 180 s × $0.0001.
        ("transcription", "model: acme/ears, sends: {audio: 3 minutes}", "0.018"),
        (
            "transcription with a prompt of nothing",
            "model: acme/ears, prompt: 0, output: 0, sends: {audio: 180 s}",
            "0.018",
        ),
        // 900 × $15 ÷ 1M.
        ("speech", "model: acme/voice, sends: {characters: 900}, output: 0", "0.0135"),
        // 12 × $2 ÷ 1000.
        ("ocr", "model: acme/reader, sends: {pages: 12}, output: 0", "0.024"),
        ("images", "model: acme/brush, prompt: 0, makes: {images: 3}", "0.12"),
        ("video", "model: acme/film, prompt: 0, makes: {video: 8 seconds}", "0.8"),
        // 10 tokens a second (the rule of gpt-realtime): 200 × $30 ÷ 1M; text 100 × $1 and 50 × $4 ÷ 1M.
        (
            "audio to text",
            "model: acme/gpt-realtime-own, prompt: 100, output: 50, sends: {audio: 20 seconds}",
            "0.0063",
        ),
        // 32 tokens a second (the rule of Gemini): 1,920 × $3 ÷ 1M.
        ("audio by Gemini", "model: acme/gemini-2.5-own, prompt: 0, output: 0, sends: {audio: 1 minute}", "0.00576"),
        // also: the same meter by hand.
        ("by meter", "model: acme/ears, prompt: 0, output: 0, also: {audio_seconds: 180}", "0.018"),
    ];
    for (what, feature, each) in cases {
        let json = planned(&format!("features: {{a: {{{feature}, calls: 10 per day}}}}\n"));
        // 31 days × 10 calls.
        assert_eq!(usd(&json, "2027-01"), (n(each) * n("310")).normalize(), "{what}");
    }
}

/// Three turns of 20 s heard and 10 s spoken, text 0. Heard: 200 tokens a turn, sent again 1 + 2 + 3 = 6 times; spoken: 12,
/// 25 or 50 tokens a second where no rule is published, 250 at the mean, made 3 times and sent again 0 + 1 + 2 times.
/// 1,200 × $30 + 750 × $30 + 750 × $60 = 0.036 + 0.0225 + 0.045 = $0.1035.
#[test]
fn a_voice_conversation_sends_its_sound_again() {
    let json = planned(
        "features: {a: {model: acme/gpt-realtime-own, prompt: 0, turns: 3, sends: {audio: 20 seconds}, makes: {audio: 10 seconds}, calls: 10 per day}}\n",
    );
    assert_eq!(usd(&json, "2027-01"), n("32.085"), "0.1035 × 310");
    let low: Decimal = json["features"][0]["low_usd"].as_str().unwrap().parse().unwrap();
    assert!(low < n("60"), "the range of the speech is drawn: {low}");
    let none = planned(
        "features: {a: {model: acme/gpt-realtime-own, prompt: 0, turns: 3, history: none, output: 0, sends: {audio: 20 seconds}, calls: 10 per day}}\n",
    );
    // 600 × $30 ÷ 1M × 310.
    assert_eq!(usd(&none, "2027-01"), n("5.58"));
}

#[test]
fn what_a_model_does_not_bill_is_refused_with_the_next_step() {
    let cases = [
        ("model: acme/plain, prompt: 1, output: 1, sends: {audio: 3 minutes}", "audio", "gpt-realtime-own"),
        ("model: acme/plain, prompt: 1, output: 1, sends: {characters: 900}", "bills text by the token", "prompt"),
        ("model: acme/voice, prompt: 0, makes: {audio: 3 minutes}", "by the character", "sends: {characters: 900}"),
        (
            "model: acme/plain, prompt: 1, output: 1, sends: {images: 2}",
            "by the piece",
            "attachments: {image: 1024x768",
        ),
    ];
    for (feature, what, _) in cases {
        let ran = run(
            folder(&with_head(&format!("features: {{a: {{{feature}, calls: 1 per day}}}}\n"))).path(),
            "table",
            &[],
        );
        assert_eq!(ran.code, 2, "{feature}: {}", ran.stderr);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("help"), "{feature}: {}", ran.stderr);
    }
    for (sends, word) in
        [("{audio: 3}", "3 minutes"), ("{sound: 3 s}", "audio, video"), ("{pages: 3 EUR}", "pages: 12")]
    {
        let said =
            refused(&format!("features: {{a: {{model: acme/ears, sends: {sends}, output: 0, calls: 1 per day}}}}\n"));
        assert!(said.contains(word), "{sends}: {said}");
    }
}

/// chat: 10 a day × 31 = 310. titles: one each; escalation: a fifth, 62; checks: for each of 3 turns of an escalation, 186.
#[test]
fn a_feature_follows_another_with_its_growth_and_days() {
    let follow = |titles: &str, more: &str| {
        planned(&format!(
            "features:\n  titles: {{model: acme/text, prompt: 100, output: 10, {titles}}}\n  escalation: {{model: acme/text, prompt: 100, output: 10, turns: 3, calls: 20% of chat}}\n  checks: {{model: acme/plain, prompt: 100, output: 10, per: {{feature: escalation, of: turns}}}}\n  chat: {{model: acme/text, prompt: 100, output: 10, calls: 10 per day{more}}}\n"
        ))
    };
    let json = follow("calls: 1 per chat", "");
    let calls = |json: &Value, month: &str, name: &str| of_feature(json, month, name, "calls");
    for (name, want) in [("chat", "310"), ("titles", "310"), ("escalation", "62"), ("checks", "186")] {
        assert_eq!(calls(&json, "2027-01", name), n(want), "{name}");
    }
    // Growth and days are those of the chat: 28 × 10 × 1.1 = 308 in February.
    let json = follow("per: chat", ", growth: 10%");
    for (name, want) in [("chat", "308"), ("titles", "308"), ("escalation", "61.6"), ("checks", "184.8")] {
        assert_eq!(calls(&json, "2027-02", name), n(want), "{name}");
    }
    // Uncertain calls of the chat are drawn once for all: two features of one price move together, so their sum has twice
    // the width of one; drawn apart it would have 1.41 times.
    let json = planned(
        "features:\n  a: {model: acme/text, prompt: 100, output: 10, calls: 5..10..15 per day}\n  b: {model: acme/text, prompt: 100, output: 10, calls: 1 per a}\n",
    );
    let width = |value: &Value| {
        let of = |key: &str| value[key].as_str().unwrap().parse::<f64>().unwrap();
        of("high_usd") - of("low_usd")
    };
    let (one, both) = (width(&json["features"][0]), width(&json["total"]));
    assert!((both / one - 2.0).abs() < 0.001, "{one} {both}");
    // An uncertain share is drawn and named.
    let json = planned(
        "features:\n  a: {model: acme/text, prompt: 100, output: 10, calls: 10 per day}\n  b: {model: acme/text, prompt: 100, output: 10, calls: 10%..20%..30% of a}\n",
    );
    assert!(width(&json["features"][1]) > 0.0);
    assert!(json["drivers"].to_string().contains("calls for each call of another feature"), "{}", json["drivers"]);
}

#[test]
fn what_follows_nothing_or_itself_is_refused() {
    let of = |a: &str, b: &str| {
        refused(&format!(
            "features:\n  a: {{model: acme/text, prompt: 1, output: 1, {a}}}\n  b: {{model: acme/text, prompt: 1, output: 1, {b}}}\n"
        ))
    };
    assert!(
        of("per: chatt", "calls: 1 per day").contains("the features are a, b")
            || of("per: chatt", "calls: 1 per day").contains("The features are a, b")
    );
    assert!(of("per: b", "per: a").contains("which follows"));
    assert!(of("per: b, calls: 3 per day", "calls: 1 per day").contains("keep one of calls and per"));
    assert!(of("per: b, growth: 5%", "calls: 1 per day").contains("take growth out"));
}

/// Each of two features sends 30 requests a day; 40 a day are free for both: 20 of 60 are paid, a third of each.
/// 100 × $2 + 10 × $10 = $0.0003 a request; 31 × 30 × 0.0003 ÷ 3 = $0.093 each.
#[test]
fn a_free_quantity_may_be_shared_and_have_two_limits() {
    let two = "  a: {model: acme/text, prompt: 100, output: 10, calls: 30 per day}\n  b: {model: acme/text, prompt: 100, output: 10, calls: 30 per day}\n";
    let json = planned(&format!("free: {{features: [a, b], requests: 40 per day}}\nfeatures:\n{two}"));
    assert_eq!(of_feature(&json, "2027-01", "a", "expected_usd").round_dp(9), n("0.093"));
    assert_eq!(usd(&json, "2027-01").round_dp(9), n("0.186"));
    // 110 tokens a request: 2,200 tokens a day are 20 requests, which end before 25 requests do: 10 of 30 are paid.
    let json = planned(
        "features: {a: {model: acme/text, prompt: 100, output: 10, calls: 30 per day, free: {requests: 25 per day, tokens: 2200 per day}}}\n",
    );
    assert_eq!(usd(&json, "2027-01").round_dp(9), n("0.093"));
    // By the day: 20 free a day do not help the weekend, whose 10 calls leave half of them: 21 weekdays × (30 − 20) paid
    // requests in January, none on its 10 days of weekends.
    let json = planned(
        "features: {a: {model: acme/text, prompt: 100, output: 10, calls: 30 per day, calendar: {weekdays: {mon-fri: 1, sat-sun: 0.3333333333}}, free: {requests: 20 per day}}}\n",
    );
    assert_eq!(usd(&json, "2027-01").round_dp(6), n("0.063"));
}

/// 16:30 to 00:30 UTC costs half. 09:00 to 17:00 at UTC: 15 of 16 half hours at the full rate, so 15.5 ÷ 16 of the price.
/// 100 × $2 + 10 × $10 = $0.0003; 310 calls.
#[test]
fn hours_and_weekends_have_their_prices() {
    let of = |calendar: &str| {
        planned(&format!(
            "features: {{a: {{model: acme/night, prompt: 100, output: 10, calls: 10 per day, calendar: {{{calendar}}}}}}}\n"
        ))
    };
    assert_eq!(usd(&of("hours: 9-17"), "2027-01").round_dp(12), n("0.09009375"), "0.093 × 15.5 ÷ 16");
    // At UTC+01:00 the same hours are 08:00 to 16:00 UTC.
    assert_eq!(usd(&of("hours: 9-17, timezone: '+01:00'"), "2027-01").round_dp(12), n("0.093"));
    // At UTC−08:00 they are 17:00 to 01:00 UTC: the last half hour alone is at the full rate, 8.5 ÷ 16.
    assert_eq!(usd(&of("hours: 9-17, timezone: '-08:00'"), "2027-01").round_dp(12), n("0.04940625"));
    // A half at noon, a half at night: 0.75.
    assert_eq!(usd(&of("hours: {11-12: 50%, 20-21: 50%}"), "2027-01").round_dp(12), n("0.06975"));
    // 21 weekdays and 10 days of weekends with a fifth: 230 calls.
    let json = planned(
        "features: {a: {model: acme/text, prompt: 100, output: 10, calls: 10 per day, calendar: {weekdays: {mon-fri: 100%, sat-sun: 20%}}}}\n",
    );
    assert_eq!(of_feature(&json, "2027-01", "a", "calls"), n("230"));
    for (hours, word) in
        [("hours: 25-30", "8-18"), ("hours: {8-12: 50%}", "add up to 50%"), ("hours: 8-18, timezone: Mars", "+01:00")]
    {
        let said = refused(&format!(
            "features: {{a: {{model: acme/text, prompt: 1, output: 1, calls: 1 per day, calendar: {{{hours}}}}}}}\n"
        ));
        assert!(said.contains(word), "{hours}: {said}");
    }
}

#[test]
fn use_shrinks_grows_by_year_and_prompts_grow() {
    let of = |growth: &str| {
        planned(&format!(
            "start: 2027-01-01\nmonths: 13\nfeatures: {{a: {{model: acme/text, prompt: 100, output: 10, calls: 100 per month, {growth}}}}}\n"
        ))
    };
    let calls = |json: &Value, month: &str| of_feature(json, month, "a", "calls").round_dp(4);
    let json = of("growth: -10% a month");
    assert_eq!((calls(&json, "2027-02"), calls(&json, "2027-03")), (n("90"), n("81")));
    // 30 % in a year: after twelve months 1.3 times.
    let json = of("growth: 30% a year");
    assert_eq!((calls(&json, "2027-01"), calls(&json, "2028-01")), (n("100"), n("130")));
    // The prompt is 100, 200, 400 … tokens long: $0.0002 + $0.0001, $0.0004 + $0.0001, $0.0008 + $0.0001 for 100 calls.
    let json = of("prompt_growth: 100% a month");
    for (month, want) in [("2027-01", "0.03"), ("2027-02", "0.05"), ("2027-03", "0.09")] {
        assert_eq!(usd(&json, month), n(want), "{month}");
    }
    let json = of("growth: -5%..-2%..1% a month");
    assert!(json["drivers"].to_string().contains("-5%..-2%..1% a month"), "{}", json["drivers"]);
}

/// 100 calls a month of 10,000 × $2 + 1,000 × $10 = $0.03 each: $3.
#[test]
fn discounts_commitments_seats_and_yearly_costs() {
    let with = |head: &str| {
        planned(&format!(
            "start: 2027-01-01\nmonths: 13\n{head}\nfeatures: {{a: {{model: acme/text, prompt: 10000, output: 1000, calls: 100 per month}}}}\n"
        ))
    };
    assert_eq!(usd(&with("discounts: {provider: acme, off: 15%}"), "2027-01"), n("2.55"));
    assert_eq!(usd(&with("discounts: {provider: openai, off: 15%}"), "2027-01"), n("3"));
    // From the 16th of January on: 16 of 31 days at half the price, 3 × (15 + 8) ÷ 31.
    let json = with("discounts: {off: 50%, from: 2027-01-16}");
    assert_eq!(usd(&json, "2027-01").round_dp(6), n("2.225806"));
    assert_eq!(usd(&json, "2027-02"), n("1.5"));
    // At least $5 a month; usage above it would be paid as it is.
    let json = with("commitments: {provider: acme, amount: 5 USD per month}");
    assert_eq!((usd(&json, "2027-01"), usd(&json, "2027-06")), (n("5"), n("5")));
    assert!(json["fixed"].to_string().contains("commitments"), "{}", json["fixed"]);
    assert_eq!(usd(&with("commitments: {provider: acme, amount: 2 USD per month}"), "2027-01"), n("3"));
    // $60 a year against 12 × $3: the rest is due in the last month of the year. Of the second year, the plan has January
    // alone: 31 ÷ 366 of $60 against $3 leave 2.081967….
    let json = with("commitments: {provider: acme, amount: 60 USD per year}");
    assert_eq!((usd(&json, "2027-11"), usd(&json, "2027-12")), (n("3"), n("27")));
    assert_eq!(usd(&json, "2028-01").round_dp(6), n("5.081967"));
    // 12 × $20 on top.
    assert_eq!(usd(&with("fixed: {name: editors, cost: 20 USD per seat per month, seats: 12}"), "2027-05"), n("243"));
    assert_eq!(usd(&with("users: 40\nfixed: {name: licence, cost: 2 USD per user per month}"), "2027-05"), n("83"));
    let json = with("fixed: {name: domain, cost: 120 USD per year, from: 2027-03-10}");
    assert_eq!((usd(&json, "2027-02"), usd(&json, "2027-03"), usd(&json, "2027-04")), (n("3"), n("123"), n("3")));
    // A range is drawn: its mean in the total, its ends in the bounds.
    let json = with("fixed: {name: hosting, cost: 50..80..140 USD per month}");
    assert_eq!(usd(&json, "2027-01"), n("83"));
    let bound = |key: &str| json["total"][key].as_str().unwrap().parse::<f64>().unwrap();
    assert!(bound("low_usd") < 1000.0 && bound("high_usd") > 1200.0, "{}", json["total"]);
    let said = refused(
        "fixed: {name: x, cost: 20 USD per seat per month}\nfeatures: {a: {model: acme/text, prompt: 1, output: 1, calls: 1 per day}}\n",
    );
    assert!(said.contains("write seats: 12"), "{said}");
}

/// Four turns of a question of 1,000 and an answer of 1,000, nothing else. All history: prompts of 1, 3, 5 and 7 thousand,
/// 16,000 tokens × $2 and 4,000 × $10 = $0.072. At most 3,000 tokens: 1, 3, 4 and 4 thousand: $0.064.
#[test]
fn a_history_is_capped_or_summed_up() {
    let of = |history: &str| {
        let json = planned(&format!(
            "start: 2027-01-01\nmonths: 1\nfeatures: {{a: {{model: acme/text, prompt: 1000, output: 1000, turns: 4, {history}, calls: 100 per month}}}}\n"
        ));
        usd(&json, "2027-01")
    };
    assert_eq!(of("history: all"), n("7.2"));
    assert_eq!(of("history: 3000 tokens"), n("6.4"));
    assert_eq!(of("history: 1"), n("6"), "1, 3, 3 and 3 thousand");
    // Before the third turn the history has 4,000 tokens: a request reads them and writes 500, then the prompt is 1,500;
    // before the fourth it has 500 + 2,000 tokens, and the prompt is 3,500. Prompts: 1 + 3 + 4 + 1.5 + 3.5 = 13 thousand
    // × $2, answers: 4,000 + 500 × $10: $0.071.
    assert_eq!(of("history: {compact_at: 4000, summary: 500}"), n("7.1"));
    let said = refused(
        "features: {a: {model: acme/text, prompt: 1, output: 1, turns: 3, history: {compact_at: 400, summary: 500}, calls: 1 per day}}\n",
    );
    assert!(said.contains("not shorter"), "{said}");
}

/// 500 calls of $0.03 on one day; on two days twice.
#[test]
fn a_job_runs_once() {
    let of = |calls: &str| {
        planned(&format!("features: {{a: {{model: acme/text, prompt: 10000, output: 1000, {calls}}}}}\n"))
    };
    let json = of("calls: 500 once");
    assert_eq!((usd(&json, "2027-01"), usd(&json, "2027-02")), (n("15"), n("0")));
    let json = of("calls: 500 once, on: 2027-02-10");
    assert_eq!((usd(&json, "2027-01"), usd(&json, "2027-02")), (n("0"), n("15")));
    let json = of("calls: 500 once, on: [2027-02-10, 2027-01-10, 2027-02-20]");
    assert_eq!((usd(&json, "2027-01"), usd(&json, "2027-02")), (n("15"), n("30")));
    let refusal =
        |more: &str| refused(&format!("features: {{a: {{model: acme/text, prompt: 1, output: 1, {more}}}}}\n"));
    assert!(refusal("calls: 500 once, on: 2028-01-01").contains("outside of the plan"));
    assert!(refusal("calls: 500 once, growth: 5%").contains("does not grow"));
    assert!(refusal("calls: 5 per day, on: 2027-01-01").contains("calls: 500 once"));
}

/// Half the price where the model has batches: 310 × $0.0003 ÷ 2; a model without them is planned request by request.
#[test]
fn batches_where_they_are_sold() {
    let of = |model: &str| {
        planned(&format!(
            "features: {{a: {{model: {model}, prompt: 100, output: 10, calls: 10 per day, batch: where available}}}}\n"
        ))
    };
    assert_eq!(usd(&of("acme/text"), "2027-01"), n("0.0465"));
    let json = of("acme/plain");
    // 100 × $1 + 10 × $4.
    assert_eq!(usd(&json, "2027-01"), n("0.0434"));
    assert!(json["events"].to_string().contains("has no rate for batches"), "{}", json["events"]);
}

/// Ranges of other meters are drawn: their ends in the bounds, their mean in the total.
#[test]
fn ranges_of_media_and_other_meters_are_drawn() {
    for units in ["sends: {audio: 1..3..5 minutes}", "prompt: 0, output: 0, also: {audio_seconds: 60..180..300}"] {
        let json = planned(&format!(
            "start: 2027-01-01\nmonths: 1\nfeatures: {{a: {{model: acme/ears, {units}, calls: 10 per day}}}}\n"
        ));
        assert_eq!(usd(&json, "2027-01"), n("5.58"), "{units}");
        let bound = |key: &str| json["total"][key].as_str().unwrap().parse::<f64>().unwrap();
        assert!(bound("low_usd") < 4.0 && bound("high_usd") > 7.0, "{units}: {}", json["total"]);
        assert_eq!(json["drivers"].as_array().unwrap().len(), 1, "{units}");
    }
}

/// Every mistake of a file at once, each with its line and an example.
#[test]
fn all_mistakes_are_said_at_once() {
    let said = refused(
        "tax: 19\nbudget: {monthly: 5 EURO}\nbugdet: 3\nfeatures:\n  a: {model: acme/text, prompt: 1, output: many, calls: 3 per fortnight}\n  b: {model: acme/text, prompt: 1, output: 1, calls: 3 per day, history: lots, turns: 3}\n  c: {modle: acme/text, prompt: 1, output: 1, calls: 3 per day}\n",
    );
    for part in [
        ":4:",
        ":5:",
        ":6:",
        ":8:",
        ":9:",
        ":10:",
        "5%",
        "60 EUR",
        "`budget`",
        "300",
        "400 per day",
        "4000 tokens",
        "`model`",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    // Every error has a next step.
    assert_eq!(said.matches("error[").count(), said.matches("help: ").count(), "{said}");
}

/// What only the price table knows is said with the rest, unless it follows from the rest.
#[test]
fn a_missing_rate_and_an_unknown_model_are_said_with_other_mistakes() {
    let said = refused(
        "currency: XOF\nbugdet: 3\nfeatures:\n  a: {model: acme/textt, prompt: 1, output: many, calls: 1 per day}\n",
    );
    for part in ["no exchange rate of XOF", "`budget`", "acme/textt", "300"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert_eq!(said.matches("error[").count(), 4, "{said}");
    for exchange in
        ["{XOF: [{per_usd: \"0\"}]}", "{XOF: [{per_usd: \"5,5\"}]}", "{XOF: [{per_usd: \"5\", too: 2027-01-01}]}", "5"]
    {
        let said = refused(&format!(
            "currency: XOF\nexchange: {exchange}\nfeatures:\n  a: {{model: acme/text, prompt: 1, output: 1, calls: 1 per day}}\n"
        ));
        assert_eq!(said.matches("error[").count(), 1, "{exchange}: {said}");
        assert!(!said.contains("no exchange rate"), "{exchange}: {said}");
    }
}

#[test]
fn every_unknown_model_is_named_at_once() {
    let said = refused(
        "features:\n  a: {model: acme/textt, prompt: 1, output: 1, calls: 1 per day}\n  b: {model: acme/plian, prompt: 1, output: 1, calls: 1 per day}\n",
    );
    assert!(said.contains("acme/textt") && said.contains("acme/plian"), "{said}");
}

#[test]
fn ten_thousand_features_are_too_many() {
    let features: String = (0..10_000)
        .map(|i| format!("  f{i}: {{model: acme/text, prompt: 1, output: 1, calls: 1 per day}}\n"))
        .collect();
    let said = refused(&format!("features:\n{features}"));
    assert!(said.contains("the plan has 10000 features") && said.contains("a dataset for their prompts"), "{said}");
    assert_eq!(said.matches("error[").count(), 1, "{said}");
}

/// A workload may name files in its repository, and in its own folder where there is none.
#[test]
fn files_outside_of_the_repository_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("repository/plans");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(dir.path().join("secret.txt"), "a secret").unwrap();
    std::fs::write(dir.path().join("repository/prompt.txt"), "a prompt").unwrap();
    std::fs::write(inner.join("prices.yaml"), PRICES).unwrap();
    let workload = |file: &str| {
        let yaml = format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures: {{a: {{model: acme/text, prompt: {file}, output: 1, calls: 1 per day}}}}\n"
        );
        std::fs::write(inner.join("farebox.yaml"), yaml).unwrap();
        run(&inner, "json", &[])
    };
    workload("../prompt.txt")
        .code(2)
        .says("../prompt.txt is outside of the folder of the workload")
        .says("copy the file");
    std::fs::create_dir(dir.path().join("repository/.git")).unwrap();
    workload("../prompt.txt").code(0);
    workload("../../secret.txt").code(2).says("is outside of the repository");
    let absolute = dir.path().join("secret.txt");
    workload(&absolute.display().to_string()).code(2).says("is outside of the repository");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&absolute, inner.join("link.txt")).unwrap();
        workload("link.txt").code(2).says("is outside of the repository");
    }
}

#[test]
fn spans_that_end_before_they_begin_are_refused() {
    let feature = "features: {a: {model: acme/text, prompt: 1, output: 1, calls: 1 per day}}\n";
    let cases = [
        ("budget: {total: 5, from: 2027-02-01, to: 2027-01-01}\n", "the budget ends on 2027-01-01"),
        ("fixed: {name: x, cost: 5 USD per month, from: 2027-02-01, to: 2027-01-01}\n", "the fixed ends on 2027-01-01"),
        ("discounts: {off: 5%, from: 2027-02-01, to: 2027-01-01}\n", "the discount ends on 2027-01-01"),
        ("start: 2027-05-01\nend: 2027-04-01\n", "write end: 2027-06-01"),
        ("budget: {monthly: 5, from: 2027-01-01}\n", "belong to its total"),
        // A currency that the European Central Bank publishes no rate for.
        ("budget: {total: 5 ARS}\n", "per_usd"),
    ];
    for (head, words) in cases {
        let said = refused(&format!("{head}{feature}"));
        assert!(said.contains(words), "{head}: {said}");
    }
}
