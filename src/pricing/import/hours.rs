//! Times of the week as minutes in UTC, so that two ways to write the same hours compare as equal: [`Week`].
//!
//! One database calls the price by day the normal one and lists the night; the next does it the other way round.
//! [`settle`] makes the price of most minutes the normal one, whichever way it was written.

use std::fmt;

use rust_decimal::Decimal;

use crate::pricing::card::Schedule;

const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

/// Minutes of the week in UTC, Monday first: ranges that are sorted and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Week(Vec<(u16, u16)>);

/// Windows of the day, with the weekdays they hold on.
pub(in crate::pricing) type DayWindows = (Vec<(u16, u16)>, [bool; 7]);

impl Week {
    /// Windows (minutes from, and up to) on some days; one that ends before it begins passes midnight and belongs to
    /// the day it began on, one that ends where it begins is a whole day.
    pub fn new(windows: &[(u16, u16)], days: [bool; 7]) -> Self {
        let mut ranges = Vec::new();
        for day in (0..7).filter(|day| days[usize::from(*day)]) {
            for &(from, to) in windows {
                let length = if to > from { to - from } else { to + DAY - from };
                ranges.extend(wrapped(day * DAY + from, length));
            }
        }
        Week(joined(ranges))
    }

    /// The hours of a schedule on the table, without the holidays that it leaves out.
    pub fn of(schedule: &Schedule) -> Self {
        let Week(local) = Week::new(&schedule.windows, schedule.weekdays);
        let east = schedule.zone_minutes;
        let shifted = |minute: u16| u16::try_from((i32::from(minute) - east).rem_euclid(i32::from(WEEK))).unwrap_or(0);
        Week(joined(local.into_iter().flat_map(|(from, to)| wrapped(shifted(from), to - from)).collect()))
    }

    /// How many minutes of the week.
    pub(crate) fn minutes(&self) -> u16 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// These minutes and those.
    #[must_use]
    pub fn and(&self, other: &Week) -> Week {
        Week(joined(self.0.iter().chain(&other.0).copied().collect()))
    }

    /// Every other minute.
    #[must_use]
    pub(crate) fn rest(&self) -> Week {
        let mut rest = Vec::new();
        let mut end = 0;
        for &(from, to) in &self.0 {
            rest.push((end, from));
            end = to;
        }
        rest.push((end, WEEK));
        Week(joined(rest))
    }

    /// Windows of the day with their weekdays, days of the same windows together.
    pub(in crate::pricing) fn by_days(&self) -> Vec<DayWindows> {
        let mut groups: Vec<DayWindows> = Vec::new();
        for day in 0..7_u16 {
            let (start, end) = (day * DAY, (day + 1) * DAY);
            let inside = self.0.iter().filter(|(from, to)| *from < end && *to > start);
            let windows: Vec<_> = inside.map(|(from, to)| (from.max(&start) - start, to.min(&end) - start)).collect();
            if windows.is_empty() {
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == windows) {
                Some((_, days)) => days[usize::from(day)] = true,
                None => groups.push((windows, std::array::from_fn(|d| d == usize::from(day)))),
            }
        }
        groups
    }
}

/// A stretch of minutes that may pass the end of the week.
fn wrapped(from: u16, length: u16) -> Vec<(u16, u16)> {
    match from + length {
        to if to > WEEK => vec![(from, WEEK), (0, to - WEEK)],
        to => vec![(from, to)],
    }
}

fn joined(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.retain(|(from, to)| from < to);
    ranges.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if *end >= from => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// `01:00-04:00, 06:00-10:00 UTC mon-fri`.
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |(windows, days): &DayWindows| {
            let windows: Vec<String> = windows.iter().map(|w| window_text(*w)).collect();
            let days = days_text(*days).map(|days| format!(" {days}")).unwrap_or_default();
            format!("{} UTC{days}", windows.join(", "))
        };
        let groups: Vec<String> = self.by_days().iter().map(group).collect();
        f.write_str(&groups.join("; "))
    }
}

/// `16:30-24:00`.
pub(in crate::pricing) fn window_text((from, to): (u16, u16)) -> String {
    format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
}

/// `mon-fri`, or `sat, sun`; nothing where it is every day.
pub(super) fn days_text(days: [bool; 7]) -> Option<String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    if days == [true; 7] {
        return None;
    }
    if days == [true, true, true, true, true, false, false] {
        return Some("mon-fri".to_owned());
    }
    Some(NAMES.iter().zip(days).filter(|(_, on)| *on).map(|(name, _)| *name).collect::<Vec<_>>().join(", "))
}

/// Makes the price of most minutes of the week the normal one; what is left has its hours.
///
/// `normal` holds whenever none of `hours` does. The normal one stays where two hold equally long.
pub(super) fn settle(normal: Decimal, hours: &[(Week, Decimal)]) -> (Decimal, Vec<(Week, Decimal)>) {
    let mut prices: Vec<(Week, Decimal)> = Vec::new();
    let named = hours.iter().fold(Week::default(), |all, (week, _)| all.and(week));
    for (week, price) in std::iter::once(&(named.rest(), normal)).chain(hours) {
        match prices.iter_mut().find(|(_, known)| known == price) {
            Some((known, _)) => *known = known.and(week),
            None => prices.push((week.clone(), *price)),
        }
    }
    let mut most = 0;
    for i in 1..prices.len() {
        if prices[i].0.minutes() > prices[most].0.minutes() {
            most = i;
        }
    }
    let (_, normal) = prices.remove(most);
    prices.retain(|(week, _)| week.minutes() > 0);
    (normal, prices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];
    const WEEKEND: [bool; 7] = [false, false, false, false, false, true, true];

    #[test]
    fn the_night_and_the_day_are_two_ways_to_say_the_same() {
        // DeepSeek, September 2026: LiteLLM lists the hours off peak, genai-prices those of the peak.
        let off = Week::new(&[(0, 60), (240, 360), (600, 0)], WORKDAYS).and(&Week::new(&[(0, 0)], WEEKEND));
        let peak = Week::new(&[(60, 240), (360, 600)], WORKDAYS);
        assert_eq!(off.rest(), peak);
        assert_eq!(peak.to_string(), "01:00-04:00, 06:00-10:00 UTC mon-fri");
        let want = (dec!(0.15), vec![(peak.clone(), dec!(0.3))]);
        assert_eq!(settle(dec!(0.3), &[(off, dec!(0.15))]), want);
        assert_eq!(settle(dec!(0.15), &[(peak, dec!(0.3))]), want);
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_it_began_on() {
        let sunday = Week::new(&[(990, 30)], [false, false, false, false, false, false, true]);
        assert_eq!(sunday.0, [(0, 30), (6 * DAY + 990, WEEK)]);
        assert_eq!(sunday.to_string(), "00:00-00:30 UTC mon; 16:30-24:00 UTC sun");
        assert_eq!(Week::new(&[(990, 30)], [true; 7]).to_string(), "00:00-00:30, 16:30-24:00 UTC");
    }

    #[test]
    fn a_price_that_changes_nothing_has_no_hours() {
        let night = Week::new(&[(0, 360)], [true; 7]);
        assert_eq!(settle(dec!(1), &[(night, dec!(1))]), (dec!(1), vec![]));
    }

    #[test]
    fn the_rest_of_nothing_is_the_week() {
        assert_eq!(Week::default().rest().minutes(), WEEK);
        assert_eq!(Week::default().rest().rest(), Week::default());
    }
}
