//! What a command counts: prompts from files, standard input, `--text` or bare numbers, counted for several models at once.

use std::path::PathBuf;

use clap::Args;

use super::chat::ReadAs;
use crate::cli::error::Error;
use farebox::input::text::Source;

/// Where text comes from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct TextFlags {
    /// Files to read; - is standard input, which is also read when nothing else is given
    pub files: Vec<PathBuf>,
    /// Text to count instead of files
    #[arg(long, short = 't', value_name = "TEXT", conflicts_with = "files")]
    pub text: Option<String>,
    /// Read every input as requests (messages, tools …) in any provider's form, whatever it looks like
    #[arg(long)]
    pub chat: bool,
    /// Read every input as plain text, even JSON that holds requests or a batch
    #[arg(long, conflicts_with = "chat")]
    pub plain: bool,
    /// Count the bytes of a binary file as text
    #[arg(long)]
    pub binary: bool,
}

impl TextFlags {
    /// Whether the user named something to read.
    pub(crate) fn is_given(&self) -> bool {
        self.text.is_some() || !self.files.is_empty()
    }

    /// What the inputs are to be taken for.
    pub(crate) const fn read_as(&self) -> ReadAs {
        match (self.chat, self.plain || self.binary) {
            (true, _) => ReadAs::Requests,
            (_, true) => ReadAs::Text,
            _ => ReadAs::Detected,
        }
    }

    /// Everything to read, in order.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing is given and standard input is a terminal.
    pub(crate) fn sources(&self, or_give: &str) -> Result<Vec<Source>, Error> {
        use std::io::IsTerminal;
        if let Some(text) = &self.text {
            return Ok(vec![Source::Text(text.clone())]);
        }
        if self.files.is_empty() {
            if std::io::stdin().is_terminal() {
                return Err(Error::Usage(format!(
                    "nothing to read\n  help: name files, pipe text in, or give {or_give}"
                )));
            }
            return Ok(vec![Source::Stdin]);
        }
        Ok(self
            .files
            .iter()
            .map(|path| if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path.clone()) })
            .collect())
    }
}
