//! Tasks of Cline: see `tasks.rs`.
//!
//! `tasks/<id>/ui_messages.json` in the folder of the extension `saoudrizwan.claude-dev`. The counts are disjoint.

use super::spec::{DialectSign, DialectSpec};
use super::tasks::read_message;
use super::{Dialect, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign::around(&["ts", "type"]).any(&["say", "ask"])],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &[
        "`tasks/<task>/ui_messages.json` in the folder of the extension saoudrizwan.claude-dev",
        "~/.cline/data/tasks",
    ],
    reads: "requests that began, with the counts in their text; those that were taken back too",
    includes: "disjoint; behind a server of the user's own the cache may be a part, and then the request is refused",
    source: "https://github.com/cline/cline/blob/main/src/shared/getApiMetrics.ts",
    ..DialectSpec::new("cline", "tasks of Cline")
};

fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    read_message(object, Dialect::Cline, out)
}
