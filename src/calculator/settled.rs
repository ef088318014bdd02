//! What of a plan is certain, in dollars: fixed costs, one-off costs, credits and tax ([`Settled`]).

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days, months_after};
use super::projection::{Plan, Resolver, Stream};
use super::ramp::ramp;
use super::spans::Span;
use super::stratified::stratified;
use super::workload::{Amount, Commitment, Fixed, instant_of};
use crate::money::{Usd, exact_sum};
use crate::range::Range;

/// Digits behind the point that an amount without end is worked out to.
const UNROUNDED_SCALE: u32 = 18;

/// What is paid in the end.
#[derive(Clone, Debug)]
pub(crate) struct BillTotal {
    /// Over the whole plan.
    pub usd: Usd,
    /// By span, for other currencies.
    pub spans: Vec<Usd>,
}

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
            "add `exchange: {{{currency}: [{{from: {day}, per_usd: \"…\"}}]}}` to the workload, or give --rate {currency}=N (units of {currency} for one US dollar)"
        )
    }
}

/// An amount in dollars at the rate of a day, rounded at 18 digits.
///
/// # Errors
/// [`NoExchange`]: an old or guessed rate is never used.
pub fn in_usd(amount: &Amount, what: &str, day: Date, resolver: &dyn Resolver) -> Result<Usd, NoExchange> {
    let rate = per_usd(&amount.currency, what, day, resolver)?;
    if rate == Decimal::ONE {
        return Ok(Usd::new(amount.amount.0));
    }
    let missing = || NoExchange { what: what.to_owned(), currency: amount.currency.clone(), day };
    amount.amount.0.checked_div(rate).map(|usd| Usd::new(usd.round_dp(UNROUNDED_SCALE))).ok_or_else(missing)
}

/// What a dollar is in a currency on a day.
///
/// # Errors
/// [`NoExchange`].
pub(crate) fn per_usd(currency: &str, what: &str, day: Date, resolver: &dyn Resolver) -> Result<Decimal, NoExchange> {
    if currency == "USD" {
        return Ok(Decimal::ONE);
    }
    let missing = || NoExchange { what: what.to_owned(), currency: currency.to_owned(), day };
    resolver.per_usd(currency, instant_of(day, 0)).ok_or_else(missing)
}

/// A credit with what a dollar is in its currency.
#[derive(Clone, Debug)]
struct SettledCredit {
    amount: Decimal,
    /// What a dollar is in its currency, by span.
    per_usd: Vec<Decimal>,
    /// Which group of streams it pays; all of them where it is none.
    group: Option<usize>,
    /// First span that it does not pay for.
    until: usize,
}

/// A budget with the spans that it is for.
#[derive(Clone, Debug)]
pub struct SettledBudget {
    /// As the user gave it.
    pub amount: Amount,
    /// In dollars at the rate of its first day.
    pub usd: Usd,
    /// The month, where it is a monthly budget.
    pub month: Option<Month>,
    /// The spans that it is for, and what a dollar is in its currency in each of them.
    pub spans: Vec<(usize, Decimal)>,
    /// Whether it is for the whole plan.
    pub is_whole: bool,
}

/// Everything that is certain: fixed costs, one-off costs, credits and tax.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Providers that have a credit of their own; streams of others are in the group 0.
    pub groups: Vec<String>,
    /// Fixed and one-off costs by span, rounded once where they are a division.
    pub fixed: Vec<Usd>,
    /// The same before they are rounded, for other currencies.
    pub(super) fixed_unrounded: Vec<Usd>,
    /// Those that come once, with their days.
    pub(super) once: Vec<(Date, Usd)>,
    /// What they are: name, month and amount.
    pub fixed_items: Vec<(String, usize, Usd)>,
    /// The budgets of the workload.
    pub budgets: Vec<SettledBudget>,
    /// In the order in which they are used.
    credits: Vec<SettledCredit>,
    /// What is paid to providers at least.
    minimums: Vec<Minimum>,
    /// Fixed costs that are uncertain.
    pub(super) uncertain: Vec<UncertainFixed>,
    pub(super) tax: Range<Decimal>,
}

/// A fixed cost whose amount is a range.
#[derive(Clone, Debug)]
pub(super) struct UncertainFixed {
    pub name: String,
    /// Spans in which it is paid, with its mean.
    pub spans: Vec<(usize, Usd)>,
    /// Its bounds as it was written, for all seats.
    pub range: Range<Decimal>,
    seed: u64,
    key: u64,
}

/// What is paid to a provider at least over some spans of the plan.
#[derive(Clone, Debug)]
struct Minimum {
    group: usize,
    first: usize,
    last: usize,
    usd: Usd,
}

/// What credits and commitments make of the draws, on average and by span.
pub(super) struct Applied {
    pub credits: Vec<f64>,
    pub committed: Vec<f64>,
}

impl Settled {
    /// Turns the amounts of a plan into dollars.
    ///
    /// # Errors
    /// [`NoExchange`].
    pub fn of(plan: &Plan, resolver: &dyn Resolver) -> Result<Settled, NoExchange> {
        let workload = &plan.workload;
        let mut fixed = vec![Usd::ZERO; plan.spans.len()];
        let mut items: Vec<(String, usize, Usd)> = Vec::new();
        let mut once = Vec::new();
        let mut uncertain = Vec::new();
        for (index, cost) in workload.fixed.iter().enumerate() {
            let mut paid = Vec::new();
            let key = u64::MAX - 1_000 - index as u64;
            let mut by_month = vec![None; plan.months.len()];
            for (index, span) in plan.spans.iter().enumerate() {
                if let Some(usd) = fixed_in(cost, span, resolver)? {
                    fixed[index] += usd;
                    paid.push((index, usd));
                    once.extend((!cost.monthly).then_some((span.first.max(cost.from), usd)));
                    by_month[span.month] = Some(by_month[span.month].unwrap_or(Usd::ZERO) + usd);
                }
            }
            if cost.range.is_range() && !cost.range.expected.is_zero() {
                let (name, range, seed) = (cost.name.clone(), cost.range, workload.seed);
                uncertain.push(UncertainFixed { name, spans: paid, range, seed, key });
            }
            let months = by_month.into_iter().enumerate();
            items.extend(months.filter_map(|(month, usd)| Some((cost.name.clone(), month, rounded(usd?)))));
        }
        for feature in &plan.features {
            for one in &feature.one_offs {
                let month = plan.spans.get(one.span).map_or(0, |span| span.month);
                fixed[one.span] += one.usd;
                once.push((one.day, one.usd));
                items.push((format!("{}: {}", feature.feature.name, one.name), month, one.usd));
            }
        }
        let mut groups: Vec<String> = workload.credits.iter().filter_map(|c| c.provider.clone()).collect();
        groups.extend(workload.commitments.iter().map(|c| c.provider.clone()));
        groups.sort();
        groups.dedup();
        let mut minimums = Vec::new();
        for commitment in &workload.commitments {
            minimums.extend(minimums_of(commitment, plan, &groups, resolver)?);
        }
        let mut credits = Vec::new();
        for credit in &workload.credits {
            let per_usd = rates(&credit.amount, "a credit", &plan.spans, resolver)?;
            let group = credit.provider.as_ref().and_then(|p| groups.iter().position(|g| g == p)).map(|g| g + 1);
            let until = credit
                .expires
                .map_or(plan.spans.len(), |day| plan.spans.iter().take_while(|span| span.first < day).count());
            credits.push((credit.expires, SettledCredit { amount: credit.amount.amount.0, per_usd, group, until }));
        }
        // What ends first is used first, as OpenAI does (help.openai.com/en/articles/6584194); then what only some
        // providers take.
        credits.sort_by_key(|(expires, c)| (expires.is_none(), *expires, c.group.is_none()));
        let credits = credits.into_iter().map(|(_, credit)| credit).collect();
        let budgets = budgets(plan, resolver)?;
        let fixed_unrounded = fixed;
        let fixed = fixed_unrounded.iter().copied().map(rounded).collect();
        let (fixed_items, tax) = (items, workload.tax);
        Ok(Settled { groups, fixed, fixed_unrounded, once, fixed_items, budgets, credits, minimums, uncertain, tax })
    }

    /// The group of a stream.
    #[must_use]
    pub(crate) fn group_of(&self, stream: &Stream) -> usize {
        self.groups.iter().position(|g| *g == stream.found.provider.id).map_or(0, |g| g + 1)
    }

    /// Whether credits pay for anything.
    #[must_use]
    pub(crate) fn has_credits(&self) -> bool {
        self.credits.iter().any(|credit| !credit.amount.is_zero())
    }

    /// Whether anything is paid at least.
    #[must_use]
    pub(crate) fn has_commitments(&self) -> bool {
        !self.minimums.is_empty()
    }

    /// What is paid on top of exact costs by group and span because of commitments; the costs become those with it.
    pub(super) fn committed(&self, costs: &mut [Vec<Usd>]) -> Vec<Usd> {
        let mut added = vec![Usd::ZERO; self.fixed.len()];
        for minimum in &self.minimums {
            let Some(group) = costs.get_mut(minimum.group) else { continue };
            let paid = group[minimum.first..=minimum.last].iter().copied().sum();
            let missing = minus(minimum.usd, paid).max(Usd::ZERO);
            group[minimum.last] += missing;
            added[minimum.last] += missing;
        }
        added
    }

    /// The same of draws.
    fn commit(&self, groups: &mut [Vec<f64>], draws: usize) -> Vec<f64> {
        let mut added = vec![0.0; self.fixed.len()];
        for minimum in &self.minimums {
            let Some(group) = groups.get_mut(minimum.group) else { continue };
            for draw in 0..draws {
                let paid: f64 = (minimum.first..=minimum.last).map(|span| group[span * draws + draw]).sum();
                let missing = (float(minimum.usd.amount()) - paid).max(0.0);
                group[minimum.last * draws + draw] += missing;
                added[minimum.last] += missing / draws as f64;
            }
        }
        added
    }

    /// Adds what uncertain fixed costs differ by from their means.
    fn add_uncertain(&self, sums: &mut [f64], draws: usize) {
        for fixed in &self.uncertain {
            let range = fixed.range.map(float);
            let shares = stratified(fixed.seed, fixed.key, draws);
            let of = |share: f64| ramp(range.low, range.expected, range.high, share) / range.expected - 1.0;
            let more: Vec<f64> = shares.into_iter().map(of).collect();
            for (span, usd) in &fixed.spans {
                let mean = float(usd.amount());
                let own = &mut sums[span * draws..(span + 1) * draws];
                own.iter_mut().zip(&more).for_each(|(sum, more)| *sum += mean * more);
            }
        }
    }

    /// Takes credits off draws by group, span and draw, adds what is fixed, and the tax of each draw; the sums end in the
    /// first group.
    ///
    /// * returns: what is used of the credits and added by commitments, by span and on average.
    pub(super) fn apply(&self, groups: &mut [Vec<f64>], draws: usize, tax: &[f64]) -> Applied {
        let spans = self.fixed.len();
        let committed = self.commit(groups, draws);
        let mut used_by_span = vec![0.0; spans];
        if self.has_credits() {
            let rates: Vec<Vec<f64>> =
                self.credits.iter().map(|c| c.per_usd.iter().copied().map(float).collect()).collect();
            for draw in 0..draws {
                let mut left: Vec<f64> = self.credits.iter().map(|c| float(c.amount)).collect();
                for span in 0..spans {
                    let at = span * draws + draw;
                    for (index, credit) in self.credits.iter().enumerate().filter(|(_, c)| span < c.until) {
                        let rate = rates[index][span];
                        let groups: &mut [Vec<f64>] = match credit.group {
                            Some(group) => &mut groups[group..=group],
                            None => &mut *groups,
                        };
                        for group in groups {
                            let used = group[at].min(left[index] / rate).max(0.0);
                            group[at] -= used;
                            left[index] -= used * rate;
                            used_by_span[span] += used;
                        }
                    }
                }
            }
        }
        if let Some(first) = groups.first_mut() {
            self.add_uncertain(first, draws);
        }
        let (first, others) = groups.split_at_mut(1);
        for (span, fixed) in self.fixed.iter().enumerate() {
            let fixed = float(fixed.amount());
            let range = span * draws..(span + 1) * draws;
            for (draw, sum) in first[0][range].iter_mut().enumerate() {
                let net = others.iter().fold(*sum + fixed, |net, group| net + group[span * draws + draw]);
                *sum = net * (1.0 + tax.get(draw).copied().unwrap_or(0.0));
            }
        }
        let credits = used_by_span.into_iter().map(|used| used / draws.max(1) as f64).collect();
        Applied { credits, committed }
    }

    /// Takes credits off exact costs by group and span; what each span uses of them.
    pub(super) fn credited(&self, costs: &mut [Vec<Usd>]) -> Vec<Usd> {
        let mut left: Vec<Decimal> = self.credits.iter().map(|c| c.amount).collect();
        let mut taken = vec![Usd::ZERO; self.fixed.len()];
        for (span, taken) in taken.iter_mut().enumerate() {
            for (credit, left) in self.credits.iter().zip(&mut left).filter(|(c, _)| span < c.until) {
                let rate = credit.per_usd.get(span).copied().unwrap_or(Decimal::ONE);
                let groups: &mut [Vec<Usd>] = match credit.group {
                    Some(group) => &mut costs[group..=group],
                    None => &mut *costs,
                };
                for group in groups {
                    let worth = left.checked_div(rate).map_or(Usd::ZERO, |usd| Usd::new(usd.round_dp(UNROUNDED_SCALE)));
                    let used = group[span].min(worth).max(Usd::ZERO);
                    group[span] = minus(group[span], used);
                    *left = (*left - used.amount().saturating_mul(rate)).max(Decimal::ZERO);
                    *taken += used;
                }
            }
        }
        taken
    }
}

/// What a fixed cost is in a span: a monthly one by the day, at the rate of the span.
fn fixed_in(cost: &Fixed, span: &Span, resolver: &dyn Resolver) -> Result<Option<Usd>, NoExchange> {
    if !cost.monthly {
        let years = if cost.yearly { 100 } else { 1 };
        let mut due = (0..years).map(|year| months_after(cost.from, year * 12));
        let is_due = |day: &Date| span.first <= *day && *day < span.end && cost.to.is_none_or(|to| *day < to);
        let day = due.find(|day| *day >= span.end || is_due(day)).filter(is_due);
        return day.map(|day| in_usd(&cost.cost, &cost.name, day, resolver)).transpose();
    }
    let days = span.days_between(cost.from, cost.to);
    if days == 0 {
        return Ok(None);
    }
    let all = in_usd(&cost.cost, &cost.name, span.first.max(cost.from), resolver)?;
    if days == span.days_of_month() {
        return Ok(Some(all));
    }
    let part = all.amount().saturating_mul(Decimal::from(days)).checked_div(Decimal::from(span.days_of_month()));
    Ok(Some(Usd::new(part.unwrap_or_default().round_dp(UNROUNDED_SCALE))))
}

/// The months of a commitment, each of them by itself, or a year at a time; a part of a month or a year takes its share.
fn minimums_of(
    commitment: &Commitment,
    plan: &Plan,
    groups: &[String],
    resolver: &dyn Resolver,
) -> Result<Vec<Minimum>, NoExchange> {
    let workload = &plan.workload;
    let group = groups.iter().position(|g| *g == commitment.provider).map_or(0, |g| g + 1);
    let length = |a: Date, b: Date| Decimal::from(days(a, b).count() as u64);
    let months = if commitment.yearly { 12 } else { 1 };
    let mut list = Vec::new();
    for pair in commitment.borders(workload.end).windows(2) {
        let (first, last) = (pair[0].max(workload.start), pair[1].min(workload.end));
        let is_in = |span: &Span| first <= span.first && span.end <= last;
        let (Some(begin), Some(end)) = (plan.spans.iter().position(is_in), plan.spans.iter().rposition(is_in)) else {
            continue;
        };
        // A part of the first month begins later than the month does.
        let whole_from = if commitment.yearly { pair[0] } else { Month::of(pair[0]).first() };
        let whole = length(whole_from, months_after(whole_from, months));
        let share = length(first, last).checked_div(whole).unwrap_or_default();
        let usd = in_usd(&commitment.amount, "a commitment", first, resolver)?;
        let usd = rounded(Usd::new(usd.amount().saturating_mul(share)));
        list.push(Minimum { group, first: begin, last: end, usd });
    }
    Ok(list)
}

/// What a dollar is in the currency of an amount, by span.
fn rates(amount: &Amount, what: &str, spans: &[Span], resolver: &dyn Resolver) -> Result<Vec<Decimal>, NoExchange> {
    spans.iter().map(|span| per_usd(&amount.currency, what, span.first, resolver)).collect()
}

/// The budgets of a workload with the spans that they are for.
fn budgets(plan: &Plan, resolver: &dyn Resolver) -> Result<Vec<SettledBudget>, NoExchange> {
    let workload = &plan.workload;
    let budget = &workload.budget;
    let mut list = Vec::new();
    let mut take = |amount: &Amount, what: &str, month: Option<usize>, from: Date, to: Date| {
        let is_in = |span: &Span| month.map_or(from <= span.first && span.end <= to, |month| span.month == month);
        let mut spans = Vec::new();
        for (index, span) in plan.spans.iter().enumerate().filter(|(_, span)| is_in(span)) {
            spans.push((index, per_usd(&amount.currency, what, span.first, resolver)?));
        }
        let first = spans.first().and_then(|(index, _)| plan.spans.get(*index)).map_or(workload.start, |s| s.first);
        let usd = in_usd(amount, what, first, resolver)?;
        let is_whole = month.is_none() && spans.len() == plan.spans.len();
        let month = month.and_then(|month| plan.months.get(month).copied());
        list.push(SettledBudget { amount: amount.clone(), usd, month, spans, is_whole });
        Ok(())
    };
    if let Some(amount) = &budget.total {
        let (from, to) = (budget.from.unwrap_or(workload.start), budget.to.unwrap_or(workload.end));
        take(amount, "the budget", None, from, to)?;
    }
    if let Some(amount) = &budget.monthly {
        for month in 0..plan.months.len() {
            take(amount, "the monthly budget", Some(month), workload.start, workload.end)?;
        }
    }
    Ok(list)
}

/// An amount with more digits than money is exact to is a division, or a conversion, which is rounded once.
#[must_use]
pub(crate) fn rounded(usd: Usd) -> Usd {
    if usd.amount().normalize().scale() < UNROUNDED_SCALE {
        usd
    } else {
        Usd::new(usd.amount().round_dp(12).normalize())
    }
}

fn float(n: Decimal) -> f64 {
    f64::try_from(n).unwrap_or(0.0)
}

/// The difference of two amounts.
#[must_use]
pub(crate) fn minus(a: Usd, b: Usd) -> Usd {
    Usd::new(exact_sum(a.amount(), -b.amount()).unwrap_or_else(|| a.amount() - b.amount()))
}
