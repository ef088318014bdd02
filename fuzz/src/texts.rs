//! Texts, counted by two engines that have nothing in common.

use std::sync::{Arc, LazyLock};

use farebox_tokenizer::reference::Reference;
use farebox_tokenizer::{StreamCounter, Tokenizer, load};

/// One of each kind: ranks by tiktoken's regexes, byte pairs of `tokenizers`, and SentencePiece.
const NAMES: &[&str] =
    &["o200k_base", "cl100k_base", "r50k_base", "llama3", "qwen2", "deepseek_v3", "llama2", "gemma3"];

/// The reference takes longer than linear on some texts.
const LONGEST: usize = 1_000;

struct Pair {
    name: &'static str,
    ours: Arc<dyn Tokenizer>,
    reference: Reference,
}

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let pair = |&name: &&'static str| Pair {
        name,
        ours: load(name).expect("a vocabulary of this build"),
        reference: Reference::of(name).expect("a reference of this build"),
    };
    NAMES.iter().map(pair).collect()
});

/// The first byte chooses the vocabulary, the rest is the text.
///
/// Laws: tiktoken-rs or `tokenizers` counts the same, and so does the counter of streams, however the text is cut.
pub fn text_count(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]);
    let Pair { name, ours, reference } = &PAIRS[usize::from(*first) % PAIRS.len()];
    let count = ours.count(&text);
    assert_eq!((count.low, count.high), (count.tokens, count.tokens), "{name}: {text:?}");
    if let Ok(other) = reference.count(&text) {
        assert_eq!(count.tokens, other, "{name}: {text:?}");
    }
    let mut pieces = StreamCounter::new(ours.clone());
    let cut = text.ceil_char_boundary(text.len() * usize::from(*first) / 255);
    [&text[..cut], &text[cut..]].into_iter().for_each(|piece| pieces.push(piece));
    assert_eq!(pieces.finish(), count, "{name}: {text:?} cut at {cut}");
}
