//! DeepSeek's rules, which are three steps: numbers are set apart, then runs of ideographs and kana, and each such run
//! and each text between is split into words as if it stood alone.

use super::{Pattern, Starts, below, blank_end, blank_starts, number_end, number_starts, tails};
use crate::fast::class::{self, kind};
use crate::fast::simd::Masks;
use crate::fast::tables::Tables;

/// DeepSeek.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeepSeek;

/// What a character is to the last step, in a text that is of ideographs and kana ([`kind::APART`]) or of none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DeepseekClass {
    /// A letter or a mark.
    Letter,
    Sign,
    Space,
    Blank,
    Break,
    /// Controls, characters of format, and those that are not assigned.
    Other,
    /// What is in another text after the earlier steps, or the end.
    End,
}

impl DeepseekClass {
    #[inline(always)]
    fn of(flags: u8, apart: u8) -> DeepseekClass {
        match flags & kind::BITS {
            kind::END | kind::NUMBER => DeepseekClass::End,
            _ if flags & kind::APART != apart => DeepseekClass::End,
            ..=kind::MARK => DeepseekClass::Letter,
            kind::SPACE => DeepseekClass::Space,
            kind::BLANK => DeepseekClass::Blank,
            kind::BREAK => DeepseekClass::Break,
            _ if flags & kind::SIGN != 0 => DeepseekClass::Sign,
            _ => DeepseekClass::Other,
        }
    }

    #[inline(always)]
    fn at(text: &[u8], at: usize, apart: u8) -> (DeepseekClass, usize) {
        let (flags, length) = class::at(text, at);
        (DeepseekClass::of(flags, apart), length)
    }
}

impl Pattern for DeepSeek {
    #[inline]
    fn piece_end(_: &Tables, text: &[u8], at: usize) -> usize {
        let (flags, length) = class::at(text, at);
        let next = at + length;
        if flags & kind::BITS == kind::NUMBER {
            return number_end(text, next, 3);
        }
        let apart = flags & kind::APART;
        let (second, _) = DeepseekClass::at(text, next, apart);
        match DeepseekClass::of(flags, apart) {
            DeepseekClass::Letter => run_end(text, next, apart, DeepseekClass::Letter),
            DeepseekClass::Sign if text[at] < 0x80 && text.get(next).is_some_and(u8::is_ascii_alphabetic) => {
                next + text[next..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
            }
            DeepseekClass::Sign => signs_end(text, next, apart),
            DeepseekClass::Space | DeepseekClass::Blank | DeepseekClass::Other if second == DeepseekClass::Letter => {
                run_end(text, next, apart, DeepseekClass::Letter)
            }
            DeepseekClass::Space if second == DeepseekClass::Sign => signs_end(text, next, apart),
            DeepseekClass::Other => others_end(text, next, apart),
            _ => blank_end(text, at, |stop| DeepseekClass::of(stop, apart) == DeepseekClass::End, false),
        }
    }

    #[inline(always)]
    fn starts(_: &Tables, m: &Masks, length: u32, last: bool, _: impl Fn(u32) -> u8) -> Starts {
        let known = (m.high | m.controls).trailing_zeros().min(length);
        let letters = m.upper | m.lower;
        let inner = m.space | m.blank;
        let blank = inner | m.breaks;
        let signs = !(letters | m.digits | blank) & below(known);
        let sign_starts = signs & !(signs << 1) & !(m.space << 1);
        let tail = tails(m.breaks, m.breaks, signs);
        let mut bits = sign_starts | 1;
        bits |= letters & !(letters << 1) & !((inner | sign_starts) << 1);
        bits |= number_starts(m.digits, 3);
        // White space before a number is at the end of its text, and leaves nothing to the number.
        let left = inner & !(blank >> 1) & !(m.digits >> 1);
        bits |= blank_starts(blank & !tail, inner, left, m.breaks);
        Starts::certain(bits, blank, known, length, last)
    }
}

#[inline(always)]
fn run_end(text: &[u8], mut at: usize, apart: u8, of: DeepseekClass) -> usize {
    loop {
        // U+5000 to U+8FFF, letters that are set apart, all of them.
        while apart != 0 && of == DeepseekClass::Letter && matches!(text.get(at), Some(0xe5..=0xe8)) {
            at += 3;
        }
        let (class, length) = DeepseekClass::at(text, at, apart);
        if class != of {
            return at;
        }
        at += length;
    }
}

/// The end of signs that have begun before `at`, with the line breaks after them.
#[inline]
fn signs_end(text: &[u8], at: usize, apart: u8) -> usize {
    let signs = run_end(text, at, apart, DeepseekClass::Sign);
    let breaks = text[signs..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    // Behind signs of kana the breaks are in another text.
    if apart == 0 { signs + breaks } else { signs }
}

/// The end of characters that no rule knows, one of which is before `at`: the last before a letter belongs to that.
#[inline]
fn others_end(text: &[u8], mut at: usize, apart: u8) -> usize {
    loop {
        let (class, length) = DeepseekClass::at(text, at, apart);
        if class != DeepseekClass::Other || DeepseekClass::at(text, at + length, apart).0 == DeepseekClass::Letter {
            return at;
        }
        at += length;
    }
}
