//! Finds the card that an id means: exactly, or by rules that are written down here. Nothing is guessed.
//!
//! The order is: the id or alias itself, then the same without what providers, gateways and clouds put around it
//! ([`spellings`]). A name that is only similar is a suggestion in the error, never an answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::PriceTable;
use super::card::{Alias, ModelCard, ProviderHead, Role};
use super::suggest::{Names, Suggestions, without_date};
use crate::context::{Context, Dimension};
use crate::period::{Instant, Period};
use crate::similar::beginning;

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
    /// The alias that was asked for, where it stops to answer on a day of its own.
    pub snapshot: Option<Alias>,
}

impl Found {
    /// A card that was not looked up by name.
    #[must_use]
    pub fn of_card(provider: Arc<ProviderHead>, model: Arc<ModelCard>) -> Self {
        let (context, holds) = (Context::default(), Period::default());
        Found {
            provider,
            model,
            matched: Matched::Id,
            context,
            regional: false,
            holds,
            also_at: Vec::new(),
            snapshot: None,
        }
    }

    /// First moment that the id which was asked for is not answered any longer.
    #[must_use]
    pub(crate) fn retired(&self) -> Option<Instant> {
        self.snapshot.as_ref().and_then(|alias| alias.retired).or(self.model.info.retired)
    }

    /// `provider/model` with the snapshot that was asked for, where that ends on a day of its own.
    #[must_use]
    pub(crate) fn ending_id(&self) -> String {
        let id = self.snapshot.as_ref().map_or(&self.model.id, |alias| &alias.id);
        format!("{}/{id}", self.provider.id)
    }

    /// `provider/model`, which finds this card again.
    #[must_use]
    pub fn full_id(&self) -> String {
        format!("{}/{}", self.provider.id, self.model.id)
    }

    /// What a request to this card states: what its deployment says, over that what the request says itself, without
    /// what the card stands for already.
    #[must_use]
    pub(crate) fn settle<'c>(&self, stated: &'c Context) -> Cow<'c, Context> {
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

/// A card that an alias meant for some time.
#[derive(Clone, Debug)]
pub(crate) struct AliasMeaning {
    /// The provider's id.
    pub provider: String,
    /// The card, as `provider/model`.
    pub id: String,
    /// The card itself.
    pub card: Arc<ModelCard>,
    /// When the alias meant it.
    pub period: Period,
}

/// No card is meant by an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// What was asked for.
    pub asked: String,
    /// The provider that was asked for, where none is called so.
    pub unknown_provider: Option<String>,
    /// The cards that it meant at other times.
    pub meant: Vec<(String, Period)>,
    /// Ids that are similar, best first.
    pub suggestions: Vec<String>,
}

impl std::error::Error for UnknownModel {}

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unknown_provider {
            Some(provider) => {
                write!(f, "no provider is called {:?} (asked for {:?})", shortened(provider), shortened(&self.asked))?;
            }
            None => write!(f, "no model is called {:?}", shortened(&self.asked))?,
        }
        if !self.meant.is_empty() {
            let listed: Vec<String> = self.meant.iter().map(|(id, period)| format!("{id} ({period})")).collect();
            write!(f, " at that time: it meant {}", listed.join(", "))?;
        }
        Ok(())
    }
}

impl UnknownModel {
    /// The next step.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match (self.suggestions.as_slice(), &self.unknown_provider) {
            ([], None) => {
                "`farebox models` lists the models; --prices FILE adds a model at the prices of your contract"
                    .to_owned()
            }
            ([], Some(_)) => "`farebox prices list` lists the providers".to_owned(),
            (similar, _) => format!(
                "did you mean {}? `farebox models QUERY` searches; --prices FILE adds a model at the prices of your contract",
                similar.join(", ")
            ),
        })
    }
}

/// A name as it appears in a message: the whole where it is of a usual length.
fn shortened(name: &str) -> Cow<'_, str> {
    match beginning(name) {
        whole if whole.len() == name.len() => Cow::Borrowed(whole),
        start => Cow::Owned(format!("{start}…")),
    }
}

/// Where a card is looked for.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Anywhere,
    At(&'a ProviderHead),
    /// At the provider that made the model and sells it itself.
    Maker,
}

impl Scope<'_> {
    fn includes(self, head: &ProviderHead, card: &ModelCard) -> bool {
        match self {
            Scope::Anywhere => true,
            Scope::At(wanted) => wanted.id == head.id,
            Scope::Maker => {
                let base = card.id.strip_prefix("ft:").unwrap_or(&card.id);
                head.role == Role::Maker && head.is_maker_of(base)
            }
        }
    }
}

/// A card, or the span around the instant of the question over which there is none.
pub(super) type Sought = Result<Found, Period>;

impl PriceTable {
    /// The card that an id means at a moment: `provider/model`, a model id or an alias.
    ///
    /// An id that several providers sell means its maker's, or else that of the closest [role](Role): makers of
    /// other models, hosts, clouds, routers, each in the order of the alphabet; one that still answers comes before one that is
    /// retired;
    /// [`Found::also_at`] names the others.
    ///
    /// Behind a provider, what only repeats who is asked is left out: the provider's name again (`openai/openai/gpt-4o`),
    /// the model's maker (`vertex/anthropic/claude-opus-4-5`), a route (`bedrock/converse/…`); a cloud's region
    /// (`bedrock/us-east-1/…`) becomes a part of [`Found::context`].
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    ///
    /// # Examples
    /// ```
    /// use farebox::pricing::PriceTable;
    /// let (table, at) = (PriceTable::bundled(), "2024-11-15".parse().unwrap());
    /// for asked in ["gpt-4o", "openai/gpt-4o", "openai/openai/gpt-4o", "openai.responses/gpt-4o"] {
    ///     assert_eq!(table.find(asked, at)?.full_id(), "openai/gpt-4o");
    /// }
    /// # Ok::<(), farebox::pricing::UnknownModel>(())
    /// ```
    pub fn find(&self, asked: &str, at: Instant) -> Result<Found, UnknownModel> {
        self.get(asked, at).ok_or_else(|| self.unknown(None, asked, at))
    }

    /// As [`PriceTable::find`], without looking for similar ids where no card is meant.
    #[must_use]
    pub fn get(&self, asked: &str, at: Instant) -> Option<Found> {
        self.seek_anywhere(asked, at).ok()
    }

    /// The card of a request: as [`PriceTable::find`], and where the provider gives regions ids of their own, the card
    /// of the region that the request states.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub(crate) fn find_for(
        &self,
        provider: Option<&str>,
        model: &str,
        context: &Context,
        at: Instant,
    ) -> Result<Found, UnknownModel> {
        let whose = provider.map_or(Whose::Anyone, Whose::Provider);
        self.seek(whose, model, context, at).map_err(|_| self.unknown(provider, model, at))
    }

    /// The card that an id means for a provider that is known.
    ///
    /// # Errors
    /// [`UnknownModel`] with similar ids.
    pub fn find_in(&self, provider: &str, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        let head = self.provider(provider);
        let found = head.and_then(|head| self.seek_at(head, model, at).ok());
        found.ok_or_else(|| self.unknown(Some(provider), model, at))
    }

    /// [`PriceTable::find_for`] without an explanation where none is found, but with the time for which that holds.
    pub(super) fn seek(&self, whose: Whose, model: &str, context: &Context, at: Instant) -> Sought {
        let found = match whose {
            Whose::Anyone => self.seek_anywhere(model, at)?,
            Whose::Maker => self.seek_maker(model, at)?,
            Whose::Provider(name) => self.seek_at(self.provider(name).ok_or_else(Period::default)?, model, at)?,
        };
        let region = context.get(Dimension::Region).or_else(|| found.context.get(Dimension::Region));
        let (Some(pattern), Some(region)) = (&found.provider.region_id, region) else { return Ok(found) };
        let id = pattern.replace("{region}", region).replace("{id}", &found.model.id);
        Ok(match self.find_at(Scope::At(&found.provider), &id, at) {
            Ok(regional) => {
                Found { regional: true, context: found.context, holds: found.holds.and(regional.holds), ..regional }
            }
            Err(holds) => Found { holds: found.holds.and(holds), ..found },
        })
    }

    fn seek_anywhere(&self, asked: &str, at: Instant) -> Sought {
        let asked = asked.trim();
        let mut holds = Period::default();
        if let Some((head, model)) = self.split_provider(asked) {
            match self.seek_at(head, model, at) {
                Ok(found) => return Ok(found),
                Err(period) => holds = period,
            }
        }
        let deployment = self.has_deployments.then(|| {
            let everywhere: Vec<&Arc<ProviderHead>> = self.providers().iter().collect();
            self.deployment(&everywhere, asked, at)
        });
        let found = match deployment.flatten() {
            Some(found) => Ok(found),
            None => self.find_at(Scope::Anywhere, asked, at),
        };
        found.map(|found| Found { holds: found.holds.and(holds), ..found }).map_err(|period| period.and(holds))
    }

    /// The card of the provider that made the model, retired or not; none where no maker of it sells it itself.
    fn seek_maker(&self, asked: &str, at: Instant) -> Sought {
        let asked = asked.trim();
        let mut holds = Period::default();
        if let Some((head, model)) = self.split_provider(asked) {
            match self.seek_at(head, model, at) {
                Ok(found) if Scope::Maker.includes(&found.provider, &found.model) => return Ok(found),
                Ok(found) => holds = found.holds,
                Err(period) => holds = period,
            }
        }
        let found = self.find_at(Scope::Maker, asked, at);
        found.map(|found| Found { holds: found.holds.and(holds), ..found }).map_err(|period| period.and(holds))
    }

    /// The card of one provider, whatever its id repeats of who is asked.
    fn seek_at(&self, head: &Arc<ProviderHead>, model: &str, at: Instant) -> Sought {
        let mut holds = Period::default();
        let (mut rest, mut without, mut region) = (model.trim(), None, None);
        loop {
            let found = match self.deployment(&[head], rest, at) {
                Some(found) => Ok(found),
                None => self.find_at(Scope::At(head), rest, at),
            };
            let missing = match found {
                Ok(found) => return Ok(found.behind(without, region).within(holds)),
                Err(missing) => missing,
            };
            holds = holds.and(missing);
            let Some((segment, after)) = rest.split_once('/') else { return Err(holds) };
            match self.repeated(head, segment, after) {
                Some(Repeated::Region) => region = Some(segment),
                Some(Repeated::Name(what)) => without = Some(what),
                None => return Err(holds),
            }
            rest = after;
        }
    }

    /// What the first part of an id says where it does not name the model.
    fn repeated(&self, head: &ProviderHead, segment: &str, model: &str) -> Option<Repeated> {
        let named = self.provider(segment);
        if named.is_some_and(|named| named.id == head.id) {
            return Some(Repeated::Name("repeated provider"));
        }
        if head.role == Role::Cloud && is_region(segment) {
            return Some(Repeated::Region);
        }
        if head.role == Role::Cloud && ROUTES.iter().any(|route| route.eq_ignore_ascii_case(segment)) {
            return Some(Repeated::Name("route"));
        }
        let is_maker = named.is_some_and(|named| named.is_maker_of(model));
        // A router's own ids begin with the maker, so that one without it is another model's.
        (is_maker && head.role != Role::Router).then_some(Repeated::Name("maker's name"))
    }

    /// The provider that a name or id means: one of the table's, in any letter case, with `-`, `_`, `.` or a space between
    /// its words, and with or without the endpoint that client libraries write behind it (`openai.responses`).
    ///
    /// # Examples
    /// ```
    /// use farebox::pricing::PriceTable;
    /// let table = PriceTable::bundled();
    /// let id = |name| table.provider(name).map(|head| head.id.as_str());
    /// assert_eq!(id("Mistral AI"), Some("mistral"));
    /// assert_eq!(id("google.generative-ai"), Some("google"));
    /// assert_eq!(id("azure-openai.chat"), Some("azure"));
    /// assert_eq!(id("acme.chat"), None);
    /// ```
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<ProviderHead>> {
        let heads = self.providers();
        let mut name = name.trim();
        loop {
            let is_id = |head: &&Arc<ProviderHead>| is_same_name(&head.id, name);
            let is_name = |head: &&Arc<ProviderHead>| head.names.iter().any(|other| is_same_name(other, name));
            if let Some(head) = heads.iter().find(is_id).or_else(|| heads.iter().find(is_name)) {
                return Some(head);
            }
            let (rest, endpoint) = name.rsplit_once('.')?;
            if !ENDPOINTS.iter().any(|known| is_same_name(known, endpoint)) {
                return None;
            }
            name = rest;
        }
    }

    fn split_provider<'a>(&self, asked: &'a str) -> Option<(&Arc<ProviderHead>, &'a str)> {
        let (provider, model) = asked.split_once('/')?;
        Some((self.provider(provider)?, model))
    }

    fn find_at(&self, scope: Scope, model: &str, at: Instant) -> Sought {
        let id = model.to_lowercase();
        let mut holds = Period::default();
        for (spelling, without) in spellings(&id) {
            let mut hits = self.hits(scope, &spelling, at, &mut holds);
            hits.sort_by_cached_key(|(head, card)| {
                (has_ended(card, &spelling, at), !head.is_maker_of(&card.id), head.role, head.id.clone())
            });
            let also_at = hits.iter().skip(1).map(|(head, _)| head.id.clone()).collect();
            let Some((provider, model)) = hits.into_iter().next() else { continue };
            let matched = match without {
                Some(what) => Matched::Without(what),
                None if model.id.to_lowercase() == spelling => Matched::Id,
                None => Matched::Alias,
            };
            let context = Context::default();
            let snapshot = snapshot(&model, &spelling, at).cloned();
            return Ok(Found { provider, model, matched, context, regional: false, holds, also_at, snapshot });
        }
        Err(holds)
    }

    /// The card behind a deployment of the user's. Deployments win over ids, since the user named them.
    fn deployment(&self, providers: &[&Arc<ProviderHead>], name: &str, at: Instant) -> Option<Found> {
        let name = name.to_lowercase();
        let mut named = providers.iter().flat_map(|head| head.deployments.iter().map(move |d| (*head, d)));
        let (head, deployment) = named.find(|(_, d)| d.name == name)?;
        let found = self.find_at(Scope::At(head), &deployment.model, at).ok()?;
        let context = deployment.with.iter().fold(Context::default(), |c, (d, v)| c.with(*d, v));
        Some(Found { matched: Matched::Deployment, context, ..found })
    }

    /// Cards that a name means exactly, at most one for each provider.
    fn hits(
        &self,
        scope: Scope,
        name: &str,
        at: Instant,
        holds: &mut Period,
    ) -> Vec<(Arc<ProviderHead>, Arc<ModelCard>)> {
        let mut hits: Vec<(Meaning, Arc<ProviderHead>, Arc<ModelCard>)> = Vec::new();
        let mut add = |head: Arc<ProviderHead>, card: Arc<ModelCard>| {
            if !scope.includes(&head, &card) {
                return;
            }
            *holds = holds.around(at, Period { from: card.info.retired, to: None });
            for alias in card.aliases.iter().filter(|a| a.id.to_lowercase() == name) {
                *holds = holds.around(at, alias.period).around(at, Period { from: alias.retired, to: None });
            }
            let Some(meaning) = meaning(&card, name, at) else { return };
            match hits.iter_mut().find(|(_, h, _)| h.id == head.id) {
                Some(hit) if meaning > hit.0 => *hit = (meaning, head, card),
                Some(_) => {}
                None => hits.push((meaning, head, card)),
            }
        };
        for overlay in self.overlays.iter().rev() {
            let Some(head) = self.head(&overlay.head.id) else { continue };
            overlay.named(name).for_each(|card| add(head.clone(), card.clone()));
        }
        for (head, card) in self.packed.find(name).filter_map(|i| self.bundled_card(i)) {
            if !self.is_replaced(&head.id, &card.id) {
                add(head, card);
            }
        }
        hits.into_iter().map(|(_, head, card)| (head, card)).collect()
    }

    /// Why no card is meant, with similar ids.
    pub(super) fn unknown(&self, provider: Option<&str>, model: &str, at: Instant) -> UnknownModel {
        self.unknown_while(provider, model, at).0
    }

    /// The same, and the span around the instant over which it is.
    pub(super) fn unknown_while(&self, provider: Option<&str>, model: &str, at: Instant) -> (UnknownModel, Period) {
        let model = model.trim();
        let asked = provider.map_or_else(|| model.to_owned(), |provider| format!("{provider}/{model}"));
        let (head, model) = match provider {
            Some(name) => (self.provider(name), model),
            None => self.split_provider(model).map_or((None, model), |(head, model)| (Some(head), model)),
        };
        let unknown_provider = provider.filter(|_| head.is_none()).map(str::to_owned);
        let wanted = head.map(|head| head.id.as_str());
        let meant = self.meant(wanted, model);
        if !meant.is_empty() {
            let suggestions = meant.iter().map(|(id, _)| id.clone()).collect();
            return (UnknownModel { asked, unknown_provider, meant, suggestions }, Period::default());
        }
        let mut similar = self.similar(wanted, model, at);
        if similar.ids.is_empty() && wanted.is_some() {
            let elsewhere = self.similar(None, model, at);
            similar = Suggestions { holds: similar.holds.and(elsewhere.holds), ..elsewhere };
        }
        (UnknownModel { asked, unknown_provider, meant, suggestions: similar.ids }, similar.holds)
    }

    fn similar(&self, provider: Option<&str>, model: &str, at: Instant) -> Suggestions {
        #[cfg(test)]
        self.searches.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let names = || {
            let unlisted = |head: &ProviderHead, card: &ModelCard| self.unlisted_since(head, card);
            Names::of(self.cards(), &unlisted).into()
        };
        self.names.get_or_init(names).search(provider, model, at)
    }

    /// Every card that an alias means or meant, the earliest first; none for an id of a card's own.
    ///
    /// They are those of one provider: the one that is named, or else the one that [`PriceTable::find`] answers with, or
    /// the first that has the alias.
    pub(crate) fn meanings(&self, asked: &str, at: Instant) -> Vec<AliasMeaning> {
        let (head, model) =
            self.split_provider(asked.trim()).map_or((None, asked.trim()), |(h, model)| (Some(h), model));
        let found = self.get(asked, at);
        if found.as_ref().is_some_and(|found| found.matched == Matched::Id) {
            return Vec::new();
        }
        let provider = head.map(|head| head.id.clone()).or(found.map(|found| found.provider.id.clone()));
        let mut meanings = self.with_alias(provider.as_deref(), model);
        let first = meanings.first().map(|meaning| meaning.provider.clone());
        meanings.retain(|meaning| Some(&meaning.provider) == first.as_ref());
        meanings.sort_by_key(|meaning| meaning.period.from);
        meanings
    }

    /// The cards that have an alias whatever the time, each with the time it meant it.
    fn meant(&self, provider: Option<&str>, model: &str) -> Vec<(String, Period)> {
        self.with_alias(provider, model).into_iter().map(|meaning| (meaning.id, meaning.period)).collect()
    }

    fn with_alias(&self, provider: Option<&str>, model: &str) -> Vec<AliasMeaning> {
        let name = model.to_lowercase();
        let own = self.overlays.iter().flat_map(|o| o.named(&name).map(|card| (o.head.id.as_str(), card.clone())));
        let bundled = self.packed.find(&name).filter_map(|i| self.bundled_card(i));
        let bundled: Vec<_> = bundled.collect();
        let bundled = bundled.iter().map(|(head, card)| (head.id.as_str(), card.clone()));
        let cards = own.chain(bundled).filter(|(head, _)| provider.is_none_or(|id| id == *head));
        let meant = cards.flat_map(|(head, card)| {
            let dated = card.aliases.iter().filter(|a| a.id.to_lowercase() == name);
            let meaning = |alias: &Alias| AliasMeaning {
                provider: head.to_owned(),
                id: format!("{head}/{}", card.id),
                card: card.clone(),
                period: alias.period,
            };
            dated.map(meaning).collect::<Vec<_>>()
        });
        meant.collect()
    }
}

/// Whose card is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// That of the provider closest to the model: see [`PriceTable::find`].
    Anyone,
    /// That of the provider that made the model, retired or not.
    Maker,
    /// That of one provider, by any of its names.
    Provider(&'a str),
}

/// What the first part of an id says where it does not name the model.
enum Repeated {
    Name(&'static str),
    Region,
}

impl Found {
    /// The same card, found behind something that the id repeated.
    fn behind(mut self, without: Option<&'static str>, region: Option<&str>) -> Self {
        if let Some(what) = without
            && self.matched != Matched::Deployment
        {
            self.matched = Matched::Without(what);
        }
        if let Some(region) = region {
            self.context.set(Dimension::Region, &region.to_lowercase());
        }
        self
    }

    fn within(self, holds: Period) -> Self {
        Found { holds: self.holds.and(holds), ..self }
    }
}

/// What LiteLLM writes between a cloud and its model to say how it calls it.
const ROUTES: &[&str] = &["converse", "converse_like", "invoke"];

/// What client libraries write behind a provider to say which of its endpoints they call.
const ENDPOINTS: &[&str] = &[
    "chat",
    "completion",
    "completions",
    "embedding",
    "embeddings",
    "image",
    "language-model",
    "messages",
    "rerank",
    "reranking",
    "responses",
    "speech",
    "text-embedding",
    "textEmbedding",
    "transcription",
    "video",
];

/// Whether two names of a provider differ only in letter case and in what is between their words.
fn is_same_name(a: &str, b: &str) -> bool {
    let folded = |byte: u8| match byte {
        b'_' | b'.' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    };
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| folded(a) == folded(b))
}

/// Whether a part of an id is a region of a cloud: `us-east-1`, `us-gov-west-1`, `europe-west4`.
fn is_region(segment: &str) -> bool {
    let words: Vec<&str> = segment.split('-').collect();
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
    let [area @ .., last] = words.as_slice() else { return false };
    let number = last.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && !area.is_empty()
        && area.iter().all(letters)
        && words.len() - usize::from(number.len() == last.len()) >= 2
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

/// The alias of a card that a name is, where it ends on a day of its own.
fn snapshot<'c>(card: &'c ModelCard, name: &str, at: Instant) -> Option<&'c Alias> {
    let is_meant = |alias: &&Alias| alias.retired.is_some() && alias.period.contains(at);
    card.aliases.iter().filter(is_meant).find(|alias| alias.id.to_lowercase() == name)
}

/// Whether a card no longer answers under a name.
fn has_ended(card: &ModelCard, name: &str, at: Instant) -> bool {
    let own = snapshot(card, name, at).and_then(|alias| alias.retired);
    own.map_or_else(|| card.is_retired(at), |day| day <= at)
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

/// What OpenRouter takes behind a model to choose among its hosts, or to add a plug-in: never another model.
const ROUTING: &[&str] = &[":floor", ":nitro", ":online", ":exacto"];

type Strip = fn(&str) -> Option<&str>;

const DECORATIONS: &[(&str, Strip)] = &[
    ("fine-tune's name", fine_tune),
    ("resource path", |id| id.rsplit_once("models/").map(|(_, rest)| rest)),
    ("resource name", |id| id.strip_prefix("arn:").and_then(|arn| arn.rsplit_once('/')).map(|(_, rest)| rest)),
    ("context marker", |id| id.strip_suffix("[1m]")),
    ("routing variant", |id| ROUTING.iter().find_map(|variant| id.strip_suffix(variant))),
    ("version marker", |id| id.strip_suffix("@default").or_else(|| id.strip_suffix("@latest"))),
    ("date", without_date),
];

/// `ft:gpt-4o-mini-2024-07-18:acme::x1` is billed as `ft:gpt-4o-mini-2024-07-18`, a card of its own.
fn fine_tune(id: &str) -> Option<&str> {
    let base = id.strip_prefix("ft:")?.find(':')?;
    Some(&id[..base + 3])
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
        assert_eq!(of("openai/gpt-5:floor"), ["openai/gpt-5:floor", "openai/gpt-5"]);
        assert_eq!(of("openai/gpt-5:thinking"), ["openai/gpt-5:thinking"]);
    }
}
