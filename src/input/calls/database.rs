//! The databases that coding agents keep their sessions in, as lines of JSON: one object a message, or a session.
//!
//! opencode (and Kilo Code after it) has a row a message: version 1 the table `message`; version 2 writes `session_message`,
//! where the role is a column, and leaves what it found where it was. Rows are read by the thousand, so memory stays flat.
//! The others have a row a session: see `sums.rs`. Nothing is written.

use std::io::{self, Read};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::sums::lines_of_sums;
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
        Ok(Messages { connection, tables, row: i64::MIN, text, read: 0 })
    }

    /// Reads the next rows. Says whether there were any.
    fn fill(&mut self) -> rusqlite::Result<bool> {
        self.text.clear();
        self.read = 0;
        while let Some(&(table, role)) = self.tables.last() {
            let query = format!(
                "SELECT rowid, id, session_id, {role}, data FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS}"
            );
            let mut statement = self.connection.prepare(&query)?;
            let mut rows = statement.query([self.row])?;
            while let Some(row) = rows.next()? {
                self.row = row.get(0)?;
                let [id, session, role] = [1, 2, 3].map(|column| row.get::<_, Option<String>>(column));
                write_line(&mut self.text, id?, session?, role?, &row.get::<_, String>(4)?);
            }
            if !self.text.is_empty() {
                return Ok(true);
            }
            self.row = i64::MIN;
            self.tables.pop();
        }
        Ok(false)
    }
}

/// The object of a message with what its row knows; what it says itself comes later and counts.
fn write_line(text: &mut Vec<u8>, id: Option<String>, session: Option<String>, role: Option<String>, data: &str) {
    let Some(fields) = data.trim().strip_prefix('{') else { return };
    text.push(b'{');
    for (name, value) in [("id", id), ("sessionID", session), ("role", role)] {
        if let Some(value) = value {
            text.extend_from_slice(format!("\"{name}\":{},", serde_json::Value::String(value)).as_bytes());
        }
    }
    if fields.trim() == "}" && text.last() == Some(&b',') {
        text.pop();
    }
    // A line break can only stand between fields.
    text.extend(fields.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
    text.push(b'\n');
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
