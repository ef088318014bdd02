//! Prompts with their tokens for each model: [`PromptCounter`] reads each text once and loads each tokenizer once.

use std::io::Read;

use crate::calculator::quote::{PromptTokens, Quote, WorkSpec};
use crate::conversation::Conversation;
use crate::input::text::read_blocks_of;
use crate::jobs::{JobError, Setup, TokenizerChoice};
use crate::pricing::Found;
use crate::range::Range;
use crate::tokenizer::{Basis, StreamCounter, TokenCount};

/// One prompt with its tokens for each model, in the order of the models.
#[derive(Clone, Debug)]
struct CountedPrompt {
    source: Option<String>,
    tokens: Vec<PromptTokens>,
}

/// Counts prompts for several models.
pub struct PromptCounter<'s> {
    models: &'s [Found],
    setup: &'s Setup,
    choices: Vec<TokenizerChoice>,
    prompts: Vec<CountedPrompt>,
}

impl<'s> PromptCounter<'s> {
    /// One without prompts.
    #[must_use]
    pub fn new(models: &'s [Found], setup: &'s Setup) -> Self {
        let choices = models.iter().map(|found| TokenizerChoice::of(found, setup)).collect();
        PromptCounter { models, setup, choices, prompts: Vec::new() }
    }

    /// Takes a number of tokens for a prompt of every model: exact, or a range of the user's own.
    pub(crate) fn typed(&mut self, tokens: Range<u64>) {
        let basis = if tokens.is_range() { Basis::Estimated } else { Basis::Exact };
        let count = TokenCount { tokens: tokens.expected, low: tokens.low, high: tokens.high, basis };
        self.prompts.push(CountedPrompt { source: None, tokens: vec![count.into(); self.models.len()] });
    }

    /// Counts a text; what a person should know about it is returned.
    ///
    /// * `binary`: whether the bytes of a binary file count as text.
    ///
    /// # Errors
    /// [`JobError`] where it cannot be read, or a tokenizer cannot be loaded.
    pub fn text(&mut self, name: &str, reader: &mut dyn Read, binary: bool) -> Result<Vec<String>, JobError> {
        let mut distinct = self.choices.clone();
        distinct.sort_by(|a, b| (&a.name, a.assumed).cmp(&(&b.name, b.assumed)));
        distinct.dedup();
        let mut counters = Vec::with_capacity(distinct.len());
        for choice in &distinct {
            counters.push(StreamCounter::new(self.setup.tokenizer(&choice.name)?));
        }
        let mut characters = 0_u64;
        let take = &mut |block: &str| {
            counters.iter_mut().for_each(|counter| counter.push(block));
            characters = characters.saturating_add(block.chars().count() as u64);
        };
        let read = read_blocks_of(name, reader, binary, take)?;
        let mut warnings: Vec<String> = read.note().map(|note| format!("{name}: {note}")).into_iter().collect();
        if read.bytes == 0 {
            warnings.push(format!("{name}: is empty, so the prompt has no tokens"));
        }
        let counts: Vec<TokenCount> =
            distinct.iter().zip(counters).map(|(choice, counter)| choice.finish(counter)).collect();
        let of = |choice: &TokenizerChoice| {
            let same = distinct.iter().zip(&counts).find(|(d, _)| *d == choice);
            let count = same.map(|(_, count)| *count).unwrap_or_default();
            PromptTokens { characters: Some(characters), ..count.into() }
        };
        let tokens = self.choices.iter().map(of).collect();
        self.prompts.push(CountedPrompt { source: Some(name.to_owned()), tokens });
        Ok(warnings)
    }

    /// Adds an attachment to every prompt, as each model counts and bills it; what a person should know is returned.
    ///
    /// # Errors
    /// [`JobError`] where a model cannot be sent it.
    pub(crate) fn attach(&mut self, name: &str, request: &Conversation) -> Result<Vec<String>, JobError> {
        let mut notes = Vec::new();
        for (at, (found, choice)) in self.models.iter().zip(&self.choices).enumerate() {
            let id = found.full_id();
            let mut counted = choice.framing(found, self.setup)?.count(request)?;
            let billed = PromptTokens::billed(found, &mut counted, self.setup.at);
            notes.extend(counted.notes.iter().map(|note| format!("{id}: {name}: {note}")));
            self.prompts.iter_mut().filter_map(|prompt| prompt.tokens.get_mut(at)).for_each(|sum| sum.add(&billed));
        }
        Ok(notes)
    }

    /// Whether there is no prompt yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// A prompt of nothing but what is attached to it.
    pub(crate) fn nothing(&mut self) {
        self.prompts.push(CountedPrompt { source: None, tokens: vec![PromptTokens::default(); self.models.len()] });
    }

    /// What each prompt costs on each model.
    #[must_use]
    pub fn quotes(&self, spec: &WorkSpec) -> Vec<Quote> {
        let of = |prompt: &CountedPrompt| {
            let with_tokens = self.models.iter().zip(&prompt.tokens);
            let quote = |(found, tokens)| Quote::of(found, prompt.source.as_deref(), tokens, spec, None, self.setup.at);
            with_tokens.map(quote).collect::<Vec<_>>()
        };
        self.prompts.iter().flat_map(of).collect()
    }
}
