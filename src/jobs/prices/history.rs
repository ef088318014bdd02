//! Every price that a model has had and will have: [`history`].

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::rates::{RatesRow, per_million};
use crate::jobs::JobError;
use crate::jobs::setup::{Setup, TableStamp, matched_note, table_line, table_stamp};
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::card::{RateCard, Rates, Source};
use crate::report::{Cell, Report, Tone, TypedTable};

/// The prices of a model over one period.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryRow {
    /// From when on they hold; null where that is not known.
    pub from: Option<Instant>,
    /// Until when, exclusive; null while they last.
    pub to: Option<Instant>,
    /// Whether they hold at the instant of the report.
    pub in_force: bool,
    /// The rates of a request that states nothing.
    pub rates: RatesRow,
    /// How many sets of rates there are by the length of the prompt.
    pub tiers: usize,
    /// How many sets of rates there are by what a request states.
    pub variants: usize,
    /// Where they were read.
    pub source: Arc<Source>,
    /// Anything else worth knowing of the period.
    pub note: Option<String>,
    #[serde(skip)]
    bars: String,
    #[serde(skip)]
    more: String,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryHead {
    /// The model, as `provider/model`.
    pub model: String,
    /// The price table.
    pub table: TableStamp,
}

/// Shows the prices of a model as a timeline.
///
/// # Errors
/// [`JobError::Model`] for a model that nobody sells.
pub fn history(model: &str, setup: &Setup) -> Result<Report, JobError> {
    let found = setup.find(model)?;
    let cards = &found.model.rate_cards;
    let prices = cards.iter().flat_map(|c| [Meter::Input, Meter::Output].map(|m| per_million(&c.rates, m)));
    let highest = prices.flatten().max();
    let mut report = table().report(cards.iter().map(|card| row(card, highest, setup.at)));
    report.head.push(format!("{} · USD per million tokens", found.full_id()));
    let notes = cards.iter().filter_map(|card| Some(format!("{}: {}", card.period, card.note.as_ref()?)));
    report.notes.extend(notes);
    report.notes.extend(matched_note(model, &found));
    report.notes.push(table_line(setup));
    report.state_all(&HistoryHead { model: found.full_id(), table: table_stamp(setup) });
    Ok(report)
}

fn row(card: &RateCard, highest: Option<Decimal>, at: Instant) -> HistoryRow {
    let in_force = card.period.contains(at);
    HistoryRow {
        from: card.period.from,
        to: card.period.to,
        in_force,
        rates: RatesRow(card.rates.clone()),
        tiers: card.tiers.len(),
        variants: card.variants.len(),
        source: card.source.clone(),
        note: card.note.clone(),
        bars: bars(&card.rates, highest),
        more: more(card, in_force, card.period.from.is_some_and(|from| from > at)),
    }
}

fn table() -> TypedTable<'static, HistoryRow> {
    let price = |meter| {
        move |row: &HistoryRow| {
            per_million(&row.rates.0, meter).map_or_else(|| Cell::absent("–"), |usd| Cell::text(usd.to_string()))
        }
    };
    let from = |row: &HistoryRow| row.from.map_or_else(|| Cell::absent("not known"), |f| Cell::text(f.to_string()));
    let to = |row: &HistoryRow| Cell::text(row.to.map_or_else(|| "today and on".to_owned(), |t| t.to_string()));
    let tone = |row: &HistoryRow| if row.in_force { Tone::Good } else { Tone::Dim };
    TypedTable::new()
        .text("from", "from", from)
        .text("to", "to", to)
        .number("input", "input", price(Meter::Input))
        .number("cache_read", "cache read", price(Meter::CacheRead))
        .number("output", "output", price(Meter::Output))
        .text("chart", "input ▇ output ░", move |row| Cell::text(&row.bars).tone(tone(row)))
        .text("more", "more", |row| Cell::text(&row.more))
        .text("evidence", "evidence", |row| Cell::text(row.source.evidence.name()))
}

/// Bars of at most twenty characters, to the scale of the highest price of the timeline.
fn bars(rates: &Rates, highest: Option<Decimal>) -> String {
    let Some(highest) = highest.filter(|d| !d.is_zero()) else { return String::new() };
    let length =
        |usd: Decimal| usize::try_from((usd * Decimal::from(20) / highest).ceil().mantissa()).unwrap_or(0).min(20);
    let bar = |meter, fill: &str| per_million(rates, meter).map(|usd| fill.repeat(length(usd))).unwrap_or_default();
    let (input, output) = (bar(Meter::Input, "▇"), bar(Meter::Output, "░"));
    let rest: String = output.chars().skip(input.chars().count()).collect();
    format!("{input}{rest}")
}

fn more(card: &RateCard, in_force: bool, future: bool) -> String {
    let mut words = Vec::new();
    words.extend(in_force.then(|| "in force".to_owned()));
    words.extend(future.then(|| "scheduled".to_owned()));
    words.extend((!card.tiers.is_empty()).then(|| format!("{} tiers", card.tiers.len())));
    words.extend((!card.variants.is_empty()).then(|| format!("{} variants", card.variants.len())));
    words.extend((!card.schedule.is_empty()).then(|| "time of day".to_owned()));
    words.join(", ")
}
