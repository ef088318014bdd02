//! Sessions of opencode.

use std::borrow::Cow;

use super::counts::{count, moment};
use super::entry::id_of;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

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

/// Counts thinking, which stood inside of the output until the version that moved it out: the total says where it is.
fn set_thinking(counted: &mut Usage, thinking: u64, total: u64) {
    let output = counted.tokens(Meter::Output);
    let without_cache = counted.tokens(Meter::Input).saturating_add(output);
    let with_cache = counted.prompt_tokens().saturating_add(output);
    let is_inside = [with_cache, without_cache].contains(&total);
    if is_inside && let Some(answer) = output.checked_sub(thinking) {
        counted.set_tokens(Meter::Output, answer);
    }
    counted.set_tokens(Meter::Reasoning, thinking);
}

/// A message of opencode, or an exported session of them. Its counts are disjoint, but for thinking.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(messages) = object.get("messages") {
        let infos = messages.items().filter_map(Value::object).map(|message| message.object("info").unwrap_or(message));
        each_record(&DIALECT, infos, out, &mut read);
        return Ok(());
    }
    if !object.is("role", "assistant") {
        return Ok(());
    }
    let Some(tokens) = object.object("tokens") else { return Ok(()) };
    let cache = tokens.object("cache").unwrap_or_default();
    let mut counted = Usage::tokens_in_out(count(&tokens, "input")?, count(&tokens, "output")?);
    counted.set_tokens(Meter::CacheRead, count(&cache, "read")?);
    counted.set_tokens(Meter::CacheWrite5m, count(&cache, "write")?);
    set_thinking(&mut counted, count(&tokens, "reasoning")?, count(&tokens, "total")?);
    let mut entry = Entry::new(Dialect::OpenCode, counted);
    // Since version 2 both stand in an object of their own.
    let named = object.object("model").unwrap_or_default();
    entry.provider = object.text("providerID").or_else(|| named.text("providerID"));
    entry.model = object.text("modelID").or_else(|| named.text("id"));
    entry.at = object.object("time").and_then(|time| time.get("created").and_then(moment));
    // Zero means that opencode did not work it out.
    let cost = object.get("cost").and_then(Value::decimal);
    entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
    entry.id = object.text("id").map(|id| id_of(&["opencode", &id]));
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
