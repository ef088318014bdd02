//! The vocabularies that are inside this crate: a packed frame becomes a list of tokens.
//!
//! A rank is the place of a token in the order of merging: of two merges that are possible, the one with the lower
//! rank comes first. `crates/tokenizer/examples/pack_vocab.rs` makes the frames; `docs/vocabularies.md` says from which files. A frame
//! tells what each token is [merged](crate::merges) from; that of symbols, which nothing merges, is one zstd frame around:
//!
//! ```text
//! magic    "FBV1"
//! count    u32, little endian
//! lengths  one varint a token, in the order of ranks
//! bodies   the bytes of the tokens, grouped by length from short to long, each group in the order of ranks
//! ```
//!
//! Start reading at [`Tokens::unpack`].

pub mod merges;

use std::io::Read;
use std::ops::Range;

use ruzstd::decoding::StreamingDecoder;

use merges::Merges;

/// What a frame of symbols begins with, once unpacked.
pub const MAGIC: &[u8; 4] = b"FBV1";

/// Frames that were packed into this crate.
pub mod frames {
    // Each frame is a static of its own behind the one that is used: a constant of another crate that refers to it then
    // refers to this one, where a reference to unnamed bytes would be copied into that crate, and the program had both.
    macro_rules! frames {
        ($($(#[$about:meta])* $name:ident $file:literal;)+) => {
            $($(#[$about])* pub static $name: &[u8] = {
                const FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/vocab/", $file));
                static BYTES: [u8; FILE.len()] =
                    *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/vocab/", $file));
                &BYTES
            };)+
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
    pub fn new(bytes: Vec<u8>, places: Vec<Range<u32>>) -> Self {
        Tokens { bytes, places }
    }

    /// The bytes of all tokens, and where each lies, in the order of ranks.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<Range<u32>>) {
        (self.bytes, self.places)
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
