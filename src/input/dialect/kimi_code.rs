//! Sessions of Kimi Code: `~/.kimi-code/sessions/**/wire.jsonl`.
//!
//! `usage.record` is one request, its counts disjoint; its own model is the name of the plan, and the one that answered stands on
//! the `llm.request` before it (<https://github.com/MoonshotAI/kimi-code>).

use super::agent::{AgentEvent, Disjoint, Known, Missing};
use super::counts::moment;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(&["type"], &["usage.record", "llm.request", "llm.response"]),
        DialectSign { texts: KINDS, ..DialectSign::around(&["type", "time"]) },
    ],
    read: Some(read),
    is_agent: true,
    places: &["~/.kimi-code/sessions"],
    reads: "each usage.record, with the model of the request before it",
    includes: "disjoint",
    source: "https://github.com/MoonshotAI/kimi-code",
    ..DialectSpec::new("kimi-code", "sessions of Kimi Code")
};

/// Beginnings of the other lines' kinds.
const KINDS: &[&str] = &[
    "usage.*",
    "llm.*",
    "turn.*",
    "context.*",
    "config.*",
    "tools.*",
    "permission.*",
    "full_compaction.*",
    "metadata",
];

/// A line of the wire.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.is("type", "llm.request") {
        out.push(AgentEvent::Known(Known { model: object.text("model"), ..Known::default() }).into());
        return Ok(());
    }
    let Some(usage) = object.object("usage").filter(|_| object.is("type", "usage.record")) else { return Ok(()) };
    let counts = Disjoint::of(&usage, ["inputOther", "inputCacheRead", "inputCacheCreation", "output", ""])?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::KimiCode, counts.into());
    entry.assume("moonshot");
    entry.model = object.text("model");
    entry.at = object.get("time").and_then(moment);
    out.push(AgentEvent::Request(entry, Missing { model: true, ..Missing::default() }).into());
    Ok(())
}
