//! Makes up price files and requests: plain data that can be written as YAML and, apart from that, priced by the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;

/// A meter of the made-up files. A rate of one may bill as another that stands before it and counts alike.
pub struct MeterKind {
    pub name: &'static str,
    pub is_tokens: bool,
    pub is_prompt: bool,
    counts: &'static str,
}

const fn meter(name: &'static str, counts: &'static str, is_prompt: bool) -> MeterKind {
    MeterKind { name, is_tokens: matches!(counts.as_bytes(), b"tokens"), is_prompt, counts }
}

/// In the order of the engine's receipts, so that lines can be compared one by one.
pub const METERS: &[MeterKind] = &[
    meter("input", "tokens", true),
    meter("cache_read", "tokens", true),
    meter("cache_write_1h", "tokens", true),
    meter("output", "tokens", false),
    meter("reasoning", "tokens", false),
    meter("citation_tokens", "tokens", false),
    meter("requests", "things", false),
    meter("web_search", "things", false),
    meter("images", "things", false),
    meter("audio_seconds", "seconds", false),
];

/// What rates may depend on, each with values that a card may know.
pub const DIMENSIONS: &[(&str, &[&str])] = &[
    ("processing", &["batch", "slow"]),
    ("service_tier", &["flex", "priority"]),
    ("region", &["eu", "us"]),
    ("search_context_size", &["low", "high"]),
    ("quality", &["hd"]),
];

/// Values that some files declare to change nothing.
const NEUTRAL: &[(&str, &[&str])] =
    &[("service_tier", &["default", "auto"]), ("region", &["global"]), ("quality", &["standard"])];

/// Rates by meter name.
pub type Rates = BTreeMap<&'static str, Rate>;

/// What a request must say, by dimension.
pub type When = BTreeMap<&'static str, &'static str>;

#[derive(Clone, Debug)]
pub struct File {
    pub neutral: Vec<(&'static str, Vec<&'static str>)>,
    pub fallbacks: Vec<(&'static str, &'static str)>,
    pub holidays: BTreeSet<i64>,
    pub multipliers: Vec<Multiplier>,
    pub periods: Vec<Period>,
}

#[derive(Clone, Debug)]
pub struct Multiplier {
    pub when: When,
    pub factor: String,
    pub meters: Vec<&'static str>,
    /// `None` for all models, else whether the only model is among those it names.
    pub names_the_model: Option<bool>,
    pub from: Option<i64>,
    pub to: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Period {
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub rates: Rates,
    pub tiers: Vec<Tier>,
    pub variants: Vec<Variant>,
    pub schedules: Vec<Schedule>,
}

#[derive(Clone, Debug)]
pub struct Tier {
    pub threshold: u64,
    pub is_inclusive: bool,
    pub rates: Rates,
    pub others: Option<Rate>,
}

#[derive(Clone, Debug)]
pub struct Variant {
    pub when: When,
    pub rates: Rates,
    pub others: Option<Rate>,
    pub tiers: Vec<Tier>,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    /// Minutes of the day; a window that ends before it begins passes midnight.
    pub windows: Vec<(i64, i64)>,
    pub zone: i64,
    /// Monday first.
    pub weekdays: [bool; 7],
    pub spares_holidays: bool,
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub effect: Effect,
}

#[derive(Clone, Debug)]
pub enum Effect {
    Factor { factor: String, meters: Vec<&'static str> },
    Rates(Rates, Option<Rate>),
}

#[derive(Clone, Debug)]
pub enum Rate {
    NotSold,
    SameAs(&'static str),
    Price(Price),
    Inherit,
    Refuse,
    /// On the base rate.
    Factor(String),
}

#[derive(Clone, Debug)]
pub struct Price {
    pub usd: String,
    pub per: u64,
    pub minimum: Option<String>,
    pub step: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub quantities: BTreeMap<&'static str, String>,
    pub said: BTreeMap<&'static str, String>,
    pub at: i64,
    /// Which condition of the file it fulfils as well, if any.
    pub fulfils: Option<prop::sample::Index>,
}

impl File {
    /// The thresholds that a request passes, in any period.
    pub fn tiers_of(&self, request: &Request) -> Vec<bool> {
        let prompt = request.prompt_tokens();
        let tiers = self.periods.iter().flat_map(|p| p.tiers.iter().chain(p.variants.iter().flat_map(|v| &v.tiers)));
        tiers.map(|tier| tier.holds(prompt)).collect()
    }
}

impl Tier {
    /// The shortest prompt in it.
    pub fn first(&self) -> u64 {
        self.threshold.saturating_add(u64::from(!self.is_inclusive))
    }

    pub fn holds(&self, prompt_tokens: u64) -> bool {
        if self.is_inclusive { prompt_tokens >= self.threshold } else { prompt_tokens > self.threshold }
    }
}

impl Request {
    /// Made for this file: half of all requests say what a variant or a factor of it is about.
    pub fn fit(&mut self, file: &File) {
        let variants = file.periods.iter().flat_map(|p| p.variants.iter().map(|v| &v.when));
        let whens: Vec<&When> = variants.chain(file.multipliers.iter().map(|m| &m.when)).collect();
        if let Some(index) = self.fulfils.filter(|_| !whens.is_empty()) {
            self.said.extend(whens[index.index(whens.len())].iter().map(|(d, value)| (*d, (*value).to_owned())));
        }
    }

    pub fn prompt_tokens(&self) -> u64 {
        let prompt = METERS.iter().filter(|m| m.is_prompt).filter_map(|m| self.quantities.get(m.name));
        prompt.fold(0, |sum: u64, quantity| sum.saturating_add(quantity.parse().expect("tokens are whole")))
    }
}

// ---- Made-up requests

/// 2026-01-01, where the made-up periods begin.
const START: i64 = 1_767_225_600;
const HOUR: i64 = 3_600;

pub fn requests() -> impl Strategy<Value = Request> {
    let quantities = prop::collection::btree_map(0..METERS.len(), (any::<u64>(), 0..20_u8), 0..5);
    let said = prop::collection::btree_map(0..DIMENSIONS.len(), (any::<prop::sample::Index>(), any::<bool>()), 1..3);
    let said = prop_oneof![4 => Just(BTreeMap::new()), 1 => said];
    let fulfils = prop::option::of(any::<prop::sample::Index>());
    (quantities, said, moments(), fulfils).prop_map(|(quantities, said, at, fulfils)| {
        let quantities = quantities.into_iter().map(|(m, (n, how))| (METERS[m].name, quantity(&METERS[m], n, how)));
        let said = said.into_iter().map(|(d, (index, is_loud))| {
            let (dimension, known) = DIMENSIONS[d];
            let neutral = NEUTRAL.iter().filter(|(n, _)| *n == dimension).flat_map(|(_, values)| *values);
            let values: Vec<&str> = known.iter().chain(neutral).copied().chain(["odd"]).collect();
            let value = values[index.index(values.len())];
            (dimension, if is_loud { value.to_uppercase() } else { value.to_owned() })
        });
        Request { quantities: quantities.collect(), said: said.collect(), at, fulfils }
    })
}

/// Mostly around the thresholds of tiers, at times nothing, at times more than anybody ever used.
fn quantity(meter: &MeterKind, n: u64, how: u8) -> String {
    let whole = match how {
        0 => 0,
        1 => n,
        2..=4 => THRESHOLDS[usize::try_from(n % 4).unwrap_or(0)].saturating_add(n / 7 % 3).saturating_sub(1),
        5..=9 => n % 10_000_000,
        _ => n % 300,
    };
    match meter.counts {
        "seconds" if how > 12 => format!("{}.{:03}", whole, n % 1_000),
        _ => whole.to_string(),
    }
}

fn moments() -> impl Strategy<Value = i64> {
    let near_the_hour = (-20..24 * 20_i64, -1..=1_i64).prop_map(|(hour, second)| START + hour * HOUR + second);
    prop_oneof![3 => near_the_hour, 2 => START - 20 * HOUR..START + 480 * HOUR]
}

// ---- Made-up files

const THRESHOLDS: &[u64] = &[0, 100, 128, 1_000];

/// Price files that compile, with at most a warning about a gap or a meter of which nothing is said.
pub fn files() -> impl Strategy<Value = File> {
    let neutral = prop::sample::subsequence(NEUTRAL, 0..=NEUTRAL.len());
    let fallbacks = prop::sample::subsequence(
        &[
            ("citation_tokens", "reasoning"),
            ("reasoning", "output"),
            ("cache_write_1h", "cache_read"),
            ("cache_read", "input"),
        ][..],
        0..=3,
    );
    let holidays = prop::collection::btree_set(0..20_i64, 0..4);
    let multipliers = prop::collection::vec(multiplier(), 0..3);
    (neutral, fallbacks, holidays, multipliers, periods()).prop_map(
        |(neutral, fallbacks, holidays, multipliers, periods)| File {
            neutral: neutral.into_iter().map(|(d, values)| (d, values.to_vec())).collect(),
            fallbacks,
            holidays: holidays.into_iter().map(|day| START / (24 * HOUR) + day).collect(),
            multipliers,
            periods,
        },
    )
}

fn periods() -> impl Strategy<Value = Vec<Period>> {
    // Hours at which a price may begin or end; between two of them there may be a gap.
    let hours = prop::collection::btree_set((0..20_i64).prop_map(|day| day * 24), 1..3);
    let odd_hours = prop::collection::btree_set(0..480_i64, 1..4);
    let hours = prop_oneof![1 => hours, 1 => odd_hours];
    let cards = prop::collection::vec((card(), prop::bool::weighted(0.92)), 4);
    (hours, cards, prop::bool::weighted(0.4), prop::bool::weighted(0.8)).prop_map(|(hours, cards, is_old, is_open)| {
        let mut borders: Vec<Option<i64>> = hours.into_iter().map(|hour| Some(START + hour * HOUR)).collect();
        borders.insert(0, if is_old { None } else { Some(START - 6 * HOUR) });
        if is_open || borders.len() < 2 {
            borders.push(None);
        }
        let spans = borders.windows(2).map(|pair| (pair[0], pair[1]));
        let dated = spans.zip(cards).map(|((from, to), (card, is_kept))| (Period { from, to, ..card }, is_kept));
        let all: Vec<(Period, bool)> = dated.collect();
        let kept: Vec<Period> = all.iter().filter(|(_, is_kept)| *is_kept).map(|(p, _)| p.clone()).collect();
        if kept.is_empty() { all.into_iter().map(|(p, _)| p).take(1).collect() } else { kept }
    })
}

fn card() -> impl Strategy<Value = Period> {
    let variants = prop::collection::vec((when(1..3), rates(0..4), tiers(), others(true)), 0..4);
    let schedules = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(schedule(), 1..3)];
    (most_rates(), tiers(), variants, schedules).prop_map(|(rates, tiers, variants, schedules)| {
        let base = settled(rates, None);
        let mut seen = BTreeSet::new();
        let variants = variants.into_iter().filter(|(when, ..)| seen.insert(when.clone()));
        let variants: Vec<Variant> = variants
            .map(|(when, rates, tiers, others)| Variant {
                when,
                rates: settled(rates, Some(&base)),
                others,
                tiers: raised(tiers, &base),
            })
            .collect();
        let schedules = schedules.into_iter().filter_map(|(schedule, rates)| {
            let effect = match schedule.effect {
                Effect::Rates(_, others) => {
                    // A schedule changes prices, and only of what has a price beside it.
                    let is_priced = |name: &str| matches!(base.get(name), Some(Rate::Price(_)));
                    let is_change = |rate: &Rate| !matches!(rate, Rate::NotSold | Rate::SameAs(_));
                    let rates = settled(rates, Some(&base)).into_iter();
                    let rates: Rates = rates.filter(|(m, r)| is_priced(m) && is_change(r)).collect();
                    if rates.is_empty() {
                        return None;
                    }
                    Effect::Rates(rates, others)
                }
                factor @ Effect::Factor { .. } => factor,
            };
            Some(Schedule { effect, ..schedule })
        });
        let schedules = schedules.collect();
        Period { from: None, to: None, tiers: raised(tiers, &base), rates: base, variants, schedules }
    })
}

/// A rate before it is known which other meters have one.
type Draft = BTreeMap<usize, (u8, Price, prop::sample::Index)>;

fn rates(size: std::ops::Range<usize>) -> impl Strategy<Value = Draft> {
    prop::collection::btree_map(0..METERS.len(), (0..20_u8, price(), any::<prop::sample::Index>()), size)
}

/// Rates of nearly all meters, so that most requests have a price.
fn most_rates() -> impl Strategy<Value = Draft> {
    let rate = (0..20_u8, price(), any::<prop::sample::Index>());
    prop::collection::vec(prop::option::weighted(0.9, rate), METERS.len())
        .prop_map(|rates| rates.into_iter().enumerate().filter_map(|(m, rate)| Some((m, rate?))).collect())
        .prop_filter("a period has at least one rate", |draft: &Draft| !draft.is_empty())
}

/// What holds for every meter that a condition does not list.
fn others(may_multiply: bool) -> impl Strategy<Value = Option<Rate>> {
    let multiplied = factor().prop_map(move |by| if may_multiply { Rate::Factor(by) } else { Rate::Inherit });
    prop_oneof![
        1 => Just(None),
        5 => Just(Some(Rate::Inherit)),
        1 => Just(Some(Rate::Refuse)),
        3 => multiplied.prop_map(Some),
    ]
}

/// A tier before it is known which other meters have a rate.
type TierDraft = (u64, bool, Draft, Option<Rate>);

fn tiers() -> impl Strategy<Value = Vec<TierDraft>> {
    let one = (any::<bool>(), rates(0..4), others(false));
    let some = prop::collection::btree_map(prop::sample::select(THRESHOLDS), one, 1..3);
    let draft = |(t, (inclusive, rates, others))| (t, inclusive, rates, others);
    let some = some.prop_map(move |tiers| tiers.into_iter().map(draft).collect());
    prop_oneof![3 => Just(Vec::new()), 2 => some]
}

fn raised(tiers: Vec<TierDraft>, base: &Rates) -> Vec<Tier> {
    let tier = |(threshold, is_inclusive, rates, others)| {
        let mut rates = settled(rates, Some(base));
        // What a factor in a tier multiplies need not be there.
        rates.retain(|_, rate| !matches!(rate, Rate::Factor(_)));
        Tier { threshold, is_inclusive, rates, others }
    };
    tiers.into_iter().map(tier).collect()
}

/// Decides which rates bill as another: only as a meter that stands before them in the base rates and counts alike.
fn settled(draft: Draft, base: Option<&Rates>) -> Rates {
    let mut rates = Rates::new();
    for (m, (how, price, target)) in draft {
        let meter = &METERS[m];
        let priced = base.unwrap_or(&rates);
        let earlier = METERS[..m].iter().filter(|t| t.counts == meter.counts && priced.contains_key(t.name));
        let targets: Vec<&str> = earlier.map(|t| t.name).collect();
        let rate = match how {
            0 => Rate::NotSold,
            1..=3 if !targets.is_empty() => Rate::SameAs(targets[target.index(targets.len())]),
            // Most prices are plain: per million tokens, or per one.
            4..=12 => {
                let per = if meter.is_tokens { 1_000_000 } else { 1 };
                Rate::Price(Price { per, minimum: None, step: None, ..price })
            }
            13 if base.is_some() => Rate::Inherit,
            14 if base.is_some() => Rate::Refuse,
            15 if matches!(base.and_then(|base| base.get(meter.name)), Some(Rate::Price(_))) => {
                Rate::Factor(if price.per % 2 == 0 { "0.5".into() } else { "1.25".into() })
            }
            _ => Rate::Price(price),
        };
        rates.insert(meter.name, rate);
    }
    rates
}

fn price() -> impl Strategy<Value = Price> {
    let per = prop_oneof![
        4 => Just(1_000_000_u64),
        2 => Just(1_000),
        2 => Just(1),
        2 => Just(3_600),
        1 => Just(60),
        1 => Just(1_048_576),
        1 => Just(7),
        1 => 1..100_000_u64,
        1 => any::<u64>().prop_map(|n| n.max(1)),
    ];
    let minimum = prop::option::weighted(0.2, decimal(500, 2));
    let step = prop::option::weighted(
        0.2,
        decimal(70, 2)
            .prop_map(|s| if s.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9']) { s } else { "3".into() }),
    );
    let usd =
        prop_oneof![8 => decimal(10_000, 4), 2 => decimal(1_000_000_000_000_000_000, 18), 1 => Just("0".to_owned())];
    (usd, per, minimum, step).prop_map(|(usd, per, minimum, step)| Price { usd, per, minimum, step })
}

/// Digits below a limit with up to so many of them behind the point; zeros at either end may stand.
fn decimal(limit: u64, places: usize) -> impl Strategy<Value = String> {
    (0..limit, 0..=places).prop_map(|(digits, places)| {
        if places == 0 {
            return digits.to_string();
        }
        let text = format!("{digits:0width$}", width = places + 1);
        let (whole, fraction) = text.split_at(text.len() - places);
        format!("{whole}.{fraction}")
    })
}

fn factor() -> impl Strategy<Value = String> {
    prop_oneof![3 => decimal(300, 2), 1 => Just("1.1".to_owned()), 1 => Just("0.5".to_owned()), 1 => Just("2".to_owned())]
}

fn when(size: std::ops::Range<usize>) -> impl Strategy<Value = When> {
    prop::collection::btree_map(0..DIMENSIONS.len(), any::<prop::sample::Index>(), size).prop_map(|said| {
        let value = |(d, index): (usize, prop::sample::Index)| {
            let (dimension, values) = DIMENSIONS[d];
            (dimension, values[index.index(values.len())])
        };
        said.into_iter().map(value).collect()
    })
}

fn some_meters() -> impl Strategy<Value = Vec<&'static str>> {
    let names: Vec<&'static str> = METERS.iter().map(|m| m.name).collect();
    prop_oneof![1 => Just(Vec::new()), 1 => prop::sample::subsequence(names, 1..4)]
}

fn span() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    let hours = (0..480_i64, 1..480_i64).prop_map(|(from, long)| (START + from * HOUR, START + (from + long) * HOUR));
    (hours, 0..6_u8).prop_map(|((from, to), how)| match how {
        0 => (Some(from), Some(to)),
        1 => (Some(from), None),
        2 => (None, Some(to)),
        _ => (None, None),
    })
}

fn multiplier() -> impl Strategy<Value = Multiplier> {
    let names_the_model = prop_oneof![Just(None), Just(Some(true)), Just(Some(false))];
    (when(0..3), factor(), some_meters(), names_the_model, span()).prop_map(
        |(when, factor, meters, names_the_model, (from, to))| Multiplier {
            when,
            factor,
            meters,
            names_the_model,
            from,
            to,
        },
    )
}

fn schedule() -> impl Strategy<Value = (Schedule, Draft)> {
    let window = (0..96_i64, 1..96_i64).prop_map(|(from, long)| {
        let end = (from + long) * 15;
        (from * 15, if end > 1_440 { end - 1_440 } else { end })
    });
    let zone = prop_oneof![2 => Just(0), 1 => (-56..=56_i64).prop_map(|quarter| quarter * 15)];
    let weekdays = prop_oneof![1 => Just([true; 7]), 1 => any::<[bool; 7]>().prop_map(|d| if d.contains(&true) { d } else { [true; 7] })];
    let effect = (any::<bool>(), factor(), some_meters(), others(true));
    let effect = effect.prop_map(|(is_factor, factor, meters, others)| match is_factor {
        true => Effect::Factor { factor, meters },
        false => Effect::Rates(Rates::new(), others),
    });
    let windows = prop::collection::vec(window, 1..3);
    (windows, zone, weekdays, any::<bool>(), span(), effect, rates(1..4)).prop_map(
        |(windows, zone, weekdays, spares_holidays, (from, to), effect, rates)| {
            (Schedule { windows, zone, weekdays, spares_holidays, from, to, effect }, rates)
        },
    )
}

// ---- As YAML

impl File {
    pub fn to_yaml(&self) -> String {
        let mut out = "schema: 1\nprovider: nobody\n".to_owned();
        let neutral = self.neutral.iter().map(|(d, values)| format!("{d}: [{}]", values.join(", ")));
        line(&mut out, "neutral", &braced(neutral));
        line(&mut out, "fallbacks", &braced(self.fallbacks.iter().map(|(from, to)| format!("{from}: {to}"))));
        let days: Vec<String> = self.holidays.iter().map(|day| instant(day * 24 * HOUR)).collect();
        line(&mut out, "calendars", &format!("{{feasts: [{}]}}", days.join(", ")));
        line(&mut out, "multipliers", &bracketed(self.multipliers.iter().map(multiplier_yaml)));
        out.push_str("models:\n  - id: made-up\n    prices:\n");
        for period in &self.periods {
            let _ = writeln!(out, "      - note: made up{}", span_yaml("\n        ", period.from, period.to));
            for (key, value) in [
                ("rates", rates_yaml(&period.rates)),
                ("tiers", bracketed(period.tiers.iter().map(tier_yaml))),
                ("variants", bracketed(period.variants.iter().map(variant_yaml))),
                ("schedule", bracketed(period.schedules.iter().map(schedule_yaml))),
            ] {
                let _ = writeln!(out, "        {key}: {value}");
            }
        }
        out
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key}: {value}");
}

fn braced(items: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
}

fn bracketed(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// Days as days, other moments with one of two offsets.
fn instant(unix: i64) -> String {
    let at = |seconds: i64| jiff::Timestamp::from_second(seconds).expect("a moment of 2026").to_string();
    match unix.rem_euclid(24 * HOUR) {
        0 => at(unix)[..10].to_owned(),
        rest if rest % (2 * HOUR) == 0 => at(unix + 8 * HOUR).replace('Z', "+08:00"),
        _ => at(unix),
    }
}

fn span_yaml(before: &str, from: Option<i64>, to: Option<i64>) -> String {
    let part = |key: &str, at: Option<i64>| at.map_or_else(String::new, |at| format!("{before}{key}: {}", instant(at)));
    part("from", from) + &part("to", to)
}

fn when_yaml(when: &When) -> String {
    braced(when.iter().map(|(d, value)| format!("{d}: {value}")))
}

fn rates_yaml(rates: &Rates) -> String {
    braced(rates.iter().map(|(meter, rate)| format!("{meter}: {}", rate_yaml(meter, rate))))
}

fn rate_yaml(meter: &str, rate: &Rate) -> String {
    match rate {
        Rate::NotSold => "none".to_owned(),
        Rate::SameAs(other) => format!("={other}"),
        Rate::Inherit => "inherit".to_owned(),
        Rate::Refuse => "{refuse: nobody knows}".to_owned(),
        Rate::Factor(by) => format!("{{factor: \"{by}\"}}"),
        Rate::Price(Price { usd, per: 1_000_000, minimum: None, step: None }) if is_tokens(meter) => {
            format!("\"{usd}\"")
        }
        Rate::Price(price) => {
            let more = |key: &str, value: &Option<String>| {
                value.as_ref().map_or_else(String::new, |v| format!(", {key}: \"{v}\""))
            };
            let (minimum, step) = (more("minimum", &price.minimum), more("step", &price.step));
            format!("{{price: \"{}\", per: {}{minimum}{step}}}", price.usd, price.per)
        }
    }
}

fn others_yaml(others: Option<&Rate>) -> String {
    others.map_or_else(String::new, |rate| format!(", others: {}", rate_yaml("others", rate)))
}

fn is_tokens(name: &str) -> bool {
    METERS.iter().any(|m| m.name == name && m.is_tokens)
}

fn tier_yaml(tier: &Tier) -> String {
    let sign = if tier.is_inclusive { ">=" } else { ">" };
    let (rates, others) = (rates_yaml(&tier.rates), others_yaml(tier.others.as_ref()));
    format!("{{when: {{prompt_tokens: \"{sign}{}\"}}, rates: {rates}{others}}}", tier.threshold)
}

fn variant_yaml(variant: &Variant) -> String {
    let tiers = bracketed(variant.tiers.iter().map(tier_yaml));
    let (rates, others) = (rates_yaml(&variant.rates), others_yaml(variant.others.as_ref()));
    format!("{{when: {}, rates: {rates}{others}, tiers: {tiers}}}", when_yaml(&variant.when))
}

fn multiplier_yaml(multiplier: &Multiplier) -> String {
    let models = match multiplier.names_the_model {
        None => "",
        Some(true) => "other, made-up",
        Some(false) => "other",
    };
    let (when, span) = (when_yaml(&multiplier.when), span_yaml(", ", multiplier.from, multiplier.to));
    let meters = multiplier.meters.join(", ");
    format!("{{when: {when}, factor: \"{}\", meters: [{meters}], models: [{models}]{span}}}", multiplier.factor)
}

fn schedule_yaml(schedule: &Schedule) -> String {
    let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let window = |(from, to): &(i64, i64)| format!("\"{}-{}\"", clock(*from), clock(*to));
    let windows = bracketed(schedule.windows.iter().map(window));
    let zone = match schedule.zone {
        0 => "UTC".to_owned(),
        zone => format!("\"{}{}\"", if zone < 0 { '-' } else { '+' }, clock(zone.abs())),
    };
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let days: Vec<&str> = names.iter().zip(schedule.weekdays).filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let except = if schedule.spares_holidays { ", except: feasts" } else { "" };
    let span = span_yaml(", ", schedule.from, schedule.to);
    let effect = match &schedule.effect {
        Effect::Factor { factor, meters } => format!("factor: \"{factor}\", meters: [{}]", meters.join(", ")),
        Effect::Rates(rates, others) => format!("rates: {}{}", rates_yaml(rates), others_yaml(others.as_ref())),
    };
    format!("{{windows: {windows}, zone: {zone}, weekdays: \"{}\"{except}{span}, {effect}}}", days.join(", "))
}
