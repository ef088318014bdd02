//! A whole plan on every model that meets the needs, each counted with its own tokenizer: [`compare_plans`] and [`report`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::pareto::{self, Scored};
use super::report::{ModelFacts, times_cell, why_text};
use super::{CompareQuery, LeftOut, LeftOutModel};
use crate::calculator::outcome::{needs_draws, outcome};
use crate::calculator::projection::{FeaturePlan, Plan, PlanError, Planner, Point, StreamRole, per};
use crate::calculator::settled::{Settled, minus};
use crate::calculator::shape::At;
use crate::calculator::thinking::Thinking;
use crate::calculator::workload::{Attachment, MediumKind, Workload, last_moment};
use crate::context::Dimension;
use crate::jobs::assumed::{assumed_cell, assumed_note};
use crate::jobs::estimate::SMALL;
use crate::jobs::life::LifeRow;
use crate::jobs::setup::{TableStamp, add_table_line, table_stamp};
use crate::jobs::thinking::{ThinkingRow, thinking_note};
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
    /// Those that the query shows.
    OfTheShown,
}

/// A model with the plan on it.
#[derive(Clone, Debug)]
pub struct PlanOnModel {
    /// The model.
    pub found: Found,
    /// What the plan costs on it.
    pub total: Range<Usd>,
    /// The expected cost by span, for other currencies.
    spans: Vec<Usd>,
    /// Whether the bounds of the total are known: an expected cost without a closed form comes from draws too.
    is_drawn: bool,
    per_answer: Option<Usd>,
    prompt: u64,
    is_estimated: bool,
    usage: Usd,
    /// What answers and thinking add to the usage; of the rows that are shown.
    parts: Option<PlanParts>,
    /// The thinking of the first feature that has any.
    thinking: Option<Thinking>,
    /// Whether the answers themselves cost nothing.
    is_free: bool,
    /// Since when there is evidence of its prices, where one is assumed.
    assumed: Option<Instant>,
    /// Dated twins that cost the same, as `provider/model`.
    twins: Vec<String>,
}

impl PlanOnModel {
    /// The expected cost in a currency, each day at its rate.
    ///
    /// * `base`: the plan that was put on the model; its days are cut in the same way.
    pub(crate) fn amount(&self, base: &Plan, shown: &ShownCurrency) -> Decimal {
        if shown.is_usd() {
            return self.total.expected.amount();
        }
        shown.over(base.spans.iter().zip(self.spans.iter().copied()))
    }
}

/// The models in order, and the others with their reasons.
#[derive(Clone, Debug, Default)]
pub struct ComparedPlans {
    /// The cheapest first.
    pub rows: Vec<PlanOnModel>,
    /// Which of them people are shown.
    shown: Vec<bool>,
    /// What the work needs of a model.
    needs: BTreeSet<&'static str>,
    /// How long its prompts and answers are.
    lengths: WorkLengths,
    /// How many requests the plan makes.
    requests: Decimal,
    /// The others.
    pub left_out: LeftOut,
}

/// Tokens that a model has to read and to write for the work.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WorkLengths {
    /// The longest prompt, as the tokenizers of the plan's own models count it.
    pub context: u64,
    /// The longest answer that is expected.
    pub output: u64,
}

impl ComparedPlans {
    /// What the work needs of a model, for people.
    fn needs_notes(&self) -> Vec<String> {
        let needs: Vec<&str> = self.needs.iter().copied().collect();
        let offered = (!needs.is_empty()).then(|| {
            format!("The work needs {}: only models that are known to offer it are compared.", needs.join(", "))
        });
        let WorkLengths { context, output } = self.lengths;
        let long = (context > 0 && output > 0).then(|| {
            let (context, output) = (plural(context, "token"), plural(output, "token"));
            format!(
                "Prompts are up to {context} long and answers {output}: models that are known for less are left out."
            )
        });
        let unknown = self.rows.iter().filter(|row| row.found.model.info.context_window.is_none()).count();
        let unchecked = (context > SMALL && unknown > 0).then(|| {
            let models = plural(unknown as u64, "model");
            format!("The context window of {models} is not known; whether the longest prompt fits was not checked.")
        });
        offered.into_iter().chain(long).chain(unchecked).collect()
    }
}

/// What answers and thinking cost, whatever the prompts cost.
#[derive(Clone, Copy, Debug)]
struct PlanParts {
    answers: Usd,
    thinking: Usd,
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
    let needs = needs_of(&base.workload);
    let (requests, lengths) = (requests_of(base), lengths_of(base));
    let mut compared = ComparedPlans { requests, needs, lengths, ..ComparedPlans::default() };
    let query = &CompareQuery { work: compared.needs.clone(), ..query.clone() };
    let planner = Planner::new(movable(base, query), resolver);
    let longest = lengths.output;
    let candidates = list(query, last_moment(&base.workload), setup, &mut compared.left_out)?;
    let tried = resolver.for_each(candidates, |found, resolver| {
        let is_too_long = query.models.is_empty() && found.model.info.max_output.is_some_and(|most| longest > most);
        let unmet = query.unmet(&found.model);
        let unmet = unmet.or_else(|| is_too_long.then(|| "cannot write an answer of that length".to_owned()));
        let tried = unmet.map_or_else(|| try_on(&planner, &found, resolver, bounds), |reason| Ok(Err(reason)));
        (found, tried)
    });
    for (found, tried) in tried {
        match tried? {
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
    let models: Vec<&Found> = compared.rows.iter().map(|row| &row.found).collect();
    compared.shown = query.shown(&models, setup.at);
    if matches!(bounds, RowBounds::OfTheShown) {
        let shown = compared.rows.iter_mut().zip(&compared.shown).filter(|(_, shown)| **shown);
        for (row, _) in shown {
            if let Ok(plan) = planner.plan(resolver, Some(&row.found)) {
                if !row.is_drawn {
                    let drawn = outcome(&plan, &Settled::of(&plan, resolver)?, false, DRAWS)?;
                    (row.total, row.spans) = (drawn.total, drawn.spans);
                }
                row.parts = parts_of(&plan, row.usage).ok();
            }
        }
    }
    Ok(compared)
}

/// What a workload needs of a model, as far as it is seen in it: what it has to read, to say and to call.
fn needs_of(workload: &Workload) -> BTreeSet<&'static str> {
    let mut needs = BTreeSet::new();
    for feature in &workload.features {
        let has_images = feature.attachments.iter().any(|a| matches!(a, Attachment::Image { .. }));
        let has_tools = !feature.tools.is_empty() || feature.steps.count.high > Decimal::ONE;
        needs.extend(has_images.then_some("vision"));
        needs.extend(has_tools.then_some("tools"));
        needs.extend(feature.media.iter().filter_map(|medium| need_of(medium.kind)));
    }
    needs
}

/// What a model has to offer for something that is sent or made.
const fn need_of(kind: MediumKind) -> Option<&'static str> {
    match kind {
        MediumKind::HeardAudio => Some("audio_input"),
        MediumKind::SeenVideo => Some("video"),
        MediumKind::SentImages => Some("vision"),
        MediumKind::Pages => Some("pdf"),
        MediumKind::MadeAudio => Some("audio_output"),
        // Not what chat models are listed with: their rates decide.
        MediumKind::Characters | MediumKind::MadeImages | MediumKind::MadeVideo => None,
    }
}

/// How long prompts and answers may be, in tokens: models that are known for less are left out one by one, each with the
/// prompts as its own tokenizer counts them.
fn lengths_of(base: &Plan) -> WorkLengths {
    let answering = |f: &FeaturePlan| {
        let streams = f.streams.iter().filter(|stream| stream.role == StreamRole::Answer);
        streams.map(|stream| f.longest_prompt(stream)).max()
    };
    WorkLengths {
        context: base.features.iter().filter_map(answering).max().unwrap_or(0),
        output: longest_answer(&base.workload),
    }
}

/// The longest answer that the workload expects; a range may go beyond what a single request gives.
fn longest_answer(workload: &Workload) -> u64 {
    let expected = workload.features.iter().map(|feature| feature.output.expected.ceil());
    expected.filter_map(|tokens| u64::try_from(tokens).ok()).max().unwrap_or(0)
}

/// How many requests a plan makes at the means.
fn requests_of(plan: &Plan) -> Decimal {
    let at = Point::all(At::Expected);
    let of = |f: &FeaturePlan| f.requests_of_a_call(&at).saturating_mul(f.calls(&plan.months, &at).iter().sum());
    plan.features.iter().map(of).fold(Decimal::ZERO, Decimal::saturating_add)
}

/// What the answers and the thinking of a plan cost: without them it costs the rest.
fn parts_of(plan: &Plan, usage: Usd) -> Result<PlanParts, PlanError> {
    let at = Point::all(At::Expected);
    let answers = minus(usage, plan.with_output(Decimal::ZERO).usage_at(&at)?);
    let thinking = minus(usage, plan.without_thinking().usage_at(&at)?);
    Ok(PlanParts { answers, thinking })
}

/// Puts dated twins of a model that cost the same into the row of that model.
fn take_twins(rows: &mut Vec<PlanOnModel>) {
    let mut kept: Vec<PlanOnModel> = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        let same = |other: &&mut PlanOnModel| {
            other.found.provider.id == row.found.provider.id
                && (other.usage, other.total.expected, other.prompt) == (row.usage, row.total.expected, row.prompt)
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
    let settled = Settled::of(&plan, resolver)?;
    let row = || -> Result<PlanOnModel, PlanError> {
        let is_drawn = matches!(bounds, RowBounds::OfTheShown) && needs_draws(&plan, &settled);
        let outcome = outcome(&plan, &settled, false, if is_drawn { DRAWS } else { 0 })?;
        let (mut usage, mut is_free) = (Usd::ZERO, true);
        for (feature, costs) in plan.features.iter().zip(&outcome.features) {
            usage += costs.streams.iter().copied().sum();
            let answering = feature.streams.iter().zip(&costs.streams).filter(|(s, _)| s.role == StreamRole::Answer);
            is_free &= answering.into_iter().all(|(_, usd)| *usd == Usd::ZERO);
        }
        let answers: Decimal = plan.features.iter().map(|f| f.answers(&plan.months)).sum();
        let answering = |f: &FeaturePlan| f.streams.first().map_or(0, |s| f.first_prompt(s));
        Ok(PlanOnModel {
            found: found.clone(),
            total: outcome.total,
            spans: outcome.spans.clone(),
            is_drawn,
            per_answer: per(outcome.total.expected, answers),
            prompt: plan.features.iter().map(answering).sum(),
            is_estimated: plan.features.iter().any(|f| f.streams.first().is_some_and(FeaturePlan::is_estimated)),
            usage,
            parts: None,
            thinking: plan.features.iter().find_map(|f| f.streams.first()?.assumed_thinking),
            is_free,
            assumed: plan.features.iter().filter_map(FeaturePlan::assumed).max(),
            twins: Vec::new(),
        })
    };
    Ok(row().map_err(|error| error.to_string()))
}

/// What a plan costs on one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparePlanRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// One draw in twenty is below; the expected cost where nothing is a range.
    pub low_usd: Usd,
    /// The expected cost.
    pub total_usd: Usd,
    /// One draw in twenty is above.
    pub high_usd: Usd,
    /// The expected cost of a thousand requests.
    pub per_1000_requests_usd: Option<Usd>,
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
    /// Whether no other model is both as cheap and better; only where the model has a score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_for_its_price: Option<bool>,
    /// Why it costs more than the cheapest, in dollars.
    pub difference: Option<PlanDifference>,
    /// What is known of the model.
    #[serde(flatten)]
    pub facts: ModelFacts,
    /// Thinking before an answer, in tokens, where it is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingRow>,
    /// That the model ends within the plan or later, has ended, or is no longer listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeRow>,
    /// Since when there is evidence of the prices, where one is assumed for earlier days of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
    #[serde(skip)]
    times: Option<Decimal>,
    #[serde(skip)]
    amount: Decimal,
}

impl ComparePlanRow {
    /// An amount of the plan, converted as its expected cost is.
    fn cell(&self, usd: Usd, shown: &ShownCurrency) -> Cell {
        shown.cell_of(usd, shown.in_proportion(usd, self.total_usd, self.amount))
    }
}

/// The difference between the plan on two models, in dollars of usage.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanDifference {
    /// From prompts: their rates and how many tokens they are counted as.
    pub prompts: Usd,
    /// From answers.
    pub answers: Usd,
    /// From thinking.
    pub thinking: Usd,
}

impl PlanDifference {
    fn of(row: &PlanOnModel, cheapest: &PlanOnModel) -> Option<PlanDifference> {
        let (own, other) = (row.parts?, cheapest.parts?);
        if row.found.full_id() == cheapest.found.full_id() {
            return None;
        }
        let rest = |row: &PlanOnModel, parts: PlanParts| minus(minus(row.usage, parts.answers), parts.thinking);
        Some(PlanDifference {
            prompts: minus(rest(row, own), rest(cheapest, other)),
            answers: minus(own.answers, other.answers),
            thinking: minus(own.thinking, other.thinking),
        })
    }

    fn text(&self, money: &dyn Fn(Usd) -> String) -> String {
        let parts = [
            ("prompts cost more", "prompts cost less", self.prompts),
            ("answers cost more", "answers cost less", self.answers),
            ("thinking costs more", "thinking costs less", self.thinking),
        ];
        why_text(&parts, money)
    }
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
    /// What the work needs of a model, as far as it is seen in the workload.
    pub needs: Vec<&'static str>,
    /// How long its prompts and answers are.
    pub lengths: WorkLengths,
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
    let cheapest = compared.rows.first();
    let rows: Vec<&PlanOnModel> =
        compared.rows.iter().zip(&compared.shown).filter(|(_, shown)| **shown).map(|(row, _)| row).collect();
    let last = last_moment(&base.plan.workload);
    let scored: Vec<Scored> = compared
        .rows
        .iter()
        .filter_map(|row| {
            let id = row.found.full_id();
            let (score, cost) = (query.score(&id)?, row.amount(&base.plan, shown));
            Some(Scored { id, cost, cost_text: shown.text_of(cost), score })
        })
        .collect();
    let best = pareto::frontier(&scored);
    let row = |row: &&PlanOnModel| {
        let id = row.found.full_id();
        let is_best = scored.iter().zip(&best).find(|(model, _)| model.id == id).map(|(_, best)| *best);
        ComparePlanRow {
            life: LifeRow::of_found(&row.found, last, setup),
            facts: ModelFacts::of(&row.found, setup.at),
            best_for_its_price: is_best,
            ..plan_row(row, compared, cheapest, query, (&base.plan, shown))
        }
    };
    let mut report = table(shown, last).report(rows.iter().map(row));
    if format == Format::Html {
        report.charts.push(chart(&rows[..rows.len().min(20)], &base.plan, shown));
        report.charts.extend(pareto::chart(&scored, &best));
    }
    report.notes.extend(query.hidden_note(compared.rows.len() - rows.len()));
    report.notes.extend(pareto::note(&scored, &best));
    if query.models.is_empty() {
        report.notes.extend(compared.needs_notes());
    }
    let thinking = rows.iter().filter_map(|row| Some((row.found.full_id(), row.thinking?)));
    report.notes.extend(thinking_note(thinking.collect(), "`reasoning:` in the workload"));
    for (feature, _) in &base.unpriced {
        report.notes.push(format!("{feature} is left out: it has no price on its own model."));
    }
    add_answer(&mut report, compared, &rows, &base.plan, shown);
    report.notes.extend(left_out_note(&compared.left_out));
    let assumed = rows.iter().filter_map(|row| Some((row.found.full_id(), row.assumed?)));
    report.notes.extend(assumed_note(assumed.collect()));
    report
        .notes
        .push("~ marks a prompt whose tokens are estimated; models that look passages up stay as they are.".into());
    report.notes.extend(shown.notes());
    add_table_line(&mut report, setup);
    report.state_all(&ComparePlansHead {
        workload: base.file.path.display().to_string(),
        table: table_stamp(setup),
        exchange: shown.rate(),
        priced: compared.rows.len(),
        needs: compared.needs.iter().copied().collect(),
        lengths: compared.lengths,
        left_out: compared.left_out.0.clone(),
    });
    report
}

/// * `last`: the last moment of the plan.
fn table(shown: &ShownCurrency, last: Instant) -> TypedTable<'_, ComparePlanRow> {
    let or_empty = |cell: Option<Cell>| cell.unwrap_or_default();
    TypedTable::new()
        .text("model", "model", |row: &ComparePlanRow| Cell::text(format!("{}/{}", row.provider, row.model)))
        .number("total_usd", "expected", |row| shown.cell_of(row.total_usd, row.amount))
        .number("times", "× cheapest", move |row| or_empty(row.times.map(times_cell)))
        .number("low_usd", "low", |row| row.cell(row.low_usd, shown).tone(Tone::Dim))
        .optional()
        .number("high_usd", "high", |row| row.cell(row.high_usd, shown).tone(Tone::Dim))
        .number("score", "score", move |row| or_empty(row.score.clone().map(Cell::text)))
        .number("usd_per_point", "cost per point", move |row| {
            or_empty(row.usd_per_point.map(|usd| row.cell(usd, shown)))
        })
        .text("assumed_before", "assumed before", |row| assumed_cell(row.assumed_before))
        .text("life", "status", move |row| LifeRow::cell(row.life.as_ref(), last, false))
        .number("per_1000_requests_usd", "per 1,000 requests", move |row| {
            or_empty(row.per_1000_requests_usd.map(|usd| row.cell(usd, shown)))
        })
        .optional()
        .number("thinking_tokens", "thinking", |row| ThinkingRow::cell(row.thinking.as_ref()))
        .optional()
        .number("prompt_tokens", "first prompt", |row| {
            let tokens = Cell::quantity(row.tokens.first_prompt);
            if row.tokens.is_exact { tokens } else { Cell::pair(format!("~{}", tokens.people), tokens.exact) }
        })
        .optional()
        .text("basis", "basis", |row| Cell::text(if row.tokens.is_exact { "exact" } else { "estimated" }))
        .optional()
        .number("context_window", "context", |row| row.facts.context_cell())
        .optional()
        .text("released", "released", |row| row.facts.released_cell())
        .optional()
        .text("why", "why more than the cheapest", move |row| {
            let money = |usd: Usd| row.cell(usd, shown).people;
            or_empty(row.difference.map(|d| Cell::text(d.text(&money)).tone(Tone::Dim)))
        })
        .optional()
}

fn plan_row(
    row: &PlanOnModel,
    compared: &ComparedPlans,
    cheapest: Option<&PlanOnModel>,
    query: &CompareQuery,
    (base, shown): (&Plan, &ShownCurrency),
) -> ComparePlanRow {
    let amount = row.amount(base, shown);
    let score = query.score(&row.found.full_id());
    let times = cheapest.and_then(|least| row.total.expected.amount().checked_div(least.total.expected.amount()));
    let thousand = row.total.expected.checked_mul(Decimal::ONE_THOUSAND);
    let digits = |n: Decimal| n.round_dp(4).normalize().to_string();
    ComparePlanRow {
        provider: row.found.provider.id.clone(),
        model: row.found.model.id.clone(),
        low_usd: row.total.low,
        total_usd: row.total.expected,
        high_usd: row.total.high,
        total: amount.normalize().to_string(),
        amount,
        currency: shown.currency.clone(),
        twins: row.twins.clone(),
        per_1000_requests_usd: thousand.and_then(|usd| per(usd, compared.requests)),
        per_answer_usd: row.per_answer,
        tokens: FirstPromptRow { first_prompt: row.prompt, is_exact: !row.is_estimated },
        times_cheapest: times.map(digits),
        score: score.map(|s| s.normalize().to_string()),
        usd_per_point: score.and_then(|score| per(row.total.expected, score)),
        best_for_its_price: None,
        difference: cheapest.and_then(|cheapest| PlanDifference::of(row, cheapest)),
        facts: ModelFacts { price_class: None, context_window: None, released: None },
        thinking: row.thinking.and_then(|thinking| ThinkingRow::of(thinking, thinking.tokens)),
        life: None,
        assumed_before: row.assumed,
        times,
    }
}

fn chart(rows: &[&PlanOnModel], base: &Plan, shown: &ShownCurrency) -> Chart {
    let bar = |row: &&PlanOnModel| {
        let all = row.amount(base, shown);
        let mark = |usd: Usd| {
            let amount = shown.in_proportion(usd, row.total.expected, all);
            Mark::new(amount, shown.text_of(amount))
        };
        let bounds = Some((mark(row.total.low), mark(row.total.high)));
        (row.found.full_id(), mark(row.total.expected), bounds)
    };
    Chart {
        title: "The plan on each model, with the range of 90% of simulations".into(),
        kind: ChartKind::Bars { bars: rows.iter().map(bar).collect() },
    }
}

/// Says above the rows what was compared and which is cheapest, and below them how long that holds.
fn add_answer(
    report: &mut Report,
    compared: &ComparedPlans,
    rows: &[&PlanOnModel],
    base: &Plan,
    shown: &ShownCurrency,
) {
    let workload = &base.workload;
    let last = workload.end.yesterday().unwrap_or(workload.end);
    report.head.push(format!(
        "{} on {}, {} to {last}",
        workload.name,
        plural(compared.rows.len() as u64, "model"),
        workload.start
    ));
    let Some(first) = compared.rows.first() else { return };
    report.head.push(format!("Cheapest: {} at {}", first.found.full_id(), shown.text_of(first.amount(base, shown))));
    let overtaken = rows.iter().filter_map(|row| Some((overtakes(row, first)?, row))).min_by_key(|(times, _)| *times);
    if let Some((times, other)) = overtaken.filter(|(times, _)| *times <= Decimal::TEN) {
        let times = times.round_dp(1).normalize();
        let (id, other) = (first.found.full_id(), other.found.full_id());
        report.notes.push(format!("If answers were {times} times as long, {other} would be cheaper than {id}."));
    }
}

/// How many times longer answers have to be before a model is cheaper than the cheapest; `None` where it never is.
fn overtakes(row: &PlanOnModel, cheapest: &PlanOnModel) -> Option<Decimal> {
    let (own, least) = (row.parts?.answers.amount(), cheapest.parts?.answers.amount());
    let (flatter, more) = (least - own, row.usage.amount() - cheapest.usage.amount());
    if flatter <= Decimal::ZERO || more < Decimal::ZERO {
        return None;
    }
    Some(Decimal::ONE + more.checked_div(flatter)?)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_sent_and_made_is_needed() {
        let needs = |more: &str| {
            let text =
                format!("version: 1\nfeatures:\n  a: {{model: x, prompt: 9, output: 9, calls: 1 per day{more}}}\n");
            let today = "2026-11-22".parse().unwrap();
            let (workload, _) = crate::input::workload::load(Path::new("farebox.yaml"), &text, today).unwrap();
            needs_of(&workload).into_iter().collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(needs(""), none);
        assert_eq!(needs(", sends: {audio: 3 minutes, pages: 2}"), ["audio_input", "pdf"]);
        assert_eq!(
            needs(", sends: {video: 5 seconds, images: 2}, makes: {audio: 4 seconds}"),
            ["audio_output", "video", "vision"]
        );
        assert_eq!(needs(", tools: 300"), ["tools"]);
        assert_eq!(needs(", steps: 5"), ["tools"]);
        assert_eq!(needs(", attachments: [{image: 100x100}]"), ["vision"]);
        // What a model is billed for, and what no chat model is listed with.
        assert_eq!(needs(", sends: {characters: 900}, makes: {images: 1}"), none);
    }
}
