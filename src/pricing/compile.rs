//! Turns [`RawFile`]s into checked [`Provider`]s, or into a list of every problem they have.
//!
//! This is where a price file is judged: dates, overlaps, meters, boundaries, references. A file with an error gives
//! no card at all, so that nothing half-read is ever priced.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::card::{
    Alias, Deployment, ExchangeRate, ModelCard, ModelInfo, Multiplier, Price, ProviderHead, Rate, RateCard, Rates,
    Schedule, Source, SourceBasis, Tier, TokenizerRef, Variant, rate_of,
};
use super::problem::{Place, Problem, Severity};
use super::yaml::{
    At, Pairs, Quoted, RawAlias, RawExchange, RawFile, RawMultiplier, RawPeriod, RawPrice, RawRate, RawRates,
    RawSchedule, RawSource, RawSourceRef, RawTier, RawTokenizer, RawVariant, TokenizerBasis, parse,
};
use crate::context::Dimension;
use crate::meter::{Meter, Unit};
use crate::money::{Exact, exact_product};
use crate::period::{Instant, Period};

/// A provider with all of its models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// What its models share.
    pub head: ProviderHead,
    /// Its models, in the order of the files.
    pub models: Vec<ModelCard>,
    /// Exchange rates that its files give.
    pub exchange: Vec<ExchangeRate>,
}

/// A price file in memory.
#[derive(Clone, Debug)]
pub struct PriceFile {
    /// The path, as errors should name it.
    pub path: String,
    /// The content.
    pub text: String,
}

/// What the files are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The table itself: every price needs a source.
    Table,
    /// A user's overlay: prices without a source are the user's own.
    Overlay,
}

/// Looks up a card outside of the files at hand, for `prices_of`.
pub type Elsewhere<'a> = &'a dyn Fn(&str, &str) -> Option<ModelCard>;

/// Reads and checks files together; several files of one provider are its families.
///
/// Returns the providers without an error, and every problem found, in the order of the files.
///
/// # Examples
/// ```
/// use farebox::pricing::compile::{PriceFile, Use, compile};
/// let text = r#"
/// schema: 1
/// provider: acme
/// models:
///   - id: small
///     prices: [{from: 2026-01-01, rates: {input: "-2"}}]
/// "#;
/// let file = PriceFile { path: "acme.yaml".into(), text: text.into() };
/// let (providers, problems) = compile(&[file], Use::Overlay, &|_, _| None);
/// assert!(providers.is_empty());
/// assert_eq!(problems[0].code, "negative-price");
/// ```
#[must_use]
pub fn compile(files: &[PriceFile], role: Use, elsewhere: Elsewhere) -> (Vec<Provider>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut raws: Vec<(&str, RawFile)> = Vec::new();
    for file in files {
        match parse(&file.path, &file.text) {
            Ok(documents) => raws.extend(documents.into_iter().map(|raw| (file.path.as_str(), raw))),
            Err(problem) => problems.push(*problem),
        }
    }
    let mut by_provider: BTreeMap<String, Vec<(&str, RawFile)>> = BTreeMap::new();
    for (path, raw) in raws {
        let id = raw.provider.as_ref().map_or_else(String::new, |p| p.value.clone());
        by_provider.entry(id).or_default().push((path, raw));
    }
    let mut checked: Vec<(Provider, Vec<Loan>, bool)> = Vec::new();
    for (id, files) in by_provider {
        let before = problems.len();
        let (provider, loans) = check_provider(&id, files, role, &mut problems);
        let sound = problems[before..].iter().all(|p| p.severity != Severity::Error);
        checked.push((provider, loans, sound));
    }
    settle_loans(&mut checked, elsewhere, &mut problems);
    let providers = checked.into_iter().filter(|(_, _, sound)| *sound).map(|(provider, _, _)| provider).collect();
    (providers, problems)
}

/// A model that has the prices of another card.
struct Loan {
    path: String,
    place: Place,
    model: usize,
    of: String,
    factor: Option<Exact>,
}

fn settle_loans(checked: &mut [(Provider, Vec<Loan>, bool)], elsewhere: Elsewhere, problems: &mut Vec<Problem>) {
    // A lender must have prices of its own: one pass settles all, and a circle cannot arise.
    let mut lenders: HashMap<(String, String), ModelCard> = HashMap::new();
    for (provider, loans, _) in checked.iter() {
        for (i, model) in provider.models.iter().enumerate() {
            if !loans.iter().any(|l| l.model == i) {
                let key = (provider.head.id.clone(), model.id.clone());
                lenders.insert(key, model.clone());
            }
        }
    }
    for (provider, loans, sound) in checked.iter_mut() {
        for loan in loans.iter() {
            let (lender_provider, lender_id) =
                loan.of.split_once('/').map_or((provider.head.id.as_str(), loan.of.as_str()), |(p, id)| (p, id));
            let own = lenders.get(&(provider.head.id.clone(), loan.of.clone()));
            let other = || lenders.get(&(lender_provider.to_owned(), lender_id.to_owned()));
            let found = own.or_else(other).cloned().or_else(|| elsewhere(lender_provider, lender_id));
            let Some(ModelCard { mut rate_cards, tokenizers, info, .. }) = found else {
                *sound = false;
                problems.push(Problem {
                    code: "unknown-lender",
                    severity: Severity::Error,
                    path: loan.path.clone(),
                    place: loan.place,
                    message: format!("prices_of names {:?}, which has no prices of its own", loan.of),
                    help: Some("name a model with `prices`: its id, or provider/id for another provider's".into()),
                });
                continue;
            };
            if let Some(factor) = loan.factor
                && !rate_cards.iter_mut().all(|card| scale(card, factor))
            {
                *sound = false;
                problems.push(Problem {
                    code: "too-many-digits",
                    severity: Severity::Error,
                    path: loan.path.clone(),
                    place: loan.place,
                    message: format!("a price of {} times {factor} has more digits than a price may have", loan.of),
                    help: Some("write a factor with fewer digits, or the prices themselves".into()),
                });
                continue;
            }
            let model = &mut provider.models[loan.model];
            model.rate_cards = rate_cards;
            model.info.last_listed = model.info.last_listed.or(info.last_listed);
            if model.tokenizers.is_empty() {
                model.tokenizers = tokenizers;
            }
        }
    }
}

/// Multiplies every price; `false` where one has more digits than a price may have.
fn scale(card: &mut RateCard, factor: Exact) -> bool {
    let all = [&mut card.rates].into_iter().chain(card.tiers.iter_mut().map(|t| &mut t.rates));
    let variants = card
        .variants
        .iter_mut()
        .flat_map(|v| [&mut v.rates].into_iter().chain(v.tiers.iter_mut().map(|t| &mut t.rates)));
    for rates in all.chain(variants).chain(card.schedule.iter_mut().map(|s| &mut s.rates)) {
        for (_, rate) in rates.iter_mut() {
            if let Rate::Price(price) = rate {
                let Some(usd) = exact_product(price.usd.0, factor.0) else { return false };
                price.usd = Exact(usd.normalize());
            }
        }
    }
    true
}

fn check_provider(
    id: &str,
    files: Vec<(&str, RawFile)>,
    role: Use,
    problems: &mut Vec<Problem>,
) -> (Provider, Vec<Loan>) {
    let shared = Shared::collect(&files, role, problems);
    let mut provider =
        Provider { head: ProviderHead { id: id.to_owned(), ..ProviderHead::default() }, ..Provider::default() };
    let mut loans = Vec::new();
    let mut seen = Seen::default();
    if let Some((path, raw)) = files.first() {
        let mut checker = Checker { path, problems: &mut *problems, shared: &shared };
        checker.provider_id(raw);
    }
    for (path, raw) in files {
        let mut checker = Checker { path, problems, shared: &shared };
        checker.head(&raw, &mut provider.head);
        provider.exchange.extend(checker.exchange(&raw.exchange));
        for model in raw.models {
            let (id, id_place) = (model.id.value.clone(), model.id.place);
            if let (Some(of), false) = (&model.prices_of, model.prices.is_empty()) {
                checker.error(
                    "two-prices",
                    of.place,
                    "a model has `prices` or `prices_of`, not both".into(),
                    "remove one of the two",
                );
            }
            if model.prices.is_empty() && model.prices_of.is_none() {
                checker.error(
                    "no-prices",
                    id_place,
                    format!("{id} has no prices"),
                    "give it `prices`, or `prices_of` another card",
                );
            }
            if let Some(of) = &model.prices_of {
                let factor = model.factor.map(|Quoted(f)| Exact(f));
                loans.push(Loan {
                    path: path.to_owned(),
                    place: of.place,
                    model: provider.models.len(),
                    of: of.value.clone(),
                    factor,
                });
            } else if model.factor.is_some() {
                checker.error(
                    "factor-alone",
                    id_place,
                    format!("{id} has a factor but no `prices_of`"),
                    "a factor goes with the card it multiplies",
                );
            }
            let aliases = checker.aliases(&model.aliases);
            seen.model(&mut checker, &id, id_place, &aliases);
            let info = ModelInfo {
                kind: model.kind,
                context_window: model.context_window,
                max_output: model.max_output,
                input: model.input,
                output: model.output,
                capabilities: model.capabilities,
                open_weights: model.open_weights,
                released: checker.instant(model.released.as_ref()),
                retired: checker.instant(model.retired.as_ref()),
                last_listed: checker.instant(model.last_listed.as_ref()),
                replacement: model.replacement,
                note: model.note,
            };
            let tokenizers = checker.tokenizers(model.tokenizer);
            let rate_cards = checker.periods(&id, model.prices);
            provider.models.push(ModelCard {
                id,
                aliases: aliases.into_iter().map(|(a, _)| a).collect(),
                info,
                tokenizers,
                rate_cards,
            });
        }
    }
    if provider.head.name.is_empty() {
        id.clone_into(&mut provider.head.name);
    }
    (provider, loans)
}

/// Ids that are taken, each with the time it is.
#[derive(Default)]
struct Seen(HashMap<String, Vec<(Period, String)>>);

impl Seen {
    fn model(&mut self, checker: &mut Checker, id: &str, id_place: Place, aliases: &[(Alias, Place)]) {
        let own = (Alias { id: id.to_owned(), period: Period::default() }, id_place);
        for (alias, at) in std::iter::once(&own).chain(aliases) {
            checker.id(&alias.id, *at);
            let taken = self.0.entry(alias.id.to_lowercase()).or_default();
            if let Some((_, owner)) = taken.iter().find(|(period, _)| period.overlaps(&alias.period)) {
                let message = format!("{:?} already means {owner} at that time", alias.id);
                checker.error(
                    "duplicate-id",
                    *at,
                    message,
                    "give each id to one card at a time; date an alias that moved on both cards",
                );
            }
            taken.push((alias.period, id.to_owned()));
        }
    }
}

/// What the head of a provider says, wherever among its files it stands.
struct Shared {
    role: Use,
    sources: BTreeMap<String, Source>,
    fallbacks: Vec<(Meter, Meter)>,
    calendars: BTreeMap<String, Vec<i64>>,
    credits: Vec<(Period, Decimal)>,
}

impl Shared {
    fn collect(files: &[(&str, RawFile)], role: Use, problems: &mut Vec<Problem>) -> Shared {
        let mut shared = Shared {
            role,
            sources: BTreeMap::new(),
            fallbacks: Vec::new(),
            calendars: BTreeMap::new(),
            credits: Vec::new(),
        };
        for (path, raw) in files {
            let blank = Shared {
                role,
                sources: BTreeMap::new(),
                fallbacks: Vec::new(),
                calendars: BTreeMap::new(),
                credits: Vec::new(),
            };
            let mut checker = Checker { path, problems: &mut *problems, shared: &blank };
            for (name, source) in &raw.sources {
                if let Some(source) = checker.source(source) {
                    shared.sources.insert(name.clone(), source);
                }
            }
            for (name, target) in &raw.fallbacks.0 {
                if let (Some(from), Some(to)) = (checker.meter(name), checker.meter(target)) {
                    checker.same_unit(from, to, target.place);
                    shared.fallbacks.push((from, to));
                }
            }
            for (name, days) in &raw.calendars {
                let days = days.iter().filter_map(|day| checker.day(day)).collect();
                shared.calendars.insert(name.clone(), days);
            }
            for credit in &raw.credits {
                let period = checker.period(credit.from.as_ref(), credit.to.as_ref());
                shared.credits.push((period, credit.usd.0));
            }
        }
        shared
    }
}

struct Checker<'a> {
    path: &'a str,
    problems: &'a mut Vec<Problem>,
    shared: &'a Shared,
}

impl Checker<'_> {
    fn report(&mut self, severity: Severity, code: &'static str, place: Place, message: String, help: &str) {
        let path = self.path.to_owned();
        self.problems.push(Problem { code, severity, path, place, message, help: Some(help.to_owned()) });
    }

    fn error(&mut self, code: &'static str, place: Place, message: String, help: &str) {
        self.report(Severity::Error, code, place, message, help);
    }

    fn warn(&mut self, code: &'static str, place: Place, message: String, help: &str) {
        self.report(Severity::Warning, code, place, message, help);
    }

    fn provider_id(&mut self, raw: &RawFile) {
        let Some(provider) = &raw.provider else {
            let only_exchange = raw.models.is_empty() && raw.multipliers.is_empty() && raw.deployments.0.is_empty();
            if !only_exchange || raw.exchange.0.is_empty() {
                self.error(
                    "no-provider",
                    raw.schema.place,
                    "the file names no provider".into(),
                    "add `provider: …`; only a file of exchange rates needs none",
                );
            }
            return;
        };
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.:".contains(&b);
        if provider.value.is_empty() || !provider.value.bytes().all(allowed) {
            let message = format!("{:?} is no provider id", provider.value);
            self.error("provider-id", provider.place, message, "lower-case letters, digits and - _ . : only");
        }
    }

    fn exchange(&mut self, raw: &Pairs<Vec<RawExchange>>) -> Vec<ExchangeRate> {
        let mut rates: Vec<ExchangeRate> = Vec::new();
        for (currency, list) in &raw.0 {
            if currency.value.len() != 3
                || !currency.value.bytes().all(|b| b.is_ascii_uppercase())
                || currency.value == "USD"
            {
                let message = format!("{:?} is no currency to exchange into", currency.value);
                self.error("currency", currency.place, message, "write its three capital letters, such as EUR");
            }
            for rate in list {
                let period = self.period(rate.from.as_ref(), rate.to.as_ref());
                if rate.per_usd.0.is_zero() {
                    self.error(
                        "bad-exchange",
                        currency.place,
                        "an exchange rate of 0".into(),
                        "give the units of the currency for one US dollar",
                    );
                }
                if rates.iter().any(|r| r.currency == currency.value && r.period.overlaps(&period)) {
                    let place = rate.from.as_ref().map_or(currency.place, |from| from.place);
                    let message = format!("two rates of {} hold at the same time", currency.value);
                    self.error(
                        "overlapping-periods",
                        place,
                        message,
                        "end the earlier period where the later one begins",
                    );
                }
                let (currency, source) = (currency.value.clone(), rate.source.clone());
                rates.push(ExchangeRate { currency, period, per_usd: Exact(rate.per_usd.0), source });
            }
        }
        rates
    }

    fn head(&mut self, raw: &RawFile, head: &mut ProviderHead) {
        if raw.schema.value != 1 {
            let message = format!("schema {} is not known to this farebox, which reads schema 1", raw.schema.value);
            self.error("schema-version", raw.schema.place, message, "write `schema: 1`, or update farebox");
        }
        if let Some(currency) = raw.currency.as_ref().filter(|c| c.value != "USD") {
            let message = format!("prices in {:?} are not known to this farebox", currency.value);
            self.error("currency", currency.place, message, "write the prices in USD");
        }
        if let Some(name) = &raw.name {
            head.name.clone_from(name);
        }
        head.names.extend(raw.names.iter().map(|n| n.value.to_lowercase()));
        head.makes.extend(raw.makes.iter().map(|m| m.to_lowercase()));
        if let Some(role) = raw.role {
            head.role = role;
        }
        if raw.api.is_some() {
            head.api.clone_from(&raw.api);
        }
        for (dimension, values) in &raw.neutral.0 {
            if let Some(dimension) = self.dimension(dimension) {
                head.neutral.push((dimension, values.iter().map(|v| v.to_lowercase()).collect()));
            }
        }
        if let Some(pattern) = &raw.region_id {
            if !pattern.value.contains("{region}") || !pattern.value.contains("{id}") {
                let message = format!("{:?} does not say where region and id go", pattern.value);
                self.error("bad-region-id", pattern.place, message, "write \"{region}/{id}\"");
            }
            head.region_id = Some(pattern.value.clone());
        }
        for (name, deployment) in &raw.deployments.0 {
            let (name, model) = (name.value.to_lowercase(), deployment.model.value.clone());
            let with = self.when(&deployment.with);
            head.deployments.push(Deployment { name, model, with });
        }
        for multiplier in &raw.multipliers {
            let multiplier = self.multiplier(multiplier);
            head.multipliers.push(multiplier);
        }
    }

    fn multiplier(&mut self, raw: &RawMultiplier) -> Multiplier {
        Multiplier {
            when: self.when(&raw.when),
            factor: Exact(raw.factor.0),
            meters: raw.meters.iter().filter_map(|m| self.meter(m)).collect(),
            models: raw.models.iter().map(|m| m.value.clone()).collect(),
            period: self.period(raw.from.as_ref(), raw.to.as_ref()),
        }
    }

    fn instant(&mut self, text: Option<&At<String>>) -> Option<Instant> {
        let text = text?;
        match text.value.parse() {
            Ok(instant) => Some(instant),
            Err(error) => {
                self.error(
                    "bad-date",
                    text.place,
                    format!("{error}"),
                    "dates are UTC days, or instants with their offset",
                );
                None
            }
        }
    }

    fn day(&mut self, text: &At<String>) -> Option<i64> {
        let day: Result<Date, _> = text.value.parse();
        match day {
            Ok(_) => self.instant(Some(text)).map(|at| at.unix().div_euclid(86_400)),
            Err(_) => {
                self.error("bad-date", text.place, format!("{:?} is not a day", text.value), "write 2026-10-01");
                None
            }
        }
    }

    fn period(&mut self, from: Option<&At<String>>, to: Option<&At<String>>) -> Period {
        let period = Period { from: self.instant(from), to: self.instant(to) };
        if let (Some(start), Some(end), Some(text)) = (period.from, period.to, to)
            && start >= end
        {
            let message = format!("the period ends at {end}, before it begins at {start}");
            self.error(
                "empty-period",
                text.place,
                message,
                "`from` is the first moment inside, `to` the first one outside",
            );
        }
        period
    }

    fn source(&mut self, raw: &RawSource) -> Option<Source> {
        let checked = self.instant(Some(&raw.checked))?;
        if !raw.url.starts_with("https://") && !raw.url.starts_with("http://") && self.shared.role == Use::Table {
            self.error(
                "bad-source",
                raw.checked.place,
                format!("{:?} is no address", raw.url),
                "give the page's https address",
            );
        }
        Some(Source { url: raw.url.clone(), checked, basis: raw.basis })
    }

    fn meter(&mut self, name: &At<String>) -> Option<Meter> {
        if let Ok(meter) = name.value.parse() {
            return Some(meter);
        }
        let near = nearest(&name.value, Meter::ALL.iter().map(|m| m.name()));
        let help = format!("did you mean {near:?}? `farebox prices meters` lists them all");
        self.error("unknown-meter", name.place, format!("no meter is called {:?}", name.value), &help);
        None
    }

    fn dimension(&mut self, name: &At<String>) -> Option<Dimension> {
        if let Ok(dimension) = name.value.parse() {
            return Some(dimension);
        }
        let near = nearest(&name.value, Dimension::ALL.iter().map(|d| d.name()));
        let help = format!("did you mean {near:?}? pricing/README.md lists them all");
        self.error("unknown-dimension", name.place, format!("no dimension is called {:?}", name.value), &help);
        None
    }

    fn when(&mut self, raw: &Pairs<String>) -> Vec<(Dimension, String)> {
        raw.0.iter().filter_map(|(d, value)| self.dimension(d).map(|d| (d, value.to_lowercase()))).collect()
    }

    /// An id is what people type and reports print.
    fn id(&mut self, id: &str, place: Place) {
        if id.is_empty() || id.trim() != id || id.chars().any(char::is_control) {
            let help = "an id is not empty, and has no space around it and no control character in it";
            self.error("model-id", place, format!("{id:?} is no id of a model"), help);
        }
    }

    fn aliases(&mut self, raw: &[RawAlias]) -> Vec<(Alias, Place)> {
        let one = |checker: &mut Self, alias: &RawAlias| {
            let period = checker.period(alias.from.as_ref(), alias.to.as_ref());
            (Alias { id: alias.id.value.clone(), period }, alias.id.place)
        };
        raw.iter().map(|alias| one(self, alias)).collect()
    }

    fn tokenizers(&mut self, raw: Option<RawTokenizer>) -> Vec<TokenizerRef> {
        let list = raw.map_or_else(Vec::new, |t| t.0);
        let one = |checker: &mut Self, raw: &super::yaml::RawTokenizerRef| TokenizerRef {
            name: raw.name.value.clone(),
            assumed: raw.basis == Some(TokenizerBasis::Assumed),
            period: checker.period(raw.from.as_ref(), raw.to.as_ref()),
        };
        list.iter().map(|raw| one(self, raw)).collect()
    }

    fn periods(&mut self, id: &str, raw: Vec<RawPeriod>) -> Vec<RateCard> {
        let mut cards: Vec<(RateCard, Place)> = Vec::new();
        for period in raw {
            let at = period.from.as_ref().map_or(period.rates.place, |from| from.place);
            let card = self.rate_card(period);
            if let Some((last, _)) = cards.last() {
                self.neighbours(id, last, &card, at);
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

    fn rate_card(&mut self, raw: RawPeriod) -> RateCard {
        let period = self.period(raw.from.as_ref(), raw.to.as_ref());
        let source = self.source_of(raw.source.as_ref(), raw.rates.place);
        let mut rates = self.rates(&raw.rates.value, period);
        let tiers = self.tiers(&raw.tiers, period);
        let variants = self.variants(&raw.variants, period);
        let schedule = raw.schedule.iter().map(|s| self.schedule(s, period)).collect();
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
        RateCard { period, source: Arc::new(source), note: raw.note, rates, tiers, variants, schedule }
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
        let own = |meter: Meter| set.0.iter().find(|(name, _)| name.value == meter.name()).map(|(_, rate)| &rate.value);
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

    fn same_unit(&mut self, meter: Meter, to: Meter, place: Place) {
        if meter.unit() != to.unit() {
            let message = format!("{meter} cannot bill as {to}, which counts something else");
            self.error("other-unit", place, message, "give it a price of its own");
        }
    }

    /// A schedule changes prices: what is not sold, or bills as another meter, it cannot touch.
    fn check_schedule_rates(&mut self, set: &RawRates, base: &Rates) {
        for (name, rate) in &set.0 {
            let is_price = matches!(rate.value, RawRate::Plain(_) | RawRate::Full(_));
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

    fn source_of(&mut self, raw: Option<&At<RawSourceRef>>, at: Place) -> Source {
        let own = Source { url: self.path.to_owned(), checked: Instant::from_unix(0), basis: SourceBasis::Own };
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
                    let near = nearest(name, self.shared.sources.keys().map(String::as_str));
                    let help = format!("did you mean {near:?}? sources are named at the top of the file");
                    self.error("unknown-source", raw.place, format!("no source is called {name:?}"), &help);
                    own
                }
            },
        }
    }

    fn rates(&mut self, raw: &RawRates, period: Period) -> Rates {
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

    fn tiers(&mut self, raw: &[RawTier], period: Period) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::with_capacity(raw.len());
        for tier in raw {
            let condition = &tier.when.prompt_tokens;
            let text = condition.value.replace([' ', '_'], "");
            let parsed = match (text.strip_prefix(">="), text.strip_prefix('>')) {
                (Some(n), _) => digits(n).map(|n| (n, true)),
                (None, Some(n)) => digits(n).map(|n| (n, false)),
                (None, None) => None,
            };
            let Some((threshold, inclusive)) = parsed else {
                self.error(
                    "bad-tier",
                    condition.place,
                    format!("{:?} is no boundary", condition.value),
                    "write \">200000\" or \">=200000\"",
                );
                continue;
            };
            if tiers.iter().any(|t| t.threshold == threshold) {
                self.error(
                    "repeated-tier",
                    condition.place,
                    format!("two tiers at {threshold}"),
                    "write one tier for each boundary",
                );
            }
            tiers.push(Tier { threshold, inclusive, rates: self.rates(&tier.rates, period) });
        }
        tiers.sort_by_key(|t| t.threshold);
        tiers
    }

    fn variants(&mut self, raw: &[RawVariant], period: Period) -> Vec<Variant> {
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
            let (rates, tiers) = (self.rates(&raw.rates, period), self.tiers(&raw.tiers, period));
            variants.push(Variant { when, rates, tiers });
        }
        variants
    }

    fn schedule(&mut self, raw: &RawSchedule, within: Period) -> Schedule {
        let zone = &raw.zone;
        let zone_minutes = zone_minutes(&zone.value).unwrap_or_else(|| {
            self.error(
                "bad-zone",
                zone.place,
                format!("{:?} is no zone", zone.value),
                "write UTC or an offset such as +08:00",
            );
            0
        });
        let windows = raw.windows.iter().filter_map(|w| {
            let window = window(&w.value);
            if window.is_none() {
                self.error("bad-window", w.place, format!("{:?} is no time of day", w.value), "write \"16:30-00:30\"");
            }
            window
        });
        let windows: Vec<(u16, u16)> = windows.collect();
        if raw.windows.is_empty() {
            self.error(
                "bad-window",
                zone.place,
                "a schedule without a window".into(),
                "write windows: [\"16:30-00:30\"]",
            );
        }
        let weekdays = raw.weekdays.as_ref().map_or(Some([true; 7]), |w| weekdays(&w.value)).unwrap_or_else(|| {
            let text = raw.weekdays.as_ref().map_or("", |w| w.value.as_str());
            let at = raw.weekdays.as_ref().map_or(Place::default(), |w| w.place);
            self.error("bad-weekdays", at, format!("{text:?} names no days"), "write mon-fri, or sat, sun");
            [false; 7]
        });
        let except = raw.except.as_ref().map_or_else(Vec::new, |name| {
            self.shared.calendars.get(&name.value).cloned().unwrap_or_else(|| {
                self.error(
                    "unknown-calendar",
                    name.place,
                    format!("no calendar is called {:?}", name.value),
                    "add it to `calendars` in the head",
                );
                Vec::new()
            })
        });
        let rates = self.rates(&raw.rates, within);
        if raw.factor.is_some() != rates.is_empty() {
            self.error(
                "bad-schedule",
                zone.place,
                "a schedule has either a `factor` or `rates`".into(),
                "write one of the two",
            );
        }
        Schedule {
            windows,
            zone_minutes,
            weekdays,
            except,
            period: self.period(raw.from.as_ref(), raw.to.as_ref()),
            factor: raw.factor.map(|Quoted(f)| Exact(f)),
            meters: raw.meters.iter().filter_map(|m| self.meter(m)).collect(),
            rates,
        }
    }
}

/// Whether a meter has a rate outside of tiers, or in a variant.
fn is_priced(meter: Meter, base: &Rates, variants: &[Variant]) -> bool {
    rate_of(base, meter).is_some() || variants.iter().any(|v| rate_of(&v.rates, meter).is_some())
}

/// The candidate most like a text, for "did you mean".
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    let score = |candidate: &str| strsim::jaro_winkler(candidate, text);
    candidates.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or("")
}

fn zone_minutes(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("utc") || text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let minutes = clock(rest)?;
    (minutes <= 14 * 60).then(|| sign * i32::from(minutes))
}

fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |text: &str| digits(text).filter(|_| text.len() == 2);
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    let total = hours * 60 + minutes;
    u16::try_from(total).ok().filter(|_| minutes < 60 && total <= 24 * 60)
}

/// A whole number in digits alone: Rust's own reading takes a plus sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn window(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    Some((clock(from)?, clock(to)?)).filter(|(from, to)| from != to)
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |name: &str| NAMES.iter().position(|n| name.trim().eq_ignore_ascii_case(n));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (day(from)?, day(to)?);
        let mut at = from;
        loop {
            days[at] = true;
            if at == to {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Some(days)
}
