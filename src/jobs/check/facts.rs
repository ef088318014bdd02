//! What there is to know about the head of a check, for the rules to be held against.

use super::CheckContext;
use super::compare::{BaseComparison, PricedSide, UnpricedFeature};
use super::places::prompt_files;
use rust_decimal::prelude::ToPrimitive;

use crate::calculator::budget::BudgetVerdict;
use crate::calculator::change::width;
use crate::calculator::projection::{FeaturePlan, Point, Resolver, Stream, times};
use crate::calculator::rules::{
    BudgetFact, CheckFacts, FeatureFacts, Finding, FindingLevel, ModelFact, PromptFact, RecordedTable, RuleCode,
    ToolsFact,
};
use crate::calculator::shape::At;
use crate::calculator::workload::PromptPart;
use crate::money::Usd;
use crate::pricing::card::Evidence;
use crate::pricing::problem::Problem;

impl CheckContext<'_> {
    /// Everything that a rule may ask about.
    pub(super) fn facts(
        &self,
        now: &PricedSide,
        unpriced: &[UnpricedFeature],
        before: Option<&BaseComparison>,
        resolver: &mut dyn Resolver,
    ) -> CheckFacts {
        let recorded = self.base.recorded.as_ref();
        let budget = self.head.raw.budget.as_ref();
        CheckFacts {
            file: self.head.name(),
            features: self.feature_facts(now, unpriced, before, resolver),
            bill: now.costed.sums(),
            base: before.map(|before| before.bill.clone()),
            drift: Vec::new(),
            budgets: budget_facts(&now.budgets, before.map(|before| before.budgets.as_slice())),
            budget_line: budget.and_then(|b| b.total.as_ref().or(b.monthly.as_ref())).map_or(0, |q| q.place.line),
            range: width(now.costed.outcome.total),
            table: self.setup.table.id().clone(),
            recorded: recorded.map(|recorded| RecordedTable {
                version: recorded.version.clone(),
                drift: before.and_then(|before| before.drift),
            }),
            now: self.setup.at,
            shown: self.shown.clone(),
        }
    }

    fn feature_facts(
        &self,
        now: &PricedSide,
        unpriced: &[UnpricedFeature],
        before: Option<&BaseComparison>,
        resolver: &mut dyn Resolver,
    ) -> Vec<FeatureFacts> {
        let mut list = Vec::new();
        for (index, feature) in now.costed.plan.features.iter().enumerate() {
            let name = &feature.feature.name;
            let outcome = now.costed.outcome.features.get(index);
            list.push(FeatureFacts {
                name: name.clone(),
                line: self.head.line_of(name),
                bill: now.costed.feature_sums(index),
                base: before.and_then(|before| before.feature_bills.get(name).cloned()),
                call: call_usd(feature),
                models: feature.streams.iter().map(|stream| self.model_fact(feature, stream, resolver)).collect(),
                prompts: self.prompt_facts(feature, resolver),
                range: outcome.and_then(|outcome| width(outcome.total)),
                unpriced: None,
                help: None,
            });
        }
        list.extend(unpriced.iter().map(|feature| FeatureFacts {
            name: feature.name.clone(),
            line: feature.line,
            unpriced: Some(feature.why.clone()),
            help: feature.help.clone(),
            ..FeatureFacts::default()
        }));
        list
    }

    fn model_fact(&self, feature: &FeaturePlan, stream: &Stream, resolver: &mut dyn Resolver) -> ModelFact {
        let id = stream.found.full_id();
        let mut is_meant = |model: &str| resolver.find(model, self.setup.at).is_ok_and(|found| found.full_id() == id);
        let route = feature.feature.routes.iter().find(|route| is_meant(&route.model));
        let info = &stream.found.model.info;
        let rates = stream.found.model.rates_at(self.setup.at);
        let listed = rates.filter(|rates| rates.source.evidence != Evidence::Own);
        ModelFact {
            asked: route.map_or_else(|| id.clone(), |route| route.model.clone()),
            line: route.map_or_else(|| self.head.line_of(&feature.feature.name), |route| route.line),
            window: info.context_window,
            longest: feature.longest_prompt(stream),
            tools: self.tools_fact(feature, stream, resolver),
            retired: stream.found.retired(),
            replacement: info.replacement.clone(),
            checked: listed.map(|rates| rates.source.checked),
            id,
        }
    }

    /// The tools of a feature, counted for a model, where a rule asks for them.
    fn tools_fact(&self, feature: &FeaturePlan, stream: &Stream, resolver: &mut dyn Resolver) -> Option<ToolsFact> {
        let parts = &feature.feature.tools;
        if parts.is_empty() || !self.asks_for(RuleCode::MaxToolsTokens) {
            return None;
        }
        let mut range = stream.frame.and_then(|frame| frame.tools).map(|count| (count.low, count.high));
        if range.is_none() {
            let mut sum = (0_u64, 0_u64);
            for part in parts {
                let (low, high) = match part {
                    PromptPart::Text(text) => resolver.count(&stream.found, text).ok().map(|n| (n.low, n.high))?,
                    PromptPart::Tokens(range) => (range.low.to_u64()?, range.high.ceil().to_u64()?),
                };
                sum = (sum.0.saturating_add(low), sum.1.saturating_add(high));
            }
            range = Some(sum);
        }
        let (low, tokens) = range?;
        Some(ToolsFact { place: self.head.tools_place(&feature.feature.name), tokens, is_estimated: low != tokens })
    }

    /// The prompt files of a feature, counted, where a rule asks for them.
    fn prompt_facts(&self, feature: &FeaturePlan, resolver: &mut dyn Resolver) -> Vec<PromptFact> {
        if !self.asks_for(RuleCode::MaxPromptTokens) {
            return Vec::new();
        }
        let raw = self.head.feature(&feature.feature.name);
        let (Some(stream), Some((_, raw))) = (feature.streams.first(), raw) else { return Vec::new() };
        let mut fact = |name: String| {
            // The plan has counted this very text for this model, or the feature would be one without a price.
            let count = resolver.count(&stream.found, &self.head.file(&name)?.into()).ok()?;
            Some(PromptFact {
                path: self.head.named(&name),
                tokens: count.high.max(count.tokens),
                is_estimated: count.low != count.high,
            })
        };
        prompt_files(raw).into_iter().filter_map(&mut fact).collect()
    }

    /// Whether a rule of this kind is to be held against.
    pub(super) fn asks_for(&self, code: RuleCode) -> bool {
        self.rules.rules.iter().any(|rule| rule.code == code)
    }
}

/// What becomes of the budgets: one fact for the total, and one for all months, of the first that is over.
fn budget_facts(head: &[BudgetVerdict], base: Option<&[BudgetVerdict]>) -> Vec<BudgetFact> {
    let fact = |is_monthly: bool| {
        let of = |verdict: &&BudgetVerdict| verdict.month.is_some() == is_monthly;
        let over: Vec<&BudgetVerdict> = head.iter().filter(of).filter(|verdict| !verdict.holds()).collect();
        let first = over.first()?;
        let name = match (first.month, over.len()) {
            (None, _) => format!("the budget of {}", first.amount),
            (Some(month), 1) => format!("the monthly budget of {} in {month}", first.amount),
            (Some(month), n) => format!("the monthly budget of {} in {n} months, first in {month}", first.amount),
        };
        Some(BudgetFact {
            name,
            subject: if is_monthly { "monthly budget" } else { "budget" },
            limit: first.amount.clone(),
            spent: first.spent,
            // A base without such a budget was not over it.
            base_held: base.map(|list| list.iter().filter(of).all(BudgetVerdict::holds)),
        })
    };
    [false, true].into_iter().filter_map(fact).collect()
}

/// What one call of a feature costs at the means in the first days of the plan.
fn call_usd(feature: &FeaturePlan) -> Option<Usd> {
    let point = Point::all(At::Expected);
    let mut sum = Usd::ZERO;
    for stream in &feature.streams {
        let usd = feature.per_call(stream, stream.epochs.first()?, &point)?;
        sum = sum.checked_add(times(usd, stream.share)?)?;
    }
    Some(sum)
}

/// A rule or an exemption that was not understood, as a finding.
pub(super) fn bad_rule(problem: &Problem, file: &str) -> Finding {
    Finding {
        rule: RuleCode::BadRule,
        level: FindingLevel::Error,
        feature: None,
        message: problem.message.clone(),
        help: problem.help.clone(),
        file: file.to_owned(),
        line: problem.place.line,
        exempted: None,
        subject: problem.message.clone(),
    }
}
