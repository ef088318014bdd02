//! Splits a text into the pieces that are merged apart from each other, without a regex engine.
//!
//! Two ways lead to the same pieces. [`Pattern::piece_end`] reads one piece character by character and knows all of
//! Unicode. [`Pattern::starts`] does up to 64 bytes of ASCII at once: every byte is put into a class, a class is one bit
//! for each byte, and the places where pieces start come out of shifts and additions of such words. Four families of
//! patterns are all there are: `gpt4` with its variants, `gpt2`, `deepseek`, and `spaces` for SentencePiece.
//!
//! `starts` is anchored: its first byte is the start of a piece, so nothing before it matters. It answers for as many
//! bytes as it can be sure of, and [`Walker`] goes on at the last start that is certain. What no block can decide (a
//! piece of more than a block, characters beyond ASCII, white space at the end of the text) goes the other way.
//!
//! Start reading at [`Walker::fill`].

mod deepseek;
mod gpt2;
mod gpt4;
mod spaces;

use super::class::{self, kind};
use super::simd::{Level, Masks};
use super::tables::Tables;

pub(crate) use deepseek::DeepSeek;
pub(crate) use gpt2::Gpt2;
pub(crate) use gpt4::{Cl100k, Kimi, Llama3, O200k, Qwen2, Qwen3, Tekken};
pub(crate) use spaces::Spaces;

/// Bytes that are classified at once.
pub(crate) const BLOCK: usize = 64;

/// Pieces that are collected before they are looked up.
pub(crate) const BATCH: usize = 256;

/// Room for the pieces of a batch: one block more than a batch may come in, and a power of two, so that a number is
/// brought into it by its lowest bits.
pub(crate) const ROOM: usize = 2 * BATCH;

const _: () = assert!(ROOM.is_power_of_two() && ROOM >= BATCH + 2 * BLOCK);

/// Bytes after which a batch ends in any case, so that places in it fit 32 bits.
const REACH: usize = 1 << 28;

/// How an encoding splits its texts.
pub(crate) trait Pattern: Copy {
    /// Where the piece that begins at `at` ends.
    fn piece_end(tables: &Tables, text: &[u8], at: usize) -> usize;

    /// Finds the starts in a block whose first byte is one.
    ///
    /// * `tables`: says where a vocabulary that has no rules for words is cut.
    /// * `length`: bytes of the block that are text.
    /// * `last`: whether the text ends with the block.
    /// * `byte`: a byte of the block, for the rare contraction.
    fn starts(tables: &Tables, m: &Masks, length: u32, last: bool, byte: impl Fn(u32) -> u8) -> Starts;
}

#[inline(always)]
fn kind_at(text: &[u8], at: usize) -> (u8, usize) {
    let (kind, length) = class::at(text, at);
    (kind & kind::BITS, length)
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

/// The end of white space where line breaks end it: its last line break, or all of it but what the next piece takes.
///
/// * `ends`: whether white space before a character of such a kind goes to its end, as at the end of the text.
#[inline(always)]
fn blank_end(text: &[u8], at: usize, ends: impl Fn(u8) -> bool, all_at_end: bool) -> usize {
    let (mut end, mut last, mut broken) = (at, at, None);
    let stop = loop {
        let (flags, length) = class::at(text, end);
        let kind = flags & kind::BITS;
        match kind {
            kind::SPACE | kind::BLANK | kind::BREAK => (last, end) = (end, end + length),
            _ => break flags,
        }
        if kind == kind::BREAK {
            broken = Some(end);
        }
    };
    match broken {
        _ if stop == kind::END && all_at_end => end,
        Some(broken) => broken,
        None if ends(stop) || last == at => end,
        None => last,
    }
}

/// The starts of white space where line breaks end it: where it begins, its last character before something else, and
/// what follows its last line break.
///
/// * `free`: white space that does not belong to the punctuation before it.
/// * `inner`: white space within a line; `left`: the last characters of it that are left to what follows.
#[inline(always)]
fn blank_starts(free: u64, inner: u64, left: u64, breaks: u64) -> u64 {
    let bits = free & !(free << 1) | left;
    let mut broken = inner & breaks << 1;
    let mut rejoined = inner.wrapping_add(broken) & !inner & breaks;
    while rejoined != 0 {
        let end = rejoined.trailing_zeros();
        let start = 64 - (!inner & below(end)).leading_zeros();
        broken &= !(1 << start);
        rejoined &= rejoined - 1;
    }
    bits | broken
}

/// Line breaks right after punctuation, which belong to it; adding carries through a run of them.
///
/// * `class`: what goes on such a tail; `first`: what may begin it.
#[inline(always)]
fn tails(class: u64, first: u64, signs: u64) -> u64 {
    let starts = first & signs << 1;
    (class & !class.wrapping_add(starts)) | starts
}

/// Where pieces start in a block, one bit a byte, and how many of the bits are certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starts {
    bits: u64,
    certain: u32,
    /// Whether the block reaches the end of the text and all up to there is certain.
    whole: bool,
}

impl Starts {
    /// What is certain of the starts that were found in the first `known` bytes of a block.
    ///
    /// * `blank`: the white space among them.
    /// * `length`, `last`: as in [`Pattern::starts`].
    #[inline(always)]
    fn certain(bits: u64, blank: u64, known: u32, length: u32, last: bool) -> Starts {
        let cut = known < length;
        let whole = last && !cut && known > 0 && blank >> (known - 1) & 1 == 0;
        let limit = match (cut, last) {
            (true, _) => known.saturating_sub(1),
            (false, true) => known,
            (false, false) => known.saturating_sub(2),
        };
        // White space that reaches the end of what is known is certain to begin, and nothing more.
        let trailing = (blank << (64 - known.max(1))).leading_ones();
        let certain = if trailing > 0 { limit.min(known.saturating_sub(trailing) + 1) } else { limit };
        Starts { bits: bits & below(certain), certain, whole }
    }
}

/// All bits below `n`.
#[inline(always)]
const fn below(n: u32) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
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

/// Walks through a text, batch by batch.
pub(crate) struct Walker<'a> {
    text: &'a [u8],
    /// Where the next piece, or the next part of a piece, begins.
    at: usize,
    /// Where the piece ends that is being cut, if one is.
    piece_end: usize,
}

impl<'a> Walker<'a> {
    /// Starts at the beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Walker { text: text.as_bytes(), at: 0, piece_end: 0 }
    }

    /// Where the next batch begins.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Writes down where pieces end, relative to where the batch begins, and says how many there are: none at the end.
    ///
    /// A piece may come in parts where no token reaches from one part into the next.
    #[inline(always)]
    pub(crate) fn fill<L: Level, P: Pattern>(&mut self, level: L, tables: &Tables, ends: &mut [u32; ROOM]) -> usize {
        let base = self.at;
        let mut count = 0;
        while count < BATCH && self.at < self.text.len() && self.at - base < REACH {
            let near = self.text.get(self.at..self.at + 2).unwrap_or(&[0]);
            if self.at < self.piece_end || near.iter().any(is_awkward) {
                count = self.one::<P>(tables, base, ends, count);
                continue;
            }
            let found = self.block::<L, P>(level, tables);
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
    fn block<L: Level, P: Pattern>(&self, level: L, tables: &Tables) -> Starts {
        let text = self.text;
        let rest = &text[self.at..];
        let byte = |n: u32| rest.get(n as usize).copied().unwrap_or(0);
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            return P::starts(tables, &level.masks(block), BLOCK as u32, rest.len() == BLOCK, byte);
        }
        let length = rest.len() as u32;
        // The last block of a longer text is read so that it ends with the text.
        let masks = match text.last_chunk::<BLOCK>() {
            Some(block) => level.masks(block).starting_at(BLOCK as u32 - length),
            None => {
                let mut block = [0; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                level.masks(&block)
            }
        };
        P::starts(tables, &masks, length, true, byte)
    }

    /// Reads one piece, or as much of it as there is room for, and cuts it where no token reaches across.
    #[inline]
    fn one<P: Pattern>(&mut self, tables: &Tables, base: usize, ends: &mut [u32; ROOM], mut count: usize) -> usize {
        if self.at >= self.piece_end {
            self.piece_end = P::piece_end(tables, self.text, self.at);
        }
        let piece = &self.text[..self.piece_end];
        if self.piece_end - self.at > 5 {
            let mut next = self.at + if piece[self.at] < 0x80 { 1 } else { 0 };
            let mut first = three(piece, next);
            let before = count;
            // One more than a batch has, so that there is one left where the last is given back.
            while first != 0 && count <= BATCH {
                next += 3;
                let second = three(piece, next);
                ends[count] = (next - base) as u32;
                count += usize::from((second != 0) & tables.parts(first, second));
                first = second;
            }
            let full = first != 0;
            if tables.keeps_last && count > before {
                count -= 1;
            }
            if full {
                self.at = base + ends[count - 1] as usize;
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

/// The character of three bytes that begins at a byte, the first byte highest, or zero where none does.
#[inline(always)]
fn three(text: &[u8], at: usize) -> u32 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some([a @ 0xe0..=0xef, b, c]) => u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c),
        _ => 0,
    }
}
