//! What stands for zip archives in a build without the feature `archives`: each is named, and none is read.

use std::io::Read;
use std::path::PathBuf;

use super::part::Parts;
use crate::input::text::InputError;

pub(super) use NoMembers as Members;
pub(super) use UnreadArchive as ArchiveBytes;

/// The bytes of an archive, which nothing here reads.
#[derive(Clone)]
pub(super) enum UnreadArchive {
    File(#[allow(dead_code, reason = "nothing reads it in this build")] PathBuf),
    Memory,
}

impl UnreadArchive {
    pub(super) fn of_pipe(_: impl Read, _: &str) -> Result<Self, InputError> {
        Ok(UnreadArchive::Memory)
    }
}

/// There are none in this build.
pub(super) enum NoMembers {}

impl NoMembers {
    pub(super) fn open(_: UnreadArchive, name: String) -> Result<Self, InputError> {
        Err(InputError::Archive {
            path: name,
            what: "a zip archive, which this build does not read".to_owned(),
            help: "build with the feature \"archives\", or unpack it and name its files".to_owned(),
        })
    }

    pub(super) fn into_parts<'s>(self) -> Parts<'s> {
        match self {}
    }
}
