//! Runs of OpenHands: `output.jsonl` of its evaluations, saved trajectories, and the state of its conversations.
//!
//! `metrics.token_usages` are requests as LiteLLM counts them, the cache as a part of the prompt
//! (openhands/llm/metrics.py of <https://github.com/All-Hands-AI/OpenHands>). `accumulated_token_usage` is their sum and counts
//! for what they leave out. Events of a trajectory repeat the metrics so far.

use super::agent::{AgentEvent, Disjoint, Missing, beyond, name_model};
use super::counts::moment;
use super::entry::{Numbers, id_of, request_of, used_text};
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Reported};
use crate::input::json::Object;
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
            if let Some(metrics) = metrics.object()
                && let Err(error) = read_metrics(&metrics, &[&session, &purpose], out)
            {
                out.push(Item::Bad(error));
            }
        }
        return Ok(());
    }
    // The metrics of an event are those of all events so far: requests are told apart by their ids, or by their places.
    if let Some(metrics) = object.object("llm_metrics") {
        requests(&metrics, &["", "event"], out);
        return Ok(());
    }
    let metrics = object.object("metrics");
    read_metrics(metrics.as_ref().unwrap_or(object), &[&session], out)
}

/// Metrics of a conversation, which is the first of its names.
fn read_metrics<'a>(metrics: &Object<'a>, of: &[&str], out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let details = requests(metrics, of, out);
    let Some(sum) = metrics.object("accumulated_token_usage") else { return Ok(()) };
    if let Some(rest) = beyond(&counted(&sum)?.into(), &details) {
        let mut entry = entry_of(&sum, rest);
        entry.at = times(metrics).into_iter().flatten().next_back();
        entry.bucket = Some(Bucket::default());
        entry.id = Some(id_of(&[&["openhands", "sum"], of].concat()));
        out.push(named(entry, of));
    }
    Ok(())
}

/// Pushes the requests, and returns what they used together.
fn requests<'a>(metrics: &Object<'a>, of: &[&str], out: &mut Vec<Item<'a>>) -> Usage {
    let times = times(metrics);
    let costs: Vec<Object> = metrics.objects("costs").collect();
    let usages: Vec<Object> = metrics.objects("token_usages").collect();
    let in_step = costs.len() == usages.len();
    let (mut all, mut numbers) = (Usage::default(), Numbers::default());
    for (place, request) in usages.iter().enumerate() {
        let usage: Usage = match counted(request) {
            Ok(counts) => counts.into(),
            Err(error) => {
                out.push(Item::Bad(error));
                continue;
            }
        };
        all += &usage;
        if usage.used().next().is_none() {
            continue;
        }
        let mut entry = entry_of(request, usage);
        entry.at = times.get(place).or(times.last()).copied().flatten();
        if in_step {
            entry.reported = Reported::stated(costs.get(place).and_then(|cost| cost.get("cost")));
        }
        let response = request.text("response_id");
        entry.request = request_of(response.as_deref());
        match response {
            Some(id) => {
                entry.id = Some(id_of(&["openhands", &numbers.of(&id)]));
                out.push(Item::Entry(Box::new(entry)));
            }
            None => {
                // Another run of the same instance has a request in the same place.
                let at = times.get(place).copied().flatten().map(|at| at.to_string()).unwrap_or_default();
                let said = [&*place.to_string(), &at, &used_text(&entry.usage)].join(" ");
                entry.id = Some(id_of(&[&["openhands", &said], of].concat()));
                out.push(named(entry, of));
            }
        }
    }
    all
}

/// A record whose id is unique in its conversation only: without the name of one, in its file.
fn named<'a>(entry: Entry<'a>, of: &[&str]) -> Item<'a> {
    let is_named = of.first().is_some_and(|session| !session.is_empty());
    if is_named {
        return Item::Entry(Box::new(entry));
    }
    AgentEvent::Request(entry, Missing { session: true, ..Missing::default() }).into()
}

/// When each request was paid for.
fn times(metrics: &Object) -> Vec<Option<Instant>> {
    metrics.objects("costs").map(|cost| cost.get("timestamp").and_then(moment)).collect()
}

fn entry_of<'a>(said: &Object<'a>, usage: Usage) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::OpenHands, usage);
    if let Some(model) = said.text("model") {
        name_model(&mut entry, model);
    }
    entry
}

fn counted(usage: &Object) -> Result<Disjoint, RecordError> {
    let counts = Disjoint::of(
        usage,
        ["prompt_tokens", "cache_read_tokens", "cache_write_tokens", "completion_tokens", "reasoning_tokens"],
    )?;
    counts.with_cache_inside("prompt_tokens")?.with_thinking_inside("completion_tokens")
}
