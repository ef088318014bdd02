//! The questions about one card, and about cards that should resemble each other.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Known;
use super::places::ModelPlaces;
use crate::context::Dimension;
use crate::meter::{Meter, Unit};
use crate::period::Instant;
use crate::pricing::card::{Evidence, Kind, ModelCard, Price, ProviderHead, Rate, RateCard, Rates, rate_of};
use crate::pricing::problem::{Place, Problem, Severity};
use crate::similar::did_you_mean;

/// A price per million tokens from here on is a slip more often than a price: the most expensive model costs 600.
const MOST_PER_MILLION: Decimal = Decimal::ONE_THOUSAND;
/// A price per million tokens below this is one of a thousand, or of a single token, more often than it is meant.
const LEAST_PER_MILLION: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// Looks at one card.
pub(super) struct CardExaminer<'a> {
    pub known: &'a Known<'a>,
    pub places: &'a ModelPlaces<'a>,
    pub head: &'a ProviderHead,
    pub card: &'a ModelCard,
    pub problems: &'a mut Vec<Problem>,
}

/// What a question says.
struct Question {
    code: &'static str,
    severity: Severity,
    place: Place,
    message: String,
    help: String,
}

impl CardExaminer<'_> {
    pub(super) fn examine(&mut self) {
        self.tokenizers();
        self.life();
        if !self.places.has_own_prices() {
            return;
        }
        self.age();
        for (i, rates) in self.card.rate_cards.iter().enumerate() {
            self.sources(i, rates);
            self.magnitudes(i, rates);
            self.base(i, rates);
            self.tiers(i, rates);
            self.variants(i, rates);
        }
        for (i, pair) in self.card.rate_cards.windows(2).enumerate() {
            if let [before, after] = pair {
                self.jump(i + 1, before, after);
            }
        }
    }

    fn full_id(&self) -> String {
        format!("{}/{}", self.head.id, self.card.id)
    }

    fn ask(&mut self, question: Question) {
        let Question { code, severity, place, message, help } = question;
        let message = format!("{}: {message}", self.full_id());
        let path = self.places.path.clone();
        self.problems.push(Problem { code, severity, path, place, message, help: Some(help) });
    }

    /// Asks about a period, unless it says that the answer is yes.
    fn ask_period(&mut self, rates: &RateCard, code: &'static str, place: Place, message: String, help: &str) {
        if rates.allow.iter().any(|allowed| allowed == code) {
            return;
        }
        let help = format!("{help}; if it is right, write `allow: [{code}]` and a `note` next to it");
        self.ask(Question { code, severity: Severity::Warning, place, message, help });
    }

    fn tokenizers(&mut self) {
        for tokenizer in &self.card.tokenizers {
            if !crate::tokenizer::is_known(&tokenizer.name) {
                let near = did_you_mean(&tokenizer.name, crate::tokenizer::names());
                self.ask(Question {
                    code: "unknown-tokenizer",
                    severity: Severity::Warning,
                    place: self.places.model(),
                    message: format!("no tokenizer is called {:?}", tokenizer.name),
                    help: format!("{near}`farebox tokenizers` lists them all"),
                });
            }
        }
    }

    fn life(&mut self) {
        let info = &self.card.info;
        if let (Some(released), Some(retired)) = (info.released, info.retired)
            && retired <= released
        {
            self.ask(Question {
                code: "retired-before-released",
                severity: Severity::Error,
                place: self.places.retired(),
                message: format!("it retires on {retired} and is released on {released}"),
                help: "correct one of the two days".into(),
            });
        }
        if let Some(replacement) = info.replacement.clone()
            && !self.known.has(&self.head.id, &replacement)
        {
            self.ask(Question {
                code: "unknown-replacement",
                severity: Severity::Warning,
                place: self.places.model(),
                message: format!("no model is called {replacement:?}, which replaces it"),
                help: "give an id of this provider, or provider/id of another".into(),
            });
        }
    }

    /// A live price whose evidence is old; a note where a source lists the model still, or says when it ends.
    fn age(&mut self) {
        let (today, max_age) = (self.known.today, i64::from(self.known.max_age));
        let days = |from: Instant| (today.unix() - from.unix()).div_euclid(86_400);
        let alive = self.known.is_live(self.head, self.card);
        let Some(at) = self.card.rate_cards.iter().rposition(|card| card.period.contains(today)).filter(|_| alive)
        else {
            return;
        };
        let source = &self.card.rate_cards[at].source;
        let age = days(source.checked);
        if age > max_age && source.evidence != Evidence::Own {
            let info = &self.card.info;
            let is_known = info.retired.is_some() || info.listed.is_some_and(|listed| days(listed) <= max_age);
            self.ask(Question {
                code: "stale",
                severity: if is_known { Severity::Note } else { Severity::Warning },
                place: self.places.source(at),
                message: format!("the evidence for this price is {age} days old"),
                help: "look at the source and write the new day in `checked`".into(),
            });
        }
    }

    fn sources(&mut self, period: usize, rates: &RateCard) {
        let (checked, latest) = (rates.source.checked, self.known.latest);
        // The head says it of sources that have a name.
        if checked > latest && rates.source.evidence != Evidence::Own && !self.places.names_source(period) {
            self.ask(Question {
                code: "checked-in-future",
                severity: Severity::Error,
                place: self.places.source(period),
                message: format!("its source was checked on {checked}, which is later than {latest}"),
                help: "write the day of the evidence in `checked`".into(),
            });
        }
    }

    fn magnitudes(&mut self, period: usize, rates: &RateCard) {
        let sets = std::iter::once(&rates.rates).chain(rates.tiers.iter().map(|t| &t.rates));
        let sets = sets.chain(
            rates.variants.iter().flat_map(|v| std::iter::once(&v.rates).chain(v.tiers.iter().map(|t| &t.rates))),
        );
        let odd: Vec<(Meter, Decimal)> = sets.flatten().filter_map(|(meter, rate)| odd_size(*meter, rate)).collect();
        if let Some((meter, usd)) = odd.first() {
            let message = format!("{meter} costs {usd} per million tokens");
            let help = "look whether the price is of a million tokens";
            self.ask_period(rates, "magnitude", self.places.rate(period, *meter), message, help);
        }
    }

    fn base(&mut self, period: usize, card: &RateCard) {
        self.cache_reads(card, &card.rates, self.places.rate(period, Meter::CacheRead), "");
        let writes_text = matches!(self.card.info.kind, Kind::Chat | Kind::Completion);
        if let (Some(input), Some(output)) = (price(&card.rates, Meter::Input), price(&card.rates, Meter::Output))
            && output < input
            && writes_text
        {
            let message = format!("output costs {output}, less than input, {input}");
            let place = self.places.rate(period, Meter::Output);
            self.ask_period(card, "output-below-input", place, message, "look whether the two are swapped");
        }
    }

    fn cache_reads(&mut self, card: &RateCard, rates: &Rates, place: Place, under: &str) {
        if let (Some(input), Some(read)) = (price(rates, Meter::Input), price(rates, Meter::CacheRead))
            && read > input
        {
            let message = format!("cache_read costs {read}{under}, more than input, {input}");
            self.ask_period(card, "cache-read-above-input", place, message, "a cached token is not more expensive");
        }
    }

    fn tiers(&mut self, period: usize, card: &RateCard) {
        for tier in &card.tiers {
            let place = self.places.tier(period, tier.threshold);
            self.cache_reads(card, &tier.rates, place, " in a tier");
            let below = compared(&card.rates, &tier.rates).find(|(_, base, tier)| tier < base);
            if let Some((meter, base, usd)) = below {
                let message = format!("{meter} costs {usd} in a tier of long prompts, less than outside of it, {base}");
                self.ask_period(card, "tier-below-base", place, message, "look whether the tier is of this meter");
            }
        }
    }

    fn variants(&mut self, period: usize, card: &RateCard) {
        for (i, variant) in card.variants.iter().enumerate() {
            let place = self.places.variant(period, i);
            let when: Vec<String> = variant.when.iter().map(|(d, value)| format!("{d}={value}")).collect();
            let when = when.join(", ");
            self.cache_reads(card, &variant.rates, place, &format!(" under {when}"));
            for (dimension, value) in &variant.when {
                self.condition(card, *dimension, value, place);
            }
            let has = |dimension, values: &[&str]| {
                variant.when.iter().any(|(d, v)| *d == dimension && values.contains(&v.as_str()))
            };
            let cheap = has(Dimension::Processing, &["batch"]) || has(Dimension::ServiceTier, &["flex"]);
            let fast =
                has(Dimension::ServiceTier, &["priority", "fast", "ultrafast"]) || has(Dimension::Speed, &["fast"]);
            for (meter, base, usd) in compared(&card.rates, &variant.rates) {
                let found = match (cheap && usd > base, fast && usd < base) {
                    (true, _) => ("discount-above-base", "more"),
                    (_, true) => ("priority-below-base", "less"),
                    _ => continue,
                };
                let message = format!("{meter} costs {usd} under {when}, {} than without, {base}", found.1);
                self.ask_period(card, found.0, place, message, "look whether the rates are of this condition");
                break;
            }
        }
    }

    /// A value that no other card has, and that is near one that many have, or is of a dimension whose values are few.
    fn condition(&mut self, card: &RateCard, dimension: Dimension, value: &str, place: Place) {
        let few = [Dimension::Processing, Dimension::ServiceTier, Dimension::Speed, Dimension::SearchContextSize];
        let known = self.known.values.get(&dimension).map_or(&[][..], Vec::as_slice);
        let neutral = self.head.neutral.iter().any(|(d, values)| *d == dimension && values.iter().any(|v| v == value));
        if known.iter().any(|k| k == value) || neutral || value == "any" {
            return;
        }
        // 720p is not a misspelt 1080p.
        let words = known.iter().map(String::as_str).filter(|k| k.chars().all(char::is_alphabetic));
        let near = if value.chars().all(char::is_alphabetic) { did_you_mean(value, words) } else { String::new() };
        if !near.is_empty() || few.contains(&dimension) {
            let help = format!("{near}{dimension} is one of {}", known.join(", "));
            self.ask_period(card, "unknown-condition", place, format!("no other card has {dimension}={value}"), &help);
        }
    }

    fn jump(&mut self, period: usize, before: &RateCard, after: &RateCard) {
        let jump = compared(&before.rates, &after.rates).find(|(_, from, to)| is_jump(*from, *to));
        if let Some((meter, from, to)) = jump.filter(|_| after.note.is_none()) {
            let message = format!("{meter} goes from {from} to {to} at {}", after.period);
            let help = "a change by a factor of 10 or more needs a `note` that says it is meant";
            self.ask(Question {
                code: "jump",
                severity: Severity::Warning,
                place: self.places.rate(period, meter),
                message,
                help: help.into(),
            });
        }
    }
}

/// A card with its provider and its place in the files.
pub(super) type PlacedCard<'a> = (&'a ProviderHead, &'a ModelCard, ModelPlaces<'a>);

/// Asks about models of one name whose prices are far apart, such as an alias with a card of its own and a dated twin.
pub(super) fn siblings(cards: Vec<PlacedCard>, known: &Known, problems: &mut Vec<Problem>) {
    let mut families: BTreeMap<(&str, String), Vec<PlacedCard>> = BTreeMap::new();
    for (head, card, places) in cards {
        families.entry((&head.id, stem(&card.id))).or_default().push((head, card, places));
    }
    for family in families.into_values() {
        let priced = |card: &ModelCard| {
            card.rates_at(known.today).and_then(|r| Some((price(&r.rates, Meter::Input)?, r.allow.clone())))
        };
        let Some((first, (least, _))) =
            family.iter().filter_map(|m| Some((m.1, priced(m.1)?))).min_by_key(|(_, (usd, _))| *usd)
        else {
            continue;
        };
        for (head, card, places) in &family {
            let Some((usd, allow)) = priced(card).filter(|(usd, _)| is_jump(least, *usd)) else { continue };
            if allow.iter().any(|code| code == "sibling-jump") {
                continue;
            }
            problems.push(Problem {
                code: "sibling-jump",
                severity: Severity::Warning,
                path: places.path.clone(),
                place: places.model(),
                message: format!("{}/{}: input costs {usd}, and {least} at {}", head.id, card.id, first.id),
                help: Some("look which of the two is right; if both are, write `allow: [sibling-jump]` and a `note` next to it".into()),
            });
        }
    }
}

/// An id without the date of a snapshot or `-latest`.
fn stem(id: &str) -> String {
    let is_part_of_day = |part: &str| part == "latest" || (part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit()));
    let parts: Vec<&str> = id.split('-').collect();
    let end = parts.iter().rposition(|part| !is_part_of_day(part)).map_or(parts.len(), |i| i + 1);
    parts[..end].join("-")
}

/// The price of a million, or of one of what is not tokens.
fn price(rates: &Rates, meter: Meter) -> Option<Decimal> {
    match rate_of(rates, meter)? {
        Rate::Price(price) => scaled(meter, price),
        _ => None,
    }
}

fn scaled(meter: Meter, price: &Price) -> Option<Decimal> {
    let of = if meter.unit() == Unit::Tokens { Decimal::from(1_000_000) } else { Decimal::ONE };
    Some(price.usd.0.checked_mul(of)?.checked_div(price.per.into())?.normalize())
}

/// The meters that both sets have a price of.
fn compared<'a>(base: &'a Rates, other: &'a Rates) -> impl Iterator<Item = (Meter, Decimal, Decimal)> + 'a {
    other.iter().filter_map(move |(meter, _)| Some((*meter, price(base, *meter)?, price(other, *meter)?)))
}

fn odd_size(meter: Meter, rate: &Rate) -> Option<(Meter, Decimal)> {
    let Rate::Price(price) = rate else { return None };
    let usd = scaled(meter, price).filter(|_| meter.unit() == Unit::Tokens)?;
    let is_odd = usd >= MOST_PER_MILLION || (!usd.is_zero() && usd < LEAST_PER_MILLION);
    is_odd.then_some((meter, usd))
}

/// Whether two prices differ by a factor of 10 or more; from free to not free is not a jump.
fn is_jump(a: Decimal, b: Decimal) -> bool {
    let (small, large) = (a.min(b), a.max(b));
    !small.is_zero() && small.checked_mul(Decimal::TEN).is_some_and(|tenfold| tenfold <= large)
}
