//! What a run comes to, as rows: one for each group, the same for tables and for programs.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::chart::spending;
use super::grouping::{GroupKey, Grouping, UsageView};
use super::priced::Assumed;
use super::totals::{EndedUse, GroupSum, UsageTotals};
use super::unread::UnreadKey;
use crate::input::calls::account::InputAccount;
use crate::jobs::assumed::assumed_records_note;
use crate::jobs::plural;
use crate::jobs::setup::{Setup, TableStamp, in_currency, table_line, table_stamp};
use crate::money::{Usd, grouped};
use crate::report::chart::Chart;
use crate::report::{Cell, Column, Report, Tone, TypedTable};

/// One group of records.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UsageGroupRow {
    /// What its records have in common: a field for each thing that was grouped by, in the order asked for.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, String>"))]
    pub group: GroupLabels,
    /// Records with a price.
    pub records: u64,
    /// What they come to; null where none has a price.
    pub total_usd: Option<Usd>,
    /// The currency that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What they come to in it, each at the exchange rate of its own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Records without a price.
    pub unpriced: u64,
    /// What was used, with or without a price.
    pub tokens: GroupTokens,
    /// The least that it can be, where rows sum up many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_usd: Option<Usd>,
    /// The most that it can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_usd: Option<Usd>,
    /// What the files say themselves, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported: Option<GroupReported>,
    /// Amounts of bills, which are not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<Usd>,
    /// Those that are older than the first evidence of their price, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_prices: Option<AssumedPrices>,
    #[serde(skip)]
    money: Cell,
}

/// What the records of a group have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupLabels(Vec<(Grouping, String)>);

impl Serialize for GroupLabels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(by, label)| map.serialize_entry(by.name(), label))?;
        map.end()
    }
}

impl GroupLabels {
    fn of(key: &GroupKey, view: &UsageView) -> Self {
        GroupLabels(view.by.iter().copied().zip(key.parts().map(str::to_owned)).collect())
    }

    /// A text in the place of the first label.
    fn named(name: &str, view: &UsageView) -> Self {
        let texts = std::iter::once(name).chain(std::iter::repeat(""));
        GroupLabels(view.by.iter().copied().zip(texts.map(str::to_owned)).collect())
    }

    /// The first of them.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", |(_, label)| label.as_str())
    }

    fn cell(&self, place: usize) -> Cell {
        Cell::text(self.0.get(place).map_or("", |(_, label)| label.as_str()))
    }
}

/// Tokens of a group, each in one place.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GroupTokens {
    /// Of prompts, out of no cache.
    pub input: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache.
    pub cache_write: u64,
    /// Of answers.
    pub output: u64,
}

/// Records that are older than the first evidence of their price, and so were priced at an assumed one.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AssumedPrices {
    /// How many.
    pub records: u64,
    /// What they come to, which is part of the total.
    pub total_usd: Usd,
}

/// What files say themselves that records cost, next to what this table says.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GroupReported {
    /// Records with a cost of their own.
    pub records: u64,
    /// The sum of it.
    pub reported_usd: Usd,
    /// What the same records cost by this table.
    pub ours_usd: Usd,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UsageHead {
    /// Groups that `--top` left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_rows: Option<OtherGroups>,
    /// What everything comes to.
    pub total_usd: Usd,
    /// The currency that was asked for.
    pub currency: Option<String>,
    /// What everything comes to in it.
    pub total: Option<String>,
    /// The least that it can be.
    pub low_usd: Usd,
    /// The most that it can be.
    pub high_usd: Usd,
    /// Records with a price.
    pub priced: u64,
    /// Records without one.
    pub unpriced: u64,
    /// Why, by status.
    pub reasons: BTreeMap<String, u64>,
    /// Requests that cost nothing, by status.
    pub free: BTreeMap<&'static str, u64>,
    /// Records that were priced as of now, or as of `--at`.
    pub without_timestamp: u64,
    /// Records at assumed prices; null where there are none.
    pub assumed_prices: Option<AssumedPrices>,
    /// Records of models that had ended by then, or were no longer listed, by model.
    pub after_end: BTreeMap<String, EndedUse>,
    /// What looks like a count, a cost or a duration and was not read, by name.
    pub unread: BTreeMap<String, UnreadKey>,
    /// Records that are in an earlier file too, and count once.
    pub copies: u64,
    /// Those of them that differ: the most complete one counts.
    pub differing_copies: u64,
    /// What the files say themselves; null where they say nothing.
    pub reported: Option<Reconciliation>,
    /// What became of the inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputAccount>,
    /// The price table.
    pub table: TableStamp,
}

/// Groups that are not shown.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OtherGroups {
    /// How many.
    pub rows: usize,
    /// What they come to.
    pub total_usd: Usd,
}

/// What the files say themselves, next to what this table says, and why the two differ.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reconciliation {
    #[serde(flatten)]
    sums: GroupReported,
    differences: Vec<DifferenceRow>,
    charged_usd: Usd,
}

/// Records whose own cost differs from ours for one reason.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DifferenceRow {
    records: u64,
    difference_usd: Usd,
    cause: &'static str,
}

impl UsageGroupRow {
    fn of(group: GroupLabels, sum: &GroupSum, setup: &Setup) -> Self {
        let currency = setup.currency.clone();
        UsageGroupRow {
            group,
            records: sum.records,
            total_usd: (sum.records > 0).then_some(sum.usd),
            total: currency.as_ref().map(|_| sum.shown.normalize().to_string()),
            currency,
            unpriced: sum.unpriced,
            tokens: GroupTokens {
                input: sum.input,
                cache_read: sum.cache_read,
                cache_write: sum.cache_write,
                output: sum.output,
            },
            low_usd: sum.is_range().then(|| sum.low()),
            high_usd: sum.is_range().then(|| sum.high()),
            reported: reported(sum),
            charged_usd: (sum.charged != Usd::ZERO).then_some(sum.charged),
            assumed_prices: assumed_prices(sum),
            money: if sum.records == 0 { Cell::absent("") } else { money(sum, setup) },
        }
    }
}

fn reported(sum: &GroupSum) -> Option<GroupReported> {
    let all =
        || GroupReported { records: sum.reported_records, reported_usd: sum.reported, ours_usd: sum.reported_ours };
    (sum.reported_records > 0).then(all)
}

fn assumed_prices(sum: &GroupSum) -> Option<AssumedPrices> {
    let all = || AssumedPrices { records: sum.assumed_records, total_usd: sum.assumed };
    (sum.assumed_records > 0).then(all)
}

fn money(sum: &GroupSum, setup: &Setup) -> Cell {
    let currency = setup.currency.as_ref();
    currency.map_or_else(|| Cell::usd(sum.usd), |currency| in_currency(sum.usd, sum.shown, currency))
}

/// An amount of money, or nothing.
fn amount(usd: Option<Usd>) -> Cell {
    usd.map_or_else(|| Cell::absent(""), Cell::usd)
}

impl UsageTotals {
    /// One line about the run.
    #[must_use]
    pub fn sentence(&self, setup: &Setup) -> String {
        let listed = |counts: Vec<String>, before: &str| match counts.join(", ") {
            none if none.is_empty() => none,
            some => format!("; {before}: {some}"),
        };
        let unpriced =
            listed(self.reasons.iter().map(|(status, n)| format!("{} {status}", grouped(*n))).collect(), "not priced");
        let free =
            listed(self.free.iter().map(|(status, n)| format!("{} {status}", grouped(*n))).collect(), "cost nothing");
        let total = money(&self.all, setup).people;
        let all = self.all.records + self.all.unpriced;
        format!("{} of {} records priced, {total} in total{unpriced}{free}", grouped(self.all.records), grouped(all))
    }

    /// What a user must know of a run in which nothing has a price.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let reasons: Vec<String> = self.reasons.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let is_in_vain = self.all.records == 0 && self.unpriced() > 0;
        is_in_vain.then(|| format!("no record could be priced: {}", reasons.join(", ")))
    }

    /// What was not read although it may have been billed, a line for each name.
    #[must_use]
    pub fn unread_warnings(&self) -> Vec<String> {
        self.unread.warnings()
    }

    /// Each name with its line.
    #[cfg(feature = "folders")]
    pub(super) fn unread_by_key(&self) -> impl Iterator<Item = (&str, String)> {
        self.unread.iter().map(|(name, unread)| (name, super::unread::UnreadNames::warning(name, unread)))
    }

    /// How many records have something that was not read: at least as many as the most frequent name is in.
    #[must_use]
    pub fn unread_records(&self) -> u64 {
        self.unread.records()
    }

    /// The report: one row a group, or a row for each of the `top` dearest ones.
    #[must_use]
    pub fn report(&self, view: &UsageView, top: Option<usize>, setup: &Setup) -> Report {
        let table = self.table(view);
        let (groups, others) = self.rows(top);
        let row = |(key, sum): (&GroupKey, &GroupSum)| UsageGroupRow::of(GroupLabels::of(key, view), sum, setup);
        let mut report = table.report(groups.into_iter().map(row));
        report.total = Some(self.total(&table, view, setup));
        if let Some(others) = &others {
            let (rows, usd) = (plural(others.rows as u64, "row"), others.total_usd.for_people());
            report.notes.push(format!("{rows} not shown: {usd}."));
        }
        report.notes.extend(self.notes(view, setup));
        report.state_all(&self.head(others, setup));
        let by: Vec<&str> = view.by.iter().map(|by| by.name()).collect();
        report.entitle(format!("Usage by {}", by.join(" and ")), money(&self.all, setup).people);
        report.date(&setup.at.date().to_string());
        report.charts.extend(self.chart(view, setup));
        report
    }

    /// A picture of what was spent: columns of time, with a part for each thing that it was spent on, or the largest groups.
    fn chart(&self, view: &UsageView, setup: &Setup) -> Option<Chart> {
        let amount = |sum: &GroupSum| if setup.currency.is_some() { sum.shown } else { sum.usd.amount() };
        let priced = || self.groups.iter().filter(|(_, sum)| sum.records > 0);
        let groups = priced().map(|(key, sum)| (key.parts().map(str::to_owned).collect(), amount(sum)));
        let currency = setup.currency.clone().unwrap_or_else(|| "USD".to_owned());
        spending(&view.by, groups.collect(), &currency)
    }

    /// What everything comes to, and a row for each group.
    pub(crate) fn summary(&self, view: &UsageView, setup: &Setup) -> (UsageHead, Vec<UsageGroupRow>) {
        let (groups, _) = self.rows(None);
        let row = |(key, sum): (&GroupKey, &GroupSum)| UsageGroupRow::of(GroupLabels::of(key, view), sum, setup);
        (self.head(None, setup), groups.into_iter().map(row).collect())
    }

    fn table(&self, view: &UsageView) -> TypedTable<'static, UsageGroupRow> {
        let by = view.by.iter().enumerate();
        let mut table = by.fold(TypedTable::<UsageGroupRow>::new(), |table, (place, by)| {
            table.text(by.name(), by.name(), move |row| row.group.cell(place))
        });
        table = table.number("records", "records", |row| Cell::quantity(row.records)).optional();
        if !view.is_plain() {
            table = token_columns(table);
        }
        table = table.number("total_usd", "cost", |row| row.money.clone());
        if self.all.is_range() {
            let plain = |row: &UsageGroupRow| row.total_usd.unwrap_or_default();
            table = table
                .number("low_usd", "low", move |row| Cell::usd(row.low_usd.unwrap_or_else(|| plain(row))))
                .number("high_usd", "high", move |row| Cell::usd(row.high_usd.unwrap_or_else(|| plain(row))));
        }
        if self.all.reported_records > 0 {
            let column = Column::number("reported_usd", "file says").optional();
            table = table.column(column, |row| amount(row.reported.map(|reported| reported.reported_usd)));
        }
        if self.all.assumed_records > 0 {
            let assumed = |row: &UsageGroupRow| row.assumed_prices.map(|assumed| assumed.total_usd);
            table = table.number("assumed_usd", "of it assumed", move |row| amount(assumed(row)).tone(Tone::Warn));
        }
        if self.charges > 0 {
            table = table.number("charged_usd", "charged", |row| amount(row.charged_usd)).optional();
        }
        table
    }

    fn total(&self, table: &TypedTable<UsageGroupRow>, view: &UsageView, setup: &Setup) -> Vec<Cell> {
        let is_partial = self.all.unpriced > 0;
        let name = if is_partial { "total priced" } else { "total" };
        let tone = if is_partial { Tone::Warn } else { Tone::Plain };
        let mut cells = table.cells(&UsageGroupRow::of(GroupLabels::named(name, view), &self.all, setup));
        cells.iter_mut().skip(view.by.len()).for_each(|cell| cell.tone = tone);
        cells
    }

    /// The groups in the order of their keys, or the dearest ones and what the others come to.
    fn rows(&self, top: Option<usize>) -> (Vec<(&GroupKey, &GroupSum)>, Option<OtherGroups>) {
        let mut rows: Vec<(&GroupKey, &GroupSum)> = self.groups.iter().collect();
        rows.sort_by(|a, b| a.0.cmp(b.0));
        let Some(top) = top else { return (rows, None) };
        rows.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.usd));
        let others = rows.split_off(top.min(rows.len()));
        let total_usd = others.iter().fold(Usd::ZERO, |sum, (_, other)| sum + other.usd);
        (rows, (!others.is_empty()).then_some(OtherGroups { rows: others.len(), total_usd }))
    }

    fn head(&self, other_rows: Option<OtherGroups>, setup: &Setup) -> UsageHead {
        UsageHead {
            other_rows,
            total_usd: self.all.usd,
            currency: setup.currency.clone(),
            total: setup.currency.as_ref().map(|_| self.all.shown.normalize().to_string()),
            low_usd: self.all.low(),
            high_usd: self.all.high(),
            priced: self.all.records,
            unpriced: self.all.unpriced,
            reasons: self.reasons.clone(),
            free: self.free.clone(),
            without_timestamp: self.without_time,
            assumed_prices: assumed_prices(&self.all),
            after_end: self.ended.clone(),
            unread: self.unread.iter().map(|(name, unread)| (name.to_owned(), unread.clone())).collect(),
            copies: self.copies,
            differing_copies: self.differing_copies,
            reported: self.reconciliation(),
            inputs: self.inputs.clone(),
            table: table_stamp(setup),
        }
    }

    fn reconciliation(&self) -> Option<Reconciliation> {
        if self.all.reported_records == 0 && self.charges == 0 {
            return None;
        }
        let difference = |(cause, (records, usd)): (&&'static str, &(u64, Usd))| DifferenceRow {
            records: *records,
            difference_usd: *usd,
            cause,
        };
        Some(Reconciliation {
            sums: GroupReported {
                records: self.all.reported_records,
                reported_usd: self.all.reported,
                ours_usd: self.all.reported_ours,
            },
            differences: self.differences.iter().map(difference).collect(),
            charged_usd: self.all.charged,
        })
    }

    fn notes(&self, view: &UsageView, setup: &Setup) -> Vec<String> {
        let mut notes = vec![format!("{}.", self.sentence(setup))];
        if self.without_time > 0 {
            let records = plural(self.without_time, "record");
            notes.push(format!("{records} without a timestamp priced as of {}.", setup.shown_at()));
        }
        notes.extend([Assumed::Unnamed, Assumed::NotSold].into_iter().filter_map(|why| self.assumed_note(why)));
        notes.extend(self.ended_notes());
        if let Some((id, since)) = &self.assumed_price {
            notes.push(assumed_records_note(self.all.assumed_records, self.all.assumed, (id, *since)));
        }
        if self.copies > 0 {
            let (are, count) = if self.copies == 1 { ("is", "counts") } else { ("are", "count") };
            let records = plural(self.copies, "record");
            let differing = match self.differing_copies {
                0 => String::new(),
                1 => "; 1 copy differs, and the most complete one counts".to_owned(),
                n => format!("; {n} copies differ, and the most complete ones count"),
            };
            notes.push(format!("{records} that {are} in several files {count} once{differing}."));
        }
        if self.outside > 0 {
            notes.push(format!("{} of another time left out.", plural(self.outside, "record")));
        }
        if self.left_out > 0 {
            let records = plural(self.left_out, "record");
            notes.push(format!("{records} without a timestamp left out of the span."));
        }
        if self.all.is_range() {
            notes.push("Rows that sum up many requests do not say how long each prompt was or when it was sent: low and high are the least and the most they can have cost.".into());
        }
        if view.by.contains(&Grouping::Tag) {
            notes.push("A record with several tags counts under each of them.".into());
        }
        notes.extend(self.reported_notes());
        notes.push(table_line(setup));
        notes
    }

    /// Records of models that had ended by then, a note for each of the first few.
    fn ended_notes(&self) -> Vec<String> {
        const LISTED: usize = 5;
        let note = |(model, EndedUse { records, total_usd, life }): (&String, &EndedUse)| {
            let (records, usd) = (plural(*records, "record"), total_usd.for_people());
            format!("{records} ({usd}) of {model}, {}: priced at its last known rates.", life.text())
        };
        let mut notes: Vec<String> = self.ended.iter().take(LISTED).map(note).collect();
        let more = self.ended.len().saturating_sub(LISTED);
        notes.extend(
            (more > 0).then(|| {
                format!("And {} more that had ended; --format json names each.", plural(more as u64, "model"))
            }),
        );
        notes
    }

    /// What the files say themselves, and bills.
    fn reported_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.all.reported_records > 0 {
            let GroupSum { reported, reported_ours, reported_records, .. } = &self.all;
            notes.push(format!(
                "{} with a cost of {} own: {} in the file, {} by this table.",
                plural(*reported_records, "record"),
                if *reported_records == 1 { "its" } else { "their" },
                reported.for_people(),
                reported_ours.for_people()
            ));
            let difference = |(why, (count, usd)): (&&str, &(u64, Usd))| {
                format!("In {count} of them the file's figure differs by {}: {why}.", usd.for_people())
            };
            notes.extend(self.differences.iter().map(difference));
        }
        if self.charges > 0 {
            let (charges, usd) = (plural(self.charges, "charge"), self.all.charged.for_people());
            notes.push(format!("{charges} on a bill, {usd} in total, shown but not added."));
        }
        let other = self.other_currencies.iter();
        notes
            .extend(other.map(|(code, amount)| format!("Charged in another currency: {} {code}.", amount.normalize())));
        notes
    }

    /// Which records were priced at a provider that they do not name.
    fn assumed_note(&self, assumed: Assumed) -> Option<String> {
        const LISTED: usize = 3;
        let cards = self.assumed_cards(assumed);
        let records: u64 = cards.values().sum();
        let ids: Vec<&str> = cards.keys().take(LISTED).map(String::as_str).collect();
        let more = cards.len() - ids.len();
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
            plural(records, "record"),
            ids.join(", ")
        ))
    }
}

fn token_columns(table: TypedTable<'static, UsageGroupRow>) -> TypedTable<'static, UsageGroupRow> {
    let column = |key, title| Column::number(key, title).optional();
    table
        .column(column("input_tokens", "input"), |row| Cell::quantity(row.tokens.input))
        .column(column("cache_read_tokens", "cache read"), |row| Cell::quantity(row.tokens.cache_read))
        .column(column("cache_write_tokens", "cache write"), |row| Cell::quantity(row.tokens.cache_write))
        .column(column("output_tokens", "output"), |row| Cell::quantity(row.tokens.output))
}
