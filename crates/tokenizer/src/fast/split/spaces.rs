//! The rule of vocabularies that merge a text as a whole: a piece ends where no token has the two ASCII characters side by
//! side, such as a letter and a space after it.

use super::{Pattern, Starts};
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

    #[inline(always)]
    fn starts(_: &Masks, _: u32, _: bool, _: impl Fn(u32) -> u8) -> Starts {
        Starts { bits: 1, certain: 0, whole: false }
    }
}
