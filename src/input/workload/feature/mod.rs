//! Reads one feature of a workload.

mod cache;
mod media;
mod traffic;
mod work;

use std::sync::Arc;

use rust_decimal::Decimal;

use super::data::{DatasetRow, value};
use super::raw::{RawBatch, RawFeature, RawOutput, RawSamples};
use super::reader::WorkloadReader;
use crate::calculator::calendar::Calendar;
use crate::calculator::workload::{AnswerLengths, Feature, Follows, Medium, PromptPart, Route};
use crate::context::{Context, Dimension};
use crate::meter::{Meter, Side};
use crate::pricing::problem::Place;
use crate::pricing::yaml::At;
use crate::range::Range;
use crate::similar::did_you_mean;

/// More turns or steps than this are a mistake rather than a plan.
const MOST_TURNS: u32 = 1_000;
/// More attempts than this are a mistake.
const MOST_ATTEMPTS: u32 = 5;

pub(super) fn read_feature(
    reader: &mut WorkloadReader<'_>,
    name: &At<String>,
    raw: &RawFeature,
    shared: &Calendar,
    order: usize,
) -> Option<Feature> {
    FeatureReader { reader, name: name.value.clone(), place: name.place }.read(raw, shared, order)
}

struct FeatureReader<'r, 'f> {
    reader: &'r mut WorkloadReader<'f>,
    name: String,
    place: Place,
}

impl FeatureReader<'_, '_> {
    fn object(&mut self, code: &'static str, message: impl Into<String>, help: &str) {
        self.reader.object(code, self.place, message, help);
    }

    fn assume(&mut self, what: &str, value: impl std::fmt::Display, origin: &str) {
        self.reader.assume(&self.name, what, value, origin);
    }

    fn read(mut self, raw: &RawFeature, shared: &Calendar, order: usize) -> Option<Feature> {
        let routes = self.routes(raw);
        let (system, tools, prompts) = self.texts(raw);
        let media = self.media(raw);
        let (output, spread) = self.output(raw, &media);
        let calls = self.calls(raw);
        let steps = self.steps(raw.steps.as_deref());
        let calendar = match &raw.calendar {
            Some(own) => self.reader.calendar(&self.name, own),
            None => shared.clone(),
        };
        let (calls, follows) = calls.map_or((None, None), |(calls, follows)| (Some(calls), follows));
        let calendar = self.job_days(raw, calls, calendar);
        self.contradictions(raw, follows.as_ref());
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
            says_output: raw.output.is_some() || media.iter().any(|m| m.kind.is_made()),
            spread,
            reasoning: self.reasoning(raw),
            retries: self.retries(raw.retries.as_ref()),
            cache: raw.cache.as_ref().and_then(|c| self.cache(c)),
            batch: self.batch(raw),
            batch_if_sold: matches!(&raw.batch, Some(At { value: RawBatch::WhereAvailable, .. })),
            context: self.context(raw),
            also: self.also(raw),
            media,
            calls: calls?,
            shared_users: self.reader.users.is_some_and(|users| calls.is_some_and(|calls| calls.users == Some(users))),
            follows,
            order,
            calls_of: order,
            prompt_growth: self.prompt_growth(raw),
            growth: self.growth(raw),
            calendar,
            minute: self.minute(raw),
            free: raw.free.as_ref().map(|f| self.free(f)).unwrap_or_default(),
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
            self.assume(
                "reasoning",
                "by model",
                "none given: what each model thinks by default, as a range; reasoning: 0 leaves it out",
            );
        }
        let has_hours = raw.calendar.as_ref().is_some_and(|c| c.hours.is_some());
        if raw.time.is_none() && !has_hours {
            self.assume("time", "12:00 UTC", "the time of the day that prices are looked up at");
        }
    }

    /// Keys that exclude each other, or do nothing together.
    fn contradictions(&mut self, raw: &RawFeature, follows: Option<&Follows>) {
        if let (Some(time), Some(_)) = (&raw.time, raw.calendar.as_ref().and_then(|c| c.hours.as_ref())) {
            self.reader.object(
                "time",
                time.place,
                format!("{} has both a time and hours", self.name),
                "keep one of the two: hours: 8-18 in the calendar, or time: \"02:00\"",
            );
        }
        if let Some(follows) = follows {
            let own = [
                ("growth", raw.growth.as_ref().map(|g| g.place)),
                ("calendar", raw.calendar.as_ref().map(|_| self.place)),
                ("users", raw.users.as_ref().map(|u| u.place)),
            ];
            for (key, place) in own.into_iter().filter_map(|(key, place)| Some((key, place?))) {
                let message = format!("{} follows {} and has a {key} of its own", self.name, follows.feature);
                self.reader.object(
                    "contradiction",
                    place,
                    message,
                    format!("take {key} out: that of {} holds", follows.feature),
                );
            }
        }
        if let (Some(history), None) = (&raw.history, &raw.turns)
            && raw.steps.is_none()
        {
            let message = format!("{} has a history and a single turn", self.name);
            self.reader.warn(
                "no-effect",
                history.place,
                message,
                "write turns: 4 for conversations, or take history out",
            );
        }
        if let (Some(dataset), Some(prompt)) = (&raw.dataset, &raw.prompt)
            && let Some(column) = &dataset.column
        {
            let message = format!("{} has a prompt and a column that is the prompt", self.name);
            let help =
                format!("take column out and write {{{{{}}}}} in the prompt, or take the prompt out", column.value);
            self.reader.object("contradiction", prompt.place, message, help);
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
                let mut part = |share: &At<_>| {
                    self.reader.no_range(share, "the share of a model");
                    self.reader.part(share).expected
                };
                let routes: Vec<Route> = routing.iter().map(|(model, share)| route(model, part(share))).collect();
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
    fn texts(&mut self, raw: &RawFeature) -> (Vec<PromptPart>, Vec<PromptPart>, Vec<Vec<PromptPart>>) {
        let reader = &mut *self.reader;
        let constants: DatasetRow =
            raw.variables.0.iter().map(|(name, v)| (name.value.as_str().into(), v.clone())).collect();
        let mut pieces = |text: &Option<At<_>>| text.as_ref().map(|t| reader.pieces(t)).unwrap_or_default();
        let (system, tools, prompt) = (pieces(&raw.system), pieces(&raw.tools), pieces(&raw.prompt));
        let dataset = raw.dataset.as_ref().map(|d| reader.dataset(d));
        let rows: Vec<DatasetRow> = match &dataset {
            Some(Some((rows, _))) => rows.clone(),
            _ => vec![DatasetRow::new()],
        };
        let column = dataset.flatten().and_then(|(_, column)| column);
        let sends_other = !raw.sends.0.is_empty() || !raw.attachments.is_empty();
        if raw.prompt.is_none() && column.is_none() && raw.dataset.is_none() && sends_other {
            self.assume("prompt", "0 tokens", "none given: what it sends is said in its own units");
        } else if raw.prompt.is_none() && column.is_none() && raw.dataset.is_none() {
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
                Some(text) => vec![PromptPart::Text(text.into())],
                None => {
                    // A column of the dataset comes before a constant of the same name.
                    let values = row.into_iter().chain(constants.iter().cloned()).collect();
                    self.reader.filled(&prompt, &values)
                }
            });
        }
        (system, tools, prompts)
    }

    /// What the mean of the answers may be, and the single ones where they were measured.
    fn output(&mut self, raw: &RawFeature, media: &[Medium]) -> (Option<Range<Decimal>>, Option<Arc<AnswerLengths>>) {
        let makes_other = !media.is_empty();
        match &raw.output {
            None if makes_other => {
                self.assume("output", "0 tokens", "none given: what it sends or makes is said in its own units, and a model that bills an answer by the token needs its length");
                (Some(Range::default()), None)
            }
            Some(At { value: RawOutput::Tokens(tokens), place }) => {
                (self.reader.tokens(&At { value: tokens.clone(), place: *place }), None)
            }
            Some(At { value: RawOutput::Samples(samples), place }) => {
                let measured = self.measured(samples, *place);
                (measured.as_ref().map(|(range, _)| *range), measured.map(|(_, lengths)| Arc::new(lengths)))
            }
            None => {
                self.object(
                    "output",
                    format!("{} does not say how long its answers are", self.name),
                    "write output: 150..300..600 (low..expected..high tokens), or {file, column} of measured answers",
                );
                (None, None)
            }
        }
    }

    fn measured(&mut self, samples: &RawSamples, place: Place) -> Option<(Range<Decimal>, AnswerLengths)> {
        let values = self.reader.samples(samples, place)?;
        let counts: Vec<u64> = values.iter().filter_map(|v| v.trim().parse().ok()).collect();
        if counts.len() < values.len() {
            let message =
                format!("{} of {} answers have no whole number of tokens", values.len() - counts.len(), values.len());
            self.reader.warn(
                "samples",
                place,
                message,
                "they are left out; `farebox count --jsonl FIELD` counts texts",
            );
        }
        if counts.is_empty() {
            self.reader.object("samples", place, "no answer has a number of tokens", "name the column that holds it");
            return None;
        }
        let range = mean_of(&counts);
        let about = "what the mean may be after so many measured answers; what single ones differ by is drawn apart";
        self.assume("output", range, about);
        Some((range, AnswerLengths::of(counts)))
    }

    fn batch(&mut self, raw: &RawFeature) -> Decimal {
        match &raw.batch {
            None => Decimal::ZERO,
            Some(At { value: RawBatch::WhereAvailable, .. }) => Decimal::ONE,
            Some(At { value: RawBatch::Share(share), place }) => {
                let share = At { value: share.clone(), place: *place };
                let range = self.reader.part(&share);
                self.reader.no_range(&share, "the share of batches");
                range.expected
            }
        }
    }

    fn context(&mut self, raw: &RawFeature) -> Context {
        let mut context = Context::default();
        for (key, value) in &raw.with.0 {
            match key.value.parse::<Dimension>() {
                Ok(dimension) => context.set(dimension, &value.value),
                Err(error) => {
                    let known: Vec<&str> = Dimension::ALL.iter().map(|d| d.name()).collect();
                    let near = did_you_mean(&key.value, known.iter().copied());
                    let help = format!("{near}The keys of `with` are {}", known.join(", "));
                    self.reader.object("with", key.place, error.to_string(), help);
                }
            }
        }
        if let Some(tier) = &raw.service_tier {
            context.set(Dimension::ServiceTier, &tier.value);
        }
        context
    }

    fn also(&mut self, raw: &RawFeature) -> Vec<(Meter, Range<Decimal>)> {
        let mut also = Vec::new();
        for (key, quantity) in &raw.also.0 {
            match key.value.parse::<Meter>() {
                Ok(meter) if !meter.is_tokens() || meter.side() == Side::Beside => {
                    also.extend(self.reader.plain(quantity).map(|range| (meter, range)))
                }
                Ok(meter) => {
                    self.reader.object(
                        "also",
                        key.place,
                        format!("{meter} counts tokens, which the prompt and the answer say"),
                        "write prompt and output for text, and sends: {audio: 3 minutes} or makes: {audio: 40 seconds} for sound",
                    );
                }
                Err(error) => {
                    let near = did_you_mean(&key.value, Meter::ALL.iter().filter(|m| !m.is_tokens()).map(|m| m.name()));
                    self.reader.object(
                        "also",
                        key.place,
                        error.to_string(),
                        format!("{near}`farebox prices meters` lists them"),
                    );
                }
            }
        }
        also
    }
}

/// The mean of measured answers, and the range that it may really have: of the draws from it, nine in ten lie in the
/// confidence interval of 90 % that Student's distribution gives.
#[must_use]
pub(crate) fn mean_of(counts: &[u64]) -> Range<Decimal> {
    if counts.is_empty() {
        return Range::default();
    }
    let n = counts.len() as f64;
    let mean = counts.iter().map(|c| *c as f64).sum::<f64>() / n;
    let variance = counts.iter().map(|c| (*c as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // A ramp has a twentieth of its draws in the outer √0.1 of its length: the ends lie beyond the interval.
    let margin = student_95(counts.len()) * (variance / n).sqrt() / (1.0 - 0.1_f64.sqrt());
    let decimal = |x: f64| Decimal::try_from(x.max(0.0)).unwrap_or_default().round_dp(3);
    let exact = Decimal::from(counts.iter().sum::<u64>()).checked_div(Decimal::from(counts.len() as u64));
    let expected = exact.unwrap_or_default().round_dp(12);
    Range { low: decimal(mean - margin).min(expected), expected, high: decimal(mean + margin).max(expected) }
}

/// The 95 % quantile of Student's distribution for so many measurements.
///
/// # Source
/// The expansion by Cornish and Fisher around the normal quantile 1.644854 (Abramowitz and Stegun 26.7.5); for two, three and
/// four measurements the tabulated values, which it misses.
fn student_95(measurements: usize) -> f64 {
    let z = 1.644_854_f64;
    match measurements {
        0 | 1 => 0.0,
        2 => 6.313_8,
        3 => 2.920_0,
        4 => 2.353_4,
        n => {
            let f = (n - 1) as f64;
            let g1 = (z.powi(3) + z) / 4.0;
            let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
            let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
            z + g1 / f + g2 / f.powi(2) + g3 / f.powi(3)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// 100, 200, 300: mean 200, s = 100; t = 2.92 of two degrees of freedom: 2.92 × 100 ÷ √3 ÷ (1 − √0.1) = 246.5…, cut off
    /// at nothing. 40 answers with a mean of 74.75: t = 1.6849 (R: qt(0.95, 39)).
    #[test]
    fn the_mean_of_samples_may_be_what_students_distribution_says() {
        let range = mean_of(&[100, 200, 300]);
        assert_eq!((range.low, range.expected), (dec!(0), dec!(200)));
        assert_eq!(range.high.round_dp(1), dec!(446.6));
        assert_eq!(mean_of(&[7]), Range::exactly(dec!(7)));
        for (n, t) in [(5, 2.1318), (6, 2.0150), (11, 1.8125), (40, 1.6849), (1001, 1.6464)] {
            assert!((student_95(n) - t).abs() < 2e-3, "{n}: {}", student_95(n));
        }
    }
}
