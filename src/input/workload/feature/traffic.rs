//! How often a feature runs, from when on, and what of it is free.

use rust_decimal::Decimal;

use super::FeatureReader;
use crate::calculator::workload::{Calls, Free, Growth, Per};
use crate::input::workload::raw::{RawCalls, RawFeature, RawFree, RawGrowth, RawUsers};
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;
use crate::range::Range;

impl FeatureReader<'_, '_> {
    pub(super) fn calls(&mut self, raw: &RawFeature) -> Option<Calls> {
        match &raw.calls {
            None => {
                self.object(
                    "calls",
                    format!("{} does not say how often it runs", self.name),
                    "write calls: 400 per day, or {users: 120, sessions: 3 per week}",
                );
                None
            }
            Some(At { value: RawCalls::Rate(rate), place }) => {
                let per = self.per(&rate.unit, *place)?;
                self.no_calls(rate.range, *place);
                Some(Calls { rate: rate.range, per, users: None })
            }
            Some(At { value: RawCalls::Users(users), place }) => self.users(users, *place),
        }
    }

    pub(super) fn users(&mut self, raw: &RawUsers, place: Place) -> Option<Calls> {
        let (Some(users), Some(sessions)) = (&raw.users, &raw.sessions) else {
            self.reader.object(
                "calls",
                place,
                "users and sessions belong together",
                "write {users: 120, sessions: 3 per week}",
            );
            return None;
        };
        let per = self.per(&sessions.value.unit, sessions.place)?;
        let users = self.reader.plain(users)?;
        let each = sessions.value.range;
        let product = |a: Decimal, b: Decimal| a.saturating_mul(b);
        let rate = Range {
            low: product(users.low, each.low),
            expected: product(users.expected, each.expected),
            high: product(users.high, each.high),
        };
        self.no_calls(rate, place);
        Some(Calls { rate, per, users: Some(users) })
    }

    pub(super) fn no_calls(&mut self, rate: Range<Decimal>, place: Place) {
        if rate.high.is_zero() {
            let message = format!("{} makes no calls", self.name);
            self.reader.warn(
                "no-calls",
                place,
                message,
                "it costs nothing but what is fixed, and has no cost per call",
            );
        }
    }

    pub(super) fn per(&mut self, unit: &str, place: Place) -> Option<Per> {
        let word = unit.trim_start_matches("calls ").trim_start_matches("requests ").trim_start_matches("tokens ");
        match word.trim_start_matches("per ").trim_start_matches("a ").trim_start_matches('/') {
            "day" => Some(Per::Day),
            "week" => Some(Per::Week),
            "month" => Some(Per::Month),
            _ => {
                let message = if unit.is_empty() {
                    "a number of calls without its time".into()
                } else {
                    format!("{unit:?} is no time")
                };
                self.reader.object("calls", place, message, "write 400 per day, per week or per month");
                None
            }
        }
    }

    pub(super) fn growth(&mut self, raw: &RawFeature) -> Growth {
        match &raw.growth {
            None => {
                self.assume("growth", "0%", "none given");
                Growth::Monthly(Range::default())
            }
            Some(At { value: RawGrowth::Monthly(q), place }) => {
                Growth::Monthly(self.reader.share(&At { value: q.clone(), place: *place }))
            }
            Some(At { value: RawGrowth::Steps(steps), .. }) => {
                let mut factors = Vec::new();
                for (month, factor) in steps {
                    let day = self.reader.day(month);
                    self.reader.no_range(factor, "a factor by month");
                    factors.extend(day.zip(self.reader.plain(factor)).map(|(day, f)| (day, f.expected)));
                }
                factors.sort_by_key(|(day, _)| *day);
                Growth::Steps(factors)
            }
        }
    }

    pub(super) fn minute(&mut self, raw: &RawFeature) -> u32 {
        let Some(time) = &raw.time else { return 12 * 60 };
        let parts = time.value.split_once(':');
        let minute = parts.and_then(|(h, m)| Some((h.parse::<u32>().ok()?, m.parse::<u32>().ok()?)));
        match minute.filter(|(h, m)| *h < 24 && *m < 60) {
            Some((h, m)) => h * 60 + m,
            None => {
                self.reader.object(
                    "time",
                    time.place,
                    format!("{:?} is no time of the day", time.value),
                    "write \"02:00\" (UTC)",
                );
                0
            }
        }
    }

    pub(super) fn free(&mut self, raw: &RawFree) -> Option<Free> {
        let (quantity, is_tokens) = match (&raw.requests, &raw.tokens) {
            (Some(requests), None) => (requests, false),
            (None, Some(tokens)) => (tokens, true),
            _ => {
                self.object(
                    "free",
                    format!("what is free for {} is either requests or tokens", self.name),
                    "write free: {requests: 1500 per day}",
                );
                return None;
            }
        };
        let per = self.per(&quantity.value.unit, quantity.place)?;
        self.reader.no_range(quantity, "what is free");
        if per == Per::Week {
            self.reader.object("free", quantity.place, "a free quantity is per day or per month", "");
        }
        Some(Free { quantity: quantity.value.range.expected, per, is_tokens })
    }
}
