//! What programs read of a plan, from which its tables are made too: a row for each month ([`PlanMonthRow`]), and the
//! fields before them ([`PlanHead`]).

use rust_decimal::Decimal;
use serde::Serialize;

use super::{FitRow, PlanResult};
use crate::calculator::budget::BudgetVerdict;
use crate::calculator::calendar::Month;
use crate::calculator::levers::Lever;
use crate::calculator::outcome::{Driver, FeatureOutcome};
use crate::calculator::projection::{
    ASSUMED_CACHEABLE, FeatureFrame, FeaturePlan, Plan, PlanEvent, Point, Stream, StreamRole, per,
};
use crate::calculator::shape::At;
use crate::calculator::spans::length_in_months;
use crate::calculator::workload::{Amount, Assumption, Feature};
use crate::jobs::Setup;
use crate::jobs::error::with_help;
use crate::jobs::setup::{TableStamp, table_stamp};
use crate::jobs::workload::{ShownCurrency, ShownRate, Unpriced};
use crate::money::{Usd, grouped};
use crate::period::Instant;
use crate::pricing::card::{Evidence, Fact};
use crate::range::Range;
use crate::tokenizer::TokenCount;

/// An amount with the bounds that nine draws in ten stay within.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UsdRange {
    /// One draw in twenty is below.
    pub low_usd: Usd,
    /// The mean.
    pub expected_usd: Usd,
    /// One draw in twenty is above.
    pub high_usd: Usd,
}

impl From<Range<Usd>> for UsdRange {
    fn from(range: Range<Usd>) -> Self {
        UsdRange { low_usd: range.low, expected_usd: range.expected, high_usd: range.high }
    }
}

/// One month of a plan.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlanMonthRow {
    /// The month, such as `2027-01`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub month: Month,
    /// Its cost with everything.
    #[serde(flatten)]
    pub range: UsdRange,
    /// The expected cost.
    pub total_usd: Usd,
    /// The same in the currency of the plan.
    pub total: String,
    /// By feature, before credits and tax.
    pub features: Vec<MonthFeatureRow>,
    /// Fixed and one-off costs.
    pub fixed_usd: Usd,
    /// Credits used.
    pub credits_usd: Usd,
    /// Tax.
    pub tax_usd: Usd,
    /// From the start of the plan to the end of the month.
    pub cumulative: UsdRange,
    #[serde(skip)]
    pub(super) shown: ShownMonth,
}

/// A month in the currency of the plan, each cost at the rate of its day.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownMonth {
    pub features: Vec<Decimal>,
    pub others: [Decimal; 3],
    pub total: Decimal,
}

/// A feature in one month.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MonthFeatureRow {
    /// Its name.
    pub name: String,
    /// Calls.
    pub calls: String,
    /// Its cost.
    #[serde(flatten)]
    pub range: UsdRange,
}

/// The fields before the months of a plan.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanHead {
    /// The workload.
    pub workload: WorkloadName,
    /// First day.
    pub start: String,
    /// First day after.
    pub end: String,
    /// The currency of the plan.
    pub exchange: ShownRate,
    /// The whole plan with everything.
    pub total: PlanTotal,
    /// The draws, where anything is uncertain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulation: Option<SimulationRow>,
    /// By feature, before credits and tax.
    pub features: Vec<PlanFeatureRow>,
    /// Fixed and one-off costs.
    pub fixed: Vec<FixedCostRow>,
    /// What becomes of each budget.
    pub budgets: Vec<BudgetRow>,
    /// What drives the range, the strongest first.
    pub drivers: Vec<DriverRow>,
    /// What would make it cheaper, the largest saving first.
    pub levers: Vec<LeverRow>,
    /// What fits the budget and the price of an answer; null for a feature without calls.
    pub fits: Vec<Option<FitRow>>,
    /// What happens within the plan.
    pub events: Vec<EventRow>,
    /// The features that have no price.
    pub unpriced: Vec<UnpricedFeatureRow>,
    /// What the user did not say.
    pub assumptions: Vec<Assumption>,
    /// The prices that were used.
    pub sources: Vec<PriceSourceRow>,
    /// The price table.
    pub table: TableStamp,
}

/// A workload by its name and file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WorkloadName {
    /// What the plan is called.
    pub name: String,
    /// The file.
    pub path: String,
}

/// What the whole plan costs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanTotal {
    /// In dollars.
    #[serde(flatten)]
    pub range: UsdRange,
    /// The expected cost in the currency of the plan, each cost at the rate of its day.
    pub expected: String,
    /// `closed-form`, or `simulated` where the expected cost is a mean of draws.
    pub expected_basis: &'static str,
    /// `simulated` where the bounds are quantiles of draws, `exact` where nothing is uncertain.
    pub bounds_basis: &'static str,
}

/// How the bounds were drawn.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SimulationRow {
    /// Seed.
    pub seed: u64,
    /// Draws.
    pub draws: u32,
    /// The mean of the draws.
    pub mean_usd: Usd,
    /// The standard error of that mean.
    pub standard_error_usd: String,
    /// The share of the draws below the low bound.
    pub low: &'static str,
    /// The share of the draws below the high bound.
    pub high: &'static str,
}

/// A feature over the whole plan.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanFeatureRow {
    /// Its name.
    pub name: String,
    /// The models that it runs on.
    pub models: Vec<FeatureModelRow>,
    /// Calls.
    pub calls: String,
    /// Its cost, before credits and tax.
    #[serde(flatten)]
    pub range: UsdRange,
    /// `closed-form`, or `simulated` where the expected cost is the mean of the draws.
    pub expected_basis: &'static str,
    /// Requests that one call takes, retries included.
    pub requests_per_call: String,
    /// The cost of a call.
    pub per_call_usd: Option<Usd>,
    /// The cost of an answer.
    pub per_answer_usd: Option<Usd>,
    /// The cost per user and month.
    pub per_user_month_usd: Option<Usd>,
    #[serde(skip)]
    pub(super) shown: Decimal,
    #[serde(skip)]
    pub(super) all_calls: Decimal,
    #[serde(skip)]
    pub(super) answers_apart: bool,
}

/// A model of a feature.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FeatureModelRow {
    /// `provider/model`.
    pub model: String,
    /// Its share of the calls, from 0 to 1.
    pub share: String,
    /// Its tokenizer, where text was counted.
    pub tokenizer: Option<String>,
    /// Tokens of a first prompt, at the mean.
    pub first_prompt_tokens: u64,
    /// Tokens of the longest prompt that the plan thinks possible.
    pub longest_prompt_tokens: u64,
}

/// A cost that no token causes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FixedCostRow {
    /// What it is.
    pub name: String,
    /// When.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub month: Option<Month>,
    /// How much.
    pub usd: Usd,
}

/// What becomes of a budget.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BudgetRow {
    /// The budget as the user gave it.
    pub amount: Amount,
    /// In dollars.
    pub usd: Usd,
    /// The month, where it is a monthly budget.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub month: Option<Month>,
    /// Whether the expected cost stays inside.
    pub holds: bool,
    /// What is spent of it at the expected cost, in its currency at the rates of the days.
    pub spent: String,
    /// The same in dollars.
    pub spent_usd: Usd,
    /// At the low bound.
    pub low_usd: Usd,
    /// At the high bound.
    pub high_usd: Usd,
    /// The day on which it is used up.
    pub ends: Option<String>,
    /// That day at the high bound.
    pub ends_early: Option<String>,
    /// That day at the low bound.
    pub ends_late: Option<String>,
    /// Share of the draws that stay inside, from 0 to 1.
    pub chance: Option<String>,
}

/// A number that drives the range.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DriverRow {
    /// The feature.
    pub feature: String,
    /// The number.
    pub input: &'static str,
    /// Its range.
    pub range: String,
    /// The total with the number at its low end.
    pub low_usd: Usd,
    /// The total with the number at its high end.
    pub high_usd: Usd,
    /// Both in the currency that is shown, each day at its rate.
    #[serde(skip)]
    pub(super) shown: [Decimal; 2],
}

/// A change that would make the plan cheaper.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LeverRow {
    /// The feature.
    pub feature: String,
    /// `cache`, `batch`, `smaller-model`, `shorter-history`, `output-cap`.
    pub kind: &'static str,
    /// What to do.
    pub what: String,
    /// What it takes.
    #[serde(rename = "if")]
    pub provided: String,
    /// What is paid less over the plan, with credits, fixed costs and tax.
    pub saving_usd: Usd,
    /// The same in the currency that is shown, each day at its rate.
    #[serde(skip)]
    pub shown: Decimal,
}

/// Something that happens within the plan.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EventRow {
    /// The feature.
    pub feature: String,
    /// `price-change`, `assumed-price`, `retires`, `last-listed`, `assumed-thinking`, `always-thinks`, `context-window`, `longest-answer`, `no-cache`.
    pub kind: &'static str,
    /// The model.
    pub model: String,
    /// When, where it has a day.
    pub at: Option<Instant>,
    /// For people.
    pub text: String,
}

/// A feature without a price.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnpricedFeatureRow {
    /// The feature.
    pub feature: String,
    /// Why, without the next step.
    #[serde(skip)]
    pub what: String,
    /// Why.
    pub reason: String,
}

/// A price that was used.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PriceSourceRow {
    /// `provider/model`.
    pub model: String,
    /// From when on it holds.
    pub from: Option<Instant>,
    /// Until when, exclusive.
    pub to: Option<Instant>,
    /// The page.
    pub source: String,
    /// The day somebody looked.
    pub checked: Instant,
    /// How well it is known.
    pub evidence: Evidence,
    /// Since when there is evidence of it, where the plan uses it for earlier days: then it is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_before: Option<Instant>,
    /// The tokenizer, where text was counted.
    pub tokenizer: Option<String>,
}

impl PlanHead {
    /// What programs read of a plan besides its months.
    #[must_use]
    pub(crate) fn of(result: &PlanResult, setup: &Setup) -> PlanHead {
        let PlanResult { plan, outcome, shown, .. } = result;
        let workload = &plan.workload;
        let fixed = result.settled.fixed_items.iter();
        let fixed = fixed.map(|(name, month, usd)| (name.clone(), plan.months.get(*month).copied(), *usd));
        let paid = outcome.committed.iter().enumerate().filter(|(_, usd)| **usd != Usd::ZERO);
        let committed = paid.map(|(month, usd)| ("commitments".to_owned(), plan.months.get(month).copied(), *usd));
        PlanHead {
            workload: WorkloadName { name: workload.name.clone(), path: result.path.display().to_string() },
            start: workload.start.to_string(),
            end: workload.end.to_string(),
            exchange: shown.rate(),
            total: PlanTotal {
                range: outcome.total.into(),
                expected: shown.over(plan.spans.iter().zip(outcome.spans.iter().copied())).to_string(),
                expected_basis: basis(outcome.is_closed_form),
                bounds_basis: if outcome.simulation.is_some() { "simulated" } else { "exact" },
            },
            simulation: outcome.simulation.as_ref().map(|drawn| SimulationRow {
                seed: workload.seed,
                draws: workload.draws,
                mean_usd: drawn.total.expected,
                standard_error_usd: format!("{:.9}", drawn.standard_error),
                low: "5%",
                high: "95%",
            }),
            features: plan
                .features
                .iter()
                .zip(&outcome.features)
                .map(|(f, costs)| feature(f, plan, costs, shown))
                .collect(),
            fixed: fixed.chain(committed).map(|(name, month, usd)| FixedCostRow { name, month, usd }).collect(),
            budgets: result.verdicts.iter().map(budget).collect(),
            drivers: drivers(result),
            levers: levers(result),
            fits: result.fits.iter().map(|fit| fit.row.clone()).collect(),
            events: events(plan),
            unpriced: result.unpriced.iter().map(unpriced).collect(),
            assumptions: assumptions(plan),
            sources: sources(plan),
            table: table_stamp(setup),
        }
    }
}

/// What costs by span are in a month, in the currency of the plan.
pub(super) fn over(result: &PlanResult, month: usize, costs: &[Usd]) -> Decimal {
    let costs = result.plan.spans.iter().zip(costs.iter().copied());
    result.shown.over(costs.filter(|(span, _)| span.month == month))
}

fn basis(is_closed_form: bool) -> &'static str {
    if is_closed_form { "closed-form" } else { "simulated" }
}

/// The months of a plan.
#[must_use]
pub fn months(result: &PlanResult) -> Vec<PlanMonthRow> {
    let PlanResult { plan, outcome, .. } = result;
    let feature = |month: usize, (feature, costs): (&FeaturePlan, &FeatureOutcome)| MonthFeatureRow {
        name: feature.feature.name.clone(),
        calls: costs.calls[month].normalize().to_string(),
        range: costs.spreads[month].into(),
    };
    let row = |(index, month): (usize, &Month)| PlanMonthRow {
        month: *month,
        range: outcome.months[index].into(),
        total_usd: outcome.months[index].expected,
        total: over(result, index, &outcome.spans).to_string(),
        shown: ShownMonth {
            features: outcome.features.iter().map(|f| over(result, index, &f.spans)).collect(),
            others: [0, 1, 2].map(|other| over(result, index, &outcome.others_by_span[other])),
            total: over(result, index, &outcome.spans),
        },
        features: plan.features.iter().zip(&outcome.features).map(|f| feature(index, f)).collect(),
        fixed_usd: outcome.fixed[index],
        credits_usd: outcome.credits[index],
        tax_usd: outcome.tax[index],
        cumulative: outcome.cumulative[index].into(),
    };
    plan.months.iter().enumerate().map(row).collect()
}

fn feature(feature: &FeaturePlan, plan: &Plan, costs: &FeatureOutcome, shown: &ShownCurrency) -> PlanFeatureRow {
    let expected = Point::all(At::Expected);
    let (total, all_calls) = (costs.total.expected, costs.calls.iter().sum::<Decimal>());
    let months = length_in_months(&plan.workload);
    let users = feature.feature.calls.users.map(|users| users.expected.saturating_mul(months));
    let models = feature.streams.iter().map(|stream| FeatureModelRow {
        model: stream.found.full_id(),
        share: stream.share.normalize().to_string(),
        tokenizer: stream.tokenizer.clone(),
        first_prompt_tokens: feature.first_prompt(stream),
        longest_prompt_tokens: feature.longest_prompt(stream),
    });
    PlanFeatureRow {
        name: feature.feature.name.clone(),
        models: models.collect(),
        calls: all_calls.normalize().to_string(),
        range: costs.total.into(),
        expected_basis: basis(costs.is_closed_form),
        requests_per_call: feature.requests_of_a_call(&expected).to_string(),
        per_call_usd: per(total, feature.calls(&plan.months, &expected).iter().sum()),
        per_answer_usd: per(total, feature.answers(&plan.months)),
        per_user_month_usd: users.and_then(|n| per(total, n)),
        shown: shown.over(plan.spans.iter().zip(costs.spans.iter().copied())),
        all_calls,
        answers_apart: feature.feature.turns.expected != Decimal::ONE,
    }
}

fn budget(verdict: &BudgetVerdict) -> BudgetRow {
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string());
    BudgetRow {
        amount: verdict.amount.clone(),
        usd: verdict.usd,
        month: verdict.month,
        holds: verdict.holds(),
        spent: verdict.spent.to_string(),
        spent_usd: verdict.spent_usd,
        low_usd: verdict.low,
        high_usd: verdict.high,
        ends: day(verdict.ends),
        ends_early: day(verdict.ends_early),
        ends_late: day(verdict.ends_late),
        chance: verdict.chance.map(|chance| chance.normalize().to_string()),
    }
}

fn drivers(result: &PlanResult) -> Vec<DriverRow> {
    let row = |driver: &Driver| DriverRow {
        feature: driver.feature.clone(),
        input: driver.input,
        range: driver.range.clone(),
        low_usd: driver.low,
        high_usd: driver.high,
        shown: driver.spans.each_ref().map(|spans| result.shown.of_spans(&result.plan.spans, spans)),
    };
    result.drivers.iter().map(row).collect()
}

fn levers(result: &PlanResult) -> Vec<LeverRow> {
    let row = |lever: &Lever| LeverRow {
        feature: lever.feature.clone(),
        kind: lever.kind,
        what: lever.what.clone(),
        provided: lever.provided.clone(),
        saving_usd: lever.saving,
        shown: result.shown.over(result.plan.spans.iter().zip(lever.spans.iter().copied())),
    };
    result.levers.iter().map(row).collect()
}

fn events(plan: &Plan) -> Vec<EventRow> {
    let of_feature = |feature: &FeaturePlan| {
        let row = |event: &PlanEvent| EventRow {
            feature: feature.feature.name.clone(),
            kind: event.kind,
            model: event.model.clone(),
            at: event.at,
            text: event.text.clone(),
        };
        feature.events.iter().map(row).collect::<Vec<_>>()
    };
    plan.features.iter().flat_map(of_feature).collect()
}

fn unpriced((feature, error): &Unpriced) -> UnpricedFeatureRow {
    UnpricedFeatureRow { feature: feature.clone(), what: error.to_string(), reason: with_help(error, error.help()) }
}

/// What the user did not say: of the file, and what stands around the messages on each model.
fn assumptions(plan: &Plan) -> Vec<Assumption> {
    let mut list = plan.workload.assumptions.clone();
    for feature in &plan.features {
        for stream in feature.streams.iter().filter(|s| s.role == StreamRole::Answer) {
            let (value, origin) = match stream.frame {
                Some(FeatureFrame { opening, turn, .. }) => (
                    format!("{} tokens a request, {} for each earlier turn", range_text(opening), range_text(turn)),
                    format!(
                        "{}: what the provider adds to the texts (data/chat/rules.csv)",
                        opening.basis.max(turn.basis)
                    ),
                ),
                None => ("0 tokens".into(), "the prompt is a number of tokens, which is the whole of it".into()),
            };
            let about = feature.feature.name.clone();
            let what = format!("message frames of {}", stream.found.full_id());
            list.push(Assumption { about, what, value, origin });
            list.extend(smallest_cacheable(&feature.feature, stream));
        }
    }
    list
}

/// The shortest prompt that is planned to be cached on a model, where the file does not say one.
fn smallest_cacheable(feature: &Feature, stream: &Stream) -> Option<Assumption> {
    feature.cache.filter(|cache| cache.minimum.is_none())?;
    let info = &stream.found.model.info;
    let (tokens, origin) = match (info.smallest_cacheable, info.source_of(Fact::SmallestCacheable)) {
        (Some(tokens), Some(source)) => (tokens, format!("{} ({})", source.url, source.checked)),
        (Some(tokens), None) => (tokens, "the price card of the model".into()),
        (None, _) => (ASSUMED_CACHEABLE, "unknown for this model; `cache: {minimum: …}` says another".into()),
    };
    Some(Assumption {
        about: feature.name.clone(),
        what: format!("smallest cacheable prompt of {}", stream.found.full_id()),
        value: format!("{} tokens", grouped(tokens)),
        origin,
    })
}

fn range_text(count: TokenCount) -> String {
    if count.low == count.high {
        return count.tokens.to_string();
    }
    format!("{}..{}..{}", count.low, count.tokens, count.high)
}

/// Every price that was used, once.
fn sources(plan: &Plan) -> Vec<PriceSourceRow> {
    let mut list: Vec<PriceSourceRow> = Vec::new();
    for stream in plan.features.iter().flat_map(|f| &f.streams) {
        for epoch in &stream.epochs {
            let tariff = &epoch.single;
            let source = PriceSourceRow {
                model: stream.found.full_id(),
                from: tariff.period.from,
                to: tariff.period.to,
                source: tariff.source.url.clone(),
                checked: tariff.source.checked,
                evidence: tariff.source.evidence,
                assumed_before: tariff.assumed,
                tokenizer: stream.tokenizer.clone(),
            };
            if !list.contains(&source) {
                list.push(source);
            }
        }
    }
    list
}
