//! The prices in force, one row for each model: [`list`].

use std::cmp::Reverse;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::rates::{PriceStart, RatesRow, per_million, price_text};
use super::{HeadAndCard, is_wanted, known_needs, known_providers};
use crate::jobs::assumed::{assumed_cell, assumed_note};
use crate::jobs::life::LifeRow;
use crate::jobs::setup::{Setup, TableStamp, table_line, table_stamp};
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::period::{Instant, Period};
use crate::pricing::card::{ModelCard, Rate, Source, rate_of};
use crate::pricing::need::Need;
use crate::report::{Cell, Report, TypedTable};

farebox_data::names! {
    /// The order of the rows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ListOrder "is not an order" {
        Name "name" "Provider and model";
        Input "input" "Input rate, cheapest first";
        Output "output" "Output rate, cheapest first";
        Context "context" "Context window, longest first";
        Released "released" "Day of release, newest first";
    }
}

/// Which prices to list.
#[derive(Clone, Debug)]
pub struct PricesListQuery {
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
    /// What the models must be able to do.
    pub needs: Vec<Need>,
    /// The order of the rows.
    pub order: ListOrder,
    /// Also models that no longer answer, or are no longer listed.
    pub include_retired: bool,
}

/// The prices of a model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PricesListRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// The rates of a request that states nothing.
    pub rates: RatesRow,
    /// When they hold.
    pub period: Period,
    /// First day that a dated snapshot shows them, where their start is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Instant>,
    /// Since when there is evidence of them, where they are assumed at the instant of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
    /// That the model ends, has ended, or is no longer listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeRow>,
    /// Where they were read.
    pub source: Arc<Source>,
    /// How many sets of rates there are by what a request states.
    pub variants: usize,
    /// How many sets of rates there are by the length of the prompt.
    pub tiers: usize,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PricesListHead {
    /// How many models were left out because it is not known whether they meet the needs.
    pub not_known: usize,
    /// The price table.
    pub table: TableStamp,
}

/// Lists the prices that a query asks for.
///
/// # Errors
/// [`JobError::Asked`] for a provider or a need that nobody knows.
pub fn list(query: &PricesListQuery, setup: &Setup) -> Result<Report, JobError> {
    let providers = known_providers(setup, &query.providers)?;
    known_needs(&query.needs, setup)?;
    let mut cards: Vec<HeadAndCard> = setup
        .table
        .cards()
        .filter(|(head, _)| is_wanted(&providers, head))
        .filter(|(head, card)| query.include_retired || setup.table.life(head, card, setup.at).is_live())
        .collect();
    let meets = |card: &ModelCard, answer| query.needs.iter().any(|need| need.is_met_by(card) == answer);
    let unknown = cards.iter().filter(|(_, card)| meets(card, None)).count();
    cards.retain(|(_, card)| !meets(card, None) && !meets(card, Some(false)));
    sort(&mut cards, query.order, setup);
    let mut report = table().report(cards.iter().filter_map(|card| row(card, setup)));
    if unknown > 0 {
        report.notes.push(format!("Left out: {} not known to meet the needs.", plural(unknown as u64, "more model")));
    }
    let assumed = |(head, card): &HeadAndCard| {
        Some((super::full_id(head, card), card.rates_at(setup.at)?.assumed_before(setup.at)?))
    };
    report.notes.extend(assumed_note(cards.iter().filter_map(assumed).collect()));
    report.state_all(&PricesListHead { not_known: unknown, table: table_stamp(setup) });
    let models = plural(report.rows.len() as u64, "model");
    report.notes.push(format!("USD per million tokens; {models}. {}", table_line(setup)));
    report.entitle("Prices in US dollars per million tokens", models);
    report.date(&setup.at.date().to_string());
    Ok(report)
}

/// A model without the value stands last, whichever the order.
fn sort(cards: &mut [HeadAndCard], order: ListOrder, setup: &Setup) {
    cards.sort_by(|(h1, c1), (h2, c2)| (&h1.id, &c1.id).cmp(&(&h2.id, &c2.id)));
    let rate = |card: &ModelCard, meter| card.rates_at(setup.at).and_then(|r| per_million(&r.rates, meter));
    let last = |card: &ModelCard, meter| rate(card, meter).map_or((true, Decimal::ZERO), |usd| (false, usd));
    match order {
        ListOrder::Name => {}
        ListOrder::Input => cards.sort_by_key(|(_, card)| last(card, Meter::Input)),
        ListOrder::Output => cards.sort_by_key(|(_, card)| last(card, Meter::Output)),
        ListOrder::Context => cards.sort_by_key(|(_, card)| Reverse(card.info.context_window)),
        ListOrder::Released => cards.sort_by_key(|(_, card)| Reverse(card.info.released)),
    }
}

fn row((head, card): &HeadAndCard, setup: &Setup) -> Option<PricesListRow> {
    let rates = card.rates_at(setup.at)?;
    Some(PricesListRow {
        provider: head.id.clone(),
        model: card.id.clone(),
        rates: RatesRow(rates.rates.clone()),
        period: rates.period,
        first_seen: PriceStart::of(rates).first_seen,
        assumed_before: rates.assumed_before(setup.at),
        life: LifeRow::of(setup.table.life(head, card, setup.at), card),
        source: rates.source.clone(),
        variants: rates.variants.len(),
        tiers: rates.tiers.len(),
    })
}

fn table() -> TypedTable<'static, PricesListRow> {
    let from = |row: &PricesListRow| match (row.period.from, row.first_seen) {
        (Some(from), _) => Cell::text(from.to_string()),
        (None, Some(seen)) => Cell::pair(format!("at least {seen}"), seen.to_string()),
        (None, None) => Cell::absent("not known"),
    };
    TypedTable::new()
        .text("provider", "provider", |row: &PricesListRow| Cell::text(&row.provider))
        .text("model", "model", |row| Cell::text(&row.model))
        .number("input", "input", |row| rate_cell(&row.rates, Meter::Input))
        .number("cache_read", "cache read", |row| rate_cell(&row.rates, Meter::CacheRead))
        .optional()
        .number("output", "output", |row| rate_cell(&row.rates, Meter::Output))
        .text("other", "other meters", |row| Cell::text(other_meters(&row.rates)))
        .optional()
        .text("from", "since", from)
        .optional()
        .text("assumed_before", "assumed before", |row| assumed_cell(row.assumed_before))
        .text("life", "status", |row| row.life.as_ref().map_or_else(Cell::default, |life| Cell::text(life.text())))
        .text("evidence", "evidence", |row| Cell::text(row.source.evidence.name()))
        .optional()
        .text("checked", "checked", |row| Cell::text(row.source.checked.to_string()))
        .optional()
}

fn rate_cell(rates: &RatesRow, meter: Meter) -> Cell {
    match rate_of(&rates.0, meter) {
        Some(Rate::Price(price)) if price.per == 1_000_000 => Cell::rate(price.usd.0),
        Some(Rate::Price(price)) => Cell::pair(price_text(meter, price), price.usd.to_string()),
        Some(Rate::NotSold) => Cell::absent("not sold"),
        Some(Rate::SameAs(other)) => Cell::absent(format!("as {other}")),
        Some(Rate::Refuse(_)) => Cell::absent("not known"),
        Some(Rate::Inherit) | None => Cell::absent("–"),
    }
}

fn other_meters(rates: &RatesRow) -> String {
    let shown = [Meter::Input, Meter::CacheRead, Meter::Output];
    let own = rates.0.iter().filter(|(m, r)| !shown.contains(m) && matches!(r, Rate::Price(_)));
    own.map(|(m, _)| m.name()).collect::<Vec<_>>().join(", ")
}
