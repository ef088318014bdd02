//! What a request adds to its text by numbers: [`Frame`], and what messages and tools say within it.

use serde_json::Value;

use crate::conversation::{Conversation, Message, Part};
use crate::{TokenCount, Tokenizer};

/// Numbers of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// For the request.
    pub base: FrameTokens,
    /// For each message, beside its role and its content.
    pub message: FrameTokens,
    /// For having tools, the first included.
    pub tools: u64,
    /// For each further tool.
    pub tool: u64,
}

/// A number of tokens between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameTokens {
    pub low: u64,
    pub expected: u64,
    pub high: u64,
}

impl FrameTokens {
    pub(super) fn new(expected: Option<u64>, low: Option<u64>, high: Option<u64>) -> FrameTokens {
        let expected = expected.unwrap_or(0);
        FrameTokens { low: low.unwrap_or(expected), expected, high: high.unwrap_or(expected) }
    }

    /// So many times this, exact where both bounds are the same.
    pub(crate) fn times(self, n: usize) -> TokenCount {
        let of = |tokens: u64| tokens.saturating_mul(n as u64);
        TokenCount::between(of(self.low), of(self.expected), of(self.high))
    }
}

/// Base, and for each message its frame, its role and what it says.
pub(super) fn framed(conversation: &Conversation, frame: Frame, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = frame.base.times(1);
    count += frame.message.times(conversation.messages.len());
    for message in &conversation.messages {
        count += tokenizer.count(message.role.name());
        count += spoken(message, tokenizer);
    }
    count
}

/// What a message says, calls and is answered. A call is framed in a way that nobody publishes, so its range is wider.
pub(super) fn spoken(message: &Message, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = TokenCount::default();
    for part in message.parts() {
        match part {
            Part::Text(text) => count += tokenizer.count(text),
            Part::Result(answer) => {
                count += tokenizer.count(&super::answer_text(answer)).widened(8);
            }
            Part::Media(_) => {}
        }
    }
    for call in &message.calls {
        count += tokenizer.count(&call.name);
        count += tokenizer.count(&compact(&call.arguments)).widened(8);
    }
    if let Some(thinking) = &message.thinking {
        // Thoughts of earlier turns are taken out by some providers and kept by others.
        let thinking = tokenizer.count(thinking);
        count += TokenCount { low: 0, ..thinking.widened(0) };
    }
    count
}

/// What tools add by numbers that were fitted, around their own JSON.
pub(super) fn tools(conversation: &Conversation, frame: Frame, tokenizer: &dyn Tokenizer) -> TokenCount {
    let Some(further) = conversation.tools.len().checked_sub(1) else { return TokenCount::default() };
    let json: String = conversation.tools.iter().map(|tool| tool.raw.to_string()).collect();
    let mut count = tokenizer.count(&json);
    let fixed = frame.tools.saturating_add(frame.tool.saturating_mul(further as u64));
    count += TokenCount::exact(fixed);
    count.widened(count.tokens.div_ceil(4))
}

/// A string as it is, anything else as JSON.
pub(super) fn compact(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A schema deeper than this is no tool's.
pub(super) const DEEPEST: usize = 32;

/// Whether a schema holds what the recorded requests do not show well: choices, references, and, where `objects` says so,
/// objects in objects.
pub(super) fn is_odd(schema: &Value, objects: bool) -> bool {
    fn within(schema: &Value, objects: bool, depth: usize) -> bool {
        let Some(map) = schema.as_object().filter(|_| depth < DEEPEST) else { return schema.is_array() && depth > 0 };
        let odd = ["anyOf", "oneOf", "allOf", "$ref", "$defs", "prefixItems"].iter().any(|key| map.contains_key(*key));
        odd || map.get("type").is_some_and(Value::is_array)
            || objects && depth > 0 && map.contains_key("properties")
            || map.get("items").is_some_and(|items| within(items, objects, depth + 1))
            || map
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|fields| fields.values().any(|field| within(field, objects, depth + 1)))
    }
    within(schema, objects, 0)
}
