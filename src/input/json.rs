//! Looks into JSON without building it: most of a log is text that no price depends on.
//!
//! A [`Value`] is a slice of the line. [`Object::read`] finds the fields of one object and steps over what they hold, so
//! that a body of kilobytes costs little more than the search for its quotation marks; what is asked for is then read
//! from its slice. The whole grammar of RFC 8259 is checked on the way, escapes and UTF-8 included: a line that was cut
//! off or damaged is an error, never a record with a wrong number. What is accepted is what `serde_json` accepts, except
//! that a number may have any size, because it stays text.

use std::borrow::Cow;

use rust_decimal::Decimal;
use wide::{i8x16, u8x16};

use super::left::Asked;
use super::surrogates;

/// How deep containers may be nested, as in `serde_json`.
const DEPTH: u32 = 127;

/// As many fields of a line, and as many of all the objects in it, fit without a second allocation.
const MANY: usize = 16;
/// As many fields of one object in a line.
const FEW: usize = 8;

/// What is wrong with a text that should be JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {what} at column {}", at + 1)]
pub(crate) struct JsonError {
    /// What is wrong.
    pub what: &'static str,
    /// Offset of the byte, from 0.
    pub at: usize,
}

/// Text that ends before its value does.
pub(crate) const CUT_OFF: &str = "the text ends in the middle of a value";

const CONTROL: &str = "a line break or control character inside of a text: write it as an escape";

const TOO_DEEP: &str = "values are nested too deeply";

/// One value, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a>(&'a [u8]);

/// The fields of an object, each with its value unread. A name that stands twice counts as its last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<'a> {
    /// Names as they are written, without their quotation marks.
    fields: Vec<Field<'a>>,
    /// Whether a name has escapes in it, which only then have to be resolved.
    escaped: bool,
    /// The fields of the objects in the fields, with the place of theirs: who asks for one of these objects, which hold most
    /// of a line, need not go through it a second time. `None` where nobody looked.
    inner: Option<Vec<(usize, Field<'a>)>>,
    /// The name of the field that it was found in; empty where it was not found in one.
    of: &'a [u8],
    asked: Asked,
}

/// What nobody asked for is noted: see [`super::left`].
impl Drop for Object<'_> {
    #[inline]
    fn drop(&mut self) {
        self.note();
    }
}

type Field<'a> = (&'a [u8], Value<'a>);

impl<'a> Value<'a> {
    /// Reads a text that holds exactly one value.
    ///
    /// # Errors
    /// [`JsonError`] where it holds something else.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut walk = Walk::new(text);
        walk.space();
        let value = walk.value()?;
        walk.end()?;
        Ok(value)
    }

    /// As it is written.
    #[must_use]
    pub(crate) const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub(crate) fn is_null(self) -> bool {
        self.0 == b"null"
    }

    /// A text with its escapes resolved; what is not UTF-8 becomes U+FFFD. `None` where it is no text.
    #[must_use]
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if !inner.contains(&b'\\') {
            return Some(utf8(inner));
        }
        Some(unescaped(inner))
    }

    /// A number or a bare word (`true`), or the inside of a text: counts and times are written as either.
    #[must_use]
    pub(crate) fn word(self) -> Option<&'a str> {
        let inner = self.0.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(self.0);
        match inner.first() {
            Some(b'{' | b'[') | None => None,
            _ => std::str::from_utf8(inner).ok().filter(|_| !self.is_null()),
        }
    }

    /// A decimal number, bare or inside a text, exact.
    #[must_use]
    pub(crate) fn decimal(self) -> Option<Decimal> {
        let word = self.word()?;
        Decimal::from_str_exact(word).or_else(|_| Decimal::from_scientific(word)).ok()
    }

    /// The fields of an object; `None` where it is none.
    #[must_use]
    pub(crate) fn object(self) -> Option<Object<'a>> {
        if self.0.first() == Some(&b'{') { Object::read(self.0).ok() } else { None }
    }

    /// The values of a list; nothing where it is none.
    pub(crate) fn items(self) -> impl Iterator<Item = Value<'a>> {
        let mut walk = Walk::new(self.0);
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
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut walk = Walk::new(text);
        walk.space();
        if !walk.take(b'{') {
            // JSON of another kind gets another message than a text that is not JSON.
            walk.value()?;
            walk.end()?;
            return Err(JsonError { what: "a record is an object, {…}, and this is another value", at: 0 });
        }
        walk.depth = 1;
        let fields = Vec::with_capacity(MANY);
        let mut object = Object { fields, escaped: false, inner: None, of: b"", asked: Asked::default() };
        // Objects without objects in them, such as most details of counts, need no memory for what is in those.
        let mut inner = Vec::new();
        walk.fields(&mut |walk, name, escaped| {
            object.escaped |= escaped;
            let place = object.fields.len();
            let value = if walk.peek() == Some(b'{') {
                if inner.is_empty() {
                    inner.reserve(MANY);
                }
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
    pub(crate) fn get(&self, name: &str) -> Option<Value<'a>> {
        let place = self.fields.iter().rposition(|(written, _)| self.means(written, name))?;
        self.ask(place);
        self.fields.get(place).map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    /// [`Object::get`] of a count: what else is a number in this object, and is not asked for, may be one too.
    #[must_use]
    pub(crate) fn count(&self, name: &str) -> Option<Value<'a>> {
        self.asked.for_counts();
        self.get(name)
    }

    /// [`Object::get`] that does not say that the field was read.
    pub(crate) fn peek(&self, name: &str) -> Option<Value<'a>> {
        let found = self.fields.iter().rev().find(|(written, _)| self.means(written, name));
        found.map(|(_, value)| *value).filter(|value| !value.is_null())
    }

    #[inline]
    fn ask(&self, place: usize) {
        self.asked.field(place, || self.fields.first().map_or(0, |(name, _)| name.as_ptr().addr()));
    }

    /// Notes what nobody asked for, once.
    pub(crate) fn note(&self) {
        self.asked.note(self.of, self.fields.iter().map(|(name, value)| (*name, value.0)));
    }

    /// It is a record: counts may be in it, next to the objects that hold some.
    pub(crate) fn is_a_record(&self) {
        self.asked.for_an_object();
    }

    fn means(&self, written: &[u8], name: &str) -> bool {
        written == name.as_bytes() || self.escaped && unescaped(written) == name
    }

    /// The objects in the list in a field; nothing where there is none.
    pub(crate) fn objects(&self, name: &str) -> impl Iterator<Item = Object<'a>> + use<'a> {
        self.get(name).into_iter().flat_map(Value::items).filter_map(Value::object)
    }

    /// Whether a field stands there, with whatever value.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(written, _)| self.means(written, name))
    }

    /// The text in a field; `None` where there is none, or an empty one.
    #[must_use]
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text().filter(|text| !text.is_empty())
    }

    /// The object in a field.
    #[must_use]
    pub(crate) fn object(&self, name: &str) -> Option<Object<'a>> {
        let place = self.fields.iter().rposition(|(written, _)| self.means(written, name))?;
        let (of, value) = *self.fields.get(place)?;
        self.ask(place);
        self.asked.for_an_object();
        let Some(inner) = self.inner.as_ref().filter(|_| value.0.first() == Some(&b'{')) else {
            let mut object = value.object()?;
            object.of = of;
            return Some(object);
        };
        let mut fields = Vec::with_capacity(FEW);
        fields.extend(inner.iter().filter(|(of, _)| *of == place).map(|(_, field)| *field));
        Some(Object { fields, escaped: self.escaped, inner: None, of, asked: Asked::default() })
    }

    /// The names in the object in a field, as they are written.
    pub(crate) fn each_name_in(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        let Some(place) = self.fields.iter().rposition(|(written, _)| self.means(written, name)) else { return };
        if let Some(inner) = &self.inner {
            return inner.iter().filter(|(of, _)| *of == place).for_each(|(_, (name, _))| each(name));
        }
        let object = self.fields.get(place).and_then(|(_, value)| value.object());
        object.into_iter().for_each(|object| object.fields.iter().for_each(|(name, _)| each(name)));
    }

    /// Whether a field holds exactly this text.
    #[must_use]
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        self.get(name).is_some_and(|v| {
            v.0.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).is_some_and(|v| v == text.as_bytes())
        })
    }

    /// Whether it has no fields.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Every field with its value, in order, the name as it is written.
    pub(crate) fn raw_fields(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        self.fields.iter().copied()
    }

    /// The fields whose names begin so, with their values, in order: each is asked for.
    pub(crate) fn fields_from(&self, start: &'static str) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.fields.iter().enumerate().filter_map(move |(place, (name, value))| {
            let name = Some(unescaped(name)).filter(|name| name.starts_with(start))?;
            self.ask(place);
            Some((name, *value))
        })
    }

    /// Every field with its value, in order: each is asked for.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.asked.every_field();
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
    surrogates::read(format!("\"{written}\"").as_bytes()).map_or(written, Cow::Owned)
}

/// A place in a text.
pub(crate) struct Walk<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    /// How many containers are open around this place, those of [`Walk::value`] aside.
    depth: u32,
}

impl<'a> Walk<'a> {
    /// At the beginning of a text.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Walk { bytes, at: 0, depth: 0 }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &'static str) -> JsonError {
        self.error_at(self.at, what)
    }

    /// An error at a place; the end of the text is always [`CUT_OFF`].
    fn error_at(&self, at: usize, what: &'static str) -> JsonError {
        let at = at.min(self.bytes.len());
        JsonError { what: if at == self.bytes.len() { CUT_OFF } else { what }, at }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.error(what)) }
    }

    fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at < self.bytes.len() { Err(self.error("something follows the value")) } else { Ok(()) }
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
        self.depth += 1;
        self.fields(&mut |walk, name, escaped| {
            field((name, walk.value()?), escaped);
            Ok(())
        })?;
        self.depth -= 1;
        Ok(Value(self.bytes.get(start..self.at).unwrap_or_default()))
    }

    /// A name, whether it has escapes, and the colon behind it.
    #[inline(always)]
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
    /// Names and short values end within sixteen bytes of plain ASCII.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, JsonError> {
        if let Some(block) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<16>()) {
            let (quotes, escapes) = marks(block);
            let inside = quotes ^ quotes.wrapping_sub(1);
            if quotes != 0 && (escapes | u64::from(unusual(block).to_bitmask())) & inside == 0 {
                self.at += quotes.trailing_zeros() as usize + 1;
                return Ok(false);
            }
        }
        self.checked_string()
    }

    /// [`Walk::string`] of any length, with whatever is in it.
    #[inline(never)]
    fn checked_string(&mut self) -> Result<bool, JsonError> {
        let start = self.at;
        let mut seen = SeenKeys::default();
        self.long_string(&mut seen)?;
        if seen.wide {
            self.check_utf8(start, self.at - 1)?;
        }
        Ok(seen.escaped)
    }

    /// What is longer than a name is mostly text full of escapes, and goes by 64 bytes at a time with bits for the escaped
    /// ones: a search that restarts behind each escape takes several times as long.
    fn long_string(&mut self, seen: &mut SeenKeys) -> Result<(), JsonError> {
        let mut escapes = Escapes::default();
        while let Some(block) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<64>()) {
            let (mut quotes, mut backslashes, mut odd) = (0, 0, i8x16::ZERO);
            for (part, shift) in block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]) {
                let (q, b) = marks(part);
                quotes |= q << shift;
                backslashes |= b << shift;
                odd |= unusual(part);
            }
            let behind = escapes.escaped(backslashes);
            let ends = quotes & !behind;
            // All bits where no quotation mark ends the text.
            let inside = ends ^ ends.wrapping_sub(1);
            if odd.to_bitmask() != 0 {
                self.check_unusual(block, inside, seen)?;
            }
            if behind & inside != 0 {
                seen.escaped = true;
                self.check_escapes(block, behind & inside & !(quotes | backslashes), seen)?;
            }
            if ends != 0 {
                self.at += ends.trailing_zeros() as usize + 1;
                return Ok(());
            }
            seen.escaped |= backslashes != 0;
            self.at += 64;
        }
        self.string_end(escapes.pending, seen)
    }

    /// [`Walk::long_string`] in the last few bytes; `pending` says that the first of them is behind a backslash.
    fn string_end(&mut self, mut pending: bool, seen: &mut SeenKeys) -> Result<(), JsonError> {
        while let Some(byte) = self.peek() {
            match byte {
                _ if pending => {
                    self.check_escape(self.at, byte, seen)?;
                    pending = false;
                }
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => (pending, seen.escaped) = (true, true),
                0..0x20 => return Err(self.error(CONTROL)),
                _ => seen.wide |= !byte.is_ascii(),
            }
            self.at += 1;
        }
        Err(self.error(CUT_OFF))
    }

    /// Control characters are errors; whether other bytes are UTF-8 is asked once, for the whole text.
    #[cold]
    fn check_unusual(&self, block: &[u8; 64], inside: u64, seen: &mut SeenKeys) -> Result<(), JsonError> {
        let (mut odd, mut wide) = (0, 0);
        for (part, shift) in block.as_chunks::<16>().0.iter().zip([0, 16, 32, 48]) {
            odd |= u64::from(unusual(part).to_bitmask()) << shift;
            // The highest bit of a byte is the one that a mask is made of.
            wide |= u64::from(u8x16::new(*part).to_bitmask()) << shift;
        }
        seen.wide |= wide & inside != 0;
        match odd & !wide & inside {
            0 => Ok(()),
            control => Err(self.error_at(self.at + control.trailing_zeros() as usize, CONTROL)),
        }
    }

    /// Checks the escaped bytes of a block whose bits are set: all of them other than quotation marks and backslashes.
    fn check_escapes(&self, block: &[u8; 64], mut bits: u64, seen: &mut SeenKeys) -> Result<(), JsonError> {
        while bits != 0 {
            let place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let byte = block.get(place).copied().unwrap_or_default();
            // Most escapes of a log are line breaks.
            if byte != b'n' {
                self.check_escape(self.at + place, byte, seen)?;
            }
        }
        Ok(())
    }

    /// Checks the byte behind a backslash and what belongs to it.
    fn check_escape(&self, at: usize, byte: u8, seen: &mut SeenKeys) -> Result<(), JsonError> {
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => self.check_code_unit(at, seen),
            _ => Err(self.error_at(at, "no escape begins with this character")),
        }
    }

    /// Checks `u` and four digits. Surrogates come in pairs: a single one is not a character.
    fn check_code_unit(&self, at: usize, seen: &mut SeenKeys) -> Result<(), JsonError> {
        const LONE: &str = "half of a surrogate pair is not a character";
        let unit = self.code_unit(at + 1)?;
        if seen.low_at.take() == Some(at) {
            return Ok(());
        }
        match unit {
            0xd800..0xdc00 => {
                for (place, byte) in [(at + 5, b'\\'), (at + 6, b'u')] {
                    if self.bytes.get(place) != Some(&byte) {
                        return Err(self.error_at(place, LONE));
                    }
                }
                let low = self.code_unit(at + 7)?;
                seen.low_at = Some(at + 6);
                if (0xdc00..0xe000).contains(&low) { Ok(()) } else { Err(self.error_at(at + 7, LONE)) }
            }
            0xdc00..0xe000 => Err(self.error_at(at, LONE)),
            _ => Ok(()),
        }
    }

    /// Four hexadecimal digits.
    fn code_unit(&self, at: usize) -> Result<u32, JsonError> {
        (at..at + 4).try_fold(0, |unit, place| {
            let digit = self.bytes.get(place).and_then(|byte| char::from(*byte).to_digit(16));
            digit
                .map(|digit| unit << 4 | digit)
                .ok_or_else(|| self.error_at(place, "\\u needs four hexadecimal digits"))
        })
    }

    fn check_utf8(&self, start: usize, end: usize) -> Result<(), JsonError> {
        let text = self.bytes.get(start..end).unwrap_or_default();
        // The standard library goes byte by byte wherever a text is not ASCII, which took as long as all the rest.
        if simdutf8::basic::from_utf8(text).is_ok() {
            return Ok(());
        }
        let valid = std::str::from_utf8(text).err().map_or(text.len(), |error| error.valid_up_to());
        Err(JsonError { what: "a byte that is not UTF-8", at: start + valid })
    }

    /// A number as RFC 8259 writes it: `01`, `+1`, `1.`, `.5` and `1e` are not numbers.
    fn number(&mut self) -> Result<(), JsonError> {
        const BROKEN: &str = "a number is broken";
        self.take(b'-');
        if self.take(b'0') {
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.error("a number begins with a needless 0"));
            }
        } else if !self.digits() {
            return Err(self.error(BROKEN));
        }
        if self.take(b'.') && !self.digits() {
            return Err(self.error(BROKEN));
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if !self.digits() {
                return Err(self.error(BROKEN));
            }
        }
        Ok(())
    }

    /// Steps over digits; says whether there were any.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at > start
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        let what = if word.starts_with(rest) { CUT_OFF } else { "neither a text in quotation marks nor a number" };
        Err(JsonError { what, at: self.at })
    }

    /// Steps over one value and returns it.
    pub(crate) fn value(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        let mut open = Open { bits: 0, depth: self.depth, around: self.depth };
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    open.push(true).ok_or_else(|| self.error(TOO_DEEP))?;
                    self.at += 1;
                    self.space();
                    if !self.take(b'}') {
                        self.name()?;
                        self.space();
                        continue;
                    }
                    open.pop();
                }
                Some(b'[') => {
                    open.push(false).ok_or_else(|| self.error(TOO_DEEP))?;
                    self.at += 1;
                    self.space();
                    if !self.take(b']') {
                        continue;
                    }
                    open.pop();
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

/// What a text was found to hold.
#[derive(Default)]
struct SeenKeys {
    escaped: bool,
    /// Bytes other than ASCII.
    wide: bool,
    /// Where the `u` of the second half of a surrogate pair is, of which the first half was read.
    low_at: Option<usize>,
}

/// Where quotation marks and backslashes are, the first byte in the lowest bit.
fn marks(block: &[u8; 16]) -> (u64, u64) {
    let bytes = u8x16::new(*block);
    let at = |byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask());
    (at(b'"'), at(b'\\'))
}

/// Which bytes are control characters or not ASCII: as signed numbers, both are less than a space, so that one comparison
/// finds them.
fn unusual(block: &[u8; 16]) -> i8x16 {
    i8x16::new(block.map(u8::cast_signed)).simd_lt(i8x16::splat(0x20))
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
struct Open {
    bits: u128,
    depth: u32,
    /// How many are open around the value that is read.
    around: u32,
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
        (self.depth > self.around).then_some(self.bits & 1 == 1)
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
            assert_eq!(error.what, CUT_OFF, "{}: {error}", &whole[..end]);
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

    /// Text as it is written, with rows of escapes that are longer than the blocks it is read by.
    fn written_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ a-z0-9,:{}\\[\\]]{0,40}",
            2 => r#"(\\\\|\\"|\\n|\\/|\\u0041|\\ud83d\\ude00|\\u00E9){0,70}"#,
            1 => "[é漢😀]{0,30}",
        ];
        prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
    }

    /// A value as it is written, valid.
    fn written_value() -> impl Strategy<Value = String> {
        let number = r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?";
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            number,
            written_text().prop_map(|text| format!("\"{text}\"")),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let items = prop::collection::vec(("[ \t\n\r]{0,2}", inner.clone(), "[ \t]{0,1}"), 0..5);
            let items = items.prop_map(|items| items.into_iter().map(|(a, v, b)| a + &v + &b).collect::<Vec<_>>());
            prop_oneof![items.prop_map(|items| format!("[{}]", items.join(","))), written_object(inner)]
        })
    }

    fn written_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let name = prop_oneof![3 => "[a-c]{1,2}", 1 => written_text()];
        let fields = prop::collection::vec(("[ \n]{0,2}", name, "[ ]{0,1}", value), 0..6);
        fields.prop_map(|fields| {
            let fields: Vec<String> = fields.into_iter().map(|(a, n, b, v)| format!("{a}\"{n}\"{b}:{b}{v}")).collect();
            format!("{{{}}}", fields.join(","))
        })
    }

    /// What serde_json says. It stops at numbers that a float cannot hold, which are JSON all the same: `None`.
    fn judged(text: &[u8]) -> Option<bool> {
        match serde_json::from_slice::<serde_json::Value>(text) {
            Ok(_) => Some(true),
            Err(error) if error.to_string().contains("number out of range") => None,
            Err(_) => Some(false),
        }
    }

    fn is_json(text: &[u8]) -> bool {
        judged(text).expect("no number is out of range")
    }

    proptest! {
        #[test]
        fn texts_end_where_they_end_byte_by_byte(text in written_text(), quote in "\"?", more in written_text()) {
            let text = format!("{text}{quote}{more}");
            let mut walk = Walk::new(text.as_bytes());
            let found = walk.string();
            match end_of_text(text.as_bytes()) {
                Some(end) => {
                    prop_assert_eq!(walk.at, end);
                    prop_assert_eq!(found, Ok(text[..end].contains('\\')));
                }
                None => prop_assert_eq!(found.unwrap_err().what, CUT_OFF),
            }
        }

        /// What serde_json reads, this reads alike. A name that is written twice counts as its last in both.
        #[test]
        fn agrees_with_serde_json(text in written_object(written_value())) {
            prop_assert!(is_json(text.as_bytes()), "the generator makes JSON: {}", text);
            let object = Object::read(text.as_bytes()).unwrap();
            let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&text) else { return Ok(()) };
            for (name, value) in &map {
                let found = object.fields.iter().rev().find(|(written, _)| object.means(written, name)).unwrap().1;
                prop_assert_eq!(&serde_json::from_slice::<serde_json::Value>(found.raw()).unwrap(), value);
            }
        }

        /// A changed byte makes of most JSON what is none, and both see it alike.
        #[test]
        fn one_wrong_byte_is_seen_as_serde_json_sees_it(
            text in written_object(written_value()),
            place in any::<prop::sample::Index>(),
            byte in prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[],:0123456789-+.eEuntd \n".to_vec())],
            how in 0..3,
        ) {
            let mut bytes = text.into_bytes();
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            let Some(is_json) = judged(&bytes) else { return Ok(()) };
            prop_assert_eq!(Value::read(&bytes).is_ok(), is_json, "{}", String::from_utf8_lossy(&bytes));
            let is_object = is_json && bytes.trim_ascii_start().first() == Some(&b'{');
            prop_assert_eq!(Object::read(&bytes).is_ok(), is_object, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn broken_json_is_refused_as_serde_json_refuses_it() {
        // Behind each text of the list once as the value of a field, once deeper, once behind more than a block of text.
        let long = "x".repeat(70);
        let values: &[&[u8]] = &[
            b"1-1",
            b"01",
            b"-01",
            b"1.",
            b"1e",
            b"1e+",
            b".5",
            b"+1",
            b"-",
            b"0x1",
            b"1_0",
            b"1,5",
            b"nul",
            b"null0",
            b"True",
            b"\"\\q\"",
            b"\"\\u12\"",
            b"\"\\u12g4\"",
            b"\"\\ud800\"",
            b"\"\\udc00\"",
            b"\"\\ud800\\ud800\"",
            b"\"\\ud800x\"",
            b"\"\\\\ud800\\udc00\"",
            b"\"a\x01b\"",
            b"\"a\nb\"",
            b"\"\xff\"",
            b"\"\xc3\"",
            b"\"\xed\xa0\x80\"",
            b"[1,]",
            b"[,1]",
            b"[1 2]",
            b"[1,,2]",
            b"{\"a\":1,}",
            b"{\"a\" 1}",
            b"{a:1}",
            b"{,}",
            b"'a'",
            b"[1}",
            b"",
            b"1 2",
            b"\"\x00\"",
            // These are JSON.
            b"0",
            b"-0",
            b"0.50",
            b"1E-7",
            b"\"\\ud83d\\ude00\"",
            b"\"\\\\\\ud83d\\ude00\"",
            b"\"\x7f\"",
            b"[[],{}]",
            b" null ",
            b"\"\\/\\b\\f\"",
        ];
        for value in values {
            let shown = String::from_utf8_lossy(value);
            for (before, after) in [
                ("{\"x\":", "}"),
                ("{\"a\":{\"b\":[{\"x\":", "}]}}"),
                (&format!("{{\"t\":\"{long}\",\"x\":"), ",\"y\":\"é\"}"),
            ] {
                let text = [before.as_bytes(), value, after.as_bytes()].concat();
                assert_eq!(Object::read(&text).is_ok(), is_json(&text), "{before}{shown}{after}");
            }
            // The same at the end of a long text, where it is read by blocks.
            if let Some(inside) = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")) {
                for length in [0, 40, 60, 62, 63, 64, 65, 130] {
                    let text = [b"[\"", &vec![b'x'; length][..], inside, &[b'y'; 70], b"\"]"].concat();
                    assert_eq!(Value::read(&text).is_ok(), is_json(&text), "{length} {shown}");
                }
            }
        }
    }

    #[test]
    fn a_number_may_have_any_size() {
        let object = Object::read(b"{\"x\":1e999,\"y\":123456789012345678901234567890}").unwrap();
        assert_eq!(object.get("x").unwrap().word(), Some("1e999"));
        assert_eq!(object.get("y").unwrap().word(), Some("123456789012345678901234567890"));
    }

    #[test]
    fn nesting_ends_where_it_does_in_serde_json() {
        for depth in 120..135 {
            for (open, inside, close) in
                [("[", "", "]"), ("[", "1", "]"), ("{\"a\":", "{}", "}"), ("{\"a\":", "1", "}"), ("{\"a\":[", "", "]}")]
            {
                let text = format!("{}{inside}{}", open.repeat(depth), close.repeat(depth));
                assert_eq!(Value::read(text.as_bytes()).is_ok(), is_json(text.as_bytes()), "{depth} {open}");
                if open.starts_with('{') {
                    assert_eq!(Object::read(text.as_bytes()).is_ok(), is_json(text.as_bytes()), "{depth} {open}");
                }
            }
        }
    }
}
