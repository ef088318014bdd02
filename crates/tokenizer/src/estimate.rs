//! Estimates the count of a tokenizer that is not inside this build, with a range that says how far off it may be.
//!
//! The text is told apart by [`Class`], each class is counted with a vocabulary that is here, and scaled by the ratio
//! that was measured for it: `data/estimates.csv` holds, for each family of models and each class, the median ratio and
//! the range that held in measurements. A document is not of one class: words of different scripts count apart, and
//! only the style of what is in Latin letters (prose, code, numbers …) is judged as a whole, for 64 KiB at a time.
//! Digits count apart too: nearly every tokenizer takes them either one by one or three at a time.
//!
//! A short text may stray farther than a long one, so the range of `n` tokens is widened by [`SCATTER`] × √n, and by
//! [`LEAST_MARGIN`] tokens at least. Decomposed accents (NFD) are composed by some tokenizers before they count and left
//! by others: the range of such a text reaches over both, and the estimate is that of the composed text.
//!
//! Start reading at [`Estimator`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::bpe::{self, ByteLevel};
use super::cut::{self, Cuts, is_border};
use super::{Basis, TokenCount, Tokenizer};

/// The least number of tokens that a range reaches below and above the estimate.
pub(crate) const LEAST_MARGIN: u64 = 2;

/// How much farther than its class a short text may stray: this × √tokens.
pub(crate) const SCATTER: f64 = 0.5;

macro_rules! classes {
    ($($variant:ident $name:literal $about:literal;)+) => {
        /// A kind of text whose token counts keep about the same ratio to those of `o200k_base`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(crate) enum Class {
            $(#[doc = $about] $variant,)+
        }

        impl Class {
            /// Every class.
            pub(crate) const ALL: &[Class] = &[$(Class::$variant),+];

            /// The name in `data/estimates.csv`.
            #[must_use]
            pub(crate) const fn name(self) -> &'static str {
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
    Vietnamese "vietnamese" "Vietnamese.";
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

/// Counts by estimate for one family of models; never exact, and says how far off it may be.
///
/// # Examples
/// ```
/// use farebox_tokenizer::{Basis, Tokenizer, estimate::Estimator};
/// let count = Estimator::of("claude_v4_7").count("The quick brown fox jumps over the lazy dog.");
/// assert_eq!(count.basis, Basis::Estimated);
/// assert!(count.low <= count.tokens && count.tokens <= count.high);
/// ```
pub struct Estimator {
    name: String,
    family: &'static Family,
}

impl Estimator {
    /// The estimator of a family in `data/estimates.csv`; a family that is not there is estimated as `unknown`.
    #[must_use]
    pub fn of(family: &str) -> Self {
        let known = FAMILIES.get(family).or_else(|| FAMILIES.get("unknown"));
        Estimator { name: family.to_owned(), family: known.unwrap_or(&Family::NOTHING_KNOWN) }
    }

    fn count_part(&self, text: &str) -> TokenCount {
        if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return self.count_as_it_is(text);
        }
        let composed: String = text.nfc().collect();
        let (composed, raw) = (self.count_as_it_is(&composed), self.count_as_it_is(text));
        TokenCount { low: composed.low.min(raw.low), high: composed.high.max(raw.high), ..composed }
    }

    fn count_as_it_is(&self, text: &str) -> TokenCount {
        let spans = spans(text);
        let style = Style::of(spans.iter().filter(|(class, _)| *class == Class::Latin).map(|(_, span)| *span));
        let mut range = EstimateRange::default();
        for (class, span) in spans {
            let class = if class == Class::Latin { style } else { class };
            range.add_span(self.family, class, span);
        }
        range.into_count(text.is_empty())
    }
}

impl Tokenizer for Estimator {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> TokenCount {
        cut::count_parts(text, Cuts::Borders, |part| self.count_part(part))
    }

    fn cuts(&self) -> Cuts {
        Cuts::Borders
    }

    fn basis(&self) -> Basis {
        Basis::Estimated
    }
}

/// What a ratio multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Base {
    /// Tokens of `o200k_base`, digits apart.
    #[serde(rename = "o200k_base")]
    O200k,
    /// Tokens of `cl100k_base`, digits apart.
    #[serde(rename = "cl100k_base")]
    Cl100k,
    /// ASCII digits, one by one.
    Digits,
    /// ASCII digits, three at a time in each run of them, as both vocabularies take them.
    Triples,
}

impl Base {
    fn count(self, span: &str) -> TokenCount {
        let digits = || span.split(|c: char| !c.is_ascii_digit()).map(|run| run.len() as u64);
        let triples = || digits().map(|run| run.div_ceil(3)).sum::<u64>();
        let encoding = match self {
            Base::O200k => &bpe::O200K,
            Base::Cl100k => &bpe::CL100K,
            Base::Digits => return TokenCount::exact(digits().sum()),
            Base::Triples => return TokenCount::exact(triples()),
        };
        let count = ByteLevel::new(encoding).count(span);
        let without = |tokens: u64| tokens.saturating_sub(triples());
        TokenCount { tokens: without(count.tokens), low: without(count.low), high: without(count.high), ..count }
    }
}

/// How a family counts one class.
#[derive(Clone, Copy, Debug)]
struct EstimateRatio {
    base: Base,
    ratio: f64,
    low: f64,
    high: f64,
}

/// How a family counts.
#[derive(Clone, Debug)]
struct Family {
    classes: [EstimateRatio; Class::ALL.len()],
    digits: EstimateRatio,
}

impl Family {
    const NOTHING_KNOWN: Family = Family {
        classes: [EstimateRatio { base: Base::O200k, ratio: 1.0, low: 0.2, high: 5.0 }; Class::ALL.len()],
        digits: EstimateRatio { base: Base::Digits, ratio: 0.7, low: 0.3, high: 1.0 },
    };
}

/// One line of the table.
#[derive(Deserialize)]
struct EstimateLine {
    family: String,
    class: String,
    base: Base,
    ratio: f64,
    low: f64,
    high: f64,
}

const TABLE: &str = farebox_data::ESTIMATES;

static FAMILIES: LazyLock<BTreeMap<String, Family>> = LazyLock::new(|| {
    let mut families = BTreeMap::new();
    // A test reads the table too, and fails where a line is wrong; here such a line is passed over.
    for line in lines().flatten() {
        let family = families.entry(line.family).or_insert(Family::NOTHING_KNOWN);
        let ratio = EstimateRatio { base: line.base, ratio: line.ratio, low: line.low, high: line.high };
        match Class::ALL.iter().find(|class| class.name() == line.class) {
            Some(class) => family.classes[*class as usize] = ratio,
            None => family.digits = ratio,
        }
    }
    families
});

fn lines() -> impl Iterator<Item = csv::Result<EstimateLine>> {
    csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(TABLE.as_bytes()).into_deserialize()
}

/// A sum of scaled counts.
#[derive(Clone, Copy, Debug, Default)]
struct EstimateRange {
    tokens: f64,
    low: f64,
    high: f64,
}

impl EstimateRange {
    fn add_span(&mut self, family: &Family, class: Class, span: &str) {
        for ratio in [&family.classes[class as usize], &family.digits] {
            let count = ratio.base.count(span);
            self.tokens += count.tokens as f64 * ratio.ratio;
            self.low += count.low as f64 * ratio.low;
            self.high += count.high as f64 * ratio.high;
        }
    }

    fn into_count(self, is_empty: bool) -> TokenCount {
        if is_empty {
            return TokenCount { basis: Basis::Estimated, ..TokenCount::default() };
        }
        let tokens = self.tokens.round().max(1.0);
        let margin = (SCATTER * tokens.sqrt()).max(LEAST_MARGIN as f64);
        TokenCount {
            tokens: tokens as u64,
            low: (self.low - margin).floor().clamp(0.0, (tokens - LEAST_MARGIN as f64).max(0.0)) as u64,
            high: (self.high + margin).ceil().max(tokens + LEAST_MARGIN as f64) as u64,
            basis: Basis::Estimated,
        }
    }
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

/// Cuts a text into longest spans of one script; the cuts are borders, so the counts of the spans add up.
fn spans(text: &str) -> Vec<(Class, &str)> {
    let mut spans: Vec<(Class, usize)> = Vec::new();
    let mut word = EstimateWord::default();
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| is_border(before, c, Cuts::Borders)) {
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
struct EstimateWord {
    start: usize,
    latin: u32,
    /// The script that is not Latin and how many characters it has.
    other: Option<(Class, u32)>,
}

impl EstimateWord {
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

/// What tells the style of a text in Latin letters.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    chars: u64,
    spaces: u64,
    digits: u64,
    letters: u64,
    capitals: u64,
    accented: u64,
    vietnamese: u64,
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
    /// The class of all spans together.
    fn of<'a>(spans: impl Iterator<Item = &'a str>) -> Class {
        let mut style = Style::default();
        spans.for_each(|span| style.read(span));
        style.class()
    }

    fn read(&mut self, text: &str) {
        for c in text.chars() {
            self.chars += 1;
            self.spaces += u64::from(c.is_whitespace());
            self.digits += u64::from(c.is_ascii_digit());
            self.letters += u64::from(c.is_alphabetic());
            self.capitals += u64::from(c.is_uppercase());
            self.accented += u64::from(c.is_alphabetic() && !c.is_ascii());
            self.vietnamese +=
                u64::from(matches!(c, '\u{110}' | '\u{111}' | '\u{1a0}'..='\u{1b0}' | '\u{1ea0}'..='\u{1ef9}'));
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
        } else if share(self.vietnamese, self.letters) > 0.1 {
            Class::Vietnamese
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TOKENIZERS;

    #[test]
    fn the_table_has_every_class_of_every_family_once_and_in_order() {
        let mut seen = BTreeMap::new();
        for line in lines() {
            let line = line.unwrap();
            let name = format!("{} {}", line.family, line.class);
            assert!(0.0 < line.low && line.low <= line.ratio && line.ratio <= line.high, "{name}");
            assert!(line.class == "digits" || matches!(line.base, Base::O200k | Base::Cl100k), "{name}");
            assert!(seen.insert((line.family, line.class), ()).is_none(), "{name} twice");
        }
        let classes: Vec<_> = Class::ALL.iter().map(|class| class.name()).chain(["digits"]).collect();
        // A build may leave an engine out, so the table keeps the families of engines too.
        let mut families: Vec<String> = seen.keys().map(|(family, _)| family.clone()).collect();
        families.dedup();
        assert_eq!(seen.len(), classes.len() * families.len());
        for known in TOKENIZERS.iter().filter(|known| !known.is_built_in()) {
            assert!(families.iter().any(|family| family == known.name), "{} has no ratios", known.name);
        }
        for (family, class) in families.iter().flat_map(|family| classes.iter().map(move |class| (family, class))) {
            assert!(seen.contains_key(&(family.to_string(), class.to_string())), "{family} {class}");
        }
    }

    #[test]
    fn spans_cover_the_text_and_tell_scripts_apart() {
        let text = "Hello, world! \u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}, \u{43c}\u{438}\u{440} 42 \u{4f60}\u{597d}\u{3002} ok \u{1f600}\u{1f600}";
        let spans = spans(text);
        assert_eq!(spans.iter().map(|(_, span)| *span).collect::<String>(), text);
        let classes: Vec<_> = spans.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, [Class::Latin, Class::Cyrillic, Class::Han, Class::Latin, Class::Symbols]);
    }

    #[test]
    fn styles_are_told_apart() {
        let cases = [
            (
                "prose",
                "It was the best of times, it was the worst of times, and we had it all before us.",
                Class::English,
            ),
            ("code", "fn main() { let x = vec![a, b]; println!(\"{x:?}\"); }", Class::Code),
            ("numbers", "12.5,8,2026-11-22,4711", Class::Numbers),
            ("capitals", "THE SOFTWARE IS PROVIDED AS IS", Class::Capitals),
            ("German", "Alle Menschen sind frei und gleich an W\u{fc}rde und Rechten geboren", Class::Latin),
            (
                "Vietnamese",
                "T\u{1ea5}t c\u{1ea3} m\u{1ecd}i ng\u{1b0}\u{1edd}i sinh ra \u{111}\u{1ec1}u \u{111}\u{1b0}\u{1ee3}c t\u{1ef1} do",
                Class::Vietnamese,
            ),
        ];
        for (name, text, class) in cases {
            assert_eq!(Style::of([text].into_iter()), class, "{name}");
        }
    }

    #[test]
    fn nothing_is_nothing_and_little_is_uncertain() {
        for known in TOKENIZERS.iter().filter(|known| !known.is_built_in()) {
            let estimator = Estimator::of(known.name);
            let nothing = estimator.count("");
            assert_eq!((nothing.tokens, nothing.low, nothing.high), (0, 0, 0), "{}", known.name);
            let little = estimator.count("I");
            assert!(
                little.low <= little.tokens && little.high >= little.tokens + LEAST_MARGIN,
                "{} {little:?}",
                known.name
            );
        }
    }

    #[test]
    fn digits_are_counted_as_the_family_takes_them() {
        // 10 lines of 12 digits: 10 × 12 for one by one, 10 × 4 for three at a time, and 9 line ends.
        let text = ["123456789012"; 10].join("\n");
        assert_eq!(Estimator::of("gemma4").count(&text).tokens, 129);
        assert_eq!(Estimator::of("llama3").count(&text).tokens, 49);
    }
}
