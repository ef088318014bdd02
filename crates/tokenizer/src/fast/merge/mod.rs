//! Counts the tokens of a piece that is no token: of all neighbours that make a token, the pair of the lowest rank is
//! joined, the leftmost first, until no pair is left.
//!
//! A piece of up to 64 bytes is merged in an array: each round looks for the lowest pair in it. Several such pieces are
//! merged side by side ([`merge_many`]), and a longer piece block by block ([`long`]).
//!
//! What is merged are bytes, or the characters of a vocabulary that has no bytes; either lies at the place of its first
//! byte. The time grows no faster than n log n.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

mod long;

use super::simd::Level;
use super::tables::{NONE, Sought, Tables, pair_key};

/// Bytes that are merged at once at most.
pub(crate) const WINDOW: usize = 512;

/// Counts the tokens of a piece.
#[inline(always)]
pub(crate) fn count<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> u64 {
    match piece.len() {
        0..=16 => MergeRow::<16>::merged(level, tables, piece).count(),
        17..=32 => MergeRow::<32>::merged(level, tables, piece).count(),
        33..=64 => MergeRow::<64>::merged(level, tables, piece).count(),
        _ => long::count(level, tables, piece),
    }
}

/// Pieces that are merged side by side.
pub(crate) const LANES: usize = 16;

/// One of several pieces of less than `N` bytes that are merged side by side.
#[derive(Clone, Copy)]
struct Lane<const N: usize> {
    ids: [u32; N],
    /// Rank and place of each pair, as in [`MergeRow`]. The last never holds one: it is written to in the place of others.
    pairs: [u32; N],
    /// One bit for the place of each token.
    alive: u64,
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
        self.alive = 0;
        each_unit(tables, &bytes[..bytes.len().min(N - 1)], |at, id, pair| {
            self.ids[at % N] = id;
            self.alive |= 1 << (at & 63);
            self.pairs[at % N] = pair;
        });
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
        let after = |alive: u64, at: u32| alive & (u64::MAX << (at & 63) << 1);
        let joined = after(self.alive, at).trailing_zeros();
        self.alive &= !(1 << (joined & 63));
        let next = after(self.alive, at);
        let before = self.alive & !(u64::MAX << (at & 63));
        self.ids[at as usize % N] = id;
        self.pairs[joined as usize % N] = NONE;
        let seek = |there: u64, key: u64| if there != 0 { tables.seek(key) } else { Sought::NOTHING };
        let next_id = self.ids[next.trailing_zeros() as usize % N];
        let before_at = if before != 0 { 63 - before.leading_zeros() } else { N as u32 - 1 };
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

/// Merges several pieces of less than `N` bytes side by side, so that no merge waits for the memory of another.
///
/// `piece` says the next piece and its number, and `done` is told the number and where tokens begin, one bit a byte.
#[inline(always)]
pub(crate) fn merge_many<'p, const N: usize, L: Level>(
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
                done(lanes[at].piece, lanes[at].alive);
                busy -= 1;
                lanes[at] = lanes[busy % LANES];
            }
        }
        lanes[..busy].iter_mut().for_each(|lane| lane.look_up(tables));
    }
}

/// Calls `put` with the place of every unit of a piece, its id, and the number of the pair that it begins.
#[inline(always)]
fn each_unit(tables: &Tables, piece: &[u8], mut put: impl FnMut(usize, u32, u32)) {
    if !tables.merges_chars() {
        for (at, byte) in piece.iter().enumerate() {
            let pair = piece.get(at + 1).map_or(NONE, |next| numbered(tables.byte_pair(*byte, *next), at));
            put(at, tables.byte_id(*byte), pair);
        }
        return;
    }
    let (mut id, mut length) = tables.char_id(piece);
    let mut at = 0;
    while at < piece.len() {
        let rest = piece.get(at + length..).unwrap_or_default();
        let (next, next_length) = tables.char_id(rest);
        put(at, id, numbered(tables.pair(id, next), at));
        at += length;
        (id, length) = (next, next_length);
    }
}

/// Tokens in a window of `N` bytes, each at the place of its first byte.
pub(crate) struct MergeRow<const N: usize> {
    ids: [u32; N],
    /// Place of the token after, and of the one before.
    next: [u16; N],
    before: [u16; N],
    length: usize,
}

/// Bits of a place in a window.
const PLACE: u32 = WINDOW.trailing_zeros();

impl<const N: usize> MergeRow<N> {
    /// Merges up to `N` bytes.
    #[inline(always)]
    pub(crate) fn merged<L: Level>(level: L, tables: &Tables, piece: &[u8]) -> MergeRow<N> {
        let piece = &piece[..piece.len().min(N)];
        let mut row = MergeRow { ids: [0; N], next: [0; N], before: [0; N], length: piece.len() };
        // Rank and place in one number, so that the lowest number is the leftmost pair of the lowest rank.
        let mut pairs = [NONE; N];
        let mut last = 0;
        each_unit(tables, piece, |at, id, pair| {
            row.ids[at] = id;
            row.next[last] = at as u16;
            row.before[at] = last as u16;
            row.next[at] = piece.len() as u16;
            pairs[at] = pair;
            last = at;
        });
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

    /// Bytes that were merged.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Where the tokens begin.
    #[inline(always)]
    pub(crate) fn starts(&self) -> impl Iterator<Item = usize> {
        let within = |at: usize| (at < self.length).then_some(at);
        std::iter::successors(within(0), move |at| within(usize::from(self.next[*at])))
    }

    /// How many there are.
    #[inline(always)]
    pub(crate) fn count(&self) -> u64 {
        self.starts().count() as u64
    }
}

#[inline(always)]
fn numbered(rank: u32, at: usize) -> u32 {
    if rank == NONE { NONE } else { rank << PLACE | at as u32 }
}

/// Where the tokens of a piece begin, merged with the pairs in a heap: time n log n for any piece.
#[cold]
pub(crate) fn starts_with_heap(tables: &Tables, piece: &[u8]) -> Vec<usize> {
    let end = piece.len();
    let (mut ids, mut next, mut before) = (vec![NONE; end], vec![end; end], vec![0; end]);
    let mut last = 0;
    let mut heap = BinaryHeap::new();
    each_unit(tables, piece, |at, id, _| {
        ids[at] = id;
        (next[last], next[at], before[at]) = (at, end, last);
        if at > 0 {
            let rank = tables.pair(ids[last], id);
            if rank != NONE {
                heap.push(Reverse((rank, last)));
            }
        }
        last = at;
    });
    while let Some(Reverse((rank, at))) = heap.pop() {
        // A pair that has changed since it was put down is passed over.
        let joined = next[at];
        if ids[at] == NONE || joined == end || tables.pair(ids[at], ids[joined]) != rank {
            continue;
        }
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
    let within = |at: usize| (at < end).then_some(at);
    std::iter::successors(within(0), |at| within(next[*at])).collect()
}
