//! What a request makes, and which meters bill it: text by the token, an image by the piece, speech by the character.
//!
//! A request says how long its prompt and its answer are. Models that are billed by something else get it from the kind of
//! the model where a request implies it (one image, one search), and are refused where it does not: the price of the
//! prompt alone would pass for the whole.

use super::Refusal;
use super::work::Work;
use crate::context::Dimension;
use crate::conversation::Modality;
use crate::meter::{Meter, MeterRole, Side, Unit};
use crate::pricing::card::{Kind, ModelCard, ProviderHead, RateCard, Variant, has_price, rate_of, states};

/// The meters of what a request makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Whether the text of the prompt is billed.
    pub bills_text: bool,
    /// What the tokens of the answer are billed by.
    pub tokens: Option<Meter>,
    /// What each request is billed for by its number or length.
    pub piece: Option<Meter>,
    /// How much of it a request has; as many as answers where it is not given.
    pub amount: Option<u64>,
}

/// Documents that a search unit holds at most, besides its query.
const DOCUMENTS_IN_A_UNIT: u64 = 100;

/// How many units a request is billed for that puts documents in order: one at least.
pub(crate) fn search_units(documents: u64) -> u64 {
    documents.div_ceil(DOCUMENTS_IN_A_UNIT).max(1)
}

/// A model with the rates in force.
#[derive(Clone, Copy)]
pub(super) struct Sold<'a> {
    pub head: &'a ProviderHead,
    pub model: &'a ModelCard,
    pub card: &'a RateCard,
}

/// Whether a model answers in text whose length a request does not settle: not one that makes vectors, images or sound.
#[must_use]
pub(crate) fn answers_in_text(model: &ModelCard, card: Option<&RateCard>) -> bool {
    let lists = |meter| card.is_none_or(|card| card.lists(meter));
    match model.info.kind {
        Kind::Chat | Kind::Completion => lists(Meter::Output) || lists(Meter::Input),
        Kind::Moderation => true,
        Kind::Transcription | Kind::Ocr | Kind::Search => lists(Meter::Output),
        Kind::Embedding | Kind::Rerank | Kind::Image | Kind::Speech | Kind::Video | Kind::Endpoint => false,
    }
}

impl Sold<'_> {
    /// The meters of what a request makes.
    ///
    /// # Errors
    /// [`Refusal::NoRate`] where the model bills something that the work does not settle.
    pub(crate) fn made(self, work: &Work) -> Result<Made, Refusal> {
        let listed = |meter| self.card.lists(meter).then_some(meter);
        let made = Made { bills_text: self.bills_text(), tokens: Some(Meter::Output), piece: None, amount: None };
        let only = |tokens, piece| Ok(Made { tokens, piece, ..made });
        match self.model.info.kind {
            Kind::Image => self.medium(work, Meter::OutputImage, listed(Meter::Images), made),
            Kind::Speech if self.card.prices(Meter::Characters) => match work.characters {
                Some(characters) => Ok(self.by_amount(Meter::Characters, characters, made)),
                None => Err(self.refusal(
                    "a prompt in tokens has no price: this model bills characters",
                    "give its text: --text TEXT or a file",
                )),
            },
            Kind::Speech => self
                .by_the_second(work, Meter::OutputAudioSeconds)
                .unwrap_or_else(|| self.medium(work, Meter::OutputAudio, None, made)),
            Kind::Video => self
                .by_the_second(work, Meter::VideoSeconds)
                .unwrap_or_else(|| self.medium(work, Meter::OutputVideo, None, made)),
            Kind::Transcription if !hears(work) => {
                Err(self.refusal("a transcription is billed by its recording", "add it: --audio 60s or --audio FILE"))
            }
            Kind::Ocr if !self.card.lists(Meter::Input) && !reads(work) => {
                Err(self.refusal("documents are billed by the page", "add the document: --pdf 12 or --pdf FILE"))
            }
            Kind::Transcription | Kind::Ocr => only(listed(Meter::Output), None),
            Kind::Search if !self.card.lists(Meter::Input) => only(None, listed(Meter::WebSearches)),
            Kind::Rerank if self.card.prices(Meter::SearchUnits) => {
                let units = work.documents.map_or(1, search_units);
                Ok(Made { tokens: None, ..self.by_amount(Meter::SearchUnits, units, made) })
            }
            Kind::Endpoint => Err(self.billed_otherwise()),
            // Billed by the time that it listens and speaks, or by the character.
            _ if !self.card.lists(Meter::Input) && !self.card.lists(Meter::Output) => only(None, None),
            _ => Ok(made),
        }
    }

    /// The meters where a file says how much of everything else there is.
    pub(crate) fn by_the_file(self) -> Made {
        let own = [Meter::OutputImage, Meter::OutputAudio, Meter::Output];
        Made {
            bills_text: self.bills_text(),
            tokens: own.into_iter().find(|m| self.card.lists(*m)),
            piece: None,
            amount: None,
        }
    }

    /// A model of chat without a rate for text is refused by its price; one of another kind bills no text.
    fn bills_text(self) -> bool {
        let of_text =
            matches!(self.model.info.kind, Kind::Chat | Kind::Completion | Kind::Embedding | Kind::Moderation);
        self.card.lists(Meter::Input) || (of_text && !self.card.prices(Meter::Requests))
    }

    /// Made and billed by a number or a length, its text included where that has no rate.
    fn by_amount(self, meter: Meter, quantity: u64, made: Made) -> Made {
        Made { tokens: None, piece: Some(meter), amount: Some(quantity), ..made }
    }

    /// Video or sound that is billed by the second; `None` where it is billed by something else.
    fn by_the_second(self, work: &Work, meter: Meter) -> Option<Result<Made, Refusal>> {
        if !self.card.prices(meter) {
            return None;
        }
        Some(match work.seconds {
            Some(seconds) => {
                let made = Made { bills_text: self.bills_text(), tokens: None, piece: None, amount: None };
                self.refuse_unstated(work, meter).map(|()| self.by_amount(meter, seconds, made))
            }
            None => {
                let record = self.record(meter);
                Err(self.refusal(
                    &format!("how long it is was not said: this model bills {meter}"),
                    &format!("say it: --seconds 8; or price known quantities: echo '{record}' | farebox usage"),
                ))
            }
        })
    }

    /// An image, speech or a video: by the piece where the request settles which, else by the tokens that it was given.
    fn medium(self, work: &Work, own: Meter, piece: Option<Meter>, made: Made) -> Result<Made, Refusal> {
        let given = work.output.expected > 0;
        let states = |dimension| work.context.get(dimension).is_some();
        let by_piece = piece.filter(|_| !given || states(Dimension::Quality) || states(Dimension::Size));
        if let Some(piece) = by_piece {
            self.refuse_unstated(work, piece)?;
            return Ok(Made { tokens: None, piece: by_piece, ..made });
        }
        let tokens = [own, Meter::Output].into_iter().find(|meter| self.card.lists(*meter));
        let costs = |meter: Meter| self.card.priced_meters().any(|priced| priced == meter);
        let free = tokens.is_none_or(|meter| !costs(meter));
        match tokens {
            Some(_) if given => Ok(Made { tokens, ..made }),
            Some(meter) if !free => Err(self.refusal(
                &format!("what it makes is billed by {meter} tokens, and how many was not said"),
                "give them: --output-tokens N",
            )),
            _ if self.card.priced_meters().any(|meter| meter.role() == MeterRole::Piece) => {
                Err(self.billed_otherwise())
            }
            _ => Ok(Made { tokens: None, ..made }),
        }
    }

    /// What has rates only by quality or size needs a combination that has one.
    fn refuse_unstated(self, work: &Work, piece: Meter) -> Result<(), Refusal> {
        let lists = |v: &&Variant| has_price(&v.rates, piece);
        let mut variants = self.card.variants.iter().filter(lists);
        let is_priced = rate_of(&self.card.rates, piece).is_some();
        let Some(first) = variants.clone().next().filter(|_| !is_priced) else { return Ok(()) };
        if variants.any(|v| states(&work.context, &v.when)) {
            return Ok(());
        }
        let flags: Vec<String> = first.when.iter().map(|(d, value)| format!("--with {d}={value}")).collect();
        let id = format!("{}/{}", self.head.id, self.model.id);
        let help = format!("say it, such as {}; `farebox prices show {id}` prints what has a rate", flags.join(" "));
        let dimensions = || first.when.iter().map(|(dimension, _)| *dimension);
        let missing: Vec<&str> = dimensions().filter(|d| work.context.get(*d).is_none()).map(Dimension::name).collect();
        let value = |d: Dimension| format!("{d}={}", work.context.get(d).unwrap_or_default());
        let what = match missing.as_slice() {
            [] => format!("{piece} have no rate for {}", dimensions().map(value).collect::<Vec<_>>().join(" and ")),
            missing => format!("the rate of {piece} depends on their {}, which was not said", missing.join(" and ")),
        };
        Err(self.refusal(&what, &help))
    }

    /// Text that the card has no rate for, and text alone where the model bills something else.
    ///
    /// # Errors
    /// [`Refusal::NoRate`] with what it bills.
    pub(crate) fn refuse_text(self, made: &Made, is_alone: bool) -> Result<(), Refusal> {
        let reads = self.card.lists(Meter::Input);
        let bills_something = reads || made.piece.is_some() || self.card.prices(Meter::Requests);
        let is_unbilled = made.bills_text && !reads;
        if is_unbilled || (is_alone && !bills_something) { Err(self.billed_otherwise()) } else { Ok(()) }
    }

    /// The refusal that says what a model bills, with the record that prices it.
    fn billed_otherwise(self) -> Refusal {
        let meters: Vec<Meter> = self.card.priced_meters().collect();
        let names: Vec<&str> = meters.iter().map(|meter| meter.name()).collect();
        let what = format!("a prompt in tokens has no price: this model bills {}", names.join(", "));
        match meters.iter().find(|meter| meter.side() == Side::Beside) {
            Some(Meter::AudioSeconds) => self.refusal(&what, "give the recording: --audio 60s or --audio FILE"),
            Some(Meter::InputImages) => self.refusal(&what, "give the image: --image 1024x768 or --image FILE"),
            Some(meter) => {
                self.refusal(&what, &format!("price known quantities: echo '{}' | farebox usage", self.record(*meter)))
            }
            None => self
                .refusal(&what, &format!("`farebox prices show {}/{}` prints its rates", self.head.id, self.model.id)),
        }
    }

    /// A usage record of some of a meter, with a context that has a rate.
    fn record(self, meter: Meter) -> String {
        let quantity = if meter.unit() == Unit::Measure { 10 } else { 1_000 };
        let mut record = serde_json::json!({"provider": self.head.id, "model": self.model.id,
                                            "usage": {meter.name(): quantity}});
        let lists = |v: &&Variant| has_price(&v.rates, meter);
        let variant = self.card.variants.iter().find(lists).filter(|_| rate_of(&self.card.rates, meter).is_none());
        if let Some(variant) = variant {
            let stated =
                variant.when.iter().map(|(dimension, value)| (dimension.name().to_owned(), value.as_str().into()));
            record["context"] = serde_json::Value::Object(stated.collect());
        }
        record.to_string()
    }

    fn refusal(self, what: &str, help: &str) -> Refusal {
        let model = format!("{}/{}", self.head.id, self.model.id);
        Refusal::NoRate { model, what: what.to_owned(), help: help.to_owned() }
    }
}

fn hears(work: &Work) -> bool {
    work.attached.iter().any(|part| matches!(part.modality, Modality::Audio | Modality::Video))
}

fn reads(work: &Work) -> bool {
    work.attached.iter().any(|part| matches!(part.modality, Modality::Image | Modality::Page))
}
