//! What a plan costs in its average month, and how the difference of two plans splits over what changed: [`PlanChange`].

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::currency::ShownCurrency;
use super::explain::{Changed, Factor, bit, differences, mixed, shapley};
use super::outcome::{Outcome, needs_draws, outcome};
use super::projection::{FeaturePlan, Plan, PlanError, Planner, Resolver};
use super::rules::BillSums;
use super::settled::{Settled, minus};
use super::spans::{Span, in_average_month};
use super::workload::{Budget, Feature, Workload};
use crate::money::Usd;
use crate::range::Range;

/// A plan with what it costs, and the currency that it is looked at in.
#[derive(Clone, Debug)]
pub(crate) struct CostedPlan {
    /// The plan.
    pub plan: Plan,
    /// What it costs in the end.
    pub outcome: Outcome,
    /// What one dollar is in the currency, by day.
    pub shown: ShownCurrency,
    /// Cost at the means by span, what is drawn left out, by feature.
    at_means: BTreeMap<String, Vec<Usd>>,
}

/// What one factor adds to the average month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactorAmount {
    /// The factor.
    pub factor: Factor,
    /// What it adds.
    pub amount: Decimal,
    /// Whether every number behind it is known.
    pub is_exact: bool,
}

/// Money of a plan in the average month, in the currency it is looked at in.
#[derive(Clone, Debug, Default)]
pub(crate) struct MonthlyBill {
    /// By feature.
    pub features: BTreeMap<String, Decimal>,
    /// Fixed costs.
    pub fixed: Decimal,
    /// Credits, which are taken off.
    pub credits: Decimal,
    /// Tax.
    pub tax: Decimal,
}

impl MonthlyBill {
    /// The sum of what it shows, so that parts add up to it.
    #[must_use]
    pub(crate) fn total(&self) -> Decimal {
        self.features.values().copied().sum::<Decimal>() + self.fixed - self.credits + self.tax
    }

    /// What changed since `base` apart from the features: fixed costs, credits and tax.
    #[must_use]
    pub(crate) fn apart_from_features(&self, base: &MonthlyBill) -> Vec<FactorAmount> {
        let amounts = [
            (Factor::Fixed, self.fixed - base.fixed),
            (Factor::Credits, base.credits - self.credits),
            (Factor::Tax, self.tax - base.tax),
        ];
        let changed = amounts.into_iter().filter(|(_, amount)| !amount.is_zero());
        changed.map(|(factor, amount)| FactorAmount { factor, amount: amount.normalize(), is_exact: true }).collect()
    }
}

impl CostedPlan {
    /// Prices a plan.
    ///
    /// * `bounds`: whether low and high ends are needed even where every uncertain number only multiplies.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`].
    pub(crate) fn of(
        plan: Plan,
        settled: &Settled,
        shown: ShownCurrency,
        bounds: bool,
    ) -> Result<CostedPlan, PlanError> {
        // Draws cost time and change nothing where every uncertain number only multiplies.
        let draws = if bounds || needs_draws(&plan, settled) { plan.workload.draws } else { 0 };
        let outcome = outcome(&plan, settled, false, usize::try_from(draws).unwrap_or(0))?;
        let mut at_means = BTreeMap::new();
        for feature in &plan.features {
            at_means.insert(feature.feature.name.clone(), feature.at_means(&plan.months)?);
        }
        Ok(CostedPlan { plan, outcome, shown, at_means })
    }

    /// How many months it has; at least one, so that there is an average.
    #[must_use]
    pub(crate) fn months(&self) -> usize {
        self.plan.months.len().max(1)
    }

    /// What it costs in the average month.
    #[must_use]
    pub(crate) fn monthly(&self) -> MonthlyBill {
        let features = self.plan.features.iter().zip(&self.outcome.features);
        let [fixed, credits, tax] = self.outcome.others_by_span.each_ref().map(|spans| self.average(spans));
        MonthlyBill {
            features: features.map(|(f, cost)| (f.feature.name.clone(), self.average(&cost.spans))).collect(),
            fixed,
            credits,
            tax,
        }
    }

    /// What it costs over the plan, in the currency.
    #[must_use]
    pub(crate) fn total(&self) -> Decimal {
        self.shown.of_spans(&self.plan.spans, &self.outcome.spans)
    }

    /// What a feature costs over the plan, by its place in it, in the currency.
    #[must_use]
    pub(crate) fn feature_total(&self, index: usize) -> Option<Decimal> {
        Some(self.shown.of_spans(&self.plan.spans, &self.outcome.features.get(index)?.spans))
    }

    /// What rules about the whole are held against.
    #[must_use]
    pub(crate) fn sums(&self) -> BillSums {
        self.sums_of(&self.outcome.spans)
    }

    /// What rules about a feature are held against, by its place in the plan.
    #[must_use]
    pub(crate) fn feature_sums(&self, index: usize) -> Option<BillSums> {
        Some(self.sums_of(&self.outcome.features.get(index)?.spans))
    }

    fn sums_of(&self, costs: &[Usd]) -> BillSums {
        let spans = self.plan.spans.iter().copied().zip(costs.iter().copied());
        BillSums { spans: spans.collect(), months: self.months() }
    }

    /// Costs by span as an amount of the average month.
    fn average(&self, costs: &[Usd]) -> Decimal {
        average(&self.shown, &self.plan.spans, costs, self.months())
    }

    fn at_means(&self, feature: &str) -> &[Usd] {
        self.at_means.get(feature).map(Vec::as_slice).unwrap_or_default()
    }

    /// The plan of a feature.
    #[must_use]
    pub(crate) fn feature(&self, name: &str) -> Option<&FeaturePlan> {
        self.plan.features.iter().find(|f| f.feature.name == name)
    }

    /// What the ranges of a feature add to its cost at the means.
    fn drawn(&self, name: &str) -> Option<Decimal> {
        let index = self.plan.features.iter().position(|f| f.feature.name == name)?;
        let expected = &self.outcome.features.get(index)?.spans;
        Some(self.average(expected) - self.average(self.at_means(name)))
    }
}

/// Costs by span over a number of months as an amount of the average month, in a currency.
fn average(shown: &ShownCurrency, spans: &[Span], costs: &[Usd], months: usize) -> Decimal {
    in_average_month(shown.sum(spans.iter().zip(costs.iter().copied())), months)
}

/// `(high − low) ÷ expected`, where anything was drawn.
#[must_use]
pub(crate) fn width(range: Range<Usd>) -> Option<Decimal> {
    let Range { low, expected, high } = range;
    (low != high).then(|| minus(high, low).amount().checked_div(expected.amount()).unwrap_or_default())
}

/// A plan that became another one.
pub(crate) struct PlanChange<'c> {
    /// As it was.
    pub base: &'c CostedPlan,
    /// As it is.
    pub head: &'c CostedPlan,
    /// Finds and counts at the prices of the base, where these were other ones.
    pub base_resolver: Option<&'c mut dyn Resolver>,
    /// Finds and counts at the prices of the head.
    pub head_resolver: &'c mut dyn Resolver,
}

impl PlanChange<'_> {
    /// What each factor adds to a feature that is in both plans; nothing for another one.
    ///
    /// # Errors
    /// [`PlanError`] where a mixture of both cannot be planned, or costs more than can be added exactly.
    pub(crate) fn explain(&mut self, name: &str) -> Result<Vec<FactorAmount>, PlanError> {
        let (base, head) = (self.base, self.head);
        let (Some(old), Some(new)) = (base.feature(name), head.feature(name)) else { return Ok(Vec::new()) };
        let factors = self.factors(old, new);
        let split = shapley(factors.len(), |set| self.amount(old, new, &factors, set))?;
        let amounts = split.ok_or_else(|| PlanError::TooLarge(name.to_owned()))?;
        let is_exact = old.uncertain().is_empty() && new.uncertain().is_empty();
        let part = |(factor, amount): (&Factor, Decimal)| FactorAmount { factor: *factor, amount, is_exact };
        let mut parts: Vec<FactorAmount> = factors.iter().zip(amounts).map(part).collect();
        if let (Some(before), Some(now)) = (base.drawn(name), head.drawn(name)) {
            let amount = (now - before).normalize();
            let ranges = FactorAmount { factor: Factor::Ranges, amount, is_exact: false };
            parts.extend((!amount.is_zero()).then_some(ranges));
        }
        Ok(parts)
    }

    /// The factors in which the two plans of a feature differ.
    fn factors(&self, old: &FeaturePlan, new: &FeaturePlan) -> Vec<Factor> {
        let mut factors = differences(&old.feature, &new.feature);
        if self.base.plan.months != self.head.plan.months && !factors.contains(&Factor::Calls) {
            factors.push(Factor::Calls);
        }
        if self.base_resolver.is_some() {
            factors.push(Factor::PriceTable);
        }
        if self.base.shown.difference(&self.head.shown).is_some() {
            factors.push(Factor::Exchange);
        }
        factors
    }

    /// The average month of the feature in which a set of the factors has changed.
    fn amount(
        &mut self,
        old: &FeaturePlan,
        new: &FeaturePlan,
        factors: &[Factor],
        set: u32,
    ) -> Result<Decimal, PlanError> {
        let is_in = |i: usize| set & (1 << i) > 0;
        let changed = factors.iter().enumerate().filter(|(i, _)| is_in(*i)).fold(0, |bits, (_, f)| bits | bit(*f));
        let side = |factor| if changed & bit(factor) > 0 { self.head } else { self.base };
        let (shown, months) = (&side(Factor::Exchange).shown, side(Factor::Calls).months());
        let name = &new.feature.name;
        if set == 0 {
            return Ok(self.base.average(self.base.at_means(name)));
        }
        if set == (1 << factors.len()) - 1 {
            return Ok(self.head.average(self.head.at_means(name)));
        }
        let time = side(Factor::Calls).plan.workload.clone();
        let (spans, costs) = self.mixture(mixed(&old.feature, &new.feature, changed), &time, shown, changed)?;
        Ok(average(shown, &spans, &costs, months))
    }

    /// What a mixed feature costs at the means over the time of a workload, by span.
    fn mixture(
        &mut self,
        feature: Feature,
        time: &Workload,
        shown: &ShownCurrency,
        changed: Changed,
    ) -> Result<(Arc<[Span]>, Vec<Usd>), PlanError> {
        let workload = alone(feature, time);
        let has_head_prices = changed & bit(Factor::PriceTable) > 0;
        let resolver: &mut dyn Resolver = match &mut self.base_resolver {
            Some(earlier) if !has_head_prices => &mut **earlier,
            _ => self.head_resolver,
        };
        let plan = Planner::cut(workload, &shown.days(), resolver).plan(resolver, None)?;
        let costs = plan.features.first().map(|feature| feature.at_means(&plan.months)).transpose()?;
        Ok((plan.spans, costs.unwrap_or_default()))
    }
}

/// A workload of one feature, over the time of another workload.
fn alone(feature: Feature, span: &Workload) -> Workload {
    Workload {
        name: String::new(),
        choices: BTreeMap::new(),
        currency: span.currency.clone(),
        exchange: Vec::new(),
        tax: Range::default(),
        budget: Budget::default(),
        start: span.start,
        end: span.end,
        features: vec![Arc::new(feature)],
        fixed: Vec::new(),
        credits: Vec::new(),
        discounts: span.discounts.clone(),
        commitments: Vec::new(),
        free: span.free.clone(),
        currencies: Vec::new(),
        seed: span.seed,
        draws: span.draws,
        drawn_together: span.drawn_together.clone(),
        assumptions: Vec::new(),
    }
}
