//! Counts out of fields, and parts out of their whole.

use std::borrow::Cow;

use crate::context::{Context, Dimension};
use crate::input::json::{Object, Value};
use crate::input::record::{RecordError, number, whole};
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

/// A whole number in a field; 0 where there is none.
///
/// # Errors
/// [`RecordError::Usage`] for what cannot be counted: a negative number, a part of a token.
pub(super) fn count(object: &Object, name: &str) -> Result<u64, RecordError> {
    object.get(name).map_or(Ok(0), |value| count_of(name, value))
}

/// The first of several fields that is not zero: old names stand next to new ones, and some programs fill one alone.
pub(super) fn count_any(object: &Object, names: &[&str]) -> Result<u64, RecordError> {
    for (name, value) in names.iter().filter_map(|name| Some((name, object.get(name)?))) {
        match count_of(name, value)? {
            0 => {}
            found => return Ok(found),
        }
    }
    Ok(0)
}

pub(super) fn count_of(name: &str, value: Value) -> Result<u64, RecordError> {
    match value.word() {
        Some(word) => whole(name, word),
        None => Err(RecordError::Form(format!("{name} is {}, not a number", String::from_utf8_lossy(value.raw())))),
    }
}

/// The text of an object that stands there as one or inside of a text.
pub(super) fn object_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    let text = value.text().or_else(|| std::str::from_utf8(value.raw()).ok().map(Cow::Borrowed))?;
    text.trim_start().starts_with('{').then_some(text)
}

/// What is left of a whole without its parts.
///
/// # Errors
/// [`RecordError::Usage`] where the parts are more than the whole.
pub(super) fn rest(name: &str, whole: u64, parts: &[u64]) -> Result<u64, RecordError> {
    let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
    whole.checked_sub(sum).ok_or_else(|| {
        RecordError::Usage(format!("the parts of {name} add up to {sum}, more than the {whole} they are parts of"))
    })
}

/// Adds to a meter that does not count tokens, such as web searches, from a field.
pub(super) fn calls(usage: &mut Usage, meter: Meter, object: &Object, name: &str) -> Result<(), RecordError> {
    if let Some(word) = object.get(name).and_then(Value::word) {
        let calls = number(name, word)?;
        if !calls.is_zero() {
            usage.set(meter, usage.quantity(meter).saturating_add(calls));
        }
    }
    Ok(())
}

/// States the tier that a response reports. The names of the ordinary one say nothing and are left out; `batch` is a way
/// of processing, and the exports of one provider add `-tier` to the names.
pub(super) fn state_tier(context: &mut Context, tier: &str) {
    let tier = tier.to_lowercase();
    match tier.strip_suffix("-tier").unwrap_or(&tier) {
        "" | "default" | "standard" | "auto" | "on_demand" | "standard_only" => {}
        "batch" => context.set(Dimension::Processing, "batch"),
        other => context.set(Dimension::ServiceTier, other),
    }
}

/// States a value unless it is one of those that mean nothing.
pub(super) fn state(context: &mut Context, dimension: Dimension, value: Option<Cow<str>>, nothing: &[&str]) {
    if let Some(value) = value.filter(|value| !nothing.iter().any(|n| value.eq_ignore_ascii_case(n))) {
        context.set(dimension, &value);
    }
}

/// A moment as logs write it: seconds (also in a list with nanoseconds), milliseconds, microseconds or nanoseconds since 1970 (told apart by their size),
/// or a date with or without its time; a time without an offset is UTC.
pub(super) fn moment(value: Value) -> Option<Instant> {
    match value.word() {
        Some(word) => moment_in(word),
        // `[seconds, nanoseconds]`, as Node.js keeps a time.
        None => moment_in(value.items().next()?.word()?),
    }
}

/// [`moment`] in a text.
pub(super) fn moment_in(text: &str) -> Option<Instant> {
    let text = text.trim();
    if (text.len() > 10 || !text.contains('-'))
        && let Ok(number) = text.split('.').next().unwrap_or(text).parse::<i64>()
    {
        let seconds = match number.unsigned_abs() {
            0..100_000_000_000 => number,
            100_000_000_000..100_000_000_000_000 => number.div_euclid(1_000),
            100_000_000_000_000..100_000_000_000_000_000 => number.div_euclid(1_000_000),
            _ => number.div_euclid(1_000_000_000),
        };
        return Some(Instant::from_unix(seconds));
    }
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(Instant::from_unix(zoned.timestamp().as_second()));
    }
    let plain = text.strip_suffix(" UTC").unwrap_or(text);
    let civil: jiff::civil::DateTime = plain.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Instant::from_unix(zoned.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_logs_write_them() {
        // 1795168800 is 2026-11-20T10:00:00Z (`date -u -d @1795168800`).
        for text in [
            "1795168800",
            "1795168800.123",
            "1795168800000",
            "1795168800000000",
            "1795168800000000000",
            "2026-11-20T10:00:00Z",
            "2026-11-20T10:00:00.999Z",
            "2026-11-20T18:00:00+08:00",
            "2026-11-20 10:00:00",
            "2026-11-20 10:00:00.123456",
            "2026-11-20T10:00:00",
            "2026-11-20 10:00:00+00:00",
            "2026-11-20 10:00:00 UTC",
            "Fri, 20 Nov 2026 10:00:00 GMT",
        ] {
            assert_eq!(moment_in(text).map(Instant::unix), Some(1_795_168_800), "{text}");
        }
        assert_eq!(moment_in("2026-11-20").unwrap().to_string(), "2026-11-20");
        assert_eq!(moment_in("soon"), None);
    }
}
