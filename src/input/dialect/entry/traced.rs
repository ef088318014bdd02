//! A step of a trace: where it stands among the others, and what it says was used.

use super::{Entry, Event, Item, id_of};

/// A step of a trace. Which of them were requests is only known when all of a trace are: see [`SpanRole`].
#[derive(Clone, Debug, PartialEq)]
pub struct Span<'a> {
    /// The same for all steps of a trace.
    pub trace: u64,
    /// Its own id.
    pub id: u64,
    /// The id of the step that it is a part of.
    pub parent: Option<u64>,
    /// What its counts are.
    pub role: SpanRole,
    /// What it says was used, if it says anything.
    pub record: Option<Box<Entry<'a>>>,
}

/// What the counts of a step are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanRole {
    /// Those of one request. A step inside of it is another request, unless it has the same counts.
    Call,
    /// The sum of the requests below it, which counts only where none of them does.
    Sum,
}

impl<'a> Span<'a> {
    /// A step by the ids that its form gives it; an empty parent is none.
    ///
    /// The id of its record is made from both, so that a trace that was exported twice counts once.
    pub(in crate::input::dialect) fn new(trace: &str, id: &str, parent: Option<&str>, role: SpanRole) -> Self {
        let of = |id: &str| id_of(&["span", id]);
        let is_parent = |id: &&str| !id.bytes().all(|byte| byte == b'0') && *id != "None";
        let parent = parent.map(without_prefix).filter(is_parent).map(of);
        Span { trace: id_of(&[without_prefix(trace)]), id: of(without_prefix(id)), parent, role, record: None }
    }

    /// The same step, which says that this was used.
    pub(in crate::input::dialect) fn with(mut self, mut entry: Entry<'a>) -> Self {
        if entry.id.is_none() {
            entry.id = Some(id_of(&["span", &self.trace.to_string(), &self.id.to_string()]));
        }
        if self.role == SpanRole::Sum {
            // How many requests it sums up is not known.
            entry.bucket.get_or_insert_default();
        }
        self.record = Some(Box::new(entry));
        self
    }

    /// The same step, free of the line it was read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Span<'static> {
        let Span { trace, id, parent, role, record } = self;
        Span { trace, id, parent, role, record: record.map(|entry| Box::new(entry.into_owned())) }
    }
}

impl<'a> From<Span<'a>> for Item<'a> {
    fn from(span: Span<'a>) -> Self {
        Item::Event(Event::Span(Box::new(span)))
    }
}

/// Some exporters write numbers as `0x1f`.
fn without_prefix(id: &str) -> &str {
    id.strip_prefix("0x").unwrap_or(id)
}
