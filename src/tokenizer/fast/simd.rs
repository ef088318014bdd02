//! The few steps that a processor does for many bytes at once, for each processor that is known, and for any.
//!
//! This is the only module with `unsafe` code. What it offers is safe to call: a [`Level`] exists only where the
//! processor has been asked whether it can do it, and nothing outside of slices and arrays is ever read or written.
//!
//! Start reading at [`dispatch`].
#![expect(unsafe_code, reason = "vector instructions that depend on the processor, behind a safe trait")]

use super::tables::Line;

/// Which bytes of a block are of a class: one bit a byte, the first byte lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// `A` to `Z`.
    pub upper: u64,
    /// `a` to `z`.
    pub lower: u64,
    /// `0` to `9`.
    pub digits: u64,
    /// The space.
    pub space: u64,
    /// Tab, vertical tab, form feed.
    pub blank: u64,
    /// Carriage return, line feed.
    pub breaks: u64,
    /// `'`
    pub apostrophes: u64,
    /// `/`
    pub slashes: u64,
    /// Not ASCII, and none of the characters that are classified as well: letters with two bytes of Russian and of
    /// western Europe, whose bytes are both of their class, and dashes and quotation marks, which are punctuation.
    pub wide: u64,
    /// First bytes of punctuation of two bytes.
    pub doubles: u64,
    /// First bytes of punctuation of three bytes.
    pub triples: u64,
    /// Not ASCII, known or not.
    pub high: u64,
    /// Control characters of ASCII that are no white space.
    pub controls: u64,
}

impl Masks {
    /// The masks from one bit on, which becomes the lowest.
    #[inline(always)]
    #[must_use]
    pub fn from_bit(self, bit: u32) -> Masks {
        let from = |mask: u64| mask.checked_shr(bit).unwrap_or(0);
        Masks {
            upper: from(self.upper),
            lower: from(self.lower),
            digits: from(self.digits),
            space: from(self.space),
            blank: from(self.blank),
            breaks: from(self.breaks),
            apostrophes: from(self.apostrophes),
            slashes: from(self.slashes),
            wide: from(self.wide),
            doubles: from(self.doubles),
            triples: from(self.triples),
            high: from(self.high),
            controls: from(self.controls),
        }
    }
}

/// Bytes of a block that begin or go on the characters beyond ASCII that [`Masks`] knows.
#[derive(Clone, Copy, Default)]
struct Wide {
    /// 0x80 to 0x9e, 0x9f, 0xaf, 0xbf, each from 0x80 on.
    to_9e: u64,
    to_9f: u64,
    to_af: u64,
    to_bf: u64,
    /// 0x80, 0x90 to 0xa7, 0x97 and 0xb7, 0xab and 0xbb.
    is_80: u64,
    from_90_to_a7: u64,
    times: u64,
    quotes: u64,
    /// 0xc2, 0xc3, 0xd0, 0xd1, 0xe2.
    c2: u64,
    c3: u64,
    d0: u64,
    d1: u64,
    e2: u64,
}

impl Masks {
    /// Takes the characters beyond ASCII that are known out of `wide`.
    #[inline(always)]
    fn with(mut self, b: Wide) -> Masks {
        // U+0400 to U+042F are upper case and U+0430 to U+045F lower; so are U+00C0 to U+00DE and U+00DF to U+00FF,
        // but for the signs of multiplication and division.
        let upper = b.d0 & b.to_af >> 1 | b.c3 & (b.to_9e & !b.times) >> 1;
        let lower =
            b.d0 & (b.to_bf & !b.to_af) >> 1 | b.d1 & b.to_9f >> 1 | b.c3 & (b.to_bf & !b.to_9e & !b.times) >> 1;
        // « and », U+2010 to U+2027.
        self.doubles = b.c2 & b.quotes >> 1;
        self.triples = b.e2 & b.is_80 >> 1 & b.from_90_to_a7 >> 2;
        self.upper |= upper | upper << 1;
        self.lower |= lower | lower << 1;
        let two = upper | lower | self.doubles;
        let three = self.triples;
        self.wide &= !(two | two << 1 | three | three << 1 | three << 2);
        self
    }
}

/// Something that is done at the best level the processor has.
pub trait Job {
    /// What comes out.
    type Out;
    /// Does it. Must be `#[inline(always)]`, or it is compiled for any processor.
    fn run<L: Level>(self, level: L) -> Self::Out;
}

/// What a processor can do.
pub trait Level: Copy {
    /// Does a job at this level, in a function of its own.
    fn run<J: Job>(self, job: J) -> J::Out;

    /// Classifies a block.
    fn masks(self, block: &[u8; 64]) -> Masks;

    /// Writes `base` and the place of each bit that is set, ascending, and says how many there are.
    ///
    /// `out` has room for 64 places; what is behind those that are counted is undefined but initialised.
    #[inline(always)]
    fn places(self, mut bits: u64, base: u32, out: &mut [u32]) -> usize {
        let count = bits.count_ones() as usize;
        for place in out.iter_mut().take(count) {
            *place = base + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
        }
        count
    }

    /// Whether a line holds a key.
    #[inline(always)]
    fn holds(self, line: &Line, key: [u64; 2]) -> bool {
        line.as_chunks::<2>().0.iter().fold(false, |held, other| held | (*other == key))
    }

    /// Asks for a cache line that is going to be read.
    #[inline(always)]
    fn prefetch<T>(self, _line: &T) {}

    /// The lowest of some numbers.
    #[inline(always)]
    fn lowest<const N: usize>(self, numbers: &[u32; N]) -> u32 {
        numbers.iter().fold(u32::MAX, |lowest, number| lowest.min(*number))
    }
}

/// Any processor.
#[derive(Clone, Copy, Debug)]
pub struct Any;

/// One bit for each class, and none for what is punctuation, a control character or not ASCII.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' => 1,
            b'a'..=b'z' => 2,
            b'0'..=b'9' => 4,
            b' ' => 8,
            b'\t' | 0x0b | 0x0c => 16,
            b'\r' | b'\n' => 32,
            b'\'' => 64,
            b'/' => 128,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Turns eight bytes of eight bits into eight bytes that hold the first bits, the second bits and so on.
#[inline(always)]
fn transposed(rows: u64) -> u64 {
    let swap = |x: u64, mask: u64, by: u32| {
        let t = (x ^ x >> by) & mask;
        x ^ t ^ t << by
    };
    let x = swap(rows, 0x00aa_00aa_00aa_00aa, 7);
    let x = swap(x, 0x0000_cccc_0000_cccc, 14);
    swap(x, 0x0000_0000_f0f0_f0f0, 28)
}

impl Level for Any {
    #[inline(never)]
    fn run<J: Job>(self, job: J) -> J::Out {
        job.run(self)
    }

    #[inline(always)]
    fn masks(self, block: &[u8; 64]) -> Masks {
        let mut found = [0_u64; 8];
        let (mut wide, mut controls) = (0, 0);
        for (at, eight) in block.as_chunks::<8>().0.iter().enumerate() {
            let bits = transposed(u64::from_le_bytes(eight.map(|byte| CLASSES[usize::from(byte)]))).to_le_bytes();
            found.iter_mut().zip(bits).for_each(|(mask, bits)| *mask |= u64::from(bits) << (8 * at));
            let eight = u64::from_le_bytes(*eight);
            let gathered = |tops: u64| {
                (((tops & 0x8080_8080_8080_8080) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at)
            };
            wide |= gathered(eight);
            // The top bit of each byte that is no more than 0x1f, or 0x7f.
            let low = eight & 0x7f7f_7f7f_7f7f_7f7f;
            let seen = (low + 0x6060_6060_6060_6060) & !(low + 0x0101_0101_0101_0101);
            controls |= gathered(!seen & !eight);
        }
        let controls = controls & !found[4] & !found[5];
        let [upper, lower, digits, space, blank, breaks, apostrophes, slashes] = found;
        Masks {
            upper,
            lower,
            digits,
            space,
            blank,
            breaks,
            apostrophes,
            slashes,
            wide,
            high: wide,
            controls,
            ..Masks::default()
        }
    }
}

/// Does a job at the best level there is.
#[inline]
pub fn dispatch<J: Job>(job: J) -> J::Out {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(level) = x86::Avx512::detect() {
            return level.run(job);
        }
        if let Some(level) = x86::Avx2::detect() {
            return level.run(job);
        }
    }
    Any.run(job)
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    //! Levels of x86-64.

    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::*;

    use super::{CLASSES, Job, Level, Line, Masks, Wide};

    /// Processors from 2019 on: Ice Lake, Zen 4 and later.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512(());

    impl Avx512 {
        /// This level, where the processor has it.
        #[inline]
        pub fn detect() -> Option<Self> {
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
                masks.with(Wide {
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
    pub struct Avx2(());

    impl Avx2 {
        /// This level, where the processor has it.
        #[inline]
        pub fn detect() -> Option<Self> {
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
                masks.with(Wide {
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
}
