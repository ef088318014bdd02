//! What a token of each kind costs one request of a feature, by the length of its prompt: [`Tariff`].
//!
//! Every rate in it is the answer of [`price`] to a request with that kind of token alone, so a plan can never price
//! anything otherwise than a bill of single requests would.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::attached::{Billing, billing};
use super::{Refusal, price, rates_at};
use crate::context::Context;
use crate::conversation::Modality;
use crate::meter::{Meter, Side};
use crate::period::{Instant, Period};
use crate::pricing::Found;
use crate::pricing::card::{RateCard, Source};
use crate::usage::Usage;

/// What a request is made of, as far as kinds are billed apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenSlot {
    /// Prompt tokens at the full rate.
    Input,
    /// Prompt tokens read from the cache.
    Read,
    /// Prompt tokens written to the cache.
    Write,
    /// Image tokens of the prompt.
    Image,
    /// Answer tokens.
    Output,
    /// Thinking tokens.
    Reasoning,
    /// The request itself.
    Request,
    /// Audio tokens of the prompt.
    Audio,
    /// Video tokens of the prompt.
    Video,
    /// Audio tokens of the answer.
    Speech,
}

/// Millionths of a token in a token.
pub(crate) const MICRO: i128 = 1_000_000;

/// How many kinds there are.
pub(crate) const SLOTS: usize = 10;

/// All kinds.
pub(crate) const ALL_SLOTS: [TokenSlot; SLOTS] = [
    TokenSlot::Input,
    TokenSlot::Read,
    TokenSlot::Write,
    TokenSlot::Image,
    TokenSlot::Output,
    TokenSlot::Reasoning,
    TokenSlot::Request,
    TokenSlot::Audio,
    TokenSlot::Video,
    TokenSlot::Speech,
];

/// Femto-dollars in a dollar: the unit of the rates that simulated quantities are multiplied with.
pub(crate) const FEMTO: i128 = 1_000_000_000_000_000;

/// What one unit costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitRate {
    /// US dollars per `per`.
    pub rate: Decimal,
    /// How many units the rate is for; 0 where there is no fee.
    pub per: u64,
    /// Femto-dollars (10⁻¹⁵ $) for one unit, rounded to whole ones: for draws alone, never for an expected value.
    pub femto: i128,
}

/// The rates of requests with prompts of at least some length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// The shortest prompt in the band, in tokens.
    pub first: u64,
    /// A rate for each [`TokenSlot`], or why prompts of this length have no price.
    pub rates: Result<[UnitRate; SLOTS], Refusal>,
}

/// What a request costs on one model under one context at one time.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// By prompt length, shortest first; the first band begins at 0.
    pub bands: Vec<Band>,
    /// What is billed besides tokens, in the order that was asked for.
    pub beside: Vec<UnitRate>,
    /// When the rates hold.
    pub period: Period,
    /// Where they were read.
    pub source: Arc<Source>,
    /// Since when there is evidence of them, where their time begins earlier: then they are assumed.
    pub assumed: Option<Instant>,
}

/// Which kinds a feature uses, and how a model bills them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meters {
    /// The meter of each slot; `None` where the feature does not use it.
    pub of: [Option<Meter>; SLOTS],
}

/// What a feature uses besides plain tokens in and out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uses {
    /// Thinking.
    pub reasoning: bool,
    /// Images.
    pub images: bool,
    /// The cache, and the meter that writing to it is billed by.
    pub cache: Option<Meter>,
    /// The meter of its answers; `None` without answers, or where their tokens are not billed.
    pub answer: Option<Meter>,
    /// Whether no text is billed: by a model that is billed by the image, the page or the second alone, or because none is
    /// sent to a model that has no rate for it.
    pub no_text: bool,
    /// The meter of audio tokens that are sent.
    pub audio: Option<Meter>,
    /// The meter of video tokens that are sent.
    pub video: Option<Meter>,
    /// The meter of audio tokens that are made.
    pub speech: Option<Meter>,
}

impl Meters {
    /// The meters of a feature on a rate card: cached tokens that the card does not bill apart are plain input, images are
    /// what the card says and nothing else.
    #[must_use]
    pub(crate) fn on(card: &RateCard, uses: Uses) -> Self {
        let or_input = |meter: Meter| if card.lists(meter) { meter } else { Meter::Input };
        let of = ALL_SLOTS.map(|slot| match slot {
            TokenSlot::Input => (!uses.no_text).then_some(Meter::Input),
            TokenSlot::Read => uses.cache.map(|_| or_input(Meter::CacheRead)),
            TokenSlot::Write => uses.cache.map(or_input),
            TokenSlot::Image => uses.images.then(|| match billing(card, Modality::Image) {
                Some(Billing::Tokens(meter)) => meter,
                _ => Meter::InputImage,
            }),
            TokenSlot::Output => uses.answer,
            TokenSlot::Reasoning => uses.reasoning.then_some(Meter::Reasoning),
            TokenSlot::Request => Some(Meter::Requests),
            TokenSlot::Audio => uses.audio,
            TokenSlot::Video => uses.video,
            TokenSlot::Speech => uses.speech,
        });
        Meters { of }
    }
}

/// Asks for every rate that a feature may need.
///
/// # Errors
/// The [`Refusal`] of the first kind that has no price for the shortest prompts, or of a fee. A refusal of longer prompts
/// stays in their band: who sends none of them need not know.
pub(crate) fn tariff(
    found: &Found,
    context: &Context,
    uses: Uses,
    beside: &[Meter],
    at: Instant,
) -> Result<Tariff, Refusal> {
    let ask = |usage: &Usage| price(&found.provider, &found.model, usage, context, at);
    let card = rates_at(&found.provider, &found.model, at)?;
    let (period, source) = (card.period, card.source.clone());
    let meters = Meters::on(card, uses);
    let slot = |first: u64, meter: Meter| {
        let mut usage = Usage::default();
        if meter.side() == Side::Prompt {
            usage.set_tokens(meter, first.max(1));
        } else {
            usage.set_tokens(Meter::Input, if uses.no_text { 0 } else { first });
            usage.set(meter, Decimal::ONE);
        }
        unit_rate(&ask(&usage)?, meter.side(), found, meter)
    };
    let band = |first: u64| {
        let mut rates = [UnitRate::default(); SLOTS];
        for (rate, meter) in rates.iter_mut().zip(meters.of) {
            let Some(meter) = meter else { continue };
            *rate = slot(first, meter)?;
        }
        Ok(rates)
    };
    let bands: Vec<Band> = borders(card).into_iter().map(|first| Band { first, rates: band(first) }).collect();
    if let Some(Err(refusal)) = bands.first().map(|band| &band.rates) {
        return Err(refusal.clone());
    }
    let fees = beside.iter().map(|meter| {
        let mut usage = Usage::default();
        usage.set(*meter, Decimal::ONE);
        unit_rate(&ask(&usage)?, Side::Beside, found, *meter)
    });
    let beside = fees.collect::<Result<_, Refusal>>()?;
    Ok(Tariff { bands, beside, period, source, assumed: card.assumed_before(at) })
}

/// The prompt lengths at which another rate may begin.
fn borders(card: &RateCard) -> Vec<u64> {
    let tiers = card.tiers.iter().chain(card.variants.iter().flat_map(|v| &v.tiers));
    let mut borders: Vec<u64> = tiers.map(|tier| tier.first()).collect();
    borders.push(0);
    borders.sort_unstable();
    borders.dedup();
    borders
}

/// The one line of a receipt that is about a kind; none where it carries no fee.
fn unit_rate(cost: &super::Cost, side: Side, found: &Found, meter: Meter) -> Result<UnitRate, Refusal> {
    let Some(line) = cost.lines.iter().find(|line| line.meter.side() == side) else { return Ok(UnitRate::default()) };
    let too_long = || Refusal::InvalidUsage {
        what: format!("{}: the rate of {meter} has more digits than a plan carries", found.full_id()),
    };
    let one = line.rate.checked_div(Decimal::from(line.per)).ok_or_else(too_long)?;
    let femto = one.checked_mul(Decimal::from(FEMTO as u64)).map(|f| f.round()).ok_or_else(too_long)?;
    let femto = i128::try_from(femto).map_err(|_| too_long())?;
    Ok(UnitRate { rate: line.rate, per: line.per, femto })
}

impl Tariff {
    /// The rates of a prompt, whose length is in millionths of a token.
    #[must_use]
    pub fn band(&self, prompt: i128) -> (usize, &Band) {
        let holds = |band: &&Band| i128::from(band.first) * MICRO <= prompt;
        let index = self.bands.iter().take_while(holds).count().saturating_sub(1);
        (index, &self.bands[index])
    }

    /// Why a prompt between two lengths, in millionths of a token, may have no price.
    #[must_use]
    pub(crate) fn refusal(&self, shortest: i128, longest: i128) -> Option<&Refusal> {
        let (first, last) = (self.band(shortest).0, self.band(longest).0);
        self.bands[first..=last].iter().find_map(|band| band.rates.as_ref().err())
    }
}
