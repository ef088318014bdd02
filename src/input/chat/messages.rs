//! Messages of the chat, Responses, Messages and Converse forms.

use serde_json::Value;

use super::content::{Content, text};
use super::{role, shown};
use crate::conversation::{Call, Message, Role};

/// A list of messages or items; `place` is what errors call it.
pub(super) fn list(items: &[Value], place: &str) -> Result<Vec<Message>, String> {
    if items.is_empty() {
        return Err(format!("{place}: the list is empty"));
    }
    items.iter().enumerate().map(|(i, item)| one(item, &format!("{place}[{i}]"))).collect()
}

/// What stands beside the messages: a text, or a list of parts.
pub(super) fn said(role: Role, value: &Value, place: &str) -> Result<Message, String> {
    let content = Content::read(value, place)?;
    Ok(Message { unread: content.unread, ..Message::of_parts(role, content.parts) })
}

fn one(item: &Value, place: &str) -> Result<Message, String> {
    if !item.is_object() {
        return Err(format!("{place}: {} is no message", shown(item)));
    }
    match item["type"].as_str() {
        Some("function_call" | "custom_tool_call") => return Ok(call_item(item)),
        Some("function_call_output" | "custom_tool_call_output") => {
            let mut message = said(Role::Tool, &item["output"], &format!("{place}.output"))?;
            message.call_id = text(item, "call_id");
            return Ok(message);
        }
        Some("additional_tools" | "tool_search_output") => {
            let is_found = item["type"] == "tool_search_output";
            let role = if is_found { Role::Tool } else { Role::Developer };
            let map = item.as_object().ok_or_else(|| format!("{place}: no item"))?;
            return Ok(Message { tools: super::tools::list(map)?, ..Message::of_parts(role, Vec::new()) });
        }
        // It costs what its output says.
        Some("tool_search_call") => return Ok(Message::of_parts(Role::Tool, Vec::new())),
        Some("reasoning") => {
            let mut message = Message::of_parts(Role::Assistant, Vec::new());
            message.thinking = Some(summaries(item));
            message.signatures.extend(text(item, "encrypted_content").map(|seal| seal.len() as u64));
            return Ok(message);
        }
        // An item of another kind, such as a search that the provider made.
        Some(_) if item.get("role").is_none() => {
            return Ok(Message { unread: vec![item.to_string()], ..Message::of_parts(Role::Tool, Vec::new()) });
        }
        _ => {}
    }
    let name = item["role"].as_str();
    let Some(role) = name.and_then(role) else {
        let found = name.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
        let roles = "it is one of system, developer, user, assistant, tool";
        return Err(format!("{place}.role: {found} is no role; {roles}"));
    };
    spoken(item, role, place)
}

fn spoken(item: &Value, role: Role, place: &str) -> Result<Message, String> {
    let mut calls = tool_calls(item);
    let mut content = match item.get("content") {
        Some(Value::Null) => None,
        Some(value) => Some(Content::read(value, &format!("{place}.content"))?),
        None if !calls.is_empty() => None,
        None => return Err(format!("{place}: it has no content")),
    };
    if let (Some(content), Some(images)) = (&mut content, item["images"].as_array()) {
        content.add_images(images);
    }
    let (mut signatures, mut unread) = (Vec::new(), Vec::new());
    let mut thinking = text(item, "reasoning_content").or_else(|| text(item, "reasoning"));
    if let Some(content) = &mut content {
        calls.append(&mut content.calls);
        thinking = thinking.or(content.thinking.take());
        signatures.append(&mut content.signatures);
        unread.append(&mut content.unread);
    }
    Ok(Message {
        role,
        name: text(item, "name"),
        parts: content.map(|content| content.parts),
        calls,
        call_id: text(item, "tool_call_id"),
        thinking,
        signatures,
        tools: Vec::new(),
        unread,
        is_prefix: item["prefix"] == true,
    })
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
