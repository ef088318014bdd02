//! Counts that a reference tokenizer gave, met exactly. `tests/data/README.md` says where each file is from.

use farebox::tokenizer::{Basis, StreamCounter, TOKENIZERS, load};
use serde_json::Value;

/// Encodings that every build counts with the provider's own vocabulary.
const ALWAYS: &[&str] = &["r50k_base", "p50k_base", "cl100k_base", "o200k_base"];
/// Those of the feature `llama`.
const LLAMA: &[&str] = &["llama2", "llama3", "llama4"];
/// Those of the feature `open-models`.
const OPEN_MODELS: &[&str] = &[
    "mistral_v1_spm",
    "mistral_v3_spm",
    "mistral_tekken",
    "gemma3",
    "gemma4",
    "qwen2",
    "qwen3_5",
    "deepseek_v3",
    "glm4",
    "glm5",
    "kimi_k2",
    "minimax_m2",
    "gpt_neox",
    "claude_legacy",
];

/// The encodings that this build has to count exactly.
fn exact() -> Vec<&'static str> {
    let of = |is_built_in, names: &'static [&str]| if is_built_in { names } else { &[] };
    [ALWAYS, of(cfg!(feature = "llama"), LLAMA), of(cfg!(feature = "open-models"), OPEN_MODELS)].concat()
}

#[test]
fn a_build_is_exact_for_what_its_features_bring_and_for_nothing_else() {
    // The cases have no counts of its own for o200k_harmony, which is o200k_base with other special tokens.
    let built_in = TOKENIZERS.iter().filter(|known| known.basis() == Basis::Exact && known.name != "o200k_harmony");
    let mut built_in: Vec<&str> = built_in.map(|known| known.name).collect();
    let mut expected = exact();
    built_in.sort_unstable();
    expected.sort_unstable();
    assert_eq!(built_in, expected);
}

fn cases() -> Vec<Value> {
    let text = include_str!("data/token-cases.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

#[test]
fn every_case_is_exact_in_every_built_in_encoding() {
    let cases = cases();
    assert_eq!(cases.len(), 44);
    for name in exact() {
        let tokenizer = load(name).expect("built in");
        for case in &cases {
            let text = case["text"].as_str().expect("text");
            let count = tokenizer.count(text);
            assert_eq!(Some(count.tokens), case["counts"][name].as_u64(), "{name} {}", case["id"]);
            assert_eq!((count.basis, count.low, count.high), (Basis::Exact, count.tokens, count.tokens));
        }
    }
}

#[test]
fn blocks_of_any_size_count_as_the_whole() {
    for name in exact() {
        for case in &cases() {
            let text = case["text"].as_str().expect("text");
            let mut counter = StreamCounter::new(load(name).expect("built in"));
            text.chars().for_each(|c| counter.push(c.encode_utf8(&mut [0; 4])));
            assert_eq!(Some(counter.finish().tokens), case["counts"][name].as_u64(), "{name} {}", case["id"]);
        }
    }
}

#[test]
fn estimates_hold_their_range_and_never_claim_to_be_exact() {
    for name in ["command_r", "gemma2", "grok1"] {
        let tokenizer = load(name).expect("known");
        for case in &cases() {
            let count = tokenizer.count(case["text"].as_str().expect("text"));
            assert!(count.low <= count.tokens && count.tokens <= count.high, "{name} {}", case["id"]);
            if count.tokens > 0 {
                assert_eq!(count.basis, Basis::Estimated, "{name} {}", case["id"]);
            }
        }
    }
}

/// Some encodings lay out tables for long texts once they have counted two megabytes; what they count stays the same.
#[test]
fn a_long_text_before_changes_no_count() {
    let long = "The quick brown fox jumps over 13 lazy dogs; später, größer. 漢字 и так далее.\n".repeat(26_000);
    let cases = cases();
    for name in exact() {
        let tokenizer = load(name).expect("built in");
        let before = tokenizer.count(&long[..199_950]);
        tokenizer.count(&long);
        assert_eq!(tokenizer.count(&long[..199_950]), before, "{name}");
        for case in &cases {
            let text = case["text"].as_str().expect("text");
            assert_eq!(Some(tokenizer.count(text).tokens), case["counts"][name].as_u64(), "{name} {}", case["id"]);
        }
    }
}
