//! The batch object of OpenAI.

use super::counts::{count, moment};
use super::openai_chat::chat_usage;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item};
use crate::context::Dimension;
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::kind(&["object"], &["batch"])],
    read: Some(read),
    places: &["answers of `/v1/batches`"],
    reads: "the sums in `usage`, where the batch has ended",
    includes: "caches are parts of the input, thinking of the output",
    source: "https://platform.openai.com/docs/api-reference/batch/object",
    ..DialectSpec::new("openai-batch-object", "the batch object of OpenAI")
};

/// The batch object, which sums up its requests.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let status = object.text("status");
    let Some(usage) = object.object("usage") else {
        let what = match status.as_deref() {
            Some("completed") => "the batch says nothing about its usage: read its output file",
            _ => "the batch has used nothing yet",
        };
        return Err(RecordError::Form(what.into()));
    };
    let mut entry = Entry::new(Dialect::OpenAiBatchObject, chat_usage(&usage, false)?);
    entry.provider = Some("openai".into());
    entry.model = object.text("model");
    entry.at = object.get("created_at").and_then(moment);
    entry.context.set(Dimension::Processing, "batch");
    let counts = object.object("request_counts").unwrap_or_default();
    let requests = count(&counts, "completed")?;
    let until = object.get("completed_at").and_then(moment);
    entry.bucket = Some(Bucket { requests: Some(requests).filter(|n| *n > 0), until, prompt_tokens: None });
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
