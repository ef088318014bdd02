//! Sessions of pi, of omp and of OpenClaw, which write the same lines.
//!
//! `~/.pi/agent/sessions`, `~/.omp/agent/sessions`, `~/.openclaw/agents/<agent>/sessions`
//! (packages/coding-agent/src/core/session-manager.ts of <https://github.com/badlogic/pi-mono>). The counts of an assistant's
//! message are disjoint. OpenClaw may name the model on a line before it. A branch of a session is a copy with the same ids.

use super::agent::{AgentEvent, Disjoint, Known, Missing};
use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["type", "message", "timestamp", "id"]).without(&NOT_PI),
        DialectSign::around(&["type", "parentId"]).without(&NOT_PI),
        DialectSign::kind(&["type", "cwd"], &["session"]),
        DialectSign::kind(
            &["type"],
            &[
                "model_change",
                "thinking_level_change",
                "compaction",
                "branch_summary",
                "custom_message",
                "session_info",
            ],
        ),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.pi/agent/sessions", "~/.omp/agent/sessions", "~/.openclaw/agents/<agent>/sessions"],
    reads: "the messages of the assistant; a model that one does not name is that of the line before it",
    includes: "disjoint",
    source: "https://github.com/badlogic/pi-mono/tree/main/packages/coding-agent",
    ..DialectSpec::new("pi", "sessions of pi, omp and OpenClaw")
};

/// What lines of others have.
const NOT_PI: [&str; 4] = ["uuid", "sessionId", "session_id", "data"];

/// A line of a session.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    match object.text("type").as_deref() {
        Some("session") => {
            let known = Known { session: object.text("id"), project: object.text("cwd"), ..Known::default() };
            out.push(AgentEvent::Begin(known).into());
        }
        Some("model_change") => {
            let model = object.text("modelId").or_else(|| object.text("model"));
            let known = Known { provider: object.text("provider"), model, ..Known::default() };
            out.push(AgentEvent::Known(known).into());
        }
        Some("message") => {
            let Some(message) = object.object("message") else { return Ok(()) };
            if message.has("role") && !message.is("role", "assistant") {
                return Ok(());
            }
            let Some(usage) = message.object("usage") else { return Ok(()) };
            request(object, &message, &usage, out)?;
        }
        _ => {}
    }
    Ok(())
}

fn request<'a>(
    line: &Object<'a>,
    message: &Object<'a>,
    usage: &Object<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    let counts = Disjoint::of(usage, ["input", "cacheRead", "cacheWrite", "output", ""])?
        .checked_by("totalTokens", count(usage, "totalTokens")?)?;
    let mut entry = Entry::new(Dialect::Pi, counts.into());
    entry.provider = message.text("provider");
    entry.model = message.text("model");
    let times = [line.get("timestamp"), message.get("timestamp")];
    entry.at = times.into_iter().flatten().find_map(moment);
    entry.reported = Reported::stated(usage.object("cost").and_then(|cost| cost.get("total")));
    let written = message.get("timestamp").and_then(Value::word).unwrap_or_default();
    entry.id = line.text("id").map(|id| id_of(&["pi", &id, written]));
    if entry.usage.used().next().is_none() {
        if message.is("stopReason", "error") {
            let said = message.text("errorMessage");
            entry.state = State::Failed(said.map_or_else(|| "an error".into(), std::borrow::Cow::into_owned));
        } else {
            return Ok(());
        }
    }
    out.push(AgentEvent::Request(entry, Missing::default()).into());
    Ok(())
}
