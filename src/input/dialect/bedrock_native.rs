//! Answers of Bedrock's InvokeModel in the form of the model's maker: Llama, Titan, and the last chunk of any stream.
//!
//! The counts are disjoint. The model is named in the address of the request alone. The chunks of a stream have parts of the
//! counts, and its last one has `amazon-bedrock-invocationMetrics` with those of the whole.

use super::counts::count;
use super::outcomes::no_usage;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Counts, Dialect, Entry, Event, Item};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

const METRICS: &str = "amazon-bedrock-invocationMetrics";

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::own(&["generation_token_count"]),
        DialectSign::own(&["inputTextTokenCount"]),
        DialectSign::inside(&["outputs"], is_mistral).without(&["usage", "model"]),
        DialectSign::around(&[METRICS]).without(&["type", "usage", "metadata"]),
    ],
    read: Some(read),
    places: &["bodies of InvokeModel and of its streams, as they were saved"],
    reads: "Llama's, Titan's and any stream's counts; the model comes from `-m`",
    includes: "input and output are disjoint; `amazon-bedrock-invocationMetrics` has the whole of a stream, its chunks have parts",
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html",
    ..DialectSpec::new("bedrock-native", "answers of Bedrock's InvokeModel in the maker's form")
};

/// Whether it is an answer of Mistral, or a chunk of one, which counts nothing but in a stream's metrics.
fn is_mistral(seen: &SeenObject) -> bool {
    let first = seen.object.get("outputs").and_then(|outputs| outputs.items().next()?.object());
    first.is_some_and(|first| first.has("text") && first.has("stop_reason"))
}

/// An answer, or a chunk of a stream.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let (prompt, answer, reason) = if object.has("inputTextTokenCount") || object.has("totalOutputTextTokenCount") {
        ("inputTextTokenCount", titan_answer(object)?, "completionReason")
    } else {
        ("prompt_token_count", count(object, "generation_token_count")?, "stop_reason")
    };
    let (is_chunk, is_last) = (object.has(reason), object.text(reason).is_some());
    if let Some(metrics) = object.object(METRICS) {
        let mut counted =
            Usage::tokens_in_out(count(&metrics, "inputTokenCount")?, count(&metrics, "outputTokenCount")?);
        counted.set_tokens(Meter::CacheRead, count(&metrics, "cacheReadInputTokenCount")?);
        counted.set_tokens(Meter::CacheWrite5m, count(&metrics, "cacheWriteInputTokenCount")?);
        out.push(Item::Event(Event::Whole(Box::new(entry(counted)))));
        return Ok(());
    }
    if let Some(outputs) = object.get("outputs") {
        let is_last = outputs.items().filter_map(Value::object).any(|output| output.text("stop_reason").is_some());
        return if is_last { Err(no_usage()) } else { Ok(()) };
    }
    let begins = object.get(prompt).is_some_and(|prompt| !prompt.is_null());
    let counted = Usage::tokens_in_out(count(object, prompt)?, answer);
    if is_chunk && !is_last && begins {
        out.push(Item::Event(Event::Begin(Box::new(entry(counted)))));
    } else if begins {
        out.push(Item::Entry(Box::new(entry(counted))));
    } else {
        // Each chunk counts the whole answer so far.
        let tokens = if answer > 0 { vec![(Meter::Output, answer)] } else { Vec::new() };
        out.push(Item::Event(Event::Replace(Box::new(Counts { tokens, ..Counts::default() }))));
        if is_last {
            out.push(Item::Event(Event::End));
        }
    }
    Ok(())
}

/// The tokens of Titan's answers; an embedding has none.
fn titan_answer(object: &Object) -> Result<u64, RecordError> {
    let mut sum = count(object, "totalOutputTextTokenCount")?;
    for result in object.objects("results") {
        sum = sum.saturating_add(count(&result, "tokenCount")?);
    }
    Ok(sum)
}

fn entry<'a>(counted: Usage) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::BedrockNative, counted);
    entry.provider = Some("bedrock".into());
    entry
}
