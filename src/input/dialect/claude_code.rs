//! Sessions of Claude Code: `~/.claude/projects/<folder>/<session>.jsonl`, and those of its subagents.
//!
//! The counts are Anthropic's, which are disjoint, also where another provider's model answered. A message is written
//! several times while it streams, and again by each session and subagent that begins with a copy of it.

use super::anthropic::{message_entry, push_with_iterations};
use super::counts::moment;
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Item, Labels, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["type"]).any(&["sessionId", "session_id", "leafUuid", "messageId", "uuid"]).without(&[
            "usage",
            "usageDetails",
            "startTime",
        ]),
        DialectSign::kind(&["type"], &["summary", "file-history-snapshot", "queue-operation"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["web_fetch_requests"],
    places: &["~/.claude/projects"],
    reads: "the messages of the assistant by their id, each once in all files; the requests of advisors and compactions",
    includes: "as in Anthropic's messages",
    source: "https://docs.anthropic.com/en/docs/claude-code",
    ..DialectSpec::new("claude-code", "sessions of Claude Code")
};

/// A line of a Claude Code session. One request stands on several lines with the same ids; the last one is whole.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
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
    // A message keeps its id wherever it is copied to; the ids around it change or are missing.
    let id = message.text("id").or_else(|| object.text("requestId")).or_else(|| object.text("uuid"));
    entry.id = id.map(|id| id_of(&["message", &id]));
    entry.reported = object.get("costUSD").and_then(Value::decimal).map(Reported::usd);
    let session = object.text("sessionId").or_else(|| object.text("session_id"));
    entry.labels = Labels { project: object.text("cwd"), session, ..Labels::default() };
    if object.get("isSidechain").is_some_and(|side| side.word() == Some("true")) {
        entry.labels.tags.push("subagent".into());
    }
    push_with_iterations(entry, &usage, out)
}
