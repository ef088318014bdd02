//! Small inputs to begin with, made from the files of this repository and never kept beside them.

use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use farebox_prices::compile::{PriceFile, Use, compile};
use farebox_prices::packed::pack;
use serde_json::json;

use crate::prices::PART;

/// What is larger teaches little and takes long.
const LARGEST: usize = 4 << 10;

/// Every file below a place of the repository, by name.
fn files(place: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(place);
    let (mut open, mut files) = (vec![root], Vec::new());
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => files.push(path),
        }
    }
    files.sort();
    files
}

fn ends_with(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known))
}

/// The files of some endings, each cut at the line that makes it too large.
fn texts(place: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let read = |path: PathBuf| fs::read(path).ok();
    files(place).into_iter().filter(|path| ends_with(path, endings)).filter_map(read).map(shortened).collect()
}

fn shortened(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() > LARGEST {
        let end = bytes[..LARGEST].iter().rposition(|byte| *byte == b'\n').unwrap_or(LARGEST);
        bytes.truncate(end);
    }
    bytes
}

/// Every form of usage in `tests/data/usage`, whole and its first lines alone.
pub fn usage_json() -> Vec<Vec<u8>> {
    let whole = texts("tests/data/usage", &["json", "jsonl", "sse", "txt", "log", "ndjson"]);
    let first = whole.iter().filter_map(|text| text.split(|byte| *byte == b'\n').next()).map(<[u8]>::to_vec);
    first.collect::<Vec<_>>().into_iter().chain(whole).collect()
}

/// Decisions about samples: none, so that each begins as it is, and numbers without a pattern (Knuth's MMIX generator).
pub fn decisions() -> Vec<Vec<u8>> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..200).map(|number| (0..number / 4).map(|_| byte()).collect()).collect()
}

/// Texts in many scripts, each for another vocabulary.
pub fn text_count() -> Vec<Vec<u8>> {
    let texts = texts("tests/data", &["txt", "md"]).into_iter().chain(texts("src/input/chat", &["rs"]));
    texts.enumerate().map(|(number, text)| [&[number as u8], &text[..text.len().min(900)]].concat()).collect()
}

/// Tables of usage, and the two invoices that others publish.
pub fn usage_csv() -> Vec<Vec<u8>> {
    let mut tables = texts("tests/data", &["csv", "tsv"]);
    tables.push(b"model;input_tokens;output_tokens\n\"gpt;4o\";1.234;\"5\"\n".to_vec());
    tables.push(b"Date\tModel\tPrompt tokens\tCost\n2025-03-03\tgpt-4o\t10\t$0.5\n".to_vec());
    tables
}

/// A request in each provider's form, one each.
pub fn chat_request() -> Vec<Vec<u8>> {
    let lines = texts("tests/data/chat", &["jsonl"]);
    let lines = lines.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    let values = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    // The line of a test has the request in one of its fields.
    let inner = |value: serde_json::Value| {
        let requests = ["request", "body", "value", "input"].iter().find_map(|key| value.get(*key).cloned());
        requests.unwrap_or(value).to_string().into_bytes()
    };
    values.map(inner).filter(|request| request.len() <= LARGEST).collect()
}

/// The examples, and what `farebox init` writes.
pub fn workload_yaml() -> Vec<Vec<u8>> {
    let files = texts("data/examples", &["yaml"]).into_iter().chain(texts("data/src", &["yaml"]));
    files.chain(texts("templates", &["yaml", "yml"])).collect()
}

/// The first models of every file of prices, and those of the tests.
pub fn price_yaml() -> Vec<Vec<u8>> {
    texts("pricing", &["yaml"]).into_iter().chain(texts("tests/data/prices", &["yaml"])).collect()
}

/// A price file with comments and what two databases say of it: an agreed change, a model that is new, one that is gone, and
/// days to raise; then the first files of the table with an empty database.
pub fn price_review() -> Vec<Vec<u8>> {
    let table = r#"# Acme's prices.
schema: 1
provider: acme
sources:
  page: {url: "https://acme.example/pricing", checked: 2026-11-01, evidence: reported}
  # the list
  list: {url: "https://models.dev", checked: 2026-11-01, evidence: single, listing: true}
models:
  - id: one   # the first
    listed_by: [list]
    prices:
      # since the launch
      - from: 2026-01-01
        source: page
        rates: {input: "1", output: "2"}
        variants:
          - {when: {processing: batch}, rates: {input: "0.5", output: "1"}}

  - id: two
    listed_by: [list]
    prices:
      - {source: list, rates: {input: "3", output: "6"}}
  - {id: three, listed_by: [list], prices: [{source: list, rates: {input: "4", output: "8"}}]}
  - id: four
    prices_of: two
"#;
    let litellm = |input: &str| {
        let model = |id: &str, input: &str| {
            format!(
                "\"acme/{id}\": {{\"litellm_provider\": \"acme\", \"mode\": \"chat\", \"input_cost_per_token\": {input}e-06, \"output_cost_per_token\": 2e-06}}"
            )
        };
        format!("{{{}, {}}}", model("one", input), model("five", "9"))
    };
    let models_dev = |input: &str| {
        let model = |id: &str, input: &str, output: &str| {
            format!("\"{id}\": {{\"id\": \"{id}\", \"cost\": {{\"input\": {input}, \"output\": {output}}}}}")
        };
        let models = [model("one", input, "2"), model("two", "3", "6"), model("five", "9", "2")].join(", ");
        format!("{{\"acme\": {{\"id\": \"acme\", \"name\": \"Acme\", \"models\": {{{models}}}}}}}")
    };
    let joined = |parts: &[&str]| parts.join(PART).into_bytes();
    let mut all = vec![
        joined(&[table, &litellm("1.5"), &models_dev("1.5")]),
        joined(&[table, &litellm("1"), &models_dev("1")]),
        joined(&[table, &models_dev("1000"), &models_dev("1"), &litellm("1.5")]),
    ];
    let files = texts("tests/data/prices", &["yaml"]).into_iter().filter_map(|text| String::from_utf8(text).ok());
    all.extend(files.map(|text| joined(&[&text, &models_dev("1")])));
    all
}

/// The prices of the tests, packed one provider at a time.
pub fn packed_table() -> Vec<Vec<u8>> {
    let files = files("tests/data/prices").into_iter().chain(files("pricing/voyage.yaml"));
    let pack_one = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let file = PriceFile { path: path.display().to_string(), text };
        Some(pack("2026-12-01", &compile(&[file], Use::Overlay, &|_, _| None).0))
    };
    files.filter(|path| ends_with(path, &["yaml"])).filter_map(pack_one).collect()
}

/// One small vocabulary of each form: the 256 bytes, and a few merges.
pub fn tokenizer_file() -> Vec<Vec<u8>> {
    let kinds = [("gpt2", "gpt-2"), ("gpt2", "llama-bpe"), ("gpt2", "qwen2"), ("gpt2", "default")];
    let ggufs = kinds.map(|(kind, pre)| gguf(kind, pre));
    let mut all = vec![tiktoken(), tekken(), sentencepiece(), tokenizer_json(), metaspace_json(), wordpiece_json()];
    all.extend(ggufs);
    all
}

const MERGED: [&str; 4] = ["th", "the", " the", "12"];

fn tokens() -> Vec<Vec<u8>> {
    (0..=255_u8).map(|byte| vec![byte]).chain(MERGED.map(|text| text.as_bytes().to_vec())).collect()
}

fn tiktoken() -> Vec<u8> {
    let line = |(rank, token): (usize, Vec<u8>)| format!("{} {rank}\n", BASE64_STANDARD.encode(token));
    tokens().into_iter().enumerate().map(line).collect::<String>().into_bytes()
}

fn tekken() -> Vec<u8> {
    let vocabulary: Vec<_> =
        tokens().into_iter().map(|token| json!({"token_bytes": BASE64_STANDARD.encode(token)})).collect();
    let pattern = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    let config =
        json!({"pattern": pattern, "default_vocab_size": vocabulary.len() + 10, "default_num_special_tokens": 10});
    json!({"config": config, "vocab": vocabulary}).to_string().into_bytes()
}

/// The letters that published vocabularies write bytes with.
fn letters() -> Vec<char> {
    let mut next = 256_u32..;
    let shown = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..);
    let letter =
        |byte: u8| if shown(byte) { char::from(byte) } else { next.next().and_then(char::from_u32).unwrap_or(' ') };
    (0..=255).map(letter).collect()
}

fn tokenizer_json() -> Vec<u8> {
    let mut vocabulary: serde_json::Map<_, _> =
        letters().iter().zip(0..).map(|(c, id)| (c.to_string(), json!(id))).collect();
    vocabulary.insert("th".into(), json!(256));
    vocabulary.insert("the".into(), json!(257));
    let added = json!([{"id": 258, "content": "<think>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false}]);
    let split = json!({"type": "Split", "pattern": {"Regex": r"\p{L}+|\p{N}{1,3}|\s+|[^\s\p{L}\p{N}]+"}, "behavior": "Isolated", "invert": false});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let model = json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
        "fuse_unk": false, "byte_fallback": false, "ignore_merges": true, "vocab": vocabulary, "merges": ["t h", "th e"]});
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes]}, "post_processor": null, "decoder": null, "model": model})
    .to_string()
    .into_bytes()
}

fn metaspace_json() -> Vec<u8> {
    let mut vocabulary: serde_json::Map<_, _> = (0..256).map(|byte| (format!("<0x{byte:02X}>"), json!(byte))).collect();
    for (id, text) in (256..).zip(["\u{2581}", "t", "h", "e", "th", "\u{2581}th", "<unk>"]) {
        vocabulary.insert(text.into(), json!(id));
    }
    let normalizer = json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u{2581}"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]});
    let model = json!({"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": vocabulary,
        "merges": ["t h", "\u{2581} th"]});
    json!({"version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": null, "model": model})
        .to_string()
        .into_bytes()
}

fn wordpiece_json() -> Vec<u8> {
    let vocabulary = json!({"[UNK]": 0, "the": 1, "##e": 2, "t": 3, "##h": 4});
    let model = json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        "vocab": vocabulary});
    let normalizer = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true});
    json!({"version": "1.0", "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": model})
        .to_string()
        .into_bytes()
}

/// A field of a protocol buffer that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn sentencepiece() -> Vec<u8> {
    let bytes = (0..=255_u8).map(|byte| (format!("<0x{byte:02X}>"), 0.0_f32, 6));
    let texts = ["<unk>", "\u{2581}", "t", "h", "e", "th", "\u{2581}th", "the"];
    let pieces =
        (0_u8..).zip(texts).map(|(rank, text)| (text.to_owned(), -f32::from(rank), if rank == 0 { 2 } else { 1 }));
    let mut out = Vec::new();
    for (text, score, kind) in bytes.chain(pieces) {
        let mut piece = field(1, text.as_bytes());
        piece.push(2 << 3 | 5);
        piece.extend(score.to_le_bytes());
        piece.extend([3 << 3, kind]);
        out.extend(field(1, &piece));
    }
    out.extend(field(2, &[3 << 3, 2]));
    out.extend(field(3, &[4 << 3, 0]));
    out
}

fn gguf(kind: &str, pre: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let said = |key: &str, value: &str| [text(key), 8_u32.to_le_bytes().to_vec(), text(value)].concat();
    let list = |key: &str, kind: u32, count: usize, items: Vec<u8>| {
        [
            text(key),
            9_u32.to_le_bytes().to_vec(),
            kind.to_le_bytes().to_vec(),
            (count as u64).to_le_bytes().to_vec(),
            items,
        ]
        .concat()
    };
    let mut tokens: Vec<String> = letters().iter().map(char::to_string).collect();
    tokens.extend(["th".to_owned(), "<td>".to_owned()]);
    let kinds: Vec<u8> = (0..tokens.len()).flat_map(|at| if at == 257 { 4_u32 } else { 1 }.to_le_bytes()).collect();
    let pairs = [
        said("tokenizer.ggml.model", kind),
        said("tokenizer.ggml.pre", pre),
        list("tokenizer.ggml.tokens", 8, tokens.len(), tokens.iter().flat_map(|token| text(token)).collect()),
        list("tokenizer.ggml.token_type", 5, tokens.len(), kinds),
        list("tokenizer.ggml.merges", 8, 1, text("t h")),
    ];
    let head = [&b"GGUF"[..], &3_u32.to_le_bytes(), &0_u64.to_le_bytes(), &5_u64.to_le_bytes()].concat();
    [head, pairs.concat()].concat()
}
