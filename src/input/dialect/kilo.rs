//! Tasks of Kilo Code: see `tasks.rs`.
//!
//! `tasks/<id>/ui_messages.json` in the folder of the extension `kilocode.kilo-code`. The file does not name the model.

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
    places: &["`tasks/<task>/ui_messages.json` in the folder of the extension kilocode.kilo-code"],
    reads: "as of Roo Code; newer versions keep opencode's database",
    includes: "as of Roo Code",
    source: "https://github.com/Kilo-Org/kilocode",
    ..DialectSpec::new("kilo", "tasks of Kilo Code")
};

fn is_own(seen: &SeenObject) -> bool {
    seen.fork() == Some(Dialect::Kilo)
}

fn read<'a>(object: &Object<'a>, out: &mut Vec<Item<'a>>) -> Result<(), RecordError> {
    // What newer versions keep in their database are opencode's messages.
    match Dialect::OpenCode.spec().read.filter(|_| object.has("role")) {
        Some(read) => read(object, out),
        None => read_message(object, Dialect::Kilo, out),
    }
}
