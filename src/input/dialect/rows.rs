//! The rows of a table (CSV, RFC 4180), each with its line.
//!
//! A quotation mark that is never closed makes everything behind it one cell, and the rows in it would vanish without a
//! word. So a cell that ends in a way no writer of tables ends one, or never, is an error at the line where it opens, and
//! reading goes on in the line after that. Every byte is looked at a fixed number of times, and memory holds one row.

use std::io::{self, Read};

use crate::input::record::RecordError;

/// The longest row in bytes, like any record.
const LONGEST: usize = 32 << 20;

/// The most cells of a row: as many as a spreadsheet has columns.
pub(super) const MOST_CELLS: usize = 16_384;

/// How much is read at a time.
const BLOCK: usize = 1 << 18;

/// The cells of one row.
#[derive(Debug, Default)]
pub(super) struct RowForm {
    /// The line it begins at, from 1.
    pub line: u64,
    /// How many line breaks are in its cells.
    pub breaks: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl RowForm {
    /// How many cells it has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells, their quotation marks resolved.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// What a look at the text gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row.
    Row,
    /// No row: the line, and what is wrong there.
    Broken(u64, RecordError),
    /// The end.
    End,
}

/// How far the row reaches that begins a text.
enum Reach {
    /// To here, its line break included.
    To(usize),
    /// Not to its end, which is behind the text.
    Later,
    /// Nowhere: at this byte something is wrong.
    Wrong(usize, Wrong),
}

#[derive(Clone, Copy)]
enum Wrong {
    /// A cell opens with a quotation mark that nothing closes.
    Open,
    /// Something follows the quotation mark that closes the cell which opens here.
    Behind,
    Wide,
    Long,
}

impl From<Wrong> for RecordError {
    fn from(wrong: Wrong) -> Self {
        let form = |what: &str| RecordError::Form(what.to_owned());
        match wrong {
            Wrong::Open => form("a quotation mark opens a cell here and nothing closes it")
                .or("close it; the lines behind this one were read as rows of their own"),
            Wrong::Behind => form("something follows the quotation mark that closes the cell which opens here")
                .or("write a quotation mark inside of a cell twice"),
            Wrong::Wide => form(&format!("the row has more than {MOST_CELLS} cells, the most that farebox reads"))
                .or("leave out columns that hold no usage"),
            Wrong::Long => {
                form(&format!("the row is longer than {} MB, more than farebox reads at once", LONGEST >> 20))
            }
        }
    }
}

/// Reads rows.
pub(super) struct RowForms<R> {
    reader: R,
    delimiter: u8,
    buffer: Vec<u8>,
    at: usize,
    /// Where the row begins that was read last.
    start: usize,
    line: u64,
    ended: bool,
}

impl<R: Read> RowForms<R> {
    pub(crate) fn new(reader: R, delimiter: u8) -> Self {
        RowForms { reader, delimiter, buffer: Vec::new(), at: 0, start: 0, line: 1, ended: false }
    }

    /// Reads the next row that is not blank.
    ///
    /// # Errors
    /// Where reading fails.
    pub(crate) fn next_into(&mut self, row: &mut RowForm) -> io::Result<Next> {
        self.skip_blank()?;
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Next::End);
            }
            row.clear();
            match reach(rest, self.delimiter, self.ended, row) {
                Reach::To(length) => {
                    row.line = self.line;
                    let breaks = line_breaks(rest.get(..length).unwrap_or_default());
                    row.breaks = breaks.saturating_sub(1);
                    (self.start, self.at) = (self.at, self.at + length);
                    self.line += breaks;
                    return Ok(Next::Row);
                }
                Reach::Later | Reach::Wrong(_, Wrong::Open) if !self.ended && rest.len() < LONGEST => {
                    self.fill(rest.len().max(BLOCK))?;
                }
                Reach::Later => return Ok(self.broken(0, Wrong::Long)),
                Reach::Wrong(at, wrong) => return Ok(self.broken(at, wrong)),
            }
        }
    }

    /// Reads the lines behind the first one of the last row as rows of their own.
    pub(crate) fn read_inside_again(&mut self, row: &RowForm) {
        self.at = self.start;
        self.line = row.line;
        self.skip_line();
    }

    /// Says what is wrong and goes on in the next line.
    fn broken(&mut self, at: usize, wrong: Wrong) -> Next {
        let before = self.buffer.get(self.at..self.at + at).unwrap_or_default();
        self.line += line_breaks(before);
        self.at += at;
        let line = self.line;
        self.skip_line();
        Next::Broken(line, wrong.into())
    }

    fn skip_line(&mut self) {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let length = memchr::memchr2(b'\n', b'\r', rest).map_or(rest.len(), |at| at + break_length(rest, at));
        self.line += line_breaks(rest.get(..length).unwrap_or_default());
        self.at += length;
    }

    fn skip_blank(&mut self) -> io::Result<()> {
        loop {
            match self.buffer.get(self.at) {
                Some(byte @ (b'\n' | b'\r')) => {
                    let is_half = *byte == b'\r' && self.buffer.get(self.at + 1) == Some(&b'\n');
                    self.line += u64::from(!is_half);
                    self.at += 1;
                }
                Some(_) => return Ok(()),
                None if self.ended => return Ok(()),
                None => self.fill(BLOCK)?,
            }
        }
    }

    /// Reads some more, behind what is left.
    fn fill(&mut self, more: usize) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let wanted = self.buffer.len() + more;
        while self.buffer.len() < wanted && !self.ended {
            let missing = (wanted - self.buffer.len()) as u64;
            self.ended = self.reader.by_ref().take(missing).read_to_end(&mut self.buffer)? == 0;
        }
        Ok(())
    }
}

/// Reads the cells of the row that begins a text; `is_all` says that nothing follows the text.
fn reach(text: &[u8], delimiter: u8, is_all: bool, row: &mut RowForm) -> Reach {
    let mut at = 0;
    // Where the first cell opens that goes over its line: if something is wrong behind it, it may have swallowed it.
    let mut long = None;
    loop {
        if row.len() >= MOST_CELLS {
            return Reach::Wrong(at, Wrong::Wide);
        }
        let open = at;
        at = if text.get(at) == Some(&b'"') {
            match quoted(text, at, delimiter, row) {
                Ok(end) => {
                    if long.is_none()
                        && memchr::memchr2(b'\n', b'\r', text.get(open..end).unwrap_or_default()).is_some()
                    {
                        long = Some(open);
                    }
                    end
                }
                Err(wrong) => return Reach::Wrong(long.unwrap_or(open), wrong),
            }
        } else {
            let rest = text.get(at..).unwrap_or_default();
            let length = memchr::memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
            row.text.extend_from_slice(rest.get(..length).unwrap_or_default());
            at + length
        };
        row.end_cell();
        match text.get(at) {
            None if is_all => return Reach::To(at),
            None => return Reach::Later,
            Some(byte) if *byte == delimiter => at += 1,
            // The other half of the line break may not have been read yet.
            Some(b'\r') if at + 1 == text.len() && !is_all => return Reach::Later,
            Some(_) => return Reach::To(at + break_length(text, at)),
        }
    }
}

/// Reads a cell in quotation marks and says where it ends: at a delimiter, a line break or the end.
fn quoted(text: &[u8], open: usize, delimiter: u8, row: &mut RowForm) -> Result<usize, Wrong> {
    let mut at = open + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let length = memchr::memchr(b'"', rest).ok_or(Wrong::Open)?;
        row.text.extend_from_slice(rest.get(..length).unwrap_or_default());
        at += length + 1;
        if text.get(at) != Some(&b'"') {
            break;
        }
        row.text.push(b'"');
        at += 1;
    }
    while matches!(text.get(at), Some(byte @ (b' ' | b'\t')) if *byte != delimiter) {
        at += 1;
    }
    match text.get(at) {
        Some(byte) if *byte != delimiter && !matches!(byte, b'\n' | b'\r') => Err(Wrong::Behind),
        _ => Ok(at),
    }
}

/// How many bytes the line break has that is here.
fn break_length(text: &[u8], at: usize) -> usize {
    if text.get(at) == Some(&b'\r') && text.get(at + 1) == Some(&b'\n') { 2 } else { 1 }
}

/// How many line breaks a text has: LF, CR LF, or CR alone.
fn line_breaks(text: &[u8]) -> u64 {
    let alone = |at: &usize| text.get(at + 1) != Some(&b'\n');
    let feeds = memchr::memchr_iter(b'\n', text).count();
    (feeds + memchr::memchr_iter(b'\r', text).filter(alone).count()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time.
    struct SlowRows<'t>(&'t [u8]);

    impl Read for SlowRows<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(3);
            self.0.read(&mut buffer[..length])
        }
    }

    fn rows(text: &str) -> Vec<Result<(u64, Vec<String>), u64>> {
        let mut rows = RowForms::new(SlowRows(text.as_bytes()), b',');
        let (mut row, mut all) = (RowForm::default(), Vec::new());
        loop {
            match rows.next_into(&mut row).unwrap() {
                Next::Row => {
                    let cells = row.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect();
                    all.push(Ok((row.line, cells)));
                }
                Next::Broken(line, _) => all.push(Err(line)),
                Next::End => return all,
            }
        }
    }

    fn row(line: u64, cells: &[&str]) -> Result<(u64, Vec<String>), u64> {
        Ok((line, cells.iter().map(|cell| (*cell).to_owned()).collect()))
    }

    #[test]
    fn cells_are_read_as_the_csv_crate_reads_them() {
        for text in [
            "a,b\n1,2\n",
            "a,b\r\n1,2\r\n\r\n\n3,",
            "a\rb\rc",
            "\"a,\"\"b\"\"\",\"c\nd\"\ne,f",
            ",\n,,\n\"\",\"\"\n",
            "a\"b,c \"d\" \n",
            "\"multi\r\nline\",x\r\ny,z",
            "",
            "\n\n",
            "é,\"漢\"\n",
        ] {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let want: Vec<Vec<String>> =
                reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
            let found: Vec<Vec<String>> = rows(text).into_iter().map(|row| row.unwrap().1).collect();
            assert_eq!(found, want, "{text:?}");
        }
        assert_eq!(
            rows("a,b\n\n\"c\nd\",e\nf,g\n"),
            [row(1, &["a", "b"]), row(3, &["c\nd", "e"]), row(5, &["f", "g"])]
        );
        assert_eq!(rows("\"a\" ,\"b\"\t\n"), [row(1, &["a", "b"])]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_its_line_alone() {
        assert_eq!(
            rows("a,b\n1,\"2\n3,4\n5,6\n"),
            [row(1, &["a", "b"]), Err(2), row(3, &["3", "4"]), row(4, &["5", "6"])]
        );
        // The next quotation mark closes it, and shows by what follows that it should have opened.
        assert_eq!(
            rows("a,b\n1,\"2\n3,\"4\"\n5,6\n"),
            [row(1, &["a", "b"]), Err(2), row(3, &["3", "4"]), row(4, &["5", "6"])]
        );
        assert_eq!(rows("\"a"), [Err(1)]);
        assert_eq!(rows("x,\"a\ny,\"b\n"), [Err(1), Err(2)]);
        assert_eq!(rows("\"a\"b,c\nd,e\n"), [Err(1), row(2, &["d", "e"])]);
        // It opens in the second line of its row, or the one that closes in the second line was never meant to.
        assert_eq!(rows("\"a\nb\",\"c\nd,e\n"), [Err(1), Err(2), row(3, &["d", "e"])]);
    }

    #[test]
    fn a_row_has_a_limit() {
        let wide = format!("{}\nd,e\n", ",".repeat(MOST_CELLS));
        assert_eq!(rows(&wide), [Err(1), row(2, &["d", "e"])]);
        assert_eq!(rows(&",".repeat(MOST_CELLS - 1))[0].as_ref().unwrap().1.len(), MOST_CELLS);
    }
}
