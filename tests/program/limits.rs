//! Input that would take a machine's time or memory: each ends at once, with an error that says what to do.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Ran, farebox};

/// A run that is given up after a while, so that a program that hangs fails its test.
fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Ran {
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let shown = args.join(" ");
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(farebox(args.iter().map(String::as_str)).run()));
    receive.recv_timeout(Duration::from_secs(100)).unwrap_or_else(|_| panic!("does not end: farebox {shown}"))
}

/// A price of our own, so that no test here depends on the bundled ones.
const PRICES: &str = "schema: 1\nprovider: acme\nmodels:\n  - id: m\n    tokenizer: o200k_base\n    prices:\n      - \
                      {from: 2026-01-01, source: {url: 'https://acme.example', checked: 2026-01-01, basis: own}, \
                      rates: {input: \"1\", output: \"2\"}}\n";

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Plans a workload with this head and these lines in its only feature.
fn plan(folder: &Path, head: &str, feature: &str) -> Ran {
    let prices = written(folder, "acme.yaml", PRICES);
    let calls = if feature.contains("calls:") { "" } else { "    calls: 10 per day\n" };
    let text =
        format!("version: 1\n{head}\nfeatures:\n  chat:\n    model: acme/m\n    output: 50\n{calls}    {feature}\n");
    let workload = written(folder, "w.yaml", &text);
    run(["plan", "-w", &workload, "--prices", &prices, "--at", "2026-11-01"])
}

#[test]
fn a_plan_has_a_beginning_and_an_end_that_can_be_planned() {
    let folder = tempfile::tempdir().unwrap();
    plan(folder.path(), "start: 2036-11-01\nmonths: 120", "prompt: 100").code(0);
    let cases = [
        ("start: 9999-06-01", "starts on 9999-06-01, more than 120 months after 2026-11-01", "up to 2036-11-01"),
        ("start: 2036-11-02", "starts on 2036-11-02", "up to 2036-11-01"),
        ("start: 9000-01", "starts on 9000-01-01", "up to 2036-11-01"),
        ("start: 9999-12-31", "\"9999-12-31\" is not a date", "2026-12-01"),
        ("start: 2026-02-30", "\"2026-02-30\" is not a date", "2026-12-01"),
        ("start: 2026-12-01\nend: 9999-06-01", "longer than 120 months", "up to 2036-12-01"),
        ("months: 100000", "a plan of 100000 months", "months: 12"),
        ("months: 4294967296", "not a whole number", "digits only"),
        ("months: 1,5", "not a whole number", "digits only"),
        ("months: -1", "not a whole number", "digits only"),
    ];
    for (head, message, help) in cases {
        let ran = plan(folder.path(), head, "prompt: 100").code(2).says(message).says("help: ").says(help);
        assert!(ran.stderr.contains("w.yaml:2:") || ran.stderr.contains("w.yaml:3:"), "{}", ran.stderr);
    }
}

#[test]
fn numbers_in_the_way_of_another_locale_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let help = "decimals with a point, such as 1.5, and thousands as 1000 or 1_000";
    for head in [
        "budget: {total: '1,5 EUR'}",
        "budget: {total: 1,5 EUR}",
        "budget: {total: '1.000,50 USD'}",
        "budget:\n  total: 1 000 USD",
        "tax: 10,5%",
    ] {
        plan(folder.path(), head, "prompt: 100").code(2).says(help);
    }
    for feature in
        ["prompt: 100\n    calls: 1,000 per day", "prompt: 1,000", "prompt: 1.000,5", "growth: 2,5%\n    prompt: 1"]
    {
        plan(folder.path(), "months: 1", feature).code(2).says(help);
    }
    // Read as the text they are.
    written(folder.path(), "2,5.md", "Hello");
    plan(folder.path(), "months: 1", "prompt: 2,5.md").code(0);
}

/// Every key of a workload that names a file.
const NAMES_A_FILE: [&str; 7] = [
    "prompt: §",
    "prompt: {file: §}",
    "prompt: 1\n    system: §",
    "prompt: 1\n    tools: [§]",
    "dataset: {file: §, column: q}",
    "prompt: '{{q}}.md'\n    dataset: {file: §}",
    "prompt: 1\n    output: {file: §, column: tokens}",
];

#[test]
#[cfg(unix)]
fn a_workload_names_files_and_nothing_that_never_ends() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = fifo(folder.path());
    for feature in NAMES_A_FILE {
        for (path, what) in [
            ("/dev/zero", "/dev/zero is outside of the folder of the workload"),
            ("/dev/stdin", "/dev/stdin is outside of the folder of the workload"),
            (&fifo, "fifo: is a named pipe, not a file"),
            (folder.path().to_str().unwrap(), ": is a folder"),
        ] {
            let feature = feature.replace('§', path).replace("output: {", "batch: 0%\n    output: {");
            let head = if feature.contains("output: {") { "" } else { "months: 1" };
            let ran = plan_raw(folder.path(), head, &feature).code(2).says(what).says("help: ");
            assert!(ran.stderr.contains("w.yaml:"), "{}", ran.stderr);
        }
    }
}

/// [`plan`] for a feature that may say its output itself.
#[cfg(unix)]
fn plan_raw(folder: &Path, head: &str, feature: &str) -> Ran {
    let prices = written(folder, "acme.yaml", PRICES);
    let output = if feature.contains("output:") { "" } else { "    output: 50\n" };
    let text = format!(
        "version: 1\n{head}\nfeatures:\n  chat:\n    model: acme/m\n    calls: 10 per day\n{output}    {feature}\n"
    );
    let workload = written(folder, "w.yaml", &text);
    run(["plan", "-w", &workload, "--prices", &prices, "--at", "2026-11-01"])
}

#[cfg(unix)]
fn fifo(folder: &Path) -> String {
    let path = folder.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path.to_str().unwrap().to_owned()
}

/// A file of any size that takes no room on the disk.
fn sparse(folder: &Path, name: &str, bytes: u64) -> String {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_file_of_a_workload_is_of_a_size_that_can_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let huge = sparse(folder.path(), "huge.md", 1 << 40);
    for feature in ["prompt: huge.md", "dataset: {file: huge.md, column: q}"] {
        plan(folder.path(), "months: 1", feature).code(2).says("is larger than 128 MiB").says("w.yaml:");
    }
    let prices = written(folder.path(), "acme.yaml", PRICES);
    run(["plan", "-w", &huge, "--prices", &prices]).code(2).says("is larger than 16 MiB").says("help: ");
    run(["plan", "--prices", &huge]).code(2).says("is larger than 16 MiB");
}

/// A value in memory is many times its text, so what is read whole has few enough of them.
#[test]
fn values_without_an_end_are_refused_before_they_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    // 800,000 messages are 2,400,000 values.
    let messages = vec![r#"{"role":"user","content":"a"}"#; 800_000].join(",");
    let chat = written(folder.path(), "chat.json", &format!(r#"{{"model":"gpt-4o","messages":[{messages}]}}"#));
    run(["count", "--chat", &chat]).says("more than 500000 values").says("help: put one request on each line");
    // A document over many lines is one, also where one of them is an object by itself.
    let lines = vec![r#"{"role":"user","content":"a"}"#; 200_000].join(",\n");
    let lines = written(folder.path(), "lines.json", &format!("{{\"model\":\"gpt-4o\",\"messages\":[\n{lines}\n]}}\n"));
    let ran = run(["count", "--chat", &lines]).says("lines.json:1: more than 500000 values");
    assert_eq!(ran.stderr.matches("warning:").count(), 1, "{}", ran.stderr);
    // Commas inside a text are not values, and an escaped quotation mark does not end a text.
    let text = format!("{}{}", "a, ".repeat(600_000), r#"","#.repeat(10));
    let long = written(
        folder.path(),
        "long.json",
        &format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{text}"}}]}}"#),
    );
    run(["count", "--chat", &long]).code(0);
    let words = "a,".repeat(510_000);
    let workload = written(folder.path(), "many.yaml", &format!("version: 1\ndrawn_together: [{words}]\n"));
    let ran = run(["plan", "-w", &workload]).code(2).says("more values than a workload needs").says("help: ");
    assert_eq!(ran.stderr.matches("error[").count(), 1, "{}", ran.stderr);
}

#[test]
fn small_files_do_not_make_a_text_without_an_end() {
    let folder = tempfile::tempdir().unwrap();
    // 40,000 rows of a template of 100 kB are 4 GB.
    let rows = format!("q\n{}", "x\n".repeat(40_000));
    written(folder.path(), "rows.csv", &rows);
    written(folder.path(), "long.md", &format!("{{{{q}}}} {}", "word ".repeat(20_000)));
    let ran = plan(folder.path(), "months: 1", "prompt: long.md\n    dataset: {file: rows.csv}");
    ran.code(2).says("more than 1024 MiB of text").says("w.yaml:").says("help: ");
    // A variable in a million places.
    written(folder.path(), "often.md", &"{{q}}".repeat(1_000_000));
    let feature = format!("prompt: often.md\n    variables: {{q: {}}}", "y".repeat(50_000));
    plan(folder.path(), "months: 1", &feature).code(2).says("more than 1024 MiB of text");
    // A thousand names for one file of 2 MB: 2 GB.
    written(folder.path(), "two.md", &"z".repeat(2_000_000));
    let list = format!("prompt: [{}]", vec!["two.md"; 1_000].join(", "));
    plan(folder.path(), "months: 1", &list).code(2).says("more than 1024 MiB of text");
    // 100,000 columns and 200 rows.
    let header: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
    let row = format!("\n{}", vec!["1"; 100_000].join(","));
    written(folder.path(), "wide.csv", &format!("{}{}", header.join(","), row.repeat(200)));
    let ran = plan(folder.path(), "months: 1", "prompt: 1\n    dataset: {file: wide.csv}");
    ran.code(2).says("more than 10000000 values");
}

#[test]
#[cfg(unix)]
fn a_flag_for_a_file_takes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = fifo(folder.path());
    let prices = written(folder.path(), "acme.yaml", PRICES);
    let workload = written(
        folder.path(),
        "ok.yaml",
        "version: 1\nmonths: 1\nfeatures: {chat: {model: acme/m, prompt: 1, output: 1, calls: 1 per day}}\n",
    );
    for (path, what) in [(fifo.as_str(), "is a named pipe, not a file"), ("/dev/zero", "is a device, not a file")] {
        for args in [
            vec!["plan", "-w", path],
            vec!["check", "-w", path],
            vec!["compare", "-w", path],
            vec!["plan", "--prices", path],
            vec!["prices", "lint", path],
            vec!["prices", "check", path],
            vec!["compare", "-w", &workload, "--prices", &prices, "--scores", path],
            vec!["check", "-w", &workload, "--prices", &prices, "--baseline", path],
            vec!["count", "--tokenizer", path, "--text", "a"],
            vec!["tokenizers", "add", path, "--name", "mine"],
        ] {
            let ran = run(args.iter().copied());
            assert!(matches!(ran.code, 2 | 5), "{args:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(what) && ran.stderr.contains("help: "), "{args:?}: {}", ran.stderr);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_that_the_shell_opened_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let prices = written(folder.path(), "acme.yaml", PRICES);
    let shell = r#"cat "$1" | "$0" prices show acme/m --at 2026-11-01 --prices /dev/stdin"#;
    let binary = env!("CARGO_BIN_EXE_farebox");
    let output = std::process::Command::new("sh").args(["-c", shell, binary, &prices]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A `tokenizer.json` of bytes with these steps, as JSON.
fn tokenizer_json(normalizer: &str, pre_tokenizer: &str) -> String {
    // The letter that GPT-2's byte level writes for each byte: printable ones as they are, the rest from U+0100 on.
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut letters: Vec<char> = (0..=255u8).filter(printable).map(char::from).collect();
    letters.extend((0..256 - letters.len() as u32).filter_map(|n| char::from_u32(0x100 + n)));
    let vocab: serde_json::Map<String, serde_json::Value> =
        letters.iter().enumerate().map(|(id, letter)| (letter.to_string(), id.into())).collect();
    format!(
        r#"{{"version": "1.0", "normalizer": {normalizer}, "pre_tokenizer": {pre_tokenizer},
            "model": {{"type": "BPE", "vocab": {}, "merges": []}}}}"#,
        serde_json::to_string(&vocab).unwrap()
    )
}

const BYTES: &str = r#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}"#;

#[test]
fn a_tokenizer_json_from_a_stranger_ends_in_a_count_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let count = |file: &str, text: &str| run(["count", "--tokenizer", file, "--text", text, "--format", "json"]);
    let plain = written(folder.path(), "plain.json", &tokenizer_json("null", BYTES));
    assert_eq!(count(&plain, "hello").code(0).json()["rows"][0]["tokens"], 5);

    // A table of replacements that says that it has 4 GiB, which the crate believes.
    let charsmap = r#"{"type": "Precompiled", "precompiled_charsmap": "/////2FiYw=="}"#;
    let file = written(folder.path(), "charsmap.json", &tokenizer_json(charsmap, BYTES));
    count(&file, "a").code(2).says("precompiled_charsmap is damaged").says("charsmap.json").says("help: ");

    let split = |regex: &str| {
        format!(
            r#"{{"type": "Sequence", "pretokenizers": [{{"type": "Split", "pattern": {{"Regex": "{regex}"}},
                "behavior": "Isolated", "invert": false}}, {BYTES}]}}"#
        )
    };
    let file = written(folder.path(), "regex.json", &tokenizer_json("null", &split("(a+)+(?!b)$")));
    count(&file, &"a".repeat(5_000)).code(2).says("regex \"(a+)+(?!b)$\" does not get through").says("help: ");
    let file = written(folder.path(), "program.json", &tokenizer_json("null", &split("(?:\\\\w{1,500}){1,500}")));
    count(&file, "a").code(2).says("help: ");

    let double = r#"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#;
    let bomb = format!(r#"{{"type": "Sequence", "normalizers": [{}]}}"#, [double; 60].join(", "));
    let file = written(folder.path(), "bomb.json", &tokenizer_json(&bomb, BYTES));
    assert_eq!(count(&file, "aaaa").code(0).json()["rows"][0]["basis"], "estimated");
    assert_eq!(count(&file, "bbbb").code(0).json()["rows"][0]["basis"], "exact");
}

#[test]
fn a_vocabulary_of_an_absurd_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("data");
    let add = |file: &str, form: &[&str]| {
        let args = ["tokenizers", "add", file, "--name", "mine"];
        farebox(args).args(form.iter().copied()).env("FAREBOX_DATA_DIR", &store).run()
    };
    let huge = sparse(folder.path(), "tokenizer.json", 1 << 40);
    run(["count", "--tokenizer", &huge, "--text", "a"]).code(2).says("larger than 128 MiB").says("help: ");
    add(&huge, &[]).code(2).says("larger than 128 MiB").says("help: ");
    let bytes = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A GGUF with 2^64 - 1 pairs, and one whose first key has 2^63 bytes.
    let head = |pairs: u64| [&b"GGUF"[..], &3_u32.to_le_bytes(), &[0; 8], &pairs.to_le_bytes()].concat();
    add(&bytes("pairs.gguf", &head(u64::MAX)), &[]).code(2).says("help: ");
    let key = [head(1), (1_u64 << 63).to_le_bytes().to_vec()].concat();
    add(&bytes("key.gguf", &key), &[]).code(2).says("help: ");
    // A SentencePiece model whose first piece has 2^63 bytes.
    let piece = [&[0x0a][..], &[0xff; 9], &[0x7f, b'a']].concat();
    add(&bytes("piece.model", &piece), &[]).code(2);
    // A token for each length up to 3,000: working their merges out would take minutes.
    let lines = (0..=255_u8).map(|byte| vec![byte]).chain((2..3_000).map(|length| vec![b'a'; length]));
    let base64 = |token: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, token);
    let ladder: String = lines.enumerate().map(|(rank, token)| format!("{} {rank}\n", base64(&token))).collect();
    let ladder = written(folder.path(), "ladder.tiktoken", &ladder);
    add(&ladder, &["--like", "cl100k_base"]).code(2).says("the longest has 2999 bytes");
}
