//! Parquet files as tables: the same text as their export to CSV, some rows after the others.
//!
//! Columns in columns are named with points, `usage.input_tokens`; lists are written as JSON.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value as Json;

use crate::input::text::InputError;

/// So many rows are read at a time.
const ROWS: usize = 1_000;

/// The rows of a file, as CSV.
pub(super) struct ParquetRows {
    rows: RowIter<'static>,
    columns: Vec<Column>,
    text: Cursor<Vec<u8>>,
    /// Why it was not read to its end.
    failed: Option<io::Error>,
    is_at_end: bool,
}

/// A column, or one with columns in it.
struct Column {
    inner: Vec<Column>,
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
        let (rows, columns, names) = guarded(|| {
            let reader = SerializedFileReader::new(file)?;
            let mut names = Vec::new();
            let columns = name_columns("", reader.metadata().file_metadata().schema(), &mut names);
            Ok((reader.into_iter(), columns, names))
        })
        .map_err(failed)?;
        let mut head = Vec::new();
        write_row(names.into_iter().map(Some), &mut head);
        Ok(ParquetRows { rows, columns, text: Cursor::new(head), failed: None, is_at_end: false })
    }

    /// Reads the next rows. Says whether there were any. What was read before something damaged counts.
    fn fill(&mut self) -> io::Result<bool> {
        let mut text = Vec::new();
        for _ in 0..ROWS {
            if self.is_at_end {
                break;
            }
            let (rows, columns) = (&mut self.rows, &self.columns);
            let row = guarded(|| {
                let Some(row) = rows.next() else { return Ok(None) };
                let mut cells = Vec::new();
                flatten(&row?, columns, &mut cells);
                Ok(Some(cells))
            });
            match row {
                Ok(Some(cells)) => write_row(cells.into_iter(), &mut text),
                Ok(None) => self.is_at_end = true,
                Err(error) => (self.failed, self.is_at_end) = (Some(error), true),
            }
        }
        let has_rows = !text.is_empty();
        self.text = Cursor::new(text);
        match self.failed.take_if(|_| !has_rows) {
            Some(error) => Err(error),
            None => Ok(has_rows),
        }
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

/// The columns, and the names of those with a cell of their own. Two may come out with the same name, `a.b` and the `b` in `a`:
/// the second gets a number behind it.
fn name_columns(before: &str, holder: &Type, names: &mut Vec<String>) -> Vec<Column> {
    let column = |field: &TypePtr| {
        let name = joined(before, field.name());
        let is_plain = field.get_basic_info().converted_type() == parquet::basic::ConvertedType::NONE;
        if field.is_group() && is_plain && field.get_basic_info().logical_type_ref().is_none() {
            return Column { inner: name_columns(&name, field, names) };
        }
        let times = names.iter().filter(|known| **known == name).count();
        names.push(if times == 0 { name } else { format!("{name} ({})", times + 1) });
        Column { inner: Vec::new() }
    };
    holder.get_fields().iter().map(column).collect()
}

fn joined(before: &str, name: &str) -> String {
    if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
}

/// The cells of a row, in the order of its columns.
fn flatten(row: &Row, columns: &[Column], cells: &mut Vec<Option<String>>) {
    for ((_, field), column) in row.get_column_iter().zip(columns) {
        match field {
            Field::Group(inner) if !column.inner.is_empty() => flatten(inner, &column.inner, cells),
            Field::Null => skip(column, cells),
            field => cells.push(Some(cell(field))),
        }
    }
}

/// A column without a value: a gap for each cell of it.
fn skip(column: &Column, cells: &mut Vec<Option<String>>) {
    if column.inner.is_empty() {
        cells.push(None);
    }
    column.inner.iter().for_each(|inner| skip(inner, cells));
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
    fn columns_of_the_same_name_and_gaps_in_groups_keep_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.parquet");
        let schema = "message usage {
            REQUIRED INT64 usage.n;
            OPTIONAL GROUP usage { REQUIRED INT64 n; OPTIONAL GROUP more { REQUIRED INT64 m; } }
            REQUIRED INT64 last;
        }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut file =
            SerializedFileWriter::new(File::create(&path).unwrap(), schema, WriterProperties::builder().build().into())
                .unwrap();
        let mut rows = file.next_row_group().unwrap();
        let columns: [(&[i64], Option<&[i16]>); 4] =
            [(&[1, 2], None), (&[3], Some(&[1, 0])), (&[4], Some(&[2, 0])), (&[5, 6], None)];
        for (values, levels) in columns {
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(values, levels, None).unwrap();
            column.close().unwrap();
        }
        rows.close().unwrap();
        file.close().unwrap();
        let mut text = String::new();
        ParquetRows::open(&path).unwrap().read_to_string(&mut text).unwrap();
        let head = "\"usage.n\",\"usage.n (2)\",\"usage.more.m\",\"last\"\n";
        assert_eq!(text, format!("{head}\"1\",\"3\",\"4\",\"5\"\n\"2\",,,\"6\"\n"));
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
