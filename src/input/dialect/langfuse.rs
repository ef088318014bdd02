//! Observations of Langfuse.
//!
//! Counts have names that anyone may choose; those of Langfuse's integrations and price lists are known, in OpenAI's,
//! Anthropic's and Google's words too. They are disjoint by convention, and the total says where they are not. Observations of
//! generations and embeddings are requests; those of agents, chains and spans may repeat the sum below them.

use std::borrow::Cow;

use super::counts::{count_of, moment, object_text, rest, state_tier};
use super::outcomes::failed;
use super::spec::{DialectSign, DialectSpec, TableForm, TableRows};
use super::{Dialect, Entry, Item, Labels, Reported, Span, SpanRole};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::{Meter, Side};
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::together(&["usageDetails"]),
        DialectSign::together(&["startTime", "type"]),
        DialectSign::together(&["usage_details"]).any(&["trace_id", "provided_model_name"]),
    ],
    read: Some(read),
    known: &[
        "promptTokens",
        "completionTokens",
        "inputUsage",
        "outputUsage",
        "totalUsage",
        "usage.input",
        "usage.output",
        "costDetails",
        "calculatedInputCost",
        "calculatedOutputCost",
        "calculatedTotalCost",
        "totalCost",
        "inputCost",
        "outputCost",
        "usagePricingTierName",
    ],
    tables: &[
        TableForm { columns: &["id", "startTime", "usageDetails"], rows: TableRows::Objects(read) },
        TableForm { columns: &["id", "start_time", "usage_details"], rows: TableRows::Objects(read) },
    ],
    returns: true,
    places: &["observations of the public API and of exports, as JSON or CSV"],
    reads: "`usageDetails`, `usage`, `costDetails`, environment, tags",
    includes: "disjoint by convention; where the total says that details are parts, they are taken out; an agent, chain or span repeats the observations below it",
    source: "https://langfuse.com/docs/observability/features/token-and-cost-tracking",
    ..DialectSpec::new("langfuse", "observations of Langfuse")
};

/// An observation of Langfuse, or the message of one: in the words of its API, or in those of its export.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let text = |names: &[&str]| names.iter().find_map(|name| object.text(name));
    let kind = object.text("type").unwrap_or_default().to_uppercase();
    let is_call = matches!(kind.as_str(), "" | "GENERATION" | "EMBEDDING");
    let role = if is_call { SpanRole::Call } else { SpanRole::Sum };
    let place = object.text("id").map(|id| {
        let trace = text(&["traceId", "trace_id"]).unwrap_or_default();
        Span::new(&trace, &id, text(&["parentObservationId", "parent_observation_id"]).as_deref(), role)
    });
    let found = match stated(object) {
        Ok(found) => found,
        Err(error) => {
            out.extend(place.map(Item::from));
            return Err(error);
        }
    };
    let Some((counted, tier)) = found else {
        // Spans and events of a trace use nothing.
        if object.is("level", "ERROR") && object.get("model").is_some() {
            let said = text(&["statusMessage", "status_message"]).map_or_else(|| "an error".into(), Cow::into_owned);
            out.push(failed(Dialect::Langfuse, said));
        }
        out.extend(place.map(Item::from));
        return Ok(());
    };
    let mut entry = Entry::new(Dialect::Langfuse, counted);
    if let Some(tier) = tier {
        state_tier(&mut entry.context, tier);
    }
    entry.model = text(&["model", "providedModelName", "provided_model_name"]);
    entry.at = ["startTime", "start_time"].iter().find_map(|name| object.get(name).and_then(moment));
    entry.reported = cost(object).filter(|cost| !cost.is_zero()).map(Reported::usd);
    let mut tags: Vec<Cow<str>> =
        object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect();
    tags.extend(object.text("environment").map(|e| Cow::Owned(format!("environment:{e}"))));
    entry.labels = Labels {
        project: text(&["projectId", "project_id", "traceName", "trace_name"]),
        session: text(&["sessionId", "session_id", "traceId", "trace_id"]),
        key: text(&["userId", "user_id"]),
        tags,
    };
    match place {
        Some(place) => out.push(place.with(entry).into()),
        None => out.push(Item::Entry(Box::new(entry))),
    }
    Ok(())
}

fn cost(object: &Object) -> Option<rust_decimal::Decimal> {
    let details = ["costDetails", "cost_details"].iter().find_map(|name| object.object(name));
    let total = details.and_then(|cost| cost.get("total")?.decimal());
    let plain = ["calculatedTotalCost", "totalCost", "total_cost"];
    total.or_else(|| plain.iter().find_map(|name| object.get(name)?.decimal()))
}

/// What an observation used, and the tier that names of counts tell; the counts may be an object or its text.
fn stated(object: &Object) -> Result<Option<(Usage, Option<&'static str>)>, RecordError> {
    for name in ["usageDetails", "usage_details", "providedUsageDetails", "provided_usage_details", "usage"] {
        let Some(value) = object.get(name) else { continue };
        let text = object_text(value);
        let usage = text.as_deref().and_then(|text| Object::read(text.as_bytes()).ok());
        if let Some(usage) = usage.filter(|usage| usage.fields().any(|(_, value)| !value.is_null())) {
            let counts = StatedCounts::of(&usage)?;
            return Ok(Some((counts.usage()?, counts.tier)));
        }
    }
    Ok(None)
}

/// The counts in the text of an object.
pub(super) fn usage_in(text: &str) -> Result<Usage, RecordError> {
    StatedCounts::of(&Object::read(text.as_bytes())?)?.usage()
}

/// The counts of an observation by what they count.
#[derive(Default)]
struct StatedCounts {
    /// The prompt and the answer: the whole, or what is left without the parts.
    input: u64,
    output: u64,
    parts: Vec<(Meter, u64)>,
    /// Written to the cache for any lifetime.
    written: u64,
    total: Option<u64>,
    tier: Option<&'static str>,
}

/// What a name counts.
#[derive(Clone, Copy)]
enum StatedName {
    Total,
    Input,
    Output,
    /// Written to the cache, without a lifetime.
    Written,
    Part(Meter),
    /// What is counted under another name too.
    Repeats,
}

/// Whether parts stand inside of the prompt and of the answer.
type PartsInside = (bool, bool);

impl StatedCounts {
    /// # Errors
    /// [`RecordError::Usage`] names a count whose meaning is not known: nothing is left out silently.
    fn of(usage: &Object) -> Result<Self, RecordError> {
        let mut counts = StatedCounts::default();
        for (name, value) in usage.fields() {
            if value.is_null() || name.ends_with("Cost") || name.ends_with("_cost") {
                continue;
            }
            if name == "unit" {
                only_tokens(value)?;
                continue;
            }
            let count = count_of(&name, value)?;
            if count > 0 {
                counts.add(&name, count)?;
            }
        }
        Ok(counts)
    }

    fn add(&mut self, name: &str, count: u64) -> Result<(), RecordError> {
        let (plain, tier) = without_tier(snake_case(name));
        self.tier = self.tier.or(tier);
        let slot = match meaning(&plain, tier.is_some()) {
            Some(StatedName::Input) => &mut self.input,
            Some(StatedName::Output) => &mut self.output,
            Some(StatedName::Written) => &mut self.written,
            Some(StatedName::Total) => self.total.get_or_insert_default(),
            Some(StatedName::Repeats) => return Ok(()),
            Some(StatedName::Part(meter)) => {
                // Another name of the same count. Texts and tools of one size are two.
                let is_known = !matches!(meter, Meter::Input | Meter::Output) && self.parts.contains(&(meter, count));
                self.parts.extend(Some((meter, count)).filter(|_| !is_known));
                return Ok(());
            }
            None => return Err(RecordError::Usage(format!("{name} is {count}, and no count of that name is known"))),
        };
        if *slot != 0 && *slot != count {
            let what = format!("{name} is {count}, and another name of the same count says {slot}");
            return Err(RecordError::Usage(what));
        }
        *slot = count;
        Ok(())
    }

    fn parts_of(&self, side: Side, written: u64) -> u64 {
        let parts = self.parts.iter().filter(|(meter, _)| meter.side() == side);
        let sum = parts.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if side == Side::Prompt { sum.saturating_add(written) } else { sum }
    }

    /// What was written to the cache beyond what stands there by lifetime, and where the parts stand: the first reading
    /// whose sum is the total.
    fn reading(&self) -> (u64, PartsInside) {
        let by_lifetime =
            self.parts.iter().filter(|(meter, _)| matches!(meter, Meter::CacheWrite5m | Meter::CacheWrite1h));
        let by_lifetime = by_lifetime.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        let beyond = self.written.checked_sub(by_lifetime).unwrap_or(self.written);
        let insides = [(false, false), (true, true), (true, false), (false, true)];
        let readings = [beyond, self.written].into_iter().flat_map(|written| insides.map(|inside| (written, inside)));
        let sum = |(written, inside): (u64, PartsInside)| {
            let beside = |is_inside: bool, side| if is_inside { 0 } else { self.parts_of(side, written) };
            let parts = [self.output, beside(inside.0, Side::Prompt), beside(inside.1, Side::Answer)];
            parts.into_iter().fold(self.input, u64::saturating_add)
        };
        let found = self.total.and_then(|total| readings.into_iter().find(|reading| sum(*reading) == total));
        found.unwrap_or((beyond, (false, false)))
    }

    fn usage(&self) -> Result<Usage, RecordError> {
        let (written, inside) = self.reading();
        let mut usage = Usage::default();
        let of = |is_inside: bool, side| if is_inside { self.parts_of(side, written) } else { 0 };
        usage.set_tokens(Meter::Input, rest("input", self.input, &[of(inside.0, Side::Prompt)])?);
        usage.set_tokens(Meter::Output, rest("output", self.output, &[of(inside.1, Side::Answer)])?);
        for (meter, count) in self.parts.iter().copied().chain([(Meter::CacheWrite5m, written)]) {
            usage.set_tokens(meter, usage.tokens(meter).saturating_add(count));
        }
        Ok(usage)
    }
}

/// # Errors
/// [`RecordError::Usage`] where something else than tokens was counted.
fn only_tokens(unit: Value) -> Result<(), RecordError> {
    let unit = unit.text().unwrap_or_default();
    if unit.is_empty() || unit.eq_ignore_ascii_case("tokens") {
        return Ok(());
    }
    Err(RecordError::Usage(format!("the counts are of {unit}, not tokens")))
}

/// `promptTokenCount` as `prompt_token_count`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `input_flex_cache_read` without its tier, and the tier.
fn without_tier(name: String) -> (String, Option<&'static str>) {
    let tier = ["priority", "flex"].into_iter().find(|tier| name.contains(&format!("_{tier}")));
    match tier {
        Some(tier) => (name.replacen(&format!("_{tier}"), "", 1), Some(tier)),
        None => (name, None),
    }
}

fn meaning(name: &str, has_tier: bool) -> Option<StatedName> {
    let has = |part: &str| name.contains(part);
    Some(match name {
        // `input_priority` is what was billed at the tier, once more.
        "input" | "output" if has_tier => StatedName::Repeats,
        "total" | "total_tokens" | "total_token_count" => StatedName::Total,
        "input" | "input_tokens" | "input_token_count" | "prompt" | "prompt_tokens" | "prompt_token_count" => {
            StatedName::Input
        }
        "output"
        | "output_tokens"
        | "output_token_count"
        | "completion"
        | "completion_tokens"
        | "candidates_tokens"
        | "candidates_token_count"
        | "generated_token_count" => StatedName::Output,
        _ => return part(name).or_else(|| (has("modality") && has("cache")).then_some(StatedName::Repeats)),
    })
}

/// A part of the prompt or of the answer, by the words in its name.
fn part(name: &str) -> Option<StatedName> {
    let has = |part: &str| name.contains(part);
    let is_answer = has("output") || has("completion") || has("candidates");
    let is_prompt = has("input") || has("prompt");
    let meter = match () {
        () if has("modality") && has("cache") => return None,
        () if has("1h") => Meter::CacheWrite1h,
        () if has("5m") => Meter::CacheWrite5m,
        () if has("cache") && (has("creation") || has("write")) => return Some(StatedName::Written),
        () if has("cache") && has("audio") => Meter::CacheReadAudio,
        () if has("cache") => Meter::CacheRead,
        () if has("reasoning") || has("thought") || has("thinking") => Meter::Reasoning,
        () if has("prediction") => Meter::Output,
        () if is_answer && has("audio") => Meter::OutputAudio,
        () if is_answer && has("image") => Meter::OutputImage,
        () if is_prompt && has("audio") => Meter::InputAudio,
        () if is_prompt && has("image") => Meter::InputImage,
        () if is_prompt && has("video") => Meter::InputVideo,
        () if is_answer && (has("text") || has("modality")) => Meter::Output,
        () if is_prompt && (has("text") || has("modality") || has("tool") || has("document")) => Meter::Input,
        () => return None,
    };
    Some(StatedName::Part(meter))
}
