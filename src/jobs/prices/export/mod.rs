//! The table as data for other programs: [`export`].
//!
//! The flat forms hold every rate of every period, a row each, and depend on nothing but the table. The forms of other
//! databases hold what can be bought at a moment: the day of the table, unless another one was asked for.

mod focus;
#[cfg(feature = "parquet")]
mod parquet;
mod rows;

use std::io::Write;

use serde::Serialize;

pub(crate) use self::rows::ExportRow;
use self::rows::rows;
use super::known_providers;
use crate::jobs::setup::Setup;
use crate::jobs::{AsOf, JobError, plural};
use crate::pricing::TableId;
use crate::pricing::export::{Exported, Selection, genai_prices, litellm};
use crate::pricing::import::by_kind;
use crate::report::defused;
use crate::report::inert::InertJson;

farebox_data::names! {
    /// The form of an export.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ExportForm "is not an export format" {
        Json "json" "one object: the version of the table, and a row for every rate of every period";
        Csv "csv" "the same rows under a header";
        Parquet "parquet" "the same rows in a file of columns, where this program was built with it";
        Litellm "litellm" "LiteLLM's model_prices_and_context_window.json: what can be bought on a day";
        GenaiPrices "genai-prices" "the data.json of genai-prices: what can be bought on a day, with its history";
        Focus "focus" "the SKU Price rows of FOCUS, whose specification is a draft";
    }
}

farebox_data::names! {
    /// A version of the FOCUS specification that has SKU prices.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum FocusVersion "is not a known version of FOCUS SKU prices" {
        Draft "1.5-draft-2026-09" "the proposal of September 2026 for version 1.5";
    }
}

/// What is exported.
#[derive(Clone, Debug)]
pub struct ExportQuery {
    /// In which form.
    pub form: ExportForm,
    /// Providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// The version of FOCUS, for that form.
    pub focus: FocusVersion,
}

/// Which table the rows are of: the same for everybody who has it, whatever the day.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExportHead {
    /// Version and hash.
    pub table: TableId,
}

/// Writes the table in a form, and says what there is to know of it.
///
/// # Errors
/// [`JobError::Asked`] for an unknown provider, and for Parquet in a program that was built without it;
/// [`JobError::Io`] where `out` cannot be written.
pub fn export(query: &ExportQuery, setup: &Setup, out: &mut dyn Write) -> Result<Vec<String>, JobError> {
    let selection = selection(query, setup)?;
    let all = || rows(&setup.table, &selection);
    let json = &mut InertJson(&mut *out);
    match query.form {
        ExportForm::Json => write_json(&all(), setup.table.id(), json),
        ExportForm::Csv => write_csv(&all(), setup.table.id(), out),
        ExportForm::Parquet => write_parquet(&all(), setup.table.id(), out),
        ExportForm::Focus => focus::write(&setup.table, &selection, out),
        ExportForm::Litellm => {
            write_database(query.form, litellm::write(&setup.table, &selection), &selection, setup, json)
        }
        ExportForm::GenaiPrices => {
            write_database(query.form, genai_prices::write(&setup.table, &selection), &selection, setup, json)
        }
    }
}

/// The day of the table where no other one was named: an export does not depend on the clock.
fn selection(query: &ExportQuery, setup: &Setup) -> Result<Selection, JobError> {
    let at = match setup.as_of {
        AsOf::Named => setup.at,
        AsOf::Clock | AsOf::Stopped { .. } => setup.table.day().unwrap_or(setup.at),
    };
    Ok(Selection { providers: known_providers(setup, &query.providers)?, at })
}

fn write_json(rows: &[ExportRow], table: &TableId, out: &mut dyn Write) -> Result<Vec<String>, JobError> {
    let text = |error: serde_json::Error| JobError::from(std::io::Error::from(error));
    let head = serde_json::to_string(&ExportHead { table: table.clone() }).map_err(text)?;
    write!(out, "{}, \"rows\": [", head.trim_end_matches('}').to_owned() + "}")?;
    for (i, row) in rows.iter().enumerate() {
        let end = if i == 0 { "" } else { "," };
        write!(out, "{end}\n{}", serde_json::to_string(row).map_err(text)?)?;
    }
    writeln!(out, "\n]}}")?;
    Ok(vec![count(rows)])
}

fn write_csv(rows: &[ExportRow], table: &TableId, out: &mut dyn Write) -> Result<Vec<String>, JobError> {
    let io = |error: csv::Error| JobError::from(std::io::Error::other(error));
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(ExportRow::COLUMNS.iter().copied().chain(["table_version", "table_sha256"])).map_err(io)?;
    for row in rows {
        let mut cells = row.cells();
        cells.extend([table.version.clone(), table.sha256.clone()]);
        writer.write_record(cells.iter().map(|cell| defused(cell).into_owned())).map_err(io)?;
    }
    writer.flush()?;
    drop(writer);
    Ok(vec![count(rows)])
}

#[cfg(feature = "parquet")]
fn write_parquet(rows: &[ExportRow], table: &TableId, out: &mut dyn Write) -> Result<Vec<String>, JobError> {
    out.write_all(&parquet::file(rows, table)?)?;
    Ok(vec![count(rows)])
}

#[cfg(not(feature = "parquet"))]
fn write_parquet(_: &[ExportRow], _: &TableId, _: &mut dyn Write) -> Result<Vec<String>, JobError> {
    Err(JobError::asked(
        "this farebox was built without Parquet",
        "use a release binary or build with `--features parquet`; --as csv has the same rows",
    ))
}

fn count(rows: &[ExportRow]) -> String {
    format!("{}.", plural(rows.len() as u64, "row"))
}

fn write_database(
    form: ExportForm,
    exported: Exported,
    selection: &Selection,
    setup: &Setup,
    out: &mut dyn Write,
) -> Result<Vec<String>, JobError> {
    out.write_all(exported.text.as_bytes())?;
    let id = setup.table.id();
    let mut notes = vec![format!(
        "{} of {} as of {}, from table {} (sha256 {}).",
        plural(exported.prices as u64, "price"),
        plural(exported.models as u64, "model"),
        selection.at,
        id.version,
        id.sha256
    )];
    let kinds = by_kind(&exported.left_out);
    if !kinds.is_empty() {
        notes.push(format!("The {form} format cannot express:"));
    }
    notes.extend(kinds.into_iter().map(|(what, places)| {
        let first = places.first().copied().unwrap_or_default();
        format!("{what} ({}, such as {first})", plural(places.len() as u64, "time"))
    }));
    Ok(notes)
}
