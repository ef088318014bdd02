//! Days to remember as an iCalendar file (RFC 5545): [`calendar`].
//!
//! The same events give the same bytes: nothing is read from a clock, and an event keeps its identity from one file to the
//! next, so that a calendar that subscribes to the file moves an event instead of doubling it.

use std::fmt::Write as _;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::period::Instant;

/// Something that happens on a day, or at a moment of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarEvent {
    /// What tells the event from every other one, whatever is said of it.
    pub key: String,
    /// When.
    pub at: Instant,
    /// One line.
    pub summary: String,
    /// What else there is to know; lines are kept.
    pub description: String,
    /// Where it was read.
    pub url: Option<String>,
}

/// The longest line in octets, the end of the line not counted.
const LONGEST: usize = 75;

/// A calendar of these events; `made` is when what it says was known.
#[must_use]
pub fn calendar(events: &[CalendarEvent], made: Instant) -> String {
    let mut out = String::new();
    let head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//farebox//prices watch//EN", "CALSCALE:GREGORIAN"];
    head.iter().for_each(|content| line(&mut out, content));
    events.iter().for_each(|event| write_event(&mut out, event, made));
    line(&mut out, "END:VCALENDAR");
    out
}

fn write_event(out: &mut String, event: &CalendarEvent, made: Instant) {
    line(out, "BEGIN:VEVENT");
    line(out, &format!("UID:{}", uid(&event.key)));
    line(out, &format!("DTSTAMP:{}", moment(made)));
    match whole_day(event.at) {
        Some(day) => {
            line(out, &format!("DTSTART;VALUE=DATE:{}", day.strftime("%Y%m%d")));
            let next = day.tomorrow().unwrap_or(day);
            line(out, &format!("DTEND;VALUE=DATE:{}", next.strftime("%Y%m%d")));
        }
        None => line(out, &format!("DTSTART:{}", moment(event.at))),
    }
    line(out, &format!("SUMMARY:{}", escaped(&event.summary)));
    if !event.description.is_empty() {
        line(out, &format!("DESCRIPTION:{}", escaped(&event.description)));
    }
    if let Some(url) = &event.url {
        line(out, &format!("URL:{}", url.replace(char::is_control, "")));
    }
    line(out, "TRANSP:TRANSPARENT");
    line(out, "END:VEVENT");
}

/// An identity that depends on the key alone.
fn uid(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    let mut id = String::new();
    for byte in hash.iter().take(16) {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    format!("{id}@prices.farebox")
}

/// The day of a moment that is its first one.
fn whole_day(at: Instant) -> Option<Date> {
    let (day, minute) = at.at_offset(0);
    (minute == 0 && at.unix().rem_euclid(86_400) == 0).then_some(day)
}

fn moment(at: Instant) -> String {
    let moment = jiff::Timestamp::from_second(at.unix()).unwrap_or_default();
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of text: backslashes, commas, semicolons and ends of lines are written as two characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ',' | ';' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// One line of content, folded where it is too long: what goes on begins with a space.
fn line(out: &mut String, content: &str) {
    let mut length = 0;
    for c in content.chars() {
        if length + c.len_utf8() > LONGEST {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(summary: &str, at: &str) -> CalendarEvent {
        CalendarEvent {
            key: "openai/gpt-4o price 2027-01-01".into(),
            at: at.parse().unwrap(),
            summary: summary.into(),
            description: String::new(),
            url: None,
        }
    }

    fn of(event: CalendarEvent) -> String {
        calendar(&[event], "2026-11-22".parse().unwrap())
    }

    #[test]
    fn a_day_is_a_day_and_a_moment_is_a_moment() {
        let day = of(event("x", "2027-01-31"));
        assert!(day.contains("DTSTART;VALUE=DATE:20270131\r\nDTEND;VALUE=DATE:20270201\r\n"), "{day}");
        assert!(day.contains("DTSTAMP:20261122T000000Z\r\n"), "{day}");
        let moment = of(event("x", "2027-01-31T16:00:00Z"));
        assert!(moment.contains("DTSTART:20270131T160000Z\r\n") && !moment.contains("DTEND"), "{moment}");
    }

    #[test]
    fn lines_are_folded_between_letters_and_come_back() {
        let text = "é,;\\ über\n".repeat(40);
        let written = of(CalendarEvent { description: text.clone(), ..event(&text, "2027-01-31") });
        for line in written.split("\r\n") {
            assert!(line.len() <= 75 && !line.contains('\n'), "{line}");
        }
        let unfolded = written.replace("\r\n ", "");
        let summary = unfolded.lines().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap();
        let back = summary.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
        assert_eq!(back, text);
    }

    #[test]
    fn an_event_keeps_its_identity_whatever_is_said_of_it() {
        let uid = |event| of(event).lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
        assert_eq!(uid(event("one", "2027-01-31")), uid(event("two", "2027-02-01")));
        let other = CalendarEvent { key: "openai/gpt-4o price 2027-01-02".into(), ..event("one", "2027-01-31") };
        assert_ne!(uid(event("one", "2027-01-31")), uid(other));
    }
}
