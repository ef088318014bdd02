//! Reads one feature of a workload.

mod cache;
mod traffic;
mod work;

use rust_decimal::Decimal;

use super::data::{DatasetRow, value};
use super::raw::{RawFeature, RawOutput};
use super::reader::WorkloadReader;
use crate::calculator::calendar::Calendar;
use crate::calculator::workload::{Feature, PromptPart, Route};
use crate::context::{Context, Dimension};
use crate::meter::Meter;
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
) -> Option<Feature> {
    FeatureReader { reader, name: name.value.clone(), place: name.place }.read(raw, shared)
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
            self.assume(
                "reasoning",
                "by model",
                "none given: what each model thinks by default, as a range; reasoning: 0 leaves it out",
            );
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

    fn output(&mut self, raw: &RawFeature) -> Option<Range<Decimal>> {
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

    fn batch(&mut self, raw: &RawFeature) -> Decimal {
        raw.batch.as_ref().map_or(Decimal::ZERO, |q| self.reader.part(q).expected)
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

/// The mean of measured answers, with the band that the mean of all answers lies in nine times out of ten.
#[must_use]
pub(crate) fn mean_of(counts: &[u64]) -> Range<Decimal> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn the_mean_of_samples_has_its_standard_error() {
        // 100, 200, 300: mean 200, s = 100, 1.645 × 100 ÷ √3 = 94.974…
        assert_eq!(mean_of(&[100, 200, 300]), Range { low: dec!(105.026), expected: dec!(200), high: dec!(294.974) });
        assert_eq!(mean_of(&[7]), Range::exactly(dec!(7)));
    }
}
