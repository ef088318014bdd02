//! Sums over a run: by group, with everything that has no price counted by its reason.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::focus::FocusTable;
use super::grouping::{GroupKey, GroupKeys, UsageView};
use super::priced::{Assumed, PricedRecord, RecordOutcome, RecordPricing, RecordVerdict, near};
use super::unread::UnreadNames;
use crate::input::calls::account::InputAccount;
use crate::input::dialect::Entry;
use crate::jobs::life::LifeRow;
use crate::jobs::setup::converted;
use crate::meter::Meter;
use crate::money::Usd;
use crate::period::Instant;
use crate::pricing::Found;
use crate::pricing::life::Life;
use crate::report::Report;

/// The sum of one group: in dollars, and in the currency that is shown.
#[derive(Clone, Default)]
pub(crate) struct GroupSum {
    /// Records with a price.
    pub records: u64,
    pub unpriced: u64,
    pub usd: Usd,
    /// In the currency that is shown, where it is not the dollar.
    pub shown: Decimal,
    /// How much less and how much more it can be.
    pub less: Usd,
    pub more: Usd,
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    /// What the files themselves say, and what we say about the same records.
    pub reported: Usd,
    pub reported_ours: Usd,
    pub reported_records: u64,
    pub charged: Usd,
    /// Records that are older than the first evidence of their price, and what they come to.
    pub assumed_records: u64,
    pub assumed: Usd,
}

/// How many records there are of each card, by provider and model: their names are looked up for every record, and kept once.
#[derive(Clone, Default)]
struct CardRecords(FxHashMap<String, FxHashMap<String, u64>>);

impl CardRecords {
    fn add(&mut self, provider: &str, model: &str, records: u64) {
        match self.0.get_mut(provider).and_then(|models| models.get_mut(model)) {
            Some(known) => *known += records,
            None => {
                self.0.entry(provider.to_owned()).or_default().insert(model.to_owned(), records);
            }
        }
    }

    fn each(&self, mut each: impl FnMut(&str, &str, u64)) {
        for (provider, models) in &self.0 {
            models.iter().for_each(|(model, records)| each(provider, model, *records));
        }
    }
}

impl AddAssign<&GroupSum> for GroupSum {
    fn add_assign(&mut self, other: &GroupSum) {
        self.records += other.records;
        self.unpriced += other.unpriced;
        self.usd += other.usd;
        // Most records have none of these, and adding a decimal costs more than looking at it.
        let amounts = [
            (&mut self.less, other.less),
            (&mut self.more, other.more),
            (&mut self.reported, other.reported),
            (&mut self.reported_ours, other.reported_ours),
            (&mut self.charged, other.charged),
            (&mut self.assumed, other.assumed),
        ];
        amounts.into_iter().filter(|(_, usd)| *usd != Usd::ZERO).for_each(|(sum, usd)| *sum += usd);
        if !other.shown.is_zero() {
            self.shown = self.shown.checked_add(other.shown).unwrap_or(self.shown);
        }
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.reported_records += other.reported_records;
        self.assumed_records += other.assumed_records;
    }
}

impl GroupSum {
    pub(crate) fn low(&self) -> Usd {
        Usd::new(self.usd.amount().checked_sub(self.less.amount()).unwrap_or_default())
    }

    pub(crate) fn high(&self) -> Usd {
        self.usd + self.more
    }

    pub(crate) fn is_range(&self) -> bool {
        self.less != Usd::ZERO || self.more != Usd::ZERO
    }

    fn add_tokens(&mut self, entry: &Entry) {
        let sum = |meters: &[Meter]| meters.iter().fold(0_u64, |n, meter| n.saturating_add(entry.usage.tokens(*meter)));
        let (read, written) = (sum(Meter::CACHE_READS), sum(Meter::CACHE_WRITES));
        self.cache_read = self.cache_read.saturating_add(read);
        self.cache_write = self.cache_write.saturating_add(written);
        let prompt = entry.usage.prompt_tokens().saturating_sub(read.saturating_add(written));
        self.input = self.input.saturating_add(prompt);
        self.output = self.output.saturating_add(entry.usage.answer_tokens());
    }
}

/// Use of a model after its end.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EndedUse {
    /// Records from then on.
    pub records: u64,
    /// What they come to, at the last rates.
    pub total_usd: Usd,
    /// The end.
    #[serde(flatten)]
    pub life: LifeRow,
}

/// The end of a record's model, where it lies before the record: its retirement, or the last listing.
pub(super) fn ended(priced: &PricedRecord, at: Instant) -> Option<LifeRow> {
    let found = &priced.found;
    let life = match (found.retired(), found.model.info.last_listed) {
        (Some(day), _) if day <= at => Life::Retired(day),
        (_, Some(day)) if day.date() < at.date() => Life::Unlisted(Some(day)),
        _ => return None,
    };
    LifeRow::of(life, &found.model)
}

/// Sums over a run, by group, with every refusal counted by its status.
#[derive(Clone, Default)]
pub struct UsageTotals {
    pub(super) groups: FxHashMap<GroupKey, GroupSum>,
    pub(super) all: GroupSum,
    pub(super) reasons: BTreeMap<String, u64>,
    /// Requests that failed, were cancelled or came out of a gateway's memory.
    pub(super) free: BTreeMap<&'static str, u64>,
    pub(super) charges: u64,
    pub(super) without_time: u64,
    /// Records priced at a provider that they do not name, by why and by card.
    assumed: BTreeMap<Assumed, CardRecords>,
    /// Of the cards with assumed prices, the one whose id comes first, and since when there is evidence of it.
    pub(super) assumed_price: Option<(String, Instant)>,
    /// Records of models that had ended by then, by model: how many, what they come to, and the end.
    pub(super) ended: BTreeMap<String, EndedUse>,
    pub(super) left_out: u64,
    /// Records of another time than was asked for.
    pub(super) outside: u64,
    pub(super) other_currencies: BTreeMap<String, Decimal>,
    pub(super) differences: BTreeMap<&'static str, (u64, Usd)>,
    /// Records that are in an earlier file too.
    pub(super) copies: u64,
    /// Those of them that say something else than the others.
    pub(super) differing_copies: u64,
    /// What nobody read, by name.
    pub(super) unread: UnreadNames,
    /// What became of the inputs, where somebody says so.
    pub(super) inputs: Option<InputAccount>,
    keys: GroupKeys,
    /// Rows for FinOps tools, where they are asked for.
    pub(super) focus: Option<FocusTable>,
}

impl UsageTotals {
    pub(crate) fn new(focus: bool) -> Self {
        UsageTotals { focus: focus.then(FocusTable::default), ..UsageTotals::default() }
    }

    /// Says what became of the inputs that these were read from.
    #[must_use]
    pub fn of_inputs(self, inputs: InputAccount) -> Self {
        UsageTotals { inputs: Some(inputs), ..self }
    }

    /// Whether everything that was met was read, as far as is known.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.inputs.as_ref().is_none_or(InputAccount::is_complete)
    }

    /// The rows for FinOps tools, where they were asked for.
    #[must_use]
    pub fn focus_report(&self) -> Option<Report> {
        self.focus.as_ref().map(FocusTable::report)
    }

    /// How many amounts on a bill there are, and what those in dollars come to.
    pub(crate) fn charged(&self) -> (u64, Usd) {
        (self.charges, self.all.charged)
    }

    /// Whether nothing at all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.records + self.all.unpriced + self.charges == 0 && self.free.is_empty()
    }

    /// Adds a record; says whether it is inside of what was asked for.
    pub(crate) fn add(&mut self, outcome: &RecordOutcome, view: &UsageView, pricing: &RecordPricing) -> bool {
        let at = outcome.entry.and_then(|entry| entry.at);
        if outcome.entry.is_some() && !view.includes(at) {
            self.left_out += u64::from(at.is_none());
            self.outside += u64::from(at.is_some());
            return false;
        }
        let mut sum = GroupSum::default();
        match &outcome.verdict {
            RecordVerdict::Free(status, _) => {
                *self.free.entry(status).or_default() += 1;
                return true;
            }
            RecordVerdict::Refused(refused) => {
                sum.unpriced = 1;
                match self.reasons.get_mut(refused.status) {
                    Some(count) => *count += 1,
                    None => drop(self.reasons.insert(refused.status.to_owned(), 1)),
                }
            }
            RecordVerdict::Charge(_) => self.charges += 1,
            RecordVerdict::Priced(priced) => sum = self.priced(outcome, priced, pricing),
        }
        if let Some(entry) = outcome.entry {
            sum.add_tokens(entry);
            self.add_reported(entry, outcome, &mut sum, pricing);
        }
        self.all += &sum;
        let groups = &mut self.groups;
        if sum.records > 0 || sum.charged != Usd::ZERO || !view.is_plain() {
            view.each_key(outcome, &mut self.keys, &mut |key| match groups.get_mut(key) {
                Some(group) => *group += &sum,
                None => drop(groups.insert(key.clone(), sum.clone())),
            });
        }
        true
    }

    /// The ids of the cards that records were priced at for a reason, with how many records.
    pub(super) fn assumed_cards(&self, assumed: Assumed) -> BTreeMap<String, u64> {
        let mut ids = BTreeMap::new();
        if let Some(cards) = self.assumed.get(&assumed) {
            cards.each(|provider, model, records| {
                ids.insert(format!("{provider}/{model}"), records);
            });
        }
        ids
    }

    /// The sum of one record with a price.
    fn priced(&mut self, outcome: &RecordOutcome, priced: &PricedRecord, pricing: &RecordPricing) -> GroupSum {
        let usd = priced.cost.total;
        // Each record at the exchange rate of its own time: one rate for all would move history.
        let rate = pricing.setup.exchange(outcome.at).ok().flatten();
        // `RecordPricing` refused what cannot be shown.
        let shown = rate.and_then(|rate| converted(usd, rate)).unwrap_or_default();
        let between = |more: Usd, less: Usd| Usd::new(more.amount().checked_sub(less.amount()).unwrap_or_default());
        let (less, more) =
            priced.range.map_or((Usd::ZERO, Usd::ZERO), |(low, high)| (between(usd, low), between(high, usd)));
        self.without_time += u64::from(outcome.entry.is_some_and(|entry| entry.at.is_none()));
        if let Some(assumed) = priced.assumed {
            let Found { provider, model, .. } = &*priced.found;
            self.assumed.entry(assumed).or_default().add(&provider.id, &model.id, 1);
        }
        if let Some(focus) = &mut self.focus {
            focus.add(outcome, priced);
        }
        let mut sum = GroupSum { records: 1, usd, shown, less, more, ..GroupSum::default() };
        if let Some(since) = priced.cost.assumed {
            (sum.assumed_records, sum.assumed) = (1, usd);
            self.note_assumed(priced, since);
        }
        if let Some(life) = ended(priced, outcome.at) {
            let of_model = EndedUse { records: 1, total_usd: usd, life };
            self.add_ended(priced.found.ending_id(), of_model);
        }
        sum
    }

    fn add_ended(&mut self, model: String, other: EndedUse) {
        match self.ended.get_mut(&model) {
            Some(sum) => {
                sum.records += other.records;
                sum.total_usd += other.total_usd;
            }
            None => drop(self.ended.insert(model, other)),
        }
    }

    /// Keeps the first card by its id, so that the answer does not depend on which thread read which record.
    fn note_assumed(&mut self, priced: &PricedRecord, since: Instant) {
        let parts = (priced.found.provider.id.as_str(), priced.found.model.id.as_str(), since);
        let kept = self.assumed_price.as_ref();
        let kept = kept.and_then(|(id, since)| id.split_once('/').map(|(head, model)| (head, model, *since)));
        if kept.is_none_or(|kept| parts < kept) {
            self.assumed_price = Some((priced.found.full_id(), since));
        }
    }

    fn add_reported(&mut self, entry: &Entry, outcome: &RecordOutcome, sum: &mut GroupSum, pricing: &RecordPricing) {
        let Some(reported) = &entry.reported else { return };
        if reported.currency != "USD" {
            let other = self.other_currencies.entry(reported.currency.clone()).or_default();
            *other = other.checked_add(reported.amount).unwrap_or(*other);
            return;
        }
        let theirs = Usd::new(reported.amount);
        match &outcome.verdict {
            RecordVerdict::Charge(_) => sum.charged = theirs,
            RecordVerdict::Priced(priced) => {
                let ours = priced.cost.total;
                sum.reported = theirs;
                sum.reported_ours = ours;
                sum.reported_records = 1;
                if !near(ours, theirs) {
                    let why = pricing.explain(entry, priced, theirs, outcome.at);
                    let slot = self.differences.entry(why).or_default();
                    slot.0 += 1;
                    slot.1 += Usd::new(reported.amount.checked_sub(ours.amount()).unwrap_or_default());
                }
            }
            _ => {}
        }
    }

    /// Adds the sums of another part of the run.
    pub(crate) fn merge(&mut self, other: UsageTotals) {
        self.all += &other.all;
        for (key, sum) in other.groups {
            *self.groups.entry(key).or_default() += &sum;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        for (status, count) in other.free {
            *self.free.entry(status).or_default() += count;
        }
        for (currency, amount) in other.other_currencies {
            let slot = self.other_currencies.entry(currency).or_default();
            *slot = slot.checked_add(amount).unwrap_or(*slot);
        }
        for (why, (count, usd)) in other.differences {
            let slot = self.differences.entry(why).or_default();
            slot.0 += count;
            slot.1 += usd;
        }
        if let (Some(mine), Some(theirs)) = (&mut self.focus, other.focus) {
            mine.merge(theirs);
        }
        self.assumed_price = match (self.assumed_price.take(), other.assumed_price) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        other.ended.into_iter().for_each(|(model, ended)| self.add_ended(model, ended));
        for (assumed, cards) in other.assumed {
            let own = self.assumed.entry(assumed).or_default();
            cards.each(|provider, model, records| own.add(provider, model, records));
        }
        self.unread.merge(other.unread);
        self.copies += other.copies;
        self.differing_copies += other.differing_copies;
        self.charges += other.charges;
        self.without_time += other.without_time;
        self.left_out += other.left_out;
        self.outside += other.outside;
    }

    /// How many records have no price.
    #[must_use]
    pub fn unpriced(&self) -> u64 {
        self.all.unpriced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::dialect::Dialect;
    use crate::usage::Usage;

    #[test]
    fn every_token_of_a_record_is_in_one_column() {
        let mut usage = Usage::default();
        // Each meter has a power of two, so that a sum shows which meters are in it.
        for meter in Meter::ALL.iter().filter(|meter| meter.is_tokens()) {
            usage.set_tokens(*meter, 1 << meter.index());
        }
        let mut sum = GroupSum::default();
        sum.add_tokens(&Entry::new(Dialect::Own, usage.clone()));
        let of = |start: &str| {
            let named = Meter::ALL.iter().filter(|meter| meter.is_tokens() && meter.name().starts_with(start));
            named.map(|meter| 1 << meter.index()).sum::<u64>()
        };
        assert_eq!((sum.cache_read, sum.cache_write), (of("cache_read"), of("cache_write")));
        assert_eq!(sum.input + sum.cache_read + sum.cache_write, usage.prompt_tokens());
        assert_eq!(sum.output, usage.answer_tokens());
        assert_eq!(of("cache_write_12h") & sum.cache_write, of("cache_write_12h"));
    }
}
