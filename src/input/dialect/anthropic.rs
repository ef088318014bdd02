//! Anthropic's messages, streams, batch results and Admin reports.
//!
//! Here `input_tokens` is only what neither came from the cache nor went into it, so that the counts are disjoint already;
//! thinking is a part of `output_tokens`. What goes into the cache is split by how long it stays.

use super::counts::{calls, count, moment, rest, state, state_tier};
use super::{
    Bucket, Counts, Dialect, Entry, Event, Item, Labels, Reported, State, buckets, error_text, failed, rows_of,
};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

/// A message, or an event of its stream.
pub(super) fn message<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
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
            let Some(usage) = object.object("usage") else { return Err(super::openai::no_usage()) };
            push_message(object, &usage, out)?;
        }
    }
    Ok(())
}

fn push_message<'a>(object: &Object<'a>, usage: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let entry = message_entry(object, usage)?;
    // What compaction and advisors used stands beside the message's own counts, an advisor under its own model.
    let beside = usage.get("iterations").into_iter().flat_map(Value::items).filter_map(Value::object);
    for iteration in beside.filter(|iteration| !iteration.is("type", "message")) {
        let mut more = Entry { usage: counted(&iteration)?, id: None, ..entry.clone() };
        if let Some(model) = iteration.text("model") {
            more.model = Some(model);
        }
        out.push(Item::Entry(Box::new(more)));
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The entry of a message with its usage.
pub(super) fn message_entry<'a>(object: &Object<'a>, usage: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let mut entry = Entry::new(Dialect::Anthropic, counted(usage)?);
    let id = object.text("id");
    // The clouds that sell Claude mark its messages.
    match id.as_deref() {
        Some(id) if id.starts_with("msg_bdrk_") => entry.provider = Some("bedrock".into()),
        Some(id) if id.starts_with("msg_vrtx_") => entry.provider = Some("vertex".into()),
        _ => entry.assume("anthropic"),
    }
    entry.model = object.text("model");
    entry.at = ["created_at", "timestamp"].iter().find_map(|name| object.get(name).and_then(moment));
    let context = &mut entry.context;
    if let Some(tier) = usage.text("service_tier") {
        state_tier(context, &tier);
    }
    state(context, Dimension::InferenceGeo, usage.text("inference_geo"), &["not_available", "global", "unknown"]);
    state(context, Dimension::Speed, usage.text("speed"), &["standard"]);
    Ok(entry)
}

fn counted(usage: &Object) -> Result<Usage, RecordError> {
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
    let mut counts = Counts::default();
    let all = counted(usage)?;
    let fields = [
        ("input_tokens", Meter::Input),
        ("cache_read_input_tokens", Meter::CacheRead),
        ("output_tokens", Meter::Output),
    ];
    for (name, meter) in fields {
        if usage.get(name).is_some() {
            counts.tokens.push((meter, all.tokens(meter)));
        }
    }
    if usage.get("output_tokens_details").is_some() {
        counts.tokens.push((Meter::Reasoning, all.tokens(Meter::Reasoning)));
    }
    // A delta repeats the sum without its split: the split said at the start stays then.
    if usage.get("cache_creation").is_some() {
        counts.tokens.push((Meter::CacheWrite5m, all.tokens(Meter::CacheWrite5m)));
        counts.tokens.push((Meter::CacheWrite1h, all.tokens(Meter::CacheWrite1h)));
    }
    if let Some(tools) = usage.object("server_tool_use") {
        counts.web_searches = Some(count(&tools, "web_search_requests")?);
    }
    Ok(counts)
}

/// A line of a batch's results: only those that succeeded are billed.
pub(super) fn batch_line<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let result = object.object("result").unwrap_or_default();
    let kind = result.text("type");
    match kind.as_deref() {
        Some("succeeded") => {
            let inner = result.object("message").unwrap_or_default();
            let Some(usage) = inner.object("usage") else { return Err(super::openai::no_usage()) };
            let before = out.len();
            push_message(&inner, &usage, out)?;
            for item in out.iter_mut().skip(before) {
                if let Item::Entry(entry) = item {
                    entry.dialect = Dialect::AnthropicBatch;
                    entry.context.remove(Dimension::ServiceTier);
                    entry.context.set(Dimension::Processing, "batch");
                }
            }
        }
        Some("errored") => out.push(failed(Dialect::AnthropicBatch, error_text(&result))),
        Some(kind @ ("canceled" | "expired")) => {
            let state = State::Cancelled(format!("the request was {kind}"));
            out.push(Item::Entry(Box::new(Entry::failed(Dialect::AnthropicBatch, state))));
        }
        _ => return Err(RecordError::Form("result.type is none of succeeded, errored, canceled, expired".into())),
    }
    Ok(())
}

/// A page of the Admin API's usage or cost report, or one bucket of it.
pub(super) fn report<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    for bucket in buckets(object)? {
        let at = bucket.get("starting_at").and_then(moment);
        let until = bucket.get("ending_at").and_then(moment);
        for row in rows_of(&bucket) {
            let read = |row: Object<'a>| if row.has("amount") { cost_row(&row) } else { usage_row(&row, until) };
            match row.and_then(read) {
                Ok(mut entry) => {
                    entry.at = at;
                    out.push(Item::Entry(Box::new(entry)));
                }
                Err(error) => out.push(Item::Bad(error)),
            }
        }
    }
    Ok(())
}

fn row_labels<'a>(row: &Object<'a>) -> Labels<'a> {
    Labels { project: row.text("workspace_id"), key: row.text("api_key_id"), ..Labels::default() }
}

fn usage_row<'a>(row: &Object<'a>, until: Option<crate::period::Instant>) -> Result<Entry<'a>, RecordError> {
    let mut counted = Usage::default();
    let split = row.object("cache_creation").unwrap_or_default();
    counted.set_tokens(Meter::Input, count(row, "uncached_input_tokens")?);
    counted.set_tokens(Meter::CacheRead, count(row, "cache_read_input_tokens")?);
    counted.set_tokens(Meter::CacheWrite5m, count(&split, "ephemeral_5m_input_tokens")?);
    counted.set_tokens(Meter::CacheWrite1h, count(&split, "ephemeral_1h_input_tokens")?);
    counted.set_tokens(Meter::Output, count(row, "output_tokens")?);
    if let Some(tools) = row.object("server_tool_use") {
        calls(&mut counted, Meter::WebSearches, &tools, "web_search_requests")?;
    }
    let mut entry = Entry::new(Dialect::AnthropicUsage, counted);
    entry.provider = Some("anthropic".into());
    entry.model = row.text("model");
    state_row(&mut entry, row.text("service_tier"), row.text("inference_geo"), row.text("speed"));
    let window = row.text("context_window");
    entry.bucket = Some(Bucket { until, prompt_tokens: window.as_deref().and_then(prompt_size), ..Bucket::default() });
    entry.labels = row_labels(row);
    Ok(entry)
}

/// What a row of a report states beside its counts.
pub(super) fn state_row(
    entry: &mut Entry,
    tier: Option<std::borrow::Cow<str>>,
    geo: Option<std::borrow::Cow<str>>,
    speed: Option<std::borrow::Cow<str>>,
) {
    if let Some(tier) = tier {
        state_tier(&mut entry.context, &tier);
    }
    state(&mut entry.context, Dimension::InferenceGeo, geo, &["not_available", "global", "unknown", ""]);
    state(&mut entry.context, Dimension::Speed, speed, &["standard", ""]);
}

/// How long the prompts of a row were, from what the report calls its context window: `0-200k`, `≤ 200k`, `> 200k`,
/// `200k-1M`.
pub(super) fn prompt_size(window: &str) -> Option<(u64, u64)> {
    const BORDER: u64 = 200_000;
    let plain: String = window.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    match plain.as_str() {
        "0-200k" | "≤200k" | "<=200k" => Some((0, BORDER)),
        ">200k" | "200k-1m" => Some((BORDER + 1, u64::MAX)),
        _ => None,
    }
}

/// A row of the cost report; its amount is in cents.
fn cost_row<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let cents = row.get("amount").and_then(Value::decimal);
    let cents = cents.ok_or_else(|| RecordError::Form("amount is not a number of cents".into()))?;
    let mut amount = cents;
    amount.set_scale(cents.scale() + 2).map_err(|_| RecordError::Usage("amount has too many digits".into()))?;
    let what = row.text("description").or_else(|| row.text("cost_type"));
    let mut entry = Entry::new(Dialect::AnthropicCosts, Usage::default());
    entry.state = State::Charge(what.map_or_else(String::new, std::borrow::Cow::into_owned));
    let currency = row.text("currency").map_or_else(|| "USD".to_owned(), |c| c.to_uppercase());
    entry.reported = Some(Reported { amount, currency });
    entry.provider = Some("anthropic".into());
    entry.model = row.text("model");
    entry.labels = row_labels(row);
    Ok(entry)
}
