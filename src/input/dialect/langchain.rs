//! Messages of LangChain, as JSON: plain, with `data` around what they say, or as constructors.
//!
//! `usage_metadata` counts the cache inside of the input for every provider, Anthropic too. What `response_metadata` says in
//! the provider's own words is the same request.

use std::borrow::Cow;

use super::counts::{count, moment, state_tier};
use super::entry::{id_of, request_of, used_text};
use super::openai_chat::chat_usage;
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item, Naming, anthropic};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::own(&["response_metadata"]),
        DialectSign::own(&["usage_metadata", "content"]),
        DialectSign::own(&["lc", "kwargs"]),
        DialectSign::kind(&["type"], &["ai", "human", "system", "tool", "function", "AIMessageChunk", "constructor"])
            .any(&["content", "data"]),
        DialectSign::inside(&["messages"], holds_usage),
    ],
    read: Some(read),
    is_common: true,
    known: &["flex", "priority", "flex_cache_read", "priority_cache_read", "flex_reasoning", "priority_reasoning"],
    places: &["messages and states of graphs as JSON"],
    reads: "`usage_metadata`; what the provider said in `response_metadata` only where there is none",
    includes: "caches and audio are parts of the input, for Anthropic too; thinking is a part of the output",
    source: "https://github.com/langchain-ai/langchain/blob/master/libs/core/langchain_core/messages/ai.py",
    ..DialectSpec::new("langchain", "messages of LangChain")
};

/// Whether a state has messages that say what they used.
fn holds_usage(seen: &SeenObject) -> bool {
    let mut messages = seen.object.objects("messages");
    messages.any(|message| inner(&message).is_some_and(|message| message.has("usage_metadata")))
}

/// What a message says, without what stands around it.
fn inner<'a>(object: &Object<'a>) -> Option<Object<'a>> {
    let around = ["data", "kwargs"].iter().find_map(|name| object.object(name));
    Some(around.unwrap_or_else(|| object.clone()))
}

/// A message, or a state with a list of them. Those of people and tools use nothing.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(messages) = object.get("messages") {
        each_record(&DIALECT, messages.items().filter_map(Value::object), out, &mut |message, out| read(message, out));
        return Ok(());
    }
    let Some(message) = inner(object) else { return Ok(()) };
    let response = message.object("response_metadata").unwrap_or_default();
    let (usage, tier) = match message_usage(object)? {
        Some((parts, tier)) => {
            // The provider's own counts repeat these, but for what nobody knows.
            drop(own_usage(&response));
            (parts.usage()?, tier)
        }
        None => match own_usage(&response)? {
            Some(usage) => (usage, None),
            None => return Ok(()),
        },
    };
    let mut entry = Entry::new(Dialect::LangChain, usage);
    entry.model = ["model_name", "model", "model_id", "ls_model_name"].iter().find_map(|name| response.text(name));
    entry.provider = response.text("model_provider").or_else(|| response.text("ls_provider"));
    entry.naming = Naming::ByHabit;
    entry.at = ["created_at", "created", "timestamp"].iter().find_map(|name| response.get(name).and_then(moment));
    if let Some(tier) = tier.map(Cow::Borrowed).or_else(|| response.text("service_tier")) {
        state_tier(&mut entry.context, &tier);
    }
    entry.id = id(&message, &entry.usage);
    entry.request = request_of(response.text("id").as_deref());
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// A history that is written again and again has the same message with the same counts; pieces of a stream have the id of
/// their message and counts that add up.
fn id(message: &Object, usage: &Usage) -> Option<u64> {
    let id = message.text("id").filter(|_| !message.is("type", "AIMessageChunk"))?;
    Some(id_of(&["langchain", &id, &used_text(usage)]))
}

/// The counts of a message and its tier, where it has `usage_metadata`.
pub(super) fn message_usage(message: &Object) -> Result<Option<(Parts, Option<&'static str>)>, RecordError> {
    let usage = inner(message).and_then(|message| message.object("usage_metadata"));
    usage.map(|usage| metadata_usage(&usage)).transpose()
}

/// The counts of `usage_metadata`. A tier stands in front of the names of some: `flex_cache_read`.
pub(super) fn metadata_usage(usage: &Object) -> Result<(Parts, Option<&'static str>), RecordError> {
    const TIERS: [&str; 2] = ["flex", "priority"];
    let input = usage.object("input_token_details").unwrap_or_default();
    let output = usage.object("output_token_details").unwrap_or_default();
    let tier = TIERS.into_iter().find(|tier| {
        let is_named = |details: &Object| {
            details.has(tier) || details.raw_fields().any(|(name, _)| name.starts_with(format!("{tier}_").as_bytes()))
        };
        is_named(&input) || is_named(&output)
    });
    let of = |details: &Object, name: &str| -> Result<u64, RecordError> {
        let tiered = tier.map_or(Ok(0), |tier| count(details, &format!("{tier}_{name}")))?;
        Ok(count(details, name)?.max(tiered))
    };
    let hour = count(&input, "ephemeral_1h_input_tokens")?;
    let by_lifetime = hour.saturating_add(count(&input, "ephemeral_5m_input_tokens")?);
    let parts = Parts {
        input: count(usage, "input_tokens")?,
        output: count(usage, "output_tokens")?,
        read: of(&input, "cache_read")?,
        written: count(&input, "cache_creation")?.max(by_lifetime),
        hour,
        thinking: of(&output, "reasoning")?,
        audio: count(&input, "audio")?,
        spoken: count(&output, "audio")?,
        total: Some(count(usage, "total_tokens")?).filter(|total| *total > 0),
        ..Parts::default()
    };
    Ok((parts, tier))
}

/// What the provider itself said, for messages that have nothing else: OpenAI's `token_usage`, Anthropic's `usage`.
fn own_usage(response: &Object) -> Result<Option<Usage>, RecordError> {
    if let Some(usage) = response.object("token_usage").filter(|usage| !usage.is_empty()) {
        return chat_usage(&usage, false).map(Some);
    }
    let usage = response.object("usage").filter(|usage| usage.has("input_tokens"));
    usage.map(|usage| anthropic::counted(&usage)).transpose()
}
