//! The models that a command works with where none is named: [`panel`], the newest live chat model of each main maker.

use super::Setup;
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::PriceTable;
use crate::pricing::candidates::is_live;
use crate::pricing::card::{ModelCard, ProviderHead};

/// The makers whose newest models stand for what most people choose between.
const MAKERS: [&str; 5] = ["openai", "anthropic", "google", "mistral", "deepseek"];

/// Words in the ids of models that may be gone next month.
const EXPERIMENTS: [&str; 5] = ["exp", "experimental", "preview", "beta", "alpha"];

/// The newest live chat model of each main maker, by the day of its release, as `provider/model`.
///
/// Of two that came out on the same day it is the one with the shorter name: dated twins and variants have longer ones.
#[must_use]
pub fn panel(setup: &Setup) -> Vec<String> {
    let cards: Vec<_> = setup
        .table
        .cards()
        .filter(|(head, card)| MAKERS.contains(&head.id.as_str()) && is_candidate(&setup.table, head, card, setup.at))
        .collect();
    let newest = |maker: &&str| {
        let own = cards.iter().filter(|(head, _)| head.id == **maker);
        let rank = |card: &ModelCard| {
            (card.info.released, std::cmp::Reverse(card.id.len()), std::cmp::Reverse(card.id.clone()))
        };
        own.max_by_key(|(_, card)| rank(card)).map(|(head, card)| format!("{}/{}", head.id, card.id))
    };
    MAKERS.iter().filter_map(newest).collect()
}

/// Live, made by who sells it, out by then, and billed by the token.
fn is_candidate(table: &PriceTable, head: &ProviderHead, card: &ModelCard, at: Instant) -> bool {
    let id = card.id.to_lowercase();
    let mut words = id.split(|c: char| !c.is_ascii_alphanumeric());
    let is_out = card.info.released.is_some_and(|day| day <= at);
    let is_billed = |meter| card.rates_at(at).is_some_and(|rates| rates.priced_meters().any(|priced| priced == meter));
    is_out
        && words.all(|word| !EXPERIMENTS.contains(&word))
        && head.is_maker_of(&card.id)
        && is_live(table, head, card, at)
        && is_billed(Meter::Input)
        && is_billed(Meter::Output)
}

/// What a person should know about models that were chosen for them.
#[must_use]
pub fn panel_note(models: &[String]) -> String {
    format!(
        "no model given: {}, the newest live chat models of their makers; choose others with -m, FAREBOX_MODEL or `models:` in a configuration file (`farebox config`)",
        models.join(", ")
    )
}
