//! Fields of a request that bring along what is not in it, or that nobody here knows: [`name_unread`].

use serde_json::{Map, Value};

use super::odd::Odd;

/// Fields that name what the provider keeps, or that have it search: what comes of either is in no request.
const BRING: [&str; 15] = [
    "previous_response_id",
    "conversation",
    "cachedContent",
    "cached_content",
    "container",
    "context",
    "thread_id",
    "assistant_id",
    "file_ids",
    "connectors",
    "data_sources",
    "enable_search",
    "plugins",
    "search_parameters",
    "web_search_options",
];

/// Fields that are counted, or that say how the model is to answer and cost nothing.
const KNOWN: &[&str] = &[
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "additional_drop_params",
    "anthropic_beta",
    "anthropic_version",
    "audio",
    "background",
    "cache_control",
    "chat_history",
    "chat_template_kwargs",
    "clear_thinking",
    "client_metadata",
    "content",
    "contents",
    "context_management",
    "custom_id",
    "embedding_types",
    "encoding_format",
    "extra_body",
    "extra_headers",
    "format",
    "function_call",
    "functions",
    "generationConfig",
    "generation_config",
    "include",
    "inferenceConfig",
    "inferenceParameters",
    "input",
    "instructions",
    "key",
    "labels",
    "logit_bias",
    "message",
    "messages",
    "metadata",
    "mm_processor_kwargs",
    "modalities",
    "models",
    "moderation",
    "options",
    "outputConfig",
    "output_config",
    "output_format",
    "parameters",
    "performanceConfig",
    "preamble",
    "prompt_cache_options",
    "promptVariables",
    "provider",
    "reasoning",
    "requestMetadata",
    "requests",
    "response_format",
    "safetySettings",
    "safety_settings",
    "serviceTier",
    "stop",
    "stop_sequences",
    "stream_options",
    "system",
    "systemInstruction",
    "system_instruction",
    "text",
    "texts",
    "thinking",
    "toolConfig",
    "tool_choice",
    "tool_config",
    "tools",
    "transforms",
];

/// Names the fields whose tokens are not counted. A number, a switch or a word of an unknown field cannot cost much; a text,
/// a list or an object can.
pub(super) fn name_unread(map: &Map<String, Value>, odd: &mut Odd) {
    /// The longest text that is a word.
    const WORD: usize = 64;
    for (key, value) in map {
        if BRING.contains(&key.as_str()) {
            if !matches!(value, Value::Null | Value::Bool(false)) && value.as_array().is_none_or(|all| !all.is_empty())
            {
                odd.name(format!("what {key} brings along"));
            }
            continue;
        }
        let may_cost = match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => text.len() > WORD && !KEYS.contains(&key.as_str()),
            _ => false,
        };
        // A prompt is counted where it is a text; as an object it names one that the provider keeps.
        let known = KNOWN.contains(&key.as_str()) || key == "prompt" && !value.is_object();
        if may_cost && !known {
            odd.unread(key.as_str(), value);
        }
    }
}

/// Fields whose long text names something.
const KEYS: [&str; 7] =
    ["model", "modelId", "prompt_cache_key", "safety_identifier", "session_id", "user", "guardrailIdentifier"];
