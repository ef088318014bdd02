//! Results of promptfoo: one document, or one result a line.
//!
//! Thinking stands inside of the completion. What came out of promptfoo's own cache cost nothing. The sums under `prompts` and
//! `stats` repeat the results.

use std::borrow::Cow;

use super::counts::{count, moment};
use super::entry::Bucket;
use super::outcomes::failed;
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["evalId", "results"]),
        DialectSign { look: Some(holds_results), ..DialectSign::own(&["results"]) },
        DialectSign { look: Some(is_result), ..DialectSign::own(&["provider", "response"]) },
    ],
    read: Some(read),
    known: &["cost"],
    places: &["`promptfoo eval -o results.json` and `.jsonl`"],
    reads: "`response.tokenUsage` of each result, and what judged it; sums of prompts and statistics are repetitions",
    includes: "thinking is a part of the completion; what came out of promptfoo's own cache cost nothing",
    source: "https://www.promptfoo.dev/docs/configuration/outputs/",
    ..DialectSpec::new("promptfoo", "results of promptfoo")
};

/// Whether it is a document without the id of its evaluation.
fn holds_results(seen: &SeenObject) -> bool {
    let results = seen.object.object("results").and_then(|results| results.get("results"));
    let first = results.and_then(|results| results.items().find_map(Value::object));
    first.is_some_and(|first| first.has("provider") && (first.has("response") || first.has("error")))
}

/// Whether it is one result.
fn is_result(seen: &SeenObject) -> bool {
    seen.object.object("response").is_some_and(|response| response.has("tokenUsage"))
}

/// A document of results, or one of them.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(results) = object.object("results") else { return result(object, None, out) };
    let at = results.get("timestamp").or_else(|| object.get("createdAt")).and_then(moment);
    each_record(&DIALECT, results.objects("results"), out, &mut |one, out| result(one, at, out));
    Ok(())
}

fn result<'a>(object: &Object<'a>, at: Option<Instant>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let at = object.get("timestamp").or_else(|| object.get("createdAt")).and_then(moment).or(at);
    // What judged the answer is another model, which the file does not name.
    let judged = object.object("gradingResult").and_then(|grading| grading.object("tokensUsed"));
    match judged.map(|judged| requests(&judged)) {
        Some(Ok(Some(entry))) => out.push(Item::Entry(Box::new(Entry { at, ..entry }))),
        Some(Err(error)) => out.push(Item::Bad(error)),
        Some(Ok(None)) | None => {}
    }
    let response = object.object("response").unwrap_or_default();
    let usage = response.object("tokenUsage").or_else(|| object.object("tokenUsage"));
    let found = match &usage {
        Some(usage) => requests(usage)?,
        None => None,
    };
    let Some(mut entry) = found else {
        if let Some(error) = response.text("error").or_else(|| object.text("error")) {
            out.push(failed(Dialect::Promptfoo, error.into_owned()));
        }
        return Ok(());
    };
    let provider =
        object.object("provider").and_then(|provider| provider.text("id")).or_else(|| object.text("provider"));
    (entry.provider, entry.model) = provider.map_or((None, None), |id| named(&id));
    entry.at = at;
    entry.reported = Reported::stated(response.get("cost").or_else(|| object.get("cost")));
    if response.get("cached").is_some_and(|cached| cached.raw() == b"true") {
        entry.state = State::Remembered;
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// What was used; `None` where nothing was.
fn requests(usage: &Object) -> Result<Option<Entry<'static>>, RecordError> {
    let (prompt, completion) = (count(usage, "prompt")?, count(usage, "completion")?);
    let (cached, total) = (count(usage, "cached")?, count(usage, "total")?);
    let mut entry = Entry::new(Dialect::Promptfoo, crate::usage::Usage::default());
    if prompt == 0 && completion == 0 {
        if cached > 0 {
            entry.state = State::Remembered;
            return Ok(Some(entry));
        }
        return match total {
            0 => Ok(None),
            _ => Err(RecordError::Usage(format!("total is {total}, and how much of it was prompt is not said"))),
        };
    }
    let details = usage.object("completionDetails").unwrap_or_default();
    let parts = Parts {
        input: prompt,
        output: completion,
        thinking: count(&details, "reasoning")?,
        read: count(&details, "cacheReadInputTokens")?,
        written: count(&details, "cacheCreationInputTokens")?,
        total: Some(total).filter(|total| *total > 0),
        ..Parts::default()
    };
    entry.usage = parts.usage()?;
    let requests = count(usage, "numRequests")?;
    if requests > 1 {
        entry.bucket = Some(Bucket { requests: Some(requests), ..Bucket::default() });
    }
    Ok(Some(entry))
}

/// `openai:chat:gpt-4.1-mini` as its provider and model; ids of programs and files name neither.
fn named(id: &str) -> (Option<Cow<'static, str>>, Option<Cow<'static, str>>) {
    const KINDS: &[&str] = &[
        "chat",
        "completion",
        "responses",
        "messages",
        "completions",
        "embedding",
        "embeddings",
        "realtime",
        "image",
        "moderation",
        "converse",
        "text-generation",
        "transcription",
        "speech",
        "video",
        "live",
        "agents",
    ];
    const NO_MODEL: &[&str] =
        &["file", "exec", "python", "javascript", "http", "https", "webhook", "package", "golang"];
    let owned = |text: &str| Some(Cow::Owned(text.to_owned()));
    let Some((provider, rest)) = id.split_once(':') else { return (None, owned(id)) };
    if NO_MODEL.contains(&provider) {
        return (None, None);
    }
    let model = match rest.split_once(':') {
        Some((kind, model)) if KINDS.contains(&kind) => model,
        _ => rest,
    };
    (owned(provider), owned(model))
}
