//! A second engine, slow and plain: prices a request against a made-up file in rational numbers.
//!
//! It follows `pricing/README.md` sentence by sentence and knows nothing of how the real one is built. Where several
//! things are wrong with a request it returns every reason, since which of them is told first is nobody's promise.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use num_rational::BigRational;

use super::file::{Effect, File, METERS, Multiplier, Period, Price, Rate, Rates, Request, Schedule, Tier, When};

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
struct Found<'a> {
    rate: Rate,
    is_in_tier: bool,
    /// What a request must say for it: nothing for the base.
    when: Option<&'a When>,
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
            base.contains_key(meter) || self.period.variants.iter().any(|v| v.rates.contains_key(meter))
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

    /// The highest tier that matches and lists the meter, else the rate outside of tiers.
    fn in_set(&self, meter: &str, rates: &Rates, tiers: &[Tier]) -> Option<(Rate, bool)> {
        let matching = tiers.iter().filter(|t| t.holds(self.prompt_tokens) && t.rates.contains_key(meter));
        match matching.max_by_key(|t| t.threshold) {
            Some(tier) => Some((tier.rates[meter].clone(), true)),
            None => rates.get(meter).map(|rate| (rate.clone(), false)),
        }
    }

    /// The one that names more of what the request says wins, meter by meter; meters not listed keep the base rate.
    fn rate(&self, meter: &str) -> Result<Option<Found<'a>>, &'static str> {
        let base = self.in_set(meter, &self.base(), &self.period.tiers);
        let variants = self.period.variants.iter().filter(|v| self.says(&v.when));
        let listed = variants.filter_map(|v| Some((&v.when, self.in_set(meter, &v.rates, &v.tiers)?)));
        let listed: Vec<(&When, (Rate, bool))> = listed.collect();
        let most = listed.iter().map(|(when, _)| when.len()).max();
        let mut best = listed.into_iter().filter(|(when, _)| Some(when.len()) == most);
        match (best.next(), best.next()) {
            (None, _) => Ok(base.map(|(rate, is_in_tier)| Found { rate, is_in_tier, when: None })),
            // Two that name as much contradict each other.
            (Some(_), Some(_)) => Err("no-rate"),
            (Some((when, (rate, is_in_tier))), None) => {
                // Under a tier, a variant holds only for the tiers that it lists itself.
                if !is_in_tier && base.is_some_and(|(_, is_in_tier)| is_in_tier) {
                    return Err("no-rate");
                }
                Ok(Some(Found { rate, is_in_tier, when: Some(when) }))
            }
        }
    }

    /// The meter that a used one is billed as in the end; `None` for calls where the card has no fee for them.
    fn bills_as(&self, used: &'static str) -> Result<Option<&'static str>, &'static str> {
        let mut meter = used;
        for _ in METERS {
            match self.rate(meter)? {
                Some(Found { rate: Rate::SameAs(other), .. }) => meter = other,
                None if used == "requests" && !self.lists_requests() => return Ok(None),
                _ => return Ok(Some(meter)),
            }
        }
        Err("no-rate")
    }

    fn lists_requests(&self) -> bool {
        let p = self.period;
        let tiers = p.tiers.iter().chain(p.variants.iter().flat_map(|v| &v.tiers)).map(|t| &t.rates);
        let schedules = p.schedules.iter().filter_map(|s| match &s.effect {
            Effect::Rates(rates) => Some(rates),
            Effect::Factor { .. } => None,
        });
        let mut all = tiers.chain(schedules).chain(p.variants.iter().map(|v| &v.rates)).chain([&p.rates]);
        all.any(|rates| rates.contains_key("requests"))
    }

    fn line(&self, meter: &'static str, used: Q) -> Result<Line, &'static str> {
        let found = self.rate(meter)?.ok_or("no-rate")?;
        let mut price = match found.rate {
            Rate::Price(price) => price,
            Rate::NotSold => return Err("not-sold"),
            Rate::SameAs(_) => return Err("no-rate"),
        };
        let mut factors: Vec<&str> = Vec::new();
        // Of two schedules that hold, the first that is written.
        match self.period.schedules.iter().find(|s| self.is_in_schedule(s)).map(|s| &s.effect) {
            Some(Effect::Rates(rates)) => {
                if let Some(Rate::Price(own)) = rates.get(meter) {
                    if found.is_in_tier || found.when.is_some() {
                        return Err("no-rate");
                    }
                    price = own.clone();
                }
            }
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

/// A factor moves the meters it lists, or all token meters.
fn moves(meters: &[&str], meter: &str) -> bool {
    if meters.is_empty() { METERS.iter().any(|m| m.name == meter && m.is_tokens) } else { meters.contains(&meter) }
}
