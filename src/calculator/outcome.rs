//! What a plan costs in the end: [`Outcome`], by month and feature, with fixed costs, credits and tax.

use rust_decimal::Decimal;

use super::projection::{Plan, PlanError, Point, UncertainInput, times};
use super::settled::{Settled, minus};
use super::shape::At;
use super::simulate::{Simulation, simulate};
use crate::money::Usd;
use crate::range::Range;

/// What a feature costs in the plan.
#[derive(Clone, Debug)]
pub struct FeatureOutcome {
    /// Expected cost by month, before credits and tax.
    pub months: Vec<Usd>,
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
    /// Fixed and one-off costs by month.
    pub fixed: Vec<Usd>,
    /// Credits used by month.
    pub credits: Vec<Usd>,
    /// Tax by month, at the expected cost.
    pub tax: Vec<Usd>,
    /// By month, with everything.
    pub months: Vec<Range<Usd>>,
    /// From the start to the end of each month.
    pub cumulative: Vec<Range<Usd>>,
    /// Over the whole plan, with everything.
    pub total: Range<Usd>,
    /// The draws, where anything is uncertain.
    pub simulation: Option<Simulation>,
}

/// Prices a plan: exact at the means, drawn for the bounds.
///
/// * `detail`: whether every cell gets its bounds.
/// * `draws`: how many draws; none are taken where nothing is uncertain.
///
/// # Errors
/// [`PlanError::TooLarge`].
pub fn outcome(plan: &Plan, settled: &Settled, detail: bool, draws: usize) -> Result<Outcome, PlanError> {
    let months = plan.months.len();
    let is_certain = plan.features.iter().all(|f| f.uncertain().is_empty());
    let simulation = (!is_certain && draws > 0).then(|| simulate(plan, settled, detail || needs_mean(plan), draws));
    let mut groups = vec![vec![Usd::ZERO; months]; settled.groups.len() + 1];
    let mut features = Vec::with_capacity(plan.features.len());
    for (index, feature) in plan.features.iter().enumerate() {
        let costs = feature.costs(&plan.months, &Point::all(At::Expected))?;
        let mut by_month = vec![Usd::ZERO; months];
        for (stream, costs) in feature.streams.iter().zip(&costs) {
            let group = &mut groups[settled.group_of(stream)];
            for month in 0..months {
                by_month[month] += costs[month];
                group[month] += costs[month];
            }
        }
        let drawn = simulation.as_ref().and_then(|s| s.cells.get(index));
        let is_closed_form = feature.is_linear() || drawn.is_none();
        if let (false, Some(cells)) = (is_closed_form, drawn) {
            // The mean of the draws in the place of the cost at the means, spread over the groups as that is.
            for month in 0..months {
                let change = minus(cells[month].expected, by_month[month]);
                let group = feature.streams.first().map_or(0, |s| settled.group_of(s));
                groups[group][month] += change;
                by_month[month] = cells[month].expected;
            }
        }
        let sum: Usd = by_month.iter().copied().sum();
        let total = simulation.as_ref().and_then(|s| s.features.get(index));
        features.push(FeatureOutcome {
            spreads: by_month.iter().enumerate().map(|(m, usd)| around(*usd, drawn.and_then(|d| d.get(m)))).collect(),
            months: by_month,
            calls: feature.calls(&plan.months, &Point::all(At::Expected)),
            total: around(sum, total),
            is_closed_form,
        });
    }
    let credits = settled.credited(&mut groups, months);
    let sum_of = |month: usize| groups.iter().map(|g| g[month]).sum::<Usd>() + settled.fixed[month];
    let net: Vec<Usd> = (0..months).map(sum_of).collect();
    let tax: Option<Vec<Usd>> = net.iter().map(|usd| times(*usd, settled.tax)).collect();
    let tax = tax.ok_or_else(|| PlanError::TooLarge("tax".into()))?;
    let gross: Vec<Usd> = net.iter().zip(&tax).map(|(usd, tax)| *usd + *tax).collect();
    let drawn =
        |list: fn(&Simulation) -> &Vec<Range<Usd>>, month: usize| simulation.as_ref().and_then(|s| list(s).get(month));
    let mut running = Usd::ZERO;
    let mut cumulative = Vec::with_capacity(months);
    for (month, usd) in gross.iter().enumerate() {
        running += *usd;
        cumulative.push(around(running, drawn(|s| &s.cumulative, month)));
    }
    Ok(Outcome {
        features,
        fixed: settled.fixed.clone(),
        credits,
        tax,
        months: gross.iter().enumerate().map(|(m, usd)| around(*usd, drawn(|s| &s.months, m))).collect(),
        cumulative,
        total: around(running, simulation.as_ref().map(|s| &s.total)),
        simulation,
    })
}

fn needs_mean(plan: &Plan) -> bool {
    plan.features.iter().any(|f| !f.is_linear())
}

/// Bounds around an expected cost, which they always enclose.
fn around(expected: Usd, drawn: Option<&Range<Usd>>) -> Range<Usd> {
    let (low, high) = drawn.map_or((expected, expected), |s| (s.low.min(expected), s.high.max(expected)));
    Range { low, expected, high }
}

/// How far the total moves when one number goes from its low to its high end, the others at their means.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The feature.
    pub feature: String,
    /// The number.
    pub input: UncertainInput,
    /// Its range, for people.
    pub range: String,
    /// The total with the number at its low end.
    pub low: Usd,
    /// The total with the number at its high end.
    pub high: Usd,
}

impl Driver {
    /// The distance between the two.
    #[must_use]
    pub(crate) fn swing(&self) -> Decimal {
        (self.high.amount() - self.low.amount()).abs()
    }
}

/// What drives the range of a plan, the strongest first; the totals are those of usage, before credits and tax.
///
/// # Errors
/// [`PlanError::TooLarge`].
pub fn drivers(plan: &Plan) -> Result<Vec<Driver>, PlanError> {
    let sum = |costs: Vec<Vec<Usd>>| costs.iter().flatten().copied().sum::<Usd>();
    let mut list = Vec::new();
    let expected = Point::all(At::Expected);
    let mut totals = Vec::with_capacity(plan.features.len());
    for feature in &plan.features {
        totals.push(sum(feature.costs(&plan.months, &expected)?));
    }
    let all: Usd = totals.iter().copied().sum();
    for (feature, own) in plan.features.iter().zip(totals) {
        for input in feature.uncertain() {
            let at = |at| -> Result<Usd, PlanError> {
                let moved = sum(feature.costs(&plan.months, &expected.with(input, at))?);
                Ok(minus(all + moved, own))
            };
            let range = range_text(feature, input);
            list.push(Driver {
                feature: feature.feature.name.clone(),
                input,
                range,
                low: at(At::Low)?,
                high: at(At::High)?,
            });
        }
    }
    list.sort_by_key(|driver| std::cmp::Reverse(driver.swing()));
    Ok(list)
}

fn range_text(plan: &super::projection::FeaturePlan, input: UncertainInput) -> String {
    let f = &plan.feature;
    let percent =
        |range: Range<Decimal>| format!("{}%", range.times(Decimal::ONE_HUNDRED).to_string().replace("..", "%.."));
    match input {
        UncertainInput::Calls => format!("{} per {}", f.calls.rate, f.calls.per.name()),
        UncertainInput::Growth => match &f.growth {
            super::workload::Growth::Monthly(range) => format!("{} a month", percent(*range)),
            super::workload::Growth::Steps(_) => String::new(),
        },
        UncertainInput::Output => f.output.to_string(),
        UncertainInput::Reasoning => plan.thinking().map_or_else(String::new, |tokens| tokens.to_string()),
        UncertainInput::Turns => f.turns.to_string(),
        UncertainInput::Steps => f.steps.count.to_string(),
        UncertainInput::Call => f.steps.call.to_string(),
        UncertainInput::Result => f.steps.result.to_string(),
        UncertainInput::Passages => f.rag.as_ref().map_or_else(String::new, |rag| rag.tokens.to_string()),
        UncertainInput::HitRate => f.cache.map_or_else(String::new, |cache| percent(cache.hit_rate)),
        UncertainInput::Failures => percent(f.retries.failure_rate),
        UncertainInput::Attachments | UncertainInput::Also | UncertainInput::Tokens => "estimated".into(),
    }
}
