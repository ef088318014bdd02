//! Why a question cannot be answered: one error for each kind of question.
//!
//! The text of an error says what is wrong, and its `help()` what to do next, where there is more to say.

use std::io;
use std::path::PathBuf;

use crate::calculator::Refusal;
use crate::jobs::JobError;
use crate::pricing::UnknownModel;
use crate::pricing::problem::Problem;
use crate::tokenizer::TokenizerError;
use crate::tokenizer::chat::Refused;

/// Why prices of your own cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PricesError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file has errors.
    #[error("{text}")]
    Problems {
        /// Every problem, with the line that it is in.
        text: String,
        /// The same, for programs.
        problems: Vec<Problem>,
    },
}

/// Why something cannot be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// A model that is not in the table.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// Its tokenizer is not there, or its file is damaged.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A body that is not a request.
    #[error("{message}")]
    Request {
        /// Where it differs from a request.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// A request that the model cannot be sent.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl CountError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            CountError::Model(error) => error.help(),
            CountError::Tokenizer(error) => error.help(),
            CountError::Request { help, .. } => Some(help.clone()),
            CountError::Refused(error) => error.help(),
        }
    }
}

/// Why something has no price.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// A model that is not in the table.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// The prompt is not a request.
    #[error(transparent)]
    Count(#[from] CountError),
    /// The prompt cannot be counted.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The table has no rate for what was used or stated.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl PriceError {
    /// The next step, where it stands apart from the text.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            PriceError::Model(error) => error.help(),
            PriceError::Count(error) => error.help(),
            PriceError::Job(error) => error.help(),
            PriceError::Refused(error) => error.help(),
        }
    }
}
