//! `farebox scan`: a workload file drafted from the model names and prompt files of a code base, every guess marked.

use std::io::Write;
use std::path::PathBuf;

use super::out::Out;
use super::plural;
use super::say;
use super::shared::TableFlags;
use crate::cli::error::Error;
use farebox::jobs::scan::scan;

/// Draft a workload file from the model names and prompt files of a code base; every guess is marked as one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  farebox scan . > farebox.yaml\n  farebox scan src -o draft.yaml\n
Reads text files (ignore rules respected), never runs anything. A model is a quoted name that the price table knows. How
often it is called, and how long its answers are, no code says: these numbers are placeholders to replace.")]
pub(crate) struct ScanArgs {
    /// The folder to read
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Write to a file, which appears only when it is whole
    #[arg(long, short = 'o', value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    table: TableFlags,
}

pub(crate) fn run(args: ScanArgs) -> Result<(), Error> {
    let draft = scan(&args.path, &args.table.setup()?)?;
    Out::open(args.output.as_deref())?.write_with(|out| out.write_all(draft.text.as_bytes()))?;
    let (models, prompts) = (plural(draft.models, "model"), plural(draft.prompts, "prompt file"));
    say(&format!("note: found {models} and {prompts}; everything in the draft is a guess to edit"));
    Ok(())
}
