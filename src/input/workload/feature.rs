//! Reads one feature of a workload.

use jiff::civil::Date;
use rust_decimal::{Decimal, dec};

use super::data::{Row, value};
use super::quantity::Quantity;
use super::raw::{
    RawAttachment, RawBilled, RawCache, RawCalls, RawFeature, RawFree, RawGrowth, RawOutput, RawPart, RawRag,
    RawRetries, RawSteps, RawTuning, RawUsers,
};
use super::read::Reader;
use crate::calculator::calendar::Calendar;
use crate::calculator::workload::{
    Attachment, Billed, Cache, Calls, Feature, Free, Growth, History, Part, Per, Rag, Range, Retries, Route, Steps,
    Tuning,
};
use crate::context::{Context, Dimension};
use crate::meter::Meter;
use crate::pricing::compile::nearest;
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;

/// More turns or steps than this are a mistake rather than a plan.
const MOST_TURNS: u32 = 1_000;
/// More attempts than this are a mistake.
const MOST_ATTEMPTS: u32 = 5;

pub(super) fn read_feature(
    reader: &mut Reader,
    name: &At<String>,
    raw: &RawFeature,
    shared: &Calendar,
) -> Option<Feature> {
    FeatureReader { reader, name: name.value.clone(), place: name.place }.read(raw, shared)
}

struct FeatureReader<'r> {
    reader: &'r mut Reader,
    name: String,
    place: Place,
}

impl FeatureReader<'_> {
    fn object(&mut self, code: &'static str, message: impl Into<String>, help: &str) {
        self.reader.object(code, self.place, message, help);
    }

    fn assume(&mut self, what: &str, value: impl std::fmt::Display, origin: &str) {
        self.reader.assume(&self.name, what, value, origin);
    }

    fn read(mut self, raw: &RawFeature, shared: &Calendar) -> Option<Feature> {
        let routes = self.routes(raw);
        let (system, tools, prompts) = self.texts(raw);
        let output = self.output(raw);
        let calls = self.calls(raw);
        let steps = self.steps(raw.steps.as_ref());
        let calendar = match &raw.calendar {
            Some(own) => self.reader.calendar(&self.name, own),
            None => shared.clone(),
        };
        let first = calendar.start;
        self.unsaid(raw);
        let tuning = raw.fine_tuning.as_ref().and_then(|t| self.tuning(t, &routes, first));
        Some(Feature {
            name: self.name.clone(),
            system,
            tools,
            prompts,
            turns: self.turns(raw),
            history: self.history(raw),
            steps,
            rag: raw.rag.as_ref().and_then(|r| self.rag(r)),
            attachments: raw.attachments.iter().filter_map(|a| self.attachment(a)).collect(),
            output: output?,
            reasoning: self.reasoning(raw),
            retries: self.retries(raw.retries.as_ref()),
            cache: raw.cache.as_ref().and_then(|c| self.cache(c)),
            batch: self.batch(raw),
            context: self.context(raw),
            also: self.also(raw),
            calls: calls?,
            growth: self.growth(raw),
            calendar,
            minute: self.minute(raw),
            free: raw.free.as_ref().and_then(|f| self.free(f)),
            tuning,
            routes,
        })
    }

    /// What is left out and has a value all the same.
    fn unsaid(&mut self, raw: &RawFeature) {
        if raw.cache.is_none() {
            self.assume("cache", "none", "no caching given: every prompt token is paid in full");
        }
        if raw.batch.is_none() {
            self.assume("batch", "0%", "none given: every request is sent by itself");
        }
        if raw.reasoning.is_none() && raw.reasoning_effort.is_none() {
            self.assume("reasoning", "0 tokens", "none given: a model that thinks by itself costs more");
        }
        if raw.time.is_none() {
            self.assume("time", "12:00 UTC", "the time of the day that prices are looked up at");
        }
    }

    fn routes(&mut self, raw: &RawFeature) -> Vec<Route> {
        let route = |model: &At<String>, share| Route { model: model.value.clone(), share, line: model.place.line };
        match (&raw.model, raw.routing.0.as_slice()) {
            (Some(model), []) => return vec![route(model, Decimal::ONE)],
            (None, []) => self.object(
                "model",
                format!("{} has no model", self.name),
                "write model: openai/gpt-5-mini; `farebox models` lists them",
            ),
            (Some(_), _) => {
                self.object("model", format!("{} has both a model and a routing", self.name), "keep one of the two")
            }
            (None, routing) => {
                let routes: Vec<Route> =
                    routing.iter().map(|(model, share)| route(model, self.reader.part(share).expected)).collect();
                let sum: Decimal = routes.iter().map(|r| r.share).sum();
                if sum != Decimal::ONE {
                    let percent = (sum * Decimal::ONE_HUNDRED).normalize();
                    self.object(
                        "routing",
                        format!("the shares of {} add up to {percent}%", self.name),
                        "they must add up to 100%",
                    );
                }
                return routes;
            }
        }
        Vec::new()
    }

    /// Instructions, tools, and one prompt for each row of the dataset.
    fn texts(&mut self, raw: &RawFeature) -> (Vec<Part>, Vec<Part>, Vec<Vec<Part>>) {
        let reader = &mut *self.reader;
        let constants: Row = raw.variables.0.iter().map(|(name, v)| (name.value.clone(), v.clone())).collect();
        let mut pieces = |text: &Option<At<_>>| text.as_ref().map(|t| reader.pieces(t)).unwrap_or_default();
        let (system, tools, prompt) = (pieces(&raw.system), pieces(&raw.tools), pieces(&raw.prompt));
        let dataset = raw.dataset.as_ref().map(|d| reader.dataset(d));
        let rows: Vec<Row> = match &dataset {
            Some(Some((rows, _))) => rows.clone(),
            _ => vec![Row::new()],
        };
        let column = dataset.flatten().and_then(|(_, column)| column);
        if raw.prompt.is_none() && column.is_none() && raw.dataset.is_none() {
            self.object(
                "prompt",
                format!("{} has no prompt", self.name),
                "write prompt: FILE, {text: …} or a number of tokens",
            );
        } else if raw.prompt.is_none() && column.is_none() {
            self.object(
                "prompt",
                format!("{}: which column of the dataset is the prompt?", self.name),
                "add column: … to the dataset, or a prompt with {{variables}}",
            );
        }
        let system = self.reader.filled(&system, &constants);
        let tools = self.reader.filled(&tools, &constants);
        let mut prompts = Vec::with_capacity(rows.len());
        for row in rows {
            let own = column.as_ref().filter(|_| raw.prompt.is_none()).and_then(|c| value(&row, c));
            prompts.push(match own {
                Some(text) => vec![Part::Text(text.into())],
                None => {
                    // A column of the dataset comes before a constant of the same name.
                    let values = row.into_iter().chain(constants.iter().cloned()).collect();
                    self.reader.filled(&prompt, &values)
                }
            });
        }
        (system, tools, prompts)
    }

    fn output(&mut self, raw: &RawFeature) -> Option<Range> {
        match &raw.output {
            Some(At { value: RawOutput::Tokens(tokens), place }) => {
                self.reader.tokens(&At { value: tokens.clone(), place: *place })
            }
            Some(At { value: RawOutput::Samples(samples), place }) => {
                let values = self.reader.samples(samples, *place)?;
                let counts: Vec<u64> = values.iter().filter_map(|v| v.trim().parse().ok()).collect();
                if counts.len() < values.len() {
                    let message = format!(
                        "{} of {} answers have no whole number of tokens",
                        values.len() - counts.len(),
                        values.len()
                    );
                    self.reader.warn(
                        "samples",
                        *place,
                        message,
                        "they are left out; `farebox count --jsonl FIELD` counts texts",
                    );
                }
                if counts.is_empty() {
                    self.reader.object(
                        "samples",
                        *place,
                        "no answer has a number of tokens",
                        "name the column that holds it",
                    );
                    return None;
                }
                let range = mean_of(&counts);
                self.assume("output", range, "mean of the measured answers, and the 5% to 95% that it may really be");
                Some(range)
            }
            None => {
                self.object(
                    "output",
                    format!("{} does not say how long its answers are", self.name),
                    "write output: 150..300..600 (low..expected..high tokens), or {file, column} of measured answers",
                );
                None
            }
        }
    }

    fn calls(&mut self, raw: &RawFeature) -> Option<Calls> {
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

    fn users(&mut self, raw: &RawUsers, place: Place) -> Option<Calls> {
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

    fn no_calls(&mut self, rate: Range, place: Place) {
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

    fn turns(&mut self, raw: &RawFeature) -> Range {
        match &raw.turns {
            Some(turns) => self.reader.count(turns, MOST_TURNS).unwrap_or(Range::exactly(Decimal::ONE)),
            None => {
                self.assume("turns", 1, "one request, one answer");
                Range::exactly(Decimal::ONE)
            }
        }
    }

    fn history(&mut self, raw: &RawFeature) -> History {
        let Some(word) = &raw.history else {
            if raw.turns.is_some() {
                self.assume("history", "all", "every turn sends all earlier ones again");
            }
            return History::ALL;
        };
        match word.value.0.trim() {
            "all" => History::ALL,
            "none" => History::Last(0),
            other => match other.parse() {
                Ok(turns) => History::Last(turns),
                Err(_) => {
                    self.reader.object(
                        "history",
                        word.place,
                        format!("{other:?} is no history"),
                        "write all, none, or how many of the last turns",
                    );
                    History::ALL
                }
            },
        }
    }

    fn steps(&mut self, raw: Option<&RawSteps>) -> Steps {
        let one = Range::exactly(Decimal::ONE);
        let Some(raw) = raw else { return Steps { count: one, call: Range::default(), result: Range::default() } };
        let count = raw.count.as_ref().and_then(|q| self.reader.count(q, MOST_TURNS)).unwrap_or_else(|| {
            self.object(
                "steps",
                format!("the steps of {} have no count", self.name),
                "write steps: {count: 3..8..20, call: 80, result: 600}",
            );
            one
        });
        let mut tokens = |q: &Option<At<Quantity>>, what, default: Range| match q {
            Some(q) => self.reader.tokens(q).unwrap_or_default(),
            None => {
                self.reader.assume(
                    &self.name,
                    what,
                    default,
                    "a short call of a tool with two arguments; measure yours",
                );
                default
            }
        };
        let call = tokens(&raw.call, "steps.call", Range { low: dec!(30), expected: dec!(80), high: dec!(200) });
        let result = match &raw.result {
            Some(_) => tokens(&raw.result, "", Range::default()),
            None => {
                self.object(
                    "steps",
                    format!("the steps of {} do not say what comes back from a tool", self.name),
                    "write result: 600 (tokens)",
                );
                Range::default()
            }
        };
        Steps { count, call, result }
    }

    fn rag(&mut self, raw: &RawRag) -> Option<Rag> {
        let (Some(chunks), Some(chunk)) = (&raw.chunks, &raw.chunk_tokens) else {
            self.object(
                "rag",
                format!("the rag of {} needs chunks and chunk_tokens", self.name),
                "write rag: {chunks: 5, chunk_tokens: 400}",
            );
            return None;
        };
        let (chunks, chunk_tokens) = (self.reader.plain(chunks)?, self.reader.tokens(chunk)?);
        let product = |a: Decimal, b: Decimal| a.saturating_mul(b).round();
        let tokens = Range {
            low: product(chunks.low, chunk_tokens.low),
            expected: product(chunks.expected, chunk_tokens.expected),
            high: product(chunks.high, chunk_tokens.high),
        };
        self.assume("rag.history", "none", "passages stand in the turn that looked them up, and are not sent again");
        let whole = |q: Option<Range>| q.and_then(|r| u64::try_from(r.expected.round()).ok());
        let four_times = u64::try_from((chunks.expected * dec!(4)).round()).unwrap_or(0);
        let candidates = match &raw.candidates {
            Some(q) => whole(self.reader.plain(q))?,
            None => {
                if raw.rerank.is_some() {
                    self.assume("rag.candidates", four_times, "four times the passages that are kept");
                }
                four_times
            }
        };
        let index_tokens = match &raw.index_tokens {
            Some(q) => whole(self.reader.tokens(q))?,
            None => 0,
        };
        let name = |word: &Option<At<String>>| word.as_ref().map(|w| w.value.clone());
        Some(Rag {
            tokens,
            embedding: name(&raw.embedding),
            rerank: name(&raw.rerank),
            candidates,
            chunk_tokens,
            index_tokens,
        })
    }

    fn attachment(&mut self, raw: &RawAttachment) -> Option<Attachment> {
        let count = match &raw.count {
            Some(q) => self.reader.plain(q)?,
            None => Range::exactly(Decimal::ONE),
        };
        match (&raw.image, &raw.tokens) {
            (Some(size), None) => {
                let sides = size.value.split_once(['x', '×']);
                let side = |text: &str| text.trim().parse::<u32>().ok().filter(|n| (1..=100_000).contains(n));
                match sides.and_then(|(w, h)| Some((side(w)?, side(h)?))) {
                    Some((width, height)) => Some(Attachment::Image { width, height, count }),
                    None => {
                        self.reader.object(
                            "image",
                            size.place,
                            format!("{:?} is no size in pixels", size.value),
                            "write 1024x768",
                        );
                        None
                    }
                }
            }
            (None, Some(tokens)) => {
                let each = self.reader.tokens(tokens)?;
                let product = |a: Decimal, b: Decimal| a.saturating_mul(b);
                Some(Attachment::Tokens(Range {
                    low: product(each.low, count.low),
                    expected: product(each.expected, count.expected),
                    high: product(each.high, count.high),
                }))
            }
            _ => {
                self.object(
                    "attachment",
                    format!("an attachment of {} is one of image and tokens", self.name),
                    "write {image: 1024x768} or {tokens: 1500}",
                );
                None
            }
        }
    }

    fn reasoning(&mut self, raw: &RawFeature) -> Range {
        if let Some(tokens) = &raw.reasoning {
            if let Some(effort) = &raw.reasoning_effort {
                self.reader.object(
                    "reasoning",
                    effort.place,
                    "both reasoning and reasoning_effort are given",
                    "keep one of the two",
                );
            }
            return self.reader.tokens(tokens).unwrap_or_default();
        }
        let Some(effort) = &raw.reasoning_effort else { return Range::default() };
        let range = |low, expected, high| Range { low, expected, high };
        let tokens = match effort.value.as_str() {
            "none" => return Range::default(),
            "low" => range(dec!(100), dec!(500), dec!(2000)),
            "medium" => range(dec!(400), dec!(2000), dec!(8000)),
            "high" => range(dec!(1500), dec!(8000), dec!(30000)),
            other => {
                let near = nearest(other, ["none", "low", "medium", "high"].into_iter());
                self.reader.object(
                    "reasoning",
                    effort.place,
                    format!("{other:?} is no effort"),
                    format!("did you mean {near}?"),
                );
                return Range::default();
            }
        };
        self.assume("reasoning", tokens, "a wide guess for this effort: models differ by ten times; give reasoning: LOW..EXPECTED..HIGH from your own logs");
        tokens
    }

    fn retries(&mut self, raw: Option<&RawRetries>) -> Retries {
        let Some(raw) = raw else {
            self.assume("retries", "none", "no failures given");
            return Retries { failure_rate: Range::default(), attempts: 1, billed: Billed::All };
        };
        let failure_rate = raw.failure_rate.as_ref().map(|q| self.reader.part(q)).unwrap_or_default();
        let attempts = match &raw.attempts {
            Some(a) => {
                if !(1..=MOST_ATTEMPTS).contains(&a.value) {
                    self.reader.object(
                        "retries",
                        a.place,
                        format!("{} attempts: it is 1 to {MOST_ATTEMPTS}", a.value),
                        "",
                    );
                }
                a.value.clamp(1, MOST_ATTEMPTS)
            }
            None => {
                self.assume("retries.attempts", 3, "two retries");
                3
            }
        };
        let billed = match raw.billed.as_ref().map(|b| b.value) {
            Some(RawBilled::All) => Billed::All,
            Some(RawBilled::Input) => Billed::Input,
            Some(RawBilled::Nothing) => Billed::Nothing,
            None => {
                self.assume("retries.billed", "all", "a failed attempt costs as much as one that worked");
                Billed::All
            }
        };
        Retries { failure_rate, attempts, billed }
    }

    fn cache(&mut self, raw: &RawCache) -> Option<Cache> {
        let ttl = raw.ttl.as_ref().map(|q| (self.minutes(q), q.place));
        let minutes = match ttl {
            Some((minutes, _)) => minutes?,
            None => {
                self.assume("cache.ttl", "5m", "the usual lifetime");
                dec!(5)
            }
        };
        let write = match u32::try_from(minutes.round()).unwrap_or(u32::MAX) {
            0..=30 => Meter::CacheWrite5m,
            31..=60 => Meter::CacheWrite1h,
            _ => Meter::CacheWrite12h,
        };
        let hit_rate = match (&raw.hit_rate, &raw.gap) {
            (Some(rate), None) => self.reader.part(rate),
            (None, Some(gap)) => {
                let gap = self.gap(gap, minutes)?;
                self.assume("cache.hit_rate", gap, "1 − e^(−lifetime ÷ gap): calls that come at random");
                gap
            }
            _ => {
                let place = raw.hit_rate.as_ref().or(raw.ttl.as_ref()).map_or(self.place, |q| q.place);
                self.reader.object(
                    "cache",
                    place,
                    "the cache needs one of hit_rate and gap",
                    "write hit_rate: 90%, or gap: 4m (the time between two calls)",
                );
                return None;
            }
        };
        let minimum = raw.minimum.unwrap_or_else(|| {
            self.assume("cache.minimum", "1024 tokens", "the shortest prompt that most providers cache");
            1024
        });
        let has = |part| match &raw.parts {
            Some(parts) => parts.iter().any(|p| p.value == part),
            None => part != RawPart::History,
        };
        if raw.parts.is_none() {
            self.assume("cache.parts", "system, tools", "what is the same in every call");
        }
        Some(Cache {
            system: has(RawPart::System),
            tools: has(RawPart::Tools),
            history: has(RawPart::History),
            hit_rate,
            write,
            minimum,
        })
    }

    /// The share of calls that come within the lifetime after the last one, for gaps that are random with a mean.
    fn gap(&mut self, gap: &At<Quantity>, lifetime: Decimal) -> Option<Range> {
        let range = gap.value.range;
        let minutes = |n: Decimal| self.reader_minutes(n, &gap.value.unit);
        let (Some(low), Some(expected), Some(high)) =
            (minutes(range.low), minutes(range.expected), minutes(range.high))
        else {
            self.reader.object("cache", gap.place, format!("{:?} is no time", gap.value.unit), "write 30s, 4m or 1h");
            return None;
        };
        let hit = |mean: Decimal| share_within(lifetime, mean);
        // A longer gap finds less in the cache.
        Some(Range { low: hit(high), expected: hit(expected), high: hit(low) })
    }

    fn reader_minutes(&self, n: Decimal, unit: &str) -> Option<Decimal> {
        match unit {
            "s" | "seconds" => Some(n / dec!(60)),
            "m" | "min" | "minutes" => Some(n),
            "h" | "hours" => n.checked_mul(dec!(60)),
            "d" | "days" => n.checked_mul(dec!(1440)),
            _ => None,
        }
    }

    fn minutes(&mut self, q: &At<Quantity>) -> Option<Decimal> {
        let minutes = self.reader_minutes(q.value.range.expected, &q.value.unit);
        if minutes.is_none() {
            self.reader.object("cache", q.place, format!("{:?} is no time", q.value.unit), "write 30s, 4m or 1h");
        }
        minutes
    }

    fn batch(&mut self, raw: &RawFeature) -> Decimal {
        raw.batch.as_ref().map_or(Decimal::ZERO, |q| self.reader.part(q).expected)
    }

    fn context(&mut self, raw: &RawFeature) -> Context {
        let mut context = Context::default();
        for (key, value) in &raw.with.0 {
            match key.value.parse::<Dimension>() {
                Ok(dimension) => context.set(dimension, &value.value),
                Err(error) => {
                    let near = nearest(&key.value, Dimension::ALL.iter().map(|d| d.name()));
                    self.reader.object("with", key.place, error.to_string(), format!("did you mean {near}?"));
                }
            }
        }
        if let Some(tier) = &raw.service_tier {
            context.set(Dimension::ServiceTier, &tier.value);
        }
        context
    }

    fn also(&mut self, raw: &RawFeature) -> Vec<(Meter, Range)> {
        let mut also = Vec::new();
        for (key, quantity) in &raw.also.0 {
            match key.value.parse::<Meter>() {
                Ok(meter) if !meter.is_tokens() => also.extend(self.reader.plain(quantity).map(|range| (meter, range))),
                Ok(meter) => {
                    self.reader.object(
                        "also",
                        key.place,
                        format!("{meter} counts tokens, which the prompt and the answer say"),
                        "",
                    );
                }
                Err(error) => {
                    let near = nearest(&key.value, Meter::ALL.iter().filter(|m| !m.is_tokens()).map(|m| m.name()));
                    self.reader.object(
                        "also",
                        key.place,
                        error.to_string(),
                        format!("did you mean {near}? `farebox prices meters` lists them"),
                    );
                }
            }
        }
        also
    }

    fn growth(&mut self, raw: &RawFeature) -> Growth {
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
                    factors.extend(day.zip(self.reader.plain(factor)).map(|(day, f)| (day, f.expected)));
                }
                factors.sort_by_key(|(day, _)| *day);
                Growth::Steps(factors)
            }
        }
    }

    fn minute(&mut self, raw: &RawFeature) -> u32 {
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

    fn free(&mut self, raw: &RawFree) -> Option<Free> {
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
        if per == Per::Week {
            self.reader.object("free", quantity.place, "a free quantity is per day or per month", "");
        }
        Some(Free { quantity: quantity.value.range.expected, per, is_tokens })
    }

    fn tuning(&mut self, raw: &RawTuning, routes: &[Route], first: Date) -> Option<Tuning> {
        let Some(tokens) = &raw.training_tokens else {
            self.object("fine_tuning", format!("the fine-tuning of {} has no training_tokens", self.name), "");
            return None;
        };
        let tokens = u64::try_from(self.reader.tokens(tokens)?.expected.round()).ok()?;
        let epochs = raw.epochs.unwrap_or_else(|| {
            self.assume("fine_tuning.epochs", 3, "a usual number of passes over the data");
            3
        });
        let model = match (&raw.model, routes) {
            (Some(model), _) => model.value.clone(),
            (None, [route]) => {
                let tuned = match route.model.split_once('/') {
                    Some((provider, id)) => format!("{provider}/ft:{id}"),
                    None => format!("ft:{}", route.model),
                };
                self.assume("fine_tuning.model", &tuned, "the fine-tuned form of the model");
                tuned
            }
            _ => {
                self.object(
                    "fine_tuning",
                    format!("which model does {} tune?", self.name),
                    "add model: … under fine_tuning",
                );
                return None;
            }
        };
        let mut on: Vec<Date> = raw.on.iter().filter_map(|w| self.reader.day(w)).collect();
        if raw.on.is_empty() {
            self.assume("fine_tuning.on", first, "the first day of the feature");
            on.push(first);
        }
        Some(Tuning { tokens, epochs, model, on })
    }
}

/// The mean of measured answers, with the band that the mean of all answers lies in nine times out of ten.
#[must_use]
pub fn mean_of(counts: &[u64]) -> Range {
    if counts.is_empty() {
        return Range::default();
    }
    let n = counts.len() as f64;
    let mean = counts.iter().map(|c| *c as f64).sum::<f64>() / n;
    let variance = counts.iter().map(|c| (*c as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let margin = 1.645 * (variance / n).sqrt();
    let decimal = |x: f64| Decimal::try_from(x.max(0.0)).unwrap_or_default().round_dp(3);
    let exact = Decimal::from(counts.iter().sum::<u64>()).checked_div(Decimal::from(counts.len() as u64));
    let expected = exact.unwrap_or_default().round_dp(6);
    Range { low: decimal(mean - margin).min(expected), expected, high: decimal(mean + margin).max(expected) }
}

/// `1 − e^(−lifetime ÷ gap)`, to six digits.
fn share_within(lifetime: Decimal, gap: Decimal) -> Decimal {
    let ratio = |d: Decimal| f64::try_from(d).unwrap_or(0.0);
    if gap.is_zero() {
        return Decimal::ONE;
    }
    Decimal::try_from(1.0 - (-ratio(lifetime) / ratio(gap)).exp()).unwrap_or_default().round_dp(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_gaps_meet_the_cache_by_the_exponential_law() {
        // 1 − e⁻¹ = 0.632120558…; 1 − e^(−5/4) = 0.713495203…
        assert_eq!(share_within(dec!(5), dec!(5)), dec!(0.632121));
        assert_eq!(share_within(dec!(5), dec!(4)), dec!(0.713495));
        assert_eq!(share_within(dec!(5), dec!(0)), dec!(1));
    }

    #[test]
    fn the_mean_of_samples_has_its_standard_error() {
        // 100, 200, 300: mean 200, s = 100, 1.645 × 100 ÷ √3 = 94.974…
        assert_eq!(mean_of(&[100, 200, 300]), Range { low: dec!(105.026), expected: dec!(200), high: dec!(294.974) });
        assert_eq!(mean_of(&[7]), Range::exactly(dec!(7)));
    }
}
