//! Models that a plan may be moved to: what is live in the table, and meets what the plan needs.

use crate::jobs::Setup;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::card::{Kind, ModelCard, ProviderHead};

/// Whether a model answers, has a price, and is still listed by public sources.
#[must_use]
pub fn is_live(card: &ModelCard, setup: &Setup) -> bool {
    card.info.kind == Kind::Chat
        && !card.is_retired(setup.at)
        && card.info.last_listed.is_none()
        && card.rates_at(setup.at).is_some()
}

/// Live models of the same provider that read prompts of that length and are less than two years older, or newer.
#[must_use]
pub fn sisters(setup: &Setup, own: &Found, longest_prompt: u64) -> Vec<Found> {
    let fits = |head: &ProviderHead, card: &ModelCard| {
        let near = is_as_new(card.info.released, own.model.info.released);
        let reads = own.model.info.input.iter().all(|input| input == "text" || card.info.input.contains(input));
        head.id == own.provider.id
            && card.id != own.model.id
            && is_live(card, setup)
            && card.info.retired.is_none()
            && card.info.context_window.is_none_or(|window| window >= longest_prompt)
            && !card.id.starts_with("ft:")
            && is_plain(&card.id)
            && near
            && reads
    };
    let cards = setup.table.cards().filter(|(head, card)| fits(head, card));
    cards.map(|(head, card)| Found::of_card(head, card)).collect()
}

/// Whether a model was released less than two years before another, or after it; so is one of an unknown date.
fn is_as_new(model: Option<Instant>, other: Option<Instant>) -> bool {
    const TWO_YEARS: i64 = 2 * 366 * 86_400;
    match (model, other) {
        (Some(model), Some(other)) => other.unix().saturating_sub(model.unix()) < TWO_YEARS,
        _ => true,
    }
}

/// Whether a model is there for any question, rather than for searching, speaking or a trade.
fn is_plain(id: &str) -> bool {
    ["search", "audio", "realtime", "cyber", "codex", "research", "live", "tts"].iter().all(|word| !id.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::AsOf;
    use crate::pricing::PriceTable;
    use crate::pricing::compile::PriceFile;

    /// Made-up models; the dates alone matter.
    #[test]
    fn sisters_are_less_than_two_years_older_or_newer() {
        let models = ["own 2025-06-01", "older 2024-01-01", "ancient 2023-01-01", "newer 2026-06-01"].map(|model| {
            let (id, released) = model.split_once(' ').unwrap();
            format!("  - {{id: {id}, released: {released}, prices: [{{from: {released}, rates: {{input: \"1\"}}}}]}}\n")
        });
        let undated = "  - {id: undated, prices: [{rates: {input: \"1\"}}]}\n";
        let text = format!("schema: 1\nprovider: acme\nmodels:\n{}{undated}", models.concat());
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "acme.yaml".into(), text }]).unwrap();
        let setup = Setup {
            table: table.into(),
            at: "2026-07-01".parse().unwrap(),
            as_of: AsOf::Named,
            currency: None,
            vocabularies: None,
        };
        let own = setup.find("acme/own").unwrap();
        let mut found: Vec<String> = sisters(&setup, &own, 0).iter().map(|found| found.model.id.clone()).collect();
        found.sort();
        assert_eq!(found, ["newer", "older", "undated"]);
    }
}
