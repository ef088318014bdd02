//! What was watched, as rows.

use rust_decimal::Decimal;
use serde::Serialize;

use super::events::{WatchedChange, WatchedEvent, WatchedKind};
use crate::jobs::assumed::assumed_cell;
use crate::jobs::setup::{Setup, TableStamp};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::TableId;
use crate::report::ics::CalendarEvent;
use crate::report::{Cell, Tone, TypedTable};

/// Something that happens to a model, and what it does to the bill.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WatchRow {
    /// When.
    pub date: Instant,
    /// The model, as `provider/model`.
    pub model: String,
    /// What happens.
    pub event: WatchedKind,
    /// Whether it is still to come.
    pub scheduled: bool,
    /// What is other than before.
    pub changes: Vec<WatchedChange>,
    /// What answers from then on, where that is another model.
    pub instead: Option<String>,
    /// The whole bill before; null where it has no price.
    pub before_usd: Option<Usd>,
    /// The whole bill from then on; null where it has no price.
    pub after_usd: Option<Usd>,
    /// By how much the bill changes, in percent.
    pub change_percent: Option<String>,
    /// Since when there is evidence of the old price, where it is assumed in the bill before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_assumed_before: Option<Instant>,
    /// Since when there is evidence of the new price, where it is assumed in the bill after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_assumed_before: Option<Instant>,
    /// Further information, such as why the bill has no price.
    pub note: Option<String>,
}

/// The fields before the rows in the `json` format.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WatchHead {
    /// What the bill is of: `month` of a workload on average, or `usage`.
    pub bill: &'static str,
    /// Changes from this moment on; where an older table is compared, the moment of the comparison.
    pub since: Instant,
    /// The older table that the first bill is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<TableId>,
    /// Changes before this moment; null for all that are known.
    pub until: Option<Instant>,
    /// The moment after which a change is still to come.
    pub at: Instant,
    /// The bill at the prices before the first change.
    pub before_usd: Usd,
    /// The bill at the prices after the last one.
    pub after_usd: Usd,
    /// By how much the bill changes in all, in percent; null where it was nothing.
    pub change_percent: Option<String>,
    /// How many changes of the watched models leave the bill as it is.
    pub untouched: u64,
    /// How many features or records have no price, and are not in the bill.
    pub unpriced: u64,
    /// The price table.
    pub table: TableStamp,
}

/// By how many percent an amount changed, to one digit; `None` where it was nothing before.
pub(super) fn percent(before: Usd, after: Usd) -> Option<Decimal> {
    let difference = after.amount().checked_sub(before.amount())?;
    let share = difference.checked_div(before.amount())?;
    Some(share.checked_mul(Decimal::ONE_HUNDRED)?.round_dp(2).normalize())
}

impl WatchRow {
    pub(super) fn of(event: &WatchedEvent, before: Option<Usd>, after: Option<Usd>, setup: &Setup) -> WatchRow {
        let change = before.zip(after).and_then(|(before, after)| percent(before, after));
        WatchRow {
            date: event.at,
            model: event.model.clone(),
            event: event.kind,
            scheduled: event.at > setup.at,
            changes: event.changes.clone(),
            instead: event.instead.clone(),
            before_usd: before,
            after_usd: after,
            change_percent: change.map(|percent| percent.to_string()),
            old_assumed_before: event.old_assumed_before,
            new_assumed_before: event.new_assumed_before,
            note: None,
        }
    }

    /// Whether the bill stays the same.
    pub(super) fn is_nothing(&self) -> bool {
        self.event == WatchedKind::Price && self.before_usd.is_some() && self.before_usd == self.after_usd
    }
}

/// The table of what was watched; `money` shows an amount.
pub(super) fn table(money: &dyn Fn(Usd) -> Cell) -> TypedTable<'_, WatchRow> {
    let tone = |row: &WatchRow| match (row.event, row.scheduled) {
        (WatchedKind::Retires, _) => Tone::Bad,
        (_, true) => Tone::Warn,
        _ => Tone::Plain,
    };
    let amount = move |usd: Option<Usd>| usd.map_or_else(|| Cell::absent("no price"), money);
    TypedTable::new()
        .text("date", "date", move |row: &WatchRow| Cell::text(row.date.to_string()).tone(tone(row)))
        .text("model", "model", |row| Cell::text(&row.model))
        .text("what", "what changes", |row| Cell::text(what(row.event, &row.changes, row.instead.as_deref())))
        .number("before_usd", "bill before", move |row| amount(row.before_usd))
        .number("after_usd", "bill after", move |row| amount(row.after_usd))
        .number("change_percent", "change", |row| percent_cell(row.before_usd.zip(row.after_usd)))
        .text("old_assumed_before", "old assumed before", |row| assumed_cell(row.old_assumed_before))
        .optional()
        .text("new_assumed_before", "new assumed before", |row| assumed_cell(row.new_assumed_before))
        .optional()
}

pub(super) fn percent_cell(sides: Option<(Usd, Usd)>) -> Cell {
    let Some(percent) = sides.and_then(|(before, after)| percent(before, after)) else { return Cell::default() };
    if percent.is_zero() {
        return Cell::pair("=", "0");
    }
    Cell::change_in_percent(percent).tone(if percent.is_sign_negative() { Tone::Good } else { Tone::Bad })
}

/// How many changes are named; the others are counted.
const NAMED: usize = 2;

/// "output 10 → 8, batch input 1.25 → 1", "retires; use openai/gpt-4.1".
pub(super) fn what(kind: WatchedKind, changes: &[WatchedChange], instead: Option<&str>) -> String {
    match (kind, instead) {
        (WatchedKind::Moves, Some(id)) => return format!("the name means {id} from then on"),
        (WatchedKind::Moves, None) => return "the name means another model from then on".to_owned(),
        (WatchedKind::Retires, Some(id)) => return format!("retires; use {id}"),
        (WatchedKind::Retires, None) => return "retires; no replacement is named".to_owned(),
        (WatchedKind::Price, _) => {}
    }
    // Those of a request that states nothing are what most bills are made of.
    let plain: Vec<&WatchedChange> = changes.iter().filter(|change| change.when.is_empty()).take(NAMED).collect();
    let first: Vec<&WatchedChange> = if plain.is_empty() { changes.iter().take(1).collect() } else { plain };
    let mut named: Vec<String> = first.into_iter().map(change_words).collect();
    if changes.len() > named.len() {
        named.push(format!("{} more", changes.len() - named.len()));
    }
    named.join(", ")
}

fn change_words(change: &WatchedChange) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let meter = change.meter.map_or("tokens", crate::meter::Meter::name);
    let when = if change.when.is_empty() { String::new() } else { format!("{}: ", change.when) };
    format!("{when}{meter} {} → {}", or_none(&change.old), or_none(&change.new))
}

/// A day to remember.
pub(super) fn calendar_event(event: &WatchedEvent) -> CalendarEvent {
    let all = event.changes.iter().map(change_words).collect::<Vec<_>>().join("\n");
    let kind = match event.kind {
        WatchedKind::Price => "price",
        WatchedKind::Moves => "moves",
        WatchedKind::Retires => "retires",
    };
    CalendarEvent {
        key: format!("{kind} {} {}", event.model, event.at),
        at: event.at,
        summary: format!("{}: {}", event.model, what(event.kind, &event.changes, event.instead.as_deref())),
        description: all,
        // A price file of the user's has no address.
        url: event.source.clone().filter(|source| source.starts_with("http")),
    }
}
