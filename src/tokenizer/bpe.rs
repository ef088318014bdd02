//! Counts with byte-pair encoding: of all neighbouring tokens that together are a token, the pair of the lowest rank
//! is joined, the leftmost first, until no pair is left.
//!
//! [`Merger`] does that for one piece, and serves [`spm`](super::spm) as well; [`ByteLevel`] is a [`Tokenizer`] that
//! normalises a text, splits it ([`pretokenize`](super::pretokenize)) and merges the bytes of every piece. Only counts
//! come out: no ids are kept anywhere.
//!
//! Joining by the rank of the *joined* token is what tiktoken does. A list of merges, as Hugging Face has it, gives the
//! same tokens where no two merges make one token, and where they do, because such lists are then made from
//! SentencePiece scores; the packer says how many there are, and `examples/compare_reference.rs` compares both.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use std::borrow::Cow;

use super::cut::{self, Cuts};
use super::pretokenize::{self, Splitter, Step};
use super::vocab::{Tokens, Vocabulary, frames};
use super::{TokenCount, Tokenizer, fast};

/// What is done to a text before it is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normal {
    /// Nothing.
    AsIs,
    /// Unicode's canonical composition.
    Nfc,
    /// Unicode's compatibility composition.
    Nfkc,
}

impl Normal {
    fn apply(self, text: &str) -> Cow<'_, str> {
        let done = match self {
            Normal::AsIs => true,
            Normal::Nfc => text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes,
            Normal::Nfkc => text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes,
        };
        match self {
            _ if done => Cow::Borrowed(text),
            Normal::Nfkc => Cow::Owned(text.nfkc().collect()),
            _ => Cow::Owned(text.nfc().collect()),
        }
    }
}

/// A byte-level encoding: how its texts are split and where its tokens are.
pub struct Encoding {
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
    /// Unpacked at the first count.
    pub loaded: OnceLock<Loaded>,
    /// What counts faster, once it is there.
    pub fast: Fast,
}

/// Bytes that an encoding counts before its tables for [`fast`] are laid out, which takes as long as that.
const WORTH_IT: usize = 2 << 20;

/// The fast engine of an encoding: there from the start where its tables are inside the program, laid out once enough
/// has been counted where they are not, and missing where nobody has written down how it splits.
pub struct Fast {
    counted: AtomicUsize,
    engine: OnceLock<Option<(fast::Engine, Option<AhoCorasick>)>>,
}

impl Fast {
    /// Nothing has been counted yet.
    const fn new() -> Self {
        Fast { counted: AtomicUsize::new(0), engine: OnceLock::new() }
    }

    /// The engine that is to count so many bytes.
    fn engine(&self, rules: &Encoding, bytes: usize) -> Option<&(fast::Engine, Option<AhoCorasick>)> {
        if let Some(engine) = self.engine.get() {
            return engine.as_ref();
        }
        let embedded = matches!(rules.name, "o200k_base" | "o200k_harmony" | "cl100k_base");
        if !embedded && self.counted.fetch_add(bytes, Ordering::Relaxed) < WORTH_IT {
            return None;
        }
        let engine = || match fast::Engine::embedded(rules.name) {
            Some(engine) => Some((engine, None)),
            None => {
                let tokens: Vec<&[u8]> = rules.loaded().vocabulary.tokens().collect();
                let engine = fast::Engine::made(&tokens, rules.whole_pieces, fast::Rules::of(rules.steps)?)?;
                Some((engine, rules.symbols.map(find_symbols)))
            }
        };
        self.engine.get_or_init(engine).as_ref()
    }
}

/// What an [`Encoding`] counts with.
pub struct Loaded {
    vocabulary: Vocabulary,
    splitter: Splitter,
    symbols: Option<AhoCorasick>,
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
        loaded: OnceLock::new(),
        fast: Fast::new(),
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
        loaded: OnceLock::new(),
        fast: Fast::new(),
    }
}

macro_rules! encodings {
    ($($(#[$about:meta])* $name:ident = $encoding:expr;)+) => {
        $($(#[$about])* pub static $name: Encoding = $encoding;)+
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
    fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| Loaded {
            vocabulary: Vocabulary::unpack(self.frames).expect("the frames in this crate are whole: a test reads each"),
            splitter: Splitter::new(self.steps),
            symbols: self.symbols.map(find_symbols),
        })
    }

    fn count(&self, text: &str) -> u64 {
        let Some((engine, symbols)) = self.fast.engine(self, text.len()) else {
            return self.loaded().count(self, text);
        };
        let text = self.normal.apply(text);
        let (mut found, mut merged) = (0, 0);
        around_symbols(symbols.as_ref(), &text, || found += 1, |between| merged += engine.count(between));
        found + merged
    }

    /// The encoding of a name that splits and merges as tiktoken does, whose rules another vocabulary may share.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Encoding> {
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

impl Loaded {
    fn count(&self, rules: &Encoding, text: &str) -> u64 {
        let Loaded { vocabulary, splitter, symbols } = self;
        let text = rules.normal.apply(text);
        let mut merger = Merger::default();
        let (mut found, mut merged) = (0, 0);
        let mut count_piece = |piece: &str| {
            let bytes = piece.as_bytes();
            let whole = bytes.len() == 1 || rules.whole_pieces && vocabulary.rank(bytes).is_some();
            merged += if whole { 1 } else { merger.merge(vocabulary, bytes, 0..bytes.len() as u32).len() as u64 };
        };
        around_symbols(symbols.as_ref(), &text, || found += 1, |between| splitter.split(between, &mut count_piece));
        found + merged
    }
}

/// A vocabulary of the user's own, with the rules of an encoding that is known.
pub struct OwnRanks {
    name: String,
    rules: &'static Encoding,
    loaded: Loaded,
}

impl OwnRanks {
    /// Tokens in the order of their ranks, split and merged as `rules` says; the strings that those rules find before
    /// they merge are left out.
    #[must_use]
    pub fn new(name: &str, vocabulary: Vocabulary, rules: &'static Encoding) -> Self {
        let loaded = Loaded { vocabulary, splitter: Splitter::new(rules.steps), symbols: None };
        OwnRanks { name: name.to_owned(), rules, loaded }
    }
}

impl Tokenizer for OwnRanks {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, self.cuts(), |part| TokenCount::exact(self.loaded.count(self.rules, part)))
    }

    fn cuts(&self) -> Cuts {
        self.rules.cuts
    }
}

/// What finds the strings of a frame in a text, the longest where several begin.
pub(super) fn find_symbols(frame: &[u8]) -> AhoCorasick {
    let symbols = Tokens::unpack(frame).expect("the frames in this crate are whole: a test reads each");
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(symbols.iter())
        .expect("a few thousand short strings fit")
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

/// Counts with an [`Encoding`].
#[derive(Clone, Copy)]
pub struct ByteLevel(&'static Encoding);

impl ByteLevel {
    /// Counts with this encoding; cheap until the first count.
    #[must_use]
    pub const fn new(encoding: &'static Encoding) -> Self {
        ByteLevel(encoding)
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(encoding: &'static Encoding) -> Arc<dyn Tokenizer> {
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

/// Units up to which a scan for the lowest rank is faster than a heap.
const SCAN: usize = 48;

/// Units of a long piece that are merged at a time.
const WINDOW: usize = 32;

/// Tokens before a window that are merged with it again, at first.
const AGAIN: usize = 2;

/// No pair.
const NONE: u32 = u32::MAX;

/// Joins the units of a piece; kept between pieces for its memory.
///
/// A short piece is scanned for its lowest pair again and again, which is quadratic but quick. A long one is merged
/// window by window, so that it takes time linear in its length and stays in the processor's cache.
///
/// Why windows give the tokens of the whole: tokens *t₁ … tₙ* are what merging makes of a text if and only if merging
/// makes *tᵢ tᵢ₊₁* out of each two neighbours alone. For merging goes the same way in the text and in the two alone
/// until the first time that a pair is joined across a border of theirs: the same pairs are there, in the same order of
/// ranks. So where the tokens before a window are merged with it again and the first of them comes out as it was, all
/// neighbours are ones that merging makes, and the tokens are those of the whole. Where it does not, more tokens are
/// taken back. How many that may be depends on the vocabulary and not on the text.
#[derive(Default)]
pub struct Merger {
    /// Where the tokens of what is merged begin, and where it ends.
    starts: Vec<u32>,
    /// Where the units of a long piece begin, and where it ends.
    units: Vec<u32>,
    window: Window,
    /// What the last windows became, in a ring: a run of one character is the same window again and again.
    seen: [Seen; 8],
    oldest: usize,
}

/// A window and where its tokens begin, from its own start.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Merger {
    /// Merges a piece whose units begin at `starts`, and says where the tokens begin.
    ///
    /// * `piece`: up to 4 GiB of bytes.
    /// * `starts`: ascending, from 0: every byte for a byte-level vocabulary, every character for the others.
    pub fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], starts: impl Iterator<Item = u32>) -> &[u32] {
        let Merger { starts: tokens, units, window, seen, oldest } = self;
        units.clear();
        units.extend(starts);
        units.push(piece.len() as u32);
        if units.len() <= SCAN {
            return window.merge(vocabulary, piece, units);
        }
        tokens.clear();
        tokens.push(0);
        let mut done = 0;
        let mut step = WINDOW;
        while done + 1 < units.len() {
            let end = (done + step).min(units.len() - 1);
            let mut again = AGAIN;
            let widest = loop {
                let first = (tokens.len() - 1).saturating_sub(again);
                let back = units[..=done].iter().rev().position(|unit| *unit <= tokens[first]).unwrap_or(done);
                let from = done - back;
                let (merged, shift) = merge_once(seen, oldest, window, vocabulary, piece, &units[from..=end]);
                // Whether the first token ends where it did before.
                if first == 0 || merged.get(1).map(|start| start + shift) == tokens.get(first + 1).copied() {
                    tokens.truncate(first);
                    tokens.extend(merged.iter().map(|start| start + shift));
                    tokens.push(units[end]);
                    break done - from;
                }
                again *= 2;
            };
            done = end;
            // What is merged again should be the smaller part, even where tokens are as long as a window.
            step = WINDOW.max(2 * widest);
        }
        tokens.pop();
        tokens
    }
}

/// Merges a window, or remembers what it became; the answer is good until the next call.
fn merge_once<'a>(
    seen: &'a mut [Seen],
    oldest: &mut usize,
    window: &mut Window,
    vocabulary: &Vocabulary,
    piece: &[u8],
    units: &[u32],
) -> (&'a [u32], u32) {
    let (first, last) = (units[0], units[units.len() - 1]);
    let bytes = &piece[first as usize..last as usize];
    let place = seen.iter().position(|seen| seen.bytes == bytes).unwrap_or_else(|| {
        *oldest = (*oldest + 1) % seen.len();
        let seen = &mut seen[*oldest];
        seen.bytes.clear();
        seen.bytes.extend_from_slice(bytes);
        seen.starts.clear();
        seen.starts.extend(window.merge(vocabulary, piece, units).iter().map(|start| start - first));
        *oldest
    });
    (&seen[place].starts, first)
}

/// Merges a few units.
#[derive(Default)]
struct Window {
    /// Where the tokens begin, and at last where the window ends.
    starts: Vec<u32>,
    /// Rank of what a token and the next one make.
    ranks: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    next: Vec<u32>,
    before: Vec<u32>,
}

impl Window {
    /// Merges the units that begin at `units`, of which the last is only an end.
    fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], units: &[u32]) -> &[u32] {
        self.starts.clear();
        self.starts.extend_from_slice(units);
        self.ranks.clear();
        self.ranks.extend(units.windows(3).map(|unit| rank(vocabulary, piece, unit[0], unit[2])));
        self.ranks.push(NONE);
        if units.len() <= 2 * SCAN {
            self.scan(vocabulary, piece);
        } else {
            self.pick_from_heap(vocabulary, piece);
        }
        self.starts.pop();
        &self.starts
    }

    fn scan(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let Window { starts, ranks, .. } = self;
        while let Some(at) = lowest(ranks) {
            starts.remove(at + 1);
            ranks.remove(at + 1);
            let pair = |at: usize| match starts.get(at + 2) {
                Some(end) => rank(vocabulary, piece, starts[at], *end),
                None => NONE,
            };
            ranks[at] = pair(at);
            if let Some(before) = at.checked_sub(1) {
                ranks[before] = pair(before);
            }
        }
    }

    fn pick_from_heap(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let Window { starts, ranks, heap, next, before } = self;
        let end = starts.len() as u32 - 1;
        next.clear();
        next.extend(1..=end);
        before.clear();
        before.extend((0..end).map(|at| at.wrapping_sub(1)));
        let mut pairs = std::mem::take(heap).into_vec();
        pairs.extend((0..end).zip(&*ranks).filter(|(_, rank)| **rank != NONE).map(|(at, rank)| Reverse((*rank, at))));
        *heap = pairs.into();
        while let Some(Reverse((lowest, at))) = heap.pop() {
            // A pair that has changed since has another rank: no two tokens have the same.
            if ranks[at as usize] != lowest {
                continue;
            }
            let joined = next[at as usize];
            let after = next[joined as usize];
            next[at as usize] = after;
            ranks[joined as usize] = NONE;
            if after < end {
                before[after as usize] = at;
            }
            for first in [Some(at), (at > 0).then(|| before[at as usize])].into_iter().flatten() {
                let second = next[first as usize];
                let pair = if second == end {
                    NONE
                } else {
                    rank(vocabulary, piece, starts[first as usize], starts[next[second as usize] as usize])
                };
                ranks[first as usize] = pair;
                if pair != NONE {
                    heap.push(Reverse((pair, first)));
                }
            }
        }
        let (mut at, mut kept) = (0, 0);
        while at < end {
            starts[kept] = starts[at as usize];
            kept += 1;
            at = next[at as usize];
        }
        starts[kept] = starts[end as usize];
        starts.truncate(kept + 1);
    }
}

/// The place of the lowest rank, the leftmost of equals.
fn lowest(ranks: &[u32]) -> Option<usize> {
    let lowest = ranks.iter().copied().min().filter(|rank| *rank != NONE)?;
    ranks.iter().position(|rank| *rank == lowest)
}

fn rank(vocabulary: &Vocabulary, piece: &[u8], start: u32, end: u32) -> u32 {
    vocabulary.rank(&piece[start as usize..end as usize]).unwrap_or(NONE)
}

#[cfg(test)]
#[path = "../../tests/support/hard_texts.rs"]
mod hard_texts;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Merging as its definition has it: the lowest pair of the whole, the leftmost of equals, again and again.
    fn defined(vocabulary: &Vocabulary, piece: &[u8]) -> Vec<u32> {
        let mut starts: Vec<u32> = (0..=piece.len() as u32).collect();
        loop {
            let pairs = starts.windows(3).enumerate();
            let ranked = pairs.map(|(at, ends)| (rank(vocabulary, piece, ends[0], ends[2]), at));
            match ranked.filter(|(rank, _)| *rank != NONE).min() {
                Some((_, at)) => starts.remove(at + 1),
                None => break,
            };
        }
        starts.pop();
        starts
    }

    #[test]
    fn a_run_that_the_reference_refuses_is_counted_exactly() {
        // o200k_base has a token for 128 spaces, so a run of 2²¹ is 16 384 tokens.
        let spaces = " ".repeat(1 << 21);
        assert_eq!(ByteLevel::new(&O200K).count(&spaces), TokenCount::exact(16_384));
    }

    /// Tokens that are looked up while a text is counted: the work, without the noise of a clock.
    fn looked_up(tokenizer: &dyn Tokenizer, text: &str) -> u64 {
        let count = || super::super::vocab::LOOKED_UP.with(std::cell::Cell::get);
        let before = count();
        tokenizer.count(text);
        count() - before
    }

    #[test]
    fn no_text_makes_more_work_than_its_length() {
        use super::super::spm::{GEMMA3, MISTRAL_V1, SentencePiece};
        let tokenizers: [Arc<dyn Tokenizer>; 6] = [
            ByteLevel::shared(&R50K),
            ByteLevel::shared(&O200K),
            ByteLevel::shared(&DEEPSEEK_V3),
            ByteLevel::shared(&GPT_NEOX),
            SentencePiece::shared(&GEMMA3),
            SentencePiece::shared(&MISTRAL_V1),
        ];
        let lengths = [1 << 15, 1 << 17];
        let texts = lengths.map(hard_texts::texts);
        for tokenizer in tokenizers {
            for ((about, short), (_, long)) in texts[0].iter().zip(&texts[1]) {
                let (a, b) = (looked_up(&*tokenizer, short), looked_up(&*tokenizer, long));
                let name = tokenizer.name();
                // Each byte begins a pair once and each of at most as many merges makes two; windows overlap.
                assert!(b <= 12 * long.len() as u64, "{name}: {about}: {b} for {} bytes", long.len());
                assert!(b <= 6 * a + 4_000, "{name}: {about}: {a}, then {b} for four times the text");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn windows_give_the_tokens_of_the_whole(
            units in prop::collection::vec(prop::sample::select(vec!["a", "ab", " ", "=", "0", "th", "\n", "\u{301}", "\u{4e2d}", "A"]), 1..6),
            times in 1usize..400,
            end in "[a-z =]{0,40}",
        ) {
            let piece = units.concat().repeat(times) + &end;
            let piece = &piece.as_bytes()[..piece.len().min(700)];
            for encoding in [&CL100K, &CLAUDE_LEGACY, &DEEPSEEK_V3] {
                let vocabulary = &encoding.loaded().vocabulary;
                let mut merger = Merger::default();
                prop_assert_eq!(merger.merge(vocabulary, piece, 0..piece.len() as u32), defined(vocabulary, piece));
            }
        }
    }
}
