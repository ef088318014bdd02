//! Turns a [`Conversation`] into the number of tokens that a provider bills for it: text, frame, tools and attachments.
//!
//! There are two questions, and a function for each:
//! * [`Template::count`]: how long is the prompt that a published template writes? Exact.
//! * [`Framing::count`]: what would this model's provider bill? As exact as what the provider has published; what was
//!   fitted to measured counts, or assumed, is an estimate with its range.
//!
//! Which rule holds for which model is data: `data/chat/rules.csv`, `tool_prompts.csv` and `media.csv`. To add a template,
//! write one file in this folder and one line in `templates`. What a user writes is text throughout: a special token in
//! it is counted as its letters.

mod claude;
mod deepseek;
mod explain;
mod frame;
mod gemini;
mod gemma;
mod llama;
pub mod media;
mod mistral;
mod openai;
mod prompt;
mod python_json;
mod qwen;
mod rule;
pub(super) mod table;
mod typescript;
mod wrapping;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use super::{TokenCount, Tokenizer, TokenizerError, load};
use crate::conversation::{Answer, Conversation, Media, Message, Part};
pub use explain::{Explained, PartKind, RequestPart};
use media::{MediaRules, Weight};
use rule::Grounded;
pub use table::Day;
pub use wrapping::Wrapping;

macro_rules! templates {
    ($($variant:ident $name:literal $tokenizer:literal $count:expr;)+) => {
        /// A published chat template.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Template {
            $(#[doc = $name] $variant,)+
        }

        impl Template {
            /// Every template, in the order of the documentation.
            pub const ALL: &[Template] = &[$(Template::$variant),+];

            /// The name it is asked for by.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Template::$variant => $name),+ }
            }

            /// The tokenizer that its models have.
            #[must_use]
            pub const fn tokenizer(self) -> &'static str {
                match self { $(Template::$variant => $tokenizer),+ }
            }

            /// The length of the prompt with a tokenizer, generation prompt included.
            fn count_with(self, conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<TokenCount, Refused> {
                match self { $(Template::$variant => $count(conversation, tokenizer)),+ }
            }
        }
    };
}

templates! {
    Llama3 "llama3" "llama3" llama::count;
    Llama4 "llama4" "llama4" llama::count;
    MistralV1 "mistral-v1" "mistral_v1_spm" |c, t| mistral::count(c, mistral::Version::V1, t);
    MistralV3 "mistral-v3" "mistral_v3_spm" |c, t| mistral::count(c, mistral::Version::V3, t);
    MistralV3Tekken "mistral-v3-tekken" "mistral_tekken" |c, t| mistral::count(c, mistral::Version::V3, t);
    MistralV7 "mistral-v7" "mistral_v3_spm" |c, t| mistral::count(c, mistral::Version::V7, t);
    Qwen3 "qwen3" "qwen2" qwen::count;
    Gemma3 "gemma3" "gemma3" gemma::count;
    DeepseekV3 "deepseek-v3" "deepseek_v3" deepseek::count;
}

impl Template {
    /// The template of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Template> {
        Template::ALL.iter().copied().find(|template| template.name() == name)
    }

    /// The length of the prompt that this template writes, special tokens and generation prompt included.
    ///
    /// # Errors
    /// [`Refused`] where the template has no place for something in the conversation.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::conversation::{Conversation, Message, Role};
    /// use farebox_tokenizer::chat::Template;
    /// let messages = vec![Message::text(Role::User, "Hi there")];
    /// let conversation = Conversation { messages, ..Conversation::default() };
    /// # #[cfg(feature = "open-models")]
    /// assert_eq!(Template::MistralV3.count(&conversation)?.tokens, 5); // <s> [INST] Hi there [/INST]
    /// # Ok::<(), farebox_tokenizer::chat::Refused>(())
    /// ```
    pub fn count(self, conversation: &Conversation) -> Result<TokenCount, Refused> {
        self.count_with(conversation, &*load(self.tokenizer())?)
    }

    /// [`count`](Template::count), with what the template has no place for named and allowed for.
    ///
    /// # Errors
    /// Those of [`count`](Template::count).
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::chat::Template;
    /// use farebox_tokenizer::conversation::{Conversation, Message, Role};
    /// let messages = vec![Message::text(Role::User, "Hi there")];
    /// let unread = vec!["mcp_servers".to_owned()];
    /// let conversation = Conversation { messages, unread, ..Conversation::default() };
    /// # #[cfg(feature = "open-models")]
    /// assert_eq!(Template::MistralV3.counted(&conversation)?.notes, ["not counted: mcp_servers"]);
    /// # Ok::<(), farebox_tokenizer::chat::Refused>(())
    /// ```
    pub fn counted(self, conversation: &Conversation) -> Result<Counted, Refused> {
        self.counted_with(conversation, &*load(self.tokenizer())?)
    }

    fn counted_with(self, conversation: &Conversation, tokenizer: &dyn Tokenizer) -> Result<Counted, Refused> {
        let count = self.count_with(conversation, tokenizer)?;
        let mut counted = Counted { count, text: count, ..Counted::default() };
        counted.allow_for_oddities(conversation, tokenizer);
        Ok(counted)
    }
}

/// Why a conversation has no count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The template has no place for attachments.
    #[error("the template {0} has no images, audio or documents")]
    Media(&'static str),
    /// A picture that is none.
    #[error("an image of {width}x{height} has no pixels")]
    Size {
        /// Pixels from left to right.
        width: u64,
        /// Pixels from top to bottom.
        height: u64,
    },
    /// A tokenizer that is not there.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Refused {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Refused::Media(_) => Some("count for a model that has, such as --model gpt-4o".to_owned()),
            Refused::Size { .. } => Some("give its width and height, such as --image 1024x768".to_owned()),
            Refused::Tokenizer(error) => error.help(),
        }
    }
}

/// Why a rule is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Who says so.
    pub basis: RuleBasis,
    /// Requests with the provider's own usage that were counted by it.
    pub requests: u32,
    /// What the provider reported beyond our count, in tokens: in 5 and in 95 of 100 of these requests it was less.
    pub left: Option<(i64, i64)>,
    /// Where it is from.
    pub source: &'static str,
}

/// Who says that a rule holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RuleBasis {
    /// The vendor, or the code or template that it published.
    Published,
    /// Requests that were recorded with what the provider billed.
    Recorded,
    /// Others, who measured what the vendor's own counter says.
    Measured,
    /// Nobody: it is fitted, or taken from a sibling. It never counts exactly.
    #[default]
    Estimated,
}

impl RuleBasis {
    /// The name in machine-readable output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RuleBasis::Published => "published",
            RuleBasis::Recorded => "recorded",
            RuleBasis::Measured => "measured",
            RuleBasis::Estimated => "estimated",
        }
    }
}

/// What a model's provider does to a request before it counts it.
#[derive(Clone)]
pub struct Framing {
    model: String,
    day: Option<Day>,
    tokenizer: Arc<dyn Tokenizer>,
    assumed: bool,
    /// For requests to OpenAI's Responses API; like the two below, looked up when a request first needs it.
    responses: OnceLock<Grounded>,
    /// For requests to any other.
    other: OnceLock<Grounded>,
    media: OnceLock<MediaRules>,
}

/// A count with what a person should know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Text, frame, tools and attachments.
    pub count: TokenCount,
    /// The same without attachments, but with the text of documents.
    pub text: TokenCount,
    /// What of it are attachments, which may be billed at rates of their own.
    pub attached: Vec<Weight>,
    /// What was guessed or left out.
    pub notes: Vec<String>,
}

impl Framing {
    /// The framing of a model.
    ///
    /// * `model`: its id, in any provider's spelling.
    /// * `tokenizer`: what counts its text, and whether it is only assumed to be the model's.
    #[must_use]
    pub fn of(model: &str, tokenizer: Arc<dyn Tokenizer>, assumed: bool) -> Self {
        let (responses, other, media) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Framing { model: model.to_owned(), day: None, tokenizer, assumed, responses, other, media }
    }

    /// The framing as it was on a day: providers change what they bill.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::Basis;
    /// use farebox_tokenizer::chat::{Day, Framing};
    /// use farebox_tokenizer::conversation::{Conversation, Message, Role};
    /// let messages = vec![Message::text(Role::User, "Hi")];
    /// let request = Conversation { messages, by_responses: true, ..Conversation::default() };
    /// let framing = || Framing::of("openai/gpt-4o", farebox_tokenizer::load("o200k_base").unwrap(), false);
    /// assert_eq!(framing().count(&request)?.count.basis, Basis::Exact);
    /// // The Responses API billed more in its first weeks.
    /// assert_ne!(framing().on(Day::new(2025, 3, 20)).count(&request)?.count.basis, Basis::Exact);
    /// # Ok::<(), farebox_tokenizer::chat::Refused>(())
    /// ```
    #[must_use]
    pub fn on(self, day: Day) -> Self {
        Framing { day: Some(day), ..Framing::of(&self.model, self.tokenizer, self.assumed) }
    }

    /// Why the rule that this request is counted by is believed.
    #[must_use]
    pub fn evidence(&self, conversation: &Conversation) -> Evidence {
        self.grounded(conversation).evidence
    }

    fn grounded(&self, conversation: &Conversation) -> &Grounded {
        let held = if conversation.by_responses { &self.responses } else { &self.other };
        held.get_or_init(|| Grounded::of(&self.model, conversation.by_responses, self.day))
    }

    /// What the provider would bill for a request.
    ///
    /// # Errors
    /// [`Refused`] where the model cannot be sent something in the conversation.
    pub fn count(&self, conversation: &Conversation) -> Result<Counted, Refused> {
        if !conversation.is_addition {
            return self.whole(conversation);
        }
        let (request, alone) = wrapping::around(conversation);
        let alone = self.whole(&alone)?.count;
        let mut counted = self.whole(&request)?;
        counted.count = wrapping::beyond(counted.count, &[alone]);
        counted.text = wrapping::beyond(counted.text, &[alone]);
        Ok(counted)
    }

    fn whole(&self, conversation: &Conversation) -> Result<Counted, Refused> {
        let count = if conversation.is_plain {
            self.texts(conversation)
        } else {
            self.grounded(conversation).count(conversation, &*self.tokenizer, &self.model)?
        };
        let rule = self.grounded(conversation).rule;
        let mut counted = Counted { count, ..Counted::default() };
        if let Some(schema) = conversation.answer_schema.as_ref().filter(|_| !rule.counts_schema()) {
            // Mistral and Qwen did not bill it in two recorded requests; how others write it is not published.
            let schema = self.tokenizer.count(&schema.to_string());
            let tokens = if rule.is_template() { 0 } else { schema.tokens };
            counted.count = counted.count.reaching(1, 0);
            counted.count += TokenCount::between(0, tokens, schema.high + schema.tokens / 2 + 20);
        }
        if self.assumed {
            counted.count = counted.count.assumed();
        }
        counted.text = counted.count;
        for message in &conversation.messages {
            self.add_media(message.parts(), conversation, &mut counted)?;
        }
        counted.allow_for_oddities(conversation, &*self.tokenizer);
        Ok(counted)
    }

    fn add_media(&self, parts: &[Part], of: &Conversation, counted: &mut Counted) -> Result<(), Refused> {
        let images = parts.iter().filter(|part| matches!(part, Part::Media(Media::Image(_)))).count();
        if !of.is_plain && images > 0 {
            let around = self.grounded(of).rule.around_images(images as u64);
            counted.count += around;
            counted.text += around;
        }
        for part in parts {
            match part {
                Part::Text(_) => {}
                Part::Result(answer) => self.add_media(&answer.parts, of, counted)?,
                Part::Media(media) => {
                    let rules = self.media.get_or_init(|| MediaRules::of(&self.model, self.day));
                    let weighed = rules.count(media, of.resolution.as_deref(), &*self.tokenizer)?;
                    counted.count += weighed.count;
                    counted.text += weighed.text;
                    counted.attached.extend(weighed.parts);
                    counted.notes.extend(weighed.notes);
                }
            }
        }
        Ok(())
    }

    fn texts(&self, conversation: &Conversation) -> TokenCount {
        let mut count = TokenCount::default();
        conversation.messages.iter().flat_map(Message::texts).for_each(|text| count += self.tokenizer.count(text));
        count += TokenCount::exact(conversation.token_ids);
        count
    }
}

/// What was not understood in a conversation, and what is not counted.
impl Counted {
    /// Names what was guessed or is not counted, and allows for what that may cost.
    fn allow_for_oddities(&mut self, conversation: &Conversation, tokenizer: &dyn Tokenizer) {
        let margin = conversation.guess_margin;
        let most = conversation.unread_json.iter().map(|json| tokenizer.count(json).high);
        let most = most.fold(0, u64::saturating_add);
        if margin > 0 || !conversation.unread.is_empty() {
            for count in [&mut self.count, &mut self.text] {
                *count = count.reaching(margin, margin.saturating_add(most));
            }
        }
        let guessed = conversation.guessed.iter().map(|what| format!("not understood: {what}"));
        self.notes.extend(guessed.chain(conversation.unread.iter().map(|what| format!("not counted: {what}"))));
    }
}

/// Text without the white space that Python's `strip` takes away.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// The content as one text, for templates that know no other.
fn plain_content<'m>(message: &'m Message, template: &'static str) -> Result<Cow<'m, str>, Refused> {
    match message.parts() {
        [] => Ok(Cow::Borrowed("")),
        [Part::Text(text)] => Ok(Cow::Borrowed(text)),
        parts => {
            let text = |part: &Part| match part {
                Part::Text(text) => Ok(text.clone()),
                Part::Result(answer) => Ok(answer_text(answer)),
                Part::Media(_) => Err(Refused::Media(template)),
            };
            parts.iter().map(text).collect::<Result<String, _>>().map(Cow::Owned)
        }
    }
}

fn answer_text(answer: &Answer) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        _ => String::new(),
    };
    answer.parts.iter().map(text).collect()
}

/// Arguments as JSON: the JSON that a string holds, or the string itself where it holds none.
fn arguments_value(arguments: &Value) -> Value {
    match arguments {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| arguments.clone()),
        other => other.clone(),
    }
}
