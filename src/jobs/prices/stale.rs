//! Live prices that have not been checked for long, and models that retire soon: [`stale`].

use serde::Serialize;

use super::{HeadAndCard, is_wanted, known_providers};
use crate::jobs::JobError;
use crate::jobs::plural;
use crate::jobs::setup::{Setup, TableStamp, add_table_line, table_stamp};
use crate::period::Instant;
use crate::pricing::card::{Evidence, ModelCard, ProviderHead};
use crate::report::{Cell, Report, Tone, TypedTable};

/// What to look for.
#[derive(Clone, Debug)]
pub struct StaleQuery {
    /// A price is stale when it has not been checked for more than this many days.
    pub max_age: u32,
    /// A model retires soon when it does within this many days.
    pub retiring: u32,
    /// The models to look at; all that are alive where none is named.
    pub models: Vec<String>,
    /// The providers by any of their names; all where none is named.
    pub providers: Vec<String>,
}

/// Something that has become old.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StaleRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// `unchecked`, `retired` or `retires soon`.
    pub finding: &'static str,
    /// The day of the last check, or that of the retirement.
    pub date: Instant,
    /// How many days that is from the instant of the report.
    pub days: u64,
    /// The next step.
    pub next: String,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StaleHead {
    /// The price table.
    pub table: TableStamp,
}

/// Lists what is stale.
///
/// # Errors
/// [`JobError`] for a model or a provider that nobody knows.
pub fn stale(query: &StaleQuery, setup: &Setup) -> Result<Report, JobError> {
    let candidates = candidates(query, setup)?;
    let rows = candidates.iter().flat_map(|(head, card)| findings(head, card, query, setup.at));
    let mut report = table().report(rows);
    report.entitle("Prices to check again", plural(report.rows.len() as u64, "finding"));
    add_table_line(&mut report, setup);
    report.state_all(&StaleHead { table: table_stamp(setup) });
    Ok(report)
}

fn table() -> TypedTable<'static, StaleRow> {
    TypedTable::new()
        .text("model", "model", |row: &StaleRow| Cell::text(format!("{}/{}", row.provider, row.model)))
        .text("finding", "finding", |row| Cell::text(row.finding).tone(Tone::Warn))
        .text("date", "date", |row| Cell::text(row.date.to_string()))
        .number("days", "days", |row| Cell::quantity(row.days))
        .text("next", "next step", |row| Cell::text(&row.next))
}

fn candidates(query: &StaleQuery, setup: &Setup) -> Result<Vec<HeadAndCard>, JobError> {
    if !query.models.is_empty() {
        return Ok(setup.find_all(&query.models)?.into_iter().map(|found| (found.provider, found.model)).collect());
    }
    let providers = known_providers(setup, &query.providers)?;
    let mut cards: Vec<HeadAndCard> = setup.table.cards().filter(|(head, _)| is_wanted(&providers, head)).collect();
    cards.sort_by(|a, b| (&a.0.id, &a.1.id).cmp(&(&b.0.id, &b.1.id)));
    // A model that was named is always judged; of the whole table, only what is alive.
    cards.retain(|(head, card)| setup.table.life(head, card, setup.at).is_live());
    Ok(cards)
}

/// What is stale about a card.
fn findings(head: &ProviderHead, card: &ModelCard, query: &StaleQuery, at: Instant) -> Vec<StaleRow> {
    let found = |finding, date, days, next| StaleRow {
        provider: head.id.clone(),
        model: card.id.clone(),
        finding,
        date,
        days,
        next,
    };
    let mut findings = Vec::new();
    if let Some(rates) = card.rates_at(at) {
        let (checked, age) = (rates.source.checked, days(rates.source.checked, at));
        if age > u64::from(query.max_age) && rates.source.evidence != Evidence::Own {
            findings.push(found("unchecked", checked, age, format!("look at {}", rates.source.url)));
        }
    }
    match card.info.retired {
        Some(day) if day <= at => findings.push(found("retired", day, days(day, at), replacement(head, card))),
        Some(day) if days(at, day) <= u64::from(query.retiring) => {
            findings.push(found("retires soon", day, days(at, day), replacement(head, card)))
        }
        _ => {}
    }
    findings
}

fn days(from: Instant, to: Instant) -> u64 {
    u64::try_from((to.unix() - from.unix()).div_euclid(86_400)).unwrap_or(0)
}

fn replacement(head: &ProviderHead, card: &ModelCard) -> String {
    let others = || format!("`farebox models --provider {}` lists others", head.id);
    card.info.replacement.as_ref().map_or_else(others, |r| format!("use {r}"))
}
