//! Sessions of Qwen Code: `~/.qwen/projects/<folder>/chats/*.jsonl`.
//!
//! A request stands there twice: as telemetry with snake-case names, and as the assistant's line with Gemini's
//! `usageMetadata` (packages/core/src/services/chatRecordingService.ts of <https://github.com/QwenLM/qwen-code>). Requests that
//! the program makes for itself are telemetry alone. Cached tokens are a part of the prompt; whether thoughts are one of the
//! answer, the total says.

use std::borrow::Cow;

use super::agent::AgentEvent;
use super::counts::{count_any, moment};
use super::parts::{GEMINIS, Parts};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["type", "usageMetadata"]).any(&["uuid", "sessionId"]),
        DialectSign::around(&["type", "systemPayload"]).any(&["uuid", "sessionId"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["status_code"],
    places: &["~/.qwen/projects/<folder>/chats"],
    reads: "each request once, whether it stands there as telemetry, as the assistant's line, or as both",
    includes: "cached tokens are a part of the prompt; whether thoughts are one of the answer, the total says",
    source: "https://github.com/QwenLM/qwen-code/blob/main/packages/core/src/services/chatRecordingService.ts",
    ..DialectSpec::new("qwen-code", "sessions of Qwen Code")
};

/// A line of a session.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let event = object.object("systemPayload").and_then(|payload| payload.object("uiEvent"));
    let (first, counts, model) = match (&event, object.object("usageMetadata")) {
        (Some(event), _) if event.text("event.name").is_some_and(|name| name.ends_with(".api_response")) => {
            (true, event, event.text("model"))
        }
        (_, Some(usage)) if object.is("type", "assistant") => {
            let model = object.text("model");
            return push(object, false, counted(&usage)?, model, out);
        }
        _ => return Ok(()),
    };
    push(object, first, counted(counts)?, model, out)
}

fn push<'a>(
    object: &Object<'a>,
    first: bool,
    usage: Usage,
    model: Option<Cow<'a, str>>,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    let mut entry = Entry::new(Dialect::QwenCode, usage);
    entry.model = model;
    entry.at = object.get("timestamp").and_then(moment);
    entry.labels = Labels { project: object.text("cwd"), session: object.text("sessionId"), ..Labels::default() };
    if entry.usage.used().next().is_some() {
        out.push(AgentEvent::Either(first, entry).into());
    }
    Ok(())
}

/// Thoughts and results of tools stand beside unless the total says that they are inside.
fn counted(usage: &Object) -> Result<Usage, RecordError> {
    let parts = Parts {
        input: count_any(usage, &["promptTokenCount", "input_token_count"])?,
        read: count_any(usage, &["cachedContentTokenCount", "cached_content_token_count"])?,
        output: count_any(usage, &["candidatesTokenCount", "output_token_count"])?,
        thinking: count_any(usage, &["thoughtsTokenCount", "thoughts_token_count"])?,
        tools: count_any(usage, &["toolUsePromptTokenCount", "tool_token_count"])?,
        total: Some(count_any(usage, &["totalTokenCount", "total_token_count"])?),
        usually: GEMINIS,
        knows_caches: true,
        ..Parts::default()
    };
    parts.usage()
}
