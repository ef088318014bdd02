//! What each token of a vocabulary is merged from: two other tokens, or nothing, in which case it is spelled out.
//!
//! The frames of this crate are packed so, because it is smaller than the bytes of the tokens and is what the tables of
//! a [layout](crate::layout) are made of: nothing has to be merged, and nothing unpacked but numbers. A frame goes on where
//! the one before it ended, and holds, all numbers little endian:
//!
//! ```text
//! magic    "FBV2"
//! from     u32, tokens of the frames before
//! count    u32, tokens of this frame
//! bytes    u32, length of all tokens of this frame
//! attempt  u32, the first factor to try for the perfect hash of the pairs, of all frames up to here
//! spelled  u32, length of the spelled tokens below
//! lengths  2 × 20 bytes, bits of the codes of the first and of the second parts
//! spelled  the tokens that are spelled out, in the order of ranks: a varint of the length, and the bytes
//! parts    bits, the lowest first: for each token the code of its first part, and of its second
//! ```
//!
//! A part is a code for how many bits its id has, and then these bits without the highest. The code `SPELLED` as a
//! first part says that the token is spelled out, and has no second.
//!
//! Start reading at [`Merges::unpack`]; [`Merges::pack`] is what the packer of the vocabularies calls.

use std::ops::Range;

use crate::vocab::Tokens;

/// What a frame begins with.
pub(crate) const MAGIC: &[u8; 4] = b"FBV2";

/// In the place of a first part: the token is spelled out.
pub const NONE: u32 = u32::MAX;

/// Codes: a part has 0 to 18 bits, or there is none.
const CODES: usize = 20;

/// The code of a token that is spelled out.
const SPELLED: usize = CODES - 1;

/// Bits that a code has at most.
const CODE_BITS: usize = 10;

/// Bytes before the spelled tokens.
const HEADER: usize = 24 + 2 * CODES;

/// Bytes behind the last part, so that eight can be read anywhere.
const PADDING: usize = 8;

/// What the tokens of a vocabulary are merged from, in the order of their ranks.
pub struct Merges {
    /// The ids of both parts; or [`NONE`] and the number of a spelled token.
    parts: Vec<[u32; 2]>,
    /// The tokens that are spelled out.
    spelled: Vec<Vec<u8>>,
    /// Length of all tokens.
    bytes: usize,
    /// The first factor to try for the perfect hash of the pairs.
    pub attempt: u32,
}

impl Merges {
    /// Of tokens and their parts, both in the order of ranks.
    ///
    /// * `parts`: the ids of both, or [`NONE`] for the first where merging does not make the token.
    #[must_use]
    pub fn new(tokens: &[&[u8]], mut parts: Vec<[u32; 2]>) -> Merges {
        let mut spelled = Vec::new();
        for (part, token) in parts.iter_mut().zip(tokens).filter(|(part, _)| part[0] == NONE) {
            part[1] = spelled.len() as u32;
            spelled.push(token.to_vec());
        }
        Merges { parts, spelled, bytes: tokens.iter().map(|token| token.len()).sum(), attempt: 0 }
    }

    /// Unpacks frames of which each goes on where the one before ended, or `None` where one is no such frame.
    #[must_use]
    pub fn unpack(frames: &[&[u8]]) -> Option<Merges> {
        let mut all = Merges { parts: Vec::new(), spelled: Vec::new(), bytes: 0, attempt: 0 };
        for frame in frames {
            all.unpack_one(frame)?;
        }
        Some(all)
    }

    fn unpack_one(&mut self, frame: &[u8]) -> Option<()> {
        let number = |at: usize| Some(u32::from_le_bytes(*frame.get(4 + 4 * at..)?.first_chunk()?) as usize);
        let (from, count, bytes, attempt, spelled) = (number(0)?, number(1)?, number(2)?, number(3)?, number(4)?);
        let spelled = HEADER..HEADER.checked_add(spelled)?;
        // A part takes a bit at least, so no more is asked for than there are bits.
        if !frame.starts_with(MAGIC) || from != self.parts.len() || count / 8 > frame.len() || bytes >> 28 != 0 {
            return None;
        }
        let lengths = frame.get(24..HEADER)?;
        let (first, second) = (Codes::new(&lengths[..CODES])?, Codes::new(&lengths[CODES..])?);
        let mut texts = frame.get(spelled.clone())?;
        let mut bits = Bits { bytes: frame.get(spelled.end..)?, at: 0 };
        let tokens = from + count;
        self.parts.reserve_exact(count);
        for _ in 0..count {
            let mut word = bits.word()?;
            let code = first.read(&mut word, &mut bits)?;
            if code == SPELLED {
                self.parts.push([NONE, self.spelled.len() as u32]);
                self.spelled.push(text(&mut texts)?.to_vec());
                continue;
            }
            let one = id(code, &mut word, &mut bits);
            let code = second.read(&mut word, &mut bits).filter(|code| *code != SPELLED)?;
            let other = id(code, &mut word, &mut bits);
            if one as usize >= tokens || other as usize >= tokens {
                return None;
            }
            self.parts.push([one, other]);
        }
        self.bytes += bytes;
        self.attempt = attempt as u32;
        Some(())
    }

    /// Packs the tokens from one on, which is where the frames before end.
    #[must_use]
    pub fn pack(&self, from: usize) -> Vec<u8> {
        let parts = &self.parts[from..];
        let mut counts = [[0_usize; CODES]; 2];
        for part in parts {
            counts[0][code(part[0])] += 1;
            if part[0] != NONE {
                counts[1][code(part[1])] += 1;
            }
        }
        let lengths = counts.map(|counts| code_lengths(&counts));
        let mut spelled = Vec::new();
        for part in parts.iter().filter(|part| part[0] == NONE) {
            let text = &self.spelled[part[1] as usize];
            let mut length = text.len();
            while length >= 0x80 {
                spelled.push(length as u8 | 0x80);
                length >>= 7;
            }
            spelled.push(length as u8);
            spelled.extend_from_slice(text);
        }
        let before = if from == 0 { 0 } else { self.lengths()[..from].iter().sum() };
        let mut out = MAGIC.to_vec();
        for number in [from, parts.len(), self.bytes - before, self.attempt as usize, spelled.len()] {
            out.extend((number as u32).to_le_bytes());
        }
        out.extend(lengths.iter().flatten());
        out.extend(spelled);
        let codes = lengths.map(|lengths| codes_of(&lengths));
        let mut bits = MergesWriter { out, word: 0, used: 0 };
        for part in parts {
            for (codes, part) in codes.iter().zip(part).take(if part[0] == NONE { 1 } else { 2 }) {
                let code = code(*part);
                let (bits_of_code, length) = codes[code];
                bits.put(bits_of_code, length);
                if code != SPELLED && code > 1 {
                    bits.put(*part & !(1 << (code - 1)), code as u32 - 1);
                }
            }
        }
        bits.finish()
    }

    /// The parts of every token: two ids, or [`NONE`] for the first where it is spelled out.
    #[must_use]
    pub fn parts(&self) -> &[[u32; 2]] {
        &self.parts
    }

    /// The merges of the same tokens as `write` writes them.
    ///
    /// * `write`: writes a token as it would write its parts one behind the other, and none longer than it was.
    #[must_use]
    pub fn rewritten(mut self, write: impl Fn(&[u8], &mut Vec<u8>)) -> Merges {
        for text in &mut self.spelled {
            let before = std::mem::take(text);
            write(&before, text);
        }
        self
    }

    /// The tokens, or `None` where some of them are made of each other.
    #[must_use]
    pub fn tokens(&self) -> Option<Tokens> {
        let mut all = Writing { bytes: vec![0; self.bytes + 2 * COPY], at: 0, places: vec![0..0; self.parts.len()] };
        let mut waiting: Vec<u32> = Vec::new();
        for id in 0..self.parts.len() as u32 {
            if !all.write(self, id)? {
                waiting.push(id);
            }
        }
        // Parts of a higher rank than their token: few tokens have them, and each round writes some.
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut left = Vec::new();
            for id in waiting {
                if !all.write(self, id)? {
                    left.push(id);
                }
            }
            if left.len() == before {
                return None;
            }
            waiting = left;
        }
        all.bytes.truncate(all.at);
        Some(Tokens::new(all.bytes, all.places))
    }

    fn lengths(&self) -> Vec<usize> {
        self.tokens().iter().flat_map(|tokens| tokens.iter().map(<[u8]>::len).collect::<Vec<_>>()).collect()
    }
}

/// Bytes that are copied at once, of which a token keeps as many as are its own.
const COPY: usize = 16;

/// Tokens while they are written one behind the other.
struct Writing {
    bytes: Vec<u8>,
    at: usize,
    /// Where each lies; empty for those that are not there.
    places: Vec<Range<u32>>,
}

impl Writing {
    /// Writes a token if its parts are there; `None` where there is no room for it.
    #[inline(always)]
    fn write(&mut self, merges: &Merges, id: u32) -> Option<bool> {
        let start = self.at;
        let [first, second] = merges.parts[id as usize];
        if first == NONE {
            let text = merges.spelled.get(second as usize).filter(|text| !text.is_empty())?;
            self.bytes.get_mut(start..start + text.len())?.copy_from_slice(text);
            self.at += text.len();
        } else {
            let places = [self.places[first as usize].clone(), self.places[second as usize].clone()];
            if places.iter().any(Range::is_empty) {
                return Some(false);
            }
            for place in places {
                self.copy(place.start as usize, place.len())?;
            }
        }
        self.places[id as usize] = start as u32..self.at as u32;
        Some(true)
    }

    #[inline(always)]
    fn copy(&mut self, start: usize, length: usize) -> Option<()> {
        let block: [u8; COPY] = *self.bytes.get(start..)?.first_chunk()?;
        *self.bytes.get_mut(self.at..)?.first_chunk_mut()? = block;
        if length > COPY {
            if self.at + length > self.bytes.len() {
                return None;
            }
            self.bytes.copy_within(start..start + length, self.at);
        }
        self.at += length;
        Some(())
    }
}

/// A spelled token: a varint of its length, and its bytes.
fn text<'t>(from: &mut &'t [u8]) -> Option<&'t [u8]> {
    let mut length = 0;
    for shift in [0, 7, 14] {
        let byte;
        (byte, *from) = from.split_first().map(|(byte, rest)| (*byte, rest))?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(text)
}

/// Bits that are read from the lowest on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At least 57 bits from here on: enough for two parts.
    #[inline(always)]
    fn word(&self) -> Option<u64> {
        let bytes = self.bytes.get(self.at >> 3..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes) >> (self.at & 7))
    }
}

const _: () = assert!(2 * (CODE_BITS + 17) <= 57);

/// The code of each pattern of [`CODE_BITS`] bits, and its length: what a pattern begins with.
struct Codes {
    table: Box<[[u8; 2]; 1 << CODE_BITS]>,
}

impl Codes {
    /// Of the lengths of codes, 0 for one that does not occur.
    fn new(lengths: &[u8]) -> Option<Codes> {
        if lengths.iter().any(|length| usize::from(*length) > CODE_BITS) {
            return None;
        }
        let mut table = Box::new([[0; 2]; 1 << CODE_BITS]);
        for (symbol, (code, length)) in codes_of(lengths).into_iter().enumerate().filter(|(_, (_, length))| *length > 0)
        {
            for at in (code as usize..1 << CODE_BITS).step_by(1 << length) {
                table[at] = [symbol as u8, length as u8];
            }
        }
        Some(Codes { table })
    }

    /// The next code, or `None` where the bits are none.
    #[inline(always)]
    fn read(&self, word: &mut u64, bits: &mut Bits) -> Option<usize> {
        let [code, length] = self.table[*word as usize & ((1 << CODE_BITS) - 1)];
        *word >>= length;
        bits.at += usize::from(length);
        (length > 0).then_some(usize::from(code))
    }
}

/// The id that follows a code.
#[inline(always)]
fn id(code: usize, word: &mut u64, bits: &mut Bits) -> u32 {
    let below = code.saturating_sub(1);
    let id = (*word & ((1 << below) - 1)) as u32 | (1 << code >> 1);
    *word >>= below;
    bits.at += below;
    id
}

fn code(part: u32) -> usize {
    if part == NONE { SPELLED } else { (u32::BITS - part.leading_zeros()) as usize }
}

/// The codes of given lengths, the lowest bit first, each with its length.
fn codes_of(lengths: &[u8]) -> Vec<(u32, u32)> {
    let mut codes = vec![(0, 0); lengths.len()];
    let mut next = 0_u32;
    for length in 1..=CODE_BITS as u32 {
        next <<= 1;
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, other)| u32::from(**other) == length) {
            codes[symbol] = (next.reverse_bits() >> (u32::BITS - length), length);
            next += 1;
        }
    }
    codes
}

/// Lengths of the codes that take the least room, as Huffman found, where none may be longer than [`CODE_BITS`].
fn code_lengths(counts: &[usize; CODES]) -> [u8; CODES] {
    let all: usize = counts.iter().sum();
    let mut least = all / 1_000;
    loop {
        let mut trees: Vec<(usize, Vec<usize>)> = (0..CODES)
            .filter(|symbol| counts[*symbol] > 0)
            .map(|symbol| (counts[symbol].max(least), vec![symbol]))
            .collect();
        let mut lengths = [0; CODES];
        if let [(_, symbols)] = &trees[..] {
            lengths[symbols[0]] = 1;
        }
        while trees.len() > 1 {
            trees.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
            let (a, b) = (trees.pop().unwrap_or_default(), trees.pop().unwrap_or_default());
            let symbols = [a.1, b.1].concat();
            symbols.iter().for_each(|symbol| lengths[*symbol] += 1);
            trees.push((a.0 + b.0, symbols));
        }
        if lengths.iter().all(|length| usize::from(*length) <= CODE_BITS) {
            return lengths;
        }
        // Rarer codes than these are made longer by Huffman, which costs hardly anything here.
        least = 2 * least + 1;
    }
}

/// Bits that are written from the lowest on.
struct MergesWriter {
    out: Vec<u8>,
    word: u64,
    used: u32,
}

impl MergesWriter {
    fn put(&mut self, bits: u32, length: u32) {
        self.word |= u64::from(bits) << self.used;
        self.used += length;
        while self.used >= 8 {
            self.out.push(self.word as u8);
            self.word >>= 8;
            self.used -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.push(self.word as u8);
        self.out.resize(self.out.len() + PADDING, 0);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Merges {
        let tokens: Vec<&[u8]> = vec![b"a", b"b", b"abab", b"ab", b"xyz"];
        let parts = vec![[NONE, 0], [NONE, 0], [3, 3], [0, 1], [NONE, 0]];
        Merges::new(&tokens, parts)
    }

    fn texts(merges: &Merges) -> Vec<Vec<u8>> {
        merges.tokens().unwrap().iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let merges = small();
        assert_eq!(texts(&merges), [&b"a"[..], b"b", b"abab", b"ab", b"xyz"]);
        let frame = merges.pack(0);
        let again = Merges::unpack(&[&frame]).unwrap();
        assert_eq!(again.parts(), merges.parts());
        assert_eq!(texts(&again), texts(&merges));
        assert_eq!(again.pack(0), frame);
    }

    #[test]
    fn a_frame_that_goes_on_has_parts_of_the_one_before() {
        let base = small().pack(0);
        let tokens: Vec<&[u8]> = vec![b"a", b"b", b"abab", b"ab", b"xyz", b"xyza", &[b'q'; 300]];
        let parts = vec![[NONE, 0], [NONE, 0], [3, 3], [0, 1], [NONE, 0], [4, 0], [NONE, 0]];
        let all = Merges::new(&tokens, parts);
        let more = all.pack(5);
        assert_eq!(texts(&Merges::unpack(&[&base, &more]).unwrap()), tokens);
        assert!(Merges::unpack(&[&more]).is_none(), "the base is missing");
    }

    #[test]
    fn damaged_frames_are_refused_or_at_least_harmless() {
        let frame = small().pack(0);
        for length in 0..frame.len() - PADDING {
            assert!(Merges::unpack(&[&frame[..length]]).is_none(), "{length} bytes");
        }
        for at in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            if let Some(merges) = Merges::unpack(&[&flipped]) {
                let _ = merges.tokens();
            }
        }
        let circle = Merges::new(&[b"a", b"aa"], vec![[1, 1], [0, 0]]);
        assert!(circle.tokens().is_none());
    }
}
