//! Claude counts that the vendor's API gave, met exactly. `tests/data/claude/README.md` says where they are from.
#![cfg(feature = "claude")]

use farebox_testing::laws;

use std::io::Read;
use std::sync::Arc;

use farebox::tokenizer::claude::{Frame, message_tokens};
use farebox::tokenizer::{Basis, StreamCounter, TokenCount, Tokenizer, load};
use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::Value;

const NAMES: [&str; 2] = ["claude_v3", "claude_v4_7"];

fn tokenizers() -> [Arc<dyn Tokenizer>; 2] {
    NAMES.map(|name| load(name).expect("built in"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn streamed(tokenizer: &Arc<dyn Tokenizer>, text: &str, block: usize) -> TokenCount {
    let mut counter = StreamCounter::new(Arc::clone(tokenizer));
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(block).for_each(|block| counter.push(&block.iter().collect::<String>()));
    counter.finish()
}

#[test]
fn every_recorded_declaration_is_met() {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("data/claude/udhr.jsonl.gz")[..]).read_to_string(&mut text).expect("gzip of UTF-8");
    let documents = lines(&text);
    assert!(documents.len() >= 120);
    let [v3, v4_7] = tokenizers();
    for document in &documents {
        let text = document["text"].as_str().expect("text");
        let recorded = |key: &str| document[key].as_u64().expect("a count");
        assert_eq!(v3.count(text).tokens + 7, recorded("v3"), "v3 {}", document["name"]);
        assert_eq!(v4_7.count(text).tokens + 11, recorded("v4.7"), "v4.7 {}", document["name"]);
        assert_eq!(message_tokens(text, Frame::V3).tokens, recorded("v3"));
        assert_eq!(message_tokens(text, Frame::Opus47).tokens, recorded("v4.7"));
    }
}

#[test]
fn every_case_is_what_the_reference_counts_for_a_message() {
    let frames = [("claude_v3", Frame::V3), ("claude_v4.7", Frame::Opus47), ("claude_v4.8", Frame::V48)];
    let cases = lines(include_str!("data/token-cases.jsonl"));
    assert_eq!(cases.len(), 44);
    for case in &cases {
        let text = case["text"].as_str().expect("text");
        for (name, frame) in frames {
            let count = message_tokens(text, frame);
            assert_eq!(Some(count.tokens), case["recon_message"][name].as_u64(), "{name} {}", case["id"]);
            assert_eq!(count.basis, Basis::Reconstructed);
        }
    }
}

#[test]
fn the_range_is_one_percent_and_two_tokens_at_least() {
    for tokenizer in tokenizers() {
        let nothing = tokenizer.count("");
        assert_eq!((nothing.tokens, nothing.low, nothing.high), (0, 0, 0));
        let word = tokenizer.count("the");
        assert_eq!((word.tokens, word.low, word.high, word.basis), (1, 0, 3, Basis::Reconstructed));
        let long = tokenizer.count(&"the ".repeat(1_000));
        assert_eq!((long.high - long.tokens, long.tokens - long.low), (11, 11)); // 1001 tokens: the last space is one
    }
}

#[test]
fn lookalikes_of_marks_are_ordinary_text() {
    // The characters that the reference uses for its marks, and the control characters that ours might be taken for.
    for tokenizer in tokenizers() {
        assert!(tokenizer.count("\u{fdd0}the\u{fdd1}").tokens > 5);
        assert_eq!(tokenizer.count("\u{1}the\u{2}").tokens, tokenizer.count("the").tokens);
    }
}

/// Text that has every kind of run, close together.
fn text() -> impl Strategy<Value = String> {
    let unit = prop_oneof![
        4 => "[a-cA-C]{1,6}",
        3 => "[ \n\t]{1,3}",
        2 => "[0-9]{1,4}",
        3 => "[.,'\"!()=_-]{1,3}",
        1 => "(HTTP|Hello|it's|we'll|'Tis|İZ|ẞA)",
        1 => "[あ漢字、。（？한글яЖéñקमि์]{1,4}",
        1 => "[\u{301}\u{308}\u{fe0f}\u{200d}\u{e4d}\u{e32}\u{711}\u{0}\u{1}\u{a0}\u{e000}½²٣👍]{1,2}",
        1 => "\\PC",
    ];
    prop::collection::vec(unit, 0..24).prop_map(|units| units.concat())
}

proptest! {
    #![proptest_config(laws::cases(16))]

    #[test]
    fn a_stream_counts_as_the_whole(text in text(), end in "[a-z0-9字я]", start in "[ \n\t,;字0a]", after in text(), block in 1usize..70_000) {
        // Long enough to be cut between `end` and `start`. That all cuts are right is tested beside the engine.
        let filler = "-".repeat(farebox::tokenizer::cut::CHUNK - text.len() - end.len());
        let whole = format!("{filler}{text}{end}{start}{after}");
        for tokenizer in tokenizers() {
            prop_assert_eq!(streamed(&tokenizer, &whole, block), tokenizer.count(&whole));
        }
    }

    #[test]
    fn a_range_holds_its_count(text in any::<String>()) {
        for tokenizer in tokenizers() {
            let count = tokenizer.count(&text);
            prop_assert!(count.low <= count.tokens && count.tokens <= count.high);
            prop_assert_eq!(count.tokens == 0 && count.high == 0, text.is_empty());
        }
    }
}
