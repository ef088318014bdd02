//! `farebox tokenizers`: which vocabularies are known, how well each is counted, and those that the user adds.

use std::path::PathBuf;

use clap::Subcommand;

use super::data::tokenizers as store;
use super::say;
use super::shared::OutputFlags;
use crate::cli::error::Error;
use farebox::jobs::tokenizers::{list, remove, show, stored, verify};
use farebox::tokenizer::store::Store;

/// List the tokenizers that are known and how each is counted, or add a vocabulary
///
/// A vocabulary is added from the file that the model was published with: Hugging Face's tokenizer.json, a .tiktoken, Mistral's
/// tekken.json, a SentencePiece .model, or a GGUF. It is kept in the user's data folder (FAREBOX_DATA_DIR names another) and
/// counts under its name from then on; command_r, gemma2, bloom and others whose count is an estimate are replaced by it.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  farebox tokenizers
  farebox tokenizers add command-r/tokenizer.json --name command_r
  farebox tokenizers add mine.tiktoken --like cl100k_base
  farebox tokenizers verify

A file is used once without being added: farebox count --tokenizer path/to/tokenizer.json FILE")]
pub(crate) struct TokenizersArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the tokenizers that are known and how each is counted
    List {
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Keep a vocabulary and count with it by name
    Add {
        /// tokenizer.json, .tiktoken, tekken.json, SentencePiece .model or GGUF
        file: PathBuf,
        /// The name to count with; that of the file when left out
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The encoding that a .tiktoken file splits text like, such as cl100k_base
        #[arg(long, value_name = "ENCODING")]
        like: Option<String>,
    },
    /// Show one tokenizer: where its vocabulary is from, its hash and licence
    Show {
        /// A name of the list
        name: String,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Hash and read the added vocabularies again; a built-in one counts a sample beside its reference
    Verify {
        /// One name; all that were added when left out
        name: Option<String>,
    },
    /// Remove a vocabulary that was added
    Remove {
        /// Its name
        name: String,
    },
}

pub(crate) fn run(args: TokenizersArgs) -> Result<(), Error> {
    match args.what {
        None => args.output.write(list(added().as_ref())?),
        Some(What::List { output }) => output.write(list(added().as_ref())?),
        Some(What::Add { file, name, like }) => {
            let entry = store()?.add(&file, name.as_deref(), like.as_deref()).map_err(stored)?;
            say(&format!("added {}: {} bytes, sha256 {:.12}", entry.name, entry.bytes, entry.sha256));
            Ok(())
        }
        Some(What::Show { name, output }) => output.write(show(&name, added().as_ref())?),
        Some(What::Verify { name }) => match verify(name.as_deref(), added().as_ref(), &mut say)? {
            None => Ok(()),
            Some(failure) => Err(Error::Failed(failure)),
        },
        Some(What::Remove { name }) => {
            remove(&name, &store()?)?;
            say(&format!("removed {name}"));
            Ok(())
        }
    }
}

/// The vocabularies that the user added; nothing where no data folder is known.
fn added() -> Option<Store> {
    store().ok()
}
