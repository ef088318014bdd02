//! Money in a currency whose rate changes within the plan: every output converts each day at its rate, as the plan does.
//!
//! acme/large costs 2 in and 10 out for a million tokens, acme/small half of that. 1,000 calls a day with 1,000 tokens and
//! answers of 200 are 4 dollars a day on acme/large; 15 days at 1.00 and 16 at 0.50 are 60 + 32 = 92 EUR, of 124 dollars.

use std::fs;

use rust_decimal::{Decimal, dec};
use serde_json::Value;

use crate::support::{Ran, farebox};

const PRICES: &str = "schema: 1
provider: acme
name: Acme
models:
  - {id: large, prices: [{from: 2026-01-01, rates: {input: \"2\", output: \"10\"}}]}
  - {id: small, prices: [{from: 2026-01-01, rates: {input: \"1\", output: \"5\"}}]}
";

const PLAN: &str = "version: 1
name: Dated
start: 2027-01-01
months: 1
CURRENCY
exchange: {EUR: [{to: 2027-01-16, per_usd: \"1\"}, {from: 2027-01-16, per_usd: \"0.5\"}]}
MORE
features:
  a: {model: acme/large, prompt: 1000, output: 100..200..300, calls: 1000 per day, choose: {models: [acme/*]}}
";

struct Desk(tempfile::TempDir);

impl Desk {
    /// A plan in euros, with more lines.
    fn in_euros(more: &str) -> Desk {
        Desk::with("currency: EUR", more)
    }

    fn with(currency: &str, more: &str) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
        fs::write(dir.path().join("farebox.yaml"), PLAN.replace("CURRENCY", currency).replace("MORE", more)).unwrap();
        Desk(dir)
    }

    fn run(&self, args: &[&str]) -> Ran {
        let all = [args, &["--at", "2026-11-22", "--prices", "prices.yaml"]].concat();
        farebox(all).dir(self.0.path()).run()
    }

    fn says(&self, args: &[&str], texts: &[&str]) {
        let shown = self.run(args).code(0).stdout;
        for text in texts {
            assert!(shown.contains(text), "{args:?} does not say {text}:\n{shown}");
        }
    }
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

/// Answers of 100 are 3 dollars a day, 45 + 24 = 69 EUR; of 300 are 5, 75 + 40 = 115 EUR.
#[test]
fn what_drives_a_plan_and_its_pictures() {
    let desk = Desk::in_euros("budget: 100 EUR");
    desk.says(&["plan"], &["92.00 EUR expected", "69.00 EUR", "115.00 EUR"]);
    let page = desk.run(&["plan", "--format", "html"]).code(0).stdout;
    for (amount, is_there) in [("92.00 EUR", true), ("69.00 EUR", true), ("124.00 EUR", false), ("93.00 EUR", false)] {
        assert_eq!(page.contains(amount), is_there, "{amount}");
    }
}

/// Half of it on acme/small.
#[test]
fn the_cheapest_assignment() {
    let desk = Desk::in_euros("");
    desk.says(
        &["optimise"],
        &[
            "from 92.00 EUR to 46.00 EUR: 46.00 EUR less (−50%)",
            "too expensive by 46.00 EUR",
            "use acme/small  46.00 EUR",
        ],
    );
    let json = desk.run(&["optimise", "--format", "json"]).code(0).json();
    assert_eq!((&json["before_usd"], &json["after_usd"]), (&"124".into(), &"62".into()));
}

/// A machine for 1 EUR an hour costs 730.50 EUR a month, whatever a dollar is: 730.50 × 15 ÷ 31 + 1,461 × 16 ÷ 31 dollars.
#[test]
fn hosting_against_the_api() {
    let args = ["break-even", "--gpu-hour", "1EUR", "--tokens-per-second", "100"];
    let desk = Desk::in_euros("");
    desk.says(&args, &["730.50 EUR a month", "2027-01  92.00 EUR"]);
    let json = desk.run(&[&args[..], &["--format", "json"]].concat()).code(0).json();
    assert_eq!(json["rows"][0]["api_usd"], "124");
    let want = dec!(730.5) * (dec!(15) + dec!(32)) / dec!(31);
    assert!((decimal(&json["rows"][0]["hosting_usd"]) - want).abs() < dec!(0.000000001), "{json:#}");
}

/// In the average month, against rules, and why it changed: with answers of 200 and 400, 4 and 6 dollars a day.
#[test]
fn a_check() {
    let rules = |limit: &str| format!("check: {{rules: {{max-total: {limit} EUR, max-feature: {limit} EUR}}}}");
    let held = Desk::in_euros(&rules("93")).run(&["check", "--base", "none", "--format", "json"]).code(0).json();
    assert_eq!((decimal(&held["monthly"]), decimal(&held["total"])), (dec!(92), dec!(92)));
    let broken = Desk::in_euros(&rules("91")).run(&["check", "--base", "none"]).code(1);
    for text in ["the plan costs 92.00 EUR, more than 91.00 EUR", "a costs 92.00 EUR, more than 91.00 EUR"] {
        assert!(broken.stdout.contains(text), "{}", broken.stdout);
    }
    // A rule in dollars of a plan in euros, and the other way round.
    let other = Desk::in_euros("check: {rules: {max-total: 123 USD}}").run(&["check", "--base", "none"]).code(1);
    assert!(other.stdout.contains("the plan costs $124.00, more than $123.00"), "{}", other.stdout);
    let other = Desk::with("", "check: {rules: {max-total: 91 EUR}}").run(&["check", "--base", "none"]).code(1);
    assert!(other.stdout.contains("the plan costs 92.00 EUR, more than 91.00 EUR"), "{}", other.stdout);
}

/// A rate that changes later in the month is a change of the exchange rate: 92 EUR become 15 × 4 + 16 × 4 × 0.75 = 108.
#[test]
fn a_later_rate_is_told_apart_from_what_is_used() {
    let desk = Desk::in_euros("");
    let higher = |text: &str| text.replace("\"0.5\"", "\"0.75\"").replace("calls: 1000", "calls: 2000");
    let json = checked(&desk, higher).code(0).json();
    assert_eq!((decimal(&json["base_monthly"]), decimal(&json["monthly"])), (dec!(92), dec!(216)));
    let part = |factor: &str| {
        let parts = json["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["factor"] == factor).unwrap_or_else(|| panic!("{json:#}"));
        (decimal(&part["amount"]), part["what"].as_str().unwrap().to_owned())
    };
    // Calls: ((184 − 92) + (216 − 108)) ÷ 2; exchange rate: ((108 − 92) + (216 − 184)) ÷ 2.
    assert_eq!(part("calls").0, dec!(100));
    assert_eq!(part("exchange"), (dec!(24), "0.5 → 0.75".to_owned()));
}

/// A currency that only a flag names is converted by the day as well, within months too.
#[test]
fn a_currency_that_only_a_flag_names() {
    let desk = Desk::with("", "");
    desk.says(&["plan", "--currency", "EUR"], &["92.00 EUR expected"]);
    desk.says(&["optimise", "--currency", "EUR"], &["from 92.00 EUR to 46.00 EUR"]);
    desk.says(&["check", "--base", "none", "--currency", "EUR"], &["92.00 EUR"]);
    let compare = ["compare", "-w", "farebox.yaml", "-m", "acme/large", "-m", "acme/small", "--currency", "EUR"];
    // Prompts are half of both, and answers are.
    desk.says(&compare, &["92.00 EUR", "46.00 EUR", "(+23.00 EUR)"]);
}

/// A plan of half a month needs a machine for half a month, and has the calls of half a month.
#[test]
fn hosting_for_a_part_of_a_month() {
    let desk = Desk::with("", "");
    let path = desk.0.path().join("farebox.yaml");
    let text = fs::read_to_string(&path).unwrap();
    // 16 January to 15 February: 16 days of the one month and 15 of the other.
    fs::write(&path, text.replace("2027-01-01", "2027-01-16")).unwrap();
    let args = ["break-even", "--gpu-hour", "1USD", "--tokens-per-second", "100", "--format", "json"];
    let json = desk.run(&args).code(0).json();
    let months = json["rows"].as_array().unwrap();
    for (row, share) in months.iter().zip([dec!(16) / dec!(31), dec!(15) / dec!(28)]) {
        let off = decimal(&row["hosting_usd"]) - dec!(730.5) * share;
        assert!(off.abs() < dec!(0.000000001), "{json:#}");
    }
    assert_eq!((months.len(), decimal(&json["calls_a_month"])), (2, dec!(31000)));
    assert_eq!((decimal(&months[0]["api_usd"]), decimal(&months[1]["api_usd"])), (dec!(64), dec!(60)));
}

/// 124 dollars are 92 EUR on both sides, whatever currency the check or a rule looks at.
#[test]
fn what_did_not_change_grows_in_no_currency() {
    let rules = "check: {rules: {max-growth: 1 EUR, max-feature-growth: 1 EUR}}";
    let desk = Desk::with("currency: USD", rules);
    desk.run(&["check", "--write-baseline", "base.json"]).code(0);
    for shown in [&[][..], &["--currency", "EUR"]] {
        let ran = desk.run(&[&["check", "--baseline", "base.json", "--format", "json"], shown].concat()).code(0);
        let json = ran.json();
        assert_eq!(json["findings"].as_array().map(Vec::len), Some(0), "{shown:?}: {json:#}");
    }
}

/// Every report that converts says at which rates it does, the later ones too.
#[test]
fn every_report_names_the_rates_of_later_days() {
    let desk = Desk::in_euros("");
    let rates = ["1 USD = 1 EUR on 2027-01-01", "From 2027-01-16 on, 1 USD = 0.5 EUR."];
    let hosting = ["break-even", "--gpu-hour", "1EUR", "--tokens-per-second", "100"];
    let reports: [&[&str]; 4] = [&["plan"], &["optimise"], &["compare", "-w", "farebox.yaml"], &hosting];
    for args in reports {
        desk.says(args, &rates);
        let dollars = desk.run(&[args, &["--currency", "USD"]].concat()).code(0).stdout;
        assert!(!dollars.contains("1 USD ="), "{dollars}");
    }
}

/// A check of a plan with other days and other rates than its base.
fn checked(desk: &Desk, change: impl Fn(&str) -> String) -> Ran {
    let git = |args: &[&str]| {
        let run = std::process::Command::new("git").args(args).current_dir(desk.0.path()).output().unwrap();
        assert!(run.status.success(), "{run:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "start"]);
    let path = desk.0.path().join("farebox.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(&text)).unwrap();
    desk.run(&["check", "--base", "HEAD", "--format", "json"])
}

/// The base costs 92 EUR in January and 28 × 4 × 0.5 = 56 in February, of which the head knows no rate: what is paid then
/// is told at the rate of the base, and never at the last one that the head knows.
#[test]
fn days_of_the_base_alone_are_converted_at_its_rates() {
    let desk = Desk::in_euros("");
    let path = desk.0.path().join("farebox.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("months: 1", "months: 2")).unwrap();
    let shorter = |text: &str| {
        let ends =
            text.replace("months: 2", "months: 1").replace("from: 2027-01-16,", "from: 2027-01-16, to: 2027-02-01,");
        ends.replace("\"0.5\"", "\"0.75\"")
    };
    let json = checked(&desk, shorter).code(0).json();
    assert_eq!((decimal(&json["base_monthly"]), decimal(&json["monthly"])), (dec!(74), dec!(108)));
    let parts = json["parts"].as_array().unwrap();
    let amount = |factor: &str| {
        let part = parts.iter().find(|part| part["factor"] == factor);
        part.map_or(Decimal::ZERO, |part| decimal(&part["amount"]))
    };
    // January alone costs 18 more than the average of both; at the rates of the head January costs 60 + 48, February
    // what it did. Fewer months: ((92 − 74) + (108 − 82)) ÷ 2; exchange rate: ((82 − 74) + (108 − 92)) ÷ 2.
    assert_eq!((amount("calls"), amount("exchange")), (dec!(22), dec!(12)));
}

/// No rate at all for a day of the base: an error that names the day, not the rate of another one.
#[test]
fn a_day_of_the_base_without_any_rate_is_an_error() {
    let desk = Desk::with("", "");
    let path = desk.0.path().join("farebox.yaml");
    let only_later = "exchange: {EUR: [{from: 2027-02-01, per_usd: \"0.5\"}]}";
    let text = fs::read_to_string(&path).unwrap();
    let exchange = text.lines().find(|line| line.starts_with("exchange")).unwrap().to_owned();
    fs::write(&path, text.replace(&exchange, only_later)).unwrap();
    let later =
        |text: &str| text.replace("2027-01-01", "2027-02-01").replace("name: Dated", "name: Dated\ncurrency: EUR");
    let ran = checked(&desk, later).code(2);
    ran.says("the base of the plan is in EUR, and no exchange rate of EUR holds on 2027-01-01")
        .says("from: 2027-01-01");
}

/// In the months between two plans nothing is paid, and no rate is needed.
#[test]
fn days_between_two_plans_need_no_rate() {
    let desk = Desk::in_euros("");
    let path = desk.0.path().join("farebox.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("from: 2027-01-16,", "from: 2027-01-16, to: 2027-02-01,")).unwrap();
    let later = |text: &str| {
        let exchange = text.lines().find(|line| line.starts_with("exchange")).unwrap().to_owned();
        let other = "exchange: {EUR: [{from: 2027-03-01, per_usd: \"0.25\"}]}";
        text.replace(&exchange, other).replace("start: 2027-01-01", "start: 2027-03-01")
    };
    let json = checked(&desk, later).code(0).json();
    // 31 days of March at 4 dollars, a quarter of a euro each.
    assert_eq!((decimal(&json["base_monthly"]), decimal(&json["monthly"])), (dec!(92), dec!(31)));
}
