//! The same work on many models, and why one is cheaper: [`candidates`] says which models, [`compare`] puts their quotes in
//! order, [`report`](report()) shows them. A whole workload on many models is [`workload`].
//!
//! People see a [short list](shortlist) unless they ask for more; what programs read is complete.

pub mod needs;
mod pareto;
mod report;
pub(crate) mod shortlist;
pub mod workload;

pub use report::report;
#[cfg(test)]
pub(crate) use report::{CompareHead, CompareRow};

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rust_decimal::Decimal;
use serde::Serialize;

use super::estimate::PricedInputs;
use super::{JobError, Setup};
use crate::calculator::Refusal;
use crate::calculator::quote::Quote;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::{core_name, is_for_chat, twin_name};
use crate::pricing::card::{ModelCard, ProviderHead};
use crate::pricing::need::Need;

/// Which models to compare, and how much of them to show.
#[derive(Clone, Debug, Default)]
pub struct CompareQuery {
    /// The models named; all live chat models where there are none.
    pub models: Vec<String>,
    /// Only models of these providers, by their ids.
    pub providers: Vec<String>,
    /// Only models that meet these.
    pub needs: Vec<Need>,
    /// Only the hosts of this model.
    pub hosts_of: Option<String>,
    /// Everything: every model that meets the needs, at hosts, clouds and routers too, and not only the short list.
    pub all: bool,
    /// Models that cost nothing too.
    pub free: bool,
    /// Models that no longer answer, or are no longer listed, too.
    pub include_retired: bool,
    /// How many rows are shown, the cheapest first; 0 for all of them. The short list where nothing is said.
    pub top: Option<usize>,
    /// Whether every row is shown where nothing is said, as programs want it.
    pub complete: bool,
    /// What the work asks for of every model: what is sent with it, and its tools.
    pub work: BTreeSet<&'static str>,
    /// The user's own scores by model.
    pub scores: Option<HashMap<String, Decimal>>,
    /// The region that a plan's requests are sent to.
    pub region: Option<String>,
    /// Whether requests state a region, which not every model is sold in.
    pub needs_region: bool,
}

impl CompareQuery {
    /// Which of the rows are shown, the cheapest first.
    fn shown(&self, models: &[&Found], at: Instant) -> Vec<bool> {
        let first = |n: usize| (0..models.len()).map(|i| i < n).collect();
        match self.top {
            _ if !self.models.is_empty() => first(usize::MAX),
            Some(0) => first(usize::MAX),
            Some(top) => first(top),
            None if self.complete || self.all => first(usize::MAX),
            None if self.hosts_of.is_some() || !self.providers.is_empty() => first(MOST_ROWS),
            None => {
                let list = shortlist::short_list(models.iter().copied(), at);
                models.iter().map(|found| list.contains(&found.full_id())).collect()
            }
        }
    }

    /// What is said of the rows that are not shown.
    fn hidden_note(&self, hidden: usize) -> Option<String> {
        let is_short_list = self.top.is_none() && self.hosts_of.is_none() && self.providers.is_empty();
        let models = super::plural(hidden as u64, "model");
        match hidden {
            0 => None,
            _ if is_short_list => Some(format!(
                "Shown: the cheapest model, and the newest of each maker in each price class. {models} more: --top 0 shows those at their makers, --all also hosts, clouds and routers."
            )),
            _ => Some(format!("{models} not shown, more expensive or unpriced: --top 0 shows all.")),
        }
    }

    /// Why a model does not meet what was asked for, or what the work needs; `None` where it meets all.
    fn unmet(&self, card: &ModelCard) -> Option<String> {
        // Whoever names a model knows what it can do.
        let work = self.work.iter().filter(|_| self.models.is_empty()).map(|what| Need::Can((*what).to_owned()));
        self.needs.iter().cloned().chain(work).find_map(|need| need.reason_unmet(card))
    }

    /// The user's own score of a model.
    fn score(&self, id: &str) -> Option<Decimal> {
        self.scores.as_ref().and_then(|scores| scores.get(id)).copied()
    }
}

/// The most rows for people where a provider's models, or the hosts of one model, are compared.
const MOST_ROWS: usize = 25;

/// A model that is not compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftOutModel {
    /// `provider/model`.
    pub model: String,
    /// Why.
    pub reason: String,
}

/// Models that are not compared, each with the reason.
#[derive(Clone, Debug, Default)]
pub struct LeftOut(pub Vec<LeftOutModel>);

impl LeftOut {
    fn add(&mut self, model: String, reason: String) {
        self.0.push(LeftOutModel { model, reason });
    }

    /// The reasons with the number of models, the most frequent first.
    fn reasons(&self) -> String {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for model in &self.0 {
            *reasons.entry(&model.reason).or_default() += 1;
        }
        let mut list: Vec<_> = reasons.into_iter().collect();
        list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        list.iter().map(|(reason, n)| format!("{n} × {reason}")).collect::<Vec<_>>().join("; ")
    }

    /// The error where nothing is left to compare.
    fn nothing_left(&self) -> JobError {
        if self.0.is_empty() {
            return JobError::NothingPriced(Vec::new());
        }
        JobError::asked(
            format!("no model is left to compare: {}", self.reasons()),
            "relax --need, shorten the prompt or the answer, or add --all for hosts, clouds and routers",
        )
    }
}

/// The models to compare.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// What the models named mean; empty where none is named.
    pub named: Vec<Found>,
    /// The models that meet every need, each once.
    pub models: Vec<Found>,
    /// The others.
    pub left_out: LeftOut,
}

/// The models named, the hosts of one, or every chat model that answers and has a price, as far as they meet the needs.
///
/// # Errors
/// [`JobError`] where a model is not known, or none meets the needs.
pub fn candidates(query: &CompareQuery, setup: &Setup) -> Result<Candidates, JobError> {
    let found = if query.models.is_empty() { listed(query, setup)? } else { setup.find_all(&query.models)? };
    let mut candidates = Candidates::default();
    let mut seen = HashSet::new();
    for found in found.iter().filter(|found| seen.insert(found.full_id())) {
        match query.unmet(&found.model) {
            Some(reason) => candidates.left_out.add(found.full_id(), reason),
            None => candidates.models.push(found.clone()),
        }
    }
    if candidates.models.is_empty() {
        return Err(candidates.left_out.nothing_left());
    }
    candidates.named = if query.models.is_empty() { Vec::new() } else { found };
    Ok(candidates)
}

/// The hosts of a model, or every chat model that answers and has a price.
fn listed(query: &CompareQuery, setup: &Setup) -> Result<Vec<Found>, JobError> {
    let hosted = query.hosts_of.as_deref().map(|asked| setup.find(asked)).transpose()?;
    let hosted = hosted.map(|found| (core_name(&found.model.id), found.model.info.kind));
    let everywhere = query.all || !query.providers.is_empty();
    let is_meant = |head: &ProviderHead, card: &ModelCard| match &hosted {
        Some((name, kind)) => card.info.kind == *kind && core_name(&card.id) == *name,
        None => is_for_chat(card) && (everywhere || head.is_maker_of(&card.id)),
    };
    let cards = setup.table.cards().filter(|(head, card)| {
        (query.providers.is_empty() || query.providers.contains(&head.id))
            && is_meant(head, card)
            && (query.include_retired || setup.table.life(head, card, setup.at).is_live())
            && card.rates_at(setup.at).is_some()
    });
    Ok(cards.map(|(provider, model)| Found::of_card(provider, model)).collect())
}

/// Models in the order of what the work costs on them.
#[derive(Clone, Debug)]
pub struct ComparedQuotes {
    /// A quote for each model over all inputs, the cheapest first.
    pub quotes: Vec<Quote>,
    /// What the models named mean.
    pub named: Vec<Found>,
    /// The models that are not compared.
    pub left_out: LeftOut,
    /// How many models that cost nothing were left out.
    pub free_left_out: usize,
    /// Dated twins that cost the same, by the model in whose row they are.
    pub twins: HashMap<String, Vec<String>>,
    /// What the work needs of a model.
    pub needs: BTreeSet<&'static str>,
    /// How many of the requests were lines of a batch.
    batch: u64,
}

/// Adds the quotes of every model up and puts them in order; models that cannot do the work are left out.
#[must_use]
pub fn compare(priced: PricedInputs, candidates: Candidates, query: &CompareQuery) -> ComparedQuotes {
    let Candidates { named, models, mut left_out } = candidates;
    let mut quotes = sums(&models, priced.quotes);
    quotes.sort_by_cached_key(key);
    let (mut free_left_out, mut twins) = (0, HashMap::new());
    if query.models.is_empty() {
        let work = CompareQuery { work: priced.needs.clone(), ..CompareQuery::default() };
        quotes.retain(|quote| match work.unmet(&quote.found.model) {
            Some(reason) => {
                left_out.add(quote.found.full_id(), reason);
                false
            }
            None => true,
        });
        take_impossible(&mut quotes, query.needs_region, &mut left_out);
        if !query.free {
            free_left_out = take_free(&mut quotes);
        }
        twins = take_twins(&mut quotes);
    }
    let (needs, batch) = (priced.needs, priced.batch);
    ComparedQuotes { quotes, named, left_out, free_left_out, twins, needs, batch }
}

impl ComparedQuotes {
    /// The error where nothing is left to compare.
    ///
    /// # Errors
    /// [`JobError`] that counts the reasons.
    pub fn refuse_nothing(&self) -> Result<(), JobError> {
        if self.quotes.is_empty() { Err(self.left_out.nothing_left()) } else { Ok(()) }
    }
}

/// A quote for each model over all inputs.
fn sums(models: &[Found], quotes: Vec<Quote>) -> Vec<Quote> {
    let mut sums: Vec<Option<Quote>> = vec![None; models.len()];
    let place: HashMap<String, usize> = models.iter().enumerate().map(|(i, found)| (found.full_id(), i)).collect();
    for quote in quotes {
        let Some(sum) = place.get(&quote.found.full_id()).and_then(|at| sums.get_mut(*at)) else { continue };
        *sum = Some(match sum.take() {
            None => quote,
            Some(sum) => Quote { source: None, ..sum.plus(quote) },
        });
    }
    sums.into_iter().flatten().collect()
}

/// Cheapest first, refusals last, equal ones by name.
fn key(quote: &Quote) -> (bool, Usd, String) {
    let total = quote.result.as_ref().map(|e| e.cost.total).unwrap_or_default();
    (quote.result.is_err(), total, quote.found.full_id())
}

/// Takes candidates out that cannot do the work, and, where a region is needed, those that are not sold there.
fn take_impossible(quotes: &mut Vec<Quote>, needs_region: bool, left_out: &mut LeftOut) {
    quotes.retain(|quote| {
        let reason = match &quote.result {
            Ok(_) if quote.warning.is_some() => "cannot write an answer of that length",
            Err(Refusal::AssumedPrice { .. }) => "has only an assumed price, which --strict refuses",
            Err(Refusal::TooLong { .. }) => "cannot read a prompt of that length",
            Err(Refusal::NoRate { what, .. }) if needs_region && what.contains("region") => {
                "has no rates for the region"
            }
            _ => return true,
        };
        left_out.add(quote.found.full_id(), reason.to_owned());
        false
    });
}

/// Takes models without a price above zero out: trials and free tiers would fill the whole list.
fn take_free(quotes: &mut Vec<Quote>) -> usize {
    let before = quotes.len();
    quotes.retain(|quote| quote.result.as_ref().map_or(true, |e| !e.high.amount().is_zero()));
    before - quotes.len()
}

/// Takes dated twins of a model out that cost the same as it does, and says which they are.
fn take_twins(quotes: &mut Vec<Quote>) -> HashMap<String, Vec<String>> {
    let name = |quote: &Quote| (quote.found.provider.id.clone(), twin_name(&quote.found.model.id));
    let cost = |quote: &Quote| quote.result.as_ref().ok().map(|e| (e.low, e.cost.total, e.high, e.cost.assumed));
    let mut kept: HashMap<_, String> = HashMap::new();
    let mut twins: HashMap<String, Vec<String>> = HashMap::new();
    // The order is that of costs and then of names, so that the shortest name of a run comes first.
    quotes.retain(|quote| {
        let Some(cost) = cost(quote) else { return true };
        let id = quote.found.full_id();
        match kept.get(&(name(quote), cost)) {
            Some(first) => {
                twins.entry(first.clone()).or_default().push(id);
                false
            }
            None => {
                kept.insert((name(quote), cost), id);
                true
            }
        }
    });
    twins
}
