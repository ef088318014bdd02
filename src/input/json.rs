//! Looks into JSON without building it: most of a log is text that no price depends on.
//!
//! A [`Value`] is a slice of the line. [`Object::read`] finds the fields of one object and steps over what they hold, so
//! that a body of kilobytes costs little more than the search for its quotation marks; what is asked for is then read
//! from its slice. Grammar is checked on the way (a line that was cut off is an error, never half a record); the inside
//! of a text that nobody asks for is not.

use std::borrow::Cow;

use rust_decimal::Decimal;
use smallvec::SmallVec;
use wide::u8x16;

/// Containers may stand in one another so deep; what is deeper is no log.
const DEPTH: u32 = 127;

/// So many fields of inner objects find place without asking for memory again.
const INNER: usize = 16;

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
pub struct Object<'a> {
    /// Names as they are written, without their quotation marks.
    fields: SmallVec<[Field<'a>; 16]>,
    /// Whether a name has escapes in it, which only then have to be resolved.
    escaped: bool,
    /// The fields of the objects in the fields, with the place of theirs: who asks for one of these objects, which hold most
    /// of a line, need not go through it a second time. `None` where nobody looked.
    inner: Option<Vec<(usize, Field<'a>)>>,
}

type Field<'a> = (&'a [u8], Value<'a>);

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
            return Some(utf8(inner));
        }
        Some(unescaped(inner))
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
        let mut object = Object::default();
        let mut inner = Vec::with_capacity(INNER);
        walk.fields(&mut |walk, name, escaped| {
            object.escaped |= escaped;
            let place = object.fields.len();
            let value = if walk.peek() == Some(b'{') {
                walk.object(&mut |field, escaped| {
                    object.escaped |= escaped;
                    inner.push((place, field));
                })?
            } else {
                walk.value()?
            };
            object.fields.push((name, value));
            Ok(())
        })?;
        walk.end()?;
        object.inner = Some(inner);
        Ok(object)
    }

    /// The value of a field; `None` where it is missing or null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.fields.iter().rev().find(|(written, _)| self.means(written, name));
        found.map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    fn means(&self, written: &[u8], name: &str) -> bool {
        written == name.as_bytes() || self.escaped && unescaped(written) == name
    }

    /// Whether a field stands there, with whatever value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(written, _)| self.means(written, name))
    }

    /// The text in a field; `None` where there is none, or an empty one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text().filter(|text| !text.is_empty())
    }

    /// The object in a field.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        let place = self.fields.iter().rposition(|(written, _)| self.means(written, name))?;
        let (_, value) = self.fields.get(place)?;
        let Some(inner) = self.inner.as_ref().filter(|_| value.0.first() == Some(&b'{')) else {
            return value.object();
        };
        let fields = inner.iter().filter(|(of, _)| *of == place).map(|(_, field)| *field).collect();
        Some(Object { fields, escaped: self.escaped, inner: None })
    }

    /// Whether a field holds exactly this text.
    #[must_use]
    pub fn is(&self, name: &str, text: &str) -> bool {
        self.get(name).is_some_and(|v| {
            v.0.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).is_some_and(|v| v == text.as_bytes())
        })
    }

    /// Whether it has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Every field with its value, in order, the name as it is written.
    pub fn raw_fields(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        self.fields.iter().copied()
    }

    /// Every field with its value, in order.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.fields.iter().map(|(name, value)| (unescaped(name), *value))
    }
}

/// Text; what is not UTF-8 becomes U+FFFD. Checked first: the lossy reading goes through a text in pieces, several times slower.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The inside of a text with its escapes resolved; what is not UTF-8, or no escape, stays as well as it can.
fn unescaped(inner: &[u8]) -> Cow<'_, str> {
    let written = utf8(inner);
    if !inner.contains(&b'\\') {
        return written;
    }
    serde_json::from_str::<String>(&format!("\"{written}\"")).map_or(written, Cow::Owned)
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

    /// The fields of an object, from behind its opening bracket to behind its closing one. `take` steps over the value.
    fn fields<F>(&mut self, take: &mut F) -> Result<(), JsonError>
    where
        F: FnMut(&mut Self, &'a [u8], bool) -> Result<(), JsonError>,
    {
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let (name, escaped) = self.name()?;
            self.space();
            take(self, name, escaped)?;
            self.space();
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',', "a comma or } is missing")?;
            self.space();
        }
    }

    /// Steps over an object and hands out its fields.
    fn object(&mut self, field: &mut dyn FnMut(Field<'a>, bool)) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.expect(b'{', "an object is missing")?;
        self.fields(&mut |walk, name, escaped| {
            field((name, walk.value()?), escaped);
            Ok(())
        })?;
        Ok(Value(self.bytes.get(start..self.at).unwrap_or_default()))
    }

    /// A name, whether it has escapes, and the colon behind it.
    fn name(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        let start = self.at;
        self.expect(b'"', "a name in quotation marks is missing")?;
        let escaped = self.string()?;
        let name = self.bytes.get(start + 1..self.at - 1).unwrap_or_default();
        self.space();
        self.expect(b':', "a colon is missing")?;
        Ok((name, escaped))
    }

    /// Steps behind the closing quotation mark, from behind the opening one; says whether there were escapes.
    ///
    /// Names and short values end within sixteen bytes. What is longer is mostly text full of escapes, and goes by 64 bytes
    /// at a time with bits for the escaped ones: a search that starts anew behind each escape takes several times as long.
    fn string(&mut self) -> Result<bool, JsonError> {
        let Some(block) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<16>()) else {
            return self.string_end(false);
        };
        let (quotes, escapes) = marks(block);
        if quotes != 0 && escapes & (quotes ^ (quotes - 1)) == 0 {
            self.at += quotes.trailing_zeros() as usize + 1;
            return Ok(false);
        }
        let mut escapes = Escapes::default();
        let mut escaped = false;
        while let Some(block) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<64>()) {
            let (mut quotes, mut backslashes) = (0, 0);
            for (part, shift) in block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]) {
                let (q, b) = marks(part);
                quotes |= q << shift;
                backslashes |= b << shift;
            }
            let ends = quotes & !escapes.escaped(backslashes);
            if ends != 0 {
                let before = ends ^ (ends - 1);
                self.at += ends.trailing_zeros() as usize + 1;
                return Ok(escaped || backslashes & before != 0);
            }
            escaped |= backslashes != 0;
            self.at += 64;
        }
        // The first byte that is left may be behind a backslash.
        self.at = (self.at + usize::from(escapes.pending)).min(self.bytes.len());
        self.string_end(escaped)
    }

    /// [`Walk::string`] in the last few bytes.
    fn string_end(&mut self, mut escaped: bool) -> Result<bool, JsonError> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    self.at += 2;
                    escaped = true;
                }
                Some(_) => self.at += 1,
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

/// Where quotation marks and backslashes stand, the first byte in the lowest bit.
fn marks(block: &[u8; 16]) -> (u64, u64) {
    let bytes = u8x16::new(*block);
    let at = |byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
    (at(b'"'), at(b'\\'))
}

/// Which bytes stand behind a backslash that is not behind one itself, 64 at a time.
#[derive(Default)]
struct Escapes {
    /// Whether the first byte of the next 64 does.
    pending: bool,
}

impl Escapes {
    /// In a row of backslashes every other one escapes what follows. A subtraction carries through each row at once and so
    /// tells rows of even length from those of odd length, as in Langdale and Lemire, "Parsing Gigabytes of JSON per
    /// Second" (2019), section 3.1.1.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let pending = u64::from(self.pending);
        if backslashes == 0 {
            self.pending = false;
            return pending;
        }
        let starts = backslashes & !pending;
        let codes = ((starts << 1 | ODD).wrapping_sub(starts)) ^ ODD;
        self.pending = codes & backslashes & 1 << 63 != 0;
        codes ^ (backslashes | pending)
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
        let nested = Object::read(br#"{"a":{"b":{"c":{"d":1}},"e":2},"f":{"b":3}}"#).unwrap();
        let at = |names: &[&str]| names.iter().try_fold(nested.clone(), |object, name| object.object(name));
        assert_eq!(at(&["a", "b", "c"]).unwrap().get("d").unwrap().word(), Some("1"));
        assert_eq!(at(&["f"]).unwrap().get("b").unwrap().word(), Some("3"));
        assert!(at(&["a", "e"]).is_none() && at(&["f", "e"]).is_none());
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

    /// Where a text ends, byte by byte.
    fn end_of_text(bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            match bytes.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    proptest! {
        #[test]
        fn texts_end_where_they_end_byte_by_byte(text in r#"[\\"a\n]{0,40}(\\{0,5}[a-z]{0,70}\\{0,66}"?){0,6}"#) {
            let mut walk = Walk { bytes: text.as_bytes(), at: 0 };
            let found = walk.string();
            match end_of_text(text.as_bytes()) {
                Some(end) => {
                    prop_assert_eq!(walk.at, end);
                    prop_assert_eq!(found, Ok(text[..end].contains('\\')));
                }
                None => prop_assert!(found.is_err()),
            }
        }

        /// What serde_json reads, this reads alike; what it refuses for its grammar, this never takes for an object.
        #[test]
        fn agrees_with_serde_json(text in r#"[\{\}\[\]",:a1\\ntrue\. -]{0,24}"#) {
            if let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&text) {
                let object = Object::read(text.as_bytes()).unwrap();
                for (name, value) in &map {
                    let found = object.fields.iter().rev().find(|(n, _)| *n == name.as_bytes()).unwrap().1;
                    prop_assert_eq!(&serde_json::from_slice::<serde_json::Value>(found.raw()).unwrap(), value);
                }
            }
        }
    }
}
