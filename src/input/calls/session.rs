//! The requests of a session whose lines state running totals, as Codex writes them.
//!
//! A session that was forked, or that a subagent runs in, may begin with a copy of its parent's lines, and its totals may
//! begin where the parent's ended. What was copied happened in the parent and counts there; the lines are written at once,
//! which tells them from requests, or they are known of the parent. Newer files also have a record of each request, some of
//! which (a compaction) the totals leave out: a request that both tell counts once.

use std::borrow::Cow;

use crate::context::Context;
use crate::input::dialect::{
    Bucket, Dialect, Entry, Naming, Running, SessionCounts, SessionHead, SessionSettings, id_of,
};
use crate::input::record::RecordError;
use crate::meter::Meter;
use crate::period::Instant;
use crate::usage::Usage;

/// A copied history is written within so many milliseconds after the session began: sooner than any model answers.
const COPYING: i64 = 1_000;

/// Lines that follow each other faster than this, in milliseconds, are written by one copy.
const BURST: i64 = 100;

/// So many requests are remembered that only one of total and record has told yet.
const REMEMBERED: usize = 64;

/// What a session has said so far.
#[derive(Default)]
pub(super) struct Session {
    head: SessionHead<'static>,
    provider: Option<Cow<'static, str>>,
    model: Option<Cow<'static, str>>,
    context: Context,
    /// The sessions whose lines this one may repeat.
    ancestors: Vec<Cow<'static, str>>,
    /// When the last line was written that repeats an ancestor's.
    copied: Option<i64>,
    /// Whether it made a request itself.
    has_own: bool,
    totals: Option<Running>,
    /// Requests that a record told and no total yet.
    recorded: Vec<Running>,
    /// Requests that a total told and no record yet.
    totalled: Vec<Running>,
    /// How many requests it told without a total.
    lone: u64,
}

impl Session {
    /// A head: of a new session, or one that this session repeats.
    pub(super) fn begin(&mut self, head: SessionHead<'static>) {
        let is_copy = |known: &SessionHead| {
            let is_same = head.labels.session.is_some() && head.labels.session == known.labels.session;
            let after = known.begun.zip(head.begun).map(|(begun, at)| at.saturating_sub(begun));
            let is_at_once =
                !self.has_own && after.is_some_and(|after| after <= COPYING && (after >= 0 || known.is_child));
            let is_parent = known.parent.is_some() && known.parent == head.labels.session;
            is_same || known.labels.session.is_some() && (is_at_once || is_parent)
        };
        if !is_copy(&self.head) {
            let ancestors = head.parent.iter().cloned().collect();
            *self = Session { provider: head.provider.clone(), ancestors, head, ..Session::default() };
        } else if head.labels.session != self.head.labels.session {
            // The session began as a copy, whether or not it says so.
            self.head.is_child = true;
            self.ancestors.extend(head.labels.session);
        }
    }

    /// What holds from here on.
    pub(super) fn set(&mut self, settings: SessionSettings<'static>) {
        self.model = settings.model.or(self.model.take());
        self.provider = settings.provider.or(self.provider.take());
        self.context = settings.context.unwrap_or_else(|| std::mem::take(&mut self.context));
    }

    /// The requests that a line tells: none where it repeats what is known.
    ///
    /// # Errors
    /// Where a part is more than its whole.
    pub(super) fn counts(
        &mut self,
        counts: &SessionCounts,
        known: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<Entry<'static>>, RecordError> {
        if self.is_copied(counts, known) {
            self.copied = counts.at.or(self.copied);
            self.totals = counts.total.or(self.totals);
            return Ok(Vec::new());
        }
        let told = match (counts.is_record, counts.total, counts.last) {
            (true, _, last) => last.filter(|last| !take_out(&mut self.totalled, *last)).into_iter().collect(),
            (false, Some(total), last) => self.since(total, last),
            (false, None, last) => self.alone(last),
        };
        let told: Vec<Running> = told.into_iter().filter(|one| *one != Running::default()).collect();
        self.has_own |= !told.is_empty();
        let mut entries = Vec::new();
        for (place, one) in told.iter().enumerate() {
            let remembered = if counts.is_record { &mut self.recorded } else { &mut self.totalled };
            remember(remembered, *one);
            let mut entry = self.entry(one)?;
            entry.at = counts.at.map(|at| Instant::from_unix(at.div_euclid(1_000)));
            entry.id = counts.response.or_else(|| self.id(counts, one, place));
            // The last request is told by itself; how many the others before it were is not known.
            entry.bucket = (place > 0).then(Bucket::default);
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Whether a line repeats one of an ancestor.
    fn is_copied(&self, counts: &SessionCounts, known: &dyn Fn(u64) -> bool) -> bool {
        if !self.head.is_child || self.has_own {
            return false;
        }
        let is_others =
            counts.session.as_ref().is_some_and(|session| self.head.labels.session.as_ref() != Some(session));
        let within = |from: Option<i64>, span: i64| {
            from.zip(counts.at).is_some_and(|(from, at)| at.saturating_sub(from) <= span)
        };
        let is_known = || {
            let total = counts.total?;
            Some(self.ancestors.iter().any(|session| known(total_id(session, &total))))
        };
        is_others || within(self.head.begun, COPYING) || within(self.copied, BURST) || is_known() == Some(true)
    }

    /// What was used since the totals before: the last request, and what is left of those before it.
    fn since(&mut self, total: Running, last: Option<Running>) -> Vec<Running> {
        let before = self.totals.replace(total);
        let is_first_of_child = self.head.is_child && !self.has_own;
        let delta = match before {
            // Where the totals of a child begin is for its first request to say.
            _ if is_first_of_child && last.is_some() => last.unwrap_or_default(),
            // A total that fell began again.
            Some(before) => total.minus(&before).or(last).unwrap_or(total),
            None => total,
        };
        let parts = match last.and_then(|last| Some((last, delta.minus(&last)?))) {
            Some((last, rest)) if last.is_some() && rest.is_some() => vec![last, rest],
            _ => vec![delta],
        };
        parts.into_iter().filter(|part| !take_out(&mut self.recorded, *part)).collect()
    }

    /// A request that is told without a total.
    fn alone(&mut self, last: Option<Running>) -> Vec<Running> {
        let Some(last) = last.filter(|last| last.is_some()) else { return Vec::new() };
        self.totals = self.totals.map(|total| total.plus(&last));
        self.lone += 1;
        if take_out(&mut self.recorded, last) { Vec::new() } else { vec![last] }
    }

    /// The same in every copy of the session's file.
    fn id(&self, counts: &SessionCounts, told: &Running, place: usize) -> Option<u64> {
        let session = self.head.labels.session.as_deref()?;
        Some(match (&counts.total, place) {
            (Some(total), 0) => total_id(session, total),
            (Some(total), _) => id_of(&["codex", session, &total.text(), "before"]),
            (None, _) if counts.is_record => {
                let at = counts.at.map(|at| at.to_string()).unwrap_or_default();
                id_of(&["codex", session, "record", &at, &told.text()])
            }
            (None, _) => id_of(&["codex", session, "alone", &self.lone.to_string()]),
        })
    }

    fn entry(&self, counts: &Running) -> Result<Entry<'static>, RecordError> {
        let rest = |whole: u64, part: u64, name: &str| {
            whole.checked_sub(part).ok_or_else(|| {
                RecordError::Usage(format!("{part} of {name} are more than the {whole} they are a part of"))
            })
        };
        let plain = rest(counts.input, counts.cached, "cached_input_tokens")?;
        let mut usage = Usage::tokens_in_out(
            rest(plain, counts.written, "cache_write_input_tokens")?,
            rest(counts.output, counts.thinking, "reasoning_output_tokens")?,
        );
        usage.set_tokens(Meter::CacheRead, counts.cached);
        usage.set_tokens(Meter::CacheWrite5m, counts.written);
        usage.set_tokens(Meter::Reasoning, counts.thinking);
        let mut entry = Entry::new(Dialect::Codex, usage);
        entry.provider = self.provider.clone();
        // The name of a section of Codex's settings, which is `openai` for whatever imitates OpenAI.
        entry.naming = Naming::ByHabit;
        entry.model = self.model.clone();
        entry.context = self.context.clone();
        entry.labels = self.head.labels.clone();
        Ok(entry)
    }
}

fn total_id(session: &str, total: &Running) -> u64 {
    id_of(&["codex", session, &total.text()])
}

/// Takes counts out of a list, and says whether they were in it.
fn take_out(list: &mut Vec<Running>, counts: Running) -> bool {
    let place = list.iter().position(|one| *one == counts);
    place.map(|place| list.remove(place)).is_some()
}

fn remember(list: &mut Vec<Running>, counts: Running) {
    if list.len() >= REMEMBERED {
        list.remove(0);
    }
    list.push(counts);
}

impl Running {
    const fn all(&self) -> [u64; 5] {
        [self.input, self.cached, self.written, self.output, self.thinking]
    }

    const fn of([input, cached, written, output, thinking]: [u64; 5]) -> Self {
        Running { input, cached, written, output, thinking }
    }

    /// Whether it counts anything.
    fn is_some(&self) -> bool {
        *self != Running::default()
    }

    /// What is left of it without a part; `None` where the part is more.
    fn minus(&self, part: &Running) -> Option<Running> {
        let mut left = self.all();
        for (left, part) in left.iter_mut().zip(part.all()) {
            *left = left.checked_sub(part)?;
        }
        Some(Running::of(left))
    }

    fn plus(&self, more: &Running) -> Running {
        let mut sum = self.all();
        sum.iter_mut().zip(more.all()).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        Running::of(sum)
    }

    fn text(&self) -> String {
        format!("{:?}", self.all())
    }
}
