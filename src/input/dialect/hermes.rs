//! Sessions of Hermes Agent: `~/.hermes/state.db`.
//!
//! A row is the sum of a session, or of one model in it. Input and caches are disjoint, thinking is a part of the output
//! (agent/usage_pricing.py of <https://github.com/NousResearch/hermes-agent>).

use super::agent::Disjoint;
use super::counts::moment;
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Labels, Naming, Reported};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["billing_provider", "cache_read_tokens", "reasoning_tokens"])],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.hermes/state.db", "~/.hermes/profiles/<profile>/state.db"],
    reads: "the sums of each session, by model where they are kept",
    includes: "input and caches are disjoint, thinking is a part of the output",
    source: "https://github.com/NousResearch/hermes-agent/blob/main/agent/usage_pricing.py",
    ..DialectSpec::new("hermes", "sessions of Hermes Agent")
};

/// A row.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let counts = Disjoint::of(
        object,
        ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"],
    )?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Hermes, counts.with_thinking_inside("output_tokens")?.into());
    entry.provider = object.text("billing_provider");
    entry.naming = Naming::ByHabit;
    entry.model = object.text("model");
    entry.at = object.get("started_at").and_then(moment);
    entry.bucket = Some(Bucket { until: object.get("ended_at").and_then(moment), ..Bucket::default() });
    entry.reported = Reported::stated(object.get("actual_cost_usd"));
    let session = object.text("session_id").or_else(|| object.text("id"));
    entry.id = session.as_deref().map(|session| {
        let part = |name: &str| object.text(name).unwrap_or_default();
        id_of(&["hermes", session, &part("model"), &part("billing_provider"), &part("task")])
    });
    entry.labels = Labels { session, ..Labels::default() };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
