//! What work would cost before it is done: a [`Cost`] where everything is known, a range where something is not.

use rust_decimal::Decimal;
use serde::Serialize;

use super::{Cost, Refusal, price};
use crate::context::Context;
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::usage::Usage;

/// A quantity that is known, or assumed between two bounds: `low ≤ expected ≤ high`.
///
/// # Examples
/// ```
/// use farebox::calculator::estimate::Span;
/// assert_eq!("500".parse::<Span>().unwrap(), Span::exactly(500));
/// let span: Span = "200..800".parse().unwrap();
/// assert_eq!((span.low, span.expected, span.high), (200, 500, 800));
/// assert_eq!("200..300..800".parse::<Span>().unwrap().expected, 300);
/// assert!("800..200".parse::<Span>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// At least this.
    pub low: u64,
    /// The best guess.
    pub expected: u64,
    /// At most this.
    pub high: u64,
}

impl Span {
    /// A quantity that is known.
    #[must_use]
    pub const fn exactly(n: u64) -> Self {
        Span { low: n, expected: n, high: n }
    }

    /// Whether the bounds differ.
    #[must_use]
    pub const fn is_range(self) -> bool {
        self.low != self.high
    }
}

/// Why a text is not a [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of tokens: write 500, 200..800 (low..high) or 200..300..800 (low..expected..high)")]
pub struct SpanTextError(String);

impl std::str::FromStr for Span {
    type Err = SpanTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanTextError(text.to_owned());
        let number = |part: &str| part.trim().replace('_', "").parse::<u64>().map_err(|_| error());
        let parts = text.split("..").map(number).collect::<Result<Vec<u64>, _>>()?;
        let span = match parts[..] {
            [n] => Span::exactly(n),
            [low, high] => Span { low, expected: u64::midpoint(low, high), high },
            [low, expected, high] => Span { low, expected, high },
            _ => return Err(error()),
        };
        if span.low <= span.expected && span.expected <= span.high { Ok(span) } else { Err(error()) }
    }
}

/// One kind of request, and how often it is sent.
#[derive(Clone, Debug)]
pub struct Work {
    /// Prompt tokens of one request, cached ones included.
    pub input: Span,
    /// How many of them are read from the cache.
    pub cache_read: u64,
    /// Answer tokens of one request.
    pub output: Span,
    /// How many requests.
    pub requests: u64,
    /// What each of them states.
    pub context: Context,
}

/// What a [`Work`] would cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// At the expected quantities, for all requests.
    pub cost: Cost,
    /// At the low ones.
    pub low: Usd,
    /// At the high ones.
    pub high: Usd,
}

impl Estimate {
    /// Whether the total is between two bounds rather than known.
    #[must_use]
    pub fn is_range(&self) -> bool {
        self.low != self.high
    }
}

impl Estimate {
    /// Adds what another piece of work costs at the same rates; lines of one meter at one rate become one.
    ///
    /// # Errors
    /// `None` where the sum has more digits than farebox carries.
    #[must_use]
    pub fn plus(mut self, other: &Estimate) -> Option<Estimate> {
        self.low = self.low.checked_add(other.low)?;
        self.high = self.high.checked_add(other.high)?;
        self.cost.total = self.cost.total.checked_add(other.cost.total)?;
        for line in &other.cost.lines {
            let alike = |l: &&mut super::LineItem| (l.meter, l.rate, l.per) == (line.meter, line.rate, line.per);
            match self.cost.lines.iter_mut().find(alike) {
                Some(sum) => {
                    sum.quantity = sum.quantity.checked_add(line.quantity)?;
                    sum.usd = sum.usd.checked_add(line.usd)?;
                }
                None => self.cost.lines.push(*line),
            }
        }
        let new =
            other.cost.applied.iter().filter(|what| !self.cost.applied.contains(what)).cloned().collect::<Vec<_>>();
        self.cost.applied.extend(new);
        Some(self)
    }
}

impl Work {
    /// The usage of one request at chosen numbers of prompt and answer tokens.
    fn usage(&self, input: u64, output: u64) -> Usage {
        let cached = self.cache_read.min(input);
        let mut usage = Usage::tokens_in_out(input - cached, output);
        usage.set_tokens(Meter::CacheRead, cached);
        usage.set(Meter::Requests, Decimal::ONE);
        usage
    }

    fn cost(
        &self,
        head: &ProviderHead,
        model: &ModelCard,
        at: Instant,
        input: u64,
        output: u64,
    ) -> Result<Cost, Refusal> {
        let too_many = || Refusal::InvalidUsage {
            what: format!("{} requests cost more digits than farebox carries", self.requests),
        };
        price(head, model, &self.usage(input, output), &self.context, at)?.times(self.requests).ok_or_else(too_many)
    }
}

/// Prices work at its low, expected and high quantities.
///
/// # Errors
/// The [`Refusal`] of whichever of the three has no price; a tier above the expected length that has none refuses too.
pub fn estimate(head: &ProviderHead, model: &ModelCard, work: &Work, at: Instant) -> Result<Estimate, Refusal> {
    let cost = work.cost(head, model, at, work.input.expected, work.output.expected)?;
    if !work.input.is_range() && !work.output.is_range() {
        return Ok(Estimate { low: cost.total, high: cost.total, cost });
    }
    // A longer prompt never costs less on any card with rising tiers; a card with falling ones still gets honest bounds.
    let low = work.cost(head, model, at, work.input.low, work.output.low)?.total;
    let high = work.cost(head, model, at, work.input.high, work.output.high)?.total;
    Ok(Estimate { low: low.min(cost.total).min(high), high: high.max(cost.total).max(low), cost })
}
