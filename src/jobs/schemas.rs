//! The JSON Schemas in `data/schema/`: one for the `json` output of each command, made from the types that are written.
//!
//! `rows` holds what `jsonl` writes line by line. `farebox schema NAME` prints the stored files.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::compare::workload::{ComparePlanRow, ComparePlansHead};
use super::estimate::rows as estimate;
use super::plan::rows as plan;
use super::prices::{
    changes, check as prices_check, diff, export, history, import, lint, list, meters, review, show, stale, update,
    watch,
};
use super::{breakeven, compare, config, count, demo, models, optimise, tokenizers, usage, what_if};
use crate::report::check;

/// The whole output of a command: what is stated before the rows, and the rows.
#[derive(Serialize, JsonSchema)]
struct JsonDocument<H, R> {
    #[serde(flatten)]
    head: H,
    rows: Vec<R>,
}

/// `usage` writes groups of records, or with `--format jsonl` each record.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum UsageDocument {
    Groups(Box<JsonDocument<usage::UsageHead, usage::UsageGroupRow>>),
    Record(Box<usage::UsageRecordRow<'static>>),
}

/// A command that writes one of two forms, by its flags.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum OneOf<A, B> {
    One(A),
    Other(B),
}

/// What is stated before the rows of a command that states nothing.
#[derive(Serialize, JsonSchema)]
struct NoHead {}

fn document<H: JsonSchema, R: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<JsonDocument<H, R>>()
}

fn either<A: JsonSchema, B: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<OneOf<A, B>>()
}

type CountOfInputs = JsonDocument<count::CountHead, OneOf<count::CountRow, count::CountTotalRow>>;
type CountOfFolders = JsonDocument<count::CountHead, count::CountTreeRow>;
type CountOfParts = JsonDocument<count::CountHead, count::CountPartRow>;
type CheckOfDatabase = JsonDocument<prices_check::DatabaseCheckHead, import::ComparisonRow>;
type CheckOfFile = JsonDocument<prices_check::FileCheckHead, prices_check::FileCheckRow>;
type CompareOfPrompts = JsonDocument<compare::CompareHead, compare::CompareRow>;
type CompareOfPlan = JsonDocument<ComparePlansHead, ComparePlanRow>;
type ImportCompared = JsonDocument<import::ComparisonHead, import::ComparisonRow>;
type ImportUnread = JsonDocument<import::UnreadHead, import::UnreadRow>;

/// The command that a schema is of: `prices-diff` is that of `prices diff`.
fn command(name: &str) -> String {
    ["prices-", "tokenizers-"].iter().fold(name.to_owned(), |name, group| match name.strip_prefix(group) {
        Some(sub) => format!("{} {sub}", group.trim_end_matches('-')),
        None => name,
    })
}

/// Every schema by its name: that of the command, with a dash before that of a subcommand.
fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("break-even", document::<breakeven::BreakEvenHead, breakeven::BreakEvenRow>()),
        ("check", document::<check::CheckHead, check::CheckRow>()),
        ("compare", either::<CompareOfPrompts, CompareOfPlan>()),
        ("config", document::<config::ConfigHead, config::ConfigRow>()),
        ("count", either::<CountOfInputs, OneOf<CountOfFolders, CountOfParts>>()),
        ("demo", document::<demo::DemoHead, demo::DemoRow>()),
        ("estimate", document::<estimate::EstimateHead, estimate::EstimateRow>()),
        ("models", document::<models::ModelsHead, models::ModelRow>()),
        ("optimise", document::<optimise::OptimiseHead, optimise::OptimiseRow>()),
        ("plan", document::<plan::PlanHead, plan::PlanMonthRow>()),
        ("prices-changes", document::<changes::ChangesHead, changes::ChangeRow>()),
        ("prices-check", either::<CheckOfDatabase, CheckOfFile>()),
        ("prices-diff", document::<diff::DiffHead, diff::DiffRow>()),
        ("prices-export", document::<export::ExportHead, export::ExportRow>()),
        ("prices-history", document::<history::HistoryHead, history::HistoryRow>()),
        ("prices-import", either::<ImportCompared, ImportUnread>()),
        ("prices-lint", document::<lint::LintHead, lint::LintRow>()),
        ("prices-list", document::<list::PricesListHead, list::PricesListRow>()),
        ("prices-meters", document::<NoHead, meters::MeterRow>()),
        ("prices-review", document::<review::ReviewHead, review::ReviewRow>()),
        ("prices-show", document::<show::PricesShowHead, show::PricesShowRow>()),
        ("prices-stale", document::<stale::StaleHead, stale::StaleRow>()),
        ("prices-update", document::<update::UpdateHead, import::ComparisonRow>()),
        ("prices-watch", document::<watch::WatchHead, watch::WatchRow>()),
        ("tokenizers", document::<NoHead, tokenizers::KnownTokenizerRow>()),
        ("tokenizers-show", document::<tokenizers::KnownTokenizerRow, tokenizers::TokenizerFactRow>()),
        ("usage", SchemaGenerator::default().into_root_schema_for::<UsageDocument>()),
        ("what-if", document::<what_if::WhatIfHead, what_if::WhatIfRow>()),
    ]
}

#[test]
fn stored_schemas_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/schema");
    for (name, mut schema) in all() {
        schema.insert("title".into(), format!("farebox {} --format json", command(name)).into());
        let mut text = serde_json::to_string_pretty(&schema).unwrap();
        text.push('\n');
        let path = folder.join(name).with_extension("json");
        if std::env::var_os("FAREBOX_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(stored == text, "{} is stale: run FAREBOX_BLESS=1 cargo test stored_schemas", path.display());
    }
}

#[test]
fn every_stored_schema_is_of_a_command_and_the_program_carries_it() {
    let ours: std::collections::BTreeSet<_> = all().into_iter().map(|(name, _)| name).collect();
    let carried: std::collections::BTreeSet<_> = farebox_data::schemas().iter().map(|(name, _)| *name).collect();
    assert_eq!(carried, ours);
    let files = std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/schema")).unwrap();
    assert_eq!(files.count(), ours.len());
}
