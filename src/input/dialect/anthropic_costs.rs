//! The costs of an organization at Anthropic: pages of the Admin API.

use super::anthropic_reports::page;
use super::reports::ReportKind;
use super::spec::{DialectSign, DialectSpec, SeenObject};

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::inside(&["data"], is_costs).without(&["usage"]),
        DialectSign::inside(&["results", "starting_at"], is_costs).without(&["usage"]),
    ],
    read: Some(page),
    places: &["pages of the Admin API"],
    reads: "amounts of a bill, in cents, shown and not added",
    includes: "amounts are disjoint",
    source: "https://docs.anthropic.com/en/api/admin-api/usage-cost/get-cost-report",
    ..DialectSpec::new("anthropic-costs", "Anthropic's Admin cost report")
};

fn is_costs(seen: &SeenObject) -> bool {
    seen.is_report(ReportKind::AnthropicCosts)
}
