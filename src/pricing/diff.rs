//! What changed between two sets of rates, meter by meter: [`changes`].

use rust_decimal::Decimal;

use super::card::{Rate, RateCard, Rates, Tier, rate_of};
use crate::context::conditions;
use crate::meter::Meter;

/// A rate that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The tier or variant it belongs to; empty for the rates of a request that states nothing.
    pub condition: String,
    /// The meter.
    pub meter: Meter,
    /// Before; `None` where there was none.
    pub old: Option<Rate>,
    /// After; `None` where there is none any more.
    pub new: Option<Rate>,
}

impl Change {
    /// By how much a price changed, in percent to one digit; `None` where one side has no price to compare.
    #[must_use]
    pub(crate) fn percent(&self) -> Option<Decimal> {
        let (Some(Rate::Price(old)), Some(Rate::Price(new))) = (&self.old, &self.new) else { return None };
        let unit = |price: &super::card::Price| price.usd.0.checked_div(Decimal::from(price.per));
        let (old, new) = (unit(old)?, unit(new)?);
        let ratio = (new - old).checked_div(old)?;
        Some((ratio * Decimal::ONE_HUNDRED).round_dp(1).normalize())
    }
}

/// What is different in the second card.
#[must_use]
pub fn changes(before: &RateCard, after: &RateCard) -> Vec<Change> {
    changes_between(Some(before), Some(after))
}

/// As [`changes`], where a side may have no card at all.
#[must_use]
pub(crate) fn changes_between(before: Option<&RateCard>, after: Option<&RateCard>) -> Vec<Change> {
    let (old, new) = (before.map(sets).unwrap_or_default(), after.map(sets).unwrap_or_default());
    let mut conditions: Vec<&String> = old.iter().chain(&new).map(|(condition, _)| condition).collect();
    let mut seen = std::collections::HashSet::new();
    conditions.retain(|condition| seen.insert(*condition));
    let of = |sets: &[(String, Rates)], condition: &String| {
        sets.iter().find(|(c, _)| c == condition).map(|(_, r)| r.clone()).unwrap_or_default()
    };
    conditions
        .into_iter()
        .flat_map(|condition| {
            let (old, new) = (of(&old, condition), of(&new, condition));
            let both = |meter: &Meter| (rate_of(&old, *meter).cloned(), rate_of(&new, *meter).cloned());
            let changed = Meter::ALL.iter().map(|meter| (*meter, both(meter))).filter(|(_, (a, b))| a != b);
            changed
                .map(|(meter, (old, new))| Change { condition: condition.clone(), meter, old, new })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Every set of rates of a card under its condition; schedules by a factor have none.
pub(crate) fn sets(card: &RateCard) -> Vec<(String, Rates)> {
    let tier = |prefix: &str, tier: &Tier| {
        let parts = [prefix.to_owned(), tier.condition()];
        (parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" and "), tier.rates.clone())
    };
    let mut sets = vec![(String::new(), card.rates.clone())];
    sets.extend(card.tiers.iter().map(|t| tier("", t)));
    for variant in &card.variants {
        let when = conditions(&variant.when);
        sets.push((when.clone(), variant.rates.clone()));
        sets.extend(variant.tiers.iter().map(|t| tier(&when, t)));
    }
    sets.extend(card.schedule.iter().filter(|s| !s.rates.is_empty()).map(|s| (s.to_string(), s.rates.clone())));
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;

    #[test]
    fn a_cut_is_told_in_percent() {
        let table = PriceTable::bundled();
        let o3 = table.find_in("openai", "o3", "2026-01-01".parse().unwrap()).unwrap();
        // o3 was cut by 80 % on 2025-06-10: 10 → 2 in, 40 → 8 out.
        let [before, after] = &o3.model.rate_cards[..2] else { panic!("o3 has two periods") };
        let output =
            changes(before, after).into_iter().find(|c| c.meter == Meter::Output && c.condition.is_empty()).unwrap();
        assert_eq!(output.percent(), Some(Decimal::from(-80)));
        assert!(changes(before, before).is_empty());
    }
}
