//! Money as exact decimals: [`Usd`] amounts and the decimals they are made of.
//!
//! Nothing here is ever a float. Amounts are exact wherever the decimal expansion ends; where a division does not
//! end (a price per 3 600 seconds, say) the amount is rounded half to even at [`ROUNDED_SCALE`] digits behind the
//! point, once per line item, and a total is the sum of its line items, so that a receipt always re-adds. Line items
//! are rounded here and nowhere else; shares, ratios and converted amounts are rounded where they are made.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits behind the point that an amount keeps when its exact value has no end.
pub const ROUNDED_SCALE: u32 = 18;

/// Digits behind the point that an amount keeps in another currency. The exact product of an amount and an exchange rate
/// can have more digits than a decimal holds; a billionth of a cent is less than any bill knows.
pub(crate) const CONVERTED_SCALE: u32 = 12;

/// An amount in US dollars.
///
/// Serialises as a decimal string without trailing zeros, never as a number.
///
/// # Examples
/// ```
/// use farebox_prices::money::Usd;
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
        exact_sum(self.0, other.0).map(Usd)
    }

    /// The sum of amounts in any order, or `None` where it has more digits than a decimal holds, whatever the sums on the way
    /// to it have.
    #[must_use]
    pub fn checked_total(amounts: impl IntoIterator<Item = Usd>) -> Option<Usd> {
        exact_total(amounts.into_iter().map(Usd::amount)).map(Usd)
    }

    /// Multiplies by a plain number, or `None` where the product has more digits than a decimal holds.
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Usd> {
        exact_product(self.0, factor).map(Usd)
    }

    /// Text for people: cents where cents say it all, otherwise the first four significant digits.
    ///
    /// Machine-readable formats use [`fmt::Display`], which never rounds.
    #[must_use]
    pub fn for_people(self) -> String {
        let digits = digits_for_people(self.0);
        digits.strip_prefix('−').map_or_else(|| format!("${digits}"), |size| format!("−${size}"))
    }
}

/// An amount in any currency as people read it: cents where cents say it all, otherwise the first four significant digits;
/// thousands apart, and a minus sign that no line breaks behind.
#[must_use]
pub fn digits_for_people(amount: Decimal) -> String {
    let size = grouped(size_for_people(amount.abs().normalize()));
    if amount.is_sign_negative() && !amount.is_zero() { format!("−{size}") } else { size }
}

fn size_for_people(size: Decimal) -> String {
    if size.scale() <= 2 {
        return format!("{size:.2}");
    }
    if size >= Decimal::ONE_HUNDRED {
        return format!("{:.2}", size.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    }
    let rounded = size.round_sf_with_strategy(4, RoundingStrategy::MidpointAwayFromZero).unwrap_or(size).normalize();
    if rounded.scale() < 2 { format!("{rounded:.2}") } else { rounded.to_string() }
}

/// Exact as long as the sum fits the 28 digits of a decimal; beyond, the last digits are rounded, as a running total
/// must go on. [`Usd::checked_add`] says so instead.
impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        self.checked_add(other).unwrap_or_else(|| Usd(self.0.saturating_add(other.0)))
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
/// `None` where the result has more digits than a decimal holds, or the product before the division more than 127 bits.
///
/// # Examples
/// ```
/// use farebox_prices::money::amount;
/// use rust_decimal::Decimal;
/// // 48 000 cached tokens at $1.25 per million: 48000 × 1.25 ÷ 1000000 = 0.06
/// let usd = amount(Decimal::from(48_000), "1.25".parse().unwrap(), 1_000_000).unwrap();
/// assert_eq!(usd.to_string(), "0.06");
/// ```
#[must_use]
pub fn amount(quantity: Decimal, price: Decimal, per: u64) -> Option<Usd> {
    let (digits, scale) = product(quantity, price)?;
    let quotient = match per {
        1 => decimal(digits, scale),
        1_000 => decimal(digits, scale + 3),
        1_000_000 => decimal(digits, scale + 6),
        _ => divide(digits, scale, per),
    };
    quotient.map(Usd)
}

/// Dollars × units of a currency per dollar, rounded once, half to even, at [`CONVERTED_SCALE`] digits behind the point.
///
/// # Errors
/// `None` where the rounded amount has more digits than a decimal holds.
///
/// # Examples
/// ```
/// use farebox_prices::money::{Usd, converted};
/// let usd: Usd = "0.2591".parse().unwrap();
/// assert_eq!(converted(usd, "0.9".parse().unwrap()).unwrap().to_string(), "0.23319");
/// // 1 ÷ 3 of a dollar and more digits: 0.333333333333333333 × 0.8631 = 0.2876999999999999997…
/// let usd: Usd = "0.333333333333333333".parse().unwrap();
/// assert_eq!(converted(usd, "0.8631".parse().unwrap()).unwrap().to_string(), "0.2877");
/// ```
#[must_use]
pub fn converted(usd: Usd, per_usd: Decimal) -> Option<Decimal> {
    let (usd, per_usd) = (usd.0.normalize(), per_usd.normalize());
    let sign = usd.mantissa().signum() * per_usd.mantissa().signum();
    let mut digits = Wide::product(usd.mantissa().unsigned_abs(), per_usd.mantissa().unsigned_abs());
    let mut scale = usd.scale() + per_usd.scale();
    // The last digit that was dropped, and whether any before it was more than zero.
    let (mut last, mut more) = (0, false);
    while scale > CONVERTED_SCALE {
        more |= last > 0;
        last = digits.divide_by_ten();
        scale -= 1;
    }
    let mut size = digits.to_u128()?;
    if last > 5 || last == 5 && (more || size % 2 == 1) {
        size = size.checked_add(1)?;
    }
    decimal(i128::try_from(size).ok()? * sign, scale).map(|amount| amount.normalize())
}

/// A product of two mantissas, which have 96 bits each: limbs of 64 bits, the lowest first.
struct Wide([u64; 4]);

impl Wide {
    fn product(a: u128, b: u128) -> Self {
        let limbs = |n: u128| [n as u64, (n >> 64) as u64];
        let mut product = [0; 4];
        for (i, a) in limbs(a).into_iter().enumerate() {
            let mut carry = 0;
            for (j, b) in limbs(b).into_iter().enumerate() {
                let sum = u128::from(a) * u128::from(b) + u128::from(product[i + j]) + carry;
                (product[i + j], carry) = (sum as u64, sum >> 64);
            }
            product[i + 2] = carry as u64;
        }
        Wide(product)
    }

    /// Says the digit that falls off.
    fn divide_by_ten(&mut self) -> u64 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let digits = u128::from(rest) << 64 | u128::from(*limb);
            (*limb, rest) = ((digits / 10) as u64, (digits % 10) as u64);
        }
        rest
    }

    fn to_u128(&self) -> Option<u128> {
        let [low, high, 0, 0] = self.0 else { return None };
        Some(u128::from(high) << 64 | u128::from(low))
    }
}

/// The least multiple of `step` that is not below `quantity`; `None` where it has more digits than a decimal holds.
///
/// # Examples
/// ```
/// use farebox_prices::money::round_up;
/// let (quantity, step) = ("10.1".parse().unwrap(), "2.5".parse().unwrap());
/// assert_eq!(round_up(quantity, step).unwrap().to_string(), "12.5");
/// ```
#[must_use]
pub fn round_up(quantity: Decimal, step: Decimal) -> Option<Decimal> {
    let rest = quantity.checked_rem(step)?;
    if rest.is_zero() { Some(quantity) } else { exact_sum(exact_sum(quantity, -rest)?, step) }
}

// Decimal's own arithmetic drops digits beyond 28 without a word, so what is below counts digits itself.

/// The sum, or `None` where it has more digits than a decimal holds.
#[must_use]
pub fn exact_sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let exact = |a: Decimal, b: Decimal| a.checked_add(b).filter(|sum| sum.scale() >= a.scale().max(b.scale()));
    exact(a, b).or_else(|| exact(a.normalize(), b.normalize()))
}

/// The sum of several numbers, or `None` where it has more digits than a decimal holds: whole parts and fractions are added
/// apart, so that a sum on the way may have more digits than the last one.
fn exact_total(numbers: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    const ONE: i128 = 10_i128.pow(Decimal::MAX_SCALE);
    let (mut whole, mut fraction) = (0_i128, 0_i128);
    for number in numbers {
        let floor = number.trunc();
        let rest = number - floor;
        whole = whole.checked_add(floor.mantissa())?;
        fraction =
            fraction.checked_add(rest.mantissa().checked_mul(10_i128.pow(Decimal::MAX_SCALE - rest.scale()))?)?;
        (whole, fraction) = (whole.checked_add(fraction.div_euclid(ONE))?, fraction.rem_euclid(ONE));
    }
    let mut scale = Decimal::MAX_SCALE;
    while scale > 0 && fraction % 10 == 0 {
        (fraction, scale) = (fraction / 10, scale - 1);
    }
    decimal(whole.checked_mul(10_i128.pow(scale))?.checked_add(fraction)?, scale)
}

/// The product, or `None` where it has more digits than a decimal holds.
#[must_use]
pub fn exact_product(a: Decimal, b: Decimal) -> Option<Decimal> {
    product(a, b).and_then(|(digits, scale)| decimal(digits, scale))
}

/// The product as an integer and how many of its digits stand behind the point.
fn product(a: Decimal, b: Decimal) -> Option<(i128, u32)> {
    let exact = |a: Decimal, b: Decimal| Some((a.mantissa().checked_mul(b.mantissa())?, a.scale() + b.scale()));
    exact(a, b).or_else(|| exact(a.normalize(), b.normalize()))
}

fn decimal(mut digits: i128, mut scale: u32) -> Option<Decimal> {
    loop {
        match Decimal::try_from_i128_with_scale(digits, scale) {
            Ok(decimal) => return Some(decimal),
            Err(_) if scale > 0 && digits % 10 == 0 => (digits, scale) = (digits / 10, scale - 1),
            Err(_) => return None,
        }
    }
}

fn divide(digits: i128, scale: u32, per: u64) -> Option<Decimal> {
    let (size, sign) = (digits.unsigned_abs(), digits.signum());
    let common = greatest_common_divisor(size, per.into());
    let (size, per) = (size / common, u128::from(per) / common);
    let (twos, rest) = strip(per, 2);
    let (fives, rest) = strip(rest, 5);
    let (size, scale) = if rest == 1 {
        let shift = twos.max(fives);
        let missing = 2_u128.checked_pow(shift - twos)?.checked_mul(5_u128.checked_pow(shift - fives)?)?;
        (size.checked_mul(missing)?, scale + shift)
    } else {
        (without_end(size, scale, per)?, ROUNDED_SCALE)
    };
    decimal(i128::try_from(size).ok()? * sign, scale)
}

/// `digits ÷ per` at [`ROUNDED_SCALE`]. A quotient without end never lies half way, so to even or not is one.
fn without_end(digits: u128, scale: u32, per: u128) -> Option<u128> {
    let (mut quotient, mut rest) = (digits / per, digits % per);
    for _ in scale..ROUNDED_SCALE {
        quotient = quotient.checked_mul(10)?.checked_add(rest * 10 / per)?;
        rest = rest * 10 % per;
    }
    let beyond = 10_u128.checked_pow(scale.saturating_sub(ROUNDED_SCALE))?;
    let is_up = if beyond == 1 { rest * 2 > per } else { quotient % beyond >= beyond / 2 };
    Some(quotient / beyond + u128::from(is_up))
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How often a number divides by a factor, and what then remains.
fn strip(mut number: u128, factor: u128) -> (u32, u128) {
    let mut times = 0;
    while number.is_multiple_of(factor) {
        (number, times) = (number / factor, times + 1);
    }
    (times, number)
}

/// A percentage as people read it: `12.5%`, with one decimal where it has any; what is not zero never reads as zero.
///
/// # Examples
/// ```
/// use farebox_prices::money::percent_for_people;
/// let shown = ["50", "12.345", "0.02", "-1833.3", "0"].map(|n| percent_for_people(n.parse().unwrap()));
/// assert_eq!(shown, ["50%", "12.3%", "<0.1%", "−1,833.3%", "0%"]);
/// ```
#[must_use]
pub fn percent_for_people(percent: Decimal) -> String {
    let size = percent.abs();
    let rounded = size.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero).normalize();
    let sign = if percent.is_sign_negative() && !size.is_zero() { "−" } else { "" };
    match rounded.is_zero() && !size.is_zero() {
        true => format!("{}{sign}0.1%", if sign.is_empty() { "<" } else { ">" }),
        false => format!("{sign}{}%", grouped(rounded)),
    }
}

/// A share of one as a percentage for people: 0.125 is `12.5%`.
#[must_use]
pub fn share_for_people(share: Decimal) -> String {
    percent_for_people(share.saturating_mul(Decimal::ONE_HUNDRED))
}

/// A number for people, with a comma between the thousands of its whole part.
pub fn grouped(number: impl fmt::Display) -> String {
    let number = number.to_string();
    let (whole, fraction) = number.find('.').map_or((number.as_str(), ""), |point| number.split_at(point));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let cases = [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1000", "-1,000"),
            ("-100", "-100"),
            ("1234567.8901", "1,234,567.8901"),
            ("0.0001", "0.0001"),
        ];
        for (exact, people) in cases {
            assert_eq!(grouped(exact), people);
        }
        assert_eq!(grouped(1_234_567_u64), "1,234,567");
    }
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
        // The quotient times seven is 100 again in 28 digits, which is not to say that it ends.
        assert_eq!(amount(dec!(100), dec!(1), 7).unwrap().to_string(), "14.285714285714285714");
        // 2 ÷ 3 at 19 and more digits: what lies beyond the 18 is rounded once, not digit by digit.
        assert_eq!(amount(dec!(1), dec!(0.0000000000000000004), 3).unwrap().to_string(), "0");
        assert_eq!(amount(dec!(1), dec!(0.0000000000000000016), 3).unwrap().to_string(), "0.000000000000000001");
        assert_eq!(amount(dec!(-100), dec!(1), 7).unwrap().to_string(), "-14.285714285714285714");
        assert_eq!(amount(dec!(1000000000000), dec!(1), 7), None, "12 + 18 digits");
    }

    #[test]
    fn a_division_with_an_end_is_exact_or_refused() {
        let cases = [
            (dec!(1), dec!(1), 8, Some("0.125")),
            (dec!(3), dec!(0.04), 1_048_576, Some("0.00000011444091796875")),
            (dec!(7), dec!(1), 100, Some("0.07")),
            (dec!(0), dec!(1), 7, Some("0")),
            (dec!(1), dec!(1), 1 << 28, Some("0.0000000037252902984619140625")),
            (dec!(1), dec!(1), 1 << 40, None),
        ];
        for (quantity, price, per, usd) in cases {
            assert_eq!(amount(quantity, price, per).map(|u| u.to_string()).as_deref(), usd, "{quantity} {price} {per}");
        }
    }

    /// Expected values by exact integers, rounded by hand: `python3 -c "from fractions import Fraction; …"`.
    #[test]
    fn a_conversion_is_rounded_once() {
        let cases = [
            ("1.5", "0.9", Some("1.35")),
            ("0", "0.9", Some("0")),
            ("0.0000000000005", "1", Some("0")),
            ("0.0000000000015", "1", Some("0.000000000002")),
            ("0.00000000000050000001", "1", Some("0.000000000001")),
            // Half way only at the twelfth digit of what was rounded before: once is not twice.
            ("0.00000000000049999999", "1.0000000000000001", Some("0")),
            ("0.08636666666666666666666666", "0.86312345678912345", Some("0.074545095885")),
            ("12345678901234567890123456.78", "0.000000000000000000000000001", Some("0.012345678901")),
            ("79228162514264337593543950335", "1000", None),
        ];
        for (usd, rate, want) in cases {
            let found = converted(usd.parse().unwrap(), parse_decimal(rate).unwrap());
            assert_eq!(found.map(|amount| amount.to_string()).as_deref(), want, "{usd} × {rate}");
        }
        assert_eq!(converted(Usd::new(dec!(-0.0000000000015)), dec!(1)).unwrap().to_string(), "-0.000000000002");
    }

    #[test]
    fn sums_and_products_are_exact_or_refused() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        let cases = [
            ("79228162514264337593543950335", "0.4", None),
            ("7922816251426433759354395033", "0.44", None),
            ("7922816251426433759354395033", "0.50", Some("7922816251426433759354395033.5")),
            ("0.00", "1", Some("1")),
        ];
        for (a, b, want) in cases {
            let sum = usd(a).checked_add(usd(b)).map(|s| s.to_string());
            assert_eq!(sum.as_deref(), want, "{a} + {b}");
        }
        assert_eq!(usd("12345.678901234567890123456").checked_mul(dec!(12347)), None);
        let trailing_zeros = usd("2.500000000000000000000000000").checked_mul(dec!(100000000000000));
        assert_eq!(trailing_zeros, Some(usd("250000000000000")));
    }

    #[test]
    fn a_total_is_exact_though_a_sum_on_the_way_has_too_many_digits() {
        let usd = |text: &str| Usd::new(Decimal::from_str_exact(text).unwrap());
        let total =
            |texts: &[&str]| Usd::checked_total(texts.iter().map(|text| usd(text))).map(|total| total.to_string());
        // The first two add up to 29 digits, the last makes the fraction end.
        let three = ["81369451546.603926", "11501.428571428571428571", "22556.571428571428571429"];
        assert_eq!(usd(three[0]).checked_add(usd(three[1])), None);
        assert_eq!(total(&three).as_deref(), Some("81369485604.603926"));
        assert_eq!(total(&three[..2]), None);
        assert_eq!(total(&["0.1", "-0.3", "-1.8"]).as_deref(), Some("-2"));
        assert_eq!(total(&["-0.25", "-0.5"]).as_deref(), Some("-0.75"));
        assert_eq!(
            total(&["79228162514264337593543950335", "1", "-1"]).as_deref(),
            Some("79228162514264337593543950335")
        );
        assert_eq!(total(&["79228162514264337593543950335", "1"]), None);
        assert_eq!(total(&[]).as_deref(), Some("0"));
    }

    #[test]
    fn rounding_up_sees_the_last_digit() {
        let cases = [(dec!(0), dec!(3), dec!(0)), (dec!(6), dec!(3), dec!(6)), (dec!(6.1), dec!(3), dec!(9))];
        for (quantity, step, want) in cases {
            assert_eq!(round_up(quantity, step), Some(want), "{quantity} {step}");
        }
        assert_eq!(round_up(dec!(300.00000000000000000000000001), dec!(300)), Some(dec!(600)));
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
            ("1234.5678", "$1,234.57"),
            ("12.3456", "$12.35"),
            ("12.9999", "$13.00"),
        ];
        for (exact, shown) in cases {
            assert_eq!(exact.parse::<Usd>().unwrap().for_people(), shown, "{exact}");
        }
    }
}
