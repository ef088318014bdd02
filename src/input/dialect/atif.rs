//! Trajectories in Harbor's form, ATIF.
//!
//! `steps[].metrics` is a request, the cache a part of the prompt; `final_metrics` repeats the sums and counts for what the steps
//! leave out (<https://github.com/laude-institute/harbor>, docs/rfcs/0001-trajectory-format.md). Steps that were copied from an
//! earlier trajectory happened there.

use std::borrow::Cow;

use super::agent::{Disjoint, beyond, name_model};
use super::counts::moment;
use super::entry::{Numbers, id_of};
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
    let agent = object.object("agent").unwrap_or_default();
    let trajectory = Trajectory { session: object.text("session_id"), model: agent.text("model_name") };
    let (mut steps, mut last) = (Usage::default(), None);
    let mut numbers = Numbers::default();
    each_record(&DIALECT, object.objects("steps"), out, &mut |step, out| {
        let place = numbers.of(step.get("step_id").and_then(Value::word).unwrap_or_default());
        let Some(entry) = trajectory.step(step, &place)? else { return Ok(()) };
        steps += &entry.usage;
        let is_copied = step.get("is_copied_context").and_then(Value::word) == Some("true");
        if !is_copied && entry.usage.used().next().is_some() {
            last = entry.at.or(last);
            out.push(Item::Entry(Box::new(entry)));
        }
        Ok(())
    });
    let Some(sums) = object.object("final_metrics") else { return Ok(()) };
    let names = ["total_prompt_tokens", "total_completion_tokens", "total_cached_tokens"];
    if let Some(rest) = beyond(&counted(&sums, names)?.into(), &steps) {
        let mut entry = trajectory.entry(rest, None, "final");
        entry.at = last;
        entry.bucket = Some(Bucket::default());
        if steps.used().next().is_none() {
            entry.reported = Reported::stated(sums.get("total_cost_usd"));
        }
        out.push(Item::Entry(Box::new(entry)));
    }
    Ok(())
}

/// What holds for all steps of a trajectory.
struct Trajectory<'a> {
    session: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
}

impl<'a> Trajectory<'a> {
    /// A step, if it has metrics.
    fn step(&self, step: &Object<'a>, place: &str) -> Result<Option<Entry<'a>>, RecordError> {
        let Some(metrics) = step.object("metrics") else { return Ok(None) };
        let usage = counted(&metrics, ["prompt_tokens", "completion_tokens", "cached_tokens"])?.into();
        let mut entry = self.entry(usage, step.text("model_name"), place);
        entry.at = step.get("timestamp").and_then(moment);
        entry.reported = Reported::stated(metrics.get("cost_usd"));
        Ok(Some(entry))
    }

    fn entry(&self, usage: Usage, model: Option<Cow<'a, str>>, place: &str) -> Entry<'a> {
        let mut entry = Entry::new(Dialect::Atif, usage);
        if let Some(model) = model.or_else(|| self.model.clone()) {
            name_model(&mut entry, model);
        }
        entry.id = self.session.as_deref().map(|session| id_of(&["atif", session, place]));
        entry.labels.session.clone_from(&self.session);
        entry
    }
}

fn counted(metrics: &Object, [input, output, cached]: [&str; 3]) -> Result<Disjoint, RecordError> {
    let counts = Disjoint::of(metrics, [input, cached, "", output, ""])?;
    counts.with_cache_inside(input)
}
