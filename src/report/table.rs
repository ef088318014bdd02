//! A table for people: one rule under the header, one above the total, two spaces between columns.
//!
//! comfy-table wraps and aligns; which column gives way on a narrow screen is decided here, because it may be a text
//! but never a number. Colour is put on afterwards, cell by cell, as escape sequences would spoil the measuring. To find
//! the cells again in the finished lines, they are laid out with separators that cannot occur in [`inert`] text.

use std::io;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};

use super::{Align, NO_ROWS, Report, Screen, Tone, inert};

/// Between two cells of a laid out line.
const BETWEEN: char = '\u{1}';
/// Fills the line below each row.
const BELOW: char = '\u{2}';
/// Between two columns on the screen.
const GAP: &str = "  ";
/// What a text column keeps at least, however narrow the screen is.
const NARROWEST_TEXT: u16 = 12;

/// What is left of it where a table would not fit otherwise.
const LEAST_TEXT: u16 = 8;
/// Lines that a wrapped text may take; the rest is cut with an ellipsis.
const MOST_LINES: usize = 4;

pub(super) fn write(report: &Report, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    report.head.iter().try_for_each(|line| write_words(line, "", screen, out))?;
    if !report.head.is_empty() {
        writeln!(out)?;
    }
    if report.rows.is_empty() {
        writeln!(out, "{NO_ROWS}")?;
    } else if !report.columns.is_empty() {
        write_table(report, screen, out)?;
    }
    for (title, section) in &report.sections {
        writeln!(out, "\n{}\n", painted(&inert(title), Style::new().bold(), screen.color))?;
        write(section, screen, out)?;
    }
    if !report.notes.is_empty() {
        writeln!(out)?;
    }
    report.notes.iter().try_for_each(|note| write_words(note, "", screen, out))
}

/// A line of words: on a screen it goes on below where a word would not fit, elsewhere it stays one line.
fn write_words(line: &str, indent: &str, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let line = inert(line);
    let width = screen.width.map_or(usize::MAX, usize::from).max(usize::from(NARROWEST_TEXT));
    let options = textwrap::Options::new(width).break_words(false).initial_indent(indent).subsequent_indent(indent);
    textwrap::wrap(&line, options).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn write_table(report: &Report, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let (widths, lines) = lay_out(report, screen.width);
    let wide = widths.iter().map(|w| usize::from(*w)).sum::<usize>() + GAP.len() * (widths.len() - 1);
    let rule = painted(&"─".repeat(wide), Style::new().dimmed(), screen.color);
    let mut lines = lines.iter().map(String::as_str);
    // A row's lines end where the line below it begins, which this takes with it.
    let mut write_row = |styles: &[Style], out: &mut dyn io::Write| {
        lines.by_ref().take_while(|line| !line.starts_with(BELOW)).try_for_each(|line| {
            let parts = line.split(BETWEEN).zip(styles).map(|(part, style)| painted(part, *style, screen.color));
            writeln!(out, "{}", parts.collect::<Vec<_>>().join(GAP).trim_end())
        })
    };

    let bold = vec![Style::new().bold(); report.columns.len()];
    write_row(&bold, out)?;
    writeln!(out, "{rule}")?;
    for row in &report.rows {
        let styles: Vec<Style> = report.cells(&row.cells).map(|(_, cell)| style(cell.tone)).collect();
        write_row(&styles, out)?;
        for line in &row.detail {
            writeln!(out, "    {}", painted(&inert(line), Style::new().dimmed(), screen.color))?;
        }
    }
    if let Some(total) = &report.total {
        writeln!(out, "{rule}")?;
        let styles: Vec<Style> = report.cells(total).map(|(_, cell)| style(cell.tone).bold()).collect();
        write_row(&styles, out)?;
    }
    Ok(())
}

/// The width that a table of this report has at least: below it, numbers would have to break.
pub(super) fn least_width(report: &Report, screen: u16) -> usize {
    let body = || report.rows.iter().map(|row| &row.cells).chain(&report.total);
    let widest =
        |i: usize| body().filter_map(|cells| cells.get(i)).map(|cell| cell.people.chars().count()).max().unwrap_or(0);
    let word = |title: &str| title.split(' ').map(|w| w.chars().count()).max().unwrap_or(0);
    let least = |(i, column): (usize, &super::Column)| {
        let need = widest(i).max(word(&column.title));
        if column.align == Align::Left { need.min(usize::from(narrowest_text(column, screen))) } else { need }
    };
    report.columns.iter().enumerate().map(least).sum::<usize>() + GAP.len() * report.columns.len().saturating_sub(1)
}

/// What a column of text keeps at least.
fn narrowest_text(column: &super::Column, screen: u16) -> u16 {
    if column.whole { NARROWEST_TEXT.max(screen / 2) } else { NARROWEST_TEXT }
}

/// The widths of the columns, and the lines of header, rows and total, each followed by a line of [`BELOW`].
fn lay_out(report: &Report, width: Option<u16>) -> (Vec<u16>, Vec<String>) {
    let widths = fitted(report, &table_of(report, &[]).column_max_content_widths(), width);
    let mut table = table_of(report, &widths);
    table.set_header(report.columns.iter().map(|column| &column.title));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for ((column, width), layout) in report.columns.iter().zip(&widths).zip(table.column_iter_mut()) {
        layout.set_padding((0, 0)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(*width)));
        layout.set_cell_alignment(match column.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    (widths, table.lines().collect())
}

/// The rows as they are, or with names broken where they do not fit the widths.
fn table_of(report: &Report, widths: &[u16]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(
        TableStyle::new()
            .header_lines(comfy_table::ContentLineStyle::none().junction(BETWEEN))
            .content_lines(comfy_table::ContentLineStyle::none().junction(BETWEEN))
            .header_separator(LineStyle::none().fill(BELOW).junction(BELOW))
            .row_separator(LineStyle::none().fill(BELOW).junction(BELOW)),
    );
    table.set_truncation_indicator("…");
    let body = report.rows.iter().map(|row| &row.cells).chain(&report.total);
    for cells in body {
        let text = |(i, (_, cell)): (usize, (_, &super::Cell))| {
            let text = inert(&cell.people).into_owned();
            widths.get(i).map_or_else(|| text.clone(), |width| broken(&text, usize::from(*width)))
        };
        let mut row = comfy_table::Row::from(report.cells(cells).enumerate().map(text));
        row.max_height(MOST_LINES);
        table.add_row(row);
    }
    table
}

/// A text whose words go on below behind `/`, `-` and `_` where they are longer than a line.
fn broken(text: &str, width: usize) -> String {
    let word = |word: &str| {
        if word.chars().count() <= width {
            return word.to_owned();
        }
        let (mut lines, mut length) = (String::new(), 0);
        for piece in word.split_inclusive(['/', '-', '_']) {
            let more = piece.chars().count();
            if length > 0 && length + more > width {
                lines.push('\n');
                length = 0;
            }
            lines += piece;
            length += more;
        }
        lines
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The width of each column: its widest cell or title, less what has to go for the screen.
///
/// Titles give way first, as wrapping them costs one line; then the widest texts. Numbers keep what they need.
fn fitted(report: &Report, cells: &[u16], screen: Option<u16>) -> Vec<u16> {
    let length = |title: &str| u16::try_from(title.chars().count()).unwrap_or(u16::MAX);
    let columns = || report.columns.iter().zip(cells);
    let mut widths: Vec<u16> = columns().map(|(column, cells)| length(&column.title).max(*cells).max(1)).collect();
    let Some(screen) = screen else { return widths };
    let word = |title: &str| title.split(' ').map(length).max().unwrap_or(0);
    let without_title: Vec<u16> = columns().map(|(column, cells)| word(&column.title).max(*cells).max(1)).collect();
    let narrowest: Vec<u16> = columns()
        .zip(&without_title)
        .map(
            |((column, _), need)| {
                if column.align == Align::Left { narrowest_text(column, screen).min(*need) } else { *need }
            },
        )
        .collect();
    // Where nothing is left to leave out, names go on below in smaller pieces rather than over the edge.
    let least: Vec<u16> = columns()
        .zip(&narrowest)
        .map(|((column, _), need)| if column.align == Align::Left { LEAST_TEXT.min(*need) } else { *need })
        .collect();
    let gaps = u16::try_from(GAP.len() * widths.len().saturating_sub(1)).unwrap_or(u16::MAX);
    for floors in [without_title, narrowest, least] {
        narrow(&mut widths, &floors, screen.saturating_sub(gaps));
    }
    widths
}

/// Takes from the widest column that is above its floor, until the sum is no more than `room` or nothing is left to take.
fn narrow(widths: &mut [u16], floors: &[u16], room: u16) {
    let room = u32::from(room);
    while widths.iter().copied().map(u32::from).sum::<u32>() > room {
        let givers = widths.iter_mut().zip(floors).filter(|(width, floor)| **width > **floor);
        let Some((widest, _)) = givers.max_by_key(|(width, _)| **width) else { return };
        *widest -= 1;
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
    }
}

/// The text in a style, the spaces around it left plain.
fn painted(text: &str, style: Style, color: bool) -> String {
    let core = text.trim_matches(' ');
    if !color || core.is_empty() || style.is_plain() {
        return text.to_owned();
    }
    text.replacen(core, &format!("{style}{core}{style:#}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{one, sample, shown, shown_on};
    use crate::report::{Cell, Column, Format};
    use serde_json::Value;

    fn on_width(report: &Report, width: u16) -> String {
        shown_on(report, Format::Table, Screen { width: Some(width), color: false })
    }

    #[test]
    fn a_table_with_its_head_details_total_and_notes() {
        insta::assert_snapshot!(shown(&sample(), Format::Table), @"
        Prices of 2026-11-22

        model             input      cost  status
        ────────────────────────────────────────────────
        openai/gpt-4o    50,000  $0.07712  priced
        acme/unheard-of       7   unknown  unknown-model
            did you mean `acme/unheard`?
        ────────────────────────────────────────────────
        total            50,007  $0.07712

        1 of 2 records has no price
        ");
    }

    #[test]
    fn notes_go_on_below_between_words_on_a_screen_alone() {
        let mut report = sample();
        (report.rows, report.total) = (Vec::new(), None);
        report.notes = vec!["one record has no price: https://example.org/a/long/address".into()];
        let notes = |width| {
            let shown = shown_on(&report, Format::Table, Screen { width, color: false });
            shown.lines().skip_while(|line| !line.starts_with("one")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(notes(Some(20)), ["one record has no", "price:", "https://example.org/a/long/address"]);
        assert_eq!(notes(None), [report.notes[0].as_str()]);
    }

    #[test]
    fn a_narrow_screen_wraps_text_and_never_a_number() {
        let mut report = sample();
        (report.head, report.notes) = (Vec::new(), Vec::new());
        report.rows[1].detail.clear();
        insta::assert_snapshot!(on_width(&report, 44), @"
        model          input      cost  status
        ────────────────────────────────────────────
        openai/gpt-   50,000  $0.07712  priced
        4o
        acme/              7   unknown  unknown-
        unheard-of                      model
        ────────────────────────────────────────────
        total         50,007  $0.07712
        ");
        for width in 1..60 {
            let text = on_width(&report, width);
            assert!(text.contains("50,000") && text.contains("$0.07712"), "{width}: {text}");
            // 8 of each text, 6 and 8 of the numbers, 3 gaps of 2: from 36 on it fits.
            let overflows = text.lines().any(|line| line.chars().count() > usize::from(width));
            assert_eq!(overflows, width < 36, "{width}: {text}");
        }
    }

    #[test]
    fn a_long_title_wraps_before_any_text_does() {
        let mut report = Report::new([Column::text("m", "model"), Column::number("n", "cache write tokens")]);
        report.push([Cell::text("openai/gpt-4o-mini"), Cell::quantity(12)], Value::Null);
        insta::assert_snapshot!(on_width(&report, 30), @"
        model                    cache
                                 write
                                tokens
        ──────────────────────────────
        openai/gpt-4o-mini          12
        ");
    }

    #[test]
    fn an_endless_text_is_cut() {
        insta::assert_snapshot!(on_width(&one(&"endless ".repeat(1000)), 20), @"
        name
        ────────────────────
        endless endless
        endless endless
        endless endless
        endless endless…
        ");
    }

    #[test]
    fn wide_letters_count_twice() {
        let mut report = Report::new([Column::text("m", "model"), Column::number("n", "n")]);
        for name in ["漢字かな", "abcdefgh", "é", "👩‍💻"] {
            report.push([Cell::text(name), Cell::quantity(1)], Value::Null);
        }
        insta::assert_snapshot!(shown(&report, Format::Table), @"
        model     n
        ───────────
        漢字かな  1
        abcdefgh  1
        é         1
        👩‍💻        1
        ");
    }

    #[test]
    fn colour_is_on_the_words_alone_and_only_where_it_is_wanted() {
        let coloured = shown_on(&sample(), Format::Table, Screen { width: None, color: true });
        insta::assert_snapshot!(coloured.replace('\u{1b}', "^"), @"
        Prices of 2026-11-22

        ^[1mmodel^[0m             ^[1minput^[0m      ^[1mcost^[0m  ^[1mstatus^[0m
        ^[2m────────────────────────────────────────────────^[0m
        openai/gpt-4o    50,000  $0.07712  ^[32mpriced^[0m
        acme/unheard-of       7   ^[2munknown^[0m  ^[1m^[31munknown-model^[0m
            ^[2mdid you mean `acme/unheard`?^[0m
        ^[2m────────────────────────────────────────────────^[0m
        ^[1mtotal^[0m            ^[1m50,007^[0m  ^[1m$0.07712^[0m

        1 of 2 records has no price
        ");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), shown(&sample(), Format::Table));
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal_or_break_the_table() {
        insta::assert_snapshot!(shown(&one("\u{1b}[2J\u{1}\u{2}\n\u{202e}x"), Format::Table), @r"
        name
        ──────────────────────────────
        \u{1b}[2J\u{1}\u{2}\n\u{202e}x
        ");
        let mut report = one("x");
        for lines in [&mut report.head, &mut report.notes, &mut report.rows[0].detail] {
            lines.push("\u{1b}[2J\u{7}".into());
        }
        assert!(!shown(&report, Format::Table).contains(['\u{1b}', '\u{7}']));
    }

    #[test]
    fn no_rows_says_so() {
        let mut report = sample();
        report.rows.clear();
        insta::assert_snapshot!(shown(&report, Format::Table), @"
        Prices of 2026-11-22

        Nothing to show.

        1 of 2 records has no price
        ");
    }
}
