//! Runs of OpenHands: `output.jsonl` of its evaluations, saved trajectories, and the state of its conversations.
//!
//! `metrics.token_usages` are requests as LiteLLM counts them, the cache as a part of the prompt
//! (openhands/llm/metrics.py of <https://github.com/All-Hands-AI/OpenHands>). `accumulated_token_usage` is their sum and counts
//! for what they leave out. Events of a trajectory repeat the metrics so far.

use super::agent::{Disjoint, add, beyond, name_model};
use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::period::Instant;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["metrics"]).any(&["instance_id", "test_result", "instruction", "history"]),
        DialectSign::own(&["llm_metrics"]),
        DialectSign::inside(&["stats"], |seen| seen.object.object("stats").is_some_and(|s| s.has("usage_to_metrics"))),
        DialectSign::together(&["token_usages", "accumulated_token_usage"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    known: &["accumulated_cost", "accumulated_token_usage", "costs", "context_window"],
    places: &["output.jsonl of an evaluation", "saved trajectories", "~/.openhands/conversations/<id>/base_state.json"],
    reads: "each request; the accumulated counts for what the requests leave out",
    includes: "caches are parts of the prompt, thinking of the answer",
    source: "https://github.com/All-Hands-AI/OpenHands/blob/main/openhands/llm/metrics.py",
    ..DialectSpec::new("openhands", "runs of OpenHands")
};

/// An instance, an event with its metrics, or the state of a conversation.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let session = object.text("instance_id").or_else(|| object.text("id")).unwrap_or_default();
    if let Some(all) = object.object("stats").and_then(|stats| stats.object("usage_to_metrics")) {
        for (purpose, metrics) in all.fields() {
            if let Some(metrics) = metrics.object() {
                read_metrics(&metrics, &[&session, &purpose], out)?;
            }
        }
        return Ok(());
    }
    // The metrics of an event are those of all events so far: only requests with an id can be told apart.
    if let Some(metrics) = object.object("llm_metrics") {
        return requests(&metrics, &["event"], out).map(|_| ());
    }
    let metrics = object.object("metrics");
    read_metrics(metrics.as_ref().unwrap_or(object), &[&session], out)
}

fn read_metrics<'a>(metrics: &Object<'a>, of: &[&str], out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let details = requests(metrics, of, out)?;
    let Some(sum) = metrics.object("accumulated_token_usage") else { return Ok(()) };
    if let Some(rest) = beyond(&counted(&sum)?.into(), &details) {
        let mut entry = entry_of(&sum, rest);
        entry.at = times(metrics).into_iter().flatten().next_back();
        entry.bucket = Some(Bucket::default());
        entry.id = Some(id_of(&[&["openhands", "sum"], of].concat()));
        out.push(Item::Entry(Box::new(entry)));
    }
    Ok(())
}

/// Pushes the requests, and returns what they used together.
fn requests<'a>(metrics: &Object<'a>, of: &[&str], out: &mut Vec<Item<'a>>) -> Result<Usage, RecordError> {
    let times = times(metrics);
    let costs = list(metrics, "costs");
    let usages = list(metrics, "token_usages");
    let in_step = costs.len() == usages.len();
    let mut all = Usage::default();
    for (place, request) in usages.iter().enumerate() {
        let usage: Usage = counted(request)?.into();
        add(&mut all, &usage);
        let mut entry = entry_of(request, usage);
        entry.at = times.get(place).or(times.last()).copied().flatten();
        if in_step {
            let cost = costs.get(place).and_then(|cost| cost.get("cost")?.decimal());
            entry.reported = cost.filter(|cost| !cost.is_zero()).map(Reported::usd);
        }
        let response = request.text("response_id");
        let number = place.to_string();
        entry.id = Some(match &response {
            Some(id) => id_of(&["openhands", id]),
            None => id_of(&[&["openhands", &number], of].concat()),
        });
        if entry.usage.used().next().is_some() {
            out.push(Item::Entry(Box::new(entry)));
        }
    }
    Ok(all)
}

fn list<'a>(metrics: &Object<'a>, name: &str) -> Vec<Object<'a>> {
    metrics.get(name).into_iter().flat_map(Value::items).filter_map(Value::object).collect()
}

/// When each request was paid for.
fn times(metrics: &Object) -> Vec<Option<Instant>> {
    list(metrics, "costs").iter().map(|cost| cost.get("timestamp").and_then(moment)).collect()
}

fn entry_of<'a>(said: &Object<'a>, usage: Usage) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::OpenHands, usage);
    if let Some(model) = said.text("model") {
        name_model(&mut entry, model);
    }
    entry
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    let counts = Disjoint {
        input: count(usage, "prompt_tokens")?,
        output: count(usage, "completion_tokens")?,
        cache_read: count(usage, "cache_read_tokens")?,
        cache_write: count(usage, "cache_write_tokens")?,
        thinking: count(usage, "reasoning_tokens")?,
    };
    counts.with_cache_inside("prompt_tokens")?.with_thinking_inside("completion_tokens")
}
