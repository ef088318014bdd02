//! Gemini and Vertex AI: bodies and streams.
//!
//! Here the cached tokens are a part of `promptTokenCount`, while the results of tools and the thoughts stand beside
//! prompt and answer. A count that is zero is left out. Python's SDK dumps the same fields with underscores.

use std::borrow::Cow;

use super::counts::{count, is_of_parts, moment, rest, state_tier, unexplained};
use super::entry::{id_of, request_of};
use super::outcomes::no_usage;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Event, Item};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::own(&["usageMetadata"]),
        DialectSign { look: Some(is_dumped), ..DialectSign::own(&["usage_metadata"]) },
    ],
    read: Some(read),
    known: &["toolUsePromptTokensDetails.tokenCount", "tool_use_prompt_tokens_details.token_count"],
    places: &["answers and streams as they were saved"],
    reads: "`usageMetadata` with its split by modality, thoughts, results of tools, grounding, `trafficType`, also under Python's names",
    includes: "cached tokens are a part of the prompt; thoughts and results of tools stand next to prompt and answer; each new query is billed from Gemini 3 on, each grounded prompt before",
    source: "https://ai.google.dev/api/generate-content#UsageMetadata",
    ..DialectSpec::new("gemini", "Gemini's and Vertex AI's bodies")
};

/// Whether it is an answer as Python's SDK dumps it, and not another program's usage of the same name.
fn is_dumped(seen: &SeenObject) -> bool {
    let usage = seen.object.object("usage_metadata");
    usage.is_some_and(|usage| usage.has("prompt_token_count") || usage.has("total_token_count"))
}

/// A name as the API writes it, and as Python's SDK does.
type Name = [&'static str; 2];

/// The fields of an object, under either of their names.
struct Fields<'o, 'a> {
    object: &'o Object<'a>,
    style: usize,
}

impl<'a> Fields<'_, 'a> {
    fn name(&self, name: Name) -> &'static str {
        let [api, python] = name;
        if self.style == 0 { api } else { python }
    }

    fn of<'p>(&self, object: &'p Object<'a>) -> Fields<'p, 'a> {
        Fields { object, style: self.style }
    }

    fn get(&self, name: Name) -> Option<Value<'a>> {
        self.object.get(self.name(name))
    }

    fn text(&self, name: Name) -> Option<Cow<'a, str>> {
        self.object.text(self.name(name))
    }

    fn count(&self, name: Name) -> Result<u64, RecordError> {
        count(self.object, self.name(name))
    }

    fn list(&self, name: Name) -> impl Iterator<Item = Object<'a>> {
        self.object.objects(self.name(name))
    }
}

const CANDIDATES: Name = ["candidatesTokenCount", "candidates_token_count"];
const CANDIDATES_OF: Name = ["candidatesTokensDetails", "candidates_tokens_details"];
const RESPONSE: Name = ["responseTokenCount", "response_token_count"];
const RESPONSE_OF: Name = ["responseTokensDetails", "response_tokens_details"];
const MODEL: Name = ["modelVersion", "model_version"];

/// A body of `generateContent`, or a chunk of its stream.
pub(super) fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let (style, found) = match object.object("usageMetadata") {
        Some(usage) => (0, Some(usage)),
        None => (1, object.object("usage_metadata")),
    };
    let Some(usage) = found else { return Err(no_usage()) };
    let (body, usage) = (Fields { object, style }, Fields { object: &usage, style });
    let mut counted = prompt_side(&usage)?;
    answer_side(&usage, &mut counted)?;
    check_total(&usage, &counted)?;
    let model = body.text(MODEL).or_else(|| object.text("model"));
    let queries = grounding(&body, model.as_deref(), &mut counted);
    let mut entry = Entry { queries, ..Entry::new(Dialect::Gemini, counted) };
    let traffic = usage.text(["trafficType", "traffic_type"]);
    let traffic = traffic.as_deref().map(|traffic| traffic.rsplit('.').next().unwrap_or(traffic));
    let is_vertex = traffic.is_some() || model.as_deref().is_some_and(|model| model.contains('@'));
    if is_vertex {
        entry.provider = Some("vertex".into());
    } else {
        entry.assume("google");
    }
    entry.model = model.map(bare);
    let times: [Name; 2] = [["createTime", "create_time"], ["timestamp", "timestamp"]];
    entry.at = times.into_iter().find_map(|name| body.get(name).and_then(moment));
    match traffic {
        None | Some("ON_DEMAND" | "TRAFFIC_TYPE_UNSPECIFIED") => {}
        Some(other) => state_tier(&mut entry.context, other.strip_prefix("ON_DEMAND_").unwrap_or(other)),
    }
    if let Some(tier) = usage.text(["serviceTier", "service_tier"]) {
        state_tier(&mut entry.context, &tier);
    }
    // Each chunk of a stream states the whole so far under the same id.
    let id = body.text(["responseId", "response_id"]);
    entry.id = id.as_deref().map(|id| id_of(&["gemini", id]));
    entry.request = request_of(id.as_deref());
    let is_part = id.is_none() && is_unfinished(&body);
    let entry = Box::new(entry);
    out.push(if is_part { Item::Event(Event::Chunk(entry)) } else { Item::Entry(entry) });
    Ok(())
}

/// Whether it has candidates and none of them has ended: a chunk of a stream that is not its last.
fn is_unfinished(body: &Fields) -> bool {
    let ending = body.name(["finishReason", "finish_reason"]);
    let mut candidates = body.list(["candidates", "candidates"]).peekable();
    candidates.peek().is_some() && candidates.all(|candidate| candidate.get(ending).is_none())
}

/// A model's id without the folder in front and the version tag behind.
fn bare(model: Cow<'_, str>) -> Cow<'_, str> {
    let strip = |model: &str| -> (usize, usize) {
        let start = model.rfind("models/").map_or(0, |at| at + "models/".len());
        let end = if model.ends_with("@default") { model.len() - "@default".len() } else { model.len() };
        (start.min(end), end)
    };
    let (start, end) = strip(&model);
    match model {
        Cow::Borrowed(text) => text.get(start..end).unwrap_or(text).into(),
        Cow::Owned(text) => text.get(start..end).unwrap_or(&text).to_owned().into(),
    }
}

/// The tokens of one modality in a list of `{modality, tokenCount}`. Python writes `MediaModality.TEXT` at times.
fn modality(usage: &Fields, list: Name, wanted: &str) -> Result<u64, RecordError> {
    let mut sum = 0_u64;
    for part in usage.list(list) {
        let tokens = usage.of(&part).count(["tokenCount", "token_count"])?;
        if part.text("modality").is_some_and(|name| name.rsplit('.').next() == Some(wanted)) {
            sum = sum.saturating_add(tokens);
        }
    }
    Ok(sum)
}

fn prompt_side(usage: &Fields) -> Result<Usage, RecordError> {
    let mut counted = Usage::default();
    let prompt = usage.count(["promptTokenCount", "prompt_token_count"])?;
    let cached = usage.count(["cachedContentTokenCount", "cached_content_token_count"])?;
    let of = |name: &str| modality(usage, ["promptTokensDetails", "prompt_tokens_details"], name);
    let cached_of = |name: &str| modality(usage, ["cacheTokensDetails", "cache_tokens_details"], name);
    let (cached_audio, cached_image, cached_video) = (cached_of("AUDIO")?, cached_of("IMAGE")?, cached_of("VIDEO")?);
    let (audio, image, video) = (of("AUDIO")?, of("IMAGE")?, of("VIDEO")?);
    let fresh = rest("promptTokenCount", prompt, &[cached])?;
    // Where nothing says what of the cached part was audio, as much of it was as cannot have been fresh.
    let cached_audio = cached_audio.max(audio.saturating_sub(fresh)).min(cached);
    let audio = rest("the audio", audio, &[cached_audio])?;
    let image = rest("the images", image, &[cached_image])?;
    let video = rest("the video", video, &[cached_video])?;
    let is_split = usage.get(["cacheTokensDetails", "cache_tokens_details"]).is_some();
    let (image, video, text) = if cached == 0 || is_split {
        (image, video, rest("promptTokenCount", fresh, &[audio, image, video])?)
    } else {
        let left = rest("promptTokenCount", fresh, &[audio])?;
        (image.min(left), video.min(left - image.min(left)), left.saturating_sub(image).saturating_sub(video))
    };
    let tools = usage.count(["toolUsePromptTokenCount", "tool_use_prompt_token_count"])?;
    counted.set_tokens(Meter::Input, text.saturating_add(tools));
    counted.set_tokens(Meter::CacheRead, rest("cachedContentTokenCount", cached, &[cached_audio])?);
    counted.set_tokens(Meter::CacheReadAudio, cached_audio);
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::InputImage, image);
    counted.set_tokens(Meter::InputVideo, video);
    Ok(counted)
}

fn answer_side(usage: &Fields, counted: &mut Usage) -> Result<(), RecordError> {
    let name = if usage.get(CANDIDATES).is_some() { CANDIDATES } else { RESPONSE };
    let answer = usage.count(name)?;
    let list = if usage.get(CANDIDATES_OF).is_some() { CANDIDATES_OF } else { RESPONSE_OF };
    let (image, audio) = (modality(usage, list, "IMAGE")?, modality(usage, list, "AUDIO")?);
    counted.set_tokens(Meter::Output, rest(usage.name(name), answer, &[image, audio])?);
    counted.set_tokens(Meter::OutputImage, image);
    counted.set_tokens(Meter::OutputAudio, audio);
    counted.set_tokens(Meter::Reasoning, usage.count(["thoughtsTokenCount", "thoughts_token_count"])?);
    Ok(())
}

/// Holds the counts against their total: what it has beyond them may be thoughts or results of tools.
fn check_total(usage: &Fields, counted: &Usage) -> Result<(), RecordError> {
    let name: Name = ["totalTokenCount", "total_token_count"];
    let parts = counted.prompt_tokens().saturating_add(counted.answer_tokens());
    let total = usage.count(name)?;
    is_of_parts(usage.name(name), total, parts)?;
    unexplained(usage.name(name), total.saturating_sub(parts));
    Ok(())
}

/// Answers grounded in a search: up to the second generation a prompt is billed once, however many searches its answers
/// took; from the third on each query is, once however often it is made. The queries are handed back where each is billed.
fn grounding(body: &Fields, model: Option<&str>, counted: &mut Usage) -> Vec<u64> {
    let mut queries = Vec::new();
    for candidate in body.list(["candidates", "candidates"]) {
        let Some(grounded) = candidate.object(body.name(["groundingMetadata", "grounding_metadata"])) else { continue };
        let grounded = body.of(&grounded);
        let asked = grounded.get(["webSearchQueries", "web_search_queries"]).into_iter().flat_map(Value::items);
        let asked = asked.filter_map(Value::text).filter(|query| !query.trim().is_empty());
        queries.extend(asked.map(|query| id_of(&["query", &query])));
        if grounded
            .list(["groundingChunks", "grounding_chunks"])
            .any(|chunk| chunk.get("maps").is_some_and(|maps| !maps.is_null()))
        {
            counted.set_tokens(Meter::MapsQueries, 1);
        }
    }
    queries.sort_unstable();
    queries.dedup();
    let by_prompt = model.is_some_and(|model| model.contains("gemini-1") || model.contains("gemini-2"));
    if by_prompt {
        queries.truncate(1);
    }
    if !queries.is_empty() {
        counted.set_tokens(Meter::WebSearches, queries.len() as u64);
    }
    if by_prompt { Vec::new() } else { queries }
}
