//! The command line: the only place that meets the terminal, the environment, the clock and standard output.
//!
//! Each subcommand is one file: its arguments, and a `run` that turns them into a [`Report`](farebox::report::Report).
//! A new command is a new file and one line in `commands`. What several commands share is in `shared`.

pub(crate) mod optimise;
mod out;

mod breakeven;
mod chat;
mod check;
mod check_ci;
mod choice;
mod clock;
mod compare;
mod completions;
mod config;
mod count;
mod data;
mod demo;
mod draft;
mod error;
mod estimate;
mod init;
mod man;
mod models;
mod plan;
mod price_files;
mod prices;
mod prices_check;
mod prices_export;
mod prices_import;
mod prices_review;
mod prices_time;
#[cfg(feature = "update")]
mod prices_update;
mod prices_watch;
mod progress;
mod prompts;
mod scan;
mod schema;
mod settings;
mod shared;
mod signals;
mod span;
mod tokenizers;
mod usage;
mod what_if;
mod work;
mod workload;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use farebox::jobs::{JobError, plural};

use clap::{Args as _, FromArgMatches, Subcommand};

use crate::cli::error::Error;

/// What every form of the command line has in common.
fn program() -> clap::Command {
    clap::Command::new("farebox")
        .about("Counts LLM tokens and says what they cost, before and after they are spent")
        .max_term_width(100)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(
            "Exit codes: 0 fine · 1 a budget or rule failed · 2 bad arguments or configuration · 3 something \
could not be priced and --strict was given · 4 only staleness or retirement failed · 5 I/O.\n\n\
Everything is computed on this machine: vocabularies and prices are inside the program. Tables of vocabularies are kept in the \
cache folder of the system or in FAREBOX_CACHE_DIR; FAREBOX_NO_CACHE=1 keeps none.\n\n\
FAREBOX_NOW=2026-11-22T12:00:00Z sets the clock, for tests and reports that must come out the same on any day; a run under it says so.",
        )
}

/// The whole command line.
fn command() -> clap::Command {
    Command::augment_subcommands(program().version(version()))
}

macro_rules! commands {
    ($($variant:ident $name:literal $module:ident $args:ident;)+) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $(#[command(name = $name)] $variant($module::$args),)+
        }

        impl Command {
            const NAMES: &[&str] = &[$($name),+];

            fn run(self) -> Result<(), Error> {
                match self { $(Command::$variant(args) => $module::run(args)),+ }
            }

            /// The command line with this one command alone: it understands the same, and is built in a fraction of
            /// the time.
            fn alone(name: &str) -> Option<clap::Command> {
                match name {
                    $($name => Some(program().subcommand($module::$args::augment_args(clap::Command::new($name)))),)+
                    _ => None,
                }
            }
        }
    };
}

commands! {
    Count "count" count CountArgs;
    Estimate "estimate" estimate EstimateArgs;
    Usage "usage" usage UsageArgs;
    WhatIf "what-if" what_if WhatIfArgs;
    Compare "compare" compare CompareArgs;
    Plan "plan" plan PlanArgs;
    Check "check" check CheckArgs;
    Optimise "optimise" optimise OptimiseArgs;
    BreakEven "break-even" breakeven BreakEvenArgs;
    Init "init" init InitArgs;
    Scan "scan" scan ScanArgs;
    Prices "prices" prices PricesArgs;
    Models "models" models ModelsArgs;
    Schema "schema" schema SchemaArgs;
    Tokenizers "tokenizers" tokenizers TokenizersArgs;
    Demo "demo" demo DemoArgs;
    Config "config" config ConfigArgs;
    Completions "completions" completions Args;
    Man "man" man Args;
}

/// The version with that of the price table, so that a pasted `--version` says which prices it was.
fn version() -> String {
    let table = farebox::pricing::PriceTable::bundled();
    let id = table.id();
    format!("{} (prices {}, sha256 {:.12})", env!("CARGO_PKG_VERSION"), id.version, id.sha256)
}

/// Runs a command line and returns the exit code of the program.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    // `farebox help count` asks what `farebox count --help` does.
    if args.get(1).is_some_and(|name| name == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    show_prices_of(&mut args);
    take_workload(&mut args);
    if let Some(help) = what_to_type(&args) {
        say(&help);
        return ExitCode::from(2);
    }
    let named = args.get(1).and_then(|name| name.to_str());
    let line = named.and_then(Command::alone).unwrap_or_else(command);
    let parsed = line.try_get_matches_from(args).and_then(|matches| Command::from_arg_matches(&matches));
    let command = match parsed {
        Ok(command) => command,
        Err(error) => {
            return printed(&error);
        }
    };
    signals::clean_up();
    data::keep_tables();
    let done = clock::announce().and_then(|()| command.run());
    data::say_distrust();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Job(JobError::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", error.with_help()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help and version go to stdout with code 0, mistakes to stderr with 2.
fn printed(error: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    let written = error.print().and_then(|()| io::stdout().flush());
    match written {
        // A reader that went away is not a mistake, and a stderr that is gone does not change what went wrong.
        Err(failed) if !error.use_stderr() && failed.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: {failed}"));
            ExitCode::from(5)
        }
        _ => code,
    }
}

/// `farebox prices gpt-4o` asks what `farebox prices show gpt-4o` does.
fn show_prices_of(args: &mut Vec<OsString>) {
    let words = (args.get(1).and_then(|word| word.to_str()), args.get(2).and_then(|word| word.to_str()));
    let (Some("prices"), Some(word)) = words else { return };
    let Some(line) = Command::alone("prices") else { return };
    let prices = line.find_subcommand("prices");
    let mut known = prices.into_iter().flat_map(clap::Command::get_subcommands).map(clap::Command::get_name);
    // What is nearly the name of a subcommand is a mistake in typing it, which clap says.
    if !word.starts_with('-')
        && word != "help"
        && farebox::similar::near(word, known.by_ref(), LIKE_A_COMMAND).is_empty()
    {
        args.insert(2, "show".into());
    }
}

/// `farebox plan farebox.yaml` means `farebox plan -w farebox.yaml`, and so for the other commands about a workload.
fn take_workload(args: &mut Vec<OsString>) {
    let words = (args.get(1).and_then(|word| word.to_str()), args.get(2).and_then(|word| word.to_str()));
    if let (Some("plan" | "check" | "optimise" | "break-even"), Some(word)) = words
        && !word.starts_with('-')
        && word != "help"
    {
        args.insert(2, "-w".into());
    }
}

/// How alike a word and the name of a command are where one is meant by the other.
const LIKE_A_COMMAND: f64 = 0.8;

/// What to type instead where no command is named, but a file, a model or a text.
fn what_to_type(args: &[OsString]) -> Option<String> {
    let word = args.get(1)?.to_str()?;
    let is_known = word.starts_with('-') || Command::NAMES.contains(&word);
    if is_known || !farebox::similar::near(word, Command::NAMES.iter().copied(), LIKE_A_COMMAND).is_empty() {
        return None;
    }
    let is_model = || farebox::pricing::PriceTable::bundled().find(word, clock::now().ok()?.at).ok();
    let help = if std::path::Path::new(word).exists() {
        format!("`farebox count {word}` counts its tokens, `farebox estimate {word}` says what it would cost")
    } else if word.contains(char::is_whitespace) {
        format!("`farebox count {word:?}` counts its tokens, `farebox estimate {word:?}` says what it would cost")
    } else if is_model().is_some() {
        format!(
            "`farebox prices {word}` shows its prices, `farebox estimate FILE -m {word}` says what a prompt would cost"
        )
    } else {
        return None;
    };
    Some(format!("error: {word:?} is not a command\n  help: {help}"))
}

/// Writes a line to stderr. A stderr that is gone is no reason to fail.
fn say(text: &str) {
    let width = screen_of_errors();
    // A name in the message may have a line break in it, and what follows could be a command to a build log.
    let quiet =
        |line: &str| farebox::report::without_commands(&wrapped(&farebox::report::inert(line), width)).into_owned();
    let lines: Vec<String> = text.lines().map(quiet).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// The columns of the terminal that messages go to; `None` where they go to a file or a pipe.
fn screen_of_errors() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// A line of a message, which goes on below between words, indented as it begins. Lines of a file, which are shown with a bar
/// in front of them, stay as they are.
fn wrapped(line: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width >= 40) else { return line.to_owned() };
    let words = line.trim_start();
    let is_quoted = words.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    if is_quoted || line.len() <= width {
        return line.to_owned();
    }
    let indent = " ".repeat(line.len() - words.len());
    let options = textwrap::Options::new(width).break_words(false).subsequent_indent(&indent);
    textwrap::fill(line, options.word_splitter(textwrap::WordSplitter::NoHyphenation))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heading that each flattened group of flags gives its arguments, by the name of its struct.
    const HEADINGS: &[(&str, &str)] = &[
        ("TextFlags", "Input"),
        ("WorkFlags", "Work"),
        ("MediaFlags", "Attachments"),
        ("WorkloadFlags", "Workload"),
        ("DraftFlags", "Without a file"),
        ("TableFlags", "Prices"),
        ("TypedOutputFlags", "Output"),
    ];

    /// Arguments under a heading whose struct flattens another, or that name it themselves.
    const OTHERS: &[(&str, &str)] = &[
        ("currency", "Prices"),
        ("format", "Output"),
        ("output", "Output"),
        ("quiet", "Output"),
        ("color", "Output"),
        ("count system", "Requests"),
        ("count tools", "Requests"),
        ("count api", "Requests"),
    ];

    fn each_command(command: &clap::Command, take: &mut impl FnMut(&clap::Command)) {
        take(command);
        command.get_subcommands().for_each(|sub| each_command(sub, take));
    }

    /// clap gives an argument without a heading that of the group flattened before it, so a struct has to flatten last.
    #[test]
    fn an_argument_is_under_the_heading_of_the_struct_that_declares_it() {
        let mut wrong = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut line = command();
        line.build();
        each_command(&line, &mut |command| {
            for arg in command.get_arguments() {
                // clap derives a group for each struct of arguments, of the same name; that of a struct which flattens
                // others is empty, so an argument of no group is the command's own.
                let holds = |group: &&clap::ArgGroup| group.get_args().any(|id| id == arg.get_id());
                let group = command.get_groups().find(holds).map_or("", |group| group.get_id().as_str());
                let other = format!("{} {}", command.get_name(), arg.get_id());
                let is_it = |name: &str| name == group || name == other || name == arg.get_id().as_str();
                let mut known = HEADINGS.iter().chain(OTHERS);
                let want = known.find(|(name, _)| is_it(name)).map(|(_, heading)| *heading);
                seen.extend(HEADINGS.iter().filter(|(name, _)| *name == group).map(|(name, _)| *name));
                if arg.get_help_heading() != want {
                    wrong.push(format!(
                        "{} {}: under {:?}, not {want:?}",
                        command.get_name(),
                        arg,
                        arg.get_help_heading()
                    ));
                }
            }
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(seen.len(), HEADINGS.len(), "only {seen:?} were found");
    }

    #[test]
    fn a_message_goes_on_below_and_a_quoted_line_does_not() {
        let message = "  help: `farebox models` lists the models; --prices FILE adds one";
        let below = "  help: `farebox models` lists the models;\n  --prices FILE adds one";
        assert_eq!(wrapped(message, Some(44)), below);
        assert_eq!(wrapped(message, None), message);
        for quoted in [
            "12 |     model: a-model-with-a-very-long-name-indeed-it-is",
            "   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        ] {
            assert_eq!(wrapped(quoted, Some(40)), quoted);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(plural(1, "error"), "1 error");
        assert_eq!(plural(0, "error"), "0 errors");
        assert_eq!(plural(1_200, "error"), "1,200 errors");
    }
}
