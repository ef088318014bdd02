//! Which days have calls, and how many: [`Calendar`] and the [`Month`]s of a horizon.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// A calendar month, `2026-12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Month { year: day.year(), month: day.month() }
    }

    /// Its first day.
    #[must_use]
    pub(crate) fn first(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::MIN)
    }

    /// The month after; the last month of the calendar, 9999-12, is followed by itself.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        match self.month {
            12 if self.year >= Date::MAX.year() => self,
            12 => Month { year: self.year + 1, month: 1 },
            month => Month { year: self.year, month: month + 1 },
        }
    }

    /// How many months lie between the two, never below zero.
    #[must_use]
    pub fn since(self, earlier: Month) -> u32 {
        let number = |m: Month| i32::from(m.year) * 12 + i32::from(m.month);
        u32::try_from(number(self) - number(earlier)).unwrap_or(0)
    }

    /// Its days, in order.
    pub(crate) fn days(self) -> impl Iterator<Item = Date> {
        let last = self.first().last_of_month();
        std::iter::successors(Some(self.first()), |day| day.tomorrow().ok()).take_while(move |day| *day <= last)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:04}-{:02}", self.year, self.month))
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The days from one up to, and not including, another.
pub(crate) fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(from), |day| day.tomorrow().ok()).take_while(move |day| *day < to)
}

/// Every month that has a day in the span, in order.
#[must_use]
pub fn months(start: Date, end: Date) -> Vec<Month> {
    let first = Month::of(start);
    let later = |month: &Month| Some(month.next()).filter(|next| next > month);
    std::iter::successors(Some(first), later).take_while(|month| month.first() < end).collect()
}

/// The day that many months later, or the last day of the calendar.
#[must_use]
pub(crate) fn months_after(day: Date, months: u32) -> Date {
    day.checked_add(i64::from(months).months()).unwrap_or(Date::MAX)
}

/// A span of days with more calls than usual, or fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// What it is.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day, included.
    pub to: Date,
    /// How many times the usual calls.
    pub factor: Decimal,
}

/// Which days have calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// How many times the usual calls the days of the week have, Monday first; 0 for none.
    pub weekdays: [Decimal; 7],
    /// Moments of a day that calls are at, in minutes from the UTC midnight, each with its share; none for one moment a day.
    pub hours: Vec<(i32, Decimal)>,
    /// The only days with calls, where there are any here.
    pub only: Vec<Date>,
    /// Days without calls: first and last, both included.
    pub holidays: Vec<(Date, Date)>,
    /// Days with more calls, or fewer.
    pub busy: Vec<Busy>,
    /// First day with calls.
    pub start: Date,
    /// First day without again.
    pub end: Date,
}

impl Calendar {
    /// Every day of a span.
    #[must_use]
    pub fn every_day(start: Date, end: Date) -> Self {
        let weekdays = [Decimal::ONE; 7];
        Calendar { weekdays, hours: Vec::new(), only: Vec::new(), holidays: Vec::new(), busy: Vec::new(), start, end }
    }

    /// How many usual days a week has.
    #[must_use]
    pub(crate) fn days_a_week(&self) -> Decimal {
        self.weekdays.iter().sum()
    }

    /// How many times the usual calls a day has by its weekday, whatever else speaks against the day.
    #[must_use]
    pub(crate) fn of_weekday(&self, day: Date) -> Decimal {
        let index = day.weekday().to_monday_zero_offset();
        usize::try_from(index).ok().and_then(|i| self.weekdays.get(i)).copied().unwrap_or_default()
    }

    /// The moments of a day, in minutes from the UTC midnight, with their shares of its calls; `minute` where it has one.
    pub(crate) fn moments(&self, minute: u32) -> Vec<(i32, Decimal)> {
        if self.hours.is_empty() {
            return vec![(i32::try_from(minute).unwrap_or(0), Decimal::ONE)];
        }
        self.hours.clone()
    }

    /// How many times the usual calls a day has: 0 on a day without, the product of the factors on busy ones.
    ///
    /// # Examples
    /// ```
    /// use farebox::calculator::calendar::Calendar;
    /// use rust_decimal::Decimal;
    /// let (start, end) = ("2026-12-01".parse().unwrap(), "2027-01-01".parse().unwrap());
    /// let mut calendar = Calendar::every_day(start, end);
    /// calendar.holidays.push(("2026-12-24".parse().unwrap(), "2026-12-26".parse().unwrap()));
    /// assert_eq!(calendar.factor("2026-12-23".parse().unwrap()), Decimal::ONE);
    /// assert_eq!(calendar.factor("2026-12-25".parse().unwrap()), Decimal::ZERO);
    /// assert_eq!(calendar.factor("2027-01-01".parse().unwrap()), Decimal::ZERO);
    /// ```
    #[must_use]
    pub fn factor(&self, day: Date) -> Decimal {
        let within = self.start <= day && day < self.end;
        let is_holiday = self.holidays.iter().any(|(from, to)| *from <= day && day <= *to);
        if !within || is_holiday || !(self.only.is_empty() || self.only.contains(&day)) {
            return Decimal::ZERO;
        }
        let busy = self.busy.iter().filter(|b| b.from <= day && day <= b.to);
        busy.fold(self.of_weekday(day), |product, b| product.saturating_mul(b.factor))
    }
}

/// Reads `mon-fri`, or a list such as `mon, wed`.
#[must_use]
pub(crate) fn weekdays(text: &str) -> Option<[bool; 7]> {
    let mut on = [false; 7];
    for part in text.split([',', ' ']).map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        let mut day = first;
        loop {
            on[day] = true;
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    on.contains(&true).then_some(on)
}

fn weekday(name: &str) -> Option<usize> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let name = name.trim().to_lowercase();
    (name.len() >= 3).then(|| DAYS.iter().position(|day| day.starts_with(&name)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn weekdays_are_ranges_and_lists() {
        let cases = [
            ("mon-fri", Some([true, true, true, true, true, false, false])),
            ("sat-mon", Some([true, false, false, false, false, true, true])),
            ("tue, thursday", Some([false, true, false, true, false, false, false])),
            ("", None),
            ("m", None),
            ("monfri", None),
        ];
        for (text, want) in cases {
            assert_eq!(weekdays(text), want, "{text}");
        }
    }

    #[test]
    fn months_of_a_horizon_begin_and_end_in_the_middle() {
        let names: Vec<String> = months(day("2026-11-15"), day("2027-02-01")).iter().map(Month::to_string).collect();
        assert_eq!(names, ["2026-11", "2026-12", "2027-01"]);
        assert_eq!(months_after(day("2026-12-01"), 3), day("2027-03-01"));
        assert_eq!(Month::of(day("2027-02-14")).days().count(), 28);
        assert_eq!(Month::of(day("2027-02-14")).since(Month::of(day("2026-11-15"))), 3);
    }

    #[test]
    fn the_calendar_ends() {
        let names: Vec<String> = months(day("9999-10-20"), Date::MAX).iter().map(Month::to_string).collect();
        assert_eq!(names, ["9999-10", "9999-11", "9999-12"]);
        assert_eq!(Month::of(Date::MAX).days().count(), 31);
        assert_eq!(Month::of(Date::MAX).next(), Month::of(Date::MAX));
    }
}
