//! Answers that are no success, and what they say.

use std::borrow::Cow;

use super::{Dialect, Entry, Item, State};
use crate::input::json::Object;
use crate::input::record::RecordError;

/// What an answer says about its error.
pub(super) fn error_text(object: &Object) -> String {
    let Some(error) = object.get("error") else { return "an error without a text".into() };
    let inner = error.object();
    let inner = inner.as_ref().and_then(|e| e.object("error")).or(inner);
    let text = |name: &str| inner.as_ref().and_then(|e| e.text(name));
    let said = text("message").or_else(|| text("code")).or_else(|| text("type")).or_else(|| error.text());
    said.map_or_else(|| "an error without a text".into(), Cow::into_owned)
}

/// An entry of a request that failed.
pub(super) fn failed<'a>(dialect: Dialect, what: String) -> Item<'a> {
    Item::Entry(Box::new(Entry::failed(dialect, State::Failed(what))))
}

/// What is wrong with an answer that should state its usage.
pub(super) fn no_usage() -> RecordError {
    RecordError::Form("the answer has no usage: streams need stream_options {\"include_usage\": true}".into())
}
