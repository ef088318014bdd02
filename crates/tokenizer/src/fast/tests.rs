//! The engine beside what it must agree with: the regexes and the merging of `bpe`, tiktoken, and itself on every
//! kind of processor.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::kept::{BLOCK, KeptSource};
use super::probe::{Count, Scratch};
use super::simd::{Any, Job, Level, Masks};
use super::tables::{Line, TablePart, Tables};
use super::{Engine, Rules, class, simd, split};
use crate::pretokenize::{self, Splitter};
use crate::vocab::{Tokens, frames};

/// What comes out on every level that this processor has: [`Any`] first.
fn on_every_level<J: Job>(job: impl Fn() -> J) -> Vec<J::Out> {
    let mut all = vec![Any.run(job())];
    #[cfg(target_arch = "x86_64")]
    {
        all.extend(simd::x86::Avx2::detect().map(|level| level.run(job())));
        all.extend(simd::x86::Avx512::detect().map(|level| level.run(job())));
    }
    #[cfg(target_arch = "aarch64")]
    all.extend(simd::arm::Neon::detect().map(|level| level.run(job())));
    all
}

/// Text of everything that the rules treat apart.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let parts: &[&str] = &[
        "a",
        "B",
        "word",
        " The",
        "HTTPServer",
        "camelCase",
        "'s",
        "'LL",
        "'Re",
        "'\u{17f}",
        "'",
        " ",
        "   ",
        "\t",
        "\n",
        "\r\n",
        " \n ",
        "\u{a0}",
        "\u{3000}",
        "\u{2028}",
        "\u{85}",
        "\u{180e}",
        "\u{1680}",
        "\r",
        " \r\n",
        "  1",
        "\u{2167}",
        "\u{661}",
        "'\u{212a}",
        "'S",
        "'ll",
        "'re'VE",
        "(a",
        "(\u{e9}",
        "!\n1",
        "\u{2e80}",
        "\u{3007}",
        "\u{3005}",
        "\u{30fb}",
        "\u{3042}\u{3099}",
        "\u{9fa6}",
        "\u{3400}",
        "\u{16ff0}",
        "\u{20000}",
        "\u{ad}",
        "\u{378}",
        "1",
        "1234",
        "\u{663}",
        "\u{b2}",
        "é",
        "É",
        "ǅ",
        "ª",
        "ʰ",
        "×",
        "÷",
        "中",
        "国中文字",
        "の",
        "カナ",
        "한국",
        "\u{301}",
        "\u{e34}",
        "\u{200d}",
        "\u{fe0f}",
        "😀",
        "/",
        "//",
        ".\n/",
        "!",
        "?!",
        "...",
        "-",
        "_",
        "\0",
        "\u{1f}",
        "\u{7f}",
        "Привет",
        " мир",
        "ЁЖ",
        "ѐ",
        "Ѣ",
        "العربية",
        "नमस्ते",
        "ไทย",
        "“",
        "”",
        "—",
        "«",
        "»",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{e000}",
        "don't",
        "it's's",
        "ｗｉｄｅ",
    ];
    let part = prop_oneof![
        6 => prop::sample::select(parts).prop_map(str::to_owned),
        2 => "[ -~]{0,40}",
        1 => "[a-z]{1,40}",
        1 => "\\PC{0,5}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop_oneof![4 => prop::collection::vec(part.clone(), 0..40), 1 => prop::collection::vec(part, 200..600)]
        .prop_map(|parts| parts.concat())
}

/// An engine that reads the tables of another block by block.
pub(crate) fn kept(engine: &'static Engine) -> Engine {
    struct Memory(&'static [u64]);

    impl KeptSource for Memory {
        fn read(&mut self, block: usize, to: &mut [u64]) -> bool {
            to.copy_from_slice(&self.0[block * BLOCK..][..to.len()]);
            true
        }

        fn all(&mut self) -> Vec<u64> {
            self.0.to_vec()
        }
    }

    Engine::kept(Box::new(Memory(engine.words())), engine.words().len(), engine.rules).unwrap()
}

struct Once<'a>(Rules, &'a Engine, &'a str);

impl Job for Once<'_> {
    type Out = u64;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> u64 {
        let (tables, mut scratch) = (self.1.tables(), Scratch::default());
        let (tables, scratch, text) = (&tables, &mut scratch, self.2);
        match self.0 {
            Rules::O200k => Count { tables, scratch, text, pattern: split::O200k }.run(level),
            _ => Count { tables, scratch, text, pattern: split::Cl100k }.run(level),
        }
    }
}

/// The count on every level that this processor has.
fn counts(rules: Rules, engine: &Engine, text: &str) -> Vec<u64> {
    let mut counts = on_every_level(|| Once(rules, engine, text));
    counts.push(engine.count(text));
    counts
}

/// Where the pieces of a text end, by blocks and batches.
struct Ends<'a, P>(P, &'a Tables<'a>, &'a str);

impl<P: split::Pattern> Job for Ends<'_, P> {
    type Out = Vec<usize>;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Vec<usize> {
        let mut walker = split::Walker::new(self.2);
        let (mut ends, mut batch) = (Vec::new(), [0; split::ROOM]);
        loop {
            let base = walker.at();
            let found = walker.fill::<L, P>(level, self.1, &mut batch);
            if found == 0 {
                return ends;
            }
            ends.extend(batch[..found].iter().map(|end| base + *end as usize));
        }
    }
}

/// A layout that no piece is cut by: its filter says of any two characters that a token may have both.
fn uncut() -> &'static [u64] {
    static WORDS: LazyLock<Vec<u64>> = LazyLock::new(|| {
        let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
        let tokens: Vec<&[u8]> = bytes.iter().map(|byte| &byte[..]).collect();
        let mut words = super::make::make(&tokens, true, super::find::Units::Bytes).unwrap();
        let at = 2 + 2 * TablePart::Chars as usize;
        let chars = words[at] as usize..words[at + 1] as usize;
        words[chars].fill(u64::MAX);
        words
    });
    &WORDS
}

fn ends_on_every_level<P: split::Pattern>(pattern: P, text: &str) -> Vec<Vec<usize>> {
    let tables = Tables::view(uncut()).unwrap();
    on_every_level(|| Ends(pattern, &tables, text))
}

/// The classes of a block.
struct Classes<'a>(&'a [u8; 64]);

impl Job for Classes<'_> {
    type Out = Masks;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> Masks {
        level.masks(self.0)
    }
}

/// The classes of a block by their definition, byte by byte.
fn defined(block: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (at, byte) in block.iter().enumerate() {
        let bit = 1 << at;
        match byte {
            b'A'..=b'Z' => masks.upper |= bit,
            b'a'..=b'z' => masks.lower |= bit,
            b'0'..=b'9' => masks.digits |= bit,
            b' ' => masks.space |= bit,
            b'\t' | 0x0b | 0x0c => masks.blank |= bit,
            b'\r' | b'\n' => masks.breaks |= bit,
            b'\'' => masks.apostrophes |= bit,
            b'/' => masks.slashes |= bit,
            0..=0x1f | 0x7f => masks.controls |= bit,
            0x80.. => masks.high |= bit,
            _ => {}
        }
    }
    let mut known = 0;
    for at in 0..64 {
        let (mask, marked, bytes) = match &block[at..] {
            [0xc3, 0x97 | 0xb7, ..] => continue,
            [0xc3, 0x80..=0x9e, ..] | [0xd0, 0x80..=0xaf, ..] => (&mut masks.upper, 0b11, 0b11),
            [0xc3, 0x9f..=0xbf, ..] | [0xd0, 0xb0..=0xbf, ..] | [0xd1, 0x80..=0x9f, ..] => {
                (&mut masks.lower, 0b11, 0b11)
            }
            [0xc2, 0xab | 0xbb, ..] => (&mut masks.doubles, 0b01, 0b11),
            [0xe2, 0x80, 0x90..=0xa7, ..] => (&mut masks.triples, 0b001, 0b111),
            _ => continue,
        };
        *mask |= marked << at;
        known |= bytes << at;
    }
    masks.wide = masks.high & !known;
    masks
}

fn pieces<P: split::Pattern>(_: P, text: &str) -> Vec<&str> {
    let tables = Tables::view(uncut()).unwrap();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = P::piece_end(&tables, text.as_bytes(), at);
        pieces.push(&text[at..end]);
        at = end;
    }
    pieces
}

proptest! {
    #![proptest_config(farebox_testing::laws::cases(500))]

    #[test]
    #[cfg_attr(not(feature = "tables"), ignore = "needs the feature tables")]
    fn counts_as_tiktoken_does_on_every_level(text in any_text()) {
        let o200k = tiktoken_rs::o200k_base_singleton().count_ordinary(&text) as u64;
        let cl100k = tiktoken_rs::cl100k_base_singleton().count_ordinary(&text) as u64;
        for (rules, name, expected) in [(Rules::O200k, "o200k_base", o200k), (Rules::Cl100k, "cl100k_base", cl100k)] {
            let engine = Engine::embedded(name).unwrap();
            for count in counts(rules, &engine, &text) {
                prop_assert_eq!(count, expected, "{}", name);
            }
        }
    }

    #[test]
    fn splits_as_the_regexes_do(text in any_text()) {
        macro_rules! check {
            ($($pattern:ident $steps:ident)+) => {$({
                static SPLITTER: LazyLock<Splitter> = LazyLock::new(|| Splitter::new(pretokenize::$steps));
                let mut expected = Vec::new();
                SPLITTER.split(&text, |piece| expected.push(piece.to_owned()));
                prop_assert_eq!(&pieces(split::$pattern, &text), &expected, "{}", stringify!($pattern));
                let mut at = 0;
                let ends: Vec<usize> = expected.iter().map(|piece| { at += piece.len(); at }).collect();
                for found in ends_on_every_level(split::$pattern, &text) {
                    prop_assert_eq!(&found, &ends, "{} {:?}", stringify!($pattern), &expected);
                }
            })+};
        }
        check!(O200k O200K Cl100k CL100K Llama3 LLAMA3 Qwen2 QWEN2 Qwen3 QWEN3_5 Tekken TEKKEN);
        check!(Gpt2 GPT2 Kimi KIMI DeepSeek DEEPSEEK);
    }
}

#[test]
fn classes_are_as_defined_on_every_level() {
    // Every byte behind every other, and all that may be the second or the third of a dash.
    let pairs = (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).flat_map(move |second| [first, second]));
    let threes = (0..=u8::MAX).flat_map(|byte| [0xe2, byte, 0x90, 0xe2, 0x80, byte]);
    let bytes: Vec<u8> = pairs.chain(threes).chain([0; 64]).collect();
    for block in bytes.windows(64).step_by(61) {
        let block = block.first_chunk().unwrap();
        let (expected, all) = (defined(block), on_every_level(|| Classes(block)));
        let Masks { upper, lower, high, .. } = expected;
        // Without vectors, no character beyond ASCII is known.
        let ascii =
            Masks { upper: upper & !high, lower: lower & !high, wide: high, doubles: 0, triples: 0, ..expected };
        assert_eq!(all[0], ascii, "{block:x?}");
        assert!(all[1..].iter().all(|masks| *masks == expected), "{block:x?}: {expected:?}, not {:?}", &all[1..]);
    }
}

struct Holds<'a>(&'a Line, [u64; 2]);

impl Job for Holds<'_> {
    type Out = bool;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> bool {
        level.holds(self.0, self.1)
    }
}

#[test]
fn a_line_holds_its_four_keys_and_no_other_on_every_level() {
    // All lines and keys of two numbers that differ in one half only.
    let number = |bits: u32, at: usize| [1, 1 | 1 << 32][(bits >> at & 1) as usize];
    for bits in 0..1 << 10 {
        let line: Line = std::array::from_fn(|at| number(bits, at));
        let key = [number(bits, 8), number(bits, 9)];
        let expected = (0..8).step_by(2).any(|at| line[at..at + 2] == key);
        assert!(on_every_level(|| Holds(&line, key)).iter().all(|held| *held == expected), "{line:?} {key:?}");
    }
}

#[test]
#[cfg_attr(not(feature = "tables"), ignore = "needs the feature tables")]
fn long_pieces_come_to_the_same_on_every_level() {
    let engine = Engine::embedded("o200k_base").unwrap();
    for unit in ["a", " ", "\n", "!", "xq", "\u{301}", "中", "ไทย", "😀", "qzjkvwxpfm", "'"] {
        for length in [31, 121, 511, 512, 513, 5_000] {
            let text = unit.repeat(length);
            let expected = tiktoken_rs::o200k_base_singleton().count_ordinary(&text) as u64;
            assert!(counts(Rules::O200k, &engine, &text).iter().all(|count| *count == expected), "{unit:?} {length}");
        }
    }
}

#[test]
fn every_character_has_the_kind_that_the_regexes_give_it() {
    let kinds = [
        (class::kind::UPPER, r"[\p{Lu}\p{Lt}]"),
        (class::kind::LOWER, r"\p{Ll}"),
        (class::kind::CASELESS, r"[\p{Lm}\p{Lo}]"),
        (class::kind::MARK, r"\p{M}"),
        (class::kind::NUMBER, r"\p{N}"),
        (class::kind::SPACE, " "),
        (class::kind::BLANK, r"[\s&&[^ \r\n]]"),
        (class::kind::BREAK, r"[\r\n]"),
        (class::kind::OTHER, r"[^\s\p{L}\p{M}\p{N}]"),
    ];
    for (kind, regex) in kinds {
        let regex = regex_automata::meta::Regex::new(regex).unwrap();
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let is = class::of(u32::from(c)) & class::kind::BITS == kind;
            assert_eq!(is, regex.is_match(c.encode_utf8(&mut [0; 4]).as_bytes()), "{c:?} {kind}");
        }
    }
}

#[test]
#[cfg_attr(not(feature = "tables"), ignore = "needs the feature tables")]
fn tables_that_are_made_count_as_those_that_are_embedded() {
    let tokens = Tokens::unpack(frames::CL100K_BASE).unwrap();
    let tokens: Vec<&[u8]> = tokens.iter().collect();
    let made = Engine::made(&tokens, true, Rules::Cl100k).unwrap();
    let embedded = Engine::embedded("cl100k_base").unwrap();
    let text = farebox_data::SAMPLES[1].1;
    assert_eq!(made.count(text), embedded.count(text));
    assert!(Engine::made(&tokens[1..], true, Rules::Cl100k).is_none(), "a single byte is missing");
}

#[test]
fn words_that_are_no_layout_are_refused() {
    use super::tables::{HEADER, VERSION};
    assert!(Tables::view(&[]).is_none());
    assert!(Tables::view(&[0; HEADER]).is_none());
    let mut words = vec![0; HEADER];
    words[0] = VERSION;
    words[3] = u64::MAX;
    assert!(Tables::view(&words).is_none());
}
