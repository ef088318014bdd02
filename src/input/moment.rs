//! Moments as logs write them: [`moment_in`].

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::period::Instant;

/// How exports write a time, behind what RFC 3339 and RFC 2822 allow. A day before its month is only read where it is no
/// month: `03/04/2026` could be either.
const SPELLINGS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%b %d, %Y, %I:%M:%S %p",
    "%b %d, %Y, %I:%M %p",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %I:%M %p",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %H:%M",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d %b %Y",
    "%d %B %Y",
    "%Y%m%dT%H%M%S",
];

/// The same with an offset behind.
const WITH_OFFSET: &[&str] =
    &["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z", "%d/%b/%Y:%H:%M:%S %z"];

/// A moment as logs write it: seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by their size), or a
/// date with or without its time; a time without an offset is UTC. `None` for what is not a moment, and for a zero, which
/// says that the time is not known.
pub(crate) fn moment_in(text: &str) -> Option<Instant> {
    let text = text.trim();
    let at = since_1970(text).or_else(|| dated(text))?;
    (at.unix() != 0 && !text.starts_with("0001-01-01")).then_some(at)
}

fn since_1970(text: &str) -> Option<Instant> {
    // Most logs write a date of ISO 8601, which no look for a number has to find out.
    if matches!(text.as_bytes(), [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..]) {
        return None;
    }
    let is_day = text.len() == 8 && (text.starts_with("19") || text.starts_with("20"));
    if is_day || compact(text).is_some() || (text.len() <= 10 && text.contains('-')) {
        return None;
    }
    let whole = |text: &str| text.split('.').next().unwrap_or(text).parse::<i64>().ok();
    let with_exponent = || Decimal::from_scientific(text).ok()?.trunc().to_i64();
    let number = if text.contains(['e', 'E']) { with_exponent()? } else { whole(text)? };
    // A date with points, such as 20.11.2026, is no number with a fraction.
    if text.split('.').count() > 2 {
        return None;
    }
    let seconds = match number.unsigned_abs() {
        // A year alone, or a number of something else: nothing was logged in the first months of 1970.
        1..10_000_000 => return None,
        0..100_000_000_000 => number,
        100_000_000_000..100_000_000_000_000 => number.div_euclid(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => number.div_euclid(1_000_000),
        _ => number.div_euclid(1_000_000_000),
    };
    Some(Instant::from_unix(seconds))
}

/// A date without anything between its parts, with or without a time and its milliseconds: `20261120`, `20261120100000`. As
/// seconds or milliseconds since 1970 these digits would be long before there was anything to log.
fn compact(text: &str) -> Option<DateTime> {
    let is_date = matches!(text.len(), 8 | 12 | 14 | 17) && (text.starts_with("19") || text.starts_with("20"));
    if !is_date || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to).map_or(Ok(0), str::parse::<i16>).ok();
    let short = |from: usize, to: usize| part(from, to).and_then(|part| i8::try_from(part).ok());
    let nanos = i32::from(part(14, 17)?) * 1_000_000;
    DateTime::new(part(0, 4)?, short(4, 6)?, short(6, 8)?, short(8, 10)?, short(10, 12)?, short(12, 14)?, nanos).ok()
}

fn dated(text: &str) -> Option<Instant> {
    if let Some(civil) = compact(text) {
        return utc(civil);
    }
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let of = |seconds: i64| Some(Instant::from_unix(seconds));
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return of(zoned.timestamp().as_second());
    }
    let plain = ["UTC", "GMT", "Z"].iter().fold(text, |text, zone| text.strip_suffix(zone).unwrap_or(text).trim_end());
    if let Ok(civil) = plain.parse::<DateTime>() {
        return utc(civil);
    }
    let with_offset = WITH_OFFSET.iter().find_map(|form| strtime::parse(form, plain).ok()?.to_timestamp().ok());
    if let Some(moment) = with_offset {
        return of(moment.as_second());
    }
    let civil = SPELLINGS.iter().find_map(|form| {
        let parsed = strtime::parse(form, plain).ok()?;
        parsed.to_datetime().ok().or_else(|| Some(parsed.to_date().ok()?.at(0, 0, 0, 0)))
    });
    civil.or_else(|| with_slashes(plain)).and_then(utc)
}

fn utc(civil: DateTime) -> Option<Instant> {
    Some(Instant::from_unix(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()))
}

/// `11/20/2026` and `20/11/2026`, with or without a time: only one of both is a date. What may be either is none.
fn with_slashes(text: &str) -> Option<DateTime> {
    let read = |day_first: bool| {
        let date = if day_first { "%d/%m/%Y" } else { "%m/%d/%Y" };
        ["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", ", %I:%M:%S %p", ", %H:%M:%S"].iter().find_map(
            |time| {
                let parsed = strtime::parse(format!("{date}{time}"), text).ok()?;
                parsed.to_datetime().ok().or_else(|| Some(parsed.to_date().ok()?.at(0, 0, 0, 0)))
            },
        )
    };
    match (read(false), read(true)) {
        (Some(one), None) | (None, Some(one)) => Some(one),
        (Some(one), Some(other)) if one == other => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_logs_write_them() {
        // 1795168800 is 2026-11-20T10:00:00Z (`date -u -d @1795168800`).
        for text in [
            "1795168800",
            "1795168800.123",
            "1795168800000",
            "1795168800000000",
            "1795168800000000000",
            "2026-11-20T10:00:00Z",
            "2026-11-20T10:00:00.999Z",
            "2026-11-20T18:00:00+08:00",
            "2026-11-20 10:00:00",
            "2026-11-20 10:00:00.123456",
            "2026-11-20T10:00:00",
            "2026-11-20 10:00:00+00:00",
            "2026-11-20 10:00:00 UTC",
            "Fri, 20 Nov 2026 10:00:00 GMT",
            "2026-11-20T10:00:00+0000",
            "2026-11-20 10:00:00 +0000 UTC",
            "2026-11-20 10:00",
            "2026-11-20T10:00Z",
            "2026/11/20 10:00:00",
            "20.11.2026 10:00:00",
            "11/20/2026 10:00:00",
            "20/11/2026 10:00",
            "11/20/2026, 10:00:00 AM",
            "Nov 20, 2026, 10:00 AM",
            "Nov 20, 2026 10:00:00",
            "20 Nov 2026 10:00:00",
            "20/Nov/2026:10:00:00 +0000",
            "20261120T100000",
            "20261120100000",
            "202611201000",
            "20261120100000123",
            "1.7951688e9",
            "1.7951688E+09",
            "1.7951688005e9",
            "1.7951688e12",
        ] {
            assert_eq!(moment_in(text).map(Instant::unix), Some(1_795_168_800), "{text}");
        }
        assert_eq!(moment_in("2026-11-20").unwrap().to_string(), "2026-11-20");
        for day in ["20261120", "2026/11/20", "11/20/2026", "20.11.2026", "Nov 20, 2026", "20 November 2026"] {
            assert_eq!(moment_in(day).map(|at| at.to_string()).as_deref(), Some("2026-11-20"), "{day}");
        }
        // Nothing, a year alone, a zero that says nothing, and a date that could be one of April or one of March.
        for nothing in [
            "soon",
            "",
            "0",
            "0.0",
            "1970-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "03/04/2026",
            "2026",
            "2026.0",
            "2.026e3",
            "20261320",
            "e",
            "1e",
            "1e99",
        ] {
            assert_eq!(moment_in(nothing), None, "{nothing}");
        }
    }
}
