//! Work that is not done yet: [`Task`], and what it would cost.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{Farebox, PriceError, one_request};
use crate::calculator::estimate::Estimate;
use crate::calculator::quote::WorkSpec;
use crate::calculator::thinking::AskedThinking;
use crate::context::Dimension;
use crate::jobs::assumed::refuse_assumed;
use crate::jobs::estimate::{quote_request, quote_text, quote_tokens};
use crate::range::Range;

/// One kind of request, how long its answers are and how often it is sent.
///
/// # Examples
/// ```
/// use farebox::{Farebox, Task};
/// let fb = Farebox::bundled().at("2026-11-22".parse::<farebox::period::Instant>()?);
/// let task = Task::tokens(1_000).output(500..=500).requests(10_000).batch();
/// let estimate = fb.estimate("gpt-4o", &task)?;
/// // 10 million × 1.25 + 5 million × 5, per million: a batch is half the price.
/// assert_eq!(estimate.cost.total.to_string(), "37.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    prompt: TaskPrompt,
    spec: WorkSpec,
}

#[derive(Clone, Debug)]
enum TaskPrompt {
    Text(String),
    Tokens,
    Request(Value),
}

impl Task {
    fn new(prompt: TaskPrompt) -> Self {
        Task { prompt, spec: WorkSpec::default() }
    }

    /// A prompt of this text, counted for each model that is asked.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(TaskPrompt::Text(text.into()))
    }

    /// A prompt of that many tokens for every model.
    #[must_use]
    pub fn tokens(prompt: u64) -> Self {
        let mut task = Self::new(TaskPrompt::Tokens);
        task.spec.input_tokens = Some(Range::exactly(prompt));
        task
    }

    /// A request in any provider's form, counted for each model that is asked, whichever it names itself.
    #[must_use]
    pub fn request(body: Value) -> Self {
        Self::new(TaskPrompt::Request(body))
    }

    /// How many tokens an answer has: the middle of the range is expected. Left out, it is anything up to the longest that
    /// the model writes.
    #[must_use]
    pub fn output(mut self, tokens: RangeInclusive<u64>) -> Self {
        self.spec.output_tokens = Some(range_of(&tokens));
        self
    }

    /// How many tokens a model that thinks spends on it before each answer. Left out, a range is assumed on models that think
    /// by default; 0 is none.
    #[must_use]
    pub fn thinking(mut self, tokens: RangeInclusive<u64>) -> Self {
        self.spec.thinking = AskedThinking::Tokens(range_of(&tokens));
        self
    }

    /// How many of the prompt's tokens are read from the cache.
    #[must_use]
    pub fn cached(mut self, tokens: u64) -> Self {
        self.spec.cached_tokens = tokens;
        self
    }

    /// How many requests are sent; one when left out.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.spec.requests = requests;
        self
    }

    /// The requests are processed in a batch.
    #[must_use]
    pub fn batch(mut self) -> Self {
        self.spec.batch = true;
        self
    }

    /// Something else that each request states, such as its service tier or region.
    #[must_use]
    pub fn state(mut self, dimension: Dimension, value: &str) -> Self {
        self.spec.stated.push((dimension, value.to_owned()));
        self
    }
}

/// The middle of the range is expected.
fn range_of(tokens: &RangeInclusive<u64>) -> Range<u64> {
    let (low, high) = (*tokens.start(), *tokens.end().max(tokens.start()));
    Range { low, expected: low + (high - low) / 2, high }
}

/// A model in a comparison.
#[derive(Debug)]
#[non_exhaustive]
pub struct Compared {
    /// The model as `provider/model`, or as it was asked for where it is not known.
    pub model: String,
    /// What the task costs there, or why that cannot be said.
    pub result: Result<Estimate, PriceError>,
}

impl Farebox {
    /// What a task would cost: the expected cost, and its bounds where something is a range.
    ///
    /// # Errors
    /// [`PriceError`] where the model is not known, the prompt cannot be counted or is longer than the model reads, or the
    /// table has no rate for it.
    pub fn estimate(&self, model: &str, task: &Task) -> Result<Estimate, PriceError> {
        let (setup, spec) = (&*self.setup, &task.spec);
        let found = setup.table.find(model, setup.at)?;
        let quote = match &task.prompt {
            TaskPrompt::Tokens => quote_tokens(spec.input_tokens.unwrap_or_default(), &found, spec, setup)?,
            TaskPrompt::Text(text) => quote_text(text, &found, spec, setup)?,
            TaskPrompt::Request(body) => quote_request(&one_request(body)?, &found, spec, setup)?,
        };
        let mut quotes = [quote];
        refuse_assumed(&mut quotes, setup);
        let [quote] = quotes;
        Ok(quote.result?)
    }

    /// What a task would cost with each of several models: the cheapest first, those without a price last.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, Task};
    /// let fb = Farebox::bundled();
    /// let compared = fb.compare(["gpt-4o", "acme/unknown"], &Task::tokens(1_000).output(100..=300));
    /// assert!(compared[0].result.is_ok());
    /// assert!(compared[1].result.is_err(), "an unknown model is an answer too");
    /// ```
    pub fn compare<'m>(&self, models: impl IntoIterator<Item = &'m str>, task: &Task) -> Vec<Compared> {
        let compared = models.into_iter().map(|model| {
            let known = self.setup.table.get(model, self.setup.at);
            let model_id = known.map_or_else(|| model.to_owned(), |found| found.full_id());
            Compared { model: model_id, result: self.estimate(model, task) }
        });
        let mut compared: Vec<Compared> = compared.collect();
        let total = |row: &Compared| row.result.as_ref().ok().map(|estimate| estimate.cost.total);
        compared.sort_by_key(|row| (row.result.is_err(), total(row)));
        compared
    }
}
