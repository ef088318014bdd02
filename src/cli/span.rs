//! The span of time that `--since` and `--until` name, the same wherever they are.

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::cli::error::Error;
use farebox::period::{Instant, Period};

/// Flags that leave out what happened at another time.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SpanFlags {
    /// Only from this day or moment on: 2026-11-01, 7d (days ago), today, last week, this month
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only up to the end of this day or period, or before this moment
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
}

impl SpanFlags {
    /// The span that the flags name, its days being those of a time zone.
    ///
    /// # Errors
    /// [`Error::Usage`] where a date cannot be read, or nothing lies between the two.
    pub(crate) fn period(&self, zone: &TimeZone) -> Result<Period, Error> {
        let today =
            Timestamp::from_second(super::clock::now()?.at.unix()).unwrap_or_default().to_zoned(zone.clone()).date();
        let border = |flag: &str, text: &Option<String>, is_end: bool| {
            let read =
                |text: &String| border(text, today, zone, is_end).map_err(|e| Error::Usage(format!("{flag}: {e}")));
            text.as_ref().map(read).transpose()
        };
        let period = Period { from: border("--since", &self.since, false)?, to: border("--until", &self.until, true)? };
        if let (Some(from), Some(to)) = (period.from, period.to)
            && from >= to
        {
            let (since, until) = (self.since.as_deref().unwrap_or_default(), self.until.as_deref().unwrap_or_default());
            return Err(Error::Usage(format!(
                "nothing lies between --since {since} and --until {until}\n  help: write the earlier date after --since"
            )));
        }
        Ok(period)
    }
}

/// The first moment of a day or period in a zone, or that of the next one where it is an end; a moment is itself.
fn border(text: &str, today: Date, zone: &TimeZone, is_end: bool) -> Result<Instant, String> {
    let named = text.parse::<Date>().ok().filter(|_| text.len() == 10).map(|day| (day, 1.day()));
    let Some((first, length)) = named.or_else(|| relative(&text.to_lowercase(), today)) else {
        let help = "; a day may be 7d (days ago), 2w, today, yesterday, this week, last month …";
        return text.parse::<Instant>().map_err(|error| format!("{error}{help}"));
    };
    let date = if is_end { first.checked_add(length).unwrap_or(first) } else { first };
    let start = date.to_zoned(zone.clone()).map_err(|error| format!("{text}: {error}"))?;
    Ok(Instant::from_unix(start.timestamp().as_second()))
}

/// The first day and the length of what is named by its distance from today. Weeks begin on Monday.
fn relative(text: &str, today: Date) -> Option<(Date, Span)> {
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let (month, year) = (today.first_of_month(), today.first_of_year());
    Some(match text {
        "today" => (today, 1.day()),
        "yesterday" => (today.yesterday().ok()?, 1.day()),
        "this week" => (monday, 1.week()),
        "last week" => (monday.checked_sub(1.week()).ok()?, 1.week()),
        "this month" => (month, 1.month()),
        "last month" => (month.checked_sub(1.month()).ok()?, 1.month()),
        "this year" => (year, 1.year()),
        "last year" => (year.checked_sub(1.year()).ok()?, 1.year()),
        _ => {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let number = text.get(..digits)?.parse::<i64>().ok().filter(|number| *number < 10_000)?;
            let ago = match text.get(digits..)?.trim().trim_end_matches(" ago") {
                "d" | "day" | "days" => number.days(),
                "w" | "week" | "weeks" => number.weeks(),
                "month" | "months" => number.months(),
                "y" | "year" | "years" => number.years(),
                _ => return None,
            };
            (today.checked_sub(ago).ok()?, 1.day())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(since: &str, until: &str, zone: &str) -> Result<String, String> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let flags = SpanFlags { since: text(since), until: text(until) };
        let period = flags.period(&TimeZone::get(zone).unwrap()).map_err(|error| error.to_string())?;
        let shown = |at: Option<Instant>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        Ok(format!("{} {}", shown(period.from), shown(period.to)))
    }

    #[test]
    fn a_day_is_whole_in_its_zone_and_a_moment_is_a_moment() {
        assert_eq!(period("2025-03-02", "2025-03-02", "UTC").unwrap(), "2025-03-02 2025-03-03");
        // Central European Time is one hour ahead of UTC in winter.
        assert_eq!(period("", "2025-03-02", "Europe/Berlin").unwrap(), "- 2025-03-02T23:00:00Z");
        assert_eq!(period("", "2025-03-02T10:00:00Z", "Europe/Berlin").unwrap(), "- 2025-03-02T10:00:00Z");
    }

    /// 2026-11-25 is a Wednesday.
    #[test]
    fn days_are_named_by_their_distance_from_today() {
        let today: Date = "2026-11-25".parse().unwrap();
        let span = |text: &str| {
            let border = |is_end| border(text, today, &TimeZone::UTC, is_end).map(|at| at.to_string());
            Some(format!("{} {}", border(false).ok()?, border(true).ok()?))
        };
        let cases = [
            ("today", "2026-11-25 2026-11-26"),
            ("Yesterday", "2026-11-24 2026-11-25"),
            ("7d", "2026-11-18 2026-11-19"),
            ("2 weeks ago", "2026-11-11 2026-11-12"),
            ("this week", "2026-11-23 2026-11-30"),
            ("last week", "2026-11-16 2026-11-23"),
            ("this month", "2026-11-01 2026-12-01"),
            ("last month", "2026-10-01 2026-11-01"),
            ("last year", "2025-01-01 2026-01-01"),
        ];
        for (text, want) in cases {
            assert_eq!(span(text).as_deref(), Some(want), "{text}");
        }
        for bad in ["7", "d", "-7d", "7 parsecs", "next week", "99999d", ""] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_span_that_cannot_be_is_an_error_that_names_the_flag() {
        assert!(period("", "2026-02-30", "UTC").unwrap_err().starts_with("--until: \"2026-02-30\" is not a date"));
        assert!(period("sometime", "", "UTC").unwrap_err().starts_with("--since: \"sometime\""));
        assert!(period("2025-03-03", "2025-03-02", "UTC").unwrap_err().contains("nothing lies between"));
    }
}
