//! The currency that people see a plan in: [`ShownCurrency`].

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::projection::Resolver;
use super::settled::{NoExchange, per_usd};
use super::spans::Span;
use super::workload::{Workload, instant_of};
use crate::money::{Usd, digits_for_people, exact_product};
use crate::period::Instant;

/// Digits behind the point that a converted amount keeps where the exact one has more.
const CONVERTED_SCALE: u32 = 12;

/// The currency that a plan is shown in, each day at its rate.
#[derive(Clone, Debug)]
pub struct ShownCurrency {
    /// Three capital letters.
    pub currency: String,
    /// Units of it for one US dollar at the first day of the plan.
    pub per_usd: Decimal,
    /// When that rate holds: at the first day of the plan.
    pub at: Instant,
    /// Who says so, and of which day the rate is.
    pub source: Option<String>,
    /// Every rate that holds within the plan, with the first day on which it does.
    pub steps: Vec<(Instant, Decimal)>,
}

impl ShownCurrency {
    /// A currency at the rates of every day on which something of a plan, or of what it is compared with, is paid.
    ///
    /// * `what`: what is converted, for the error.
    /// * `days`: the first day of each and the one after its last.
    ///
    /// # Errors
    /// [`NoExchange`] where it has no rate on a day of the plan: an old or guessed rate is never used.
    pub(crate) fn between(
        currency: &str,
        what: &str,
        workload: &Workload,
        days: &[(Date, Date)],
        resolver: &dyn Resolver,
    ) -> Result<ShownCurrency, NoExchange> {
        let mut changes = if currency == "USD" { Vec::new() } else { resolver.exchange_changes(currency) };
        // Between two plans nothing is paid, and no rate is needed.
        changes.retain(|day| days.iter().any(|(first, end)| first < day && day < end));
        changes.extend(days.iter().map(|(first, _)| *first).chain([workload.start]));
        changes.sort_unstable();
        changes.dedup();
        let mut steps: Vec<(Instant, Decimal)> = Vec::with_capacity(changes.len());
        for day in changes {
            let rate = per_usd(currency, what, day, resolver)?;
            if steps.last().is_none_or(|(_, last)| *last != rate) {
                steps.push((instant_of(day, 0), rate));
            }
        }
        let per_usd = per_usd(currency, what, workload.start, resolver)?;
        Ok(ShownCurrency {
            currency: currency.to_owned(),
            per_usd,
            at: instant_of(workload.start, 0),
            source: None,
            steps,
        })
    }

    /// Whether it is the dollar.
    #[must_use]
    pub(crate) fn is_usd(&self) -> bool {
        self.currency == "USD"
    }

    /// An amount of the first day of the plan in the currency, exact where its digits suffice.
    #[must_use]
    pub fn amount(&self, usd: Usd) -> Decimal {
        in_currency(usd, self.per_usd).normalize()
    }

    /// The rate of a moment: before the first that is known, that of the plan's first day.
    fn rate_at(&self, at: Instant) -> Decimal {
        let begun = self.steps.partition_point(|(from, _)| *from <= at);
        begun.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(self.per_usd, |(_, rate)| *rate)
    }

    /// Amounts by span in the currency, each at the rate of its span; their sum, rounded once.
    #[must_use]
    pub fn over<'s>(&self, costs: impl Iterator<Item = (&'s Span, Usd)>) -> Decimal {
        // Rates that are divided by and multiplied with again leave a last digit behind.
        self.sum(costs).round_dp(CONVERTED_SCALE).normalize()
    }

    /// The same before it is rounded.
    pub(crate) fn sum<'s>(&self, costs: impl Iterator<Item = (&'s Span, Usd)>) -> Decimal {
        let rate = |span: &Span| self.rate_at(instant_of(span.first, 0));
        costs.map(|(span, usd)| in_currency(usd, rate(span))).fold(Decimal::ZERO, Decimal::saturating_add)
    }

    /// Costs by span, one for each of `spans`, in the currency.
    #[must_use]
    pub(crate) fn of_spans(&self, spans: &[Span], costs: &[Usd]) -> Decimal {
        self.over(spans.iter().zip(costs.iter().copied()))
    }

    /// The days from which another rate holds.
    #[must_use]
    pub(crate) fn days(&self) -> Vec<Date> {
        self.steps.iter().map(|(from, _)| from.date()).collect()
    }

    /// The first rates in which the two differ, at the same moment.
    #[must_use]
    pub(crate) fn difference(&self, other: &ShownCurrency) -> Option<(Decimal, Decimal)> {
        let mut moments: Vec<Instant> = self.steps.iter().chain(&other.steps).map(|(from, _)| *from).collect();
        moments.sort_unstable();
        let mut rates = moments.into_iter().map(|at| (self.rate_at(at), other.rate_at(at)));
        rates.find(|(one, another)| one != another)
    }

    /// An amount in the currency, at the rate that another one has on the whole.
    ///
    /// * `amount`: what `of` is in the currency, each part at the rate of its day.
    #[must_use]
    pub(crate) fn in_proportion(&self, usd: Usd, of: Usd, amount: Decimal) -> Decimal {
        let rate = amount.checked_div(of.amount()).unwrap_or(self.per_usd);
        usd.amount().saturating_mul(rate).round_dp(CONVERTED_SCALE).normalize()
    }

    /// For people.
    #[must_use]
    pub fn text(&self, usd: Usd) -> String {
        if self.is_usd() {
            return usd.for_people();
        }
        self.text_of(self.amount(usd))
    }

    /// An amount in the currency, for people.
    #[must_use]
    pub fn text_of(&self, amount: Decimal) -> String {
        amount_text(amount, &self.currency)
    }
}

/// An amount in a currency, for people.
#[must_use]
pub(crate) fn amount_text(amount: Decimal, currency: &str) -> String {
    match currency {
        "USD" => Usd::new(amount).for_people(),
        _ => format!("{} {currency}", digits_for_people(amount)),
    }
}

fn in_currency(usd: Usd, rate: Decimal) -> Decimal {
    exact_product(usd.amount(), rate).unwrap_or_else(|| usd.amount().saturating_mul(rate))
}
