//! The same work on many models, and why one is cheaper: [`candidates`] says which models, [`compare`] puts their quotes in
//! order, [`report`] shows them. A whole workload on many models is [`workload`].

pub mod needs;
pub mod workload;

use std::collections::{BTreeMap, HashMap, HashSet};

use rust_decimal::Decimal;
use serde::Serialize;

use super::estimate::rows::{EstimateRow, QuotesHead};
use super::estimate::{AskedModels, PricedInputs, add_notes, head};
use super::{JobError, Setup, plural};
use crate::calculator::Refusal;
use crate::calculator::compare::{Candidate, Difference, difference};
use crate::calculator::projection::per;
use crate::calculator::quote::Quote;
use crate::money::Usd;
use crate::pricing::Found;
use crate::pricing::candidates::{core_name, is_for_chat, twin_name};
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::pricing::need::Need;
use crate::report::{Cell, Report, Tone, TypedTable};

/// Which models to compare, and how much of them to show.
#[derive(Clone, Debug, Default)]
pub struct CompareQuery {
    /// The models named; all live chat models where there are none.
    pub models: Vec<String>,
    /// Only models of these providers, by their ids.
    pub providers: Vec<String>,
    /// Only models that meet these.
    pub needs: Vec<Need>,
    /// Only the hosts of this model.
    pub hosts_of: Option<String>,
    /// Models at hosts, clouds and routers too, not only at their makers.
    pub all: bool,
    /// Models that cost nothing too.
    pub free: bool,
    /// Models that no longer answer, or are no longer listed, too.
    pub include_retired: bool,
    /// How many rows are shown; 0 for all of them.
    pub top: usize,
    /// The user's own scores by model.
    pub scores: Option<HashMap<String, Decimal>>,
    /// The region that a plan's requests are sent to.
    pub region: Option<String>,
    /// Whether requests state a region, which not every model is sold in.
    pub needs_region: bool,
}

impl CompareQuery {
    /// How many of the given number of rows are shown.
    fn shown(&self, rows: usize) -> usize {
        if self.top == 0 || !self.models.is_empty() { rows } else { self.top.min(rows) }
    }

    /// The user's own score of a model.
    fn score(&self, id: &str) -> Option<Decimal> {
        self.scores.as_ref().and_then(|scores| scores.get(id)).copied()
    }
}

/// A model that is not compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOutModel {
    /// `provider/model`.
    pub model: String,
    /// Why.
    pub reason: String,
}

/// Models that are not compared, each with the reason.
#[derive(Clone, Debug, Default)]
pub struct LeftOut(pub Vec<LeftOutModel>);

impl LeftOut {
    fn add(&mut self, model: String, reason: String) {
        self.0.push(LeftOutModel { model, reason });
    }

    /// The reasons with the number of models, the most frequent first.
    fn reasons(&self) -> String {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for model in &self.0 {
            *reasons.entry(&model.reason).or_default() += 1;
        }
        let mut list: Vec<_> = reasons.into_iter().collect();
        list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        list.iter().map(|(reason, n)| format!("{n} × {reason}")).collect::<Vec<_>>().join("; ")
    }

    /// The error where nothing is left to compare.
    fn nothing_left(&self) -> JobError {
        if self.0.is_empty() {
            return JobError::NothingPriced(Vec::new());
        }
        JobError::asked(
            format!("no model is left to compare: {}", self.reasons()),
            "relax --need, shorten the prompt or the answer, or add --all for hosts, clouds and routers",
        )
    }
}

/// The models to compare.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// What the models named mean; empty where none is named.
    pub named: Vec<Found>,
    /// The models that meet every need, each once.
    pub models: Vec<Found>,
    /// The others.
    pub left_out: LeftOut,
}

/// The models named, the hosts of one, or every chat model that answers and has a price, as far as they meet the needs.
///
/// # Errors
/// [`JobError`] where a model is not known, or none meets the needs.
pub fn candidates(query: &CompareQuery, setup: &Setup) -> Result<Candidates, JobError> {
    let found = if query.models.is_empty() { listed(query, setup)? } else { setup.find_all(&query.models)? };
    let mut candidates = Candidates::default();
    let mut seen = HashSet::new();
    for found in found.iter().filter(|found| seen.insert(found.full_id())) {
        match query.needs.iter().find_map(|need| need.reason_unmet(&found.model)) {
            Some(reason) => candidates.left_out.add(found.full_id(), reason),
            None => candidates.models.push(found.clone()),
        }
    }
    if candidates.models.is_empty() {
        return Err(candidates.left_out.nothing_left());
    }
    candidates.named = if query.models.is_empty() { Vec::new() } else { found };
    Ok(candidates)
}

/// The hosts of a model, or every chat model that answers and has a price.
fn listed(query: &CompareQuery, setup: &Setup) -> Result<Vec<Found>, JobError> {
    let hosted = query.hosts_of.as_deref().map(|asked| setup.find(asked)).transpose()?;
    let hosted = hosted.map(|found| (core_name(&found.model.id), found.model.info.kind));
    let everywhere = query.all || !query.providers.is_empty();
    let is_meant = |head: &ProviderHead, card: &ModelCard| match &hosted {
        Some((name, kind)) => card.info.kind == *kind && core_name(&card.id) == *name,
        None => is_for_chat(card) && (everywhere || head.is_maker_of(&card.id)),
    };
    let cards = setup.table.cards().filter(|(head, card)| {
        (query.providers.is_empty() || query.providers.contains(&head.id))
            && is_meant(head, card)
            && (query.include_retired || setup.table.life(head, card, setup.at).is_live())
            && card.rates_at(setup.at).is_some()
    });
    Ok(cards.map(|(provider, model)| Found::of_card(provider, model)).collect())
}

/// Models in the order of what the work costs on them.
#[derive(Clone, Debug)]
pub struct ComparedQuotes {
    /// A quote for each model over all inputs, the cheapest first.
    pub quotes: Vec<Quote>,
    /// What the models named mean.
    pub named: Vec<Found>,
    /// The models that are not compared.
    pub left_out: LeftOut,
    /// How many models that cost nothing were left out.
    pub free_left_out: usize,
    /// Dated twins that cost the same, by the model in whose row they are.
    pub twins: HashMap<String, Vec<String>>,
    /// How many of the requests were lines of a batch.
    batch: u64,
}

/// Adds the quotes of every model up and puts them in order; models that cannot do the work are left out.
#[must_use]
pub fn compare(priced: PricedInputs, candidates: Candidates, query: &CompareQuery) -> ComparedQuotes {
    let Candidates { named, models, mut left_out } = candidates;
    let mut quotes = sums(&models, priced.quotes);
    quotes.sort_by_cached_key(key);
    let (mut free_left_out, mut twins) = (0, HashMap::new());
    if query.models.is_empty() {
        take_impossible(&mut quotes, query.needs_region, &mut left_out);
        if !query.free {
            free_left_out = take_free(&mut quotes);
        }
        twins = take_twins(&mut quotes);
    }
    ComparedQuotes { quotes, named, left_out, free_left_out, twins, batch: priced.batch }
}

impl ComparedQuotes {
    /// The error where nothing is left to compare.
    ///
    /// # Errors
    /// [`JobError`] that counts the reasons.
    pub fn refuse_nothing(&self) -> Result<(), JobError> {
        if self.quotes.is_empty() { Err(self.left_out.nothing_left()) } else { Ok(()) }
    }
}

/// A quote for each model over all inputs.
fn sums(models: &[Found], quotes: Vec<Quote>) -> Vec<Quote> {
    let mut sums: Vec<Option<Quote>> = vec![None; models.len()];
    let place: HashMap<String, usize> = models.iter().enumerate().map(|(i, found)| (found.full_id(), i)).collect();
    for quote in quotes {
        let Some(sum) = place.get(&quote.found.full_id()).and_then(|at| sums.get_mut(*at)) else { continue };
        *sum = Some(match sum.take() {
            None => quote,
            Some(sum) => Quote { source: None, ..sum.plus(quote) },
        });
    }
    sums.into_iter().flatten().collect()
}

/// Cheapest first, refusals last, equal ones by name.
fn key(quote: &Quote) -> (bool, Usd, String) {
    let total = quote.result.as_ref().map(|e| e.cost.total).unwrap_or_default();
    (quote.result.is_err(), total, quote.found.full_id())
}

/// Takes candidates out that cannot do the work, and, where a region is needed, those that are not sold there.
fn take_impossible(quotes: &mut Vec<Quote>, needs_region: bool, left_out: &mut LeftOut) {
    quotes.retain(|quote| {
        let reason = match &quote.result {
            Ok(_) if quote.warning.is_some() => "cannot write an answer of that length",
            Err(Refusal::AssumedPrice { .. }) => "has only an assumed price, which --strict refuses",
            Err(Refusal::TooLong { .. }) => "cannot read a prompt of that length",
            Err(Refusal::NoRate { what, .. }) if needs_region && what.contains("region") => {
                "has no rates for the region"
            }
            _ => return true,
        };
        left_out.add(quote.found.full_id(), reason.to_owned());
        false
    });
}

/// Takes models without a price above zero out: trials and free tiers would fill the whole list.
fn take_free(quotes: &mut Vec<Quote>) -> usize {
    let before = quotes.len();
    quotes.retain(|quote| quote.result.as_ref().map_or(true, |e| !e.high.amount().is_zero()));
    before - quotes.len()
}

/// Takes dated twins of a model out that cost the same as it does, and says which they are.
fn take_twins(quotes: &mut Vec<Quote>) -> HashMap<String, Vec<String>> {
    let name = |quote: &Quote| (quote.found.provider.id.clone(), twin_name(&quote.found.model.id));
    let cost = |quote: &Quote| quote.result.as_ref().ok().map(|e| (e.low, e.cost.total, e.high, e.cost.assumed));
    let mut kept: HashMap<_, String> = HashMap::new();
    let mut twins: HashMap<String, Vec<String>> = HashMap::new();
    // The order is that of costs and then of names, so that the shortest name of a run comes first.
    quotes.retain(|quote| {
        let Some(cost) = cost(quote) else { return true };
        let id = quote.found.full_id();
        match kept.get(&(name(quote), cost)) {
            Some(first) => {
                twins.entry(first.clone()).or_default().push(id);
                false
            }
            None => {
                kept.insert((name(quote), cost), id);
                true
            }
        }
    });
    twins
}

/// What the same work costs on one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompareRow {
    /// The cost.
    #[serde(flatten)]
    pub estimate: EstimateRow,
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
    /// How many times the cheapest.
    #[serde(skip)]
    times: Option<Decimal>,
}

/// The fields before the rows of `compare`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompareHead {
    /// How many models are not shown, because they are more expensive or have no price.
    pub left_out: usize,
    /// How many answers the totals are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
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
    let quotes = &comparison.quotes;
    let shown = query.shown(quotes.len());
    let table = table(setup, !query.models.is_empty());
    let mut report = table.empty();
    let cheapest = quotes.first().filter(|quote| quote.result.is_ok());
    for quote in quotes.iter().take(shown) {
        let mut row = row(quote, cheapest, query, setup);
        row.twins = comparison.twins.get(&quote.found.full_id()).cloned().unwrap_or_default();
        let shown = table.push(&mut report, &row);
        row.estimate.detail(shown);
    }
    let answers = quotes.first().map(|first| first.of_requests.unwrap_or(1));
    add_own_notes(&mut report, comparison, query, quotes.len() - shown, answers);
    report.state_all(&CompareHead {
        left_out: quotes.len() - shown,
        answers: quotes.first().zip(answers).map(|(first, n)| n.saturating_mul(first.work.requests)),
        not_compared: comparison.left_out.0.clone(),
        free_left_out: comparison.free_left_out,
        quotes: head(quotes, setup),
    });
    let asked = AskedModels { ids: &query.models, found: &comparison.named, requests };
    add_notes(&mut report, quotes, asked, setup);
    report
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
    if hidden > 0 {
        let models = plural(hidden as u64, "model");
        notes.push(format!("{models} not shown, more expensive or unpriced: --top 0 shows all."));
    }
    if let Some(answers) = answers.filter(|n| *n > 1) {
        let batch = comparison.batch;
        let rates = if batch > 0 { format!(", {batch} of them at batch rates") } else { String::new() };
        notes.push(format!("Totals are for {}{rates}.", plural(answers, "answer")));
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
    if query.models.is_empty() && query.providers.is_empty() && query.hosts_of.is_none() && !query.all {
        notes.push("Models at their makers; --all adds hosts, clouds and routers, --provider P shows one.".into());
    }
}

/// * `is_noted`: whether notes below the rows name what replaces a model.
fn table(setup: &Setup, is_noted: bool) -> TypedTable<'_, CompareRow> {
    let or_empty = |cell: Option<Cell>| cell.unwrap_or_default();
    TypedTable::new()
        .text("model", "model", |row: &CompareRow| Cell::text(row.estimate.id()))
        .number("input_tokens", "input tokens", |row| row.estimate.tokens_cell())
        .text("basis", "basis", |row| row.estimate.basis_cell())
        .optional()
        .number("input_usd", "input", |row| row.estimate.prompt_cell(setup))
        .optional()
        .number("output_usd", "output", |row| row.estimate.answer_cell(setup))
        .optional()
        .number("total_usd", "total", |row| row.estimate.total_cell(setup))
        .number("high_usd", "up to", |row| row.estimate.bound_cell(setup, row.estimate.high_usd))
        .text("assumed_before", "assumed before", |row| row.estimate.assumed_cell())
        .text("life", "status", move |row| row.estimate.life_cell(setup, is_noted))
        .number("times", "× cheapest", move |row| or_empty(row.times.map(times_cell)))
        .number("score", "score", move |row| or_empty(row.score.clone().flatten().map(Cell::text)))
        .number("usd_per_point", "cost per point", move |row| {
            or_empty(row.usd_per_point.flatten().map(|usd| setup.money(usd)))
        })
        .text("why", "why more than the cheapest", move |row| {
            or_empty(row.difference.map(|d| Cell::text(why_text(&d)).tone(Tone::Dim)))
        })
        .optional()
}

fn row(quote: &Quote, cheapest: Option<&Quote>, query: &CompareQuery, setup: &Setup) -> CompareRow {
    let total = |quote: &Quote| quote.result.as_ref().ok().map(|estimate| estimate.cost.total);
    let score = query.score(&quote.found.full_id());
    let per_point = score.zip(total(quote)).and_then(|(score, total)| per(total, score));
    let least = cheapest.and_then(total);
    CompareRow {
        twins: Vec::new(),
        estimate: EstimateRow::of(quote, setup),
        difference: cheapest.and_then(|cheapest| why(quote, cheapest, setup)),
        score: query.scores.is_some().then(|| score.map(|s| s.normalize().to_string())),
        usd_per_point: query.scores.is_some().then_some(per_point),
        times: total(quote).zip(least).and_then(|(own, least)| own.amount().checked_div(least.amount())),
    }
}

/// `3.2`, or `17` where it is ten and more.
fn times_cell(times: Decimal) -> Cell {
    Cell::text(times.round_dp(u32::from(times < Decimal::TEN)).normalize().to_string())
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

/// "output rate +$0.12, input rate +$0.08", the largest part first, parts under a tenth of the whole left out.
fn why_text(difference: &Difference) -> String {
    let parts = difference.parts();
    let size = |usd: Usd| usd.amount().abs();
    let largest = parts.iter().map(|(_, usd)| size(*usd)).max().unwrap_or_default();
    let mut told: Vec<_> = parts.into_iter().filter(|(_, usd)| size(*usd) * Decimal::TEN > largest).collect();
    told.sort_by_key(|(_, usd)| std::cmp::Reverse(size(*usd)));
    let text = |(name, usd): &(&str, Usd)| {
        let sign = if usd.amount().is_sign_negative() { "−" } else { "+" };
        format!("{name} {sign}{}", Usd::new(size(*usd)).for_people())
    };
    told.iter().map(text).collect::<Vec<_>>().join(", ")
}
