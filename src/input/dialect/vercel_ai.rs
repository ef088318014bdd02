//! Results and usage objects of the Vercel AI SDK, versions 4 to 6.
//!
//! Cached tokens stand inside of `inputTokens` and thinking inside of `outputTokens`, but for Anthropic's models before
//! version 6, which leave what the cache gave and took out of `inputTokens`; what was written then stands in the metadata of
//! the provider alone. A result of several steps repeats their sum.

use std::borrow::Cow;

use super::agent::beyond;
use super::attributes::Attributes;
use super::counts::{count, count_of, moment, unexplained};
use super::endpoints::without_endpoint;
use super::entry::request_of;
use super::parts::Parts;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Naming};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::input::wholes::Beside;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::counts(&["inputTokens", "outputTokens", "promptTokens", "completionTokens"]),
        DialectSign::together(&["usage", "finishReason"]),
        DialectSign::together(&["totalUsage"]),
        DialectSign::together(&["usage"]).any(&["embedding", "embeddings"]).with_counts(&["tokens"]),
    ],
    read: Some(read),
    is_common: true,
    known: &[
        "totalUsage",
        "usage.input_tokens",
        "usage.output_tokens",
        "cachedInputTokens",
        "textTokens",
        "noCacheTokens",
        "noCache",
        "text",
    ],
    places: &["results, steps and usage objects as they were saved"],
    reads: "`usage` of versions 4, 5 and 6, `totalUsage` where there are no steps, and what only the metadata of a provider says",
    includes: "caches are parts of the input, thinking of the output; before version 6 Anthropic's caches stand next to the input",
    source: "https://ai-sdk.dev/docs/reference/ai-sdk-core/generate-text",
    ..DialectSpec::new("vercel-ai-sdk", "results and usage of the Vercel AI SDK")
};

/// A result, a step of one, or a usage object with its model.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let steps: Vec<Object<'a>> = object.objects("steps").collect();
    if steps.iter().any(|step| step.object("usage").is_some()) {
        // It repeats the last step or all of them, but for what nobody knows.
        object.object("usage").map(|last| parts_of(&last)).transpose().ok();
        return read_steps(object, &steps, out);
    }
    // Of several steps, `usage` is the last one's.
    let of_all = entry(object, object, "totalUsage")?;
    let is_sum = of_all.is_some();
    let Some(mut entry) = of_all.map_or_else(|| entry(object, object, "usage"), |entry| Ok(Some(entry)))? else {
        return Ok(());
    };
    if is_sum {
        entry.bucket.get_or_insert_default();
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The steps of a result, and what its sum has beyond them where some do not say what they used.
fn read_steps<'a>(object: &Object<'a>, steps: &[Object<'a>], out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let (mut all, mut are_whole) = (Usage::default(), true);
    for step in steps {
        match entry(step, object, "usage") {
            Ok(Some(entry)) => {
                // What JSON makes of counts that were not defined is an empty object.
                are_whole &= entry.usage.used().next().is_some();
                all += &entry.usage;
                out.push(Item::Entry(Box::new(entry)));
            }
            Ok(None) => are_whole = false,
            Err(error) => {
                are_whole = false;
                out.push(Item::Bad(error));
            }
        }
    }
    let Some(sum) = entry(object, object, "totalUsage")? else { return Ok(()) };
    if are_whole {
        let tokens = |usage: &Usage| usage.prompt_tokens().saturating_add(usage.answer_tokens());
        unexplained("totalUsage", tokens(&sum.usage).saturating_sub(tokens(&all)));
    } else if let Some(rest) = beyond(&sum.usage, &all) {
        out.push(Item::Entry(Box::new(Entry { usage: rest, bucket: Some(Bucket::default()), request: None, ..sum })));
    }
    Ok(())
}

/// What an object says under a name; `around` knows what a step may leave out.
fn entry<'a>(object: &Object<'a>, around: &Object<'a>, name: &str) -> Result<Option<Entry<'a>>, RecordError> {
    let Some(usage) = object.object(name) else { return Ok(None) };
    let response = object.object("response").or_else(|| around.object("response")).unwrap_or_default();
    let (model, provider) = model_of(object, around, &response);
    let metadata = ["providerMetadata", "experimental_providerMetadata"].iter().find_map(|name| object.object(name));
    let maker = Maker::of(provider.as_deref(), model.as_deref(), metadata.as_ref());
    let mut parts = parts_of(&usage)?;
    add_metadata(&mut parts, metadata.as_ref())?;
    let is_before_6 = !usage.has("inputTokenDetails") && usage.object("inputTokens").is_none();
    maker.place(&mut parts, is_before_6);
    let mut entry = Entry::new(Dialect::VercelAi, parts.usage()?);
    entry.model = model;
    entry.provider = provider.map(without_endpoint);
    entry.naming = Naming::ByHabit;
    entry.request = request_of(response.text("id").as_deref());
    let times = ["timestamp", "createdAt", "created_at", "time"];
    let stated = times.iter().find_map(|name| object.get(name).and_then(moment));
    entry.at = response.get("timestamp").and_then(moment).or(stated);
    Ok(Some(entry))
}

/// The model and its provider: by name, or as an object of both.
fn model_of<'a>(
    object: &Object<'a>,
    around: &Object<'a>,
    response: &Object<'a>,
) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let of = |object: &Object<'a>| {
        let named = object.object("model");
        let model = named.as_ref().and_then(|model| model.text("modelId"));
        model.or_else(|| object.text("modelId")).or_else(|| object.text("model"))
    };
    let provider = |object: &Object<'a>| {
        let named = object.object("model").and_then(|model| model.text("provider"));
        named.or_else(|| object.text("provider"))
    };
    (
        response.text("modelId").or_else(|| of(object)).or_else(|| of(around)),
        provider(object).or_else(|| provider(around)),
    )
}

/// Whose model it is, as far as the counts depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    Anthropic,
    Google,
    OpenAi,
    Other,
}

impl Maker {
    fn of(provider: Option<&str>, model: Option<&str>, metadata: Option<&Object>) -> Self {
        let is = |providers: &[&str], model_part: &str| {
            providers.iter().any(|name| provider.is_some_and(|provider| provider.contains(name)))
                || providers.iter().any(|name| metadata.is_some_and(|metadata| metadata.has(name)))
                || model.is_some_and(|model| model.contains(model_part))
        };
        match () {
            () if is(&["anthropic"], "claude") => Maker::Anthropic,
            () if is(&["google", "vertex"], "gemini") => Maker::Google,
            () if is(&["openai", "azure"], "gpt-") => Maker::OpenAi,
            () => Maker::Other,
        }
    }

    /// Says where the caches and the thoughts of this maker's models are. Before version 6, the SDK passed on what the
    /// provider counts: Anthropic's caches stand next to the input and are in no total, Google's thoughts stand next to the
    /// answer, or in the total alone.
    fn place(self, parts: &mut Parts, is_before_6: bool) {
        let cached = parts.read.saturating_add(parts.written);
        match self {
            Maker::Anthropic if is_before_6 => {
                parts.usually.cache = true;
                let without_caches = parts.input.saturating_add(parts.output);
                parts.total = parts.total.filter(|total| *total != without_caches);
            }
            Maker::Google => {
                parts.usually = Beside { thinking: is_before_6, tools: true, cache: false };
                parts.may_hide_thoughts = is_before_6;
                parts.knows_caches = cached <= parts.input;
            }
            Maker::OpenAi => parts.knows_caches = cached <= parts.input,
            Maker::Anthropic | Maker::Other => {}
        }
    }
}

/// The counts of a usage object of any version.
fn parts_of(usage: &Object) -> Result<Parts, RecordError> {
    let within = |names: &[&str], inner: &str| names.iter().find_map(|name| usage.object(name)?.count(inner));
    let first = |plain: &[&'static str], holders: &[&str], inner: &[&'static str]| {
        let plain =
            plain.iter().find_map(|name| Some((*name, usage.count(name).filter(|value| value.object().is_none())?)));
        let nested = || inner.iter().find_map(|name| Some((*name, within(holders, name)?)));
        plain.or_else(nested).map_or(Ok(0), |(name, value)| count_of(name, value))
    };
    let input = first(&["inputTokens", "promptTokens", "tokens"], &["inputTokens"], &["total"])?;
    let output = first(&["outputTokens", "completionTokens"], &["outputTokens"], &["total"])?;
    let holders = ["inputTokens", "inputTokenDetails"];
    let read = first(&["cachedInputTokens"], &holders, &["cacheRead", "cacheReadTokens"])?;
    let written = first(&[], &holders, &["cacheWrite", "cacheWriteTokens"])?;
    let thinking =
        first(&["reasoningTokens"], &["outputTokens", "outputTokenDetails"], &["reasoning", "reasoningTokens"])?;
    let total = Some(first(&["totalTokens"], &[], &[])?).filter(|total| *total > 0);
    let hour = usage.object("raw").map_or(Ok(0), |raw| hour_of(&raw))?;
    Ok(Parts { input, output, read, written, hour: hour.min(written), thinking, total, ..Parts::default() })
}

/// Of the written tokens, those that stay for an hour, in a usage object of Anthropic.
fn hour_of(usage: &Object) -> Result<u64, RecordError> {
    usage.object("cache_creation").map_or(Ok(0), |split| count(&split, "ephemeral_1h_input_tokens"))
}

/// What only the metadata of the provider says.
fn add_metadata(parts: &mut Parts, metadata: Option<&Object>) -> Result<(), RecordError> {
    let Some(metadata) = metadata else { return Ok(()) };
    if let Some(openai) = metadata.object("openai").or_else(|| metadata.object("azure")) {
        parts.read = parts.read.max(count(&openai, "cachedPromptTokens")?);
        parts.thinking = parts.thinking.max(count(&openai, "reasoningTokens")?);
    }
    if let Some(anthropic) = metadata.object("anthropic") {
        let raw = anthropic.object("usage").unwrap_or_default();
        // These repeat the counts of the SDK.
        count(&raw, "input_tokens")?;
        count(&raw, "output_tokens")?;
        let either =
            |name: &str, raw_name: &str| Ok::<_, RecordError>(count(&anthropic, name)?.max(count(&raw, raw_name)?));
        parts.read = parts.read.max(either("cacheReadInputTokens", "cache_read_input_tokens")?);
        parts.written = parts.written.max(either("cacheCreationInputTokens", "cache_creation_input_tokens")?);
        parts.hour = parts.hour.max(hour_of(&raw)?).min(parts.written);
    }
    if let Some(google) = metadata.object("google").and_then(|google| google.object("usageMetadata")) {
        parts.thinking = parts.thinking.max(count(&google, "thoughtsTokenCount")?);
        parts.tools = parts.tools.max(count(&google, "toolUsePromptTokenCount")?);
        parts.read = parts.read.max(count(&google, "cachedContentTokenCount")?);
        // The SDK's own total leaves out thoughts, or results of tools, by its version.
        parts.total = parts.total.max(Some(count(&google, "totalTokenCount")?).filter(|total| *total > 0));
        // These repeat the counts of the SDK.
        count(&google, "promptTokenCount")?;
        count(&google, "candidatesTokenCount")?;
    }
    if let Some(bedrock) = metadata.object("bedrock").and_then(|bedrock| bedrock.object("usage")) {
        parts.written = parts.written.max(count(&bedrock, "cacheWriteInputTokens")?);
    }
    Ok(())
}

/// Adds to the counts of a span what the SDK says in attributes of its own.
pub(super) fn complete(parts: &mut Parts, attributes: &Attributes) -> Result<(), RecordError> {
    let provider = attributes.text(&["ai.model.provider", "gen_ai.system"]);
    let model = attributes.text(&["ai.model.id", "gen_ai.request.model"]);
    let says_details = ["cacheReadTokens", "cacheWriteTokens", "noCacheTokens"];
    let says_details = says_details.iter().any(|name| attributes.has(&[&format!("ai.usage.inputTokenDetails.{name}")]));
    let text = attributes.text(&["ai.response.providerMetadata"]);
    let metadata = text.as_deref().and_then(|text| Object::read(text.as_bytes()).ok());
    add_metadata(parts, metadata.as_ref())?;
    Maker::of(provider.as_deref(), model.as_deref(), metadata.as_ref()).place(parts, !says_details);
    Ok(())
}
