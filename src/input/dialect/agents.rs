//! Sessions of coding agents: Claude Code, Codex, opencode.

use std::borrow::Cow;

use super::anthropic::message_entry;
use super::counts::{count, moment};
use super::{Dialect, Entry, Event, Item, Labels, Reported, State, id_of};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

/// A line of a Claude Code session. One request stands on several lines with the same ids; the last one is whole.
pub(super) fn claude_code<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if !object.is("type", "assistant") {
        return Ok(());
    }
    let Some(message) = object.object("message") else { return Ok(()) };
    let Some(usage) = message.object("usage") else { return Ok(()) };
    // Written by the program itself, such as the text of an error.
    if message.is("model", "<synthetic>") {
        return Ok(());
    }
    let mut entry = message_entry(&message, &usage)?;
    entry.dialect = Dialect::ClaudeCode;
    entry.at = object.get("timestamp").and_then(moment);
    if let Some(id) = message.text("id") {
        entry.id = Some(id_of(&[&id, object.text("requestId").as_deref().unwrap_or("")]));
    }
    entry.reported = object.get("costUSD").and_then(Value::decimal).map(Reported::usd);
    let session = object.text("sessionId").or_else(|| object.text("session_id"));
    entry.labels = Labels { project: object.text("cwd"), session, ..Labels::default() };
    if object.get("isSidechain").is_some_and(|side| side.word() == Some("true")) {
        entry.labels.tags.push("subagent".into());
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// A line of a Codex session: its totals run through the session, and its model is the latest one named.
pub(super) fn codex<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let kind = object.text("type");
    if !matches!(kind.as_deref(), Some("session_meta" | "turn_context" | "event_msg")) {
        return Ok(());
    }
    let Some(payload) = object.object("payload") else { return Ok(()) };
    match kind.as_deref() {
        Some("session_meta") => {
            let labels = Labels { project: payload.text("cwd"), session: payload.text("id"), ..Labels::default() };
            let is_fork = payload.get("forked_from_id").is_some();
            out.push(Item::Event(Event::Session(Box::new(labels), payload.text("model_provider"), is_fork)));
        }
        Some("turn_context") => out.extend(payload.text("model").map(|model| Item::Event(Event::Model(model)))),
        _ if payload.is("type", "token_count") => {
            let Some(info) = payload.object("info") else { return Ok(()) };
            let at = object.get("timestamp").and_then(moment);
            if let Some(model) = info.text("model") {
                out.push(Item::Event(Event::Model(model)));
            }
            let last = info.object("last_token_usage").map(|usage| running(&usage)).transpose()?;
            if let Some(total) = info.object("total_token_usage") {
                out.push(Item::Event(Event::Total(at, running(&total)?, last)));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Input with the cached part in it, the cached part, output with thinking in it, thinking.
fn running(usage: &Object) -> Result<[u64; 4], RecordError> {
    let names = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens"];
    let mut counts = [0; 4];
    for (slot, name) in counts.iter_mut().zip(names) {
        *slot = count(usage, name)?;
    }
    Ok(counts)
}

/// A message of opencode, or an exported session of them. Its counts are disjoint, thinking too.
pub(super) fn opencode<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(messages) = object.get("messages") {
        for message in messages.items().filter_map(Value::object) {
            let info = message.object("info").unwrap_or(message);
            if let Err(error) = opencode(&info, out) {
                out.push(Item::Bad(error));
            }
        }
        return Ok(());
    }
    if !object.is("role", "assistant") {
        return Ok(());
    }
    let Some(tokens) = object.object("tokens") else { return Ok(()) };
    let cache = tokens.object("cache").unwrap_or_default();
    let mut counted = Usage::tokens_in_out(count(&tokens, "input")?, count(&tokens, "output")?);
    counted.set_tokens(Meter::Reasoning, count(&tokens, "reasoning")?);
    counted.set_tokens(Meter::CacheRead, count(&cache, "read")?);
    counted.set_tokens(Meter::CacheWrite5m, count(&cache, "write")?);
    let mut entry = Entry::new(Dialect::OpenCode, counted);
    // Since version 2 both stand in an object of their own.
    let named = object.object("model").unwrap_or_default();
    entry.provider = object.text("providerID").or_else(|| named.text("providerID"));
    entry.model = object.text("modelID").or_else(|| named.text("id"));
    entry.at = object.object("time").and_then(|time| time.get("created").and_then(moment));
    // Zero means that opencode did not work it out.
    let cost = object.get("cost").and_then(Value::decimal);
    entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
    entry.id = object.text("id").map(|id| id_of(&["opencode", &id]));
    let path = object.object("path").unwrap_or_default();
    let project = path.text("cwd").or_else(|| path.text("root"));
    let tags = object.text("agent").or_else(|| object.text("mode")).map(|a| Cow::Owned(format!("agent:{a}")));
    entry.labels = Labels { project, session: object.text("sessionID"), key: None, tags: tags.into_iter().collect() };
    let nothing = entry.usage.used().next().is_none();
    if let Some(error) = object.object("error").filter(|_| nothing) {
        let name = error.text("name").map_or_else(|| "an error".into(), Cow::into_owned);
        entry.state = State::Failed(name);
    } else if nothing {
        return Ok(());
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
