//! Requests as people have them, read into a [`Conversation`]: chat, Responses, Messages, `contents`, Converse, and the lines
//! of batch files around them.
//!
//! The form is told by the fields that it has; nobody has to name it. Start reading at [`requests`].

mod content;
mod gemini;
mod look;
mod messages;
mod tools;

use serde_json::{Map, Value};

use crate::context::Dimension;
use crate::conversation::{Conversation, Message, Role, Thinks, ToolChoice};
pub use look::{holds_requests, looks_like_request};

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
    /// It is JSON, and not a request or not a sound one.
    #[error("{0}")]
    Unsound(String),
}

impl RequestError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        matches!(self, RequestError::TooLong { .. }).then(|| "put one request on each line of JSON Lines".to_owned())
    }
}

impl From<String> for RequestError {
    fn from(what: String) -> Self {
        RequestError::Unsound(what)
    }
}

impl From<&str> for RequestError {
    fn from(what: &str) -> Self {
        RequestError::Unsound(what.to_owned())
    }
}

/// The requests that a JSON value holds: one, or those of a list or of a batch.
///
/// * `value`: a request in a provider's own form, a line of a batch file, a list of messages, a list of requests, or the body
///   of a batch (`{"requests": […]}`).
/// * returns: each with what is wrong with it, where something is: the place, what stands there, what should.
///
/// # Examples
/// ```
/// use farebox::input::chat::requests;
/// let line = r#"{"custom_id":"1","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}}"#;
/// let read = requests(serde_json::from_str(line)?);
/// assert_eq!(read[0].as_ref().unwrap().messages[0].content(), "Hi");
///
/// let wrong = requests(serde_json::from_str(r#"{"messages":[{"role":"robot","content":"Hi"}]}"#)?);
/// assert!(wrong[0].as_ref().unwrap_err().to_string().starts_with("messages[0].role: \"robot\" is no role"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn requests(value: Value) -> Vec<Read> {
    match value {
        Value::Array(items) if items.first().is_some_and(|item| item.get("role").is_some() || is_item(item)) => {
            let list = messages::list(&items, "").map_err(RequestError::from);
            vec![list.map(|messages| named(Conversation { messages, ..Conversation::default() }))]
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(one).collect(),
        Value::Object(mut map) if map.get("requests").is_some_and(Value::is_array) => match map.remove("requests") {
            Some(Value::Array(items)) => items.iter().map(one).collect(),
            _ => Vec::new(),
        },
        other => vec![one(&other)],
    }
}

/// An item of the Responses form that is no message.
fn is_item(item: &Value) -> bool {
    matches!(item["type"].as_str(), Some("message" | "function_call" | "function_call_output"))
}

fn one(value: &Value) -> Read {
    let Some(map) = value.as_object() else {
        return Err(format!("{} is no request; a request is an object such as {EXAMPLE}", shown(value)).into());
    };
    for key in look::WRAPPERS {
        if let Some(inner) = map.get(key).filter(|inner| inner.is_object()) {
            let mut conversation = one(inner).map_err(|error| format!("{key}: {error}"))?;
            if conversation.model.is_none() {
                conversation.model = text(map, "model");
            }
            let url = map.get("url").and_then(Value::as_str).unwrap_or_default();
            conversation.is_plain |= url.contains("/embeddings");
            conversation.is_batch = key != "generateContentRequest";
            return Ok(conversation);
        }
    }
    request(map)
}

const EXAMPLE: &str = r#"{"messages": [{"role": "user", "content": "…"}]}"#;

fn request(map: &Map<String, Value>) -> Read {
    let mut conversation = if map.contains_key("contents") {
        gemini::request(map)?
    } else if let Some(messages) = map.get("messages") {
        chat(map, messages)?
    } else if map.contains_key("message") {
        cohere(map)?
    } else if let Some(input) = map.get("input") {
        responses(map, input)?
    } else if let Some(text) = map.get("content").filter(|text| text.get("parts").is_some()) {
        gemini::embedding(text)?
    } else if let Some(prompt) = map.get("prompt").or(map.get("texts")).filter(|prompt| !prompt.is_object()) {
        plain(prompt)?
    } else {
        let keys: Vec<&str> = map.keys().take(6).map(String::as_str).collect();
        return Err(format!(
            "no request: it has neither messages, contents, input nor prompt, but {}; a request is an object such as {EXAMPLE}",
            if keys.is_empty() { "no field at all".to_owned() } else { keys.join(", ") }
        )
        .into());
    };
    conversation.model = text(map, "model").or_else(|| text(map, "modelId"));
    conversation.max_output = conversation.max_output.or_else(|| longest(map));
    if conversation.tools.is_empty() {
        conversation.tools = tools::list(map)?;
    }
    conversation.tool_choice = tools::choice(map);
    conversation.named_tool = tools::named(map);
    conversation.answer_schema = conversation.answer_schema.or_else(|| answer_schema(map));
    conversation.thinks = thinks(map);
    conversation.answers = conversation.answers.or_else(|| answers(map));
    conversation.stated = stated(map);
    for key in ["previous_response_id", "conversation", "cachedContent", "cached_content", "container"] {
        if map.get(key).is_some_and(|value| !value.is_null()) {
            conversation.unread.push(format!("what {key} brings along"));
        }
    }
    Ok(named(conversation))
}

/// The same conversation with the parts and items named that nobody knows, by what they call themselves.
fn named(mut conversation: Conversation) -> Conversation {
    for json in conversation.messages.iter_mut().flat_map(|message| std::mem::take(&mut message.unread)) {
        let value: Value = serde_json::from_str(&json).unwrap_or_default();
        let kind = value["type"].as_str().map(str::to_owned);
        let name = kind.or_else(|| value.as_object()?.keys().next().cloned());
        let name = format!("a part of the kind {:?}", name.unwrap_or_default());
        if !conversation.unread.contains(&name) {
            conversation.unread.push(name);
        }
        conversation.unread_json.push(json);
    }
    conversation
}

/// Chat, Messages and Converse: a list of messages, with instructions beside it or in it.
fn chat(map: &Map<String, Value>, list: &Value) -> Read {
    let list = list.as_array().ok_or_else(|| format!("messages: {} is no list", shown(list)))?;
    let mut all = Vec::new();
    let is_empty = |told: &Value| told.is_null() || told.as_array().is_some_and(Vec::is_empty);
    if let Some(told) = map.get("system").filter(|told| !is_empty(told)) {
        all.push(messages::said(Role::System, told, "system")?);
    }
    all.extend(messages::list(list, "messages")?);
    Ok(Conversation { messages: all, ..Conversation::default() })
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
fn responses(map: &Map<String, Value>, input: &Value) -> Read {
    let model = map.get("model").and_then(Value::as_str).unwrap_or_default();
    let embeds = model.contains("embed") || map.contains_key("encoding_format") || map.contains_key("input_type");
    let texts = |items: &Vec<Value>| items.iter().all(Value::is_string);
    if embeds || input.as_array().is_some_and(texts) {
        return plain(input);
    }
    let mut all = Vec::new();
    if let Some(told) = map.get("instructions").filter(|told| !told.is_null()) {
        all.push(messages::said(Role::System, told, "instructions")?);
    }
    match input {
        Value::String(text) => all.push(Message::text(Role::User, text)),
        Value::Array(items) => all.extend(messages::list(items, "input")?),
        other => return Err(format!("input: {} is neither a text nor a list", shown(other)).into()),
    }
    Ok(Conversation { messages: all, by_responses: true, ..Conversation::default() })
}

/// Cohere's first form: the last message, and what was said before.
fn cohere(map: &Map<String, Value>) -> Read {
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
        let said = turn["message"].as_str().ok_or_else(|| format!("chat_history[{i}]: it has no message"))?;
        all.push(Message::text(role, said));
    }
    let said = text(map, "message").ok_or("message: it is no text")?;
    all.push(Message::text(Role::User, said));
    Ok(Conversation { messages: all, ..Conversation::default() })
}

/// Text without messages: embeddings and completions.
fn plain(texts: &Value) -> Read {
    let message = |text: &Value| match text {
        Value::String(text) => Ok(Message::text(Role::User, text)),
        other => {
            Err(RequestError::from(format!("{} is no text; lists of token ids cannot be counted again", shown(other))))
        }
    };
    let messages = match texts {
        Value::Array(texts) => texts.iter().map(message).collect::<Result<_, _>>()?,
        text => vec![message(text)?],
    };
    Ok(Conversation { messages, is_plain: true, ..Conversation::default() })
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
