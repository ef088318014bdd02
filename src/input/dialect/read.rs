//! Reads a line or document of JSON: finds out which form it is in, and hands it to what reads that form.

use super::detect::detect;
use super::entry::{Event, NAMELESS, stream_of};
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSpec, ObjectReader};
use super::unread::{add_unread, unread};
use super::{Dialect, Item, counts};
use crate::input::json::{JsonError, Object, Value};
use crate::input::left::Looking;
use crate::input::record::RecordError;

/// Reads one line or document of JSON: an object of any form, or a list of them.
///
/// `from` forces a form. A text that holds nothing of use pushes nothing.
///
/// # Examples
/// ```
/// use farebox::input::dialect::{Item, read};
/// let body = br#"{"object":"chat.completion","model":"gpt-4o","usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
/// let mut items = Vec::new();
/// read(body, None, &mut items);
/// assert!(matches!(&items[..], [Item::Entry(entry)] if entry.usage.prompt_tokens() == 9));
/// ```
pub fn read<'a>(text: &'a [u8], from: Option<Dialect>, out: &mut Vec<Item<'a>>) {
    if let Err(error) = read_text(text, from, out) {
        out.push(no_json(text, error));
    }
}

/// [`read`] that leaves it to the caller what to make of a text that is not JSON.
pub(crate) fn read_text<'a>(text: &'a [u8], from: Option<Dialect>, out: &mut Vec<Item<'a>>) -> Result<(), JsonError> {
    let text = text.trim_ascii();
    let (text, is_event) = match stream_line(text) {
        StreamLine::Data(data) => (data, true),
        StreamLine::Done => {
            out.push(Item::Event(Event::Done));
            return Ok(());
        }
        StreamLine::Other => return Ok(()),
        StreamLine::None => (text, false),
    };
    if text.is_empty() {
        return Ok(());
    }
    if text.first() == Some(&b'[') {
        Value::read(text)?.items().for_each(|item| read(item.raw(), from, out));
        return Ok(());
    }
    let (object, before) = (Object::read(text)?, out.len());
    read_object(&object, from, out);
    if is_event {
        out.iter_mut().skip(before).for_each(|item| join_stream(&object, item));
    }
    Ok(())
}

/// What is sent as an event is a part of a stream, also where nothing in it says so.
fn join_stream<'a>(object: &Object<'a>, item: &mut Item<'a>) {
    let id = ["id", "responseId"].iter().find_map(|name| object.text(name));
    let stream = stream_of(id.as_deref());
    let joined = match item {
        Item::Entry(entry) if entry.id.is_some() || !matches!(entry.dialect, Dialect::OpenAiChat | Dialect::Gemini) => {
            return;
        }
        Item::Entry(entry) if stream != NAMELESS => return entry.id = Some(stream),
        Item::Entry(entry) => Event::Chunk(entry.clone()),
        Item::Bad(error) if *error == no_usage() => Event::Silent(stream),
        _ => return,
    };
    *item = Item::Event(joined);
}

/// The line of something that a source holds and that cannot be read: it becomes a record that says so.
pub(crate) fn unreadable(what: &str) -> String {
    serde_json::json!({ UNREADABLE: what }).to_string()
}

const UNREADABLE: &str = "unreadable";

/// What is said about a text that is not JSON.
pub(crate) fn no_json<'a>(text: &[u8], error: JsonError) -> Item<'a> {
    let text = text.trim_ascii();
    if let Some(place) = memchr::memchr(0, text.get(..=error.at).unwrap_or(text)) {
        let place = place + 1;
        let what = format!("not text: a NUL byte is at column {place}; the file was cut or is binary");
        return Item::Bad(RecordError::Form(what));
    }
    Item::Bad(error.into())
}

fn read_object<'a>(object: &Object<'a>, from: Option<Dialect>, out: &mut Vec<Item<'a>>) {
    let result = match from.or_else(|| detect(object)) {
        Some(dialect) => match dialect.spec().read {
            Some(read) => read_all(object, read, dialect.spec(), out),
            None => Err(RecordError::Form("this dialect is a table (CSV), and the line is JSON".into())),
        },
        None => inside(object, out),
    };
    if let Err(error) = result {
        out.push(Item::Bad(error));
    }
}

/// Reads an object of a form, and notes what its reader left alone.
fn read_all<'a>(
    object: &Object<'a>,
    read: ObjectReader,
    form: &DialectSpec,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    noted(object, form, out, &mut |object, out| read(object, out))
}

/// What reads one of the records that an object holds.
type RecordReader<'r, 'a> = dyn FnMut(&Object<'a>, &mut Vec<Item<'a>>) -> Result<(), RecordError> + 'r;

/// Reads the records that an object of a form holds, each by itself: what is left alone of one is noted at its own.
pub(super) fn each_record<'a>(
    form: &DialectSpec,
    records: impl IntoIterator<Item = Object<'a>>,
    out: &mut Vec<Item<'a>>,
    read: &mut RecordReader<'_, 'a>,
) {
    for record in records {
        if let Err(error) = noted(&record, form, out, read) {
            out.push(Item::Bad(error));
        }
    }
}

fn noted<'a>(
    object: &Object<'a>,
    form: &DialectSpec,
    out: &mut Vec<Item<'a>>,
    read: &mut RecordReader<'_, 'a>,
) -> Result<(), RecordError> {
    let (before, looking) = (out.len(), Looking::begin());
    let result = read(object, out);
    if out.len() > before {
        object.is_a_record();
        object.note();
        let left = looking.end();
        if !left.is_empty() {
            add_unread(unread(left, form), out, before);
        }
    }
    result
}

/// A line of server-sent events.
enum StreamLine<'a> {
    None,
    Data(&'a [u8]),
    Done,
    Other,
}

fn stream_line(line: &[u8]) -> StreamLine<'_> {
    if let Some(data) = line.strip_prefix(b"data:") {
        let data = data.trim_ascii();
        return if data == b"[DONE]" { StreamLine::Done } else { StreamLine::Data(data) };
    }
    let other = [b"event:".as_slice(), b"id:", b"retry:", b":"];
    if other.iter().any(|prefix| line.starts_with(prefix)) { StreamLine::Other } else { StreamLine::None }
}

/// An object of no form: what it holds may be one.
fn inside<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    for name in ["response", "body", "data", "results", "result", "observations", "spans"] {
        let Some(value) = object.get(name) else { continue };
        let inner = value.object();
        let fits = inner.as_ref().is_some_and(|inner| detect(inner).is_some())
            || value.items().next().is_some_and(|item| item.object().is_some());
        if fits {
            let before = out.len();
            read(value.raw(), None, out);
            add_time(object, out.get_mut(before..).unwrap_or_default());
            return Ok(());
        }
    }
    if let Some(what) = object.text(UNREADABLE) {
        return Err(RecordError::Form(what.into_owned()));
    }
    if object.get("error").is_some() {
        out.push(failed(Dialect::OpenAiChat, error_text(object)));
        return Ok(());
    }
    // An empty page is not an error.
    let is_empty = |name: &str| {
        object.get(name).is_some_and(|list| list.raw().first() == Some(&b'[') && list.items().next().is_none())
    };
    if is_empty("data") || is_empty("results") {
        return Ok(());
    }
    let request = ["messages", "contents", "requests", "body", "params", "request"].iter().any(|name| object.has(name));
    let what = match () {
        () if is_session(object) => {
            "a session in one document, in a form that farebox does not know: its messages say what they used, and nothing reads them; --from DIALECT forces a form"
        }
        () if request => "a request, not an answer: nothing was used yet; `farebox estimate` prices requests",
        () => {
            "no form of usage that farebox knows: a record of its own names \"model\" and \"usage\"; --from DIALECT forces a form"
        }
    };
    Err(RecordError::Form(what.into()))
}

/// Whether an object has messages that say what they used, as those of a request never do.
fn is_session(object: &Object) -> bool {
    let counts = |name: &str, value: Value| {
        let name = name.to_lowercase();
        (name.contains("usage") || name.contains("token")) && value.raw().first() == Some(&b'{')
    };
    let mut messages = object.objects("messages");
    messages.any(|message| message.fields().any(|(name, value)| counts(&name, value)))
}

/// The time that stands around a body which does not know its own.
fn add_time<'a>(object: &Object<'a>, items: &mut [Item<'a>]) {
    let names = ["timestamp", "time", "created_at", "started_at", "date"];
    let Some(at) = names.iter().find_map(|name| object.get(name).and_then(counts::moment)) else { return };
    for item in items {
        if let Item::Entry(entry) = item {
            entry.at.get_or_insert(at);
        }
    }
}
