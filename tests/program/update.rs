//! `farebox prices update` against a server on this machine that answers well, badly, slowly or not at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::support::{Farebox, farebox};
use tempfile::TempDir;

/// A server that gives every request the same treatment; returns its address. It ends with the process.
pub(crate) fn server(answer: impl Fn(&mut TcpStream, &str) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let path = request_path(&stream).unwrap_or_default();
            // A client that goes away in the middle is one of the cases.
            let _ = answer(&mut stream, &path);
        }
    });
    format!("http://{address}")
}

/// Reads the request up to its empty line.
fn request_path(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    lines.find(|line| line.as_ref().is_ok_and(String::is_empty))?.ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}

pub(crate) fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

/// A database of llm-prices' form: GPT-4o at 2.4 USD in place of 2.5, and models that nobody knows.
fn prices(gpt_4o: &str) -> String {
    let unknown = (0..12)
        .map(|i| format!(r#"{{"id": "made-up-{i}", "vendor": "openai", "name": "M", "input": 1, "output": 2.50}}"#));
    let known = format!(
        r#"{{"id": "gpt-4o", "vendor": "openai", "name": "GPT-4o", "input": {gpt_4o}, "output": 10, "input_cached": 1.25}}"#
    );
    let all: Vec<String> = std::iter::once(known).chain(unknown).collect();
    format!("{{\"updated_at\": \"2026-11-22\", \"prices\": [{}]}}", all.join(","))
}

fn update(url: &str, data: &TempDir) -> Farebox {
    farebox(["prices", "update", "--from", url, "--format", "json"])
        .env("FAREBOX_DATA_DIR", data.path())
        .env("FAREBOX_NOW", "2026-11-22T12:00:00Z")
}

fn files(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_good_answer_becomes_an_overlay() {
    let data = TempDir::new().unwrap();
    let url = server(|stream, path| {
        assert_eq!(path, "/v1/prices.json?x=1");
        send(stream, "200 OK", "", &prices("2.4"))
    });
    let ran = update(&format!("{url}/v1/prices.json?x=1"), &data).arg("--yes").run().code(0);
    let report = ran.json();
    assert_eq!(report["changed"], serde_json::json!(["openai/gpt-4o"]));
    assert_eq!(report["added"].as_array().unwrap().len(), 12);
    let row = report["rows"].as_array().unwrap().iter().find(|row| row["verdict"] == "differs").unwrap();
    assert_eq!(
        (&row["there"]["usd"], &row["here"]["usd"], &row["change_percent"]),
        (&"2.4".into(), &"2.5".into(), &"-4".into())
    );
    let file = data.path().join("prices-update.yaml");
    let ran = ran.says(&format!("wrote {}: 1 model with other prices, 12 new", file.display()));
    ran.says(&format!("use it with --prices {}", file.display()));
    assert_eq!(files(data.path()), ["prices-update.yaml"]);

    farebox(["prices", "lint"]).arg(&file).run().code(0);
    let input = |at: &str| {
        let show = farebox(["prices", "show", "openai/gpt-4o", "--format", "json", "--at", at, "--prices"]).arg(&file);
        let rows = show.run().code(0).json();
        rows["rows"].as_array().unwrap().iter().find(|r| r["meter"] == "input").unwrap()["rate"].clone()
    };
    assert!(input("2026-11-22T13:00:00Z").to_string().contains("\"2.4\""), "{}", input("2026-11-22T13:00:00Z"));
    assert!(input("2024-11-15").to_string().contains("\"2.5\""), "the past stays as it was: {}", input("2024-11-15"));
    // What is not named is not used.
    let without = farebox(["prices", "show", "openai/gpt-4o", "--at", "2026-11-22T13:00:00Z"])
        .env("FAREBOX_DATA_DIR", data.path());
    let shown = without.run().code(0).stdout;
    let standard = shown.lines().find(|line| line.starts_with("standard")).unwrap_or_else(|| panic!("{shown}"));
    let input = standard.split_whitespace().nth(1).unwrap();
    assert_eq!(input.trim_end_matches('0'), "$2.5", "{shown}");
}

#[test]
fn nothing_is_written_without_a_yes() {
    let data = TempDir::new().unwrap();
    let url = server(|stream, _| send(stream, "200 OK", "", &prices("2.4")));
    // Standard input is no terminal here, so nobody can be asked.
    let ran = update(&url, &data).run().code(2).says("nothing was written");
    assert_eq!(ran.json()["changed"], serde_json::json!(["openai/gpt-4o"]), "the difference is shown all the same");
    update(&url, &data).arg("--dry-run").run().code(0).says("nothing was written: --dry-run");
    assert_eq!(files(data.path()), [""; 0]);
}

#[test]
fn a_large_change_is_refused_also_with_yes_until_its_limit_is_named() {
    let cases = [("0.0025", "--allow-large-changes price=1000 "), ("24.75", "--allow-large-changes price=10 ")];
    for (price, help) in cases {
        let data = TempDir::new().unwrap();
        let url = server(move |stream, _| send(stream, "200 OK", "", &prices(price)));
        let concern = format!("concern: openai/gpt-4o: input goes from 2.5 / 1000000 to {price} / 1000000 USD");
        for with in [&[][..], &["--yes"], &["--yes", "--allow-large-changes", "price=9.8"]] {
            update(&url, &data).args(with.iter().copied()).run().code(1).says(&concern).says(help);
            assert_eq!(files(data.path()), [""; 0]);
        }
        let limit = help.split_whitespace().next_back().unwrap();
        update(&url, &data).args(["--yes", "--allow-large-changes", limit]).run().code(0);
        assert_eq!(files(data.path()), ["prices-update.yaml"]);
    }
    let data = TempDir::new().unwrap();
    update("http://127.0.0.1:9", &data).args(["--allow-large-changes", "all"]).run().code(2).says("price=10");
}

#[test]
fn a_corrected_database_clears_a_wrong_overlay() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("prices-update.yaml");
    // Only GPT-4o, and models that the table has as the database does: none that it would add.
    let known = |gpt_4o: &str| {
        let text = prices(gpt_4o);
        let same = |i: usize| format!("\"id\": \"made-up-{i}\", \"vendor\": \"openai\"");
        (0..12)
            .fold(text, |text, i| text.replace(&same(i), &format!("\"id\": \"made-up-{i}\", \"vendor\": \"nobody\"")))
    };
    let (wrong, right) = (known("2.4"), known("2.5"));
    let wrong = server(move |stream, _| send(stream, "200 OK", "", &wrong));
    let right = server(move |stream, _| send(stream, "200 OK", "", &right));
    update(&right, &data).arg("--yes").run().code(0).says("nothing to write");
    assert_eq!(files(data.path()), [""; 0]);
    update(&wrong, &data).arg("--yes").run().code(0);
    let input = || {
        let show = farebox(["prices", "show", "openai/gpt-4o", "--format", "json", "--at", "2026-11-22T13:00:00Z"]);
        let rows = show.arg("--prices").arg(&file).run().code(0).json();
        rows["rows"].as_array().unwrap().iter().find(|r| r["meter"] == "input").unwrap()["rate"].to_string()
    };
    assert!(input().contains("\"2.4\""));
    update(&right, &data).arg("--dry-run").run().code(0).says("nothing was written");
    update(&right, &data).run().code(2).says("nothing was written");
    assert!(input().contains("\"2.4\""));
    update(&right, &data).arg("--yes").run().code(0).says("no model, as the table says the same");
    assert!(input().contains("\"2.5\""), "{}", input());
}

#[test]
fn half_of_the_models_gone_is_refused() {
    let data = TempDir::new().unwrap();
    let excerpt = std::fs::read_to_string("tests/data/import/litellm.json").unwrap();
    let url = server(move |stream, _| send(stream, "200 OK", "", &excerpt));
    let ran = update(&url, &data).run().code(1);
    ran.says("models that the table has from this database are not in it any more");
    assert_eq!(files(data.path()), [""; 0]);
}

/// A kind of answer that is none, what the run is told beside, its exit code and what it says.
type BadAnswer = (&'static str, fn(&mut TcpStream) -> std::io::Result<()>, &'static [&'static str], i32, &'static str);

#[test]
fn a_bad_answer_leaves_what_was_there() {
    let cases: [BadAnswer; 10] = [
        (
            "broken off",
            |s| {
                let body = prices("2.4");
                write!(s, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), &body[..body.len() / 2])
            },
            &[],
            5,
            "could not be read",
        ),
        (
            "broken off in a chunk",
            |s| write!(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{{\"prices\": ["),
            &[],
            5,
            "could not be read",
        ),
        ("a failure", |s| send(s, "500 Internal Server Error", "", "{}"), &[], 5, "answered 500 Internal Server Error"),
        ("not there", |s| send(s, "404 Not Found", "", &prices("2.4")), &[], 5, "answered 404 Not Found"),
        ("a page", |s| send(s, "200 OK", "", "<!doctype html><p>hello"), &[], 2, "it looks like a web page"),
        ("half of the text", |s| send(s, "200 OK", "", &prices("2.4")[..200]), &[], 2, "it ends too early"),
        ("another thing", |s| send(s, "200 OK", "", "{\"hello\": [1, 2]}"), &[], 2, "of no price database"),
        (
            "too few",
            |s| send(s, "200 OK", "", r#"{"prices": [{"id": "gpt-4o", "vendor": "openai", "input": 1, "output": 2}]}"#),
            &[],
            2,
            "a price database has at least 10",
        ),
        (
            "no end",
            |s| {
                write!(s, "HTTP/1.1 200 OK\r\n\r\n{{\"a\": \"")?;
                let block = [b'x'; 1 << 16];
                loop {
                    s.write_all(&block)?;
                }
            },
            &[],
            5,
            "is larger than 67108864 bytes",
        ),
        (
            "too slow",
            |s| {
                write!(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{{")?;
                s.flush()?;
                std::thread::sleep(Duration::from_secs(4));
                Ok(())
            },
            &["--timeout", "1"],
            5,
            "took longer than 1 seconds",
        ),
    ];
    for (name, answer, more, code, says) in cases {
        let data = TempDir::new().unwrap();
        let file = data.path().join("prices-update.yaml");
        std::fs::write(&file, "what was there").unwrap();
        let url = server(move |stream, _| answer(stream));
        let run = more.iter().fold(update(&url, &data).arg("--yes"), Farebox::arg).run();
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
        run.says(says);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was there", "{name}");
        assert_eq!(files(data.path()), ["prices-update.yaml"], "{name}");
    }
}

#[test]
fn a_redirect_is_followed_so_far_as_it_is_safe() {
    let data = TempDir::new().unwrap();
    let url = server(|stream, path| match path {
        "/old" => send(stream, "301 Moved Permanently", "Location: /new\r\n", ""),
        "/new" => send(stream, "200 OK", "", &prices("2.4")),
        "/away" => send(stream, "302 Found", "Location: http://prices.example/x\r\n", ""),
        "/file" => send(stream, "302 Found", "Location: file:///etc/passwd\r\n", ""),
        _ => send(stream, "302 Found", "Location: /round-and-round\r\n", ""),
    });
    update(&format!("{url}/old"), &data).arg("--yes").run().code(0).says("1 model with other prices");
    update(&format!("{url}/away"), &data).run().code(2).says("http://prices.example/x is not over HTTPS");
    update(&format!("{url}/file"), &data).run().code(2).says("is no address");
    update(&format!("{url}/round"), &data).run().code(5).says("more than 5 times");
}

#[test]
fn only_a_safe_address_is_asked() {
    let data = TempDir::new().unwrap();
    update("http://prices.example/x.json", &data).run().code(2).says("is not over HTTPS");
    update("prices.json", &data).run().code(2).says("is no address");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    update(&format!("http://{nobody}/x"), &data).run().code(5).says("could not be read");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let url = server(|stream, _| send(stream, "200 OK", "", &prices("2.4")));
    let run =
        farebox(["prices", "update", "--quiet", "--yes", "--from", &url]).env("FAREBOX_DATA_DIR", file.join("inside"));
    run.run().code(5).says(&format!("cannot make {}", file.join("inside").display()));
}

#[test]
fn the_help_says_that_it_opens_a_connection() {
    let help = farebox(["prices", "update", "--help"]).run().code(0).stdout;
    assert!(help.contains("the only command of farebox that opens a connection"), "{help}");
    let list = farebox(["prices", "--help"]).run().code(0).stdout;
    assert!(list.lines().any(|line| line.contains("update") && line.contains("over the network")), "{list}");
}

#[test]
fn a_check_asks_the_database_and_ends_with_four_where_it_differs() {
    let url = server(|stream, path| send(stream, "200 OK", "", &prices(if path == "/same" { "2.50" } else { "2.4" })));
    let check = |path: &str, flags: &[&str]| {
        let from = format!("{url}/{path}");
        let run = farebox(["prices", "check", "--online", "--format", "json", "--at", "2026-11-22", "--from", &from]);
        flags.iter().fold(run, |run, flag| run.arg(flag)).run()
    };
    let same = check("same", &[]).code(0).json();
    assert_eq!((same["differing"].as_u64(), same["prices"]["same"].as_u64()), (Some(0), Some(3)), "{same:#}");
    let off = check("off", &[]).code(4).says("1 price of the table differs").json();
    assert_eq!(off["rows"][0]["there"]["usd"], "2.4", "{off:#}");
    // 0.1 of 2.5 is 4%.
    check("off", &["--tolerance", "4%"]).code(0);
    check("off", &["--tolerance", "3.9%"]).code(4);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    farebox(["prices", "check", "--online", "--from", &format!("http://{nobody}/x")]).run().code(5);
    farebox(["prices", "check", "--from", &url]).run().code(2);
}

#[test]
fn a_name_and_a_password_in_an_address_are_not_shown() {
    let data = TempDir::new().unwrap();
    let url = server(|stream, path| match path {
        "/gone" => send(stream, "404 Not Found", "", ""),
        "/bad" => send(stream, "200 OK", "", "[]"),
        _ => send(stream, "200 OK", "", &prices("2.4")),
    });
    let with = |path: &str| url.replace("http://", "http://me:s3cret@") + path;
    let runs = [
        update(&with("/x"), &data).arg("--dry-run").run().code(0),
        update(&with("/gone"), &data).run().code(5),
        update(&with("/bad"), &data).run(),
        update("http://me:s3cret@example.org/", &data).run().code(2),
        update("me:s3cret@/x", &data).run().code(2),
        farebox(["prices", "check", "--online", "--at", "2026-11-22", "--from", &with("/x")]).run(),
    ];
    for ran in runs {
        assert!(!ran.stderr.contains("s3cret") && !ran.stdout.contains("s3cret"), "{}{}", ran.stderr, ran.stdout);
    }
}
