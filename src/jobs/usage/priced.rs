//! A record with its price, or why it has none.

use std::borrow::Cow;
use std::sync::Arc;

use crate::calculator::{Cost, Refusal, price, price_sized};
use crate::context::Context;
use crate::input::dialect::{Bucket, Entry, Naming, State};
use crate::input::record::RecordError;
use crate::jobs::error::with_help;
use crate::jobs::setup::{Setup, converted};
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::lookup::Lookup;
use crate::pricing::{Found, UnknownModel, Whose};
use crate::tokenizer::TokenizerError;
use crate::usage::Usage;

/// Why a record has no price: the status for programs, the reason for people, and similar ids where the model is not known.
pub(crate) struct RecordRefusal {
    pub status: &'static str,
    pub reason: String,
    /// The next steps.
    help: Vec<String>,
    pub suggestions: Vec<String>,
    /// What no card was found for, until [`RecordRefusal::explain`] says why.
    asked: Option<Box<(Option<String>, String, Instant)>>,
}

impl RecordRefusal {
    /// A refusal with its status and reason.
    pub(crate) fn new(status: &'static str, reason: impl Into<String>) -> Self {
        RecordRefusal { status, reason: reason.into(), help: Vec::new(), suggestions: Vec::new(), asked: None }
    }

    /// The same with a next step.
    fn or(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// What refusals for the same cause have in common: the model that is not known, or the reason without its numbers.
    pub(crate) fn kind(&self) -> String {
        if let Some((provider, model, _)) = self.asked.as_deref() {
            return format!("{} {}/{model}", self.status, provider.as_deref().unwrap_or_default());
        }
        let mut kind = String::with_capacity(self.status.len() + 1 + self.reason.len());
        kind.push_str(self.status);
        kind.push(' ');
        let mut rest = self.reason.as_str();
        while let Some(digit) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let (before, digits) = rest.split_at(digit);
            kind.push_str(before);
            kind.push('#');
            rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
        }
        kind.push_str(rest);
        kind
    }

    /// The reason and the next steps below it, as the program prints them.
    pub(crate) fn text(&self) -> String {
        self.help.iter().fold(self.reason.clone(), |text, help| with_help(&text, Some(help.clone())))
    }

    /// A tokenizer that cannot be used, so that nothing is measured on it.
    pub(crate) fn unmeasured(error: TokenizerError) -> Self {
        RecordRefusal { help: error.help().into_iter().collect(), ..RecordRefusal::new("no-rate", error.to_string()) }
    }

    /// A model that is not known, with its similar ids in the help.
    pub(crate) fn of_unknown(unknown: &UnknownModel) -> Self {
        RecordRefusal {
            help: unknown.help().into_iter().collect(),
            ..RecordRefusal::new("unknown-model", unknown.to_string())
        }
    }

    /// A model that is not known. Similar ids are looked for only where somebody reads them.
    fn unknown(provider: Option<&str>, model: &str, at: Instant) -> Self {
        let asked = Some(Box::new((provider.map(str::to_owned), model.to_owned(), at)));
        RecordRefusal { asked, ..RecordRefusal::new("unknown-model", "") }
    }

    /// Completes a refusal that is shown.
    pub(crate) fn explain(&mut self, lookup: &mut Lookup) {
        let Some(asked) = self.asked.take() else { return };
        let (provider, model, at) = *asked;
        let why = lookup.why(provider.as_deref(), &model, at);
        self.reason = why.to_string();
        self.help.extend(why.help());
        if why.unknown_provider.is_some() {
            let help = "--force-provider PROVIDER prices these records at the rates of another provider";
            self.help.push(help.to_owned());
        }
        self.suggestions.clone_from(&why.suggestions);
    }
}

impl From<Refusal> for RecordRefusal {
    fn from(refusal: Refusal) -> Self {
        let help = refusal.help().into_iter().collect();
        RecordRefusal { help, ..RecordRefusal::new(refusal.status(), refusal.to_string()) }
    }
}

impl From<&RecordError> for RecordRefusal {
    fn from(error: &RecordError) -> Self {
        let help = error.help().into_iter().map(str::to_owned).collect();
        RecordRefusal { help, ..RecordRefusal::new(error.status(), error.to_string()) }
    }
}

/// Why a record was priced at a provider that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Assumed {
    /// It names none: the maker of the model is the likeliest.
    Unnamed,
    /// Its form is usually one provider's, which does not sell the model.
    NotSold,
}

impl Assumed {
    /// One clause for people, of one record.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Assumed::Unnamed => "the record does not name its provider: priced at the maker of the model",
            Assumed::NotSold => {
                "the provider of this form of usage does not sell the model: priced at the maker of the model"
            }
        }
    }
}

/// What a record costs.
pub(crate) struct PricedRecord {
    pub cost: Cost,
    pub found: Arc<Found>,
    /// The least and the most that it can be, where the record sums up requests of unknown sizes or times.
    pub range: Option<(Usd, Usd)>,
    /// Whether the provider is not the one that the record names.
    pub assumed: Option<Assumed>,
}

/// What became of a record.
pub(crate) enum RecordVerdict {
    /// It has a price.
    Priced(PricedRecord),
    /// Nothing was billed: the status, and why.
    Free(&'static str, String),
    /// An amount on somebody's bill, and what for.
    Charge(String),
    /// It has none.
    Refused(RecordRefusal),
}

/// A record and what became of it.
pub(crate) struct RecordOutcome<'r> {
    /// `None` for a line that is no record.
    pub entry: Option<&'r Entry<'r>>,
    pub provider: Option<Cow<'r, str>>,
    pub model: Option<Cow<'r, str>>,
    pub at: Instant,
    pub verdict: RecordVerdict,
}

/// What a user knows better than the records do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PricingWishes {
    /// Price everything at the instant of the setup.
    pub reprice: bool,
    /// The provider of records that do not name theirs.
    pub provider: Option<String>,
    /// The model of records that do not name theirs.
    pub model: Option<String>,
    /// The provider of every record, whatever it names.
    pub force_provider: Option<String>,
    /// The model of every record, whatever it names.
    pub force_model: Option<String>,
}

/// How records are priced.
#[derive(Clone, Copy)]
pub(crate) struct RecordPricing<'s> {
    /// The prices.
    pub setup: &'s Setup,
    /// What the user knows better.
    pub wishes: &'s PricingWishes,
}

impl<'s> RecordPricing<'s> {
    fn provider(&self) -> Option<&'s str> {
        self.wishes.provider.as_deref()
    }

    fn force_provider(&self) -> Option<&'s str> {
        self.wishes.force_provider.as_deref()
    }

    /// The outcome of a line that is no record.
    pub(crate) fn bad<'r>(&self, error: &RecordError) -> RecordOutcome<'r> {
        let verdict = RecordVerdict::Refused(error.into());
        RecordOutcome { entry: None, provider: None, model: None, at: self.setup.at, verdict }
    }

    /// What becomes of a record.
    pub(crate) fn outcome<'r>(&self, entry: &'r Entry<'r>, lookup: &mut Lookup) -> RecordOutcome<'r>
    where
        's: 'r,
    {
        let at = entry.at.filter(|_| !self.wishes.reprice).unwrap_or(self.setup.at);
        let provider = self.force_provider().or(entry.provider.as_deref()).or(self.provider()).map(Cow::Borrowed);
        let named = entry.model.as_deref().filter(|model| !model.is_empty());
        let model = self.wishes.force_model.as_deref().or(named).or(self.wishes.model.as_deref()).map(Cow::Borrowed);
        let mut outcome =
            RecordOutcome { entry: Some(entry), provider, model, at, verdict: RecordVerdict::Charge(String::new()) };
        outcome.verdict = match &entry.state {
            State::Failed(why) => RecordVerdict::Free("failed", why.clone()),
            State::Cancelled(why) => RecordVerdict::Free("cancelled", why.clone()),
            State::Remembered => RecordVerdict::Free("remembered", "answered out of the gateway's own cache".into()),
            State::Charge(what) => RecordVerdict::Charge(what.clone()),
            State::Done | State::Local if entry.usage.used().next().is_none() => {
                RecordVerdict::Free("empty", "all of its counts are zero: nothing was used".into())
            }
            State::Done | State::Local => match self.price(entry, &mut outcome, lookup) {
                Ok(priced) => RecordVerdict::Priced(priced),
                Err(_) if self.is_free(entry) => {
                    RecordVerdict::Free("free", "OpenRouter takes nothing for this variant of the model".into())
                }
                Err(refused) => RecordVerdict::Refused(refused),
            },
        };
        outcome
    }

    /// Whether a record is of a variant that costs nothing, which the table need not list: those of OpenRouter end so.
    fn is_free(&self, entry: &Entry) -> bool {
        let is_forced = self.wishes.force_model.is_some() || self.wishes.force_provider.is_some();
        let model = entry.model.as_deref().filter(|model| model.ends_with(":free") && !is_forced);
        let provider = entry.provider.as_deref().or_else(|| Some(model?.split_once('/')?.0));
        let is_routed = provider.and_then(|name| self.setup.table.provider(name)).is_some_and(|p| p.id == "openrouter");
        model.is_some() && is_routed && entry.reported.as_ref().is_none_or(|reported| reported.amount.is_zero())
    }

    fn price(
        &self,
        entry: &Entry,
        outcome: &mut RecordOutcome,
        lookup: &mut Lookup,
    ) -> Result<PricedRecord, RecordRefusal> {
        let at = outcome.at;
        let Some(model) = outcome.model.as_deref() else {
            let help = "name it: `farebox usage --model MODEL` or `farebox what-if --force-model MODEL`";
            return Err(RecordRefusal::new("invalid-record", "the record does not name its model").or(help));
        };
        let (found, assumed) = self.card(entry, model, at, lookup)?;
        outcome.provider = Some(Cow::Owned(found.provider.id.clone()));
        let context = found.settle(&entry.context);
        let priced = cost(&entry.usage, entry.bucket.as_ref(), &found, &context, at);
        let priced = priced.and_then(|(cost, range)| Ok((self.known(cost, &found, at)?, range)));
        let (cost, range) = priced?;
        if let Some(rate) = self.setup.exchange(at).map_err(|error| RecordRefusal {
            help: error.help().into_iter().collect(),
            ..RecordRefusal::new("no-rate", error.to_string())
        })? {
            // A sum that left this amount out would be too low without a word.
            converted(cost.total, rate).ok_or_else(|| {
                let what = format!("{} in {} has more digits than farebox carries", cost.total, rate.currency);
                RecordRefusal::new("no-rate", what).or("leave out --currency")
            })?;
        }
        Ok(PricedRecord { cost, found, range, assumed })
    }

    /// The cost, unless its rates are assumed and such ones are refused.
    pub(crate) fn known(&self, cost: Cost, found: &Found, at: Instant) -> Result<Cost, Refusal> {
        let is_refused = self.setup.strict && cost.assumed.is_some();
        if is_refused { cost.refuse_assumed(&found.full_id(), at) } else { Ok(cost) }
    }

    /// The card of a record, and whether it is one of a provider that the record does not name.
    ///
    /// Providers are asked in the order in which they are likely: the one that the user forces, the one that the record
    /// names, the one that the user gives for records that name none, the one whose form the record has, and the maker of
    /// the model where that form is only a habit.
    fn card(&self, entry: &Entry, model: &str, at: Instant, lookup: &mut Lookup) -> Result<ForRecord, RecordRefusal> {
        if let Some(forced) = self.force_provider() {
            let found = lookup.get(Whose::Provider(forced), model, &entry.context, at).map(|found| (found, None));
            return found.ok_or_else(|| RecordRefusal::unknown(Some(forced), model, at));
        }
        // `-m groq/llama-3.3-70b` says both.
        let is_users = self.wishes.force_model.is_some() || entry.model.as_deref().is_none_or(str::is_empty);
        let whole = model.split_once('/').filter(|(name, _)| is_users && self.setup.table.provider(name).is_some());
        if whole.is_some() {
            let found = lookup.get(Whose::Anyone, model, &entry.context, at).map(|found| (found, None));
            return found.ok_or_else(|| RecordRefusal::unknown(None, model, at));
        }
        let mut at_provider = |name: &str| lookup.get(Whose::Provider(name), model, &entry.context, at);
        let named = entry.provider.as_deref().filter(|name| !name.is_empty());
        let is_habit = self.wishes.force_model.is_some() || entry.naming != Naming::Stated;
        let order = match (entry.naming, named) {
            (Naming::Assumed, _) => [self.provider(), named],
            (_, Some(_)) if !is_habit => [named, None],
            _ => [named, self.provider()],
        };
        if let Some(found) = order.into_iter().flatten().find_map(&mut at_provider) {
            return Ok((found, None));
        }
        let Some(first) = order.into_iter().flatten().next() else { return self.unnamed(entry, model, at, lookup) };
        // A provider that the table does not have may sell it all the same.
        let is_known = named.is_some_and(|name| self.setup.table.provider(name).is_some());
        let maker = if is_habit && is_known { lookup.get(Whose::Maker, model, &entry.context, at) } else { None };
        let found = maker.map(|found| (found, Some(Assumed::NotSold)));
        found.ok_or_else(|| not_found(entry, Some(first), model, at))
    }

    /// The card of a record without a provider.
    fn unnamed(
        &self,
        entry: &Entry,
        model: &str,
        at: Instant,
        lookup: &mut Lookup,
    ) -> Result<ForRecord, RecordRefusal> {
        let is_body = entry.dialect.is_common();
        if is_body && let Some(found) = lookup.get(Whose::Maker, model, &entry.context, at) {
            return Ok((found, Some(Assumed::Unnamed)));
        }
        let Some(found) = lookup.get(Whose::Anyone, model, &entry.context, at) else {
            return Err(not_found(entry, None, model, at));
        };
        // Most hosts answer in OpenAI's form, so that the form says nothing of who billed.
        if is_body {
            let what = format!("{model} runs on many hosts, and the body does not name the one that answered");
            let help = format!("name it with --provider, such as --provider {}", found.provider.id);
            return Err(RecordRefusal::new("no-rate", what).or(help));
        }
        Ok((found, None))
    }

    /// Why a file's own figure differs from ours: the one assumption that gives it exactly, if there is one.
    pub(crate) fn explain(&self, entry: &Entry, priced: &PricedRecord, reported: Usd, at: Instant) -> &'static str {
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
        let caches = [Meter::CACHE_READS, Meter::CACHE_WRITES].concat();
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
pub(crate) fn near(a: Usd, b: Usd) -> bool {
    let Some(difference) = a.amount().checked_sub(b.amount()) else { return false };
    let share = a.amount().abs().checked_mul(rust_decimal::Decimal::new(1, 5)).unwrap_or_default();
    difference.abs() <= share.max(rust_decimal::Decimal::new(1, 9))
}

/// A card, and why it is that of a provider that the record does not name.
type ForRecord = (Arc<Found>, Option<Assumed>);

fn not_found(entry: &Entry, provider: Option<&str>, model: &str, at: Instant) -> RecordRefusal {
    if entry.state == State::Local {
        let what = format!("{model} ran on your own machine: no provider bills its tokens");
        return RecordRefusal::new("not-sold", what).or("`farebox break-even` compares the machine with an API");
    }
    RecordRefusal::unknown(provider, model, at)
}

/// A price, and the least and the most that it can be where requests were summed up.
type Ranged = (Cost, Option<(Usd, Usd)>);

/// The price of a request, or of several in one row.
pub(crate) fn cost(
    usage: &Usage,
    bucket: Option<&Bucket>,
    found: &Found,
    context: &Context,
    at: Instant,
) -> Result<Ranged, Refusal> {
    match bucket {
        Some(bucket) => summed(usage, bucket, found, context, at),
        None if is_sum(usage, found) => summed(usage, &Bucket::default(), found, context, at),
        None => price(&found.provider, &found.model, usage, context, at).map(|cost| (cost, None)),
    }
}

/// Whether no single prompt can be that long: then it is the sum of a day, whose prompts were shorter.
fn is_sum(usage: &Usage, found: &Found) -> bool {
    /// No model with rates by the length of the prompt takes more, whatever the window that is known of it.
    const LONGEST_PROMPT: u64 = 1_100_000;
    let window = found.model.info.context_window;
    window.is_some_and(|window| usage.prompt_tokens() > window.max(LONGEST_PROMPT))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Dimension;
    use crate::input::dialect::{Dialect, Reported};
    use crate::jobs::AsOf;
    use crate::pricing::PriceTable;
    use crate::pricing::compile::PriceFile;
    use rust_decimal::{Decimal, dec};

    /// A model of the test's own, in dollars per million tokens, which cost seven times as much from 2025 on.
    const PRICES: &str = "schema: 1
provider: acme
fallbacks: {reasoning: output}
models:
  - id: m
    prices:
      - from: 2020-01-01
        to: 2025-01-01
        rates: {input: \"1\", cache_read: \"0.1\", cache_write_5m: \"1.25\", cache_write_1h: \"2\", cache_write_12h: \"3\", output: \"4\", web_search: {price: \"10\", per: 1000}}
        variants:
          - {when: {processing: batch}, rates: {input: \"0.5\", output: \"2\"}}
      - from: 2025-01-01
        rates: {input: \"7\", output: \"28\"}
  - id: by-the-hour
    prices:
      - from: 2020-01-01
        rates: {input: \"1\", output: \"1\"}
        schedule:
          - {windows: [\"10:00-10:30\"], zone: UTC, weekdays: thu, factor: \"2\"}
";

    fn setup_at(at: &str, table: PriceTable) -> Setup {
        Setup {
            table: table.into(),
            at: at.parse().unwrap(),
            as_of: AsOf::Named,
            currency: None,
            vocabularies: None,
            strict: false,
        }
    }

    fn with_setup(run: impl FnOnce(&Setup)) {
        let mut table = PriceTable::bundled();
        table.lay_over(&[PriceFile { path: "prices.yaml".into(), text: PRICES.into() }]).unwrap();
        run(&setup_at("2025-06-01", table));
    }

    const NO_WISHES: PricingWishes =
        PricingWishes { reprice: false, provider: None, model: None, force_provider: None, force_model: None };

    fn plain(setup: &Setup) -> RecordPricing<'_> {
        RecordPricing { setup, wishes: &NO_WISHES }
    }

    fn million(meters: &[Meter]) -> Usage {
        let mut usage = Usage::default();
        meters.iter().for_each(|meter| usage.set_tokens(*meter, 1_000_000));
        usage
    }

    fn entry(model: &'static str, usage: Usage) -> Entry<'static> {
        let mut entry = Entry::new(Dialect::LiteLlm, usage);
        (entry.provider, entry.model) = (Some("acme".into()), Some(model.into()));
        entry.at = Some("2024-06-01".parse().unwrap());
        entry
    }

    fn explained(setup: &Setup, entry: &Entry, reported: Decimal) -> (Usd, &'static str) {
        let pricing = plain(setup);
        let outcome = pricing.outcome(entry, &mut Lookup::new(&setup.table));
        let RecordVerdict::Priced(priced) = &outcome.verdict else { panic!("{entry:?} has a price") };
        (priced.cost.total, pricing.explain(entry, priced, Usd::new(reported), outcome.at))
    }

    #[test]
    fn each_cause_of_a_difference_is_found() {
        use Meter::{CacheRead, CacheWrite1h, CacheWrite5m, CacheWrite12h, Input, Output, Reasoning};
        let caches = [CacheRead, CacheWrite5m, CacheWrite1h, CacheWrite12h];
        let as_fresh = "it prices cached tokens as fresh ones";
        let without = "it leaves out cached tokens";
        // Our price is the sum of the rates above; theirs is what the cause makes of it.
        let cases: &[(&[Meter], Decimal, Decimal, &str)] = &[
            (&[Input], dec!(1), dec!(7), "it uses today's prices, not those of the time"),
            (&[CacheWrite1h], dec!(2), dec!(1.25), "it prices one-hour cache writes as five-minute ones"),
            (&[CacheRead], dec!(0.1), dec!(1), as_fresh),
            (&[CacheWrite5m], dec!(1.25), dec!(1), as_fresh),
            (&[CacheWrite1h], dec!(2), dec!(1), as_fresh),
            (&[CacheWrite12h], dec!(3), dec!(1), as_fresh),
            (&caches, dec!(6.35), dec!(4), as_fresh),
            (&[Output, CacheRead], dec!(4.1), dec!(4), without),
            (&[Output, CacheWrite5m], dec!(5.25), dec!(4), without),
            (&[Output, CacheWrite1h], dec!(6), dec!(4), without),
            (&[Output, CacheWrite12h], dec!(7), dec!(4), without),
            (&[Output, Reasoning], dec!(8), dec!(4), "it leaves out thinking"),
            (&[Input], dec!(1), dec!(0.3), "of another cause"),
        ];
        with_setup(|setup| {
            for (meters, ours, theirs, why) in cases {
                let found = explained(setup, &entry("m", million(meters)), *theirs);
                assert_eq!(found, (Usd::new(*ours), *why), "{meters:?} for {theirs}");
            }
            let mut batch = entry("m", million(&[Input]));
            batch.context.set(Dimension::Processing, "batch");
            let found = explained(setup, &batch, dec!(1));
            assert_eq!(found, (Usd::new(dec!(0.5)), "it leaves out tier, batch or region"));
            let mut searched = million(&[Input]);
            searched.set(Meter::WebSearches, dec!(1000));
            let found = explained(setup, &entry("m", searched), dec!(1));
            assert_eq!(found, (Usd::new(dec!(11)), "it leaves out web searches"));
        });
    }

    #[test]
    fn amounts_are_near_within_a_hundred_thousandth() {
        for (a, b, want) in [
            (dec!(100), dec!(100.0009), true),
            (dec!(100), dec!(100.002), false),
            (dec!(100), dec!(99.998), false),
            (dec!(0), dec!(0.000000001), true),
            (dec!(0), dec!(0.000000002), false),
        ] {
            assert_eq!(near(Usd::new(a), Usd::new(b)), want, "{a} {b}");
        }
    }

    /// 2025-01-02 is a Thursday (`date -d 2025-01-02 +%A`); only half an hour of it costs twice as much.
    #[test]
    fn every_half_hour_of_the_first_two_days_is_in_the_range() {
        with_setup(|setup| {
            let range = |from: &str, until: &str| {
                let mut entry = entry("by-the-hour", million(&[Meter::Input]));
                entry.at = Some(from.parse().unwrap());
                entry.bucket = Some(Bucket { until: Some(until.parse().unwrap()), ..Bucket::default() });
                let pricing = plain(setup);
                let outcome = pricing.outcome(&entry, &mut Lookup::new(&setup.table));
                let RecordVerdict::Priced(priced) = outcome.verdict else { panic!("{from} has a price") };
                priced.range
            };
            let doubled = Some((Usd::new(dec!(1)), Usd::new(dec!(2))));
            assert_eq!(range("2025-01-02", "2025-01-03"), doubled);
            assert_eq!(range("2025-01-01", "2025-01-03"), doubled, "34 hours after it began");
            assert_eq!(range("2025-01-03", "2025-01-05"), None);
        });
    }

    /// A log may name a million unknown models, and 20 warnings are shown.
    #[test]
    fn a_refusal_has_suggestions_only_once_it_is_explained() {
        let setup = setup_at("2026-03-01", PriceTable::bundled());
        let pricing = plain(&setup);
        let entry = Entry { model: Some("gpt4o".into()), ..Entry::new(Dialect::Own, Usage::tokens_in_out(1, 1)) };
        let mut lookup = Lookup::new(&setup.table);
        let RecordVerdict::Refused(mut refused) = pricing.outcome(&entry, &mut lookup).verdict else {
            panic!("it is refused")
        };
        assert_eq!((refused.status, refused.suggestions.len()), ("unknown-model", 0));
        refused.explain(&mut lookup);
        assert_eq!(refused.suggestions[0], "openai/gpt-4o");
        assert!(refused.text().contains("did you mean openai/gpt-4o"), "{}", refused.text());
    }

    #[test]
    fn a_free_variant_that_the_table_does_not_list_costs_nothing() {
        with_setup(|setup| {
            let is_free = |provider: Option<&'static str>, model: &'static str, said: Option<Decimal>, wishes| {
                let mut entry = entry(model, million(&[Meter::Input]));
                entry.provider = provider.map(Into::into);
                entry.reported = said.map(|amount| Reported { amount, currency: "USD".into() });
                let pricing = RecordPricing { setup, wishes };
                matches!(
                    pricing.outcome(&entry, &mut Lookup::new(&setup.table)).verdict,
                    RecordVerdict::Free("free", _)
                )
            };
            assert!(is_free(Some("openrouter"), "unheard/of:free", None, &NO_WISHES));
            assert!(is_free(Some("openrouter"), "unheard/of:free", Some(dec!(0)), &NO_WISHES));
            assert!(is_free(None, "openrouter/unheard/of:free", None, &NO_WISHES));
            // A plug-in costs something all the same.
            assert!(!is_free(Some("openrouter"), "unheard/of:free", Some(dec!(0.02)), &NO_WISHES));
            assert!(!is_free(Some("openrouter"), "unheard/of", None, &NO_WISHES));
            assert!(!is_free(Some("acme"), "unheard/of:free", None, &NO_WISHES));
            // What it would cost elsewhere is another question.
            let forced = PricingWishes { force_provider: Some("acme".into()), ..NO_WISHES };
            assert!(!is_free(Some("openrouter"), "unheard/of:free", None, &forced));
        });
    }
}
