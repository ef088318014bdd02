//! What a prompt would cost on a model, with what a person has to know before they use the price: [`Quote`].

use rust_decimal::Decimal;

use super::Refusal;
use super::attached::{Attached, Billing, billing};
use super::estimate::{Estimate, Work, estimate};
use super::limits::{impossible_answer, longest_answer, may_be_too_long, refuse_long_prompt};
use super::made::answers_in_text;
use super::thinking::{AskedThinking, Thinking};
use crate::context::{Context, Dimension};
use crate::conversation::Conversation;
use crate::meter::Meter;
use crate::money::grouped;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::always_thinks;
use crate::range::Range;
use crate::tokenizer::chat::Counted;
use crate::tokenizer::media::TEXT_NOT_READ;
use crate::tokenizer::{Basis, TokenCount};

/// Requests that follow one another: each sends what was there before with what the last one wrote and got back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// How many requests, the last of which writes the answer.
    pub count: u64,
    /// Tokens that every request but the last writes, to call a tool.
    pub call: u64,
    /// Tokens that come back from the tool.
    pub result: u64,
    /// Whether one of the two was not said.
    pub is_assumed: bool,
}

impl Steps {
    /// What a step is taken to write where nobody says it: the name of a tool and a few arguments.
    pub const ASSUMED_CALL: u64 = 100;
    /// What a tool is taken to give back where nobody says it: a page of text.
    pub const ASSUMED_RESULT: u64 = 600;

    /// Steps of which the user may have said how long they are.
    #[must_use]
    pub fn of(count: u64, call: Option<u64>, result: Option<u64>) -> Steps {
        Steps {
            count,
            call: call.unwrap_or(Self::ASSUMED_CALL),
            result: result.unwrap_or(Self::ASSUMED_RESULT),
            is_assumed: call.is_none() || result.is_none(),
        }
    }
}

/// What is known of the work besides its prompts.
#[derive(Clone, Debug)]
pub struct WorkSpec {
    /// Prompt tokens that somebody typed instead of a text.
    pub input_tokens: Option<Range<u64>>,
    /// Answer tokens; an answer whose length is not given is anything from none to the longest.
    pub output_tokens: Option<Range<u64>>,
    /// What is said of thinking before an answer, on models that think.
    pub thinking: AskedThinking<u64>,
    /// How many of the prompt's tokens are read from the provider's cache.
    pub cached_tokens: u64,
    /// What share of every prompt is read from the provider's cache, where that was said instead of a number of tokens.
    pub cached_share: Option<Decimal>,
    /// How an agent goes on from its prompt, where it works in steps.
    pub steps: Option<Steps>,
    /// Seconds of video or sound that a request makes.
    pub seconds: Option<u64>,
    /// Documents that a request puts in order.
    pub documents: Option<u64>,
    /// How often each prompt is sent.
    pub requests: u64,
    /// Whether they go in batches.
    pub batch: bool,
    /// What else a request states.
    pub stated: Vec<(Dimension, String)>,
    /// How many answers a request asks for, where it says so.
    pub answers: Option<u64>,
}

impl Default for WorkSpec {
    fn default() -> Self {
        WorkSpec {
            input_tokens: None,
            output_tokens: None,
            thinking: AskedThinking::Unsaid,
            cached_tokens: 0,
            cached_share: None,
            steps: None,
            seconds: None,
            documents: None,
            requests: 1,
            batch: false,
            stated: Vec::new(),
            answers: None,
        }
    }
}

impl WorkSpec {
    /// What a request to this model states: what its deployment says, and over that what was said of the work.
    fn context_for(&self, found: &Found) -> Context {
        let mut context = found.context.clone();
        if self.batch {
            context.set(Dimension::Processing, "batch");
        }
        self.stated.iter().for_each(|(dimension, value)| context.set(*dimension, value));
        context
    }

    /// The thinking before an answer of this model. Where no answer is asked for, or its length is not given, none is assumed.
    fn thinking_for(&self, found: &Found) -> Thinking {
        let has_answer = self.output_tokens.is_some_and(|tokens| tokens.high > 0);
        let is_open = !has_answer && self.thinking == AskedThinking::Unsaid;
        if is_open { Thinking::OFF } else { Thinking::of(&found.model, self.thinking) }
    }

    /// The work of one request, which may say itself that it goes in a batch, how many answers it wants, and more.
    ///
    /// A queue of one provider means nothing to another: on a model that the request does not name it counts where that
    /// model has rates for it, and nowhere in a batch.
    #[must_use]
    pub(crate) fn of_request(&self, request: &Conversation, found: &Found, by_own_name: bool) -> WorkSpec {
        let batch = self.batch || request.is_batch;
        let has_rates = |dimension: Dimension, value: &str| {
            let variants = found.model.rate_cards.iter().flat_map(|card| &card.variants);
            variants.flat_map(|variant| &variant.when).any(|(d, v)| *d == dimension && v == value)
        };
        let counts = |dimension: Dimension, value: &str| match dimension {
            Dimension::ServiceTier => !batch && (by_own_name || has_rates(dimension, value)),
            _ => true,
        };
        let is_new = |dimension: Dimension| self.stated.iter().all(|(given, _)| *given != dimension);
        let own =
            request.stated.iter().filter_map(|(name, value)| Some((name.parse::<Dimension>().ok()?, value.clone())));
        let own = own.filter(|(dimension, value)| is_new(*dimension) && counts(*dimension, value));
        let stated = self.stated.iter().cloned().chain(own).collect();
        WorkSpec { stated, batch, answers: request.answers, ..*self }
    }
}

/// The tokens of a prompt, and what of them is attached rather than text.
#[derive(Clone, Debug, Default)]
pub struct PromptTokens {
    /// All of them.
    pub count: TokenCount,
    /// What a card may bill at a rate of its own.
    pub attached: Vec<Attached>,
    /// Characters of its text, where they were counted.
    pub characters: Option<u64>,
}

impl From<TokenCount> for PromptTokens {
    fn from(count: TokenCount) -> Self {
        PromptTokens { count, ..PromptTokens::default() }
    }
}

impl PromptTokens {
    /// What a request is billed for on a model: what the card counts by the second or by the piece has no tokens.
    ///
    /// Takes the notes about tokens that are not billed out of `counted`.
    #[must_use]
    pub fn billed(found: &Found, counted: &mut Counted, at: Instant) -> PromptTokens {
        let mut tokens = PromptTokens::from(counted.text);
        for weight in &counted.attached {
            let mut part = Attached::from(weight);
            let billing = found.model.rates_at(at).and_then(|card| billing(card, part.modality));
            if !matches!(billing, Some(Billing::Tokens(_))) {
                counted.notes.retain(|note| Some(note) != weight.rule_note().as_ref());
            }
            match billing {
                Some(Billing::Amount(meter)) => {
                    part.tokens = Range::default();
                    if meter == Meter::Pages {
                        // The page has its price with all that is on it.
                        tokens.count = TokenCount::default();
                        counted.notes.retain(|note| note != TEXT_NOT_READ);
                    }
                }
                Some(Billing::Included) => part.tokens = Range::default(),
                Some(Billing::Tokens(_)) | None => tokens.count += weight.count,
            }
            tokens.attached.push(part);
        }
        tokens
    }

    /// Adds what is attached to the prompt.
    pub fn add(&mut self, other: &PromptTokens) {
        self.count += other.count;
        self.attached.extend_from_slice(&other.attached);
    }
}

/// A model with the work of a prompt, or of several together, and what it would cost.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The model.
    pub found: Found,
    /// Where the prompt is from; `None` for numbers and sums.
    pub source: Option<String>,
    /// The tokens of the prompt.
    pub tokens: TokenCount,
    /// The work.
    pub work: Work,
    /// The thinking before one answer.
    pub thinking: Thinking,
    /// What it costs, or why it has no price.
    pub result: Result<Estimate, Refusal>,
    /// Whether the length of the answer was given; otherwise it is anything up to the model's limit.
    pub answer_given: bool,
    /// How many requests these are together, where they were added up.
    pub of_requests: Option<u64>,
    /// The work of each of them, where they are few enough to be told apart.
    pub parts: Vec<Work>,
    /// Why no single request can get such an answer.
    pub warning: Option<String>,
    /// Whether the longest prompt, or its answer, may be too long for the model although the shortest is not.
    pub may_be_too_long: bool,
    /// The steps of an agent, where their lengths were not said.
    pub assumed_steps: Option<Steps>,
}

/// How many pieces of work a sum keeps apart: enough to say exactly why one model costs more than another.
const MOST_PARTS: u64 = 1_000;

impl Quote {
    /// Prices a prompt on a model, with every step that follows from it. An answer whose length is not given is priced as the
    /// range from none to the longest.
    ///
    /// * `cap`: the longest answer that the request itself allows.
    #[must_use]
    pub fn of(
        found: &Found,
        source: Option<&str>,
        tokens: &PromptTokens,
        spec: &WorkSpec,
        cap: Option<u64>,
        at: Instant,
    ) -> Quote {
        let Some(steps) = spec.steps.filter(|steps| steps.count > 1) else {
            return Self::of_one(found, source, tokens, spec, cap, at);
        };
        let Steps { count, call, result, is_assumed } = steps;
        let basis = if is_assumed { tokens.count.basis.max(Basis::Assumed) } else { tokens.count.basis };
        let mut before = tokens.clone();
        let works = WorkSpec { output_tokens: Some(Range::exactly(call)), ..spec.clone() };
        let mut sum: Option<Quote> = None;
        for step in 1..=count {
            let spec = if step == count { spec } else { &works };
            let quote = Self::of_one(found, source, &before, spec, cap, at);
            // What a step adds is as many tokens as was said, whatever the tokenizer.
            let added = call.saturating_add(result);
            before.count += TokenCount { tokens: added, low: added, high: added, basis };
            sum = Some(match sum {
                None => quote,
                Some(sum) => sum.plus(quote),
            });
        }
        let quote = sum.unwrap_or_else(|| Self::of_one(found, source, tokens, spec, cap, at));
        let assumed_steps = Some(steps).filter(|steps| steps.is_assumed);
        Quote { source: source.map(str::to_owned), answer_given: spec.output_tokens.is_some(), assumed_steps, ..quote }
    }

    /// The same for one request.
    fn of_one(
        found: &Found,
        source: Option<&str>,
        tokens: &PromptTokens,
        spec: &WorkSpec,
        cap: Option<u64>,
        at: Instant,
    ) -> Quote {
        let writes = answers_in_text(&found.model, found.model.rates_at(at));
        let limit = longest_answer(&found.model, tokens.count.low);
        let longest = cap.map_or(limit, |cap| Some(limit.map_or(cap, |limit| limit.min(cap)))).filter(|_| writes);
        let output = match spec.output_tokens {
            Some(given) => given.map(|tokens| tokens.min(cap.unwrap_or(u64::MAX))),
            None => Range { low: 0, expected: 0, high: longest.unwrap_or(0) },
        };
        let thinking = if writes { spec.thinking_for(found) } else { Thinking::OFF };
        let work = Work {
            input: tokens.count.into(),
            attached: tokens.attached.clone(),
            cache_read: spec.cached_share.map_or(spec.cached_tokens, |share| part_of(tokens.count.low, share)),
            characters: tokens.characters,
            seconds: spec.seconds,
            documents: spec.documents,
            output: output.times(spec.answers.unwrap_or(1)),
            thinking: thinking.tokens.times(spec.answers.unwrap_or(1)),
            answers: spec.answers.unwrap_or(1),
            requests: spec.requests,
            context: spec.context_for(found),
        };
        // What the user typed has to hold to its end; what was counted has its bounds from the tokenizer, and may be less.
        let prompt = if spec.input_tokens.is_some() { work.input.high } else { work.input.low };
        let answer = if spec.output_tokens.is_some() { output.high } else { 0 };
        let result = refuse_long_prompt(&found.provider, &found.model, prompt)
            .and_then(|()| refuse_more_cached(found, &work))
            .and_then(|()| estimate(&found.provider, &found.model, &work, at));
        let warning = impossible_answer(&found.model, prompt, answer);
        Quote {
            found: found.clone(),
            source: source.map(str::to_owned),
            tokens: tokens.count,
            result,
            answer_given: spec.output_tokens.is_some() || !writes,
            of_requests: None,
            parts: vec![work.clone()],
            assumed_steps: None,
            may_be_too_long: warning.is_none() && may_be_too_long(&found.model, work.input, answer),
            warning,
            work,
            thinking,
        }
    }

    /// Two pieces of work together; a refusal of one is the refusal of both.
    #[must_use]
    pub(crate) fn plus(mut self, next: Quote) -> Quote {
        self.tokens += next.tokens;
        self.work.input = self.work.input + next.work.input;
        next.work.attached.into_iter().for_each(|part| attach(&mut self.work.attached, part));
        self.work.output = self.work.output + next.work.output;
        self.work.thinking = self.work.thinking + next.work.thinking;
        let requests = self.of_requests.unwrap_or(1) + next.of_requests.unwrap_or(1);
        self.of_requests = Some(requests);
        self.warning = self.warning.or(next.warning);
        self.may_be_too_long |= next.may_be_too_long;
        self.answer_given &= next.answer_given;
        self.assumed_steps = self.assumed_steps.or(next.assumed_steps);
        if requests <= MOST_PARTS {
            self.parts.extend(next.parts);
        } else {
            self.parts = Vec::new();
        }
        self.result = match (self.result, next.result) {
            (Ok(sum), Ok(next)) => sum.plus(&next).ok_or_else(too_many),
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        };
        self
    }

    /// Whether the model thinks before every answer, and the user said that it does not: the cost is then too low.
    #[must_use]
    pub(crate) fn lacks_thinking(&self) -> bool {
        self.answer_given
            && self.work.output.high > 0
            && self.work.thinking.high == 0
            && always_thinks(&self.found.model)
    }

    /// What a person has to know before they use the price.
    #[must_use]
    pub fn warning_line(&self) -> Option<String> {
        let warning = self.warning.as_ref().filter(|_| self.result.is_ok())?;
        Some(format!("warning: {warning}; it takes more than one request"))
    }
}

/// A share of some tokens, rounded down.
fn part_of(tokens: u64, share: Decimal) -> u64 {
    let part = Decimal::from(tokens).checked_mul(share).map(|part| part.floor());
    part.and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}

/// Cached tokens are a part of the prompt.
fn refuse_more_cached(found: &Found, work: &Work) -> Result<(), Refusal> {
    if work.cache_read <= work.input.expected {
        return Ok(());
    }
    let (cached, prompt) = (grouped(work.cache_read), grouped(work.input.expected));
    Err(Refusal::InvalidUsage {
        what: format!("{}: {cached} cached tokens are more than the prompt's {prompt}", found.full_id()),
    })
}

/// Adds an attachment to those of the same modality.
fn attach(attached: &mut Vec<Attached>, part: Attached) {
    match attached.iter_mut().find(|sum| sum.modality == part.modality) {
        Some(sum) => {
            sum.tokens = sum.tokens + part.tokens;
            sum.amount = sum.amount + part.amount;
        }
        None => attached.push(part),
    }
}

fn too_many() -> Refusal {
    Refusal::InvalidUsage { what: "the requests cost more digits than farebox carries".into() }
}
