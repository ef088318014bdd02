//! A workload over its months: what it costs, when the budget ends, what drives it and what would be cheaper.
//!
//! [`plan`] works it out, `report` shows it; `rows` holds what programs read of it.

mod fit;
mod report;
pub mod rows;

use std::collections::HashMap;
use std::path::PathBuf;

pub(crate) use self::fit::{Fit, FitRow};
pub use self::report::report;
use super::workload::{PricedWorkload, ShownCurrency, Unpriced};
use super::{JobError, Setup};
use crate::calculator::budget::{BudgetVerdict, judge};
use crate::calculator::levers::{Lever, levers, on_one_model};
use crate::calculator::outcome::{Driver, Outcome, drivers, outcome};
use crate::calculator::projection::{FeaturePlan, Plan};
use crate::calculator::settled::Settled;
use crate::calculator::workload::{Amount, Feature, Workload, last_moment};
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::{always_thinks, sisters};
use crate::pricing::card::ModelCard;

/// What is asked of a plan besides its workload.
#[derive(Clone, Debug, Default)]
pub struct PlanQuery {
    /// What may be spent over the whole plan, instead of the workload's budget.
    pub budget: Option<Amount>,
    /// What an answer may cost.
    pub unit_cost: Option<Amount>,
    /// Seed of the simulation, instead of the workload's.
    pub seed: Option<u64>,
    /// Draws of the simulation, instead of the workload's.
    pub draws: Option<u32>,
    /// The currency to show money in, instead of the workload's.
    pub currency: Option<String>,
}

impl PlanResult {
    /// Which budgets are not kept, for people; nothing where all are.
    #[must_use]
    pub fn over_budget(&self) -> Option<String> {
        let over: Vec<&BudgetVerdict> = self.verdicts.iter().filter(|verdict| !verdict.holds()).collect();
        let first = over.first()?;
        let months = over.iter().filter_map(|verdict| verdict.month).count();
        Some(match first.month {
            None => format!("the plan costs {} {}, the budget is {}", first.spent, first.amount.currency, first.amount),
            Some(month) => {
                format!("the budget of {} a month is not kept in {months} months, first in {month}", first.amount)
            }
        })
    }
}

impl PlanQuery {
    /// Sets what is asked for instead of what the workload says.
    pub fn change(&self, workload: &mut Workload) {
        workload.seed = self.seed.unwrap_or(workload.seed);
        workload.draws = self.draws.unwrap_or(workload.draws);
        if let Some(currency) = &self.currency {
            // The plan is cut where the rates of the currency change that it is shown in.
            workload.currency = currency.to_uppercase();
        }
        workload.also_in(self.unit_cost.as_ref().map(|amount| amount.currency.as_str()));
        if let Some(budget) = &self.budget {
            workload.budget.total = Some(budget.clone());
            (workload.budget.from, workload.budget.to) = (None, None);
        }
    }
}

/// A plan with everything that was worked out for it.
#[derive(Clone, Debug)]
pub struct PlanResult {
    /// The workload file.
    pub path: PathBuf,
    /// The plan of what has a price.
    pub plan: Plan,
    /// Fixed costs, credits and tax.
    pub settled: Settled,
    /// What it costs.
    pub outcome: Outcome,
    /// What becomes of each budget.
    pub verdicts: Vec<BudgetVerdict>,
    /// What drives the range, the strongest first.
    pub drivers: Vec<Driver>,
    /// What would make it cheaper, the largest saving first.
    pub levers: Vec<Lever>,
    /// What fits the budget and the price of an answer.
    pub fits: Vec<Fit>,
    /// The features that have no price.
    pub unpriced: Vec<Unpriced>,
    /// The currency that it is shown in.
    pub shown: ShownCurrency,
}

/// Works out what a planned workload costs, and what is asked about it.
///
/// # Errors
/// [`JobError`] where an amount is in a currency without a rate, or has more digits than farebox carries.
pub fn plan(priced: PricedWorkload, query: &PlanQuery, setup: &Setup) -> Result<PlanResult, JobError> {
    let PricedWorkload { file, plan, mut resolver, unpriced } = priced;
    let settled = Settled::of(&plan, &resolver)?;
    let draws = usize::try_from(plan.workload.draws).unwrap_or(10_000);
    let outcome = outcome(&plan, &settled, true, draws)?;
    let shown = ShownCurrency::of(query.currency.as_deref(), &plan.workload, &resolver)?;
    let verdicts = judge(&plan, &outcome, &settled);
    let drivers = drivers(&plan, &settled)?;
    let last = last_moment(&plan.workload);
    let mut known = HashMap::new();
    let smaller: Vec<Vec<Found>> =
        plan.features.iter().map(|feature| sisters_of(feature, last, setup, &mut known)).collect();
    let levers = levers(&plan, &settled, &mut resolver, &smaller);
    let fits = fit::fits(&plan, &settled, &mut resolver, setup, query)?;
    Ok(PlanResult { path: file.path, plan, settled, outcome, verdicts, drivers, levers, fits, unpriced, shown })
}

/// Models of the same provider that a feature might be put on up to the last moment of the plan.
///
/// * `known`: the sisters of models that were asked for before; every card is looked at for them.
fn sisters_of(
    feature: &FeaturePlan,
    last: Instant,
    setup: &Setup,
    known: &mut HashMap<String, Vec<Found>>,
) -> Vec<Found> {
    let Some(stream) = on_one_model(feature) else { return Vec::new() };
    let all = known.entry(stream.found.full_id()).or_insert_with(|| sisters(&setup.table, &stream.found, 0, last));
    let mut found = all.clone();
    let longest = feature.longest_prompt(stream);
    found.retain(|sister| sister.model.info.context_window.is_none_or(|window| window >= longest));
    // A model that thinks before every answer costs more than a plan without thinking tokens says.
    let has_thinking = !feature.feature.reasoning.is_none();
    found.retain(|sister| has_thinking || !always_thinks(&sister.model));
    found.retain(|sister| can_do(&feature.feature, &sister.model));
    found
}

/// Whether a model can do what a feature asks for: use its tools, and write answers of their length. A card that lists no
/// capabilities is not known to lack any.
fn can_do(feature: &Feature, card: &ModelCard) -> bool {
    let has_tools = !feature.tools.is_empty() || feature.steps.count.high > rust_decimal::Decimal::ONE;
    let can = &card.info.capabilities;
    let longest = u64::try_from(feature.output.high.ceil()).unwrap_or(u64::MAX);
    (!has_tools || can.is_empty() || can.iter().any(|can| can == "tools"))
        && card.info.max_output.is_none_or(|most| most >= longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculator::quote::Quote;
    use crate::jobs::breakeven::BreakEvenResult;
    use crate::jobs::compare::ComparedQuotes;
    use crate::jobs::compare::workload::ComparedPlans;
    use crate::jobs::estimate::PricedInputs;

    /// Results are owned, so that they can be kept and sent to another thread.
    #[test]
    fn results_are_shareable() {
        fn is_shareable<T: Send + Sync + 'static>() {}
        is_shareable::<PlanResult>();
        is_shareable::<Quote>();
        is_shareable::<PricedInputs>();
        is_shareable::<ComparedQuotes>();
        is_shareable::<ComparedPlans>();
        is_shareable::<BreakEvenResult>();
    }
}
