//! What somebody intends to run: [`Workload`], checked and ready to be planned, but not yet counted or priced.
//!
//! `input::workload` makes it out of a file. Every uncertain number is a [`Range`]; a number that is known is a range
//! whose three values are equal.

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::calendar::Calendar;
use super::thinking::AskedThinking;
use crate::context::Context;
use crate::meter::Meter;
use crate::money::Exact;
use crate::period::Instant;
use crate::pricing::card::ExchangeRate;
use crate::range::Range;

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum PromptPart {
    /// Text that is counted with the tokenizer of each model.
    Text(Arc<str>),
    /// A number of tokens that somebody knows.
    Tokens(Range<Decimal>),
}

/// What of earlier turns is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// So many of the last turns; all of them where the number is large enough.
    Last(u32),
}

impl History {
    /// All of them.
    pub(crate) const ALL: History = History::Last(u32::MAX);

    /// How many turns are sent again.
    #[must_use]
    pub const fn turns(self) -> u32 {
        let History::Last(turns) = self;
        turns
    }
}

/// Requests of an agent for each turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// How many requests a turn takes, the last of which answers.
    pub count: Range<Decimal>,
    /// Tokens that the model writes to call a tool.
    pub call: Range<Decimal>,
    /// Tokens that come back.
    pub result: Range<Decimal>,
}

/// Passages that are looked up for each turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Rag {
    /// Tokens of all passages of a turn.
    pub tokens: Range<Decimal>,
    /// Model that embeds the question.
    pub embedding: Option<String>,
    /// Model that orders the candidates.
    pub rerank: Option<String>,
    /// How many candidates are ordered.
    pub candidates: u64,
    /// Tokens of one candidate.
    pub chunk_tokens: Range<Decimal>,
    /// Tokens that are embedded once, at the start.
    pub index_tokens: u64,
}

/// Something that is sent with the text of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attachment {
    /// An image of so many pixels, and how many of them.
    Image {
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
        /// How many.
        count: Range<Decimal>,
    },
    /// Tokens that are known, all of them together.
    Tokens(Range<Decimal>),
}

/// Failed attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retries {
    /// Share of the attempts that fail.
    pub failure_rate: Range<Decimal>,
    /// How often a request is tried at most.
    pub attempts: u32,
    /// What a failed attempt costs.
    pub billed: Billed,
}

/// What a failed attempt costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billed {
    /// As much as one that worked.
    All,
    /// Its prompt alone.
    Input,
    /// Nothing.
    Nothing,
}

/// What is read from the provider's cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// The instructions.
    pub system: bool,
    /// The tools.
    pub tools: bool,
    /// Earlier turns and steps.
    pub history: bool,
    /// How often the cache has it, from 0 to 1.
    pub hit_rate: Range<Decimal>,
    /// The meter that writing is billed by, where the model bills it.
    pub write: Meter,
    /// Shortest cacheable beginning in tokens, where the user says one; else that of each model.
    pub minimum: Option<u64>,
}

/// How often a feature runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calls {
    /// Conversations in a unit of time.
    pub rate: Range<Decimal>,
    /// The unit of time.
    pub per: Per,
    /// How many people these are, where the file says.
    pub users: Option<Range<Decimal>>,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// A day with calls.
    Day,
    /// A week; its calls fall on the days of a week that have any.
    Week,
    /// A calendar month; its calls fall on the days of the month that have any.
    Month,
}

impl Per {
    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Per::Day => "day",
            Per::Week => "week",
            Per::Month => "month",
        }
    }
}

/// How the calls grow.
#[derive(Clone, Debug, PartialEq)]
pub enum Growth {
    /// A share a month, compounding from the second month on.
    Monthly(Range<Decimal>),
    /// Factors that hold from the first of a month on.
    Steps(Vec<(Date, Decimal)>),
}

/// What the provider gives for nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Free {
    /// How much.
    pub quantity: Decimal,
    /// In a day or in a month.
    pub per: Per,
    /// Tokens in and out rather than requests.
    pub is_tokens: bool,
}

/// A model of one's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// Tokens of the training data.
    pub tokens: u64,
    /// How often they are gone through.
    pub epochs: u32,
    /// The tuned model, whose rates the feature then pays.
    pub model: String,
    /// Days on which it is trained.
    pub on: Vec<Date>,
}

/// A model with its share of the calls.
#[derive(Clone, Debug)]
pub struct Route {
    /// The model, as the user named it.
    pub model: String,
    /// Its share, from 0 to 1.
    pub share: Decimal,
    /// Line of the file that names it.
    pub line: usize,
}

/// One thing that runs.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The models.
    pub routes: Vec<Route>,
    /// The instructions.
    pub system: Vec<PromptPart>,
    /// Definitions of tools.
    pub tools: Vec<PromptPart>,
    /// What the user sends: one entry for each row of the dataset.
    pub prompts: Vec<Vec<PromptPart>>,
    /// Turns of a conversation.
    pub turns: Range<Decimal>,
    /// What of earlier turns is sent again.
    pub history: History,
    /// Requests of an agent for each turn.
    pub steps: Steps,
    /// Passages that are looked up.
    pub rag: Option<Rag>,
    /// Images and files.
    pub attachments: Vec<Attachment>,
    /// Tokens of an answer.
    pub output: Range<Decimal>,
    /// What is said of thinking before an answer; each model settles it for itself.
    pub reasoning: AskedThinking<Decimal>,
    /// Failed attempts.
    pub retries: Retries,
    /// What is cached.
    pub cache: Option<Cache>,
    /// Share of the calls that are sent as batches, from 0 to 1.
    pub batch: Decimal,
    /// What every request states.
    pub context: Context,
    /// What else an answer uses.
    pub also: Vec<(Meter, Range<Decimal>)>,
    /// How often it runs.
    pub calls: Calls,
    /// How the calls grow.
    pub growth: Growth,
    /// Which days have calls.
    pub calendar: Calendar,
    /// Minute of the day (UTC) that prices are looked up at.
    pub minute: u32,
    /// What the provider gives for nothing.
    pub free: Option<Free>,
    /// A model of one's own.
    pub tuning: Option<Tuning>,
}

/// An amount in some currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Amount {
    /// How much.
    #[cfg_attr(test, schemars(with = "String"))]
    pub amount: Exact,
    /// Three capital letters.
    pub currency: String,
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// What may be spent, tax included.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// Over the whole plan, or over the days that `from` and `to` say.
    pub total: Option<Amount>,
    /// In every month.
    pub monthly: Option<Amount>,
    /// First day that the total counts from.
    pub from: Option<Date>,
    /// First day after.
    pub to: Option<Date>,
}

/// A cost that no token causes.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// What it is.
    pub name: String,
    /// How much.
    pub cost: Amount,
    /// Every month rather than once.
    pub monthly: bool,
    /// Day of a cost that comes once; first day of one that comes every month.
    pub from: Date,
    /// First day without it again.
    pub to: Option<Date>,
}

/// Money that is used up before anything is paid.
#[derive(Clone, Debug)]
pub struct Credit {
    /// How much.
    pub amount: Amount,
    /// Provider that it is good for.
    pub provider: Option<String>,
    /// First day that it is worth nothing.
    pub expires: Option<Date>,
}

/// Something that the user did not say, or that follows from what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Assumption {
    /// The feature, or `plan`.
    pub about: String,
    /// What is assumed.
    pub what: String,
    /// Its value.
    pub value: String,
    /// Where the value comes from.
    pub origin: String,
}

/// Everything that somebody intends to run.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What the plan is called.
    pub name: String,
    /// Currency to show money in.
    pub currency: String,
    /// What one US dollar is in other currencies.
    pub exchange: Vec<ExchangeRate>,
    /// Tax on everything, from 0.
    pub tax: Decimal,
    /// What may be spent.
    pub budget: Budget,
    /// First day.
    pub start: Date,
    /// First day after.
    pub end: Date,
    /// What runs.
    pub features: Vec<Arc<Feature>>,
    /// Costs that no token causes.
    pub fixed: Vec<Fixed>,
    /// Money that is used up first.
    pub credits: Vec<Credit>,
    /// Seed of the simulation.
    pub seed: u64,
    /// Draws of the simulation.
    pub draws: u32,
    /// What the user did not say.
    pub assumptions: Vec<Assumption>,
}

/// The last moment of a workload.
#[must_use]
pub(crate) fn last_moment(workload: &Workload) -> Instant {
    Instant::from_unix(instant_of(workload.end, 0).unix().saturating_sub(1))
}

/// The first moment of a minute of a day in UTC.
#[must_use]
pub(crate) fn instant_of(day: Date, minute: u32) -> Instant {
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
    Instant::from_unix(start.saturating_add(i64::from(minute) * 60))
}
