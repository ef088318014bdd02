//! Counts random texts twice, here and with a slow reference, and stops at the first difference:
//!
//! ```text
//! cargo run --release --example compare_reference -- NAME SECONDS [TOKENIZER_JSON]
//! ```
//!
//! With a file, the reference is the crate `tokenizers`, through `tokenizer::from_file`. Without one it is the merge loop of
//! `tiktoken-rs` behind the regex that the vocabulary was published with, lookahead and all, over the same ranks.
//! The texts are made of words, scripts, whitespace, digits, marks and pieces of this repository's own test texts.

use std::collections::HashSet;
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};
use std::{env, io};

use farebox::tokenizer::vocab::{Tokens, frames};
use farebox::tokenizer::{StreamCounter, from_file, load};
use rustc_hash::FxHashMap;
use tiktoken_rs::CoreBPE;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const CL100K: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN3_5: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const KIMI: &str = r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Frames, regex as published, and whether texts are composed (NFC) first.
fn published(name: &str) -> Option<(Vec<&'static [u8]>, &'static str, bool)> {
    Some(match name {
        "r50k_base" => (vec![frames::R50K_BASE], GPT2, false),
        "p50k_base" => (vec![frames::R50K_BASE, frames::P50K_BASE], GPT2, false),
        "cl100k_base" => (vec![frames::CL100K_BASE], CL100K, false),
        "o200k_base" => (vec![frames::O200K_BASE], O200K, false),
        "qwen3_5" => (vec![frames::QWEN3_5], QWEN3_5, true),
        "glm4" => (vec![frames::GLM4], LLAMA3, false),
        "glm5" => (vec![frames::GLM4, frames::GLM5], LLAMA3, false),
        "kimi_k2" => (vec![frames::KIMI_K2], KIMI, false),
        "minimax_m2" => (vec![frames::MINIMAX_M2], O200K, false),
        "mistral_tekken" => (vec![frames::MISTRAL_TEKKEN], TEKKEN, false),
        #[cfg(feature = "llama")]
        "llama3" => (vec![frames::CL100K_BASE, frames::LLAMA3], LLAMA3, false),
        #[cfg(feature = "llama")]
        "llama4" => (vec![frames::LLAMA4], O200K, false),
        _ => return None,
    })
}

type Count = Box<dyn Fn(&str) -> u64>;

fn reference(name: &str, file: Option<&String>) -> Result<Count> {
    if let Some(path) = file {
        let reference = from_file(path)?;
        return Ok(Box::new(move |text| reference.count(text).tokens));
    }
    let (frames, regex, composes) = published(name).ok_or("this name needs a tokenizer.json")?;
    let mut ranks = FxHashMap::default();
    for frame in frames {
        for token in Tokens::unpack(frame)?.iter() {
            ranks.insert(token.to_vec(), ranks.len() as u32);
        }
    }
    let bpe = CoreBPE::new(ranks, FxHashMap::default(), regex).map_err(|e| e.to_string())?;
    Ok(Box::new(move |text| {
        use unicode_normalization::UnicodeNormalization;
        let text = if composes { text.nfc().collect() } else { text.to_owned() };
        bpe.encode(&text, &HashSet::new()).map_or(u64::MAX, |(tokens, _)| tokens.len() as u64)
    }))
}

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn text(&mut self, sources: &[Vec<char>]) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(24) {
            self.part(sources, &mut text);
        }
        text
    }

    fn part(&mut self, sources: &[Vec<char>], text: &mut String) {
        const RANGES: [(u32, u32); 22] = [
            (0x20, 0x7e),
            (0x61, 0x7a),
            (0x41, 0x5a),
            (0x30, 0x39),
            (0, 0x20),
            (0xa0, 0x17f),
            (0x300, 0x36f),
            (0x370, 0x5ff),
            (0x600, 0x6ff),
            (0x900, 0xdff),
            (0xe00, 0xfff),
            (0x1100, 0x11ff),
            (0x1e00, 0x1fff),
            (0x2000, 0x206f),
            (0x2070, 0x2bff),
            (0x3000, 0x30ff),
            (0x4e00, 0x9fff),
            (0xac00, 0xd7a3),
            (0xf900, 0xfaff),
            (0xfe00, 0xffef),
            (0x1f300, 0x1faff),
            (0x10000, 0x10ffff),
        ];
        const ODD: [&str; 16] = [
            " ", "  ", "\n", "\r\n", "\t", "\n\n", " \n", "'s", "'LL", "n't", "<td>", "</li>", "\u{2581}", "/",
            "123456", "\u{3000}",
        ];
        let length = 1 + self.below(8);
        match self.below(5) {
            0 => (0..length).for_each(|_| text.push_str(ODD[self.below(ODD.len())])),
            1 => {
                let odd = ODD[self.below(ODD.len())];
                (0..self.below(60)).for_each(|_| text.push_str(odd));
            }
            2 => {
                let source = &sources[self.below(sources.len())];
                let start = self.below(source.len());
                text.extend(&source[start..(start + length * 12).min(source.len())]);
            }
            _ => {
                let (from, to) = RANGES[self.below(RANGES.len())];
                let letter = |random: &mut Random| char::from_u32(from + random.below((to - from + 1) as usize) as u32);
                (0..length).filter_map(|_| letter(self)).for_each(|c| text.push(c));
            }
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, seconds, file @ ..] = &arguments[..] else {
        return Err("usage: compare_reference NAME SECONDS [TOKENIZER_JSON]".into());
    };
    let ours = load(name)?;
    // OpenAI's own are counted through tiktoken-rs by `load`; here it is our engine that is compared.
    let ours = match name.as_str() {
        "r50k_base" => farebox::tokenizer::bpe::ByteLevel::shared(&farebox::tokenizer::bpe::R50K),
        "p50k_base" => farebox::tokenizer::bpe::ByteLevel::shared(&farebox::tokenizer::bpe::P50K),
        "cl100k_base" => farebox::tokenizer::bpe::ByteLevel::shared(&farebox::tokenizer::bpe::CL100K),
        "o200k_base" => farebox::tokenizer::bpe::ByteLevel::shared(&farebox::tokenizer::bpe::O200K),
        _ => ours,
    };
    let reference = reference(name, file.first())?;
    let sources: Vec<Vec<char>> = [
        include_str!("../tests/data/token-cases.jsonl"),
        include_str!("../README.md"),
        include_str!("../src/tokenizer/mod.rs"),
    ]
    .iter()
    .map(|text| text.chars().collect())
    .collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()));
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let (mut texts, mut bytes) = (0, 0);
    while Instant::now() < end {
        let text = random.text(&sources);
        let (a, b) = (ours.count(&text).tokens, reference(&text));
        if a != b {
            return Err(format!("{name}: {a} here, {b} by the reference: {text:?}").into());
        }
        let mut counter = StreamCounter::new(ours.clone());
        text.char_indices().for_each(|(at, c)| counter.push(&text[at..at + c.len_utf8()]));
        if counter.finish().tokens != a {
            return Err(format!("{name}: a stream counts otherwise: {text:?}").into());
        }
        texts += 1;
        bytes += text.len();
    }
    writeln!(io::stdout(), "{name}: {texts} texts of {bytes} bytes, no difference")?;
    Ok(())
}
