//! The tasks of Cline and of the extensions that began as copies of it: `ui_messages.json`, a list of messages.
//!
//! A request is a message that says `api_req_started`, with its counts as a JSON text (src/shared/getApiMetrics.ts of
//! <https://github.com/cline/cline>, packages/core/src/message-utils of <https://github.com/RooCodeInc/Roo-Code>). The message is
//! changed in its place, so that each request stands there once. Requests that were taken back are summed up in one message.

use std::borrow::Cow;

use super::agent::Disjoint;
use super::counts::moment;
use super::entry::id_of;
use super::{Bucket, Dialect, Entry, Item, Reported};
use crate::input::json::{Object, Value};
use crate::input::left::leave;
use crate::input::record::RecordError;

/// What a message says that names a request, or several that were taken back.
const REQUESTS: [&str; 3] = ["api_req_started", "deleted_api_reqs", "subagent_usage"];

/// Which fork a message is of that names the protocol, or the host that answered, beside its counts.
pub(super) fn fork_of(message: &Object) -> Option<Dialect> {
    let text = message.text("text").filter(|_| is_request(message))?;
    let said = Object::read(text.as_bytes()).ok()?;
    match () {
        () if said.has("inferenceProvider") => Some(Dialect::Kilo),
        () if said.has("apiProtocol") => Some(Dialect::Roo),
        () => None,
    }
}

fn is_request(object: &Object) -> bool {
    REQUESTS.iter().any(|kind| object.is("say", kind))
}

/// A message of a task.
pub(super) fn read_message<'a>(
    object: &Object<'a>,
    dialect: Dialect,
    out: &mut Vec<Item<'a>>,
) -> Result<(), RecordError> {
    let Some(text) = object.text("text").filter(|_| is_request(object)) else { return Ok(()) };
    let said = Object::read(text.as_bytes())?;
    let counts = Disjoint::of(&said, ["tokensIn", "cacheReads", "cacheWrites", "tokensOut", ""])?;
    // Without counts the request never answered.
    if counts == Disjoint::default() {
        return Ok(());
    }
    let of_model = object.object("modelInfo").unwrap_or_default();
    let provider = of_model.text("providerId");
    let counts = match dialect {
        Dialect::Cline => of_cline(counts, provider.as_deref())?,
        _ => of_roo(counts, said.text("apiProtocol").as_deref())?,
    };
    let mut entry = Entry::new(dialect, counts.into());
    entry.provider = provider;
    entry.model = of_model.text("modelId");
    entry.at = object.get("ts").and_then(moment);
    entry.reported = Reported::stated(said.get("cost"));
    let written = object.get("ts").and_then(Value::word).unwrap_or_default();
    entry.id = Some(id_of(&[dialect.name(), written, &text]));
    if !object.is("say", "api_req_started") {
        entry.bucket = Some(Bucket::default());
    }
    entry.labels.tags.extend(of_model.text("mode").map(|mode| Cow::Owned(format!("mode:{mode}"))));
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// Cline takes the cache out of the input for the providers that it knows, which its versions do not do alike: only of
/// Anthropic's counts it is certain. Behind a server of the user's own it adds up what that server says.
fn of_cline(counts: Disjoint, provider: Option<&str>) -> Result<Disjoint, RecordError> {
    let cached = counts.cache_read.saturating_add(counts.cache_write);
    let is_anthropics = matches!(provider, Some("anthropic" | "claude-code" | "bedrock"));
    if cached == 0 || is_anthropics {
        return Ok(counts);
    }
    let is_own = matches!(provider, Some("openai" | "litellm" | "lmstudio" | "ollama" | "requesty" | "vscode-lm"));
    if is_own && counts.input >= cached {
        return Err(ambiguous(
            counts,
            "behind a server of your own, Cline may count the cache in tokensIn or beside it",
        ));
    }
    leave("", "cacheReads and cacheWrites that tokensIn may hold as well", cached.to_string());
    Ok(counts)
}

/// Roo Code counts the cache in the input since 3.29.5; before, it stood beside it where Anthropic's protocol was spoken.
fn of_roo(counts: Disjoint, protocol: Option<&str>) -> Result<Disjoint, RecordError> {
    let cached = counts.cache_read.saturating_add(counts.cache_write);
    match () {
        () if cached == 0 => Ok(counts),
        () if protocol == Some("openai") && counts.input >= cached => counts.with_cache_inside("tokensIn"),
        () => Err(ambiguous(
            counts,
            "Roo Code counts the cache in tokensIn since 3.29.5 and beside it before, and the file does not say which",
        )),
    }
}

fn ambiguous(counts: Disjoint, why: &str) -> RecordError {
    let Disjoint { input, cache_read, cache_write, .. } = counts;
    RecordError::Usage(format!(
        "tokensIn {input}, cacheReads {cache_read}, cacheWrites {cache_write}: {why}, so this request was not added"
    ))
    .or("export the provider's own usage for it; requests without a cache count")
}
