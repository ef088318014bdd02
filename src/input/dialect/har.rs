//! Recordings of a browser or a proxy (HAR): the bodies of answers are texts, some of them in base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Item;
use super::counts::{count, moment};
use super::read::each_record;
use super::recording::Exchange;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { look: Some(holds_entries), ..DialectSign::around(&["log"]) },
        DialectSign::around(&["startedDateTime", "request", "response"]),
    ],
    read: Some(read),
    places: &["recordings of browsers and proxies (`.har`)"],
    reads: "the bodies of answers, each in its own form; what the request says of the model, and who answers at the address",
    includes: "as the form of each body",
    source: "https://w3c.github.io/web-performance/specs/HAR/Overview.html",
    ..DialectSpec::new("har", "recordings of HTTP (HAR)")
};

fn holds_entries(seen: &SeenObject) -> bool {
    seen.object.object("log").is_some_and(|log| log.has("entries"))
}

/// A recording, or one entry of it.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(log) = object.object("log") else { return entry(object, out) };
    each_record(&DIALECT, log.objects("entries"), out, &mut |one, out| entry(one, out));
    Ok(())
}

fn entry<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let request = object.object("request").unwrap_or_default();
    let response = object.object("response").unwrap_or_default();
    let exchange = Exchange {
        url: request.text("url").unwrap_or_default(),
        method: request.text("method").unwrap_or_default(),
        asked: request.object("postData").and_then(|data| data.text("text")),
        status: Some(count(&response, "status")?),
        at: object.get("startedDateTime").and_then(moment),
    };
    // Each message of a socket is a body of its own.
    for message in object.objects("_webSocketMessages") {
        if message.is("type", "receive")
            && let Some(data) = message.text("data")
        {
            exchange.read_message(&data, out);
        }
    }
    let content = response.object("content").unwrap_or_default();
    match body(&content)? {
        Some(body) => exchange.read(&body, out),
        None => exchange.without_body().map_or(Ok(()), Err)?,
    }
    Ok(())
}

fn body<'a>(content: &Object<'a>) -> Result<Option<Cow<'a, str>>, RecordError> {
    let Some(text) = content.text("text") else { return Ok(None) };
    if !content.is("encoding", "base64") {
        return Ok(Some(text));
    }
    let bytes = STANDARD.decode(text.trim().as_bytes());
    let bytes = bytes.map_err(|error| RecordError::Form(format!("a body in base64 is broken: {error}")))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned().into()))
}
