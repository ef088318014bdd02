//! `farebox count` over folders, against context windows and within budgets, through the binary.

use crate::support::farebox;
use serde_json::Value;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    dir
}

/// "hello world" is two tokens of o200k_base: OpenAI's tiktoken, `get_encoding("o200k_base").encode("hello world")`.
const TWO: &str = "hello world";

#[test]
fn a_tree_sums_up_its_folders() {
    let dir =
        folder(&[("a/x.txt", TWO), ("a/y.txt", "hello"), ("b/deep/er/z.txt", TWO), ("c.txt", "hello"), ("bin", "\0")]);
    let run = |more: &[&str]| {
        let run = farebox(["count", "--tree", "--tokenizer", "o200k_base", "--tokenizer", "llama3"]);
        run.args(more.iter().copied()).arg(dir.path()).run().code(0).says("bin")
    };
    let top = dir.path().file_name().unwrap().to_string_lossy().into_owned();
    let rows = run(&["--format", "json"]).json()["rows"].as_array().unwrap().clone();
    let of = |row: &Value| {
        let source =
            row["source"].as_str().unwrap().rsplit_once(&top).unwrap().1.trim_start_matches(['/', '\\']).to_owned();
        (source, row["files"].as_u64().unwrap(), row["counts"][0]["tokens"].as_u64().unwrap())
    };
    let rows: Vec<_> = rows.iter().map(of).collect();
    let want =
        [("", 4, 6), ("a", 2, 3), ("a/x.txt", 1, 2), ("a/y.txt", 1, 1), ("b/deep/er/z.txt", 1, 2), ("c.txt", 1, 1)];
    assert_eq!(rows, want.map(|(source, files, tokens)| (source.to_owned(), files, tokens)));

    let shown = run(&["--min-share", "20"]).stdout;
    assert!(shown.contains("├ a/") && shown.contains("└ … 1 more below the threshold"), "{shown}");
    assert!(!shown.contains("c.txt"), "{shown}");
    assert!(shown.contains("o200k_base") && shown.contains("llama3"), "side by side: {shown}");
}

#[test]
fn a_text_is_held_against_the_context_window() {
    // 16,385 tokens: platform.openai.com/docs/models/gpt-3.5-turbo, read 2026-11-22.
    let long = "hello ".repeat(20_000);
    let ran = farebox(["count", "-m", "openai/gpt-3.5-turbo", "--format", "jsonl"]).input(long).run().code(0);
    let row = &ran.json_lines()[0];
    assert_eq!((row["context_window"].as_u64(), row["fits"].as_bool()), (Some(16_385), Some(false)));
    // cl100k_base: one token for each " hello", and one for the space at the end.
    assert_eq!(row["tokens"].as_u64(), Some(20_001));
    assert_eq!(row["context_share_percent"], "122.069", "20001 × 100 ÷ 16385");
    let short = farebox(["count", "-m", "openai/gpt-3.5-turbo", "--text", TWO]).run().code(0).stdout;
    assert!(short.contains("<0.1% of 16,385"), "{short}");
}

#[test]
fn a_budget_says_where_to_cut_and_fails() {
    let text = format!("{TWO}\n{TWO}");
    // "hello world\nhello world" is hello · world · \n · hello · world.
    let run = |budget: &str| {
        let run = farebox(["count", "--tokenizer", "o200k_base", "--format", "jsonl", "--budget"]);
        run.args([budget, "--text", &text]).run()
    };
    assert!(run("5").code(0).json_lines()[0].get("cut_at").is_none());
    let ran = run("4").code(1).says("o200k_base: 5 tokens, more than the budget of 4");
    assert_eq!(ran.json_lines()[0]["cut_at"], serde_json::json!({"byte": 17, "line": 2, "column": 6, "tokens": 4}));
    let ran = run("0").code(1);
    assert_eq!(ran.json_lines()[0]["cut_at"]["byte"], 0);
    farebox(["count", "-m", "gpt-4o", "--text", "a", "--budget", "-1"]).run().code(2);
    farebox(["count", "-m", "gpt-4o", "--text", "a", "--tree", "--min-share", "101"]).run().code(2).says("100 percent");
}

#[test]
fn tables_are_kept_where_they_may_be_and_only_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cache");
    let files = || -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    };
    let count = |more: &[(&str, &str)]| {
        let run = farebox(["count", "--text", "hello world", "--tokenizer", "r50k_base"]);
        let run = more.iter().fold(run.env("FAREBOX_CACHE_DIR", &folder), |run, (name, value)| run.env(name, value));
        let ran = run.run().code(0);
        assert_eq!(ran.stderr, "");
        ran.stdout
    };
    let first = count(&[("FAREBOX_NO_CACHE", "1")]);
    assert!(files().is_empty());
    assert_eq!(count(&[]), first);
    let kept = files();
    assert_eq!((kept.len(), count(&[])), (1, first.clone()));
    let path = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&path, &kept[0][..kept[0].len() / 2]).unwrap();
    assert_eq!((count(&[]), files()), (first.clone(), kept));
    assert_eq!(count(&[("FAREBOX_CACHE_DIR", path.to_str().unwrap())]), first);
}

#[test]
fn a_budget_is_for_the_whole_input() {
    // Six tokens in four files, as in the tree above.
    let dir = folder(&[("a/x.txt", TWO), ("a/y.txt", "hello"), ("b/z.txt", TWO), ("c.txt", "hello")]);
    let run = |more: &[&str]| {
        let run = farebox(["count", "--tokenizer", "o200k_base", "--format", "json"]);
        run.args(more.iter().copied()).arg(dir.path()).run()
    };
    for more in [&[][..], &["--tree"], &["--summary"], &["--top", "1"]] {
        let within = run(&[more, &["--budget", "6"]].concat()).code(0).json();
        assert_eq!(
            (&within["over_budget"], &within["totals"][0]["over_budget"]),
            (&false.into(), &false.into()),
            "{more:?}"
        );
        let over = run(&[more, &["--budget", "5"]].concat()).code(1).says("6 tokens, more than the budget of 5").json();
        assert_eq!((&over["over_budget"], &over["totals"][0]["tokens"]), (&true.into(), &6.into()), "{more:?}");
    }
    let lines = "{\"text\":\"hello world\"}\n{\"text\":\"hello\"}";
    let args = ["count", "--tokenizer", "o200k_base", "--jsonl", "text", "--format", "jsonl", "--budget"];
    assert_eq!(farebox(args).arg("3").input(lines).run().code(0).json_lines()[2]["over_budget"], false);
    let ran = farebox(args).arg("2").input(lines).run().code(1);
    assert_eq!((ran.json_lines().len(), &ran.json_lines()[2]["source"]), (3, &"total".into()), "{}", ran.stdout);
    // Without a budget the lines are as they were, and nothing follows them.
    assert_eq!(farebox(args[..7].iter().copied()).input(lines).run().code(0).json_lines().len(), 2);
}

#[test]
fn rows_are_put_in_order_and_cut_and_totals_are_not() {
    let dir = folder(&[("a.txt", "hello"), ("b.txt", "hello world hello"), ("c.txt", TWO), ("d.txt", TWO)]);
    let names = |more: &[&str]| -> Vec<String> {
        let run = farebox(["count", "--tokenizer", "o200k_base", "--format", "json"]).args(more.iter().copied());
        let json = run.arg(dir.path()).run().code(0).json();
        // 1 + 3 + 2 + 2 tokens.
        assert_eq!((&json["totals"][0]["tokens"], &json["totals"][0]["inputs"]), (&8.into(), &4.into()));
        let name = |row: &Value| row["source"].as_str().unwrap().rsplit(['/', '\\']).next().unwrap().to_owned();
        json["rows"].as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(names(&[]), ["a.txt", "b.txt", "c.txt", "d.txt"]);
    assert_eq!(names(&["--sort", "tokens"]), ["b.txt", "c.txt", "d.txt", "a.txt"]);
    assert_eq!(names(&["--top", "2"]), ["b.txt", "c.txt"]);
    assert_eq!(names(&["--top", "3", "--sort", "name"]), ["b.txt", "c.txt", "d.txt"]);
    assert_eq!(names(&["--summary"]), ["total"]);
    let lines = "{\"text\":\"hello\"}\n{\"text\":\"hello world\"}";
    let ran = farebox(["count", "--tokenizer", "o200k_base", "--jsonl", "text", "--format", "jsonl", "--top", "1"])
        .input(lines);
    assert_eq!(ran.run().code(0).json_lines()[0]["line"], 2);
}

#[test]
fn binary_files_of_a_folder_are_one_note() {
    let names = ["a.png", "b.png", "c.png", "d.png", "e.png"];
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (*name, "\0")).collect();
    files.push(("text.txt", TWO));
    let dir = folder(&files);
    let run = |more: &[&str]| {
        let run = farebox(["count", "--tokenizer", "o200k_base", "--format", "json"]).args(more.iter().copied());
        run.arg(dir.path()).run()
    };
    let ran = run(&[]).code(0).says("5 binary files skipped").says("c.png and 2 more");
    assert_eq!(ran.stderr.matches("binary file").count(), 1, "{}", ran.stderr);
    assert_eq!(run(&["--list-skipped"]).code(0).stderr.matches(": binary, skipped").count(), 5);
    assert!(!run(&["--quiet"]).code(0).stderr.contains("png"));
    run(&["--strict"]).code(3).says("5 of what was asked for");
    // A file that was named is told by itself.
    let named = farebox(["count", "--tokenizer", "o200k_base", "a.png", "text.txt"]).dir(dir.path()).run().code(0);
    drop(named.says("warning: a.png: is not text"));
}
