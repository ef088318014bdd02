//! What of a plan is certain, in dollars: fixed costs, one-off costs, credits and tax ([`Settled`]).

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days, months_after};
use super::projection::{OneOff, Plan, Resolver, Stream};
use super::shape::ramp;
use super::simulate::{float, uniform};
use super::workload::{Amount, Commitment, Fixed, instant_of};
use crate::money::{Usd, exact_sum};
use crate::range::Range;

/// Why an amount of another currency has no value in dollars.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is in {currency}, and no exchange rate of {currency} holds on {day}")]
pub struct NoExchange {
    /// What needs it.
    pub what: String,
    /// The currency.
    pub currency: String,
    /// The day.
    pub day: Date,
}

impl NoExchange {
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
    minimums: Vec<Minimum>,
    /// Fixed costs that are uncertain.
    uncertain: Vec<UncertainFixed>,
    pub(super) tax: Decimal,
}

/// A fixed cost whose amount is a range: what it is at its mean, and its ends as shares of that.
#[derive(Clone, Debug)]
struct UncertainFixed {
    /// Months in which it is paid, with its mean.
    months: Vec<(usize, Usd)>,
    /// Its bounds, one being its mean.
    bounds: Range<f64>,
    /// The numbers of its draws.
    seed: u64,
    key: u64,
}

/// What is paid to a provider at least over some months of the plan.
#[derive(Clone, Debug)]
struct Minimum {
    group: usize,
    /// First and last month.
    months: (usize, usize),
    usd: Usd,
}

impl Minimum {
    /// What is missing in its last month, out of what the months cost.
    fn missing<T: std::iter::Sum<T>>(&self, cost: impl Fn(usize) -> T) -> T {
        (self.months.0..=self.months.1).map(cost).sum()
    }
}

impl Settled {
    /// Turns the amounts of a plan into dollars.
    ///
    /// # Errors
    /// [`NoExchange`].
    pub fn of(plan: &Plan, resolver: &dyn Resolver) -> Result<Settled, NoExchange> {
        let workload = &plan.workload;
        let mut items = Vec::new();
        let mut uncertain = Vec::new();
        for (index, fixed) in workload.fixed.iter().enumerate() {
            let before = items.len();
            let key = u64::MAX - index as u64;
            for (index, month) in plan.months.iter().enumerate() {
                let is_anniversary = month.since(Month::of(fixed.from)) % 12 == 0;
                let day = month.first().max(workload.start);
                let runs = fixed.from < month.next().first() && fixed.to.is_none_or(|to| day < to);
                let once = Month::of(fixed.from) == *month && workload.start <= fixed.from;
                if if fixed.monthly {
                    runs
                } else if fixed.yearly {
                    runs && is_anniversary
                } else {
                    once
                } {
                    items.push((fixed.name.clone(), index, in_usd(&fixed.cost, &fixed.name, day, resolver)?));
                }
            }
            let paid = items[before..].iter().map(|(_, month, usd): &(String, usize, Usd)| (*month, *usd)).collect();
            uncertain.extend(UncertainFixed::of(fixed, paid, workload.seed, key));
        }
        for feature in &plan.features {
            let named = |o: &OneOff| (format!("{}: {}", feature.feature.name, o.name), o.month, o.usd);
            items.extend(feature.one_offs.iter().map(named));
        }
        let mut groups: Vec<String> = workload.credits.iter().filter_map(|c| c.provider.clone()).collect();
        groups.extend(workload.commitments.iter().map(|c| c.provider.clone()));
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
        let mut minimums = Vec::new();
        for commitment in &workload.commitments {
            minimums.extend(minimums_of(commitment, plan, &groups, resolver)?);
        }
        let mut fixed = vec![Usd::ZERO; plan.months.len()];
        items.iter().for_each(|(_, month, usd)| fixed[*month] += *usd);
        Ok(Settled { groups, fixed, fixed_items: items, credits, minimums, uncertain, tax: workload.tax })
    }

    /// The group of a stream.
    #[must_use]
    pub(crate) fn group_of(&self, stream: &Stream) -> usize {
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
            for minimum in &self.minimums {
                let paid = minimum.missing(|month| groups[minimum.group][month * draws + draw]);
                let at = minimum.months.1 * draws + draw;
                groups[minimum.group][at] += nano(minimum.usd).saturating_sub(paid).max(0);
            }
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
                let fixed = nano(self.fixed[month]).saturating_add(self.fixed_error(month, draw));
                let sum = groups.iter().fold(fixed, |sum, g| sum.saturating_add(g[at]));
                groups[0][at] = if self.tax.is_zero() { sum } else { self.taxed_nano(sum) };
            }
        }
    }

    /// Whether every fixed cost is certain.
    #[must_use]
    pub(crate) fn is_certain(&self) -> bool {
        self.uncertain.is_empty()
    }

    /// How far the fixed costs of a month are from their mean in one draw, in nano-dollars.
    fn fixed_error(&self, month: usize, draw: usize) -> i64 {
        let mut sum = 0_i64;
        for fixed in &self.uncertain {
            for (_, usd) in fixed.months.iter().filter(|(m, _)| *m == month) {
                let share = uniform(fixed.seed, fixed.key, draw as u64);
                let times = ramp(fixed.bounds.low, fixed.bounds.expected, fixed.bounds.high, share) - 1.0;
                sum = sum.saturating_add((float(usd.amount()) * times * 1e9).round() as i64);
            }
        }
        sum
    }

    /// What is paid on top of the usage because of commitments, by month; the costs become those with it.
    pub(super) fn committed(&self, costs: &mut [Vec<Usd>], months: usize) -> Vec<Usd> {
        let mut added = vec![Usd::ZERO; months];
        for minimum in &self.minimums {
            let last = minimum.months.1;
            let Some(group) = costs.get_mut(minimum.group) else { continue };
            let paid = minimum.missing(|month| group[month]);
            let missing = minus(minimum.usd, paid).max(Usd::ZERO);
            group[last] += missing;
            added[last] += missing;
        }
        added
    }

    fn taxed_nano(&self, nano: i64) -> i64 {
        let billionths = i128::try_from((self.tax * Decimal::from(1_000_000_000)).round()).unwrap_or(0);
        let tax = i128::from(nano) * billionths / 1_000_000_000;
        nano.saturating_add(i64::try_from(tax).unwrap_or(i64::MAX))
    }

    /// Takes credits off exact costs by group and month; what each month keeps of them.
    pub(super) fn credited(&self, costs: &mut [Vec<Usd>], months: usize) -> Vec<Usd> {
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

impl UncertainFixed {
    fn of(fixed: &Fixed, months: Vec<(usize, Usd)>, seed: u64, key: u64) -> Option<UncertainFixed> {
        let Range { low, expected, high } = fixed.range;
        if !fixed.range.is_range() || expected.is_zero() {
            return None;
        }
        let share = |n: Decimal| float(n) / float(expected);
        let bounds = Range { low: share(low), expected: 1.0, high: share(high) };
        Some(UncertainFixed { months, bounds, seed, key })
    }
}

/// The months of a commitment: each of them by itself, or a year at a time; a part of a month or a year takes its share.
fn minimums_of(
    commitment: &Commitment,
    plan: &Plan,
    groups: &[String],
    resolver: &dyn Resolver,
) -> Result<Vec<Minimum>, NoExchange> {
    let workload = &plan.workload;
    let (from, to) = (commitment.from.max(workload.start), commitment.to.min(workload.end));
    let group = groups.iter().position(|g| *g == commitment.provider).map_or(0, |g| g + 1);
    let length = |a: Date, b: Date| Decimal::from(days(a, b).count() as u64);
    let mut list = Vec::new();
    // Spans of a commitment begin on its first day and in every twelfth month after, or with every month.
    let mut begin = if commitment.yearly { commitment.from } else { Month::of(commitment.from).first() };
    while begin < to {
        let end = months_after(begin, if commitment.yearly { 12 } else { 1 });
        let (first, last) = (begin.max(from), end.min(to));
        if first < last {
            let share = length(first, last).checked_div(length(begin, end)).unwrap_or_default();
            let usd = in_usd(&commitment.amount, "a commitment", first, resolver)?;
            let usd = Usd::new(usd.amount().saturating_mul(share).round_dp(18));
            let month_of = |day: Date| plan.months.iter().position(|m| *m == Month::of(day)).unwrap_or(0);
            let last = last.yesterday().unwrap_or(first);
            list.push(Minimum { group, months: (month_of(first), month_of(last)), usd });
        }
        if end <= begin {
            break;
        }
        begin = end;
    }
    Ok(list)
}

/// The difference of two amounts.
#[must_use]
pub(crate) fn minus(a: Usd, b: Usd) -> Usd {
    Usd::new(exact_sum(a.amount(), -b.amount()).unwrap_or_else(|| a.amount() - b.amount()))
}
