//! Where a text has to end to stay within a number of tokens: [`Limit`].

use std::sync::Arc;

use super::cut::{Cut, floor_char_boundary, next_cut, part};
use super::{TokenCount, Tokenizer, count_next};

/// Characters past the place that halving finds in which a longer fit is looked for: a longer text can be fewer tokens,
/// since its end may complete a piece, and no piece of the vocabularies here that a text ends with is longer.
const BEYOND: usize = 64;

/// The end of the part of a text that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitPlace {
    /// Bytes of the text before it.
    pub byte: u64,
    /// Its line, from 1.
    pub line: u64,
    /// Its column in characters, from 1.
    pub column: u64,
    /// The count of the text before it.
    pub kept: TokenCount,
}

/// Counts a text in blocks, and finds how much of its beginning is at most so many tokens.
///
/// A count with a range fits when its upper end does. The memory that is held is that of
/// [`StreamCounter`](super::StreamCounter), whatever the length of the text.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{limit::Limit, load};
/// let mut limit = Limit::new(load("o200k_base")?, 2);
/// for block in ["hello wo", "rld, and everyone else"] {
///     limit.push(block);
/// }
/// let place = limit.finish().expect("the text has more than 2 tokens");
/// assert_eq!((place.byte, place.column, place.kept.tokens), (11, 12, 2)); // "hello world"
/// # Ok::<(), farebox_tokenizer::TokenizerError>(())
/// ```
pub struct Limit {
    tokenizer: Arc<dyn Tokenizer>,
    tokens: u64,
    pending: String,
    started: bool,
    kept: LimitPlace,
    is_found: bool,
}

impl Limit {
    /// Starts with an empty text.
    #[must_use]
    pub fn new(tokenizer: Arc<dyn Tokenizer>, tokens: u64) -> Self {
        let kept = LimitPlace { byte: 0, line: 1, column: 1, kept: TokenCount::default() };
        Limit { tokenizer, tokens, pending: String::new(), started: false, kept, is_found: false }
    }

    /// Takes the next block of the text.
    pub fn push(&mut self, block: &str) {
        if self.is_found {
            return;
        }
        self.pending.push_str(block);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_str();
        while let Some(Cut { at, forced }) = next_cut(rest, self.tokenizer.cuts()) {
            let (head, tail) = rest.split_at(at);
            if !self.take(head, forced) {
                return;
            }
            rest = tail;
        }
        self.pending.push_str(rest);
    }

    /// Ends the text: where it has to be cut, or `None` where all of it fits.
    #[must_use]
    pub fn finish(mut self) -> Option<LimitPlace> {
        let pending = std::mem::take(&mut self.pending);
        if !self.is_found {
            self.take(&pending, false);
        }
        self.is_found.then_some(self.kept)
    }

    /// Keeps a part that fits whole; of one that does not, as much as fits, which ends the search.
    fn take(&mut self, text: &str, forced: bool) -> bool {
        let count = self.count(text, forced);
        if self.fits(count) {
            self.keep(text, count);
            return true;
        }
        self.is_found = true;
        let (mut fits, mut exceeds) = (0_usize, text.len());
        while let middle = floor_char_boundary(text, fits.midpoint(exceeds))
            && middle > fits
        {
            if self.fits(self.count(&text[..middle], false)) { fits = middle } else { exceeds = middle }
        }
        let beyond = text[fits..].char_indices().map(|(at, c)| fits + at + c.len_utf8()).take(BEYOND);
        let fits = beyond.filter(|end| self.fits(self.count(&text[..*end], false))).last().unwrap_or(fits);
        self.keep(&text[..fits], self.count(&text[..fits], false));
        false
    }

    fn count(&self, text: &str, forced: bool) -> TokenCount {
        let mut started = self.started;
        part(text, forced, |text| count_next(&*self.tokenizer, &mut started, text))
    }

    fn fits(&self, more: TokenCount) -> bool {
        self.kept.kept.high.saturating_add(more.high) <= self.tokens
    }

    fn keep(&mut self, text: &str, count: TokenCount) {
        self.started |= !text.is_empty();
        self.kept.kept += count;
        self.kept.byte += text.len() as u64;
        let lines = text.bytes().filter(|b| *b == b'\n').count() as u64;
        let last = text.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
        self.kept.line += lines;
        self.kept.column = if lines > 0 { 1 + last } else { self.kept.column + last };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StreamCounter, load};

    fn place(tokenizer: &str, text: &str, tokens: u64) -> Option<LimitPlace> {
        let mut limit = Limit::new(load(tokenizer).unwrap(), tokens);
        let mut rest = text;
        while !rest.is_empty() {
            let (block, tail) = rest.split_at(floor_char_boundary(rest, 1 << 12).max(rest.len().min(4)));
            limit.push(block);
            rest = tail;
        }
        limit.finish()
    }

    fn counted(tokenizer: &str, text: &str) -> TokenCount {
        let mut counter = StreamCounter::new(load(tokenizer).unwrap());
        counter.push(text);
        counter.finish()
    }

    #[test]
    fn what_is_kept_fits_and_a_character_more_does_not() {
        let text =
            "The quick brown fox, jumps\nover 13 lazy dogs. Ünïcödé 中文字 \u{1F469}\u{200D}\u{1F4BB}!\n".repeat(900);
        for tokenizer in ["cl100k_base", "llama2", "command_r"] {
            let all = counted(tokenizer, &text);
            for tokens in [0, 7, all.high / 2, all.high - 1] {
                let place = place(tokenizer, &text, tokens).expect("the text is longer");
                let kept = &text[..usize::try_from(place.byte).unwrap()];
                assert_eq!(place.kept.high, counted(tokenizer, kept).high, "{tokenizer} {tokens}");
                assert!(place.kept.high <= tokens, "{tokenizer} {tokens}: {place:?}");
                let next = kept.len() + text[kept.len()..].chars().next().unwrap().len_utf8();
                assert!(counted(tokenizer, &text[..next]).high > tokens, "{tokenizer} {tokens}: {place:?}");
                assert_eq!(place.line, 1 + kept.matches('\n').count() as u64);
                assert_eq!(place.column, 1 + kept.rsplit('\n').next().unwrap().chars().count() as u64);
            }
            assert_eq!(place(tokenizer, &text, all.high), None);
        }
        assert_eq!(place("o200k_base", "", 0), None);
    }
}
