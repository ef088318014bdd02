//! Spans of OpenTelemetry's GenAI conventions and of OpenInference, as OTLP/JSON documents and as single spans.
//!
//! Both conventions count cached tokens inside of the input and thinking inside of the output. A span of an agent or a
//! chain repeats the usage of the calls below it, so only the spans of the calls themselves count.

use std::borrow::Cow;

use super::counts::{moment, rest, state_tier};
use super::outcomes::{error_text, failed};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Naming, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::{RecordError, whole};
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["resourceSpans"]),
        DialectSign::around(&["attributes"]).any(&[
            "spanId",
            "span_id",
            "traceId",
            "context",
            "startTimeUnixNano",
            "start_time",
        ]),
    ],
    read: Some(read),
    places: &["OTLP/JSON documents, single spans"],
    reads: "`gen_ai.usage.*` and `llm.token_count.*` of the spans of calls",
    includes: "caches are parts of the input, thinking of the output, unless they cannot be, because they are larger, or the total says otherwise",
    source: "https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/",
    ..DialectSpec::new("otel", "OpenTelemetry GenAI and OpenInference spans")
};

/// An OTLP/JSON document, or one span.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let lists = |object: &Object<'a>, names: &[&str]| -> Vec<Object<'a>> {
        let found = names.iter().find_map(|name| object.get(name));
        found.into_iter().flat_map(Value::items).filter_map(Value::object).collect()
    };
    if !object.has("resourceSpans") {
        return span(object, &Attributes::default(), out);
    }
    for of_resource in lists(object, &["resourceSpans"]) {
        let resource = of_resource.object("resource").map(|r| Attributes::of(&r)).unwrap_or_default();
        for of_scope in lists(&of_resource, &["scopeSpans", "instrumentationLibrarySpans"]) {
            for one in lists(&of_scope, &["spans"]) {
                if let Err(error) = span(&one, &resource, out) {
                    out.push(Item::Bad(error));
                }
            }
        }
    }
    Ok(())
}

/// Attributes by name: a list of `{key, value: {stringValue}}` in OTLP, a plain object elsewhere.
#[derive(Default)]
struct Attributes<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Attributes<'a> {
    fn of(holder: &Object<'a>) -> Self {
        let Some(attributes) = holder.get("attributes") else { return Attributes::default() };
        if let Some(plain) = attributes.object() {
            return Attributes(plain.fields().map(|(n, v)| (Cow::Owned(n.into_owned()), v)).collect());
        }
        let pairs = attributes.items().filter_map(Value::object).filter_map(|pair| {
            let kinds = ["stringValue", "intValue", "doubleValue", "boolValue"];
            let value = pair.object("value")?;
            Some((pair.text("key")?, kinds.iter().find_map(|kind| value.get(kind))?))
        });
        Attributes(pairs.collect())
    }

    fn get(&self, names: &[&str]) -> Option<Value<'a>> {
        names.iter().find_map(|name| self.0.iter().find(|(n, v)| n == name && !v.is_null()).map(|(_, v)| *v))
    }

    fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        self.get(names)?.text().filter(|text| !text.is_empty())
    }

    fn count(&self, names: &[&str]) -> Result<u64, RecordError> {
        let word = self.get(names).and_then(Value::word);
        word.map_or(Ok(0), |word| whole(names.first().unwrap_or(&"a count"), word))
    }
}

const INPUT: &[&str] = &["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"];
const OUTPUT: &[&str] = &["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"];
const CACHE_READ: &[&str] = &[
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
];
const CACHE_WRITE: &[&str] = &[
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
];
const REASONING: &[&str] = &[
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
];

/// Kinds of spans that repeat what the calls below them used, or that use nothing.
fn repeats(attributes: &Attributes) -> bool {
    let operation = attributes.text(&["gen_ai.operation.name"]);
    let kind = attributes.text(&["openinference.span.kind"]).map(|kind| kind.to_uppercase());
    matches!(operation.as_deref(), Some("invoke_agent" | "create_agent" | "execute_tool" | "invoke_workflow"))
        || kind.is_some_and(|kind| !matches!(kind.as_str(), "LLM" | "EMBEDDING" | "RERANKER"))
}

fn span<'a>(object: &Object<'a>, resource: &Attributes<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let attributes = Attributes::of(object);
    if repeats(&attributes) {
        return Ok(());
    }
    let model = ["gen_ai.response.model", "llm.model_name", "gen_ai.request.model", "embedding.model_name"];
    let model = attributes.text(&model);
    if attributes.get(INPUT).is_none() && attributes.get(OUTPUT).is_none() {
        let status = object.object("status").and_then(|s| s.get("code")?.word());
        let is_error = matches!(status, Some("2" | "STATUS_CODE_ERROR" | "ERROR"));
        if is_error && model.is_some() {
            out.push(failed(Dialect::Spans, error_text(&object.object("status").unwrap_or_default())));
        }
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Spans, counted(&attributes)?);
    entry.provider = attributes.text(&["gen_ai.provider.name", "llm.provider", "gen_ai.system", "llm.system"]);
    // A client library writes its own name, even if another provider answers at the address that it was given.
    entry.naming = Naming::ByHabit;
    entry.model = model;
    let times = ["startTimeUnixNano", "start_time", "startTime"];
    entry.at = times.iter().find_map(|name| object.get(name).and_then(moment));
    let tier = ["openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier"];
    if let Some(tier) = attributes.text(&tier) {
        state_tier(&mut entry.context, &tier);
    }
    entry.reported =
        attributes.get(&["llm.cost.total", "gen_ai.usage.cost"]).and_then(Value::decimal).map(Reported::usd);
    entry.labels = labels(&attributes, resource);
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

fn labels<'a>(attributes: &Attributes<'a>, resource: &Attributes<'a>) -> Labels<'a> {
    let stage = resource.text(&["deployment.environment.name", "deployment.environment"]);
    let tags = attributes.get(&["tag.tags"]).into_iter().flat_map(Value::items).filter_map(Value::text);
    Labels {
        project: resource.text(&["openinference.project.name", "service.name"]),
        session: attributes.text(&["gen_ai.conversation.id", "session.id"]),
        key: attributes.text(&["user.id", "enduser.id"]),
        tags: stage.map(|stage| Cow::Owned(format!("environment:{stage}"))).into_iter().chain(tags).collect(),
    }
}

fn counted(attributes: &Attributes) -> Result<Usage, RecordError> {
    let (input, output) = (attributes.count(INPUT)?, attributes.count(OUTPUT)?);
    let (read, written) = (attributes.count(CACHE_READ)?, attributes.count(CACHE_WRITE)?);
    let audio = attributes.count(&["llm.token_count.prompt_details.audio"])?;
    let spoken = attributes.count(&["llm.token_count.completion_details.audio"])?;
    let thinking = attributes.count(REASONING)?;
    let mut counted = Usage::default();
    counted.set_tokens(Meter::Input, rest("the input tokens", input, &[read, written, audio])?);
    counted.set_tokens(Meter::CacheRead, read);
    counted.set_tokens(Meter::CacheWrite5m, written);
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::Output, rest("the output tokens", output, &[thinking, spoken])?);
    counted.set_tokens(Meter::Reasoning, thinking);
    counted.set_tokens(Meter::OutputAudio, spoken);
    Ok(counted)
}
