//! JSON as Python's `json.dumps` writes it, because published templates hold tools and calls in that form.

use std::fmt::Write;

use serde_json::Value;

/// How letters beyond ASCII are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letters {
    /// As they are (`ensure_ascii=False`).
    AsTheyAre,
    /// As escapes (the default).
    Escaped,
}

/// `{"a": 1, "b": [true, null]}`: a space after each colon and comma.
#[must_use]
pub(crate) fn dumps(value: &Value, letters: Letters) -> String {
    let mut out = String::new();
    write(&mut out, value, letters);
    out
}

fn write(out: &mut String, value: &Value, letters: Letters) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&write_number(number)),
        Value::String(text) => write_string(out, text, letters),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(out, item, letters);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write_string(out, key, letters);
                out.push_str(": ");
                write(out, item, letters);
            }
            out.push('}');
        }
    }
}

fn write_string(out: &mut String, text: &str, letters: Letters) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => escape(out, c),
            '\u{7f}'.. if letters == Letters::Escaped && c != '\u{7f}' => escape(out, c),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// A number as Python writes it: whole floats keep `.0`, and exponents have a sign and two digits.
fn write_number(number: &serde_json::Number) -> String {
    let text = number.to_string();
    if !number.is_f64() {
        return text;
    }
    let float = number.as_f64().unwrap_or_default();
    let shifts = float != 0.0 && !(1e-4..1e16).contains(&float.abs());
    if !shifts {
        let plain = format!("{float:?}");
        return if plain.contains('e') { format!("{float}") } else { plain };
    }
    let scientific = format!("{float:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right side is what Python 3.11 prints for `json.dumps(json.loads(left))`.
    #[test]
    fn json_is_written_as_python_writes_it() {
        for (json, python) in [
            (r#"{"a":1,"b":[true,null,"x"],"c":{}}"#, r#"{"a": 1, "b": [true, null, "x"], "c": {}}"#),
            (
                "[1.0,1e16,1.5e-7,0.0001,123456789.25,-0.0,1e-5]",
                "[1.0, 1e+16, 1.5e-07, 0.0001, 123456789.25, -0.0, 1e-05]",
            ),
            ("[1000000000000000.0,1e22,2.5e300]", "[1000000000000000.0, 1e+22, 2.5e+300]"),
            ("\"a\\u0001\\b\\f\\u007f\\/é\"", "\"a\\u0001\\b\\f\u{7f}/\\u00e9\""),
            ("\"😀\"", "\"\\ud83d\\ude00\""),
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(dumps(&value, Letters::Escaped), python);
        }
        assert_eq!(dumps(&Value::from("é\n"), Letters::AsTheyAre), "\"é\\n\"");
    }
}
