//! How many tokens another tokenizer makes of the same text, measured on the texts of a log or on samples.

use std::collections::HashMap;

use crate::jobs::usage::priced::RecordRefusal;
use crate::jobs::{Setup, TokenizerChoice};
use crate::report::Cell;
use crate::tokenizer::ratio::{Ratio, samples};
use crate::tokenizer::{StreamCounter, TokenCount};

/// The tokenizers of a ratio, and whether each is only assumed.
pub(super) type TokenizerPair = (String, bool, String, bool);

pub(super) fn pair(from: &TokenizerChoice, to: &TokenizerChoice) -> TokenizerPair {
    (from.name.clone(), from.assumed, to.name.clone(), to.assumed)
}

/// Ratios between tokenizers, each measured once.
pub(super) struct TokenRatios<'s> {
    pub setup: &'s Setup,
    /// Texts of the log itself.
    pub texts: Vec<String>,
    /// The kinds of samples that stand for them where there are none.
    pub classes: &'s [String],
    pub known: HashMap<TokenizerPair, Ratio>,
}

impl TokenRatios<'_> {
    /// The ratio between two tokenizers.
    pub(crate) fn between(&mut self, from: &TokenizerChoice, to: &TokenizerChoice) -> Result<Ratio, RecordRefusal> {
        let key = pair(from, to);
        if let Some(ratio) = self.known.get(&key) {
            return Ok(*ratio);
        }
        let ratio = if from == to && !from.assumed { Ratio::SAME } else { self.measured(from, to)? };
        self.known.insert(key, ratio);
        Ok(ratio)
    }

    fn measured(&self, from: &TokenizerChoice, to: &TokenizerChoice) -> Result<Ratio, RecordRefusal> {
        let (from, to) = (self.counter(from)?, self.counter(to)?);
        let own = self.texts.iter().map(String::as_str);
        let others = samples().iter().filter(|s| self.classes.contains(&s.kind)).map(|s| s.text.as_str());
        let ratio =
            if self.texts.is_empty() { Ratio::measured(others, from, to) } else { Ratio::measured(own, from, to) };
        ratio.ok_or_else(|| RecordRefusal::new("no-rate", "there is no text to measure the ratio of two tokenizers on"))
    }

    /// Counts a text as a tokenizer does that may only be assumed.
    fn counter(&self, choice: &TokenizerChoice) -> Result<impl Fn(&str) -> TokenCount + use<>, RecordRefusal> {
        let tokenizer = self.setup.tokenizer(&choice.name).map_err(RecordRefusal::unmeasured)?;
        let choice = choice.clone();
        Ok(move |text: &str| {
            let mut counter = StreamCounter::new(tokenizer.clone());
            counter.push(text);
            choice.finish(counter)
        })
    }

    /// Every ratio that was measured, in sentences.
    pub(crate) fn said(&self) -> Vec<String> {
        let measured = self.known.iter().filter(|(_, ratio)| ratio.texts > 0);
        let mut said: Vec<String> = measured.map(|(pair, ratio)| self.sentence(pair, ratio)).collect();
        said.sort();
        said
    }

    fn sentence(&self, (from, _, to, assumed): &TokenizerPair, ratio: &Ratio) -> String {
        let of = ratio.scaled(1_000);
        let assumed = if *assumed { ", which is assumed to be the model's" } else { "" };
        let on = if self.texts.is_empty() {
            let classes = self.classes.join(", ");
            format!("{} sample texts ({classes}; --text-class says what yours are like)", ratio.texts)
        } else {
            format!("texts of the log itself: {}", ratio.texts)
        };
        format!(
            "1,000 tokens of {from} are {} ({}–{}) of {to}{assumed}: measured on {on}.",
            Cell::quantity(of.tokens).people,
            Cell::quantity(of.low).people,
            Cell::quantity(of.high).people,
        )
    }
}
