//! A tour on prompts that are inside the program: [`month`] of a student project, and [`late_2024`].

use rust_decimal::Decimal;
use serde::Serialize;

use super::estimate::prompts::PromptCounter;
use super::estimate::rows::EstimateRow;
use super::setup::{TableStamp, add_table_line, matched_note, table_stamp};
use super::{AsOf, JobError, Setup};
use crate::calculator::quote::{Quote, WorkSpec};
use crate::jobs::error::with_help;
use crate::money::Usd;
use crate::pricing::Found;
use crate::range::Range;
use crate::report::{Cell, Report, Tone, TypedTable};
use crate::tokenizer::TokenCount;
use farebox_data::{DEMO_MODELS, PROMPTS};

/// How often each prompt is sent in a month.
const REQUESTS: u64 = 250;

/// Tokens of an answer: the shortest, the usual and the longest.
const ANSWER: Range<u64> = Range { low: 150, expected: 300, high: 600 };

/// The second table: 10,000 tokens in and out at the prices of this day.
const LATE_2024: &str = "2024-12-15";
const LATE_2024_MODELS: [&str; 5] = [
    "openai/gpt-4-turbo",
    "anthropic/claude-3-5-sonnet",
    "cohere/command-r",
    "google/gemini-1.5-flash",
    "mistral/pixtral-12b",
];

/// A model with the sum over all prompts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DemoRow {
    /// The provider's id.
    provider: String,
    /// The model's id at the provider.
    model: String,
    /// The tokens of the prompts, each once.
    #[cfg_attr(test, schemars(with = "DemoTokens"))]
    tokens: TokenCount,
    /// What a month is expected to cost.
    total_usd: Usd,
    /// The least that it can cost.
    low_usd: Usd,
    /// The most that it can cost.
    high_usd: Usd,
}

/// Tokens with their bounds, and what the count rests on.
#[cfg(test)]
#[derive(Serialize, schemars::JsonSchema)]
struct DemoTokens {
    tokens: u64,
    low: u64,
    high: u64,
    /// `exact`, `reconstructed`, `assumed` or `estimated`.
    basis: String,
}

/// The fields before `rows` in JSON output.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DemoHead {
    /// The price table.
    table: TableStamp,
    /// Requests in a month.
    requests: u64,
}

/// One month of the project on each model, cheapest first.
///
/// # Errors
/// [`JobError`] where a model of the list is not in the table, or a vocabulary cannot be loaded.
pub fn month(setup: &Setup) -> Result<Report, JobError> {
    let names = DEMO_MODELS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let asked: Vec<String> = names.map(str::to_owned).collect();
    let models = setup.find_all(&asked)?;
    let mut counter = PromptCounter::new(&models, setup);
    for (name, text) in PROMPTS {
        counter.text(name, &mut text.as_bytes(), false)?;
    }
    let spec = WorkSpec { output_tokens: Some(ANSWER), requests: REQUESTS, ..WorkSpec::default() };
    let quotes = counter.quotes(&spec);
    let of_model = |at: usize| quotes.iter().skip(at).step_by(models.len());
    let sums = models.iter().enumerate().map(|(at, found)| DemoRow::of(found, of_model(at)));
    let (mut rows, mut unpriced) = (Vec::new(), Vec::new());
    sums.for_each(|sum| match sum {
        Ok(row) => rows.push(row),
        Err(why) => unpriced.push(why),
    });
    rows.sort_by_cached_key(|row| (row.total_usd, row.id()));
    let cheapest = rows.first().map_or(Usd::ZERO, |row| row.total_usd);
    let mut report = month_table(cheapest, setup).report(rows);
    report.head.push(format!(
        "A student project: {} prompts (tutoring, code review, JSON, German), each sent {REQUESTS} times a month,",
        PROMPTS.len()
    ));
    report.head.push(format!(
        "answers of {} to {} tokens, {} expected. What does a month cost?",
        ANSWER.low, ANSWER.high, ANSWER.expected
    ));
    report.entitle("A month of a student project", format!("{} on the cheapest model", setup.money(cheapest).people));
    report.state_all(&DemoHead { table: table_stamp(setup), requests: REQUESTS * PROMPTS.len() as u64 });
    report.notes.push("exact: the provider's own vocabulary. reconstructed: one recovered from measured counts. estimated: no vocabulary in this program yet, so the count has a range, and the cost with it.".into());
    report.notes.extend(asked.iter().zip(&models).filter_map(|(asked, found)| matched_note(asked, found)));
    report.notes.extend(unpriced.into_iter().map(|why| format!("not shown: {why}")));
    add_table_line(&mut report, setup);
    Ok(report)
}

fn month_table(cheapest: Usd, setup: &Setup) -> TypedTable<'_, DemoRow> {
    let times = move |row: &DemoRow| {
        let times = row.total_usd.amount().checked_div(cheapest.amount()).unwrap_or(Decimal::ONE);
        Cell::text(times.round_dp(u32::from(times < Decimal::TEN)).normalize().to_string())
    };
    TypedTable::<DemoRow>::new()
        .text("model", "model", |row| Cell::text(row.id()))
        .number("input_tokens", "prompt tokens", |row| Cell::quantity(row.tokens.tokens))
        .optional()
        .text("basis", "basis", |row| Cell::text(row.tokens.basis.to_string()))
        .optional()
        .number("low_usd", "low", |row| setup.money(row.low_usd).tone(Tone::Dim))
        .number("total_usd", "expected", |row| setup.money(row.total_usd))
        .number("high_usd", "high", |row| setup.money(row.high_usd).tone(Tone::Dim))
        .number("times", "× cheapest", times)
}

impl DemoRow {
    /// The sum over the prompts, or why one of them has no price.
    fn of<'q>(found: &Found, quotes: impl Iterator<Item = &'q Quote>) -> Result<Self, String> {
        let (provider, model) = (found.provider.id.clone(), found.model.id.clone());
        let (tokens, none) = (TokenCount::default(), Usd::ZERO);
        let mut sum = DemoRow { provider, model, tokens, total_usd: none, low_usd: none, high_usd: none };
        for quote in quotes {
            let estimate = quote.result.as_ref().map_err(|refusal| with_help(refusal, refusal.help()))?;
            sum.tokens += quote.tokens;
            sum.total_usd += estimate.cost.total;
            sum.low_usd += estimate.low;
            sum.high_usd += estimate.high;
        }
        Ok(sum)
    }

    fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// A model of the overview, by the name that it has there.
#[derive(Serialize)]
struct OverviewRow {
    #[serde(skip)]
    asked: &'static str,
    #[serde(flatten)]
    estimate: EstimateRow,
}

/// The costs that a widely copied overview got wrong, at the prices of their day.
///
/// # Errors
/// [`JobError`] where a model of the overview is not in the table.
pub fn late_2024(setup: &Setup) -> Result<Report, JobError> {
    let setup = &Setup { at: LATE_2024.parse()?, as_of: AsOf::Named, currency: None, ..setup.clone() };
    let table = TypedTable::<OverviewRow>::new()
        .text("model", "model", |row| Cell::text(row.asked))
        .number("input_usd", "10,000 tokens in", |row| row.estimate.prompt_cell(setup))
        .number("output_usd", "10,000 tokens out", |row| row.estimate.answer_cell(setup))
        .number("total_usd", "total", |row| row.estimate.total_cell(setup));
    let spec = WorkSpec { output_tokens: Some(Range::exactly(10_000)), ..WorkSpec::default() };
    let tokens = TokenCount::exact(10_000).into();
    let mut report = table.empty();
    for asked in LATE_2024_MODELS {
        let quote = Quote::of(&setup.find(asked)?, None, &tokens, &spec, None, setup.at);
        table.push(&mut report, &OverviewRow { asked, estimate: EstimateRow::of(&quote, setup) });
    }
    report.head.push(format!("The same question at the prices of {LATE_2024}, which the table keeps for ever:"));
    report.notes.push("data/examples/student-project.md lays the overview's own rates over the table and shows where they went wrong.".into());
    Ok(report)
}
