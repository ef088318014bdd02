//! Counts with a `tokenizer.json` that a user has, through the crate `tokenizers`, which no other file knows of.
//!
//! The file is prepared so that a count is the text alone:
//! * `encode` is asked to add no special tokens, and truncation, padding and dropout are taken out of the file;
//! * added tokens that the file marks `special` are taken out too, so that `<|endoftext|>` in a text is ordinary text.
//!   The others stay: they are strings that the tokenizer finds in any text (runs of spaces in GPT-NeoX, HTML tags in
//!   Gemma), and the model's own code counts them as one token.
//!
//! Where a text may be cut is read off the file (see [`Cuts`]): byte-level BPE that splits with one of the regexes in
//! [`KNOWN_SPLITS`] is cut as the GPT encodings are, SentencePiece-like BPE before a space when no token of the
//! vocabulary reaches across it, and anything else nowhere, so that it is exact up to 4 MiB and an estimate beyond.

use std::path::Path;

use serde_json::Value;
use tokenizers::Tokenizer as Engine;

use super::cut::{self, Cuts, FORCED_MARGIN, floor_char_boundary, is_border};
use super::estimate::Estimator;
use super::{TokenCount, Tokenizer, TokenizerError};

/// Whitespace characters in a row that the crate's regexes get through: they stop at a million without an error.
const SPACE_RUN: usize = 500_000;

/// A tokenizer read from a Hugging Face `tokenizer.json`.
pub struct HuggingFace {
    name: String,
    engine: Engine,
    cuts: Cuts,
}

impl HuggingFace {
    /// Reads a file; its path becomes the tokenizer's name.
    ///
    /// # Errors
    /// [`TokenizerError::Unreadable`] and [`TokenizerError::Broken`], which name the file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, TokenizerError> {
        let bytes =
            std::fs::read(path).map_err(|reason| TokenizerError::Unreadable { path: path.to_owned(), reason })?;
        HuggingFace::parse(&path.display().to_string(), &bytes)
            .map_err(|reason| TokenizerError::Broken { path: path.to_owned(), reason })
    }

    fn parse(name: &str, bytes: &[u8]) -> Result<Self, String> {
        let mut file: Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
        if file.get("model").is_none() {
            return Err("it has no \"model\"".to_owned());
        }
        keep_to_the_text(&mut file);
        let cuts = cuts(&file);
        let engine: Engine = serde_json::from_value(file).map_err(|e| e.to_string())?;
        engine.encode_fast(PROBE, false).map_err(|e| format!("it cannot encode every text: {e}"))?;
        Ok(HuggingFace { name: name.to_owned(), engine, cuts })
    }

    fn count_part(&self, text: &str) -> TokenCount {
        if text.len() > SPACE_RUN && has_long_space_run(text) {
            let (head, tail) = text.split_at(floor_char_boundary(text, text.len() / 2));
            let mut count = self.count_part(head);
            count += self.count_part(tail);
            return count.widened(FORCED_MARGIN);
        }
        match self.engine.encode_fast(text, false) {
            Ok(encoding) => TokenCount::exact(encoding.len() as u64),
            Err(_) => Estimator::of("unknown").count(text),
        }
    }
}

impl Tokenizer for HuggingFace {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, self.cuts, |part| self.count_part(part))
    }

    fn cuts(&self) -> Cuts {
        self.cuts
    }
}

/// A text with something of everything, among it a character that no vocabulary has.
const PROBE: &str = "The quick brown fox, 42.\n\t\u{e9} \u{4f60}\u{597d} \u{1f600} \0 \u{10fffd}";

fn has_long_space_run(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if c.is_whitespace() { run + 1 } else { 0 };
        run >= SPACE_RUN
    })
}

/// Takes out of the file what would add to the text, drop some of it, or give it a meaning.
fn keep_to_the_text(file: &mut Value) {
    for (field, inside) in [("truncation", None), ("padding", None), ("model", Some("dropout"))] {
        let place = file.get_mut(field).and_then(|value| match inside {
            Some(name) => value.get_mut(name),
            None => Some(value),
        });
        if let Some(place) = place {
            *place = Value::Null;
        }
    }
    if let Some(Value::Array(tokens)) = file.get_mut("added_tokens") {
        tokens.retain(|token| token["special"] != Value::Bool(true));
    }
}

/// Regexes for which the proof in [`cut`] holds word for word: no alternative matches a text across a border.
const KNOWN_SPLITS: &[&str] = &[
    // cl100k_base as in Llama 3; with single digits: Qwen 2
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    // Qwen 3.5
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    // o200k_base as in Llama 4; without contractions and with single digits: Tekken
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    // DeepSeek V3: three splits, one after the other
    r"\p{N}{1,3}",
    "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
];

/// Where texts may be cut for the tokenizer of this file.
fn cuts(file: &Value) -> Cuts {
    let added: Vec<&Value> = file["added_tokens"].as_array().into_iter().flatten().collect();
    if file["model"]["type"] != "BPE" || added.iter().any(|token| token["lstrip"] == true || token["rstrip"] == true) {
        return Cuts::Nowhere;
    }
    let added_text: Vec<&str> = added.iter().filter_map(|token| token["content"].as_str()).collect();
    let crossed = |cuts: Cuts| added_text.iter().any(|text| crosses(text, |a, b| is_border(a, b, cuts)));
    if splits_like_gpt(file) {
        let whole_words = added.iter().any(|token| token["single_word"] == true);
        return match () {
            () if !whole_words && !crossed(Cuts::Borders) => Cuts::Borders,
            () if !crossed(Cuts::Spaces) => Cuts::Spaces,
            () => Cuts::Nowhere,
        };
    }
    let vocabulary = file["model"]["vocab"].as_object();
    let spaces_begin_tokens = vocabulary.is_some_and(|tokens| {
        tokens.contains_key("\u{2581}")
            && !tokens.keys().any(|t| crosses(t, |a, b| a.is_alphanumeric() && b == '\u{2581}'))
    });
    let plain = marks_spaces_and_nothing_else(file) && spaces_begin_tokens && !crossed(Cuts::Spaces);
    if plain { Cuts::Spaces } else { Cuts::Nowhere }
}

fn crosses(text: &str, is_border: impl Fn(char, char) -> bool) -> bool {
    text.chars().zip(text.chars().skip(1)).any(|(a, b)| is_border(a, b))
}

/// Byte-level BPE behind regexes that are all known, with no normaliser but NFC, which never joins across a border:
/// what stands after one neither composes with nor reorders before its neighbour.
fn splits_like_gpt(file: &Value) -> bool {
    let harmless = steps(&file["normalizer"], "normalizers").iter().all(|step| step["type"] == "NFC");
    let splits = steps(&file["pre_tokenizer"], "pretokenizers");
    let known = |step: &&Value| match step["type"].as_str() {
        Some("ByteLevel") => step["add_prefix_space"] == false,
        Some("Digits") => true,
        Some("Split") => {
            let isolates = step["behavior"] == "Isolated" && step["invert"] == false
                || step["behavior"] == "Removed" && step["invert"] == true;
            isolates && step["pattern"]["Regex"].as_str().is_some_and(|regex| KNOWN_SPLITS.contains(&regex))
        }
        _ => false,
    };
    let words = |step: &&Value| match step["type"].as_str() {
        Some("ByteLevel") => step["use_regex"] != false,
        Some("Split") => step["pattern"]["Regex"].as_str().is_some_and(|regex| regex.contains(r"\s+(?!\S)")),
        _ => false,
    };
    harmless && splits.iter().all(known) && splits.iter().any(words) && ends_in_byte_level(&splits)
}

fn ends_in_byte_level(splits: &[&Value]) -> bool {
    splits.last().is_some_and(|step| step["type"] == "ByteLevel")
}

/// Spaces become U+2581 one by one and the text is not split before the merges, as in Gemma.
fn marks_spaces_and_nothing_else(file: &Value) -> bool {
    let normalizer = &file["normalizer"];
    let marks = normalizer["type"] == "Replace"
        && normalizer["pattern"]["String"] == " "
        && normalizer["content"] == "\u{2581}";
    let splits = steps(&file["pre_tokenizer"], "pretokenizers");
    // A split at spaces finds none after the replacement.
    marks && splits.iter().all(|step| step["type"] == "Split" && step["pattern"]["String"] == " ")
}

/// The steps of a normaliser or pre-tokenizer: none, itself, or those of a sequence.
fn steps<'a>(step: &'a Value, list: &str) -> Vec<&'a Value> {
    match step["type"].as_str() {
        None => Vec::new(),
        Some("Sequence") => step[list].as_array().into_iter().flatten().flat_map(|inner| steps(inner, list)).collect(),
        Some(_) => vec![step],
    }
}
