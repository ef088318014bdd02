//! `farebox man`: the manual, generated from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use farebox::files;

use super::out::Out;
use crate::cli::error::Error;

/// Print the manual page, or write one page for each command to a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  farebox man | man -l -\n  farebox man --dir ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write farebox.1, farebox-count.1 … to this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let mut command = super::command();
    command.build();
    let Some(dir) = args.dir else {
        let page = page(command)?;
        Out::open(None)?.write_with(|out| out.write_all(&page))?;
        return Ok(());
    };
    fs::create_dir_all(&dir)?;
    for sub in command.get_subcommands() {
        let name = format!("farebox-{}", sub.get_name());
        let named = sub.clone().name(name.clone());
        write(&dir.join(format!("{name}.1")), named)?;
    }
    write(&dir.join("farebox.1"), command)
}

fn write(path: &Path, command: clap::Command) -> Result<(), Error> {
    Ok(files::write_file(path, &page(command)?).map_err(|error| files::cannot_write(path, &error))?)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
