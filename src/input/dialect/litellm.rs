//! Logs of LiteLLM.

use std::borrow::Cow;

use super::counts::{moment, state_tier};
use super::openai_chat::chat_usage;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::together(&["spend"]).any(&["call_type", "custom_llm_provider", "request_id"])],
    read: Some(read),
    places: &["rows of the table SpendLogs"],
    reads: "`prompt_tokens`, `completion_tokens`, caches out of `metadata`, `spend`, tags",
    includes: "caches are parts of the prompt unless they cannot be, because they are larger",
    source: "https://github.com/BerriAI/litellm/blob/main/schema.prisma",
    ..DialectSpec::new("litellm", "LiteLLM's SpendLogs")
};

/// A row of LiteLLM's SpendLogs. Its counts include the caches, Anthropic's too.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    // A column of JSON is exported as an object or as its text.
    let metadata = object.get("metadata");
    let as_text = metadata.and_then(Value::text);
    let metadata = metadata.and_then(Value::object);
    let parsed = as_text.as_deref().and_then(|text| Object::read(text.as_bytes()).ok());
    let of_metadata = |name: &str| metadata.as_ref().and_then(|m| m.object(name));
    let of_text = || parsed.as_ref().and_then(|m| m.object("usage_object"));
    let counted = match (of_metadata("usage_object"), of_text()) {
        (Some(usage), _) => chat_usage(&usage, false)?,
        (None, Some(usage)) => chat_usage(&usage, false)?,
        _ => chat_usage(object, false)?,
    };
    let mut entry = Entry::new(Dialect::LiteLlm, counted);
    entry.provider = object.text("custom_llm_provider").filter(|provider| !provider.is_empty());
    entry.model = object.text("model").map(|model| without_provider(model, entry.provider.as_deref()));
    entry.at = object.get("startTime").or_else(|| object.get("start_time")).and_then(moment);
    entry.reported = object.get("spend").and_then(Value::decimal).map(Reported::usd);
    entry.labels = Labels {
        project: object.text("team_id"),
        session: object.text("session_id"),
        key: object.text("user").or_else(|| object.text("end_user")).or_else(|| object.text("api_key")),
        tags: object.get("request_tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect(),
    };
    if let Some(tier) = of_metadata("usage_object").and_then(|usage| usage.text("service_tier")) {
        state_tier(&mut entry.context, &tier);
    }
    if object.is("status", "failure") {
        let said = of_metadata("error_information").and_then(|e| e.text("error_message"));
        entry.state = State::Failed(said.map_or_else(|| "the request failed".into(), Cow::into_owned));
    } else if object.get("cache_hit").and_then(Value::word).is_some_and(|hit| hit.eq_ignore_ascii_case("true")) {
        entry.state = State::Remembered;
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
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
