//! What somebody intends to run: [`Workload`], checked and ready to be planned, but not yet counted or priced.
//!
//! `input::workload` makes it out of a file. Every uncertain number is a [`Range`]; a number that is known is a range
//! whose three values are equal.

use std::collections::BTreeMap;
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

impl PromptPart {
    /// The text, where it is one.
    pub(crate) const fn text(&self) -> Option<&Arc<str>> {
        match self {
            PromptPart::Text(text) => Some(text),
            PromptPart::Tokens(_) => None,
        }
    }
}

/// What of earlier turns is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// So many of the last turns; all of them where the number is large enough.
    Last(u32),
    /// At most so many tokens, the oldest left out.
    Tokens(u64),
    /// All of it, until it has `at` tokens before a turn: one request then turns it into a summary that takes its place.
    Compacted {
        /// Tokens of history at which it is summed up.
        at: u64,
        /// Tokens of the summary.
        summary: u64,
    },
}

impl History {
    /// All of them.
    pub(crate) const ALL: History = History::Last(u32::MAX);

    /// How many turns are sent again.
    #[must_use]
    pub const fn turns(self) -> u32 {
        match self {
            History::Last(turns) => turns,
            History::Tokens(_) | History::Compacted { .. } => u32::MAX,
        }
    }
}

/// What people call it: `all`, `6 turns`, `4000 tokens`.
impl std::fmt::Display for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            History::Last(0) => f.write_str("none"),
            History::Last(u32::MAX) => f.write_str("all"),
            History::Last(turns) => write!(f, "the last {turns} turns"),
            History::Tokens(tokens) => write!(f, "at most {tokens} tokens"),
            History::Compacted { at, summary } => write!(f, "{summary} tokens in place of {at}"),
        }
    }
}

/// Something other than text that a turn sends or an answer makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Medium {
    /// What it is.
    pub kind: MediumKind,
    /// How much of it: seconds of audio and video, pieces of everything else.
    pub amount: Range<Decimal>,
}

/// What a [`Medium`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediumKind {
    /// A recording that is sent.
    HeardAudio,
    /// A video that is sent.
    SeenVideo,
    /// Images that are sent to a model that bills them by the piece.
    SentImages,
    /// Pages of documents that are sent.
    Pages,
    /// Characters of text that are sent to a model that bills them.
    Characters,
    /// Speech that is made.
    MadeAudio,
    /// Images that are made.
    MadeImages,
    /// A video that is made.
    MadeVideo,
}

/// The feature that another one follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Follows {
    /// Its name.
    pub feature: String,
    /// Calls for each of its conversations, or its turns where `turns`.
    pub share: Range<Decimal>,
    /// Whether a turn causes them rather than a conversation.
    pub turns: bool,
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
    /// How many passages a turn has.
    pub chunks: Range<Decimal>,
    /// Model that embeds the question.
    pub embedding: Option<String>,
    /// Model that orders the candidates.
    pub rerank: Option<String>,
    /// How many candidates are ordered.
    pub candidates: u64,
    /// Tokens of one passage.
    pub chunk_tokens: Range<Decimal>,
    /// What is embedded besides the questions.
    pub index: Index,
}

/// The passages of a search index, which are embedded before they can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Tokens that are embedded at the start.
    pub tokens: u64,
    /// What comes in each month.
    pub growth: IndexGrowth,
    /// Days on which all of it is embedded again.
    pub again: Vec<Date>,
}

/// What an index grows by in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexGrowth {
    /// So many tokens.
    Tokens(u64),
    /// A share of what it is.
    Share(Decimal),
}

impl Default for IndexGrowth {
    fn default() -> Self {
        IndexGrowth::Tokens(0)
    }
}

impl Index {
    /// How large it is after so many months, in whole tokens; `None` beyond all that farebox plans with.
    #[must_use]
    pub(crate) fn after(&self, months: u32) -> Option<u64> {
        match self.growth {
            IndexGrowth::Tokens(each) => self.tokens.checked_add(each.checked_mul(u64::from(months))?),
            IndexGrowth::Share(share) => {
                let factor = super::ramp::whole_power(Decimal::ONE.checked_add(share)?, months)?;
                u64::try_from(Decimal::from(self.tokens).checked_mul(factor)?.round()).ok()
            }
        }
    }
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
    /// How often the first request of a conversation finds the instructions and the tools, from 0 to 1.
    pub hit_rate: Range<Decimal>,
    /// How often a later request of a conversation finds what the one before it has sent; as often as the first where it is
    /// not known apart.
    pub within: Option<Range<Decimal>>,
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

/// `400 per day`, `500 once`.
impl std::fmt::Display for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.per {
            Per::Once => write!(f, "{} once", self.rate),
            per => write!(f, "{} per {}", self.rate, per.name()),
        }
    }
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
    /// A job that runs once, on each of the days of its calendar.
    Once,
}

impl Per {
    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Per::Day => "day",
            Per::Week => "week",
            Per::Month => "month",
            Per::Once => "run",
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

/// What a provider gives for nothing to several features together.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedFree {
    /// The features that share it.
    pub features: Vec<String>,
    /// How much: requests, tokens, or whichever of both ends first.
    pub limits: Vec<Free>,
}

/// What a provider takes off its list prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Discount {
    /// The provider; every one when there is none.
    pub provider: Option<String>,
    /// The share that is taken off, from 0 to 1.
    pub off: Decimal,
    /// First day.
    pub from: Option<Date>,
    /// First day without it.
    pub to: Option<Date>,
}

impl Discount {
    /// The share of a price that is paid on a day.
    #[must_use]
    pub(crate) fn paid(&self, provider: &str, day: Date) -> Decimal {
        let concerns = self.provider.as_deref().is_none_or(|p| p == provider);
        let runs = self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day < to);
        if concerns && runs { Decimal::ONE - self.off } else { Decimal::ONE }
    }
}

impl Commitment {
    /// The day on which each of its months or years begins, up to a day, and the day on which it ends.
    pub(crate) fn borders(&self, end: Date) -> Vec<Date> {
        let length = if self.yearly { 12 } else { 1 };
        let first = if self.yearly { self.from } else { super::calendar::Month::of(self.from).first() };
        let last = self.to.min(end);
        let begins = (0..1200).map(|n| super::calendar::months_after(first, n * length)).take_while(|day| *day < last);
        begins.map(|day| day.max(self.from)).chain([last]).collect()
    }
}

/// What is paid to a provider at least.
#[derive(Clone, Debug, PartialEq)]
pub struct Commitment {
    /// The provider.
    pub provider: String,
    /// How much in a month or a year.
    pub amount: Amount,
    /// Every year rather than every month.
    pub yearly: bool,
    /// First day.
    pub from: Date,
    /// First day without it.
    pub to: Date,
}

/// Lengths of single answers that were measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerLengths(Vec<(u64, u64)>);

impl AnswerLengths {
    /// Out of the lengths of answers in tokens.
    #[must_use]
    pub fn of(mut lengths: Vec<u64>) -> Self {
        lengths.sort_unstable();
        let alike = lengths.chunk_by(|a, b| a == b);
        AnswerLengths(alike.filter_map(|same| Some((*same.first()?, same.len() as u64))).collect())
    }

    /// How many answers were measured.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    /// The longest of them.
    #[must_use]
    pub(crate) fn longest(&self) -> Option<u64> {
        self.0.last().map(|(tokens, _)| *tokens)
    }

    /// The mean of the lengths, each of them cut off at a cap.
    #[must_use]
    pub(crate) fn mean_up_to(&self, cap: Decimal) -> Decimal {
        let cut = |(tokens, n): &(u64, u64)| Decimal::from(*tokens).min(cap).saturating_mul(Decimal::from(*n));
        let sum: Decimal = self.0.iter().map(cut).sum();
        sum.checked_div(Decimal::from(self.count())).unwrap_or_default()
    }

    /// How far single answers are from their mean: the standard deviation, in tokens. A statistic, not an amount.
    #[must_use]
    pub(crate) fn deviation(&self) -> f64 {
        let n = self.count() as f64;
        let mean = self.0.iter().map(|(tokens, n)| *tokens as f64 * *n as f64).sum::<f64>() / n.max(1.0);
        let square = |(tokens, n): &(u64, u64)| (*tokens as f64 - mean).powi(2) * *n as f64;
        (self.0.iter().map(square).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
    }
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
    /// Tokens of an answer: their mean, and what that may be.
    pub output: Range<Decimal>,
    /// Lengths of single answers, where they were measured.
    pub spread: Option<Arc<AnswerLengths>>,
    /// Whether the file says how long an answer is; only a model that bills something else may do without.
    pub says_output: bool,
    /// What is said of thinking before an answer; each model settles it for itself.
    pub reasoning: AskedThinking<Decimal>,
    /// Failed attempts.
    pub retries: Retries,
    /// What is cached.
    pub cache: Option<Cache>,
    /// Share of the calls that are sent as batches, from 0 to 1.
    pub batch: Decimal,
    /// Whether they are sent one by one on a model that has no rate for batches.
    pub batch_if_sold: bool,
    /// What every request states.
    pub context: Context,
    /// What else an answer uses.
    pub also: Vec<(Meter, Range<Decimal>)>,
    /// What is sent and made besides text.
    pub media: Vec<Medium>,
    /// How often it runs.
    pub calls: Calls,
    /// The feature whose calls cause these; `calls` are those of it.
    pub follows: Option<Follows>,
    /// Whether its people are those of the plan.
    pub shared_users: bool,
    /// Its place in the file.
    pub order: usize,
    /// The place in the file of the feature whose calls and growth it has.
    pub calls_of: usize,
    /// Growth of the instructions and the prompt by month.
    pub prompt_growth: Range<Decimal>,
    /// How the calls grow.
    pub growth: Growth,
    /// Which days have calls.
    pub calendar: Calendar,
    /// Minute of the day (UTC) that prices are looked up at.
    pub minute: u32,
    /// What the provider gives for nothing: requests, tokens, or whichever of both ends first.
    pub free: Vec<Free>,
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
    /// How much, at its mean.
    pub cost: Amount,
    /// The same with its bounds, where it is uncertain.
    pub range: Range<Decimal>,
    /// Every month rather than once.
    pub monthly: bool,
    /// Every twelve months rather than once.
    pub yearly: bool,
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
    /// What may be chosen to make it cheaper, by feature.
    pub choices: BTreeMap<String, super::choice::Choice>,
    /// Currency to show money in.
    pub currency: String,
    /// What one US dollar is in other currencies.
    pub exchange: Vec<ExchangeRate>,
    /// Tax on everything, from 0.
    pub tax: Range<Decimal>,
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
    /// What providers take off their list prices.
    pub discounts: Vec<Discount>,
    /// What is paid at least.
    pub commitments: Vec<Commitment>,
    /// What several features share for nothing.
    pub free: Vec<SharedFree>,
    /// Currencies of amounts, with the line and the column of the first amount in each.
    pub currencies: Vec<(String, usize, usize)>,
    /// Seed of the simulation.
    pub seed: u64,
    /// Draws of the simulation.
    pub draws: u32,
    /// Names of numbers whose draws stand at the same place of their ranges in all features.
    pub drawn_together: Vec<&'static str>,
    /// What the user did not say.
    pub assumptions: Vec<Assumption>,
}

impl Workload {
    /// Says that costs are also looked at in a currency, so that a plan is cut where its rates change.
    pub fn also_in(&mut self, currency: Option<&str>) {
        self.currencies.extend(currency.map(|code| (code.to_uppercase(), 0, 0)));
    }
}

/// The last moment of a workload.
#[must_use]
pub(crate) fn last_moment(workload: &Workload) -> Instant {
    Instant::from_unix(instant_of(workload.end, 0).unix().saturating_sub(1))
}

/// A moment of a day, by the minutes from its UTC midnight, which may lie before it.
#[must_use]
pub(crate) fn instant_within(day: Date, minute: i32) -> Instant {
    Instant::from_unix(instant_of(day, 0).unix().saturating_add(i64::from(minute) * 60))
}

/// The first moment of a minute of a day in UTC.
#[must_use]
pub(crate) fn instant_of(day: Date, minute: u32) -> Instant {
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
    Instant::from_unix(start.saturating_add(i64::from(minute) * 60))
}
