//! Tables (CSV): those that dialects know by their heads, and any other with columns of counts.
//!
//! The head says which table it is, by the columns in the dialects' [`TableForm`]s. A row becomes a small JSON object, so that it goes the same way as the same row of the
//! provider's API. Begin at [`read_table`].

use std::io::Read;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value as Json};

use super::rows::{Next, RowForm, RowForms};
use super::spec::{DialectSpec, TableForm, TableRows};
use super::unread::{add_unread, unread};
use super::{Dialect, Entry, Item, columns};
use crate::input::json::Object;
use crate::input::left::Looking;
use crate::input::record::RecordError;

/// The head of a table.
struct TableHead {
    /// What its rows are; `None` for any other table with columns of counts.
    rows: Option<(&'static DialectSpec, &'static TableRows)>,
    names: Vec<String>,
    /// The names as they are written.
    written: Vec<String>,
}

/// Whether a text begins like a table: a first line of names with separators between them.
#[must_use]
pub(crate) fn looks_like_table(text: &[u8]) -> bool {
    let first = text.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    let is_json = matches!(first.first(), Some(b'{' | b'[' | b':') | None);
    let is_stream = [b"data:".as_slice(), b"event:", b"id:", b"retry:"].iter().any(|p| first.starts_with(p));
    !is_json && !is_stream && separator(first).is_some()
}

fn separator(line: &[u8]) -> Option<u8> {
    let count = |byte: u8| memchr::memchr_iter(byte, line).count();
    let (most, byte) = [b',', b';', b'\t'].map(|byte| (count(byte), byte)).into_iter().max_by_key(|(n, _)| *n)?;
    (most > 0).then_some(byte)
}

impl TableHead {
    fn of(row: &RowForm, columns: &[(String, String)], from: Option<Dialect>) -> Result<Self, RecordError> {
        let names: Vec<String> = row.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let is_any = !columns.is_empty() || from == Some(Dialect::Table);
        let form = if is_any { None } else { table_form(&names, Dialect::ALL) };
        let written = names.clone();
        let mut head = TableHead { rows: form.map(|(dialect, form)| (dialect, &form.rows)), names, written };
        if head.rows.is_none() {
            head.rename(columns)?;
        }
        head.refuse_doubles()?;
        Ok(head)
    }

    /// Whether a row repeats the head, as where exports were put behind each other.
    fn is_repeated_by(&self, row: &RowForm) -> bool {
        row.len() == self.written.len()
            && self.written.iter().zip(row.iter()).all(|(name, cell)| name.as_bytes() == cell.trim_ascii())
    }

    /// Two columns of one name would make one of them vanish.
    fn refuse_doubles(&self) -> Result<(), RecordError> {
        let mut seen = FxHashSet::default();
        let counts = |name: &str| {
            self.rows.is_some()
                || crate::input::record::is_count(name)
                || matches!(name, "model" | "timestamp" | "provider")
        };
        match self.names.iter().filter(|name| !name.is_empty() && counts(name)).find(|name| !seen.insert(name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(RecordError::Form(format!("two columns are called {name:?}")).or(format!(
                "remove one of them, or give them different names and say which counts with --columns {name}=NAME"
            ))),
        }
    }

    /// Gives the columns our names: as the user says, then as others call them.
    fn rename(&mut self, columns: &[(String, String)]) -> Result<(), RecordError> {
        for (ours, theirs) in columns {
            let known = self.names.join(", ");
            match self.names.iter_mut().find(|name| name.eq_ignore_ascii_case(theirs)) {
                Some(name) => ours.clone_into(name),
                None => {
                    let what = format!("no column is called {theirs:?}: the columns are {known}");
                    return Err(RecordError::Form(what));
                }
            }
        }
        let mut taken: FxHashSet<String> = self.names.iter().cloned().collect();
        for name in &mut self.names {
            let ours = columns::ours(name);
            if taken.insert(ours.clone()) {
                *name = ours;
            }
        }
        // A table of one model's usage need not name it: that can be said for all rows.
        let is_usage = |name: &String| name == "model" || crate::input::record::is_count(name);
        if self.names.iter().any(is_usage) {
            return Ok(());
        }
        let what = "the table has no column \"model\": say which columns hold what, such as --columns model=Name,input_tokens=Prompt,output_tokens=Answer";
        Err(RecordError::Form(what.to_owned()))
    }
}

/// Reads a table to its end; each item comes with the line its row begins at.
///
/// `columns` names columns as (ours, theirs). `take` says whether to go on.
///
/// # Errors
/// [`RecordError`] where the head cannot be used or the table cannot be read.
pub fn read_table(
    mut reader: impl Read,
    columns: &[(String, String)],
    from: Option<Dialect>,
    take: &mut dyn FnMut(u64, Item<'static>) -> bool,
) -> Result<(), RecordError> {
    let unreadable = |error: std::io::Error| RecordError::Form(error.to_string());
    let mut start = Vec::new();
    reader.by_ref().take(1 << 16).read_to_end(&mut start).map_err(unreadable)?;
    let first = start.split(|b| *b == b'\n').next().unwrap_or_default();
    let delimiter = separator(first).unwrap_or(b',');
    let mut rows = RowForms::new(std::io::Cursor::new(start).chain(reader), delimiter);
    let mut row = RowForm::default();
    let (mut head, mut wrong_head) = (None, None);
    let mut pending = JoinedRows::default();
    loop {
        let next = match rows.next_into(&mut row) {
            Ok(next) => next,
            Err(error) => {
                pending.flush(take);
                return Err(RecordError::Form(format!("the text breaks off: {error}")));
            }
        };
        let go_on = match (next, &head) {
            (Next::End, _) => break,
            (Next::Broken(_, error), None) => return Err(error),
            (Next::Broken(line, error), Some(_)) => take(line, Item::Bad(error)),
            (Next::Row, None) => {
                match (TableHead::of(&row, columns, from), wrong_head.take()) {
                    (Ok(found), _) => head = Some(found),
                    // A title or the names of groups may stand over the head.
                    (Err(error), None) => wrong_head = Some(error),
                    (Err(_), Some(first)) => return Err(first),
                }
                true
            }
            (Next::Row, Some(head)) if head.is_repeated_by(&row) => true,
            (Next::Row, Some(head)) if row.len() == head.names.len() => {
                take_row(head, &row, row.line, &mut pending, take)
            }
            (Next::Row, Some(head)) => {
                let wrong = other_width(&row, head.names.len());
                if row.breaks > 0 {
                    rows.read_inside_again(&row);
                }
                take(row.line, Item::Bad(wrong))
            }
        };
        if !go_on {
            return Ok(());
        }
    }
    pending.flush(take);
    wrong_head.map_or(Ok(()), Err)
}

/// A quotation mark that is missing or too much joins rows. What is in such a row is read once more, line by line.
fn other_width(row: &RowForm, width: usize) -> RecordError {
    let what = format!("the row has {} cells and the head {width}", row.len());
    match row.breaks {
        0 => RecordError::Form(what),
        breaks => {
            let last = row.line + breaks;
            RecordError::Form(format!("{what}, from this line to line {last}: a quotation mark may be missing"))
                .or("its other lines were read as rows of their own")
        }
    }
}

/// A row with only times in it is an empty bucket, and nothing.
fn is_empty_bucket(names: &[String], row: &RowForm) -> bool {
    let times = ["start_time", "end_time", "start_time_iso", "end_time_iso", "organization_id", "organization_name"];
    let filled = names.iter().zip(row.iter()).filter(|(_, value)| !value.is_empty());
    filled.into_iter().all(|(name, _)| times.contains(&name.as_str()))
}

fn take_row(
    head: &TableHead,
    row: &RowForm,
    line: u64,
    pending: &mut JoinedRows,
    take: &mut dyn FnMut(u64, Item<'static>) -> bool,
) -> bool {
    if is_empty_bucket(&head.names, row) {
        return true;
    }
    let mut fields = Map::new();
    for (name, value) in head.names.iter().zip(row.iter()).filter(|(_, value)| !value.is_empty()) {
        fields.insert(name.clone(), Json::String(String::from_utf8_lossy(value).trim().to_owned()));
    }
    let Some((dialect, rows)) = head.rows else { return take(line, columns::read_cells(&fields)) };
    let text = Json::Object(fields).to_string();
    let Ok(object) = Object::read(text.as_bytes()) else { return true };
    let left = |looking: Looking| {
        object.is_a_record();
        object.note();
        unread(looking.end(), dialect)
    };
    match rows {
        TableRows::Joined { same, begin, add } => {
            let key: Vec<_> = same.iter().map(|name| object.text(name).unwrap_or_default()).collect();
            let go_on = pending.turn_to(key.join("\0"), take);
            let looking = Looking::begin();
            pending.add(line, || begin(&object).into_owned(), |entry| add(entry, &object));
            let left = left(looking);
            if let Some(entry) = &mut pending.entry {
                entry.unread.extend(left);
            }
            go_on
        }
        TableRows::Objects(read) => {
            let (looking, mut items) = (Looking::begin(), Vec::new());
            let result = read(&object, &mut items);
            add_unread(left(looking), &mut items, 0);
            items.extend(result.err().map(Item::Bad));
            items.into_iter().all(|item| take(line, item.into_owned()))
        }
        TableRows::Single(read) => {
            let looking = Looking::begin();
            let read = read(&object).map(|entry| Entry { unread: left(looking), ..entry.into_owned() });
            take(line, read.map_or_else(Item::Bad, |entry| Item::Entry(Box::new(entry))))
        }
    }
}

/// The table of a dialect that has these columns: the one that asks for most of them.
fn table_form(names: &[String], dialects: &[Dialect]) -> Option<(&'static DialectSpec, &'static TableForm)> {
    let tables = dialects.iter().flat_map(|dialect| dialect.spec().tables.iter().map(|form| (dialect.spec(), form)));
    let fitting = tables.filter(|(_, form)| form.columns.iter().all(|column| names.iter().any(|name| name == column)));
    fitting.max_by_key(|(dialect, form)| (form.columns.len(), std::cmp::Reverse(dialect.name)))
}

/// Rows that together are one record, as far as they were read.
#[derive(Default)]
struct JoinedRows {
    key: String,
    line: u64,
    entry: Option<Entry<'static>>,
    bad: Option<RecordError>,
}

impl JoinedRows {
    /// Goes on to the record with this key; says whether reading goes on.
    fn turn_to(&mut self, key: String, take: &mut dyn FnMut(u64, Item<'static>) -> bool) -> bool {
        let go_on = key == self.key || self.flush(take);
        self.key = key;
        go_on
    }

    fn add(
        &mut self,
        line: u64,
        begin: impl FnOnce() -> Entry<'static>,
        add: impl FnOnce(&mut Entry<'static>) -> Result<(), RecordError>,
    ) {
        if self.entry.is_none() {
            self.line = line;
        }
        if let Err(error) = add(self.entry.get_or_insert_with(begin)) {
            self.bad = Some(error);
        }
    }

    fn flush(&mut self, take: &mut dyn FnMut(u64, Item<'static>) -> bool) -> bool {
        let item = match (self.entry.take(), self.bad.take()) {
            (_, Some(error)) => Item::Bad(error),
            (Some(entry), None) => Item::Entry(Box::new(entry)),
            (None, None) => return true,
        };
        take(self.line, item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns_of(head: &str) -> Vec<String> {
        head.trim_end().split(',').map(str::to_owned).collect()
    }

    /// The dialects of the tables that fit and ask for most columns.
    fn closest(names: &[String]) -> Vec<&'static str> {
        let all =
            Dialect::ALL.iter().flat_map(|dialect| dialect.spec().tables.iter().map(|form| (dialect.name(), form)));
        let fitting: Vec<_> =
            all.filter(|(_, form)| form.columns.iter().all(|c| names.iter().any(|n| n == c))).collect();
        let most = fitting.iter().map(|(_, form)| form.columns.len()).max();
        fitting.iter().filter(|(_, form)| Some(form.columns.len()) == most).map(|(name, _)| *name).collect()
    }

    #[test]
    fn a_head_belongs_to_one_dialect_whatever_the_order_of_registration() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/usage");
        let mut reversed = Dialect::ALL.to_vec();
        reversed.reverse();
        for (file, dialect) in [
            ("openai/completions_usage_2026-11-21_2026-11-22.csv", "openai-usage"),
            ("openai/cost_2026-11-21_2026-11-22.csv", "openai-costs"),
            ("anthropic/console_usage_export.csv", "anthropic-usage"),
            ("deepseek/amount-2026-11.csv", "deepseek-export"),
        ] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let names = columns_of(text.trim_start_matches('\u{feff}').lines().next().unwrap());
            assert_eq!(closest(&names), [dialect], "{file}");
            let of = |dialects: &[Dialect]| table_form(&names, dialects).map(|(_, form)| form.columns);
            assert_eq!(of(&reversed), of(Dialect::ALL), "{file}");
        }
        assert!(table_form(&columns_of("model,input_tokens,output_tokens"), Dialect::ALL).is_none());
    }
}
