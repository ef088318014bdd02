//! Gemini's and Vertex AI's form: `contents` with parts, in camel case or snake case.

use serde_json::{Map, Value};

use super::content::Content;
use super::odd::Odd;
use super::role;
use crate::conversation::{Conversation, Message, Role};

pub(super) fn request(map: &Map<String, Value>, odd: &mut Odd) -> Conversation {
    let mut conversation = Conversation::default();
    let field = |camel: &str, snake: &str| map.get(camel).or_else(|| map.get(snake)).filter(|value| !value.is_null());
    if let Some(told) = field("systemInstruction", "system_instruction") {
        conversation.messages.push(content(told, Role::System, "systemInstruction", odd));
    }
    match map.get("contents") {
        Some(Value::Array(turns)) => {
            for (i, turn) in turns.iter().enumerate() {
                conversation.messages.push(content(turn, Role::User, &format!("contents[{i}]"), odd));
            }
        }
        None | Some(Value::Null) => {}
        Some(one) => conversation.messages.push(content(one, Role::User, "contents", odd)),
    }
    if let Some(config) = field("generationConfig", "generation_config") {
        let get = |camel: &str, snake: &str| config.get(camel).or_else(|| config.get(snake));
        conversation.max_output = get("maxOutputTokens", "max_output_tokens").and_then(Value::as_u64);
        conversation.answers = get("candidateCount", "candidate_count").and_then(Value::as_u64);
        conversation.resolution =
            get("mediaResolution", "media_resolution").and_then(Value::as_str).map(str::to_lowercase);
        conversation.answer_schema = get("responseSchema", "response_schema").cloned();
    }
    conversation
}

/// A text to embed.
pub(super) fn embedding(text: &Value, odd: &mut Odd) -> Conversation {
    let message = content(text, Role::User, "content", odd);
    Conversation { messages: vec![message], is_plain: true, ..Conversation::default() }
}

fn content(value: &Value, otherwise: Role, place: &str, odd: &mut Odd) -> Message {
    let speaker = match value["role"].as_str() {
        Some(name) if otherwise != Role::System => role(name).unwrap_or_else(|| {
            odd.guess(&format!("{place}.role"), format!("the role {name:?}, counted as user"));
            otherwise
        }),
        _ => otherwise,
    };
    let read = match (value.get("parts"), value) {
        (Some(parts), _) => Content::read(parts, &format!("{place}.parts"), odd),
        // A part in the place of a content, which the SDKs take.
        (None, Value::Object(map)) if map.keys().all(|key| key == "role") => {
            odd.guess(place, "it has no parts");
            Content::default()
        }
        _ => Content::read(value, place, odd),
    };
    let Content { parts, calls, thinking, signatures } = read;
    Message { calls, thinking, signatures, ..Message::of_parts(speaker, parts) }
}
