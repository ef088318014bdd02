//! Which form an object is: the signs of all dialects, asked from the surest to the least sure.
//!
//! The first sign that holds is one of the surest that do, so it decides, and in which order the dialects are registered
//! does not matter. Two dialects that are equally sure of one object are a mistake, which a test looks for in every sample.
//! The signs are laid out at compile time: each name that one of them asks for is a bit, and knows the signs that cannot hold
//! without it, so that an object is looked over once and of a hundred signs few are asked.

use std::cell::OnceCell;

use super::Dialect;
use super::spec::{DialectSign, DialectSpec, SeenObject};
use crate::input::json::Object;

/// Dialects as they are registered.
type Registered = [(Dialect, &'static DialectSpec)];

/// How many names the signs ask for, a name that returns counted each time.
const MOST_NAMES: usize = count(Dialect::REGISTERED).0;
const SIGNS: usize = count(Dialect::REGISTERED).1;
const NAMES: usize = FieldNames::of(Dialect::REGISTERED).count;
const WORDS: usize = NAMES.div_ceil(64);
const SIGN_WORDS: usize = SIGNS.div_ceil(64);
/// Three of four slots stay empty, so that most fields of an object are known not to matter after one look.
const SLOTS: usize = (NAMES * 4).next_power_of_two();

static TABLE: SignTable = SignTable::of(Dialect::REGISTERED);

/// Which form an object is, by the fields that only this form has.
#[must_use]
pub(super) fn detect(object: &Object) -> Option<Dialect> {
    TABLE.detect(object)
}

/// A set of names, a bit each.
#[derive(Clone, Copy)]
struct FieldSet([u64; WORDS]);

impl FieldSet {
    const EMPTY: FieldSet = FieldSet([0; WORDS]);
    const FULL: FieldSet = FieldSet([u64::MAX; WORDS]);

    const fn with(mut self, bit: usize) -> Self {
        self.0[bit / 64] |= 1 << (bit % 64);
        self
    }

    fn has_all_of(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).all(|(own, other)| own & other == *other)
    }

    fn has_one_of(&self, others: &Self) -> bool {
        self.0.iter().zip(&others.0).any(|(own, other)| own & other != 0)
    }

    const fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] & (1 << (bit % 64)) != 0
    }

    /// The lowest bit, taken out.
    fn take_first(&mut self) -> Option<usize> {
        take_first(&mut self.0)
    }
}

/// A set of signs, a bit each: surest first, as the signs of a table are.
#[derive(Clone, Copy)]
struct SignSet([u64; SIGN_WORDS]);

impl SignSet {
    const EMPTY: SignSet = SignSet([0; SIGN_WORDS]);

    const fn with(mut self, sign: usize) -> Self {
        self.0[sign / 64] |= 1 << (sign % 64);
        self
    }

    fn add_all(&mut self, others: &Self) {
        self.0.iter_mut().zip(&others.0).for_each(|(own, other)| *own |= other);
    }

    /// The surest sign, taken out.
    fn take_first(&mut self) -> Option<usize> {
        take_first(&mut self.0)
    }
}

fn take_first(words: &mut [u64]) -> Option<usize> {
    let (index, word) = words.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
    let bit = word.trailing_zeros() as usize;
    *word &= *word - 1;
    Some(index * 64 + bit)
}

/// A sign, its names looked up.
#[derive(Clone, Copy)]
struct LaidSign {
    dialect: Dialect,
    name: &'static str,
    certainty: u8,
    all: FieldSet,
    any: FieldSet,
    none: FieldSet,
    /// What has to be in "usage" and what must not, where the sign asks.
    counts: Option<(FieldSet, FieldSet)>,
    sign: DialectSign,
}

/// The signs of all dialects, surest first, and the bits of their names.
struct SignTable {
    names: FieldNames,
    /// For each hash of a name, its place in `names` and one more; 0 is empty, and what is taken is put behind.
    slots: [u16; SLOTS],
    signs: [LaidSign; SIGNS],
    /// For each name, the signs that are asked where an object has it.
    asked: [SignSet; NAMES],
}

impl SignTable {
    const fn of(dialects: &Registered) -> Self {
        let names = FieldNames::of(dialects);
        let signs = laid(dialects, &names);
        SignTable { slots: names.slots(), asked: asked(&signs), signs, names }
    }

    fn detect(&self, object: &Object) -> Option<Dialect> {
        let looked = self.look_over(object);
        let (mut names, mut asked) = (looked.fields, SignSet::EMPTY);
        while let Some(name) = names.take_first() {
            asked.add_all(self.asked.get(name)?);
        }
        while let Some(sign) = asked.take_first().and_then(|sign| self.signs.get(sign)) {
            if looked.shows(sign) {
                return Some(sign.dialect);
            }
        }
        None
    }

    fn look_over<'o, 'a>(&'o self, object: &'o Object<'a>) -> LookedOver<'o, 'a> {
        let mut fields = FieldSet::EMPTY;
        object.raw_fields().for_each(|(name, _)| self.add(name, &mut fields));
        LookedOver { table: self, fields, counts: OnceCell::new(), seen: SeenObject::new(object) }
    }

    /// Adds a name to a set, where a sign asks for it.
    fn add(&self, name: &[u8], set: &mut FieldSet) {
        let mut slot = hash(name);
        while let Some(place) = self.slots.get(slot).and_then(|place| usize::from(*place).checked_sub(1)) {
            if self.names.list.get(place).is_some_and(|known| known.as_bytes() == name) {
                *set = set.with(place);
                return;
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// What is known of an object without reading it.
struct LookedOver<'o, 'a> {
    table: &'o SignTable,
    fields: FieldSet,
    /// The names in "usage": few objects come so far that they are asked for.
    counts: OnceCell<FieldSet>,
    seen: SeenObject<'o, 'a>,
}

impl LookedOver<'_, '_> {
    fn shows(&self, laid: &LaidSign) -> bool {
        self.fields.has_all_of(&laid.all)
            && self.fields.has_one_of(&laid.any)
            && !self.fields.has_one_of(&laid.none)
            && laid.counts.as_ref().is_none_or(|(some, none)| self.counts(some, none))
            && (laid.sign.texts.is_empty() || says(self.seen.object, &laid.sign))
            && laid.sign.look.is_none_or(|look| look(&self.seen))
    }

    fn counts(&self, some: &FieldSet, none: &FieldSet) -> bool {
        let counts = self.counts.get_or_init(|| {
            let mut counts = FieldSet::EMPTY;
            self.seen.object.each_name_in("usage", &mut |name| self.table.add(name, &mut counts));
            counts
        });
        counts.has_one_of(some) && !counts.has_one_of(none)
    }
}

/// Whether the text in a field is one that a sign names.
fn says(object: &Object, sign: &DialectSign) -> bool {
    let Some(said) = sign.all.first().and_then(|field| object.text(field)) else { return false };
    sign.texts.iter().any(|text| match text.strip_suffix('*') {
        Some(start) => said.starts_with(start),
        None => said == *text,
    })
}

/// The names that signs ask for, each once.
struct FieldNames {
    list: [&'static str; MOST_NAMES],
    count: usize,
}

impl FieldNames {
    const fn of(dialects: &Registered) -> Self {
        let mut names = FieldNames { list: [""; MOST_NAMES], count: 0 };
        let mut dialect = 0;
        while dialect < dialects.len() {
            let signs = dialects[dialect].1.signs;
            let mut sign = 0;
            while sign < signs.len() {
                let lists = lists_of(&signs[sign]);
                let mut list = 0;
                while list < lists.len() {
                    names = names.with(lists[list]);
                    list += 1;
                }
                sign += 1;
            }
            dialect += 1;
        }
        names
    }

    const fn with(mut self, more: &[&'static str]) -> Self {
        let mut at = 0;
        while at < more.len() {
            if self.place(more[at]) == self.count {
                self.list[self.count] = more[at];
                self.count += 1;
            }
            at += 1;
        }
        self
    }

    /// Where a name stands, or would stand.
    const fn place(&self, name: &str) -> usize {
        let mut at = 0;
        while at < self.count && !matches!(order(self.list[at], name), std::cmp::Ordering::Equal) {
            at += 1;
        }
        at
    }

    const fn set(&self, names: &[&str]) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        let mut at = 0;
        while at < names.len() {
            set = set.with(self.place(names[at]));
            at += 1;
        }
        set
    }

    const fn slots(&self) -> [u16; SLOTS] {
        let mut slots = [0; SLOTS];
        let mut at = 0;
        while at < self.count {
            let mut slot = hash(self.list[at].as_bytes());
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = at as u16 + 1;
            at += 1;
        }
        slots
    }
}

const fn lists_of(sign: &DialectSign) -> [&'static [&'static str]; 5] {
    [sign.all, sign.any, sign.none, sign.counts, sign.no_counts]
}

/// How many names and signs there are.
const fn count(dialects: &Registered) -> (usize, usize) {
    let (mut names, mut total, mut dialect) = (0, 0, 0);
    while dialect < dialects.len() {
        let signs = dialects[dialect].1.signs;
        let mut sign = 0;
        while sign < signs.len() {
            let lists = lists_of(&signs[sign]);
            let mut list = 0;
            while list < lists.len() {
                names += lists[list].len();
                list += 1;
            }
            sign += 1;
        }
        total += signs.len();
        dialect += 1;
    }
    (names, total)
}

/// The signs, surest first, those that are equally sure by the names of their dialects.
const fn laid(dialects: &Registered, names: &FieldNames) -> [LaidSign; SIGNS] {
    let mut signs = [LaidSign::FILLER; SIGNS];
    let (mut dialect, mut count) = (0, 0);
    while dialect < dialects.len() {
        let (id, spec) = dialects[dialect];
        let mut sign = 0;
        while sign < spec.signs.len() {
            let next = LaidSign::of(id, spec.name, &spec.signs[sign], names);
            let mut at = count;
            while at > 0 && next.goes_before(&signs[at - 1]) {
                signs[at] = signs[at - 1];
                at -= 1;
            }
            signs[at] = next;
            count += 1;
            sign += 1;
        }
        dialect += 1;
    }
    signs
}

/// For each name, the signs that are asked where an object has it: those that need it of all names the most rarely needed
/// one, or one of several of which it is one.
const fn asked(signs: &[LaidSign; SIGNS]) -> [SignSet; NAMES] {
    let (mut needed, mut sign) = ([0_usize; NAMES], 0);
    while sign < SIGNS {
        let mut name = 0;
        while name < NAMES {
            needed[name] += signs[sign].all.has(name) as usize;
            name += 1;
        }
        sign += 1;
    }
    let (mut asked, mut sign) = ([SignSet::EMPTY; NAMES], 0);
    while sign < SIGNS {
        let (mut rarest, mut name) = (None, 0);
        while name < NAMES {
            if signs[sign].all.has(name) {
                rarest = match rarest {
                    Some(other) if needed[other] <= needed[name] => Some(other),
                    _ => Some(name),
                };
            }
            name += 1;
        }
        let mut name = 0;
        while name < NAMES {
            let is_asked = match rarest {
                Some(rarest) => name == rarest,
                None => signs[sign].any.has(name),
            };
            if is_asked {
                asked[name] = asked[name].with(sign);
            }
            name += 1;
        }
        sign += 1;
    }
    asked
}

impl LaidSign {
    /// What stands in a list before it is filled.
    const FILLER: LaidSign = LaidSign {
        dialect: Dialect::Own,
        name: "",
        certainty: 0,
        all: FieldSet::FULL,
        any: FieldSet::EMPTY,
        none: FieldSet::FULL,
        counts: None,
        sign: DialectSign::fallback(&[]),
    };

    const fn of(dialect: Dialect, name: &'static str, sign: &DialectSign, names: &FieldNames) -> Self {
        assert!(!sign.all.is_empty() || !sign.any.is_empty(), "a sign asks for a field");
        assert!(!sign.all.is_empty() || sign.texts.is_empty(), "a sign with texts names the field that they are in");
        LaidSign {
            dialect,
            name,
            certainty: sign.certainty(),
            all: names.set(sign.all),
            any: if sign.any.is_empty() { FieldSet::FULL } else { names.set(sign.any) },
            none: names.set(sign.none),
            counts: if sign.counts.is_empty() {
                None
            } else {
                Some((names.set(sign.counts), names.set(sign.no_counts)))
            },
            sign: *sign,
        }
    }

    const fn goes_before(&self, other: &Self) -> bool {
        if self.certainty != other.certainty {
            return self.certainty > other.certainty;
        }
        matches!(order(self.name, other.name), std::cmp::Ordering::Less)
    }
}

/// A slot for a name: its length and three of its bytes tell most names apart.
const fn hash(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name[name.len() / 2];
    let key = name.len() as u32 | (*first as u32) << 8 | (middle as u32) << 16 | (*last as u32) << 24;
    (key.wrapping_mul(0x9E37_79B1) >> (32 - SLOTS.trailing_zeros())) as usize
}

const fn order(one: &str, other: &str) -> std::cmp::Ordering {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return if one[at] < other[at] { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
        }
        at += 1;
    }
    match () {
        () if one.len() < other.len() => std::cmp::Ordering::Less,
        () if one.len() > other.len() => std::cmp::Ordering::Greater,
        () => std::cmp::Ordering::Equal,
    }
}

#[cfg(test)]
mod tests;
