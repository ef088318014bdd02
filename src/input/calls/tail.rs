//! A file that grows, read on from where it ended the last time.
//!
//! Only whole lines are read; the beginning of one waits for its end. A file that was cut short, or that another took the
//! place of, begins again, and [`Grown::Again`] says so: where the last bytes that were read no longer stand where they
//! stood, nothing before them can be relied on either. The file is kept open, so that what was written to it before it was
//! renamed or deleted is read all the same ([`Tail::leave`]), and [`ReadSoFar`] tells a copy of it from another file. Begin
//! at [`Tail::grow`].

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cassette::begins_cassette;
use super::chunks::{Chunk, Chunks, LONGEST};
use super::open::{DATABASE, PARQUET};
use super::{Reading, begins_table, read_chunk};
use crate::input::dialect::Item;
use crate::input::dialect::table::read_table;
use crate::input::json::{CUT_OFF, Walk};
use crate::input::text::{InputError, open_file};

/// So many of the bytes that were read last are remembered.
const MARK: usize = 64;

/// So many of the first bytes are remembered.
const HEAD: usize = 256;

/// A file and how far it was read.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    form: Option<TailForm>,
    /// The length when it was looked at last, and when it had been written to.
    length: u64,
    modified: Option<SystemTime>,
    /// How many bytes were read: whole lines.
    offset: u64,
    /// The number of the next line.
    line: u64,
    /// The bytes before `offset`.
    mark: Vec<u8>,
    file: Option<FileId>,
    /// The first bytes.
    head: Vec<u8>,
    /// The file itself, kept open.
    held: Option<File>,
    /// Whether its name leads to another file, or to none.
    is_gone: bool,
    /// What was read of it before it was cut short.
    before: Option<ReadSoFar>,
}

/// How far a file was read that may return under another name, or as a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSoFar {
    /// The first bytes, at most 256 and no more than were read.
    head: Vec<u8>,
    /// How many bytes were read.
    offset: u64,
    /// The last of them, at most 64.
    mark: Vec<u8>,
    /// The number of the next line.
    line: u64,
}

/// What a file is next to one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Another one.
    Other,
    /// It has the same bytes, as far as it goes, and does not go as far.
    Shorter,
    /// It has everything that was read.
    Copy,
}

impl ReadSoFar {
    /// What a file is next to this one.
    ///
    /// # Errors
    /// [`io::Error`] where it cannot be read.
    pub fn likeness(&self, file: &mut File) -> io::Result<Likeness> {
        let length = file.metadata()?.len();
        let common = length.min(self.offset);
        let head = bytes_at(file, 0, self.head.len().min(common as usize))?;
        if !self.begins_like(&head) {
            return Ok(Likeness::Other);
        }
        if common < self.offset {
            return Ok(Likeness::Shorter);
        }
        let mark = bytes_at(file, self.offset - self.mark.len() as u64, self.mark.len())?;
        Ok(if mark == self.mark { Likeness::Copy } else { Likeness::Other })
    }

    /// How many bytes were read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether a text begins as this one does, as far as both go.
    #[must_use]
    pub fn begins_like(&self, text: &[u8]) -> bool {
        begin_alike(&self.head, text)
    }
}

/// Whether two texts begin alike, as far as both go; nothing is like nothing.
fn begin_alike(one: &[u8], other: &[u8]) -> bool {
    let common = one.len().min(other.len());
    common > 0 && one.get(..common) == other.get(..common)
}

/// What a file holds, by its first line.
#[derive(Debug)]
enum TailForm {
    Lines,
    /// A table with this head.
    Table(Vec<u8>),
}

/// What became of a file since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grown {
    /// Nothing.
    Same,
    /// Whole lines came.
    More,
    /// It was read from its start again, for a reason.
    Again(&'static str),
    /// It does not grow line by line, for a reason; it has to be read at once.
    Never(&'static str),
}

/// Takes items with their lines.
pub(crate) type TakeItem<'t> = dyn FnMut(u64, Item<'static>) + 't;

impl Tail {
    /// Of a file that nothing was read of.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Tail {
            path: path.to_owned(),
            form: None,
            length: 0,
            modified: None,
            offset: 0,
            line: 1,
            mark: Vec::new(),
            file: None,
            head: Vec::new(),
            held: None,
            is_gone: false,
            before: None,
        }
    }

    /// Of a file that has everything that was read of another: it goes on behind that.
    #[must_use]
    pub fn behind(path: &Path, read: ReadSoFar) -> Self {
        let ReadSoFar { offset, mark, line, head, .. } = read;
        Tail { offset, mark, line, head, ..Tail::new(path) }
    }

    /// How far it was read; `None` where nothing was.
    #[must_use]
    pub fn read_so_far(&self) -> Option<ReadSoFar> {
        let Tail { head, offset, mark, line, .. } = self;
        let read = || ReadSoFar {
            head: head.iter().copied().take(*offset as usize).collect(),
            offset: *offset,
            mark: mark.clone(),
            line: *line,
        };
        (*offset > 0 && !head.is_empty()).then(read)
    }

    /// What was read of it before it was cut short, once.
    pub fn take_before(&mut self) -> Option<ReadSoFar> {
        self.before.take()
    }

    /// Whether its name leads to another file now, or to none.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        let Some(own) = self.file.as_ref().filter(|_| !self.is_gone) else { return false };
        match std::fs::metadata(&self.path) {
            Ok(meta) => FileId::of(&meta).is_some_and(|id| id != *own),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Reads on in the file itself from here on, wherever its name leads. Says whether it can.
    pub fn leave(&mut self) -> bool {
        self.is_gone = self.held.is_some();
        self.is_gone
    }

    /// Whether its name leads elsewhere.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Closes the file until it is read again, unless its name leads elsewhere.
    pub fn release(&mut self) {
        if !self.is_gone {
            self.held = None;
        }
    }

    /// Whether another file has the same bytes before a place, as far as is remembered of any file.
    ///
    /// # Errors
    /// [`io::Error`] where one of both cannot be read.
    pub fn is_alike_before(&self, place: u64, other: &mut File) -> io::Result<bool> {
        let length = MARK.min(place as usize);
        let from = place - length as u64;
        let own = match &self.held {
            Some(held) => bytes_at(&mut held.try_clone()?, from, length)?,
            None => bytes_at(&mut File::open(&self.path)?, from, length)?,
        };
        Ok(own == bytes_at(other, from, length)?)
    }

    /// How long the file is now; `None` where it is gone.
    #[must_use]
    pub fn length_now(&self) -> Option<u64> {
        let meta = match &self.held {
            Some(held) => held.metadata(),
            None => std::fs::metadata(&self.path),
        };
        meta.ok().map(|meta| meta.len())
    }

    /// Whether a text begins as what was read of it, as far as both go.
    #[must_use]
    pub fn begins_like(&self, text: &[u8]) -> bool {
        begin_alike(&self.head, text)
    }

    /// What tells the file from others, where the system says and something was read.
    #[must_use]
    pub fn id(&self) -> Option<&FileId> {
        self.file.as_ref()
    }

    /// The file.
    #[must_use]
    #[cfg(feature = "folders")]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many of its bytes were read.
    #[must_use]
    #[cfg(feature = "folders")]
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the whole lines that came since the last time.
    ///
    /// # Errors
    /// [`InputError`] where the file is gone or cannot be read; it may be there again the next time.
    ///
    /// # Examples
    /// ```
    /// use farebox::input::calls::{Reading, tail::{Grown, Tail}};
    /// use std::io::Write;
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("log.jsonl");
    /// let record = "{\"model\":\"gpt-4o\",\"input_tokens\":5,\"output_tokens\":1}\n";
    /// std::fs::write(&path, record)?;
    /// let mut tail = Tail::new(&path);
    /// let mut lines = Vec::new();
    /// assert_eq!(tail.grow(&Reading::default(), &mut |line, _| lines.push(line))?, Grown::More);
    /// std::fs::OpenOptions::new().append(true).open(&path)?.write_all(record.as_bytes())?;
    /// assert_eq!(tail.grow(&Reading::default(), &mut |line, _| lines.push(line))?, Grown::More);
    /// assert_eq!(lines, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&mut self, reading: &Reading, take: &mut TakeItem) -> Result<Grown, InputError> {
        let mut file = match (self.is_gone, self.held.take()) {
            (true, Some(held)) => held,
            // It could not be read the last time, and nothing leads to it.
            (true, None) => return Ok(Grown::Same),
            (false, held) => {
                self.held = held;
                open_file(&self.path)?
            }
        };
        self.grow_after(&mut file, reading, take)
            .inspect(|_| self.held = Some(file))
            .map_err(|error| InputError::reading(&self.path.display().to_string(), error))
    }

    /// Reads on in a file, behind what came before it took the place of the one that is open.
    fn grow_after(&mut self, file: &mut File, reading: &Reading, take: &mut TakeItem) -> io::Result<Grown> {
        if self.is_another(&file.metadata()?)
            && let Some(mut old) = self.held.take()
        {
            self.grow_in(&mut old, reading, take)?;
        }
        self.grow_in(file, reading, take)
    }

    /// Reads what is left of a file that nothing writes to: a last line may have no end.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be read.
    pub fn finish(&mut self, reading: &Reading, take: &mut TakeItem) -> Result<(), InputError> {
        let Some(mut file) = self.held.take() else { return Ok(()) };
        self.finish_in(&mut file, reading, take)
            .map_err(|error| InputError::reading(&self.path.display().to_string(), error))
    }

    fn finish_in(&mut self, file: &mut File, reading: &Reading, take: &mut TakeItem) -> io::Result<()> {
        self.grow_in(file, reading, take)?;
        let length = file.metadata()?.len();
        if length > self.offset {
            self.read_to(file, length, reading, take)?;
        }
        Ok(())
    }

    fn is_another(&self, meta: &Metadata) -> bool {
        self.file.is_some() && FileId::of(meta).is_some_and(|id| self.file.as_ref() != Some(&id))
    }

    fn grow_in(&mut self, file: &mut File, reading: &Reading, take: &mut TakeItem) -> io::Result<Grown> {
        let meta = file.metadata()?;
        let again = self.began_again(file, &meta)?;
        if again.is_some() {
            *self = Tail { before: self.read_so_far(), is_gone: self.is_gone, ..Tail::new(&self.path) };
        }
        self.file = FileId::of(&meta);
        self.modified = meta.modified().ok();
        let more = |read: bool| again.map_or(if read { Grown::More } else { Grown::Same }, Grown::Again);
        if self.length == meta.len() {
            return Ok(more(false));
        }
        self.length = meta.len();
        if self.form.is_none() {
            // What was read of another file has the beginning.
            let is_behind = self.offset > 0;
            match form_of(file, reading)? {
                Start::Lines(skipped) => {
                    self.form = Some(TailForm::Lines);
                    self.offset = if is_behind { self.offset } else { skipped };
                }
                Start::Table(skipped, head) => {
                    if !is_behind {
                        (self.offset, self.line) = (skipped + head.len() as u64, 1 + newlines(&head));
                    }
                    self.form = Some(TailForm::Table(head));
                }
                Start::Unfinished => return Ok(more(false)),
                Start::Never(why) => return Ok(Grown::Never(why)),
            }
        }
        let end = match self.form {
            Some(TailForm::Table(_)) => end_of_rows(file, self.offset, self.length)?,
            _ => end_of_lines(file, self.offset, self.length)?,
        };
        if end <= self.offset {
            return Ok(more(false));
        }
        self.read_to(file, end, reading, take)?;
        Ok(more(true))
    }

    /// Reads on to a place of the file.
    fn read_to(&mut self, file: &mut File, end: u64, reading: &Reading, take: &mut TakeItem) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.offset))?;
        let text = file.by_ref().take(end - self.offset);
        self.line = match &self.form {
            Some(TailForm::Table(head)) => read_rows(head, text, self.line, reading, take),
            _ => read_lines(text, self.line, reading, take),
        };
        self.offset = end;
        self.mark = bytes_at(file, end.saturating_sub(MARK as u64), MARK.min(end as usize))?;
        if self.head.len() < HEAD {
            self.head = bytes_at(file, 0, HEAD.min(end as usize))?;
        }
        Ok(())
    }

    /// Why what was read is no longer the beginning of the file.
    fn began_again(&self, file: &mut File, meta: &Metadata) -> io::Result<Option<&'static str>> {
        if self.is_another(meta) {
            return Ok(Some("another file took its place"));
        }
        if meta.len() < self.offset || meta.len() < self.length {
            return Ok(Some("it was cut short"));
        }
        let is_untouched = meta.len() == self.length && meta.modified().ok() == self.modified;
        if self.mark.is_empty() || is_untouched {
            return Ok(None);
        }
        let mark = bytes_at(file, self.offset - self.mark.len() as u64, self.mark.len())?;
        Ok((mark != self.mark).then_some("it was written anew"))
    }
}

/// What tells a file from another of the same name, where the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "other systems do not say")]
    pub(crate) fn of(meta: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(FileId(meta.dev(), meta.ino()))
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

enum Start {
    /// Lines of records, behind so many bytes of a mark.
    Lines(u64),
    /// A table with its head, behind so many bytes of a mark.
    Table(u64, Vec<u8>),
    /// The first line has no end yet.
    Unfinished,
    Never(&'static str),
}

fn form_of(file: &mut File, reading: &Reading) -> io::Result<Start> {
    let start = bytes_at(file, 0, 1 << 16)?;
    let packed = [&[0x1f, 0x8b][..], &[0x28, 0xb5, 0x2f, 0xfd], b"PK\x03\x04", b"PK\x05\x06"];
    if packed.iter().any(|magic| start.starts_with(magic)) {
        return Ok(Start::Never("it is compressed"));
    }
    if start.starts_with(DATABASE) {
        return Ok(Start::Never("it is a database"));
    }
    if start.starts_with(PARQUET) {
        return Ok(Start::Never("it is a Parquet file"));
    }
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Ok(Start::Never("it is UTF-16"));
    }
    let marked = if start.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    let text = start.get(marked..).unwrap_or_default();
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Ok(Start::Never("it is one list"));
    }
    if begins_cassette(text) {
        return Ok(Start::Never("it is a recording in YAML"));
    }
    if !text.contains(&b'\n') && start.len() < 1 << 16 {
        return Ok(Start::Unfinished);
    }
    if !begins_table(text, reading) {
        return Ok(Start::Lines(marked as u64));
    }
    let head = row_ends(text, true).next().and_then(|end| text.get(..end));
    Ok(head.map_or(Start::Never("its head is too long"), |head| Start::Table(marked as u64, head.to_vec())))
}

fn bytes_at(file: &mut File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where the last whole record ends that begins at or behind `from`: at the end of a line, and not inside of a document
/// over several.
fn end_of_lines(file: &mut File, from: u64, length: u64) -> io::Result<u64> {
    let mut window = 1_u64 << 16;
    loop {
        let start = length.saturating_sub(window).max(from);
        let bytes = bytes_at(file, start, (length - start) as usize)?;
        let all = start == from || window >= LONGEST as u64;
        let whole = memchr::memrchr(b'\n', &bytes).map(|at| at + 1);
        let Some(lines) = whole.and_then(|end| bytes.get(..end)) else {
            if all {
                // Nothing is whole, unless it is longer than any record may be.
                return Ok(if bytes.len() < LONGEST { from } else { length });
            }
            window *= 2;
            continue;
        };
        let opens = memchr::memrchr_iter(b'\n', lines).map(|at| at + 1).chain(all.then_some(0));
        let last = opens.into_iter().find(|at| lines.get(*at) == Some(&b'{'));
        match last {
            Some(at) => {
                let is_whole = is_whole(lines.get(at..).unwrap_or_default());
                return Ok(start + if is_whole { lines.len() } else { at } as u64);
            }
            None if all => return Ok(start + lines.len() as u64),
            None => window *= 2,
        }
    }
}

/// Whether a text begins with a value that ends in it, or with none that more text could end.
fn is_whole(text: &[u8]) -> bool {
    let mut walk = Walk::new(text);
    walk.value().err().is_none_or(|error| error.what != CUT_OFF)
}

/// Where the last whole row of a table ends.
fn end_of_rows(file: &mut File, from: u64, length: u64) -> io::Result<u64> {
    const STEP: u64 = 1 << 20;
    let (mut at, mut end, mut even) = (from, from, true);
    while at < length {
        let bytes = bytes_at(file, at, STEP.min(length - at) as usize)?;
        if bytes.is_empty() {
            break;
        }
        if let Some(rows) = row_ends(&bytes, even).last() {
            end = at + rows as u64;
        }
        even ^= memchr::memchr_iter(b'"', &bytes).count() % 2 == 1;
        at += bytes.len() as u64;
    }
    Ok(end)
}

/// Behind each line break outside of quotation marks.
fn row_ends(bytes: &[u8], mut outside: bool) -> impl Iterator<Item = usize> {
    memchr::memchr2_iter(b'"', b'\n', bytes).filter_map(move |at| {
        let is_quote = bytes.get(at) == Some(&b'"');
        outside ^= is_quote;
        (outside && !is_quote).then_some(at + 1)
    })
}

/// Reads lines and says the number of the next one.
fn read_lines(text: impl Read, line: u64, reading: &Reading, take: &mut TakeItem) -> u64 {
    let mut chunks = Chunks::of_lines(text, line);
    let mut chunk = Chunk::default();
    let mut next = line;
    while chunks.next_into(&mut chunk) {
        next = chunk.first_line + newlines(&chunk.bytes);
        read_chunk(&chunk, reading, &mut |line, item| take(line, item.into_owned()));
    }
    next
}

/// Reads rows under the head of their table and says the number of the next line.
fn read_rows(head: &[u8], text: impl Read, line: u64, reading: &Reading, take: &mut TakeItem) -> u64 {
    let before = 1 + newlines(head);
    let mut rows = CountLines { text, lines: 0 };
    let whole = Cursor::new(head).chain(&mut rows);
    let result = read_table(whole, &reading.columns, reading.from, &mut |at, item| {
        take(line + at.saturating_sub(before), item);
        true
    });
    if let Err(error) = result {
        take(line, Item::Bad(error));
    }
    line + rows.lines
}

/// A text whose line breaks are counted as it is read.
struct CountLines<R> {
    text: R,
    lines: u64,
}

impl<R: Read> Read for CountLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        self.lines += newlines(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
