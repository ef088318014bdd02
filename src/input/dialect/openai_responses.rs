//! OpenAI's Responses and their streams, and those of the Realtime API.
//!
//! The cached, audio and image tokens are parts of `input_tokens`, and thinking is a part of `output_tokens`. Realtime
//! writes the names of the details in the singular; its events around the answers are no usage, and none names the model.

use super::openai_chat::{chat_usage, finish, is_routed, route};
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(&["object"], &["response"]),
        DialectSign::kind(&["type"], &["response.*"]),
        DialectSign::kind(&["object"], &["realtime.response"]),
        DialectSign::kind(
            &["type"],
            &[
                "session.created",
                "session.updated",
                "conversation.created",
                "conversation.item.created",
                "conversation.item.added",
                "conversation.item.done",
                "conversation.item.retrieved",
                "conversation.item.deleted",
                "conversation.item.truncated",
                "input_audio_buffer.*",
                "output_audio_buffer.*",
                "rate_limits.updated",
            ],
        ),
        DialectSign::counts(&[
            "input_tokens_details",
            "output_tokens_details",
            "input_token_details",
            "output_token_details",
        ])
        .without_counts(&[
            "prompt_tokens",
            "completion_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        ]),
    ],
    read: Some(read),
    is_common: true,
    known: &["text_tokens", "usage.cost_details", "cost_in_usd_ticks"],
    places: &["answers and streams as they were saved, events of Realtime sessions"],
    reads: "`input_tokens`, `output_tokens`, their details, `service_tier`, and calls of server tools among `output`",
    includes: "caches, audio and images are parts of the input, thinking and audio of the output",
    source: "https://platform.openai.com/docs/api-reference/responses/object",
    ..DialectSpec::new("openai-responses", "OpenAI's Responses and their streams")
};

/// A Response, or an event of its stream.
pub(super) fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.has("type") && !object.has("usage") {
        let Some(inner) = object.object("response") else { return Ok(()) };
        return if inner.object("usage").is_some() { read(&inner, out) } else { Ok(()) };
    }
    let Some(usage) = object.object("usage") else {
        let status = object.text("status");
        match status.as_deref() {
            Some("failed") => out.push(failed(Dialect::OpenAiResponses, error_text(object))),
            Some("cancelled") => {
                let state = State::Cancelled("the response was cancelled".into());
                out.push(Item::Entry(Box::new(Entry::failed(Dialect::OpenAiResponses, state))));
            }
            Some("queued" | "in_progress") => {}
            _ => return Err(no_usage()),
        }
        return Ok(());
    };
    let is_routed = is_routed(object, &usage);
    let model = object.text("model");
    let is_xai = !is_routed && model.as_deref().is_some_and(|m| m.starts_with("grok"));
    let mut counted = chat_usage(&usage, false)?;
    tool_calls(object, &mut counted);
    let mut entry = Entry::new(Dialect::OpenAiResponses, counted);
    if is_xai {
        entry.assume("xai");
    } else if is_routed {
        route(&mut entry, &usage);
    }
    out.push(Item::Entry(Box::new(finish(object, entry, model)?)));
    Ok(())
}

/// Server tools are billed by the call and stand among the output.
fn tool_calls(object: &Object, counted: &mut Usage) {
    let Some(output) = object.get("output") else { return };
    for item in output.items().filter_map(Value::object) {
        let meter = match item.text("type").as_deref() {
            // Opening a page and searching in it belong to the search before.
            Some("web_search_call") if item.object("action").is_none_or(|a| a.is("type", "search")) => {
                Meter::WebSearches
            }
            Some("file_search_call") => Meter::FileSearches,
            Some("x_search_call") => Meter::XSearches,
            _ => continue,
        };
        counted.set(meter, counted.quantity(meter).saturating_add(1.into()));
    }
    // A container is billed once, however often code ran in it.
    let containers: std::collections::BTreeSet<_> = output
        .items()
        .filter_map(Value::object)
        .filter(|item| item.is("type", "code_interpreter_call"))
        .map(|item| item.text("container_id"))
        .collect();
    if !containers.is_empty() {
        counted.set(Meter::CodeSessions, containers.len().into());
    }
}
