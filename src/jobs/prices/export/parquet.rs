//! The rows as a Parquet file: text, decimals of 24 digits behind the point, and moments in UTC.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rust_decimal::Decimal;

use super::rows::ExportRow;
use crate::jobs::JobError;
use crate::money::Exact;
use crate::period::Instant;
use crate::pricing::TableId;

/// Digits behind the point of every decimal of the file.
const SCALE: u32 = 24;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    Text,
    Moment,
    Amount,
    Whole,
}

fn kind(column: &str) -> ColumnKind {
    match column {
        "from" | "to" | "first_seen" | "evidence_from" | "retired" | "retired_checked" | "checked" => {
            ColumnKind::Moment
        }
        "usd" | "minimum" | "step" | "factor" => ColumnKind::Amount,
        "per" | "smallest_cacheable" => ColumnKind::Whole,
        _ => ColumnKind::Text,
    }
}

fn schema() -> String {
    let field = |column: &&str| match kind(column) {
        ColumnKind::Text => format!("OPTIONAL BYTE_ARRAY {column} (STRING);"),
        ColumnKind::Moment => format!("OPTIONAL INT64 {column} (TIMESTAMP(MILLIS,true));"),
        ColumnKind::Amount => format!("OPTIONAL FIXED_LEN_BYTE_ARRAY (16) {column} (DECIMAL(38,{SCALE}));"),
        ColumnKind::Whole => format!("OPTIONAL INT64 {column};"),
    };
    let fields: Vec<String> = ExportRow::COLUMNS.iter().map(field).collect();
    format!("message prices {{ {} }}", fields.join(" "))
}

/// The whole file.
pub(super) fn file(rows: &[ExportRow], table: &TableId) -> Result<Vec<u8>, JobError> {
    written(rows, table).map_err(|error| JobError::from(std::io::Error::other(error)))
}

fn written(rows: &[ExportRow], table: &TableId) -> Result<Vec<u8>, ParquetError> {
    let stamp = |key: &str, value: &str| KeyValue::new(format!("farebox.{key}"), value.to_owned());
    let stamps = vec![stamp("table_version", &table.version), stamp("table_sha256", &table.sha256)];
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_created_by("farebox".to_owned())
        .set_key_value_metadata(Some(stamps))
        .build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, Arc::new(parse_message_type(&schema())?), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    let mut columns = ExportRow::COLUMNS.iter().enumerate();
    while let (Some(mut column), Some((i, name))) = (group.next_column()?, columns.next()) {
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(out) => {
                let cells: Vec<_> = rows.iter().map(|row| text(row, i)).collect();
                let (values, levels) = leveled(cells);
                out.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::Int64ColumnWriter(out) => {
                let (values, levels) = leveled(rows.iter().map(|row| whole(row, name)).collect());
                out.write_batch(&values, Some(&levels), None)?;
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(out) => {
                let cells = rows.iter().map(|row| decimal(row, name)).collect::<Result<Vec<_>, _>>()?;
                let (values, levels) = leveled(cells);
                out.write_batch(&values, Some(&levels), None)?;
            }
            _ => return Err(ParquetError::General(format!("the column {name} is of no kind that is written"))),
        }
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(file)
}

/// The values that are there, and for each row whether it has one.
fn leveled<T>(cells: Vec<Option<T>>) -> (Vec<T>, Vec<i16>) {
    let levels = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    (cells.into_iter().flatten().collect(), levels)
}

fn text(row: &ExportRow, column: usize) -> Option<ByteArray> {
    let cell = row.cells().swap_remove(column);
    // What must hold of a request is known where it is nothing.
    let is_there = !cell.is_empty() || ExportRow::COLUMNS[column] == "condition";
    is_there.then(|| ByteArray::from(cell.into_bytes()))
}

fn whole(row: &ExportRow, column: &str) -> Option<i64> {
    let millis = |at: Option<Instant>| at.map(|at| at.unix().saturating_mul(1000));
    match column {
        "from" => millis(row.from),
        "to" => millis(row.to),
        "first_seen" => millis(row.first_seen),
        "evidence_from" => millis(row.evidence_from),
        "retired" => millis(row.retired),
        "retired_checked" => millis(row.retired_checked),
        "checked" => millis(row.checked),
        "smallest_cacheable" => row.smallest_cacheable.and_then(|tokens| i64::try_from(tokens).ok()),
        _ => row.per.and_then(|per| i64::try_from(per).ok()),
    }
}

fn decimal(row: &ExportRow, column: &str) -> Result<Option<FixedLenByteArray>, ParquetError> {
    let number = match column {
        "usd" => row.usd,
        "minimum" => row.minimum,
        "step" => row.step,
        _ => row.factor,
    };
    number.map(bytes).transpose()
}

/// The number times ten to the scale, as 16 bytes, the highest first.
fn bytes(Exact(number): Exact) -> Result<FixedLenByteArray, ParquetError> {
    let unit = 10_i128.pow(SCALE.saturating_sub(number.normalize().scale()));
    let whole =
        Some(number.normalize()).filter(|n: &Decimal| n.scale() <= SCALE).and_then(|n| n.mantissa().checked_mul(unit));
    let whole =
        whole.ok_or_else(|| ParquetError::General(format!("{number} has more digits than the file carries")))?;
    Ok(ByteArray::from(whole.to_be_bytes().to_vec()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use std::io::Write;

    #[test]
    fn what_is_written_is_read_back() {
        let exact = |text: &str| Some(Exact(text.parse().unwrap()));
        let row = ExportRow {
            provider: "acme".into(),
            model: "one".into(),
            from: Some("2026-02-05".parse().unwrap()),
            rate: "price",
            usd: exact("0.0000003"),
            per: Some(1_000_000),
            ..ExportRow::default()
        };
        let table = TableId { version: "2026.11.22".into(), sha256: "ab".into() };
        let bytes = file(&[row.clone(), ExportRow { usd: None, ..row }], &table).unwrap();
        let mut kept = tempfile::tempfile().unwrap();
        kept.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(kept).unwrap();
        let stamps = reader.metadata().file_metadata().key_value_metadata().unwrap();
        assert_eq!(stamps[0].value.as_deref(), Some("2026.11.22"));
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "acme");
        // 2026-02-05T00:00:00Z (`date -d 2026-02-05T00:00Z +%s`).
        assert_eq!(rows[0].get_timestamp_millis(3).unwrap(), 1_770_249_600_000);
        // 0.0000003 × 10^24.
        let usd = rows[0].get_decimal(12).unwrap();
        assert_eq!((usd.data(), usd.scale()), (&300_000_000_000_000_000_i128.to_be_bytes()[..], 24));
        assert_eq!(rows[0].get_long(13).unwrap(), 1_000_000);
    }
}
