//! Sessions of Goose: the table `sessions` of `sessions.db`.
//!
//! `accumulated_*` are the sums of a session; `input_tokens` and the like are those of its last request
//! (crates/goose/src/session/session_manager.rs of <https://github.com/block/goose>). Cached tokens are not told apart.

use super::counts::{count, moment};
use super::entry::id_of;
use super::spec::{DialectSign, DialectSpec};
use super::{Bucket, Dialect, Entry, Item, Labels, Naming};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::usage::Usage;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[
        DialectSign::around(&["accumulated_input_tokens"]),
        DialectSign::around(&["model_config_json", "working_dir"]),
    ],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["~/.local/share/goose/sessions/sessions.db"],
    reads: "the accumulated counts of each session",
    includes: "no cache is told apart",
    source: "https://github.com/block/goose/blob/main/crates/goose/src/session/session_manager.rs",
    ..DialectSpec::new("goose", "sessions of Goose")
};

/// A row.
fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    let usage =
        Usage::tokens_in_out(count(object, "accumulated_input_tokens")?, count(object, "accumulated_output_tokens")?);
    let id = object.text("id");
    if usage.used().next().is_none() {
        let last = count(object, "total_tokens")?;
        if last > 0 {
            let id = id.as_deref().unwrap_or_default();
            let what = format!("session {id} keeps only its last request, of {last} tokens, and not what it used");
            return Err(RecordError::Usage(what).or("its provider's own usage says it"));
        }
        return Ok(());
    }
    let mut entry = Entry::new(Dialect::Goose, usage);
    entry.provider = object.text("provider_name");
    entry.naming = Naming::ByHabit;
    entry.model = object.object("model_config_json").and_then(|model| model.text("model_name"));
    entry.at = object.get("created_at").and_then(moment);
    entry.bucket = Some(Bucket { until: object.get("updated_at").and_then(moment), ..Bucket::default() });
    entry.id = id.as_deref().map(|id| id_of(&["goose", id]));
    entry.labels = Labels { project: object.text("working_dir"), session: id, ..Labels::default() };
    out.push(Item::Entry(Box::new(entry)));
    Ok(())
}
