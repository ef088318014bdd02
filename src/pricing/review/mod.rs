//! What any number of public databases say against the table, as one list to decide on: [`review`].
//!
//! A price that two databases of different formats give, and none contradicts, is agreed: [`mod@edit`] can write it into
//! the price files as a dated period. Everything else is for a person: prices that one database alone gives, prices
//! that databases differ on, changes by a factor of 10, models that are new, and models that are no longer listed.
//! Nothing here reads or writes a file.

pub mod edit;
pub mod raise;

mod block;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::PriceTable;
use crate::pricing::card::{ModelCard, Price};
use crate::pricing::compile::PriceFile;
use crate::pricing::import::compare::{Index, in_force};
use crate::pricing::import::{
    Condition, Database, DatabaseFormat, Fact, ListedModel, facts_of, more_than_ninety_percent, on_the_same_scale,
};
use crate::pricing::yaml::{At, RawFile, parse};

/// A database with the day that its evidence is of.
#[derive(Clone, Debug)]
pub struct ReviewSource {
    /// The file, as the user named it.
    pub name: String,
    /// What it says.
    pub database: Database,
    /// The day it was made.
    pub day: Instant,
}

farebox_data::names! {
    /// What a review found about a model, what can be accepted first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum ReviewClass "is not a class of a review" {
        Agreed "agreed" "Two databases give another price, and none contradicts them";
        Disputed "disputed" "Databases give different prices, or one of them gives the table's";
        Single "single" "One database alone gives another price";
        Implausible "implausible" "A price is a tenth of the table's or less, or ten times as much or more";
        New "new" "The table does not have the model";
        Gone "gone" "No database lists the model that listed it before";
    }
}

/// What was found about one model.
#[derive(Clone, Debug)]
pub struct ReviewItem {
    /// What can be done about it.
    pub class: ReviewClass,
    /// The provider's id.
    pub provider: String,
    /// The model's id: the table's where it has the model.
    pub model: String,
    /// The prices that differ; of a new model, all of them; of one that is gone, none.
    pub prices: Vec<ReviewedPrice>,
    /// The databases that it is about, by the user's names.
    pub sources: Vec<String>,
    /// The latest day of these.
    pub day: Instant,
    /// What the databases say of a new model, apart from prices.
    pub listed: Option<ListedModel>,
    /// The format that a new price is written after.
    pub format: Option<DatabaseFormat>,
}

impl ReviewItem {
    /// `provider/model`: what it is accepted by.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// A price that some database gives otherwise than the table.
#[derive(Clone, Debug)]
pub struct ReviewedPrice {
    /// What is billed.
    pub meter: Meter,
    /// What must hold of the request.
    pub condition: Condition,
    /// The price in the table.
    pub here: Option<Price>,
    /// The prices in the databases, by the user's names.
    pub there: Vec<(String, Price)>,
    /// The day since when it holds, where a database says so.
    pub from: Option<Instant>,
}

/// What a review found.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// By class, provider and model.
    pub items: Vec<ReviewItem>,
    /// How many models of the table some database lists.
    pub compared: usize,
    /// Which database lists which model of the table, and whether it gives its prices.
    pub seen: Vec<Seen>,
    /// What the databases say that the table has no place for, and a person has to look at.
    pub unplaced: Vec<Unplaced>,
    /// What to know about the databases.
    pub notes: Vec<String>,
}

/// A model of the table in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The provider's id.
    pub provider: String,
    /// The model's id in the table.
    pub model: String,
    /// Which of the databases.
    pub source: usize,
    /// Whether it gives every price of a request that states nothing, and none otherwise than the table.
    pub confirms: bool,
}

/// Prices of a model of the table that are not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// `provider/model`.
    pub id: String,
    /// The database, by the user's name.
    pub source: String,
    /// What they are.
    pub what: String,
}

/// What the databases say of one card: each fact by the database's place in the list.
type Listed<'d> = BTreeMap<usize, &'d ListedModel>;

/// The addresses of the sources that list each model, by provider and id: `listed_by` of the price files.
pub type Listings = HashMap<(String, String), Vec<String>>;

/// Who lists each model of price files.
#[must_use]
pub fn listings(files: &[PriceFile]) -> Listings {
    let parsed: Vec<RawFile> = files.iter().flat_map(|file| parse(&file.path, &file.text).files).collect();
    let provider = |raw: &RawFile| raw.provider.as_ref().map_or_else(String::new, |id| id.value.clone());
    let sources = parsed.iter().flat_map(|raw| {
        raw.sources.iter().map(move |(name, source)| ((provider(raw), name.clone()), source.url.clone()))
    });
    let sources: HashMap<(String, String), String> = sources.collect();
    let mut listings = Listings::new();
    for raw in &parsed {
        for model in raw.models.iter().filter(|model| !model.listed_by.is_empty()) {
            let url =
                |name: &At<String>| sources.get(&(provider(raw), name.value.clone())).cloned().unwrap_or_default();
            listings.insert((provider(raw), model.id.value.clone()), model.listed_by.iter().map(url).collect());
        }
    }
    listings
}

/// Reviews the table that holds at a moment.
///
/// * `listings`: who lists each model; a model is gone only where every database that listed it is here.
#[must_use]
pub fn review(
    sources: &[ReviewSource],
    table: &PriceTable,
    listings: &Listings,
    at: Instant,
    providers: &[String],
) -> Review {
    let index = Index::new(table, at);
    let known: BTreeSet<&str> = table.providers().iter().map(|head| head.id.as_str()).collect();
    let (mut cards, mut new) = (BTreeMap::<usize, Listed>::new(), BTreeMap::<(String, String), Listed>::new());
    for (number, source) in sources.iter().enumerate() {
        for provider in &source.database.providers {
            for model in provider.models.iter().filter(|_| known.contains(provider.id.as_str())) {
                match index.find_mixed(&provider.id, model) {
                    Some((place, _)) => drop(cards.entry(place).or_default().entry(number).or_insert(model)),
                    None => {
                        let key = (provider.id.clone(), model.id.to_lowercase());
                        new.entry(key).or_default().entry(number).or_insert(model);
                    }
                }
            }
        }
    }
    let wanted = |provider: &str| providers.is_empty() || providers.iter().any(|p| p == provider);
    let mut review = Review { compared: cards.len(), ..Review::default() };
    for (place, listed) in &cards {
        let (provider, card) = index.card(*place);
        if wanted(provider) {
            review.items.extend(changed(sources, provider, card, listed, at));
            review.look_again(sources, provider, card, listed, at);
        }
    }
    let new = new.iter().filter(|((provider, _), _)| wanted(provider));
    review.items.extend(new.filter_map(|((provider, _), listed)| new_model(sources, provider, listed, at)));
    review.gone(sources, listings, &index, &cards, &wanted, at);
    review.items.sort_by(|a, b| (a.class, &a.provider, &a.model).cmp(&(b.class, &b.provider, &b.model)));
    review
}

/// What differs about one card.
fn changed(
    sources: &[ReviewSource],
    provider: &str,
    card: &ModelCard,
    listed: &Listed,
    at: Instant,
) -> Option<ReviewItem> {
    let rates = card.rates_at(at)?;
    if card.is_retired(at) {
        return None;
    }
    let here = facts_of(rates, card.info.kind);
    let mut prices: Vec<(ReviewClass, ReviewedPrice)> = Vec::new();
    let theirs = |number: &usize, model: &ListedModel| -> Vec<(usize, Fact)> {
        in_force(&model.facts, at).into_iter().map(|fact| (*number, fact)).collect()
    };
    let all: Vec<(usize, Fact)> = listed.iter().flat_map(|(number, model)| theirs(number, model)).collect();
    for own in &here {
        let there: Vec<&(usize, Fact)> = all.iter().filter(|(_, fact)| is_of_same(fact, own)).collect();
        prices.extend(judged(sources, own, &there));
    }
    // The worst of its prices says what can be done about a card.
    let class = prices.iter().map(|(class, _)| *class).max_by_key(|class| caution(*class))?;
    let differs = |price: &ReviewedPrice, there: &Price| price.here.is_none_or(|here| !is_same_money(there, &here));
    let differing = prices.iter().flat_map(|(_, price)| price.there.iter().filter(|(_, there)| differs(price, there)));
    let names: BTreeSet<String> = differing.map(|(name, _)| name.clone()).collect();
    let named = |source: &&ReviewSource| names.contains(&source.name);
    let newest = sources.iter().filter(named).max_by_key(|source| source.day)?;
    Some(ReviewItem {
        class,
        provider: provider.to_owned(),
        model: card.id.clone(),
        prices: prices.into_iter().map(|(_, price)| price).collect(),
        day: newest.day,
        format: Some(newest.database.format),
        sources: names.into_iter().collect(),
        listed: None,
    })
}

/// How much a person has to look at something.
const fn caution(class: ReviewClass) -> u8 {
    match class {
        ReviewClass::Agreed => 0,
        ReviewClass::Single => 1,
        ReviewClass::Disputed => 2,
        _ => 3,
    }
}

/// What databases say of one price of the table; nothing where all agree with it.
fn judged(sources: &[ReviewSource], own: &Fact, there: &[&(usize, Fact)]) -> Option<(ReviewClass, ReviewedPrice)> {
    let differing: Vec<&&(usize, Fact)> =
        there.iter().filter(|(_, fact)| !is_same_money(&fact.price, &own.price)).collect();
    let (_, first) = differing.first()?;
    let is_one = differing.iter().all(|(_, fact)| is_same_money(&fact.price, &first.price));
    // Two files of one database are one witness.
    let formats: BTreeSet<&str> = differing.iter().map(|(n, _)| sources[*n].database.format.name()).collect();
    let dissents = there.iter().filter(|(n, _)| !formats.contains(sources[*n].database.format.name()));
    let dissents = dissents.filter(|(_, fact)| is_same_money(&fact.price, &own.price)).count();
    let class = match (is_one && dissents == 0, formats.len()) {
        _ if differing.iter().any(|(_, fact)| more_than_ninety_percent(&own.price, &fact.price)) => {
            ReviewClass::Implausible
        }
        (true, 2..) => ReviewClass::Agreed,
        (true, _) => ReviewClass::Single,
        (false, _) => ReviewClass::Disputed,
    };
    let there = there.iter().map(|(n, fact)| (sources[*n].name.clone(), fact.price)).collect();
    let from = differing.iter().filter_map(|(_, fact)| fact.period.from).max();
    Some((
        class,
        ReviewedPrice { meter: own.meter, condition: own.condition.clone(), here: Some(own.price), there, from },
    ))
}

fn is_of_same(fact: &Fact, own: &Fact) -> bool {
    let near = |a: &Condition, b: &Condition| match (a.tier, b.tier) {
        (Some(a), Some(b)) => a.first().abs_diff(b.first()) <= 1,
        (a, b) => a.is_none() && b.is_none(),
    };
    let (a, b) = (&fact.condition, &own.condition);
    fact.meter == own.meter && a.when == b.when && a.hours == b.hours && near(a, b)
}

/// Whether two prices are one, but for rounding.
fn is_same_money(one: &Price, other: &Price) -> bool {
    let Some((a, b)) = on_the_same_scale(one, other) else { return false };
    let apart = a.checked_sub(b).map(|difference| difference.abs());
    apart.and_then(|apart| apart.checked_mul(2_000.into())).is_some_and(|apart| a == b || apart < a.max(b))
}

fn new_model(sources: &[ReviewSource], provider: &str, listed: &Listed, at: Instant) -> Option<ReviewItem> {
    // The format that lists most prices is the one that a new card is written after.
    let (number, model) = listed.iter().max_by_key(|(_, model)| in_force(&model.facts, at).len())?;
    let facts = in_force(&model.facts, at);
    if facts.is_empty() || model.info.retired.is_some_and(|day| day <= at) {
        return None;
    }
    let price = |fact: &Fact| {
        let others =
            listed.iter().flat_map(|(n, model)| in_force(&model.facts, at).into_iter().map(move |fact| (*n, fact)));
        let there = others
            .filter(|(_, other)| is_of_same(other, fact))
            .map(|(n, other)| (sources[n].name.clone(), other.price));
        let (meter, condition, from) = (fact.meter, fact.condition.clone(), fact.period.from);
        ReviewedPrice { meter, condition, here: None, there: there.collect(), from }
    };
    Some(ReviewItem {
        class: ReviewClass::New,
        provider: provider.to_owned(),
        model: model.id.clone(),
        prices: facts.iter().map(price).collect(),
        sources: listed.keys().map(|n| sources[*n].name.clone()).collect(),
        day: sources[*number].day,
        listed: Some((*model).clone()),
        format: Some(sources[*number].database.format),
    })
}

impl Review {
    /// Which databases say again what the table says of a card, and what they say that is not compared.
    fn look_again(&mut self, sources: &[ReviewSource], provider: &str, card: &ModelCard, listed: &Listed, at: Instant) {
        let id = format!("{provider}/{}", card.id);
        let rates = card.rates_at(at).filter(|_| !card.is_retired(at));
        let here = rates.map(|rates| facts_of(rates, card.info.kind)).unwrap_or_default();
        for (number, model) in listed {
            let there = in_force(&model.facts, at);
            let same = |own: &Fact| {
                there
                    .iter()
                    .filter(|fact| is_of_same(fact, own))
                    .map(|fact| is_same_money(&fact.price, &own.price))
                    .collect::<Vec<_>>()
            };
            let is_plain = |own: &&Fact| own.condition == Condition::default();
            let confirms = here.iter().any(|own| is_plain(&own))
                && here.iter().all(|own| same(own).into_iter().all(|same| same))
                && here.iter().filter(is_plain).all(|own| !same(own).is_empty());
            let (provider, model_id) = (provider.to_owned(), card.id.clone());
            self.seen.push(Seen { provider, model: model_id, source: *number, confirms });
            let by_hour = there.iter().filter(|fact| fact.condition.hours.is_some());
            let strange = by_hour.filter(|fact| !here.iter().any(|own| is_of_same(fact, own))).count();
            let source = sources[*number].name.clone();
            let mut unplaced =
                |what: String| self.unplaced.push(Unplaced { id: id.clone(), source: source.clone(), what });
            if rates.is_none() && !there.is_empty() && !card.is_retired(at) {
                unplaced(format!("{} prices, and the table has none that holds on {at}", there.len()));
            } else if strange > 0 && rates.is_some() {
                unplaced(format!("{strange} prices at hours that the table does not have"));
            }
        }
    }

    /// Cards that a listing had, at providers that the databases list, and that none of them has now.
    fn gone(
        &mut self,
        sources: &[ReviewSource],
        listings: &Listings,
        index: &Index,
        listed: &BTreeMap<usize, Listed>,
        wanted: &dyn Fn(&str) -> bool,
        at: Instant,
    ) {
        let mut missing: HashMap<&str, Vec<&ModelCard>> = HashMap::new();
        let mut live: HashMap<&str, usize> = HashMap::new();
        for (place, _) in index.places() {
            let (provider, card) = index.card(place);
            let listed_by = listings.get(&(provider.to_owned(), card.id.clone())).filter(|_| index.is_live(place));
            let is_here = |url: &String| {
                sources.iter().any(|s| s.database.format.page() == url && s.database.provider(provider).is_some())
            };
            if listed_by.is_some_and(|urls| urls.iter().all(is_here)) && wanted(provider) {
                *live.entry(provider).or_default() += 1;
                if !listed.contains_key(&place) {
                    missing.entry(provider).or_default().push(card);
                }
            }
        }
        for (provider, cards) in missing {
            // A file that breaks off, or of part of a provider's models, says nothing about the rest.
            if cards.len() * 2 > live.get(provider).copied().unwrap_or_default() {
                self.notes.push(format!(
                    "The databases lack {} of {} models of {provider} that were listed: none of them is taken for gone.",
                    cards.len(),
                    live.get(provider).copied().unwrap_or_default()
                ));
                continue;
            }
            self.items.extend(cards.into_iter().map(|card| ReviewItem {
                class: ReviewClass::Gone,
                provider: provider.to_owned(),
                model: card.id.clone(),
                prices: Vec::new(),
                sources: sources.iter().map(|source| source.name.clone()).collect(),
                day: card.info.listed.unwrap_or(at),
                listed: None,
                format: None,
            }));
        }
        self.notes.sort();
    }
}
