//! Spans of OpenTelemetry's GenAI conventions, of OpenInference and of the Vercel AI SDK, as OTLP/JSON documents and as single
//! spans.
//!
//! The conventions count cached tokens inside of the input and thinking inside of the output; older instrumentations pass on
//! what a provider counts beside. A span of an agent, a chain or a workflow sums up the calls below it.

use std::borrow::Cow;

use super::attributes::{Attributes, contradiction};
use super::counts::{moment, state_tier};
use super::endpoints::without_endpoint;
use super::outcomes::{error_text, failed};
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Naming, Reported, Span, SpanRole, vercel_ai};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["resourceSpans"]),
        DialectSign::around(&["batches"]).any(&["resourceSpans", "scopeSpans"]),
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
    returns: true,
    places: &["OTLP/JSON documents, single spans, `COPILOT_OTEL_FILE_EXPORTER_PATH`"],
    reads: "`gen_ai.usage.*`, `llm.token_count.*`, `llm.usage.*` and `ai.usage.*`; an agent, chain or workflow only where no call below it says what it used",
    includes: "caches are parts of the input, thinking of the output, unless they cannot be, because they are larger, or the total says otherwise",
    source: "https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/",
    ..DialectSpec::new("otel", "OpenTelemetry GenAI and OpenInference spans")
};

/// An OTLP/JSON document, or one span.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if !object.has("resourceSpans") {
        let resource = object.object("resource").map(|resource| Attributes::of(&resource)).unwrap_or_default();
        return span(Dialect::Spans, object, &Attributes::of(object), &resource, out);
    }
    for of_resource in objects(object, &["resourceSpans"]) {
        let resource = of_resource.object("resource").map(|r| Attributes::of(&r)).unwrap_or_default();
        for of_scope in objects(&of_resource, &["scopeSpans", "instrumentationLibrarySpans"]) {
            each_record(&DIALECT, objects(&of_scope, &["spans"]), out, &mut |one, out| {
                span(Dialect::Spans, one, &Attributes::of(one), &resource, out)
            });
        }
    }
    Ok(())
}

/// The objects of the list in the first of several fields that is there.
pub(super) fn objects<'a>(object: &Object<'a>, names: &[&str]) -> Vec<Object<'a>> {
    let found = names.iter().find_map(|name| object.get(name));
    found.into_iter().flat_map(Value::items).filter_map(Value::object).collect()
}

const INPUT: &[&str] = &[
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "ai.usage.tokens",
];
const OUTPUT: &[&str] = &[
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
];
const TOTAL: &[&str] =
    &["gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens", "ai.usage.totalTokens"];
const CACHE_READ: &[&str] = &[
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_read_tokens",
    "gen_ai.usage.cached_tokens",
    "gen_ai.usage.cached_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.input_cached_tokens",
    "gen_ai.usage.cache_input_tokens",
    "gen_ai.usage.input_tokens_details.cached_tokens",
    "gen_ai.usage.input_token_details.cache_read",
    "gen_ai.usage.details.input_cached_tokens",
    "gen_ai.usage.prompt_tokens_details.cached_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cached_tokens",
    "gen_ai.usage.details.cached_content_tokens",
    "llm.token_count.prompt_details.cache_read",
    "llm.usage.cache_read_input_tokens",
    "ai.usage.cachedInputTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
];
const CACHE_WRITE: &[&str] = &[
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.cache_write_tokens",
    "gen_ai.usage.cache_creation_tokens",
    "gen_ai.usage.input_tokens.cache_write",
    "gen_ai.usage.prompt_tokens_details.cache_creation_tokens",
    "gen_ai.usage.prompt_tokens_details.cache_write_tokens",
    "gen_ai.usage.input_token_details.cache_creation",
    "gen_ai.usage.details.cache_creation_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "llm.token_count.prompt_details.cache_write",
    "llm.usage.cache_creation_input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
];
const CACHE_HOUR: &[&str] = &[
    "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
    "gen_ai.usage.details.ephemeral_1h_input_tokens",
    "gen_ai.usage.details.cache_creation.ephemeral_1h_input_tokens",
];
const REASONING: &[&str] = &[
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.reasoning_output_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.output_tokens_details.reasoning_tokens",
    "gen_ai.usage.output_token_details.reasoning",
    "gen_ai.usage.completion_tokens_details.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.usage.details.thoughts_tokens",
    "llm.token_count.completion_details.reasoning",
    "llm.usage.reasoning_tokens",
    "ai.usage.reasoningTokens",
    "ai.usage.outputTokenDetails.reasoningTokens",
];
const AUDIO_IN: &[&str] = &[
    "llm.token_count.prompt_details.audio",
    "gen_ai.usage.details.input_audio_tokens",
    "gen_ai.usage.input_audio_tokens",
];
const AUDIO_OUT: &[&str] = &[
    "llm.token_count.completion_details.audio",
    "gen_ai.usage.details.output_audio_tokens",
    "gen_ai.usage.output_audio_tokens",
];
const MODEL: &[&str] = &[
    "gen_ai.response.model",
    "llm.model_name",
    "ai.response.model",
    "gen_ai.request.model",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
    "llm.response.model",
    "llm.request.model",
    "langfuse.observation.model.name",
];
/// Counts in the names of Langfuse, as the text of an object.
const LANGFUSE: &[&str] = &["langfuse.observation.usage_details"];
const PROVIDER: &[&str] =
    &["gen_ai.provider.name", "llm.provider", "gen_ai.system", "ai.model.provider", "llm.system", "llm.vendor"];
const TIER: &[&str] = &[
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "gen_ai.usage.service_tier",
];
const COST: &[&str] = &[
    "llm.cost.total",
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "gen_ai.usage.cost.total",
    "gen_ai.usage.cost.total_cost",
    "gen_ai.cost.total_cost",
    "operation.cost",
];

/// What the counts of a span are.
///
/// What a span says about its operation decides; one that names an agent and no operation is the agent's run.
fn role_of(object: &Object, attributes: &Attributes) -> SpanRole {
    let of = |is_call: bool| if is_call { SpanRole::Call } else { SpanRole::Sum };
    let openinference = attributes.text(&["openinference.span.kind"]).or_else(|| object.text("span_kind"));
    if let Some(kind) = openinference.filter(|kind| !kind.contains("KIND") && *kind != "UNKNOWN") {
        let kind = kind.to_uppercase();
        return of(matches!(kind.as_str(), "LLM" | "EMBEDDING" | "RERANKER"));
    }
    if let Some(kind) = attributes.text(&["langfuse.observation.type"]) {
        return of(matches!(kind.to_lowercase().as_str(), "generation" | "embedding"));
    }
    if let Some(operation) = attributes.text(&["ai.operationId"]) {
        // `ai.streamText` is around its `ai.streamText.doStream`.
        return of(operation.rsplit('.').next().is_some_and(|last| last.starts_with("do")));
    }
    if let Some(operation) = attributes.text(&["gen_ai.operation.name"]) {
        let sums = ["invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "workflow", "agent", "chain"];
        return of(!sums.contains(&&*operation));
    }
    let is_around = attributes.has(&["traceloop.span.kind", "gen_ai.agent.name", "agent_name"]);
    of(!is_around && !object.text("name").is_some_and(|name| name.starts_with("invoke_agent")))
}

/// The first of several ids in a span or in what it says about itself.
fn id_in<'a>(object: &Object<'a>, around: &[&str], names: &[&str]) -> Option<Cow<'a, str>> {
    let of = |object: &Object<'a>| names.iter().find_map(|name| object.text(name));
    around.iter().find_map(|name| of(&object.object(name)?)).or_else(|| of(object))
}

/// Where a span stands in its trace; `None` where it has no id.
pub(super) fn place<'a>(object: &Object<'a>, role: SpanRole) -> Option<Span<'a>> {
    let of_context = ["context", "spanContext", "_spanContext"];
    let id = id_in(object, &of_context, &["spanId", "span_id", "spanID", "context.span_id"])?;
    let trace = id_in(object, &of_context, &["traceId", "trace_id", "traceID", "context.trace_id"]);
    let parents = ["parentSpanId", "parent_span_id", "parentId", "parent_id", "parentSpanID", "parent"];
    let parent = parents.iter().find_map(|name| object.text(name));
    let parent = parent.or_else(|| id_in(&object.object("parentSpanContext")?, &[], &["spanId", "span_id"]));
    let parent = parent.or_else(|| referred(object));
    Some(Span::new(trace.as_deref().unwrap_or(""), &id, parent.as_deref(), role))
}

/// The parent that Jaeger refers to.
fn referred<'a>(object: &Object<'a>) -> Option<Cow<'a, str>> {
    let all = objects(object, &["references"]);
    let child_of = all.iter().find(|reference| reference.is("refType", "CHILD_OF"));
    child_of.or_else(|| all.first())?.text("spanID")
}

/// One span with its attributes, of this dialect or of another that writes the same attributes.
pub(super) fn span<'a>(
    dialect: Dialect,
    object: &Object<'a>,
    attributes: &Attributes<'a>,
    resource: &Attributes<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    let role = role_of(object, attributes);
    let place = place(object, role);
    let model = attributes.text(MODEL);
    if !says_usage(attributes) {
        let status = object.object("status").unwrap_or_default();
        let code = status.get("code").or_else(|| status.get("status_code")).or_else(|| object.get("status_code"));
        let is_error = matches!(code.and_then(Value::word), Some("2" | "STATUS_CODE_ERROR" | "ERROR"));
        if let Some((name, count)) = attributes.unknown_count().filter(|_| role == SpanRole::Call) {
            let what = format!("{name} is {count}, and the span says what it used under no name that farebox knows");
            out.extend(place.map(Item::from));
            return Err(
                RecordError::Usage(what).or("name the counts gen_ai.usage.input_tokens and gen_ai.usage.output_tokens")
            );
        }
        if is_error && model.is_some() && role == SpanRole::Call {
            out.push(failed(dialect, said_error(&status)));
        }
        out.extend(place.map(Item::from));
        return Ok(());
    }
    let entry = match entry_of(dialect, object, attributes, resource) {
        Ok(entry) => {
            // What a sum has beyond its parts is not known to be more than they have.
            if role == SpanRole::Call {
                attributes.note_unread();
            }
            Entry { model, ..entry }
        }
        Err(error) => {
            out.extend(place.map(Item::from));
            return Err(error);
        }
    };
    match (place, role) {
        (Some(place), _) => out.push(place.with(entry).into()),
        (None, SpanRole::Call) => out.push(Item::Entry(Box::new(entry))),
        (None, SpanRole::Sum) => return Err(no_place()),
    }
    Ok(())
}

/// Whether a span says what was used. A part of a prompt or an answer says so only where it is not zero.
fn says_usage(attributes: &Attributes) -> bool {
    let has_part = |names: &[&'static str]| !attributes.counts(names).is_ok_and(|counts| counts.is_empty());
    [INPUT, OUTPUT, TOTAL, LANGFUSE].iter().any(|names| attributes.has(names))
        || [CACHE_READ, CACHE_WRITE, REASONING, AUDIO_IN, AUDIO_OUT].iter().any(|names| has_part(names))
}

/// What a span says that went wrong.
fn said_error(status: &Object) -> String {
    match status.text("message").or_else(|| status.text("description")) {
        Some(message) => message.into_owned(),
        None => error_text(status),
    }
}

/// What is wrong with a sum that nothing ties to its parts.
pub(super) fn no_place() -> RecordError {
    let what =
        "a span of an agent or workflow states usage and has no id, so whether other spans repeat it is not known";
    RecordError::Usage(what.into()).or("export the spans with their ids")
}

fn entry_of<'a>(
    dialect: Dialect,
    object: &Object<'a>,
    attributes: &Attributes<'a>,
    resource: &Attributes<'a>,
) -> Result<Entry<'a>, RecordError> {
    let mut entry = Entry::new(dialect, counted(attributes)?);
    entry.provider = attributes.text(PROVIDER).map(without_endpoint);
    // A client library writes its own name, even if another provider answers at the address that it was given.
    entry.naming = Naming::ByHabit;
    let times = ["startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "start_timestamp"];
    entry.at = times.iter().find_map(|name| object.get(name).and_then(moment));
    if let Some(tier) = attributes.text(TIER) {
        state_tier(&mut entry.context, &tier);
    }
    entry.reported = cost(attributes);
    entry.labels = labels(attributes, resource);
    Ok(entry)
}

/// What a span says that it cost: in all, or its parts.
fn cost(attributes: &Attributes) -> Option<Reported> {
    let whole = attributes.get(COST).and_then(Value::decimal);
    let part = |names: &[&str]| attributes.get(names).and_then(Value::decimal);
    let parts = || {
        let input = part(&["gen_ai.usage.cost.input", "gen_ai.usage.input_cost", "llm.cost.prompt"]);
        let output = part(&["gen_ai.usage.cost.output", "gen_ai.usage.output_cost", "llm.cost.completion"]);
        input.zip(output).and_then(|(input, output)| input.checked_add(output))
    };
    whole.or_else(parts).filter(|cost| !cost.is_zero()).map(Reported::usd)
}

fn labels<'a>(attributes: &Attributes<'a>, resource: &Attributes<'a>) -> Labels<'a> {
    let stage = resource.text(&["deployment.environment.name", "deployment.environment"]);
    let marked = |mark: &str, text: Option<Cow<str>>| text.map(|text| Cow::Owned(format!("{mark}:{text}")));
    let agent = marked("agent", attributes.text(&["gen_ai.agent.name", "agent.name"]));
    let host = marked("host", resource.text(&["host.name"]).or_else(|| attributes.text(&["server.address"])));
    let stage = marked("environment", stage);
    let tags = attributes.texts(&["tag.tags", "langfuse.trace.tags"]);
    Labels {
        project: resource.text(&["openinference.project.name", "service.name"]),
        session: attributes.text(&["gen_ai.conversation.id", "session.id", "langfuse.session.id"]),
        key: attributes.text(&["user.id", "enduser.id", "langfuse.user.id"]),
        tags: stage.into_iter().chain(tags).chain(agent).chain(host).collect(),
    }
}

fn counted(attributes: &Attributes) -> Result<Usage, RecordError> {
    if !attributes.has(INPUT)
        && let Some(text) = attributes.text(LANGFUSE)
    {
        return super::langfuse::usage_in(&text);
    }
    let total = attributes.count(TOTAL)?;
    let output = attributes.count(OUTPUT)?;
    let mut parts = Parts {
        output,
        read: attributes.count(CACHE_READ)?,
        written: attributes.count(CACHE_WRITE)?,
        hour: attributes.count(CACHE_HOUR)?,
        thinking: attributes.count(REASONING)?,
        audio: attributes.count(AUDIO_IN)?,
        spoken: attributes.count(AUDIO_OUT)?,
        total: Some(total).filter(|total| *total > 0),
        ..Parts::default()
    };
    parts.input = match input(attributes, parts.read.saturating_add(parts.written))? {
        // Embeddings state nothing but a total.
        0 if output == 0 && !is_answer(attributes) => total,
        input => input,
    };
    if attributes.has(&["ai.operationId"]) {
        vercel_ai::complete(&mut parts, attributes)?;
    }
    parts.usage()
}

/// Whether a span says that a model answered with text, of which a total without its parts tells nothing.
fn is_answer(attributes: &Attributes) -> bool {
    let says = |name: &str, kinds: &[&str]| {
        attributes.text(&[name]).is_some_and(|kind| kinds.iter().any(|one| kind.eq_ignore_ascii_case(one)))
    };
    says("openinference.span.kind", &["LLM"])
        || says("gen_ai.operation.name", &["chat", "text_completion", "generate_content"])
        || says("llm.request.type", &["chat", "completion"])
        || says("langfuse.observation.type", &["generation"])
        || attributes.text(&["ai.operationId"]).is_some_and(|operation| {
            ["doGenerate", "doStream"].contains(&operation.rsplit('.').next().unwrap_or_default())
        })
}

/// The prompt; of two counts that differ by the cached tokens, the one that holds them.
fn input(attributes: &Attributes, cached: u64) -> Result<u64, RecordError> {
    match attributes.counts(INPUT)?.as_slice() {
        [] => Ok(0),
        [(_, count)] => Ok(*count),
        [first, second, ..] => match first.1.abs_diff(second.1) == cached {
            true => Ok(first.1.max(second.1)),
            false => Err(contradiction(*first, *second)),
        },
    }
}
