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
        // `100-300` and `1k–2k` are ranges too: no number of tokens has a sign.
        let border = if text.contains("..") {
            ".."
        } else {
            ["–", "-"].into_iter().find(|b| text.contains(b)).unwrap_or("..")
        };
        let parts = text.split(border).map(|part| whole(part).ok_or_else(error)).collect::<Result<Vec<u64>, _>>()?;
        let range = match parts[..] {
            [n] => Range::exactly(n),
            [low, high] => Range { low, expected: u64::midpoint(low, high), high },
            [low, expected, high] => Range { low, expected, high },
            _ => return Err(error()),
        };
        if range.low <= range.expected && range.expected <= range.high { Ok(range) } else { Err(error()) }
    }
}

/// A whole number as people type one: `2000`, `2_000`, `2,000`, `2k`, `1.5M`; `None` for anything else.
///
/// A comma or a point that could be either sign of some locale is not guessed: `1,5` and `1.000.000` are no numbers.
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1_000),
        (at, 'm' | 'M') => (&text[..at], 1_000_000),
        (at, 'b' | 'B' | 'g' | 'G') => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let digits = without_groups(digits.trim_end())?;
    if factor == 1 {
        return digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    }
    let number = crate::money::parse_decimal(&digits).ok()?.checked_mul(Decimal::from(factor))?;
    if number.fract().is_zero() { u64::try_from(number).ok() } else { None }
}

/// The digits without the signs between groups: underscores anywhere inside, commas between groups of three.
fn without_groups(text: &str) -> Option<String> {
    if text.contains(',') {
        let (whole, _) = text.split_once('.').unwrap_or((text, ""));
        let mut groups = whole.split(',');
        let first = groups.next()?;
        let fits = (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|group| group.len() == 3);
        return fits.then(|| text.replace(',', ""));
    }
    let fits = text.starts_with(|c: char| c.is_ascii_digit());
    fits.then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        let cases = [
            ("500", Some(500)),
            (" 2_000 ", Some(2_000)),
            ("10,000", Some(10_000)),
            ("1,234,567", Some(1_234_567)),
            ("1k", Some(1_000)),
            ("1.5k", Some(1_500)),
            ("2M", Some(2_000_000)),
            ("2 m", Some(2_000_000)),
            ("0.25B", Some(250_000_000)),
            ("0", Some(0)),
            ("1,5", None),
            ("1.000.000", None),
            ("1.5", None),
            ("1.0005k", None),
            ("-5", None),
            ("+5", None),
            ("k", None),
            ("", None),
            ("1e3", None),
            ("0,000", None),
            ("99999999999999999999", None),
            ("99999999999999999999B", None),
        ];
        for (text, want) in cases {
            assert_eq!(whole(text), want, "{text:?}");
        }
    }

    #[test]
    fn ranges_are_read_as_people_type_them() {
        let cases = [
            ("100-300", Some((100, 200, 300))),
            ("1k..2k", Some((1_000, 1_500, 2_000))),
            ("100–300", Some((100, 200, 300))),
            ("1k-1.2k-2k", Some((1_000, 1_200, 2_000))),
            ("300-100", None),
            ("-300", None),
            ("1-2-3-4", None),
            ("..", None),
        ];
        for (text, want) in cases {
            let read = text.parse::<Range<u64>>().ok().map(|range| (range.low, range.expected, range.high));
            assert_eq!(read, want, "{text:?}");
        }
    }
}
