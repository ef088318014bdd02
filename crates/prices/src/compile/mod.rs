//! Turns [`RawFile`]s into checked [`Provider`]s, or into a list of every problem they have.
//!
//! This is where a price file is judged: dates, overlaps, meters, boundaries, references. A file with an error gives
//! no card at all, so that nothing half-read is ever priced.

mod conditions;
mod rates;
mod schedule;

use super::card::{
    ALWAYS_THINKS, Alias, Deployment, Evidence, ExchangeRate, Fact, FactSource, ModelCard, ModelInfo, Multiplier,
    ProviderHead, Rate, RateCard, Source, TokenizerRef, WindowHolds,
};
use super::problem::{ALLOWABLE_OF_FACTORS, Place, Problem, Severity, render_all};
use super::yaml::{
    At, Moved, NO_WHOLE_NUMBER, Pairs, Parsed, Quoted, RawAlias, RawExchange, RawFile, RawModel, RawMultiplier,
    RawRetired, RawSource, RawTokenizer, TokenizerBasis, parse,
};
use crate::context::Dimension;
use crate::meter::Meter;
use crate::money::{Exact, exact_product};
use crate::period::{Instant, Period};
use crate::similar::did_you_mean;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, HashMap};

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

/// Problems of price files as text, each with the line that it is in.
#[must_use]
pub fn render_problems(problems: &[Problem], files: &[PriceFile]) -> String {
    render_all(problems, |path| files.iter().find(|file| file.path == path).map(|file| file.text.as_str()))
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
pub(crate) type Elsewhere<'a> = &'a dyn Fn(&str, &str) -> Option<ModelCard>;

/// The fallbacks that a provider has outside of the files at hand.
pub(crate) type KnownFallbacks<'a> = &'a dyn Fn(&str) -> Vec<(Meter, Meter)>;

/// Reads and checks files together; several files of one provider are its families.
///
/// Returns the providers without an error, and every problem found, in the order of the files.
///
/// # Examples
/// ```
/// use farebox_prices::compile::{PriceFile, Use, compile};
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
    let (providers, problems) = compile_all(files, role, elsewhere);
    let sound = providers.into_iter().filter(|(_, sound)| *sound);
    (sound.map(|(provider, _)| provider).collect(), problems)
}

/// As [`compile`], with the providers that have an error as well, as far as they can be read, each with whether it is
/// sound. What is not must not be used for a price.
#[must_use]
pub fn compile_all(files: &[PriceFile], role: Use, elsewhere: Elsewhere) -> (Vec<(Provider, bool)>, Vec<Problem>) {
    compile_knowing(files, role, elsewhere, &|_| Vec::new())
}

/// As [`compile_all`] of files that are laid over a table: a card of a provider that the table has keeps the fallbacks of
/// that provider, but for meters that the files' own fallbacks name.
#[must_use]
pub fn compile_over(
    files: &[PriceFile],
    elsewhere: Elsewhere,
    fallbacks: KnownFallbacks,
) -> (Vec<(Provider, bool)>, Vec<Problem>) {
    compile_knowing(files, Use::Overlay, elsewhere, fallbacks)
}

fn compile_knowing(
    files: &[PriceFile],
    role: Use,
    elsewhere: Elsewhere,
    fallbacks: KnownFallbacks,
) -> (Vec<(Provider, bool)>, Vec<Problem>) {
    let parsed: Vec<Parsed> = files.iter().map(|file| parse(&file.path, &file.text)).collect();
    let moved: HashMap<&str, Moved> =
        files.iter().map(|f| f.path.as_str()).zip(parsed.iter().map(|p| p.moved.clone())).collect();
    let mut unread: Vec<Problem> = Vec::new();
    let (mut by_provider, mut incomplete) = (FilesByProvider::new(), Vec::new());
    let mut unread_provider: Vec<&str> = Vec::new();
    for (file, parsed) in files.iter().zip(parsed) {
        if parsed.lost_head {
            let before = incomplete.len();
            incomplete.extend(providers_named_in(&file.text));
            // A provider that is named and cannot be read is not missing.
            unread_provider.extend((incomplete.len() > before).then_some(file.path.as_str()));
        }
        unread.extend(parsed.problems);
        for raw in parsed.files {
            let id = raw.provider.as_ref().map_or_else(String::new, |p| p.value.clone());
            by_provider.entry(id).or_default().push((&file.path, raw));
        }
    }
    let broken = broken_models(&by_provider, &unread, files);
    let mut problems = Vec::new();
    let mut checked: Vec<(Provider, Vec<Loan>, bool)> = Vec::new();
    for (id, files) in by_provider.into_iter().filter(|(id, _)| !incomplete.contains(id)) {
        let before = problems.len();
        let is_read = |path: &str| !unread.iter().any(|problem| problem.path == path);
        let read = files.iter().all(|(path, _)| is_read(path));
        let (provider, loans) = check_provider(&id, files, role, fallbacks(&id), &mut problems);
        let sound = read && problems[before..].iter().all(|p: &Problem| p.severity != Severity::Error);
        checked.push((provider, loans, sound));
    }
    settle_loans(&mut checked, elsewhere, &mut problems);
    problems
        .iter_mut()
        .for_each(|p| p.place = moved.get(p.path.as_str()).map_or(p.place, |moved| moved.original(p.place)));
    // A model that could not be read is missing only here, and what is left of one says nothing.
    problems.retain(|p| p.code != "unknown-lender" || unread.is_empty());
    problems.retain(|p| p.code != "no-provider" || !unread_provider.contains(&p.path.as_str()));
    let is_in_broken =
        |p: &Problem| broken.iter().any(|(path, lines)| *path == p.path && lines.contains(&p.place.line));
    problems.retain(|p| STAND_ALONE.contains(&p.code) || !is_in_broken(p));
    problems.extend(unread);
    let position = |path: &str| files.iter().position(|file| file.path == path);
    problems.sort_by_key(|p| (position(&p.path), p.place));
    (checked.into_iter().map(|(provider, _, sound)| (provider, sound)).collect(), problems)
}

/// Documents by the provider that they are of, each with its path.
type FilesByProvider<'f> = BTreeMap<String, Vec<(&'f str, RawFile)>>;

/// Mistakes of a value that is there, which nothing that was taken out of its model can be the cause of.
const STAND_ALONE: [&str; 13] = [
    "bad-date",
    "bad-region-id",
    "bad-weekdays",
    "bad-zone",
    "duplicate-id",
    "model-id",
    "too-many-digits",
    "unknown-calendar",
    "unknown-dimension",
    "unknown-listing",
    "unknown-meter",
    "unknown-source",
    "unknown-value",
];

/// The lines of models that something was taken out of; a value that was replaced leaves a model to be judged.
fn broken_models(
    by_provider: &FilesByProvider,
    unread: &[Problem],
    files: &[PriceFile],
) -> Vec<(String, std::ops::Range<usize>)> {
    let values = ["float-price", "bad-price", "negative-price", "unknown-value"];
    let is_replaced = |problem: &Problem| values.contains(&problem.code) || problem.message == NO_WHOLE_NUMBER;
    let taken: Vec<&Problem> = unread.iter().filter(|problem| !is_replaced(problem)).collect();
    let mut broken = Vec::new();
    for (path, raw) in by_provider.values().flatten() {
        let in_file: Vec<&&Problem> = taken.iter().filter(|problem| problem.path == *path).collect();
        let Some(file) = files.iter().find(|file| file.path == *path && !in_file.is_empty()) else { continue };
        let lines: Vec<&str> = file.text.lines().collect();
        for model in &raw.models {
            let lines = lines_of_item(&lines, model.id.place.line);
            if in_file.iter().any(|problem| lines.contains(&problem.place.line)) {
                broken.push(((*path).to_owned(), lines));
            }
        }
    }
    broken
}

/// The lines of the item of a list that one of its lines is in, from 1.
fn lines_of_item(lines: &[&str], within: usize) -> std::ops::Range<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_item = |line: &str| line.trim_start().starts_with("- ") || line.trim() == "-";
    let is_dash = |i: &usize| lines.get(*i).is_some_and(|line| is_item(line));
    let Some(first) = (0..within).rev().find(is_dash) else { return within..within + 1 };
    let ends = |i: &usize| {
        let line = lines[*i];
        !line.trim().is_empty() && indent(line) <= indent(lines[first])
    };
    let end = (within.max(first + 1)..lines.len()).find(ends).unwrap_or(lines.len());
    first + 1..end + 1
}

/// The providers that a text names which cannot be read.
fn providers_named_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter_map(|line| line.strip_prefix("provider:")).map(|id| id.trim().to_owned())
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
    known: Vec<(Meter, Meter)>,
    problems: &mut Vec<Problem>,
) -> (Provider, Vec<Loan>) {
    let mut shared = Shared::collect(&files, role, problems);
    let own = shared.fallbacks.clone();
    shared.fallbacks.extend(known.into_iter().filter(|(from, _)| own.iter().all(|(meter, _)| meter != from)));
    let mut provider = Provider {
        head: ProviderHead { id: id.to_owned(), fallbacks: own, ..ProviderHead::default() },
        ..Provider::default()
    };
    let mut loans = Vec::new();
    let mut seen = SeenIds::default();
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
            let fact_sources = checker.fact_sources(&model);
            let info = ModelInfo {
                kind: model.kind,
                context_window: model.context_window,
                window_holds: model.window_holds.map_or_else(WindowHolds::default, |holds| holds.value),
                max_output: model.max_output,
                smallest_cacheable: model.smallest_cacheable.map(|tokens| tokens.value),
                input: model.input,
                output: model.output,
                capabilities: model.capabilities,
                open_weights: model.open_weights,
                released: checker.instant(model.released.as_ref()),
                retired: checker.instant(model.retired.as_ref().map(|retired| &retired.date)),
                retired_source: checker.retired_source(model.retired.as_ref()),
                last_listed: checker.instant(model.last_listed.as_ref()),
                listed: checker.listed(&model.listed_by),
                replacement: model.replacement,
                note: model.note,
                fact_sources,
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
struct SeenIds(HashMap<String, Vec<(Period, String)>>);

impl SeenIds {
    fn model(&mut self, checker: &mut Checker, id: &str, id_place: Place, aliases: &[(Alias, Place)]) {
        let own = (Alias { id: id.to_owned(), ..Alias::default() }, id_place);
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
    /// Names of the sources that drop dead models.
    listings: Vec<String>,
    fallbacks: Vec<(Meter, Meter)>,
    calendars: BTreeMap<String, Vec<i64>>,
    credits: Vec<(Period, Decimal)>,
}

impl Shared {
    fn collect(files: &[(&str, RawFile)], role: Use, problems: &mut Vec<Problem>) -> Shared {
        let mut shared = Shared {
            role,
            sources: BTreeMap::new(),
            listings: Vec::new(),
            fallbacks: Vec::new(),
            calendars: BTreeMap::new(),
            credits: Vec::new(),
        };
        for (path, raw) in files {
            let blank = Shared {
                role,
                sources: BTreeMap::new(),
                listings: Vec::new(),
                fallbacks: Vec::new(),
                calendars: BTreeMap::new(),
                credits: Vec::new(),
            };
            let mut checker = Checker { path, problems: &mut *problems, shared: &blank };
            for (name, source) in &raw.sources {
                if let Some(read) = checker.source(source) {
                    shared.sources.insert(name.clone(), read);
                }
                shared.listings.extend(source.listing.then(|| name.clone()));
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
        self.allowed(&raw.allow, raw.note.as_deref(), ALLOWABLE_OF_FACTORS);
        Multiplier {
            when: self.when(&raw.when),
            factor: Exact(raw.factor.value.0),
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
        let evidence = self.evidence(raw)?;
        Some(Source { url: raw.url.clone(), checked, evidence })
    }

    /// How well a price is known; `basis` is what the key was called before counts had a basis of their own.
    fn evidence(&mut self, raw: &RawSource) -> Option<Evidence> {
        if let Some(old) = &raw.basis {
            let message = "`basis` of a source is called `evidence`".into();
            self.warn("old-key", old.place, message, "rename the key; its values are as they were");
        }
        let evidence = raw.evidence.as_ref().or(raw.basis.as_ref()).map(|evidence| evidence.value);
        if evidence.is_none() {
            let help = "write how well the price is known, such as `evidence: documented`";
            self.error("missing-key", raw.checked.place, "the key `evidence` is missing".into(), help);
        }
        evidence
    }

    /// Where the end of a model was read, where the file says so.
    fn retired_source(&mut self, raw: Option<&RawRetired>) -> Option<Source> {
        let source = raw?.source.as_ref()?;
        Some(self.source_of(Some(source), source.place))
    }

    /// Where the facts of a model were read; in the table, a fact without a source is an error.
    fn fact_sources(&mut self, model: &RawModel) -> Vec<FactSource> {
        let mut known = Vec::new();
        for (name, source) in &model.fact_sources.0 {
            let Some(fact) = Fact::ALL.into_iter().find(|fact| fact.name() == name.value) else {
                let near = did_you_mean(&name.value, Fact::ALL.iter().map(|fact| fact.name()));
                let help = format!("{near}facts with a source are {}", Fact::ALL.map(Fact::name).join(", "));
                self.error("unknown-fact", name.place, format!("no fact is called {:?}", name.value), &help);
                continue;
            };
            if stated(model, fact).is_none() {
                let message = format!("{} has a source for {} and does not say it", model.id.value, fact.name());
                self.error("unstated-fact", name.place, message, "state the fact, or remove its source");
            }
            known.push(FactSource { fact, source: self.source_of(Some(source), name.place) });
        }
        for fact in Fact::ALL.into_iter().filter(|_| self.shared.role == Use::Table) {
            let has_source = model.fact_sources.0.iter().any(|(name, _)| name.value == fact.name());
            if let (Some(place), false) = (stated(model, fact), has_source) {
                let message = format!("{} states {} without a source", model.id.value, fact.name());
                let help = format!("name where it was read: `fact_sources: {{{}: NAME}}`", fact.name());
                self.error("no-source", place, message, &help);
            }
        }
        known
    }

    /// The last day that one of the sources was read which list a model.
    fn listed(&mut self, names: &[At<String>]) -> Option<Instant> {
        names.iter().filter_map(|name| self.listing(name)).max()
    }

    /// The day that a source was read which drops dead models.
    fn listing(&mut self, name: &At<String>) -> Option<Instant> {
        let shared = self.shared;
        if shared.listings.contains(&name.value) {
            return shared.sources.get(&name.value).map(|source| source.checked);
        }
        let near = did_you_mean(&name.value, shared.listings.iter().map(String::as_str));
        let help = format!("{near}a source that drops dead models says `listing: true` in `sources`");
        self.error("unknown-listing", name.place, format!("no listing is called {:?}", name.value), &help);
        None
    }

    fn meter(&mut self, name: &At<String>) -> Option<Meter> {
        if let Ok(meter) = name.value.parse() {
            return Some(meter);
        }
        let near = did_you_mean(&name.value, Meter::ALL.iter().map(|m| m.name()));
        let help = format!("{near}`farebox prices meters` lists them all");
        self.error("unknown-meter", name.place, format!("no meter is called {:?}", name.value), &help);
        None
    }

    fn dimension(&mut self, name: &At<String>) -> Option<Dimension> {
        if let Ok(dimension) = name.value.parse() {
            return Some(dimension);
        }
        let near = did_you_mean(&name.value, Dimension::ALL.iter().map(|d| d.name()));
        let help = format!("{near}pricing/README.md lists them all");
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
            let retired = checker.instant(alias.retired.as_ref());
            (Alias { id: alias.id.value.clone(), period, retired }, alias.id.place)
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
}

/// Where a model states a fact.
fn stated(model: &RawModel, fact: Fact) -> Option<Place> {
    match fact {
        Fact::SmallestCacheable => model.smallest_cacheable.as_ref().map(|tokens| tokens.place),
        Fact::WindowHolds => {
            model.window_holds.as_ref().filter(|holds| holds.value == WindowHolds::Prompt).map(|holds| holds.place)
        }
        Fact::AlwaysThinks => model.capabilities.iter().any(|can| can == ALWAYS_THINKS).then_some(model.id.place),
    }
}

/// A whole number in digits alone: Rust's own reading takes a plus sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(prices: &str, model: &str) -> ModelCard {
        let text = format!(
            "schema: 1\nprovider: acme\nsources:\n  page: {{url: \"https://acme.example\", checked: 2026-11-20, evidence: documented}}\n  api: {{url: \"https://api.acme.example\", checked: 2026-11-22, evidence: single, listing: true}}\n  old: {{url: \"https://old.example\", checked: 2026-01-05, evidence: single, listing: true}}\nmodels:\n  - {{id: one, {model} prices: [{prices}]}}\n"
        );
        let file = PriceFile { path: "acme.yaml".into(), text };
        let (mut providers, problems) = compile(&[file], Use::Overlay, &|_, _| None);
        assert_eq!(problems, []);
        providers.remove(0).models.remove(0)
    }

    #[test]
    fn evidence_begins_with_the_start_else_the_first_sight_else_the_reading() {
        let begins = |prices: &str| card(prices, "").rate_cards[0].evidence_begins().map(|day| day.to_string());
        let rates = "rates: {input: \"1\"}";
        assert_eq!(begins(&format!("{{from: 2024-05-01, source: page, {rates}}}")).unwrap(), "2024-05-01");
        assert_eq!(begins(&format!("{{first_seen: 2025-03-02, source: page, {rates}}}")).unwrap(), "2025-03-02");
        assert_eq!(begins(&format!("{{source: page, {rates}}}")).unwrap(), "2026-11-20");
        assert_eq!(begins(&format!("{{{rates}}}")), None, "a user's own price");
    }

    #[test]
    fn the_last_listing_is_the_latest_day_one_of_the_listings_was_read() {
        let listed = |model: &str| card("{rates: {input: \"1\"}}", model).info.listed.map(|day| day.to_string());
        assert_eq!(listed("listed_by: [api, old],").unwrap(), "2026-11-22");
        assert_eq!(listed("listed_by: [old],").unwrap(), "2026-01-05");
        assert_eq!(listed(""), None);
    }
}
