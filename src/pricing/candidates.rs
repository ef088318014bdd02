//! Which models may answer instead of another: live chat models ([`is_live`]), those that most people want ([`is_general`]),
//! newer or older ones of the same provider ([`sisters`]), the same model at other hosts ([`core_name`]), other names of the same ([`twin_name`]).

use super::card::{ALWAYS_THINKS, Kind, ModelCard, ProviderHead};
use super::suggest::without_date;
use super::{Found, PriceTable};
use crate::period::Instant;

/// Whether a chat model can be bought on a day: it has a price and is [live](PriceTable::life).
#[must_use]
pub(crate) fn is_live(table: &PriceTable, head: &ProviderHead, card: &ModelCard, at: Instant) -> bool {
    is_for_chat(card) && card.rates_at(at).is_some() && table.life(head, card, at).is_live()
}

/// Words in the ids of models that answer messages, but are made and billed for something else.
const OTHER_USES: [&str; 16] = [
    "voice",
    "voxtral",
    "stepaudio",
    "mt",
    "realtime",
    "live",
    "livetranslate",
    "audio",
    "tts",
    "research",
    "search",
    "robotics",
    "translate",
    "computer",
    "guard",
    "ocr",
];

/// Whether a model is there for any question: a chat model that writes text, and whose id names no other use.
#[must_use]
pub(crate) fn is_for_chat(card: &ModelCard) -> bool {
    let writes = card.info.output.is_empty() || card.info.output.iter().any(|output| output == "text");
    let id = card.id.to_lowercase();
    let mut words = id.split(|c: char| !c.is_ascii_alphanumeric());
    card.info.kind == Kind::Chat && writes && words.all(|word| !OTHER_USES.contains(&word))
}

/// Words in the ids of models that answer anything, but are made for one trade, for few customers, or to be tried.
const TRADES: [&str; 31] = [
    "arabic",
    "vision",
    "contributor",
    "highspeed",
    "ultraspeed",
    "code",
    "coder",
    "codex",
    "codestral",
    "devstral",
    "build",
    "vibe",
    "cyber",
    "daybreak",
    "law",
    "rosalind",
    "math",
    "med",
    "agent",
    "multi",
    "customtools",
    "exp",
    "experimental",
    "preview",
    "beta",
    "free",
    "deep",
    "nemo",
    "safeguard",
    "omni",
    "mythos",
];

/// Whether a model is meant for most people's work: not for a trade, not for a few, no preview, no fine-tuned form.
#[must_use]
pub(crate) fn is_general(card: &ModelCard) -> bool {
    let id = card.id.to_lowercase();
    let mut words = id.split(|c: char| !c.is_ascii_alphanumeric());
    is_for_chat(card) && !id.starts_with("ft:") && words.all(|word| !TRADES.contains(&word))
}

/// Whether a model thinks before every answer: what it costs without thinking tokens is then too low.
#[must_use]
pub(crate) fn always_thinks(card: &ModelCard) -> bool {
    card.info.capabilities.iter().any(|can| can == ALWAYS_THINKS)
}

/// Whether a model may think: one of which nothing is known may.
#[must_use]
pub(crate) fn may_think(card: &ModelCard) -> bool {
    let can = &card.info.capabilities;
    can.is_empty() || can.iter().any(|can| can == "reasoning" || can == ALWAYS_THINKS)
}

/// What an id has in common with its dated twins: `gpt-4o-2024-08-06`, `gpt-4-0613` and `mistral-large-latest` lose
/// their last part.
#[must_use]
pub(crate) fn twin_name(id: &str) -> String {
    let id = id.to_lowercase();
    let id = without_date(&id).unwrap_or(&id);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_version = |part: &str| ["latest", "preview", "exp"].contains(&part) || part.len() == 4 && is_number(part);
    let mut name = id;
    // `command-a-03-2025`: a month stands before its year.
    while let Some((rest, last)) = name.rsplit_once('-').filter(|(_, last)| is_version(last)) {
        let month = rest.rsplit_once('-').filter(|(_, month)| last.len() == 4 && month.len() == 2 && is_number(month));
        name = month.map_or(rest, |(rest, _)| rest);
    }
    name.to_owned()
}

/// Live models of the same provider that read prompts of that length and are less than two years older, or newer.
///
/// * `at`: the last moment that they are for.
pub(crate) fn sisters(table: &PriceTable, own: &Found, longest_prompt: u64, at: Instant) -> Vec<Found> {
    let fits = |head: &ProviderHead, card: &ModelCard| {
        let near = is_as_new(card.info.released, own.model.info.released);
        let reads = own.model.info.input.iter().all(|input| input == "text" || card.info.input.contains(input));
        head.id == own.provider.id
            && card.id != own.model.id
            && is_live(table, head, card, at)
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
    fn a_dated_twin_has_the_name_of_its_model() {
        for (id, name) in [
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("gpt-4-0613", "gpt-4"),
            ("mistral-large-latest", "mistral-large"),
            ("command-a-03-2025", "command-a"),
            ("qwen3-max-preview", "qwen3-max"),
            ("gemini-2.5-flash-preview-latest", "gemini-2.5-flash"),
            ("gpt-4.1-mini", "gpt-4.1-mini"),
            ("llama-3.1-70b", "llama-3.1-70b"),
        ] {
            assert_eq!(twin_name(id), name, "{id}");
        }
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
