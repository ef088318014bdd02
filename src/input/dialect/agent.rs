//! What lines of a coding agent say that only makes sense among the other lines: [`AgentEvent`].
//!
//! A line leaves out the model that an earlier one named, a request stands on two lines, a sum repeats its details, a total
//! runs on. The dialects only say which of these a line is; the sequence of the source settles it.

use std::borrow::Cow;

use super::Entry;
use super::counts::{count, is_of_parts, rest, unexplained};
use crate::input::json::Object;
use crate::input::record::RecordError;
use crate::meter::{Meter, Side};
use crate::usage::Usage;

/// What one line contributes to the requests of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent<'a> {
    /// What the lines behind it leave out.
    Known(Known<'a>),
    /// A request that may leave out what is known.
    Request(Entry<'a>, Missing),
    /// A request that the form says in two places, of which this is the first or the second.
    Either(bool, Entry<'a>),
    /// A run or a session begins, of which this is known, and nothing that was known before. Requests of an earlier run of it
    /// that no sum repeated count.
    Begin(Known<'a>),
    /// A request that counts unless a sum repeats it.
    Detail(Entry<'a>),
    /// The sum of a run, which repeats the requests of its session since the last one.
    Sum(Sum<'a>),
    /// The total of a session so far: what it is more than the total before counts. A total that fell began again.
    Running(Entry<'a>),
    /// Something was used that a later line sums up; the error is for a session that ends without.
    Owes(RecordError),
    /// The line that sums up.
    Paid,
}

/// What is known of the lines that follow. What is `None` leaves what was known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known<'a> {
    /// The session.
    pub session: Option<Cow<'a, str>>,
    /// The folder.
    pub project: Option<Cow<'a, str>>,
    /// Who is asked.
    pub provider: Option<Cow<'a, str>>,
    /// Which model.
    pub model: Option<Cow<'a, str>>,
}

/// What a request takes from the lines before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The model, even where it names one itself: that is a name of a plan.
    pub model: bool,
    /// Its id is unique in its session only, or in its file where no session is known.
    pub session: bool,
    /// Its id is made of what it says, so that the second of an id in one file is another request.
    pub number: bool,
    /// Its id is that of what it is a part of: the first part has it alone.
    pub part: Option<u64>,
}

/// The sum of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum<'a> {
    /// Which session it is of: sums of one may run on.
    pub session: Option<Cow<'a, str>>,
    /// What was used, by model.
    pub entries: Vec<Entry<'a>>,
    /// What was used since the sum before, as far as the line says it.
    pub latest: Usage,
}

impl Known<'_> {
    /// The same, free of the line it was read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> Known<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Known {
            session: own(self.session),
            project: own(self.project),
            provider: own(self.provider),
            model: own(self.model),
        }
    }
}

impl AgentEvent<'_> {
    /// The same event, free of the line it was read from.
    #[must_use]
    pub(crate) fn into_owned(self) -> AgentEvent<'static> {
        match self {
            AgentEvent::Known(known) => AgentEvent::Known(known.into_owned()),
            AgentEvent::Request(entry, missing) => AgentEvent::Request(entry.into_owned(), missing),
            AgentEvent::Either(side, entry) => AgentEvent::Either(side, entry.into_owned()),
            AgentEvent::Begin(known) => AgentEvent::Begin(known.into_owned()),
            AgentEvent::Detail(entry) => AgentEvent::Detail(entry.into_owned()),
            AgentEvent::Sum(sum) => AgentEvent::Sum(Sum {
                session: sum.session.map(|session| Cow::Owned(session.into_owned())),
                entries: sum.entries.into_iter().map(Entry::into_owned).collect(),
                latest: sum.latest,
            }),
            AgentEvent::Running(entry) => AgentEvent::Running(entry.into_owned()),
            AgentEvent::Owes(error) => AgentEvent::Owes(error),
            AgentEvent::Paid => AgentEvent::Paid,
        }
    }

    /// Whether it is a record, or the line of one.
    #[must_use]
    pub(crate) const fn is_record(&self) -> bool {
        use AgentEvent::{Detail, Either, Request, Running, Sum};
        matches!(self, Request(..) | Either(..) | Detail(_) | Sum(_) | Running(_))
    }
}

/// What a request used, as most agents count it: no count is part of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disjoint {
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    pub thinking: u64,
}

impl From<Disjoint> for Usage {
    fn from(counts: Disjoint) -> Usage {
        let mut usage = Usage::tokens_in_out(counts.input, counts.output);
        usage.set_tokens(Meter::CacheRead, counts.cache_read);
        usage.set_tokens(Meter::CacheWrite5m, counts.cache_write);
        usage.set_tokens(Meter::Reasoning, counts.thinking);
        usage
    }
}

impl Disjoint {
    /// The counts in fields of an object: the names of input, cache reads, cache writes, output and thinking, empty for those
    /// that the form does not have.
    ///
    /// # Errors
    /// [`RecordError`] for what cannot be counted.
    pub(super) fn of(object: &Object, names: [&str; 5]) -> Result<Self, RecordError> {
        let of = |name: &str| if name.is_empty() { Ok(0) } else { count(object, name) };
        let [input, cache_read, cache_write, output, thinking] = names;
        Ok(Disjoint {
            input: of(input)?,
            cache_read: of(cache_read)?,
            cache_write: of(cache_write)?,
            output: of(output)?,
            thinking: of(thinking)?,
        })
    }

    /// All of them together.
    pub(super) fn sum(self) -> u64 {
        let all = [self.input, self.cache_read, self.cache_write, self.output, self.thinking];
        all.into_iter().fold(0, u64::saturating_add)
    }

    /// Holds the counts against a total that the form states: what it has beyond them is reported.
    ///
    /// # Errors
    /// [`RecordError::Usage`] where the total is all there is.
    pub(super) fn checked_by(self, name: &str, total: u64) -> Result<Self, RecordError> {
        is_of_parts(name, total, self.sum())?;
        unexplained(name, total.saturating_sub(self.sum()));
        Ok(self)
    }

    /// Takes the cache out of an input that it is a part of.
    ///
    /// # Errors
    /// [`RecordError::Usage`] where the cache is more than the input.
    pub(super) fn with_cache_inside(self, name: &str) -> Result<Self, RecordError> {
        Ok(Disjoint { input: rest(name, self.input, &[self.cache_read, self.cache_write])?, ..self })
    }

    /// Takes the thinking out of an output that it is a part of.
    ///
    /// # Errors
    /// [`RecordError::Usage`] where the thinking is more than the output.
    pub(super) fn with_thinking_inside(self, name: &str) -> Result<Self, RecordError> {
        Ok(Disjoint { output: rest(name, self.output, &[self.thinking])?, ..self })
    }
}

/// What a sum has beyond its details, by meter; `None` where the details cover it.
///
/// Details may split the same tokens otherwise than their sum, such as an answer into text and thinking, so that no more of
/// prompt and answer is left than both have beyond those of the details.
pub(crate) fn beyond(sum: &Usage, details: &Usage) -> Option<Usage> {
    let mut more = Usage::default();
    let mut prompt = sum.prompt_tokens().saturating_sub(details.prompt_tokens());
    let mut answer = sum.answer_tokens().saturating_sub(details.answer_tokens());
    for (meter, quantity) in sum.used() {
        let rest = quantity.saturating_sub(details.quantity(meter));
        if rest.is_zero() || rest.is_sign_negative() {
            continue;
        }
        let left = match meter.side() {
            Side::Prompt if meter.is_tokens() => &mut prompt,
            Side::Answer if meter.is_tokens() => &mut answer,
            _ => {
                more.set(meter, rest);
                continue;
            }
        };
        let tokens = sum.tokens(meter).saturating_sub(details.tokens(meter)).min(*left);
        *left -= tokens;
        more.set_tokens(meter, tokens);
    }
    let is_more = more.used().next().is_some();
    is_more.then_some(more)
}

/// Names provider and model as LiteLLM spells both in one: `gemini/gemini-2.5-pro`. A library writes the name of the
/// protocol, so that another provider may have answered.
pub(super) fn name_model<'a>(entry: &mut Entry<'a>, written: Cow<'a, str>) {
    let plain = ["litellm_proxy/", "custom_openai/"].iter().find_map(|route| written.strip_prefix(route));
    let start = plain.map_or(0, |plain| written.len() - plain.len());
    let cut = written.get(start..).and_then(|rest| rest.find('/')).map(|at| start + at);
    let part = |text: &Cow<'a, str>, from: usize, to: usize| -> Cow<'a, str> {
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(from..to).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(from..to).unwrap_or_default().to_owned()),
        }
    };
    if let Some(cut) = cut {
        entry.provider = Some(part(&written, start, cut));
        entry.naming = super::Naming::ByHabit;
        entry.model = Some(part(&written, cut + 1, written.len()));
    } else {
        entry.model = Some(part(&written, start, written.len()));
    }
}
