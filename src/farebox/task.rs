//! Work that is not done yet: [`Task`], and what it would cost.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{Farebox, PriceError};
use crate::calculator::estimate::{Estimate, Work, estimate};
use crate::calculator::limits::{longest_answer, refuse_long_prompt};
use crate::context::{Context, Dimension};
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
    prompt: Prompt,
    output: Option<Range<u64>>,
    cached: u64,
    requests: u64,
    context: Context,
}

#[derive(Clone, Debug)]
enum Prompt {
    Text(String),
    Tokens(u64),
    Request(Value),
}

impl Task {
    fn new(prompt: Prompt) -> Self {
        Task { prompt, output: None, cached: 0, requests: 1, context: Context::default() }
    }

    /// A prompt of this text, counted for each model that is asked.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Prompt::Text(text.into()))
    }

    /// A prompt of that many tokens for every model.
    #[must_use]
    pub fn tokens(prompt: u64) -> Self {
        Self::new(Prompt::Tokens(prompt))
    }

    /// A request in any provider's form, counted for each model that is asked, whichever it names itself.
    #[must_use]
    pub fn request(body: Value) -> Self {
        Self::new(Prompt::Request(body))
    }

    /// How many tokens an answer has: the middle of the range is expected. Left out, it is anything up to the longest that
    /// the model writes.
    #[must_use]
    pub fn output(mut self, tokens: RangeInclusive<u64>) -> Self {
        let (low, high) = (*tokens.start(), *tokens.end().max(tokens.start()));
        self.output = Some(Range { low, expected: low + (high - low) / 2, high });
        self
    }

    /// How many of the prompt's tokens are read from the cache.
    #[must_use]
    pub fn cached(mut self, tokens: u64) -> Self {
        self.cached = tokens;
        self
    }

    /// How many requests are sent; one when left out.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.requests = requests;
        self
    }

    /// The requests are processed in a batch.
    #[must_use]
    pub fn batch(self) -> Self {
        self.state(Dimension::Processing, "batch")
    }

    /// Something else that each request states, such as its service tier or region.
    #[must_use]
    pub fn state(mut self, dimension: Dimension, value: &str) -> Self {
        self.context.set(dimension, value);
        self
    }
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
        let setup = &self.setup;
        let found = setup.table.find_for(None, model, &task.context, setup.at)?;
        let input = self.prompt_tokens(&found.full_id(), &task.prompt)?;
        let card = &found.model;
        let not_given = || Range { low: 0, expected: 0, high: longest_answer(card, input.low).unwrap_or(0) };
        let work = Work {
            input,
            cache_read: task.cached,
            output: task.output.unwrap_or_else(not_given),
            answers: 1,
            requests: task.requests,
            context: found.settle(&task.context).into_owned(),
            ..Work::default()
        };
        refuse_long_prompt(&found.provider, card, work.input.low)?;
        Ok(estimate(&found.provider, card, &work, setup.at)?)
    }

    fn prompt_tokens(&self, model: &str, prompt: &Prompt) -> Result<Range<u64>, PriceError> {
        let count = match prompt {
            Prompt::Tokens(tokens) => return Ok(Range::exactly(*tokens)),
            Prompt::Text(text) => self.count(model, text)?,
            Prompt::Request(body) => {
                let mut body = body.clone();
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("model".into(), model.into());
                }
                self.count_request(&body)?.prompt
            }
        };
        Ok(Range { low: count.low, expected: count.tokens, high: count.high })
    }

    /// What a task would cost with each of several models: the cheapest first, those without a price last.
    ///
    /// # Examples
    /// ```
    /// use farebox::{Farebox, Task};
    /// let fb = Farebox::bundled();
    /// let compared = fb.compare(["gpt-4o", "nobody/nothing"], &Task::tokens(1_000).output(100..=300));
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
