//! Threads of Zed's agent: `threads/threads.db`, each a packed JSON document.
//!
//! `request_token_usage` has the requests that are kept, one for each message; `cumulative_token_usage` is the sum of all, and
//! counts for what they leave out (crates/agent/src/db.rs of <https://github.com/zed-industries/zed>). Disjoint.

use super::agent::{Disjoint, beyond};
use super::counts::moment;
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Naming};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["request_token_usage"]),
        DialectSign::around(&["cumulative_token_usage"]),
        DialectSign::around(&["data_type", "updated_at", "id"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.local/share/zed/threads/threads.db", "~/Library/Application Support/Zed/threads/threads.db"],
    reads: "each request that a thread keeps, and what its sum has beyond them",
    includes: "disjoint",
    source: "https://github.com/zed-industries/zed/blob/main/crates/agent/src/db.rs",
    ..DialectSpec::new("zed", "threads of Zed's agent")
};

/// A thread. One that was imported was used elsewhere.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let id = object.text("id");
    if let Some(error) = object.text("unreadable") {
        return Err(RecordError::Form(format!("thread {} cannot be unpacked: {error}", id.unwrap_or_default())));
    }
    if object.get("imported").and_then(Value::word) == Some("true") {
        return Ok(());
    }
    let mut requests = Usage::default();
    for (place, usage) in kept(object) {
        let usage: Usage = match counted(&usage) {
            Ok(counts) => counts.into(),
            Err(error) => {
                out.push(Item::Bad(error));
                continue;
            }
        };
        requests += &usage;
        push(object, usage, false, id.as_deref().map(|id| id_of(&["zed", id, &place])), out);
    }
    if let Some(sum) = object.object("cumulative_token_usage")
        && let Some(rest) = beyond(&counted(&sum)?.into(), &requests)
    {
        push(object, rest, true, id.as_deref().map(|id| id_of(&["zed", id])), out);
    }
    Ok(())
}

/// The requests of a thread, by message or in a list.
fn kept<'a>(object: &Object<'a>) -> Vec<(String, Object<'a>)> {
    if let Some(by_message) = object.object("request_token_usage") {
        return by_message.fields().filter_map(|(name, usage)| Some((name.into_owned(), usage.object()?))).collect();
    }
    let list = object.objects("request_token_usage");
    list.enumerate().map(|(place, usage)| (place.to_string(), usage)).collect()
}

fn push<'a>(object: &Object<'a>, usage: Usage, is_sum: bool, id: Option<u64>, out: &mut Vec<Item<'a>>) {
    if usage.used().next().is_none() {
        return;
    }
    let model = object.object("model").unwrap_or_default();
    let mut entry = Entry::new(Dialect::Zed, usage);
    match model.text("provider").as_deref() {
        // Zed sells it at prices of its own: --provider names another.
        Some("zed.dev") => entry.assume("zed"),
        Some("copilot_chat") => entry.provider = Some("github-copilot".into()),
        _ => {
            entry.provider = model.text("provider");
            entry.naming = Naming::ByHabit;
        }
    }
    entry.model = model.text("model");
    entry.at = ["created_at", "updated_at"].iter().find_map(|name| object.get(name).and_then(moment));
    entry.bucket = is_sum.then(Bucket::default);
    entry.id = id;
    entry.labels.session = object.text("id");
    out.push(Item::Entry(Box::new(entry)));
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    Disjoint::of(usage, ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens", ""])
}
