//! Claude: the frame of messages, instructions, tools, calls, thinking and the schema of the answer.
//!
//! # Source
//! Frame of the first message: ctok 1.3.0. Instructions before tools: `data/chat/tool_prompts.csv`, from the vendor's
//! documentation. Everything else: recorded requests with the usage that the API, Bedrock and OpenRouter reported; how many
//! there were, and what was left, is beside each rule.

use std::sync::LazyLock;

use serde::Deserialize;

use super::frame::FrameTokens;
use super::python_json::{Letters, dumps};
use super::table::{self, Line};
use crate::conversation::{Call, Conversation, Document, Media, Message, Part, Role, Thinks, Tool, ToolChoice};
use crate::{TokenCount, Tokenizer};

const PROMPTS: &str = farebox_data::CHAT_TOOL_PROMPTS;

static LINES: LazyLock<Vec<PromptLine>> = LazyLock::new(|| table::lines(PROMPTS));

#[derive(Deserialize)]
struct PromptLine {
    model: String,
    auto: u64,
    required: u64,
    /// How much more it was where it was recorded to be more.
    more: Option<u64>,
}

impl Line for PromptLine {
    fn pattern(&self) -> &str {
        &self.model
    }
}

/// Models whose frame is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Claude 3 to Opus and Sonnet 4.6, Haiku 4.5.
    V3,
    /// Opus 4.7.
    Opus47,
    /// Opus 4.8 and later.
    V48,
}

impl Kind {
    #[cfg(feature = "claude")]
    const fn frame(self) -> crate::claude::Frame {
        use crate::claude::Frame;
        match self {
            Kind::V3 => Frame::V3,
            Kind::Opus47 => Frame::Opus47,
            Kind::V48 => Frame::V48,
        }
    }

    /// A message of the user that stands alone, frame and all.
    #[cfg(feature = "claude")]
    fn first_message(self, text: &str, tokenizer: &dyn Tokenizer) -> TokenCount {
        // A tokenizer that the user brought counts for itself.
        if matches!(tokenizer.name(), "claude_v3" | "claude_v4_7") && !text.is_empty() {
            return crate::claude::message_tokens(text, self.frame());
        }
        let mut count = tokenizer.count(text);
        count += TokenCount::exact(self.frame().tokens()).widened(1);
        count
    }

    #[cfg(not(feature = "claude"))]
    fn first_message(self, text: &str, tokenizer: &dyn Tokenizer) -> TokenCount {
        let frame = match self {
            Kind::V3 => 7,
            Kind::Opus47 => 11,
            Kind::V48 => 6,
        };
        let mut count = tokenizer.count(text);
        count += TokenCount::exact(frame).widened(1);
        count
    }
}

pub(super) fn count(
    kind: Kind,
    further: FrameTokens,
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
    model: &str,
) -> TokenCount {
    let (told, turns): (Vec<_>, Vec<_>) = conversation.messages.iter().partition(|message| message.role.is_system());
    let current = current_turn(&turns);
    let mut count = TokenCount::default();
    match turns.split_first() {
        Some((first, rest)) => {
            count += kind.first_message(&first.content(), tokenizer);
            count += beside_text(first, current == 0, tokenizer);
            if first.texts().count() > 1 {
                count = count.widened(2);
            }
            for (at, message) in (1..).zip(rest) {
                message.texts().for_each(|text| count += tokenizer.count(text));
                count += beside_text(message, at >= current, tokenizer);
            }
            count += kind.further(further, &turns);
        }
        None => count += kind.first_message("", tokenizer),
    }
    // Instructions cost their text and nothing else.
    for text in told.iter().flat_map(|message| message.texts()) {
        count += tokenizer.count(text);
    }
    if told.iter().any(|message| message.texts().count() > 1) {
        count = count.widened(2);
    }
    let tools = conversation.tools.iter().any(|tool| !is_deferred(tool));
    if tools {
        count += self::tools(conversation, tokenizer, model);
    }
    let thinks = if asks_by_name(model) || conversation.model.as_deref().is_some_and(asks_by_name) {
        Some(Thinks::Budget)
    } else {
        conversation.thinks
    };
    count += thinking(kind, thinks, tools);
    if let Some(schema) = &conversation.answer_schema {
        // 128 and the schema as Python writes it: recorded in 9 requests, one less in 3.
        count += tokenizer.count(&dumps(schema, Letters::Escaped));
        count += TokenCount::between(127, 128, 128);
    }
    count
}

/// OpenRouter's way to ask for thinking in the name of the model.
fn asks_by_name(model: &str) -> bool {
    model.ends_with(":thinking")
}

/// Where the current turn begins: behind the last message of the user that is no result of a tool.
fn current_turn(turns: &[&Message]) -> usize {
    let says = |message: &&Message| {
        message.role == Role::User && message.parts().iter().any(|part| !matches!(part, Part::Result(_)))
    };
    turns.iter().rposition(says).unwrap_or(0)
}

impl Kind {
    /// What messages behind the first cost beside what they say.
    ///
    /// Recorded: 3 for each with the earlier vocabulary, one more in 2 of 17 requests; with the later one 1 in all and 2 for
    /// each, 1 beside a neighbour of the same role, in 6 of 6. Of Opus 4.7 nothing was recorded.
    fn further(self, further: FrameTokens, turns: &[&Message]) -> TokenCount {
        let rest = turns.len().saturating_sub(1) as u64;
        match self {
            _ if rest == 0 => TokenCount::default(),
            Kind::V3 => TokenCount::between(3 * rest, 3 * rest, 3 * rest + 1),
            Kind::Opus47 => further.times(turns.len() - 1),
            Kind::V48 => {
                let alike = turns.windows(2).filter(|pair| matches!(pair, [a, b] if a.role == b.role)).count() as u64;
                TokenCount::exact((1 + 2 * rest).saturating_sub(alike)).widened(1)
            }
        }
    }
}

/// Calls, results and thoughts of a message.
fn beside_text(message: &Message, is_current: bool, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = TokenCount::default();
    for part in message.parts() {
        match part {
            Part::Result(answer) => {
                count += tokenizer.count(&super::answer_text(answer));
                if answer.parts.iter().any(|part| matches!(part, Part::Media(_))) {
                    count += TokenCount::exact(8).widened(8);
                }
                answer.parts.iter().for_each(|part| count += around_text(part));
            }
            Part::Text(_) | Part::Media(_) => count += around_text(part),
        }
    }
    for (at, call) in message.calls.iter().enumerate() {
        count += called(call, at > 0, tokenizer);
    }
    // Thoughts of earlier turns are taken out; those between a call and its result cost their text and 8.
    if let Some(thinking) = message.thinking.as_deref().filter(|_| is_current && !message.calls.is_empty()) {
        let text = tokenizer.count(thinking);
        count += TokenCount::between(0, text.tokens + 8, text.high + 12);
    }
    count
}

/// The frame of a document of text: recorded, 39 to 47 in five.
fn around_text(part: &Part) -> TokenCount {
    match part {
        Part::Media(Media::Document(Document { pages: Some(0), .. })) => TokenCount::between(39, 40, 47),
        _ => TokenCount::default(),
    }
}

/// A call with its result: 41, the name, and for each argument 14, its key and its value; lists and objects 2 to 4 more, a
/// second call in parallel up to 25 more. Recorded in 14 requests.
fn called(call: &Call, is_parallel: bool, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = TokenCount::exact(41);
    count += tokenizer.count(&call.name);
    let arguments = super::arguments_value(&call.arguments);
    let mut nested = 0;
    for (key, value) in arguments.as_object().into_iter().flatten() {
        count += TokenCount::exact(14);
        count += tokenizer.count(key);
        count += tokenizer.count(&super::frame::compact(value));
        nested += u64::from(value.is_object() || value.is_array());
    }
    let more = 3 + 4 * nested + if is_parallel { 25 } else { 0 };
    count.reaching(2, more + 2)
}

/// What thinking adds: 28 or 29 where it has a budget, 30 with tools, recorded in 14 requests; where the model decides, 17 on
/// Opus 4.6 and nothing on Opus 4.8, one request each.
fn thinking(kind: Kind, thinks: Option<Thinks>, tools: bool) -> TokenCount {
    match (thinks, kind) {
        (Some(Thinks::Budget), _) if tools => TokenCount::between(24, 30, 31),
        (Some(Thinks::Budget), _) => TokenCount::between(24, 28, 29),
        (Some(Thinks::Adaptive), Kind::V3) => TokenCount::between(0, 17, 29),
        (Some(Thinks::Adaptive), _) => TokenCount::between(0, 0, 17),
        (Some(Thinks::Off) | None, _) => TokenCount::default(),
    }
}

/// Whether a tool is only found by a search, and costs nothing before.
fn is_deferred(tool: &Tool) -> bool {
    tool.raw["defer_loading"] == true
}

/// The instruction before the tools, and the tools.
///
/// Recorded in 32 requests: nothing left in 18, 1 in 6, 4 and 5 in 6.
fn tools(conversation: &Conversation, tokenizer: &dyn Tokenizer, model: &str) -> TokenCount {
    let line = table::find(&LINES, model, false, None);
    let prompt = match line {
        Some(line) if conversation.tool_choice == ToolChoice::Required => TokenCount::exact(line.required),
        Some(line) => TokenCount::exact(line.auto),
        // Between the shortest and the longest that were ever published.
        None => TokenCount::between(159, 400, 804),
    };
    let mut count = prompt;
    conversation.tools.iter().for_each(|tool| count += one_tool(tool, tokenizer));
    let named = if conversation.named_tool.is_some() { 5 } else { 0 };
    count.reaching(1, 6 + named + line.and_then(|line| line.more).unwrap_or(0))
}

fn one_tool(tool: &Tool, tokenizer: &dyn Tokenizer) -> TokenCount {
    let begins = |start: &str| tool.builtin.as_deref().is_some_and(|kind| kind.starts_with(start));
    match () {
        // Published with each tool's description.
        () if begins("bash") => TokenCount::exact(245),
        () if begins("text_editor") => TokenCount::exact(700),
        () if begins("computer") => TokenCount { low: 735 + 466, high: 735 + 499, ..TokenCount::exact(735 + 482) },
        // Recorded once; `web_search` and `web_fetch` together 2,235.
        () if begins("memory") => TokenCount::exact(1_069).widened(40),
        () if begins("web_search") || begins("web_fetch") => TokenCount::between(300, 1_100, 2_400),
        () if begins("tool_search") => TokenCount::between(250, 400, 600),
        () if tool.builtin.is_some() => TokenCount::between(100, 700, 3_000),
        // Until a search has found it, it costs nothing; nobody knows before sending what will be found.
        () if is_deferred(tool) => TokenCount::between(0, 0, tokenizer.count(&written(tool)).high + 6),
        () => {
            let mut count = tokenizer.count(&written(tool));
            count += TokenCount::exact(6);
            count
        }
    }
}

/// A tool as Python writes it.
fn written(tool: &Tool) -> String {
    let mut map = serde_json::Map::new();
    map.insert("name".to_owned(), tool.name.clone().into());
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        map.insert("description".to_owned(), description.clone().into());
    }
    map.insert("parameters".to_owned(), tool.schema.clone().unwrap_or_else(|| serde_json::json!({})));
    dumps(&map.into(), Letters::Escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_reads() {
        assert_eq!(table::check::<PromptLine>(PROMPTS), LINES.len());
    }

    /// From the table of the vendor's documentation, 2026.
    #[test]
    fn instructions_before_tools_are_those_of_the_documentation() {
        let of = |model: &str| table::find(&LINES, model, false, None).map(|line| (line.auto, line.required));
        for (model, prompt) in [
            ("claude-opus-5", (286, 406)),
            ("anthropic/claude-opus-4.8", (290, 410)),
            ("claude-opus-4-7", (675, 804)),
            ("claude-sonnet-4-6", (497, 589)),
            ("claude-haiku-4-5-20251001", (496, 588)),
            ("claude-opus-4-1-20250805", (313, 315)),
            ("claude-sonnet-5", (354, 474)),
            ("claude-3-5-haiku-20241022", (264, 355)),
        ] {
            assert_eq!(of(model), Some(prompt), "{model}");
        }
        assert_eq!(of("claude-fable-5"), None);
    }
}
