//! `farebox prices watch`: bills before and after each price change, worked out by hand from a price file of the test's own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Farebox, farebox};
use serde_json::{Value, json};

/// Dollars per million tokens. `one` changes on 2026-11-01 and 2027-01-01 and retires on 2027-02-01; `latest` is another
/// name of it until 2026-12-15 and of `two` after that; the region `eu` costs a tenth more, and a fifth more from 2026-12-01 on.
const PRICES: &str = r#"schema: 1
provider: acme
multipliers: [{when: {region: eu}, factor: "1.1", to: 2026-12-01}, {when: {region: eu}, factor: "1.2", from: 2026-12-01}]
models:
  - id: one
    retired: 2027-02-01
    replacement: two
    aliases: [{id: latest, to: 2026-12-15}]
    prices:
      - {from: 2025-01-01, to: 2026-11-01, rates: {input: "1", output: "4"}, variants: [{when: {processing: batch}, rates: {input: "0.5", output: "2"}}]}
      - {from: 2026-11-01, to: 2027-01-01, rates: {input: "2", output: "4"}, variants: [{when: {processing: batch}, rates: {input: "1", output: "2"}}]}
      - {from: 2027-01-01, rates: {input: "2", output: "3"}, variants: [{when: {processing: batch}, rates: {input: "1", output: "2"}}]}
  - id: two
    aliases: [{id: latest, from: 2026-12-15}]
    prices: [{from: 2025-01-01, rates: {input: "3", output: "6"}}]
  - id: gone
    retired: 2026-01-01
    prices: [{from: 2025-01-01, rates: {input: "1", output: "1"}}]
"#;

/// Three months of 31, 31 and 28 days, so that the average month has 30: 30,000 calls of 1,000 and 500 tokens.
fn workload(model: &str) -> String {
    format!(
        "version: 1\nname: Shop\nstart: 2026-12-01\nmonths: 3\nfeatures:\n  chat: {{model: {model}, calls: 1000/day, prompt: 1000, output: 500}}\n"
    )
}

struct Shop(tempfile::TempDir);

impl Shop {
    fn new(model: &str) -> Shop {
        let shop = Shop(tempfile::tempdir().unwrap());
        shop.write("prices.yaml", PRICES);
        shop.write("farebox.yaml", &workload(model));
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn watch(&self, args: &[&str]) -> Farebox {
        let all = ["prices", "watch", "--at", "2026-11-22", "--prices", "prices.yaml"];
        farebox(all.into_iter().chain(args.iter().copied())).dir(self.0.path())
    }

    fn json(&self, args: &[&str]) -> Value {
        self.watch(args).args(["--format", "json", "-q"]).run().code(0).json()
    }
}

/// Date, event, bill before, bill after, and the change in percent.
fn steps(report: &Value) -> Vec<[String; 5]> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let step =
        |row: &Value| ["date", "event", "before_usd", "after_usd", "change_percent"].map(|field| text(&row[field]));
    report["rows"].as_array().unwrap().iter().map(step).collect()
}

#[test]
fn a_plan_has_a_bill_before_and_after_each_change() {
    let report = Shop::new("acme/one").json(&[]);
    // A call costs 0.001 + 0.002, then 0.002 + 0.002, then 0.002 + 0.0015, and on the replacement 0.003 + 0.003.
    let want = [
        ["2026-11-01", "price", "90", "120", "33.33"],
        ["2027-01-01", "price", "120", "105", "-12.5"],
        ["2027-02-01", "retires", "105", "180", "71.43"],
    ];
    assert_eq!(steps(&report), want.map(|row| row.map(str::to_owned)));
    let rows = &report["rows"];
    let scheduled: Vec<bool> = (0..3).map(|i| rows[i]["scheduled"].as_bool().unwrap()).collect();
    assert_eq!(scheduled, [false, true, true]);
    assert_eq!(rows[2]["instead"], "acme/two");
    let batch = json!({"when": "processing=batch", "meter": "input", "old": "0.5", "new": "1"});
    assert_eq!(rows[0]["changes"], json!([{"when": "", "meter": "input", "old": "1", "new": "2"}, batch]));
    let head =
        ["bill", "since", "until", "before_usd", "after_usd", "change_percent"].map(|field| report[field].clone());
    assert_eq!(Value::from(head.to_vec()), json!(["month", "2026-10-23", null, "90", "180", "100"]));
    // The factor for a region that the workload does not state.
    assert_eq!(report["untouched"], 1);
}

#[test]
fn only_changes_of_the_span_count() {
    let shop = Shop::new("acme/one");
    // A version of the table stands for its day.
    let since_version = shop.json(&["--since", "2026.11.22", "--until", "2027-01-15"]);
    assert_eq!(steps(&since_version), [["2027-01-01", "price", "120", "105", "-12.5"].map(str::to_owned)]);
    let past = shop.json(&["--since", "2026-10-01", "--until", "2026-11-01"]);
    assert_eq!(steps(&past), [["2026-11-01", "price", "90", "120", "33.33"].map(str::to_owned)]);
    assert_eq!(steps(&shop.json(&["--since", "2026-11-02", "--until", "2026-12-31"])), Vec::<[String; 5]>::new());
    shop.watch(&["--since", "2027-01-01", "--until", "2026-01-01"]).run().code(2).says("nothing lies between");
    shop.watch(&["--since", "yesterday"]).run().code(2).says("\"yesterday\" is not a date");
}

#[test]
fn a_gate_fails_on_a_rise_and_warns_of_a_retirement() {
    let shop = Shop::new("acme/one");
    let ran = shop.watch(&["--fail-over", "5%"]).run().code(1).says("the bill rises by 100%, more than 5%");
    assert!(ran.stdout.contains("retires; use acme/two"), "{}", ran.stdout);
    shop.watch(&["--fail-over", "100"]).run().code(4).says("acme/one retires on 2027-02-01");
    // 90 → 120 → 105 is a rise of 16.67 %.
    shop.watch(&["--fail-over", "16.6%", "--until", "2027-01-15"]).run().code(1);
    shop.watch(&["--fail-over", "16.7%", "--until", "2027-01-15"]).run().code(0);
    shop.watch(&["--fail-over", "-1"]).run().code(2);
    shop.watch(&["--fail-over", "many"]).run().code(2).says("write a percentage such as 5%");
}

#[test]
fn a_name_that_moves_is_a_change_of_the_bill() {
    let report = Shop::new("acme/latest").json(&[]);
    let want = [["2026-11-01", "price", "90", "120", "33.33"], ["2026-12-15", "moves", "120", "180", "50"]];
    assert_eq!(steps(&report), want.map(|row| row.map(str::to_owned)));
    assert_eq!(report["rows"][1]["instead"], "acme/two");
}

#[test]
fn a_model_that_has_retired_already_is_said() {
    let ran = Shop::new("acme/gone").watch(&[]).run().code(0);
    assert!(ran.stdout.contains("acme/gone was retired on 2026-01-01; no replacement is named"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Nothing to show."), "{}", ran.stdout);
}

#[test]
fn a_factor_that_follows_another_is_a_change() {
    let shop = Shop::new("acme/two");
    let eu = workload("acme/two").replace("output: 500}", "output: 500, with: {region: eu}}");
    shop.write("farebox.yaml", &eu);
    let report = shop.json(&[]);
    assert_eq!(steps(&report), [["2026-12-01", "price", "198", "216", "9.09"].map(str::to_owned)]);
    let change = json!([{"when": "region=eu", "meter": null, "old": "× 1.1", "new": "× 1.2"}]);
    assert_eq!(report["rows"][0]["changes"], change);
}

/// The older table has 1.5 for the input that costs 2 since 2026-11-01, another model behind `latest`, and no `two`.
const OLDER: &str = r#"schema: 1
provider: acme
sources: {page: {url: "https://acme.example", checked: 2026-09-01, evidence: documented}}
multipliers: [{when: {region: eu}, factor: "1.05", from: 2026-01-01}]
models:
  - id: one
    aliases: [latest]
    prices: [{from: 2025-01-01, source: page, rates: {input: "1.5", output: "4"}}]
"#;

#[test]
fn an_older_table_is_where_a_watch_can_begin() {
    let shop = Shop::new("acme/one");
    std::fs::create_dir(shop.path("older")).unwrap();
    shop.write("older/acme.yaml", OLDER);
    shop.write("older/table.yaml", "version: 2026.09.01\n");
    let report = shop.json(&["--since", "older"]);
    // A call costs 0.0015 + 0.002 in the older table, 0.002 + 0.002 in this one, and then what is scheduled.
    let want = [
        ["2026-11-01", "price", "105", "120", "14.29"],
        ["2027-01-01", "price", "120", "105", "-12.5"],
        ["2027-02-01", "retires", "105", "180", "71.43"],
    ];
    assert_eq!(steps(&report), want.map(|row| row.map(str::to_owned)));
    assert_eq!(report["older"]["version"], "2026.09.01");
    let changes = report["rows"][0]["changes"].as_array().unwrap();
    assert_eq!(changes[0], json!({"when": "", "meter": "input", "old": "1.5", "new": "2"}));
    // The same of usage.
    shop.write("a.jsonl", &record("one", 30_000_000, 15_000_000, &json!({})));
    assert_eq!(steps(&shop.json(&["--since", "older", "--usage", "a.jsonl"])), steps(&report));
    // A price file is laid over the table.
    shop.write("old.yaml", &OLDER.replace("sources: {page", "names: [acme-inc]\nsources: {page"));
    assert_eq!(steps(&shop.json(&["--since", "old.yaml"])), steps(&report));
    let said = shop.watch(&["--since", "older"]).run().code(0).stdout;
    assert!(said.contains("price changes since the table of older (2026.09.01)"), "{said}");
    shop.watch(&["--since", "older", "--fail-over", "50"]).run().code(1);
}

#[test]
fn a_name_and_a_factor_that_an_older_table_has_otherwise_are_changes() {
    let shop = Shop::new("acme/latest");
    std::fs::create_dir(shop.path("older")).unwrap();
    shop.write("older/acme.yaml", &OLDER.replace("    aliases: [latest]\n", "").replace("  - id: one", "  - id: zero\n    aliases: [latest]\n    prices: [{from: 2025-01-01, source: page, rates: {input: \"6\", output: \"4\"}}]\n  - id: one"));
    let moved = shop.json(&["--since", "older", "--until", "2026-12-01"]);
    // 0.006 + 0.002 and then 0.002 + 0.002.
    assert_eq!(steps(&moved)[0][1..], ["moves", "240", "120", "-50"].map(str::to_owned));
    assert_eq!(moved["rows"][0]["instead"], "acme/one");
    let eu = workload("acme/one").replace("output: 500}", "output: 500, with: {region: eu}}");
    shop.write("farebox.yaml", &eu);
    let factor = shop.json(&["--since", "older", "--until", "2026-11-30"]);
    // 105 × 1.05 and 120 × 1.1.
    assert_eq!(steps(&factor)[0][2..4], ["110.25", "132"].map(str::to_owned));
    let all = factor["rows"][0]["changes"].as_array().unwrap();
    assert!(all.contains(&json!({"when": "region=eu", "meter": null, "old": "× 1.05", "new": "× 1.1"})), "{all:?}");
}

#[test]
fn what_an_older_table_does_not_have_is_in_no_bill_and_is_said() {
    let shop = Shop::new("acme/two");
    std::fs::create_dir(shop.path("older")).unwrap();
    shop.write("older/acme.yaml", OLDER);
    shop.watch(&["--since", "older"]).run().code(2).says("nothing of the workload has a price");
    let both = [record("one", 1_000_000, 0, &json!({})), record("two", 1_000_000, 0, &json!({}))].concat();
    shop.write("u.jsonl", &both);
    let report = shop.json(&["--since", "older", "--usage", "u.jsonl", "--until", "2026-12-01"]);
    assert_eq!(
        (&report["unpriced"], &report["before_usd"], &report["after_usd"]),
        (&json!(1), &json!("1.5"), &json!("2"))
    );
    shop.watch(&["--since", "older", "--usage", "u.jsonl"]).run().says("acme/two is not in the older table, older");
    shop.watch(&["--since", "no-such-folder"]).run().code(2).says("the path of older price files");
}

/// The first price of `old` is known from 2026-08-01 on, and changes on 2026-11-01; before that day it is assumed.
#[test]
fn an_assumed_price_is_marked_in_rows_csv_and_json() {
    let shop = Shop::new("acme/old");
    let prices = r#"schema: 1
provider: acme
sources: {page: {url: "https://acme.example", checked: 2026-11-02, evidence: reported}}
models:
  - id: old
    prices:
      - {first_seen: 2026-08-01, to: 2026-11-01, source: page, rates: {input: "1", output: "4"}}
      - {from: 2026-11-01, source: page, rates: {input: "2", output: "4"}}
"#;
    shop.write("prices.yaml", prices);
    let report = shop.json(&["--since", "2026-07-01"]);
    assert_eq!(steps(&report), [["2026-11-01", "price", "90", "120", "33.33"].map(str::to_owned)]);
    assert_eq!(
        (&report["rows"][0]["old_assumed_before"], &report["rows"][0]["new_assumed_before"]),
        (&json!("2026-08-01"), &Value::Null)
    );
    let people = shop.watch(&["--since", "2026-07-01"]).run().code(0).stdout;
    assert!(people.contains("old assumed before") && people.contains("2026-08-01"), "{people}");
    assert!(
        people.contains(
            "The first bill has an assumed price: the first evidence of that of acme/old is from 2026-08-01."
        ),
        "{people}"
    );
    let csv = shop.watch(&["--since", "2026-07-01", "--format", "csv"]).run().code(0).stdout;
    assert!(csv.lines().next().unwrap().ends_with("old_assumed_before,new_assumed_before"), "{csv}");
    assert!(csv.lines().nth(1).unwrap().ends_with(",2026-08-01,"), "{csv}");
    // From a day with evidence on, nothing is marked.
    let known = shop.watch(&["--since", "2026-08-02"]).run().code(0).stdout;
    assert!(!known.contains("assumed"), "{known}");
}

fn record(model: &str, input: u64, output: u64, context: &Value) -> String {
    let usage = json!({"input_tokens": input, "output_tokens": output});
    let record = json!({"provider": "acme", "model": model, "timestamp": "2026-10-05T12:00:00Z", "usage": usage, "context": context});
    format!("{record}\n")
}

#[test]
fn usage_has_the_same_bills_as_a_plan_of_the_same_quantities() {
    let shop = Shop::new("acme/one");
    // 30,000 calls of 1,000 and 500 tokens, over two files; half a million of them in a batch are apart.
    shop.write("a.jsonl", &record("one", 20_000_000, 10_000_000, &json!({})));
    shop.write("b.jsonl", &record("one", 10_000_000, 5_000_000, &json!({})));
    let usage = ["--usage", "a.jsonl", "--usage", "b.jsonl"];
    let report = shop.json(&usage);
    let plan = shop.json(&[]);
    assert_eq!(steps(&report), steps(&plan));
    assert_eq!((&report["bill"], &report["unpriced"]), (&json!("usage"), &json!(0)));
    // A batch costs 0.5 and 2, then 1 and 2.
    shop.write("b.jsonl", &record("one", 10_000_000, 5_000_000, &json!({"processing": "batch"})));
    let batch = shop.json(&[&usage[..], &["--until", "2026-11-30"]].concat());
    // 20 + 40 and 5 + 10, then 40 + 40 and 10 + 10.
    assert_eq!(steps(&batch), [["2026-11-01", "price", "75", "100", "33.33"].map(str::to_owned)]);
    // What was used in another month is left out.
    let other = shop.json(&[&usage[..], &["--used-since", "2026-11-01"]].concat());
    assert_eq!((&other["before_usd"], steps(&other).len()), (&json!("0"), 0));
}

#[test]
fn a_record_without_a_price_is_in_no_bill() {
    let shop = Shop::new("acme/one");
    let records = [record("one", 1_000_000, 0, &json!({})), record("unheard-of", 1_000_000, 0, &json!({}))].concat();
    shop.write("u.jsonl", &records);
    let report = shop.json(&["--usage", "u.jsonl"]);
    assert_eq!(
        (&report["unpriced"], &report["before_usd"], &report["after_usd"]),
        (&json!(1), &json!("1"), &json!("3"))
    );
    shop.watch(&["--usage", "u.jsonl", "--strict"]).run().code(3);
    shop.watch(&["--usage", "u.jsonl", "-w", "farebox.yaml"]).run().code(2);
    // A record of our own with a count that nobody knows is refused; that of a provider is priced without it.
    let usage = json!({"prompt_tokens": 1_000_000, "completion_tokens": 0, "zorkmid_tokens": 7});
    let created = 1_792_000_000;
    let unread = json!({"object": "chat.completion", "created": created, "model": "acme/one", "usage": usage});
    shop.write("unread.jsonl", &unread.to_string());
    shop.watch(&["--usage", "unread.jsonl"]).run().says("unread: usage.zorkmid_tokens is 7");
    shop.watch(&["--usage", "unread.jsonl", "--strict"]).run().code(3);
    shop.watch(&["--usage", "nowhere.jsonl"]).run().code(5);
}

/// A file as RFC 5545 wants it: lines end in CR and LF, have at most 75 octets, and what is folded goes on behind a space.
fn properties(text: &str) -> Vec<(String, String)> {
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
    assert!(text.split("\r\n").all(|line| line.len() <= 75));
    let unfolded = text.replace("\r\n ", "");
    let property = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    unfolded.split("\r\n").filter(|line| !line.is_empty()).map(property).collect()
}

#[test]
fn what_is_scheduled_is_a_calendar_that_does_not_depend_on_the_clock() {
    let shop = Shop::new("acme/one");
    let ics = |name: &str, now: &str| {
        shop.watch(&["--ics", name]).env("FAREBOX_NOW", now).run().code(0);
        std::fs::read_to_string(shop.path(name)).unwrap()
    };
    let text = ics("a.ics", "2026-11-22T12:00:00Z");
    assert_eq!(text, ics("b.ics", "2028-03-04T05:06:07Z"));
    let properties = properties(&text);
    let all = |name: &str| -> Vec<&str> {
        properties.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(all("BEGIN"), ["VCALENDAR", "VEVENT", "VEVENT", "VEVENT"]);
    assert_eq!(all("END"), ["VEVENT", "VEVENT", "VEVENT", "VCALENDAR"]);
    assert_eq!(all("DTSTART;VALUE=DATE"), ["20261201", "20270101", "20270201"]);
    assert_eq!(all("DTEND;VALUE=DATE"), ["20261202", "20270102", "20270202"]);
    assert_eq!(all("UID").into_iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(all("SUMMARY")[1..], ["acme/one: output 4 → 3", "acme/one: retires\\; use acme/two"]);
    assert_eq!((all("VERSION"), all("DTSTAMP").len()), (vec!["2.0"], 3));
}

#[test]
fn a_calendar_that_cannot_be_written_is_an_error() {
    let shop = Shop::new("acme/one");
    let ran = shop.watch(&["--ics", "nowhere/a.ics"]).run().code(5);
    assert!(ran.stderr.contains("nowhere") && ran.stdout.is_empty(), "{}", ran.stderr);
    assert!(!Path::new(&shop.path("nowhere")).exists());
}

#[test]
fn a_narrow_table_still_has_every_bill() {
    let shop = Shop::new("acme/one");
    let table = shop.watch(&[]).run().code(0).stdout;
    for bill in ["$90.00", "$120.00", "$105.00", "$180.00", "+100.0%"] {
        assert!(table.contains(bill), "{bill} is not in\n{table}");
    }
    assert!(table.lines().take_while(|line| !line.is_empty()).all(|line| line.chars().count() <= 100), "{table}");
}
