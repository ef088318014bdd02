//! The plan of a workload at the prices of one moment after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::OlderTable;
use super::events::{WatchedEvent, WatchedKind, assumed, between, frozen, gone, just_before, of_name};
use crate::calculator::change::CostedPlan;
use crate::calculator::currency::ShownCurrency;
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
    pub(crate) fn new(
        mut workload: Workload,
        inner: TableResolver<'s>,
        setup: &'s Setup,
        older: Option<&'s OlderTable>,
        at: Instant,
    ) -> Self {
        let mut resolver = StillResolver { inner, setup, older, at, names: BTreeMap::new() };
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
        let table = &self.resolver.setup.table;
        let of = |name: &String| {
            let (older, found) = (self.resolver.in_older(name), table.get(name, self.resolver.at));
            let changed = older.zip(found).and_then(|(older, found)| between(&older, &found, self.resolver.at, table));
            // A name that the table did not know then has nothing to tell.
            let events = of_name(table, name, span).unwrap_or_default();
            changed.into_iter().chain(events).map(|event| (name.clone(), event)).collect::<Vec<_>>()
        };
        names.flat_map(of).collect()
    }

    /// A sentence for each model that was retired before a span begins.
    pub(crate) fn gone(&self, begin: Instant) -> Vec<String> {
        let table = &self.resolver.setup.table;
        let names = self.resolver.names.keys();
        names.filter_map(|name| gone(table, &table.get(name, begin)?, begin)).collect()
    }

    /// A sentence for each model that an older table has and this one does not.
    pub(crate) fn lost(&self) -> Vec<String> {
        let resolver = &self.resolver;
        let is_lost =
            |name: &&String| resolver.in_older(name).is_some() && resolver.setup.table.get(name, resolver.at).is_none();
        let lost = resolver.names.keys().filter(is_lost);
        lost.map(|name| format!("{name} is not in this table: the bill keeps its price in the older one.")).collect()
    }

    /// The models whose first bill has an assumed price, each with the day since when there is evidence.
    pub(crate) fn assumed(&self) -> Vec<(String, Instant)> {
        let resolver = &self.resolver;
        let of = |name: &String| {
            let found = match resolver.older {
                Some(_) => resolver.in_older(name)?,
                None => resolver.setup.table.get(name, resolver.at)?,
            };
            Some((found.full_id(), assumed(&found, resolver.at)?))
        };
        resolver.names.keys().filter_map(of).collect()
    }

    /// Lets something happen.
    pub(crate) fn apply(&mut self, name: &str, event: &WatchedEvent) {
        let still = self.resolver.names.entry(name.to_owned()).or_insert_with(|| Still::at(event.holds));
        (still.at, still.is_older) = (event.holds, false);
        if event.kind == WatchedKind::Retires {
            still.instead = event.instead.clone();
        }
    }

    /// What the average month costs.
    pub(crate) fn bill(&mut self) -> Result<Usd, JobError> {
        Ok(Usd::new(self.bill_in("USD")?))
    }

    /// The same in a currency, each day at its rate.
    pub(crate) fn bill_in(&mut self, currency: &str) -> Result<Decimal, JobError> {
        let plan = plan(&self.workload, &mut self.resolver, None)?;
        let settled = Settled::of(&plan, &self.resolver)?;
        let days = [(self.workload.start, self.workload.end)];
        let shown = ShownCurrency::between(currency, "the plan", &self.workload, &days, &self.resolver)?;
        Ok(CostedPlan::of(plan, &settled, shown, false)?.monthly().total())
    }
}

/// The moment at which the prices of a name stand still.
#[derive(Clone, Debug)]
struct Still {
    at: Instant,
    /// What answers in its place, once it has retired.
    instead: Option<String>,
    /// Whether its prices are still those of the older table.
    is_older: bool,
}

impl Still {
    fn at(at: Instant) -> Still {
        Still { at, instead: None, is_older: false }
    }
}

/// Finds each model with the prices of the moment at which it stands still.
struct StillResolver<'s> {
    inner: TableResolver<'s>,
    setup: &'s Setup,
    /// The table that the first bill is of, where it is another one.
    older: Option<&'s OlderTable>,
    /// The moment of what nothing has happened to.
    at: Instant,
    /// Every name that was asked for.
    names: BTreeMap<String, Still>,
}

impl StillResolver<'_> {
    /// What a name means in the older table.
    fn in_older(&self, name: &str) -> Option<Found> {
        self.older.and_then(|older| older.table.get(name, self.at))
    }
}

impl Resolver for StillResolver<'_> {
    fn find(&mut self, model: &str, at: Instant) -> Result<Found, UnknownModel> {
        let first = Still { is_older: self.older.is_some(), ..Still::at(self.at) };
        let still = self.names.entry(model.to_owned()).or_insert(first).clone();
        let table = match self.older.filter(|_| still.is_older) {
            Some(older) => &older.table,
            None => &self.setup.table,
        };
        let instead = still.instead.as_deref().and_then(|id| table.get(id, still.at));
        // A name that only came up later means what it does on the day of the plan.
        let found = instead.map_or_else(|| table.find(model, still.at).or_else(|_| table.find(model, at)), Ok)?;
        Ok(frozen(&found, still.at))
    }

    fn count(&mut self, found: &Found, text: &Arc<str>) -> Result<TokenCount, CountingError> {
        self.inner.count(found, text)
    }

    fn wrapping(&mut self, found: &Found, tools: &[Arc<str>]) -> Result<Wrapping, CountingError> {
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
