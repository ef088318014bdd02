//! What rows about a count have in common.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::money::percent_for_people;
use crate::report::{Cell, Tone};
use crate::tokenizer::{Basis, TokenCount};

/// What was counted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountIdentity {
    /// The provider's id, where a model was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model's id at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tokenizer.
    pub tokenizer: String,
    /// The published template that wrote the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<&'static str>,
}

impl CountIdentity {
    /// `provider/model`, or the tokenizer's name where no model was asked for.
    pub(super) fn name(&self) -> String {
        self.full_id().unwrap_or_else(|| self.tokenizer.clone())
    }

    fn full_id(&self) -> Option<String> {
        self.provider.as_ref().zip(self.model.as_ref()).map(|(provider, model)| format!("{provider}/{model}"))
    }

    /// `provider/model`; empty where no model was asked for.
    pub(super) fn model_cell(&self) -> Cell {
        self.full_id().map_or_else(Cell::default, Cell::text)
    }
}

/// A count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CountFields {
    /// The best single number.
    pub tokens: u64,
    /// What it rests on: `exact`, `reconstructed`, `assumed` or `estimated`.
    pub basis: &'static str,
    /// The least it may be, where it is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// The most it may be, where it is not exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
}

impl CountFields {
    /// The fields of a count.
    #[must_use]
    pub fn of(count: TokenCount) -> Self {
        let bound = |n| (count.basis != Basis::Exact).then_some(n);
        let (low, high) = (bound(count.low), bound(count.high));
        CountFields { tokens: count.tokens, basis: count.basis.name(), low, high }
    }

    /// The most it may be.
    pub(super) fn most(&self) -> u64 {
        self.high.unwrap_or(self.tokens)
    }
}

/// A number; nothing where there is none.
pub(super) fn number(number: Option<u64>) -> Cell {
    number.map_or_else(Cell::default, Cell::quantity)
}

/// The share of a context window; what does not fit is marked.
pub(super) fn share_cell(tokens: u64, window: u64) -> Cell {
    let percent = Decimal::from(tokens).checked_mul(Decimal::ONE_HUNDRED).and_then(|n| n.checked_div(window.into()));
    let Some(percent) = percent else { return Cell::default() };
    let shown = format!("{} of {}", percent_for_people(percent), Cell::quantity(window).people);
    let cell = Cell::pair(shown, percent.round_dp(4).normalize().to_string());
    if tokens > window { cell.tone(Tone::Bad) } else { cell }
}
