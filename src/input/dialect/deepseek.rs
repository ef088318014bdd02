//! DeepSeek's export of amounts and costs: tables.

use super::reports::{charge, time};
use super::spec::{DialectSpec, TableForm, TableRows};
use super::{Bucket, Dialect, Entry, Labels};
use crate::input::json::Object;
use crate::input::record::{RecordError, whole};
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    tables: &[
        // A row for each kind of token.
        TableForm {
            columns: &["type", "price", "amount"],
            rows: TableRows::Joined {
                same: &["user_id", "start_time_iso", "end_time_iso", "model", "api_key_name", "api_key"],
                begin,
                add,
            },
        },
        TableForm { columns: &["wallet_type", "cost"], rows: TableRows::Single(cost) },
    ],
    places: &["the platform's export of amounts (CSV)"],
    reads: "rows of one day, model and key, which together are one record",
    includes: "cache hits and misses are disjoint",
    source: "https://platform.deepseek.com/usage",
    ..DialectSpec::new("deepseek-export", "DeepSeek's export of amounts and costs")
};

fn begin<'a>(row: &Object<'a>) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::DeepSeekExport, Usage::default());
    entry.provider = Some("deepseek".into());
    entry.model = row.text("model");
    entry.at = time(row, "start_time_iso");
    entry.bucket = Some(Bucket { until: time(row, "end_time_iso"), ..Bucket::default() });
    entry.labels = Labels { key: row.text("api_key_name"), project: row.text("user_id"), ..Labels::default() };
    entry
}

fn add(entry: &mut Entry<'static>, row: &Object) -> Result<(), RecordError> {
    let written = row.text("amount").unwrap_or_default();
    let kind = row.text("type").unwrap_or_default();
    let amount = whole(&kind, &written)?;
    let meter = match &*kind {
        "input_cache_hit_tokens" => Meter::CacheRead,
        "input_cache_miss_tokens" | "input_tokens" => Meter::Input,
        "output_tokens" => Meter::Output,
        "request_count" => {
            entry.bucket.get_or_insert_default().requests = Some(amount);
            return Ok(());
        }
        other => return Err(RecordError::Usage(format!("no kind of amount is called {other:?}"))),
    };
    entry.usage.set_tokens(meter, entry.usage.tokens(meter).saturating_add(amount));
    Ok(())
}

fn cost<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    charge(row, Dialect::DeepSeekExport, "deepseek", "cost", "currency")
}
