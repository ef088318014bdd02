//! GPT-2's rules: a word, a number or a run of signs takes one space before it, and white space leaves its last character
//! to what follows, line breaks like any other.

use super::{Pattern, Starts, below, kind_at, run_end};
use crate::fast::class::{caseless_end, kind};
use crate::fast::simd::Masks;
use crate::fast::tables::Tables;

/// GPT-2, GPT-3, Claude 1 and 2, GPT-NeoX.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gpt2;

impl Pattern for Gpt2 {
    #[inline]
    fn piece_end(_: &Tables, text: &[u8], at: usize) -> usize {
        if let Some(length) = contraction(|n| text.get(at + n).copied().unwrap_or(0)) {
            return at + length;
        }
        let (first, length) = kind_at(text, at);
        let (kind, at) = match (first, kind_at(text, at + length).0) {
            (kind::SPACE, kind::SPACE | kind::BLANK | kind::BREAK | kind::END) => (first, at),
            (kind::SPACE, second) => (second, at + length),
            _ => (first, at),
        };
        match kind {
            kind::UPPER | kind::LOWER | kind::CASELESS => {
                run_end(text, caseless_end(text, at), |kind| kind <= kind::CASELESS)
            }
            kind::NUMBER => run_end(text, at, |kind| kind == kind::NUMBER),
            kind::MARK | kind::OTHER => run_end(text, at, |kind| matches!(kind, kind::MARK | kind::OTHER)),
            _ => blank_end(text, at),
        }
    }

    #[inline(always)]
    fn starts(_: &Tables, m: &Masks, length: u32, last: bool, byte: impl Fn(u32) -> u8) -> Starts {
        let known = m.wide.trailing_zeros().min(length);
        let letters = m.upper | m.lower;
        let blank = m.space | m.blank | m.breaks;
        let signs = !(letters | m.digits | blank | m.wide) & below(known);
        let first = |class: u64| class & !(class << 1);
        let mut bits = (first(letters) | first(m.digits) | first(signs)) & !(m.space << 1);
        bits |= first(blank) | blank & !(blank >> 1) | 1;
        let mut apostrophes = m.apostrophes & bits;
        while apostrophes != 0 {
            let at = apostrophes.trailing_zeros();
            apostrophes &= apostrophes - 1;
            if let Some(length) = contraction(|n| byte(at + n as u32)) {
                let end = at + length as u32;
                bits &= !(below(end) & !below(at + 1));
                bits |= below(end + 1) & !below(end);
            }
        }
        Starts::certain(bits, blank, known, length, last)
    }
}

/// The length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`, of the bytes from an apostrophe on.
#[inline(always)]
fn contraction(byte: impl Fn(usize) -> u8) -> Option<usize> {
    if byte(0) != b'\'' {
        return None;
    }
    match (byte(1), byte(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(2),
        (b'r' | b'v', b'e') | (b'l', b'l') => Some(3),
        _ => None,
    }
}

/// The end of white space: the end of the text, or its last character, unless that is all.
#[inline]
fn blank_end(text: &[u8], at: usize) -> usize {
    let (mut end, mut last) = (at, at);
    let stop = loop {
        match kind_at(text, end) {
            (kind::SPACE | kind::BLANK | kind::BREAK, length) => (last, end) = (end, end + length),
            (stop, _) => break stop,
        }
    };
    if stop == kind::END || last == at { end } else { last }
}
