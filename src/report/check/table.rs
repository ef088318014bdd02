//! A check in the formats that every command has: its features as rows, and for people its findings, what the change is
//! because of, and what was assumed.

use std::io;

use rust_decimal::Decimal;
use serde::Serialize;

use super::text::{people, place, quiet, signed, spelled_out};
use super::{ASSUMPTIONS, ChangePart, CheckReport, CheckRow, FeatureStatus, comment};
use crate::calculator::rules::{Finding, FindingLevel};
use crate::calculator::workload::Assumption;
use crate::report::{self, Cell, Format, Readers, Report, Screen, Tone, TypedTable};

/// How many features, findings, parts and assumptions a table on a terminal has of each.
const MOST_ON_SCREEN: usize = 50;

pub(super) fn write(check: &CheckReport, format: Format, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    if format == Format::Markdown {
        return comment::write(check, out);
    }
    let mut report = check.report(if format == Format::Table { MOST_ON_SCREEN } else { usize::MAX });
    if format.readers() == Readers::People {
        report.tidy();
        #[cfg(feature = "cli")]
        if let (Format::Table, Some(width)) = (format, screen.width) {
            report.fit(width);
        }
        return report::write(&report, format, screen, out);
    }
    // A build log reads standard output too: nothing in it is a command.
    let mut bytes = Vec::new();
    report::write(&report, format, screen, &mut bytes)?;
    out.write_all(spelled_out(&String::from_utf8_lossy(&bytes)).as_bytes())
}

/// Adds a note about what a table leaves out.
fn left_out(report: &mut Report, all: usize, most: usize, what: &str) {
    if all > most {
        report.notes.push(format!("{} more {what} are in the JSON report.", all - most));
    }
}

impl CheckReport {
    /// The check as a report in the shared formats.
    ///
    /// * `most`: how many features, parts and findings people see of each at most.
    #[must_use]
    pub fn report(&self, most: usize) -> Report {
        let table = self.feature_table();
        let mut report = table.report(self.features.iter().take(most).map(|feature| self.row(feature)));
        report.head.push(format!("{}: {}", people(&self.title), self.headline()));
        report.head.push(self.summary());
        report.date(self.at.split_once(' ').map_or(self.at.as_str(), |(day, _)| day));
        left_out(&mut report, self.features.len(), most, "features");
        let (base, head) = (self.money.base, Some(self.money.head));
        let amounts = [base, head].map(|amount| amount_cell(amount, &self.currency));
        let cells = std::iter::once(Cell::text("total")).chain(amounts);
        report.total = Some(cells.chain([self.delta_cell(self.money.delta())]).collect());
        if !self.findings.is_empty() {
            report.sections.push(("Findings".into(), self.finding_table(most)));
        }
        if !self.parts.is_empty() {
            report.sections.push(("Why the monthly bill changes".into(), self.part_table(most)));
        }
        report.sections.push((ASSUMPTIONS.into(), self.assumption_table(most)));
        report.notes.extend(self.notes.iter().map(|note| people(note)));
        report.notes.push(people(&self.base.text));
        report.notes.push(format!(
            "Amounts are of the average month ({} in the plan), in {}. Prices as of {}, table {} (sha256 {:.12}).",
            self.months, self.currency, self.at, self.table.version, self.table.sha256
        ));
        report.state_all(&self.head());
        report
    }

    fn feature_table(&self) -> TypedTable<'_, CheckRow<'_>> {
        let head = |row: &CheckRow| match row.status {
            FeatureStatus::Unpriced => Cell::absent("unknown"),
            _ => amount_cell(Some(row.change.head), &self.currency),
        };
        TypedTable::new()
            .text("feature", "feature", |row: &CheckRow| Cell::pair(people(row.feature), quiet(row.feature)))
            .number("base", "before", |row| amount_cell(row.change.base, &self.currency))
            .number("head", "now", head)
            .number("delta", "change", |row| self.delta_cell(row.change.delta()))
            .text("why", "why", |row| Cell::text(self.why(row)))
            .optional()
    }

    fn delta_cell(&self, delta: Option<Decimal>) -> Cell {
        let Some(delta) = delta else { return Cell::absent("–") };
        match delta {
            delta if delta.is_zero() => Cell::pair("=", delta.to_string()).tone(Tone::Dim),
            delta => {
                let tone = if delta.is_sign_negative() { Tone::Good } else { Tone::Warn };
                Cell::amount_in(delta, &self.currency).with_plus().tone(tone)
            }
        }
    }

    /// The three parts that weigh most, or what else became of the feature.
    fn why(&self, row: &CheckRow) -> String {
        match row.status {
            FeatureStatus::Unpriced => return "no price".to_owned(),
            FeatureStatus::New => return "new".to_owned(),
            FeatureStatus::Removed => return "removed".to_owned(),
            FeatureStatus::Same | FeatureStatus::Changed => {}
        }
        let mut parts: Vec<&ChangePart> = row.parts.iter().copied().filter(|p| !p.amount.is_zero()).collect();
        parts.sort_by_key(|p| std::cmp::Reverse(p.amount.abs()));
        let text = |p: &&ChangePart| format!("{} {}", p.factor.label(), signed(p.amount, &self.currency));
        parts.iter().take(3).map(text).collect::<Vec<_>>().join(", ")
    }

    fn finding_table(&self, most: usize) -> Report {
        let table = TypedTable::<&Finding>::new()
            .text("level", "level", |finding| level_cell(finding))
            .text("rule", "rule", |finding| Cell::text(finding.rule.name()))
            .text("place", "where", |finding| Cell::text(people(&place(&finding.file, finding.line))))
            .text("message", "what", |finding| Cell::text(quiet(&finding.in_full())));
        let mut report = table.report(self.findings.iter().take(most));
        left_out(&mut report, self.findings.len(), most, "findings");
        report
    }

    fn part_table(&self, most: usize) -> Report {
        let table = TypedTable::<&ChangePart>::new()
            .text("feature", "feature", |part| {
                Cell::text(part.feature.as_deref().map_or_else(|| "the whole plan".to_owned(), people))
            })
            .text("factor", "because of", |part| Cell::text(part.factor.label()))
            .number("amount", "a month", |part| Cell::amount_in(part.amount, &self.currency).with_plus())
            .text("basis", "basis", |part| Cell::text(part.basis.name()))
            .text("what", "what changed", |part| Cell::text(people(&part.what)))
            .text("where", "where", |part| {
                let places = part.places.iter().take(3).map(|at| people(&place(&at.file, at.line)));
                Cell::text(places.collect::<Vec<_>>().join(", "))
            })
            .optional();
        let shown = |part: &&ChangePart| !part.amount.is_zero() || !part.places.is_empty();
        let mut parts: Vec<&ChangePart> = self.parts.iter().filter(shown).collect();
        parts.sort_by_key(|p| std::cmp::Reverse(p.amount.abs()));
        let mut report = table.report(parts.iter().take(most).copied());
        left_out(&mut report, parts.len(), most, "parts");
        report
    }

    fn assumption_table(&self, most: usize) -> Report {
        let table = TypedTable::<SharedAssumption>::new()
            .text("what", "assumed", |shared| Cell::text(people(&shared.assumption.what)))
            .text("value", "value", |shared| Cell::text(people(&shared.assumption.value)))
            .text("about", "for", |shared| Cell::text(shared.names()))
            .text("origin", "because", |shared| Cell::text(people(&shared.assumption.origin)))
            .optional();
        let shared = self.shared_assumptions();
        let all = shared.len();
        let mut report = table.report(shared.into_iter().take(most));
        left_out(&mut report, all, most, "assumptions");
        report
    }

    /// What was assumed, once for all features that share it.
    fn shared_assumptions(&self) -> Vec<SharedAssumption<'_>> {
        let mut shared: Vec<SharedAssumption> = Vec::new();
        for assumption in &self.assumptions {
            match shared.iter_mut().find(|known| known.is_like(assumption)) {
                Some(known) => known.about.push(&assumption.about),
                None => shared.push(SharedAssumption { assumption, about: vec![&assumption.about] }),
            }
        }
        shared
    }
}

/// What was assumed for several features alike.
#[derive(Serialize)]
struct SharedAssumption<'r> {
    assumption: &'r Assumption,
    about: Vec<&'r str>,
}

impl SharedAssumption<'_> {
    fn is_like(&self, other: &Assumption) -> bool {
        let Assumption { what, value, origin, .. } = self.assumption;
        (what, value, origin) == (&other.what, &other.value, &other.origin)
    }

    fn names(&self) -> String {
        match self.about.len() {
            0..=3 => self.about.iter().map(|name| people(name)).collect::<Vec<_>>().join(", "),
            n => format!("{n} features"),
        }
    }
}

fn amount_cell(amount: Option<Decimal>, currency: &str) -> Cell {
    amount.map_or_else(|| Cell::absent("–"), |amount| Cell::amount_in(amount, currency))
}

fn level_cell(finding: &Finding) -> Cell {
    let tone = match (finding.exempted.is_some(), finding.level) {
        (true, _) | (_, FindingLevel::Note) => Tone::Dim,
        (_, FindingLevel::Error) => Tone::Bad,
        (_, FindingLevel::Warning) => Tone::Warn,
    };
    Cell::text(if finding.exempted.is_some() { "exempted" } else { finding.level.name() }).tone(tone)
}
