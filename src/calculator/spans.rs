//! The spans of a plan: within one of them no month, credit, budget or exchange rate begins or ends ([`Span`]).

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::calendar::{Month, days, months};
use super::explain::SCALE;
use super::workload::Workload;

/// Days within one month in which everything about money stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The month of the plan.
    pub month: usize,
    /// First day.
    pub first: Date,
    /// First day after.
    pub end: Date,
}

impl Span {
    /// How many days of the span lie between two days, the second of which is the first day after.
    #[must_use]
    pub(crate) fn days_between(&self, from: Date, to: Option<Date>) -> u64 {
        days(self.first.max(from), to.map_or(self.end, |to| self.end.min(to))).count() as u64
    }

    /// What part of its calendar month it is.
    #[must_use]
    pub(crate) fn share_of_month(&self) -> Decimal {
        let days = Decimal::from(self.days_between(self.first, None));
        days.checked_div(Decimal::from(self.days_of_month())).unwrap_or_default()
    }

    /// How many days the calendar month of the span has.
    #[must_use]
    pub(crate) fn days_of_month(&self) -> u64 {
        Month::of(self.first).days().count() as u64
    }
}

/// Cuts a plan into spans.
///
/// * `changes`: days from which another exchange rate holds.
#[must_use]
pub(crate) fn spans(workload: &Workload, changes: &[Date]) -> Vec<Span> {
    let (start, end) = (workload.start, workload.end);
    let mut cuts: Vec<Date> = changes.to_vec();
    cuts.extend(workload.credits.iter().filter_map(|credit| credit.expires));
    cuts.extend(workload.discounts.iter().flat_map(|d| [d.from, d.to]).flatten());
    cuts.extend(workload.commitments.iter().flat_map(|c| c.borders(end)));
    cuts.extend([workload.budget.from, workload.budget.to].into_iter().flatten());
    let mut spans = Vec::new();
    for (month, of) in months(start, end).into_iter().enumerate() {
        let after = Some(of.next()).filter(|next| *next > of).map_or(end, Month::first);
        let (first, last) = (of.first().max(start), after.min(end));
        let mut borders: Vec<Date> = cuts.iter().copied().filter(|day| first < *day && *day < last).collect();
        borders.extend([first, last]);
        borders.sort_unstable();
        borders.dedup();
        spans.extend(borders.windows(2).map(|pair| Span { month, first: pair[0], end: pair[1] }));
    }
    spans
}

/// What falls on the average month of a plan, of an amount of the whole.
///
/// * `months`: the months of the calendar that it has days in; none counts as one.
#[must_use]
pub(crate) fn in_average_month(amount: Decimal, months: usize) -> Decimal {
    amount.checked_div(Decimal::from(months.max(1) as u64)).unwrap_or_default().round_dp(SCALE).normalize()
}

/// How many months a plan has: whole ones where it ends on the day of the month that it begins on, else by the day.
#[must_use]
pub(crate) fn length_in_months(workload: &Workload) -> Decimal {
    let whole = (1..=1200).map(|n| (n, super::calendar::months_after(workload.start, n)));
    let whole = whole.take_while(|(_, day)| *day <= workload.end).find(|(_, day)| *day == workload.end);
    if let Some((n, _)) = whole {
        return Decimal::from(n);
    }
    spans(workload, &[]).iter().map(Span::share_of_month).sum()
}
