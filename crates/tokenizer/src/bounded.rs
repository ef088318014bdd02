//! The steps of a `tokenizer.json` with bounds on what they may cost, so that a file from a stranger can neither hang a
//! machine nor fill its memory, and a step that breaks off is an error instead of a wrong count.
//!
//! The crate `tokenizers` stops at the first error of a regex without a word and takes what was found so far for all there
//! is. Here the regexes of `Split` and `Replace` are run one match at a time, and whatever goes beyond a bound ends the
//! count with an error, which [`hf`](super::hf) answers with an estimate. Every other step is the crate's own.
//!
//! | bound | why |
//! |---|---|
//! | [`BACKTRACKS`], [`PROBE_BACKTRACKS`] | a regex with lookaround can take exponential time |
//! | [`PROGRAM`] | a regex of nested counts is linear in a program of millions of states |
//! | [`PATIENCE`] | some regexes take time in the square of the text, one match after the other |
//! | [`GROWTH`] | replacements, one after the other, double a text each |

use std::cell::Cell;
use std::time::{Duration, Instant};

use fancy_regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use tokenizers::tokenizer::normalizer::{NormalizedString, SplitDelimiterBehavior};
use tokenizers::tokenizer::pattern::{Invert, Pattern};
use tokenizers::{
    Normalizer, NormalizerWrapper, Offsets, PreTokenizedString, PreTokenizer, PreTokenizerWrapper, Result as Encoded,
};

/// Steps back that one search may take: the default of `fancy-regex`.
const BACKTRACKS: usize = 1_000_000;

/// Steps back that one search in a text of [`PROBE_CHARS`] characters may take. The regexes of published vocabularies take
/// no more than a few for each character; the square of the characters is allowed, the cube is not.
const PROBE_BACKTRACKS: usize = 100_000;

const PROBE_CHARS: usize = 300;

/// Bytes of a compiled regex without lookaround; the largest of a published vocabulary has half a MiB.
const PROGRAM: usize = 4 << 20;

/// Time that the regexes of one part of a text may take, which has 4 MiB at most: the slowest of a published vocabulary
/// takes less than a tenth of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many times as long as the text its normal form may be: U+FDFA becomes 11 times as long in NFKC.
const GROWTH: usize = 16;

/// Bytes that any text may grow by.
const ROOM: usize = 4 << 10;

/// Steps of a normaliser or pre-tokenizer; published ones have ten at most.
const STEPS: usize = 100;

/// Steps that write each byte or space in a longer way; published files have one.
const REWRITES: usize = 3;

/// A regex that was found to take an acceptable time.
struct BoundedRegex(Regex);

impl BoundedRegex {
    fn of(pattern: &str) -> Result<BoundedRegex, String> {
        let shown: String = pattern.chars().take(60).collect();
        let build = |backtracks| {
            let mut builder = RegexBuilder::new(pattern);
            builder.backtrack_limit(backtracks).delegate_size_limit(PROGRAM).build()
        };
        let wrong = |error: fancy_regex::Error| format!("its regex {shown:?} cannot be used: {error}");
        let probe = build(PROBE_BACKTRACKS).map_err(wrong)?;
        match probes(pattern).find(|text| probe.find_iter(text).any(|found| found.is_err())) {
            Some(text) => {
                let start: String = text.chars().take(3).collect();
                Err(format!("its regex {shown:?} does not get through {PROBE_CHARS} characters such as {start:?}…"))
            }
            None => build(BACKTRACKS).map(BoundedRegex).map_err(wrong),
        }
    }

    fn search(&self, until: Instant) -> Search<'_> {
        Search { regex: &self.0, until, most_matches: usize::MAX }
    }
}

/// Texts that make a regex go back where any does: runs of what it names itself and of one character of each kind.
fn probes(pattern: &str) -> impl Iterator<Item = String> {
    let mut units: Vec<String> = pattern.chars().filter(|c| c.is_alphanumeric()).take(64).map(String::from).collect();
    let kinds =
        ["a", "A", "1", " ", "\n", ".", "_", "\u{e9}", "\u{4f60}", "\u{301}", "\0", "aA", "a1", "a ", "1 ", ". "];
    units.extend(kinds.map(String::from));
    units.extend(units.windows(2).map(<[String]>::concat).collect::<Vec<_>>());
    units.sort();
    units.dedup();
    let ends = ["", "!", "\u{4f60}"];
    units.into_iter().flat_map(move |unit| {
        let times = PROBE_CHARS / unit.chars().count();
        ends.map(|end| unit.repeat(times) + end)
    })
}

/// One search through a text.
#[derive(Clone, Copy)]
struct Search<'r> {
    regex: &'r Regex,
    until: Instant,
    most_matches: usize,
}

impl Pattern for Search<'_> {
    fn find_matches(&self, inside: &str) -> Encoded<Vec<(Offsets, bool)>> {
        if inside.is_empty() {
            return Ok(vec![((0, 0), false)]);
        }
        let (mut splits, mut done, mut matches) = (Vec::new(), 0, 0);
        for found in self.regex.find_iter(inside) {
            let found = found?;
            if done != found.start() {
                splits.push(((done, found.start()), false));
            }
            splits.push(((found.start(), found.end()), true));
            done = found.end();
            matches += 1;
            // A look at the clock takes as long as a short search.
            if matches > self.most_matches || matches % 64 == 0 && Instant::now() > self.until {
                return Err("a regex of the tokenizer.json takes too long for this text".into());
            }
        }
        if done != inside.len() {
            splits.push(((done, inside.len()), false));
        }
        Ok(splits)
    }
}

/// A normaliser whose output has a bound.
#[derive(Deserialize)]
#[serde(try_from = "NormalizerWrapper")]
pub(super) struct Normalization(Vec<Normal>);

enum Normal {
    Replace(BoundedRegex, String),
    Other(NormalizerWrapper),
}

impl TryFrom<NormalizerWrapper> for Normalization {
    type Error = String;

    fn try_from(read: NormalizerWrapper) -> Result<Self, String> {
        let mut steps = Vec::new();
        add_normal(read, &mut steps)?;
        Ok(Normalization(steps))
    }
}

fn add_normal(read: NormalizerWrapper, steps: &mut Vec<Normal>) -> Result<(), String> {
    match read {
        NormalizerWrapper::Sequence(inner) => {
            return inner.into_iter().try_for_each(|step| add_normal(step, steps));
        }
        NormalizerWrapper::Replace(replace) => {
            // Its pattern is private, and written out again as it was read.
            let pattern = serde_json::to_value(&replace).map_err(|e| e.to_string())?["pattern"].take();
            steps.push(Normal::Replace(BoundedRegex::of(&regex_of(&pattern))?, replace.content));
        }
        other => steps.push(Normal::Other(other)),
    }
    if steps.len() > STEPS { Err(format!("its normalizer has more than {STEPS} steps")) } else { Ok(()) }
}

/// A pattern as `tokenizers` writes it, a regex or a text to be found as it is.
fn regex_of(pattern: &Value) -> String {
    match (pattern["Regex"].as_str(), pattern["String"].as_str()) {
        (Some(regex), _) => regex.to_owned(),
        (None, text) => fancy_regex::escape(text.unwrap_or_default()).into_owned(),
    }
}

thread_local! {
    /// Whether a normaliser has broken off: the crate drops the error that says so, and counts what there is by then.
    static BROKE_OFF: Cell<bool> = const { Cell::new(false) };
}

/// Encodes a text with `encode`, which is an error too where a normaliser breaks off.
pub(super) fn encoded<T>(encode: impl FnOnce() -> Encoded<T>) -> Encoded<T> {
    BROKE_OFF.set(false);
    let result = encode();
    if BROKE_OFF.get() { Err("the normalizer of the tokenizer.json broke off".into()) } else { result }
}

impl Normalizer for Normalization {
    fn normalize(&self, text: &mut NormalizedString) -> Encoded<()> {
        let result = self.apply(text);
        if result.is_err() {
            BROKE_OFF.set(true);
        }
        result
    }
}

impl Normalization {
    fn apply(&self, text: &mut NormalizedString) -> Encoded<()> {
        let most = text.len_original().saturating_mul(GROWTH).saturating_add(ROOM);
        let until = Instant::now() + PATIENCE;
        for step in &self.0 {
            match step {
                Normal::Replace(regex, content) => {
                    let room = most.saturating_sub(text.len());
                    let most_matches = room.checked_div(content.len()).unwrap_or(usize::MAX);
                    text.replace(Search { most_matches, ..regex.search(until) }, content)?;
                }
                Normal::Other(other) => other.normalize(text)?,
            }
            if text.len() > most {
                return Err("the normalizer of the tokenizer.json makes this text too long".into());
            }
        }
        Ok(())
    }
}

/// A pre-tokenizer whose time has a bound.
#[derive(Deserialize)]
#[serde(try_from = "PreTokenizerWrapper")]
pub(super) struct Splits(Vec<BoundedStep>);

enum BoundedStep {
    Split { regex: BoundedRegex, behavior: SplitDelimiterBehavior, invert: bool },
    Other(PreTokenizerWrapper),
}

impl TryFrom<PreTokenizerWrapper> for Splits {
    type Error = String;

    fn try_from(read: PreTokenizerWrapper) -> Result<Self, String> {
        let mut steps = Vec::new();
        add_step(read, &mut steps)?;
        let rewrites = |step: &&BoundedStep| {
            matches!(step, BoundedStep::Other(PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Metaspace(_)))
        };
        if steps.iter().filter(rewrites).count() > REWRITES {
            return Err(format!(
                "its pre_tokenizer writes every byte or space in a longer way more than {REWRITES} times"
            ));
        }
        Ok(Splits(steps))
    }
}

fn add_step(read: PreTokenizerWrapper, steps: &mut Vec<BoundedStep>) -> Result<(), String> {
    match read {
        PreTokenizerWrapper::Sequence(inner) => {
            return inner.into_iter().try_for_each(|step| add_step(step, steps));
        }
        PreTokenizerWrapper::Split(split) => {
            let pattern = serde_json::to_value(&split.pattern).map_err(|e| e.to_string())?;
            let regex = BoundedRegex::of(&regex_of(&pattern))?;
            steps.push(BoundedStep::Split { regex, behavior: split.behavior, invert: split.invert });
        }
        PreTokenizerWrapper::FixedLength(fixed) if fixed.length == 0 => {
            return Err("its pre_tokenizer cuts the text into pieces of length 0".to_owned());
        }
        other => steps.push(BoundedStep::Other(other)),
    }
    if steps.len() > STEPS { Err(format!("its pre_tokenizer has more than {STEPS} steps")) } else { Ok(()) }
}

impl PreTokenizer for Splits {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> Encoded<()> {
        let until = Instant::now() + PATIENCE;
        for step in &self.0 {
            match step {
                BoundedStep::Split { regex, behavior, invert: true } => {
                    text.split(|_, part| part.split(Invert(regex.search(until)), *behavior))?;
                }
                BoundedStep::Split { regex, behavior, invert: false } => {
                    text.split(|_, part| part.split(regex.search(until), *behavior))?;
                }
                BoundedStep::Other(other) => other.pre_tokenize(text)?,
            }
        }
        Ok(())
    }
}

/// Refuses a table of replacements (`precompiled_charsmap`) that the crate would read beyond its end, or that makes a text
/// much longer.
///
/// The table is a double array over UTF-8 bytes, behind the number of its bytes, and the texts it points into, each with a
/// NUL behind it. Every state that a character of a text can lead to is looked at.
pub(super) fn check_charsmap(bytes: &[u8]) -> Result<(), String> {
    let damaged = || "its precompiled_charsmap is damaged".to_owned();
    let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    let units = usize::try_from(u32::from_le_bytes(*size) / 4).map_err(|_| damaged())?;
    let (array, texts) = rest.split_at_checked(units.saturating_mul(4)).ok_or_else(damaged)?;
    let array: Vec<u32> =
        array.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect();
    let texts = std::str::from_utf8(texts).map_err(|_| damaged())?;
    let root = *array.first().ok_or_else(damaged)?;
    let mut seen = vec![false; array.len()];
    let mut level = vec![offset(root)];
    // The crate looks up pieces of up to five bytes.
    for depth in 1..=5 {
        let mut next = Vec::new();
        for (base, byte) in level.iter().flat_map(|base| (1..=0xf4_u8).map(move |byte| (*base, byte))) {
            let at = base ^ usize::from(byte);
            let unit = *array.get(at).ok_or_else(damaged)?;
            if unit & (1 << 31 | 0xff) != u32::from(byte) || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let base = at ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = array.get(base).ok_or_else(damaged)? & !(1 << 31);
                let text = usize::try_from(value).ok().and_then(|start| texts.get(start..)).ok_or_else(damaged)?;
                if text.find('\0').unwrap_or(text.len()) > depth * GROWTH {
                    return Err(format!("its precompiled_charsmap makes a text more than {GROWTH} times as long"));
                }
            }
            next.push(base);
        }
        level = next;
    }
    Ok(())
}

/// How far the children of a unit of a double array are from it.
fn offset(unit: u32) -> usize {
    (unit as usize >> 10) << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use tokenizers::{OffsetReferential, OffsetType};

    /// Regexes of published files that no other test has: StarCoder 2, Falcon, BLOOM, DeepSeek Coder, EXAONE 4, SuperBPE,
    /// OLMo's and tiktoken's way of writing, digits in threes from the right.
    const PUBLISHED: &[&str] = &[
        r"[0-9][0-9][0-9]",
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+",
        r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
        r"\s+$",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
        r"(?=(\d{3})+(?!\d))",
        r"\d{1,3}(?=(?:\d{3})*\b)",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        r"(?:\r?\n)+(?!\r?\n)",
        " {2,}",
        r"\s+",
        r"(?<!\n)^",
        "``",
    ];

    fn split(regex: &str) -> serde_json::Result<PreTokenizerWrapper> {
        let step = json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
        serde_json::from_value(step)
    }

    fn bounded(regex: &str) -> Result<Splits, String> {
        split(regex).map_err(|e| e.to_string()).and_then(Splits::try_from)
    }

    fn pieces(by: &dyn PreTokenizer, text: &str) -> Result<Vec<String>, String> {
        let mut parts = PreTokenizedString::from(text);
        by.pre_tokenize(&mut parts).map_err(|e| e.to_string())?;
        let splits = parts.get_splits(OffsetReferential::Original, OffsetType::Byte);
        Ok(splits.into_iter().map(|(piece, _, _)| piece.to_owned()).collect())
    }

    #[test]
    fn published_regexes_split_as_in_the_crate() {
        let text =
            "It's 1234567 + 89 , d\u{e9}j\u{e0} vu!!\r\n\r\n  \u{4f60}\u{597d}\u{3002} x\t\n e\u{301} `` 12 345 ";
        let text = text.repeat(40);
        for regex in PUBLISHED.iter().chain(super::super::hf::KNOWN_SPLITS) {
            let ours = bounded(regex).unwrap_or_else(|e| panic!("{regex}: {e}"));
            assert_eq!(pieces(&ours, &text), pieces(&split(regex).unwrap(), &text), "{regex}");
        }
    }

    #[test]
    fn a_regex_that_takes_exponential_time_or_a_huge_program_is_refused() {
        for regex in [
            r"(a+)+(?!b)$",
            r"(?:a|aa)+(?<=c)",
            r"(\w+)\1+!(?!a)",
            r"(.*)(.*)(.*)\1z",
            r"(?:\w{1,500}){1,500}",
            r"((a{100}){100}){100}",
            r"\w{3000}",
            r"(a",
        ] {
            assert!(bounded(regex).is_err(), "{regex}");
        }
    }

    #[test]
    fn a_regex_that_breaks_off_is_an_error_and_no_count() {
        // Before the first digits are a million places where none begin, each a step back.
        let threes = r"(?=(\d{3})+(?!\d))";
        let text = format!("{} 1234567", "a".repeat(BACKTRACKS));
        assert!(pieces(&bounded(threes).unwrap(), &text).is_err());
        let silent = pieces(&split(threes).unwrap(), &text).unwrap();
        assert_eq!(silent.len(), 1, "the crate no longer takes what was found so far for all there is");
    }

    #[test]
    fn a_regex_that_takes_too_long_is_an_error() {
        let regex = BoundedRegex::of(r"\w").unwrap();
        let words = "a ".repeat(100);
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        assert!(regex.search(long_ago).find_matches(&words).is_err());
        assert_eq!(regex.search(Instant::now() + PATIENCE).find_matches(&words).unwrap().len(), 200);
    }

    /// A table that replaces `a` by the text at `value` of `texts`: 512 units, the root's children from 256 on.
    fn charsmap(value: u32, texts: &str) -> Vec<u8> {
        let mut array = [0_u32; 512];
        array[0] = 256 << 10;
        array[256 ^ 0x61] = 1 << 10 | 1 << 8 | 0x61;
        array[256 ^ 0x61 ^ 1] = 1 << 31 | value;
        let units = array.iter().flat_map(|unit| unit.to_le_bytes());
        2048_u32.to_le_bytes().into_iter().chain(units).chain(texts.bytes()).collect()
    }

    /// A normaliser out of such a table, which is only asked of tables that were found to be whole.
    fn precompiled(table: &[u8], text: &str) -> String {
        use base64::Engine as _;
        let text_of = base64::prelude::BASE64_STANDARD.encode(table);
        let step = json!({"type": "Precompiled", "precompiled_charsmap": text_of});
        let normalization: Normalization = serde_json::from_value(step).unwrap();
        let mut text = NormalizedString::from(text);
        normalization.normalize(&mut text).unwrap();
        text.get().to_owned()
    }

    #[test]
    fn a_table_of_replacements_is_whole_or_refused() {
        let whole = charsmap(2, "x\0bb\0");
        assert_eq!(check_charsmap(&whole), Ok(()));
        assert_eq!(precompiled(&whole, "banana"), "bbbnbbnbb");
        let long = "y".repeat(17);
        assert!(check_charsmap(&charsmap(0, &long)).unwrap_err().contains("16 times"));
        assert!(check_charsmap(&charsmap(9, "bb\0")).is_err(), "a text beyond the end");
        assert!(check_charsmap(&charsmap(1, "\u{e9}\0")).is_err(), "a text from the middle of a character");
        assert!(check_charsmap(&u32::MAX.to_le_bytes()).is_err(), "a size of 4 GiB");
        for end in [0, 3, 4, 5, 2047, 2051] {
            assert!(check_charsmap(&whole[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        /// What passes the check never makes the crate panic, whatever the text.
        #[test]
        fn a_damaged_table_is_refused_or_harmless(
            places in prop::collection::vec((0..2060_usize, any::<u8>()), 0..40),
            near in prop::collection::vec((0..8_usize, any::<u8>()), 0..6),
            text in "[a-d\u{e9}\u{301}\u{4f60}]{0,12}",
        ) {
            let mut table = charsmap(2, "x\0bb\0\u{e9}\0");
            let root = [4, 5, 6, 7, 4 + 4 * 353, 5 + 4 * 353, 6 + 4 * 353, 7 + 4 * 353];
            for (place, byte) in places.into_iter().chain(near.into_iter().map(|(at, byte)| (root[at], byte))) {
                if let Some(at) = table.get_mut(place) {
                    *at = byte;
                }
            }
            if check_charsmap(&table).is_ok() {
                prop_assert!(precompiled(&table, &text).len() <= 16 * text.len());
            }
        }
    }
}
