//! `farebox count` on requests: each as its provider, or the template of `--chat-template`, counts it.

use super::chat::{Input, ReadAs, Spot, Tally, each_request};
use super::count::{Counting, Requests, Run, Sink, Unit};
use super::say;
use super::shared::{Setup, TableFlags};
use crate::cli::error::Error;
use farebox::conversation::Conversation;
use farebox::tokenizer::chat::{Counted, Refused};

impl Counting {
    fn count_request(&self, request: &Conversation) -> Result<Counted, Refused> {
        match &self.requests {
            Requests::Framed(framing) => self.framed(framing).count(request),
            Requests::Template(template) => {
                let notes = request.unread.iter().map(|what| format!("not counted: {what}")).collect();
                let count = template.count(request)?;
                Ok(Counted { count, text: count, notes, ..Counted::default() })
            }
        }
    }
}

impl Run<'_> {
    /// A row for each request, in order, for each model; for the request's own where none was asked for.
    pub fn count_requests(
        &mut self,
        input: Input<'_>,
        read_as: ReadAs,
        own: &mut OwnModels,
        sink: &mut Sink,
    ) -> Result<(), Error> {
        let name = input.name.clone();
        let mut tally = Tally::default();
        let with: Vec<&Counting> =
            self.counting.iter().filter(|c| read_as == ReadAs::Requests || c.bills_requests()).collect();
        each_request(input, &mut |spot, read| {
            let request = match read {
                Ok(request) => request,
                Err(what) => return self.passed_over(&name, spot, &what),
            };
            tally.add(&request);
            if !with.is_empty() {
                return with.iter().try_for_each(|counting| self.count_one(&name, spot, counting, &request, sink));
            }
            match own.of(&request, &self.args.prices) {
                Ok(counting) => self.count_one(&name, spot, counting, &request, sink),
                Err(error) => self.passed_over(&name, spot, &error.to_string()),
            }
        })?;
        if read_as == ReadAs::Detected && tally.requests > 0 {
            self.note(&name, &[format!("read as {} (--plain counts it as text)", tally.shown())]);
        }
        Ok(())
    }

    fn count_one(
        &mut self,
        source: &str,
        spot: Spot,
        counting: &Counting,
        request: &Conversation,
        sink: &mut Sink,
    ) -> Result<(), Error> {
        let counted = match counting.count_request(request) {
            Ok(counted) => counted,
            Err(refused) => return self.passed_over(source, spot, &refused.to_string()),
        };
        let answer = request.max_output.unwrap_or(0);
        if let Err(error) = counting.refuse_unbilled(&counted) {
            return self.passed_over(source, spot, &error.to_string());
        }
        let Counted { count, notes, .. } = counted;
        self.note(&format!("{source}:{spot}: {}", counting.name()), &notes);
        self.add(counting, count, Unit::Request);
        self.warn_of_length(&format!("{source}:{spot}"), counting, count, answer);
        sink.row(source, spot, counting, (count, None), answer)
    }

    /// A bad request costs only itself.
    fn passed_over(&mut self, source: &str, spot: Spot, what: &str) -> Result<(), Error> {
        self.failed += 1;
        say(&format!("warning: {source}:{spot}: {what}"));
        Ok(())
    }
}

/// What counts for the models that requests name.
#[derive(Default)]
pub(crate) struct OwnModels {
    /// The price table, read at the first request.
    setup: Option<Setup>,
    known: Vec<(String, Counting)>,
}

impl OwnModels {
    fn of(&mut self, request: &Conversation, prices: &TableFlags) -> Result<&Counting, Error> {
        let Some(model) = &request.model else {
            return Err(Error::Usage("the request names no model\n  help: give one, such as --model gpt-4o".into()));
        };
        let at = match self.known.iter().position(|(name, _)| name == model) {
            Some(at) => at,
            None => {
                let setup = match &mut self.setup {
                    Some(setup) => setup,
                    unread => unread.insert(prices.setup()?),
                };
                self.known.push((model.clone(), Counting::of_model(model, setup)?));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}
