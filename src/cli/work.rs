//! What a command counts: prompts from files, standard input, `--text` or bare numbers, counted for several models at once.

use std::path::PathBuf;

use clap::Args;

use super::chat::{Input, ReadAs};
use super::data::load;
use super::say;
use crate::cli::error::Error;
use farebox::input::text::{ReadReport, Source, read_blocks_of};
pub(crate) use farebox::jobs::tokenizers::TokenizerChoice as Choice;
use farebox::range::Range;
use farebox::tokenizer::{Basis, StreamCounter, TokenCount};

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
    pub fn is_given(&self) -> bool {
        self.text.is_some() || !self.files.is_empty()
    }

    /// What the inputs are to be taken for.
    pub const fn read_as(&self) -> ReadAs {
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
    pub fn sources(&self, or_give: &str) -> Result<Vec<Source>, Error> {
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

/// Counts a source once with each tokenizer, reading it once.
pub(crate) fn count(
    mut input: Input<'_>,
    choices: &[Choice],
    binary: bool,
    quiet: bool,
) -> Result<Vec<TokenCount>, Error> {
    let mut counters = Vec::with_capacity(choices.len());
    for choice in choices {
        counters.push(StreamCounter::new(load(&choice.name)?));
    }
    let take = &mut |block: &str| counters.iter_mut().for_each(|counter| counter.push(block));
    let read = read_blocks_of(&input.name, &mut *input.reader, binary, take)?;
    warn_of(&input.name, &read, quiet);
    if read.bytes == 0 && !quiet {
        say(&format!("warning: {}: is empty, so the prompt has no tokens", input.name));
    }
    Ok(choices.iter().zip(counters).map(|(choice, counter)| choice.finish(counter)).collect())
}

/// Says on stderr what of a text was not text.
pub(crate) fn warn_of(name: &str, read: &ReadReport, quiet: bool) {
    if let (Some(note), false) = (read.note(), quiet) {
        say(&format!("warning: {name}: {note}"));
    }
}

/// A span the user typed is exact, or a range of their own.
pub(crate) fn typed(span: Range<u64>) -> TokenCount {
    let basis = if span.is_range() { Basis::Estimated } else { Basis::Exact };
    TokenCount { tokens: span.expected, low: span.low, high: span.high, basis }
}
