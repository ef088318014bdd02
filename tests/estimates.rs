//! Estimated counts of held-out texts, against counts that the vendors' APIs and vocabularies gave.
//!
//! `tests/data/README.md` says where texts and counts come from; none of the texts was used to fit the estimates.

use farebox::tokenizer::{Basis, StreamCounter, load};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Document {
    language: String,
    text: String,
    counts: BTreeMap<String, u64>,
}

fn documents() -> Vec<Document> {
    let lines = include_str!("data/udhr.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a line of udhr.jsonl")).collect()
}

#[test]
fn true_counts_lie_within_the_range() {
    let mut outside = vec![];
    let mut all = 0;
    for document in documents() {
        for (name, true_count) in &document.counts {
            let count = load(name).unwrap().count(&document.text);
            if count.basis == Basis::Exact {
                assert_eq!(count.tokens, *true_count, "{name} {}", document.language);
                continue;
            }
            all += 1;
            if !(count.low..=count.high).contains(true_count) {
                outside
                    .push(format!("{name} {}: {true_count} not in {}..={}", document.language, count.low, count.high));
            }
        }
    }
    assert!(outside.len() * 20 <= all, "{} of {all} outside: {outside:#?}", outside.len());
}

#[test]
fn the_range_of_english_is_narrow_enough_to_be_of_use() {
    let english = documents().into_iter().find(|document| document.language == "English").unwrap();
    for name in ["claude_v3", "claude_v4_7", "gemma4", "llama3", "qwen3_5", "deepseek_v3", "unknown"] {
        let count = load(name).unwrap().count(&english.text);
        assert!((count.high - count.low) as f64 <= 0.5 * count.tokens as f64, "{name} {count:?}");
    }
}

#[test]
fn streaming_estimates_what_the_whole_is_estimated_at() {
    let text: String = documents().into_iter().map(|document| document.text).collect();
    for size in [1_000, 70_000] {
        let tokenizer = load("claude_v4_7").unwrap();
        let mut counter = StreamCounter::new(tokenizer.clone());
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(size).for_each(|block| counter.push(&block.iter().collect::<String>()));
        assert_eq!(counter.finish(), tokenizer.count(&text), "{size}");
    }
}

#[test]
fn decomposed_accents_lie_within_the_range_too() {
    use unicode_normalization::UnicodeNormalization;
    let accented =
        documents().into_iter().filter(|document| document.text.nfd().count() != document.text.chars().count());
    let (mut outside, mut all) = (vec![], 0);
    for document in accented {
        let decomposed: String = document.text.nfd().collect();
        let range = load("unknown").unwrap().count(&decomposed);
        // One that composes and two that do not.
        for name in ["qwen2", "deepseek_v3", "gemma4"] {
            let tokens = load(name).unwrap().count(&decomposed).tokens;
            all += 1;
            if !(range.low..=range.high).contains(&tokens) {
                outside.push(format!("{name} {}: {tokens} not in {}..={}", document.language, range.low, range.high));
            }
        }
    }
    assert!(all > 20 && outside.len() * 10 <= all, "{} of {all} outside: {outside:#?}", outside.len());
}
