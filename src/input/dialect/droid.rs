//! Sessions of Droid (Factory): `~/.factory/sessions/**/<session>.settings.json`, and the lines beside it.
//!
//! `tokenUsage` is the sum of the session so far, disjoint (docs/guide of <https://github.com/ccusage/ccusage>, the sessions of
//! <https://github.com/junhoyeo/tokscale>). The lines of the session have no usage.

use super::agent::Disjoint;
use super::counts::moment;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Naming};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["tokenUsage"]).any(&SETTINGS).without(&["timestamp"]),
        DialectSign::together(&["assistantActiveTimeMs"]).any(&SETTINGS),
        DialectSign::kind(&["type"], &["session_start", "session_end", "todo_state", "compaction_state"]),
    ],
    read: Some(read),
    is_agent: true,
    places: &["~/.factory/sessions"],
    reads: "`tokenUsage` of a session's settings, its sum so far",
    includes: "disjoint, thinking too",
    source: "https://github.com/junhoyeo/tokscale/blob/main/crates/tokscale-core/src/sessions/droid.rs",
    ..DialectSpec::new("droid", "sessions of Droid (Factory)")
};

const SETTINGS: [&str; 5] =
    ["providerLock", "providerLockTimestamp", "assistantActiveTimeMs", "autonomyMode", "interactionMode"];

/// The settings of a session. Without usage it was never used.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(usage) = object.object("tokenUsage") else { return Ok(()) };
    let counts = Disjoint::of(
        &usage,
        ["inputTokens", "cacheReadTokens", "cacheCreationTokens", "outputTokens", "thinkingTokens"],
    )?;
    if counts == Disjoint::default() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Droid, counts.into());
    // What the session is locked to is the maker of the model, whoever answers for it.
    entry.provider = object.text("providerLock");
    entry.naming = Naming::ByHabit;
    entry.model = object.text("model");
    entry.at = object.get("providerLockTimestamp").and_then(moment);
    entry.bucket = Some(Bucket::default());
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
