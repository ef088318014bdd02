//! Everything that ends a command early: [`Error`], with the exit code of each kind.

use std::io;

use farebox::calculator::projection::PlanError;
use farebox::calculator::settled::NoExchange;
use farebox::input::media::AttachmentError;
use farebox::input::text::InputError;
use farebox::jobs::JobError;
use farebox::jobs::error::with_help;
use farebox::period::InstantTextError;
use farebox::pricing::UnknownModel;
use farebox::range::RangeTextError;
use farebox::tokenizer::TokenizerError;

/// Why a command ended early; [`Error::with_help`] says the next step too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Arguments that do not go together, or a value that is none.
    #[error("{0}")]
    Usage(String),
    /// A model that nobody sells.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// A date that is none.
    #[error(transparent)]
    Date(#[from] InstantTextError),
    /// A number of tokens that is none.
    #[error(transparent)]
    Range(#[from] RangeTextError),
    /// A tokenizer that is not known, or a file that is none.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Price files with errors; the text shows each with its line.
    #[error("{0}")]
    Prices(String),
    /// Something that a model cannot be sent, or that has no count.
    #[error(transparent)]
    Uncountable(#[from] farebox::tokenizer::chat::Refused),
    /// Input that cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Output that cannot be written, or another failure of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing of what was asked for has a price, for reasons that were printed.
    #[error("nothing could be priced; the reasons stand above")]
    NothingPriced,
    /// Something has no price, and `--strict` asked for a failure then.
    #[error("{0} of what was asked for could not be counted or priced, and --strict was given")]
    Strict(u64),
    /// Something is stale or retires soon, and nothing else failed.
    #[error("{0}")]
    Stale(String),
    /// A rule failed.
    #[error("{0}")]
    Failed(String),
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Model(error) => Error::Model(error),
            JobError::Date(error) => Error::Date(error),
            JobError::Range(error) => Error::Range(error),
            JobError::Tokenizer(error) => Error::Tokenizer(error),
            JobError::Prices(text) => Error::Prices(text),
            JobError::Uncountable(error) => Error::Uncountable(error),
            JobError::Input(error) => Error::Input(error),
            JobError::Io(error) => Error::Io(error),
            JobError::Attachment(error) => error.into(),
            JobError::NothingPriced(_) => Error::NothingPriced,
            other => Error::Usage(other.with_help()),
        }
    }
}

impl From<NoExchange> for Error {
    fn from(error: NoExchange) -> Self {
        JobError::from(error).into()
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        JobError::from(error).into()
    }
}

/// For what a job asks back for, such as the price table; its text is printed as it is.
impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Model(error) => JobError::Model(error),
            Error::Date(error) => JobError::Date(error),
            Error::Prices(text) => JobError::Prices(text),
            Error::Input(error) => JobError::Input(error),
            Error::Io(error) => JobError::Io(error),
            other => JobError::Asked { message: other.with_help(), help: None },
        }
    }
}

impl From<AttachmentError> for Error {
    fn from(error: AttachmentError) -> Self {
        match error {
            AttachmentError::File(error) => Error::Input(error),
            other => Error::Usage(with_help(&other, other.help())),
        }
    }
}

impl Error {
    /// The text and the next step below it, as the program prints them.
    #[must_use]
    pub fn with_help(&self) -> String {
        let help = match self {
            Error::Model(error) => error.help(),
            Error::Tokenizer(error) => error.help(),
            Error::Uncountable(error) => error.help(),
            Error::Input(error) => error.help(),
            _ => None,
        };
        with_help(self, help)
    }

    /// The exit code of the program.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Error::Failed(_) => 1,
            Error::Usage(_)
            | Error::Model(_)
            | Error::Date(_)
            | Error::Range(_)
            | Error::Tokenizer(_)
            | Error::Uncountable(_)
            | Error::Prices(_)
            | Error::NothingPriced => 2,
            Error::Strict(_) => 3,
            Error::Stale(_) => 4,
            Error::Input(error) if error.is_misuse() => 2,
            Error::Input(_) | Error::Io(_) => 5,
        }
    }
}
