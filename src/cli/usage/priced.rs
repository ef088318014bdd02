//! A record with its price, or why it has none.

use std::borrow::Cow;
use std::sync::Arc;

use crate::calculator::{Cost, Refusal, price, price_sized};
use crate::cli::shared::Setup;
use crate::context::Context;
use crate::input::dialect::{Bucket, Dialect, Entry, State};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::card::Role;
use crate::pricing::lookup::Lookup;
use crate::pricing::{Found, UnknownModel};
use crate::usage::Usage;

/// The status for machines, the reason for people, and similar ids where the model is not known.
pub(in crate::cli) struct Refused {
    pub status: &'static str,
    pub reason: String,
    pub suggestions: Vec<String>,
}

impl Refused {
    fn new(status: &'static str, reason: impl Into<String>) -> Self {
        Refused { status, reason: reason.into(), suggestions: Vec::new() }
    }
}

/// What a record costs.
pub(in crate::cli) struct Priced {
    pub cost: Cost,
    pub found: Arc<Found>,
    /// The least and the most that it can be, where the record sums up requests of unknown sizes or times.
    pub range: Option<(Usd, Usd)>,
}

/// What became of a record.
pub(in crate::cli) enum Verdict {
    Priced(Priced),
    /// Nothing was billed: the status, and why.
    Free(&'static str, String),
    /// An amount on somebody's bill, and what for.
    Charge(String),
    Refused(Refused),
}

/// A record and what became of it.
pub(in crate::cli) struct Outcome<'r> {
    /// `None` for a line that is no record.
    pub entry: Option<&'r Entry<'r>>,
    pub provider: Option<Cow<'r, str>>,
    pub model: Option<Cow<'r, str>>,
    pub at: Instant,
    pub verdict: Verdict,
}

/// How records are priced.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Pricing<'s> {
    pub setup: &'s Setup,
    /// Price everything at the instant of the command.
    pub reprice: bool,
    /// For records that do not name theirs.
    pub provider: Option<&'s str>,
    pub model: Option<&'s str>,
}

impl<'s> Pricing<'s> {
    /// The outcome of a line that is no record.
    pub fn bad<'r>(&self, error: &RecordError) -> Outcome<'r> {
        let verdict = Verdict::Refused(Refused::new(error.status(), error.to_string()));
        Outcome { entry: None, provider: None, model: None, at: self.setup.at, verdict }
    }

    pub fn outcome<'r>(&self, entry: &'r Entry<'r>, lookup: &mut Lookup) -> Outcome<'r>
    where
        's: 'r,
    {
        let at = entry.at.filter(|_| !self.reprice).unwrap_or(self.setup.at);
        let provider = entry.provider.as_deref().or(self.provider).map(Cow::Borrowed);
        let model = entry.model.as_deref().or(self.model).map(Cow::Borrowed);
        let mut outcome = Outcome { entry: Some(entry), provider, model, at, verdict: Verdict::Charge(String::new()) };
        outcome.verdict = match &entry.state {
            State::Failed(why) => Verdict::Free("failed", why.clone()),
            State::Cancelled(why) => Verdict::Free("cancelled", why.clone()),
            State::Remembered => Verdict::Free("remembered", "answered out of the gateway's own cache".into()),
            State::Charge(what) => Verdict::Charge(what.clone()),
            State::Done | State::Local => match self.price(entry, &mut outcome, lookup) {
                Ok(priced) => Verdict::Priced(priced),
                Err(refused) => Verdict::Refused(refused),
            },
        };
        outcome
    }

    fn price(&self, entry: &Entry, outcome: &mut Outcome, lookup: &mut Lookup) -> Result<Priced, Refused> {
        let at = outcome.at;
        let Some(model) = outcome.model.as_deref() else {
            let what = "the record does not name its model\n  help: say which it was with --model";
            return Err(Refused::new("invalid-record", what));
        };
        let found = lookup.find(outcome.provider.as_deref(), model, &entry.context, at);
        let found = found.map_err(|unknown| not_found(entry, model, unknown))?;
        if outcome.provider.is_none() && entry.dialect == Dialect::OpenAiChat && found.provider.role != Role::Maker {
            let what = format!(
                "{model} runs on many hosts, and the body does not say on which\n  help: name it with --provider, such as --provider {}",
                found.provider.id
            );
            return Err(Refused::new("no-rate", what));
        }
        if outcome.provider.is_none() {
            outcome.provider = Some(Cow::Owned(found.provider.id.clone()));
        }
        let context = found.settle(&entry.context);
        let priced = cost(&entry.usage, entry.bucket.as_ref(), &found, &context, at);
        let (cost, range) = priced.map_err(|refusal| Refused::new(refusal.status(), refusal.to_string()))?;
        self.setup.exchange(at).map_err(|reason| Refused::new("no-rate", reason))?;
        Ok(Priced { cost, found, range })
    }

    /// Why a file's own figure differs from ours: the one assumption that gives it exactly, if there is one.
    pub fn explain(&self, entry: &Entry, priced: &Priced, reported: Usd, at: Instant) -> &'static str {
        let Found { provider, model, .. } = &*priced.found;
        let context = priced.found.settle(&entry.context);
        let gives = |usage: &Usage, context: &Context, at: Instant| {
            price(provider, model, usage, context, at).is_ok_and(|cost| near(cost.total, reported))
        };
        let moved = |from: &[Meter], to: Option<Meter>| {
            let mut usage = entry.usage.clone();
            for meter in from {
                let tokens = usage.tokens(*meter);
                usage.set_tokens(*meter, 0);
                if let Some(to) = to {
                    usage.set_tokens(to, usage.tokens(to).saturating_add(tokens));
                }
            }
            usage
        };
        let caches = [Meter::CacheRead, Meter::CacheWrite5m, Meter::CacheWrite1h];
        match () {
            () if gives(&entry.usage, &Context::default(), at) => "it leaves out tier, batch or region",
            () if gives(&entry.usage, &context, self.setup.at) => "it uses today's prices, not those of the time",
            () if gives(&moved(&[Meter::CacheWrite1h], Some(Meter::CacheWrite5m)), &context, at) => {
                "it prices one-hour cache writes as five-minute ones"
            }
            () if gives(&moved(&caches, Some(Meter::Input)), &context, at) => "it prices cached tokens as fresh ones",
            () if gives(&moved(&caches, None), &context, at) => "it leaves out cached tokens",
            () if gives(&moved(&[Meter::Reasoning], None), &context, at) => "it leaves out thinking",
            () if gives(&moved(&[Meter::WebSearches], None), &context, at) => "it leaves out web searches",
            () => "of another cause",
        }
    }
}

/// Whether two amounts are the same but for the rounding of a float or of a bill.
pub(in crate::cli) fn near(a: Usd, b: Usd) -> bool {
    let Some(difference) = a.amount().checked_sub(b.amount()) else { return false };
    let share = a.amount().abs().checked_mul(rust_decimal::Decimal::new(1, 5)).unwrap_or_default();
    difference.abs() <= share.max(rust_decimal::Decimal::new(1, 9))
}

fn not_found(entry: &Entry, model: &str, unknown: UnknownModel) -> Refused {
    if entry.state == State::Local {
        let what = format!(
            "{model} ran on a machine of your own: nobody bills its tokens\n  help: `farebox break-even` weighs the machine against an API; a --prices FILE gives it a price"
        );
        return Refused::new("not-sold", what);
    }
    Refused { status: "unknown-model", reason: unknown.to_string(), suggestions: unknown.suggestions }
}

/// A price, and the least and the most that it can be where requests were summed up.
type Ranged = (Cost, Option<(Usd, Usd)>);

/// The price of a request, or of several in one row.
pub(in crate::cli) fn cost(
    usage: &Usage,
    bucket: Option<&Bucket>,
    found: &Found,
    context: &Context,
    at: Instant,
) -> Result<Ranged, Refusal> {
    match bucket {
        Some(bucket) => summed(usage, bucket, found, context, at),
        None => price(&found.provider, &found.model, usage, context, at).map(|cost| (cost, None)),
    }
}

/// The price of several requests in one row. Which tier each of them fell into, and at which hour, is not known: the price
/// is that of requests of the average size at the beginning, and the range that of every size and time they can have had.
fn summed(usage: &Usage, bucket: &Bucket, found: &Found, context: &Context, at: Instant) -> Result<Ranged, Refusal> {
    let total = usage.prompt_tokens();
    let (least, most) = bucket.prompt_tokens.map_or((0, total), |(least, most)| (least, most.min(total).max(least)));
    let average = bucket.requests.map_or(least, |n| total / n.max(1)).clamp(least, most);
    let at_size = |at: Instant, size: u64| price_sized(&found.provider, &found.model, usage, context, at, size);
    let cost = at_size(at, average)?;
    let (mut low, mut high) = (cost.total, cost.total);
    for time in times(at, bucket.until) {
        for size in [least, average, most] {
            if let Ok(other) = at_size(time, size) {
                low = low.min(other.total);
                high = high.max(other.total);
            }
        }
    }
    Ok((cost, (low < high).then_some((low, high))))
}

/// Moments in a span at which prices can differ: each half hour of the first two days, and the end.
fn times(at: Instant, until: Option<Instant>) -> impl Iterator<Item = Instant> {
    const HALF_HOUR: i64 = 1_800;
    let span = until.map_or(0, |until| (until.unix() - at.unix()).max(0));
    let steps = (span / HALF_HOUR).min(96);
    let last = until.filter(|_| span > 0).map(|until| Instant::from_unix(until.unix() - 1));
    (0..=steps).map(move |step| Instant::from_unix(at.unix() + (step * HALF_HOUR).min((span - 1).max(0)))).chain(last)
}
