//! Claude: the frame of the first message, which was measured; further messages, instructions and tools, which were not.
//!
//! # Source
//! Frames: ctok 1.3.0. Instructions before tools: `data/chat/tool_prompts.csv`, from the vendor's documentation. A further
//! message costs some four tokens beside its text, two more or less, as fitted by others to the vendor's API.

use std::sync::LazyLock;

use serde::Deserialize;

use super::frame::{FrameTokens, spoken};
use super::table::{self, Line};
use crate::conversation::{Conversation, Part, Tool, ToolChoice};
use crate::{TokenCount, Tokenizer};

const PROMPTS: &str = farebox_data::CHAT_TOOL_PROMPTS;

static LINES: LazyLock<Vec<PromptLine>> = LazyLock::new(|| table::lines(PROMPTS));

#[derive(Deserialize)]
struct PromptLine {
    model: String,
    auto: u64,
    required: u64,
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
    let mut count = TokenCount::default();
    match turns.split_first() {
        Some((first, rest)) => {
            let text = first.content();
            count += kind.first_message(&text, tokenizer);
            let mut others = (*first).clone();
            if let Some(parts) = &mut others.parts {
                parts.retain(|part| !matches!(part, Part::Text(_)));
            }
            count += spoken(&others, tokenizer);
            if first.texts().count() > 1 {
                count = count.widened(2);
            }
            rest.iter().for_each(|message| count += spoken(message, tokenizer));
            count += further.times(rest.len());
        }
        None => count += kind.first_message("", tokenizer),
    }
    told.iter().for_each(|message| count += spoken(message, tokenizer));
    count += further.times(told.len());
    if !conversation.tools.is_empty() {
        count += tools(conversation, tokenizer, model);
    }
    count
}

/// The instruction before the tools, and the tools; a tenth of it either way.
fn tools(conversation: &Conversation, tokenizer: &dyn Tokenizer, model: &str) -> TokenCount {
    let prompt = match table::find(&LINES, model) {
        Some(line) if conversation.tool_choice == ToolChoice::Required => TokenCount::exact(line.required),
        Some(line) => TokenCount::exact(line.auto),
        // Between the shortest and the longest that were ever published.
        None => TokenCount { low: 159, high: 804, ..TokenCount::exact(400) }.widened(0),
    };
    let mut count = prompt;
    conversation.tools.iter().for_each(|tool| count += one_tool(tool, tokenizer));
    count.widened(count.tokens.div_ceil(10))
}

fn one_tool(tool: &Tool, tokenizer: &dyn Tokenizer) -> TokenCount {
    let begins = |start: &str| tool.builtin.as_deref().is_some_and(|kind| kind.starts_with(start));
    match () {
        // Published with each tool's description.
        () if begins("bash") => TokenCount::exact(245),
        () if begins("text_editor") => TokenCount::exact(700),
        () if begins("computer") => TokenCount { low: 735 + 466, high: 735 + 499, ..TokenCount::exact(735 + 482) },
        () if tool.builtin.is_some() => TokenCount { low: 100, high: 3_000, ..TokenCount::exact(700) }.widened(0),
        () => tokenizer.count(&tool.raw.to_string()),
    }
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
        let of = |model: &str| table::find(&LINES, model).map(|line| (line.auto, line.required));
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
