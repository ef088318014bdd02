//! What records are grouped by, and which of them count.

use std::borrow::Cow;
use std::fmt::Write as _;

use clap::ValueEnum;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::priced::{Outcome, Verdict};
use crate::error::Error;
use crate::period::Instant;

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

/// Makes the key of a record's group, and remembers the day it made last: records come in the order of time.
#[derive(Clone, Default)]
pub(super) struct Keys {
    last: Option<(i64, i64, Date)>,
    text: String,
}

/// Between the parts of a key.
pub(super) const BETWEEN: char = '\u{1f}';

impl View {
    /// Whether a record's time is inside of what was asked for.
    pub fn includes(&self, at: Option<Instant>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        at.is_some_and(|at| self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until))
    }

    /// Calls `take` with the key of each group that a record belongs to.
    pub fn each_key(&self, outcome: &Outcome, keys: &mut Keys, take: &mut dyn FnMut(&str)) {
        let tags: &[Cow<str>] = outcome.entry.map_or(&[], |entry| &entry.labels.tags);
        if !self.by.contains(&By::Tag) || tags.is_empty() {
            self.write_key(outcome, None, keys);
            return take(&keys.text);
        }
        for tag in tags {
            self.write_key(outcome, Some(tag), keys);
            take(&keys.text);
        }
    }

    fn write_key(&self, outcome: &Outcome, tag: Option<&str>, keys: &mut Keys) {
        keys.text.clear();
        for (i, by) in self.by.iter().enumerate() {
            if i > 0 {
                keys.text.push(BETWEEN);
            }
            self.write_part(*by, outcome, tag, keys);
        }
    }

    fn write_part(&self, by: By, outcome: &Outcome, tag: Option<&str>, keys: &mut Keys) {
        let labels = outcome.entry.map(|entry| &entry.labels);
        let label = |text: Option<&Cow<str>>| text.map_or_else(|| "(none)".to_owned(), |text| text.to_string());
        match by {
            By::Day | By::Week | By::Month => {
                let Some(date) = outcome.entry.and_then(|entry| entry.at).and_then(|at| self.date(at, keys)) else {
                    return keys.text.push_str("(no time)");
                };
                write_date(by, date, &mut keys.text);
            }
            By::Model => match &outcome.verdict {
                Verdict::Priced(priced) => {
                    keys.text.push_str(&priced.found.provider.id);
                    keys.text.push('/');
                    keys.text.push_str(&priced.found.model.id);
                }
                _ => keys.text.push_str(outcome.model.as_deref().unwrap_or("(none)")),
            },
            By::Provider => match &outcome.verdict {
                Verdict::Priced(priced) => keys.text.push_str(&priced.found.provider.id),
                _ => keys.text.push_str(outcome.provider.as_deref().unwrap_or("(none)")),
            },
            By::Project => keys.text.push_str(&label(labels.and_then(|l| l.project.as_ref()))),
            By::Session => keys.text.push_str(&label(labels.and_then(|l| l.session.as_ref()))),
            By::Key => keys.text.push_str(&label(labels.and_then(|l| l.key.as_ref()))),
            By::Tag => keys.text.push_str(tag.unwrap_or("(none)")),
            By::Dialect => keys.text.push_str(outcome.entry.map_or("(none)", |entry| entry.dialect.name())),
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
