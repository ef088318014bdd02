//! Turns what is written into a [`Workload`]: units, dates and shares are read, what was not said is filled in.

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::feature::read_feature;
use super::quantity::{MONTHLY, Quantity, YEARLY, without};
use super::raw::{
    RawBudget, RawBusy, RawCalendar, RawCommitment, RawCredit, RawDiscount, RawFeature, RawFixed, RawSharedFree,
    RawWorkload,
};
use super::reader::WorkloadReader;
use super::root::Root;
use crate::calculator::calendar::{self, Busy, Calendar, months_after};
use crate::calculator::projection::UncertainInput;
use crate::calculator::workload::{
    Amount, Budget, Commitment, Credit, Discount, Feature, Fixed, Per, SharedFree, Workload, instant_of,
};
use crate::money::Exact;
use crate::period::Period;
use crate::pricing::card::ExchangeRate;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::{At, Pairs, RawExchange};
use crate::range::Range;
use crate::similar::did_you_mean;

/// How long a plan may be, and how far ahead it may start, in months.
///
/// A mistyped year would otherwise be planned day by day; within ten years every price that is known has changed anyway.
const LONGEST_PLAN: u32 = 120;
/// More features than this are a mistake, or rows of a dataset.
const MOST_FEATURES: usize = 1_000;
/// How many draws a simulation may take.
const MOST_DRAWS: u32 = 1_000_000;

/// * `is_read`: whether `raw` is all that the file says, with nothing repaired.
pub(super) fn read(
    path: &Path,
    (raw, is_read): (&RawWorkload, bool),
    today: Date,
    files: super::ReadFile<'_>,
    judge: super::Judge<'_>,
) -> Result<(Workload, Vec<Problem>), Vec<Problem>> {
    let mut reader = WorkloadReader {
        path: path.display().to_string(),
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
        files,
        problems: Vec::new(),
        assumptions: Vec::new(),
        currency: "USD".into(),
        start: today,
        end: today,
        users: None,
        sessions: None,
        feature_names: raw.features.0.iter().map(|(name, _)| name.value.clone()).collect(),
        followed: Vec::new(),
        currencies: Vec::new(),
        root: Root::around(path.parent().unwrap_or(Path::new(""))),
        text_bytes: 0,
    };
    let mut workload = reader.workload(raw, today);
    let is_whole = is_read && reader.problems.iter().all(|p| p.severity != Severity::Error);
    if !is_whole {
        // The rate that a currency has may be what is wrong.
        workload.currencies.retain(|(currency, ..)| raw.exchange.0.iter().all(|(code, _)| code.value != *currency));
    }
    reader.problems.extend(judge(&workload, is_whole));
    reader.problems.sort_by_key(|problem| problem.place);
    match reader.problems.iter().any(|p| p.severity == Severity::Error) {
        true => Err(reader.problems),
        false => Ok((Workload { assumptions: reader.assumptions, ..workload }, reader.problems)),
    }
}

impl WorkloadReader<'_> {
    fn workload(&mut self, raw: &RawWorkload, today: Date) -> Workload {
        match &raw.version {
            Some(version) if version.value != 1 => {
                let message = format!("farebox reads version 1 of this layout, not {}", version.value);
                self.object("version", version.place, message, "write version: 1, or use a newer farebox");
            }
            Some(_) => {}
            None => self.assume("plan", "version", 1, "the only version of the layout"),
        }
        if let Some(currency) = &raw.currency {
            self.currency = self.currency_code(currency);
            let code = self.currency.clone();
            self.needs_rate(&code, currency.place);
        }
        self.horizon(raw, today);
        let exchange = self.exchange(&raw.exchange);
        let shared = raw.calendar.as_ref().map(|c| self.calendar("plan", c));
        if shared.is_none() {
            self.assume("plan", "days with calls", "every day", "no calendar given");
        }
        let calendar = shared.unwrap_or_else(|| Calendar::every_day(self.start, self.end));
        if raw.features.0.is_empty() {
            let help =
                "write features: {name: {model: …, prompt: …, output: …, calls: …}}; `farebox init` writes an example";
            self.object("no-features", Place { line: 1, column: 1 }, "the plan has no features", help);
        }
        self.people(raw);
        let features = self.features(&raw.features.0, &calendar);
        let budget = raw.budget.as_ref().map(|b| self.budget(b)).unwrap_or_default();
        let draws = raw.draws.as_ref().map_or(10_000, |d| self.draws(d));
        if raw.draws.is_none() {
            self.assume("plan", "draws of the simulation", 10_000, "enough for bounds that move by less than 1%");
        }
        if raw.seed.is_none() {
            self.assume("plan", "seed of the simulation", 1, "fixed, so that a plan is the same every time");
        }
        Workload {
            name: raw.name.clone().unwrap_or_else(|| "plan".into()),
            choices: self
                .choices(raw.features.0.iter().filter_map(|(name, f)| Some((name.value.as_str(), f.choose.as_ref()?)))),
            currency: self.currency.clone(),
            exchange,
            tax: raw.tax.as_ref().map(|t| self.share(t)).unwrap_or_default(),
            budget,
            start: self.start,
            end: self.end,
            features,
            fixed: raw.fixed.iter().filter_map(|f| self.fixed(f)).collect(),
            credits: raw.credits.iter().filter_map(|c| self.credit(c)).collect(),
            discounts: raw.discounts.iter().filter_map(|d| self.discount(d)).collect(),
            commitments: raw.commitments.iter().filter_map(|c| self.commitment(c)).collect(),
            free: raw.free.iter().filter_map(|f| self.shared_free(f)).collect(),
            currencies: std::mem::take(&mut self.currencies)
                .into_iter()
                .map(|(c, at)| (c, at.line, at.column))
                .collect(),
            seed: raw.seed.unwrap_or(1),
            draws,
            drawn_together: raw.drawn_together.iter().filter_map(|word| self.together(word)).collect(),
            assumptions: Vec::new(),
        }
    }

    /// A number whose draws all features share.
    fn together(&mut self, word: &At<String>) -> Option<&'static str> {
        let name = word.value.trim();
        let found = UncertainInput::ALL.iter().find(|input| input.key() == name);
        if found.is_none() {
            let known: Vec<&str> = UncertainInput::ALL.iter().map(|input| input.key()).collect();
            let help = format!("{}The names are {}", did_you_mean(name, known.iter().copied()), known.join(", "));
            self.object("drawn-together", word.place, format!("{name:?} is no number of a feature"), help);
        }
        found.map(|input| input.key())
    }

    /// The people of the plan and their conversations.
    fn people(&mut self, raw: &RawWorkload) {
        self.users = raw.users.as_ref().and_then(|users| self.plain_or(users, &["users", "people", "students"]));
        let Some(sessions) = &raw.sessions else { return };
        let unit = sessions.value.unit.trim_start_matches("per user ").trim_end_matches(" per user");
        let per = [("per day", Per::Day), ("per week", Per::Week), ("per month", Per::Month)];
        match per.iter().find(|(words, _)| *words == unit) {
            Some((_, per)) => self.sessions = Some((sessions.value.range, *per)),
            None => {
                self.object("calls", sessions.place, format!("{unit:?} is not a time"), "write sessions: 3 per week")
            }
        }
    }

    /// Every feature, and the calls of those that follow another.
    fn features(&mut self, raw: &[(At<String>, RawFeature)], calendar: &Calendar) -> Vec<Arc<Feature>> {
        if let Some((name, _)) = raw.get(MOST_FEATURES) {
            let message = format!("the plan has {} features, and farebox plans up to {MOST_FEATURES}", raw.len());
            let help =
                "write one feature for calls that are alike, with a dataset for their prompts, or split the file";
            self.object("too-large", name.place, message, help);
            return Vec::new();
        }
        let mut features: Vec<Feature> = Vec::with_capacity(raw.len());
        for (order, (name, feature)) in raw.iter().enumerate() {
            features.extend(read_feature(self, name, feature, calendar, order));
        }
        self.follow(&mut features);
        features.into_iter().map(Arc::new).collect()
    }

    /// Gives features that follow another its calls, growth and days.
    fn follow(&mut self, features: &mut [Feature]) {
        for (name, followed) in std::mem::take(&mut self.followed) {
            if !self.feature_names.contains(&followed.value) {
                let near = did_you_mean(&followed.value, self.feature_names.iter().map(String::as_str));
                let help = format!("{near}The features are {}", self.feature_names.join(", "));
                let message = format!("{name} follows {}, which is not a feature here", followed.value);
                self.object("per", followed.place, message, help);
                continue;
            }
            let Some(index) = features.iter().position(|f| f.name == name) else { continue };
            let Some((source, share)) = driver(features, index) else {
                if driver_exists(features, index) {
                    let message = format!("{name} follows {}, which follows {name}", followed.value);
                    self.object(
                        "per",
                        followed.place,
                        message,
                        "give one of them calls of its own, such as 400 per day",
                    );
                }
                continue;
            };
            let (calls, growth, shared_users) = (source.calls, source.growth.clone(), source.shared_users);
            let (calendar, calls_of) = (source.calendar.clone(), source.order);
            let value = format!("{share} for each call of {}", source.name);
            self.assume(&name, "calls", value, "what it follows, its growth and its days with it");
            if let Some(feature) = features.get_mut(index) {
                (feature.calls, feature.growth, feature.calendar, feature.calls_of) =
                    (calls, growth, calendar, calls_of);
                feature.shared_users = shared_users;
                if let Some(follows) = &mut feature.follows {
                    follows.share = share;
                }
            }
        }
    }

    fn discount(&mut self, raw: &RawDiscount) -> Option<Discount> {
        let Some(off) = &raw.off else {
            let place = raw.provider.as_ref().map_or(Place::default(), |w| w.place);
            self.lacks(place, "a discount does not say how much it takes off", "write off: 15%");
            return None;
        };
        self.no_range(off, "a discount");
        let share = self.part(off).expected;
        let (from, to) = (self.word_day(&raw.from), self.word_day(&raw.to));
        self.refuse_backwards("discount", from, to, raw.to.as_ref());
        Some(Discount { provider: raw.provider.as_ref().map(|w| w.value.clone()), off: share, from, to })
    }

    fn commitment(&mut self, raw: &RawCommitment) -> Option<Commitment> {
        let help = "write {provider: openai, amount: 500 USD per month}";
        let (Some(provider), Some(amount)) = (&raw.provider, &raw.amount) else {
            let place = raw.provider.as_ref().map(|w| w.place).or(raw.amount.as_ref().map(|q| q.place));
            self.lacks(place.unwrap_or_default(), "a commitment needs provider and amount", help);
            return None;
        };
        let unit = amount.value.unit.clone();
        let (yearly, monthly) = (without(&unit, YEARLY), without(&unit, MONTHLY));
        let Some(currency) = yearly.or(monthly) else {
            self.object("commitment", amount.place, "a commitment is per month or per year", help);
            return None;
        };
        let quantity = Quantity { unit: currency.into(), ..amount.value.clone() };
        let (from, to) = (self.word_day(&raw.from), self.word_day(&raw.to));
        self.refuse_backwards("commitment", from, to, raw.to.as_ref());
        Some(Commitment {
            provider: provider.value.clone(),
            amount: self.amount(&At { value: quantity, place: amount.place }, "per month")?,
            yearly: yearly.is_some(),
            from: from.unwrap_or(self.start),
            to: to.unwrap_or(self.end),
        })
    }

    fn shared_free(&mut self, raw: &RawSharedFree) -> Option<SharedFree> {
        let limits = self.free_limits(raw.requests.as_ref(), raw.tokens.as_ref());
        if raw.requests.is_none() && raw.tokens.is_none() {
            let place = raw.features.first().map_or(Place { line: 1, column: 1 }, |w| w.place);
            let help = "write free: {features: [chat, titles], requests: 1500 per day}";
            self.object("free", place, "what is free is requests, tokens or both", help);
            return None;
        }
        for word in raw.features.iter() {
            if !self.feature_names.contains(&word.value) {
                let near = did_you_mean(&word.value, self.feature_names.iter().map(String::as_str));
                let help = format!("{near}The features are {}", self.feature_names.join(", "));
                self.object("free", word.place, format!("{:?} is not a feature here", word.value), help);
            }
        }
        let named: Vec<String> = raw.features.iter().map(|w| w.value.clone()).collect();
        let features = if named.is_empty() { self.feature_names.clone() } else { named };
        Some(SharedFree { features, limits })
    }

    fn word_day(&mut self, word: &Option<At<String>>) -> Option<Date> {
        word.as_ref().and_then(|word| self.day(word))
    }

    /// Objects to a span that ends before it begins.
    fn refuse_backwards(&mut self, what: &'static str, from: Option<Date>, to: Option<Date>, at: Option<&At<String>>) {
        if let (Some(from), Some(to), Some(at)) = (from, to, at)
            && to <= from
        {
            let message = format!("the {what} ends on {to} and begins on {from}");
            self.object(what, at.place, message, "write the later day as `to`: it is the first day without it");
        }
    }

    fn draws(&mut self, draws: &At<u32>) -> u32 {
        if !(100..=MOST_DRAWS).contains(&draws.value) {
            let message = format!("{} draws: it is 100 to {MOST_DRAWS}", draws.value);
            self.object("draws", draws.place, message, "10000 are plenty");
        }
        draws.value
    }

    fn currency_code(&mut self, word: &At<String>) -> String {
        let code = word.value.trim().to_uppercase();
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            let message = format!("{:?} is not a currency", word.value);
            self.object("currency", word.place, message, "write three letters, such as EUR");
        }
        code
    }

    fn horizon(&mut self, raw: &RawWorkload, today: Date) {
        let next_month = calendar::Month::of(today).next().first();
        self.start = match &raw.start {
            Some(day) => self.start(day, today).unwrap_or(next_month),
            None => {
                self.assume("plan", "start", next_month, "the first day of next month");
                next_month
            }
        };
        let months = raw.months.as_ref().map_or(12, |m| m.value);
        if let Some(m) = raw.months.as_ref().filter(|m| !(1..=LONGEST_PLAN).contains(&m.value)) {
            let message = format!("a plan of {} months, and farebox plans 1 to {LONGEST_PLAN} months", m.value);
            self.object("months", m.place, message, "write months: 12, and move `start` for later years");
        }
        self.end = months_after(self.start, months.min(LONGEST_PLAN));
        match (&raw.end, &raw.months) {
            (Some(end), Some(_)) => {
                self.object("end", end.place, "the plan has both months and end", "keep one of the two");
            }
            (Some(end), None) => {
                self.end = self.day(end).unwrap_or(self.end);
                if self.end <= self.start {
                    let message = format!("the plan ends on {} and starts on {}", self.end, self.start);
                    let later = months_after(self.start, 1);
                    let help = format!("the end is the first day after the plan: write end: {later} for one month");
                    self.object("no-days", end.place, message, help);
                    self.end = later;
                } else if self.end > months_after(self.start, LONGEST_PLAN) {
                    let latest = months_after(self.start, LONGEST_PLAN);
                    let message = format!("the plan is longer than {LONGEST_PLAN} months");
                    self.object("months", end.place, message, format!("write a day up to {latest}"));
                    self.end = latest;
                }
            }
            (None, None) => self.assume("plan", "months", 12, "a year when nothing is said"),
            (None, Some(_)) => {}
        }
    }

    /// The first day of the plan.
    fn start(&mut self, word: &At<String>, today: Date) -> Option<Date> {
        let start = self.day(word)?;
        let latest = months_after(today, LONGEST_PLAN);
        if start > latest {
            let message = format!("the plan starts on {start}, more than {LONGEST_PLAN} months after {today}");
            self.object("start", word.place, message, format!("write a day up to {latest}"));
            return None;
        }
        Some(start)
    }

    fn exchange(&mut self, raw: &Pairs<Vec<RawExchange>>) -> Vec<ExchangeRate> {
        let mut rates = Vec::new();
        for (code, list) in &raw.0 {
            let currency = self.currency_code(code);
            for rate in list {
                let moment = |reader: &mut Self, word: &Option<At<String>>| {
                    word.as_ref().and_then(|w| reader.day(w)).map(|day| instant_of(day, 0))
                };
                let period = Period { from: moment(self, &rate.from), to: moment(self, &rate.to) };
                if rate.per_usd.0.is_zero() {
                    let help = format!("write exchange: {{{currency}: [{{per_usd: \"0.86\"}}]}}");
                    self.object("exchange", code.place, format!("the rate of {currency} is zero"), help);
                    continue;
                }
                let per_usd = Exact(rate.per_usd.0);
                rates.push(ExchangeRate { currency: currency.clone(), period, per_usd, source: rate.source.clone() });
            }
        }
        rates
    }

    fn budget(&mut self, raw: &RawBudget) -> Budget {
        if raw.total.is_none() && raw.monthly.is_none() {
            let place = raw.from.as_ref().or(raw.to.as_ref()).map_or(Place::default(), |w| w.place);
            self.lacks(place, "the budget has no amount", "write total: 60 EUR, or monthly: 10 EUR");
        }
        let (from, to) = (self.word_day(&raw.from), self.word_day(&raw.to));
        self.refuse_backwards("budget", from, to, raw.to.as_ref());
        if let (None, Some(word)) = (&raw.total, raw.from.as_ref().or(raw.to.as_ref())) {
            let help = "write total: 60 EUR next to it, or take it out";
            self.object("contradiction", word.place, "the days of a budget belong to its total", help);
        }
        Budget {
            total: raw.total.as_ref().and_then(|q| self.amount(q, "")),
            monthly: raw.monthly.as_ref().and_then(|q| self.amount(q, "")),
            from,
            to,
        }
    }

    fn fixed(&mut self, raw: &RawFixed) -> Option<Fixed> {
        let name = raw.name.clone().unwrap_or_else(|| "fixed cost".into());
        let Some(cost) = &raw.cost else {
            let place = raw.from.as_ref().map_or(Place::default(), |w| w.place);
            self.lacks(place, format!("{name} has no cost"), "write cost: 25 EUR per month, or 400 USD");
            return None;
        };
        let mut unit = cost.value.unit.as_str();
        let mut take = |words: &[&str]| {
            let rest = without(unit, words);
            unit = rest.unwrap_or(unit);
            rest.is_some()
        };
        let monthly = take(MONTHLY);
        let yearly = !monthly && take(YEARLY);
        let for_seat = take(&["per seat", "a seat", "/seat"]);
        let for_user = !for_seat && take(&["per user", "a user", "/user"]);
        // The time may also be said first: `20 EUR per month per seat`.
        let monthly = monthly || (!yearly && take(MONTHLY));
        let yearly = yearly || (!monthly && take(YEARLY));
        take(&["once"]);
        let cost_in = At { value: Quantity { unit: unit.into(), ..cost.value.clone() }, place: cost.place };
        let many = self.how_many(&name, raw, cost.place, for_seat, for_user)?;
        let amount = self.amount_range(&cost_in, "or add `per month`")?;
        let range = product(cost.value.range, many);
        let (from, to) = (self.word_day(&raw.from), self.word_day(&raw.to));
        self.refuse_backwards("fixed", from, to, raw.to.as_ref());
        Some(Fixed {
            name,
            cost: Amount { amount: Exact(range.expected), ..amount },
            range,
            monthly,
            yearly,
            from: from.unwrap_or(self.start),
            to,
        })
    }

    /// How many seats or users a fixed cost is for.
    fn how_many(
        &mut self,
        name: &str,
        raw: &RawFixed,
        place: Place,
        for_seat: bool,
        for_user: bool,
    ) -> Option<Range<Decimal>> {
        match (&raw.seats, for_seat) {
            (Some(seats), true) => return self.plain_or(seats, &["seats"]),
            (Some(seats), false) => {
                let help = "write cost: 20 EUR per seat per month, or take seats out";
                self.object(
                    "contradiction",
                    seats.place,
                    format!("{name} has seats, and a cost for all of them"),
                    help,
                );
            }
            (None, true) => {
                let help = "write seats: 12 next to it";
                self.lacks(place, format!("{name} costs by the seat, and has no seats"), help);
            }
            (None, false) => {}
        }
        if for_user && self.users.is_none() {
            let help = "write users: 40 at the top of the file";
            self.object("fixed", place, format!("{name} costs by the user, and the plan has no users"), help);
        }
        Some(self.users.filter(|_| for_user).unwrap_or(Range::exactly(Decimal::ONE)))
    }

    fn credit(&mut self, raw: &RawCredit) -> Option<Credit> {
        let Some(amount) = &raw.amount else {
            let place = raw.provider.as_ref().map_or(Place::default(), |w| w.place);
            self.lacks(place, "a credit has no amount", "write amount: 100 USD");
            return None;
        };
        Some(Credit {
            amount: self.amount(amount, "")?,
            provider: raw.provider.as_ref().map(|w| w.value.clone()),
            expires: raw.expires.as_ref().and_then(|w| self.day(w)),
        })
    }

    /// Reads a calendar, within the days of the plan.
    pub(crate) fn calendar(&mut self, about: &str, raw: &RawCalendar) -> Calendar {
        let mut calendar = Calendar::every_day(self.start, self.end);
        match &raw.weekdays {
            Some(raw) => {
                if let Some(weekdays) = self.weekdays(raw) {
                    calendar.weekdays = weekdays;
                }
            }
            None => self.assume(about, "weekdays", "every day", "none given"),
        }
        calendar.holidays = raw.holidays.iter().filter_map(|word| self.span(word)).collect();
        calendar.busy = raw.busy.iter().filter_map(|busy| self.busy(busy)).collect();
        if let Some(day) = raw.start.as_ref().and_then(|w| self.day(w)) {
            calendar.start = day.max(self.start);
        }
        if let Some(day) = raw.end.as_ref().and_then(|w| self.day(w)) {
            calendar.end = day.min(self.end);
        }
        calendar.hours = self.hours(about, raw);
        let place = [&raw.end, &raw.start].into_iter().flatten().next().map(|w| w.place);
        let place = place.or(raw.weekdays.as_ref().map(|w| w.place));
        let place = place.or(raw.holidays.first().map(|w| w.place)).unwrap_or_default();
        self.empty_months(about, &calendar, place);
        calendar
    }

    /// A month without calls is worth a word, a plan without any is a mistake.
    fn empty_months(&mut self, about: &str, calendar: &Calendar, place: Place) {
        let months = calendar::months(self.start, self.end);
        let is_empty = |m: &&calendar::Month| m.days().all(|day| calendar.factor(day).is_zero());
        let empty: Vec<String> = months.iter().filter(is_empty).map(|m| m.to_string()).collect();
        if empty.len() == months.len() {
            let message =
                format!("the calendar of {about} leaves no day with calls from {} to {}", self.start, self.end);
            self.object("no-days", place, message, "check weekdays, holidays, start and end");
        } else if !empty.is_empty() {
            let message = format!("the calendar of {about} leaves no day with calls in {}", empty.join(", "));
            self.warn("no-days", place, message, "these months cost nothing but what is fixed");
        }
    }

    fn busy(&mut self, raw: &RawBusy) -> Option<Busy> {
        let (Some(from), Some(to), Some(factor)) = (&raw.from, &raw.to, &raw.factor) else {
            let place = [&raw.from, &raw.to].into_iter().flatten().next().map_or(Place::default(), |w| w.place);
            let help = "write {name: exams, from: 2027-02-01, to: 2027-02-19, factor: 3}";
            self.lacks(place, "a busy period needs from, to and factor", help);
            return None;
        };
        let (first, last) = (self.day(from)?, self.day(to)?);
        if last < first {
            let message = format!("the busy period ends on {last}, before {first}");
            self.object("busy", to.place, message, "write the later day as `to`: it is included");
        }
        self.no_range(factor, "the factor of a busy period");
        let factor = self.multiple(factor).expected;
        Some(Busy { name: raw.name.clone().unwrap_or_else(|| "busy".into()), from: first, to: last, factor })
    }

    /// `2026-12-25`, or `2026-12-24..2027-01-06` with both ends.
    fn span(&mut self, word: &At<String>) -> Option<(Date, Date)> {
        let (from, to) = word.value.split_once("..").unwrap_or((&word.value, &word.value));
        let at = |text: &str| At { value: text.trim().to_owned(), place: word.place };
        let (first, last) = (self.day(&at(from))?, self.day(&at(to))?);
        if last < first {
            self.object("holidays", word.place, format!("{last} is before {first}"), "write the earlier day first");
        }
        Some((first, last))
    }
}

/// Two ranges multiplied end by end.
fn product(a: Range<Decimal>, b: Range<Decimal>) -> Range<Decimal> {
    let of = |a: Decimal, b: Decimal| a.saturating_mul(b).normalize();
    Range { low: of(a.low, b.low), expected: of(a.expected, b.expected), high: of(a.high, b.high) }
}

/// The feature with calls of its own that a feature follows in the end, and how many of its calls each of them causes; none
/// where they follow each other, or one of them was not read.
fn driver(features: &[Feature], index: usize) -> Option<(&Feature, Range<Decimal>)> {
    let mut share = Range::exactly(Decimal::ONE);
    let mut at = features.get(index)?;
    for _ in 0..=features.len() {
        let Some(follows) = &at.follows else { return Some((at, share)) };
        // A share that was resolved already leads to the source itself.
        let is_resolved = at.calls_of != at.order;
        share = product(share, follows.share);
        let next = match is_resolved {
            true => features.iter().find(|f| f.order == at.calls_of)?,
            false => features.iter().find(|f| f.name == follows.feature)?,
        };
        if follows.turns && !is_resolved {
            share = product(share, next.turns);
        }
        at = next;
    }
    None
}

/// Whether everything that a feature follows was read, so that it goes in a circle.
fn driver_exists(features: &[Feature], index: usize) -> bool {
    let mut at = features.get(index);
    for _ in 0..=features.len() {
        let Some(feature) = at else { return false };
        let Some(follows) = &feature.follows else { return false };
        at = features.iter().find(|f| f.name == follows.feature);
    }
    true
}
