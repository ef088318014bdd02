//! What a person should look at in prices that can otherwise be used: [`lint_files`] and [`lint_table`].

use super::PriceTable;
use super::card::{ModelCard, ProviderHead, Rate, RateCard, Rates};
use super::compile::{PriceFile, Use, compile};
use super::problem::{Place, Problem, Severity};
use crate::meter::Meter;
use crate::period::Instant;
use crate::similar::did_you_mean;
use rust_decimal::Decimal;

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How many models.
    pub models: usize,
    /// How many prices.
    pub prices: usize,
    /// What was found, errors first within each file.
    pub problems: Vec<Problem>,
}

/// Checks price files, as the table itself is checked: each price needs a source.
///
/// `today` is what ages are counted to; `max_age` is how many days a live price may go unchecked.
#[must_use]
pub(crate) fn lint_files(files: &[PriceFile], table: &PriceTable, today: Instant, max_age: u32) -> Findings {
    let elsewhere = |provider: &str, id: &str| table.card_by_id(provider, id);
    let files: Vec<PriceFile> = files.iter().filter(|f| !f.path.ends_with("table.yaml")).cloned().collect();
    // A file is a part of a table when some file of its provider names sources; otherwise it is an overlay.
    let provider =
        |file: &PriceFile| file.text.lines().find_map(|l| l.strip_prefix("provider:")).map(|p| p.trim().to_owned());
    let sourced: Vec<Option<String>> = files.iter().filter(|f| f.text.contains("\nsources:")).map(provider).collect();
    let (tables, overlays): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| sourced.contains(&provider(f)));
    let mut findings = Findings::default();
    for (group, used_as) in [(tables, Use::Table), (overlays, Use::Overlay)] {
        let (providers, problems) = compile(&group, used_as, &elsewhere);
        findings.problems.extend(problems);
        for provider in &providers {
            let path = group.iter().find(|f| f.text.contains(&format!("provider: {}", provider.head.id)));
            let path = path.map_or_else(|| provider.head.id.clone(), |f| f.path.clone());
            provider.models.iter().for_each(|card| findings.look_at(&path, &provider.head, card, today, max_age));
        }
    }
    findings
}

/// Checks the table in this program, overlays included.
#[must_use]
pub(crate) fn lint_table(table: &PriceTable, today: Instant, max_age: u32) -> Findings {
    let mut findings = Findings::default();
    for (head, card) in table.cards() {
        findings.look_at(&format!("{} (bundled)", head.id), &head, &card, today, max_age);
    }
    findings
}

impl Findings {
    fn look_at(&mut self, path: &str, head: &ProviderHead, card: &ModelCard, today: Instant, max_age: u32) {
        self.models += 1;
        self.prices += card.rate_cards.iter().map(price_count).sum::<usize>();
        let mut warn = |code, message: String, help: &str| {
            let (path, place) = (path.to_owned(), Place::default());
            self.problems.push(Problem {
                code,
                severity: Severity::Warning,
                path,
                place,
                message,
                help: Some(help.to_owned()),
            });
        };
        let full_id = format!("{}/{}", head.id, card.id);
        for tokenizer in &card.tokenizers {
            if !crate::tokenizer::is_known(&tokenizer.name) {
                let near = did_you_mean(&tokenizer.name, crate::tokenizer::names());
                warn(
                    "unknown-tokenizer",
                    format!("{full_id}: no tokenizer is called {:?}", tokenizer.name),
                    &format!("{near}`farebox tokenizers` lists them all"),
                );
            }
        }
        if let Some(rates) = card.rates_at(today).filter(|_| !card.is_retired(today) && card.info.last_listed.is_none())
        {
            let age = (today.unix() - rates.source.checked.unix()).div_euclid(86_400);
            let own = rates.source.evidence == super::card::Evidence::Own;
            if age > i64::from(max_age) && !own {
                warn(
                    "stale",
                    format!("{full_id}: nobody has checked this price for {age} days"),
                    "look at the source and write the new day in `checked`",
                );
            }
        }
        for pair in card.rate_cards.windows(2) {
            if let [before, after] = pair
                && after.note.is_none()
                && let Some((meter, from, to)) = jump(&before.rates, &after.rates)
            {
                let message = format!("{full_id}: {meter} went from {from} to {to} at {}", after.period);
                warn("jump", message, "a change beyond 90 % wants a `note` that says it is meant");
            }
        }
    }
}

fn price_count(card: &RateCard) -> usize {
    let count = |rates: &Rates| rates.iter().filter(|(_, r)| matches!(r, Rate::Price(_))).count();
    let variants =
        card.variants.iter().map(|v| count(&v.rates) + v.tiers.iter().map(|t| count(&t.rates)).sum::<usize>());
    count(&card.rates)
        + card.tiers.iter().map(|t| count(&t.rates)).sum::<usize>()
        + variants.sum::<usize>()
        + card.schedule.iter().map(|s| count(&s.rates)).sum::<usize>()
}

/// The first meter whose price fell or rose by more than nine tenths.
fn jump(before: &Rates, after: &Rates) -> Option<(Meter, Decimal, Decimal)> {
    before.iter().find_map(|(meter, rate)| {
        let (Rate::Price(old), Some(Rate::Price(new))) = (rate, super::card::rate_of(after, *meter)) else {
            return None;
        };
        let (old, new) = (old.usd.0, new.usd.0);
        let (small, large) = (old.min(new), old.max(new));
        (!small.is_zero() && small * Decimal::TEN < large).then_some((*meter, old, new))
    })
}
