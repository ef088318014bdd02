//! The row of a record in machine-readable formats.

use serde_json::{Map, Value, json};

use super::priced::{Outcome, Priced, Verdict};
use crate::cli::shared::{Setup, table_json};
use farebox::input::dialect::Entry;

pub(super) fn machine(source: &str, line: u64, outcome: &Outcome, setup: &Setup) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("source".into(), json!(source));
    row.insert("line".into(), json!(line));
    row.insert("provider".into(), json!(outcome.provider));
    row.insert("model".into(), json!(outcome.model));
    let has_time = outcome.entry.is_some_and(|entry| entry.at.is_some());
    match &outcome.verdict {
        Verdict::Priced(priced) => add_price(&mut row, priced, outcome, setup),
        Verdict::Refused(refused) => {
            row.insert("status".into(), json!(refused.status));
            row.insert("total_usd".into(), Value::Null);
            row.insert("reason".into(), json!(refused.reason));
            if refused.status == "unknown-model" {
                row.insert("suggestions".into(), json!(refused.suggestions));
            }
        }
        Verdict::Free(status, why) => {
            row.insert("status".into(), json!(status));
            row.insert("total_usd".into(), json!("0"));
            row.insert("reason".into(), json!(why));
        }
        Verdict::Charge(what) => {
            row.insert("status".into(), json!("charge"));
            row.insert("total_usd".into(), Value::Null);
            row.insert("reason".into(), json!(what));
        }
    }
    if !has_time && matches!(outcome.verdict, Verdict::Priced(_)) {
        row.insert("timestamp".into(), Value::Null);
    }
    if let Some(entry) = outcome.entry {
        add_entry(&mut row, entry);
    }
    row.insert("table".into(), table_json(setup));
    row
}

fn add_price(row: &mut Map<String, Value>, priced: &Priced, outcome: &Outcome, setup: &Setup) {
    let cost = &priced.cost;
    row.insert("status".into(), json!("priced"));
    row.insert("total_usd".into(), json!(cost.total));
    if let Some((low, high)) = priced.range {
        row.insert("low_usd".into(), json!(low));
        row.insert("high_usd".into(), json!(high));
    }
    row.insert("lines".into(), json!(cost.lines));
    if !cost.applied.is_empty() {
        row.insert("applied".into(), json!(cost.applied));
    }
    setup.add_currency(row, cost.total, outcome.at);
    row.insert("card".into(), json!(priced.found.full_id()));
    if let Some(assumed) = priced.assumed {
        row.insert("assumed".into(), json!(assumed.about()));
    }
    row.insert("priced_at".into(), json!(outcome.at));
    row.insert(
        "rates".into(),
        json!({"from": cost.period.from, "to": cost.period.to, "source": cost.source.url,
               "checked": cost.source.checked, "basis": cost.source.basis}),
    );
}

/// What else the record says: only what is there.
fn add_entry(row: &mut Map<String, Value>, entry: &Entry) {
    row.insert("dialect".into(), json!(entry.dialect.name()));
    if let Some(at) = entry.at {
        row.insert("timestamp".into(), json!(at));
    }
    let labels = &entry.labels;
    for (name, label) in [("project", &labels.project), ("session", &labels.session), ("key", &labels.key)] {
        if let Some(label) = label {
            row.insert(name.into(), json!(label));
        }
    }
    if !labels.tags.is_empty() {
        row.insert("tags".into(), json!(labels.tags));
    }
    if let Some(bucket) = &entry.bucket {
        row.insert("requests".into(), json!(bucket.requests));
    }
    if let Some(reported) = &entry.reported {
        let amount = reported.amount.normalize().to_string();
        row.insert("reported".into(), json!({"amount": amount, "currency": reported.currency}));
    }
}
