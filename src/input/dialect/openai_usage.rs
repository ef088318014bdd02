//! The usage of an organization at OpenAI: pages of the API, and the export as a table.

use super::Entry;
use super::openai_reports::{page, usage_row};
use super::reports::{ReportKind, time};
use super::spec::{DialectSign, DialectSpec, SeenObject, TableForm, TableRows};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::inside(&["data"], is_usage).without(&["usage"]),
        DialectSign::inside(&["results", "start_time"], is_usage).without(&["usage"]),
    ],
    read: Some(page),
    tables: &[TableForm { columns: &["num_model_requests"], rows: TableRows::Single(exported) }],
    known: &["input_text_tokens", "output_text_tokens", "input_cached_text_tokens", "input_cached_image_tokens"],
    places: &["pages of `/v1/organization/usage/…`, the dashboard's CSV"],
    reads: "tokens, requests and model of each bucket, tier and batch where the report is grouped by them",
    includes: "caches, audio and images are parts of the input; the splits of the input by medium and by cache overlap",
    source: "https://platform.openai.com/docs/api-reference/usage",
    ..DialectSpec::new("openai-usage", "usage of an organization at OpenAI, API and export")
};

fn is_usage(seen: &SeenObject) -> bool {
    seen.is_report(ReportKind::OpenAiUsage)
}

/// A row of the export, which has the names of the API.
fn exported<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    usage_row(row, (time(row, "start_time"), time(row, "end_time")))
}
