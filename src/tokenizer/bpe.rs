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
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

use std::borrow::Cow;

use super::cut::{self, Cuts};
use super::pretokenize::{self, Splitter, Step};
use super::vocab::{Tokens, Vocabulary, frames};
use super::{TokenCount, Tokenizer};

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

    fn count_part(self, text: &str) -> u64 {
        let Loaded { vocabulary, splitter, symbols } = self.0.loaded();
        let text = self.0.normal.apply(text);
        let mut merger = Merger::default();
        let (mut found, mut merged) = (0, 0);
        let mut count_piece = |piece: &str| {
            let bytes = piece.as_bytes();
            let whole = bytes.len() == 1 || self.0.whole_pieces && vocabulary.rank(bytes).is_some();
            merged += if whole { 1 } else { merger.merge(vocabulary, bytes, 0..bytes.len() as u32).len() as u64 };
        };
        around_symbols(symbols.as_ref(), &text, || found += 1, |between| splitter.split(between, &mut count_piece));
        found + merged
    }
}

impl Tokenizer for ByteLevel {
    fn name(&self) -> &str {
        self.0.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, self.cuts(), |part| TokenCount::exact(self.count_part(part)))
    }

    /// The proof in [`cut`] holds for all regexes in [`pretokenize`], and normalising neither moves a border nor joins
    /// across one. A symbol such as `<tool_call>` has borders inside, but no space after a letter.
    fn cuts(&self) -> Cuts {
        self.0.cuts
    }
}

/// Units up to which a scan for the lowest rank is faster than a heap.
const SCAN: usize = 48;

/// No pair, or a unit that was joined to the one before.
const NONE: u32 = u32::MAX;

/// Joins the units of a piece; kept between pieces for its memory.
///
/// A short piece is scanned for its lowest pair again and again, which is quadratic but quick. A longer one keeps its
/// pairs in a heap, so that any piece takes time n log n.
#[derive(Default)]
pub struct Merger {
    /// Where the tokens begin, and at last where the piece ends.
    starts: Vec<u32>,
    /// Rank of what a token and the next one make.
    ranks: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    next: Vec<u32>,
    before: Vec<u32>,
}

impl Merger {
    /// Merges a piece whose units begin at `starts`, and says where the tokens begin.
    ///
    /// * `piece`: up to 4 GiB of bytes.
    /// * `starts`: ascending, from 0: every byte for a byte-level vocabulary, every character for the others.
    pub fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], starts: impl Iterator<Item = u32>) -> &[u32] {
        self.starts.clear();
        self.starts.extend(starts);
        self.starts.push(piece.len() as u32);
        let units = self.starts.len() - 1;
        self.ranks.clear();
        self.ranks.resize(units, NONE);
        for at in 0..units.saturating_sub(1) {
            self.ranks[at] = rank(vocabulary, piece, self.starts[at], self.starts[at + 2]);
        }
        if units <= SCAN {
            self.scan(vocabulary, piece)
        } else {
            self.pick_from_heap(vocabulary, piece)
        }
        self.starts.pop();
        &self.starts
    }

    fn scan(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let Merger { starts, ranks, .. } = self;
        while let Some((at, _)) =
            ranks.iter().enumerate().filter(|(_, rank)| **rank != NONE).min_by_key(|(_, rank)| **rank)
        {
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
        let Merger { starts, ranks, heap, next, before } = self;
        let units = ranks.len();
        let end = units as u32;
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
        let mut at = 0;
        let mut kept = 0;
        while at < end {
            starts[kept] = starts[at as usize];
            kept += 1;
            at = next[at as usize];
        }
        starts[kept] = piece.len() as u32;
        starts.truncate(kept + 1);
    }
}

fn rank(vocabulary: &Vocabulary, piece: &[u8], start: u32, end: u32) -> u32 {
    vocabulary.rank(&piece[start as usize..end as usize]).unwrap_or(NONE)
}
