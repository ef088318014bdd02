//! Counts random texts twice, here and with a slow reference, and fails on any difference:
//!
//! ```text
//! cargo run --release -p farebox-tokenizer --all-features --example compare_reference -- NAME|all SECONDS [TOKENIZER_JSON | PROGRAM ARGUMENT…]
//! ```
//!
//! The reference is the one of `tokenizer::reference`, which `count --verify` uses: `tiktoken-rs` or `tokenizers` over
//! the packed vocabulary. With a file it is the crate `tokenizers` over that file. With a program it is whatever that
//! is: it gets each text as one line of JSON and answers with one line, the count, or `-` for a text that it does not
//! judge; `crates/tokenizer/examples/sentencepiece_counts.py` does so for SentencePiece itself, `crates/tokenizer/examples/ctok_counts.py` for Claude.
//!
//! The texts are made of words, scripts, whitespace, digits, marks, long runs, strings that some rule treats apart, the
//! encoding's own symbols, runs that end where a batch does, and pieces of this repository's own test texts; seven of eight
//! have up to three such parts. Each is counted as a whole and again as a stream. One line of CSV a tokenizer says how many
//! there were.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{cell::RefCell, env};

use farebox_data::vocab::{Tokens, frames};
use farebox_tokenizer::reference::Reference;
use farebox_tokenizer::{Basis, StreamCounter, TOKENIZERS, from_file, load};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Differences after which a run has shown enough.
const ENOUGH: u64 = 10;

/// `None` for a text that the reference does not judge.
type Count = Box<dyn Fn(&str) -> Result<Option<u64>>>;

/// What counts the second time, and its name.
fn reference(name: &str, by: &[String]) -> Result<(String, Count)> {
    Ok(match by {
        [] => {
            let reference = Reference::of(name)?;
            (reference.crate_name().to_owned(), Box::new(move |text| Ok(Some(reference.count(text)?))))
        }
        [path] if path.ends_with(".json") => {
            let reference = from_file(path)?;
            (path.clone(), Box::new(move |text| Ok(Some(reference.count(text).tokens))))
        }
        [program, arguments @ ..] => (program.clone(), answers_of(program, arguments)?),
    })
}

/// Asks a program: a text a line, a count a line.
fn answers_of(program: &str, arguments: &[String]) -> Result<Count> {
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let questions = RefCell::new(child.stdin.take().ok_or("no input")?);
    let answers = RefCell::new(BufReader::new(child.stdout.take().ok_or("no output")?).lines());
    Ok(Box::new(move |text| {
        let mut questions = questions.borrow_mut();
        writeln!(questions, "{}", serde_json::to_string(text)?)?;
        questions.flush()?;
        let answer = answers.borrow_mut().next().ok_or("the program ended")??;
        Ok(if answer.trim() == "-" { None } else { Some(answer.trim().parse()?) })
    }))
}

/// Strings that some rule treats apart: white space of all kinds, contractions, marks, numbers that are no digits, the
/// edges of Han and kana, marks that are newer than the Unicode data that `tokenizers` composes with, what is not assigned.
#[rustfmt::skip]
const ODD: &[&str] = &[
    " ", "  ", "\n", "\r\n", "\r", "\t", "\n\n", " \n", "\n ", " \r\n", "\r\n\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{a0}",
    "\u{1680}", "\u{180e}", "\u{2003}", "\u{2028}", "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{feff}", "\u{200b}",
    "'", "'s", "'S", "'\u{17f}", "'t", "'re", "'Re", "'rE", "'VE", "'m", "'ll", "'LL", "'lL", "'d", "'k", "'\u{212a}", "n't",
    "\u{2019}s", "''s", "x's", "X'LLs", "1's",
    "\u{300}", "e\u{301}", "\u{16ff0}", "\u{338}", "\u{10efd}", "\u{e4d}", "\u{1bc82}", "\u{200d}", "\u{fe0f}", "\u{ad}",
    "\u{b2}", "\u{2167}", "\u{661}", "\u{96c}", "\u{3007}", "\u{3021}", "\u{ff11}", "\u{bd}", "\u{2460}", "\u{1d7ce}",
    "\u{4e00}", "\u{9fa5}", "\u{9fa6}", "\u{9fff}", "\u{3400}", "\u{20000}", "\u{2e80}", "\u{2f00}", "\u{3005}", "\u{3006}",
    "\u{3040}", "\u{3041}", "\u{3099}", "\u{309b}", "\u{30a0}", "\u{30a2}", "\u{30fb}", "\u{30fc}", "\u{30ff}", "\u{31f0}",
    "\u{ac00}", "\u{d7a3}", "\u{1100}\u{1161}", "\u{fa10}", "\u{ff76}\u{ff9e}", "\u{fb01}", "\u{2126}", "\u{1e9e}", "\u{130}",
    "\u{1c5}", "\u{2b0}", "\u{aa}", "\u{24b6}", "\u{378}", "\u{e000}", "\u{10ffff}", "\0", "\u{1}", "\u{7f}", "\u{9f}",
    "<td>", "</li>", "\u{2581}", "\u{2581}\u{2581}", "/", "//", ".\n/", "!\n", "(a", "$\u{e9}", "123456", "1", "=", "-", "_", "<|endoftext|>",
];

/// The strings that an encoding finds before it merges.
fn symbols(name: &str) -> Result<Vec<String>> {
    let frame = match name {
        "qwen2" => frames::QWEN2_SYMBOLS,
        "deepseek_v3" => frames::DEEPSEEK_V3_SYMBOLS,
        "gpt_neox" => frames::GPT_NEOX_SYMBOLS,
        "gemma3" => frames::GEMMA3_SYMBOLS,
        _ => return Ok(Vec::new()),
    };
    Ok(Tokens::unpack(frame)?.iter().map(|symbol| String::from_utf8_lossy(symbol).into_owned()).collect())
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

    fn text(&mut self, sources: &[Vec<char>], symbols: &[String]) -> String {
        let mut text = String::new();
        // Most are short: an error shows as well in them, and more of them are counted in the time.
        let long = self.below(8) == 0;
        for _ in 0..=self.below(if long { 24 } else { 3 }) {
            match self.below(12) {
                0 if !symbols.is_empty() => text.push_str(&symbols[self.below(symbols.len())]),
                1 if long => self.up_to_a_border(&mut text),
                _ => self.part(sources, &mut text),
            }
        }
        text
    }

    /// Short pieces up to where a batch of 256 pieces or a block of 64 bytes ends, give or take a few.
    fn up_to_a_border(&mut self, text: &mut String) {
        let piece = [" a", "a ", "1 ", "\n", "!a", "x", "\u{4e2d}", "\u{e9} "][self.below(8)];
        let border = [62, 126, 254, 382, 510][self.below(5)];
        text.push_str(&piece.repeat(border + self.below(6)));
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
        let length = 1 + self.below(8);
        match self.below(5) {
            0 => (0..length).for_each(|_| text.push_str(ODD[self.below(ODD.len())])),
            1 => {
                let odd = ODD[self.below(ODD.len())];
                let most = if self.below(20) == 0 { 3_000 } else { 60 };
                (0..self.below(most)).for_each(|_| text.push_str(odd));
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

/// Compares for so many seconds; says how many differences there were.
fn compare(name: &str, time: Duration, by: &[String]) -> Result<u64> {
    let ours = load(name)?;
    let (by, reference) = reference(name, by)?;
    let sources: Vec<Vec<char>> = [
        &farebox_testing::file("tests/data/token-cases.jsonl"),
        &farebox_testing::file("tests/data/udhr.jsonl"),
        include_str!("../src/lib.rs"),
    ]
    .iter()
    .map(|text| text.chars().collect())
    .collect();
    let symbols = symbols(name)?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()));
    let start = Instant::now();
    let (mut texts, mut bytes, mut differences) = (0, 0, 0);
    while start.elapsed() < time && differences < ENOUGH {
        let text = random.text(&sources, &symbols);
        let Some(b) = reference(&text)? else { continue };
        let a = ours.count(&text).tokens;
        let mut counter = StreamCounter::new(ours.clone());
        text.char_indices().for_each(|(at, c)| counter.push(&text[at..at + c.len_utf8()]));
        let c = counter.finish().tokens;
        if a != b || a != c {
            differences += 1;
            writeln!(io::stderr(), "{name}: {a} here, {c} as a stream, {b} by {by}: {text:?}")?;
        }
        texts += 1;
        bytes += text.len();
    }
    writeln!(io::stdout(), "{name},{by},{},{texts},{bytes},{differences}", start.elapsed().as_secs())?;
    Ok(differences)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, seconds, by @ ..] = &arguments[..] else {
        return Err("usage: compare_reference NAME|all SECONDS [TOKENIZER_JSON | PROGRAM ARGUMENT…]".into());
    };
    let time = Duration::from_secs(seconds.parse()?);
    let exact = TOKENIZERS.iter().filter(|known| known.basis() == Basis::Exact).map(|known| known.name);
    let names: Vec<&str> = if name == "all" { exact.collect() } else { vec![name] };
    writeln!(io::stdout(), "tokenizer,reference,seconds,texts,bytes,differences")?;
    let mut differences = 0;
    for name in names {
        differences += compare(name, time, by)?;
    }
    if differences == 0 { Ok(()) } else { Err(format!("{differences} differences").into()) }
}
