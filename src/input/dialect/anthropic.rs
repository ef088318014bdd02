//! Anthropic's messages and their streams.
//!
//! Here `input_tokens` is only what neither came from the cache nor went into it, so that the counts are disjoint already;
//! thinking is a part of `output_tokens`. What goes into the cache is split by how long it stays.

use std::borrow::Cow;

use super::counts::{calls, count, moment, rest, state, state_tier};
use super::entry::{id_of, request_of};
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSign, DialectSpec};
use super::{Counts, Dialect, Entry, Event, Item};
use crate::context::Dimension;
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(
            &["type"],
            &["message", "message_start", "message_delta", "message_stop", "ping", "content_block_*"],
        ),
        DialectSign::counts(&["cache_read_input_tokens", "cache_creation_input_tokens"])
            .without_counts(&["prompt_tokens", "completion_tokens"]),
    ],
    read: Some(read),
    known: &["web_fetch_requests"],
    places: &["answers and streams as they were saved"],
    reads: "`input_tokens`, `output_tokens`, both caches by their lifetime, thinking, web searches, `service_tier`, `speed`, `inference_geo`",
    includes: "input, cache reads and cache writes are disjoint; thinking is a part of the output",
    source: "https://docs.anthropic.com/en/api/messages",
    ..DialectSpec::new("anthropic", "Anthropic's messages and their streams")
};

/// A message, or an event of its stream.
pub(super) fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    match object.text("type").as_deref() {
        Some("message_start") => {
            let inner = object.object("message").unwrap_or_default();
            let usage = inner.object("usage").unwrap_or_default();
            let entry = message_entry(&inner, &usage)?;
            out.push(Item::Event(Event::Begin(Box::new(entry))));
        }
        Some("message_delta") => {
            if let Some(usage) = object.object("usage") {
                out.push(Item::Event(Event::Replace(Box::new(replacing(&usage)?))));
            }
        }
        Some("message_stop") => out.push(Item::Event(Event::End)),
        Some("error") => out.push(failed(Dialect::Anthropic, error_text(object))),
        Some(kind) if kind == "ping" || kind.starts_with("content_block") => {}
        _ => {
            let Some(usage) = object.object("usage") else { return Err(no_usage()) };
            push_message(object, &usage, out)?;
        }
    }
    Ok(())
}

pub(super) fn push_message<'a>(
    object: &Object<'a>,
    usage: &Object<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    push_with_iterations(message_entry(object, usage)?, usage, out)
}

/// Pushes a message, and what compaction and advisors used beside its own counts: an advisor under its own model.
pub(super) fn push_with_iterations<'a>(
    entry: Entry<'a>,
    usage: &Object<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    for (place, iteration) in iterations(usage).enumerate() {
        let (model, used) = match iteration {
            Ok(iteration) => iteration,
            Err(error) => {
                out.push(Item::Bad(error));
                continue;
            }
        };
        let id = entry.id.map(|id| id_of(&["iteration", &id.to_string(), &place.to_string()]));
        let model = model.map(Into::into).or_else(|| entry.model.clone());
        let more = Entry { usage: used, model, id, request: None, reported: None, ..entry.clone() };
        out.push(Item::Entry(Box::new(more)));
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The iterations of a message that its own counts leave out.
fn iterations(usage: &Object) -> impl Iterator<Item = Result<(Option<String>, Usage), RecordError>> {
    let iterations = usage.objects("iterations");
    let beside = iterations.filter(|iteration| !iteration.is("type", "message"));
    beside.map(|one| Ok((one.text("model").map(Cow::into_owned), counted(&one)?)))
}

/// The entry of a message with its usage.
pub(super) fn message_entry<'a>(object: &Object<'a>, usage: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let mut entry = Entry::new(Dialect::Anthropic, counted(usage)?);
    let id = object.text("id");
    entry.model = object.text("model");
    let model = entry.model.as_deref().unwrap_or("");
    // Those who sell Claude mark its messages, or its name.
    match id.as_deref().unwrap_or("") {
        id if id.starts_with("msg_bdrk_") || model.starts_with("anthropic.") || model.contains(".anthropic.") => {
            entry.provider = Some("bedrock".into());
        }
        id if id.starts_with("msg_vrtx_") || model.contains('@') => entry.provider = Some("vertex".into()),
        id if id.starts_with("gen-") => entry.provider = Some("openrouter".into()),
        _ => entry.assume("anthropic"),
    }
    entry.request = request_of(id.as_deref());
    entry.at = ["created_at", "timestamp"].iter().find_map(|name| object.get(name).and_then(moment));
    let context = &mut entry.context;
    if let Some(tier) = usage.text("service_tier") {
        state_tier(context, &tier);
    }
    state(context, Dimension::InferenceGeo, usage.text("inference_geo"), &["not_available", "global", "unknown"]);
    state(context, Dimension::Speed, usage.text("speed"), &["standard"]);
    Ok(entry)
}

/// The counts of a message, disjoint.
pub(super) fn counted(usage: &Object) -> Result<Usage, RecordError> {
    let mut counted = Usage::default();
    let answer = count(usage, "output_tokens")?;
    let thinking = usage.object("output_tokens_details").map_or(Ok(0), |d| count(&d, "thinking_tokens"))?;
    counted.set_tokens(Meter::Input, count(usage, "input_tokens")?);
    counted.set_tokens(Meter::CacheRead, count(usage, "cache_read_input_tokens")?);
    let (short, hour) = written(usage)?;
    counted.set_tokens(Meter::CacheWrite5m, short);
    counted.set_tokens(Meter::CacheWrite1h, hour);
    counted.set_tokens(Meter::Output, rest("output_tokens", answer, &[thinking])?);
    counted.set_tokens(Meter::Reasoning, thinking);
    if let Some(tools) = usage.object("server_tool_use") {
        calls(&mut counted, Meter::WebSearches, &tools, "web_search_requests")?;
    }
    Ok(counted)
}

/// What was written for five minutes and for an hour; without a split, all of it for five minutes, the default.
fn written(usage: &Object) -> Result<(u64, u64), RecordError> {
    let total = count(usage, "cache_creation_input_tokens")?;
    let Some(split) = usage.object("cache_creation") else { return Ok((total, 0)) };
    let short = count(&split, "ephemeral_5m_input_tokens")?;
    let hour = count(&split, "ephemeral_1h_input_tokens")?;
    let unsplit = total.saturating_sub(short.saturating_add(hour));
    Ok((short.saturating_add(unsplit), hour))
}

/// The counts of a `message_delta`: each is the whole so far and replaces what was said before.
fn replacing(usage: &Object) -> Result<Counts, RecordError> {
    let mut counts = Counts { beside: iterations(usage).collect::<Result<_, _>>()?, ..Counts::default() };
    let all = counted(usage)?;
    let fields = [
        ("input_tokens", Meter::Input),
        ("cache_read_input_tokens", Meter::CacheRead),
        ("output_tokens", Meter::Output),
    ];
    for (name, meter) in fields {
        // A gateway that knows a count only at the start writes zero at the end.
        if usage.get(name).is_some() && (all.tokens(meter) > 0 || meter == Meter::Output) {
            counts.tokens.push((meter, all.tokens(meter)));
        }
    }
    if usage.get("output_tokens_details").is_some() {
        counts.tokens.push((Meter::Reasoning, all.tokens(Meter::Reasoning)));
    }
    // A delta may repeat the sum without its split: the split said at the start stays then.
    let written = count(usage, "cache_creation_input_tokens")?;
    if usage.object("cache_creation").is_some() {
        counts.tokens.push((Meter::CacheWrite5m, all.tokens(Meter::CacheWrite5m)));
        counts.tokens.push((Meter::CacheWrite1h, all.tokens(Meter::CacheWrite1h)));
    } else if written > 0 {
        counts.written = Some(written);
    }
    if let Some(tools) = usage.object("server_tool_use") {
        counts.web_searches = Some(count(&tools, "web_search_requests")?);
    }
    Ok(counts)
}
