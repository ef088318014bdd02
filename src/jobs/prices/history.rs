//! Every price that a model has had and will have: [`history`].

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::rates::{PriceStart, RatesRow, per_million, period_text};
use crate::jobs::JobError;
use crate::jobs::setup::{Setup, TableStamp, add_table_line, matched_note, table_stamp};
use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::AliasMeaning;
use crate::pricing::card::{RateCard, Rates, Source};
use crate::report::{Cell, Column, Report, Tone, TypedTable};

/// The prices of a model over one period.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HistoryRow {
    /// The model that the alias meant, as `provider/model`, where an alias was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When they began, or since when the alias meant the model.
    #[serde(flatten)]
    pub start: PriceStart,
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
    started: Cell,
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

/// Shows the prices of a model as a timeline; those of an alias are the prices of each model while it meant it.
///
/// # Errors
/// [`JobError::Model`] for a model that nobody sells.
pub fn history(model: &str, setup: &Setup) -> Result<Report, JobError> {
    let meanings = setup.table.meanings(model, setup.at);
    if meanings.iter().any(|meaning| meaning.period != Period::default()) {
        return Ok(alias_history(model, &meanings, setup));
    }
    let found = setup.find(model)?;
    let cards: Vec<(Option<String>, RateCard)> = found.model.rate_cards.iter().map(|c| (None, c.clone())).collect();
    let mut report = timeline(found.full_id(), &cards, setup);
    report.notes.extend(matched_note(model, &found));
    add_table_line(&mut report, setup);
    Ok(report)
}

/// The prices of what an alias meant, each for the time it did.
fn alias_history(alias: &str, meanings: &[AliasMeaning], setup: &Setup) -> Report {
    let mut cards = Vec::new();
    for AliasMeaning { id, card, period, .. } in meanings {
        let held = card.rate_cards.iter().filter(|rates| rates.period.overlaps(period));
        cards.extend(held.map(|rates| (Some(id.clone()), within(rates, *period))));
    }
    cards.sort_by_key(|(_, card)| card.period.from);
    let mut report = timeline(alias.to_owned(), &cards, setup);
    report.head.extend(meanings.iter().map(|meaning| format!("{alias} meant {} {}", meaning.id, meaning.period)));
    add_table_line(&mut report, setup);
    report
}

/// Rates for the part of their time that is in a period.
fn within(rates: &RateCard, period: Period) -> RateCard {
    let part = rates.period.and(period);
    let first_seen = rates.first_seen.filter(|seen| part.from.is_none() && part.contains(*seen));
    RateCard { period: part, first_seen, ..rates.clone() }
}

/// A row for each period, each with the model where an alias meant several.
fn timeline(id: String, cards: &[(Option<String>, RateCard)], setup: &Setup) -> Report {
    let rates = cards.iter().map(|(_, card)| &card.rates);
    let prices = rates.flat_map(|rates| [Meter::Input, Meter::Output].map(|m| per_million(rates, m)));
    let highest = prices.flatten().max();
    let rows = cards.iter().map(|(model, card)| HistoryRow { model: model.clone(), ..row(card, highest, setup.at) });
    let mut report = table().report(rows);
    report.head.push(format!("{id} · USD per million tokens"));
    let now = cards.iter().find(|(_, card)| card.period.contains(setup.at)).map(|(_, card)| &card.rates);
    let usd =
        |meter| now.and_then(|rates| per_million(rates, meter)).map_or_else(|| "–".into(), |usd| format!("${usd}"));
    let headline = format!("{} in, {} out", usd(Meter::Input), usd(Meter::Output));
    report.entitle(format!("{id} · USD per million tokens"), headline);
    let notes = cards.iter().filter_map(|(_, card)| Some(format!("{}: {}", period_text(card), card.note.as_ref()?)));
    report.notes.extend(notes);
    let has_no_start = |card: &RateCard| PriceStart::of(card).day().is_none() && card.evidence_begins().is_some();
    if cards.iter().any(|(_, card)| has_no_start(card)) {
        report.notes.push(NO_START.to_owned());
    }
    report.state_all(&HistoryHead { model: id, table: table_stamp(setup) });
    report
}

/// What a price without a start is before it was read.
const NO_START: &str = "A price whose start is not known is assumed for the time before its source was read.";

fn row(card: &RateCard, highest: Option<Decimal>, at: Instant) -> HistoryRow {
    let in_force = card.period.contains(at);
    let start = PriceStart::of(card);
    HistoryRow {
        model: None,
        start,
        to: card.period.to,
        in_force,
        rates: RatesRow(card.rates.clone()),
        tiers: card.tiers.len(),
        variants: card.variants.len(),
        source: card.source.clone(),
        note: card.note.clone(),
        started: start.cell(at),
        bars: bars(&card.rates, highest),
        more: more(card, in_force, card.period.from.is_some_and(|from| from > at)),
    }
}

fn table() -> TypedTable<'static, HistoryRow> {
    let price =
        |meter| move |row: &HistoryRow| per_million(&row.rates.0, meter).map_or_else(|| Cell::absent("–"), Cell::rate);
    let to = |row: &HistoryRow| Cell::text(row.to.map_or_else(|| "today and on".to_owned(), |t| t.to_string()));
    let tone = |row: &HistoryRow| if row.in_force { Tone::Good } else { Tone::Dim };
    TypedTable::new()
        .text("model", "model", |row: &HistoryRow| row.model.as_ref().map_or_else(Cell::default, Cell::text))
        .text("from", "from", |row| row.started.clone())
        .text("to", "to", to)
        .number("input", "input", price(Meter::Input))
        .number("cache_read", "cache read", price(Meter::CacheRead))
        .number("output", "output", price(Meter::Output))
        .column(Column::drawing("chart", "input ▇ output ░"), move |row| Cell::text(&row.bars).tone(tone(row)))
        .text("more", "more", |row| Cell::text(&row.more))
        .text("evidence", "evidence", |row| Cell::text(row.source.evidence.name()))
        .optional()
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
