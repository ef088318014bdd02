//! Every meter: what providers bill apart, and what one unit of it is.

use serde::Serialize;

use crate::jobs::plural;
use crate::meter::{Meter, Unit};
use crate::report::{Cell, Report, TypedTable};

/// A meter.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MeterRow {
    /// Its name.
    pub meter: Meter,
    /// What it counts: `tokens`, `count` of pieces, or `measure` such as seconds.
    pub unit: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// Lists every meter.
#[must_use]
pub fn list() -> Report {
    let mut report = TypedTable::new()
        .text("meter", "meter", |row: &MeterRow| Cell::text(row.meter.name()))
        .text("unit", "unit", |row| Cell::text(row.unit))
        .text("about", "what it is", |row| Cell::text(row.about))
        .report(Meter::ALL.iter().map(|meter| row(*meter)));
    report.entitle("What providers bill apart", plural(report.rows.len() as u64, "meter"));
    report
}

fn row(meter: Meter) -> MeterRow {
    let unit = match meter.unit() {
        Unit::Tokens => "tokens",
        Unit::Count => "count",
        Unit::Measure => "measure",
    };
    MeterRow { meter, unit, about: meter.about() }
}
