//! One type to begin with: [`Farebox`].

mod error;
mod planned;
mod recorded;
mod task;
mod used;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

pub use self::error::{CountError, PriceError, PricesError};
pub use self::planned::{Checked, CheckedFinding, Planned, PlannedMonth};
pub use self::recorded::{ModelUsage, UsageCost};
pub use self::task::{Compared, Task};
pub use self::used::Used;

use crate::calculator::Cost;
use crate::conversation::Conversation;
use crate::input::chat::requests;
use crate::jobs::tokenizers::TokenizerChoice;
use crate::jobs::{AsOf, Setup};
use crate::period::Instant;
use crate::pricing::compile::{PriceFile, render_problems};
use crate::pricing::problem::{Problem, Severity};
use crate::pricing::{Found, PriceTable, TableId};
use crate::tokenizer::chat::{Explained, Framing};
use crate::tokenizer::{StreamCounter, TokenCount};

/// Prices, vocabularies and a moment: everything that farebox is asked goes through here.
///
/// It reads no clock and no environment. Prices are those of the day of the table until [`at`](Farebox::at) names another
/// moment, so that a program gives the same answers tomorrow. It opens only the files that it is given.
///
/// Cloning is cheap, and it can be shared between threads.
///
/// # Examples
/// ```
/// use farebox::{Farebox, Task, Used};
///
/// let fb = Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>()?);
/// assert_eq!(fb.count("gpt-4o", "Why is the sky blue?")?.tokens, 6);
///
/// let cost = fb.price("gpt-4o", Used::new().input(2_000).cache_read(48_000).output(1_200))?;
/// assert_eq!(cost.total.to_string(), "0.077"); // 2,000 × 2.50 + 48,000 × 1.25 + 1,200 × 10, per million
///
/// let task = Task::text("Why is the sky blue?").output(100..=600).requests(250);
/// let cheapest = fb.compare(["gpt-4o", "gpt-4o-mini"], &task);
/// assert_eq!(cheapest[0].model, "openai/gpt-4o-mini");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Farebox {
    setup: Arc<Setup>,
}

/// The tokens of a request, as its model's provider counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestCount {
    /// The model that the request names, as `provider/model`.
    pub model: String,
    /// Everything that the provider counts: text, frame, tools and attachments.
    pub prompt: TokenCount,
    /// The longest answer that the request allows, in tokens.
    pub max_output: Option<u64>,
    /// What was guessed or left out, for people.
    pub notes: Vec<String>,
}

impl Farebox {
    /// The bundled prices and vocabularies, as of the day of the price table.
    #[must_use]
    pub fn bundled() -> Self {
        let table = PriceTable::bundled();
        // A test says that the bundled version names its day; without one nothing would have a price yet.
        let at = table.day().unwrap_or(Instant::from_unix(0));
        let (as_of, currency, vocabularies) = (AsOf::Named, None, None);
        Farebox { setup: Arc::new(Setup { table: Arc::new(table), at, as_of, currency, vocabularies, strict: false }) }
    }

    /// The same at another moment: a [`std::time::SystemTime`], a date or timestamp of jiff, or an
    /// [`Instant`] read from text.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, Used};
    /// let now = Farebox::bundled().at(std::time::SystemTime::now());
    /// let then = now.at("2024-08-01".parse::<farebox::period::Instant>()?);
    /// let used = Used::new().input(1_000_000);
    /// assert_eq!(then.price("gpt-4o", used)?.total.to_string(), "5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at(&self, moment: impl Into<Instant>) -> Self {
        Farebox { setup: Arc::new(Setup { at: moment.into(), as_of: AsOf::Named, ..(*self.setup).clone() }) }
    }

    /// The same without assumed prices: one of a time before the first evidence of it is a refusal, where it was marked
    /// ([`Cost::assumed`]) before.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, Used};
    /// let prices = "schema: 1\nprovider: acme\nsources: {page: {url: \"https://acme.example\", checked: 2026-01-01, evidence: documented}}\nmodels: [{id: one, prices: [{source: page, rates: {input: \"1\"}}]}]\n";
    /// let fb = Farebox::bundled().with_price_texts(&[("acme.yaml".into(), prices.into())])?;
    /// let then = fb.at("2025-06-01".parse::<farebox::period::Instant>()?);
    /// let cost = then.price("acme/one", Used::new().input(1_000_000))?;
    /// assert_eq!(cost.assumed.unwrap().to_string(), "2026-01-01");
    /// assert!(then.without_assumed_prices().price("acme/one", Used::new().input(1)).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn without_assumed_prices(&self) -> Self {
        Farebox { setup: Arc::new(Setup { strict: true, ..(*self.setup).clone() }) }
    }

    /// The same with a price file laid over the table: its cards replace those of the same provider and id.
    ///
    /// # Errors
    /// [`PricesError`] where the file cannot be read, or has errors: every one with its line.
    ///
    /// # Examples
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("prices.yaml");
    /// std::fs::write(&path, "\
    /// schema: 1
    /// provider: acme
    /// models:
    ///   - {id: house, prices: [{from: 2026-01-01, rates: {input: \"0.50\", output: \"2\"}}]}
    /// ")?;
    /// let fb = farebox::Farebox::bundled().with_prices(&path)?;
    /// let cost = fb.price("acme/house", farebox::Used::new().input(1_000_000).output(1_000_000))?;
    /// assert_eq!(cost.total.to_string(), "2.5");
    ///
    /// std::fs::write(&path, "schema: 1\nprovider: acme\nmodels: [{id: house}, {id: house}]\n")?;
    /// let error = farebox::Farebox::bundled().with_prices(&path).unwrap_err();
    /// assert!(error.to_string().contains("prices.yaml"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_prices(&self, path: impl AsRef<Path>) -> Result<Self, PricesError> {
        let path = path.as_ref();
        let unreadable = |reason| PricesError::Unreadable { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        self.with_price_texts(&[(path.display().to_string(), text)])
    }

    /// The same with price files whose texts the caller has, as (name, text); later ones win.
    ///
    /// # Errors
    /// [`PricesError::Problems`] where one has errors.
    pub fn with_price_texts(&self, files: &[(String, String)]) -> Result<Self, PricesError> {
        let file = |(path, text): &(String, String)| PriceFile { path: path.clone(), text: text.replace("\r\n", "\n") };
        let files: Vec<PriceFile> = files.iter().map(file).collect();
        let mut table = (*self.setup.table).clone();
        table.lay_over(&files).map_err(|problems| problems_of(problems, &files))?;
        Ok(Farebox { setup: Arc::new(Setup { table: Arc::new(table), ..(*self.setup).clone() }) })
    }

    /// The same with the vocabularies that were added to a folder, such as by `farebox tokenizers add`.
    #[must_use]
    pub fn with_tokenizers(&self, folder: impl AsRef<Path>) -> Self {
        let vocabularies = Some(crate::tokenizer::store::Store::in_folder(folder.as_ref()));
        Farebox { setup: Arc::new(Setup { vocabularies, ..(*self.setup).clone() }) }
    }

    /// Which price table answers: its version and its hash.
    #[must_use]
    pub fn table(&self) -> &TableId {
        self.setup.table.id()
    }

    /// The moment whose prices hold: the day of the table, or what [`at`](Farebox::at) named.
    #[must_use]
    pub fn moment(&self) -> Instant {
        self.setup.at
    }

    /// Counts a text as a model does: the text alone, without the frame of a request.
    ///
    /// # Errors
    /// [`CountError::Model`] for a model that is not in the table, [`CountError::Tokenizer`] for a vocabulary that is
    /// damaged. A model whose tokenizer is not known gets an estimate with its range, not an error.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, tokenizer::Basis};
    /// let fb = Farebox::bundled();
    /// let count = fb.count("gpt-4o", "Why is the sky blue?")?;
    /// assert_eq!((count.tokens, count.basis), (6, Basis::Exact));
    /// let error = fb.count("gpt-4oo", "Why?").unwrap_err();
    /// assert!(error.to_string().starts_with("no model is called \"gpt-4oo\""));
    /// # Ok::<(), farebox::CountError>(())
    /// ```
    pub fn count(&self, model: &str, text: &str) -> Result<TokenCount, CountError> {
        let choice = TokenizerChoice::of(&self.found(model)?, &self.setup);
        let mut counter = StreamCounter::new(self.setup.tokenizer(&choice.name)?);
        counter.push(text);
        Ok(choice.finish(counter))
    }

    /// Counts a request as its provider does, in any provider's form; the body names the model.
    ///
    /// # Errors
    /// [`CountError::Request`] where the body is not one request or names no model, [`CountError::Refused`] where the
    /// model cannot be sent it; and those of [`count`](Farebox::count).
    ///
    /// # Examples
    /// ```
    /// use farebox::Farebox;
    /// use serde_json::json;
    /// let fb = Farebox::bundled();
    /// let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Why is the sky blue?"}]});
    /// assert_eq!(fb.count_request(&request)?.prompt.tokens, 13);
    /// assert!(fb.count_request(&json!({"model": "gpt-4o"})).is_err());
    /// # Ok::<(), farebox::CountError>(())
    /// ```
    pub fn count_request(&self, body: &Value) -> Result<RequestCount, CountError> {
        let (request, model, framing) = self.framed(body)?;
        let counted = framing.count(&request)?;
        Ok(RequestCount { model, prompt: counted.count, max_output: request.max_output, notes: counted.notes })
    }

    /// Counts a request as [`count_request`](Farebox::count_request) does, and says what each part of it costs: instructions,
    /// messages, attachments, each tool, the frame. Tokens and bounds of the parts add up to those of the whole.
    ///
    /// # Errors
    /// Those of [`count_request`](Farebox::count_request).
    ///
    /// # Examples
    /// ```
    /// use farebox::Farebox;
    /// use farebox::tokenizer::chat::PartKind;
    /// use serde_json::json;
    /// let request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "What time is it?"}],
    ///     "tools": [{"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}]});
    /// let explained = Farebox::bundled().explain_request(&request)?;
    /// let tool = explained.parts.iter().find(|part| part.kind == PartKind::Tool).unwrap();
    /// assert_eq!(tool.name.as_deref(), Some("get_time"));
    /// let sum: i64 = explained.parts.iter().map(|part| part.tokens).sum();
    /// assert_eq!(sum as u64, explained.counted.count.tokens);
    /// # Ok::<(), farebox::CountError>(())
    /// ```
    pub fn explain_request(&self, body: &Value) -> Result<Explained, CountError> {
        let (request, _, framing) = self.framed(body)?;
        Ok(framing.explain(&request)?)
    }

    /// The request in a body, its model, and what counts it.
    fn framed(&self, body: &Value) -> Result<(Conversation, String, Framing), CountError> {
        let request = one_request(body)?;
        let model = request.model.as_deref().ok_or_else(|| not_a_request("the body names no model".to_owned()))?;
        let found = self.found(model)?;
        let choice = TokenizerChoice::of(&found, &self.setup);
        let framing = choice.framing(&found, &self.setup)?;
        Ok((request, found.full_id(), framing))
    }

    /// What a request cost that used and stated this.
    ///
    /// # Errors
    /// [`PriceError::Model`] for a model that is not in the table, [`PriceError::Refused`] where it has no price at that
    /// moment, or no rate for something that was used: never a zero.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, PriceError, Used};
    /// let fb = Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>()?);
    /// let batch = fb.price("gpt-4o", Used::new().input(1_000_000).output(1_000_000).batch())?;
    /// assert_eq!(batch.total.to_string(), "6.25"); // half of 2.50 + 10
    /// let before = fb.at("2020-01-01".parse::<farebox::period::Instant>()?);
    /// assert!(matches!(before.price("gpt-4o", Used::new().input(1)), Err(PriceError::Refused(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn price(&self, model: &str, used: impl Into<Used>) -> Result<Cost, PriceError> {
        let Used { usage, context } = used.into();
        let found = self.setup.table.find_for(None, model, &context, self.setup.at)?;
        let context = found.settle(&context);
        let cost = crate::calculator::price(&found.provider, &found.model, &usage, &context, self.setup.at)?;
        let is_refused = self.setup.strict && cost.assumed.is_some();
        Ok(if is_refused { cost.refuse_assumed(&found.full_id(), self.setup.at)? } else { cost })
    }

    fn found(&self, model: &str) -> Result<Found, crate::pricing::UnknownModel> {
        self.setup.table.find(model, self.setup.at)
    }
}

/// The one request that a body holds.
fn one_request(body: &Value) -> Result<Conversation, CountError> {
    let mut read = requests(body.clone());
    match (read.pop(), read.is_empty()) {
        (Some(Ok(request)), true) => Ok(request),
        (Some(Err(error)), true) => Err(not_a_request(error.to_string())),
        _ => Err(not_a_request("the body holds more than one request".to_owned())),
    }
}

fn not_a_request(message: String) -> CountError {
    let help = "a request is an object such as {\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"…\"}]}";
    CountError::Request { message, help: help.to_owned() }
}

fn problems_of(problems: Vec<Problem>, files: &[PriceFile]) -> PricesError {
    let errors: Vec<Problem> = problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    PricesError::Problems { text: render_problems(&errors, files).trim_end().to_owned(), problems: errors }
}
