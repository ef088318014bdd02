//! A table from token to rank: [`Vocabulary`].
//!
//! A rank is the place of a token in the order of merging: of two merges that are possible, the one with the lower
//! rank comes first. Nothing here knows how a text is split or merged.

use std::collections::HashSet;
use std::ops::Range;

pub(crate) use farebox_data::vocab::{Tokens, frames};

use super::vocabulary_error::VocabularyError;

/// The largest file of a vocabulary that is read: 128 MiB. The largest `tokenizer.json` that was published has 65 MB.
pub(crate) const LARGEST: u64 = 128 << 20;

/// A table from token to rank.
///
/// Open addressing over a power of two of slots, at most half of them taken. A slot holds the rank and half of the
/// hash, so that a token is compared with the text only where it most likely is the same. Most of what is looked up is
/// no token: a bit for each hash says so, in a twentieth of the memory, which a processor keeps at hand.
pub(crate) struct Vocabulary {
    bytes: Vec<u8>,
    places: Vec<Range<u32>>,
    slots: Vec<Slot>,
    /// Which hashes some token has: eight bits a token, a power of two of words.
    present: Vec<u64>,
    longest: usize,
}

#[cfg(test)]
thread_local! {
    /// How many tokens were looked up on this thread: the work of counting, for the tests.
    pub(super) static LOOKED_UP: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[derive(Clone, Copy)]
struct Slot {
    rank: u32,
    tag: u32,
}

const FREE: Slot = Slot { rank: u32::MAX, tag: 0 };

/// The most that the squares of the lengths of a user's tokens may add up to, a second of work; those of o200k_base do to
/// 16 million.
const MOST_SQUARES: u64 = 1 << 30;

impl Vocabulary {
    /// Unpacks frames of which each goes on where the one before ended.
    #[cfg(test)]
    pub(crate) fn unpack(frames: &[&[u8]]) -> Result<Self, farebox_data::vocab::FrameError> {
        Tokens::unpack_all(frames).map(Vocabulary::new)
    }

    /// Of tokens that a file of the user's has, in the order of their ranks.
    ///
    /// # Errors
    /// [`VocabularyError`] where a token is there twice or empty, or they are so long that working out their merges, in the
    /// square of each, would take minutes.
    pub(crate) fn of(tokens: &[Vec<u8>]) -> Result<Self, VocabularyError> {
        let squares = tokens.iter().map(|token| (token.len() as u64).saturating_pow(2)).fold(0, u64::saturating_add);
        if squares > MOST_SQUARES {
            let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
            let what = format!("its tokens are too long to be those of a model: the longest has {longest} bytes");
            return Err(VocabularyError::Broken(what));
        }
        let too_long = |_| VocabularyError::broken("its tokens are longer than 4 GiB");
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for token in tokens {
            if token.is_empty() || !seen.insert(token.as_slice()) {
                let what = format!("the token {:?} is empty or there twice", String::from_utf8_lossy(token));
                return Err(VocabularyError::Broken(what));
            }
            let start = u32::try_from(bytes.len()).map_err(too_long)?;
            bytes.extend_from_slice(token);
            let end = u32::try_from(bytes.len()).map_err(too_long)?;
            places.push(start..end);
        }
        if tokens.is_empty() {
            Err(VocabularyError::broken("it has no tokens"))
        } else {
            Ok(Vocabulary::new(Tokens::new(bytes, places)))
        }
    }

    /// Of tokens in the order of their ranks, none of them there twice.
    #[must_use]
    pub(crate) fn new(tokens: Tokens) -> Self {
        let (bytes, places) = tokens.into_parts();
        let slots = vec![FREE; (places.len() * 2).next_power_of_two().max(2)];
        let longest = places.iter().map(Range::len).max().unwrap_or(0);
        let present = vec![0; (places.len() / 8).next_power_of_two()];
        let mut vocabulary = Vocabulary { bytes, places, slots, present, longest };
        for rank in 0..vocabulary.places.len() as u32 {
            let hash = hash(vocabulary.token(rank));
            let (word, bit) = vocabulary.bit_of(hash);
            vocabulary.present[word] |= bit;
            let mut at = vocabulary.slot_of(hash);
            while vocabulary.slots[at].rank != FREE.rank {
                at = (at + 1) & (vocabulary.slots.len() - 1);
            }
            vocabulary.slots[at] = Slot { rank, tag: tag(hash) };
        }
        vocabulary
    }

    /// The rank of a token, or `None` when there is no such token.
    #[must_use]
    pub(crate) fn rank(&self, token: &[u8]) -> Option<u32> {
        #[cfg(test)]
        LOOKED_UP.with(|count| count.set(count.get() + 1));
        if token.len() > self.longest {
            return None;
        }
        let hash = hash(token);
        let (word, bit) = self.bit_of(hash);
        if self.present[word] & bit == 0 {
            return None;
        }
        let mut at = self.slot_of(hash);
        loop {
            let slot = self.slots[at];
            if slot.rank == FREE.rank {
                return None;
            }
            if slot.tag == tag(hash) && self.token(slot.rank) == token {
                return Some(slot.rank);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// All tokens, in the order of their ranks.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.places.len() as u32).map(|rank| self.token(rank))
    }

    fn token(&self, rank: u32) -> &[u8] {
        let Range { start, end } = self.places[rank as usize];
        &self.bytes[start as usize..end as usize]
    }

    fn bit_of(&self, hash: u64) -> (usize, u64) {
        ((hash >> 38) as usize & (self.present.len() - 1), 1 << (hash >> 32 & 63))
    }

    fn slot_of(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A multiplicative hash of eight bytes at a time; the table is fixed, so nobody can aim at it with new tokens.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = mix(hash, last_word(rest));
    hash ^ (hash >> 31)
}

/// Up to seven bytes as a number, read without a copy of variable length, which would be a call.
fn last_word(rest: &[u8]) -> u64 {
    match (rest.first_chunk::<4>(), rest.last_chunk::<4>(), rest) {
        // Where both halves overlap they say the same.
        (Some(head), Some(tail), _) => {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << (8 * (rest.len() - 4))
        }
        (_, _, [a, b, c]) => u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16,
        (_, _, [a, b]) => u64::from(*a) | u64::from(*b) << 8,
        (_, _, [a]) => u64::from(*a),
        _ => 0,
    }
}
