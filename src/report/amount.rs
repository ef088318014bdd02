//! Amounts of money in a column, all with the same number of decimals.
//!
//! A single amount in a sentence has as many decimals as it needs ([`Usd::for_people`]). Below each other, amounts can be
//! compared at a glance only where their points are below each other. [`decimals`] is the one place that decides how many
//! a column has; the exact amount stays in [`super::Cell::exact`].

use std::borrow::Cow;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::money::{Usd, grouped};

/// An amount, and what is written around its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownAmount {
    amount: Decimal,
    before: &'static str,
    after: Cow<'static, str>,
    kind: AmountKind,
    has_plus: bool,
}

/// What an amount is of, which decides how many decimals it has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AmountKind {
    /// Money.
    Cost,
    /// A price of the table.
    Rate,
    /// A share of a hundred.
    Percent,
}

impl ShownAmount {
    /// An amount in US dollars.
    pub(super) fn usd(usd: Usd) -> Self {
        ShownAmount {
            amount: usd.amount(),
            before: "$",
            after: Cow::Borrowed(""),
            kind: AmountKind::Cost,
            has_plus: false,
        }
    }

    /// An amount in a currency, such as `EUR`.
    pub(super) fn in_currency(amount: Decimal, currency: &str) -> Self {
        match currency {
            "USD" => ShownAmount::usd(Usd::new(amount)),
            _ => ShownAmount { before: "", after: format!(" {currency}").into(), ..ShownAmount::usd(Usd::new(amount)) },
        }
    }

    /// A price of the table, which is never rounded where it has six decimals or fewer.
    pub(super) fn rate(usd: Decimal) -> Self {
        ShownAmount { before: "", kind: AmountKind::Rate, ..ShownAmount::usd(Usd::new(usd)) }
    }

    /// The same amount between two texts.
    pub(super) fn between(self, before: &'static str, after: String) -> Self {
        ShownAmount { before, after: Cow::Owned(after), ..self }
    }

    /// A percentage.
    pub(super) fn percent(percent: Decimal) -> Self {
        let after = Cow::Borrowed("%");
        ShownAmount { before: "", after, kind: AmountKind::Percent, ..ShownAmount::usd(Usd::new(percent)) }
    }

    /// The same amount with a plus sign where it is more than nothing.
    pub(super) fn with_plus(mut self) -> Self {
        self.has_plus = true;
        self
    }

    /// The amount with so many decimals. What is not zero never reads as zero: `<$0.01`.
    pub(super) fn text(&self, decimals: u32) -> String {
        let size = self.amount.abs();
        let rounded = size.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        let (bound, shown) = match rounded.is_zero() && !size.is_zero() {
            true => (if self.amount.is_sign_negative() { ">" } else { "<" }, Decimal::new(1, decimals)),
            false => ("", rounded),
        };
        let sign = match (size.is_zero(), self.amount.is_sign_negative(), self.has_plus) {
            (true, ..) | (false, false, false) => "",
            (false, true, _) => "−",
            (false, false, true) => "+",
        };
        let digits = grouped(format!("{shown:.0$}", decimals as usize));
        format!("{bound}{sign}{}{digits}{}", self.before, self.after)
    }
}

/// Decimals that a price may have at most; the bundled table has none with more.
const MOST_OF_A_RATE: u32 = 6;

/// Decimals that a percentage may have at most.
const MOST_OF_A_PERCENTAGE: u32 = 1;

/// How many decimals amounts below each other have.
///
/// Cents where cents say it all. Otherwise four digits of the largest amount and three of the smallest, but no more than seven
/// digits of the largest.
pub(super) fn decimals<'a>(amounts: impl Iterator<Item = &'a ShownAmount> + Clone) -> u32 {
    let scale = |amount: &ShownAmount| amount.amount.normalize().scale();
    let finest = amounts.clone().map(scale).max().unwrap_or(0);
    let has = |kind| amounts.clone().any(|amount| amount.kind == kind);
    if has(AmountKind::Rate) {
        return finest.min(MOST_OF_A_RATE);
    }
    if has(AmountKind::Percent) {
        return finest.min(MOST_OF_A_PERCENTAGE);
    }
    let sizes = || amounts.clone().map(|amount| amount.amount.abs().normalize()).filter(|size| !size.is_zero());
    let (Some(least), Some(most)) = (sizes().min(), sizes().max()) else { return 2 };
    let wanted = digits_at(most, 4).max(digits_at(least, 3));
    wanted.min(digits_at(most, 7)).min(finest).max(2)
}

/// How many decimals show so many digits of an amount: 4 of 0.01234567 are six decimals.
fn digits_at(size: Decimal, digits: u32) -> u32 {
    let length = size.mantissa().unsigned_abs().checked_ilog10().map_or(1, |power| power + 1);
    (size.scale() + digits).saturating_sub(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(amounts: &[&str]) -> Vec<String> {
        let amounts: Vec<ShownAmount> =
            amounts.iter().map(|text| ShownAmount::usd(Usd::new(text.parse().unwrap()))).collect();
        let decimals = decimals(amounts.iter());
        amounts.iter().map(|amount| amount.text(decimals)).collect()
    }

    #[test]
    fn a_column_has_one_number_of_decimals() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["5", "0.5", "1234.25"], &["$5.00", "$0.50", "$1,234.25"]),
            // Four digits of 4.418.
            (&["0.6226123", "4.41812"], &["$0.623", "$4.418"]),
            // Three digits of 0.0000651 would be eight of 3.4, which gets seven.
            (&["3.442184", "0.0000651", "0.05422"], &["$3.442184", "$0.000065", "$0.054220"]),
            // Three digits of the smallest would be fifteen of the largest.
            (&["123456.789", "0.00000012"], &["$123,456.79", "<$0.01"]),
            (&["1234.56789", "0.0004"], &["$1,234.568", "<$0.001"]),
            (&["-1.25", "0", "0.3"], &["−$1.25", "$0.00", "$0.30"]),
            (&["-0.001", "5000000"], &[">−$0.01", "$5,000,000.00"]),
            (&["0.000043"], &["$0.000043"]),
            (&["0.0771234567"], &["$0.07712"]),
            (&["0"], &["$0.00"]),
        ];
        for (amounts, want) in cases {
            assert_eq!(column(amounts), *want, "{amounts:?}");
        }
    }

    #[test]
    fn a_price_is_not_rounded() {
        let rates = ["2.5", "0.03125", "10"].map(|text| ShownAmount::rate(text.parse().unwrap()));
        let decimals = decimals(rates.iter());
        assert_eq!(rates.each_ref().map(|rate| rate.text(decimals)), ["2.50000", "0.03125", "10.00000"]);
    }

    #[test]
    fn percentages_have_one_decimal_or_none() {
        let shown = |texts: &[&str]| -> Vec<String> {
            let list: Vec<_> = texts.iter().map(|text| ShownAmount::percent(text.parse().unwrap())).collect();
            let decimals = decimals(list.iter());
            list.iter().map(|percent| percent.text(decimals)).collect()
        };
        assert_eq!(shown(&["50", "33.333", "0.02"]), ["50.0%", "33.3%", "<0.1%"]);
        assert_eq!(shown(&["50", "-1833"]), ["50%", "−1,833%"]);
    }

    #[test]
    fn signs_and_currencies_stand_where_they_are_read() {
        let gain = ShownAmount::in_currency("1.5".parse().unwrap(), "EUR").with_plus();
        assert_eq!(gain.text(2), "+1.50 EUR");
        assert_eq!(ShownAmount::in_currency("-1.5".parse().unwrap(), "USD").with_plus().text(2), "−$1.50");
    }
}
