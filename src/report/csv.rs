//! Comma-separated exact values under a header of column keys.
//!
//! Quotes are as in RFC 4180; lines end in LF rather than CRLF, because `cut`, `awk` and `read` would take a CR for a
//! part of the last value. Heads, notes and the total are left out: a program that adds the column up must not count
//! the sum as well.

use std::borrow::Cow;
use std::io;

use super::{Report, Screen, inert, without_commands};

pub(super) fn write(report: &Report, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    if report.columns.is_empty() {
        return Ok(());
    }
    let mut csv = ::csv::Writer::from_writer(out);
    let columns = report.columns.iter().filter(|column| !column.is_drawing);
    csv.write_record(columns.map(|column| column.key.as_ref())).map_err(io_error)?;
    for row in &report.rows {
        let cells = report.cells(&row.cells).filter(|(column, _)| !column.is_drawing);
        let cells = cells.map(|(_, cell)| CsvBytes(shown(&cell.exact, screen)));
        csv.write_record(cells).map_err(io_error)?;
    }
    csv.flush()
}

/// A value as it is written. On a screen the bytes are not read back, and they could steer it.
fn shown(exact: &str, screen: Screen) -> Cow<'_, str> {
    let text = defused(exact);
    if screen.width.is_some() { inert(&text).into_owned().into() } else { text }
}

/// The error of `out` itself: the crate's own conversion hides its kind, and a closed pipe must stay one.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Lets the writer take owned and borrowed text alike.
struct CsvBytes<'a>(Cow<'a, str>);

impl AsRef<[u8]> for CsvBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Text that a spreadsheet takes for text: a value that would start a formula gets an apostrophe in front.
///
/// Those are values beginning with `=`, `+`, `-`, `@`, a tab or a line break, and the full-width forms of the signs.
/// A plain decimal number keeps its sign, so that a negative amount stays a number. Every cell is treated so, as the
/// text of a log can end up in any column. In a build log no line of it is a command.
///
/// # Examples
/// ```
/// use farebox::report::defused;
/// assert_eq!(defused("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
/// assert_eq!(defused("-0.25"), "-0.25");
/// assert_eq!(defused("-1+cmd|' /C calc'!A0"), "'-1+cmd|' /C calc'!A0");
/// ```
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    let starts_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = quiet(text);
    if starts_formula && !is_number(&text) { Cow::Owned(format!("'{text}")) } else { text }
}

/// Text whose lines a build log does not take for commands.
fn quiet(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    // A line may end in either, and in both.
    text.split_inclusive(['\r', '\n']).map(without_commands).collect::<String>().into()
}

/// An optional sign, digits, and at most one point between digits.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{one, sample, shown};
    use crate::report::{Column, Format};

    #[test]
    fn values_are_exact_and_nothing_but_rows_is_there() {
        insta::assert_snapshot!(shown(&sample(), Format::Csv), @"
        model,input,usd,status
        openai/gpt-4o,50000,0.0771234567,priced
        acme/unheard-of,7,,unknown-model
        ");
    }

    #[test]
    fn commas_quotes_and_lines_are_quoted() {
        assert_eq!(shown(&one("a,b"), Format::Csv), "name\n\"a,b\"\n");
        assert_eq!(shown(&one("a\"b\nc"), Format::Csv), "name\n\"a\"\"b\nc\"\n");
        assert_eq!(shown(&one(""), Format::Csv), "name\n\"\"\n");
    }

    #[test]
    fn no_rows_is_the_header_alone() {
        let report = Report::new([Column::text("model", "Model"), Column::number("usd", "cost")]);
        assert_eq!(shown(&report, Format::Csv), "model,usd\n");
    }

    #[test]
    fn a_formula_gets_an_apostrophe_and_a_number_does_not() {
        for text in
            ["=1+1", "+cmd", "-", "--1", "-1-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-1.", "-.5", "-1e5"]
        {
            assert_eq!(defused(text), format!("'{text}"), "{text:?}");
        }
        assert_eq!(defused("a\r\n ::error::x"), "a\r\n : :error::x");
        assert_eq!(defused("::error::x"), ": :error::x");
        for text in ["", "a=b", "-1", "+1", "-0.000001", "12", "1-1", "'=1", " =1"] {
            assert_eq!(defused(text), text, "{text:?}");
        }
        assert_eq!(shown(&one("=1+1,2"), Format::Csv), "name\n\"'=1+1,2\"\n");
    }
}
