//! Reads public price databases in their own formats into one neutral form: [`read`] gives a [`Database`].
//!
//! Every price is taken from the digits in the file, never through a float. What a file says and farebox has no place
//! for is listed by reason in [`Database::unread`]: nothing is dropped in silence. From the neutral form go three ways:
//! [`mod@write`] makes a price file of it, [`compare`] compares it with the table, and
//! [`super::update`] makes an overlay of what changed.
//!
//! A new format is a new file beside this one with `fits` and `read`, its `mod` line and one row in the table of
//! [`DatabaseFormat`]s at the bottom. What its providers are called here is a row in `providers.csv`.

pub mod compare;
pub mod write;

pub(super) mod cards;
pub(super) mod draft;
mod hours;
mod json;
pub(super) mod names;

pub(super) mod genai_prices;
pub(super) mod litellm;
mod llm_prices;
mod models_dev;
mod openrouter;

use std::fmt;

use self::draft::Draft;
use self::json::Node;
use crate::context::Dimension;
use crate::meter::Meter;
use crate::period::Period;
use crate::pricing::card::{ModelInfo, Price};

pub(crate) use self::cards::rate_cards;
pub(in crate::pricing) use self::cards::{facts_of, more_than_ninety_percent, on_the_same_scale};
pub(crate) use self::hours::Week;
pub(in crate::pricing) use self::hours::{DayWindows, window_text};

/// What a file of prices says, in farebox's own words.
#[derive(Clone, Debug)]
pub struct Database {
    /// Whose format it is.
    pub format: DatabaseFormat,
    /// Providers by their ids here, in the order of the alphabet.
    pub providers: Vec<ListedProvider>,
    /// What the file says and nothing here holds, each with where it stands.
    pub unread: Vec<Unread>,
    /// Prices that binary arithmetic had spoiled, with what they were taken for.
    pub mended: Vec<Unread>,
}

/// A provider with its models.
#[derive(Clone, Debug, Default)]
pub struct ListedProvider {
    /// Its id here.
    pub id: String,
    /// What the file calls it, for people.
    pub name: Option<String>,
    /// Its models, in the order of the file.
    pub models: Vec<ListedModel>,
}

/// A model with its prices.
#[derive(Clone, Debug, Default)]
pub struct ListedModel {
    /// Its id at the provider.
    pub id: String,
    /// What the file calls it.
    pub place: String,
    /// Other ids that the file says mean it.
    pub aliases: Vec<String>,
    /// What the file says of it beside prices.
    pub info: ModelInfo,
    /// Its prices.
    pub facts: Vec<Fact>,
}

/// One price: of a meter, under a condition, over a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is billed.
    pub meter: Meter,
    /// What must hold of the request.
    pub condition: Condition,
    /// When it holds.
    pub period: Period,
    /// Dollars per so many.
    pub price: Price,
}

/// What must hold of a request for a price to hold; nothing at all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// What the request states, sorted by dimension.
    pub when: Vec<(Dimension, String)>,
    /// How long its prompt is.
    pub tier: Option<Boundary>,
    /// The time of the week.
    pub hours: Option<Week>,
}

/// Prompts beyond so many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    /// So many.
    pub threshold: u64,
    /// Whether a prompt of exactly so many is beyond.
    pub inclusive: bool,
}

impl Boundary {
    /// `>200000`, as price files write it.
    #[must_use]
    pub(crate) fn over(threshold: u64) -> Self {
        Boundary { threshold, inclusive: false }
    }

    /// The shortest prompt beyond it: what two ways of writing the same boundary have in common.
    #[must_use]
    pub(crate) fn first(self) -> u64 {
        if self.inclusive { self.threshold } else { self.threshold.saturating_add(1) }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.inclusive { ">=" } else { ">" }, self.threshold)
    }
}

impl Condition {
    /// The same condition for a request that also states a value.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, value: &str) -> Self {
        self.when.retain(|(d, _)| *d != dimension);
        self.when.push((dimension, value.to_lowercase()));
        self.when.sort();
        self
    }

    /// The same condition beyond a boundary.
    #[must_use]
    pub(crate) fn beyond(mut self, boundary: Boundary) -> Self {
        self.tier = Some(boundary);
        self
    }

    /// The same condition at some times of the week.
    #[must_use]
    pub(crate) fn at(mut self, hours: Week) -> Self {
        self.hours = Some(hours);
        self
    }

    /// Whether any request fits it.
    #[must_use]
    pub(crate) fn is_always(&self) -> bool {
        self.when.is_empty() && self.tier.is_none() && self.hours.is_none()
    }
}

/// `processing=batch, prompt_tokens>200000`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.when.iter().map(|(d, value)| format!("{d}={value}")).collect();
        parts.extend(self.tier.map(|tier| format!("prompt_tokens{tier}")));
        parts.extend(self.hours.as_ref().map(Week::to_string));
        f.write_str(&parts.join(", "))
    }
}

/// Something about one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What it is: the same text for everything of its kind.
    pub what: String,
    /// Where it stands, as the file names it.
    pub place: String,
}

/// The kinds in a list, each with its places; the most frequent first.
#[must_use]
pub(crate) fn by_kind(list: &[Unread]) -> Vec<(&str, Vec<&str>)> {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for Unread { what, place } in list {
        let at = *index.entry(what.as_str()).or_insert_with(|| {
            kinds.push((what, Vec::new()));
            kinds.len() - 1
        });
        kinds[at].1.push(place);
    }
    kinds.sort_by_key(|(_, places)| std::cmp::Reverse(places.len()));
    kinds
}

impl Database {
    /// How many models.
    #[must_use]
    pub fn model_count(&self) -> usize {
        self.providers.iter().map(|p| p.models.len()).sum()
    }

    /// How many prices.
    #[must_use]
    pub(crate) fn fact_count(&self) -> usize {
        self.providers.iter().flat_map(|p| &p.models).map(|m| m.facts.len()).sum()
    }

    /// A provider by its id here.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&ListedProvider> {
        self.providers.iter().find(|p| p.id == id)
    }
}

/// Why a file cannot be read as a price database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is not JSON.
    #[error("this is not JSON: {message} (line {line}, column {column}){hint}")]
    NotJson {
        /// What the reader met.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What it may be in place of JSON.
        hint: &'static str,
        /// The next step, where what it may be has one.
        help: Option<&'static str>,
    },
    /// It is JSON of some other shape.
    #[error("this JSON is of no price database that farebox knows")]
    UnknownShape,
    /// It is not what `--from` said.
    #[error("this JSON is not of the form of {0}")]
    OtherShape(DatabaseFormat),
    /// It has no price.
    #[error("there is no price in this file, read as {0}")]
    NoPrices(DatabaseFormat),
}

impl ImportError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let names = DatabaseFormat::names;
        match self {
            ImportError::NotJson { help, .. } => help.map(str::to_owned),
            ImportError::UnknownShape => {
                Some(format!("it knows {}; --from FORMAT reads the file as one of them", names()))
            }
            ImportError::OtherShape(_) => Some("leave --from out, and the content decides".to_owned()),
            ImportError::NoPrices(_) => Some(format!("--from FORMAT reads it as another of {}", names())),
        }
    }
}

/// Reads a price database.
///
/// * `text`: the file, in the database's own format;
/// * `format`: whose format it is; the content decides where it is left out.
///
/// # Errors
/// [`ImportError`] where nothing can be read. A part that cannot be read is no error: it is listed in
/// [`Database::unread`].
///
/// # Examples
/// ```
/// use farebox::pricing::import::{DatabaseFormat, read};
/// let text = r#"{"gpt-4o": {"litellm_provider": "openai", "mode": "chat",
///     "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "input_cost_per_smell": 0.1}}"#;
/// let database = read(text, None)?;
/// assert_eq!(database.format, DatabaseFormat::Litellm);
/// let facts = &database.provider("openai").unwrap().models[0].facts;
/// assert_eq!(facts[0].price.usd.to_string(), "2.5"); // per million tokens: 2.5e-06 × 1,000,000
/// assert_eq!(database.unread[0].what, "field `input_cost_per_smell`");
/// # Ok::<(), farebox::pricing::import::ImportError>(())
/// ```
pub fn read(text: &str, format: Option<DatabaseFormat>) -> Result<Database, ImportError> {
    let root = Node::parse(text.trim_start_matches('\u{feff}')).map_err(|error| not_json(text, &error))?;
    let format = match format {
        Some(format) if format.fits(root) => format,
        Some(format) => return Err(ImportError::OtherShape(format)),
        None => DatabaseFormat::ALL.iter().copied().find(|f| f.fits(root)).ok_or(ImportError::UnknownShape)?,
    };
    let mut draft = Draft::new(format);
    format.read_into(root, &mut draft);
    let database = draft.done();
    if database.fact_count() == 0 { Err(ImportError::NoPrices(format)) } else { Ok(database) }
}

fn not_json(text: &str, error: &serde_json::Error) -> ImportError {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let start = text.trim_start();
    let (hint, help) = if start.starts_with('<') {
        ("; it looks like a web page", None)
    } else if text.contains("provider:") {
        ("", Some("a price file of farebox's own is used with --prices FILE"))
    } else if error.is_eof() {
        ("; it ends too early", Some("the file is not whole: get it again"))
    } else {
        ("", Some("a price database is one JSON file: get it again, or name another"))
    };
    ImportError::NotJson { message, line: error.line(), column: error.column(), hint, help }
}

macro_rules! formats {
    ($($variant:ident $module:ident $name:literal $page:literal $file:literal $about:literal;)+) => {
        farebox_data::names! {
            /// The format of a public price database.
            ///
            /// # Examples
            /// ```
            /// use farebox::pricing::import::DatabaseFormat;
            /// assert_eq!("genai-prices".parse::<DatabaseFormat>().unwrap(), DatabaseFormat::GenaiPrices);
            /// ```
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[non_exhaustive]
            pub enum DatabaseFormat "is no price database" {
                $($variant $name $about;)+
            }
        }

        impl DatabaseFormat {
            /// The page of the database: the source that its prices name.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(DatabaseFormat::$variant => $page),+ }
            }

            /// Where the database's file is.
            #[must_use]
            pub const fn file(self) -> &'static str {
                match self { $(DatabaseFormat::$variant => $file),+ }
            }

            /// Whether it drops or dates models that are gone, at every provider: `docs/prices.md` has the test.
            #[must_use]
            pub const fn drops_dead_models(self) -> bool {
                matches!(self, DatabaseFormat::ModelsDev | DatabaseFormat::OpenRouter)
            }

            fn fits(self, root: Node) -> bool {
                match self { $(DatabaseFormat::$variant => $module::fits(root)),+ }
            }

            fn read_into(self, root: Node, draft: &mut Draft) {
                match self { $(DatabaseFormat::$variant => $module::read(root, draft)),+ }
            }
        }
    };
}

impl DatabaseFormat {
    /// All names, for messages.
    fn names() -> String {
        DatabaseFormat::ALL.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ")
    }
}

formats! {
    Litellm litellm "litellm"
        "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"
        "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
        "LiteLLM's model_prices_and_context_window.json";
    GenaiPrices genai_prices "genai-prices"
        "https://github.com/pydantic/genai-prices"
        "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json"
        "data.json of Pydantic's genai-prices";
    ModelsDev models_dev "models-dev"
        "https://models.dev"
        "https://models.dev/api.json"
        "api.json of models.dev";
    OpenRouter openrouter "openrouter"
        "https://openrouter.ai/models"
        "https://openrouter.ai/api/v1/models"
        "OpenRouter's answer to /api/v1/models";
    LlmPrices llm_prices "llm-prices"
        "https://www.llm-prices.com/"
        "https://www.llm-prices.com/historical-v1.json"
        "current-v1.json, historical-v1.json or a data/*.json of llm-prices";
}

#[cfg(test)]
pub(crate) mod tests;
