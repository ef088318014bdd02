//! What holds under a condition: the rates of tiers, variants and schedules, with everything that they leave unsaid.
//!
//! A condition says for each meter of the base what holds. Factors are multiplied here, so that the engine only looks up;
//! a meter of which nothing is said has no rate under the condition, which is worth a warning.

use super::Checker;
use crate::card::{Price, Rate, Rates, Tier, Variant, rate_of};
use crate::context::conditions;
use crate::meter::Meter;
use crate::money::{Exact, exact_product};
use crate::period::Period;
use crate::problem::Place;
use crate::yaml::{At, Quoted, RawPeriod, RawPrice, RawRate, RawRates, RawSchedule, RawTier, RawVariant};

/// What a period says of requests that state nothing, and which meters have a price anywhere in it.
pub(super) struct Base<'a> {
    pub rates: &'a Rates,
    pub tiers: &'a [Tier],
    /// The meters that `others:` means.
    pub priced: &'a [Meter],
}

/// A factor that is not multiplied yet; `place` is none where it came from `others:`, which only means what has a price.
#[derive(Clone, Copy)]
struct Factor {
    meter: Meter,
    by: Exact,
    place: Option<Place>,
}

/// The meters that have a price in some set of rates of a period, in the order of [`Meter::ALL`].
pub(super) fn priced_meters(raw: &RawPeriod) -> Vec<Meter> {
    let of_variant = |v: &RawVariant| {
        std::iter::once(v.rates.clone()).chain(v.tiers.iter().map(|t| t.rates.clone())).collect::<Vec<_>>()
    };
    let sets = std::iter::once(raw.rates.value.clone())
        .chain(raw.tiers.iter().map(|t| t.rates.clone()))
        .chain(raw.variants.iter().flat_map(of_variant))
        .chain(raw.schedule.iter().map(|s| s.rates.clone()));
    let names = sets.flat_map(|set| set.0).filter(|(_, rate)| is_price(&rate.value));
    let mut meters: Vec<Meter> = names.filter_map(|(name, _)| name.value.parse().ok()).collect();
    meters.sort();
    meters.dedup();
    meters
}

/// Whether a rate as written is a number, of dollars or credits.
pub(super) fn is_price(raw: &RawRate) -> bool {
    match raw {
        RawRate::Plain(_) => true,
        RawRate::Full(price) => price.price.is_some() || price.credits.is_some(),
        RawRate::NotSold | RawRate::SameAs(_) | RawRate::Inherit | RawRate::Refuse => false,
    }
}

/// The factor that a rate is written as.
fn factor_of(raw: &RawRate) -> Option<Exact> {
    match raw {
        RawRate::Full(RawPrice { factor: Some(Quoted(by)), price: None, credits: None, refuse: None, .. }) => {
            Some(Exact(*by))
        }
        _ => None,
    }
}

impl Checker<'_> {
    /// The rates of a condition as they are written, and the factors in them.
    fn stated(
        &mut self,
        raw: &RawRates,
        others: Option<&At<RawRate>>,
        base: &Base,
        period: Period,
    ) -> (Rates, Vec<Factor>) {
        let mut factors = Vec::new();
        let mut own = RawRates::default();
        for (name, rate) in &raw.0 {
            match (factor_of(&rate.value), name.value.parse()) {
                (Some(by), Ok(meter)) => factors.push(Factor { meter, by, place: Some(rate.place) }),
                _ => own.0.push((name.clone(), rate.clone())),
            }
        }
        let mut rates = self.rates(&own, period);
        if let Some(others) = others {
            let is_listed = |meter: Meter| raw.0.iter().any(|(name, _)| name.value == meter.name());
            let open: Vec<Meter> =
                base.priced.iter().copied().filter(|m| !is_listed(*m) && !self.follows(*m, base)).collect();
            self.others(others, &open, &mut rates, &mut factors);
        }
        rates.sort_by_key(|(meter, _)| *meter);
        (rates, factors)
    }

    /// Whether a meter bills as another outside of conditions, or is not sold: what holds then is settled by that.
    fn follows(&self, meter: Meter, base: &Base) -> bool {
        match rate_of(base.rates, meter) {
            Some(Rate::SameAs(_) | Rate::NotSold) => true,
            Some(_) => false,
            None => self.shared.fallbacks.iter().any(|(from, _)| *from == meter),
        }
    }

    /// `others:` for the meters that are not listed.
    fn others(&mut self, raw: &At<RawRate>, open: &[Meter], rates: &mut Rates, factors: &mut Vec<Factor>) {
        if let Some(by) = factor_of(&raw.value) {
            factors.extend(open.iter().map(|meter| Factor { meter: *meter, by, place: None }));
            return;
        }
        let rate = match &raw.value {
            RawRate::Inherit => Rate::Inherit,
            RawRate::Refuse => Rate::Refuse(None),
            RawRate::Full(RawPrice { refuse: Some(why), price: None, credits: None, factor: None, .. }) => {
                Rate::Refuse(Some(why.clone()))
            }
            _ => {
                let help = "write inherit, refuse, {refuse: why} or {factor: \"0.5\"}: a price belongs to one meter";
                return self.error("bad-others", raw.place, "this cannot hold for all other meters".into(), help);
            }
        };
        rates.extend(open.iter().map(|meter| (*meter, rate.clone())));
    }

    /// A price times a factor.
    fn factored(&mut self, price: &Price, factor: Factor, place: Place) -> Option<Rate> {
        let Some(usd) = exact_product(price.usd.0, factor.by.0) else {
            let message = format!("{} times {} has more digits than a price may have", factor.meter, factor.by);
            self.error("too-many-digits", place, message, "write a factor with fewer digits, or the price itself");
            return None;
        };
        Some(Rate::Price(Price { usd: Exact(usd.normalize()), ..*price }))
    }

    /// The rate that a factor gives, where there is one to multiply.
    fn multiplied(&mut self, factor: Factor, outside: Option<&Rate>, place: Place) -> Option<Rate> {
        if let Some(Rate::Price(price)) = outside {
            return self.factored(price, factor, factor.place.unwrap_or(place));
        }
        if let Some(place) = factor.place {
            let message = format!("{} has no price here that could be multiplied", factor.meter);
            self.error(
                "nothing-to-multiply",
                place,
                message,
                "write the price itself, or give the meter one outside of this condition",
            );
        }
        None
    }

    /// The tiers of a base, lowest boundary first, each with what it says.
    pub(super) fn base_tiers(&mut self, raw: &[RawTier], base: &Base, period: Period) -> Vec<Tier> {
        let tiers = self.tiers(raw, base.rates, base, period);
        self.warn_of_tiers(tiers, base.rates)
    }

    /// The tiers of a set of rates, lowest boundary first. A factor multiplies what would hold without the tier.
    fn tiers(&mut self, raw: &[RawTier], flat: &Rates, base: &Base, period: Period) -> Vec<(Tier, Place)> {
        let mut read: Vec<(Tier, Vec<Factor>, Place)> = Vec::with_capacity(raw.len());
        for raw in raw {
            let place = raw.when.prompt_tokens.place;
            let Some((threshold, inclusive)) = self.boundary(&raw.when.prompt_tokens) else { continue };
            let tier = Tier { threshold, inclusive, rates: Rates::new() };
            if read.iter().any(|(other, ..)| other.first() == tier.first()) {
                let help = "write one tier for each boundary";
                self.error("repeated-tier", place, format!("two tiers at {threshold}"), help);
            }
            let (rates, factors) = self.stated(&raw.rates, raw.others.as_ref(), base, period);
            read.push((Tier { rates, ..tier }, factors, place));
        }
        read.sort_by_key(|(tier, ..)| tier.first());
        let mut tiers: Vec<(Tier, Place)> = Vec::with_capacity(read.len());
        for (mut tier, factors, place) in read {
            for factor in factors {
                let outside = outside_of(&tiers, flat, base, factor.meter, tier.first()).cloned();
                tier.rates.extend(self.multiplied(factor, outside.as_ref(), place).map(|rate| (factor.meter, rate)));
            }
            tier.rates.sort_by_key(|(meter, _)| *meter);
            tiers.push((tier, place));
        }
        tiers
    }

    /// The tiers, with a warning for each that says nothing of a meter with a price below it.
    fn warn_of_tiers(&mut self, tiers: Vec<(Tier, Place)>, flat: &Rates) -> Vec<Tier> {
        let mut below: Vec<Meter> = flat.iter().filter(|(_, rate)| is_stated(rate)).map(|(meter, _)| *meter).collect();
        let mut all = Vec::with_capacity(tiers.len());
        for (tier, place) in tiers {
            let unsaid = below.iter().copied().filter(|meter| rate_of(&tier.rates, *meter).is_none());
            self.warn_unsaid(unsaid.collect(), &tier.condition(), place);
            below.extend(tier.rates.iter().filter(|(_, rate)| is_stated(rate)).map(|(meter, _)| *meter));
            below.sort();
            below.dedup();
            all.push(tier);
        }
        all
    }

    pub(super) fn variants(&mut self, raw: &[RawVariant], base: &Base, period: Period) -> Vec<Variant> {
        let mut variants: Vec<Variant> = Vec::with_capacity(raw.len());
        for raw in raw {
            let place = raw.when.place;
            let mut when = self.when(&raw.when.value);
            when.sort();
            if raw.when.value.0.is_empty() {
                let help = "name what a request must state; what always holds belongs into the rates of the period";
                self.error("no-condition", place, "a variant without a condition".into(), help);
            } else if variants.iter().any(|v| v.when == when) {
                let message = "two variants under the same condition".into();
                self.error("repeated-variant", place, message, "write one variant for each condition");
            }
            let variant = self.variant(raw, when, base, period);
            // An invalid condition has its own error.
            if !variant.when.is_empty() {
                self.warn_of_variant(&variant, base, place);
            }
            variants.push(variant);
        }
        variants
    }

    fn variant(
        &mut self,
        raw: &RawVariant,
        when: Vec<(crate::context::Dimension, String)>,
        base: &Base,
        period: Period,
    ) -> Variant {
        let place = raw.when.place;
        let (mut rates, mut factors) = self.stated(&raw.rates, raw.others.as_ref(), base, period);
        factors.retain(|factor| {
            let rate = self.multiplied(*factor, rate_of(base.rates, factor.meter), place);
            rates.extend(rate.clone().map(|rate| (factor.meter, rate)));
            rate.is_some()
        });
        rates.sort_by_key(|(meter, _)| *meter);
        let mut tiers = self.tiers(&raw.tiers, &rates, base, period);
        for tier in base.tiers {
            self.carry(&factors, tier, &mut tiers, place);
        }
        tiers.sort_by_key(|(tier, _)| tier.first());
        let tiers = self.warn_of_tiers(tiers, &rates);
        Variant { when, rates, tiers }
    }

    /// A factor on the base rate holds in the tiers of the base too, where the variant says nothing else there.
    fn carry(&mut self, factors: &[Factor], of: &Tier, tiers: &mut Vec<(Tier, Place)>, place: Place) {
        let mut carried: Rates = Vec::new();
        for factor in factors {
            match rate_of(&of.rates, factor.meter) {
                Some(Rate::Price(price)) => {
                    carried.extend(
                        self.factored(price, *factor, factor.place.unwrap_or(place)).map(|rate| (factor.meter, rate)),
                    );
                }
                Some(rate) => carried.push((factor.meter, rate.clone())),
                None => {}
            }
        }
        if carried.is_empty() {
            return;
        }
        let own = match tiers.iter().position(|(tier, _)| tier.first() == of.first()) {
            Some(at) => &mut tiers[at].0,
            None => {
                // What the tier of the base leaves alone, the one that arises here leaves alone too.
                let left = of.rates.iter().filter(|(_, rate)| *rate == Rate::Inherit).cloned();
                let tier = Tier { threshold: of.threshold, inclusive: of.inclusive, rates: left.collect() };
                tiers.push((tier, place));
                let last = tiers.len() - 1;
                &mut tiers[last].0
            }
        };
        carried.retain(|(meter, _)| rate_of(&own.rates, *meter).is_none());
        own.rates.extend(carried);
        own.rates.sort_by_key(|(meter, _)| *meter);
    }

    /// The rates of a schedule; a factor in them multiplies the base rate.
    pub(super) fn schedule_rates(&mut self, raw: &RawSchedule, base: &Base, period: Period) -> Rates {
        let place = raw.zone.place;
        let (mut rates, factors) = self.stated(&raw.rates, raw.others.as_ref(), base, period);
        for factor in factors {
            let rate = self.multiplied(factor, rate_of(base.rates, factor.meter), place);
            rates.extend(rate.map(|rate| (factor.meter, rate)));
        }
        rates.sort_by_key(|(meter, _)| *meter);
        if !rates.is_empty() {
            self.warn_unsaid(unsaid_of(&rates, base.rates), "this schedule", place);
        }
        rates
    }

    fn warn_of_variant(&mut self, variant: &Variant, base: &Base, place: Place) {
        let condition = conditions(&variant.when);
        self.warn_unsaid(unsaid_of(&variant.rates, base.rates), &condition, place);
        let has_price = |rates: &Rates, meter: Meter| matches!(rate_of(rates, meter), Some(Rate::Price(_)));
        let is_known = |tier: &&Tier| variant.tiers.iter().any(|own| own.first() == tier.first());
        for tier in base.tiers.iter().filter(|tier| !is_known(tier)) {
            let concerns = |meter: &Meter| has_price(&tier.rates, *meter) && has_price(&variant.rates, *meter);
            let unsaid: Vec<Meter> = Meter::ALL.iter().copied().filter(concerns).collect();
            self.warn_unsaid(unsaid, &format!("{condition} at {}", tier.condition()), place);
        }
    }

    fn warn_unsaid(&mut self, unsaid: Vec<Meter>, condition: &str, place: Place) {
        if unsaid.is_empty() {
            return;
        }
        let names: Vec<&str> = unsaid.iter().map(|meter| meter.name()).collect();
        let message = format!("nothing is said of {} for {condition}: using it there is refused", names.join(", "));
        let help = "give each a price, {factor: \"0.5\"}, inherit or {refuse: why}, or all that are not listed one in `others:`";
        self.warn("unsaid-meter", place, message, help);
    }
}

/// Whether a rate is one that a tier above must take up: not one that stands for another, or for nothing.
fn is_stated(rate: &Rate) -> bool {
    matches!(rate, Rate::Price(_))
}

/// The priced meters of the base of which a condition says nothing.
fn unsaid_of(rates: &Rates, base: &Rates) -> Vec<Meter> {
    let priced = base.iter().filter(|(_, rate)| is_stated(rate)).map(|(meter, _)| *meter);
    priced.filter(|meter| rate_of(rates, *meter).is_none()).collect()
}

/// What would hold for a meter without the tier that begins at prompts of so many tokens.
fn outside_of<'a>(
    lower: &'a [(Tier, Place)],
    flat: &'a Rates,
    base: &'a Base,
    meter: Meter,
    first: u64,
) -> Option<&'a Rate> {
    let is_own = |rate: &&Rate| **rate != Rate::Inherit;
    let of_lower = lower.iter().rev().filter_map(|(tier, _)| rate_of(&tier.rates, meter)).find(is_own);
    match of_lower.or_else(|| rate_of(flat, meter)) {
        Some(Rate::Inherit) => {
            let of_base = base.tiers.iter().rev().filter(|tier| tier.first() <= first);
            let of_base = of_base.filter_map(|tier| rate_of(&tier.rates, meter)).find(is_own);
            of_base.or_else(|| rate_of(base.rates, meter))
        }
        found => found,
    }
}
