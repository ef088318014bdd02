//! Right numbers of plans: workloads with costs that an independent model worked out in exact fractions, and one case or more
//! for each kind of mistake that a plan once made. Each case says how its number comes about.
//!
//! Prices are those of table 2026.11.22, pinned in `tests/data/prices` and `tests/data/plan`: gpt-4o-mini 0.15 in and 0.60
//! out, claude-haiku-4-5 1 and 5, claude-sonnet-4-6 3 and 15 with 0.30 for reading and 3.75 for writing a cache,
//! gemini-2.5-flash 0.30 and 2.50 dollars for a million tokens.

use std::path::Path;

use crate::support::{Ran, farebox};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plan");

fn ran(file: &str) -> Ran {
    let mut command = farebox(["plan", "-w", file, "--format", "json", "--at", "2026-11-22"]).pinned();
    for provider in ["openai", "google"] {
        command = command.arg("--prices").arg(format!("{DATA}/{provider}.yaml"));
    }
    command.run()
}

fn stored(name: &str) -> Value {
    ran(&format!("{DATA}/{name}")).json()
}

/// A workload in a folder of its own.
fn planned(yaml: &str) -> Value {
    let (_dir, path) = written(yaml);
    ran(&path).json()
}

fn written(yaml: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("farebox.yaml");
    std::fs::write(&path, yaml).unwrap();
    let path = path.display().to_string();
    (dir, path)
}

/// One feature on gpt-4o-mini, with what more is said of it and of the plan.
fn mini(feature: &str, plan: &str) -> Value {
    planned(&format!(
        "version: 1\nstart: 2027-01-01\n{plan}features: {{f: {{model: openai/gpt-4o-mini, {feature}}}}}\n"
    ))
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no number")).parse().unwrap()
}

fn total(json: &Value) -> Decimal {
    number(&json["total"]["expected_usd"])
}

fn near(found: Decimal, want: Decimal, share: Decimal) {
    assert!((found - want).abs() <= want.abs() * share, "{found} is not {want}");
}

/// `3/4` or `7`.
fn fraction(value: &Value) -> Decimal {
    let text = value.as_str().unwrap();
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    above.parse::<Decimal>().unwrap() / below.parse::<Decimal>().unwrap()
}

const BILLIONTH: Decimal = dec!(0.000000001);

#[test]
fn workloads_cost_what_an_independent_model_says() {
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{DATA}/expected.json")).unwrap()).unwrap();
    let mut figures = 0;
    for (file, features) in expected.as_object().unwrap() {
        let json = stored(&format!("workloads/{file}"));
        for (name, want) in features.as_object().unwrap() {
            let is_it = |row: &&Value| row["name"] == name.as_str();
            let feature = json["features"].as_array().unwrap().iter().find(is_it).unwrap();
            near(number(&feature["calls"]), fraction(&want["calls"]), BILLIONTH);
            near(number(&feature["expected_usd"]), fraction(&want["usd"]), BILLIONTH);
            for (month, want) in want["months"].as_object().unwrap() {
                let row = json["rows"].as_array().unwrap().iter().find(|row| row["month"] == month.as_str()).unwrap();
                let cell = row["features"].as_array().unwrap().iter().find(is_it).unwrap();
                near(number(&cell["calls"]), fraction(&want[0]), BILLIONTH);
                near(number(&cell["expected_usd"]), fraction(&want[1]), BILLIONTH);
                figures += 2;
            }
            figures += 2;
        }
    }
    assert!(figures > 100, "{figures}");
}

/// T turns cost 195 T + 30 T (T − 1) µ$: 300 + 200 in and 200 out for each, and 400 of history for each that went before.
/// The mean of T (T − 1) over the two ramps, by Python's fractions: Σ 2 · E max(0, x − t) for t from 1.
#[test]
fn turns_between_two_whole_numbers_are_one_of_them() {
    let cases = [
        ("1..1.4..6", dec!(8.463) + dec!(1.86) * (dec!(0.4) + dec!(8) / dec!(63.48))),
        ("1..2", dec!(9.9975)),
        ("1..2.5..6", dec!(15.1125) + dec!(1.86) * (dec!(1.5) + dec!(163) / dec!(270) + dec!(10.8) / dec!(36.75))),
        ("1..3.5..6", dec!(30.4203)),
        // Known exactly, and still no whole number: 0.6 conversations of one turn and 0.4 of two.
        ("1.4", dec!(31) * dec!(0.001) * (dec!(195) * dec!(1.4) + dec!(30) * dec!(0.8))),
        ("3", dec!(0.031) * (dec!(195) * dec!(3) + dec!(180))),
    ];
    for (turns, want) in cases {
        let json =
            mini(&format!("system: 300, prompt: 200, output: 200, turns: {turns}, calls: 1000 per day"), "months: 1\n");
        near(total(&json), want, dec!(0.0000001));
        assert_eq!(json["total"]["expected_basis"], "closed-form", "{turns}");
    }
    assert_eq!(total(&stored("faults/b07-turns-fraction.yaml")).round_dp(6), dec!(9.441405));
}

/// S requests of a turn: the prompts are 100 + 50 j, so that S of them send 100 S + 25 S (S − 1) tokens; the calls of tools are
/// 10 S − 10 tokens and the answer 20. With S between 2 and 3 (2.5): E S = 2.5, E S (S − 1) = 4.
#[test]
fn steps_between_two_whole_numbers_are_one_of_them() {
    let json =
        mini("prompt: 100, output: 20, steps: {count: 2.5, call: 10, result: 40}, calls: 1000 per day", "months: 1\n");
    let sent = dec!(100) * dec!(2.5) + dec!(25) * dec!(4);
    let answered = dec!(15) + dec!(20);
    assert_eq!(total(&json), dec!(0.031) * (sent * dec!(0.15) + answered * dec!(0.60)));
}

/// 25 requests a task: the first finds the prefix of 12,000 with 1 − e^(−5/30) = 0.153518, all others what the one before has
/// sent: 589,800 tokens read, 24 × 1,050 + 500 written; 4,300 tokens of output.
#[test]
fn a_gap_is_between_conversations() {
    let read = |hit: Decimal| hit * dec!(12000) + dec!(589800);
    let task = |hit: Decimal| {
        let written = (dec!(1) - hit) * dec!(12000) + dec!(25700);
        (read(hit) * dec!(0.30) + written * dec!(3.75) + dec!(4300) * dec!(15)) / dec!(1000000)
    };
    let json = stored("faults/b08-gap-inside-a-conversation.yaml");
    assert_eq!(total(&json), task(dec!(0.153518)) * dec!(48) * dec!(31));
    let assumed = json["assumptions"].to_string();
    assert!(assumed.contains("cache.hit_rate_within"), "{assumed}");
    // Both rates in words of their own: within 90 %, what is not found is written again.
    let agent = |cache: &str| {
        planned(&format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures:\n  f: {{model: anthropic/claude-sonnet-4-6, system: 3000, tools: 9000, prompt: 500, steps: {{count: 25, call: 150, result: 900}}, output: 700, calls: 1 per day, reasoning: 0, cache: {{parts: [system, tools, history], {cache}}}}}\n"
        ))
    };
    let between = agent("hit_rate_between: 20%");
    assert_eq!(total(&between), task(dec!(0.2)) * dec!(31));
    let all = dec!(627500);
    let both = |between: Decimal, within: Decimal| {
        let read = between * dec!(12000) + within * dec!(589800);
        (read * dec!(0.30) + (all - read) * dec!(3.75) + dec!(4300) * dec!(15)) / dec!(1000000) * dec!(31)
    };
    assert_eq!(total(&agent("hit_rate_between: 20%, hit_rate_within: 90%")), both(dec!(0.2), dec!(0.9)));
    assert_eq!(total(&agent("hit_rate: 20%, hit_rate_within: 90%")), both(dec!(0.2), dec!(0.9)));
    assert_eq!(total(&agent("hit_rate: 95%")), both(dec!(0.95), dec!(0.95)));
}

/// January at 0.90, from February on at 0.80: 186 × 0.9 + 10, 168 × 0.8 + 10 and 186 × 0.8 + 10 euros.
#[test]
fn every_cost_is_converted_at_the_rate_of_its_day() {
    let json = stored("faults/b15-euro-dated.yaml");
    let months: Vec<&str> = json["rows"].as_array().unwrap().iter().map(|row| row["total"].as_str().unwrap()).collect();
    assert_eq!(months, ["177.4", "144.4", "158.8"]);
    assert_eq!(json["total"]["expected"], "480.6");
    let budgets = json["budgets"].as_array().unwrap();
    let held: Vec<(&str, bool)> =
        budgets.iter().map(|b| (b["spent"].as_str().unwrap(), b["holds"].as_bool().unwrap())).collect();
    assert_eq!(held, [("480.6", true), ("177.4", false), ("144.4", true), ("158.8", false)]);
    assert_eq!(json["exchange"]["later"][0]["per_usd"], "0.8");
    // Within a month: 16 January on at 0.50, with 6 dollars a day.
    let json = planned(
        "version: 1\nstart: 2027-01-01\nmonths: 1\ncurrency: EUR\nexchange: {EUR: [{to: 2027-01-16, per_usd: \"1\"}, {from: 2027-01-16, per_usd: \"0.5\"}]}\nbudget: {monthly: 140 EUR}\nfeatures: {a: {model: openai/gpt-4o-mini, prompt: 20000, output: 5000, calls: 1000 per day}}\n",
    );
    assert_eq!(json["rows"][0]["total"], (dec!(15) * dec!(6) + dec!(16) * dec!(3)).to_string());
    assert_eq!(json["budgets"][0]["holds"], true);
}

/// 6 dollars a day, 15 days at 1.00 and 16 at 0.50: 138 EUR, of 186 dollars. 140 EUR pay for 140 ÷ 138 = 1.01449… times that;
/// at the rate of the first day they would pay for 0.75 times. Batches halve each day.
#[test]
fn what_is_asked_of_a_plan_is_converted_at_the_rate_of_each_day() {
    let yaml = "version: 1\nstart: 2027-01-01\nmonths: 1\ncurrency: EUR\nexchange: {EUR: [{to: 2027-01-16, per_usd: \"1\"}, {from: 2027-01-16, per_usd: \"0.5\"}]}\nfeatures: {a: {model: openai/gpt-4o-mini, prompt: 20000, output: 5000, calls: 1000 per day}}\n";
    let (_dir, path) = written(yaml);
    let asked = |more: &[&str]| {
        let args = [&["plan", "-w", &path, "--at", "2026-11-22"], more].concat();
        farebox(args).pinned().run()
    };
    let json = asked(&["--budget", "140 EUR", "--format", "json"]).code(0).json();
    assert_eq!(json["fits"][0]["factor"], "1.0144");
    let batch = json["levers"].as_array().unwrap().iter().find(|lever| lever["kind"] == "batch").unwrap();
    assert_eq!(batch["saving_usd"], "93");
    let shown = asked(&[]).code(0).stdout;
    assert!(shown.contains("69.00 EUR"), "{shown}");
    let compare = ["compare", "-w", &path, "-m", "openai/gpt-4o-mini", "--at", "2026-11-22"];
    let compared = farebox([&compare[..], &["--format", "json"]].concat()).pinned().run().code(0).json();
    assert_eq!((&compared["rows"][0]["total"], &compared["rows"][0]["total_usd"]), (&json!("138"), &json!("186")));
    let shown = farebox(compare).pinned().run().code(0).stdout;
    assert!(shown.contains("at 138.00 EUR"), "{shown}");
    // 0.006 EUR an answer on the first days and 0.003 on the others: 31,000 answers cost 138 EUR, 0.00445… each.
    let unit =
        |price: &str| asked(&["--unit-cost", price, "--format", "json"]).code(0).json()["fits"][0]["tokens"].clone();
    assert_eq!(
        (unit("0.0044 EUR").as_u64().unwrap() < 5_000, unit("0.0045 EUR").as_u64().unwrap() > 5_000),
        (true, true)
    );
}

/// text-embedding-3-small at 0.02: 10 million tokens at the start are 0.20 dollars, 5% of them in February 0.01, 5% of
/// 10.5 million in March 0.0105, and 11.025 million again on the 15th 0.2205. By tokens, 400,000 each month are 0.008.
#[test]
fn an_index_grows_and_is_embedded_again() {
    let fixed = |index: &str| -> Vec<String> {
        let json = mini(
            &format!(
                "prompt: 100, output: 10, calls: 1 per day, rag: {{chunks: 1, chunk_tokens: 100, embedding: openai/text-embedding-3-small, {index}}}"
            ),
            "months: 3\n",
        );
        json["rows"].as_array().unwrap().iter().map(|row| row["fixed_usd"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(fixed("index_tokens: 10_000_000"), ["0.2", "0", "0"]);
    assert_eq!(
        fixed("index_tokens: 10_000_000, index_growth: 5%, index_again: [2027-03-15]"),
        ["0.2", "0.01", "0.231"]
    );
    assert_eq!(fixed("index_tokens: 10_000_000, index_growth: 400_000 a month"), ["0.2", "0.008", "0.008"]);
    // The days of the plan alone, and what was there before they began.
    assert_eq!(
        fixed("index_tokens: 10_000_000, index_again: [2026-12-31, 2027-02-01, 2027-04-01]"),
        ["0.2", "0.2", "0"]
    );
    for (rag, why) in [
        ("index_growth: 5%", "needs its model and its length"),
        (
            "embedding: openai/text-embedding-3-small, index_tokens: 5, index_growth: 5 pages",
            "not a growth of an index",
        ),
        ("embedding: openai/text-embedding-3-small, index_tokens: 5, index_growth: 1%..5%", "is a range"),
        ("embedding: openai/text-embedding-3-small, index_tokens: 5, index_again: soon", "is not a date"),
    ] {
        let (_dir, path) = written(&format!(
            "version: 1\nfeatures: {{f: {{model: openai/gpt-4o-mini, prompt: 100, output: 10, calls: 1 per day, rag: {{chunks: 1, chunk_tokens: 100, {rag}}}}}}}\n"
        ));
        let said = ran(&path).code(2).stderr;
        assert!(said.contains(why), "{rag}: {said}");
    }
}

/// 31 dollars a month by the day: 16 of 31 days in January, 15 of 28 in February; and 310 calls at 0.00015 dollars.
#[test]
fn months_are_counted_by_the_day() {
    let by_days = dec!(16) + dec!(31) * dec!(15) / dec!(28);
    near(total(&stored("faults/b01-fixed-mid-start.yaml")), by_days + dec!(0.0465), BILLIONTH);
    // From 16 January to 16 March, and with days of its own: 12 of 31 days, and 4 of 28.
    let plan = |fixed: &str| {
        planned(&format!(
            "version: 1\nstart: 2027-01-16\nmonths: 2\nfeatures: {{f: {{model: openai/gpt-4o-mini, prompt: 1000, output: 0, calls: {{users: 10, sessions: 1 per day}}}}}}\nfixed: [{fixed}]\n"
        ))
    };
    let usage = dec!(590) * dec!(0.00015);
    near(total(&plan("{name: db, cost: 31 USD per month}")), dec!(62) + usage, BILLIONTH);
    let json = plan("{name: db, cost: 31 USD per month, from: 2027-01-20, to: 2027-02-05}");
    near(total(&json), dec!(12) + dec!(31) * dec!(4) / dec!(28) + usage, BILLIONTH);
    // Two months, in three rows: 10 × 59 × 0.00015 dollars for 10 users.
    near(number(&json["features"][0]["per_user_month_usd"]), usage / dec!(20), BILLIONTH);
}

/// 1.50 dollars a day. A credit until 11 January pays for ten days; one that ends first is used first.
#[test]
fn credits_are_used_until_the_day_they_end_and_in_that_order() {
    assert_eq!(total(&stored("faults/b02-credit-expires-mid-month.yaml")), dec!(73.5));
    assert_eq!(total(&stored("faults/b03-credit-order.yaml")), dec!(38.5));
    // 40 of the first provider's alone, until 1 February: 46.5 in January, then the other one: 88.5 − 40 − 10.
    let json = mini(
        "prompt: 1_000_000, output: 0, calls: 10 per day",
        "months: 2\ncredits: [{amount: 10 USD}, {amount: 40 USD, provider: openai, expires: 2027-02-01}]\n",
    );
    assert_eq!(total(&json), dec!(38.5));
    assert_eq!(json["rows"][0]["credits_usd"], "46.5");
}

#[test]
fn a_budget_is_for_its_days() {
    let json = stored("faults/b04-budget-window.yaml");
    let budget = &json["budgets"][0];
    assert_eq!((budget["spent"].as_str(), budget["holds"].as_bool()), (Some("21"), Some(true)));
    assert_eq!(budget["ends"], Value::Null);
    // 17 days at 1.50: the 14th of them, 28 January, carries it over 20.
    let budget = stored("faults/b05-budget-window-before.yaml")["budgets"][0].clone();
    assert_eq!((budget["spent"].as_str(), budget["ends"].as_str()), (Some("25.5"), Some("2027-01-28")));
}

/// 200 calls a day with 250 of them free; 800 on each of the first seven days of February: 550 paid at 0.0009 dollars.
#[test]
fn what_is_free_in_a_day_is_gone_with_it() {
    assert_eq!(total(&stored("faults/b06-free-per-day.yaml")), dec!(3.465));
    // 1,000 a month: the first 1,000 of 300 a day, with the price of the last days alone where it is not free any more.
    let json = mini("prompt: 1000, output: 0, calls: 300 per day, free: {requests: 1000 per month}", "months: 1\n");
    assert_eq!(total(&json), dec!(8300) * dec!(0.00015));
    // Until 11 January 3,000 calls, 1,000 of them free, and all others paid: a budget for the first days sees that.
    let json = mini(
        "prompt: 1000, output: 0, calls: 300 per day, free: {requests: 1000 per month}",
        "months: 1\nbudget: {total: 1 USD, from: 2027-01-01, to: 2027-01-11}\n",
    );
    assert_eq!(json["budgets"][0]["spent"], "0.3");
}

/// 6.696 with a tax of 20 %; batches are half of everything.
#[test]
fn levers_save_what_is_paid_in_the_end() {
    let json = stored("faults/b12-lever-tax.yaml");
    let lever = |json: &Value, kind: &str| {
        let levers = json["levers"].as_array().unwrap();
        levers.iter().find(|lever| lever["kind"] == kind).map(|lever| number(&lever["saving_usd"]))
    };
    assert_eq!(total(&json), dec!(6.696));
    assert_eq!(lever(&json, "batch"), Some(dec!(3.348)));
    // 100 × 31 × (10,000 × 0.15 + 500 × 0.60) µ$ = 5.58: a credit that pays for all of it leaves nothing to save, one of 5
    // leaves 0.58.
    let with_credit = |usd: &str| {
        mini(
            "prompt: 10_000, output: 500, calls: 100 per day",
            &format!("months: 1\ncredits: [{{amount: {usd} USD}}]\n"),
        )
    };
    assert_eq!(lever(&with_credit("100"), "batch"), None);
    assert_eq!(lever(&with_credit("5"), "batch"), Some(dec!(0.58)));
    let driven = mini(
        "prompt: 10_000, output: 0, calls: 100..200..300 per day",
        "months: 1\ntax: 20%\nfixed: [{name: db, cost: 31 USD per month}]\n",
    );
    let driver = &driven["drivers"][0];
    // 31 × calls × 0.0015, and 31, with a fifth more.
    assert_eq!(number(&driver["low_usd"]), (dec!(31) * dec!(0.15) + dec!(31)) * dec!(1.2));
    assert_eq!(number(&driver["high_usd"]), (dec!(31) * dec!(0.45) + dec!(31)) * dec!(1.2));
}

/// The mean of what is left of 46.5 dollars over draws whose mean is 46.5: 31 × 0.15 × E max(0, x − 10) for 0..10..20, where
/// the mean above the top of two equal ramps is 10 ÷ 6.
#[test]
fn the_expected_cost_is_the_mean_where_credits_apply() {
    let json = stored("faults/b13-credit-mean.yaml");
    near(total(&json), dec!(7.75), dec!(0.002));
    near(number(&json["simulation"]["mean_usd"]), total(&json), dec!(0.002));
    assert_eq!(json["total"]["expected_basis"], "simulated");
    let row = &json["rows"][0];
    let of = |key: &str| number(&row[key]);
    assert_eq!(of("expected_usd"), number(&row["features"][0]["expected_usd"]) - of("credits_usd"));
}

#[test]
fn ranges_are_drawn_or_refused_by_name() {
    let (_dir, path) = written(&std::fs::read_to_string(format!("{DATA}/faults/b09-ranges-dropped.yaml")).unwrap());
    let ran = ran(&path).code(2);
    for what in ["the factor of a busy period", "the share of a model", "the share of batches", "a factor by month"] {
        assert!(ran.stderr.contains(&format!("{what} is one number")), "{what}: {}", ran.stderr);
    }
    // 3,100 searches at 0.01 dollars for each of 1..2..5; the mean stays, and both ends move.
    let json = planned(
        "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures: {f: {model: openai/gpt-4o, prompt: 0, output: 0, calls: 100 per day, also: {web_search: 1..2..5}}}\n",
    );
    assert_eq!(total(&json), dec!(62));
    assert!(
        number(&json["total"]["low_usd"]) < dec!(45) && number(&json["total"]["high_usd"]) > dec!(100),
        "{}",
        json["total"]
    );
    assert_eq!(json["drivers"][0]["input"], "other meters");
    let json = mini("prompt: 1_000_000, output: 0, calls: 10 per day", "months: 1\ntax: 10%..19%..25%\n");
    assert_eq!(total(&json), dec!(46.5) * dec!(1.19));
    assert!(
        number(&json["total"]["low_usd"]) > dec!(46.5) * dec!(1.1)
            && number(&json["total"]["low_usd"]) < dec!(46.5) * dec!(1.15)
    );
    assert_eq!(json["drivers"][0]["input"], "tax");
    assert_eq!(json["drivers"][0]["high_usd"], (dec!(46.5) * dec!(1.25)).normalize().to_string());
}

/// 3,000 calls of 1,000 and 100 tokens at 5 and 30: above 272,000 tokens the model has no price for this tier.
#[test]
fn a_rate_that_is_missing_above_a_boundary_refuses_no_shorter_prompt() {
    let json = stored("faults/b10-tier-refused.yaml");
    assert_eq!(total(&json), dec!(3100) * (dec!(1000) * dec!(5) + dec!(100) * dec!(30)) / dec!(1000000));
}

#[test]
fn an_answer_that_no_request_can_give_is_named() {
    let json = stored("faults/b14-output-over-max.yaml");
    let events = json["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["kind"] == "longest-answer").unwrap();
    assert!(event["text"].as_str().unwrap().contains("16,384"), "{event}");
    // Measured, thought before, or together with the prompt: gpt-4o-mini reads and writes 128,000 tokens at most, gpt-5.4-nano
    // writes 128,000 with what it thinks.
    let said = |feature: &str| -> Vec<String> {
        let json = planned(&format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures: {{f: {{calls: 10 per day, {feature}}}}}\n"
        ));
        let events = json["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "longest-answer");
        events.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
    };
    let mini = "model: openai/gpt-4o-mini";
    let nano = "model: openai/gpt-5.4-nano";
    let over = said(&format!("{mini}, prompt: 120_000, output: 10_000"));
    assert!(
        over[0]
            .contains("a prompt of 120,000 tokens with an answer of 10,000 is longer than the context window, 128,000"),
        "{over:?}"
    );
    assert_eq!(said(&format!("{mini}, prompt: 118_000, output: 10_000")), Vec::<String>::new());
    let over = said(&format!("{nano}, prompt: 100, reasoning: 100_000, output: 28_001"));
    assert!(over[0].contains("an answer of 128,001 tokens") && over[0].contains("its thinking included"), "{over:?}");
    assert_eq!(said(&format!("{nano}, prompt: 100, reasoning: 100_000, output: 28_000")), Vec::<String>::new());
    // How much it thinks unasked is assumed.
    assert_eq!(said(&format!("{nano}, prompt: 100, output: 128_000")), Vec::<String>::new());
}

/// Of the answers measured, 37.25 tokens are left of 74.75 under a cap of 75: (12 × 75 + 590) ÷ 40.
#[test]
fn a_cap_is_weighed_against_single_answers() {
    let json = stored("faults/b16-cap-of-measured.yaml");
    let usage = dec!(31000) * (dec!(10) * dec!(0.15) + dec!(74.75) * dec!(0.60)) / dec!(1000000);
    assert_eq!(total(&json), usage);
    let levers = json["levers"].as_array().unwrap();
    let cap = levers.iter().find(|lever| lever["kind"] == "output-cap").unwrap();
    assert_eq!(cap["what"], "cap answers at 75 tokens");
    near(number(&cap["saving_usd"]), dec!(31000) * dec!(37.5) * dec!(0.60) / dec!(1000000), dec!(0.000001));
}

/// Measured answers: many calls are as uncertain as their mean, few of them more: 1,000 a day against 1 a day.
#[test]
fn the_band_narrows_with_the_number_of_calls() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(format!("{DATA}/faults/n.csv"), dir.path().join("n.csv")).unwrap();
    let width = |calls: &str, output: &str| {
        let path = dir.path().join("farebox.yaml");
        let yaml = format!(
            "version: 1\nstart: 2027-01-01\nmonths: 1\nfeatures: {{f: {{model: openai/gpt-4o-mini, prompt: 0, output: {output}, calls: {calls}}}}}\n"
        );
        std::fs::write(&path, yaml).unwrap();
        let json = ran(&path.display().to_string()).json();
        let of = |key: &str| number(&json["total"][key]);
        (of("high_usd") - of("low_usd")) / of("expected_usd")
    };
    let measured = "{file: n.csv, column: n}";
    let (few, some, many) =
        (width("31 per month", measured), width("310 per month", measured), width("1000 per day", measured));
    // The standard deviation of the 40 answers is 83.98, that of their mean 13.28: 2 × 1.685 × 13.28 ÷ 74.75 = 0.598 for many
    // calls; together with a normal draw of 83.98 ÷ √31 = 15.08 it is 0.887, by 10⁶ draws in Python.
    near(many, dec!(0.598), dec!(0.02));
    near(few, dec!(0.887), dec!(0.03));
    assert!(few > some && some > many, "{few} {some} {many}");
    // Turns that are known but for the whole numbers around them: 1 or 2, half and half.
    let turns = |calls: &str| width(calls, "100, turns: 1.5, history: none");
    let (few, many) = (turns("31 per month"), turns("31000 per month"));
    // One answer or two: the deviation of a call is a third of its mean; 2 × 1.645 ÷ 3 ÷ √31 = 0.197.
    near(few, dec!(0.197), dec!(0.05));
    near(many, dec!(0.00623), dec!(0.05));
}

/// Two ranges alike: of a sum of two independent ones nine draws in ten lie within 0.52 to 1.48 of the mean, of one drawn
/// twice within 0.32 to 1.68.
#[test]
fn ranges_are_drawn_apart_unless_the_file_says_otherwise() {
    let bounds = |json: &Value| {
        let of = |key: &str| number(&json["total"][key]) / total(json);
        (of("low_usd"), of("high_usd"))
    };
    let (low, high) = bounds(&stored("faults/b17-prompt-range-correlated.yaml"));
    near(low, dec!(0.52), dec!(0.03));
    near(high, dec!(1.48), dec!(0.02));
    let yaml = std::fs::read_to_string(format!("{DATA}/faults/b17-prompt-range-correlated.yaml")).unwrap();
    let (low, high) = bounds(&planned(&format!("{yaml}drawn_together: [prompt]\n")));
    near(low, dec!(0.316), dec!(0.03));
    near(high, dec!(1.684), dec!(0.02));
    // Users and their conversations are two numbers: a product of two, not one end by the other.
    let users =
        mini("prompt: 1_000_000, output: 0, calls: {users: 0..10..20, sessions: 0..1..2 per day}", "months: 1\n");
    let (low, high) = bounds(&users);
    // The 5 and 95 % points of the product of two such draws, by 2 · 10⁶ draws with Python's random.triangular: 0.1899 and 2.1325.
    near(low, dec!(0.1899), dec!(0.05));
    near(high, dec!(2.1325), dec!(0.02));
    assert_eq!(total(&users), dec!(46.5));
    let passages = |more: &str| {
        mini(
            &format!("prompt: 0, output: 0, calls: 1000 per day, rag: {{chunks: 0..10..20, chunk_tokens: {more}}}"),
            "months: 1\n",
        )
    };
    let (low, high) = bounds(&passages("0..100..200"));
    near(low, dec!(0.1899), dec!(0.05));
    near(high, dec!(2.1325), dec!(0.02));
}

/// On one processor as on all of them.
#[cfg(target_os = "linux")]
#[test]
fn any_number_of_threads_draws_the_same_plan() {
    let features: String = (0..7)
        .map(|i| format!("  f{i}: {{model: openai/gpt-4o-mini, system: 900, prompt: 10..{}..900, output: 10..50..90, turns: 1..2.5..4, calls: 10..20..60 per day, growth: 0%..5%..9%}}\n", 100 + i))
        .collect();
    let (_dir, path) = written(&format!(
        "version: 1\nstart: 2027-01-01\nmonths: 3\nbudget: 5\ntax: 10%..19%..25%\ncredits: [{{amount: 1 USD}}]\nfeatures:\n{features}"
    ));
    let prices = format!("{}/tests/data/prices/openai.yaml", env!("CARGO_MANIFEST_DIR"));
    let args = ["plan", "-w", &path, "--format", "json", "--at", "2026-11-22", "--prices", &prices];
    let on = |mut command: std::process::Command| {
        let run = command.args(args).env("FAREBOX_NO_CONFIG", "1").output().unwrap();
        assert!(!run.stdout.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    };
    let binary = env!("CARGO_BIN_EXE_farebox");
    let mut one = std::process::Command::new("taskset");
    one.args(["-c", "0", binary]);
    assert_eq!(on(one), on(std::process::Command::new(binary)));
}

#[test]
fn a_plan_over_its_budget_exits_with_one() {
    let yaml = "version: 1\nstart: 2027-01-01\nmonths: 2\nbudget: {total: 80 USD}\nfeatures: {f: {model: openai/gpt-4o-mini, prompt: 1_000_000, output: 0, calls: 10 per day}}\n";
    let (_dir, path) = written(yaml);
    ran(&path).code(1).says("the plan costs 88.5 USD, the budget is 80 USD");
    let (_dir, path) = written(&yaml.replace("total: 80", "total: 89"));
    ran(&path).code(0);
    let (_dir, path) = written(&yaml.replace("total: 80", "monthly: 43"));
    ran(&path).code(1).says("not kept in 1 months, first in 2027-01");
}

/// 1.03 to the 23rd has 46 digits; the amounts are rounded once, at 12. The growth of a range is the mean over its draws:
/// E (1 + g)² = 1.2 + 0.01 + var for 0..10%..20%, with the variance 0.01 ÷ 6.
#[test]
fn growth_is_not_rounded_on_the_way() {
    let json = mini("prompt: 1_000_000, output: 0, calls: 10 per month, growth: 3%", "months: 24\n");
    let rows = json["rows"].as_array().unwrap();
    let want = dec!(1.5) * (0..23).fold(Decimal::ONE, |product, _| product * dec!(1.03));
    assert_eq!(number(&rows[23]["expected_usd"]), want.round_dp(12).normalize());
    let json = mini("prompt: 1_000_000, output: 0, calls: 10 per month, growth: 0%..10%..20%", "months: 3\n");
    let third = number(&json["rows"][2]["features"][0]["expected_usd"]);
    near(third, dec!(1.5) * (dec!(1.21) + dec!(0.01) / dec!(6)), BILLIONTH);
    assert_eq!(json["total"]["expected_basis"], "closed-form");
}

#[test]
fn every_stored_case_is_used() {
    let source = include_str!("planning.rs");
    for entry in std::fs::read_dir(Path::new(DATA).join("faults")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // The card says how long a prompt must be to be cached; that case is with the cards.
        assert!(source.contains(&name) || name.starts_with("b11"), "{name}");
    }
}
