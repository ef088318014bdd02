//! What `farebox optimise` may choose for a feature, as it is written under `choose:`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::quantity::Quantity;
use super::reader::WorkloadReader;
use super::short::Words;
use crate::calculator::choice::{Choice, Latency};
use crate::pricing::yaml::At;
use crate::similar::did_you_mean;

/// What may be chosen for a feature. An empty map lets the model be chosen, and leaves everything else as it is.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RawChoice {
    /// Models allowed, as patterns such as `[openai/*, anthropic/claude-*]`; every live model at its maker when left out.
    pub models: Option<At<Words>>,
    /// What a model must be able to do, such as `[vision, tools, context=128k]`.
    pub needs: Option<At<Words>>,
    /// The least score in the file of `--scores`.
    pub score: Option<At<Quantity>>,
    /// How long an answer may take: interactive (no queue), minutes (flex queues), day (batches too); as the feature says
    /// when left out.
    pub latency: Option<At<String>>,
    /// Whether prompts may be cached, for five minutes or an hour; as the feature says when left out.
    pub cache: Option<bool>,
    /// Tokens at which an answer may be cut off.
    pub cap: Option<At<Quantity>>,
}

const LATENCIES: [(&str, Latency); 3] =
    [("interactive", Latency::Interactive), ("minutes", Latency::Minutes), ("day", Latency::Day)];

impl WorkloadReader<'_> {
    /// What may be chosen, by feature.
    pub(super) fn choices<'r>(
        &mut self,
        written: impl Iterator<Item = (&'r str, &'r At<RawChoice>)>,
    ) -> BTreeMap<String, Choice> {
        written.map(|(feature, raw)| (feature.to_owned(), self.choice(raw))).collect()
    }

    fn choice(&mut self, raw: &At<RawChoice>) -> Choice {
        let choice = &raw.value;
        let needs = self.words(choice.needs.as_ref(), "[vision, context=128k]");
        let place = choice.needs.as_ref().map_or(raw.place, |needs| needs.place);
        let needs = needs.iter().filter_map(|text| match text.parse() {
            Ok(need) => Some(need),
            Err(error) => {
                let error: crate::pricing::need::NeedTextError = error;
                self.object("needs", place, error.to_string(), "`farebox models --need WORD` tries one");
                None
            }
        });
        let needs = needs.collect();
        Choice {
            models: self.words(choice.models.as_ref(), "[openai/*, anthropic/claude-*]"),
            needs,
            score: choice.score.as_ref().and_then(|score| self.one_number(score, "")),
            latency: choice.latency.as_ref().and_then(|word| self.latency(word)),
            cache: choice.cache.unwrap_or(false),
            cap: choice.cap.as_ref().and_then(|cap| self.cap(cap)),
            line: raw.place.line,
        }
    }

    fn words(&mut self, list: Option<&At<Words>>, example: &str) -> Vec<String> {
        let Some(list) = list else { return Vec::new() };
        let empty = list.value.iter().find(|word| word.value.trim().is_empty());
        if let Some(place) = empty.map(|word| word.place).or(list.value.is_empty().then_some(list.place)) {
            self.object("choose", place, "a word is missing here", format!("write it as {example}"));
            return Vec::new();
        }
        list.value.iter().map(|word| word.value.clone()).collect()
    }

    fn latency(&mut self, word: &At<String>) -> Option<Latency> {
        let known = LATENCIES.iter().find(|(name, _)| *name == word.value).map(|(_, latency)| *latency);
        if known.is_none() {
            let near = did_you_mean(&word.value, LATENCIES.map(|(name, _)| name));
            let message = format!("{:?} is no latency", word.value);
            self.object("choose", word.place, message, format!("{near}write interactive, minutes or day"));
        }
        known
    }

    fn one_number(&mut self, quantity: &At<Quantity>, unit: &str) -> Option<rust_decimal::Decimal> {
        let given = &quantity.value;
        let is_one = !given.range.is_range() && (given.unit.is_empty() || given.unit == unit);
        if !is_one {
            self.object("choose", quantity.place, "this is one number", "write a number, such as 70");
        }
        is_one.then_some(given.range.expected)
    }

    fn cap(&mut self, quantity: &At<Quantity>) -> Option<u64> {
        let number = self.one_number(quantity, "tokens")?;
        let cap = u64::try_from(number).ok().filter(|cap| *cap > 0 && number.fract().is_zero());
        if cap.is_none() {
            let message = format!("answers cannot be cut off at {number} tokens");
            self.object("choose", quantity.place, message, "write a whole number, such as 400");
        }
        cap
    }
}
