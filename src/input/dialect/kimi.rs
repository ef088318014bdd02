//! Sessions of Kimi CLI: `~/.kimi/sessions/<folder>/<session>/wire.jsonl`.
//!
//! A `StatusUpdate` with `token_usage` is one step, its counts disjoint (src/kimi_cli/wire of
//! <https://github.com/MoonshotAI/kimi-cli>). What a subagent reports is wrapped. The model is in a settings file elsewhere.

use super::agent::Disjoint;
use super::counts::moment;
use super::entry::{id_of, used_text};
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { look: Some(is_wire), ..DialectSign::around(&["timestamp", "message"]) }
            .without(&["type", "role"]),
        DialectSign { texts: &["metadata"], ..DialectSign::around(&["type", "protocol_version"]) },
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["context_usage"],
    places: &["~/.kimi/sessions/<folder>/<session>/wire.jsonl"],
    reads: "each StatusUpdate with usage, a subagent's too; the file names no model",
    includes: "disjoint",
    source: "https://github.com/MoonshotAI/kimi-cli",
    ..DialectSpec::new("kimi", "sessions of Kimi CLI")
};

fn is_wire(seen: &SeenObject) -> bool {
    seen.object.object("message").is_some_and(|message| message.has("type") && message.has("payload"))
}

/// A line of the wire.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(message) = object.object("message") else { return Ok(()) };
    let Some(status) = status(&message, 0) else { return Ok(()) };
    let Some(usage) = status.object("token_usage") else { return Ok(()) };
    let counts = Disjoint::of(&usage, ["input_other", "input_cache_read", "input_cache_creation", "output", ""])?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Kimi, counts.into());
    entry.assume("moonshot");
    entry.at = object.get("timestamp").and_then(moment);
    entry.id = status.text("message_id").map(|id| id_of(&["kimi", &id, &used_text(&entry.usage)]));
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The payload of a status, which the event of a subagent wraps.
fn status<'a>(message: &Object<'a>, depth: u8) -> Option<Object<'a>> {
    let payload = message.object("payload")?;
    match message.text("type").as_deref() {
        Some("StatusUpdate") => Some(payload),
        Some("SubagentEvent") if depth < 8 => status(&payload.object("event")?, depth + 1),
        _ => None,
    }
}
