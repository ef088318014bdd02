//! What a model must be able to do: [`Need`], such as `context=128k` or `vision`.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use super::card::{ALWAYS_THINKS, ModelCard};

/// A condition on what is known of a model.
///
/// # Examples
/// ```
/// use farebox::pricing::need::Need;
/// assert_eq!("context=128k".parse::<Need>().unwrap(), Need::Context(128_000));
/// assert_eq!("vision".parse::<Need>().unwrap(), Need::Can("vision".into()));
/// assert!("context=long".parse::<Need>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A context window of at least N tokens.
    Context(u64),
    /// Answers of at least N tokens.
    Output(u64),
    /// A capability, or something it reads.
    Can(String),
    /// Published weights.
    Open,
}

impl Need {
    /// Every capability that some card has or reads, under each name that it is asked for by.
    #[must_use]
    pub(crate) fn capabilities(cards: impl Iterator<Item = Arc<ModelCard>>) -> BTreeSet<String> {
        let mut known: BTreeSet<String> = BTreeSet::new();
        for card in cards {
            known.extend(card.info.capabilities.iter().chain(&card.info.input).cloned());
        }
        // `is_met_by` reads these as what the model reads.
        let others = [("image", "vision"), ("audio", "audio_input")];
        let others: Vec<_> = others.iter().filter(|(name, _)| known.contains(*name)).collect();
        known.extend(others.into_iter().map(|(_, other)| (*other).to_owned()));
        known
    }

    /// Whether a model meets it; `None` where that is not known, which is not the same as no.
    #[must_use]
    pub(crate) fn is_met_by(&self, card: &ModelCard) -> Option<bool> {
        let info = &card.info;
        match self {
            Need::Context(tokens) => Some(info.context_window? >= *tokens),
            Need::Output(tokens) => Some(info.max_output? >= *tokens),
            Need::Open => info.open_weights,
            Need::Can(what) => {
                let reads = match what.as_str() {
                    "vision" => "image",
                    "audio_input" => "audio",
                    other => other,
                };
                let lists = info.capabilities.iter().any(|c| c == what) || info.input.iter().any(|i| i == reads);
                // That a model always thinks is known of some of which nothing else is.
                let silent = info.capabilities.iter().all(|c| c == ALWAYS_THINKS) && info.input.is_empty();
                (lists || !silent).then_some(lists)
            }
        }
    }
}

impl Need {
    /// Why a model does not meet it, for people; `None` where it does.
    #[must_use]
    pub(crate) fn reason_unmet(&self, card: &ModelCard) -> Option<String> {
        let name = match self {
            Need::Context(tokens) => format!("context={tokens}"),
            Need::Output(tokens) => format!("output={tokens}"),
            Need::Can(what) => what.clone(),
            Need::Open => "licence=open".into(),
        };
        match self.is_met_by(card) {
            Some(true) => None,
            Some(false) => Some(format!("does not meet {name}")),
            None => Some(format!("not known to meet {name}")),
        }
    }
}

/// Why a text is not a [`Need`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a need: write context=128k, output=8k, open, or a capability such as tools, vision, reasoning")]
pub struct NeedTextError(String);

impl FromStr for Need {
    type Err = NeedTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || NeedTextError(text.to_owned());
        let word = text.trim().to_lowercase();
        let Some((key, value)) = word.split_once('=') else {
            return match word.as_str() {
                "" => Err(error()),
                "open" => Ok(Need::Open),
                _ => Ok(Need::Can(word)),
            };
        };
        let (digits, unit) = match value.strip_suffix('k') {
            Some(digits) => (digits, 1_000),
            None => value.strip_suffix('m').map_or((value, 1), |digits| (digits, 1_000_000)),
        };
        let tokens = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(error)?;
        match key {
            "context" => Ok(Need::Context(tokens)),
            "output" => Ok(Need::Output(tokens)),
            _ => Err(error()),
        }
    }
}
