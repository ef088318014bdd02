//! The metadata of a GGUF, llama.cpp's model file: which kind of tokenizer it has, and its tokens.
//!
//! Kind `gpt2` becomes a `tokenizer.json` for the crate `tokenizers`, if its pre-tokenizer is known by name; kind `llama`
//! is byte-pair SentencePiece. Everything else is refused. The layout is the one of the format's versions 2 and 3.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::Tokenizer;
use super::super::hf::HuggingFace;
use super::super::published;
use super::super::vocabulary_error::VocabularyError;
use super::sentencepiece::{Piece, of_pieces};

/// What the metadata says of the tokenizer.
#[derive(Default)]
struct Metadata {
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<String, u64>,
    tokens: Vec<String>,
    merges: Vec<String>,
    kinds: Vec<u64>,
    scores: Vec<f32>,
    end: usize,
}

pub(super) fn metadata_end(bytes: &[u8]) -> Result<usize, VocabularyError> {
    Ok(parse(bytes)?.end)
}

pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Arc<dyn Tokenizer>, VocabularyError> {
    let metadata = parse(bytes)?;
    if metadata.tokens.is_empty() || metadata.kinds.len() != metadata.tokens.len() {
        return Err(VocabularyError::inexact("its metadata has no list of tokens with their types"));
    }
    match metadata.texts.get("tokenizer.ggml.model").map(String::as_str) {
        Some("gpt2") => Ok(Arc::new(HuggingFace::of_value(name, tokenizer_json(&metadata)?)?)),
        Some("llama") => llama(name, metadata),
        other => Err(VocabularyError::Inexact(format!(
            "its tokenizer is of the kind {:?}, which is not known here",
            other.unwrap_or("none")
        ))),
    }
}

fn llama(name: &str, metadata: Metadata) -> Result<Arc<dyn Tokenizer>, VocabularyError> {
    if metadata.scores.len() != metadata.tokens.len() {
        return Err(VocabularyError::inexact("its pieces have no scores"));
    }
    let flag = |key: &str, default| metadata.numbers.get(key).copied().unwrap_or(default) != 0;
    if flag("tokenizer.ggml.remove_extra_whitespaces", 0) {
        return Err(VocabularyError::inexact("it drops spaces before it counts"));
    }
    let mark_first = flag("tokenizer.ggml.add_space_prefix", 1);
    let pieces = metadata.tokens.into_iter().zip(metadata.kinds).zip(metadata.scores);
    let pieces = pieces.map(|((text, kind), score)| Piece { text: text.into_bytes(), score, kind }).collect();
    Ok(Arc::new(of_pieces(name, pieces, mark_first)?))
}

/// The regexes of a pre-tokenizer that llama.cpp has a name for, whether it composes (NFC) first, and whether a piece
/// that is a token is taken as it stands.
fn pre_tokenizer(name: &str) -> Option<(Vec<&'static str>, bool, bool)> {
    Some(match name {
        "gpt-2" => (vec![published::GPT2], false, false),
        "llama-bpe" | "llama3" | "llama-v3" => (vec![published::LLAMA3], false, true),
        "qwen2" => (vec![published::QWEN2], true, false),
        "qwen35" => (vec![published::QWEN3_5], true, false),
        "deepseek-v3" => (published::DEEPSEEK.to_vec(), false, false),
        "tekken" => (vec![published::TEKKEN], false, true),
        "gpt-4o" | "llama4" => (vec![published::O200K], false, true),
        "command-r" => (vec![r"\p{N}", published::GPT2], true, false),
        _ => return None,
    })
}

fn tokenizer_json(metadata: &Metadata) -> Result<Value, VocabularyError> {
    let pre = metadata.texts.get("tokenizer.ggml.pre").map_or("none", String::as_str);
    let (regexes, composes, whole) = pre_tokenizer(pre).ok_or_else(|| {
        VocabularyError::Inexact(format!("its pre-tokenizer {pre:?} is none that is counted exactly here"))
    })?;
    let mut vocab = Map::new();
    for (id, token) in (0_u32..).zip(&metadata.tokens) {
        if vocab.insert(token.clone(), json!(id)).is_some() {
            return Err(VocabularyError::Broken(format!("the token {token:?} is there twice")));
        }
    }
    let splits = regexes
        .iter()
        .map(|regex| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false}));
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let user_defined = (0_u32..).zip(&metadata.tokens).zip(&metadata.kinds).filter(|(_, kind)| **kind == 4);
    let added = user_defined.map(|((id, content), _)| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": false})
    });
    Ok(json!({
        "version": "1.0",
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": composes.then(|| json!({"type": "NFC"})),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": splits.chain([bytes]).collect::<Vec<_>>()},
        "model": {"type": "BPE", "ignore_merges": whole, "vocab": vocab, "merges": metadata.merges},
    }))
}

fn parse(bytes: &[u8]) -> Result<Metadata, VocabularyError> {
    let mut reader = Reader { bytes, at: 4 };
    let version = reader.number(4)?;
    if !(2..=3).contains(&version) {
        return Err(VocabularyError::Broken(format!(
            "it is a GGUF of version {version}, and versions 2 and 3 are known"
        )));
    }
    let (_tensors, pairs) = (reader.number(8)?, reader.number(8)?);
    let mut metadata = Metadata::default();
    for _ in 0..pairs {
        let key = reader.text()?;
        let kind = reader.number(4)?;
        if kind == ARRAY {
            reader.array(&key, &mut metadata)?;
        } else if kind == TEXT {
            metadata.texts.insert(key, reader.text()?);
        } else {
            metadata.numbers.insert(key, reader.number(size_of(kind)?)?);
        }
    }
    metadata.end = reader.at;
    Ok(metadata)
}

const TEXT: u64 = 8;
const ARRAY: u64 = 9;

fn size_of(kind: u64) -> Result<usize, VocabularyError> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(VocabularyError::Broken(format!("its metadata has a value of the unknown type {kind}"))),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, size: usize) -> Result<&[u8], VocabularyError> {
        let end = self.at.checked_add(size).filter(|end| *end <= self.bytes.len()).ok_or(VocabularyError::CutOff)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self, size: usize) -> Result<u64, VocabularyError> {
        Ok(self.take(size)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Result<String, VocabularyError> {
        let length = usize::try_from(self.number(8)?).map_err(|_| VocabularyError::CutOff)?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn array(&mut self, key: &str, metadata: &mut Metadata) -> Result<(), VocabularyError> {
        let (kind, count) = (self.number(4)?, self.number(8)?);
        for _ in 0..count {
            match (kind, key) {
                (TEXT, "tokenizer.ggml.tokens") => metadata.tokens.push(self.text()?),
                (TEXT, "tokenizer.ggml.merges") => metadata.merges.push(self.text()?),
                (TEXT, _) => drop(self.text()?),
                (4 | 5, "tokenizer.ggml.token_type") => metadata.kinds.push(self.number(4)?),
                (6, "tokenizer.ggml.scores") => {
                    let bits = u32::try_from(self.number(4)?).map_err(|_| VocabularyError::CutOff)?;
                    metadata.scores.push(f32::from_bits(bits));
                }
                (kind, _) => drop(self.take(size_of(kind)?)?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }

    fn list(key: &str, kind: u32, count: usize, items: Vec<u8>) -> Vec<u8> {
        let head = [9_u32.to_le_bytes(), kind.to_le_bytes()].concat();
        [text(key), head, (count as u64).to_le_bytes().to_vec(), items].concat()
    }

    fn said(key: &str, value: &str) -> Vec<u8> {
        [text(key), 8_u32.to_le_bytes().to_vec(), text(value)].concat()
    }

    /// A file with the 256 bytes, one merge and a string that is a token wherever it stands.
    fn file(kind: &str, pre: &str) -> Vec<u8> {
        let mut tokens = published::letters().iter().map(char::to_string).collect::<Vec<_>>();
        tokens.extend(["th".to_owned(), "<td>".to_owned()]);
        let kinds = (0..tokens.len() as u32).map(|at| if at == 257 { 4 } else { 1_u32 });
        let pairs = [
            said("tokenizer.ggml.model", kind),
            said("tokenizer.ggml.pre", pre),
            list("tokenizer.ggml.tokens", 8, tokens.len(), tokens.iter().flat_map(|token| text(token)).collect()),
            list("tokenizer.ggml.token_type", 5, tokens.len(), kinds.flat_map(u32::to_le_bytes).collect()),
            list("tokenizer.ggml.merges", 8, 1, text("t h")),
        ];
        let head = [&b"GGUF"[..], &3_u32.to_le_bytes(), &0_u64.to_le_bytes(), &5_u64.to_le_bytes()].concat();
        [head, pairs.concat()].concat()
    }

    #[test]
    #[cfg(feature = "reference")]
    fn a_known_kind_counts_and_an_unknown_one_is_refused() {
        let own = read("mine", &file("gpt2", "gpt-2")).unwrap();
        assert_eq!(own.count("the<td> th").tokens, 2 + 1 + 2);
        assert_eq!(own.count("<|endoftext|>").tokens, 13);
        assert!(read("mine", &file("gpt2", "jais")).err().unwrap().to_string().contains("\"jais\""));
        assert!(read("mine", &file("bert", "gpt-2")).err().unwrap().to_string().contains("\"bert\""));
        assert!(read("mine", &file("llama", "gpt-2")).err().unwrap().to_string().contains("scores"));
    }

    #[test]
    fn only_the_metadata_is_needed_and_all_of_it() {
        let whole = file("gpt2", "gpt-2");
        assert_eq!(metadata_end(&[whole.clone(), vec![0; 99]].concat()), Ok(whole.len()));
        for end in (4..whole.len()).step_by(7) {
            assert!(read("mine", &whole[..end]).is_err(), "{end}");
        }
    }
}
