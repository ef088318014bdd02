//! Turns [`Usage`] into a [`Cost`], given the card of a model and the instant of the request.
//!
//! This is the fourth of five steps: input → tokenizer → pricing → **calculator** → report. Nothing here reads a file, a
//! clock or the environment: the caller passes instant and card, so the same call gives the same cost next year.
//!
//! Start reading at [`price`]. Three rules hold everywhere below:
//! * money is a decimal, never a float, and only `report` rounds for people;
//! * a rate that the card lacks is a [`Refusal`], never a zero;
//! * something that the request states and the card does not know is a refusal, never the standard price.

pub(crate) mod alternatives;
pub mod attached;
pub mod breakeven;
pub mod budget;
pub mod calendar;
pub(crate) mod change;
pub mod choice;
pub mod compare;
pub mod currency;
pub mod estimate;
pub mod explain;
pub mod levers;
pub(crate) mod limits;
pub(crate) mod made;
pub mod optimise;
pub mod outcome;
pub mod projection;
pub mod quote;
pub(crate) mod ramp;
pub mod rules;
pub mod settled;
pub(crate) mod shape;
pub(crate) mod simulate;
pub mod spans;
pub(crate) mod stratified;
pub mod switch;
pub(crate) mod tariff;
pub mod thinking;
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
    ANY, ModelCard, Multiplier, Price, ProviderHead, Rate, RateCard, Rates, Schedule, Source, Tier, has_price, rate_of,
    states,
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
    /// Since when there is evidence of the rates, where the request is older: then they are assumed.
    pub assumed: Option<Instant>,
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
    /// The usage is older than the first evidence of the price, and assumed prices were not wanted.
    #[error("{model}: its price on {at} is assumed, since the first evidence of it is from {since}")]
    AssumedPrice {
        /// `provider/model`.
        model: String,
        /// The instant asked for.
        at: Instant,
        /// When the evidence begins.
        since: Instant,
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

    /// The same, unless its rates are assumed.
    ///
    /// # Errors
    /// [`Refusal::AssumedPrice`], which names `model` and the moment of the request.
    pub fn refuse_assumed(self, model: &str, at: Instant) -> Result<Cost, Refusal> {
        match self.assumed {
            Some(since) => Err(Refusal::AssumedPrice { model: model.to_owned(), at, since }),
            None => Ok(self),
        }
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
            Refusal::AssumedPrice { .. } => "assumed-price",
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
            Refusal::AssumedPrice { model, .. } => {
                format!("leave out --strict to price at it; `farebox prices history {model}` shows what is known")
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
        assumed: card.assumed_before(at),
        applied: Vec::new(),
    };
    let mut notes = Notes::default();
    let mut beyond = None;
    for (meter, quantity) in request.billed()? {
        let line = request.line(meter, quantity, &mut notes)?;
        match cost.total.checked_add(line.usd) {
            Some(total) => cost.total = total,
            None => beyond = beyond.or(Some(meter)),
        }
        cost.lines.push(line);
    }
    if let Some(meter) = beyond {
        let total = Usd::checked_total(cost.lines.iter().map(|line| line.usd));
        cost.total = total.ok_or_else(|| request.too_large(meter))?;
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

/// The rate of a meter, and where it stands.
#[derive(Clone, Copy)]
struct FoundRate<'a> {
    rate: &'a Rate,
    /// The tier that it is from, or that says nothing of it.
    tier: Option<&'a Tier>,
    /// The condition of the variant it is from; empty for the base.
    when: &'a [(Dimension, String)],
    /// The boundary of the highest tier that its set has for this prompt.
    reaches: u64,
}

/// What a set of rates says of a meter.
enum SetSays<'a> {
    /// A rate, or that there is none.
    Rate(FoundRate<'a>),
    /// That it leaves the meter alone.
    Inherits,
    /// Nothing, not even that.
    Nothing,
}

/// A meter that a condition says nothing of.
static UNSAID: Rate = Rate::Refuse(None);

impl<'a> RateSet<'a> {
    /// From the highest tier that holds, else the flat rate. A tier that says nothing of a meter that has a price below it
    /// has none for it.
    fn says(self, meter: Meter, prompt_tokens: u64) -> SetSays<'a> {
        let holding = || self.tiers.iter().rev().filter(|t| t.holds(prompt_tokens));
        let reaches = holding().next().map_or(0, Tier::first);
        let found = |rate, tier| SetSays::Rate(FoundRate { rate, tier, when: self.when, reaches });
        let mut silent = None;
        let all = holding().map(|tier| (rate_of(&tier.rates, meter), Some(tier)));
        let mut inherits = false;
        for (rate, tier) in all.chain([(rate_of(self.rates, meter), None)]) {
            match (rate, silent) {
                (Some(Rate::Inherit), _) => inherits = true,
                (Some(Rate::Price(_)), Some(_)) => return found(&UNSAID, silent),
                (Some(rate), _) => return found(rate, tier),
                (None, _) => silent = silent.or(tier),
            }
        }
        if inherits { SetSays::Inherits } else { SetSays::Nothing }
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
        let has_rates = self.card.variants.iter().any(|v| v.when.iter().any(|(d, _)| *d == dimension));
        dimension.is_one_without_rates() && !has_rates
            || self.card.variants.iter().any(|v| names(&v.when) && states(&self.context, &v.when))
            || self.multipliers.iter().any(|m| names(&m.when))
    }

    fn known_values(&self, dimension: Dimension) -> Vec<&str> {
        let whens = self.card.variants.iter().map(|v| &v.when);
        let factors = self.head.multipliers.iter().filter(|m| m.concerns(&self.model.id)).map(|m| &m.when);
        let stated = whens.chain(factors).flatten().filter(|(d, _)| *d == dimension).map(|(_, v)| v);
        let neutral = self.head.neutral.iter().filter(|(d, _)| *d == dimension).flat_map(|(_, values)| values);
        let mut values: Vec<&str> = neutral.chain(stated).map(String::as_str).collect();
        values.dedup();
        values.sort_unstable();
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
                Some(FoundRate { rate: Rate::SameAs(next), .. }) => meter = *next,
                // A call is a fee only where the card says so: every usage is made of calls.
                None if used == Meter::Requests && !self.card.lists(used) => return Ok(None),
                Some(_) | None => return Ok(Some(meter)),
            }
        }
        Ok(Some(meter))
    }

    /// The rate of a meter: from the set that names most of what the request states.
    ///
    /// A variant that says nothing of a meter refuses it. Two variants that name as much and both have a price contradict
    /// each other, which is a refusal; so is a set that lacks a tier which another one has for this prompt.
    fn rate(&self, meter: Meter) -> Result<Option<FoundRate<'a>>, Refusal> {
        let card = self.card;
        let base = RateSet { when: &[], rates: &card.rates, tiers: &card.tiers };
        let mut best = match base.says(meter, self.prompt_tokens) {
            SetSays::Rate(found) => Some(found),
            SetSays::Inherits | SetSays::Nothing => None,
        };
        let mut rival = None;
        let mut deepest = best.and_then(|found| found.tier);
        let follows = best.filter(|found| matches!(found.rate, Rate::SameAs(_) | Rate::NotSold));
        // What only follows from the base is said of no condition on purpose: a rate of its own is stronger.
        let is_implied = |found: &FoundRate| follows.is_some_and(|base| std::ptr::eq(base.rate, found.rate));
        for variant in card.variants.iter().filter(|v| states(&self.context, &v.when)) {
            let set = RateSet { when: &variant.when, rates: &variant.rates, tiers: &variant.tiers };
            let found = match set.says(meter, self.prompt_tokens) {
                SetSays::Rate(found) => found,
                SetSays::Inherits => continue,
                SetSays::Nothing => match follows {
                    Some(base) if self.leaves_alone(set, base.rate) => continue,
                    Some(base) => FoundRate { tier: None, when: set.when, reaches: u64::MAX, ..base },
                    None if !card.lists(meter) => continue,
                    None => FoundRate { rate: &UNSAID, tier: None, when: set.when, reaches: 0 },
                },
            };
            deepest = [deepest, found.tier].into_iter().flatten().max_by_key(|tier| tier.first());
            match best {
                Some(other) if other.when.len() > set.when.len() => {}
                Some(other) if other.when.len() == set.when.len() && !is_implied(&other) => {
                    rival = rival.or_else(|| contradicts(other, found).filter(|found| !is_implied(found)));
                }
                Some(other) if other.when.len() == set.when.len() && is_implied(&found) => {}
                _ => (best, rival) = (Some(found), None),
            }
        }
        let Some(best) = best else { return Ok(None) };
        if let Some(rival) = rival {
            return Err(self.contradiction(meter, best, rival));
        }
        let missing = deepest.filter(|tier| !best.when.is_empty() && tier.first() > best.reaches);
        match (best.rate, missing) {
            (Rate::Refuse(why), _) => Err(self.refused(meter, best.when, best.tier, why.as_deref())),
            (_, Some(tier)) => Err(self.refused(meter, best.when, Some(tier), None)),
            (_, None) => Ok(Some(best)),
        }
    }

    /// Whether a set that says nothing of a meter which bills as another leaves that other alone.
    fn leaves_alone(&self, set: RateSet, rate: &Rate) -> bool {
        let mut rate = rate;
        for _ in 0..4 {
            let Rate::SameAs(next) = rate else { return false };
            match set.says(*next, self.prompt_tokens) {
                SetSays::Inherits => return true,
                SetSays::Rate(_) => return false,
                SetSays::Nothing => match rate_of(&self.card.rates, *next) {
                    Some(base) => rate = base,
                    None => return false,
                },
            }
        }
        false
    }

    /// Two conditions that hold together, and say different things of a meter.
    fn contradiction(&self, meter: Meter, one: FoundRate, two: FoundRate) -> Refusal {
        for found in [one, two] {
            if let Rate::Refuse(why) = found.rate {
                return self.refused(meter, found.when, found.tier, why.as_deref());
            }
        }
        let (one, two) = (conditions(one.when), conditions(two.when));
        let help = format!("{}; {OWN_PRICE}", self.shows("what is published for each alone"));
        self.no_rate(format!("no rate of {meter} for {one} together with {two}"), &help)
    }

    /// A meter that has no rate under a condition or in a tier, with the reason that the price file gives.
    fn refused(&self, meter: Meter, when: &[(Dimension, String)], tier: Option<&Tier>, why: Option<&str>) -> Refusal {
        let mut what = format!("no rate of {meter}");
        if !when.is_empty() {
            what.push_str(&format!(" for {}", conditions(when)));
        }
        if let Some(tier) = tier {
            what.push_str(&format!(" at {}", tier.condition()));
        }
        if let Some(why) = why {
            what.push_str(&format!(": {why}"));
        }
        let shows = self.shows("the rates of each condition");
        let help = match tier {
            Some(_) => format!("send shorter prompts; {shows}"),
            None => format!("{shows}; {OWN_PRICE}"),
        };
        self.no_rate(what, &help)
    }

    fn line(&self, meter: Meter, quantity: Decimal, notes: &mut Notes) -> Result<LineItem, Refusal> {
        let Some(FoundRate { rate, tier, when, .. }) = self.rate(meter)? else {
            return Err(self.missing(meter, quantity));
        };
        let price = match rate {
            Rate::Price(price) => *price,
            Rate::NotSold => {
                return Err(Refusal::NotSold { model: self.full_id(), what: format!("{meter} is not sold") });
            }
            Rate::SameAs(_) | Rate::Inherit | Rate::Refuse(_) => return Err(self.missing(meter, quantity)),
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
        match rate_of(&schedule.rates, meter) {
            Some(Rate::Price(own)) if tier.is_none() && when.is_empty() => {
                notes.add(schedule, label);
                return Ok(*own);
            }
            Some(Rate::Price(_)) => return Err(self.no_rate_now(meter, when, tier, None)),
            Some(Rate::Refuse(why)) => return Err(self.no_rate_now(meter, &[], None, why.as_deref())),
            Some(Rate::Inherit | Rate::NotSold | Rate::SameAs(_)) => return Ok(price),
            None if !schedule.rates.is_empty() => return Err(self.no_rate_now(meter, &[], None, None)),
            None => {}
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

    /// A meter that has no rate at this time of the day.
    fn no_rate_now(
        &self,
        meter: Meter,
        when: &[(Dimension, String)],
        tier: Option<&Tier>,
        why: Option<&str>,
    ) -> Refusal {
        let place = tier.map(Tier::condition).into_iter().chain((!when.is_empty()).then(|| conditions(when)));
        let place: Vec<String> = place.collect();
        let place = if place.is_empty() { String::new() } else { format!(" for {}", place.join(" and ")) };
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let help = format!("{}; {OWN_PRICE}", self.shows("the rates by time of day"));
        self.no_rate(format!("no rate of {meter}{place} at this time of the day{why}"), &help)
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
        let needs: Vec<String> =
            self.card.variants.iter().filter(|v| has_price(&v.rates, meter)).map(|v| conditions(&v.when)).collect();
        let help = if needs.is_empty() {
            format!("{}; {OWN_PRICE}", self.shows("what the model bills"))
        } else {
            format!("{meter} has rates for {}: say which in the context", needs.join("; "))
        };
        self.no_rate(format!("{} of {meter} have no rate", quantity.normalize()), &help)
    }
}

/// The second of two rates, where they cannot both hold. Two discounts do not agree by being equal: one on top of the other
/// is published nowhere.
fn contradicts<'a>(one: FoundRate<'a>, two: FoundRate<'a>) -> Option<FoundRate<'a>> {
    (one.rate != two.rate || matches!(one.rate, Rate::Price(_))).then_some(two)
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
