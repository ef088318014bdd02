//! What a plan costs in the end: [`Outcome`], by month and feature, with fixed costs, credits and tax.

use rust_decimal::Decimal;

use super::projection::{FeaturePlan, Plan, PlanError, Point, UncertainInput, times};
use super::settled::{BillTotal, Settled, minus, rounded};
use super::shape::At;
use super::simulate::{Simulation, simulate};
use crate::money::Usd;
use crate::range::Range;

/// What a feature costs in the plan.
#[derive(Clone, Debug)]
pub struct FeatureOutcome {
    /// Expected cost by month, before credits and tax.
    pub months: Vec<Usd>,
    /// Expected cost by span, before credits and tax.
    pub spans: Vec<Usd>,
    /// Cost by stream over the whole plan, every number at its mean.
    pub streams: Vec<Usd>,
    /// With bounds, by month, where the plan was drawn.
    pub spreads: Vec<Range<Usd>>,
    /// Calls by month.
    pub calls: Vec<Decimal>,
    /// Over the whole plan.
    pub total: Range<Usd>,
    /// Whether the expected cost is a sum rather than the mean of the draws.
    pub is_closed_form: bool,
}

/// What a plan costs.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// By feature.
    pub features: Vec<FeatureOutcome>,
    /// Fixed and one-off costs by month, and what commitments add to the usage.
    pub fixed: Vec<Usd>,
    /// What is paid on top of the usage because of commitments, by month.
    pub committed: Vec<Usd>,
    /// Credits used by month.
    pub credits: Vec<Usd>,
    /// Tax by month, at the expected cost.
    pub tax: Vec<Usd>,
    /// Fixed and one-off costs, credits used and tax by span, before they are rounded: for other currencies.
    pub others_by_span: [Vec<Usd>; 3],
    /// The expected cost by span, with everything, before it is rounded: for other currencies and budgets.
    pub spans: Vec<Usd>,
    /// By month, with everything.
    pub months: Vec<Range<Usd>>,
    /// From the start to the end of each month.
    pub cumulative: Vec<Range<Usd>>,
    /// Over the whole plan, with everything.
    pub total: Range<Usd>,
    /// Whether the expected total is a sum rather than a mean of draws.
    pub is_closed_form: bool,
    /// The draws, where anything is uncertain.
    pub simulation: Option<Simulation>,
}

/// Prices a plan: exact at the means, drawn for the bounds.
///
/// The expected cost is the mean: worked out where no draw changes what a token costs, otherwise that of the draws. So are
/// credits, of which only so much is used as a draw costs.
///
/// * `detail`: whether every cell gets its bounds.
/// * `draws`: how many draws; none are taken where nothing is uncertain.
///
/// # Errors
/// [`PlanError::TooLarge`].
pub fn outcome(plan: &Plan, settled: &Settled, detail: bool, draws: usize) -> Result<Outcome, PlanError> {
    let simulation = (!is_certain(plan) && draws > 0).then(|| simulate(plan, settled, detail, draws));
    let mut groups = vec![vec![Usd::ZERO; plan.spans.len()]; settled.groups.len() + 1];
    let mut features = Vec::with_capacity(plan.features.len());
    for (index, feature) in plan.features.iter().enumerate() {
        let costs = feature.costs(&plan.months, &Point::all(At::Expected))?;
        let is_closed_form = simulation.is_none() || feature.is_linear();
        let means = simulation.as_ref().filter(|_| !is_closed_form).and_then(|s| s.means.get(index));
        let spans = add_costs(feature, &costs, means, settled, &mut groups);
        let drawn = simulation.as_ref().and_then(|s| s.cells.get(index));
        let by_month = by_month(plan, &spans);
        let total = simulation.as_ref().and_then(|s| s.features.get(index));
        features.push(FeatureOutcome {
            spreads: by_month.iter().enumerate().map(|(m, usd)| around(*usd, drawn.and_then(|d| d.get(m)))).collect(),
            months: by_month,
            streams: costs.iter().map(|costs| costs.iter().copied().sum()).collect(),
            calls: feature.calls(&plan.months, &Point::all(At::Expected)),
            total: around(spans.iter().copied().sum(), total),
            spans,
            is_closed_form,
        });
    }
    let are_drawn = (settled.has_credits() || settled.has_commitments()) && simulation.is_some();
    let (credits, committed) = match &simulation {
        Some(drawn) if are_drawn => (drawn.credits.clone(), drawn.committed.clone()),
        _ => {
            let mut paid = groups.clone();
            let committed = settled.committed(&mut paid);
            (settled.credited(&mut paid), committed)
        }
    };
    let with_committed =
        |fixed: &[Usd]| -> Vec<Usd> { fixed.iter().zip(&committed).map(|(fixed, more)| *fixed + *more).collect() };
    let (fixed, fixed_unrounded) = (with_committed(&settled.fixed), with_committed(&settled.fixed_unrounded));
    let too_large = || PlanError::TooLarge("tax".into());
    let (mut tax, mut gross) = (Vec::with_capacity(plan.spans.len()), Vec::with_capacity(plan.spans.len()));
    let (mut unrounded_tax, mut unrounded) =
        (Vec::with_capacity(plan.spans.len()), Vec::with_capacity(plan.spans.len()));
    for (span, used) in credits.iter().enumerate() {
        let usage = groups.iter().map(|g| g[span]).sum::<Usd>();
        let net = minus(usage + fixed[span], rounded(*used));
        let own = times(net, settled.tax.expected).ok_or_else(too_large)?;
        tax.push(own);
        gross.push(net + own);
        let net = minus(usage + fixed_unrounded[span], *used).amount();
        let own = net.saturating_mul(settled.tax.expected);
        unrounded_tax.push(Usd::new(own));
        unrounded.push(Usd::new(net.saturating_add(own)));
    }
    let used: Vec<Usd> = credits.iter().copied().map(rounded).collect();
    let drawn =
        |list: fn(&Simulation) -> &Vec<Range<Usd>>, month: usize| simulation.as_ref().and_then(|s| list(s).get(month));
    let months = by_month(plan, &gross);
    let mut running = Usd::ZERO;
    let mut cumulative = Vec::with_capacity(months.len());
    for (month, usd) in months.iter().enumerate() {
        running += *usd;
        cumulative.push(around(running, drawn(|s| &s.cumulative, month)));
    }
    Ok(Outcome {
        is_closed_form: !are_drawn && features.iter().all(|f| f.is_closed_form),
        features,
        fixed: by_month(plan, &fixed),
        committed: by_month(plan, &committed),
        credits: by_month(plan, &used),
        tax: by_month(plan, &tax),
        others_by_span: [fixed_unrounded, credits, unrounded_tax],
        spans: unrounded,
        months: months.iter().enumerate().map(|(m, usd)| around(*usd, drawn(|s| &s.months, m))).collect(),
        cumulative,
        total: around(running, simulation.as_ref().map(|s| &s.total)),
        simulation,
    })
}

/// Whether a plan has nothing to draw.
pub(crate) fn is_certain(plan: &Plan) -> bool {
    !plan.workload.tax.is_range()
        && !plan.workload.fixed.iter().any(|f| f.range.is_range())
        && plan.features.iter().all(|f| f.uncertain().is_empty() && !f.varies())
}

/// Whether the expected cost of a plan is a mean of draws: where a draw changes the rates or what is free, and where credits
/// pay for more of one draw than of another.
pub(crate) fn needs_draws(plan: &Plan, settled: &Settled) -> bool {
    settled.has_credits() && !is_certain(plan) || plan.features.iter().any(|feature| !feature.is_linear())
}

/// Adds the costs of a feature to those of its groups; its own by span.
///
/// * `means`: what stands in the place of the costs at the means, spread over the groups as these are.
pub(crate) fn add_costs(
    feature: &FeaturePlan,
    costs: &[Vec<Usd>],
    means: Option<&Vec<Usd>>,
    settled: &Settled,
    groups: &mut [Vec<Usd>],
) -> Vec<Usd> {
    let spans = groups.first().map_or(0, Vec::len);
    let mut own = vec![Usd::ZERO; spans];
    for (stream, costs) in feature.streams.iter().zip(costs) {
        let group = &mut groups[settled.group_of(stream)];
        for (span, usd) in costs.iter().enumerate() {
            own[span] += *usd;
            group[span] += *usd;
        }
    }
    if let Some(means) = means {
        let group = feature.streams.first().map_or(0, |s| settled.group_of(s));
        for (span, mean) in means.iter().enumerate() {
            groups[group][span] += minus(*mean, own[span]);
            own[span] = *mean;
        }
    }
    own
}

fn by_month(plan: &Plan, spans: &[Usd]) -> Vec<Usd> {
    let mut months = vec![Usd::ZERO; plan.months.len()];
    plan.spans.iter().zip(spans).for_each(|(span, usd)| months[span.month] += *usd);
    months
}

/// Bounds around an expected cost, which they always enclose.
fn around(expected: Usd, drawn: Option<&Range<Usd>>) -> Range<Usd> {
    let (low, high) = drawn.map_or((expected, expected), |s| (s.low.min(expected), s.high.max(expected)));
    Range { low, expected, high }
}

/// How far the total moves when one number goes from its low to its high end, the others at their means.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The feature; `plan` for what is uncertain about all of them.
    pub feature: String,
    /// What is uncertain.
    pub input: &'static str,
    /// Its range, for people.
    pub range: String,
    /// The total with the number at its low end.
    pub low: Usd,
    /// The total with the number at its high end.
    pub high: Usd,
    /// Both by span, for other currencies.
    pub spans: [Vec<Usd>; 2],
}

impl Driver {
    fn of(feature: String, input: &'static str, range: String, [low, high]: [BillTotal; 2]) -> Driver {
        Driver { feature, input, range, low: low.usd, high: high.usd, spans: [low.spans, high.spans] }
    }

    /// The distance between the two.
    #[must_use]
    pub(crate) fn swing(&self) -> Decimal {
        (self.high.amount() - self.low.amount()).abs()
    }
}

/// The costs of a plan by group and span, every number at its mean, from which one feature can be taken out.
pub(crate) struct Bill<'p> {
    settled: &'p Settled,
    groups: Vec<Vec<Usd>>,
}

impl<'p> Bill<'p> {
    /// The costs of all features.
    pub(crate) fn of(settled: &'p Settled, spans: usize, features: &[(&FeaturePlan, Vec<Vec<Usd>>)]) -> Bill<'p> {
        let mut groups = vec![vec![Usd::ZERO; spans]; settled.groups.len() + 1];
        for (feature, costs) in features {
            add_costs(feature, costs, None, settled, &mut groups);
        }
        Bill { settled, groups }
    }

    /// What is paid in the end, with credits, fixed costs and tax, where some costs take the place of others.
    pub(crate) fn total_with(
        &self,
        old: (&FeaturePlan, &[Vec<Usd>]),
        new: (&FeaturePlan, &[Vec<Usd>]),
        tax: Decimal,
    ) -> Option<BillTotal> {
        let mut groups = self.groups.clone();
        for (stream, costs) in old.0.streams.iter().zip(old.1) {
            let group = &mut groups[self.settled.group_of(stream)];
            group.iter_mut().zip(costs).for_each(|(sum, usd)| *sum = minus(*sum, *usd));
        }
        add_costs(new.0, new.1, None, self.settled, &mut groups);
        self.total_of(groups, tax)
    }

    /// What is paid in the end.
    pub(crate) fn total(&self, tax: Decimal) -> Option<BillTotal> {
        self.total_of(self.groups.clone(), tax)
    }

    fn total_of(&self, mut groups: Vec<Vec<Usd>>, tax: Decimal) -> Option<BillTotal> {
        self.settled.committed(&mut groups);
        if self.settled.has_credits() {
            self.settled.credited(&mut groups);
        }
        let net = groups.iter().flatten().chain(&self.settled.fixed).copied().sum::<Usd>();
        let of_span = |(span, fixed): (usize, &Usd)| {
            let net = groups.iter().map(|group| group[span]).sum::<Usd>() + *fixed;
            Some(net + times(net, tax)?)
        };
        let spans = self.settled.fixed.iter().enumerate().map(of_span).collect::<Option<_>>()?;
        Some(BillTotal { usd: net + times(net, tax)?, spans })
    }
}

/// What drives the range of a plan, the strongest first; the totals are what is paid in the end, with credits and tax.
///
/// # Errors
/// [`PlanError::TooLarge`].
pub fn drivers(plan: &Plan, settled: &Settled) -> Result<Vec<Driver>, PlanError> {
    let expected = Point::all(At::Expected);
    let mut costs = Vec::with_capacity(plan.features.len());
    for feature in &plan.features {
        costs.push((feature, feature.costs(&plan.months, &expected)?));
    }
    let bill = Bill::of(settled, plan.spans.len(), &costs);
    let too_large = || PlanError::TooLarge("the plan".into());
    let mut list = Vec::new();
    for (feature, own) in &costs {
        for input in feature.uncertain() {
            let at = |at| -> Result<BillTotal, PlanError> {
                let moved = feature.costs(&plan.months, &expected.with(input, at))?;
                let total = bill.total_with((feature, own), (feature, &moved), settled.tax.expected);
                total.ok_or_else(too_large)
            };
            let (name, range) = (feature.feature.name.clone(), range_text(feature, input));
            list.push(Driver::of(name, input.label(), range, [at(At::Low)?, at(At::High)?]));
        }
    }
    for fixed in &settled.uncertain {
        let total = bill.total(settled.tax.expected).ok_or_else(too_large)?;
        let at = |end: Decimal| -> BillTotal {
            let share = end.checked_div(fixed.range.expected).unwrap_or(Decimal::ONE) - Decimal::ONE;
            let taxed = share.saturating_mul(Decimal::ONE + settled.tax.expected);
            let mut moved = total.clone();
            let mut all = Decimal::ZERO;
            for (span, mean) in &fixed.spans {
                let more = mean.amount().saturating_mul(taxed);
                all += more;
                moved.spans[*span] = Usd::new(moved.spans[*span].amount() + more);
            }
            moved.usd = Usd::new((total.usd.amount() + all).round_dp(12).normalize());
            moved
        };
        let ends = [at(fixed.range.low), at(fixed.range.high)];
        list.push(Driver::of(fixed.name.clone(), "fixed cost", fixed.range.to_string(), ends));
    }
    if settled.tax.is_range() {
        let at = |tax: Decimal| bill.total(tax).ok_or_else(too_large);
        let ends = [at(settled.tax.low)?, at(settled.tax.high)?];
        list.push(Driver::of("plan".into(), "tax", percent(settled.tax), ends));
    }
    list.sort_by_key(|driver| std::cmp::Reverse(driver.swing()));
    Ok(list)
}

fn percent(range: Range<Decimal>) -> String {
    format!("{}%", range.times(Decimal::ONE_HUNDRED).to_string().replace("..", "%.."))
}

fn range_text(plan: &FeaturePlan, input: UncertainInput) -> String {
    let exact = plan.ranges.exact(input);
    match input {
        UncertainInput::Calls if plan.feature.calls.users.is_some() => format!("{exact} users"),
        UncertainInput::Calls | UncertainInput::Sessions => format!("{exact} per {}", plan.feature.calls.per.name()),
        UncertainInput::Growth | UncertainInput::PromptGrowth => format!("{} a month", percent(exact)),
        UncertainInput::Share => percent(exact),
        UncertainInput::Also if plan.feature.also.iter().all(|(_, range)| !range.is_range()) => {
            "in their own units".into()
        }
        UncertainInput::HitRate | UncertainInput::HitRateWithin | UncertainInput::Failures => percent(exact),
        UncertainInput::Also => {
            let also = plan.feature.also.iter().filter(|(_, range)| range.is_range());
            also.map(|(meter, range)| format!("{meter} {range}")).collect::<Vec<_>>().join(", ")
        }
        UncertainInput::Tokens => "estimated".into(),
        UncertainInput::Reasoning => plan.thinking().map_or_else(String::new, |tokens| tokens.to_string()),
        UncertainInput::Prompt => plan.typed_prompts().map_or_else(String::new, |range| range.to_string()),
        _ if exact.is_range() => exact.to_string(),
        _ => "estimated".into(),
    }
}
