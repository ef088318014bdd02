//! Models that a plan may be moved to: what is live in the table, and meets what the plan needs.

use super::shared::Setup;
use crate::pricing::Found;
use crate::pricing::card::{Kind, ModelCard, ProviderHead};

/// Whether a model answers, has a price, and is not about to be forgotten.
pub(crate) fn is_live(card: &ModelCard, setup: &Setup) -> bool {
    card.info.kind == Kind::Chat
        && !card.is_retired(setup.at)
        && card.info.last_listed.is_none()
        && card.rates_at(setup.at).is_some()
}

/// Live models of the same provider that read prompts of that length and were made in the two years around it.
pub(crate) fn sisters(setup: &Setup, own: &Found, longest_prompt: u64) -> Vec<Found> {
    const TWO_YEARS: i64 = 2 * 366 * 86_400;
    let fits = |head: &ProviderHead, card: &ModelCard| {
        let near = match (card.info.released, own.model.info.released) {
            (Some(a), Some(b)) => b.unix() - a.unix() < TWO_YEARS,
            _ => true,
        };
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

/// Whether a model is there for any question, rather than for searching, speaking or a trade.
fn is_plain(id: &str) -> bool {
    ["search", "audio", "realtime", "cyber", "codex", "research", "live", "tts"].iter().all(|word| !id.contains(word))
}
