//! What Anthropic reports about a whole organization: usage and costs by the day.

use super::counts::{calls, count, moment, state, state_tier};
use super::{Bucket, Dialect, Entry, Item, Labels, Reported, State, report_rows};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

/// A page of the Admin API's usage or cost report, or one bucket of it.
pub(super) fn page<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    report_rows::each_row(object, [Dialect::AnthropicCosts, Dialect::AnthropicUsage], out, |bucket, row, is_cost| {
        let until = bucket.get("ending_at").and_then(moment);
        let mut entry = if is_cost { cost_row(row) } else { usage_row(row, until) }?;
        entry.at = bucket.get("starting_at").and_then(moment);
        Ok(entry)
    })
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
