//! What a change does to the bill, why, and whether a rule forbids it: [`check`].
//!
//! Two sides are read, the workload as it is ([`CheckSide`]) and as it was at the base; both are priced and compared; the
//! rules of the workload are held against what that came to; out of it all a [`CheckReport`] is made.

use crate::calculator::change::MonthlyBill;
use crate::calculator::currency::ShownCurrency;
use crate::calculator::rules::{DollarRule, Finding, RuleCode, find};
use crate::input::workload::rules::{CheckRules, read_rules};
use crate::jobs::workload::TableResolver;
use crate::jobs::{JobError, Setup};
use crate::pricing::compile::PriceFile;
use crate::report::check::CheckReport;

mod base;
mod baseline;
mod compare;
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
pub use exemption::{ExemptedWorkload, ExemptionRequest, accept};
pub use sides::CheckSide;

use base::CheckBase;
use compare::{BothSides, PricedSide, earlier_setup};

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

/// Checks a workload.
///
/// # Errors
/// [`JobError`] where the base cannot be read, or an amount has no value in dollars. A broken rule is a [`CheckEnd`].
pub fn check(head: &CheckSide, query: &CheckQuery, setup: &Setup) -> Result<CheckOutcome, JobError> {
    let base = CheckBase::of(&query.base, head, &query.price_files, setup)?;
    let rules = read_rules(&head.name(), &head.raw, &head.workload.currency);
    let mut workload = head.workload.clone();
    let mut resolver = TableResolver::new(setup, &workload);
    let unpriced = leave_out_unpriced(&mut workload, &mut resolver);
    let shown = ShownCurrency::of(query.currency.as_deref(), &workload, &resolver)?;
    let context = CheckContext { head, base: &base, rules: &rules, shown, setup };
    let bounds = context.asks_for(RuleCode::MaxRange);
    let now = PricedSide::of(&workload, context.shown.per_usd, bounds, &mut resolver)?;
    let earlier = earlier_setup(&base, setup)?;
    let mut before = None;
    if let Some(old) = &base.side {
        let sides = BothSides { base: &base, old, head, now: &now, shown: &context.shown, setup };
        before = Some(sides.compare(earlier.as_ref(), &mut resolver)?);
    }
    let facts = context.facts(&now, &unpriced, before.as_ref(), &mut resolver);
    let in_dollars = DollarRule::all(&rules.rules, head.workload.start, &resolver);
    let mut findings: Vec<Finding> = rules.bad.iter().map(|problem| facts::bad_rule(problem, &facts.file)).collect();
    findings.extend(find(&facts, &in_dollars, &rules.exemptions));
    let mut report = context.report(&now, before, &facts, findings);
    let end = CheckEnd::of(&report, &unpriced, &rules, query.strict);
    report.exit_code = end.exit_code();
    Ok(CheckOutcome { report, end, unpriced, monthly: now.monthly })
}
