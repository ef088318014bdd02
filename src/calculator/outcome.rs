//! What a plan costs in the end: [`Outcome`], by month and feature, with fixed costs, credits and tax.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::Month;
use super::projection::{Input, Plan, PlanError, Point, Resolver, Stream, times};
use super::shape::At;
use super::simulate::{Simulation, simulate};
use super::workload::{Amount, instant_of};
use crate::money::{Usd, exact_sum};
use crate::range::Range;

/// Why an amount of another currency has no value in dollars.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}\n  help: {}", self.message(), self.help())]
pub struct NoExchange {
    /// What needs it.
    pub what: String,
    /// The currency.
    pub currency: String,
    /// The day.
    pub day: Date,
}

impl NoExchange {
    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        let NoExchange { what, currency, day } = self;
        format!("{what} is in {currency}, and no exchange rate of {currency} holds on {day}")
    }

    /// The next step.
    #[must_use]
    pub fn help(&self) -> String {
        let NoExchange { currency, day, .. } = self;
        format!(
            "add `exchange: {{{currency}: [{{from: {day}, per_usd: \"…\"}}]}}` to the workload, or lay a price file with it over the table (--prices FILE)"
        )
    }
}

/// An amount in dollars at the rate of a day, rounded at 18 digits.
///
/// # Errors
/// [`NoExchange`]: an old or guessed rate is never used.
pub fn in_usd(amount: &Amount, what: &str, day: Date, resolver: &dyn Resolver) -> Result<Usd, NoExchange> {
    if amount.currency == "USD" {
        return Ok(Usd::new(amount.amount.0));
    }
    let missing = || NoExchange { what: what.to_owned(), currency: amount.currency.clone(), day };
    let per_usd = resolver.per_usd(&amount.currency, instant_of(day, 0)).ok_or_else(missing)?;
    amount.amount.0.checked_div(per_usd).map(|usd| Usd::new(usd.round_dp(18))).ok_or_else(missing)
}

/// A credit in dollars.
#[derive(Clone, Debug)]
struct SettledCredit {
    usd: Usd,
    /// Which group of streams it pays; all of them where it is none.
    group: Option<usize>,
    /// First month that it does not pay for.
    until: usize,
}

/// Everything that is certain: fixed costs, one-off costs, credits and tax.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Providers that have a credit of their own; streams of others are in the group 0.
    pub groups: Vec<String>,
    /// Fixed and one-off costs by month.
    pub fixed: Vec<Usd>,
    /// What they are: name, month and amount.
    pub fixed_items: Vec<(String, usize, Usd)>,
    credits: Vec<SettledCredit>,
    tax: Decimal,
}

impl Settled {
    /// Turns the amounts of a plan into dollars.
    ///
    /// # Errors
    /// [`NoExchange`].
    pub fn of(plan: &Plan, resolver: &dyn Resolver) -> Result<Settled, NoExchange> {
        let workload = &plan.workload;
        let mut items = Vec::new();
        for fixed in &workload.fixed {
            for (index, month) in plan.months.iter().enumerate() {
                let day = month.first().max(workload.start);
                let runs = fixed.from < month.next().first() && fixed.to.is_none_or(|to| day < to);
                let once = Month::of(fixed.from) == *month && workload.start <= fixed.from;
                if if fixed.monthly { runs } else { once } {
                    items.push((fixed.name.clone(), index, in_usd(&fixed.cost, &fixed.name, day, resolver)?));
                }
            }
        }
        for feature in &plan.features {
            let named =
                |o: &super::projection::OneOff| (format!("{}: {}", feature.feature.name, o.name), o.month, o.usd);
            items.extend(feature.one_offs.iter().map(named));
        }
        let mut groups: Vec<String> = workload.credits.iter().filter_map(|c| c.provider.clone()).collect();
        groups.sort();
        groups.dedup();
        let mut credits = Vec::new();
        for credit in &workload.credits {
            let usd = in_usd(&credit.amount, "a credit", workload.start, resolver)?;
            let group = credit.provider.as_ref().and_then(|p| groups.iter().position(|g| g == p)).map(|g| g + 1);
            let until = credit
                .expires
                .map_or(plan.months.len(), |day| plan.months.iter().take_while(|m| m.first() < day).count());
            credits.push(SettledCredit { usd, group, until });
        }
        // What only some providers take is used up before what all of them do.
        credits.sort_by_key(|c| c.group.is_none());
        let mut fixed = vec![Usd::ZERO; plan.months.len()];
        items.iter().for_each(|(_, month, usd)| fixed[*month] += *usd);
        Ok(Settled { groups, fixed, fixed_items: items, credits, tax: workload.tax })
    }

    /// The group of a stream.
    #[must_use]
    pub fn group_of(&self, stream: &Stream) -> usize {
        self.groups.iter().position(|g| *g == stream.found.provider.id).map_or(0, |g| g + 1)
    }

    /// Takes credits off draws in nano-dollars, adds what is fixed, and the tax; the sum ends in the first group.
    pub(super) fn apply(&self, groups: &mut [Vec<i64>], months: usize, draws: usize) {
        let nano = |usd: Usd| {
            let nano = usd.amount().saturating_mul(Decimal::from(1_000_000_000)).round();
            i64::try_from(nano).unwrap_or(i64::MAX)
        };
        for draw in 0..draws {
            let mut left: Vec<i64> = self.credits.iter().map(|c| nano(c.usd)).collect();
            for month in 0..months {
                let at = month * draws + draw;
                for (credit, left) in self.credits.iter().zip(&mut left).filter(|(c, _)| month < c.until) {
                    let groups: &mut [Vec<i64>] = match credit.group {
                        Some(group) => &mut groups[group..=group],
                        None => &mut *groups,
                    };
                    for group in groups {
                        let used = group[at].min(*left).max(0);
                        group[at] -= used;
                        *left -= used;
                    }
                }
                let sum = groups.iter().fold(nano(self.fixed[month]), |sum, g| sum.saturating_add(g[at]));
                groups[0][at] = if self.tax.is_zero() { sum } else { self.taxed_nano(sum) };
            }
        }
    }

    fn taxed_nano(&self, nano: i64) -> i64 {
        let billionths = i128::try_from((self.tax * Decimal::from(1_000_000_000)).round()).unwrap_or(0);
        let tax = i128::from(nano) * billionths / 1_000_000_000;
        nano.saturating_add(i64::try_from(tax).unwrap_or(i64::MAX))
    }

    /// Takes credits off exact costs by group and month; what each month keeps of them.
    fn credited(&self, costs: &mut [Vec<Usd>], months: usize) -> Vec<Usd> {
        let mut left: Vec<Usd> = self.credits.iter().map(|c| c.usd).collect();
        let mut taken = vec![Usd::ZERO; months];
        for month in 0..months {
            for (credit, left) in self.credits.iter().zip(&mut left).filter(|(c, _)| month < c.until) {
                let groups: &mut [Vec<Usd>] = match credit.group {
                    Some(group) => &mut costs[group..=group],
                    None => &mut *costs,
                };
                for group in groups {
                    let used = group[month].min(*left).max(Usd::ZERO);
                    group[month] = minus(group[month], used);
                    *left = minus(*left, used);
                    taken[month] += used;
                }
            }
        }
        taken
    }
}

/// The difference of two amounts.
#[must_use]
pub fn minus(a: Usd, b: Usd) -> Usd {
    Usd::new(exact_sum(a.amount(), -b.amount()).unwrap_or_else(|| a.amount() - b.amount()))
}

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
    pub input: Input,
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
    pub fn swing(&self) -> Decimal {
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

fn range_text(plan: &super::projection::FeaturePlan, input: Input) -> String {
    let f = &plan.feature;
    let percent =
        |range: Range<Decimal>| format!("{}%", range.times(Decimal::ONE_HUNDRED).to_string().replace("..", "%.."));
    match input {
        Input::Calls => format!("{} per {}", f.calls.rate, f.calls.per.name()),
        Input::Growth => match &f.growth {
            super::workload::Growth::Monthly(range) => format!("{} a month", percent(*range)),
            super::workload::Growth::Steps(_) => String::new(),
        },
        Input::Output => f.output.to_string(),
        Input::Reasoning => f.reasoning.to_string(),
        Input::Turns => f.turns.to_string(),
        Input::Steps => f.steps.count.to_string(),
        Input::Call => f.steps.call.to_string(),
        Input::Result => f.steps.result.to_string(),
        Input::Passages => f.rag.as_ref().map_or_else(String::new, |rag| rag.tokens.to_string()),
        Input::HitRate => f.cache.map_or_else(String::new, |cache| percent(cache.hit_rate)),
        Input::Failures => percent(f.retries.failure_rate),
        Input::Attachments | Input::Also | Input::Tokens => "estimated".into(),
    }
}
