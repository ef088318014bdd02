//! What public databases say against the table, as rows to decide on, and price files with what was accepted: [`review`].

use serde::Serialize;

use super::import::database_notes;
use super::known_providers;
use super::rates::{ExactPriceRow, short_price};
use crate::jobs::setup::{Setup, TableStamp, add_table_line, table_stamp};
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::card::Price;
use crate::pricing::compile::PriceFile;
use crate::pricing::problem::Problem;
use crate::pricing::review::edit::{Accepted, Left, accept, accept_and_raise, place_of};
use crate::pricing::review::raise::Raised;
use crate::pricing::review::{Review, ReviewClass, ReviewItem, ReviewSource, ReviewedPrice, listings};
use crate::report::{Cell, Report, Tone, TypedTable};

/// What to review.
#[derive(Clone, Debug, Default)]
pub struct ReviewQuery {
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// The classes to show; all where none is named.
    pub show: Vec<ReviewClass>,
}

/// What is accepted of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedPart {
    /// Everything of a class: `agreed`, `new` or `gone`.
    Class(ReviewClass),
    /// The days of the sources that the databases confirm.
    Checked,
    /// One model, as `provider/model`, whatever its class.
    Model(String),
}

impl std::str::FromStr for AcceptedPart {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Ok(AcceptedPart::Model(text.to_owned()));
        }
        if text == "checked" {
            return Ok(AcceptedPart::Checked);
        }
        match text.parse() {
            Ok(class @ (ReviewClass::Agreed | ReviewClass::New | ReviewClass::Gone)) => Ok(AcceptedPart::Class(class)),
            _ => Err("write agreed, new, gone, checked, or the provider/model of a row".to_owned()),
        }
    }
}

/// A price that a database gives otherwise, or a model that is new or gone.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReviewRow {
    /// `agreed`, `disputed`, `single`, `implausible`, `new` or `gone`: of the whole model, by the price that needs most care.
    pub class: &'static str,
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// What is billed; null for a model that is gone.
    pub meter: Option<Meter>,
    /// What must hold of a request; empty for one that states nothing.
    pub condition: String,
    /// The price in the table.
    pub here: Option<ExactPriceRow>,
    /// The prices in the databases.
    pub there: Vec<ReviewedPriceRow>,
    /// The day since when the new price holds, where a database says so.
    pub from: Option<Instant>,
    /// The databases that it is about.
    pub sources: Vec<String>,
    #[serde(skip)]
    cells: [Cell; 2],
}

/// A price in one of the databases.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReviewedPriceRow {
    /// The database, by the name of its file.
    pub source: String,
    /// What it costs there.
    #[serde(flatten)]
    pub price: ExactPriceRow,
}

/// The head of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReviewHead {
    /// The databases.
    pub databases: Vec<ReviewedDatabase>,
    /// How many models have each class.
    pub models: Vec<ReviewCount>,
    /// How many models of the table some database lists.
    pub compared: usize,
    /// What was written; null where nothing was accepted.
    pub accepted: Option<AcceptedRow>,
    /// What the databases say that the table has no place for: a person decides.
    pub left: Vec<LeftRow>,
    /// The price table.
    pub table: TableStamp,
}

/// What was written into price files.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AcceptedRow {
    /// The files that changed.
    pub files: Vec<String>,
    /// The models, as `provider/model`.
    pub models: Vec<String>,
    /// The sources whose day was raised.
    pub raised: Vec<RaisedRow>,
    /// What was accepted and is left to a person.
    pub left: Vec<LeftRow>,
}

/// A source whose day was raised.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RaisedRow {
    /// The file.
    pub path: String,
    /// The line, from 1, before anything was written.
    pub line: usize,
    /// The name of the source, or the model for a source in place.
    pub source: String,
    /// The day that it had.
    pub from: Instant,
    /// The day that it has now.
    pub to: Instant,
    /// How many prices and listings were confirmed.
    pub confirmed: usize,
    /// How many keep the old day, under a source of their own.
    pub kept: usize,
}

/// Something that a person has to write.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LeftRow {
    /// `provider/model`, or a provider.
    pub id: String,
    /// The file, where it has one.
    pub path: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// Why it is left.
    pub why: String,
}

impl LeftRow {
    fn of(left: &Left) -> LeftRow {
        let (path, line) = left.place.clone().unzip();
        LeftRow { id: left.id.clone(), path, line, why: left.why.clone() }
    }
}

/// One of the databases.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReviewedDatabase {
    /// The name of its file.
    pub name: String,
    /// Whose format it has.
    pub format: &'static str,
    /// The day it was made.
    pub day: Instant,
    /// How many models it lists.
    pub models: usize,
}

/// How many models have a class.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReviewCount {
    /// The class.
    pub class: &'static str,
    /// How many.
    pub models: usize,
}

/// Reviews the table of a setup.
///
/// * `files`: the price files of the table, which say who lists a model; without them none is found to be gone.
///
/// # Errors
/// [`JobError::Asked`] for an unknown provider.
pub fn review(
    sources: &[ReviewSource],
    files: &[PriceFile],
    query: &ReviewQuery,
    setup: &Setup,
) -> Result<(Report, Review), JobError> {
    let providers = known_providers(setup, &query.providers)?;
    let review = crate::pricing::review::review(sources, &setup.table, &listings(files), setup.at, &providers);
    let shown = review.items.iter().filter(|item| query.show.is_empty() || query.show.contains(&item.class));
    let mut report = table().report(shown.flat_map(rows));
    let unplaced = unplaced(&review, files);
    report.state_all(&ReviewHead {
        databases: sources.iter().map(database_row).collect(),
        models: counts(&review),
        compared: review.compared,
        accepted: None,
        left: unplaced.iter().map(LeftRow::of).collect(),
        table: table_stamp(setup),
    });
    let rows = plural(report.rows.len() as u64, "price");
    report.entitle("Review of the table", format!("{rows} to look at"));
    report.notes.push(summary(&review));
    report.notes.extend(unplaced.iter().map(|left| format!("Not compared: {left}.")));
    report.notes.extend(review.notes.iter().cloned());
    for source in sources {
        report
            .notes
            .extend(database_notes(&source.database).into_iter().map(|note| format!("{}: {note}", source.name)));
    }
    add_table_line(&mut report, setup);
    Ok((report, review))
}

/// Price files with what was accepted.
///
/// # Errors
/// The problems of the files, as they are or as they would be.
pub fn accepted(
    review: &Review,
    parts: &[AcceptedPart],
    sources: &[ReviewSource],
    files: &[PriceFile],
) -> Result<Accepted, Vec<Problem>> {
    let is_accepted = |item: &ReviewItem| {
        parts.iter().any(|part| match part {
            AcceptedPart::Class(class) => item.class == *class,
            AcceptedPart::Model(id) => item.id() == *id,
            AcceptedPart::Checked => false,
        })
    };
    match parts.contains(&AcceptedPart::Checked) {
        true => accept_and_raise(review, &is_accepted, sources, files),
        false => accept(review, &is_accepted, files),
    }
}

/// States in the report of a review what was written.
pub fn state_accepted(report: &mut Report, done: &Accepted) {
    let raised = |raised: &Raised| RaisedRow {
        path: raised.path.clone(),
        line: raised.line,
        source: raised.name.clone(),
        from: raised.from,
        to: raised.to,
        confirmed: raised.confirmed,
        kept: raised.kept,
    };
    let row = AcceptedRow {
        files: done.files.iter().map(|file| file.path.clone()).collect(),
        models: done.written.clone(),
        raised: done.raised.iter().map(raised).collect(),
        left: done.left.iter().map(LeftRow::of).collect(),
    };
    report.state("accepted", row);
}

/// What is not compared, with its place in the files.
fn unplaced(review: &Review, files: &[PriceFile]) -> Vec<Left> {
    let left = |unplaced: &crate::pricing::review::Unplaced| Left {
        id: unplaced.id.clone(),
        place: place_of(&unplaced.id, files),
        why: format!("{} gives {}", unplaced.source, unplaced.what),
    };
    review.unplaced.iter().map(left).collect()
}

fn database_row(source: &ReviewSource) -> ReviewedDatabase {
    let (name, day) = (source.name.clone(), source.day);
    ReviewedDatabase { name, format: source.database.format.name(), day, models: source.database.model_count() }
}

fn counts(review: &Review) -> Vec<ReviewCount> {
    let of = |class: ReviewClass| review.items.iter().filter(|item| item.class == class).count();
    ReviewClass::ALL.iter().map(|class| ReviewCount { class: class.name(), models: of(*class) }).collect()
}

fn summary(review: &Review) -> String {
    let counts: Vec<String> = counts(review).iter().map(|count| format!("{} {}", count.models, count.class)).collect();
    format!("{} of the table compared: {}.", plural(review.compared as u64, "model"), counts.join(", "))
}

fn rows(item: &ReviewItem) -> Vec<ReviewRow> {
    let row = |price: Option<&ReviewedPrice>| ReviewRow {
        class: item.class.name(),
        provider: item.provider.clone(),
        model: item.model.clone(),
        meter: price.map(|price| price.meter),
        condition: price.map_or_else(String::new, |price| price.condition.to_string()),
        here: price.and_then(|price| price.here.as_ref()).map(ExactPriceRow::of),
        there: price.into_iter().flat_map(|price| &price.there).map(there).collect(),
        from: price.and_then(|price| price.from),
        sources: item.sources.clone(),
        cells: [here_cell(price), there_cell(price)],
    };
    if item.prices.is_empty() { vec![row(None)] } else { item.prices.iter().map(|price| row(Some(price))).collect() }
}

fn there((source, price): &(String, Price)) -> ReviewedPriceRow {
    ReviewedPriceRow { source: source.clone(), price: ExactPriceRow::of(price) }
}

fn here_cell(price: Option<&ReviewedPrice>) -> Cell {
    let here = price.and_then(|price| price.here.as_ref().map(|here| short_price(price.meter, here)));
    here.map_or_else(|| Cell::absent("–"), Cell::text)
}

/// The prices of the databases: once where they are one.
fn there_cell(price: Option<&ReviewedPrice>) -> Cell {
    let Some(price) = price else { return Cell::absent("not listed") };
    let named: Vec<(&String, String)> =
        price.there.iter().map(|(name, p)| (name, short_price(price.meter, p))).collect();
    match named.first() {
        Some((_, first)) if named.iter().all(|(_, text)| text == first) => Cell::text(first),
        _ => Cell::text(named.iter().map(|(name, text)| format!("{text} ({name})")).collect::<Vec<_>>().join(", ")),
    }
}

fn table() -> TypedTable<'static, ReviewRow> {
    let tone = |row: &ReviewRow| match row.class {
        "agreed" => Tone::Good,
        "implausible" => Tone::Bad,
        _ => Tone::Warn,
    };
    TypedTable::new()
        .text("class", "class", move |row: &ReviewRow| Cell::text(row.class).tone(tone(row)))
        .text("model", "model", |row| Cell::text(format!("{}/{}", row.provider, row.model)))
        .text("meter", "meter", |row| row.meter.map_or_else(|| Cell::text(""), |meter| Cell::text(meter.name())))
        .text("condition", "when", |row| Cell::text(&row.condition))
        .number("here", "table", |row| row.cells[0].clone())
        .number("there", "databases", |row| row.cells[1].clone())
        .text("from", "since", |row| Cell::text(row.from.map_or_else(String::new, |day| day.to_string())))
        .optional()
        .text("sources", "sources", |row| Cell::text(row.sources.join(" ")))
        .optional()
}
