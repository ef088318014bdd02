//! Finds which two tokens each token of a vocabulary is merged from.
//!
//! Only vocabularies that a user adds need this when they are counted with: the packer of those in this crate writes
//! down what is found here, and [`merges`] reads it. Begin at [`parts`].

use super::tables::{NONE, pair_key};
use crate::merges;

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

    /// Whether a token is one unit, which nothing makes.
    pub(super) fn is_one(self, token: &[u8]) -> bool {
        token.len() == 1 || self.starts(token).nth(1).is_none()
    }
}

/// The parts of each token, or `None` where single bytes are missing.
///
/// Merging the units of a token by itself ends with two parts and then the token; no text ever makes it from other
/// parts, because all merges inside of it are then the same. So there is at most one pair for each token. The first part
/// is [`merges::NONE`] for single units, and for tokens that merging does not make.
#[must_use]
pub fn parts(tokens: &[&[u8]], units: Units) -> Option<Vec<[u32; 2]>> {
    let byte_ids = byte_ids(tokens);
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
    Some(merging.finish())
}

/// The ids of single bytes.
pub(super) fn byte_ids(tokens: &[&[u8]]) -> Vec<u32> {
    let mut ids = vec![NONE; 256];
    for (id, token) in tokens.iter().enumerate() {
        if let [byte] = token {
            ids[usize::from(*byte)] = id as u32;
        }
    }
    ids
}

/// The tokens that are one character.
pub(super) fn char_ids(tokens: &[&[u8]]) -> Vec<(char, u32)> {
    let only = |token: &[u8]| {
        let mut chars = std::str::from_utf8(token).ok()?.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    let only = |token: &[u8]| if token.len() <= 4 { only(token) } else { None };
    tokens.iter().zip(0..).filter_map(|(token, id)| Some((only(token)?, id))).collect()
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
struct FindLane {
    id: u32,
    ids: Vec<u32>,
    /// What each neighbours make.
    ranks: Vec<u32>,
    /// Where two have just been joined.
    at: usize,
}

impl FindLane {
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
    fn look_up(&mut self, found: &MergesFound) {
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
    lanes: Vec<FindLane>,
    busy: usize,
    /// Units of the tokens that are merged.
    length: usize,
    found: MergesFound,
    parts: Vec<[u32; 2]>,
}

impl Merging {
    fn with_room_for(tokens: usize) -> Merging {
        let found = MergesFound::with_room_for(tokens);
        let parts = vec![[merges::NONE; 2]; tokens];
        Merging { lanes: vec![FindLane::default(); SIDE], busy: 0, length: 0, found, parts }
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
        let Merging { lanes, busy, found, parts, .. } = self;
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
            if let [first, second] = lane.ids[..] {
                found.insert(pair_key(first, second), lane.id);
                parts[lane.id as usize] = [first, second];
            }
        }
        *busy = 0;
    }

    fn finish(mut self) -> Vec<[u32; 2]> {
        self.merge();
        self.parts
    }
}

/// Pairs while they are being found: open addressing, at most half full.
///
/// Most of what is asked for is no pair, which a bit for each hash says in memory that a processor keeps at hand.
struct MergesFound {
    slots: Vec<(u64, u32)>,
    present: Vec<u64>,
}

impl MergesFound {
    fn with_room_for(pairs: usize) -> MergesFound {
        let slots = (pairs * 2).next_power_of_two().max(64);
        MergesFound { slots: vec![(0, NONE); slots], present: vec![0; slots / 16] }
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
        let hash = MergesFound::hash(key);
        let (word, bit) = self.bit(hash);
        if self.present[word] & bit == 0 { NONE } else { self.slots[self.place(key, hash)].1 }
    }

    fn insert(&mut self, key: u64, id: u32) {
        let hash = MergesFound::hash(key);
        let (word, bit) = self.bit(hash);
        self.present[word] |= bit;
        let at = self.place(key, hash);
        self.slots[at] = (key, id);
    }
}
