//! What an input is taken for, text or requests, and the requests in it: [`Input::open`] and [`each_request`].
//!
//! `count`, `estimate` and `compare` all open their inputs here, so that they read a file as the same thing.

use std::fmt;
use std::io::{self, Cursor, Read};

use serde_json::Value;

use super::chat::{Api, Held, Read as Asked, RequestError, held, requests_by};
use super::deep;
use super::lines::Lines;
use super::surrogates;
use super::text::{InputError, Source};
use crate::conversation::{Conversation, Media, Message, Part, Role};
use crate::money::grouped;

/// A request that holds an attachment and nothing else.
#[must_use]
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
    /// A whole line.
    #[must_use]
    pub(crate) const fn line(number: u64) -> Spot {
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
pub enum ReadAs {
    /// What their first bytes show.
    Detected,
    /// Requests, whatever they look like.
    Requests,
    /// Plain text, whatever it looks like.
    Text,
}

/// An input that is open, and what it was taken for.
pub struct Input<'s> {
    /// What reports call it.
    pub name: String,
    /// Everything in it: what was looked at to tell what it is can be read again.
    pub reader: Box<dyn Read + 's>,
    /// Whether it holds requests; plain text otherwise.
    pub holds_requests: bool,
    /// Whether these are tools alone, as an MCP server lists them.
    pub holds_tools: bool,
    /// Whether it was named as a file.
    pub is_file: bool,
    /// The API that its requests are for, where the user named it.
    pub api: Option<Api>,
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
        let held = match (read_as, source) {
            (ReadAs::Text, _) | (ReadAs::Detected, Source::Text(_)) => Held::Text,
            _ if is_regular(source) => {
                let seen = held(&mut reader).map_err(failed)?;
                reader = source.open()?;
                seen
            }
            (ReadAs::Requests, _) => Held::Requests,
            // A pipe gives its bytes only once.
            (ReadAs::Detected, _) => {
                let mut seen = Vec::new();
                let holds = held(&mut Tee { reader: &mut reader, seen: &mut seen }).map_err(failed)?;
                reader = Box::new(Cursor::new(seen).chain(reader));
                holds
            }
        };
        let (holds_requests, holds_tools) = (read_as == ReadAs::Requests || held != Held::Text, held == Held::Tools);
        let is_file = matches!(source, Source::File(_));
        Ok(Input { name, reader, holds_requests, holds_tools, is_file, api: None })
    }

    /// The same input a second time, for what is counted both as requests and as text.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be read, or a pipe holds more than fits into memory.
    pub(crate) fn again(&mut self, source: &'s Source) -> Result<Input<'s>, InputError> {
        let (name, holds_requests, is_file) = (self.name.clone(), self.holds_requests, self.is_file);
        let (holds_tools, api) = (self.holds_tools, self.api);
        let open = |reader| Input { name, reader, holds_requests, holds_tools, is_file, api };
        if is_regular(source) {
            return Ok(open(source.open()?));
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
        Ok(open(Box::new(Cursor::new(bytes))))
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
    /// How many.
    pub requests: u64,
    /// How many of them were lines of a batch.
    pub batch: u64,
    /// How many tools there were, where nothing else was.
    pub tools: u64,
}

impl Tally {
    /// One more request.
    pub(crate) fn add(&mut self, request: &Conversation) {
        if request.is_addition {
            self.tools += request.tools.len() as u64;
            return;
        }
        self.requests += 1;
        self.batch += u64::from(request.is_batch);
    }

    /// What an input was taken for, for people.
    #[must_use]
    pub(crate) fn shown(self) -> String {
        match (self.batch, self.requests) {
            (0, 0) => counted(self.tools, "tool"),
            (0, n) => counted(n, "request"),
            (batch, n) if batch == n => counted(n, "batch request"),
            (batch, n) => format!("{}, {batch} of them of a batch", counted(n, "request")),
        }
    }
}

fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// What is done with each request, or with what is wrong with it.
pub(crate) type EachRequest<'e, E> = &'e mut dyn FnMut(Spot, Asked) -> Result<(), E>;

/// Calls `each` for every request of an input: a line each, or one document over many lines.
///
/// A line or document that is too long is handed over as an error like any other bad one, and reading goes on behind it.
///
/// # Errors
/// The input cannot be read on, or what `each` answers.
pub(crate) fn each_request<E: From<InputError>>(input: Input<'_>, each: EachRequest<'_, E>) -> Result<(), E> {
    let api = input.api;
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
        match read_json(line) {
            Ok(json) => hand_over(number, json, api, each)?,
            // The first line of a document that goes on.
            Err(error) if is_first && error.is_eof() => {
                let first = line.to_vec();
                if !document(number, first, &mut lines, api, each)? {
                    return Ok(());
                }
            }
            Err(error) => each(Spot::line(number), Err(error.into()))?,
        }
        is_first = false;
    }
}

/// A document over many lines, or lines of which the first is cut off; whether there are more lines to read.
fn document<E: From<InputError>>(
    start: u64,
    mut whole: Vec<u8>,
    lines: &mut Lines<'_>,
    api: Option<Api>,
    each: EachRequest<'_, E>,
) -> Result<bool, E> {
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
    let error = match read_json(&whole) {
        Ok(json) => return hand_over(start, json, api, each).map(|()| !is_whole),
        // What is whole is one document, whatever its lines are by themselves.
        Err(error @ UnreadJson::TooManyValues) if is_whole => {
            return each(Spot::line(start), Err(error.into())).map(|()| false);
        }
        Err(error) => error,
    };
    let list: Vec<&[u8]> = whole.split(|b| *b == b'\n').collect();
    let parsed = |line: &&[u8]| read_json(line).is_ok_and(|json| json.value.is_object());
    if !list.iter().any(parsed) {
        let at = start + error.line().saturating_sub(1);
        let problem = if is_whole { (at, error.into()) } else { (start, too_long(LONGEST_DOCUMENT)) };
        return each(Spot::line(problem.0), Err(problem.1)).map(|()| false);
    }
    for (number, line) in (start..).zip(list).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)) {
        match read_json(line) {
            Ok(json) => hand_over(number, json, api, each)?,
            Err(error) => each(Spot::line(number), Err(error.into()))?,
        }
    }
    Ok(!is_whole)
}

/// A value, and what was nested too deep to be in it.
struct ReadJson {
    value: Value,
    cut: Option<String>,
}

/// Why a line or a document is not read.
enum UnreadJson {
    NotJson(serde_json::Error),
    TooManyValues,
}

impl UnreadJson {
    /// Whether the text may go on.
    fn is_eof(&self) -> bool {
        matches!(self, UnreadJson::NotJson(error) if error.is_eof())
    }

    /// The line of the text, from 1.
    fn line(&self) -> u64 {
        match self {
            UnreadJson::NotJson(error) => error.line() as u64,
            UnreadJson::TooManyValues => 1,
        }
    }
}

impl From<UnreadJson> for RequestError {
    fn from(unread: UnreadJson) -> Self {
        match unread {
            UnreadJson::NotJson(error) => {
                let text = error.to_string();
                let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
                RequestError::NotJson { what: what.to_owned(), column: error.column() }
            }
            UnreadJson::TooManyValues => RequestError::TooManyValues { limit: MOST_VALUES },
        }
    }
}

/// The most values that a request, or a list of requests, may hold: a value takes up to a hundred times the memory of its text,
/// and the longest requests hold some thousands.
const MOST_VALUES: usize = 500_000;

/// Whether a text of JSON holds more values than may be read at once.
fn has_too_many_values(json: &[u8]) -> bool {
    // Each takes a comma or a bracket, and a byte of its own.
    if json.len() < 2 * MOST_VALUES {
        return false;
    }
    let (mut values, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b',' | b'{' | b'[' => values += 1,
            b'"' => {
                while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                    at += found + 1;
                    if json.get(at - 1) == Some(&b'"') {
                        break;
                    }
                    // What is escaped ends no text.
                    at += 1;
                }
            }
            _ => {}
        }
        if values > MOST_VALUES {
            return true;
        }
    }
    false
}

fn read_json(json: &[u8]) -> Result<ReadJson, UnreadJson> {
    if has_too_many_values(json) {
        return Err(UnreadJson::TooManyValues);
    }
    let read = |json: &[u8]| surrogates::read(json).map_err(UnreadJson::NotJson);
    let error = match read(json) {
        Ok(value) => return Ok(ReadJson { value, cut: None }),
        Err(error) => error,
    };
    let Some((kept, taken)) = deep::cut(json) else { return Err(error) };
    let cut = Some(String::from_utf8_lossy(&taken).into_owned());
    read(&kept).map(|value| ReadJson { value, cut })
}

fn hand_over<E>(line: u64, json: ReadJson, api: Option<Api>, each: EachRequest<'_, E>) -> Result<(), E> {
    let mut read = requests_by(json.value, api);
    if let Some(cut) = json.cut
        && let Some(Ok(request)) = read.first_mut()
    {
        request.unread.push(format!("what is nested deeper than {} levels", deep::DEEPEST));
        request.unread_json.push(cut);
    }
    let several = read.len() > 1;
    for (i, request) in read.into_iter().enumerate() {
        each(Spot { line: Some(line), item: several.then_some(i + 1) }, request)?;
    }
    Ok(())
}

fn too_long(limit: usize) -> RequestError {
    RequestError::TooLong { limit }
}
