//! GPT-4's rules and those that vary them: GPT-4o, Llama, Qwen, GLM, MiniMax, Mistral's Tekken, Kimi.

use super::{Pattern, Starts, below, blank_end, blank_starts, kind_at, number_end, number_starts, run_end, tails};
use crate::fast::class::{self, kind};
use crate::fast::simd::Masks;
use crate::fast::tables::Tables;

/// Where the endings of `it's` and `they'll` belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endings {
    /// They are nothing special.
    Ignored,
    /// They are pieces of their own, where a piece begins with the apostrophe.
    Apart,
    /// They belong to the word before.
    OfWord,
}

/// How a variant of GPT-4's regex splits.
pub(crate) trait Gpt4Variant: Copy {
    /// Whether an upper case letter after a lower case one begins a piece; marks are letters then.
    const CASED: bool;
    /// Whether marks are letters.
    const MARKS: bool;
    /// Where contractions go.
    const ENDINGS: Endings;
    /// Digits in a piece at most.
    const DIGITS: usize;
    /// Whether slashes belong to the line breaks after punctuation.
    const SLASHES: bool;
    /// Whether white space at the end of a text is one piece whatever is in it.
    const BLANK_END: bool;
    /// Whether Han characters are pieces apart from all others.
    const HAN: bool = false;
}

impl<P: Gpt4Variant> Pattern for P {
    #[inline]
    fn piece_end(_: &Tables, text: &[u8], at: usize) -> usize {
        let (flags, length) = class::at(text, at);
        let first = flags & kind::BITS;
        if P::HAN && flags & kind::HAN != 0 {
            return all_han_end(text, at);
        }
        let next = at + length;
        if P::ENDINGS == Endings::Apart
            && text.get(at) == Some(&b'\'')
            && let Some(end) = ending(text, at)
        {
            return end;
        }
        match first {
            kind::UPPER | kind::LOWER | kind::CASELESS => word_end::<P>(text, at).unwrap_or(next),
            kind::MARK if P::CASED => {
                marked_word_end::<P>(text, next).or_else(|| marked_word_end::<P>(text, at)).unwrap_or(next)
            }
            kind::MARK if P::MARKS => word_end::<P>(text, at).unwrap_or(next),
            kind::NUMBER => number_end(text, next, P::DIGITS),
            kind::MARK | kind::OTHER => word_end::<P>(text, next).unwrap_or_else(|| signs_end::<P>(text, next)),
            kind::SPACE => word_end::<P>(text, next).unwrap_or_else(|| match kind_at(text, next).0 {
                second if is_sign::<P>(second) => signs_end::<P>(text, next),
                _ => white_end::<P>(text, at),
            }),
            kind::BLANK => word_end::<P>(text, next).unwrap_or_else(|| white_end::<P>(text, at)),
            _ => white_end::<P>(text, at),
        }
    }

    #[inline(always)]
    fn starts(_: &Tables, m: &Masks, length: u32, last: bool, byte: impl Fn(u32) -> u8) -> Starts {
        let ascii = m.wide.trailing_zeros().min(length);
        let text = below(ascii);
        let letters = m.upper | m.lower;
        let inner_blank = m.space | m.blank;
        let blank = inner_blank | m.breaks;
        let signs = !(letters | m.digits | blank | m.wide) & text;

        let tail = tails(if P::SLASHES { m.breaks | m.slashes } else { m.breaks }, m.breaks, signs);
        let signs = signs & !tail;

        let sign_starts = signs & !(signs << 1) & !(m.space << 1);
        let mut bits = sign_starts | 1;
        let prefix_ends =
            (inner_blank | sign_starts) << 1 | (sign_starts & m.doubles) << 2 | (sign_starts & m.triples) << 3;
        bits |= letters & !(letters << 1) & !prefix_ends;
        if P::CASED {
            bits |= m.upper & m.lower << 1;
        }
        bits |= number_starts(m.digits, P::DIGITS);
        bits |= blank_starts(blank & !tail, inner_blank, inner_blank & !(blank >> 1), m.breaks);

        let apostrophes = match P::ENDINGS {
            Endings::Ignored => 0,
            Endings::Apart => m.apostrophes & bits,
            Endings::OfWord => m.apostrophes & letters << 1,
        };
        if apostrophes != 0 {
            bits = with_endings(bits, apostrophes, P::ENDINGS == Endings::OfWord, byte);
        }
        Starts::certain(bits, blank, ascii, length, last)
    }
}

macro_rules! patterns {
    ($($(#[$about:meta])* $name:ident: $($rule:ident = $value:expr),+;)+) => {
        $($(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl Gpt4Variant for $name { $(const $rule: patterns!(@type $rule) = $value;)+ })+
    };
    (@type ENDINGS) => { Endings };
    (@type DIGITS) => { usize };
    (@type $rule:ident) => { bool };
}

patterns! {
    /// GPT-4o, Llama 4, MiniMax.
    O200k: CASED = true, MARKS = true, ENDINGS = Endings::OfWord, DIGITS = 3, SLASHES = true, BLANK_END = false;
    /// GPT-4.
    Cl100k: CASED = false, MARKS = false, ENDINGS = Endings::Apart, DIGITS = 3, SLASHES = false, BLANK_END = true;
    /// Llama 3, GLM.
    Llama3: CASED = false, MARKS = false, ENDINGS = Endings::Apart, DIGITS = 3, SLASHES = false, BLANK_END = false;
    /// Qwen 1 to 3.
    Qwen2: CASED = false, MARKS = false, ENDINGS = Endings::Apart, DIGITS = 1, SLASHES = false, BLANK_END = false;
    /// Qwen 3.5.
    Qwen3: CASED = false, MARKS = true, ENDINGS = Endings::Apart, DIGITS = 1, SLASHES = false, BLANK_END = false;
    /// Mistral's Tekken.
    Tekken: CASED = true, MARKS = true, ENDINGS = Endings::Ignored, DIGITS = 1, SLASHES = true, BLANK_END = false;
    /// Kimi.
    Kimi: CASED = true, MARKS = true, ENDINGS = Endings::OfWord, DIGITS = 3, SLASHES = false, BLANK_END = false,
        HAN = true;
}

/// Where the word ends whose first letter is at `at`, with its contraction; `None` where there is no letter.
#[inline]
fn word_end<P: Gpt4Variant>(text: &[u8], at: usize) -> Option<usize> {
    if !P::CASED {
        let letter = |kind: u8| kind <= kind::CASELESS || P::MARKS && kind == kind::MARK;
        let end = run_end(text, word_caseless_end::<P>(text, at), letter);
        return (end > at).then_some(end);
    }
    let (end, upper_end) = cased_end::<P>(text, at);
    let end = end.or((upper_end > at).then_some(upper_end))?;
    Some(with_ending::<P>(text, end))
}

/// As [`word_end`], where the letters must not all be upper case: what is left of the word's first alternative.
fn marked_word_end<P: Gpt4Variant>(text: &[u8], at: usize) -> Option<usize> {
    cased_end::<P>(text, at).0.map(|end| with_ending::<P>(text, end))
}

/// The end of `[upper]*[lower]+` where letters without case and marks are both, and the end of `[upper]*` alone.
///
/// Where nothing but lower case could follow the upper case run, the run gives back what is upper case at its end.
#[inline]
fn cased_end<P: Gpt4Variant>(text: &[u8], at: usize) -> (Option<usize>, usize) {
    let (mut upper_end, mut both_end) = (at, None);
    loop {
        let caseless_end = word_caseless_end::<P>(text, upper_end);
        if caseless_end > upper_end {
            (upper_end, both_end) = (caseless_end, Some(caseless_end));
        }
        let (kind, length) = letter_at::<P>(text, upper_end);
        match kind {
            kind::UPPER => upper_end += length,
            kind::CASELESS | kind::MARK => {
                upper_end += length;
                both_end = Some(upper_end);
            }
            kind::LOWER => {
                let lower = |kind: u8| matches!(kind, kind::LOWER | kind::CASELESS | kind::MARK);
                return (Some(letters_end::<P>(text, upper_end + length, lower)), upper_end);
            }
            _ => return (both_end, upper_end),
        }
    }
}

#[inline(always)]
fn with_ending<P: Gpt4Variant>(text: &[u8], end: usize) -> usize {
    if P::ENDINGS == Endings::OfWord && text.get(end) == Some(&b'\'') { ending(text, end).unwrap_or(end) } else { end }
}

/// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`, in either case; the long s folds to s.
#[inline]
fn ending(text: &[u8], apostrophe: usize) -> Option<usize> {
    let letter = |at: usize| text.get(apostrophe + at).map(u8::to_ascii_lowercase);
    match (letter(1)?, letter(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(apostrophe + 2),
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) | (0xc5, Some(0xbf)) => Some(apostrophe + 3),
        _ => None,
    }
}

/// The kind of a character as far as words ask: Han characters are none where they are pieces apart.
#[inline(always)]
fn letter_at<P: Gpt4Variant>(text: &[u8], at: usize) -> (u8, usize) {
    let (flags, length) = class::at(text, at);
    (if P::HAN && flags & kind::HAN != 0 { kind::OTHER } else { flags & kind::BITS }, length)
}

#[inline(always)]
fn letters_end<P: Gpt4Variant>(text: &[u8], mut at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    loop {
        let (kind, length) = letter_at::<P>(text, at);
        if !belongs(kind) {
            return at;
        }
        at += length;
    }
}

#[inline(always)]
fn word_caseless_end<P: Gpt4Variant>(text: &[u8], at: usize) -> usize {
    if P::HAN { at } else { class::caseless_end(text, at) }
}

/// The end of a run of Han characters, be they letters, numbers, marks or radicals.
#[inline]
fn all_han_end(text: &[u8], mut at: usize) -> usize {
    loop {
        // U+5000 to U+9FFF, all of them.
        while matches!(text.get(at), Some(0xe5..=0xe9)) {
            at += 3;
        }
        let (flags, length) = class::at(text, at);
        if flags & kind::HAN == 0 {
            return at;
        }
        at += length;
    }
}

#[inline]
fn white_end<P: Gpt4Variant>(text: &[u8], at: usize) -> usize {
    blank_end(text, at, |stop| stop == kind::END, P::BLANK_END)
}

#[inline(always)]
fn is_sign<P: Gpt4Variant>(kind: u8) -> bool {
    kind == kind::OTHER || kind == kind::MARK && (P::CASED || !P::MARKS)
}

/// The end of punctuation that has begun before `at`, with the line breaks after it.
#[inline]
fn signs_end<P: Gpt4Variant>(text: &[u8], at: usize) -> usize {
    let signs = run_end(text, at, is_sign::<P>);
    let belongs = |byte: &&u8| matches!(**byte, b'\r' | b'\n') || P::SLASHES && **byte == b'/';
    signs + text[signs..].iter().take_while(belongs).count()
}

/// Puts contractions where they belong: to the word before, or apart.
#[inline]
fn with_endings(mut bits: u64, mut apostrophes: u64, of_word: bool, byte: impl Fn(u32) -> u8) -> u64 {
    let mut done = 0;
    while apostrophes != 0 {
        let at = apostrophes.trailing_zeros();
        apostrophes &= apostrophes - 1;
        let letter = |n: u32| byte(at + n).to_ascii_lowercase();
        let length = match (letter(1), letter(2)) {
            (b's' | b't' | b'm' | b'd', _) => 2,
            (b'r' | b'v', b'e') | (b'l', b'l') => 3,
            _ => continue,
        };
        // An apostrophe right after a contraction begins a piece like any other.
        if at == done && of_word {
            continue;
        }
        done = at + length;
        let first = if of_word { at } else { at + 1 };
        bits &= !(below(done) & !below(first));
        if done < 64 {
            bits |= 1 << done;
        }
    }
    bits
}
