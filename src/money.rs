//! Money as exact decimals: [`Usd`] amounts and the decimals they are made of.
//!
//! Nothing here is ever a float. Amounts are exact wherever the decimal expansion ends; where a division does not
//! end (a price per 3 600 seconds, say) the amount is rounded half to even at [`ROUNDED_SCALE`] digits behind the
//! point, once per line item, and a total is the sum of its line items, so that a receipt always re-adds.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits behind the point that an amount keeps when its exact value has no end.
pub const ROUNDED_SCALE: u32 = 18;

/// An amount in US dollars.
///
/// Serialises as a decimal string without trailing zeros, never as a number.
///
/// # Examples
/// ```
/// use farebox::money::Usd;
/// let total: Usd = ["0.005", "0.06", "0.012"].iter().map(|s| s.parse::<Usd>().unwrap()).sum();
/// assert_eq!(total.to_string(), "0.077");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(Decimal);

impl Usd {
    /// No money at all.
    pub const ZERO: Usd = Usd(Decimal::ZERO);

    /// Wraps a decimal amount of dollars.
    #[must_use]
    pub const fn new(amount: Decimal) -> Self {
        Usd(amount)
    }

    /// The amount as a decimal number of dollars.
    #[must_use]
    pub const fn amount(self) -> Decimal {
        self.0
    }

    /// Adds, or `None` where the sum has more digits than a decimal holds.
    #[must_use]
    pub fn checked_add(self, other: Usd) -> Option<Usd> {
        self.0.checked_add(other.0).map(Usd)
    }

    /// Multiplies by a plain number, or `None` on overflow.
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Usd> {
        self.0.checked_mul(factor).map(Usd)
    }

    /// Text for people: cents where cents say it all, otherwise the first four significant digits.
    ///
    /// Machine forms use [`fmt::Display`], which never rounds.
    #[must_use]
    pub fn for_people(self) -> String {
        let amount = self.0.normalize();
        if amount.scale() <= 2 {
            return format!("${:.2}", amount);
        }
        let size = amount.abs();
        if size >= Decimal::ONE_HUNDRED {
            return format!("${}", amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
        }
        let rounded =
            amount.round_sf_with_strategy(4, RoundingStrategy::MidpointAwayFromZero).unwrap_or(amount).normalize();
        if rounded.scale() < 2 { format!("${rounded:.2}") } else { format!("${rounded}") }
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(iter: I) -> Usd {
        iter.fold(Usd::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

impl std::str::FromStr for Usd {
    type Err = DecimalTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_decimal(text).map(Usd)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not a decimal number of the one spelling that farebox reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalTextError {
    /// Nothing, or something other than digits with at most one point between them.
    #[error("is not a decimal number: write digits with at most one point, such as \"2.50\"")]
    NotDecimal,
    /// More digits than fit (28).
    #[error("has more digits than the 28 a price may have")]
    TooLong,
    /// A leading minus.
    #[error("is negative: a price or quantity is zero or more")]
    Negative,
}

/// Reads a decimal in its one accepted spelling: digits, at most one point, no sign, exponent, space or underscore.
///
/// # Errors
/// [`DecimalTextError`] for every other spelling, and for more than 28 digits: a digit is never dropped silently.
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalTextError> {
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if parse_decimal(rest).is_ok() {
            DecimalTextError::Negative
        } else {
            DecimalTextError::NotDecimal
        });
    }
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return Err(DecimalTextError::NotDecimal);
    }
    Decimal::from_str_exact(text).map_err(|_| DecimalTextError::TooLong)
}

/// A decimal that serialises as its digits: a string for people, mantissa and scale in the embedded table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(pub Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0.normalize())
        } else {
            (self.0.mantissa(), self.0.scale()).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return parse_decimal(&text).map(Exact).map_err(|e| D::Error::custom(format!("{text:?} {e}")));
        }
        let (mantissa, scale) = <(i128, u32)>::deserialize(deserializer)?;
        Decimal::try_from_i128_with_scale(mantissa, scale).map(Exact).map_err(D::Error::custom)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.normalize())
    }
}

/// Quantity × price ÷ per, exact where the result ends, otherwise rounded half to even at [`ROUNDED_SCALE`].
///
/// # Errors
/// `None` where the product has more digits than a decimal holds.
///
/// # Examples
/// ```
/// use farebox::money::amount;
/// use rust_decimal::Decimal;
/// // 48 000 cached tokens at $1.25 per million: 48000 × 1.25 ÷ 1000000 = 0.06
/// let usd = amount(Decimal::from(48_000), "1.25".parse().unwrap(), 1_000_000).unwrap();
/// assert_eq!(usd.to_string(), "0.06");
/// ```
#[must_use]
pub fn amount(quantity: Decimal, price: Decimal, per: u64) -> Option<Usd> {
    // Decimal's own product drops digits beyond 28 without a word, so the digits are multiplied as integers.
    let (mut mantissa, mut scale) =
        (quantity.mantissa().checked_mul(price.mantissa())?, quantity.scale() + price.scale());
    let shift = power_of_ten(per);
    scale += shift.unwrap_or(0);
    while scale > 0 && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    let product = Decimal::try_from_i128_with_scale(mantissa, scale).ok()?;
    if shift.is_some() { Some(Usd(product)) } else { divide(product, per) }
}

fn divide(product: Decimal, per: u64) -> Option<Usd> {
    let quotient = product.checked_div(Decimal::from(per))?;
    if quotient.checked_mul(Decimal::from(per)) == Some(product) {
        return Some(Usd(quotient));
    }
    Some(Usd(quotient.round_dp_with_strategy(ROUNDED_SCALE, RoundingStrategy::MidpointNearestEven)))
}

const fn power_of_ten(per: u64) -> Option<u32> {
    match per {
        1 => Some(0),
        1_000 => Some(3),
        1_000_000 => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn a_decimal_has_one_spelling() {
        for (text, want) in [("0", dec!(0)), ("2.50", dec!(2.50)), ("0.0028", dec!(0.0028)), ("010", dec!(10))] {
            assert_eq!(parse_decimal(text), Ok(want), "{text}");
        }
        for text in ["", ".", ".5", "5.", "1e-7", "1_000", "+1", " 1", "1 ", "0x1", "NaN", "1,5", "--1", "-"] {
            assert_eq!(parse_decimal(text), Err(DecimalTextError::NotDecimal), "{text}");
        }
        assert_eq!(parse_decimal("-1"), Err(DecimalTextError::Negative));
        assert_eq!(parse_decimal("0.00000000000000000000000000001"), Err(DecimalTextError::TooLong));
    }

    #[test]
    fn a_division_without_end_is_rounded_once_and_the_same_everywhere() {
        // 10 s at $0.111 an hour: 10 × 0.111 ÷ 3600 = 0.000308333…
        assert_eq!(amount(dec!(10), dec!(0.111), 3600).unwrap().to_string(), "0.000308333333333333");
        assert_eq!(amount(dec!(36), dec!(0.111), 3600).unwrap().to_string(), "0.00111");
    }

    #[test]
    fn a_digit_is_never_lost_silently() {
        let price = parse_decimal("3.0000000000000001").unwrap();
        assert_eq!(amount(dec!(1), price, 1).unwrap().to_string(), "3.0000000000000001");
        assert_eq!(amount(dec!(1000000000000), price, 1_000_000).unwrap().to_string(), "3000000.0000000001");
        let longest = parse_decimal("1.111111111111111111111111111").unwrap();
        assert_eq!(amount(dec!(1234567), longest, 1_000_000), None);
    }

    #[test]
    fn people_see_cents_or_four_digits() {
        let cases = [
            ("0", "$0.00"),
            ("0.4", "$0.40"),
            ("0.00375", "$0.00375"),
            ("0.0000123456", "$0.00001235"),
            ("1234.5678", "$1234.57"),
            ("12.3456", "$12.35"),
            ("12.9999", "$13.00"),
        ];
        for (exact, shown) in cases {
            assert_eq!(exact.parse::<Usd>().unwrap().for_people(), shown, "{exact}");
        }
    }
}
