//! The report of a check out of what was priced, compared and found.

use rust_decimal::Decimal;

use super::CheckContext;
use super::compare::{BaseComparison, PricedSide};
use crate::calculator::change::MonthlyBill;
use crate::calculator::rules::{CheckFacts, Finding};
use crate::jobs::setup::table_age_note;
use crate::money::Usd;
use crate::report::check::{CheckReport, CheckedFeature, FeatureStatus, MonthlyChange};

impl CheckContext<'_> {
    /// The report, before it is decided how the check ends.
    pub(super) fn report(
        &self,
        now: &PricedSide,
        before: Option<BaseComparison>,
        facts: &CheckFacts,
        findings: Vec<Finding>,
    ) -> CheckReport {
        let total = now.costed.outcome.total.expected;
        let mut rules: Vec<&'static str> = self.rules.rules.iter().map(|rule| rule.code.name()).collect();
        rules.dedup();
        CheckReport {
            title: self.head.workload.name.clone(),
            workload: self.head.name(),
            exit_code: 0,
            base: self.base.stamp.clone(),
            table: self.setup.table.id().clone(),
            at: self.setup.shown_at(),
            currency: self.shown.currency.clone(),
            per_usd: self.shown.per_usd,
            money: MonthlyChange {
                base: before.as_ref().map(|before| before.monthly.total().normalize()),
                head: now.monthly.total().normalize(),
                total: now.costed.total(),
                total_usd: total.amount(),
            },
            repriced: before.as_ref().map(|before| before.repriced.normalize()),
            months: now.costed.months(),
            features: self.features(now, before.as_ref().map(|before| &before.monthly), facts),
            notes: self.notes(now, before.as_ref()),
            parts: before.map(|before| before.parts).unwrap_or_default(),
            findings,
            rules,
            assumptions: self.head.workload.assumptions.clone(),
        }
    }

    /// Every feature of either side, those that changed most first.
    fn features(&self, now: &PricedSide, base: Option<&MonthlyBill>, facts: &CheckFacts) -> Vec<CheckedFeature> {
        let priced = facts.features.iter().filter(|f| f.unpriced.is_none()).enumerate().map(|(index, fact)| {
            let usd = now.costed.outcome.features.get(index).map_or(Usd::ZERO, |f| f.total.expected);
            let head = now.monthly.features.get(&fact.name).copied().unwrap_or_default();
            let was = base.map(|base| base.features.get(&fact.name).copied());
            let status = match was {
                Some(None) => FeatureStatus::New,
                Some(Some(was)) if was != head => FeatureStatus::Changed,
                _ => FeatureStatus::Same,
            };
            let base = was.map(Option::unwrap_or_default);
            CheckedFeature {
                name: fact.name.clone(),
                status,
                money: MonthlyChange {
                    base,
                    head,
                    total: now.costed.feature_total(index).unwrap_or_default(),
                    total_usd: usd.amount(),
                },
                call_usd: fact.call.map(Usd::amount),
                line: fact.line,
            }
        });
        let unpriced = facts.features.iter().filter(|f| f.unpriced.is_some());
        let unpriced = unpriced.map(|f| without_cost(&f.name, FeatureStatus::Unpriced, None, f.line));
        let mut features: Vec<CheckedFeature> = priced.chain(unpriced).collect();
        let is_gone = |name: &String| !facts.features.iter().any(|f| f.name == *name);
        let gone = base.into_iter().flat_map(|base| &base.features).filter(|(name, _)| is_gone(name));
        features.extend(gone.map(|(name, was)| without_cost(name, FeatureStatus::Removed, Some(*was), 0)));
        features.sort_by_key(|f| std::cmp::Reverse(f.money.delta().unwrap_or_default().abs()));
        features
    }

    fn notes(&self, now: &PricedSide, before: Option<&BaseComparison>) -> Vec<String> {
        let mut notes = self.base.notes.clone();
        let events = now.costed.plan.features.iter().flat_map(|f| &f.events);
        notes.extend(events.map(|event| event.text.clone()));
        notes.sort();
        notes.dedup();
        notes.extend(self.shown.later_rates());
        let currency = &self.shown.currency;
        if let Some(then) = self.base.recorded.as_ref().filter(|recorded| recorded.currency != *currency) {
            notes.push(format!(
                "The baseline is in {}, this check in {currency}: the base was priced again, at today's rate.",
                then.currency
            ));
        }
        let unpriced = before.into_iter().flat_map(|before| &before.unpriced);
        let note = |name: &str, why: &str| format!("At the base, {name} has no price and is not compared: {why}");
        notes.extend(unpriced.map(|feature| note(&feature.name, &feature.in_full())));
        notes.extend(table_age_note(&self.setup.table, self.setup.at));
        notes
    }
}

/// A feature that the head has no cost of.
fn without_cost(name: &str, status: FeatureStatus, base: Option<Decimal>, line: usize) -> CheckedFeature {
    let money = MonthlyChange { base, ..MonthlyChange::default() };
    CheckedFeature { name: name.to_owned(), status, money, call_usd: None, line }
}
