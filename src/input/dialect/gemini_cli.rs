//! Sessions of Gemini CLI, and what it prints without a terminal.
//!
//! `~/.gemini/tmp/<project>/chats/session-*.json` is one object with `messages`; since 2026 `.jsonl`, a head and a message a
//! line (packages/core/src/services/chatRecordingTypes.ts of <https://github.com/google-gemini/gemini-cli>). Cached tokens are
//! a part of `input`; `thoughts` and `tool` stand beside. A message is written again whenever it changes. What is rewound was
//! billed. `--output-format json` prints the sums of a run by model, `stream-json` those of all models together.

use super::agent::{AgentEvent, Known, Missing};
use super::counts::{count, count_any, moment};
use super::entry::{id_of, used_text};
use super::outcomes::error_text;
use super::parts::{GEMINIS, Parts};
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Bucket, Dialect, Entry, Item, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["sessionId", "projectHash"]),
        DialectSign::own(&["$set"]),
        DialectSign::own(&["$rewindTo"]),
        DialectSign::kind(&["type"], &["gemini"]),
        DialectSign::kind(&["type", "id", "timestamp", "content"], &["user", "info", "error", "warning"]),
        DialectSign::inside(&["stats"], has_models),
        DialectSign::around(&["type", "stats", "status"]),
        DialectSign { texts: &["init"], ..DialectSign::around(&["type", "session_id", "model"]) },
        DialectSign { texts: &["message"], ..DialectSign::around(&["type", "role", "timestamp", "content"]) },
        DialectSign { texts: &["tool_use", "tool_result"], ..DialectSign::around(&["type", "timestamp", "tool_id"]) },
        DialectSign { texts: &["error"], ..DialectSign::around(&["type", "timestamp", "severity"]) },
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    // Of an output: sums of all models next to those of each, or of a role within one, and what is counted and not billed.
    known: &[
        "tokens.input",
        "stats.input_tokens",
        "stats.output_tokens",
        "stats.cached",
        "stats.input",
        "stats.tools",
        "stats.files",
        "stats.tool_calls",
        "api.totalErrors",
        "roles",
    ],
    places: &["~/.gemini/tmp/<project>/chats", "the output of `gemini --output-format json` or `stream-json`"],
    reads: "the last state of each answer with counts; of an output, the sums of each model",
    includes: "cached tokens are a part of the input, thoughts and tool results stand beside",
    source: "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/services/chatRecordingTypes.ts",
    ..DialectSpec::new("gemini-cli", "sessions of Gemini CLI, and its JSON output")
};

fn has_models(seen: &SeenObject) -> bool {
    seen.object.object("stats").is_some_and(|stats| stats.has("models"))
}

/// A session, a line of one, or the output of a run.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(stats) = object.object("stats") {
        return sums(object, &stats, out);
    }
    if object.is("type", "init") {
        let known = Known { session: object.text("session_id"), model: object.text("model"), ..Known::default() };
        out.push(AgentEvent::Begin(known).into());
        return Ok(());
    }
    if object.is("type", "gemini") {
        return message(object, out);
    }
    if let Some(session) = object.text("sessionId") {
        out.push(AgentEvent::Known(Known { session: Some(session), ..Known::default() }).into());
    }
    let changed = object.object("$set");
    each_record(&DIALECT, changed.as_ref().unwrap_or(object).objects("messages"), out, &mut |one, out| {
        message(one, out)
    });
    Ok(())
}

/// An answer. Without counts it is not finished, or was given up.
fn message<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(tokens) = object.object("tokens").filter(|_| object.is("type", "gemini")) else { return Ok(()) };
    let mut entry = answer(counted(&tokens, "input", "output")?);
    entry.model = object.text("model");
    entry.at = object.get("timestamp").and_then(moment);
    entry.id = object.text("id").map(|id| id_of(&["gemini-cli", &id]));
    out.push(AgentEvent::Request(entry, Missing { session: true, ..Missing::default() }).into());
    Ok(())
}

fn answer<'a>(usage: Usage) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::GeminiCli, usage);
    entry.assume("google");
    entry
}

/// What a message or a model of a run used. Thoughts and results of tools stand beside unless the total says otherwise.
fn counted(tokens: &Object, input: &str, output: &str) -> Result<Usage, RecordError> {
    let parts = Parts {
        input: count(tokens, input)?,
        read: count(tokens, "cached")?,
        output: count(tokens, output)?,
        thinking: count(tokens, "thoughts")?,
        tools: count(tokens, "tool")?,
        total: Some(count(tokens, "total")?),
        usually: GEMINIS,
        knows_caches: true,
        ..Parts::default()
    };
    parts.usage()
}

/// The sums of a run: for each model, or for all of them, which are then those of the model that the run began with.
fn sums<'a>(object: &Object<'a>, stats: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let before = out.len();
    // What the total alone has are thoughts, unless it may be results of tools.
    let calls_tools = stats.get("tool_calls").and_then(Value::decimal).is_some_and(|calls| !calls.is_zero());
    match stats.object("models") {
        Some(models) => {
            for (name, model) in models.fields() {
                let Some(of_model) = model.object() else { continue };
                match sum_of(&of_model, calls_tools) {
                    Ok(entry) => push_sum(object, Entry { model: Some(name.clone()), ..entry }, &name, out),
                    Err(error) => out.push(Item::Bad(error)),
                }
            }
        }
        None => {
            let entry = answer(streamed(stats, calls_tools)?);
            push_sum(object, Entry { bucket: Some(Bucket::default()), ..entry }, "", out);
        }
    }
    if out.len() == before && object.get("error").is_some() {
        out.push(Item::Entry(Box::new(Entry::failed(Dialect::GeminiCli, State::Failed(error_text(object))))));
    }
    Ok(())
}

/// What a run used of one model.
fn sum_of<'a>(of_model: &Object<'a>, calls_tools: bool) -> Result<Entry<'a>, RecordError> {
    let api = of_model.object("api").unwrap_or_default();
    let requests = count(&api, "totalRequests")?;
    let usage = match of_model.object("tokens") {
        Some(tokens) => counted(&tokens, prompt_name(&tokens), "candidates")?,
        None => streamed(of_model, calls_tools)?,
    };
    let bucket = Some(Bucket { requests: Some(requests).filter(|n| *n > 0), ..Bucket::default() });
    Ok(Entry { bucket, ..answer(usage) })
}

/// Pushes a sum, unless nothing was used. A session that goes on has another sum for each run of the program.
fn push_sum<'a>(object: &Object<'a>, entry: Entry<'a>, model: &str, out: &mut Vec<Item<'a>>) {
    if entry.usage.used().next().is_none() {
        return;
    }
    let session = object.text("session_id");
    let at = object.get("timestamp").and_then(moment);
    let mut entry = Entry { at, ..entry };
    let written = object.get("timestamp").and_then(Value::word).unwrap_or_default();
    let used = used_text(&entry.usage);
    entry.id = session.as_deref().map(|session| id_of(&["gemini-cli run", session, model, written, &used]));
    entry.labels.session = session;
    out.push(AgentEvent::Request(entry, Missing::default()).into());
}

/// `input` is what was not cached, where `prompt` stands beside it.
fn prompt_name(tokens: &Object) -> &'static str {
    if tokens.has("prompt") { "prompt" } else { "input" }
}

/// Sums of `stream-json`, where thoughts and results of tools are in the total alone.
fn streamed(stats: &Object, calls_tools: bool) -> Result<Usage, RecordError> {
    // What of the input was not cached.
    count(stats, "input")?;
    let parts = Parts {
        input: count(stats, "input_tokens")?,
        read: count(stats, "cached")?,
        output: count(stats, "output_tokens")?,
        total: Some(count_any(stats, &["total_tokens", "total"])?),
        usually: GEMINIS,
        knows_caches: true,
        may_hide_thoughts: !calls_tools,
        ..Parts::default()
    };
    parts.usage()
}
