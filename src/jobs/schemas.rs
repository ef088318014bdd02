//! The JSON Schemas in `data/schema/`: one for the `json` output of each command, made from the types that are written.
//!
//! `rows` holds what `jsonl` writes line by line. `farebox schema NAME` prints the stored files.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::compare::workload::{ComparePlanRow, ComparePlansHead};
use super::estimate::rows as estimate;
use super::plan::rows as plan;
use super::{breakeven, compare, models};

/// The whole output of a command: what is stated before the rows, and the rows.
#[derive(Serialize, JsonSchema)]
struct Document<H, R> {
    #[serde(flatten)]
    head: H,
    rows: Vec<R>,
}

fn document<H: JsonSchema, R: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<Document<H, R>>()
}

/// Every schema by its name, which is also the name of the command.
fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("break-even", document::<breakeven::BreakEvenHead, breakeven::BreakEvenRow>()),
        ("compare", document::<compare::CompareHead, compare::CompareRow>()),
        ("compare-workload", document::<ComparePlansHead, ComparePlanRow>()),
        ("estimate", document::<estimate::EstimateHead, estimate::EstimateRow>()),
        ("models", document::<models::ModelsHead, models::ModelRow>()),
        ("plan", document::<plan::PlanHead, plan::PlanMonthRow>()),
    ]
}

#[test]
fn stored_schemas_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/schema");
    for (name, mut schema) in all() {
        schema.insert("title".into(), format!("farebox {name} --format json").into());
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
