//! Finds the strings of a vocabulary that are tokens wherever they stand, the longest where several begin.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};

use super::vocab::Tokens;

/// Bytes of a text up to which only those symbols are looked for that may be in it.
const TEXT: usize = 4 << 10;

/// Such texts after which it takes less time to look for all symbols.
const TEXTS: usize = 64;

/// The symbols of a vocabulary.
pub(crate) struct Symbols {
    strings: Vec<Vec<u8>>,
    /// What finds all of them, which takes a few milliseconds to build for some thousands.
    all: OnceLock<Option<Finder>>,
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
            around_symbols(Finder::of(&self.possible(text.as_bytes())).as_ref(), text, symbol, other);
        } else {
            around_symbols(self.all(), text, symbol, other);
        }
    }

    fn all(&self) -> Option<&Finder> {
        self.all.get_or_init(|| Finder::of(&self.strings)).as_ref()
    }

    /// The symbols all of whose neighbouring bytes are neighbours somewhere in the text: no other can be in it.
    fn possible(&self, text: &[u8]) -> Vec<&[u8]> {
        let mut pairs = Pairs::default();
        text.windows(2).for_each(|two| pairs.put(two[0], two[1]));
        let is_possible = |string: &&[u8]| string.windows(2).all(|two| pairs.has(two[0], two[1]));
        self.strings.iter().map(Vec::as_slice).filter(is_possible).collect()
    }
}

/// Two bytes side by side, as a set.
struct Pairs(Box<[u64; 1 << 10]>);

impl Default for Pairs {
    fn default() -> Self {
        Pairs(Box::new([0; 1 << 10]))
    }
}

impl Pairs {
    const fn place(first: u8, second: u8) -> (usize, u32) {
        ((first as usize) << 2 | second as usize >> 6, (second & 63) as u32)
    }

    fn put(&mut self, first: u8, second: u8) {
        let (word, bit) = Pairs::place(first, second);
        self.0[word] |= 1 << bit;
    }

    #[inline]
    fn has(&self, first: u8, second: u8) -> bool {
        let (word, bit) = Pairs::place(first, second);
        self.0[word] >> bit & 1 != 0
    }
}

/// Finds symbols: few places of a text begin like one, and only there an automaton is asked, for the longest.
pub(super) struct Finder {
    /// The two bytes that a symbol begins with; any second byte for one that is a single byte.
    begins: Pairs,
    automaton: AhoCorasick,
}

impl Finder {
    /// `None` where there are no strings, or too many.
    fn of<S: AsRef<[u8]>>(strings: &[S]) -> Option<Finder> {
        let mut begins = Pairs::default();
        for string in strings {
            match *string.as_ref() {
                [first, second, ..] => begins.put(first, second),
                [first] => (0..=u8::MAX).for_each(|second| begins.put(first, second)),
                [] => {}
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest).start_kind(StartKind::Anchored);
        let automaton = if strings.is_empty() { None } else { builder.build(strings).ok() };
        automaton.map(|automaton| Finder { begins, automaton })
    }

    /// Where the first symbol from a place on begins and ends.
    fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let mut at = from;
        loop {
            let rest = text.get(at..)?;
            // A symbol of one byte may end the text; of its second byte nothing is asked.
            let ends = || rest.last().filter(|last| self.begins.has(**last, 0)).map(|_| rest.len() - 1);
            at += rest.windows(2).position(|two| self.begins.has(two[0], two[1])).or_else(ends)?;
            let input = Input::new(text).range(at..).anchored(Anchored::Yes);
            if let Some(found) = self.automaton.find(input) {
                return Some((found.start(), found.end()));
            }
            at += 1;
        }
    }
}

/// What finds the strings of a frame in a text.
pub(super) fn find_symbols(frame: &[u8]) -> Finder {
    let symbols = Tokens::unpack(frame).expect("the frames in this crate are whole: a test reads each");
    let symbols: Vec<&[u8]> = symbols.iter().collect();
    Finder::of(&symbols).expect("a few thousand short strings fit")
}

/// Calls `symbol` for every symbol in the text and `other` with what stands between them.
pub(super) fn around_symbols(
    symbols: Option<&Finder>,
    text: &str,
    mut symbol: impl FnMut(),
    mut other: impl FnMut(&str),
) {
    let mut done = 0;
    while let Some((start, end)) = symbols.and_then(|symbols| symbols.next(text.as_bytes(), done)) {
        if done < start {
            other(&text[done..start]);
        }
        symbol();
        done = end;
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
