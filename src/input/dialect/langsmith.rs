//! Runs of LangSmith.
//!
//! Runs of models are requests; chains and agents repeat the sums below them. The counts of the answer itself
//! (`outputs.usage_metadata`) know what was cached; those of the run next to it may not.

use std::borrow::Cow;

use super::counts::{count, moment};
use super::langchain::{message_usage, metadata_usage};
use super::outcomes::failed;
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Naming, Reported, Span, SpanRole};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::own(&["run_type", "start_time"])],
    read: Some(read),
    returns: true,
    known: &["prompt_tokens", "completion_tokens", "prompt_cost", "completion_cost", "total_cost"],
    places: &["exports of runs, one a line or nested"],
    reads: "`outputs.usage_metadata`, else `prompt_tokens` and `completion_tokens`, of runs of models; chains only where no run below them says what it used",
    includes: "caches are parts of the input, thinking of the output",
    source: "https://docs.langchain.com/langsmith/run-data-format",
    ..DialectSpec::new("langsmith", "runs of LangSmith")
};

/// A run, with the runs below it where the export nests them.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let result = run(object, out);
    each_record(&DIALECT, object.objects("child_runs"), out, &mut |child, out| read(child, out));
    result
}

fn run<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let is_call = object.text("run_type").is_some_and(|kind| matches!(&*kind, "llm" | "embedding"));
    let role = if is_call { SpanRole::Call } else { SpanRole::Sum };
    let place = object.text("id").map(|id| {
        let trace = object.text("trace_id").unwrap_or_default();
        Span::new(&trace, &id, object.text("parent_run_id").as_deref(), role)
    });
    let usage = match usage(object, is_call) {
        Ok(Some(parts)) => parts,
        other => {
            let is_failed = is_call && object.text("error").is_some();
            if is_failed && other.is_ok() {
                out.push(failed(Dialect::LangSmith, object.text("error").map(Cow::into_owned).unwrap_or_default()));
            }
            out.extend(place.map(Item::from));
            return other.map(|_| ());
        }
    };
    match (place, entry(object, usage)) {
        (Some(place), Ok(entry)) => out.push(place.with(entry).into()),
        (None, Ok(entry)) => out.push(Item::Entry(Box::new(entry))),
        (place, Err(error)) => {
            out.extend(place.map(Item::from));
            return Err(error);
        }
    }
    Ok(())
}

fn entry<'a>(object: &Object<'a>, (parts, tier): (Parts, Option<&'static str>)) -> Result<Entry<'a>, RecordError> {
    let mut entry = Entry::new(Dialect::LangSmith, parts.usage()?);
    if let Some(tier) = tier {
        super::counts::state_tier(&mut entry.context, tier);
    }
    let extra = object.object("extra").unwrap_or_default();
    let metadata = extra.object("metadata").unwrap_or_default();
    let params = extra.object("invocation_params").unwrap_or_default();
    let model = metadata.text("ls_model_name").or_else(|| params.text("model")).or_else(|| params.text("model_name"));
    entry.model = model;
    entry.provider = metadata.text("ls_provider");
    entry.naming = Naming::ByHabit;
    entry.at = object.get("start_time").and_then(moment);
    entry.reported = Reported::stated(object.get("total_cost"));
    let tags = object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text);
    let threads = ["thread_id", "session_id", "conversation_id"];
    entry.labels = Labels {
        // What LangSmith calls a session is a project.
        project: object.text("session_name").or_else(|| object.text("session_id")),
        session: threads.iter().find_map(|name| metadata.text(name)).or_else(|| object.text("trace_id")),
        key: metadata.text("user_id"),
        tags: tags.collect(),
    };
    Ok(entry)
}

/// The counts of a run, and its tier: of the answer, where it has some, and otherwise of the run.
fn usage(object: &Object, is_call: bool) -> Result<Option<(Parts, Option<&'static str>)>, RecordError> {
    if is_call && let Some(outputs) = object.object("outputs") {
        if let Some(usage) = outputs.object("usage_metadata") {
            return metadata_usage(&usage).map(Some);
        }
        if let Some(found) = of_generations(&outputs)? {
            return Ok(Some(found));
        }
    }
    let parts = Parts {
        input: count(object, "prompt_tokens")?,
        output: count(object, "completion_tokens")?,
        read: detail(object, "prompt_token_details", "cache_read")?,
        written: detail(object, "prompt_token_details", "cache_creation")?,
        thinking: detail(object, "completion_token_details", "reasoning")?,
        total: Some(count(object, "total_tokens")?).filter(|total| *total > 0),
        ..Parts::default()
    };
    let counts = [parts.input, parts.output, parts.read, parts.written, parts.thinking];
    // A total alone is refused where the run is a request: sums of others may have their parts below.
    let says_usage = counts.iter().any(|count| *count > 0) || is_call && parts.total.is_some();
    Ok(says_usage.then_some((parts, None)))
}

fn detail(object: &Object, holder: &str, name: &str) -> Result<u64, RecordError> {
    object.object(holder).map_or(Ok(0), |details| count(&details, name))
}

/// The message inside of the generations of a chat model.
fn of_generations(outputs: &Object) -> Result<Option<(Parts, Option<&'static str>)>, RecordError> {
    let mut first = outputs.get("generations").into_iter().flat_map(Value::items);
    let Some(generation) = first.next() else { return Ok(None) };
    let generation = generation.object().or_else(|| generation.items().next()?.object());
    let message = generation.and_then(|generation| generation.object("message"));
    message.map_or(Ok(None), |message| message_usage(&message))
}
