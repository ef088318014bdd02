//! Requests: each is counted as its provider, or the published template, counts it.

use super::added;
use super::total::CountUnit;
use super::with::Counting;
use super::{CountRun, CountTools};
use crate::conversation::Conversation;
use crate::input::requests::{Input, ReadAs, Spot, Tally, each_request};
use crate::jobs::error::with_help;
use crate::jobs::{JobError, Setup};
use crate::tokenizer::chat::Counted;

impl CountRun<'_> {
    /// A row for each request, in order, for each model; for the request's own where none was asked for.
    pub(crate) fn count_requests(
        &mut self,
        input: Input<'_>,
        read_as: ReadAs,
        own: &mut OwnModels,
    ) -> Result<(), JobError> {
        let name = input.name.clone();
        let mut tally = Tally::default();
        let with: Vec<&Counting> =
            self.counting.iter().filter(|c| read_as == ReadAs::Requests || c.bills_requests()).collect();
        each_request(input, &mut |spot, read| -> Result<(), JobError> {
            self.tick();
            let request = match read {
                Ok(request) => added::with_added(&self.added, request),
                Err(error) => return self.passed_over(&name, spot, &with_help(&error, error.help())),
            };
            tally.add(&request);
            if !with.is_empty() {
                return with.iter().try_for_each(|counting| self.count_one(&name, spot, counting, &request));
            }
            match own.of(&request, &mut self.tools) {
                Ok(counting) => self.count_one(&name, spot, counting, &request),
                Err(error) => self.passed_over(&name, spot, &error.with_help()),
            }
        })?;
        if read_as == ReadAs::Detected && tally.requests + tally.tools > 0 {
            self.note(&name, &[format!("read as {} (--plain counts it as text)", tally.shown())]);
        }
        Ok(())
    }

    /// A request with one model: a row, or its parts.
    pub(super) fn count_one(
        &mut self,
        source: &str,
        spot: Spot,
        counting: &Counting,
        request: &Conversation,
    ) -> Result<(), JobError> {
        let counted = match &self.explained {
            Some(_) => counting.explain_request(request).map(|explained| (explained.counted.clone(), Some(explained))),
            None => counting.count_request(request).map(|counted| (counted, None)),
        };
        let (counted, explained) = match counted {
            Ok(counted) => counted,
            Err(refused) => return self.passed_over(source, spot, &JobError::from(refused).with_help()),
        };
        let answer = request.max_output.unwrap_or(0);
        if let Err(error) = counting.refuse_unbilled(&counted) {
            return self.passed_over(source, spot, &error.with_help());
        }
        let Counted { count, notes, .. } = counted;
        let place = if spot == Spot::default() { source.to_owned() } else { format!("{source}:{spot}") };
        self.note(&format!("{place}: {}", counting.name()), &notes);
        self.add(counting, count, CountUnit::Request);
        self.warn_of_length(&place, counting, count, answer);
        self.warn_of_answer(&place, counting, answer);
        match (&mut self.explained, explained) {
            (Some(all), Some(explained)) => {
                all.add(source, spot, &counting.identity, explained, counting.evidence(request));
            }
            _ => self.rows.row(source, spot, counting, (count, None), answer)?,
        }
        Ok(())
    }

    /// A bad request costs only itself.
    fn passed_over(&mut self, source: &str, spot: Spot, what: &str) -> Result<(), JobError> {
        self.failed += 1;
        self.say(&format!("warning: {source}:{spot}: {what}"));
        Ok(())
    }
}

/// What counts for the models that requests name.
#[derive(Default)]
pub(super) struct OwnModels {
    /// The price table, read at the first request.
    setup: Option<Setup>,
    known: Vec<(String, Counting)>,
}

impl OwnModels {
    fn of(&mut self, request: &Conversation, tools: &mut CountTools) -> Result<&Counting, JobError> {
        let Some(model) = &request.model else {
            return Err(JobError::asked("the request names no model", "give one, such as --model gpt-4o"));
        };
        let at = match self.known.iter().position(|(name, _)| name == model) {
            Some(at) => at,
            None => {
                let setup = match &mut self.setup {
                    Some(setup) => setup,
                    unread => unread.insert((tools.prices)()?),
                };
                self.known.push((model.clone(), Counting::of_model(model, setup)?));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}
