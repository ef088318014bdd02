//! `farebox demo`: a tour on prompts that are inside the program, over a dozen providers.

use std::io::Write;

use rust_decimal::Decimal;

use super::out::Out;
use super::shared::{OutputFlags, PriceFlags, Setup, matched_note, table_json, table_line};
use crate::cli::error::Error;
use farebox::calculator::quote::{Quote, WorkSpec};
use farebox::jobs::AsOf;
use farebox::jobs::estimate::prompts::PromptCounter;
use farebox::jobs::estimate::rows::EstimateRow;
use farebox::money::Usd;
use farebox::pricing::Found;
use farebox::range::Range;
use farebox::report::{Cell, Column, Format, Report, Tone};
use farebox::tokenizer::TokenCount;
use farebox_data::PROMPTS;

/// A tour with data inside: what a small student project costs on many providers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The prompts are in data/prompts of the source; `farebox compare data/prompts/tutor.txt --output-tokens 150..300..600` goes on from here."
)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// How often each prompt is sent in a month.
const REQUESTS: u64 = 250;

/// Tokens of an answer: the shortest, the usual and the longest.
const ANSWER: Range<u64> = Range { low: 150, expected: 300, high: 600 };

/// What the first table compares: small and large models of every provider with text models in the table.
const MODELS: &str = farebox_data::DEMO_MODELS;

/// The second table: 10,000 tokens in and out at the prices of this day.
const LATE_2024: &str = "2024-12-15";
const LATE_2024_MODELS: [&str; 5] = [
    "openai/gpt-4-turbo",
    "anthropic/claude-3-5-sonnet",
    "cohere/command-r",
    "google/gemini-1.5-flash",
    "mistral/pixtral-12b",
];

pub(crate) fn run(args: DemoArgs) -> Result<(), Error> {
    let setup = args.prices.setup()?;
    let month = month(&setup)?;
    if args.output.format != Format::Table {
        return args.output.write(month);
    }
    let then = Setup { at: LATE_2024.parse()?, as_of: AsOf::Named, currency: None, ..setup };
    let late_2024 = late_2024(&then)?;
    let out = Out::open(args.output.output.as_deref())?;
    let screen = out.screen(args.output.color);
    out.write_with(|out| {
        farebox::report::write(&month, Format::Table, screen, out)?;
        writeln!(out)?;
        farebox::report::write(&late_2024, Format::Table, screen, out)
    })?;
    Ok(())
}

/// One month of the project on each model, cheapest first.
fn month(setup: &Setup) -> Result<Report, Error> {
    let asked: Vec<String> =
        MODELS.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect();
    let models = setup.find_all(&asked)?;
    let mut counter = PromptCounter::new(&models, setup);
    for (name, text) in PROMPTS {
        counter.text(name, &mut text.as_bytes(), false)?;
    }
    let spec = WorkSpec { output_tokens: Some(ANSWER), requests: REQUESTS, ..WorkSpec::default() };
    let quotes = counter.quotes(&spec);
    let of_model = |at: usize| quotes.iter().skip(at).step_by(models.len());
    let mut rows: Vec<ModelSum> =
        models.iter().enumerate().filter_map(|(at, found)| ModelSum::of(found, of_model(at))).collect();
    rows.sort_by_cached_key(|row| (row.total, row.found.full_id()));
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::number("input_tokens", "prompt tokens"),
        Column::text("basis", "basis"),
        Column::number("low_usd", "low"),
        Column::number("total_usd", "expected"),
        Column::number("high_usd", "high"),
        Column::number("times", "× cheapest"),
    ]);
    report.head.push(format!(
        "A student project: {} prompts (tutoring, code review, JSON, German), each sent {REQUESTS} times a month,",
        PROMPTS.len()
    ));
    report.head.push(format!(
        "answers of {} to {} tokens, {} expected. What does a month cost?",
        ANSWER.low, ANSWER.high, ANSWER.expected
    ));
    let cheapest = rows.first().map_or(Usd::ZERO, |r| r.total);
    for row in &rows {
        report.push(row.cells(cheapest, setup), row.machine());
    }
    report.machine.insert("table".into(), table_json(setup));
    report.machine.insert("requests".into(), serde_json::json!(REQUESTS * PROMPTS.len() as u64));
    report.notes.push("exact: the provider's own vocabulary. reconstructed: one recovered from measured counts. estimated: no vocabulary in this program yet, so the count has a range, and the cost with it.".into());
    report.notes.extend(asked.iter().zip(&models).filter_map(|(asked, found)| matched_note(asked, found)));
    report.notes.push(table_line(setup));
    Ok(report)
}

/// A model with the sum over all prompts.
struct ModelSum<'a> {
    found: &'a Found,
    tokens: TokenCount,
    total: Usd,
    low: Usd,
    high: Usd,
}

impl<'a> ModelSum<'a> {
    /// `None` where one of the prompts has no price.
    fn of<'q>(found: &'a Found, quotes: impl Iterator<Item = &'q Quote>) -> Option<Self> {
        let mut sum =
            ModelSum { found, tokens: TokenCount::default(), total: Usd::ZERO, low: Usd::ZERO, high: Usd::ZERO };
        for quote in quotes {
            let estimate = quote.result.as_ref().ok()?;
            sum.tokens += quote.tokens;
            sum.total += estimate.cost.total;
            sum.low += estimate.low;
            sum.high += estimate.high;
        }
        Some(sum)
    }

    fn cells(&self, cheapest: Usd, setup: &Setup) -> [Cell; 7] {
        let times = self.total.amount().checked_div(cheapest.amount()).unwrap_or(Decimal::ONE);
        let digits = u32::from(times < Decimal::TEN);
        [
            Cell::text(self.found.full_id()),
            Cell::quantity(self.tokens.tokens),
            Cell::text(self.tokens.basis.to_string()),
            setup.money(self.low).tone(Tone::Dim),
            setup.money(self.total),
            setup.money(self.high).tone(Tone::Dim),
            Cell::text(times.round_dp(digits).normalize().to_string()),
        ]
    }

    fn machine(&self) -> serde_json::Value {
        serde_json::json!({
            "provider": self.found.provider.id, "model": self.found.model.id,
            "tokens": self.tokens, "total_usd": self.total, "low_usd": self.low, "high_usd": self.high,
        })
    }
}

/// The costs that a widely copied overview got wrong.
fn late_2024(setup: &Setup) -> Result<Report, Error> {
    let mut report = Report::new([
        Column::text("model", "model"),
        Column::number("input_usd", "10,000 tokens in"),
        Column::number("output_usd", "10,000 tokens out"),
        Column::number("total_usd", "total"),
    ]);
    report.head.push(format!("The same question at the prices of {LATE_2024}, which the table keeps for ever:"));
    let spec = WorkSpec { output_tokens: Some(Range::exactly(10_000)), ..WorkSpec::default() };
    let tokens = TokenCount::exact(10_000).into();
    for asked in LATE_2024_MODELS {
        let found = setup.find(asked)?;
        let row = EstimateRow::of(&Quote::of(&found, None, &tokens, &spec, None, setup.at), setup);
        let machine = serde_json::to_value(&row).unwrap_or_default();
        let cells = [Cell::text(asked), row.prompt_cell(setup), row.answer_cell(setup), row.total_cell(setup)];
        report.push(cells, machine);
    }
    report.notes.push("data/examples/student-project.md lays the overview's own rates over the table and shows where they went wrong.".into());
    Ok(report)
}
