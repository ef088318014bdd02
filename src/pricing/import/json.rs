//! Reads JSON without a float: every value is kept as its own text ([`Node`]), and a number becomes a decimal from the
//! digits that stand in the file ([`exact`]).

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value that has not been looked into yet.
#[derive(Clone, Copy)]
pub(super) struct Node<'j>(&'j RawValue);

impl<'j> Node<'j> {
    /// Checks that a text is JSON from end to end.
    pub(crate) fn parse(text: &'j str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Node)
    }

    /// The members of an object; `None` where the value is none.
    pub(crate) fn fields(self) -> Option<Fields<'j>> {
        self.starts_with('{').then(|| serde_json::from_str(self.0.get()).ok()).flatten()
    }

    /// The items of an array; `None` where the value is none.
    pub(crate) fn items(self) -> Option<Vec<Node<'j>>> {
        let items: Vec<&RawValue> = self.starts_with('[').then(|| serde_json::from_str(self.0.get()).ok())??;
        Some(items.into_iter().map(Node).collect())
    }

    /// The content of a string; `None` where the value is none.
    pub(crate) fn text(self) -> Option<Cow<'j, str>> {
        #[derive(Deserialize)]
        struct ImportText<'j>(#[serde(borrow)] Cow<'j, str>);
        self.starts_with('"').then(|| serde_json::from_str::<ImportText>(self.0.get()).ok())?.map(|text| text.0)
    }

    /// `true` or `false`; `None` where the value is something else.
    pub(crate) fn flag(self) -> Option<bool> {
        serde_json::from_str(self.0.get()).ok()
    }

    /// A whole number, which some files write as `1000000.0`.
    pub(crate) fn whole(self) -> Option<u64> {
        let decimal = exact(self.number_text()?.as_ref(), 0).ok()?;
        decimal.fract().is_zero().then(|| u64::try_from(decimal).ok()).flatten()
    }

    /// Whether the value is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0.get() == "null"
    }

    /// The digits of a number, also of one that stands in quotes.
    pub(crate) fn number_text(self) -> Option<Cow<'j, str>> {
        match self.0.get().as_bytes().first()? {
            b'"' => self.text(),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.0.get())),
            _ => None,
        }
    }

    fn starts_with(self, first: char) -> bool {
        self.0.get().starts_with(first)
    }
}

/// The beginning of the value, for messages.
impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.get();
        match text.char_indices().nth(60) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(text),
        }
    }
}

/// The members of an object, in the order of the file.
pub(super) struct Fields<'j>(pub Vec<(Cow<'j, str>, Node<'j>)>);

impl<'j> Fields<'j> {
    /// The value of a key, unless it is missing or `null`. Of a key that stands twice the last holds, as in JavaScript.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'j>> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, node)| *node).filter(|node| !node.is_null())
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &str) -> Option<Cow<'j, str>> {
        self.get(key)?.text()
    }

    /// The whole number of a key; a zero says that nobody knows it.
    pub(crate) fn size(&self, key: &str) -> Option<u64> {
        self.get(key)?.whole().filter(|n| *n > 0)
    }

    /// Whether a key is there and `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Node::flag) == Some(true)
    }

    /// The texts of an array of texts.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.get(key).and_then(Node::items).unwrap_or_default();
        items.into_iter().filter_map(|item| item.text().map(Cow::into_owned)).collect()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct ImportKey<'k>(#[serde(borrow)] Cow<'k, str>);
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((ImportKey(key), value)) = map.next_entry::<ImportKey, &RawValue>()? {
                    fields.push((key, Node(value)));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Why the text of a number is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotExact {
    /// Not a number at all.
    #[error("is no number")]
    NotNumber,
    /// Below zero.
    #[error("is negative")]
    Negative,
    /// More digits than a decimal holds.
    #[error("has more digits than the 28 a price may have")]
    TooLong,
}

/// The decimal that a number's text means, times ten to the `shift`, digit by digit: `exact("2.5e-06", 6)` is 2.5.
pub(super) fn exact(text: &str, shift: i32) -> Result<Decimal, NotExact> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NotExact::NotNumber)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotExact::NotNumber);
    }
    let significant = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - significant.len()).map_err(|_| NotExact::TooLong)?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    if sign < 0 {
        return Err(NotExact::Negative);
    }
    let fraction = i64::try_from(fraction.len()).map_err(|_| NotExact::TooLong)?;
    placed(significant, fraction - dropped - i64::from(exponent) - i64::from(shift))
}

/// Digits with the point put `scale` places from the right.
fn placed(digits: &str, scale: i64) -> Result<Decimal, NotExact> {
    let zeros = usize::try_from(scale.min(0).unsigned_abs()).map_err(|_| NotExact::TooLong)?;
    if digits.len() + zeros > 28 {
        return Err(NotExact::TooLong);
    }
    let mantissa = format!("{digits}{:0<zeros$}", "").parse().map_err(|_| NotExact::TooLong)?;
    let scale = u32::try_from(scale.max(0)).map_err(|_| NotExact::TooLong)?;
    Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| NotExact::TooLong)
}

/// The short decimal that binary arithmetic has spoiled, if this looks like one: 0.8299999999999998 was once 0.83.
///
/// A sum in doubles leaves fifteen digits or more, with nines or zeros behind the ones that were meant. Anything that
/// does not look so is kept to the last digit.
pub(super) fn mended(number: Decimal) -> Option<Decimal> {
    let digits = |n: Decimal| n.normalize().mantissa().unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
    if digits(number) < 15 {
        return None;
    }
    let short = number.round_sf(12)?.normalize();
    (digits(short) <= 9).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn a_number_keeps_every_digit() {
        let cases = [
            ("2.5e-06", 6, dec!(2.5)),
            ("2.5E-6", 6, dec!(2.5)),
            ("0.0000014", 6, dec!(1.4)),
            ("3.75", 0, dec!(3.75)),
            ("0.01", 3, dec!(10)),
            ("1e2", 0, dec!(100)),
            ("1.0", 0, dec!(1)),
            ("0", 6, dec!(0)),
            ("0.0", 6, dec!(0)),
            ("-0.0", 6, dec!(0)),
            ("1e-9", 6, dec!(0.001)),
            ("3.083e-05", 0, dec!(0.00003083)),
            ("0.1234567890123456789", 0, dec!(0.1234567890123456789)),
        ];
        for (text, shift, want) in cases {
            assert_eq!(exact(text, shift), Ok(want), "{text} shifted by {shift}");
        }
    }

    #[test]
    fn what_is_no_price_says_why() {
        for text in ["", "-", "abc", "1e", "1e+x", ".", "1,5", "0x1", "NaN", "1e99999999999"] {
            assert_eq!(exact(text, 0), Err(NotExact::NotNumber), "{text}");
        }
        assert_eq!(exact("-1", 6), Err(NotExact::Negative));
        for text in ["1e40", "1e-40", "0.12345678901234567890123456789", "1e2000000000"] {
            assert_eq!(exact(text, 0), Err(NotExact::TooLong), "{text}");
        }
    }

    #[test]
    fn the_noise_of_doubles_is_told_from_digits_that_are_meant() {
        let cases = [
            (dec!(0.8299999999999998), Some(dec!(0.83))), // models.dev, cloudflare-workers-ai/@cf/meta/llama-3.1-8b-instruct
            (dec!(0.10000000000000001), Some(dec!(0.1))), // LiteLLM, a tier of a GPT model
            (dec!(0.28571428571428570), None),            // two sevenths, as somebody divided them
            (dec!(0.000308333333333333), None),
            (dec!(0.111), None),
            (dec!(0.123456789012), None),
        ];
        for (number, want) in cases {
            assert_eq!(mended(number), want, "{number}");
        }
    }

    #[test]
    fn values_are_read_from_their_own_text() {
        let root = Node::parse(r#"{"a": 1.50, "b": "x\u00e9", "c": [true, null], "a": 2.50, "n": null}"#).unwrap();
        let fields = root.fields().unwrap();
        assert_eq!(fields.get("a").unwrap().number_text().unwrap(), "2.50");
        assert_eq!(fields.text("b").unwrap(), "xé");
        assert_eq!(fields.get("c").unwrap().items().unwrap()[0].flag(), Some(true));
        assert!(fields.get("n").is_none() && fields.get("z").is_none());
        assert!(root.items().is_none() && root.text().is_none() && root.number_text().is_none());
        assert!(Node::parse("{\"a\": }").is_err());
    }
}
