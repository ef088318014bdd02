//! Opens sources as the bytes of text they hold: unpacked (gzip, zstd, zip) or out of opencode's database.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::archive::{ArchiveBytes, Members};
#[cfg(feature = "sqlite")]
use super::database;
use super::part::{PEEK, is_zip, unpacked};
pub(crate) use super::part::{Part, Parts};
use crate::input::text::{InputError, Source};

/// What a database of SQLite begins with.
pub(super) const DATABASE: &[u8] = b"SQLite format 3\0";

/// What a Parquet file begins with.
pub(super) const PARQUET: &[u8] = b"PAR1";

/// The parts of a source, told apart by their first bytes rather than by their names.
///
/// # Errors
/// [`InputError`] where there is no such file, or it is a folder.
pub fn open(source: &Source) -> Result<Parts<'_>, InputError> {
    let raw: Box<dyn Read + Send + '_> = match source {
        Source::Stdin => Box::new(io::stdin()),
        Source::Text(text) => Box::new(Cursor::new(text.as_bytes())),
        Source::File(path) => Box::new(crate::input::text::open_file(path)?),
    };
    let name = source.name();
    let mut raw = BufReader::with_capacity(PEEK, raw);
    let magic = raw.fill_buf().map_err(|error| InputError::reading(&name, error))?;
    if is_zip(magic) {
        // A pipe cannot be read from its end, where an archive has its table of contents.
        let bytes = match source {
            Source::File(path) if path.is_file() => ArchiveBytes::File(path.clone()),
            _ => ArchiveBytes::of_pipe(raw, &name)?,
        };
        return Ok(Members::open(bytes, name)?.into_parts());
    }
    if magic.starts_with(PARQUET) {
        return parquet_rows(source, name);
    }
    let is_database = magic.starts_with(DATABASE);
    let reader = match source {
        #[cfg(feature = "sqlite")]
        Source::File(path) if is_database => Box::new(database::Messages::open(path)?),
        #[cfg(not(feature = "sqlite"))]
        Source::File(_) if is_database => {
            let what = "a database: this farebox was built without the feature sqlite";
            return Err(InputError::reading(&name, io::Error::new(io::ErrorKind::Unsupported, what)));
        }
        _ => unpacked(raw, &name)?,
    };
    Ok(Box::new(std::iter::once(Ok(Part::new(name, reader)))))
}

/// Whether a source is an archive, by its first bytes. What can be read once only, a named pipe, is not looked at; standard
/// input is, because what was looked at stays in its buffer.
pub(super) fn is_archive(source: &Source) -> bool {
    match source {
        Source::Stdin => io::stdin().lock().fill_buf().is_ok_and(is_zip),
        Source::Text(_) => false,
        Source::File(path) => {
            let mut magic = [0; 4];
            path.is_file()
                && std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
                && is_zip(&magic)
        }
    }
}

/// The rows of a Parquet file, which a pipe cannot be: it is read from its end.
#[cfg(feature = "parquet")]
fn parquet_rows(source: &Source, name: String) -> Result<Parts<'_>, InputError> {
    match source {
        Source::File(path) if path.is_file() => {
            let rows = super::parquet::ParquetRows::open(path)?;
            Ok(Box::new(std::iter::once(Ok(Part::new(name, Box::new(rows))))))
        }
        _ => Err(InputError::NoUsage {
            path: name,
            what: "a Parquet file from a pipe".into(),
            help: "save it to a file and name the file".into(),
        }),
    }
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows(_: &Source, name: String) -> Result<Parts<'_>, InputError> {
    Err(InputError::NoUsage {
        path: name,
        what: "a Parquet file, which this build does not read".into(),
        help: "build with the feature \"parquet\", or export the table as CSV".into(),
    })
}
