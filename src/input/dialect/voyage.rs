//! Voyage's embeddings and rerankings, and those of others that state nothing but a total: all of it is input.

use super::counts::count;
use super::openai_chat::finish;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign { all: &["usage", "data"], ..TOTAL_ALONE },
        DialectSign { all: &["usage", "results"], ..TOTAL_ALONE },
    ],
    read: Some(read),
    is_common: true,
    places: &["answers of `/v1/embeddings` and `/v1/rerank`, as they were saved"],
    reads: "`total_tokens`",
    includes: "all of it is input",
    source: "https://docs.voyageai.com/reference/embeddings-api",
    ..DialectSpec::new("voyage", "embeddings and rerankings of Voyage and alike")
};

const TOTAL_ALONE: DialectSign = DialectSign::counts(&["total_tokens"])
    .without(&["choices", "output", "created"])
    .without_counts(&["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"]);

/// An answer. The pixels of pictures and videos are billed by a rate of their own, which the total does not tell apart.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage = object.object("usage").unwrap_or_default();
    if let Some(name) = ["image_pixels", "video_pixels"].into_iter().find(|name| !matches!(count(&usage, name), Ok(0)))
    {
        return Err(RecordError::Context(format!("{name}: no price is known for the pixels of an embedding")));
    }
    let counted = Usage::tokens_in_out(count(&usage, "total_tokens")?, 0);
    let mut entry = Entry::new(Dialect::Voyage, counted);
    let model = object.text("model");
    if model.as_deref().is_some_and(|model| model.starts_with("voyage-")) {
        entry.assume("voyage");
    }
    out.push(Item::Entry(Box::new(finish(object, entry, model)?)));
    Ok(())
}
