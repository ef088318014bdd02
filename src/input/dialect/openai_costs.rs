//! The costs of an organization at OpenAI: pages of the API, and the export as a table.

use super::openai_reports::page;
use super::reports::{ReportKind, charge};
use super::spec::{DialectSign, DialectSpec, SeenObject, TableForm, TableRows};
use super::{Dialect, Entry};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::inside(&["data"], is_costs).without(&["usage"]),
        DialectSign::inside(&["results", "start_time"], is_costs).without(&["usage"]),
    ],
    read: Some(page),
    tables: &[TableForm { columns: &["amount_value"], rows: TableRows::Single(exported) }],
    places: &["pages of `/v1/organization/costs`, the dashboard's CSV"],
    reads: "amounts of a bill, shown and not added",
    includes: "amounts are disjoint",
    source: "https://platform.openai.com/docs/api-reference/usage/costs",
    ..DialectSpec::new("openai-costs", "costs of an organization at OpenAI, API and export")
};

fn is_costs(seen: &SeenObject) -> bool {
    seen.is_report(ReportKind::OpenAiCosts)
}

fn exported<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    charge(row, Dialect::OpenAiCosts, "openai", "amount_value", "amount_currency")
}
