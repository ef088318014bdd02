//! `farebox estimate` on files of requests: each is counted and priced by itself, because tiers depend on its length, and
//! the file is a row for each model.

use super::chat::{Input, Tally, each_request};
use super::data::load;
use super::estimate::{Priced, Tokens, WorkFlags, price_capped};
use super::say;
use super::shared::Setup;
use super::work::Choice;
use crate::cli::error::Error;
use farebox::calculator::Refusal;
use farebox::calculator::attached::Attached;
use farebox::context::{Context, Dimension};
use farebox::conversation::Conversation;
use farebox::money::grouped;
use farebox::pricing::Found;
use farebox::pricing::lookup::Lookup;
use farebox::range::Range;
use farebox::tokenizer::chat::Framing;

/// What became of the requests.
#[derive(Default)]
pub(crate) struct Requests {
    /// A row for each input and model.
    pub priced: Vec<Priced>,
    /// How many could not be counted or named no model that is known; each was said on stderr.
    pub failed: u64,
    /// Each input with what it held.
    pub inputs: Vec<(String, Tally)>,
}

impl Requests {
    /// Says on stderr what each input was taken for.
    pub fn say_what_was_read(&self) {
        for (name, tally) in self.inputs.iter().filter(|(_, tally)| tally.requests > 0) {
            let rates = if tally.batch > 0 { ", priced at batch rates" } else { "" };
            say(&format!("note: {name}: read as {}{rates} (--plain counts it as text)", tally.shown()));
        }
    }
}

/// Prices every request of the inputs for the models asked for, or else for the model that it names.
pub(crate) fn price_requests(
    inputs: Vec<Input<'_>>,
    models: &[Found],
    flags: &WorkFlags,
    setup: &Setup,
    quiet: bool,
) -> Result<Requests, Error> {
    let mut requests = Requests::default();
    for input in inputs {
        let source = input.name.clone();
        let mut file = File {
            rows: Vec::new(),
            source: source.clone(),
            flags,
            setup,
            quiet,
            tally: Tally::default(),
            notes: Vec::new(),
            lookup: Lookup::new(&setup.table),
        };
        for found in models {
            file.row(found)?;
        }
        each_request(input, &mut |place, read| {
            let outcome = match read {
                Ok(request) => file.price(&request, models.is_empty()),
                Err(what) => Err(what),
            };
            if let Err(what) = outcome {
                requests.failed += 1;
                say(&format!("warning: {source}:{place}: {what}"));
            }
            Ok(())
        })?;
        requests.inputs.push((source, file.tally));
        requests.priced.extend(file.rows.into_iter().filter_map(|row| row.sum));
    }
    Ok(requests)
}

/// The rows of one input.
struct File<'f> {
    rows: Vec<Row>,
    source: String,
    flags: &'f WorkFlags,
    setup: &'f Setup,
    quiet: bool,
    tally: Tally,
    /// What was said already.
    notes: Vec<String>,
    /// What the ids of the requests mean: most name the same few.
    lookup: Lookup<'f>,
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
            let found = self.lookup.find(None, model, &Context::default(), self.setup.at);
            let found = found.map_err(|error| error.to_string())?;
            let at = self.row(&found).map_err(|error| error.to_string())?;
            at..at + 1
        } else {
            0..self.rows.len()
        };
        self.tally.add(request);
        let batch = self.flags.batch || request.is_batch;
        let flags = WorkFlags { batch, answers: request.answers, ..self.flags.clone() };
        let setup = self.setup;
        let rows = self.rows.get_mut(rows).unwrap_or_default();
        // Counted for every model before it is priced for any: rows next to each other are for the same requests.
        let count = |row: &Row| {
            let mut counted =
                row.framing.count(request).map_err(|refused| format!("{}: {refused}", row.found.full_id()))?;
            let tokens = Tokens::billed(&row.found, &mut counted, setup);
            Ok((tokens, counted.notes))
        };
        let counted = rows.iter().map(count).collect::<Result<Vec<_>, String>>()?;
        for (row, (tokens, notes)) in rows.iter_mut().zip(counted) {
            let id = row.found.full_id();
            let longest = row.found.model.info.max_output;
            let cut = request.max_output.zip(longest).filter(|(asked, longest)| asked > longest);
            let cut = cut.map(|(asked, longest)| {
                let (asked, longest) = (grouped(asked), grouped(longest));
                format!("a request allows an answer of {asked} tokens; the longest of the model is {longest}")
            });
            for note in notes.into_iter().chain(cut).map(|note| format!("{id}: {note}")) {
                if !self.quiet && !self.notes.contains(&note) && self.notes.len() < 20 {
                    say(&format!("note: {}: {note}", self.source));
                    self.notes.push(note);
                }
            }
            let flags = with_stated(&flags, request, &row.found, by_own_name);
            let priced = price_capped(&row.found, Some(&self.source), &tokens, &flags, request.max_output, setup);
            row.sum = Some(match row.sum.take() {
                None => Priced { of_requests: Some(1), ..priced },
                Some(sum) => plus(sum, priced),
            });
        }
        Ok(())
    }
}

/// How many pieces of work a sum keeps apart: enough to say exactly why one model costs more than another.
const MOST_PARTS: u64 = 1_000;

/// The flags with what a request states itself, which what the user says of all of them goes before.
///
/// A queue of one provider means nothing to another: on a model that the request does not name it counts where that model
/// has rates for it, and nowhere in a batch.
fn with_stated(flags: &WorkFlags, request: &Conversation, found: &Found, by_own_name: bool) -> WorkFlags {
    let has_rates = |dimension: Dimension, value: &str| {
        let variants = found.model.rate_cards.iter().flat_map(|card| &card.variants);
        variants.flat_map(|variant| &variant.when).any(|(d, v)| *d == dimension && v == value)
    };
    let counts = |dimension: Dimension, value: &str| match dimension {
        Dimension::ServiceTier => !flags.batch && (by_own_name || has_rates(dimension, value)),
        _ => true,
    };
    let is_new = |dimension: Dimension| flags.stated.iter().all(|(given, _)| *given != dimension);
    let own = request.stated.iter().filter_map(|(name, value)| Some((name.parse::<Dimension>().ok()?, value.clone())));
    let own = own.filter(|(dimension, value)| is_new(*dimension) && counts(*dimension, value));
    let stated = flags.stated.iter().cloned().chain(own).collect();
    WorkFlags { stated, ..flags.clone() }
}

/// Two pieces of work together; a refusal of one is the refusal of both.
pub(crate) fn plus(mut sum: Priced, next: Priced) -> Priced {
    sum.tokens += next.tokens;
    sum.work.input = sum_of(sum.work.input, next.work.input);
    next.work.attached.into_iter().for_each(|part| attach(&mut sum.work.attached, part));
    sum.work.output = sum_of(sum.work.output, next.work.output);
    let requests = sum.of_requests.unwrap_or(1) + next.of_requests.unwrap_or(1);
    sum.of_requests = Some(requests);
    sum.warning = sum.warning.or(next.warning);
    sum.may_be_too_long |= next.may_be_too_long;
    sum.answer_given &= next.answer_given;
    if requests <= MOST_PARTS {
        sum.parts.extend(next.parts);
    } else {
        sum.parts = Vec::new();
    }
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

fn sum_of(a: Range<u64>, b: Range<u64>) -> Range<u64> {
    Range {
        low: a.low.saturating_add(b.low),
        expected: a.expected.saturating_add(b.expected),
        high: a.high.saturating_add(b.high),
    }
}
