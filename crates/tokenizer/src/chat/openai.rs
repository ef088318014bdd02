//! OpenAI's chat models: tokens around each message, before the answer, for calls and for functions.
//!
//! # Source
//! Messages: "How to count tokens with tiktoken" in OpenAI's cookbook for GPT-3.5, GPT-4 and GPT-4o; recorded requests with
//! the usage that the API reported for later models: 35 of GPT-4o and 4.1, 22 of the gpt-5 family and o3. Functions:
//! [`typescript`](super::typescript), and what stands beside that text by model and API, recorded in 74 requests.

use super::frame::{Frame, compact};
use super::typescript::{Style, namespace};
use crate::conversation::{Api, Conversation, Message, Part, Role, Tool, ToolChoice};
use crate::{TokenCount, Tokenizer};

/// Models that are framed alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// `gpt-3.5-turbo-0301`.
    Gpt35Of0301,
    /// GPT-3.5 and GPT-4.
    Gpt4,
    /// GPT-4o, GPT-4.1 and GPT-4.5.
    Gpt4o,
    /// The gpt-5 family and o3.
    Gpt5,
    /// gpt-oss, whose thoughts stand in its answers and are dropped.
    Oss,
    /// Models of which nothing was recorded.
    Later,
}

impl Generation {
    const fn style(self) -> Style {
        match self {
            Generation::Gpt35Of0301 | Generation::Gpt4 => Style::Early,
            Generation::Gpt4o | Generation::Gpt5 | Generation::Oss | Generation::Later => Style::Harmony,
        }
    }

    /// Whether calls and their results are no messages.
    const fn calls_apart(self) -> bool {
        matches!(self, Generation::Gpt5 | Generation::Oss | Generation::Later)
    }
}

pub(super) fn count(
    generation: Generation,
    frame: Frame,
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
    model: &str,
) -> TokenCount {
    // OpenRouter asks the Responses API, whatever it is asked by: recorded once.
    let is_chat = matches!(conversation.api, None | Some(Api::Chat)) && !model.starts_with("openrouter/");
    let said = Said { generation, conversation, tokenizer, is_chat };
    let mut count = frame.base.times(1);
    for (at, message) in conversation.messages.iter().enumerate() {
        count += said.message(frame, at, message);
    }
    if !conversation.tools.is_empty() {
        count += said.functions();
    }
    if generation.style() == Style::Early && !conversation.tools.is_empty() {
        // The system prompt ends in a line break where functions follow.
        if conversation.messages.iter().any(|message| message.role.is_system()) {
            count = less(count, 4);
        }
        count += said.choice();
    }
    if let Some(schema) = &conversation.answer_schema {
        count += said.schema(schema);
    }
    count
}

/// What a conversation says to a generation of models.
struct Said<'c> {
    generation: Generation,
    conversation: &'c Conversation,
    tokenizer: &'c dyn Tokenizer,
    /// Whether it is asked by Chat Completions.
    is_chat: bool,
}

impl Said<'_> {
    fn message(&self, frame: Frame, at: usize, message: &Message) -> TokenCount {
        if !message.tools.is_empty() {
            return self.found(message);
        }
        let is_apart = self.generation.calls_apart() && (!message.calls.is_empty() || message.role == Role::Tool);
        let is_sealed = !message.signatures.is_empty() || message.thinking.is_some() && message.parts().is_empty();
        if is_sealed && message.calls.is_empty() {
            return self.thoughts(at, message);
        }
        let mut count = TokenCount::default();
        if !is_apart {
            count += frame.message.times(1);
            count += self.tokenizer.count(message.role.name());
            if matches!(self.generation, Generation::Gpt5 | Generation::Oss) && message.role == Role::Assistant {
                count += TokenCount::exact(2);
            }
        }
        count += self.text(at, message);
        self.names(&mut count, message);
        if !message.calls.is_empty() {
            count += self.calls(message);
        }
        count
    }

    fn text(&self, at: usize, message: &Message) -> TokenCount {
        let mut count = TokenCount::default();
        let is_parallel = message.role == Role::Tool && self.is_parallel(at);
        let ends_in_line = self.generation.style() == Style::Early
            && message.role.is_system()
            && !self.conversation.tools.is_empty()
            && !self.conversation.messages.iter().take(at).any(|before| before.role.is_system());
        for part in message.parts() {
            match part {
                // Results of parallel calls are escaped to ASCII before they are counted: community.openai.com/t/1375117.
                Part::Text(text) if is_parallel && !text.is_ascii() => {
                    let escaped =
                        super::python_json::dumps(&text.as_str().into(), super::python_json::Letters::Escaped);
                    let inner = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
                    let inner = self.tokenizer.count(inner);
                    count += inner.widened(inner.tokens / 100 + 2);
                }
                Part::Text(text) if self.generation == Generation::Oss && message.role == Role::Assistant => {
                    let (thought, said) = text.rsplit_once("</think>").unwrap_or(("", text));
                    count += self.tokenizer.count(said.trim_start());
                    if !thought.is_empty() {
                        let thought = self.tokenizer.count(thought);
                        count += TokenCount { low: 0, high: thought.high + 4, ..TokenCount::exact(0) }.widened(0);
                    }
                }
                Part::Text(text) if ends_in_line => count += self.tokenizer.count(&format!("{text}\n")),
                Part::Text(text) => count += self.tokenizer.count(text),
                Part::Result(answer) => count += self.tokenizer.count(&super::answer_text(answer)).widened(8),
                Part::Media(_) => {}
            }
        }
        count
    }

    /// Whether a result answers one of several calls of the same message.
    fn is_parallel(&self, at: usize) -> bool {
        let mut before = self.conversation.messages.iter().take(at).rev();
        let called = before.find(|message| message.role != Role::Tool);
        called.is_some_and(|message| message.calls.len() > 1)
    }

    /// A name costs its tokens and one more; with the first model, one less, because it stood in the role's place. The result
    /// of a function costs two less.
    fn names(&self, count: &mut TokenCount, message: &Message) {
        if message.role == Role::Function && self.generation == Generation::Gpt4 {
            *count = less(*count, 2);
        }
        let Some(name) = &message.name else { return };
        *count += self.tokenizer.count(name);
        match self.generation {
            Generation::Gpt35Of0301 => *count = less(*count, 1),
            _ => *count += TokenCount::exact(1),
        }
    }

    /// Calls beside what their message costs: name, arguments, and what stands around them.
    fn calls(&self, message: &Message) -> TokenCount {
        let mut count = TokenCount::default();
        for call in &message.calls {
            count += self.tokenizer.count(&call.name);
            count += self.tokenizer.count(&compact(&call.arguments));
        }
        let calls = message.calls.len() as u64;
        let of_one = |low, expected, high| TokenCount { low, high, ..TokenCount::exact(expected) }.widened(0);
        count += match (self.generation, calls) {
            // 40 for one call and its result, 89 for two in parallel and 25 for each further one: OpenAI's forum.
            (Generation::Gpt35Of0301 | Generation::Gpt4, 1) => of_one(3, 4, 5),
            (Generation::Gpt35Of0301 | Generation::Gpt4, _) => TokenCount::exact(19 + 9 * calls).widened(2),
            // Recorded: 7 in 6 of 8, +1, +5; two in parallel 31 in 3.
            (Generation::Gpt4o, 1) => of_one(if self.is_chat { 7 } else { 6 }, 7, 9),
            (Generation::Gpt4o, _) => TokenCount::exact(11 + 10 * calls).widened(calls),
            // With its result, recorded: 19 to 22 in 14.
            (Generation::Gpt5 | Generation::Oss, _) => of_one(18 * calls, 20 * calls, 23 * calls),
            (Generation::Later, _) => of_one(5 * calls, 20 * calls, 30 * calls),
        };
        count
    }

    /// Sealed thoughts: billed after the last message of the user, else nothing.
    ///
    /// Recorded: 796 characters → 16 tokens, 1,080 → 32, 1,100 and 1,060 → 35, 1,932 → 188.
    fn thoughts(&self, at: usize, message: &Message) -> TokenCount {
        let last = self.conversation.messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
        let characters: u64 = message.signatures.iter().sum();
        if at < last {
            // One model billed it there too, once.
            let most = (characters.saturating_sub(900) / 8).clamp(20, 60);
            return TokenCount { high: most, ..TokenCount::exact(0) }.widened(0);
        }
        let tokens = (characters.saturating_sub(900) * 10 / 55).max(10);
        let more = if characters > 2_000 { tokens / 2 } else { 0 };
        TokenCount { high: tokens + more, ..TokenCount::exact(tokens) }.widened(15)
    }

    /// Tools that a search has found, or that come with a message: their text, and what stands beside it.
    ///
    /// Recorded: 90 to 117 in 11 requests for tools that come with a message, 136 to 142 in 7 for a search with what it found.
    fn found(&self, message: &Message) -> TokenCount {
        let mut count = self.tokenizer.count(&namespace(message.tools.iter(), self.generation.style()));
        let calls = self.conversation.messages.iter().map(|message| message.calls.len() as u64).sum::<u64>();
        let (low, expected, high) = if message.role == Role::Tool { (133, 137, 145) } else { (88, 93, 98) };
        count += TokenCount { low, high: high + 12 * calls, ..TokenCount::exact(expected) }.widened(0);
        count
    }

    fn functions(&self) -> TokenCount {
        // Functions that a search has to find cost nothing before it has.
        let has_search = self.conversation.tools.iter().any(|tool| tool.builtin.as_deref() == Some("tool_search"));
        let is_hidden = |tool: &&Tool| has_search && tool.raw["defer_loading"] == true;
        let tools = self.conversation.tools.iter().filter(|tool| !is_hidden(tool));
        let (own, builtin): (Vec<&Tool>, Vec<&Tool>) = tools.partition(|tool| tool.builtin.is_none());
        let mut count = TokenCount::default();
        if !own.is_empty() {
            count += self.tokenizer.count(&namespace(own.iter().copied(), self.generation.style()));
            count += self.beside(&own);
            if self.generation == Generation::Gpt4o && self.is_chat {
                let further = own.len() as u64 - 1;
                count.low = count.low.saturating_sub(2 + 4 * further);
            }
            // One less where a schema does not say what is required, beside a system message: two public counts.
            let says_nothing = |tool: &Tool| {
                tool.schema
                    .as_ref()
                    .is_some_and(|schema| schema["properties"].is_object() && schema.get("required").is_none())
            };
            let is_told = self.conversation.messages.iter().any(|message| message.role.is_system());
            if self.generation.style() == Style::Early
                && is_told
                && own.iter().any(|tool| has_some(tool) && says_nothing(tool))
            {
                count = less(count, 1);
            }
        }
        let has_found = self.conversation.messages.iter().any(|message| !message.tools.is_empty());
        for tool in builtin {
            // Recorded once or twice each; a search costs nothing more where it has been made. Others are not published.
            count += match tool.builtin.as_deref() {
                Some("image_generation") => TokenCount::exact(335).widened(30),
                Some("tool_search") if has_found => TokenCount { high: 8, ..TokenCount::exact(0) }.widened(0),
                Some("tool_search") => TokenCount { low: 300, high: 470, ..TokenCount::exact(400) }.widened(0),
                _ => TokenCount { high: 400, ..TokenCount::exact(20) }.widened(0),
            };
        }
        count
    }

    /// What functions cost beside their text.
    ///
    /// Recorded, and left: gpt-5 by Chat 90 (0 in nine of eleven, one less for each further function in two), by Responses 8
    /// (0 in ten of eleven); GPT-4o by Chat 8, 10 where a parameter is described, 3 less beside a system message and 2 less
    /// for each further function (1 or less in fourteen, 8 once), by Responses 2 or 3, by its counter 8.
    fn beside(&self, own: &[&Tool]) -> TokenCount {
        let range =
            |low: u64, expected: u64, high: u64| TokenCount { low, high, ..TokenCount::exact(expected) }.widened(0);
        let further = own.len() as u64 - 1;
        let has_system = self.conversation.messages.iter().any(|message| message.role.is_system());
        let properties = own.iter().filter_map(|tool| tool.schema.as_ref()?["properties"].as_object());
        let is_described = properties.flat_map(|map| map.values()).any(|property| property["description"].is_string());
        match self.generation {
            Generation::Gpt35Of0301 | Generation::Gpt4 => TokenCount::exact(9),
            Generation::Gpt5 if self.is_chat && further == 0 => TokenCount::exact(90),
            Generation::Gpt5 if self.is_chat => range(90 - further.min(8), 90, 90),
            Generation::Gpt5 if further == 0 => range(7, 8, 9),
            Generation::Gpt5 => range(6, 8, 22),
            Generation::Gpt4o if self.is_chat => {
                let expected = 8 + 2 * u64::from(is_described);
                let less = 3 * u64::from(has_system) + 2 * further;
                let expected = expected.saturating_sub(less);
                TokenCount { low: expected, high: expected + 1, ..TokenCount::exact(expected) }.widened(0)
            }
            Generation::Gpt4o => range(2, 2, 9),
            // Recorded: some 25 in three requests.
            Generation::Oss => range(12, 25, 40),
            Generation::Later => range(0, if self.is_chat { 40 } else { 8 }, 105),
        }
    }

    /// What choosing a function costs the models before GPT-4o.
    fn choice(&self) -> TokenCount {
        match (&self.conversation.named_tool, self.conversation.tool_choice) {
            (Some(name), _) => {
                let mut count = self.tokenizer.count(name);
                count += TokenCount::exact(7);
                count
            }
            (None, ToolChoice::None) => TokenCount::exact(1),
            (None, _) => TokenCount::default(),
        }
    }

    /// The schema of the answer: its compact JSON without `additionalProperties`, and up to 2; less where it has choices.
    fn schema(&self, schema: &serde_json::Value) -> TokenCount {
        let mut schema = schema.clone();
        strip(&mut schema, 0);
        let tokens = self.tokenizer.count(&schema.to_string()).tokens + 2;
        TokenCount::exact(tokens).widened(tokens.div_ceil(4) + 2)
    }
}

/// Whether a tool takes anything.
fn has_some(tool: &Tool) -> bool {
    tool.schema.as_ref().is_some_and(|schema| schema["properties"].as_object().is_some_and(|map| !map.is_empty()))
}

fn strip(schema: &mut serde_json::Value, depth: usize) {
    if depth > 64 {
        return;
    }
    match schema {
        serde_json::Value::Object(map) => {
            map.remove("additionalProperties");
            map.values_mut().for_each(|inner| strip(inner, depth + 1));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|inner| strip(inner, depth + 1)),
        _ => {}
    }
}

fn less(count: TokenCount, tokens: u64) -> TokenCount {
    let less = |n: u64| n.saturating_sub(tokens);
    TokenCount { tokens: less(count.tokens), low: less(count.low), high: less(count.high), ..count }
}
