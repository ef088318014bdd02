//! What a person should look at in prices that can otherwise be used: [`lint_files`] and [`lint_table`].
//!
//! What cannot be used at all is judged by [`compile`](mod@super::compile); its problems come first here. The questions
//! about one card are in `card.rs`, where each place is found in `places.rs`. A question that has an answer is excepted by
//! `allow: [code]` next to the price, with a note.

mod card;
mod places;

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use self::card::CardExaminer;
use self::places::{ModelPlaces, WrongLines};
use super::card::{ModelCard, ProviderHead, Rate, RateCard, Rates};
use super::compile::{PriceFile, Provider, Use, compile_all, compile_over};
use super::life::life_in_files;
use super::problem::{Problem, Severity};
use super::yaml::{Parsed, parse};
use super::{PriceTable, stated_day};
use crate::context::Dimension;
use crate::period::Instant;

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How many models.
    pub models: usize,
    /// How many prices.
    pub prices: usize,
    /// What was found, in the order of the files.
    pub problems: Vec<Problem>,
}

/// Checks price files, as the table itself is checked: each price needs a source.
///
/// `today` is what ages are counted to; `max_age` is how many days a live price may go unchecked.
#[must_use]
pub(crate) fn lint_files(files: &[PriceFile], table: &PriceTable, today: Instant, max_age: u32) -> Findings {
    let elsewhere = |provider: &str, id: &str| table.card_by_id(provider, id);
    let day = files.iter().find(|f| f.path.ends_with("table.yaml")).and_then(|f| stated_day(&f.text));
    let files: Vec<PriceFile> = files.iter().filter(|f| !f.path.ends_with("table.yaml")).cloned().collect();
    // A file is a part of a table when some file of its provider names sources; otherwise it is an overlay.
    let provider =
        |file: &PriceFile| file.text.lines().find_map(|l| l.strip_prefix("provider:")).map(|p| p.trim().to_owned());
    let sourced: Vec<Option<String>> = files.iter().filter(|f| f.text.contains("\nsources:")).map(provider).collect();
    let (tables, overlays): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| sourced.contains(&provider(f)));
    let mut findings = Findings::default();
    for (group, used_as) in [(tables, Use::Table), (overlays, Use::Overlay)] {
        let (providers, problems) = match used_as {
            Use::Table => compile_all(&group, used_as, &elsewhere),
            Use::Overlay => compile_over(&group, &elsewhere, &|provider| table.fallbacks(provider)),
        };
        let providers: Vec<Provider> = providers.into_iter().map(|(provider, _)| provider).collect();
        let known = Known::of(table, &providers, today, max_age);
        let latest = day.map_or(known.latest, |day| day.max(known.latest));
        let known = Known { day: day.or(known.day), latest, ..known };
        findings.look_at_group((&group, used_as), &providers, &problems, &known);
        findings.problems.extend(problems);
        let positions: HashMap<&str, usize> =
            group.iter().enumerate().rev().map(|(position, file)| (file.path.as_str(), position)).collect();
        findings.problems.sort_by_key(|p| (positions.get(p.path.as_str()).copied(), p.place));
    }
    findings
}

/// Checks the table in this program, overlays included.
#[must_use]
pub(crate) fn lint_table(table: &PriceTable, today: Instant, max_age: u32) -> Findings {
    let mut findings = Findings::default();
    let known = Known::of(table, &[], today, max_age);
    for (head, card) in table.cards() {
        findings.look_at(&known, &ModelPlaces::bundled(&head.id), &head, &card);
    }
    let cards: Vec<_> = table.cards().collect();
    let cards = cards.iter().map(|(head, card)| (head.as_ref(), card.as_ref(), ModelPlaces::bundled(&head.id)));
    card::siblings(cards.collect(), &known, &mut findings.problems);
    findings
}

/// What cards are held against.
pub(super) struct Known<'a> {
    table: &'a PriceTable,
    today: Instant,
    /// The day of the table that the cards are of.
    day: Option<Instant>,
    /// Whether the cards are the table's own rather than those of files.
    is_bundled: bool,
    /// The latest day that evidence can be of: today, or the table's own day where that is later.
    latest: Instant,
    max_age: u32,
    /// `provider/id` of every card and alias of the files.
    ids: HashSet<String>,
    /// The values that each dimension has more than once in the table.
    values: HashMap<Dimension, Vec<String>>,
}

impl<'a> Known<'a> {
    fn of(table: &'a PriceTable, providers: &[Provider], today: Instant, max_age: u32) -> Self {
        let ids = providers.iter().flat_map(|provider| {
            let names =
                provider.models.iter().flat_map(|m| std::iter::once(&m.id).chain(m.aliases.iter().map(|a| &a.id)));
            names.map(|id| format!("{}/{}", provider.head.id, id.to_lowercase()))
        });
        let latest = table.day().map_or(today, |day| day.max(today));
        let is_bundled = providers.is_empty();
        let (day, ids) = (table.day(), ids.collect());
        Known { table, today, day, is_bundled, latest, max_age, ids, values: values_in_use(table) }
    }

    /// Whether a card can be bought today, by the same rule as everywhere.
    fn is_live(&self, head: &ProviderHead, card: &ModelCard) -> bool {
        let life = match self.is_bundled {
            true => self.table.life(head, card, self.today),
            false => life_in_files(card, self.day, self.today),
        };
        life.is_live()
    }

    /// Whether some card has an id, at a provider or anywhere.
    fn has(&self, provider: &str, id: &str) -> bool {
        let (full, id) = (format!("{provider}/{}", id.to_lowercase()), id.to_lowercase());
        self.ids.contains(&full)
            || self.ids.contains(&id)
            || self.table.get(&full, self.today).is_some()
            || self.table.get(&id, self.today).is_some()
    }
}

/// The values of conditions that at least two variants of the table have: one alone may be a slip.
fn values_in_use(table: &PriceTable) -> HashMap<Dimension, Vec<String>> {
    let mut counts: HashMap<(Dimension, String), usize> = HashMap::new();
    for (_, card) in table.cards() {
        let variants = card.rate_cards.iter().flat_map(|rates| &rates.variants);
        for (dimension, value) in variants.flat_map(|variant| &variant.when) {
            *counts.entry((*dimension, value.clone())).or_default() += 1;
        }
    }
    let mut values: HashMap<Dimension, Vec<String>> = HashMap::new();
    for ((dimension, value), count) in counts {
        if count > 1 {
            values.entry(dimension).or_default().push(value);
        }
    }
    values.values_mut().for_each(|list| list.sort());
    values
}

impl Findings {
    fn look_at_group(
        &mut self,
        (group, used_as): (&[PriceFile], Use),
        providers: &[Provider],
        wrong: &[Problem],
        known: &Known,
    ) {
        let parsed: Vec<(&PriceFile, Parsed)> =
            group.iter().map(|file| (file, parse(&file.path, &file.text))).collect();
        for (file, parsed) in &parsed {
            self.sources(&file.path, parsed, known.latest);
            self.factors(&file.path, parsed, used_as);
        }
        let places = places::by_model(&parsed);
        let wrong = WrongLines::of(wrong);
        let mut sound = Vec::new();
        for (provider, model) in providers.iter().flat_map(|p| p.models.iter().map(move |m| (p, m))) {
            let Some(place) = places.get(&(provider.head.id.as_str(), model.id.as_str())) else { continue };
            // What could not be read was replaced by something: questions about that are of no use.
            if !place.is_among(&wrong) {
                self.look_at(known, place, &provider.head, model);
                sound.push((&provider.head, model, place.clone()));
            }
        }
        card::siblings(sound, known, &mut self.problems);
    }

    /// Sources that were read on a day that has not come.
    fn sources(&mut self, path: &str, parsed: &Parsed, latest: Instant) {
        for (name, source) in parsed.files.iter().flat_map(|raw| &raw.sources) {
            let checked: Option<Instant> = source.checked.value.parse().ok();
            if let Some(checked) = checked.filter(|day| *day > latest) {
                self.problems.push(Problem {
                    code: "checked-in-future",
                    severity: Severity::Error,
                    path: path.to_owned(),
                    place: source.checked.place,
                    message: format!("source {name} was checked on {checked}, which is later than {latest}"),
                    help: Some("write the day of the evidence in `checked`".into()),
                });
            }
        }
    }

    /// Factors that hold since the beginning, as far as the file says. A user's own may be meant so.
    fn factors(&mut self, path: &str, parsed: &Parsed, used_as: Use) {
        let severity = if used_as == Use::Table { Severity::Warning } else { Severity::Note };
        for (raw, factor) in parsed.files.iter().flat_map(|raw| raw.multipliers.iter().map(move |factor| (raw, factor)))
        {
            let is_answered = factor.allow.iter().any(|code| code.value == "undated-factor");
            if factor.from.is_some() || factor.factor.value.0 == Decimal::ONE || is_answered {
                continue;
            }
            let provider = raw.provider.as_ref().map_or("", |id| id.value.as_str());
            let when: Vec<String> =
                factor.when.0.iter().map(|(name, value)| format!("{}={value}", name.value)).collect();
            let when = if when.is_empty() { String::new() } else { format!(" for {}", when.join(", ")) };
            let help = "write its start in `from`; if no source gives one, write `allow: [undated-factor]` and a `note` next to it";
            self.problems.push(Problem {
                code: "undated-factor",
                severity,
                path: path.to_owned(),
                place: factor.factor.place,
                message: format!(
                    "{provider}: the factor {}{when} has no start, so it holds for all of the past",
                    factor.factor.value.0
                ),
                help: Some(help.into()),
            });
        }
    }

    fn look_at(&mut self, known: &Known, places: &ModelPlaces, head: &ProviderHead, card: &ModelCard) {
        self.models += 1;
        self.prices += card.rate_cards.iter().map(price_count).sum::<usize>();
        CardExaminer { known, places, head, card, problems: &mut self.problems }.examine();
    }
}

fn price_count(card: &RateCard) -> usize {
    let count = |rates: &Rates| rates.iter().filter(|(_, r)| matches!(r, Rate::Price(_))).count();
    let variants =
        card.variants.iter().map(|v| count(&v.rates) + v.tiers.iter().map(|t| count(&t.rates)).sum::<usize>());
    count(&card.rates)
        + card.tiers.iter().map(|t| count(&t.rates)).sum::<usize>()
        + variants.sum::<usize>()
        + card.schedule.iter().map(|s| count(&s.rates)).sum::<usize>()
}
