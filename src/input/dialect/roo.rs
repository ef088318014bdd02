//! Tasks of Roo Code: see `tasks.rs`.
//!
//! `tasks/<id>/ui_messages.json` in the folder of the extension `rooveterinaryinc.roo-cline`. The file does not name the model.

use super::spec::{DialectSign, DialectSpec, SeenObject};
use super::tasks::read_message;
use super::{Dialect, Item};
use crate::input::json::Object;
use crate::input::record::RecordError;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    signs: &[DialectSign {
        look: Some(is_own),
        ..DialectSign::around(&["ts", "type", "say", "text"]).without(&["modelInfo"])
    }],
    read: Some(read),
    returns: true,
    is_agent: true,
    places: &["`tasks/<task>/ui_messages.json` in the folder of the extension rooveterinaryinc.roo-cline"],
    reads: "as of Cline; the file names no model",
    includes: "without a cache, input and output; a request with cached tokens is refused, since versions count them differently",
    source: "https://github.com/RooCodeInc/Roo-Code",
    ..DialectSpec::new("roo", "tasks of Roo Code")
};

fn is_own(seen: &SeenObject) -> bool {
    seen.fork() == Some(Dialect::Roo)
}

fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    read_message(object, Dialect::Roo, out)
}
