//! Why a workload has no plan: [`PlanError`].

use std::sync::Arc;

use crate::calculator::Refusal;
use crate::pricing::UnknownModel;
use crate::tokenizer::TokenizerError;
use crate::tokenizer::chat::Refused;

/// Why what a feature sends has no count on a model.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountingError {
    /// The tokenizer of the model cannot be used.
    #[error(transparent)]
    Tokenizer(Arc<TokenizerError>),
    /// The request cannot be put together.
    #[error(transparent)]
    Request(Arc<Refused>),
    /// The model bills no such attachment.
    #[error(transparent)]
    Attachment(#[from] Refusal),
}

impl From<TokenizerError> for CountingError {
    fn from(error: TokenizerError) -> Self {
        CountingError::Tokenizer(Arc::new(error))
    }
}

impl From<Refused> for CountingError {
    fn from(error: Refused) -> Self {
        CountingError::Request(Arc::new(error))
    }
}

impl CountingError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            CountingError::Tokenizer(error) => error.help(),
            CountingError::Request(error) => error.help(),
            CountingError::Attachment(refusal) => refusal.help(),
        }
    }
}

/// Why a workload has no plan.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A model that nobody sells.
    #[error("{error}")]
    Model {
        /// Line of the file that names it.
        line: usize,
        /// Why.
        error: UnknownModel,
    },
    /// Something that has no price.
    #[error("{feature}: {refusal}")]
    Refused {
        /// The feature.
        feature: String,
        /// Why.
        refusal: Refusal,
    },
    /// Something whose tokens cannot be counted for the model.
    #[error("{feature}: {reason}")]
    Uncounted {
        /// The feature.
        feature: String,
        /// Why.
        reason: CountingError,
    },
    /// Money with more digits than it can carry.
    #[error("{0}: the cost has more digits than farebox carries")]
    TooLarge(String),
}

impl PlanError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            PlanError::Model { error, .. } => error.help(),
            PlanError::Refused { refusal, .. } => refusal.help(),
            PlanError::Uncounted { reason, .. } => reason.help(),
            PlanError::TooLarge(_) => Some("check the calls and the tokens".to_owned()),
        }
    }

    /// The feature that cannot be planned; `None` for an unknown model, which stands on a line.
    #[must_use]
    pub(crate) fn feature(&self) -> Option<&str> {
        match self {
            PlanError::Model { .. } => None,
            PlanError::Refused { feature, .. } | PlanError::Uncounted { feature, .. } => Some(feature),
            PlanError::TooLarge(feature) => Some(feature),
        }
    }
}
