//! A table in GitHub's Markdown, with the head as paragraphs above it and the notes as a list below.
//!
//! Text is shown as it is written: what Markdown or HTML would take for markup is escaped, so that a model name out of
//! a log can put neither a link nor an image into a pull request.

use std::fmt::Write as _;
use std::io;

use super::{Align, Cell, NO_ROWS, Report, Screen, inert};

pub(super) fn write(report: &Report, _: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    write_report(report, out)
}

fn write_report(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    for line in &report.head {
        writeln!(out, "{}\n", block(line))?;
    }
    if report.rows.is_empty() {
        writeln!(out, "{NO_ROWS}")?;
    } else {
        write_table(report, out)?;
    }
    for (title, section) in &report.sections {
        writeln!(out, "\n### {}\n", escaped(title))?;
        write_report(section, out)?;
    }
    if !report.notes.is_empty() {
        writeln!(out)?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "- {}", block(note)))
}

fn write_table(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    write_row(report.columns.iter().map(|column| escaped(&column.title)), out)?;
    let rule = |align| if align == Align::Right { "---:" } else { "---" };
    write_row(report.columns.iter().map(|column| rule(column.align).to_owned()), out)?;
    for row in &report.rows {
        write_row(report.cells(&row.cells).map(|(_, cell)| escaped(&cell.people)), out)?;
    }
    match &report.total {
        Some(total) => write_row(report.cells(total).map(|(_, cell)| strong(cell)), out),
        None => Ok(()),
    }
}

fn write_row(cells: impl Iterator<Item = String>, out: &mut dyn io::Write) -> io::Result<()> {
    for cell in cells {
        write!(out, "| {cell} ")?;
    }
    writeln!(out, "|")
}

fn strong(cell: &Cell) -> String {
    match escaped(cell.people.trim()) {
        text if text.is_empty() => text,
        text => format!("**{text}**"),
    }
}

/// A line of its own, which must not begin like a heading, a quote, a list or a rule.
pub(super) fn block(line: &str) -> String {
    let text = escaped(line);
    let markers = ['#', '>', '-', '+', '='];
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if text.starts_with(markers) {
        format!("\\{text}")
    } else if number.len() < text.len() && (number.starts_with(". ") || number.starts_with(") ")) {
        format!("{}\\{number}", &text[..text.len() - number.len()])
    } else {
        text
    }
}

/// Text in which nothing is markup. An underscore inside of a word is none, so `cache_read` stays readable.
pub(super) fn escaped(text: &str) -> String {
    let text = inert(text);
    let mut safe = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        match c {
            '<' => safe.push_str("&lt;"),
            '&' if after == '#' || after.is_ascii_alphabetic() => safe.push_str("&amp;"),
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => safe.push('_'),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' => {
                write!(safe, "\\{c}").expect("a String takes every write")
            }
            c => safe.push(c),
        }
        before = c;
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;
    use crate::report::tests::{one, sample, shown};

    #[test]
    fn a_table_with_its_head_total_and_notes() {
        insta::assert_snapshot!(shown(&sample(), Format::Markdown), @"
        Prices of 2026-11-22

        | model | input | cost | status |
        | --- | ---: | ---: | --- |
        | openai/gpt-4o | 50,000 | $0.07712 | priced |
        | acme/unheard-of | 7 | unknown | unknown-model |
        | **total** | **50,007** | **$0.07712** |  |

        - 1 of 2 records has no price
        ");
    }

    #[test]
    fn no_rows_says_so() {
        let mut report = sample();
        report.rows.clear();
        insta::assert_snapshot!(shown(&report, Format::Markdown), @"
        Prices of 2026-11-22

        Nothing to show.

        - 1 of 2 records has no price
        ");
    }

    #[test]
    fn text_is_shown_as_it_is_written() {
        let cases = [
            ("a|b", r"a\|b"),
            (r"a\|b", r"a\\\|b"),
            ("a\nb", r"a\\nb"),
            ("`rm`", r"\`rm\`"),
            ("<img src=x onerror=y>", "&lt;img src=x onerror=y>"),
            ("![x](http://y)", r"!\[x\](http://y)"),
            ("&lt;script&#62;", "&amp;lt;script&amp;#62;"),
            ("R&D, 1 & 2", "R&amp;D, 1 & 2"),
            ("cache_write_5m _x_ **y** ~~z~~", r"cache_write_5m \_x\_ \*\*y\*\* \~\~z\~\~"),
            ("\u{1b}[31m", r"\\u{1b}\[31m"),
        ];
        for (text, safe) in cases {
            assert_eq!(escaped(text), safe);
            assert_eq!(shown(&one(text), Format::Markdown), format!("| name |\n| --- |\n| {safe} |\n"));
        }
    }

    #[test]
    fn a_note_stays_a_line_of_text() {
        for (text, safe) in [("# big", r"\# big"), ("- x", r"\- x"), ("12. x", r"12\. x"), ("> x", r"\> x")] {
            assert_eq!(block(text), safe);
        }
        assert_eq!(block("12 of 13 rows"), "12 of 13 rows");
        assert_eq!(block("0.5 USD"), "0.5 USD");
    }
}
