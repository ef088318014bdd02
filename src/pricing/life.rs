//! Whether a model can be bought on a day, by what the table knows of its listings and of its end: [`PriceTable::life`].
//!
//! A model is live on a day when it is not known to end by then and was listed around the time of the table: by a source
//! that drops or dates dead models, read at most [`LISTED_FOR`] days before the table's own date. A clock has no say in
//! it: a table does not lose models by growing old.

use super::card::{Evidence, ModelCard, ProviderHead};
use super::{Found, PriceTable};
use crate::period::Instant;

/// How many days before the table's date the last listing of a live model may lie.
pub(crate) const LISTED_FOR: i64 = 60;
const DAY: i64 = 86_400;

/// What is known of a model's life on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It can be bought. The first day that it no longer answers, where that is known.
    Live(Option<Instant>),
    /// It no longer answers since that day.
    Retired(Instant),
    /// Nothing says that it ended, and no source lists it any longer. The last day that one did, where one is known.
    Unlisted(Option<Instant>),
}

impl Life {
    /// Whether it can be bought.
    #[must_use]
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Life::Live(_))
    }
}

impl PriceTable {
    /// What is known of a model's life on a day.
    #[must_use]
    pub(crate) fn life(&self, head: &ProviderHead, card: &ModelCard, at: Instant) -> Life {
        self.life_until(head, card, card.info.retired, at)
    }

    /// The same under the id that was asked for: a snapshot may end on a day of its own.
    #[must_use]
    pub(crate) fn life_of(&self, found: &Found, at: Instant) -> Life {
        self.life_until(&found.provider, &found.model, found.retired(), at)
    }

    fn life_until(&self, head: &ProviderHead, card: &ModelCard, ends: Option<Instant>, at: Instant) -> Life {
        life_by(card, ends, self.unlisted_since(head, card), at)
    }

    /// The first moment after the last listing of a card, where that was too long before the table.
    ///
    /// A user's own card needs no listing.
    pub(super) fn unlisted_since(&self, head: &ProviderHead, card: &ModelCard) -> Option<Instant> {
        let is_users = card.info.last_listed.is_none() && self.is_replaced(&head.id, &card.id);
        if is_users { None } else { unlisted_since(card, self.day()) }
    }
}

/// What is known of the life of a card of price files on a day.
///
/// * `table`: the day of the table that the files are.
pub(super) fn life_in_files(card: &ModelCard, table: Option<Instant>, at: Instant) -> Life {
    life_by(card, card.info.retired, unlisted_since(card, table), at)
}

fn life_by(card: &ModelCard, ends: Option<Instant>, unlisted_since: Option<Instant>, at: Instant) -> Life {
    if let Some(day) = ends.filter(|day| *day <= at) {
        return Life::Retired(day);
    }
    let is_over = unlisted_since.is_some_and(|since| since <= at);
    if is_over { Life::Unlisted(last_listing(card)) } else { Life::Live(ends) }
}

fn unlisted_since(card: &ModelCard, table: Option<Instant>) -> Option<Instant> {
    if let Some(day) = card.info.last_listed {
        return Some(after(day));
    }
    if card.rate_cards.iter().all(|rates| rates.source.evidence == Evidence::Own) {
        return None;
    }
    // Whoever says when a model ends says that it is there until then.
    let never = || card.info.retired.is_none().then_some(Instant::from_unix(i64::MIN));
    let Some(listed) = last_listing(card) else { return never() };
    let oldest = table?.unix() - LISTED_FOR * DAY;
    (listed.unix() < oldest).then(|| after(listed))
}

/// The last day that a source which drops or dates dead models listed a card.
fn last_listing(card: &ModelCard) -> Option<Instant> {
    card.info.last_listed.or(card.info.listed)
}

/// The end of a day.
fn after(day: Instant) -> Instant {
    Instant::from_unix(day.unix().saturating_add(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::compile::PriceFile;

    /// A table of 2026-11-22 with made-up models, and a second file of the user's own.
    fn table() -> PriceTable {
        let table = "version: 2026.11.22\n";
        let text = "schema: 1
provider: acme
sources:
  old: {url: \"https://acme.example/old\", checked: 2026-09-22, evidence: reported, listing: true}
  new: {url: \"https://acme.example/new\", checked: 2026-09-23, evidence: reported, listing: true}
models:
  - {id: fresh, listed_by: [new], prices: [{source: new, rates: {input: \"1\"}}]}
  - {id: forgotten, listed_by: [old], prices: [{source: new, rates: {input: \"1\"}}]}
  - {id: unheard-of, prices: [{source: new, rates: {input: \"1\"}}]}
  - {id: ended, retired: 2026-01-01, prices: [{source: new, rates: {input: \"1\"}}]}
  - {id: gone, last_listed: 2026-05-01, prices: [{source: new, rates: {input: \"1\"}}]}
  - {id: ending, retired: 2027-01-14, listed_by: [new], aliases: [{id: ending-0101, retired: 2026-12-01}], prices: [{source: new, rates: {input: \"1\"}}]}
";
        let files = [("acme.yaml", text), ("table.yaml", table)];
        let files = files.map(|(path, text)| PriceFile { path: path.into(), text: text.into() });
        let mut table = PriceTable::of_files(&files, "x").unwrap_or_else(|problems| panic!("{problems:#?}"));
        let own = "schema: 1\nprovider: mine\nmodels: [{id: house, prices: [{rates: {input: \"1\"}}]}]\n";
        table.lay_over(&[PriceFile { path: "own.yaml".into(), text: own.into() }]).unwrap();
        table
    }

    /// 2026-09-23 is 60 days before 2026-11-22 (`date -d "2026-11-22 -60 days"`).
    #[test]
    fn a_model_lives_while_it_was_listed_within_sixty_days_of_the_table_and_has_not_ended() {
        let table = table();
        let day = |text: &str| Some(text.parse::<Instant>().unwrap());
        let life = |id: &str, at: &str| {
            let at = at.parse().unwrap();
            table.life_of(&table.find(id, at).unwrap(), at)
        };
        for (id, at, want) in [
            ("acme/fresh", "2026-11-22", Life::Live(None)),
            // A later clock takes nothing away.
            ("acme/fresh", "2031-01-01", Life::Live(None)),
            ("acme/forgotten", "2026-11-22", Life::Unlisted(day("2026-09-22"))),
            // What was still listed after a day was alive on that day.
            ("acme/forgotten", "2026-09-22", Life::Live(None)),
            ("acme/unheard-of", "2026-11-22", Life::Unlisted(None)),
            ("acme/gone", "2026-05-01", Life::Live(None)),
            ("acme/gone", "2026-05-02", Life::Unlisted(day("2026-05-01"))),
            ("acme/ending", "2026-12-31", Life::Live(day("2027-01-14"))),
            ("acme/ending", "2027-01-14", Life::Retired("2027-01-14".parse().unwrap())),
            // A day of an end says that the model was there before it, whoever lists it.
            ("acme/ended", "2025-01-01", Life::Live(day("2026-01-01"))),
            ("acme/ended", "2026-01-01", Life::Retired("2026-01-01".parse().unwrap())),
            // A snapshot ends on its own day.
            ("acme/ending-0101", "2026-12-01", Life::Retired("2026-12-01".parse().unwrap())),
            ("mine/house", "2031-01-01", Life::Live(None)),
        ] {
            assert_eq!(life(id, at), want, "{id} on {at}");
        }
    }

    /// Models that were once shown as live although they were gone; `docs/prices.md` names the pages that say so.
    const GONE: &str = "
        anthropic/claude-3-sonnet-20240229 anthropic/claude-3-5-sonnet-20240620 anthropic/claude-3-5-sonnet-20241022
        anthropic/claude-3-5-haiku-20241022 anthropic/claude-2 anthropic/claude-2.1 openai/gpt-4.5-preview openai/o1-preview
        openai/o1-mini openai/gpt-4-32k openai/gpt-4-vision-preview openai/text-davinci-003 openai/gpt-3.5-turbo-0613
        google/gemini-1.5-pro google/gemini-1.5-flash-8b google/gemini-pro google/gemini-2.5-pro-preview-06-05
        google/gemini-2.5-flash-preview-05-20 google/imagen-3.0-generate-001 xai/grok-2 xai/grok-2-1212 xai/grok-beta
        groq/llama3-70b-8192 groq/llama3-8b-8192 groq/mixtral-8x7b-32768 groq/gemma2-9b-it perplexity/pplx-70b-online
        perplexity/pplx-7b-online perplexity/llama-3.1-sonar-large-128k-online perplexity/llama-3.1-sonar-small-128k-online
        mistral/open-mistral-7b mistral/open-mixtral-8x7b mistral/open-mixtral-8x22b";

    /// Models that their makers sold on the day of the table; the previews of the Gemini image models had ended.
    const SOLD: &str = "
        anthropic/claude-opus-5-5 anthropic/claude-haiku-5-5 openai/gpt-6.1-sol openai/gpt-6-luna openai/gpt-4.1-mini
        google/gemini-3.8-flash google/gemini-3-pro-image google/gemini-3.1-flash-image xai/grok-4.7 mistral/mistral-large-4
        cohere/embed-v4.0 bedrock/anthropic.claude-opus-5-5 vertex/claude-opus-5-5 azure/gpt-6-sol openrouter/openai/gpt-6-sol";

    #[test]
    fn the_table_knows_what_is_gone_and_what_is_sold() {
        let table = PriceTable::bundled();
        let day = table.day().unwrap();
        let is_live = |id: &&str| table.life_of(&table.find(id, day).unwrap(), day).is_live();
        let live: Vec<&str> = GONE.split_whitespace().filter(is_live).collect();
        let dead: Vec<&str> = SOLD.split_whitespace().filter(|id| !is_live(id)).collect();
        assert_eq!((live, dead), (Vec::new(), Vec::new()), "live though gone, and gone though sold");
    }

    /// A listing says that a model is sold, not what it costs: a price that nobody has seen for so long is not offered.
    #[test]
    fn every_live_price_has_evidence_as_young_as_a_listing() {
        let table = PriceTable::bundled();
        let day = table.day().unwrap();
        let oldest = day.unix() - LISTED_FOR * DAY;
        let mut live = 0;
        let mut old = Vec::new();
        for (head, card) in table.cards() {
            if !table.life(&head, &card, day).is_live() {
                continue;
            }
            live += 1;
            match card.rates_at(day) {
                Some(rates) if rates.source.checked.unix() >= oldest => {}
                Some(rates) => old.push(format!("{}/{} of {}", head.id, card.id, rates.source.checked)),
                None => old.push(format!("{}/{} has no price on {day}", head.id, card.id)),
            }
        }
        assert!(live > 1_000, "{live} live cards");
        assert!(old.is_empty(), "{} of {live}: {old:#?}", old.len());
    }
}
