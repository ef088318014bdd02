//! A second engine, slow and plain: prices a request against a made-up file in rational numbers.
//!
//! It follows `pricing/README.md` sentence by sentence and knows nothing of how the real one is built. Where several
//! things are wrong with a request it returns every reason, since which of them is told first is nobody's promise.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use num_rational::BigRational;

use super::file::{
    Effect, File, METERS, Multiplier, Period, Price, Rate, Rates, Request, Schedule, Tier, Variant, When,
};

/// A number without error.
pub type Q = BigRational;

/// What a request costs, line by line, or every reason why it has no price.
#[derive(Debug)]
pub enum Answer {
    Priced { lines: Vec<Line>, total: Q },
    Refused(BTreeSet<&'static str>),
}

#[derive(Debug)]
pub struct Line {
    pub meter: &'static str,
    pub quantity: Q,
    pub rate: Q,
    pub per: u64,
    pub usd: Q,
}

/// A decimal text as a fraction.
pub fn exact(text: &str) -> Q {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    format!("{sign}{whole}{fraction}/1{}", "0".repeat(fraction.len())).parse().expect("a decimal")
}

fn ten_to(n: usize) -> Q {
    exact(&format!("1{}", "0".repeat(n)))
}

/// Whether a difference is none, or what rounding at 18 places leaves.
pub fn is_within_half(off: &Q) -> bool {
    let limit = exact("1") / (exact("2") * ten_to(18));
    *off <= limit && *off >= -limit
}

/// Whether a decimal of 28 places and 96 bits holds the number.
pub fn fits(number: &Q) -> bool {
    digits(number).is_some_and(|digits| digits <= exact("79228162514264337593543950335"))
}

/// The number without its point, if 28 places show all of it.
fn digits(number: &Q) -> Option<Q> {
    (0..=28).map(|places| number * ten_to(places)).find(Q::is_integer)
}

/// Whether 127 bits hold the product before it is divided, as the receipt promises no more.
fn can_multiply(a: &Q, b: &Q) -> bool {
    let product = digits(a).zip(digits(b)).map(|(a, b)| a * b);
    product.is_some_and(|product| product <= exact(&i128::MAX.to_string()))
}

/// The amount as money keeps it: exact where its digits end, else 18 places, to the nearest, half to even.
fn as_money(amount: Q) -> Option<Q> {
    let mut rest = Q::from(amount.denom().clone());
    for prime in [exact("2"), exact("5")] {
        while (&rest / &prime).is_integer() {
            rest /= &prime;
        }
    }
    if rest == exact("1") {
        return Some(amount).filter(fits);
    }
    let scaled = amount * ten_to(18);
    let (down, half) = (scaled.floor(), exact("0.5"));
    let rest = &scaled - &down;
    let is_odd = !(&down / exact("2")).is_integer();
    let up = rest > half || (rest == half && is_odd);
    Some((if up { down + exact("1") } else { down }) / ten_to(18)).filter(fits)
}

/// Prices a request, or says everything that is wrong with it.
pub fn answer(file: &File, request: &Request) -> Answer {
    let at = request.at;
    let Some(period) = file.periods.iter().find(|p| is_inside(p.from, p.to, at)) else {
        let first = file.periods[0].from;
        let reason = if first.is_some_and(|first| at < first) { "before-first-price" } else { "not-sold" };
        return Answer::Refused(BTreeSet::from([reason]));
    };
    let asked = Asked::new(file, period, request);
    let mut reasons = BTreeSet::new();
    if asked.says_something_unknown() {
        reasons.insert("no-rate");
    }
    let mut billed: BTreeMap<usize, Q> = BTreeMap::new();
    for (used, quantity) in &asked.used {
        match asked.bills_as(used) {
            Ok(Some(meter)) => *billed.entry(index_of(meter)).or_insert_with(|| exact("0")) += quantity,
            Ok(None) => {}
            Err(reason) => {
                reasons.insert(reason);
            }
        }
    }
    let mut lines = Vec::new();
    for (meter, quantity) in billed {
        match asked.line(METERS[meter].name, quantity) {
            Ok(line) => lines.push(line),
            Err(reason) => {
                reasons.insert(reason);
            }
        }
    }
    let total = lines.iter().fold(exact("0"), |sum, line| sum + &line.usd);
    if !fits(&total) {
        reasons.insert("invalid-usage");
    }
    if reasons.is_empty() { Answer::Priced { lines, total } } else { Answer::Refused(reasons) }
}

/// `from` is the first moment inside, `to` the first one outside.
fn is_inside(from: Option<i64>, to: Option<i64>, at: i64) -> bool {
    from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
}

fn index_of(meter: &str) -> usize {
    METERS.iter().position(|m| m.name == meter).expect("a meter of the made-up files")
}

/// A request beside the period that prices it.
struct Asked<'a> {
    file: &'a File,
    period: &'a Period,
    used: BTreeMap<&'static str, Q>,
    prompt_tokens: u64,
    /// What it says, without what changes nothing.
    said: BTreeMap<&'static str, String>,
    at: i64,
}

/// The rate of a meter, and where it stands.
#[derive(Clone)]
struct Found<'a> {
    rate: Rate,
    /// The boundary of the tier it is from.
    tier: Option<u64>,
    /// What a request must say for it: nothing for the base.
    when: Option<&'a When>,
}

/// What a set of rates says of a meter.
enum Says {
    /// A rate, from a tier or not.
    A(Rate, Option<u64>),
    /// That it changes nothing.
    Inherits,
    /// Not a word.
    Nothing,
}

impl<'a> Asked<'a> {
    fn new(file: &'a File, period: &'a Period, request: &Request) -> Self {
        let used = request.quantities.iter().map(|(meter, quantity)| (*meter, exact(quantity)));
        let is_neutral = |dimension: &str, value: &str| {
            file.neutral.iter().any(|(d, values)| *d == dimension && values.contains(&value))
        };
        let said = request.said.iter().map(|(dimension, value)| (*dimension, value.to_lowercase()));
        Asked {
            file,
            period,
            used: used.filter(|(_, quantity)| *quantity > exact("0")).collect(),
            prompt_tokens: request.prompt_tokens(),
            said: said.filter(|(dimension, value)| !is_neutral(dimension, value)).collect(),
            at: request.at,
        }
    }

    fn says(&self, when: &When) -> bool {
        when.iter().all(|(dimension, value)| self.said.get(dimension).is_some_and(|said| said == value))
    }

    /// The factors that hold now, for this model and what the request says.
    fn multipliers(&self) -> impl Iterator<Item = &Multiplier> {
        let holds = |m: &&Multiplier| {
            m.names_the_model != Some(false) && is_inside(m.from, m.to, self.at) && self.says(&m.when)
        };
        self.file.multipliers.iter().filter(holds)
    }

    /// A value that nothing on the card knows is a refusal, as far as anything that was used could depend on it.
    fn says_something_unknown(&self) -> bool {
        let whens = || {
            let variants = self.period.variants.iter().map(|v| &v.when);
            variants.filter(|when| self.says(when)).chain(self.multipliers().map(|m| &m.when))
        };
        let matters = |dimension: &str| match dimension {
            "search_context_size" => self.used.contains_key("web_search") || self.used.contains_key("requests"),
            "quality" => self.used.contains_key("images"),
            _ => !self.used.is_empty(),
        };
        self.said.keys().any(|dimension| matters(dimension) && !whens().any(|when| when.contains_key(dimension)))
    }

    /// The base rates, with the meters that bill as another because they have no rate of their own.
    fn base(&self) -> Rates {
        let mut base = self.period.rates.clone();
        let has_a_rate = |base: &Rates, meter: &str| {
            let is_own = |v: &Variant| match self.flat_of(meter, &v.rates, v.others.as_ref()) {
                Some(rate) => matches!(rate, Rate::Price(_) | Rate::SameAs(_)),
                None => false,
            };
            base.contains_key(meter) || self.period.variants.iter().any(is_own)
        };
        for _ in 0..=self.file.fallbacks.len() {
            for (meter, other) in &self.file.fallbacks {
                if !base.contains_key(meter) && has_a_rate(&base, other) {
                    base.insert(meter, Rate::SameAs(other));
                }
            }
        }
        base
    }

    /// Whether any set of rates of the period says something of the meter that is more than "as without me".
    fn is_spoken_of(&self, meter: &str) -> bool {
        let p = self.period;
        let tiers = p.tiers.iter().chain(p.variants.iter().flat_map(|v| &v.tiers)).map(|t| &t.rates);
        let schedules = p.schedules.iter().filter_map(|s| match &s.effect {
            Effect::Rates(rates, _) => Some(rates),
            Effect::Factor { .. } => None,
        });
        let mut all = tiers.chain(schedules).chain(p.variants.iter().map(|v| &v.rates)).chain([&p.rates]);
        all.any(|rates| rates.get(meter).is_some_and(|rate| !matches!(rate, Rate::Inherit)))
    }

    /// Whether the meter has a price in some set of rates of the period.
    fn is_priced_anywhere(&self, meter: &str) -> bool {
        let p = self.period;
        let tiers = p.tiers.iter().chain(p.variants.iter().flat_map(|v| &v.tiers)).map(|t| &t.rates);
        let schedules = p.schedules.iter().filter_map(|s| match &s.effect {
            Effect::Rates(rates, _) => Some(rates),
            Effect::Factor { .. } => None,
        });
        let mut all = tiers.chain(schedules).chain(p.variants.iter().map(|v| &v.rates)).chain([&p.rates]);
        all.any(|rates| matches!(rates.get(meter), Some(Rate::Price(_))))
    }

    /// What a condition says of a meter: its own line, else what it says of all others that have a price.
    fn line_or_others(&self, meter: &str, rates: &Rates, others: Option<&Rate>) -> Option<Rate> {
        let bills_otherwise = match self.period.rates.get(meter) {
            Some(rate) => matches!(rate, Rate::SameAs(_) | Rate::NotSold),
            None => self.file.fallbacks.iter().any(|(from, _)| *from == meter),
        };
        let is_meant = !bills_otherwise && self.is_priced_anywhere(meter);
        rates.get(meter).cloned().or_else(|| others.filter(|_| is_meant).cloned())
    }

    /// What a variant says of a meter outside of its tiers: a factor is one on the base rate, if that is a price.
    fn flat_of(&self, meter: &str, rates: &Rates, others: Option<&Rate>) -> Option<Rate> {
        match (self.line_or_others(meter, rates, others)?, self.period.rates.get(meter)) {
            (Rate::Factor(by), Some(Rate::Price(price))) => Some(Rate::Price(by_factor(price, &by))),
            (Rate::Factor(_), _) => None,
            (rate, _) => Some(rate),
        }
    }

    /// What a tier says of a meter. In a variant, a factor on the base rate holds in the tiers of the base as well.
    fn lines_of_tiers(&self, meter: &str, set: Set) -> Vec<(u64, Option<Rate>)> {
        let mut lines: BTreeMap<u64, Option<Rate>> = BTreeMap::new();
        for tier in set.tiers.iter().filter(|t| t.holds(self.prompt_tokens)) {
            lines.insert(tier.first(), self.line_or_others(meter, &tier.rates, tier.others.as_ref()));
        }
        let factor_of = |meter: &str| match self.line_or_others(meter, set.rates, set.others) {
            Some(Rate::Factor(by)) if matches!(self.period.rates.get(meter), Some(Rate::Price(_))) => Some(by),
            _ => None,
        };
        for tier in self.period.tiers.iter().filter(|t| set.is_variant && t.holds(self.prompt_tokens)) {
            let said_in = |meter: &str| self.line_or_others(meter, &tier.rates, tier.others.as_ref());
            let arises = METERS.iter().any(|m| factor_of(m.name).is_some() && said_in(m.name).is_some());
            let said = match (factor_of(meter), said_in(meter)) {
                (Some(by), Some(Rate::Price(price))) => Some(Rate::Price(by_factor(&price, &by))),
                (Some(_), said) => said,
                (None, Some(Rate::Inherit)) if !set.tiers.iter().any(|t| t.first() == tier.first()) => {
                    Some(Rate::Inherit)
                }
                (None, _) => None,
            };
            match lines.get_mut(&tier.first()) {
                Some(line) => *line = line.take().or(said),
                None if arises => drop(lines.insert(tier.first(), said)),
                None => {}
            }
        }
        lines.into_iter().rev().collect()
    }

    /// From the highest tier down to what holds outside of tiers. A tier that says nothing of a meter with a price below
    /// it has no rate for it.
    fn in_set(&self, meter: &str, set: Set) -> (Says, u64) {
        let flat =
            if set.is_variant { self.flat_of(meter, set.rates, set.others) } else { set.rates.get(meter).cloned() };
        let tiers = self.lines_of_tiers(meter, set);
        let reaches = tiers.first().map_or(0, |(threshold, _)| *threshold);
        let mut silent = None;
        let mut inherits = false;
        let all = tiers.into_iter().map(|(threshold, rate)| (Some(threshold), rate)).chain([(None, flat)]);
        for (threshold, rate) in all {
            match rate {
                None => silent = silent.or(threshold),
                Some(Rate::Inherit) => inherits = true,
                Some(Rate::Price(_)) if silent.is_some() => return (Says::A(Rate::Refuse, silent), reaches),
                Some(rate) => return (Says::A(rate, threshold), reaches),
            }
        }
        (if inherits { Says::Inherits } else { Says::Nothing }, reaches)
    }

    /// Whether a set that says nothing of a meter which bills as another leaves that other alone as well.
    fn leaves_alone(&self, base: &Rates, meter: &str, set: Set) -> bool {
        let mut rate = base.get(meter);
        for _ in METERS {
            let Some(Rate::SameAs(other)) = rate else { return false };
            match self.in_set(other, set).0 {
                Says::Inherits => return true,
                Says::A(..) => return false,
                Says::Nothing => rate = base.get(other),
            }
        }
        false
    }

    /// The one that names more of what the request says wins, meter by meter. A variant that says nothing of a meter has no
    /// rate for it, one that inherits leaves it to the others. A meter that bills as another, or is not sold, does so under a
    /// variant that says nothing of it: only one that names as much goes before that with a rate of its own.
    fn rate(&self, meter: &str) -> Result<Option<Found<'a>>, &'static str> {
        let base_rates = self.base();
        let set = Set { rates: &base_rates, others: None, tiers: &self.period.tiers, is_variant: false };
        let base = match self.in_set(meter, set) {
            (Says::A(rate, tier), reaches) => Some((Found { rate, tier, when: None }, reaches)),
            _ => None,
        };
        let bills_otherwise =
            base.as_ref().is_some_and(|(found, _)| matches!(found.rate, Rate::SameAs(_) | Rate::NotSold));
        let mut said: Vec<(usize, Found<'a>, u64)> = Vec::new();
        let mut implied = 0;
        for variant in self.period.variants.iter().filter(|v| self.says(&v.when)) {
            let others = variant.others.as_ref();
            let set = Set { rates: &variant.rates, others, tiers: &variant.tiers, is_variant: true };
            let (rate, tier, reaches) = match self.in_set(meter, set) {
                (Says::A(rate, tier), reaches) => (rate, tier, reaches),
                (Says::Nothing, _) if !bills_otherwise && self.is_spoken_of(meter) => (Rate::Refuse, None, 0),
                (Says::Nothing, _) if bills_otherwise && !self.leaves_alone(&base_rates, meter, set) => {
                    implied = implied.max(variant.when.len());
                    continue;
                }
                (Says::Nothing | Says::Inherits, _) => continue,
            };
            said.push((variant.when.len(), Found { rate, tier, when: Some(&variant.when) }, reaches));
        }
        let deepest = said.iter().map(|(_, found, _)| found.tier).chain([base.as_ref().and_then(|(f, _)| f.tier)]);
        let deepest = deepest.flatten().max();
        let most = said.iter().map(|(n, ..)| *n).max();
        if most.is_some_and(|most| implied > most) {
            return Ok(base.map(|(found, _)| found));
        }
        let best: Vec<_> = said.into_iter().filter(|(n, ..)| Some(*n) == most).collect();
        let Some((_, found, reaches)) = best.first() else {
            return match base {
                Some((Found { rate: Rate::Refuse, .. }, _)) => Err("no-rate"),
                base => Ok(base.map(|(found, _)| found)),
            };
        };
        let shown = |rate: &Rate| format!("{:?}", normal(rate));
        // Two that name as much contradict each other, unless they bill as the same meter.
        let is_price = matches!(found.rate, Rate::Price(_));
        let agree = best.len() == 1 || !is_price && best.iter().all(|(_, b, _)| shown(&b.rate) == shown(&found.rate));
        // Under a tier that anybody has, a variant holds only if it has it too.
        let covers = deepest.is_none_or(|deepest| deepest <= *reaches);
        if !agree || !covers || matches!(found.rate, Rate::Refuse) {
            return Err("no-rate");
        }
        Ok(Some(found.clone()))
    }

    /// The meter that a used one is billed as in the end; `None` for calls where the card has no fee for them.
    fn bills_as(&self, used: &'static str) -> Result<Option<&'static str>, &'static str> {
        let mut meter = used;
        for _ in METERS {
            match self.rate(meter)? {
                Some(Found { rate: Rate::SameAs(other), .. }) => meter = other,
                None if used == "requests" && !self.is_spoken_of("requests") => return Ok(None),
                _ => return Ok(Some(meter)),
            }
        }
        Err("no-rate")
    }

    fn line(&self, meter: &'static str, used: Q) -> Result<Line, &'static str> {
        let found = self.rate(meter)?.ok_or("no-rate")?;
        let mut price = match found.rate {
            Rate::Price(price) => price,
            Rate::NotSold => return Err("not-sold"),
            Rate::SameAs(_) | Rate::Inherit | Rate::Refuse | Rate::Factor(_) => return Err("no-rate"),
        };
        let mut factors: Vec<&str> = Vec::new();
        // Of two schedules that hold, the first that is written.
        match self.period.schedules.iter().find(|s| self.is_in_schedule(s)).map(|s| &s.effect) {
            Some(Effect::Rates(rates, others)) => match self.flat_of(meter, rates, others.as_ref()) {
                Some(Rate::Price(own)) if found.tier.is_none() && found.when.is_none() => price = own,
                Some(Rate::Inherit | Rate::SameAs(_) | Rate::NotSold) => {}
                Some(_) | None => return Err("no-rate"),
            },
            Some(Effect::Factor { factor, meters }) if moves(meters, meter) => factors.push(factor),
            Some(Effect::Factor { .. }) | None => {}
        }
        factors.extend(self.multipliers().filter(|m| moves(&m.meters, meter)).map(|m| m.factor.as_str()));
        self.bill(meter, &price, &factors, used)
    }

    fn bill(&self, meter: &'static str, price: &Price, factors: &[&str], used: Q) -> Result<Line, &'static str> {
        let mut rate = exact(&price.usd);
        for factor in factors {
            rate *= exact(factor);
            if !fits(&rate) {
                return Err("invalid-usage");
            }
        }
        let minimum = price.minimum.as_deref().map_or_else(|| exact("0"), exact);
        let mut quantity = if used < minimum { minimum } else { used };
        if let Some(step) = price.step.as_deref().map(exact) {
            quantity = (&quantity / &step).ceil() * step;
        }
        if !can_multiply(&quantity, &rate) {
            return Err("invalid-usage");
        }
        let usd = as_money(&quantity * &rate / exact(&price.per.to_string())).ok_or("invalid-usage")?;
        Ok(Line { meter, quantity, rate, per: price.per, usd })
    }

    /// Whether the moment lies in a window that began on a day of the schedule.
    fn is_in_schedule(&self, schedule: &Schedule) -> bool {
        if !is_inside(schedule.from, schedule.to, self.at) {
            return false;
        }
        let local = self.at + schedule.zone * 60;
        let today = local.div_euclid(86_400);
        (today - 1..=today).any(|day| {
            let date = Timestamp::from_second(day * 86_400).expect("a day of 2026").to_zoned(TimeZone::UTC);
            let monday_first = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
            let is_a_day =
                schedule.weekdays[monday_first] && !(schedule.spares_holidays && self.file.holidays.contains(&day));
            let is_open = |&(from, to): &(i64, i64)| {
                let minutes = if to > from { to - from } else { to + 1_440 - from };
                let opens = day * 86_400 + from * 60;
                (opens..opens + minutes * 60).contains(&local)
            };
            is_a_day && schedule.windows.iter().any(is_open)
        })
    }
}

/// A set of rates, as it is written.
#[derive(Clone, Copy)]
struct Set<'s> {
    rates: &'s Rates,
    others: Option<&'s Rate>,
    tiers: &'s [Tier],
    is_variant: bool,
}

/// A price times a factor, as a decimal text.
fn by_factor(price: &Price, factor: &str) -> Price {
    let usd = exact(&price.usd) * exact(factor);
    let places = (0..=60).find(|places| (&usd * ten_to(*places)).is_integer()).expect("decimals have decimal products");
    let digits = format!("{:0>width$}", (&usd * ten_to(places)).to_integer(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    Price { usd: if places == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") }, ..price.clone() }
}

/// A rate with its numbers written one way, so that equal ones are equal texts.
fn normal(rate: &Rate) -> Rate {
    let plain = |text: &String| by_factor(&Price { usd: text.clone(), per: 1, minimum: None, step: None }, "1").usd;
    match rate {
        Rate::Price(price) => Rate::Price(Price {
            usd: plain(&price.usd),
            per: price.per,
            minimum: price.minimum.as_ref().map(plain),
            step: price.step.as_ref().map(plain),
        }),
        rate => rate.clone(),
    }
}

/// A factor moves the meters it lists, or all token meters.
fn moves(meters: &[&str], meter: &str) -> bool {
    if meters.is_empty() { METERS.iter().any(|m| m.name == meter && m.is_tokens) } else { meters.contains(&meter) }
}
