//! OpenAI's chat models: tokens around each message, before the answer, and for functions.
//!
//! # Source
//! "How to count tokens with tiktoken" in OpenAI's cookbook: `num_tokens_from_messages` and `num_tokens_for_tools`. The
//! cookbook's numbers for messages are those that the API returned; those for functions cover flat arguments, and are
//! labelled estimates here. Nested arguments, and models later than the cookbook's, have a wider range.

use serde_json::Value;

use super::frame::{Frame, framed};
use crate::conversation::{Conversation, Message, Tool};
use crate::{TokenCount, Tokenizer};

/// Models that are framed alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// `gpt-3.5-turbo-0301`.
    Gpt35Of0301,
    /// GPT-3.5 and GPT-4.
    Gpt4,
    /// GPT-4o.
    Gpt4o,
    /// Models that the cookbook does not name.
    Later,
}

impl Generation {
    /// Tokens at the start of a function.
    const fn function(self) -> u64 {
        match self {
            Generation::Gpt35Of0301 | Generation::Gpt4 => 10,
            Generation::Gpt4o | Generation::Later => 7,
        }
    }
}

/// Tokens for having properties at all, and for each of them.
const PROPERTIES: u64 = 3;
/// Tokens for a list of values, less [`PROPERTIES`], and for each of them.
const ENUM_ITEM: u64 = 3;
/// Tokens at the end of all functions.
const FUNCTIONS_END: u64 = 12;
/// What a later model's first function adds more than GPT-4o's is in its [`Frame`]: less this, which is GPT-4o's.
const GPT4O_TOOLS: u64 = 16;

pub(super) fn count(
    generation: Generation,
    frame: Frame,
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
) -> TokenCount {
    let mut count = framed(conversation, frame, tokenizer);
    for message in &conversation.messages {
        names(&mut count, generation, message, tokenizer);
    }
    if !conversation.tools.is_empty() {
        count += functions(generation, frame, &conversation.tools, tokenizer);
    }
    count
}

/// A name costs its tokens and one more; with the first model, one less, because it stood in the role's place.
fn names(count: &mut TokenCount, generation: Generation, message: &Message, tokenizer: &dyn Tokenizer) {
    let Some(name) = &message.name else { return };
    *count += tokenizer.count(name);
    match generation {
        Generation::Gpt35Of0301 => {
            let less = |tokens: u64| tokens.saturating_sub(1);
            *count = TokenCount { tokens: less(count.tokens), low: less(count.low), high: less(count.high), ..*count };
        }
        _ => *count += TokenCount::exact(1),
    }
}

fn functions(generation: Generation, frame: Frame, tools: &[Tool], tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut sum = Sum { tokenizer, count: TokenCount::exact(FUNCTIONS_END), is_flat: true };
    for tool in tools {
        sum.add(generation.function());
        match &tool.builtin {
            // Tools that OpenAI runs bring instructions of their own, whose length it does not publish.
            Some(_) => sum.count += TokenCount { high: 400, ..TokenCount::exact(20) }.widened(0),
            None => sum.function(tool),
        }
    }
    let (margin, more) = match generation {
        Generation::Later => (15, frame.tools.saturating_sub(GPT4O_TOOLS)),
        _ if sum.is_flat => (3, 0),
        _ => (10, 0),
    };
    let mut count = sum.count;
    count += TokenCount { low: 0, ..TokenCount::exact(more) };
    count.widened((count.tokens * margin).div_ceil(100).max(2))
}

struct Sum<'t> {
    tokenizer: &'t dyn Tokenizer,
    count: TokenCount,
    is_flat: bool,
}

impl Sum<'_> {
    fn add(&mut self, tokens: u64) {
        self.count += TokenCount::exact(tokens);
    }

    fn text(&mut self, text: &str) {
        self.count += self.tokenizer.count(text);
    }

    fn function(&mut self, tool: &Tool) {
        let description = tool.description.as_deref().unwrap_or_default();
        self.text(&format!("{}:{}", tool.name, without_stop(description)));
        if let Some(schema) = &tool.schema {
            self.properties(schema, 0);
        }
    }

    fn properties(&mut self, schema: &Value, depth: usize) {
        let Some(properties) = schema["properties"].as_object().filter(|p| !p.is_empty()) else { return };
        self.is_flat &= depth == 0;
        self.add(PROPERTIES);
        for (key, property) in properties {
            self.property(key, property, depth);
        }
    }

    fn property(&mut self, key: &str, property: &Value, depth: usize) {
        self.add(PROPERTIES);
        if let Some(values) = property["enum"].as_array() {
            // Three tokens less for the list, which the property's own three make up for.
            self.count = less(self.count, PROPERTIES);
            for value in values {
                self.add(ENUM_ITEM);
                self.text(&super::frame::compact(value));
            }
        }
        let description = property["description"].as_str().unwrap_or_default();
        self.text(&format!("{key}:{}:{}", kind(property), without_stop(description)));
        // A schema deeper than this is no tool's; the range covers what is left out.
        if depth < 32 {
            self.properties(property, depth + 1);
            self.properties(&property["items"], depth + 1);
            for choice in ["anyOf", "oneOf", "allOf"].iter().filter_map(|of| property[*of].as_array()).flatten() {
                self.is_flat = false;
                self.properties(choice, depth + 1);
            }
        }
    }
}

fn less(count: TokenCount, tokens: u64) -> TokenCount {
    let less = |n: u64| n.saturating_sub(tokens);
    TokenCount { tokens: less(count.tokens), low: less(count.low), high: less(count.high), ..count }
}

/// The type of a property, or types: `string`, `string|null`.
fn kind(property: &Value) -> String {
    match &property["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|"),
        _ => String::new(),
    }
}

fn without_stop(description: &str) -> &str {
    description.strip_suffix('.').unwrap_or(description)
}
