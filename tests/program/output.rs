//! Where reports go and in which format, and values of flags that many commands share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Farebox, farebox};

const RECORD: &str = "{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2025-03-03\",\"usage\":{\"input_tokens\":1000000,\"output_tokens\":0}}\n";

const WORKLOAD: &str = "version: 1\nstart: 2025-03-01\nmonths: 1\nfeatures:\n  ask:\n    model: openai/gpt-4o\n    prompt: 100\n    output: 10\n    calls: 10 per day\n";

/// Commands that print a report, at a date in the past and with prices that no update changes.
fn commands(dir: &Path) -> Vec<(&'static str, Farebox)> {
    fs::write(dir.join("log.jsonl"), RECORD).unwrap();
    fs::write(dir.join("farebox.yaml"), WORKLOAD).unwrap();
    fs::write(dir.join("text.txt"), "hello world\n").unwrap();
    let run = |args: &str| farebox(args.split(' ')).args(["--at", "2025-03-01"]).pinned().dir(dir);
    vec![
        ("usage", run("usage log.jsonl")),
        ("count", run("count text.txt -m gpt-4o")),
        ("estimate", run("estimate text.txt -m gpt-4o")),
        ("plan", run("plan")),
        ("what-if", run("what-if log.jsonl --batch")),
        ("check", run("check")),
        ("models", run("models gpt-4o")),
        ("prices list", run("prices list -p openai")),
        ("compare", run("compare text.txt -m gpt-4o")),
    ]
}

/// What a reader finds in a named pipe; an error if nothing is written into it for a minute.
#[cfg(unix)]
fn read_pipe(pipe: &Path) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let pipe = pipe.to_owned();
    std::thread::spawn(move || sender.send(fs::read_to_string(pipe).unwrap()));
    receiver
}

#[cfg(unix)]
#[test]
fn a_named_pipe_gets_the_whole_report() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["table", "json", "jsonl"] {
        for (name, run) in commands(dir.path()) {
            let direct = commands(dir.path()).into_iter().find(|(n, _)| *n == name).unwrap().1;
            let want = direct.args(["--format", format]).run().code(0).stdout;
            let pipe = dir.path().join("pipe");
            let _ = fs::remove_file(&pipe);
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let read = read_pipe(&pipe);
            // A writer that opens the pipe a second time waits for a reader that is gone.
            let (done, ended) = std::sync::mpsc::channel();
            std::thread::spawn(move || done.send(run.args(["--format", format, "-o", "pipe"]).run().code(0).code));
            assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(0), "{name} --format {format} hangs or fails");
            assert_eq!(read.recv_timeout(Duration::from_secs(60)).as_deref(), Ok(&*want), "{name} --format {format}");
        }
    }
}

#[cfg(unix)]
#[test]
fn devices_and_folders_are_right_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let of = |name: &str| commands(dir.path()).into_iter().find(|(n, _)| *n == name).unwrap().1;
    for name in ["usage", "count", "estimate", "plan"] {
        let want = of(name).run().code(0).stdout;
        assert_eq!(of(name).args(["-o", "/dev/stdout"]).run().code(0).stdout, want, "{name}");
        assert_eq!(of(name).args(["-o", "-"]).run().code(0).stdout, want, "{name}");
        assert_eq!(of(name).args(["-o", "/dev/null"]).run().code(0).stdout, "", "{name}");
        of(name).args(["-o", "folder"]).run().code(5).says("error: cannot write folder: it is a folder");
        of(name).args(["-o", "nowhere/x.txt"]).run().code(5).says("the folder nowhere does not exist");
    }
}

#[test]
fn the_ending_of_the_file_says_the_format_unless_a_format_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (file, begins) in [
        ("out.json", "{\n"),
        ("OUT.JSONL", "{\""),
        ("out.ndjson", "{\""),
        ("out.html", "<!doctype html>"),
        ("out.htm", "<!doctype html>"),
        ("out.md", ""),
        ("out.csv", ""),
        ("out.txt", ""),
        ("out", ""),
    ] {
        let format = match file.rsplit('.').next().unwrap() {
            "md" => "markdown",
            "csv" => "csv",
            "txt" | "out" => "table",
            "json" => "json",
            "html" | "htm" => "html",
            _ => "jsonl",
        };
        for (name, run) in commands(dir.path()) {
            run.args(["-o", file]).run().code(0);
            let written = fs::read_to_string(dir.path().join(file)).unwrap();
            let same = commands(dir.path()).into_iter().find(|(n, _)| *n == name).unwrap().1;
            let same = same.args(["--format", format]).run().code(0).stdout;
            assert_eq!(written, same, "{name} -o {file}");
            assert!(written.to_lowercase().starts_with(begins), "{name} -o {file}: {written:.40}");
        }
    }
    let named = commands(dir.path()).remove(0).1.args(["-o", "out.html", "--format", "csv"]);
    named.run().code(0);
    assert!(fs::read_to_string(dir.path().join("out.html")).unwrap().starts_with("model,"));
    let check = || commands(dir.path()).into_iter().find(|(n, _)| *n == "check").unwrap().1;
    check().args(["-o", "out.sarif", "--report", "report.xml", "--report", "junit=named.txt"]).run().code(0);
    assert!(fs::read_to_string(dir.path().join("out.sarif")).unwrap().contains("\"version\": \"2.1.0\""));
    assert!(fs::read_to_string(dir.path().join("report.xml")).unwrap().contains("<testsuites"));
    check().args(["--report", "report.unknown"]).run().code(2).says("is not FORMAT=FILE");
}

#[test]
fn focus_is_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    for (name, run) in commands(dir.path()) {
        if name != "usage" {
            // Had the command begun its work, it would have opened the file for it.
            let run = run.args(["--format", "focus", "-o", "nowhere/x.txt"]).run().code(2);
            assert!(run.stderr.contains("focus") && !run.stderr.contains("nowhere"), "{name}: {}", run.stderr);
        }
    }
    for args in ["prices meters", "prices changes", "tokenizers", "demo", "break-even"] {
        let run = farebox(args.split(' ')).args(["--format", "focus"]).run().code(2);
        assert!(run.stderr.contains("farebox usage --format focus"), "{args}: {}", run.stderr);
        let help = farebox(args.split(' ')).arg("--help").run().code(0).stdout;
        assert!(!help.contains("focus"), "{args} offers it: {help}");
    }
    assert!(farebox(["usage", "--help"]).run().code(0).stdout.contains("focus"));
    farebox(["models", "--format", "xml"]).run().code(2).says("invalid value 'xml'");
}

#[test]
fn threads_are_a_number_from_one_on() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["usage", "what-if", "count"] {
        let with = |threads: &str| {
            let run = commands(dir.path()).into_iter().find(|(n, _)| *n == name).unwrap().1;
            run.args(["--threads", threads]).run()
        };
        let one = with("1").code(0).stdout;
        for many in ["2", "65535", "100000", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(with(many).code(0).stdout, one, "{name} --threads {many}");
        }
        with("0").code(2).says("at least 1 thread is needed");
        with("-1").code(2);
        for wrong in ["", "1.5", "many", "+2", "1e3"] {
            with(wrong).code(2).says("whole number").says("--threads");
        }
    }
}

#[test]
fn until_is_the_last_day_everywhere_and_a_date_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    // gpt-4o became cheaper on 2024-10-02 (tests/data/prices/openai.yaml).
    let changes = |since: &str, until: &str| {
        let args = ["prices", "changes", "-p", "openai", "--format", "json", "--since", since, "--until", until];
        let rows = farebox(args).pinned().run().code(0).json()["rows"].clone();
        rows.as_array().unwrap().iter().any(|row| row["model"] == "openai/gpt-4o" && row["date"] == "2024-10-02")
    };
    assert!(changes("2024-10-02", "2024-10-02"));
    assert!(!changes("2024-09-01", "2024-10-01") && !changes("2024-10-03", "2024-10-31"));

    let of = |name: &str| commands(dir.path()).into_iter().find(|(n, _)| *n == name).unwrap().1;
    for name in ["usage", "what-if"] {
        let priced = |until: &str| {
            let json = of(name).args(["--format", "json", "--until", until]).run().code(0).json();
            json["priced"].as_u64().or(json["records"].as_u64()).unwrap()
        };
        // A moment is a moment: the record is from midnight.
        assert_eq!(["2025-03-03", "2025-03-02", "2025-03-03T00:00:00Z"].map(priced), [1, 0, 0], "{name}");
    }
    let no_such_day = "2026-02-30\" is not a date: February 2026 has 28 days";
    for args in [
        "usage --since",
        "usage --until",
        "what-if --batch --until",
        "prices changes --since",
        "check --accept ask why --until",
    ] {
        let run = farebox(args.split(' ')).args(["2026-02-30"]).dir(dir.path()).run().code(2);
        run.says(no_such_day).says(args.rsplit(' ').next().unwrap());
    }
    for args in ["usage --at", "estimate -t hi -m gpt-4o --at", "models --at", "plan --at"] {
        farebox(args.split(' ')).args(["2026-02-30"]).dir(dir.path()).run().code(2).says(no_such_day);
    }
    let backwards = of("usage").args(["--since", "2025-03-04", "--until", "2025-03-03"]).run().code(2);
    backwards.says("nothing lies between");
}

#[test]
fn flags_that_change_nothing_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let usage = |args: &str| commands(dir.path()).remove(0).1.args(args.split(' ')).run();
    for (args, flag) in [
        ("--format jsonl --by day", "--by"),
        ("--format jsonl --top 3", "--top"),
        ("--format focus --by model", "--by"),
        ("--follow --by day", "--by"),
    ] {
        usage(args).code(2).says(&format!("{flag} changes nothing here"));
    }
    let import = ["prices", "import", "tests/data/import/litellm.json", "--format", "csv"];
    farebox(import).run().code(2).says("writes price files, which are YAML, and not csv");
    // Nothing is converted where nothing is a price of something: the flag is not there.
    for args in ["models", "prices list", "prices changes", "prices stale", "prices show gpt-4o", "count x -m gpt-4o"] {
        farebox(args.split(' ')).args(["--currency", "EUR"]).run().code(2).says("--currency");
    }
}
