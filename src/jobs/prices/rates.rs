//! Rates as rows carry them and as people read them.

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::meter::{Meter, Unit};
use crate::money::Exact;
use crate::period::Instant;
use crate::pricing::card::{Price, Rate, RateCard, Rates, rate_of};
use crate::report::{Cell, Tone};

/// Rates by the name of their meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub struct RatesRow(#[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, RateRow>"))] pub Rates);

impl Serialize for RatesRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(meter, rate)| (meter.name(), RateRow::of(rate))))
    }
}

/// What a meter costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RateRow {
    /// Dollars per so many, with what a bill rounds up.
    Price {
        /// US dollars.
        usd: Exact,
        /// Per how many of the meter's unit.
        per: u64,
        /// A request is billed for at least this quantity.
        #[serde(skip_serializing_if = "Option::is_none")]
        minimum: Option<Exact>,
        /// The quantity is rounded up to a multiple of this.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<Exact>,
    },
    /// No price, with the reason why it is not known.
    Refused {
        /// The reason.
        refuse: String,
    },
    /// `not-sold`, `=input` where it is billed as another meter, `inherit` where what holds without the condition does, or
    /// `refuse` where nothing is known.
    Word(String),
}

impl RateRow {
    pub(super) fn of(rate: &Rate) -> RateRow {
        match rate {
            Rate::Price(Price { usd, per, minimum, step }) => {
                RateRow::Price { usd: *usd, per: *per, minimum: *minimum, step: *step }
            }
            Rate::NotSold => RateRow::Word("not-sold".into()),
            Rate::SameAs(other) => RateRow::Word(format!("={other}")),
            Rate::Inherit => RateRow::Word("inherit".into()),
            Rate::Refuse(None) => RateRow::Word("refuse".into()),
            Rate::Refuse(Some(why)) => RateRow::Refused { refuse: why.clone() },
        }
    }
}

/// A price, every digit of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExactPriceRow {
    /// US dollars.
    pub usd: String,
    /// Per how many of the meter's unit.
    pub per: u64,
}

impl ExactPriceRow {
    pub(super) fn of(price: &Price) -> ExactPriceRow {
        ExactPriceRow { usd: price.usd.to_string(), per: price.per }
    }
}

/// When a price began, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PriceStart {
    /// From when on it holds; null where that is not known.
    pub from: Option<Instant>,
    /// First day that a dated snapshot shows it, where its start is not known: it holds since then at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Instant>,
}

impl PriceStart {
    pub(super) fn of(card: &RateCard) -> PriceStart {
        PriceStart { from: card.period.from, first_seen: card.first_seen.filter(|_| card.period.from.is_none()) }
    }

    /// The day that is known of it.
    pub(super) fn day(self) -> Option<Instant> {
        self.from.or(self.first_seen)
    }

    /// `2025-03-02`, `from 2026-12-01` where it is still to come, `since at least 2025-03-02`, `start not known`.
    pub(super) fn text(self, now: Instant) -> String {
        match (self.from, self.first_seen) {
            (Some(from), _) if from > now => format!("from {from}"),
            (Some(from), _) => from.to_string(),
            (None, Some(seen)) => format!("since at least {seen}"),
            (None, None) => "start not known".to_owned(),
        }
    }

    /// The same as a cell, whose exact form is the day that is known.
    pub(super) fn cell(self, now: Instant) -> Cell {
        let exact = self.day().map_or_else(String::new, |day| day.to_string());
        let tone = if self.from.is_some_and(|from| from > now) { Tone::Warn } else { Tone::Plain };
        Cell::pair(self.text(now), exact).tone(tone)
    }
}

/// `since 2025-03-02`, `since at least 2025-03-02`, `since at least 2025-03-02, until 2026-12-01`, `start not known`.
pub(super) fn period_text(card: &RateCard) -> String {
    match (PriceStart::of(card).first_seen, card.period.to) {
        (None, _) => card.period.to_string(),
        (Some(seen), None) => format!("since at least {seen}"),
        (Some(seen), Some(to)) => format!("since at least {seen}, until {to}"),
    }
}

/// The price of a meter where it is one per million tokens.
pub(super) fn per_million(rates: &Rates, meter: Meter) -> Option<Decimal> {
    match rate_of(rates, meter) {
        Some(Rate::Price(Price { usd, per: 1_000_000, .. })) => Some(usd.0.normalize()),
        _ => None,
    }
}

/// "$2.50 / M tokens", "$10 / 1000", "$0.111 / 3600, at least 10".
pub(super) fn price_text(meter: Meter, price: &Price) -> String {
    let per = match (meter.unit(), price.per) {
        (Unit::Tokens, 1_000_000) => "M tokens".to_owned(),
        (_, 1) => "1".to_owned(),
        (_, 1_000_000) => "million".to_owned(),
        (_, n) => n.to_string(),
    };
    let minimum = price.minimum.map(|m| format!(", at least {m}")).unwrap_or_default();
    let step = price.step.map(|s| format!(", in steps of {s}")).unwrap_or_default();
    format!("${} / {per}{minimum}{step}", price.usd)
}

/// "$2.5" for a million tokens, "$10 / 1000" for the rest.
pub(super) fn short_price(meter: Meter, price: &Price) -> String {
    format!("${}{}", price.usd, per_text(meter, price))
}

/// What stands behind the dollars: nothing for a million tokens, " / 1000" for the rest.
pub(super) fn per_text(meter: Meter, price: &Price) -> String {
    match (meter.unit(), price.per) {
        (Unit::Tokens, 1_000_000) => String::new(),
        (_, per) => format!(" / {per}"),
    }
}

/// A meter that a condition leaves alone.
pub(super) const INHERITED: &str = "as without it";
/// A meter without a known rate.
pub(super) const UNKNOWN: &str = "not known";

/// A rate in a row of changes: the price per million alone, `not sold`, `=input`.
pub(super) fn change_text(rate: Option<&Rate>) -> Option<String> {
    Some(match rate? {
        Rate::Price(price) if price.per == 1_000_000 => price.usd.to_string(),
        Rate::Price(price) => format!("{} / {}", price.usd, price.per),
        Rate::NotSold => "not sold".into(),
        Rate::SameAs(meter) => format!("={meter}"),
        Rate::Inherit => INHERITED.into(),
        Rate::Refuse(_) => UNKNOWN.into(),
    })
}

/// The same as a cell, with a dash where there is none.
pub(super) fn change_cell(rate: Option<&Rate>) -> Cell {
    match rate {
        Some(Rate::Price(price)) => {
            let per = if price.per == 1_000_000 { String::new() } else { format!(" / {}", price.per) };
            Cell::rate_between("", price.usd.0, per)
        }
        other => change_text(other).map_or_else(|| Cell::absent("–"), Cell::text),
    }
}
