//! Chat completions and alike of OpenAI and of everybody who speaks like OpenAI, and their streams.
//!
//! Here the cached, written, audio and image tokens are parts of `prompt_tokens`, and thinking is a part of
//! `completion_tokens`, but for xAI and Perplexity, which count thinking beside it.

use std::borrow::Cow;

use super::counts::{calls, count, count_any, is_of_parts, moment, or_count, rest, state, state_tier, unexplained};
use super::entry::{request_of, stream_of};
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Event, Item, Labels, Reported, State};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::input::wholes::{Beside, NestedCounts};
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::own(&["choices"]),
        DialectSign::counts(&["prompt_tokens", "completion_tokens"]),
        DialectSign::together(DASH_SCOPE),
    ],
    read: Some(read),
    is_common: true,
    known: &[
        "text_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
        "prompt_cache_miss_tokens",
        "usage.cost_details",
        "cost_in_usd_ticks",
    ],
    places: &["answers and streams as they were saved"],
    reads: "`prompt_tokens`, `completion_tokens`, their details, `service_tier`, seconds of audio, `cost` where a gateway adds it",
    includes: "caches, audio and images are parts of the prompt, thinking of the answer; xAI and Perplexity count thinking next to the answer, and where a total says which, the total decides",
    source: "https://platform.openai.com/docs/api-reference/chat/object",
    ..DialectSpec::new("openai-chat", "chat completions and embeddings, OpenAI's and alike")
};

/// What stands around the usage in the form of Alibaba's own.
const DASH_SCOPE: &[&str] = &["request_id", "output", "usage"];

/// A chat completion, text completion, embedding, or a chunk of a stream.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let is_chunk = object.text("object").is_some_and(|kind| kind.ends_with(".chunk"));
    let Some(usage) = object.object("usage").or_else(|| groq_usage(object)).or_else(|| choice_usage(object)) else {
        if object.get("error").is_some() {
            out.push(failed(Dialect::OpenAiChat, error_text(object)));
            return Ok(());
        }
        if !is_chunk {
            return Err(no_usage());
        }
        // Every chunk of a stream but the last comes without.
        out.push(Item::Event(Event::Silent(stream_of(object.text("id").as_deref()))));
        return Ok(());
    };
    let entry = Box::new(body_entry(object, &usage)?);
    // Some servers state the running usage in every chunk.
    out.push(match object.text("id") {
        _ if !is_chunk => Item::Entry(entry),
        Some(id) => Item::Entry(Box::new(Entry { id: Some(stream_of(Some(&id))), ..*entry })),
        None => Item::Event(Event::Chunk(entry)),
    });
    Ok(())
}

fn groq_usage<'a>(object: &Object<'a>) -> Option<Object<'a>> {
    object.object("x_groq")?.object("usage")
}

/// Moonshot's streams state the usage inside of the last choice.
fn choice_usage<'a>(object: &Object<'a>) -> Option<Object<'a>> {
    object.get("choices")?.items().find_map(|choice| choice.object()?.object("usage"))
}

pub(super) fn body_entry<'a>(object: &Object<'a>, usage: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let routed = is_routed(object, usage);
    let model = object.text("model");
    let name = model.as_deref().unwrap_or("");
    let is_xai = !routed && name.trim_start_matches("xai/").starts_with("grok");
    let is_perplexity = usage.has("search_context_size") || name.starts_with("sonar");
    let usually = Beside { thinking: is_xai, ..Beside::default() };
    let of_prompt = prompt_details(usage);
    let mut counted = chat_usage_by_total(usage, of_prompt.as_ref(), usually, name.contains("gemini"))?;
    let mut entry = Entry::new(Dialect::OpenAiChat, Usage::default());
    if is_perplexity && !routed {
        perplexity(usage, &mut counted, &mut entry)?;
    } else if name.contains("search") {
        counted.set_tokens(Meter::Requests, 1);
    }
    if is_xai && count(usage, "num_sources_used")? > 0 {
        return Err(RecordError::Context("num_sources_used: no price is known for a source of live search".into()));
    }
    if let Some(tools) = usage.object("server_tool_use") {
        calls(&mut counted, Meter::WebSearches, &tools, "web_search_requests")?;
    }
    calls(&mut counted, Meter::AudioSeconds, usage, "prompt_audio_seconds")?;
    if name.ends_with(":online") && counted.quantity(Meter::WebSearches).is_zero() && cites(object) {
        return Err(RecordError::Context(
            "the variant :online searched the web, and the answer does not say how often; `usage.cost` has the fee"
                .into(),
        ));
    }
    entry.usage = counted;
    let has_explicit_cache = has_explicit_cache(usage, of_prompt.as_ref());
    if has_explicit_cache {
        entry.context.set(Dimension::Cache, "explicit");
    }
    match () {
        () if routed => route(&mut entry, usage),
        () if is_perplexity => entry.assume("perplexity"),
        () if is_xai => entry.assume("xai"),
        () if has_explicit_cache && name.starts_with("qwen") => entry.assume("alibaba"),
        () if DASH_SCOPE.iter().all(|field| object.has(field)) => entry.assume("alibaba"),
        () if usage.has("prompt_cache_hit_tokens") && name.starts_with("deepseek") => entry.assume("deepseek"),
        () if object.get("x_groq").is_some() => entry.provider = Some("groq".into()),
        () if is_llama_cpp(object) => entry.provider = Some("llama.cpp".into()),
        () => {}
    }
    if is_llama_cpp(object) {
        entry.state = State::Local;
    }
    entry.reported = entry.reported.or_else(|| reported(usage));
    let mut entry = finish(object, entry, model)?;
    // OpenRouter names the host that answered.
    entry.labels.tags.extend(object.text("provider").filter(|_| routed).map(|name| format!("host:{name}").into()));
    Ok(entry)
}

/// Whether the body went through OpenRouter, which names the host that answered, what it charged and whose key was used.
pub(super) fn is_routed(object: &Object, usage: &Object) -> bool {
    let is_its_id = || object.text("id").is_some_and(|id| id.starts_with("gen-"));
    usage.has("is_byok")
        || match (object.text("provider").is_some(), usage.has("cost")) {
            (true, true) => true,
            (false, false) => false,
            _ => is_its_id(),
        }
}

/// Names OpenRouter, and what it says about the bill: with a key of the user's own, the host is paid apart from its fee.
pub(super) fn route(entry: &mut Entry, usage: &Object) {
    entry.provider = Some("openrouter".into());
    let cost = usage.get("cost").and_then(Value::decimal);
    let is_own_key = usage.get("is_byok").is_some_and(|own| own.word() == Some("true"));
    let upstream = usage.object("cost_details").and_then(|details| details.get("upstream_inference_cost")?.decimal());
    if let (Some(cost), Some(upstream), true) = (cost, upstream, is_own_key) {
        entry.reported = cost.checked_add(upstream).map(Reported::usd);
    } else {
        entry.reported = cost.map(Reported::usd);
    }
}

/// Whether an answer cites pages that it found.
fn cites(object: &Object) -> bool {
    let messages = object.get("choices").into_iter().flat_map(Value::items).filter_map(|choice| choice.object());
    let mut messages = messages.filter_map(|choice| choice.object("message").or_else(|| choice.object("delta")));
    messages.any(|message| message.get("annotations").is_some_and(|list| list.items().next().is_some()))
}

/// Whether llama.cpp's server answered: its timings count tokens. The model may have the name of one that is sold.
fn is_llama_cpp(object: &Object) -> bool {
    object.object("timings").is_some_and(|timings| timings.has("prompt_n") && timings.has("predicted_n"))
}

/// Whether Alibaba's explicit cache was written or hit, which its usage tells from the implicit one, whose hits cost twice
/// as much: `"prompt_tokens_details": {"cache_type": "ephemeral", "cache_creation_input_tokens": 1605, …}`
/// (alibabacloud.com/help/en/model-studio/context-cache).
///
/// * `details`: those of the prompt.
fn has_explicit_cache(usage: &Object, details: Option<&Object>) -> bool {
    let Some(details) = details.filter(|_| usage.peek("prompt_tokens_details").is_some()) else { return false };
    let is_written = || matches!(count(details, "cache_creation_input_tokens"), Ok(1..));
    details.text("cache_type").is_some_and(|kind| kind == "ephemeral") || is_written()
}

fn reported(usage: &Object) -> Option<Reported> {
    usage.get("cost")?.decimal().map(Reported::usd)
}

fn perplexity(usage: &Object, counted: &mut Usage, entry: &mut Entry) -> Result<(), RecordError> {
    counted.set_tokens(Meter::Requests, 1);
    counted.set_tokens(Meter::CitationTokens, count(usage, "citation_tokens")?);
    let thinking = count(usage, "reasoning_tokens")?;
    if counted.tokens(Meter::Reasoning) == 0 {
        counted.set_tokens(Meter::Reasoning, thinking);
    }
    calls(counted, Meter::WebSearches, usage, "num_search_queries")?;
    state(&mut entry.context, Dimension::SearchContextSize, usage.text("search_context_size"), &[]);
    let cost = usage.object("cost").and_then(|cost| cost.get("total_cost")?.decimal());
    entry.reported = cost.map(Reported::usd);
    Ok(())
}

/// What every body of this family states beside its counts.
pub(super) fn finish<'a>(
    object: &Object<'a>,
    mut entry: Entry<'a>,
    model: Option<Cow<'a, str>>,
) -> Result<Entry<'a>, RecordError> {
    entry.model = model;
    entry.request = request_of(object.text("id").as_deref());
    entry.at = ["created", "created_at", "timestamp"].iter().find_map(|name| object.get(name).and_then(moment));
    if let Some(tier) = object.text("service_tier") {
        state_tier(&mut entry.context, &tier);
    }
    entry.labels = labels(object);
    Ok(entry)
}

fn labels<'a>(object: &Object<'a>) -> Labels<'a> {
    let mut labels = Labels { key: object.text("user"), ..Labels::default() };
    let Some(metadata) = object.object("metadata") else { return labels };
    for (name, value) in metadata.fields() {
        let Some(text) = value.text() else { continue };
        match &*name {
            "project" => labels.project = Some(text),
            "session" | "session_id" | "conversation_id" => labels.session = Some(text),
            _ => labels.tags.push(Cow::Owned(format!("{name}:{text}"))),
        }
    }
    labels
}

/// Usage with OpenAI's names, old (`prompt_tokens`) and new (`input_tokens`), both of which include the cache.
///
/// `beside` says that thinking usually stands beside the answer; where a total settles it, the total decides.
pub(super) fn chat_usage(usage: &Object, beside: bool) -> Result<Usage, RecordError> {
    chat_usage_by_total(usage, prompt_details(usage).as_ref(), Beside { thinking: beside, ..Beside::default() }, false)
}

/// [`chat_usage`] of a form that may leave out thoughts, so that they only show in the total.
fn chat_usage_by_total<'a>(
    usage: &Object<'a>,
    of_prompt: Option<&Object<'a>>,
    usually: Beside,
    may_hide_thoughts: bool,
) -> Result<Usage, RecordError> {
    if !["prompt_tokens", "input_tokens", "completion_tokens", "output_tokens"].iter().any(|n| usage.get(n).is_some()) {
        return Err(no_usage());
    }
    let names = ["completion_tokens_details", "output_tokens_details", "output_token_details"];
    let details = names.iter().find_map(|name| usage.object(name));
    let part = |name: &str| details.as_ref().map_or(Ok(0), |details| count(details, name));
    let (caches, total) = (caches(usage, of_prompt)?, count(usage, "total_tokens")?);
    let wholes = NestedCounts {
        prompt: count_any(usage, &["prompt_tokens", "input_tokens"])?,
        cached: caches.read.saturating_add(caches.written),
        answer: count_any(usage, &["completion_tokens", "output_tokens"])?,
        thinking: part("reasoning_tokens")?,
        tools: 0,
        total,
        usually,
        may_hide_thoughts,
    }
    .wholes();
    is_of_parts("total_tokens", total, wholes.prompt.saturating_add(wholes.answer))?;
    unexplained("total_tokens", wholes.unexplained);
    let (audio, image) = (part("audio_tokens")?, part("image_tokens")?);
    let mut counted = Usage::default();
    prompt_side(usage, of_prompt, wholes.prompt, caches, &mut counted)?;
    counted.set_tokens(Meter::Output, rest("the answer", wholes.answer, &[wholes.thinking, audio, image])?);
    counted.set_tokens(Meter::Reasoning, wholes.thinking);
    counted.set_tokens(Meter::OutputAudio, audio);
    counted.set_tokens(Meter::OutputImage, image);
    Ok(counted)
}

/// What was read from a cache and written to one.
#[derive(Clone, Copy)]
struct CacheCounts {
    read: u64,
    written: u64,
}

/// Where the prompt's parts are.
fn prompt_details<'a>(usage: &Object<'a>) -> Option<Object<'a>> {
    let names = ["prompt_tokens_details", "input_tokens_details", "input_token_details"];
    names.iter().find_map(|name| usage.object(name))
}

fn caches(usage: &Object, details: Option<&Object>) -> Result<CacheCounts, RecordError> {
    let part = |names: &[&str]| details.map_or(Ok(0), |details| count_any(details, names));
    let read = part(&["cached_tokens"])?;
    let written = part(&["cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"])?;
    Ok(CacheCounts {
        read: or_count(read, usage, &["cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens"])?,
        written: or_count(written, usage, &["cache_creation_input_tokens"])?,
    })
}

fn prompt_side<'a>(
    usage: &Object<'a>,
    details: Option<&Object<'a>>,
    prompt: u64,
    caches: CacheCounts,
    counted: &mut Usage,
) -> Result<(), RecordError> {
    let CacheCounts { read: cached, written } = caches;
    let part = |names: &[&str]| details.map_or(Ok(0), |details| count_any(details, names));
    let lifetimes = ["cache_creation_token_details", "cache_creation"];
    let lifetimes = lifetimes.iter().find_map(|name| details?.object(name));
    let lifetimes = lifetimes.or_else(|| usage.object("cache_creation"));
    let lifetime = |name: &str| lifetimes.as_ref().map_or(Ok(0), |lifetimes| count(lifetimes, name));
    let (short, hour) = (lifetime("ephemeral_5m_input_tokens")?, lifetime("ephemeral_1h_input_tokens")?);
    let written = if written == 0 { short.saturating_add(hour) } else { written };
    let cached_audio = match details.and_then(|d| d.object("cached_tokens_details")) {
        Some(of_cached) => count(&of_cached, "audio_tokens")?,
        None => 0,
    };
    let audio = rest("the audio", part(&["audio_tokens"])?, &[cached_audio])?;
    // A cached image is counted as cached and as an image: the cache decides its price.
    let others = rest("the prompt", prompt, &[cached, written, audio])?;
    let image = part(&["image_tokens"])?.min(others);
    counted.set_tokens(Meter::Input, others - image);
    counted.set_tokens(Meter::InputImage, image);
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::CacheRead, rest("the cached tokens", cached, &[cached_audio])?);
    counted.set_tokens(Meter::CacheReadAudio, cached_audio);
    counted.set_tokens(Meter::CacheWrite5m, rest("the written tokens", written, &[hour])?);
    counted.set_tokens(Meter::CacheWrite1h, hour);
    Ok(())
}
