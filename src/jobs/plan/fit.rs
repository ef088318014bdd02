//! The inverse questions of a plan: what fits a budget, and how long an answer may be for its price.

use rust_decimal::Decimal;
use serde::Serialize;

use super::PlanQuery;
use crate::calculator::budget::{affordable, longest_answer};
use crate::calculator::outcome::outcome;
use crate::calculator::projection::{FeaturePlan, Plan, PlanError, Point};
use crate::calculator::settled::{Settled, in_usd};
use crate::calculator::shape::At;
use crate::calculator::workload::Amount;
use crate::jobs::compare::CompareQuery;
use crate::jobs::compare::workload::{RowBounds, compare_plans};
use crate::jobs::workload::{ShownCurrency, TableResolver};
use crate::jobs::{JobError, Setup};
use crate::money::Usd;
use crate::report::Cell;

/// One answer: what was asked, and what fits.
#[derive(Clone, Debug)]
pub struct Fit {
    /// What was asked, for people.
    pub question: String,
    /// What fits, for people.
    pub answer: String,
    /// What fits, for programs; none for a feature without calls.
    pub row: Option<FitRow>,
}

/// What fits, for programs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum FitRow {
    /// Calls for a budget.
    Calls {
        /// How many times the planned ones; null where even none are too many.
        factor: Option<String>,
        /// How many.
        #[serde(skip_serializing_if = "Option::is_none")]
        calls: Option<String>,
    },
    /// Models for a budget.
    Models {
        /// `provider/model` of each.
        models: Vec<String>,
    },
    /// The length of an answer for its price.
    Output {
        /// The feature.
        feature: String,
        /// Tokens; null where the prompt alone costs more.
        tokens: Option<u64>,
    },
}

/// Answers what was asked.
pub(super) fn fits(
    plan: &Plan,
    settled: &Settled,
    resolver: &mut TableResolver,
    setup: &Setup,
    query: &PlanQuery,
) -> Result<Vec<Fit>, JobError> {
    let mut list = Vec::new();
    if let Some(amount) = &query.budget {
        let limit = Limit::of(amount, "the budget", plan, resolver)?;
        list.push(calls(plan, settled, &limit)?);
        list.push(models(plan, resolver, setup, &limit)?);
    }
    if let Some(amount) = &query.unit_cost {
        let limit = Limit::of(amount, "the cost of an answer", plan, resolver)?;
        for feature in &plan.features {
            list.push(answer(plan, feature, &limit)?);
        }
    }
    Ok(list)
}

/// An amount that costs are held against, each day at the rate of its currency.
struct Limit<'a> {
    amount: &'a Amount,
    currency: ShownCurrency,
}

impl<'a> Limit<'a> {
    fn of(amount: &'a Amount, what: &str, plan: &Plan, resolver: &TableResolver) -> Result<Limit<'a>, JobError> {
        // The error of an amount without a rate names the amount.
        in_usd(amount, what, plan.workload.start, resolver)?;
        let currency = ShownCurrency::of(Some(&amount.currency), &plan.workload, resolver)?;
        Ok(Limit { amount, currency })
    }

    /// The amount in dollars of the first day.
    fn usd(&self) -> Usd {
        self.in_first_dollars(self.amount.amount.0)
    }

    /// Costs by span in dollars of the first day: what they are in the currency, at its rate of that day.
    fn cost(&self, plan: &Plan, spans: &[Usd], total: Usd) -> Usd {
        match self.currency.is_usd() {
            true => total,
            false => self.in_first_dollars(self.currency.over(plan.spans.iter().zip(spans.iter().copied()))),
        }
    }

    fn in_first_dollars(&self, amount: Decimal) -> Usd {
        Usd::new(amount.checked_div(self.currency.per_usd).unwrap_or(amount).round_dp(18))
    }
}

fn calls(plan: &Plan, settled: &Settled, limit: &Limit) -> Result<Fit, PlanError> {
    let cost = |factor: Decimal| {
        let outcome = outcome(&plan.with_calls(factor), settled, false, 0)?;
        Ok(limit.cost(plan, &outcome.spans, outcome.total.expected))
    };
    let question = format!("calls for {}", limit.amount);
    let Some(factor) = affordable(limit.usd(), &cost)? else {
        let answer = "none: what is fixed costs more".to_owned();
        return Ok(Fit { question, answer, row: Some(FitRow::Calls { factor: None, calls: None }) });
    };
    let planned: Decimal = plan.features.iter().flat_map(|f| f.calls(&plan.months, &Point::all(At::Expected))).sum();
    let fit = planned.saturating_mul(factor).trunc();
    let people = Cell::quantity(fit).people;
    let answer = format!("{people} over the plan, {} × what is planned", factor.round_dp(2).normalize());
    let text = |n: Decimal| Some(n.normalize().to_string());
    Ok(Fit { question, answer, row: Some(FitRow::Calls { factor: text(factor), calls: text(fit) }) })
}

fn models(plan: &Plan, resolver: &mut TableResolver, setup: &Setup, limit: &Limit) -> Result<Fit, JobError> {
    let query = CompareQuery { free: true, ..CompareQuery::default() };
    let compared = compare_plans(plan, resolver, setup, &query, RowBounds::None)?;
    let fitting = compared.rows.iter().filter(|row| row.amount(plan, &limit.currency) <= limit.amount.amount.0);
    let models: Vec<String> = fitting.map(|row| row.found.full_id()).collect();
    let named: Vec<&str> = models.iter().rev().take(5).map(String::as_str).collect();
    let answer = match named.is_empty() {
        true => format!("none of {}", compared.rows.len()),
        false => {
            format!("{} of {}, the most expensive of them {}", models.len(), compared.rows.len(), named.join(", "))
        }
    };
    Ok(Fit { question: format!("models for {}", limit.amount), answer, row: Some(FitRow::Models { models }) })
}

fn answer(plan: &Plan, feature: &FeaturePlan, limit: &Limit) -> Result<Fit, PlanError> {
    let answers = feature.answers(&plan.months);
    let name = feature.feature.name.clone();
    let question = format!("{name}: length of an answer for {}", limit.amount);
    let Some(all) = limit.usd().checked_mul(answers).filter(|_| !answers.is_zero()) else {
        return Ok(Fit { question, answer: "it makes no calls".into(), row: None });
    };
    let cost = |tokens: u64| -> Result<Usd, PlanError> {
        let costs = feature.with_answer(tokens).costs(&plan.months, &Point::all(At::Expected))?;
        let of_span = |span: usize| costs.iter().filter_map(|stream| stream.get(span)).copied().sum();
        let spans: Vec<Usd> = (0..plan.spans.len()).map(of_span).collect();
        Ok(limit.cost(plan, &spans, spans.iter().copied().sum()))
    };
    let tokens = longest_answer(all, &cost)?;
    let answer = match tokens {
        Some(tokens) => format!("{} tokens", Cell::quantity(tokens).people),
        None => "none: the prompt alone costs more".into(),
    };
    Ok(Fit { question, answer, row: Some(FitRow::Output { feature: name, tokens }) })
}
