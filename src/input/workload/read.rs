//! Turns what is written into a [`Workload`]: units, dates and shares are read, what was not said is filled in.

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;

use super::feature::read_feature;
use super::quantity::Quantity;
use super::raw::{RawBudget, RawBusy, RawCalendar, RawCredit, RawFixed, RawWorkload};
use super::reader::WorkloadReader;
use crate::calculator::calendar::{self, Busy, Calendar, months_after};
use crate::calculator::projection::UncertainInput;
use crate::calculator::workload::{Budget, Credit, Feature, Fixed, Workload, instant_of};
use crate::money::Exact;
use crate::period::Period;
use crate::pricing::card::ExchangeRate;
use crate::pricing::problem::{Place, Problem, Severity};
use crate::pricing::yaml::{At, Pairs, RawExchange};
use crate::similar::did_you_mean;

/// How long a plan may be, and how far ahead it may start, in months.
///
/// A mistyped year would otherwise be planned day by day; within ten years every price that is known has changed anyway.
const LONGEST_PLAN: u32 = 120;
/// How many draws a simulation may take.
const MOST_DRAWS: u32 = 1_000_000;

pub(super) fn read(
    path: &Path,
    raw: &RawWorkload,
    today: Date,
    files: super::ReadFile<'_>,
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
        text_bytes: 0,
    };
    let workload = reader.workload(raw, today);
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
        let read = |(name, f): &(_, _)| read_feature(self, name, f, &calendar).map(Arc::new);
        let features: Vec<Arc<Feature>> = raw.features.0.iter().filter_map(read).collect();
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
            choices: self.choices(&raw.features),
            currency: self.currency.clone(),
            exchange,
            tax: raw.tax.as_ref().map(|t| self.share(t)).unwrap_or_default(),
            budget,
            start: self.start,
            end: self.end,
            features,
            fixed: raw.fixed.iter().filter_map(|f| self.fixed(f)).collect(),
            credits: raw.credits.iter().filter_map(|c| self.credit(c)).collect(),
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
            let message = format!("{:?} is no currency", word.value);
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
                    self.object("no-days", end.place, message, "the end is the first day after the plan");
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
                    self.object("exchange", code.place, format!("the rate of {currency} is zero"), "");
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
            self.object("budget", place, "the budget has no amount", "write total: 60 EUR, or monthly: 10 EUR");
        }
        Budget {
            total: raw.total.as_ref().and_then(|q| self.amount(q, "")),
            monthly: raw.monthly.as_ref().and_then(|q| self.amount(q, "")),
            from: raw.from.as_ref().and_then(|w| self.day(w)),
            to: raw.to.as_ref().and_then(|w| self.day(w)),
        }
    }

    fn fixed(&mut self, raw: &RawFixed) -> Option<Fixed> {
        let name = raw.name.clone().unwrap_or_else(|| "fixed cost".into());
        let Some(cost) = &raw.cost else {
            let place = raw.from.as_ref().map_or(Place::default(), |w| w.place);
            self.object("fixed", place, format!("{name} has no cost"), "write cost: 25 EUR per month, or 400 USD");
            return None;
        };
        let unit = &cost.value.unit;
        let once = unit.trim_end_matches(" once");
        let monthly = ["per month", "a month", "/month"].iter().find_map(|s| unit.strip_suffix(s));
        let cost_in = At {
            value: Quantity { unit: monthly.unwrap_or(once).trim().into(), ..cost.value.clone() },
            place: cost.place,
        };
        Some(Fixed {
            name,
            cost: self.amount(&cost_in, "or add `per month`")?,
            monthly: monthly.is_some(),
            from: raw.from.as_ref().and_then(|w| self.day(w)).unwrap_or(self.start),
            to: raw.to.as_ref().and_then(|w| self.day(w)),
        })
    }

    fn credit(&mut self, raw: &RawCredit) -> Option<Credit> {
        let Some(amount) = &raw.amount else {
            let place = raw.provider.as_ref().map_or(Place::default(), |w| w.place);
            self.object("credit", place, "a credit has no amount", "write amount: 100 USD");
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
            Some(word) => match calendar::weekdays(&word.value) {
                Some(on) => calendar.weekdays = on,
                None => {
                    let message = format!("{:?} names no days of the week", word.value);
                    self.object("weekdays", word.place, message, "write mon-fri, or a list such as mon, wed");
                }
            },
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
        let place = [&raw.end, &raw.start, &raw.weekdays].into_iter().flatten().next().map(|w| w.place);
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
            self.object("busy", place, "a busy period needs from, to and factor", "");
            return None;
        };
        let (first, last) = (self.day(from)?, self.day(to)?);
        if last < first {
            self.object("busy", to.place, format!("the busy period ends on {last}, before {first}"), "");
        }
        self.no_range(factor, "the factor of a busy period");
        let factor = self.plain(factor)?.expected;
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
