//! Numbers of a workload file as people write them: `300`, `150..300..600`, `400 per day`, `60 EUR`, `5%`, `4m`.
//!
//! A [`Quantity`] is a [`Range`] with the words behind it; what the words must be is for the key to say.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::calculator::workload::Amount;
use crate::money::Exact;
use crate::range::Range;

/// A number or a range, and the unit behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The number.
    pub range: Range<Decimal>,
    /// What stands behind it, such as `%` or `EUR per month`.
    pub unit: String,
}

/// The long form of a range.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LongRange {
    /// At least this.
    low: Scalar,
    /// The best guess; the middle when left out.
    expected: Option<Scalar>,
    /// At most this.
    high: Scalar,
}

/// One number with its unit.
#[derive(Clone)]
pub(super) struct Scalar(Decimal, String);

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// What follows the digits continues the number in the way of some locale.
    #[error("{0:?} is not a number with a unit")]
    Locale(String),
    /// It begins with a minus.
    #[error("{0:?} is negative")]
    Negative(String),
    /// It does not begin with a number.
    #[error("{0:?} is not a number")]
    NoNumber(String),
    /// A number of YAML that is not kept exactly.
    #[error("{0} has more than 15 digits: put it in quotes")]
    Digits(String),
    /// More than is planned with.
    #[error("{0} is too large")]
    TooLarge(Decimal),
    /// The ends of a range are in the wrong order.
    #[error("the range contradicts itself: low {low}, expected {expected}, high {high} must not fall")]
    Falls {
        /// At least this.
        low: Decimal,
        /// The best guess.
        expected: Decimal,
        /// At most this.
        high: Decimal,
    },
    /// The numbers of a range have different units.
    #[error("{text:?} mixes the units {first:?} and {last:?}")]
    Units {
        /// What was written.
        text: String,
        /// A unit of it.
        first: String,
        /// The unit of its last number.
        last: String,
    },
    /// More than three numbers.
    #[error("{0:?} is no range: write low..high or low..expected..high")]
    NoRange(String),
    /// A long range without one of its ends.
    #[error("a range needs low and high")]
    NoEnds,
    /// Two forms of the same thing, and how one of them is written.
    #[error("{0} mixes a range with another form")]
    TwoForms(&'static str, &'static str),
    /// No amount of money.
    #[error("{0:?} is no amount: write 60EUR, or 60 for dollars")]
    NoAmount(String),
}

thread_local! {
    /// The last error that was handed to serde, which keeps the text of an error alone.
    static HANDED_ON: RefCell<Option<QuantityError>> = const { RefCell::new(None) };
}

impl QuantityError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            QuantityError::Locale(_) => Some(NUMBERS_HELP),
            QuantityError::Negative(_) => Some("a quantity is zero or more"),
            QuantityError::NoNumber(_) => Some("write 300, a range 150..300..600, or a number with its unit"),
            QuantityError::TooLarge(_) => Some("farebox plans with at most 1_000_000_000_000_000"),
            QuantityError::TwoForms(_, other) => {
                return Some(format!("write a range such as 150..300..600, or {other}"));
            }
            QuantityError::Digits(_) => Some("write \"0.1234567890123456\""),
            QuantityError::Falls { .. } => Some("write low..expected..high, such as 150..300..600"),
            QuantityError::Units { .. } => Some("write the unit once, behind the last number: 300..600 per day"),
            QuantityError::NoRange(_) => Some("write 150..600 or 150..300..600"),
            QuantityError::NoEnds => Some("write {low: 150, expected: 300, high: 600}"),
            QuantityError::NoAmount(_) => None,
        };
        help.map(str::to_owned)
    }

    /// What is wrong and the next step below it.
    #[must_use]
    pub fn in_full(&self) -> String {
        match self.help() {
            Some(help) => format!("{self}\n  help: {help}"),
            None => self.to_string(),
        }
    }

    /// The error that serde gave this text of.
    pub(crate) fn handed_on(text: &str) -> Option<Self> {
        HANDED_ON.take().filter(|error| error.to_string() == text)
    }
}

/// An error that serde is to hand on.
pub(crate) trait ForSerde {
    fn for_serde<E: serde::de::Error>(self) -> E;
}

impl ForSerde for QuantityError {
    fn for_serde<E: serde::de::Error>(self) -> E {
        let error = E::custom(&self);
        HANDED_ON.set(Some(self));
        error
    }
}

impl ForSerde for Infallible {
    fn for_serde<E: serde::de::Error>(self) -> E {
        match self {}
    }
}

/// How numbers are written, whatever the locale.
pub(super) const NUMBERS_HELP: &str =
    "write decimals with a point, such as 1.5, and thousands as 1000 or 1_000, whatever the locale";

/// Whether what follows the digits continues the number in the way of some locale: `1,5`, `1 000`, `1'000`.
fn continues_number(unit: &str) -> bool {
    let rest = unit.trim_start_matches([',', '\'', '\u{2019}', '\u{a0}', '\u{202f}', '.', ' ']);
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// What says behind an amount that it is for a month.
pub(super) const MONTHLY: &[&str] = &["per month", "a month", "/month", "monthly"];
/// What says behind an amount that it is for a year.
pub(super) const YEARLY: &[&str] = &["per year", "a year", "/year", "yearly"];

/// A unit without the words at its end, where it ends with one of them: `EUR per month` is `EUR`.
pub(super) fn without<'u>(unit: &'u str, words: &[&str]) -> Option<&'u str> {
    words.iter().find_map(|words| unit.trim_end().strip_suffix(words)).map(str::trim)
}

/// Splits `1_000 per day` into number and words.
fn scalar(text: &str) -> Result<(Decimal, &str), QuantityError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shown: String = text.chars().take(40).collect();
    if digits.matches('.').count() > 1 || continues_number(unit) || unit.starts_with(',') {
        return Err(QuantityError::Locale(shown));
    }
    let number = crate::money::parse_decimal(&digits.replace('_', "")).map_err(|_| {
        if text.starts_with('-') { QuantityError::Negative(shown) } else { QuantityError::NoNumber(shown) }
    })?;
    if number > Decimal::from(1_000_000_000_000_000_u64) {
        return Err(QuantityError::TooLarge(number));
    }
    Ok((number, unit.trim()))
}

/// `low`, `expected` and `high` in order, or why they contradict each other.
fn ordered(low: Decimal, expected: Decimal, high: Decimal) -> Result<Range<Decimal>, QuantityError> {
    if low <= expected && expected <= high {
        return Ok(Range { low, expected, high });
    }
    Err(QuantityError::Falls { low, expected, high })
}

/// A quantity that may be below zero, such as a growth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed(pub Quantity);

impl Signed {
    /// A range in its long form.
    ///
    /// # Errors
    /// [`QuantityError::Falls`].
    pub(super) fn between(
        low: &Quantity,
        expected: Option<&Quantity>,
        high: &Quantity,
    ) -> Result<Quantity, QuantityError> {
        let (a, c) = (low.range.expected, high.range.expected);
        let range = ordered(a, expected.map_or_else(|| middle(a, c), |e| e.range.expected), c)?;
        let units = [Some(low), expected, Some(high)];
        let unit = units.into_iter().flatten().map(|q| q.unit.clone()).find(|unit| !unit.is_empty());
        Ok(Quantity { range, unit: unit.unwrap_or_default() })
    }
}

impl std::str::FromStr for Signed {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        // Minus signs of word processors are meant as such.
        let text = text.replace('\u{2212}', "-");
        let parts: Vec<&str> = text.split("..").map(str::trim).collect();
        let unsigned: Vec<&str> = parts.iter().map(|part| part.trim_start_matches(['-', '+'])).collect();
        let is_below = |i: usize| parts.get(i).is_some_and(|part| part.starts_with('-'));
        let numbers = unsigned.iter().map(|part| part.parse::<Quantity>()).collect::<Result<Vec<_>, _>>()?;
        let unit = numbers.last().map_or("", |q| q.unit.as_str()).to_owned();
        // The percent sign may be behind every number, and the time behind the last alone.
        let is_other =
            |q: &&Quantity| !q.unit.is_empty() && q.unit != unit && !(q.unit == "%" && unit.starts_with('%'));
        if let Some(other) = numbers.iter().find(is_other) {
            return Err(QuantityError::Units { text: text.clone(), first: other.unit.clone(), last: unit });
        }
        let value = |i: usize| numbers.get(i).map(|q| if is_below(i) { -q.range.expected } else { q.range.expected });
        let range = match (value(0), value(1), value(2), numbers.len()) {
            (Some(n), None, None, _) => Range::exactly(n),
            (Some(low), Some(high), None, _) => ordered(low, middle(low, high), high)?,
            (Some(low), Some(expected), Some(high), 3) => ordered(low, expected, high)?,
            _ => return Err(QuantityError::NoRange(text.clone())),
        };
        Ok(Signed(Quantity { range, unit }))
    }
}

fn middle(low: Decimal, high: Decimal) -> Decimal {
    (low + high) / Decimal::TWO
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let parts: Vec<&str> = text.split("..").collect();
        // The unit may stand behind every number or behind the last alone: `1%..5%`, `300..600 per day`.
        let numbers = parts.iter().map(|part| scalar(part)).collect::<Result<Vec<_>, _>>()?;
        let unit = numbers.last().map_or("", |(_, unit)| unit);
        // The percent sign may be behind every number, and what it is of behind the last alone.
        let is_other = |u: &str| !u.is_empty() && u != unit && !(u == "%" && unit.starts_with('%'));
        if let Some((_, other)) = numbers.iter().find(|(_, u)| is_other(u)) {
            let (first, last) = ((*other).to_owned(), unit.to_owned());
            return Err(QuantityError::Units { text: text.to_owned(), first, last });
        }
        let range = match numbers[..] {
            [(n, _)] => Range::exactly(n),
            [(low, _), (high, _)] => ordered(low, middle(low, high), high)?,
            [(low, _), (expected, _), (high, _)] => ordered(low, expected, high)?,
            _ => return Err(QuantityError::NoRange(text.to_owned())),
        };
        Ok(Quantity { range, unit: unit.split_whitespace().collect::<Vec<_>>().join(" ") })
    }
}

/// The digits of every decimal that a float gives back as it was written.
const FLOAT_DIGITS: usize = 15;

/// The text of a number that YAML handed on as a float.
///
/// # Errors
/// [`QuantityError::Digits`] where it has more digits than a float surely keeps: it may not be the number of the file.
pub(crate) fn float_text(number: f64) -> Result<String, QuantityError> {
    let text = number.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.trim_matches('0').len() > FLOAT_DIGITS {
        return Err(QuantityError::Digits(text));
    }
    Ok(text)
}

/// Reads a scalar by its text; a YAML number comes as one and gives its shortest text back.
macro_rules! by_text {
    ($visitor:ident, $type:ty, $expecting:literal, $read:expr $(, $map:item)?) => {
        struct $visitor;
        impl<'de> Visitor<'de> for $visitor {
            type Value = $type;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expecting)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                $read(text).map_err(ForSerde::for_serde)
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<$type, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<$type, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<$type, E> {
                self.visit_str(&float_text(n).map_err(ForSerde::for_serde)?)
            }
            $($map)?
        }
    };
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_text!(ScalarVisitor, Scalar, "a number", |text: &str| scalar(text).map(|(n, u)| Scalar(n, u.to_owned())));
        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_text!(
            QuantityVisitor,
            Quantity,
            "a number, a range low..expected..high, or {low, expected, high}",
            |text: &str| text.parse::<Quantity>(),
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Quantity, A::Error> {
                let long = LongRange::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                long.quantity().map_err(ForSerde::for_serde)
            }
        );
        deserializer.deserialize_any(QuantityVisitor)
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_text!(
            SignedVisitor,
            Signed,
            "a number or a range low..expected..high, which may be below zero",
            |text: &str| text.parse::<Signed>()
        );
        deserializer.deserialize_any(SignedVisitor)
    }
}

/// An amount of money, such as `60EUR`; dollars where no currency is named.
///
/// # Errors
/// [`QuantityError`] where it is none, or names no currency.
pub fn amount(text: &str) -> Result<Amount, QuantityError> {
    let quantity = text.parse::<Quantity>()?;
    let currency = if quantity.unit.is_empty() { "USD".to_owned() } else { quantity.unit.to_uppercase() };
    if quantity.range.is_range() || currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(QuantityError::NoAmount(text.to_owned()));
    }
    Ok(Amount { amount: Exact(quantity.range.expected), currency })
}

impl LongRange {
    fn quantity(self) -> Result<Quantity, QuantityError> {
        let expected = self.expected.clone().map_or_else(|| middle(self.low.0, self.high.0), |e| e.0);
        let range = ordered(self.low.0, expected, self.high.0)?;
        let units = [Some(self.low), self.expected, Some(self.high)];
        let unit = units.into_iter().flatten().map(|s| s.1).find(|u| !u.is_empty()).unwrap_or_default();
        Ok(Quantity { range, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn numbers_are_read_with_their_units() {
        let cases = [
            ("300", dec!(300), dec!(300), dec!(300), ""),
            ("1_000 per  day", dec!(1000), dec!(1000), dec!(1000), "per day"),
            ("150..300..600", dec!(150), dec!(300), dec!(600), ""),
            ("1..4", dec!(1), dec!(2.5), dec!(4), ""),
            ("1%..5%..9%", dec!(1), dec!(5), dec!(9), "%"),
            ("300..600 per week", dec!(300), dec!(450), dec!(600), "per week"),
            ("60.50 EUR", dec!(60.50), dec!(60.50), dec!(60.50), "EUR"),
            ("4m", dec!(4), dec!(4), dec!(4), "m"),
        ];
        for (text, low, expected, high, unit) in cases {
            let want = Quantity { range: Range { low, expected, high }, unit: unit.into() };
            assert_eq!(text.parse::<Quantity>(), Ok(want), "{text}");
        }
    }

    /// 2⁵³ + 1 is the first whole number that a float loses; decimals of 15 digits all come back.
    #[test]
    fn a_float_gives_its_text_back_or_is_refused() {
        for (float, text) in
            [(0.1, "0.1"), (50.25, "50.25"), (1e18, "1000000000000000000"), (123_456_789.012_345, "123456789.012345")]
        {
            assert_eq!(float_text(float).as_deref(), Ok(text));
        }
        // Zeros in front of the first digit are none of the fifteen.
        assert_eq!(float_text(0.000_000_123_456_789_012).as_deref(), Ok("0.000000123456789012"));
        for float in [50.123_456_789_012_345, 9_007_199_254_740_993.0, -0.123_456_789_012_345_6] {
            assert!(matches!(float_text(float), Err(QuantityError::Digits(_))), "{float}");
        }
    }

    #[test]
    fn what_is_no_quantity_says_why() {
        let cases = [
            ("600..300..150", "contradicts itself"),
            ("-5", "negative"),
            ("many", "not a number"),
            ("1,5 EUR", "decimals with a point"),
            ("10,5%", "decimals with a point"),
            ("1,000 per day", "decimals with a point"),
            ("1.000.000", "decimals with a point"),
            ("1.000,50 EUR", "decimals with a point"),
            ("1 000 per day", "decimals with a point"),
            ("1\u{202f}000", "decimals with a point"),
            ("1'000..2'000", "decimals with a point"),
            ("5, EUR", "decimals with a point"),
            ("1..2..3..4", "no range"),
            ("1%..2 per day", "mixes the units"),
            ("99999999999999999999", "too large"),
        ];
        for (text, why) in cases {
            let error = text.parse::<Quantity>().unwrap_err().in_full();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
