//! Levels of 64-bit ARM.
#![expect(unsafe_code, reason = "vector instructions that depend on the processor, behind a safe trait")]

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::{Job, Level, Line, Masks, WideLevel};

/// Nearly every processor of this kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

impl Neon {
    /// This level, where the processor has it.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        // Bytes are taken as halves of wider numbers below.
        let all = cfg!(target_endian = "little") && is_aarch64_feature_detected!("neon");
        all.then_some(Neon(()))
    }

    #[target_feature(enable = "neon")]
    fn compiled<J: Job>(self, job: J) -> J::Out {
        job.run(self)
    }
}

/// The top bit of each byte, the first byte lowest. The bytes are dealt out to the four vectors in turn.
#[inline]
#[target_feature(enable = "neon")]
fn top_bits([a, b, c, d]: [uint8x16_t; 4]) -> u64 {
    // The bits of four neighbours in the upper half of a byte, then in both halves, then those of eight in a byte.
    let four = vsriq_n_u8::<2>(vsriq_n_u8::<1>(d, c), vsriq_n_u8::<1>(b, a));
    let twice = vreinterpretq_u16_u8(vsriq_n_u8::<4>(four, four));
    vget_lane_u64::<0>(vreinterpret_u64_u8(vshrn_n_u16::<4>(twice)))
}

impl Level for Neon {
    #[inline]
    fn run<J: Job>(self, job: J) -> J::Out {
        // SAFETY: `detect` has found the feature that the function is compiled for.
        unsafe { self.compiled(job) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; 64]) -> Masks {
        // SAFETY: the feature is there, see `detect`; the load reads the 64 bytes of the array.
        unsafe {
            let uint8x16x4_t(a, b, c, d) = vld4q_u8(block.as_ptr());
            let bytes = [a, b, c, d];
            let is = |byte: u8| top_bits(bytes.map(|bytes| vceqq_u8(bytes, vdupq_n_u8(byte))));
            let either = |one: u8, other: u8| {
                let of = |bytes| vorrq_u8(vceqq_u8(bytes, vdupq_n_u8(one)), vceqq_u8(bytes, vdupq_n_u8(other)));
                top_bits(bytes.map(of))
            };
            let within = |first: u8, last: u8| {
                let of = |bytes| vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(first)), vdupq_n_u8(last - first));
                top_bits(bytes.map(of))
            };
            let wide = top_bits(bytes);
            let breaks = either(b'\r', b'\n');
            let from_tab_to_return = within(b'\t', b'\r');
            let masks = Masks {
                upper: within(b'A', b'Z'),
                lower: within(b'a', b'z'),
                digits: within(b'0', b'9'),
                space: is(b' '),
                blank: from_tab_to_return & !breaks,
                breaks,
                apostrophes: is(b'\''),
                slashes: is(b'/'),
                wide,
                high: wide,
                controls: is(0x7f) | within(0, 0x1f) & !from_tab_to_return,
                ..Masks::default()
            };
            if wide == 0 {
                return masks;
            }
            masks.with(WideLevel {
                to_9e: within(0x80, 0x9e),
                to_9f: within(0x80, 0x9f),
                to_af: within(0x80, 0xaf),
                to_bf: within(0x80, 0xbf),
                is_80: is(0x80),
                from_90_to_a7: within(0x90, 0xa7),
                times: either(0x97, 0xb7),
                quotes: either(0xab, 0xbb),
                c2: is(0xc2),
                c3: is(0xc3),
                d0: is(0xd0),
                d1: is(0xd1),
                e2: is(0xe2),
            })
        }
    }

    #[inline(always)]
    fn holds(self, line: &Line, key: [u64; 2]) -> bool {
        // SAFETY: the feature is there, see `detect`; the loads read the 16 bytes of the key and each 16 of the 64 of the
        // line.
        unsafe {
            let key = vld1q_u64(key.as_ptr());
            let same = |from: usize| vreinterpretq_u32_u64(vceqq_u64(vld1q_u64(line.as_ptr().add(from)), key));
            // A number for each place of the line that is zero unless all of it is the same.
            let places = vpminq_u32(vpminq_u32(same(0), same(2)), vpminq_u32(same(4), same(6)));
            vmaxvq_u32(places) != 0
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, line: &T) {
        // SAFETY: prefetching is a hint that reads nothing and fails nowhere, whatever the address.
        unsafe {
            let line = std::ptr::from_ref(line);
            asm!("prfm pldl1keep, [{line}]", line = in(reg) line, options(nomem, nostack, preserves_flags));
        }
    }
}
