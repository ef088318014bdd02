//! Reads text as a stream of blocks, in flat memory: files, standard input and text at hand.
//!
//! Bytes that are not UTF-8 become U+FFFD exactly as [`String::from_utf8_lossy`] of the whole would have it, wherever
//! the blocks happen to end, and the reader says how many and where. A byte-order mark is text like any other. Begin at
//! [`read_blocks`]; [`walk`] turns what a user named into files.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

/// How much is read at a time.
pub const BLOCK: usize = 1 << 18;

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

    /// Opens it.
    ///
    /// # Errors
    /// [`InputError`] where there is no such file, or it is a folder.
    pub fn open(&self) -> Result<Box<dyn Read + '_>, InputError> {
        match self {
            Source::Text(text) => Ok(Box::new(Cursor::new(text.as_bytes()))),
            Source::Stdin => Ok(Box::new(io::stdin().lock())),
            Source::File(path) => Ok(Box::new(open_file(path)?)),
        }
    }
}

/// Why text cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is no such file.
    #[error("{path}: no such file{}", similar.as_ref().map_or_else(String::new, |s| format!("\n  help: did you mean {s}?")))]
    Missing {
        /// The path, as the user named it.
        path: String,
        /// A file beside it whose name is similar.
        similar: Option<String>,
    },
    /// It is a folder.
    #[error("{path}: is a folder\n  help: name its files; `farebox count {path}` counts a folder")]
    Folder {
        /// The path, as the user named it.
        path: String,
    },
    /// It is not text.
    #[error(
        "{path}: is not text: a NUL byte stands at offset {offset}\n  help: pass --binary to count its bytes as text anyway"
    )]
    Binary {
        /// The path, as the user named it.
        path: String,
        /// Where the first NUL byte stands.
        offset: usize,
    },
    /// A pattern that no file matches.
    #[error(
        "{pattern}: no file matches\n  help: quote the pattern so that the shell leaves it alone, and check the folder it begins in"
    )]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A folder with nothing in it that is looked for.
    #[error("{path}: no file in this folder is called like {wanted}\n  help: name the files themselves")]
    Nothing {
        /// The folder, as the user named it.
        path: String,
        /// What files are looked for, for people.
        wanted: String,
    },
    /// An archive that is not read, or not to its end.
    #[error("{path}: {what}\n  help: {help}")]
    Archive {
        /// The path, as the user named it, and the file inside of it.
        path: String,
        /// What is wrong with it.
        what: String,
        /// The next step.
        help: String,
    },
    /// The system refuses.
    #[error("{path}: cannot be read: {error}")]
    Reading {
        /// The path, as the user named it.
        path: String,
        /// What the system says.
        error: io::Error,
    },
}

impl InputError {
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
                | InputError::Binary { .. }
                | InputError::NoMatch { .. }
                | InputError::Nothing { .. }
        )
    }
}

/// What a text was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Bytes read.
    pub bytes: u64,
    /// How many U+FFFD stand for bytes that are not UTF-8.
    pub replaced: u64,
    /// Offset of the first byte that is not UTF-8.
    pub first_replaced: Option<u64>,
}

impl ReadReport {
    /// One line about what was not text; `None` where all was.
    #[must_use]
    pub fn note(&self) -> Option<String> {
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
    let wanted = path.file_name()?.to_string_lossy().to_lowercase();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names =
        folder.read_dir().ok()?.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let scored = names.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let near = path.with_file_name(name);
    (score > 0.88).then(|| near.display().to_string())
}

/// All bytes of a small file, such as a price file.
///
/// # Errors
/// [`InputError`] where there is no such file, it is a folder, or the system refuses.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    open_file(path)?
        .read_to_end(&mut bytes)
        .map_err(|error| InputError::reading(&path.display().to_string(), error))?;
    Ok(bytes)
}

/// Reads a source to its end and hands it over in blocks of valid text, in order.
///
/// `binary` reads on where the text looks binary.
///
/// # Errors
/// [`InputError`]; blocks before a failure in the middle have been handed over by then.
pub fn read_blocks(source: &Source, binary: bool, take: &mut dyn FnMut(&str)) -> Result<ReadReport, InputError> {
    let mut reader = source.open()?;
    let mut decoder = Decoder::default();
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(&mut *reader, &mut block).map_err(|error| InputError::reading(&source.name(), error))?;
        let first = decoder.report.bytes == 0;
        if first
            && !binary
            && let Some(offset) = block[..read.min(LOOKS_BINARY_WITHIN)].iter().position(|b| *b == 0)
        {
            return Err(InputError::Binary { path: source.name(), offset });
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

/// The files that a path means: itself, every file below a folder (ignore rules respected, hidden files left out), or
/// every file that a pattern matches. In one order on every machine.
///
/// # Errors
/// [`InputError`] where there is nothing of that name.
pub fn walk(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    let shown = path.to_string_lossy();
    if path.exists() || !shown.contains(['*', '?', '[']) {
        return if path.is_dir() { Ok(below(path)) } else { Ok(vec![path.to_owned()]) };
    }
    let no_match = || InputError::NoMatch { pattern: shown.clone().into_owned() };
    let pattern =
        globset::GlobBuilder::new(&shown).literal_separator(true).build().map_err(|_| no_match())?.compile_matcher();
    let fixed: PathBuf =
        path.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '['])).collect();
    let start = if fixed.as_os_str().is_empty() { Path::new(".") } else { &fixed };
    let named = |file: &PathBuf| pattern.is_match(file.strip_prefix("./").unwrap_or(file));
    let files: Vec<PathBuf> = below(start).into_iter().filter(named).collect();
    if files.is_empty() { Err(no_match()) } else { Ok(files) }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(folder).require_git(false).sort_by_file_path(Path::cmp).build();
    let is_file = |entry: &ignore::DirEntry| entry.file_type().is_some_and(|kind| kind.is_file());
    walk.filter_map(Result::ok).filter(is_file).map(ignore::DirEntry::into_path).collect()
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
    fn what_was_not_text_is_said() {
        let (text, report) = decoded(b"caf\xe9 cr\xe8me", &[4]);
        assert_eq!(text, "caf\u{FFFD} cr\u{FFFD}me");
        assert_eq!(report.note().unwrap(), "not UTF-8 in 2 places, the first at byte 3: counted as U+FFFD");
    }

    #[test]
    fn a_folder_gives_its_files_without_the_ignored_ones() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
        };
        ["b.txt", "a/c.txt", "a/d.log", ".hidden"].into_iter().for_each(file);
        std::fs::write(dir.path().join(".gitignore"), "*.log\n").unwrap();
        let names = |files: Vec<PathBuf>| -> Vec<String> {
            files.iter().map(|f| f.strip_prefix(dir.path()).unwrap().to_string_lossy().replace('\\', "/")).collect()
        };
        assert_eq!(names(walk(dir.path()).unwrap()), ["a/c.txt", "b.txt"]);
        assert_eq!(names(walk(&dir.path().join("*/*.txt")).unwrap()), ["a/c.txt"]);
        assert!(matches!(walk(&dir.path().join("*.md")), Err(InputError::NoMatch { .. })));
    }
}
