//! What a reader left alone: the counts next to those that it asked for.
//!
//! A reader takes the counts that it knows by their names, and one with another name would vanish without a word. So while
//! a record is read ([`Looking`]), every object notes as it is let go which of its fields nobody asked for. An object that
//! is looked into twice is asked by both. What is left then is judged by the caller, who knows what the names mean.
//!
//! In the common case, where nothing is left, this is a few operations for each object and no allocation.

use std::cell::{Cell, RefCell};

use rustc_hash::{FxHashMap, FxHashSet};

thread_local! {
    static NOTES: Notes = const {
        Notes {
            depth: Cell::new(0),
            left: RefCell::new(Vec::new()),
            asked: RefCell::new(Vec::new()),
            far: RefCell::new(Vec::new()),
        }
    };
}

/// The notes of the records that this thread reads: a record can hold another one.
struct Notes {
    depth: Cell<u32>,
    left: RefCell<Vec<LeftField>>,
    /// For each object that was let go, what was asked of it. The address of its first name tells which object it is.
    asked: RefCell<Vec<(usize, u128)>>,
    /// Fields that were asked for behind those with a bit of their own: the object and the place.
    far: RefCell<Vec<(usize, usize)>>,
}

/// A field that nobody asked for, with the name of the field that its object is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftField {
    object: usize,
    /// Its place in the object.
    place: usize,
    /// The field that holds the object; empty for one that is not in a field.
    pub of: String,
    /// The name as it is written.
    pub name: String,
    /// The value as it is written: a number, a text with one in it, an object or a list.
    pub value: String,
    /// Whether other fields of the object were read as counts.
    pub is_with_counts: bool,
}

/// What was asked of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(Cell<u128>);

/// As many fields of an object as there are bits for them; those behind are in a list.
const FIELDS: usize = 125;
/// Every field was asked for, also those without a bit.
const EVERY: u128 = 1 << FIELDS;
/// Counts were read from it.
const COUNTS: u128 = 1 << 126;
/// It is the record itself, or an object in it was looked into.
const AROUND: u128 = 1 << 127;

impl Asked {
    /// The field at a place is asked for. `object` is the address of the first name.
    #[inline]
    pub(crate) fn field(&self, place: usize, object: impl FnOnce() -> usize) {
        if place < FIELDS {
            self.0.set(self.0.get() | bit(place));
        } else {
            NOTES.with(|notes| notes.far(object(), place));
        }
    }

    pub(crate) fn every_field(&self) {
        self.0.set(self.0.get() | (COUNTS - 1));
    }

    /// Counts are read from the object, so that every number in it may be one.
    pub(crate) fn for_counts(&self) {
        self.0.set(self.0.get() | COUNTS);
    }

    /// An object in this one is looked into: counts of the same request may be next to it.
    pub(crate) fn for_an_object(&self) {
        self.0.set(self.0.get() | AROUND);
    }

    /// Notes what was not asked of an object with these fields, which is in the field `of`.
    pub(crate) fn note<'a>(&self, of: &[u8], fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        let asked = self.0.replace(0);
        if asked & (COUNTS | AROUND) != 0 {
            NOTES.with(|notes| notes.note(asked, of, fields));
        }
    }
}

const fn bit(place: usize) -> u128 {
    if place < FIELDS { 1 << place } else { EVERY }
}

impl Notes {
    #[cold]
    fn far(&self, object: usize, place: usize) {
        if self.depth.get() > 0 {
            self.far.borrow_mut().push((object, place));
        }
    }

    fn note<'a>(&self, asked: u128, of: &[u8], fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        if self.depth.get() == 0 {
            return;
        }
        let mut object = 0;
        for (place, (name, value)) in fields.enumerate() {
            if place == 0 {
                object = name.as_ptr().addr();
                self.asked.borrow_mut().push((object, asked));
            }
            if asked & bit(place) != 0 || !may_count(value) {
                continue;
            }
            let is_with_counts = asked & COUNTS != 0 && !of.is_empty();
            if is_with_counts || value.first() != Some(&b'[') && is_named_like_a_count(name) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let field =
                    LeftField { object, place, of: text(of), name: text(name), value: text(value), is_with_counts };
                self.left.borrow_mut().push(field);
            }
        }
    }
}

/// Whether a value is a number other than zero, or may hold one.
fn may_count(value: &[u8]) -> bool {
    match value {
        [b'1'..=b'9' | b'{' | b'[', ..] => true,
        [b'0' | b'-', ..] => is_not_zero(value),
        [b'"', text @ .., b'"'] => is_number(text) && is_not_zero(text),
        _ => false,
    }
}

fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        && memchr::memchr_iter(b'.', digits).count() < 2
}

fn is_not_zero(number: &[u8]) -> bool {
    number.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| matches!(byte, b'1'..=b'9'))
}

/// Words in the names of what is billed.
const COUNTED: &[&[u8]] = &[
    b"token",
    b"usage",
    b"cost",
    b"spend",
    b"credit",
    b"second",
    b"character",
    b"search",
    b"quer",
    b"pages",
    b"images",
    b"audio",
    b"video",
    b"duration",
    b"units",
    b"usd",
    b"billed",
    b"cached",
];

/// Whether a name looks like that of a count, a cost or a duration, and not like a limit of one.
pub(crate) fn is_named_like_a_count(name: &[u8]) -> bool {
    let has = |word: &[u8]| name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let is_limit = || [b"max".as_slice(), b"min_", b"limit", b"budget", b"window"].iter().any(|word| has(word));
    COUNTED.iter().any(|word| has(word)) && !is_limit()
}

/// Notes a number that a reader knows of and cannot place.
pub(crate) fn leave(of: &str, name: &str, value: String) {
    NOTES.with(|notes| {
        if notes.depth.get() > 0 {
            let (of, name) = (of.to_owned(), name.to_owned());
            let field = LeftField { object: 0, place: 0, of, name, value, is_with_counts: true };
            notes.left.borrow_mut().push(field);
        }
    });
}

/// Notes what is left while a record is read, until it is let go or ended.
pub(crate) struct Looking {
    left: usize,
    asked: usize,
    far: usize,
}

impl Looking {
    /// A record is read from here on.
    pub(crate) fn begin() -> Self {
        NOTES.with(|notes| {
            notes.depth.set(notes.depth.get() + 1);
            let (left, asked) = (notes.left.borrow().len(), notes.asked.borrow().len());
            Looking { left, asked, far: notes.far.borrow().len() }
        })
    }

    /// What nobody asked for since it began.
    pub(crate) fn end(self) -> Vec<LeftField> {
        NOTES.with(|notes| {
            let mut left = notes.left.borrow_mut();
            if left.len() == self.left {
                return Vec::new();
            }
            let mut fields: Vec<LeftField> = left.drain(self.left..).collect();
            let (asked, far) = (notes.asked.borrow(), notes.far.borrow());
            let asked = AskedOf::new(asked.get(self.asked..).unwrap_or_default(), fields.len());
            let far: FxHashSet<(usize, usize)> = far.iter().skip(self.far).copied().collect();
            // An object that was looked into twice left it twice.
            let mut seen = FxHashSet::default();
            let is_alone = fields.len() == 1;
            fields.retain(|field| {
                let (object, place) = (field.object, field.place);
                let is_asked = asked.of(object) & bit(place) != 0 || place >= FIELDS && far.contains(&(object, place));
                object == 0 || !is_asked && (is_alone || seen.insert((object, place)))
            });
            fields
        })
    }
}

/// What was asked of each object.
enum AskedOf<'n> {
    /// The notes as they are: for a few fields the shorter way.
    Few(&'n [(usize, u128)]),
    Many(FxHashMap<usize, u128>),
}

impl<'n> AskedOf<'n> {
    fn new(notes: &'n [(usize, u128)], fields: usize) -> Self {
        if fields <= 4 {
            return AskedOf::Few(notes);
        }
        let mut all = FxHashMap::default();
        notes.iter().for_each(|(object, asked)| *all.entry(*object).or_default() |= asked);
        AskedOf::Many(all)
    }

    fn of(&self, object: usize) -> u128 {
        match self {
            AskedOf::Few(notes) => notes.iter().filter(|(of, _)| *of == object).fold(0, |all, (_, asked)| all | asked),
            AskedOf::Many(all) => all.get(&object).copied().unwrap_or_default(),
        }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        NOTES.with(|notes| {
            notes.depth.set(notes.depth.get().saturating_sub(1));
            notes.left.borrow_mut().truncate(self.left);
            notes.asked.borrow_mut().truncate(self.asked);
            notes.far.borrow_mut().truncate(self.far);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    fn names(left: &[LeftField]) -> Vec<&str> {
        left.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn a_field_that_one_of_two_looks_asked_for_is_not_left() {
        let object = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "0"), ("e", "\"x\""), ("f", "0.5"), ("g", "\"0.0\"")];
        let looking = Looking::begin();
        for place in [0, 1] {
            let asked = Asked::default();
            asked.for_counts();
            asked.field(place, || 0);
            asked.note(b"usage", fields(&object));
        }
        assert_eq!(names(&looking.end()), ["c", "f"]);
    }

    #[test]
    fn around_counts_only_what_is_named_like_one_is_left() {
        let object =
            [("created", "7"), ("mystery_tokens", "7"), ("maxTokens", "7"), ("usage_more", "{}"), ("n", "[1]")];
        let looking = Looking::begin();
        let asked = Asked::default();
        asked.for_an_object();
        asked.note(b"", fields(&object));
        assert_eq!(names(&looking.end()), ["mystery_tokens", "usage_more"]);
        // Nobody reads a record: nothing is noted.
        asked.for_an_object();
        asked.note(b"", fields(&object));
        NOTES.with(|notes| assert_eq!((notes.left.borrow().len(), notes.asked.borrow().len()), (0, 0)));
    }

    #[test]
    fn fields_are_told_apart_however_many_there_are() {
        let written: Vec<(String, String)> = (0..400).map(|at| (format!("tokens_{at}"), "7".to_owned())).collect();
        let object: Vec<(&str, &str)> = written.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let first = object[0].0.as_ptr().addr();
        let looking = Looking::begin();
        for place in [3, FIELDS, 300] {
            let asked = Asked::default();
            asked.for_counts();
            asked.field(place, || first);
            asked.note(b"usage", fields(&object));
        }
        let left = looking.end();
        assert_eq!(left.len(), 397);
        assert!(names(&left).iter().all(|name| !["tokens_3", "tokens_125", "tokens_300"].contains(name)));
        let (looking, asked) = (Looking::begin(), Asked::default());
        asked.for_counts();
        asked.every_field();
        asked.note(b"usage", fields(&object));
        assert!(looking.end().is_empty());
    }

    #[test]
    fn a_record_inside_of_another_keeps_its_own_notes() {
        let outer = Looking::begin();
        let inner = Looking::begin();
        let asked = Asked::default();
        asked.for_counts();
        asked.note(b"usage", fields(&[("a", "1")]));
        assert_eq!(names(&inner.end()), ["a"]);
        assert!(outer.end().is_empty());
    }
}
