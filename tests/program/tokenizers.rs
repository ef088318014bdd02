//! Vocabularies that a user adds, and `count --verify`, as the binary does them.

use std::fmt::Write;
use std::fs;

use crate::support::{Farebox, farebox};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use farebox_data::vocab::{Tokens, frames};

fn in_folder<'a>(folder: &tempfile::TempDir, args: impl IntoIterator<Item = &'a str>) -> Farebox {
    farebox(args).env("FAREBOX_DATA_DIR", folder.path())
}

/// GPT-2's vocabulary as a `.tiktoken`, in a folder of its own.
fn tiktoken_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::unpack(frames::R50K_BASE).unwrap();
    let mut lines = String::new();
    for (rank, token) in tokens.iter().enumerate() {
        writeln!(lines, "{} {rank}", BASE64_STANDARD.encode(token)).unwrap();
    }
    let path = folder.path().join("mine.tiktoken");
    fs::write(&path, lines).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn an_added_vocabulary_counts_by_its_name_until_it_is_removed() {
    let (folder, file) = tiktoken_file();
    let text = "It's  a <|endoftext|> test";
    in_folder(&folder, ["tokenizers", "add", &file]).run().code(2);
    in_folder(&folder, ["tokenizers", "add", &file, "--like", "r50k_base", "--name", "o200k_base"]).run().code(2);
    in_folder(&folder, ["tokenizers", "add", &file, "--like", "r50k_base", "--name", "bloom"]).run().code(0);
    let row = |name: &str| {
        let row = in_folder(&folder, ["count", "--tokenizer", name, "--text", text, "--format", "jsonl"]).run().json();
        (row["tokens"].clone(), row["basis"].clone())
    };
    assert_eq!(row("bloom"), row("r50k_base"));
    let list = in_folder(&folder, ["tokenizers", "list", "--format", "csv"]).run().code(0).stdout;
    assert!(list.lines().any(|line| line.starts_with("bloom,exact,")), "{list}");
    in_folder(&folder, ["tokenizers", "show", "bloom"]).run().code(0);
    in_folder(&folder, ["tokenizers", "verify"]).run().code(0);
    in_folder(&folder, ["tokenizers", "remove", "bloom"]).run().code(0);
    assert_eq!(row("bloom").1, "estimated");
    in_folder(&folder, ["tokenizers", "remove", "bloom"]).run().code(2);
}

#[test]
fn a_damaged_vocabulary_fails_and_never_counts() {
    let (folder, file) = tiktoken_file();
    in_folder(&folder, ["tokenizers", "add", &file, "--like", "r50k_base"]).run().code(0);
    let stored = folder.path().join("tokenizers/mine.vocabulary");
    let bytes = fs::read(&stored).unwrap();
    fs::write(&stored, &bytes[..bytes.len() - 1]).unwrap();
    in_folder(&folder, ["tokenizers", "verify"]).run().code(1);
    in_folder(&folder, ["count", "--tokenizer", "mine", "--text", "x"]).run().code(2);
    in_folder(&folder, ["tokenizers", "add", "none.json"]).run().code(5);
}

#[test]
fn a_plan_counts_with_an_added_vocabulary_and_never_without_a_damaged_one() {
    let (folder, file) = tiktoken_file();
    in_folder(&folder, ["tokenizers", "add", &file, "--like", "r50k_base", "--name", "command_r"]).run().code(0);
    let text = "Summarise the minutes of the meeting of the board in five lines.";
    let workload = folder.path().join("farebox.yaml");
    let feature =
        format!("{{model: cohere/command-r-08-2024, prompt: {{text: \"{text}\"}}, output: 1, calls: 1 per month}}");
    fs::write(&workload, format!("version: 1\nstart: 2026-12-01\nmonths: 1\nfeatures:\n  minutes: {feature}\n"))
        .unwrap();
    let planned = || {
        let plan = ["plan", "-w", workload.to_str().unwrap(), "--format", "json", "--at", "2026-11-22"];
        in_folder(&folder, plan).pinned().run()
    };
    let exact = planned().code(0).json();
    // $0.15 in and $0.60 out per million (pricing/cohere.yaml): a total that the vocabulary's count decides.
    let count = ["count", "--chat", "-m", "cohere/command-r-08-2024", "--format", "json"];
    let messages = format!("[{{\"role\":\"user\",\"content\":\"{text}\"}}]");
    let tokens = in_folder(&folder, count).input(messages).run().code(0).json()["rows"][0]["tokens"].as_u64().unwrap();
    let want = rust_decimal::Decimal::from(tokens) * "0.00000015".parse::<rust_decimal::Decimal>().unwrap()
        + "0.0000006".parse::<rust_decimal::Decimal>().unwrap();
    assert_eq!(exact["total"]["expected_usd"].as_str().unwrap().parse::<rust_decimal::Decimal>(), Ok(want), "{exact}");

    let stored = folder.path().join("tokenizers/command_r.vocabulary");
    fs::write(&stored, b"damaged").unwrap();
    planned().code(2).says("minutes: ").says("sha256");
}

#[test]
fn a_second_count_confirms_the_first_or_says_that_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.txt");
    fs::write(&file, b"It's caf\xc3\xa9 12345\xff\n\n \xe4\xbd\xa0\xe5\xa5\xbd <|endoftext|>\n").unwrap();
    let file = file.display().to_string();
    let open_models: &[&str] = if cfg!(feature = "open-models") { &["qwen2", "mistral_v1_spm"] } else { &[] };
    for name in ["o200k_base", "r50k_base"].iter().chain(open_models).copied() {
        in_folder(&folder, ["count", "--verify", "--tokenizer", name, &file])
            .run()
            .code(0)
            .says("1 text, no difference");
    }
    for name in ["claude_v3", "bloom"] {
        in_folder(&folder, ["count", "--verify", "--tokenizer", name, &file]).run().code(2).says("cannot be verified");
    }
}

#[test]
fn every_tokenizer_counts_nothing_as_nothing_and_says_what_is_not_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latin1.txt");
    fs::write(&file, b"caf\xe9 na\xefve\xff\xfe").unwrap();
    let (file, empty) = (file.display().to_string(), folder.path().join("empty.txt").display().to_string());
    fs::write(&empty, b"").unwrap();
    let names: Vec<&str> = farebox::tokenizer::names().collect();
    // One run for all of them: each vocabulary is unpacked once.
    let count = |file: &str| {
        let chosen = names.iter().flat_map(|name| ["--tokenizer", name]);
        let args = ["count", "--format", "jsonl", file].into_iter().chain(chosen);
        let run = in_folder(&folder, args).run().code(0);
        let rows = run.stdout.lines().map(|line| serde_json::from_str(line).expect("a row"));
        (rows.collect::<Vec<serde_json::Value>>(), run)
    };
    let (nothing, _) = count(&empty);
    let (replaced, run) = count(&file);
    run.says("not UTF-8 in 4 places, the first at byte 3");
    let lossy = String::from_utf8_lossy(b"caf\xe9 na\xefve\xff\xfe").into_owned();
    assert_eq!((nothing.len(), replaced.len()), (names.len(), names.len()));
    for ((name, nothing), replaced) in names.iter().zip(&nothing).zip(&replaced) {
        assert_eq!(nothing["tokens"], 0, "{name}");
        assert_eq!(replaced["tokens"], farebox::tokenizer::load(name).unwrap().count(&lossy).tokens, "{name}");
    }
}
