//! Results of Anthropic's batches.

use super::anthropic::push_message;
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, State};
use crate::context::Dimension;
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["custom_id", "result"])],
    read: Some(read),
    known: &["web_fetch_requests"],
    places: &["results files of batches"],
    reads: "the message inside of each line that succeeded, at batch prices",
    includes: "as in the message inside",
    source: "https://docs.anthropic.com/en/api/retrieving-message-batch-results",
    ..DialectSpec::new("anthropic-batch", "results of Anthropic's batches")
};

/// A line of a batch's results: only those that succeeded are billed.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let result = object.object("result").unwrap_or_default();
    let kind = result.text("type");
    match kind.as_deref() {
        Some("succeeded") => {
            let inner = result.object("message").unwrap_or_default();
            let Some(usage) = inner.object("usage") else { return Err(no_usage()) };
            let before = out.len();
            push_message(&inner, &usage, out)?;
            for item in out.iter_mut().skip(before) {
                if let Item::Entry(entry) = item {
                    entry.dialect = Dialect::AnthropicBatch;
                    entry.context.remove(Dimension::ServiceTier);
                    entry.context.set(Dimension::Processing, "batch");
                }
            }
        }
        Some("errored") => out.push(failed(Dialect::AnthropicBatch, error_text(&result))),
        Some(kind @ ("canceled" | "expired")) => {
            let state = State::Cancelled(format!("the request was {kind}"));
            out.push(Item::Entry(Box::new(Entry::failed(Dialect::AnthropicBatch, state))));
        }
        _ => return Err(RecordError::Form("result.type is none of succeeded, errored, canceled, expired".into())),
    }
    Ok(())
}
