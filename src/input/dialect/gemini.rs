//! Gemini and Vertex AI: bodies and streams.
//!
//! Here the cached tokens are a part of `promptTokenCount`, while the results of tools and the thoughts stand beside
//! prompt and answer. A count that is zero is left out.

use super::counts::{count, count_of, moment, rest, state_tier};
use super::entry::id_of;
use super::outcomes::no_usage;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::own(&["usageMetadata"])],
    read: Some(read),
    places: &["answers and streams as they were saved"],
    reads: "`usageMetadata` with its split by modality, thoughts, results of tools, grounding, `trafficType`",
    includes: "cached tokens are a part of the prompt; thoughts and results of tools stand next to prompt and answer",
    source: "https://ai.google.dev/api/generate-content#UsageMetadata",
    ..DialectSpec::new("gemini", "Gemini's and Vertex AI's bodies")
};

/// A body of `generateContent`, or a chunk of its stream.
pub(super) fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(usage) = object.object("usageMetadata") else { return Err(no_usage()) };
    let mut counted = prompt_side(&usage)?;
    answer_side(&usage, &mut counted)?;
    grounding(object, &mut counted);
    let mut entry = Entry::new(Dialect::Gemini, counted);
    let model = object.text("modelVersion").or_else(|| object.text("model"));
    let traffic = usage.text("trafficType");
    let is_vertex = traffic.is_some() || model.as_deref().is_some_and(|model| model.contains('@'));
    if is_vertex {
        entry.provider = Some("vertex".into());
    } else {
        entry.assume("google");
    }
    entry.model = model.map(bare);
    entry.at = ["createTime", "timestamp"].iter().find_map(|name| object.get(name).and_then(moment));
    match traffic.as_deref() {
        None | Some("ON_DEMAND" | "TRAFFIC_TYPE_UNSPECIFIED") => {}
        Some(other) => state_tier(&mut entry.context, other.strip_prefix("ON_DEMAND_").unwrap_or(other)),
    }
    if let Some(tier) = usage.text("serviceTier") {
        state_tier(&mut entry.context, &tier);
    }
    // Each chunk of a stream states the whole so far under the same id.
    entry.id = object.text("responseId").map(|id| id_of(&["gemini", &id]));
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// A model's id without the folder in front and the version tag behind.
fn bare(model: std::borrow::Cow<'_, str>) -> std::borrow::Cow<'_, str> {
    let strip = |model: &str| -> (usize, usize) {
        let start = model.rfind("models/").map_or(0, |at| at + "models/".len());
        let end = if model.ends_with("@default") { model.len() - "@default".len() } else { model.len() };
        (start.min(end), end)
    };
    let (start, end) = strip(&model);
    match model {
        std::borrow::Cow::Borrowed(text) => text.get(start..end).unwrap_or(text).into(),
        std::borrow::Cow::Owned(text) => text.get(start..end).unwrap_or(&text).to_owned().into(),
    }
}

/// The tokens of one modality in a list of `{modality, tokenCount}`.
fn modality(usage: &Object, list: &str, name: &str) -> Result<u64, RecordError> {
    let parts = usage.get(list).into_iter().flat_map(Value::items).filter_map(Value::object);
    let mut sum = 0_u64;
    for part in parts.filter(|part| part.is("modality", name)) {
        sum = sum.saturating_add(part.get("tokenCount").map_or(Ok(0), |value| count_of("tokenCount", value))?);
    }
    Ok(sum)
}

fn prompt_side(usage: &Object) -> Result<Usage, RecordError> {
    let mut counted = Usage::default();
    let prompt = count(usage, "promptTokenCount")?;
    let cached = count(usage, "cachedContentTokenCount")?;
    let of = |name: &str| modality(usage, "promptTokensDetails", name);
    let cached_of = |name: &str| modality(usage, "cacheTokensDetails", name);
    let cached_audio = cached_of("AUDIO")?;
    let audio = rest("the audio", of("AUDIO")?, &[cached_audio])?;
    let image = rest("the images", of("IMAGE")?, &[cached_of("IMAGE")?])?;
    let video = rest("the video", of("VIDEO")?, &[cached_of("VIDEO")?])?;
    let text = rest("promptTokenCount", prompt, &[cached, audio, image, video])?;
    counted.set_tokens(Meter::Input, text.saturating_add(count(usage, "toolUsePromptTokenCount")?));
    counted.set_tokens(Meter::CacheRead, rest("cachedContentTokenCount", cached, &[cached_audio])?);
    counted.set_tokens(Meter::CacheReadAudio, cached_audio);
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::InputImage, image);
    counted.set_tokens(Meter::InputVideo, video);
    Ok(counted)
}

fn answer_side(usage: &Object, counted: &mut Usage) -> Result<(), RecordError> {
    let name = if usage.has("candidatesTokenCount") { "candidatesTokenCount" } else { "responseTokenCount" };
    let answer = count(usage, name)?;
    let list = if usage.has("candidatesTokensDetails") { "candidatesTokensDetails" } else { "responseTokensDetails" };
    let (image, audio) = (modality(usage, list, "IMAGE")?, modality(usage, list, "AUDIO")?);
    counted.set_tokens(Meter::Output, rest(name, answer, &[image, audio])?);
    counted.set_tokens(Meter::OutputImage, image);
    counted.set_tokens(Meter::OutputAudio, audio);
    counted.set_tokens(Meter::Reasoning, count(usage, "thoughtsTokenCount")?);
    Ok(())
}

/// Answers grounded in a search: up to the second generation each such answer is billed, from the third each search.
fn grounding(object: &Object, counted: &mut Usage) {
    let candidates = object.get("candidates").into_iter().flat_map(Value::items).filter_map(Value::object);
    for grounded in candidates.filter_map(|candidate| candidate.object("groundingMetadata")) {
        let searches = grounded.get("webSearchQueries").into_iter().flat_map(Value::items).count() as u64;
        let model = object.text("modelVersion");
        let by_answer = model.is_some_and(|m| m.contains("gemini-1") || m.contains("gemini-2"));
        let billed = if by_answer { searches.min(1) } else { searches };
        if billed > 0 {
            counted.set_tokens(Meter::WebSearches, billed);
        }
        let mut chunks = grounded.get("groundingChunks").into_iter().flat_map(Value::items).filter_map(Value::object);
        if chunks.any(|chunk| chunk.has("maps")) {
            counted.set_tokens(Meter::MapsQueries, 1);
        }
    }
}
