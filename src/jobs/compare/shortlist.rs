//! The models that people are shown first: the newest of each maker in each [`PriceClass`], and the cheapest of all.

use std::collections::{HashMap, HashSet};

use crate::calculator::price;
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::is_general;
use crate::usage::Usage;
use rust_decimal::Decimal;

farebox_data::names! {
    /// How expensive a model is, whatever the work: by what a million tokens cost, three of the prompt for each of the answer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum PriceClass "is not a price class" {
        Economy "economy" "Less than $1.";
        Standard "standard" "From $1, and less than $5.";
        Premium "premium" "From $5.";
    }
}

impl PriceClass {
    /// The class of a model, at the rates of a short request that states nothing; `None` where it has no such rates.
    #[must_use]
    pub(crate) fn of(found: &Found, at: Instant) -> Option<PriceClass> {
        let mut usage = Usage::default();
        usage.set_tokens(Meter::Input, 750);
        usage.set_tokens(Meter::Output, 250);
        let cost = price(&found.provider, &found.model, &usage, &found.context, at).ok()?;
        let million = cost.total.checked_mul(Decimal::ONE_THOUSAND)?;
        Some(PriceClass::at(million))
    }

    fn at(million: Usd) -> PriceClass {
        match million.amount() {
            usd if usd < Decimal::ONE => PriceClass::Economy,
            usd if usd < Decimal::from(5) => PriceClass::Standard,
            _ => PriceClass::Premium,
        }
    }
}

/// Since when a model answers: its release, or else the day that its first price began, where that is known.
#[must_use]
pub(crate) fn released(found: &Found) -> Option<Instant> {
    let first = || found.model.rate_cards.iter().filter_map(|card| card.period.from).min();
    found.model.info.released.or_else(first)
}

/// The ids of the short list.
///
/// * `models`: what meets the needs, the cheapest first. Of two that were released on one day the cheaper one counts.
#[must_use]
pub(crate) fn short_list<'f>(models: impl IntoIterator<Item = &'f Found>, at: Instant) -> HashSet<String> {
    let mut newest: HashMap<(String, PriceClass), (&Found, Option<Instant>)> = HashMap::new();
    let mut cheapest = None;
    for found in models {
        cheapest.get_or_insert(found);
        let Some(class) = PriceClass::of(found, at).filter(|_| is_general(&found.model)) else { continue };
        let day = released(found);
        let kept = newest.entry((found.provider.id.clone(), class)).or_insert((found, day));
        if day > kept.1 {
            *kept = (found, day);
        }
    }
    newest.into_values().map(|(found, _)| found).chain(cheapest).map(Found::full_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;
    use crate::pricing::compile::PriceFile;
    use rust_decimal::dec;

    #[test]
    fn a_class_begins_at_its_price() {
        for (usd, class) in [
            (dec!(0.999), PriceClass::Economy),
            (dec!(1), PriceClass::Standard),
            (dec!(4.999), PriceClass::Standard),
            (dec!(5), PriceClass::Premium),
        ] {
            assert_eq!(PriceClass::at(Usd::new(usd)), class, "{usd}");
        }
    }

    /// Made-up models, id, release, input and output rate. 0.75 × 0.4 + 0.25 × 0.8 = 0.5; with 2 and 6: 3; with 8 and 20: 11.
    #[test]
    fn the_newest_of_each_maker_and_class_and_the_cheapest_are_on_the_list() {
        let file = |provider: &str, models: &[(&str, &str, &str, &str)]| {
            let model = |(id, day, input, output): &(&str, &str, &str, &str)| {
                format!(
                    "  - {{id: {id}, released: {day}, kind: chat, prices: [{{from: {day}, rates: {{input: \"{input}\", output: \"{output}\"}}}}]}}\n"
                )
            };
            let models: String = models.iter().map(model).collect();
            PriceFile {
                path: format!("{provider}.yaml"),
                text: format!("schema: 1\nprovider: {provider}\nmodels:\n{models}"),
            }
        };
        let acme = file(
            "acme",
            &[
                ("tiny-1", "2025-01-01", "0.1", "0.2"),
                ("small-1", "2026-01-01", "0.4", "0.8"),
                ("small-2", "2026-05-01", "0.4", "0.9"),
                ("small-code-3", "2026-06-01", "0.4", "0.9"),
                ("large-1", "2026-01-01", "8", "20"),
            ],
        );
        let other = file(
            "other",
            &[("mid-1", "2024-01-01", "2", "6"), ("mid-2", "2026-02-01", "2", "7"), ("mid-3", "2026-02-01", "3", "7")],
        );
        let mut table = PriceTable::bundled();
        table.lay_over(&[acme, other]).unwrap();
        let at: Instant = "2026-07-01".parse().unwrap();
        let ids = [
            "acme/tiny-1",
            "acme/small-1",
            "acme/small-2",
            "acme/small-code-3",
            "other/mid-1",
            "other/mid-2",
            "other/mid-3",
            "acme/large-1",
        ];
        let found: Vec<Found> = ids.iter().map(|id| table.find(id, at).unwrap()).collect();
        let mut list: Vec<String> = short_list(&found, at).into_iter().collect();
        list.sort();
        // tiny-1 is the cheapest; mid-2 and mid-3 are of one day, and the cheaper one counts; code is a trade of its own.
        assert_eq!(list, ["acme/large-1", "acme/small-2", "acme/tiny-1", "other/mid-2"]);
    }
}
