//! What providers, gateways, tracers and coding agents write, each turned into the same disjoint record.
//!
//! One file here is one family of forms: it takes a JSON object (or a row of a table) and yields [`Item`]s, mostly one
//! [`Entry`]. Each token of an entry stands in exactly one bucket, whatever the form counts inside of what. [`detect`]
//! says which form an object is; nothing else in a line decides. Lines that are no usage (a user's message, a chunk of a
//! stream) yield nothing; forms that only make sense in their order (running totals, streams) yield an [`Event`], which
//! the reader behind resolves.
//!
//! A total that a form states is never trusted: the parts are added.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use rust_decimal::Decimal;

use crate::context::Context;
use crate::input::json::{JsonError, Object, Value};
use crate::input::record::{Record, RecordError, of_object};
use crate::period::Instant;
use crate::usage::Usage;

mod agents;
mod anthropic;
mod bedrock;
mod cohere;
mod counts;
mod gateways;
mod gemini;
mod openai;
mod openai_reports;
mod rows;
mod spans;
pub mod table;

macro_rules! dialects {
    ($($variant:ident $name:literal $about:literal $read:path;)+) => {
        /// A form that usage is written in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Dialect {
            $(#[doc = $about] $variant,)+
        }

        impl Dialect {
            /// Every form.
            pub const ALL: &[Dialect] = &[$(Dialect::$variant),+];

            /// The name in flags and machine forms.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Dialect::$variant => $name),+ }
            }

            /// One line about it for people.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Dialect::$variant => $about),+ }
            }

            fn reader(self) -> Reader {
                match self { $(Dialect::$variant => $read),+ }
            }
        }
    };
}

/// Reads one object: pushes what it says.
type Reader = for<'a> fn(&Object<'a>, &mut Vec<Item<'a>>) -> Result<(), RecordError>;

dialects! {
    Own              "farebox"            "farebox's own record"                                   own;
    OpenAiChat       "openai-chat"        "chat completions and embeddings, OpenAI's and alike"    openai::body;
    OpenAiResponses  "openai-responses"   "OpenAI's Responses and their streams"                   openai::response;
    OpenAiBatch      "openai-batch"       "output and error files of OpenAI-like batches"          openai::batch_line;
    OpenAiBatchObject "openai-batch-object" "the batch object of OpenAI"                           openai_reports::batch_object;
    OpenAiUsage      "openai-usage"       "usage of an organization at OpenAI, API and export"     openai_reports::page;
    OpenAiCosts      "openai-costs"       "costs of an organization at OpenAI, API and export"     openai_reports::page;
    Anthropic        "anthropic"          "Anthropic's messages and their streams"                 anthropic::message;
    AnthropicBatch   "anthropic-batch"    "results of Anthropic's batches"                         anthropic::batch_line;
    AnthropicUsage   "anthropic-usage"    "Anthropic's Admin and Console usage"                    anthropic::report;
    AnthropicCosts   "anthropic-costs"    "Anthropic's Admin cost report"                          anthropic::report;
    Gemini           "gemini"             "Gemini's and Vertex AI's bodies"                        gemini::body;
    GeminiBatch      "gemini-batch"       "batch output of Gemini and Vertex AI"                   gemini::batch_line;
    Bedrock          "bedrock"            "Amazon Bedrock's Converse and invocation logs"          bedrock::body;
    Cohere           "cohere"             "Cohere's chat, rerank and embeddings"                   cohere::body;
    DeepSeekExport   "deepseek-export"    "DeepSeek's export of amounts and costs"                 table_only;
    Ollama           "ollama"             "Ollama and llama.cpp in their own forms"                openai::local;
    LiteLlm          "litellm"            "LiteLLM's SpendLogs"                                    gateways::litellm;
    Langfuse         "langfuse"           "observations of Langfuse"                               gateways::langfuse;
    Helicone         "helicone"           "requests of Helicone"                                   gateways::helicone;
    Spans            "otel"               "OpenTelemetry GenAI and OpenInference spans"            spans::document;
    ClaudeCode       "claude-code"        "sessions of Claude Code"                                agents::claude_code;
    Codex            "codex"              "sessions of Codex"                                      agents::codex;
    OpenCode         "opencode"           "messages of opencode"                                   agents::opencode;
    Table            "csv"                "a table with columns of counts"                         table_only;
}

impl std::str::FromStr for Dialect {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Dialect::ALL.iter().copied().find(|dialect| dialect.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
            format!("no dialect is called {name:?}: it is one of {}", names.join(", "))
        })
    }
}

/// One request, or one bucket of requests, as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The form it was written in.
    pub dialect: Dialect,
    /// Who billed it, where the form says: in its own words.
    pub provider: Option<Cow<'a, str>>,
    /// How far the provider can be trusted.
    pub naming: Naming,
    /// The model, as it was recorded; some bodies do not name it.
    pub model: Option<Cow<'a, str>>,
    /// When it happened, or the span of the bucket began.
    pub at: Option<Instant>,
    /// What was used: disjoint.
    pub usage: Usage,
    /// What the response says that a rate may depend on.
    pub context: Context,
    /// How many requests it sums up, where it is more than one request.
    pub bucket: Option<Bucket>,
    /// What it can be grouped by.
    pub labels: Labels<'a>,
    /// The same in every repetition of this request; the last one counts.
    pub id: Option<u64>,
    /// What the file itself says that it cost.
    pub reported: Option<Reported>,
    /// How it ended.
    pub state: State,
}

/// How a record came to its provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The record names it.
    #[default]
    Stated,
    /// The record names the library or the protocol that was used, which other providers take too.
    ByHabit,
    /// The record does not name it: its form is that of one provider, which others imitate.
    Assumed,
}

/// Several requests in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many, where the row says.
    pub requests: Option<u64>,
    /// First moment after it.
    pub until: Option<Instant>,
    /// How long each prompt was at least and at most, in tokens, where the row says.
    pub prompt_tokens: Option<(u64, u64)>,
}

/// What an entry can be grouped by, beside time, provider and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The project, folder, workspace or service.
    pub project: Option<Cow<'a, str>>,
    /// The session or conversation.
    pub session: Option<Cow<'a, str>>,
    /// The API key's name or id, or the user where the form knows no keys.
    pub key: Option<Cow<'a, str>>,
    /// Everything else that a request was marked with.
    pub tags: Vec<Cow<'a, str>>,
}

/// A cost that somebody else worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The amount.
    pub amount: Decimal,
    /// ISO code in upper case.
    pub currency: String,
}

/// How a request ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// With an answer, which is billed.
    #[default]
    Done,
    /// With an error: nothing is billed.
    Failed(String),
    /// Taken back or expired before it ran: nothing is billed.
    Cancelled(String),
    /// Answered out of a gateway's own memory: nothing is billed.
    Remembered,
    /// No request: an amount on a bill.
    Charge(String),
    /// It ran on a machine of the user's own.
    Local,
}

/// What a line holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// A record.
    Entry(Box<Entry<'a>>),
    /// A part of something that only makes sense in order.
    Event(Event<'a>),
    /// A record that cannot be used.
    Bad(RecordError),
}

/// What one line contributes to a stream or a running total.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// A session begins.
    Session(Box<Labels<'a>>, Option<Cow<'a, str>>, bool),
    /// The model of what follows.
    Model(Cow<'a, str>),
    /// Running totals of the session: input, cached, output, reasoning; the whole, and the last request alone.
    Total(Option<Instant>, [u64; 4], Option<[u64; 4]>),
    /// A streamed message begins.
    Begin(Box<Entry<'a>>),
    /// Counts of a streamed message that replace those before.
    Replace(Box<Counts>),
    /// A streamed message ends.
    End,
}

/// Counts that replace earlier ones; `None` leaves what was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Token meters with their new counts.
    pub tokens: Vec<(crate::meter::Meter, u64)>,
    /// Calls of server tools.
    pub web_searches: Option<u64>,
}

impl<'a> Entry<'a> {
    /// An entry of so much usage that nothing else is known about.
    #[must_use]
    pub fn new(dialect: Dialect, usage: Usage) -> Self {
        Entry {
            dialect,
            provider: None,
            naming: Naming::Stated,
            model: None,
            at: None,
            usage,
            context: Context::default(),
            bucket: None,
            labels: Labels::default(),
            id: None,
            reported: None,
            state: State::Done,
        }
    }

    /// A request that ended with an error.
    fn failed(dialect: Dialect, state: State) -> Self {
        Entry { state, ..Entry::new(dialect, Usage::default()) }
    }

    /// The same entry, free of the line it was read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Entry<'static> {
        let own = |text: Option<Cow<'a, str>>| text.map(|t| Cow::Owned(t.into_owned()));
        Entry {
            provider: own(self.provider),
            naming: self.naming,
            model: own(self.model),
            labels: self.labels.into_owned(),
            dialect: self.dialect,
            at: self.at,
            usage: self.usage,
            context: self.context,
            bucket: self.bucket,
            id: self.id,
            reported: self.reported,
            state: self.state,
        }
    }
}

impl<'a> Entry<'a> {
    /// Names the provider that a form is usually one of.
    fn assume(&mut self, provider: &'static str) {
        self.provider = Some(provider.into());
        self.naming = Naming::Assumed;
    }
}

impl<'a> Labels<'a> {
    /// The same labels, free of the line they were read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Labels<'static> {
        let own = |text: Option<Cow<'a, str>>| text.map(|t| Cow::Owned(t.into_owned()));
        let tags = self.tags.into_iter().map(|tag| Cow::Owned(tag.into_owned())).collect();
        Labels { project: own(self.project), session: own(self.session), key: own(self.key), tags }
    }
}

impl Item<'_> {
    /// The same item, free of the line it was read from.
    #[must_use]
    pub fn into_owned(self) -> Item<'static> {
        let own = |text: Cow<'_, str>| -> Cow<'static, str> { Cow::Owned(text.into_owned()) };
        match self {
            Item::Entry(entry) => Item::Entry(Box::new(entry.into_owned())),
            Item::Bad(error) => Item::Bad(error),
            Item::Event(event) => Item::Event(match event {
                Event::Session(labels, provider, is_fork) => {
                    Event::Session(Box::new(labels.into_owned()), provider.map(own), is_fork)
                }
                Event::Model(model) => Event::Model(own(model)),
                Event::Total(at, total, last) => Event::Total(at, total, last),
                Event::Begin(entry) => Event::Begin(Box::new(entry.into_owned())),
                Event::Replace(counts) => Event::Replace(counts),
                Event::End => Event::End,
            }),
        }
    }
}

impl Reported {
    fn usd(amount: Decimal) -> Self {
        Reported { amount, currency: "USD".into() }
    }
}

impl From<JsonError> for RecordError {
    fn from(error: JsonError) -> Self {
        RecordError::Form(error.to_string())
    }
}

/// A number for what identifies a request: 64 bits, so that a million of them collide with a chance of 1 in 30 million.
fn id_of(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

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
    let text = match stream_line(text) {
        StreamLine::Data(data) => data,
        StreamLine::Other => return Ok(()),
        StreamLine::None => text,
    };
    if text.is_empty() {
        return Ok(());
    }
    if text.first() == Some(&b'[') {
        Value::read(text)?.items().for_each(|item| read(item.raw(), from, out));
    } else {
        read_object(&Object::read(text)?, from, out);
    }
    Ok(())
}

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
    let dialect = from.or_else(|| detect(object));
    let result = match dialect {
        Some(dialect) => dialect.reader()(object, out),
        None => inside(object, out),
    };
    if let Err(error) = result {
        out.push(Item::Bad(error));
    }
}

/// A line of server-sent events.
enum StreamLine<'a> {
    None,
    Data(&'a [u8]),
    Other,
}

fn stream_line(line: &[u8]) -> StreamLine<'_> {
    if let Some(data) = line.strip_prefix(b"data:") {
        let data = data.trim_ascii();
        return if data == b"[DONE]" { StreamLine::Other } else { StreamLine::Data(data) };
    }
    let other = [b"event:".as_slice(), b"id:", b"retry:", b":"];
    if other.iter().any(|prefix| line.starts_with(prefix)) { StreamLine::Other } else { StreamLine::None }
}

/// Fields that tell forms apart, a bit each: an object is looked over once and not once for each question.
macro_rules! marks {
    ($($mark:ident $($name:literal)|+;)+) => {
        #[derive(Clone, Copy)]
        #[repr(u32)]
        enum Mark { $($mark),+ }

        fn mark_of(name: &[u8]) -> u64 {
            match std::str::from_utf8(name) {
                $($(Ok($name))|+ => 1 << Mark::$mark as u32,)+
                _ => 0,
            }
        }
    };
}

marks! {
    Type "type"; Payload "payload"; Session "sessionId" | "session_id"; Agent "leafUuid" | "messageId" | "uuid";
    Message "message"; Result "result"; Timestamp "timestamp"; ResourceSpans "resourceSpans"; Attributes "attributes";
    SpanId "spanId" | "span_id" | "traceId"; Context "context"; CustomId "custom_id"; Processed "processed_time";
    Status "status"; UsageMetadata "usageMetadata"; Key "key"; Answer "response"; Error "error"; Request "request";
    Schema "schemaType"; StopReason "stopReason"; ModelId "modelId"; Usage "usage"; Object "object"; Choices "choices";
    Evaluated "eval_count" | "prompt_eval_count" | "tokens_predicted"; Spend "spend";
    Spender "call_type" | "custom_llm_provider"; RequestId "request_id"; UsageDetails "usageDetails";
    StartTime "startTime"; HeliconeModel "request_model" | "response_model" | "request_created_at";
    OpenCodeModel "modelID"; OpenCodeProvider "providerID"; OpenCodeSession "sessionID"; Role "role"; Info "info";
    Messages "messages"; Data "data"; Meta "meta"; Metadata "metadata"; Model "model"; TraceId "trace_id";
    StartingAt "startTimeUnixNano" | "start_time"; Delta "delta";
    Results "results";
}

/// Which form an object is, by the fields that only this form has.
#[must_use]
pub(crate) fn detect(object: &Object) -> Option<Dialect> {
    let marks = object.raw_fields().fold(0, |marks, (name, _)| marks | mark_of(name));
    let has = |mark: Mark| marks & (1 << mark as u32) != 0;
    use Mark as M;
    if has(M::Type) && has(M::Payload) && has(M::Timestamp) {
        return Some(Dialect::Codex);
    }
    if has(M::Type)
        && !has(M::Usage)
        && !has(M::UsageDetails)
        && (has(M::Session) || has(M::Agent))
        && !has(M::StartTime)
    {
        return Some(Dialect::ClaudeCode);
    }
    if has(M::ResourceSpans) || has(M::Attributes) && (has(M::SpanId) || has(M::Context) || has(M::StartingAt)) {
        return Some(Dialect::Spans);
    }
    if has(M::CustomId) {
        return Some(match () {
            () if has(M::Result) => Dialect::AnthropicBatch,
            () if has(M::Processed) || has(M::Status) => Dialect::GeminiBatch,
            () => Dialect::OpenAiBatch,
        });
    }
    if has(M::UsageMetadata) {
        return Some(Dialect::Gemini);
    }
    if has(M::Processed) || has(M::Key) && (has(M::Answer) || has(M::Error) || has(M::Request)) {
        return Some(Dialect::GeminiBatch);
    }
    if has(M::Schema) || has(M::Usage) && (has(M::StopReason) || has(M::ModelId)) {
        return Some(Dialect::Bedrock);
    }
    if has(M::Object) || has(M::Type) {
        let found = by_kind(object);
        if found.is_some() {
            return found;
        }
    }
    match () {
        () if has(M::Choices) => Some(Dialect::OpenAiChat),
        () if has(M::Evaluated) => Some(Dialect::Ollama),
        () if has(M::Spend) && (has(M::Spender) || has(M::RequestId)) => Some(Dialect::LiteLlm),
        () if has(M::UsageDetails) || has(M::StartTime) && has(M::Type) => Some(Dialect::Langfuse),
        () if has(M::RequestId) && has(M::HeliconeModel) => Some(Dialect::Helicone),
        () if has(M::OpenCodeModel) && has(M::OpenCodeProvider)
            || has(M::OpenCodeSession) && has(M::Role)
            || has(M::Info) && has(M::Messages) =>
        {
            Some(Dialect::OpenCode)
        }
        () if has(M::Usage) => by_counts(object),
        () if has(M::Data) => report_of(object),
        () if has(M::Results) && (has(M::StartingAt) || object.has("starting_at")) => bucket_of(object),
        () if has(M::Meta) => object.object("meta").filter(|m| m.has("billed_units")).map(|_| Dialect::Cohere),
        () if has(M::Metadata) && !has(M::Model) => {
            let usage = object.object("metadata").and_then(|m| m.object("usage"));
            usage.filter(|usage| usage.has("inputTokens")).map(|_| Dialect::Bedrock)
        }
        () if has(M::Model) && !has(M::Object) && !has(M::Messages) => Some(Dialect::Own),
        () => None,
    }
}

/// By what an object calls itself.
fn by_kind(object: &Object) -> Option<Dialect> {
    if object.is("object", "response") {
        return Some(Dialect::OpenAiResponses);
    }
    if object.is("object", "batch") {
        return Some(Dialect::OpenAiBatchObject);
    }
    let kind = object.text("type")?;
    if kind.starts_with("response.") {
        return Some(Dialect::OpenAiResponses);
    }
    let of_stream = matches!(&*kind, "message" | "message_start" | "message_delta" | "message_stop" | "ping");
    if of_stream || kind.starts_with("content_block_") {
        return Some(Dialect::Anthropic);
    }
    matches!(&*kind, "summary" | "file-history-snapshot" | "queue-operation").then_some(Dialect::ClaudeCode)
}

/// Pages of an organization's reports.
fn report_of(object: &Object) -> Option<Dialect> {
    object.get("data")?.items().filter_map(Value::object).find_map(|bucket| bucket_of(&bucket))
}

/// One bucket of such a page, which is also what `jq -c '.data[]'` makes of one.
fn bucket_of(bucket: &Object) -> Option<Dialect> {
    let mut rows = bucket.get("results")?.items().filter_map(Value::object);
    if bucket.has("starting_at") {
        let costs = rows.next().is_some_and(|row| row.has("amount"));
        return Some(if costs { Dialect::AnthropicCosts } else { Dialect::AnthropicUsage });
    }
    bucket.has("start_time").then_some(Dialect::OpenAiUsage)
}

/// The buckets of a page, or the object itself where it is one; the rows of each are for [`rows_of`].
fn buckets<'a>(object: &Object<'a>) -> Result<Vec<Object<'a>>, RecordError> {
    let not_one = |what: &str| RecordError::Form(what.into());
    match object.get("data") {
        Some(data) => {
            data.items().map(|b| b.object().ok_or_else(|| not_one("a bucket of \"data\" is not an object"))).collect()
        }
        None if object.has("results") => Ok(vec![object.clone()]),
        None => Err(not_one("neither a page of a report with \"data\" nor a bucket of one with \"results\"")),
    }
}

/// The rows of a bucket; anything that is not one is a bad record, not left out.
fn rows_of<'a>(bucket: &Object<'a>) -> impl Iterator<Item = Result<Object<'a>, RecordError>> {
    let rows = bucket.get("results").into_iter().flat_map(Value::items);
    rows.map(|row| row.object().ok_or_else(|| RecordError::Form("a row of \"results\" is not an object".into())))
}

/// By the names of the counts, where nothing around them tells.
fn by_counts(object: &Object) -> Option<Dialect> {
    let Some(usage) = object.object("usage") else { return Some(Dialect::Own) };
    let has = |name: &str| usage.has(name);
    Some(match () {
        () if has("billed_units") => Dialect::Cohere,
        () if has("inputTokens") || has("outputTokens") => Dialect::Bedrock,
        () if has("prompt_tokens") || has("completion_tokens") => Dialect::OpenAiChat,
        () if has("cache_read_input_tokens") || has("cache_creation_input_tokens") => Dialect::Anthropic,
        () if has("input_tokens_details") || has("output_tokens_details") => Dialect::OpenAiResponses,
        () => Dialect::Own,
    })
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
    let what = if request {
        "a request, not an answer: nothing was used yet; `farebox estimate` prices requests"
    } else {
        "no form of usage that farebox knows: a record of its own names \"model\" and \"usage\"; --from DIALECT forces a form"
    };
    Err(RecordError::Form(what.into()))
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

/// What an answer says about its error.
fn error_text(object: &Object) -> String {
    let Some(error) = object.get("error") else { return "an error without a text".into() };
    let inner = error.object();
    let inner = inner.as_ref().and_then(|e| e.object("error")).or(inner);
    let text = |name: &str| inner.as_ref().and_then(|e| e.text(name));
    let said = text("message").or_else(|| text("code")).or_else(|| text("type")).or_else(|| error.text());
    said.map_or_else(|| "an error without a text".into(), Cow::into_owned)
}

fn failed<'a>(dialect: Dialect, what: String) -> Item<'a> {
    Item::Entry(Box::new(Entry::failed(dialect, State::Failed(what))))
}

/// farebox's own record; what it can be grouped by may stand beside the model.
fn own<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let mut entry = of_record(of_object(object)?);
    entry.labels = Labels {
        project: object.text("project"),
        session: object.text("session"),
        key: object.text("key"),
        tags: object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect(),
    };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// A form that exists as a table only.
fn table_only<'a>(_: &Object<'a>, _: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    Err(RecordError::Form("this dialect is a table (CSV), and the line is JSON".into()))
}

/// An entry of farebox's own record.
pub(crate) fn of_record(record: Record<'_>) -> Entry<'_> {
    let Record { provider, model, at, usage, context } = record;
    Entry { provider, model, at, context, ..Entry::new(Dialect::Own, usage) }
}
