//! Vocabularies that users add.

use farebox_tokenizer::{StreamCounter, own};

use crate::assert_in_range;

/// What a vocabulary counts, once it is read.
const TEXTS: &[&str] = &[
    "",
    " ",
    "The quick brown fox, it's 12345 years old.\n\n\tEnd",
    "caf\u{e9} \u{4f60}\u{597d} \u{1f600}\u{200d}\u{1f469} \u{0301}\u{ad} \u{feff}<|endoftext|><s>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// A tokenizer.json, .tiktoken, tekken.json, SentencePiece model or GGUF.
///
/// Laws: a count is in its range, is the same each time and however many pieces the text comes in.
pub fn tokenizer_file(bytes: &[u8]) {
    let Ok(needed) = own::needed(bytes) else { return };
    let bytes = &bytes[..needed];
    for like in [None, Some("cl100k_base")] {
        let Ok((_, tokenizer)) = own::read("mine", bytes, like) else { continue };
        for text in TEXTS {
            let count = tokenizer.count(text);
            assert_in_range(count, text);
            assert_eq!(tokenizer.count(text), count, "{text:?}");
            let mut pieces = StreamCounter::new(tokenizer.clone());
            text.char_indices().for_each(|(at, c)| pieces.push(&text[at..at + c.len_utf8()]));
            assert_eq!(pieces.finish(), count, "{text:?} in pieces");
        }
    }
}
