//! Spans of OpenTelemetry's GenAI conventions and of OpenInference, as OTLP/JSON documents and as single spans.
//!
//! Both conventions count cached tokens inside of the input and thinking inside of the output. A span of an agent or a
//! chain repeats the usage of the calls below it, so only the spans of the calls themselves count.

use std::borrow::Cow;
use std::cell::RefCell;

use super::counts::{moment, rest, state_tier, unexplained};
use super::outcomes::{error_text, failed};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Naming, Reported};
use crate::input::json::{Object, Value};
use crate::input::left::{is_named_like_a_count, leave};
use crate::input::record::{RecordError, whole};
use crate::input::wholes::NestedCounts;
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
    known: &["llm.cost.prompt", "llm.cost.completion"],
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
struct Attributes<'a> {
    pairs: Vec<(Cow<'a, str>, Value<'a>)>,
    /// Which of them somebody asked for.
    asked: RefCell<Vec<usize>>,
}

impl<'a> Attributes<'a> {
    fn of(holder: &Object<'a>) -> Self {
        let Some(attributes) = holder.get("attributes") else { return Attributes::default() };
        if let Some(plain) = attributes.object() {
            return Attributes::new(plain.fields().map(|(n, v)| (Cow::Owned(n.into_owned()), v)).collect());
        }
        let pairs = attributes.items().filter_map(Value::object).filter_map(|pair| {
            let kinds = ["stringValue", "intValue", "doubleValue", "boolValue"];
            let value = pair.object("value")?;
            Some((pair.text("key")?, kinds.iter().find_map(|kind| value.get(kind))?))
        });
        Attributes::new(pairs.collect())
    }

    fn new(pairs: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        Attributes { pairs, asked: RefCell::default() }
    }

    fn get(&self, names: &[&str]) -> Option<Value<'a>> {
        let place = names.iter().find_map(|name| self.pairs.iter().position(|(n, v)| n == name && !v.is_null()))?;
        self.asked.borrow_mut().push(place);
        self.pairs.get(place).map(|(_, value)| *value)
    }

    fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        self.get(names)?.text().filter(|text| !text.is_empty())
    }

    /// A count under the first of its names that is not zero; the same count under another name repeats it.
    fn count(&self, names: &[&str]) -> Result<u64, RecordError> {
        let mut found = 0;
        for name in names {
            for (place, (_, value)) in self.pairs.iter().enumerate().filter(|(_, (written, _))| written == name) {
                let Some(word) = value.word() else { continue };
                let counted = whole(name, word)?;
                if found == 0 || counted == found {
                    found = counted;
                    self.asked.borrow_mut().push(place);
                }
            }
        }
        Ok(found)
    }

    /// Notes the counts that nobody asked for.
    fn note_unread(&self) {
        let asked = self.asked.borrow();
        for (place, (name, value)) in self.pairs.iter().enumerate() {
            let number = value.decimal().filter(|number| !number.is_zero());
            if let Some(number) = number.filter(|_| !asked.contains(&place) && may_be_billed(name)) {
                leave("", name, number.to_string());
            }
        }
    }
}

/// Whether an attribute may be a count of what is billed: those of the conventions for usage and cost, and what is named
/// like a count of tokens. Settings of a request, such as `gen_ai.request.max_tokens`, are none.
fn may_be_billed(name: &str) -> bool {
    let is_usage = ["gen_ai.usage.", "llm.token_count.", "llm.usage.", "llm.cost.", "ai.usage."].iter();
    let is_setting = name.contains(".request.") || name.contains("invocation_parameters");
    !is_setting && (is_usage.into_iter().any(|start| name.starts_with(start)) || is_named_like_a_count(name.as_bytes()))
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

const TOTAL: &[&str] = &["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"];

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
    attributes.note_unread();
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

fn labels<'a>(attributes: &Attributes<'a>, resource: &Attributes<'a>) -> Labels<'a> {
    let stage = resource.text(&["deployment.environment.name", "deployment.environment"]);
    let tags = attributes.get(&["tag.tags"]).into_iter().flat_map(Value::items).filter_map(Value::text);
    let agent = attributes.text(&["gen_ai.agent.name", "agent.name"]).map(|name| Cow::Owned(format!("agent:{name}")));
    let host = resource.text(&["host.name"]).or_else(|| attributes.text(&["server.address"]));
    let host = host.map(|name| Cow::Owned(format!("host:{name}")));
    Labels {
        project: resource.text(&["openinference.project.name", "service.name"]),
        session: attributes.text(&["gen_ai.conversation.id", "session.id"]),
        key: attributes.text(&["user.id", "enduser.id"]),
        tags: stage
            .map(|stage| Cow::Owned(format!("environment:{stage}")))
            .into_iter()
            .chain(tags)
            .chain(agent)
            .chain(host)
            .collect(),
    }
}

fn counted(attributes: &Attributes) -> Result<Usage, RecordError> {
    let (read, written) = (attributes.count(CACHE_READ)?, attributes.count(CACHE_WRITE)?);
    let audio = attributes.count(&["llm.token_count.prompt_details.audio"])?;
    let spoken = attributes.count(&["llm.token_count.completion_details.audio"])?;
    // Older instrumentation hands on what a provider counts, in which caches or thoughts stand beside.
    let wholes = NestedCounts {
        prompt: attributes.count(INPUT)?,
        cached: read.saturating_add(written),
        answer: attributes.count(OUTPUT)?,
        thinking: attributes.count(REASONING)?,
        total: attributes.count(TOTAL)?,
        ..NestedCounts::default()
    }
    .wholes();
    unexplained("the total of tokens", wholes.unexplained);
    let mut counted = Usage::default();
    counted.set_tokens(Meter::Input, rest("the input tokens", wholes.prompt, &[read, written, audio])?);
    counted.set_tokens(Meter::CacheRead, read);
    counted.set_tokens(Meter::CacheWrite5m, written);
    counted.set_tokens(Meter::InputAudio, audio);
    counted.set_tokens(Meter::Output, rest("the output tokens", wholes.answer, &[wholes.thinking, spoken])?);
    counted.set_tokens(Meter::Reasoning, wholes.thinking);
    counted.set_tokens(Meter::OutputAudio, spoken);
    Ok(counted)
}
