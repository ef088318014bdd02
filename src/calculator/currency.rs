//! The currency that people see a plan in: [`ShownCurrency`].

use rust_decimal::Decimal;

use super::spans::Span;
use super::workload::instant_of;
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

    /// The rate of a span.
    fn rate_of(&self, span: &Span) -> Decimal {
        let at = instant_of(span.first, 0);
        self.steps.iter().rev().find(|(from, _)| *from <= at).map_or(self.per_usd, |(_, rate)| *rate)
    }

    /// Amounts by span in the currency, each at the rate of its span; their sum, rounded once.
    #[must_use]
    pub fn over<'s>(&self, costs: impl Iterator<Item = (&'s Span, Usd)>) -> Decimal {
        let sum: Decimal = costs.map(|(span, usd)| in_currency(usd, self.rate_of(span))).sum();
        // Rates that are divided by and multiplied with again leave a last digit behind.
        sum.round_dp(CONVERTED_SCALE).normalize()
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
        match self.is_usd() {
            true => Usd::new(amount).for_people(),
            false => format!("{} {}", digits_for_people(amount), self.currency),
        }
    }
}

fn in_currency(usd: Usd, rate: Decimal) -> Decimal {
    exact_product(usd.amount(), rate).unwrap_or_else(|| usd.amount().saturating_mul(rate))
}
