//! Messages of the chat, Responses, Messages and Converse forms.

use serde_json::Value;

use super::content::{Content, text};
use super::odd::Odd;
use super::{role, tools};
use crate::conversation::{Call, Message, Part, Role};

/// A list of messages or items; `place` is what notes call it.
pub(super) fn list(items: &[Value], place: &str, odd: &mut Odd) -> Vec<Message> {
    items.iter().enumerate().map(|(i, item)| one(item, &format!("{place}[{i}]"), odd)).collect()
}

/// What stands beside the messages: a text, or a list of parts.
pub(super) fn said(role: Role, value: &Value, place: &str, odd: &mut Odd) -> Message {
    Message::of_parts(role, Content::read(value, place, odd).parts)
}

/// One message or item.
pub(super) fn one(item: &Value, place: &str, odd: &mut Odd) -> Message {
    let Some(map) = item.as_object() else {
        odd.guess(place, "not an object, counted as a message of the user");
        return said(Role::User, item, place, odd);
    };
    match item["type"].as_str() {
        Some("function_call" | "custom_tool_call") => return call_item(item),
        Some("function_call_output" | "custom_tool_call_output") => return output_item(item, place, odd),
        Some("additional_tools" | "tool_search_output") => {
            let is_found = item["type"] == "tool_search_output";
            let role = if is_found { Role::Tool } else { Role::Developer };
            return Message { tools: tools::list(map, odd), ..Message::of_parts(role, Vec::new()) };
        }
        // It costs what its output says.
        Some("tool_search_call") => return Message::of_parts(Role::Tool, Vec::new()),
        Some("reasoning") => {
            let mut message = Message::of_parts(Role::Assistant, Vec::new());
            message.thinking = Some(summaries(item));
            message.signatures.extend(text(item, "encrypted_content").map(|seal| seal.len() as u64));
            return message;
        }
        Some(kind) if item.get("role").is_none() => return other_item(item, kind, place, odd),
        _ => {}
    }
    spoken(item, speaker(item, place, odd), place, odd)
}

/// Who says a message; a role that no API has is counted as the user's.
fn speaker(item: &Value, place: &str, odd: &mut Odd) -> Role {
    let Some(name) = item["role"].as_str() else {
        odd.guess(place, "it has no role, counted as user");
        return Role::User;
    };
    role(name).unwrap_or_else(|| {
        odd.guess(&format!("{place}.role"), format!("the role {name:?}, counted as user"));
        Role::User
    })
}

/// An item of the Responses form that is neither a message nor a function's: what clients such as Codex send back.
fn other_item(item: &Value, kind: &str, place: &str, odd: &mut Odd) -> Message {
    if kind.ends_with("_call_output") {
        odd.guess(place, format!("an item of the kind {kind:?}, counted as the result of a call"));
        return output_item(item, place, odd);
    }
    let arguments = ["arguments", "input", "action"].iter().map(|key| &item[*key]).find(|value| !value.is_null());
    match (kind.strip_suffix("_call"), arguments) {
        // A search that the provider made brings along what it found.
        (Some(called), Some(arguments)) if item.get("call_id").is_some() => {
            odd.guess(place, format!("an item of the kind {kind:?}, counted as a call"));
            let name = text(item, "name").unwrap_or_else(|| called.to_owned());
            let call = Call { id: text(item, "call_id"), name, arguments: arguments.clone() };
            Message { parts: None, calls: vec![call], ..Message::of_parts(Role::Assistant, Vec::new()) }
        }
        _ => {
            odd.unknown(item);
            Message::of_parts(Role::Tool, Vec::new())
        }
    }
}

fn output_item(item: &Value, place: &str, odd: &mut Odd) -> Message {
    let mut message = said(Role::Tool, &item["output"], &format!("{place}.output"), odd);
    message.call_id = text(item, "call_id");
    message
}

fn spoken(item: &Value, role: Role, place: &str, odd: &mut Odd) -> Message {
    let mut calls = tool_calls(item);
    let mut content = match item.get("content") {
        Some(Value::Null) => None,
        Some(value) => Some(Content::read(value, &format!("{place}.content"), odd)),
        None => says_otherwise(item, place, !calls.is_empty(), odd)
            .map(|part| Content { parts: vec![part], ..Content::default() }),
    };
    if let Some(images) = item["images"].as_array() {
        content.get_or_insert_default().add_images(images, &format!("{place}.images"), odd);
    }
    // An answer of the model in sound, by its id: what the provider keeps of it is not in the request.
    if item["audio"].is_object() {
        odd.unread(format!("what {place}.audio refers to"), &item["audio"]);
    }
    let mut signatures = Vec::new();
    let mut thinking = ["reasoning_content", "reasoning", "thinking"].iter().find_map(|key| text(item, key));
    if let Some(content) = &mut content {
        calls.append(&mut content.calls);
        thinking = thinking.or(content.thinking.take());
        signatures.append(&mut content.signatures);
    }
    Message {
        role,
        name: text(item, "name"),
        parts: content.map(|content| content.parts),
        calls,
        call_id: text(item, "tool_call_id"),
        thinking,
        signatures,
        tools: Vec::new(),
        is_prefix: item["prefix"] == true,
    }
}

/// What a message without content says in another field.
fn says_otherwise(item: &Value, place: &str, calls: bool, odd: &mut Odd) -> Option<Part> {
    let said = ["text", "refusal"].iter().find_map(|key| text(item, key));
    if said.is_none() && !calls && item["audio"].is_null() && item["images"].is_null() {
        odd.guess(place, "it has no content");
    }
    said.map(Part::Text)
}

/// Calls beside the content: `tool_calls`, and `function_call` of OpenAI's first form.
fn tool_calls(item: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    for call in item["tool_calls"].as_array().into_iter().flatten() {
        let function = if call["function"].is_object() { &call["function"] } else { call };
        calls.push(Call {
            id: text(call, "id"),
            name: text(function, "name").unwrap_or_default(),
            arguments: function["arguments"].clone(),
        });
    }
    if item["function_call"].is_object() {
        let call = &item["function_call"];
        let arguments = call["arguments"].clone();
        calls.push(Call { id: None, name: text(call, "name").unwrap_or_default(), arguments });
    }
    calls
}

fn call_item(item: &Value) -> Message {
    let arguments = if item["arguments"].is_null() { &item["input"] } else { &item["arguments"] };
    let call =
        Call { id: text(item, "call_id"), name: text(item, "name").unwrap_or_default(), arguments: arguments.clone() };
    Message { parts: None, calls: vec![call], ..Message::of_parts(Role::Assistant, Vec::new()) }
}

fn summaries(item: &Value) -> String {
    let lists = ["summary", "content"].iter().filter_map(|key| item[*key].as_array()).flatten();
    lists.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}
