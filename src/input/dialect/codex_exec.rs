//! What `codex exec --json` prints.
//!
//! A line an event (<https://developers.openai.com/codex/noninteractive>, codex-rs/exec/src/exec_events.rs of
//! <https://github.com/openai/codex>): `turn.completed` has the usage of the whole thread so far, cached and written tokens as
//! parts of the input, thinking as a part of the output. Neither model nor time.

use super::agent::{AgentEvent, Disjoint, Known};
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::kind(&["type"], &["thread.started", "turn.*"]),
        DialectSign::kind(&["type", "item"], &["item.*"]),
    ],
    read: Some(read),
    is_agent: true,
    places: &["the output of `codex exec --json`"],
    reads: "what each turn adds to its thread; the lines name no model",
    includes: "cached and written tokens are parts of the input, thinking of the output; the counts are those of the thread so far",
    source: "https://github.com/openai/codex/blob/main/codex-rs/exec/src/exec_events.rs",
    ..DialectSpec::new("codex-exec", "what `codex exec --json` prints")
};

/// An event.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.is("type", "thread.started") {
        out.push(AgentEvent::Begin(Known { session: object.text("thread_id"), ..Known::default() }).into());
        return Ok(());
    }
    let Some(usage) = object.object("usage").filter(|_| object.is("type", "turn.completed")) else { return Ok(()) };
    let counts = Disjoint::of(
        &usage,
        ["input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens", "reasoning_output_tokens"],
    )?;
    let counts = counts.with_cache_inside("input_tokens")?.with_thinking_inside("output_tokens")?;
    let mut entry = Entry::new(Dialect::CodexExec, counts.into());
    entry.assume("openai");
    entry.bucket = Some(Bucket::default());
    out.push(AgentEvent::Running(entry).into());
    Ok(())
}
