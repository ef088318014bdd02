//! What a turn sends and an answer makes besides text, as the card of a model bills it: tokens, seconds, pages, pieces.

use rust_decimal::Decimal;

use super::counted::MediaTokens;
use super::epochs::DatedFeature;
use super::{PlanError, Resolver};
use crate::calculator::Refusal;
use crate::calculator::attached::{Attached, Billing, billed_by};
use crate::calculator::shape::MICRO;
use crate::calculator::workload::{Medium, MediumKind};
use crate::conversation::{Clip, Document, Media, Modality};
use crate::meter::Meter;
use crate::pricing::Found;
use crate::pricing::card::RateCard;
use crate::range::Range;
use crate::tokenizer::TokenCount;

/// Media of a feature on one model.
#[derive(Clone, Debug, Default)]
pub(super) struct BilledMedia {
    pub tokens: MediaTokens,
    /// The meters of audio and video tokens that are sent, and of audio tokens that are made.
    pub audio: Option<Meter>,
    pub video: Option<Meter>,
    pub speech: Option<Meter>,
    /// Whether pages are billed as images.
    pub images: bool,
    /// What is billed by the second, the page, the piece or the character.
    pub beside: Vec<(Meter, Range<i64>)>,
}

/// Audio tokens for a second of speech that a model makes.
///
/// # Source
/// OpenAI, Realtime API, managing costs: "assistant audio is 1 token per 50 ms"; its price page gives gpt-4o-mini-tts
/// ($12 per million) as $0.015 a minute, which is 20.8 a second. Google, Gemini API, speech and Live API: "audio tokens
/// ... 25 tokens per second". Others have published no rule: from the codec of lowest rate in use to the highest.
fn spoken_tokens(found: &Found) -> Range<Decimal> {
    let exactly = |n: u32| Range::exactly(Decimal::from(n));
    match found.provider.id.as_str() {
        "openai" | "azure" => exactly(20),
        "google" | "vertex" => exactly(25),
        _ => Range { low: Decimal::from(12), expected: Decimal::from(25), high: Decimal::from(50) },
    }
}

impl DatedFeature {
    /// The media of the feature, as a card bills them.
    ///
    /// # Errors
    /// [`PlanError`] where the card has no rate for one of them.
    pub(super) fn billed_media(
        &self,
        resolver: &mut dyn Resolver,
        found: &Found,
        card: &RateCard,
    ) -> Result<BilledMedia, PlanError> {
        let mut billed = BilledMedia::default();
        for medium in &self.feature.media {
            let at = |amount| media_of(medium.kind, amount);
            match (at(medium.amount.low), at(medium.amount.expected), at(medium.amount.high)) {
                (Some(low), Some(expected), Some(high)) => {
                    let mut weigh = |media| resolver.weigh(found, media).map_err(|why| self.uncounted(why));
                    let weighed = Range { low: weigh(&low)?, expected: weigh(&expected)?, high: weigh(&high)? };
                    let texts = [&weighed.low, &weighed.expected, &weighed.high].map(|w| w.text);
                    billed.sent(found, card, medium, &weighed, texts).map_err(|refusal| self.refused(refusal))?;
                }
                _ => billed.pieces(found, card, medium).map_err(|refusal| self.refused(refusal))?,
            }
        }
        Ok(billed)
    }
}

/// What is weighed by a tokenizer's rules; nothing for what is counted by the piece.
fn media_of(kind: MediumKind, amount: Decimal) -> Option<Media> {
    let whole = |n: Decimal| u64::try_from(n.round()).unwrap_or(u64::MAX);
    let clip = || Clip { millis: Some(whole(amount.saturating_mul(Decimal::ONE_THOUSAND))), ..Clip::default() };
    match kind {
        MediumKind::HeardAudio => Some(Media::Audio(clip())),
        MediumKind::SeenVideo => Some(Media::Video(clip())),
        MediumKind::Pages => Some(Media::Document(Document { pages: Some(whole(amount)), ..Document::default() })),
        _ => None,
    }
}

/// From the least of the low to the most of the high.
fn span(low: TokenCount, expected: TokenCount, high: TokenCount) -> Range<i64> {
    let micro = |n: u64| i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Range { low: micro(low.low), expected: micro(expected.tokens), high: micro(high.high) }
}

impl BilledMedia {
    /// A recording, a video or pages that are sent.
    fn sent(
        &mut self,
        found: &Found,
        card: &RateCard,
        medium: &Medium,
        weighed: &Range<crate::tokenizer::media::Weighed>,
        texts: [TokenCount; 3],
    ) -> Result<(), Refusal> {
        let mut by_tokens = false;
        for (i, part) in weighed.expected.parts.iter().enumerate() {
            let (low, high) = (weighed.low.parts.get(i).unwrap_or(part), weighed.high.parts.get(i).unwrap_or(part));
            let tokens = span(low.count, part.count, high.count);
            match billed_by(&found.provider, &found.model, card, &Attached::from(part))? {
                Billing::Tokens(meter) => {
                    by_tokens = true;
                    match part.modality {
                        Modality::Audio | Modality::Soundtrack => {
                            self.audio = Some(meter);
                            self.tokens.audio = self.tokens.audio + tokens;
                        }
                        Modality::Video => {
                            self.video = Some(meter);
                            self.tokens.video = self.tokens.video + tokens;
                        }
                        Modality::Page | Modality::Image if meter == Meter::Input => {
                            self.tokens.text = self.tokens.text + tokens;
                        }
                        Modality::Page | Modality::Image => {
                            self.images = true;
                            self.tokens.images = self.tokens.images + tokens;
                        }
                    }
                }
                Billing::Amount(meter) => self.beside(meter, medium),
                Billing::Included => {}
            }
        }
        if by_tokens && medium.kind == MediumKind::Pages && card.lists(Meter::Input) {
            self.tokens.text = self.tokens.text + span(texts[0], texts[1], texts[2]);
        }
        Ok(())
    }

    fn beside(&mut self, meter: Meter, medium: &Medium) {
        self.beside.push((meter, medium.amount.in_units(MICRO)));
    }

    /// What is billed by the piece, the character or the second that is made.
    fn pieces(&mut self, found: &Found, card: &RateCard, medium: &Medium) -> Result<(), Refusal> {
        let refusal = |what: &str, help: &str| {
            let model = found.full_id();
            Err(Refusal::NoRate { model, what: what.to_owned(), help: help.to_owned() })
        };
        let prices = |meter: Meter| card.priced_meters().any(|priced| priced == meter);
        match medium.kind {
            MediumKind::SentImages if prices(Meter::InputImages) => self.beside(Meter::InputImages, medium),
            MediumKind::SentImages => {
                return refusal(
                    "images have no rate by the piece on this model",
                    "say how large they are: attachments: {image: 1024x768, count: 2}",
                );
            }
            MediumKind::Characters if prices(Meter::Characters) => self.beside(Meter::Characters, medium),
            MediumKind::Characters => {
                return refusal(
                    "characters have no rate on this model, which bills text by the token",
                    "write the text as prompt: {text: …}, or its tokens as prompt: 250",
                );
            }
            MediumKind::MadeAudio if prices(Meter::OutputAudioSeconds) => {
                self.beside(Meter::OutputAudioSeconds, medium)
            }
            MediumKind::MadeAudio if card.lists(Meter::OutputAudio) => {
                let each = spoken_tokens(found);
                let of = |seconds: Decimal, each: Decimal| seconds.saturating_mul(each);
                let tokens = Range {
                    low: of(medium.amount.low, each.low),
                    expected: of(medium.amount.expected, each.expected),
                    high: of(medium.amount.high, each.high),
                };
                self.speech = Some(Meter::OutputAudio);
                self.tokens.speech = self.tokens.speech + tokens.in_units(MICRO);
            }
            MediumKind::MadeAudio if prices(Meter::Characters) => {
                return refusal(
                    "speech is billed by the character on this model, not by the second",
                    "write how much text is spoken: sends: {characters: 900}",
                );
            }
            MediumKind::MadeAudio => {
                return refusal(
                    "speech has no rate on this model",
                    "take one that speaks: `farebox models --kind speech`",
                );
            }
            MediumKind::MadeImages if prices(Meter::Images) => self.beside(Meter::Images, medium),
            MediumKind::MadeImages if card.lists(Meter::OutputImage) => {
                return refusal(
                    "images are billed by their tokens on this model",
                    "write the tokens of an answer: output: 1056 is one image of 1024x1024 in medium quality",
                );
            }
            MediumKind::MadeImages => {
                return refusal(
                    "images that are made have no rate on this model",
                    "take one that makes them: `farebox models --kind image`",
                );
            }
            MediumKind::MadeVideo if prices(Meter::VideoSeconds) => self.beside(Meter::VideoSeconds, medium),
            _ => {
                return refusal(
                    "video that is made has no rate on this model",
                    "take one that makes it: `farebox models --kind video`",
                );
            }
        }
        Ok(())
    }
}
