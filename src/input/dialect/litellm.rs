//! Logs of LiteLLM: rows of its SpendLogs, and the payloads that it hands to loggers (`StandardLoggingPayload`).
//!
//! Counts include the caches, Anthropic's too. What stands at the top repeats the usage of the answer without its details.

use std::borrow::Cow;

use super::counts::{count, moment, object_text, state_tier};
use super::entry::request_of;
use super::openai_chat::chat_usage;
use super::spec::{DialectSign, DialectSpec, TableForm, TableRows};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::together(&["spend"]).any(&["call_type", "custom_llm_provider", "request_id"]),
        DialectSign::own(&["call_type"]).any(&["response_cost", "custom_llm_provider", "model_group"]),
    ],
    read: Some(read),
    tables: &[TableForm { columns: &["request_id", "call_type", "spend", "model"], rows: TableRows::Objects(read) }],
    known: &[
        "prompt_tokens",
        "completion_tokens",
        "text_tokens",
        "input_cost",
        "output_cost",
        "total_cost",
        "tool_usage_cost",
    ],
    places: &["rows of the table SpendLogs, as JSON or CSV", "payloads of its loggers (`StandardLoggingPayload`)"],
    reads: "`prompt_tokens`, `completion_tokens`, caches and tier out of `metadata` or the answer, `spend`, `cache_hit`, `status`, tags",
    includes: "caches are parts of the prompt unless they cannot be, because they are larger",
    source: "https://github.com/BerriAI/litellm/blob/main/schema.prisma",
    ..DialectSpec::new("litellm", "LiteLLM's SpendLogs and logging payloads")
};

/// A row or a payload.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    // A column of JSON is exported as an object or as its text.
    let texts = ["metadata", "response", "cost_breakdown"].map(|name| object.get(name).and_then(object_text));
    let [metadata, response, breakdown] = texts.each_ref().map(|text| Object::read(text.as_deref()?.as_bytes()).ok());
    let (metadata, response) = (metadata.unwrap_or_default(), response.unwrap_or_default());
    let breakdown = breakdown.or_else(|| metadata.object("cost_breakdown"));
    let usage = metadata.object("usage_object").filter(|usage| !usage.is_empty());
    let usage = usage.or_else(|| response.object("usage").filter(|usage| usage.has("prompt_tokens")));
    let mut entry = Entry::new(Dialect::LiteLlm, counted(object, usage.as_ref())?);
    entry.provider = object.text("custom_llm_provider").filter(|provider| !provider.is_empty());
    entry.model = object.text("model").map(|model| without_provider(model, entry.provider.as_deref()));
    // LiteLLM takes the id of the answer.
    entry.request = ["request_id", "id"].iter().find_map(|name| request_of(object.text(name).as_deref()));
    entry.at = object.get("startTime").or_else(|| object.get("start_time")).and_then(moment);
    let cost = object.get("spend").or_else(|| object.get("response_cost"));
    entry.reported = cost.and_then(Value::decimal).map(Reported::usd);
    entry.labels = labels(object, &metadata);
    let tiers = [usage.as_ref(), breakdown.as_ref(), Some(&response)];
    let tier = tiers.into_iter().flatten().find_map(|holder| holder.text("service_tier"));
    if let Some(tier) = tier {
        state_tier(&mut entry.context, &tier);
    }
    if let Some(state) = state(object, &metadata) {
        entry.state = state;
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// What was used: as the answer says with all its parts, or the counts at the top.
fn counted(object: &Object, usage: Option<&Object>) -> Result<Usage, RecordError> {
    let Some(usage) = usage else { return chat_usage(object, false) };
    let counted = chat_usage(usage, false)?;
    // An answer that was cut out of the log leaves zeros.
    if counted.used().next().is_none() && count(object, "total_tokens")? > 0 {
        return chat_usage(object, false);
    }
    Ok(counted)
}

fn labels<'a>(object: &Object<'a>, metadata: &Object) -> Labels<'a> {
    let known = |name: &str| metadata.text(name).map(|text| Cow::Owned(text.into_owned()));
    let users = ["user", "end_user", "api_key"];
    Labels {
        project: object
            .text("team_id")
            .or_else(|| known("user_api_key_team_alias"))
            .or_else(|| known("user_api_key_team_id")),
        session: object.text("session_id"),
        key: users
            .iter()
            .find_map(|name| object.text(name))
            .or_else(|| known("user_api_key_alias"))
            .or_else(|| known("user_api_key_hash")),
        tags: object.get("request_tags").map(tags).unwrap_or_default(),
    }
}

/// A list of tags, its text, or a list as Postgres writes it: `{a,"b c"}`.
fn tags(value: Value<'_>) -> Vec<Cow<'_, str>> {
    let Some(text) = value.text() else { return value.items().filter_map(Value::text).collect() };
    let owned = |text: Cow<str>| Cow::Owned(text.into_owned());
    if let Ok(list) = Value::read(text.as_bytes())
        && list.raw().first() == Some(&b'[')
    {
        return list.items().filter_map(Value::text).map(owned).collect();
    }
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&text);
    let parts = inside.split(',').map(|tag| tag.trim().trim_matches('"')).filter(|tag| !tag.is_empty());
    parts.map(|tag| Cow::Owned(tag.to_owned())).collect()
}

/// How a request ended that was not answered by a provider.
fn state(object: &Object, metadata: &Object) -> Option<State> {
    let is_true =
        |name: &str| object.get(name).and_then(Value::word).is_some_and(|word| word.eq_ignore_ascii_case("true"));
    if object.is("status", "failure") {
        let of = |holder: &Object| {
            holder.object("error_information").and_then(|error| error.text("error_message")).map(Cow::into_owned)
        };
        let said = of(metadata).or_else(|| of(object)).or_else(|| object.text("error_str").map(Cow::into_owned));
        return Some(State::Failed(said.unwrap_or_else(|| "the request failed".into())));
    }
    is_true("cache_hit").then_some(State::Remembered)
}

/// `anthropic/claude-…` without the provider that the record names already.
fn without_provider<'a>(model: Cow<'a, str>, provider: Option<&str>) -> Cow<'a, str> {
    let rest = provider.and_then(|provider| model.strip_prefix(provider)?.strip_prefix('/'));
    let Some(start) = rest.map(|rest| model.len() - rest.len()) else { return model };
    match model {
        Cow::Borrowed(text) => text.get(start..).unwrap_or(text).into(),
        Cow::Owned(text) => text.get(start..).unwrap_or(&text).to_owned().into(),
    }
}
