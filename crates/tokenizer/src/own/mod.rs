//! Reads a vocabulary that a user has, in the forms that vocabularies are published in, and counts exactly or refuses.
//!
//! | form | known by | counted by |
//! |---|---|---|
//! | `tokenizer.json` | an object with `model` | the crate `tokenizers`, see [`hf`](super::hf) |
//! | `.tiktoken` | lines of `base64 rank` | our ranks, split like an encoding that the user names |
//! | `tekken.json` | an object with `config` and `vocab` | our ranks, where its regex is one that we know |
//! | SentencePiece `.model` | a protocol buffer | our merges, where it is of the byte-pair kind and changes no text |
//! | GGUF | its first four bytes | as `tokenizer.json` (kind `gpt2`) or SentencePiece (kind `llama`) |
//!
//! What a file leaves open is never guessed: it is refused, and the message says which form would do. Begin at [`read`].

mod gguf;
mod sentencepiece;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Tokenizer;
use super::bpe::{Encoding, OwnRanks};
use super::hf::HuggingFace;
use super::published::rules_of;
use super::vocab::Vocabulary;
pub use super::vocabulary_error::VocabularyError;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Hugging Face's `tokenizer.json`.
    #[serde(rename = "tokenizer.json")]
    TokenizerJson,
    /// Lines of `base64(token) rank`.
    Tiktoken,
    /// Mistral's `tekken.json`.
    Tekken,
    /// The protocol buffer of SentencePiece.
    SentencePiece,
    /// A model file of llama.cpp, of which the part before the tensors suffices.
    Gguf,
}

impl Form {
    /// The form of a file, by its first bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Form> {
        let text = bytes.trim_ascii_start();
        if bytes.starts_with(b"GGUF") {
            Some(Form::Gguf)
        } else if text.starts_with(b"{") {
            let is_tekken =
                serde_json::from_slice::<Value>(bytes).is_ok_and(|file| file["config"]["pattern"].is_string());
            Some(if is_tekken { Form::Tekken } else { Form::TokenizerJson })
        } else if rank_line(bytes.split(|b| *b == b'\n').next().unwrap_or_default()).is_some() {
            Some(Form::Tiktoken)
        } else {
            // Field 1 of the outermost message, a piece.
            bytes.starts_with(&[0x0a]).then_some(Form::SentencePiece)
        }
    }
}

/// Makes a tokenizer out of a file.
///
/// * `bytes`: the file; of a GGUF the part before the tensors is enough.
/// * `like`: the encoding whose rules for splitting a `.tiktoken` shares, such as `cl100k_base`.
///
/// # Errors
/// [`VocabularyError`]: what is wrong with the file, or what it needs that is not exact here.
pub fn read(name: &str, bytes: &[u8], like: Option<&str>) -> Result<(Form, Arc<dyn Tokenizer>), VocabularyError> {
    let form = Form::of(bytes).ok_or(VocabularyError::NoForm)?;
    if like.is_some() && form != Form::Tiktoken {
        return Err(VocabularyError::SplitsByItself);
    }
    let tokenizer: Arc<dyn Tokenizer> = match form {
        Form::TokenizerJson => Arc::new(HuggingFace::parse(name, bytes)?),
        Form::Tiktoken => Arc::new(tiktoken(name, bytes, like)?),
        Form::Tekken => Arc::new(tekken(name, bytes)?),
        Form::SentencePiece => Arc::new(sentencepiece::read(name, bytes)?),
        Form::Gguf => gguf::read(name, bytes)?,
    };
    Ok((form, tokenizer))
}

/// How many bytes of a file are needed: all, or the part of a GGUF before its tensors.
///
/// # Errors
/// [`VocabularyError::CutOff`] where a GGUF ends in the middle of its metadata.
pub fn needed(bytes: &[u8]) -> Result<usize, VocabularyError> {
    if bytes.starts_with(b"GGUF") { gguf::metadata_end(bytes) } else { Ok(bytes.len()) }
}

fn rank_line(line: &[u8]) -> Option<(u32, Vec<u8>)> {
    let (token, rank) = std::str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    Some((rank.parse().ok()?, BASE64_STANDARD.decode(token).ok()?))
}

fn tiktoken(name: &str, bytes: &[u8], like: Option<&str>) -> Result<OwnRanks, VocabularyError> {
    let like = like.ok_or(VocabularyError::NoSplit)?;
    let rules = Encoding::of(like).ok_or_else(|| VocabularyError::NoRanks(like.to_owned()))?;
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        tokens.push(
            rank_line(line).ok_or_else(|| VocabularyError::Broken(format!("line {number} is not `base64 rank`")))?,
        );
    }
    tokens.sort();
    if tokens.windows(2).any(|two| two[0].0 == two[1].0) {
        return Err(VocabularyError::broken("two of its tokens have the same rank"));
    }
    let tokens: Vec<Vec<u8>> = tokens.into_iter().map(|(_, token)| token).collect();
    Ok(OwnRanks::new(name, all_bytes(&tokens)?, rules))
}

fn tekken(name: &str, bytes: &[u8]) -> Result<OwnRanks, VocabularyError> {
    let file: Value = serde_json::from_slice(bytes).map_err(|e| VocabularyError::Broken(format!("not JSON: {e}")))?;
    let config = &file["config"];
    let rules = config["pattern"]
        .as_str()
        .and_then(rules_of)
        .and_then(Encoding::of)
        .ok_or_else(|| VocabularyError::inexact("its regex is none that is known to be counted exactly here"))?;
    let number =
        |key: &str| config[key].as_u64().ok_or_else(|| VocabularyError::Broken(format!("its config has no {key}")));
    let used = number("default_vocab_size")?.saturating_sub(number("default_num_special_tokens")?);
    let entries = file["vocab"]
        .as_array()
        .ok_or_else(|| VocabularyError::broken("it has no vocab"))?
        .iter()
        .take(usize::try_from(used).unwrap_or(usize::MAX));
    let token = |entry: &Value| entry["token_bytes"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
    let tokens = entries
        .map(token)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| VocabularyError::broken("one of its tokens has no token_bytes"))?;
    Ok(OwnRanks::new(name, all_bytes(&tokens)?, rules))
}

/// A vocabulary of bytes has every byte, or some texts cannot be written in it.
fn all_bytes(tokens: &[Vec<u8>]) -> Result<Vocabulary, VocabularyError> {
    let vocabulary = Vocabulary::of(tokens)?;
    match (0..=255_u8).find(|byte| vocabulary.rank(&[*byte]).is_none()) {
        Some(byte) => Err(VocabularyError::Broken(format!(
            "it has no token for the byte 0x{byte:02x}, so it cannot write every text"
        ))),
        None => Ok(vocabulary),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::super::vocab::{Tokens, frames};
    use super::*;

    fn tiktoken_file() -> Vec<u8> {
        let tokens = Tokens::unpack(frames::R50K_BASE).unwrap();
        let lines =
            tokens.iter().enumerate().map(|(rank, token)| format!("{} {rank}\n", BASE64_STANDARD.encode(token)));
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn a_tiktoken_file_counts_as_the_encoding_it_was_made_of() {
        let (form, own) = read("mine", &tiktoken_file(), Some("r50k_base")).unwrap();
        assert_eq!((form, own.name()), (Form::Tiktoken, "mine"));
        let text = "It's  a <|endoftext|> test\n\n\u{4f60}\u{597d} 1234".repeat(9);
        assert_eq!(own.count(&text), load("r50k_base").unwrap().count(&text));
        assert!(read("mine", &tiktoken_file(), None).err().unwrap().help().unwrap().contains("--like"));
        assert!(read("mine", &tiktoken_file(), Some("claude_v3")).err().unwrap().to_string().contains("claude_v3"));
        assert!(read("mine", b"IQ== 0\nIg== 1\n", Some("r50k_base")).err().unwrap().to_string().contains("byte 0x00"));
        assert!(read("mine", b"IQ== 0\nIQ== 1\n", Some("r50k_base")).err().unwrap().to_string().contains("twice"));
        assert!(read("mine", b"IQ== 0\n???\n", Some("r50k_base")).err().unwrap().to_string().contains("line 2"));
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn a_tekken_file_counts_by_the_tokens_that_models_use() {
        let tokens = Tokens::unpack(frames::MISTRAL_TEKKEN).unwrap();
        let vocab: Vec<Value> =
            tokens.iter().map(|t| serde_json::json!({"token_bytes": BASE64_STANDARD.encode(t)})).collect();
        let mut file = serde_json::json!({
            "config": {"pattern": super::super::published::TEKKEN, "default_vocab_size": vocab.len() + 1000,
                       "default_num_special_tokens": 1000},
            "vocab": vocab,
        });
        let (form, own) = read("mine", file.to_string().as_bytes(), None).unwrap();
        let text = "Bonjour \u{e0} tous, HTTPServer 1234\n/";
        assert_eq!(form, Form::Tekken);
        assert_eq!(own.count(text), load("mistral_tekken").unwrap().count(text));
        file["config"]["pattern"] = r"\w+".into();
        assert!(read("mine", file.to_string().as_bytes(), None).err().unwrap().to_string().contains("regex"));
    }

    #[test]
    fn tokens_of_absurd_lengths_are_refused() {
        let tokens = |frame| -> Vec<Vec<u8>> { Tokens::unpack(frame).unwrap().iter().map(<[u8]>::to_vec).collect() };
        for frame in [frames::O200K_BASE, frames::CL100K_BASE] {
            // A tenth of the bound, which is 2^30, at most.
            assert!(tokens(frame).iter().map(|token| token.len().pow(2)).sum::<usize>() < 100_000_000);
            assert!(Vocabulary::of(&tokens(frame)).is_ok());
        }
        // One token for every length: 9 billion.
        let ladder: Vec<Vec<u8>> = (1..=3_000).map(|length| vec![b'a'; length]).collect();
        assert!(Vocabulary::of(&ladder).err().unwrap().to_string().contains("the longest has 3000 bytes"));
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        for bytes in
            [&b""[..], b"hello", b"{\"a\": 1}", b"GGUF", b"\x0a\xff", b"\x0a\x00", b"GGUF\x03\0\0\0\xff\xff\xff\xff"]
        {
            assert!(read("mine", bytes, None).is_err(), "{bytes:?}");
        }
    }
}
