//! Opens what a user named, and only if it is something that has an end; and writes files: words that all steps share.

mod write;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(crate) use write::{FolderLock, is_named, is_of_one_owner};
pub use write::{
    LockedFile, NewFile, WriteError, append_to, before_first_file, cannot_write, remove_unfinished, write_file,
};

/// What is there where neither a file nor a folder is, with its article: `a named pipe`, `a device`.
///
/// To be asked before it is opened: opening a named pipe waits for somebody who writes to it.
pub fn not_a_file(path: &Path) -> Option<&'static str> {
    let about = std::fs::metadata(path).ok()?;
    (!about.is_file() && !about.is_dir()).then(|| kind_of(about.file_type()))
}

#[cfg(unix)]
fn kind_of(file_type: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match file_type {
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn kind_of(_: std::fs::FileType) -> &'static str {
    "a device"
}

/// Whether a path is a pipe that this process was started with (`<(…)`, `/dev/stdin`), which has or had a writer.
#[cfg(unix)]
pub fn is_inherited_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let folders = ["/dev/fd", "/proc/self/fd"].map(Path::new);
    let inherited = path == Path::new("/dev/stdin") || path.parent().is_some_and(|parent| folders.contains(&parent));
    inherited && std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo())
}

#[cfg(not(unix))]
pub fn is_inherited_pipe(_: &Path) -> bool {
    false
}

/// Reads to the end, `None` where there are more than `limit` bytes.
pub fn read_up_to(file: File, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // One byte more tells a file of just that size from a larger one; a stated size may be wrong, as below /proc.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// All bytes of a file, with the reasons of the other functions as errors of the system.
#[cfg(feature = "reference")]
pub(crate) fn read_whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let refused = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    if let Some(kind) = not_a_file(path).filter(|_| !is_inherited_pipe(path)) {
        return Err(refused(format!("it is {kind}, not a file")));
    }
    let file = File::open(path)?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(refused("it is a folder".to_owned()));
    }
    read_up_to(file, limit)?.ok_or_else(|| refused(format!("it is larger than {} MiB", limit >> 20)))
}
