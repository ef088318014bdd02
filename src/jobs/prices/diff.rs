//! Two versions of the table, or the table on two dates: [`diff`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::changes::percent_cell;
use super::rates::{PriceStart, change_cell, change_text};
use super::{HeadAndCard, full_id};
use crate::calculator::estimate::{Work, estimate};
use crate::jobs::assumed::assumed_cell;
use crate::jobs::plural;
use crate::jobs::setup::table_age_note;
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::{ProviderHead, RateCard};
use crate::pricing::diff::{Change, changes_between};
use crate::pricing::{PriceTable, TableId};
use crate::range::Range;
use crate::report::{Cell, Report, TypedTable};

/// One side of a comparison: a table and an instant.
#[derive(Debug)]
pub struct DiffSide {
    /// What the user called it.
    pub label: String,
    /// The table.
    pub table: std::sync::Arc<PriceTable>,
    /// When it is looked at.
    pub at: Instant,
}

/// What to compare.
#[derive(Clone, Debug, Default)]
pub struct DiffQuery {
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// Prompt and answer tokens of one request of a workload, where money is wanted.
    pub tokens: Option<(Range<u64>, Range<u64>)>,
    /// How many requests the workload has.
    pub requests: u64,
}

/// One rate that differs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DiffRow {
    /// The model, as `provider/model`.
    pub model: String,
    /// What must hold of a request; empty for one that states nothing.
    pub when: String,
    /// What is billed.
    pub meter: Meter,
    /// The rate on the old side.
    pub old: Option<String>,
    /// The rate on the new side.
    pub new: Option<String>,
    /// When the price of the new side began; null where it has none.
    pub new_start: Option<PriceStart>,
    /// Since when there is evidence of the old price, where it is assumed on the old side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_assumed_before: Option<Instant>,
    /// Since when there is evidence of the new price, where it is assumed on the new side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_assumed_before: Option<Instant>,
    /// What the workload costs on the old side.
    pub old_usd: Option<Usd>,
    /// What the workload costs on the new side.
    pub new_usd: Option<Usd>,
    /// How much more it costs on the new side.
    pub delta_usd: Option<Usd>,
    #[serde(skip)]
    percent: Cell,
    /// The old and the new rate for people.
    #[serde(skip)]
    cells: [Cell; 2],
    #[serde(skip)]
    started: Cell,
    /// People see the money once for each model.
    #[serde(skip)]
    is_first: bool,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DiffHead {
    /// The old side.
    pub old: DiffSideRow,
    /// The new side.
    pub new: DiffSideRow,
    /// How many models differ.
    pub models: u64,
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DiffSideRow {
    /// What the user called it.
    pub label: String,
    /// When it is looked at.
    pub at: Instant,
    /// The table.
    pub table: TableId,
}

/// Compares two sides, rate by rate.
#[must_use]
pub fn diff(old: &DiffSide, new: &DiffSide, query: &DiffQuery) -> Report {
    let (before, after) = (cards(old, query), cards(new, query));
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut report = table().empty();
    report.head.push(format!("{} → {}", old.label, new.label));
    let mut models = 0_u64;
    for id in ids {
        let rows = model_rows(id, (before.get(id), old.at), (after.get(id), new.at), query);
        models += u64::from(!rows.is_empty());
        rows.iter().for_each(|row| {
            table().push(&mut report, row);
        });
    }
    report.entitle(
        "Prices compared",
        format!("{} of {}", plural(report.rows.len() as u64, "price"), plural(models, "model")),
    );
    report.date(&new.at.date().to_string());
    report.notes.push(format!("Models that differ: {models}; rates: {}.", report.rows.len()));
    report.notes.extend(table_age_note(&new.table, new.at));
    report.state_all(&DiffHead { old: side_row(old), new: side_row(new), models });
    report
}

fn side_row(side: &DiffSide) -> DiffSideRow {
    DiffSideRow { label: side.label.clone(), at: side.at, table: side.table.id().clone() }
}

/// The cards of a side by `provider/model`.
fn cards(side: &DiffSide, query: &DiffQuery) -> BTreeMap<String, HeadAndCard> {
    let providers: Vec<String> = query.providers.iter().map(|p| p.to_lowercase()).collect();
    let is_wanted =
        |head: &ProviderHead| providers.is_empty() || providers.iter().any(|p| *p == head.id || head.names.contains(p));
    let wanted = side.table.cards().filter(|(head, _)| is_wanted(head));
    wanted.map(|(head, card)| (full_id(&head, &card), (head, card))).collect()
}

type CardAt<'c> = (Option<&'c HeadAndCard>, Instant);

/// What differs between two cards of a model, each of which may be missing.
fn model_rows(id: &str, old: CardAt, new: CardAt, query: &DiffQuery) -> Vec<DiffRow> {
    let rates = |(card, at): CardAt| card.and_then(|(_, card)| card.rates_at(at).cloned());
    let (before, after) = (rates(old), rates(new));
    let list = changes_between(before.as_ref(), after.as_ref());
    if list.is_empty() {
        return Vec::new();
    }
    let (old_usd, new_usd) = (workload_cost(old, query), workload_cost(new, query));
    let delta_usd = old_usd.zip(new_usd).map(|(a, b)| Usd::new(b.amount() - a.amount()));
    let assumed = |card: &Option<RateCard>, at| card.as_ref().and_then(|card| card.assumed_before(at));
    let start = after.as_ref().map(PriceStart::of);
    let row = |(i, change): (usize, Change)| DiffRow {
        new_start: start,
        old_assumed_before: assumed(&before, old.1),
        new_assumed_before: assumed(&after, new.1),
        started: start.map_or_else(Cell::default, |start| start.cell(old.1.max(new.1))),
        model: id.to_owned(),
        meter: change.meter,
        old: change_text(change.old.as_ref()),
        new: change_text(change.new.as_ref()),
        old_usd,
        new_usd,
        delta_usd,
        percent: percent_cell(&change),
        cells: [&change.old, &change.new].map(|rate| change_cell(rate.as_ref())),
        is_first: i == 0,
        when: change.condition,
    };
    list.into_iter().enumerate().map(row).collect()
}

fn workload_cost((card, at): CardAt, query: &DiffQuery) -> Option<Usd> {
    let ((head, card), (input, output)) = (card?, query.tokens?);
    let work = Work { input, output, requests: query.requests, ..Work::default() };
    estimate(head, card, &work, at).ok().map(|estimate| estimate.cost.total)
}

fn table() -> TypedTable<'static, DiffRow> {
    let money = |row: &DiffRow, usd: Option<Usd>| usd.filter(|_| row.is_first).map_or_else(Cell::default, Cell::usd);
    TypedTable::new()
        .text("model", "model", |row: &DiffRow| Cell::text(&row.model))
        .text("condition", "when", |row| Cell::text(&row.when))
        .text("meter", "meter", |row| Cell::text(row.meter.name()))
        .number("old", "old", |row| row.cells[0].clone())
        .number("new", "new", |row| row.cells[1].clone())
        .number("percent", "change", |row| row.percent.clone())
        .optional()
        .text("new_start", "new since", |row| row.started.clone())
        .optional()
        .text("old_assumed_before", "old assumed before", |row| assumed_cell(row.old_assumed_before))
        .optional()
        .text("new_assumed_before", "new assumed before", |row| assumed_cell(row.new_assumed_before))
        .optional()
        .number("old_usd", "old cost", move |row| money(row, row.old_usd))
        .optional()
        .number("new_usd", "new cost", move |row| money(row, row.new_usd))
        .optional()
        .number("delta_usd", "difference", move |row| money(row, row.delta_usd))
}
