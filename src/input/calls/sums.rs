//! Databases of agents with a row for each session, as lines of JSON: Goose, Crush, Hermes, Zed.
//!
//! The columns tell which one it is. A line has the names of the columns, so that the dialects read it as they read what
//! `sqlite3 -json` exports.

use std::io::{BufReader, Cursor, Read};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value as Json};

use super::chunks::LONGEST;
use super::part::unpacked;
use crate::input::dialect::unreadable;
use crate::input::json::Object;

/// Tables with columns that only one agent has, and what is asked of them.
const FORMS: [(&str, &[&str], &str); 4] = [
    ("sessions", &["accumulated_input_tokens", "accumulated_output_tokens"], "SELECT * FROM sessions"),
    // A session that another one began is in its sums. Models and providers are those of its messages.
    (
        "sessions",
        &["parent_session_id", "prompt_tokens", "completion_tokens"],
        "SELECT *, (SELECT json_group_array(DISTINCT model) FROM messages m WHERE m.session_id = s.id AND m.model <> '') AS models,
             (SELECT json_group_array(DISTINCT provider) FROM messages m WHERE m.session_id = s.id AND m.provider <> '') AS providers
         FROM sessions s WHERE parent_session_id IS NULL OR parent_session_id = ''",
    ),
    ("sessions", &["billing_provider", "cache_read_tokens", "started_at"], "SELECT * FROM sessions"),
    ("threads", &["data_type", "data"], "SELECT * FROM threads"),
];

/// Hermes says since a later version what each model of a session used: those rows, and the sums of sessions without any.
const BY_MODEL: [&str; 2] = [
    "SELECT u.*, s.started_at FROM session_model_usage u JOIN sessions s ON s.id = u.session_id",
    "SELECT * FROM sessions WHERE id NOT IN (SELECT session_id FROM session_model_usage)",
];

/// The sessions of a database as lines; `None` where it has none of the tables.
pub(super) fn lines_of_sums(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    for (table, columns, query) in FORMS {
        let known = columns_of(connection, table)?;
        if !columns.iter().all(|column| known.iter().any(|name| name == column)) {
            continue;
        }
        let mut text = Vec::new();
        if columns.contains(&"billing_provider") && connection.table_exists(None, "session_model_usage")? {
            BY_MODEL.iter().try_for_each(|query| each_row(connection, query, &mut text))?;
        } else {
            each_row(connection, query, &mut text)?;
        }
        return Ok(Some(text));
    }
    Ok(None)
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

fn each_row(connection: &Connection, query: &str, text: &mut Vec<u8>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(query)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut push = |line: &str| {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    };
    loop {
        match rows.next() {
            Ok(None) => return Ok(()),
            Ok(Some(row)) => push(&Json::Object(line_of(row, &names)?).to_string()),
            Err(error) => {
                // Nothing behind it can be reached; what came before counts.
                push(&unreadable(&format!("the rows break off here: {error}")));
                return Ok(());
            }
        }
    }
}

/// The cells of a row by column. Of a thread, only what it used and what it is called.
fn line_of(row: &Row, names: &[String]) -> rusqlite::Result<Map<String, Json>> {
    let mut fields = Map::new();
    for (place, name) in names.iter().enumerate() {
        let value = match row.get_ref(place)? {
            ValueRef::Null => continue,
            ValueRef::Integer(number) => Json::from(number),
            ValueRef::Real(number) => Json::from(number),
            ValueRef::Text(text) => Json::from(String::from_utf8_lossy(text)),
            ValueRef::Blob(data) => {
                fields.extend(thread(data));
                continue;
            }
        };
        if name == "data" {
            fields.extend(value.as_str().map(|text| thread(text.as_bytes())).unwrap_or_default());
        } else if name.starts_with("model") || name == "providers" || is_short(&value) {
            fields.insert(name.clone(), parsed(value));
        }
    }
    Ok(fields)
}

/// Prompts and titles are no usage.
fn is_short(value: &Json) -> bool {
    value.as_str().is_none_or(|text| text.len() <= 1_000)
}

/// A cell that is JSON itself, as the object or list in it.
fn parsed(value: Json) -> Json {
    let inner =
        value.as_str().filter(|text| text.starts_with(['{', '['])).and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or(value)
}

/// What a thread of Zed says about its usage; the error where it cannot be unpacked.
fn thread(data: &[u8]) -> Map<String, Json> {
    let mut fields = Map::new();
    let mut text = Vec::new();
    let raw: Box<dyn Read + Send> = Box::new(Cursor::new(data));
    let read = unpacked(BufReader::new(raw), "thread")
        .map_err(|error| error.to_string())
        .and_then(|reader| reader.take(LONGEST as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string()));
    let object = match read {
        Ok(_) if text.len() > LONGEST => Err("the thread is longer than any record".to_owned()),
        Ok(_) => Object::read(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match object {
        Ok(object) => {
            for name in ["model", "request_token_usage", "cumulative_token_usage", "imported"] {
                let value = object.get(name).and_then(|value| serde_json::from_slice(value.raw()).ok());
                fields.extend(value.map(|value: Json| (name.to_owned(), value)));
            }
        }
        Err(error) => {
            fields.insert("unreadable".to_owned(), Json::from(error));
        }
    }
    fields
}
