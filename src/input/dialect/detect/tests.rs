use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::*;

/// What the samples of usage are: the dialect that all objects of a file are in, or none.
const SAMPLES: &[(&str, &str)] = &[
    ("aider/analytics.jsonl", "aider"),
    ("amp/T-0a1b.json", "amp"),
    ("anthropic/admin_cost_report.json", "anthropic-costs"),
    ("anthropic/admin_usage_report.json", "anthropic-usage"),
    ("anthropic/batch_create_body.json", ""),
    ("anthropic/batch_requests.jsonl", "openai-batch"),
    ("anthropic/batch_results.jsonl", "anthropic-batch"),
    ("anthropic/count_tokens.json", ""),
    ("anthropic/message.json", "anthropic"),
    ("anthropic/message_cached_thinking_tools.json", "anthropic"),
    ("anthropic/messages_stream.sse", "anthropic"),
    ("atif/trajectory.json", "atif"),
    ("bedrock/converse.json", "bedrock"),
    ("bedrock/invocation_log.jsonl", "bedrock"),
    ("bedrock/llama.json", "bedrock-native"),
    ("bedrock/titan_text_stream.jsonl", "bedrock-native"),
    ("claude-code/session.jsonl", "claude-code"),
    ("claude-result/result.json", "claude-result"),
    ("claude-result/stream.jsonl", "claude-result"),
    ("cline/ui_messages.json", "cline"),
    ("codex/rollout-2026-11-20T10-00-00-sample.jsonl", "codex"),
    ("codex-exec/run.jsonl", "codex-exec"),
    ("cohere/chat_v2.json", "cohere"),
    ("cohere/rerank_v2.json", "cohere"),
    ("copilot-cli/events.jsonl", "copilot-cli"),
    ("cursor/usage_events.json", "cursor"),
    ("deepseek/chat_completion.json", "openai-chat"),
    ("droid/7c2e.settings.json", "droid"),
    ("expected_normalised.json", "farebox"),
    ("gemini/batch_output.jsonl", "gemini-batch"),
    ("gemini/batch_requests.jsonl", "gemini-batch"),
    ("gemini/generate_content.json", "gemini"),
    ("gemini/generate_content_multimodal.json", "gemini"),
    ("gemini/python_dump.json", "gemini"),
    ("gemini-cli/output.json", "gemini-cli"),
    ("gemini-cli/session-2026-11-20T10-00-3f1c.jsonl", "gemini-cli"),
    ("helicone/requests.jsonl", "helicone"),
    ("inputs/generic_usage.jsonl", "farebox"),
    ("inputs/malformed.jsonl", "farebox"),
    ("inspect-ai/log.json", "inspect-ai"),
    ("jaeger/trace.json", ""),
    ("kilo/ui_messages.json", "kilo"),
    ("kimi/wire.jsonl", "kimi"),
    ("kimi-code/wire.jsonl", "kimi-code"),
    ("langchain/messages.jsonl", "langchain"),
    ("langfuse/agent_observations.jsonl", "langfuse"),
    ("langfuse/observations.jsonl", "langfuse"),
    ("langsmith/runs.jsonl", "langsmith"),
    ("litellm/logging_payload.jsonl", "litellm"),
    ("litellm/spend_logs.jsonl", "litellm"),
    ("llama-cpp/chat_completion.json", "openai-chat"),
    ("llama-cpp/completion.json", "ollama"),
    ("mistral/chat_completion.json", "openai-chat"),
    ("mistral/ocr.json", "mistral-ocr"),
    ("mistral/transcription.json", "transcription"),
    ("mlflow/trace.json", "mlflow"),
    ("ollama/chat.json", "ollama"),
    ("openai/batch_error_file.jsonl", "openai-batch"),
    ("openai/batch_object.json", "openai-batch-object"),
    ("openai/batch_output_chat.jsonl", "openai-batch"),
    ("openai/batch_request_chat.jsonl", "openai-batch"),
    ("openai/batch_request_embeddings.jsonl", "openai-batch"),
    ("openai/batch_request_responses.jsonl", "openai-batch"),
    ("openai/chat_completion.json", "openai-chat"),
    ("openai/chat_completion_audio.json", "openai-chat"),
    ("openai/chat_completion_cache_write.json", "openai-chat"),
    ("openai/chat_stream.sse", "openai-chat"),
    ("openai/costs_api.json", "openai-costs"),
    ("openai/embeddings.json", "openai-chat"),
    ("openai/images.json", "openai-images"),
    ("openai/realtime.jsonl", "openai-responses"),
    ("openai/response.json", "openai-responses"),
    ("openai/transcription.json", "transcription"),
    ("openai/usage_completions_api.json", "openai-usage"),
    ("openai-agents/trace.jsonl", "openai-agents"),
    ("opencode/msg_sample.json", "opencode"),
    ("opencode-run/run.jsonl", "opencode-run"),
    ("openhands/output.jsonl", "openhands"),
    ("openrouter/chat_completion.json", "openai-chat"),
    ("otel/agent_spans.jsonl", "otel"),
    ("otel/genai_spans_otlp.json", "otel"),
    ("otel/openinference_spans_otlp.json", "otel"),
    ("otel/vercel_spans_otlp.json", "otel"),
    ("otlp-logs/claude_code_events.json", "otlp-logs"),
    ("perplexity/chat_completion.json", "openai-chat"),
    ("phoenix/spans.jsonl", "phoenix"),
    ("pi/openclaw.jsonl", "pi"),
    ("pi/session.jsonl", "pi"),
    ("promptfoo/results.json", "promptfoo"),
    ("pydantic-ai/messages.json", "pydantic-ai"),
    ("qwen-code/chat.jsonl", "qwen-code"),
    ("roo/ui_messages.json", "roo"),
    ("vercel-ai-sdk/results.jsonl", "vercel-ai-sdk"),
    ("vertex/batch_input.jsonl", ""),
    ("vertex/batch_output.jsonl", "gemini-batch"),
    ("voyage/embeddings.json", "voyage"),
    ("xai/chat_completion.json", "openai-chat"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Where the JSON that begins a text ends.
fn end_of_json(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok().map(|_| values.byte_offset())
}

/// The objects of a text, one behind the other, whatever stands between them.
fn objects(text: &str) -> Vec<&str> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = text[at..].find('{') {
        let length = end_of_json(&text[at + next..]);
        found.extend(length.map(|length| &text[at + next..at + next + length]));
        at += next + length.unwrap_or(1);
    }
    found
}

/// Every object of a text, those inside of others too.
fn all_objects(text: &str) -> Vec<String> {
    let starts = text.match_indices("{\"").map(|(at, _)| at);
    starts.filter_map(|at| end_of_json(&text[at..]).map(|length| text[at..at + length].to_owned())).collect()
}

/// The dialects that are surest of an object.
fn surest(table: &SignTable, object: &Object) -> Vec<&'static str> {
    let looked = table.look_over(object);
    let shown = || table.signs.iter().filter(|sign| looked.shows(sign));
    let most = shown().map(|sign| sign.certainty).max();
    let mut names: Vec<_> = shown().filter(|sign| Some(sign.certainty) == most).map(|sign| sign.name).collect();
    names.dedup();
    names
}

fn each_object(take: &mut dyn FnMut(&str, &Object)) {
    let mut files = files_below("tests", &["rs", "md"]);
    files.extend(files_below("tests/data/usage", &["json", "jsonl", "sse"]));
    files
        .extend(["src", "docs", "data/examples"].iter().flat_map(|folder| files_below(folder, &["rs", "md", "jsonl"])));
    files.push(root().join("README.md"));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // As it stands, in a `format!`, and in a text with escapes.
        let texts = [text.replace("{{", "{").replace("}}", "}"), text.replace("\\\"", "\""), text];
        for text in texts.iter().flat_map(|text| all_objects(text)) {
            if let Ok(object) = Object::read(text.as_bytes()) {
                take(&text, &object);
            }
        }
    }
}

#[test]
fn samples_are_what_they_are() {
    let mut found = Vec::new();
    for file in files_below("tests/data/usage", &["json", "jsonl", "sse"]) {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut names: Vec<&str> = Vec::new();
        for object in objects(&text) {
            let object = Object::read(object.as_bytes()).unwrap();
            names.push(detect(&object).map_or("", Dialect::name));
        }
        names.dedup();
        let file = file.strip_prefix(root().join("tests/data/usage")).unwrap().display().to_string().replace('\\', "/");
        found.push((file, names.join(" ")));
    }
    let found: Vec<(&str, &str)> = found.iter().map(|(file, names)| (file.as_str(), names.as_str())).collect();
    assert_eq!(found, SAMPLES);
}

#[test]
fn no_two_dialects_are_equally_sure() {
    let mut seen = 0;
    each_object(&mut |text, object| {
        let names = surest(&TABLE, object);
        assert!(names.len() < 2, "{names:?}: {text}");
        assert_eq!(detect(object).map(Dialect::name), names.first().copied(), "{text}");
        seen += 1;
    });
    assert!(seen > 1000, "{seen}");
}

#[test]
fn the_order_of_registration_does_not_matter() {
    let mut dialects = Dialect::REGISTERED.to_vec();
    dialects.reverse();
    let reversed = SignTable::of(&dialects);
    dialects.rotate_left(11);
    dialects.swap(0, 5);
    let turned = SignTable::of(&dialects);
    each_object(&mut |text, object| {
        let found = detect(object);
        assert_eq!(reversed.detect(object), found, "{text}");
        assert_eq!(turned.detect(object), found, "{text}");
    });
}

#[test]
fn no_two_dialects_have_one_name() {
    let mut names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Dialect::ALL.len());
}
