//! What `count`, `estimate` and `compare` share about inputs: what each is taken for, the requests in it, and attachments
//! named by flags.

use std::fmt;
use std::io::{self, Cursor, Read};

use clap::Args;
use serde_json::Value;

use super::plural;
use crate::cli::error::Error;
use farebox::conversation::{Conversation, Media, Message, Part, Role};
use farebox::input::chat::{Read as Asked, holds_requests, requests};
use farebox::input::lines::Lines;
use farebox::input::media::{Kind, named};
use farebox::input::text::{InputError, Source};

/// Attachments next to the text.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Attachments")]
pub(crate) struct MediaFlags {
    /// An image: a file, or its size, with how closely it is looked at: photo.png, 1024x768, 1024x768:low; repeatable
    #[arg(long = "image", value_name = "FILE|WxH[:DETAIL]")]
    pub images: Vec<String>,
    /// A recording: a file, or its length: talk.mp3, 30s, 1m30s; repeatable
    #[arg(long = "audio", value_name = "FILE|TIME")]
    pub audio: Vec<String>,
    /// A video: a file, or its length: 60s; repeatable
    #[arg(long = "video", value_name = "FILE|TIME")]
    pub video: Vec<String>,
    /// A PDF: a file, or its number of pages; repeatable
    #[arg(long = "pdf", value_name = "FILE|PAGES")]
    pub pdf: Vec<String>,
}

impl MediaFlags {
    /// Whether no attachment is named.
    pub const fn is_empty(&self) -> bool {
        self.images.is_empty() && self.audio.is_empty() && self.video.is_empty() && self.pdf.is_empty()
    }

    /// What the flags name, each with the name that rows carry.
    pub fn read(&self) -> Result<Vec<(String, Media)>, Error> {
        let kinds = [
            ("image", Kind::Image, &self.images),
            ("audio", Kind::Audio, &self.audio),
            ("video", Kind::Video, &self.video),
            ("pdf", Kind::Document, &self.pdf),
        ];
        let each = kinds.iter().flat_map(|(name, kind, texts)| texts.iter().map(move |text| (name, *kind, text)));
        each.map(|(name, kind, text)| Ok((format!("{name} {text}"), named(kind, text)?))).collect()
    }
}

/// A request that holds an attachment and nothing else.
pub(crate) fn alone(media: Media) -> Conversation {
    let messages = vec![Message::of_parts(Role::User, vec![Part::Media(media)])];
    Conversation { messages, is_plain: true, ..Conversation::default() }
}

/// Where a request is in its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The line on which it begins.
    pub line: Option<u64>,
    /// Its number in a list, from 1, where the source is one.
    pub item: Option<usize>,
}

impl Spot {
    pub const fn line(number: u64) -> Spot {
        Spot { line: Some(number), item: None }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.line.unwrap_or(1))?;
        self.item.map_or(Ok(()), |item| write!(f, ": request {item}"))
    }
}

/// What inputs are to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAs {
    /// What their first bytes show.
    Detected,
    /// Requests, whatever they look like.
    Requests,
    /// Plain text, whatever it looks like.
    Text,
}

/// An input that is open, and what it was taken for.
///
/// `count`, `estimate` and `compare` all open their inputs here, so that they read a file as the same thing.
pub(crate) struct Input<'s> {
    /// What reports call it.
    pub name: String,
    /// Everything in it: what was looked at to tell what it is can be read again.
    pub reader: Box<dyn Read + 's>,
    /// Whether it holds requests; plain text otherwise.
    pub holds_requests: bool,
    /// Whether it was named as a file.
    pub is_file: bool,
}

impl<'s> Input<'s> {
    /// Opens a source and decides what it is. Text of the command line is plain text where nothing else is said.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be opened or read.
    pub fn open(source: &'s Source, read_as: ReadAs) -> Result<Input<'s>, InputError> {
        let name = source.name();
        let mut reader = source.open()?;
        let failed = |error| InputError::reading(&source.name(), error);
        let holds_requests = match (read_as, source) {
            (ReadAs::Requests, _) => true,
            (ReadAs::Text, _) | (ReadAs::Detected, Source::Text(_)) => false,
            (ReadAs::Detected, _) if is_regular(source) => {
                let holds = holds_requests(&mut reader).map_err(failed)?;
                reader = source.open()?;
                holds
            }
            // A pipe gives its bytes only once.
            (ReadAs::Detected, _) => {
                let mut seen = Vec::new();
                let holds = holds_requests(&mut Tee { reader: &mut reader, seen: &mut seen }).map_err(failed)?;
                reader = Box::new(Cursor::new(seen).chain(reader));
                holds
            }
        };
        Ok(Input { name, reader, holds_requests, is_file: matches!(source, Source::File(_)) })
    }

    /// The same input a second time, for what is counted both as requests and as text.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be read, or a pipe holds more than fits into memory.
    pub fn again(&mut self, source: &'s Source) -> Result<Input<'s>, InputError> {
        let (name, holds_requests, is_file) = (self.name.clone(), self.holds_requests, self.is_file);
        if is_regular(source) {
            return Ok(Input { name, reader: source.open()?, holds_requests, is_file });
        }
        let mut bytes = Vec::new();
        let most = LONGEST_DOCUMENT as u64 + 1;
        let read = (&mut self.reader).take(most).read_to_end(&mut bytes);
        read.map_err(|error| InputError::reading(&self.name, error))?;
        if bytes.len() > LONGEST_DOCUMENT {
            let error = io::Error::other(format!(
                "it is longer than {} MiB, too long to be counted twice from a pipe; write it to a file first",
                LONGEST_DOCUMENT >> 20
            ));
            return Err(InputError::reading(&self.name, error));
        }
        self.reader = Box::new(Cursor::new(bytes.clone()));
        Ok(Input { name, reader: Box::new(Cursor::new(bytes)), holds_requests, is_file })
    }
}

/// Whether a source can be opened again and reads the same.
fn is_regular(source: &Source) -> bool {
    matches!(source, Source::File(path) if path.is_file())
}

/// Keeps everything that is read through it.
struct Tee<'t, R> {
    reader: R,
    seen: &'t mut Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.seen.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// The longest JSON document, or line of JSON, that is read as requests, in bytes: the most that Anthropic takes as one batch.
const LONGEST_DOCUMENT: usize = 256 << 20;

/// How many requests an input held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub requests: u64,
    /// How many of them were lines of a batch.
    pub batch: u64,
}

impl Tally {
    pub fn add(&mut self, request: &Conversation) {
        self.requests += 1;
        self.batch += u64::from(request.is_batch);
    }

    /// What an input was taken for, for people.
    pub fn shown(self) -> String {
        match (self.batch, self.requests) {
            (0, n) => plural(n, "request"),
            (batch, n) if batch == n => plural(n, "batch request"),
            (batch, n) => format!("{}, {batch} of them of a batch", plural(n, "request")),
        }
    }
}

type Each<'e> = &'e mut dyn FnMut(Spot, Asked) -> Result<(), Error>;

/// Calls `each` for every request of an input: a line each, or one document over many lines.
///
/// A line or document that is too long is handed over as an error like any other bad one, and reading goes on behind it.
pub(crate) fn each_request(input: Input<'_>, each: Each) -> Result<(), Error> {
    let mut lines = Lines::of(input.name, input.reader, LONGEST_DOCUMENT);
    let mut is_first = true;
    loop {
        let (number, line) = match lines.next_line() {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(()),
            Err(InputError::LongLine { line, limit, .. }) => {
                each(Spot::line(line), Err(too_long(limit)))?;
                is_first = false;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => hand_over(number, value, each)?,
            // The first line of a document that goes on.
            Err(error) if is_first && error.is_eof() => {
                let first = line.to_vec();
                if !document(number, first, &mut lines, each)? {
                    return Ok(());
                }
            }
            Err(error) => each(Spot::line(number), Err(not_json(&error)))?,
        }
        is_first = false;
    }
}

/// A document over many lines, or lines of which the first is cut off; whether there are more lines to read.
fn document(start: u64, mut whole: Vec<u8>, lines: &mut Lines<'_>, each: Each) -> Result<bool, Error> {
    let is_whole = loop {
        if whole.len() > LONGEST_DOCUMENT {
            break false;
        }
        match lines.next_line() {
            Ok(Some((_, line))) => {
                whole.push(b'\n');
                whole.extend_from_slice(line);
            }
            Ok(None) => break true,
            Err(InputError::LongLine { line, limit, .. }) => {
                each(Spot::line(line), Err(too_long(limit)))?;
                break false;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let error = match serde_json::from_slice::<Value>(&whole) {
        Ok(value) => return hand_over(start, value, each).map(|()| !is_whole),
        Err(error) => error,
    };
    let list: Vec<&[u8]> = whole.split(|b| *b == b'\n').collect();
    let parsed = |line: &&[u8]| serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object());
    if !list.iter().any(parsed) {
        let at = start + (error.line() as u64).saturating_sub(1);
        let problem = if is_whole { (at, not_json(&error)) } else { (start, too_long(LONGEST_DOCUMENT)) };
        return each(Spot::line(problem.0), Err(problem.1)).map(|()| false);
    }
    for (number, line) in (start..).zip(list).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)) {
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => hand_over(number, value, each)?,
            Err(error) => each(Spot::line(number), Err(not_json(&error)))?,
        }
    }
    Ok(!is_whole)
}

fn hand_over(line: u64, value: Value, each: Each) -> Result<(), Error> {
    let read = requests(value);
    let several = read.len() > 1;
    for (i, request) in read.into_iter().enumerate() {
        each(Spot { line: Some(line), item: several.then_some(i + 1) }, request)?;
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("not JSON: {what} at column {}", error.column())
}

fn too_long(limit: usize) -> String {
    format!("longer than {} MiB\n  help: put one request on each line of JSON Lines", limit >> 20)
}
