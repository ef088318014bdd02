//! The text of a feature, counted for one model.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::Market;
use crate::calculator::shape::{Fixed, MICRO};
use crate::calculator::workload::{Attachment, Feature, Part, Range};
use crate::pricing::Found;
use crate::tokenizer::TokenCount;
use crate::tokenizer::chat::Wrapping;

/// Text of a feature, counted for one model. Tokens are in millionths.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    /// Instructions, tools, and what stands around them and a first question.
    pub prefix: Fixed,
    pub cached_prefix: Fixed,
    /// What stands around a turn that is sent again.
    pub turn: Fixed,
    /// Prompts of the same length, and how many of the rows they are.
    pub rows: Vec<(Fixed, u64)>,
    pub row_count: u64,
    pub images: Fixed,
    /// Whether the card has a rate of its own for images.
    pub images_apart: bool,
}

/// What the provider of a model adds around the texts of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
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
        parts.filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Tokens(_) => None,
        })
    }
}

impl Fixed {
    pub(super) fn times(self, n: i64) -> Fixed {
        let product = |a: i64| a.saturating_mul(n);
        Fixed { low: product(self.low), expected: product(self.expected), high: product(self.high) }
    }
}

fn of_count(count: TokenCount) -> Fixed {
    let micro = |n: u64| i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Fixed { low: micro(count.low), expected: micro(count.tokens), high: micro(count.high) }
}

/// Counts every text of a feature for a model, and what stands around them: a message that is given as a number of tokens
/// holds its frame already.
///
/// # Errors
/// Those of the [`Market`].
pub(super) fn framed(
    feature: &Feature,
    found: &Found,
    market: &mut dyn Market,
) -> Result<(Counted, Option<Frame>), String> {
    let mut counted = Counted::of_prompts(feature, found, market)?;
    let (mut system, mut tools) = (sum(&feature.system, found, market)?, sum(&feature.tools, found, market)?);
    let frame = frame(feature, found, market)?;
    if let Some((frame, around_system)) = &frame {
        system = system + of_count(*around_system);
        tools = frame.tools.map_or(tools, of_count);
        counted.turn = of_count(frame.turn);
    }
    let opening =
        frame.map_or_else(Fixed::default, |(frame, around_system)| of_count(less(frame.opening, around_system)));
    let cached = |parts: Fixed, is: bool| if is { parts } else { Fixed::default() };
    counted.cached_prefix = feature.cache.map_or_else(Fixed::default, |cache| {
        // A cache holds beginnings: tools stand behind the instructions.
        cached(system, cache.system) + cached(tools, cache.tools)
    });
    counted.prefix = system + tools + opening;
    for attachment in &feature.attachments {
        if let Attachment::Image { width, height, count } = attachment {
            counted.images = counted.images + images(market.image(found, *width, *height)?, *count);
        }
    }
    Ok((counted, frame.map(|(frame, _)| frame)))
}

/// What stands around the texts, and how much of it around the instructions.
fn frame(feature: &Feature, found: &Found, market: &mut dyn Market) -> Result<Option<(Frame, TokenCount)>, String> {
    let is_text = |parts: &Vec<Part>| parts.iter().any(|part| matches!(part, Part::Text(_)));
    let (tells, asks) = (is_text(&feature.system), feature.prompts.iter().any(is_text));
    let tools = match feature.tools.as_slice() {
        [Part::Text(tools)] => Some(tools),
        _ => None,
    };
    if !tells && !asks && tools.is_none() {
        return Ok(None);
    }
    let Wrapping { request, system, turn, tools } = market.wrapping(found, tools)?;
    let only = |count: TokenCount, is: bool| if is { count } else { TokenCount::default() };
    let (system, mut opening) = (only(system, tells), only(request, asks));
    opening += system;
    Ok(Some((Frame { opening, turn: only(turn, asks), tools }, system)))
}

/// A count without a part of it.
fn less(count: TokenCount, part: TokenCount) -> TokenCount {
    let of = |a: u64, b: u64| a.saturating_sub(b);
    let (tokens, low, high) = (of(count.tokens, part.tokens), of(count.low, part.low), of(count.high, part.high));
    TokenCount { tokens, low: low.min(tokens), high: high.max(tokens), ..count }
}

/// So many images of so many tokens.
fn images(each: TokenCount, count: Range) -> Fixed {
    let product = |tokens: u64, n: Decimal| Decimal::from(tokens).saturating_mul(n);
    let range = Range {
        low: product(each.low, count.low),
        expected: product(each.tokens, count.expected),
        high: product(each.high, count.high),
    };
    Fixed::of(range, MICRO)
}

fn sum(parts: &[Part], found: &Found, market: &mut dyn Market) -> Result<Fixed, String> {
    parts.iter().try_fold(Fixed::default(), |sum, part| {
        Ok(sum
            + match part {
                Part::Text(text) => of_count(market.count(found, text)?),
                Part::Tokens(range) => Fixed::of(*range, MICRO),
            })
    })
}

impl Counted {
    /// The prompts alone.
    ///
    /// # Errors
    /// Those of the [`Market`].
    pub fn of_prompts(feature: &Feature, found: &Found, market: &mut dyn Market) -> Result<Counted, String> {
        let mut rows: Vec<(Fixed, u64)> = Vec::new();
        for prompt in &feature.prompts {
            let tokens = sum(prompt, found, market)?;
            match rows.iter_mut().find(|(same, _)| *same == tokens) {
                Some((_, n)) => *n += 1,
                None => rows.push((tokens, 1)),
            }
        }
        if rows.is_empty() {
            rows.push((Fixed::default(), 1));
        }
        let row_count = rows.iter().map(|(_, n)| n).sum();
        Ok(Counted { rows, row_count, ..Counted::default() })
    }
}
