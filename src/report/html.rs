//! One page that needs nothing else: no network, no library, light and dark, fit for a phone and for paper.
//!
//! Every page has a title, the number that most readers look for, a day, pictures where they help, and tables that are sorted by
//! a click on a header. Every text is escaped, and made inert first, so that a name out of a log can put nothing into the page;
//! and the page runs no script but the one that its policy names by its hash.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::chart::svg;
use super::inert::escaped;
use super::{Align, Cell, Column, NO_ROWS, Report, Row, Screen, Tone};

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");
/// Tables with more columns are printed on pages that are wider than high.
const MOST_COLUMNS_ON_PAPER: usize = 10;

pub(super) fn write(report: &Report, _: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
        escaped(title(report)),
    )?;
    write_head(report, out)?;
    let mut charts = 0;
    write_body(report, &mut charts, out)?;
    write_notes(report, out)?;
    writeln!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>")
}

/// What the page is called: as the report says, or else its first line.
fn title(report: &Report) -> &str {
    let first = || report.head.first().map_or("farebox", String::as_str);
    if report.page.title.is_empty() { first() } else { &report.page.title }
}

/// Title, headline, day, and what else stands above the rows. Where no headline was given, the line below the title is it.
fn write_head(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let (title, page) = (title(report), &report.page);
    writeln!(out, "<header>\n<h1>{}</h1>", escaped(title))?;
    let mut lines = report.head.iter().filter(|line| !line.trim().is_empty() && *line != title);
    let headline = if page.headline.is_empty() { lines.next() } else { Some(&page.headline) };
    headline.map_or(Ok(()), |text| writeln!(out, "<p class=\"answer\">{}</p>", escaped(text)))?;
    lines.try_for_each(|line| writeln!(out, "<p>{}</p>", escaped(line)))?;
    if !page.date.is_empty() {
        writeln!(out, "<p class=\"date\"><time datetime=\"{0}\">{0}</time></p>", escaped(&page.date))?;
    }
    writeln!(out, "</header>")
}

/// The page's own pictures and table, then those of its sections.
fn write_body(report: &Report, charts: &mut usize, out: &mut dyn io::Write) -> io::Result<()> {
    for chart in &report.charts {
        *charts += 1;
        writeln!(
            out,
            "<figure>\n<figcaption>{}</figcaption>\n{}\n</figure>",
            escaped(&chart.title),
            svg(chart, *charts)
        )?;
    }
    write_table(report, out)?;
    for (title, section) in &report.sections {
        writeln!(out, "<section>\n<h2>{}</h2>", escaped(title))?;
        for line in &section.head {
            writeln!(out, "<p>{}</p>", escaped(line))?;
        }
        write_body(section, charts, out)?;
        write_notes(section, out)?;
        writeln!(out, "</section>")?;
    }
    Ok(())
}

fn write_notes(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    if report.notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul class=\"notes\">")?;
    report.notes.iter().try_for_each(|note| writeln!(out, "<li>{}</li>", escaped(note)))?;
    writeln!(out, "</ul>")
}

fn write_table(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    if report.rows.is_empty() {
        return if report.sections.is_empty() { writeln!(out, "<p>{NO_ROWS}</p>") } else { Ok(()) };
    }
    let shown = |column: &Column| !column.is_drawing;
    let is_wide = report.columns.iter().filter(|column| shown(column)).count() > MOST_COLUMNS_ON_PAPER;
    let wide = if is_wide { " data-wide" } else { "" };
    writeln!(out, "<div class=\"scroll\"{wide}>\n<table>\n<thead><tr>")?;
    for column in report.columns.iter().filter(|column| shown(column)) {
        writeln!(out, "<th scope=\"col\"{}>{}</th>", side(column.align), escaped(&column.title))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    let is_tree = report.rows.iter().any(|row| row.depth > 0);
    for row in &report.rows {
        write_row(report, row, is_tree, out)?;
    }
    writeln!(out, "</tbody>")?;
    if let Some(total) = &report.total {
        write!(out, "<tfoot><tr>")?;
        for (column, cell) in report.cells(total).filter(|(column, _)| shown(column)) {
            write!(out, "<td{}>{}</td>", side(column.align), escaped(&cell.people))?;
        }
        writeln!(out, "</tr></tfoot>")?;
    }
    writeln!(out, "</table>\n</div>")
}

/// A row, and a row for each of its details. In a tree it says how deep it is instead of drawing its branches.
fn write_row(report: &Report, row: &Row, is_tree: bool, out: &mut dyn io::Write) -> io::Result<()> {
    match is_tree {
        true => write!(out, "<tr data-depth=\"{0}\" style=\"--depth:{0}\">", row.depth)?,
        false => write!(out, "<tr>")?,
    }
    let cells = report.cells(&row.cells).filter(|(column, _)| !column.is_drawing);
    let columns = report.columns.iter().filter(|column| !column.is_drawing).count();
    for (i, (column, cell)) in cells.enumerate() {
        let (tag, end) = if i == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
        let text = match is_tree && i == 0 {
            true => cell.people.trim_start_matches([' ', '│', '├', '└']),
            false => &cell.people,
        };
        let (kind, tone) = (kind(column.align, &cell.people), tone(cell.tone));
        write!(out, "<{tag}{kind}{}{tone}>{}</{end}>", exact(column, cell), escaped(text))?;
    }
    writeln!(out, "</tr>")?;
    let mut details = row.detail.iter();
    details.try_for_each(|line| {
        writeln!(out, "<tr class=\"detail\"><td colspan=\"{columns}\">{}</td></tr>", escaped(line))
    })
}

/// The exact value, where it is not what people see: as a tip, and for a number also as what rows are sorted by.
fn exact(column: &Column, cell: &Cell) -> String {
    let exact = escaped(&cell.exact);
    let is_number = column.align == Align::Right && cell.exact.parse::<rust_decimal::Decimal>().is_ok();
    let value = if is_number { format!(" data-v=\"{exact}\"") } else { String::new() };
    let is_tip = cell.exact != cell.people && !cell.exact.is_empty();
    if is_tip { format!(" title=\"{exact}\"{value}") } else { value }
}

/// A number, a name or a date, which stay on one line, or words, which get some room.
fn kind(align: Align, text: &str) -> &'static str {
    match (align, text.chars().count()) {
        (Align::Right, _) => " data-n",
        (Align::Left, 0..=16) => " data-w",
        (Align::Left, 17..=40) if !text.contains(' ') => " data-w",
        (Align::Left, 41..) if text.contains(' ') => " data-t",
        (Align::Left, _) => "",
    }
}

fn side(align: Align) -> &'static str {
    if align == Align::Right { " data-n" } else { "" }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Dim => " class=\"dim\"",
        Tone::Good => " class=\"good\"",
        Tone::Warn => " class=\"warn\"",
        Tone::Bad => " class=\"bad\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{one, sample, shown};
    use crate::report::{Format, chart};

    /// A page without its script, and the script.
    fn without_script(page: &str) -> (String, &str) {
        let (before, rest) = page.split_once("<script>").unwrap();
        let (script, after) = rest.split_once("</script>").unwrap();
        (format!("{before}{after}"), script)
    }

    #[test]
    fn the_policy_allows_the_script_of_the_page_and_no_other() {
        let page = shown(&sample(), Format::Html);
        let (_, script) = without_script(&page);
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-".to_owned() + &hash + "'";
        assert!(page.contains(&format!("content=\"{policy}\"")), "{page}");
    }

    #[test]
    fn a_page_has_a_title_a_headline_and_a_day() {
        let head = |report: &Report| {
            let page = shown(report, Format::Html);
            let (_, rest) = page.split_once("<header>\n").unwrap();
            rest.split_once("</header>").unwrap().0.to_owned()
        };
        let mut report = one("x");
        report.head = vec!["A plan".into(), "$5.00 expected.".into(), "More.".into()];
        report.date("2026-11-22");
        let day = "<p class=\"date\"><time datetime=\"2026-11-22\">2026-11-22</time></p>\n";
        let lines = "<h1>A plan</h1>\n<p class=\"answer\">$5.00 expected.</p>\n<p>More.</p>\n";
        assert_eq!(head(&report), format!("{lines}{day}"));
        report.entitle("A plan", "$5.00");
        let lines = "<h1>A plan</h1>\n<p class=\"answer\">$5.00</p>\n<p>$5.00 expected.</p>\n<p>More.</p>\n";
        assert_eq!(head(&report), format!("{lines}{day}"));
    }

    #[test]
    fn a_number_has_what_it_is_sorted_by_and_a_tree_its_depth() {
        let mut report = sample();
        report.rows[0].depth = 1;
        report.rows[0].cells[0] = Cell::text("│ └ inner");
        let page = shown(&report, Format::Html);
        assert!(page.contains("<td data-n title=\"50000\" data-v=\"50000\""), "{page}");
        assert!(page.contains("data-v=\"0.0771234567\""), "{page}");
        assert!(page.contains("<td data-n class=\"dim\">unknown</td>"), "what is not known has no number: {page}");
        assert!(page.contains("<tr data-depth=\"1\" style=\"--depth:1\"><th scope=\"row\""), "{page}");
        assert!(page.contains(">inner</th>"), "{page}");
    }

    #[test]
    fn text_is_text_wherever_it_stands() {
        let hostile = "</td><script>alert('x')</script>\" onload=\"";
        let mut report = one(hostile);
        report.head.push(hostile.into());
        report.notes.push(hostile.into());
        report.rows[0].detail.push(hostile.into());
        let value = chart::ChartValue { at: 1.0, text: hostile.into() };
        let kind = chart::ChartKind::Bars { bars: vec![(hostile.into(), value.clone(), None)] };
        report.charts.push(chart::Chart { title: hostile.into(), kind });
        let band = chart::ChartKind::Stacked {
            labels: vec![hostile.into()],
            series: vec![(hostile.into(), vec![value.clone()])],
            band: vec![[value.clone(), value.clone(), value.clone()]],
            limit: Some(value),
        };
        report.charts.push(chart::Chart { title: hostile.into(), kind: band });
        report.sections.push((hostile.into(), one(hostile)));
        let page = shown(&report, Format::Html);
        let (page, script) = without_script(&page);
        assert_eq!(script, SCRIPT);
        assert!(!page.contains("<script") && !page.contains("onload=\"") && !page.contains("alert('x')"), "{page}");
    }

    #[test]
    fn a_page_asks_for_nothing_and_has_every_value() {
        let page = shown(&sample(), Format::Html);
        for value in ["openai/gpt-4o", "50,000", "$0.07712", "0.0771234567", "1 of 2 records has no price", "total"] {
            assert!(page.contains(value), "{value}");
        }
        let (page, script) = without_script(&page);
        for asks in ["src=", "href=", "url(", "@import", "<script", "<link"] {
            assert!(!page.contains(asks), "{asks}");
        }
        for asks in ["import", "fetch", "XMLHttp", "innerHTML", "eval", "http", "localStorage"] {
            assert!(!script.contains(asks), "{asks}");
        }
    }
}
