//! What `opencode run --format json` prints.
//!
//! A line an event; `step_finish` has the usage of one request, disjoint (packages/opencode/src/cli/cmd/run.ts of
//! <https://github.com/anomalyco/opencode>). It does not name the model. The message that it belongs to is the one that opencode
//! keeps, so that a run and its session count once.

use super::agent::Disjoint;
use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["type", "sessionID", "part"]),
        DialectSign { texts: &["error"], ..DialectSign::around(&["type", "sessionID"]) },
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["the output of `opencode run --format json`"],
    reads: "steps that finished; the lines name no model",
    includes: "disjoint, thinking too",
    source: "https://github.com/anomalyco/opencode/blob/dev/packages/opencode/src/cli/cmd/run.ts",
    ..DialectSpec::new("opencode-run", "what `opencode run --format json` prints")
};

/// An event.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(part) = object.object("part").filter(|_| object.is("type", "step_finish")) else { return Ok(()) };
    let Some(tokens) = part.object("tokens") else { return Ok(()) };
    let cache = tokens.object("cache").unwrap_or_default();
    let counts = Disjoint {
        input: count(&tokens, "input")?,
        output: count(&tokens, "output")?,
        thinking: count(&tokens, "reasoning")?,
        cache_read: count(&cache, "read")?,
        cache_write: count(&cache, "write")?,
    };
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::OpenCodeRun, counts.into());
    entry.at = object.get("timestamp").and_then(moment);
    let cost = part.get("cost").and_then(Value::decimal);
    entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
    entry.id = part.text("messageID").or_else(|| part.text("id")).map(|id| id_of(&["opencode", &id]));
    entry.labels.session = object.text("sessionID");
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
