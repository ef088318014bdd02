//! What kind of character a code point is, as far as splitting asks. The table comes from the Unicode data of
//! `regex-syntax`, which the reference tokenizers split with; the build lays it out.

static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.bin"));

/// One bit for each character of up to three bytes: whether it is a letter without case.
static CASELESS: &[u8; 1 << 13] = include_bytes!(concat!(env!("OUT_DIR"), "/caseless.bin"));

/// Code points whose kinds stand together in the table.
const PAGE: usize = 256;

/// Bytes of the list of pages, one for every 256 code points.
const PAGES: usize = 0x11_0000 / PAGE;

/// The kind of a character; the names are Unicode's where it has one.
pub(crate) mod kind {
    /// Upper case and title case letter.
    pub(crate) const UPPER: u8 = 0;
    /// Lower case letter.
    pub(crate) const LOWER: u8 = 1;
    /// Letter without case, modifier letter.
    pub(crate) const CASELESS: u8 = 2;
    /// Mark.
    pub(crate) const MARK: u8 = 3;
    /// Number.
    pub(crate) const NUMBER: u8 = 4;
    /// The space U+0020.
    pub(crate) const SPACE: u8 = 5;
    /// Other white space within a line.
    pub(crate) const BLANK: u8 = 6;
    /// Carriage return and line feed.
    pub(crate) const BREAK: u8 = 7;
    /// Everything else.
    pub(crate) const OTHER: u8 = 8;
    /// The end of the text.
    pub(crate) const END: u8 = 9;
    /// The bits that hold the kind.
    pub(crate) const BITS: u8 = 0x0f;
    /// Set beside the kind of a Han character.
    pub(crate) const HAN: u8 = 0x10;
    /// Set beside the kind of the ideographs and kana that DeepSeek sets apart.
    pub(crate) const APART: u8 = 0x20;
    /// Set beside the kind of punctuation and symbols.
    pub(crate) const SIGN: u8 = 0x40;
}

/// The kind and flags of a code point.
#[inline(always)]
#[must_use]
pub(crate) fn of(code: u32) -> u8 {
    let page = usize::from(TABLE[(code as usize / PAGE).min(PAGES - 1)]);
    TABLE[PAGES + page * PAGE + code as usize % PAGE]
}

/// The kind and flags of the character that begins at a byte of a UTF-8 text, and its length in bytes.
#[inline(always)]
#[must_use]
pub(crate) fn at(text: &[u8], at: usize) -> (u8, usize) {
    let rest = text.get(at..).unwrap_or_default();
    let low = |byte: u8| u32::from(byte & 0x3f);
    match *rest {
        [] => (kind::END, 0),
        [a, ..] if a < 0x80 => (of(u32::from(a)), 1),
        [a, b, ..] if a < 0xe0 => (of(u32::from(a & 0x1f) << 6 | low(b)), 2),
        [a, b, c, ..] if a < 0xf0 => (of(u32::from(a & 0x0f) << 12 | low(b) << 6 | low(c)), 3),
        [a, b, c, d, ..] => (of(u32::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d)), 4),
        [..] => (kind::OTHER, rest.len()),
    }
}

/// The end of a run of letters without case that have three bytes each, as ideographs, kana and hangul have.
#[inline(always)]
#[must_use]
pub(crate) fn caseless_end(text: &[u8], mut at: usize) -> usize {
    while let Some([a @ 0xe0..=0xef, b, c]) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let code = usize::from(a & 0x0f) << 12 | usize::from(b & 0x3f) << 6 | usize::from(c & 0x3f);
        if CASELESS[code >> 3] >> (code & 7) & 1 == 0 {
            break;
        }
        at += 3;
    }
    at
}
