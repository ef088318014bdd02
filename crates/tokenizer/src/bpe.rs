//! Counts with byte-pair encoding: of all neighbouring tokens that together are a token, the pair of the lowest rank
//! is joined, the leftmost first, until no pair is left.
//!
//! [`ByteLevel`] is a [`Tokenizer`] that normalises a text, splits it ([`pretokenize`]) and merges
//! the bytes of every piece, which [`fast`] does for all vocabularies that it can lay out. Only counts come
//! out: no ids are kept anywhere.
//!
//! Joining by the rank of the *joined* token is what tiktoken does. A list of merges, as Hugging Face has it, gives the
//! same tokens where no two merges make one token, and where they do, because such lists are then made from
//! SentencePiece scores; the packer says how many there are, and `crates/tokenizer/examples/compare_reference.rs` compares both.

use std::sync::{Arc, OnceLock};

use unicode_normalization as current;
use unicode_normalization_alignments as unicode_9;

use std::borrow::Cow;

use super::cut::{self, Cuts};
use super::merger::Merger;
use super::merges::Merges;
use super::pretokenize::{self, Splitter, Step};
use super::symbols::{Finder, around_symbols, find_symbols};
use super::vocab::{Tokens, Vocabulary, frames};
use super::{TokenCount, Tokenizer, fast, prepared};

/// What is done to a text before it is split, each by the Unicode data of what the vocabulary was published with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normal {
    /// Nothing.
    AsIs,
    /// Unicode's canonical composition, of version 9: the data of the crate `tokenizers`, which leaves newer marks as they are.
    Nfc,
    /// Unicode's compatibility composition, of the newest version: what JavaScript's `normalize('NFKC')` does.
    Nfkc,
}

impl Normal {
    /// Normalises what is not ASCII, with the character before it: nothing composes across the border before an ASCII
    /// character, which is no mark and stays what it is.
    fn apply(self, text: &str) -> Cow<'_, str> {
        let (mut done, mut from, mut to) = (String::new(), 0, 0);
        while self != Normal::AsIs
            && let Some(wide) = first_wide(&text.as_bytes()[to..])
        {
            let start = (to + wide).saturating_sub(1).max(to);
            let end = text[to + wide..].find(|c: char| c.is_ascii()).map_or(text.len(), |length| to + wide + length);
            to = end;
            let part = &text[start..end];
            if !self.holds_for(part) {
                done.push_str(&text[from..start]);
                self.put_normal(part, &mut done);
                from = end;
            }
        }
        if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(done + &text[from..]) }
    }

    /// Puts the normal form of a text behind another.
    fn put_normal(self, mut text: &str, to: &mut String) {
        while let Some((start, end)) = self.repeated(text) {
            self.put_short(&text[..start], to);
            to.push_str(&text[start..end]);
            text = &text[end..];
        }
        self.put_short(text, to);
    }

    fn put_short(self, text: &str, to: &mut String) {
        match self {
            Normal::AsIs => to.push_str(text),
            Normal::Nfc => to.extend(unicode_9::UnicodeNormalization::nfc(text).map(|(c, _)| c)),
            Normal::Nfkc => to.extend(current::UnicodeNormalization::nfkc(text)),
        }
    }

    /// Whether a character is one that others may be put in front of.
    fn is_mark(self, c: char) -> bool {
        match self {
            Normal::AsIs => false,
            Normal::Nfc => unicode_9::char::canonical_combining_class(c) != 0,
            Normal::Nfkc => current::char::canonical_combining_class(c) != 0,
        }
    }

    /// Where a mark is repeated that stays as it is: behind an ASCII character it is soon behind its like, where it composes
    /// with nothing, and no mark follows that would be put before it.
    fn repeated(self, text: &str) -> Option<(usize, usize)> {
        let (mut rest, mut before) = (text, None);
        while let Some(mark) = rest.chars().next() {
            let length = rest.len() - rest.trim_start_matches(mark).len();
            let after = rest[length..].chars().next();
            if length > 2 * REPEATED * mark.len_utf8()
                && self.is_mark(mark)
                && before.is_none_or(|before: char| before.is_ascii())
                && after.is_none_or(|after| !self.is_mark(after))
                && self.stays(mark)
            {
                let start = text.len() - rest.len();
                return Some((start + REPEATED * mark.len_utf8(), start + length));
            }
            (rest, before) = (&rest[length..], Some(mark));
        }
        None
    }

    fn stays(self, c: char) -> bool {
        let mut alone = String::new();
        self.put_short(c.encode_utf8(&mut [0; 4]), &mut alone);
        alone.chars().eq([c])
    }

    /// Whether a text is certain to be normal already.
    fn holds_for(self, text: &str) -> bool {
        // Of a text that is not, the beginning mostly says so.
        let quick = |chars: usize| match self {
            Normal::AsIs => true,
            Normal::Nfc => unicode_9::is_nfc_quick(text.chars().take(chars)) == unicode_9::IsNormalized::Yes,
            Normal::Nfkc => current::is_nfkc_quick(text.chars().take(chars)) == current::IsNormalized::Yes,
        };
        text.chars().all(is_normal) || quick(32) && quick(usize::MAX)
    }
}

/// Times after which a mark is certain to be behind its like, and not composed.
const REPEATED: usize = 32;

/// Whether a character is among the most frequent of those that stay what they are in any text and form: the unified
/// ideographs of Unicode 1.1, kana, hangul syllables, Russian letters, dashes and quotation marks.
fn is_normal(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{7f}'
            | '\u{410}'..='\u{44f}'
            | '\u{2013}'..='\u{2014}'
            | '\u{2018}'..='\u{201d}'
            | '\u{3001}'..='\u{3002}'
            | '\u{3041}'..='\u{3094}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{30fc}'
            | '\u{4e00}'..='\u{9fa5}'
            | '\u{ac00}'..='\u{d7a3}'
    )
}

/// Where the first byte is that is not ASCII.
fn first_wide(bytes: &[u8]) -> Option<usize> {
    // A block at once, since most are ASCII.
    const BLOCK: usize = 64;
    let from = bytes.chunks(BLOCK).position(|block| !block.is_ascii())? * BLOCK;
    bytes[from..].iter().position(|byte| !byte.is_ascii()).map(|at| from + at)
}

/// A byte-level encoding: how its texts are split and where its tokens are.
pub(crate) struct Encoding {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What is done to a text first.
    pub normal: Normal,
    /// How the text is split.
    pub steps: &'static [Step],
    /// Frames of the vocabulary, each going on where the one before ended.
    pub frames: &'static [&'static [u8]],
    /// A frame of strings that are one token wherever they stand in the text, the longest first.
    pub symbols: Option<&'static [u8]>,
    /// Where a text may be cut: at no place that a symbol reaches across.
    pub cuts: Cuts,
    /// Whether a piece that is a token as it stands is taken so, even where merging would not make it.
    pub whole_pieces: bool,
    /// Made at the first count.
    pub counter: OnceLock<BpeCounter>,
}

/// What counts by an encoding's rules.
pub(crate) struct BpeCounter {
    way: Way,
    symbols: Option<Finder>,
}

enum Way {
    Fast(fast::Engine),
    /// For what [`fast`] does not take.
    Slow {
        vocabulary: Vocabulary,
        splitter: Splitter,
    },
}

const fn tiktoken(
    name: &'static str,
    normal: Normal,
    steps: &'static [Step],
    frames: &'static [&'static [u8]],
) -> Encoding {
    Encoding {
        name,
        normal,
        steps,
        frames,
        symbols: None,
        cuts: Cuts::Borders,
        whole_pieces: true,
        counter: OnceLock::new(),
    }
}

const fn with_symbols(
    name: &'static str,
    normal: Normal,
    steps: &'static [Step],
    frames: &'static [&'static [u8]],
    symbols: &'static [u8],
) -> Encoding {
    Encoding {
        name,
        normal,
        steps,
        frames,
        symbols: Some(symbols),
        cuts: Cuts::Spaces,
        whole_pieces: false,
        counter: OnceLock::new(),
    }
}

macro_rules! encodings {
    ($($(#[$about:meta])* $name:ident = $encoding:expr;)+) => {
        $($(#[$about])* pub(crate) static $name: Encoding = $encoding;)+
    };
}

encodings! {
    /// GPT-2 and GPT-3.
    R50K = tiktoken("r50k_base", Normal::AsIs, pretokenize::GPT2, &[frames::R50K_BASE]);
    /// Codex.
    P50K = tiktoken("p50k_base", Normal::AsIs, pretokenize::GPT2, &[frames::R50K_BASE, frames::P50K_BASE]);
    /// GPT-4.
    CL100K = tiktoken("cl100k_base", Normal::AsIs, pretokenize::CL100K, &[frames::CL100K_BASE]);
    /// GPT-4o to GPT-5.
    O200K = tiktoken("o200k_base", Normal::AsIs, pretokenize::O200K, &[frames::O200K_BASE]);
    /// gpt-oss: only the special tokens differ from [`O200K`], and plain text has none.
    HARMONY = tiktoken("o200k_harmony", Normal::AsIs, pretokenize::O200K, &[frames::O200K_BASE]);
    /// Qwen 1 to 3.
    QWEN2 = with_symbols("qwen2", Normal::Nfc, pretokenize::QWEN2, &[frames::QWEN2], frames::QWEN2_SYMBOLS);
    /// Qwen 3.5.
    QWEN3_5 = tiktoken("qwen3_5", Normal::Nfc, pretokenize::QWEN3_5, &[frames::QWEN3_5]);
    /// DeepSeek V3.
    DEEPSEEK_V3 = with_symbols(
        "deepseek_v3",
        Normal::AsIs,
        pretokenize::DEEPSEEK,
        &[frames::DEEPSEEK_V3],
        frames::DEEPSEEK_V3_SYMBOLS
    );
    /// GLM-4.5.
    GLM4 = tiktoken("glm4", Normal::AsIs, pretokenize::LLAMA3, &[frames::GLM4]);
    /// GLM-5.
    GLM5 = tiktoken("glm5", Normal::AsIs, pretokenize::LLAMA3, &[frames::GLM4, frames::GLM5]);
    /// Kimi K2.
    KIMI_K2 = tiktoken("kimi_k2", Normal::AsIs, pretokenize::KIMI, &[frames::KIMI_K2]);
    /// MiniMax M2.
    MINIMAX_M2 = tiktoken("minimax_m2", Normal::AsIs, pretokenize::O200K, &[frames::MINIMAX_M2]);
    /// Mistral's Tekken.
    MISTRAL_TEKKEN = tiktoken("mistral_tekken", Normal::AsIs, pretokenize::TEKKEN, &[frames::MISTRAL_TEKKEN]);
    /// GPT-NeoX and Pythia: runs of spaces are tokens before anything is merged.
    GPT_NEOX = with_symbols(
        "gpt_neox",
        Normal::Nfc,
        pretokenize::GPT2,
        &[frames::GPT_NEOX],
        frames::GPT_NEOX_SYMBOLS
    );
    /// Claude 1 and 2.
    CLAUDE_LEGACY = tiktoken("claude_legacy", Normal::Nfkc, pretokenize::GPT2, &[frames::CLAUDE_LEGACY]);
}

#[cfg(feature = "llama")]
encodings! {
    /// Llama 3.
    LLAMA3 = tiktoken("llama3", Normal::AsIs, pretokenize::LLAMA3, &[frames::CL100K_BASE, frames::LLAMA3]);
    /// Llama 4.
    LLAMA4 = tiktoken("llama4", Normal::AsIs, pretokenize::O200K, &[frames::LLAMA4]);
}

impl Encoding {
    fn counter(&self) -> &BpeCounter {
        self.counter.get_or_init(|| {
            let symbols = self.symbols.map(find_symbols);
            let (frames, whole) = (self.frames, self.whole_pieces);
            let lay_out = move |rules: fast::Rules| {
                let merges = Merges::unpack(frames).expect("the frames in this crate are whole: a test reads each");
                rules.lay_out(&merges, whole)
            };
            let kept = |rules| prepared::engine(self.name, frames, rules, Arc::new(move || lay_out(rules)));
            let engine = fast::Engine::embedded(self.name).or_else(|| fast::Rules::of(self.steps).and_then(kept));
            let way = match engine {
                Some(engine) => Way::Fast(engine),
                None => Way::slow(Vocabulary::new(self.tokens()), self.steps),
            };
            BpeCounter { way, symbols }
        })
    }

    fn tokens(&self) -> Tokens {
        Tokens::unpack_all(self.frames).expect("the frames in this crate are whole: a test reads each")
    }

    fn count(&self, text: &str) -> u64 {
        self.counter().count(self, text)
    }

    /// The encoding of a name that splits and merges as tiktoken does, whose rules another vocabulary may share.
    #[must_use]
    pub(crate) fn of(name: &str) -> Option<&'static Encoding> {
        RANKED.iter().copied().find(|encoding| encoding.name == name)
    }
}

/// Every encoding that [`Encoding::of`] knows.
const RANKED: &[&Encoding] = &[
    &R50K,
    &CL100K,
    &O200K,
    &QWEN2,
    &QWEN3_5,
    &GLM4,
    &KIMI_K2,
    &MINIMAX_M2,
    &MISTRAL_TEKKEN,
    #[cfg(feature = "llama")]
    &LLAMA3,
    #[cfg(feature = "llama")]
    &LLAMA4,
];

impl BpeCounter {
    /// Counts a vocabulary of the user's own, in which the strings that the rules find before they merge are left out.
    fn own(vocabulary: Vocabulary, rules: &Encoding) -> BpeCounter {
        let tokens: Vec<&[u8]> = vocabulary.tokens().collect();
        let engine = fast::Rules::of(rules.steps).and_then(|r| fast::Engine::made(&tokens, rules.whole_pieces, r));
        let way = engine.map_or_else(|| Way::slow(vocabulary, rules.steps), Way::Fast);
        BpeCounter { way, symbols: None }
    }

    fn count(&self, rules: &Encoding, text: &str) -> u64 {
        let (mut found, mut merged) = (0, 0);
        // Symbols are found in the text as it is: a mark behind one would compose with its last character.
        around_symbols(
            self.symbols.as_ref(),
            text,
            || found += 1,
            |between| merged += self.way.count(rules, &rules.normal.apply(between)),
        );
        found + merged
    }
}

impl Way {
    fn slow(vocabulary: Vocabulary, steps: &[Step]) -> Way {
        Way::Slow { vocabulary, splitter: Splitter::new(steps) }
    }

    fn count(&self, rules: &Encoding, text: &str) -> u64 {
        let (vocabulary, splitter) = match self {
            Way::Fast(engine) => return engine.count(text),
            Way::Slow { vocabulary, splitter } => (vocabulary, splitter),
        };
        let mut merger = Merger::default();
        let mut merged = 0;
        splitter.split(text, |piece| {
            let bytes = piece.as_bytes();
            let whole = bytes.len() == 1 || rules.whole_pieces && vocabulary.rank(bytes).is_some();
            merged += if whole { 1 } else { merger.merge(vocabulary, bytes, 0..bytes.len() as u32).len() as u64 };
        });
        merged
    }
}

/// A vocabulary of the user's own, with the rules of an encoding that is known.
pub(crate) struct OwnRanks {
    name: String,
    rules: &'static Encoding,
    counter: BpeCounter,
}

impl OwnRanks {
    /// Tokens in the order of their ranks, split and merged as `rules` says; the strings that those rules find before
    /// they merge are left out.
    #[must_use]
    pub(crate) fn new(name: &str, vocabulary: Vocabulary, rules: &'static Encoding) -> Self {
        OwnRanks { name: name.to_owned(), rules, counter: BpeCounter::own(vocabulary, rules) }
    }
}

impl Tokenizer for OwnRanks {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, self.cuts(), |part| TokenCount::exact(self.counter.count(self.rules, part)))
    }

    fn cuts(&self) -> Cuts {
        self.rules.cuts
    }
}

/// Counts with an [`Encoding`].
#[derive(Clone, Copy)]
pub(crate) struct ByteLevel(&'static Encoding);

impl ByteLevel {
    /// Counts with this encoding; cheap until the first count.
    ///
    /// # Panics
    /// At the first count, where this build leaves the vocabulary out (feature `open-models`): [`load`](super::load) then
    /// gives an estimate instead.
    #[must_use]
    pub(crate) const fn new(encoding: &'static Encoding) -> Self {
        ByteLevel(encoding)
    }

    /// The same, shared.
    #[must_use]
    pub(crate) fn shared(encoding: &'static Encoding) -> Arc<dyn Tokenizer> {
        Arc::new(ByteLevel(encoding))
    }
}

impl Tokenizer for ByteLevel {
    fn name(&self) -> &str {
        self.0.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, self.cuts(), |part| TokenCount::exact(self.0.count(part)))
    }

    /// The proof in [`cut`] holds for all regexes in [`pretokenize`], and normalising neither moves a border nor joins
    /// across one. A symbol such as `<tool_call>` has borders inside, but no space after a letter.
    fn cuts(&self) -> Cuts {
        self.0.cuts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fast::tests::{any_text, kept};
    use super::*;
    use farebox_testing::hard_texts;

    fn all() -> Vec<&'static Encoding> {
        let more = [&P50K, &HARMONY, &DEEPSEEK_V3, &GLM5, &GPT_NEOX, &CLAUDE_LEGACY];
        RANKED.iter().copied().chain(more).collect()
    }

    /// The same rules by regexes and [`Merger`].
    fn slow(rules: &Encoding) -> BpeCounter {
        let vocabulary = Vocabulary::new(rules.tokens());
        BpeCounter { way: Way::slow(vocabulary, rules.steps), symbols: rules.symbols.map(find_symbols) }
    }

    #[test]
    fn a_run_that_the_reference_refuses_is_counted_exactly() {
        // o200k_base has a token for 128 spaces, so a run of 2²¹ is 16 384 tokens.
        let spaces = " ".repeat(1 << 21);
        assert_eq!(ByteLevel::new(&O200K).count(&spaces), TokenCount::exact(16_384));
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn hard_texts_count_as_the_slow_way_does() {
        let texts = hard_texts::texts(12_000);
        for encoding in all() {
            assert!(matches!(encoding.counter().way, Way::Fast(_)), "{}", encoding.name);
            let slow = slow(encoding);
            for (about, text) in &texts {
                assert_eq!(encoding.count(text), slow.count(encoding, text), "{}: {about}", encoding.name);
            }
        }
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn runs_of_tokens_longer_than_a_window_count_as_the_slow_way_does() {
        // Tokens of up to 512 and 1,024 bytes.
        for encoding in [&GLM4, &CLAUDE_LEGACY] {
            let slow = slow(encoding);
            for unit in [" ", "=", "-", "\0", "*", "\t"] {
                for text in [unit.repeat(40_001), format!("{}!", unit.repeat(20_000)), unit.repeat(16 << 10)] {
                    assert_eq!(encoding.count(&text), slow.count(encoding, &text), "{}: {unit:?}", encoding.name);
                }
            }
        }
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn tokens_that_no_merge_makes_are_only_taken_as_whole_pieces() {
        for encoding in all() {
            let slow = slow_of(encoding);
            let Way::Slow { vocabulary, .. } = &slow.way else { unreachable!("made so") };
            let mut merger = Merger::default();
            let mut unmade = |token: &&[u8]| merger.merge(vocabulary, token, 0..token.len() as u32).len() > 1;
            let wide = |token: &[u8]| {
                String::from_utf8(token.to_vec()).ok().filter(|text| text.chars().any(|c| c >= '\u{800}'))
            };
            let tokens: Vec<String> =
                vocabulary.tokens().filter(|token| token.len() > 2 && unmade(token)).filter_map(wide).collect();
            // As counted with the packed vocabularies: 201 tokens of Qwen 3.5 are made by no merge, 893 of GLM-4.
            assert_eq!(
                tokens.is_empty(),
                !["llama3", "qwen3_5", "glm4", "glm5"].contains(&encoding.name),
                "{}",
                encoding.name
            );
            for (token, next) in tokens.iter().zip(tokens.iter().cycle().skip(7)) {
                let bare = token.trim_start();
                for text in [
                    token.clone(),
                    format!("{token}的国"),
                    format!("的国{bare}"),
                    format!("国的{bare}国的"),
                    format!("{token}{token}"),
                    format!(" 中国{bare}{next}在。{token}"),
                    format!("データ{bare}します 한국{bare}에서"),
                ] {
                    assert_eq!(encoding.count(&text), slow.count(encoding, &text), "{}: {text:?}", encoding.name);
                }
            }
            // More parts than are counted in one go, with the last of them in the next.
            for (token, parts) in tokens.iter().zip(245..275) {
                let text = format!("{}{}", "国的".repeat(parts / 2), token.trim_start());
                assert_eq!(encoding.count(&text), slow.count(encoding, &text), "{}: {text:?}", encoding.name);
            }
        }
    }

    #[test]
    fn a_vocabulary_without_all_bytes_is_counted_all_the_same() {
        let tokens: Vec<Vec<u8>> = ["a", "b", "c", "ab", "abc"].map(|token| token.as_bytes().to_vec()).into();
        let own = OwnRanks::new("own", Vocabulary::of(&tokens).unwrap(), &CL100K);
        assert!(matches!(own.counter.way, Way::Slow { .. }));
        assert_eq!(own.count("abc cab"), TokenCount::exact(4)); // abc, space, c, ab
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(100))]
        #[test]
        #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
        fn any_text_counts_as_the_slow_way_does(text in any_text(), at in 0..17_usize) {
            let encodings = all();
            let encoding = encodings[at % encodings.len()];
            let count = slow_of(encoding).count(encoding, &text);
            prop_assert_eq!(encoding.count(&text), count, "{}", encoding.name);
            let Way::Fast(engine) = &encoding.counter().way else { unreachable!("{}", encoding.name) };
            let kept = BpeCounter { way: Way::Fast(kept(engine)), symbols: encoding.symbols.map(find_symbols) };
            prop_assert_eq!(kept.count(encoding, &text), count, "{}", encoding.name);
        }
    }

    proptest! {
        #[test]
        fn a_text_normalised_in_parts_is_the_whole_normalised(
            text in any_text(),
            marks in "[ae][\u{300}-\u{308}\u{11a8}\u{3099}x]{0,4}",
            of in "[\u{300}\u{301}\u{316}\u{327}\u{344}\u{345}\u{5b0}\u{3099}]",
            times in 0..200_usize,
        ) {
            let run = of.repeat(times);
            let text = format!("{text}{marks}{run}{marks}e{run}{}{run}{text}", &marks[..1]);
            let old = unicode_9::UnicodeNormalization::nfc(text.as_str()).map(|(c, _)| c).collect::<String>();
            let whole = [old, current::UnicodeNormalization::nfkc(text.as_str()).collect()];
            prop_assert_eq!(&*Normal::Nfc.apply(&text), &*whole[0]);
            prop_assert_eq!(&*Normal::Nfkc.apply(&text), &*whole[1]);
            prop_assert_eq!(&*Normal::AsIs.apply(&text), &*text);
        }
    }

    #[test]
    fn characters_that_are_passed_over_are_normal_in_both_forms() {
        for c in ('\0'..=char::MAX).filter(|c| is_normal(*c)) {
            assert_eq!(unicode_9::is_nfc_quick(std::iter::once(c)), unicode_9::IsNormalized::Yes, "{c:?}");
            assert_eq!(current::is_nfkc_quick(std::iter::once(c)), current::IsNormalized::Yes, "{c:?}");
        }
    }

    /// Anthropic's package for Claude 1 and 2 calls JavaScript's `normalize('NFKC')`.
    #[test]
    #[cfg(feature = "open-models")]
    fn characters_added_since_unicode_9_are_normalised_for_claude_legacy() {
        // UnicodeData.txt: the era name Reiwa (12.1), RAISED MR SIGN (13), SEGMENTED DIGIT SEVEN (13), MODIFIER LETTER CAPITAL C
        // (14), MODIFIER LETTER CYRILLIC SMALL A (15), and what each decomposes to.
        let known = [
            ('\u{32ff}', "\u{4ee4}\u{548c}"),
            ('\u{1f16c}', "MR"),
            ('\u{1fbf7}', "7"),
            ('\u{a7f2}', "C"),
            ('\u{1e030}', "\u{430}"),
        ];
        for (c, want) in known {
            assert_eq!(Normal::Nfkc.apply(&c.to_string()), want, "{c:?}");
            assert_eq!(CLAUDE_LEGACY.count(&format!("x {c}")), CLAUDE_LEGACY.count(&format!("x {want}")), "{c:?}");
        }
        assert_eq!(CLAUDE_LEGACY.count("\u{32ff}"), CLAUDE_LEGACY.count("\u{4ee4}\u{548c}"));
        let mut newer = 0;
        for c in ('\0'..=char::MAX).filter(|c| *c != '\u{32ff}') {
            let old: String = unicode_9::UnicodeNormalization::nfkc(c.to_string().as_str()).map(|(c, _)| c).collect();
            let new: String = current::UnicodeNormalization::nfkc(c.to_string().as_str()).collect();
            if old != new {
                newer += 1;
                assert_eq!(Normal::Nfkc.apply(&c.to_string()), new, "{c:?}");
                assert_eq!(CLAUDE_LEGACY.count(&c.to_string()), CLAUDE_LEGACY.count(&new), "{c:?}");
            }
        }
        // UnicodeData.txt gained 188 and more compatibility decompositions from version 10 to 17.
        assert!(newer >= 188, "{newer}");
    }

    /// [`slow`], made once for each encoding.
    fn slow_of(rules: &'static Encoding) -> Arc<BpeCounter> {
        static MADE: std::sync::Mutex<Vec<(&str, Arc<BpeCounter>)>> = std::sync::Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap();
        if let Some((_, counter)) = made.iter().find(|(name, _)| *name == rules.name) {
            return counter.clone();
        }
        let counter = Arc::new(slow(rules));
        made.push((rules.name, counter.clone()));
        counter
    }
}
