//! The few steps that a processor does for many bytes at once, for each processor that is known, and for any.
//!
//! Its modules for one kind of processor each are the only ones with `unsafe` code. What they offer is safe to call: a
//! [`Level`] exists only where the processor has been asked whether it can do it, and nothing outside of slices and
//! arrays is ever read or written.
//!
//! Start reading at [`dispatch`].

use super::tables::Line;

#[cfg(target_arch = "aarch64")]
pub(crate) mod arm;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// Which bytes of a block are of a class: one bit a byte, the first byte lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
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
    pub(crate) fn starting_at(self, bit: u32) -> Masks {
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
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy, Default)]
struct WideLevel {
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

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Masks {
    /// Takes the characters beyond ASCII that are known out of `wide`.
    #[inline(always)]
    fn with(mut self, b: WideLevel) -> Masks {
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
pub(crate) trait Job {
    /// What comes out.
    type Out;
    /// Does it. Must be `#[inline(always)]`, or it is compiled for any processor.
    fn run<L: Level>(self, level: L) -> Self::Out;
}

/// What a processor can do.
pub(crate) trait Level: Copy {
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
pub(crate) struct Any;

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
pub(crate) fn dispatch<J: Job>(job: J) -> J::Out {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(level) = x86::Avx512::detect() {
            return level.run(job);
        }
        if let Some(level) = x86::Avx2::detect() {
            return level.run(job);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(level) = arm::Neon::detect() {
        return level.run(job);
    }
    Any.run(job)
}
