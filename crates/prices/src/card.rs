//! What a price file says once it is checked: [`ProviderHead`] and [`ModelCard`], the forms that the engine reads.
//!
//! These types know nothing of YAML. They serialise compactly, because the bundled table is embedded in this form.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::context::{Context, Dimension};
use crate::meter::Meter;
use crate::money::Exact;
use crate::period::{Instant, Period};

/// Everything that all models of a provider share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderHead {
    /// The id before the slash.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Other names that mean this provider.
    pub names: Vec<String>,
    /// What it is to the models it sells.
    pub role: Role,
    /// How the ids of models begin that it made itself.
    pub makes: Vec<String>,
    /// Where its API is.
    pub api: Option<Api>,
    /// Values of a request that change no price.
    pub neutral: Vec<(Dimension, Vec<String>)>,
    /// Meters that bill as another where a card has no rate of their own.
    pub fallbacks: Vec<(Meter, Meter)>,
    /// Factors on rates.
    pub multipliers: Vec<Multiplier>,
    /// Names of a user's own for its models.
    pub deployments: Vec<Deployment>,
    /// How the id of a model in a region is made, where regions have ids of their own: `{region}/{id}`.
    pub region_id: Option<String>,
}

impl ProviderHead {
    /// Whether the provider made a model itself, rather than hosting another's.
    #[must_use]
    pub fn is_maker_of(&self, id: &str) -> bool {
        let id = id.to_lowercase();
        self.makes.iter().any(|beginning| id.starts_with(beginning.as_str()))
    }
}

/// A name of a user's own for a model, with what every request to it states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The name, in lower case.
    pub name: String,
    /// The model's id.
    pub model: String,
    /// What every request to it states.
    pub with: Vec<(Dimension, String)>,
}

/// What one US dollar is in another currency over a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRate {
    /// Three capital letters.
    pub currency: String,
    /// When it holds.
    pub period: Period,
    /// Units of the currency for one US dollar.
    pub per_usd: Exact,
    /// Where it was read, as the user wrote it.
    pub source: Option<String>,
}

/// What a provider is to the models it sells; in the order in which an id without a provider is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made them.
    Maker,
    /// Runs models of others.
    #[default]
    Host,
    /// Resells a maker's models on its own cloud.
    Cloud,
    /// Passes requests on to other providers.
    Router,
}

/// Where a provider is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Base URL of the API.
    pub base_url: Option<String>,
    /// Whether clients made for OpenAI's API work; absent where nobody has looked.
    pub openai_compatible: Option<bool>,
    /// Documentation page.
    pub docs: Option<String>,
    /// Environment variable that clients read the key from.
    pub key: Option<String>,
}

/// A factor on the rates of some models, while a request states some values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Multiplier {
    /// What the request must state.
    pub when: Vec<(Dimension, String)>,
    /// What the rates are multiplied with.
    pub factor: Exact,
    /// The meters it moves; all token meters when empty.
    pub meters: Vec<Meter>,
    /// The models it holds for; all when empty. `eu.*` is every id that begins with `eu.`.
    pub models: Vec<String>,
    /// When it holds.
    pub period: Period,
}

impl Multiplier {
    /// Whether it is about a model.
    #[must_use]
    pub fn concerns(&self, id: &str) -> bool {
        let is = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => pattern == id,
        };
        self.models.is_empty() || self.models.iter().any(is)
    }
}

/// A model's own page in the table: what it is, and what it has cost since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The id behind the slash.
    pub id: String,
    /// Other ids, with the time each of them meant this card.
    pub aliases: Vec<Alias>,
    /// What is known beside prices.
    pub info: ModelInfo,
    /// Which vocabulary counts its text, and since when.
    pub tokenizers: Vec<TokenizerRef>,
    /// Rates by time, oldest first; periods do not overlap.
    pub rate_cards: Vec<RateCard>,
}

impl ModelCard {
    /// The rates in force at a moment.
    #[must_use]
    pub fn rates_at(&self, at: Instant) -> Option<&RateCard> {
        self.rate_cards.iter().rev().find(|card| card.period.contains(at))
    }

    /// The vocabulary in use at a moment.
    #[must_use]
    pub fn tokenizer_at(&self, at: Instant) -> Option<&TokenizerRef> {
        self.tokenizers.iter().find(|t| t.period.contains(at))
    }

    /// Whether the model does not answer any more at a moment.
    #[must_use]
    pub fn is_retired(&self, at: Instant) -> bool {
        self.info.retired.is_some_and(|retired| retired <= at)
    }
}

/// Another id of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alias {
    /// The id.
    pub id: String,
    /// When it meant this card.
    pub period: Period,
    /// First moment that this id is not answered any more, where that is another than the card's.
    pub retired: Option<Instant>,
}

/// A vocabulary by name, with how well it is known to be the model's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenizerRef {
    /// Name of the tokenizer.
    pub name: String,
    /// Whether it is a predecessor's, taken for this model's until the provider says.
    pub assumed: bool,
    /// When the model used it.
    pub period: Period,
}

/// What is known of a model beside its prices. An empty field is not known, which is not the same as "no".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelInfo {
    /// What it does.
    pub kind: Kind,
    /// What a request may hold, in tokens; of what, says `window_holds`.
    pub context_window: Option<u64>,
    /// Whether that is prompt and answer together, or the prompt alone.
    pub window_holds: WindowHolds,
    /// Longest answer in tokens.
    pub max_output: Option<u64>,
    /// Shortest prompt that its cache takes, in tokens.
    pub smallest_cacheable: Option<u64>,
    /// What it reads.
    pub input: Vec<String>,
    /// What it writes.
    pub output: Vec<String>,
    /// What else it can do.
    pub capabilities: Vec<String>,
    /// Whether its weights are published.
    pub open_weights: Option<bool>,
    /// First day it answered.
    pub released: Option<Instant>,
    /// First day it does not answer any more.
    pub retired: Option<Instant>,
    /// Where that day was read, where the file says so.
    pub retired_source: Option<Source>,
    /// Last day that a public source listed it, where none does any more and nobody has said that it is retired.
    pub last_listed: Option<Instant>,
    /// Last day that a source which drops dead models listed it: such a source may list it still.
    pub listed: Option<Instant>,
    /// What to use in its place.
    pub replacement: Option<String>,
    /// One line for people.
    pub note: Option<String>,
    /// Where facts were read that are not prices.
    pub fact_sources: Vec<FactSource>,
}

impl ModelInfo {
    /// Where a fact was read.
    #[must_use]
    pub fn source_of(&self, fact: Fact) -> Option<&Source> {
        self.fact_sources.iter().find(|known| known.fact == fact).map(|known| &known.source)
    }
}

/// Where a fact of a model was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FactSource {
    /// Which fact.
    pub fact: Fact,
    /// Where, and how well it is known.
    pub source: Source,
}

/// A fact of a model that has a source of its own in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The shortest prompt that its cache takes.
    SmallestCacheable,
    /// That the context window holds the prompt alone.
    WindowHolds,
    /// That its thinking cannot be turned off: the capability `always_thinks`.
    AlwaysThinks,
}

impl Fact {
    /// All of them.
    pub const ALL: [Fact; 3] = [Fact::SmallestCacheable, Fact::WindowHolds, Fact::AlwaysThinks];

    /// The name in price files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fact::SmallestCacheable => "smallest_cacheable",
            Fact::WindowHolds => "window_holds",
            Fact::AlwaysThinks => ALWAYS_THINKS,
        }
    }
}

/// The capability of models whose thinking cannot be turned off.
pub const ALWAYS_THINKS: &str = "always_thinks";

/// What the context window of a model holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowHolds {
    /// Prompt and answer together.
    #[default]
    PromptAndAnswer,
    /// The prompt alone: an answer does not count against it.
    Prompt,
}

/// What a model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Answers messages.
    #[default]
    Chat,
    /// Continues text.
    Completion,
    /// Turns text into vectors.
    Embedding,
    /// Orders documents by a query.
    Rerank,
    /// Makes or edits images.
    Image,
    /// Speaks.
    Speech,
    /// Writes down what is spoken.
    Transcription,
    /// Makes videos.
    Video,
    /// Reads documents.
    Ocr,
    /// Judges content.
    Moderation,
    /// Searches.
    Search,
    /// A machine by the hour.
    Endpoint,
}

impl Kind {
    /// The name in price files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Chat => "chat",
            Kind::Completion => "completion",
            Kind::Embedding => "embedding",
            Kind::Rerank => "rerank",
            Kind::Image => "image",
            Kind::Speech => "speech",
            Kind::Transcription => "transcription",
            Kind::Video => "video",
            Kind::Ocr => "ocr",
            Kind::Moderation => "moderation",
            Kind::Search => "search",
            Kind::Endpoint => "endpoint",
        }
    }
}

/// All rates of a model over one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateCard {
    /// When they hold.
    pub period: Period,
    /// First day that a dated snapshot shows them, where their start is not known.
    pub first_seen: Option<Instant>,
    /// Where the start or the first sight was read, where that is another place than `source`.
    pub start_source: Option<Arc<Source>>,
    /// Where they were read; shared, since every receipt carries it.
    pub source: Arc<Source>,
    /// One line for people.
    pub note: Option<String>,
    /// Codes of what `prices lint` would ask about these rates, and the note answers.
    pub allow: Vec<String>,
    /// The rates of a request that states nothing.
    pub rates: Rates,
    /// Rates by prompt length, lowest threshold first.
    pub tiers: Vec<Tier>,
    /// Rates by what the request states.
    pub variants: Vec<Variant>,
    /// Rates by the time of day.
    pub schedule: Vec<Schedule>,
}

impl RateCard {
    /// The moment since when there is evidence for these rates; before it they are assumed. `None` for a user's own
    /// prices, which need none.
    ///
    /// That is where they begin; else the day of the first snapshot that shows them; else the day their source was read,
    /// or the day on which they ended where that is earlier.
    #[must_use]
    pub fn evidence_begins(&self) -> Option<Instant> {
        let read = || {
            let checked = (self.source.evidence != Evidence::Own).then_some(self.source.checked)?;
            Some(self.period.to.map_or(checked, |to| to.min(checked)))
        };
        self.period.from.or(self.first_seen).or_else(read)
    }

    /// Since when there is evidence for these rates, where a moment is before it: they are then assumed.
    #[must_use]
    pub fn assumed_before(&self, at: Instant) -> Option<Instant> {
        self.evidence_begins().filter(|begins| at < *begins)
    }

    /// Whether anything says what this meter costs, or why that is not known: outside and inside of tiers, variants and
    /// schedules.
    #[must_use]
    pub fn lists(&self, meter: Meter) -> bool {
        self.sets().any(|rates| rate_of(rates, meter).is_some_and(|rate| *rate != Rate::Inherit))
    }

    /// Whether it has a price of its own for this meter anywhere: not one that is another meter's.
    #[must_use]
    pub fn prices(&self, meter: Meter) -> bool {
        self.sets().any(|rates| matches!(rate_of(rates, meter), Some(Rate::Price(_))))
    }

    /// The meters that cost something, in the order of [`Meter::ALL`].
    pub fn priced_meters(&self) -> impl Iterator<Item = Meter> + '_ {
        let costs = |rate: Option<&Rate>| matches!(rate, Some(Rate::Price(price)) if !price.usd.0.is_zero());
        Meter::ALL.iter().copied().filter(move |meter| self.sets().any(|rates| costs(rate_of(rates, *meter))))
    }

    /// Every set of rates: outside and inside of tiers, variants and schedules.
    fn sets(&self) -> impl Iterator<Item = &Rates> {
        let tiers = self.tiers.iter().chain(self.variants.iter().flat_map(|v| &v.tiers)).map(|t| &t.rates);
        let variants = self.variants.iter().map(|v| &v.rates);
        let schedules = self.schedule.iter().map(|s| &s.rates);
        std::iter::once(&self.rates).chain(tiers).chain(variants).chain(schedules)
    }
}

/// Where a rate was read, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// The page, or the database.
    pub url: String,
    /// The day of the evidence: when the page was opened, or the database was made.
    pub checked: Instant,
    /// How well it is known.
    pub evidence: Evidence,
}

/// How well a price is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The provider's own page says so: a person opened it on the day that `checked` names.
    Documented,
    /// A database of that day reports what the provider's page says.
    Reported,
    /// Two or more public databases give the same value.
    Agreed,
    /// One public database gives it.
    Single,
    /// Sources differ; the note says why this value.
    Decided,
    /// Put together from several pieces of dated evidence.
    Curated,
    /// First seen on that day in a snapshot.
    Observed,
    /// A user's own price.
    Own,
}

impl Evidence {
    /// The name in price files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Evidence::Documented => "documented",
            Evidence::Reported => "reported",
            Evidence::Agreed => "agreed",
            Evidence::Single => "single",
            Evidence::Decided => "decided",
            Evidence::Curated => "curated",
            Evidence::Observed => "observed",
            Evidence::Own => "own",
        }
    }
}

/// Rates by meter, in the order of [`Meter::ALL`].
pub type Rates = Vec<(Meter, Rate)>;

/// The rate of a meter in a set of rates.
#[must_use]
pub fn rate_of(rates: &Rates, meter: Meter) -> Option<&Rate> {
    rates.binary_search_by_key(&meter, |(m, _)| *m).ok().map(|at| &rates[at].1)
}

/// Whether a set of rates has a price of its own for a meter, or one that is another meter's.
#[must_use]
pub fn has_price(rates: &Rates, meter: Meter) -> bool {
    matches!(rate_of(rates, meter), Some(Rate::Price(_) | Rate::SameAs(_)))
}

/// What a meter costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// Not sold: using it is a mistake in the usage, not in the table.
    NotSold,
    /// Bills as another meter.
    SameAs(Meter),
    /// Dollars per so many.
    Price(Price),
    /// What would hold without this tier, variant or schedule: it leaves the meter alone on purpose.
    Inherit,
    /// Not known, and the reason where somebody wrote it: using it is refused.
    Refuse(Option<String>),
}

/// Dollars per so many, with what a bill rounds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// US dollars.
    pub usd: Exact,
    /// Per how many of the meter's unit.
    pub per: u64,
    /// A request is billed for at least this quantity.
    pub minimum: Option<Exact>,
    /// The quantity is rounded up to a multiple of this.
    pub step: Option<Exact>,
}

/// Rates that hold for prompts over a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The boundary, in prompt tokens, cached ones included.
    pub threshold: u64,
    /// Whether a prompt of exactly the threshold is in the tier.
    pub inclusive: bool,
    /// The rates; a meter that is absent has none in the tier.
    pub rates: Rates,
}

impl Tier {
    /// Whether a prompt of this length is in the tier.
    #[must_use]
    pub const fn holds(&self, prompt_tokens: u64) -> bool {
        prompt_tokens > self.threshold || (self.inclusive && prompt_tokens == self.threshold)
    }

    /// The shortest prompt that is in the tier.
    #[must_use]
    pub const fn first(&self) -> u64 {
        if self.inclusive { self.threshold } else { self.threshold.saturating_add(1) }
    }

    /// The condition as price files write it.
    #[must_use]
    pub fn condition(&self) -> String {
        format!("prompt_tokens {} {}", if self.inclusive { ">=" } else { ">" }, self.threshold)
    }
}

/// Rates that hold while a request states some values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// What the request must state.
    pub when: Vec<(Dimension, String)>,
    /// The rates; a meter that is absent has none under the condition.
    pub rates: Rates,
    /// Its own tiers.
    pub tiers: Vec<Tier>,
}

/// The value of a condition that every stated value fulfils.
pub const ANY: &str = "any";

/// Whether a context states every value of a condition; [`ANY`] is fulfilled by whatever is stated.
#[must_use]
pub fn states(context: &Context, when: &[(Dimension, String)]) -> bool {
    when.iter().all(|(dimension, wanted)| context.get(*dimension).is_some_and(|value| value == wanted || wanted == ANY))
}

/// Rates or a factor that hold at some times of the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Minutes of the day from and up to, in the zone; a window may pass midnight.
    pub windows: Vec<(u16, u16)>,
    /// The zone as minutes east of UTC.
    pub zone_minutes: i32,
    /// Days of the week it holds on, Monday first.
    pub weekdays: [bool; 7],
    /// Days it does not hold on, as days since 1970-01-01 in the zone.
    pub except: Vec<i64>,
    /// When it holds at all.
    pub period: Period,
    /// What rates are multiplied with.
    pub factor: Option<Exact>,
    /// The meters that the factor moves; all token meters when empty.
    pub meters: Vec<Meter>,
    /// Rates in the place of a factor; a meter that is absent has none at these times.
    pub rates: Rates,
}

impl Schedule {
    /// Whether it holds at a moment.
    #[must_use]
    pub fn holds(&self, at: Instant) -> bool {
        if !self.period.contains(at) {
            return false;
        }
        let (_, minute) = at.at_offset(self.zone_minutes);
        let day = at.unix().saturating_add(i64::from(self.zone_minutes) * 60).div_euclid(86_400);
        self.windows.iter().any(|&(start, end)| {
            let (start, end) = (i64::from(start), i64::from(end));
            // A window that passes midnight belongs to the day it began on.
            let began = match (start < end, minute >= start, minute < end) {
                (true, true, true) | (false, true, _) => day,
                (false, _, true) => day - 1,
                _ => return false,
            };
            // 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
            let weekday = usize::try_from((began + 3).rem_euclid(7)).unwrap_or(0);
            self.weekdays[weekday] && !self.except.contains(&began)
        })
    }
}

/// `01:00-04:00, 06:00-10:00 UTC on mon tue`: for people.
impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        let windows: Vec<String> =
            self.windows.iter().map(|(from, to)| format!("{}-{}", clock(*from), clock(*to))).collect();
        write!(f, "{}", windows.join(", "))?;
        match self.zone_minutes {
            0 => f.write_str(" UTC")?,
            m => write!(f, " at UTC{}{:02}:{:02}", if m < 0 { '-' } else { '+' }, m.abs() / 60, m.abs() % 60)?,
        }
        if self.weekdays != [true; 7] {
            let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            let days: Vec<&str> = names.iter().zip(self.weekdays).filter(|(_, on)| *on).map(|(n, _)| *n).collect();
            write!(f, " on {}", days.join(" "))?;
        }
        if !self.except.is_empty() {
            f.write_str(", holidays excepted")?;
        }
        match (self.period.from, self.period.to) {
            (None, None) => Ok(()),
            _ => write!(f, ", {}", self.period),
        }
    }
}
