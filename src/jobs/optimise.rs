//! The cheapest assignment of a workload's features within what `choose:` allows, and why not another: [`optimise`] and
//! [`report`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::setup::{TableStamp, add_table_line, table_stamp};
use super::workload::{PricedWorkload, ShownCurrency, ShownRate, TableResolver, Unpriced};
use super::{JobError, Setup, plural};
use crate::calculator::choice::Choice;
use crate::calculator::optimise::{Caching, Queue, Trial, TrialCost, Trials, Variant, WhyNot};
use crate::calculator::outcome::outcome;
use crate::calculator::projection::{FeaturePlan, Plan, Planner, StreamRole};
use crate::calculator::rules::matches;
use crate::calculator::settled::{Settled, minus};
use crate::calculator::spans::Span;
use crate::calculator::workload::{Feature, Workload, last_moment};
use crate::context::Dimension;
use crate::jobs::error::with_help;
use crate::meter::Meter;
use crate::money::{Usd, share_for_people};
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::candidates::is_for_chat;
use crate::pricing::card::{Kind, ModelCard, ProviderHead};
use crate::pricing::life::Life;
use crate::report::{Cell, Report, Tone, TypedTable};

/// What is asked, beside the workload.
#[derive(Clone, Debug, Default)]
pub struct OptimiseQuery {
    /// The user's own scores by model.
    pub scores: HashMap<String, Decimal>,
    /// How many alternatives a person sees of each feature, beside the one chosen.
    pub top: usize,
    /// The currency to show money in, instead of the workload's.
    pub currency: Option<String>,
}

/// A feature with everything that was tried for it.
#[derive(Clone, Debug)]
pub struct OptimisedFeature {
    /// Its name.
    pub name: String,
    /// What it costs as it is written, at the means, before credits and tax.
    pub before: Usd,
    /// What was tried, the cheapest first, then what is ruled out by name.
    pub trials: Vec<Trial>,
}

impl OptimisedFeature {
    fn chosen(&self) -> Option<(&Found, Variant, &TrialCost)> {
        let first = self.trials.first()?;
        first.best.as_ref().ok().map(|(variant, cost)| (&first.found, *variant, cost))
    }
}

/// A change that makes the bill smaller.
#[derive(Clone, Debug)]
struct BillLever {
    feature: String,
    what: String,
    saving: Usd,
    /// The same in the currency that is shown, each day at its rate.
    shown: Decimal,
}

/// The cheapest assignment, and what was tried.
#[derive(Clone, Debug)]
pub struct OptimiseResult {
    /// The workload file.
    pub path: String,
    /// By feature that may be chosen for, in the order of the file.
    pub features: Vec<OptimisedFeature>,
    /// The bill as it is written: fixed costs, credits and tax included.
    pub before: Usd,
    /// The bill of the cheapest assignment.
    pub after: Usd,
    /// Both in the currency that is shown, each day at its rate.
    amounts: [Decimal; 2],
    /// The spans of the plan.
    spans: Arc<[Span]>,
    /// The features that have no price as they are written.
    pub unpriced: Vec<Unpriced>,
    /// The currency that money is shown in.
    pub shown: ShownCurrency,
    /// How many plans were priced.
    pub priced: u64,
    levers: Vec<BillLever>,
    couplings: Vec<String>,
    workload: Arc<Workload>,
}

/// Finds the cheapest assignment of each feature that has a `choose:`.
///
/// # Errors
/// [`JobError`] where no feature has one, a score is asked for without scores, or nothing that is allowed has a price.
pub fn optimise(priced: PricedWorkload, query: &OptimiseQuery, setup: &Setup) -> Result<OptimiseResult, JobError> {
    let cards: Vec<Card> = setup.table.cards().collect();
    optimise_on(&cards, priced, query, setup)
}

/// The same on these models alone.
fn optimise_on(
    cards: &[Card],
    priced: PricedWorkload,
    query: &OptimiseQuery,
    setup: &Setup,
) -> Result<OptimiseResult, JobError> {
    let PricedWorkload { file, plan, mut resolver, unpriced } = priced;
    let shown = ShownCurrency::of(query.currency.as_deref(), &plan.workload, &resolver)?;
    let workload = plan.workload.clone();
    if workload.choices.is_empty() {
        let help = "write `choose: {}` under a feature to let its model be chosen, or `choose: {models: [openai/*], latency: day, cache: true}`";
        return Err(JobError::asked("no feature says what may be chosen", help));
    }
    let before = bill(&plan, &resolver)?;
    let tried =
        BillSearch { cards, plan: &plan, before: &before, shown: &shown, query, setup }.on_threads(&resolver)?;
    let (mut features, mut levers, mut work) = (Vec::new(), Vec::new(), 0);
    let mut best = plan.clone();
    for TriedFeature { index, optimised, levers: own, priced } in tried {
        if let Some(changed) =
            optimised.chosen().and_then(|(found, way, _)| planned(&best, index, Some(found), way, &mut resolver))
        {
            best = changed;
        }
        work += priced;
        levers.extend(own);
        features.push(optimised);
    }
    levers.sort_by_key(|lever: &BillLever| std::cmp::Reverse(lever.saving));
    let after = bill(&best, &resolver)?;
    let amount = |bill: &TrialCost| shown.of_spans(&plan.spans, &bill.spans);
    Ok(OptimiseResult {
        path: file.path.display().to_string(),
        before: before.usd,
        after: after.usd,
        amounts: [amount(&before), amount(&after)],
        spans: plan.spans.clone(),
        couplings: couplings(&workload),
        features,
        unpriced,
        shown,
        priced: work,
        levers,
        workload,
    })
}

/// The search for every feature that may be chosen for: what one costs does not depend on the others, so they are tried
/// on several threads.
struct BillSearch<'s> {
    cards: &'s [Card],
    plan: &'s Plan,
    /// The bill as it is written.
    before: &'s TrialCost,
    shown: &'s ShownCurrency,
    query: &'s OptimiseQuery,
    setup: &'s Setup,
}

/// What came of one feature.
struct TriedFeature {
    /// Its place in the plan.
    index: usize,
    optimised: OptimisedFeature,
    levers: Vec<BillLever>,
    /// How many plans of it were priced.
    priced: u64,
}

impl BillSearch<'_> {
    /// Every feature, in the order of the file on any number of threads.
    ///
    /// # Errors
    /// Of the first feature that has one.
    fn on_threads(&self, resolver: &TableResolver) -> Result<Vec<TriedFeature>, JobError> {
        let choices = &self.plan.workload.choices;
        let features = self.plan.features.iter().enumerate();
        let features =
            features.filter_map(|(index, feature)| Some((index, feature, choices.get(&feature.feature.name)?)));
        let tried = resolver.for_each(features.collect(), |feature, resolver| self.feature(feature, resolver));
        tried.into_iter().filter_map(Result::transpose).collect()
    }

    /// One feature with its place; `None` where no model answers for it.
    fn feature(
        &self,
        (index, feature_plan, choice): (usize, &FeaturePlan, &Choice),
        resolver: &mut TableResolver,
    ) -> Result<Option<TriedFeature>, JobError> {
        let plan = self.plan;
        let feature = &feature_plan.feature;
        let own = feature_plan.streams.iter().find(|stream| stream.role == StreamRole::Answer);
        let Some(own) = own.map(|stream| &stream.found) else { return Ok(None) };
        let last = last_moment(&plan.workload);
        let search = FeatureSearch { feature, choice, own, query: self.query, setup: self.setup, last };
        let mut trials = Trials::new(plan, feature_plan, choice);
        let optimised = OptimisedFeature {
            name: feature.name.clone(),
            before: TrialCost::of(feature_plan.at_means(&plan.months)?).usd,
            trials: search.run(self.cards, &mut trials, resolver)?,
        };
        let Some((found, variant, _)) = optimised.chosen() else { return Err(search.nothing_left(&optimised)) };
        let mut levers = Vec::new();
        for (what, found, variant) in single_changes(feature, own, found, variant) {
            let changed = planned(plan, index, found, variant, resolver);
            let after = changed.and_then(|changed| bill(&changed, resolver).ok());
            levers.extend(after.and_then(|after| self.lever(&feature.name, what, &after)));
        }
        Ok(Some(TriedFeature { index, optimised, levers, priced: trials.priced }))
    }

    /// What a change saves; nothing where it saves nothing.
    fn lever(&self, feature: &str, what: String, after: &TrialCost) -> Option<BillLever> {
        let amount = |bill: &TrialCost| self.shown.of_spans(&self.plan.spans, &bill.spans);
        (after.usd < self.before.usd).then(|| BillLever {
            feature: feature.to_owned(),
            what,
            saving: minus(self.before.usd, after.usd),
            shown: amount(self.before) - amount(after),
        })
    }
}

/// What is paid in the end: with fixed costs, credits and tax, at the means.
fn bill(plan: &Plan, resolver: &TableResolver) -> Result<TrialCost, JobError> {
    let outcome = outcome(plan, &Settled::of(plan, resolver)?, false, 0)?;
    Ok(TrialCost { usd: outcome.total.expected, spans: outcome.spans })
}

/// A plan with one feature run in another way; `None` where it has no price then.
///
/// * `found`: the model; that of the file where there is none.
fn planned(
    plan: &Plan,
    index: usize,
    found: Option<&Found>,
    variant: Variant,
    resolver: &mut TableResolver,
) -> Option<Plan> {
    let old = plan.features.get(index)?;
    let new = Planner::again(plan, old, variant.of(&old.feature).into(), found, resolver).ok()?;
    let mut all = plan.clone();
    all.features[index] = new;
    Some(all)
}

/// The parts of a chosen assignment one by one, each alone on what is written.
fn single_changes<'f>(
    feature: &Feature,
    own: &Found,
    found: &'f Found,
    variant: Variant,
) -> Vec<(String, Option<&'f Found>, Variant)> {
    let as_written = Variant::AS_WRITTEN;
    let mut list = Vec::new();
    if own.full_id() != found.full_id() || feature.routes.len() > 1 {
        list.push((format!("use {}", found.full_id()), Some(found), as_written));
    }
    if let Some(queue) = variant.queue.what() {
        list.push((queue.to_owned(), None, Variant { queue: variant.queue, ..as_written }));
    }
    if let Some(caching) = variant.caching.what() {
        list.push((caching.to_owned(), None, Variant { caching: variant.caching, ..as_written }));
    }
    if let Some(cap) = variant.cap {
        list.push((format!("cap answers at {cap} tokens"), None, Variant { cap: variant.cap, ..as_written }));
    }
    if list.len() > 1 {
        list.push(("all of it".to_owned(), Some(found), variant));
    }
    list
}

impl Queue {
    fn what(self) -> Option<&'static str> {
        match self {
            Queue::AsWritten => None,
            Queue::Standard => Some("send it without a queue"),
            Queue::Flex => Some("send it to the flex queue"),
            Queue::Batch => Some("send it in batches"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Queue::AsWritten => "as written",
            Queue::Standard => "standard",
            Queue::Flex => "flex",
            Queue::Batch => "batch",
        }
    }
}

impl Caching {
    fn what(self) -> Option<&'static str> {
        match self {
            Caching::AsWritten => None,
            Caching::None => Some("cache nothing"),
            Caching::FiveMinutes => Some("cache for five minutes"),
            Caching::Hour => Some("cache for an hour"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Caching::AsWritten => "as written",
            Caching::None => "none",
            Caching::FiveMinutes => "5m",
            Caching::Hour => "1h",
        }
    }
}

/// What ties the costs of features together: the cheapest of each may then not be the cheapest of all.
fn couplings(workload: &Workload) -> Vec<String> {
    let mut list = Vec::new();
    for credit in workload.credits.iter().filter(|credit| credit.provider.is_some()) {
        let provider = credit.provider.as_deref().unwrap_or_default();
        list.push(format!(
            "the credit of {} is good at {provider} alone: leaving {provider} may lose it",
            credit.amount
        ));
    }
    for commitment in &workload.commitments {
        let provider = &commitment.provider;
        list.push(format!("at least {} is paid to {provider}: leaving {provider} does not end it", commitment.amount));
    }
    for pool in &workload.free {
        list.push(format!(
            "{} share a free quantity, of which each keeps what it has now",
            pool.features.join(" and ")
        ));
    }
    for feature in workload.features.iter().filter(|feature| !feature.free.is_empty()) {
        list.push(format!("{} has a free quantity, taken to hold on every model", feature.name));
    }
    list
}

/// A model of the table.
type Card = (Arc<ProviderHead>, Arc<ModelCard>);

/// The search for one feature.
struct FeatureSearch<'s> {
    feature: &'s Feature,
    choice: &'s Choice,
    /// The model that answers as it is written.
    own: &'s Found,
    query: &'s OptimiseQuery,
    setup: &'s Setup,
    /// The last moment of the plan.
    last: Instant,
}

impl FeatureSearch<'_> {
    /// Tries every model that may be meant.
    fn run(&self, cards: &[Card], trials: &mut Trials, resolver: &mut TableResolver) -> Result<Vec<Trial>, JobError> {
        if self.choice.score.is_some() && self.query.scores.is_empty() {
            let help = "--scores FILE, a CSV file with the columns model and score";
            return Err(JobError::asked(format!("{} asks for a score, and there are none", self.feature.name), help));
        }
        let mut tried = Vec::new();
        for (head, card) in cards.iter().filter(|(head, card)| self.is_meant(head, card)) {
            let is_named = self.is_named(head, card);
            let found = Found::of_card(head.clone(), card.clone());
            let best = match self.ruled_out(&found, is_named) {
                Some(why) => Err(why),
                None => trials.run(&found, is_named, resolver),
            };
            tried.push(Trial { found, best });
        }
        let own = self.own.full_id();
        // Of those that cost the same the one of the file goes first: nothing changes without a gain.
        tried.sort_by_cached_key(|trial| {
            let usd = trial.best.as_ref().ok().map(|(variant, cost)| (cost.usd, *variant != Variant::AS_WRITTEN));
            let id = trial.found.full_id();
            (usd.is_none(), usd.map(|(usd, _)| usd), id != own, usd.map(|(_, changed)| changed), id)
        });
        Ok(tried)
    }

    /// Whether a card is named by its full id, its own id, or is the one of the file.
    fn is_named(&self, head: &ProviderHead, card: &ModelCard) -> bool {
        let full = format!("{}/{}", head.id, card.id);
        let is_it = |pattern: &String| pattern.eq_ignore_ascii_case(&full) || pattern.eq_ignore_ascii_case(&card.id);
        self.own.full_id() == full || self.choice.models.iter().any(is_it)
    }

    fn is_meant(&self, head: &ProviderHead, card: &ModelCard) -> bool {
        let full = format!("{}/{}", head.id, card.id);
        let models = &self.choice.models;
        let is_of_kind = match self.own.model.info.kind {
            Kind::Chat => is_for_chat(card) || card.info.kind == Kind::Chat && self.is_named(head, card),
            kind => card.info.kind == kind,
        };
        let is_allowed = match models.is_empty() {
            true => head.is_maker_of(&card.id) || self.own.full_id() == full,
            // A pattern with a slash says the host; one without means the model anywhere.
            false => models.iter().any(|pattern| {
                matches(std::slice::from_ref(pattern), if pattern.contains('/') { &full } else { &card.id })
            }),
        };
        is_of_kind && is_allowed
    }

    /// Why a model is not tried at all.
    fn ruled_out(&self, found: &Found, is_named: bool) -> Option<WhyNot> {
        if found.model.id.ends_with(":free") && !is_named {
            return Some(WhyNot::Free);
        }
        match self.setup.table.life(&found.provider, &found.model, self.last) {
            Life::Live(_) => {}
            Life::Retired(day) => return Some(WhyNot::NotLive(format!("not live on {day}: it is retired then"))),
            Life::Unlisted(Some(day)) => return Some(WhyNot::NotLive(format!("not live: last listed on {day}"))),
            Life::Unlisted(None) => return Some(WhyNot::NotLive("not live: no source lists it".to_owned())),
        }
        if let Some(reason) = self.choice.needs.iter().find_map(|need| need.reason_unmet(&found.model)) {
            return Some(WhyNot::Lacks(reason));
        }
        let least = self.choice.score?;
        match self.query.scores.get(&found.full_id()) {
            Some(score) if *score >= least => None,
            Some(score) => Some(WhyNot::Score(format!("score {} is below {}", score.normalize(), least.normalize()))),
            None => Some(WhyNot::Score(format!("has no score, and {} is asked for", least.normalize()))),
        }
    }

    fn nothing_left(&self, optimised: &OptimisedFeature) -> JobError {
        let name = &self.feature.name;
        let message = match optimised.trials.is_empty() {
            true => format!("no model of the price table is meant by what {name} may be run on"),
            false => format!("nothing that {name} may be run on is possible: {}", reasons(&optimised.trials)),
        };
        JobError::asked(message, format!("allow more under `choose:` in line {}", self.choice.line))
    }
}

/// The reasons with the number of models, the most frequent first.
fn reasons(trials: &[Trial]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for trial in trials {
        if let Err(why) = &trial.best {
            *counts.entry(why.kind()).or_default() += 1;
        }
    }
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    list.iter().map(|(why, n)| format!("{n} × {why}")).collect::<Vec<_>>().join("; ")
}

impl WhyNot {
    /// Stable name.
    fn name(&self) -> &'static str {
        match self {
            WhyNot::TooExpensive => "too-expensive",
            WhyNot::Lacks(_) => "lacks",
            WhyNot::ContextTooShort(_) => "context-too-short",
            WhyNot::AnswerTooLong(_) => "answer-too-long",
            WhyNot::NotLive(_) => "not-live",
            WhyNot::Score(_) => "score",
            WhyNot::Thinks => "always-thinks",
            WhyNot::Free => "free",
            WhyNot::Refused(_) => "refused",
        }
    }

    /// For people.
    fn text(&self) -> String {
        match self {
            WhyNot::TooExpensive => "another is cheaper".to_owned(),
            WhyNot::Thinks => "always thinks, and the feature has no thinking tokens".to_owned(),
            WhyNot::Free => "costs nothing under this table; name it to allow it".to_owned(),
            WhyNot::Refused(text) => format!("refused because {text}"),
            WhyNot::ContextTooShort(text) => format!("context too short: {text}"),
            WhyNot::Lacks(text) | WhyNot::AnswerTooLong(text) | WhyNot::NotLive(text) | WhyNot::Score(text) => {
                text.clone()
            }
        }
    }

    /// The same without numbers of its own, to be counted.
    fn kind(&self) -> String {
        match self {
            WhyNot::ContextTooShort(_) => "context too short".to_owned(),
            WhyNot::AnswerTooLong(_) => "answers too long".to_owned(),
            WhyNot::NotLive(_) => "not live over the plan".to_owned(),
            WhyNot::Score(_) => "score too low or none".to_owned(),
            WhyNot::Refused(_) => "refused".to_owned(),
            other => other.text(),
        }
    }
}

/// A feature on a model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OptimiseRow {
    /// The feature.
    pub feature: String,
    /// `chosen`, `possible` or `ruled-out`.
    pub status: &'static str,
    /// The provider's id.
    pub provider: String,
    /// The model's id at the provider.
    pub model: String,
    /// The cheapest queue: `as written`, `standard`, `flex` or `batch`.
    pub queue: Option<&'static str>,
    /// The cheapest cache: `as written`, `none`, `5m` or `1h`.
    pub cache: Option<&'static str>,
    /// Tokens at which answers are cut off; null where they are not.
    pub cap: Option<u64>,
    /// What the feature costs over the plan, at the means, before credits and tax.
    pub usd: Option<Usd>,
    /// How much more than the one chosen.
    pub more_usd: Option<Usd>,
    /// Why it is not chosen: `too-expensive`, `lacks`, `context-too-short`, `answer-too-long`, `not-live`, `score`,
    /// `always-thinks`, `free` or `refused`; null where it is.
    pub why_not: Option<&'static str>,
    /// The same for people.
    pub reason: Option<String>,
    /// What to write in the workload file, of the one chosen.
    pub write: Option<String>,
    /// The cost in the currency that is shown, each day at its rate.
    #[serde(skip)]
    pub shown: Decimal,
}

/// A change of one feature, and what it saves.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BillLeverRow {
    /// The feature.
    pub feature: String,
    /// What to do.
    pub what: String,
    /// What the bill is smaller by, when nothing else changes.
    pub saving_usd: Usd,
    /// The same in the currency that is shown, each day at its rate.
    #[serde(skip)]
    pub shown: Decimal,
}

/// The fields before the rows.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OptimiseHead {
    /// The workload file.
    pub workload: String,
    /// The price table.
    pub table: TableStamp,
    /// The currency of the plan.
    pub exchange: ShownRate,
    /// The bill over the plan as it is written, at the means: fixed costs, credits and tax included.
    pub before_usd: Usd,
    /// The bill of the cheapest assignment.
    pub after_usd: Usd,
    /// How many plans of a feature were priced to find it.
    pub priced: u64,
    /// What ties features together, so that the cheapest of each may not be the cheapest of all; empty where it is.
    pub couplings: Vec<String>,
    /// The changes one by one, by what each alone saves on the bill.
    pub levers: Vec<BillLeverRow>,
}

impl OptimiseRow {
    fn of(feature: &OptimisedFeature, index: usize, result: &OptimiseResult) -> Option<OptimiseRow> {
        let (workload, shown) = (&result.workload, &result.shown);
        let trial = feature.trials.get(index)?;
        let (_, _, least) = feature.chosen()?;
        let row = OptimiseRow {
            feature: feature.name.clone(),
            status: "ruled-out",
            provider: trial.found.provider.id.clone(),
            model: trial.found.model.id.clone(),
            queue: None,
            cache: None,
            cap: None,
            usd: None,
            more_usd: None,
            why_not: None,
            reason: None,
            write: None,
            shown: Decimal::ZERO,
        };
        Some(match &trial.best {
            Err(why) => OptimiseRow { why_not: Some(why.name()), reason: Some(why.text()), ..row },
            Ok((variant, cost)) => {
                let more = minus(cost.usd, least.usd);
                let is_chosen = index == 0;
                let amount = |cost: &TrialCost| shown.of_spans(&result.spans, &cost.spans);
                let own_amount = amount(cost);
                let by = || match more == Usd::ZERO {
                    true => "costs the same".to_owned(),
                    false => format!("too expensive by {}", shown.text_of(own_amount - amount(least))),
                };
                let own = workload.features.iter().find(|f| f.name == feature.name);
                OptimiseRow {
                    status: if is_chosen { "chosen" } else { "possible" },
                    queue: Some(variant.queue.name()),
                    cache: Some(variant.caching.name()),
                    cap: variant.cap,
                    usd: Some(cost.usd),
                    shown: own_amount,
                    more_usd: Some(more),
                    why_not: (!is_chosen).then_some(WhyNot::TooExpensive.name()),
                    reason: (!is_chosen).then(by),
                    write: own.filter(|_| is_chosen).map(|own| written(own, &trial.found, *variant)),
                    ..row
                }
            }
        })
    }
}

/// The keys of the workload file that make a feature run as chosen.
fn written(feature: &Feature, found: &Found, variant: Variant) -> String {
    let mut keys = vec![format!("model: {}", found.full_id())];
    let changed = variant.of(feature);
    if changed.batch != feature.batch {
        keys.push(format!("batch: {}%", (changed.batch * Decimal::ONE_HUNDRED).normalize()));
    }
    let tier = |feature: &Feature| feature.context.get(Dimension::ServiceTier).map(str::to_owned);
    match tier(&changed) {
        new if new == tier(feature) => {}
        Some(tier) => keys.push(format!("service_tier: {tier}")),
        None => keys.push("no service_tier".to_owned()),
    }
    match (variant.caching, changed.cache) {
        (Caching::AsWritten, _) => {}
        (_, None) => keys.push("no cache".to_owned()),
        (_, Some(cache)) => {
            let ttl = if cache.write == Meter::CacheWrite1h { "1h" } else { "5m" };
            let hit = (cache.hit_rate.expected * Decimal::ONE_HUNDRED).round_dp(2).normalize();
            keys.push(format!("cache: {{hit_rate: {hit}%, ttl: {ttl}}}"));
        }
    }
    if let Some(cap) = variant.cap {
        keys.push(format!("answers of at most {cap} tokens"));
    }
    keys.join("; ")
}

/// The assignment as a report: for people the one chosen and a few others of each feature, for programs all of them.
///
/// * `for_people`: whether a person reads it.
#[must_use]
pub fn report(result: &OptimiseResult, query: &OptimiseQuery, for_people: bool, setup: &Setup) -> Report {
    let shown = &result.shown;
    let mut rows = Vec::new();
    for feature in &result.features {
        let possible = feature.trials.iter().filter(|trial| trial.best.is_ok()).count();
        let count = if for_people { possible.min(query.top.saturating_add(1)) } else { feature.trials.len() };
        rows.extend((0..count).filter_map(|index| OptimiseRow::of(feature, index, result)));
    }
    let mut report = table(shown).report(rows);
    let Workload { name, start, end, .. } = &*result.workload;
    let last = end.yesterday().unwrap_or(*end);
    report.head.push(format!("{name}: the cheapest that is allowed, {start} to {last}"));
    report.head.push(headline(result));
    if !result.levers.is_empty() {
        report.sections.push(("What each change alone saves on the bill".to_owned(), lever_table(result)));
    }
    report.notes.extend(notes(result, query));
    report.notes.extend(shown.notes());
    add_table_line(&mut report, setup);
    report.state_all(&OptimiseHead {
        workload: result.path.clone(),
        table: table_stamp(setup),
        exchange: shown.rate(),
        before_usd: result.before,
        after_usd: result.after,
        priced: result.priced,
        couplings: result.couplings.clone(),
        levers: lever_rows(result),
    });
    report
}

fn headline(result: &OptimiseResult) -> String {
    let text = |amount| result.shown.text_of(amount);
    let [before, after] = result.amounts;
    match result.before.cmp(&result.after) {
        std::cmp::Ordering::Equal => format!("The bill stays at {}: nothing that is allowed is cheaper.", text(before)),
        std::cmp::Ordering::Less => format!(
            "The bill goes from {} to {}: what is written is not allowed by `choose:`.",
            text(before),
            text(after)
        ),
        std::cmp::Ordering::Greater => {
            let saved = before - after;
            let share = -saved.checked_div(before).unwrap_or_default();
            format!(
                "The bill goes from {} to {}: {} less ({}).",
                text(before),
                text(after),
                text(saved),
                share_for_people(share)
            )
        }
    }
}

fn notes(result: &OptimiseResult, query: &OptimiseQuery) -> Vec<String> {
    let mut notes = Vec::new();
    for feature in &result.features {
        let row = OptimiseRow::of(feature, 0, result);
        if let Some(write) = row.and_then(|row| row.write) {
            notes.push(format!("{}: {write}", feature.name));
        }
    }
    for feature in &result.features {
        let possible = feature.trials.iter().filter(|trial| trial.best.is_ok()).count();
        let hidden = possible.saturating_sub(query.top.saturating_add(1));
        let more = (hidden > 0).then(|| format!("{hidden} × more expensive, not shown"));
        let out = Some(reasons(&feature.trials)).filter(|text| !text.is_empty());
        let parts: Vec<String> = more.into_iter().chain(out).collect();
        if !parts.is_empty() {
            notes.push(format!("Not chosen for {}: {}. --format json names each.", feature.name, parts.join("; ")));
        }
    }
    let tried: u64 = result.features.iter().map(|f| f.trials.len() as u64).sum();
    let proof = format!(
        "Every alternative was looked at: {} of {}, {} priced at the means.",
        plural(tried, "model"),
        plural(result.features.len() as u64, "feature"),
        plural(result.priced, "plan")
    );
    notes.push(match result.couplings.is_empty() {
        true => format!("{proof} What one feature costs does not depend on the others, so the cheapest of each is the cheapest of all."),
        false => format!("{proof} Each feature is the cheapest by itself; what ties them together: {}.", result.couplings.join("; ")),
    });
    if result
        .features
        .iter()
        .any(|f| f.chosen().is_some_and(|(_, v, _)| matches!(v.caching, Caching::FiveMinutes | Caching::Hour)))
    {
        notes.push("A cache of another time than the file's is found again as often as calls that come at random through the day find it.".to_owned());
    }
    let left_out = |(feature, error): &Unpriced| {
        format!("Left out: {feature}, which has no price: {}", with_help(error, error.help()))
    };
    notes.extend(result.unpriced.iter().map(left_out));
    let others = result.workload.features.iter().filter(|f| !result.workload.choices.contains_key(&f.name));
    let names: Vec<&str> = others.map(|f| f.name.as_str()).collect();
    if !names.is_empty() {
        notes.push(format!("As written, since nothing may be chosen: {}.", names.join(", ")));
    }
    notes
}

fn table(shown: &ShownCurrency) -> TypedTable<'_, OptimiseRow> {
    let usd = |row: &OptimiseRow| row.usd.map(|usd| shown.cell_of(usd, row.shown)).unwrap_or_default();
    TypedTable::new()
        .text("feature", "feature", |row: &OptimiseRow| Cell::text(row.feature.clone()))
        .text("status", "status", |row| {
            let tone = if row.status == "chosen" { Tone::Good } else { Tone::Dim };
            Cell::text(row.status).tone(tone)
        })
        .text("model", "model", |row| Cell::text(format!("{}/{}", row.provider, row.model)))
        .text("queue", "queue", |row| Cell::text(row.queue.unwrap_or_default()))
        .text("cache", "cache", |row| Cell::text(row.cache.unwrap_or_default()))
        .number("cap", "cap", |row| row.cap.map(Cell::quantity).unwrap_or_default())
        .number("usd", "cost", move |row| usd(row))
        .text("reason", "why not", |row| Cell::text(row.reason.clone().unwrap_or_default()))
        .optional()
}

fn lever_rows(result: &OptimiseResult) -> Vec<BillLeverRow> {
    let row = |lever: &BillLever| BillLeverRow {
        feature: lever.feature.clone(),
        what: lever.what.clone(),
        saving_usd: lever.saving,
        shown: lever.shown,
    };
    result.levers.iter().map(row).collect()
}

fn lever_table(result: &OptimiseResult) -> Report {
    let shown = &result.shown;
    TypedTable::new()
        .text("feature", "feature", |row: &BillLeverRow| Cell::text(row.feature.clone()))
        .text("what", "what", |row| Cell::text(row.what.clone()))
        .number("saving_usd", "saves", |row| shown.cell_of(row.saving_usd, row.shown))
        .report(lever_rows(result))
}

#[cfg(test)]
mod tests;
