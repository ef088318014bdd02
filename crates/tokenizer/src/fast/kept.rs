//! Counts short texts with tables that lie in a file, of which only the blocks are read that a text asks for.
//!
//! A layout has 2 to 14 MB, and a prompt asks for a few dozen of its words, so a process that counts one prompt reads
//! some blocks of 4 KiB instead of all. Counting goes one word after the other here, which is slow; so from a few
//! hundred blocks on, and for long texts, [`Kept::count`] says nothing, and [`Kept::all`] reads the whole layout.

use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::tables::{
    HEADER, ID_BITS, LONG, NONE, PAGE, SHORT, TablePart, Tables, hash_long, hash_piece, hash_short, line, long_key,
    pair_hash, pair_key, pair_place, short_key,
};

/// Words that are read, and checked, at once.
pub(crate) const BLOCK: usize = 512;

/// Bytes of a text up to which it is counted so.
const TEXT: usize = 4 << 10;

/// Units of a piece up to which it is merged so, since the time grows with the square of it.
const UNITS: usize = 512;

/// Blocks after which reading all of them takes less time than going on.
const MOST: usize = 768;

/// What the words of a layout are read from.
pub(crate) trait KeptSource: Send {
    /// Reads one block, the last of which may be shorter; false where it is not what was written.
    fn read(&mut self, block: usize, to: &mut [u64]) -> bool;

    /// Reads the whole layout, or makes it anew where it is not what was written.
    fn all(&mut self) -> Vec<u64>;
}

/// A layout that lies elsewhere.
pub(crate) struct Kept {
    some: Mutex<Blocks>,
    all: OnceLock<Vec<u64>>,
}

impl Kept {
    /// A layout of `words` words, or `None` where it is none.
    pub(crate) fn new(source: Box<dyn KeptSource>, words: usize) -> Option<Kept> {
        let there = vec![false; words.div_ceil(BLOCK)];
        let mut some = Blocks { source, words: vec![0; words], there, left: MOST };
        some.need(0..HEADER.min(words))?;
        Tables::view(&some.words)?;
        // What splits a text looks there by itself.
        let follows = some.part(TablePart::Follows)?;
        some.need(follows)?;
        Some(Kept { some: Mutex::new(some), all: OnceLock::new() })
    }

    /// The whole layout.
    pub(crate) fn all(&self) -> &[u64] {
        self.all.get_or_init(|| {
            let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
            // The room of the blocks is not needed any more.
            some.words = Vec::new();
            some.left = 0;
            some.source.all()
        })
    }

    /// Counts the tokens of a text, or says nothing where that is better done with the whole layout.
    ///
    /// * `piece_end`: where the piece ends that begins at a place.
    pub(crate) fn count(&self, text: &str, piece_end: impl Fn(&Tables, &[u8], usize) -> usize) -> Option<u64> {
        if self.all.get().is_some() || text.len() > TEXT {
            return None;
        }
        // Who has to wait for another thread is one of many, and should not.
        let mut some = self.some.try_lock().ok()?;
        let (text, mut at, mut total) = (text.as_bytes(), 0, 0);
        while at < text.len() {
            let end = piece_end(&Tables::view(&some.words)?, text, at);
            let piece = text.get(at..end).filter(|piece| !piece.is_empty())?;
            total += if some.is_token(piece)? { 1 } else { some.merged(piece)? };
            at = end;
        }
        Some(total)
    }
}

/// A layout of which some blocks are there; every answer is `None` where no more of them should be read.
struct Blocks {
    source: Box<dyn KeptSource>,
    /// Zeros where nothing was read, which take no memory before they are written to.
    words: Vec<u64>,
    /// The blocks that were read.
    there: Vec<bool>,
    /// Blocks that may still be read.
    left: usize,
}

impl Blocks {
    /// Reads the blocks of some words.
    fn need(&mut self, words: Range<usize>) -> Option<()> {
        for block in words.start / BLOCK..words.end.div_ceil(BLOCK) {
            if !*self.there.get(block)? {
                self.left = self.left.checked_sub(1)?;
                let end = self.words.len().min((block + 1) * BLOCK);
                let read = self.source.read(block, self.words.get_mut(block * BLOCK..end)?);
                self.there[block] = read;
                read.then_some(())?;
            }
        }
        Some(())
    }

    /// Where a part lies.
    fn part(&self, part: TablePart) -> Option<Range<usize>> {
        let at = 2 + 2 * part as usize;
        Some(usize::try_from(*self.words.get(at)?).ok()?..usize::try_from(*self.words.get(at + 1)?).ok()?)
    }

    /// Words of a part.
    fn get(&mut self, part: TablePart, words: Range<usize>) -> Option<&[u64]> {
        let part = self.part(part)?;
        let words = part.start.checked_add(words.start)?..part.start.checked_add(words.end)?;
        self.need(words.clone())?;
        self.words.get(words)
    }

    /// A number of a part whose words hold `N` each.
    fn number<const N: usize>(&mut self, part: TablePart, at: usize) -> Option<u64> {
        let bits = 64 / N;
        let word = self.get(part, at / N..at / N + 1)?.first()?;
        Some(word >> (at % N * bits) & (u64::MAX >> (64 - bits)))
    }

    fn is_token(&mut self, piece: &[u8]) -> Option<bool> {
        let held = match piece.len() {
            0..=SHORT => {
                let key = short_key(piece);
                let lines = self.part(TablePart::Short)?.len() / 8;
                let home = line(hash_short(key), lines) * 8;
                self.get(TablePart::Short, home..home + 8)?.as_chunks().0.contains(&key)
            }
            16..=LONG => {
                let key = long_key(piece);
                let lines = self.part(TablePart::Long)?.len() / 8;
                let home = line(hash_long(key), lines) * 8;
                self.get(TablePart::Long, home..home + 8)?.as_chunks().0.contains(&key)
            }
            _ => false,
        };
        if held { Some(true) } else { self.is_rest(piece) }
    }

    /// Whether a piece is among the tokens that the lines have no room for.
    fn is_rest(&mut self, piece: &[u8]) -> Option<bool> {
        let hash = hash_piece(piece);
        let mask = self.part(TablePart::RestSlots)?.len() - 1;
        for step in 0..=mask {
            let at = (hash as usize).wrapping_add(step) & mask;
            let slot = self.number::<1>(TablePart::RestSlots, at)?;
            if slot == 0 {
                break;
            }
            let start = slot as u32 as usize;
            let words = start / 8..(start + 2 + piece.len()).div_ceil(8);
            if slot >> 32 == hash >> 32
                && words.end <= self.part(TablePart::RestBytes)?.len()
                && let bytes = bytemuck::cast_slice::<u64, u8>(self.get(TablePart::RestBytes, words)?)
                && let Some((length, after)) = bytes[start % 8..].split_first_chunk::<2>()
                && usize::from(u16::from_le_bytes(*length)) == piece.len()
                && after.starts_with(piece)
            {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Merges a piece and counts its tokens, and a token for each byte of a character that is none.
    fn merged(&mut self, piece: &[u8]) -> Option<u64> {
        if piece.len() > 4 * UNITS {
            return None;
        }
        let mut unknown = 0;
        let mut ids = Vec::new();
        if self.part(TablePart::UnitPages)?.is_empty() {
            for byte in piece {
                ids.push(self.number::<2>(TablePart::ByteIds, usize::from(*byte))? as u32);
            }
        } else {
            for c in std::str::from_utf8(piece).ok()?.chars() {
                let id = self.char_id(c)?;
                unknown += if id == NONE { c.len_utf8() as u64 - 1 } else { 0 };
                ids.push(id);
            }
        }
        if ids.len() > UNITS {
            return None;
        }
        let mut pairs = Vec::new();
        for two in ids.windows(2) {
            pairs.push(self.pair(two[0], two[1])?);
        }
        while let Some(lowest) = pairs.iter().copied().min().filter(|rank| *rank != NONE) {
            let at = pairs.iter().position(|rank| *rank == lowest)?;
            ids[at] = lowest;
            ids.remove(at + 1);
            pairs.remove(at);
            if let Some(next) = ids.get(at + 1) {
                pairs[at] = self.pair(lowest, *next)?;
            }
            if let Some(before) = at.checked_sub(1) {
                pairs[before] = self.pair(ids[before], lowest)?;
            }
        }
        Some(ids.len() as u64 + unknown)
    }

    fn char_id(&mut self, c: char) -> Option<u32> {
        let code = c as usize;
        let page = self.number::<4>(TablePart::UnitPages, code / PAGE)? as usize;
        Some(self.number::<2>(TablePart::UnitIds, page * PAGE + code % PAGE)? as u32)
    }

    /// What two tokens merge into, or [`NONE`].
    fn pair(&mut self, first: u32, second: u32) -> Option<u32> {
        if first == NONE || second == NONE {
            return Some(NONE);
        }
        let key = pair_key(first, second);
        let (pilot, hash) = pair_hash(key, self.words[1]);
        let pilot = self.number::<4>(TablePart::Pilots, pilot)? as u16;
        let places = self.part(TablePart::Pairs)?.len();
        let entry = self.number::<1>(TablePart::Pairs, pair_place(hash, pilot, places))?;
        Some(if entry >> ID_BITS == key { (entry & ((1 << ID_BITS) - 1)) as u32 } else { NONE })
    }
}
