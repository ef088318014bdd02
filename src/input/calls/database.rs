//! The databases that coding agents keep their sessions in, as lines of JSON: one object a message, or a session.
//!
//! opencode (and Kilo Code after it) has a row a message: version 1 the table `message`; version 2 writes `session_message`,
//! where the role is a column, and leaves what it found where it was. Rows are read by the thousand, so memory stays flat.
//! The others have a row a session: see `sums.rs`. Nothing is written.

use std::io::{self, Read};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use super::sums::lines_of_sums;
use crate::input::dialect::unreadable;
use crate::input::json::Object;
use crate::input::text::InputError;

/// So many rows are read at a time.
const ROWS: usize = 1_000;

/// Tables of messages with how the role and the rest of a row are asked for, the older first: a message that stands in both
/// counts as the newer says.
const TABLES: [(&str, &str); 2] = [("message", "NULL"), ("session_message", "type")];

/// Messages as lines of JSON.
pub(crate) struct Messages {
    connection: Connection,
    /// Tables still to be read, the next last.
    tables: Vec<(&'static str, &'static str)>,
    /// The last row that was read.
    row: i64,
    text: Vec<u8>,
    read: usize,
    /// Why a table was not read to its end.
    failed: Option<rusqlite::Error>,
}

impl Messages {
    /// Opens a database to read it.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be opened, or holds no messages and no sessions.
    pub(crate) fn open(path: &Path) -> Result<Self, InputError> {
        let shown = path.display().to_string();
        let broken = |error: rusqlite::Error| InputError::reading(&shown, io::Error::other(error.to_string()));
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .map_err(broken)?;
        let mut tables = Vec::new();
        for (table, role) in TABLES.into_iter().rev() {
            if connection.table_exists(None, table).map_err(broken)? {
                tables.push((table, role));
            }
        }
        let sums = if tables.is_empty() { lines_of_sums(&connection).map_err(broken)? } else { Some(Vec::new()) };
        let Some(text) = sums else {
            return Err(InputError::NoUsage {
                path: shown,
                what: "a database without the tables of opencode, Kilo Code, Goose, Crush, Hermes or Zed".into(),
                help: "export its records as JSON Lines or CSV".into(),
            });
        };
        Ok(Messages { connection, tables, row: i64::MIN, text, read: 0, failed: None })
    }

    /// Reads the next rows. Says whether there were any. A table that breaks off does not end the others: what was wrong is
    /// said behind them.
    fn fill(&mut self) -> rusqlite::Result<bool> {
        self.text.clear();
        self.read = 0;
        while let Some(&(table, role)) = self.tables.last() {
            let result = self.read_rows(table, role);
            let is_at_its_end = result.is_err() || self.text.is_empty();
            self.failed = self.failed.take().or(result.err());
            if is_at_its_end {
                self.row = i64::MIN;
                self.tables.pop();
            }
            if !self.text.is_empty() {
                return Ok(true);
            }
        }
        self.failed.take().map_or(Ok(false), Err)
    }

    fn read_rows(&mut self, table: &str, role: &str) -> rusqlite::Result<()> {
        let query = format!(
            "SELECT rowid, id, session_id, {role}, data FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS}"
        );
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([self.row])?;
        while let Some(row) = rows.next()? {
            self.row = row.get(0)?;
            if let Err(what) = write_line(&mut self.text, row) {
                let what = format!("row {} of the table {table}: {what}", self.row);
                self.text.extend_from_slice(unreadable(&what).as_bytes());
                self.text.push(b'\n');
            }
        }
        Ok(())
    }
}

/// The object of a message with what its row knows; what it says itself comes later and counts.
///
/// # Errors
/// What is wrong with the row, of which nothing is written then.
fn write_line(text: &mut Vec<u8>, row: &Row) -> Result<(), String> {
    let cell = |column: usize| row.get_ref(column).map_err(|error| error.to_string());
    let data = match cell(4)? {
        ValueRef::Text(data) | ValueRef::Blob(data) => String::from_utf8_lossy(data),
        ValueRef::Null => return Err("there is no message in it".to_owned()),
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err("its message is a number".to_owned()),
    };
    // What may stand between fields stands in some texts too.
    let data = data.trim().replace('\n', " ");
    Object::read(data.as_bytes()).map_err(|error| format!("its message is {error}"))?;
    let Some(fields) = data.strip_prefix('{') else { return Err("its message is not an object".to_owned()) };
    let known = [("id", word(cell(1)?)), ("sessionID", word(cell(2)?)), ("role", word(cell(3)?))];
    text.push(b'{');
    for (name, value) in known {
        if let Some(value) = value {
            text.extend_from_slice(format!("\"{name}\":{},", serde_json::Value::String(value)).as_bytes());
        }
    }
    if fields.trim() == "}" && text.last() == Some(&b',') {
        text.pop();
    }
    text.extend_from_slice(fields.as_bytes());
    text.push(b'\n');
    Ok(())
}

/// What a cell says, whatever its type.
fn word(cell: ValueRef) -> Option<String> {
    match cell {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text).into_owned()),
    }
}

impl Read for Messages {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.text.len() && !self.fill().map_err(|error| io::Error::other(error.to_string()))? {
            return Ok(0);
        }
        let read = self.text.get(self.read..).unwrap_or_default().read(buffer)?;
        self.read += read;
        Ok(read)
    }
}
