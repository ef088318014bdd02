//! What the two sides of a check cost, and how the difference splits over what changed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::base::CheckBase;
use super::places::{changed_at, what_changed};
use super::sides::CheckSide;
use crate::calculator::budget::{BudgetVerdict, judge};
use crate::calculator::change::{CostedPlan, FactorAmount, MonthlyBill, PlanChange};
use crate::calculator::currency::ShownCurrency;
use crate::calculator::explain::Factor;
use crate::calculator::projection::{PlanError, Planner, Resolver, exchange_changes, plan};
use crate::calculator::rules::BillSums;
use crate::calculator::settled::Settled;
use crate::calculator::workload::Workload;
use crate::jobs::error::on_one_line;
use crate::jobs::workload::TableResolver;
use crate::jobs::{JobError, Setup};
use crate::pricing::PriceTable;
use crate::report::check::{ChangePart, FileLine, PartBasis};

/// A feature that has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpricedFeature {
    /// Its name.
    pub name: String,
    /// The line of its model; 0 where there is none.
    pub line: usize,
    /// Why it has no price.
    pub why: String,
    /// The next step.
    pub help: Option<String>,
    /// Whether its model is unknown to the price table.
    pub is_unknown: bool,
}

impl UnpricedFeature {
    /// Why it has no price and the next step, in one line.
    pub(crate) fn in_full(&self) -> String {
        on_one_line(&self.why, self.help.clone())
    }
}

/// Leaves out what has no price and says which features these are.
pub(crate) fn leave_out_unpriced(workload: &mut Workload, resolver: &mut dyn Resolver) -> Vec<UnpricedFeature> {
    let mut unpriced = Vec::new();
    loop {
        let Err(error) = plan(workload, resolver, None) else { return unpriced };
        let index = workload.features.iter().position(|f| match &error {
            PlanError::Model { line, .. } => f.routes.iter().any(|r| r.line == *line),
            other => other.feature() == Some(&f.name),
        });
        let Some(index) = index else { return unpriced };
        let feature = workload.features.remove(index);
        let why = error.to_string().replace('\n', " ");
        let why = why.strip_prefix(&format!("{}: ", feature.name)).map_or(why.clone(), str::to_owned);
        let line = feature.routes.first().map_or(0, |r| r.line);
        let is_unknown = matches!(error, PlanError::Model { .. });
        let help = error.help();
        unpriced.push(UnpricedFeature { name: feature.name.clone(), line, why, help, is_unknown });
        if workload.features.is_empty() {
            return unpriced;
        }
    }
}

/// A side with what it costs, and what becomes of its budgets.
pub(super) struct PricedSide {
    pub costed: CostedPlan,
    pub monthly: MonthlyBill,
    pub budgets: Vec<BudgetVerdict>,
}

impl PricedSide {
    /// Prices what of a workload has a price.
    ///
    /// * `cuts`: days that months are split at besides those on which its own rates change.
    /// * `bounds`: whether a rule asks for low and high ends.
    pub(crate) fn of(
        workload: &Workload,
        cuts: &[Date],
        shown: &ShownCurrency,
        bounds: bool,
        resolver: &mut dyn Resolver,
    ) -> Result<PricedSide, JobError> {
        let (costed, settled) = costed(workload, cuts, shown, bounds, resolver)?;
        let budgets = judge(&costed.plan, &costed.outcome, &settled);
        Ok(PricedSide { monthly: costed.monthly(), costed, budgets })
    }
}

pub(super) fn costed(
    workload: &Workload,
    cuts: &[Date],
    shown: &ShownCurrency,
    bounds: bool,
    resolver: &mut dyn Resolver,
) -> Result<(CostedPlan, Settled), JobError> {
    let plan = Planner::cut(workload.clone(), cuts, resolver).plan(resolver, None)?;
    let settled = Settled::of(&plan, resolver)?;
    Ok((CostedPlan::of(plan, &settled, shown.clone(), bounds)?, settled))
}

/// The base next to the head.
pub(super) struct BaseComparison {
    /// What the base costs at the prices of today, which rules look at.
    pub bill: BillSums,
    pub feature_bills: BTreeMap<String, BillSums>,
    pub budgets: Vec<BudgetVerdict>,
    /// What the base cost at its own prices.
    pub monthly: MonthlyBill,
    /// What it costs at the prices of the head.
    pub repriced: Decimal,
    pub parts: Vec<ChangePart>,
    /// How far prices moved the bill since it was recorded, as a share.
    pub drift: Option<Decimal>,
    pub unpriced: Vec<UnpricedFeature>,
}

/// Both sides of a check.
pub(super) struct BothSides<'c> {
    pub base: &'c CheckBase,
    /// What was written at the base.
    pub old: &'c CheckSide,
    pub head: &'c CheckSide,
    pub now: &'c PricedSide,
    pub shown: &'c ShownCurrency,
    pub setup: &'c Setup,
}

impl BothSides<'_> {
    /// Prices the base and explains the difference.
    ///
    /// * `earlier`: the table as it was at the base, where its price files were other ones.
    /// * `resolver`: what found and counted for the head.
    pub(crate) fn compare(
        &self,
        earlier: Option<&Setup>,
        resolver: &mut TableResolver,
    ) -> Result<BaseComparison, JobError> {
        // Rules look at the base at the rates of the head, so it is cut where those change as well.
        let cuts = exchange_changes(&self.now.costed.plan.workload, &*resolver);
        let mut workload = self.old.workload.clone();
        workload.currencies.extend(self.now.costed.plan.workload.currencies.iter().cloned());
        workload.also_in(Some(&self.shown.currency));
        resolver.use_exchange_of(&workload, Some(&self.head.workload));
        let unpriced = leave_out_unpriced(&mut workload, resolver);
        let mut earlier_resolver = earlier.map(|setup| TableResolver::new(setup, &workload));
        if let Some(earlier) = &mut earlier_resolver {
            earlier.use_exchange_of(&workload, Some(&self.head.workload));
            leave_out_unpriced(&mut workload, earlier);
        }
        let shown = self.shown_at_base(&workload, earlier_resolver.as_ref().unwrap_or(resolver));
        // With the table of today, for rules; with its own, for what was paid.
        let today = PricedSide::of(&workload, &cuts, &shown, false, resolver)?;
        let own =
            earlier_resolver.as_mut().map(|earlier| costed(&workload, &cuts, &shown, false, earlier)).transpose()?;
        resolver.use_exchange_of(&self.head.workload, Some(&self.old.workload));
        let base = own.as_ref().map_or(&today.costed, |(own, _)| own);
        let mut monthly = base.monthly();
        let mut change = PlanChange {
            base,
            head: &self.now.costed,
            base_resolver: earlier_resolver.as_mut().map(|earlier| earlier as &mut dyn Resolver),
            head_resolver: resolver,
        };
        let mut parts = Vec::new();
        for feature in &self.now.costed.plan.features {
            parts.extend(self.explained(&mut change, &feature.feature.name)?);
        }
        parts.extend(self.came_and_went(&monthly));
        let drift = self.price_of_then(&mut monthly, &mut parts);
        let apart = self.now.monthly.apart_from_features(&monthly);
        parts.extend(apart.into_iter().map(|amount| ChangePart::of(amount, None)));
        Ok(BaseComparison {
            bill: today.costed.sums(),
            feature_bills: feature_bills(&today.costed),
            budgets: today.budgets,
            repriced: today.monthly.total(),
            monthly,
            parts,
            drift,
            unpriced,
        })
    }

    /// The currency at the rates of the base, over the days of both sides; at those of the head where the base has none.
    fn shown_at_base(&self, workload: &Workload, resolver: &TableResolver) -> ShownCurrency {
        let days = days_of(&self.head.workload, Some(workload));
        let shown = ShownCurrency::over_days(Some(&self.shown.currency), workload, &days, resolver);
        shown.unwrap_or_else(|_| self.now.costed.shown.clone())
    }

    /// The parts of a feature that is on both sides.
    fn explained(&self, change: &mut PlanChange, name: &str) -> Result<Vec<ChangePart>, JobError> {
        let amounts = change.explain(name)?;
        let part = |amount: FactorAmount| {
            let factor = amount.factor;
            let is_written = !matches!(factor, Factor::PriceTable | Factor::Exchange | Factor::Ranges);
            let places = if is_written { changed_at(self.old, self.head, name, factor) } else { Vec::new() };
            let what = what_changed(change, name, factor);
            ChangePart { what, places, ..ChangePart::of(amount, Some(name)) }
        };
        Ok(amounts.into_iter().map(part).collect())
    }

    /// Features that are on one side alone: their calls came from nothing, or went to nothing.
    fn came_and_went(&self, before: &MonthlyBill) -> Vec<ChangePart> {
        let after = &self.now.monthly;
        let part = |name: &str, amount: Decimal, what: &str, line: usize| ChangePart {
            what: what.to_owned(),
            places: vec![FileLine { file: self.head.name(), line }],
            ..ChangePart::of(FactorAmount { factor: Factor::Calls, amount, is_exact: true }, Some(name))
        };
        let new = after.features.iter().filter(|(name, _)| !before.features.contains_key(*name));
        let mut parts: Vec<ChangePart> =
            new.map(|(name, amount)| part(name, *amount, "new feature", self.head.line_of(name))).collect();
        let gone = before.features.iter().filter(|(name, _)| !after.features.contains_key(*name));
        parts.extend(gone.map(|(name, amount)| {
            let is_written = self.head.workload.features.iter().any(|f| f.name == *name);
            let (what, line) =
                if is_written { ("no longer has a price", self.old.line_of(name)) } else { ("removed", 0) };
            part(name, -*amount, what, line)
        }));
        parts
    }

    /// What the base cost when it was recorded, where its prices were other ones; how far they moved since, as a share.
    fn price_of_then(&self, base: &mut MonthlyBill, parts: &mut Vec<ChangePart>) -> Option<Decimal> {
        let recorded = self.base.recorded.as_ref()?;
        let now = base.total();
        let then = recorded.monthly.filter(|_| recorded.currency == self.shown.currency)?;
        let drift = (now - then).checked_div(then);
        let id = self.setup.table.id();
        if recorded.sha256 == id.sha256 && recorded.version == id.version {
            return drift;
        }
        for (name, was) in &recorded.features {
            let Some(amount) = base.features.get_mut(name) else { continue };
            let change = (*amount - *was).normalize();
            *amount = *was;
            if !change.is_zero() {
                let moved = FactorAmount { factor: Factor::PriceTable, amount: change, is_exact: true };
                let what = format!("{} → {}", recorded.version, id.version);
                parts.push(ChangePart { what, ..ChangePart::of(moved, Some(name)) });
            }
        }
        drift
    }
}

impl ChangePart {
    /// What a factor adds, before it is said what changed and where.
    fn of(amount: FactorAmount, feature: Option<&str>) -> ChangePart {
        ChangePart {
            feature: feature.map(str::to_owned),
            factor: amount.factor,
            amount: amount.amount,
            basis: if amount.is_exact { PartBasis::Exact } else { PartBasis::Estimated },
            what: String::new(),
            places: Vec::new(),
        }
    }
}

fn feature_bills(costed: &CostedPlan) -> BTreeMap<String, BillSums> {
    let features = costed.plan.features.iter().enumerate();
    features.filter_map(|(i, f)| Some((f.feature.name.clone(), costed.feature_sums(i)?))).collect()
}

/// The first day that each side plans, and the one after its last.
pub(super) fn days_of(head: &Workload, base: Option<&Workload>) -> Vec<(Date, Date)> {
    std::iter::once(head).chain(base).map(|workload| (workload.start, workload.end)).collect()
}

/// The table as it was at the base, where its price files were other ones.
pub(super) fn earlier_setup(base: &CheckBase, setup: &Setup) -> Result<Option<Setup>, JobError> {
    let Some(files) = &base.prices else { return Ok(None) };
    let mut table = PriceTable::bundled();
    table.lay_over(files).map_err(|problems| JobError::of_price_files(&problems, files))?;
    Ok(Some(Setup { table: table.into(), currency: None, ..setup.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::AsOf;
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
            "version: 1\nstart: 2027-01-01\nmonths: {}\ncurrency: EUR\nexchange: {{EUR: [{{from: 2026-01-01, to: 2027-01-{:02}, per_usd: \"0.{:04}\"}}, {{from: 2027-01-{:02}, per_usd: \"0.{:04}\"}}]}}\nfeatures:\n  f: {{model: {}, system: 1200, prompt: {}, output: {}..{}, reasoning: {}, turns: {}, calls: {} per week, cache: {{hit_rate: {}%, parts: [system]}}}}\n",
            n.months,
            2 + n.per_usd % 28,
            n.per_usd,
            2 + n.per_usd % 28,
            n.per_usd + n.calls,
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
            let (at, as_of) = ("2026-11-22".parse().unwrap(), AsOf::Named);
            let setup = Setup { table: PriceTable::bundled().into(), at, as_of, currency: None, vocabularies: None, strict: false };
            let (base, head) = (CheckSide::of_text(&yaml(&a), &setup), CheckSide::of_text(&yaml(&b), &setup));
            let mut resolver = TableResolver::new(&setup, &head.workload);
            let (old, new) = (&base.workload, &head.workload);
            let days = days_of(new, Some(old));
            resolver.use_exchange_of(old, Some(new));
            let shown = ShownCurrency::over_days(None, old, &days, &resolver).unwrap();
            let before = PricedSide::of(old, &[], &shown, false, &mut resolver).unwrap();
            resolver.use_exchange_of(new, Some(old));
            let shown = ShownCurrency::over_days(None, new, &days, &resolver).unwrap();
            let after = PricedSide::of(new, &[], &shown, false, &mut resolver).unwrap();
            let mut change = PlanChange {
                base: &before.costed, head: &after.costed, base_resolver: None, head_resolver: &mut resolver,
            };
            let parts = change.explain("f").unwrap();
            let sum: Decimal = parts.iter().map(|part| part.amount).sum();
            prop_assert_eq!(sum, after.monthly.total() - before.monthly.total(), "{:?}", parts);
            for part in &parts {
                prop_assert!(!part.amount.is_zero() || part.factor != Factor::Ranges);
            }
            if yaml(&a) == yaml(&b) {
                prop_assert!(parts.is_empty());
            }
        }
    }
}
