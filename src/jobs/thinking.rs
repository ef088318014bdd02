//! How thinking is shown: the tokens in a column, and in a note where they come from.

use serde::Serialize;

use super::plural;
use crate::calculator::thinking::{Effort, Thinking, ThinkingBasis};
use crate::range::Range;
use crate::report::{Cell, Tone};

/// The thinking before an answer.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ThinkingRow {
    /// The best guess, in tokens.
    pub tokens: u64,
    /// At least this, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// At most this, where it is a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// `given`, `measured`, `assumed`, or `off` for a model that does not think unless it is asked to.
    pub basis: ThinkingBasis,
    /// The effort that it is measured or assumed at; none where it is not known whether the model thinks by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'static str>,
}

impl ThinkingRow {
    /// The row of a model's thinking; none for a model that cannot think.
    ///
    /// * `tokens`: of all requests together.
    #[must_use]
    pub(crate) fn of(thinking: Thinking, tokens: Range<u64>) -> Option<ThinkingRow> {
        if thinking.basis == ThinkingBasis::Off && thinking.effort.is_none() {
            return None;
        }
        let bounds = tokens.is_range().then_some(tokens);
        Some(ThinkingRow {
            tokens: tokens.expected,
            low: bounds.map(|tokens| tokens.low),
            high: bounds.map(|tokens| tokens.high),
            basis: thinking.basis,
            effort: thinking.effort.map(Effort::name),
        })
    }

    /// `660`, `~660` for what is assumed, `off`.
    #[must_use]
    pub(crate) fn cell(row: Option<&ThinkingRow>) -> Cell {
        let Some(row) = row else { return Cell::default() };
        let tokens = Cell::quantity(row.tokens);
        match row.basis {
            ThinkingBasis::Off => Cell::pair("off".to_owned(), "0".to_owned()).tone(Tone::Dim),
            ThinkingBasis::Given => tokens,
            ThinkingBasis::Measured | ThinkingBasis::Assumed => Cell::pair(format!("~{}", tokens.people), tokens.exact),
        }
    }
}

/// Says that thinking is assumed, and how to say otherwise; each model with its thinking.
///
/// * `flag`: what says it, such as `--thinking-tokens N`.
pub(crate) fn thinking_note(mut models: Vec<(String, Thinking)>, flag: &str) -> Option<String> {
    models.retain(|(_, thinking)| thinking.is_assumption());
    models.dedup_by(|a, b| a.0 == b.0);
    let (id, first) = models.first()?;
    let (range, why) = (first.shown(), first.reason());
    Some(match models.len() {
        1 => format!(
            "{id} thinks before it answers: {range} for each answer ({why}). {flag} says how many; 0 leaves it out."
        ),
        n => format!(
            "~ marks thinking tokens of an answer that are assumed, for {}: for {id} {range} ({why}). {flag} says how many; 0 leaves it out.",
            plural(n as u64, "model")
        ),
    })
}
