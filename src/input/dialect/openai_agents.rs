//! Traces of the OpenAI Agents SDK.
//!
//! Spans of generations and responses are requests; those of tasks and turns repeat the usage below them. Cached tokens stand
//! inside of the input and thinking inside of the output.

use super::counts::moment;
use super::entry::request_of;
use super::openai_chat::chat_usage;
use super::outcomes::{error_text, failed};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Span, SpanRole};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(&["object"], &["trace.span"]),
        DialectSign::kind(&["object"], &["trace"]).any(&["workflow_name", "group_id"]),
    ],
    read: Some(read),
    returns: true,
    places: &["traces that a processor writes, one object a line"],
    reads: "`usage` of generations and responses; tasks and turns only where none below them has it",
    includes: "caches are parts of the input, thinking of the output",
    source: "https://openai.github.io/openai-agents-python/ref/tracing/span_data/",
    ..DialectSpec::new("openai-agents", "traces of the OpenAI Agents SDK")
};

/// A trace, which uses nothing itself, or a span of one.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(said) = object.object("span_data") else { return Ok(()) };
    let is_call = said.text("type").is_some_and(|kind| matches!(&*kind, "generation" | "response"));
    let role = if is_call { SpanRole::Call } else { SpanRole::Sum };
    let trace = object.text("trace_id").unwrap_or_default();
    let Some(id) = object.text("id") else { return Err(RecordError::Form("a span without an id".into())) };
    let place = Span::new(&trace, &id, object.text("parent_id").as_deref(), role);
    let usage = said.object("usage").or_else(|| said.object("data")?.object("usage"));
    let Some(usage) = usage.filter(|usage| !usage.is_empty()) else {
        if is_call && object.object("error").is_some() {
            out.push(failed(Dialect::OpenAiAgents, error_text(object)));
        }
        out.push(place.into());
        return Ok(());
    };
    let counted = match chat_usage(&usage, false) {
        Ok(counted) => counted,
        Err(error) => {
            out.push(place.into());
            return Err(error);
        }
    };
    let mut entry = Entry::new(Dialect::OpenAiAgents, counted);
    let response = said.object("response");
    entry.model = said.text("model").or_else(|| response?.text("model"));
    let id = said.text("response_id").or_else(|| said.object("response")?.text("id"));
    entry.request = request_of(id.as_deref());
    entry.at = object.get("started_at").and_then(moment);
    entry.labels = Labels { session: Some(trace.clone()).filter(|trace| !trace.is_empty()), ..Labels::default() };
    out.push(place.with(entry).into());
    Ok(())
}
