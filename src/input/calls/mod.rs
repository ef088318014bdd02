//! Sources of any dialect as a stream of records: opened, unpacked, cut into chunks of whole records, read, put in order.
//!
//! [`each`] does all of it in turn, and [`stream`] on several threads: [`open`](open::open) and [`Chunks`] on one,
//! [`read_chunk`] on many, [`Sequence`] on one again, because running totals, streams and repeated lines only make sense in
//! the order of the file.

use std::sync::Arc;

use crate::input::dialect::table::{looks_like_table, read_table};
use crate::input::dialect::{Dialect, Item, no_json, read, read_text};
use crate::input::json::{CUT_OFF, JsonError};
use crate::input::record::RecordError;
use crate::input::text::{InputError, Source};

pub mod account;
#[cfg(feature = "folders")]
mod accounting;
mod agents;
#[cfg(feature = "archives")]
mod archive;
#[cfg(not(feature = "archives"))]
#[path = "archive_left_out.rs"]
mod archive;
mod broken;
mod cassette;
pub mod chunks;
mod covered;
#[cfg(feature = "sqlite")]
mod database;
#[cfg(feature = "folders")]
mod homes;
pub mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
#[cfg(feature = "folders")]
pub mod places;
pub mod sequence;
mod session;
mod spans;
pub mod stream;
#[cfg(feature = "sqlite")]
mod sums;
pub mod tail;
pub(crate) mod texts;
mod told;

use broken::{BrokenTail, Element, Stop, each_element, open_list, tail};
use chunks::{Chunk, Chunks, Kind, Length, Looks, begins_list, first_document};
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
pub(crate) type Taken<'t> = dyn FnMut(u64, Item<'static>) + 't;

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
pub(crate) fn each_of(sources: &[Source], reading: &Reading, take: &mut Taken) -> Result<(), InputError> {
    let mut sequence = Sequence::of(sources);
    for source in sources {
        each_in(source, reading, &mut sequence, take)?;
    }
    sequence.finish(&mut |_, line, item| take(line, item));
    Ok(())
}

/// Reads one of the sources of a sequence to its end.
///
/// # Errors
/// As [`each`].
pub(crate) fn each_in(
    source: &Source,
    reading: &Reading,
    sequence: &mut Sequence,
    take: &mut Taken,
) -> Result<(), InputError> {
    for part in open(source)? {
        let part = part?;
        sequence.begin(&Arc::from(part.name.as_str()));
        each_of_part(part, reading, sequence, take);
        sequence.take_late(&mut |_, line, item| take(line, item));
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
        if let Err(error) = result {
            take(last + 1, Item::Bad(error));
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
pub(crate) fn is_table(part: &Part<'_>, reading: &Reading) -> bool {
    begins_table(&part.start, reading)
}

fn begins_table(start: &[u8], reading: &Reading) -> bool {
    if !reading.columns.is_empty() || reading.from.is_some_and(Dialect::is_table) {
        return true;
    }
    // A first line with a comma may as well be what a service says as it starts, before it writes records.
    let second = start.trim_ascii_start().splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    looks_like_table(start) && !second.trim_ascii_start().starts_with(b"{")
}

/// Reads every record of a chunk.
pub fn read_chunk<'c>(chunk: &'c Chunk, reading: &Reading, take: &mut dyn FnMut(u64, Item<'c>)) {
    let mut records = Records { from: reading.from, items: Vec::new(), take };
    match &chunk.kind {
        Kind::Lines => records.lines(chunk),
        Kind::Elements(head) => {
            let around = head.as_ref().map(|head| (&**head, b"]}".as_slice()));
            records.elements(&chunk.bytes, chunk.first_line, around);
        }
    }
    if let Some((line, what)) = &chunk.error {
        let error = RecordError::Form(what.clone());
        take(*line, Item::Bad(if let Some(help) = chunk.help { error.or(help) } else { error }));
    }
}

/// Hands out the records of texts with the lines they begin at.
struct Records<'c, 't> {
    from: Option<Dialect>,
    items: Vec<Item<'c>>,
    take: &'t mut dyn FnMut(u64, Item<'c>),
}

/// What is written before and behind an element of a list that is read by itself.
type Around<'h> = Option<(&'h [u8], &'h [u8])>;

impl<'c> Records<'c, '_> {
    /// The lines of a chunk; a document over several lines is one text, at the line it begins at.
    fn lines(&mut self, chunk: &'c Chunk) {
        let mut rest = chunk.bytes.as_slice();
        let (mut number, mut looks) = (chunk.first_line, Looks::at(rest));
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let line = rest.get(..end).unwrap_or(rest);
            let mut text = if opens_document(line) { document(rest, &mut looks) } else { line };
            let mut result = self.text(text, number);
            if result.is_err_and(|error| error.what == CUT_OFF) && text.len() == end {
                // A line can end with a bracket and yet be the first of several.
                text = document(rest, &mut looks);
                result = self.text(text, number);
            }
            if let Err(error) = result {
                self.broken(text, number, error);
            }
            number += if text.len() == end { 1 } else { newlines(text) };
            rest = rest.get(text.len()..).unwrap_or_default();
        }
    }

    /// One document.
    fn text(&mut self, text: &'c [u8], line: u64) -> Result<(), JsonError> {
        if let Some(at) = begins_list(text) {
            self.list(text, at, line);
            return Ok(());
        }
        let result = read_text(text, self.from, &mut self.items);
        self.items.drain(..).for_each(|item| (self.take)(line, item));
        result
    }

    /// A list of records.
    fn list(&mut self, text: &'c [u8], at: usize, line: u64) {
        let line = line + newlines(text.get(..at).unwrap_or_default());
        let inside = text.get(at..).unwrap_or_default();
        let (end, what) = match self.elements(inside, line, None) {
            Stop::Inside(..) => return,
            Stop::Between(end) => (end, CUT_OFF),
            Stop::Closed(end) if inside.get(end..).is_some_and(|rest| rest.trim_ascii().is_empty()) => return,
            Stop::Closed(end) => (end, "something follows the list"),
        };
        let line = line + newlines(inside.get(..end).unwrap_or_default());
        (self.take)(line, no_json(inside, JsonError { what, at: end }));
    }

    /// The elements of a list, or of a piece of one.
    fn elements(&mut self, text: &'c [u8], first_line: u64, around: Around) -> Stop {
        let (mut line, mut counted) = (first_line, 0);
        let mut line_of = |at: usize| {
            line += newlines(text.get(counted..at).unwrap_or_default());
            counted = at;
            line
        };
        let stop = each_element(text, &mut |at, element| {
            let line = line_of(at);
            match (element, around) {
                (Element::Bad(error), _) => (self.take)(line, no_json(text.get(at..).unwrap_or_default(), error)),
                (Element::Good(value), None) => {
                    read(value, self.from, &mut self.items);
                    self.items.drain(..).for_each(|item| (self.take)(line, item));
                }
                (Element::Good(value), Some((before, behind))) => {
                    let whole = [before, value, behind].concat();
                    let mut items = Vec::new();
                    read(&whole, self.from, &mut items);
                    items.into_iter().for_each(|item| (self.take)(line, item.into_owned()));
                }
            }
        });
        if let Stop::Inside(at, error) = stop {
            let error = JsonError { at: error.at.saturating_sub(at), ..error };
            (self.take)(line_of(at), no_json(text.get(at..).unwrap_or_default(), error));
        }
        stop
    }

    /// A document that is broken. Where only elements of its list are, the others count.
    fn broken(&mut self, text: &'c [u8], line: u64, error: JsonError) {
        let Some(at) = open_list(text) else { return (self.take)(line, no_json(text, error)) };
        let (head, inside) = text.split_at(at);
        let line = line + newlines(head);
        let behind = match each_element(inside, &mut |_, _| {}) {
            Stop::Closed(end) => inside.get(end..).unwrap_or_default(),
            // The text was cut off inside of the list.
            Stop::Between(_) | Stop::Inside(..) => &[],
        };
        let rest = [b"]", behind].concat();
        let is_whole = matches!(tail(behind), BrokenTail::Whole(end, _) if behind.get(end..).is_some_and(|b| b.trim_ascii().is_empty()));
        let stop = self.elements(inside, line, Some((head, if is_whole { &rest } else { b"]}" })));
        if !is_whole && !matches!(stop, Stop::Inside(..)) {
            let at = inside.len() - behind.len();
            let line = line + newlines(inside.get(..at).unwrap_or_default());
            let what = if behind.is_empty() { CUT_OFF } else { "what follows the list is broken" };
            (self.take)(line, no_json(inside, JsonError { what, at }));
        }
    }
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
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

/// The document that a text begins with, to the end of its last line. One that the end of the text cuts off is all that
/// is left where it is a list, and otherwise its first line: what follows may be records again.
fn document<'t>(text: &'t [u8], looks: &mut Looks) -> &'t [u8] {
    let length = match first_document(text, looks) {
        Length::Whole(length) => length,
        Length::Unfinished if begins_list(text).or_else(|| open_list(text)).is_some() => text.len(),
        Length::Unfinished => memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1),
    };
    text.get(..length).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_document_that_is_too_long_is_named_with_a_next_step_and_what_follows_it_counts() {
        let text = format!("{{\"messages\":[\"{}\"]}}\n{RECORD}\n", "x".repeat(chunks::LONGEST + 5));
        let (mut good, mut help) = (0, None);
        each(&Source::Text(text), &Reading::default(), &mut |_, item| match item {
            Item::Entry(_) => good += 1,
            Item::Bad(error) => help = error.help().map(|help| help.to_string()),
            Item::Event(_) => {}
        })
        .unwrap();
        assert_eq!(good, 1);
        assert!(help.is_some_and(|help| help.contains("jq -c")));
    }

    const RECORD: &str = r#"{"model":"m","input_tokens":1,"output_tokens":1}"#;

    /// Entries and bad records, with their lines.
    fn read_all(text: &str) -> (Vec<u64>, Vec<u64>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let source = Source::Text(text.to_owned());
        each(&source, &Reading::default(), &mut |line, item| match item {
            Item::Entry(_) => good.push(line),
            _ => bad.push(line),
        })
        .unwrap();
        (good, bad)
    }

    proptest! {
        /// However brackets, commas and quotation marks are thrown together, no record counts twice, and records that are
        /// alone on their lines in front of it all count.
        #[test]
        fn nothing_counts_twice_whatever_is_broken(
            pieces in prop::collection::vec(
                prop_oneof![
                    4 => Just(RECORD),
                    4 => prop::sample::select(vec!["[", "]", "{", "}", ",", "\n", "\"", ":", " ", "\\", "1-1", "NaN"]),
                    1 => prop::sample::select(vec!["{\"data\":[", "{\"x\":", "]}", "\"data\":", ",\n", "[{\"x\":01},", "\n\n"]),
                ],
                0..30,
            ),
            before in 0_usize..3,
        ) {
            let text = format!("{}{}", format!("{RECORD}\n").repeat(before), pieces.concat());
            let (good, bad) = read_all(&text);
            prop_assert!(good.len() <= text.matches(RECORD).count(), "{}", text);
            prop_assert!(good.len() >= before, "{}", text);
            let lines = newlines(text.as_bytes()) + 1;
            let mut all = good.iter().chain(&bad);
            prop_assert!(all.all(|line| (1..=lines).contains(line)), "{}: {:?} {:?}", text, good, bad);
        }
    }
}
