//! Judges the rates of a model: periods, prices, tiers and variants.

use super::conditions::{Base, priced_meters};
use super::{Checker, Use, did_you_mean, digits};
use crate::card::{Evidence, Price, Rate, RateCard, Rates, Source, Variant, has_price, rate_of};
use crate::context::conditions;
use crate::meter::{Meter, Unit};
use crate::money::{Exact, exact_product};
use crate::period::{Instant, Period};
use crate::problem::{ALLOWABLE, Place};
use crate::yaml::{At, Quoted, RawPeriod, RawPrice, RawRate, RawRates, RawSourceRef};
use rust_decimal::Decimal;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn periods(&mut self, id: &str, raw: Vec<RawPeriod>) -> Vec<RateCard> {
        let mut cards: Vec<(RateCard, Place)> = Vec::new();
        for period in raw {
            let at = period.from.as_ref().map_or(period.rates.place, |from| from.place);
            let card = self.rate_card(period);
            if let Some((last, _)) = cards.last() {
                self.neighbours(id, last, &card, at);
                self.dropped(id, last, &card, at);
            }
            cards.push((card, at));
        }
        cards.into_iter().map(|(card, _)| card).collect()
    }

    fn neighbours(&mut self, id: &str, last: &RateCard, card: &RateCard, at: Place) {
        if last.period.overlaps(&card.period) {
            let message = format!("two periods of {id} overlap: {} and {}", last.period, card.period);
            self.error(
                "overlapping-periods",
                at,
                message,
                "end the earlier period where the later one begins: `to` is the first moment outside",
            );
        } else if card.period.from < last.period.from {
            let message = format!("the periods of {id} are not in order");
            self.error("unordered-periods", at, message, "write the oldest period first");
        } else if last.period.to != card.period.from && card.note.is_none() {
            let message = format!("{id} has no price between {} and {}", last.period, card.period);
            self.warn("gap", at, message, "let the periods meet, or say in a `note` why they do not");
        }
    }

    /// A later period says of every condition of the one before what holds now, or that it is not known.
    fn dropped(&mut self, id: &str, last: &RateCard, card: &RateCard, at: Place) {
        let is_kept = |old: &&Variant| card.variants.iter().any(|new| new.when == old.when);
        let dropped: Vec<String> =
            last.variants.iter().filter(|old| !is_kept(old)).map(|old| conditions(&old.when)).collect();
        // What `prices update` writes holds only what the database has.
        if !dropped.is_empty() && self.shared.role == Use::Table {
            let message = format!("{id}: {} says nothing of {} any more", card.period, dropped.join(", "));
            let help = "carry the variant over, or write {when: …, others: {refuse: why}}";
            self.warn("dropped-variant", at, message, help);
        }
    }

    fn rate_card(&mut self, raw: RawPeriod) -> RateCard {
        let period = self.period(raw.from.as_ref(), raw.to.as_ref());
        let source = self.source_of(raw.source.as_ref(), raw.rates.place);
        let first_seen = self.first_seen(&raw, period);
        let start_source = raw.from_source.as_ref().map(|source| Arc::new(self.source_of(Some(source), source.place)));
        let priced = priced_meters(&raw);
        let mut rates = self.base_rates(&raw.rates.value, period);
        let base = Base { rates: &rates, tiers: &[], priced: &priced };
        let tiers = self.base_tiers(&raw.tiers, &base, period);
        let base = Base { tiers: &tiers, ..base };
        let variants = self.variants(&raw.variants, &base, period);
        let schedule = raw.schedule.iter().map(|s| self.schedule(s, &base, period)).collect();
        if raw.rates.value.0.is_empty() && variants.is_empty() {
            self.error(
                "no-rates",
                raw.rates.place,
                "a period without any rate".into(),
                "give at least one rate, or remove the period",
            );
        }
        self.add_fallbacks(&mut rates, &variants);
        let sets = std::iter::once(&raw.rates.value)
            .chain(raw.tiers.iter().map(|t| &t.rates))
            .chain(raw.variants.iter().flat_map(|v| std::iter::once(&v.rates).chain(v.tiers.iter().map(|t| &t.rates))));
        sets.for_each(|set| self.check_same_as(set, &rates, &variants));
        raw.schedule.iter().for_each(|s| self.check_schedule_rates(&s.rates, &rates));
        let source = Arc::new(source);
        let allow = self.allowed(&raw.allow, raw.note.as_deref(), ALLOWABLE);
        RateCard { period, first_seen, start_source, source, note: raw.note, allow, rates, tiers, variants, schedule }
    }

    /// What `prices lint` need not ask: a note has to say why.
    pub(super) fn allowed(&mut self, codes: &[At<String>], note: Option<&str>, known: &[&'static str]) -> Vec<String> {
        for code in codes {
            if !known.contains(&code.value.as_str()) {
                let near = did_you_mean(&code.value, known.iter().copied());
                let help = format!("{near}it is one of {}", known.join(", "));
                self.error(
                    "unknown-code",
                    code.place,
                    format!("nothing is called {:?} that could be allowed", code.value),
                    &help,
                );
            } else if note.is_none() {
                let message = format!("{} is allowed without a reason", code.value);
                self.error("no-reason", code.place, message, "add a `note` next to it that says why it is right");
            }
        }
        codes.iter().map(|code| code.value.clone()).collect()
    }

    /// The rates of a request that states nothing: there is nothing that they could inherit or multiply.
    fn base_rates(&mut self, raw: &RawRates, period: Period) -> Rates {
        let mut rates = self.rates(raw, period);
        for (name, rate) in &raw.0 {
            if matches!(rate.value, RawRate::Inherit) {
                let message = format!("{} has nothing here that it could inherit", name.value);
                self.error("nothing-to-inherit", rate.place, message, "write its price, or leave the meter out");
            }
        }
        rates.retain(|(_, rate)| *rate != Rate::Inherit);
        rates
    }

    /// The day of the first snapshot that shows the rates: in the place of a start, and inside of the period.
    fn first_seen(&mut self, raw: &RawPeriod, period: Period) -> Option<Instant> {
        let named = raw.first_seen.as_ref();
        let seen = self.instant(named)?;
        let place = named.map_or(raw.rates.place, |day| day.place);
        if period.from.is_some() {
            let message = "a period with both `from` and `first_seen`".into();
            self.error("two-starts", place, message, "a start that is known needs no first sight: remove `first_seen`");
        } else if period.to.is_some_and(|to| to <= seen) {
            let message = format!("first seen on {seen}, when the period is over");
            self.error("bad-period", place, message, "`first_seen` is a day inside of the period");
        }
        Some(seen)
    }

    /// A fallback of the head holds where its target has a rate and the meter has none; one may lead to another.
    fn add_fallbacks(&mut self, rates: &mut Rates, variants: &[Variant]) {
        let is_new = |rates: &Rates, (meter, to): &(Meter, Meter)| {
            rate_of(rates, *meter).is_none() && is_priced(*to, rates, variants)
        };
        while let Some((meter, to)) = self.shared.fallbacks.iter().find(|f| is_new(rates, f)) {
            rates.push((*meter, Rate::SameAs(*to)));
            rates.sort_by_key(|(m, _)| *m);
        }
    }

    /// A meter that bills as another must lead to one that has a price, counted alike.
    fn check_same_as(&mut self, set: &RawRates, base: &Rates, variants: &[Variant]) {
        let same_as = |raw: &RawRate| if let RawRate::SameAs(name) = raw { name.parse().ok() } else { None };
        let own = |meter: Meter| {
            let found = set.0.iter().find(|(name, _)| name.value == meter.name()).map(|(_, rate)| &rate.value);
            found.filter(|rate| !matches!(rate, RawRate::Inherit))
        };
        let next = |meter: Meter| match (own(meter), rate_of(base, meter)) {
            (Some(raw), _) => same_as(raw),
            (None, Some(Rate::SameAs(to))) => Some(*to),
            (None, _) => None,
        };
        for (name, rate) in &set.0 {
            let (Ok(meter), Some(to)) = (name.value.parse::<Meter>(), same_as(&rate.value)) else { continue };
            let end = std::iter::successors(Some(to), |m| next(*m)).take(Meter::ALL.len()).last().unwrap_or(to);
            if next(end).is_some() || !(own(end).is_some() || is_priced(end, base, variants)) {
                self.error(
                    "dangling-rate",
                    rate.place,
                    format!("{meter} bills as {to}, which has no rate here"),
                    "point it at a meter that has a price in the same period",
                );
            } else {
                self.same_unit(meter, to, rate.place);
            }
        }
    }

    pub(super) fn same_unit(&mut self, meter: Meter, to: Meter, place: Place) {
        if meter.unit() != to.unit() {
            let message = format!("{meter} cannot bill as {to}, which counts something else");
            self.error("other-unit", place, message, "give it a price of its own");
        }
    }

    /// A schedule changes prices: what is not sold, or bills as another meter, it cannot touch.
    fn check_schedule_rates(&mut self, set: &RawRates, base: &Rates) {
        for (name, rate) in &set.0 {
            let is_price = !matches!(rate.value, RawRate::NotSold | RawRate::SameAs(_));
            let bills_as = name.value.parse().ok().and_then(|meter| match rate_of(base, meter) {
                Some(Rate::SameAs(to)) => Some(*to),
                _ => None,
            });
            if !is_price {
                let message = format!("{} has no price in this schedule", name.value);
                self.error("bad-schedule", rate.place, message, "write a price, or leave the meter out");
            } else if let Some(to) = bills_as {
                let message = format!("{} bills as {to} outside of this schedule", name.value);
                self.error("bad-schedule", rate.place, message, "schedule the meter that it bills as");
            }
        }
    }

    pub(super) fn source_of(&mut self, raw: Option<&At<RawSourceRef>>, at: Place) -> Source {
        let own = Source { url: self.path.to_owned(), checked: Instant::from_unix(0), evidence: Evidence::Own };
        let Some(raw) = raw else {
            if self.shared.role == Use::Table {
                self.error(
                    "no-source",
                    at,
                    "a price without a source".into(),
                    "add `source:` with the page and the day it was checked",
                );
            }
            return own;
        };
        match &raw.value {
            RawSourceRef::Own(source) => self.source(source).unwrap_or(own),
            RawSourceRef::Named(name) => match self.shared.sources.get(name) {
                Some(source) => source.clone(),
                None => {
                    let near = did_you_mean(name, self.shared.sources.keys().map(String::as_str));
                    let help = format!("{near}sources are named at the top of the file");
                    self.error("unknown-source", raw.place, format!("no source is called {name:?}"), &help);
                    own
                }
            },
        }
    }

    pub(super) fn rates(&mut self, raw: &RawRates, period: Period) -> Rates {
        let mut rates: Rates = Vec::with_capacity(raw.0.len());
        for (name, rate) in &raw.0 {
            let Some(meter) = self.meter(name) else { continue };
            if let Some(rate) = self.rate(meter, rate, period) {
                rates.push((meter, rate));
            }
        }
        rates.sort_by_key(|(meter, _)| *meter);
        rates
    }

    fn rate(&mut self, meter: Meter, raw: &At<RawRate>, period: Period) -> Option<Rate> {
        let at = raw.place;
        match &raw.value {
            RawRate::NotSold => Some(Rate::NotSold),
            RawRate::Inherit => Some(Rate::Inherit),
            RawRate::Refuse => Some(Rate::Refuse(None)),
            RawRate::Full(RawPrice { refuse: Some(why), price: None, credits: None, factor: None, .. }) => {
                Some(Rate::Refuse(Some(why.clone())))
            }
            RawRate::SameAs(name) => {
                let named = At { value: name.clone(), place: at };
                self.meter(&named).map(Rate::SameAs)
            }
            RawRate::Plain(_) if meter.unit() != Unit::Tokens => {
                let message = format!("the rate of {meter} does not say per how many");
                self.error(
                    "missing-per",
                    at,
                    message,
                    "write {price: \"10\", per: 1000}: only tokens have a usual unit, a million",
                );
                None
            }
            RawRate::Plain(usd) => {
                Some(Rate::Price(Price { usd: Exact(*usd), per: 1_000_000, minimum: None, step: None }))
            }
            RawRate::Full(price) => self.full_price(meter, price, at, period),
        }
    }

    fn full_price(&mut self, meter: Meter, raw: &RawPrice, at: Place, period: Period) -> Option<Rate> {
        if raw.factor.is_some() || raw.refuse.is_some() {
            let alone = raw.price.is_none() && raw.credits.is_none() && raw.refuse.is_none();
            let (message, help) = if alone {
                ("a factor where there is nothing to multiply", "write the price itself")
            } else {
                ("a rate is a price, credits, a factor or a refusal", "write one of them")
            };
            self.error("bad-rate", at, message.into(), help);
            return None;
        }
        let per = match (raw.per, meter.unit()) {
            (Some(0), _) => {
                self.error(
                    "bad-per",
                    at,
                    "a price per 0".into(),
                    "`per` is how many units the price is for, at least 1",
                );
                return None;
            }
            (Some(per), _) => per,
            (None, Unit::Tokens) => 1_000_000,
            (None, _) => {
                self.error("missing-per", at, format!("the rate of {meter} does not say per how many"), "add `per:`");
                return None;
            }
        };
        let usd = match (raw.price, raw.credits) {
            (Some(Quoted(price)), None) => price,
            (None, Some(Quoted(credits))) => self.credits(credits, at, period)?,
            _ => {
                self.error("bad-rate", at, "a rate has either a `price` or `credits`".into(), "write one of the two");
                return None;
            }
        };
        let [minimum, step] = [raw.minimum, raw.step].map(|q| q.map(|Quoted(d)| Exact(d)));
        if step.is_some_and(|s| s.0.is_zero()) {
            self.error(
                "bad-step",
                at,
                "a step of 0".into(),
                "a step is the quantity that a bill rounds up to, more than 0",
            );
            return None;
        }
        Some(Rate::Price(Price { usd: Exact(usd), per, minimum, step }))
    }

    fn credits(&mut self, credits: Decimal, at: Place, period: Period) -> Option<Decimal> {
        let inside = |credit: &Period| {
            credit.from.is_none_or(|f| period.from.is_some_and(|p| f <= p))
                && credit.to.is_none_or(|t| period.to.is_some_and(|p| p <= t))
        };
        let Some((_, usd)) = self.shared.credits.iter().find(|(credit, _)| inside(credit)) else {
            let message = "no one price of a credit holds over this whole period".into();
            self.error(
                "no-credit-price",
                at,
                message,
                "add `credits: [{from: …, usd: \"0.01\"}]` to the head, or split the period where it changed",
            );
            return None;
        };
        let usd = exact_product(credits, *usd);
        if usd.is_none() {
            let message = format!("{credits} credits have a price of more digits than a price may have");
            self.error(
                "too-many-digits",
                at,
                message,
                "write the price of a credit, or the credits, with fewer digits",
            );
        }
        usd
    }

    /// The boundary of a tier, and whether it lies inside of it.
    pub(super) fn boundary(&mut self, condition: &At<String>) -> Option<(u64, bool)> {
        let text = condition.value.replace([' ', '_'], "");
        let parsed = match (text.strip_prefix(">="), text.strip_prefix('>')) {
            (Some(n), _) => digits(n).map(|n| (n, true)),
            (None, Some(n)) => digits(n).map(|n| (n, false)),
            (None, None) => None,
        };
        if parsed.is_none() {
            let message = format!("{:?} is no boundary", condition.value);
            self.error("bad-tier", condition.place, message, "write \">200000\" or \">=200000\"");
        }
        parsed
    }
}

/// Whether a meter has a rate outside of tiers, or in a variant.
fn is_priced(meter: Meter, base: &Rates, variants: &[Variant]) -> bool {
    rate_of(base, meter).is_some() || variants.iter().any(|v| has_price(&v.rates, meter))
}
