//! The activity that OpenRouter exports: one request a row.
//!
//! Cached tokens stand inside of the prompt and thinking inside of the completion. Each request was billed by OpenRouter.

use std::borrow::Cow;

use super::counts::{count, moment};
use super::entry::{id_of, request_of};
use super::parts::Parts;
use super::spec::{DialectSpec, TableForm, TableRows};
use super::{Dialect, Entry, Labels, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    tables: &[TableForm {
        columns: &["generation_id", "model_permaslug", "tokens_prompt", "tokens_completion"],
        rows: TableRows::Single(row),
    }],
    returns: true,
    places: &["the export of openrouter.ai/activity"],
    reads: "`tokens_prompt`, `tokens_completion`, `tokens_cached`, `tokens_reasoning`, `variant`, `cost_total`",
    includes: "caches are parts of the prompt, thinking of the completion",
    source: "https://openrouter.ai/activity",
    ..DialectSpec::new("openrouter-activity", "OpenRouter's activity export (CSV)")
};

fn row<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let parts = Parts {
        input: count(row, "tokens_prompt")?,
        output: count(row, "tokens_completion")?,
        read: count(row, "tokens_cached")?,
        thinking: count(row, "tokens_reasoning")?,
        ..Parts::default()
    };
    let mut entry = Entry::new(Dialect::OpenRouterActivity, parts.usage()?);
    entry.provider = Some("openrouter".into());
    let variant = row.text("variant").filter(|variant| *variant != "standard");
    entry.model = row.text("model_permaslug").map(|model| match variant {
        Some(variant) if !model.contains(':') => Cow::Owned(format!("{model}:{variant}")),
        _ => model,
    });
    let generation = row.text("generation_id");
    entry.id = generation.as_deref().map(|id| id_of(&["openrouter", id]));
    entry.request = request_of(generation.as_deref());
    entry.at = row.get("created_at").and_then(moment);
    entry.reported = row.get("cost_total").and_then(Value::decimal).map(Reported::usd);
    entry.labels = Labels { project: row.text("app_name"), key: row.text("api_key_name"), ..Labels::default() };
    Ok(entry)
}
