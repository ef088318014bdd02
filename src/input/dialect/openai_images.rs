//! Answers of OpenAI's Images API, and the last events of their streams.
//!
//! The input's text and images are parts of `input_tokens`. The output is images unless its details say otherwise, and is
//! billed as such. No answer names its model.

use super::openai_chat::{chat_usage, finish};
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::together(&["created", "data", "usage"]).without(&["object", "choices"]),
        DialectSign::kind(&["type"], &["image_generation.*", "image_edit.*"]),
    ],
    read: Some(read),
    is_common: true,
    known: &["text_tokens"],
    places: &["answers of `/v1/images` and their streams, as they were saved"],
    reads: "text and images of the prompt, images of the answer",
    includes: "text, images and the cached part are parts of the input; the output is images unless its details say otherwise",
    source: "https://platform.openai.com/docs/api-reference/images/object",
    ..DialectSpec::new("openai-images", "answers of OpenAI's Images API")
};

/// An answer, or an event of a stream: only the last one has the usage.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(usage) = object.object("usage") else { return Ok(()) };
    let mut counted = chat_usage(&usage, false)?;
    let details = usage.object("output_tokens_details");
    if !details.is_some_and(|details| details.has("text_tokens") || details.has("image_tokens")) {
        counted.set_tokens(Meter::OutputImage, counted.tokens(Meter::Output));
        counted.set_tokens(Meter::Output, 0);
    }
    let mut entry = Entry::new(Dialect::OpenAiImages, counted);
    entry.assume("openai");
    out.push(Item::Entry(Box::new(finish(object, entry, object.text("model"))?)));
    Ok(())
}
