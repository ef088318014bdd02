//! Attributes of spans and events, however an exporter writes them down.

use std::borrow::Cow;
use std::cell::RefCell;

use super::counts::count_of;
use crate::input::json::{Object, Value};
use crate::input::left::{is_named_like_a_count, leave};
use crate::input::record::RecordError;

/// How deep objects in objects are followed.
const DEPTH: u32 = 8;

/// What the names of columns with attributes begin with.
const IN_COLUMNS: &str = "attributes.";

/// Attributes by their whole name, `gen_ai.usage.input_tokens`.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    all: Vec<(Cow<'a, str>, Value<'a>)>,
    /// Which of them somebody asked for.
    asked: RefCell<Vec<usize>>,
}

impl<'a> Attributes<'a> {
    /// Those in the field `attributes` of a span, event or resource.
    pub(super) fn of(holder: &Object<'a>) -> Self {
        holder.get("attributes").map(Self::in_value).unwrap_or_default()
    }

    /// Those in a value: a list of `{key, value: {stringValue}}` in OTLP and of `{key, type, value}` in Jaeger; elsewhere an
    /// object, flat or with an object for each part of a name.
    pub(super) fn in_value(attributes: Value<'a>) -> Self {
        let mut all = Attributes::default();
        if let Some(plain) = attributes.object() {
            all.add_fields("", &plain, DEPTH);
            return all;
        }
        for pair in attributes.items().filter_map(Value::object) {
            if let (Some(key), Some(value)) = (pair.text("key"), pair.get("value")) {
                all.add_typed(key, value, DEPTH);
            }
        }
        all
    }

    /// Those in the columns of a table whose names begin with `attributes.`.
    pub(super) fn in_columns(row: &Object<'a>) -> Self {
        let mut all = Attributes::default();
        for (name, value) in row.fields_from(IN_COLUMNS) {
            all.add(name.trim_start_matches(IN_COLUMNS).to_owned(), value, DEPTH);
        }
        all
    }

    /// Adds an attribute, unless it is there already.
    pub(super) fn insert(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if !self.has(&[&*name]) {
            self.all.push((name, value));
        }
    }

    /// Adds one of a list of `{key, value}`. A value of a kind that is not known stays as it is written.
    fn add_typed(&mut self, name: Cow<'a, str>, value: Value<'a>, depth: u32) {
        let pairs = value.object().and_then(|typed| typed.object("kvlistValue")).filter(|_| depth > 0);
        let Some(pairs) = pairs else { return self.all.push((name, plain_value(value).unwrap_or(value))) };
        for pair in pairs.objects("values") {
            if let (Some(key), Some(value)) = (pair.text("key"), pair.get("value")) {
                self.add_typed(format!("{name}.{key}").into(), value, depth - 1);
            }
        }
    }

    fn add_fields(&mut self, before: &str, object: &Object<'a>, depth: u32) {
        for (name, value) in object.fields() {
            let name = if before.is_empty() { name.into_owned() } else { format!("{before}.{name}") };
            self.add(name, value, depth);
        }
    }

    fn add(&mut self, name: String, value: Value<'a>, depth: u32) {
        match value.object().filter(|_| depth > 0) {
            Some(inner) => self.add_fields(&name, &inner, depth - 1),
            None => self.all.push((name.into(), value)),
        }
    }

    /// The first of several attributes that is there.
    pub(super) fn get(&self, names: &[&str]) -> Option<Value<'a>> {
        let place = |name: &&str| self.all.iter().position(|(n, v)| n == name && !v.is_null());
        let place = names.iter().find_map(place)?;
        self.asked.borrow_mut().push(place);
        self.all.get(place).map(|(_, value)| *value)
    }

    /// Whether one of several attributes is there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.get(names).is_some()
    }

    /// The text in the first of several attributes that is there.
    pub(super) fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.get(&[name])?.text().filter(|text| !text.is_empty()))
    }

    /// Notes the counts that nobody asked for, next to those that were read.
    pub(super) fn note_unread(&self) {
        let asked = self.asked.borrow();
        for (place, (name, value)) in self.all.iter().enumerate() {
            let number = value.decimal().filter(|number| !number.is_zero());
            if let Some(number) = number.filter(|_| !asked.contains(&place) && may_be_billed(name)) {
                leave("", name, number.to_string());
            }
        }
    }

    /// The first count in the conventions' own place for counts that nobody asked for.
    pub(super) fn unknown_count(&self) -> Option<(&str, &'a str)> {
        let is_usage = |name: &str| USAGE.iter().any(|start| name.starts_with(start)) && !name.contains("cost");
        let number = |value: &Value<'a>| value.decimal().filter(|number| !number.is_zero()).and(value.word());
        let mut unknown = self.all.iter().filter(|(name, _)| is_usage(name));
        unknown.find_map(|(name, value)| Some((&**name, number(value)?)))
    }

    /// The texts in a list.
    pub(super) fn texts(&self, names: &[&str]) -> Vec<Cow<'a, str>> {
        let values = self.get(names).into_iter().flat_map(Value::items);
        values.filter_map(plain_value).filter_map(Value::text).collect()
    }

    /// A count that several attributes state: old and new names of one and the same. A zero says nothing next to another
    /// count.
    ///
    /// # Errors
    /// [`RecordError::Usage`] where two of them say different things.
    pub(super) fn count(&self, names: &[&'static str]) -> Result<u64, RecordError> {
        match self.counts(names)?.as_slice() {
            [] => Ok(0),
            [(_, count)] => Ok(*count),
            [first, second, ..] => Err(contradiction(*first, *second)),
        }
    }

    /// The different counts that several attributes state, with their names, but for zeros.
    pub(super) fn counts(&self, names: &[&'static str]) -> Result<Vec<(&'static str, u64)>, RecordError> {
        let mut found: Vec<(&str, u64)> = Vec::new();
        for name in names {
            let Some(value) = self.get(&[name]) else { continue };
            let count = count_of(name, value)?;
            if count > 0 && found.iter().all(|(_, other)| *other != count) {
                found.push((name, count));
            }
        }
        Ok(found)
    }
}

/// Where conventions put what was used.
const USAGE: [&str; 4] = ["gen_ai.usage.", "llm.token_count.", "llm.usage.", "ai.usage."];

/// Whether an attribute may count what is billed: those of the conventions for usage, and what is named like a count of
/// tokens. Settings of a request, such as `gen_ai.request.max_tokens`, are none, and costs repeat what is read.
fn may_be_billed(name: &str) -> bool {
    let is_other = [".request.", "invocation_parameters", "cost"].iter().any(|part| name.contains(part));
    !is_other && (USAGE.iter().any(|start| name.starts_with(start)) || is_named_like_a_count(name.as_bytes()))
}

/// What is wrong where two attributes count the same and differ.
pub(super) fn contradiction((one, count): (&str, u64), (other, otherwise): (&str, u64)) -> RecordError {
    RecordError::Usage(format!("{one} is {count} and {other} is {otherwise}, two counts of the same tokens"))
}

/// The value of an attribute: itself, or in an object that says of which kind it is.
fn plain_value(value: Value<'_>) -> Option<Value<'_>> {
    let Some(typed) = value.object() else { return Some(value) };
    let kinds = ["stringValue", "intValue", "doubleValue", "boolValue"];
    let plain = kinds.iter().find_map(|kind| typed.get(kind));
    plain.or_else(|| typed.object("arrayValue")?.get("values"))
}
