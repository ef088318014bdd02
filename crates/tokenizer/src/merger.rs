//! Joins the units of a piece by ranks that are looked up in a [`Vocabulary`]: the obvious way, which takes any
//! vocabulary and builds nothing first.
//!
//! [`Merger`] serves vocabularies that [`fast`](super::fast) does not take, and is what `fast` is compared with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocab::Vocabulary;

/// Units up to which a scan for the lowest rank is faster than a heap.
const SCAN: usize = 48;

/// Units of a long piece that are merged at a time.
const WINDOW: usize = 32;

/// Tokens before a window that are merged with it again, at first.
const AGAIN: usize = 2;

/// No pair.
const NONE: u32 = u32::MAX;

/// Joins the units of a piece; kept between pieces for its memory.
///
/// A short piece is scanned for its lowest pair again and again, which is quadratic but quick. A long one is merged
/// window by window, so that it takes time linear in its length and stays in the processor's cache.
///
/// Why windows give the tokens of the whole: tokens *t₁ … tₙ* are what merging makes of a text if and only if merging
/// makes *tᵢ tᵢ₊₁* out of each two neighbours alone. For merging goes the same way in the text and in the two alone
/// until the first time that a pair is joined across a border of theirs: the same pairs are there, in the same order of
/// ranks. So where the tokens before a window are merged with it again and the first of them comes out as it was, all
/// neighbours are ones that merging makes, and the tokens are those of the whole. Where it does not, more tokens are
/// taken back. How many that may be depends on the vocabulary and not on the text.
#[derive(Default)]
pub(crate) struct Merger {
    /// Where the tokens of what is merged begin, and where it ends.
    starts: Vec<u32>,
    /// Where the units of a long piece begin, and where it ends.
    units: Vec<u32>,
    window: Window,
    /// What the last windows became, in a ring: a run of one character is the same window again and again.
    seen: [SeenPieces; 8],
    oldest: usize,
}

/// A window and where its tokens begin, from its own start.
#[derive(Default)]
struct SeenPieces {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Merger {
    /// Merges a piece whose units begin at `starts`, and says where the tokens begin.
    ///
    /// * `piece`: up to 4 GiB of bytes.
    /// * `starts`: ascending, from 0: every byte for a byte-level vocabulary, every character for the others.
    pub(crate) fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], starts: impl Iterator<Item = u32>) -> &[u32] {
        let Merger { starts: tokens, units, window, seen, oldest } = self;
        units.clear();
        units.extend(starts);
        units.push(piece.len() as u32);
        if units.len() <= SCAN {
            return window.merge(vocabulary, piece, units);
        }
        tokens.clear();
        tokens.push(0);
        let mut done = 0;
        let mut step = WINDOW;
        while done + 1 < units.len() {
            let end = (done + step).min(units.len() - 1);
            let mut again = AGAIN;
            let widest = loop {
                let first = (tokens.len() - 1).saturating_sub(again);
                let back = units[..=done].iter().rev().position(|unit| *unit <= tokens[first]).unwrap_or(done);
                let from = done - back;
                let (merged, shift) = merge_once(seen, oldest, window, vocabulary, piece, &units[from..=end]);
                // Whether the first token ends where it did before.
                if first == 0 || merged.get(1).map(|start| start + shift) == tokens.get(first + 1).copied() {
                    tokens.truncate(first);
                    tokens.extend(merged.iter().map(|start| start + shift));
                    tokens.push(units[end]);
                    break done - from;
                }
                again *= 2;
            };
            done = end;
            // What is merged again should be the smaller part, even where tokens are as long as a window.
            step = WINDOW.max(2 * widest);
        }
        tokens.pop();
        tokens
    }
}

/// Merges a window, or remembers what it became; the answer is good until the next call.
fn merge_once<'a>(
    seen: &'a mut [SeenPieces],
    oldest: &mut usize,
    window: &mut Window,
    vocabulary: &Vocabulary,
    piece: &[u8],
    units: &[u32],
) -> (&'a [u32], u32) {
    let (first, last) = (units[0], units[units.len() - 1]);
    let bytes = &piece[first as usize..last as usize];
    let place = seen.iter().position(|seen| seen.bytes == bytes).unwrap_or_else(|| {
        *oldest = (*oldest + 1) % seen.len();
        let seen = &mut seen[*oldest];
        seen.bytes.clear();
        seen.bytes.extend_from_slice(bytes);
        seen.starts.clear();
        seen.starts.extend(window.merge(vocabulary, piece, units).iter().map(|start| start - first));
        *oldest
    });
    (&seen[place].starts, first)
}

/// Merges a few units.
#[derive(Default)]
struct Window {
    /// Where the tokens begin, and at last where the window ends.
    starts: Vec<u32>,
    /// Rank of what a token and the next one make.
    ranks: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    next: Vec<u32>,
    before: Vec<u32>,
}

impl Window {
    /// Merges the units that begin at `units`, of which the last is only an end.
    fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], units: &[u32]) -> &[u32] {
        self.starts.clear();
        self.starts.extend_from_slice(units);
        self.ranks.clear();
        self.ranks.extend(units.windows(3).map(|unit| rank(vocabulary, piece, unit[0], unit[2])));
        self.ranks.push(NONE);
        if units.len() <= 2 * SCAN {
            self.scan(vocabulary, piece);
        } else {
            self.pick_from_heap(vocabulary, piece);
        }
        self.starts.pop();
        &self.starts
    }

    fn scan(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let Window { starts, ranks, .. } = self;
        while let Some(at) = lowest(ranks) {
            starts.remove(at + 1);
            ranks.remove(at + 1);
            let pair = |at: usize| match starts.get(at + 2) {
                Some(end) => rank(vocabulary, piece, starts[at], *end),
                None => NONE,
            };
            ranks[at] = pair(at);
            if let Some(before) = at.checked_sub(1) {
                ranks[before] = pair(before);
            }
        }
    }

    fn pick_from_heap(&mut self, vocabulary: &Vocabulary, piece: &[u8]) {
        let Window { starts, ranks, heap, next, before } = self;
        let end = starts.len() as u32 - 1;
        next.clear();
        next.extend(1..=end);
        before.clear();
        before.extend((0..end).map(|at| at.wrapping_sub(1)));
        let mut pairs = std::mem::take(heap).into_vec();
        pairs.extend((0..end).zip(&*ranks).filter(|(_, rank)| **rank != NONE).map(|(at, rank)| Reverse((*rank, at))));
        *heap = pairs.into();
        while let Some(Reverse((lowest, at))) = heap.pop() {
            // A pair that has changed since has another rank: no two tokens have the same.
            if ranks[at as usize] != lowest {
                continue;
            }
            let joined = next[at as usize];
            let after = next[joined as usize];
            next[at as usize] = after;
            ranks[joined as usize] = NONE;
            if after < end {
                before[after as usize] = at;
            }
            for first in [Some(at), (at > 0).then(|| before[at as usize])].into_iter().flatten() {
                let second = next[first as usize];
                let pair = if second == end {
                    NONE
                } else {
                    rank(vocabulary, piece, starts[first as usize], starts[next[second as usize] as usize])
                };
                ranks[first as usize] = pair;
                if pair != NONE {
                    heap.push(Reverse((pair, first)));
                }
            }
        }
        let (mut at, mut kept) = (0, 0);
        while at < end {
            starts[kept] = starts[at as usize];
            kept += 1;
            at = next[at as usize];
        }
        starts[kept] = starts[end as usize];
        starts.truncate(kept + 1);
    }
}

/// The place of the lowest rank, the leftmost of equals.
fn lowest(ranks: &[u32]) -> Option<usize> {
    let lowest = ranks.iter().copied().min().filter(|rank| *rank != NONE)?;
    ranks.iter().position(|rank| *rank == lowest)
}

fn rank(vocabulary: &Vocabulary, piece: &[u8], start: u32, end: u32) -> u32 {
    vocabulary.rank(&piece[start as usize..end as usize]).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::super::vocab::{LOOKED_UP, frames};
    use super::*;
    use farebox_testing::hard_texts;

    /// Merging as its definition has it: the lowest pair of the whole, the leftmost of equals, again and again.
    fn defined(vocabulary: &Vocabulary, piece: &[u8]) -> Vec<u32> {
        let mut starts: Vec<u32> = (0..=piece.len() as u32).collect();
        loop {
            let pairs = starts.windows(3).enumerate();
            let ranked = pairs.map(|(at, ends)| (rank(vocabulary, piece, ends[0], ends[2]), at));
            match ranked.filter(|(rank, _)| *rank != NONE).min() {
                Some((_, at)) => starts.remove(at + 1),
                None => break,
            };
        }
        starts.pop();
        starts
    }

    /// Tokens that are looked up while a piece is merged: the work, without the noise of a clock.
    fn looked_up(vocabulary: &Vocabulary, piece: &str) -> u64 {
        let before = LOOKED_UP.with(Cell::get);
        Merger::default().merge(vocabulary, piece.as_bytes(), piece.char_indices().map(|(at, _)| at as u32));
        LOOKED_UP.with(Cell::get) - before
    }

    #[test]
    #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
    fn no_piece_makes_more_work_than_its_length() {
        let lengths = [1 << 15, 1 << 17];
        let texts = lengths.map(hard_texts::texts);
        for frame in [frames::R50K_BASE, frames::O200K_BASE, frames::DEEPSEEK_V3, frames::GEMMA4, frames::MISTRAL_SPM] {
            let vocabulary = Vocabulary::unpack(&[frame]).unwrap();
            for ((about, short), (_, long)) in texts[0].iter().zip(&texts[1]) {
                let (a, b) = (looked_up(&vocabulary, short), looked_up(&vocabulary, long));
                // Each byte begins a pair once and each of at most as many merges makes two; windows overlap.
                assert!(b <= 12 * long.len() as u64, "{about}: {b} for {} bytes", long.len());
                assert!(b <= 6 * a + 4_000, "{about}: {a}, then {b} for four times the text");
            }
        }
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(24))]
        #[test]
        #[cfg_attr(not(feature = "open-models"), ignore = "needs the feature open-models")]
        fn windows_give_the_tokens_of_the_whole(
            units in prop::collection::vec(prop::sample::select(vec!["a", "ab", " ", "=", "0", "th", "\n", "\u{301}", "\u{4e2d}", "A"]), 1..6),
            times in 1usize..400,
            end in "[a-z =]{0,40}",
        ) {
            let piece = units.concat().repeat(times) + &end;
            let piece = &piece.as_bytes()[..piece.len().min(700)];
            for frame in [frames::CL100K_BASE, frames::CLAUDE_LEGACY, frames::DEEPSEEK_V3] {
                let vocabulary = Vocabulary::unpack(&[frame]).unwrap();
                let mut merger = Merger::default();
                prop_assert_eq!(merger.merge(&vocabulary, piece, 0..piece.len() as u32), defined(&vocabulary, piece));
            }
        }
    }
}
