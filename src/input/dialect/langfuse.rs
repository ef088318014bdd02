//! Observations of Langfuse.

use std::borrow::Cow;

use super::counts::{count_of, moment, rest};
use super::outcomes::failed;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::together(&["usageDetails"]), DialectSign::together(&["startTime", "type"])],
    read: Some(read),
    places: &["observations of the public API and of exports"],
    reads: "`usageDetails`, `usage`, `costDetails`, environment, tags",
    includes: "disjoint by convention; where the total says that details are parts, they are taken out",
    source: "https://langfuse.com/docs/observability/features/token-and-cost-tracking",
    ..DialectSpec::new("langfuse", "observations of Langfuse")
};

/// An observation of Langfuse, or the message of one.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage = object.object("usageDetails").filter(|usage| usage.fields().next().is_some());
    let usage = usage.or_else(|| object.object("usage"));
    let is_failed = object.is("level", "ERROR");
    let Some(usage) = usage else {
        // Spans and events of a trace use nothing.
        if is_failed && object.get("model").is_some() {
            let said = object.text("statusMessage").map_or_else(|| "an error".into(), Cow::into_owned);
            out.push(failed(Dialect::Langfuse, said));
        }
        return Ok(());
    };
    let mut entry = Entry::new(Dialect::Langfuse, free_form(&usage)?);
    entry.model = object.text("model").or_else(|| object.text("providedModelName"));
    entry.at = object.get("startTime").and_then(moment);
    let cost = object.object("costDetails").and_then(|cost| cost.get("total")?.decimal());
    let cost = cost.or_else(|| object.get("calculatedTotalCost").or_else(|| object.get("totalCost"))?.decimal());
    entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
    let mut tags: Vec<Cow<str>> =
        object.get("tags").into_iter().flat_map(Value::items).filter_map(Value::text).collect();
    tags.extend(object.text("environment").map(|e| Cow::Owned(format!("environment:{e}"))));
    entry.labels = Labels {
        project: object.text("projectId").or_else(|| object.text("traceName")),
        session: object.text("sessionId").or_else(|| object.text("traceId")),
        key: object.text("userId"),
        tags,
    };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// Counts under names that anyone may choose, disjoint by convention. Where the sum of all is more than the stated total
/// and input and output alone give it, the details are parts.
///
/// # Errors
/// [`RecordError::Usage`] names a count whose meaning is not known: nothing is left out silently.
fn free_form(usage: &Object) -> Result<Usage, RecordError> {
    let mut counts: Vec<(Meter, u64)> = Vec::new();
    let mut total = None;
    for (name, value) in usage.fields() {
        if value.is_null() || name == "unit" || name.ends_with("Cost") {
            continue;
        }
        let count = count_of(&name, value)?;
        if name == "total" || name == "totalTokens" || name == "total_tokens" {
            total = Some(count);
        } else if let Some(meter) = free_name(&name) {
            counts.push((meter, count));
        } else if count > 0 {
            return Err(RecordError::Usage(format!("{name} is {count}, and no count of that name is known")));
        }
    }
    let sum_of = |wanted: &dyn Fn(Meter) -> bool| {
        counts.iter().filter(|(m, _)| wanted(*m)).fold(0_u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let whole = |meter: Meter| matches!(meter, Meter::Input | Meter::Output);
    let nested = total.is_some_and(|total| sum_of(&|_| true) > total && sum_of(&whole) == total);
    let mut counted = Usage::default();
    for (meter, count) in &counts {
        let parts = |side| sum_of(&|m| m.side() == side && !whole(m));
        let count = match meter {
            Meter::Input | Meter::Output if nested => rest(meter.name(), *count, &[parts(meter.side())])?,
            _ => *count,
        };
        counted.set_tokens(*meter, counted.tokens(*meter).saturating_add(count));
    }
    Ok(counted)
}

fn free_name(name: &str) -> Option<Meter> {
    let name = name.to_lowercase();
    let has = |part: &str| name.contains(part);
    Some(match name.as_str() {
        "input" | "prompttokens" | "prompt_tokens" | "input_tokens" | "input_text" => Meter::Input,
        "output" | "completiontokens" | "completion_tokens" | "output_tokens" | "output_text" => Meter::Output,
        _ if has("cache") && (has("creation") || has("write")) && has("1h") => Meter::CacheWrite1h,
        _ if has("cache") && (has("creation") || has("write")) => Meter::CacheWrite5m,
        _ if has("cache") && has("audio") => Meter::CacheReadAudio,
        _ if has("cache") => Meter::CacheRead,
        _ if has("reasoning") || has("thought") || has("thinking") => Meter::Reasoning,
        _ if has("input") && has("audio") => Meter::InputAudio,
        _ if has("input") && has("image") => Meter::InputImage,
        _ if has("output") && has("audio") => Meter::OutputAudio,
        _ if has("output") && has("image") => Meter::OutputImage,
        _ => return None,
    })
}
