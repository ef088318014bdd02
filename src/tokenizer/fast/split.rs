//! Splits a text into the pieces that are merged apart from each other, without a regex engine.
//!
//! Two ways lead to the same pieces. [`Pattern::piece_end`] reads one piece character by character and knows all of
//! Unicode. [`starts`] does up to 64 bytes of ASCII at once: every byte is put into a class, a class is one bit for
//! each byte, and the places where pieces start come out of shifts and additions of such words.
//!
//! `starts` is anchored: its first byte is the start of a piece, so nothing before it matters. It answers for as many
//! bytes as it can be sure of, and [`Walker`] goes on at the last start that is certain. What no block can decide (a
//! piece of more than a block, characters beyond ASCII, white space at the end of the text) goes the other way.
//!
//! Start reading at [`Walker::fill`].

use super::class::{self, kind};
use super::simd::{Level, Masks};
use super::tables::Tables;

/// Bytes that are classified at once.
pub const BLOCK: usize = 64;

/// Pieces that are collected before they are looked up.
pub const BATCH: usize = 256;

/// Room for the pieces of a batch: one block more than a batch may come in.
pub const ROOM: usize = BATCH + 2 * BLOCK;

/// Bytes after which a batch ends in any case, so that places in it fit 32 bits.
const REACH: usize = 1 << 28;

/// Where the endings of `it's` and `they'll` belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endings {
    /// They are nothing special.
    Ignored,
    /// They are pieces of their own, where a piece begins with the apostrophe.
    Apart,
    /// They belong to the word before.
    OfWord,
}

/// How an encoding splits its texts, for all encodings whose regexes are variants of GPT-4's.
pub trait Pattern: Copy {
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

    /// Where the piece that begins at `at` ends.
    #[inline]
    fn piece_end(text: &[u8], at: usize) -> usize {
        let (first, length) = kind_at(text, at);
        let next = at + length;
        if Self::ENDINGS == Endings::Apart
            && text.get(at) == Some(&b'\'')
            && let Some(end) = ending(text, at)
        {
            return end;
        }
        match first {
            kind::UPPER | kind::LOWER | kind::CASELESS => word_end::<Self>(text, at).unwrap_or(next),
            kind::MARK if Self::CASED => {
                marked_word_end::<Self>(text, next).or_else(|| marked_word_end::<Self>(text, at)).unwrap_or(next)
            }
            kind::MARK if Self::MARKS => word_end::<Self>(text, at).unwrap_or(next),
            kind::NUMBER => number_end(text, next, Self::DIGITS),
            kind::MARK | kind::OTHER => word_end::<Self>(text, next).unwrap_or_else(|| signs_end::<Self>(text, next)),
            kind::SPACE => word_end::<Self>(text, next).unwrap_or_else(|| match kind_at(text, next).0 {
                second if is_sign::<Self>(second) => signs_end::<Self>(text, next),
                _ => blank_end::<Self>(text, at),
            }),
            kind::BLANK => word_end::<Self>(text, next).unwrap_or_else(|| blank_end::<Self>(text, at)),
            _ => blank_end::<Self>(text, at),
        }
    }
}

macro_rules! patterns {
    ($($(#[$about:meta])* $name:ident: $($rule:ident = $value:expr),+;)+) => {
        $($(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Pattern for $name { $(const $rule: patterns!(@type $rule) = $value;)+ })+
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
}

#[inline(always)]
fn kind_at(text: &[u8], at: usize) -> (u8, usize) {
    let (kind, length) = class::at(text, at);
    (kind & kind::BITS, length)
}

/// Where the word ends whose first letter is at `at`, with its contraction; `None` where there is no letter.
#[inline]
fn word_end<P: Pattern>(text: &[u8], at: usize) -> Option<usize> {
    if !P::CASED {
        let letter = |kind: u8| kind <= kind::CASELESS || P::MARKS && kind == kind::MARK;
        let end = run_end(text, han_end(text, at), letter);
        return (end > at).then_some(end);
    }
    let (end, upper_end) = cased_end(text, at);
    let end = end.or((upper_end > at).then_some(upper_end))?;
    Some(with_ending::<P>(text, end))
}

/// As [`word_end`], where the letters must not all be upper case: what is left of the word's first alternative.
fn marked_word_end<P: Pattern>(text: &[u8], at: usize) -> Option<usize> {
    cased_end(text, at).0.map(|end| with_ending::<P>(text, end))
}

/// The end of `[upper]*[lower]+` where letters without case and marks are both, and the end of `[upper]*` alone.
///
/// Where nothing but lower case could follow the upper case run, the run gives back what is upper case at its end.
#[inline]
fn cased_end(text: &[u8], at: usize) -> (Option<usize>, usize) {
    let (mut upper_end, mut both_end) = (at, None);
    loop {
        let han_end = han_end(text, upper_end);
        if han_end > upper_end {
            (upper_end, both_end) = (han_end, Some(han_end));
        }
        let (kind, length) = kind_at(text, upper_end);
        match kind {
            kind::UPPER => upper_end += length,
            kind::CASELESS | kind::MARK => {
                upper_end += length;
                both_end = Some(upper_end);
            }
            kind::LOWER => {
                let lower = |kind: u8| matches!(kind, kind::LOWER | kind::CASELESS | kind::MARK);
                return (Some(run_end(text, upper_end + length, lower)), upper_end);
            }
            _ => return (both_end, upper_end),
        }
    }
}

#[inline(always)]
fn with_ending<P: Pattern>(text: &[u8], end: usize) -> usize {
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

#[inline(always)]
fn run_end(text: &[u8], mut at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    loop {
        let (kind, length) = kind_at(text, at);
        if !belongs(kind) {
            return at;
        }
        at += length;
    }
}

/// The end of a run of ideographs from U+5000 to U+9FFF, which are letters without case, all of them.
#[inline(always)]
fn han_end(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(0xe5..=0xe9)) {
        at += 3;
    }
    at
}

#[inline]
fn number_end(text: &[u8], mut at: usize, most: usize) -> usize {
    for _ in 1..most {
        match kind_at(text, at) {
            (kind::NUMBER, length) => at += length,
            _ => break,
        }
    }
    at
}

#[inline(always)]
fn is_sign<P: Pattern>(kind: u8) -> bool {
    kind == kind::OTHER || kind == kind::MARK && (P::CASED || !P::MARKS)
}

/// The end of punctuation that has begun before `at`, with the line breaks after it.
#[inline]
fn signs_end<P: Pattern>(text: &[u8], at: usize) -> usize {
    let signs = run_end(text, at, is_sign::<P>);
    let belongs = |byte: &&u8| matches!(**byte, b'\r' | b'\n') || P::SLASHES && **byte == b'/';
    signs + text[signs..].iter().take_while(belongs).count()
}

/// The end of white space: its last line break, or all of it but what the next piece takes.
#[inline]
fn blank_end<P: Pattern>(text: &[u8], at: usize) -> usize {
    let (mut end, mut last, mut broken) = (at, at, None);
    let stop = loop {
        let (kind, length) = kind_at(text, end);
        match kind {
            kind::SPACE | kind::BLANK | kind::BREAK => (last, end) = (end, end + length),
            other => break other,
        }
        if kind == kind::BREAK {
            broken = Some(end);
        }
    };
    match broken {
        _ if stop == kind::END && P::BLANK_END => end,
        Some(broken) => broken,
        None if stop == kind::END || last == at => end,
        None => last,
    }
}

/// Where pieces start in a block, one bit a byte, and how many of the bits are certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Starts {
    bits: u64,
    certain: u32,
    /// Whether the block reaches the end of the text and all up to there is certain.
    whole: bool,
}

/// All bits below `n`.
#[inline(always)]
const fn below(n: u32) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

/// Finds the starts in a block whose first byte is one.
///
/// * `length`: bytes of the block that are text.
/// * `last`: whether the text ends with the block.
/// * `byte`: a byte of the block, for the rare contraction.
#[inline(always)]
fn starts<P: Pattern>(m: &Masks, length: u32, last: bool, byte: impl Fn(u32) -> u8) -> Starts {
    let ascii = m.wide.trailing_zeros().min(length);
    let cut = ascii < length;
    let text = below(ascii);
    let letters = m.upper | m.lower;
    let inner_blank = m.space | m.blank;
    let blank = inner_blank | m.breaks;
    let signs = !(letters | m.digits | blank | m.wide) & text;

    // Line breaks right after punctuation belong to it; adding carries through a run of them.
    let tail_class = if P::SLASHES { m.breaks | m.slashes } else { m.breaks };
    let tail_starts = m.breaks & signs << 1;
    let tail = (tail_class & !tail_class.wrapping_add(tail_starts)) | tail_starts;
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

    // White space: where it begins, its last character before something else, and what follows its last line break.
    let free = blank & !tail;
    bits |= free & !(free << 1) | inner_blank & !(blank >> 1);
    let mut broken = inner_blank & m.breaks << 1;
    let mut rejoined = inner_blank.wrapping_add(broken) & !inner_blank & m.breaks;
    while rejoined != 0 {
        let end = rejoined.trailing_zeros();
        let start = 64 - (!inner_blank & below(end)).leading_zeros();
        broken &= !(1 << start);
        rejoined &= rejoined - 1;
    }
    bits |= broken;

    let apostrophes = match P::ENDINGS {
        Endings::Ignored => 0,
        Endings::Apart => m.apostrophes & bits,
        Endings::OfWord => m.apostrophes & letters << 1,
    };
    if apostrophes != 0 {
        bits = with_endings::<P>(bits, apostrophes, byte);
    }

    let whole = last && !cut && ascii > 0 && blank >> (ascii - 1) & 1 == 0;
    let limit = match (cut, last) {
        (true, _) => ascii.saturating_sub(1),
        (false, true) => ascii,
        (false, false) => ascii.saturating_sub(2),
    };
    // White space that reaches the end of what is known is certain to begin, and nothing more.
    let trailing = (blank << (64 - ascii.max(1))).leading_ones();
    let certain = if trailing > 0 { limit.min(ascii.saturating_sub(trailing) + 1) } else { limit };
    Starts { bits: bits & below(certain), certain, whole }
}

/// The first digit of every piece.
#[inline(always)]
fn number_starts(digits: u64, most: usize) -> u64 {
    if most == 1 {
        return digits;
    }
    let mut starts = digits & !(digits << 1);
    let full = digits & digits << 1 & digits << 2 & digits << 3;
    let mut next = starts << 3 & full;
    while next != 0 {
        starts |= next;
        next = next << 3 & full;
    }
    starts
}

/// Puts contractions where they belong: to the word before, or apart.
#[inline]
fn with_endings<P: Pattern>(mut bits: u64, mut apostrophes: u64, byte: impl Fn(u32) -> u8) -> u64 {
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
        if at == done && P::ENDINGS == Endings::OfWord {
            continue;
        }
        done = at + length;
        let first = if P::ENDINGS == Endings::OfWord { at } else { at + 1 };
        bits &= !(below(done) & !below(first));
        if done < 64 {
            bits |= 1 << done;
        }
    }
    bits
}

/// Walks through a text, batch by batch.
pub struct Walker<'a> {
    text: &'a [u8],
    /// Where the next piece, or the next part of a piece, begins.
    at: usize,
    /// Where the piece ends that is being cut, if one is.
    piece_end: usize,
}

impl<'a> Walker<'a> {
    /// Starts at the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Walker { text: text.as_bytes(), at: 0, piece_end: 0 }
    }

    /// Where the next batch begins.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Writes down where pieces end, relative to where the batch begins, and says how many there are: none at the end.
    ///
    /// A piece may come in parts where no token reaches from one part into the next.
    #[inline(always)]
    pub fn fill<L: Level, P: Pattern>(&mut self, level: L, tables: &Tables, ends: &mut [u32; ROOM]) -> usize {
        let base = self.at;
        let mut count = 0;
        while count < BATCH && self.at < self.text.len() && self.at - base < REACH {
            let near = self.text.get(self.at..self.at + 2).unwrap_or(&[0]);
            if self.at < self.piece_end || near.iter().any(is_awkward) {
                count = self.one::<P>(tables, base, ends, count);
                continue;
            }
            let found = self.block::<L, P>(level);
            // The end of a piece is the start of the next.
            let inner = found.bits & !1;
            let start = (self.at - base) as u32;
            count += level.places(inner, start, &mut ends[count..]);
            if found.whole {
                self.at = self.text.len();
                ends[count] = (self.at - base) as u32;
                count += 1;
            } else if inner == 0 {
                count = self.one::<P>(tables, base, ends, count);
            } else {
                self.at += 63 - inner.leading_zeros() as usize;
            }
        }
        count
    }

    #[inline(always)]
    fn block<L: Level, P: Pattern>(&self, level: L) -> Starts {
        let text = self.text;
        let rest = &text[self.at..];
        let byte = |n: u32| rest.get(n as usize).copied().unwrap_or(0);
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            return starts::<P>(&level.masks(block), BLOCK as u32, rest.len() == BLOCK, byte);
        }
        let length = rest.len() as u32;
        // The last block of a longer text is read so that it ends with the text.
        let masks = match text.last_chunk::<BLOCK>() {
            Some(block) => level.masks(block).from_bit(BLOCK as u32 - length),
            None => {
                let mut block = [0; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                level.masks(&block)
            }
        };
        starts::<P>(&masks, length, true, byte)
    }

    /// Reads one piece, or as much of it as there is room for, and cuts it where no token reaches across.
    #[inline]
    fn one<P: Pattern>(&mut self, tables: &Tables, base: usize, ends: &mut [u32; ROOM], mut count: usize) -> usize {
        if self.at >= self.piece_end {
            self.piece_end = P::piece_end(self.text, self.at);
        }
        let piece = &self.text[..self.piece_end];
        if self.piece_end - self.at > 5 {
            let mut next = self.at + if piece[self.at] < 0x80 { 1 } else { 0 };
            let mut before = three(piece, next);
            while let Some(first) = before
                && count < BATCH
            {
                next += 3;
                before = three(piece, next);
                if let Some(second) = before
                    && tables.parts(first, second)
                {
                    self.at = next;
                    ends[count] = (next - base) as u32;
                    count += 1;
                }
            }
            if count >= BATCH && before.is_some() {
                return count;
            }
        }
        self.at = self.piece_end;
        ends[count] = (self.at - base) as u32;
        count + 1
    }
}

/// Whether a byte belongs to a character that no block knows, or goes on another.
#[inline(always)]
fn is_awkward(byte: &u8) -> bool {
    !matches!(*byte, ..0x80 | 0xc3 | 0xd0 | 0xd1 | 0xe2)
}

/// The character of three bytes that begins at a byte, the first byte highest.
#[inline(always)]
fn three(text: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *text.get(at..)?.first_chunk()?;
    (a & 0xf0 == 0xe0).then(|| u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c))
}
