//! The currency that people see a plan in: [`ShownCurrency`].

use rust_decimal::Decimal;

use crate::money::{Usd, digits_for_people, exact_product};
use crate::period::Instant;

/// The currency that a plan is shown in, at the rate of one day.
#[derive(Clone, Debug)]
pub struct ShownCurrency {
    /// Three capital letters.
    pub currency: String,
    /// Units of it for one US dollar.
    pub per_usd: Decimal,
    /// When the rate holds: at the first day of the plan.
    pub at: Instant,
    /// Who says so, and of which day the rate is.
    pub source: Option<String>,
}

impl ShownCurrency {
    /// Whether it is the dollar.
    #[must_use]
    pub(crate) fn is_usd(&self) -> bool {
        self.currency == "USD"
    }

    /// The amount in the currency, exact where its digits suffice.
    #[must_use]
    pub fn amount(&self, usd: Usd) -> Decimal {
        exact_product(usd.amount(), self.per_usd)
            .unwrap_or_else(|| usd.amount().saturating_mul(self.per_usd))
            .normalize()
    }

    /// For people.
    #[must_use]
    pub fn text(&self, usd: Usd) -> String {
        if self.is_usd() {
            return usd.for_people();
        }
        format!("{} {}", digits_for_people(self.amount(usd)), self.currency)
    }
}
