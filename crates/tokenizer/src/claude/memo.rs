//! What short stretches came to, so that the words of a text are searched once: texts repeat their words.
//!
//! A fixed table, in which a stretch pushes out the one that was in its place: memory stays the same however long a text is,
//! and what a thread counted before never changes a count, because the whole stretch is compared.

use std::cell::RefCell;

use crate::per_thread::{self, Memories};

/// Places of the table, a power of two: 68 KiB of keys and costs, which stay in the cache next to the core.
const PLACES: usize = 1 << 12;
/// The longest stretch that is remembered, in bytes; the last byte of a key has its length and its marks.
const LONGEST: usize = 15;
/// Tables that a thread keeps: one for each generation.
const KEPT: usize = 2;

/// A stretch with its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoKey(u128);

impl MemoKey {
    /// The key of a stretch that is short enough to be remembered, and not empty.
    ///
    /// * `head`: the marks before it, as a number below 4.
    /// * `close`: whether a mark closes it.
    #[inline]
    pub(super) fn of(head: u8, text: &str, close: bool) -> Option<MemoKey> {
        let length = text.len();
        if length > LONGEST {
            return None;
        }
        let marks = (length as u64) << 3 | u64::from(head) << 1 | u64::from(close);
        let (low, high) = words(text.as_bytes())?;
        Some(MemoKey(u128::from(high | marks << 56) << 64 | u128::from(low)))
    }

    #[inline]
    const fn place(self) -> usize {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - PLACES.trailing_zeros())) as usize
    }
}

/// Up to 15 bytes as two numbers, read in pieces that overlap rather than copied byte by byte; `None` for no bytes.
#[inline]
fn words(bytes: &[u8]) -> Option<(u64, u64)> {
    let unused = |all: usize| 8 * (all - bytes.len()) as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // Eight bytes leave nothing for the second number.
        return Some((u64::from_le_bytes(*first), u64::from_le_bytes(*last).checked_shr(unused(16)).unwrap_or(0)));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
        return Some((first | last << (32 - unused(8)), 0));
    }
    let byte = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte) << (8 * at));
    (!bytes.is_empty()).then(|| (byte(0) | byte(1) | byte(2), 0))
}

/// What one thread remembers of one vocabulary.
pub(super) struct Memo {
    keys: Box<[u128; PLACES]>,
    costs: Box<[u8; PLACES]>,
}

impl Default for Memo {
    fn default() -> Self {
        // No key is 0: each has its length.
        Memo { keys: Box::new([0; PLACES]), costs: Box::new([0; PLACES]) }
    }
}

impl Memo {
    /// What the stretch costs, searched where it is not remembered.
    #[inline]
    pub(super) fn cost(&mut self, key: MemoKey, search: impl FnOnce() -> u64) -> u64 {
        let place = key.place();
        if self.keys[place] == key.0 {
            return u64::from(self.costs[place]);
        }
        let cost = search();
        if let Ok(small) = u8::try_from(cost) {
            (self.keys[place], self.costs[place]) = (key.0, small);
        }
        cost
    }
}

thread_local! {
    static MEMOS: Memories<Memo> = const { RefCell::new(Vec::new()) };
}

/// Works with what this thread remembers of a vocabulary.
pub(super) fn with<T>(vocabulary: usize, work: impl FnOnce(&mut Memo) -> T) -> T {
    per_thread::with(&MEMOS, KEPT, vocabulary, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_told_from_every_other() {
        let mut keys = Vec::new();
        for text in ["a", "a\0", "\0", "b", "hello", "hello hello hel", "é"] {
            for head in 0..4 {
                keys.extend(
                    [MemoKey::of(head, text, false), MemoKey::of(head, text, true)].map(|key| key.expect("short")),
                );
            }
        }
        for (at, key) in keys.iter().enumerate() {
            assert!(key.0 != 0 && keys[at + 1..].iter().all(|other| other != key));
        }
        assert_eq!(MemoKey::of(0, "", false), None);
        assert_eq!(MemoKey::of(0, "sixteen letters!", false), None);
    }

    #[test]
    fn a_key_has_the_bytes_of_its_stretch() {
        let text = "abcdefghijklmno";
        for length in 1..=LONGEST {
            let mut bytes = [0; 16];
            bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
            bytes[LONGEST] = (length as u8) << 3 | 1;
            let key = MemoKey::of(0, &text[..length], true).expect("short");
            assert_eq!(key.0.to_le_bytes(), bytes, "{length}");
        }
    }

    #[test]
    fn what_was_pushed_out_is_searched_again() {
        let keys: Vec<MemoKey> = (0..3 * PLACES).filter_map(|n| MemoKey::of(1, &n.to_string(), true)).collect();
        let mut memo = Memo::default();
        for round in 0..2 {
            for (n, key) in keys.iter().enumerate() {
                let cost = n as u64 % 300;
                assert_eq!(memo.cost(*key, || cost), cost, "round {round}");
            }
        }
    }
}
