//! Counts a text batch by batch: split it, look all pieces up, then deal with those that are no tokens.
//!
//! Every step is a loop of its own over the batch, so that the processor works on many pieces at a time: each step
//! asks for the memory that the next one reads, and hardly a branch depends on what a single piece is. Nine of ten
//! pieces of prose are tokens, and need nothing but their key and one look.

use std::ops::Range;

use super::cache::PieceCache;
use super::merge;
use super::simd::{Job, Level};
use super::split::{BATCH, Pattern, ROOM, Walker};
use super::tables::{KEYS, LONG, SHORT, TINY, Tables, hash_bytes, hash_long, hash_short, line};

/// What one thread needs to count with one encoding. Like the cache, it costs nothing but what is used of it.
pub(crate) struct Scratch {
    ends: Box<[u32; ROOM]>,
    keys: Box<[[u64; 2]; ROOM]>,
    /// The line of `short` that holds a piece, if it is a token.
    lines: Box<[u32; ROOM]>,
    /// Hashes of the pieces that are looked for farther.
    hashes: Box<[u64; ROOM]>,
    batch: Lists,
    cache: PieceCache,
}

/// The pieces of a batch that are looked for farther: their numbers, by length.
struct Lists {
    missing: Box<[u32; ROOM]>,
    short: Box<[u32; ROOM]>,
    long: Box<[u32; ROOM]>,
    long_keys: Box<[[u64; 4]; ROOM]>,
}

impl Default for Scratch {
    fn default() -> Self {
        let batch = Lists { missing: zeros(0), short: zeros(0), long: zeros(0), long_keys: zeros([0; 4]) };
        Scratch {
            ends: zeros(0),
            keys: zeros([0; 2]),
            lines: zeros(0),
            hashes: zeros(0),
            batch,
            cache: PieceCache::default(),
        }
    }
}

/// Room for something of every piece, which is not touched before it is used.
fn zeros<T: Copy>(zero: T) -> Box<[T; ROOM]> {
    // Not by way of an array, which would be written to the stack first.
    match vec![zero; ROOM].into_boxed_slice().try_into() {
        Ok(room) => room,
        Err(_) => Box::new([zero; ROOM]),
    }
}

const _: () = assert!(BATCH <= ROOM);

/// Counts the tokens of a text.
pub(crate) struct Count<'a, P> {
    /// The encoding.
    pub tables: &'a Tables<'a>,
    /// The memory of this thread for the encoding.
    pub scratch: &'a mut Scratch,
    /// What to count.
    pub text: &'a str,
    /// How the encoding splits: its type chooses the code.
    #[expect(dead_code, reason = "only its type is of use")]
    pub pattern: P,
}

impl<P: Pattern> Job for Count<'_, P> {
    type Out = u64;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> u64 {
        let Count { tables, scratch, text, .. } = self;
        let mut walker = Walker::new(text);
        let mut total = 0;
        loop {
            let base = walker.at();
            let pieces = walker.fill::<L, P>(level, tables, &mut scratch.ends).min(ROOM);
            if pieces == 0 {
                return total;
            }
            let batch = &text.as_bytes()[base..];
            total += level.run(LookUp { tables, scratch, batch, pieces });
        }
    }
}

/// Counts the tokens of a batch that was split: a job of its own, which is the same for all patterns.
struct LookUp<'a> {
    tables: &'a Tables<'a>,
    scratch: &'a mut Scratch,
    /// The text from the batch on.
    batch: &'a [u8],
    pieces: usize,
}

impl Job for LookUp<'_> {
    type Out = u64;

    #[inline(always)]
    fn run<L: Level>(self, level: L) -> u64 {
        let LookUp { tables, scratch, batch, pieces } = self;
        scratch.find_keys(level, tables, batch, pieces);
        let missing = scratch.look_up(level, tables, pieces);
        let found = (pieces - missing) as u64;
        if missing == 0 { found } else { found + scratch.count_missing(level, tables, batch, missing) }
    }
}

impl Scratch {
    /// Makes the key of every piece and asks for its line.
    #[inline(always)]
    fn find_keys<L: Level>(&mut self, level: L, tables: &Tables, batch: &[u8], pieces: usize) {
        let lines = tables.short;
        let mut start = 0;
        let all = self.ends[..pieces].iter().zip(self.keys.iter_mut()).zip(self.lines.iter_mut());
        for ((end, key), home) in all {
            let end = *end as usize;
            let [low, high] = load16(batch, start);
            let [low_mask, high_mask, tag, _] = KEYS[(end - start).min(SHORT + 1)];
            *key = [low & low_mask, high & high_mask | tag];
            let at = line(hash_short(*key), lines.len());
            level.prefetch(&lines[at]);
            *home = at as u32;
            start = end;
        }
    }

    /// Looks for all keys and says how many are not there; writes down which.
    #[inline(always)]
    fn look_up<L: Level>(&mut self, level: L, tables: &Tables, pieces: usize) -> usize {
        let lines = tables.short;
        let mut missing = 0;
        for (piece, (key, home)) in self.keys[..pieces].iter().zip(self.lines.iter()).enumerate() {
            let held = level.holds(&lines[*home as usize & (lines.len() - 1)], *key);
            self.batch.missing[missing % ROOM] = piece as u32;
            missing += usize::from(!held);
        }
        missing.min(ROOM)
    }

    /// Where a piece begins and ends in its batch.
    #[inline(always)]
    fn span(&self, piece: u32) -> Range<usize> {
        span(&self.ends, piece)
    }

    /// Counts the pieces that no line of `short` holds.
    #[inline(always)]
    fn count_missing<L: Level>(&mut self, level: L, tables: &Tables, batch: &[u8], missing: usize) -> u64 {
        let (mut short, mut long, mut total) = (0, 0, 0);
        for at in 0..missing {
            let piece = self.batch.missing[at];
            let span = self.span(piece);
            if span.len() <= TINY && tables.has_all_tiny {
                total += tables.tiny(self.keys[piece as usize % ROOM][0], span.len());
            } else if span.len() <= SHORT {
                let hash = hash_short(self.keys[piece as usize % ROOM]);
                self.hashes[piece as usize % ROOM] = hash;
                level.prefetch(self.cache.short_line(hash));
                self.batch.short[short] = piece;
                short += 1;
            } else if span.len() <= LONG {
                let key = key_of_long(batch, span);
                let hash = hash_long(key);
                level.prefetch(&tables.long[line(hash, tables.long.len())]);
                level.prefetch(self.cache.long_line(hash));
                self.hashes[piece as usize % ROOM] = hash;
                self.batch.long[long] = piece;
                self.batch.long_keys[piece as usize % ROOM] = key;
                long += 1;
            } else {
                let bytes = &batch[span];
                total += self.cache.wide(bytes, || {
                    if tables.is_rest(bytes, hash_bytes(bytes)) {
                        return 1;
                    }
                    merge::count(level, tables, bytes) + tables.unknown(bytes)
                });
            }
        }
        if short > 0 {
            total += self.count_short(level, tables, batch, short);
        }
        if long > 0 {
            total += self.count_long(level, tables, batch, long);
        }
        total
    }

    #[inline(always)]
    fn count_short<L: Level>(&mut self, level: L, tables: &Tables, batch: &[u8], short: usize) -> u64 {
        let (mut total, mut fresh) = (0, 0);
        for at in 0..short {
            let piece = self.batch.short[at];
            let (hash, key) = (self.hashes[piece as usize % ROOM], self.keys[piece as usize % ROOM]);
            let (held, count) = self.cache.short(hash, key);
            total += count;
            self.batch.short[fresh] = piece;
            fresh += usize::from(!held);
        }
        if fresh == 0 {
            return total;
        }
        for piece in &self.batch.short[..fresh] {
            level.prefetch(tables.rest_slot(self.hashes[*piece as usize % ROOM]));
        }
        let mut merging = 0;
        for at in 0..fresh {
            let piece = self.batch.short[at];
            let (hash, key) = (self.hashes[piece as usize % ROOM], self.keys[piece as usize % ROOM]);
            let is_token = tables.is_rest(&batch[self.span(piece)], hash);
            if is_token {
                self.cache.keep_short(hash, key, 1);
                total += 1;
            }
            self.batch.short[merging] = piece;
            merging += usize::from(!is_token);
        }
        let Scratch { ends, keys, hashes, batch: lists, cache, .. } = self;
        let bytes = |piece: &u32| (*piece, &batch[span(ends, *piece)]);
        merge::merge_many::<16, L>(level, tables, lists.short[..merging].iter().map(bytes), |piece, starts| {
            let count = u64::from(starts.count_ones()) + tables.unknown(bytes(&piece).1);
            cache.keep_short(hashes[piece as usize % ROOM], keys[piece as usize % ROOM], count);
            total += count;
        });
        total
    }

    #[inline(always)]
    fn count_long<L: Level>(&mut self, level: L, tables: &Tables, batch: &[u8], long: usize) -> u64 {
        let (mut total, mut fresh) = (0, 0);
        for at in 0..long {
            let piece = self.batch.long[at];
            let (hash, key) = (self.hashes[piece as usize % ROOM], self.batch.long_keys[piece as usize % ROOM]);
            let is_token = tables.long[line(hash, tables.long.len())].as_chunks::<4>().0.contains(&key);
            let (held, count) = self.cache.long(hash, key);
            total += if is_token { 1 } else { count };
            self.batch.long[fresh] = piece;
            fresh += usize::from(!is_token & !held);
        }
        let mut merging = 0;
        for at in 0..fresh {
            let piece = self.batch.long[at];
            let (hash, key) = (self.hashes[piece as usize % ROOM], self.batch.long_keys[piece as usize % ROOM]);
            let is_token = tables.is_rest(&batch[self.span(piece)], hash);
            if is_token {
                self.cache.keep_long(hash, key, 1);
                total += 1;
            }
            self.batch.long[merging] = piece;
            merging += usize::from(!is_token);
        }
        let Scratch { ends, hashes, batch: lists, cache, .. } = self;
        let bytes = |piece: &u32| (*piece, &batch[span(ends, *piece)]);
        if merging > 0 {
            merge::merge_many::<32, L>(level, tables, lists.long[..merging].iter().map(bytes), |piece, starts| {
                let count = u64::from(starts.count_ones()) + tables.unknown(bytes(&piece).1);
                cache.keep_long(hashes[piece as usize % ROOM], lists.long_keys[piece as usize % ROOM], count);
                total += count;
            });
        }
        total
    }
}

/// The key of a piece of 16 to 30 bytes: all of the first half, and 0 to 14 bytes of the second.
#[inline(always)]
fn key_of_long(batch: &[u8], span: Range<usize>) -> [u64; 4] {
    let [first, second] = load16(batch, span.start);
    let [third, fourth] = load16(batch, span.start + 16);
    let [third_mask, fourth_mask, ..] = KEYS[(span.len() - 16).min(SHORT)];
    [first, second, third & third_mask, fourth & fourth_mask | (span.len() as u64) << 56]
}

#[inline(always)]
fn span(ends: &[u32; ROOM], piece: u32) -> Range<usize> {
    let piece = piece as usize % ROOM;
    let start = if piece == 0 { 0 } else { ends[piece - 1] };
    start as usize..ends[piece] as usize
}

/// Sixteen bytes from a place on, with zeros for what is beyond the end of the text.
#[inline(always)]
fn load16(text: &[u8], at: usize) -> [u64; 2] {
    let words = |bytes: &[u8; 16]| {
        let both = u128::from_le_bytes(*bytes);
        [both as u64, (both >> 64) as u64]
    };
    match text.get(at..at.wrapping_add(16)).and_then(<[u8]>::first_chunk) {
        Some(bytes) => words(bytes),
        None => load_end(text, at),
    }
}

#[cold]
fn load_end(text: &[u8], at: usize) -> [u64; 2] {
    let rest = text.get(at..).unwrap_or_default();
    let mut block = [0; 16];
    let length = rest.len().min(16);
    block[..length].copy_from_slice(&rest[..length]);
    let both = u128::from_le_bytes(block);
    [both as u64, (both >> 64) as u64]
}
