//! Output and error files of OpenAI's batches, and of others like them.

use super::counts::count;
use super::openai_chat::body_entry;
use super::outcomes::{error_text, failed, no_usage};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, State, openai_responses};
use crate::context::Dimension;
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["custom_id"])],
    read: Some(read),
    is_common: true,
    known: &["text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"],
    places: &["output and error files of batches"],
    reads: "the body inside of each line, at batch prices",
    includes: "as in the body inside",
    source: "https://platform.openai.com/docs/api-reference/batch/request-output",
    ..DialectSpec::new("openai-batch", "output and error files of OpenAI-like batches")
};

/// A line of a batch's output or error file: bills as batch whatever the body inside says.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if let Some(error) = object.object("error") {
        let code = error.text("code");
        let what = error_text(object);
        let cancelled = matches!(code.as_deref(), Some("batch_cancelled" | "batch_expired"));
        let state = if cancelled { State::Cancelled(what) } else { State::Failed(what) };
        out.push(Item::Entry(Box::new(Entry::failed(Dialect::OpenAiBatch, state))));
        return Ok(());
    }
    let Some(answer) = object.object("response") else {
        let what = "a request of a batch, not its answer: nothing was used yet; `farebox estimate` prices requests";
        return Err(RecordError::Form(what.into()));
    };
    let body_of = answer.object("body").unwrap_or_default();
    let Some(usage) = body_of.object("usage") else {
        let status = count(&answer, "status_code")?;
        let text = if body_of.has("error") { error_text(&body_of) } else { "no usage".to_owned() };
        if status == 200 {
            return Err(no_usage());
        }
        out.push(failed(Dialect::OpenAiBatch, format!("status {status}: {text}")));
        return Ok(());
    };
    let before = out.len();
    if body_of.is("object", "response") {
        openai_responses::read(&body_of, out)?
    } else {
        out.push(Item::Entry(Box::new(body_entry(&body_of, &usage)?)))
    }
    for item in out.iter_mut().skip(before) {
        if let Item::Entry(entry) = item {
            entry.dialect = Dialect::OpenAiBatch;
            entry.context.remove(Dimension::ServiceTier);
            entry.context.set(Dimension::Processing, "batch");
        }
    }
    Ok(())
}
