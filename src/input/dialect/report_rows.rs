//! The rows of a page that reports about a whole organization: [`each_row`].

use super::Dialect;
use super::entry::{Entry, Item};
use super::read::each_record;
use crate::input::json::{Object, Value};
use crate::input::record::RecordError;

/// Reads each row of a page, or of one bucket of it, with the bucket that it is in: an amount is a record of `costs`, any
/// other of `usage`. What is neither a bucket nor a row is a bad record, and hides none of the others.
pub(super) fn each_row<'a>(
    object: &Object<'a>,
    [costs, usage]: [Dialect; 2],
    out: &mut Vec<Item<'a>>,
    read: impl Fn(&Object<'a>, &Object<'a>, bool) -> Result<Entry<'a>, RecordError>,
) -> Result<(), RecordError> {
    let bad = |what: &str| Item::Bad(RecordError::Form(what.into()));
    let buckets: Vec<Option<Object>> = match object.get("data") {
        Some(data) => data.items().map(Value::object).collect(),
        None if object.has("results") => vec![Some(object.clone())],
        None => {
            let what = "neither a page of a report with \"data\" nor a bucket of one with \"results\"";
            return Err(RecordError::Form(what.into()));
        }
    };
    for bucket in buckets {
        let Some(bucket) = bucket else {
            out.push(bad("a bucket of \"data\" is not an object"));
            continue;
        };
        for row in bucket.get("results").into_iter().flat_map(Value::items) {
            let Some(row) = row.object() else {
                out.push(bad("a row of \"results\" is not an object"));
                continue;
            };
            let is_cost = row.has("amount");
            let form = if is_cost { costs } else { usage };
            each_record(form.spec(), [row], out, &mut |row, out| {
                out.push(Item::Entry(Box::new(read(&bucket, row, is_cost)?)));
                Ok(())
            });
        }
    }
    Ok(())
}
