//! What a form of usage yields: entries, and parts of what only makes sense in order.

mod traced;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use rust_decimal::Decimal;

use super::Dialect;
use super::agent::AgentEvent;
use crate::context::Context;
use crate::input::json::{JsonError, Value};
use crate::input::record::RecordError;
use crate::period::Instant;
use crate::usage::Usage;

pub use traced::{Span, SpanRole};

/// One request, or one bucket of requests, as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The form it was written in.
    pub dialect: Dialect,
    /// Who billed it, where the form says: in its own words.
    pub provider: Option<Cow<'a, str>>,
    /// How far the provider can be trusted.
    pub naming: Naming,
    /// The model, as it was recorded; some bodies do not name it.
    pub model: Option<Cow<'a, str>>,
    /// When it happened, or the span of the bucket began.
    pub at: Option<Instant>,
    /// What was used: disjoint.
    pub usage: Usage,
    /// What the response says that a rate may depend on.
    pub context: Context,
    /// How many requests it sums up, where it is more than one request.
    pub bucket: Option<Bucket>,
    /// What it can be grouped by.
    pub labels: Labels<'a>,
    /// The same in every repetition of this request; the last one counts.
    pub id: Option<u64>,
    /// What the provider called the request: a copy of it in another file has the same, whatever form that file is in.
    pub request: Option<u64>,
    /// What the file itself says that it cost.
    pub reported: Option<Reported>,
    /// How it ended.
    pub state: State,
    /// What nobody read of it, although it looks like a count, a cost or a duration.
    pub unread: Vec<Unread>,
    /// What it searched for, a number for each query, where each query is billed once however often it is told.
    pub queries: Vec<u64>,
}

/// A count, a cost or a duration that nobody read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name, behind that of the field that it is in: `usage.mystery_tokens`.
    pub key: String,
    /// The number, as it is written.
    pub value: String,
}

/// How a record came to its provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The record names it.
    #[default]
    Stated,
    /// The record names the library or the protocol that was used, which other providers take too.
    ByHabit,
    /// The record does not name it: its form is that of one provider, which others imitate.
    Assumed,
}

/// Several requests in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many, where the row says.
    pub requests: Option<u64>,
    /// First moment after it.
    pub until: Option<Instant>,
    /// How long each prompt was at least and at most, in tokens, where the row says.
    pub prompt_tokens: Option<(u64, u64)>,
}

/// What an entry can be grouped by, beside time, provider and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The project, folder, workspace or service.
    pub project: Option<Cow<'a, str>>,
    /// The session or conversation.
    pub session: Option<Cow<'a, str>>,
    /// The API key's name or id, or the user where the form knows no keys.
    pub key: Option<Cow<'a, str>>,
    /// Everything else that a request was marked with.
    pub tags: Vec<Cow<'a, str>>,
}

/// A cost that somebody else worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The amount.
    pub amount: Decimal,
    /// ISO code in upper case.
    pub currency: String,
}

/// How a request ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// With an answer, which is billed.
    #[default]
    Done,
    /// With an error: nothing is billed.
    Failed(String),
    /// Taken back or expired before it ran: nothing is billed.
    Cancelled(String),
    /// Answered out of a gateway's own memory: nothing is billed.
    Remembered,
    /// No request: an amount on a bill.
    Charge(String),
    /// It ran on a machine of the user's own.
    Local,
}

/// What a line holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// A record.
    Entry(Box<Entry<'a>>),
    /// A part of something that only makes sense in order.
    Event(Event<'a>),
    /// A record that cannot be used.
    Bad(RecordError),
}

/// What one line contributes to a stream or a running total.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// A session begins, or repeats the head of another that it continues.
    Session(Box<SessionHead<'a>>),
    /// What holds for the requests of a session that follow.
    Settings(Box<SessionSettings<'a>>),
    /// What a session used so far, or in one request.
    Counts(Box<SessionCounts<'a>>),
    /// A streamed message begins.
    Begin(Box<Entry<'a>>),
    /// Counts of a streamed message that replace those before.
    Replace(Box<Counts>),
    /// A streamed message ends.
    End,
    /// The usage so far of a stream without an id.
    Chunk(Box<Entry<'a>>),
    /// A part of a stream, which has this id or is [`NAMELESS`], without its usage.
    Silent(u64),
    /// The streams of chunks before here have ended.
    Done,
    /// What nobody read of the next event, or of the stream that runs.
    Unread(Vec<Unread>),
    /// A line of a coding agent that says something about others.
    Agent(Box<AgentEvent<'a>>),
    /// A step of a trace, which may repeat what others of it say.
    Span(Box<Span<'a>>),
    /// A streamed message ends with the counts of the whole.
    Whole(Box<Entry<'a>>),
}

/// The head of a session whose counts run on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionHead<'a> {
    /// What its requests can be grouped by; its id is the session.
    pub labels: Labels<'a>,
    /// Who bills, in the program's words.
    pub provider: Option<Cow<'a, str>>,
    /// When it began, in milliseconds since 1970.
    pub begun: Option<i64>,
    /// Whether it began as a copy of another, whose history it may repeat.
    pub is_child: bool,
    /// The session that it began as a copy of.
    pub parent: Option<Cow<'a, str>>,
}

/// What a session says about the requests that follow; `None` leaves what was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings<'a> {
    /// The model.
    pub model: Option<Cow<'a, str>>,
    /// Who bills, in the program's words.
    pub provider: Option<Cow<'a, str>>,
    /// What a rate may depend on.
    pub context: Option<Context>,
}

/// What a line of a session counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionCounts<'a> {
    /// When, in milliseconds since 1970.
    pub at: Option<i64>,
    /// The whole session so far.
    pub total: Option<Running>,
    /// The last request alone.
    pub last: Option<Running>,
    /// Whether the line is a record of one request, not of how far the session is.
    pub is_record: bool,
    /// The id that the provider gave the request.
    pub response: Option<u64>,
    /// The session that used it, where the line says.
    pub session: Option<Cow<'a, str>>,
}

/// Counts of a session: parts stand inside of their whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The whole prompt.
    pub input: u64,
    /// What of it came out of the cache.
    pub cached: u64,
    /// What of it was written to the cache.
    pub written: u64,
    /// The whole answer.
    pub output: u64,
    /// What of it was thinking.
    pub thinking: u64,
}

/// Counts that replace earlier ones; `None` leaves what was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Token meters with their new counts.
    pub tokens: Vec<(crate::meter::Meter, u64)>,
    /// Calls of server tools.
    pub web_searches: Option<u64>,
    /// All that was written to the cache, however long it stays.
    pub written: Option<u64>,
    /// Requests that were made next to the message, with their models where these are others.
    pub beside: Vec<(Option<String>, Usage)>,
}

impl<'a> Entry<'a> {
    /// An entry of so much usage that nothing else is known about.
    #[must_use]
    pub fn new(dialect: Dialect, usage: Usage) -> Self {
        Entry {
            dialect,
            provider: None,
            naming: Naming::Stated,
            model: None,
            at: None,
            usage,
            context: Context::default(),
            bucket: None,
            labels: Labels::default(),
            id: None,
            request: None,
            reported: None,
            state: State::Done,
            unread: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// A request that ended with an error.
    pub(super) fn failed(dialect: Dialect, state: State) -> Self {
        Entry { state, ..Entry::new(dialect, Usage::default()) }
    }

    /// The same entry, free of the line it was read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Entry<'static> {
        let own = |text: Option<Cow<'a, str>>| text.map(|t| Cow::Owned(t.into_owned()));
        Entry {
            provider: own(self.provider),
            naming: self.naming,
            model: own(self.model),
            labels: self.labels.into_owned(),
            dialect: self.dialect,
            at: self.at,
            usage: self.usage,
            context: self.context,
            bucket: self.bucket,
            id: self.id,
            request: self.request,
            reported: self.reported,
            state: self.state,
            unread: self.unread,
            queries: self.queries,
        }
    }
}

impl<'a> Entry<'a> {
    /// Names the provider that a form is usually one of.
    pub(super) fn assume(&mut self, provider: &'static str) {
        self.provider = Some(provider.into());
        self.naming = Naming::Assumed;
    }
}

impl<'a> Labels<'a> {
    /// The same labels, free of the line they were read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Labels<'static> {
        let own = |text: Option<Cow<'a, str>>| text.map(|t| Cow::Owned(t.into_owned()));
        let tags = self.tags.into_iter().map(|tag| Cow::Owned(tag.into_owned())).collect();
        Labels { project: own(self.project), session: own(self.session), key: own(self.key), tags }
    }
}

impl Item<'_> {
    /// The same item, free of the line it was read from.
    #[must_use]
    pub fn into_owned(self) -> Item<'static> {
        let own = |text: Cow<'_, str>| -> Cow<'static, str> { Cow::Owned(text.into_owned()) };
        match self {
            Item::Entry(entry) => Item::Entry(Box::new(entry.into_owned())),
            Item::Bad(error) => Item::Bad(error),
            Item::Event(event) => Item::Event(match event {
                Event::Session(head) => Event::Session(Box::new(SessionHead {
                    labels: head.labels.into_owned(),
                    provider: head.provider.map(own),
                    parent: head.parent.map(own),
                    begun: head.begun,
                    is_child: head.is_child,
                })),
                Event::Settings(settings) => Event::Settings(Box::new(SessionSettings {
                    model: settings.model.map(own),
                    provider: settings.provider.map(own),
                    context: settings.context,
                })),
                Event::Counts(counts) => {
                    Event::Counts(Box::new(SessionCounts { session: counts.session.map(own), ..*counts }))
                }
                Event::Begin(entry) => Event::Begin(Box::new(entry.into_owned())),
                Event::Replace(counts) => Event::Replace(counts),
                Event::End => Event::End,
                Event::Chunk(entry) => Event::Chunk(Box::new(entry.into_owned())),
                Event::Silent(id) => Event::Silent(id),
                Event::Done => Event::Done,
                Event::Unread(unread) => Event::Unread(unread),
                Event::Agent(event) => Event::Agent(Box::new(event.into_owned())),
                Event::Span(span) => Event::Span(Box::new(span.into_owned())),
                Event::Whole(entry) => Event::Whole(Box::new(entry.into_owned())),
            }),
        }
    }
}

impl Reported {
    pub(super) fn usd(amount: Decimal) -> Self {
        Reported { amount, currency: "USD".into() }
    }

    /// An amount in dollars in a field. Zero says that nobody worked it out.
    pub(super) fn stated(amount: Option<Value>) -> Option<Self> {
        amount.and_then(Value::decimal).filter(|amount| !amount.is_zero()).map(Reported::usd)
    }
}

impl<'a> From<AgentEvent<'a>> for Item<'a> {
    fn from(event: AgentEvent<'a>) -> Self {
        Item::Event(Event::Agent(Box::new(event)))
    }
}

impl From<JsonError> for RecordError {
    fn from(error: JsonError) -> Self {
        RecordError::Form(error.to_string())
    }
}

/// The id of a stream that has none.
pub(crate) const NAMELESS: u64 = 0;

/// A number for the id that a provider gave a request. Short ones are counters of a server, which begin again.
pub(super) fn request_of(id: Option<&str>) -> Option<u64> {
    id.filter(|id| id.len() >= 8).map(|id| id_of(&["request", id]))
}

/// A number for a stream of chunks with an id.
pub(super) fn stream_of(id: Option<&str>) -> u64 {
    id.map_or(NAMELESS, |id| id_of(&["chunk", id]))
}

/// What was used, as a text: a part of the id of what has no id of its own, or one that others may have too.
pub(super) fn used_text(usage: &Usage) -> String {
    let counts: Vec<String> = usage.used().map(|(meter, count)| format!("{}={count}", meter.name())).collect();
    counts.join(",")
}

/// Tells apart what has the same name in one document, or none: by its number.
#[derive(Default)]
pub(super) struct Numbers(rustc_hash::FxHashMap<u64, u64>);

impl Numbers {
    /// A name that nothing else in the document has: the name itself at first, then with a number behind it.
    pub(super) fn of(&mut self, name: &str) -> String {
        let number = self.0.entry(id_of(&[name])).or_default();
        *number += 1;
        if *number == 1 && !name.is_empty() { name.to_owned() } else { format!("{name}#{number}") }
    }
}

/// A number for what identifies a request: 64 bits, so that a million of them collide with a chance of 1 in 30 million.
pub(crate) fn id_of(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
