//! Why one model is more expensive than another for the same work: the difference, split exactly.

use rust_decimal::Decimal;
use serde::Serialize;

use super::Refusal;
use super::estimate::{Estimate, Work, estimate};
use crate::meter::Side;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::range::Range;

/// The difference between two models for the same work, in dollars; the parts add up to the difference of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Difference {
    /// From other rates for the prompt, counted with the other model's tokens.
    pub input_rate: Usd,
    /// From counting the same prompt as more or fewer tokens, at this model's rates.
    pub tokenizer: Usd,
    /// From other rates for the answer, its thinking left out.
    pub output_rate: Usd,
    /// From more or less thinking, and other rates for it.
    pub thinking: Usd,
    /// From fees that are not tokens.
    pub fees: Usd,
}

impl Difference {
    /// Adds the difference for another piece of work; `None` where a sum has more digits than farebox carries.
    #[must_use]
    pub(crate) fn checked_add(&self, other: &Difference) -> Option<Difference> {
        Some(Difference {
            input_rate: self.input_rate.checked_add(other.input_rate)?,
            tokenizer: self.tokenizer.checked_add(other.tokenizer)?,
            output_rate: self.output_rate.checked_add(other.output_rate)?,
            thinking: self.thinking.checked_add(other.thinking)?,
            fees: self.fees.checked_add(other.fees)?,
        })
    }

    /// The parts, each with what people call it where it is more, and where it is less.
    #[must_use]
    pub(crate) fn parts(&self) -> [(&'static str, &'static str, Usd); 5] {
        [
            ("prompt tokens cost more", "prompt tokens cost less", self.input_rate),
            ("counts more tokens", "counts fewer tokens", self.tokenizer),
            ("answer tokens cost more", "answer tokens cost less", self.output_rate),
            ("thinking costs more", "thinking costs less", self.thinking),
            ("other fees", "fewer fees", self.fees),
        ]
    }
}

/// A model with the work as its own tokenizer counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    /// The provider's head.
    pub head: &'a ProviderHead,
    /// The model's card.
    pub model: &'a ModelCard,
    /// The work.
    pub work: &'a Work,
}

/// Splits the difference of `this` to `other`, at the expected quantities of both.
///
/// # Errors
/// The [`Refusal`] of whatever has no price: `this` is also priced with the token count of `other`.
pub(crate) fn difference(this: Candidate, other: Candidate, at: Instant) -> Result<Difference, Refusal> {
    let priced = |c: Candidate| estimate(c.head, c.model, c.work, at);
    let (own, reference) = (priced(this)?, priced(other)?);
    let mut same_tokens = this.work.clone();
    same_tokens.input = other.work.input;
    same_tokens.attached.clone_from(&other.work.attached);
    let at_their_tokens = priced(Candidate { work: &same_tokens, ..this })?;
    let side = |e: &Estimate, side| e.cost.of_side(side).amount();
    let minus = |a, b| Usd::new(a - b);
    // What thinking adds: some cards bill it on the line of the answer.
    let thinking = |c: Candidate, with: &Estimate| -> Result<Decimal, Refusal> {
        let work = Work { thinking: Range::default(), ..c.work.clone() };
        let without = priced(Candidate { work: &work, ..c })?;
        Ok(side(with, Side::Answer) - side(&without, Side::Answer))
    };
    let (own_thinking, other_thinking) = (thinking(this, &own)?, thinking(other, &reference)?);
    Ok(Difference {
        input_rate: minus(side(&at_their_tokens, Side::Prompt), side(&reference, Side::Prompt)),
        tokenizer: minus(side(&own, Side::Prompt), side(&at_their_tokens, Side::Prompt)),
        output_rate: minus(side(&own, Side::Answer) - own_thinking, side(&reference, Side::Answer) - other_thinking),
        thinking: minus(own_thinking, other_thinking),
        fees: minus(side(&own, Side::Beside), side(&reference, Side::Beside)),
    })
}
