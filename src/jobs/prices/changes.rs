//! Price changes by date, the changelog of the table: [`changes`].

use serde::Serialize;

use super::rates::{PriceStart, change_cell, change_text};
use super::{full_id, is_wanted, known_providers};
use crate::jobs::setup::{Setup, TableStamp, table_age_note, table_stamp};
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::card::{Rate, RateCard};
use crate::pricing::diff::{self, Change};
use crate::report::{Cell, Report, Tone, TypedTable};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ChangesQuery {
    /// The time in which something began.
    pub span: Period,
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// Whether first prices of models are listed whatever the span, and those whose start is not known.
    pub all: bool,
}

/// One rate that began: a changed one, or the first of its model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangeRow {
    /// The day that is known of its start: null where none is.
    pub date: Option<Instant>,
    /// `from` where it began on that day, `first-seen` where it is as old as that at least, `unknown`.
    pub start: &'static str,
    /// The model, as `provider/model`.
    pub model: String,
    /// What must hold of a request; empty for one that states nothing.
    pub when: String,
    /// What is billed.
    pub meter: Meter,
    /// The rate before.
    pub old: Option<String>,
    /// The rate from then on.
    pub new: Option<String>,
    /// Whether it is still to come.
    pub scheduled: bool,
    /// Whether it is the first price of the model that is known.
    pub first: bool,
    #[serde(skip)]
    date_cell: Cell,
    #[serde(skip)]
    percent: Cell,
    /// The old and the new rate for people.
    #[serde(skip)]
    cells: [Cell; 2],
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangesHead {
    /// Models whose first price has no known start, and is not listed.
    pub start_not_known: u64,
    /// The price table.
    pub table: TableStamp,
}

/// Lists what began in a span of time, the newest first: changed rates, and first prices of models.
///
/// Without a beginning of the span, first prices are those of the whole table: they are listed where all are asked for.
///
/// # Errors
/// [`JobError::Asked`] for a provider that nobody knows.
pub fn changes(query: &ChangesQuery, setup: &Setup) -> Result<Report, JobError> {
    let providers = known_providers(setup, &query.providers)?;
    let has_firsts = query.all || query.span.from.is_some();
    let (mut rows, mut start_not_known) = (Vec::new(), 0_u64);
    for (head, card) in setup.table.cards().filter(|(head, _)| is_wanted(&providers, head)) {
        let model = full_id(&head, &card);
        for pair in card.rate_cards.windows(2) {
            let [before, after] = pair else { continue };
            let start = PriceStart::of(after);
            if start.day().is_some_and(|day| query.span.contains(day)) {
                let changed = diff::changes(before, after).into_iter();
                rows.extend(changed.map(|change| row(start, &model, change, setup.at)));
            }
        }
        let Some(first) = card.rate_cards.first() else { continue };
        let start = PriceStart::of(first);
        let is_meant = start.day().map_or(query.all, |day| has_firsts && query.span.contains(day));
        start_not_known += u64::from(start.day().is_none() && !query.all);
        if is_meant {
            rows.extend(first_rows(first, &model, setup.at));
        }
    }
    rows.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.model.cmp(&b.model)));
    let mut report = table().report(rows);
    report.notes.push(format!("{} changes.", report.rows.len()));
    if start_not_known > 0 {
        let models = plural(start_not_known, "model");
        report
            .notes
            .push(format!("Not listed: the first prices of {models}, whose start is not known. --all lists them."));
    }
    report.notes.extend(table_age_note(&setup.table, setup.at));
    report.entitle("Price changes", plural(report.rows.len() as u64, "change"));
    report.date(&setup.at.date().to_string());
    report.state_all(&ChangesHead { start_not_known, table: table_stamp(setup) });
    Ok(report)
}

/// The rates that a request without conditions had at first.
fn first_rows(card: &RateCard, model: &str, now: Instant) -> Vec<ChangeRow> {
    let start = PriceStart::of(card);
    let priced = card.rates.iter().filter(|(_, rate)| matches!(rate, Rate::Price(_)));
    let change = |(meter, rate): &(Meter, Rate)| Change {
        condition: String::new(),
        meter: *meter,
        old: None,
        new: Some(rate.clone()),
    };
    priced.map(|rate| ChangeRow { first: true, ..row(start, model, change(rate), now) }).collect()
}

fn row(start: PriceStart, model: &str, change: Change, now: Instant) -> ChangeRow {
    ChangeRow {
        date: start.day(),
        start: match (start.from, start.first_seen) {
            (Some(_), _) => "from",
            (None, Some(_)) => "first-seen",
            (None, None) => "unknown",
        },
        date_cell: start.cell(now),
        model: model.to_owned(),
        meter: change.meter,
        old: change_text(change.old.as_ref()),
        new: change_text(change.new.as_ref()),
        scheduled: start.from.is_some_and(|from| from > now),
        first: false,
        percent: percent_cell(&change),
        cells: [&change.old, &change.new].map(|rate| change_cell(rate.as_ref())),
        when: change.condition,
    }
}

fn table() -> TypedTable<'static, ChangeRow> {
    TypedTable::new()
        .text("date", "date", |row: &ChangeRow| row.date_cell.clone())
        .text("model", "model", |row| Cell::text(&row.model))
        .text("condition", "when", |row| Cell::text(&row.when))
        .text("meter", "meter", |row| Cell::text(row.meter.name()))
        .number("old", "old", |row| if row.first { Cell::absent("first price") } else { row.cells[0].clone() })
        .number("new", "new", |row| row.cells[1].clone())
        .number("percent", "change", |row| row.percent.clone())
        .optional()
}

/// By how many percent a price changed; nothing where one side has none.
pub(super) fn percent_cell(change: &Change) -> Cell {
    let Some(percent) = change.percent() else { return Cell::default() };
    Cell::change_in_percent(percent).tone(if percent.is_sign_negative() { Tone::Good } else { Tone::Bad })
}
