//! Sessions of Codex.

use super::counts::{count, moment};
use super::spec::{DialectSign, DialectSpec};
use super::{Event, Item, Labels};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["type", "payload", "timestamp"])],
    read: Some(read),
    places: &["~/.codex/sessions"],
    reads: "the running totals of a session, the model of each turn",
    includes: "cached input is a part of the input, thinking of the output; totals run through the session",
    source: "https://github.com/openai/codex",
    ..DialectSpec::new("codex", "sessions of Codex")
};

/// A line of a Codex session: its totals run through the session, and its model is the latest one named.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
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
