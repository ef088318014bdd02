//! What a dialect says about itself: its name, the signs it is known by, and what reads it.

use std::cell::OnceCell;

use super::Dialect;
use super::entry::{Entry, Item};
use super::reports::{ReportKind, kind_of_report};
use super::tasks::fork_of;
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
    /// Whether a program that works for its user, such as a coding agent, keeps its sessions in this form.
    pub is_agent: bool,
    /// Counts that repeat what is read, are parts of it, or are not billed: a name, or `usage.cost` for one in a field.
    pub known: &'static [&'static str],
    /// Where such files lie, for `docs/usage-forms.md`: folders, or what they are saved from.
    #[cfg_attr(not(test), allow(dead_code, reason = "the page is written by a test"))]
    pub places: &'static [&'static str],
    /// What is read of them.
    #[cfg_attr(not(test), allow(dead_code, reason = "the page is written by a test"))]
    pub reads: &'static str,
    /// Which counts are parts of which.
    #[cfg_attr(not(test), allow(dead_code, reason = "the page is written by a test"))]
    pub includes: &'static str,
    /// The public page or source that shows the form.
    #[cfg_attr(not(test), allow(dead_code, reason = "the page is written by a test"))]
    pub source: &'static str,
}

impl DialectSpec {
    /// A dialect that nothing else is known about.
    pub(super) const fn new(name: &'static str, about: &'static str) -> Self {
        DialectSpec {
            name,
            about,
            signs: &[],
            read: None,
            tables: &[],
            returns: false,
            is_common: false,
            is_agent: false,
            known: &[],
            places: &[],
            reads: "",
            includes: "",
            source: "",
        }
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
    fork: OnceCell<Option<Dialect>>,
}

impl<'o, 'a> SeenObject<'o, 'a> {
    pub(super) const fn new(object: &'o Object<'a>) -> Self {
        SeenObject { object, report: OnceCell::new(), fork: OnceCell::new() }
    }

    /// Which fork of Cline it is a request of, as its text says.
    pub(super) fn fork(&self) -> Option<Dialect> {
        *self.fork.get_or_init(|| fork_of(self.object))
    }

    /// Which report it is a page or a bucket of.
    pub(super) fn is_report(&self, kind: ReportKind) -> bool {
        *self.report.get_or_init(|| kind_of_report(self.object)) == Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::input::dialect::Dialect;

    const HEAD: &str = "# What `farebox usage` reads

Each form is found by what it looks like, line by line, whatever the file is called; `--from NAME` forces one. Everything that
looks like a count and is neither read nor known to repeat another is reported as `unread`, and with `--strict` the exit code
is then 3.

This page is written from what each form in `src/input/dialect` says about itself:
`FAREBOX_BLESS=1 cargo test --lib every_form_is_on_its_page` writes it.
";

    fn page() -> String {
        let mut page = HEAD.to_owned();
        for (_, form) in Dialect::REGISTERED {
            let places = form.places.join("; ");
            let DialectSpec { name, about, reads, includes, source, .. } = form;
            write!(
                page,
                "\n## `{name}`\n\n{about}\n\n- Where: {places}\n- Read: {reads}\n- Parts: {includes}\n- Source: <{source}>\n"
            )
            .expect("memory is enough");
        }
        page
    }

    #[test]
    fn every_form_says_where_it_lies_and_what_is_read() {
        for (_, form) in Dialect::REGISTERED {
            let texts = [form.reads, form.includes, form.source];
            assert!(
                !form.places.is_empty() && texts.iter().all(|text| !text.is_empty()),
                "{}: places, reads, includes and source are for docs/usage-forms.md",
                form.name
            );
            assert!(form.source.starts_with("https://"), "{}: {}", form.name, form.source);
        }
    }

    #[test]
    fn every_form_is_on_its_page() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/usage-forms.md");
        let page = page();
        if std::env::var_os("FAREBOX_BLESS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == page,
            "docs/usage-forms.md is stale: FAREBOX_BLESS=1 cargo test --lib every_form_is_on_its_page"
        );
    }
}
