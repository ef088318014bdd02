//! Sessions of GitHub Copilot CLI: `~/.copilot/session-state/<id>/events.jsonl`.
//!
//! `session.shutdown` has the sums of each model since the start or the last resume, caches as parts of the input and thinking
//! as a part of the output (docs/guide/copilot of <https://github.com/ccusage/ccusage>). Messages repeat their output tokens and
//! say nothing of the input, so that a session that ended without a shutdown is reported.

use super::agent::{AgentEvent, Disjoint, Known, Missing};
use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["type", "data", "timestamp"]).any(&["id", "parentId"]),
        DialectSign::kind(&["type", "data"], &["session.*", "assistant.*", "tool.*", "user.*", "hook.*", "subagent.*"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["requests.cost", "requests.count"],
    places: &["~/.copilot/session-state/<session>/events.jsonl"],
    reads: "the sums by model of each session.shutdown; a session without one is reported",
    includes: "caches are parts of the input, thinking of the output",
    source: "https://github.com/ccusage/ccusage/blob/main/docs/guide/copilot/index.md",
    ..DialectSpec::new("copilot-cli", "sessions of GitHub Copilot CLI")
};

/// An event.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(data) = object.object("data") else { return Ok(()) };
    match object.text("type").as_deref() {
        Some("session.start") => {
            let project = data.object("context").and_then(|context| context.text("cwd"));
            out.push(AgentEvent::Begin(Known { session: data.text("sessionId"), project, ..Known::default() }).into());
        }
        Some("assistant.message") => {
            let tokens = count(&data, "outputTokens")?;
            if tokens > 0 {
                out.push(AgentEvent::Owes(unfinished(tokens)).into());
            }
        }
        Some("session.shutdown") => shutdown(object, &data, out)?,
        _ => {}
    }
    Ok(())
}

fn unfinished(tokens: u64) -> RecordError {
    let what = format!(
        "an answer of {tokens} output tokens, and no session.shutdown behind it has sums: what this session used is not in the file"
    );
    RecordError::Usage(what).or("end the session with /exit, which writes its sums")
}

fn shutdown<'a>(object: &Object<'a>, data: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let models = data.object("modelMetrics").unwrap_or_default();
    let before = out.len();
    for (model, metrics) in models.fields() {
        match metrics.object().map(|metrics| of_model(object, &model, &metrics)) {
            Some(Ok(Some(entry))) => {
                let missing = Missing { session: true, ..Missing::default() };
                out.push(AgentEvent::Request(Entry { model: Some(model), ..entry }, missing).into());
            }
            Some(Err(error)) => out.push(Item::Bad(error)),
            Some(Ok(None)) | None => {}
        }
    }
    if out.len() > before {
        out.push(AgentEvent::Paid.into());
    }
    Ok(())
}

/// What a session used of a model; `None` where it asked it nothing.
fn of_model<'a>(object: &Object<'a>, model: &str, metrics: &Object) -> Result<Option<Entry<'a>>, RecordError> {
    let requests = metrics.object("requests").map_or(Ok(0), |requests| count(&requests, "count"))?;
    let usage = metrics.object("usage").map_or(Ok(Disjoint::default()), |usage| counted(&usage))?;
    if usage == Disjoint::default() {
        return if requests == 0 { Ok(None) } else { Err(without_usage(model, requests)) };
    }
    let mut entry = Entry::new(Dialect::CopilotCli, usage.into());
    entry.assume("github-copilot");
    entry.at = object.get("timestamp").and_then(moment);
    entry.bucket = Some(Bucket { requests: Some(requests).filter(|n| *n > 0), ..Bucket::default() });
    let written = object.get("timestamp").and_then(Value::word).unwrap_or_default();
    entry.id = object.text("id").map(|line| id_of(&["copilot-cli", &line, written, model]));
    Ok(Some(entry))
}

fn without_usage(model: &str, requests: u64) -> RecordError {
    let s = if requests == 1 { "" } else { "s" };
    let what = format!("{model}: {requests} request{s}, and session.shutdown does not say what they used");
    RecordError::Usage(what).or("the usage of GitHub Copilot's billing says it")
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    let counts =
        Disjoint::of(usage, ["inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens"])?;
    counts.with_cache_inside("inputTokens")?.with_thinking_inside("outputTokens")
}
