//! Cohere: chat and its streams, rerank and embeddings. What is billed stands in `billed_units`; `tokens` adds the template and is not.

use super::counts::{calls, count};
use super::outcomes::no_usage;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::counts(&["billed_units"]),
        DialectSign::inside(&["meta"], bills_units).without(&["usage"]),
        DialectSign::kind(
            &["type"],
            &["message-start", "message-end", "content-start", "content-delta", "content-end", "tool-*", "citation-*"],
        ),
        DialectSign::kind(
            &["event_type"],
            &["stream-start", "stream-end", "text-generation", "search-*", "citation-*", "tool-calls-*"],
        ),
    ],
    read: Some(read),
    known: &["tokens.input_tokens", "tokens.output_tokens"],
    places: &["answers as they were saved"],
    reads: "`billed_units`, of a stream those of its last event",
    includes: "units are disjoint; `tokens` adds the template and is not billed",
    source: "https://docs.cohere.com/reference/chat",
    ..DialectSpec::new("cohere", "Cohere's chat, rerank and embeddings")
};

fn bills_units(seen: &SeenObject) -> bool {
    seen.object.object("meta").is_some_and(|meta| meta.has("billed_units"))
}

/// A body of any endpoint, or an event of a stream, whose last one has the usage. It does not name its model.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.has("event_type") || object.text("type").is_some_and(|kind| kind.contains('-')) {
        let end = object.object("delta").or_else(|| object.object("response"));
        let end = end.filter(|end| end.has("usage") || end.has("meta"));
        return end.map_or(Ok(()), |end| read(&end, out));
    }
    let around = object.object("usage").or_else(|| object.object("meta")).unwrap_or_default();
    let Some(billed) = around.object("billed_units") else { return Err(no_usage()) };
    let mut counted = Usage::tokens_in_out(count(&billed, "input_tokens")?, count(&billed, "output_tokens")?);
    calls(&mut counted, Meter::SearchUnits, &billed, "search_units")?;
    if count(&billed, "images")? > 0 && !billed.has("image_tokens") {
        calls(&mut counted, Meter::InputImages, &billed, "images")?;
    }
    counted.set_tokens(Meter::InputImage, count(&billed, "image_tokens")?);
    if count(&billed, "classifications")? > 0 {
        return Err(RecordError::Context("classifications: no price is known for them".into()));
    }
    if billed.is_empty() {
        let what = "billed_units is empty: what Cohere bills for the answer is not known";
        return Err(RecordError::Form(what.into()));
    }
    let mut entry = Entry::new(Dialect::Cohere, counted);
    entry.assume("cohere");
    entry.model = object.text("model");
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
