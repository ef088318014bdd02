//! Why a job ended early: [`JobError`].

use std::fmt;
use std::io;

use crate::calculator::Refusal;
use crate::calculator::projection::PlanError;
use crate::input::calls::stream::LostThread;
use crate::input::media::AttachmentError;
use crate::input::text::InputError;
use crate::period::InstantTextError;
use crate::pricing::UnknownModel;
use crate::pricing::compile::{PriceFile, render_problems};
use crate::pricing::problem::Problem;
use crate::range::RangeTextError;
use crate::tokenizer::TokenizerError;
use crate::tokenizer::chat::Refused;
use crate::tokenizer::files::WriteError;

/// Why a job ended early. The text says what is wrong; [`JobError::help`] is the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// What was asked for does not go together, or a value is not one.
    #[error("{message}")]
    Asked {
        /// What is wrong.
        message: String,
        /// The next step.
        help: Option<String>,
    },
    /// A model that is not in the table.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// A text that is not a date.
    #[error(transparent)]
    Date(#[from] InstantTextError),
    /// A text that is not a number of tokens.
    #[error(transparent)]
    Range(#[from] RangeTextError),
    /// A tokenizer that is not known, or a file that holds none.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Price files with errors; the text shows each with its line.
    #[error("{0}")]
    Prices(String),
    /// Something that a model cannot be sent, or that has no count.
    #[error(transparent)]
    Uncountable(#[from] Refused),
    /// Input that cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An attachment that cannot be taken as it was named.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// Nothing of what was asked for has a price; the reasons.
    #[error("nothing could be priced: {}", reasons(.0))]
    NothingPriced(Vec<PlanError>),
    /// A failure of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(feature = "reference")]
impl From<crate::tokenizer::reference::ReferenceError> for JobError {
    fn from(error: crate::tokenizer::reference::ReferenceError) -> Self {
        JobError::Asked { message: error.to_string(), help: error.help() }
    }
}

impl From<Refusal> for JobError {
    fn from(error: Refusal) -> Self {
        JobError::Asked { message: error.to_string(), help: error.help() }
    }
}

impl JobError {
    /// Something that cannot be asked for, with the next step.
    pub(crate) fn asked(message: impl Into<String>, help: impl Into<String>) -> Self {
        JobError::Asked { message: message.into(), help: Some(help.into()) }
    }

    /// Problems of price files, each with its line.
    #[must_use]
    pub fn of_price_files(problems: &[Problem], files: &[PriceFile]) -> Self {
        let shown = render_problems(problems, files);
        JobError::Prices(format!("a price file cannot be used\n\n{}", shown.trim_end()))
    }

    /// The text and the next step below it, as the program prints them.
    #[must_use]
    pub fn with_help(&self) -> String {
        with_help(self, self.help())
    }

    /// The next step, where it stands apart from the text.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            JobError::Asked { help, .. } => help.clone(),
            JobError::Model(error) => error.help(),
            JobError::Tokenizer(error) => error.help(),
            JobError::Uncountable(error) => error.help(),
            JobError::Input(error) => error.help(),
            JobError::Attachment(error) => error.help(),
            JobError::Io(error) => help_of_system(error),
            _ => None,
        }
    }
}

/// What is wrong and the next step below it, where there is one: how the program prints both.
#[must_use]
pub fn with_help(what: &dyn fmt::Display, help: Option<String>) -> String {
    match help {
        Some(help) => format!("{what}\n  help: {help}"),
        None => what.to_string(),
    }
}

impl From<LostThread> for JobError {
    fn from(error: LostThread) -> Self {
        JobError::Io(io::Error::other(error))
    }
}

/// The next step after a failure of the system that is one of ours inside.
fn help_of_system(error: &io::Error) -> Option<String> {
    let inside = error.get_ref()?;
    if inside.is::<LostThread>() {
        return Some(LostThread::HELP.to_owned());
    }
    match inside.downcast_ref::<WriteError>() {
        Some(error) => error.help(),
        // What writes CSV puts an error of its own around it.
        None => help_of_system(inside.source()?.downcast_ref()?),
    }
}

fn reasons(errors: &[PlanError]) -> String {
    let reasons: Vec<String> = errors.iter().map(|error| on_one_line(error, error.help())).collect();
    reasons.join("; ")
}

/// An error and its next step on one line, for a list of reasons.
pub(crate) fn on_one_line(error: &dyn fmt::Display, help: Option<String>) -> String {
    let text = match help {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    };
    text.replace('\n', " ")
}
