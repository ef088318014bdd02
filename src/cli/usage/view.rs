//! What records are grouped by, and which of them count.

use std::borrow::Cow;
use std::fmt::Write as _;

use clap::ValueEnum;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use smallvec::SmallVec;

use super::priced::{Outcome, Verdict};
use crate::cli::error::Error;
use farebox::period::Instant;

/// What to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// Calendar day
    Day,
    /// Week, from Monday
    Week,
    /// Calendar month
    Month,
    /// Provider and model
    Model,
    /// Provider
    Provider,
    /// Project, folder, workspace or service
    Project,
    /// Session or conversation
    Session,
    /// API key or user
    Key,
    /// Each tag apart: a record with two tags counts under both
    Tag,
    /// What the record was written by
    Dialect,
}

impl By {
    pub const fn name(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Week => "week",
            By::Month => "month",
            By::Model => "model",
            By::Provider => "provider",
            By::Project => "project",
            By::Session => "session",
            By::Key => "key",
            By::Tag => "tag",
            By::Dialect => "dialect",
        }
    }
}

/// Which records count and how they are grouped.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub by: Vec<By>,
    pub since: Option<Instant>,
    pub until: Option<Instant>,
    pub zone: TimeZone,
}

/// The time zone that a flag names.
pub(in crate::cli) fn zone_of(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    if name.eq_ignore_ascii_case("local") {
        return Ok(TimeZone::system());
    }
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::UTC);
    }
    if name.starts_with(['+', '-']) {
        let (hours, minutes) = name.split_once(':').unwrap_or((name, "0"));
        let minutes = minutes.parse::<i32>().ok().filter(|m| (0..60).contains(m));
        if let (Ok(hours), Some(minutes)) = (hours.parse::<i32>(), minutes)
            && hours.abs() <= 14
        {
            let sign = if name.starts_with('-') { -1 } else { 1 };
            let seconds = hours * 3600 + sign * minutes * 60;
            return Ok(jiff::tz::Offset::from_seconds(seconds).unwrap_or(jiff::tz::Offset::UTC).to_time_zone());
        }
    }
    TimeZone::get(name).map_err(|_| {
        Error::Usage(format!(
            "no time zone is called {name:?}\n  help: write a name such as Europe/Berlin, an offset such as +02:00, UTC or local"
        ))
    })
}

/// The key of a group: one part for each thing that is grouped by. Labels hold any character, so that no character can
/// separate the parts; where each ends is kept instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: String,
    ends: SmallVec<[usize; 4]>,
}

impl Key {
    /// The parts, in the order in which they are grouped by.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
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

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(other.parts())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Makes the key of a record's group, and remembers the day it made last: records come in the order of time.
#[derive(Clone, Default)]
pub(super) struct Keys {
    last: Option<(i64, i64, Date)>,
    key: Key,
}

impl View {
    /// Whether a record's time is inside of what was asked for.
    pub fn includes(&self, at: Option<Instant>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        at.is_some_and(|at| self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until))
    }

    /// Calls `take` with the key of each group that a record belongs to.
    pub fn each_key(&self, outcome: &Outcome, keys: &mut Keys, take: &mut dyn FnMut(&Key)) {
        let tags: &[Cow<str>] = outcome.entry.map_or(&[], |entry| &entry.labels.tags);
        if !self.by.contains(&By::Tag) || tags.is_empty() {
            self.write_key(outcome, None, keys);
            return take(&keys.key);
        }
        for tag in tags {
            self.write_key(outcome, Some(tag), keys);
            take(&keys.key);
        }
    }

    fn write_key(&self, outcome: &Outcome, tag: Option<&str>, keys: &mut Keys) {
        keys.key.clear();
        for by in &self.by {
            self.write_part(*by, outcome, tag, keys);
            keys.key.end_part();
        }
    }

    fn write_part(&self, by: By, outcome: &Outcome, tag: Option<&str>, keys: &mut Keys) {
        let labels = outcome.entry.map(|entry| &entry.labels);
        let label = |text: Option<&Cow<str>>| text.map_or_else(|| "(none)".to_owned(), |text| text.to_string());
        match by {
            By::Day | By::Week | By::Month => {
                let Some(date) = outcome.entry.and_then(|entry| entry.at).and_then(|at| self.date(at, keys)) else {
                    return keys.key.text.push_str("(no time)");
                };
                write_date(by, date, &mut keys.key.text);
            }
            By::Model => match &outcome.verdict {
                Verdict::Priced(priced) => {
                    keys.key.text.push_str(&priced.found.provider.id);
                    keys.key.text.push('/');
                    keys.key.text.push_str(&priced.found.model.id);
                }
                _ => keys.key.text.push_str(outcome.model.as_deref().unwrap_or("(none)")),
            },
            By::Provider => match &outcome.verdict {
                Verdict::Priced(priced) => keys.key.text.push_str(&priced.found.provider.id),
                _ => keys.key.text.push_str(outcome.provider.as_deref().unwrap_or("(none)")),
            },
            By::Project => keys.key.text.push_str(&label(labels.and_then(|l| l.project.as_ref()))),
            By::Session => keys.key.text.push_str(&label(labels.and_then(|l| l.session.as_ref()))),
            By::Key => keys.key.text.push_str(&label(labels.and_then(|l| l.key.as_ref()))),
            By::Tag => keys.key.text.push_str(tag.unwrap_or("(none)")),
            By::Dialect => keys.key.text.push_str(outcome.entry.map_or("(none)", |entry| entry.dialect.name())),
        }
    }

    fn date(&self, at: Instant, keys: &mut Keys) -> Option<Date> {
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

fn write_date(by: By, date: Date, text: &mut String) {
    // Writing to a String does not fail.
    let _ = match by {
        By::Month => write!(text, "{:04}-{:02}", date.year(), date.month()),
        By::Week => {
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
            let zone = zone_of(Some(name)).unwrap();
            let offset = zone.to_offset(jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(offset.seconds(), seconds, "{name}");
        }
        for name in ["+05:60", "+15", "-14:-30", "+1:2:3", "+", "Europe/Berlim", ""] {
            assert!(zone_of(Some(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_keeps_its_parts_apart_whatever_is_in_them() {
        let key = |parts: &[&str]| {
            let mut key = Key::default();
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
