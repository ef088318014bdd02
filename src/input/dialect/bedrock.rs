//! Amazon Bedrock: Converse, its stream's last event, and invocation logs.
//!
//! Here `inputTokens` holds neither what was read from the cache nor what was written to it. A body does not name its
//! model: that is in the request, or in the log around it.

use super::anthropic;
use super::counts::{count, count_any, moment, rest, state_tier};
use super::outcomes::no_usage;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item, Labels, State};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["schemaType"]),
        DialectSign::own(&["usage"]).any(&["stopReason", "ResponseMetadata", "performanceConfig"]),
        DialectSign::own(&["usage", "metrics"]).with_counts(&["inputTokens", "outputTokens"]),
        DialectSign { look: Some(names_its_model), ..DialectSign::own(&["usage", "modelId"]) },
        DialectSign { look: Some(is_converse), ..DialectSign::together(&["usage"]) }
            .with_counts(&["inputTokens", "outputTokens"]),
        DialectSign::inside(&["metadata"], ends_stream).without(&["usage", "model"]),
        DialectSign::own(&[]).any(EVENTS),
    ],
    read: Some(read),
    places: &["answers and streams of Converse, invocation logs"],
    reads: "`inputTokens`, `outputTokens`, caches by their lifetime, tier, latency, region",
    includes: "input, cache reads and cache writes are disjoint; in a log the body tells how long a written cache stays",
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html",
    ..DialectSpec::new("bedrock", "Amazon Bedrock's Converse and invocation logs")
};

/// Whether the model has an id of Bedrock's, with the vendor in front of a point, or an ARN.
fn names_its_model(seen: &SeenObject) -> bool {
    let vendors = [
        "ai21",
        "amazon",
        "anthropic",
        "cohere",
        "deepseek",
        "luma",
        "meta",
        "mistral",
        "openai",
        "qwen",
        "stability",
        "writer",
    ];
    let is_vendor = |part: &str| vendors.contains(&part);
    let Some(model) = seen.object.text("modelId") else { return false };
    // A region or `global` may stand in front of the vendor.
    model.starts_with("arn:") || model.rsplit_once('.').is_some() && model.split('.').take(2).any(is_vendor)
}

/// Whether the counts are named as only Converse names them; the Vercel AI SDK has some of the names too.
fn is_converse(seen: &SeenObject) -> bool {
    let Some(usage) = seen.object.object("usage") else { return false };
    let own = [
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
        "cacheReadInputTokenCount",
        "cacheWriteInputTokenCount",
        "cacheDetails",
    ];
    own.iter().any(|name| usage.has(name))
}
/// The events of a stream before the last one, which has the usage.
const EVENTS: &[&str] = &["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"];

/// Whether it is the last event of a stream.
fn ends_stream(seen: &SeenObject) -> bool {
    let usage = seen.object.object("metadata").and_then(|metadata| metadata.object("usage"));
    usage.is_some_and(|usage| usage.has("inputTokens"))
}

/// A body of Converse, or a line of an invocation log.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.has("schemaType") {
        return log_line(object, out);
    }
    if EVENTS.iter().any(|event| object.has(event)) {
        return Ok(());
    }
    let metadata = object.object("metadata");
    let around = metadata.as_ref().filter(|m| m.has("usage")).unwrap_or(object);
    let Some(usage) = around.object("usage") else { return Err(no_usage()) };
    let mut entry = Entry::new(Dialect::Bedrock, converse(&usage)?);
    entry.provider = Some("bedrock".into());
    entry.model = object.text("modelId").map(model_of);
    let headers = object.object("ResponseMetadata").and_then(|meta| meta.object("HTTPHeaders"));
    let date = headers.and_then(|headers| headers.get("date"));
    entry.at = object.get("timestamp").or(date).and_then(moment);
    if let Some(tier) = around.object("serviceTier").and_then(|tier| tier.text("type")) {
        state_tier(&mut entry.context, &tier);
    }
    if around.object("performanceConfig").is_some_and(|config| config.is("latency", "optimized")) {
        entry.context.set(Dimension::Speed, "optimized");
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

fn converse(usage: &Object) -> Result<Usage, RecordError> {
    let mut counted = Usage::tokens_in_out(count(usage, "inputTokens")?, count(usage, "outputTokens")?);
    let read = count_any(usage, &["cacheReadInputTokens", "cacheReadInputTokenCount"])?;
    let written = count_any(usage, &["cacheWriteInputTokens", "cacheWriteInputTokenCount"])?;
    let mut hour = 0_u64;
    for part in usage.objects("cacheDetails") {
        let tokens = count(&part, "inputTokens")?;
        if part.is("ttl", "1h") {
            hour = hour.saturating_add(tokens);
        }
    }
    counted.set_tokens(Meter::CacheRead, read);
    counted.set_tokens(Meter::CacheWrite5m, rest("cacheWriteInputTokens", written, &[hour])?);
    counted.set_tokens(Meter::CacheWrite1h, hour);
    Ok(counted)
}

/// The model behind an ARN.
fn model_of(id: std::borrow::Cow<'_, str>) -> std::borrow::Cow<'_, str> {
    match id {
        std::borrow::Cow::Borrowed(id) => id.rsplit('/').next().unwrap_or(id).into(),
        std::borrow::Cow::Owned(id) => id.rsplit('/').next().unwrap_or(&id).to_owned().into(),
    }
}

/// What a line of a log counts. The body inside knows what the log's own counts leave out, such as how long a written
/// cache stays: that of Converse, that of the model's maker, or the events of a stream.
fn logged(input: &Object, output: &Object) -> Result<Usage, RecordError> {
    let mut counted = Usage::tokens_in_out(count(input, "inputTokenCount")?, count(output, "outputTokenCount")?);
    counted.set_tokens(Meter::CacheRead, count(input, "cacheReadInputTokenCount")?);
    let written = count(input, "cacheWriteInputTokenCount")?;
    counted.set_tokens(Meter::CacheWrite5m, written);
    let Some(body) = output.get("outputBodyJson") else { return Ok(counted) };
    let events = body.items().filter_map(Value::object);
    for part in body.object().into_iter().chain(events) {
        let around = ["message", "metadata"].iter().find_map(|name| part.object(name)).filter(|part| part.has("usage"));
        let Some(usage) = around.unwrap_or(part).object("usage") else { continue };
        if usage.has("inputTokens") {
            return converse(&usage);
        }
        let told = anthropic::counted(&usage)?;
        if body.object().is_some() && usage.has("input_tokens") {
            return Ok(told);
        }
        // An event of a stream does not have the counts of the whole.
        let hour = told.tokens(Meter::CacheWrite1h).min(written);
        if hour > 0 {
            counted.set_tokens(Meter::CacheWrite1h, hour);
            counted.set_tokens(Meter::CacheWrite5m, written - hour);
        }
        if !told.quantity(Meter::WebSearches).is_zero() {
            counted.set(Meter::WebSearches, told.quantity(Meter::WebSearches));
        }
    }
    Ok(counted)
}

/// A line of a model invocation log.
fn log_line<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let input = object.object("input").unwrap_or_default();
    let output = object.object("output").unwrap_or_default();
    let counted = logged(&input, &output)?;
    let state = match object.text("errorCode") {
        Some(code) => State::Failed(code.into_owned()),
        None if !input.has("inputTokenCount") && !output.has("outputTokenCount") => {
            return Err(RecordError::Form("the log line has no counts: input.inputTokenCount is missing".into()));
        }
        None => State::Done,
    };
    let mut entry = Entry { state, ..Entry::new(Dialect::Bedrock, counted) };
    entry.provider = Some("bedrock".into());
    entry.model = object.text("modelId").map(model_of);
    entry.at = object.get("timestamp").and_then(moment);
    if let Some(region) = object.text("inferenceRegion").or_else(|| object.text("region")) {
        entry.context.set(Dimension::Region, &region);
    }
    let identity = object.object("identity").and_then(|identity| identity.text("arn"));
    entry.labels = Labels { project: object.text("accountId"), key: identity, ..Labels::default() };
    for (name, value) in object.object("requestMetadata").unwrap_or_default().fields() {
        if let Some(text) = value.text() {
            entry.labels.tags.push(format!("{name}:{text}").into());
        }
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
