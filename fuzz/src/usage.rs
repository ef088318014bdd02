//! Logs, exports and tables of usage.

use std::io::Read;

use farebox::input::calls::chunks::{Chunk, Chunks};
use farebox::input::calls::{Reading, each, read_chunk};
use farebox::input::dialect::{Dialect, Item, table::read_table};
use farebox::input::record::RecordError;
use farebox::input::text::Source;

type Items = Vec<(u64, Item<'static>)>;

/// JSON and JSON Lines in any dialect. A first byte below 0x20 that is no white space names the dialect.
///
/// Laws: reading is the same each time, and however many bytes a read of the source returns.
pub fn usage_json(bytes: &[u8]) {
    let (from, bytes) = dialect_of(bytes);
    let reading = Reading { from, ..Reading::default() };
    let whole = of_chunks(bytes, &reading);
    assert_eq!(of_chunks(Pieces { bytes, size: 1 + bytes.len() % 13 }, &reading), whole);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    whole.iter().for_each(|(line, _)| assert!((1..=lines + 1).contains(line), "line {line} of {lines}"));
    of_text(bytes, &reading);
}

/// Tables, by the names of their columns.
///
/// Laws: as [`usage_json`].
pub fn usage_csv(bytes: &[u8]) {
    let whole = of_table(bytes);
    assert_eq!(of_table(Pieces { bytes, size: 1 + bytes.len() % 13 }), whole);
    of_text(bytes, &Reading { from: Some(Dialect::Table), ..Reading::default() });
    of_text(
        bytes,
        &Reading { columns: vec![("model".into(), "a".into()), ("input_tokens".into(), "b".into())], from: None },
    );
}

/// What is read of a text, without the places of what is wrong, and without the numbers that stand for ids: what has no id of
/// its own is told apart by how it is written.
pub(crate) fn told(bytes: &[u8]) -> Vec<String> {
    /// Fewer digits than nearly every hash of 64 bits has.
    const LONG: usize = 12;
    let one = |(line, item): (u64, Item<'static>)| match item {
        Item::Bad(error) => format!("{line} {}", error.status()),
        other => {
            let text = format!("{line} {other:?}");
            let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() > LONG).collect();
            parts.into_iter().fold(text.clone(), |text, id| text.replace(id, "#"))
        }
    };
    of_chunks(bytes, &Reading::default()).into_iter().map(one).collect()
}

fn dialect_of(bytes: &[u8]) -> (Option<Dialect>, &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) if *first < 0x20 && !first.is_ascii_whitespace() => {
            (Dialect::ALL.get(usize::from(*first)).copied(), rest)
        }
        _ => (None, bytes),
    }
}

fn of_chunks(reader: impl Read, reading: &Reading) -> Items {
    let (mut chunks, mut chunk, mut items) = (Chunks::new(reader), Chunk::default(), Vec::new());
    while chunks.next_into(&mut chunk) {
        read_chunk(&chunk, reading, &mut |line, item| items.push((line, item.into_owned())));
    }
    items
}

fn of_table(reader: impl Read) -> (Result<(), RecordError>, Items) {
    let mut items = Vec::new();
    let read = read_table(reader, &[], None, &mut |line, item| {
        items.push((line, item));
        true
    });
    (read, items)
}

/// The way of the program, with what only the order of lines resolves.
fn of_text(bytes: &[u8], reading: &Reading) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else { return };
    let read = || {
        let mut items = Vec::new();
        // Only an archive is refused as a whole: text may begin like one.
        let opened = each(&Source::Text(text.clone()), reading, &mut |line, item| items.push((line, item)));
        (opened.map_err(|error| error.to_string()), items)
    };
    let (opened, items) = read();
    assert!(items.iter().all(|(_, item)| !matches!(item, Item::Event(_))), "an event was left unresolved");
    assert_eq!(read(), (opened, items));
}

/// A reader that returns few bytes at a time.
struct Pieces<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let size = self.size.min(to.len());
        self.bytes.read(&mut to[..size])
    }
}
