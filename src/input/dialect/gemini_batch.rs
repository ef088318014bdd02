//! Batch output of Gemini and Vertex AI.

use super::counts::moment;
use super::outcomes::{error_text, failed};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Item, Naming, anthropic, gemini};
use crate::context::Dimension;
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["custom_id"]).any(&["processed_time", "status"]).without(&["result"]),
        DialectSign::around(&["processed_time"]).without(&["custom_id", "usageMetadata"]),
        DialectSign::around(&["key"]).any(&["response", "error", "request"]).without(&["custom_id", "usageMetadata"]),
    ],
    read: Some(read),
    places: &["output files of batches"],
    reads: "the answer inside of each line, at batch prices",
    includes: "as in the answer inside",
    source: "https://ai.google.dev/gemini-api/docs/batch-api",
    ..DialectSpec::new("gemini-batch", "batch output of Gemini and Vertex AI")
};

/// A line of batch output: of the Gemini API (`key`, `response`) or of Vertex AI (`status`, `request`, `response`).
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let is_vertex = object.has("status") || object.has("processed_time");
    let answer = object.object("response").unwrap_or_default();
    let status = object.text("status");
    if !answer.has("usageMetadata") && !answer.has("usage") {
        if status.is_none() && object.get("error").is_none() {
            let what = "a request of a batch, not its answer: nothing was used yet; `farebox estimate` prices requests";
            return Err(RecordError::Form(what.into()));
        }
        let what = status.map_or_else(|| error_text(object), std::borrow::Cow::into_owned);
        out.push(failed(Dialect::GeminiBatch, what));
        return Ok(());
    }
    let before = out.len();
    // Claude runs in Vertex AI's batches too.
    if answer.has("usageMetadata") {
        gemini::read(&answer, out)?
    } else {
        anthropic::read(&answer, out)?
    }
    for item in out.iter_mut().skip(before) {
        if let Item::Entry(entry) = item {
            entry.dialect = Dialect::GeminiBatch;
            entry.id = None;
            if is_vertex {
                entry.provider = Some("vertex".into());
                entry.naming = Naming::Stated;
            }
            entry.at = object.get("processed_time").and_then(moment).or(entry.at);
            entry.context.remove(Dimension::ServiceTier);
            entry.context.set(Dimension::Processing, "batch");
        }
    }
    Ok(())
}
