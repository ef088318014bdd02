//! Tables whose cells are read off a typed row, so that what people see and what programs read cannot drift apart.

use serde::Serialize;

use super::{Cell, Column, Report, Row};

/// A table over rows of one type: `json` and `jsonl` print the row as it serializes, the other formats these columns.
///
/// # Examples
/// ```
/// use farebox::report::{Cell, TypedTable};
///
/// #[derive(serde::Serialize)]
/// struct CountRow {
///     input: &'static str,
///     tokens: u64,
/// }
///
/// let table = TypedTable::<CountRow>::new()
///     .text("input", "input", |row| Cell::text(row.input))
///     .number("tokens", "tokens", |row| Cell::quantity(row.tokens));
/// let report = table.report([CountRow { input: "a.txt", tokens: 1_200 }]);
/// assert_eq!(report.rows[0].cells[1].people, "1,200");
/// assert_eq!(report.rows[0].machine["tokens"], 1_200);
/// ```
pub struct TypedTable<'f, R> {
    columns: Vec<Column>,
    cells: Vec<CellOf<'f, R>>,
}

/// The cell that a row has in a column.
type CellOf<'f, R> = Box<dyn Fn(&R) -> Cell + 'f>;

impl<R> Default for TypedTable<'_, R> {
    fn default() -> Self {
        TypedTable { columns: Vec::new(), cells: Vec::new() }
    }
}

impl<'f, R: Serialize> TypedTable<'f, R> {
    /// A table without columns.
    #[must_use]
    pub fn new() -> Self {
        TypedTable::default()
    }

    /// One more column, and the cell that a row has in it.
    #[must_use]
    pub(crate) fn column(mut self, column: Column, cell: impl Fn(&R) -> Cell + 'f) -> Self {
        self.columns.push(column);
        self.cells.push(Box::new(cell));
        self
    }

    /// One more column of text.
    #[must_use]
    pub fn text(self, key: &'static str, title: &'static str, cell: impl Fn(&R) -> Cell + 'f) -> Self {
        self.column(Column::text(key, title), cell)
    }

    /// One more column of numbers.
    #[must_use]
    pub fn number(self, key: &'static str, title: &'static str, cell: impl Fn(&R) -> Cell + 'f) -> Self {
        self.column(Column::number(key, title), cell)
    }

    /// Lets a table on a narrow screen do without the last column.
    #[must_use]
    pub(crate) fn optional(mut self) -> Self {
        if let Some(column) = self.columns.pop() {
            self.columns.push(column.optional());
        }
        self
    }

    /// A report without rows.
    #[must_use]
    pub(crate) fn empty(&self) -> Report {
        Report::new(self.columns.iter().cloned())
    }

    /// A report with these rows.
    pub fn report(&self, rows: impl IntoIterator<Item = R>) -> Report {
        let mut report = self.empty();
        rows.into_iter().for_each(|row| {
            self.push(&mut report, &row);
        });
        report
    }

    /// The cells of a row, such as one of totals.
    pub(crate) fn cells(&self, row: &R) -> Vec<Cell> {
        self.cells.iter().map(|cell| cell(row)).collect()
    }

    /// Adds a row to a report of this table, and returns it, so that details can be added.
    pub fn push<'r>(&self, report: &'r mut Report, row: &R) -> &'r mut Row {
        // The keys of a row are text, which is all that JSON asks for.
        report.push(self.cells(row), serde_json::to_value(row).unwrap_or_default())
    }
}
