//! `farebox estimate` on files of requests: each is counted and priced by itself, because tiers depend on its length, and
//! the file is a row for each model.

use super::chat::each_request;
use super::data::load;
use super::estimate::{Priced, Tokens, WorkFlags, price_capped};
use super::say;
use super::shared::Setup;
use super::work::Choice;
use crate::calculator::Refusal;
use crate::calculator::attached::Attached;
use crate::calculator::estimate::Span;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::input::text::Source;
use crate::pricing::Found;
use crate::tokenizer::chat::Framing;

/// What became of the requests.
#[derive(Default)]
pub(crate) struct Requests {
    /// A row for each source and model.
    pub priced: Vec<Priced>,
    /// How many could not be counted or named no model that is known; each was said on stderr.
    pub failed: u64,
}

/// Prices every request of the sources for the models asked for, or else for the model that it names.
pub(crate) fn price_requests(
    sources: &[Source],
    models: &[Found],
    flags: &WorkFlags,
    setup: &Setup,
    quiet: bool,
) -> Result<Requests, Error> {
    let mut requests = Requests::default();
    for source in sources {
        let mut file = File { rows: Vec::new(), source, flags, setup, quiet, batch: 0, notes: Vec::new() };
        for found in models {
            file.row(found)?;
        }
        each_request(source, &mut |place, read| {
            let outcome = match read {
                Ok(request) => file.price(&request, models.is_empty()),
                Err(what) => Err(what),
            };
            if let Err(what) = outcome {
                requests.failed += 1;
                say(&format!("warning: {}:{place}: {what}", source.name()));
            }
            Ok(())
        })?;
        requests.priced.extend(file.finish());
    }
    Ok(requests)
}

/// The rows of one source.
struct File<'f> {
    rows: Vec<Row>,
    source: &'f Source,
    flags: &'f WorkFlags,
    setup: &'f Setup,
    quiet: bool,
    /// How many of the requests were lines of a batch.
    batch: u64,
    /// What was said already.
    notes: Vec<String>,
}

/// A model and the sum of its requests.
struct Row {
    found: Found,
    framing: Framing,
    sum: Option<Priced>,
}

impl File<'_> {
    fn row(&mut self, found: &Found) -> Result<usize, Error> {
        let id = found.full_id();
        if let Some(at) = self.rows.iter().position(|row| row.found.full_id() == id) {
            return Ok(at);
        }
        let choice = Choice::of(found, self.setup);
        let framing = Framing::of(&id, load(&choice.name)?, choice.assumed);
        self.rows.push(Row { found: found.clone(), framing, sum: None });
        Ok(self.rows.len() - 1)
    }

    fn price(&mut self, request: &Conversation, by_own_name: bool) -> Result<(), String> {
        let rows = if by_own_name {
            let model = request.model.as_deref();
            let model = model.ok_or("the request names no model\n  help: give one, such as --model gpt-4o")?;
            let found = self.setup.find(model).map_err(|error| error.to_string())?;
            let at = self.row(&found).map_err(|error| error.to_string())?;
            at..at + 1
        } else {
            0..self.rows.len()
        };
        self.batch += u64::from(request.is_batch);
        let flags = WorkFlags { batch: self.flags.batch || request.is_batch, ..self.flags.clone() };
        let source = self.source.name();
        for row in self.rows.get_mut(rows).unwrap_or_default() {
            let mut counted = row.framing.count(request).map_err(|refused| refused.to_string())?;
            let tokens = Tokens::billed(&row.found, &mut counted, self.setup);
            for note in counted.notes.into_iter().map(|note| format!("{}: {note}", row.found.full_id())) {
                if !self.quiet && !self.notes.contains(&note) && self.notes.len() < 20 {
                    say(&format!("note: {source}: {note}"));
                    self.notes.push(note);
                }
            }
            let cap = request.max_output;
            let priced = price_capped(&row.found, Some(&source), &tokens, &flags, cap, self.setup);
            row.sum = Some(match row.sum.take() {
                None => Priced { of_requests: Some(1), ..priced },
                Some(sum) => plus(sum, priced),
            });
        }
        Ok(())
    }

    fn finish(self) -> Vec<Priced> {
        if self.batch > 0 && !self.quiet {
            say(&format!("note: {}: {} lines of a batch, priced as batch requests", self.source.name(), self.batch));
        }
        self.rows.into_iter().filter_map(|row| row.sum).collect()
    }
}

/// Two requests together; a refusal of one is the refusal of both.
fn plus(mut sum: Priced, next: Priced) -> Priced {
    sum.tokens += next.tokens;
    sum.work.input = sum_of(sum.work.input, next.work.input);
    next.work.attached.into_iter().for_each(|part| attach(&mut sum.work.attached, part));
    sum.work.output = sum_of(sum.work.output, next.work.output);
    sum.of_requests = sum.of_requests.map(|n| n + 1);
    sum.result = match (sum.result, next.result) {
        (Ok(sum), Ok(next)) => sum.plus(&next).ok_or_else(too_many),
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
    };
    sum
}

/// Adds an attachment to those of the same modality.
fn attach(attached: &mut Vec<Attached>, part: Attached) {
    match attached.iter_mut().find(|sum| sum.modality == part.modality) {
        Some(sum) => {
            sum.tokens = sum_of(sum.tokens, part.tokens);
            sum.amount = sum_of(sum.amount, part.amount);
        }
        None => attached.push(part),
    }
}

fn too_many() -> Refusal {
    Refusal::InvalidUsage { what: "the requests cost more digits than farebox carries".into() }
}

fn sum_of(a: Span, b: Span) -> Span {
    Span {
        low: a.low.saturating_add(b.low),
        expected: a.expected.saturating_add(b.expected),
        high: a.high.saturating_add(b.high),
    }
}
