//! Everything that ends a command early: [`Error`], with the exit code of each kind.

use std::io;

use farebox::calculator::projection::PlanError;
use farebox::calculator::settled::NoExchange;
use farebox::input::media::AttachmentError;
use farebox::input::text::InputError;
use farebox::jobs::JobError;
use farebox::period::InstantTextError;
use farebox::pricing::UnknownModel;
use farebox::range::RangeTextError;
use farebox::tokenizer::TokenizerError;
use farebox::tokenizer::chat::Refused;

/// Why a command ended early; [`Error::with_help`] says the next step too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Arguments that do not go together, or a value that is not one.
    #[error("{0}")]
    Usage(String),
    /// What the job itself could not do.
    #[error(transparent)]
    Job(JobError),
    /// Nothing of what was asked for has a price, for reasons that were printed.
    #[error("nothing could be priced; the reasons stand above")]
    NothingPriced,
    /// Something has no price, and `--strict` asked for a failure then.
    #[error("{0} of what was asked for could not be counted or priced, and --strict was given")]
    Strict(u64),
    /// Something may have been billed and was not read, and `--strict` asked for a failure then.
    #[error("not everything was read of {0} record{plural}, and --strict was given", plural = if *.0 == 1 { "" } else { "s" })]
    Unread(u64),
    /// An input was not read, and `--strict` asked for a failure then.
    #[error("not every input was read, and --strict was given")]
    Incomplete,
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
            JobError::NothingPriced(_) => Error::NothingPriced,
            error => Error::Job(error),
        }
    }
}

macro_rules! of_jobs {
    ($($error:ty),+) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Error::Job(error.into())
            }
        })+
    };
}

of_jobs!(
    AttachmentError,
    InputError,
    InstantTextError,
    NoExchange,
    PlanError,
    RangeTextError,
    Refused,
    TokenizerError,
    UnknownModel,
    io::Error
);

/// For what a job asks back for, such as the price table; its text is printed as it is.
impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Job(error) => error,
            other => JobError::Asked { message: other.to_string(), help: None },
        }
    }
}

impl Error {
    /// Price files with errors; the text shows each with its line.
    pub(crate) fn prices(text: String) -> Self {
        Error::Job(JobError::Prices(text))
    }

    /// The text and the next step below it, as the program prints them.
    #[must_use]
    pub(crate) fn with_help(&self) -> String {
        match self {
            Error::Job(error) => error.with_help(),
            other => other.to_string(),
        }
    }

    /// The exit code of the program.
    #[must_use]
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Failed(_) => 1,
            Error::Usage(_) | Error::NothingPriced => 2,
            Error::Strict(_) | Error::Unread(_) | Error::Incomplete => 3,
            Error::Stale(_) => 4,
            Error::Job(JobError::Io(_)) => 5,
            Error::Job(JobError::Input(error) | JobError::Attachment(AttachmentError::File(error))) => {
                if error.is_misuse() { 2 } else { 5 }
            }
            Error::Job(_) => 2,
        }
    }
}
