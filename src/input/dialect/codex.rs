//! Sessions of Codex: `~/.codex/sessions/<year>/<month>/<day>/rollout-*.jsonl` and `~/.codex/archived_sessions`.
//!
//! `token_count` has the totals of the session so far and the last request alone; the cached and the written part stand
//! inside of the input, thinking inside of the output. `token_usage_record` is one request. `turn_context` and
//! `thread_settings_applied` name the model of what follows. A fork and a subagent's session begin with the head, and may
//! go on with the lines, of the session that they were started from.

use super::counts::{count, state_tier};
use super::entry::{Running, SessionCounts, SessionHead, SessionSettings, id_of};
use super::spec::{DialectSign, DialectSpec};
use super::{Event, Item, Labels};
use crate::context::Context;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["type", "payload", "timestamp"])],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.codex/sessions", "~/.codex/archived_sessions"],
    reads: "the running totals of a session, records of its requests, the model and the tier of what follows",
    includes: "cached and written input are parts of the input, thinking of the output; totals run through the session, and what a fork or a subagent copied counts in the session it was copied from",
    source: "https://github.com/openai/codex/blob/main/codex-rs/protocol/src/protocol.rs",
    ..DialectSpec::new("codex", "sessions of Codex")
};

/// A line of a Codex session: its totals run through the session, and its model is the latest one named.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let kind = object.text("type");
    if !matches!(kind.as_deref(), Some("session_meta" | "turn_context" | "event_msg" | "token_usage_record")) {
        return Ok(());
    }
    let Some(payload) = object.object("payload") else { return Ok(()) };
    let at = || object.get("timestamp").and_then(milliseconds);
    match kind.as_deref() {
        Some("session_meta") => out.push(Item::Event(Event::Session(Box::new(head(&payload, at()))))),
        Some("turn_context") => push_settings(payload.text("model"), out),
        Some("token_usage_record") => {
            let Some(usage) = payload.object("usage") else { return Ok(()) };
            out.push(Item::Event(Event::Counts(Box::new(SessionCounts {
                at: at(),
                last: Some(running(&usage)?),
                is_record: true,
                response: payload.text("response_id").map(|id| id_of(&["response", &id])),
                session: payload.text("thread_id"),
                total: None,
            }))));
        }
        _ if payload.is("type", "thread_settings_applied") => {
            if let Some(settings) = payload.object("thread_settings") {
                out.push(Item::Event(Event::Settings(Box::new(applied(&settings)))));
            }
        }
        _ if payload.is("type", "token_count") => {
            let Some(info) = payload.object("info") else { return Ok(()) };
            push_settings(info.text("model"), out);
            let of = |name: &str| info.object(name).map(|usage| running(&usage)).transpose();
            let (total, last) = (of("total_token_usage")?, of("last_token_usage")?);
            if total.is_some() || last.is_some() {
                let counts = SessionCounts { at: at(), total, last, ..SessionCounts::default() };
                out.push(Item::Event(Event::Counts(Box::new(counts))));
            }
        }
        _ => {}
    }
    Ok(())
}

fn push_settings<'a>(model: Option<std::borrow::Cow<'a, str>>, out: &mut Vec<Item<'a>>) {
    if model.is_some() {
        let settings = SessionSettings { model, ..SessionSettings::default() };
        out.push(Item::Event(Event::Settings(Box::new(settings))));
    }
}

fn head<'a>(payload: &Object<'a>, at: Option<i64>) -> SessionHead<'a> {
    let spawned = payload.object("source").filter(|source| source.has("subagent"));
    let spawn = spawned.as_ref().and_then(|source| source.object("subagent")?.object("thread_spawn"));
    let spawner = spawn.and_then(|spawn| spawn.text("parent_thread_id"));
    let is_subagent = spawned.is_some() || payload.is("thread_source", "subagent");
    let parent = payload.text("forked_from_id").or_else(|| payload.text("parent_thread_id")).or(spawner);
    SessionHead {
        labels: Labels {
            project: payload.text("cwd"),
            session: payload.text("id").or_else(|| payload.text("session_id")),
            tags: is_subagent.then(|| "subagent".into()).into_iter().collect(),
            ..Labels::default()
        },
        provider: payload.text("model_provider"),
        begun: at.or_else(|| payload.get("timestamp").and_then(milliseconds)),
        is_child: parent.is_some() || is_subagent,
        parent,
    }
}

/// All of a thread's settings: what is not among them is as usual.
fn applied<'a>(settings: &Object<'a>) -> SessionSettings<'a> {
    let mut context = Context::default();
    match settings.text("service_tier").as_deref() {
        // What Codex calls its fast mode asks for the provider's priority.
        Some("fast") => state_tier(&mut context, "priority"),
        Some(tier) => state_tier(&mut context, tier),
        None => {}
    }
    SessionSettings {
        model: settings.text("model"),
        provider: settings.text("model_provider_id"),
        context: Some(context),
    }
}

fn running(usage: &Object) -> Result<Running, RecordError> {
    Ok(Running {
        input: count(usage, "input_tokens")?,
        cached: count(usage, "cached_input_tokens")?,
        written: count(usage, "cache_write_input_tokens")?,
        output: count(usage, "output_tokens")?,
        thinking: count(usage, "reasoning_output_tokens")?,
    })
}

/// A moment to the millisecond: how fast lines follow each other tells a copy of them from requests.
fn milliseconds(value: Value) -> Option<i64> {
    let word = value.word()?;
    let exact = word.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    exact.or_else(|| Some(crate::input::moment::moment_in(word)?.unix().saturating_mul(1_000)))
}
