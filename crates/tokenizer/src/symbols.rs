//! Finds the strings of a vocabulary that are tokens wherever they stand, the longest where several begin.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, MatchKind};

use super::vocab::Tokens;

/// Bytes of a text up to which only those symbols are looked for that may be in it.
const TEXT: usize = 4 << 10;

/// Such texts after which it takes less time to look for all symbols.
const TEXTS: usize = 64;

/// The symbols of a vocabulary.
pub(crate) struct Symbols {
    strings: Vec<Vec<u8>>,
    /// What finds all of them, which takes a few milliseconds to build for some thousands.
    all: OnceLock<Option<AhoCorasick>>,
    texts: AtomicUsize,
}

impl Symbols {
    /// Of strings, none of them empty.
    pub(crate) fn new(strings: impl Iterator<Item = Vec<u8>>) -> Symbols {
        Symbols { strings: strings.collect(), all: OnceLock::new(), texts: AtomicUsize::new(0) }
    }

    /// Whether they can be looked for: they may be too many.
    pub(crate) fn can_be_found(&self) -> bool {
        self.strings.is_empty() || self.all().is_some()
    }

    /// Calls `symbol` for every symbol in the text and `other` with what stands between them.
    pub(crate) fn around(&self, text: &str, symbol: impl FnMut(), other: impl FnMut(&str)) {
        let is_short = text.len() <= TEXT && self.all.get().is_none();
        if is_short && self.texts.fetch_add(1, Ordering::Relaxed) < TEXTS {
            around_symbols(finder(&self.possible(text.as_bytes())).as_ref(), text, symbol, other);
        } else {
            around_symbols(self.all(), text, symbol, other);
        }
    }

    fn all(&self) -> Option<&AhoCorasick> {
        self.all.get_or_init(|| finder(&self.strings)).as_ref()
    }

    /// The symbols all of whose neighbouring bytes are neighbours somewhere in the text: no other can be in it.
    fn possible(&self, text: &[u8]) -> Vec<&[u8]> {
        let mut pairs = vec![0_u64; 1 << 10];
        let place = |two: &[u8]| (usize::from(two[0]) << 2 | usize::from(two[1] >> 6), 1 << (two[1] & 63));
        for two in text.windows(2) {
            let (word, bit) = place(two);
            pairs[word] |= bit;
        }
        let is_possible = |string: &&[u8]| {
            string.windows(2).all(|two| {
                let (word, bit) = place(two);
                pairs[word] & bit != 0
            })
        };
        self.strings.iter().map(Vec::as_slice).filter(is_possible).collect()
    }
}

/// `None` where there are no strings, or too many.
fn finder<S: AsRef<[u8]>>(strings: &[S]) -> Option<AhoCorasick> {
    let builder = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(strings);
    if strings.is_empty() { None } else { builder().ok() }
}

/// What finds the strings of a frame in a text.
pub(super) fn find_symbols(frame: &[u8]) -> AhoCorasick {
    let symbols = Tokens::unpack(frame).expect("the frames in this crate are whole: a test reads each");
    let symbols: Vec<&[u8]> = symbols.iter().collect();
    finder(&symbols).expect("a few thousand short strings fit")
}

/// Calls `symbol` for every symbol in the text and `other` with what stands between them.
pub(super) fn around_symbols(
    symbols: Option<&AhoCorasick>,
    text: &str,
    mut symbol: impl FnMut(),
    mut other: impl FnMut(&str),
) {
    let mut done = 0;
    for found in symbols.iter().flat_map(|symbols| symbols.find_iter(text)) {
        if done < found.start() {
            other(&text[done..found.start()]);
        }
        symbol();
        done = found.end();
    }
    if done < text.len() {
        other(&text[done..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(symbols: &Symbols, text: &str) -> (usize, Vec<String>) {
        let (mut count, mut between) = (0, Vec::new());
        symbols.around(text, || count += 1, |part| between.push(part.to_owned()));
        (count, between)
    }

    #[test]
    fn a_short_text_is_parted_as_a_long_one() {
        let strings = ["\n", "\n\n", "<b>", "</b>", "<unused1>", "aa"];
        for text in ["", "\n", "a", "x\n\n\ny", "<b>a</b>", "<unused1><unused2>", "aaa <b", "héé<b>é"] {
            let symbols = || Symbols::new(strings.iter().map(|string| string.as_bytes().to_vec()));
            let all = symbols();
            assert!(all.can_be_found());
            assert_eq!(found(&symbols(), text), found(&all, text), "{text:?}");
        }
        let symbols = Symbols::new(strings.iter().map(|string| string.as_bytes().to_vec()));
        for _ in 0..2 * TEXTS {
            assert_eq!(found(&symbols, "<b>x\n\n"), (2, vec!["x".to_owned()]));
        }
    }
}
