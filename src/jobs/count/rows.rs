//! Where rows go: [`CountRows`], straight out as lines of JSON, or into a report.

use std::cmp::Reverse;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::fields::{CountFields, CountIdentity, number, share_cell};
use super::total::{self, CountTotal, CountTotalRow};
use super::with::Counting;
use crate::input::requests::Spot;
use crate::jobs::JobError;
use crate::report::{Cell, Report, TypedTable, write_json_line};
use crate::tokenizer::TokenCount;
use crate::tokenizer::limit::LimitPlace;

farebox_data::names! {
    /// What rows are put in order by.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CountOrder "is not an order" {
        Tokens "tokens" "The most tokens first";
        Name "name" "By name";
    }
}

/// A count, and where the text has to end to stay within the budget if it is longer.
pub(super) type CountedText = (TokenCount, Option<LimitPlace>);

/// The count of an input, or of a line or request in it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountRow {
    /// The file, `-` for standard input, `text`, or an attachment.
    source: String,
    /// The line on which it begins, where it is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Its number in a list of requests, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    #[serde(flatten)]
    with: Arc<CountIdentity>,
    #[serde(flatten)]
    count: CountFields,
    /// Tokens that prompt and answer may have together.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    /// The most it may be, in percent of the context window.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_share_percent: Option<String>,
    /// Whether the model takes it: with the longest answer that a request allows it fits into the context window, and the
    /// model writes such an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    fits: Option<bool>,
    /// The longest answer that a request allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_output: Option<u64>,
    /// Where the text has to end to stay within the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_at: Option<CutRow>,
}

/// Where a text has to end to stay within a budget.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CutRow {
    /// Bytes before the place.
    byte: u64,
    /// Line, from 1.
    line: u64,
    /// Column in characters, from 1.
    column: u64,
    /// Tokens before the place.
    tokens: u64,
}

/// What stands before the rows of the `json` form.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountHead {
    /// `tokens`; a tree has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    /// How many rows were left out by `--top`.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_shown: Option<usize>,
    /// The most tokens that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<u64>,
    /// Whether a total can be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    over_budget: Option<bool>,
    /// What everything is together, for each model and tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Vec<CountTotalRow>>,
}

impl CountRow {
    /// `answer` is the longest answer that a request allows.
    fn of(source: &str, spot: Spot, counting: &Counting, (count, place): CountedText, answer: u64) -> Self {
        let window = counting.context_window();
        let is_refused = counting.longest_answer().is_some_and(|longest| answer > longest);
        let cut =
            |LimitPlace { byte, line, column, kept }: LimitPlace| CutRow { byte, line, column, tokens: kept.tokens };
        CountRow {
            source: source.to_owned(),
            line: spot.line,
            item: spot.item,
            with: counting.identity.clone(),
            count: CountFields::of(count),
            context_window: window,
            context_share_percent: window.map(|window| share_cell(count.high, window).exact),
            fits: window.map(|_| !counting.is_too_long(count.high, answer) && !is_refused),
            asked_output: (answer > 0).then_some(answer),
            cut_at: place.map(cut),
        }
    }
}

fn table() -> TypedTable<'static, CountRow> {
    let share = |row: &CountRow| row.context_window.map_or_else(Cell::default, |w| share_cell(row.count.most(), w));
    TypedTable::new()
        .text("source", "source", |row: &CountRow| Cell::text(&row.source))
        .number("line", "line", |row| number(row.line))
        .text("model", "model", |row| row.with.model_cell())
        .text("tokenizer", "tokenizer", |row| Cell::text(&row.with.tokenizer))
        .optional()
        .number("tokens", "tokens", |row| Cell::quantity(row.count.tokens))
        .number("low", "low", |row| number(row.count.low))
        .number("high", "high", |row| number(row.count.high))
        .text("basis", "basis", |row| Cell::text(row.count.basis))
        .number("context_share_percent", "context window", share)
        .optional()
        .text("cut_at", "to fit, cut at", |row| row.cut_at.map_or_else(Cell::default, place_cell))
}

fn place_cell(place: CutRow) -> Cell {
    let line = Cell::quantity(place.line).people;
    Cell::pair(format!("line {line}, column {}", place.column), place.byte.to_string())
}

/// How rows are to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountView {
    /// The order of the rows; as they are read where it is not given.
    pub order: Option<CountOrder>,
    /// At most this many inputs, lines or requests: the largest.
    pub top: Option<usize>,
    /// The totals alone.
    pub summary: bool,
    /// The most tokens that everything together may be.
    pub budget: Option<u64>,
}

/// Takes rows: straight out as JSON Lines, since a million lines need no table in memory, or into a report.
pub(super) struct CountRows<'o> {
    /// Where lines of JSON go; nothing where a report is made.
    lines: Option<&'o mut dyn Write>,
    view: CountView,
    table: TypedTable<'static, CountRow>,
    report: Report,
    head: CountHead,
    is_tree: bool,
    is_explained: bool,
    /// The rows that wait to be put in order, where they are: those of one input, line or request together.
    waiting: Option<Vec<RowGroup>>,
}

/// The rows of one input, line or request: one for each model or tokenizer.
struct RowGroup {
    source: String,
    spot: Spot,
    tokens: u64,
    rows: Vec<CountRow>,
}

impl<'o> CountRows<'o> {
    pub(crate) fn new(view: CountView, lines: Option<&'o mut dyn Write>) -> Self {
        let table = table();
        CountRows {
            lines,
            view,
            report: if view.summary { total::table().empty() } else { table.empty() },
            table,
            head: CountHead { unit: Some("tokens"), ..CountHead::default() },
            is_tree: false,
            is_explained: false,
            waiting: (view.top.is_some() || view.order.is_some()).then(Vec::new),
        }
    }

    /// Takes a row; `answer` is the longest answer that a request allows.
    pub(crate) fn row(
        &mut self,
        source: &str,
        spot: Spot,
        counting: &Counting,
        counted: CountedText,
        answer: u64,
    ) -> Result<(), JobError> {
        if self.view.summary {
            return Ok(());
        }
        let row = CountRow::of(source, spot, counting, counted, answer);
        let Some(groups) = &mut self.waiting else { return self.show(&row) };
        match groups.last_mut().filter(|group| group.source == source && group.spot == spot) {
            Some(group) => group.rows.push(row),
            None => {
                let (source, tokens) = (source.to_owned(), row.count.tokens);
                groups.push(RowGroup { source, spot, tokens, rows: vec![row] });
            }
        }
        Ok(())
    }

    fn show(&mut self, row: &CountRow) -> Result<(), JobError> {
        match &mut self.lines {
            Some(out) => write_json_line(row, &mut **out)?,
            None => {
                self.table.push(&mut self.report, row);
            }
        }
        Ok(())
    }

    /// Shows a tree in the place of rows.
    pub(crate) fn tree(&mut self, tree: Report) {
        (self.report, self.head, self.is_tree) = (tree, CountHead::default(), true);
    }

    /// Shows the parts of requests in the place of rows.
    pub(crate) fn explained(&mut self, parts: Report) {
        self.report = parts;
        (self.waiting, self.is_explained) = (None, true);
    }

    /// Puts what waited in order and hands it on. The largest are chosen by their first count, whatever the order.
    fn in_order(&mut self) -> Result<(), JobError> {
        let Some(mut groups) = self.waiting.take() else { return Ok(()) };
        let name = |group: &RowGroup| (group.source.clone(), group.spot.line, group.spot.item);
        groups.sort_by_cached_key(|group| (Reverse(group.tokens), name(group)));
        let top = self.view.top.unwrap_or(usize::MAX);
        let hidden = groups.len().saturating_sub(top);
        groups.truncate(top);
        if self.view.order == Some(CountOrder::Name) {
            groups.sort_by_cached_key(name);
        }
        for row in groups.iter().flat_map(|group| &group.rows) {
            self.show(row)?;
        }
        if hidden > 0 {
            self.report.notes.push(format!("{hidden} smaller not shown."));
        }
        self.head.not_shown = Some(hidden);
        Ok(())
    }

    /// What everything is together: rows of a summary, else notes where there is more than one row.
    fn totals(&mut self, totals: &[CountTotal]) {
        let budget = self.view.budget;
        for total in totals {
            let is_sum = !self.view.summary && total.parts() > 1;
            if let Some(verdict) = total.verdict(budget) {
                let tokens = if is_sum { total.sum_text() } else { total.over_text() };
                self.report.notes.push(format!("{tokens}; {verdict}"));
            } else if is_sum {
                self.report.notes.push(total.sum_text());
            }
        }
        self.head.budget = budget;
        self.head.over_budget = budget.map(|_| totals.iter().any(|total| total.is_over(budget)));
        let is_one = totals.iter().all(|total| total.parts() == 1);
        if !totals.is_empty() && (budget.is_some() || self.view.summary || self.is_tree || self.is_explained || !is_one)
        {
            self.head.totals = Some(totals.iter().map(|total| total.row(budget)).collect());
        }
    }

    /// Everything as a report; nothing where the rows went out as lines, which the verdict follows.
    pub(crate) fn finish(mut self, totals: &[CountTotal]) -> Result<Option<Report>, JobError> {
        self.in_order()?;
        if let Some(out) = self.lines {
            for total in totals.iter().filter(|_| self.view.budget.is_some()) {
                write_json_line(&total.row(self.view.budget), &mut *out)?;
            }
            return Ok(None);
        }
        if self.view.summary {
            for total in totals {
                total::table().push(&mut self.report, &total.row(self.view.budget));
            }
        }
        self.totals(totals);
        self.report.state_all(&self.head);
        if !self.is_tree {
            let named: Vec<String> = totals.iter().take(2).map(CountTotal::headline).collect();
            let title = if self.is_explained { "Tokens by part" } else { "Token count" };
            self.report.entitle(title, named.join(", "));
        }
        Ok(Some(self.report))
    }
}
