//! A public price database beside the table, as rows: [`comparison`] and [`unread`].

use rust_decimal::Decimal;
use serde::Serialize;

use super::known_provider;
use super::rates::{ExactPriceRow, per_text, short_price};
use crate::jobs::setup::{Setup, TableStamp, add_table_line, table_stamp};
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::pricing::card::Price;
use crate::pricing::import::compare::{About, ComparedItem, Comparison, Verdict};
use crate::pricing::import::{Condition, Database, Fact, by_kind};
use crate::report::{Cell, Column, Report, Tone, TypedTable};

/// A price of a model, or a model that only one of the two has.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparisonRow {
    /// `same`, `differs`, `only there` or `only here`.
    pub verdict: &'static str,
    /// The provider's id.
    pub provider: String,
    /// The model's id: the table's where it has the model.
    pub model: String,
    /// What the file calls the model; null where only the table has it.
    pub listed_as: Option<String>,
    /// The price, or the prices of the model.
    #[serde(flatten)]
    pub about: ComparedRow,
    #[serde(skip)]
    tone: Tone,
    #[serde(skip)]
    cells: Vec<Cell>,
}

/// What a row of a comparison is about.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum ComparedRow {
    /// A price of a model that both have.
    Price {
        /// What is billed.
        meter: Meter,
        /// What must hold of a request; empty for one that states nothing.
        condition: String,
        /// The price in the database.
        there: Option<ExactPriceRow>,
        /// The price in the table.
        here: Option<ExactPriceRow>,
        /// How far the database's price is from the table's, in percent of the table's.
        change_percent: Option<String>,
        /// Where the two only nearly mean the same.
        note: String,
    },
    /// A model that only one of the two has.
    Model {
        /// Its prices.
        prices: Vec<FactRow>,
    },
}

/// A price of a model that only one of the two has.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FactRow {
    /// What is billed.
    pub meter: Meter,
    /// What must hold of a request; empty for one that states nothing.
    pub condition: String,
    /// What it costs.
    #[serde(flatten)]
    pub price: ExactPriceRow,
}

/// What stands before the rows of a comparison in the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComparisonHead {
    /// Whose format the database has.
    pub format: &'static str,
    /// How many prices of models in both have each verdict.
    pub prices: ComparedPrices,
    /// How many models there are.
    pub models: ComparedModels,
    /// How many things in the database have no place in a price file.
    pub unread: usize,
    /// The price table.
    pub table: TableStamp,
}

/// How many prices of models in both have each verdict.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComparedPrices {
    same: usize,
    differs: usize,
    only_there: usize,
    only_here: usize,
}

/// How many models are where.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComparedModels {
    only_there: usize,
    only_here: usize,
    in_both: usize,
}

/// One kind of thing that a database says and a price file cannot hold.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnreadRow {
    /// What it is.
    pub what: String,
    /// How often it occurs.
    pub count: usize,
    /// Where it stands.
    #[serde(rename = "where")]
    pub places: Vec<String>,
}

/// What stands before the rows of what was not read in the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnreadHead {
    /// Whose format the database has.
    pub format: &'static str,
    /// Where a price carried the noise of binary arithmetic.
    pub mended: Vec<String>,
}

/// The id of a provider that a database lists: by the table's names for it, or by the database's own.
///
/// # Errors
/// [`JobError::Asked`] where nobody knows it, or the database has no prices of it.
pub fn listed_provider(setup: &Setup, database: &Database, name: &str) -> Result<String, JobError> {
    let id = match database.provider(name) {
        Some(provider) => provider.id.clone(),
        None => known_provider(setup, name)?,
    };
    if database.provider(&id).is_none() {
        let listed: Vec<&str> = database.providers.iter().map(|p| p.id.as_str()).collect();
        let help = format!("it lists {}", listed.join(", "));
        return Err(JobError::asked(format!("the file lists no prices of {id}"), help));
    }
    Ok(id)
}

/// What there is to say about a database that was read.
#[must_use]
pub fn database_notes(database: &Database) -> Vec<String> {
    let mut notes = vec![format!(
        "Read as {}: {} of {} at {}.",
        database.format,
        plural(database.fact_count() as u64, "price"),
        plural(database.model_count() as u64, "model"),
        plural(database.providers.len() as u64, "provider")
    )];
    if let Some(first) = database.mended.first() {
        notes.push(format!(
            "{} carried the noise of binary arithmetic, such as {}: read as the short decimal.",
            plural(database.mended.len() as u64, "price"),
            first.place
        ));
    }
    if !database.unread.is_empty() {
        let kinds = by_kind(&database.unread);
        let most: Vec<String> =
            kinds.iter().take(3).map(|(what, places)| format!("{what} ({})", places.len())).collect();
        notes.push(format!(
            "{} things in the file have no place in a price file, of {} kinds; most often: {}. --unread lists them.",
            database.unread.len(),
            kinds.len(),
            most.join(", ")
        ));
    }
    notes
}

/// What a database says and a price file cannot hold, by kind.
#[must_use]
pub fn unread(database: &Database) -> Report {
    let row = |(what, places): (&str, Vec<&str>)| UnreadRow {
        what: what.to_owned(),
        count: places.len(),
        places: places.into_iter().map(str::to_owned).collect(),
    };
    let few = |row: &UnreadRow| {
        let few = row.places.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        if row.places.len() > 3 { format!("{few} …") } else { few }
    };
    let mut report = TypedTable::new()
        .text("what", "what", |row: &UnreadRow| Cell::text(&row.what))
        .number("count", "count", |row| Cell::quantity(u64::try_from(row.count).unwrap_or(u64::MAX)))
        .text("where", "where", move |row| Cell::pair(few(row), row.places.join(" ")))
        .report(by_kind(&database.unread).into_iter().map(row));
    let mended = database.mended.iter().map(|mended| mended.place.clone()).collect();
    report.state_all(&UnreadHead { format: database.format.name(), mended });
    report.notes = database_notes(database);
    let kinds = plural(report.rows.len() as u64, "kind");
    report.entitle("What a price file cannot hold", format!("{kinds} in a file of {}", database.format.name()));
    report
}

/// Rows of a comparison that are to be shown, with the counts of all.
pub fn comparison(
    setup: &Setup,
    database: &Database,
    comparison: &Comparison,
    is_shown: impl Fn(&ComparedItem) -> bool,
) -> Report {
    let mut shown: Vec<&ComparedItem> = comparison.rows.iter().filter(|row| is_shown(row)).collect();
    shown.sort_by_key(|row| row.verdict);
    let mut report = table(database.format.name()).report(shown.into_iter().map(row));
    report.state_all(&head(setup, database, comparison));
    let rows = plural(report.rows.len() as u64, "difference");
    report.entitle(format!("The table compared with {}", database.format.name()), rows);
    report.notes.push(summary(comparison));
    if !comparison.strangers.is_empty() {
        let names: Vec<String> = comparison.strangers.iter().map(|(id, models)| format!("{id} ({models})")).collect();
        report.notes.push(format!("Not in the table, and not compared: {}.", names.join(", ")));
    }
    add_table_line(&mut report, setup);
    report
}

fn head(setup: &Setup, database: &Database, comparison: &Comparison) -> ComparisonHead {
    ComparisonHead {
        format: database.format.name(),
        prices: ComparedPrices {
            same: comparison.prices(Verdict::Same),
            differs: comparison.prices(Verdict::Differs),
            only_there: comparison.prices(Verdict::OnlyThere),
            only_here: comparison.prices(Verdict::OnlyHere),
        },
        models: ComparedModels {
            only_there: comparison.models(Verdict::OnlyThere),
            only_here: comparison.models(Verdict::OnlyHere),
            in_both: comparison.models_in_both,
        },
        unread: database.unread.len(),
        table: table_stamp(setup),
    }
}

fn summary(comparison: &Comparison) -> String {
    let slight = comparison.rows.iter().filter(|r| r.verdict == Verdict::Differs && !r.differs_in_money()).count();
    let slight =
        if slight > 0 { format!(" ({slight} by a token at a boundary or by rounding alone)") } else { String::new() };
    format!(
        "Models in both: {}, with prices that are the same: {}, that differ: {}{slight}, only there: {}, only here: {}. Other models only there: {}, only here: {}.",
        comparison.models_in_both,
        comparison.prices(Verdict::Same),
        comparison.prices(Verdict::Differs),
        comparison.prices(Verdict::OnlyThere),
        comparison.prices(Verdict::OnlyHere),
        comparison.models(Verdict::OnlyThere),
        comparison.models(Verdict::OnlyHere),
    )
}

/// The table of a comparison with a database of this format.
fn table(there: &'static str) -> TypedTable<'static, ComparisonRow> {
    let cell = |i: usize| move |row: &ComparisonRow| row.cells.get(i).cloned().unwrap_or_default();
    TypedTable::new()
        .text("verdict", "verdict", |row: &ComparisonRow| Cell::text(row.verdict).tone(row.tone))
        .text("provider", "provider", |row| Cell::text(&row.provider))
        .text("model", "model", |row| Cell::text(&row.model))
        .text("listed_as", "id there", listed_as)
        .optional()
        .text("meter", "meter", cell(0))
        .text("condition", "when", cell(1))
        .column(Column::number("there", there), cell(2))
        .number("here", "table", cell(3))
        .number("change_percent", "there − here", cell(4))
        .optional()
        .text("note", "note", cell(5))
        .optional()
}

/// What the file calls a model: for people only where that says more than the table's id.
fn listed_as(row: &ComparisonRow) -> Cell {
    let Some(id) = &row.listed_as else { return Cell::default() };
    let is_known = *id == row.model || *id == format!("{}/{}", row.provider, row.model);
    Cell::pair(if is_known { "" } else { id.as_str() }, id.clone())
}

fn row(row: &ComparedItem) -> ComparisonRow {
    let (about, cells) = match &row.about {
        About::Price { meter, condition, there, here, boundary } => {
            let change = there.as_ref().zip(here.as_ref()).and_then(|(there, here)| change(there, here));
            let note = note(row, boundary.as_ref());
            let cells = vec![
                Cell::text(meter.name()),
                Cell::text(condition.to_string()),
                price_cell(*meter, there.as_ref()),
                price_cell(*meter, here.as_ref()),
                change_cell(change),
                Cell::text(&note),
            ];
            let about = ComparedRow::Price {
                meter: *meter,
                condition: condition.to_string(),
                there: there.as_ref().map(ExactPriceRow::of),
                here: here.as_ref().map(ExactPriceRow::of),
                change_percent: change.map(|c| c.to_string()),
                note,
            };
            (about, cells)
        }
        About::Model(facts) => (ComparedRow::Model { prices: facts.iter().map(fact).collect() }, model_cells(facts)),
    };
    let tone = match row.verdict {
        Verdict::Same => Tone::Good,
        Verdict::Differs => Tone::Warn,
        Verdict::OnlyThere | Verdict::OnlyHere => Tone::Dim,
    };
    let (provider, model, listed_as) = (row.provider.clone(), row.model.clone(), row.listed_as.clone());
    ComparisonRow { verdict: row.verdict.words(), provider, model, listed_as, about, tone, cells }
}

fn fact(fact: &Fact) -> FactRow {
    FactRow { meter: fact.meter, condition: fact.condition.to_string(), price: ExactPriceRow::of(&fact.price) }
}

fn model_cells(facts: &[Fact]) -> Vec<Cell> {
    let text = |fact: &Fact| format!("{} {}", fact.meter, short_price(fact.meter, &fact.price));
    let text: Vec<String> = facts.iter().filter(|f| f.condition.is_always()).map(text).collect();
    let absent = || Cell::absent("–");
    vec![Cell::text("model"), Cell::text(""), absent(), absent(), Cell::text(""), Cell::text(text.join(", "))]
}

fn note(row: &ComparedItem, boundary: Option<&Condition>) -> String {
    match boundary {
        Some(boundary) => format!("here beyond {boundary}"),
        None if row.is_rounded() => "one of the two is rounded".into(),
        None => String::new(),
    }
}

fn price_cell(meter: Meter, price: Option<&Price>) -> Cell {
    let cell = |p: &Price| Cell::rate_between("$", p.usd.0, per_text(meter, p)).for_programs(p.usd.to_string());
    price.map_or_else(|| Cell::absent("–"), cell)
}

/// How far the database's price is from the table's, in percent of the table's.
fn change(there: &Price, here: &Price) -> Option<Decimal> {
    let (there, here) = (there.usd.0.checked_mul(here.per.into())?, here.usd.0.checked_mul(there.per.into())?);
    let percent = there.checked_sub(here)?.checked_div(here)?.checked_mul(Decimal::ONE_HUNDRED)?;
    Some(percent.normalize())
}

fn change_cell(change: Option<Decimal>) -> Cell {
    match change {
        None => Cell::text(""),
        Some(change) => Cell::change_in_percent(change),
    }
}
