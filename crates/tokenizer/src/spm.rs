//! Counts with a SentencePiece vocabulary of the byte-pair kind: Gemma, Llama 2, Mistral before Tekken.
//!
//! Every space becomes `▁` (U+2581), some vocabularies put one before the text, and then *characters* are merged, not
//! bytes, by [`fast`] and without a regex. A character that is no token counts as many tokens as it has
//! bytes. Strings that the vocabulary calls user-defined are tokens wherever they stand, and nothing merges with them.
//!
//! A text is merged in pieces all the same: no token goes on with a `▁` after a letter, so the text ends a piece there.
//! What `fast` does not take is merged by `Merger`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::cut::{self, Cuts};
use super::merger::Merger;
use super::merges::Merges;
use super::symbols::Symbols;
use super::vocab::{Tokens, Vocabulary, frames};
use super::vocabulary_error::VocabularyError;
use super::{TokenCount, Tokenizer, fast, prepared};

/// What a space becomes.
const MARK: char = '\u{2581}';

/// A SentencePiece vocabulary.
pub(crate) struct Model {
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
pub(crate) struct Loaded {
    way: SpmWay,
    symbols: Symbols,
}

enum SpmWay {
    /// With spaces for marks, so that a text can be counted where it lies.
    Fast(fast::Engine),
    /// For what [`fast`] does not take.
    Slow {
        vocabulary: Vocabulary,
        /// Characters that some token has directly before a `▁`, other than `▁` itself.
        before_mark: HashSet<char>,
    },
}

macro_rules! models {
    ($($(#[$about:meta])* $static:ident = $name:literal $frame:ident $symbols:expr, $mark_first:literal;)+) => {
        $($(#[$about])* pub(crate) static $static: Model = Model {
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
            let unpack = |frame| Tokens::unpack(frame).expect("the frames in this crate are whole: a test reads each");
            let symbols = self.symbols.map(unpack);
            let symbols: Vec<&[u8]> = symbols.iter().flat_map(Tokens::iter).collect();
            let frame = self.frame;
            let lay_out = move || {
                let merges = Merges::unpack(&[frame]).expect("the frames in this crate are whole: a test reads each");
                // No token of these has a space of its own, and each has the mark.
                fast::Rules::Spaces.lay_out(&merges.rewritten(spaced), false)
            };
            match prepared::engine(self.name, &[frame], fast::Rules::Spaces, Arc::new(lay_out)) {
                Some(engine) => Loaded::fast(engine, &symbols),
                None => Loaded::slow(Vocabulary::new(unpack(self.frame)), &symbols),
            }
        })
    }
}

/// Writes a token or a symbol with spaces for marks.
fn spaced(token: &[u8], out: &mut Vec<u8>) {
    let mark = MARK.len_utf8();
    let mut rest = token;
    while let Some(byte) = rest.first() {
        let is_mark = rest.starts_with(&[0xe2, 0x96, 0x81]);
        out.push(if is_mark { b' ' } else { *byte });
        rest = &rest[if is_mark { mark } else { 1 }..];
    }
}

/// The fast engine, where no token has a space of its own, and the mark is a token.
fn engine<'t>(tokens: impl Iterator<Item = &'t [u8]>) -> Option<fast::Engine> {
    let tokens = Tokens::rewritten(tokens, |token, out| {
        // A space of its own becomes the empty token, which no vocabulary has.
        if !token.contains(&b' ') {
            spaced(token, out);
        }
    });
    let tokens: Vec<&[u8]> = tokens.iter().collect();
    if tokens.contains(&&b""[..]) || !tokens.contains(&&b" "[..]) {
        return None;
    }
    fast::Engine::made(&tokens, false, fast::Rules::Spaces)
}

impl Loaded {
    fn fast(engine: fast::Engine, symbols: &[&[u8]]) -> Self {
        let symbols = Tokens::rewritten(symbols.iter().copied(), spaced);
        Loaded { way: SpmWay::Fast(engine), symbols: Symbols::new(symbols.iter().map(<[u8]>::to_vec)) }
    }

    fn slow(vocabulary: Vocabulary, symbols: &[&[u8]]) -> Self {
        let before_mark = vocabulary.tokens().flat_map(before_mark).collect();
        Loaded {
            way: SpmWay::Slow { vocabulary, before_mark },
            symbols: Symbols::new(symbols.iter().map(|symbol| symbol.to_vec())),
        }
    }

    fn count(&self, text: &str, mark_first: bool) -> u64 {
        let (mut found, mut merged) = (0, 0);
        let mark_first = mark_first && !text.is_empty();
        match &self.way {
            SpmWay::Fast(engine) => {
                let text = if text.contains(MARK) { Cow::Owned(text.replace(MARK, " ")) } else { Cow::Borrowed(text) };
                let text = if mark_first { Cow::Owned(format!(" {text}")) } else { text };
                self.symbols.around(&text, || found += 1, |between| merged += engine.count(between));
            }
            SpmWay::Slow { vocabulary, before_mark } => {
                let mut marked = String::with_capacity(text.len() + text.len() / 2);
                if mark_first {
                    marked.push(MARK);
                }
                marked.extend(text.chars().map(|c| if c == ' ' { MARK } else { c }));
                let mut merger = Merger::default();
                let mut count_piece = |piece: &str| merged += count_piece(&mut merger, vocabulary, piece);
                let split = |between: &str| split_before_marks(between, before_mark, &mut count_piece);
                self.symbols.around(&marked, || found += 1, split);
            }
        }
        found + merged
    }
}

/// A vocabulary of the user's own.
pub(crate) struct OwnPieces {
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
    /// [`VocabularyError`] where the strings are too many to be looked for.
    pub(crate) fn new(
        name: &str,
        vocabulary: Vocabulary,
        symbols: &[Vec<u8>],
        mark_first: bool,
    ) -> Result<Self, VocabularyError> {
        let symbols_cross = symbols.iter().any(|symbol| {
            let text = String::from_utf8_lossy(symbol);
            text.chars().zip(text.chars().skip(1)).any(|(a, b)| a.is_alphanumeric() && b == MARK)
        });
        let symbols: Vec<&[u8]> = symbols.iter().map(Vec::as_slice).collect();
        let crossed = symbols_cross || vocabulary.tokens().flat_map(before_mark).any(char::is_alphanumeric);
        let loaded = match engine(vocabulary.tokens()) {
            Some(engine) => Loaded::fast(engine, &symbols),
            None => Loaded::slow(vocabulary, &symbols),
        };
        if !loaded.symbols.can_be_found() {
            return Err(VocabularyError::broken("its strings that are tokens anywhere are too many to be looked for"));
        }
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
pub(crate) struct SentencePiece(&'static Model);

impl SentencePiece {
    /// Counts with this model, shared; cheap until the first count.
    ///
    /// # Panics
    /// At the first count, where this build leaves the vocabulary out (feature `open-models`): [`load`](super::load) then
    /// gives an estimate instead.
    #[must_use]
    pub(crate) fn shared(model: &'static Model) -> Arc<dyn Tokenizer> {
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
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::fast::tests::{any_text, kept};
    use super::*;
    use farebox_testing::hard_texts;

    const MODELS: [&Model; 3] = [&MISTRAL_V1, &GEMMA3, &GEMMA4];

    /// The same models by [`Merger`].
    static SLOW: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
        let slow = |model: &&Model| {
            let symbols = model.symbols.map(|frame| Tokens::unpack(frame).unwrap());
            let symbols: Vec<&[u8]> = symbols.iter().flat_map(Tokens::iter).collect();
            Loaded::slow(Vocabulary::unpack(&[model.frame]).unwrap(), &symbols)
        };
        MODELS.iter().map(slow).collect()
    });

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn no_token_has_a_space_after_a_letter_or_a_digit() {
        for (model, slow) in MODELS.iter().zip(SLOW.iter()) {
            let SpmWay::Slow { before_mark, .. } = &slow.way else { panic!("{} is not slow", model.name) };
            assert!(!before_mark.iter().any(|c| c.is_alphanumeric()), "{}: {before_mark:?}", model.name);
        }
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn hard_texts_count_as_the_slow_way_does() {
        let texts = hard_texts::texts(12_000);
        for (model, slow) in MODELS.iter().zip(SLOW.iter()) {
            assert!(matches!(model.loaded().way, SpmWay::Fast(_)), "{}", model.name);
            for (about, text) in &texts {
                assert_eq!(model.loaded().count(text, true), slow.count(text, true), "{}: {about}", model.name);
            }
        }
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn blocks_that_cut_a_character_count_as_the_slow_way_does() {
        for letters in 440..570 {
            for lines in [19, 20, 33] {
                let text = "x".repeat(letters) + &"\u{2500}".repeat(lines);
                for (model, slow) in MODELS.iter().zip(SLOW.iter()) {
                    let count = model.loaded().count(&text, false);
                    assert_eq!(count, slow.count(&text, false), "{}: {letters} {lines}", model.name);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(100))]
        #[test]
        #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
        fn any_text_counts_as_the_slow_way_does(text in any_text(), mark_first: bool) {
            for (model, slow) in MODELS.iter().zip(SLOW.iter()) {
                let count = model.loaded().count(&text, mark_first);
                prop_assert_eq!(count, slow.count(&text, mark_first), "{}", model.name);
                let SpmWay::Fast(engine) = &model.loaded().way else { unreachable!("{}", model.name) };
                let symbols = model.symbols.map(|frame| Tokens::unpack(frame).unwrap());
                let symbols: Vec<&[u8]> = symbols.iter().flat_map(Tokens::iter).collect();
                let kept = Loaded::fast(kept(engine), &symbols);
                prop_assert_eq!(kept.count(&text, mark_first), count, "{}", model.name);
            }
        }
    }

    #[test]
    fn a_vocabulary_with_a_space_of_its_own_is_counted_all_the_same() {
        let tokens: Vec<Vec<u8>> = ["a", " ", "\u{2581}", "\u{2581}a"].map(|token| token.as_bytes().to_vec()).into();
        let own = OwnPieces::new("own", Vocabulary::of(&tokens).unwrap(), &[], false).unwrap();
        assert!(matches!(own.loaded.way, SpmWay::Slow { .. }));
        assert_eq!(own.count("a a\u{e9}"), TokenCount::exact(4)); // a, ▁a, two bytes
    }
}
