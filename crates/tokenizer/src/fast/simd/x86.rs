//! Levels of x86-64.
#![expect(unsafe_code, reason = "vector instructions that depend on the processor, behind a safe trait")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

use super::{CLASSES, Job, Level, Line, Masks, WideLevel};

/// Processors from 2019 on: Ice Lake, Zen 4 and later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// This level, where the processor has it.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        all.then_some(Avx512(()))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
    fn compiled<J: Job>(self, job: J) -> J::Out {
        job.run(self)
    }
}

impl Level for Avx512 {
    #[inline]
    fn run<J: Job>(self, job: J) -> J::Out {
        // SAFETY: `detect` has found every feature that the function is compiled for.
        unsafe { self.compiled(job) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; 64]) -> Masks {
        // SAFETY: the features are there, see `detect`; both loads read 64 bytes of arrays that have as many.
        unsafe {
            let bytes = _mm512_loadu_si512(block.as_ptr().cast());
            let low = _mm512_loadu_si512(CLASSES.as_ptr().cast());
            let high = _mm512_loadu_si512(CLASSES.as_ptr().add(64).cast());
            let wide = _mm512_movepi8_mask(bytes);
            let class = _mm512_maskz_permutex2var_epi8(!wide, low, bytes, high);
            let of = |bit: i8| _mm512_test_epi8_mask(class, _mm512_set1_epi8(bit));
            let controls = |bytes, class| {
                let low = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(b' ' as i8));
                (low | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(0x7f))) & !_mm512_test_epi8_mask(class, class)
            };
            let masks = Masks {
                upper: of(1),
                lower: of(2),
                digits: of(4),
                space: of(8),
                blank: of(16),
                breaks: of(32),
                apostrophes: of(64),
                slashes: of(-128),
                wide,
                high: wide,
                controls: controls(bytes, class),
                ..Masks::default()
            };
            if wide == 0 {
                return masks;
            }
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
            let to = |last: u8| wide & _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(last as i8));
            masks.with(WideLevel {
                to_9e: to(0x9e),
                to_9f: to(0x9f),
                to_af: to(0xaf),
                to_bf: to(0xbf),
                is_80: is(0x80),
                from_90_to_a7: to(0xa7) & !to(0x8f),
                times: is(0x97) | is(0xb7),
                quotes: is(0xab) | is(0xbb),
                c2: is(0xc2),
                c3: is(0xc3),
                d0: is(0xd0),
                d1: is(0xd1),
                e2: is(0xe2),
            })
        }
    }

    #[inline(always)]
    fn places(self, bits: u64, base: u32, out: &mut [u32]) -> usize {
        let count = bits.count_ones() as usize;
        let Some(out) = out.first_chunk_mut::<64>() else { return 0 };
        // SAFETY: the features are there, see `detect`; each store writes 16 of the 64 numbers of the array.
        unsafe {
            let numbers = _mm512_setr_epi64(
                0x0706_0504_0302_0100,
                0x0f0e_0d0c_0b0a_0908,
                0x1716_1514_1312_1110,
                0x1f1e_1d1c_1b1a_1918,
                0x2726_2524_2322_2120,
                0x2f2e_2d2c_2b2a_2928,
                0x3736_3534_3332_3130,
                0x3f3e_3d3c_3b3a_3938,
            );
            let places = _mm512_maskz_compress_epi8(bits, numbers);
            let base = _mm512_set1_epi32(base as i32);
            let wide = |sixteen: __m128i| _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), base);
            let at = out.as_mut_ptr();
            _mm512_storeu_si512(at.cast(), wide(_mm512_castsi512_si128(places)));
            _mm512_storeu_si512(at.add(16).cast(), wide(_mm512_extracti32x4_epi32::<1>(places)));
            if count > 32 {
                _mm512_storeu_si512(at.add(32).cast(), wide(_mm512_extracti32x4_epi32::<2>(places)));
                _mm512_storeu_si512(at.add(48).cast(), wide(_mm512_extracti32x4_epi32::<3>(places)));
            }
        }
        count
    }

    #[inline(always)]
    fn holds(self, line: &Line, key: [u64; 2]) -> bool {
        // SAFETY: the features are there, see `detect`; the load reads the 64 bytes of the line.
        unsafe {
            let line = _mm512_loadu_si512(line.as_ptr().cast());
            let key = _mm_set_epi64x(key[1] as i64, key[0] as i64);
            let same = _mm512_cmpeq_epi64_mask(line, _mm512_broadcast_i64x2(key));
            same & same >> 1 & 0x55 != 0
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, line: &T) {
        // SAFETY: prefetching reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()) }
    }
}

/// Processors from 2013 on: Haswell, Zen and later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// This level, where the processor has it.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        all.then_some(Avx2(()))
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn compiled<J: Job>(self, job: J) -> J::Out {
        job.run(self)
    }
}

impl Level for Avx2 {
    #[inline]
    fn run<J: Job>(self, job: J) -> J::Out {
        // SAFETY: `detect` has found every feature that the function is compiled for.
        unsafe { self.compiled(job) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; 64]) -> Masks {
        // SAFETY: the features are there, see `detect`; each load reads 32 of the 64 bytes of the array.
        unsafe {
            let low = _mm256_loadu_si256(block.as_ptr().cast());
            let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
            let bits = |found: __m256i| u64::from(_mm256_movemask_epi8(found) as u32);
            let both = |found: [__m256i; 2]| bits(found[0]) | bits(found[1]) << 32;
            let is = |byte: u8| {
                let byte = _mm256_set1_epi8(byte as i8);
                both([_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte)])
            };
            // As signed numbers, bytes beyond ASCII are below every other, in their own order.
            let over = |last: u8| {
                let last = _mm256_set1_epi8(last as i8);
                both([_mm256_cmpgt_epi8(low, last), _mm256_cmpgt_epi8(high, last)])
            };
            let wide = both([low, high]);
            let masks = Masks {
                upper: over(b'A' - 1) & !over(b'Z'),
                lower: over(b'a' - 1) & !over(b'z'),
                digits: over(b'0' - 1) & !over(b'9'),
                space: is(b' '),
                blank: is(b'\t') | over(0x0a) & !over(0x0c),
                breaks: is(b'\r') | is(b'\n'),
                apostrophes: is(b'\''),
                slashes: is(b'/'),
                wide,
                high: wide,
                controls: is(0x7f) | !wide & !over(0x1f) & !(over(0x08) & !over(0x0d)),
                ..Masks::default()
            };
            if wide == 0 {
                return masks;
            }
            let to = |last: u8| wide & !over(last);
            masks.with(WideLevel {
                to_9e: to(0x9e),
                to_9f: to(0x9f),
                to_af: to(0xaf),
                to_bf: to(0xbf),
                is_80: is(0x80),
                from_90_to_a7: to(0xa7) & !to(0x8f),
                times: is(0x97) | is(0xb7),
                quotes: is(0xab) | is(0xbb),
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
        // SAFETY: the features are there, see `detect`; each load reads 32 of the 64 bytes of the line.
        unsafe {
            let key = _mm256_broadcastsi128_si256(_mm_set_epi64x(key[1] as i64, key[0] as i64));
            let of = |from: usize| {
                let two = _mm256_loadu_si256(line.as_ptr().add(from).cast());
                _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(two, key)))
            };
            let same = of(0) | of(4) << 4;
            same & same >> 1 & 0x55 != 0
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, line: &T) {
        // SAFETY: prefetching reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()) }
    }
}
