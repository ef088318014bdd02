//! `farebox count` over folders, against context windows and within budgets, through the binary.

mod support;

use serde_json::Value;
use support::farebox;

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
    assert!(short.contains("< 0.1 % of 16,385"), "{short}");
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
    let ran = run("4").code(1).says("more than 4 tokens");
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
