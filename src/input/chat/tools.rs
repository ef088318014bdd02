//! What the model may call, in every form's own shape.

use serde_json::{Map, Value};

use super::content::text;
use super::{choice_named, shown};
use crate::conversation::{Tool, ToolChoice};

pub(super) fn list(map: &Map<String, Value>) -> Result<Vec<Tool>, String> {
    let mut tools = Vec::new();
    let config = map.get("toolConfig").and_then(|config| config.get("tools"));
    for (key, listed) in
        [("tools", map.get("tools")), ("functions", map.get("functions")), ("toolConfig.tools", config)]
    {
        let listed = match listed {
            None | Some(Value::Null) => continue,
            Some(Value::Array(listed)) => listed.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            Some(other) => return Err(format!("{key}: {} is no list", shown(other))),
        };
        for (i, tool) in listed.iter().enumerate() {
            read(tool, &format!("{key}[{i}]"), &mut tools)?;
        }
    }
    Ok(tools)
}

fn read(tool: &Value, place: &str, tools: &mut Vec<Tool>) -> Result<(), String> {
    let Some(map) = tool.as_object() else { return Err(format!("{place}: {} is no tool", shown(tool))) };
    let declared = ["functionDeclarations", "function_declarations"].iter().find_map(|key| map.get(*key)?.as_array());
    if let Some(declared) = declared {
        tools.extend(declared.iter().map(|function| of_function(function, function)));
        return Ok(());
    }
    if let Some(function) = ["function", "toolSpec"].iter().find_map(|key| map.get(*key).filter(|f| f.is_object())) {
        if function["name"].is_string() {
            tools.push(of_function(function, tool));
            return Ok(());
        }
        return Err(format!("{place}: the function has no name"));
    }
    match map.get("type").and_then(Value::as_str) {
        Some("function" | "custom") | None if map.contains_key("name") => tools.push(of_function(tool, tool)),
        Some(kind) => tools.push(builtin(kind, tool)),
        // Gemini names its own tools by the field: {"googleSearch": {}}.
        None => match map.keys().next() {
            Some(kind) => tools.push(builtin(kind, tool)),
            None => return Err(format!("{place}: the tool is empty")),
        },
    }
    Ok(())
}

fn builtin(kind: &str, raw: &Value) -> Tool {
    let name = text(raw, "name").unwrap_or_else(|| kind.to_owned());
    Tool { name, description: None, schema: None, raw: raw.clone(), builtin: Some(kind.to_owned()) }
}

fn of_function(function: &Value, raw: &Value) -> Tool {
    let keys =
        ["parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema", "parameter_definitions"];
    let schema = keys.iter().map(|key| &function[*key]).find(|schema| schema.is_object());
    let schema = schema.or_else(|| function.pointer("/inputSchema/json"));
    Tool {
        name: text(function, "name").unwrap_or_default(),
        description: text(function, "description"),
        schema: schema.cloned(),
        raw: raw.clone(),
        builtin: None,
    }
}

pub(super) fn choice(map: &Map<String, Value>) -> ToolChoice {
    let config = map.get("toolConfig").or_else(|| map.get("tool_config"));
    let gemini = config.and_then(|c| c.pointer("/functionCallingConfig/mode"));
    let converse = config.and_then(|c| c.get("toolChoice")).and_then(Value::as_object).and_then(|c| c.keys().next());
    match map.get("tool_choice").or(map.get("function_call")).or(gemini) {
        Some(Value::String(word)) => choice_named(word),
        Some(Value::Object(object)) => match object.get("type").and_then(Value::as_str) {
            Some(word) => choice_named(word),
            None => ToolChoice::Required,
        },
        _ => converse.map_or(ToolChoice::Auto, |word| choice_named(word)),
    }
}

/// The tool that the request asks to be called, under each provider's name for it.
pub(super) fn named(map: &Map<String, Value>) -> Option<String> {
    let choice = map.get("tool_choice").or_else(|| map.get("function_call"));
    let choice = choice.or_else(|| map.get("toolConfig")?.get("toolChoice")?.get("tool"))?;
    let name = ["/function/name", "/name"].iter().find_map(|place| choice.pointer(place)?.as_str());
    name.map(str::to_owned)
}
