//! What a dialect says about itself: its name, the signs it is known by, and what reads it.

use std::cell::OnceCell;

use super::entry::{Entry, Item};
use super::reports::{ReportKind, kind_of_report};
use crate::input::json::Object;
use crate::input::record::RecordError;

/// A dialect. Each is one file with a `DIALECT` of this type, and one line in `dialects!`.
pub(super) struct DialectSpec {
    /// The name in flags and machine forms.
    pub name: &'static str,
    /// One line about it for people.
    pub about: &'static str,
    /// What an object of it looks like: one of these is enough. None where it is not told by its looks.
    pub signs: &'static [DialectSign],
    /// What reads an object; `None` where it exists as a table only.
    pub read: Option<ObjectReader>,
    /// The tables that it is exported as.
    pub tables: &'static [TableForm],
    /// Whether a request can return in another file: a session that is resumed is copied.
    pub returns: bool,
    /// Whether many hosts answer in this form, so that it says nothing of who billed.
    pub is_common: bool,
}

impl DialectSpec {
    /// A dialect that nothing else is known about.
    pub(super) const fn new(name: &'static str, about: &'static str) -> Self {
        DialectSpec { name, about, signs: &[], read: None, tables: &[], returns: false, is_common: false }
    }
}

/// Reads one object: pushes what it says.
pub(super) type ObjectReader = for<'a> fn(&Object<'a>, &mut Vec<Item<'a>>) -> Result<(), RecordError>;

/// A table with a head that only this dialect has.
pub(super) struct TableForm {
    /// The head has all of these columns.
    pub columns: &'static [&'static str],
    /// What its rows are.
    pub rows: TableRows,
}

/// What the rows of a table are. A row comes as an object, with a text in each field that is not empty.
pub(super) enum TableRows {
    /// Each is a record.
    Single(for<'a> fn(&Object<'a>) -> Result<Entry<'a>, RecordError>),
    /// Each is an object of the form.
    Objects(ObjectReader),
    /// Those that follow each other and have the same in some columns are one record.
    Joined {
        /// The columns.
        same: &'static [&'static str],
        /// The record without any amount, of its first row.
        begin: for<'a> fn(&Object<'a>) -> Entry<'a>,
        /// Adds what a row says.
        add: fn(&mut Entry<'static>, &Object) -> Result<(), RecordError>,
    },
}

/// How much it says that a sign holds, from little to much. Where several hold, the weightier one decides, and of two with
/// the same weight the one that asks for more fields.
#[derive(Clone, Copy)]
pub(super) enum SignWeight {
    /// Anything is taken for it that nothing better is known of.
    Fallback,
    /// Something deeper inside tells.
    Inside,
    /// The names of the counts tell, nothing around them does.
    Counts,
    /// Fields that other forms have too, but not together.
    Together,
    /// It says itself what it is.
    Kind,
    /// A field that no other form has.
    Own,
    /// It stands around the body of another form, whose signs it may show.
    Around,
}

/// Fields that together tell a dialect.
///
/// The names are compared as they are written. They are looked up once for each object, however many dialects there are.
#[derive(Clone, Copy)]
pub(super) struct DialectSign {
    /// How much it says.
    pub weight: SignWeight,
    /// All of these fields are there.
    pub all: &'static [&'static str],
    /// One of these is, unless the list is empty.
    pub any: &'static [&'static str],
    /// None of these is.
    pub none: &'static [&'static str],
    /// One of these is in the object "usage", unless the list is empty.
    pub counts: &'static [&'static str],
    /// None of these is in the object "usage".
    pub no_counts: &'static [&'static str],
    /// The text in the first of `all` is one of these, or begins like one that ends with `*`.
    pub texts: &'static [&'static str],
    /// What else has to hold.
    pub look: Option<fn(&SeenObject) -> bool>,
}

impl DialectSign {
    const fn new(weight: SignWeight, all: &'static [&'static str]) -> Self {
        DialectSign { weight, all, any: &[], none: &[], counts: &[], no_counts: &[], texts: &[], look: None }
    }

    /// Fields of a line or document around the body of another form: [`SignWeight::Around`].
    pub(super) const fn around(all: &'static [&'static str]) -> Self {
        Self::new(SignWeight::Around, all)
    }

    /// Fields that no other form has: [`SignWeight::Own`].
    pub(super) const fn own(all: &'static [&'static str]) -> Self {
        Self::new(SignWeight::Own, all)
    }

    /// A field with the kind of the object, and what stands there: [`SignWeight::Kind`].
    pub(super) const fn kind(field: &'static [&'static str], texts: &'static [&'static str]) -> Self {
        DialectSign { texts, ..Self::new(SignWeight::Kind, field) }
    }

    /// Fields that only this form has together: [`SignWeight::Together`].
    pub(super) const fn together(all: &'static [&'static str]) -> Self {
        Self::new(SignWeight::Together, all)
    }

    /// Names in the object "usage", one of which is enough: [`SignWeight::Counts`].
    pub(super) const fn counts(counts: &'static [&'static str]) -> Self {
        DialectSign { counts, ..Self::new(SignWeight::Counts, &["usage"]) }
    }

    /// Fields that are only a reason to look deeper: [`SignWeight::Inside`].
    pub(super) const fn inside(all: &'static [&'static str], look: fn(&SeenObject) -> bool) -> Self {
        DialectSign { look: Some(look), ..Self::new(SignWeight::Inside, all) }
    }

    /// Fields of objects that nothing better is known of: [`SignWeight::Fallback`].
    pub(super) const fn fallback(all: &'static [&'static str]) -> Self {
        Self::new(SignWeight::Fallback, all)
    }

    /// The same sign, which also asks for one of these fields.
    pub(super) const fn any(self, any: &'static [&'static str]) -> Self {
        DialectSign { any, ..self }
    }

    /// The same sign, which does not hold where one of these fields is.
    pub(super) const fn without(self, none: &'static [&'static str]) -> Self {
        DialectSign { none, ..self }
    }

    /// The same sign, which also asks for one of these counts in "usage".
    pub(super) const fn with_counts(self, counts: &'static [&'static str]) -> Self {
        DialectSign { counts, ..self }
    }

    /// The same sign, which does not hold where one of these counts is in "usage".
    pub(super) const fn without_counts(self, no_counts: &'static [&'static str]) -> Self {
        DialectSign { no_counts, ..self }
    }

    /// How sure the dialect is where this sign holds; never 0.
    pub(super) const fn certainty(&self) -> u8 {
        let fields = self.all.len() + if self.any.is_empty() { 0 } else { 1 };
        let fields = if fields > 15 { 15 } else { fields as u8 };
        (self.weight as u8 + 1) * 16 + fields
    }
}

/// An object that a sign looks into, with what several of them ask about worked out once.
pub(super) struct SeenObject<'o, 'a> {
    /// The object.
    pub object: &'o Object<'a>,
    report: OnceCell<Option<ReportKind>>,
}

impl<'o, 'a> SeenObject<'o, 'a> {
    pub(super) const fn new(object: &'o Object<'a>) -> Self {
        SeenObject { object, report: OnceCell::new() }
    }

    /// Which report it is a page or a bucket of.
    pub(super) fn is_report(&self, kind: ReportKind) -> bool {
        *self.report.get_or_init(|| kind_of_report(self.object)) == Some(kind)
    }
}
