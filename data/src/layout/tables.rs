//! What an encoding counts with, laid out so that nothing has to be built before the first count.
//!
//! A layout is one block of words. [`make`](super::make) writes it, at build time for the encodings that are embedded
//! and at first use for the others; [`Tables::view`] finds the parts in it. Everything is a fixed array that is read
//! in place, so a process that counts one prompt touches a few pages of it:
//!
//! | part | what it answers |
//! | --- | --- |
//! | `short` | is this piece of up to 15 bytes a token? One line of four keys for each hash |
//! | `long` | the same for 16 to 30 bytes, two keys a line |
//! | `rest` | the same for longer tokens and for those whose line was full |
//! | `pairs` | what two neighbouring tokens merge into; a perfect hash, so one look is the answer |
//! | `byte_ids`, `byte_pairs` | the same for single bytes, as plain arrays |
//! | `unit_pages`, `unit_ids` | the ids of characters, where those are merged and not bytes |
//! | `follows` | whether some token has one of two ASCII characters right behind the other, where those are merged |
//! | `chars`, `tails`, `heads` | whether any token reaches across the border of two characters of three bytes |

/// No token.
pub const NONE: u32 = u32::MAX;

/// Bits of a token's id; a layout holds at most that many tokens.
pub const ID_BITS: u32 = 18;

/// First word of a layout; another number means another layout.
pub const VERSION: u64 = 0x4642_4641_5354_0004;

/// Longest piece that is looked up in `short`.
pub const SHORT: usize = 15;

/// Longest piece that is looked up in `long`.
pub const LONG: usize = 30;

/// Words before the first part: the version, what was asked for, and where each part begins and ends.
pub const HEADER: usize = 32;

/// The word of the header that says whether some token is only taken where it is a whole piece.
pub(crate) const KEEPS_LAST: usize = HEADER - 1;

/// The word of the header that says whether bytes are merged and `short` holds every token of up to [`TINY`] bytes.
pub(crate) const HAS_ALL_TINY: usize = HEADER - 2;

/// Longest piece whose tokens follow from what its bytes make in pairs.
pub const TINY: usize = 3;

/// Pilots of the perfect hash, as a power of two.
pub(crate) const PILOT_BITS: u32 = 15;

/// Bits of the filter of neighbouring characters, as a power of two.
pub(crate) const CHAR_BITS: u32 = 20;

/// The parts in the order of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablePart {
    Short,
    Long,
    RestSlots,
    RestBytes,
    Pilots,
    Pairs,
    ByteIds,
    BytePairs,
    Chars,
    Tails,
    Heads,
    UnitPages,
    UnitIds,
    Follows,
}

/// How many there are.
pub(crate) const PARTS: usize = TablePart::Follows as usize + 1;

/// Words of the table of ASCII neighbours: two for each first character.
pub(crate) const FOLLOWS: usize = 256;

/// Code points whose ids stand together.
pub const PAGE: usize = 256;

/// Pages of all code points.
pub(crate) const PAGES: usize = 0x11_0000 / PAGE;

/// A cache line: four keys of pieces of up to [`SHORT`] bytes, or two of up to [`LONG`]; a key of zeros is free.
pub type Line = [u64; 8];

/// The parts of a layout.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub short: &'a [Line],
    pub long: &'a [Line],
    rest_slots: &'a [u64],
    rest_bytes: &'a [u8],
    pilots: &'a [u16],
    pairs: &'a [u64],
    byte_ids: &'a [u32; 256],
    byte_pairs: &'a [u32; 1 << 16],
    chars: &'a [u64; 1 << (CHAR_BITS - 6)],
    tails: &'a [u64; 1 << 10],
    heads: &'a [u64; 1 << 10],
    unit_pages: &'a [u16],
    unit_ids: &'a [u32],
    follows: &'a [u64; FOLLOWS],
    factor: u64,
    /// Whether [`tiny`](Tables::tiny) may be asked.
    pub has_all_tiny: bool,
    /// Whether some token is only taken where it is a whole piece: the last part of a piece then stays with the one
    /// before it, since it could look like one, and so be taken for it.
    pub keeps_last: bool,
}

impl<'a> Tables<'a> {
    /// Finds the parts of a layout, or `None` when the words are something else.
    ///
    /// Where `words` begin at a multiple of 64 bytes, every line is one cache line.
    #[must_use]
    pub fn view(words: &'a [u64]) -> Option<Self> {
        if words.len() < HEADER || words[0] != VERSION {
            return None;
        }
        let part = |part: TablePart| {
            let at = 2 + 2 * part as usize;
            words.get(usize::try_from(words[at]).ok()?..usize::try_from(words[at + 1]).ok()?)
        };
        let tables = Tables {
            short: part(TablePart::Short)?.as_chunks().0,
            long: part(TablePart::Long)?.as_chunks().0,
            rest_slots: part(TablePart::RestSlots)?,
            rest_bytes: bytemuck::cast_slice(part(TablePart::RestBytes)?),
            pilots: bytemuck::cast_slice(part(TablePart::Pilots)?),
            pairs: part(TablePart::Pairs)?,
            byte_ids: bytemuck::cast_slice(part(TablePart::ByteIds)?).try_into().ok()?,
            byte_pairs: bytemuck::cast_slice(part(TablePart::BytePairs)?).try_into().ok()?,
            chars: part(TablePart::Chars)?.try_into().ok()?,
            tails: part(TablePart::Tails)?.try_into().ok()?,
            heads: part(TablePart::Heads)?.try_into().ok()?,
            unit_pages: bytemuck::cast_slice(part(TablePart::UnitPages)?),
            unit_ids: bytemuck::cast_slice(part(TablePart::UnitIds)?),
            follows: part(TablePart::Follows)?.try_into().ok()?,
            factor: words[1],
            has_all_tiny: words[HAS_ALL_TINY] != 0,
            keeps_last: words[KEEPS_LAST] != 0,
        };
        let hashed = [tables.short.len(), tables.long.len(), tables.rest_slots.len(), tables.pairs.len()];
        let fits =
            hashed.iter().all(|len| len.is_power_of_two() && *len >= 2) && tables.pilots.len() == 1 << PILOT_BITS;
        fits.then_some(tables)
    }

    /// The id of a single byte.
    #[inline(always)]
    #[must_use]
    pub fn byte_id(&self, byte: u8) -> u32 {
        self.byte_ids[usize::from(byte)]
    }

    /// What two bytes merge into, or [`NONE`].
    #[inline(always)]
    #[must_use]
    pub fn byte_pair(&self, first: u8, second: u8) -> u32 {
        self.byte_pairs[usize::from(first) << 8 | usize::from(second)]
    }

    /// The tokens of a piece of up to [`TINY`] bytes that `short` does not hold: if any two of its bytes make a token,
    /// there is one less than there are bytes, since all of them are no token.
    ///
    /// * `key`: the piece, the first byte lowest.
    #[inline(always)]
    #[must_use]
    pub fn tiny(&self, key: u64, length: usize) -> u64 {
        let [a, b, c, ..] = key.to_le_bytes();
        let apart = length == TINY && self.byte_pair(a, b) == NONE && self.byte_pair(b, c) == NONE;
        2 + u64::from(apart)
    }

    /// Whether characters are merged, and not bytes.
    #[inline(always)]
    #[must_use]
    pub fn merges_chars(&self) -> bool {
        !self.unit_pages.is_empty()
    }

    /// The id of the character that a text begins with, or [`NONE`] where it is no token, and its length in bytes.
    ///
    /// A byte that is no whole character is taken by itself.
    #[inline(always)]
    #[must_use]
    pub fn char_id(&self, text: &[u8]) -> (u32, usize) {
        let low = |byte: u8| u32::from(byte & 0x3f);
        let (code, length) = match *text {
            [a, ..] if a < 0x80 => (u32::from(a), 1),
            [a, b, ..] if a & 0xe0 == 0xc0 => (u32::from(a & 0x1f) << 6 | low(b), 2),
            [a, b, c, ..] if a & 0xf0 == 0xe0 => (u32::from(a & 0x0f) << 12 | low(b) << 6 | low(c), 3),
            [a, b, c, d, ..] if a & 0xf8 == 0xf0 => {
                (u32::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4)
            }
            _ => return (NONE, 1),
        };
        let page = self.unit_pages.get(code as usize / PAGE).copied().unwrap_or(0);
        let id = self.unit_ids.get(usize::from(page) * PAGE + code as usize % PAGE);
        (id.copied().unwrap_or(NONE), length)
    }

    /// Whether some token may have the two bytes of a text side by side, as far as ASCII goes.
    #[inline(always)]
    #[must_use]
    pub fn may_join(&self, first: u8, second: u8) -> bool {
        let at = follow_bit(first, second);
        self.follows[at >> 6] >> (at & 63) & 1 != 0
    }

    /// Tokens that characters which are none cost beyond one each: a token for each of their bytes.
    #[inline(always)]
    #[must_use]
    pub fn unknown(&self, piece: &[u8]) -> u64 {
        if self.merges_chars() { self.unknown_bytes(piece) } else { 0 }
    }

    fn unknown_bytes(&self, piece: &[u8]) -> u64 {
        let (mut at, mut more) = (0, 0);
        while at < piece.len() {
            let (id, length) = self.char_id(&piece[at..]);
            more += if id == NONE { length as u64 - 1 } else { 0 };
            at += length;
        }
        more
    }

    /// What two tokens merge into, or [`NONE`].
    #[inline(always)]
    #[must_use]
    pub fn pair(&self, first: u32, second: u32) -> u32 {
        self.pair_at(self.seek(pair_key(first, second)))
    }

    /// Where the answer for a pair lies, so that it can be asked for before it is needed.
    #[inline(always)]
    #[must_use]
    pub fn seek(&self, key: u64) -> Sought {
        let (pilot, hash) = pair_hash(key, self.factor);
        let pilot = self.pilots[pilot & ((1 << PILOT_BITS) - 1)];
        Sought { key, at: pair_place(hash, pilot, self.pairs.len()) as u32 }
    }

    /// The entry of a pair.
    #[inline(always)]
    #[must_use]
    pub fn entry(&self, sought: Sought) -> &u64 {
        &self.pairs[sought.at as usize & (self.pairs.len() - 1)]
    }

    /// What the two tokens merge into, or [`NONE`].
    #[inline(always)]
    #[must_use]
    pub fn pair_at(&self, sought: Sought) -> u32 {
        let entry = *self.entry(sought);
        if entry >> ID_BITS == sought.key { (entry & ((1 << ID_BITS) - 1)) as u32 } else { NONE }
    }

    /// Where the search for a piece in `rest` begins.
    #[inline(always)]
    #[must_use]
    pub fn rest_slot(&self, hash: u64) -> &u64 {
        &self.rest_slots[hash as usize & (self.rest_slots.len() - 1)]
    }

    /// Whether a piece of any length, with its [`hash_piece`], is a token that `short` and `long` had no room for.
    #[inline(always)]
    #[must_use]
    pub fn is_rest(&self, piece: &[u8], hash: u64) -> bool {
        let mask = self.rest_slots.len() - 1;
        let mut at = hash as usize & mask;
        // The table is at most half full, so a free slot ends every search; the bound is for a damaged file.
        for _ in 0..=mask {
            let slot = self.rest_slots[at];
            if slot == 0 {
                return false;
            }
            if slot >> 32 == hash >> 32 && rest_token(self.rest_bytes, slot as u32 as usize) == Some(piece) {
                return true;
            }
            at = (at + 1) & mask;
        }
        false
    }

    /// Whether no token reaches across the border between two characters of three bytes each.
    ///
    /// `first` and `second` are the bytes of the characters, the first byte highest.
    #[inline(always)]
    #[must_use]
    pub fn parts(&self, first: u32, second: u32) -> bool {
        let bit = |words: &[u64], at: usize| words[at >> 6] >> (at & 63) & 1;
        let chars = bit(self.chars, char_pair(first, second));
        let tail = bit(self.tails, tail_bit(first, second >> 8));
        let head = bit(self.heads, head_bit(first, second >> 16));
        chars | tail | head == 0
    }
}

/// A token of `rest`: two bytes of length, little endian, and the token.
fn rest_token(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let (length, after) = bytes.get(start..)?.split_first_chunk::<2>()?;
    after.get(..usize::from(u16::from_le_bytes(*length)))
}

/// Where the answer for a pair lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    key: u64,
    at: u32,
}

impl Sought {
    /// The answer is that there is no such pair.
    pub const NOTHING: Sought = Sought { key: u64::MAX, at: 0 };
}

/// The key of two neighbouring tokens.
#[inline(always)]
#[must_use]
pub const fn pair_key(first: u32, second: u32) -> u64 {
    (first as u64) << ID_BITS | second as u64
}

/// Which pilot a pair has, and the bits that the pilot moves.
#[inline(always)]
#[must_use]
pub const fn pair_hash(key: u64, factor: u64) -> (usize, u64) {
    let hash = key.wrapping_mul(factor);
    let hash = hash ^ hash >> 32;
    ((hash >> (64 - PILOT_BITS)) as usize, hash)
}

/// Where a pair lies.
#[inline(always)]
#[must_use]
pub const fn pair_place(hash: u64, pilot: u16, slots: usize) -> usize {
    (hash as usize ^ pilot as usize) & (slots - 1)
}

const MIX: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Hash of a key of `short`.
#[inline(always)]
#[must_use]
pub fn hash_short(key: [u64; 2]) -> u64 {
    fold(key[0] ^ MIX[0], key[1] ^ MIX[1])
}

/// Hash of a key of `long`.
#[inline(always)]
#[must_use]
pub fn hash_long(key: [u64; 4]) -> u64 {
    fold(key[0] ^ MIX[0], key[1] ^ MIX[1]) ^ fold(key[2] ^ MIX[2], key[3] ^ MIX[3])
}

/// Hash of a piece, by the key that it has.
#[must_use]
pub fn hash_piece(piece: &[u8]) -> u64 {
    match piece.len() {
        0..=SHORT => hash_short(short_key(piece)),
        16..=LONG => hash_long(long_key(piece)),
        _ => hash_bytes(piece),
    }
}

/// Hash of any bytes.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut block = [0; 8];
        block[..chunk.len()].copy_from_slice(chunk);
        hash = fold(hash ^ MIX[2], u64::from_le_bytes(block) ^ MIX[3]);
    }
    hash
}

/// The line of a hash in a table of a power of two of lines.
#[inline(always)]
#[must_use]
pub fn line(hash: u64, lines: usize) -> usize {
    (hash >> 40) as usize & (lines - 1)
}

/// What makes a key of sixteen bytes of text, by the length of the piece: two masks and what the second word gets.
///
/// A piece that is too long gets a key that no token has.
pub const KEYS: [[u64; 4]; SHORT + 2] = {
    let mut keys = [[u64::MAX, u64::MAX >> 8, 0xff << 56, 0]; SHORT + 2];
    let mut length = 0;
    while length <= SHORT {
        let bits = 8 * length as u32;
        let low = if length < 8 { (1 << bits) - 1 } else { u64::MAX };
        let high = if length > 8 { (1 << (bits - 64)) - 1 } else { 0 };
        keys[length] = [low, high, (length as u64) << 56, 0];
        length += 1;
    }
    keys
};

/// The key of a piece of at most [`SHORT`] bytes: the bytes, and the length in the last.
#[must_use]
pub fn short_key(piece: &[u8]) -> [u64; 2] {
    let tag = (piece.len() as u64) << 56;
    // Two reads that overlap say the same where they do: quicker than a copy of a length that is not known.
    match (piece.first_chunk::<8>(), piece.last_chunk::<8>()) {
        (Some(first), Some(last)) if piece.len() > 8 => {
            [u64::from_le_bytes(*first), u64::from_le_bytes(*last) >> (8 * (16 - piece.len())) | tag]
        }
        (Some(first), _) => [u64::from_le_bytes(*first), tag],
        _ => [up_to_seven(piece), tag],
    }
}

fn up_to_seven(piece: &[u8]) -> u64 {
    match (piece.first_chunk::<4>(), piece.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (piece.len() - 4))
        }
        _ => piece.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The key of a piece of at most [`LONG`] bytes: the bytes, room for a count, and the length.
#[must_use]
pub fn long_key(piece: &[u8]) -> [u64; 4] {
    let mut block = [[0; 8]; 4];
    block.as_flattened_mut()[..piece.len()].copy_from_slice(piece);
    block[3][7] = piece.len() as u8;
    block.map(u64::from_le_bytes)
}

/// The bit of two neighbouring bytes; all that are not ASCII share those of U+007F.
#[inline(always)]
#[must_use]
pub(crate) fn follow_bit(first: u8, second: u8) -> usize {
    usize::from(first.min(0x7f)) << 7 | usize::from(second.min(0x7f))
}

/// The bit of two whole neighbouring characters.
#[inline(always)]
#[must_use]
pub(crate) fn char_pair(first: u32, second: u32) -> usize {
    let both = u64::from(first) << 24 | u64::from(second);
    (both.wrapping_mul(MIX[0]) >> (64 - CHAR_BITS)) as usize
}

/// The bit of tokens that end inside the second character: the last byte of the first character, and two more.
#[inline(always)]
#[must_use]
pub(crate) fn tail_bit(first: u32, second: u32) -> usize {
    ((first & 0x3f) << 10 | (second >> 8 & 0xf) << 6 | (second & 0x3f)) as usize
}

/// The bit of tokens that begin inside the first character: its last two bytes, and the first of the second.
#[inline(always)]
#[must_use]
pub(crate) fn head_bit(first: u32, second: u32) -> usize {
    ((first >> 8 & 0x3f) << 10 | (first & 0x3f) << 4 | (second & 0xf)) as usize
}
