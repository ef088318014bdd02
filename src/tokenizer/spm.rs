//! Counts with a SentencePiece vocabulary of the byte-pair kind: Gemma, Llama 2, Mistral before Tekken.
//!
//! Every space becomes `▁` (U+2581), some vocabularies put one before the text, and then *characters* are merged, not
//! bytes, by the same [`Merger`] and without a regex. A character that is no token counts as many tokens as it has
//! bytes. Strings that the vocabulary calls user-defined are tokens wherever they stand, and nothing merges with them.
//!
//! A text is merged in pieces all the same: no token goes on with a `▁` after a letter, so the text ends a piece there.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};

use super::bpe::{around_symbols, find_symbols};
use super::cut::{self, Cuts};
use super::merger::Merger;
use super::vocab::{Vocabulary, frames};
use super::{TokenCount, Tokenizer};

/// What a space becomes.
const MARK: char = '\u{2581}';

/// A SentencePiece vocabulary.
pub struct Model {
    /// The name it is asked for by.
    pub name: &'static str,
    /// Frame of the tokens that merging makes, in the order of merging.
    pub frame: &'static [u8],
    /// Frame of the user-defined strings.
    pub symbols: Option<&'static [u8]>,
    /// Whether a `▁` comes before the text.
    pub mark_first: bool,
    /// Unpacked at the first count.
    pub loaded: OnceLock<Loaded>,
}

/// What a [`Model`] counts with.
pub struct Loaded {
    vocabulary: Vocabulary,
    symbols: Option<AhoCorasick>,
    /// Characters that some token has directly before a `▁`, other than `▁` itself.
    before_mark: HashSet<char>,
}

macro_rules! models {
    ($($(#[$about:meta])* $static:ident = $name:literal $frame:ident $symbols:expr, $mark_first:literal;)+) => {
        $($(#[$about])* pub static $static: Model = Model {
            name: $name, frame: frames::$frame, symbols: $symbols, mark_first: $mark_first, loaded: OnceLock::new(),
        };)+
    };
}

models! {
    /// Mistral 7B and Mixtral.
    MISTRAL_V1 = "mistral_v1_spm" MISTRAL_SPM None, true;
    /// Mistral 7B v0.3 and Mixtral 8x22B.
    MISTRAL_V3 = "mistral_v3_spm" MISTRAL_SPM None, true;
    /// Gemma 3.
    GEMMA3 = "gemma3" GEMMA4 Some(frames::GEMMA3_SYMBOLS), false;
    /// Gemma 4.
    GEMMA4 = "gemma4" GEMMA4 None, false;
}

#[cfg(feature = "llama")]
models! {
    /// Llama 2.
    LLAMA2 = "llama2" LLAMA2 None, true;
}

impl Model {
    fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| {
            let vocabulary =
                Vocabulary::unpack(&[self.frame]).expect("the frames in this crate are whole: a test reads each");
            Loaded::new(vocabulary, self.symbols.map(find_symbols))
        })
    }
}

impl Loaded {
    fn new(vocabulary: Vocabulary, symbols: Option<AhoCorasick>) -> Self {
        let before_mark = vocabulary.tokens().flat_map(before_mark).collect();
        Loaded { vocabulary, symbols, before_mark }
    }

    fn count(&self, text: &str, mark_first: bool) -> u64 {
        let Loaded { vocabulary, symbols, before_mark } = self;
        let mut marked = String::with_capacity(text.len() + text.len() / 2);
        if mark_first && !text.is_empty() {
            marked.push(MARK);
        }
        marked.extend(text.chars().map(|c| if c == ' ' { MARK } else { c }));
        let mut merger = Merger::default();
        let (mut found, mut merged) = (0, 0);
        let mut count_piece = |piece: &str| merged += count_piece(&mut merger, vocabulary, piece);
        around_symbols(
            symbols.as_ref(),
            &marked,
            || found += 1,
            |between| split_before_marks(between, before_mark, &mut count_piece),
        );
        found + merged
    }
}

/// A vocabulary of the user's own.
pub struct OwnPieces {
    name: String,
    loaded: Loaded,
    mark_first: bool,
    cuts: Cuts,
}

impl OwnPieces {
    /// Pieces in the order of merging, the strings that are tokens wherever they stand, and whether a `▁` goes before
    /// the text.
    ///
    /// # Errors
    /// A text for people where the strings are too many to be looked for.
    pub fn new(name: &str, vocabulary: Vocabulary, symbols: &[Vec<u8>], mark_first: bool) -> Result<Self, String> {
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(symbols);
        let symbols_cross = symbols.iter().any(|symbol| {
            let text = String::from_utf8_lossy(symbol);
            text.chars().zip(text.chars().skip(1)).any(|(a, b)| a.is_alphanumeric() && b == MARK)
        });
        let symbols = (!symbols.is_empty()).then_some(finder.map_err(|e| e.to_string())?);
        let loaded = Loaded::new(vocabulary, symbols);
        let crossed = symbols_cross || loaded.before_mark.iter().any(|c| c.is_alphanumeric());
        let cuts = if crossed { Cuts::Nowhere } else { Cuts::Spaces };
        Ok(OwnPieces { name: name.to_owned(), loaded, mark_first, cuts })
    }
}

impl Tokenizer for OwnPieces {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> TokenCount {
        let mut first = self.mark_first;
        cut::count_parts(text, self.cuts, |part| {
            TokenCount::exact(self.loaded.count(part, std::mem::replace(&mut first, false)))
        })
    }

    fn count_rest(&self, text: &str) -> TokenCount {
        TokenCount::exact(self.loaded.count(text, false))
    }

    fn cuts(&self) -> Cuts {
        self.cuts
    }
}

/// The characters of a token that stand before a `▁`.
fn before_mark(token: &[u8]) -> Vec<char> {
    if token.len() <= MARK.len_utf8() || !token[1..].contains(&0xe2) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(token);
    let pairs = text.chars().zip(text.chars().skip(1));
    pairs.filter(|(before, after)| *after == MARK && *before != MARK).map(|(before, _)| before).collect()
}

/// Counts with a [`Model`].
#[derive(Clone, Copy)]
pub struct SentencePiece(&'static Model);

impl SentencePiece {
    /// Counts with this model; cheap until the first count.
    #[must_use]
    pub const fn new(model: &'static Model) -> Self {
        SentencePiece(model)
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(model: &'static Model) -> Arc<dyn Tokenizer> {
        Arc::new(SentencePiece(model))
    }
}

/// Calls `each` with pieces that no token reaches across.
fn split_before_marks(text: &str, before_mark: &HashSet<char>, each: &mut impl FnMut(&str)) {
    let mut done = 0;
    let mut last = MARK;
    for (at, c) in text.char_indices() {
        if c == MARK && last != MARK && !before_mark.contains(&last) {
            each(&text[done..at]);
            done = at;
        }
        last = c;
    }
    if done < text.len() {
        each(&text[done..]);
    }
}

fn count_piece(merger: &mut Merger, vocabulary: &Vocabulary, piece: &str) -> u64 {
    let starts = piece.char_indices().map(|(at, _)| at as u32);
    let starts = merger.merge(vocabulary, piece.as_bytes(), starts);
    let ends = starts.iter().skip(1).copied().chain([piece.len() as u32]);
    let tokens = starts.iter().zip(ends).map(|(start, end)| &piece.as_bytes()[*start as usize..end as usize]);
    tokens.map(|token| if vocabulary.rank(token).is_some() { 1 } else { token.len() as u64 }).sum()
}

impl Tokenizer for SentencePiece {
    fn name(&self) -> &str {
        self.0.name
    }

    fn count(&self, text: &str) -> TokenCount {
        let mut first = self.0.mark_first;
        cut::count_parts(text, self.cuts(), |part| {
            TokenCount::exact(self.0.loaded().count(part, std::mem::replace(&mut first, false)))
        })
    }

    fn count_rest(&self, text: &str) -> TokenCount {
        TokenCount::exact(self.0.loaded().count(text, false))
    }

    /// No token of these vocabularies has a `▁` after a letter or a digit: a test looks.
    fn cuts(&self) -> Cuts {
        Cuts::Spaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_has_a_space_after_a_letter_or_a_digit() {
        for model in [&MISTRAL_V1, &MISTRAL_V3, &GEMMA3, &GEMMA4] {
            let Loaded { before_mark, .. } = model.loaded();
            assert!(!before_mark.iter().any(|c| c.is_alphanumeric()), "{}: {before_mark:?}", model.name);
        }
    }
}
