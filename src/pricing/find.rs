//! Finds the card that an id means: exactly, or by rules that are written down here. Nothing is guessed.
//!
//! The order is: the id or alias itself, then the same without what providers, gateways and clouds put around it
//! ([`spellings`]). A name that is only similar is a suggestion in the error, never an answer.

use std::borrow::Cow;
use std::sync::Arc;

use super::PriceTable;
use super::card::{ModelCard, ProviderHead};
use crate::context::{Context, Dimension};
use crate::period::{Instant, Period};

/// A card, and how the id led to it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The provider's head.
    pub provider: Arc<ProviderHead>,
    /// The model's card.
    pub model: Arc<ModelCard>,
    /// How the id led here.
    pub matched: Matched,
    /// What every request to it states, where the id is a deployment of the user's.
    pub context: Context,
    /// Whether it is the card of the region that the request stated.
    pub regional: bool,
    /// The span around the instant of the question over which the answer is the same.
    pub holds: Period,
    /// Providers that sell a model of the same id, where the question named none.
    pub also_at: Vec<String>,
}

impl Found {
    /// A card that was not looked up by name.
    #[must_use]
    pub fn of_card(provider: Arc<ProviderHead>, model: Arc<ModelCard>) -> Self {
        let (context, holds) = (Context::default(), Period::default());
        Found { provider, model, matched: Matched::Id, context, regional: false, holds, also_at: Vec::new() }
    }

    /// `provider/model`, which finds this card again.
    #[must_use]
    pub fn full_id(&self) -> String {
        format!("{}/{}", self.provider.id, self.model.id)
    }

    /// What a request to this card states: what its deployment says, over that what the request says itself, without
    /// what the card stands for already.
    #[must_use]
    pub fn settle<'c>(&self, stated: &'c Context) -> Cow<'c, Context> {
        if self.context.is_empty() && !self.regional {
            return Cow::Borrowed(stated);
        }
        let mut context = stated.iter().fold(self.context.clone(), |c, (d, v)| c.with(d, v));
        if self.regional {
            context.remove(Dimension::Region);
        }
        Cow::Owned(context)
    }
}

/// How an id led to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// It is the id.
    Id,
    /// It is an alias.
    Alias,
    /// It is a deployment of the user's.
    Deployment,
    /// It is the id or an alias after something around it was taken off.
    Without(&'static str),
}

/// No card is meant by an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is called {asked:?}{}{}", other_times(meant), hint(suggestions))]
pub struct UnknownModel {
    /// What was asked for.
    pub asked: String,
    /// The cards that it meant at other times.
    pub meant: Vec<(String, Period)>,
    /// Ids that are similar, best first.
    pub suggestions: Vec<String>,
}

fn other_times(meant: &[(String, Period)]) -> String {
    let listed: Vec<String> = meant.iter().map(|(id, period)| format!("{id} ({period})")).collect();
    if listed.is_empty() { String::new() } else { format!(" at that time: it meant {}", listed.join(", ")) }
}

fn hint(suggestions: &[String]) -> String {
    if suggestions.is_empty() {
        return "\n  help: `farebox models` lists the models; --prices FILE adds one of your own".into();
    }
    format!(
        "\n  help: did you mean {}? `farebox models QUERY` searches; --prices FILE adds one of your own",
        suggestions.join(", ")
    )
}

impl PriceTable {
    /// The card that an id means at a moment: `provider/model`, a model id or an alias.
    ///
    /// An id that several providers sell means its maker's, or else that of the closest [role](super::card::Role): makers of
    /// other models, hosts, clouds, routers, each in the order of the alphabet; one that still answers comes before one that is
    /// retired;
    /// [`Found::also_at`] names the others.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub fn find(&self, asked: &str, at: Instant) -> Result<Found, UnknownModel> {
        let asked = asked.trim();
        if let Some((provider, model)) = self.split_provider(asked)
            && let Some(found) =
                self.deployment(&[provider], model, at).or_else(|| self.find_at(&[provider], model, at))
        {
            return Ok(found);
        }
        let everywhere: Vec<&Arc<ProviderHead>> = self.providers().iter().collect();
        let found = self.deployment(&everywhere, asked, at).or_else(|| self.find_at(&everywhere, asked, at));
        found.ok_or_else(|| self.unknown(asked))
    }

    /// The card of a request: as [`PriceTable::find`], and where the provider gives regions ids of their own, the card
    /// of the region that the request states.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub fn find_for(
        &self,
        provider: Option<&str>,
        model: &str,
        context: &Context,
        at: Instant,
    ) -> Result<Found, UnknownModel> {
        let found = match provider {
            Some(provider) => self.find_in(provider, model, at)?,
            None => self.find(model, at)?,
        };
        let region = context.get(Dimension::Region).or_else(|| found.context.get(Dimension::Region));
        let (Some(pattern), Some(region)) = (&found.provider.region_id, region) else { return Ok(found) };
        let id = pattern.replace("{region}", region).replace("{id}", &found.model.id);
        let regional = self.find_at(&[&found.provider], &id, at);
        Ok(match regional {
            Some(regional) => {
                Found { regional: true, context: found.context, holds: found.holds.and(regional.holds), ..regional }
            }
            None => found,
        })
    }

    /// The card that an id means for a provider that is known.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub fn find_in(&self, provider: &str, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        let asked = format!("{provider}/{model}");
        let found = self.find(&asked, at)?;
        // A router's own ids have slashes too, and its price is not the one of the provider that was asked for.
        let is_same = self.provider(provider).is_some_and(|head| head.id == found.provider.id);
        if is_same { Ok(found) } else { Err(self.unknown(&asked)) }
    }

    /// The provider that a name or id means.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<ProviderHead>> {
        let name = name.to_lowercase();
        let heads = self.providers();
        heads.iter().find(|h| h.id == name).or_else(|| heads.iter().find(|h| h.names.contains(&name)))
    }

    fn split_provider<'a>(&self, asked: &'a str) -> Option<(&Arc<ProviderHead>, &'a str)> {
        let (provider, model) = asked.split_once('/')?;
        Some((self.provider(provider)?, model))
    }

    fn find_at(&self, providers: &[&Arc<ProviderHead>], model: &str, at: Instant) -> Option<Found> {
        let id = model.to_lowercase();
        let mut holds = Period::default();
        spellings(&id).into_iter().find_map(|(spelling, without)| {
            let mut hits = self.hits(providers, &spelling, at, &mut holds);
            hits.sort_by_cached_key(|(head, card)| {
                (card.is_retired(at), !head.is_maker_of(&card.id), head.role, head.id.clone())
            });
            let also_at = hits.iter().skip(1).map(|(head, _)| head.id.clone()).collect();
            let (provider, model) = hits.into_iter().next()?;
            let matched = match without {
                Some(what) => Matched::Without(what),
                None if model.id.to_lowercase() == spelling => Matched::Id,
                None => Matched::Alias,
            };
            let context = Context::default();
            Some(Found { provider, model, matched, context, regional: false, holds, also_at })
        })
    }

    /// The card behind a deployment of the user's. Deployments win over ids, since the user named them.
    fn deployment(&self, providers: &[&Arc<ProviderHead>], name: &str, at: Instant) -> Option<Found> {
        let name = name.to_lowercase();
        let mut named = providers.iter().flat_map(|head| head.deployments.iter().map(move |d| (*head, d)));
        let (head, deployment) = named.find(|(_, d)| d.name == name)?;
        let found = self.find_at(&[head], &deployment.model, at)?;
        let context = deployment.with.iter().fold(Context::default(), |c, (d, v)| c.with(*d, v));
        Some(Found { matched: Matched::Deployment, context, ..found })
    }

    /// Cards that a name means exactly, at most one for each provider.
    fn hits(
        &self,
        providers: &[&Arc<ProviderHead>],
        name: &str,
        at: Instant,
        holds: &mut Period,
    ) -> Vec<(Arc<ProviderHead>, Arc<ModelCard>)> {
        let wanted = |head: &ProviderHead| providers.iter().any(|p| p.id == head.id);
        let mut hits: Vec<(Meaning, Arc<ProviderHead>, Arc<ModelCard>)> = Vec::new();
        let mut add = |head: Arc<ProviderHead>, card: Arc<ModelCard>| {
            let Some(meaning) = meaning(&card, name, at).filter(|_| wanted(&head)) else { return };
            *holds = holds.around(at, Period { from: card.info.retired, to: None });
            for alias in card.aliases.iter().filter(|a| a.id.to_lowercase() == name) {
                *holds = holds.around(at, alias.period);
            }
            match hits.iter_mut().find(|(_, h, _)| h.id == head.id) {
                Some(hit) if meaning > hit.0 => *hit = (meaning, head, card),
                Some(_) => {}
                None => hits.push((meaning, head, card)),
            }
        };
        for overlay in self.overlays.iter().rev() {
            let Some(head) = self.head(&overlay.head.id) else { continue };
            overlay.models.iter().for_each(|card| add(head.clone(), card.clone()));
        }
        for (head, card) in self.packed.find(name).filter_map(|i| self.bundled_card(i)) {
            if !self.is_replaced(&head.id, &card.id) {
                add(head, card);
            }
        }
        hits.into_iter().map(|(_, head, card)| (head, card)).collect()
    }

    fn unknown(&self, asked: &str) -> UnknownModel {
        let meant = self.meant(asked);
        let mut suggestions: Vec<String> = meant.iter().map(|(id, _)| id.clone()).collect();
        suggestions.extend(self.suggest(asked).into_iter().filter(|_| meant.is_empty()));
        UnknownModel { asked: asked.to_owned(), meant, suggestions }
    }

    /// The cards that an alias stands on whatever the time, each with the time it meant it.
    fn meant(&self, asked: &str) -> Vec<(String, Period)> {
        let (provider, model) = match self.split_provider(asked) {
            Some((head, model)) => (Some(&head.id), model),
            None => (None, asked),
        };
        let name = model.to_lowercase();
        let own = self.overlays.iter().flat_map(|o| o.models.iter().map(|m| (Arc::new(o.head.clone()), m.clone())));
        let bundled = self.packed.find(&name).filter_map(|i| self.bundled_card(i));
        let cards = own.chain(bundled).filter(|(head, _)| provider.is_none_or(|id| *id == head.id));
        let meant = cards.flat_map(|(head, card)| {
            let dated = card.aliases.iter().filter(|a| a.id.to_lowercase() == name);
            dated.map(|a| (format!("{}/{}", head.id, card.id), a.period)).collect::<Vec<_>>()
        });
        meant.collect()
    }

    fn suggest(&self, asked: &str) -> Vec<String> {
        let (provider, model) = match self.split_provider(asked) {
            Some((head, model)) => (Some(head.id.clone()), model),
            None => (None, asked.rsplit('/').next().unwrap_or(asked)),
        };
        let model = model.to_lowercase();
        let own = self.overlays.iter().flat_map(|o| o.models.iter().map(|m| (o.head.id.clone(), m.id.clone())));
        let bundled = self.packed.names().filter_map(|(name, i)| {
            let head = self.providers().get(self.packed.provider_of(i)?)?;
            Some((head.id.clone(), name.to_owned()))
        });
        let mut scored: Vec<(f64, String)> = own
            .chain(bundled)
            .filter(|(p, _)| provider.as_ref().is_none_or(|wanted| wanted == p))
            .map(|(p, name)| (likeness(&model, &name), format!("{p}/{name}")))
            .filter(|(score, _)| *score > 0.82)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.len().cmp(&b.1.len())).then_with(|| a.1.cmp(&b.1)));
        scored.truncate(3);
        scored.into_iter().map(|(_, id)| id).collect()
    }
}

/// How like two ids are, from 0 to 1; a shared beginning and few edits both count.
fn likeness(asked: &str, name: &str) -> f64 {
    let name = name.rsplit('/').next().unwrap_or(name);
    f64::midpoint(strsim::jaro_winkler(asked, name), strsim::normalized_damerau_levenshtein(asked, name))
        .max(if name.starts_with(asked) && asked.len() > 3 { 0.9 } else { 0.0 })
}

/// How well a name means a card at a moment: in force beats out of force.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// An alias that meant the card at another time: kept where the card has no price at this one, so that the refusal
    /// names the dates. A card with a price would answer for another model.
    AtAnotherTime,
    Alias,
    Id,
}

fn meaning(card: &ModelCard, name: &str, at: Instant) -> Option<Meaning> {
    if card.id.to_lowercase() == name {
        return Some(Meaning::Id);
    }
    let mut aliases = card.aliases.iter().filter(|a| a.id.to_lowercase() == name).peekable();
    aliases.peek()?;
    if aliases.any(|a| a.period.contains(at)) {
        return Some(Meaning::Alias);
    }
    card.rates_at(at).is_none().then_some(Meaning::AtAnotherTime)
}

/// The id itself, then what remains when the decorations of clouds and clients are taken off, one after the other.
///
/// The id must be in lower case.
pub(super) fn spellings(id: &str) -> Vec<(String, Option<&'static str>)> {
    let mut list = vec![(id.to_owned(), None)];
    let mut rest = id;
    for (what, strip) in DECORATIONS {
        if let Some(shorter) = strip(rest).filter(|s| !s.is_empty()) {
            rest = shorter;
            list.push((rest.to_owned(), Some(*what)));
        }
    }
    list
}

type Strip = fn(&str) -> Option<&str>;

const DECORATIONS: &[(&str, Strip)] = &[
    ("fine-tune's name", fine_tune),
    ("resource path", |id| id.rsplit_once("models/").map(|(_, rest)| rest)),
    ("context marker", |id| id.strip_suffix("[1m]")),
    ("version marker", |id| id.strip_suffix("@default").or_else(|| id.strip_suffix("@latest"))),
    ("date", without_date),
];

/// `ft:gpt-4o-mini-2024-07-18:acme::x1` is billed as `ft:gpt-4o-mini-2024-07-18`, a card of its own.
fn fine_tune(id: &str) -> Option<&str> {
    let base = id.strip_prefix("ft:")?.find(':')?;
    Some(&id[..base + 3])
}

/// `-20250929`, `@20250929` or `-2025-09-29` at the end.
fn without_date(id: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let compact = |sep: char| {
        id.rsplit_once(sep).filter(|(_, d)| d.len() == 8 && d.starts_with("20") && digits(d)).map(|(rest, _)| rest)
    };
    compact('-').or_else(|| compact('@')).or_else(|| {
        let split = id.len().checked_sub(11)?;
        let date = id.get(split..)?;
        let shape = date.strip_prefix('-')?;
        let parts: Vec<&str> = shape.split('-').collect();
        let fits =
            parts.len() == 3 && parts[0].len() == 4 && parts[0].starts_with("20") && parts.iter().all(|p| digits(p));
        fits.then(|| &id[..split])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorations_come_off_in_order() {
        let of = |id: &str| spellings(id).into_iter().map(|(s, _)| s).collect::<Vec<_>>();
        assert_eq!(of("gpt-4o"), ["gpt-4o"]);
        assert_eq!(of("models/gemini-2.5-pro"), ["models/gemini-2.5-pro", "gemini-2.5-pro"]);
        assert_eq!(of("claude-opus-4-8[1m]"), ["claude-opus-4-8[1m]", "claude-opus-4-8"]);
        assert_eq!(of("claude-haiku-4-5@20251001"), ["claude-haiku-4-5@20251001", "claude-haiku-4-5"]);
        assert_eq!(of("gpt-5.4-2026-03-05"), ["gpt-5.4-2026-03-05", "gpt-5.4"]);
        assert_eq!(of("llama-3.1-70b"), ["llama-3.1-70b"]);
        assert_eq!(of("ft:gpt-4o-mini:acme::x")[1], "ft:gpt-4o-mini");
    }
}
