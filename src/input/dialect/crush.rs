//! Sessions of Crush: the table `sessions` of `.crush/crush.db`.
//!
//! The counts are the sums of a session, those of the sessions that it began included, so that only the first ones count
//! (internal/db/sql of <https://github.com/charmbracelet/crush>). Model and provider are those of its messages.

use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Labels, Naming, Reported};
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["prompt_tokens", "completion_tokens", "message_count", "updated_at"])],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["<project>/.crush/crush.db"],
    reads: "the sums of each session that no other session began",
    includes: "no cache is told apart",
    source: "https://github.com/charmbracelet/crush",
    ..DialectSpec::new("crush", "sessions of Crush")
};

/// A row.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage = Usage::tokens_in_out(count(object, "prompt_tokens")?, count(object, "completion_tokens")?);
    if usage.used().next().is_none() || object.text("parent_session_id").is_some() {
        return Ok(());
    }
    let list = |name: &str| -> Vec<_> {
        object.get(name).into_iter().flat_map(Value::items).filter_map(Value::text).collect()
    };
    let (models, providers) = (list("models"), list("providers"));
    if models.len() > 1 {
        let what = format!("the session used {}, and its sums do not say how much of each", models.join(", "));
        return Err(RecordError::Usage(what).or("--force-model MODEL prices it as if one had been used"));
    }
    let mut entry = Entry::new(Dialect::Crush, usage);
    entry.model = models.into_iter().next();
    entry.provider = if providers.len() == 1 { providers.into_iter().next() } else { None };
    entry.naming = Naming::ByHabit;
    entry.at = object.get("created_at").and_then(moment);
    entry.bucket = Some(Bucket { until: object.get("updated_at").and_then(moment), ..Bucket::default() });
    entry.reported = Reported::stated(object.get("cost"));
    let id = object.text("id");
    entry.id = id.as_deref().map(|id| id_of(&["crush", id]));
    entry.labels = Labels { session: id, ..Labels::default() };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
