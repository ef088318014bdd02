//! The costs that Anthropic's Console exports: amounts on a bill, by the day and the kind of token.

use super::counts::moment;
use super::spec::{DialectSpec, TableForm, TableRows};
use super::{Dialect, Entry, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    tables: &[TableForm { columns: &["usage_date_utc", "token_type", "cost_usd"], rows: TableRows::Single(row) }],
    known: &["list_price_usd"],
    places: &["the Console's cost page"],
    reads: "`cost_usd` as charges, which are shown and not added",
    includes: "amounts only",
    source: "https://platform.claude.com/cost",
    ..DialectSpec::new("anthropic-cost-export", "costs that Anthropic's Console exports (CSV)")
};

fn row<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let amount = row.get("cost_usd").and_then(Value::decimal);
    let amount = amount.ok_or_else(|| {
        let written = row.text("cost_usd").unwrap_or_default();
        RecordError::Form(format!("cost_usd is {written:?}, not an amount of dollars"))
    })?;
    let mut entry = Entry::new(Dialect::AnthropicCostExport, Usage::default());
    let what = row.text("token_type").or_else(|| row.text("cost_type")).or_else(|| row.text("usage_type"));
    entry.state = State::Charge(what.unwrap_or_default().into_owned());
    entry.reported = Some(Reported::usd(amount));
    entry.provider = Some("anthropic".into());
    entry.model = row.text("model");
    entry.at = row.get("usage_date_utc").and_then(moment);
    entry.labels = Labels { project: row.text("workspace"), key: row.text("api_key"), ..Labels::default() };
    Ok(entry)
}
