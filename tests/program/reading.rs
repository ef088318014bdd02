//! What `farebox usage` makes of input that is broken, large or strange: every record that is whole counts, and everything
//! else is said with its line.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::support::{Ran, farebox};
use serde_json::Value;

/// A price of its own, so that no test depends on the bundled table: $1 for a million tokens read, $2 for one written.
const PRICES: &str = "schema: 1
provider: acme
models:
  - id: small
    prices: [{from: 2020-01-01, rates: {input: \"1\", output: \"2\"}}]
exchange:
  EUR: [{from: 2020-01-01, per_usd: \"0.86312345678912345\"}]
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("prices.yaml"), PRICES).unwrap();
        Folder(dir)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn usage(&self, path: &Path, args: &[&str]) -> Ran {
        let prices = self.0.path().join("prices.yaml");
        let fixed = ["usage", "--at", "2025-01-01", "--threads", "2", "--prices"];
        farebox(fixed).arg(prices).args(args.iter().copied()).arg(path).run()
    }

    fn usage_of(&self, name: &str, bytes: impl AsRef<[u8]>) -> Sum {
        let run = self.usage(&self.file(name, bytes), &["--format", "json"]);
        let sum = Sum::of(&run);
        // A file that was named and in which nothing was recognised is an error; a record whose counts cannot be is recognised.
        let recognised = sum.priced > 0 || run.json()["reasons"].get("invalid-usage").is_some();
        run.code(if recognised { 0 } else { 2 });
        sum
    }
}

/// What a run says about itself.
#[derive(Debug, PartialEq)]
struct Sum {
    priced: u64,
    unpriced: u64,
    usd: String,
}

impl Sum {
    fn of(run: &Ran) -> Self {
        let json = run.json();
        let count = |name: &str| json[name].as_u64().unwrap();
        Sum {
            priced: count("priced"),
            unpriced: count("unpriced"),
            usd: json["total_usd"].as_str().unwrap().to_owned(),
        }
    }
}

/// `priced` records of a dollar each, and others that are refused.
fn sum(priced: u64, unpriced: u64) -> Sum {
    Sum { priced, unpriced, usd: priced.to_string() }
}

/// A record of one dollar: a million tokens at $1.
const DOLLAR: &str = r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0}"#;

/// The same, broken in ways that leave the brackets whole.
const BROKEN: &[&str] = &[
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":1-1}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":01}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":"\q"}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":"\ud800"}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":1.}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":nul}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,,"output_tokens":0}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000 "output_tokens":0}"#,
    r#"{"provider":"acme","model":"small","input_tokens":1000000,"output_tokens":0,"x":[1,]}"#,
    "{\"provider\":\"acme\",\"model\":\"small\",\"input_tokens\":1000000,\"output_tokens\":0,\"x\":\"\t\"}",
];

#[test]
fn broken_json_is_never_priced_and_is_named_by_its_line() {
    let folder = Folder::new();
    let mut lines: Vec<Vec<u8>> = BROKEN.iter().map(|line| line.as_bytes().to_vec()).collect();
    lines.push(format!("{DOLLAR}x").into_bytes());
    lines.push([DOLLAR.strip_suffix('}').unwrap().as_bytes(), b",\"x\":\"\xff\"}"].concat());
    let text = lines.iter().flat_map(|line| [line, &b"\n"[..], DOLLAR.as_bytes(), b"\n"].concat()).collect::<Vec<u8>>();
    let path = folder.file("a.jsonl", text);
    let rows = folder.usage(&path, &["--format", "jsonl", "-q"]).code(0).json_lines();
    assert_eq!(rows.len(), 2 * lines.len());
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row["line"], place + 1);
        let want = if place % 2 == 0 { "invalid-record" } else { "priced" };
        assert_eq!(row["status"], want, "{row}");
    }
}

#[test]
fn one_bad_element_costs_one_record_and_not_its_list() {
    let folder = Folder::new();
    let missing = DOLLAR.strip_suffix('}').unwrap();
    let unclosed = DOLLAR.replace("\"small\"", "\"small");
    let nested = r#"{"x":01,"choices":[{"a":1},{"b":[{}]}],"model":"small"}"#;
    let bad: Vec<&str> = BROKEN.iter().copied().chain([missing, &unclosed, nested, "NaN", "'x'", "tru"]).collect();
    for bad in bad {
        for (open, between, close) in [
            ("[", ",", "]"),
            ("[\n", ",\n", "\n]\n"),
            ("  [ ", " , ", " ] "),
            ("{\"object\":\"list\",\"data\":[", ",", "],\"has_more\":false}"),
            ("{\"data\":[\n  ", ",\n  ", "\n]}\n"),
            ("{\"data\": [\n", ",\n", "\n]\n}\n"),
        ] {
            let list = |items: &[&str]| format!("{open}{}{close}", items.join(between));
            let found = folder.usage_of("list.json", list(&[DOLLAR, bad, DOLLAR, DOLLAR]));
            // How far a missing quotation mark reaches cannot be known: one more record may be lost, and is said.
            let is_unclosed = bad == unclosed && !between.contains('\n');
            assert!(found == sum(3, 1) || is_unclosed && found == sum(2, 1), "{bad}\n{open}: {found:?}");
            // The same twice, and a record behind them.
            if !is_unclosed {
                let list = list(&[bad, DOLLAR]);
                let text = format!("{}\n{}\n{DOLLAR}\n", list.trim_end(), list.trim_end());
                assert_eq!(folder.usage_of("lists.json", text), sum(3, 2), "{bad}\n{open}");
            }
        }
    }
}

#[test]
fn lists_say_what_is_wrong_between_their_elements() {
    let folder = Folder::new();
    for (list, want) in [
        (format!("[{DOLLAR},{DOLLAR},]"), sum(2, 1)),
        (format!("[{DOLLAR} {DOLLAR}]"), sum(2, 1)),
        (format!("[{DOLLAR},{DOLLAR}"), sum(2, 1)),
        (format!("[{DOLLAR},{}", &DOLLAR[..20]), sum(1, 1)),
        (format!("[{DOLLAR}] x"), sum(1, 1)),
        (format!("[{DOLLAR}]\n[{DOLLAR},{DOLLAR}]\n{DOLLAR}\n"), sum(4, 0)),
        (format!("{{\"data\":[{DOLLAR},{DOLLAR}"), sum(2, 1)),
        (format!("[INFO] started\n{DOLLAR}\n[]\n"), sum(1, 1)),
    ] {
        assert_eq!(folder.usage_of("list.json", &list), want, "{list}");
    }
    let text = format!("[\n{DOLLAR},\n{{\"x\":01}},\n{DOLLAR},\n\n{{\"y\":1-1}}\n]\n");
    let run = folder.usage(&folder.file("lines.json", text), &[]).code(0);
    assert!(run.stderr.contains("lines.json:3: ") && run.stderr.contains("lines.json:6: "), "{}", run.stderr);
}

/// A file of more than a record may be long, of which every record is short.
fn many(before: &str, record: &str, between: &str, after: &str) -> (String, u64) {
    let count = (33 << 20) / (record.len() + between.len()) + 1;
    let mut text = String::from(before);
    for place in 0..count {
        text.push_str(record);
        text.push_str(if place + 1 < count { between } else { after });
    }
    (text, count as u64)
}

/// Quadratic work on these would take hours. The forms that need no more than a chunk are tested at the chunks.
#[test]
fn large_texts_are_read_in_any_form() {
    let folder = Folder::new();
    let padded = format!("{},\"pad\":\"{}\"}}", DOLLAR.strip_suffix('}').unwrap(), "x".repeat(50_000));
    let (text, count) = many(" ", &padded, "\n ", "\n");
    assert_eq!(folder.usage_of("lines.jsonl", text), sum(count, 0), "lines that begin with a space");
    // One object with a list of records, and another record behind it.
    let paging = "],\"has_more\":false,\"next_page\":null}\n";
    let (text, count) = many("{\"object\":\"page\",\"data\":[", &padded, ",", paging);
    assert_eq!(folder.usage_of("page.json", format!("{text}{DOLLAR}\n")), sum(count + 1, 0));
}

#[test]
fn a_time_that_is_told_too_late_is_said() {
    let folder = Folder::new();
    let padded = format!("{},\"pad\":\"{}\"}}", DOLLAR.strip_suffix('}').unwrap(), "x".repeat(2_000_000));
    let (text, count) = many("{\"data\":[", &padded, ",", "],\"timestamp\":\"2024-01-01\"}");
    let run = folder.usage(&folder.file("late.json", text), &["--format", "json"]).code(0);
    assert_eq!(Sum::of(&run), sum(count, 1));
}

#[test]
fn a_record_that_is_too_long_is_skipped_to_its_end() {
    let folder = Folder::new();
    let long = format!("{{\"t\":[\"{}\"]}}", format!("{{\\\"]}}{}", "x".repeat(1 << 20)).repeat(33));
    for (open, between, close) in [("", "\n", "\n"), ("[", " , ", " ]")] {
        let text = format!("{open}{DOLLAR}{between}{long}{between}{DOLLAR}{close}");
        let run = folder.usage(&folder.file("long.json", &text), &["--format", "json"]).code(0);
        assert_eq!(Sum::of(&run), sum(2, 1), "{open}");
    }
}

#[test]
fn a_bucket_of_a_report_is_read_by_itself() {
    let folder = Folder::new();
    // $5 for a million tokens of gpt-4o on 2024-06-01 (pricing/openai), and $3 for one of claude-3-5-sonnet on 2024-11-01
    // (pricing/anthropic).
    let openai = r#"{"object":"bucket","start_time":1717200000,"end_time":1717286400,"results":[{"object":"organization.usage.completions.result","input_tokens":1000000,"output_tokens":0,"num_model_requests":2,"model":"gpt-4o-2024-05-13"},5]}"#;
    let anthropic = r#"{"starting_at":"2024-11-01T00:00:00Z","ending_at":"2024-11-02T00:00:00Z","results":[{"uncached_input_tokens":1000000,"output_tokens":0,"model":"claude-3-5-sonnet-20241022"}]}"#;
    for (bucket, usd, unpriced) in [(openai, "5", 1), (anthropic, "3", 0)] {
        let want = Sum { priced: 1, unpriced, usd: usd.into() };
        assert_eq!(folder.usage_of("bucket.json", bucket), want, "{bucket}");
        assert_eq!(
            folder.usage_of("page.json", format!("{{\"data\":[{bucket}],\"has_more\":false}}")),
            want,
            "{bucket}"
        );
    }
    let costs = r#"{"object":"bucket","start_time":1717200000,"end_time":1717286400,"results":[{"object":"organization.costs.result","amount":{"value":0.06,"currency":"usd"},"line_item":"gpt-4o, input"}]}"#;
    let run = folder.usage(&folder.file("costs.json", costs), &["--format", "json"]).code(0);
    assert_eq!(run.json()["rows"][0]["charged_usd"], "0.06");
    let other = r#"{"results":[{"foo":1},{"foo":2}]}"#;
    assert_eq!(folder.usage_of("other.json", other), sum(0, 2), "what is not known is said");
    let empty = folder.usage(&folder.file("empty.json", r#"{"data":[],"has_more":false}"#), &[]);
    drop(empty.code(2).says("it holds no usage"));
    let forced = folder.usage(&folder.file("forced.json", r#"{"foo":1}"#), &["--from", "openai-usage"]);
    drop(forced.code(2).says("neither a page of a report"));
}

#[test]
fn labels_of_any_characters_keep_their_columns() {
    let folder = Folder::new();
    let record = |project: &str, session: &str| {
        let (project, session) = (Value::from(project), Value::from(session));
        format!("{},\"project\":{project},\"session\":{session}}}\n", DOLLAR.strip_suffix('}').unwrap())
    };
    let text = record("a\u{1f}b", "c") + &record("a", "b\u{1f}c") + &record("\u{1}x\u{1f}\u{1f}", "\u{1f}");
    let run =
        folder.usage(&folder.file("a.jsonl", text), &["--by", "project,session", "--format", "csv", "-q"]).code(0);
    let mut csv = csv::Reader::from_reader(run.stdout.as_bytes());
    let head = csv.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3, "{}", run.stdout);
    assert!(rows.iter().all(|row| row.len() == head.len()), "{}", run.stdout);
    let usd = head.iter().position(|name| name == "total_usd").unwrap();
    assert!(rows.iter().all(|row| &row[usd] == "1"), "{}", run.stdout);
    let of = |row: &csv::StringRecord| (row[0].to_owned(), row[1].to_owned());
    assert_eq!(rows.iter().filter(|row| of(row) == of(&rows[0])).count(), 1, "two groups stay two: {}", run.stdout);
}

const HEAD: &str = "provider,model,input_tokens,project\n";

#[test]
fn a_quotation_mark_that_is_missing_hides_no_rows() {
    let folder = Folder::new();
    let row = "acme,small,1000000,p\n";
    for (text, want) in [
        (format!("{HEAD}{row}acme,small,1000000,\"p\n{row}{row}"), sum(3, 1)),
        (format!("{HEAD}{row}acme,small,1000000,\"p\n{row}acme,small,1000000,\"q\"\n{row}"), sum(4, 1)),
        (format!("{HEAD}{row}acme,\"small,1000000,p\nacme,small,1000000,\",\"\n{row}"), sum(3, 1)),
        (format!("{HEAD}acme,small,1000000,\"two\nlines, \"\"said\"\"\"\n{row}"), sum(2, 0)),
    ] {
        assert_eq!(folder.usage_of("a.csv", &text), want, "{text}");
    }
    let text = format!("{HEAD}{row}acme,small,1000000,\"p\n{row}");
    let run = folder.usage(&folder.file("a.csv", text), &[]).code(0);
    assert!(run.stderr.contains("a.csv:3: invalid-record: a quotation mark"), "{}", run.stderr);
    // More than a row may be long behind it, without another quotation mark.
    let rows = 33 * (1 << 20) / 2_000;
    let padded = format!("acme,small,1000000,{}\n", "p".repeat(2_000));
    let text = format!("{HEAD}acme,small,1000000,\"p\n{}", padded.repeat(rows));
    assert_eq!(folder.usage_of("large.csv", text), sum(rows as u64, 1));
}

#[test]
fn a_table_with_too_many_columns_is_an_error() {
    let folder = Folder::new();
    let wide = |columns: usize| {
        let names: String = (0..columns).map(|i| format!(",c{i}")).collect();
        format!("provider,model,input_tokens{names}\nacme,small,1000000{}\n", ",".repeat(columns))
    };
    assert_eq!(folder.usage_of("wide.csv", wide(16_000)), sum(1, 0));
    let run = folder.usage(&folder.file("wider.csv", wide(300_000)), &[]).code(2);
    assert!(run.stderr.contains("more than 16384 cells"), "{}", run.stderr);
}

#[test]
fn numbers_that_read_differently_elsewhere_are_refused() {
    let folder = Folder::new();
    for (number, want) in [
        ("1000000", sum(1, 0)),
        ("1000000.0", sum(1, 0)),
        ("1.000.000", sum(0, 1)),
        ("1.000", sum(0, 1)),
        ("1,5", sum(0, 1)),
        ("1000000,0", sum(0, 1)),
        ("1'000'000", sum(1, 0)),
        ("1 000 000", sum(1, 0)),
    ] {
        let text = format!("provider;model;input_tokens\nacme;small;{number}\n");
        assert_eq!(folder.usage_of("a.csv", text), want, "{number}");
    }
    let doubled = "provider,model,input_tokens,input_tokens\nacme,small,5,1000000\n";
    let run = folder.usage(&folder.file("a.csv", doubled), &[]).code(2);
    assert!(run.stderr.contains("two columns are called \"input_tokens\""), "{}", run.stderr);
}

#[test]
fn amounts_of_any_length_are_shown_in_another_currency() {
    let folder = Folder::new();
    // 0.259100000000000003 $ and 0.86312345678912345 EUR/$: their exact product has 35 digits.
    let text = "provider,model,input_tokens,audio_seconds\nacme,long,1,0\n".to_owned();
    let prices = PRICES.replace("id: small", "id: long").replace("input: \"1\"", "input: \"259100.000000000003\"");
    std::fs::write(folder.0.path().join("prices.yaml"), prices).unwrap();
    let path = folder.file("a.csv", text);
    let run = folder.usage(&path, &["--currency", "EUR", "--format", "json"]).code(0);
    let json = run.json();
    assert_eq!(json["total_usd"], "0.259100000000000003");
    // 0.259100000000000003 × 0.86312345678912345 = 0.22363528765406188…, at twelve digits.
    assert_eq!(json["total"], "0.223635287654");
    assert_eq!(json["rows"][0]["total"], "0.223635287654");
    let table = folder.usage(&path, &["--currency", "EUR"]).code(0);
    assert!(table.stdout.contains("1 of 1 records priced, 0.2236 EUR in total"), "{}", table.stdout);
    let row = &folder.usage(&path, &["--currency", "EUR", "--format", "jsonl", "-q"]).code(0).json_lines()[0];
    assert_eq!(row["total"], "0.223635287654");
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_is_read_as_a_stream_and_one_inside_of_it_is_named() {
    let folder = Folder::new();
    let records = format!("{DOLLAR}\n").repeat(3);
    let inner = zipped(&[("x.jsonl", records.as_bytes())]);
    let both = zipped(&[("a.jsonl", records.as_bytes()), ("inner.zip", &inner), ("b.jsonl", records.as_bytes())]);
    let path = folder.file("both.zip", &both);
    let run = folder.usage(&path, &["--format", "json"]).code(5);
    assert_eq!(Sum::of(&run), sum(6, 0), "what can be read counts");
    assert!(run.stderr.contains("both.zip:inner.zip: an archive in an archive\n  help: "), "{}", run.stderr);
    let prices = folder.0.path().join("prices.yaml");
    let piped = farebox(["usage", "--at", "2025-01-01", "--format", "json", "--prices"]).arg(prices).arg("-");
    let run = piped.input(zipped(&[("a.jsonl", records.as_bytes())])).run().code(0);
    assert_eq!(Sum::of(&run), sum(3, 0));
}
