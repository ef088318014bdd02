//! Counts out of fields, and parts out of their whole.

use std::borrow::Cow;

use crate::context::{Context, Dimension};
use crate::input::json::{Object, Value};
use crate::input::left::leave;
use crate::input::moment::moment_in;
use crate::input::record::{RecordError, number, whole};
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

/// A whole number in a field; 0 where there is none.
///
/// # Errors
/// [`RecordError::Usage`] for what cannot be counted: a negative number, a part of a token.
pub(super) fn count(object: &Object, name: &str) -> Result<u64, RecordError> {
    object.count(name).map_or(Ok(0), |value| count_of(name, value))
}

/// What stands in several fields, which are old and new names of one count: a zero under one of them says nothing. Where
/// two contradict each other, the first counts and the other is left unread.
pub(super) fn count_any(object: &Object, names: &[&str]) -> Result<u64, RecordError> {
    or_count(0, object, names)
}

/// [`count_any`] of a count that may have been found elsewhere already.
pub(super) fn or_count(mut found: u64, object: &Object, names: &[&str]) -> Result<u64, RecordError> {
    for name in names {
        let Some(value) = object.peek(name) else { continue };
        let counted = count_of(name, value)?;
        if found == 0 || counted == found {
            // It is read: it is not left over.
            found = object.count(name).map_or(0, |_| counted);
        }
    }
    Ok(found)
}

/// Refuses a total whose parts are all zero: nobody knows what it was made of.
///
/// # Errors
/// [`RecordError::Usage`] for such a total.
pub(super) fn is_of_parts(name: &str, total: u64, parts: u64) -> Result<(), RecordError> {
    if total == 0 || parts > 0 {
        return Ok(());
    }
    Err(RecordError::total_alone(name, total))
}

/// Says that a stated total is larger than what was read.
pub(super) fn unexplained(name: &str, more: u64) {
    if more > 0 {
        leave("", &format!("{name} beyond its parts"), more.to_string());
    }
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
    if let Some(word) = object.count(name).and_then(Value::word) {
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

/// A moment as logs write it, also in a list with nanoseconds behind; a zero says that the time is not known.
pub(super) fn moment(value: Value) -> Option<Instant> {
    match value.word() {
        Some(word) => moment_in(word),
        // `[seconds, nanoseconds]`, as Node.js keeps a time.
        None => moment_in(value.items().next()?.word()?),
    }
}
