//! The plan of a workload at the prices of one moment after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::events::{WatchedEvent, WatchedKind, frozen, gone, just_before, of_name};
use crate::calculator::change::CostedPlan;
use crate::calculator::projection::{CountingError, Resolver, plan};
use crate::calculator::settled::Settled;
use crate::calculator::workload::Workload;
use crate::conversation::Media;
use crate::jobs::check::{UnpricedFeature, leave_out_unpriced};
use crate::jobs::workload::TableResolver;
use crate::jobs::{JobError, Setup};
use crate::money::Usd;
use crate::period::{Instant, Period};
use crate::pricing::{Found, UnknownModel};
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::Wrapping;
use crate::tokenizer::media::Weighed;

/// The average month of a workload, at prices that stand still until something happens.
pub(super) struct WatchedPlan<'s> {
    workload: Workload,
    resolver: StillResolver<'s>,
    /// Features that have no price.
    pub unpriced: Vec<UnpricedFeature>,
}

impl<'s> WatchedPlan<'s> {
    /// The workload at the prices of a moment; features without a price then are left out.
    pub(crate) fn new(mut workload: Workload, inner: TableResolver<'s>, setup: &'s Setup, at: Instant) -> Self {
        let mut resolver = StillResolver { inner, setup, at, names: BTreeMap::new() };
        let unpriced = leave_out_unpriced(&mut workload, &mut resolver);
        WatchedPlan { workload, resolver, unpriced }
    }

    /// Whether anything is left to watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.workload.features.is_empty()
    }

    /// What happens to the models that the workload names, with the name.
    pub(crate) fn events(&self, span: Period) -> Vec<(String, WatchedEvent)> {
        let names = self.resolver.names.keys();
        let of = |name: &String| {
            // A name that the table did not know then has nothing to tell.
            let events = of_name(&self.resolver.setup.table, name, span).unwrap_or_default();
            events.into_iter().map(|event| (name.clone(), event)).collect::<Vec<_>>()
        };
        names.flat_map(of).collect()
    }

    /// A sentence for each model that was retired before a span begins.
    pub(crate) fn gone(&self, begin: Instant) -> Vec<String> {
        let table = &self.resolver.setup.table;
        let names = self.resolver.names.keys();
        names.filter_map(|name| gone(table, &table.get(name, begin)?, begin)).collect()
    }

    /// Lets something happen.
    pub(crate) fn apply(&mut self, name: &str, event: &WatchedEvent) {
        let still = self.resolver.names.entry(name.to_owned()).or_insert(Still { at: event.at, instead: None });
        still.at = event.at;
        if event.kind == WatchedKind::Retires {
            still.instead = event.instead.clone();
        }
    }

    /// What the average month costs.
    pub(crate) fn bill(&mut self) -> Result<Usd, JobError> {
        let plan = plan(&self.workload, &mut self.resolver, None)?;
        let settled = Settled::of(&plan, &self.resolver)?;
        let costed = CostedPlan::of(plan, &settled, Decimal::ONE, false)?;
        Ok(Usd::new(costed.monthly().total()))
    }
}

/// The moment at which the prices of a name stand still.
#[derive(Clone, Debug)]
struct Still {
    at: Instant,
    /// What answers in its place, once it has retired.
    instead: Option<String>,
}

/// Finds each model with the prices of the moment at which it stands still.
struct StillResolver<'s> {
    inner: TableResolver<'s>,
    setup: &'s Setup,
    /// The moment of what nothing has happened to.
    at: Instant,
    /// Every name that was asked for.
    names: BTreeMap<String, Still>,
}

impl Resolver for StillResolver<'_> {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        let still = self.names.entry(model.to_owned()).or_insert(Still { at: self.at, instead: None }).clone();
        let table = &self.setup.table;
        let instead = still.instead.as_deref().and_then(|id| table.get(id, still.at));
        // A name that only came up later means what it does on the day of the plan.
        let found = instead.map_or_else(|| table.find(model, still.at).or_else(|_| table.find(model, at)), Ok)?;
        Ok(frozen(&found, still.at))
    }

    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        self.inner.count(found, text)
    }

    fn wrapping(&mut self, found: &Found, tools: Option<&Arc<str>>) -> Result<Wrapping, CountingError> {
        self.inner.wrapping(found, tools)
    }

    fn image(&mut self, found: &Found, width: u32, height: u32) -> Result<TokenCount, CountingError> {
        self.inner.image(found, width, height)
    }

    fn weigh(&mut self, found: &Found, media: &Media) -> Result<Weighed, CountingError> {
        self.inner.weigh(found, media)
    }

    fn tokenizer(&self, found: &Found) -> String {
        self.inner.tokenizer(found)
    }

    fn per_usd(&self, currency: &str, at: Instant) -> Option<Decimal> {
        self.inner.per_usd(currency, at)
    }

    fn exchange_changes(&self, currency: &str) -> Vec<Date> {
        self.inner.exchange_changes(currency)
    }
}

/// The moment before a span, whose prices the first bill has.
pub(super) fn before(span: Period) -> Instant {
    span.from.map_or(Instant::from_unix(0), just_before)
}
