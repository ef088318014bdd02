//! One object: the report's own fields, then `rows`, indented, keys in the order they were put in.

use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::inert::InertJson;
use super::{Report, Row, Screen};

/// The object; a field of the report that is itself called `rows` gives way to the rows.
struct JsonObject<'a>(&'a Report);

impl Serialize for JsonObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.machine.iter().filter(|(key, _)| *key != "rows") {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("rows", &JsonRows(&self.0.rows))?;
        map.end()
    }
}

struct JsonRows<'a>(&'a [Row]);

impl Serialize for JsonRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|row| &row.machine))
    }
}

pub(super) fn write(report: &Report, _: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(InertJson(&mut *out), &JsonObject(report))?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use crate::report::tests::{sample, shown};
    use crate::report::{Format, Report};
    use serde_json::json;

    #[test]
    fn fields_come_in_the_order_they_were_put_in_and_rows_last() {
        insta::assert_snapshot!(shown(&sample(), Format::Json), @r#"
        {
          "table": {
            "version": "2026.11.22"
          },
          "priced": 1,
          "rows": [
            {
              "model": "openai/gpt-4o",
              "total_usd": "0.0771234567"
            },
            {
              "model": "acme/unheard-of",
              "total_usd": null
            }
          ]
        }
        "#);
    }

    #[test]
    fn no_rows_is_an_empty_list() {
        let mut report = Report::default();
        report.machine.insert("rows".into(), json!("not these"));
        insta::assert_snapshot!(shown(&report, Format::Json), @r#"
        {
          "rows": []
        }
        "#);
    }
}
