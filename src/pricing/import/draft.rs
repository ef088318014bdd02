//! Where the readers of the formats put what they find: [`Draft`], and [`DraftReading`] for the model at hand.
//!
//! The rules that hold for every database are here: what a zero means, that the same price twice is one price, that a
//! price at some hours stands on its own, and that whatever is left over is listed.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::hours::settle;
use super::json::{Node, exact, mended};
use super::names::ours;
use super::{Condition, Database, DatabaseFormat, Fact, ListedModel, ListedProvider, Unread, Week};
use crate::meter::Meter;
use crate::money::Exact;
use crate::period::{Instant, Period};
use crate::pricing::card::{Kind, ModelInfo, Price};

/// A database while it is read.
pub(super) struct Draft {
    format: DatabaseFormat,
    providers: Vec<ListedProvider>,
    /// Where a model is: its provider's and its own position, by provider and id in lower case.
    places: HashMap<(String, String), (usize, usize)>,
    unread: Vec<Unread>,
    mended: Vec<Unread>,
}

/// How a file counts: dollars times ten to the `shift` are the price of `per`.
#[derive(Clone, Copy)]
pub(in crate::pricing) struct Quote {
    shift: i32,
    per: u64,
}

impl Quote {
    /// Dollars for one token: a price of a million here.
    pub(crate) const TOKEN: Quote = Quote { shift: 6, per: 1_000_000 };
    /// Dollars for one of something that is billed by the thousand here.
    pub(crate) const OF_THOUSAND: Quote = Quote { shift: 3, per: 1000 };

    /// Dollars for so many.
    pub(crate) const fn per(per: u64) -> Quote {
        Quote { shift: 0, per }
    }

    /// What a file that counts so says of a price; `None` where that is no decimal with an end.
    pub(crate) fn written(self, price: &Price) -> Option<Decimal> {
        let scale = 10_u64.checked_pow(u32::try_from(self.shift).ok()?)?;
        let unit = Decimal::from(price.per).checked_mul(scale.into())?;
        let usd = price.usd.0.checked_mul(self.per.into())?;
        let written = usd.checked_div(unit)?.normalize();
        // What looks like the noise of binary arithmetic is not read back as it stands.
        (written.checked_mul(unit)? == usd && mended(written.checked_mul(scale.into())?).is_none()).then_some(written)
    }
}

impl Draft {
    pub(crate) fn new(format: DatabaseFormat) -> Self {
        Draft { format, providers: Vec::new(), places: HashMap::new(), unread: Vec::new(), mended: Vec::new() }
    }

    /// Something in the file that nothing here holds.
    pub(crate) fn unread(&mut self, what: impl Into<String>, place: impl Into<String>) {
        self.unread.push(Unread { what: what.into(), place: place.into() });
    }

    /// Begins with a model: `place` is what the file calls it, `provider` and `id` are its own names.
    pub(crate) fn model(&mut self, place: &str, provider: &str, id: &str) -> DraftReading<'_> {
        let theirs = provider.to_owned();
        let (provider, id) = ours(self.format, provider, id);
        let model = ListedModel { id, place: place.to_owned(), ..ListedModel::default() };
        DraftReading { draft: self, place: place.to_owned(), theirs, provider, provider_name: None, model }
    }

    /// The database, with what the models share settled.
    pub(crate) fn done(mut self) -> Database {
        for provider in &mut self.providers {
            settle_aliases(provider);
            for model in &mut provider.models {
                settle_periods(model, &mut self.unread, &provider.id);
            }
            provider.models.retain_mut(|model| keep_whole_periods(model, &mut self.unread, &provider.id));
        }
        self.providers.retain(|provider| !provider.models.is_empty());
        self.providers.sort_by(|a, b| a.id.cmp(&b.id));
        Database { format: self.format, providers: self.providers, unread: self.unread, mended: self.mended }
    }

    fn add(&mut self, place: &str, provider: String, name: Option<String>, model: ListedModel) {
        let at = self.providers.iter().position(|p| p.id == provider).unwrap_or_else(|| {
            self.providers.push(ListedProvider { id: provider.clone(), name: None, models: Vec::new() });
            self.providers.len() - 1
        });
        let listed = &mut self.providers[at];
        listed.name = listed.name.take().or(name);
        let key = (provider, model.id.to_lowercase());
        match self.places.get(&key) {
            Some(&(provider, known)) => {
                let disagreements = merge(&mut self.providers[provider].models[known], model);
                disagreements.into_iter().for_each(|what| self.unread(what, place));
            }
            None => {
                self.places.insert(key, (at, listed.models.len()));
                listed.models.push(model);
            }
        }
    }
}

/// An id means one model: an alias that is another's id or alias goes.
fn settle_aliases(provider: &mut ListedProvider) {
    let mut taken: std::collections::HashSet<String> = provider.models.iter().map(|m| m.id.to_lowercase()).collect();
    for model in &mut provider.models {
        model.aliases.retain(|alias| taken.insert(alias.to_lowercase()));
    }
}

/// Periods of a model do not overlap: the later one holds from its beginning on.
fn settle_periods(model: &mut ListedModel, unread: &mut Vec<Unread>, provider: &str) {
    let mut periods: Vec<Period> = model.facts.iter().map(|f| f.period).collect();
    periods.sort_by_key(|p| (p.from, p.to.is_none(), p.to));
    periods.dedup();
    let mut settled: Vec<(Period, Option<Period>)> = Vec::with_capacity(periods.len());
    for period in periods {
        let is_empty = period.from.is_some() && period.to.is_some_and(|to| Some(to) <= period.from);
        let last = settled.iter_mut().rev().find_map(|(_, kept)| kept.as_mut());
        let kept = match last {
            _ if is_empty => None,
            Some(last) if last.from == period.from => None,
            Some(last) if last.overlaps(&period) => {
                last.to = period.from;
                Some(period)
            }
            _ => Some(period),
        };
        settled.push((period, kept));
    }
    let mut note = |what: &str| {
        let place = format!("{provider}/{}", model.id);
        unread.push(Unread { what: what.to_owned(), place });
    };
    for (period, kept) in &settled {
        match kept {
            Some(kept) if kept == period => {}
            Some(_) => note("a period that ends after the next one has begun: the next one holds"),
            None => note("a second period since the same day, or one that ends before it begins"),
        }
    }
    model.facts.retain_mut(|fact| {
        let kept = settled.iter().find(|(period, _)| *period == fact.period).and_then(|(_, kept)| *kept);
        fact.period = kept.unwrap_or(fact.period);
        kept.is_some()
    });
}

/// A period needs a price that does not hang on the prompt's length or the hour; one without is listed instead.
fn keep_whole_periods(model: &mut ListedModel, unread: &mut Vec<Unread>, provider: &str) -> bool {
    let stands = |f: &Fact| f.condition.tier.is_none() && f.condition.hours.is_none();
    let whole: Vec<Period> = model.facts.iter().filter(|f| stands(f)).map(|f| f.period).collect();
    let before = model.facts.len();
    model.facts.retain(|f| whole.contains(&f.period));
    if model.facts.len() < before {
        let what = "prices of long prompts or of some hours only".to_owned();
        unread.push(Unread { what, place: format!("{provider}/{}", model.id) });
    }
    !model.facts.is_empty()
}

/// Adds what a second entry says of a model; what it says otherwise is returned.
fn merge(known: &mut ListedModel, second: ListedModel) -> Vec<String> {
    let mut disagreements = Vec::new();
    for fact in second.facts {
        let same = |f: &&Fact| f.meter == fact.meter && f.condition == fact.condition && f.period == fact.period;
        match known.facts.iter().find(same) {
            None => known.facts.push(fact),
            Some(first) if first.price == fact.price => {}
            Some(_) => {
                disagreements.push(format!("listed twice with another price of `{}`: the first stands", fact.meter))
            }
        }
    }
    known.aliases.extend(second.aliases);
    if known.id != second.id {
        known.aliases.retain(|alias| !alias.eq_ignore_ascii_case(&second.id));
    }
    fill(&mut known.info, second.info);
    disagreements
}

fn fill(info: &mut ModelInfo, more: ModelInfo) {
    if info.kind == Kind::default() {
        info.kind = more.kind;
    }
    info.context_window = info.context_window.or(more.context_window);
    info.max_output = info.max_output.or(more.max_output);
    info.smallest_cacheable = info.smallest_cacheable.or(more.smallest_cacheable);
    info.retired = info.retired.or(more.retired);
    info.replacement = info.replacement.take().or(more.replacement);
    for (list, more) in
        [(&mut info.input, more.input), (&mut info.output, more.output), (&mut info.capabilities, more.capabilities)]
    {
        if list.is_empty() {
            *list = more;
        }
    }
}

/// A model while it is read.
pub(super) struct DraftReading<'d> {
    draft: &'d mut Draft,
    place: String,
    theirs: String,
    provider: String,
    provider_name: Option<String>,
    model: ListedModel,
}

impl DraftReading<'_> {
    /// Something about this model that nothing here holds.
    pub(crate) fn unread(&mut self, what: impl Into<String>) {
        self.draft.unread(what, self.place.clone());
    }

    /// What is known beside prices.
    pub(crate) fn info(&mut self) -> &mut ModelInfo {
        &mut self.model.info
    }

    /// The provider's id here.
    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    /// What the file calls the provider.
    pub(crate) fn provider_name(&mut self, name: Option<&str>) {
        self.provider_name = name.map(str::to_owned);
    }

    /// Another id of the model.
    pub(crate) fn alias(&mut self, id: &str) {
        let (_, id) = ours(self.draft.format, &self.theirs, id);
        if is_id(&id) && !id.eq_ignore_ascii_case(&self.model.id) {
            self.model.aliases.push(id);
        }
    }

    /// The model to use instead, by the file's own names of it and of its provider.
    pub(crate) fn replacement(&mut self, provider: &str, id: &str) {
        let (provider, id) = ours(self.draft.format, provider, id);
        let full = if provider == self.provider { id } else { format!("{provider}/{id}") };
        if is_id(&full) && full != self.model.id {
            self.model.info.replacement = Some(full);
        }
    }

    /// The first day the model does not answer any more.
    pub(crate) fn retired(&mut self, day: Option<&str>) {
        match day.map(str::parse::<Instant>) {
            Some(Ok(day)) => self.model.info.retired = Some(day),
            Some(Err(_)) => self.unread("a day of retirement that is no day"),
            None => {}
        }
    }

    /// A price that stands in the file under the name `field`.
    pub(crate) fn price(&mut self, field: &str, value: Node, meter: Meter, quote: Quote, condition: &Condition) {
        self.dated_price(field, value, meter, quote, condition, Period::default());
    }

    /// A price over a period.
    pub(crate) fn dated_price(
        &mut self,
        field: &str,
        value: Node,
        meter: Meter,
        quote: Quote,
        condition: &Condition,
        period: Period,
    ) {
        let Some(text) = value.number_text() else {
            self.unread(format!("field `{field}` in a form that is no price"));
            return;
        };
        match exact(&text, quote.shift) {
            Ok(usd) => self.fact(field, usd, &text, meter, quote.per, condition, period),
            Err(error) => self.unread(format!("field `{field}` {error}")),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one price as it stands, taken apart by the two callers above")]
    fn fact(
        &mut self,
        field: &str,
        usd: Decimal,
        text: &str,
        meter: Meter,
        per: u64,
        condition: &Condition,
        period: Period,
    ) {
        if usd.is_zero() && !matches!(meter, Meter::Input | Meter::Output) {
            self.unread(format!("field `{field}` is 0: free, not sold, or not known"));
            return;
        }
        if condition.hours.is_some() && !(condition.when.is_empty() && condition.tier.is_none()) {
            self.unread(format!("field `{field}` at some hours and under another condition at once"));
            return;
        }
        let usd = mended(usd)
            .inspect(|short| {
                let what = format!("`{field}` with the noise of binary arithmetic, read as the short decimal");
                self.draft.mended.push(Unread { what, place: format!("{}: {text} as {short}", self.place) });
            })
            .unwrap_or(usd);
        let price = Price { usd: Exact(usd.normalize()), per, minimum: None, step: None };
        let fact = Fact { meter, condition: condition.clone(), period, price };
        let same = |f: &&Fact| f.meter == meter && f.condition == fact.condition && f.period == period;
        match self.model.facts.iter().find(same) {
            None => self.model.facts.push(fact),
            Some(known) if known.price == price => {}
            Some(_) => self.unread(format!("field `{field}` with another price of `{meter}` than the field before")),
        }
    }

    /// Ends with the model, and puts it where it belongs.
    pub(crate) fn done(mut self) {
        if !is_id(&self.model.id) || self.provider.is_empty() {
            self.unread("an invalid id: empty, or with space around it, control characters or `..` in it");
            return;
        }
        let kind = self.model.info.kind;
        self.model.facts.retain(|fact| says_something(fact, kind));
        if self.model.facts.is_empty() {
            self.unread("a model without a price");
            return;
        }
        let free = self.model.facts.iter().all(|f| f.price.usd.0.is_zero());
        if free && !is_called_free(&self.model.id) {
            self.unread("a model whose every price is 0: free, or not known");
            return;
        }
        self.model.facts = settled(std::mem::take(&mut self.model.facts));
        let DraftReading { draft, place, provider, provider_name, model, .. } = self;
        draft.add(&place, provider, provider_name, model);
    }
}

/// Whether a price file can name a model so.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.trim() == id
        && !id.chars().any(char::is_control)
        && !id.split(['/', '\\']).any(|part| part == "..")
}

/// A 0 says nothing of a model that does not talk: one that orders documents writes no text and reads none for money.
pub(in crate::pricing) fn says_something(fact: &Fact, kind: Kind) -> bool {
    let talks = matches!(kind, Kind::Chat | Kind::Completion);
    talks || !fact.price.usd.0.is_zero()
}

/// Whether an id says itself that nothing is charged.
pub(in crate::pricing) fn is_called_free(id: &str) -> bool {
    let id = id.to_lowercase();
    id.ends_with(":free") || id.ends_with("-free") || id.ends_with("/free")
}

/// The price of most hours becomes the normal one, whichever way the file has it.
pub(super) fn settled(facts: Vec<Fact>) -> Vec<Fact> {
    let mut settled: Vec<Fact> = facts.iter().filter(|f| f.condition.hours.is_none()).cloned().collect();
    let timed: Vec<Fact> = facts.into_iter().filter(|f| f.condition.hours.is_some()).collect();
    let mut extra = Vec::new();
    for normal in settled.iter_mut().filter(|f| f.condition.is_always()) {
        let own = timed.iter().filter(|f| f.meter == normal.meter && f.period == normal.period);
        let own: Vec<(Week, Decimal)> = own
            .filter(|f| f.price.per == normal.price.per)
            .filter_map(|f| Some((f.condition.hours.clone()?, f.price.usd.0)))
            .collect();
        if own.is_empty() {
            continue;
        }
        let (usual, hours) = settle(normal.price.usd.0, &own);
        normal.price.usd = Exact(usual);
        extra.extend(hours.into_iter().map(|(week, usd)| Fact {
            condition: Condition::default().at(week),
            price: Price { usd: Exact(usd), ..normal.price },
            ..normal.clone()
        }));
    }
    settled.extend(extra);
    settled
}
