//! What past usage would have cost, as rows: one for each model and what it would be.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::WhatIf;
use super::totals::{SwitchSums, WhatIfTotals};
use crate::calculator::switch::Caching;
use crate::jobs::setup::{TableStamp, add_table_line, table_stamp};
use crate::jobs::{Setup, plural};
use crate::money::Usd;
use crate::report::{Cell, Report, Tone, TypedTable};

/// The requests of one model, and what they would be.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WhatIfRow {
    /// The model as it was, as `provider/model`.
    pub model: String,
    /// What it would be.
    pub other_model: String,
    /// Both costs.
    #[serde(flatten)]
    pub costs: WhatIfCosts,
}

/// What some requests cost, and would have cost.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WhatIfCosts {
    /// Records that both sides have a price for.
    pub records: u64,
    /// What they cost.
    pub was_usd: Usd,
    /// The least that they would have cost.
    pub low_usd: Usd,
    /// What they would have cost.
    pub expected_usd: Usd,
    /// The most that they would have cost.
    pub high_usd: Usd,
    /// How much more that is than what they cost.
    pub difference_usd: Usd,
    /// The least that they can have cost, where rows sum up many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_low_usd: Option<Usd>,
    /// The most that they can have cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_high_usd: Option<Usd>,
    /// Records of which one side is older than the first evidence of its price, so that it is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_records: Option<u64>,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WhatIfHead {
    /// Both costs of everything.
    #[serde(flatten)]
    pub costs: WhatIfCosts,
    /// Records that one side has no price for.
    pub unpriced: u64,
    /// Requests that cost nothing either way.
    pub without_cost: u64,
    /// Why records have no price, by status and side.
    pub reasons: BTreeMap<String, u64>,
    /// What the range rests on, in sentences.
    pub assumptions: Vec<String>,
    /// The price table.
    pub table: TableStamp,
}

impl WhatIfCosts {
    fn of(sums: &SwitchSums) -> Self {
        let has_range = sums.was_low < sums.was_high;
        WhatIfCosts {
            records: sums.records,
            was_usd: sums.was,
            low_usd: sums.there.low,
            expected_usd: sums.there.expected,
            high_usd: sums.there.high,
            difference_usd: Usd::new(sums.there.expected.amount() - sums.was.amount()),
            was_low_usd: has_range.then_some(sums.was_low),
            was_high_usd: has_range.then_some(sums.was_high),
            assumed_records: (sums.assumed > 0).then_some(sums.assumed),
        }
    }

    /// The difference in percent of what it was.
    fn percent_cell(&self) -> Cell {
        let percent = || {
            let hundred = self.difference_usd.amount().checked_mul(100.into())?;
            Some(hundred.checked_div(self.was_usd.amount())?.round_dp(1)).filter(|percent| !percent.is_zero())
        };
        percent().map_or_else(Cell::default, Cell::change_in_percent)
    }

    fn difference(&self, setup: &Setup) -> Cell {
        let tone = match self.difference_usd.cmp(&Usd::ZERO) {
            Ordering::Less => Tone::Good,
            Ordering::Equal => Tone::Plain,
            Ordering::Greater => Tone::Bad,
        };
        setup.money(self.difference_usd).tone(tone)
    }

    /// A bound for people: nothing where there is no range.
    fn bound(&self, usd: Usd, setup: &Setup) -> Cell {
        if self.low_usd == self.high_usd { Cell::pair("", usd.to_string()) } else { setup.money(usd) }
    }
}

fn table(setup: &Setup) -> TypedTable<'_, WhatIfRow> {
    TypedTable::<WhatIfRow>::new()
        .text("model", "it was", |row| Cell::text(&row.model))
        .text("other_model", "it would be", |row| match &row.other_model {
            same if *same == row.model => Cell::pair("the same model", same),
            other => Cell::text(other),
        })
        .number("records", "records", |row| Cell::quantity(row.costs.records))
        .optional()
        .number("was_usd", "was", |row| setup.money(row.costs.was_usd))
        .number("low_usd", "low", |row| row.costs.bound(row.costs.low_usd, setup))
        .optional()
        .number("expected_usd", "expected", |row| setup.money(row.costs.expected_usd))
        .number("high_usd", "high", |row| row.costs.bound(row.costs.high_usd, setup))
        .optional()
        .number("difference_usd", "difference", |row| row.costs.difference(setup))
        .number("difference_percent", "in percent", |row| row.costs.percent_cell())
        .optional()
        .number("assumed_records", "at assumed prices", |row| {
            row.costs.assumed_records.map_or_else(Cell::default, |n| Cell::quantity(n).tone(Tone::Warn))
        })
}

impl WhatIf<'_> {
    /// The report: one row for each model and what it would be.
    #[must_use]
    pub fn report(&self, totals: &WhatIfTotals) -> Report {
        let table = table(self.setup);
        let row = |((was, other), sums): (&(String, String), &SwitchSums)| WhatIfRow {
            model: was.clone(),
            other_model: other.clone(),
            costs: WhatIfCosts::of(sums),
        };
        let mut report = table.report(totals.rows.iter().map(row));
        let all = totals.rows.values().fold(SwitchSums::default(), |all, sums| all + *sums);
        let costs = WhatIfCosts::of(&all);
        let total = WhatIfRow { model: "total".into(), other_model: String::new(), costs: costs.clone() };
        report.total = Some(table.cells(&total));
        let [was, expected] = [total.costs.was_usd, total.costs.expected_usd].map(|usd| self.setup.money(usd));
        report.entitle("What if", format!("{} instead of {}", expected.people, was.people));
        let head = WhatIfHead {
            costs,
            unpriced: totals.unpriced(),
            without_cost: totals.free,
            reasons: totals.reasons(),
            assumptions: self.assumptions(totals),
            table: table_stamp(self.setup),
        };
        report.state_all(&head);
        report.notes.extend(totals.left_out());
        report.notes.extend(head.assumptions);
        add_table_line(&mut report, self.setup);
        report
    }

    /// What the range rests on, in sentences.
    fn assumptions(&self, totals: &WhatIfTotals) -> Vec<String> {
        let answers = &self.query.answers;
        let is_other = totals.rows.keys().any(|(was, other)| was != other);
        let mut said = totals.ratios.clone();
        let assumed: u64 = totals.rows.values().map(|sums| sums.assumed).sum();
        if assumed > 0 {
            let records = plural(assumed, "record");
            let verb = if assumed == 1 { "is" } else { "are" };
            said.push(format!("{records} {verb} older than the first evidence of a price on one side or both, which is assumed; --strict leaves such records out."));
        }
        if !totals.ended.is_empty() {
            let ended: Vec<&str> = totals.ended.iter().map(String::as_str).collect();
            said.push(format!("Priced at the last known rates after the end of {}.", ended.join(", ")));
        }
        if totals.summed {
            said.push("Rows that sum up many requests do not say how long each prompt was or when it was sent: low and high are the least and the most that they can have cost, on both sides.".to_owned());
        }
        if is_other || *answers != (100..=100) {
            said.push(if *answers == (100..=100) {
                "Answers have the same text there; --answers 80..150 allows for shorter and longer ones.".to_owned()
            } else {
                format!("Answers are {}% to {}% as long there.", answers.start(), answers.end())
            });
        }
        if is_other {
            said.push("Cached tokens are cached there too where the model has a price for it, and are plain input where it has none.".to_owned());
        }
        match self.query.caching {
            Caching::Hits(percent) => said.push(format!(
                "{percent}% of each prompt is read from the cache; what writing to it costs is not in here."
            )),
            Caching::Never => said.push("Nothing is cached.".to_owned()),
            Caching::AsItWas => {}
        }
        said
    }
}
