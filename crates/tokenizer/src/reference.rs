//! Counts a text a second time, with a crate that others wrote: what `farebox count --verify` compares with.
//!
//! Nothing of the fast path is used but the list of tokens, which a test compares with the one that tiktoken-rs carries. Vocabularies that were published as ranks (OpenAI's and all
//! that follow its form) are counted by `tiktoken-rs`, behind the regex that they were published with; those that were
//! published as merges or as a SentencePiece model by `tokenizers`, with merges that are worked out from the ranks here.
//! Both are many times slower, keep every token in memory and give up on long runs of whitespace, so a [`Reference`] is
//! for checks alone.
//!
//! Begin at [`Reference::of`]. Claude 3 and later have no other implementation in this build, and estimates have nothing
//! to be compared with.

use std::collections::HashSet;

use rustc_hash::FxHashMap;
use tiktoken_rs::CoreBPE;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel as Letters;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{AddedToken, SplitDelimiterBehavior};
use unicode_normalization_alignments::UnicodeNormalization;

use super::TOKENIZERS;
use super::published::{DEEPSEEK, GPT2, KIMI, LLAMA3, O200K, QWEN2, QWEN3_5, TEKKEN, letters};
use super::vocab::{Tokens, frames};

/// Why there is no second count.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing else in this build counts with this tokenizer.
    #[error("{name} cannot be verified: no second implementation of it is in this build")]
    None {
        /// The tokenizer.
        name: String,
    },
    /// The reference crate does not take the vocabulary.
    #[error("{name} cannot be verified: the reference does not take its vocabulary: {reason}")]
    Vocabulary {
        /// The tokenizer.
        name: String,
        /// What the crate says.
        reason: String,
    },
    /// The reference crate gave up.
    #[error("the reference gave up: {0}")]
    GaveUp(String),
}

impl ReferenceError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = "leave --verify out; `farebox tokenizers` says what its counts rest on";
        matches!(self, ReferenceError::None { .. }).then(|| help.to_owned())
    }
}

/// A slow counter that is independent of ours.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{load, reference::Reference};
/// let text = "It's 42 °C — déjà vu";
/// assert_eq!(Reference::of("o200k_base")?.count(text)?, load("o200k_base").unwrap().count(text).tokens);
/// assert!(Reference::of("claude_v3").is_err());
/// # Ok::<(), farebox_tokenizer::reference::ReferenceError>(())
/// ```
pub struct Reference {
    by: By,
    normal: fn(&str) -> String,
}

enum By {
    Ranks(Box<CoreBPE>),
    Merges(Box<tokenizers::Tokenizer>),
}

impl Reference {
    /// Makes the reference of a tokenizer; this unpacks its vocabulary and takes up to some seconds.
    ///
    /// # Errors
    /// [`ReferenceError::None`] where nothing else in this build counts with it.
    pub fn of(name: &str) -> Result<Reference, ReferenceError> {
        let is_built_in = TOKENIZERS.iter().any(|known| known.name == name && known.is_built_in());
        let published = (published_as_ranks(name), published_as_merges(name));
        let by = match if is_built_in { published } else { (None, None) } {
            (Some((frames, regex)), _) => ranks(&frames, regex).map(|bpe| By::Ranks(Box::new(bpe))),
            (None, Some(form)) => form.build().map(|engine| By::Merges(Box::new(engine))),
            (None, None) => return Err(ReferenceError::None { name: name.to_owned() }),
        }
        .map_err(|reason| ReferenceError::Vocabulary { name: name.to_owned(), reason })?;
        let normal: fn(&str) -> String = match name {
            "qwen3_5" => |text| text.nfc().map(|(c, _)| c).collect(),
            "claude_legacy" => |text| unicode_normalization::UnicodeNormalization::nfkc(text).collect(),
            // SentencePiece looks for its own strings when spaces are marked already.
            "gemma3" | "gemma4" => |text| text.replace(' ', "\u{2581}"),
            "llama2" | "mistral_v1_spm" | "mistral_v3_spm" => marked_from_the_start,
            _ => str::to_owned,
        };
        Ok(Reference { by, normal })
    }

    /// The crate that counts.
    #[must_use]
    pub const fn crate_name(&self) -> &'static str {
        match self.by {
            By::Ranks(_) => "tiktoken-rs",
            By::Merges(_) => "tokenizers",
        }
    }

    /// Counts a whole text.
    ///
    /// # Errors
    /// [`ReferenceError::GaveUp`] on what the reference crate refuses.
    pub fn count(&self, text: &str) -> Result<u64, ReferenceError> {
        let text = (self.normal)(text);
        let gave_up = |e: &dyn std::fmt::Display| ReferenceError::GaveUp(e.to_string());
        let tokens = match &self.by {
            By::Ranks(bpe) => bpe.encode(&text, &HashSet::new()).map_err(|e| gave_up(&e))?.0.len(),
            By::Merges(engine) => engine.encode_fast(text.as_str(), false).map_err(|e| gave_up(&e))?.len(),
        };
        Ok(tokens as u64)
    }
}

fn marked_from_the_start(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\u{2581}{}", text.replace(' ', "\u{2581}")) }
}

/// As tiktoken-rs has it; a regex of [`GPT2`] with the same pieces.
const OPENAI_GPT3: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s";
/// As tiktoken-rs has it.
const OPENAI_GPT4: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";

/// Frames and the regex as published.
fn published_as_ranks(name: &str) -> Option<(Vec<&'static [u8]>, &'static str)> {
    Some(match name {
        "r50k_base" => (vec![frames::R50K_BASE], OPENAI_GPT3),
        "p50k_base" => (vec![frames::R50K_BASE, frames::P50K_BASE], OPENAI_GPT3),
        "cl100k_base" => (vec![frames::CL100K_BASE], OPENAI_GPT4),
        "o200k_base" | "o200k_harmony" => (vec![frames::O200K_BASE], O200K),
        "qwen3_5" => (vec![frames::QWEN3_5], QWEN3_5),
        "glm4" => (vec![frames::GLM4], LLAMA3),
        "glm5" => (vec![frames::GLM4, frames::GLM5], LLAMA3),
        "kimi_k2" => (vec![frames::KIMI_K2], KIMI),
        "minimax_m2" => (vec![frames::MINIMAX_M2], O200K),
        "mistral_tekken" => (vec![frames::MISTRAL_TEKKEN], TEKKEN),
        "claude_legacy" => (vec![frames::CLAUDE_LEGACY], GPT2),
        #[cfg(feature = "llama")]
        "llama3" => (vec![frames::CL100K_BASE, frames::LLAMA3], LLAMA3),
        #[cfg(feature = "llama")]
        "llama4" => (vec![frames::LLAMA4], O200K),
        _ => return None,
    })
}

fn ranks(frames: &[&[u8]], regex: &str) -> Result<CoreBPE, String> {
    let mut ranks = FxHashMap::default();
    for token in Tokens::unpack_all(frames).map_err(|e| e.to_string())?.iter() {
        ranks.insert(token.to_vec(), ranks.len() as u32);
    }
    CoreBPE::new(ranks, FxHashMap::default(), regex).map_err(|e| e.to_string())
}

/// A vocabulary for the crate `tokenizers`.
struct ReferenceForm {
    frame: &'static [u8],
    symbols: Option<&'static [u8]>,
    splits: ReferenceSplits,
    composes: bool,
}

/// How the text is split before the merges.
enum ReferenceSplits {
    /// By these regexes, one after the other; then bytes are merged.
    Regexes(&'static [&'static str]),
    /// Not at all: characters are merged, and those that are no tokens fall apart into bytes.
    Nowhere,
}

fn published_as_merges(name: &str) -> Option<ReferenceForm> {
    let bytes = |frame, symbols, regexes, composes| ReferenceForm {
        frame,
        symbols: Some(symbols),
        splits: ReferenceSplits::Regexes(regexes),
        composes,
    };
    let chars = |frame, symbols| ReferenceForm { frame, symbols, splits: ReferenceSplits::Nowhere, composes: false };
    Some(match name {
        "qwen2" => bytes(frames::QWEN2, frames::QWEN2_SYMBOLS, &[QWEN2], true),
        "deepseek_v3" => bytes(frames::DEEPSEEK_V3, frames::DEEPSEEK_V3_SYMBOLS, &DEEPSEEK, false),
        "gpt_neox" => bytes(frames::GPT_NEOX, frames::GPT_NEOX_SYMBOLS, &[GPT2], true),
        "mistral_v1_spm" | "mistral_v3_spm" => chars(frames::MISTRAL_SPM, None),
        "gemma4" => chars(frames::GEMMA4, None),
        "gemma3" => chars(frames::GEMMA4, Some(frames::GEMMA3_SYMBOLS)),
        #[cfg(feature = "llama")]
        "llama2" => chars(frames::LLAMA2, None),
        _ => return None,
    })
}

impl ReferenceForm {
    fn build(&self) -> Result<tokenizers::Tokenizer, String> {
        let unpack = |frame| Tokens::unpack(frame).map_err(|e| e.to_string());
        let tokens: Vec<Vec<u8>> = unpack(self.frame)?.iter().map(<[u8]>::to_vec).collect();
        let symbols = match self.symbols {
            Some(frame) => unpack(frame)?.iter().map(|symbol| String::from_utf8_lossy(symbol).into_owned()).collect(),
            None => Vec::new(),
        };
        let model = match self.splits {
            ReferenceSplits::Regexes(_) => of_bytes(&tokens)?,
            ReferenceSplits::Nowhere => of_characters(&tokens)?,
        };
        let mut engine = tokenizers::Tokenizer::new(model);
        if self.composes {
            engine.with_normalizer(Some(NFC)).map_err(|e| e.to_string())?;
        }
        if let ReferenceSplits::Regexes(regexes) = self.splits {
            let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
            for regex in regexes {
                let pattern = SplitPattern::Regex((*regex).to_owned());
                let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(|e| e.to_string())?;
                steps.push(split.into());
            }
            steps.push(Letters::new(false, false, false).into());
            engine.with_pre_tokenizer(Some(Sequence::new(steps)));
        }
        let added = symbols.into_iter().map(|symbol| AddedToken::from(symbol, false).normalized(false));
        engine.add_tokens(added).map_err(|e| e.to_string())?;
        Ok(engine)
    }
}

/// Merges of a byte-level vocabulary: each token out of the two that it falls into when only tokens of lower rank merge.
fn of_bytes(tokens: &[Vec<u8>]) -> Result<BPE, String> {
    let letters = letters();
    let write = |token: &[u8]| token.iter().map(|byte| letters[usize::from(*byte)]).collect::<String>();
    let ranks: FxHashMap<&[u8], u32> = (0..).zip(tokens).map(|(rank, token)| (token.as_slice(), rank)).collect();
    let mut merges = Merges::new();
    for (rank, token) in (0..).zip(tokens) {
        if let [left, right] = merged_below(token, rank, &ranks)[..] {
            merges.push((write(left), write(right)));
        }
    }
    let vocab: Vocab = (0..).zip(tokens).map(|(id, token)| (write(token), id)).collect();
    BPE::builder().vocab_and_merges(vocab, merges).build().map_err(|e| e.to_string())
}

/// Byte-pair encoding as its definition has it, with the tokens below a rank.
fn merged_below<'a>(token: &'a [u8], below: u32, ranks: &FxHashMap<&[u8], u32>) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = (0..=token.len()).collect();
    loop {
        let pairs = ends.windows(3).enumerate();
        let ranked = pairs.filter_map(|(at, ends)| ranks.get(&token[ends[0]..ends[2]]).map(|rank| (*rank, at)));
        match ranked.filter(|(rank, _)| *rank < below).min() {
            Some((_, at)) => ends.remove(at + 1),
            None => return ends.windows(2).map(|ends| &token[ends[0]..ends[1]]).collect(),
        };
    }
}

/// Merges of a SentencePiece vocabulary: every way to make a token out of two others.
fn of_characters(tokens: &[Vec<u8>]) -> Result<BPE, String> {
    let pieces: Vec<&str> = tokens.iter().filter_map(|token| std::str::from_utf8(token).ok()).collect();
    let known: HashSet<&str> = pieces.iter().copied().collect();
    let mut merges = Merges::new();
    for piece in &pieces {
        for (at, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(at);
            if known.contains(left) && known.contains(right) {
                merges.push((left.to_owned(), right.to_owned()));
            }
        }
    }
    let bytes = (0..=255_u8).map(|byte| format!("<0x{byte:02X}>"));
    let vocab: Vocab = pieces.iter().map(|piece| (*piece).to_owned()).chain(bytes).zip(0..).collect();
    BPE::builder().vocab_and_merges(vocab, merges).byte_fallback(true).build().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, load};

    #[test]
    fn openais_tokens_and_their_ranks_are_those_of_tiktoken_rs() {
        let published: [(&str, &CoreBPE, usize); 4] = [
            ("r50k_base", tiktoken_rs::r50k_base_singleton(), 50_256),
            ("p50k_base", tiktoken_rs::p50k_base_singleton(), 50_280),
            ("cl100k_base", tiktoken_rs::cl100k_base_singleton(), 100_256),
            ("o200k_base", tiktoken_rs::o200k_base_singleton(), 199_998),
        ];
        for (name, theirs, count) in published {
            let (frames, _) = published_as_ranks(name).unwrap();
            let ours = Tokens::unpack_all(&frames).unwrap();
            let ours: Vec<&[u8]> = ours.iter().collect();
            assert_eq!(ours.len(), count, "{name}");
            for (rank, token) in (0..).zip(&ours) {
                // p50k_base leaves a rank out for the end of a text.
                let rank = if name == "p50k_base" && rank >= 50_256 { rank + 1 } else { rank };
                assert_eq!(theirs.decode_bytes(&[rank]).unwrap(), *token, "{name}: {rank}");
            }
        }
    }

    #[test]
    fn every_exact_tokenizer_has_a_reference_and_agrees_with_it() {
        let text = "Don't HTTPServer \u{e9}e\u{301} 12345\t\n\n  \u{4f60}\u{597d}\u{30ab}\u{ff76} <td><|endoftext|>\u{1f600}\u{200d}\0 x=[1, 2];\r\n";
        for known in TOKENIZERS {
            match Reference::of(known.name) {
                Ok(reference) => {
                    let ours = load(known.name).unwrap().count(text).tokens;
                    assert_eq!(reference.count(text).unwrap(), ours, "{}", known.name);
                    assert_eq!(reference.count("").unwrap(), 0, "{}", known.name);
                }
                Err(error) => {
                    assert!(matches!(error, ReferenceError::None { .. }), "{error}");
                    assert_ne!(known.basis(), Basis::Exact, "{}", known.name);
                }
            }
        }
    }
}
