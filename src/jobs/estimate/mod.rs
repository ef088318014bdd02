//! What prompts and requests would cost before they are sent: [`price_inputs`] reads, counts and prices, [`report`] shows.
//!
//! One text or request at a time: [`quote_text`] and [`quote_request`].

pub mod prompts;
pub mod requests;
pub mod rows;

use std::collections::BTreeSet;

use self::prompts::PromptCounter;
use self::requests::RequestPricer;
use self::rows::{EstimateHead, EstimateRow, ModelTotal, QuotesHead};
use super::assumed::{assumed_note, refuse_assumed};
use super::error::with_help;
use super::life::life_notes;
use super::setup::{matched_note, table_line, table_stamp};
use super::thinking::thinking_note;
use super::{JobError, Setup, plural};
use crate::calculator::estimate::Work;
use crate::calculator::quote::{PromptTokens, Quote, WorkSpec};
use crate::conversation::{Conversation, Media};
use crate::input::requests::{Input, Tally, alone, each_request};
use crate::money::Usd;
use crate::pricing::Found;
use crate::range::Range;
use crate::report::{Cell, Report, TypedTable};
use crate::tokenizer::Basis;

/// What a prompt of that many tokens costs on a model.
///
/// # Errors
/// [`JobError::NothingPriced`] never: a prompt that is typed is one prompt.
pub(crate) fn quote_tokens(
    tokens: Range<u64>,
    found: &Found,
    spec: &WorkSpec,
    setup: &Setup,
) -> Result<Quote, JobError> {
    let mut counter = PromptCounter::new(std::slice::from_ref(found), setup);
    counter.typed(tokens);
    counter.quotes(spec).pop().ok_or_else(|| JobError::NothingPriced(Vec::new()))
}

/// What a text costs on a model.
///
/// # Errors
/// [`JobError`] where the model's tokenizer cannot be loaded.
pub(crate) fn quote_text(text: &str, found: &Found, spec: &WorkSpec, setup: &Setup) -> Result<Quote, JobError> {
    let models = std::slice::from_ref(found);
    let mut counter = PromptCounter::new(models, setup);
    counter.text("text", &mut text.as_bytes(), false)?;
    counter.quotes(spec).pop().ok_or_else(|| JobError::NothingPriced(Vec::new()))
}

/// What a request costs on a model, as the provider bills it.
///
/// # Errors
/// [`JobError`] where the model cannot be sent the request, or its tokenizer cannot be loaded.
pub(crate) fn quote_request(
    request: &Conversation,
    found: &Found,
    spec: &WorkSpec,
    setup: &Setup,
) -> Result<Quote, JobError> {
    let framing = super::TokenizerChoice::of(found, setup).framing(found, setup)?;
    let tokens = PromptTokens::billed(found, &mut framing.count(request)?, setup.at);
    let spec = spec.of_request(request, found, true);
    Ok(Quote::of(found, None, &tokens, &spec, request.max_output, setup.at))
}

/// What there is to price: inputs that are open, and attachments next to them, each with its name.
#[derive(Default)]
pub struct InputsToPrice<'s> {
    /// Texts, and files of requests.
    pub inputs: Vec<Input<'s>>,
    /// What is sent with every text.
    pub media: Vec<(String, Media)>,
    /// Whether the bytes of a binary file count as text.
    pub binary: bool,
}

/// Something to tell while inputs are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputNotice {
    /// A warning about what a text held.
    Text(String),
    /// A note about how a model counts or takes something.
    Model(String),
    /// A request that could not be counted or priced, and why.
    Failed(String),
    /// A note about what an input was taken for.
    ReadAs(String),
}

/// Inputs that were read and priced.
#[derive(Clone, Debug, Default)]
pub struct PricedInputs {
    /// A quote for each prompt or file, and model.
    pub quotes: Vec<Quote>,
    /// How many requests could not be counted or named no model that is known.
    pub failed: u64,
    /// How many of the requests were lines of a batch.
    pub batch: u64,
    /// What the work needs of a model, as far as it is seen in it: `vision`, `tools` …
    pub needs: BTreeSet<&'static str>,
}

/// Counts and prices every input on every model; requests go without models to the ones that they name.
///
/// * `tell`: takes what a person should know, as soon as it is known.
///
/// # Errors
/// [`JobError`] where an input cannot be read, or a tokenizer cannot be loaded.
pub fn price_inputs(
    what: InputsToPrice<'_>,
    models: &[Found],
    spec: &WorkSpec,
    setup: &Setup,
    tell: &mut dyn FnMut(InputNotice),
) -> Result<PricedInputs, JobError> {
    let mut counter = PromptCounter::new(models, setup);
    let (files, texts): (Vec<_>, Vec<_>) = what.inputs.into_iter().partition(|input| input.holds_requests);
    match spec.input_tokens {
        Some(tokens) => counter.typed(tokens),
        None => {
            for mut text in texts {
                let warnings = counter.text(&text.name, &mut *text.reader, what.binary)?;
                warnings.into_iter().for_each(|warning| tell(InputNotice::Text(warning)));
            }
        }
    }
    if counter.is_empty() && files.is_empty() {
        counter.nothing();
    }
    let needs: BTreeSet<&'static str> = what.media.iter().map(|(_, media)| need_of(media)).collect();
    for (name, media) in what.media {
        let notes = counter.attach(&name, &alone(media))?;
        notes.into_iter().for_each(|note| tell(InputNotice::Model(note)));
    }
    let mut priced = PricedInputs { quotes: counter.quotes(spec), needs, ..PricedInputs::default() };
    let mut read = Vec::new();
    for input in files {
        let name = input.name.clone();
        read.push((name, price_file(input, models, spec, setup, &mut priced, tell)?));
    }
    for (name, tally) in read.into_iter().filter(|(_, tally)| tally.requests > 0) {
        priced.batch += tally.batch;
        let rates = if tally.batch > 0 { ", priced at batch rates" } else { "" };
        tell(InputNotice::ReadAs(format!("{name}: read as {}{rates} (--plain counts it as text)", tally.shown())));
    }
    refuse_assumed(&mut priced.quotes, setup);
    Ok(priced)
}

/// What a model has to offer so that it can be sent an attachment.
pub(crate) const fn need_of(media: &Media) -> &'static str {
    match media {
        Media::Image(_) => "vision",
        Media::Audio(_) => "audio_input",
        Media::Video(_) => "video",
        Media::Document(_) => "pdf",
    }
}

/// Prices every request of an input.
fn price_file(
    input: Input<'_>,
    models: &[Found],
    spec: &WorkSpec,
    setup: &Setup,
    priced: &mut PricedInputs,
    tell: &mut dyn FnMut(InputNotice),
) -> Result<Tally, JobError> {
    let source = input.name.clone();
    let mut pricer = RequestPricer::new(source.clone(), models, spec, setup)?;
    each_request::<JobError>(input, &mut |spot, read| {
        let outcome = match read {
            Ok(request) => pricer.price(&request).map_err(|error| error.with_help()),
            Err(error) => Err(with_help(&error, error.help())),
        };
        match outcome {
            Ok(notes) => notes.into_iter().for_each(|note| tell(InputNotice::Model(note))),
            Err(what) => {
                priced.failed += 1;
                tell(InputNotice::Failed(format!("{source}:{spot}: {what}")));
            }
        }
        Ok(())
    })?;
    let tally = pricer.tally;
    priced.needs.append(&mut pricer.needs);
    priced.quotes.extend(pricer.finish());
    Ok(tally)
}

/// The models as they were asked for, and how often each prompt is sent: what notes are about.
#[derive(Clone, Copy, Debug)]
pub struct AskedModels<'a> {
    /// The ids as the user gave them.
    pub ids: &'a [String],
    /// What they mean.
    pub found: &'a [Found],
    /// How often each prompt is sent.
    pub requests: u64,
}

/// The quotes as a report, a row for each.
#[must_use]
pub fn report(quotes: &[Quote], asked: AskedModels, setup: &Setup) -> Report {
    let table = table(setup, !asked.found.is_empty());
    let mut report = table.empty();
    for quote in quotes {
        let row = EstimateRow::of(quote, setup);
        let shown = table.push(&mut report, &row);
        if let Some(n) = row.requests_in_file.filter(|n| *n > 1) {
            shown.detail.push(format!("{n} requests"));
        }
        row.detail(shown);
        if !row.applied.is_empty() {
            shown.detail.push(format!("at {}", row.applied.join(", ")));
        }
    }
    let totals = totals(quotes);
    if quotes.len() > asked.found.len().max(1) {
        let note = |sum: &ModelTotal| format!("{}: {} for all prompts", sum.model, setup.money(sum.total_usd).people);
        report.notes.extend(totals.iter().map(note));
    }
    add_notes(&mut report, quotes, asked, setup);
    if let Some(least) = totals.iter().min_by_key(|sum| sum.total_usd) {
        report.entitle("Estimate", format!("{} on {}", setup.money(least.total_usd).people, least.model));
    }
    report.state_all(&EstimateHead { quotes: head(quotes, setup), totals });
    report
}

/// * `is_noted`: whether notes below the rows name what replaces a model.
fn table(setup: &Setup, is_noted: bool) -> TypedTable<'_, EstimateRow> {
    TypedTable::new()
        .text("source", "source", |row: &EstimateRow| {
            row.source.as_deref().map_or_else(|| Cell::absent("numbers"), Cell::text)
        })
        .optional()
        .text("model", "model", |row| Cell::text(row.id()))
        .number("input_tokens", "input tokens", EstimateRow::tokens_cell)
        .optional()
        .text("basis", "basis", EstimateRow::basis_cell)
        .optional()
        .number("thinking_tokens", "thinking", EstimateRow::thinking_cell)
        .optional()
        .number("input_usd", "input", |row| row.prompt_cell(setup))
        .optional()
        .number("output_usd", "output", |row| row.answer_cell(setup))
        .optional()
        .number("total_usd", "total", |row| row.total_cell(setup))
        .number("low_usd", "low", |row| row.bound_cell(setup, row.low_usd))
        .number("high_usd", "high", |row| row.bound_cell(setup, row.high_usd))
        .text("assumed_before", "assumed before", |row| row.assumed_cell())
        .text("life", "status", move |row| row.life_cell(setup, is_noted))
}

/// What each model costs over all prompts; a model with a refusal among them has no total.
fn totals(quotes: &[Quote]) -> Vec<ModelTotal> {
    let mut models: Vec<String> = Vec::new();
    for id in quotes.iter().map(|quote| quote.found.full_id()) {
        if !models.contains(&id) {
            models.push(id);
        }
    }
    let total = |model: String| {
        let rows = quotes.iter().filter(|quote| quote.found.full_id() == model);
        let sum = rows.map(|quote| quote.result.as_ref().ok().map(|estimate| estimate.cost.total));
        Some(ModelTotal { total_usd: sum.sum::<Option<Usd>>()?, model })
    };
    models.into_iter().filter_map(total).collect()
}

/// The fields before the rows of quotes.
#[must_use]
pub(super) fn head(quotes: &[Quote], setup: &Setup) -> QuotesHead {
    let refused = quotes.iter().filter(|quote| quote.result.is_err()).count();
    QuotesHead {
        context_window_unknown: unknown_windows(quotes),
        table: table_stamp(setup),
        at: setup.at,
        priced: quotes.len() - refused,
        unpriced: refused,
    }
}

/// The notes below quotes: what the totals hold for, and what was not known.
pub(super) fn add_notes(report: &mut Report, quotes: &[Quote], asked: AskedModels, setup: &Setup) {
    report.date(&setup.at.date().to_string());
    let notes = &mut report.notes;
    if asked.requests != 1 {
        notes.push(format!("Totals are for {} of each prompt.", plural(asked.requests, "request")));
    }
    if quotes.iter().any(|q| !q.answer_given && q.result.is_ok()) {
        notes.push("The length of the answer was not given: totals are the prompt alone, without answer and thinking; `high` adds the longest answer the model gives. --output-tokens N or LOW..HIGH says it.".into());
    }
    if quotes.iter().any(|q| q.tokens.basis == Basis::Estimated && q.work.input.is_range()) {
        notes.push("Estimated tokens come with their range, and so do the totals.".into());
    }
    if let Some(steps) = quotes.iter().filter(|q| q.result.is_ok()).find_map(|q| q.assumed_steps) {
        let (call, result) = (plural(steps.call, "token"), plural(steps.result, "token"));
        notes.push(format!(
            "Each step but the last is taken to write {call} and to get {result} back: an assumption. --step-call N and --step-result N say both."
        ));
    }
    let tight = quotes.iter().filter(|q| q.may_be_too_long && q.result.is_ok()).map(|q| q.found.full_id());
    notes.extend(tight.map(|id| {
        format!("{id}: at the upper end of the estimated tokens, the request is longer than its context window.")
    }));
    match unknown_windows(quotes).as_slice() {
        [] => {}
        [id] => notes.push(format!("{id}: its context window is not known; whether the request fits was not checked.")),
        ids @ [id, ..] => notes.push(format!(
            "The context window of {} is not known ({id} …); whether the request fits was not checked.",
            plural(ids.len() as u64, "model")
        )),
    }
    let thinks = quotes.iter().filter(|q| q.lacks_thinking() && q.result.is_ok()).map(|q| q.found.full_id());
    let mut thinks: Vec<String> = thinks.collect();
    thinks.dedup();
    notes.extend(thinks.iter().map(|id| {
        format!("{id} always thinks, and its thinking is billed: its total is too low. --thinking-tokens N adds it.")
    }));
    let thinking = quotes.iter().filter(|q| q.result.is_ok()).map(|q| (q.found.full_id(), q.thinking));
    notes.extend(thinking_note(thinking.collect(), "--thinking-tokens N, or an effort such as low,"));
    let assumed = |q: &Quote| Some((q.found.full_id(), q.result.as_ref().ok()?.cost.assumed?));
    notes.extend(assumed_note(quotes.iter().filter_map(assumed).collect()));
    notes.extend(life_notes(asked.found, setup.at, setup));
    notes.extend(asked.ids.iter().zip(asked.found).filter_map(|(asked, found)| matched_note(asked, found)));
    notes.push(table_line(setup));
}

/// A prompt that every model reads: no window that is sold today is smaller.
pub(super) const SMALL: u64 = 4_096;

/// Models whose prices hold only if they can read the prompt, since their context window is not in the table.
fn unknown_windows(quotes: &[Quote]) -> Vec<String> {
    let may_be_long = |work: &Work| work.input.high.saturating_add(work.output.high) > SMALL;
    let is_long = |q: &Quote| q.parts.is_empty() || q.parts.iter().any(may_be_long);
    let unknown = |q: &&Quote| q.result.is_ok() && q.found.model.info.context_window.is_none() && is_long(q);
    quotes.iter().filter(unknown).map(|q| q.found.full_id()).collect()
}
