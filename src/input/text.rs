//! Reads text as a stream of blocks, in flat memory: files, standard input and text at hand.
//!
//! Bytes that are not UTF-8 become U+FFFD exactly as [`String::from_utf8_lossy`] of the whole would have it, wherever
//! the blocks happen to end, and the reader says how many and where. A byte-order mark of UTF-8 is text like any other; one of
//! UTF-16 makes the text be read as that. Begin at
//! [`read_blocks`]; [`walk`](super::walk) turns what a user named into files.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use encoding_rs_io::DecodeReaderBytesBuilder;

use crate::files;
use crate::similar::near;

/// How much is read at a time.
pub(crate) const BLOCK: usize = 1 << 18;

/// The largest file that is read whole: 256 MiB. Prompts, tables of rows, price files and vocabularies are far smaller.
pub(crate) const LARGEST_WHOLE: u64 = 256 << 20;

/// The largest file of YAML: 16 MiB, some 150,000 models. What is read takes up to forty times as much memory.
pub(crate) const LARGEST_YAML: u64 = 16 << 20;

/// A NUL byte within so many bytes of the start makes a file binary.
const LOOKS_BINARY_WITHIN: usize = 8 << 10;

/// Where text comes from.
///
/// # Examples
/// ```
/// use farebox::input::text::{Source, read_blocks};
/// let mut text = String::new();
/// read_blocks(&Source::Text("hello".into()), false, &mut |block| text.push_str(block))?;
/// assert_eq!(text, "hello");
/// # Ok::<(), farebox::input::text::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Text at hand.
    Text(String),
}

impl Source {
    /// What reports call it: the path, `-`, or `text`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => "-".to_owned(),
            Source::Text(_) => "text".to_owned(),
        }
    }

    /// How many bytes it has; `None` of what is not a file, and of what is packed.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Source::File(path) if path.extension().is_none_or(|e| e != "gz" && e != "zst" && e != "zip") => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len())
            }
            Source::Text(text) => Some(text.len() as u64),
            Source::File(_) | Source::Stdin => None,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`InputError`] where there is no such file, or it is a folder.
    pub fn open(&self) -> Result<Box<dyn Read + '_>, InputError> {
        match self {
            Source::Text(text) => Ok(Box::new(Cursor::new(text.as_bytes()))),
            Source::Stdin => Ok(as_utf8(io::stdin().lock())),
            Source::File(path) => Ok(as_utf8(open_file(path)?)),
        }
    }
}

fn as_utf8<'s>(mut reader: impl Read + 's) -> Box<dyn Read + 's> {
    let (start, is_utf16, failure) = beginning(&mut reader);
    let whole = Cursor::new(start).chain(Failure(failure)).chain(reader);
    if is_utf16 { Box::new(DecodeReaderBytesBuilder::new().build(whole)) } else { Box::new(whole) }
}

/// The text of a file that was read whole; UTF-16 with a mark is read as that.
pub(crate) fn decoded(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len());
    // Reading from memory does not fail.
    let _ = as_utf8(bytes).read_to_end(&mut text);
    String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A failure behind what was read before it: not every reader fails again when it is asked again.
pub(crate) struct Failure(pub Option<io::Error>);

impl Read for Failure {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The first bytes of a text, whether a mark in them says that it is UTF-16, and why they are all; spreadsheets and shells of
/// one system save it so. [`DecodeReaderBytesBuilder`] reads those without their mark.
pub(crate) fn beginning(reader: &mut impl Read) -> (Vec<u8>, bool, Option<io::Error>) {
    let mut start = Vec::with_capacity(4);
    let failure = reader.by_ref().take(4).read_to_end(&mut start).err();
    // The mark of UTF-32 begins like one of UTF-16.
    let is_utf16 = start.starts_with(b"\xfe\xff") || start.starts_with(b"\xff\xfe") && start != b"\xff\xfe\0\0";
    // A mark alone is too short for the decoder to see it.
    if is_utf16 && start.len() == 2 { (Vec::new(), false, failure) } else { (start, is_utf16, failure) }
}

/// Why text cannot be read. The text says what is wrong; [`InputError::help`] is the next step.
#[derive(Debug)]
#[non_exhaustive]
pub enum InputError {
    /// There is no such file.
    Missing {
        /// The path, as the user named it.
        path: String,
        /// A file beside it whose name is similar.
        similar: Option<String>,
    },
    /// It is a folder.
    Folder {
        /// The path, as the user named it.
        path: String,
    },
    /// It is a pipe, a device or a socket where a file is needed.
    NotAFile {
        /// The path, as the user named it.
        path: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It is too large to be read whole.
    TooLarge {
        /// The path, as the user named it.
        path: String,
        /// The most bytes that are read.
        limit: u64,
    },
    /// It is not text.
    Binary {
        /// The path, as the user named it.
        path: String,
        /// Where the first NUL byte stands.
        offset: usize,
    },
    /// A pattern that no file matches.
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A folder with nothing in it that is looked for.
    Nothing {
        /// The folder, as the user named it.
        path: String,
        /// What the folder holds instead, for people.
        what: String,
        /// The next step.
        help: String,
    },
    /// A file without usage.
    NoUsage {
        /// The file, as the user named it.
        path: String,
        /// What it holds instead, for people.
        what: String,
        /// The next step.
        help: String,
    },
    /// A named pipe, a socket or a device in a folder.
    NotRegular {
        /// The path.
        path: String,
    },
    /// A link in a folder that leads to nothing.
    DeadLink {
        /// The link.
        path: String,
    },
    /// A line that is longer than what is read into memory at once.
    LongLine {
        /// The path, as the user named it.
        path: String,
        /// The line, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// An archive that is not read, or not to its end.
    Archive {
        /// The path, as the user named it, and the file inside of it.
        path: String,
        /// What is wrong with it.
        what: String,
        /// The next step.
        help: String,
    },
    /// The system refuses.
    Reading {
        /// The path, as the user named it.
        path: String,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())
    }
}

impl std::error::Error for InputError {}

impl InputError {
    /// What is wrong, and with which file.
    #[must_use]
    pub(crate) fn what(&self) -> String {
        match self {
            InputError::Missing { path, .. } => format!("{path}: no such file"),
            InputError::Folder { path } => format!("{path}: is a folder"),
            InputError::NotAFile { path, kind } => format!("{path}: is {kind}, not a file"),
            InputError::TooLarge { path, limit } => {
                format!("{path}: is larger than {} MiB, the most that is read of it", limit >> 20)
            }
            InputError::Binary { path, offset } => {
                format!("{path}: is not text: a NUL byte stands at offset {offset}")
            }
            InputError::NoMatch { pattern } => format!("{pattern}: no file matches"),
            InputError::Nothing { path, what, .. }
            | InputError::NoUsage { path, what, .. }
            | InputError::Archive { path, what, .. } => format!("{path}: {what}"),
            InputError::NotRegular { path } => format!("{path}: skipped: it is not a regular file"),
            InputError::DeadLink { path } => format!("{path}: skipped: the link leads nowhere"),
            InputError::LongLine { path, line, limit } => {
                format!("{path}:{line}: the line is longer than {} MiB", limit >> 20)
            }
            InputError::Reading { path, error } => format!("{path}: cannot be read: {error}"),
        }
    }

    /// The file, the folder or the pattern that it is about.
    #[cfg(feature = "folders")]
    pub(crate) fn path(&self) -> &str {
        match self {
            InputError::NoMatch { pattern: path }
            | InputError::Missing { path, .. }
            | InputError::Folder { path }
            | InputError::NotAFile { path, .. }
            | InputError::TooLarge { path, .. }
            | InputError::Binary { path, .. }
            | InputError::Nothing { path, .. }
            | InputError::NoUsage { path, .. }
            | InputError::Archive { path, .. }
            | InputError::NotRegular { path }
            | InputError::DeadLink { path }
            | InputError::LongLine { path, .. }
            | InputError::Reading { path, .. } => path,
        }
    }

    /// The next step, where one is known.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            InputError::Missing { similar, .. } => return similar.as_ref().map(|s| format!("did you mean {s}?")),
            InputError::Folder { path } => {
                return Some(format!("name its files; `farebox count {path}` counts a folder"));
            }
            InputError::NotAFile { .. } => "write its content to a file, and name that file",
            InputError::TooLarge { .. } => "check that it is the right file, or split it",
            InputError::Binary { .. } => "pass --binary to count its bytes as text anyway",
            InputError::NoMatch { .. } => {
                "quote the pattern so that the shell leaves it alone, and check the folder it begins in"
            }
            InputError::Nothing { help, .. } | InputError::NoUsage { help, .. } | InputError::Archive { help, .. } => {
                help
            }
            InputError::NotRegular { .. } => "to read a named pipe, name it itself",
            InputError::LongLine { .. } => "put one JSON value on each line, or count the file as plain text",
            InputError::DeadLink { .. } | InputError::Reading { .. } => return None,
        };
        Some(help.to_owned())
    }

    /// A failure of the system while reading.
    #[must_use]
    pub fn reading(path: &str, error: io::Error) -> Self {
        InputError::Reading { path: path.to_owned(), error }
    }

    /// Whether the user named the wrong thing, rather than the system failing.
    #[must_use]
    pub const fn is_misuse(&self) -> bool {
        matches!(
            self,
            InputError::Folder { .. }
                | InputError::NotAFile { .. }
                | InputError::TooLarge { .. }
                | InputError::Binary { .. }
                | InputError::NoMatch { .. }
                | InputError::Nothing { .. }
                | InputError::LongLine { .. }
                | InputError::NoUsage { .. }
        )
    }
}

/// What a text was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Bytes of the text as UTF-8.
    pub bytes: u64,
    /// How many U+FFFD stand for bytes that are not UTF-8.
    pub replaced: u64,
    /// Offset of the first byte that is not UTF-8.
    pub first_replaced: Option<u64>,
}

impl ReadReport {
    /// One line about what was not text; `None` where all was.
    #[must_use]
    pub(crate) fn note(&self) -> Option<String> {
        let first = self.first_replaced?;
        let places = if self.replaced == 1 { "place" } else { "places" };
        Some(format!("not UTF-8 in {} {places}, the first at byte {first}: counted as U+FFFD", self.replaced))
    }
}

pub(crate) fn open_file(path: &Path) -> Result<File, InputError> {
    let shown = path.display().to_string();
    match File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|m| m.is_dir()) => Err(InputError::Folder { path: shown }),
        Ok(file) => Ok(file),
        // Windows refuses to open a folder in the first place.
        Err(_) if path.is_dir() => Err(InputError::Folder { path: shown }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(InputError::Missing { similar: similar(path), path: shown })
        }
        Err(error) => Err(InputError::Reading { path: shown, error }),
    }
}

/// The file in the same folder whose name is most like a missing one.
fn similar(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_string_lossy();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names =
        folder.read_dir().ok()?.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    // A link that leads nowhere is there, and missing.
    let names = names.filter(|name| *name != wanted);
    let nearest = near(&wanted, names, 0.88).into_iter().next()?;
    Some(path.with_file_name(nearest).display().to_string())
}

/// All bytes of a file that a person named on the command line, such as a price file: at most [`LARGEST_WHOLE`].
///
/// A pipe that the shell opened (`--prices <(…)`, `/dev/stdin`) is read to its end; a named pipe, which may never have a
/// writer, and a device, which may never end, are refused.
///
/// # Errors
/// [`InputError`] where there is no such file, it is not a file or too large, or the system refuses.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, InputError> {
    read_named(path, LARGEST_WHOLE)
}

/// The same for a file of YAML that people write, such as a workload or a price file: at most [`LARGEST_YAML`].
///
/// # Errors
/// As [`read_bytes`].
pub fn read_yaml(path: &Path) -> Result<Vec<u8>, InputError> {
    read_named(path, LARGEST_YAML)
}

/// The same with another limit, for what may be larger or has to be smaller.
pub(crate) fn read_named(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    if files::is_inherited_pipe(path) { read_up_to(path, limit) } else { read_regular(path, limit) }
}

/// All bytes of a file that another file names, such as a prompt of a workload: regular files only, of at most `limit`
/// bytes, so that a file from a stranger cannot make a build machine wait or run out of memory.
///
/// # Errors
/// [`InputError`] where there is no such file, it is not a file or too large, or the system refuses.
pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    match files::not_a_file(path) {
        Some(kind) => Err(InputError::NotAFile { path: path.display().to_string(), kind }),
        None => read_up_to(path, limit),
    }
}

fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    let shown = || path.display().to_string();
    match files::read_up_to(open_file(path)?, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(InputError::TooLarge { path: shown(), limit }),
        Err(error) => Err(InputError::reading(&shown(), error)),
    }
}

/// Reads a source to its end and hands it over in blocks of valid text, in order.
///
/// `binary` reads on where the text looks binary.
///
/// # Errors
/// [`InputError`]; blocks before a failure in the middle have been handed over by then.
pub fn read_blocks(source: &Source, binary: bool, take: &mut dyn FnMut(&str)) -> Result<ReadReport, InputError> {
    read_blocks_of(&source.name(), &mut *source.open()?, binary, take)
}

/// [`read_blocks`] of a source that is open already; `name` is what errors call it.
///
/// # Errors
/// [`InputError`]; blocks before a failure in the middle have been handed over by then.
pub(crate) fn read_blocks_of(
    name: &str,
    reader: &mut dyn Read,
    binary: bool,
    take: &mut dyn FnMut(&str),
) -> Result<ReadReport, InputError> {
    let mut decoder = Decoder::default();
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(reader, &mut block).map_err(|error| InputError::reading(name, error))?;
        let first = decoder.report.bytes == 0;
        if first
            && !binary
            && let Some(offset) = block[..read.min(LOOKS_BINARY_WITHIN)].iter().position(|b| *b == 0)
        {
            return Err(InputError::Binary { path: name.to_owned(), offset });
        }
        decoder.take(&block[..read], take);
        if read < block.len() {
            return Ok(decoder.finish(take));
        }
    }
}

/// Reads until the block is full or the source ends: a pipe gives a little at a time.
fn fill(reader: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match reader.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Turns bytes into text block by block; a character that a block cuts in two waits for the next.
#[derive(Default)]
struct Decoder {
    report: ReadReport,
    waiting: Vec<u8>,
}

impl Decoder {
    fn take(&mut self, bytes: &[u8], take: &mut dyn FnMut(&str)) {
        let start = self.report.bytes - self.waiting.len() as u64;
        self.report.bytes += bytes.len() as u64;
        if self.waiting.is_empty() {
            return self.decode(start, bytes, take);
        }
        // At most three bytes wait, so completing one character from the next block is enough to let the rest go by uncopied.
        let mut joined = std::mem::take(&mut self.waiting);
        let (head, tail) = bytes.split_at(bytes.len().min(4));
        joined.extend_from_slice(head);
        self.decode(start, &joined, take);
        if self.waiting.is_empty() {
            self.decode(start + joined.len() as u64, tail, take);
        } else {
            let start = start + (joined.len() - self.waiting.len()) as u64;
            let mut rest = std::mem::take(&mut self.waiting);
            rest.extend_from_slice(tail);
            self.decode(start, &rest, take);
        }
    }

    /// `start` is the offset of `bytes` in the source.
    fn decode(&mut self, start: u64, mut bytes: &[u8], take: &mut dyn FnMut(&str)) {
        let mut start = start;
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok("") => return,
                Ok(text) => return take(text),
                Err(error) => error,
            };
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            if let Ok(text) = std::str::from_utf8(valid)
                && !text.is_empty()
            {
                take(text);
            }
            start += valid.len() as u64;
            let Some(broken) = error.error_len() else {
                self.waiting = rest.to_vec();
                return;
            };
            self.replace(start, take);
            start += broken as u64;
            bytes = &rest[broken..];
        }
    }

    fn replace(&mut self, at: u64, take: &mut dyn FnMut(&str)) {
        self.report.replaced += 1;
        self.report.first_replaced.get_or_insert(at);
        take("\u{FFFD}");
    }

    fn finish(mut self, take: &mut dyn FnMut(&str)) -> ReadReport {
        if !self.waiting.is_empty() {
            // A character that the end cut off is one U+FFFD, as in `from_utf8_lossy`.
            self.replace(self.report.bytes - self.waiting.len() as u64, take);
        }
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(bytes: &[u8], cuts: &[usize]) -> (String, ReadReport) {
        let (mut text, mut decoder, mut rest) = (String::new(), Decoder::default(), bytes);
        for cut in cuts {
            let (block, after) = rest.split_at((*cut).min(rest.len()));
            decoder.take(block, &mut |t| text.push_str(t));
            rest = after;
        }
        decoder.take(rest, &mut |t| text.push_str(t));
        let report = decoder.finish(&mut |t| text.push_str(t));
        (text, report)
    }

    proptest! {
        #[test]
        fn blocks_decode_as_the_whole_does(
            parts in prop::collection::vec(prop_oneof![
                any::<char>().prop_map(|c| c.to_string().into_bytes()),
                prop::collection::vec(any::<u8>(), 0..4),
                Just(vec![0xF0, 0x9F, 0x98]),
                Just(vec![0xE2, 0x82]),
            ], 0..40),
            cuts in prop::collection::vec(0_usize..6, 0..60),
        ) {
            let bytes = parts.concat();
            let whole = String::from_utf8_lossy(&bytes);
            let (text, report) = decoded(&bytes, &cuts);
            prop_assert_eq!(&text, &whole);
            prop_assert_eq!(report.bytes, bytes.len() as u64);
            let first = std::str::from_utf8(&bytes).err().map(|e| e.valid_up_to() as u64);
            prop_assert_eq!(report.first_replaced, first);
        }
    }

    #[test]
    fn utf_16_with_a_mark_is_read_as_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut text = String::new();
            read_blocks(&Source::File(path.clone()), false, &mut |block| text.push_str(block)).map(|_| text)
        };
        let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
        let text = "Grüße: 12 € \u{1F600}\n";
        let little: Vec<u8> = units(&format!("\u{FEFF}{text}")).iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units(&format!("\u{FEFF}{text}")).iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(read(&little).unwrap(), text);
        assert_eq!(read(&big).unwrap(), text);
        assert_eq!(read(b"\xff\xfe").unwrap(), "");
        assert_eq!(read(b"\xff\xfea").unwrap(), "\u{FFFD}"); // half a unit
        assert!(matches!(read(b"\xff\xfe\0\0a\0\0\0"), Err(InputError::Binary { offset: 2, .. }))); // UTF-32
        assert!(matches!(read(b"a\0b\0"), Err(InputError::Binary { offset: 1, .. }))); // UTF-16 that does not say so
        assert_eq!(read(b"ab").unwrap(), "ab");
    }

    #[test]
    fn what_was_not_text_is_said() {
        let (text, report) = decoded(b"caf\xe9 cr\xe8me", &[4]);
        assert_eq!(text, "caf\u{FFFD} cr\u{FFFD}me");
        assert_eq!(report.note().unwrap(), "not UTF-8 in 2 places, the first at byte 3: counted as U+FFFD");
    }
}
