//! The comparison of prompts as rows: [`CompareRow`] and [`report`].

use rust_decimal::Decimal;
use serde::Serialize;

use super::pareto::{self, Scored};
use super::shortlist::{PriceClass, released};
use super::{CompareQuery, ComparedQuotes, LeftOutModel};
use crate::calculator::compare::{Candidate, Difference, difference};
use crate::calculator::projection::per;
use crate::calculator::quote::Quote;
use crate::jobs::estimate::rows::{EstimateRow, QuotesHead};
use crate::jobs::estimate::{AskedModels, add_notes, head};
use crate::jobs::{Setup, plural};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::report::chart::{Chart, ChartKind, ChartValue};
use crate::report::{Cell, Report, Tone, TypedTable};

/// What is known of a model besides what the work costs on it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModelFacts {
    /// `economy`, `standard` or `premium`, by its price alone.
    pub price_class: Option<&'static str>,
    /// Its context window in tokens.
    pub context_window: Option<u64>,
    /// Since when it answers.
    pub released: Option<Instant>,
}

impl ModelFacts {
    pub(super) fn of(found: &Found, at: Instant) -> ModelFacts {
        ModelFacts {
            price_class: PriceClass::of(found, at).map(PriceClass::name),
            context_window: found.model.info.context_window,
            released: released(found),
        }
    }

    pub(super) fn context_cell(&self) -> Cell {
        let Some(tokens) = self.context_window else { return Cell::default() };
        let short = match tokens {
            1_000_000.. => format!("{}M", Decimal::new(tokens as i64 / 10_000, 2).normalize()),
            1_000.. => format!("{}k", tokens / 1_000),
            _ => tokens.to_string(),
        };
        Cell::pair(short, tokens.to_string())
    }

    pub(super) fn released_cell(&self) -> Cell {
        self.released.map_or_else(Cell::default, |day| Cell::text(day.date().to_string()))
    }
}

/// What the same work costs on one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompareRow {
    /// The cost.
    #[serde(flatten)]
    pub estimate: EstimateRow,
    /// What is known of the model.
    #[serde(flatten)]
    pub facts: ModelFacts,
    /// The expected cost of a thousand requests.
    pub per_1000_requests_usd: Option<Usd>,
    /// How many times the cheapest.
    pub times_cheapest: Option<String>,
    /// Dated twins of the model that cost the same, which have no rows of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<String>,
    /// Why it costs more than the cheapest, in dollars.
    pub difference: Option<Difference>,
    /// The user's own score; only where scores were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Option<String>>,
    /// The cost for a point of it; only where scores were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_point: Option<Option<Usd>>,
    /// Whether no other model is both as cheap and better; only where the model has a score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_for_its_price: Option<bool>,
    #[serde(skip)]
    times: Option<Decimal>,
}

/// The fields before the rows of `compare`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompareHead {
    /// How many models are not shown.
    pub left_out: usize,
    /// How many answers the totals are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// What the work needs of a model, as far as it is seen in the work.
    pub needs: Vec<&'static str>,
    /// The models that are not compared.
    pub not_compared: Vec<LeftOutModel>,
    /// How many models that cost nothing were left out.
    pub free_left_out: usize,
    /// The models and the prices.
    #[serde(flatten)]
    pub quotes: QuotesHead,
}

/// The comparison as a report, cheapest first.
///
/// * `requests`: how often each prompt is sent.
#[must_use]
pub fn report(comparison: &ComparedQuotes, query: &CompareQuery, requests: u64, setup: &Setup) -> Report {
    let all = &comparison.quotes;
    let models: Vec<&Found> = all.iter().map(|quote| &quote.found).collect();
    let is_shown = query.shown(&models, setup.at);
    let quotes: Vec<&Quote> = all.iter().zip(&is_shown).filter(|(_, shown)| **shown).map(|(quote, _)| quote).collect();
    let hidden = all.len() - quotes.len();
    let table = table(setup, !query.models.is_empty());
    let mut report = table.empty();
    let cheapest = all.first().filter(|quote| quote.result.is_ok());
    let total = |quote: &Quote| quote.result.as_ref().ok().map(|estimate| estimate.cost.total);
    let scored: Vec<Scored> = all
        .iter()
        .filter_map(|quote| {
            let id = quote.found.full_id();
            let (score, usd) = (query.score(&id)?, total(quote)?);
            Some(Scored { id, cost: usd.amount(), cost_text: setup.money(usd).people, score })
        })
        .collect();
    let best = pareto::frontier(&scored);
    for quote in &quotes {
        let mut row = row(quote, cheapest, query, setup);
        let id = quote.found.full_id();
        row.twins = comparison.twins.get(&id).cloned().unwrap_or_default();
        row.best_for_its_price = scored.iter().zip(&best).find(|(model, _)| model.id == id).map(|(_, best)| *best);
        let shown = table.push(&mut report, &row);
        row.estimate.detail(shown);
    }
    let answers = all.first().map(|first| first.of_requests.unwrap_or(1));
    add_answer(&mut report, comparison, requests, setup);
    add_own_notes(&mut report, comparison, query, hidden, answers);
    report.notes.extend(pareto::note(&scored, &best));
    report.charts.extend(bars(&quotes, setup));
    report.charts.extend(pareto::chart(&scored, &best));
    report.state_all(&CompareHead {
        left_out: hidden,
        answers: all.first().zip(answers).map(|(first, n)| n.saturating_mul(first.work.requests)),
        needs: comparison.needs.iter().copied().collect(),
        not_compared: comparison.left_out.0.clone(),
        free_left_out: comparison.free_left_out,
        quotes: head(all, setup),
    });
    let asked = AskedModels { ids: &query.models, found: &comparison.named, requests };
    let shown: Vec<Quote> = quotes.into_iter().cloned().collect();
    add_notes(&mut report, &shown, asked, setup);
    report
}

/// What was compared, and which is the cheapest: above the rows, where they are more than one.
fn add_answer(report: &mut Report, comparison: &ComparedQuotes, requests: u64, setup: &Setup) {
    let Some((first, estimate)) =
        comparison.quotes.first().and_then(|quote| Some((quote, quote.result.as_ref().ok()?)))
    else {
        return;
    };
    let priced = comparison.quotes.iter().filter(|quote| quote.result.is_ok()).count();
    if priced < 2 {
        return;
    }
    let all = first.of_requests.unwrap_or(1).saturating_mul(requests);
    report.head.push(format!(
        "{} on {} at the prices of {}",
        plural(all, "request"),
        plural(priced as u64, "model"),
        setup.at.date()
    ));
    report.head.push(format!("Cheapest: {} at {}", first.found.full_id(), setup.money(estimate.cost.total).people));
}

/// Says what is not shown, and how many answers the totals are for, where it is more than one.
fn add_own_notes(
    report: &mut Report,
    comparison: &ComparedQuotes,
    query: &CompareQuery,
    hidden: usize,
    answers: Option<u64>,
) {
    let notes = &mut report.notes;
    notes.extend(query.hidden_note(hidden));
    if let Some(answers) = answers.filter(|n| *n > 1) {
        let batch = comparison.batch;
        let rates = if batch > 0 { format!(", {batch} of them at batch rates") } else { String::new() };
        notes.push(format!("Totals are for {}{rates}.", plural(answers, "answer")));
    }
    if !comparison.needs.is_empty() && query.models.is_empty() {
        let needs: Vec<&str> = comparison.needs.iter().copied().collect();
        notes
            .push(format!("The work needs {}: only models that are known to offer it are compared.", needs.join(", ")));
    }
    let twins = comparison.twins.values().map(Vec::len).sum::<usize>();
    if twins > 0 {
        let models = plural(twins as u64, "dated twin");
        notes.push(format!("In the rows of their models: {models} of the same price. --format json names each."));
    }
    let free = comparison.free_left_out;
    if free > 0 {
        let (models, cost) = (plural(free as u64, "model"), if free == 1 { "costs" } else { "cost" });
        notes.push(format!("Not shown: {models} that {cost} nothing under this table. --free shows them."));
    }
    if !comparison.left_out.0.is_empty() {
        notes.push(format!("Left out: {}. --format json names each.", comparison.left_out.reasons()));
    }
}

/// What of a row a decision needs comes first: a narrow screen drops columns from the right.
///
/// * `is_noted`: whether notes below the rows name what replaces a model.
fn table(setup: &Setup, is_noted: bool) -> TypedTable<'_, CompareRow> {
    let or_empty = |cell: Option<Cell>| cell.unwrap_or_default();
    TypedTable::new()
        .text("model", "model", |row: &CompareRow| Cell::text(row.estimate.id()))
        .number("total_usd", "total", |row| row.estimate.total_cell(setup))
        .number("times", "× cheapest", move |row| or_empty(row.times.map(times_cell)))
        .number("high_usd", "up to", |row| row.estimate.bound_cell(setup, row.estimate.high_usd))
        .text("assumed_before", "assumed before", |row| row.estimate.assumed_cell())
        .text("life", "status", move |row| row.estimate.life_cell(setup, is_noted))
        .number("score", "score", move |row| or_empty(row.score.clone().flatten().map(Cell::text)))
        .number("usd_per_point", "cost per point", move |row| {
            or_empty(row.usd_per_point.flatten().map(|usd| setup.money(usd)))
        })
        .number("per_1000_requests_usd", "per 1,000 requests", move |row| {
            or_empty(row.per_1000_requests_usd.map(|usd| setup.money(usd)))
        })
        .optional()
        .number("thinking_tokens", "thinking", |row| row.estimate.thinking_cell())
        .optional()
        .number("input_tokens", "input tokens", |row| row.estimate.tokens_cell())
        .optional()
        .text("basis", "basis", |row| row.estimate.basis_cell())
        .optional()
        .number("context_window", "context", |row| row.facts.context_cell())
        .optional()
        .text("released", "released", |row| row.facts.released_cell())
        .optional()
        .number("input_usd", "input", |row| row.estimate.prompt_cell(setup))
        .optional()
        .number("output_usd", "output", |row| row.estimate.answer_cell(setup))
        .optional()
        .text("why", "why more than the cheapest", move |row| {
            or_empty(
                row.difference
                    .map(|d| Cell::text(why_text(&d.parts(), &|usd| setup.money(usd).people)).tone(Tone::Dim)),
            )
        })
        .optional()
}

fn row(quote: &Quote, cheapest: Option<&Quote>, query: &CompareQuery, setup: &Setup) -> CompareRow {
    let total = |quote: &Quote| quote.result.as_ref().ok().map(|estimate| estimate.cost.total);
    let score = query.score(&quote.found.full_id());
    let per_point = score.zip(total(quote)).and_then(|(score, total)| per(total, score));
    let least = cheapest.and_then(total);
    let requests = quote.of_requests.unwrap_or(1).saturating_mul(quote.work.requests);
    let thousand = |usd: Usd| per(usd.checked_mul(Decimal::ONE_THOUSAND)?, Decimal::from(requests));
    let times = total(quote).zip(least).and_then(|(own, least)| own.amount().checked_div(least.amount()));
    CompareRow {
        twins: Vec::new(),
        estimate: EstimateRow::of(quote, setup),
        facts: ModelFacts::of(&quote.found, setup.at),
        per_1000_requests_usd: total(quote).and_then(thousand),
        times_cheapest: times.map(|times| times.round_dp(4).normalize().to_string()),
        difference: cheapest.and_then(|cheapest| why(quote, cheapest, setup)),
        score: query.scores.is_some().then(|| score.map(|s| s.normalize().to_string())),
        usd_per_point: query.scores.is_some().then_some(per_point),
        best_for_its_price: None,
        times,
    }
}

/// `3.2`, or `17` where it is ten and more.
pub(super) fn times_cell(times: Decimal) -> Cell {
    Cell::text(times.round_dp(u32::from(times < Decimal::TEN)).normalize().to_string())
}

fn bars(quotes: &[&Quote], setup: &Setup) -> Option<Chart> {
    let mark = |usd: Usd| ChartValue::new(usd.amount(), setup.money(usd).people);
    let bars: Vec<_> = quotes
        .iter()
        .take(20)
        .filter_map(|quote| {
            let estimate = quote.result.as_ref().ok()?;
            let bounds = estimate.is_range().then(|| (mark(estimate.low), mark(estimate.high)));
            Some((quote.found.full_id(), mark(estimate.cost.total), bounds))
        })
        .collect();
    (bars.len() > 1).then(|| Chart {
        title: "What the work costs, with the range of what is not known".into(),
        kind: ChartKind::Bars { bars },
    })
}

/// The difference to the cheapest, over all pieces of work; `None` where they are too many to be told apart.
fn why(quote: &Quote, cheapest: &Quote, setup: &Setup) -> Option<Difference> {
    if std::ptr::eq(quote, cheapest) || quote.result.is_err() || quote.parts.len() != cheapest.parts.len() {
        return None;
    }
    let of_part = |(this, other)| {
        let this = Candidate { head: &quote.found.provider, model: &quote.found.model, work: this };
        let other = Candidate { head: &cheapest.found.provider, model: &cheapest.found.model, work: other };
        difference(this, other, setup.at).ok()
    };
    let mut parts = quote.parts.iter().zip(&cheapest.parts).map(of_part);
    let first = parts.next()??;
    parts.try_fold(first, |sum, part| sum.checked_add(&part?))
}

/// "answer tokens cost more (+$0.12), counts more tokens (+$0.08)": the largest part first, parts under a tenth of it left out.
///
/// * `parts`: each with its words for more and for less.
///
/// * `money`: an amount for people, in the currency of the table.
pub(super) fn why_text(parts: &[(&str, &str, Usd)], money: &dyn Fn(Usd) -> String) -> String {
    let size = |usd: Usd| usd.amount().abs();
    let largest = parts.iter().map(|(.., usd)| size(*usd)).max().unwrap_or_default();
    let mut told: Vec<_> = parts.iter().filter(|(.., usd)| size(*usd) * Decimal::TEN > largest).collect();
    told.sort_by_key(|(.., usd)| std::cmp::Reverse(size(*usd)));
    let text = |(more, less, usd): &&(&str, &str, Usd)| {
        let amount = money(Usd::new(size(*usd)));
        if usd.amount().is_sign_negative() { format!("{less} (−{amount})") } else { format!("{more} (+{amount})") }
    };
    told.iter().map(text).collect::<Vec<_>>().join(", ")
}
