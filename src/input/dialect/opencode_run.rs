//! What `opencode run --format json` prints.
//!
//! A line an event; `step_finish` has the usage of one request, disjoint (packages/opencode/src/cli/cmd/run.ts of
//! <https://github.com/anomalyco/opencode>). It does not name the model. The message that it belongs to is the one that opencode
//! keeps, so that a run and its session count once.

use super::agent::{AgentEvent, Disjoint, Missing};
use super::counts::moment;
use super::entry::id_of;
use super::opencode::{counted, message_id};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Reported};
use crate::input::json::Object;
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
    includes: "disjoint; thinking is a part of the output where the total says so",
    source: "https://github.com/anomalyco/opencode/blob/dev/packages/opencode/src/cli/cmd/run.ts",
    ..DialectSpec::new("opencode-run", "what `opencode run --format json` prints")
};

/// An event.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(part) = object.object("part").filter(|_| object.is("type", "step_finish")) else { return Ok(()) };
    let Some(tokens) = part.object("tokens") else { return Ok(()) };
    let counts = counted(&tokens)?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::OpenCodeRun, counts.into());
    entry.at = object.get("timestamp").and_then(moment);
    entry.reported = Reported::stated(part.get("cost"));
    let step = part.text("id");
    entry.id = part.text("messageID").or_else(|| step.clone()).map(|id| message_id(&id));
    entry.labels.session = object.text("sessionID");
    // A message may be several steps, each a request of its own.
    let missing = Missing { part: step.map(|step| id_of(&["step", &step])), ..Missing::default() };
    out.push(AgentEvent::Request(entry, missing).into());
    Ok(())
}
