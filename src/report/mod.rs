//! Turns a [`Report`] into text: a table for people, or one of the forms that programs read.
//!
//! This is the last of five steps: input → tokenizer → pricing → calculator → **report**. A report holds every value
//! twice, as people read it and exact to the last digit, so that a format never computes, rounds or looks anything up.
//! Nothing here prints or asks for the terminal: the caller passes a [`Screen`] and something to write to.
//!
//! Start reading at [`Report`] and [`write()`]. A new format is a new file beside this one, with its `mod` line and one
//! row in the table of [`Format`]s at the bottom.
//!
//! Two rules hold in every format:
//! * text that came from a user or a log cannot steer the terminal, the page or the spreadsheet that shows it
//!   (`inert`, and the escapes of each format);
//! * what is only for people (heads, notes, details, totals) never gets between the rows that a program reads.

use std::borrow::Cow;
use std::io;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use self::amount::ShownAmount;
use crate::money::{Usd, digits_for_people, percent_for_people};

mod amount;
pub(crate) mod chart;
pub mod check;

mod csv;
mod html;
pub mod ics;
pub(crate) mod inert;
mod json;
mod jsonl;
mod markdown;
#[cfg(feature = "cli")]
mod table;
mod typed;
/// Without a terminal to lay out for, a table is written as Markdown.
#[cfg(not(feature = "cli"))]
mod table {
    pub(super) use super::markdown::write;
}

pub use self::csv::defused;
pub use self::inert::{inert, without_commands};
pub use self::jsonl::write_json_line;
pub use self::typed::TypedTable;

/// Rows under named columns, with what stands above and below them.
///
/// # Examples
/// ```
/// use farebox::money::Usd;
/// use farebox::report::{self, Cell, Column, Format, Report, Row, Screen};
/// use serde_json::json;
///
/// let mut report = Report::new([Column::text("model", "model"), Column::number("usd", "cost")]);
/// let usd: Usd = "0.0770".parse().unwrap();
/// report.push([Cell::text("gpt-4o"), Cell::usd(usd)], json!({"model": "gpt-4o", "total_usd": usd}));
///
/// let mut out = Vec::new();
/// report::write(&report, Format::Table, Screen::default(), &mut out)?;
/// assert_eq!(String::from_utf8(out).unwrap(), "\
/// model     cost
/// ──────────────
/// gpt-4o  $0.077
/// ");
///
/// let mut out = Vec::new();
/// report::write(&report, Format::Jsonl, Screen::default(), &mut out)?;
/// assert_eq!(out, b"{\"model\":\"gpt-4o\",\"total_usd\":\"0.077\"}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What each cell of a row is, from left to right.
    pub columns: Vec<Column>,
    /// The rows, in the order to show them.
    pub rows: Vec<Row>,
    /// A last row that sums the others up; only people see it, programs find theirs in `machine`.
    pub total: Option<Vec<Cell>>,
    /// Lines above the rows, for people.
    pub head: Vec<String>,
    /// Lines below the rows, for people.
    pub notes: Vec<String>,
    /// Fields of the `json` form that stand before `rows`, such as totals and the price table's version.
    pub machine: Map<String, Value>,
    /// Pictures of the rows; only the `html` form shows them.
    pub charts: Vec<chart::Chart>,
    /// Further tables under a title each, for people: programs find what they say in `machine`.
    pub sections: Vec<(String, Report)>,
    /// What a page says above everything else.
    pub(crate) page: Page,
}

/// What a page says above everything else, where the lines above the rows do not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// What it shows.
    pub title: String,
    /// The number that most readers look for, with its unit.
    pub headline: String,
    /// The day that it is of.
    pub date: String,
}

impl Report {
    /// A report without rows under these columns.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Report { columns: columns.into_iter().collect(), ..Report::default() }
    }

    /// Adds a row: its cells for people and for `csv`, and the value that `json` and `jsonl` print in its place.
    ///
    /// Returns the row, so that [`Row::detail`] can be added to.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>, machine: Value) -> &mut Row {
        self.rows.push(Row { cells: cells.into_iter().collect(), machine, ..Row::default() });
        self.rows.last_mut().expect("the row was just pushed")
    }

    /// Puts a field before `rows` of the `json` form.
    pub fn state(&mut self, key: &str, value: impl serde::Serialize) {
        self.machine.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default());
    }

    /// Puts the fields of a value before `rows` of the `json` form.
    pub(crate) fn state_all(&mut self, head: &impl serde::Serialize) {
        if let Ok(Value::Object(fields)) = serde_json::to_value(head) {
            self.machine.extend(fields);
        }
    }

    /// Says what a page of it is called, and the number that most readers look for.
    pub(crate) fn entitle(&mut self, title: impl Into<String>, headline: impl Into<String>) {
        (self.page.title, self.page.headline) = (title.into(), headline.into());
    }

    /// Says of which day a page is, where nothing else did.
    pub fn date(&mut self, day: &str) {
        if self.page.date.is_empty() {
            self.page.date = day.to_owned();
        }
    }

    /// Makes it ready for people: columns that are empty in every row go, and each column of money gets one number of
    /// decimals.
    pub fn tidy(&mut self) {
        self.drop_empty_columns();
        for i in 0..self.columns.len() {
            self.even_amounts(i);
        }
        self.sections.iter_mut().for_each(|(_, section)| section.tidy());
    }

    fn even_amounts(&mut self, column: usize) {
        let rows = || self.rows.iter().map(|row| &row.cells).chain(&self.total);
        let amounts = rows().filter_map(|cells| cells.get(column)?.amount.as_deref());
        let decimals = amount::decimals(amounts);
        let rows = self.rows.iter_mut().map(|row| &mut row.cells).chain(&mut self.total);
        for cell in rows.filter_map(|cells| cells.get_mut(column)) {
            cell.show(decimals);
        }
    }

    /// Takes out the columns that are empty in every row: for people they say nothing.
    fn drop_empty_columns(&mut self) {
        let empty = |cells: &[Cell], i: usize| cells.get(i).is_none_or(|cell| cell.people.is_empty());
        for i in (0..self.columns.len()).rev() {
            let in_rows = self.rows.iter().all(|row| empty(&row.cells, i));
            if in_rows && self.total.as_ref().is_none_or(|total| empty(total, i)) && !self.rows.is_empty() {
                self.columns.remove(i);
                self.drop_cells(i);
            }
        }
    }

    /// Takes out optional columns, the last first, until a table fits a screen of so many columns, and says which.
    ///
    /// # Examples
    /// ```
    /// use farebox::report::{Cell, Column, Report};
    /// let mut report = Report::new([Column::number("usd", "cost"), Column::text("why", "why").optional()]);
    /// report.push([Cell::text("$0.000000001"), Cell::text("a long story")], serde_json::Value::Null);
    /// report.fit(20);
    /// assert_eq!(report.columns.len(), 1);
    /// assert!(report.notes[0].contains("why"));
    /// ```
    #[cfg(feature = "cli")]
    pub fn fit(&mut self, width: u16) {
        let mut left_out = self.columns_left_out(width);
        left_out.extend(self.sections.iter_mut().flat_map(|(_, section)| section.columns_left_out(width)));
        left_out.retain(|title| !title.is_empty());
        if !left_out.is_empty() {
            let names = left_out.join(", ");
            self.notes.push(format!(
                "Left out on this narrow screen: {names}. A wider one shows them, and so does --format csv."
            ));
        }
    }

    /// Optional columns go before a word is broken, and others before a row is: the last first, and never the first two.
    #[cfg(feature = "cli")]
    fn columns_left_out(&mut self, width: u16) -> Vec<Cow<'static, str>> {
        let mut left_out = Vec::new();
        if self.rows.is_empty() {
            return left_out;
        }
        let mut needs = table::needs(self, width);
        while !table::fit(&needs, |column| column.words, width) {
            let optional = self.columns.iter().rposition(|column| column.optional);
            let must = needs.len() > 2 && !table::fit(&needs, |column| column.least, width);
            let Some(i) = optional.or_else(|| must.then(|| needs.len() - 1)) else { break };
            needs.remove(i);
            left_out.insert(0, self.columns.remove(i).title);
            self.drop_cells(i);
        }
        left_out
    }

    fn drop_cells(&mut self, i: usize) {
        let rows = self.rows.iter_mut().map(|row| &mut row.cells);
        for cells in rows.chain(&mut self.total).filter(|cells| i < cells.len()) {
            cells.remove(i);
        }
    }

    /// The cells of a row side by side with the columns: a missing cell is empty, a surplus one is left out.
    fn cells<'a>(&'a self, cells: &'a [Cell]) -> impl Iterator<Item = (&'a Column, &'a Cell)> {
        const EMPTY: &Cell = &Cell { people: String::new(), exact: String::new(), tone: Tone::Plain, amount: None };
        let padded = cells.iter().chain(std::iter::repeat(EMPTY));
        self.columns.iter().zip(padded)
    }
}

/// What the people's forms say in the place of rows where there are none.
const NO_ROWS: &str = "Nothing to show.";

/// One column: its name for programs and for people, and whether it holds text or numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in `csv`, such as `total_usd`.
    pub key: Cow<'static, str>,
    /// The name in tables, such as `cost`.
    pub title: Cow<'static, str>,
    /// Text or numbers.
    pub align: Align,
    /// Whether a table on a narrow screen may do without it.
    pub optional: bool,
    /// Whether it draws what other columns say: left out of `csv` and of pages, which have charts of their own.
    pub(crate) is_drawing: bool,
}

impl Column {
    /// A column of text, which may be wrapped where the screen is narrow.
    #[must_use]
    pub fn text(key: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Column { key: key.into(), title: title.into(), align: Align::Left, optional: false, is_drawing: false }
    }

    /// A column of numbers, which are never broken or cut.
    #[must_use]
    pub fn number(key: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Column { key: key.into(), title: title.into(), align: Align::Right, optional: false, is_drawing: false }
    }
}

impl Column {
    /// The same column, which a table on a narrow screen may do without.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// A column of bars made of letters.
    #[must_use]
    pub(crate) fn drawing(key: &'static str, title: &'static str) -> Self {
        Column { is_drawing: true, ..Column::text(key, title).optional() }
    }
}

/// Where the text of a column stands, which also says what it may suffer on a narrow screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Text: wrapped, and cut after a few lines, where the screen is narrow.
    #[default]
    Left,
    /// Numbers: always whole and on one line, even if the table then is wider than the screen.
    Right,
}

/// One row: what people see, and what programs read.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// One cell for each column.
    pub cells: Vec<Cell>,
    /// The row in the `json` and `jsonl` forms.
    pub machine: Value,
    /// Lines that a table shows indented under the row, such as a receipt or a reason.
    pub detail: Vec<String>,
    /// How deep it is in a tree of rows; a page sorts rows only among those of the same parent.
    pub(crate) depth: u16,
}

/// One value in its two spellings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// As people read it: rounded, with units.
    pub people: String,
    /// For programs: every digit, no unit; empty where there is no value.
    pub exact: String,
    /// How it strikes the eye; colour only underlines what the words say.
    pub tone: Tone,
    /// The money that it shows, for the decimals of its column.
    amount: Option<Box<ShownAmount>>,
}

impl Cell {
    /// A cell that reads the same to people and programs.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let people = text.into();
        Cell { exact: people.clone(), people, ..Cell::default() }
    }

    /// A cell with two spellings.
    #[must_use]
    pub fn pair(people: impl Into<String>, exact: impl Into<String>) -> Self {
        Cell { people: people.into(), exact: exact.into(), ..Cell::default() }
    }

    /// An amount of money: rounded for people, exact for programs.
    #[must_use]
    pub fn usd(usd: Usd) -> Self {
        Cell::amount(usd.for_people(), usd.to_string(), ShownAmount::usd(usd))
    }

    /// An amount for people in the currency that they asked for; in dollars for programs, as the names of columns say.
    #[must_use]
    pub(crate) fn in_currency(usd: Usd, amount: Decimal, currency: &str) -> Self {
        let people = match currency {
            "USD" => Usd::new(amount).for_people(),
            _ => format!("{} {currency}", digits_for_people(amount)),
        };
        Cell::amount(people, usd.to_string(), ShownAmount::in_currency(amount, currency))
    }

    /// An amount in a currency, for programs too.
    #[must_use]
    pub(crate) fn amount_in(amount: Decimal, currency: &str) -> Self {
        Cell { exact: amount.normalize().to_string(), ..Cell::in_currency(Usd::new(amount), amount, currency) }
    }

    /// A price of the table in US dollars, with all its digits.
    #[must_use]
    pub(crate) fn rate(usd: Decimal) -> Self {
        let text = usd.normalize().to_string();
        Cell::amount(text.clone(), text, ShownAmount::rate(usd))
    }

    /// A price of the table between what is written before and behind it, with all its digits: `$10 / 1000`.
    #[must_use]
    pub(crate) fn rate_between(before: &'static str, usd: Decimal, after: String) -> Self {
        let text = format!("{before}{}{after}", usd.normalize());
        Cell::amount(text.clone(), text, ShownAmount::rate(usd).between(before, after))
    }

    /// Gives amounts below each other one number of decimals.
    pub(crate) fn even(cells: &mut [Cell]) {
        let decimals = amount::decimals(cells.iter().filter_map(|cell| cell.amount.as_deref()));
        cells.iter_mut().for_each(|cell| cell.show(decimals));
    }

    /// Shows the amount with so many decimals.
    fn show(&mut self, decimals: u32) {
        if let Some(amount) = &self.amount {
            self.people = amount.text(decimals);
        }
    }

    /// A percentage: with one decimal for people, exact for programs.
    #[must_use]
    pub(crate) fn percent(percent: Decimal) -> Self {
        let exact = percent.normalize().to_string();
        Cell::amount(percent_for_people(percent), exact, ShownAmount::percent(percent))
    }

    /// A change in percent, with its sign; `=` where there is none.
    #[must_use]
    pub(crate) fn change_in_percent(percent: Decimal) -> Self {
        if percent.is_zero() { Cell::pair("=", "0") } else { Cell::percent(percent).with_plus() }
    }

    fn amount(people: String, exact: String, amount: ShownAmount) -> Self {
        Cell { people, exact, tone: Tone::Plain, amount: Some(Box::new(amount)) }
    }

    /// The same amount with a plus sign where it is more than nothing.
    #[must_use]
    pub(crate) fn with_plus(mut self) -> Self {
        if let Some(amount) = self.amount.take() {
            let is_more = !self.people.starts_with(['−', '>']) && self.exact != "0";
            self.people = if is_more { format!("+{}", self.people) } else { self.people };
            self.amount = Some(Box::new(amount.with_plus()));
        }
        self
    }

    /// A quantity, with its thousands apart for people.
    ///
    /// # Examples
    /// ```
    /// use farebox::report::Cell;
    /// let cell = Cell::quantity(1_234_567_u64);
    /// assert_eq!((cell.people.as_str(), cell.exact.as_str()), ("1,234,567", "1234567"));
    /// ```
    #[must_use]
    pub fn quantity(quantity: impl Into<Decimal>) -> Self {
        let exact = quantity.into().normalize().to_string();
        Cell::pair(crate::money::grouped(&exact), exact)
    }

    /// A value that does not exist or is not known: `reason` for people, empty for programs, never a zero.
    #[must_use]
    pub(crate) fn absent(reason: impl Into<String>) -> Self {
        Cell::pair(reason, "").tone(Tone::Dim)
    }

    /// The same cell with another text for programs.
    #[must_use]
    pub(crate) fn for_programs(mut self, exact: String) -> Self {
        self.exact = exact;
        self
    }

    /// The same cell in another tone.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// How a cell strikes the eye where there is colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Like the text around it.
    #[default]
    Plain,
    /// Of less weight.
    Dim,
    /// As hoped for.
    Good,
    /// Deserves a look.
    Warn,
    /// Failed.
    Bad,
}

/// What the output is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Columns of the terminal; `None` where lines may be as long as they like (a file, a pipe).
    pub width: Option<u16>,
    /// Whether escape sequences for colour are understood and wanted.
    pub color: bool,
}

macro_rules! formats {
    ($($variant:ident $module:ident $name:literal $readers:ident $about:literal;)+) => {
        farebox_data::names! {
            /// The form of the output.
            ///
            /// # Examples
            /// ```
            /// use farebox::report::Format;
            /// assert_eq!("csv".parse::<Format>().unwrap(), Format::Csv);
            /// assert_eq!(Format::Csv.to_string(), "csv");
            /// assert_eq!(
            ///     "xml".parse::<Format>().unwrap_err().to_string(),
            ///     r#""xml" is not a format: write one of table, json, jsonl, csv, markdown, html, focus"#
            /// );
            /// ```
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[non_exhaustive]
            pub enum Format "is not a format" {
                $($variant $name $about;)+
            }
        }

        impl Format {
            /// Who reads it.
            #[must_use]
            pub const fn readers(self) -> Readers {
                match self { $(Format::$variant => Readers::$readers),+ }
            }
        }

        /// Writes the report in a format.
        ///
        /// Cells beyond the columns are left out, missing ones are empty.
        ///
        /// # Errors
        /// Whatever `out` answers; the report itself can be written in every format.
        pub fn write(report: &Report, format: Format, screen: Screen, out: &mut dyn io::Write) -> io::Result<()> {
            match format { $(Format::$variant => $module::write(report, screen, out)),+ }
        }
    };
}

/// Who a [`Format`] is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// People: heads, notes and totals are in it, values are rounded.
    People,
    /// Programs: rows only, values are exact; notes belong on stderr.
    Programs,
}

/// The first of the list.
impl Default for Format {
    fn default() -> Self {
        Format::ALL[0]
    }
}

formats! {
    Table    table    "table"    People   "a table for people";
    Json     json     "json"     Programs "one object with all rows and totals";
    Jsonl    jsonl    "jsonl"    Programs "one object a line for each row";
    Csv      csv      "csv"      Programs "comma-separated rows under a header, exact values";
    Markdown markdown "markdown" People   "a table to paste into an issue or a pull request";
    Html     html     "html"     People   "one page with charts, to open in a browser or to print";
    Focus    csv      "focus"    Programs "FOCUS rows for FinOps tools; only of `usage`";
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The report that the tests of every format show.
    pub(super) fn sample() -> Report {
        let mut report = Report::new([
            Column::text("model", "model"),
            Column::number("input", "input"),
            Column::number("usd", "cost"),
            Column::text("status", "status"),
        ]);
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        report.head = vec!["Prices of 2026-11-22".into()];
        report.push(
            [
                Cell::text("openai/gpt-4o"),
                Cell::quantity(50_000),
                Cell::usd(usd("0.0771234567")),
                Cell::text("priced").tone(Tone::Good),
            ],
            json!({"model": "openai/gpt-4o", "total_usd": "0.0771234567"}),
        );
        let refused = report.push(
            [
                Cell::text("acme/unheard-of"),
                Cell::quantity(7),
                Cell::absent("unknown"),
                Cell::text("unknown-model").tone(Tone::Bad),
            ],
            json!({"model": "acme/unheard-of", "total_usd": null}),
        );
        refused.detail.push("did you mean `acme/unheard`?".into());
        report.total = Some(vec![Cell::text("total"), Cell::quantity(50_007), Cell::usd(usd("0.0771234567"))]);
        report.notes = vec!["1 of 2 records has no price".into()];
        report.machine.insert("table".into(), json!({"version": "2026.11.22"}));
        report.machine.insert("priced".into(), json!(1));
        report
    }

    /// A report of one text cell.
    pub(super) fn one(text: &str) -> Report {
        let mut report = Report::new([Column::text("name", "name")]);
        report.push([Cell::text(text)], json!({"name": text}));
        report
    }

    /// The report as a wide screen without colour shows it.
    pub(super) fn shown(report: &Report, format: Format) -> String {
        shown_on(report, format, Screen::default())
    }

    pub(super) fn shown_on(report: &Report, format: Format, screen: Screen) -> String {
        let mut out = Vec::new();
        write(report, format, screen, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), *format);
        }
        assert_eq!(Format::default(), Format::Table);
    }

    #[test]
    fn rows_of_the_wrong_length_are_filled_or_cut_in_every_format() {
        let mut report = Report::new([Column::text("a", "a"), Column::text("b", "b")]);
        report.push([Cell::text("1")], json!({}));
        report.push([Cell::text("1"), Cell::text("2"), Cell::text("3")], json!({}));
        // Without the program a table is written as Markdown.
        #[cfg(feature = "cli")]
        assert_eq!(shown(&report, Format::Table), "a  b\n────\n1\n1  2\n");
        assert_eq!(shown(&report, Format::Csv), "a,b\n1,\n1,2\n");
        assert_eq!(shown(&report, Format::Markdown), "| a | b |\n| --- | --- |\n| 1 |  |\n| 1 | 2 |\n");
    }

    #[test]
    fn no_columns_at_all_is_no_panic() {
        for format in Format::ALL {
            shown(&Report::default(), *format);
        }
    }
}
