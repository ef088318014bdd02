//! `farebox count --chat` and `--chat-template`: requests, each as its provider or a template counts it.

use super::chat::{Spot, each_request};
use super::count::{Counting, Requests, Run, Sink};
use super::say;
use super::shared::Setup;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::tokenizer::chat::{Counted, Refused};

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
    pub fn count_requests(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let mut own = match self.counting {
            [] => Some(OwnModels { setup: self.args.prices.setup()?, known: Vec::new() }),
            _ => None,
        };
        for source in self.args.text.sources("--text REQUEST")? {
            let name = source.name();
            each_request(&source, &mut |spot, read| {
                let request = match read {
                    Ok(request) => request,
                    Err(what) => return self.passed_over(&name, spot, &what),
                };
                let counting = match &mut own {
                    None => self.counting,
                    Some(own) => match own.of(&request) {
                        Ok(counting) => std::slice::from_ref(counting),
                        Err(error) => return self.passed_over(&name, spot, &error.to_string()),
                    },
                };
                counting.iter().try_for_each(|counting| self.count_one(&name, spot, counting, &request, sink))
            })?;
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
        if let Err(error) = counting.refuse_unbilled(&counted) {
            return self.passed_over(source, spot, &error.to_string());
        }
        let Counted { count, notes, .. } = counted;
        self.note(&format!("{source}:{spot}: {}", counting.name()), &notes);
        self.over_budget += u64::from(self.args.budget.is_some_and(|budget| count.high > budget));
        sink.row(source, spot, counting, (count, None))
    }

    /// A bad request costs only itself.
    fn passed_over(&mut self, source: &str, spot: Spot, what: &str) -> Result<(), Error> {
        self.failed += 1;
        say(&format!("warning: {source}:{spot}: {what}"));
        Ok(())
    }
}

/// What counts for the models that requests name.
struct OwnModels {
    setup: Setup,
    known: Vec<(String, Counting)>,
}

impl OwnModels {
    fn of(&mut self, request: &Conversation) -> Result<&Counting, Error> {
        let Some(model) = &request.model else {
            return Err(Error::Usage("the request names no model\n  help: give one, such as --model gpt-4o".into()));
        };
        let at = match self.known.iter().position(|(name, _)| name == model) {
            Some(at) => at,
            None => {
                self.known.push((model.clone(), Counting::of_model(model, &self.setup)?));
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].1)
    }
}
