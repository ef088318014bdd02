//! Sessions of opencode.

use std::borrow::Cow;

use super::agent::Disjoint;
use super::counts::{count, moment};
use super::entry::id_of;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::together(&["modelID", "providerID"]),
        DialectSign::together(&["sessionID", "role"]),
        DialectSign::together(&["info", "messages"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.local/share/opencode"],
    reads: "the messages of the assistant",
    includes: "disjoint; thinking is a part of the output where the total says so",
    source: "https://github.com/sst/opencode",
    ..DialectSpec::new("opencode", "messages of opencode")
};

/// The counts of a message, disjoint. Thinking stood inside of the output until the version that moved it out, and the total
/// leaves out the cache in some versions: it says where thinking is.
pub(super) fn counted(tokens: &Object) -> Result<Disjoint, RecordError> {
    let cache = tokens.object("cache").unwrap_or_default();
    let counts = Disjoint {
        cache_read: count(&cache, "read")?,
        cache_write: count(&cache, "write")?,
        ..Disjoint::of(tokens, ["input", "", "", "output", "reasoning"])?
    };
    let total = count(tokens, "total")?;
    let with_cache = counts.sum().saturating_sub(counts.thinking);
    let without_cache = counts.input.saturating_add(counts.output);
    let is_inside = counts.thinking <= counts.output && [with_cache, without_cache].contains(&total);
    let counts = counts.checked_by("tokens.total", total)?;
    if is_inside { counts.with_thinking_inside("tokens.output") } else { Ok(counts) }
}

/// The id of a message.
pub(super) fn message_id(id: &str) -> u64 {
    id_of(&["opencode", id])
}

/// A message of opencode, or an exported session of them. Its counts are disjoint, but for thinking.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(messages) = object.get("messages") {
        let infos = messages.items().filter_map(Value::object).map(|message| message.object("info").unwrap_or(message));
        each_record(&DIALECT, infos, out, &mut read);
        return Ok(());
    }
    if object.has("role") && !object.is("role", "assistant") {
        return Ok(());
    }
    let Some(tokens) = object.object("tokens") else { return Ok(()) };
    let mut entry = Entry::new(Dialect::OpenCode, counted(&tokens)?.into());
    // Since version 2 both stand in an object of their own.
    let named = object.object("model").unwrap_or_default();
    entry.provider = object.text("providerID").or_else(|| named.text("providerID"));
    entry.model = object.text("modelID").or_else(|| named.text("id"));
    entry.at = object.object("time").and_then(|time| time.get("created").and_then(moment));
    // Zero means that opencode did not work it out.
    entry.reported = Reported::stated(object.get("cost"));
    entry.id = object.text("id").map(|id| message_id(&id));
    let path = object.object("path").unwrap_or_default();
    let project = path.text("cwd").or_else(|| path.text("root"));
    let tags = object.text("agent").or_else(|| object.text("mode")).map(|a| Cow::Owned(format!("agent:{a}")));
    entry.labels = Labels { project, session: object.text("sessionID"), key: None, tags: tags.into_iter().collect() };
    let nothing = entry.usage.used().next().is_none();
    if let Some(error) = object.object("error").filter(|_| nothing) {
        let name = error.text("name").map_or_else(|| "an error".into(), Cow::into_owned);
        entry.state = State::Failed(name);
    } else if nothing {
        return Ok(());
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
