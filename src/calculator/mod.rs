//! Turns [`Usage`] into a [`Cost`], given the card of a model and the instant of the request.
//!
//! This is the fourth of five steps: input → tokenizer → pricing → **calculator** → report. Nothing here reads a file, a
//! clock or the environment: the caller passes instant and card, so the same call gives the same cost next year.
//!
//! Start reading at [`price`]. Three rules hold everywhere below:
//! * money is a decimal, never a float, and only `report` rounds for people;
//! * a rate that the card lacks is a [`Refusal`], never a zero;
//! * something that the request states and the card does not know is a refusal, never the standard price.

pub mod attached;
pub mod breakeven;
pub mod budget;
pub mod calendar;
pub(crate) mod change;
pub mod compare;
pub mod currency;
pub mod estimate;
pub mod explain;
pub mod levers;
pub(crate) mod limits;
pub(crate) mod made;
pub mod outcome;
pub mod projection;
pub mod quote;
pub mod rules;
pub mod settled;
pub(crate) mod shape;
pub(crate) mod simulate;
pub mod switch;
pub(crate) mod tariff;
pub(crate) mod work;
pub mod workload;

use std::borrow::Cow;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::context::{Context, Dimension, conditions};
use crate::meter::{Meter, Side};
use crate::money::{Exact, Usd, amount, exact_product, exact_sum, round_up};
use crate::period::{Instant, Period};
use crate::pricing::card::{
    ANY, ModelCard, Multiplier, Price, ProviderHead, Rate, RateCard, Rates, Schedule, Source, Tier, rate_of, states,
};
use crate::usage::Usage;

/// One line of a receipt: quantity × rate ÷ per = amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LineItem {
    /// What was billed.
    pub meter: Meter,
    /// How much of it, after minimum and rounding up.
    #[serde(serialize_with = "decimal_text")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub quantity: Decimal,
    /// US dollars per `per`, every factor applied.
    #[serde(serialize_with = "decimal_text")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub rate: Decimal,
    /// How many units the rate is for.
    pub per: u64,
    /// The amount.
    pub usd: Usd,
}

fn decimal_text<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&number.normalize())
}

/// A receipt: line items that add up to the total exactly, and where the rates were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What was billed, in the order of [`Meter::ALL`].
    pub lines: Vec<LineItem>,
    /// Sum of the lines.
    pub total: Usd,
    /// When the rates hold.
    pub period: Period,
    /// Where they were read.
    pub source: Arc<Source>,
    /// Tiers, variants, schedules and factors that moved a rate, for people.
    pub applied: Vec<String>,
}

/// Why a usage has no price. The text is for people, [`Refusal::help`] the next step; [`Refusal::status`] is for machines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The card lacks a rate for something that was used or stated.
    #[error("{model}: {what}")]
    NoRate {
        /// `provider/model`.
        model: String,
        /// What has no rate.
        what: String,
        /// The next step.
        help: String,
    },
    /// The provider does not sell what was used.
    #[error("{model}: {what}")]
    NotSold {
        /// `provider/model`.
        model: String,
        /// What is not sold.
        what: String,
    },
    /// The usage is older than the first price.
    #[error("{model} has no price on {at}: its first known price is from {first}")]
    BeforeFirstPrice {
        /// `provider/model`.
        model: String,
        /// The instant asked for.
        at: Instant,
        /// Start of the first period.
        first: Instant,
    },
    /// The model cannot read a prompt, or cannot write an answer, of that length.
    #[error("{model}: {what}")]
    TooLong {
        /// `provider/model`.
        model: String,
        /// What is longer than what.
        what: String,
        /// The next step.
        help: String,
    },
    /// The counts contradict each other, or are larger than money can be counted.
    #[error("{what}")]
    InvalidUsage {
        /// What contradicts what.
        what: String,
    },
}

impl Cost {
    /// The receipt of so many requests of the same kind.
    ///
    /// # Errors
    /// `None` where an amount has more digits than farebox carries.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Option<Cost> {
        let requests = Decimal::from(requests);
        self.total = self.total.checked_mul(requests)?;
        for line in &mut self.lines {
            line.quantity = exact_product(line.quantity, requests)?;
            line.usd = line.usd.checked_mul(requests)?;
        }
        Some(self)
    }

    /// What the meters of one side of the exchange cost together.
    #[must_use]
    pub(crate) fn of_side(&self, side: Side) -> Usd {
        self.lines.iter().filter(|line| line.meter.side() == side).map(|line| line.usd).sum()
    }
}

impl Refusal {
    /// The stable name in machine forms.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Refusal::NoRate { .. } => "no-rate",
            Refusal::NotSold { .. } => "not-sold",
            Refusal::BeforeFirstPrice { .. } => "before-first-price",
            Refusal::TooLong { .. } => "too-long",
            Refusal::InvalidUsage { .. } => "invalid-usage",
        }
    }

    /// The next step.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Refusal::NoRate { help, .. } | Refusal::TooLong { help, .. } => help.clone(),
            Refusal::NotSold { model, .. } => {
                format!("check the usage; `farebox prices show {model}` prints what is sold and when")
            }
            Refusal::BeforeFirstPrice { model, .. } => {
                format!("`farebox prices show {model}` prints every period; --at DATE prices at another day")
            }
            Refusal::InvalidUsage { .. } => {
                "check the counts; a part is never larger than its whole and nothing is negative".to_owned()
            }
        })
    }
}

/// Prices the usage of one request.
///
/// * `head`, `model`: the card, as [`crate::pricing::PriceTable::find`] returns it.
/// * `usage`: disjoint quantities by meter.
/// * `context`: what the request stated: batch, tier, region …
/// * `at`: when it happened; the rates in force then apply.
///
/// # Errors
/// A [`Refusal`] that names what has no price and the way out.
///
/// # Examples
/// ```
/// use farebox::{calculator::price, context::Context, meter::Meter, pricing::PriceTable, usage::Usage};
/// let at = "2024-11-15".parse().unwrap();
/// let found = PriceTable::bundled().find("openai/gpt-4o", at).unwrap();
/// let mut usage = Usage::tokens_in_out(2_000, 1_200);
/// usage.set_tokens(Meter::CacheRead, 48_000);
/// let cost = price(&found.provider, &found.model, &usage, &Context::default(), at).unwrap();
/// assert_eq!(cost.total.to_string(), "0.077"); // 0.005 + 0.06 + 0.012
/// ```
pub fn price(
    head: &ProviderHead,
    model: &ModelCard,
    usage: &Usage,
    context: &Context,
    at: Instant,
) -> Result<Cost, Refusal> {
    price_sized(head, model, usage, context, at, usage.prompt_tokens())
}

/// [`price`] for the sum of several requests, whose tier does not depend on the sum: `prompt_tokens` is how long the
/// prompt of each was.
///
/// # Errors
/// A [`Refusal`] that names what has no price and the way out.
pub(crate) fn price_sized(
    head: &ProviderHead,
    model: &ModelCard,
    usage: &Usage,
    context: &Context,
    at: Instant,
    prompt_tokens: u64,
) -> Result<Cost, Refusal> {
    let card = rates_at(head, model, at)?;
    let request = Request { prompt_tokens, ..Request::new(head, model, card, usage, context, at) };
    request.refuse_unknown_values()?;
    let mut cost = Cost {
        lines: Vec::with_capacity(4),
        total: Usd::ZERO,
        period: card.period,
        source: card.source.clone(),
        applied: Vec::new(),
    };
    let mut notes = Notes::default();
    for (meter, quantity) in request.billed()? {
        let line = request.line(meter, quantity, &mut notes)?;
        cost.total = cost.total.checked_add(line.usd).ok_or_else(|| request.too_large(meter))?;
        cost.lines.push(line);
    }
    cost.applied = notes.texts;
    Ok(cost)
}

/// The rates in force, or why there are none.
fn rates_at<'c>(head: &ProviderHead, model: &'c ModelCard, at: Instant) -> Result<&'c RateCard, Refusal> {
    if let Some(card) = model.rates_at(at) {
        return Ok(card);
    }
    let full_id = format!("{}/{}", head.id, model.id);
    match model.rate_cards.first().and_then(|card| card.period.from) {
        Some(first) if at < first => Err(Refusal::BeforeFirstPrice { model: full_id, at, first }),
        _ => Err(Refusal::NotSold { model: full_id, what: format!("no price holds on {at}") }),
    }
}

/// One request against one rate card.
struct Request<'a> {
    head: &'a ProviderHead,
    model: &'a ModelCard,
    card: &'a RateCard,
    usage: &'a Usage,
    context: Cow<'a, Context>,
    prompt_tokens: u64,
    schedule: Option<&'a Schedule>,
    multipliers: Vec<&'a Multiplier>,
    at: Instant,
}

/// A set of rates that applies while the request states `when`.
#[derive(Clone, Copy)]
struct RateSet<'a> {
    when: &'a [(Dimension, String)],
    rates: &'a Rates,
    tiers: &'a [Tier],
}

/// The rate of a meter, the tier it is from if any, and the condition of the variant it is from.
type FoundRate<'a> = (&'a Rate, Option<&'a Tier>, &'a [(Dimension, String)]);

impl<'a> RateSet<'a> {
    /// From the highest tier that holds and lists the meter, else the flat rate.
    fn rate(self, meter: Meter, prompt_tokens: u64) -> Option<FoundRate<'a>> {
        let mut holding = self.tiers.iter().rev().filter(|t| t.holds(prompt_tokens));
        let in_tier = holding.find_map(|t| rate_of(&t.rates, meter).map(|r| (r, Some(t), self.when)));
        in_tier.or_else(|| rate_of(self.rates, meter).map(|r| (r, None, self.when)))
    }
}

impl<'a> Request<'a> {
    fn new(
        head: &'a ProviderHead,
        model: &'a ModelCard,
        card: &'a RateCard,
        usage: &'a Usage,
        context: &'a Context,
        at: Instant,
    ) -> Self {
        let is_neutral = |dimension, value: &str| {
            head.neutral.iter().any(|(d, values)| *d == dimension && values.iter().any(|v| v == value))
        };
        let context = if context.iter().any(|(d, v)| is_neutral(d, v)) {
            let kept = context.iter().filter(|(d, v)| !is_neutral(*d, v));
            Cow::Owned(kept.fold(Context::default(), |c, (d, v)| c.with(d, v)))
        } else {
            Cow::Borrowed(context)
        };
        let applies = |m: &&Multiplier| m.period.contains(at) && m.concerns(&model.id) && states(&context, &m.when);
        let multipliers = head.multipliers.iter().filter(applies).collect();
        let schedule = card.schedule.iter().find(|s| s.holds(at));
        Request { head, model, card, usage, prompt_tokens: usage.prompt_tokens(), context, schedule, multipliers, at }
    }

    fn full_id(&self) -> String {
        format!("{}/{}", self.head.id, self.model.id)
    }

    /// The command that prints something about the card.
    fn shows(&self, what: &str) -> String {
        format!("`farebox prices show {}` prints {what}", self.full_id())
    }

    fn no_rate(&self, what: String, help: &str) -> Refusal {
        Refusal::NoRate { model: self.full_id(), what, help: help.to_owned() }
    }

    fn too_large(&self, meter: Meter) -> Refusal {
        Refusal::InvalidUsage {
            what: format!("{}: the amount of {meter} has more digits than farebox carries", self.full_id()),
        }
    }

    /// Everything that the request states must be known to the card, as far as it can matter to what was used.
    fn refuse_unknown_values(&self) -> Result<(), Refusal> {
        for (dimension, value) in self.context.iter() {
            let matters = self.usage.used().any(|(meter, _)| dimension.concerns(meter));
            if matters && !self.knows(dimension, value) {
                let known = self.known_values(dimension);
                let help = if known.is_empty() {
                    format!("this model has no rates by {dimension}; {}", self.shows("the conditions that it has"))
                } else {
                    format!("its {dimension} is one of {}; {}", known.join(", "), self.shows("the rates of each"))
                };
                return Err(self.no_rate(format!("no rate for {dimension} {value:?}"), &help));
            }
        }
        Ok(())
    }

    fn knows(&self, dimension: Dimension, value: &str) -> bool {
        let names =
            |when: &[(Dimension, String)]| when.iter().any(|(d, v)| *d == dimension && (v == value || v == ANY));
        self.card.variants.iter().any(|v| names(&v.when) && states(&self.context, &v.when))
            || self.multipliers.iter().any(|m| names(&m.when))
    }

    fn known_values(&self, dimension: Dimension) -> Vec<String> {
        let whens = self.card.variants.iter().map(|v| &v.when);
        let factors = self.head.multipliers.iter().filter(|m| m.concerns(&self.model.id)).map(|m| &m.when);
        let stated = whens.chain(factors).flatten().filter(|(d, _)| *d == dimension).map(|(_, v)| v.clone());
        let neutral =
            self.head.neutral.iter().filter(|(d, _)| *d == dimension).flat_map(|(_, values)| values.iter().cloned());
        let mut values: Vec<String> = neutral.chain(stated).collect();
        values.dedup();
        values.sort();
        values.dedup();
        values
    }

    /// What is billed: every meter that was used, with those that bill as another added to it.
    fn billed(&self) -> Result<SmallVec<[(Meter, Decimal); 6]>, Refusal> {
        let mut billed: SmallVec<[(Meter, Decimal); 6]> = SmallVec::new();
        for (used, quantity) in self.usage.used() {
            if quantity.is_sign_negative() {
                let what = format!("{}: the quantity of {used} is {}", self.full_id(), quantity.normalize());
                return Err(Refusal::InvalidUsage { what });
            }
            let Some(meter) = self.bills_as(used)? else { continue };
            match billed.iter_mut().find(|(m, _)| *m == meter) {
                Some((_, sum)) => *sum = exact_sum(*sum, quantity).ok_or_else(|| self.too_large(meter))?,
                None => billed.push((meter, quantity)),
            }
        }
        billed.sort_by_key(|(meter, _)| *meter);
        Ok(billed)
    }

    /// The meter that a used meter is billed as; `None` where it carries no fee of its own.
    fn bills_as(&self, used: Meter) -> Result<Option<Meter>, Refusal> {
        let mut meter = used;
        for _ in 0..4 {
            match self.rate(meter)? {
                Some((Rate::SameAs(next), ..)) => meter = *next,
                // A call is a fee only where the card says so: every usage is made of calls.
                None if used == Meter::Requests && !self.card.lists(used) => return Ok(None),
                Some(_) | None => return Ok(Some(meter)),
            }
        }
        Ok(Some(meter))
    }

    /// The rate of a meter: from the set that names most of what the request states.
    ///
    /// Two sets that name different things and both list the meter contradict each other, which is a refusal; so is a
    /// variant that lacks a tier which the base has.
    fn rate(&self, meter: Meter) -> Result<Option<FoundRate<'a>>, Refusal> {
        let card = self.card;
        let base = RateSet { when: &[], rates: &card.rates, tiers: &card.tiers }.rate(meter, self.prompt_tokens);
        let (mut best, mut rival) = (base, None);
        for variant in card.variants.iter().filter(|v| states(&self.context, &v.when)) {
            let set = RateSet { when: &variant.when, rates: &variant.rates, tiers: &variant.tiers };
            let Some(found) = set.rate(meter, self.prompt_tokens) else { continue };
            match best {
                Some((.., when)) if when.len() > set.when.len() => {}
                Some((.., when)) if when.len() == set.when.len() => rival = Some(set.when),
                _ => (best, rival) = (Some(found), None),
            }
        }
        if let (Some((.., when)), Some(rival)) = (best, rival) {
            let (one, two) = (conditions(when), conditions(rival));
            let help = format!("{}; {OWN_PRICE}", self.shows("what is published for each alone"));
            return Err(self.no_rate(format!("no rate of {meter} for {one} together with {two}"), &help));
        }
        if let (Some((_, None, when)), Some((_, Some(tier), _))) = (best, base)
            && !when.is_empty()
        {
            let what = format!("no rate of {meter} for {} at {}", conditions(when), tier.condition());
            let help = format!("send shorter prompts; {}", self.shows("the tiers that are published"));
            return Err(self.no_rate(what, &help));
        }
        Ok(best)
    }

    fn line(&self, meter: Meter, quantity: Decimal, notes: &mut Notes) -> Result<LineItem, Refusal> {
        let Some((rate, tier, when)) = self.rate(meter)? else {
            return Err(self.missing(meter, quantity));
        };
        let price = match rate {
            Rate::Price(price) => *price,
            Rate::NotSold => {
                return Err(Refusal::NotSold { model: self.full_id(), what: format!("{meter} is not sold") });
            }
            Rate::SameAs(_) => return Err(self.missing(meter, quantity)),
        };
        if let Some(tier) = tier {
            notes.add(tier, || tier.condition());
        }
        if !when.is_empty() {
            notes.add(when, || conditions(when));
        }
        let price = self.scheduled(meter, price, (tier, when), notes)?;
        let rate = self.multiplied(meter, price.usd.0, notes)?;
        let quantity = billed_quantity(quantity, &price).ok_or_else(|| self.too_large(meter))?;
        let usd = amount(quantity, rate, price.per).ok_or_else(|| self.too_large(meter))?;
        Ok(LineItem { meter, quantity, rate, per: price.per, usd })
    }

    /// The price at this time of the day.
    fn scheduled(
        &self,
        meter: Meter,
        price: Price,
        (tier, when): (Option<&Tier>, &[(Dimension, String)]),
        notes: &mut Notes,
    ) -> Result<Price, Refusal> {
        let Some(schedule) = self.schedule else { return Ok(price) };
        let label = || {
            let (_, minute) = self.at.at_offset(schedule.zone_minutes);
            format!("time of day {:02}:{:02}", minute / 60, minute % 60)
        };
        if let Some(Rate::Price(own)) = rate_of(&schedule.rates, meter) {
            let elsewhere = tier.map(Tier::condition).into_iter().chain((!when.is_empty()).then(|| conditions(when)));
            let elsewhere: Vec<String> = elsewhere.collect();
            if !elsewhere.is_empty() {
                let what = format!("no rate of {meter} for {} at this time of the day", elsewhere.join(" and "));
                let help = format!("{}; {OWN_PRICE}", self.shows("the rates by time of day"));
                return Err(self.no_rate(what, &help));
            }
            notes.add(schedule, label);
            return Ok(*own);
        }
        let moves = if schedule.meters.is_empty() { meter.is_tokens() } else { schedule.meters.contains(&meter) };
        match schedule.factor.filter(|_| moves) {
            Some(factor) => {
                notes.add(&schedule.factor, || format!("{} × {factor}", label()));
                Ok(Price { usd: Exact(self.times(meter, price.usd.0, factor)?), ..price })
            }
            None => Ok(price),
        }
    }

    fn multiplied(&self, meter: Meter, rate: Decimal, notes: &mut Notes) -> Result<Decimal, Refusal> {
        let moves = |m: &&&Multiplier| if m.meters.is_empty() { meter.is_tokens() } else { m.meters.contains(&meter) };
        self.multipliers.iter().filter(moves).try_fold(rate, |rate, m| {
            if m.factor != Exact(Decimal::ONE) {
                notes.add(*m, || format!("{} × {}", self.stated(&m.when), m.factor));
            }
            self.times(meter, rate, m.factor)
        })
    }

    /// A condition with the values that the request stated.
    fn stated(&self, when: &[(Dimension, String)]) -> String {
        if when.is_empty() {
            return "discount".to_owned();
        }
        let value = |(d, wanted): &(Dimension, String)| format!("{d}={}", self.context.get(*d).unwrap_or(wanted));
        when.iter().map(value).collect::<Vec<_>>().join(" and ")
    }

    fn times(&self, meter: Meter, rate: Decimal, factor: Exact) -> Result<Decimal, Refusal> {
        exact_product(rate, factor.0).ok_or_else(|| self.too_large(meter))
    }

    fn missing(&self, meter: Meter, quantity: Decimal) -> Refusal {
        let needs: Vec<String> = self
            .card
            .variants
            .iter()
            .filter(|v| rate_of(&v.rates, meter).is_some())
            .map(|v| conditions(&v.when))
            .collect();
        let help = if needs.is_empty() {
            format!("{}; {OWN_PRICE}", self.shows("what the model bills"))
        } else {
            format!("{meter} has rates for {}: say which in the context", needs.join("; "))
        };
        self.no_rate(format!("{} of {meter} have no rate", quantity.normalize()), &help)
    }
}

/// Where a price that nothing publishes may come from: a guess would be worse than none.
const OWN_PRICE: &str = "a price from your contract or invoice can be given in a price file (--prices FILE)";

/// What moved the rates of a request, in words.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    /// Where the things lie that were put into words: each moves several lines, and text is dear to make.
    seen: SmallVec<[*const (); 4]>,
}

impl Notes {
    fn add<T: ?Sized>(&mut self, what: &T, text: impl FnOnce() -> String) {
        let place = std::ptr::from_ref(what).cast::<()>();
        if self.seen.contains(&place) {
            return;
        }
        self.seen.push(place);
        let text = text();
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }
}

fn billed_quantity(quantity: Decimal, price: &Price) -> Option<Decimal> {
    let quantity = price.minimum.map_or(quantity, |minimum| quantity.max(minimum.0));
    let Some(Exact(step)) = price.step else { return Some(quantity) };
    round_up(quantity, step)
}
