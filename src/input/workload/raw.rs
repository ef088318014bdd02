//! The workload file as it is written: every key, with the place of what a later step may object to.
//!
//! `data/workload.schema.json` comes from these types.

use std::convert::Infallible;

use serde::Deserialize;

use super::quantity::{ForSerde, Quantity, QuantityError};
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
        /// What may be spent.
        budget: Option<RawBudget>,
        /// First day of the plan; the first of next month when left out.
        start: Word,
        /// How many months; 12 when left out.
        months: Option<At<u32>>,
        /// First day after the plan, in the place of months.
        end: Word,
        /// Which days have calls, for every feature without a calendar of its own.
        calendar: Option<RawCalendar>,
        /// What runs, by name.
        features: Pairs<RawFeature>,
        /// Costs that no token causes.
        fixed: Vec<RawFixed>,
        /// Money that is used up before anything is paid.
        credits: Vec<RawCredit>,
        /// Seed of the simulation.
        seed: Option<u64>,
        /// Draws of the simulation; 10,000 when left out.
        draws: Option<At<u32>>,
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
        /// `mon-fri`, or a list such as `mon, wed`; every day when left out.
        weekdays: Word,
        /// Days without calls: `2026-12-25`, or `2026-12-24..2027-01-06` with both ends.
        holidays: Vec<At<String>>,
        /// Days with more or fewer calls.
        busy: Vec<RawBusy>,
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
        /// Several models with their shares, in the place of a model: `{openai/gpt-5-mini: 80%, openai/gpt-5: 20%}`.
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
        /// What of earlier turns is sent again: all, none, or the last so many turns.
        history: Option<At<Text>>,
        /// Requests of an agent for each turn, the last of which answers; 1 when left out.
        steps: Option<RawSteps>,
        /// Passages that are looked up for each turn.
        rag: Option<RawRag>,
        /// Images and files sent with each turn.
        attachments: Vec<RawAttachment>,
        /// Tokens of an answer.
        output: Option<At<RawOutput>>,
        /// Tokens that are thought before an answer; 0 for none. Left out, what each model thinks by default is assumed.
        reasoning: Given,
        /// How thoroughly it thinks: none, minimal, low, medium, high, xhigh, max.
        reasoning_effort: Word,
        /// Failed attempts.
        retries: Option<RawRetries>,
        /// What is read from the provider's cache.
        cache: Option<RawCache>,
        /// Share of the calls that are sent as batches, such as 100%.
        batch: Given,
        /// The queue that requests stand in: flex, priority …
        service_tier: Word,
        /// What else every request states, such as region or inference_geo.
        with: Pairs<At<String>>,
        /// What else an answer uses, by meter, such as `{web_search: 2}`.
        also: Pairs<At<Quantity>>,
        /// How often it runs: `400 per day`, or users and sessions. One call is one conversation of `turns`.
        calls: Option<At<RawCalls>>,
        /// Growth of the calls: 5% a month, a range, or factors by month.
        growth: Option<At<RawGrowth>>,
        /// Which days have calls.
        calendar: Option<RawCalendar>,
        /// Time of the day (UTC) that prices are looked up at, such as 02:00; noon when left out.
        time: Word,
        /// What the provider gives for nothing.
        free: Option<RawFree>,
        /// A model of one's own.
        fine_tuning: Option<RawTuning>,
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
    /// What is read from the provider's cache.
    RawCache {
        /// Which parts of the prompt: system, tools, history; system and tools when left out.
        parts: Option<Vec<At<RawPart>>>,
        /// How often the cache has it, such as 90%.
        hit_rate: Given,
        /// Time between two calls, such as 4m, in the place of a hit rate.
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
        /// Tokens in and out, such as 1_000_000 per month.
        tokens: Given,
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
        on: Vec<At<String>>,
    }
}

raw! {
    /// A cost that no token causes.
    RawFixed {
        /// What it is.
        name: Option<String>,
        /// `25 EUR per month`, or `400 USD` once.
        cost: Given,
        /// Day of a cost that comes once; first day of one that comes every month.
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
        /// How many users.
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
    /// A share a month.
    Monthly(Quantity),
    /// Factors since months.
    Steps(Vec<(At<String>, At<Quantity>)>),
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
                        self.visit_str(&n.to_string())
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

forms!(RawOutput, "a number of tokens, a range low..expected..high, or {file, column}",
text: |text: &str| text.parse().map(RawOutput::Tokens),
map: |map| {
    let long = RangeOr::deserialize(map)?;
    if long.file.is_some() || long.column.is_some() {
        return Ok(RawOutput::Samples(RawSamples { file: long.file, column: long.column }));
    }
    long_range(long.low, long.expected, long.high).map(RawOutput::Tokens)
});
forms!(RawCalls, "calls such as 400 per day, or {users, sessions}",
text: |text: &str| text.parse().map(RawCalls::Rate),
map: |map| {
    let long = CallsOr::deserialize(map)?;
    if long.users.is_some() || long.sessions.is_some() {
        return Ok(RawCalls::Users(RawUsers { users: long.users, sessions: long.sessions }));
    }
    long_range(long.low, long.expected, long.high).map(RawCalls::Rate)
});
forms!(RawGrowth, "a growth such as 5% a month, or factors by month such as {2027-01: 1.5}",
text: |text: &str| text.parse().map(RawGrowth::Monthly),
map: |map| Pairs::<At<Quantity>>::deserialize(map).map(|pairs| {
    let key = |name: &str| pairs.0.iter().find(|(k, _)| k.value == name).map(|(_, q)| q.value.clone());
    match long_range::<serde::de::value::Error>(key("low"), key("expected"), key("high")) {
        Ok(range) => RawGrowth::Monthly(range),
        Err(_) => RawGrowth::Steps(pairs.0),
    }
}));

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
    schema!(RawOutput, "Output", |g| {
        let long = g.subschema_for::<RangeOr>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawCalls, "Calls", |g| {
        let long = g.subschema_for::<CallsOr>();
        json_schema!({"anyOf": [{"type": ["number", "string"]}, long]})
    });
    schema!(RawGrowth, "Growth", |g| {
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
