//! Whether the table still agrees with a public database, or with a price file: [`with_database`] and [`with_price_file`].

use rust_decimal::Decimal;
use serde::Serialize;

use super::import::{self, ComparisonHead, database_notes};
use super::rates::ExactPriceRow;
use super::{full_id, is_wanted, known_providers};
use crate::jobs::JobError;
use crate::jobs::plural;
use crate::jobs::setup::{Setup, TableStamp, add_table_line, table_stamp};
use crate::meter::Meter;
use crate::pricing::card::{ModelCard, Price, ProviderHead, Rate};
use crate::pricing::compile::{PriceFile, compile_over};
use crate::pricing::diff::{Change, changes_between};
use crate::pricing::import::Database;
use crate::pricing::import::compare::{About, ComparedItem, Verdict, compare};
use crate::pricing::problem::{Problem, Severity};
use crate::report::{Cell, Report, Tone, TypedTable};

/// What to check.
#[derive(Clone, Debug, Default)]
pub struct PricesCheckQuery {
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// How far a price may be off, as a share of the table's.
    pub tolerance: Decimal,
    /// Whether models that the table does not have are to be found, too.
    pub missing: bool,
}

/// The rows of a check, and how many prices differ.
#[derive(Clone, Debug)]
pub struct PricesCheckResult {
    /// The rows.
    pub report: Report,
    /// How many prices of the table differ.
    pub differing: usize,
    /// How many models the table does not have, where that was asked.
    pub missing: usize,
}

/// What stands before the rows of a check against a database in the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DatabaseCheckHead {
    /// The comparison.
    #[serde(flatten)]
    pub comparison: ComparisonHead,
    /// How many prices of the table differ by more than is tolerated.
    pub differing: usize,
    /// How many models the table does not have; 0 where nobody asked.
    pub missing: usize,
}

/// A price of the table that is not that of a price file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileCheckRow {
    /// The model, as `provider/model`.
    pub model: String,
    /// What must hold of a request; empty for one that states nothing.
    pub when: String,
    /// What is billed.
    pub meter: Meter,
    /// The price in the file.
    pub there: ExactPriceRow,
    /// The price in the table.
    pub here: ExactPriceRow,
}

/// What stands before the rows of a check against a price file in the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileCheckHead {
    /// How many models are in both.
    pub models: u64,
    /// How many prices of the table differ by more than is tolerated.
    pub differing: usize,
    /// How many models the table does not have; 0 where nobody asked.
    pub missing: usize,
    /// The price table.
    pub table: TableStamp,
}

/// Checks the table against a database: prices of models that both have.
///
/// # Errors
/// [`JobError::Asked`] for a provider that nobody knows.
pub fn with_database(
    database: &Database,
    query: &PricesCheckQuery,
    setup: &Setup,
) -> Result<PricesCheckResult, JobError> {
    let providers = known_providers(setup, &query.providers)?;
    let comparison = compare(database, &setup.table, setup.at, &providers);
    let differs =
        |row: &ComparedItem| row.verdict == Verdict::Differs && row.differs_in_money() && is_off(row, query.tolerance);
    let is_missing = |row: &ComparedItem| query.missing && row.is_model() && row.verdict == Verdict::OnlyThere;
    let differing = comparison.rows.iter().filter(|row| differs(row)).count();
    let missing = comparison.rows.iter().filter(|row| is_missing(row)).count();
    let mut report = import::comparison(setup, database, &comparison, |row| differs(row) || is_missing(row));
    report.state("differing", differing);
    report.state("missing", missing);
    report.notes.extend(database_notes(database));
    Ok(PricesCheckResult { report, differing, missing })
}

fn is_off(row: &ComparedItem, tolerance: Decimal) -> bool {
    match &row.about {
        About::Price { there: Some(there), here: Some(here), .. } => beyond(there, here, tolerance),
        _ => false,
    }
}

/// Whether two prices are further apart than the share of the second that is tolerated.
fn beyond(there: &Price, here: &Price, tolerance: Decimal) -> bool {
    let per_unit = |price: &Price| price.usd.0.checked_div(Decimal::from(price.per)).unwrap_or_default();
    let (there, here) = (per_unit(there), per_unit(here));
    (there - here).abs() > here.saturating_mul(tolerance)
}

/// Why a price file cannot be checked against.
#[derive(Debug)]
pub enum FileCheckError {
    /// A provider that nobody knows.
    Job(JobError),
    /// The file has errors.
    Unsound(Vec<Problem>),
}

/// Checks the table against a price file, card by card at the same moment.
///
/// # Errors
/// [`FileCheckError`] for a provider that nobody knows, and a file with errors.
pub fn with_price_file(
    file: &PriceFile,
    query: &PricesCheckQuery,
    setup: &Setup,
) -> Result<PricesCheckResult, FileCheckError> {
    let providers = known_providers(setup, &query.providers).map_err(FileCheckError::Job)?;
    // A card of an overlay may build on the one of the table.
    let known = |provider: &str, id: &str| {
        let found = setup.table.get(&format!("{provider}/{id}"), setup.at)?;
        Some((*found.model).clone())
    };
    let fallbacks = |provider: &str| setup.table.fallbacks(provider);
    let (theirs, problems) = compile_over(std::slice::from_ref(file), &known, &fallbacks);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(FileCheckError::Unsound(problems));
    }
    let (mut models, mut missing, mut rows) = (0, 0, Vec::new());
    let cards = theirs.iter().flat_map(|(provider, _)| provider.models.iter().map(|card| (&provider.head, card)));
    for (head, card) in cards.filter(|(head, _)| is_wanted(&providers, head)) {
        match differing(head, card, query.tolerance, setup) {
            Some(differing) => {
                models += 1;
                rows.extend(differing);
            }
            None => missing += usize::from(query.missing && setup.table.get(&full_id(head, card), setup.at).is_none()),
        }
    }
    let mut report = table().report(rows);
    let differing = report.rows.len();
    report.entitle(
        "Prices compared with a file",
        format!("{} of {models} models", plural(differing as u64, "difference")),
    );
    report.notes.push(format!("Models in both: {models}; prices that differ: {differing}."));
    if missing > 0 {
        report.notes.push(format!("Models of the file that the table does not have: {missing}."));
    }
    add_table_line(&mut report, setup);
    report.state_all(&FileCheckHead { models, differing, missing, table: table_stamp(setup) });
    Ok(PricesCheckResult { report, differing, missing })
}

/// The prices of a card that are not the table's; `None` where one of the two has none in force.
fn differing(head: &ProviderHead, card: &ModelCard, tolerance: Decimal, setup: &Setup) -> Option<Vec<FileCheckRow>> {
    let id = full_id(head, card);
    let ours = setup.table.get(&id, setup.at)?;
    let (there, here) = (card.rates_at(setup.at)?, ours.model.rates_at(setup.at)?);
    let changes = changes_between(Some(here), Some(there));
    Some(changes.into_iter().filter_map(|change| row(&id, change, tolerance)).collect())
}

/// A rate that only one of the two states is no disagreement about a price.
fn row(id: &str, change: Change, tolerance: Decimal) -> Option<FileCheckRow> {
    let (Some(Rate::Price(ours)), Some(Rate::Price(theirs))) = (&change.old, &change.new) else { return None };
    beyond(theirs, ours, tolerance).then(|| FileCheckRow {
        model: id.to_owned(),
        meter: change.meter,
        there: ExactPriceRow::of(theirs),
        here: ExactPriceRow::of(ours),
        when: change.condition,
    })
}

fn table() -> TypedTable<'static, FileCheckRow> {
    let shown = |price: &ExactPriceRow| Cell::pair(format!("${} / {}", price.usd, price.per), price.usd.clone());
    TypedTable::new()
        .text("model", "model", |row: &FileCheckRow| Cell::text(&row.model).tone(Tone::Warn))
        .text("condition", "when", |row| Cell::text(&row.when))
        .text("meter", "meter", |row| Cell::text(row.meter.name()))
        .number("there", "file", move |row| shown(&row.there))
        .number("here", "table", move |row| shown(&row.here))
}
