//! Sums over a run: by group, with everything that has no price counted by its reason.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rust_decimal::Decimal;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::focus::Focus;
use super::priced::{Assumed, Outcome, Pricing, Verdict, near};
use super::view::{Key, Keys, View};
use crate::cli::plural;
use crate::cli::shared::{Setup, converted, in_currency, table_json, table_line};
use farebox::input::dialect::Entry;
use farebox::meter::Meter;
use farebox::money::Usd;
use farebox::report::{Cell, Column, Report, Tone};

/// The sum of one group: in dollars, and in the currency that is shown.
#[derive(Clone, Default)]
pub(super) struct Sum {
    /// Records with a price.
    pub records: u64,
    pub unpriced: u64,
    pub usd: Usd,
    /// In the currency that is shown, where it is not the dollar.
    shown: Decimal,
    /// How much less and how much more it can be.
    less: Usd,
    more: Usd,
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    /// What the files themselves say, and what we say about the same records.
    reported: Usd,
    reported_ours: Usd,
    reported_records: u64,
    charged: Usd,
}

impl AddAssign<&Sum> for Sum {
    fn add_assign(&mut self, other: &Sum) {
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
    }
}

impl Sum {
    fn low(&self) -> Usd {
        Usd::new(self.usd.amount().checked_sub(self.less.amount()).unwrap_or_default())
    }

    fn high(&self) -> Usd {
        self.usd + self.more
    }

    fn is_range(&self) -> bool {
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

/// Sums over a run, by group, with every refusal counted by its status.
#[derive(Clone, Default)]
pub(super) struct Totals {
    groups: FxHashMap<Key, Sum>,
    pub all: Sum,
    pub reasons: BTreeMap<String, u64>,
    /// Requests that failed, were cancelled or came out of a gateway's memory.
    free: BTreeMap<&'static str, u64>,
    charges: u64,
    without_time: u64,
    /// Records priced at a provider that they do not name, by why and by card.
    assumed: BTreeMap<(Assumed, String), u64>,
    left_out: u64,
    /// Records of another time than was asked for.
    outside: u64,
    other_currencies: BTreeMap<String, Decimal>,
    differences: BTreeMap<&'static str, (u64, Usd)>,
    keys: Keys,
    /// Rows for FinOps tools, where they are asked for.
    pub focus: Option<Focus>,
}

impl Totals {
    pub fn new(focus: bool) -> Self {
        Totals { focus: focus.then(Focus::default), ..Totals::default() }
    }

    /// Whether nothing at all was read.
    pub fn is_empty(&self) -> bool {
        self.all.records + self.all.unpriced + self.charges == 0 && self.free.is_empty()
    }

    /// Adds a record; says whether it is inside of what was asked for.
    pub fn add(&mut self, outcome: &Outcome, view: &View, pricing: &Pricing) -> bool {
        let at = outcome.entry.and_then(|entry| entry.at);
        if outcome.entry.is_some() && !view.includes(at) {
            self.left_out += u64::from(at.is_none());
            self.outside += u64::from(at.is_some());
            return false;
        }
        let mut sum = Sum::default();
        match &outcome.verdict {
            Verdict::Free(status, _) => {
                *self.free.entry(status).or_default() += 1;
                return true;
            }
            Verdict::Refused(refused) => {
                sum.unpriced = 1;
                match self.reasons.get_mut(refused.status) {
                    Some(count) => *count += 1,
                    None => drop(self.reasons.insert(refused.status.to_owned(), 1)),
                }
            }
            Verdict::Charge(_) => self.charges += 1,
            Verdict::Priced(priced) => {
                let usd = priced.cost.total;
                // Each record at the exchange rate of its own time: one rate for all would move history.
                let rate = pricing.setup.exchange(outcome.at).ok().flatten();
                // `Pricing` refused what cannot be shown.
                let shown = rate.and_then(|rate| converted(usd, rate)).unwrap_or_default();
                let between =
                    |more: Usd, less: Usd| Usd::new(more.amount().checked_sub(less.amount()).unwrap_or_default());
                let (less, more) =
                    priced.range.map_or((Usd::ZERO, Usd::ZERO), |(low, high)| (between(usd, low), between(high, usd)));
                sum = Sum { records: 1, usd, shown, less, more, ..Sum::default() };
                self.without_time += u64::from(at.is_none());
                if let Some(assumed) = priced.assumed {
                    *self.assumed.entry((assumed, priced.found.full_id())).or_default() += 1;
                }
                if let Some(focus) = &mut self.focus {
                    focus.add(outcome, priced);
                }
            }
        }
        if let Some(entry) = outcome.entry {
            sum.add_tokens(entry);
            self.add_reported(entry, outcome, &mut sum, pricing);
        }
        self.all += &sum;
        let groups = &mut self.groups;
        if sum.records > 0 || sum.charged != Usd::ZERO || !is_only_model(view) {
            view.each_key(outcome, &mut self.keys, &mut |key| match groups.get_mut(key) {
                Some(group) => *group += &sum,
                None => drop(groups.insert(key.clone(), sum.clone())),
            });
        }
        true
    }

    fn add_reported(&mut self, entry: &Entry, outcome: &Outcome, sum: &mut Sum, pricing: &Pricing) {
        let Some(reported) = &entry.reported else { return };
        if reported.currency != "USD" {
            let other = self.other_currencies.entry(reported.currency.clone()).or_default();
            *other = other.checked_add(reported.amount).unwrap_or(*other);
            return;
        }
        let theirs = Usd::new(reported.amount);
        match &outcome.verdict {
            Verdict::Charge(_) => sum.charged = theirs,
            Verdict::Priced(priced) => {
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
    pub fn merge(&mut self, other: Totals) {
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
        for (which, count) in other.assumed {
            *self.assumed.entry(which).or_default() += count;
        }
        self.charges += other.charges;
        self.without_time += other.without_time;
        self.left_out += other.left_out;
        self.outside += other.outside;
    }

    pub fn unpriced(&self) -> u64 {
        self.all.unpriced
    }

    fn money(&self, sum: &Sum, setup: &Setup) -> Cell {
        let currency = setup.currency.as_ref();
        currency.map_or_else(|| Cell::usd(sum.usd), |currency| in_currency(sum.usd, sum.shown, currency))
    }

    /// One line about the run.
    pub fn sentence(&self, setup: &Setup) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|(status, n)| format!("{n} {status}")).collect();
        let unpriced = if reasons.is_empty() { String::new() } else { format!("; not priced: {}", reasons.join(", ")) };
        let free: Vec<String> = self.free.iter().map(|(status, n)| format!("{n} {status}")).collect();
        let free = if free.is_empty() { String::new() } else { format!("; cost nothing: {}", free.join(", ")) };
        let total = self.money(&self.all, setup).people;
        let all = self.all.records + self.all.unpriced;
        format!("{} of {all} records priced, {total} in total{unpriced}{free}", self.all.records)
    }

    /// The report: one row a group.
    pub fn report(&self, view: &View, top: Option<usize>, setup: &Setup) -> Report {
        let wide = !is_only_model(view);
        let has_range = self.all.is_range();
        let has_reported = self.all.reported_records > 0;
        let has_charges = self.charges > 0;
        let mut columns: Vec<Column> = view.by.iter().map(|by| Column::text(by.name(), by.name())).collect();
        columns.push(Column::number("records", "records"));
        if wide {
            columns.push(Column::number("input_tokens", "input").optional());
            columns.push(Column::number("cache_read_tokens", "cache read").optional());
            columns.push(Column::number("cache_write_tokens", "cache write").optional());
            columns.push(Column::number("output_tokens", "output").optional());
        }
        columns.push(Column::number("total_usd", "cost"));
        if has_range {
            columns.push(Column::number("low_usd", "low"));
            columns.push(Column::number("high_usd", "high"));
        }
        if has_reported {
            columns.push(Column::number("reported_usd", "file says").optional());
        }
        if has_charges {
            columns.push(Column::number("charged_usd", "charged"));
        }
        let cells_of = |sum: &Sum| {
            let mut cells = vec![Cell::quantity(sum.records)];
            if wide {
                cells.extend([sum.input, sum.cache_read, sum.cache_write, sum.output].map(Cell::quantity));
            }
            cells.push(if sum.records == 0 { Cell::absent("") } else { self.money(sum, setup) });
            if has_range {
                cells.extend([Cell::usd(sum.low()), Cell::usd(sum.high())]);
            }
            if has_reported {
                cells.push(if sum.reported_records > 0 { Cell::usd(sum.reported) } else { Cell::absent("") });
            }
            if has_charges {
                cells.push(if sum.charged == Usd::ZERO { Cell::absent("") } else { Cell::usd(sum.charged) });
            }
            cells
        };
        let mut report = Report::new(columns);
        let (rows, others) = self.rows(top);
        for (key, sum) in &rows {
            let parts: Vec<&str> = key.parts().collect();
            let machine = self.machine_row(&parts, sum, view, setup);
            report.push(parts.iter().map(|part| Cell::text(*part)).chain(cells_of(sum)), machine);
        }
        if let Some((count, usd)) = others {
            report.notes.push(format!("{} not shown: {}.", counted(count as u64, "row"), usd.for_people()));
            report.machine.insert("other_rows".into(), json!({"rows": count, "total_usd": usd}));
        }
        self.add_total(&mut report, view, cells_of(&self.all));
        self.add_notes(&mut report, view, setup);
        report
    }

    /// The groups in the order of their keys, or the dearest ones and what the others come to.
    fn rows(&self, top: Option<usize>) -> Rows<'_> {
        let mut rows: Vec<(&Key, &Sum)> = self.groups.iter().collect();
        rows.sort_by(|a, b| a.0.cmp(b.0));
        let Some(top) = top else { return (rows, None) };
        rows.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.usd));
        let others = rows.split_off(top.min(rows.len()));
        let usd = others.iter().fold(Usd::ZERO, |sum, (_, other)| sum + other.usd);
        let left = (!others.is_empty()).then_some((others.len(), usd));
        (rows, left)
    }

    fn machine_row(&self, parts: &[&str], sum: &Sum, view: &View, setup: &Setup) -> Value {
        let mut row = Map::new();
        for (by, part) in view.by.iter().zip(parts) {
            row.insert(by.name().into(), json!(part));
        }
        row.insert("records".into(), json!(sum.records));
        row.insert("total_usd".into(), if sum.records == 0 { Value::Null } else { json!(sum.usd) });
        if let Some(currency) = &setup.currency {
            row.insert("currency".into(), json!(currency));
            row.insert("total".into(), json!(sum.shown.normalize().to_string()));
        }
        row.insert("unpriced".into(), json!(sum.unpriced));
        row.insert(
            "tokens".into(),
            json!({"input": sum.input, "cache_read": sum.cache_read, "cache_write": sum.cache_write, "output": sum.output}),
        );
        if sum.is_range() {
            row.insert("low_usd".into(), json!(sum.low()));
            row.insert("high_usd".into(), json!(sum.high()));
        }
        if sum.reported_records > 0 {
            let ours =
                json!({"records": sum.reported_records, "reported_usd": sum.reported, "ours_usd": sum.reported_ours});
            row.insert("reported".into(), ours);
        }
        if sum.charged != Usd::ZERO {
            row.insert("charged_usd".into(), json!(sum.charged));
        }
        Value::Object(row)
    }

    fn add_total(&self, report: &mut Report, view: &View, cells: Vec<Cell>) {
        let name = if self.all.unpriced > 0 { "total of what has a price" } else { "total" };
        let mut total = vec![Cell::text(name)];
        total.extend((1..view.by.len()).map(|_| Cell::text("")));
        let tone = if self.all.unpriced > 0 { Tone::Warn } else { Tone::Plain };
        total.extend(cells.into_iter().map(|cell| cell.tone(tone)));
        report.total = Some(total);
    }

    fn add_notes(&self, report: &mut Report, view: &View, setup: &Setup) {
        let mut note = |text: String| report.notes.push(text);
        note(format!("{}.", self.sentence(setup)));
        if self.without_time > 0 {
            let at = setup.shown_at();
            note(format!("{} without a timestamp priced as of {at}.", counted(self.without_time, "record")));
        }
        for assumed in [Assumed::Unnamed, Assumed::NotSold] {
            self.assumed_note(assumed).into_iter().for_each(&mut note);
        }
        if self.outside > 0 {
            note(format!("{} of another time left out.", counted(self.outside, "record")));
        }
        if self.left_out > 0 {
            note(format!("{} without a timestamp left out of the span.", counted(self.left_out, "record")));
        }
        if self.all.is_range() {
            note("Rows that sum up many requests do not say how long each prompt was or when it was sent: low and high are the least and the most they can have cost.".into());
        }
        if view.by.contains(&super::view::By::Tag) {
            note("A record with several tags counts under each of them.".into());
        }
        if self.all.reported_records > 0 {
            let Sum { reported, reported_ours, reported_records, .. } = &self.all;
            note(format!(
                "{} with a cost of {} own: {} in the file, {} by this table.",
                plural(*reported_records, "record"),
                if *reported_records == 1 { "its" } else { "their" },
                reported.for_people(),
                reported_ours.for_people()
            ));
            for (why, (count, usd)) in &self.differences {
                note(format!("In {count} of them the file's figure differs by {}: {why}.", usd.for_people()));
            }
        }
        if self.charges > 0 {
            note(format!(
                "{} on a bill, {} in total, shown but not added.",
                plural(self.charges, "charge"),
                self.all.charged.for_people()
            ));
        }
        for (currency, amount) in &self.other_currencies {
            note(format!("Charged in another currency: {} {currency}.", amount.normalize()));
        }
        note(table_line(setup));
        let fields = [
            ("total_usd", json!(self.all.usd)),
            ("currency", json!(setup.currency)),
            ("total", json!(setup.currency.as_ref().map(|_| self.all.shown.normalize().to_string()))),
            ("low_usd", json!(self.all.low())),
            ("high_usd", json!(self.all.high())),
            ("priced", json!(self.all.records)),
            ("unpriced", json!(self.all.unpriced)),
            ("reasons", json!(self.reasons)),
            ("free", json!(self.free)),
            ("without_timestamp", json!(self.without_time)),
            ("reported", self.reconciliation()),
            ("table", table_json(setup)),
        ];
        report.machine.extend(fields.map(|(key, value)| (key.to_owned(), value)));
    }

    /// Which records were priced at a provider that they do not name.
    fn assumed_note(&self, assumed: Assumed) -> Option<String> {
        const LISTED: usize = 3;
        let cards = || self.assumed.iter().filter(|((why, _), _)| *why == assumed);
        let records: u64 = cards().map(|(_, count)| count).sum();
        let ids: Vec<&str> = cards().take(LISTED).map(|((_, id), _)| id.as_str()).collect();
        let more = cards().count().saturating_sub(ids.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let what = match (assumed, records) {
            (_, 0) => return None,
            (Assumed::Unnamed, 1) => "does not name its provider",
            (Assumed::Unnamed, _) => "do not name their provider",
            (Assumed::NotSold, 1) => "is of a model that the usual provider of its form does not sell",
            (Assumed::NotSold, _) => "are of models that the usual provider of their form does not sell",
        };
        Some(format!(
            "{} {what}: priced at the maker of the model ({}{more}); --provider names another.",
            counted(records, "record"),
            ids.join(", ")
        ))
    }

    fn reconciliation(&self) -> Value {
        if self.all.reported_records == 0 && self.charges == 0 {
            return Value::Null;
        }
        let causes = self.differences.iter();
        let causes: Vec<Value> =
            causes.map(|(why, (n, usd))| json!({"records": n, "difference_usd": usd, "cause": why})).collect();
        json!({"records": self.all.reported_records, "reported_usd": self.all.reported,
               "ours_usd": self.all.reported_ours, "differences": causes, "charged_usd": self.all.charged})
    }
}

/// Groups in order, and how many others there are with what they come to.
type Rows<'t> = (Vec<(&'t Key, &'t Sum)>, Option<(usize, Usd)>);

/// Whether the view is the plain one, by model.
fn is_only_model(view: &View) -> bool {
    view.by == [super::view::By::Model] && view.since.is_none() && view.until.is_none()
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use farebox::input::dialect::Dialect;
    use farebox::usage::Usage;

    #[test]
    fn every_token_of_a_record_is_in_one_column() {
        let mut usage = Usage::default();
        // Each meter has a power of two, so that a sum shows which meters are in it.
        for meter in Meter::ALL.iter().filter(|meter| meter.is_tokens()) {
            usage.set_tokens(*meter, 1 << meter.index());
        }
        let mut sum = Sum::default();
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
