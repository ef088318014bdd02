//! What `claude -p` prints: `--output-format json`, a result, and `stream-json`, messages that end with one.
//!
//! `modelUsage` of the result is the run, all models and subagents; `usage` is the main model alone, and says how long written
//! tokens stay (<https://code.claude.com/docs/en/headless>, the types of `@anthropic-ai/claude-agent-sdk`). The messages before
//! it have output counts that are not finished yet: they count where a run ended without a result.

use std::borrow::Cow;

use super::agent::{AgentEvent, Disjoint, Known, Sum};
use super::anthropic::{counted, message_entry};
use super::counts::{calls, moment};
use super::entry::id_of;
use super::outcomes::error_text;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { texts: &["result"], ..DialectSign::around(&["type", "total_cost_usd"]) }.any(&[
            "modelUsage",
            "usage",
            "session_id",
        ]),
        DialectSign {
            texts: &["assistant", "user", "stream_event"],
            ..DialectSign::around(&["type", "session_id", "uuid"])
        }
        .without(&["sessionId", "timestamp"]),
        DialectSign {
            texts: &["assistant", "user"],
            ..DialectSign::around(&["type", "parent_tool_use_id", "message"])
        }
        .without(&["sessionId", "timestamp"]),
        DialectSign { texts: &["system"], ..DialectSign::around(&["type", "subtype", "session_id"]) },
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["total_cost_usd", "ephemeral_5m_input_tokens"],
    places: &["the output of `claude -p --output-format json` or `stream-json`"],
    reads: "`modelUsage` of the result, all models of the run; the messages before it only where no result follows",
    includes: "disjoint; `usage` says how much of the main model's written tokens stays for an hour",
    source: "https://code.claude.com/docs/en/headless",
    ..DialectSpec::new("claude-result", "what `claude -p` prints as json and stream-json")
};

/// A result, or a line of the stream before it.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    match object.text("type").as_deref() {
        Some("system") if object.is("subtype", "init") => {
            let known = Known {
                session: object.text("session_id"),
                project: object.text("cwd"),
                model: object.text("model"),
                ..Known::default()
            };
            out.push(AgentEvent::Begin(known).into());
        }
        Some("assistant") => {
            let Some(message) = object.object("message") else { return Ok(()) };
            let Some(usage) = message.object("usage").filter(|_| !message.is("model", "<synthetic>")) else {
                return Ok(());
            };
            let mut entry = message_entry(&message, &usage)?;
            entry.dialect = Dialect::ClaudeResult;
            entry.id = message.text("id").map(|id| id_of(&["message", &id]));
            entry.labels.session = object.text("session_id");
            out.push(AgentEvent::Detail(entry).into());
        }
        Some("result") => result(object, out)?,
        _ => {}
    }
    Ok(())
}

fn result<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let main = object.object("usage");
    let latest = main.as_ref().map_or(Ok(Usage::default()), counted);
    let latest = latest.unwrap_or_else(|error| {
        out.push(Item::Bad(error));
        Usage::default()
    });
    let mut entries = Vec::new();
    for (model, counts) in object.object("modelUsage").unwrap_or_default().fields() {
        match counts.object().map(|counts| of_model(object, &model, &counts)) {
            Some(Ok(entry)) => entries.push(Entry { model: Some(plain(model)), ..entry }),
            Some(Err(error)) => out.push(Item::Bad(error)),
            None => {}
        }
    }
    share_hours(&latest, &mut entries);
    // Older versions sum up the main model alone, whose name the stream says at its beginning.
    if entries.is_empty() && latest.used().next().is_some() {
        let mut entry = entry_of(object, latest.clone(), None);
        entry.reported = Reported::stated(object.get("total_cost_usd"));
        entries.push(entry);
    }
    entries.retain(|entry| entry.usage.used().next().is_some());
    if !entries.is_empty() {
        out.push(AgentEvent::Sum(Sum { session: object.text("session_id"), entries, latest }).into());
    } else if object.get("is_error").and_then(Value::word) == Some("true") {
        let said = object.text("result").map_or_else(|| error_text(object), Cow::into_owned);
        out.push(Item::Entry(Box::new(Entry::failed(Dialect::ClaudeResult, State::Failed(said)))));
    }
    Ok(())
}

/// The name of a model. A window of a million tokens is another name of the same model.
fn plain(model: Cow<'_, str>) -> Cow<'_, str> {
    match model.strip_suffix("[1m]") {
        Some(plain) => Cow::Owned(plain.to_owned()),
        None => model,
    }
}

fn entry_of<'a>(object: &Object<'a>, usage: Usage, model: Option<&str>) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::ClaudeResult, usage);
    entry.assume("anthropic");
    entry.at = object.get("timestamp").and_then(moment);
    entry.bucket = Some(Bucket::default());
    entry.labels.session = object.text("session_id");
    entry.id = object.text("uuid").map(|id| id_of(&["claude -p", &id, model.unwrap_or_default()]));
    entry
}

/// What a run used of a model.
fn of_model<'a>(object: &Object<'a>, model: &str, counts: &Object) -> Result<Entry<'a>, RecordError> {
    let names = ["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens", ""];
    let mut usage = Disjoint::of(counts, names)?.into();
    calls(&mut usage, Meter::WebSearches, counts, "webSearchRequests")?;
    let mut entry = entry_of(object, usage, Some(model));
    entry.reported = Reported::stated(counts.get("costUSD"));
    Ok(entry)
}

/// What of the main model's written tokens stays for an hour. The main model is the one whose counts are those of `usage`,
/// or the one that wrote at least as much.
fn share_hours(main: &Usage, entries: &mut [Entry]) {
    let hours = main.tokens(Meter::CacheWrite1h);
    let wrote = hours.saturating_add(main.tokens(Meter::CacheWrite5m));
    let fits = |entry: &Entry, is_exact: bool| {
        let same = |meter: Meter| entry.usage.tokens(meter) == main.tokens(meter);
        let is_same =
            same(Meter::Input) && same(Meter::CacheRead) && entry.usage.answer_tokens() == main.answer_tokens();
        entry.usage.tokens(Meter::CacheWrite5m) >= wrote && (is_same || !is_exact)
    };
    let place = entries.iter().position(|entry| fits(entry, true)).or_else(|| {
        let by_output = entries.iter().enumerate().filter(|(_, entry)| fits(entry, false));
        by_output.max_by_key(|(_, entry)| entry.usage.tokens(Meter::CacheWrite5m)).map(|(place, _)| place)
    });
    let Some(entry) = place.and_then(|place| entries.get_mut(place)) else { return };
    let written = entry.usage.tokens(Meter::CacheWrite5m);
    let hours = hours.min(written);
    entry.usage.set_tokens(Meter::CacheWrite5m, written - hours);
    entry.usage.set_tokens(Meter::CacheWrite1h, hours);
}
