//! What work would cost before it is done: a [`Cost`] where everything is known, a range where something is not.

use rust_decimal::Decimal;

use super::attached::{Attached, Billing, billed_by, cached, quantity};
use super::made::{Made, Sold};
use super::work::Bound;
pub(crate) use super::work::Work;
use super::{Cost, Refusal, price, rates_at};
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::{ModelCard, ProviderHead, RateCard};
use crate::usage::Usage;

/// What a task would cost.
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
    pub(crate) fn is_range(&self) -> bool {
        self.low != self.high
    }
}

impl Estimate {
    /// The same, unless its rates are assumed.
    ///
    /// # Errors
    /// [`Refusal::AssumedPrice`], which names `model` and the moment of the work.
    pub fn refuse_assumed(self, model: &str, at: Instant) -> Result<Estimate, Refusal> {
        Ok(Estimate { cost: self.cost.refuse_assumed(model, at)?, ..self })
    }

    /// Adds what another piece of work costs at the same rates; lines of one meter at one rate become one.
    ///
    /// # Errors
    /// `None` where the sum has more digits than farebox carries.
    #[must_use]
    pub(crate) fn plus(mut self, other: &Estimate) -> Option<Estimate> {
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
        self.cost.assumed = self.cost.assumed.max(other.cost.assumed);
        let new =
            other.cost.applied.iter().filter(|what| !self.cost.applied.contains(what)).cloned().collect::<Vec<_>>();
        self.cost.applied.extend(new);
        Some(self)
    }
}

/// Prices work at its low, expected and high quantities.
///
/// # Errors
/// The [`Refusal`] of whichever of the three has no price; a tier above the expected length that has none refuses too. So
/// does work that the model bills by something other than tokens, where the work does not say how much of it there is.
pub fn estimate(head: &ProviderHead, model: &ModelCard, work: &Work, at: Instant) -> Result<Estimate, Refusal> {
    let bill = Bill::of(head, model, work, at)?;
    let cost = bill.cost(|span| span.expected)?;
    if !work.is_range() {
        return Ok(Estimate { low: cost.total, high: cost.total, cost });
    }
    // A longer prompt never costs less on any card with rising tiers; a card with falling ones still gets honest bounds.
    let low = bill.cost(|span| span.low)?.total;
    let high = bill.cost(|span| span.high)?.total;
    Ok(Estimate { low: low.min(cost.total).min(high), high: high.max(cost.total).max(low), cost })
}

/// Work with the meters of the card that bill each part of it.
struct Bill<'a> {
    head: &'a ProviderHead,
    model: &'a ModelCard,
    work: &'a Work,
    at: Instant,
    card: &'a RateCard,
    parts: Vec<(Billing, &'a Attached)>,
    made: Made,
}

impl<'a> Bill<'a> {
    fn of(head: &'a ProviderHead, model: &'a ModelCard, work: &'a Work, at: Instant) -> Result<Self, Refusal> {
        let card = rates_at(head, model, at)?;
        let parts = work.attached.iter().map(|part| Ok((billed_by(head, model, card, part)?, part)));
        let parts = parts.collect::<Result<Vec<_>, Refusal>>()?;
        let sold = Sold { head, model, card };
        let made = sold.made(work)?;
        if work.text(|span| span.high) > 0 {
            sold.refuse_text(&made, parts.is_empty())?;
        }
        Ok(Bill { head, model, work, at, card, parts, made })
    }

    fn cost(&self, bound: Bound) -> Result<Cost, Refusal> {
        let Bill { head, model, work, at, .. } = self;
        let too_many = || Refusal::InvalidUsage {
            what: format!("{} requests cost more digits than farebox carries", work.requests),
        };
        price(head, model, &self.usage(bound), &work.context, *at)?.times(work.requests).ok_or_else(too_many)
    }

    /// The usage of one request.
    fn usage(&self, bound: Bound) -> Usage {
        let mut usage = Usage::default();
        usage.set(Meter::Requests, Decimal::ONE);
        let mut left = self.work.cache_read;
        // A model that is billed by pieces or seconds alone bills no text: its card has no rate for it.
        let text = if self.made.bills_text { self.work.text(bound) } else { 0 };
        add(&mut usage, (Meter::Input, Meter::CacheRead), text, &mut left);
        for (billing, part) in &self.parts {
            match *billing {
                Billing::Tokens(meter) => {
                    add(&mut usage, (meter, cached(self.card, meter)), bound(&part.tokens), &mut left);
                }
                Billing::Amount(meter) => {
                    usage.set(meter, usage.quantity(meter) + quantity(part.modality, bound(&part.amount)));
                }
                Billing::Included => {}
            }
        }
        if let Some(meter) = self.made.tokens {
            usage.set_tokens(meter, bound(&self.work.output));
        }
        let thinking = bound(&self.work.thinking);
        if thinking > 0 {
            usage.set_tokens(Meter::Reasoning, thinking);
        }
        if let Some(meter) = self.made.piece {
            usage.set(meter, Decimal::from(self.made.amount.unwrap_or(self.work.answers.max(1))));
        }
        usage
    }
}

/// Adds tokens to a meter, as far as they are in what is left of the cache to the meter of cached ones.
fn add(usage: &mut Usage, (meter, cached): (Meter, Meter), tokens: u64, left: &mut u64) {
    let hit = tokens.min(*left);
    *left -= hit;
    for (meter, tokens) in [(meter, tokens - hit), (cached, hit)] {
        usage.set_tokens(meter, usage.tokens(meter).saturating_add(tokens));
    }
}
