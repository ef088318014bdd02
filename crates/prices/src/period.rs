//! Instants and half-open spans of time: `from` belongs to a [`Period`], `to` does not.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, to the second: what a price takes effect at and a request happens at.
///
/// Reads `2026-02-05` (the first moment of that day in UTC), `2026-02-05T16:00:00Z` and offsets such as `+08:00`;
/// prints the date alone where the moment is midnight UTC.
///
/// # Examples
/// ```
/// use farebox_prices::period::Instant;
/// let change: Instant = "2025-09-06T00:00:00+08:00".parse().unwrap();
/// assert_eq!(change.to_string(), "2025-09-05T16:00:00Z");
/// assert_eq!("2026-02-05".parse::<Instant>().unwrap().to_string(), "2026-02-05");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// Why a text is not an [`Instant`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{:?} is not a date: {}", .0, explain(.0))]
pub struct InstantTextError(pub String);

/// Why a text is not a date: a day that its month does not have, or another form.
fn explain(text: &str) -> String {
    let form = "write 2026-02-05, or a moment with its offset such as 2026-02-05T16:00:00Z";
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i16>().ok());
    let mut parts = text.get(..10).unwrap_or_default().splitn(3, '-');
    let (Some(year), Some(month), Some(day)) = (number(parts.next()), number(parts.next()), number(parts.next()))
    else {
        return form.to_owned();
    };
    let first = i8::try_from(month).ok().and_then(|month| Date::new(year, month, 1).ok());
    match first {
        Some(first) if day > i16::from(first.days_in_month()) => {
            let (month, days, last) = (first.strftime("%B %Y"), first.days_in_month(), first.last_of_month());
            format!("{month} has {days} days; write {last} for its last one")
        }
        None if !(1..=12).contains(&month) => "a year has the months 01 to 12".to_owned(),
        _ => form.to_owned(),
    }
}

impl Instant {
    /// The moment that is `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Instant(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The day in UTC.
    #[must_use]
    pub fn date(self) -> Date {
        self.at_offset(0).0
    }

    /// Day, and minute of that day, at a fixed offset from UTC in minutes.
    #[must_use]
    pub fn at_offset(self, minutes: i32) -> (Date, i64) {
        let seconds = self.0.saturating_add(i64::from(minutes) * 60);
        let days = seconds.div_euclid(86_400);
        let date = Timestamp::from_second(days.saturating_mul(86_400))
            .map(|t| t.to_zoned(TimeZone::UTC).date())
            .unwrap_or(Date::ZERO);
        (date, seconds.rem_euclid(86_400) / 60)
    }
}

impl From<Timestamp> for Instant {
    /// Fractions of a second are left out.
    fn from(moment: Timestamp) -> Self {
        Instant(moment.as_second())
    }
}

impl From<Date> for Instant {
    /// The first moment of the day in UTC.
    fn from(day: Date) -> Self {
        // A civil date is within the calendar, so there is a moment that it begins at.
        Instant(day.to_zoned(TimeZone::UTC).map_or(0, |start| start.timestamp().as_second()))
    }
}

impl From<SystemTime> for Instant {
    /// Fractions of a second are left out; a time beyond all calendars is the first or last moment there is.
    ///
    /// # Examples
    /// ```
    /// use farebox_prices::period::Instant;
    /// use std::time::{Duration, SystemTime};
    /// let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_348_800);
    /// assert_eq!(Instant::from(moment).to_string(), "2026-11-22T12:00:00Z");
    /// let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1_500);
    /// assert_eq!(Instant::from(before).to_string(), "1969-12-31T23:59:58Z");
    /// ```
    fn from(moment: SystemTime) -> Self {
        let seconds = match moment.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                let before = before.duration();
                let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                -whole.saturating_add(i64::from(before.subsec_nanos() > 0))
            }
        };
        Instant(seconds)
    }
}

impl std::str::FromStr for Instant {
    type Err = InstantTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || InstantTextError(text.to_owned());
        if text.len() == 10 {
            let date: Date = text.parse().map_err(|_| error())?;
            let start = date.to_zoned(TimeZone::UTC).map_err(|_| error())?;
            return Ok(Instant(start.timestamp().as_second()));
        }
        let moment: Timestamp = text.parse().map_err(|_| error())?;
        Ok(Instant(moment.as_second()))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(moment) = Timestamp::from_second(self.0) else {
            return f.pad("outside of the calendar");
        };
        let text = moment.to_string();
        f.pad(text.strip_suffix("T00:00:00Z").unwrap_or(&text))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return text.parse().map_err(serde::de::Error::custom);
        }
        i64::deserialize(deserializer).map(Instant)
    }
}

/// A half-open span: from an instant (or since ever) up to, and not including, another (or for ever).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Period {
    /// First moment inside; `None` when the start is not known.
    pub from: Option<Instant>,
    /// First moment outside; `None` while it lasts.
    pub to: Option<Instant>,
}

impl Period {
    /// Whether the moment lies inside.
    ///
    /// # Examples
    /// ```
    /// use farebox_prices::period::Period;
    /// let period = Period { from: Some("2026-01-01".parse().unwrap()), to: Some("2026-02-01".parse().unwrap()) };
    /// assert!(period.contains("2026-01-01".parse().unwrap()));
    /// assert!(!period.contains("2026-02-01".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn contains(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// The moments in both.
    #[must_use]
    pub fn and(self, other: Period) -> Period {
        let to = match (self.to, other.to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Period { from: self.from.max(other.from), to }
    }

    /// The part of this period around a moment that does not cross an end of another.
    ///
    /// # Examples
    /// ```
    /// use farebox_prices::period::Period;
    /// let alias = Period { from: Some("2024-08-30".parse().unwrap()), to: None };
    /// let before = Period::default().around("2024-06-01".parse().unwrap(), alias);
    /// assert_eq!((before.from, before.to), (None, alias.from));
    /// ```
    #[must_use]
    pub fn around(self, at: Instant, other: Period) -> Period {
        [other.from, other.to].into_iter().flatten().fold(self, |span, end| {
            let side =
                if end <= at { Period { from: Some(end), to: None } } else { Period { from: None, to: Some(end) } };
            span.and(side)
        })
    }

    /// Whether the two share a moment.
    #[must_use]
    pub fn overlaps(&self, other: &Period) -> bool {
        let starts_before_end = |a: &Period, b: &Period| match (a.from, b.to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        starts_before_end(self, other) && starts_before_end(other, self)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (Some(from), Some(to)) => write!(f, "{from} to {to}"),
            (Some(from), None) => write!(f, "since {from}"),
            (None, Some(to)) => write!(f, "until {to}"),
            (None, None) => f.write_str("start not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_does_not_exist_is_explained() {
        let error = |text: &str| text.parse::<Instant>().unwrap_err().to_string();
        assert_eq!(
            error("2026-02-30"),
            "\"2026-02-30\" is not a date: February 2026 has 28 days; write 2026-02-28 for its last one"
        );
        // 2028 is a leap year.
        assert!(error("2028-02-30T00:00:00Z").contains("February 2028 has 29 days; write 2028-02-29 "));
        assert!(error("2026-13-01").ends_with("the months 01 to 12"));
        for text in ["", "tomorrow", "2026-2-3", "30.11.2026", "2026-02-00", "2026-02-05 25:00"] {
            assert!(error(text).contains("write 2026-02-05"), "{}", error(text));
        }
    }
}
