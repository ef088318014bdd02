//! Halves of surrogate pairs in JSON. A writer that cuts a text in the middle of an emoji leaves `\ud83d` alone: JSON allows
//! it, text in UTF-8 cannot hold it. It counts as one U+FFFD, like bytes that are not UTF-8.

use serde::de::DeserializeOwned;

/// Reads JSON; halves of surrogate pairs become U+FFFD.
///
/// # Errors
/// What `serde_json` says of the text, at the places that it has in `json`.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).or_else(|error| match whole(json) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// The JSON with `\ufffd` for each half of a pair that stands alone, as long as before; `None` where there is no such half.
pub(crate) fn whole(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let here = at + found;
        let (is_alone, width) = match unit(json, here) {
            Some(0xD800..=0xDBFF) if matches!(unit(json, here + ESCAPE), Some(0xDC00..=0xDFFF)) => (false, 2 * ESCAPE),
            Some(0xD800..=0xDFFF) => (true, ESCAPE),
            // What follows a backslash is part of its escape, another backslash above all.
            _ => (false, 2),
        };
        if is_alone && let Some(place) = mended.get_or_insert_with(|| json.to_vec()).get_mut(here..here + ESCAPE) {
            place.copy_from_slice(br"\ufffd");
        }
        at = here + width;
    }
    mended
}

/// Bytes of `\ud83d`.
const ESCAPE: usize = 6;

/// The unit of UTF-16 that is escaped at a place.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn half_a_pair_is_one_replacement() {
        for (json, text) in [
            (r#""half \ud83d and on""#, "half \u{FFFD} and on"),
            (r#""\udc00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (r#""\uD83D\uDE00""#, "\u{1F600}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}\u{1F600}"),
            (r#""\\ud83d \u00fc""#, "\\ud83d \u{fc}"),
            (r#""\ud83d\n""#, "\u{FFFD}\n"),
        ] {
            assert_eq!(read::<String>(json.as_bytes()).unwrap(), text, "{json}");
        }
        for json in [r#""\ud8"#, r#""\ud83d"#, r#""\u+123""#, "{"] {
            assert!(read::<Value>(json.as_bytes()).is_err(), "{json}");
        }
    }

    proptest! {
        /// Any units of UTF-16, escaped, read as they do where halves become U+FFFD.
        #[test]
        fn any_units_are_read_as_lossy_utf_16(units in prop::collection::vec(prop_oneof![0xD7FE_u16..0xE002, 1_u16..200], 0..20)) {
            let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(read::<String>(format!("\"{json}\"").as_bytes()).unwrap(), String::from_utf16_lossy(&units));
        }
    }
}
