//! Answers of Mistral's OCR, which are billed by the page: more where a page or the document was annotated too.

use super::counts::count;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::own(&["usage_info"])],
    read: Some(read),
    known: &["doc_size_bytes"],
    places: &["answers of `/v1/ocr`, as they were saved"],
    reads: "`pages_processed`, and whether they were annotated",
    includes: "pages alone are billed",
    source: "https://docs.mistral.ai/api/endpoint/ocr",
    ..DialectSpec::new("mistral-ocr", "answers of Mistral's OCR")
};

/// An answer: its pages are read, or read and annotated.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage = object.object("usage_info").unwrap_or_default();
    let pages = count(&usage, "pages_processed")?;
    if pages == 0 {
        return Err(RecordError::Form("the answer does not say how many pages were read".into()));
    }
    let meter = if is_annotated(object) { Meter::AnnotatedPages } else { Meter::Pages };
    let mut counted = Usage::default();
    counted.set(meter, pages.into());
    let mut entry = Entry::new(Dialect::MistralOcr, counted);
    entry.assume("mistral");
    entry.model = object.text("model");
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// Whether the document or one of its pictures was described in a form that the request asked for.
fn is_annotated(object: &Object) -> bool {
    let is_said = |object: &Object, name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let pages = object.objects("pages");
    let mut images = pages.flat_map(|page| page.objects("images"));
    is_said(object, "document_annotation") || images.any(|image| is_said(&image, "image_annotation"))
}
