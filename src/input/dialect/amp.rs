//! Threads of Amp: `~/.local/share/amp/threads/T-*.json`.
//!
//! The usage of a message is disjoint; `totalInputTokens` is the sum of three of its counts. The ledger records the same requests
//! without the cache, so that an event of it counts only where the message it led to has no usage (docs/guide/amp of
//! <https://github.com/ccusage/ccusage>).

use super::agent::Disjoint;
use super::counts::{count, moment};
use super::entry::id_of;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign { texts: &["T-*"], ..DialectSign::around(&["id", "messages"]) }],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["credits", "totalInputTokens"],
    places: &["~/.local/share/amp/threads"],
    reads: "the usage of messages; events of the ledger for messages without",
    includes: "disjoint",
    source: "https://github.com/ccusage/ccusage/blob/main/docs/guide/amp/index.md",
    ..DialectSpec::new("amp", "threads of Amp")
};

/// A thread.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let thread = object.text("id");
    let mut said = Vec::new();
    let messages = object.get("messages").into_iter().flat_map(Value::items).filter_map(Value::object);
    each_record(&DIALECT, messages, out, &mut |message, out| {
        let Some(usage) = message.object("usage").filter(|_| message.is("role", "assistant")) else { return Ok(()) };
        let place = message.get("messageId").and_then(Value::word).unwrap_or_default();
        let at = usage.get("timestamp").and_then(Value::word).unwrap_or_default();
        said.push((place, at));
        push(&usage, counted(&usage)?, thread.as_deref(), &[place, at], out);
        Ok(())
    });
    let events = object.object("usageLedger").and_then(|ledger| ledger.get("events"));
    let events = events.into_iter().flat_map(Value::items).filter_map(Value::object);
    each_record(&DIALECT, events, out, &mut |event, out| {
        let word = |name: &str| event.get(name).and_then(Value::word).unwrap_or_default();
        let (to, at) = (word("toMessageId"), word("timestamp"));
        let is_said = said.iter().any(|(place, time)| if to.is_empty() { *time == at } else { *place == to });
        let Some(tokens) = event.object("tokens").filter(|_| !is_said) else { return Ok(()) };
        push(event, of_ledger(&tokens)?, thread.as_deref(), &["ledger", word("id"), at], out);
        Ok(())
    });
    Ok(())
}

fn push<'a>(said: &Object<'a>, counts: Disjoint, thread: Option<&str>, id: &[&str], out: &mut Vec<Item<'a>>) {
    if counts == Disjoint::default() {
        return;
    }
    let mut entry = Entry::new(Dialect::Amp, counts.into());
    entry.model = said.text("model");
    entry.at = said.get("timestamp").and_then(moment);
    entry.id = Some(id_of(&[&["amp", thread.unwrap_or_default()], id].concat()));
    entry.labels.session = thread.map(|thread| thread.to_owned().into());
    out.push(Item::Entry(Box::new(entry)));
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    Ok(Disjoint {
        input: count(usage, "inputTokens")?,
        output: count(usage, "outputTokens")?,
        cache_read: count(usage, "cacheReadInputTokens")?,
        cache_write: count(usage, "cacheCreationInputTokens")?,
        ..Disjoint::default()
    })
}

fn of_ledger(tokens: &Object) -> Result<Disjoint, RecordError> {
    Ok(Disjoint {
        input: count(tokens, "input")?,
        output: count(tokens, "output")?,
        cache_read: count(tokens, "cacheReadInputTokens")?,
        cache_write: count(tokens, "cacheCreationInputTokens")?,
        ..Disjoint::default()
    })
}
