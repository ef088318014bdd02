//! Parquet files as tables: the same text as their export to CSV, one group of rows after the other.
//!
//! Columns in columns are named with points, `usage.input_tokens`; lists are written as JSON.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::Value as Json;

use crate::input::text::InputError;

/// The rows of a file, as CSV.
pub(super) struct ParquetRows {
    reader: SerializedFileReader<File>,
    columns: Vec<String>,
    /// The next group of rows.
    group: usize,
    text: Cursor<Vec<u8>>,
}

impl ParquetRows {
    /// Opens a file and reads which columns it has.
    ///
    /// # Errors
    /// [`InputError`] where it is damaged.
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        let shown = path.display().to_string();
        let failed = |error: io::Error| InputError::reading(&shown, error);
        let file = File::open(path).map_err(failed)?;
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(failed)?;
        let mut columns = Vec::new();
        name_columns("", reader.metadata().file_metadata().schema(), &mut columns);
        let mut head = Vec::new();
        write_row(columns.iter().map(|name| Some(name.clone())), &mut head);
        Ok(ParquetRows { reader, columns, group: 0, text: Cursor::new(head) })
    }

    /// Reads the next group of rows. Says whether there was one.
    fn fill(&mut self) -> io::Result<bool> {
        if self.group >= self.reader.num_row_groups() {
            return Ok(false);
        }
        let (reader, columns, group) = (&self.reader, &self.columns, self.group);
        let text = guarded(|| {
            let group = reader.get_row_group(group)?;
            let mut text = Vec::new();
            for row in group.get_row_iter(None)? {
                let mut cells = Vec::new();
                flatten("", &row?, &mut cells);
                let cell = |name: &String| cells.iter().find(|(of, _)| of == name).map(|(_, cell)| cell.clone());
                write_row(columns.iter().map(cell), &mut text);
            }
            Ok(text)
        })?;
        self.group += 1;
        self.text = Cursor::new(text);
        Ok(true)
    }
}

impl Read for ParquetRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.text.read(buffer)?;
            if read > 0 || buffer.is_empty() || !self.fill()? {
                return Ok(read);
            }
        }
    }
}

/// What a damaged file makes the reader do, as an error.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> io::Result<T> {
    let damaged = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| damaged(error.to_string())),
        Err(_) => Err(damaged("the Parquet file is damaged".to_owned())),
    }
}

/// The columns with a cell of their own.
fn name_columns(before: &str, holder: &Type, columns: &mut Vec<String>) {
    for field in holder.get_fields() {
        let name = joined(before, field.name());
        let is_plain = field.get_basic_info().converted_type() == parquet::basic::ConvertedType::NONE;
        if field.is_group() && is_plain && field.get_basic_info().logical_type_ref().is_none() {
            name_columns(&name, field, columns);
        } else {
            columns.push(name);
        }
    }
}

fn joined(before: &str, name: &str) -> String {
    if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
}

fn flatten(before: &str, row: &Row, cells: &mut Vec<(String, String)>) {
    for (name, field) in row.get_column_iter() {
        let name = joined(before, name);
        match field {
            Field::Group(inner) => flatten(&name, inner, cells),
            Field::Null => {}
            field => cells.push((name, cell(field))),
        }
    }
}

/// A value as CSV writes it.
fn cell(field: &Field) -> String {
    match field {
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Double(number) => plain(*number),
        Field::Float(number) => plain(f64::from(*number)),
        // Seconds, milliseconds and microseconds are told apart by their size.
        Field::Date(days) => (i64::from(*days) * 86_400).to_string(),
        Field::TimestampMillis(time) | Field::TimestampMicros(time) => time.to_string(),
        Field::ListInternal(_) | Field::MapInternal(_) | Field::Group(_) => json(field).to_string(),
        other => other.to_string(),
    }
}

/// Counts are written as fractions where a column has gaps.
fn plain(number: f64) -> String {
    if number.is_nan() { String::new() } else { number.to_string() }
}

fn json(field: &Field) -> Json {
    match field {
        Field::Null => Json::Null,
        Field::Bool(value) => Json::Bool(*value),
        Field::ListInternal(list) => Json::Array(list.elements().iter().map(json).collect()),
        Field::MapInternal(map) => {
            Json::Object(map.entries().iter().map(|(name, value)| (cell(name), json(value))).collect())
        }
        Field::Group(row) => {
            Json::Object(row.get_column_iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
        Field::Str(_) | Field::Bytes(_) => Json::String(cell(field)),
        other => {
            let text = cell(other);
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
    }
}

fn write_row(cells: impl Iterator<Item = Option<String>>, out: &mut Vec<u8>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
            out.push(b'"');
            out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    const SCHEMA: &str = "message usage {
        OPTIONAL BYTE_ARRAY model (STRING);
        OPTIONAL INT64 timestamp (TIMESTAMP(MILLIS,true));
        OPTIONAL DOUBLE output_tokens;
        REQUIRED GROUP usage { OPTIONAL INT64 input_tokens; }
    }";

    /// Two rows, of which the second has gaps.
    fn write(path: &Path, compression: Compression) {
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
        let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
        let mut rows = file.next_row_group().unwrap();
        let mut column = |write: &dyn Fn(&mut SerializedColumnWriter<'_>)| {
            let mut column = rows.next_column().unwrap().unwrap();
            write(&mut column);
            column.close().unwrap();
        };
        let models = [ByteArray::from("gpt-\"4o\""), ByteArray::from("b")];
        column(&|c| assert!(c.typed::<ByteArrayType>().write_batch(&models, Some(&[1, 1]), None).is_ok()));
        column(&|c| assert!(c.typed::<Int64Type>().write_batch(&[1_795_168_800_000], Some(&[1, 0]), None).is_ok()));
        column(&|c| assert!(c.typed::<DoubleType>().write_batch(&[7.0, f64::NAN], Some(&[1, 1]), None).is_ok()));
        column(&|c| assert!(c.typed::<Int64Type>().write_batch(&[120, 5], Some(&[1, 1]), None).is_ok()));
        rows.close().unwrap();
        file.close().unwrap();
    }

    #[test]
    fn rows_are_read_as_csv_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.parquet");
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            write(&path, compression);
            let mut text = String::new();
            ParquetRows::open(&path).unwrap().read_to_string(&mut text).unwrap();
            let wanted = "\"model\",\"timestamp\",\"output_tokens\",\"usage.input_tokens\"\n\
                \"gpt-\"\"4o\"\"\",\"1795168800000\",\"7\",\"120\"\n\"b\",,,\"5\"\n";
            assert_eq!(text, wanted, "{compression:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.parquet");
        write(&path, Compression::UNCOMPRESSED);
        let whole = std::fs::read(&path).unwrap();
        for length in [4, 20, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(ParquetRows::open(&path).is_err(), "{length}");
        }
        let mut changed = whole.clone();
        changed[4..40].fill(0xff);
        std::fs::write(&path, &changed).unwrap();
        let read = ParquetRows::open(&path).map(|mut rows| rows.read_to_string(&mut String::new()));
        assert!(matches!(read, Err(_) | Ok(Err(_))));
    }
}
