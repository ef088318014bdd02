//! Cuts a text into chunks of whole records, so that memory stays flat and several threads can read.
//!
//! A text is a row of documents: lines of JSON, objects over several lines, lists. A list that is longer than a chunk is
//! handed out by its elements, and so is the list of records inside of an object that is longer than any record may be.
//! Each byte is looked at a fixed number of times, whatever the text is like.

use std::io::Read;
use std::sync::Arc;

use super::broken::{Brackets, BrokenTail, End, Stop, each_element, end_by_brackets, open_list, tail};
use crate::input::json::{CUT_OFF, Walk};

/// How much a chunk holds where its records are short.
const CHUNK: usize = 1 << 20;

/// The longest record in bytes. What is longer is skipped and reported.
pub const LONGEST: usize = 32 << 20;

/// How the records of a chunk follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Line by line, or documents over several lines.
    #[default]
    Lines,
    /// As values of a list, with commas between them. In an object, what is written before the list is said again for
    /// every element.
    Elements(Option<Arc<[u8]>>),
}

/// A piece of a text that holds whole records.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The text.
    pub bytes: Vec<u8>,
    /// The number of its first line in the source, from 1.
    pub first_line: u64,
    /// How its records follow one another.
    pub kind: Kind,
    /// What went wrong behind it: the line, and what, for people.
    pub error: Option<(u64, String)>,
    /// The next step, where there is one.
    pub help: Option<&'static str>,
}

/// Cuts a text into chunks.
pub struct Chunks<R> {
    reader: R,
    /// What was read and not yet handed out.
    rest: Vec<u8>,
    line: u64,
    ended: bool,
    place: ChunkPlace,
    /// Whether the comma behind an element that was skipped is still to be read.
    owes_comma: bool,
    failed: Option<String>,
}

/// Where in a text a chunk begins.
#[derive(Clone, Default)]
enum ChunkPlace {
    /// Between documents.
    #[default]
    Between,
    /// In a list, in front of an element, with what is written before the list in its object.
    List(Option<Arc<[u8]>>),
    /// Behind the list of an object.
    BrokenTail,
}

/// Where a chunk may end.
enum ChunkCut {
    /// Behind this byte, and where in the text that is.
    At(usize, ChunkPlace),
    /// Behind what was read so far.
    Later,
    /// A list begins behind this byte that does not end in what was read.
    List(usize),
}

impl<R: Read> Chunks<R> {
    /// Begins with the first line of a text.
    pub fn new(reader: R) -> Self {
        Self::of_lines(reader, 1)
    }

    /// Begins with whole lines out of the middle of a text, the first of which has this number.
    pub(crate) fn of_lines(reader: R, line: u64) -> Self {
        let place = ChunkPlace::default();
        Chunks { reader, rest: Vec::new(), line, ended: false, place, owes_comma: false, failed: None }
    }

    /// Replaces a chunk by the next one, whose memory it uses. Says whether there was one.
    pub fn next_into(&mut self, chunk: &mut Chunk) -> bool {
        chunk.bytes.clear();
        (chunk.error, chunk.help) = (None, None);
        // The piece of a record is copied rather than the memory swapped: a fresh page costs more than a few bytes.
        chunk.bytes.append(&mut self.rest);
        let mut wanted = CHUNK;
        loop {
            self.fill(&mut chunk.bytes, wanted);
            self.drop_comma(chunk);
            match self.cut(chunk) {
                ChunkCut::At(at, next) => {
                    self.hand_out(chunk, at, next);
                    if !chunk.bytes.is_empty() || chunk.error.is_some() {
                        return true;
                    }
                    if self.ended && self.rest.is_empty() {
                        return false;
                    }
                    chunk.bytes.append(&mut self.rest);
                }
                ChunkCut::List(at) => self.enter_list(chunk, at, None),
                ChunkCut::Later if chunk.bytes.len() < LONGEST => {
                    wanted = (chunk.bytes.len() * 2).clamp(CHUNK, LONGEST + CHUNK);
                }
                ChunkCut::Later => {
                    match open_list(&chunk.bytes).filter(|_| matches!(self.place, ChunkPlace::Between)) {
                        Some(at) => {
                            let head = chunk.bytes.get(..at).unwrap_or_default().into();
                            self.enter_list(chunk, at, Some(head));
                        }
                        None => {
                            self.skip_record(chunk);
                            return true;
                        }
                    }
                }
            }
        }
    }

    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) {
        while !self.ended && bytes.len() < wanted {
            let more = (wanted - bytes.len()) as u64;
            match self.reader.by_ref().take(more).read_to_end(bytes) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    self.failed = Some(format!("the text breaks off: {error}"));
                }
            }
        }
    }

    fn cut(&mut self, chunk: &mut Chunk) -> ChunkCut {
        match self.place.clone() {
            ChunkPlace::Between if self.ended => ChunkCut::At(chunk.bytes.len(), ChunkPlace::Between),
            ChunkPlace::Between => cut_documents(&chunk.bytes),
            ChunkPlace::List(head) => self.cut_list(chunk, head),
            ChunkPlace::BrokenTail => match tail(&chunk.bytes) {
                BrokenTail::Whole(end, _) => ChunkCut::At(end, ChunkPlace::Between),
                BrokenTail::Unfinished if !self.ended => ChunkCut::Later,
                BrokenTail::Unfinished | BrokenTail::Broken(_) => {
                    ChunkCut::At(line_end(&chunk.bytes), ChunkPlace::Between)
                }
            },
        }
    }

    fn cut_list(&mut self, chunk: &mut Chunk, head: Option<Arc<[u8]>>) -> ChunkCut {
        let mut last = 0;
        let stop = each_element(&chunk.bytes, &mut |at, _| last = at);
        let whole = match stop {
            Stop::Closed(at) => {
                return ChunkCut::At(at, if head.is_some() { ChunkPlace::BrokenTail } else { ChunkPlace::Between });
            }
            Stop::Inside(at, _) => at,
            Stop::Between(at) if chunk.bytes.trim_ascii_end().last() == Some(&b',') => at,
            // The last value may go on, and the comma behind it belongs to it.
            Stop::Between(_) => last,
        };
        if !self.ended {
            return if whole > 0 { ChunkCut::At(whole, ChunkPlace::List(head)) } else { ChunkCut::Later };
        }
        if self.failed.is_some() {
            // What broke off is the error, and no record.
            chunk.bytes.truncate(whole);
        } else if matches!(stop, Stop::Between(_)) {
            let what = "the list ends without its closing bracket: the text was cut off";
            chunk.error = Some((self.line + newlines(&chunk.bytes), what.to_owned()));
        }
        ChunkCut::At(chunk.bytes.len(), ChunkPlace::Between)
    }

    /// Goes on behind the opening bracket of a list.
    fn enter_list(&mut self, chunk: &mut Chunk, at: usize, head: Option<Arc<[u8]>>) {
        self.line += newlines(chunk.bytes.get(..at).unwrap_or_default());
        chunk.bytes.drain(..at);
        self.place = ChunkPlace::List(head);
    }

    fn hand_out(&mut self, chunk: &mut Chunk, cut: usize, next: ChunkPlace) {
        self.rest.clear();
        self.rest.extend_from_slice(chunk.bytes.get(cut..).unwrap_or_default());
        chunk.bytes.truncate(cut);
        chunk.first_line = self.line;
        chunk.kind = Kind::Lines;
        let is_last = self.ended && self.rest.is_empty();
        if !is_last {
            // The line behind the end is not needed.
            self.line += newlines(&chunk.bytes);
        }
        match std::mem::replace(&mut self.place, next) {
            ChunkPlace::Between => {}
            ChunkPlace::List(head) => chunk.kind = Kind::Elements(head),
            ChunkPlace::BrokenTail => read_tail(chunk),
        }
        if is_last && let Some(what) = self.failed.take() {
            if chunk.kind == Kind::Lines {
                // The last line broke off with the text: it is the error, and no record.
                let whole = memchr::memrchr(b'\n', &chunk.bytes).map_or(0, |at| at + 1);
                chunk.bytes.truncate(whole);
            }
            chunk.error = Some((chunk.first_line + newlines(&chunk.bytes), what));
        }
    }

    /// A record that is longer than any: says so, and goes on behind it, or behind its line where its brackets are wrong.
    fn skip_record(&mut self, chunk: &mut Chunk) {
        chunk.first_line = self.line;
        chunk.kind = Kind::Lines;
        let what = format!("the record is longer than {} MB, more than farebox reads at once", LONGEST >> 20);
        chunk.error = Some((self.line, what));
        chunk.help = Some("write what is in its list as lines, such as `jq -c '.messages[]' FILE > records.jsonl`");
        let mut block = std::mem::take(&mut chunk.bytes);
        let mut brackets = matches!(block.trim_ascii_start().first(), Some(b'{' | b'[')).then(Brackets::default);
        loop {
            let end = match brackets.as_mut().map(|brackets| brackets.follow(&block)) {
                Some(End::At(at)) => Some(at),
                Some(End::Later) => None,
                Some(End::Nowhere) | None => {
                    brackets = None;
                    memchr::memchr(b'\n', &block).map(|at| at + 1)
                }
            };
            let skipped = end.unwrap_or(block.len());
            self.line += newlines(block.get(..skipped).unwrap_or_default());
            if end.is_some() {
                self.owes_comma = matches!(self.place, ChunkPlace::List(_));
                self.rest.clear();
                self.rest.extend_from_slice(block.get(skipped..).unwrap_or_default());
                return;
            }
            block.clear();
            self.fill(&mut block, CHUNK);
            if block.is_empty() {
                return;
            }
        }
    }

    /// Drops the comma behind an element that was skipped.
    fn drop_comma(&mut self, chunk: &mut Chunk) {
        let space = chunk.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let Some(byte) = chunk.bytes.get(space).filter(|_| self.owes_comma) else { return };
        let dropped = space + usize::from(*byte == b',');
        self.line += newlines(chunk.bytes.get(..dropped).unwrap_or_default());
        chunk.bytes.drain(..dropped);
        self.owes_comma = false;
    }
}

/// What follows the list of a long object holds no records, and what it says about them comes too late.
fn read_tail(chunk: &mut Chunk) {
    let what = match tail(&chunk.bytes) {
        BrokenTail::Whole(_, false) => None,
        BrokenTail::Whole(_, true) => {
            Some("what follows a list of more than 32 MB in its object was not read".to_owned())
        }
        BrokenTail::Unfinished => Some(format!("not JSON: {CUT_OFF}")),
        BrokenTail::Broken(error) => Some(error.to_string()),
    };
    chunk.bytes.clear();
    chunk.error = what.map(|what| (chunk.first_line, what));
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Behind the first line break.
fn line_end(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

/// Where the last whole document of a text ends.
fn cut_documents(bytes: &[u8]) -> ChunkCut {
    let at = match bytes.trim_ascii_start().first() {
        Some(b'{') => last_begin(bytes).or_else(|| last_end(bytes)),
        Some(b'[') => last_end(bytes),
        // Lines of a log, a stream of events: no document goes over several of them.
        _ => memchr::memrchr(b'\n', bytes).map(|at| at + 1),
    };
    match at {
        Some(at) => ChunkCut::At(at, ChunkPlace::Between),
        None => begins_list(bytes).map_or(ChunkCut::Later, ChunkCut::List),
    }
}

/// Where the last document begins: at a `{` that begins a line and is not a value in a list or an object, as far as a
/// look at few bytes can tell.
fn last_begin(bytes: &[u8]) -> Option<usize> {
    let begins = |at: &usize| {
        let before = || bytes.get(..*at).unwrap_or_default().trim_ascii_end().last();
        bytes.get(at + 1) == Some(&b'{') && !matches!(before(), Some(b',' | b'[' | b':' | b'{'))
    };
    memchr::memrchr_iter(b'\n', bytes).find(begins).map(|at| at + 1)
}

/// Where the last whole document ends, by reading all of them; the next may begin in the middle of a line.
fn last_end(bytes: &[u8]) -> Option<usize> {
    let (mut whole, mut looks) = (0, Looks::at(bytes));
    while let Length::Whole(length) = first_document(bytes.get(whole..).unwrap_or_default(), &mut looks) {
        whole += length;
    }
    (whole > 0).then_some(whole)
}

/// How long the first document of a text is, or its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// To the end of its last line.
    Whole(usize),
    /// The text ends before it does.
    Unfinished,
}

/// How often a text may be looked through for where a document ends that is none in the end: brackets that open on each of
/// a million lines would be followed from each of them. When that is used up, documents end with their lines.
pub(super) struct Looks {
    bytes: usize,
}

impl Looks {
    /// As many for each byte as a text of lines, and of documents some of which are broken, never takes.
    const TIMES: usize = 8;
    /// What short texts may take.
    const LEAST: usize = 1 << 16;

    pub(super) const fn at(text: &[u8]) -> Self {
        Looks { bytes: text.len() * Self::TIMES + Self::LEAST }
    }

    const fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// How long the first document of a text is, with the rest of its last line. Anything else ends with its line, and
/// so does one whose brackets are wrong.
pub(super) fn first_document(text: &[u8], looks: &mut Looks) -> Length {
    let Some(line) = memchr::memchr(b'\n', text).map(|at| at + 1) else { return Length::Unfinished };
    let to_line_end = |end: usize| {
        let behind = text.get(end..).unwrap_or_default();
        let whole = end + line_end(behind);
        let is_alone = text.get(end..whole).is_some_and(|rest| rest.trim_ascii().is_empty());
        Length::Whole(if is_alone { whole } else { line })
    };
    if let Some(at) = begins_list(text) {
        return match each_element(text.get(at..).unwrap_or_default(), &mut |_, _| {}) {
            Stop::Closed(end) => to_line_end(at + end),
            Stop::Between(_) | Stop::Inside(..) => Length::Unfinished,
        };
    }
    let mut walk = Walk::new(text);
    walk.space();
    if walk.peek() != Some(b'{') || looks.bytes == 0 {
        return Length::Whole(line);
    }
    let start = walk.at;
    match walk.value() {
        Ok(_) => to_line_end(walk.at),
        Err(error) if error.what == CUT_OFF => {
            looks.spend(text.len());
            Length::Unfinished
        }
        Err(error) => {
            let (end, looked) = end_by_brackets(text.get(start..).unwrap_or_default());
            // Once for the values, once for the brackets, and once for a list.
            looks.spend(error.at + looked + error.at);
            match end {
                End::At(end) => to_line_end(start + end),
                End::Later => Length::Unfinished,
                End::Nowhere => match list_end(text) {
                    Some(Stop::Closed(end)) => to_line_end(end),
                    Some(_) => Length::Unfinished,
                    None => Length::Whole(line),
                },
            }
        }
    }
}

/// Where an object ends that is a list of records, some of which are broken; `None` where it is something else.
fn list_end(text: &[u8]) -> Option<Stop> {
    let at = open_list(text)?;
    Some(match each_element(text.get(at..)?, &mut |_, _| {}) {
        Stop::Closed(end) => match tail(text.get(at + end..)?) {
            BrokenTail::Whole(length, _) => Stop::Closed(at + end + length),
            BrokenTail::Unfinished | BrokenTail::Broken(_) => Stop::Closed(at + end),
        },
        other => other,
    })
}

/// Behind the opening bracket of a list of records that begins a text. `[INFO]` and `[2026-…]` begin lines of a log.
pub(super) fn begins_list(text: &[u8]) -> Option<usize> {
    /// What precedes the first record of a list that is broken at its start is looked for this far.
    const FIRST: usize = 256;
    let mut walk = Walk::new(text);
    walk.space();
    walk.take(b'[').then_some(())?;
    let at = walk.at;
    walk.space();
    if !matches!(walk.peek(), Some(b'{' | b'[' | b']')) {
        let near = text.get(at..text.len().min(at + FIRST))?;
        walk.at = at + memchr::memchr2(b',', b']', near)?;
        walk.take(b',').then_some(())?;
        walk.space();
        (walk.peek() == Some(b'{')).then_some(())?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a little at a time, as a pipe does.
    struct SlowChunks<'t>(&'t [u8], usize);

    impl Read for SlowChunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn chunks(text: &[u8]) -> Vec<Chunk> {
        let mut chunks = Chunks::new(SlowChunks(text, 1 << 16));
        let mut all = Vec::new();
        loop {
            let mut chunk = Chunk::default();
            if !chunks.next_into(&mut chunk) {
                return all;
            }
            all.push(chunk);
        }
    }

    #[test]
    fn a_document_is_as_long_as_its_brackets() {
        let cases: &[(&str, Option<&str>)] = &[
            ("{\"a\":1}\n{\"b\":2}\n", Some("{\"a\":1}\n")),
            ("{\n \"a\": [\n{\n}\n]\n}\n{\"b\":2}\n", Some("{\n \"a\": [\n{\n}\n]\n}\n")),
            ("  {\"a\":1}  \nx", Some("  {\"a\":1}  \n")),
            ("{\"a\":\nx", None),
            // A broken number leaves the brackets whole, a missing bracket does not.
            ("{\n\"a\": 01,\n\"b\": {}\n}\nnext\n", Some("{\n\"a\": 01,\n\"b\": {}\n}\n")),
            ("{\"a\": {\n{\"b\": 1}\n", Some("{\"a\": {\n")),
            ("{\"a\": \"x\n{\"b\": 1}\n", Some("{\"a\": \"x\n")),
            ("{\"a\":1} {\"b\":2}\nnext\n", Some("{\"a\":1} {\"b\":2}\n")),
            ("[{\"a\":1},\n{\"a\":01},\n{}]\nnext\n", Some("[{\"a\":1},\n{\"a\":01},\n{}]\n")),
            ("[INFO] started\n{}\n", Some("[INFO] started\n")),
            ("[2026-01-01, 12:00] {\n{}\n", Some("[2026-01-01, 12:00] {\n")),
            ("[NaN, {}]\nnext\n", Some("[NaN, {}]\n")),
            ("plain\n{}\n", Some("plain\n")),
        ];
        for (text, want) in cases {
            let want = want.map_or(Length::Unfinished, |want| Length::Whole(want.len()));
            assert_eq!(first_document(text.as_bytes(), &mut Looks::at(text.as_bytes())), want, "{text:?}");
        }
    }

    /// Brackets that open on every line are followed from few of them, and a document behind them still counts as one.
    #[test]
    fn brackets_that_never_close_are_not_followed_from_every_line() {
        let line = "{\"a\":\n";
        let text = line.repeat(100_000);
        let (mut rest, mut looks, mut followed) = (text.as_bytes(), Looks::at(text.as_bytes()), 0);
        while !rest.is_empty() {
            followed += usize::from(looks.bytes > 0);
            assert_eq!(first_document(rest, &mut looks), Length::Whole(line.len()));
            rest = &rest[line.len()..];
        }
        assert!(followed < 4_000, "{followed}");
        let text = format!("{}{{\n\"a\": 1\n}}\n", line.repeat(20));
        let document = &text.as_bytes()[20 * line.len()..];
        assert_eq!(first_document(document, &mut Looks::at(text.as_bytes())), Length::Whole(document.len()));
    }

    /// Every text is handed out whole, in pieces that are not much larger than a chunk, whatever its lines begin with.
    #[test]
    fn chunks_are_small_and_lose_nothing() {
        let record = |before: &str| {
            format!("{before}{{\"model\":\"gpt-4o\",\"input_tokens\":1,\"text\":\"{}\"}}", "x".repeat(900))
        };
        for (before, after) in [("", "\n"), (" ", "\n"), ("\t  ", "\r\n"), ("[", "]\n")] {
            let text = format!("{}{after}", record(before)).repeat(6_000);
            let all = chunks(text.as_bytes());
            assert_eq!(
                all.iter().map(|chunk| chunk.bytes.as_slice()).collect::<Vec<_>>().concat(),
                text.as_bytes(),
                "{before:?}"
            );
            assert!(all.iter().all(|chunk| chunk.bytes.len() <= CHUNK && chunk.error.is_none()), "{before:?}");
            assert!(all.len() < 10, "{before:?}: {}", all.len());
            let lines = all.iter().scan(1, |line, chunk| {
                let first = *line;
                *line += newlines(&chunk.bytes);
                Some(first)
            });
            assert!(lines.eq(all.iter().map(|chunk| chunk.first_line)), "{before:?}");
        }
    }

    #[test]
    fn an_object_whose_lists_begin_lines_is_not_cut_inside() {
        let element = format!("{{\"x\":\"{}\"}}", "y".repeat(1_000));
        let document = format!("{{\"data\":[\n{}{element}\n]}}\n", format!("{element},\n").repeat(2_000));
        let all = chunks(document.repeat(3).as_bytes());
        assert!(all.iter().all(|chunk| chunk.bytes.len().is_multiple_of(document.len())), "whole documents alone");
    }
}
