//! One compact value a line for each row, and nothing else.

use std::io;

use serde::Serialize;

use super::inert::InertJson;
use super::{Report, Screen};

pub(super) fn write(report: &Report, _: Screen, out: &mut dyn io::Write) -> io::Result<()> {
    report.rows.iter().try_for_each(|row| write_json_line(&row.machine, &mut *out))
}

/// Writes one value as one line of JSON, for a command that streams its rows instead of collecting a report.
///
/// # Errors
/// Whatever `out` answers, with its kind; and a value that JSON cannot express (a map whose keys are not text).
///
/// # Examples
/// ```
/// let mut out = Vec::new();
/// farebox::report::write_json_line(&("o200k_base", 12), &mut out)?;
/// assert_eq!(out, b"[\"o200k_base\",12]\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_json_line<T: Serialize + ?Sized>(value: &T, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer(InertJson(&mut *out), value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use crate::report::tests::{one, sample, shown};
    use crate::report::{Format, Report};

    #[test]
    fn each_row_is_one_line() {
        insta::assert_snapshot!(shown(&sample(), Format::Jsonl), @r#"
        {"model":"openai/gpt-4o","total_usd":"0.0771234567"}
        {"model":"acme/unheard-of","total_usd":null}
        "#);
        assert_eq!(shown(&one("two\nlines"), Format::Jsonl).lines().count(), 1);
    }

    #[test]
    fn no_rows_is_no_output() {
        assert_eq!(shown(&Report::default(), Format::Jsonl), "");
    }
}
