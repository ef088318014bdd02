//! Days of the week and hours of the day, as calendars write them.

use rust_decimal::Decimal;

use super::quantity::Quantity;
use super::raw::{RawCalendar, RawHours, RawWeekdays};
use super::reader::WorkloadReader;
use crate::calculator::calendar;
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;

/// Minutes between two moments that prices are looked up at: prices by the hour begin and end on half hours.
const STEP: u32 = 30;
/// Minutes of a day.
const DAY: u32 = 24 * 60;

impl WorkloadReader<'_> {
    /// How many times the usual calls each day of the week has.
    pub(super) fn weekdays(&mut self, raw: &At<RawWeekdays>) -> Option<[Decimal; 7]> {
        let mut factors = [Decimal::ZERO; 7];
        let mut set = |on: [bool; 7], factor: Decimal| {
            factors.iter_mut().zip(on).filter(|(_, on)| *on).for_each(|(own, _)| *own = factor);
        };
        match &raw.value {
            RawWeekdays::Text(text) => set(self.named_days(text, raw.place)?, Decimal::ONE),
            RawWeekdays::List(list) => {
                for word in list {
                    set(self.named_days(&word.value, word.place)?, Decimal::ONE);
                }
            }
            RawWeekdays::Factors(pairs) => {
                for (word, factor) in pairs {
                    let on = self.named_days(&word.value, word.place)?;
                    self.no_range(factor, "the factor of a weekday");
                    set(on, self.multiple(factor).expected);
                }
            }
        }
        if factors.iter().all(Decimal::is_zero) {
            self.object("weekdays", raw.place, "no day of the week has calls", "write mon-fri, or [mon, wed]");
            return None;
        }
        Some(factors)
    }

    fn named_days(&mut self, text: &str, place: Place) -> Option<[bool; 7]> {
        let on = calendar::weekdays(text);
        if on.is_none() {
            let message = format!("{text:?} is not a day of the week");
            self.object("weekdays", place, message, "write mon-fri, [mon, wed], or {mon-fri: 1, sat-sun: 20%}");
        }
        on
    }

    /// The moments of a day with their shares of its calls; none where the file names no hours.
    pub(super) fn hours(&mut self, about: &str, raw: &RawCalendar) -> Vec<(i32, Decimal)> {
        let Some(hours) = &raw.hours else {
            if let Some(zone) = &raw.timezone {
                self.warn(
                    "no-effect",
                    zone.place,
                    "a time zone without hours changes nothing",
                    "write hours: 8-18 next to it",
                );
            }
            return Vec::new();
        };
        let offset = match &raw.timezone {
            Some(zone) => self.offset(&zone.value.0, zone.place).unwrap_or(0),
            None => {
                self.assume(about, "timezone", "UTC", "none given; write timezone: +01:00 for yours");
                0
            }
        };
        // Shares in halves of an hour, in the order of the day.
        let slots = match &hours.value {
            RawHours::Text(text) => self.slots(text, hours.place).map(|slots| even(&slots)),
            RawHours::List(list) => {
                let all: Option<Vec<Vec<u32>>> = list.iter().map(|word| self.slots(&word.value, word.place)).collect();
                all.map(|all| even(&all.concat()))
            }
            RawHours::Shares(pairs) => self.shares(pairs, hours.place),
        };
        let mut moments: Vec<(i32, Decimal)> = Vec::new();
        for (minute, share) in slots.unwrap_or_default() {
            let minute = i32::try_from(minute).unwrap_or(0) - offset;
            match moments.iter_mut().find(|(same, _)| *same == minute) {
                Some((_, sum)) => *sum += share,
                None => moments.push((minute, share)),
            }
        }
        moments
    }

    fn shares(&mut self, pairs: &[(At<String>, At<Quantity>)], place: Place) -> Option<Vec<(u32, Decimal)>> {
        let (mut all, mut sum) = (Vec::new(), Decimal::ZERO);
        for (word, share) in pairs {
            self.no_range(share, "the share of an hour");
            let share = self.part(share).expected;
            sum += share;
            let slots = self.slots(&word.value, word.place)?;
            all.extend(even(&slots).into_iter().map(|(minute, part)| (minute, part * share)));
        }
        if sum != Decimal::ONE {
            let percent = (sum * Decimal::ONE_HUNDRED).normalize();
            self.object(
                "hours",
                place,
                format!("the shares of the hours add up to {percent}%"),
                "write {8-18: 90%, 18-22: 10%}",
            );
            return None;
        }
        Some(all)
    }

    /// The half hours of `8-18`, `08:30-12:00` or `22-6`, each by its first minute.
    fn slots(&mut self, text: &str, place: Place) -> Option<Vec<u32>> {
        let ends = text.split_once(['-', '–']).and_then(|(from, to)| Some((minute_of(from)?, minute_of(to)?)));
        let Some((from, to)) = ends.filter(|(from, to)| from != to && from % STEP == 0 && to % STEP == 0) else {
            let message = format!("{text:?} is not a span of hours");
            self.object("hours", place, message, "write 8-18 or 08:30-12:00, in halves of an hour");
            return None;
        };
        let length = (to + DAY - from) % DAY;
        let length = if length == 0 { DAY } else { length };
        Some((0..length / STEP).map(|i| (from + i * STEP) % DAY).collect())
    }

    /// Minutes that a time zone is ahead of UTC.
    fn offset(&mut self, text: &str, place: Place) -> Option<i32> {
        let text = text.trim().trim_start_matches("UTC").trim_start_matches("utc");
        let (sign, rest) = match text.strip_prefix(['-', '−']) {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let minutes = if rest.is_empty() { Some(0) } else { minute_of(rest) };
        match minutes.and_then(|m| i32::try_from(m).ok()).filter(|m| *m <= 14 * 60) {
            Some(minutes) => Some(sign * minutes),
            None => {
                let message = format!("{text:?} is not an offset from UTC");
                self.object("timezone", place, message, "write timezone: +01:00; names of zones depend on the machine");
                None
            }
        }
    }
}

/// Equal shares.
fn even(slots: &[u32]) -> Vec<(u32, Decimal)> {
    let n = Decimal::from(slots.len() as u64);
    let share = Decimal::ONE.checked_div(n).unwrap_or_default();
    // What a share without an end loses goes to the last one, so that they add up to the whole.
    let share = share.round_dp(15);
    let last = slots.len().saturating_sub(1);
    let rest = Decimal::ONE - share * Decimal::from(last as u64);
    slots.iter().enumerate().map(|(i, minute)| (*minute, if i == last { rest } else { share })).collect()
}

/// The minute of `8`, `08:30` or `24`.
fn minute_of(text: &str) -> Option<u32> {
    let text = text.trim();
    let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
    let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
    (hour < 24 && minute < 60 || hour == 24 && minute == 0).then_some(hour * 60 + minute)
}
