//! Reads price files: YAML text in, [`RawFile`] out, every value with its place for the errors of a later step.
//!
//! What a field means is in `pricing/README.md`. Nothing here decides whether the values make sense together; that is
//! [`compile`](mod@super::compile). The types are also where `pricing/schema.json` comes from.

mod recover;
#[doc(hidden)]
pub mod scan;

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use self::recover::Moved;
use self::recover::{Mend, Repair};
use super::card::{Api, Evidence, Kind, Role, WindowHolds};
use super::problem::{Place, Problem, Severity};
use crate::money::{DecimalTextError, parse_decimal};
use crate::similar::did_you_mean;

/// A value, and where it stands.
#[derive(Clone, Debug, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (line, column) = (number(spanned.referenced.line()), number(spanned.referenced.column()));
        Ok(At { value: spanned.value, place: Place { line, column } })
    }
}

/// A price file as it is written.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawFile {
    /// Version of this layout: 1.
    pub schema: At<u32>,
    /// The provider's id; left out in a file that only has exchange rates.
    pub provider: Option<At<String>>,
    /// The provider's name for people.
    pub name: Option<String>,
    /// Other names that mean this provider.
    #[serde(default)]
    pub names: Vec<At<String>>,
    /// What it is to the models it sells; host when left out.
    pub role: Option<Role>,
    /// How the ids of models begin that it made itself, such as `claude`.
    #[serde(default)]
    pub makes: Vec<String>,
    /// Where its API is.
    pub api: Option<Api>,
    /// Currency of the prices: USD.
    pub currency: Option<At<String>>,
    /// Pages that the periods below name.
    #[serde(default)]
    pub sources: BTreeMap<String, RawSource>,
    /// Values of a request that change no price, by dimension.
    #[serde(default)]
    pub neutral: Pairs<Vec<String>>,
    /// Meters that bill as another where a card has no rate of their own.
    #[serde(default)]
    pub fallbacks: Pairs<At<String>>,
    /// Lists of days for schedules.
    #[serde(default)]
    pub calendars: BTreeMap<String, Vec<At<String>>>,
    /// What one credit costs, and since when.
    #[serde(default)]
    pub credits: Vec<RawCredit>,
    /// Factors on rates.
    #[serde(default)]
    pub multipliers: Vec<RawMultiplier>,
    /// Names of a user's own for models of this provider, such as Azure deployments.
    #[serde(default)]
    pub deployments: Pairs<RawDeployment>,
    /// What one US dollar is in other currencies, and since when.
    #[serde(default)]
    pub exchange: Pairs<Vec<RawExchange>>,
    /// How the id of a model in a region is made, where regions have ids of their own: `{region}/{id}`.
    pub region_id: Option<At<String>>,
    /// The models.
    #[serde(default)]
    pub models: Vec<RawModel>,
}

/// A name of a user's own for a model.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawDeployment {
    /// The model's id.
    pub model: At<String>,
    /// What every request to it states, such as its region.
    #[serde(default)]
    pub with: Pairs<String>,
}

/// What one US dollar is in another currency.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawExchange {
    /// First moment it holds.
    pub from: Option<At<String>>,
    /// First moment it does not.
    pub to: Option<At<String>>,
    /// Units of the currency for one US dollar.
    pub per_usd: Quoted,
    /// Where it was read.
    pub source: Option<String>,
}

/// A page or a database, its day, and how well the price is known.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    /// The page, or the database.
    pub url: String,
    /// The day of the evidence: when the page was opened, or the database was made; not the day of the import.
    pub checked: At<String>,
    /// How well it is known.
    #[cfg_attr(feature = "schema", schemars(required))]
    pub evidence: Option<At<Evidence>>,
    /// What `evidence` was called first.
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub basis: Option<At<Evidence>>,
    /// Whether it lists the models that can be used: it drops those that are gone, or dates their end.
    #[serde(default)]
    pub listing: bool,
}

/// The price of one credit.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawCredit {
    /// First moment it holds.
    pub from: Option<At<String>>,
    /// First moment it does not.
    pub to: Option<At<String>>,
    /// US dollars for one credit.
    pub usd: Quoted,
}

/// A factor on rates.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawMultiplier {
    /// What a request must state: nothing when left out, which makes the factor a discount.
    #[serde(default)]
    pub when: Pairs<String>,
    /// What the rates are multiplied with.
    pub factor: At<Quoted>,
    /// The meters it moves: all token meters when left out.
    #[serde(default)]
    pub meters: Vec<At<String>>,
    /// The models it holds for: all when left out.
    #[serde(default)]
    pub models: Vec<At<String>>,
    /// First moment it holds.
    pub from: Option<At<String>>,
    /// First moment it does not.
    pub to: Option<At<String>>,
    /// `undated-factor`, where `prices lint` need not ask for its start; `note` says why.
    #[serde(default)]
    pub allow: Vec<At<String>>,
    /// One line for people.
    pub note: Option<String>,
}

/// A model.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawModel {
    /// The id behind the slash.
    pub id: At<String>,
    /// Other ids of the same card.
    #[serde(default)]
    pub aliases: Vec<RawAlias>,
    /// What it does; chat when left out.
    #[serde(default)]
    pub kind: Kind,
    /// Which vocabulary counts its text.
    pub tokenizer: Option<RawTokenizer>,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// What the context window holds; prompt and answer together when left out.
    pub window_holds: Option<At<WindowHolds>>,
    /// Longest answer in tokens.
    pub max_output: Option<u64>,
    /// Shortest prompt that its cache takes, in tokens; left out where no source says it.
    pub smallest_cacheable: Option<At<u64>>,
    /// Where facts of the model were read, by fact: names from `sources`, or sources of their own.
    #[serde(default)]
    pub fact_sources: Pairs<At<RawSourceRef>>,
    /// What it reads.
    #[serde(default)]
    pub input: Vec<String>,
    /// What it writes.
    #[serde(default)]
    pub output: Vec<String>,
    /// What else it can do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Whether its weights are published.
    pub open_weights: Option<bool>,
    /// First day it answered.
    pub released: Option<At<String>>,
    /// First day it does not answer any more: the day alone, or `{date, source}`.
    pub retired: Option<RawRetired>,
    /// Names of the sources (with `listing: true`) that list it; its last listing is the latest day one of them was read.
    #[serde(default)]
    pub listed_by: Vec<At<String>>,
    /// Last day that a public source listed it, where none does any more.
    pub last_listed: Option<At<String>>,
    /// What to use in its place.
    pub replacement: Option<String>,
    /// One line for people.
    pub note: Option<String>,
    /// Another card whose prices this one has: an id of this provider, or `provider/id`.
    pub prices_of: Option<At<String>>,
    /// A factor on the prices of that card.
    pub factor: Option<Quoted>,
    /// Rates by time, oldest first.
    #[serde(default)]
    pub prices: Vec<RawPeriod>,
}

/// An alias: an id alone, or an id with the time it meant this card.
#[derive(Debug)]
pub struct RawAlias {
    /// The id.
    pub id: At<String>,
    /// First moment it meant this card.
    pub from: Option<At<String>>,
    /// First moment it did not.
    pub to: Option<At<String>>,
    /// First day that this id is not answered any more, where that is another day than the card's.
    pub retired: Option<At<String>>,
}

/// The end of a model: its day alone, or with where it was read.
#[derive(Debug)]
pub struct RawRetired {
    /// First day it does not answer any more.
    pub date: At<String>,
    /// Where that was read: a name from `sources`, or a source of its own.
    pub source: Option<At<RawSourceRef>>,
}

/// A tokenizer by name, or a list of dated ones.
#[derive(Debug)]
pub struct RawTokenizer(pub Vec<RawTokenizerRef>);

/// One vocabulary with its time.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawTokenizerRef {
    /// Name of the tokenizer.
    pub name: At<String>,
    /// `assumed` where it is a predecessor's.
    pub basis: Option<TokenizerBasis>,
    /// First moment the model used it.
    pub from: Option<At<String>>,
    /// First moment it did not.
    pub to: Option<At<String>>,
}

/// How sure it is that a vocabulary is the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenizerBasis {
    /// The provider says so, or its own library uses it.
    Known,
    /// A predecessor's, taken for this model's until the provider says.
    Assumed,
}

/// Rates over one period.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawPeriod {
    /// First moment they hold; left out where the start is not known.
    pub from: Option<At<String>>,
    /// First day that a dated snapshot shows them, where the start is not known: they hold since then at the latest.
    pub first_seen: Option<At<String>>,
    /// Where the start, or the first sight, was read, where that is another place than `source`.
    pub from_source: Option<At<RawSourceRef>>,
    /// First moment they do not; left out while they last.
    pub to: Option<At<String>>,
    /// Where they were read: a name from `sources`, or a source of its own.
    pub source: Option<At<RawSourceRef>>,
    /// One line for people.
    pub note: Option<String>,
    /// Codes of what `prices lint` would ask about these rates; `note` says why they are right.
    #[serde(default)]
    pub allow: Vec<At<String>>,
    /// The rates of a request that states nothing.
    pub rates: At<RawRates>,
    /// Rates by prompt length.
    #[serde(default)]
    pub tiers: Vec<RawTier>,
    /// Rates by what a request states.
    #[serde(default)]
    pub variants: Vec<RawVariant>,
    /// Rates by the time of day.
    #[serde(default)]
    pub schedule: Vec<RawSchedule>,
}

/// A source by name, or in place.
#[derive(Debug)]
pub enum RawSourceRef {
    /// A name from `sources`.
    Named(String),
    /// In place.
    Own(RawSource),
}

/// Rates by meter, in the order they are written.
pub(crate) type RawRates = Pairs<At<RawRate>>;

/// Rates by prompt length.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawTier {
    /// The boundary.
    pub when: RawTierCondition,
    /// The rates.
    #[serde(default)]
    pub rates: RawRates,
    /// What holds for every other meter that has a price: `inherit`, `refuse`, `{refuse: why}` or `{factor: "2"}`.
    pub others: Option<At<RawRate>>,
}

/// The boundary of a tier.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawTierCondition {
    /// `>200000` or `>=200000`.
    pub prompt_tokens: At<String>,
}

/// Rates by what a request states.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawVariant {
    /// What it must state.
    pub when: At<Pairs<String>>,
    /// The rates.
    #[serde(default)]
    pub rates: RawRates,
    /// What holds for every other meter that has a price: `inherit`, `refuse`, `{refuse: why}` or `{factor: "0.5"}`.
    pub others: Option<At<RawRate>>,
    /// Rates by prompt length under the same condition.
    #[serde(default)]
    pub tiers: Vec<RawTier>,
}

/// Rates by the time of day.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawSchedule {
    /// `"16:30-00:30"`: from, and up to but not including.
    pub windows: Vec<At<String>>,
    /// `UTC`, or an offset such as `+08:00`.
    pub zone: At<String>,
    /// `mon-fri`, `sat`, a list of them; every day when left out.
    pub weekdays: Option<At<String>>,
    /// A calendar of days on which it does not hold.
    pub except: Option<At<String>>,
    /// First moment it holds at all.
    pub from: Option<At<String>>,
    /// First moment it does not.
    pub to: Option<At<String>>,
    /// What rates are multiplied with.
    pub factor: Option<Quoted>,
    /// The meters that the factor moves: all token meters when left out.
    #[serde(default)]
    pub meters: Vec<At<String>>,
    /// Rates in the place of a factor.
    #[serde(default)]
    pub rates: RawRates,
    /// What holds for every other meter that has a price, where there are rates: `inherit`, `refuse` or `{refuse: why}`.
    pub others: Option<At<RawRate>>,
}

/// What a meter costs, as written.
#[derive(Clone, Debug)]
pub enum RawRate {
    /// `none`.
    NotSold,
    /// `=input`.
    SameAs(String),
    /// `inherit`.
    Inherit,
    /// `refuse`.
    Refuse,
    /// `"2.50"`.
    Plain(Decimal),
    /// `{price: "10", per: 1000}`, `{factor: "0.5"}` or `{refuse: why}`.
    Full(RawPrice),
}

/// A price that says per how many, or more; or what stands in the place of a price.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RawPrice {
    /// US dollars.
    pub price: Option<Quoted>,
    /// Credits, in the place of a price.
    pub credits: Option<Quoted>,
    /// A factor on what would hold without this tier, variant or schedule, in the place of a price.
    pub factor: Option<Quoted>,
    /// Why there is no price.
    pub refuse: Option<String>,
    /// Per how many.
    pub per: Option<u64>,
    /// A request is billed for at least this quantity.
    pub minimum: Option<Quoted>,
    /// The quantity is rounded up to a multiple of this.
    pub step: Option<Quoted>,
}

/// A decimal written as a quoted string: digits with at most one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted(pub Decimal);

const FLOAT_HELP: &str = "a price is a quoted decimal string, since a YAML number would pass through a float";

struct QuotedVisitor;

impl Visitor<'_> for QuotedVisitor {
    type Value = Quoted;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quoted decimal such as \"2.50\"")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quoted, E> {
        decimal(text).map(Quoted)
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quoted, E> {
        Err(unquoted(number))
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quoted, E> {
        Err(unquoted(number))
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quoted, E> {
        Err(unquoted(number))
    }
}

const QUOTES_HELP: &str = "put it in quotes: \"2.50\"";

fn unquoted<E: serde::de::Error>(number: impl fmt::Display) -> E {
    E::custom(format!("the number {number} has no quotes: {FLOAT_HELP}"))
}

fn decimal<E: serde::de::Error>(text: &str) -> Result<Decimal, E> {
    let shown = || match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    };
    parse_decimal(text).map_err(|e: DecimalTextError| E::custom(format!("{} {e}", shown())))
}

impl<'de> Deserialize<'de> for Quoted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuotedVisitor)
    }
}

impl<'de> Deserialize<'de> for RawRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RateVisitor;
        impl<'de> Visitor<'de> for RateVisitor {
            type Value = RawRate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate: \"2.50\", none, inherit, refuse, =input or {price: \"10\", per: 1000}")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawRate, E> {
                match (text, text.strip_prefix('=')) {
                    ("none", _) => Ok(RawRate::NotSold),
                    ("inherit", _) => Ok(RawRate::Inherit),
                    ("refuse", _) => Ok(RawRate::Refuse),
                    (_, Some(meter)) => Ok(RawRate::SameAs(meter.trim().to_owned())),
                    _ => decimal(text).map(RawRate::Plain),
                }
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<RawRate, E> {
                Err(unquoted(number))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RawRate, E> {
                Err(unquoted(number))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<RawRate, E> {
                Err(unquoted(number))
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<RawRate, E> {
                Err(E::custom("a rate is missing: write its price, or none where it is not sold"))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawRate, A::Error> {
                let price = RawPrice::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(RawRate::Full(price))
            }
        }
        deserializer.deserialize_any(RateVisitor)
    }
}

/// A map that keeps the order and the place of its keys. Repeated keys never get here: the parser refuses them.
#[derive(Clone, Debug)]
pub struct Pairs<V>(pub Vec<(At<String>, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    pairs.push(entry);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor(std::marker::PhantomData))
    }
}

/// Reads either a scalar or a map: the short and the long form of the same thing.
macro_rules! short_or_long {
    ($type:ty, $expecting:literal, $short:expr, $long:ty => $from_long:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        Ok($short(text.to_owned()))
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        let long = <$long>::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                        Ok($from_long(long))
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}

short_or_long!(RawSourceRef, "the name of a source, or {url, checked, evidence}", RawSourceRef::Named, RawSource => RawSourceRef::Own);

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct LongAlias {
    id: String,
    from: Option<At<String>>,
    to: Option<At<String>>,
    retired: Option<At<String>>,
}

impl<'de> Deserialize<'de> for RawAlias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        enum Alias {
            Short(String),
            Long(LongAlias),
        }
        short_or_long!(Alias, "an id, or {id, from, to, retired}", Alias::Short, LongAlias => Alias::Long);
        let At { value, place } = At::<Alias>::deserialize(deserializer)?;
        let at = |value| At { value, place };
        Ok(match value {
            Alias::Short(id) => RawAlias { id: at(id), from: None, to: None, retired: None },
            Alias::Long(long) => RawAlias { id: at(long.id), from: long.from, to: long.to, retired: long.retired },
        })
    }
}

/// The long form of [`RawRetired`].
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct LongRetired {
    date: At<String>,
    source: Option<At<RawSourceRef>>,
}

/// Either form of [`RawRetired`], without the place of the short one.
enum Retired {
    Day(String),
    Long(LongRetired),
}

short_or_long!(Retired, "a day, or {date, source}", Retired::Day, LongRetired => Retired::Long);

impl<'de> Deserialize<'de> for RawRetired {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let At { value, place } = At::<Retired>::deserialize(deserializer)?;
        Ok(match value {
            Retired::Day(value) => RawRetired { date: At { value, place }, source: None },
            Retired::Long(long) => RawRetired { date: long.date, source: long.source },
        })
    }
}

impl<'de> Deserialize<'de> for RawTokenizer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        enum Form {
            Name(String),
            One(RawTokenizerRef),
            Many(Vec<RawTokenizerRef>),
        }
        struct FormVisitor;
        impl<'de> Visitor<'de> for FormVisitor {
            type Value = Form;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a tokenizer, {name, basis, from, to} or a list of these")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Form, E> {
                Ok(Form::Name(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Form, A::Error> {
                RawTokenizerRef::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Form::One)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Form, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Form::Many)
            }
        }
        impl<'de> Deserialize<'de> for Form {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(FormVisitor)
            }
        }
        let At { value, place } = At::<Form>::deserialize(deserializer)?;
        Ok(RawTokenizer(match value {
            Form::Many(list) => list,
            Form::One(one) => vec![one],
            Form::Name(name) => {
                let name = At { value: name, place };
                vec![RawTokenizerRef { name, basis: None, from: None, to: None }]
            }
        }))
    }
}

/// What a price file says, as far as it can be read, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Parsed {
    /// A document for each provider. What was wrong is left out or replaced, so they may be used only where there is no
    /// problem.
    pub files: Vec<RawFile>,
    /// Everything that is not YAML, or not of the layout: an unknown or repeated key, a price without quotes, a text that
    /// is no decimal.
    pub problems: Vec<Problem>,
    /// Whether the head is incomplete, so that what refers to it cannot be judged.
    pub lost_head: bool,
    /// Places in `files` that are other ones in the text.
    pub moved: Moved,
}

/// Reads the text of one price file: a document for each provider, `---` between them. Reads on behind a mistake, as far
/// as it can.
///
/// # Examples
/// ```
/// let text = "schema: 1\nprovider: acme\nprovider: other\nmodles: []\n";
/// let parsed = farebox_prices::yaml::parse("acme.yaml", text);
/// let lines: Vec<usize> = parsed.problems.iter().map(|problem| problem.place.line).collect();
/// assert_eq!(lines, [3, 4]);
/// ```
#[must_use]
pub fn parse(path: &str, text: &str) -> Parsed {
    let read = |text: &str| serde_saphyr::from_str_multiple_with_options::<RawFile, Vec<RawFile>>(text, options());
    let mut repair = Repair::new(text);
    let mut problems: Vec<Problem> = Vec::new();
    if read(&repair.text).is_err() {
        problems =
            repair.mend_models(|text| read(text).err().map(|error| (yaml_problem(path, &error), mend_of(&error))));
    }
    loop {
        let error = match read(&repair.text) {
            Ok(files) if files.is_empty() && problems.is_empty() => return empty_file(path),
            Ok(files) => {
                problems.sort_by_key(|problem| problem.place);
                return Parsed { files, problems, lost_head: repair.lost_head, moved: repair.moved };
            }
            Err(error) => error,
        };
        let found = yaml_problem(path, &error);
        let place = repair.moved.original(found.place);
        if !is_of_repair(&problems, &found, &repair) {
            problems.push(Problem { place, ..found.clone() });
        }
        let is_head = found.code == "missing-key" && found.place.column == 1;
        if found.code == "too-large" || is_head || !repair.mend(&found, &mend_of(&error)) {
            problems.sort_by_key(|problem| problem.place);
            return Parsed { files: Vec::new(), problems, lost_head: true, moved: repair.moved };
        }
    }
}

/// Whether a problem is there only because something else was repaired: at the same place, or a key that is missing where
/// an unknown one was taken out.
fn is_of_repair(known: &[Problem], found: &Problem, repair: &Repair) -> bool {
    let place = repair.moved.original(found.place);
    let is_key = |problem: &Problem| problem.code == "unknown-key" && repair.is_same_region(problem.place, place);
    let lost = found.code == "missing-key" && (found.place.column == 1 && repair.lost_head || known.iter().any(is_key));
    lost || known.iter().any(|problem| problem.place == place)
}

fn empty_file(path: &str) -> Parsed {
    let problem = Problem {
        code: "empty-file",
        severity: Severity::Error,
        path: path.to_owned(),
        place: Place::default(),
        message: "the price file is empty".into(),
        help: Some("a price file begins with `schema: 1` and `provider: …`; pricing/README.md shows one".into()),
    };
    Parsed { problems: vec![problem], lost_head: true, ..Parsed::default() }
}

/// How to read on behind an error.
fn mend_of(error: &serde_saphyr::Error) -> Mend {
    use serde_saphyr::Error;
    match error.without_snippet() {
        Error::SerdeUnknownField { .. } | Error::DuplicateMappingKey { .. } => Mend::Key,
        Error::SerdeUnknownVariant { expected, .. } => Mend::Value(expected.first().copied().unwrap_or("").to_owned()),
        Error::NonFiniteFloat { .. } => Mend::Value("\"1\"".to_owned()),
        Error::InvalidScalar { ty: "u64" | "u32", .. } => Mend::Value("1".to_owned()),
        Error::InvalidBooleanStrict { .. } => Mend::Value("true".to_owned()),
        Error::Message { msg, .. } if explain_own(msg).0 != "invalid-yaml" => Mend::Value("\"1\"".to_owned()),
        _ => Mend::Model,
    }
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    options.reject_unsupported_tags = true;
    // The default budget guards a server; the longest bundled file has more nodes than it allows.
    if let Some(budget) = &mut options.budget {
        budget.max_nodes = 2_000_000;
        budget.max_events = 8_000_000;
        budget.max_total_scalar_bytes = 64 << 20;
    }
    options
}

fn yaml_problem(path: &str, error: &serde_saphyr::Error) -> Problem {
    problem_of(path, error, explain)
}

/// Code, message and help: the parser speaks to programmers.
pub type Explained = (&'static str, String, Option<String>);

/// What the parser found, at its place, in the words of one kind of file.
pub fn problem_of(
    path: &str,
    error: &serde_saphyr::Error,
    explain: impl Fn(&serde_saphyr::Error) -> Explained,
) -> Problem {
    let error = error.without_snippet();
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let place = error.location().map_or(Place::default(), |l| Place { line: at(l.line()), column: at(l.column()) });
    let (code, message, help) = explain(error);
    Problem { code, severity: Severity::Error, path: path.to_owned(), place, message, help }
}

/// The words of price files.
fn explain(error: &serde_saphyr::Error) -> Explained {
    use serde_saphyr::Error;
    match error {
        Error::AliasError { error, .. } => explain(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            let near = did_you_mean(field, expected.iter().copied());
            let near = format!("{near}pricing/README.md lists every key");
            ("unknown-key", format!("no key is called {field:?} here"), Some(near))
        }
        Error::NonFiniteFloat { .. } => {
            ("float-price", format!("a number has no quotes: {FLOAT_HELP}"), Some(QUOTES_HELP.into()))
        }
        Error::Message { msg, .. } => explain_own(msg),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            let help = "a price file holds no anchors beyond a few; split a very long one by model family";
            ("too-large", "the file is too large, or repeats itself too often".into(), Some(help.into()))
        }
        other => explain_shape(other),
    }
}

/// What a count that is none is called.
pub const NO_WHOLE_NUMBER: &str = "this is not a whole number";
/// How a whole number is written.
pub const WHOLE_NUMBER_HELP: &str = "write digits only, such as 12";

/// The errors that mean the same in every file of ours.
pub fn explain_shape(error: &serde_saphyr::Error) -> Explained {
    use serde_saphyr::Error;
    match error {
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let near = did_you_mean(variant, expected.iter().copied());
            let help = if near.is_empty() { None } else { Some(near.trim_end().to_owned()) };
            ("unknown-value", format!("{variant:?} is none of {}", expected.join(", ")), help)
        }
        Error::SerdeMissingField { field, .. } => ("missing-key", format!("the key `{field}` is missing"), None),
        Error::DuplicateMappingKey { key, .. } => {
            let help = "remove one of the two; farebox never lets a repeated key win silently";
            let key = key.as_deref().unwrap_or("the same");
            ("repeated-key", format!("the key `{key}` stands here a second time"), Some(help.into()))
        }
        Error::InvalidBooleanStrict { .. } => {
            ("invalid-yaml", "this is neither true nor false".into(), Some("write true or false".into()))
        }
        Error::NullIntoString { .. } => ("invalid-yaml", "a text is missing here".into(), None),
        Error::InvalidScalar { ty: "u64" | "u32", .. } => {
            ("invalid-yaml", NO_WHOLE_NUMBER.into(), Some(WHOLE_NUMBER_HELP.into()))
        }
        Error::Unexpected { expected, .. } => {
            let needed = match *expected {
                "mapping start" => "a map of keys",
                "sequence start" => "a list",
                "string scalar" => "a text",
                other => other,
            };
            ("invalid-yaml", format!("{needed} is needed here"), None)
        }
        other => {
            let rendered = other.render_with_options(serde_saphyr::RenderOptions::default());
            ("invalid-yaml", first_line_without_place(&rendered), None)
        }
    }
}

/// What the visitors of this file say. Their reasons stand at the end, behind the text that the user wrote.
fn explain_own(message: &str) -> (&'static str, String, Option<String>) {
    let ends_with = |reason: DecimalTextError| message.ends_with(&reason.to_string());
    let (code, help) = if message.ends_with(FLOAT_HELP) {
        ("float-price", Some(QUOTES_HELP.into()))
    } else if ends_with(DecimalTextError::Negative) {
        let help = "a discount is a lower price or a factor below one, never a negative rate";
        ("negative-price", Some(help.into()))
    } else if ends_with(DecimalTextError::NotDecimal) {
        let help = "write US dollars as digits with a point, such as \"2.50\", whatever the locale";
        ("bad-price", Some(help.into()))
    } else if ends_with(DecimalTextError::TooLong) {
        ("bad-price", None)
    } else {
        ("invalid-yaml", None)
    };
    (code, message.to_owned(), help)
}

/// The parser repeats the place in its text; the problem carries it as numbers.
pub(crate) fn first_line_without_place(rendered: &str) -> String {
    let line = rendered.lines().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = match line.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, message)) => message,
        None => line,
    };
    match line.rfind(" at line ") {
        Some(at) => line[..at].to_owned(),
        None => line.to_owned(),
    }
}

#[cfg(feature = "schema")]
mod schema {
    //! `pricing/schema.json`, generated from the types above. Values that are read by hand say here what they accept.

    use super::{
        At, LongAlias, LongRetired, Pairs, Quoted, RawAlias, RawPrice, RawRate, RawRetired, RawSource, RawSourceRef,
        RawTokenizer, RawTokenizerRef,
    };
    use schemars::json_schema;

    const DECIMAL: &str = r"^[0-9]+(\.[0-9]+)?$";

    /// What a type that is read by hand accepts, as JSON Schema.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! schema {
        ($type:ty $(where $generic:ident)?, $name:literal, |$generator:ident| $body:expr) => {
            impl<$($generic: ::schemars::JsonSchema)?> ::schemars::JsonSchema for $type {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> ::std::borrow::Cow<'static, str> {
                    $name.into()
                }
                fn json_schema($generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                    $body
                }
            }
        };
    }

    schema!(
        crate::period::Instant,
        "Instant",
        |_g| json_schema!({"type": "string", "description": "a day such as 2026-11-22, or a moment in RFC 3339, UTC"})
    );
    schema!(
        crate::money::Usd,
        "Usd",
        |_g| json_schema!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "US dollars as a decimal"})
    );
    schema!(
        crate::money::Exact,
        "Exact",
        |_g| json_schema!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "a decimal, every digit of it"})
    );
    schema!(At<T> where T, "At", |g| T::json_schema(g));
    schema!(Pairs<V> where V, "Pairs", |g| {
        let value = g.subschema_for::<V>();
        json_schema!({"type": "object", "additionalProperties": value})
    });
    schema!(Quoted, "Quoted", |_g| json_schema!({"type": "string", "pattern": DECIMAL}));
    schema!(RawRate, "Rate", |g| {
        let full = g.subschema_for::<RawPrice>();
        json_schema!({"anyOf": [{"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?|none|inherit|refuse|=[a-z0-9_]+)$"}, full]})
    });
    schema!(RawSourceRef, "SourceRef", |g| {
        let own = g.subschema_for::<RawSource>();
        json_schema!({"anyOf": [{"type": "string"}, own]})
    });
    schema!(RawAlias, "Alias", |g| {
        let long = g.subschema_for::<LongAlias>();
        json_schema!({"anyOf": [{"type": "string"}, long]})
    });
    schema!(RawRetired, "Retired", |g| {
        let long = g.subschema_for::<LongRetired>();
        json_schema!({"anyOf": [{"type": "string"}, long]})
    });
    schema!(RawTokenizer, "Tokenizer", |g| {
        let one = g.subschema_for::<RawTokenizerRef>();
        json_schema!({"anyOf": [{"type": "string"}, one.clone(), {"type": "array", "items": one}]})
    });

    #[cfg(test)]
    #[test]
    fn schema_is_current() {
        let schema = schemars::schema_for!(super::RawFile);
        let mut text = serde_json::to_string_pretty(&schema).unwrap();
        text.push('\n');
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pricing/schema.json");
        if std::env::var_os("FAREBOX_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(stored == text, "pricing/schema.json is stale: run FAREBOX_BLESS=1 cargo test schema_is_current");
    }
}
