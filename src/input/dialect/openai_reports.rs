//! What OpenAI reports about a whole organization: usage and costs by the day.

use super::counts::{count, moment, rest, state_tier};
use super::{Bucket, Dialect, Entry, Item, Labels, Reported, State, report_rows};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

/// A page of the usage API or the costs API, or one bucket of it.
pub(super) fn page<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    report_rows::each_row(object, [Dialect::OpenAiCosts, Dialect::OpenAiUsage], out, |bucket, row, is_cost| {
        let span = (bucket.get("start_time").and_then(moment), bucket.get("end_time").and_then(moment));
        if is_cost { cost_row(row, span) } else { usage_row(row, span) }
    })
}

type Span = (Option<Instant>, Option<Instant>);

fn cost_row<'a>(row: &Object<'a>, span: Span) -> Result<Entry<'a>, RecordError> {
    let amount = row.object("amount").unwrap_or_default();
    let value = amount.get("value").and_then(Value::decimal);
    let value = value.ok_or_else(|| RecordError::Form("amount.value is not a number".into()))?;
    let mut entry = Entry::new(Dialect::OpenAiCosts, Usage::default());
    let item = row.text("line_item");
    entry.state = State::Charge(item.as_deref().unwrap_or("").to_owned());
    // "gpt-4o-2024-08-06, input": the model stands in front.
    entry.model = item.as_deref().and_then(|item| item.split_once(", ")).map(|(model, _)| model.to_owned().into());
    let currency = amount.text("currency").map_or_else(|| "USD".to_owned(), |c| c.to_uppercase());
    entry.reported = Some(Reported { amount: value, currency });
    entry.provider = Some("openai".into());
    entry.at = span.0;
    entry.labels = Labels { project: row.text("project_id"), ..Labels::default() };
    Ok(entry)
}

/// A row of the usage API. The export is a table with the same names and comes here too.
pub(super) fn usage_row<'a>(row: &Object<'a>, span: Span) -> Result<Entry<'a>, RecordError> {
    let mut counted = Usage::default();
    if row.has("input_tokens") || row.has("output_tokens") {
        tokens(row, &mut counted)?;
    }
    let beside = [
        ("images", Meter::Images),
        ("characters", Meter::Characters),
        ("seconds", Meter::AudioSeconds),
        ("num_sessions", Meter::CodeSessions),
    ];
    for (name, meter) in beside {
        super::counts::calls(&mut counted, meter, row, name)?;
    }
    if count(row, "usage_bytes")? > 0 {
        return Err(RecordError::Context("usage_bytes: stored bytes have no price here".into()));
    }
    let requests = count(row, "num_model_requests")?;
    let mut entry = Entry::new(Dialect::OpenAiUsage, counted);
    entry.provider = Some("openai".into());
    entry.model = row.text("model");
    entry.at = span.0;
    entry.bucket = Some(Bucket { requests: (requests > 0).then_some(requests), until: span.1, prompt_tokens: None });
    if let Some(tier) = row.text("service_tier") {
        state_tier(&mut entry.context, &tier);
    }
    if row.get("batch").and_then(Value::word).is_some_and(|batch| batch.eq_ignore_ascii_case("true")) {
        entry.context.remove(Dimension::ServiceTier);
        entry.context.set(Dimension::Processing, "batch");
    }
    if let Some(size) = row.text("size") {
        entry.context.set(Dimension::Size, &size);
    }
    let key = row.text("api_key_id").or_else(|| row.text("user_id"));
    entry.labels = Labels { project: row.text("project_id"), key, ..Labels::default() };
    Ok(entry)
}

/// The split by caching adds up to `input_tokens`; the split by text, audio and image is a second one over what was not
/// cached, and the two are never added. Where the text alone is all that was not cached, audio stands beside.
fn tokens(row: &Object, counted: &mut Usage) -> Result<(), RecordError> {
    let input = count(row, "input_tokens")?;
    let cached = count(row, "input_cached_tokens")?;
    let written = count(row, "input_cache_write_tokens")?;
    let uncached = match row.get("input_uncached_tokens") {
        Some(_) => count(row, "input_uncached_tokens")?,
        None => rest("input_tokens", input, &[cached, written])?,
    };
    let (audio, image) = (count(row, "input_audio_tokens")?, count(row, "input_image_tokens")?);
    let text = count(row, "input_text_tokens")?;
    let beside = row.has("input_text_tokens") && text == uncached;
    counted.set_tokens(Meter::Input, if beside { text } else { rest("input_tokens", uncached, &[audio, image])? });
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::InputImage, image);
    let cached_audio = count(row, "input_cached_audio_tokens")?.min(cached);
    counted.set_tokens(Meter::CacheRead, cached - cached_audio);
    counted.set_tokens(Meter::CacheReadAudio, cached_audio);
    counted.set_tokens(Meter::CacheWrite5m, written);
    let answer = count(row, "output_tokens")?;
    let (spoken, drawn) = (count(row, "output_audio_tokens")?, count(row, "output_image_tokens")?);
    let beside = row.has("output_text_tokens") && count(row, "output_text_tokens")? == answer;
    counted.set_tokens(Meter::Output, if beside { answer } else { rest("output_tokens", answer, &[spoken, drawn])? });
    counted.set_tokens(Meter::OutputAudio, spoken);
    counted.set_tokens(Meter::OutputImage, drawn);
    Ok(())
}
