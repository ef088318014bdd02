//! What the model may call, in every form's own shape.

use serde_json::{Map, Value};

use super::content::text;
use super::odd::Odd;
use super::{choice_named, shown};
use crate::conversation::{Tool, ToolChoice};

pub(super) fn list(map: &Map<String, Value>, odd: &mut Odd) -> Vec<Tool> {
    let mut tools = Vec::new();
    let config = map.get("toolConfig").and_then(|config| config.get("tools"));
    for (key, listed) in
        [("tools", map.get("tools")), ("functions", map.get("functions")), ("toolConfig.tools", config)]
    {
        match listed {
            None | Some(Value::Null) => {}
            Some(Value::Array(listed)) => all(listed, key, &mut tools, odd),
            Some(Value::Object(one)) if one.is_empty() => {}
            Some(one @ Value::Object(_)) => read(one, key, &mut tools, odd),
            Some(other) => odd.unread(format!("{key}: {} is not a list of tools", shown(other)), other),
        }
    }
    tools
}

/// The tools of a list.
pub(super) fn all(listed: &[Value], place: &str, tools: &mut Vec<Tool>, odd: &mut Odd) {
    for (i, tool) in listed.iter().enumerate() {
        read(tool, &format!("{place}[{i}]"), tools, odd);
    }
}

/// Whether a value is a tool as MCP servers, and every provider, describe one: a name, and the schema of its arguments.
pub(super) fn is_tool(value: &Value) -> bool {
    let function = ["function", "toolSpec"].iter().map(|key| &value[*key]).find(|inner| inner.is_object());
    let function = function.unwrap_or(value);
    function["name"].is_string() && SCHEMAS.iter().any(|key| function[*key].is_object())
        || value["functionDeclarations"].is_array()
}

/// The fields that hold the schema of a tool's arguments.
const SCHEMAS: [&str; 6] = [
    "parameters",
    "input_schema",
    "inputSchema",
    "parametersJsonSchema",
    "parameters_json_schema",
    "parameter_definitions",
];

fn read(tool: &Value, place: &str, tools: &mut Vec<Tool>, odd: &mut Odd) {
    let Some(map) = tool.as_object() else {
        return odd.unread(format!("{place}: {} is not a tool", shown(tool)), tool);
    };
    let declared = ["functionDeclarations", "function_declarations"].iter().find_map(|key| map.get(*key)?.as_array());
    if let Some(declared) = declared {
        tools.extend(declared.iter().map(|function| of_function(function, function)));
        return;
    }
    if let Some(function) = ["function", "toolSpec"].iter().find_map(|key| map.get(*key).filter(|f| f.is_object())) {
        if !function["name"].is_string() {
            odd.guess(place, "a function without a name");
        }
        return tools.push(of_function(function, tool));
    }
    match map.get("type").and_then(Value::as_str) {
        Some("function" | "custom") | None if map.contains_key("name") => tools.push(of_function(tool, tool)),
        // What a server offers is not in the request.
        Some("mcp" | "mcp_toolset") => {
            odd.unread(format!("the tools of the MCP server {:?}", server(tool)), tool);
            tools.push(builtin("mcp", tool));
        }
        Some(kind) => tools.push(builtin(kind, tool)),
        // Gemini names its own tools by the field: {"googleSearch": {}}.
        None => match map.keys().next() {
            Some(kind) => tools.push(builtin(kind, tool)),
            None => odd.guess(place, "an empty tool"),
        },
    }
}

/// What a tool of an MCP server calls the server.
fn server(tool: &Value) -> &str {
    ["server_label", "mcp_server_name", "name", "server_url"]
        .iter()
        .find_map(|key| tool[*key].as_str())
        .unwrap_or_default()
}

fn builtin(kind: &str, raw: &Value) -> Tool {
    let name = text(raw, "name").unwrap_or_else(|| kind.to_owned());
    Tool { name, description: None, schema: None, raw: raw.clone(), builtin: Some(kind.to_owned()) }
}

fn of_function(function: &Value, raw: &Value) -> Tool {
    let schema = SCHEMAS.iter().map(|key| &function[*key]).find(|schema| schema.is_object());
    // Bedrock wraps it once more.
    let wrapped = function.pointer("/inputSchema/json");
    let is_served = wrapped.is_none() && function["inputSchema"].is_object();
    let schema = wrapped.or(schema);
    Tool {
        name: text(function, "name").unwrap_or_default(),
        description: text(function, "description"),
        schema: schema.cloned(),
        raw: if is_served { as_sent(function, schema) } else { raw.clone() },
        builtin: None,
    }
}

/// A tool of an MCP server as clients send it on: without its title, annotations and output.
fn as_sent(tool: &Value, schema: Option<&Value>) -> Value {
    let mut function = Map::new();
    for (key, value) in
        [("name", Some(&tool["name"])), ("description", tool.get("description")), ("parameters", schema)]
    {
        function.extend(value.map(|value| (key.to_owned(), value.clone())));
    }
    let kind = ("type".to_owned(), Value::from("function"));
    Value::Object(Map::from_iter([kind, ("function".to_owned(), Value::Object(function))]))
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
