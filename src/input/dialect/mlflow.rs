//! Traces of MLflow. The values of attributes are JSON texts.
//!
//! The usage of a trace is the sum of its spans' and counts only where none of them states any.

use std::borrow::Cow;

use super::counts::{moment, object_text};
use super::entry::id_of;
use super::openai_chat::chat_usage;
use super::read::each_record;
use super::spans::{no_place, objects, place};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Span, SpanRole};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["info", "data"])],
    read: Some(read),
    returns: true,
    places: &["traces as JSON"],
    reads: "`mlflow.chat.tokenUsage` of spans; `mlflow.trace.tokenUsage` only where no span has it",
    includes: "caches are parts of the input unless they cannot be, because they are larger",
    source: "https://mlflow.org/docs/latest/genai/tracing/",
    ..DialectSpec::new("mlflow", "traces of MLflow")
};

/// A trace.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let info = object.object("info").unwrap_or_default();
    let data = object.object("data").unwrap_or_default();
    let trace = info.text("trace_id").or_else(|| info.text("request_id"));
    // A trace without an id is known again by its spans.
    let spans = || data.get("spans").map(|spans| String::from_utf8_lossy(spans.raw()));
    let trace = trace.or_else(|| Some(format!("{:x}", id_of(&[&spans()?])).into())).unwrap_or_default();
    let labels = Labels {
        session: metadata(&info, "mlflow.trace.session"),
        key: metadata(&info, "mlflow.trace.user"),
        ..Labels::default()
    };
    let at = ["request_time", "timestamp_ms"].iter().find_map(|name| info.get(name).and_then(moment));
    // What the trace says of itself stands above all of its spans.
    if let Some(usage) = metadata(&info, "mlflow.trace.tokenUsage") {
        match sum(&usage, at, &labels) {
            Ok(entry) => out.push(Span::new(&trace, "", None, SpanRole::Sum).with(entry).into()),
            Err(error) => out.push(Item::Bad(error)),
        }
    }
    let mut number = 0..;
    each_record(&DIALECT, data.objects("spans"), out, &mut |one, out| {
        span(one, (&trace, number.next().unwrap_or_default()), &labels, out)
    });
    Ok(())
}

/// What the metadata of a trace says under a name: in an object, or in a list of keys and values as older versions write it.
fn metadata<'a>(info: &Object<'a>, name: &str) -> Option<Cow<'a, str>> {
    let plain = ["trace_metadata", "request_metadata"].iter().find_map(|holder| info.object(holder)?.text(name));
    plain.or_else(|| {
        objects(info, &["request_metadata", "trace_metadata"]).iter().find(|pair| pair.is("key", name))?.text("value")
    })
}

fn sum<'a>(usage: &str, at: Option<Instant>, labels: &Labels<'a>) -> Result<Entry<'a>, RecordError> {
    let counted = chat_usage(&Object::read(usage.as_bytes())?, false)?;
    Ok(Entry { at, labels: labels.clone(), ..Entry::new(Dialect::MlFlow, counted) })
}

/// A span, by its trace and its number in it.
fn span<'a>(
    object: &Object<'a>,
    (trace, number): (&str, usize),
    labels: &Labels<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    let attributes = object.object("attributes").unwrap_or_default();
    let kind = said(&attributes, "mlflow.spanType").or_else(|| object.text("span_type").map(Cow::into_owned));
    let kind = kind.unwrap_or_default();
    let is_call = matches!(kind.as_str(), "CHAT_MODEL" | "LLM" | "EMBEDDING" | "RERANKER");
    let role = if is_call { SpanRole::Call } else { SpanRole::Sum };
    let stated = place(object, role);
    let has_id = stated.is_some();
    let mut place = stated.unwrap_or_else(|| Span::new(trace, &format!("number {number}"), None, role));
    place.trace = Span::new(trace, "", None, role).trace;
    // A root is a part of the trace.
    place.parent.get_or_insert(Span::new(trace, "", None, role).id);
    let usage = attributes.get("mlflow.chat.tokenUsage").and_then(object_text);
    let Some(usage) = usage else {
        out.push(place.into());
        return Ok(());
    };
    if role == SpanRole::Sum && !has_id {
        return Err(no_place());
    }
    let counted =
        match Object::read(usage.as_bytes()).map_err(RecordError::from).and_then(|usage| chat_usage(&usage, false)) {
            Ok(counted) => counted,
            Err(error) => {
                out.push(place.into());
                return Err(error);
            }
        };
    let mut entry = Entry::new(Dialect::MlFlow, counted);
    entry.model = said(&attributes, "mlflow.llm.model").or_else(|| model_in(&attributes)).map(Cow::Owned);
    entry.provider = said(&attributes, "mlflow.llm.provider").map(Cow::Owned);
    entry.naming = super::Naming::ByHabit;
    let times = ["start_time_unix_nano", "start_time_ns", "start_time"];
    entry.at = times.iter().find_map(|name| object.get(name).and_then(moment));
    entry.labels = labels.clone();
    out.push(place.with(entry).into());
    Ok(())
}

/// The text of an attribute: a JSON text inside of a text, or plain.
fn said(attributes: &Object, name: &str) -> Option<String> {
    let text = attributes.text(name)?;
    let inner = Value::read(text.as_bytes()).ok().and_then(Value::text).map(Cow::into_owned);
    inner.or_else(|| Some(text.into_owned())).filter(|text| !text.is_empty() && text != "null")
}

/// The model that the answer names, and otherwise the request.
fn model_in(attributes: &Object) -> Option<String> {
    ["mlflow.spanOutputs", "mlflow.spanInputs"].iter().find_map(|name| {
        let text = object_text(attributes.get(name)?)?;
        let body = Object::read(text.as_bytes()).ok()?;
        body.text("model").map(Cow::into_owned)
    })
}
