//! What everything is together: [`CountTotal`].

use std::sync::Arc;

use serde::Serialize;

use super::fields::{CountFields, CountIdentity, number, share_cell};
use crate::jobs::plural;
use crate::money::grouped;
use crate::report::{Cell, TypedTable};
use crate::tokenizer::{Basis, TokenCount};

/// What a row is about: an input that is counted whole, or one of the lines or requests in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountUnit {
    File,
    /// A text, standard input, or an attachment.
    Input,
    /// A request, or a line of JSON Lines.
    Request,
}

/// Everything that was counted with one model or tokenizer.
#[derive(Clone, Debug)]
pub(super) struct CountTotal {
    pub name: String,
    pub identity: Arc<CountIdentity>,
    pub context_window: Option<u64>,
    count: TokenCount,
    /// How many files, texts and attachments, how many of them are files, and how many lines and requests.
    inputs: u64,
    files: u64,
    requests: u64,
}

/// The total as a row.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountTotalRow {
    /// `total`.
    source: &'static str,
    #[serde(flatten)]
    with: Arc<CountIdentity>,
    #[serde(flatten)]
    count: CountFields,
    /// How many files, texts and attachments.
    inputs: u64,
    /// How many lines and requests.
    requests: u64,
    /// Tokens that prompt and answer may have together.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    /// The most it may be, in percent of the context window.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_share_percent: Option<String>,
    /// Whether it fits into the context window.
    #[serde(skip_serializing_if = "Option::is_none")]
    fits: Option<bool>,
    /// The most tokens that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<u64>,
    /// Whether it can be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    over_budget: Option<bool>,
}

impl CountTotal {
    pub(crate) fn new(identity: Arc<CountIdentity>, context_window: Option<u64>) -> Self {
        let (name, count) = (identity.name(), TokenCount::default());
        CountTotal { name, identity, context_window, count, inputs: 0, files: 0, requests: 0 }
    }

    pub(crate) fn add(&mut self, count: TokenCount, unit: CountUnit) {
        self.count += count;
        self.inputs += u64::from(unit != CountUnit::Request);
        self.files += u64::from(unit == CountUnit::File);
        self.requests += u64::from(unit == CountUnit::Request);
    }

    /// How many things it is the sum of.
    pub(crate) const fn parts(&self) -> u64 {
        self.inputs + self.requests
    }

    /// Whether the sum can be more than a budget.
    pub(crate) fn is_over(&self, budget: Option<u64>) -> bool {
        budget.is_some_and(|budget| self.count.high > budget)
    }

    /// `openai/gpt-4o: 2,345,678 tokens`
    pub(crate) fn over_text(&self) -> String {
        let range = if self.count.high > self.count.tokens { "up to " } else { "" };
        format!("{}: {range}{}", self.name, plural(self.count.high, "token"))
    }

    /// The number of tokens, and what they were counted with.
    pub(crate) fn headline(&self) -> String {
        format!("{} ({})", plural(self.count.tokens, "token"), self.name)
    }

    /// What the sum is over, for people.
    fn of_what(&self) -> String {
        let inputs = plural(self.inputs, if self.files == self.inputs { "file" } else { "input" });
        match (self.inputs, self.requests) {
            (_, 0) => inputs,
            (0, requests) => plural(requests, "request"),
            (_, requests) => format!("{inputs} and {}", plural(requests, "request")),
        }
    }

    /// `within the budget of 200,000`
    pub(crate) fn verdict(&self, budget: Option<u64>) -> Option<String> {
        let is = if self.is_over(budget) { "over" } else { "within" };
        budget.map(|budget| format!("{is} the budget of {}", grouped(budget)))
    }

    /// The context window; requests are sent one by one, so their sum is not held against it.
    fn window(&self) -> Option<u64> {
        self.context_window.filter(|_| self.requests == 0)
    }

    /// `openai/gpt-4o: 2,345,678 tokens in 49 files, exact; context window: 1,832.6% of 128,000`
    pub(crate) fn sum_text(&self) -> String {
        let count = self.count;
        let range = match count.basis {
            Basis::Exact => String::new(),
            _ => format!(" ({} to {})", grouped(count.low), grouped(count.high)),
        };
        let share = |window| format!("; context window: {}", share_cell(count.high, window).people);
        let fit = self.window().map_or_else(String::new, share);
        let (tokens, what) = (plural(count.tokens, "token"), self.of_what());
        format!("{}: {tokens}{range} in {what}, {}{fit}", self.name, count.basis)
    }

    pub(crate) fn row(&self, budget: Option<u64>) -> CountTotalRow {
        let window = self.window();
        CountTotalRow {
            source: "total",
            with: self.identity.clone(),
            count: CountFields::of(self.count),
            inputs: self.inputs,
            requests: self.requests,
            context_window: window,
            context_share_percent: window.map(|window| share_cell(self.count.high, window).exact),
            fits: window.map(|window| self.count.high <= window),
            budget,
            over_budget: budget.map(|_| self.is_over(budget)),
        }
    }
}

/// The table of a summary, where the totals are all that is shown.
pub(super) fn table() -> TypedTable<'static, CountTotalRow> {
    let share =
        |row: &CountTotalRow| row.context_window.map_or_else(Cell::default, |w| share_cell(row.count.most(), w));
    let some = |n: u64| number((n != 0).then_some(n));
    TypedTable::new()
        .text("source", "source", |row: &CountTotalRow| Cell::text(row.source))
        .number("line", "line", |_| Cell::default())
        .text("model", "model", |row| row.with.model_cell())
        .text("tokenizer", "tokenizer", |row| Cell::text(&row.with.tokenizer))
        .optional()
        .number("tokens", "tokens", |row| Cell::quantity(row.count.tokens))
        .number("low", "low", |row| number(row.count.low))
        .number("high", "high", |row| number(row.count.high))
        .text("basis", "basis", |row| Cell::text(row.count.basis))
        .number("context_share_percent", "context window", share)
        .optional()
        .text("cut_at", "to fit, cut at", |_| Cell::default())
        .number("inputs", "inputs", move |row| some(row.inputs))
        .number("requests", "requests", move |row| some(row.requests))
}
