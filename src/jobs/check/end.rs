//! How a check ends: [`CheckEnd`].

use super::UnpricedFeature;
use crate::calculator::rules::{FindingLevel, RuleCode};
use crate::input::workload::rules::CheckRules;
use crate::report::check::{CheckReport, CheckedFeature, FeatureStatus};

/// How a check ends: what is not understood first, then broken rules, then what has no price, then staleness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckEnd {
    /// Nothing is against the change.
    Passed,
    /// So many rules are not understood.
    BadRules(usize),
    /// So many rules are broken.
    Broken(usize),
    /// So many features have no price, and a failure was asked for then.
    Unpriced(usize),
    /// Nothing has a price; why, by feature.
    NothingPriced(Vec<String>),
    /// A model that the price table does not have, and no rule says what to make of that.
    UnknownModel(String),
    /// So many findings are about retired models or old prices, and nothing else is.
    Stale(usize),
}

impl CheckEnd {
    /// The exit code of the program.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            CheckEnd::Passed => 0,
            CheckEnd::Broken(_) => 1,
            CheckEnd::BadRules(_) | CheckEnd::NothingPriced(_) | CheckEnd::UnknownModel(_) => 2,
            CheckEnd::Unpriced(_) => 3,
            CheckEnd::Stale(_) => 4,
        }
    }

    /// * `strict`: whether a feature without a price is a failure.
    pub(super) fn of(report: &CheckReport, unpriced: &[UnpricedFeature], rules: &CheckRules, strict: bool) -> CheckEnd {
        let errors = |is: fn(RuleCode) -> bool| {
            report.counting().filter(|f| f.level == FindingLevel::Error && is(f.rule)).count()
        };
        let bad = report.findings.iter().filter(|f| f.rule == RuleCode::BadRule).count();
        let broken = errors(|rule| !rule.is_staleness() && rule != RuleCode::BadRule);
        let stale = errors(RuleCode::is_staleness);
        let is_priced = |f: &CheckedFeature| !matches!(f.status, FeatureStatus::Unpriced | FeatureStatus::Removed);
        let why = |feature: &UnpricedFeature| format!("{}: {}", feature.name, feature.in_full());
        let is_said = rules.rules.iter().any(|r| r.code == RuleCode::Unpriced && r.line > 0);
        match unpriced.iter().find(|feature| feature.is_unknown && !is_said) {
            _ if bad > 0 => CheckEnd::BadRules(bad),
            _ if broken > 0 => CheckEnd::Broken(broken),
            _ if strict && !unpriced.is_empty() => CheckEnd::Unpriced(unpriced.len()),
            _ if !report.features.iter().any(is_priced) => CheckEnd::NothingPriced(unpriced.iter().map(why).collect()),
            Some(unknown) => CheckEnd::UnknownModel(why(unknown)),
            None if stale > 0 => CheckEnd::Stale(stale),
            None => CheckEnd::Passed,
        }
    }
}
