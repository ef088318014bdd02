//! Log records of OpenTelemetry, as OTLP/JSON: the events that coding agents send for each request.
//!
//! Claude Code's counts are disjoint. Gemini CLI and Qwen Code count cached tokens inside of the input and thoughts and tool
//! results next to it; Codex counts cached tokens inside of the input and thinking inside of the output.

use super::attributes::Attributes;
use super::counts::moment;
use super::outcomes::failed;
use super::parts::{GEMINIS, Parts};
use super::read::each_record;
use super::spans::{objects, span};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::input::wholes::Beside;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["resourceLogs"])],
    read: Some(read),
    places: &["OTLP/JSON documents that a collector writes"],
    reads: "`claude_code.api_request`, `gemini_cli.api_response`, `qwen-code.api_response`, `codex.sse_event`, and the events of the GenAI conventions",
    includes: "Claude Code: disjoint; Gemini CLI and Qwen Code: the cache is a part of the input, thoughts and tool results stand next to it; Codex: caches are parts of the input, thinking of the output",
    source: "https://code.claude.com/docs/en/monitoring-usage",
    ..DialectSpec::new("otlp-logs", "OpenTelemetry log records of coding agents")
};

/// A document of log records.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    for of_resource in objects(object, &["resourceLogs"]) {
        let resource = of_resource.object("resource").map(|r| Attributes::of(&r)).unwrap_or_default();
        for of_scope in objects(&of_resource, &["scopeLogs", "instrumentationLibraryLogs"]) {
            each_record(&DIALECT, objects(&of_scope, &["logRecords"]), out, &mut |record, out| {
                log_record(record, &resource, out)
            });
        }
    }
    Ok(())
}

fn log_record<'a>(record: &Object<'a>, resource: &Attributes<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let attributes = Attributes::of(record);
    let body = record.object("body").and_then(|body| body.text("stringValue"));
    let name = attributes.text(&["event.name"]).or_else(|| record.text("eventName")).or(body).unwrap_or_default();
    // `claude_code.api_request`, and without its prefix in the attribute.
    let (program, event) = name.rsplit_once('.').unwrap_or(("", &name));
    let parts = match event {
        "api_request" => claude_code(&attributes)?,
        "api_response" => gemini_cli(&attributes)?,
        "sse_event" if attributes.text(&["event.kind"]).as_deref() == Some("response.completed") => codex(&attributes)?,
        "api_error" => {
            let said = attributes.text(&["error", "error.message", "error_message"]);
            out.push(failed(Dialect::OtlpLogs, said.map_or_else(|| "an error".into(), Into::into)));
            return Ok(());
        }
        // The event of the GenAI conventions has the attributes of the span that it belongs to.
        _ if program.starts_with("gen_ai") => return span(Dialect::OtlpLogs, record, &attributes, resource, out),
        _ => return Ok(()),
    };
    let reported = Reported::stated(attributes.get(&["cost_usd"]));
    let Some(parts) = parts else { return reported.map_or(Ok(()), |cost| Err(cost_alone(&name, &cost))) };
    let mut entry = Entry::new(Dialect::OtlpLogs, parts.usage()?);
    entry.model = attributes.text(&["model"]);
    let times = ["timeUnixNano", "observedTimeUnixNano"].iter().filter_map(|name| record.get(name));
    let mut times = times.filter(|time| time.word() != Some("0"));
    entry.at = times.next().or_else(|| attributes.get(&["event.timestamp"])).and_then(moment);
    entry.reported = reported;
    if attributes.text(&["speed"]).is_some_and(|speed| speed == "fast") {
        entry.context.set(crate::context::Dimension::Speed, "fast");
    }
    entry.labels = Labels {
        project: resource.text(&["service.name"]),
        session: attributes.text(&["session.id", "conversation.id"]),
        key: attributes.text(&["user.id", "user.account_uuid", "user.email"]),
        tags: Vec::new(),
    };
    attributes.note_unread();
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// `claude_code.api_request`.
fn claude_code(attributes: &Attributes) -> Result<Option<Parts>, RecordError> {
    if !attributes.has(&["input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"]) {
        return Ok(None);
    }
    Ok(Some(Parts {
        input: attributes.count(&["input_tokens"])?,
        output: attributes.count(&["output_tokens"])?,
        read: attributes.count(&["cache_read_tokens"])?,
        written: attributes.count(&["cache_creation_tokens"])?,
        usually: Beside { cache: true, ..Beside::default() },
        ..Parts::default()
    }))
}

/// What is wrong with a request that has a cost and no counts.
fn cost_alone(event: &str, cost: &Reported) -> RecordError {
    let what = format!("{event} has cost_usd {} and no counts of tokens", cost.amount);
    RecordError::Usage(what).or("a program that sends newer events counts its tokens")
}

/// `gemini_cli.api_response` and `qwen-code.api_response`: thoughts and results of tools stand next to answer and prompt
/// unless the total says that they are inside.
fn gemini_cli(attributes: &Attributes) -> Result<Option<Parts>, RecordError> {
    const COUNTS: [&str; 6] = [
        "input_token_count",
        "output_token_count",
        "cached_content_token_count",
        "thoughts_token_count",
        "tool_token_count",
        "total_token_count",
    ];
    if !attributes.has(&COUNTS) {
        return Ok(None);
    }
    Ok(Some(Parts {
        input: attributes.count(&["input_token_count"])?,
        output: attributes.count(&["output_token_count"])?,
        read: attributes.count(&["cached_content_token_count"])?,
        thinking: attributes.count(&["thoughts_token_count"])?,
        tools: attributes.count(&["tool_token_count"])?,
        total: Some(attributes.count(&["total_token_count"])?),
        usually: GEMINIS,
        knows_caches: true,
        ..Parts::default()
    }))
}

/// `codex.sse_event` at the end of a response.
fn codex(attributes: &Attributes) -> Result<Option<Parts>, RecordError> {
    const COUNTS: [&str; 5] =
        ["input_token_count", "output_token_count", "cached_token_count", "reasoning_token_count", "tool_token_count"];
    if !attributes.has(&COUNTS) {
        return Ok(None);
    }
    Ok(Some(Parts {
        input: attributes.count(&["input_token_count"])?,
        output: attributes.count(&["output_token_count"])?,
        read: attributes.count(&["cached_token_count"])?,
        thinking: attributes.count(&["reasoning_token_count"])?,
        // Codex calls the total so (codex-rs/otel).
        total: Some(attributes.count(&["tool_token_count"])?),
        knows_caches: true,
        ..Parts::default()
    }))
}
