//! The inverse questions of a plan: what fits a budget, and how long an answer may be for its price.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::compare_workload::{Bounds, Candidates, compare_all};
use super::shared::Setup;
use super::workload::Shop;
use crate::cli::error::Error;
use farebox::calculator::budget::{affordable, longest_answer};
use farebox::calculator::outcome::{Settled, in_usd, outcome};
use farebox::calculator::projection::{Plan, PlanError, Point};
use farebox::calculator::shape::At;
use farebox::calculator::workload::Amount;
use farebox::money::Usd;

/// One answer: what was asked, and what fits.
pub(crate) struct Fit {
    pub question: String,
    pub answer: String,
    pub machine: Value,
}

/// Answers what was asked.
pub(crate) fn fits(
    plan: &Plan,
    settled: &Settled,
    shop: &mut Shop,
    setup: &Setup,
    budget: Option<&Amount>,
    unit_cost: Option<&Amount>,
) -> Result<Vec<Fit>, Error> {
    let start = plan.workload.start;
    let mut list = Vec::new();
    if let Some(amount) = budget {
        let usd = in_usd(amount, "the budget", start, shop)?;
        list.push(calls(plan, settled, amount, usd)?);
        list.push(models(plan, shop, setup, amount, usd)?);
    }
    if let Some(amount) = unit_cost {
        let usd = in_usd(amount, "the cost of an answer", start, shop)?;
        for feature in &plan.features {
            list.push(answer(plan, feature, amount, usd)?);
        }
    }
    Ok(list)
}

fn calls(plan: &Plan, settled: &Settled, amount: &Amount, usd: Usd) -> Result<Fit, Error> {
    let cost = |factor: Decimal| outcome(&plan.with_calls(factor), settled, false, 0).map(|o| o.total.expected);
    let question = format!("calls for {amount}");
    let Some(factor) = affordable(usd, &cost)? else {
        let answer = "none: what is fixed costs more".to_owned();
        return Ok(Fit { question, answer, machine: json!({"kind": "calls", "factor": null}) });
    };
    let planned: Decimal = plan.features.iter().flat_map(|f| f.calls(&plan.months, &Point::all(At::Expected))).sum();
    let fit = planned.saturating_mul(factor).trunc();
    let people = farebox::report::Cell::quantity(fit).people;
    let answer = format!("{people} over the plan, {} × what is planned", factor.round_dp(2).normalize());
    let machine =
        json!({"kind": "calls", "factor": factor.normalize().to_string(), "calls": fit.normalize().to_string()});
    Ok(Fit { question, answer, machine })
}

fn models(plan: &Plan, shop: &mut Shop, setup: &Setup, amount: &Amount, usd: Usd) -> Result<Fit, Error> {
    let candidates = Candidates { makers_only: true, ..Candidates::default() };
    let compared = compare_all(plan, shop, setup, &candidates, Bounds::None)?;
    let fitting: Vec<_> = compared.rows.iter().filter(|row| row.expected() <= usd).collect();
    let named: Vec<String> = fitting.iter().rev().take(5).map(|row| row.found.full_id()).collect();
    let answer = match named.is_empty() {
        true => format!("none of {}", compared.rows.len()),
        false => format!("{} of {}, the dearest of them {}", fitting.len(), compared.rows.len(), named.join(", ")),
    };
    let ids: Vec<String> = fitting.iter().map(|row| row.found.full_id()).collect();
    Ok(Fit { question: format!("models for {amount}"), answer, machine: json!({"kind": "models", "models": ids}) })
}

fn answer(
    plan: &Plan,
    feature: &farebox::calculator::projection::FeaturePlan,
    amount: &Amount,
    usd: Usd,
) -> Result<Fit, Error> {
    let answers = feature.answers(&plan.months);
    let question = format!("{}: length of an answer for {amount}", feature.feature.name);
    let Some(all) = usd.checked_mul(answers).filter(|_| !answers.is_zero()) else {
        return Ok(Fit { question, answer: "it makes no calls".into(), machine: Value::Null });
    };
    let cost = |tokens: u64| -> Result<Usd, PlanError> {
        let costs = feature.with_answer(tokens).costs(&plan.months, &Point::all(At::Expected))?;
        Ok(costs.iter().flatten().copied().sum())
    };
    let longest = longest_answer(all, &cost)?;
    let answer = match longest {
        Some(tokens) => format!("{} tokens", farebox::report::Cell::quantity(tokens).people),
        None => "none: the prompt alone costs more".into(),
    };
    let machine = json!({"kind": "output", "feature": feature.feature.name, "tokens": longest});
    Ok(Fit { question, answer, machine })
}
