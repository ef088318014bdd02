//! A number that is known, or assumed between two bounds: [`Range`].

use std::fmt;
use std::ops::Add;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::tokenizer::TokenCount;

/// A number that is known, or assumed between two bounds: `low ≤ expected ≤ high`.
///
/// `expected` is the best guess; where a range is drawn from, it is the mean.
///
/// # Examples
/// ```
/// use farebox::range::Range;
/// assert_eq!("500".parse::<Range<u64>>().unwrap(), Range::exactly(500));
/// let tokens: Range<u64> = "200..800".parse().unwrap();
/// assert_eq!((tokens.low, tokens.expected, tokens.high), (200, 500, 800));
/// assert_eq!("200..300..800".parse::<Range<u64>>().unwrap().expected, 300);
/// assert!("800..200".parse::<Range<u64>>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// At least this.
    pub low: T,
    /// The best guess, or the mean.
    pub expected: T,
    /// At most this.
    pub high: T,
}

impl<T: Copy> Range<T> {
    /// A number that is known.
    #[must_use]
    pub const fn exactly(n: T) -> Self {
        Range { low: n, expected: n, high: n }
    }

    /// The range with every value changed by the same rising function.
    #[must_use]
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Range<U> {
        Range { low: f(self.low), expected: f(self.expected), high: f(self.high) }
    }
}

impl<T: PartialEq> Range<T> {
    /// Whether the bounds differ.
    #[must_use]
    pub(crate) fn is_range(&self) -> bool {
        self.low != self.high
    }
}

impl Range<u64> {
    /// Each number that many times.
    #[must_use]
    pub(crate) fn times(self, n: u64) -> Self {
        self.map(|number| number.saturating_mul(n))
    }
}

impl Range<Decimal> {
    /// The product with a number.
    #[must_use]
    pub(crate) fn times(self, factor: Decimal) -> Self {
        self.map(|n| n.saturating_mul(factor))
    }

    /// The range in whole units, of which there are so many in one.
    #[must_use]
    pub(crate) fn in_units(self, unit: i128) -> Range<i64> {
        let unit = Decimal::from(u64::try_from(unit).unwrap_or(1));
        self.map(|n| i64::try_from(n.saturating_mul(unit).round()).unwrap_or(i64::MAX))
    }
}

impl Add for Range<u64> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Range {
            low: self.low.saturating_add(other.low),
            expected: self.expected.saturating_add(other.expected),
            high: self.high.saturating_add(other.high),
        }
    }
}

impl Add for Range<i64> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Range {
            low: self.low.saturating_add(other.low),
            expected: self.expected.saturating_add(other.expected),
            high: self.high.saturating_add(other.high),
        }
    }
}

/// `300`, or `150..300..600`.
impl fmt::Display for Range<Decimal> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_range() {
            false => write!(f, "{}", self.expected.normalize()),
            true => {
                write!(f, "{}..{}..{}", self.low.normalize(), self.expected.normalize(), self.high.normalize())
            }
        }
    }
}

impl From<TokenCount> for Range<u64> {
    fn from(count: TokenCount) -> Self {
        Range { low: count.low, expected: count.tokens, high: count.high }
    }
}

/// Why a text is not a [`Range`] of tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of tokens: write 500, 200..800 (low..high) or 200..300..800 (low..expected..high)")]
pub struct RangeTextError(String);

impl FromStr for Range<u64> {
    type Err = RangeTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RangeTextError(text.to_owned());
        let number = |part: &str| part.trim().replace('_', "").parse::<u64>().map_err(|_| error());
        let parts = text.split("..").map(number).collect::<Result<Vec<u64>, _>>()?;
        let range = match parts[..] {
            [n] => Range::exactly(n),
            [low, high] => Range { low, expected: u64::midpoint(low, high), high },
            [low, expected, high] => Range { low, expected, high },
            _ => return Err(error()),
        };
        if range.low <= range.expected && range.expected <= range.high { Ok(range) } else { Err(error()) }
    }
}
