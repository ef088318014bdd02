//! `farebox completions SHELL`: completion scripts, generated from the definition of the command line.

use std::io::Write;

use clap_complete::Shell;

use super::out::Out;
use crate::cli::error::Error;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  farebox completions bash > ~/.local/share/bash-completion/completions/farebox\n  farebox completions zsh > ~/.zfunc/_farebox\n  farebox completions fish > ~/.config/fish/completions/farebox.fish"
)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    // The generator writes with `expect`, so it gets memory rather than a pipe that may close.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "farebox", &mut script);
    Out::open(None)?.write_with(|out| out.write_all(&script))?;
    Ok(())
}
