//! Usage of Cursor: the export of the dashboard as a table, and the events of the Admin API.
//!
//! The four counts are disjoint and add up to the total: "w/ Cache Write" are the tokens that were written
//! (<https://cursor.com/docs/account/teams/admin-api>). Models have Cursor's names, which say version before family and end with
//! the effort. `auto` and Cursor's own models are sold by Cursor alone.

use std::borrow::Cow;

use super::agent::Disjoint;
use super::columns::amount;
use super::counts::{count, moment};
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec, TableForm, TableRows};
use super::{Dialect, Entry, Item, Labels, Reported, State};
use crate::context::Dimension;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["usageEventsDisplay"]),
        DialectSign::around(&["usageEvents"]),
        DialectSign::around(&["tokenUsage", "timestamp", "model", "kind"]),
    ],
    read: Some(read),
    tables: &[TableForm {
        columns: &["Model", WITH_WRITE, WITHOUT_WRITE, "Cache Read", "Output Tokens"],
        rows: TableRows::Single(row),
    }],
    is_agent: true,
    known: &["totalCents", "totalUsageEventsCount"],
    places: &["the CSV that the dashboard exports", "answers of the Admin API (filtered-usage-events)"],
    reads: "each row or event, its model under the name of the maker; `auto` and models of Cursor's own as they are",
    includes: "disjoint",
    source: "https://cursor.com/docs/account/teams/admin-api",
    ..DialectSpec::new("cursor", "usage of Cursor, exported or from the Admin API")
};

const WITH_WRITE: &str = "Input (w/ Cache Write)";
const WITHOUT_WRITE: &str = "Input (w/o Cache Write)";

/// A page of events, or one.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(events) = object.get("usageEventsDisplay").or_else(|| object.get("usageEvents")) else {
        return event(object, out);
    };
    each_record(&DIALECT, events.items().filter_map(Value::object), out, &mut |one, out| event(one, out));
    Ok(())
}

fn event<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(usage) = object.object("tokenUsage") else { return Ok(()) };
    let counts = Disjoint::of(&usage, ["inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", ""])?;
    let mut entry = Entry::new(Dialect::Cursor, counts.into());
    entry.state = uncharged(object.text("kind")).unwrap_or_default();
    if entry.state == State::Done && entry.usage.used().next().is_none() {
        return Ok(());
    }
    entry.at = object.get("timestamp").and_then(moment);
    if let Some(model) = object.text("model") {
        name(&mut entry, model);
    }
    let cents = object.get("chargedCents").or_else(|| usage.get("totalCents")).and_then(Value::decimal);
    let hundred = rust_decimal::Decimal::ONE_HUNDRED;
    entry.reported = cents.filter(|cents| !cents.is_zero()).and_then(|c| c.checked_div(hundred)).map(Reported::usd);
    entry.labels = Labels { key: object.text("userEmail"), ..Labels::default() };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// A row of the export.
fn row<'a>(row: &Object<'a>) -> Result<Entry<'a>, RecordError> {
    let mut entry = Entry::new(Dialect::Cursor, counted(row)?.into());
    entry.at = row.get("Date").and_then(moment);
    if let Some(model) = row.text("Model") {
        name(&mut entry, model);
    }
    entry.reported = row.text("Cost").and_then(|cost| amount(&cost)).filter(|cost| !cost.amount.is_zero());
    entry.labels = Labels { key: row.text("User"), ..Labels::default() };
    entry.state = uncharged(row.text("Kind")).unwrap_or_default();
    Ok(entry)
}

/// How a request ended of which Cursor says that it was not charged for.
fn uncharged(kind: Option<Cow<str>>) -> Option<State> {
    let lower = kind.as_deref().map(str::to_lowercase).unwrap_or_default();
    let is_free = ["no charge", "not charged", "not_charged"].iter().any(|said| lower.contains(said));
    kind.filter(|_| is_free).map(|kind| State::Failed(kind.into_owned()))
}

/// The counts of a row, by the one reading that gives its total.
fn counted(row: &Object) -> Result<Disjoint, RecordError> {
    let (with_write, without) = (count(row, WITH_WRITE)?, count(row, WITHOUT_WRITE)?);
    let (cache_read, output) = (count(row, "Cache Read")?, count(row, "Output Tokens")?);
    let counts = Disjoint { input: without, cache_read, cache_write: with_write, output, ..Disjoint::default() };
    let total = count(row, "Total Tokens")?;
    let beside = [with_write, without, cache_read, output].iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
    match () {
        () if total == beside || total == 0 => Ok(counts),
        () if with_write >= without && total == beside - without => {
            Ok(Disjoint { cache_write: with_write - without, ..counts })
        }
        () => Err(RecordError::Usage(format!(
            "Total Tokens is {total}, and the four counts of the row add up to {beside}"
        ))),
    }
}

/// Names the model as its maker does, and what it was asked for.
fn name<'a>(entry: &mut Entry<'a>, written: Cow<'a, str>) {
    let public = PublicName::of(&written);
    if let Some((dimension, value)) = public.asked {
        entry.context.set(dimension, value);
    }
    if public.is_cursors {
        entry.provider = Some("cursor".into());
    } else if let Some((_, maker)) = MAKERS.iter().find(|(start, _)| public.name.starts_with(start)) {
        entry.assume(maker);
    }
    entry.model = Some(if public.name == *written { written } else { Cow::Owned(public.name) });
}

/// Whose prices Cursor charges for a model, by the beginning of its name.
const MAKERS: [(&str, &str); 9] = [
    ("claude-", "anthropic"),
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini-", "google"),
    ("grok-", "xai"),
    ("deepseek-", "deepseek"),
    ("kimi-", "moonshot"),
];

struct PublicName {
    name: String,
    /// Cursor alone sells it.
    is_cursors: bool,
    asked: Option<(Dimension, &'static str)>,
}

/// How much a model thinks, and how long its prompts may be: nothing that a price depends on beside the counts.
const EFFORTS: [&str; 10] =
    ["thinking", "none", "minimal", "low", "medium", "high", "xhigh", "extra", "1m", "reasoning"];

impl PublicName {
    fn of(written: &str) -> Self {
        let lower = written.trim().to_lowercase();
        let is_cursors = matches!(&*lower, "auto" | "default" | "premium")
            || lower.starts_with("composer")
            || lower.starts_with("cursor-");
        if is_cursors {
            return PublicName { name: written.to_owned(), is_cursors, asked: None };
        }
        let (is_claude, is_gpt) = (lower.starts_with("claude-"), lower.starts_with("gpt-"));
        let mut parts: Vec<&str> = lower.split('-').collect();
        let mut asked = None;
        while let Some(last) = parts.last().filter(|_| parts.len() > 2) {
            match *last {
                "fast" if is_claude => asked = Some((Dimension::Speed, "fast")),
                "fast" if is_gpt => asked = Some((Dimension::ServiceTier, "priority")),
                "max" if is_claude => {}
                "reasoning" if !is_claude && !is_gpt => break,
                effort if EFFORTS.contains(&effort) => {}
                _ => break,
            }
            parts.pop();
        }
        let name = if is_claude { claude(&parts) } else { parts.join("-") };
        // Google sold these as previews alone.
        let name = if matches!(&*name, "gemini-3-pro" | "gemini-3-flash") { name + "-preview" } else { name };
        PublicName { name, is_cursors, asked }
    }
}

/// `claude-4.5-sonnet` as `claude-sonnet-4-5`; the third generation says the version first itself.
fn claude(parts: &[&str]) -> String {
    let [maker, version, family, rest @ ..] = parts else { return parts.join("-") };
    if !version.starts_with(|digit: char| digit.is_ascii_digit()) || version.len() > 4 {
        return parts.join("-").replace('.', "-");
    }
    let version = version.replace('.', "-");
    let named = if version.starts_with('3') { [*maker, &version, *family] } else { [*maker, *family, &version] };
    [&named, rest].concat().join("-")
}
