//! What is counted with: [`Counting`], a tokenizer, and the model that it is for where one was asked for.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use super::fields::CountIdentity;
use super::verify::SecondCount;
use crate::calculator::attached::{Attached, Billing, billed_by};
use crate::calculator::limits::may_be_too_long;
use crate::conversation::Conversation;
use crate::jobs::tokenizers::{TokenizerChoice, day, load_from};
use crate::jobs::{JobError, Setup};
use crate::period::Instant;
use crate::pricing::Found;
use crate::range::Range;
use crate::tokenizer::chat::{Counted, Evidence, Explained, Framing, Refused, Template};
use crate::tokenizer::store::Store;
use crate::tokenizer::{Tokenizer, from_file};

/// What to count with, as a user names it.
#[derive(Clone, Debug, Default)]
pub struct CountWith {
    /// Names of tokenizers, or paths of files that hold one.
    pub tokenizers: Vec<String>,
    /// Ids of models.
    pub models: Vec<String>,
    /// Names of published templates.
    pub templates: Vec<String>,
}

impl CountWith {
    /// Finds and loads all of it.
    ///
    /// * `added`: the vocabularies that the user added;
    /// * `prices`: gives the price table, and is asked where a model was named.
    ///
    /// # Errors
    /// [`JobError`] for the first that is not known or cannot be loaded.
    pub fn load(
        &self,
        added: Option<&Store>,
        prices: &mut dyn FnMut() -> Result<Setup, JobError>,
    ) -> Result<Vec<Counting>, JobError> {
        let named = self.tokenizers.iter().map(|name| Counting::of_name(name, added));
        let mut counting = named.collect::<Result<Vec<_>, _>>()?;
        if !self.models.is_empty() {
            let setup = prices()?;
            for model in &self.models {
                counting.push(Counting::of_model(model, &setup)?);
            }
        }
        for name in &self.templates {
            counting.push(Counting::of_template(name, added)?);
        }
        Ok(counting)
    }
}

/// One thing to count with: a tokenizer, and the model that it is for where one was asked for.
pub struct Counting {
    pub(super) tokenizer: Arc<dyn Tokenizer>,
    pub(super) choice: TokenizerChoice,
    pub(super) identity: Arc<CountIdentity>,
    /// The card of the model, and the instant it is read at: what it can read, and which attachments have tokens at all.
    card: Option<(Found, Instant)>,
    /// What counts a second time.
    pub(super) second: Option<SecondCount>,
    prompt: Prompt,
}

/// How a request is turned into a prompt.
enum Prompt {
    /// By the rules of its model, which are looked up at the first request.
    Framed(Box<OnceCell<Framing>>),
    /// By a published template.
    Template(Template),
}

impl Counting {
    fn new(
        tokenizer: Arc<dyn Tokenizer>,
        choice: TokenizerChoice,
        card: Option<(Found, Instant)>,
        prompt: Prompt,
    ) -> Self {
        let found = card.as_ref().map(|(found, _)| found);
        let identity = Arc::new(CountIdentity {
            provider: found.map(|found| found.provider.id.clone()),
            model: found.map(|found| found.model.id.clone()),
            tokenizer: choice.name.clone(),
            template: if let Prompt::Template(template) = &prompt { Some(template.name()) } else { None },
        });
        Counting { tokenizer, choice, identity, card, second: None, prompt }
    }

    fn of_name(name: &str, added: Option<&Store>) -> Result<Counting, JobError> {
        if name.trim().is_empty() {
            let help = "give a name such as o200k_base; `farebox tokenizers` lists them";
            return Err(JobError::asked("--tokenizer: the name is empty", help));
        }
        let is_file = name.ends_with(".json") || name.contains(['/', '\\']) || Path::new(name).is_file();
        let tokenizer = if is_file { from_file(name)? } else { load_from(added, name)? };
        let choice = TokenizerChoice { name: tokenizer.name().to_owned(), assumed: false };
        Ok(Counting::new(tokenizer, choice, None, Prompt::Framed(Box::default())))
    }

    pub(super) fn of_model(asked: &str, setup: &Setup) -> Result<Counting, JobError> {
        let found = setup.find(asked)?;
        let choice = TokenizerChoice::of(&found, setup);
        let tokenizer = setup.tokenizer(&choice.name)?;
        Ok(Counting::new(tokenizer, choice, Some((found, setup.at)), Prompt::Framed(Box::default())))
    }

    fn of_template(name: &str, added: Option<&Store>) -> Result<Counting, JobError> {
        let unknown = || JobError::Asked { message: format!("no template is called {name:?}"), help: None };
        let template = Template::named(name).ok_or_else(unknown)?;
        let tokenizer = load_from(added, template.tokenizer())?;
        let choice = TokenizerChoice { name: tokenizer.name().to_owned(), assumed: false };
        Ok(Counting::new(tokenizer, choice, None, Prompt::Template(template)))
    }

    /// Makes it count every text a second time, with a slow counter that is independent of ours.
    ///
    /// # Errors
    /// [`JobError::Asked`] where nothing else in this build counts with it.
    pub fn verify(&mut self) -> Result<(), JobError> {
        self.second = Some(SecondCount::of(&*self.tokenizer)?);
        Ok(())
    }

    /// How requests are framed for the model, or for none in particular.
    fn framed<'f>(&self, framing: &'f OnceCell<Framing>) -> &'f Framing {
        let model = || if self.card.is_some() { self.name() } else { String::new() };
        framing.get_or_init(|| {
            let framing = Framing::of(&model(), self.tokenizer.clone(), self.choice.assumed);
            match &self.card {
                Some((_, at)) => framing.on(day(*at)),
                None => framing,
            }
        })
    }

    /// Counts a request as its provider, or the template, does.
    pub(super) fn count_request(&self, request: &Conversation) -> Result<Counted, Refused> {
        match &self.prompt {
            Prompt::Framed(framing) => self.framed(framing).count(request),
            Prompt::Template(template) => template.counted(request),
        }
    }

    /// Counts a request, and each part of it.
    pub(super) fn explain_request(&self, request: &Conversation) -> Result<Explained, Refused> {
        match &self.prompt {
            Prompt::Framed(framing) => self.framed(framing).explain(request),
            Prompt::Template(template) => template.explain(request),
        }
    }

    /// Why the rule that a request is counted by is believed; `None` without a model's rule.
    pub(super) fn evidence(&self, request: &Conversation) -> Option<Evidence> {
        match &self.prompt {
            Prompt::Framed(framing) if self.card.is_some() && !request.is_plain => {
                Some(self.framed(framing).evidence(request))
            }
            _ => None,
        }
    }

    /// Counts attachments alone, which have no rule without a model.
    pub(super) fn count_attachment(&self, request: &Conversation) -> Result<Counted, JobError> {
        match &self.prompt {
            Prompt::Framed(framing) if self.card.is_some() => {
                let counted = self.framed(framing).count(request)?;
                self.refuse_unbilled(&counted)?;
                Ok(counted)
            }
            _ => Err(JobError::asked(
                "what an attachment costs depends on the model",
                "give one, such as --model gpt-4o",
            )),
        }
    }

    /// Refuses attachments that the model is not billed for in tokens: it cannot be sent them, or bills something else.
    pub(super) fn refuse_unbilled(&self, counted: &Counted) -> Result<(), JobError> {
        let Some((found, at)) = &self.card else { return Ok(()) };
        let Some(card) = found.model.rates_at(*at).or(found.model.rate_cards.last()) else { return Ok(()) };
        for part in counted.attached.iter().map(Attached::from) {
            let billing = billed_by(&found.provider, &found.model, card, &part)?;
            if let Billing::Amount(meter) = billing {
                let (id, name) = (found.full_id(), part.modality.name());
                return Err(JobError::asked(
                    format!("{id} bills {name} by {meter}, not by tokens"),
                    format!("`farebox estimate -m {id}` with the same attachment prices it"),
                ));
            }
        }
        Ok(())
    }

    /// `provider/model`, or the tokenizer's name where no model was asked for.
    pub(super) fn name(&self) -> String {
        self.identity.name()
    }

    /// Whether it counts requests as requests unless the user said how to read them: a tokenizer alone counts their text.
    pub(super) const fn bills_requests(&self) -> bool {
        self.card.is_some() || self.is_template()
    }

    pub(super) const fn is_template(&self) -> bool {
        matches!(self.prompt, Prompt::Template(_))
    }

    pub(super) fn context_window(&self) -> Option<u64> {
        self.card.as_ref()?.0.model.info.context_window
    }

    /// The longest answer that the model writes.
    pub(super) fn longest_answer(&self) -> Option<u64> {
        self.card.as_ref()?.0.model.info.max_output
    }

    /// Whether a prompt with its answer can be longer than the context window.
    pub(super) fn is_too_long(&self, prompt: u64, answer: u64) -> bool {
        self.card.as_ref().is_some_and(|(found, _)| may_be_too_long(&found.model, Range::exactly(prompt), answer))
    }
}
