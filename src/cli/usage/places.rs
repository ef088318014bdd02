//! Where records are: what a user named, what is piped in, or the sessions of coding agents on this machine.

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::cli::error::Error;
use crate::cli::say;
use farebox::input::calls::places::{AGENTS, AgentsHome, Places, System};
use farebox::input::dialect::Dialect;
use farebox::jobs::error::with_help;

/// The sources to read: the files and folders that were named; without any, standard input where something was piped or
/// redirected into it, and otherwise the folders of coding agents.
///
/// `from` is the dialect asked for, `reads_stdin` whether the command can read standard input.
///
/// # Errors
/// [`Error::Usage`] where nothing was named and nothing is there.
pub(crate) fn places(files: &[PathBuf], from: Option<Dialect>, reads_stdin: bool) -> Result<Places, Error> {
    let agent = from.filter(|dialect| AGENTS.contains(dialect));
    if !files.is_empty() {
        return Ok(Places::named(files));
    }
    if agent.is_none() && reads_stdin && something_is_piped() {
        return Ok(Places::stdin());
    }
    let variable = |name: &str| std::env::var_os(name);
    let home = std::env::home_dir().unwrap_or_default();
    let home = AgentsHome { variable: &variable, home, system: System::OWN };
    Places::of_agents(agent, &home).map_err(|error| Error::Usage(with_help(&error, Some(error.help()))))
}

/// Says what was passed over.
pub(crate) fn say_passed_over(places: &Places, quiet: bool) {
    places.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    if !quiet {
        places.notes.iter().for_each(|note| say(&format!("note: {note}")));
    }
}

/// Whether standard input is a pipe, a socket or a file: something that was meant to be read. A terminal would wait for
/// typing, and a job without input has /dev/null.
#[cfg(unix)]
fn something_is_piped() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let kind = std::io::stdin().as_fd().try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata());
    kind.is_ok_and(|meta| !meta.file_type().is_char_device() && !meta.is_dir()) && !std::io::stdin().is_terminal()
}

#[cfg(not(unix))]
fn something_is_piped() -> bool {
    !std::io::stdin().is_terminal()
}
