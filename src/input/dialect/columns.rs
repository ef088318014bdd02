//! Any table with columns of counts, under farebox's names: its own record, cell by cell.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::counts::moment_in;
use super::own::of_record;
use super::spec::DialectSpec;
use super::{Dialect, Entry, Item, Labels};
use crate::input::record::{RecordError, number, parse};
use crate::meter::Meter;

pub(super) const DIALECT: DialectSpec = DialectSpec {
    places: &["any table with columns of counts (CSV), named with `--columns` where the names are others"],
    reads: "model, provider, time, every meter by its name",
    includes: "as in farebox's own record",
    source: "https://github.com/farebox/farebox",
    ..DialectSpec::new("csv", "a table with columns of counts")
};

/// A row of any other table: farebox's own record, cell by cell.
pub(super) fn read_cells(fields: &Map<String, Json>) -> Item<'static> {
    match generic_entry(fields) {
        Ok(entry) => Item::Entry(Box::new(entry)),
        Err(error) => Item::Bad(error),
    }
}

/// Refuses numbers that mean different things in different countries: `1.000` and `1,5` of a spreadsheet.
fn plain(name: &str, cell: &str) -> Result<(), RecordError> {
    let groups: Vec<&str> = cell.split('.').collect();
    let is_digits = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = groups.len() > 1
        && groups.iter().all(is_digits)
        && groups.first().is_some_and(|first| first.len() <= 3 && *first != "0")
        && groups.iter().skip(1).all(|group| group.len() == 3);
    let meter_is_whole = !matches!(name.parse::<Meter>().map(Meter::unit), Ok(crate::meter::Unit::Measure));
    let (what, help) = if is_grouped && meter_is_whole {
        let joined = groups.concat();
        let what = format!("{name} is {cell}: the point may group digits or begin a fraction");
        (what, format!("write {joined}, or the number without its point"))
    } else if cell.contains([',', '\'', '\u{a0}', '\u{202f}', ' ']) {
        let what = format!("{name} is {cell:?}: a number is written with digits and at most one point");
        (what, "export it without separators, such as 1000 or 1.5".to_owned())
    } else {
        return Ok(());
    };
    Err(RecordError::Usage(what).or(help))
}

fn generic_entry(fields: &Map<String, Json>) -> Result<Entry<'static>, RecordError> {
    let text = |name: &str| fields.get(name).and_then(Json::as_str);
    let mut record = Map::new();
    let mut usage = Map::new();
    for (name, value) in fields {
        let Some(cell) = value.as_str() else { continue };
        let is_count = crate::input::record::is_count(name);
        if matches!(name.as_str(), "provider" | "model") {
            record.insert(name.clone(), value.clone());
        } else if is_count {
            // Digits are checked here so that they can be written into JSON as they are.
            plain(name, cell)?;
            number(name, cell)?;
            usage.insert(name.clone(), serde_json::from_str(cell).unwrap_or_else(|_| value.clone()));
        }
    }
    record.insert("usage".into(), Json::Object(usage));
    let context: Map<String, Json> = crate::context::Dimension::ALL
        .iter()
        .filter_map(|d| fields.get(d.name()).map(|value| (d.name().to_owned(), value.clone())))
        .collect();
    record.insert("context".into(), Json::Object(context));
    let line = Json::Object(record).to_string();
    let mut entry = of_record(parse(&line)?).into_owned();
    entry.dialect = Dialect::Table;
    if let Some(written) = text("timestamp") {
        let at = moment_in(written);
        entry.at = Some(at.ok_or_else(|| RecordError::Form(format!("timestamp {written:?} is not a date")))?);
    }
    let owned = |name: &str| text(name).map(|text| Cow::Owned(text.to_owned()));
    let tags = text("tags").map(|tags| tags.split([',', ';']).map(|t| Cow::Owned(t.trim().to_owned())).collect());
    entry.labels = Labels {
        project: owned("project"),
        session: owned("session"),
        key: owned("key"),
        tags: tags.unwrap_or_default(),
    };
    Ok(entry)
}
