//! The rule of vocabularies that merge a text as a whole: a piece ends where no token has the two ASCII characters side by
//! side, such as a letter and a space after it.

use super::{Pattern, Starts, below};
use crate::fast::simd::Masks;
use crate::fast::tables::Tables;

/// SentencePiece vocabularies: Gemma, Llama 2, Mistral before Tekken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spaces;

impl Pattern for Spaces {
    #[inline]
    fn piece_end(tables: &Tables, text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let parted = rest.windows(2).position(|two| !tables.may_join(two[0], two[1]));
        parted.map_or(text.len(), |parted| at + parted + 1)
    }

    /// Looks at two neighbours where a cut is likely: at a space behind a letter or a digit, and beside signs. Letters that
    /// no token has side by side are not worth a look each, and make a piece no longer than its word.
    #[inline(always)]
    fn starts(tables: &Tables, m: &Masks, length: u32, last: bool, byte: impl Fn(u32) -> u8) -> Starts {
        let words = (m.upper | m.lower | m.digits) & !m.high;
        let signs = !(words | m.space | m.high);
        let ascii = !(m.high | m.high << 1) & below(length) & !1;
        let mut likely = (m.space & words << 1 | signs | signs << 1) & ascii;
        let mut bits = 1;
        while likely != 0 {
            let at = likely.trailing_zeros();
            likely &= likely - 1;
            bits |= u64::from(!tables.may_join(byte(at - 1), byte(at))) << at;
        }
        Starts { bits, certain: length, whole: last }
    }
}
