//! What a command counts: prompts from files, standard input, `--text` or bare numbers, counted for several models at once.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;

use super::chat::ReadAs;
use super::say;
use super::shared::Setup;
use crate::cli::error::Error;
use farebox::input::text::Source;

/// Where text comes from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct TextFlags {
    /// Files to read, models, or text in quotes; - is standard input, which is also read when nothing else is given
    pub files: Vec<PathBuf>,
    /// Text to count instead of files
    #[arg(long, short = 't', value_name = "TEXT")]
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

/// What bare arguments mean: what there is to read, and the models among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Typed {
    /// Files, standard input and texts, in order.
    pub sources: Vec<Source>,
    /// Names of models.
    pub models: Vec<String>,
}

impl TextFlags {
    /// What the inputs are to be taken for.
    pub(crate) const fn read_as(&self) -> ReadAs {
        match (self.chat, self.plain || self.binary) {
            (true, _) => ReadAs::Requests,
            (_, true) => ReadAs::Text,
            _ => ReadAs::Detected,
        }
    }

    /// Sorts what was typed. An argument that is no file is a model where the table has one of that name, and text where it
    /// has a space in it.
    ///
    /// * `prices`: gives the price table, and is asked where an argument is no file.
    ///
    /// # Errors
    /// [`Error::Usage`] where an argument is none of these, or files and text are both given.
    pub(crate) fn typed(&self, prices: &dyn Fn() -> Result<Setup, Error>, quiet: bool) -> Result<Typed, Error> {
        let mut typed = Typed::default();
        let mut setup = None;
        for path in &self.files {
            let word = path.to_str().filter(|word| is_no_file(path, word));
            let source = match word {
                _ if path.as_os_str() == "-" => Source::Stdin,
                None => Source::File(path.clone()),
                Some(word) => {
                    if setup.is_none() {
                        setup = Some(prices()?);
                    }
                    let Some(setup) = &setup else { continue };
                    match meaning(word, setup)? {
                        Meaning::Model => {
                            typed.models.push(word.to_owned());
                            continue;
                        }
                        Meaning::Text if !quiet => {
                            say(&format!("note: no file is called {word:?}: taken as the text itself"));
                            Source::Text(word.to_owned())
                        }
                        Meaning::Text => Source::Text(word.to_owned()),
                        Meaning::File => Source::File(path.clone()),
                    }
                }
            };
            typed.sources.push(source);
        }
        if let (Some(text), Some(source)) = (&self.text, typed.sources.first()) {
            let name = source.name();
            return Err(Error::Usage(format!(
                "both --text {text:?} and {name:?} are given\n  help: give one of the two"
            )));
        }
        typed.sources.extend(self.text.iter().map(|text| Source::Text(text.clone())));
        Ok(typed)
    }
}

impl Typed {
    /// Everything to read: standard input where nothing is named.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing is given and standard input is a terminal.
    pub(crate) fn or_stdin(&self, or_give: &str) -> Result<Vec<Source>, Error> {
        if !self.sources.is_empty() {
            return Ok(self.sources.clone());
        }
        if io::stdin().is_terminal() {
            return Err(Error::Usage(format!("nothing to read\n  help: name files, pipe text in, or give {or_give}")));
        }
        Ok(vec![Source::Stdin])
    }
}

/// Whether nothing is to be read on standard input: it is a terminal, or at its end.
pub(crate) fn stdin_is_empty() -> bool {
    let stdin = io::stdin();
    // What is looked at stays in the buffer of standard input, for whoever reads it next.
    stdin.is_terminal() || stdin.lock().fill_buf().is_ok_and(<[u8]>::is_empty)
}

/// Whether standard input begins like JSON, which may hold requests that name their own models.
pub(crate) fn stdin_looks_like_json() -> bool {
    let mut stdin = io::stdin().lock();
    let first = |bytes: &[u8]| bytes.iter().find(|b| !b.is_ascii_whitespace()).copied();
    stdin.fill_buf().is_ok_and(|bytes| matches!(first(bytes), Some(b'{' | b'[')))
}

/// What an argument is that is no file.
enum Meaning {
    Model,
    Text,
    /// A file that is missing, which opening it says.
    File,
}

/// A pattern is none: the files that it matches are looked for later.
fn is_no_file(path: &Path, word: &str) -> bool {
    !word.contains(['*', '?', '[']) && !path.exists() && !path.is_symlink()
}

fn meaning(word: &str, setup: &Setup) -> Result<Meaning, Error> {
    let unknown = match setup.table.find(word, setup.at) {
        Ok(_) => return Ok(Meaning::Model),
        Err(_) if word.contains(char::is_whitespace) => return Ok(Meaning::Text),
        Err(unknown) => unknown,
    };
    // `notes.txt` and `texts/a` are meant as files; `gpt-4.1` has no letters behind its point.
    let ending = word.rsplit_once('.').is_some_and(|(_, ending)| ending.chars().all(char::is_alphabetic));
    if ending || (word.contains('/') && unknown.suggestions.is_empty()) {
        return Ok(Meaning::File);
    }
    let models = match unknown.suggestions.as_slice() {
        [] => String::new(),
        models => format!("did you mean the model {}? ", models.join(", ")),
    };
    Err(Error::Usage(format!(
        "{word:?} is not a file, and no model is called so\n  help: {models}Text is given with --text {word:?}"
    )))
}
