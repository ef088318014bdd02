//! Trajectories of SWE-agent: `<instance>.traj`.
//!
//! `info.model_stats` is the sum of a run (sweagent/agent/models.py of <https://github.com/SWE-agent/SWE-agent>); `total_cost`, where
//! it stands, runs on over runs. No time, no cache, and the model only where the settings of the run are kept beside it.

use super::agent::name_model;
use super::counts::count;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::{Bucket, Dialect, Entry, Item, Reported};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign { look: Some(has_sums), ..DialectSign::around(&["trajectory", "info"]) }],
    read: Some(read),
    is_agent: true,
    known: &["total_cost"],
    places: &["trajectories/**/<instance>.traj"],
    reads: "the sum of a run; no time, and a model only where the settings are kept",
    includes: "no cache is told apart",
    source: "https://github.com/SWE-agent/SWE-agent/blob/main/sweagent/agent/models.py",
    ..DialectSpec::new("swe-agent", "trajectories of SWE-agent")
};

fn has_sums(seen: &SeenObject) -> bool {
    seen.object.object("info").is_some_and(|info| info.has("model_stats"))
}

/// A trajectory.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let Some(sums) = object.object("info").and_then(|info| info.object("model_stats")) else { return Ok(()) };
    let usage = Usage::tokens_in_out(count(&sums, "tokens_sent")?, count(&sums, "tokens_received")?);
    if usage.used().next().is_none() {
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::SweAgent, usage);
    if let Some(model) = model(object) {
        name_model(&mut entry, model.into());
    }
    let requests = count(&sums, "api_calls")?;
    entry.bucket = Some(Bucket { requests: Some(requests).filter(|n| *n > 0), ..Bucket::default() });
    entry.reported = Reported::stated(sums.get("instance_cost"));
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}

/// The model in the settings of the run, which are kept as an object or as its text.
fn model(object: &Object) -> Option<String> {
    let of = |settings: &Object| Some(settings.object("agent")?.object("model")?.text("name")?.into_owned());
    if let Some(settings) = object.object("replay_config") {
        return of(&settings);
    }
    let text = object.text("replay_config")?;
    of(&Object::read(text.as_bytes()).ok()?)
}
