//! Which files `usage`, `what-if` and `init --from` read, what they say of the others, and the exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Farebox, Ran, farebox};
use serde_json::Value;

/// A record of `millions` of input tokens on gpt-4o, at $2.50 a million in 2025 (tests/data/prices/openai.yaml).
fn record(millions: u64) -> String {
    format!(
        "{{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"timestamp\":\"2025-03-03\",\"usage\":{{\"input_tokens\":{},\"output_tokens\":0}}}}\n",
        millions * 1_000_000
    )
}

/// A folder with files.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `farebox usage --format json` in the folder.
    fn usage(&self, args: &[&str]) -> Farebox {
        farebox(["usage", "--format", "json"]).pinned().args(args.iter().copied()).dir(self.0.path())
    }

    #[track_caller]
    fn total(&self, args: &[&str]) -> (String, Ran) {
        let ran = self.usage(args).run().code(0);
        (ran.json()["total_usd"].as_str().unwrap().to_owned(), ran)
    }
}

/// The home of somebody without coding agents, or with sessions in it.
fn at_home(run: Farebox, home: &Path) -> Farebox {
    let unset = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"];
    unset.into_iter().fold(run.env("HOME", home), |run, name| run.env(name, ""))
}

#[test]
fn everything_below_a_folder_is_read() {
    let folder = Folder::new(&[
        ("logs/a.jsonl", &record(1)),
        ("logs/.hidden.jsonl", &record(2)),
        ("logs/.cache/b.jsonl", &record(4)),
        ("logs/ignored.log", &record(8)),
        ("logs/.gitignore", "*.log\nsub/\n"),
        ("logs/.ignore", "*\n"),
        ("logs/sub/c.jsonl", &record(16)),
        ("logs/usage.txt", &record(32)),
        ("logs/usage", &record(64)),
        ("logs/table.data", "model,timestamp,input_tokens,output_tokens\ngpt-4o,2025-03-03,128000000,0\n"),
        ("logs/service.log", &format!("starting up, please wait\n{}", record(256))),
        (
            "logs/pretty",
            "{\n  \"model\": \"gpt-4o\", \"timestamp\": \"2025-03-03\",\n  \"input_tokens\": 512000000, \"output_tokens\": 0\n}\n",
        ),
        ("logs/README.md", "# Logs\n\nWhat the model, tokens, costs are.\n"),
        ("logs/notes.txt", "tokens are counted here, in words of many kinds, more or less\n"),
        ("logs/settings.ini", "[section]\nkey=value\n"),
        ("logs/Makefile", "all:\n\ttrue\n"),
    ]);
    // 1 + 2 + 4 + … + 512 = 1,023 million tokens at $2.50.
    let (total, ran) = folder.total(&["logs"]);
    assert_eq!(total, "2557.5", "{}", ran.stderr);
    let ran = ran
        .says("6 files (3 without an ending, 1 .ini, 1 .md, 1 .txt), such as logs/.gitignore, ")
        .says("service.log:1: invalid-record");
    assert!(!ran.stderr.contains("README.md"), "not one line each: {}", ran.stderr);
    // What is named is read, whatever an ignore file says, and so is what a pattern matches.
    assert_eq!(folder.total(&["logs/ignored.log"]).0, "20");
    assert_eq!(folder.total(&["logs/*.jsonl"]).0, "7.5");
    assert_eq!(folder.total(&["log[s]"]).0, "2557.5");
    farebox(["init", "w.yaml", "--from", "logs/sub"]).pinned().dir(folder.0.path()).run().code(0);
    assert!(fs::read_to_string(folder.at("w.yaml")).unwrap().contains("prompt: 16000000"));
}

#[test]
fn a_file_is_billed_once_however_often_it_is_met() {
    let folder = Folder::new(&[("logs/a.jsonl", &record(1)), ("logs/b.jsonl", &record(2)), ("c.jsonl", &record(4))]);
    let absolute = folder.at("logs/a.jsonl").display().to_string();
    for (args, total, note) in [
        (vec!["c.jsonl", "c.jsonl"], "10", "c.jsonl is c.jsonl"),
        (vec!["c.jsonl", "./logs/../c.jsonl"], "10", "read once"),
        (vec!["logs", "logs/a.jsonl"], "7.5", "1 file was met twice"),
        (vec!["logs/a.jsonl", "logs", "logs/"], "7.5", "3 files were met twice"),
        (vec!["logs", &absolute, "logs/*.jsonl"], "7.5", "read once"),
    ] {
        let (is, ran) = folder.total(&args);
        assert_eq!(is, total, "{args:?}: {}", ran.stderr);
        ran.says(note);
        let what_if = farebox(["what-if", "--batch", "--format", "json"]).pinned().args(args).dir(folder.0.path());
        assert_eq!(what_if.run().code(0).json()["was_usd"], total);
    }
    // Standard input is one source too.
    assert_eq!(folder.usage(&["-", "-", "c.jsonl"]).input(record(8)).run().code(0).json()["total_usd"], "30");
    let quiet = folder.usage(&["-q", "c.jsonl", "c.jsonl"]).run().code(0);
    assert_eq!(quiet.stderr, "");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_what_cannot_be_read_is_named() {
    use std::os::unix::fs::symlink;
    let folder =
        Folder::new(&[("logs/a.jsonl", &record(1)), ("elsewhere/b.jsonl", &record(2)), ("more/c.jsonl", &record(4))]);
    symlink(folder.at("elsewhere"), folder.at("logs/linked")).unwrap();
    symlink(folder.at("more/c.jsonl"), folder.at("logs/c.jsonl")).unwrap();
    symlink(folder.at("logs"), folder.at("logs/linked/loop")).unwrap();
    symlink(folder.at("logs/a.jsonl"), folder.at("logs/again.jsonl")).unwrap();
    fs::hard_link(folder.at("logs/a.jsonl"), folder.at("logs/hard.jsonl")).unwrap();
    symlink(folder.at("gone"), folder.at("logs/dead.jsonl")).unwrap();
    let fifo = folder.at("logs/pipe.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let (total, ran) = folder.total(&["logs"]);
    assert_eq!(total, "17.5", "{}", ran.stderr);
    ran.says("dead.jsonl: skipped: the link leads nowhere").says("pipe.jsonl: skipped: it is not a regular file");
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_is_an_error_and_the_rest_counts() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = Folder::new(&[
        ("logs/a.jsonl", &record(1)),
        ("logs/secret/b.jsonl", &record(2)),
        ("logs/own.jsonl", &record(4)),
    ]);
    let mode = |name: &str, mode: u32| fs::set_permissions(folder.at(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("logs/secret", 0o000);
    mode("logs/own.jsonl", 0o000);
    mode("", 0o755);
    // Nothing is hidden from root: the binary runs as another user, from a place which that user can reach.
    let binary = folder.at("farebox");
    fs::copy(env!("CARGO_BIN_EXE_farebox"), &binary).unwrap();
    let mut command = std::process::Command::new(binary);
    command.args(["usage", "--format", "json", "logs"]).current_dir(folder.0.path()).env("FAREBOX_NO_CACHE", "1");
    if fs::read_dir(folder.at("logs/secret")).is_ok() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    mode("logs/secret", 0o755);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("secret: cannot be read") && said.contains("own.jsonl: cannot be read"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["priced"], 1);
}

#[test]
fn a_file_without_usage_is_an_error_where_it_is_named_and_a_warning_in_a_folder() {
    let other = "{\"name\":\"a package\",\"version\":\"1.0.0\"}\n";
    // A session that was begun and in which nothing was asked yet: a known form without usage.
    let begun = "{\"type\":\"user\",\"sessionId\":\"s\",\"uuid\":\"u\",\"timestamp\":\"2025-11-03T00:00:00Z\",\"message\":{\"role\":\"user\",\"content\":\"hi\"}}\n";
    let folder = Folder::new(&[
        ("good.jsonl", &record(1)),
        ("other.json", other),
        ("begun.jsonl", begun),
        ("empty.jsonl", ""),
        ("head.csv", "model,input_tokens,output_tokens\n"),
        ("wrong.csv", "name,value\na,1\n"),
        ("prose.txt", "hello there\n"),
    ]);
    for (name, why) in [
        ("other.json", "no usage was recognised in it"),
        ("wrong.csv", "no usage was recognised in it"),
        ("prose.txt", "no usage was recognised in it"),
        ("begun.jsonl", "nothing in it was billed yet"),
        ("empty.jsonl", "the file is empty"),
        ("head.csv", "holds no usage"),
    ] {
        for command in [vec!["usage"], vec!["usage", "--format", "jsonl"], vec!["what-if", "--batch"]] {
            let run = farebox(command).pinned().arg(name).dir(folder.0.path()).run().code(2);
            assert!(run.stderr.contains(&format!("error: {name}: ")) && run.stderr.contains(why), "{}", run.stderr);
            assert!(run.stderr.contains("help: "), "{}", run.stderr);
            assert!(!run.stdout.contains("0 of 0") && !run.stderr.contains("0 of 0"), "{}{}", run.stdout, run.stderr);
        }
    }
    // The others count, and are written.
    for (name, code) in [("other.json", 2), ("wrong.csv", 2), ("begun.jsonl", 0), ("empty.jsonl", 0)] {
        let run = folder.usage(&["good.jsonl", name]).run().code(code).says(name);
        assert_eq!(run.json()["total_usd"], "2.5", "{name}");
    }
    let ran = folder.usage(&["."]).run().code(0);
    assert_eq!(ran.json()["total_usd"], "2.5");
    ran.says("warning: no usage was recognised in 5 files, such as ./begun.jsonl, ./empty.jsonl, ./head.csv");
    farebox(["usage"]).input("").run().code(2).says("standard input holds no usage");
    farebox(["usage", "-"]).input("hello\n").run().code(2).says("-: no usage was recognised");
    #[cfg(unix)]
    farebox(["usage", "/dev/null"]).run().code(2).says("/dev/null: it holds no usage");
}

#[test]
fn an_empty_folder_is_an_error_with_a_next_step() {
    let folder = Folder::new(&[("prose/a.md", "# a"), ("prose/b.md", "# b"), ("prose/c", "c")]);
    fs::create_dir(folder.at("empty")).unwrap();
    fs::create_dir(folder.at("dead")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.at("gone"), folder.at("dead/link.jsonl")).unwrap();
    for command in [vec!["usage"], vec!["what-if", "--batch"], vec!["init", "w.yaml", "--from"]] {
        let run = |name: &str| farebox(command.clone()).arg(name).dir(folder.0.path()).run().code(2);
        run("empty").says("empty: this folder is empty").says("help: name the files");
        run("prose").says("prose: no file in this folder holds usage: it has 3 files (2 .md, 1 without an ending)");
        #[cfg(unix)]
        run("dead").says("dead: nothing in this folder can be read");
    }
    farebox(["count", "--tokenizer", "o200k_base", "empty"])
        .dir(folder.0.path())
        .run()
        .code(2)
        .says("no file to count");
}

#[test]
fn what_is_recognised_but_has_no_price_is_a_warning_unless_strict() {
    let unknown = record(1).replace("gpt-4o", "my-own-model-9");
    for command in [vec!["usage"], vec!["usage", "--format", "jsonl"], vec!["what-if", "--batch"]] {
        let run = farebox(command.clone()).input(unknown.clone()).run().code(0);
        assert!(run.stderr.contains("warning: no record could be "), "{}", run.stderr);
        assert!(run.stderr.contains("1 unknown-model"), "{}", run.stderr);
        farebox(command).arg("--strict").input(unknown.clone()).run().code(3);
    }
}

#[test]
fn a_record_that_contradicts_itself_is_recognised() {
    let wrong = "{\"model\":\"gpt-4o\",\"usage\":{\"input_tokens\":10,\"cache_read_tokens\":11}}\n";
    farebox(["usage"]).input(wrong).run().code(0).says("invalid-usage");
    farebox(["usage", "--strict"]).input(wrong).run().code(3);
}

#[test]
fn without_files_the_sessions_of_agents_are_read_unless_something_is_piped_in() {
    let home = Folder::new(&[]);
    let session = fs::read_to_string("tests/data/usage/claude-code/session.jsonl").unwrap();
    for command in [vec!["usage"], vec!["what-if", "--batch"]] {
        let bare = at_home(farebox(command.clone()).without_input(), home.0.path()).run().code(2);
        let bare = bare.says("no files were named").says("help: name the files");
        for looked in [".claude/projects", ".codex/sessions", "opencode"] {
            assert!(bare.stderr.contains(looked), "{}", bare.stderr);
        }
    }
    home.write(".claude/projects/-home-student/session.jsonl", &session);
    let usage = || at_home(farebox(["usage", "--format", "json"]), home.0.path());
    let ran = usage().without_input().run().code(0).says("reading the sessions of coding agents in ");
    assert!(ran.json()["priced"].as_u64().unwrap() > 0 && ran.stderr.contains(".claude/projects"), "{}", ran.stderr);
    // A pipe and a file are read instead.
    assert_eq!(usage().pinned().input(record(1)).run().code(0).json()["total_usd"], "2.5");
    let ran = at_home(farebox(["what-if", "--batch", "--format", "json"]).without_input(), home.0.path()).run().code(0);
    assert!(ran.json()["records"].as_u64().unwrap() > 0);
}

#[test]
fn count_keeps_ignore_rules_and_says_how_many_files_they_hid() {
    let folder = Folder::new(&[
        ("a.txt", "one"),
        ("b.log", "two"),
        (".env", "three"),
        (".gitignore", "*.log\n"),
        (".git/config", "x"),
    ]);
    let count = |args: &[&str]| {
        let run = farebox(["count", "--tokenizer", "o200k_base", "--format", "jsonl"]).args(args.iter().copied());
        run.dir(folder.0.path()).run().code(0)
    };
    let ran = count(&["."]);
    assert_eq!(ran.json_lines().len(), 1);
    // b.log, .env and .gitignore; what is in .git is Git's own.
    ran.says("note: .: 3 hidden or ignored files left out");
    assert_eq!(count(&["b.log", ".env"]).json_lines().len(), 2);
    assert_eq!(count(&["-q", "."]).stderr, "");
}

/// A span of a trace with so many tokens of input on gpt-4o, or none.
fn span(trace: &str, id: &str, parent: &str, operation: &str, input: u64) -> String {
    let counts = if input == 0 {
        String::new()
    } else {
        format!(r#","gen_ai.usage.input_tokens":{input},"gen_ai.usage.output_tokens":0"#)
    };
    format!(
        r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","startTimeUnixNano":"1741003200000000000","attributes":{{"gen_ai.provider.name":"openai","gen_ai.operation.name":"{operation}","gen_ai.request.model":"gpt-4o"{counts}}}}}"#
    ) + "\n"
}

#[test]
fn a_trace_in_several_files_counts_once() {
    let agent = span("t", "a", "", "invoke_agent", 3_000_000);
    let step = span("t", "s", "a", "execute_tool", 0);
    let calls = [span("t", "b", "s", "chat", 1_000_000), span("t", "c", "a", "chat", 2_000_000)];
    let alone = span("u", "x", "", "invoke_agent", 4_000_000);
    for files in [
        [agent.clone() + &alone, step.clone() + &calls[0], calls[1].clone()],
        [calls.concat(), step.clone(), agent.clone() + &alone],
        [calls[0].clone() + &alone, agent.clone() + &step, calls[1].clone()],
    ] {
        let folder = Folder::new(&[("1.jsonl", &files[0]), ("2.jsonl", &files[1]), ("3.jsonl", &files[2])]);
        // 1 + 2 million tokens in calls, and 4 of an agent without any, at $2.50.
        assert_eq!(folder.total(&["."]).0, "17.5", "{files:?}");
        assert_eq!(folder.total(&[".", "--threads", "1"]).0, "17.5", "{files:?}");
        // A sum that waited for the other files is in its own.
        let rows =
            farebox(["usage", "--format", "jsonl", "."]).pinned().dir(folder.0.path()).run().code(0).json_lines();
        let (place, line) = files
            .iter()
            .zip(["1.jsonl", "2.jsonl", "3.jsonl"])
            .find_map(|(text, name)| Some((name, 1 + text.lines().position(|line| alone.starts_with(line))?)))
            .unwrap();
        let of_alone = rows.iter().find(|row| row["total_usd"] == "10").unwrap();
        assert!(of_alone["source"].as_str().unwrap().ends_with(place), "{of_alone}");
        assert_eq!((of_alone["line"].as_u64(), rows.len()), (Some(line as u64), 3));
    }
}

#[test]
fn an_archive_is_told_by_its_content() {
    let folder = Folder::new(&[]);
    let answer = "{\"object\":\"chat.completion\",\"id\":\"chatcmpl-abcdefgh12345\",\"created\":1741003200,\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000000,\"completion_tokens\":0,\"total_tokens\":1000000}}";
    let mut zip = zip_of(&[("a.json", answer), ("b.json", answer)]);
    for name in ["dup.zip", "dup.ZIP", "dup.bin"] {
        fs::write(folder.at(name), &zip).unwrap();
        assert_eq!(folder.total(&[name]).0, "2.5", "{name}");
    }
    let ran = farebox(["usage", "--format", "json"]).pinned().input(std::mem::take(&mut zip)).run().code(0);
    assert_eq!(ran.json()["total_usd"], "2.5");
}

/// A zip archive whose files are stored as they are.
fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut bytes, mut contents) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let at = bytes.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let (length, name_length) = ((text.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        // Version, flags, method (stored), time, date, checksum, both lengths, length of the name, nothing extra.
        let head = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58][..],
            &crc.sum().to_le_bytes(),
            &length,
            &length,
            &name_length,
            &[0, 0],
        ];
        let head = head.concat();
        bytes.extend([b"PK\x03\x04", &head[..], name.as_bytes(), text.as_bytes()].concat());
        contents.extend([b"PK\x01\x02\x14\0", &head[..], &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (at, length, count) = (bytes.len() as u32, contents.len() as u32, (files.len() as u16).to_le_bytes());
    bytes.extend(contents);
    bytes.extend(
        [b"PK\x05\x06\0\0\0\0", &count[..], &count, &length.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat(),
    );
    bytes
}

#[cfg(unix)]
#[test]
fn every_input_is_accounted_for() {
    let broken = format!("{}{{\"usa\n{}", record(1), record(2));
    let folder = Folder::new(&[("logs/a.jsonl", &record(4)), ("logs/b.jsonl", &broken), ("logs/README.md", "# Logs")]);
    std::os::unix::fs::symlink("nowhere", folder.at("logs/gone.jsonl")).unwrap();
    let ran = folder.usage(&["logs"]).run().code(0);
    // 7 million tokens at $2.50 a million.
    assert_eq!(ran.json()["total_usd"], "17.5");
    let inputs = &ran.json()["inputs"];
    assert_eq!((&inputs["found"], &inputs["read"], &inputs["unlike_usage"]), (&2.into(), &1.into(), &1.into()));
    let partly = &inputs["partly"]["first"][0];
    assert_eq!(
        (&partly["source"], &partly["lines"], &partly["from_line"]),
        (&"logs/b.jsonl".into(), &1.into(), &2.into())
    );
    let skipped = &inputs["skipped"]["first"][0];
    assert_eq!((&skipped["source"], &skipped["why"]), (&"logs/gone.jsonl".into(), &"the link leads nowhere".into()));
    ran.says("1 of 2 inputs read whole; in part: logs/b.jsonl (line 2); skipped: logs/gone.jsonl");
    // What is missing is a failure where everything has to count, whatever it is.
    fs::remove_file(folder.at("logs/b.jsonl")).unwrap();
    folder.usage(&["logs", "--strict"]).run().code(3).says("not every input was read");
    fs::remove_file(folder.at("logs/gone.jsonl")).unwrap();
    let whole = folder.usage(&["logs", "--strict"]).run().code(0);
    assert!(!whole.stderr.contains("read whole"), "{}", whole.stderr);
    assert_eq!(whole.json()["inputs"]["partly"]["count"], 0);
}

#[test]
fn what_cannot_be_read_to_its_end_counts_as_far_as_it_goes_and_is_named() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let text = (0..2_000).map(|n| record(1).replace("}\n", &format!(",\"id\":\"{n}\"}}\n"))).collect::<String>();
    std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let folder = Folder::new(&[]);
    fs::write(folder.at("cut.jsonl.gz"), &packed[..packed.len() / 2]).unwrap();
    let ran = folder.usage(&["cut.jsonl.gz"]).run().code(0).says("0 of 1 input read whole; in part: cut.jsonl.gz");
    let json = ran.json();
    assert!(json["priced"].as_u64().is_some_and(|priced| priced > 0 && priced < 2_000), "{json}");
    assert_eq!((&json["inputs"]["read"], &json["inputs"]["partly"]["count"]), (&0.into(), &1.into()));
    folder.usage(&["cut.jsonl.gz", "--strict"]).run().code(3);
}

#[test]
fn the_most_complete_copy_of_a_request_counts_in_any_order() {
    let line = |output: u64| {
        format!(
            "{{\"type\":\"assistant\",\"sessionId\":\"s\",\"timestamp\":\"2026-03-03T10:00:00Z\",\"uuid\":\"u{output}\",\"requestId\":\"r\",\"message\":{{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-6\",\"usage\":{{\"input_tokens\":100000,\"output_tokens\":{output}}}}}}}\n"
        )
    };
    let folder = Folder::new(&[("cut.jsonl", &line(5)), ("whole.jsonl", &line(100_000))]);
    folder.write("same.jsonl", &(line(5) + &line(100_000)));
    let orders = [
        ["cut.jsonl", "whole.jsonl", "same.jsonl"],
        ["whole.jsonl", "cut.jsonl", "same.jsonl"],
        ["same.jsonl", "cut.jsonl", "whole.jsonl"],
        ["cut.jsonl", "same.jsonl", "whole.jsonl"],
    ];
    // 100,000 tokens each, at 3 and 15 dollars a million.
    for (files, differing) in orders.into_iter().zip([1, 0, 0, 1]) {
        let (total, ran) = folder.total(&files);
        assert_eq!((&*total, &ran.json()["differing_copies"]), ("1.8", &differing.into()), "{files:?}");
    }
}
