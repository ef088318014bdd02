//! Price changes by date, the changelog of the table: [`changes`].

use serde::Serialize;

use super::rates::{change_text, or_dash};
use super::{full_id, is_wanted, known_providers};
use crate::jobs::JobError;
use crate::jobs::setup::{Setup, TableStamp, table_age_note, table_stamp};
use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::diff::{self, Change};
use crate::report::{Cell, Report, Tone, TypedTable};

/// One rate that changed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangeRow {
    /// When.
    pub date: Instant,
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
    #[serde(skip)]
    percent: Cell,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangesHead {
    /// The price table.
    pub table: TableStamp,
}

/// Lists the price changes of a span of time, the newest first.
///
/// # Errors
/// [`JobError::Asked`] for a provider that nobody knows.
pub fn changes(span: Period, providers: &[String], setup: &Setup) -> Result<Report, JobError> {
    let providers = known_providers(setup, providers)?;
    let mut rows = Vec::new();
    for (head, card) in setup.table.cards().filter(|(head, _)| is_wanted(&providers, head)) {
        for pair in card.rate_cards.windows(2) {
            let [before, after] = pair else { continue };
            let Some(at) = after.period.from.filter(|at| span.contains(*at)) else { continue };
            let changed = diff::changes(before, after);
            rows.extend(changed.into_iter().map(|change| row(at, full_id(&head, &card), change, setup.at)));
        }
    }
    rows.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.model.cmp(&b.model)));
    let mut report = table().report(rows);
    report.notes.push(format!("{} changes.", report.rows.len()));
    report.notes.extend(table_age_note(&setup.table, setup.at));
    report.state_all(&ChangesHead { table: table_stamp(setup) });
    Ok(report)
}

fn row(date: Instant, model: String, change: Change, now: Instant) -> ChangeRow {
    ChangeRow {
        date,
        model,
        meter: change.meter,
        old: change_text(change.old.as_ref()),
        new: change_text(change.new.as_ref()),
        scheduled: date > now,
        percent: percent_cell(&change),
        when: change.condition,
    }
}

fn table() -> TypedTable<'static, ChangeRow> {
    let tone = |row: &ChangeRow| if row.scheduled { Tone::Warn } else { Tone::Plain };
    TypedTable::new()
        .text("date", "date", move |row: &ChangeRow| Cell::text(row.date.to_string()).tone(tone(row)))
        .text("model", "model", |row| Cell::text(&row.model))
        .text("condition", "when", |row| Cell::text(&row.when))
        .text("meter", "meter", |row| Cell::text(row.meter.name()))
        .number("old", "old", |row| or_dash(&row.old))
        .number("new", "new", |row| or_dash(&row.new))
        .number("percent", "change", |row| row.percent.clone())
}

/// By how many percent a price changed; nothing where one side has none.
pub(super) fn percent_cell(change: &Change) -> Cell {
    let Some(percent) = change.percent() else { return Cell::default() };
    let (sign, tone) = if percent.is_sign_negative() { ("−", Tone::Good) } else { ("+", Tone::Bad) };
    Cell::pair(format!("{sign}{} %", percent.abs()), percent.to_string()).tone(tone)
}
