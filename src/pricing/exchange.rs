//! The exchange rates inside of the program: the euro reference rates of the European Central Bank, of every working day.
//!
//! The bank publishes what one euro is; a rate here is what one US dollar is, which is the quotient of two published
//! numbers, rounded once. A rate holds from its own day until the next published one, and the last one until further notice:
//! whoever shows an amount says of which day its rate is.

use std::sync::OnceLock;

use rust_decimal::Decimal;

use super::card::ExchangeRate;
use crate::money::{Exact, parse_decimal};
use crate::period::{Instant, Period};

/// Digits behind the point of a quotient: eight are more than the five or six digits that the bank publishes.
const SCALE: u32 = 8;

/// What the rates of the bank are called in reports.
pub(crate) const SOURCE: &str = "European Central Bank";

/// The currencies of the bundled file in the order of its columns; the euro, which every column is about, comes last.
pub(crate) fn currencies() -> impl Iterator<Item = &'static str> {
    // The first two columns are the day and the dollar.
    header().split(',').skip(2).chain(["EUR"])
}

fn header() -> &'static str {
    farebox_data::EXCHANGE.lines().next().unwrap_or_default()
}

/// The rates of a currency, the oldest first; none of one that the bank does not publish.
///
/// A column is read when its currency is first asked for, and kept.
pub(crate) fn bundled(currency: &str) -> &'static [ExchangeRate] {
    const MOST: usize = 64;
    static READ: [OnceLock<Vec<ExchangeRate>>; MOST] = [const { OnceLock::new() }; MOST];
    let place = currencies().position(|known| known == currency);
    let kept = place.and_then(|place| READ.get(place));
    kept.map_or(&[], |kept| kept.get_or_init(|| read(currency)))
}

/// The bundled rate in force at a moment.
pub(crate) fn bundled_at(currency: &str, at: Instant) -> Option<&'static ExchangeRate> {
    let rates = bundled(currency);
    let after = rates.partition_point(|rate| rate.period.from.is_some_and(|from| from <= at));
    rates.get(after.checked_sub(1)?)
}

fn read(currency: &str) -> Vec<ExchangeRate> {
    let column = header().split(',').position(|name| name == currency);
    let mut rates: Vec<ExchangeRate> = Vec::new();
    for line in farebox_data::EXCHANGE.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |at: usize| cells.get(at).and_then(|text| parse_decimal(text).ok());
        let (Some(Ok(day)), Some(dollars)) = (cells.first().map(|day| day.parse::<Instant>()), cell(1)) else {
            continue;
        };
        // One euro is one euro, which has no column.
        let Some(units) = column.map_or(Some(Decimal::ONE), cell) else { continue };
        let Some(per_usd) = units.checked_div(dollars) else { continue };
        if let Some(last) = rates.last_mut() {
            last.period.to = Some(day);
        }
        rates.push(ExchangeRate {
            currency: currency.to_owned(),
            period: Period { from: Some(day), to: None },
            per_usd: Exact(per_usd.round_dp(SCALE)),
            source: Some(SOURCE.to_owned()),
        });
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(currency: &str, day: &str) -> Option<String> {
        bundled_at(currency, day.parse().unwrap()).map(|rate| rate.per_usd.0.to_string())
    }

    /// The bank's rates of 2026-10-30: one euro is 1.1172 dollars, 175.68 yen and 0.8338 pounds.
    #[test]
    fn a_rate_is_the_quotient_of_two_published_ones() {
        assert_eq!(at("EUR", "2026-10-30").as_deref(), Some("0.89509488")); // 1 / 1.1172
        assert_eq!(at("JPY", "2026-10-30").as_deref(), Some("157.25026853")); // 175.68 / 1.1172
        assert_eq!(at("GBP", "2026-10-30").as_deref(), Some("0.74633011")); // 0.8338 / 1.1172
    }

    /// 2026-10-24 is a Saturday: the rate of the Friday before holds. The last rate holds on; before the first none does.
    #[test]
    fn a_rate_holds_until_the_next_one() {
        assert_eq!(at("EUR", "2026-10-24"), at("EUR", "2026-10-23"));
        assert_ne!(at("EUR", "2026-10-26"), at("EUR", "2026-10-23"));
        assert_eq!(at("EUR", "2030-01-01"), at("EUR", "2026-10-30"));
        assert_eq!(at("EUR", "2022-12-31"), None);
        for unknown in ["USD", "XOF", "day", ""] {
            assert_eq!(at(unknown, "2026-10-30"), None, "{unknown}");
        }
    }

    #[test]
    fn every_line_has_every_currency_and_days_rise() {
        let columns = currencies().count() + 1;
        assert!((21..=64).contains(&currencies().count()));
        for currency in currencies() {
            let rates = bundled(currency);
            assert_eq!(rates.len(), farebox_data::EXCHANGE.lines().count() - 1, "{currency}");
            assert!(rates.windows(2).all(|two| two[0].period.from < two[1].period.from), "{currency}");
            assert!(rates.iter().all(|rate| rate.per_usd.0 > Decimal::ZERO), "{currency}");
        }
        assert!(farebox_data::EXCHANGE.lines().all(|line| line.split(',').count() == columns));
    }
}
