//! Counts the tokens of a long piece block by block, several blocks side by side.
//!
//! A row of tokens is what a text merges to if, and only if, that holds for every two neighbours in it: the first merge
//! across the border of two tokens would happen as well if there was nothing but the two. So two rows that have a token
//! in common, at the same place, make one: what the first has up to that token and the second has from it on, because
//! every two neighbours of the new row are neighbours in one of the old.
//!
//! Blocks of `BLOCK` bytes that overlap are merged each by itself, [`LANES`] of them side by side, and the rows are
//! joined at a token that both have. Where two have none in common, which takes tokens as long as the overlap, one
//! window of [`WINDOW`] bytes is merged from the last token that is sure; its first token has to stand the last before
//! it, which is asked of the two alone. Where even that does not hold, which takes tokens of hundreds of bytes, the
//! piece is merged in windows of `WIDE` bytes, each with a heap.
//!
//! Blocks and windows that have been seen a moment ago are not merged again: a run of one thing takes hardly more time
//! than comparing it with itself.

use std::ops::Range;

use super::{LANES, MergeRow, WINDOW, merge_many, starts_with_heap};
use crate::fast::simd::{Job, Level};
use crate::fast::tables::Tables;

/// Bytes of a block.
const BLOCK: usize = 63;

/// Bytes of a window for the longest tokens.
const WIDE: usize = 16 << 10;

/// From one block to the next.
const STEP: usize = 50;

/// Blocks that are merged in one go.
const BATCH: usize = 2 * LANES;

/// Blocks that are remembered.
const MEMO: usize = 64;

/// Counts the tokens of a piece of more than `BLOCK` bytes.
#[cold]
pub(crate) fn count<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> u64 {
    let memo = [Block::NONE; MEMO];
    let long = Long {
        level,
        tables,
        piece,
        first: usize::MAX / 2,
        blocks: [0; BATCH],
        memo,
        window: None,
        border: (0..0, 0..0),
    };
    long.count().or_else(|| wide(tables, piece)).unwrap_or_else(|| starts_with_heap(tables, piece).len() as u64)
}

/// Counts the tokens of a piece in wide windows; `None` where they do not come to an end of one row.
fn wide(tables: &Tables, piece: &[u8]) -> Option<u64> {
    let (mut from, mut total) = (0, 0);
    let mut last: &[u8] = &[];
    // The last window with its tokens, and the last two tokens that were found to stand side by side.
    let (mut known, mut starts): (&[u8], Vec<usize>) = Default::default();
    let mut border: (&[u8], &[u8]) = Default::default();
    loop {
        let window = &piece[from..piece.len().min(from + WIDE)];
        if known != window {
            (known, starts) = (window, starts_with_heap(tables, window));
        }
        let first = &window[..starts.get(1).copied().unwrap_or(window.len())];
        if !last.is_empty() && border != (last, first) {
            border = (last, first);
            if starts_with_heap(tables, &[last, first].concat()) != [0, last.len()] {
                return None;
            }
        }
        if from + window.len() == piece.len() {
            return Some(total + starts.len() as u64);
        }
        // What follows may change the last tokens; a character that the window has cut is one of them.
        let sure = starts.partition_point(|start| start + WIDE / 4 < WIDE).checked_sub(1).filter(|sure| *sure > 0)?;
        last = &window[starts[sure - 1]..starts[sure]];
        total += sure as u64;
        from += starts[sure];
    }
}

/// A block that was merged: its bytes, with its length in the last, and the borders of its tokens.
#[derive(Clone, Copy)]
struct Block {
    bytes: [u8; 64],
    borders: u64,
}

impl Block {
    const NONE: Block = Block { bytes: [0; 64], borders: 0 };
}

/// The end of the row that is sure but for its last tokens.
#[derive(Clone, Copy, Debug)]
struct LongTail {
    /// The place of the first bit.
    base: usize,
    /// Where tokens begin, one bit a byte, and where the last one ends.
    borders: u64,
    /// The first token that is not yet counted, from `base` on.
    from: u32,
    /// Where the token before that begins, if there is one.
    before: Option<usize>,
}

impl LongTail {
    fn end(&self) -> usize {
        self.base + 63 - self.borders.leading_zeros() as usize
    }

    /// The borders that are not counted.
    fn open(&self) -> u64 {
        self.borders & !below(self.from)
    }

    fn tokens(&self) -> u64 {
        u64::from(self.open().count_ones()).saturating_sub(1)
    }

    /// Where the first token begins that is not counted.
    fn place(&self, total: u64) -> LongPlace {
        let at = self.base + self.from as usize;
        LongPlace { at, last: self.before.map(|before| before..at), total }
    }

    /// The last place that is likely to stay a border: what follows may change the last token, and a few before it.
    ///
    /// * `piece`: what is merged; a character that the row has cut is no place to begin at.
    fn sure(&self, total: u64, piece: &[u8], chars: bool) -> LongPlace {
        let mut starts = self.open() & !(1_u64 << (self.end() - self.base));
        let last = self.end().saturating_sub(3).max(self.base);
        for (byte, at) in piece[last..self.end()].iter().zip(last - self.base..) {
            if chars && byte & 0xc0 == 0x80 {
                starts &= !(1 << at);
            }
        }
        let early = starts & below((self.end() - self.base).saturating_sub(STEP / 4) as u32);
        let starts = if early & early.wrapping_sub(1) == 0 { starts } else { early };
        let (at, earlier) = without_highest(starts);
        let at = self.base + at;
        let last = match earlier {
            0 => self.before.map(|before| before..at),
            some => Some(self.base + without_highest(some).0..at),
        };
        LongPlace { at, last, total: total + u64::from(earlier.count_ones()) }
    }

    /// The row that goes on with that of a block which begins in this one, and how many tokens come before it.
    fn joined(&self, base: usize, borders: u64) -> Option<(LongTail, u64)> {
        let shift = (base - self.base) as u32;
        let ours = self.open() >> shift;
        let either = (ours | borders) & (u64::MAX >> (63 - (self.end() - base)));
        let mut both = ours & borders;
        while both != 0 {
            let start = both & both.wrapping_neg();
            both ^= start;
            let after = either & !(start | (start - 1));
            if after & after.wrapping_neg() & both != 0 {
                let from = start.trailing_zeros();
                let counted = self.open() & below(from + shift);
                let before = match counted {
                    0 => self.before,
                    some => Some(self.base + 63 - some.leading_zeros() as usize),
                };
                return Some((LongTail { base, borders, from, before }, u64::from(counted.count_ones())));
            }
        }
        None
    }
}

/// The highest bit, and the bits without it.
fn without_highest(bits: u64) -> (usize, u64) {
    let highest = 63 - bits.leading_zeros().min(63);
    (highest as usize, bits & !(1 << highest))
}

/// All bits below `n`.
const fn below(n: u32) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

/// A place that is known to be the border of two tokens.
#[derive(Clone, Debug, Default)]
struct LongPlace {
    at: usize,
    /// The token before it, if there is one.
    last: Option<Range<usize>>,
    /// Tokens before it.
    total: u64,
}

const _: () = assert!(BATCH <= 32);

/// Where a block is remembered.
fn place_of(key: &[u8; 64]) -> usize {
    let words = key.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(0_u64, |hash, word| (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (hash >> 40) as usize % MEMO
}

struct Long<'a, L> {
    level: L,
    tables: &'a Tables<'a>,
    piece: &'a [u8],
    /// Number of the first block in `blocks`, and the borders of each; a number that no block has at first.
    first: usize,
    blocks: [u64; BATCH],
    memo: [Block; MEMO],
    /// The last window, by where it begins.
    window: Option<(usize, MergeRow<WINDOW>)>,
    /// The last two tokens that were found to stand side by side.
    border: (Range<usize>, Range<usize>),
}

impl<L: Level> Long<'_, L> {
    /// The tokens, or `None` where windows do not come to an end of one row.
    fn count(mut self) -> Option<u64> {
        let mut total = 0;
        let mut tail = LongTail { base: 0, borders: self.block(0), from: 0, before: None };
        // Where to begin again when the row that was taken to be sure was not: one that is far enough behind.
        let (mut far, mut near) = (LongPlace::default(), LongPlace::default());
        while tail.end() < self.piece.len() {
            let number = tail.base / STEP + 1;
            let borders = self.block(number);
            if let Some((next, counted)) = tail.joined(number * STEP, borders) {
                (tail, total) = (next, total + counted);
                if tail.base > near.at + WINDOW {
                    (far, near) = (near, tail.place(total));
                }
                continue;
            }
            // Nearer places are cheaper; from the beginning there are only windows, so that no part is merged often.
            let found = self
                .go_on(tail.sure(total, self.piece, self.tables.merges_chars()), 0)
                .or_else(|| self.go_on(far.clone(), tail.end()))
                .or_else(|| self.go_on(LongPlace::default(), usize::MAX));
            match found? {
                (Some(next), counted) => (tail, total) = (next, counted),
                (None, counted) => return Some(counted),
            }
            if tail.base > near.at + WINDOW {
                (far, near) = (near, tail.place(total));
            }
        }
        Some(total + tail.tokens())
    }

    fn block(&mut self, number: usize) -> u64 {
        if !(self.first..self.first + BATCH).contains(&number) {
            self.first = number;
            self.level.run(MergeBlocks(self));
        }
        self.blocks[number - self.first]
    }

    /// Goes on with windows up to a row that blocks can join and that ends behind `until`, or to the end of the piece; says
    /// how many tokens come before.
    fn go_on(&mut self, start: LongPlace, until: usize) -> Option<(Option<LongTail>, u64)> {
        let piece = self.piece;
        let LongPlace { at: mut from, mut last, mut total } = start;
        loop {
            let end = piece.len().min(from + WINDOW);
            let row = self.window(from, end);
            let count = row.count();
            let first = from..row.starts().nth(1).map_or(end, |start| from + start);
            let starts: Vec<usize> = row.starts().map(|start| from + start).collect();
            if let Some(last) = last
                && !self.stand(last, first)
            {
                return None;
            }
            if end == piece.len() {
                return Some((None, total + count));
            }
            // Tokens as long as this are only made where there is room for them.
            let short = starts.partition_point(|start| start + BLOCK < end);
            if let (Some(start), Some(before)) = (starts.get(short), starts.get(short.wrapping_sub(1)))
                && start - before <= STEP / 2
                && end > until
            {
                let base = end - BLOCK;
                let borders = starts[short..].iter().fold(1 << BLOCK, |bits, start| bits | 1_u64 << (start - base));
                let tail = LongTail { base, borders, from: (start - base) as u32, before: Some(*before) };
                return Some((Some(tail), total + short as u64));
            }
            let sure = starts.partition_point(|start| start + 2 * BLOCK < end).max(2) - 1;
            let (start, before) = (*starts.get(sure)?, starts[sure - 1]);
            if self.tables.merges_chars() && piece[start] & 0xc0 == 0x80 {
                return None;
            }
            total += sure as u64;
            (last, from) = (Some(before..start), start);
        }
    }

    /// The row of a window; that of the last is taken where it has the same bytes.
    fn window(&mut self, from: usize, end: usize) -> &MergeRow<WINDOW> {
        let bytes = &self.piece[from..end];
        let same = |(at, row): &(usize, MergeRow<WINDOW>)| {
            row.length() == bytes.len() && self.piece[*at..*at + bytes.len()] == *bytes
        };
        let known = self.window.take().filter(same);
        let (_, row) =
            self.window.insert(known.unwrap_or_else(|| (from, self.level.run(MergeWindow(self.tables, bytes)))));
        row
    }

    /// Whether two tokens stay as they are side by side.
    fn stand(&mut self, first: Range<usize>, second: Range<usize>) -> bool {
        let bytes = |range: &Range<usize>| &self.piece[range.clone()];
        if bytes(&self.border.0) == bytes(&first) && bytes(&self.border.1) == bytes(&second) {
            return true;
        }
        let both = &self.piece[first.start..second.end];
        let row = (both.len() <= WINDOW).then(|| self.level.run(MergeWindow(self.tables, both)));
        let stand = row.is_some_and(|row| row.starts().eq([0, first.len()]));
        if stand {
            self.border = (first, second);
        }
        stand
    }
}

/// Merges the blocks from the first on, as many as there are and as are kept.
struct MergeBlocks<'l, 'a, L>(&'l mut Long<'a, L>);

impl<L: Level> Job for MergeBlocks<'_, '_, L> {
    type Out = ();

    #[inline(always)]
    fn run<M: Level>(self, level: M) {
        let Long { tables, piece, first, blocks, memo, .. } = self.0;
        let mut waiting = [0; BATCH];
        let mut keys = [[0_u8; 64]; BATCH];
        let mut places = [0; BATCH];
        // Blocks that are as the one before.
        let mut again = 0_u32;
        let mut count = 0;
        for at in 0..BATCH {
            let Some(rest) = piece.get((*first + at) * STEP..).filter(|rest| !rest.is_empty()) else { break };
            let bytes = &rest[..rest.len().min(BLOCK)];
            let key = &mut keys[at];
            key[..bytes.len()].copy_from_slice(bytes);
            key[BLOCK] = bytes.len() as u8;
            let key = *key;
            if at > 0 && keys[at - 1] == key {
                again |= 1 << at;
                continue;
            }
            places[at] = place_of(&key);
            let seen = &memo[places[at]];
            if seen.bytes == key {
                blocks[at] = seen.borders;
            } else {
                waiting[count] = at;
                count += 1;
            }
        }
        let pieces = waiting[..count].iter().map(|at| (*at as u32, &keys[*at][..usize::from(keys[*at][BLOCK])]));
        merge_many::<64, M>(level, tables, pieces, |at, starts| {
            let at = at as usize % BATCH;
            let borders = starts | 1_u64 << (keys[at][BLOCK] & 63);
            blocks[at] = borders;
            memo[places[at]] = Block { bytes: keys[at], borders };
        });
        for at in (1..BATCH).filter(|at| again >> at & 1 != 0) {
            blocks[at] = blocks[at - 1];
        }
    }
}

/// Merges up to [`WINDOW`] bytes.
struct MergeWindow<'a>(&'a Tables<'a>, &'a [u8]);

impl Job for MergeWindow<'_> {
    type Out = MergeRow<WINDOW>;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> MergeRow<WINDOW> {
        MergeRow::merged(level, self.0, self.1)
    }
}
