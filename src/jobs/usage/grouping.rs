//! What records are grouped by, and which of them count.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use smallvec::SmallVec;

use super::priced::{RecordOutcome, RecordVerdict};
use crate::input::dialect::{Entry, Labels};
use crate::jobs::JobError;
use crate::period::{Instant, Period};

macro_rules! groupings {
    ($($variant:ident $name:literal $about:literal;)+) => {
        /// What to group by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Grouping {
            $(#[doc = $about] $variant,)+
        }

        impl Grouping {
            /// Everything that can be grouped by.
            pub const ALL: &[Grouping] = &[$(Grouping::$variant),+];

            /// The name in flags and columns.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Grouping::$variant => $name),+ }
            }

            /// One line about it for people.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Grouping::$variant => $about),+ }
            }
        }
    };
}

groupings! {
    Day      "day"      "Calendar day";
    Week     "week"     "Week, from Monday";
    Month    "month"    "Calendar month";
    Model    "model"    "Provider and model";
    Provider "provider" "Provider";
    Project  "project"  "Project, folder, workspace or service";
    Session  "session"  "Session or conversation";
    Key      "key"      "API key or user";
    Agent    "agent"    "Agent or coding program that asked, as far as records say";
    Host     "host"     "Machine that asked or host that answered, as far as records say";
    Tag      "tag"      "Each tag apart: a record with two tags counts under both";
    Dialect  "dialect"  "What the record was written by";
}

/// Which records count and how they are grouped.
#[derive(Clone, Debug)]
pub struct UsageView {
    /// What groups differ in, at least one thing.
    pub by: Vec<Grouping>,
    /// The time that records must be of; one that is open at both ends takes records without a time too.
    pub span: Period,
    /// The time zone of days, weeks and months.
    pub zone: TimeZone,
}

impl Default for UsageView {
    fn default() -> Self {
        UsageView { by: vec![Grouping::Model], span: Period::default(), zone: TimeZone::UTC }
    }
}

/// The time zone of a name, such as `Europe/Berlin`, or of an offset, such as `+02:00`.
///
/// # Errors
/// [`JobError::Asked`] where no zone is called so. `local` is one that only the caller knows.
pub fn time_zone(name: &str) -> Result<TimeZone, JobError> {
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    let zone = if name.starts_with(['+', '-']) { offset(name) } else { None };
    zone.map_or_else(|| TimeZone::get(name), Ok).map_err(|_| {
        JobError::asked(
            format!("no time zone is called {name:?}"),
            "write a name such as Europe/Berlin, an offset such as +02:00, UTC or local",
        )
    })
}

/// The zone of `+02:00` or `-3`.
fn offset(name: &str) -> Option<TimeZone> {
    let (hours, minutes) = name.split_once(':').unwrap_or((name, "0"));
    let minutes = minutes.parse::<i32>().ok().filter(|m| (0..60).contains(m))?;
    let hours = hours.parse::<i32>().ok().filter(|hours| hours.abs() <= 14)?;
    let sign = if name.starts_with('-') { -1 } else { 1 };
    let seconds = hours * 3600 + sign * minutes * 60;
    Some(jiff::tz::Offset::from_seconds(seconds).unwrap_or(jiff::tz::Offset::UTC).to_time_zone())
}

/// The key of a group: one part for each thing that is grouped by. Labels hold any character, so that no character can
/// separate the parts; where each ends is kept instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    text: String,
    ends: SmallVec<[usize; 4]>,
}

impl GroupKey {
    /// The parts, in the order in which they are grouped by.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_part(&mut self) {
        self.ends.push(self.text.len());
    }
}

impl Ord for GroupKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(other.parts())
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Makes the key of a record's group, and remembers the day it made last: records come in the order of time.
#[derive(Clone, Default)]
pub(crate) struct GroupKeys {
    last: Option<(i64, i64, Date)>,
    key: GroupKey,
}

impl UsageView {
    /// Whether a record's time is inside of what was asked for.
    pub(crate) fn includes(&self, at: Option<Instant>) -> bool {
        self.span == Period::default() || at.is_some_and(|at| self.span.contains(at))
    }

    /// Whether it is the plain one: by model, of all times.
    pub(crate) fn is_plain(&self) -> bool {
        self.by == [Grouping::Model] && self.span == Period::default()
    }

    /// Calls `take` with the key of each group that a record belongs to.
    pub(crate) fn each_key(&self, outcome: &RecordOutcome, keys: &mut GroupKeys, take: &mut dyn FnMut(&GroupKey)) {
        let tags: &[Cow<str>] = outcome.entry.map_or(&[], |entry| &entry.labels.tags);
        if !self.by.contains(&Grouping::Tag) || tags.is_empty() {
            self.write_key(outcome, None, keys);
            return take(&keys.key);
        }
        for tag in tags {
            self.write_key(outcome, Some(tag), keys);
            take(&keys.key);
        }
    }

    fn write_key(&self, outcome: &RecordOutcome, tag: Option<&str>, keys: &mut GroupKeys) {
        keys.key.clear();
        for by in &self.by {
            self.write_part(*by, outcome, tag, keys);
            keys.key.end_part();
        }
    }

    fn write_part(&self, by: Grouping, outcome: &RecordOutcome, tag: Option<&str>, keys: &mut GroupKeys) {
        let labels = outcome.entry.map(|entry| &entry.labels);
        let label = |text: Option<&Cow<str>>| text.map_or_else(|| "(none)".to_owned(), |text| text.to_string());
        match by {
            Grouping::Day | Grouping::Week | Grouping::Month => {
                let Some(date) = outcome.entry.and_then(|entry| entry.at).and_then(|at| self.date(at, keys)) else {
                    return keys.key.text.push_str("(no time)");
                };
                write_date(by, date, &mut keys.key.text);
            }
            Grouping::Model => match &outcome.verdict {
                RecordVerdict::Priced(priced) => {
                    keys.key.text.push_str(&priced.found.provider.id);
                    keys.key.text.push('/');
                    keys.key.text.push_str(&priced.found.model.id);
                }
                _ => keys.key.text.push_str(outcome.model.as_deref().unwrap_or("(none)")),
            },
            Grouping::Provider => match &outcome.verdict {
                RecordVerdict::Priced(priced) => keys.key.text.push_str(&priced.found.provider.id),
                _ => keys.key.text.push_str(outcome.provider.as_deref().unwrap_or("(none)")),
            },
            Grouping::Project => keys.key.text.push_str(&label(labels.and_then(|l| l.project.as_ref()))),
            Grouping::Session => keys.key.text.push_str(&label(labels.and_then(|l| l.session.as_ref()))),
            Grouping::Key => keys.key.text.push_str(&label(labels.and_then(|l| l.key.as_ref()))),
            Grouping::Agent => keys.key.text.push_str(&outcome.entry.map_or("(none)".into(), agent)),
            Grouping::Host => keys.key.text.push_str(labels.and_then(|l| marked(l, "host:")).unwrap_or("(none)")),
            Grouping::Tag => keys.key.text.push_str(tag.unwrap_or("(none)")),
            Grouping::Dialect => keys.key.text.push_str(outcome.entry.map_or("(none)", |entry| entry.dialect.name())),
        }
    }

    fn date(&self, at: Instant, keys: &mut GroupKeys) -> Option<Date> {
        if let Some((from, to, date)) = keys.last
            && (from..to).contains(&at.unix())
        {
            return Some(date);
        }
        let moment = jiff::Timestamp::from_second(at.unix()).ok()?;
        let date = moment.to_zoned(self.zone.clone()).date();
        let start = |date: Date| Some(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_second());
        if let (Some(from), Some(to)) = (start(date), date.tomorrow().ok().and_then(start)) {
            keys.last = Some((from, to, date));
        }
        Some(date)
    }
}

/// What is behind a mark in the tags, such as `agent:`.
fn marked<'l>(labels: &'l Labels, mark: &str) -> Option<&'l str> {
    labels.tags.iter().find_map(|tag| tag.strip_prefix(mark)).filter(|name| !name.is_empty())
}

/// Who asked: an agent that the record names, or the program that keeps such sessions.
fn agent<'e>(entry: &'e Entry) -> Cow<'e, str> {
    if let Some(named) = marked(&entry.labels, "agent:") {
        return named.into();
    }
    let program = if entry.dialect.is_agent() { entry.dialect.name() } else { "(none)" };
    if entry.labels.tags.iter().any(|tag| tag == "subagent") {
        format!("{program} subagent").into()
    } else {
        program.into()
    }
}

fn write_date(by: Grouping, date: Date, text: &mut String) {
    // Writing to a String does not fail.
    let _ = match by {
        Grouping::Month => write!(text, "{:04}-{:02}", date.year(), date.month()),
        Grouping::Week => {
            let back = i32::from(date.weekday().to_monday_zero_offset());
            let monday = date.checked_sub(jiff::Span::new().days(back)).unwrap_or(date);
            write!(text, "{monday}")
        }
        _ => write!(text, "{date}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_the_sign_of_their_hours_in_their_minutes() {
        // -03:30 is St John's, +05:45 Kathmandu, -00:30 nowhere, but its sign is that of a zero.
        for (name, seconds) in [
            ("-03:30", -12_600),
            ("+05:45", 20_700),
            ("-00:30", -1_800),
            ("+00:30", 1_800),
            ("-5", -18_000),
            ("+14:00", 50_400),
        ] {
            let zone = time_zone(name).unwrap();
            let offset = zone.to_offset(jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), seconds, "{name}");
        }
        for name in ["+05:60", "+15", "-14:-30", "+1:2:3", "+", "Europe/Berlim", ""] {
            assert!(time_zone(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_keeps_its_parts_apart_whatever_is_in_them() {
        let key = |parts: &[&str]| {
            let mut key = GroupKey::default();
            for part in parts {
                key.text.push_str(part);
                key.end_part();
            }
            key
        };
        for parts in [["a\u{1f}b", "c"], ["a", "b\u{1f}c"], ["", "abc"], ["abc", ""], ["\u{0}\n", "\u{1f}\u{1f}"]] {
            assert!(key(&parts).parts().eq(parts), "{parts:?}");
        }
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert!(key(&["a", "z"]) < key(&["aa", "b"]), "by the first part, then by the second");
    }
}
