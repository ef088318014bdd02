//! Logs of inspect_ai: a document, or the files inside of an `.eval` archive.
//!
//! The same usage stands in the statistics of the run, in each sample, in its events and in the raw answers inside of those.
//! Events are requests; a sample and the run count for what their details do not say. Thinking stands inside of the output.
//! The cache stands next to the input, in older logs of some providers inside of it: the total says which.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::agent::beyond;
use super::counts::{count, moment};
use super::outcomes::failed;
use super::parts::Parts;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Dialect, Entry, Item, Labels, State};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::input::wholes::Beside;
use crate::period::Instant;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["eval", "plan"]).any(&["stats", "samples", "version"]),
        DialectSign::around(&["eval", "stats"]).any(&["samples", "version", "status"]),
        DialectSign::own(&["epoch", "model_usage"]).any(&["events", "input", "messages"]),
    ],
    read: Some(read),
    places: &["`logs/*.json`, `logs/*.eval`"],
    reads: "model events; `model_usage` of a sample and of the run only for what they have beyond them",
    includes: "caches stand next to the input, in older logs of some providers inside: the total says which; thinking is a part of the output",
    source: "https://inspect.aisi.org.uk/eval-logs.html",
    ..DialectSpec::new("inspect-ai", "logs of inspect_ai")
};

/// What was used of each model, by its name.
#[derive(Default)]
struct ByModel {
    all: Vec<(String, Usage)>,
    places: FxHashMap<String, usize>,
    /// The first model of each name without its provider.
    in_full: FxHashMap<String, usize>,
}

impl ByModel {
    fn add(&mut self, name: &str, usage: &Usage) {
        let known = self.places.get(name).and_then(|place| self.all.get_mut(*place));
        if let Some((_, sum)) = known {
            *sum += usage;
            return;
        }
        let place = self.all.len();
        self.places.insert(name.to_owned(), place);
        self.in_full.entry(name.rsplit('/').next().unwrap_or(name).to_owned()).or_insert(place);
        self.all.push((name.to_owned(), usage.clone()));
    }

    fn of(&self, name: &str) -> Option<&Usage> {
        self.places.get(name).and_then(|place| self.all.get(*place)).map(|(_, usage)| usage)
    }

    /// The name of a model with its provider, which events may leave out.
    fn in_full<'n>(&'n self, name: &'n str) -> &'n str {
        let known = self.in_full.get(name).filter(|_| !name.contains('/')).and_then(|place| self.all.get(*place));
        known.map_or(name, |(name, _)| name)
    }
}

/// A log, or one sample of an archive.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    if object.has("epoch") {
        let at = object.get("started_at").and_then(moment);
        return sample(object, at, &Labels::default(), out).map(|_| ());
    }
    let eval = object.object("eval").unwrap_or_default();
    let stats = object.object("stats").unwrap_or_default();
    let at = stats.get("started_at").or_else(|| eval.get("created")).and_then(moment);
    let labels = Labels { project: eval.text("task"), session: eval.text("run_id"), ..Labels::default() };
    let mut counted = ByModel::default();
    for one in object.objects("samples") {
        let at = one.get("started_at").and_then(moment).or(at);
        match sample(&one, at, &labels, out) {
            Ok(of_sample) => of_sample.all.iter().for_each(|(name, usage)| counted.add(name, usage)),
            Err(error) => out.push(Item::Bad(error)),
        }
    }
    let of_run = usages(&stats, out);
    push_beyond(&of_run, &counted, at, &labels, out);
    Ok(())
}

/// One sample: its events, and what it used beyond them. Hands back all that it used.
fn sample<'a>(
    object: &Object<'a>,
    at: Option<Instant>,
    labels: &Labels<'a>,
    out: &mut Vec<Item<'a>>,
) -> Result<ByModel, RecordError> {
    let of_sample = usages(object, out);
    let mut counted = ByModel::default();
    each_record(&DIALECT, object.objects("events"), out, &mut |event, out| {
        if !event.is("event", "model") {
            return Ok(());
        }
        match request(event, &of_sample, at)? {
            Some((name, entry)) => {
                if entry.state == State::Done || entry.state == State::Local {
                    counted.add(&name, &entry.usage);
                }
                out.push(Item::Entry(Box::new(Entry { labels: labels.clone(), ..entry })));
            }
            None => {
                if let Some(error) = event.text("error") {
                    out.push(failed(Dialect::InspectAi, error.into_owned()));
                }
            }
        }
        Ok(())
    });
    let rest = push_beyond(&of_sample, &counted, at, labels, out);
    rest.iter().for_each(|(name, usage)| counted.add(name, usage));
    Ok(counted)
}

/// A request, with the name of its model as the sums have it.
fn request<'a>(
    event: &Object<'a>,
    known: &ByModel,
    at: Option<Instant>,
) -> Result<Option<(String, Entry<'a>)>, RecordError> {
    let output = event.object("output").unwrap_or_default();
    let Some(usage) = output.object("usage") else { return Ok(None) };
    let name = event.text("model").or_else(|| output.text("model")).unwrap_or_default();
    let name = known.in_full(&name).to_owned();
    let mut entry = entry(&name, counts(&usage)?);
    entry.at = event.get("timestamp").and_then(moment).or(at);
    // inspect's own cache.
    if event.is("cache", "read") {
        entry.state = State::Remembered;
    }
    Ok(Some((name, entry)))
}

/// The usage of each model in `model_usage`.
fn usages<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> ByModel {
    let mut all = ByModel::default();
    for (name, value) in object.object("model_usage").unwrap_or_default().fields() {
        match value.object().map(|usage| counts(&usage)) {
            Some(Ok(usage)) => all.add(&name, &usage),
            Some(Err(error)) => out.push(Item::Bad(error)),
            None => {}
        }
    }
    all
}

/// Pushes what sums have beyond their details, as records of several requests, and hands it back.
fn push_beyond<'a>(
    sums: &ByModel,
    counted: &ByModel,
    at: Option<Instant>,
    labels: &Labels<'a>,
    out: &mut Vec<Item<'a>>,
) -> Vec<(String, Usage)> {
    let (mut rest, nothing) = (Vec::new(), Usage::default());
    for (name, sum) in &sums.all {
        let Some(usage) = beyond(sum, counted.of(name).unwrap_or(&nothing)) else { continue };
        let mut entry = entry(name, usage.clone());
        (entry.at, entry.labels) = (at, labels.clone());
        entry.bucket = Some(super::Bucket::default());
        out.push(Item::Entry(Box::new(entry)));
        rest.push((name.clone(), usage));
    }
    rest
}

fn counts(usage: &Object) -> Result<Usage, RecordError> {
    let parts = Parts {
        input: count(usage, "input_tokens")?,
        output: count(usage, "output_tokens")?,
        read: count(usage, "input_tokens_cache_read")?,
        written: count(usage, "input_tokens_cache_write")?,
        thinking: count(usage, "reasoning_tokens")?,
        total: Some(count(usage, "total_tokens")?).filter(|total| *total > 0),
        usually: Beside { cache: true, ..Beside::default() },
        ..Parts::default()
    };
    parts.usage()
}

fn entry<'a>(name: &str, usage: Usage) -> Entry<'a> {
    let mut entry = Entry::new(Dialect::InspectAi, usage);
    let (provider, model, is_local) = named(name);
    entry.provider = provider.map(|provider| Cow::Owned(provider.to_owned()));
    entry.model = Some(Cow::Owned(model.to_owned())).filter(|model: &Cow<str>| !model.is_empty());
    if is_local {
        entry.state = State::Local;
    }
    entry
}

/// `openai/gpt-4o` as its provider and model, `anthropic/bedrock/…` as who hosts it, and whether it ran on a machine of the
/// user's own.
fn named(name: &str) -> (Option<&str>, &str, bool) {
    const OWN: &[&str] =
        &["mockllm", "hf", "vllm", "sglang", "ollama", "llama-cpp-python", "transformer_lens", "nnterp"];
    const HOSTS: &[&str] = &["azure", "bedrock", "vertex"];
    let Some((provider, model)) = name.split_once('/') else { return (None, name, false) };
    match model.split_once('/') {
        Some((host, model)) if HOSTS.contains(&host) => (Some(host), model, false),
        Some((host, model)) if provider == "openai-api" => (Some(host), model, false),
        _ if provider == "grok" => (Some("xai"), model, false),
        _ if provider == "azureai" => (Some("azure"), model, false),
        _ => (Some(provider), model, OWN.contains(&provider)),
    }
}
