//! One page that needs nothing else: no network, no script, light and dark, fit to print.
//!
//! Every text is escaped, and made inert first, so that a name out of a log can put nothing into the page.

use std::io;

use super::chart::svg;
use super::inert::escaped;
use super::{Align, NO_ROWS, Report, Screen, Tone};

const STYLE: &str = include_str!("html.css");

pub(super) fn write(report: &Report, _: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    let title = report.head.first().map_or("farebox", String::as_str);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>",
        escaped(title),
        STYLE
    )?;
    write_head(report, out)?;
    let mut charts = 0;
    write_body(report, &mut charts, out)?;
    write_notes(report, out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

fn write_head(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let mut lines = report.head.iter();
    if let Some(first) = lines.next() {
        writeln!(out, "<header>\n<h1>{}</h1>", escaped(first))?;
        let rest: Vec<&String> = lines.filter(|line| !line.trim().is_empty()).collect();
        for (i, line) in rest.iter().enumerate() {
            writeln!(out, "<p{}>{}</p>", if i == 0 { " class=\"answer\"" } else { "" }, escaped(line))?;
        }
        writeln!(out, "</header>")?;
    }
    Ok(())
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
    writeln!(out, "<div class=\"scroll\">\n<table>\n<thead><tr>")?;
    for column in &report.columns {
        writeln!(out, "<th scope=\"col\"{}>{}</th>", side(column.align), escaped(&column.title))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in &report.rows {
        write!(out, "<tr>")?;
        for (i, (column, cell)) in report.cells(&row.cells).enumerate() {
            let tag = if i == 0 { "th scope=\"row\"" } else { "td" };
            let end = if i == 0 { "th" } else { "td" };
            let exact = if cell.exact != cell.people && !cell.exact.is_empty() {
                format!(" title=\"{}\"", escaped(&cell.exact))
            } else {
                String::new()
            };
            write!(out, "<{tag}{}{exact}{}>{}</{end}>", side(column.align), tone(cell.tone), escaped(&cell.people))?;
        }
        writeln!(out, "</tr>")?;
        for line in &row.detail {
            writeln!(out, "<tr class=\"detail\"><td colspan=\"{}\">{}</td></tr>", report.columns.len(), escaped(line))?;
        }
    }
    writeln!(out, "</tbody>")?;
    if let Some(total) = &report.total {
        write!(out, "<tfoot><tr>")?;
        for (column, cell) in report.cells(total) {
            write!(out, "<td{}>{}</td>", side(column.align), escaped(&cell.people))?;
        }
        writeln!(out, "</tr></tfoot>")?;
    }
    writeln!(out, "</table>\n</div>")
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
    use crate::report::tests::{one, sample, shown};
    use crate::report::{Format, chart};

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
        assert!(!page.contains("<script") && !page.contains("onload=\"") && !page.contains("alert('x')"), "{page}");
    }

    #[test]
    fn a_page_asks_for_nothing_and_has_every_value() {
        let page = shown(&sample(), Format::Html);
        for value in ["openai/gpt-4o", "50,000", "$0.07712", "0.0771234567", "1 of 2 records has no price", "total"] {
            assert!(page.contains(value), "{value}");
        }
        for asks in ["src=", "href=", "url(", "@import", "<script", "<link"] {
            assert!(!page.contains(asks), "{asks}");
        }
    }
}
