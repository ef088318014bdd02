//! Counts with a `tokenizer.json` that a user has, through the crate `tokenizers`, which no other file knows of.
//!
//! The file is prepared so that a count is the text alone:
//! * `encode` is asked to add no special tokens, and what would add, drop or vary tokens (post-processor, truncation,
//!   padding, dropout) is taken out of the file;
//! * added tokens that the file marks `special` are taken out too, so that `<|endoftext|>` in a text is ordinary text.
//!   The others stay: they are strings that the tokenizer finds in any text (runs of spaces in GPT-NeoX, HTML tags in
//!   Gemma), and the model's own code counts them as one token.
//!
//! Where a text may be cut is read off the file (see [`Cuts`]): byte-level BPE that splits with one of the known regexes
//! is cut as the GPT encodings are, SentencePiece-like BPE before a space when no token of the vocabulary reaches across
//! it, and anything else nowhere, so that it is exact up to 4 MiB and an estimate beyond.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokenizers::{DecoderWrapper, ModelWrapper, PostProcessorWrapper, TokenizerImpl};

use super::bounded::{Normalization, Splits, check_charsmap, encoded};
use super::cut::{self, Cuts, FORCED_MARGIN, floor_char_boundary, is_border};
use super::estimate::Estimator;
use super::vocab::LARGEST;
use super::vocabulary_error::VocabularyError;
use super::{TokenCount, Tokenizer, TokenizerError};
use crate::files;

/// Whitespace characters in a row that the crate's regexes get through: they stop at a million without an error.
const SPACE_RUN: usize = 500_000;

/// Characters of a word up to which WordPiece may look for its pieces, in the square of them; published files say 100.
const LONGEST_WORD: u64 = 1_000;

/// Bytes of the longest piece of a unigram model, each of which is looked for at every place; published ones have some dozens.
const LONGEST_PIECE: usize = 1 << 10;

type Engine = TokenizerImpl<ModelWrapper, Normalization, Splits, PostProcessorWrapper, DecoderWrapper>;

/// A tokenizer read from a Hugging Face `tokenizer.json`.
pub(crate) struct HuggingFace {
    name: String,
    engine: Engine,
    cuts: Cuts,
}

impl HuggingFace {
    /// Reads a file; its path becomes the tokenizer's name.
    ///
    /// # Errors
    /// [`TokenizerError::Unreadable`] and [`TokenizerError::Broken`], which name the file and what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, TokenizerError> {
        let bytes = files::read_whole(path, LARGEST)
            .map_err(|reason| TokenizerError::Unreadable { path: path.to_owned(), reason })?;
        HuggingFace::parse(&path.display().to_string(), &bytes)
            .map_err(|reason| TokenizerError::Broken { path: path.to_owned(), reason })
    }

    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self, VocabularyError> {
        let no_json = |e| VocabularyError::Broken(format!("not JSON: {e}"));
        HuggingFace::of_value(name, serde_json::from_slice(bytes).map_err(no_json)?)
    }

    pub(super) fn of_value(name: &str, mut file: Value) -> Result<Self, VocabularyError> {
        if file.get("model").is_none() {
            return Err(VocabularyError::broken("it has no \"model\""));
        }
        keep_to_the_text(&mut file);
        refuse_what_panics(&file).map_err(VocabularyError::Broken)?;
        let cuts = cuts(&file);
        let engine: Engine = serde_json::from_value(file).map_err(|e| VocabularyError::Broken(e.to_string()))?;
        encoded(|| engine.encode_fast(PROBE, false))
            .map_err(|e| VocabularyError::Broken(format!("it cannot encode every text: {e}")))?;
        Ok(HuggingFace { name: name.to_owned(), engine, cuts })
    }

    fn count_part(&self, text: &str) -> TokenCount {
        if text.len() > SPACE_RUN && has_long_space_run(text) {
            let (head, tail) = text.split_at(floor_char_boundary(text, text.len() / 2));
            let mut count = self.count_part(head);
            count += self.count_part(tail);
            return count.widened(FORCED_MARGIN);
        }
        match encoded(|| self.engine.encode_fast(text, false)) {
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
    for pointer in ["/truncation", "/padding", "/post_processor", "/decoder", "/model/dropout"] {
        if let Some(place) = file.pointer_mut(pointer) {
            *place = Value::Null;
        }
    }
    if let Some(Value::Array(tokens)) = file.get_mut("added_tokens") {
        tokens.retain(|token| token["special"] != Value::Bool(true));
    }
}

/// Refuses the values that the crate 0.23 trusts, and panics or takes without an end over; found by damaging files at random.
fn refuse_what_panics(file: &Value) -> Result<(), String> {
    check_charsmaps(&file["normalizer"])?;
    check_model(&file["model"])?;
    let Some(prefix) = file["model"]["continuing_subword_prefix"].as_str().filter(|prefix| !prefix.is_empty()) else {
        return Ok(());
    };
    let right = |merge: &'_ Value| match merge {
        Value::String(pair) => pair.split_once(' ').map(|(_, right)| right.to_owned()),
        pair => pair[1].as_str().map(str::to_owned),
    };
    let merges = file["model"]["merges"].as_array().into_iter().flatten();
    match merges.filter_map(right).find(|right| !right.starts_with(prefix)) {
        Some(token) => Err(format!("a merge continues a word with {token:?}, which lacks the prefix {prefix:?}")),
        None => Ok(()),
    }
}

/// Looks at the tables of replacements in a normaliser, however deep in it they are.
fn check_charsmaps(normalizer: &Value) -> Result<(), String> {
    let inner: Vec<&Value> = match normalizer {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => return Ok(()),
    };
    if let Some(text) = normalizer["precompiled_charsmap"].as_str() {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| "its precompiled_charsmap is not base64".to_owned())?;
        check_charsmap(&bytes)?;
    }
    inner.into_iter().try_for_each(check_charsmaps)
}

fn check_model(model: &Value) -> Result<(), String> {
    if let Some(longest) = model["max_input_chars_per_word"].as_u64().filter(|longest| *longest > LONGEST_WORD) {
        return Err(format!("its model takes words of {longest} characters, and farebox at most {LONGEST_WORD}"));
    }
    let pieces = model["vocab"].as_array().into_iter().flatten();
    match pieces.filter_map(|piece| piece[0].as_str()).find(|piece| piece.len() > LONGEST_PIECE) {
        Some(piece) => Err(format!("one of its pieces has {} bytes, and farebox takes {LONGEST_PIECE}", piece.len())),
        None => Ok(()),
    }
}

/// Regexes for which the proof in [`cut`] holds word for word: no alternative matches a text across a border.
pub(super) const KNOWN_SPLITS: &[&str] = &[
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, from_file};
    use proptest::prelude::*;
    use serde_json::json;

    /// Byte-level BPE with two merges, a special and an ordinary added token, and a truncation that must not bite.
    fn byte_level() -> Value {
        // The letter that GPT-2's byte level writes for each byte: printable ones as they are, the rest from U+0100 on.
        let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let mut letters: Vec<char> = (0..=255u8).filter(printable).map(char::from).collect();
        letters.extend((0..256 - letters.len() as u32).filter_map(|n| char::from_u32(0x100 + n)));
        let mut vocab: serde_json::Map<String, Value> =
            letters.iter().enumerate().map(|(id, letter)| (letter.to_string(), json!(id))).collect();
        vocab.insert("th".into(), json!(256));
        vocab.insert("the".into(), json!(257));
        let token = |id: u32, content: &str, special: bool| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": special})
        };
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
            "padding": null,
            "added_tokens": [token(258, "<|endoftext|>", true), token(259, "<think>", false)],
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": null,
            "model": {"type": "BPE", "dropout": 0.5, "unk_token": null, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                      "vocab": vocab, "merges": ["t h", "th e"]}
        })
    }

    fn parse(file: &Value) -> Result<HuggingFace, String> {
        HuggingFace::parse("test", file.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn special_tokens_are_text_and_ordinary_added_tokens_are_not() {
        let tokenizer = parse(&byte_level()).unwrap();
        assert_eq!(tokenizer.count("the"), TokenCount::exact(1));
        assert_eq!(tokenizer.count("the the"), TokenCount::exact(3)); // no merge joins the space
        assert_eq!(tokenizer.count("<|endoftext|>").tokens, 13); // its 13 bytes
        assert_eq!(tokenizer.count("a<think>b").tokens, 3);
        assert_eq!(tokenizer.count("").tokens, 0);
    }

    #[test]
    fn where_to_cut_is_read_off_the_file() {
        let mut file = byte_level();
        assert_eq!(cuts(&file), Cuts::Spaces); // <think> has a border of kind 2 inside
        file["added_tokens"] = json!([]);
        assert_eq!(cuts(&file), Cuts::Borders);
        file["pre_tokenizer"]["add_prefix_space"] = json!(true);
        assert_eq!(cuts(&file), Cuts::Nowhere);
        file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": KNOWN_SPLITS[0]}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]});
        assert_eq!(cuts(&file), Cuts::Borders);
        file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!(r"\S+\s*");
        assert_eq!(cuts(&file), Cuts::Nowhere);
        file["pre_tokenizer"] = Value::Null;
        file["normalizer"] = json!({"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"});
        assert_eq!(cuts(&file), Cuts::Nowhere); // its vocabulary has no U+2581
        file["model"]["vocab"]["\u{2581}"] = json!(300);
        assert_eq!(cuts(&file), Cuts::Spaces);
        file["model"]["vocab"]["e\u{2581}"] = json!(301);
        assert_eq!(cuts(&file), Cuts::Nowhere);
    }

    #[test]
    fn replacements_that_make_a_text_huge_end_in_an_estimate() {
        let mut file = byte_level();
        let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
        let sequence = |steps: Vec<Value>| json!({"type": "Sequence", "normalizers": steps});
        file["normalizer"] = sequence(vec![replace("z", "zz"); 3]);
        assert_eq!(parse(&file).unwrap().count("z"), TokenCount::exact(8));
        // Twice as long with each step: 2^40 in the end; and two million times as long at once.
        for steps in [vec![replace("z", "zz"); 40], vec![replace("z", &"y".repeat(2_000_000)); 2]] {
            // However deep it is, and with or without the names of the steps.
            file["normalizer"] = sequence(vec![sequence(steps.clone()), json!({"normalizers": steps})]);
            assert_eq!(parse(&file).unwrap().count("zzzz").basis, Basis::Estimated);
            assert_eq!(parse(&file).unwrap().count("the"), TokenCount::exact(1));
        }
        file["normalizer"] = sequence(vec![replace("z", "y"); 101]);
        assert!(parse(&file).err().unwrap().contains("more than 100 steps"));
        file["normalizer"] = Value::Null;
        file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": vec![file["pre_tokenizer"].clone(); 4]});
        assert!(parse(&file).err().unwrap().contains("more than 3 times"));
    }

    #[test]
    fn what_the_crate_would_take_forever_over_is_refused() {
        let mut file = byte_level();
        file["normalizer"] = json!({"type": "Sequence", "normalizers": [{"precompiled_charsmap": "/////wAA"}]});
        assert!(parse(&file).err().unwrap().contains("precompiled_charsmap is damaged"));
        file["normalizer"] = json!({"type": "Replace", "pattern": {"Regex": "(a+)+(?!b)$"}, "content": ""});
        assert!(parse(&file).err().unwrap().contains("(a+)+(?!b)$"));
        file["normalizer"] = Value::Null;
        file["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
        assert!(parse(&file).err().unwrap().contains("length 0"));
        file["pre_tokenizer"] = Value::Null;
        file["model"] = json!({"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##",
                               "max_input_chars_per_word": 1_000_000_000_u64, "vocab": {"a": 0}});
        assert!(parse(&file).err().unwrap().contains("words of 1000000000 characters"));
        file["model"] = json!({"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0], ["a".repeat(2_000), -1.0]]});
        assert!(parse(&file).err().unwrap().contains("2000 bytes"));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let tokenizer = parse(&byte_level()).unwrap();
        let text = "the <think> th\u{e9}  the\n\n 42 th e' s\t".repeat(6_000);
        assert!(text.len() > 3 * cut::CHUNK);
        let whole = tokenizer.engine.encode_fast(text.as_str(), false).unwrap().len();
        assert_eq!(tokenizer.count(&text), TokenCount::exact(whole as u64));
    }

    #[test]
    fn a_broken_file_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let error = |content: &str| {
            let path = folder.path().join("tokenizer.json");
            std::fs::write(&path, content).unwrap();
            let error = from_file(&path).err().unwrap();
            let message = format!("{error}\n  help: {}", error.help().unwrap());
            message.replace(&format!("{}/", folder.path().display()), "")
        };
        insta::assert_snapshot!(error("{\"model\": "), @r"
        tokenizer.json: is not a usable tokenizer.json: not JSON: EOF while parsing a value at line 1 column 10
          help: download the file again, and check that it is the model's `tokenizer.json`, not `tokenizer_config.json`
        ");
        insta::assert_snapshot!(error("{\"tokenizer_class\": \"GPT2Tokenizer\"}"), @r#"
        tokenizer.json: is not a usable tokenizer.json: it has no "model"
          help: download the file again, and check that it is the model's `tokenizer.json`, not `tokenizer_config.json`
        "#);
        let mut file = byte_level();
        file["model"]["merges"] = json!(["q zz"]);
        assert!(error(&file.to_string()).contains("tokenizer.json: is not a usable tokenizer.json: "));
        let words =
            json!({"version": "1.0", "model": {"type": "WordLevel", "vocab": {"the": 0}, "unk_token": "[UNK]"}});
        assert!(error(&words.to_string()).contains("cannot encode every text"));
        let missing = from_file(folder.path().join("none.json")).err().unwrap().to_string();
        assert!(missing.contains("none.json: cannot be read"), "{missing}");
    }

    /// Every place of a JSON document, as a pointer.
    fn places(value: &Value, here: String, all: &mut Vec<String>) {
        all.push(here.clone());
        match value {
            Value::Object(map) if map.len() < 50 => {
                map.iter().for_each(|(key, inner)| places(inner, format!("{here}/{key}"), all));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, inner)| places(inner, format!("{here}/{i}"), all));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_an_error_or_counts_but_never_panics(at in any::<prop::sample::Index>(), what in 0usize..8) {
            let mut file = byte_level();
            let mut all = vec![];
            places(&file, String::new(), &mut all);
            let damage = [json!(null), json!(-1), json!(1e99), json!("\u{2581}x"), json!([]), json!({}), json!([[1, "a"]]), json!(0)];
            *file.pointer_mut(&all[at.index(all.len())]).unwrap() = damage[what].clone();
            if let Ok(tokenizer) = parse(&file) {
                tokenizer.count("the <think> 42");
            }
        }
    }
}
