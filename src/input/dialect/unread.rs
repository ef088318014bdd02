//! What nobody read of a record: which of the fields that a reader left alone may have been billed.

use super::Item;
use super::agent::AgentEvent;
use super::entry::{Entry, Event, Unread};
use super::spec::DialectSpec;
use crate::input::json::Value;
use crate::input::left::LeftField;

/// So many names are kept of one record; of others, how many they are.
const MOST: usize = 20;

/// The name that stands for those that are not kept.
pub(crate) const OTHER_NAMES: &str = "other names";

/// How deep objects are looked into that nobody read.
const DEPTH: u32 = 4;

/// The counts among the fields that a reader of this form left alone, except those that say nothing new.
pub(super) fn unread(left: Vec<LeftField>, form: &DialectSpec) -> Vec<Unread> {
    let mut found = Found::default();
    for field in left {
        if is_known(&field.of, &field.name, form) {
            continue;
        }
        let path = if field.of.is_empty() { field.name.clone() } else { format!("{}.{}", field.of, field.name) };
        match Value::read(field.value.as_bytes()) {
            Ok(value) => collect(path, &field.name, value, form, DEPTH, &mut found),
            Err(_) => found.add(path, &field.value),
        }
    }
    found.end()
}

/// What was found of one record.
#[derive(Default)]
struct Found {
    kept: Vec<Unread>,
    more: u64,
}

impl Found {
    /// Adds a name, unless it is there already. Names behind the first ones are only counted.
    fn add(&mut self, key: String, value: &str) {
        if self.kept.iter().any(|other| other.key == key) {
            return;
        }
        if self.kept.len() < MOST {
            self.kept.push(Unread { key, value: value.to_owned() });
        } else {
            self.more += 1;
        }
    }

    fn end(mut self) -> Vec<Unread> {
        if self.more > 0 {
            self.kept.push(Unread { key: OTHER_NAMES.to_owned(), value: self.more.to_string() });
        }
        self.kept
    }
}

/// Adds what was not read of an earlier line of the same request, each name once; how many more there are is what the longer
/// of both lists says.
pub(crate) fn join_unread(known: &mut Vec<Unread>, more: Vec<Unread>) {
    let number = |unread: &Unread| unread.value.parse().unwrap_or_default();
    let mut others = known.pop_if(|last| last.key == OTHER_NAMES).map_or(0, |last| number(&last));
    let mut left_out: u64 = 0;
    for unread in more {
        if unread.key == OTHER_NAMES {
            left_out = left_out.saturating_add(number(&unread));
        } else if !known.iter().any(|other| other.key == unread.key) {
            if known.len() < MOST {
                known.push(unread);
            } else {
                left_out = left_out.saturating_add(1);
            }
        }
    }
    others = others.max(left_out);
    if others > 0 {
        known.push(Unread { key: OTHER_NAMES.to_owned(), value: others.to_string() });
    }
}

/// A number, or those inside of an object or list.
fn collect(path: String, name: &str, value: Value, form: &DialectSpec, depth: u32, found: &mut Found) {
    if let Some(object) = value.object() {
        for (inner, value) in object.fields().filter(|_| depth > 0) {
            if !is_known(name, &inner, form) {
                collect(format!("{path}.{inner}"), &inner, value, form, depth - 1, found);
            }
        }
    } else if value.raw().first() == Some(&b'[') {
        let items = value.items().filter(|_| depth > 0);
        items.for_each(|item| collect(format!("{path}[]"), name, item, form, depth - 1, found));
    } else if value.decimal().is_some_and(|number| !number.is_zero()) {
        found.add(path, value.word().unwrap_or_default());
    }
}

/// Whether a field repeats something that is read, or is known not to be billed: in every form, or in this one, where it is
/// named by itself or with the field that holds it (`usage.cost`).
fn is_known(of: &str, name: &str, form: &DialectSpec) -> bool {
    let is_it = |known: &str| {
        known == name || known.split_once('.').is_some_and(|(holder, field)| holder == of && field == name)
    };
    form.known.iter().any(|known| is_it(known)) || says_nothing(name)
}

/// Sums that repeat their parts, how long and how fast an answer came, and what it may have been at most: nobody bills these.
pub(super) fn says_nothing(name: &str) -> bool {
    // What a reader left on purpose is named in words.
    if name.contains(' ') {
        return false;
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let is_total = plain == "total" || plain.starts_with("total") && plain.contains("token");
    let is_time = ["time", "timems", "latency", "latencyms", "durationms", "durationapims", "timestamp", "timeout"]
        .iter()
        .any(|end| plain.ends_with(end));
    let is_speed = ["persecond", "persec", "throughput", "timeto"].iter().any(|part| plain.contains(part));
    let is_limit = ["max", "limit", "contextwindow"].iter().any(|part| plain.contains(part));
    is_total || is_time || is_speed || is_limit
}

/// Adds what was not read to the first record that a text gave, or in front of what is only settled later.
pub(super) fn add_unread(unread: Vec<Unread>, out: &mut Vec<Item>, before: usize) {
    if unread.is_empty() {
        return;
    }
    if let Some(entry) = out.iter_mut().skip(before).find_map(record_in) {
        return join_unread(&mut entry.unread, unread);
    }
    if let Some(place) = out.iter().skip(before).position(|item| matches!(item, Item::Event(_))) {
        out.insert(before + place, Item::Event(Event::Unread(unread)));
    }
}

/// The record that an item holds.
fn record_in<'i, 'a>(item: &'i mut Item<'a>) -> Option<&'i mut Entry<'a>> {
    match item {
        Item::Entry(entry) | Item::Event(Event::Begin(entry) | Event::Chunk(entry) | Event::Whole(entry)) => {
            Some(entry)
        }
        Item::Event(Event::Span(span)) => span.record.as_deref_mut(),
        Item::Event(Event::Agent(event)) => match &mut **event {
            AgentEvent::Request(entry, _)
            | AgentEvent::Either(_, entry)
            | AgentEvent::Detail(entry)
            | AgentEvent::Running(entry) => Some(entry),
            AgentEvent::Sum(sum) => sum.entries.first_mut(),
            AgentEvent::Known(_) | AgentEvent::Begin(_) | AgentEvent::Owes(_) | AgentEvent::Paid => None,
        },
        Item::Event(_) | Item::Bad(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: std::ops::Range<u32>) -> Vec<Unread> {
        let mut found = Found::default();
        names.for_each(|at| found.add(format!("usage.n{at}"), "1"));
        found.end()
    }

    /// How many names are kept, and how many more there are said to be.
    fn sizes(unread: &[Unread]) -> (usize, Option<&str>) {
        match unread.split_last() {
            Some((last, kept)) if last.key == OTHER_NAMES => (kept.len(), Some(&last.value)),
            _ => (unread.len(), None),
        }
    }

    #[test]
    fn names_that_are_not_kept_are_counted() {
        assert_eq!(sizes(&named(0..20)), (20, None));
        assert_eq!(sizes(&named(0..27)), (20, Some("7")));
        let mut known = named(0..15);
        join_unread(&mut known, named(5..25));
        assert_eq!(sizes(&known), (20, Some("5")));
        // The same line again, a thousand times.
        (0..1_000).for_each(|_| join_unread(&mut known, named(5..25)));
        assert_eq!(sizes(&known), (20, Some("5")));
        join_unread(&mut known, named(100..140));
        assert_eq!(sizes(&known), (20, Some("40")));
    }
}
