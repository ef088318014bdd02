//! Recordings of tests (VCR cassettes) of Python, Ruby and Go. Those in YAML come as one JSON object for each interaction.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Item;
use super::counts::{count, moment};
use super::read::each_record;
use super::recording::Exchange;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { look: Some(holds_interactions), ..DialectSign::around(&[]) }
            .any(&["interactions", "http_interactions"]),
        DialectSign { look: Some(is_interaction), ..DialectSign::around(&["request", "response"]) },
    ],
    read: Some(read),
    places: &["cassettes of tests (`cassettes/*.yaml`, `.json`)"],
    reads: "the bodies of answers, each in its own form; what the request says of the model, and who answers at the address",
    includes: "as the form of each body",
    source: "https://vcrpy.readthedocs.io/",
    ..DialectSpec::new("vcr", "recordings of HTTP in tests (VCR cassettes)")
};

fn interactions<'a>(object: &Object<'a>) -> Option<Value<'a>> {
    object.get("interactions").or_else(|| object.get("http_interactions"))
}

fn holds_interactions(seen: &SeenObject) -> bool {
    interactions(seen.object).is_some_and(|list| list.raw().first() == Some(&b'['))
}

fn is_interaction(seen: &SeenObject) -> bool {
    let request = seen.object.object("request");
    request.is_some_and(|request| request.has("method") && (request.has("uri") || request.has("url")))
}

/// A cassette in JSON, or one interaction.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(all) = interactions(object) else { return interaction(object, out) };
    each_record(&DIALECT, all.items().filter_map(Value::object), out, &mut |one, out| interaction(one, out));
    Ok(())
}

fn interaction<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let request = object.object("request").unwrap_or_default();
    let response = object.object("response").unwrap_or_default();
    let status = response.object("status");
    let status = status.as_ref().map_or_else(|| count(&response, "code"), |status| count(status, "code"));
    let exchange = Exchange {
        url: request.text("uri").or_else(|| request.text("url")).unwrap_or_default(),
        method: request.text("method").unwrap_or_default(),
        asked: body(&request),
        status: status.ok().filter(|status| *status > 0),
        at: object.get("recorded_at").and_then(moment).or_else(|| date(&response)),
    };
    match body(&response) {
        Some(body) => exchange.read(&body, out),
        None => exchange.without_body().map_or(Ok(()), Err)?,
    }
    Ok(())
}

/// The date in the head of an answer.
fn date(response: &Object) -> Option<Instant> {
    let headers = response.object("headers")?;
    let date = headers.get("date").or_else(|| headers.get("Date"))?;
    moment(date).or_else(|| date.items().next().and_then(moment))
}

/// The text of a body: plain, in `string`, in base64, or as it was parsed.
fn body<'a>(message: &Object<'a>) -> Option<Cow<'a, str>> {
    let parsed = || message.get("parsed_body").and_then(|body| std::str::from_utf8(body.raw()).ok().map(Cow::Borrowed));
    let Some(body) = message.get("body") else { return parsed() };
    let Some(holder) = body.object() else { return body.text().filter(|text| !text.is_empty()).or_else(parsed) };
    let text = holder.text("string").or_else(|| holder.text("base64_string"))?;
    let begins = text.trim_start();
    let is_text = begins.starts_with(['{', '[']) || begins.contains("data:") || begins.contains("event:");
    if is_text { Some(text) } else { unpacked(&text).map(Cow::Owned).or(Some(text)) }
}

/// The text behind bytes that a cassette writes in base64, mostly because they are compressed.
fn unpacked(text: &str) -> Option<String> {
    const MOST: u64 = 64 << 20;
    let plain: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(plain.as_bytes()).ok()?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).ok();
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}
