//! The `farebox` command: everything it does is in the library's `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    farebox::cli::run(std::env::args_os())
}
