//! JSON Lines, one line at a time: memory holds the longest line and no more, and no line beyond a limit.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::surrogates;
use super::text::{InputError, Source};

/// The lines of a source with their numbers, from 1.
///
/// # Examples
/// ```
/// use farebox::input::lines::Lines;
/// use farebox::input::text::Source;
/// let source = Source::Text("{\"a\":1}\n\n{\"a\":2}".into());
/// let mut lines = Lines::open(&source)?;
/// assert_eq!(lines.next_line()?.unwrap(), (1, b"{\"a\":1}".as_slice()));
/// assert_eq!(lines.next_line()?.unwrap(), (2, b"".as_slice()));
/// assert_eq!(lines.next_line()?.unwrap(), (3, b"{\"a\":2}".as_slice()));
/// assert!(lines.next_line()?.is_none());
/// # Ok::<(), farebox::input::text::InputError>(())
/// ```
pub struct Lines<'s> {
    reader: Box<dyn BufRead + 's>,
    name: String,
    line: Vec<u8>,
    number: u64,
    limit: usize,
}

/// The longest line that is read, in bytes: more than any provider takes as one request.
pub(crate) const LONGEST_LINE: usize = 64 << 20;

impl<'s> Lines<'s> {
    /// Opens a source.
    ///
    /// # Errors
    /// [`InputError`] where it cannot be opened.
    pub fn open(source: &'s Source) -> Result<Self, InputError> {
        Ok(Lines::of(source.name(), source.open()?, LONGEST_LINE))
    }

    /// The lines of a source that is open already.
    ///
    /// * `name`: what errors call it.
    /// * `limit`: the longest line that is read, in bytes.
    #[must_use]
    pub fn of(name: String, reader: Box<dyn Read + 's>, limit: usize) -> Self {
        let reader = Box::new(BufReader::with_capacity(1 << 18, reader));
        Lines { reader, name, line: Vec::new(), number: 0, limit }
    }

    /// The next line without its end, and its number.
    ///
    /// # Errors
    /// [`InputError::LongLine`] where a line is over the limit: the call after it goes on with the next line. Any other
    /// [`InputError`] where reading fails.
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, InputError> {
        self.line.clear();
        let failed = |error| InputError::reading(&self.name, error);
        // The line itself, its end, and one byte more that shows that it goes on.
        let most = self.limit as u64 + 2;
        let read = (&mut self.reader).take(most).read_until(b'\n', &mut self.line).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 == most && !self.line.ends_with(b"\n") {
            self.line = Vec::new();
            self.reader.skip_until(b'\n').map_err(failed)?;
            return Err(InputError::LongLine { path: self.name.clone(), line: self.number, limit: self.limit });
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        Ok(Some((self.number, line)))
    }
}

/// The string in one field of a line of JSON; `None` for a blank line.
///
/// A dotted name reaches into objects: `body.input`. Invalid UTF-8 is an error here, as it is in JSON.
///
/// # Errors
/// A text for people: what is wrong with the line, and what it should be.
pub(crate) fn text_field<'a>(line: &'a [u8], field: &str) -> Result<Option<Cow<'a, str>>, String> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let text =
        std::str::from_utf8(line).map_err(|e| format!("not UTF-8: byte {} of the line is broken", e.valid_up_to()))?;
    let found = match found_in(text.as_bytes(), field) {
        Err(error) => match surrogates::whole(text.as_bytes()) {
            Some(whole) => found_in(&whole, field).map(|found| found.map(|text| Cow::Owned(text.into_owned()))),
            None => Err(error),
        },
        found => found,
    };
    found.map_err(|error| reason(&error))?.map(Some).ok_or_else(|| {
        format!("no field {field:?} in this line; each line is an object such as {{\"{field}\": \"…\"}}")
    })
}

fn found_in<'a>(line: &'a [u8], field: &str) -> serde_json::Result<Option<Cow<'a, str>>> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let found = serde::de::DeserializeSeed::deserialize(Field { path: field }, &mut json)?;
    json.end()?;
    Ok(found)
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let short = text.rsplit_once(" at line ").map_or(text.as_str(), |(short, _)| short);
    match error.classify() {
        serde_json::error::Category::Data => short.to_owned(),
        _ => format!("not JSON: {short} at column {}", error.column()),
    }
}

/// Walks into one field of an object, and past everything else.
#[derive(Clone, Copy)]
struct Field<'p> {
    path: &'p str,
}

impl<'de> serde::de::DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an object with a string in {:?}", self.path)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (name, rest) = self.path.split_once('.').map_or((self.path, None), |(n, r)| (n, Some(r)));
        let mut found = None;
        while let Some(key) = map.next_key::<Key>()? {
            if key.0 == self.path || (rest.is_none() && key.0 == name) {
                found = Some(map.next_value::<Text>()?.0);
            } else if let (Some(path), true) = (rest, key.0 == name) {
                found = map.next_value_seed(Field { path })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A string, borrowed where the JSON has no escapes in it.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string in that field")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<Text<'de>, E> {
                Err(E::custom("the field is null, not a string"))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_costs_only_itself() {
        let text = "12345678\n1234567890123\n\n123456789\r\nend";
        let mut lines = Lines::of("x".into(), Box::new(text.as_bytes()), 10);
        let mut read = Vec::new();
        loop {
            match lines.next_line() {
                Ok(Some((number, line))) => read.push((number, String::from_utf8(line.to_vec()).unwrap())),
                Ok(None) => break,
                Err(InputError::LongLine { line, .. }) => read.push((line, "too long".into())),
                Err(error) => panic!("{error}"),
            }
        }
        let want = [(1, "12345678"), (2, "too long"), (3, ""), (4, "123456789"), (5, "end")];
        assert_eq!(read, want.map(|(number, line)| (number, line.to_owned())));
    }

    #[test]
    fn a_field_is_found_wherever_it_stands() {
        let of = |line: &str, field: &str| text_field(line.as_bytes(), field).map(|t| t.map(Cow::into_owned));
        assert_eq!(of(r#"{"id":1,"text":"a\nb"}"#, "text"), Ok(Some("a\nb".into())));
        assert_eq!(of(r#"{"body":{"x":[1,{"input":2}],"input":"in"}}"#, "body.input"), Ok(Some("in".into())));
        assert_eq!(of(r#"{"body.input":"dotted"}"#, "body.input"), Ok(Some("dotted".into())));
        assert_eq!(of(r#"{"text":"cut \ud83d here"}"#, "text"), Ok(Some("cut \u{FFFD} here".into())));
        assert_eq!(of("  ", "text"), Ok(None));
        assert_eq!(of("", "text"), Ok(None));
        for (line, says) in [
            ("{", "not JSON: EOF while parsing an object at column 1"),
            (r#"{"text":"a"} x"#, "not JSON: trailing characters at column 14"),
            (r#"{"id":1}"#, r#"no field "text" in this line; each line is an object such as {"text": "…"}"#),
            (r#"{"text":5}"#, "invalid type: integer `5`, expected a string in that field"),
            ("[1]", r#"invalid type: sequence, expected an object with a string in "text""#),
        ] {
            assert_eq!(of(line, "text").unwrap_err(), says, "{line}");
        }
        assert!(text_field(b"{\"text\":\"\xff\"}", "text").unwrap_err().contains("not UTF-8"));
    }
}
