//! What the two sides of a check cost, and how the difference splits over its factors.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::check_places::{places, what};
use super::check_sides::Side;
use super::workload::Shop;
use crate::cli::error::Error;
use farebox::calculator::explain::{Factor, bit, differences, mixed, shapley};
use farebox::calculator::outcome::{Outcome, outcome};
use farebox::calculator::projection::{FeaturePlan, Plan, PlanError, Point, Resolver, plan};
use farebox::calculator::rules::Bill;
use farebox::calculator::settled::{Settled, minus};
use farebox::calculator::shape::At;
use farebox::calculator::workload::{Feature, Workload};
use farebox::money::Usd;
use farebox::pricing::card::ExchangeRate;
use farebox::report::gate::Part;

/// Digits behind the point that an amount of the average month keeps.
const SCALE: u32 = farebox::calculator::explain::SCALE;

/// A feature that has no price.
pub(crate) struct Unpriced {
    pub name: String,
    pub line: usize,
    pub why: String,
    pub is_unknown: bool,
}

/// What a side costs.
pub(crate) struct Costs {
    pub outcome: Outcome,
    pub months: usize,
    /// Cost at the means over the plan, what is drawn left out, by feature.
    closed: BTreeMap<String, Usd>,
}

/// Money of a side in the shown currency, in the average month.
#[derive(Clone, Debug, Default)]
pub(crate) struct Monthly {
    pub features: BTreeMap<String, Decimal>,
    pub fixed: Decimal,
    pub credits: Decimal,
    pub tax: Decimal,
}

impl Monthly {
    /// The sum of what it shows, so that parts add up to it.
    pub fn total(&self) -> Decimal {
        self.features.values().copied().sum::<Decimal>() + self.fixed - self.credits + self.tax
    }
}

/// Leaves out what has no price and says which features these are.
pub(crate) fn leave_out_unpriced(workload: &mut Workload, shop: &mut Shop) -> Vec<Unpriced> {
    let mut unpriced = Vec::new();
    loop {
        let error = match plan(workload, shop, None) {
            Ok(_) => return unpriced,
            Err(error) => error,
        };
        let index = workload.features.iter().position(|f| match &error {
            PlanError::Model { line, .. } => f.routes.iter().any(|r| r.line == *line),
            other => other.feature() == Some(&f.name),
        });
        let Some(index) = index else { return unpriced };
        let feature = workload.features.remove(index);
        let line = feature.routes.first().map_or(0, |r| r.line);
        let is_unknown = matches!(error, PlanError::Model { .. });
        let why = error.to_string().replace("\n  help: ", "; ").replace('\n', " ");
        let why = why.strip_prefix(&format!("{}: ", feature.name)).map_or(why.clone(), str::to_owned);
        unpriced.push(Unpriced { name: feature.name.clone(), line, why, is_unknown });
        if workload.features.is_empty() {
            return unpriced;
        }
    }
}

fn closed(feature: &FeaturePlan, plan: &Plan) -> Result<Usd, PlanError> {
    Ok(feature.costs(&plan.months, &Point::all(At::Expected))?.iter().flatten().copied().sum())
}

/// Prices a side that has been planned.
pub(crate) fn costs(plan: &Plan, settled: &Settled, bounds: bool) -> Result<Costs, Error> {
    // Draws cost time and change nothing where every uncertain number only multiplies.
    let draws = if bounds || plan.features.iter().any(|f| !f.is_linear()) { plan.workload.draws } else { 0 };
    let outcome = outcome(plan, settled, false, usize::try_from(draws).unwrap_or(0))?;
    let mut list = BTreeMap::new();
    for feature in &plan.features {
        list.insert(feature.feature.name.clone(), closed(feature, plan)?);
    }
    Ok(Costs { outcome, months: plan.months.len().max(1), closed: list })
}

/// An amount over a plan as one of its average month in the shown currency.
fn monthly(usd: Usd, months: usize, per_usd: Decimal) -> Decimal {
    let amount = usd.amount().checked_mul(per_usd).unwrap_or(usd.amount());
    amount.checked_div(Decimal::from(months as u64)).unwrap_or_default().round_dp(SCALE).normalize()
}

impl Costs {
    pub fn monthly(&self, plan: &Plan, per_usd: Decimal) -> Monthly {
        let of = |usd: Usd| monthly(usd, self.months, per_usd);
        let features = plan.features.iter().zip(&self.outcome.features);
        Monthly {
            features: features.map(|(f, cost)| (f.feature.name.clone(), of(cost.total.expected))).collect(),
            fixed: of(self.outcome.fixed.iter().copied().sum()),
            credits: of(self.outcome.credits.iter().copied().sum()),
            tax: of(self.outcome.tax.iter().copied().sum()),
        }
    }

    /// What the rules hold against.
    pub fn bill(&self) -> Bill {
        let months = &self.outcome.months;
        Bill {
            total: self.outcome.total.expected,
            monthly: Usd::new(monthly(self.outcome.total.expected, self.months, Decimal::ONE)),
            dearest: months.iter().map(|m| m.expected).max().unwrap_or_default(),
        }
    }

    pub fn feature_bill(&self, index: usize) -> Option<Bill> {
        let cost = self.outcome.features.get(index)?;
        Some(Bill {
            total: cost.total.expected,
            monthly: Usd::new(monthly(cost.total.expected, self.months, Decimal::ONE)),
            dearest: cost.months.iter().copied().max().unwrap_or_default(),
        })
    }
}

/// What a change is explained from.
pub(crate) struct Explained<'e, 'b, 'h> {
    pub base: &'e Side,
    pub head: &'e Side,
    pub base_plan: &'e Plan,
    pub head_plan: &'e Plan,
    pub base_costs: &'e Costs,
    pub head_costs: &'e Costs,
    /// What one dollar is, before and after.
    pub rates: (Decimal, Decimal),
    /// Prices as they were, where they were other ones.
    pub base_shop: Option<&'e mut Shop<'b>>,
    pub head_shop: &'e mut Shop<'h>,
}

/// The parts of a feature that is on both sides.
pub(crate) fn explain(all: &mut Explained, name: &str) -> Result<Vec<Part>, Error> {
    let of = |plan: &Plan| plan.features.iter().position(|f| f.feature.name == name);
    let (Some(old), Some(new)) = (of(all.base_plan), of(all.head_plan)) else { return Ok(Vec::new()) };
    let (old, new) = (&all.base_plan.features[old], &all.head_plan.features[new]);
    let mut factors = differences(&old.feature, &new.feature);
    if all.base_plan.months != all.head_plan.months && !factors.contains(&Factor::Calls) {
        factors.push(Factor::Calls);
    }
    if all.base_shop.is_some() {
        factors.push(Factor::PriceTable);
    }
    if all.rates.0 != all.rates.1 {
        factors.push(Factor::Exchange);
    }
    let known = (closed_of(all.base_costs, name), closed_of(all.head_costs, name));
    let full = (1_u32 << factors.len()) - 1;
    let split = shapley(factors.len(), |set| -> Result<Decimal, Error> {
        let changed =
            factors.iter().enumerate().filter(|(i, _)| set & (1 << i) > 0).fold(0, |bits, (_, f)| bits | bit(*f));
        let has = |factor| changed & bit(factor) > 0;
        let rate = if has(Factor::Exchange) { all.rates.1 } else { all.rates.0 };
        let months = if has(Factor::Calls) { all.head_costs.months } else { all.base_costs.months };
        let usd = match set {
            0 => known.0,
            set if set == full => known.1,
            _ => {
                let feature = mixed(&old.feature, &new.feature, changed);
                let span = if has(Factor::Calls) { &all.head_plan.workload } else { &all.base_plan.workload };
                match all.base_shop.as_deref_mut().filter(|_| !has(Factor::PriceTable)) {
                    Some(earlier) => cost_of(&feature, span, earlier)?,
                    None => cost_of(&feature, span, all.head_shop)?,
                }
            }
        };
        Ok(monthly(usd, months, rate))
    })?;
    let amounts = split.ok_or_else(|| {
        Error::Usage(format!(
            "{name}: the cost has more digits than farebox carries\n  help: check the calls and the tokens"
        ))
    })?;
    let is_exact = old.uncertain().is_empty() && new.uncertain().is_empty();
    let first = |f: &FeaturePlan| f.streams.first().map(|s| f.first_prompt(s));
    let tokens = first(old).zip(first(new));
    let mut parts: Vec<Part> = factors
        .iter()
        .zip(amounts)
        .map(|(factor, amount)| Part {
            feature: Some(name.to_owned()),
            factor: factor.name(),
            label: factor.label(),
            amount,
            is_exact,
            what: match factor {
                Factor::Exchange => format!("{} → {}", all.rates.0.normalize(), all.rates.1.normalize()),
                _ => what(&old.feature, &new.feature, *factor, tokens),
            },
            places: match factor {
                Factor::PriceTable | Factor::Exchange => Vec::new(),
                _ => places(all.base, all.head, name, *factor),
            },
        })
        .collect();
    parts.extend(drawn(all, name));
    Ok(parts)
}

fn closed_of(costs: &Costs, name: &str) -> Usd {
    costs.closed.get(name).copied().unwrap_or_default()
}

/// What the ranges add to the cost at the means, where they do not only multiply.
fn drawn(all: &Explained, name: &str) -> Option<Part> {
    let side = |plan: &Plan, costs: &Costs, rate| {
        let index = plan.features.iter().position(|f| f.feature.name == name)?;
        let mean = costs.outcome.features.get(index)?.total.expected;
        let at_means = monthly(closed_of(costs, name), costs.months, rate);
        Some(monthly(mean, costs.months, rate) - at_means)
    };
    let old = side(all.base_plan, all.base_costs, all.rates.0)?;
    let new = side(all.head_plan, all.head_costs, all.rates.1)?;
    let amount = (new - old).normalize();
    (!amount.is_zero()).then(|| Part {
        feature: Some(name.to_owned()),
        factor: "ranges",
        label: "width of the ranges",
        amount,
        is_exact: false,
        what: "the mean of the draws, less the cost at the means".into(),
        places: Vec::new(),
    })
}

/// What one feature costs over a plan at the means.
fn cost_of(feature: &Feature, span: &Workload, shop: &mut Shop) -> Result<Usd, Error> {
    let workload = Workload {
        name: String::new(),
        currency: span.currency.clone(),
        exchange: Vec::new(),
        tax: Decimal::ZERO,
        budget: Default::default(),
        start: span.start,
        end: span.end,
        features: vec![std::sync::Arc::new(feature.clone())],
        fixed: Vec::new(),
        credits: Vec::new(),
        seed: span.seed,
        draws: span.draws,
        assumptions: Vec::new(),
    };
    let plan = plan(&workload, shop as &mut dyn Resolver, None)?;
    Ok(plan.features.iter().map(|f| closed(f, &plan)).sum::<Result<Usd, PlanError>>()?)
}

/// What one dollar is in a currency at the start of a plan: by the workload, else by the table.
pub(crate) fn per_usd(workload: &Workload, table: &farebox::pricing::PriceTable, currency: &str) -> Option<Decimal> {
    if currency == "USD" {
        return Some(Decimal::ONE);
    }
    let at = farebox::calculator::workload::instant_of(workload.start, 0);
    let own: Option<&ExchangeRate> =
        workload.exchange.iter().rev().find(|r| r.currency == currency && r.period.contains(at));
    own.or_else(|| table.exchange(currency, at)).map(|rate| rate.per_usd.0)
}

/// What changed beside the features: fixed costs, credits and tax.
pub(crate) fn beside(base: &Monthly, head: &Monthly) -> Vec<Part> {
    let lines = [
        ("fixed", "fixed costs", head.fixed - base.fixed),
        ("credits", "credits", base.credits - head.credits),
        ("tax", "tax", head.tax - base.tax),
    ];
    let part = |(factor, label, amount): (&'static str, &'static str, Decimal)| Part {
        feature: None,
        factor,
        label,
        amount: amount.normalize(),
        is_exact: true,
        what: String::new(),
        places: Vec::new(),
    };
    lines.into_iter().filter(|(_, _, amount)| !amount.is_zero()).map(part).collect()
}

/// `(high − low) ÷ expected`, where anything was drawn.
pub(crate) fn width(low: Usd, mean: Usd, high: Usd) -> Option<Decimal> {
    (low != high).then(|| minus(high, low).amount().checked_div(mean.amount()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shared::TableFlags;
    use proptest::prelude::*;

    /// One side: an index or a number for everything that a factor is about.
    #[derive(Clone, Debug)]
    struct Numbers {
        prompt: u32,
        model: usize,
        output: (u32, u32),
        reasoning: u32,
        calls: u32,
        months: u32,
        turns: u32,
        hit: u32,
        per_usd: u32,
    }

    fn numbers() -> impl Strategy<Value = Numbers> {
        let few = |n: u32| prop_oneof![Just(0_u32), 0..n];
        (
            few(5_000),
            0_usize..5,
            (1_u32..900, few(300)),
            few(700),
            few(2_000),
            1_u32..3,
            1_u32..4,
            few(100),
            1_u32..2_000,
        )
            .prop_map(|(prompt, model, output, reasoning, calls, months, turns, hit, per_usd)| Numbers {
                prompt,
                model,
                output,
                reasoning,
                calls,
                months,
                turns,
                hit,
                per_usd,
            })
    }

    /// Some of the numbers of one side, the others of the other: small changes are tried as well as large ones.
    fn pairs() -> impl Strategy<Value = (Numbers, Numbers)> {
        (numbers(), numbers(), any::<[bool; 9]>()).prop_map(|(a, b, keep)| {
            let mut head = b;
            let mut kept = keep.into_iter();
            macro_rules! keep_some {
                ($($field:ident),+) => { $(if kept.next() == Some(true) { head.$field = a.$field })+ };
            }
            keep_some!(prompt, model, output, reasoning, calls, months, turns, hit, per_usd);
            (a, head)
        })
    }

    const MODELS: [&str; 5] = [
        "openai/gpt-4o",
        "openai/gpt-4.1",
        "anthropic/claude-sonnet-4-5",
        "google/gemini-2.5-pro",
        "deepseek/deepseek-chat",
    ];

    fn yaml(n: &Numbers) -> String {
        format!(
            "version: 1\nstart: 2027-01-01\nmonths: {}\ncurrency: EUR\nexchange: {{EUR: [{{from: 2026-01-01, per_usd: \"0.{:04}\"}}]}}\nfeatures:\n  f: {{model: {}, system: 1200, prompt: {}, output: {}..{}, reasoning: {}, turns: {}, calls: {} per week, cache: {{hit_rate: {}%, parts: [system]}}}}\n",
            n.months,
            n.per_usd,
            MODELS[n.model],
            n.prompt,
            n.output.0,
            n.output.0 + n.output.1,
            n.reasoning,
            n.turns,
            n.calls,
            n.hit
        )
    }

    proptest! {
        #![proptest_config(farebox_testing::laws::cases(150))]

        #[test]
        fn the_parts_of_any_pair_add_up_to_the_last_digit((a, b) in pairs()) {
            let setup = TableFlags { at: Some("2026-11-22".into()), ..TableFlags::default() }.setup().unwrap();
            let (base, head) = (Side::of_text(&yaml(&a), &setup), Side::of_text(&yaml(&b), &setup));
            let mut shop = Shop::new(&setup, &head.workload);
            let (base_plan, head_plan) = (plan(&base.workload, &mut shop, None).unwrap(), plan(&head.workload, &mut shop, None).unwrap());
            let settled = (Settled::of(&base_plan, &shop).unwrap(), Settled::of(&head_plan, &shop).unwrap());
            let (base_costs, head_costs) = (costs(&base_plan, &settled.0, false).unwrap(), costs(&head_plan, &settled.1, false).unwrap());
            let rates = (per_usd(&base.workload, &setup.table, "EUR").unwrap(), per_usd(&head.workload, &setup.table, "EUR").unwrap());
            let before = base_costs.monthly(&base_plan, rates.0).total();
            let after = head_costs.monthly(&head_plan, rates.1).total();
            let mut all = Explained {
                base: &base, head: &head, base_plan: &base_plan, head_plan: &head_plan, base_costs: &base_costs,
                head_costs: &head_costs, rates, base_shop: None, head_shop: &mut shop,
            };
            let parts = explain(&mut all, "f").unwrap();
            let sum: Decimal = parts.iter().map(|part| part.amount).sum();
            prop_assert_eq!(sum, after - before, "{:?}", parts);
            for part in &parts {
                prop_assert!(!part.amount.is_zero() || part.factor != "ranges");
            }
            if yaml(&a) == yaml(&b) {
                prop_assert!(parts.is_empty());
            }
        }
    }
}
