//! The command line: the only place that meets the terminal, the environment, the clock and standard output.
//!
//! Each subcommand is one file: its arguments, and a `run` that turns them into a [`Report`](crate::report::Report).
//! A new command is a new file and one line in [`commands`]. What several commands share is in [`shared`].

pub mod out;

mod breakeven;
mod chat;
mod check;
mod check_accept;
mod check_bill;
mod check_ci;
mod check_places;
mod check_sides;
mod compare;
mod compare_workload;
mod completions;
mod count;
mod count_requests;
mod count_tree;
mod data;
mod demo;
mod estimate;
mod estimate_requests;
mod init;
mod man;
mod models;
mod plan;
mod plan_fit;
mod plan_report;
mod prices;
mod prices_check;
mod prices_home;
mod prices_import;
mod prices_time;
#[cfg(feature = "update")]
mod prices_update;
mod scan;
mod shared;
mod tokenizers;
mod usage;
mod verify;
mod what_if;
mod work;
mod workload;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// Counts LLM tokens and says what they cost, before and after they are spent.
#[derive(Debug, Parser)]
#[command(name = "farebox", version = version(), max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 fine · 1 a budget or rule failed · 2 bad arguments or configuration · 3 something \
could not be priced and --strict was given · 4 only staleness or retirement failed · 5 I/O.\n\n\
Everything is computed on this machine: vocabularies and prices are inside the program. Tables of vocabularies are kept in the \
cache folder of the system or in FAREBOX_CACHE_DIR; FAREBOX_NO_CACHE=1 keeps none."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

macro_rules! commands {
    ($($variant:ident $module:ident;)+) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($variant($module::Args),)+
        }

        impl Command {
            fn run(self) -> Result<(), Error> {
                match self { $(Command::$variant(args) => $module::run(args)),+ }
            }
        }
    };
}

commands! {
    Count count;
    Estimate estimate;
    Usage usage;
    WhatIf what_if;
    Compare compare;
    Plan plan;
    Check check;
    BreakEven breakeven;
    Init init;
    Scan scan;
    Prices prices;
    Models models;
    Tokenizers tokenizers;
    Demo demo;
    Completions completions;
    Man man;
}

/// The version with that of the price table, so that a pasted `--version` says which prices it was.
fn version() -> String {
    let table = crate::pricing::PriceTable::bundled();
    let id = table.id();
    format!("{} (prices {}, sha256 {:.12})", env!("CARGO_PKG_VERSION"), id.version, id.sha256)
}

/// Runs a command line and returns the exit code of the program.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with code 0, mistakes to stderr with 2; a closed pipe is no mistake.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    data::keep_tables();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Writes a line to stderr. A stderr that is gone is no reason to fail.
fn say(line: &str) {
    let line: Vec<String> = line.lines().map(|l| crate::report::inert(l).into_owned()).collect();
    let _ = writeln!(io::stderr().lock(), "{}", line.join("\n"));
}
