//! The piece list of one generation, and the cheapest way to write a marked text with it.
//!
//! A piece is a text with marks: where a word begins (*open*), where it ends (*close*), and that its first letter or
//! all its letters are capitals. The file keeps each text once, with the forms it comes in as bits; so does the trie.
//!
//! The packed file is one zlib stream that holds, with little-endian numbers: the number of texts and of byte prefixes
//! (u32 each); for every text, in byte order, the bytes it shares with the one before (u8), the bytes that follow (u8)
//! and its forms (u8), each as one column; the bytes that follow, end to end; then the byte prefixes, each as its
//! length (u8) and its bytes. `crates/tokenizer/examples/pack_claude.rs` writes it.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::memo::{Memo, MemoKey};

/// Forms that a piece comes in.
const PLAIN: u8 = 1;
const CLOSED: u8 = 2;
const OPENED: u8 = 4;
const WHOLE: u8 = 8;
const SHIFTED: u8 = 16;
const SHIFTED_WHOLE: u8 = 32;
const CAPITALS: u8 = 64;
const CAPITALS_WHOLE: u8 = 128;

/// The longest piece that the search allows for, in bytes; a power of two.
const LONGEST: usize = 256;
/// A text up to here needs no longer window than this; a power of two.
const SHORT: usize = 32;

/// The marks before a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum VocabularyHead {
    /// None.
    #[default]
    Bare,
    /// A word begins.
    Open,
    /// A word begins with a capital.
    Shift,
    /// A word of capitals begins.
    Caps,
}

impl VocabularyHead {
    /// What the marks cost when no piece covers them.
    const fn marks(self) -> u32 {
        match self {
            VocabularyHead::Bare => 0,
            VocabularyHead::Open => 1,
            VocabularyHead::Shift | VocabularyHead::Caps => 2,
        }
    }

    /// The cost up to the end of a first piece that comes in these forms.
    ///
    /// `forms` has the forms without the closing mark in the even bits.
    fn first_piece(self, forms: u8) -> Option<u32> {
        let all = match self {
            VocabularyHead::Bare | VocabularyHead::Open => 0,
            VocabularyHead::Shift => SHIFTED,
            VocabularyHead::Caps => CAPITALS,
        };
        if forms & all != 0 {
            Some(1)
        } else if forms & OPENED != 0 && self != VocabularyHead::Bare {
            Some(self.marks())
        } else if forms & PLAIN != 0 {
            Some(self.marks() + 1)
        } else {
            None
        }
    }
}

/// Moves the forms with the closing mark to where those without it are.
const fn closed(forms: u8) -> u8 {
    (forms & (CLOSED | WHOLE | SHIFTED_WHOLE | CAPITALS_WHOLE)) >> 1
}

/// Why a packed vocabulary cannot be read.
#[derive(Debug)]
pub(super) struct Damaged;

/// The pieces of one generation.
pub(super) struct Vocabulary {
    trie: Trie,
    /// Byte prefixes that are one token, as numbers (see [`prefix_key`]), in order.
    byte_prefixes: Vec<u32>,
    /// For every ASCII character the longest run of it that is a piece, or 0.
    longest_run: [u16; 128],
    /// What the memory of a thread for this vocabulary is found by.
    number: usize,
}

impl Vocabulary {
    /// Unpacks a vocabulary.
    pub(super) fn unpack(packed: &[u8]) -> Result<Self, Damaged> {
        let mut bytes = Vec::new();
        flate2::read::ZlibDecoder::new(packed).read_to_end(&mut bytes).map_err(|_| Damaged)?;
        let mut file = Columns(&bytes);
        let (texts, prefixes) = (file.number()?, file.number()?);
        let (shared, added, forms) = (file.take(texts)?, file.take(texts)?, file.take(texts)?);
        // All texts end to end: one by one, they took a third of the time.
        let (mut all, mut start) = (Vec::with_capacity(8 * texts), 0);
        let mut pieces = Vec::with_capacity(texts);
        let mut longest_run = [0; 128];
        for ((shared, added), forms) in shared.iter().zip(added).zip(forms) {
            let before = start..start + usize::from(*shared);
            start = all.len();
            if before.end > start {
                return Err(Damaged);
            }
            all.extend_from_within(before);
            all.extend_from_slice(file.take(usize::from(*added))?);
            let text = &all[start..];
            if text.is_empty() || text.len() >= LONGEST {
                return Err(Damaged);
            }
            if let (Some(longest), true) =
                (longest_run.get_mut(usize::from(text[0])), forms & PLAIN != 0 && is_run(text))
            {
                *longest = (*longest).max(text.len() as u16);
            }
            pieces.push(Piece { start, end: all.len(), forms: *forms });
        }
        let mut byte_prefixes = Vec::with_capacity(prefixes);
        for _ in 0..prefixes {
            let length = file.take(1)?[0];
            byte_prefixes.push(prefix_key(file.take(usize::from(length))?));
        }
        byte_prefixes.sort_unstable();
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Vocabulary { trie: Trie::new(&all, &pieces), byte_prefixes, longest_run, number })
    }

    /// What the memory of a thread for this vocabulary is found by: see [`memo`](super::memo).
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// [`cost`](Self::cost), remembered where the text is short.
    #[inline]
    pub(super) fn cost_with(&self, memo: &mut Memo, head: VocabularyHead, text: &str, close: bool) -> u64 {
        match MemoKey::of(head as u8, text, close) {
            Some(key) => memo.cost(key, || self.cost(head, text, close)),
            None => self.cost(head, text, close),
        }
    }

    /// The least number of tokens that write `text` with these marks.
    ///
    /// It is the shortest path over the places of the text, where a piece is a step of cost 1, and a character that is
    /// no piece costs what its bytes cost. `text` has to be less than 4 GiB long.
    pub(super) fn cost(&self, head: VocabularyHead, text: &str, close: bool) -> u64 {
        #[cfg(test)]
        WORK.with(|work| work.set(work.get() + text.len() as u64));
        if text.is_empty() {
            return u64::from(head.marks()) + u64::from(close);
        }
        let (text, saved) = self.shorten(text);
        let forms = self.trie.get(text.as_bytes());
        if head.first_piece(if close { closed(forms) } else { forms }) == Some(1) {
            return saved + 1;
        }
        saved + u64::from(self.shortest_path(head, text, close))
    }

    fn shortest_path(&self, head: VocabularyHead, text: &str, close: bool) -> u32 {
        const NEVER: u32 = u32::MAX / 2;
        let bytes = text.as_bytes();
        // The least cost up to each place: no piece reaches farther than this window. A short text needs less of it.
        let (mut short, mut long);
        let best: &mut [u32] = if bytes.len() < SHORT {
            short = [NEVER; SHORT];
            &mut short
        } else {
            long = [NEVER; LONGEST];
            &mut long
        };
        let mask = best.len() - 1;
        let mut end = NEVER;
        for (at, c) in text.char_indices() {
            let here = std::mem::replace(&mut best[at & mask], NEVER);
            // Every character is a step at least, so every place is reached; 0 stands for the start.
            let here = if at == 0 { 0 } else { here };
            let step = |forms: u8| match at {
                0 => head.first_piece(forms),
                _ => (forms & PLAIN != 0).then_some(1),
            };
            let next = at + c.len_utf8();
            let mut unit = None;
            self.trie.walk(&bytes[at..], |length, forms| {
                let place = at + length;
                if let Some(cost) = step(forms) {
                    let best = &mut best[place & mask];
                    *best = (*best).min(here + cost);
                }
                if place == next && forms & PLAIN != 0 {
                    unit = Some(());
                }
                if close
                    && place == bytes.len()
                    && let Some(cost) = step(closed(forms))
                {
                    end = end.min(here + cost);
                }
            });
            if unit.is_none() {
                let marks = if at == 0 { head.marks() } else { 0 };
                let best = &mut best[next & mask];
                *best = (*best).min(here + marks + self.bytes_of(c));
            }
        }
        end.min(best[bytes.len() & mask] + u32::from(close))
    }

    /// Tokens of a character that is no piece: its longest prefix that is a token, then byte by byte.
    fn bytes_of(&self, c: char) -> u32 {
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        let prefix = (2..=bytes.len())
            .rev()
            .find(|length| self.byte_prefixes.binary_search(&prefix_key(&bytes[..*length])).is_ok())
            .unwrap_or(1);
        (bytes.len() - prefix + 1) as u32
    }

    /// Cuts a long run of one ASCII character shorter; says by how many tokens the rest is cheaper.
    ///
    /// Let the longest piece of the character be L long. Of any L pieces some add up to a multiple of L (two of the
    /// sums of the first 0, 1, … L of them leave the same remainder), and pieces of length L write the same with no
    /// more tokens. So a cheapest way exists with fewer than L shorter pieces, which cover less than L·L; the pieces
    /// that carry the marks, one at each end, cover less than 2·[`LONGEST`]. What is longer than both together has a
    /// piece of length L in it, and taking that away saves just one token.
    fn shorten<'t>(&self, text: &'t str) -> (&'t str, u64) {
        let bytes = text.as_bytes();
        let longest = usize::from(self.longest_run.get(usize::from(bytes[0])).copied().unwrap_or(0));
        let enough = longest * longest + 2 * LONGEST;
        if longest < 2 || bytes.len() <= enough || !is_run(bytes) {
            return (text, 0);
        }
        let saved = (bytes.len() - enough) / longest;
        (&text[..bytes.len() - saved * longest], saved as u64)
    }
}

#[cfg(test)]
thread_local! {
    /// Bytes that were looked for a cheapest way of, and steps that this took: what a count costs, on any machine.
    pub(super) static WORK: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn is_run(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == bytes[0])
}

/// A number for up to three bytes; no two prefixes share one, because none begins with a zero byte.
fn prefix_key(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |key, byte| key << 8 | u32::from(*byte))
}

/// What is left of an unpacked file.
struct Columns<'b>(&'b [u8]);

impl<'b> Columns<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], Damaged> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<usize, Damaged> {
        let bytes = self.take(4)?.try_into().map_err(|_| Damaged)?;
        Ok(u32::from_le_bytes(bytes) as usize)
    }
}

/// A trie as a double array: the child of node `n` by byte `b` is the cell `base(n) + b`, if that cell names `n`.
struct Trie {
    cells: Vec<VocabularyCell>,
}

/// Where a text stands among all, and its forms.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    forms: u8,
}

#[derive(Clone, Copy)]
struct VocabularyCell {
    base: u32,
    parent: u32,
    forms: u8,
}

impl VocabularyCell {
    const FREE: u32 = u32::MAX;
    const EMPTY: VocabularyCell = VocabularyCell { base: 0, parent: VocabularyCell::FREE, forms: 0 };
}

impl Trie {
    /// Builds the trie of texts in byte order, none of them empty and none twice.
    fn new(texts: &[u8], pieces: &[Piece]) -> Self {
        let mut trie = Trie { cells: vec![VocabularyCell::EMPTY; 512] };
        trie.cells[0].parent = 0;
        let mut starts = [1; 9];
        let mut nodes = vec![(0usize, 0usize, pieces)];
        let mut labels = Vec::new();
        while let Some((node, depth, mut pieces)) = nodes.pop() {
            if let Some((piece, rest)) = pieces.split_first()
                && piece.end - piece.start == depth
            {
                trie.cells[node].forms = piece.forms;
                pieces = rest;
            }
            let label = |piece: &Piece| texts[piece.start + depth];
            let groups = || pieces.chunk_by(|a, b| label(a) == label(b));
            labels.clear();
            labels.extend(groups().map(|group| label(&group[0])));
            if labels.is_empty() {
                continue;
            }
            let base = trie.room_for(&labels, &mut starts);
            trie.cells[node].base = base as u32;
            for group in groups() {
                let child = base + usize::from(label(&group[0]));
                trie.cells[child].parent = node as u32;
                nodes.push((child, depth + 1, group));
            }
        }
        trie
    }

    /// A base at which the cells for all labels are free.
    ///
    /// The search goes on from where the last node with as many children found room, and never back: the gaps that
    /// this leaves are few, and searching from the start takes seconds.
    fn room_for(&mut self, labels: &[u8], starts: &mut [usize; 9]) -> usize {
        let start = &mut starts[labels.len().min(8)];
        loop {
            if *start + 256 > self.cells.len() {
                self.cells.resize(*start + 4096, VocabularyCell::EMPTY);
            }
            if labels.iter().all(|label| self.cells[*start + usize::from(*label)].parent == VocabularyCell::FREE) {
                return *start;
            }
            *start += 1;
        }
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let child = self.cells[node].base as usize + usize::from(byte);
        (self.cells.get(child)?.parent as usize == node && child != 0).then_some(child)
    }

    /// Shows every piece that the bytes begin with: its length and its forms.
    fn walk(&self, bytes: &[u8], mut see: impl FnMut(usize, u8)) {
        let mut node = 0;
        for (i, byte) in bytes.iter().enumerate() {
            let Some(child) = self.child(node, *byte) else { return };
            node = child;
            #[cfg(test)]
            WORK.with(|work| work.set(work.get() + 1));
            let forms = self.cells[node].forms;
            if forms != 0 {
                see(i + 1, forms);
            }
        }
    }

    /// The forms of one text; none when it is no piece.
    fn get(&self, bytes: &[u8]) -> u8 {
        let end = bytes.iter().try_fold(0, |node, byte| self.child(node, *byte));
        end.map_or(0, |node| self.cells[node].forms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_cut_shorter_costs_what_the_search_finds() {
        let packed = farebox_data::CLAUDE_V3;
        let vocabulary = Vocabulary::unpack(packed).expect("unpacks");
        for (unit, head, close, length) in [
            ("\n", VocabularyHead::Bare, false, 17_200),
            (".", VocabularyHead::Open, true, 17_100),
            ("=", VocabularyHead::Open, false, 9_001),
        ] {
            let run = unit.repeat(length);
            assert!(vocabulary.shorten(&run).1 > 0, "{unit:?}");
            let found = vocabulary.shortest_path(head, &run, close);
            assert_eq!(vocabulary.cost(head, &run, close), u64::from(found), "{unit:?}");
        }
    }

    #[test]
    fn pieces_cost_one_and_the_rest_falls_to_bytes() {
        let packed = farebox_data::CLAUDE_V4_7;
        let vocabulary = Vocabulary::unpack(packed).expect("unpacks");
        assert_eq!(vocabulary.cost(VocabularyHead::Open, "the", true), 1);
        assert_eq!(vocabulary.cost(VocabularyHead::Open, "", false), 1);
        assert_eq!(vocabulary.cost(VocabularyHead::Bare, "", false), 0);
        assert_eq!(vocabulary.cost(VocabularyHead::Bare, "\u{1f9ff}", false), 3); // its first two bytes are one token
    }
}
