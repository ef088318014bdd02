//! Judges the hours at which rates are other ones.

use super::conditions::Base;
use super::{Checker, digits};
use crate::card::Schedule;
use crate::money::Exact;
use crate::period::Period;
use crate::problem::Place;
use crate::yaml::{Quoted, RawSchedule};

impl Checker<'_> {
    pub(super) fn schedule(&mut self, raw: &RawSchedule, base: &Base, within: Period) -> Schedule {
        let zone = &raw.zone;
        let zone_minutes = zone_minutes(&zone.value).unwrap_or_else(|| {
            self.error(
                "bad-zone",
                zone.place,
                format!("{:?} is no zone", zone.value),
                "write UTC or an offset such as +08:00",
            );
            0
        });
        let windows = raw.windows.iter().filter_map(|w| {
            let window = window(&w.value);
            if window.is_none() {
                self.error("bad-window", w.place, format!("{:?} is no time of day", w.value), "write \"16:30-00:30\"");
            }
            window
        });
        let windows: Vec<(u16, u16)> = windows.collect();
        if raw.windows.is_empty() {
            self.error(
                "bad-window",
                zone.place,
                "a schedule without a window".into(),
                "write windows: [\"16:30-00:30\"]",
            );
        }
        let weekdays = raw.weekdays.as_ref().map_or(Some([true; 7]), |w| weekdays(&w.value)).unwrap_or_else(|| {
            let text = raw.weekdays.as_ref().map_or("", |w| w.value.as_str());
            let at = raw.weekdays.as_ref().map_or(Place::default(), |w| w.place);
            self.error("bad-weekdays", at, format!("{text:?} names no days"), "write mon-fri, or sat, sun");
            [false; 7]
        });
        let except = raw.except.as_ref().map_or_else(Vec::new, |name| {
            self.shared.calendars.get(&name.value).cloned().unwrap_or_else(|| {
                self.error(
                    "unknown-calendar",
                    name.place,
                    format!("no calendar is called {:?}", name.value),
                    "add it to `calendars` in the head",
                );
                Vec::new()
            })
        });
        let rates = self.schedule_rates(raw, base, within);
        if raw.factor.is_some() != rates.is_empty() {
            self.error(
                "bad-schedule",
                zone.place,
                "a schedule has either a `factor` or `rates`".into(),
                "write one of the two",
            );
        }
        Schedule {
            windows,
            zone_minutes,
            weekdays,
            except,
            period: self.period(raw.from.as_ref(), raw.to.as_ref()),
            factor: raw.factor.map(|Quoted(f)| Exact(f)),
            meters: raw.meters.iter().filter_map(|m| self.meter(m)).collect(),
            rates,
        }
    }
}

fn zone_minutes(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("utc") || text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let minutes = clock(rest)?;
    (minutes <= 14 * 60).then(|| sign * i32::from(minutes))
}

fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |text: &str| digits(text).filter(|_| text.len() == 2);
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    let total = hours * 60 + minutes;
    u16::try_from(total).ok().filter(|_| minutes < 60 && total <= 24 * 60)
}

fn window(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    Some((clock(from)?, clock(to)?)).filter(|(from, to)| from != to)
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |name: &str| NAMES.iter().position(|n| name.trim().eq_ignore_ascii_case(n));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (day(from)?, day(to)?);
        let mut at = from;
        loop {
            days[at] = true;
            if at == to {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Some(days)
}
