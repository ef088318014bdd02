//! The workload file as it is written: every key, with the place of what a later step may object to.
//!
//! `data/workload.schema.json` comes from these types.

use std::convert::Infallible;

use serde::Deserialize;

use super::quantity::{ForSerde, MONTHLY, Quantity, QuantityError, Signed, float_text, without};
use super::short::{Many, Short, Shorthand, Words};
use super::tree::RawTree;
use crate::pricing::yaml::{At, Pairs, RawExchange};

macro_rules! raw {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$field_about])* pub $field: $type,)+ }
    };
}

/// A quantity with its place, where the file has it.
type Given = Option<At<Quantity>>;
/// A text with its place, where the file has it.
type Word = Option<At<String>>;

raw! {
    /// What somebody intends to run: features, when they run, and what may be spent.
    RawWorkload {
        /// Version of this layout: 1.
        version: Option<At<u32>>,
        /// What the plan is called.
        name: Option<String>,
        /// Currency to show money in: three capital letters; USD when left out.
        currency: Word,
        /// What one US dollar is in other currencies, and since when.
        exchange: Pairs<Vec<RawExchange>>,
        /// Tax on everything, such as 19%.
        tax: Given,
        /// What may be spent: `50 EUR` over the whole plan, `10 EUR per month`, or the long form.
        budget: Option<Short<RawBudget>>,
        /// First day of the plan; the first of next month when left out.
        start: Word,
        /// How many months; 12 when left out.
        months: Option<At<u32>>,
        /// First day after the plan, instead of months.
        end: Word,
        /// How many people use the features whose calls are given for each user.
        users: Given,
        /// Conversations of each of these users that features share, such as 3 per week.
        sessions: Given,
        /// Which days have calls, for every feature without a calendar of its own.
        calendar: Option<RawCalendar>,
        /// What runs, by name.
        features: Pairs<RawFeature>,
        /// Costs that no token causes.
        fixed: Many<RawFixed>,
        /// Money that is used up before anything is paid.
        credits: Many<RawCredit>,
        /// What a provider takes off its list prices.
        discounts: Many<RawDiscount>,
        /// What is paid to a provider at least.
        commitments: Many<RawCommitment>,
        /// What providers give for nothing to several features together.
        free: Many<RawSharedFree>,
        /// Seed of the simulation.
        seed: Option<u64>,
        /// Draws of the simulation; 10,000 when left out.
        draws: Option<At<u32>>,
        /// Numbers that are drawn together in all features, such as `[calls, output]`; every feature draws its own when left
        /// out.
        drawn_together: Vec<At<String>>,
        /// What `farebox check` insists on.
        check: Option<RawCheck>,
    }
}

raw! {
    /// What `farebox check` insists on.
    RawCheck {
        /// Limits by the name of a rule, such as `max-growth: 20%`; a map in the long form, a list where there are several.
        rules: Pairs<At<RawTree>>,
        /// What may break a rule for a while, and why.
        exemptions: Vec<RawExemption>,
    }
}

raw! {
    /// Something that may break a rule for a while.
    RawExemption {
        /// The feature; `plan` for the whole of it.
        feature: Word,
        /// The rule; every rule when left out.
        rule: Word,
        /// Why.
        reason: Word,
        /// The last day on which it holds.
        until: Word,
    }
}

raw! {
    /// What may be spent, tax included.
    RawBudget {
        /// Over the whole plan, or from `from` to `to`, such as 60 EUR.
        total: Given,
        /// In every month.
        monthly: Given,
        /// First day that the total counts from.
        from: Word,
        /// First day after.
        to: Word,
    }
}

raw! {
    /// Which days have calls.
    RawCalendar {
        /// `mon-fri`, a list such as `[mon, wed]`, or factors such as `{mon-fri: 1, sat-sun: 20%}`; every day when left out.
        weekdays: Option<At<RawWeekdays>>,
        /// Hours of the day with calls: `8-18`, or shares such as `{8-18: 90%, 18-22: 10%}`; prices by the hour follow them.
        hours: Option<At<RawHours>>,
        /// Time zone of the hours: an offset such as +02:00; UTC when left out.
        timezone: Option<At<Text>>,
        /// Days without calls: `2026-12-25`, or `2026-12-24..2027-01-06` with both ends.
        holidays: Words,
        /// Days with more or fewer calls.
        busy: Many<RawBusy>,
        /// First day with calls.
        start: Word,
        /// First day without again.
        end: Word,
    }
}

raw! {
    /// Days on which there are more calls, or fewer.
    RawBusy {
        /// What it is, such as exams.
        name: Option<String>,
        /// First day.
        from: Word,
        /// Last day, included.
        to: Word,
        /// How many times the usual calls.
        factor: Given,
    }
}

raw! {
    /// One thing that runs: one model, or a routing over several.
    RawFeature {
        /// Model: provider/model, a model id, or an alias.
        model: Word,
        /// Several models with their shares, instead of a model: `{openai/gpt-5-mini: 80%, openai/gpt-5: 20%}`.
        routing: Pairs<At<Quantity>>,
        /// The instructions that every request begins with.
        system: Option<At<RawText>>,
        /// Definitions of tools that every request carries.
        tools: Option<At<RawText>>,
        /// What the user sends; may hold {{variables}}.
        prompt: Option<At<RawText>>,
        /// Values of the {{variables}} in the prompt and the instructions.
        variables: Pairs<String>,
        /// Rows with values of the {{variables}}: every row is counted.
        dataset: Option<RawDataset>,
        /// Turns of a conversation; 1 when left out.
        turns: Given,
        /// What of earlier turns is sent again: all, none, the last N turns (`6`), at most N tokens (`4000 tokens`), or
        /// `{compact_at: 20000, summary: 1500}`.
        history: Option<At<RawHistory>>,
        /// Requests of an agent for each turn, the last of which answers; 1 when left out.
        steps: Option<Short<RawSteps>>,
        /// Passages that are looked up for each turn.
        rag: Option<RawRag>,
        /// Images and files sent with each turn.
        attachments: Many<RawAttachment>,
        /// What else each turn sends, in its own unit: `{audio: 3 minutes, video: 20 seconds, pages: 12, characters: 900}`.
        sends: Pairs<At<Quantity>>,
        /// What else each answer makes, in its own unit: `{audio: 40 seconds, images: 2, video: 8 seconds}`.
        makes: Pairs<At<Quantity>>,
        /// Tokens of an answer.
        output: Option<At<RawOutput>>,
        /// Tokens that are thought before an answer, 0 for none, or an effort. Left out, what each model thinks by default is assumed.
        reasoning: Option<At<RawReasoning>>,
        /// How thoroughly it thinks: none, minimal, low, medium, high, xhigh, max.
        reasoning_effort: Word,
        /// Failed attempts.
        retries: Option<RawRetries>,
        /// What is read from the provider's cache.
        cache: Option<RawCache>,
        /// Share of the calls that are sent as batches, such as 100%; true, false, or `where available`.
        batch: Option<At<RawBatch>>,
        /// The queue that requests stand in: flex, priority …
        service_tier: Word,
        /// What else every request states, such as region or inference_geo.
        with: Pairs<At<String>>,
        /// What else an answer uses, by meter, such as `{web_search: 2}`.
        also: Pairs<At<Quantity>>,
        /// How often it runs: `400 per day`, `3 per user per week`, `1 per chat`, `20% of chat`, `500 once`, or users and
        /// sessions. One call is one conversation of `turns`.
        calls: Option<At<RawCalls>>,
        /// The feature that this one follows: `{feature: chat, share: 20%, of: turns}`.
        per: Option<Short<RawPer>>,
        /// How many people use it; those of the plan when left out.
        users: Given,
        /// Days of a job that runs once; its first day when left out.
        on: Words,
        /// Growth of the calls: 5% a month, -2% a month, 30% a year, a range, or factors by month.
        growth: Option<At<RawGrowth>>,
        /// Growth of the prompt and the instructions, such as 2% a month.
        prompt_growth: Option<At<Signed>>,
        /// Which days have calls.
        calendar: Option<RawCalendar>,
        /// Time of the day (UTC) that prices are looked up at, such as 02:00; noon when left out.
        time: Word,
        /// What the provider gives for nothing.
        free: Option<RawFree>,
        /// A model of one's own.
        fine_tuning: Option<RawTuning>,
        /// What `farebox optimise` may choose.
        choose: Option<At<super::choose::RawChoice>>,
    }
}

raw! {
    /// Rows with values of variables.
    RawDataset {
        /// A CSV file with a header, or JSON Lines, relative to the workload file.
        file: Word,
        /// The column that is the prompt, where there is no template.
        column: Word,
    }
}

raw! {
    /// Requests of an agent for each turn.
    RawSteps {
        /// How many requests a turn takes.
        count: Given,
        /// Tokens that the model writes to call a tool.
        call: Given,
        /// Tokens that come back from a tool.
        result: Given,
    }
}

raw! {
    /// Passages that are looked up for each turn.
    RawRag {
        /// How many passages go into the prompt.
        chunks: Given,
        /// Tokens of one passage.
        chunk_tokens: Given,
        /// Model that embeds the question.
        embedding: Word,
        /// Model that orders the candidates.
        rerank: Word,
        /// How many candidates are ordered; four times the passages when left out.
        candidates: Given,
        /// Tokens that are embedded once, at the start.
        index_tokens: Given,
        /// What the index grows by each month: tokens (`200_000`) or a share of it (`5%`). It is embedded on the first day of
        /// the month after.
        index_growth: Given,
        /// Days on which the whole index is embedded again, as large as it is by then.
        index_again: Words,
    }
}

raw! {
    /// Something that is sent with the text of a turn.
    RawAttachment {
        /// An image by its size in pixels, such as 1024x768.
        image: Word,
        /// Tokens, where they are known.
        tokens: Given,
        /// How many of them; 1 when left out.
        count: Given,
    }
}

raw! {
    /// Failed attempts.
    RawRetries {
        /// Share of the attempts that fail, such as 2%.
        failure_rate: Given,
        /// How often a request is tried at most; 3 when left out.
        attempts: Option<At<u32>>,
        /// What a failed attempt costs: all, input, or nothing; all when left out.
        billed: Option<At<RawBilled>>,
    }
}

/// What a failed attempt costs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RawBilled {
    /// As much as one that worked.
    All,
    /// Its prompt alone.
    Input,
    /// Nothing.
    Nothing,
}

raw! {
    /// The feature that another one follows.
    RawPer {
        /// Its name.
        feature: Word,
        /// Share of its conversations or turns that cause a call, such as 20%; 100% when left out, and more than that for several.
        share: Given,
        /// What causes a call: conversations, or turns; conversations when left out.
        of: Word,
    }
}

raw! {
    /// History that is replaced by a summary when it becomes long.
    RawCompaction {
        /// Tokens of history at which it is summed up.
        compact_at: Given,
        /// Tokens of the summary.
        summary: Given,
    }
}

raw! {
    /// What is read from the provider's cache.
    RawCache {
        /// Which parts of the prompt: system, tools, history; system and tools when left out.
        parts: Option<Vec<At<RawPart>>>,
        /// How often the cache has it, such as 90%: for every request, or for the first of a conversation where
        /// `hit_rate_within` is given too.
        hit_rate: Given,
        /// How often the first request of a conversation finds the instructions and the tools, which other conversations
        /// have left there; the same as `hit_rate` next to `hit_rate_within`.
        hit_rate_between: Given,
        /// How often a later request of a conversation finds what the one before it has sent; 100% next to `gap` and
        /// `hit_rate_between` when left out.
        hit_rate_within: Given,
        /// Time between two conversations, such as 4m, in the place of their hit rate.
        gap: Given,
        /// How long the cache keeps it: 5m, 30m, 1h, 12h; 5m when left out.
        ttl: Given,
        /// Shortest prompt that is cached, in tokens; what the price card of the model says when left out, else 1024.
        minimum: Option<u64>,
    }
}

/// A part of the prompt that can be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RawPart {
    /// The instructions.
    System,
    /// The tools.
    Tools,
    /// Earlier turns and steps.
    History,
}

raw! {
    /// What the provider gives for nothing; what is beyond it is paid.
    RawFree {
        /// Requests, such as 1500 per day or 1000 per month.
        requests: Given,
        /// Tokens in and out, such as 1_000_000 per month; next to requests, whichever ends first.
        tokens: Given,
    }
}

raw! {
    /// What a provider gives for nothing to several features together.
    RawSharedFree {
        /// The features that share it; every feature when left out.
        features: Words,
        /// Requests, such as 1500 per day or 1000 per month.
        requests: Given,
        /// Tokens in and out, such as 1_000_000 per month; next to requests, whichever ends first.
        tokens: Given,
    }
}

raw! {
    /// What a provider takes off its list prices.
    RawDiscount {
        /// The provider; every one when left out.
        provider: Word,
        /// How much, such as 15%.
        off: Given,
        /// First day.
        from: Word,
        /// First day without it.
        to: Word,
    }
}

raw! {
    /// What is paid to a provider at least; usage below it is paid all the same.
    RawCommitment {
        /// The provider.
        provider: Word,
        /// How much, such as 500 USD per month, or 6000 USD per year.
        amount: Given,
        /// First day.
        from: Word,
        /// First day without it.
        to: Word,
    }
}

raw! {
    /// A model of one's own.
    RawTuning {
        /// Tokens of the training data.
        training_tokens: Given,
        /// How often they are gone through; 3 when left out.
        epochs: Option<u32>,
        /// The tuned model, whose rates the feature then pays; the model's `ft:` card when left out.
        model: Word,
        /// Days on which it is trained; the first day of the feature when left out.
        on: Words,
    }
}

raw! {
    /// A cost that no token causes.
    RawFixed {
        /// What it is.
        name: Option<String>,
        /// `25 EUR per month`, `300 EUR per year`, `20 USD per seat per month`, `2 USD per user per month`, or `400 USD` once;
        /// a range where it is uncertain.
        cost: Given,
        /// How many seats, where the cost is for each.
        seats: Given,
        /// Day of a cost that comes once; first day of one that comes every month or year.
        from: Word,
        /// First day without it again.
        to: Word,
    }
}

raw! {
    /// Money that is used up before anything is paid.
    RawCredit {
        /// How much, such as 100 USD.
        amount: Given,
        /// Provider that it is good for; all when left out.
        provider: Word,
        /// First day that it is worth nothing.
        expires: Word,
    }
}

raw! {
    /// Calls by users.
    RawUsers {
        /// How many users; those of the feature or the plan when left out.
        users: Given,
        /// How many conversations each of them has, such as 3 per week.
        sessions: Given,
    }
}

raw! {
    /// Text that is counted, or the number of its tokens.
    RawSource {
        /// A file, relative to the workload file.
        file: Word,
        /// The text itself.
        text: Option<String>,
        /// The number of tokens, where it is known.
        tokens: Given,
    }
}

raw! {
    /// Answers whose length was measured.
    RawSamples {
        /// A CSV or JSON Lines file, relative to the workload file.
        file: Word,
        /// The column that holds the number of tokens, or the text of an answer.
        column: Word,
    }
}

impl Shorthand for RawBudget {
    type Said = Quantity;
    const EXPECTED: &'static str = "an amount such as 50 EUR, or {total, monthly, from, to}";

    fn said(text: &str) -> Result<Quantity, QuantityError> {
        text.parse()
    }

    /// `10 EUR per month` is a monthly budget, `50 EUR` one for the whole plan.
    fn of(said: At<Quantity>) -> Self {
        let At { value: Quantity { range, unit }, place } = said;
        let monthly = without(&unit, MONTHLY);
        let total = without(&unit, &["in total", "total", "in all"]);
        let currency = monthly.or(total).unwrap_or(&unit).trim().to_owned();
        let amount = Some(At { value: Quantity { range, unit: currency }, place });
        match monthly {
            Some(_) => RawBudget { monthly: amount, ..RawBudget::default() },
            None => RawBudget { total: amount, ..RawBudget::default() },
        }
    }
}

impl Shorthand for RawSteps {
    type Said = Quantity;
    const EXPECTED: &'static str = "a number of requests such as 20, or {count, call, result}";

    fn said(text: &str) -> Result<Quantity, QuantityError> {
        text.parse()
    }

    fn of(said: At<Quantity>) -> Self {
        RawSteps { count: Some(said), ..RawSteps::default() }
    }
}

impl Shorthand for RawPer {
    type Said = String;
    const EXPECTED: &'static str = "the name of a feature, or {feature, share, of}";

    fn said(text: &str) -> Result<String, QuantityError> {
        Ok(text.to_owned())
    }

    fn of(said: At<String>) -> Self {
        RawPer { feature: Some(said), ..RawPer::default() }
    }
}

/// A text that may be written as a number.
#[derive(Clone, Debug)]
pub struct Text(pub String);

/// Text by the name of its file, several of them, or the long form.
#[derive(Debug)]
pub enum RawText {
    /// The name of a file.
    File(String),
    /// A number of tokens.
    Tokens(Quantity),
    /// The long form.
    Long(RawSource),
    /// Several, one after the other.
    Many(Vec<At<RawText>>),
}

/// Tokens of an answer.
#[derive(Debug)]
pub enum RawOutput {
    /// A number or a range.
    Tokens(Quantity),
    /// Measured answers.
    Samples(RawSamples),
}

/// How often a feature runs.
#[derive(Debug)]
pub enum RawCalls {
    /// `400 per day`.
    Rate(Quantity),
    /// Users with their sessions.
    Users(RawUsers),
}

/// Growth of the calls.
#[derive(Debug)]
pub enum RawGrowth {
    /// A share a month or a year, which may be below zero.
    Steady(Quantity),
    /// Factors since months.
    Steps(Vec<(At<String>, At<Signed>)>),
}

/// What of earlier turns is sent again.
#[derive(Debug)]
pub enum RawHistory {
    /// `all`, `none`, a number of turns or of tokens.
    Text(String),
    /// Summed up when it is long.
    Compacted(RawCompaction),
}

/// Thinking.
#[derive(Debug)]
pub enum RawReasoning {
    /// Tokens.
    Tokens(Quantity),
    /// An effort.
    Effort(String),
}

/// What is sent as batches.
#[derive(Debug)]
pub enum RawBatch {
    /// A share.
    Share(Quantity),
    /// Everything, where the model has a rate for batches.
    WhereAvailable,
}

/// Days of the week.
#[derive(Debug)]
pub enum RawWeekdays {
    /// `mon-fri`.
    Text(String),
    /// Several.
    List(Vec<At<String>>),
    /// How many times the usual calls.
    Factors(Vec<(At<String>, At<Quantity>)>),
}

/// Hours of the day.
#[derive(Debug)]
pub enum RawHours {
    /// `8-18`.
    Text(String),
    /// Several, with as many calls in each hour.
    List(Vec<At<String>>),
    /// Shares of the calls.
    Shares(Vec<(At<String>, At<Quantity>)>),
}

/// Reads a scalar, a map or a list, whichever the file has.
macro_rules! forms {
    ($type:ty, $expecting:literal, text: $text:expr $(, map: $map:expr)? $(, list: $list:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Forms;
                impl<'de> serde::de::Visitor<'de> for Forms {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        $text(text).map_err(ForSerde::for_serde)
                    }
                    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<$type, E> {
                        self.visit_str(&n.to_string())
                    }
                    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<$type, E> {
                        self.visit_str(&n.to_string())
                    }
                    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<$type, E> {
                        self.visit_str(&float_text(n).map_err(ForSerde::for_serde)?)
                    }
                    fn visit_bool<E: serde::de::Error>(self, is: bool) -> Result<$type, E> {
                        self.visit_str(if is { "true" } else { "false" })
                    }
                    $(fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        $map(serde::de::value::MapAccessDeserializer::new(map))
                    })?
                    $(fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<$type, A::Error> {
                        $list(serde::de::value::SeqAccessDeserializer::new(seq))
                    })?
                }
                deserializer.deserialize_any(Forms)
            }
        }
    };
}

forms!(Text, "a text", text: |text: &str| Ok::<_, Infallible>(Text(text.to_owned())));
forms!(RawHistory, "all, none, 6, 4000 tokens, or {compact_at: 20000, summary: 1500}",
    text: |text: &str| Ok::<_, Infallible>(RawHistory::Text(text.to_owned())),
    map: |map| RawCompaction::deserialize(map).map(RawHistory::Compacted));
forms!(RawReasoning, "a number of tokens, or an effort such as low", text: |text: &str| {
    let begins_with_letter = text.trim_start().starts_with(|c: char| c.is_ascii_alphabetic());
    if begins_with_letter { Ok(RawReasoning::Effort(text.trim().to_owned())) } else { text.parse().map(RawReasoning::Tokens) }
}, map: |map| long_quantity(map).map(RawReasoning::Tokens));
forms!(RawBatch, "a share such as 100%, true, false, or where available", text: |text: &str| match text.trim() {
    "true" | "yes" | "all" => "100%".parse().map(RawBatch::Share),
    "false" | "no" | "none" => "0%".parse().map(RawBatch::Share),
    "where available" | "available" | "auto" => Ok(RawBatch::WhereAvailable),
    share => share.parse().map(RawBatch::Share),
});
forms!(RawWeekdays, "days such as mon-fri, a list of days, or {mon-fri: 1, sat-sun: 20%}",
    text: |text: &str| Ok::<_, Infallible>(RawWeekdays::Text(text.to_owned())),
    map: |map| Pairs::deserialize(map).map(|pairs| RawWeekdays::Factors(pairs.0)),
    list: |list| Vec::deserialize(list).map(RawWeekdays::List));
forms!(RawHours, "hours such as 8-18, a list of them, or {8-18: 90%, 18-22: 10%}",
    text: |text: &str| Ok::<_, Infallible>(RawHours::Text(text.to_owned())),
    map: |map| Pairs::deserialize(map).map(|pairs| RawHours::Shares(pairs.0)),
    list: |list| Vec::deserialize(list).map(RawHours::List));
forms!(RawText, "the name of a file, a number of tokens, {text: …}, or a list of these",
    text: |text: &str| Ok::<_, Infallible>(match text.parse::<Quantity>() {
        Ok(tokens) if tokens.unit.is_empty() || tokens.unit == "tokens" => RawText::Tokens(tokens),
        _ => RawText::File(text.to_owned()),
    }),
    map: |map| RawSource::deserialize(map).map(RawText::Long),
    list: |list| Vec::deserialize(list).map(RawText::Many));

/// A map that is a range where it has `low`, and something else where it has not: the keys are looked at together.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RangeOr {
    low: Option<Quantity>,
    expected: Option<Quantity>,
    high: Option<Quantity>,
    file: Word,
    column: Word,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct CallsOr {
    low: Option<Quantity>,
    expected: Option<Quantity>,
    high: Option<Quantity>,
    users: Given,
    sessions: Given,
}

fn long_range<E: serde::de::Error>(
    low: Option<Quantity>,
    expected: Option<Quantity>,
    high: Option<Quantity>,
) -> Result<Quantity, E> {
    let (Some(low), Some(high)) = (low, high) else {
        return Err(QuantityError::NoEnds.for_serde());
    };
    let number = |q: &Quantity| q.range.expected;
    let (a, c) = (number(&low), number(&high));
    let unit = high.unit;
    let text = match expected {
        Some(b) => format!("{a}..{}..{c} {unit}", number(&b)),
        None => format!("{a}..{c} {unit}"),
    };
    text.parse().map_err(ForSerde::for_serde)
}

/// A range in its long form.
fn long_quantity<'de, D: serde::Deserializer<'de>>(map: D) -> Result<Quantity, D::Error> {
    let RangeOr { low, expected, high, file, column } = RangeOr::deserialize(map)?;
    if let Some(other) = file.or(column) {
        return Err(serde::de::Error::custom(format!("{:?} does not belong here", other.value)));
    }
    long_range(low, expected, high)
}

forms!(RawOutput, "a number of tokens, a range low..expected..high, or {file, column}",
text: |text: &str| text.parse().map(RawOutput::Tokens),
map: |map| {
    let long = RangeOr::deserialize(map)?;
    if long.file.is_some() || long.column.is_some() {
        if long.low.is_some() || long.expected.is_some() || long.high.is_some() {
            return Err(QuantityError::TwoForms("output", "{file: answers.csv, column: tokens}").for_serde());
        }
        return Ok(RawOutput::Samples(RawSamples { file: long.file, column: long.column }));
    }
    long_range(long.low, long.expected, long.high).map(RawOutput::Tokens)
});
forms!(RawCalls, "calls such as 400 per day, or {users, sessions}",
text: |text: &str| text.parse().map(RawCalls::Rate),
map: |map| {
    let long = CallsOr::deserialize(map)?;
    if long.users.is_some() || long.sessions.is_some() {
        if long.low.is_some() || long.expected.is_some() || long.high.is_some() {
            return Err(QuantityError::TwoForms("calls", "{users: 40, sessions: 3 per week}").for_serde());
        }
        return Ok(RawCalls::Users(RawUsers { users: long.users, sessions: long.sessions }));
    }
    long_range(long.low, long.expected, long.high).map(RawCalls::Rate)
});
forms!(RawGrowth, "a growth such as 5% a month, or factors by month such as {2027-01: 1.5}",
text: |text: &str| text.parse().map(|Signed(q)| RawGrowth::Steady(q)),
map: |map| {
    let pairs = Pairs::<At<Signed>>::deserialize(map)?;
    let key = |name: &str| pairs.0.iter().find(|(k, _)| k.value == name).map(|(_, q)| &q.value.0);
    match (key("low"), key("high")) {
        (Some(low), Some(high)) => Signed::between(low, key("expected"), high).map(RawGrowth::Steady).map_err(ForSerde::for_serde),
        _ => Ok(RawGrowth::Steps(pairs.0)),
    }
});

#[cfg(test)]
mod schema {
    use super::super::quantity::{LongRange, Quantity, Scalar};
    use super::*;
    use farebox_prices::schema;
    use schemars::json_schema;

    schema!(RawTree, "Rule", |_g| json_schema!({"type": ["boolean", "number", "string", "array", "object"]}));
    schema!(Scalar, "Scalar", |_g| json_schema!({"type": ["number", "string"]}));
    schema!(Text, "Text", |_g| json_schema!({"type": ["number", "string"]}));
    schema!(Quantity, "Quantity", |g| {
        let long = g.subschema_for::<LongRange>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawText, "Source", |g| {
        let long = g.subschema_for::<RawSource>();
        let one = json_schema!({"anyOf": [{"type": ["number", "string"]}, long]});
        json_schema!({"anyOf": [one.clone(), {"type": "array", "items": one}]})
    });
    schema!(Signed, "Growth", |_g| json_schema!({"type": ["number", "string"]}));
    schema!(RawHistory, "History", |g| {
        let long = g.subschema_for::<RawCompaction>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawReasoning, "Reasoning", |g| {
        let long = g.subschema_for::<LongRange>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawBatch, "Batch", |_g| json_schema!({"type": ["boolean", "number", "string"]}));
    schema!(RawWeekdays, "Weekdays", |g| {
        let factor = g.subschema_for::<Quantity>();
        json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}},
                                {"type": "object", "additionalProperties": factor}]})
    });
    schema!(RawHours, "Hours", |g| {
        let share = g.subschema_for::<Quantity>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, {"type": "array", "items": {"type": "string"}},
                                {"type": "object", "additionalProperties": share}]})
    });
    schema!(RawOutput, "Output", |g| {
        let long = g.subschema_for::<RangeOr>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawCalls, "Calls", |g| {
        let long = g.subschema_for::<CallsOr>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawGrowth, "CallGrowth", |g| {
        let quantity = g.subschema_for::<Quantity>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, {"type": "object", "additionalProperties": quantity}]})
    });

    #[test]
    fn schema_is_current() {
        let mut text = serde_json::to_string_pretty(&schemars::schema_for!(RawWorkload)).unwrap();
        text.push('\n');
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/workload.schema.json");
        if std::env::var_os("FAREBOX_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(stored == text, "data/workload.schema.json is stale: run FAREBOX_BLESS=1 cargo test schema_is_current");
    }
}
