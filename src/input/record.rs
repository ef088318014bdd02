//! The usage record of farebox's own dialect: one JSON object a line, for everything that has no other form.
//!
//! ```json
//! {"provider":"openai","model":"gpt-4o","timestamp":"2024-11-15T12:00:00Z",
//!  "usage":{"input_tokens":50000,"output_tokens":1200,"cache_read_tokens":48000},"context":{}}
//! ```
//!
//! In it `input_tokens` is the whole prompt and `output_tokens` the whole answer; cached, audio and image tokens are
//! parts of them. Here the parts are taken out of their whole, so that the [`Usage`] behind this step is disjoint. The
//! counts may also stand beside `model`, without `usage` around them. Begin at [`parse`].

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::Object;
use super::left::leave;
use super::moment::moment_in;
use super::wholes::NestedCounts;
use crate::context::{Context, Dimension};
use crate::meter::{Meter, Side};
use crate::period::{Instant, InstantTextError};
use crate::similar::{did_you_mean, nearest};
use crate::usage::Usage;

/// One request as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The provider, where the record names one.
    pub provider: Option<Cow<'a, str>>,
    /// The model, where the record names one.
    pub model: Option<Cow<'a, str>>,
    /// When it happened, where the record says.
    pub at: Option<Instant>,
    /// What was used.
    pub usage: Usage,
    /// What the request stated.
    pub context: Context,
}

/// Why a line is no record that can be priced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The line is not of this form.
    #[error("{0}")]
    Form(String),
    /// The counts contradict each other or what counts can be.
    #[error("{0}")]
    Usage(String),
    /// It states something that no rate can depend on.
    #[error("{0}")]
    Context(String),
    /// One of these, with its next step.
    #[error("{error}")]
    WithHelp {
        /// What is wrong.
        error: Box<RecordError>,
        /// The next step.
        help: String,
    },
}

impl RecordError {
    /// A total whose parts are all zero: nobody knows what it was made of.
    pub(crate) fn total_alone(name: &str, total: u64) -> Self {
        let what = format!("{name} is {total}, and no count says how much of it was input and how much output");
        RecordError::Usage(what).or("an export with both counts can be priced")
    }

    /// The stable name in machine forms.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            RecordError::Form(_) => "invalid-record",
            RecordError::Usage(_) => "invalid-usage",
            RecordError::Context(_) => "no-rate",
            RecordError::WithHelp { error, .. } => error.status(),
        }
    }

    /// Whether the line is no record at all.
    pub(crate) fn is_form(&self) -> bool {
        match self {
            RecordError::Form(_) => true,
            RecordError::WithHelp { error, .. } => error.is_form(),
            _ => false,
        }
    }

    /// The next step, where it stands apart from the text.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            RecordError::WithHelp { help, .. } => Some(help),
            _ => None,
        }
    }

    /// The same with a next step.
    pub(crate) fn or(self, help: impl Into<String>) -> Self {
        RecordError::WithHelp { error: Box::new(self), help: help.into() }
    }
}

/// Reads one line.
///
/// # Errors
/// [`RecordError`] with what is wrong and what it should be.
///
/// # Examples
/// ```
/// use farebox::{input::record::parse, meter::Meter};
/// let line = r#"{"model":"gpt-4o","usage":{"input_tokens":50,"cache_read_tokens":48,"output_tokens":7}}"#;
/// let record = parse(line)?;
/// assert_eq!((record.usage.tokens(Meter::Input), record.usage.tokens(Meter::CacheRead)), (2, 48));
/// assert!(parse(r#"{"model":"gpt-4o","input_tokens":1,"cache_read_tokens":2}"#).is_err());
/// # Ok::<(), farebox::input::record::RecordError>(())
/// ```
pub fn parse(line: &str) -> Result<Record<'_>, RecordError> {
    let raw: RawRecord = serde_json::from_str(line).map_err(|error| RecordError::Form(form(&error)))?;
    let at = raw.timestamp.as_deref().map(time_of).transpose()?.flatten();
    let counts = raw.usage.unwrap_or(raw.flat);
    if counts.0.is_empty() {
        let text = "the record has no counts: add \"usage\": {\"input_tokens\": …, \"output_tokens\": …}";
        return Err(RecordError::Form(text.into()));
    }
    let context = raw.context.into_context()?;
    let counts = counts.0.iter().map(|(key, text)| (key.as_ref(), *text));
    Ok(Record { provider: raw.provider, model: raw.model, at, usage: disjoint(counts)?, context })
}

/// [`parse`] for an object that was looked into already.
pub(crate) fn of_object<'a>(object: &Object<'a>) -> Result<Record<'a>, RecordError> {
    let form = |text: &str| RecordError::Form(text.to_owned());
    let text = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(value) => value.text().map(Some).ok_or_else(|| RecordError::Form(format!("{name} is no text"))),
    };
    let at = object.get("timestamp").map(|value| value.word().ok_or_else(|| form("timestamp is not a date")));
    let at = at.transpose()?.map(time_of).transpose()?.flatten();
    let none = "the record has no counts: add \"usage\": {\"input_tokens\": …, \"output_tokens\": …}";
    let usage = match object.get("usage") {
        Some(_) => {
            let counts = object.object("usage").ok_or_else(|| form("usage is no object of counts"))?;
            if counts.is_empty() {
                return Err(form(none));
            }
            disjoint(raw_counts(&counts))?
        }
        None => flat(object)?.ok_or_else(|| form(none))?,
    };
    let mut context = Context::default();
    if object.get("context").is_some() {
        let stated = object.object("context").ok_or_else(|| form("context is no object"))?;
        let pairs = stated.fields().filter(|(_, value)| !value.is_null());
        let pairs = pairs.map(|(key, value)| Some((Cow::Owned(key.into_owned()), value.text()?)));
        let stated = pairs.collect::<Option<Vec<_>>>().ok_or_else(|| form("a value of the context is no text"))?;
        context = Stated(stated).into_context()?;
    }
    Ok(Record { provider: text("provider")?, model: text("model")?, at, usage, context })
}

/// A time in one of the spellings of logs; `None` for a zero, which says that it is not known.
pub(crate) fn time_of(text: &str) -> Result<Option<Instant>, RecordError> {
    match moment_in(text) {
        Some(at) => Ok(Some(at)),
        None if says_unknown(text) => Ok(None),
        None => Err(RecordError::Form(format!("timestamp {}", InstantTextError(text.to_owned())))),
    }
}

fn says_unknown(text: &str) -> bool {
    let zero = text.trim().bytes().all(|byte| matches!(byte, b'0' | b'.'));
    zero || text.starts_with("1970-01-01") || text.starts_with("0001-01-01")
}

/// Names and numbers as they are written; a name that is not UTF-8 is none that is known.
fn raw_counts<'o>(object: &Object<'o>) -> impl Iterator<Item = (&'o str, &'o str)> {
    let utf8 = |bytes: &'o [u8]| std::str::from_utf8(bytes).unwrap_or("\u{FFFD}");
    object.raw_fields().map(move |(name, value)| (utf8(name), utf8(value.raw())))
}

/// Counts that stand beside the model; `None` where there are none.
fn flat(object: &Object) -> Result<Option<Usage>, RecordError> {
    let is_other = |name: &str| matches!(name, "provider" | "model" | "timestamp" | "usage" | "context");
    let named = || raw_counts(object).filter(|(name, _)| !is_other(name));
    if let Some((key, _)) = named().find(|(name, _)| name.ends_with("_tokens") && count_of(name).is_none()) {
        return Err(RecordError::Form(unknown_count(key)));
    }
    let mut counts = named().filter(|(name, _)| count_of(name).is_some() && object.get(name).is_some()).peekable();
    if counts.peek().is_none() { Ok(None) } else { disjoint(counts).map(Some) }
}

fn form(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let short = text.rsplit_once(" at line ").map_or(text.as_str(), |(short, _)| short);
    match error.classify() {
        serde_json::error::Category::Data => short.to_owned(),
        _ => format!("not JSON: {short} at column {}", error.column()),
    }
}

/// The record as it is written; counts that stand beside the model gather in `flat`.
#[derive(Default)]
struct RawRecord<'a> {
    provider: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    timestamp: Option<Cow<'a, str>>,
    usage: Option<RecordCounts<'a>>,
    flat: RecordCounts<'a>,
    context: Stated<'a>,
}

/// Keys with their numbers, as written.
#[derive(Default)]
struct RecordCounts<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// What the request stated, as written.
#[derive(Default)]
struct Stated<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

#[derive(Deserialize)]
struct RecordText<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct MaybeText<'a>(#[serde(borrow)] Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for RawRecord<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RecordVisitor;
        impl<'de> Visitor<'de> for RecordVisitor {
            type Value = RawRecord<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a usage record such as {\"model\": \"gpt-4o\", \"usage\": {\"input_tokens\": 10}}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawRecord<'de>, A::Error> {
                let mut record = RawRecord::default();
                while let Some(RecordText(key)) = map.next_key()? {
                    match key.as_ref() {
                        "provider" => record.provider = map.next_value::<MaybeText>()?.0,
                        "model" => record.model = map.next_value::<MaybeText>()?.0,
                        "timestamp" => record.timestamp = map.next_value::<MaybeText>()?.0,
                        "usage" => record.usage = map.next_value()?,
                        "context" => record.context = map.next_value::<Option<Stated>>()?.unwrap_or_default(),
                        _ if count_of(&key).is_some() => {
                            record.flat.0.push((key, map.next_value::<&RawValue>()?.get()))
                        }
                        _ if key.ends_with("_tokens") => return Err(serde::de::Error::custom(unknown_count(&key))),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(RecordVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RecordCounts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountsVisitor;
        impl<'de> Visitor<'de> for CountsVisitor {
            type Value = RecordCounts<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counts such as {\"input_tokens\": 10, \"output_tokens\": 5}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordCounts<'de>, A::Error> {
                let mut counts = RecordCounts(Vec::with_capacity(4));
                while let Some(RecordText(key)) = map.next_key()? {
                    counts.0.push((key, map.next_value::<&RawValue>()?.get()));
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(CountsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Stated<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatedVisitor;
        impl<'de> Visitor<'de> for StatedVisitor {
            type Value = Stated<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what the request stated, such as {\"service_tier\": \"flex\"}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stated<'de>, A::Error> {
                let mut stated = Stated::default();
                while let Some(RecordText(key)) = map.next_key()? {
                    if let Some(value) = map.next_value::<MaybeText>()?.0 {
                        stated.0.push((key, value));
                    }
                }
                Ok(stated)
            }
        }
        deserializer.deserialize_map(StatedVisitor)
    }
}

impl Stated<'_> {
    fn into_context(self) -> Result<Context, RecordError> {
        let mut context = Context::default();
        for (key, value) in self.0 {
            let dimension: Dimension = key.parse().map_err(|_| {
                let known = || Dimension::ALL.iter().map(|d| d.name());
                let near = did_you_mean(&key, known());
                let known: Vec<&str> = known().collect();
                RecordError::Context(format!(
                    "no rate depends on {key:?} ({value:?}): {near}rates depend on {}",
                    known.join(", ")
                ))
            })?;
            context.set(dimension, &value);
        }
        Ok(context)
    }
}

/// What a count is: the whole prompt, the whole answer, or a meter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RecordCount {
    Prompt,
    Answer,
    /// The sum of both, which repeats them and says what is a part of what.
    Total,
    Of(Meter),
}

/// The keys of a usage record. A meter is also known by its own name, and a token meter by its name with `_tokens`.
fn count_of(key: &str) -> Option<RecordCount> {
    Some(match key {
        "input_tokens" => RecordCount::Prompt,
        "output_tokens" => RecordCount::Answer,
        "total_tokens" => RecordCount::Total,
        "cache_read_tokens" | "cached_tokens" => RecordCount::Of(Meter::CacheRead),
        "cache_write_tokens" => RecordCount::Of(Meter::CacheWrite5m),
        "web_searches" => RecordCount::Of(Meter::WebSearches),
        "file_searches" => RecordCount::Of(Meter::FileSearches),
        "x_searches" => RecordCount::Of(Meter::XSearches),
        "code_executions" => RecordCount::Of(Meter::CodeExecutions),
        "code_sessions" => RecordCount::Of(Meter::CodeSessions),
        "maps_queries" => RecordCount::Of(Meter::MapsQueries),
        _ => {
            let name = key.strip_suffix("_tokens").unwrap_or(key);
            let meter: Meter = key.parse().or_else(|_| name.parse()).ok()?;
            // "input" and "output" alone would leave open whether they are the whole or what is billed as such.
            return (meter != Meter::Input && meter != Meter::Output).then_some(RecordCount::Of(meter));
        }
    })
}

/// Whether a name is one of a count in this form.
pub(crate) fn is_count(name: &str) -> bool {
    count_of(name).is_some()
}

fn unknown_count(key: &str) -> String {
    let known = Meter::ALL.iter().map(|m| m.name()).chain(["input", "output"]);
    let near = nearest(key.strip_suffix("_tokens").unwrap_or(key), known);
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}_tokens`? "));
    format!("no count is called {key:?}: {near}nothing of a record is left out silently")
}

/// Takes the parts out of their whole. Where a total is stated, it decides whether caches and thinking are in there.
fn disjoint<'c>(counts: impl Iterator<Item = (&'c str, &'c str)>) -> Result<Usage, RecordError> {
    let mut usage = Usage::default();
    let (mut prompt, mut answer, mut total, mut parts) = (0, 0, 0, [0_u64; 2]);
    for (key, text) in counts {
        let Some(count) = count_of(key) else { return Err(RecordError::Form(unknown_count(key))) };
        if text == "null" {
            continue;
        }
        match count {
            RecordCount::Prompt => prompt = whole(key, text)?,
            RecordCount::Answer => answer = whole(key, text)?,
            RecordCount::Total => total = whole(key, text)?,
            RecordCount::Of(meter) if meter.is_tokens() => {
                let tokens = whole(key, text)?;
                usage.set_tokens(meter, tokens);
                match meter.side() {
                    Side::Prompt => parts[0] = add(parts[0], tokens)?,
                    Side::Answer => parts[1] = add(parts[1], tokens)?,
                    Side::Beside => {}
                }
            }
            RecordCount::Of(meter) => usage.set(meter, number(key, text)?),
        }
    }
    if total > 0 {
        (prompt, answer) = by_total(&mut usage, [prompt, answer, total]);
        if prompt == 0 && answer == 0 {
            return Err(RecordError::total_alone("total_tokens", total));
        }
    }
    for (name, of, parts, meter) in
        [("input_tokens", prompt, parts[0], Meter::Input), ("output_tokens", answer, parts[1], Meter::Output)]
    {
        let rest = of.checked_sub(parts).ok_or_else(|| {
            RecordError::Usage(format!("the parts of {name} add up to {parts}, more than the {of} they are parts of"))
        })?;
        usage.set_tokens(meter, rest);
    }
    Ok(usage)
}

/// Prompt and answer with their parts in them, by the total.
fn by_total(usage: &mut Usage, [prompt, answer, total]: [u64; 3]) -> (u64, u64) {
    let sum = |meters: &[Meter]| meters.iter().fold(0_u64, |sum, meter| sum.saturating_add(usage.tokens(*meter)));
    let cached = sum(Meter::CACHE_READS).saturating_add(sum(Meter::CACHE_WRITES));
    let thinking = usage.tokens(Meter::Reasoning);
    let wholes = NestedCounts { prompt, cached, answer, thinking, total, ..NestedCounts::default() }.wholes();
    if wholes.unexplained > 0 {
        leave("", "total_tokens beyond its parts", wholes.unexplained.to_string());
    }
    if thinking > 0 {
        usage.set_tokens(Meter::Reasoning, wholes.thinking);
    }
    (wholes.prompt, wholes.answer)
}

fn add(sum: u64, tokens: u64) -> Result<u64, RecordError> {
    sum.checked_add(tokens).ok_or_else(|| RecordError::Usage("the counts are larger than any bill".into()))
}

/// A whole number; `10.0` is one, as spreadsheets write it.
pub(crate) fn whole(key: &str, text: &str) -> Result<u64, RecordError> {
    if let Ok(tokens) = text.parse() {
        return Ok(tokens);
    }
    let number = number(key, text)?;
    if !number.fract().is_zero() {
        return Err(RecordError::Usage(format!("{key} is {text}: there are no parts of a token")));
    }
    number.trunc().try_into().map_err(|_| RecordError::Usage(format!("{key} is {text}, more than any bill holds")))
}

pub(crate) fn number(key: &str, text: &str) -> Result<Decimal, RecordError> {
    let parsed = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
    let number = parsed.map_err(|_| match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'-') => {
            RecordError::Usage(format!("{key} is {text}, with more digits than farebox carries"))
        }
        _ => RecordError::Form(format!("{key} is {text}, not a number")),
    })?;
    if number.is_sign_negative() && !number.is_zero() {
        return Err(RecordError::Usage(format!("{key} is {text}: nothing used is negative")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_out_of_their_whole() {
        let line = r#"{"provider":"openai","model":"gpt-4o","timestamp":"2024-11-15T12:00:00Z","id":7,
            "usage":{"input_tokens":100,"cache_read_tokens":40,"cache_write_5m_tokens":10,"input_audio_tokens":5,
                     "output_tokens":30.0,"reasoning_tokens":20,"web_searches":2,"audio_seconds":1.25,"images":null},
            "context":{"service_tier":"FLEX","region":null}}"#;
        let record = parse(line).unwrap();
        let used: Vec<_> = record.usage.used().map(|(m, q)| (m.name(), q.to_string())).collect();
        let want = [
            ("input", "45"),
            ("cache_read", "40"),
            ("cache_write_5m", "10"),
            ("input_audio", "5"),
            ("output", "10"),
            ("reasoning", "20"),
            ("web_search", "2"),
            ("audio_seconds", "1.25"),
        ];
        assert_eq!(used, want.map(|(m, q)| (m, q.to_owned())));
        assert_eq!(record.context.get(Dimension::ServiceTier), Some("flex"));
        assert_eq!(record.at.unwrap().to_string(), "2024-11-15T12:00:00Z");
    }

    /// `usage --model` names it for all of a file.
    #[test]
    fn a_record_need_not_name_its_model() {
        for line in [r#"{"input_tokens":1}"#, r#"{"model":null,"usage":{"input_tokens":1}}"#] {
            assert_eq!(parse(line).unwrap().model, None, "{line}");
        }
    }

    #[test]
    fn what_is_no_record_says_why() {
        let cases = [
            (r#"{"model":"m","input_tokens":950,"#, "invalid-record", "not JSON"),
            (r#"{"model":"m"}"#, "invalid-record", "no counts"),
            (r#"{"model":"m","input_tokens":-5,"output_tokens":1}"#, "invalid-usage", "negative"),
            (r#"{"model":"m","input_tokens":1.5}"#, "invalid-usage", "no parts of a token"),
            (r#"{"model":"m","input_tokens":1e30}"#, "invalid-usage", "digits"),
            (r#"{"model":"m","input_tokens":"5"}"#, "invalid-record", "not a number"),
            (r#"{"model":"m","usage":{"input_tokens":5,"cache_read_tokens":6}}"#, "invalid-usage", "add up to 6"),
            (r#"{"model":"m","usage":{"output_tokens":5,"reasoning_tokens":6}}"#, "invalid-usage", "output_tokens"),
            (r#"{"model":"m","usage":{"input_token":5}}"#, "invalid-record", "input_tokens"),
            (r#"{"model":"m","usage":{"input_tokens":5},"timestamp":"soon"}"#, "invalid-record", "not a date"),
            (
                r#"{"model":"m","usage":{"input_tokens":5},"context":{"service_teir":"flex"}}"#,
                "no-rate",
                "service_tier",
            ),
            ("[]", "invalid-record", "a usage record"),
            ("", "invalid-record", "not JSON"),
        ];
        for (line, status, says) in cases {
            let error = parse(line).expect_err(line);
            assert_eq!(error.status(), status, "{line}: {error}");
            assert!(error.to_string().contains(says), "{line}: {error}");
        }
    }
}
