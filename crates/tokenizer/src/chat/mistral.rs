//! Mistral: `[INST]` and `[/INST]` around what a user says, from v3 on as special tokens, from v7 on with a system prompt
//! of its own.
//!
//! # Source
//! `MistralTokenizer.encode_chat_completion` of PyPI `mistral-common` 1.13.1 (Apache-2.0), which joins neighbouring
//! messages of one speaker, and encodes each by itself.

use serde_json::{Value, json};

use super::prompt::Prompt;
use super::python_json::{Letters, dumps};
use super::{Refused, answer_text, arguments_value};
use crate::conversation::{Call, Conversation, Media, Message, Part, Role};
use crate::media::images;
use crate::{TokenCount, Tokenizer};

/// A version of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Markers are text, and there are no tools.
    V1,
    /// Markers are special tokens; instructions stand in the last message of the user.
    V3,
    /// Instructions have markers of their own.
    V7,
}

pub(super) fn count(
    conversation: &Conversation,
    version: Version,
    tokenizer: &dyn Tokenizer,
) -> Result<TokenCount, Refused> {
    let turns = turns(&conversation.messages, version);
    let told = system_prompt(&conversation.messages);
    let mut prompt = Prompt::new(tokenizer);
    prompt.special();
    let first_user = turns.iter().position(|turn| turn.role == Role::User);
    let last_user = turns.iter().rposition(|turn| turn.role == Role::User);
    for (at, turn) in turns.iter().enumerate() {
        match turn.role {
            Role::User => {
                let told_here = match version {
                    Version::V1 => first_user == Some(at),
                    Version::V3 => last_user == Some(at),
                    Version::V7 => false,
                };
                let told = told.as_deref().filter(|_| told_here);
                let tools = if last_user == Some(at) { conversation.tools.as_slice() } else { &[] };
                user(&mut prompt, turn, version, told, &tools.iter().map(tool).collect::<Vec<_>>());
            }
            Role::Assistant => assistant(&mut prompt, turn, version),
            Role::Tool | Role::Function => answer(&mut prompt, turn, version),
            Role::System | Role::Developer => {
                prompt.special().alone(&joined(&turn.parts)).special();
            }
        }
    }
    Ok(prompt.finish())
}

/// What neighbouring messages of one speaker say together.
struct MistralTurn<'m> {
    role: Role,
    parts: Vec<MistralPiece<'m>>,
    calls: Vec<&'m Call>,
    call_id: Option<&'m str>,
    is_prefix: bool,
}

/// Text that was joined, or a picture.
enum MistralPiece<'m> {
    Text(String),
    Media(&'m Media),
}

fn turns(messages: &[Message], version: Version) -> Vec<MistralTurn<'_>> {
    let mut turns: Vec<MistralTurn> = Vec::new();
    let mut before: Option<Role> = None;
    for message in messages {
        let role = if message.role == Role::Developer { Role::System } else { message.role };
        let joins = before == Some(role) && matches!(role, Role::User | Role::Assistant);
        before = Some(role);
        if role == Role::System && version < Version::V7 {
            continue;
        }
        if !joins {
            turns.push(MistralTurn { role, parts: Vec::new(), calls: Vec::new(), call_id: None, is_prefix: false });
        }
        if let Some(turn) = turns.last_mut() {
            turn.take(message);
        }
    }
    let starts_with_user = turns.first().is_some_and(|turn| turn.role == Role::User);
    if turns.is_empty() || version < Version::V7 && !starts_with_user {
        let empty =
            MistralTurn { role: Role::User, parts: Vec::new(), calls: Vec::new(), call_id: None, is_prefix: false };
        turns.insert(0, empty);
    }
    turns
}

impl<'m> MistralTurn<'m> {
    fn take(&mut self, message: &'m Message) {
        for part in message.parts() {
            match part {
                Part::Text(text) => self.take_text(text),
                Part::Result(answer) => self.take_text(&answer_text(answer)),
                Part::Media(media) => self.parts.push(MistralPiece::Media(media)),
            }
        }
        self.calls.extend(&message.calls);
        self.call_id = message.call_id.as_deref();
        self.is_prefix |= message.is_prefix;
    }

    /// Texts are joined with an empty line between them, whether they are parts of one message or messages.
    fn take_text(&mut self, text: &str) {
        match (text, self.parts.last_mut()) {
            ("", _) => {}
            (text, Some(MistralPiece::Text(before))) => {
                before.push_str("\n\n");
                before.push_str(text);
            }
            (text, _) => self.parts.push(MistralPiece::Text(text.to_owned())),
        }
    }
}

fn joined(parts: &[MistralPiece]) -> String {
    let text = |piece: &MistralPiece| match piece {
        MistralPiece::Text(text) => text.clone(),
        MistralPiece::Media(_) => String::new(),
    };
    parts.iter().map(text).collect()
}

fn system_prompt(messages: &[Message]) -> Option<String> {
    let told: Vec<String> = messages
        .iter()
        .filter(|message| message.role.is_system())
        .map(|message| message.texts().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n"))
        .filter(|told| !told.is_empty())
        .collect();
    (!told.is_empty()).then(|| told.join("\n\n"))
}

fn user(prompt: &mut Prompt, turn: &MistralTurn, version: Version, told: Option<&str>, tools: &[Value]) {
    let told = told.map(|told| format!("{told}\n\n")).unwrap_or_default();
    if version == Version::V1 {
        prompt.alone(&format!("[INST] {told}{} [/INST]", joined(&turn.parts)));
        return;
    }
    if !tools.is_empty() {
        prompt.special().alone(&dumps(&Value::from(tools), Letters::AsTheyAre)).special();
    }
    prompt.special();
    let has_media = turn.parts.iter().any(|piece| matches!(piece, MistralPiece::Media(_)));
    if has_media {
        prompt.alone(&told);
        turn.parts.iter().for_each(|piece| match piece {
            MistralPiece::Text(text) => drop(prompt.alone(text)),
            MistralPiece::Media(media) => drop(prompt.add(images::pixtral(media))),
        });
    } else {
        prompt.alone(&format!("{told}{}", joined(&turn.parts)));
    }
    prompt.special();
}

fn tool(tool: &crate::conversation::Tool) -> Value {
    let parameters = tool.schema.clone().unwrap_or_else(|| json!({}));
    let description = tool.description.as_deref().unwrap_or_default();
    json!({"type": "function", "function": {"name": tool.name, "description": description, "parameters": parameters}})
}

fn assistant(prompt: &mut Prompt, turn: &MistralTurn, version: Version) {
    let content = joined(&turn.parts);
    prompt.alone(if version == Version::V1 { &content } else { content.trim_end_matches(' ') });
    if !turn.calls.is_empty() {
        let calls: Vec<Value> = turn.calls.iter().map(|call| written(call)).collect();
        prompt.special().alone(&dumps(&Value::from(calls), Letters::AsTheyAre));
    }
    if !turn.is_prefix {
        prompt.special();
    }
}

fn written(call: &Call) -> Value {
    let mut written = json!({"name": call.name, "arguments": arguments_value(&call.arguments)});
    if let (Some(id), Some(map)) = (call.id.as_ref().filter(|id| *id != "null"), written.as_object_mut()) {
        map.insert("id".into(), json!(id));
    }
    written
}

fn answer(prompt: &mut Prompt, turn: &MistralTurn, version: Version) {
    let content = joined(&turn.parts);
    let id = turn.call_id.unwrap_or_default();
    prompt.special();
    if version == Version::V7 {
        prompt.alone(id).special().alone(&content);
    } else {
        let content = if content.is_empty() { json!({}) } else { arguments_value(&Value::String(content)) };
        prompt.alone(&dumps(&json!({"content": content, "call_id": id}), Letters::AsTheyAre));
    }
    prompt.special();
}
