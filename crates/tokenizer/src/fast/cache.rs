//! Remembers the counts of pieces that are no tokens: a fixed number of pieces, each with all its bytes, so that an
//! answer is never a guess. The newest piece of a line pushes out the oldest.

use super::tables::{LONG, Line, SHORT, hash_bytes, line};

/// Lines for pieces of up to [`SHORT`] bytes: 2 MiB.
const SHORT_LINES: usize = 1 << 15;

/// Lines for pieces of up to [`LONG`] bytes: 1 MiB.
const LONG_LINES: usize = 1 << 14;

/// Longer pieces: 256 KiB.
const WIDE_ROOMS: usize = 1 << 11;

/// Longest piece that is remembered.
pub(crate) const WIDE: usize = 120;

/// Longest piece that is remembered until the next one of more than [`WIDE`] bytes: runs of one length often follow each
/// other, and take long to merge.
const LAST: usize = 16 << 10;

/// Where the second word of a short key has its count: the upper half of the last byte, whose lower half is the length.
const SHORT_COUNT: u32 = 60;

/// Where the last word of a long key has its count: the byte before the length.
const LONG_COUNT: u32 = 48;

/// Where the last word of a wide key has its count.
const WIDE_COUNT: u32 = 32;

/// The memory of one thread for one encoding. Its pages cost nothing until they are used.
pub(crate) struct PieceCache {
    short: CacheLines,
    long: CacheLines,
    wide: Vec<[u64; 16]>,
    last: Vec<u8>,
    last_count: u64,
}

impl Default for PieceCache {
    fn default() -> Self {
        let wide = vec![[0; 16]; WIDE_ROOMS];
        let (short, long) = (CacheLines::new(SHORT_LINES), CacheLines::new(LONG_LINES));
        PieceCache { short, long, wide, last: Vec::new(), last_count: 0 }
    }
}

impl PieceCache {
    /// The line of a short key, to ask for it in advance.
    #[inline(always)]
    pub(crate) fn short_line(&self, hash: u64) -> &Line {
        &self.short.lines()[hash as usize & (SHORT_LINES - 1)]
    }

    /// The line of a long key, to ask for it in advance.
    #[inline(always)]
    pub(crate) fn long_line(&self, hash: u64) -> &Line {
        &self.long.lines()[line(hash, LONG_LINES)]
    }

    /// Whether a short piece is held, and its count or zero.
    #[inline(always)]
    pub(crate) fn short(&self, hash: u64, key: [u64; 2]) -> (bool, u64) {
        let add = |(held, count), way: &[u64; 2]| {
            let same = (way[0] ^ key[0]) | (way[1] ^ key[1]) << 4 == 0;
            (held | same, if same { way[1] >> SHORT_COUNT } else { count })
        };
        self.short_line(hash).as_chunks::<2>().0.iter().fold((false, 0), add)
    }

    /// Keeps the count of a short piece, which is at most its [`SHORT`] bytes.
    #[inline(always)]
    pub(crate) fn keep_short(&mut self, hash: u64, key: [u64; 2], count: u64) {
        const { assert!(SHORT < 16) };
        let line = self.short.line_mut(hash as usize & (SHORT_LINES - 1));
        line.copy_within(..6, 2);
        (line[0], line[1]) = (key[0], key[1] | (count & 0xf) << SHORT_COUNT);
    }

    /// Whether a long piece is held, and its count or zero.
    #[inline(always)]
    pub(crate) fn long(&self, hash: u64, key: [u64; 4]) -> (bool, u64) {
        const COUNT: u64 = 0xff << LONG_COUNT;
        let add = |(held, count), way: &[u64; 4]| {
            let first = (way[0] ^ key[0]) | (way[1] ^ key[1]);
            let same = first | (way[2] ^ key[2]) | (way[3] ^ key[3]) & !COUNT == 0;
            (held | same, if same { way[3] >> LONG_COUNT & 0xff } else { count })
        };
        self.long_line(hash).as_chunks::<4>().0.iter().fold((false, 0), add)
    }

    /// Keeps the count of a long piece, which is at most its [`LONG`] bytes.
    #[inline(always)]
    pub(crate) fn keep_long(&mut self, hash: u64, key: [u64; 4], count: u64) {
        const { assert!(LONG < 256) };
        let line = self.long.line_mut(line(hash, LONG_LINES));
        line.copy_within(..4, 4);
        line[..4].copy_from_slice(&key);
        line[3] |= (count & 0xff) << LONG_COUNT;
    }

    /// The count of a piece of more than [`LONG`] bytes, or what `count` says, which is kept.
    pub(crate) fn wide(&mut self, piece: &[u8], count: impl FnOnce() -> u64) -> u64 {
        if piece.len() > WIDE {
            if self.last != piece {
                self.last_count = count();
                self.last.clear();
                self.last.extend_from_slice(if piece.len() > LAST { &[] } else { piece });
            }
            return self.last_count;
        }
        let mut key = [0; 16];
        for (word, bytes) in key.iter_mut().zip(piece.chunks(8)) {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(eight);
        }
        key[15] = piece.len() as u64;
        let room = &mut self.wide[hash_bytes(piece) as usize & (WIDE_ROOMS - 1)];
        if room[..15] == key[..15] && room[15] as u32 == key[15] as u32 {
            return room[15] >> WIDE_COUNT;
        }
        let count = count();
        *room = key;
        room[15] |= count << WIDE_COUNT;
        count
    }
}

/// Lines of 64 bytes that begin at multiples of 64.
///
/// The memory is asked for with the alignment of a word and the beginning moved: zeroed memory of a higher alignment
/// is written to at once, and this way a page is not touched before it is used.
struct CacheLines {
    words: Vec<u64>,
    from: usize,
}

impl CacheLines {
    fn new(count: usize) -> Self {
        let words = vec![0; (count + 1) * 8];
        let from = words.as_ptr().align_offset(64) % 8;
        CacheLines { words, from }
    }

    #[inline(always)]
    fn lines(&self) -> &[Line] {
        self.words[self.from..].as_chunks().0
    }

    #[inline(always)]
    fn line_mut(&mut self, at: usize) -> &mut Line {
        &mut self.words[self.from..].as_chunks_mut().0[at]
    }
}
