//! What past usage would have cost on another model, in a batch, with another use of the cache: [`WhatIf`].
//!
//! Records are read and priced as they were as `usage` does; [`Switch`] says what the usage of each would have been.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use self::ratios::{TokenRatios, TokenizerPair, pair};
use self::target::SwitchTarget;
use self::totals::{SwitchSide, SwitchSums};
use super::usage::PricingWishes;
use super::usage::priced::{RecordPricing, RecordRefusal, RecordVerdict, cost};
use super::{JobError, Setup, TokenizerChoice};
use crate::calculator::switch::{Caching, Switch};
use crate::input::calls::Reading;
use crate::input::calls::stream::{ChunkResult, StreamPlan, StreamSink, TakeItems, run_stream};
use crate::input::calls::texts::long_texts;
use crate::input::dialect::{Entry, Item, State};
use crate::input::text::Source;
use crate::jobs::life::life_text;
use crate::money::Usd;
use crate::period::{Instant, Period};
use crate::pricing::Found;
use crate::pricing::lookup::Lookup;
use crate::range::Range;
use crate::tokenizer::ratio::{Ratio, USUAL, samples};

mod ratios;
mod rows;
mod target;
mod totals;

pub use rows::{WhatIfCosts, WhatIfHead, WhatIfRow};
pub use totals::WhatIfTotals;

/// What would be other than it was.
#[derive(Clone, Debug)]
pub struct WhatIfQuery {
    /// What lines are taken for.
    pub reading: Reading,
    /// What the user knows better than the records do, for what they cost.
    pub wishes: PricingWishes,
    /// Models to move from and to, of which the first that fits a record wins; `*` is any model.
    pub switches: Vec<(String, String)>,
    /// Everything is sent in batches.
    pub batch: bool,
    /// The queue that everything is sent through.
    pub service_tier: Option<String>,
    /// What becomes of cached tokens.
    pub caching: Caching,
    /// Length of answers on another model, in percent of what they were.
    pub answers: RangeInclusive<u32>,
    /// Kinds of text that stand for the log's where it holds none.
    pub text_classes: Vec<String>,
    /// Whether the other side is priced at the instant of the setup, and not at the time of each call.
    pub at_setup: bool,
}

impl WhatIfQuery {
    fn is_no_change(&self) -> bool {
        let other_use = self.batch || self.service_tier.is_some() || self.caching != Caching::AsItWas;
        !other_use && self.switches.is_empty() && !self.at_setup && self.answers == (100..=100)
    }
}

/// A question that can be answered: its models are known.
pub struct WhatIf<'s> {
    query: &'s WhatIfQuery,
    setup: &'s Setup,
    targets: Vec<SwitchTarget>,
    classes: Vec<String>,
}

impl<'s> WhatIf<'s> {
    /// Looks up what is asked.
    ///
    /// # Errors
    /// [`JobError::Asked`] where nothing would be other than it was, or a kind of text is not known;
    /// [`JobError::Model`] where a model to move to is not known.
    pub fn new(query: &'s WhatIfQuery, setup: &'s Setup) -> Result<Self, JobError> {
        let classes = classes(&query.text_classes)?;
        if query.is_no_change() {
            let help = "give --switch FROM=TO, --model MODEL, --batch, --service-tier TIER, --cache-hits PERCENT, --no-cache, --answers LOW..HIGH or --at DATE";
            return Err(JobError::asked("what if what?", help));
        }
        let switches = query.switches.iter();
        let targets = switches.map(|(from, to)| SwitchTarget::of(from, to, setup)).collect::<Result<Vec<_>, _>>()?;
        if targets.is_empty() && !query.text_classes.is_empty() {
            return Err(JobError::asked(
                "--text-class changes nothing here: only another model counts a text differently",
                "leave it out, or name a model with --switch FROM=TO or --model MODEL",
            ));
        }
        Ok(WhatIf { query, setup, targets, classes })
    }

    /// Reads every record of the sources that is of a span of time, on so many threads, and prices it on both sides.
    ///
    /// # Errors
    /// [`JobError::Io`] where a thread failed, so that sums would be too low.
    pub fn price(
        &self,
        sources: &[Source],
        span: Period,
        threads: usize,
        sink: &mut dyn StreamSink,
    ) -> Result<WhatIfTotals, JobError> {
        // Only another tokenizer asks for texts.
        let texts = if self.targets.is_empty() { Vec::new() } else { long_texts(sources) };
        let ratios = TokenRatios { setup: self.setup, texts, classes: &self.classes, known: HashMap::new() };
        let ratios = Mutex::new(ratios);
        let plan = StreamPlan::new(sources, &self.query.reading, threads, false);
        let mut totals = run_stream(plan, &|| SwitchTaker::new(self, span, &ratios), sink)?.totals;
        totals.ratios = ratios.into_inner().unwrap_or_else(PoisonError::into_inner).said();
        Ok(totals)
    }

    /// Warnings of switches that moved nothing.
    ///
    /// # Errors
    /// [`JobError::Asked`] where it was all that was asked to move.
    pub fn judge(&self, totals: &WhatIfTotals) -> Result<Vec<String>, JobError> {
        totals.judge(&self.targets)
    }
}

/// The kinds of text that stand for the log's.
fn classes(asked: &[String]) -> Result<Vec<String>, JobError> {
    let mut known: Vec<&str> = samples().iter().map(|sample| sample.kind.as_str()).collect();
    if let Some(class) = asked.iter().find(|class| !known.contains(&class.as_str())) {
        known.dedup();
        return Err(JobError::asked(
            format!("no class of text is called {class:?}"),
            format!("write one of {}", known.join(", ")),
        ));
    }
    Ok(if asked.is_empty() { USUAL.map(str::to_owned).to_vec() } else { asked.to_vec() })
}

/// Which side has no price, and why.
type SideRefusal = (SwitchSide, Box<RecordRefusal>);

/// Prices on both sides what one thread is given.
struct SwitchTaker<'a, 's> {
    what_if: &'a WhatIf<'a>,
    span: Period,
    pricing: RecordPricing<'a>,
    lookup: Lookup<'a>,
    /// Ratios of all threads, and those that this thread has asked for.
    ratios: &'a Mutex<TokenRatios<'s>>,
    known: HashMap<TokenizerPair, Ratio>,
    totals: WhatIfTotals,
}

impl TakeItems for SwitchTaker<'_, '_> {
    fn take(&mut self, source: &str, line: u64, item: &Item, result: &mut ChunkResult) {
        let taken = match item {
            Item::Entry(entry) if !self.includes(entry) => return,
            Item::Entry(entry) if entry.state == State::Done => {
                self.totals.unread.add_record(source, line, &entry.unread);
                self.entry(entry)
            }
            Item::Entry(_) => {
                self.totals.free += 1;
                return;
            }
            Item::Bad(error) => Err((SwitchSide::Past, Box::new(error.into()))),
            Item::Event(_) => return,
        };
        if let Err((side, mut refused)) = taken {
            *self.totals.refused.entry((refused.status, side)).or_default() += 1;
            result.warn(line, refused.kind(), || {
                refused.explain(&mut self.lookup);
                format!("{}: {}: {}", side.name(), refused.status, refused.text())
            });
        }
    }

    fn merge(&mut self, other: Self) {
        self.totals.merge(other.totals);
    }
}

impl<'a, 's> SwitchTaker<'a, 's> {
    fn new(what_if: &'a WhatIf<'a>, span: Period, ratios: &'a Mutex<TokenRatios<'s>>) -> Self {
        let setup = what_if.setup;
        SwitchTaker {
            what_if,
            span,
            pricing: RecordPricing { setup, wishes: &what_if.query.wishes },
            lookup: Lookup::new(&setup.table),
            ratios,
            known: HashMap::new(),
            totals: WhatIfTotals { fitted: vec![[0; 2]; what_if.targets.len()], ..WhatIfTotals::default() },
        }
    }

    /// Whether a record is inside of the span that was asked for.
    fn includes(&mut self, entry: &Entry) -> bool {
        if self.span == Period::default() || entry.at.is_some_and(|at| self.span.contains(at)) {
            return true;
        }
        self.totals.outside += u64::from(entry.at.is_some());
        self.totals.without_time += u64::from(entry.at.is_none());
        false
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), SideRefusal> {
        let WhatIf { query, setup, .. } = self.what_if;
        let pricing = self.pricing;
        let outcome = pricing.outcome(entry, &mut self.lookup);
        let at = outcome.at;
        let was = match outcome.verdict {
            RecordVerdict::Priced(priced) => priced,
            RecordVerdict::Refused(refused) => return Err((SwitchSide::Past, Box::new(refused))),
            RecordVerdict::Free(..) | RecordVerdict::Charge(_) => {
                self.totals.free += 1;
                return Ok(());
            }
        };
        let past = &*was.found;
        *self.totals.held.entry(past.full_id()).or_default() += 1;
        let other_at = if query.at_setup { setup.at } else { at };
        let model = outcome.model.as_deref().unwrap_or_default();
        let other = match self.target(model, past) {
            Some(target) => {
                let found = self.lookup.find(None, &target.to, &entry.context, other_at);
                found.map_err(|unknown| (SwitchSide::Other, Box::new(RecordRefusal::of_unknown(&unknown))))?
            }
            None => Arc::clone(&was.found),
        };
        let (was_low, was_high) = was.range.unwrap_or((was.cost.total, was.cost.total));
        let there = self.there(entry, (past, at), (&other, other_at))?;
        self.totals.summed |= entry.bucket.is_some();
        for (found, at) in [(past, at), (&*other, other_at)] {
            if found.retired().is_some_and(|day| day <= at) {
                let life = setup.table.life_of(found, at);
                self.totals.ended.insert(format!("{} ({})", found.ending_id(), life_text(life, &found.model)));
            }
        }
        let is_assumed = |found: &Found, at| found.model.rates_at(at).is_some_and(|c| c.assumed_before(at).is_some());
        let assumed = u64::from(was.cost.assumed.is_some() || is_assumed(&other, other_at));
        let sums = SwitchSums { records: 1, was: was.cost.total, was_low, was_high, there, assumed };
        let slot = self.totals.rows.entry((past.full_id(), other.full_id())).or_default();
        *slot = *slot + sums;
        Ok(())
    }

    /// The first target that fits a record, if any.
    fn target(&mut self, model: &str, past: &Found) -> Option<&'a SwitchTarget> {
        let mut first = None;
        for (target, [fits, moved]) in self.what_if.targets.iter().zip(&mut self.totals.fitted) {
            if target.is_for(model, past) {
                *fits += 1;
                *moved += u64::from(first.is_none());
                first = first.or(Some(target));
            }
        }
        first
    }

    /// The ratio between two tokenizers, measured once for all threads.
    fn ratio(&mut self, from: &TokenizerChoice, to: &TokenizerChoice) -> Result<Ratio, SideRefusal> {
        let pair = pair(from, to);
        if let Some(ratio) = self.known.get(&pair) {
            return Ok(*ratio);
        }
        // A thread that panicked while it measured left the others as they were.
        let mut all = self.ratios.lock().unwrap_or_else(PoisonError::into_inner);
        let ratio = all.between(from, to).map_err(|why| (SwitchSide::Other, Box::new(why)))?;
        self.known.insert(pair, ratio);
        Ok(ratio)
    }

    /// What is other for a record that moves from one card to another.
    fn switch(
        &mut self,
        (past, at): (&Found, Instant),
        (other, other_at): (&Found, Instant),
    ) -> Result<Switch, SideRefusal> {
        let WhatIf { query, setup, .. } = self.what_if;
        let is_other_model = past.full_id() != other.full_id();
        let ratio = if is_other_model {
            let choice = |found, at| TokenizerChoice::at(found, at, setup);
            self.ratio(&choice(past, at), &choice(other, other_at))?
        } else {
            Ratio::SAME
        };
        let capabilities = &other.model.info.capabilities;
        Ok(Switch {
            is_other_model,
            ratio,
            answer_percent: query.answers.clone(),
            reasons: capabilities.is_empty() || capabilities.iter().any(|c| c == "reasoning"),
            caching: query.caching,
            batch: query.batch,
            service_tier: query.service_tier.clone(),
        })
    }

    /// What a record would have cost.
    fn there(
        &mut self,
        entry: &Entry,
        past: (&Found, Instant),
        (other, other_at): (&Found, Instant),
    ) -> Result<Range<Usd>, SideRefusal> {
        let switch = self.switch(past, (other, other_at))?;
        let card = other.model.rates_at(other_at);
        // Without a card in force the price itself says why.
        let usages = card.map(|card| switch.usage(&entry.usage, card)).unwrap_or_default();
        let context = switch.context(&entry.context);
        let context = other.settle(&context);
        let priced = |usage| {
            let cost = cost(usage, entry.bucket.as_ref(), other, &context, other_at);
            let cost = cost.and_then(|(cost, range)| Ok((self.pricing.known(cost, other, other_at)?, range)));
            let (cost, range) = cost.map_err(|refusal| (SwitchSide::Other, Box::new(refusal.into())))?;
            let (low, high) = range.unwrap_or((cost.total, cost.total));
            Ok(Range { low, expected: cost.total, high })
        };
        let (low, expected, high) = (priced(&usages.low)?, priced(&usages.expected)?, priced(&usages.high)?);
        Ok(Range { low: low.low, expected: expected.expected, high: high.high })
    }
}
