//! Places the pairs of a vocabulary so that each is found with one look: a perfect hash.
//!
//! A factor and a pilot make the place of a pair ([`pair_hash`], [`pair_place`]). Pairs with the same pilot are placed
//! together, the largest groups first; a pilot is the first number that moves all of its pairs to free places. Begin at
//! [`place`].

use super::tables::{ID_BITS, PILOT_BITS, pair_hash, pair_place};

/// No pair: the entry of no two tokens.
const FREE: u64 = u64::MAX;

/// Factors that are tried.
const ATTEMPTS: u32 = 256;

/// Pairs that a pilot moves at most.
const GROUP: usize = 64;

/// What places the pairs.
pub struct Placed {
    /// The number of the factor, so that it need not be looked for again.
    pub attempt: u32,
    pub factor: u64,
    pub pilots: Vec<u16>,
}

/// The entry of a pair: its key and what it merges into.
pub fn entry(key: u64, id: u32) -> u64 {
    key << ID_BITS | u64::from(id)
}

/// Places for so many pairs.
pub fn places(pairs: usize) -> usize {
    (pairs * 5 / 4).next_power_of_two().max(1 << PILOT_BITS)
}

/// Puts all entries of `pairs` to their places.
///
/// * `attempt`: the number of the first factor to try.
/// * `table`: as many entries as [`places`] says.
pub fn place(pairs: &[u64], attempt: u32, table: &mut [u64]) -> Option<Placed> {
    (attempt..attempt.saturating_add(ATTEMPTS)).find_map(|attempt| {
        let factor = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(u64::from(attempt).wrapping_mul(0x6a09_e667_f3bc_c908)) | 1;
        let groups = PairGroups::of(pairs, factor, table.len())?;
        Some(Placed { attempt, factor, pilots: groups.place(table)? })
    })
}

/// The pairs of each pilot.
struct PairGroups {
    factor: u64,
    entries: Vec<u64>,
    /// Where those of each pilot begin, and where the last end.
    bounds: Vec<u32>,
}

impl PairGroups {
    /// `None` where two pairs of a group would share a place whatever the pilot is.
    fn of(pairs: &[u64], factor: u64, places: usize) -> Option<PairGroups> {
        let pilot = |entry: u64| pair_hash(entry >> ID_BITS, factor).0;
        let mut bounds = vec![0; (1 << PILOT_BITS) + 2];
        pairs.iter().for_each(|entry| bounds[pilot(*entry) + 2] += 1);
        (2..bounds.len()).for_each(|at| bounds[at] += bounds[at - 1]);
        let mut entries = vec![0; pairs.len()];
        for entry in pairs {
            let next = &mut bounds[pilot(*entry) + 1];
            entries[*next as usize] = *entry;
            *next += 1;
        }
        let groups = PairGroups { factor, entries, bounds };
        let mut room = [0; GROUP];
        let apart = |pilot: usize| {
            let group = groups.group(pilot, places, &mut room)?;
            let shared = (1..group.len()).any(|at| group[..at].contains(&group[at]));
            (!shared).then_some(())
        };
        (0..1 << PILOT_BITS).map(apart).all(|apart| apart.is_some()).then_some(groups)
    }

    /// The places of a group before its pilot moves them, or `None` where they are too many.
    #[inline(always)]
    fn group<'r>(&self, pilot: usize, places: usize, room: &'r mut [u32; GROUP]) -> Option<&'r [u32]> {
        let entries = self.entries(pilot);
        let group = room.get_mut(..entries.len())?;
        for (place, entry) in group.iter_mut().zip(entries) {
            *place = pair_place(pair_hash(entry >> ID_BITS, self.factor).1, 0, places) as u32;
        }
        Some(group)
    }

    fn entries(&self, pilot: usize) -> &[u64] {
        &self.entries[self.bounds[pilot] as usize..self.bounds[pilot + 1] as usize]
    }

    /// The pilots that have any pairs, those with the most first.
    fn by_size(&self) -> Vec<u16> {
        let mut sizes = vec![Vec::new(); GROUP + 1];
        (0..1 << PILOT_BITS).for_each(|pilot| sizes[self.entries(pilot).len()].push(pilot as u16));
        sizes.into_iter().skip(1).rev().flatten().collect()
    }

    fn place(&self, table: &mut [u64]) -> Option<Vec<u16>> {
        table.fill(FREE);
        let mut pilots = vec![0; 1 << PILOT_BITS];
        // One bit a place: small enough to stay at hand.
        let mut taken = vec![0_u64; table.len() / 64];
        let mut room = [0; GROUP];
        for at in self.by_size() {
            let group = self.group(usize::from(at), table.len(), &mut room)?;
            let pilot = free_pilot(&taken, group)?;
            pilots[usize::from(at)] = pilot;
            for (place, entry) in group.iter().zip(self.entries(usize::from(at))) {
                let place = pair_place(u64::from(*place), pilot, table.len());
                taken[place >> 6] |= 1 << (place & 63);
                table[place] = *entry;
            }
        }
        Some(pilots)
    }
}

/// The first pilot that moves a group to places that are free.
///
/// 64 pilots that differ in their lowest six bits move a place within one word of bits, so one word says for all of them
/// whether the place is taken.
#[inline(always)]
fn free_pilot(taken: &[u64], group: &[u32]) -> Option<u16> {
    (0..1 << 10).find_map(|block: usize| {
        let mut used = 0;
        for place in group {
            used |= moved(taken[(*place as usize >> 6 ^ block) & (taken.len() - 1)], *place);
            if used == u64::MAX {
                return None;
            }
        }
        Some((block << 6) as u16 | used.trailing_ones() as u16)
    })
}

/// The bits of a word, each at its number with the lowest six bits of `place` flipped.
#[inline(always)]
fn moved(word: u64, place: u32) -> u64 {
    const LOW: [u64; 6] = [u64::MAX / 3, u64::MAX / 5, u64::MAX / 17, u64::MAX / 257, u64::MAX / 65_537, 0xffff_ffff];
    LOW.iter().enumerate().fold(word, |word, (at, low)| {
        let by = 1 << at;
        let swapped = (word & low) << by | word >> by & low;
        if place >> at & 1 == 0 { word } else { swapped }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_moved_as_places_are() {
        for place in [0, 1, 5, 31, 32, 62, 63, 64 + 7] {
            for bit in 0..64 {
                assert_eq!(moved(1 << bit, place), 1 << (bit ^ (place & 63)), "{place} {bit}");
            }
        }
    }

    #[test]
    fn every_pair_is_at_its_place() {
        for count in [0, 1, 1_000, 26_000, 60_000] {
            let pairs: Vec<u64> = (0..count).map(|n| entry((n << 18) + n * 7 % 1_000, n as u32)).collect();
            let mut table = vec![0; places(pairs.len())];
            let Placed { factor, pilots, .. } = place(&pairs, 0, &mut table).unwrap();
            for pair in &pairs {
                let (pilot, hash) = pair_hash(pair >> ID_BITS, factor);
                assert_eq!(table[pair_place(hash, pilots[pilot], table.len())], *pair, "{count}");
            }
            assert_eq!(table.iter().filter(|entry| **entry != FREE).count(), pairs.len());
        }
    }
}
