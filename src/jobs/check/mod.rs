//! What a change does to the bill, why, and whether a rule forbids it: [`check`].
//!
//! Two sides are read, the workload as it is ([`CheckSide`]) and as it was at the base; both are priced and compared; the
//! rules of the workload are held against what that came to; out of it all a [`CheckReport`] is made.

use crate::calculator::change::MonthlyBill;
use crate::calculator::currency::ShownCurrency;
use std::collections::BTreeSet;

use crate::calculator::rules::{Finding, FindingLevel, RatedRule, RuleCode, find};
use crate::input::workload::rules::{CheckRules, read_rules};
use crate::jobs::workload::TableResolver;
use crate::jobs::{JobError, Setup};
use crate::pricing::compile::PriceFile;
use crate::report::check::CheckReport;

mod base;
mod baseline;
mod compare;
#[cfg(feature = "folders")]
mod drift;
mod end;
mod exemption;
mod facts;
mod places;
mod report;
mod sides;

pub use base::BaseQuery;
pub(crate) use baseline::Baseline;
pub(crate) use compare::{UnpricedFeature, leave_out_unpriced};
pub use end::CheckEnd;
pub use exemption::{ExemptedWorkload, ExemptionRequest, accept, accepted, last_day};
pub use sides::CheckSide;

use base::CheckBase;
use compare::{BothSides, PricedSide, earlier_setup};
#[cfg(feature = "folders")]
use drift::code_drift;

/// What to check a workload against.
#[derive(Clone, Debug)]
pub struct CheckQuery {
    /// What to compare with.
    pub base: BaseQuery,
    /// The price files that the user laid over the table: a base in git may have other ones.
    pub price_files: Vec<PriceFile>,
    /// The currency to show money in; that of the workload where none is given.
    pub currency: Option<String>,
    /// Whether a feature without a price is a failure.
    pub strict: bool,
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// Everything that there is to say.
    pub report: CheckReport,
    /// How it ends.
    pub end: CheckEnd,
    /// The features that have no price.
    pub unpriced: Vec<UnpricedFeature>,
    monthly: MonthlyBill,
}

impl CheckOutcome {
    /// The rules that a feature breaks, by name; `plan` is the whole, `*` everything.
    #[must_use]
    pub fn broken_by(&self, feature: &str) -> Vec<&'static str> {
        let is_meant = |f: &&Finding| feature == "*" || f.feature.as_deref().unwrap_or("plan") == feature;
        let counts = |f: &&Finding| f.rule.is_rule() && f.level != FindingLevel::Note;
        let broken = self.report.counting().filter(is_meant).filter(counts).map(|f| f.rule);
        broken.collect::<BTreeSet<_>>().into_iter().map(RuleCode::name).collect()
    }

    /// What fails and how to accept it, for people: the features and the rules that they break.
    #[must_use]
    pub fn failures(&self) -> (Vec<String>, Option<String>) {
        let errors = self.report.counting().filter(|f| f.level == FindingLevel::Error && f.rule.is_rule());
        let name = |f: &Finding| format!("{}:{}", f.feature.as_deref().unwrap_or("plan"), f.rule.name());
        let mut names: Vec<String> = Vec::new();
        errors.map(name).for_each(|name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        let quoted = |name: &String| {
            if name.contains([' ', '"', '$', '`', '\\', '!', '*', '\'']) { None } else { Some(name.clone()) }
        };
        let first = names.first().map(|name| quoted(name).unwrap_or_else(|| "FEATURE:RULE".to_owned()));
        let help =
            first.map(|name| format!("to accept it for a while: farebox check --accept {name} \"why\" --until DATE"));
        (names, help)
    }

    /// What a later check may compare with; `head` is the side that was checked.
    #[must_use]
    pub fn baseline(&self, head: &CheckSide, setup: &Setup) -> Baseline {
        Baseline::of(head, setup, &self.report.currency, &self.monthly)
    }
}

/// What every step of a check looks at.
struct CheckContext<'c> {
    head: &'c CheckSide,
    base: &'c CheckBase,
    rules: &'c CheckRules,
    shown: ShownCurrency,
    setup: &'c Setup,
}

/// Looking at the code takes reading its folder: without that, a rule of it must not pass unread.
#[cfg(not(feature = "folders"))]
fn code_drift(
    context: &CheckContext,
    _: Option<&mut crate::input::git::GitBase>,
    _: &PricedSide,
    _: &mut TableResolver,
) -> Result<Vec<crate::calculator::rules::DriftFact>, JobError> {
    let mut rules = context.rules.rules.iter().filter(|rule| rule.line > 0);
    match rules.find(|rule| matches!(rule.code, RuleCode::ModelDrift | RuleCode::PromptDrift)) {
        None => Ok(Vec::new()),
        Some(rule) => {
            let what = format!("line {}: {} reads the code, which this build cannot", rule.line, rule.code.name());
            Err(JobError::asked(what, "turn the feature `folders` on, or take the rule out"))
        }
    }
}

/// Checks a workload.
///
/// # Errors
/// [`JobError`] where the base cannot be read, or an amount has no value in dollars. A broken rule is a [`CheckEnd`].
pub fn check(head: &CheckSide, query: &CheckQuery, setup: &Setup) -> Result<CheckOutcome, JobError> {
    let mut base = CheckBase::of(&query.base, head, &query.price_files, setup)?;
    let mut commit = base.commit.take();
    let rules = read_rules(&head.name(), &head.raw, &head.workload.currency);
    let mut workload = head.workload.clone();
    workload.also_in(query.currency.as_deref());
    rules.currencies().for_each(|currency| workload.also_in(Some(currency)));
    let old = base.side.as_ref().map(|side| &side.workload);
    let mut resolver = TableResolver::new(setup, &workload);
    resolver.use_exchange_of(&workload, old);
    let unpriced = leave_out_unpriced(&mut workload, &mut resolver);
    let shown = ShownCurrency::of(query.currency.as_deref(), &workload, &resolver)?;
    let context = CheckContext { head, base: &base, rules: &rules, shown, setup };
    let bounds = context.asks_for(RuleCode::MaxRange);
    let days = compare::days_of(&workload, old);
    let over = ShownCurrency::over_days(query.currency.as_deref(), &workload, &days, &resolver)?;
    let now = PricedSide::of(&workload, &[], &over, bounds, &mut resolver)?;
    let earlier = earlier_setup(&base, setup)?;
    let mut before = None;
    if let Some(old) = &base.side {
        let sides = BothSides { base: &base, old, head, now: &now, shown: &context.shown, setup };
        before = Some(sides.compare(earlier.as_ref(), &mut resolver)?);
    }
    let mut facts = context.facts(&now, &unpriced, before.as_ref(), &mut resolver);
    facts.drift = code_drift(&context, commit.as_mut(), &now, &mut resolver)?;
    let rated = RatedRule::all(&rules.rules, &head.workload, &days, &resolver);
    let mut findings: Vec<Finding> = rules.bad.iter().map(|problem| facts::bad_rule(problem, &facts.file)).collect();
    findings.extend(find(&facts, &rated, &rules.exemptions));
    let mut report = context.report(&now, before, &facts, findings);
    let end = CheckEnd::of(&report, &unpriced, &rules, query.strict);
    report.exit_code = end.exit_code();
    Ok(CheckOutcome { report, end, unpriced, monthly: now.monthly })
}
