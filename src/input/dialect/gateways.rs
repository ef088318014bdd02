//! Logs of what stands between an application and its providers: LiteLLM, Langfuse, Helicone.

use std::borrow::Cow;

use super::counts::{count, count_of, moment, rest, state_tier};
use super::openai::chat_usage;
use super::{Dialect, Entry, Item, Labels, Reported, State, error_text};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

/// A row of LiteLLM's SpendLogs. Its counts include the caches, Anthropic's too.
pub(super) fn litellm<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
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

/// An observation of Langfuse, or the message of one.
pub(super) fn langfuse<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage = object.object("usageDetails").filter(|usage| usage.fields().next().is_some());
    let usage = usage.or_else(|| object.object("usage"));
    let is_failed = object.is("level", "ERROR");
    let Some(usage) = usage else {
        // Spans and events of a trace use nothing.
        if is_failed && object.get("model").is_some() {
            let said = object.text("statusMessage").map_or_else(|| "an error".into(), Cow::into_owned);
            out.push(super::failed(Dialect::Langfuse, said));
        }
        return Ok(());
    };
    let mut entry = Entry::new(Dialect::Langfuse, free_form(&usage)?);
    entry.model = object.text("model").or_else(|| object.text("providedModelName"));
    entry.at = object.get("startTime").and_then(moment);
    let cost = object.object("costDetails").and_then(|cost| cost.get("total")?.decimal());
    let cost = cost.or_else(|| object.get("calculatedTotalCost").or_else(|| object.get("totalCost"))?.decimal());
    entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
    let mut tags: Vec<Cow<str>> =
        object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect();
    tags.extend(object.text("environment").map(|e| Cow::Owned(format!("environment:{e}"))));
    entry.labels = Labels {
        project: object.text("projectId").or_else(|| object.text("traceName")),
        session: object.text("sessionId").or_else(|| object.text("traceId")),
        key: object.text("userId"),
        tags,
    };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// Counts under names that anyone may choose, disjoint by convention. Where the sum of all is more than the stated total
/// and input and output alone give it, the details are parts.
///
/// # Errors
/// [`RecordError::Usage`] names a count whose meaning is not known: nothing is left out silently.
fn free_form(usage: &Object) -> Result<Usage, RecordError> {
    let mut counts: Vec<(Meter, u64)> = Vec::new();
    let mut total = None;
    for (name, value) in usage.fields() {
        if value.is_null() || name == "unit" || name.ends_with("Cost") {
            continue;
        }
        let count = count_of(&name, value)?;
        if name == "total" || name == "totalTokens" || name == "total_tokens" {
            total = Some(count);
        } else if let Some(meter) = free_name(&name) {
            counts.push((meter, count));
        } else if count > 0 {
            return Err(RecordError::Usage(format!("{name} is {count}, and no count of that name is known")));
        }
    }
    let sum_of = |wanted: &dyn Fn(Meter) -> bool| {
        counts.iter().filter(|(m, _)| wanted(*m)).fold(0_u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let whole = |meter: Meter| matches!(meter, Meter::Input | Meter::Output);
    let nested = total.is_some_and(|total| sum_of(&|_| true) > total && sum_of(&whole) == total);
    let mut counted = Usage::default();
    for (meter, count) in &counts {
        let parts = |side| sum_of(&|m| m.side() == side && !whole(m));
        let count = match meter {
            Meter::Input | Meter::Output if nested => rest(meter.name(), *count, &[parts(meter.side())])?,
            _ => *count,
        };
        counted.set_tokens(*meter, counted.tokens(*meter).saturating_add(count));
    }
    Ok(counted)
}

fn free_name(name: &str) -> Option<Meter> {
    let name = name.to_lowercase();
    let has = |part: &str| name.contains(part);
    Some(match name.as_str() {
        "input" | "prompttokens" | "prompt_tokens" | "input_tokens" | "input_text" => Meter::Input,
        "output" | "completiontokens" | "completion_tokens" | "output_tokens" | "output_text" => Meter::Output,
        _ if has("cache") && (has("creation") || has("write")) && has("1h") => Meter::CacheWrite1h,
        _ if has("cache") && (has("creation") || has("write")) => Meter::CacheWrite5m,
        _ if has("cache") && has("audio") => Meter::CacheReadAudio,
        _ if has("cache") => Meter::CacheRead,
        _ if has("reasoning") || has("thought") || has("thinking") => Meter::Reasoning,
        _ if has("input") && has("audio") => Meter::InputAudio,
        _ if has("input") && has("image") => Meter::InputImage,
        _ if has("output") && has("audio") => Meter::OutputAudio,
        _ if has("output") && has("image") => Meter::OutputImage,
        _ => return None,
    })
}

/// A request of Helicone's query and export. Of Anthropic's, the caches stand beside the prompt; of others, inside.
pub(super) fn helicone<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let status = count(object, "response_status")?;
    let provider = object.text("provider").map(|p| p.to_lowercase());
    let read = count(object, "prompt_cache_read_tokens")?;
    let written = count(object, "prompt_cache_write_tokens")?;
    let prompt = count(object, "prompt_tokens")?;
    let beside = provider.as_deref() == Some("anthropic");
    let input = if beside { prompt } else { rest("prompt_tokens", prompt, &[read, written])? };
    let mut counted = Usage::tokens_in_out(input, count(object, "completion_tokens")?);
    counted.set_tokens(Meter::CacheRead, read);
    counted.set_tokens(Meter::CacheWrite5m, written);
    let mut entry = Entry::new(Dialect::Helicone, counted);
    if status >= 400 || object.get("prompt_tokens").is_none() {
        let said = object.object("response_body").map(|body| error_text(&body));
        entry.state = State::Failed(said.unwrap_or_else(|| format!("status {status}")));
    }
    entry.provider = provider.filter(|p| p != "custom").map(Cow::Owned);
    let model = ["model_override", "response_model", "request_model", "model"];
    entry.model = model.iter().find_map(|name| object.text(name));
    let times = ["request_created_at", "response_created_at"];
    entry.at = times.iter().find_map(|name| object.get(name).and_then(moment));
    entry.reported = ["cost", "costUSD", "cost_usd"].iter().find_map(|n| object.get(n)?.decimal()).map(Reported::usd);
    if object.get("cache_enabled").is_some()
        && object.text("cache_reference_id").is_some_and(|id| !id.starts_with("0000"))
    {
        entry.state = State::Remembered;
    }
    let properties = object.object("request_properties").unwrap_or_default();
    let tags = properties.fields().filter_map(|(n, v)| Some(Cow::Owned(format!("{n}:{}", v.text()?)))).collect();
    entry.labels = Labels {
        project: None,
        session: properties.text("Helicone-Session-Id"),
        key: object.text("request_user_id").or_else(|| object.text("helicone_user")),
        tags,
    };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
