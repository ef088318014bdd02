//! Lays out the tokens of a vocabulary as [`Tables`](super::tables::Tables) reads them.
//!
//! The build does this for the encodings that are embedded, and the program at first use for the others. Begin at
//! [`make`] and [`make_of`]; the parts are made one by one below.

use super::find::{self, Units, byte_ids, char_ids};
use super::pairs;
use super::tables::{
    CHAR_BITS, FOLLOWS, HAS_ALL_TINY, HEADER, ID_BITS, KEEPS_LAST, LONG, NONE, PAGE, PAGES, PARTS, SHORT, TINY,
    TablePart, VERSION, char_pair, follow_bit, hash_long, hash_piece, hash_short, head_bit, line, long_key, pair_key,
    short_key, tail_bit,
};
use crate::merges::{self, Merges};

/// Words of a cache line.
const LINE: usize = 8;

/// Lays out the tokens, which stand in the order of their ranks, or `None` where they are more than an id can tell
/// apart, or single bytes are missing.
///
/// * `whole`: a piece that is a token is taken so, even where merging its units would not make it.
#[must_use]
pub fn make(tokens: &[&[u8]], whole: bool, units: Units) -> Option<Vec<u64>> {
    if fit(tokens) { lay_out(tokens, &find::parts(tokens, units)?, 0, whole, units) } else { None }
}

/// Lays out tokens of which is known what they are merged from.
#[must_use]
pub fn make_of(merges: &Merges, whole: bool, units: Units) -> Option<Vec<u64>> {
    let tokens = merges.tokens()?;
    let tokens: Vec<&[u8]> = tokens.iter().collect();
    if fit(&tokens) { lay_out(&tokens, merges.parts(), merges.attempt, whole, units) } else { None }
}

/// Finds what tokens are merged from, for the packer of the vocabularies, or `None` where [`make`] does not take them.
#[must_use]
pub fn merges_of(tokens: &[&[u8]], units: Units) -> Option<Merges> {
    let mut merges = Merges::new(tokens, find::parts(tokens, units).filter(|_| fit(tokens))?);
    let entries = entries(merges.parts());
    merges.attempt = pairs::place(&entries, 0, &mut vec![0; pairs::places(entries.len())])?.attempt;
    Some(merges)
}

/// The entry of every pair.
fn entries(parts: &[[u32; 2]]) -> Vec<u64> {
    let made = parts.iter().zip(0..).filter(|([first, _], _)| *first != merges::NONE);
    made.map(|([first, second], id)| pairs::entry(pair_key(*first, *second), id)).collect()
}

fn fit(tokens: &[&[u8]]) -> bool {
    tokens.len() < 1 << ID_BITS && tokens.iter().all(|token| token.len() <= usize::from(u16::MAX))
}

/// * `attempt`: the first factor to try for the pairs.
fn lay_out(tokens: &[&[u8]], parts: &[[u32; 2]], attempt: u32, whole: bool, units: Units) -> Option<Vec<u64>> {
    let byte_ids = byte_ids(tokens);
    if units == Units::Bytes && byte_ids.contains(&NONE) {
        return None;
    }
    let is_made = |(token, part): &(&[u8], &[u32; 2])| part[0] != merges::NONE || units.is_one(token);
    let with_parts = || tokens.iter().copied().zip(parts);
    let known = || with_parts().filter(|both| whole || is_made(both)).map(|(token, _)| token);
    let is_tiny = |token: &&[u8]| token.len() <= TINY;
    let mut layout = Layout::with_room_for(tokens.len());
    // The shortest first, so that there is room for all of them.
    let all_tiny = layout.put_tokens(known().filter(is_tiny).chain(known().filter(move |token| !is_tiny(token))));
    layout.words[HAS_ALL_TINY] = u64::from(all_tiny && units == Units::Bytes);
    layout.put_pairs(parts, attempt)?;
    layout.put(TablePart::ByteIds, &packed(&byte_ids, 32, |id| u64::from(*id)));
    layout.put(TablePart::BytePairs, &packed(&byte_pairs(tokens, parts, units), 32, |id| u64::from(*id)));
    // No other token has a border before a character of three bytes.
    let is_wide = |token: &&[u8]| token.iter().skip(1).any(|byte| byte & 0xf0 == 0xe0);
    let wide: Vec<&[u8]> = tokens.iter().copied().filter(is_wide).collect();
    // Where a token is not made by merging, a part that was cut out of a piece must not be taken for it.
    let unmade: Vec<&[u8]> = with_parts().filter(|both| whole && !is_made(both)).map(|(token, _)| token).collect();
    layout.words[KEEPS_LAST] = u64::from(!unmade.is_empty());
    let [chars, tails, heads] = reaches(&wide, &unmade);
    layout.put(TablePart::Chars, &chars);
    layout.put(TablePart::Tails, &tails);
    layout.put(TablePart::Heads, &heads);
    let (pages, ids) = if units == Units::Chars { pages(&char_ids(tokens)) } else { (Vec::new(), Vec::new()) };
    layout.put(TablePart::UnitPages, &packed(&pages, 16, |page| u64::from(*page)));
    layout.put(TablePart::UnitIds, &packed(&ids, 32, |id| u64::from(*id)));
    layout.put(TablePart::Follows, &if units == Units::Chars { follows(tokens, parts) } else { vec![0; FOLLOWS] });
    Some(layout.finish())
}

/// A layout that is being written; what is behind its end is zero.
struct Layout {
    words: Vec<u64>,
    end: usize,
}

impl Layout {
    /// Room that is not used costs nothing, since the system gives zeros page by page when they are written to.
    fn with_room_for(tokens: usize) -> Layout {
        let mut words = vec![0; 12 * tokens + (1 << 17)];
        words[0] = VERSION;
        Layout { words, end: HEADER }
    }

    /// The words of a part, to be written.
    fn part(&mut self, part: TablePart, length: usize) -> &mut [u64] {
        let (start, end) = (self.end, self.end + length);
        let at = 2 + 2 * part as usize;
        self.words[at] = start as u64;
        self.words[at + 1] = end as u64;
        self.end = end.next_multiple_of(LINE);
        if self.words.len() < self.end {
            self.words.resize(self.end, 0);
        }
        &mut self.words[start..end]
    }

    fn put(&mut self, part: TablePart, words: &[u64]) {
        self.part(part, words.len()).copy_from_slice(words);
    }

    /// Puts what answers whether a piece is one of the tokens, and says whether all tiny ones are in `short`.
    fn put_tokens<'t>(&mut self, tokens: impl Iterator<Item = &'t [u8]> + Clone) -> bool {
        let left = lines_of_short(tokens, |words| self.part(TablePart::Short, words));
        let all_tiny = left.iter().all(|token| token.len() > TINY);
        let left = lines_of_long(&left, |words| self.part(TablePart::Long, words));
        let (slots, bytes) = rest(&left);
        self.put(TablePart::RestSlots, &slots);
        self.put(TablePart::RestBytes, &packed(&bytes, 8, |byte| u64::from(*byte)));
        all_tiny
    }

    /// Puts what two neighbouring tokens merge into.
    fn put_pairs(&mut self, parts: &[[u32; 2]], attempt: u32) -> Option<()> {
        let entries = entries(parts);
        let placed = pairs::place(&entries, attempt, self.part(TablePart::Pairs, pairs::places(entries.len())))?;
        self.words[1] = placed.factor;
        self.put(TablePart::Pilots, &packed(&placed.pilots, 16, |pilot| u64::from(*pilot)));
        Some(())
    }

    fn finish(mut self) -> Vec<u64> {
        self.words.truncate(self.end);
        self.words
    }
}

const _: () = assert!(2 + 2 * PARTS <= HAS_ALL_TINY && HEADER.is_multiple_of(LINE));

/// Numbers of 8, 16 or 32 bits as words, the first lowest, as a little-endian machine reads them.
fn packed<T>(numbers: &[T], bits: u32, number: impl Fn(&T) -> u64) -> Vec<u64> {
    let pack = |chunk: &[T]| chunk.iter().rev().fold(0, |word, n| word << bits | number(n));
    numbers.chunks((64 / bits) as usize).map(pack).collect()
}

/// Puts the tokens that fit into their home lines in `short`, in their order, and says which do not.
///
/// * `room`: gives so many words of zeros.
fn lines_of_short<'t, 'w>(
    tokens: impl Iterator<Item = &'t [u8]> + Clone,
    room: impl FnOnce(usize) -> &'w mut [u64],
) -> Vec<&'t [u8]> {
    let fitting = tokens.clone().filter(|token| token.len() <= SHORT).count();
    let lines = (fitting / 3).next_power_of_two().max(2);
    let lines = if lines * 4 > fitting * 5 / 4 { lines } else { lines * 2 };
    fill(tokens, room(lines * LINE), |token| (1..=SHORT).contains(&token.len()), short_key, hash_short)
}

/// The same for `long`.
fn lines_of_long<'t, 'w>(tokens: &[&'t [u8]], room: impl FnOnce(usize) -> &'w mut [u64]) -> Vec<&'t [u8]> {
    let fits = |token: &[u8]| (SHORT + 1..=LONG).contains(&token.len());
    let lines = (tokens.iter().filter(|token| fits(token)).count() / 2).next_power_of_two().max(2);
    fill(tokens.iter().copied(), room(lines * LINE), fits, long_key, hash_long)
}

/// Puts the keys of tokens into lines, and says which do not fit.
fn fill<'t, const N: usize>(
    tokens: impl Iterator<Item = &'t [u8]>,
    words: &mut [u64],
    fits: impl Fn(&[u8]) -> bool,
    key: impl Fn(&[u8]) -> [u64; N],
    hash: impl Fn([u64; N]) -> u64,
) -> Vec<&'t [u8]> {
    let lines = words.as_chunks_mut::<LINE>().0;
    // Small enough to stay at hand, so that no token waits for the memory of its line.
    let mut filled = vec![0_u8; lines.len()];
    let mut left = Vec::new();
    for token in tokens {
        if !fits(token) {
            left.push(token);
            continue;
        }
        let key = key(token);
        let home = line(hash(key), lines.len());
        match lines[home].as_chunks_mut::<N>().0.get_mut(usize::from(filled[home])) {
            Some(place) => {
                *place = key;
                filled[home] += 1;
            }
            None => left.push(token),
        }
    }
    left
}

fn rest(tokens: &[&[u8]]) -> (Vec<u64>, Vec<u8>) {
    let mut slots = vec![0; (tokens.len() * 2).next_power_of_two().max(2)];
    let mut bytes = vec![0];
    for token in tokens {
        let hash = hash_piece(token);
        let mut at = hash as usize & (slots.len() - 1);
        while slots[at] != 0 {
            at = (at + 1) & (slots.len() - 1);
        }
        slots[at] = hash >> 32 << 32 | bytes.len() as u64;
        bytes.extend_from_slice(&(token.len() as u16).to_le_bytes());
        bytes.extend_from_slice(token);
    }
    (slots, bytes)
}

/// What two bytes merge into, where bytes are merged.
fn byte_pairs(tokens: &[&[u8]], parts: &[[u32; 2]], units: Units) -> Vec<u32> {
    let mut pairs = vec![NONE; 1 << 16];
    for ((token, part), id) in tokens.iter().zip(parts).zip(0..) {
        if let [first, second] = token
            && units == Units::Bytes
            && part[0] != merges::NONE
        {
            pairs[usize::from(*first) << 8 | usize::from(*second)] = id;
        }
    }
    pairs
}

/// The ids of characters in pages, and which page each 256 code points have; the first page is empty.
fn pages(char_ids: &[(char, u32)]) -> (Vec<u16>, Vec<u32>) {
    let (mut pages, mut ids) = (vec![0; PAGES], vec![NONE; PAGE]);
    for (c, id) in char_ids {
        let code = *c as usize;
        let page = &mut pages[code / PAGE];
        if *page == 0 {
            *page = (ids.len() / PAGE) as u16;
            ids.resize(ids.len() + PAGE, NONE);
        }
        ids[usize::from(*page) * PAGE + code % PAGE] = *id;
    }
    (pages, ids)
}

/// Which ASCII characters some token has side by side.
fn follows(tokens: &[&[u8]], parts: &[[u32; 2]]) -> Vec<u64> {
    let mut words = vec![0; FOLLOWS];
    let mut set = |first: u8, second: u8| {
        let at = follow_bit(first, second);
        words[at >> 6] |= 1 << (at & 63);
    };
    for (token, part) in tokens.iter().zip(parts) {
        // What stands side by side inside of the parts does so in tokens of their own.
        let border =
            |[first, second]: [u32; 2]| Some((*tokens[first as usize].last()?, *tokens[second as usize].first()?));
        match part[0] {
            merges::NONE => token.windows(2).for_each(|two| set(two[0], two[1])),
            _ => border(*part).into_iter().for_each(|(first, second)| set(first, second)),
        }
    }
    words
}

/// The filters that tell whether a token reaches across the border of two characters of three bytes.
///
/// For each such border inside a token, what the token has of both characters is put down: in `chars` when it has both
/// whole, in `tails` when it ends inside the second, in `heads` when it begins inside the first.
///
/// * `unmade`: tokens that are only taken where they are a whole piece; no piece is cut behind what looks like one.
fn reaches(tokens: &[&[u8]], unmade: &[&[u8]]) -> [Vec<u64>; 3] {
    let [mut chars, mut tails, mut heads] = [vec![0; 1 << (CHAR_BITS - 6)], vec![0; 1 << 10], vec![0; 1 << 10]];
    let set = |words: &mut [u64], bit: usize| words[bit >> 6] |= 1 << (bit & 63);
    for [_, b, c] in
        unmade.iter().filter_map(|token| token.last_chunk().filter(|last: &&[u8; 3]| ends_three(&last[..])))
    {
        let last = u32::from(*b) << 8 | u32::from(*c);
        (0..16).for_each(|lead| set(&mut heads, head_bit(last, 0xe0 | lead)));
    }
    for (token, at) in tokens.iter().flat_map(|token| (1..token.len()).map(move |at| (*token, at))) {
        let (before, after) = token.split_at(at);
        let first = &before[before.len().saturating_sub(3)..];
        let second = &after[..after.len().min(3)];
        if !ends_three(first) || !begins_three(second) {
            continue;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        match (number(first), number(second), first.len(), second.len()) {
            (first, second, 3, 3) => set(&mut chars, char_pair(first, second)),
            (first, second, _, 2) => set(&mut tails, tail_bit(first, second)),
            (first, second, _, 1) => (0..64).for_each(|b| set(&mut tails, tail_bit(first, second << 8 | b))),
            (first, second, 2, _) => set(&mut heads, head_bit(first, second >> 16)),
            (first, second, ..) => (0..64).for_each(|b| set(&mut heads, head_bit(first & 0xff | b << 8, second >> 16))),
        }
    }
    [chars, tails, heads]
}

/// Whether up to three bytes may be the end of a character of three.
fn ends_three(bytes: &[u8]) -> bool {
    let after = |byte: &u8| byte & 0xc0 == 0x80;
    match bytes {
        [lead, b, c] => lead & 0xf0 == 0xe0 && after(b) && after(c),
        some => some.iter().all(after),
    }
}

/// Whether up to three bytes may be the beginning of a character of three.
fn begins_three(bytes: &[u8]) -> bool {
    bytes.split_first().is_some_and(|(lead, more)| lead & 0xf0 == 0xe0 && more.iter().all(|byte| byte & 0xc0 == 0x80))
}
