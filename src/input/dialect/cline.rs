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
    ..DialectSpec::new("cline", "tasks of Cline")
};

fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    read_message(object, Dialect::Cline, out)
}
