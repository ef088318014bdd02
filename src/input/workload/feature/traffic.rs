//! How often a feature runs, from when on, and what of it is free.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::FeatureReader;
use crate::calculator::calendar::Calendar;
use crate::calculator::workload::{Calls, Follows, Free, Growth, Per};
use crate::input::workload::quantity::{MONTHLY, Quantity, Signed, YEARLY, without};
use crate::input::workload::raw::{RawCalls, RawFeature, RawFree, RawGrowth, RawPer, RawUsers};
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;
use crate::range::Range;
use crate::similar::did_you_mean;

impl FeatureReader<'_, '_> {
    /// How often it runs, and the feature that it follows; the calls of a follower are filled in when all are read.
    pub(super) fn calls(&mut self, raw: &RawFeature) -> Option<(Calls, Option<Follows>)> {
        if let Some(per) = &raw.per {
            if let Some(calls) = &raw.calls {
                let message = format!("{} has calls of its own and follows another feature", self.name);
                self.reader.object("contradiction", calls.place, message, "keep one of calls and per");
            }
            return self.follows(per).map(|follows| (FOLLOWER, Some(follows)));
        }
        let alone = |calls: Calls| (calls, None);
        match &raw.calls {
            None if raw.users.is_some() || self.reader.users.is_some() => {
                let (each, per) = self.sessions();
                let users = self.people(raw.users.as_ref(), self.place)?;
                Some(alone(self.by_users(users, each, per, self.place)))
            }
            None => {
                self.object(
                    "calls",
                    format!("{} does not say how often it runs", self.name),
                    "write calls: 400 per day, {users: 120, sessions: 3 per week}, or 20% of another feature",
                );
                None
            }
            Some(At { value: RawCalls::Rate(rate), place }) => self.rate(raw, rate, *place),
            Some(At { value: RawCalls::Users(users), place }) => self.users(raw, users, *place).map(alone),
        }
    }

    /// `400 per day`, `3 per user per week`, `20% of chat`, `500 once`.
    fn rate(&mut self, raw: &RawFeature, rate: &Quantity, place: Place) -> Option<(Calls, Option<Follows>)> {
        let unit = rate.unit.as_str();
        let each =
            ["per user per ", "a user per ", "per user a ", "/user/"].iter().find_map(|words| unit.strip_prefix(words));
        let each = each.or_else(|| unit.strip_suffix(" per user")).or_else(|| unit.strip_suffix(" each"));
        if let Some(time) = each {
            let per = self.per(time, place)?;
            let users = self.people(raw.users.as_ref(), place)?;
            return Some((self.by_users(users, rate.range, per, place), None));
        }
        if let Some(users) = &raw.users {
            let (n, time) = (rate.range, if unit.is_empty() { "per day" } else { unit });
            let message = format!("{n} {time} next to users: in all, or for each of them?");
            let help = format!("write calls: {n} per user {time}, or take users out");
            self.reader.object("contradiction", users.place, message, help);
            return None;
        }
        if ["once", "one time", "times once"].contains(&unit) {
            self.no_calls(rate.range, place);
            return Some((Calls { rate: rate.range, per: Per::Once, users: None }, None));
        }
        if let Some(feature) = self.followed(unit) {
            let share = match unit.starts_with('%') {
                true => rate.range.map(|n| n / Decimal::ONE_HUNDRED),
                false => rate.range,
            };
            let (feature, turns) = match feature.strip_suffix(" turns").or_else(|| feature.strip_suffix(" turn")) {
                Some(feature) => (feature, true),
                None => (feature, false),
            };
            let follows = Follows { feature: feature.to_owned(), share, turns };
            self.reader.followed.push((self.name.clone(), At { value: feature.to_owned(), place }));
            return Some((FOLLOWER, Some(follows)));
        }
        let per = self.per(unit, place)?;
        self.no_calls(rate.range, place);
        Some((Calls { rate: rate.range, per, users: None }, None))
    }

    /// The feature of `per chat` and `% of chat`; none where a time is meant.
    fn followed<'u>(&self, unit: &'u str) -> Option<&'u str> {
        let name = ["% of ", "% per ", "of ", "per ", "for each "].iter().find_map(|words| unit.strip_prefix(words))?;
        let name = name.trim();
        let bare = name.trim_end_matches(" turns").trim_end_matches(" turn");
        (self.reader.feature_names.iter().any(|known| known == bare) || unit.starts_with('%')).then_some(name)
    }

    fn follows(&mut self, raw: &RawPer) -> Option<Follows> {
        let Some(feature) = &raw.feature else {
            self.object(
                "per",
                format!("{} does not say what it follows", self.name),
                "write per: {feature: chat, share: 20%}",
            );
            return None;
        };
        let share = match &raw.share {
            Some(share) => self.reader.multiple(share),
            None => Range::exactly(Decimal::ONE),
        };
        let turns = match raw.of.as_ref().map(|word| (word.value.trim(), word.place)) {
            None | Some(("conversations" | "conversation" | "calls" | "call", _)) => false,
            Some(("turns" | "turn" | "answers" | "answer", _)) => true,
            Some((other, place)) => {
                let message = format!("{other:?} is not something that causes calls");
                self.reader.object("per", place, message, "write of: conversations, or of: turns");
                false
            }
        };
        self.reader.followed.push((self.name.clone(), feature.clone()));
        Some(Follows { feature: feature.value.clone(), share, turns })
    }

    /// Conversations of a user where nobody says how many: those of the plan, or a wide guess.
    fn sessions(&mut self) -> (Range<Decimal>, Per) {
        if let Some(sessions) = self.reader.sessions {
            return sessions;
        }
        let guess = Range { low: Decimal::ONE, expected: Decimal::from(3), high: Decimal::from(7) };
        self.assume(
            "calls",
            format!("{guess} per user per week"),
            "a wide guess for each user; write calls: 3 per user per week",
        );
        (guess, Per::Week)
    }

    /// The people of a feature, or else of the plan.
    fn people(&mut self, own: Option<&At<Quantity>>, place: Place) -> Option<Range<Decimal>> {
        if let Some(own) = own {
            return self.reader.plain_or(own, &["users", "people", "students"]);
        }
        let shared = self.reader.users;
        if shared.is_none() {
            let message = format!("{} has calls for each user, and nobody says how many users there are", self.name);
            self.reader.object("calls", place, message, "write users: 40 in the feature, or at the top of the file");
        }
        shared
    }

    pub(super) fn users(&mut self, feature: &RawFeature, raw: &RawUsers, place: Place) -> Option<Calls> {
        if let (Some(users), Some(_)) = (&feature.users, &raw.users) {
            let message = format!("{} says twice how many users it has", self.name);
            self.reader.object("contradiction", users.place, message, "keep one of the two");
        }
        let users = self.people(raw.users.as_ref().or(feature.users.as_ref()), place)?;
        let (each, per) = match &raw.sessions {
            Some(sessions) => (sessions.value.range, self.per(&sessions.value.unit, sessions.place)?),
            None => self.sessions(),
        };
        Some(self.by_users(users, each, per, place))
    }

    fn by_users(&mut self, users: Range<Decimal>, each: Range<Decimal>, per: Per, place: Place) -> Calls {
        let product = |a: Decimal, b: Decimal| a.saturating_mul(b);
        let rate = Range {
            low: product(users.low, each.low),
            expected: product(users.expected, each.expected),
            high: product(users.high, each.high),
        };
        self.no_calls(rate, place);
        Calls { rate, per, users: Some(users) }
    }

    /// The calendar of a job that runs once: its days alone.
    pub(super) fn job_days(&mut self, raw: &RawFeature, calls: Option<Calls>, mut calendar: Calendar) -> Calendar {
        let runs_once = calls.is_some_and(|calls| calls.per == Per::Once);
        if let (false, Some(on)) = (runs_once, raw.on.first()) {
            let message = format!("{} has days of a job, and calls that go on", self.name);
            self.reader.object("contradiction", on.place, message, "write calls: 500 once, or take `on` out");
        }
        if !runs_once {
            return calendar;
        }
        if let Some(growth) = &raw.growth {
            self.reader.object("contradiction", growth.place, "a job that runs once does not grow", "take growth out");
        }
        let days: Vec<(Date, Place)> =
            raw.on.iter().filter_map(|word| Some((self.reader.day(word)?, word.place))).collect();
        for (day, place) in &days {
            if *day < self.reader.start || *day >= self.reader.end {
                let message = format!("{} runs on {day}, outside of the plan", self.name);
                let help = format!(
                    "write a day from {} up to {}",
                    self.reader.start,
                    self.reader.end.yesterday().unwrap_or(*day)
                );
                self.reader.object("outside", *place, message, help);
            }
        }
        let mut only: Vec<Date> = days.into_iter().map(|(day, _)| day).collect();
        if raw.on.is_empty() {
            let all = crate::calculator::calendar::days(calendar.start, calendar.end);
            let first = all.into_iter().find(|day| !calendar.factor(*day).is_zero()).unwrap_or(calendar.start);
            self.assume("on", first, "the first day with calls");
            only.push(first);
        }
        only.sort_unstable();
        only.dedup();
        calendar = Calendar { hours: calendar.hours, only, ..Calendar::every_day(self.reader.start, self.reader.end) };
        calendar
    }

    pub(super) fn prompt_growth(&mut self, raw: &RawFeature) -> Range<Decimal> {
        raw.prompt_growth.as_ref().map_or_else(Range::default, |growth| self.steady(&growth.value.0, growth.place))
    }

    /// A growth by month; one by year is that of the twelfth root.
    fn steady(&mut self, q: &Quantity, place: Place) -> Range<Decimal> {
        let unit = q.unit.trim();
        let yearly = without(unit, YEARLY);
        let share = yearly.or_else(|| without(unit, MONTHLY)).unwrap_or(unit);
        let range = match share {
            "%" => q.range.map(|n| n / Decimal::ONE_HUNDRED),
            "" if q.range.high <= Decimal::ONE => q.range,
            other => {
                let message = format!("{other:?} is not a growth");
                self.reader.object("growth", place, message, "write 5% a month, -2% a month or 30% a year");
                return Range::default();
            }
        };
        if range.low <= -Decimal::ONE {
            self.reader.object(
                "growth",
                place,
                "a growth of -100% leaves nothing",
                "write -50% a month, or end the feature with calendar: {end: 2027-06-01}",
            );
            return Range::default();
        }
        if yearly.is_some() { range.map(|n| twelfth_root(Decimal::ONE + n) - Decimal::ONE) } else { range }
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

    fn per(&mut self, unit: &str, place: Place) -> Option<Per> {
        let word = unit.trim_start_matches("calls ").trim_start_matches("requests ").trim_start_matches("tokens ");
        match word.trim_start_matches("per ").trim_start_matches("a ").trim_start_matches('/') {
            "day" => Some(Per::Day),
            "week" => Some(Per::Week),
            "month" => Some(Per::Month),
            "hour" => {
                self.reader.object(
                    "calls",
                    place,
                    "calls are per day, week or month",
                    "write 24 times as many per day, or with calendar: {hours: 8-18} ten times as many",
                );
                None
            }
            "year" => {
                self.reader.object(
                    "calls",
                    place,
                    "calls are per day, week or month",
                    "write a twelfth of them per month",
                );
                None
            }
            _ => {
                let message = if unit.is_empty() {
                    "a number of calls without its time".into()
                } else {
                    format!("{unit:?} is neither a time nor a feature")
                };
                let names = self.reader.feature_names.clone();
                let near = did_you_mean(unit.rsplit(' ').next().unwrap_or(unit), names.iter().map(String::as_str));
                self.reader.object(
                    "calls",
                    place,
                    message,
                    format!("{near}write 400 per day, per week or per month, or 500 once"),
                );
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
            Some(At { value: RawGrowth::Steady(q), place }) => Growth::Monthly(self.steady(q, *place)),
            Some(At { value: RawGrowth::Steps(steps), .. }) => {
                let mut factors = Vec::new();
                for (month, At { value: Signed(factor), place }) in steps {
                    let day = self.reader.day(month);
                    let factor = At { value: factor.clone(), place: *place };
                    if factor.value.range.low < Decimal::ZERO {
                        self.reader.object(
                            "growth",
                            *place,
                            "a factor is zero or more",
                            "write {2027-01: 0.8} for 80% of the calls",
                        );
                    }
                    self.reader.no_range(&factor, "a factor by month");
                    let share = if factor.value.unit == "%" {
                        Some(self.reader.multiple(&factor))
                    } else {
                        self.reader.plain(&factor)
                    };
                    factors.extend(day.zip(share).map(|(day, f)| (day, f.expected)));
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

    pub(super) fn free(&mut self, raw: &RawFree) -> Vec<Free> {
        let limits = self.reader.free_limits(raw.requests.as_ref(), raw.tokens.as_ref());
        if raw.requests.is_none() && raw.tokens.is_none() {
            self.object(
                "free",
                format!("what is free for {} is requests, tokens or both", self.name),
                "write free: {requests: 1500 per day}",
            );
        }
        limits
    }
}

/// What a feature that follows another has until that is read.
const FOLLOWER: Calls = Calls {
    rate: Range { low: Decimal::ZERO, expected: Decimal::ZERO, high: Decimal::ZERO },
    per: Per::Day,
    users: None,
};

/// The number whose twelfth power this is, by Newton's method, to 20 digits.
fn twelfth_root(n: Decimal) -> Decimal {
    let twelve = Decimal::from(12);
    let mut root = Decimal::ONE;
    for _ in 0..64 {
        let power = (0..11).try_fold(Decimal::ONE, |product, _| product.checked_mul(root));
        let Some(quotient) = power.and_then(|power| n.checked_div(power)) else { break };
        let next = ((root * Decimal::from(11) + quotient) / twelve).round_dp(22);
        if next == root {
            break;
        }
        root = next;
    }
    root.round_dp(20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// 1.3^(1/12) = 1.0221044505936…, 0.5^(1/12) = 0.9438743126816… by Python's decimal.
    #[test]
    fn a_growth_by_year_compounds_to_itself() {
        assert_eq!(twelfth_root(dec!(1.3)).round_dp(12), dec!(1.022104450594));
        assert_eq!(twelfth_root(dec!(0.5)).round_dp(12), dec!(0.943874312682));
        for n in [dec!(0.01), dec!(0.5), dec!(1), dec!(1.1), dec!(2), dec!(11)] {
            let power = (0..12).fold(Decimal::ONE, |product, _| product * twelfth_root(n));
            assert!((power - n).abs() < dec!(0.000000000000001), "{n}: {power}");
        }
    }
}
