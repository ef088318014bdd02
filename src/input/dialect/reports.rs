//! Reports about a whole organization: pages of buckets of rows, and rows that are amounts on a bill.

use super::Dialect;
use super::counts::moment;
use super::entry::{Entry, Labels, Reported, State};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;
use crate::usage::Usage;

/// What a page or bucket reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportKind {
    OpenAiUsage,
    OpenAiCosts,
    AnthropicUsage,
    AnthropicCosts,
}

/// Which report an object is a page of. One bucket of a page, which is what `jq -c '.data[]'` makes of it, is of the same
/// kind.
pub(super) fn kind_of_report(object: &Object) -> Option<ReportKind> {
    match object.get("data") {
        Some(data) => data.items().filter_map(Value::object).find_map(|bucket| kind_of_bucket(&bucket)),
        None => kind_of_bucket(object),
    }
}

fn kind_of_bucket(bucket: &Object) -> Option<ReportKind> {
    let first = bucket.get("results")?.items().find_map(Value::object);
    let is_costs = first.is_some_and(|row| row.has("amount"));
    match (bucket.has("starting_at"), bucket.has("start_time")) {
        (true, _) if is_costs => Some(ReportKind::AnthropicCosts),
        (true, _) => Some(ReportKind::AnthropicUsage),
        (_, true) if is_costs => Some(ReportKind::OpenAiCosts),
        (_, true) => Some(ReportKind::OpenAiUsage),
        _ => None,
    }
}

/// A moment in a cell.
pub(super) fn time(row: &Object, name: &str) -> Option<Instant> {
    row.get(name).and_then(moment)
}

/// A row that is an amount on a bill.
pub(super) fn charge<'a>(
    row: &Object<'a>,
    dialect: Dialect,
    provider: &'static str,
    amount: &str,
    currency: &str,
) -> Result<Entry<'a>, RecordError> {
    let value = row.get(amount).and_then(Value::decimal);
    let value = value.ok_or_else(|| RecordError::Form(format!("{amount} is not a number")))?;
    let mut entry = Entry::new(dialect, Usage::default());
    let item = row.text("line_item");
    entry.state = State::Charge(item.as_deref().unwrap_or("").to_owned());
    let currency = row.text(currency).map_or_else(|| "USD".to_owned(), |c| c.to_uppercase());
    entry.reported = Some(Reported { amount: value, currency });
    entry.provider = Some(provider.into());
    entry.model = row.text("model").or_else(|| Some(item.as_deref()?.split_once(", ")?.0.to_owned().into()));
    entry.at = time(row, "start_time").or_else(|| time(row, "start_time_iso"));
    entry.labels = Labels { project: row.text("project_id"), key: row.text("user_id"), ..Labels::default() };
    Ok(entry)
}
