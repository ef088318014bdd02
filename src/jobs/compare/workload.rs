//! A whole plan on every model that meets the needs, each counted with its own tokenizer: [`compare_plans`] and [`report`].

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::{CompareQuery, LeftOut, LeftOutModel, times_cell};
use crate::calculator::outcome::{needs_draws, outcome};
use crate::calculator::projection::{FeaturePlan, Plan, PlanError, Planner, Point, StreamRole, per};
use crate::calculator::settled::{Settled, minus};
use crate::calculator::shape::At;
use crate::calculator::workload::{Workload, last_moment};
use crate::context::Dimension;
use crate::jobs::assumed::{assumed_cell, assumed_note};
use crate::jobs::life::LifeRow;
use crate::jobs::setup::{TableStamp, table_line, table_stamp};
use crate::jobs::workload::{PricedWorkload, ShownCurrency, ShownRate, TableResolver};
use crate::jobs::{JobError, Setup, plural};
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::{core_name, is_for_chat, is_live, twin_name};
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::range::Range;
use crate::report::chart::{Chart, ChartKind, ChartValue as Mark};
use crate::report::{Cell, Format, Report, Tone, TypedTable};

/// Draws for each model of a comparison: the bounds of a sum need fewer than those of every month.
const DRAWS: usize = 500;

/// Which rows of a comparison get their bounds; models are put in order by their expected costs alone.
#[derive(Clone, Copy, Debug)]
pub enum RowBounds {
    /// None.
    None,
    /// So many of the cheapest.
    OfTheFirst(usize),
}

/// A model with the plan on it.
#[derive(Clone, Debug)]
pub struct PlanOnModel {
    /// The model.
    pub found: Found,
    /// What the plan costs on it.
    pub total: Range<Usd>,
    /// Whether the bounds of the total are known: an expected cost without a closed form comes from draws too.
    is_drawn: bool,
    per_answer: Option<Usd>,
    prompt: u64,
    is_estimated: bool,
    /// What of the usage grows with the length of the answers.
    slope: Usd,
    usage: Usd,
    /// Whether the answers themselves cost nothing.
    is_free: bool,
    /// Since when there is evidence of its prices, where one is assumed.
    assumed: Option<Instant>,
    /// Dated twins that cost the same, as `provider/model`.
    twins: Vec<String>,
}

/// The models in order, and the others with their reasons.
#[derive(Clone, Debug, Default)]
pub struct ComparedPlans {
    /// The cheapest first.
    pub rows: Vec<PlanOnModel>,
    /// The others.
    pub left_out: LeftOut,
}

/// Plans a workload on every candidate, the cheapest first.
///
/// # Errors
/// A model named by the user that is not known, or an amount without an exchange rate.
pub fn compare_plans(
    base: &Plan,
    resolver: &mut TableResolver,
    setup: &Setup,
    query: &CompareQuery,
    bounds: RowBounds,
) -> Result<ComparedPlans, JobError> {
    let mut compared = ComparedPlans::default();
    let planner = Planner::new(movable(base, query), resolver);
    for found in list(query, last_moment(&base.workload), setup, &mut compared.left_out)? {
        let unmet = query.needs.iter().find_map(|need| need.reason_unmet(&found.model));
        let tried = || try_on(&planner, &found, resolver, bounds, !query.models.is_empty());
        match unmet.map_or_else(tried, |reason| Ok(Err(reason)))? {
            Ok(row) => compared.rows.push(row),
            Err(reason) => compared.left_out.add(found.full_id(), reason),
        }
    }
    if query.models.is_empty() && !query.free {
        for row in compared.rows.extract_if(.., |row| row.is_free) {
            compared.left_out.add(row.found.full_id(), "costs nothing under this table; --free shows it".to_owned());
        }
    }
    compared.rows.sort_by_cached_key(|row| (row.total.expected, row.found.full_id()));
    if query.models.is_empty() {
        take_twins(&mut compared.rows);
    }
    if let RowBounds::OfTheFirst(rows) = bounds {
        for row in compared.rows.iter_mut().take(rows).filter(|row| !row.is_drawn) {
            if let Ok(plan) = planner.plan(resolver, Some(&row.found)) {
                row.total = outcome(&plan, &Settled::of(&plan, resolver)?, false, DRAWS)?.total;
            }
        }
    }
    Ok(compared)
}

/// Puts dated twins of a model that cost the same into the row of that model.
fn take_twins(rows: &mut Vec<PlanOnModel>) {
    let mut kept: Vec<PlanOnModel> = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        let same = |other: &&mut PlanOnModel| {
            other.found.provider.id == row.found.provider.id
                && (other.usage, other.slope, other.total) == (row.usage, row.slope, row.total)
                && twin_name(&other.found.model.id) == twin_name(&row.found.model.id)
        };
        match kept.iter_mut().find(same) {
            Some(other) => other.twins.push(row.found.full_id()),
            None => kept.push(row),
        }
    }
    *rows = kept;
}

/// The workload of a plan without what ties it to its models, sent to the region that was asked for.
fn movable(base: &Plan, query: &CompareQuery) -> Workload {
    let mut workload = Workload::clone(&base.workload);
    for feature in workload.features.iter_mut().map(Arc::make_mut) {
        feature.tuning = None;
        if let Some(region) = &query.region {
            feature.context.set(Dimension::Region, region);
        }
    }
    workload
}

/// The cards to try: those that can be bought up to the last moment of the plan.
fn list(query: &CompareQuery, last: Instant, setup: &Setup, left_out: &mut LeftOut) -> Result<Vec<Found>, JobError> {
    if !query.models.is_empty() {
        return setup.find_all(&query.models);
    }
    let wanted = query.hosts_of.as_deref().map(|asked| setup.find(asked)).transpose()?;
    let wanted = wanted.map(|found| core_name(&found.model.id));
    let everywhere = query.all || query.hosts_of.is_some() || !query.providers.is_empty();
    let fits = |head: &ProviderHead, card: &ModelCard| {
        let is_sold = is_for_chat(card) && card.rates_at(last).is_some();
        (is_live(&setup.table, head, card, last) || query.include_retired && is_sold)
            && (query.providers.is_empty() || query.providers.contains(&head.id))
            && (everywhere || head.is_maker_of(&card.id))
            && wanted.as_ref().is_none_or(|name| core_name(&card.id) == *name)
    };
    let cards = setup.table.cards().filter(|(head, card)| fits(head, card));
    let found = cards.map(|(head, card)| Found::of_card(head, card));
    let (paid, free): (Vec<Found>, Vec<Found>) = found.partition(|f| !f.model.id.ends_with(":free"));
    free.iter().for_each(|f| left_out.add(f.full_id(), "is a free trial".to_owned()));
    Ok(paid)
}

/// The plan on one model, or why there is none.
fn try_on(
    planner: &Planner,
    found: &Found,
    resolver: &mut TableResolver,
    bounds: RowBounds,
    is_named: bool,
) -> Result<Result<PlanOnModel, String>, JobError> {
    let plan = match planner.plan(resolver, Some(found)) {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let too_long = plan
        .features
        .iter()
        .flat_map(|f| &f.events)
        .find(|event| matches!(event.kind, "context-window" | "longest-answer"));
    if let Some(event) = too_long {
        return Ok(Err(event.text.clone()));
    }
    let has_no_thinking = plan.features.iter().any(|f| f.events.iter().any(|event| event.kind == "always-thinks"));
    if has_no_thinking && !is_named {
        return Ok(Err("always thinks, and the plan has no thinking tokens".to_owned()));
    }
    let settled = Settled::of(&plan, resolver)?;
    let row = || -> Result<PlanOnModel, PlanError> {
        let is_drawn = matches!(bounds, RowBounds::OfTheFirst(_)) && needs_draws(&plan, &settled);
        let outcome = outcome(&plan, &settled, false, if is_drawn { DRAWS } else { 0 })?;
        let expected = Point::all(At::Expected);
        let (mut usage, mut is_free) = (Usd::ZERO, true);
        for (feature, costs) in plan.features.iter().zip(&outcome.features) {
            usage += costs.streams.iter().copied().sum();
            let answering = feature.streams.iter().zip(&costs.streams).filter(|(s, _)| s.role == StreamRole::Answer);
            is_free &= answering.into_iter().all(|(_, usd)| *usd == Usd::ZERO);
        }
        let longer = plan.with_output(Decimal::TWO).usage_at(&expected)?;
        let answers: Decimal = plan.features.iter().map(|f| f.answers(&plan.months)).sum();
        let answering = |f: &FeaturePlan| f.streams.first().map_or(0, |s| f.first_prompt(s));
        Ok(PlanOnModel {
            found: found.clone(),
            total: outcome.total,
            is_drawn,
            per_answer: per(outcome.total.expected, answers),
            prompt: plan.features.iter().map(answering).sum(),
            is_estimated: plan.features.iter().any(|f| f.streams.first().is_some_and(FeaturePlan::is_estimated)),
            slope: minus(longer, usage),
            usage,
            is_free,
            assumed: plan.features.iter().filter_map(FeaturePlan::assumed).max(),
            twins: Vec::new(),
        })
    };
    Ok(row().map_err(|error| error.to_string()))
}

/// How many times longer answers may get before another model is cheaper, and which; `None` where none ever is.
fn holds_while(row: &PlanOnModel, others: &[PlanOnModel]) -> Option<(Decimal, String)> {
    let own = row.slope.amount();
    let crossing = |other: &PlanOnModel| {
        let (steeper, more) = (own - other.slope.amount(), other.usage.amount() - row.usage.amount());
        if steeper <= Decimal::ZERO || more < Decimal::ZERO {
            return None;
        }
        Some((Decimal::ONE + more.checked_div(steeper)?, other.found.full_id()))
    };
    others.iter().filter_map(crossing).min_by_key(|(times, _)| *times)
}

/// What a plan costs on one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparePlanRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// One draw in twenty is below.
    pub low_usd: Usd,
    /// The expected cost.
    pub total_usd: Usd,
    /// One draw in twenty is above.
    pub high_usd: Usd,
    /// The expected cost in the currency of the plan.
    pub total: String,
    /// That currency.
    pub currency: String,
    /// Dated twins of the model that cost the same, which have no rows of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<String>,
    /// The expected cost of an answer.
    pub per_answer_usd: Option<Usd>,
    /// The tokens of the first prompts.
    pub tokens: FirstPromptRow,
    /// How many times the cheapest.
    pub times_cheapest: Option<String>,
    /// The user's own score.
    pub score: Option<String>,
    /// The cost for a point of it.
    pub usd_per_point: Option<Usd>,
    /// No other model is cheaper while answers are shorter than this many times today's length.
    pub holds_while_output_under: Option<String>,
    /// The model that is cheaper then.
    pub then: Option<String>,
    /// That the model ends within the plan or later, has ended, or is no longer listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeRow>,
    /// Since when there is evidence of the prices, where one is assumed for earlier days of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
    #[serde(skip)]
    times: Option<Decimal>,
    #[serde(skip)]
    holds: Option<Decimal>,
}

/// The tokens of the first prompts of all features.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FirstPromptRow {
    /// How many.
    pub first_prompt: u64,
    /// Whether they were counted by the model's own tokenizer.
    pub is_exact: bool,
}

/// The fields before the rows of `compare -w`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparePlansHead {
    /// The workload file.
    pub workload: String,
    /// The price table.
    pub table: TableStamp,
    /// The currency of the plan.
    pub exchange: ShownRate,
    /// How many models have a price.
    pub priced: usize,
    /// The models that are not compared.
    pub left_out: Vec<LeftOutModel>,
}

/// Compares the plan of a workload on many models, and shows it.
///
/// * `format`: pictures are drawn for HTML alone.
#[must_use]
pub fn report(
    compared: &ComparedPlans,
    base: &PricedWorkload,
    query: &CompareQuery,
    shown: &ShownCurrency,
    format: Format,
    setup: &Setup,
) -> Report {
    let count = query.shown(compared.rows.len());
    let cheapest = compared.rows.first().map(|row| row.total.expected);
    let rows = compared.rows.iter().take(count);
    let last = last_moment(&base.plan.workload);
    let row = |row: &PlanOnModel| ComparePlanRow {
        life: LifeRow::of_found(&row.found, last, setup),
        ..plan_row(row, compared, cheapest, query, shown)
    };
    let mut report = table(shown, last).report(rows.map(row));
    if format == Format::Html {
        report.charts.push(chart(&compared.rows[..count.min(20)], shown));
    }
    if compared.rows.len() > count {
        let hidden = plural((compared.rows.len() - count) as u64, "more expensive model");
        report.notes.push(format!("Not shown: {hidden}. --top 0 shows all."));
    }
    for (feature, _) in &base.unpriced {
        report.notes.push(format!("{feature} is left out: it has no price on its own model."));
    }
    add_answer(&mut report, compared, &base.plan.workload, shown);
    report.notes.extend(left_out_note(&compared.left_out));
    let assumed = compared.rows.iter().take(count).filter_map(|row| Some((row.found.full_id(), row.assumed?)));
    report.notes.extend(assumed_note(assumed.collect()));
    report
        .notes
        .push("~ marks a prompt whose tokens are estimated; models that look passages up stay as they are.".into());
    report.notes.push(table_line(setup));
    report.state_all(&ComparePlansHead {
        workload: base.file.path.display().to_string(),
        table: table_stamp(setup),
        exchange: shown.rate(),
        priced: compared.rows.len(),
        left_out: compared.left_out.0.clone(),
    });
    report
}

/// * `last`: the last moment of the plan.
fn table(shown: &ShownCurrency, last: Instant) -> TypedTable<'_, ComparePlanRow> {
    let or_empty = |cell: Option<Cell>| cell.unwrap_or_default();
    TypedTable::new()
        .text("model", "model", |row: &ComparePlanRow| Cell::text(format!("{}/{}", row.provider, row.model)))
        .number("prompt_tokens", "first prompt", |row| {
            let tokens = Cell::quantity(row.tokens.first_prompt);
            if row.tokens.is_exact { tokens } else { Cell::pair(format!("~{}", tokens.people), tokens.exact) }
        })
        .number("low_usd", "low", |row| shown.cell(row.low_usd).tone(Tone::Dim))
        .number("total_usd", "expected", |row| shown.cell(row.total_usd))
        .number("high_usd", "high", |row| shown.cell(row.high_usd).tone(Tone::Dim))
        .number("per_answer_usd", "per answer", move |row| or_empty(row.per_answer_usd.map(|usd| shown.cell(usd))))
        .number("times", "× cheapest", move |row| or_empty(row.times.map(times_cell)))
        .number("score", "score", move |row| or_empty(row.score.clone().map(Cell::text)))
        .number("usd_per_point", "cost per point", move |row| or_empty(row.usd_per_point.map(|usd| shown.cell(usd))))
        .text("assumed_before", "assumed before", |row| assumed_cell(row.assumed_before))
        .text("life", "status", move |row| LifeRow::cell(row.life.as_ref(), last, false))
        .text("holds", "ranking holds", move |row| {
            let text = |(times, other): (Decimal, &String)| {
                format!("while output is under {} ×, then {other}", times.round_dp(1).normalize())
            };
            or_empty(row.holds.zip(row.then.as_ref()).map(text).map(|text| Cell::text(text).tone(Tone::Dim)))
        })
        .optional()
}

fn plan_row(
    row: &PlanOnModel,
    compared: &ComparedPlans,
    cheapest: Option<Usd>,
    query: &CompareQuery,
    shown: &ShownCurrency,
) -> ComparePlanRow {
    let score = query.score(&row.found.full_id());
    let times = cheapest.and_then(|least| row.total.expected.amount().checked_div(least.amount()));
    let (holds, then) = holds_while(row, &compared.rows).unzip();
    let digits = |n: Decimal| n.round_dp(4).normalize().to_string();
    ComparePlanRow {
        provider: row.found.provider.id.clone(),
        model: row.found.model.id.clone(),
        low_usd: row.total.low,
        total_usd: row.total.expected,
        high_usd: row.total.high,
        total: shown.amount(row.total.expected).to_string(),
        currency: shown.currency.clone(),
        twins: row.twins.clone(),
        per_answer_usd: row.per_answer,
        tokens: FirstPromptRow { first_prompt: row.prompt, is_exact: !row.is_estimated },
        times_cheapest: times.map(digits),
        score: score.map(|s| s.normalize().to_string()),
        usd_per_point: score.and_then(|score| per(row.total.expected, score)),
        holds_while_output_under: holds.map(digits),
        then,
        life: None,
        assumed_before: row.assumed,
        times,
        holds,
    }
}

fn chart(rows: &[PlanOnModel], shown: &ShownCurrency) -> Chart {
    let mark = |usd: Usd| Mark::new(shown.amount(usd), shown.text(usd));
    let bar = |row: &PlanOnModel| {
        let bounds = Some((mark(row.total.low), mark(row.total.high)));
        (row.found.full_id(), mark(row.total.expected), bounds)
    };
    Chart {
        title: "The plan on each model, with what nine draws in ten stay within".into(),
        kind: ChartKind::Bars { bars: rows.iter().map(bar).collect() },
    }
}

/// Says above the rows what was compared and which is cheapest, and below them how long that holds.
fn add_answer(report: &mut Report, compared: &ComparedPlans, workload: &Workload, shown: &ShownCurrency) {
    let last = workload.end.yesterday().unwrap_or(workload.end);
    report.head.push(format!("{} on every model, {} to {last}", workload.name, workload.start));
    let Some(first) = compared.rows.first() else { return };
    report.head.push(format!("Cheapest: {} at {}", first.found.full_id(), shown.text(first.total.expected)));
    if let Some((times, other)) = holds_while(first, &compared.rows) {
        let times = times.round_dp(1).normalize();
        report.notes.push(format!("The cheapest stays so while answers are under {times} × as long; then {other} is."));
    }
}

/// The most frequent reasons for which models are not compared.
fn left_out_note(left_out: &LeftOut) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for LeftOutModel { reason, .. } in &left_out.0 {
        // Reasons that name numbers of their own are one kind.
        let kind = match reason.contains("tokens long") {
            true => "reads shorter prompts than the plan may send".to_owned(),
            false => short_reason(reason),
        };
        *reasons.entry(kind).or_default() += 1;
    }
    let mut list: Vec<_> = reasons.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let told: Vec<String> = list.iter().take(6).map(|(reason, n)| format!("{n} × {reason}")).collect();
    (!told.is_empty()).then(|| format!("Left out: {}. --format json names each.", told.join("; ")))
}

/// A refusal without the feature and the model that it names.
fn short_reason(reason: &str) -> String {
    reason.rsplit(": ").next().unwrap_or(reason).to_owned()
}
