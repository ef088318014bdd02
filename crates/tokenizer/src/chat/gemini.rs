//! Gemini: the text of every part, calls, answers and declarations, and what each of its two hosts adds.
//!
//! # Source
//! On Vertex AI: `_TextsAccumulator` in `local_tokenizer.py` of PyPI `google-genai` 3.4.0, which the vendor calls experimental;
//! 48 of 49 recorded requests are so to the token. On the Developer API calls, answers and declarations have the form of
//! FunctionGemma's published chat template: of Gemini 3, 61 recorded requests are so to the token but for thoughts.

use std::collections::HashMap;

use serde_json::Value;

use super::arguments_value;
use super::frame::{DEEPEST, is_odd};
use crate::conversation::{Conversation, Message, Part, Role};
use crate::{TokenCount, Tokenizer};

/// Where a request is sent, and to which generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Vertex AI: the texts alone.
    Vertex,
    /// The Developer API with Gemini 1.5 and 2.0: the same, calls and tools a little more.
    Developer2,
    /// The Developer API with Gemini 2.5.
    Developer2_5,
    /// The Developer API with Gemini 3 and later.
    Developer3,
    /// One of the two, nobody knows which.
    Either,
}

pub(super) fn count(host: Host, conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = said(host, conversation, tokenizer);
    if let Some(schema) = &conversation.answer_schema {
        // google-genai counts it as it counts the schemas of functions; no request with one was recorded.
        let mut texts = Texts { tokenizer, count: TokenCount::default() };
        texts.add_schema(schema);
        count += TokenCount::between(0, texts.count.tokens, texts.count.high + texts.count.high / 2 + 10);
    }
    count
}

fn said(host: Host, conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    match host {
        Host::Vertex => texts(conversation, tokenizer),
        Host::Developer2 => {
            let count = texts(conversation, tokenizer);
            if has_functions(conversation) {
                // Four tokens more in two of five requests, 25 less in two.
                return count.reaching(count.low / 3 + 1, 7);
            }
            // One less and three less in two of thirteen, both with numbers or JSON in their text.
            let is_odd = |c: char| c == '{' || c.is_ascii_digit();
            let has_json = conversation.messages.iter().flat_map(Message::texts).any(|text| text.contains(is_odd));
            if has_json { count.reaching(count.low / 60 + 1, 0) } else { count }
        }
        Host::Developer2_5 => developer(Generation::Two, conversation, tokenizer),
        Host::Developer3 => developer(Generation::Three, conversation, tokenizer),
        Host::Either => {
            let (vertex, own) = (texts(conversation, tokenizer), developer(Generation::Three, conversation, tokenizer));
            vertex.reaching(vertex.low.saturating_sub(own.low), own.high.saturating_sub(vertex.high))
        }
    }
}

fn has_functions(conversation: &Conversation) -> bool {
    !conversation.tools.is_empty() || conversation.messages.iter().any(|message| !message.calls.is_empty())
}

// What Vertex AI counts.

fn texts(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut texts = Texts { tokenizer, count: TokenCount::default() };
    for message in &conversation.messages {
        for part in message.parts() {
            match part {
                Part::Text(text) => texts.add(text),
                Part::Result(answer) => {
                    texts.add(answer.name.as_deref().unwrap_or_default());
                    texts.add_parts(&answer.parts);
                }
                Part::Media(_) => {}
            }
        }
        for call in &message.calls {
            texts.add(&call.name);
            texts.add_value(&arguments_value(&call.arguments));
        }
    }
    for tool in &conversation.tools {
        if tool.builtin.is_some() {
            // Beside functions, one request had six more.
            texts.count = texts.count.reaching(0, 8);
            continue;
        }
        texts.add(&tool.name);
        texts.add(tool.description.as_deref().unwrap_or_default());
        tool.schema.iter().for_each(|schema| texts.add_schema(schema));
    }
    texts.count
}

struct Texts<'t> {
    tokenizer: &'t dyn Tokenizer,
    count: TokenCount,
}

impl Texts<'_> {
    fn add(&mut self, text: &str) {
        if !text.is_empty() {
            self.count += self.tokenizer.count(text);
        }
    }

    fn add_parts(&mut self, parts: &[Part]) {
        for part in parts {
            if let Part::Text(text) = part {
                match serde_json::from_str::<Value>(text) {
                    Ok(value @ (Value::Object(_) | Value::Array(_))) => self.add_value(&value),
                    _ => self.add(text),
                }
            }
        }
    }

    /// Keys and strings; numbers cost nothing here.
    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(map) => {
                for (key, item) in map {
                    self.add(key);
                    self.add_value(item);
                }
            }
            _ => {}
        }
    }

    fn add_schema(&mut self, schema: &Value) {
        for text in [&schema["format"], &schema["description"]] {
            self.add(text.as_str().unwrap_or_default());
        }
        for list in [&schema["enum"], &schema["required"]] {
            list.as_array().into_iter().flatten().filter_map(Value::as_str).for_each(|text| self.add(text));
        }
        if schema["items"].is_object() {
            self.add_schema(&schema["items"]);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.add(name);
            self.add_schema(property);
        }
        self.add_value(&schema["example"]);
    }
}

// What the Developer API counts.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Generation {
    Two,
    Three,
}

fn developer(generation: Generation, conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut form = Form { tokenizer, generation, count: TokenCount::default(), text: String::new() };
    let calls = conversation.messages.iter().flat_map(|message| &message.calls);
    let names: HashMap<&str, &str> = calls.filter_map(|call| Some((call.id.as_deref()?, call.name.as_str()))).collect();
    for message in &conversation.messages {
        match message.call_id.as_deref().filter(|_| message.role == Role::Tool) {
            Some(id) => form.answer(message, names.get(id).copied().unwrap_or_default()),
            None => form.message(message),
        }
        // The end of the turn; empty contents have one too.
        form.count += TokenCount::exact(1);
    }
    for tool in conversation.tools.iter().filter(|tool| tool.builtin.is_none()) {
        form.declaration(&tool.name, tool.description.as_deref().unwrap_or_default(), tool.schema.as_ref());
    }
    let mut count = form.count;
    if generation == Generation::Three {
        count += thoughts(&conversation.messages);
    }
    count
}

/// The thoughts of the current turn, which come back as signatures: those before the last message that says something are
/// not billed.
///
/// 85 recorded signatures beside the usage of the answers they came from: 0.207 tokens a character beyond the first 100 in
/// the middle, 0.154 to 0.252 in all.
fn thoughts(messages: &[Message]) -> TokenCount {
    let says = |message: &Message| {
        message.role == Role::User && message.parts().iter().any(|part| !matches!(part, Part::Result(_)))
    };
    let begins = messages.iter().rposition(says).map_or(0, |at| at + 1);
    let mut count = TokenCount::default();
    for characters in messages.iter().skip(begins).flat_map(|message| &message.signatures) {
        let of = |thousandths: u64| characters.saturating_sub(100).saturating_mul(thousandths) / 1_000;
        // Signatures of up to 100 characters stand for no thoughts.
        if of(1_000) > 0 {
            count += TokenCount::between(of(150), of(207), of(255) + 1);
        }
    }
    count
}

/// Text between special tokens, each counted by itself.
struct Form<'t> {
    tokenizer: &'t dyn Tokenizer,
    generation: Generation,
    count: TokenCount,
    text: String,
}

impl Form<'_> {
    fn special(&mut self) -> &mut Self {
        if !self.text.is_empty() {
            self.count += self.tokenizer.count(&self.text);
            self.text.clear();
        }
        self.count += TokenCount::exact(1);
        self
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn quoted(&mut self, text: &str) -> &mut Self {
        self.special().push(text).special()
    }

    fn message(&mut self, message: &Message) {
        for part in message.parts() {
            match part {
                Part::Text(text) => self.count += self.tokenizer.count(text),
                Part::Result(answer) => {
                    let said = super::answer_text(answer);
                    let said = serde_json::from_str(&said).unwrap_or(Value::String(said));
                    self.function("response:", answer.name.as_deref().unwrap_or_default(), &said);
                }
                Part::Media(_) => {}
            }
        }
        if let Some(thought) = &message.thinking {
            self.count += self.tokenizer.count(thought);
        }
        for call in &message.calls {
            self.function("call:", &call.name, &arguments_value(&call.arguments));
        }
    }

    /// A result in the form of OpenAI's API, which Gemini takes too: how it is written there is known of one request.
    fn answer(&mut self, message: &Message, name: &str) {
        let said = message.content();
        let value = match serde_json::from_str(&said) {
            Ok(value @ Value::Object(_)) => value,
            _ => serde_json::json!({ "result": said }),
        };
        self.function("response:", name, &value);
        self.count = self.count.widened(8);
    }

    fn function(&mut self, kind: &str, name: &str, value: &Value) {
        self.special().push(kind).push(name);
        if value.is_null() {
            self.push("{}");
        } else {
            self.value(value);
        }
        self.special();
        let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        if self.generation == Generation::Two {
            // One more where there is nothing; one or two more in 19 of 22 requests.
            self.count += TokenCount::exact(u64::from(is_empty)).reaching(0, 1);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => drop(self.quoted(text)),
            Value::Array(items) => {
                self.push("[");
                for (at, item) in items.iter().enumerate() {
                    self.push(if at > 0 { "," } else { "" }).value(item);
                }
                self.push("]");
            }
            Value::Object(map) => {
                let mut fields: Vec<(&String, &Value)> = map.iter().collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                self.push("{");
                for (at, (key, item)) in fields.into_iter().enumerate() {
                    self.push(if at > 0 { "," } else { "" }).push(key).push(":").value(item);
                }
                self.push("}");
            }
            other => drop(self.push(&other.to_string())),
        }
    }

    fn declaration(&mut self, name: &str, description: &str, schema: Option<&Value>) {
        let before = self.count.tokens;
        self.special().push("declaration:").push(name).push("{");
        let two = self.generation == Generation::Two;
        if two || !description.is_empty() {
            self.push("description:").quoted(description);
        }
        if let Some(schema) = schema.filter(|schema| schema.as_object().is_some_and(|map| !map.is_empty())) {
            self.push(if two || !description.is_empty() { "," } else { "" }).push("parameters:{");
            self.schema(schema, 0);
            self.push("}");
        }
        self.push("}").special();
        if two {
            // Right in nine of eleven requests.
            self.count = self.count.less(3).widened(2);
        }
        if schema.is_some_and(|schema| is_odd(schema, two)) {
            // How nested objects, choices and references are written is not known; one was 36 more, another 123.
            let own = self.count.less(before).tokens;
            self.count = self.count.reaching(own / 10, own.saturating_mul(2) + own / 10 + 30);
        }
    }

    fn schema(&mut self, schema: &Value, depth: usize) {
        let mut is_first = true;
        let mut key = |form: &mut Self, name: &str| {
            form.push(if is_first { "" } else { "," }).push(name).push(":");
            is_first = false;
        };
        let two = self.generation == Generation::Two;
        if let Some(text) = schema["description"].as_str().filter(|text| !text.is_empty()) {
            key(self, "description");
            self.quoted(text);
        }
        if let Some(values) = schema["enum"].as_array() {
            key(self, "enum");
            self.value(&Value::Array(values.clone()));
        }
        if schema["items"].is_object() && depth < DEEPEST {
            key(self, "items");
            self.push("{").schema(&schema["items"], depth + 1);
            self.push("}");
        }
        let properties = schema["properties"].as_object();
        if depth < DEEPEST && properties.is_some_and(|map| two || !map.is_empty()) {
            key(self, "properties");
            self.push("{");
            let mut fields: Vec<(&String, &Value)> = properties.into_iter().flatten().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (at, (name, property)) in fields.into_iter().enumerate() {
                self.push(if at > 0 { "," } else { "" }).push(name).push(":{").schema(property, depth + 1);
                self.push("}");
            }
            self.push("}");
        }
        if let Some(names) = schema["required"].as_array().filter(|names| !names.is_empty()) {
            key(self, "required");
            if two {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                self.push("[").push(&names.join(",")).push("]");
            } else {
                self.value(&Value::Array(names.clone()));
            }
        }
        if let Some(kind) = schema["type"].as_str() {
            key(self, "type");
            self.quoted(&kind.to_uppercase());
        }
    }
}
