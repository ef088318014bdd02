//! The text of a feature, counted for one model.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::CountingError;
use super::Resolver;
use crate::calculator::shape::MICRO;
use crate::calculator::workload::{Attachment, Feature, PromptPart};
use crate::pricing::Found;
use crate::range::Range;
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::Wrapping;

/// A prompt of a turn: what of it is text, and what was given as a number of tokens. Tokens are in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PromptRow {
    pub text: Range<i64>,
    pub typed: Range<i64>,
}

impl PromptRow {
    /// Its tokens at the mean.
    pub(super) const fn expected(&self) -> i64 {
        self.text.expected.saturating_add(self.typed.expected)
    }
}

/// Text of a feature, counted for one model. Tokens are in millionths.
#[derive(Clone, Debug, Default)]
pub(super) struct CountedText {
    /// Texts of instructions and tools, and what stands around them and a first question.
    pub prefix: Range<i64>,
    pub cached_prefix: Range<i64>,
    /// What of instructions and tools was given as a number of tokens.
    pub typed_system: Range<i64>,
    pub typed_tools: Range<i64>,
    /// What stands around a turn that is sent again.
    pub turn: Range<i64>,
    /// Prompts of the same length, and how many of the rows they are.
    pub rows: Vec<(PromptRow, u64)>,
    pub row_count: u64,
    /// Passages that a model puts into order with the prompt before each: their length, and how many there are.
    pub passages: Option<(Range<i64>, i64)>,
    pub images: Range<i64>,
    /// Whether the card has a rate of its own for images.
    pub images_apart: bool,
    /// What is sent and made besides text.
    pub media: MediaTokens,
}

/// Tokens of what a turn sends and an answer makes besides text, in millionths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MediaTokens {
    /// Text of pages.
    pub text: Range<i64>,
    /// Pages as images.
    pub images: Range<i64>,
    pub audio: Range<i64>,
    pub video: Range<i64>,
    pub speech: Range<i64>,
}

impl MediaTokens {
    pub(super) fn is_range(&self) -> bool {
        [self.text, self.images, self.audio, self.video, self.speech].iter().any(Range::is_range)
    }
}

/// What the provider of a model adds around the texts of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureFrame {
    /// Tokens around the instructions and the question of a first turn.
    pub opening: TokenCount,
    /// Tokens around each earlier turn that is sent again.
    pub turn: TokenCount,
    /// Tools with everything around them, where they were given as JSON.
    pub tools: Option<TokenCount>,
}

impl Feature {
    /// Every text that is counted.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        let parts = self.system.iter().chain(&self.tools).chain(self.prompts.iter().flatten());
        parts.filter_map(PromptPart::text)
    }
}

fn of_count(count: TokenCount) -> Range<i64> {
    let micro = |n: u64| i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Range { low: micro(count.low), expected: micro(count.tokens), high: micro(count.high) }
}

/// Counts every text of a feature for a model, and what stands around them: a message that is given as a number of tokens
/// holds its frame already.
///
/// # Errors
/// Those of the [`Resolver`].
pub(super) fn framed(
    feature: &Feature,
    found: &Found,
    resolver: &mut dyn Resolver,
) -> Result<(CountedText, Option<FeatureFrame>), CountingError> {
    let mut counted = CountedText::of_prompts(feature, found, resolver)?;
    let PromptRow { text: mut system, typed: typed_system } = sum(&feature.system, found, resolver)?;
    let PromptRow { text: mut tools, typed: typed_tools } = sum(&feature.tools, found, resolver)?;
    (counted.typed_system, counted.typed_tools) = (typed_system, typed_tools);
    let frame = frame(feature, found, resolver)?;
    if let Some((frame, around_system)) = &frame {
        system = system + of_count(*around_system);
        tools = frame.tools.map_or(tools, of_count);
        counted.turn = of_count(frame.turn);
    }
    let opening =
        frame.map_or_else(Range::default, |(frame, around_system)| of_count(less(frame.opening, around_system)));
    let cached = |parts: Range<i64>, is: bool| if is { parts } else { Range::default() };
    counted.cached_prefix = feature.cache.map_or_else(Range::default, |cache| {
        // A cache holds beginnings: tools stand behind the instructions.
        cached(system, cache.system) + cached(tools, cache.tools)
    });
    counted.prefix = system + tools + opening;
    for attachment in &feature.attachments {
        if let Attachment::Image { width, height, count } = attachment {
            counted.images = counted.images + images(resolver.image(found, *width, *height)?, *count);
        }
    }
    Ok((counted, frame.map(|(frame, _)| frame)))
}

/// What stands around the texts, and how much of it around the instructions.
fn frame(
    feature: &Feature,
    found: &Found,
    resolver: &mut dyn Resolver,
) -> Result<Option<(FeatureFrame, TokenCount)>, CountingError> {
    let is_text = |parts: &Vec<PromptPart>| parts.iter().any(|part| matches!(part, PromptPart::Text(_)));
    let (tells, asks) = (is_text(&feature.system), feature.prompts.iter().any(is_text));
    let is_json = |part: &PromptPart| matches!(part, PromptPart::Text(_));
    let tools: Vec<Arc<str>> = match feature.tools.iter().all(is_json) {
        true => feature.tools.iter().filter_map(PromptPart::text).cloned().collect(),
        // A number of tokens is what tools take with everything around them.
        false => Vec::new(),
    };
    if !tells && !asks && tools.is_empty() {
        return Ok(None);
    }
    let Wrapping { request, system, turn, tools, tools_beside_system } = resolver.wrapping(found, &tools)?;
    let tools = if tells { tools_beside_system } else { tools };
    let only = |count: TokenCount, is: bool| if is { count } else { TokenCount::default() };
    let (system, mut opening) = (only(system, tells), only(request, asks));
    opening += system;
    Ok(Some((FeatureFrame { opening, turn: only(turn, asks), tools }, system)))
}

/// A count without a part of it.
fn less(count: TokenCount, part: TokenCount) -> TokenCount {
    let of = |a: u64, b: u64| a.saturating_sub(b);
    let (tokens, low, high) = (of(count.tokens, part.tokens), of(count.low, part.low), of(count.high, part.high));
    TokenCount { tokens, low: low.min(tokens), high: high.max(tokens), ..count }
}

/// So many images of so many tokens.
fn images(each: TokenCount, count: Range<Decimal>) -> Range<i64> {
    let product = |tokens: u64, n: Decimal| Decimal::from(tokens).saturating_mul(n);
    let range = Range {
        low: product(each.low, count.low),
        expected: product(each.tokens, count.expected),
        high: product(each.high, count.high),
    };
    range.in_units(MICRO)
}

fn sum(parts: &[PromptPart], found: &Found, resolver: &mut dyn Resolver) -> Result<PromptRow, CountingError> {
    let mut row = PromptRow::default();
    for part in parts {
        match part {
            PromptPart::Text(text) => row.text = row.text + of_count(resolver.count(found, text)?),
            PromptPart::Tokens(range) => row.typed = row.typed + range.in_units(MICRO),
        }
    }
    Ok(row)
}

impl CountedText {
    /// The prompts alone.
    ///
    /// # Errors
    /// Those of the [`Resolver`].
    pub(crate) fn of_prompts(
        feature: &Feature,
        found: &Found,
        resolver: &mut dyn Resolver,
    ) -> Result<CountedText, CountingError> {
        let mut rows: Vec<(PromptRow, u64)> = Vec::new();
        let mut places = HashMap::new();
        for prompt in &feature.prompts {
            let row = sum(prompt, found, resolver)?;
            let PromptRow { text, typed } = row;
            let key = [text.low, text.expected, text.high, typed.low, typed.expected, typed.high];
            let place = *places.entry(key).or_insert(rows.len());
            match rows.get_mut(place) {
                Some((_, n)) => *n += 1,
                None => rows.push((row, 1)),
            }
        }
        if rows.is_empty() {
            rows.push((PromptRow::default(), 1));
        }
        let row_count = rows.iter().map(|(_, n)| n).sum();
        Ok(CountedText { rows, row_count, ..CountedText::default() })
    }
}
