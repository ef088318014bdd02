//! Requests as people have them, read into a [`Conversation`]: chat, Responses, Messages, `contents`, Converse, and the lines
//! of batch files around them; tools alone, as an MCP server lists them.
//!
//! The form is told by the fields that it has; nobody has to name it. What is odd in a request is named and costs nothing
//! else of it (`odd.rs`). Start reading at [`requests`].

mod api;
mod content;
mod fields;
mod gemini;
mod look;
mod messages;
mod odd;
mod tools;

use serde_json::{Map, Value};

use crate::context::Dimension;
use crate::conversation::{Conversation, Message, Role, Thinks, Tool, ToolChoice};
pub use api::Api;
pub(crate) use look::{Held, held};
pub use look::{holds_requests, looks_like_request};
use odd::Odd;

/// A request, or why a value is none.
pub(crate) type Read = Result<Conversation, RequestError>;

/// Why something is not a request. The text says where and what; [`RequestError::help`] is the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is not JSON.
    #[error("not JSON: {what} at column {column}")]
    NotJson {
        /// What the reader met.
        what: String,
        /// Column, from 1.
        column: usize,
    },
    /// A line or a document is longer than what is read into memory at once.
    #[error("longer than {} MiB", limit >> 20)]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
    },
    /// It holds more values than are read into memory at once.
    #[error("more than {limit} values")]
    TooManyValues {
        /// The most values that are read.
        limit: usize,
    },
    /// It is JSON, and not a request or not a sound one.
    #[error("{0}")]
    Unsound(String),
    /// It has the form of another API than the one that was named.
    #[error("the request has the field {field:?}, which {} does not have", named.name())]
    OtherApi {
        /// The field.
        field: &'static str,
        /// The API that was named.
        named: Api,
        /// The APIs that have such a field.
        fits: &'static [Api],
    },
}

impl RequestError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            RequestError::TooLong { .. } | RequestError::TooManyValues { .. } => {
                Some("put one request on each line of JSON Lines".to_owned())
            }
            RequestError::OtherApi { fits, .. } => {
                let names: Vec<&str> = fits.iter().map(|api| api.name()).collect();
                Some(format!("leave --api out, or give --api {}", names.join(" or ")))
            }
            RequestError::NotJson { .. } | RequestError::Unsound(_) => None,
        }
    }
}

impl From<String> for RequestError {
    fn from(what: String) -> Self {
        RequestError::Unsound(what)
    }
}

/// The requests that a JSON value holds: one, or those of a list or of a batch.
///
/// * `value`: a request in a provider's own form, a line of a batch file, a list of messages, a list of requests, the body
///   of a batch (`{"requests": […]}`), or tools alone, such as what an MCP server answers to `tools/list`.
/// * returns: each, or why it is not a request at all. What is odd in one is named in
///   [`Conversation::guessed`] and [`Conversation::unread`], and everything else in it is read.
///
/// # Examples
/// ```
/// use farebox::input::chat::requests;
/// let line = r#"{"custom_id":"1","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}}"#;
/// let read = requests(serde_json::from_str(line)?);
/// assert_eq!(read[0].as_ref().unwrap().messages[0].content(), "Hi");
///
/// let odd = requests(serde_json::from_str(r#"{"messages":[{"role":"robot","content":"Hi"}]}"#)?);
/// let odd = odd[0].as_ref().unwrap();
/// assert_eq!(odd.messages[0].content(), "Hi");
/// assert_eq!(odd.guessed, ["messages[0].role: the role \"robot\", counted as user"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn requests(value: Value) -> Vec<Read> {
    requests_by(value, None)
}

/// The same, for an API that the user named.
#[must_use]
pub(crate) fn requests_by(value: Value, api: Option<Api>) -> Vec<Read> {
    let one = |item: &Value| one(item, api);
    match value {
        Value::Array(items) if items.iter().any(|item| item.get("role").is_some() || is_item(item)) => {
            vec![bare(&items, api)]
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(tools::is_tool) => vec![Ok(only_tools(&items))],
        Value::Array(items) if !items.is_empty() => items.iter().map(one).collect(),
        Value::Object(mut map) if map.get("requests").is_some_and(Value::is_array) => match map.remove("requests") {
            Some(Value::Array(items)) => items.iter().map(one).collect(),
            _ => Vec::new(),
        },
        other => vec![one(&other)],
    }
}

/// A list of messages without a request around it.
fn bare(items: &[Value], api: Option<Api>) -> Read {
    let is_google = items.iter().any(|item| item.get("parts").is_some());
    let field = match api {
        Some(Api::Responses) => "input",
        _ if is_google => "contents",
        _ => "messages",
    };
    let map = Map::from_iter([(field.to_owned(), Value::Array(items.to_vec()))]);
    request(&map, api)
}

/// An item of the Responses form that is no message.
fn is_item(item: &Value) -> bool {
    matches!(item["type"].as_str(), Some("message" | "function_call" | "function_call_output"))
}

/// Tools alone: what they add to a request is counted.
fn only_tools(listed: &[Value]) -> Conversation {
    let mut odd = Odd::default();
    let mut all: Vec<Tool> = Vec::new();
    tools::all(listed, "tools", &mut all, &mut odd);
    odd.told(Conversation { tools: all, is_addition: true, ..Conversation::default() })
}

/// The tools that a value defines: those of a server's answer, of a request, of a list, or the one that it is; none where it
/// is something else.
#[must_use]
pub(crate) fn tools_in(value: &Value) -> Conversation {
    let listed = value.pointer("/result/tools").or_else(|| value.get("tools")).unwrap_or(value);
    let listed = match listed {
        Value::Array(listed) => listed.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => &[],
    };
    only_tools(listed)
}

fn one(value: &Value, api: Option<Api>) -> Read {
    let Some(map) = value.as_object() else {
        return Err(format!("{} is no request; a request is an object such as {EXAMPLE}", shown(value)).into());
    };
    // The answer of an MCP server to `tools/list`.
    if let Some(listed) = map.get("result").and_then(|result| result.get("tools")).and_then(Value::as_array) {
        return Ok(only_tools(listed));
    }
    for key in look::WRAPPERS {
        if let Some(inner) = map.get(key).filter(|inner| inner.is_object()) {
            let mut conversation = one(inner, api).map_err(|error| match error {
                RequestError::Unsound(what) => RequestError::Unsound(format!("{key}: {what}")),
                other => other,
            })?;
            if conversation.model.is_none() {
                conversation.model = text(map, "model");
            }
            let url = map.get("url").and_then(Value::as_str).unwrap_or_default();
            conversation.is_plain |= url.contains("/embeddings");
            conversation.is_batch = key != "generateContentRequest";
            return Ok(conversation);
        }
    }
    request(map, api)
}

const EXAMPLE: &str = r#"{"messages": [{"role": "user", "content": "…"}]}"#;

fn request(map: &Map<String, Value>, api: Option<Api>) -> Read {
    if let Some(named) = api
        && let Some((field, fits)) = api::contradiction(map, named)
    {
        return Err(RequestError::OtherApi { field, named, fits });
    }
    let mut odd = Odd::default();
    let mut conversation = asked(map, api, &mut odd)?;
    conversation.model = text(map, "model").or_else(|| text(map, "modelId"));
    conversation.max_output = conversation.max_output.or_else(|| longest(map));
    if conversation.tools.is_empty() {
        conversation.tools = tools::list(map, &mut odd);
    }
    conversation.tool_choice = tools::choice(map);
    conversation.named_tool = tools::named(map);
    conversation.answer_schema = conversation.answer_schema.or_else(|| answer_schema(map));
    conversation.thinks = thinks(map);
    conversation.answers = conversation.answers.or_else(|| answers(map));
    conversation.stated = stated(map);
    fields::name_unread(map, &mut odd);
    let says_nothing = conversation.messages.is_empty() && conversation.token_ids == 0;
    if says_nothing && conversation.tools.is_empty() {
        return Err("the request is empty: it has no message and no tool".to_owned().into());
    }
    // Tools alone are what an MCP server lists.
    conversation.is_addition = !ASKS.iter().any(|field| map.contains_key(*field));
    Ok(odd.told(conversation))
}

/// The fields that hold what a model is asked.
const ASKS: [&str; 8] = ["contents", "messages", "message", "input", "content", "prompt", "texts", "instructions"];

/// What the model is asked, in the form that the fields show.
fn asked(map: &Map<String, Value>, api: Option<Api>, odd: &mut Odd) -> Read {
    Ok(if map.contains_key("contents") {
        gemini::request(map, odd)
    } else if let Some(messages) = map.get("messages") {
        chat(map, messages, odd)
    } else if map.contains_key("message") {
        cohere(map, odd)
    } else if let Some(input) = map.get("input") {
        responses(map, input, api, odd)
    } else if let Some(text) = map.get("content").filter(|text| text.get("parts").is_some()) {
        gemini::embedding(text, odd)
    } else if let Some(prompt) = map.get("prompt").or(map.get("texts")).filter(|prompt| !prompt.is_object()) {
        plain(prompt, odd)
    } else if map.get("instructions").is_some_and(|told| !told.is_null()) {
        responses(map, &Value::Null, api, odd)
    } else if map.get("tools").and_then(Value::as_array).is_some_and(|tools| tools.iter().any(tools::is_tool)) {
        chat(map, &Value::Null, odd)
    } else {
        let keys: Vec<&str> = map.keys().take(6).map(String::as_str).collect();
        return Err(format!(
            "no request: it has neither messages, contents, input nor prompt, but {}; a request is an object such as {EXAMPLE}",
            if keys.is_empty() { "no field at all".to_owned() } else { keys.join(", ") }
        )
        .into());
    })
}

/// Chat, Messages and Converse: a list of messages, with instructions beside it or in it.
fn chat(map: &Map<String, Value>, list: &Value, odd: &mut Odd) -> Conversation {
    let mut all = Vec::new();
    let is_empty = |told: &Value| told.is_null() || told.as_array().is_some_and(Vec::is_empty);
    if let Some(told) = map.get("system").filter(|told| !is_empty(told)) {
        all.push(messages::said(Role::System, told, "system", odd));
    }
    match list {
        Value::Array(list) => all.extend(messages::list(list, "messages", odd)),
        Value::Null => {}
        one => all.push(messages::one(one, "messages", odd)),
    }
    Conversation { messages: all, ..Conversation::default() }
}

/// Whether the request asks for thinking, under each provider's name for it.
fn thinks(map: &Map<String, Value>) -> Option<Thinks> {
    let more = map.get("additionalModelRequestFields");
    let thinking = map.get("thinking").or_else(|| more?.get("thinking").or_else(|| more?.get("reasoning_config")));
    match thinking.and_then(|thinking| thinking.get("type")).and_then(Value::as_str) {
        Some("enabled") => return Some(Thinks::Budget),
        Some("adaptive") => return Some(Thinks::Adaptive),
        Some("disabled") => return Some(Thinks::Off),
        _ => {}
    }
    let effort =
        map.get("reasoning").and_then(|reasoning| reasoning.get("effort")).or_else(|| map.get("reasoning_effort"));
    match effort.and_then(Value::as_str) {
        Some("none") => Some(Thinks::Off),
        Some(_) => Some(Thinks::Budget),
        None => None,
    }
}

/// The Responses form: a text, or a list of items.
fn responses(map: &Map<String, Value>, input: &Value, api: Option<Api>, odd: &mut Odd) -> Conversation {
    let model = map.get("model").and_then(Value::as_str).unwrap_or_default();
    let embeds = match api {
        Some(api) => api == Api::Embeddings,
        None => {
            model.contains("embed")
                || ["encoding_format", "input_type", "dimensions"].iter().any(|key| map.contains_key(*key))
                || input.as_array().is_some_and(|items| !items.is_empty() && !items.iter().any(Value::is_object))
        }
    };
    if embeds {
        return plain(input, odd);
    }
    let mut all = Vec::new();
    if let Some(told) = map.get("instructions").filter(|told| !told.is_null()) {
        all.push(messages::said(Role::System, told, "instructions", odd));
    }
    match input {
        Value::String(text) => all.push(Message::text(Role::User, text)),
        Value::Array(items) => all.extend(messages::list(items, "input", odd)),
        Value::Null => {}
        other => all.push(messages::one(other, "input", odd)),
    }
    Conversation { messages: all, by_responses: true, ..Conversation::default() }
}

/// Cohere's first form: the last message, and what was said before.
fn cohere(map: &Map<String, Value>, odd: &mut Odd) -> Conversation {
    let mut all = Vec::new();
    if let Some(told) = text(map, "preamble") {
        all.push(Message::text(Role::System, told));
    }
    for (i, turn) in map.get("chat_history").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let role = match turn["role"].as_str().map(str::to_lowercase).as_deref() {
            Some("chatbot" | "assistant") => Role::Assistant,
            Some("system") => Role::System,
            Some("tool") => Role::Tool,
            _ => Role::User,
        };
        match turn["message"].as_str() {
            Some(said) => all.push(Message::text(role, said)),
            None => odd.unread(format!("chat_history[{i}], which has no message"), turn),
        }
    }
    match map.get("message") {
        None | Some(Value::Null) => {}
        Some(said) => all.push(messages::said(Role::User, said, "message", odd)),
    }
    Conversation { messages: all, ..Conversation::default() }
}

/// Text without messages: embeddings and completions. Token ids have been counted by whoever wrote them.
fn plain(texts: &Value, odd: &mut Odd) -> Conversation {
    let mut conversation = Conversation { is_plain: true, ..Conversation::default() };
    let list = std::slice::from_ref(texts);
    for (i, text) in texts.as_array().map_or(list, Vec::as_slice).iter().enumerate() {
        match text {
            Value::Array(ids) if !ids.is_empty() && ids.iter().all(Value::is_u64) => {
                conversation.token_ids += ids.len() as u64;
            }
            id if id.is_u64() => conversation.token_ids += 1,
            text => conversation.messages.push(messages::said(Role::User, text, &format!("input[{i}]"), odd)),
        }
    }
    conversation
}

/// The longest answer that the request allows, under each provider's name for it.
fn longest(map: &Map<String, Value>) -> Option<u64> {
    let direct = ["max_completion_tokens", "max_output_tokens", "max_tokens", "max_new_tokens"];
    let nested = [("inferenceConfig", "maxTokens"), ("inferenceConfig", "max_new_tokens"), ("options", "num_predict")];
    let direct = direct.iter().find_map(|key| map.get(*key)?.as_u64());
    direct.or_else(|| nested.iter().find_map(|(outer, key)| map.get(*outer)?.get(*key)?.as_u64()))
}

/// How many answers the request asks for, under each provider's name for it.
fn answers(map: &Map<String, Value>) -> Option<u64> {
    let direct = ["n", "num_images", "num_generations"].iter().find_map(|key| map.get(*key)?.as_u64());
    direct.or_else(|| map.get("parameters")?.get("sampleCount")?.as_u64())
}

/// What the request states that a price may depend on. `auto` leaves the choice to the provider, and so says nothing.
fn stated(map: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let dimensions = [Dimension::Quality, Dimension::Size, Dimension::ServiceTier].map(Dimension::name);
    let value = |name: &'static str| Some((name, map.get(name)?.as_str()?.to_lowercase()));
    dimensions.into_iter().filter_map(value).filter(|(_, value)| value != "auto").collect()
}

fn answer_schema(map: &Map<String, Value>) -> Option<Value> {
    let converse = || map.get("outputConfig")?.get("textFormat");
    let anthropic = || map.get("output_config")?.get("format");
    let format = map.get("response_format").or_else(|| map.get("text")?.get("format"));
    let format = format.or_else(|| map.get("output_format")).or_else(anthropic).or_else(converse)?;
    let places = ["/json_schema/schema", "/schema", "/structure/jsonSchema/schema"];
    let schema = places.iter().find_map(|place| format.pointer(place))?;
    // Converse has it as a text.
    Some(match schema {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| schema.clone()),
        schema => schema.clone(),
    })
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// A value for people, cut short.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}

/// The role of a name in any form.
fn role(name: &str) -> Option<Role> {
    Some(match name {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" | "model" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => Role::Function,
        _ => return None,
    })
}

/// What a provider's word for it means.
fn choice_named(word: &str) -> ToolChoice {
    match word.to_lowercase().as_str() {
        "none" => ToolChoice::None,
        "auto" | "validated" => ToolChoice::Auto,
        _ => ToolChoice::Required,
    }
}
