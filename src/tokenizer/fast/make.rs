//! Lays out the tokens of a vocabulary as [`Tables`](super::tables::Tables) reads them.
//!
//! The build does this for the encodings that are embedded, and the program at first use for the others. Begin at
//! [`make`]; the parts are made one by one below.

use super::tables::{
    CHAR_BITS, FOLLOWS, HAS_ALL_TINY, HEADER, ID_BITS, KEEPS_LAST, LONG, NONE, PAGE, PAGES, PARTS, PILOT_BITS, Part,
    SHORT, TINY, VERSION, char_pair, follow_bit, hash_long, hash_piece, hash_short, head_bit, line, long_key,
    pair_hash, pair_key, pair_place, short_key, tail_bit,
};

/// No pair: the key of no two tokens.
const FREE: u64 = u64::MAX;

/// Words of a cache line.
const LINE: usize = 8;

/// What is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Bytes, all of which are tokens.
    Bytes,
    /// Characters, some of which are tokens.
    Chars,
}

impl Units {
    /// Where the units of a token begin.
    fn starts(self, token: &[u8]) -> impl Iterator<Item = usize> {
        let begins = move |byte: u8| self == Units::Bytes || byte & 0xc0 != 0x80;
        token.iter().enumerate().filter(move |(_, byte)| begins(**byte)).map(|(at, _)| at)
    }
}

/// Lays out the tokens, which stand in the order of their ranks, or `None` where they are more than an id can tell
/// apart, or single bytes are missing.
///
/// * `whole`: a piece that is a token is taken so, even where merging its units would not make it.
#[must_use]
pub fn make(tokens: &[&[u8]], whole: bool, units: Units) -> Option<Vec<u64>> {
    if tokens.len() >= 1 << ID_BITS || tokens.iter().any(|token| token.len() > usize::from(u16::MAX)) {
        return None;
    }
    let merges = Merges::of(tokens, units)?;
    let mut known: Vec<&[u8]> =
        tokens.iter().zip(&merges.made).filter(|(_, made)| whole || **made).map(|(token, _)| *token).collect();
    // The shortest first, so that there is room for all of them.
    known.sort_by_key(|token| token.len() > TINY);
    let mut layout = Layout { words: vec![0; HEADER] };
    layout.words[0] = VERSION;
    let (short, left) = lines_of_short(&known);
    let all_tiny = units == Units::Bytes && left.iter().all(|token| token.len() > TINY);
    layout.words[HAS_ALL_TINY] = u64::from(all_tiny);
    layout.put(Part::Short, &short);
    let (long, left) = lines_of_long(&left);
    layout.put(Part::Long, &long);
    let (slots, bytes) = rest(&left);
    layout.put(Part::RestSlots, &slots);
    layout.put(Part::RestBytes, &packed(&bytes, 8, |byte| u64::from(*byte)));
    let (factor, pilots, pairs) = perfect(&merges.pairs)?;
    layout.words[1] = factor;
    layout.put(Part::Pilots, &packed(&pilots, 16, |pilot| u64::from(*pilot)));
    layout.put(Part::Pairs, &pairs);
    layout.put(Part::ByteIds, &packed(&merges.byte_ids, 32, |id| u64::from(*id)));
    layout.put(Part::BytePairs, &packed(&merges.byte_pairs, 32, |id| u64::from(*id)));
    // Where a token is not made by merging, a part that was cut out of a piece must not be taken for it.
    let unmade: Vec<&[u8]> =
        tokens.iter().zip(&merges.made).filter(|(_, made)| whole && !**made).map(|(token, _)| *token).collect();
    layout.words[KEEPS_LAST] = u64::from(!unmade.is_empty());
    let [chars, tails, heads] = reaches(tokens, &unmade);
    layout.put(Part::Chars, &chars);
    layout.put(Part::Tails, &tails);
    layout.put(Part::Heads, &heads);
    let (pages, ids) = if units == Units::Chars { pages(&merges.char_ids) } else { (Vec::new(), Vec::new()) };
    layout.put(Part::UnitPages, &packed(&pages, 16, |page| u64::from(*page)));
    layout.put(Part::UnitIds, &packed(&ids, 32, |id| u64::from(*id)));
    layout.put(Part::Follows, &follows(tokens));
    Some(layout.words)
}

struct Layout {
    words: Vec<u64>,
}

impl Layout {
    fn put(&mut self, part: Part, words: &[u64]) {
        let at = 2 + 2 * part as usize;
        self.words[at] = self.words.len() as u64;
        self.words[at + 1] = (self.words.len() + words.len()) as u64;
        self.words.extend_from_slice(words);
        self.words.resize(self.words.len().next_multiple_of(LINE), 0);
    }
}

const _: () = assert!(2 + 2 * PARTS <= HAS_ALL_TINY && HEADER.is_multiple_of(LINE));

/// Numbers of 8, 16 or 32 bits as words, the first lowest, as a little-endian machine reads them.
fn packed<T>(numbers: &[T], bits: u32, number: impl Fn(&T) -> u64) -> Vec<u64> {
    let pack = |chunk: &[T]| chunk.iter().rev().fold(0, |word, n| word << bits | number(n));
    numbers.chunks((64 / bits) as usize).map(pack).collect()
}

/// The tokens that fit into a home line of `short`, the lowest ranks first, and those that do not.
fn lines_of_short<'t>(tokens: &[&'t [u8]]) -> (Vec<u64>, Vec<&'t [u8]>) {
    let fitting = tokens.iter().filter(|token| token.len() <= SHORT).count();
    let lines = (fitting / 3).next_power_of_two().max(2);
    let lines = if lines * 4 > fitting * 5 / 4 { lines } else { lines * 2 };
    let mut words = vec![0; lines * 8];
    let mut left = Vec::new();
    for token in tokens {
        let key = if token.len() <= SHORT { short_key(token) } else { [0; 2] };
        let home = line(hash_short(key), lines) * 8;
        match (0..4).map(|way| home + way * 2).find(|at| key != [0; 2] && words[at + 1] == 0) {
            Some(at) => words[at..at + 2].copy_from_slice(&key),
            None => left.push(*token),
        }
    }
    (words, left)
}

fn lines_of_long<'t>(tokens: &[&'t [u8]]) -> (Vec<u64>, Vec<&'t [u8]>) {
    let fits = |token: &[u8]| (SHORT + 1..=LONG).contains(&token.len());
    let lines = (tokens.iter().filter(|token| fits(token)).count() / 2).next_power_of_two().max(2);
    let mut words = vec![0; lines * 8];
    let mut left = Vec::new();
    for token in tokens {
        let key = if fits(token) { long_key(token) } else { [0; 4] };
        let home = line(hash_long(key), lines) * 8;
        match (0..2).map(|way| home + way * 4).find(|at| key != [0; 4] && words[at + 3] == 0) {
            Some(at) => words[at..at + 4].copy_from_slice(&key),
            None => left.push(*token),
        }
    }
    (words, left)
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

/// Which two tokens each token is merged from.
///
/// Merging the units of a token by itself ends with two parts and then the token; no text ever makes it from other
/// parts, because all merges inside of it are then the same. So there is at most one pair for each token.
struct Merges {
    /// Ids of the characters that are tokens, where those are merged.
    char_ids: Vec<(char, u32)>,
    byte_ids: Vec<u32>,
    byte_pairs: Vec<u32>,
    /// Key and id.
    pairs: Vec<(u64, u32)>,
    /// Whether merging the bytes of a token makes it.
    made: Vec<bool>,
}

impl Merges {
    fn of(tokens: &[&[u8]], units: Units) -> Option<Merges> {
        let mut byte_ids = vec![NONE; 256];
        for (id, token) in tokens.iter().enumerate() {
            if let [byte] = token {
                byte_ids[usize::from(*byte)] = id as u32;
            }
        }
        if units == Units::Bytes && byte_ids.contains(&NONE) {
            return None;
        }
        let char_ids = if units == Units::Chars { char_ids(tokens) } else { Vec::new() };
        let by_char: rustc_hash::FxHashMap<&[u8], u32> =
            char_ids.iter().map(|(_, id)| (tokens[*id as usize], *id)).collect();
        let unit_id = |unit: &[u8]| match unit {
            [byte] => byte_ids[usize::from(*byte)],
            _ => by_char.get(unit).copied().unwrap_or(NONE),
        };
        let mut merging = Merging::with_room_for(tokens.len());
        let mut starts = Vec::new();
        for id in by_length(tokens, units) {
            let token = tokens[id as usize];
            starts.clear();
            starts.extend(units.starts(token));
            let ends = starts.iter().skip(1).copied().chain([token.len()]);
            merging.push(id, starts.iter().zip(ends).map(|(start, end)| unit_id(&token[*start..end])));
        }
        let (found, made) = merging.finish();
        let mut byte_pairs = vec![NONE; 1 << 16];
        if units == Units::Bytes {
            for (first, second) in (0..1 << 16).map(|both| (both >> 8, both & 0xff)) {
                byte_pairs[first << 8 | second] = found.get(pair_key(byte_ids[first], byte_ids[second]));
            }
        }
        Some(Merges { char_ids, byte_ids, byte_pairs, pairs: found.entries(), made })
    }
}

/// The tokens that are one character.
fn char_ids(tokens: &[&[u8]]) -> Vec<(char, u32)> {
    let only = |token: &[u8]| {
        let mut chars = std::str::from_utf8(token).ok()?.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    tokens.iter().zip(0..).filter_map(|(token, id)| Some((only(token)?, id))).collect()
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
fn follows(tokens: &[&[u8]]) -> Vec<u64> {
    let mut words = vec![0; FOLLOWS];
    for two in tokens.iter().flat_map(|token| token.windows(2)) {
        let at = follow_bit(two[0], two[1]);
        words[at >> 6] |= 1 << (at & 63);
    }
    words
}

/// The tokens of two and more units, the shortest first.
fn by_length(tokens: &[&[u8]], units: Units) -> Vec<u32> {
    let length = |token: &[u8]| if units == Units::Bytes { token.len() } else { units.starts(token).count() };
    let lengths: Vec<u32> = tokens.iter().map(|token| length(token) as u32).collect();
    let mut order: Vec<u32> = (0..tokens.len() as u32).filter(|id| lengths[*id as usize] > 1).collect();
    order.sort_by_key(|id| lengths[*id as usize]);
    order
}

/// Tokens that are merged side by side, so that none waits for the memory of another.
const SIDE: usize = 16;

/// A token whose units are being merged.
#[derive(Clone, Default)]
struct Lane {
    id: u32,
    ids: Vec<u32>,
    /// What each neighbours make.
    ranks: Vec<u32>,
    /// Where two have just been joined.
    at: usize,
}

impl Lane {
    /// Joins the lowest pair, unless there is none or only two tokens are left.
    fn join(&mut self) -> bool {
        if self.ids.len() <= 2 {
            return false;
        }
        let rank = self.ranks.iter().fold(NONE, |lowest, rank| lowest.min(*rank));
        let Some(at) = self.ranks.iter().position(|other| *other == rank).filter(|_| rank != NONE) else {
            return false;
        };
        self.ids[at] = rank;
        self.ids.remove(at + 1);
        self.ranks.remove(at);
        self.at = at;
        true
    }

    /// Looks up what the joined token makes with its neighbours.
    #[inline(always)]
    fn look_up(&mut self, found: &Found) {
        let (at, id) = (self.at, self.ids[self.at]);
        let next = self.ids.get(at + 1).map(|next| found.get(pair_key(id, *next)));
        let before = at.checked_sub(1).map(|before| found.get(pair_key(self.ids[before], id)));
        if let (Some(rank), Some(next)) = (self.ranks.get_mut(at), next) {
            *rank = next;
        }
        if let (Some(rank), Some(before)) = (self.ranks.get_mut(at.wrapping_sub(1)), before) {
            *rank = before;
        }
    }
}

/// Merges tokens in the order of their lengths: all that is made inside of a token is shorter, and found before.
struct Merging {
    lanes: Vec<Lane>,
    busy: usize,
    /// Units of the tokens that are merged.
    length: usize,
    found: Found,
    made: Vec<bool>,
}

impl Merging {
    fn with_room_for(tokens: usize) -> Merging {
        let found = Found::with_room_for(tokens);
        Merging { lanes: vec![Lane::default(); SIDE], busy: 0, length: 0, found, made: vec![true; tokens] }
    }

    fn push(&mut self, id: u32, units: impl Iterator<Item = u32>) {
        if self.busy == SIDE {
            self.merge();
        }
        let lane = &mut self.lanes[self.busy];
        lane.id = id;
        lane.ids.clear();
        lane.ids.extend(units);
        if lane.ids.contains(&NONE) {
            self.made[id as usize] = false;
            return;
        }
        if lane.ids.len() != self.length {
            let at = self.busy;
            self.length = lane.ids.len();
            self.merge();
            self.lanes.swap(0, at);
        }
        self.busy += 1;
    }

    /// Merges all that wait.
    fn merge(&mut self) {
        let Merging { lanes, busy, found, made, .. } = self;
        for lane in &mut lanes[..*busy] {
            lane.ranks.clear();
            lane.ranks.extend(lane.ids.windows(2).map(|two| found.get(pair_key(two[0], two[1]))));
        }
        let mut left = *busy;
        while left > 0 {
            let mut at = 0;
            while at < left {
                if lanes[at].join() {
                    at += 1;
                } else {
                    left -= 1;
                    lanes.swap(at, left);
                }
            }
            lanes[..left].iter_mut().for_each(|lane| lane.look_up(found));
        }
        for lane in &lanes[..*busy] {
            match lane.ids[..] {
                [first, second] => found.insert(pair_key(first, second), lane.id),
                _ => made[lane.id as usize] = false,
            }
        }
        *busy = 0;
    }

    fn finish(mut self) -> (Found, Vec<bool>) {
        self.merge();
        (self.found, self.made)
    }
}

/// Pairs while they are being found: open addressing, at most half full.
///
/// Most of what is asked for is no pair, which a bit for each hash says in memory that a processor keeps at hand.
struct Found {
    slots: Vec<(u64, u32)>,
    present: Vec<u64>,
}

impl Found {
    fn with_room_for(pairs: usize) -> Found {
        let slots = (pairs * 2).next_power_of_two().max(64);
        Found { slots: vec![(0, NONE); slots], present: vec![0; slots / 16] }
    }

    #[inline(always)]
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[inline(always)]
    fn bit(&self, hash: u64) -> (usize, u64) {
        ((hash >> 40) as usize & (self.present.len() - 1), 1 << (hash >> 34 & 63))
    }

    #[inline(always)]
    fn place(&self, key: u64, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> 24) as usize & mask;
        while self.slots[at].1 != NONE && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline(always)]
    fn get(&self, key: u64) -> u32 {
        let hash = Found::hash(key);
        let (word, bit) = self.bit(hash);
        if self.present[word] & bit == 0 { NONE } else { self.slots[self.place(key, hash)].1 }
    }

    fn insert(&mut self, key: u64, id: u32) {
        let hash = Found::hash(key);
        let (word, bit) = self.bit(hash);
        self.present[word] |= bit;
        let at = self.place(key, hash);
        self.slots[at] = (key, id);
    }

    fn entries(self) -> Vec<(u64, u32)> {
        self.slots.into_iter().filter(|(_, id)| *id != NONE).collect()
    }
}

/// A perfect hash of the pairs: a factor, the pilots, and the entries.
///
/// Pairs with the same pilot are placed together, the largest groups first; a pilot is the first number that moves all
/// of its pairs to free places. Another factor is tried where there is no such number.
fn perfect(pairs: &[(u64, u32)]) -> Option<(u64, Vec<u16>, Vec<u64>)> {
    let slots = (pairs.len() * 5 / 4).next_power_of_two().max(1 << PILOT_BITS);
    (0..64).find_map(|attempt: u64| {
        let factor = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(attempt.wrapping_mul(0x6a09_e667_f3bc_c908)) | 1;
        let (pilots, entries) = place_all(pairs, factor, slots)?;
        Some((factor, pilots, entries))
    })
}

fn place_all(pairs: &[(u64, u32)], factor: u64, slots: usize) -> Option<(Vec<u16>, Vec<u64>)> {
    let (groups, bounds) = grouped(pairs, factor);
    let size = |pilot: &usize| bounds[pilot + 1] - bounds[*pilot];
    let mut order: Vec<usize> = (0..1 << PILOT_BITS).filter(|pilot| size(pilot) > 0).collect();
    order.sort_by_key(|pilot| std::cmp::Reverse(size(pilot)));
    let mut pilots = vec![0; 1 << PILOT_BITS];
    let mut entries = vec![FREE; slots];
    // One bit a slot: small enough to stay at hand.
    let mut taken = vec![0_u64; slots / 64];
    for at in order {
        let group = &groups[bounds[at] as usize..bounds[at + 1] as usize];
        let free = |pilot: &u16| {
            let place = |pair: &(u64, u64)| pair_place(pair.0, *pilot, slots);
            let alone = |at: usize| group[..at].iter().all(|other| place(other) != place(&group[at]));
            let is_free = |at: usize| taken[at >> 6] >> (at & 63) & 1 == 0;
            (0..group.len()).all(|at| is_free(place(&group[at])) && alone(at))
        };
        let pilot = (0..=u16::MAX).find(free)?;
        pilots[at] = pilot;
        for pair in group {
            let place = pair_place(pair.0, pilot, slots);
            taken[place >> 6] |= 1 << (place & 63);
            entries[place] = pair.1;
        }
    }
    Some((pilots, entries))
}

/// Hashes and entries of the pairs, those of one pilot together, and where those of each pilot begin.
fn grouped(pairs: &[(u64, u32)], factor: u64) -> (Vec<(u64, u64)>, Vec<u32>) {
    let mut bounds = vec![0; (1 << PILOT_BITS) + 2];
    let pilot = |key: u64| pair_hash(key, factor).0;
    pairs.iter().for_each(|(key, _)| bounds[pilot(*key) + 2] += 1);
    (2..bounds.len()).for_each(|at| bounds[at] += bounds[at - 1]);
    let mut groups = vec![(0, 0); pairs.len()];
    for (key, id) in pairs {
        let (pilot, hash) = pair_hash(*key, factor);
        let next = &mut bounds[pilot + 1];
        groups[*next as usize] = (hash, key << ID_BITS | u64::from(*id));
        *next += 1;
    }
    (groups, bounds)
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
