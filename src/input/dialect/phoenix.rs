//! Spans of Arize Phoenix: as its client returns them, and as rows of the dataframe that it exports.

use super::attributes::Attributes;
use super::spans::span;
use super::spec::{DialectSign, DialectSpec, TableForm, TableRows};
use super::{Dialect, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::own(&["context.span_id"]), DialectSign::around(&["attributes", "context", "span_kind"])],
    read: Some(read),
    tables: &[TableForm { columns: &["context.span_id", "span_kind", "start_time"], rows: TableRows::Objects(read) }],
    returns: true,
    places: &["spans of the client, dataframes as JSON Lines or CSV"],
    reads: "`llm.token_count.*` of LLM, EMBEDDING and RERANKER spans; others only where none of those below them says what it used",
    includes: "caches are parts of the prompt, thinking of the completion",
    source: "https://arize-ai.github.io/openinference/spec/semantic_conventions.html",
    ..DialectSpec::new("phoenix", "spans of Arize Phoenix")
};

/// A span: its attributes stand in an object, or each in a column of its own.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let attributes = if object.has("attributes") { Attributes::of(object) } else { Attributes::in_columns(object) };
    span(Dialect::Phoenix, object, &attributes, &Attributes::default(), out)
}
