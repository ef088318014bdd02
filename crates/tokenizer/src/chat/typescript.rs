//! Functions as the TypeScript that OpenAI writes them in before its models read them.
//!
//! # Source
//! The form is that of the open renderer of harmony (github.com/openai/harmony, `json_schema_to_typescript`), without its
//! indents, with one empty line between functions: so are the counts of 23 recorded requests of the gpt-5 family. Models
//! before GPT-4o differ in details, as 19 public counts of gpt-3.5-turbo show (npm `openai-chat-tokens`, PyPI
//! `openai-messages-token-helper`).

use serde_json::Value;

use super::frame::DEEPEST;
use crate::conversation::Tool;

/// How functions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// For models before GPT-4o: objects in lists are indented, numbers have their values, and where a schema does not say
    /// what is required, everything is.
    Early,
    /// For later models.
    Harmony,
}

/// The namespace that holds the functions.
pub(super) fn namespace<'t>(tools: impl Iterator<Item = &'t Tool>, style: Style) -> String {
    let functions: Vec<String> = tools.map(|tool| function(tool, style)).collect();
    format!("namespace functions {{\n\n{}\n\n}} // namespace functions", functions.join("\n\n"))
}

fn function(tool: &Tool, style: Style) -> String {
    let mut out = String::new();
    comment(&mut out, "", tool.description.as_deref().unwrap_or_default());
    let schema = tool.schema.as_ref().filter(|schema| has_properties(schema));
    let takes = schema.map_or_else(String::new, |schema| {
        let mut takes = "_: ".to_owned();
        if style == Style::Harmony {
            comment(&mut takes, "", schema["description"].as_str().unwrap_or_default());
        }
        takes + &object(schema, style, "", DEEPEST)
    });
    out.push_str(&format!("type {} = ({takes}) => any;", tool.name));
    out
}

fn comment(out: &mut String, indent: &str, text: &str) {
    if !text.is_empty() {
        text.split('\n').for_each(|line| out.push_str(&format!("{indent}// {line}\n")));
    }
}

/// Whether it describes an object of anything.
pub(super) fn has_properties(schema: &Value) -> bool {
    schema["properties"].as_object().is_some_and(|properties| !properties.is_empty())
}

fn object(schema: &Value, style: Style, indent: &str, depth: usize) -> String {
    let mut out = "{\n".to_owned();
    let required = schema["required"].as_array();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        comment(&mut out, indent, property["description"].as_str().unwrap_or_default());
        let is_required = match required {
            Some(names) => names.iter().any(|name| name == key.as_str()),
            None => style == Style::Early,
        };
        let mark = if is_required { "" } else { "?" };
        out.push_str(&format!("{indent}{key}{mark}: {},", kind(property, style, "", depth)));
        match &property["default"] {
            Value::Null if property.get("default").is_none() => {}
            Value::String(text) => out.push_str(&format!(" // default: {text}")),
            other => out.push_str(&format!(" // default: {other}")),
        }
        out.push('\n');
    }
    out.push('}');
    out
}

/// The type that a schema describes.
fn kind(schema: &Value, style: Style, indent: &str, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else { return "any".to_owned() };
    let either = |parts: Vec<String>| parts.join(" | ");
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return either(choices.iter().map(|choice| kind(choice, style, indent, depth)).collect());
    }
    let values = schema["enum"].as_array().map(|values| either(values.iter().map(Value::to_string).collect()));
    let word = |word: &str| if word == "integer" { "number".to_owned() } else { word.to_owned() };
    match &schema["type"] {
        Value::Array(kinds) => either(kinds.iter().filter_map(Value::as_str).map(word).collect()),
        Value::String(name) => match name.as_str() {
            "object" => object(schema, style, indent, depth),
            "array" if schema["items"].is_object() => {
                let indent = if style == Style::Early { "  " } else { "" };
                format!("{}[]", kind(&schema["items"], style, indent, depth))
            }
            "array" => "Array<any>".to_owned(),
            "string" => values.unwrap_or_else(|| "string".to_owned()),
            "number" | "integer" if style == Style::Early => values.unwrap_or_else(|| "number".to_owned()),
            "number" | "integer" | "boolean" | "null" => word(name),
            _ => "any".to_owned(),
        },
        _ if has_properties(schema) => object(schema, style, indent, depth),
        _ => values.unwrap_or_else(|| "any".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_read_like_this() {
        let tool = |name: &str, description: Option<&str>, schema: Value| Tool {
            name: name.into(),
            description: description.map(str::to_owned),
            schema: Some(schema),
            raw: Value::Null,
            builtin: None,
        };
        let weather = tool(
            "get_weather",
            Some("Gets the weather.\nIn a place."),
            json!({"type": "object", "required": ["place"], "properties": {
                "place": {"type": "string", "description": "The city"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": ["integer", "null"]},
                "points": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
                "who": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            }}),
        );
        let ping = tool("ping", None, json!({"type": "object", "properties": {}}));
        assert_eq!(
            namespace([&weather, &ping].into_iter(), Style::Harmony),
            "namespace functions {\n\n\
             // Gets the weather.\n// In a place.\n\
             type get_weather = (_: {\n\
             // The city\nplace: string,\n\
             unit?: \"celsius\" | \"fahrenheit\", // default: celsius\n\
             days?: number | null,\n\
             points?: {\nx?: number,\n}[],\n\
             who?: string | null,\n\
             }) => any;\n\n\
             type ping = () => any;\n\n\
             } // namespace functions"
        );
    }

    #[test]
    fn a_schema_without_an_end_has_one() {
        let mut schema = json!({"type": "string"});
        for _ in 0..100 {
            schema = json!({"type": "object", "properties": {"in": schema}});
        }
        assert!(kind(&schema, Style::Harmony, "", DEEPEST).contains("any"));
    }
}
