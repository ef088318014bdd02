//! Gemini: the text of every part, and the names and texts in calls, answers and declarations; nothing for a message.
//!
//! # Source
//! `_TextsAccumulator` in `local_tokenizer.py` of PyPI `google-genai` 3.4.0, which the vendor calls experimental.

use serde_json::Value;

use super::arguments_value;
use crate::conversation::{Conversation, Part};
use crate::{TokenCount, Tokenizer};

pub(super) fn count(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
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
    if conversation.tools.is_empty() {
        return texts.count;
    }
    let mut declared = Texts { tokenizer, count: TokenCount::default() };
    for tool in &conversation.tools {
        declared.add(&tool.name);
        declared.add(tool.description.as_deref().unwrap_or_default());
        tool.schema.iter().for_each(|schema| declared.add_schema(schema));
        if tool.builtin.is_some() {
            declared.count += TokenCount { high: 500, ..TokenCount::exact(0) }.widened(0);
        }
    }
    // The API's own counts of tools were fitted at up to 18 tokens a tool beside this.
    let margin = declared.count.tokens.div_ceil(10) + 2;
    let mut count = texts.count;
    let tools = declared.count.widened(margin);
    count += TokenCount { high: tools.high.saturating_add(18 * conversation.tools.len() as u64), ..tools };
    count
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
