//! Files of requests: each is counted and priced by itself, because tiers depend on its length, and the file is a row for
//! each model.

use std::collections::BTreeSet;

use super::need_of;
use crate::calculator::quote::{PromptTokens, Quote, WorkSpec};
use crate::context::Context;
use crate::conversation::{Conversation, Part};
use crate::input::requests::Tally;
use crate::jobs::{JobError, Setup, TokenizerChoice};
use crate::money::grouped;
use crate::pricing::Found;
use crate::pricing::lookup::Lookup;
use crate::tokenizer::chat::Framing;

/// The requests of one input, priced for the models asked for, or else each for the model that it names.
pub(crate) struct RequestPricer<'s> {
    sums: Vec<ModelSum>,
    source: String,
    spec: &'s WorkSpec,
    setup: &'s Setup,
    by_own_name: bool,
    /// How many requests there were.
    pub tally: Tally,
    /// What the requests need of a model.
    pub needs: BTreeSet<&'static str>,
    /// What was noted already.
    notes: Vec<String>,
    /// What the ids of the requests mean: most name the same few.
    lookup: Lookup<'s>,
}

/// A model and the sum of its requests.
struct ModelSum {
    found: Found,
    framing: Framing,
    sum: Option<Quote>,
}

impl<'s> RequestPricer<'s> {
    /// One for an input of this name.
    ///
    /// # Errors
    /// [`JobError`] where the tokenizer of a model cannot be loaded.
    pub(crate) fn new(
        source: String,
        models: &[Found],
        spec: &'s WorkSpec,
        setup: &'s Setup,
    ) -> Result<Self, JobError> {
        let mut pricer = RequestPricer {
            sums: Vec::new(),
            source,
            spec,
            setup,
            by_own_name: models.is_empty(),
            tally: Tally::default(),
            needs: BTreeSet::new(),
            notes: Vec::new(),
            lookup: Lookup::new(&setup.table),
        };
        for found in models {
            pricer.sum_of(found)?;
        }
        Ok(pricer)
    }

    fn sum_of(&mut self, found: &Found) -> Result<usize, JobError> {
        let id = found.full_id();
        if let Some(at) = self.sums.iter().position(|sum| sum.found.full_id() == id) {
            return Ok(at);
        }
        let choice = TokenizerChoice::of(found, self.setup);
        let framing = choice.framing(found, self.setup)?;
        self.sums.push(ModelSum { found: found.clone(), framing, sum: None });
        Ok(self.sums.len() - 1)
    }

    /// Prices a request and adds it up; what a person should know and was not told yet is returned.
    ///
    /// # Errors
    /// [`JobError`] where it names no model that is known, or a model cannot be sent it.
    pub(crate) fn price(&mut self, request: &Conversation) -> Result<Vec<String>, JobError> {
        let asked = match self.by_own_name {
            true => self.named(request)?,
            false => 0..self.sums.len(),
        };
        self.tally.add(request);
        self.needs.extend(needs_of(request));
        let (at, by_own_name) = (self.setup.at, self.by_own_name);
        let sums = self.sums.get_mut(asked).unwrap_or_default();
        // Counted for every model before it is priced for any: rows next to each other are for the same requests.
        let count = |sum: &ModelSum| {
            let counted = sum.framing.count(request);
            let mut counted = counted.map_err(|refused| JobError::Asked {
                message: format!("{}: {refused}", sum.found.full_id()),
                help: refused.help(),
            })?;
            let tokens = PromptTokens::billed(&sum.found, &mut counted, at);
            Ok((tokens, counted.notes))
        };
        let counted = sums.iter().map(count).collect::<Result<Vec<_>, JobError>>()?;
        let mut new = Vec::new();
        for (sum, (tokens, notes)) in sums.iter_mut().zip(counted) {
            let id = sum.found.full_id();
            for note in notes.into_iter().chain(cut(request, &sum.found)).map(|note| format!("{id}: {note}")) {
                if !self.notes.contains(&note) && self.notes.len() < MOST_NOTES {
                    new.push(format!("{}: {note}", self.source));
                    self.notes.push(note);
                }
            }
            let spec = self.spec.of_request(request, &sum.found, by_own_name);
            let quote = Quote::of(&sum.found, Some(&self.source), &tokens, &spec, request.max_output, at);
            sum.sum = Some(match sum.sum.take() {
                None => Quote { of_requests: Some(1), ..quote },
                Some(sum) => sum.plus(quote),
            });
        }
        Ok(new)
    }

    /// The place of the model that a request names.
    fn named(&mut self, request: &Conversation) -> Result<std::ops::Range<usize>, JobError> {
        let model = request.model.as_deref();
        let model =
            model.ok_or_else(|| JobError::asked("the request names no model", "give one, such as --model gpt-4o"))?;
        let found = self.lookup.find(None, model, &Context::default(), self.setup.at);
        let found = found.map_err(|error| JobError::Asked { message: error.to_string(), help: error.help() })?;
        let at = self.sum_of(&found)?;
        Ok(at..at + 1)
    }

    /// A quote for each model that had requests.
    pub(crate) fn finish(self) -> impl Iterator<Item = Quote> {
        self.sums.into_iter().filter_map(|sum| sum.sum)
    }
}

/// What a request needs of a model.
fn needs_of(request: &Conversation) -> impl Iterator<Item = &'static str> {
    let parts = request.messages.iter().flat_map(|message| message.parts.iter().flatten());
    let media = parts.filter_map(|part| if let Part::Media(media) = part { Some(need_of(media)) } else { None });
    media.chain((!request.tools.is_empty()).then_some("tools"))
}

/// The most that is noted of one input.
const MOST_NOTES: usize = 20;

/// What to say where a request allows a longer answer than its model gives.
fn cut(request: &Conversation, found: &Found) -> Option<String> {
    let (asked, longest) = request.max_output.zip(found.model.info.max_output).filter(|(asked, most)| asked > most)?;
    let (asked, longest) = (grouped(asked), grouped(longest));
    Some(format!("a request allows an answer of {asked} tokens; the longest of the model is {longest}"))
}
