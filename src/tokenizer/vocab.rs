//! The vocabularies that are inside this crate: a packed frame becomes a list of tokens, or a table from token to rank.
//!
//! A rank is the place of a token in the order of merging: of two merges that are possible, the one with the lower
//! rank comes first. `examples/pack_vocab.rs` makes the frames; `docs/vocabularies.md` says from which files. A frame
//! tells what each token is [merged](super::merges) from; that of symbols, which nothing merges, is one zstd frame around:
//!
//! ```text
//! magic    "FBV1"
//! count    u32, little endian
//! lengths  one varint a token, in the order of ranks
//! bodies   the bytes of the tokens, grouped by length from short to long, each group in the order of ranks
//! ```
//!
//! Start reading at [`Vocabulary::unpack`]. Nothing here knows how a text is split or merged.

use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;

use ruzstd::decoding::StreamingDecoder;

use super::merges::{self, Merges};

/// What a frame of symbols begins with, once unpacked.
pub const MAGIC: &[u8; 4] = b"FBV1";

/// Frames that were packed into this crate.
pub mod frames {
    macro_rules! frames {
        ($($(#[$about:meta])* $name:ident $file:literal;)+) => {
            $($(#[$about])* pub static $name: &[u8] =
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/vocab/", $file));)+
        };
    }

    /// The frames of a build that leaves them out; the rules of their encodings stay, for vocabularies that a user adds.
    #[allow(unused_macros)]
    macro_rules! no_frames {
        ($($(#[$about:meta])* $name:ident $file:literal;)+) => {
            $($(#[$about])* pub static $name: &[u8] = &[];)+
        };
    }

    frames! {
        /// GPT-2 and GPT-3.
        R50K_BASE "r50k_base.fbv";
        /// What p50k has beyond [`R50K_BASE`].
        P50K_BASE "p50k_base.fbv";
        /// GPT-4.
        CL100K_BASE "cl100k_base.fbv";
        /// GPT-4o to GPT-5.
        O200K_BASE "o200k_base.fbv";
    }

    macro_rules! open_models {
        ($frames:ident) => {
            $frames! {
            /// Qwen 1 to 3.
            QWEN2 "qwen2.fbv";
            /// Strings that Qwen 3 finds before it merges, such as `<think>`.
            QWEN2_SYMBOLS "qwen2.symbols.fbv";
            /// Qwen 3.5.
            QWEN3_5 "qwen3_5.fbv";
            /// DeepSeek V3.
            DEEPSEEK_V3 "deepseek_v3.fbv";
            /// Strings that DeepSeek V3 finds before it merges.
            DEEPSEEK_V3_SYMBOLS "deepseek_v3.symbols.fbv";
            /// GLM-4.5.
            GLM4 "glm4.fbv";
            /// What GLM-5 has beyond [`GLM4`].
            GLM5 "glm5.fbv";
            /// Kimi K2.
            KIMI_K2 "kimi_k2.fbv";
            /// MiniMax M2.
            MINIMAX_M2 "minimax_m2.fbv";
            /// Mistral's Tekken.
            MISTRAL_TEKKEN "mistral_tekken.fbv";
            /// Mistral's first SentencePiece model; the third has other control tokens and the same pieces.
            MISTRAL_SPM "mistral_v1_spm.fbv";
            /// Gemma 4, and Gemma 3 but for its symbols.
            GEMMA4 "gemma4.fbv";
            /// The strings that Gemma 3 finds before it merges.
            GEMMA3_SYMBOLS "gemma3.symbols.fbv";
            /// GPT-NeoX.
            GPT_NEOX "gpt_neox.fbv";
            /// The runs of spaces that GPT-NeoX finds before it merges.
            GPT_NEOX_SYMBOLS "gpt_neox.symbols.fbv";
            /// Claude 1 and 2.
            CLAUDE_LEGACY "claude_legacy.fbv";
                }
        };
    }

    #[cfg(feature = "open-models")]
    open_models!(frames);
    #[cfg(not(feature = "open-models"))]
    open_models!(no_frames);

    #[cfg(feature = "llama")]
    frames! {
        /// Llama 2.
        LLAMA2 "llama/llama2.fbv";
        /// What Llama 3 has beyond [`CL100K_BASE`].
        LLAMA3 "llama/llama3.fbv";
        /// Llama 4.
        LLAMA4 "llama/llama4.fbv";
    }
}

/// Why a frame is not one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It does not unpack.
    #[error("the frame cannot be unpacked: {0}")]
    Packed(String),
    /// It unpacks to something else.
    #[error("the frame ends early, or does not begin with FBV1 or FBV2")]
    Shape,
}

/// The tokens of a frame, in the order of their ranks.
pub struct Tokens {
    bytes: Vec<u8>,
    places: Vec<Range<u32>>,
}

impl Tokens {
    /// Tokens that lie at places of `bytes`, the places in the order of ranks.
    pub(super) fn new(bytes: Vec<u8>, places: Vec<Range<u32>>) -> Self {
        Tokens { bytes, places }
    }

    /// Unpacks a frame of symbols, or one that goes on from no other.
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are no frame.
    pub fn unpack(frame: &[u8]) -> Result<Self, FrameError> {
        if frame.starts_with(merges::MAGIC) {
            return Tokens::unpack_all(&[frame]);
        }
        let broken = |e: &dyn std::fmt::Display| FrameError::Packed(e.to_string());
        let mut bytes = Vec::new();
        let mut decoder = StreamingDecoder::new(frame).map_err(|e| broken(&e))?;
        decoder.read_to_end(&mut bytes).map_err(|e| broken(&e))?;
        let places = places(&bytes).ok_or(FrameError::Shape)?;
        Ok(Tokens { bytes, places })
    }

    /// Unpacks frames of which each goes on where the one before ended.
    ///
    /// # Errors
    /// [`FrameError`] when one is no frame.
    pub fn unpack_all(frames: &[&[u8]]) -> Result<Self, FrameError> {
        Merges::unpack(frames).and_then(|merges| merges.tokens()).ok_or(FrameError::Shape)
    }

    /// The same tokens as `write` writes each.
    #[must_use]
    pub fn rewritten<'t>(tokens: impl Iterator<Item = &'t [u8]>, write: impl Fn(&[u8], &mut Vec<u8>)) -> Self {
        let mut all = Tokens { bytes: Vec::new(), places: Vec::new() };
        for token in tokens {
            let start = all.bytes.len() as u32;
            write(token, &mut all.bytes);
            all.places.push(start..all.bytes.len() as u32);
        }
        all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The tokens in the order of their ranks.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| &self.bytes[place.start as usize..place.end as usize])
    }
}

/// Where each token lies in an unpacked frame, or `None` when the frame is cut off.
fn places(frame: &[u8]) -> Option<Vec<Range<u32>>> {
    let count = u32::from_le_bytes(frame.strip_prefix(MAGIC)?.get(..4)?.try_into().ok()?) as usize;
    let mut at = MAGIC.len() + 4;
    let mut lengths = Vec::new();
    for _ in 0..count {
        lengths.push(varint(frame, &mut at)?);
    }
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut next_of_length = vec![0; longest + 1];
    lengths.iter().for_each(|length| next_of_length[*length] += length);
    for group in &mut next_of_length {
        let size = *group;
        *group = at;
        at = at.checked_add(size)?;
    }
    let ends_here = at == frame.len() && u32::try_from(at).is_ok();
    let place = |length: usize| {
        let start = next_of_length[length];
        next_of_length[length] += length;
        start as u32..(start + length) as u32
    };
    ends_here.then(|| lengths.into_iter().map(place).collect())
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A table from token to rank.
///
/// Open addressing over a power of two of slots, at most half of them taken. A slot holds the rank and half of the
/// hash, so that a token is compared with the text only where it most likely is the same. Most of what is looked up is
/// no token: a bit for each hash says so, in a twentieth of the memory, which a processor keeps at hand.
pub struct Vocabulary {
    bytes: Vec<u8>,
    places: Vec<Range<u32>>,
    slots: Vec<Slot>,
    /// Which hashes some token has: eight bits a token, a power of two of words.
    present: Vec<u64>,
    longest: usize,
}

#[cfg(test)]
thread_local! {
    /// How many tokens were looked up on this thread: the work of counting, for the tests.
    pub(super) static LOOKED_UP: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[derive(Clone, Copy)]
struct Slot {
    rank: u32,
    tag: u32,
}

const FREE: Slot = Slot { rank: u32::MAX, tag: 0 };

/// The most that the squares of the lengths of a user's tokens may add up to, a second of work; those of o200k_base do to
/// 16 million.
const MOST_SQUARES: u64 = 1 << 30;

impl Vocabulary {
    /// Unpacks frames of which each goes on where the one before ended.
    ///
    /// # Errors
    /// [`FrameError`] when one is no frame.
    pub fn unpack(frames: &[&[u8]]) -> Result<Self, FrameError> {
        Tokens::unpack_all(frames).map(Vocabulary::new)
    }

    /// Of tokens that a file of the user's has, in the order of their ranks.
    ///
    /// # Errors
    /// A text for people where a token is there twice or empty, or they are so long that working out their merges, in the
    /// square of each, would take minutes.
    pub fn of(tokens: &[Vec<u8>]) -> Result<Self, String> {
        let squares = tokens.iter().map(|token| (token.len() as u64).saturating_pow(2)).fold(0, u64::saturating_add);
        if squares > MOST_SQUARES {
            let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
            return Err(format!("its tokens are too long to be those of a model: the longest has {longest} bytes"));
        }
        let mut all = Tokens { bytes: Vec::new(), places: Vec::new() };
        let mut seen = HashSet::new();
        for token in tokens {
            if token.is_empty() || !seen.insert(token.as_slice()) {
                return Err(format!("the token {:?} is empty or there twice", String::from_utf8_lossy(token)));
            }
            let start = u32::try_from(all.bytes.len()).map_err(|_| "its tokens are longer than 4 GiB")?;
            all.bytes.extend_from_slice(token);
            let end = u32::try_from(all.bytes.len()).map_err(|_| "its tokens are longer than 4 GiB")?;
            all.places.push(start..end);
        }
        if tokens.is_empty() { Err("it has no tokens".to_owned()) } else { Ok(Vocabulary::new(all)) }
    }

    /// Of tokens in the order of their ranks, none of them there twice.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        let Tokens { bytes, places } = tokens;
        let slots = vec![FREE; (places.len() * 2).next_power_of_two().max(2)];
        let longest = places.iter().map(Range::len).max().unwrap_or(0);
        let present = vec![0; (places.len() / 8).next_power_of_two()];
        let mut vocabulary = Vocabulary { bytes, places, slots, present, longest };
        for rank in 0..vocabulary.places.len() as u32 {
            let hash = hash(vocabulary.token(rank));
            let (word, bit) = vocabulary.bit_of(hash);
            vocabulary.present[word] |= bit;
            let mut at = vocabulary.slot_of(hash);
            while vocabulary.slots[at].rank != FREE.rank {
                at = (at + 1) & (vocabulary.slots.len() - 1);
            }
            vocabulary.slots[at] = Slot { rank, tag: tag(hash) };
        }
        vocabulary
    }

    /// The rank of a token, or `None` when there is no such token.
    #[must_use]
    pub fn rank(&self, token: &[u8]) -> Option<u32> {
        #[cfg(test)]
        LOOKED_UP.with(|count| count.set(count.get() + 1));
        if token.len() > self.longest {
            return None;
        }
        let hash = hash(token);
        let (word, bit) = self.bit_of(hash);
        if self.present[word] & bit == 0 {
            return None;
        }
        let mut at = self.slot_of(hash);
        loop {
            let slot = self.slots[at];
            if slot.rank == FREE.rank {
                return None;
            }
            if slot.tag == tag(hash) && self.token(slot.rank) == token {
                return Some(slot.rank);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// All tokens, in the order of their ranks.
    pub fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.places.len() as u32).map(|rank| self.token(rank))
    }

    fn token(&self, rank: u32) -> &[u8] {
        let Range { start, end } = self.places[rank as usize];
        &self.bytes[start as usize..end as usize]
    }

    fn bit_of(&self, hash: u64) -> (usize, u64) {
        ((hash >> 38) as usize & (self.present.len() - 1), 1 << (hash >> 32 & 63))
    }

    fn slot_of(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A multiplicative hash of eight bytes at a time; the table is fixed, so nobody can aim at it with new tokens.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = mix(hash, last_word(rest));
    hash ^ (hash >> 31)
}

/// Up to seven bytes as a number, read without a copy of variable length, which would be a call.
fn last_word(rest: &[u8]) -> u64 {
    match (rest.first_chunk::<4>(), rest.last_chunk::<4>(), rest) {
        // Where both halves overlap they say the same.
        (Some(head), Some(tail), _) => {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << (8 * (rest.len() - 4))
        }
        (_, _, [a, b, c]) => u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16,
        (_, _, [a, b]) => u64::from(*a) | u64::from(*b) << 8,
        (_, _, [a]) => u64::from(*a),
        _ => 0,
    }
}
