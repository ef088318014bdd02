//! Threads of Amp: `~/.local/share/amp/threads/T-*.json`.
//!
//! The usage of a message is disjoint; `totalInputTokens` is the sum of three of its counts. The ledger records the same requests
//! without the cache, so that an event of it counts only where the message it led to has no usage (docs/guide/amp of
//! <https://github.com/ccusage/ccusage>).

use rustc_hash::{FxHashMap, FxHashSet};

use super::agent::Disjoint;
use super::counts::{count, is_of_parts, moment, unexplained};
use super::entry::{Numbers, id_of};
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
    known: &["credits"],
    places: &["~/.local/share/amp/threads"],
    reads: "the usage of messages; events of the ledger for messages without",
    includes: "disjoint",
    source: "https://github.com/ccusage/ccusage/blob/main/docs/guide/amp/index.md",
    ..DialectSpec::new("amp", "threads of Amp")
};

/// A thread.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let thread = object.text("id");
    let (mut said, mut numbers) = (Said::default(), Numbers::default());
    each_record(&DIALECT, object.objects("messages"), out, &mut |message, out| {
        let is_answer = message.is("role", "assistant") || !message.has("role");
        let Some(usage) = message.object("usage").filter(|_| is_answer) else { return Ok(()) };
        let place = message.get("messageId").and_then(Value::word).unwrap_or_default();
        let at = usage.get("timestamp").and_then(Value::word).unwrap_or_default();
        let counts = counted(&usage);
        // Counts of nothing leave the event of the ledger to count.
        if !counts.as_ref().is_ok_and(|counts| *counts == Disjoint::default()) {
            said.add(place, at, counts.as_ref().ok());
        }
        push(&usage, counts?, thread.as_deref(), &numbers.of(&format!("{place} {at}")), out);
        Ok(())
    });
    let ledger = object.object("usageLedger").unwrap_or_default();
    each_record(&DIALECT, ledger.objects("events"), out, &mut |event, out| {
        let word = |name: &str| event.get(name).and_then(Value::word).unwrap_or_default();
        let Some(tokens) = event.object("tokens") else { return Ok(()) };
        let counts = of_ledger(&tokens);
        if said.has(word("toMessageId"), word("timestamp"), counts.as_ref().ok()) {
            return Ok(());
        }
        let place = numbers.of(&format!("ledger {} {}", word("id"), word("timestamp")));
        push(event, counts?, thread.as_deref(), &place, out);
        Ok(())
    });
    Ok(())
}

/// What the messages of a thread say, by which the events of the ledger that repeat them are known.
#[derive(Default)]
struct Said<'a> {
    places: FxHashSet<&'a str>,
    times: FxHashSet<&'a str>,
    /// How many messages used so many tokens of input and output.
    counts: FxHashMap<(u64, u64), u64>,
}

impl<'a> Said<'a> {
    fn add(&mut self, place: &'a str, at: &'a str, counts: Option<&Disjoint>) {
        self.places.insert(place);
        self.times.insert(at);
        if let Some(counts) = counts {
            *self.counts.entry((counts.input, counts.output)).or_default() += 1;
        }
    }

    /// Whether a message says what an event does: the one that it led to, or one of its time; an event that names neither
    /// repeats a message with its counts.
    fn has(&mut self, to: &str, at: &str, counts: Option<&Disjoint>) -> bool {
        if !to.is_empty() {
            return self.places.contains(to);
        }
        if !at.is_empty() {
            return self.times.contains(at);
        }
        let same = counts.and_then(|counts| self.counts.get_mut(&(counts.input, counts.output)));
        let Some(left) = same.filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}

fn push<'a>(said: &Object<'a>, counts: Disjoint, thread: Option<&str>, place: &str, out: &mut Vec<Item<'a>>) {
    if counts == Disjoint::default() {
        return;
    }
    let mut entry = Entry::new(Dialect::Amp, counts.into());
    entry.model = said.text("model");
    entry.at = said.get("timestamp").and_then(moment);
    entry.id = Some(id_of(&["amp", thread.unwrap_or_default(), place]));
    entry.labels.session = thread.map(|thread| thread.to_owned().into());
    out.push(Item::Entry(Box::new(entry)));
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    let names = ["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens", ""];
    let counts = Disjoint::of(usage, names)?;
    let total = count(usage, "totalInputTokens")?;
    is_of_parts("totalInputTokens", total, counts.sum())?;
    unexplained("totalInputTokens", total.saturating_sub(Disjoint { output: 0, ..counts }.sum()));
    Ok(counts)
}

fn of_ledger(tokens: &Object) -> Result<Disjoint, RecordError> {
    Disjoint::of(tokens, ["input", "cacheReadInputTokens", "cacheCreationInputTokens", "output", ""])
}
