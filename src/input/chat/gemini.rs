//! Gemini's and Vertex AI's form: `contents` with parts, in camel case or snake case.

use serde_json::{Map, Value};

use super::content::Content;
use super::{Read, role, shown};
use crate::conversation::{Conversation, Message, Role};

pub(super) fn request(map: &Map<String, Value>) -> Read {
    let mut conversation = Conversation::default();
    let field = |camel: &str, snake: &str| map.get(camel).or_else(|| map.get(snake)).filter(|value| !value.is_null());
    if let Some(told) = field("systemInstruction", "system_instruction") {
        conversation.messages.push(content(told, Role::System, "systemInstruction")?);
    }
    match map.get("contents") {
        Some(Value::Array(turns)) if turns.iter().all(|turn| turn.get("parts").is_some() || turn.is_string()) => {
            for (i, turn) in turns.iter().enumerate() {
                conversation.messages.push(content(turn, Role::User, &format!("contents[{i}]"))?);
            }
        }
        Some(Value::Array(turns)) => {
            let at = turns.iter().position(|turn| turn.get("parts").is_none()).unwrap_or_default();
            return Err(format!("contents[{at}]: it has no parts").into());
        }
        Some(one @ (Value::String(_) | Value::Object(_))) => {
            conversation.messages.push(content(one, Role::User, "contents")?);
        }
        other => return Err(format!("contents: {} is no list", shown(other.unwrap_or(&Value::Null))).into()),
    }
    if let Some(config) = field("generationConfig", "generation_config") {
        let get = |camel: &str, snake: &str| config.get(camel).or_else(|| config.get(snake));
        conversation.max_output = get("maxOutputTokens", "max_output_tokens").and_then(Value::as_u64);
        conversation.answers = get("candidateCount", "candidate_count").and_then(Value::as_u64);
        conversation.resolution =
            get("mediaResolution", "media_resolution").and_then(Value::as_str).map(str::to_lowercase);
        conversation.answer_schema = get("responseSchema", "response_schema").cloned();
    }
    Ok(conversation)
}

/// A text to embed.
pub(super) fn embedding(text: &Value) -> Read {
    let message = content(text, Role::User, "content")?;
    Ok(Conversation { messages: vec![message], is_plain: true, ..Conversation::default() })
}

fn content(value: &Value, otherwise: Role, place: &str) -> Result<Message, String> {
    let speaker = match value["role"].as_str() {
        Some(name) if otherwise != Role::System => {
            role(name).ok_or_else(|| format!("{place}.role: {name:?} is no role; it is user or model"))?
        }
        _ => otherwise,
    };
    let parts = value.get("parts").unwrap_or(value);
    let read = Content::read(parts, &format!("{place}.parts"))?;
    let Content { parts, calls, thinking, signatures, unread } = read;
    Ok(Message { calls, thinking, signatures, unread, ..Message::of_parts(speaker, parts) })
}
