//! OpenAI's chat models: tokens around each message, before the answer, for calls and for functions.
//!
//! # Source
//! Messages: "How to count tokens with tiktoken" in OpenAI's cookbook for GPT-3.5, GPT-4 and GPT-4o; recorded requests with
//! the usage that the API reported for later models: 35 of GPT-4o and 4.1, 22 of the gpt-5 family and o3. Functions:
//! [`typescript`](super::typescript), and what stands beside that text by model and API, recorded in 74 requests.

use serde_json::Value;

use super::frame::{Frame, compact, is_odd};
use super::python_json::{Letters, dumps};
use super::typescript::{Style, has_properties, namespace};
use crate::conversation::{Conversation, Message, Part, Role, Tool, ToolChoice};
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
    let messages = &conversation.messages;
    let said = Said {
        generation,
        conversation,
        tokenizer,
        // OpenRouter asks the Responses API, whatever it is asked by: recorded once.
        is_chat: !conversation.by_responses && !model.starts_with("openrouter/"),
        told: messages.iter().position(|message| message.role.is_system()),
        last_asked: messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0),
        calls: messages.iter().map(|message| message.calls.len() as u64).sum(),
    };
    let mut count = frame.base.times(1);
    let mut is_parallel = false;
    for (at, message) in messages.iter().enumerate() {
        if message.role != Role::Tool {
            is_parallel = message.calls.len() > 1;
        }
        count += said.message(frame, at, message, is_parallel);
    }
    if !conversation.tools.is_empty() {
        count += said.functions();
    }
    if generation.style() == Style::Early && !conversation.tools.is_empty() {
        // The system prompt ends in a line break where functions follow.
        if said.told.is_some() {
            count = count.less(4);
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
    /// Which message is the first with instructions.
    told: Option<usize>,
    /// Which message of the user is the last.
    last_asked: usize,
    /// All calls.
    calls: u64,
}

impl Said<'_> {
    /// * `is_parallel`: whether results here answer several calls of one message.
    fn message(&self, frame: Frame, at: usize, message: &Message, is_parallel: bool) -> TokenCount {
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
        count += self.text(at, message, is_parallel);
        self.names(&mut count, message);
        if !message.calls.is_empty() {
            count += self.calls(message);
        }
        count
    }

    fn text(&self, at: usize, message: &Message, is_parallel: bool) -> TokenCount {
        let mut count = TokenCount::default();
        let is_escaped = is_parallel && message.role == Role::Tool;
        let ends_in_line =
            self.generation.style() == Style::Early && self.told == Some(at) && !self.conversation.tools.is_empty();
        for part in message.parts() {
            match part {
                // Results of parallel calls are escaped to ASCII before they are counted: community.openai.com/t/1375117.
                Part::Text(text) if is_escaped && !text.is_ascii() => {
                    let escaped = dumps(&text.as_str().into(), Letters::Escaped);
                    let inner = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
                    let inner = self.tokenizer.count(inner);
                    count += inner.widened(inner.tokens / 100 + 2);
                }
                Part::Text(text) if self.generation == Generation::Oss && message.role == Role::Assistant => {
                    let (thought, said) = text.rsplit_once("</think>").unwrap_or(("", text));
                    count += self.tokenizer.count(said.trim_start());
                    if !thought.is_empty() {
                        let thought = self.tokenizer.count(thought);
                        count += TokenCount::between(0, 0, thought.high + 4);
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

    /// A name costs its tokens and one more; with the first model, one less, because it stood in the role's place. The result
    /// of a function costs two less.
    fn names(&self, count: &mut TokenCount, message: &Message) {
        if message.role == Role::Function && self.generation == Generation::Gpt4 {
            *count = count.less(2);
        }
        let Some(name) = &message.name else { return };
        *count += self.tokenizer.count(name);
        match self.generation {
            Generation::Gpt35Of0301 => *count = count.less(1),
            Generation::Gpt4 | Generation::Gpt4o => *count += TokenCount::exact(1),
            // Nobody recorded a name there.
            _ => *count += TokenCount::exact(1).widened(1),
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
        count += match (self.generation, calls) {
            // 40 for one call and its result, 89 for two in parallel and 25 for each further one: OpenAI's forum.
            (Generation::Gpt35Of0301 | Generation::Gpt4, 1) => TokenCount::between(3, 4, 5),
            (Generation::Gpt35Of0301 | Generation::Gpt4, _) => TokenCount::exact(19 + 9 * calls).widened(2),
            // Recorded: 7 in 6 of 8, +1, +5; two in parallel 31 in 3.
            (Generation::Gpt4o, 1) => TokenCount::between(if self.is_chat { 7 } else { 6 }, 7, 9),
            (Generation::Gpt4o, _) => TokenCount::exact(11 + 10 * calls).widened(calls),
            // With its result, recorded: 19 to 22 in 14.
            (Generation::Gpt5 | Generation::Oss, _) => TokenCount::between(18 * calls, 20 * calls, 23 * calls),
            (Generation::Later, _) => TokenCount::between(5 * calls, 20 * calls, 30 * calls),
        };
        count
    }

    /// Sealed thoughts: billed after the last message of the user, else nothing.
    ///
    /// Recorded: 796 characters → 16 tokens, 1,080 → 32, 1,100 and 1,060 → 35, 1,932 → 188.
    fn thoughts(&self, at: usize, message: &Message) -> TokenCount {
        let characters: u64 = message.signatures.iter().sum();
        if at < self.last_asked {
            // One model billed it there too, once.
            let most = (characters.saturating_sub(900) / 8).clamp(20, 60);
            return TokenCount::between(0, 0, most);
        }
        let tokens = (characters.saturating_sub(900) * 10 / 55).max(10);
        let more = if characters > 2_000 { tokens / 2 } else { 0 };
        TokenCount::exact(tokens).reaching(15, 15 + more)
    }

    /// Tools that a search has found, or that come with a message: their text, and what stands beside it.
    ///
    /// Recorded: 90 to 117 in 11 requests for tools that come with a message, 136 to 142 in 7 for a search with what it found.
    fn found(&self, message: &Message) -> TokenCount {
        let mut count = self.tokenizer.count(&namespace(message.tools.iter(), self.generation.style()));
        let (low, expected, high) = if message.role == Role::Tool { (133, 137, 145) } else { (88, 93, 98) };
        count += TokenCount::between(low, expected, high + 12 * self.calls);
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
            let mut text = self.tokenizer.count(&namespace(own.iter().copied(), self.generation.style()));
            let schemas = || own.iter().filter_map(|tool| tool.schema.as_ref());
            // What no recorded function has: how it is written is not known, only that it costs no more than its JSON.
            for schema in schemas().filter(|schema| is_odd(schema, self.generation.style() == Style::Harmony)) {
                text = text.reaching(2, self.tokenizer.count(&schema.to_string()).tokens);
            }
            count += text;
            count += self.beside(&own);
            if self.generation == Generation::Gpt4o && self.is_chat {
                count = count.reaching(2 + 4 * (own.len() as u64 - 1), 0);
            }
            // One less where a schema does not say what is required, beside a system message: two public counts.
            let says_nothing = |schema: &Value| has_properties(schema) && schema.get("required").is_none();
            if self.generation.style() == Style::Early && self.told.is_some() && schemas().any(says_nothing) {
                count = count.less(1);
            }
        }
        let has_found = self.conversation.messages.iter().any(|message| !message.tools.is_empty());
        for tool in builtin {
            // Recorded once or twice each; a search costs nothing more where it has been made. Others are not published.
            count += match tool.builtin.as_deref() {
                Some("image_generation") => TokenCount::exact(335).widened(30),
                Some("tool_search") if has_found => TokenCount::between(0, 0, 8),
                Some("tool_search") => TokenCount::between(300, 400, 470),
                _ => TokenCount::between(20, 20, 400),
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
        let further = own.len() as u64 - 1;
        let properties = own.iter().filter_map(|tool| tool.schema.as_ref()?["properties"].as_object());
        let is_described = properties.flat_map(|map| map.values()).any(|property| property["description"].is_string());
        match self.generation {
            Generation::Gpt35Of0301 | Generation::Gpt4 => TokenCount::exact(9),
            Generation::Gpt5 if self.is_chat => TokenCount::between(90 - further.min(8), 90, 90),
            Generation::Gpt5 if further == 0 => TokenCount::between(7, 8, 9),
            Generation::Gpt5 => TokenCount::between(6, 8, 22),
            Generation::Gpt4o if self.is_chat => {
                let expected = 8 + 2 * u64::from(is_described);
                let less = 3 * u64::from(self.told.is_some()) + 2 * further;
                TokenCount::exact(expected.saturating_sub(less)).reaching(0, 1)
            }
            Generation::Gpt4o => TokenCount::between(2, 2, 9),
            // Recorded: some 25 in three requests.
            Generation::Oss => TokenCount::between(12, 25, 40),
            Generation::Later => TokenCount::between(0, if self.is_chat { 40 } else { 8 }, 105),
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
    fn schema(&self, schema: &Value) -> TokenCount {
        let mut schema = schema.clone();
        strip(&mut schema, 0);
        let tokens = self.tokenizer.count(&schema.to_string()).tokens + 2;
        TokenCount::exact(tokens).widened(tokens.div_ceil(4) + 2)
    }
}

fn strip(schema: &mut Value, depth: usize) {
    if depth > 64 {
        return;
    }
    match schema {
        Value::Object(map) => {
            map.remove("additionalProperties");
            map.values_mut().for_each(|inner| strip(inner, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| strip(inner, depth + 1)),
        _ => {}
    }
}
