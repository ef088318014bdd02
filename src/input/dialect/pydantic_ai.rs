//! Message histories of Pydantic AI, and the usage of its runs.
//!
//! Cached and audio tokens stand inside of the input and of the output. Requests are part of a history and no usage.

use super::counts::{count, count_any, moment};
use super::entry::{Bucket, id_of, request_of, used_text};
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Naming};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(&["kind"], &["request", "response"]).any(&["parts", "model_name"]),
        DialectSign::own(&["request_tokens", "response_tokens"]),
        DialectSign::counts(&["request_tokens", "response_tokens"]),
        DialectSign::own(&["all_messages"]),
    ],
    read: Some(read),
    returns: true,
    known: &["details.input_tokens", "details.output_tokens"],
    places: &["message histories (`all_messages_json`), usage of runs"],
    reads: "`usage` of responses, by new and old names",
    includes: "caches and audio are parts of the input, thinking of the output",
    source: "https://ai.pydantic.dev/api/usage/",
    ..DialectSpec::new("pydantic-ai", "message histories and usage of Pydantic AI")
};

/// A message, or the usage of a run.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(messages) = object.get("all_messages") {
        each_record(&DIALECT, messages.items().filter_map(Value::object), out, &mut |message, out| read(message, out));
        return Ok(());
    }
    if object.is("kind", "request") {
        return Ok(());
    }
    let usage = object.object("usage").unwrap_or_else(|| object.clone());
    let parts = parts(&usage)?;
    let mut entry = Entry::new(Dialect::PydanticAi, parts.usage()?);
    entry.model = object.text("model_name").or_else(|| object.text("model"));
    entry.provider = object.text("provider_name").or_else(|| object.text("provider"));
    entry.naming = Naming::ByHabit;
    entry.at = object.get("timestamp").and_then(moment);
    let requests = count(&usage, "requests")?;
    if requests > 1 {
        entry.bucket = Some(Bucket { requests: Some(requests), ..Bucket::default() });
    }
    let id = ["provider_response_id", "vendor_id"].iter().find_map(|name| object.text(name));
    // A history that is kept after every turn has the same answers again, with the same counts.
    entry.id = id.as_deref().map(|id| id_of(&["pydantic-ai", id, &used_text(&entry.usage)]));
    entry.request = request_of(id.as_deref());
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The counts by their new and old names; `details` has what the provider says of them in its own.
fn parts(usage: &Object) -> Result<Parts, RecordError> {
    let details = usage.object("details").unwrap_or_default();
    let either = |names: &[&str], of_details: &[&str]| -> Result<u64, RecordError> {
        Ok(count_any(usage, names)?.max(count_any(&details, of_details)?))
    };
    let input = count_any(usage, &["input_tokens", "request_tokens"])?;
    let read = ["cached_tokens", "cache_read_input_tokens", "cache_read_tokens", "cached_content_tokens"];
    let written = either(
        &["cache_write_tokens"],
        &["cache_creation_input_tokens", "cache_write_tokens", "cache_write_input_tokens"],
    )?;
    Ok(Parts {
        input,
        output: count_any(usage, &["output_tokens", "response_tokens"])?,
        read: either(&["cache_read_tokens"], &read)?,
        written,
        hour: count(&details, "ephemeral_1h_input_tokens")?.min(written),
        thinking: count_any(&details, &["reasoning_tokens", "thoughts_tokens"])?,
        audio: count(usage, "input_audio_tokens")?,
        cached_audio: count(usage, "cache_audio_read_tokens")?,
        spoken: count(usage, "output_audio_tokens")?,
        total: Some(count(usage, "total_tokens")?).filter(|total| *total > 0),
        ..Parts::default()
    })
}
