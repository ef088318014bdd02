//! Traces of Jaeger's API and its export: spans whose attributes are tags.

use std::borrow::Cow;

use super::attributes::Attributes;
use super::read::each_record;
use super::spans::{objects, span};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::own(&["traceID", "spans"]), DialectSign::own(&["traceID", "spanID"])],
    read: Some(read),
    returns: true,
    known: &["duration"],
    places: &["`/api/traces`, the JSON that the UI saves"],
    reads: "the tags of spans, as `otel`",
    includes: "as `otel`",
    source: "https://www.jaegertracing.io/docs/latest/architecture/apis/",
    ..DialectSpec::new("jaeger", "traces of Jaeger")
};

/// The reply of the API, a trace of it, or one span of one. What a process says holds for all of its spans.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.has("data") {
        each_record(&DIALECT, object.objects("data"), out, &mut |trace, out| read(trace, out));
        return Ok(());
    }
    if !object.has("spans") {
        let process = object.object("process").unwrap_or_default();
        return of_process(object, &process, out);
    }
    let processes = object.object("processes").unwrap_or_default();
    each_record(&DIALECT, objects(object, &["spans"]), out, &mut |one, out| {
        let process = one.text("processID").and_then(|id| processes.object(&id)).unwrap_or_default();
        of_process(one, &process, out)
    });
    Ok(())
}

fn of_process<'a>(object: &Object<'a>, process: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let attributes = object.get("tags").map(Attributes::in_value).unwrap_or_default();
    let mut resource = process.get("tags").map(Attributes::in_value).unwrap_or_default();
    if let Some(service) = process.get("serviceName") {
        resource.insert(Cow::Borrowed("service.name"), service);
    }
    span(Dialect::Jaeger, object, &attributes, &resource, out)
}
