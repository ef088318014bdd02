//! Llama 3 and 4: `<|start_header_id|>role<|end_header_id|>`, two newlines, the content, `<|eot_id|>`.
//!
//! # Source
//! `ChatFormat.encode_dialog_prompt` of PyPI `llama-models` 0.3.0, which encodes role, newlines and content apart. The two
//! formats differ in the names of the special tokens and in the vocabulary, not in their number.

use serde_json::json;

use super::prompt::Prompt;
use super::python_json::{Letters, dumps};
use super::{Refused, arguments_value};
use crate::conversation::{Conversation, Message, Part, Role};
use crate::{TokenCount, Tokenizer};

/// What Hugging Face's template of Llama 3.1 says before it lists the tools.
const TOOLS: &str = "Given the following functions, please respond with a JSON for a function call with its proper \
arguments that best answers the given prompt.\n\nRespond in the format {\"name\": function name, \"parameters\": \
dictionary of argument name and its value}.Do not use variables.\n\n";

pub(super) fn count(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut prompt = Prompt::new(tokenizer);
    prompt.special();
    for message in &conversation.messages {
        header(&mut prompt, role(message.role));
        content(&mut prompt, message)?;
        for call in &message.calls {
            let call = json!({"type": "function", "name": call.name, "parameters": arguments_value(&call.arguments)});
            prompt.alone(&dumps(&call, Letters::Escaped));
        }
        prompt.special();
    }
    header(&mut prompt, "assistant");
    let mut count = prompt.finish();
    if !conversation.tools.is_empty() {
        count += tools(conversation, tokenizer);
    }
    Ok(count)
}

fn header(prompt: &mut Prompt, role: &str) {
    prompt.special().alone(role).special().alone("\n\n");
}

fn content(prompt: &mut Prompt, message: &Message) -> Result<(), Refused> {
    for part in message.parts() {
        match part {
            Part::Text(text) => prompt.alone(text),
            Part::Result(answer) => prompt.alone(&super::answer_text(answer)),
            Part::Media(_) => return Err(Refused::Media("llama3 and llama4")),
        };
    }
    Ok(())
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool | Role::Function => "ipython",
    }
}

/// Tools stand in no place that Meta's own format defines; hosts put them before the first user message.
fn tools(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> TokenCount {
    let mut text = TOOLS.to_owned();
    for tool in &conversation.tools {
        text.push_str(&dumps(&tool.raw, Letters::AsTheyAre));
        text.push_str("\n\n");
    }
    let count = tokenizer.count(&text);
    // Printed with indents, the same JSON costs up to a half more.
    TokenCount { high: count.high.saturating_add(count.high / 2), ..count }.widened(2)
}
