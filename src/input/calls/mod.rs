//! Sources of any dialect as a stream of records: opened, unpacked, cut into chunks of whole records, read, put in order.
//!
//! [`each`] does all of it in turn. Who reads on several threads takes the steps apart: [`open`](open::open) and
//! [`Chunks`](chunks::Chunks) on one, [`read_chunk`] on many, [`Sequence`](sequence::Sequence) on one again, because
//! running totals, streams and repeated lines only make sense in the order of the file.

use crate::input::dialect::table::{looks_like_table, read_table};
use crate::input::dialect::{Dialect, Item, read_line};
use crate::input::json::Walk;
use crate::input::record::RecordError;
use crate::input::text::{InputError, Source};

pub mod chunks;
#[cfg(feature = "sqlite")]
mod database;
pub mod open;
pub mod sequence;
pub mod tail;

use chunks::{Chunk, Chunks, Kind};
use open::{Part, open};
use sequence::Sequence;

/// How sources are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The dialect of every line, where the user knows better.
    pub from: Option<Dialect>,
    /// Columns of a table as (our name, theirs).
    pub columns: Vec<(String, String)>,
}

/// A record, or why a line is none, with the line it begins at.
pub type Taken<'t> = dyn FnMut(u64, Item<'static>) + 't;

/// Reads a source to its end: every record once, in order, with nothing left to resolve.
///
/// # Errors
/// [`InputError`] where it cannot be opened. What breaks in the middle is an [`Item::Bad`] at its line, and what was read
/// until then counts.
///
/// # Examples
/// ```
/// use farebox::input::{calls::{Reading, each}, dialect::Item, text::Source};
/// let source = Source::Text("{\"model\":\"gpt-4o\",\"input_tokens\":5,\"output_tokens\":1}\nnot a record\n".into());
/// let (mut good, mut bad) = (0, 0);
/// each(&source, &Reading::default(), &mut |_, item| match item {
///     Item::Entry(_) => good += 1,
///     _ => bad += 1,
/// })?;
/// assert_eq!((good, bad), (1, 1));
/// # Ok::<(), farebox::input::text::InputError>(())
/// ```
pub fn each(source: &Source, reading: &Reading, take: &mut Taken) -> Result<(), InputError> {
    each_of(std::slice::from_ref(source), reading, take)
}

/// [`each`] of several sources, in turn: a request that returns in another of them counts once.
///
/// # Errors
/// As [`each`], at the first source that cannot be opened.
pub fn each_of(sources: &[Source], reading: &Reading, take: &mut Taken) -> Result<(), InputError> {
    let mut sequence = Sequence::default();
    for source in sources {
        for part in open(source)? {
            each_of_part(part?, reading, &mut sequence, take);
        }
    }
    Ok(())
}

fn each_of_part(part: Part<'_>, reading: &Reading, sequence: &mut Sequence, take: &mut Taken) {
    if is_table(&part, reading) {
        let mut last = 0;
        let result = read_table(part.reader, &reading.columns, reading.from, &mut |line, item| {
            last = line;
            sequence.take(line, item, take);
            true
        });
        if let Err(what) = result {
            take(last + 1, Item::Bad(RecordError::Form(what)));
        }
        return sequence.end(take);
    }
    let mut chunks = Chunks::new(part.reader);
    let mut chunk = Chunk::default();
    while chunks.next_into(&mut chunk) {
        read_chunk(&chunk, reading, &mut |line, item| sequence.take(line, item.into_owned(), take));
    }
    sequence.end(take);
}

/// Whether a part is a table: the user says so, or it begins like one.
pub fn is_table(part: &Part<'_>, reading: &Reading) -> bool {
    begins_table(&part.start, reading)
}

fn begins_table(start: &[u8], reading: &Reading) -> bool {
    if !reading.columns.is_empty() || matches!(reading.from, Some(Dialect::Table | Dialect::DeepSeekExport)) {
        return true;
    }
    // A first line with a comma may as well be what a service says as it starts, before it writes records.
    let second = start.trim_ascii_start().splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    looks_like_table(start) && !second.trim_ascii_start().starts_with(b"{")
}

/// Reads every record of a chunk.
pub fn read_chunk<'c>(chunk: &'c Chunk, reading: &Reading, take: &mut dyn FnMut(u64, Item<'c>)) {
    let mut items = Vec::new();
    let mut each_text = |line: u64, text: &'c [u8], has_nul: bool| {
        read_line(text, has_nul, reading.from, &mut items);
        items.drain(..).for_each(|item| take(line, item));
    };
    match chunk.kind {
        Kind::Lines => lines(chunk, &mut each_text),
        Kind::Elements => elements(chunk, &mut each_text),
    }
    if let Some((line, what)) = &chunk.error {
        take(*line, Item::Bad(RecordError::Form(what.clone())));
    }
}

/// A text with the line it begins at, and whether a NUL byte may stand in it.
type TakeText<'c, 't> = dyn FnMut(u64, &'c [u8], bool) + 't;

/// The lines of a chunk; a document over several lines is one text, at the line it begins at.
fn lines<'c>(chunk: &'c Chunk, take: &mut TakeText<'c, '_>) {
    let mut rest = chunk.bytes.as_slice();
    let mut number = chunk.first_line;
    while !rest.is_empty() {
        let (end, has_nul) = end_of_line(rest);
        let line = rest.get(..end).unwrap_or(rest);
        let length = if opens_document(line) { document(rest).unwrap_or(end) } else { end };
        let text = rest.get(..length).unwrap_or(rest);
        if !text.trim_ascii().is_empty() {
            take(number, text, has_nul || length != end);
        }
        number += if length == end { 1 } else { memchr::memchr_iter(b'\n', text).count() as u64 };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// Where the first line of a text ends, its line break included, and whether a NUL byte stands in it: both in one pass.
fn end_of_line(text: &[u8]) -> (usize, bool) {
    let found = memchr::memchr2(b'\n', 0, text);
    let has_nul = found.is_some_and(|at| text.get(at) == Some(&0));
    let from = found.unwrap_or(text.len());
    let end =
        if has_nul { memchr::memchr(b'\n', text.get(from..).unwrap_or_default()).map(|at| from + at) } else { found };
    (end.map_or(text.len(), |at| at + 1), has_nul)
}

/// Whether a line may be the first of several: it opens a bracket and does not end with the closing one.
fn opens_document(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    match (line.first(), line.last()) {
        (Some(b'{'), last) => last != Some(&b'}'),
        (Some(b'['), last) => last != Some(&b']'),
        _ => false,
    }
}

/// The length of the document that a text begins with, with the end of its last line; `None` where it is none.
fn document(text: &[u8]) -> Option<usize> {
    let mut walk = Walk { bytes: text, at: 0 };
    walk.space();
    walk.value().ok()?;
    let end = memchr::memchr(b'\n', text.get(walk.at..)?).map_or(text.len(), |at| walk.at + at + 1);
    text.get(walk.at..end)?.trim_ascii().is_empty().then_some(end)
}

/// The values of a chunk out of a long list.
fn elements<'c>(chunk: &'c Chunk, take: &mut TakeText<'c, '_>) {
    let mut walk = Walk { bytes: &chunk.bytes, at: 0 };
    let (mut number, mut counted) = (chunk.first_line, 0);
    loop {
        while matches!(walk.peek(), Some(b',' | b' ' | b'\n' | b'\r' | b'\t')) {
            walk.at += 1;
        }
        number += memchr::memchr_iter(b'\n', chunk.bytes.get(counted..walk.at).unwrap_or_default()).count() as u64;
        counted = walk.at;
        if walk.peek().is_none() {
            return;
        }
        match walk.value() {
            Ok(value) => take(number, value.raw(), true),
            // What is left is no list: one bad record.
            Err(_) => return take(number, chunk.bytes.get(counted..).unwrap_or_default(), true),
        }
    }
}
