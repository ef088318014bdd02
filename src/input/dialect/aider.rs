//! The analytics log of Aider, where `--analytics-log FILE` writes it.
//!
//! Only `message_send` has usage (aider/coders/base_coder.py of <https://github.com/Aider-AI/aider>): the counts are those of one
//! message of the user's, for which several requests may have been made; `total_cost` runs on through the session. Models are
//! spelled as LiteLLM does.

use super::agent::{AgentEvent, Disjoint, Missing, name_model};
use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Labels, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["event", "properties", "time"]).any(&["user_id"])],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["the file of `aider --analytics-log`"],
    reads: "messages that were sent, each of which may be several requests",
    includes: "cached tokens are not told apart",
    source: "https://github.com/Aider-AI/aider/blob/main/aider/coders/base_coder.py",
    ..DialectSpec::new("aider", "analytics log of Aider")
};

/// An event.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(properties) = object.object("properties").filter(|_| object.is("event", "message_send")) else {
        return Ok(());
    };
    let counts = Disjoint::of(&properties, ["prompt_tokens", "", "", "completion_tokens", ""])?
        .checked_by("total_tokens", count(&properties, "total_tokens")?)?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Aider, counts.into());
    if let Some(model) = properties.text("main_model") {
        name_model(&mut entry, model);
    }
    entry.at = object.get("time").and_then(moment);
    entry.bucket = Some(Bucket::default());
    entry.reported = Reported::stated(properties.get("cost"));
    let key = object.text("user_id");
    let written = ["total_cost", "prompt_tokens", "completion_tokens"]
        .map(|name| properties.get(name).and_then(Value::word).unwrap_or_default());
    let time = object.get("time").and_then(Value::word).unwrap_or_default();
    entry.id = Some(id_of(&["aider", key.as_deref().unwrap_or_default(), time, &written.join(" ")]));
    entry.labels = Labels { key, ..Labels::default() };
    // The log has no ids: two messages of one second may be alike.
    out.push(AgentEvent::Request(entry, Missing { number: true, ..Missing::default() }).into());
    Ok(())
}
