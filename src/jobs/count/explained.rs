//! Where the tokens of each request go, as rows: a part each, a column for each model.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::fields::{CountIdentity, number};
use crate::input::requests::Spot;
use crate::money::percent_for_people;
use crate::report::chart::{Chart, ChartKind, ChartValue};
use crate::report::{Cell, Column, Report, TypedTable};
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::{Evidence, Explained, PartKind, RequestPart};

/// A part of a request, or the whole of it, with what it costs on each model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountPartRow {
    /// The file, `-` for standard input, or `text`.
    source: String,
    /// The line on which the request begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Its number in a list of requests, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    /// `system`, `message`, `thoughts`, `media`, `token_ids`, `tools` (that there are any), `tool`, `tool_choice`,
    /// `answer_schema`, `thinking`, `frame`, `not_understood`, `not_counted`; `total` is the whole request.
    part: &'static str,
    /// Which message it is or belongs to, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<usize>,
    /// Who says that message.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// The name of a tool, the kind of an attachment, the functions that a message calls, what is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its tokens with each model. Those of a request's parts add up to those of its `total`, bounds too.
    counts: Vec<PartCount>,
    /// Its share of the request, by the first model.
    share_percent: String,
    #[serde(skip)]
    shown: String,
}

/// What a part costs with one model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PartCount {
    #[serde(flatten)]
    with: Arc<CountIdentity>,
    /// The best single number. A part that spares more than it costs has fewer than none.
    tokens: i64,
    /// The least it may be.
    low: i64,
    /// The most it may be.
    high: i64,
    /// What the whole rests on: `exact`, `reconstructed`, `assumed` or `estimated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'static str>,
    /// Of a total: why the rule that the request is counted by is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<CountRule>,
}

/// Why a rule of counting is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountRule {
    /// Who says so: `published` by the vendor, `recorded` requests, `measured` by others, or `estimated`.
    basis: &'static str,
    /// How many recorded requests with the provider's own usage were counted by it.
    requests: u32,
    /// What the provider billed beyond the count: less in 5 of 100 of these requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_low: Option<i64>,
    /// What the provider billed beyond the count: more in 5 of 100 of these requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_high: Option<i64>,
    /// Where it is from.
    source: &'static str,
}

impl CountRule {
    fn new(evidence: Evidence) -> Self {
        let Evidence { basis, requests, left, source } = evidence;
        let (left_low, left_high) = left.unzip();
        CountRule { basis: basis.name(), requests, left_low, left_high, source }
    }

    /// For people, behind the model's name.
    fn shown(&self) -> String {
        let requests = match self.requests {
            0 => String::new(),
            1 => ", held against 1 recorded request".to_owned(),
            n => format!(", held against {n} recorded requests"),
        };
        let source = if self.source.is_empty() { String::new() } else { format!(" ({})", self.source) };
        format!("the rule is {}{requests}{source}", self.basis)
    }
}

/// The requests that were taken apart.
#[derive(Default)]
pub(super) struct ExplainedRequests(Vec<ExplainedRequest>);

/// One request with each model.
struct ExplainedRequest {
    source: String,
    spot: Spot,
    parts: Vec<(RequestPart, Vec<PartCount>)>,
    totals: Vec<PartCount>,
}

impl ExplainedRequests {
    /// Takes what a model makes of a request; those of one request come one after the other.
    pub(crate) fn add(
        &mut self,
        source: &str,
        spot: Spot,
        with: &Arc<CountIdentity>,
        explained: Explained,
        evidence: Option<Evidence>,
    ) {
        let is_same = |last: &&mut ExplainedRequest| last.source == source && last.spot == spot;
        if self.0.last_mut().filter(is_same).is_none() {
            let (parts, totals) = (Vec::new(), Vec::new());
            self.0.push(ExplainedRequest { source: source.to_owned(), spot, parts, totals });
        }
        if let Some(request) = self.0.last_mut() {
            request.add(with, explained, evidence);
        }
    }

    /// A row for each part and each whole.
    pub(crate) fn report(self) -> Report {
        let mut with: Vec<Arc<CountIdentity>> = Vec::new();
        for count in self.0.iter().flat_map(|request| &request.totals) {
            if !with.contains(&count.with) {
                with.push(count.with.clone());
            }
        }
        let rules = self.rules();
        let (table, several) = (table(&with), self.0.len() > 1);
        let chart = self.0.first().filter(|_| !several).and_then(ExplainedRequest::chart);
        let mut report = table.empty();
        for request in self.0 {
            let row = report.rows.len();
            for (row, is_part) in request.rows() {
                let shown = table.push(&mut report, &row);
                shown.depth = u16::from(is_part && matches!(row.part, "media" | "thoughts"));
            }
            if !several {
                report.rows.iter_mut().skip(row).for_each(hide_place);
            }
        }
        report.charts.extend(chart);
        report.notes.extend(rules);
        report
    }

    /// What each rule rests on, once.
    fn rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for total in self.0.iter().flat_map(|request| &request.totals) {
            let Some(rule) = &total.rule else { continue };
            let rule = format!("{}: {}", total.with.name(), rule.shown());
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

/// Where there is one request alone, people know which.
fn hide_place(row: &mut crate::report::Row) {
    row.cells.iter_mut().take(2).for_each(|cell| cell.people.clear());
}

impl ExplainedRequest {
    /// Parts of the same kind, message and name are the same, in their order; a model may have parts that others lack.
    fn add(&mut self, with: &Arc<CountIdentity>, explained: Explained, evidence: Option<Evidence>) {
        let mut next = 0;
        for part in explained.parts {
            let count = PartCount {
                with: with.clone(),
                tokens: part.tokens,
                low: part.low,
                high: part.high,
                basis: None,
                rule: None,
            };
            let key = |part: &RequestPart| (part.kind, part.message, part.name.clone());
            let found =
                self.parts.iter().skip(next).position(|(known, counts)| {
                    counts.iter().all(|count| count.with != *with) && key(known) == key(&part)
                });
            match found.and_then(|found| self.parts.get_mut(next + found).map(|known| (found, known))) {
                Some((found, (_, counts))) => {
                    counts.push(count);
                    next += found + 1;
                }
                None => {
                    let at = next.min(self.parts.len());
                    self.parts.insert(at, (part, vec![count]));
                    next = at + 1;
                }
            }
        }
        let rule = evidence.map(CountRule::new);
        self.totals.push(PartCount { rule, ..whole(with, explained.counted.count) });
    }

    /// Its rows, each with whether it is a part.
    fn rows(self) -> impl Iterator<Item = (CountPartRow, bool)> {
        let all = self.totals.first().map_or(0, |total| total.tokens);
        let ExplainedRequest { source, spot, parts, totals } = self;
        let row = move |part: &RequestPart, kind: &'static str, shown: String, counts: Vec<PartCount>| CountPartRow {
            source: source.clone(),
            line: spot.line,
            item: spot.item,
            part: kind,
            message: part.message,
            role: part.role.map(crate::conversation::Role::name),
            name: part.name.clone(),
            share_percent: share(counts.first().map_or(0, |count| count.tokens), all).normalize().to_string(),
            counts,
            shown,
        };
        let nothing =
            RequestPart { kind: PartKind::Frame, message: None, role: None, name: None, tokens: 0, low: 0, high: 0 };
        let mut rows: Vec<(CountPartRow, bool)> = Vec::new();
        for (part, counts) in parts {
            rows.push((row(&part, part.kind.name(), label(&part), counts), true));
        }
        rows.push((row(&nothing, "total", "total".to_owned(), totals), false));
        rows.into_iter()
    }

    /// The parts as bars, the largest first.
    fn chart(&self) -> Option<Chart> {
        const MOST: usize = 20;
        let all = self.totals.first()?.tokens;
        let tokens = |counts: &[PartCount]| counts.first().map_or(0, |count| count.tokens);
        let mut parts: Vec<(String, i64)> =
            self.parts.iter().map(|(part, counts)| (label(part), tokens(counts))).filter(|(_, n)| *n > 0).collect();
        parts.sort_by_key(|(_, tokens)| std::cmp::Reverse(*tokens));
        let bar = |(name, tokens): (String, i64)| {
            let text = format!("{} ({})", Cell::quantity(tokens).people, percent_for_people(share(tokens, all)));
            (name, ChartValue::new(tokens.into(), text), None)
        };
        let kind = ChartKind::Bars { bars: parts.into_iter().take(MOST).map(bar).collect() };
        Some(Chart { title: "Where the tokens are".into(), kind })
    }
}

fn whole(with: &Arc<CountIdentity>, count: TokenCount) -> PartCount {
    let signed = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    PartCount {
        with: with.clone(),
        tokens: signed(count.tokens),
        low: signed(count.low),
        high: signed(count.high),
        basis: Some(count.basis.name()),
        rule: None,
    }
}

/// A part for people.
fn label(part: &RequestPart) -> String {
    let name = part.name.as_deref().unwrap_or_default();
    let of_message = part.message.map(|message| format!(" of message {message}")).unwrap_or_default();
    let role = part.role.map(|role| format!(", {role}")).unwrap_or_default();
    match part.kind {
        PartKind::System => format!("system (message {})", part.message.unwrap_or_default()),
        PartKind::Message => {
            let calls = if name.is_empty() { String::new() } else { format!(": {name}") };
            format!("message {}{role}{calls}", part.message.unwrap_or_default())
        }
        PartKind::Thoughts => format!("thoughts{of_message}"),
        PartKind::Media => format!("{name}{of_message}"),
        PartKind::Tools => "having tools".to_owned(),
        PartKind::Tool => format!("tool {name}"),
        PartKind::ToolChoice if name.is_empty() => "tool choice".to_owned(),
        PartKind::ToolChoice => format!("tool choice: {name}"),
        PartKind::AnswerSchema => "schema of the answer".to_owned(),
        PartKind::Thinking => "thinking".to_owned(),
        PartKind::TokenIds => "token ids".to_owned(),
        PartKind::NotUnderstood => format!("not understood: {name}"),
        PartKind::NotCounted => format!("not counted: {name}"),
        PartKind::Frame => "frame".to_owned(),
    }
}

fn share(tokens: i64, all: i64) -> Decimal {
    let percent = Decimal::from(tokens).checked_mul(Decimal::ONE_HUNDRED).and_then(|n| n.checked_div(all.into()));
    percent.unwrap_or_default().round_dp(1)
}

fn table(with: &[Arc<CountIdentity>]) -> TypedTable<'static, CountPartRow> {
    let text = |text: &Option<String>| text.as_ref().map_or_else(Cell::default, |text| Cell::pair("", text));
    let mut table = TypedTable::new()
        .text("source", "source", |row: &CountPartRow| Cell::text(&row.source))
        .number("line", "line", |row| number(row.line))
        .text("part", "part", |row| Cell::pair(&row.shown, row.part))
        // What follows is in the name that people see.
        .number("item", "item", |row| row.item.map_or_else(Cell::default, |item| Cell::pair("", item.to_string())))
        .number("message", "message", |row| row.message.map_or_else(Cell::default, |n| Cell::pair("", n.to_string())))
        .text("role", "role", |row| row.role.map_or_else(Cell::default, |role| Cell::pair("", role)))
        .text("name", "name", move |row| text(&row.name));
    for identity in with {
        let several = with.len() > 1;
        for (field, of) in BOUNDS {
            let key = if several { format!("{field} {}", identity.name()) } else { (*field).to_owned() };
            let title = if *field == "tokens" && several { identity.name() } else { (*field).to_owned() };
            let (identity, of, is_range) = (identity.clone(), *of, *field != "tokens");
            table = table.column(Column::number(key, title), move |row| {
                let count = row.counts.iter().find(|count| count.with == identity);
                count.map_or_else(Cell::default, |count| cell(count, of(count), is_range, several))
            });
        }
        let (key, identity) =
            (if several { format!("basis {}", identity.name()) } else { "basis".to_owned() }, identity.clone());
        table = table.column(Column::text(key, "basis").optional(), move |row| {
            let count = row.counts.iter().find(|count| count.with == identity);
            let basis = count.and_then(|count| count.basis).unwrap_or_default();
            if several { Cell::pair("", basis) } else { Cell::text(basis) }
        });
    }
    let share = |row: &CountPartRow| Cell::percent(row.share_percent.parse().unwrap_or_default());
    table.number("share_percent", "share", share).optional()
}

/// A number of a count, with its name.
type BoundOf = (&'static str, fn(&PartCount) -> i64);

const BOUNDS: &[BoundOf] =
    &[("tokens", |count| count.tokens), ("low", |count| count.low), ("high", |count| count.high)];

/// A number of a count. People see bounds only where they differ, and those of several models behind the number.
fn cell(count: &PartCount, value: i64, is_range: bool, several: bool) -> Cell {
    let shown = |n: i64| Cell::quantity(n).people;
    let is_certain = count.low == count.tokens && count.high == count.tokens;
    let people = match (is_range, several) {
        (true, true) => String::new(),
        (true, false) if is_certain => String::new(),
        (false, true) if !is_certain => format!("{} ({}–{})", shown(value), shown(count.low), shown(count.high)),
        _ => shown(value),
    };
    Cell::pair(people, value.to_string())
}
