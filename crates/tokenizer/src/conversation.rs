//! A conversation as it is sent to a model, whatever provider's form it was written in: [`Conversation`].
//!
//! Requests are read into these words by `input`, and counted by `tokenizer::chat` and `tokenizer::media`. What a form
//! has and these words lack is named in [`Conversation::unread`], so that a count can say what it left out.

use std::fmt;

use serde_json::Value;

/// One request to a model: what it is told, what it may call, and how long it may answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// The model that the request names.
    pub model: Option<String>,
    /// The messages in their order; instructions that stand apart in the form come first, as system messages.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must call.
    pub tool_choice: ToolChoice,
    /// The tool that it must call, where the request names one.
    pub named_tool: Option<String>,
    /// The longest answer in tokens that the request allows.
    pub max_output: Option<u64>,
    /// How many answers the request asks for, where it says so: each is billed, the prompt once.
    pub answers: Option<u64>,
    /// What it states that a price may depend on, by the name that farebox has for it: `quality` and `size` of an image,
    /// `service_tier`. What that does to a price is no matter of counting.
    pub stated: Vec<(&'static str, String)>,
    /// How closely images are looked at, where the request says so for all of them: `low`, `medium` …
    pub resolution: Option<String>,
    /// JSON Schema that the answer must follow.
    pub answer_schema: Option<Value>,
    /// Whether it has the form of OpenAI's Responses, which bill some things otherwise.
    pub by_responses: bool,
    /// Whether the request asks the model to think before it answers, where it says so.
    pub thinks: Option<Thinks>,
    /// Whether it is a line of a batch, which is billed as one.
    pub is_batch: bool,
    /// Whether this is text alone, without messages: an embedding or a plain completion.
    pub is_plain: bool,
    /// How many tokens it has as ids of a vocabulary, which somebody has counted before.
    pub token_ids: u64,
    /// Whether it is not a request but what is added to every request, such as the tools of a server: counted is what it adds.
    pub is_addition: bool,
    /// What was not understood and is counted as what it most likely is, for people.
    pub guessed: Vec<String>,
    /// How many tokens the count may be off for that, either way.
    pub guess_margin: u64,
    /// What stands in the request and cannot be counted here, for people.
    pub unread: Vec<String>,
    /// The JSON of what is unread, which bounds what it may cost.
    pub unread_json: Vec<String>,
}

impl Conversation {
    /// Takes the tools of another in behind its own, with all that is odd about the other.
    pub fn add_tools_of(&mut self, other: &Conversation) {
        self.tools.extend(other.tools.iter().cloned());
        self.guessed.extend(other.guessed.iter().cloned());
        self.guess_margin = self.guess_margin.saturating_add(other.guess_margin);
        self.unread.extend(other.unread.iter().cloned());
        self.unread_json.extend(other.unread_json.iter().cloned());
    }
}

/// How a request asks for thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinks {
    /// Within a budget of its own.
    Budget,
    /// As much as the model likes.
    Adaptive,
    /// Not at all.
    Off,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions, as newer models of OpenAI call them.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// What a tool answered.
    Tool,
    /// What a function answered, in OpenAI's first form of tools.
    Function,
}

impl Role {
    /// The name in OpenAI's form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
            Role::Function => "function",
        }
    }

    /// Whether it gives instructions.
    #[must_use]
    pub const fn is_system(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The name of the speaker, or of the function that answered.
    pub name: Option<String>,
    /// What is said; `None` where the form has null, which is not the same as nothing said.
    pub parts: Option<Vec<Part>>,
    /// What the model calls.
    pub calls: Vec<Call>,
    /// The call that this answers.
    pub call_id: Option<String>,
    /// What the model thought before it spoke.
    pub thinking: Option<String>,
    /// Thoughts that come back sealed: how many characters each seal has (`thoughtSignature`, `encrypted_content`).
    pub signatures: Vec<u64>,
    /// What the model may call from this message on: tools that a search has found.
    pub tools: Vec<Tool>,
    /// Whether the model goes on with this message rather than answering it.
    pub is_prefix: bool,
}

impl Message {
    /// A message that says one thing.
    ///
    /// # Examples
    /// ```
    /// use farebox_tokenizer::conversation::{Message, Role};
    /// assert_eq!(Message::text(Role::User, "Hi").content(), "Hi");
    /// ```
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Message::of_parts(role, vec![Part::Text(text.into())])
    }

    /// A message of several parts.
    #[must_use]
    pub const fn of_parts(role: Role, parts: Vec<Part>) -> Self {
        Message {
            role,
            name: None,
            parts: Some(parts),
            calls: Vec::new(),
            call_id: None,
            thinking: None,
            signatures: Vec::new(),
            tools: Vec::new(),
            is_prefix: false,
        }
    }

    /// The parts, none where the content is null.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        self.parts.as_deref().unwrap_or_default()
    }

    /// All text parts, one after the other.
    #[must_use]
    pub fn content(&self) -> String {
        self.texts().collect()
    }

    /// The text parts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// A part of what is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture, a sound, a film, a document.
    Media(Media),
    /// The answer to a call, where the form has it inside a message.
    Result(Answer),
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The call.
    pub id: String,
    /// The function.
    pub name: Option<String>,
    /// What it answered.
    pub parts: Vec<Part>,
}

/// Something that is not text. What is not known is `None`, and counted as a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// A picture.
    Image(Image),
    /// A sound.
    Audio(Clip),
    /// A film.
    Video(Clip),
    /// A document of pages.
    Document(Document),
}

/// What an attachment is, as far as providers bill it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modality {
    /// An image.
    Image,
    /// The image of a document's page.
    Page,
    /// A recording.
    Audio,
    /// The frames of a video.
    Video,
    /// The sound of a video.
    Soundtrack,
}

impl Modality {
    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Modality::Image => "images",
            Modality::Page => "documents",
            Modality::Audio => "audio",
            Modality::Video => "video",
            Modality::Soundtrack => "the sound of a video",
        }
    }
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Width and height in pixels.
    pub size: Option<(u64, u64)>,
    /// How closely it is looked at: `low`, `high`, `auto` …
    pub detail: Option<String>,
}

/// Something that lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clip {
    /// How long, in milliseconds.
    pub millis: Option<u64>,
    /// Whether silence at its ends, up to a tenth of a second, is in that length and may not be billed.
    pub is_padded: bool,
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// How many pages it has.
    pub pages: Option<u64>,
    /// The text on them.
    pub text: Option<String>,
    /// Width and height of each page, in any unit; empty where they are not known.
    pub sizes: Vec<(u64, u64)>,
}

/// A call that the model makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: Option<String>,
    /// The function.
    pub name: String,
    /// Its arguments, as the request has them: a string that holds JSON, or JSON itself.
    pub arguments: Value,
}

/// Something that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub schema: Option<Value>,
    /// The tool as the request has it.
    pub raw: Value,
    /// The provider's own kind, where it is one of the provider's: `bash_20250124`, `web_search` …
    pub builtin: Option<String>,
}

/// Whether the model must call a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must call one.
    Required,
    /// It must not.
    None,
}
