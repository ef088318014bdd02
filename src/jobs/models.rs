//! Which models are known, and what is known of each: [`list`].

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::life::{LifeRow, life_text};
use super::prices::known_needs;
use super::setup::{Setup, TableStamp, table_line, table_stamp};
use super::{JobError, plural};
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::candidates::twin_name;
use crate::pricing::card::{Alias, Kind, ModelCard, ProviderHead, Rate, RateCard, Source, rate_of};
use crate::pricing::need::Need;
use crate::report::{Cell, Report, Tone, TypedTable};

/// Which models to list.
#[derive(Clone, Debug, Default)]
pub struct ModelsQuery {
    /// Words that the id, an alias or the provider must contain, in any case.
    pub words: Vec<String>,
    /// The id of the one provider to list.
    pub provider: Option<String>,
    /// What they must be able to do.
    pub needs: Vec<Need>,
    /// The most that prompt tokens may cost, in US dollars for a million.
    pub max_input: Option<Decimal>,
    /// The same for answer tokens.
    pub max_output: Option<Decimal>,
    /// Also models that no longer answer, or are no longer listed.
    pub include_retired: bool,
}

/// One model, as the list shows it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModelRow<'c> {
    /// The provider's id.
    pub provider: &'c str,
    /// The model's id at the provider.
    pub model: &'c str,
    /// What it is made for: `chat`, `embedding` …
    pub kind: Kind,
    /// Other ids of it, with the time in which they mean it.
    pub aliases: Vec<AliasRow<'c>>,
    /// Tokens that prompt and answer may have together.
    pub context_window: Option<u64>,
    /// Tokens that an answer may have.
    pub max_output: Option<u64>,
    /// What it reads.
    pub input: &'c [String],
    /// What it writes.
    pub output: &'c [String],
    /// What it can do.
    pub capabilities: &'c [String],
    /// Whether its weights are published; null where that is not known.
    pub open_weights: Option<bool>,
    /// The day it was released.
    pub released: Option<Instant>,
    /// The day it stops or stopped to answer.
    pub retired: Option<Instant>,
    /// Where that day was read, where the table knows it.
    pub retired_source: Option<&'c Source>,
    /// The last day that a source listed it, where none does any longer.
    pub last_listed: Option<Instant>,
    /// The last day that a source which drops dead models listed it.
    pub listed: Option<Instant>,
    /// That it ends, has ended, or is no longer listed; null for one that lives without an end in sight.
    pub life: Option<LifeRow>,
    /// Dated twins of the same price, which are listed in this row alone.
    pub twins: Vec<&'c str>,
    /// What its provider recommends instead.
    pub replacement: Option<&'c str>,
    /// Anything else worth knowing.
    pub note: Option<&'c str>,
    /// The tokenizer it counts with.
    pub tokenizer: Option<TokenizerRow<'c>>,
    /// `live`, `retires 2026-12-01`, `retired 2025-07-21 → replacement`, `last listed 2025-07-21`, `not listed`.
    pub status: String,
    #[serde(skip)]
    rates: [Option<String>; 2],
    #[serde(skip)]
    is_live: bool,
    /// The rates in force, for which of two models are twins.
    #[serde(skip)]
    in_force: Option<&'c RateCard>,
}

/// Another id of a model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AliasRow<'c> {
    /// The id.
    pub id: &'c str,
    /// From when on it means the model.
    pub from: Option<Instant>,
    /// Until when, exclusive.
    pub to: Option<Instant>,
    /// First moment that it is no longer answered, where that is another than the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Instant>,
}

/// The tokenizer of a model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TokenizerRow<'c> {
    /// Its name, as `farebox tokenizers` lists it.
    pub name: &'c str,
    /// `known`, or `assumed` where it is a predecessor's.
    pub basis: &'static str,
}

/// The fields before `rows` in JSON output.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModelsHead {
    /// The price table.
    pub table: TableStamp,
    /// How many models were left out because they no longer answer, or are no longer listed.
    pub retired_left_out: u64,
}

/// Lists the models that a query asks for, by provider and id.
///
/// # Errors
/// [`JobError::Asked`] where a need is one that no model of the table has.
pub fn list(query: &ModelsQuery, setup: &Setup) -> Result<Report, JobError> {
    known_needs(&query.needs, setup)?;
    let words: Vec<String> = query.words.iter().map(|word| word.to_lowercase()).collect();
    let mut found: Vec<_> =
        setup.table.cards().filter(|(head, card)| matches(head, card, &words, query.provider.as_deref())).collect();
    found.sort_by(|(h1, c1), (h2, c2)| (&h1.id, &c1.id).cmp(&(&h2.id, &c2.id)));
    let before = found.len();
    found.retain(|(_, card)| query.needs.iter().all(|need| need.is_met_by(card) == Some(true)));
    let unmet = before - found.len();
    let mut rows: Vec<ModelRow> = found.iter().map(|(head, card)| row(head, card, setup)).collect();
    let before = rows.len();
    rows.retain(|row| costs_at_most(&row.rates[0], query.max_input) && costs_at_most(&row.rates[1], query.max_output));
    let expensive = before - rows.len();
    let (live, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_live);
    // Somebody who names a dead model wants to know what became of it.
    let narrows = !query.needs.is_empty() || query.max_input.is_some() || query.max_output.is_some();
    let shows_all = query.include_retired || live.is_empty() && !words.is_empty() && !narrows;
    let (mut rows, left_out) =
        if shows_all { (live.into_iter().chain(others).collect(), 0) } else { (live, others.len()) };
    rows.sort_by_key(|row: &ModelRow| (row.provider, row.model));
    let mut report = table().report(without_twins(rows));
    let head = ModelsHead { table: table_stamp(setup), retired_left_out: left_out as u64 };
    report.state_all(&head);
    let models = plural(report.rows.len() as u64, "model");
    report.notes.push(format!("{models}. {}", table_line(setup)));
    report.entitle("Models", models);
    report.date(&setup.at.date().to_string());
    if left_out > 0 {
        let models = plural(left_out as u64, "model");
        report
            .notes
            .push(format!("Left out: {models} that are retired or no longer listed. --include-retired shows them."));
    }
    if unmet > 0 {
        report.notes.push(format!("Left out: {} not known to meet the needs.", plural(unmet as u64, "model")));
    }
    if expensive > 0 {
        let models = plural(expensive as u64, "model");
        report.notes.push(format!("Left out: {models} that cost more, or have no price by the token."));
    }
    Ok(report)
}

/// Whether a rate, as it is shown, is at most a limit; one that is not known is not.
fn costs_at_most(rate: &Option<String>, most: Option<Decimal>) -> bool {
    let Some(most) = most else { return true };
    rate.as_ref().and_then(|usd| usd.parse::<Decimal>().ok()).is_some_and(|usd| usd <= most)
}

/// The rows with dated twins of the same price in the row of the model that they are twins of.
fn without_twins(rows: Vec<ModelRow>) -> Vec<ModelRow> {
    let mut kept: Vec<ModelRow> = Vec::with_capacity(rows.len());
    let mut places: HashMap<(&str, String), Vec<usize>> = HashMap::new();
    for row in rows {
        let same = places.entry((row.provider, twin_name(row.model))).or_default();
        match same.iter().find(|place| kept.get(**place).is_some_and(|other| are_twins(other, &row))) {
            Some(place) => {
                if let Some(other) = kept.get_mut(*place) {
                    other.twins.push(row.model);
                }
            }
            None => {
                same.push(kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// Whether two models of one name have the same kind, the same end and the same rates.
fn are_twins(a: &ModelRow, b: &ModelRow) -> bool {
    let (Some(ours), Some(theirs)) = (a.in_force, b.in_force) else { return false };
    let is_same = ours.rates == theirs.rates
        && ours.tiers == theirs.tiers
        && ours.variants == theirs.variants
        && ours.schedule == theirs.schedule;
    is_same && (a.kind, &a.life) == (b.kind, &b.life)
}

fn table<'c>() -> TypedTable<'static, ModelRow<'c>> {
    let shown = |usd: &String| usd.parse().map_or_else(|_| Cell::text(usd), Cell::rate);
    let rate = move |i: usize| move |row: &ModelRow| row.rates[i].as_ref().map_or_else(|| Cell::absent("–"), shown);
    let tone = |row: &ModelRow| if row.is_live { Tone::Plain } else { Tone::Dim };
    TypedTable::<ModelRow>::new()
        .text("provider", "provider", |row| Cell::text(row.provider))
        .text("model", "model", |row| Cell::text(row.model))
        .text("twins", "also as", |row| Cell::text(row.twins.join(", ")))
        .optional()
        .text("kind", "kind", |row| Cell::text(row.kind.name()))
        .optional()
        .number("context_window", "context", |row| row.context_window.map_or_else(|| Cell::absent("–"), Cell::quantity))
        .optional()
        .text("tokenizer", "tokenizer", |row| {
            row.tokenizer.as_ref().map_or_else(|| Cell::absent("unknown"), |t| Cell::text(t.name))
        })
        .optional()
        .number("input", "input $/M", rate(0))
        .number("output", "output $/M", rate(1))
        .text("status", "status", move |row| Cell::text(&row.status).tone(tone(row)))
        .text("retired_source", "end read at", |row| {
            row.retired_source.map_or_else(Cell::default, |source| Cell::text(source.url.as_str()))
        })
        .optional()
}

fn row<'c>(head: &'c ProviderHead, card: &'c ModelCard, setup: &Setup) -> ModelRow<'c> {
    let (info, at) = (&card.info, setup.at);
    let life = setup.table.life(head, card, at);
    let rates = card.rates_at(at).map(|r| &r.rates);
    let rate = |meter| match rates.and_then(|rates| rate_of(rates, meter)) {
        Some(Rate::Price(price)) if price.per == 1_000_000 => Some(price.usd.to_string()),
        _ => None,
    };
    let alias = |a: &'c Alias| AliasRow { id: &a.id, from: a.period.from, to: a.period.to, retired: a.retired };
    ModelRow {
        provider: &head.id,
        model: &card.id,
        kind: info.kind,
        aliases: card.aliases.iter().map(alias).collect(),
        context_window: info.context_window,
        max_output: info.max_output,
        input: &info.input,
        output: &info.output,
        capabilities: &info.capabilities,
        open_weights: info.open_weights,
        released: info.released,
        retired: info.retired,
        retired_source: info.retired_source.as_ref(),
        last_listed: info.last_listed,
        listed: info.listed,
        life: LifeRow::of(life, card),
        twins: Vec::new(),
        replacement: info.replacement.as_deref(),
        note: info.note.as_deref(),
        tokenizer: card
            .tokenizer_at(at)
            .map(|t| TokenizerRow { name: &t.name, basis: if t.assumed { "assumed" } else { "known" } }),
        status: life_text(life, card),
        rates: [rate(Meter::Input), rate(Meter::Output)],
        is_live: life.is_live(),
        in_force: card.rates_at(at),
    }
}

fn matches(head: &ProviderHead, card: &ModelCard, words: &[String], provider: Option<&str>) -> bool {
    let has = |word: &String| {
        let id = format!("{}/{}", head.id, card.id).to_lowercase();
        id.contains(word.as_str()) || card.aliases.iter().any(|a| a.id.to_lowercase().contains(word.as_str()))
    };
    provider.is_none_or(|p| p == head.id) && words.iter().all(has)
}
