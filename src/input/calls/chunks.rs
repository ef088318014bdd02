//! Cuts a text into chunks of whole records, so that memory stays flat and several threads can read.

use std::io::Read;

/// How much a chunk holds where its records are short.
const CHUNK: usize = 1 << 20;

/// A record may be so long. What is longer is skipped and said.
pub const LONGEST: usize = 32 << 20;

/// How the records of a chunk follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Line by line, or documents over several lines.
    #[default]
    Lines,
    /// As values of a list, with commas between them.
    Elements,
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
}

/// Cuts a text into chunks.
pub struct Chunks<R> {
    reader: R,
    /// What was read and not yet handed out.
    rest: Vec<u8>,
    line: u64,
    ended: bool,
    kind: Option<Kind>,
    failed: Option<String>,
}

impl<R: Read> Chunks<R> {
    /// Begins with the first line of a text.
    pub fn new(reader: R) -> Self {
        Chunks { reader, rest: Vec::new(), line: 1, ended: false, kind: None, failed: None }
    }

    /// Begins with whole lines out of the middle of a text, the first of which has this number.
    pub fn of_lines(reader: R, line: u64) -> Self {
        Chunks { line, kind: Some(Kind::Lines), ..Chunks::new(reader) }
    }

    /// Puts the next chunk into the place of another, whose memory it uses. Says whether there was one.
    pub fn next_into(&mut self, chunk: &mut Chunk) -> bool {
        chunk.bytes.clear();
        chunk.error = None;
        // The piece of a record is copied rather than the memory swapped: a fresh page costs more than a few bytes.
        chunk.bytes.append(&mut self.rest);
        let mut wanted = CHUNK;
        loop {
            self.fill(&mut chunk.bytes, wanted);
            let kind = *self.kind.get_or_insert_with(|| kind_of(&chunk.bytes));
            if kind == Kind::Elements && self.line == 1 {
                drop_opening(&mut chunk.bytes);
            }
            let cut = if self.ended { Some(chunk.bytes.len()) } else { cut(&chunk.bytes, kind) };
            if let Some(cut) = cut {
                self.hand_out(chunk, cut, kind);
                return !chunk.bytes.is_empty() || chunk.error.is_some();
            }
            if chunk.bytes.len() >= LONGEST {
                self.skip_record(chunk, kind);
                return true;
            }
            wanted = (chunk.bytes.len() * 2).min(LONGEST + CHUNK);
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

    fn hand_out(&mut self, chunk: &mut Chunk, cut: usize, kind: Kind) {
        self.rest.clear();
        self.rest.extend_from_slice(chunk.bytes.get(cut..).unwrap_or_default());
        chunk.bytes.truncate(cut);
        chunk.first_line = self.line;
        chunk.kind = kind;
        if !self.ended {
            // Nobody asks for the line behind the end.
            self.line += memchr::memchr_iter(b'\n', &chunk.bytes).count() as u64;
        } else if kind == Kind::Elements {
            drop_closing(&mut chunk.bytes);
        }
        if self.ended && chunk.error.is_none() {
            chunk.error = self.failed.take().map(|what| {
                // The last line broke off with the text: it is the error, and no record.
                let whole = memchr::memrchr(b'\n', &chunk.bytes).map_or(0, |at| at + 1);
                chunk.bytes.truncate(whole);
                (self.line + memchr::memchr_iter(b'\n', &chunk.bytes).count() as u64, what)
            });
        }
    }

    /// A record that is longer than any: says so, and goes on behind its line.
    fn skip_record(&mut self, chunk: &mut Chunk, kind: Kind) {
        chunk.first_line = self.line;
        chunk.kind = kind;
        let what = format!("the record is longer than {} MB, more than farebox reads at once", LONGEST >> 20);
        chunk.error = Some((self.line, what));
        let mut block = std::mem::take(&mut chunk.bytes);
        loop {
            if let Some(at) = memchr::memchr(b'\n', &block) {
                self.rest.clear();
                self.rest.extend_from_slice(block.get(at + 1..).unwrap_or_default());
                self.line += 1;
                break;
            }
            block.clear();
            self.fill(&mut block, CHUNK);
            if block.is_empty() {
                break;
            }
        }
    }
}

fn kind_of(bytes: &[u8]) -> Kind {
    if bytes.trim_ascii_start().first() == Some(&b'[') { Kind::Elements } else { Kind::Lines }
}

fn drop_opening(bytes: &mut [u8]) {
    if let Some(at) = bytes.iter().position(|b| *b == b'[')
        && bytes.iter().take(at).all(u8::is_ascii_whitespace)
    {
        bytes[at] = b' ';
    }
}

fn drop_closing(bytes: &mut Vec<u8>) {
    let end = bytes.trim_ascii_end().len();
    if end > 0 && bytes.get(end - 1) == Some(&b']') {
        bytes.truncate(end - 1);
    }
}

/// Where the last whole record of a text ends; `None` where none is whole.
fn cut(bytes: &[u8], kind: Kind) -> Option<usize> {
    match kind {
        Kind::Lines => cut_lines(bytes),
        Kind::Elements => cut_elements(bytes),
    }
}

/// A record begins with a bracket at the beginning of a line; a document over several lines indents what is inside.
fn cut_lines(bytes: &[u8]) -> Option<usize> {
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    memchr::memrchr_iter(b'\n', bytes).find(|at| !is_json || matches!(bytes.get(at + 1), Some(b'{'))).map(|at| at + 1)
}

fn cut_elements(bytes: &[u8]) -> Option<usize> {
    let mut walk = crate::input::json::Walk { bytes, at: 0 };
    let mut whole = None;
    loop {
        while matches!(walk.peek(), Some(b',' | b' ' | b'\n' | b'\r' | b'\t')) {
            walk.at += 1;
        }
        if walk.value().is_err() || walk.peek().is_none() {
            return whole;
        }
        whole = Some(walk.at);
    }
}
