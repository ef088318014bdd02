//! The span of time that `--since` and `--until` name, the same wherever they are.

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::error::Error;
use farebox::period::{Instant, Period};

/// Flags that leave out what happened at another time.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SpanFlags {
    /// Only from this day or moment on
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only up to the end of this day, or before this moment
    #[arg(long, value_name = "DATE")]
    pub until: Option<String>,
}

impl SpanFlags {
    /// The span that the flags name, its days being those of a time zone.
    ///
    /// # Errors
    /// [`Error::Usage`] where a date cannot be read, or nothing lies between the two.
    pub(crate) fn period(&self, zone: &TimeZone) -> Result<Period, Error> {
        let border = |flag: &str, text: &Option<String>, is_end: bool| {
            let read = |text: &String| border(text, zone, is_end).map_err(|e| Error::Usage(format!("{flag}: {e}")));
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

/// The first moment of a day in a zone, or that of the next day where the day is an end; a moment is itself.
fn border(text: &str, zone: &TimeZone, is_end: bool) -> Result<Instant, String> {
    let Some(date) = text.parse::<Date>().ok().filter(|_| text.len() == 10) else {
        return text.parse::<Instant>().map_err(|error| error.to_string());
    };
    let date = if is_end { date.tomorrow().unwrap_or(date) } else { date };
    let start = date.to_zoned(zone.clone()).map_err(|error| format!("{text}: {error}"))?;
    Ok(Instant::from_unix(start.timestamp().as_second()))
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

    #[test]
    fn a_span_that_cannot_be_is_an_error_that_names_the_flag() {
        assert!(period("", "2026-02-30", "UTC").unwrap_err().starts_with("--until: \"2026-02-30\" is not a date"));
        assert!(period("yesterday", "", "UTC").unwrap_err().starts_with("--since: \"yesterday\""));
        assert!(period("2025-03-03", "2025-03-02", "UTC").unwrap_err().contains("nothing lies between"));
    }
}
