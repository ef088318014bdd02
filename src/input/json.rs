//! Looks into JSON without building it: most of a log is text that no price depends on.
//!
//! A [`Value`] is a slice of the line. [`Object::read`] finds the fields of one object and steps over what they hold, so
//! that a body of kilobytes costs little more than the search for its quotation marks; what is asked for is then read
//! from its slice. Grammar is checked on the way (a line that was cut off is an error, never half a record); the inside
//! of a text that nobody asks for is not.

use std::borrow::Cow;

use memchr::memchr2;
use rust_decimal::Decimal;
use smallvec::SmallVec;

/// Containers may stand in one another so deep; what is deeper is no log.
const DEPTH: u32 = 127;

/// What is wrong with a text that should be JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {what} at column {}", at + 1)]
pub struct JsonError {
    /// What is wrong.
    pub what: &'static str,
    /// Offset of the byte, from 0.
    pub at: usize,
}

/// Text that ends before its value does.
pub(crate) const CUT_OFF: &str = "the text ends in the middle of a value";

/// One value, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

/// The fields of an object, each with its value unread. A name that stands twice counts as its last.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(SmallVec<[(Cow<'a, [u8]>, Value<'a>); 24]>);

impl<'a> Value<'a> {
    /// Reads a text that holds exactly one value.
    ///
    /// # Errors
    /// [`JsonError`] where it holds something else.
    pub fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut walk = Walk { bytes: text, at: 0 };
        walk.space();
        let value = walk.value()?;
        walk.end()?;
        Ok(value)
    }

    /// As it is written.
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// A text with its escapes resolved; what is not UTF-8 becomes U+FFFD. `None` where it is no text.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if !inner.contains(&b'\\') {
            return Some(String::from_utf8_lossy(inner));
        }
        let whole = String::from_utf8_lossy(self.0);
        serde_json::from_str::<String>(&whole).ok().map(Cow::Owned).or(Some(String::from_utf8_lossy(inner)))
    }

    /// A number or a bare word (`true`), or the inside of a text: counts and times are written as either.
    #[must_use]
    pub fn word(self) -> Option<&'a str> {
        let inner = self.0.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(self.0);
        match inner.first() {
            Some(b'{' | b'[') | None => None,
            _ => std::str::from_utf8(inner).ok().filter(|_| !self.is_null()),
        }
    }

    /// A decimal number, bare or inside a text, exact.
    #[must_use]
    pub fn decimal(self) -> Option<Decimal> {
        let word = self.word()?;
        Decimal::from_str_exact(word).or_else(|_| Decimal::from_scientific(word)).ok()
    }

    /// The fields of an object; `None` where it is none.
    #[must_use]
    pub fn object(self) -> Option<Object<'a>> {
        if self.0.first() == Some(&b'{') { Object::read(self.0).ok() } else { None }
    }

    /// The values of a list; nothing where it is none.
    pub fn items(self) -> impl Iterator<Item = Value<'a>> {
        let mut walk = Walk { bytes: self.0, at: 0 };
        let mut open = walk.take(b'[');
        std::iter::from_fn(move || {
            walk.space();
            if !open || walk.take(b']') {
                return None;
            }
            let item = walk.value().ok()?;
            walk.space();
            open = walk.take(b',') || walk.peek() == Some(b']');
            Some(item)
        })
    }
}

impl<'a> Object<'a> {
    /// Reads a text that holds exactly one object.
    ///
    /// # Errors
    /// [`JsonError`] where it holds something else.
    pub fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut walk = Walk { bytes: text, at: 0 };
        walk.space();
        if !walk.take(b'{') {
            // A text that is JSON but no object is told apart from one that is no JSON.
            walk.value()?;
            walk.end()?;
            return Err(JsonError { what: "a record is an object, {…}, and this is another value", at: 0 });
        }
        let mut fields = SmallVec::new();
        walk.space();
        if !walk.take(b'}') {
            loop {
                let name = walk.name()?;
                walk.space();
                fields.push((name, walk.value()?));
                walk.space();
                if walk.take(b'}') {
                    break;
                }
                walk.expect(b',', "a comma or } is missing")?;
                walk.space();
            }
        }
        walk.end()?;
        Ok(Object(fields))
    }

    /// The value of a field; `None` where it is missing or null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.0.iter().rev().find(|(n, _)| **n == *name.as_bytes());
        found.map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    /// Whether a field stands there, with whatever value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| **n == *name.as_bytes())
    }

    /// The text in a field; `None` where there is none, or an empty one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text().filter(|text| !text.is_empty())
    }

    /// The object in a field.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name)?.object()
    }

    /// Whether a field holds exactly this text.
    #[must_use]
    pub fn is(&self, name: &str, text: &str) -> bool {
        self.get(name).is_some_and(|v| {
            v.0.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).is_some_and(|v| v == text.as_bytes())
        })
    }

    /// Every field with its value, in order.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'_, str>, Value<'a>)> {
        self.0.iter().map(|(name, value)| (String::from_utf8_lossy(name), *value))
    }
}

/// A place in a text.
pub(crate) struct Walk<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Walk<'a> {
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &'static str) -> JsonError {
        JsonError { what: if self.at >= self.bytes.len() { CUT_OFF } else { what }, at: self.at }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.error(what)) }
    }

    fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at < self.bytes.len() { Err(self.error("something stands behind the value")) } else { Ok(()) }
    }

    /// A name and the colon behind it.
    fn name(&mut self) -> Result<Cow<'a, [u8]>, JsonError> {
        let start = self.at;
        self.expect(b'"', "a name in quotation marks is missing")?;
        let escaped = self.string()?;
        let raw = self.bytes.get(start + 1..self.at - 1).unwrap_or_default();
        let name = if escaped {
            let text = Value(self.bytes.get(start..self.at).unwrap_or_default()).text();
            Cow::Owned(text.map(|t| t.into_owned().into_bytes()).unwrap_or_default())
        } else {
            Cow::Borrowed(raw)
        };
        self.space();
        self.expect(b':', "a colon is missing")?;
        Ok(name)
    }

    /// Steps behind the closing quotation mark, from behind the opening one; says whether there were escapes.
    fn string(&mut self) -> Result<bool, JsonError> {
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            // Most names and values are a few bytes long, for which a loop beats a search with vectors.
            let near = rest.iter().take(16).position(|b| matches!(b, b'"' | b'\\'));
            let found = near.or_else(|| memchr2(b'"', b'\\', rest.get(16..)?).map(|i| i + 16));
            match found.and_then(|i| Some((i, *rest.get(i)?))) {
                Some((i, b'"')) => {
                    self.at += i + 1;
                    return Ok(escaped);
                }
                Some((i, _)) => {
                    self.at += i + 2;
                    escaped = true;
                }
                None => return Err(JsonError { what: CUT_OFF, at: self.bytes.len() }),
            }
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
        }
        let written = self.bytes.get(start..self.at).unwrap_or_default();
        if written.last().is_some_and(u8::is_ascii_digit) { Ok(()) } else { Err(self.error("a number is broken")) }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            let rest = self.bytes.len() - self.at;
            let what = if rest < word.len() { CUT_OFF } else { "neither a text in quotation marks nor a number" };
            Err(JsonError { what, at: self.at })
        }
    }

    /// Steps over one value and returns it.
    pub fn value(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        let mut open = Open::default();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    self.space();
                    if !self.take(b'}') {
                        open.push(true).ok_or_else(|| self.error("values stand in one another too deep"))?;
                        self.name()?;
                        self.space();
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.space();
                    if !self.take(b']') {
                        open.push(false).ok_or_else(|| self.error("values stand in one another too deep"))?;
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.error("a value is missing")),
            }
            if !self.close(&mut open)? {
                return Ok(Value(self.bytes.get(start..self.at).unwrap_or_default()));
            }
        }
    }

    /// Behind a value: closes containers that end here. Says whether another value follows.
    fn close(&mut self, open: &mut Open) -> Result<bool, JsonError> {
        while let Some(is_object) = open.innermost() {
            self.space();
            if self.take(b',') {
                self.space();
                if is_object {
                    self.name()?;
                    self.space();
                }
                return Ok(true);
            }
            self.expect(if is_object { b'}' } else { b']' }, "a comma or a closing bracket is missing")?;
            open.pop();
        }
        Ok(false)
    }
}

/// Which containers are open, the innermost last: one bit each.
#[derive(Default)]
struct Open {
    bits: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, is_object: bool) -> Option<()> {
        if self.depth >= DEPTH {
            return None;
        }
        self.bits = self.bits << 1 | u128::from(is_object);
        self.depth += 1;
        Some(())
    }

    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_found_and_the_rest_is_stepped_over() {
        let text = br#" {"a":{"b":[1,{"c":"}\"]"}]}, "mod\u0065l":"x\ny" , "n":12,"z":null,"t":true,"a":[ ],"e":{}} "#;
        let object = Object::read(text).unwrap();
        assert_eq!(object.text("model").unwrap(), "x\ny");
        assert_eq!(object.get("n").unwrap().word(), Some("12"));
        assert_eq!(object.get("a").unwrap().raw(), b"[ ]");
        assert!(object.get("z").is_none() && object.has("z"));
        assert_eq!(object.get("t").unwrap().word(), Some("true"));
        let list = Value::read(b"[1, [2,3] ,{\"x\":\"]\"}]").unwrap();
        assert_eq!(
            list.items().map(|v| v.raw().to_vec()).collect::<Vec<_>>(),
            [b"1".to_vec(), b"[2,3]".to_vec(), b"{\"x\":\"]\"}".to_vec()]
        );
    }

    #[test]
    fn what_is_cut_off_or_broken_is_an_error() {
        let whole = r#"{"model":"gpt","usage":{"input_tokens":950,"x":[1,2.5e3,"a\"b"]},"ok":true,"no":null}"#;
        assert!(Object::read(whole.as_bytes()).is_ok());
        for end in 0..whole.len() {
            let error = Object::read(&whole.as_bytes()[..end]).expect_err(&whole[..end]);
            assert!(error.what == CUT_OFF || error.what == "a number is broken", "{}: {error}", &whole[..end]);
        }
        for broken in [
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":1}x"#,
            r#"{"a":[1 2]}"#,
            r#"{"a":[1}"#,
            r#"{"a":tru}"#,
            "[1]",
            "5",
            r#"{"a":1]"#,
        ] {
            assert!(Object::read(broken.as_bytes()).is_err(), "{broken}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Value::read(deep.as_bytes()).is_err());
    }

    proptest! {
        /// What serde_json reads, this reads alike; what it refuses for its grammar, this never takes for an object.
        #[test]
        fn agrees_with_serde_json(text in r#"[\{\}\[\]",:a1\\ntrue\. -]{0,24}"#) {
            if let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&text) {
                let object = Object::read(text.as_bytes()).unwrap();
                for (name, value) in &map {
                    let found = object.0.iter().rev().find(|(n, _)| **n == *name.as_bytes()).unwrap().1;
                    prop_assert_eq!(&serde_json::from_slice::<serde_json::Value>(found.raw()).unwrap(), value);
                }
            }
        }
    }
}
