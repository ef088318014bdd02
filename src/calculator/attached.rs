//! Which meter of a card bills what is attached to a request, and the refusal where it has none.
//!
//! A card bills audio by the token or by the second, images by the token or by the piece, pages by the token or by the page;
//! what it does not bill at all cannot be sent. Nothing is ever billed as text unless the card says so.

use rust_decimal::Decimal;

use super::Refusal;
use crate::conversation::Modality;
use crate::meter::Meter;
use crate::pricing::card::{Evidence, ModelCard, ProviderHead, RateCard};
use crate::range::Range;
use crate::tokenizer::media::{Rate, Weight};

/// A part of a request that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// What it is.
    pub modality: Modality,
    /// Its tokens.
    pub tokens: Range<u64>,
    /// What it is counted by where no tokens are billed: images and pages in pieces, audio and video in milliseconds.
    pub amount: Range<u64>,
    /// Whether the model is known to take such a thing, apart from its card: its tokens follow a published rule.
    pub has_rule: bool,
}

impl Attached {
    /// One of a modality, of unknown size.
    pub(super) const fn some(modality: Modality) -> Attached {
        Attached { modality, tokens: Range::exactly(0), amount: Range::exactly(1), has_rule: true }
    }
}

/// A part of a request, as a tokenizer's rules weigh it.
impl From<&Weight> for Attached {
    fn from(weight: &Weight) -> Self {
        let Rate { low, expected, high } = weight.amount;
        Attached {
            modality: weight.modality,
            tokens: weight.count.into(),
            amount: Range { low, expected, high },
            has_rule: weight.has_rule,
        }
    }
}

/// How a card bills a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing {
    /// By its tokens.
    Tokens(Meter),
    /// By its pieces or seconds.
    Amount(Meter),
    /// With another part of the same attachment.
    Included,
}

/// How a card bills a modality; `None` where it has no meter for it.
#[must_use]
pub(crate) fn billing(card: &RateCard, modality: Modality) -> Option<Billing> {
    let tokens = |meter| card.lists(meter).then_some(Billing::Tokens(meter));
    let amount = |meter| card.lists(meter).then_some(Billing::Amount(meter));
    // Cards that read documents by the page have no rate for tokens.
    let by_page = if card.lists(Meter::Input) { None } else { amount(Meter::Pages) };
    match modality {
        // A price by the piece is the card's own; tokens may be billed as input by a habit of the provider alone.
        Modality::Image if card.prices(Meter::InputImages) && !card.prices(Meter::InputImage) => {
            amount(Meter::InputImages)
        }
        Modality::Image => tokens(Meter::InputImage).or(by_page),
        // A provider takes a page apart itself: where pictures have no rate of their own it is part of the prompt.
        Modality::Page => by_page.or_else(|| tokens(Meter::InputImage)).or_else(|| tokens(Meter::Input)),
        Modality::Audio => tokens(Meter::InputAudio).or_else(|| amount(Meter::AudioSeconds)),
        Modality::Video => tokens(Meter::InputVideo).or_else(|| amount(Meter::InputVideoSeconds)),
        Modality::Soundtrack => match billing(card, Modality::Video)? {
            Billing::Tokens(video) => tokens(Meter::InputAudio).or(Some(Billing::Tokens(video))),
            _ => Some(Billing::Included),
        },
    }
}

/// How a card bills a part of a request.
///
/// # Errors
/// [`Refusal::NoRate`] where the card has no meter for it, or the model reads text alone.
pub(crate) fn billed_by(
    head: &ProviderHead,
    model: &ModelCard,
    card: &RateCard,
    part: &Attached,
) -> Result<Billing, Refusal> {
    let refusal = |what: String| Refusal::NoRate {
        model: format!("{}/{}", head.id, model.id),
        what,
        help: help_for(head, model, card, part.modality),
    };
    if part.modality == Modality::Image && !part.has_rule && reads_no_images(model, card) {
        let reads = model.info.input.join(" and ");
        return Err(refusal(format!("images have no rate: by the price table the model reads {reads}")));
    }
    let name = part.modality.name();
    billing(card, part.modality).ok_or_else(|| refusal(format!("the price table has no rate for {name} on this model")))
}

/// Whether everything known of a model says that it takes no images: what it reads, its capabilities, its rates, its name.
fn reads_no_images(model: &ModelCard, card: &RateCard) -> bool {
    let info = &model.info;
    let sees = info.input.iter().any(|input| input == "image") || info.capabilities.iter().any(|can| can == "vision");
    !info.input.is_empty() && !sees && !card.prices(Meter::InputImage) && !is_named_for_images(&model.id)
}

/// Whether an id says that its model reads images; tables that list what hosts run are often silent about it.
fn is_named_for_images(id: &str) -> bool {
    let id = id.to_lowercase();
    let mut words = id.split(|c: char| !c.is_ascii_alphanumeric());
    let is_sight = |word: &str| matches!(word, "vision" | "vl" | "multimodal" | "omni" | "ocr");
    words.any(is_sight) || ["llava", "internvl"].iter().any(|family| id.contains(family))
}

fn help_for(head: &ProviderHead, model: &ModelCard, card: &RateCard, modality: Modality) -> String {
    let (example, meter) = match modality {
        Modality::Image | Modality::Page => ("gpt-4o", Meter::InputImage),
        Modality::Audio => ("gemini-2.5-flash or whisper-1", Meter::InputAudio),
        Modality::Video | Modality::Soundtrack => ("gemini-2.5-flash", Meter::InputVideo),
    };
    if card.source.evidence == Evidence::Own {
        return format!(
            "say in your price file what the provider bills for it: `{meter}: =input` where it is billed as text"
        );
    }
    format!(
        "take a model that is sold with it, such as {example}; `farebox prices show {}/{}` prints what this one bills",
        head.id, model.id
    )
}

/// The quantity of a part in the unit of its meter.
#[must_use]
pub fn quantity(modality: Modality, amount: u64) -> Decimal {
    match modality {
        Modality::Audio | Modality::Video | Modality::Soundtrack => Decimal::from(amount) / Decimal::ONE_THOUSAND,
        Modality::Image | Modality::Page => Decimal::from(amount),
    }
}

/// The meter of attached tokens that the cache has: the card's own, or that of text where the card bills both alike.
#[must_use]
pub(crate) fn cached(card: &RateCard, meter: Meter) -> Meter {
    let own = meter.in_cache();
    if card.lists(own) || card.prices(meter) { own } else { Meter::CacheRead }
}
