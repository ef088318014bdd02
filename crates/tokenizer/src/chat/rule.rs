//! Which rule a model's requests are framed by, as `data/chat/rules.csv` says.

use std::sync::LazyLock;

use serde::Deserialize;

use super::frame::{Frame, FrameTokens, framed, spoken, tools};
use super::table::{self, Api, Day, Line, Scope};
use super::{Evidence, Refused, RuleBasis, Template, claude, gemini, openai};
use crate::conversation::{Conversation, Message, Part, Role, ToolChoice};
use crate::{TokenCount, Tokenizer};

const RULES: &str = farebox_data::CHAT_RULES;

static LINES: LazyLock<Vec<RuleLine>> = LazyLock::new(|| table::lines(RULES));

#[derive(Deserialize)]
struct RuleLine {
    model: String,
    api: Option<Api>,
    from: Option<Day>,
    until: Option<Day>,
    rule: String,
    base: Option<u64>,
    base_low: Option<u64>,
    base_high: Option<u64>,
    message: Option<u64>,
    message_low: Option<u64>,
    message_high: Option<u64>,
    tools: Option<u64>,
    tool: Option<u64>,
    basis: RuleBasis,
    requests: Option<u32>,
    least: Option<i64>,
    most: Option<i64>,
    source: String,
}

impl Line for RuleLine {
    fn pattern(&self) -> &str {
        &self.model
    }

    fn scope(&self) -> Scope {
        Scope { api: self.api, from: self.from, until: self.until }
    }
}

/// A rule with what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grounded {
    /// The rule.
    pub rule: Rule,
    /// Its evidence.
    pub evidence: Evidence,
}

impl Grounded {
    /// The rule for a model, an API and a day; without a day, that of today.
    pub(super) fn of(model: &str, by_responses: bool, day: Option<Day>) -> Grounded {
        let line = table::find(&LINES, model, by_responses, day);
        let grounded = line.and_then(|line| Some(Grounded { rule: line.rule()?, evidence: line.evidence() }));
        grounded.unwrap_or(Grounded { rule: Rule::Frame(Frame::default()), evidence: Evidence::default() })
    }

    /// What it counts, never labelled exact where nothing says that it is.
    pub(super) fn count(
        &self,
        conversation: &Conversation,
        tokenizer: &dyn Tokenizer,
        model: &str,
    ) -> Result<TokenCount, Refused> {
        let count = count(self.rule, conversation, tokenizer, model)?;
        Ok(if self.evidence.basis == RuleBasis::Estimated { count.widened(0) } else { count })
    }
}

/// How requests are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// A published template, exact.
    Template(Template),
    /// A published template that later models changed: up to so many tokens more a request and a message.
    Near(Template, u64, u64),
    /// A published template, and so many tokens more where the request gives no instructions of its own.
    Told(Template, u64),
    /// DeepSeek behind OpenAI's Responses: the template, and an instruction of its own.
    DeepSeekResponses,
    /// DeepSeek R1: the template without earlier thoughts, and so many tokens more, at least and at most.
    DeepSeekR1(u64, u64),
    /// Llama 4 at Groq: the template, and with tools a long instruction.
    GroqLlama4,
    /// Llama 3.3 with the dates that its published template tells it.
    LlamaDated,
    /// Qwen 2.5's: the template, and an instruction where there is none.
    Qwen2_5,
    /// OpenAI's rule.
    OpenAi(openai::Generation, Frame),
    /// Anthropic's rule.
    Claude(claude::Kind, FrameTokens),
    /// Google's rule.
    Gemini(gemini::Host),
    /// The text alone.
    Texts(Frame),
    /// Numbers.
    Frame(Frame),
}

impl Rule {
    /// Whether it counts the schema of the answer itself.
    pub(crate) const fn counts_schema(self) -> bool {
        matches!(self, Rule::OpenAi(..) | Rule::Claude(..) | Rule::Gemini(..))
    }

    /// Whether it is a template that a model was published with, which has no place for the schema of an answer.
    pub(crate) const fn is_template(self) -> bool {
        matches!(self, Rule::Template(_) | Rule::Near(..) | Rule::Told(..) | Rule::Qwen2_5 | Rule::LlamaDated)
    }

    /// What images cost in a request beside their own tokens: at OpenAI 3 to 6 each, recorded in 9 requests.
    pub(crate) fn around_images(self, images: u64) -> TokenCount {
        match self {
            Rule::OpenAi(..) => TokenCount::between(0, 4 * images, 6 * images),
            _ => TokenCount::default(),
        }
    }
}

impl RuleLine {
    fn evidence(&'static self) -> Evidence {
        let left = self.least.zip(self.most);
        Evidence { basis: self.basis, requests: self.requests.unwrap_or(0), left, source: &self.source }
    }

    fn rule(&self) -> Option<Rule> {
        let frame = Frame {
            base: FrameTokens::new(self.base, self.base_low, self.base_high),
            message: FrameTokens::new(self.message, self.message_low, self.message_high),
            tools: self.tools.unwrap_or(0),
            tool: self.tool.unwrap_or(0),
        };
        Some(match self.rule.as_str() {
            "openai-0301" => Rule::OpenAi(openai::Generation::Gpt35Of0301, frame),
            "openai-gpt-4" => Rule::OpenAi(openai::Generation::Gpt4, frame),
            "openai-gpt-4o" => Rule::OpenAi(openai::Generation::Gpt4o, frame),
            "openai-gpt-5" => Rule::OpenAi(openai::Generation::Gpt5, frame),
            "openai-oss" => Rule::OpenAi(openai::Generation::Oss, frame),
            "openai-fitted" => Rule::OpenAi(openai::Generation::Later, frame),
            "claude-v3" => Rule::Claude(claude::Kind::V3, frame.message),
            "claude-opus-4-7" => Rule::Claude(claude::Kind::Opus47, frame.message),
            "claude-v4-8" => Rule::Claude(claude::Kind::V48, frame.message),
            "gemini" => Rule::Gemini(gemini::Host::Either),
            "gemini-vertex" => Rule::Gemini(gemini::Host::Vertex),
            "gemini-2" => Rule::Gemini(gemini::Host::Developer2),
            "gemini-2-5" => Rule::Gemini(gemini::Host::Developer2_5),
            "gemini-3" => Rule::Gemini(gemini::Host::Developer3),
            "texts" => Rule::Texts(frame),
            "frame" => Rule::Frame(frame),
            "mistral-later" => Rule::Near(Template::MistralV7, 0, 0),
            "mistral-small" => Rule::Told(Template::MistralV7, 12),
            "groq-llama-4" => Rule::GroqLlama4,
            "deepseek-r1" => Rule::DeepSeekR1(0, 0),
            "deepseek-r1-5" => Rule::DeepSeekR1(2, 2),
            "deepseek-r1-later" => Rule::DeepSeekR1(0, 2),
            "deepseek-responses" => Rule::DeepSeekResponses,
            "deepseek-later" => Rule::Near(Template::DeepseekV3, 2, 1),
            "llama-later" => Rule::Near(Template::Llama3, 40, 1),
            "qwen-later" => Rule::Near(Template::Qwen3, 8, 4),
            "llama-dated" => Rule::LlamaDated,
            "qwen-2-5" => Rule::Qwen2_5,
            other => Rule::Template(Template::named(other.strip_prefix("template:")?)?),
        })
    }
}

/// Text, frame and tools of a request; attachments are counted elsewhere.
fn count(
    rule: Rule,
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
    model: &str,
) -> Result<TokenCount, Refused> {
    Ok(match rule {
        Rule::OpenAi(generation, frame) => openai::count(generation, frame, conversation, tokenizer, model),
        Rule::Claude(kind, message) => claude::count(kind, message, conversation, tokenizer, model),
        Rule::Gemini(host) => gemini::count(host, conversation, tokenizer),
        Rule::Template(template) => template_count(template, conversation, tokenizer)?,
        Rule::Told(template, more) => {
            let mut count = template_count(template, conversation, tokenizer)?;
            if !conversation.messages.iter().any(|message| message.role.is_system()) {
                count += TokenCount::between(0, more, more);
            }
            // With instructions nothing was recorded.
            count.widened(0)
        }
        Rule::GroqLlama4 => groq_llama_4(conversation, tokenizer)?,
        Rule::DeepSeekR1(least, most) => {
            let mut conversation = without_media(conversation);
            conversation.messages.iter_mut().for_each(forget_thoughts);
            let mut count = Template::DeepseekV3.count_with(&conversation, tokenizer)?;
            count += TokenCount::between(least, most, most);
            count
        }
        Rule::DeepSeekResponses => {
            let mut count = template_count(Template::DeepseekV3, conversation, tokenizer)?;
            // 83 for one message, where the chat has 3: recorded in 3 requests.
            let calls = conversation.messages.iter().map(|message| message.calls.len() as u64).sum::<u64>();
            count += TokenCount::between(78, 80, 84 + 45 * calls);
            count
        }
        Rule::Near(template, request, message) => {
            let count = template_count(template, conversation, tokenizer)?;
            let calls = !conversation.tools.is_empty() || conversation.messages.iter().any(|m| !m.calls.is_empty());
            let more = request + message * conversation.messages.len() as u64;
            let more = if calls { more + count.tokens / 10 } else { more };
            if more == 0 { count } else { count.widened(more) }
        }
        Rule::Qwen2_5 => qwen_2_5(conversation, tokenizer)?,
        Rule::LlamaDated => llama_dated(conversation, tokenizer)?,
        Rule::Texts(frame) => {
            let mut count = texts(conversation, tokenizer);
            count += tools(conversation, frame, tokenizer);
            count
        }
        Rule::Frame(frame) => {
            let mut count = framed(conversation, frame, tokenizer);
            count += tools(conversation, frame, tokenizer);
            count
        }
    })
}

/// The same conversation without attachments, which the templates have no place for and providers count apart.
fn without_media(conversation: &Conversation) -> Conversation {
    let mut conversation = conversation.clone();
    for message in &mut conversation.messages {
        if let Some(parts) = &mut message.parts {
            parts.retain(|part| !matches!(part, Part::Media(_)));
        }
    }
    conversation
}

/// Takes out what an earlier answer thought aloud: everything up to its last `</think>`.
fn forget_thoughts(message: &mut Message) {
    message.thinking = None;
    let Some(parts) = message.parts.as_mut().filter(|_| message.role == Role::Assistant) else { return };
    let ends = |part: &Part| matches!(part, Part::Text(text) if text.contains("</think>"));
    let Some(last) = parts.iter().rposition(ends) else { return };
    parts.drain(..last);
    if let Some(Part::Text(text)) = parts.first_mut()
        && let Some((_, said)) = text.rsplit_once("</think>")
    {
        *text = said.trim_start().to_owned();
    }
}

/// What a template writes for everything but attachments.
fn template_count(
    template: Template,
    conversation: &Conversation,
    tokenizer: &dyn Tokenizer,
) -> Result<TokenCount, Refused> {
    template.count_with(&without_media(conversation), tokenizer)
}

/// Without tools as the template has it. With tools, recorded in 7 requests: 671 for the frame, the compact JSON of each
/// function, and 14 for each further one; where none may be called, they are not billed.
fn groq_llama_4(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut conversation = without_media(conversation);
    let tools = std::mem::take(&mut conversation.tools);
    let mut count = Template::Llama4.count_with(&conversation, tokenizer)?;
    let has_calls = conversation.messages.iter().any(|message| !message.calls.is_empty());
    if has_calls {
        // 713 in place of 671 where the history has a call and its result, once.
        count += TokenCount::between(0, 42, 42);
    }
    let Some(further) = tools.len().checked_sub(1) else { return Ok(count) };
    if conversation.tool_choice == ToolChoice::None {
        return Ok(count);
    }
    for tool in &tools {
        // The function alone, without what stands around it in the request.
        let function = if tool.raw["function"].is_object() { &tool.raw["function"] } else { &tool.raw };
        count += tokenizer.count(&function.to_string());
    }
    count += TokenCount::exact(661 + 14 * further as u64).widened(3);
    Ok(count)
}

/// The dates that Llama 3.3's template puts before the instructions, on any day as many tokens.
const LLAMA_DATES: &str = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

/// Recorded without tools in 2 requests at two hosts; how functions are written there was not recorded.
fn llama_dated(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut conversation = without_media(conversation);
    let told = conversation.messages.first().filter(|first| first.role.is_system());
    let told: String = told.map(|first| first.texts().collect()).unwrap_or_default();
    let system = Message::text(Role::System, format!("{LLAMA_DATES}{}", super::trim(&told)));
    match conversation.messages.first_mut().filter(|first| first.role.is_system()) {
        Some(first) => *first = system,
        None => conversation.messages.insert(0, system),
    }
    let count = Template::Llama3.count_with(&conversation, tokenizer)?;
    let has_calls = !conversation.tools.is_empty() || conversation.messages.iter().any(|m| !m.calls.is_empty());
    Ok(if has_calls { count.widened(count.tokens / 10 + 8) } else { count })
}

fn qwen_2_5(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut conversation = without_media(conversation);
    if !conversation.messages.first().is_some_and(|first| first.role.is_system()) {
        conversation.messages.insert(0, Message::text(crate::conversation::Role::System, super::qwen::QWEN2_5_SYSTEM));
    }
    Template::Qwen3.count_with(&conversation, tokenizer)
}

fn texts(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut count = TokenCount::default();
    conversation.messages.iter().for_each(|message| count += spoken(message, tokenizer));
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_rule() {
        assert_eq!(table::check::<RuleLine>(RULES), LINES.len());
        for line in LINES.iter() {
            assert!(line.rule().is_some(), "{}: {}", line.model, line.rule);
        }
        assert_eq!(LINES.last().map(|line| line.model.as_str()), Some("*"));
    }

    #[test]
    fn every_line_says_what_stands_behind_it() {
        for line in LINES.iter() {
            let (name, evidence) = (&line.model, line.evidence());
            assert!(!evidence.source.is_empty(), "{name}");
            assert_eq!(evidence.left.is_some(), evidence.requests > 0, "{name}: what recorded requests left");
            assert!(evidence.left.is_none_or(|(least, most)| least <= most), "{name}");
            assert!(
                evidence.basis != RuleBasis::Recorded || evidence.requests > 0,
                "{name}: recorded, but by no request"
            );
        }
    }

    #[test]
    fn a_rule_depends_on_the_api_and_the_day() {
        let of = |model: &str, by_responses, day| Grounded::of(model, by_responses, day).rule;
        assert_eq!(of("deepseek/deepseek-chat", true, None), Rule::DeepSeekResponses);
        assert_eq!(of("deepseek/deepseek-chat", false, None), Rule::Near(Template::DeepseekV3, 2, 1));
        let (then, later) = (Some(Day::new(2025, 3, 31)), Some(Day::new(2025, 4, 1)));
        assert_ne!(of("openai/gpt-4o", true, then), of("openai/gpt-4o", true, later));
        assert_eq!(of("openai/gpt-4o", false, then), of("openai/gpt-4o", false, later));
        assert_eq!(of("openai/gpt-4o", true, None), of("openai/gpt-4o", true, later));
    }

    #[test]
    fn models_have_the_rule_of_their_generation() {
        let of = |model: &str| Grounded::of(model, false, None).rule;
        let is = |model: &str, rule: Rule| assert_eq!(of(model), rule, "{model}");
        is("openai/gpt-4.1-mini", of("gpt-4.1"));
        is("meta.llama4-scout-17b-instruct-v1:0", Rule::Template(Template::Llama4));
        is(
            "anthropic/claude-opus-4.7",
            Rule::Claude(claude::Kind::Opus47, FrameTokens { low: 2, expected: 4, high: 6 }),
        );
        is("claude-opus-4-1", of("claude-3-haiku-20240307"));
        is("claude-sonnet-5-5", of("claude-opus-4-8"));
        is("Qwen/Qwen3-32B", Rule::Template(Template::Qwen3));
        assert!(matches!(of("gpt-4-turbo"), Rule::OpenAi(openai::Generation::Gpt4, _)));
        assert!(matches!(of("chatgpt-4o-latest"), Rule::OpenAi(openai::Generation::Gpt4o, _)));
        assert!(matches!(of("somebody/else"), Rule::Frame(_)));
    }
}
