//! Counts the tokens of a piece that is no token: of all neighbours that make a token, the pair of the lowest rank is
//! joined, the leftmost first, until no pair is left.
//!
//! A piece that fits a window of [`WINDOW`] bytes is merged in it: each round looks for the lowest pair in an array
//! that is as long as the piece. A longer one is merged window by window, which is exact by a property of the merging:
//! a row of tokens is what a text merges to if, and only if, that holds for every two neighbours in it (the first
//! merge across the border of two tokens would happen as well if there was nothing but the two). So a window may keep
//! its tokens if the first of them stands the last of the window before, see [`agree`]. Where they do not agree, which
//! takes a vocabulary with tokens of half a window, the piece is merged as a whole with a heap.
//!
//! Either way the time grows no faster than n log n.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::simd::Level;
use super::tables::{NONE, Sought, Tables, pair_key};

/// Bytes that are merged at once.
const WINDOW: usize = 512;

/// Bytes at the end of a window whose tokens are merged once more, with what comes after.
const OVERLAP: usize = 32;

/// Counts the tokens of a piece.
#[inline(always)]
pub fn count<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> u64 {
    match piece.len() {
        0..=16 => Row::<16>::merged(level, tables, piece).count(),
        17..=32 => Row::<32>::merged(level, tables, piece).count(),
        33..=64 => Row::<64>::merged(level, tables, piece).count(),
        65..=WINDOW => Row::<WINDOW>::merged(level, tables, piece).count(),
        _ => count_long(level, tables, piece),
    }
}

/// Pieces that are merged side by side.
pub const LANES: usize = 16;

/// One of several pieces of less than `N` bytes that are merged side by side.
#[derive(Clone, Copy)]
struct Lane<const N: usize> {
    ids: [u32; N],
    /// Rank and place of each pair, as in [`Row`]. The last never holds one: it is written to in the place of others.
    pairs: [u32; N],
    /// One bit for the place of each token.
    alive: u32,
    /// Which piece it is.
    piece: u32,
    /// The two pairs that have changed, and where their answers lie.
    changed: [(u32, Sought); 2],
}

impl<const N: usize> Lane<N> {
    const FREE: Self = Lane { ids: [0; N], pairs: [NONE; N], alive: 0, piece: 0, changed: [(0, Sought::NOTHING); 2] };

    #[inline(always)]
    fn fill(&mut self, tables: &Tables, bytes: &[u8], piece: u32) {
        self.pairs = [NONE; N];
        self.piece = piece;
        self.alive = (1 << bytes.len().min(N - 1)) - 1;
        for (at, byte) in bytes.iter().take(N - 1).enumerate() {
            self.ids[at] = tables.byte_id(*byte);
            if let Some(next) = bytes.get(at + 1) {
                self.pairs[at] = numbered(tables.byte_pair(*byte, *next), at);
            }
        }
    }

    /// Joins the lowest pair and asks for the pairs that it then makes; false where there is no pair.
    #[inline(always)]
    fn join<L: Level>(&mut self, level: L, tables: &Tables) -> bool {
        let lowest = level.lowest(&self.pairs);
        if lowest == NONE {
            return false;
        }
        let at = lowest & ((1 << PLACE) - 1);
        let id = lowest >> PLACE;
        let after = |alive: u32, at: u32| alive & (u32::MAX << at << 1);
        let joined = after(self.alive, at).trailing_zeros();
        self.alive &= !(1 << (joined & 31));
        let next = after(self.alive, at);
        let before = self.alive & !(u32::MAX << (at & 31));
        self.ids[at as usize % N] = id;
        self.pairs[joined as usize % N] = NONE;
        let seek = |there: u32, key: u64| if there != 0 { tables.seek(key) } else { Sought::NOTHING };
        let next_id = self.ids[next.trailing_zeros() as usize % N];
        let before_at = if before != 0 { 31 - before.leading_zeros() } else { N as u32 - 1 };
        let before_id = self.ids[before_at as usize % N];
        self.changed = [(at, seek(next, pair_key(id, next_id))), (before_at, seek(before, pair_key(before_id, id)))];
        self.changed.iter().for_each(|(_, sought)| level.prefetch(tables.entry(*sought)));
        true
    }

    #[inline(always)]
    fn look_up(&mut self, tables: &Tables) {
        for (at, sought) in self.changed {
            self.pairs[at as usize % N] = numbered(tables.pair_at(sought), at as usize);
        }
    }
}

/// Counts the tokens of several pieces of less than `N` bytes side by side, so that no merge waits for the memory of
/// another.
///
/// `piece` says the next piece and its number, and `done` is told the count of a number.
#[inline(always)]
pub fn count_many<'p, const N: usize, L: Level>(
    level: L,
    tables: &Tables,
    mut pieces: impl Iterator<Item = (u32, &'p [u8])>,
    mut done: impl FnMut(u32, u64),
) {
    let mut lanes = [Lane::<N>::FREE; LANES];
    let mut busy = 0;
    loop {
        while busy < LANES
            && let Some((number, piece)) = pieces.next()
        {
            lanes[busy].fill(tables, piece, number);
            busy += 1;
        }
        if busy == 0 {
            return;
        }
        let mut at = 0;
        while at < busy {
            if lanes[at].join(level, tables) {
                at += 1;
            } else {
                done(lanes[at].piece, u64::from(lanes[at].alive.count_ones()));
                busy -= 1;
                lanes[at] = lanes[busy % LANES];
            }
        }
        lanes[..busy].iter_mut().for_each(|lane| lane.look_up(tables));
    }
}

/// Tokens in a window of `N` bytes, each at the place of its first byte.
struct Row<const N: usize> {
    ids: [u32; N],
    /// Place of the token after, and of the one before.
    next: [u16; N],
    before: [u16; N],
    length: usize,
}

/// Bits of a place in a window.
const PLACE: u32 = WINDOW.trailing_zeros();

impl<const N: usize> Row<N> {
    #[inline(always)]
    fn merged<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> Row<N> {
        let length = piece.len().min(N);
        let mut row = Row { ids: [0; N], next: [0; N], before: [0; N], length };
        // Rank and place in one number, so that the lowest number is the leftmost pair of the lowest rank.
        let mut pairs = [NONE; N];
        for (at, byte) in piece.iter().take(N).enumerate() {
            row.ids[at] = tables.byte_id(*byte);
            row.next[at] = at as u16 + 1;
            row.before[at] = (at as u16).wrapping_sub(1);
            if let Some(next) = piece.get(at + 1) {
                pairs[at] = numbered(tables.byte_pair(*byte, *next), at);
            }
        }
        loop {
            let lowest = level.lowest(&pairs);
            if lowest == NONE {
                return row;
            }
            let at = (lowest & ((1 << PLACE) - 1)) as usize;
            row.join(tables, &mut pairs, at, lowest >> PLACE);
        }
    }

    #[inline(always)]
    fn join(&mut self, tables: &Tables, pairs: &mut [u32; N], at: usize, id: u32) {
        let joined = usize::from(self.next[at]);
        let next = usize::from(self.next[joined]);
        self.ids[at] = id;
        self.next[at] = next as u16;
        pairs[joined] = NONE;
        pairs[at] = NONE;
        if next < self.length {
            self.before[next] = at as u16;
            pairs[at] = numbered(tables.pair(id, self.ids[next]), at);
        }
        if at > 0 {
            let before = usize::from(self.before[at]);
            pairs[before] = numbered(tables.pair(self.ids[before], id), before);
        }
    }

    /// Where the tokens begin.
    #[inline(always)]
    fn starts(&self) -> impl Iterator<Item = usize> {
        let within = |at: usize| (at < self.length).then_some(at);
        std::iter::successors(within(0), move |at| within(usize::from(self.next[*at])))
    }

    #[inline(always)]
    fn count(&self) -> u64 {
        self.starts().count() as u64
    }
}

#[inline(always)]
fn numbered(rank: u32, at: usize) -> u32 {
    if rank == NONE { NONE } else { rank << PLACE | at as u32 }
}

/// Counts window by window.
#[cold]
fn count_long<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> u64 {
    let mut total = 0;
    let mut from = 0;
    let mut last: &[u8] = &[];
    let mut known: (&[u8], &[u8]) = (&[], &[]);
    loop {
        let window = &piece[from..piece.len().min(from + WINDOW)];
        let row = Row::<WINDOW>::merged(level, tables, window);
        let first = row.starts().nth(1).unwrap_or(window.len());
        let border = (last, &window[..first]);
        // A long run of one thing has the same border everywhere.
        if border != known && !agree(level, tables, border.0, border.1) {
            return count_with_heap(tables, piece);
        }
        known = border;
        if from + window.len() == piece.len() {
            return total + row.count();
        }
        let mut kept = (0, 0, 0);
        for (before, at) in row.starts().skip(1).enumerate() {
            if at > window.len() - OVERLAP && before > 0 {
                break;
            }
            kept = (before as u64 + 1, kept.2, at);
        }
        let (tokens, start, end) = kept;
        if tokens == 0 {
            return count_with_heap(tables, piece);
        }
        last = &window[start..end];
        total += tokens;
        from += end;
    }
}

/// Whether two tokens stay as they are when they stand side by side.
fn agree<L: Level>(level: L, tables: &Tables, first: &[u8], second: &[u8]) -> bool {
    if first.is_empty() {
        return true;
    }
    let both = [first, second].concat();
    if both.len() > WINDOW {
        return false;
    }
    let row = Row::<WINDOW>::merged(level, tables, &both);
    row.starts().nth(1) == Some(first.len()) && row.count() == 2
}

/// Counts with the pairs in a heap: time n log n for any piece.
#[cold]
fn count_with_heap(tables: &Tables, piece: &[u8]) -> u64 {
    let end = piece.len();
    let mut ids: Vec<u32> = piece.iter().map(|byte| tables.byte_id(*byte)).collect();
    let mut next: Vec<usize> = (1..=end).collect();
    let mut before: Vec<usize> = (0..end).map(|at| at.wrapping_sub(1)).collect();
    let first_pairs = piece.windows(2).enumerate();
    let pairs = first_pairs.map(|(at, two)| (tables.byte_pair(two[0], two[1]), at)).filter(|(rank, _)| *rank != NONE);
    let mut heap: BinaryHeap<Reverse<(u32, usize)>> = pairs.map(Reverse).collect();
    let mut count = end as u64;
    while let Some(Reverse((rank, at))) = heap.pop() {
        // A pair that has changed since it was put down is passed over.
        let joined = next[at];
        if ids[at] == NONE || joined == end || tables.pair(ids[at], ids[joined]) != rank {
            continue;
        }
        count -= 1;
        (ids[at], ids[joined]) = (rank, NONE);
        let after = next[joined];
        next[at] = after;
        let mut put = |first: usize, second: usize| {
            let rank = tables.pair(ids[first], ids[second]);
            if rank != NONE {
                heap.push(Reverse((rank, first)));
            }
        };
        if after < end {
            before[after] = at;
            put(at, after);
        }
        if at > 0 {
            put(before[at], at);
        }
    }
    count
}
