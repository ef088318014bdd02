//! Estimates the count of a tokenizer that is not inside this build, with a range that says how far off it may be.
//!
//! The text is counted with a vocabulary that is here (`o200k_base`), told apart by [`Class`], and each class is
//! scaled by the ratio that was measured for it: `data/estimates.csv` holds, for each family of models and each class,
//! the median ratio and the range that held in measurements. What is sent to the table is not the class of a document
//! but its parts: words of different scripts count apart, and only the style of what is in Latin letters (prose, code,
//! numbers …) is judged for 64 KiB at a time. Digits need no ratio: a tokenizer takes them one by one or three at a time.
//!
//! Ranges are for a text as a whole. A short text may stray farther than a long one, so the range of `n` tokens is
//! widened by [`SCATTER`] × √n, and by [`LEAST_MARGIN`] tokens at least.
//!
//! Start reading at [`Estimator`]; [`measure`] does the telling apart.

use std::sync::LazyLock;

use super::cut::{self, Cuts, is_border};
use super::openai::{self, Gpt};
use super::{Basis, TokenCount, Tokenizer};

/// The least number of tokens that a range reaches below and above the estimate.
pub const LEAST_MARGIN: u64 = 2;

/// How much farther than its class a short text may stray: this × √tokens.
pub const SCATTER: f64 = 0.8;

macro_rules! classes {
    ($($variant:ident $name:literal $about:literal;)+) => {
        /// A kind of text whose token counts keep about the same ratio to those of `o200k_base`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Class {
            $(#[doc = $about] $variant,)+
        }

        impl Class {
            /// Every class.
            pub const ALL: &[Class] = &[$(Class::$variant),+];

            /// The name in `data/estimates.csv`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Class::$variant => $name),+ }
            }
        }
    };
}

classes! {
    English    "english"    "English prose.";
    Technical  "technical"  "English with code, lists and links: READMEs, manuals.";
    Code       "code"       "Program code, markup, JSON.";
    Numbers    "numbers"    "Tables, logs, hashes: more than a fifth are digits.";
    Capitals   "capitals"   "Mostly capital letters.";
    Spaced     "spaced"     "More than half is space: tables drawn with spaces.";
    Latin      "latin"      "Other languages in Latin letters with few accents.";
    Accented   "accented"   "Other languages in Latin letters with many accents.";
    Greek      "greek"      "Greek letters.";
    Cyrillic   "cyrillic"   "Cyrillic letters.";
    Han        "han"        "Chinese characters and Japanese kana.";
    Hangul     "hangul"     "Korean letters.";
    Arabic     "arabic"     "Arabic letters.";
    Hebrew     "hebrew"     "Hebrew letters.";
    Devanagari "devanagari" "Devanagari letters: Hindi, Marathi, Nepali.";
    Indic      "indic"      "Letters of other languages of India and Sri Lanka.";
    Thai       "thai"       "Thai letters.";
    SeAsian    "se_asian"   "Lao, Khmer, Burmese, Tibetan letters.";
    Symbols    "symbols"    "Emoji, arrows, box drawing.";
    Other      "other"      "Letters of any other script.";
}

/// What [`measure`] found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Tokens of `o200k_base` by [`Class`], digits apart.
    pub tokens: [u64; Class::ALL.len()],
    /// ASCII digits.
    pub digits: u64,
    /// Tokens they make when taken three at a time.
    pub triples: u64,
}

/// The class that a character speaks for, `None` where it goes with its neighbours.
fn script(c: char) -> Option<Class> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Class::Latin,
        '\0'..='\u{bf}' | '\u{2000}'..='\u{218f}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff64}' => return None,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Class::Greek,
        '\u{400}'..='\u{52f}' => Class::Cyrillic,
        '\u{590}'..='\u{5ff}' => Class::Hebrew,
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' => {
            Class::Arabic
        }
        '\u{900}'..='\u{97f}' => Class::Devanagari,
        '\u{980}'..='\u{dff}' => Class::Indic,
        '\u{e00}'..='\u{e7f}' => Class::Thai,
        '\u{e80}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Class::SeAsian,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => Class::Hangul,
        '\u{2e80}'..='\u{312f}' | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => {
            Class::Han
        }
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => Class::Symbols,
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => return None,
        _ => Class::Other,
    })
}

/// Tells a text apart by class and counts each part with `o200k_base`.
#[must_use]
pub fn measure(text: &str) -> Measured {
    let engine = Gpt::new(&openai::O200K);
    let mut measured = Measured::default();
    let mut style = Style::default();
    let mut latin_tokens = 0;
    for (class, span) in spans(text) {
        let (digits, triples) = count_digits(span);
        measured.digits += digits;
        measured.triples += triples;
        let tokens = engine.count(span).tokens.saturating_sub(triples);
        if class == Class::Latin {
            style.read(span);
            latin_tokens += tokens;
        } else {
            measured.tokens[class as usize] += tokens;
        }
    }
    measured.tokens[style.class() as usize] += latin_tokens;
    measured
}

/// Cuts a text into longest spans of one script; the cuts are borders, so the counts of the spans add up.
fn spans(text: &str) -> Vec<(Class, &str)> {
    let mut spans: Vec<(Class, usize)> = Vec::new();
    let mut word = Word::default();
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| is_border(before, c)) {
            word.close(&mut spans);
            word.start = at;
        }
        word.read(c);
        before = Some(c);
    }
    word.close(&mut spans);
    let ends = spans.iter().skip(1).map(|(_, start)| *start).chain([text.len()]);
    spans.iter().zip(ends).map(|((class, start), end)| (*class, &text[*start..end])).collect()
}

/// What stands between two borders.
#[derive(Default)]
struct Word {
    start: usize,
    latin: u32,
    /// The script that is not Latin and how many characters it has.
    other: Option<(Class, u32)>,
}

impl Word {
    fn read(&mut self, c: char) {
        match (script(c), &mut self.other) {
            (None, _) => {}
            (Some(Class::Latin), _) => self.latin += 1,
            (Some(class), Some((other, n))) if *other == class => *n += 1,
            (Some(class), other) => {
                if other.is_none_or(|(_, n)| n < 2) {
                    *other = Some((class, 1));
                }
            }
        }
    }

    /// Adds the word to the last span, or opens another where the script changes.
    fn close(&mut self, spans: &mut Vec<(Class, usize)>) {
        let class = match self.other.take() {
            Some((class, n)) if n >= self.latin => Some(class),
            _ => (self.latin > 0).then_some(Class::Latin),
        };
        self.latin = 0;
        match (spans.last_mut(), class) {
            (None, class) => spans.push((class.unwrap_or(Class::Latin), self.start)),
            (Some((last, _)), Some(class)) if *last != class => spans.push((class, self.start)),
            _ => {}
        }
    }
}

/// ASCII digits, and the tokens they make when each run of them is taken three at a time.
fn count_digits(text: &str) -> (u64, u64) {
    let runs = text.split(|c: char| !c.is_ascii_digit()).map(|run| run.len() as u64);
    runs.fold((0, 0), |(digits, triples), run| (digits + run, triples + run.div_ceil(3)))
}

/// What tells the style of a text in Latin letters.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    chars: u64,
    spaces: u64,
    digits: u64,
    letters: u64,
    capitals: u64,
    accented: u64,
    words: u64,
    english: u64,
}

/// The commonest words of English: a fifth to a half of its prose.
const ENGLISH_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "for", "from", "had", "has", "have", "he",
    "his", "if", "in", "is", "it", "not", "of", "on", "or", "that", "the", "this", "to", "was", "were", "which",
    "will", "with", "you",
];

impl Style {
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            self.chars += 1;
            self.spaces += u64::from(c.is_whitespace());
            self.digits += u64::from(c.is_ascii_digit());
            self.letters += u64::from(c.is_alphabetic());
            self.capitals += u64::from(c.is_uppercase());
            self.accented += u64::from(c.is_alphabetic() && !c.is_ascii());
        }
        for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            self.words += 1;
            self.english += u64::from(is_english(word));
        }
    }

    /// The class; the limits are where a decision tree over eleven tokenizers' ratios put them, rounded.
    fn class(&self) -> Class {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let solid = self.chars - self.spaces;
        let punctuation = share(solid.saturating_sub(self.letters + self.digits), solid);
        let english = share(self.english, self.words);
        if share(self.digits, solid) > 0.2 {
            Class::Numbers
        } else if share(self.spaces, self.chars) > 0.5 {
            Class::Spaced
        } else if share(self.capitals, self.letters) > 0.25 {
            Class::Capitals
        } else if share(self.accented, self.letters) > 0.12 {
            Class::Accented
        } else if english > 0.19 {
            if punctuation > 0.08 { Class::Technical } else { Class::English }
        } else if punctuation > 0.12 {
            if english > 0.12 { Class::Technical } else { Class::Code }
        } else {
            Class::Latin
        }
    }
}

fn is_english(word: &str) -> bool {
    word.len() <= 5 && ENGLISH_WORDS.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}
