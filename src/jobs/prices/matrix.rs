//! The rates of a period for people: conditions down, meters across, sources and reasons as footnotes ([`Matrix`]).

use serde_json::Value;

use crate::context::conditions;
use crate::meter::Meter;
use crate::period::Instant;
use crate::pricing::card::{Price, Rate, RateCard, Rates, Schedule, Source, Tier, rate_of};
use crate::report::{Cell, Column, Report, Tone};

/// Between two columns of a table.
const GAP: usize = 2;
/// What a request that states nothing is called.
const STANDARD: &str = "standard";

/// Reports for people, one for each block of meters of each period, with the footnotes of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    /// Each block under its title.
    pub blocks: Vec<(String, Report)>,
    footnotes: Vec<String>,
    has_inherited: bool,
    as_others: Vec<String>,
}

/// What holds under a condition: the rates, or a factor on some of them.
enum Line<'c> {
    Rates(&'c Rates),
    Factor(&'c Schedule),
}

impl Matrix {
    /// Adds the blocks of a period. A block is at most `width` columns wide, unless a single meter needs more.
    pub(crate) fn add(&mut self, card: &RateCard, period: &str, width: usize, now: Instant) {
        let lines = lines(card);
        let meters = self.own_meters(card, &lines);
        let title = self.title(card, period, now);
        let first: Vec<Cell> = lines.iter().map(|(when, _)| Cell::text(when)).collect();
        // Line by line, so that footnotes are numbered as they are read.
        let mut columns: Vec<(Meter, Vec<Cell>)> = meters.into_iter().map(|meter| (meter, Vec::new())).collect();
        for (_, line) in &lines {
            columns.iter_mut().for_each(|(meter, cells)| cells.push(self.cell(*meter, line)));
        }
        columns.iter_mut().for_each(|(_, cells)| Cell::even(cells));
        for (i, block) in packed(&first, columns, width).into_iter().enumerate() {
            let title = if i == 0 { title.clone() } else { format!("{period}, more meters") };
            self.blocks.push((title, report(&first, block)));
        }
    }

    /// Lines below the blocks.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.as_others.clone();
        if self.has_inherited {
            notes.push("inherit: what holds without the condition holds with it.".to_owned());
        }
        notes.extend(self.footnotes.iter().enumerate().map(|(i, text)| format!("[{}] {text}", i + 1)));
        notes
    }

    /// The mark of a footnote; the same text has the same mark.
    fn footnote(&mut self, text: String) -> String {
        let at = self.footnotes.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.footnotes.push(text);
            self.footnotes.len() - 1
        });
        format!("[{}]", at + 1)
    }

    /// The period, whether it is in force, whether its prices are assumed, and where they were read.
    fn title(&mut self, card: &RateCard, period: &str, now: Instant) -> String {
        let state = match card.period.from {
            _ if card.period.contains(now) => ", in force",
            Some(from) if from > now => ", scheduled",
            _ => "",
        };
        let assumed = card.evidence_begins().filter(|begins| card.period.contains(now) && now < *begins);
        let assumed = assumed.map(|begins| format!(", assumed before {begins}")).unwrap_or_default();
        let mut marks = self.footnote(source_text(&card.source));
        if let Some(start) = &card.start_source {
            marks.push_str(&self.footnote(format!("the start: {}", source_text(start))));
        }
        format!("{period}{state}{assumed} {marks}")
    }

    /// The meters that have a column: one that only bills as another has a sentence instead.
    fn own_meters(&mut self, card: &RateCard, lines: &[(String, Line)]) -> Vec<Meter> {
        let says = |meter: Meter| lines.iter().filter_map(move |(_, line)| line.says(meter));
        let listed: Vec<Meter> = Meter::ALL.iter().copied().filter(|meter| says(*meter).next().is_some()).collect();
        let follows = |meter: &Meter| match rate_of(&card.rates, *meter) {
            Some(Rate::SameAs(other)) => {
                says(*meter).all(|rate| matches!(rate, Rate::SameAs(_) | Rate::Inherit)).then_some(*other)
            }
            _ => None,
        };
        let followers: Vec<(Meter, Meter)> = listed.iter().filter_map(|m| Some((*m, follows(m)?))).collect();
        for other in listed.iter().filter(|meter| followers.iter().any(|(_, other)| other == *meter)) {
            let names: Vec<&str> = followers.iter().filter(|(_, o)| o == other).map(|(m, _)| m.name()).collect();
            let verb = if names.len() == 1 { "is" } else { "are" };
            let sentence = format!("{} {verb} billed as {other}.", names.join(", "));
            if !self.as_others.contains(&sentence) {
                self.as_others.push(sentence);
            }
        }
        listed.into_iter().filter(|meter| !followers.iter().any(|(m, _)| m == meter)).collect()
    }

    fn cell(&mut self, meter: Meter, line: &Line) -> Cell {
        let rate = match line {
            Line::Factor(schedule) => return factor_cell(meter, schedule),
            Line::Rates(rates) => rate_of(rates, meter),
        };
        match rate {
            Some(Rate::Price(price)) => self.price(meter, price),
            Some(Rate::NotSold) => Cell::text("not sold").tone(Tone::Dim),
            Some(Rate::SameAs(other)) => Cell::text(format!("as {other}")).tone(Tone::Dim),
            Some(Rate::Inherit) => {
                self.has_inherited = true;
                Cell::text("inherit").tone(Tone::Dim)
            }
            Some(Rate::Refuse(why)) => {
                let why = why.as_deref().unwrap_or("no source gives a price");
                let mark = self.footnote(format!("refused: {why}"));
                Cell::text(format!("refuse {mark}")).tone(Tone::Warn)
            }
            None => Cell::absent("–"),
        }
    }

    /// "$2.5" for a million tokens, "$10 / 1000" for the rest; what a bill rounds up is a footnote.
    fn price(&mut self, meter: Meter, price: &Price) -> Cell {
        let per = if meter.is_tokens() && price.per == 1_000_000 { String::new() } else { format!(" / {}", price.per) };
        let minimum = price.minimum.map(|least| format!("billed for at least {least}"));
        let step = price.step.map(|step| format!("rounded up to steps of {step}"));
        let rounding: Vec<String> = minimum.into_iter().chain(step).collect();
        let mark = match rounding.is_empty() {
            true => String::new(),
            false => format!(" {}", self.footnote(format!("{meter}: {}", rounding.join(", ")))),
        };
        Cell::rate_between("$", price.usd.0, per + &mark)
    }
}

impl Line<'_> {
    fn says(&self, meter: Meter) -> Option<&Rate> {
        match self {
            Line::Rates(rates) => rate_of(rates, meter),
            Line::Factor(_) => None,
        }
    }
}

fn factor_cell(meter: Meter, schedule: &Schedule) -> Cell {
    let moves = if schedule.meters.is_empty() { meter.is_tokens() } else { schedule.meters.contains(&meter) };
    match schedule.factor.filter(|_| moves) {
        Some(factor) => Cell::text(format!("× {factor}")),
        None => Cell::text("inherit").tone(Tone::Dim),
    }
}

/// "documented, checked 2026-11-20: https://…".
pub(super) fn source_text(source: &Source) -> String {
    format!("{}, checked {}: {}", source.evidence.name(), source.checked, source.url)
}

/// Every condition of a period with what holds under it.
fn lines(card: &RateCard) -> Vec<(String, Line<'_>)> {
    let tier = |when: &str, tier: &Tier| {
        let prompt = format!("prompt {} {}", if tier.inclusive { ">=" } else { ">" }, tier.threshold);
        if when.is_empty() { prompt } else { format!("{when}, {prompt}") }
    };
    let mut lines = vec![(STANDARD.to_owned(), Line::Rates(&card.rates))];
    lines.extend(card.tiers.iter().map(|t| (tier("", t), Line::Rates(&t.rates))));
    for variant in &card.variants {
        let when = conditions(&variant.when).replace(" and ", ", ");
        let tiers = variant.tiers.iter().map(|t| (tier(&when, t), Line::Rates(&t.rates)));
        let tiers: Vec<_> = tiers.collect();
        lines.push((when, Line::Rates(&variant.rates)));
        lines.extend(tiers);
    }
    let hours = card.schedule.iter().map(|schedule| match schedule.factor {
        Some(_) => (schedule.to_string(), Line::Factor(schedule)),
        None => (schedule.to_string(), Line::Rates(&schedule.rates)),
    });
    lines.extend(hours);
    lines
}

/// Meters with their cells, as many in a block as fit next to the conditions.
fn packed(first: &[Cell], columns: Vec<(Meter, Vec<Cell>)>, width: usize) -> Vec<Vec<(Meter, Vec<Cell>)>> {
    let longest = |cells: &[Cell]| cells.iter().map(|cell| cell.people.chars().count()).max().unwrap_or(0);
    let conditions = longest(first).max("when".len());
    let (mut blocks, mut used) = (Vec::<Vec<_>>::new(), usize::MAX);
    for (meter, cells) in columns {
        let needs = GAP + longest(&cells).max(meter.name().len());
        if used.saturating_add(needs) > width {
            blocks.push(Vec::new());
            used = conditions;
        }
        used += needs;
        blocks.last_mut().into_iter().for_each(|block| block.push((meter, cells.clone())));
    }
    blocks
}

fn report(first: &[Cell], block: Vec<(Meter, Vec<Cell>)>) -> Report {
    let meters = block.iter().map(|(meter, _)| Column::number(meter.name(), meter.name()));
    let mut report = Report::new(std::iter::once(Column::text("condition", "when")).chain(meters));
    for (i, when) in first.iter().enumerate() {
        let cells = block.iter().filter_map(|(_, cells)| cells.get(i).cloned());
        report.push(std::iter::once(when.clone()).chain(cells), Value::Null);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::PriceTable;

    /// Every block of every card of three providers that is in force, for screens of three widths.
    #[test]
    fn a_block_is_as_wide_as_it_may_be_or_has_one_meter() {
        let table = PriceTable::bundled();
        let now = table.day().unwrap();
        let is_wanted = |id: &str| ["openai", "google", "deepseek"].contains(&id);
        let longest = |cells: Vec<&str>| cells.into_iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let mut blocks = 0;
        for (head, card) in table.cards().filter(|(head, _)| is_wanted(&head.id)) {
            let Some(rates) = card.rates_at(now) else { continue };
            for width in [60, 80, 100] {
                let mut matrix = Matrix::default();
                matrix.add(rates, "now", width, now);
                for (_, block) in &matrix.blocks {
                    let columns = block.columns.iter().enumerate().map(|(i, column)| {
                        let cells = block.rows.iter().map(|row| row.cells[i].people.as_str());
                        longest(cells.chain([&*column.title]).collect())
                    });
                    let wide = columns.sum::<usize>() + GAP * (block.columns.len() - 1);
                    assert!(wide <= width || block.columns.len() == 2, "{}/{}: {wide} in {width}", head.id, card.id);
                    blocks += 1;
                }
            }
        }
        assert!(blocks > 300, "{blocks}");
    }
}
