//! Which models may answer instead of another: what is live ([`is_live`]), newer or older ones of the same provider
//! ([`sisters`]), the same model at other hosts ([`core_name`]).

use super::card::{Kind, ModelCard, ProviderHead};
use super::{Found, PriceTable};
use crate::period::Instant;

/// Whether a model answers, has a price, and is still listed by public sources.
#[must_use]
pub(crate) fn is_live(card: &ModelCard, at: Instant) -> bool {
    card.info.kind == Kind::Chat
        && !card.is_retired(at)
        && card.info.last_listed.is_none()
        && card.rates_at(at).is_some()
}

/// Live models of the same provider that read prompts of that length and are less than two years older, or newer.
pub(crate) fn sisters(table: &PriceTable, own: &Found, longest_prompt: u64, at: Instant) -> Vec<Found> {
    let fits = |head: &ProviderHead, card: &ModelCard| {
        let near = is_as_new(card.info.released, own.model.info.released);
        let reads = own.model.info.input.iter().all(|input| input == "text" || card.info.input.contains(input));
        head.id == own.provider.id
            && card.id != own.model.id
            && is_live(card, at)
            && card.info.retired.is_none()
            && card.info.context_window.is_none_or(|window| window >= longest_prompt)
            && !card.id.starts_with("ft:")
            && is_plain(&card.id)
            && near
            && reads
    };
    let cards = table.cards().filter(|(head, card)| fits(head, card));
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

/// Words that hosts add to the ids of models.
const NOISE: [&str; 23] = [
    "instruct",
    "it",
    "chat",
    "turbo",
    "maas",
    "versatile",
    "instant",
    "fp8",
    "fp4",
    "bf16",
    "awq",
    "hf",
    "meta",
    "us",
    "eu",
    "apac",
    "global",
    "anthropic",
    "mistral",
    "v1",
    "0",
    "fast",
    "tput",
];

/// What is left of an id when makers, regions and the words that hosts add are taken off.
#[must_use]
pub(crate) fn core_name(id: &str) -> String {
    let last = id.to_lowercase();
    let last = last.rsplit('/').next().unwrap_or("");
    let is_part = |part: &&str| !part.is_empty();
    let parts = last.split(['-', '_', ':', '.', '@']).filter(is_part).filter(|part| !NOISE.contains(part));
    parts.collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let at = "2026-07-01".parse().unwrap();
        let own = table.find("acme/own", at).unwrap();
        let mut found: Vec<String> = sisters(&table, &own, 0, at).iter().map(|found| found.model.id.clone()).collect();
        found.sort();
        assert_eq!(found, ["newer", "older", "undated"]);
    }

    #[test]
    fn hosts_name_one_model_in_many_ways() {
        let same = [
            "meta-llama/Llama-3.3-70B-Instruct",
            "llama-3.3-70b-versatile",
            "meta.llama3-3-70b-instruct-v1:0",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "us.meta.llama3-3-70b-instruct-v1:0",
        ];
        for id in same {
            assert_eq!(core_name(id), "llama3370b", "{id}");
        }
        assert_ne!(core_name("llama-3.1-70b"), core_name("llama-3.3-70b"));
    }
}
