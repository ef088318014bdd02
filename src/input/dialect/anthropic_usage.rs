//! The usage of an organization at Anthropic: pages of the Admin API, and the Console's export as a table.

use super::anthropic_reports::{page, prompt_size, state_row};
use super::counts::{calls, count};
use super::reports::{ReportKind, time};
use super::spec::{DialectSign, DialectSpec, SeenObject, TableForm, TableRows};
use super::{Bucket, Dialect, Entry, Labels};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::inside(&["data"], is_usage).without(&["usage"]),
        DialectSign::inside(&["results", "starting_at"], is_usage).without(&["usage"]),
    ],
    read: Some(page),
    tables: &[TableForm { columns: &["usage_input_tokens_no_cache"], rows: TableRows::Single(console) }],
    places: &["pages of the Admin API, the Console's CSV"],
    reads: "tokens of each bucket by model, tier, context window, region and cache lifetime, web searches",
    includes: "disjoint",
    source: "https://docs.anthropic.com/en/api/admin-api/usage-cost/get-messages-usage-report",
    ..DialectSpec::new("anthropic-usage", "Anthropic's Admin and Console usage")
};

fn is_usage(seen: &SeenObject) -> bool {
    seen.is_report(ReportKind::AnthropicUsage)
}

/// A row of the Console's export.
fn console<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    const DAY: i64 = 86_400;
    let count = |name: &str| count(row, name);
    let mut counted = Usage::tokens_in_out(count("usage_input_tokens_no_cache")?, count("usage_output_tokens")?);
    counted.set_tokens(Meter::CacheRead, count("usage_input_tokens_cache_read")?);
    let unsplit = count("usage_input_tokens_cache_write")?;
    counted.set_tokens(Meter::CacheWrite5m, count("usage_input_tokens_cache_write_5m")?.saturating_add(unsplit));
    counted.set_tokens(Meter::CacheWrite1h, count("usage_input_tokens_cache_write_1h")?);
    calls(&mut counted, Meter::WebSearches, row, "web_search_count")?;
    let mut entry = Entry::new(Dialect::AnthropicUsage, counted);
    entry.provider = Some("anthropic".into());
    entry.model = row.text("model_version").or_else(|| row.text("model"));
    entry.at = time(row, "usage_date_utc");
    let until = entry.at.map(|at| Instant::from_unix(at.unix() + DAY));
    let window = row.text("context_window");
    let prompt_tokens = window.as_deref().and_then(prompt_size);
    entry.bucket = Some(Bucket { until, prompt_tokens, requests: None });
    state_row(&mut entry, row.text("usage_type"), row.text("inference_geo"), row.text("speed"));
    entry.labels = Labels { project: row.text("workspace"), key: row.text("api_key"), ..Labels::default() };
    Ok(entry)
}
