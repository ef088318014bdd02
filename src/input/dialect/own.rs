//! farebox's own record.

use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels};
use crate::input::json::{Object, Value};
use crate::input::record::{Record, RecordError, of_object};

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::fallback(&["usage"]),
        DialectSign::fallback(&["model"]).without(&["object", "messages", "data", "meta"]),
    ],
    read: Some(read),
    places: &["any file, one JSON object a line"],
    reads: "model, provider, time, every meter by its name, and `context`: tier, region, processing",
    includes: "`input_tokens` is the whole prompt and `output_tokens` the whole answer; caches, audio and images are parts of the prompt, thinking of the answer",
    source: "https://github.com/farebox/farebox",
    ..DialectSpec::new("farebox", "farebox's own record")
};

/// farebox's own record; what it can be grouped by may stand beside the model.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let mut entry = of_record(of_object(object)?);
    if has_more(object) {
        entry.labels = labels(object);
    }
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// Whether something stands beside what every record has: few records have labels, and six names are long to look for.
fn has_more(object: &Object<'_>) -> bool {
    object.raw_fields().any(|(name, _)| !matches!(name, b"provider" | b"model" | b"timestamp" | b"usage" | b"context"))
}

fn labels<'a>(object: &Object<'a>) -> Labels<'a> {
    let mut labels = Labels {
        project: object.text("project"),
        session: object.text("session"),
        key: object.text("key"),
        tags: object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect(),
    };
    for name in ["agent", "host"] {
        labels.tags.extend(object.text(name).map(|text| format!("{name}:{text}").into()));
    }
    labels
}

/// An entry of farebox's own record.
pub(super) fn of_record(record: Record<'_>) -> Entry<'_> {
    let Record { provider, model, at, usage, context } = record;
    Entry { provider, model, at, context, ..Entry::new(Dialect::Own, usage) }
}
