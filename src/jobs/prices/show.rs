//! Everything that the table says about a model: [`show`].

use std::sync::Arc;

use serde::Serialize;

use super::matrix::{Matrix, source_text};
use super::rates::{INHERITED, PriceStart, RateRow, UNKNOWN, per_million, period_text, price_text};
use crate::context::conditions;
use crate::jobs::assumed::assumed_note;
use crate::jobs::life::{LifeRow, life_text};
use crate::jobs::setup::{Setup, TableStamp, add_table_line, matched_note, table_stamp};
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::money::grouped;
use crate::period::{Instant, Period};
use crate::pricing::Found;
use crate::pricing::card::{
    Alias, Api, ModelInfo, Multiplier, Rate, RateCard, Rates, Source, Tier, TokenizerRef, WindowHolds,
};
use crate::report::{Cell, Report, Tone, TypedTable};

/// One rate of a model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PricesShowRow {
    /// When it began.
    #[serde(flatten)]
    pub start: PriceStart,
    /// Until when, exclusive; null while it lasts.
    pub to: Option<Instant>,
    /// What must hold of a request; empty for one that states nothing.
    pub when: String,
    /// What is billed.
    pub meter: Meter,
    /// What it costs.
    pub rate: RateRow,
    /// Where it was read.
    pub source: Arc<Source>,
    /// Anything else worth knowing of the period.
    pub note: Option<String>,
    #[serde(skip)]
    period: String,
    #[serde(skip)]
    rate_text: String,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PricesShowHead {
    /// What is known of the model beside its prices.
    pub card: CardRow,
    /// That the model ends, has ended, or is no longer listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeRow>,
    /// Since when there is evidence of the rates in force, where they are assumed at the instant of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
    /// The price table.
    pub table: TableStamp,
}

/// What is known of a model beside its prices.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CardRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// What it is and can do.
    pub info: ModelInfo,
    /// Other ids of it.
    pub aliases: Vec<Alias>,
    /// What it counts with, by time.
    pub tokenizers: Vec<TokenizerRef>,
    /// Where its provider is called.
    pub api: Option<Api>,
}

/// How the rates of a model are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowLayout {
    /// A row for each rate, for programs.
    Rows,
    /// Conditions down and meters across, in blocks that are at most so many columns wide.
    Matrix(usize),
}

/// Shows a model: the rates in force, or those of all periods.
///
/// # Errors
/// [`JobError::Model`] for a model that nobody sells.
pub fn show(model: &str, all: bool, layout: ShowLayout, setup: &Setup) -> Result<Report, JobError> {
    let found = setup.find(model)?;
    let in_force = found.model.rates_at(setup.at);
    let shown = found.model.rate_cards.iter().filter(|card| all || in_force == Some(card));
    let mut report = match layout {
        ShowLayout::Rows => table().report(shown.clone().flat_map(rows)),
        ShowLayout::Matrix(width) => matrix(shown.clone(), width, setup.at),
    };
    report.head.splice(..0, head(setup, &found));
    let usd = |meter| in_force.and_then(|card| per_million(&card.rates, meter));
    if let (Some(input), Some(output)) = (usd(Meter::Input), usd(Meter::Output)) {
        let title = report.head.first().cloned().unwrap_or_default();
        report.entitle(title, format!("${input} in, ${output} out, per million tokens"));
    }
    let by_factor = layout == ShowLayout::Rows;
    report.notes.extend(shown.flat_map(|card| notes(card, by_factor)));
    let factors = found.provider.multipliers.iter().filter(|factor| factor.concerns(&found.model.id));
    report.notes.extend(factors.map(factor_note));
    let hidden = found.model.rate_cards.len() - usize::from(in_force.is_some());
    if in_force.is_none() && !all {
        report.notes.push(format!("No price holds on {}; --all shows the periods that have one.", setup.at));
    } else if hidden > 0 && !all {
        let periods = plural(hidden as u64, "more period");
        report.notes.push(format!("{periods}, past or future: list all with --all."));
    }
    let assumed = in_force.and_then(|card| Some((found.full_id(), card.assumed_before(setup.at)?)));
    report.notes.extend(assumed_note(assumed.into_iter().collect()));
    report.notes.extend(matched_note(model, &found));
    add_table_line(&mut report, setup);
    report.state_all(&PricesShowHead {
        card: card_row(&found),
        life: LifeRow::of_found(&found, setup.at, setup),
        assumed_before: in_force.and_then(|card| card.assumed_before(setup.at)),
        table: table_stamp(setup),
    });
    Ok(report)
}

fn table() -> TypedTable<'static, PricesShowRow> {
    TypedTable::new()
        .text("period", "period", |row: &PricesShowRow| Cell::text(&row.period))
        .text("condition", "when", |row| Cell::text(&row.when).tone(Tone::Dim))
        .text("meter", "meter", |row| Cell::text(row.meter.name()))
        .number("rate", "rate", |row| Cell::text(&row.rate_text))
        .text("checked", "checked", |row| Cell::text(row.source.checked.to_string()))
        .optional()
        .text("source", "source", |row| Cell::text(format!("{} ({})", row.source.url, row.source.evidence.name())))
        .optional()
}

fn card_row(found: &Found) -> CardRow {
    let (head, card) = (&found.provider, &found.model);
    CardRow {
        provider: head.id.clone(),
        model: card.id.clone(),
        info: card.info.clone(),
        aliases: card.aliases.clone(),
        tokenizers: card.tokenizers.clone(),
        api: head.api.clone(),
    }
}

/// Lines above the rates: what the model is, can do, and is also called.
fn head(setup: &Setup, found: &Found) -> Vec<String> {
    let (card, info) = (&found.model, &found.model.info);
    let (id, provider) = (found.full_id(), &found.provider.name);
    let mut head = vec![
        format!("{id} · {provider} · {} · {}", info.kind.name(), life_text(setup.table.life_of(found, setup.at), card)),
        facts(setup, found),
    ];
    if !info.capabilities.is_empty() {
        head.push(format!("can: {}", info.capabilities.join(", ")));
    }
    if !card.aliases.is_empty() {
        let retired = |a: &Alias| a.retired.map(|day| format!("retires {day}"));
        let alias = |a: &Alias| match (a.period == Period::default(), retired(a)) {
            (true, None) => a.id.clone(),
            (true, Some(retired)) => format!("{} ({retired})", a.id),
            (false, None) => format!("{} ({})", a.id, a.period),
            (false, Some(retired)) => format!("{} ({}, {retired})", a.id, a.period),
        };
        head.push(format!("also called: {}", card.aliases.iter().map(alias).collect::<Vec<_>>().join(", ")));
    }
    head.extend(info.retired_source.as_ref().map(|source| format!("the end: {}", source_text(source))));
    head.extend(info.note.clone());
    head.retain(|line| !line.is_empty());
    head
}

fn facts(setup: &Setup, found: &Found) -> String {
    let (card, info) = (&found.model, &found.model.info);
    let tokenizer = |t: &TokenizerRef| format!("tokenizer {}{}", t.name, if t.assumed { " (assumed)" } else { "" });
    let mut facts = Vec::new();
    let held = if info.window_holds == WindowHolds::Prompt { " of prompt" } else { "" };
    facts.extend(info.context_window.map(|n| format!("context {} tokens{held}", grouped(n))));
    facts.extend(info.max_output.map(|n| format!("answers up to {}", grouped(n))));
    facts.extend(info.smallest_cacheable.map(|n| format!("caches from {} tokens", grouped(n))));
    facts.extend(card.tokenizer_at(setup.at).map(tokenizer));
    facts.extend(info.released.map(|day| format!("released {day}")));
    facts.extend(info.open_weights.map(|open| if open { "open weights".into() } else { "closed weights".to_owned() }));
    facts.join(" · ")
}

/// Every rate of a period, with what must hold of a request.
fn rows(card: &RateCard) -> Vec<PricesShowRow> {
    let tier = |prefix: &str, tier: &Tier| {
        [prefix, &tier.condition()].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" and ")
    };
    let mut rows = Vec::new();
    let mut add =
        |when: String, rates: &Rates| rows.extend(rates.iter().map(|(meter, rate)| row(card, &when, *meter, rate)));
    add(String::new(), &card.rates);
    card.tiers.iter().for_each(|t| add(tier("", t), &t.rates));
    for variant in &card.variants {
        let when = conditions(&variant.when);
        add(when.clone(), &variant.rates);
        variant.tiers.iter().for_each(|t| add(tier(&when, t), &t.rates));
    }
    for schedule in card.schedule.iter().filter(|schedule| schedule.factor.is_none()) {
        add(schedule.to_string(), &schedule.rates);
    }
    rows
}

fn row(card: &RateCard, when: &str, meter: Meter, rate: &Rate) -> PricesShowRow {
    PricesShowRow {
        start: PriceStart::of(card),
        to: card.period.to,
        when: when.to_owned(),
        meter,
        rate: RateRow::of(rate),
        source: card.source.clone(),
        note: card.note.clone(),
        period: period_text(card),
        rate_text: match rate {
            Rate::Price(price) => price_text(meter, price),
            Rate::NotSold => "not sold".into(),
            Rate::SameAs(other) => format!("billed as {other}"),
            Rate::Inherit => INHERITED.into(),
            Rate::Refuse(None) => UNKNOWN.into(),
            Rate::Refuse(Some(why)) => format!("{UNKNOWN}: {why}"),
        },
    }
}

/// The blocks of the periods: the first is the table of the report, the others are below it.
fn matrix<'c>(cards: impl Iterator<Item = &'c RateCard>, width: usize, now: Instant) -> Report {
    let mut matrix = Matrix::default();
    cards.for_each(|card| matrix.add(card, &period_text(card), width, now));
    let notes = matrix.notes();
    let mut blocks = matrix.blocks.into_iter();
    let Some((title, mut report)) = blocks.next() else { return table().empty() };
    let unit = "US dollars per million tokens, unless stated otherwise";
    report.head = vec![String::new(), format!("{title} · {unit}")];
    report.sections = blocks.collect();
    report.notes = notes;
    report
}

/// A factor of the provider on the rates of the model.
fn factor_note(factor: &Multiplier) -> String {
    let when: Vec<String> =
        factor.when.iter().map(|(dimension, value)| format!("{}={value}", dimension.name())).collect();
    let what = match factor.meters.as_slice() {
        [] => "token rates".to_owned(),
        meters => meters.iter().map(|meter| meter.name()).collect::<Vec<_>>().join(", "),
    };
    let from = factor.period.from.map_or_else(String::new, |from| format!(" from {from}"));
    let to = factor.period.to.map_or_else(String::new, |to| format!(" until {to}"));
    format!("{}: {what} × {}{from}{to}", when.join(", "), factor.factor)
}

fn notes(card: &RateCard, with_factors: bool) -> Vec<String> {
    let schedules = card.schedule.iter().filter(|_| with_factors);
    let by_factor = schedules.filter_map(|schedule| Some((schedule, schedule.factor?)));
    let period = period_text(card);
    let factor = by_factor.map(|(schedule, factor)| format!("{period}: {schedule}: token rates × {factor}"));
    factor.chain(card.note.iter().map(|note| format!("{period}: {note}"))).collect()
}
