//! Trajectories in Harbor's form, ATIF.
//!
//! `steps[].metrics` is a request, the cache a part of the prompt; `final_metrics` repeats the sums and counts for what the steps
//! leave out (<https://github.com/laude-institute/harbor>, docs/rfcs/0001-trajectory-format.md). Steps that were copied from an
//! earlier trajectory happened there.

use super::agent::{Disjoint, add, beyond, name_model};
use super::counts::{count, moment};
use super::entry::id_of;
use super::read::each_record;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign { texts: &["ATIF*"], ..DialectSign::around(&["schema_version", "steps"]) }],
    read: Some(read),
    returns: true,
    known: &["final_metrics.total_cost_usd", "final_metrics.total_steps"],
    places: &["trajectory.json of Harbor and of agents that write its form"],
    reads: "each step with metrics that was not copied from an earlier trajectory; the final metrics for what the steps leave out",
    includes: "cached tokens are a part of the prompt",
    source: "https://github.com/laude-institute/harbor/blob/main/docs/rfcs/0001-trajectory-format.md",
    ..DialectSpec::new("atif", "trajectories in Harbor's form, ATIF")
};

/// A trajectory.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let session = object.text("session_id");
    let agent = object.object("agent").unwrap_or_default();
    let mut steps = Usage::default();
    let mut last = None;
    let all = object.get("steps").into_iter().flat_map(Value::items).filter_map(Value::object);
    each_record(&DIALECT, all, out, &mut |step, out| {
        let Some(metrics) = step.object("metrics") else { return Ok(()) };
        let usage: Usage = counted(&metrics, ["prompt_tokens", "completion_tokens", "cached_tokens"])?.into();
        add(&mut steps, &usage);
        let is_copied = step.get("is_copied_context").and_then(Value::word) == Some("true");
        if is_copied || usage.used().next().is_none() {
            return Ok(());
        }
        let mut entry = Entry::new(Dialect::Atif, usage);
        if let Some(model) = step.text("model_name").or_else(|| agent.text("model_name")) {
            name_model(&mut entry, model);
        }
        entry.at = step.get("timestamp").and_then(moment);
        last = entry.at.or(last);
        entry.reported = cost(&metrics, "cost_usd");
        entry.labels.session.clone_from(&session);
        let place = step.get("step_id").and_then(Value::word).unwrap_or_default();
        entry.id = session.as_deref().map(|session| id_of(&["atif", session, place]));
        out.push(Item::Entry(Box::new(entry)));
        Ok(())
    });
    let Some(sums) = object.object("final_metrics") else { return Ok(()) };
    let names = ["total_prompt_tokens", "total_completion_tokens", "total_cached_tokens"];
    if let Some(rest) = beyond(&counted(&sums, names)?.into(), &steps) {
        let mut entry = Entry::new(Dialect::Atif, rest);
        if let Some(model) = agent.text("model_name") {
            name_model(&mut entry, model);
        }
        entry.at = last;
        entry.bucket = Some(Bucket::default());
        if steps.used().next().is_none() {
            entry.reported = cost(&sums, "total_cost_usd");
        }
        entry.id = session.as_deref().map(|session| id_of(&["atif", session, "final"]));
        entry.labels.session = session;
        out.push(Item::Entry(Box::new(entry)));
    }
    Ok(())
}

fn cost(metrics: &Object, name: &str) -> Option<Reported> {
    let cost = metrics.get(name).and_then(Value::decimal);
    cost.filter(|cost| !cost.is_zero()).map(Reported::usd)
}

fn counted(metrics: &Object, [input, output, cached]: [&str; 3]) -> Result<Disjoint, RecordError> {
    let counts = Disjoint {
        input: count(metrics, input)?,
        output: count(metrics, output)?,
        cache_read: count(metrics, cached)?,
        ..Disjoint::default()
    };
    counts.with_cache_inside(input)
}
