//! Packs a published vocabulary for this crate: `cargo run -p farebox-tokenizer --all-features --example pack_vocab -- NAME SOURCE_FILE`.
//!
//! Reads the file in the form that the name's recipe says, writes `data/vocab/NAME.fbv` (`src/tokenizer/merges.rs` and
//! for symbols `src/tokenizer/vocab.rs` have its layout) and the line of `NAME` in `data/vocab/sources.csv`, with the
//! sha256 of the file it was made from. `docs/vocabularies.md` says where each file is had. The same file gives the same frame.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use farebox_data::layout::find::Units;
use farebox_data::layout::make::merges_of;
use farebox_data::merges::Merges;
use farebox_data::vocab::{MAGIC, Tokens};
use serde_json::Value;
use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The form of a source file.
#[derive(Clone, Copy)]
enum FileForm {
    /// Lines of `base64(token) rank`.
    Tiktoken,
    /// A frame of the crate `tiktoken`.
    Tkv,
    /// The same, with only the tokens after those of the base.
    TkvMore,
    /// Mistral's `tekken.json`, and how many of its tokens the models use.
    Tekken(usize),
    /// The protocol buffer of SentencePiece.
    SentencePiece,
    /// Lines of `base64(piece) score [type]`, as the `splintr-vocab` crates have it, and how many of them count.
    Spm(usize),
    /// The strings of type "user defined" in such a file.
    SpmSymbols,
    /// Lists of pieces and of merge results, as `splintr-vocab-gemma4` has it.
    Mbpe,
    /// Hugging Face's `tokenizer.json`, byte-level.
    TokenizerJson,
    /// The added tokens of such a file that it does not call special.
    AddedTokens,
    /// Anthropic's `claude.json`.
    ClaudeJson,
    /// The merges of a byte-level vocabulary in llama.cpp's GGUF.
    Gguf,
    /// The added tokens of a GGUF (type "user defined").
    GgufSymbols,
}

impl FileForm {
    /// What is merged, or `None` for strings that nothing merges.
    fn units(self) -> Option<Units> {
        match self {
            FileForm::SpmSymbols | FileForm::AddedTokens | FileForm::GgufSymbols => None,
            FileForm::SentencePiece | FileForm::Spm(_) | FileForm::Mbpe => Some(Units::Chars),
            _ => Some(Units::Bytes),
        }
    }
}

/// Name, file in `data/vocab`, form, what it goes on from, licence.
const RECIPES: &[(&str, &str, FileForm, Option<&str>, &str)] = &[
    ("r50k_base", "r50k_base.fbv", FileForm::Tiktoken, None, "MIT"),
    ("p50k_base", "p50k_base.fbv", FileForm::Tiktoken, Some("r50k_base.fbv"), "MIT"),
    ("cl100k_base", "cl100k_base.fbv", FileForm::Tiktoken, None, "MIT"),
    ("o200k_base", "o200k_base.fbv", FileForm::Tiktoken, None, "MIT"),
    ("llama2", "llama/llama2.fbv", FileForm::Spm(32_000), None, "Llama 2 Community License"),
    ("llama3", "llama/llama3.fbv", FileForm::Tiktoken, Some("cl100k_base.fbv"), "Llama 3 Community License"),
    ("llama4", "llama/llama4.fbv", FileForm::Tiktoken, None, "Llama 4 Community License"),
    ("mistral_v1_spm", "mistral_v1_spm.fbv", FileForm::SentencePiece, None, "Apache-2.0"),
    ("mistral_v3_spm", "mistral_v1_spm.fbv", FileForm::SentencePiece, None, "Apache-2.0"),
    ("mistral_tekken", "mistral_tekken.fbv", FileForm::Tekken(130_072), None, "Apache-2.0"),
    (
        "gemma3.symbols",
        "gemma3.symbols.fbv",
        FileForm::SpmSymbols,
        None,
        "facts read from a file under the Gemma Terms",
    ),
    ("gemma4", "gemma4.fbv", FileForm::Mbpe, None, "Apache-2.0"),
    ("qwen2", "qwen2.fbv", FileForm::Tiktoken, None, "Apache-2.0"),
    ("qwen3_5", "qwen3_5.fbv", FileForm::Tiktoken, None, "Apache-2.0"),
    ("deepseek_v3", "deepseek_v3.fbv", FileForm::TokenizerJson, None, "MIT"),
    ("qwen2.symbols", "qwen2.symbols.fbv", FileForm::AddedTokens, None, "Apache-2.0"),
    ("deepseek_v3.symbols", "deepseek_v3.symbols.fbv", FileForm::AddedTokens, None, "MIT"),
    ("glm4", "glm4.fbv", FileForm::Tkv, None, "MIT"),
    ("glm5", "glm5.fbv", FileForm::TkvMore, Some("glm4.fbv"), "MIT"),
    ("kimi_k2", "kimi_k2.fbv", FileForm::Tiktoken, None, "Modified MIT"),
    ("minimax_m2", "minimax_m2.fbv", FileForm::Tkv, None, "Modified MIT"),
    ("gpt_neox", "gpt_neox.fbv", FileForm::Gguf, None, "Apache-2.0"),
    ("gpt_neox.symbols", "gpt_neox.symbols.fbv", FileForm::GgufSymbols, None, "Apache-2.0"),
    ("claude_legacy", "claude_legacy.fbv", FileForm::ClaudeJson, None, "Apache-2.0"),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, source] = &arguments[..] else { return Err("usage: pack_vocab NAME SOURCE_FILE".into()) };
    let recipe = RECIPES.iter().find(|recipe| recipe.0 == name).ok_or("no recipe has this name")?;
    let (_, file, form, base, licence) = *recipe;
    let folder = Path::new("data/vocab");
    let bytes = fs::read(source)?;
    let base = base.map(|base| fs::read(folder.join(base))).transpose()?;
    let mut tokens = read(form, &bytes)?;
    if let (FileForm::TkvMore, Some(base)) = (form, &base) {
        let before = Tokens::unpack(base)?;
        tokens = before.iter().map(<[u8]>::to_vec).chain(tokens).collect();
    }
    let distinct: HashSet<&Vec<u8>> = tokens.iter().collect();
    if distinct.len() != tokens.len() {
        return Err(format!("{} tokens are there twice", tokens.len() - distinct.len()).into());
    }
    let (frame, count) = match form.units() {
        Some(units) => merged(&tokens, units, base)?,
        None => (zstd::bulk::compress(&frame(&tokens), 22)?, tokens.len()),
    };
    fs::write(folder.join(file), &frame)?;
    let line = [
        name.clone(),
        format!("{:x}", Sha256::digest(&bytes)),
        bytes.len().to_string(),
        licence.to_owned(),
        count.to_string(),
        frame.len().to_string(),
    ];
    note(&folder.join("sources.csv"), &line)
}

/// Writes one line of the list of sources, in the place of the one that has its name.
fn note(path: &Path, line: &[String; 6]) -> Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        rows.push(row?.iter().map(str::to_owned).collect());
    }
    rows.retain(|row| row.first() != line.first());
    rows.push(line.to_vec());
    rows.sort();
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(["name", "source_sha256", "source_bytes", "licence", "tokens", "packed_bytes"])?;
    rows.iter().try_for_each(|row| out.write_record(row))?;
    Ok(out.flush()?)
}

fn frame(tokens: &[Vec<u8>]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend((tokens.len() as u32).to_le_bytes());
    for token in tokens {
        let mut length = token.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
    }
    let mut by_length: Vec<&Vec<u8>> = tokens.iter().collect();
    by_length.sort_by_key(|token| token.len());
    by_length.iter().for_each(|token| out.extend_from_slice(token));
    out
}

/// A frame of the tokens after those of `base`, which they have to begin with, and how many those are.
fn merged(tokens: &[Vec<u8>], units: Units, base: Option<Vec<u8>>) -> Result<(Vec<u8>, usize)> {
    let tokens: Vec<&[u8]> = tokens.iter().map(Vec::as_slice).collect();
    let merges = merges_of(&tokens, units).ok_or("the tables do not take these tokens")?;
    let base = base.map(|frame| Merges::unpack(&[&frame]).ok_or("the base is no frame")).transpose()?;
    let from = base.as_ref().map_or(0, |base| base.parts().len());
    if let Some(base) = base {
        let before = base.tokens().ok_or("the base is no frame")?;
        if !before.iter().eq(tokens.iter().copied().take(from)) || merges.parts().get(..from) != Some(base.parts()) {
            return Err("it does not begin with its base".into());
        }
    }
    Ok((merges.pack(from), tokens.len() - from))
}

fn read(form: FileForm, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    match form {
        FileForm::Tiktoken => ranked(std::str::from_utf8(bytes)?.lines()),
        FileForm::Tkv | FileForm::TkvMore => tkv(&zstd::decode_all(bytes)?),
        FileForm::Tekken(used) => tekken(&serde_json::from_slice(bytes)?, used),
        FileForm::SentencePiece => Ok(by_score(sentence_piece(bytes)?, 1)),
        FileForm::Spm(used) => Ok(by_score(spm(bytes, used)?, 1)),
        FileForm::SpmSymbols => Ok(by_score(spm(bytes, usize::MAX)?, 4)),
        FileForm::Mbpe => mbpe(std::str::from_utf8(bytes)?),
        FileForm::TokenizerJson => {
            let file: Value = serde_json::from_slice(bytes)?;
            let merges = file["model"]["merges"].as_array().ok_or("no merges")?;
            byte_level(merges.iter().filter_map(Value::as_str))
        }
        FileForm::AddedTokens => {
            let file: Value = serde_json::from_slice(bytes)?;
            let added = file["added_tokens"].as_array().ok_or("no added tokens")?;
            let added = added.iter().filter(|token| token["special"] == false);
            Ok(added.filter_map(|token| token["content"].as_str()).map(|text| text.as_bytes().to_vec()).collect())
        }
        FileForm::ClaudeJson => {
            let file: Value = serde_json::from_slice(bytes)?;
            let mut words = file["bpe_ranks"].as_str().ok_or("no bpe_ranks")?.split(' ').skip(2);
            words.try_fold(Vec::new(), |mut tokens, word| {
                tokens.push(BASE64_STANDARD.decode(word)?);
                Ok(tokens)
            })
        }
        FileForm::Gguf => byte_level(gguf(bytes)?.merges.iter().map(String::as_str)),
        FileForm::GgufSymbols => {
            let Gguf { tokens, types, .. } = gguf(bytes)?;
            let added = tokens.into_iter().zip(types).filter(|(token, kind)| *kind == 4 && !token.starts_with("<|"));
            Ok(added.map(|(token, _)| token.into_bytes()).collect())
        }
    }
}

fn ranked<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<u8>>> {
    let mut tokens = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (token, rank) = line.split_once(' ').ok_or("no rank")?;
        tokens.push((rank.parse::<u32>()?, BASE64_STANDARD.decode(token)?));
    }
    tokens.sort();
    Ok(tokens.into_iter().map(|(_, token)| token).collect())
}

fn tkv(frame: &[u8]) -> Result<Vec<Vec<u8>>> {
    // Its layout is ours, with the first rank between the number of tokens and the lengths.
    let count = u32::from_le_bytes(frame[4..8].try_into()?) as usize;
    let mut at = 12;
    let mut lengths = Vec::new();
    while lengths.len() < count {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = frame[at];
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        lengths.push(length);
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|rank| lengths[*rank]);
    let mut tokens = vec![Vec::new(); count];
    for rank in order {
        tokens[rank] = frame[at..at + lengths[rank]].to_vec();
        at += lengths[rank];
    }
    Ok(tokens)
}

fn tekken(file: &Value, used: usize) -> Result<Vec<Vec<u8>>> {
    let tokens = file["vocab"].as_array().ok_or("no vocab")?.iter().take(used);
    tokens.map(|token| Ok(BASE64_STANDARD.decode(token["token_bytes"].as_str().ok_or("no bytes")?)?)).collect()
}

/// A piece of SentencePiece: text, score, type.
type Piece = (Vec<u8>, f32, u64);

fn by_score(mut pieces: Vec<Piece>, kind: u64) -> Vec<Vec<u8>> {
    pieces.retain(|piece| piece.2 == kind);
    pieces.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: equal scores stay in order
    pieces.into_iter().map(|piece| piece.0).collect()
}

fn spm(bytes: &[u8], used: usize) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for line in std::str::from_utf8(bytes)?.lines().take(used) {
        let fields: Vec<&str> = line.split(' ').collect();
        let text = BASE64_STANDARD.decode(fields[0])?;
        // Where no type is given, the pieces without a score are the control and byte ones.
        let is_byte = text.len() == 6 && text.starts_with(b"<0x") || pieces.len() < 3;
        let kind = fields.get(2).map_or(Ok(if is_byte { 6 } else { 1 }), |kind| kind.parse())?;
        pieces.push((text, fields[1].parse()?, kind));
    }
    Ok(pieces)
}

fn sentence_piece(bytes: &[u8]) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for (field, value) in fields(bytes)? {
        if let (1, WireReader::Bytes(piece)) = (field, value) {
            let (mut text, mut score, mut kind) = (Vec::new(), 0.0, 1);
            for (field, value) in fields(piece)? {
                match (field, value) {
                    (1, WireReader::Bytes(bytes)) => text = bytes.to_vec(),
                    (2, WireReader::Fixed(bits)) => score = f32::from_bits(bits),
                    (3, WireReader::Number(number)) => kind = number,
                    _ => {}
                }
            }
            pieces.push((text, score, kind));
        }
    }
    Ok(pieces)
}

enum WireReader<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
}

/// The fields of a protocol buffer.
fn fields(bytes: &[u8]) -> Result<Vec<(u64, WireReader<'_>)>> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => WireReader::Number(varint(&mut rest)?),
            2 => {
                let length = varint(&mut rest)? as usize;
                let (value, after) = rest.split_at_checked(length).ok_or("cut off")?;
                rest = after;
                WireReader::Bytes(value)
            }
            5 => {
                let (value, after) = rest.split_first_chunk::<4>().ok_or("cut off")?;
                rest = after;
                WireReader::Fixed(u32::from_le_bytes(*value))
            }
            other => return Err(format!("wire type {other}").into()),
        };
        found.push((key >> 3, value));
    }
    Ok(found)
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or("cut off")?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

/// Characters first, then the merge results in their order, then what no merge makes.
fn mbpe(text: &str) -> Result<Vec<Vec<u8>>> {
    let mut lines = text.lines();
    let mut counts = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        counts.push(line.split(' ').nth(1).unwrap_or("0").parse::<usize>().unwrap_or(0));
    }
    let pieces: Vec<Vec<u8>> = lines.by_ref().take(counts[1]).map(unescape).collect();
    let mut results = Vec::new();
    for line in lines.filter(|line| !line.is_empty()).take(counts[2]) {
        let piece = line.split(' ').next().unwrap_or_default().parse::<usize>()?;
        results.push(pieces.get(piece).ok_or("no such piece")?.clone());
    }
    let merged: HashSet<&Vec<u8>> = results.iter().collect();
    let is_character = |piece: &&Vec<u8>| std::str::from_utf8(piece).is_ok_and(|text| text.chars().count() == 1);
    let singles: Vec<Vec<u8>> = pieces.iter().filter(is_character).filter(|p| !merged.contains(p)).cloned().collect();
    Ok(singles.into_iter().chain(results).collect())
}

/// Undoes `\\n`, `\\r`, `\\t` and `\\\\`.
fn unescape(line: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                other => other.unwrap_or('\\'),
            },
            letter => letter,
        });
    }
    out.into_bytes()
}

/// All bytes, then what each merge makes, written in the letters that GPT-2 gave to bytes.
fn byte_level<'a>(merges: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<u8>>> {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    for merge in merges {
        let letters = merge.chars().filter(|c| *c != ' ');
        tokens.push(letters.map(byte_of).collect::<Option<_>>().ok_or("no byte-level merge")?);
    }
    Ok(tokens)
}

fn byte_of(letter: char) -> Option<u8> {
    let is_itself = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let code = letter as u32;
    match u8::try_from(code) {
        Ok(byte) => is_itself(byte).then_some(byte),
        Err(_) => (0..=255).filter(|byte| !is_itself(*byte)).nth(code.checked_sub(256)? as usize),
    }
}

#[derive(Default)]
struct Gguf {
    tokens: Vec<String>,
    types: Vec<u64>,
    merges: Vec<String>,
}

/// Reads the tokenizer block of a GGUF.
fn gguf(bytes: &[u8]) -> Result<Gguf> {
    let mut reader = GgufReader(bytes.strip_prefix(b"GGUF").ok_or("not a GGUF")?);
    let (_version, _tensors, pairs) = (reader.number(4)?, reader.number(8)?, reader.number(8)?);
    let mut out = Gguf::default();
    for _ in 0..pairs {
        let key = reader.text()?;
        let kind = reader.number(4)?;
        if kind != 9 {
            reader.value(kind)?;
            continue;
        }
        let (kind, count) = (reader.number(4)?, reader.number(8)?);
        for _ in 0..count {
            let (text, number) = reader.value(kind)?;
            match key.as_str() {
                "tokenizer.ggml.tokens" => out.tokens.push(text),
                "tokenizer.ggml.token_type" => out.types.push(number),
                "tokenizer.ggml.merges" => out.merges.push(text),
                _ => {}
            }
        }
    }
    Ok(out)
}

struct GgufReader<'a>(&'a [u8]);

impl GgufReader<'_> {
    fn number(&mut self, size: usize) -> Result<u64> {
        let (head, rest) = self.0.split_at_checked(size).ok_or("cut off")?;
        self.0 = rest;
        Ok(head.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Result<String> {
        let length = self.number(8)? as usize;
        let (head, rest) = self.0.split_at_checked(length).ok_or("cut off")?;
        self.0 = rest;
        Ok(String::from_utf8_lossy(head).into_owned())
    }

    fn value(&mut self, kind: u64) -> Result<(String, u64)> {
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 => return Ok((self.text()?, 0)),
            _ => 8,
        };
        Ok((String::new(), self.number(size)?))
    }
}
