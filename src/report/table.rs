//! A table for people: one rule under the header, one above the total, two spaces between columns.
//!
//! comfy-table wraps and aligns; which column gives way on a narrow screen is decided here, because it may be a text
//! but never a number. Colour is put on afterwards, cell by cell, as escape sequences would spoil the measuring. To find
//! the cells again in the finished lines, they are laid out with separators that cannot occur in [`inert`] text.

use std::io;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};

use textwrap::core::display_width;

use super::{Align, Column, NO_ROWS, Report, Screen, Tone, inert, without_commands};

/// Between two cells of a laid out line.
const BETWEEN: char = '\u{1}';
/// Fills the line below each row.
const BELOW: char = '\u{2}';
/// Between two columns on the screen.
const GAP: &str = "  ";
/// What a text column keeps at least as long as something else can give way.
const NARROWEST_TEXT: usize = 16;
/// What is left of it where a table would not fit otherwise.
const LEAST_TEXT: usize = 8;
/// Longer pieces of names are cut anywhere where nothing else is left to give way; a date is shorter.
const LONGEST_PIECE: usize = 12;
/// Longer words of a title are broken behind `/`, `-` and `_`: names of models, for the most part.
const LONGEST_TITLE: usize = 18;
/// Lines that a wrapped text may take; the rest is cut with an ellipsis.
const MOST_LINES: usize = 4;

pub(super) fn write(report: &Report, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    report.head.iter().try_for_each(|line| write_words(line, "", Style::new(), screen, out))?;
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
    report.notes.iter().try_for_each(|note| write_words(note, "", Style::new(), screen, out))
}

/// A line of words: on a screen it goes on below where a word would not fit, elsewhere it stays one line.
fn write_words(line: &str, indent: &str, style: Style, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let line = inert(line);
    let width = screen.width.map_or(usize::MAX, usize::from).max(NARROWEST_TEXT);
    let options = textwrap::Options::new(width).break_words(false).initial_indent(indent).subsequent_indent(indent);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    // A name that is wider than the screen is broken as in a table, an address stays whole for copying.
    let broken = |line: &str| if line.contains("://") { vec![line.to_owned()] } else { wrapped(line, width) };
    let mut lines = textwrap::wrap(&line, options).into_iter().flat_map(|line| broken(&line));
    lines.try_for_each(|line| writeln!(out, "{}", painted(&without_commands(&line), style, screen.color)))
}

fn write_table(report: &Report, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let widths = fitted(report, screen.width);
    let lines = lay_out(report, &widths);
    let wide = widths.iter().sum::<usize>() + gaps(widths.len());
    let rule = painted(&"─".repeat(wide), Style::new().dimmed(), screen.color);
    let mut lines = lines.iter().map(String::as_str);
    // A row's lines end where the line below it begins, which this takes with it.
    let mut write_row = |styles: &[Style], out: &mut dyn io::Write| {
        lines.by_ref().take_while(|line| !line.starts_with(BELOW)).try_for_each(|line| {
            let parts = line.split(BETWEEN).zip(styles).map(|(part, style)| painted(part, *style, screen.color));
            writeln!(out, "{}", without_commands(parts.collect::<Vec<_>>().join(GAP).trim_end()))
        })
    };

    let bold = vec![Style::new().bold(); report.columns.len()];
    write_row(&bold, out)?;
    writeln!(out, "{rule}")?;
    for row in &report.rows {
        let styles: Vec<Style> = report.cells(&row.cells).map(|(_, cell)| style(cell.tone)).collect();
        write_row(&styles, out)?;
        for line in &row.detail {
            write_words(line, "    ", Style::new().dimmed(), screen, out)?;
        }
    }
    if let Some(total) = &report.total {
        writeln!(out, "{rule}")?;
        let styles: Vec<Style> = report.cells(total).map(|(_, cell)| style(cell.tone).bold()).collect();
        write_row(&styles, out)?;
    }
    Ok(())
}

/// How wide a column is at best, and what it can do with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnWidths {
    /// Everything is on one line.
    full: usize,
    /// The title goes on below.
    title: usize,
    /// Texts go on below between words, of which a name of a model is one.
    pub(super) words: usize,
    /// Names go on below as well, behind `/`, `-` and `_`.
    pieces: usize,
    /// Texts are cut anywhere.
    pub(super) least: usize,
}

impl ColumnWidths {
    /// A number needs all of its digits, a text gives way step by step.
    fn of(column: &Column, cells: &Longest, screen: usize) -> Self {
        let mut title = Longest::default();
        title.add(&column.title);
        // A word that takes more than half of the screen leaves too little to the other columns.
        let word = |longest: &Longest, most: usize| longest.word.min(longest.piece.max(most));
        let title_word = word(&title, LONGEST_TITLE);
        let whole = cells.text.max(title_word).max(1);
        let down_to = |part: usize, least: usize| part.max(title_word).max(least).min(whole);
        let (words, pieces, least) = match column.align {
            Align::Left => (
                down_to(word(cells, screen / 2), NARROWEST_TEXT),
                down_to(cells.piece, LEAST_TEXT),
                down_to(cells.piece.min(LONGEST_PIECE), LEAST_TEXT),
            ),
            // What stands between numbers in the place of one, such as "not sold", goes on below.
            Align::Right => (whole, down_to(cells.word, 0), down_to(cells.word, 0)),
        };
        ColumnWidths { full: cells.text.max(title.text).max(1), title: whole, words, pieces, least }
    }
}

/// The longest text of a column, the longest word in it, and the longest part that has no place to break at.
#[derive(Default)]
struct Longest {
    text: usize,
    word: usize,
    piece: usize,
}

impl Longest {
    /// Adds an amount of money, whose currency stays behind it.
    fn add_whole(&mut self, text: &str) {
        let width = display_width(text);
        *self = Longest { text: self.text.max(width), word: self.word.max(width), piece: self.piece.max(width) };
    }

    fn add(&mut self, text: &str) {
        self.text = self.text.max(display_width(text));
        for word in text.split(' ') {
            self.word = self.word.max(display_width(word));
            self.piece = pieces(word).map(display_width).fold(self.piece, usize::max);
        }
    }
}

/// What the columns of a report need on a screen of so many columns.
pub(super) fn needs(report: &Report, screen: u16) -> Vec<ColumnWidths> {
    let rows = || report.rows.iter().map(|row| &row.cells).chain(&report.total);
    let of_column = |(i, column): (usize, &Column)| {
        let mut longest = Longest::default();
        rows().filter_map(|cells| cells.get(i)).for_each(|cell| match cell.amount {
            Some(_) => longest.add_whole(&cell.people),
            None => longest.add(&inert(&cell.people)),
        });
        ColumnWidths::of(column, &longest, usize::from(screen))
    };
    report.columns.iter().enumerate().map(of_column).collect()
}

/// Whether columns fit a screen at one of their widths.
pub(super) fn fit(columns: &[ColumnWidths], width: fn(&ColumnWidths) -> usize, screen: u16) -> bool {
    columns.iter().map(width).sum::<usize>() + gaps(columns.len()) <= usize::from(screen)
}

fn gaps(columns: usize) -> usize {
    GAP.len() * columns.saturating_sub(1)
}

/// The width of each column: its widest cell or title, less what has to go for the screen.
///
/// Titles give way first, as wrapping them costs one line; then the widest texts. Numbers keep what they need.
fn fitted(report: &Report, screen: Option<u16>) -> Vec<usize> {
    let needs = needs(report, screen.unwrap_or(u16::MAX));
    let mut widths: Vec<usize> = needs.iter().map(|need| need.full).collect();
    let Some(screen) = screen else { return widths };
    let room = usize::from(screen).saturating_sub(gaps(widths.len()));
    let steps: [fn(&ColumnWidths) -> usize; 4] =
        [|need| need.title, |need| need.words, |need| need.pieces, |need| need.least];
    for step in steps {
        let floors: Vec<usize> = needs.iter().map(step).collect();
        narrow(&mut widths, &floors, room);
    }
    widths
}

/// Takes from the widest column that is above its floor, until the sum is no more than `room` or nothing is left to take.
fn narrow(widths: &mut [usize], floors: &[usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let givers = widths.iter_mut().zip(floors).filter(|(width, floor)| **width > **floor);
        let Some((widest, _)) = givers.max_by_key(|(width, _)| **width) else { return };
        *widest -= 1;
    }
}

/// The lines of header, rows and total, each followed by a line of [`BELOW`].
fn lay_out(report: &Report, widths: &[usize]) -> Vec<String> {
    let mut table = comfy_table::Table::new();
    table.load_style(
        TableStyle::new()
            .header_lines(comfy_table::ContentLineStyle::none().junction(BETWEEN))
            .content_lines(comfy_table::ContentLineStyle::none().junction(BETWEEN))
            .header_separator(LineStyle::none().fill(BELOW).junction(BELOW))
            .row_separator(LineStyle::none().fill(BELOW).junction(BELOW)),
    );
    let titles = report.columns.iter().zip(widths).map(|(column, width)| wrapped(&column.title, *width).join("\n"));
    table.set_header(titles);
    for cells in report.rows.iter().map(|row| &row.cells).chain(&report.total) {
        let cells = report.cells(cells).zip(widths);
        table.add_row(cells.map(|((_, cell), width)| shortened(wrapped(&inert(&cell.people), *width), *width)));
    }
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for ((column, width), layout) in report.columns.iter().zip(widths).zip(table.column_iter_mut()) {
        let width = u16::try_from(*width).unwrap_or(u16::MAX);
        layout.set_padding((0, 0)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        layout.set_cell_alignment(match column.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    table.lines().collect()
}

/// The lines that a cell may have; more than that end in an ellipsis.
fn shortened(mut lines: Vec<String>, width: usize) -> String {
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            while display_width(last) >= width && last.pop().is_some() {}
            last.truncate(last.trim_end().len());
            last.push('…');
        }
    }
    lines.join("\n")
}

/// The lines of a text: broken between words, in longer words behind `/`, `-` and `_`, and in longer pieces anywhere.
///
/// What draws the branch of a tree in front of a text goes on below.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    let words = text.trim_start_matches([' ', '│', '├', '└']);
    let (branch, _) = text.split_at(text.len() - words.len());
    let mut lines = WrappedLines { lines: vec![branch.to_owned()], width, is_begun: false };
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let space = usize::from(lines.is_begun);
        if display_width(word) <= lines.room().saturating_sub(space) {
            lines.put(if space == 1 { " " } else { "" });
            lines.put(word);
        } else if display_width(word) <= width.saturating_sub(display_width(branch)) {
            lines.next(branch);
            lines.put(word);
        } else {
            lines.put(if space == 1 { " " } else { "" });
            lines.put_in_pieces(word, branch);
        }
    }
    lines.lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

struct WrappedLines {
    lines: Vec<String>,
    width: usize,
    /// Whether the last line has more than its branch.
    is_begun: bool,
}

impl WrappedLines {
    fn room(&self) -> usize {
        self.width.saturating_sub(self.lines.last().map_or(0, |line| display_width(line)))
    }

    fn put(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.push_str(text);
            self.is_begun |= !text.is_empty();
        }
    }

    fn next(&mut self, branch: &str) {
        if self.is_begun {
            self.lines.push(branch.replace('├', "│").replace('└', " "));
            self.is_begun = false;
        }
    }

    fn put_in_pieces(&mut self, word: &str, branch: &str) {
        for piece in pieces(word) {
            if display_width(piece) > self.room() {
                self.next(branch);
            }
            if display_width(piece) <= self.room() {
                self.put(piece);
                continue;
            }
            for letter in piece.chars() {
                let mut bytes = [0; 4];
                let letter = &*letter.encode_utf8(&mut bytes);
                if display_width(letter) > self.room() {
                    self.next(branch);
                }
                self.put(letter);
            }
        }
    }
}

/// The pieces of a word that a line may end between: behind `/`, `-`, `_` and `=`, but not inside of a date.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let letters = rest.char_indices().zip(rest.chars().skip(1));
        let mut before = ' ';
        let mut end = rest.len();
        for ((at, letter), after) in letters {
            let is_in_number = letter == '-' && before.is_ascii_digit() && after.is_ascii_digit();
            if matches!(letter, '/' | '-' | '_' | '=') && after.is_alphanumeric() && !is_in_number {
                end = at + letter.len_utf8();
                break;
            }
            before = letter;
        }
        let (piece, more) = rest.split_at(end);
        rest = more;
        Some(piece)
    })
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
