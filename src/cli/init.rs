//! `farebox init`: writes a workload file to edit, from a few questions, from flags, from what was used, or as a commented
//! example, and shows its first plan.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::draft::DraftFlags;
use super::say;
use super::settings::default_models;
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::usage::places::{places, say_passed_over};
use super::workload::priced;
use crate::cli::error::Error;
use farebox::files::{self, NewFile};
use farebox::input::workload::DEFAULT_FILE;
use farebox::jobs::init::{Answered, EXAMPLE, Question, UseMeasurement, model_warnings, starting};
use farebox::jobs::plan::{PlanQuery, plan, report};

/// Write a workload file to edit and show its first plan; asks on a terminal, and never overwrites
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init
  farebox init plans/tutor.yaml --currency EUR
  farebox init --kind agent --users 5 --per-week 20
  farebox init --from logs/

Answers are read in your own words: 40 students, twice a day, a paragraph, 200 words, 50 EUR a month. An empty line takes what
is in brackets.")]
pub(crate) struct InitArgs {
    /// The file to write
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Measure what was used: a log, export or folder, in any form that `farebox usage` reads
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Write the commented example without asking
    #[arg(long, conflicts_with = "from")]
    example: bool,
    /// Ask even where standard input is not a terminal
    #[arg(long, conflicts_with_all = ["from", "example"])]
    ask: bool,
    #[command(flatten)]
    draft: DraftFlags,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

pub(crate) fn run(args: InitArgs) -> Result<(), Error> {
    refuse_existing(&args.file)?;
    let setup = args.prices.setup()?;
    let draft = args.draft.draft()?;
    let text = match (&args.from, draft) {
        (Some(path), None) => measured(path)?,
        (Some(_), Some(_)) | (None, Some(_)) if args.from.is_some() || args.example || args.ask => {
            let help = "help: leave out --from, --example and --ask, or the flags of the draft";
            return Err(Error::Usage(format!(
                "a workload is drafted from flags, or made another way, not both\n  {help}"
            )));
        }
        (_, Some(draft)) => draft.text(&setup),
        (None, None) if args.ask || (!args.example && io::stdin().is_terminal() && io::stderr().is_terminal()) => {
            asked(&args.file, &setup, &mut io::stdin().lock(), &mut io::stderr())?
        }
        (None, None) => EXAMPLE.to_owned(),
    };
    let text = starting(text, &setup);
    model_warnings(&args.file, &text, &setup).iter().for_each(|warning| say(&format!("warning: {warning}")));
    write_new(&args.file, &text)?;
    let w = if args.file == Path::new(DEFAULT_FILE) { String::new() } else { format!(" -w {}", args.file.display()) };
    say(&format!("{} is written: edit it, then run `farebox plan{w}`", args.file.display()));
    // The file is there: a plan that cannot be made of it is said, and is no failure of writing it.
    if let Err(error) = first_plan(&args, &setup) {
        say(&format!("warning: no plan yet: {}", error.with_help()));
    }
    Ok(())
}

/// Shows the plan of what was written.
fn first_plan(args: &InitArgs, setup: &Setup) -> Result<(), Error> {
    let query = PlanQuery { currency: args.prices.currency.clone(), ..PlanQuery::default() };
    let priced = priced(Some(&args.file), setup, args.output.quiet, |_| {})?;
    let result = plan(priced, &query, setup)?;
    args.output.write(report(&result, args.output.format, false, setup))
}

/// Between the first look and here somebody may have made the file: only a new one is written.
fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let written = NewFile::only_new(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.finish()
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_existing(path),
        written => Ok(written.map_err(|error| files::cannot_write(path, &error))?),
    }
}

fn refuse_existing(path: &Path) -> Result<(), Error> {
    if path.is_symlink() || path.exists() {
        let help = "help: name another file, or remove it first; init never overwrites";
        return Err(Error::Usage(format!("{} exists already\n  {help}", path.display())));
    }
    Ok(())
}

/// How often a question is asked again before its default is taken.
const MOST_TRIES: usize = 5;

/// Asks until every answer can be used; the end of the input answers the rest with the defaults in brackets.
fn asked(path: &Path, setup: &Setup, from: &mut impl BufRead, to: &mut impl Write) -> Result<String, Error> {
    let mut answers = Answered::new(default_models()?.into_iter().next());
    for question in Question::ALL {
        for _ in 0..MOST_TRIES {
            if !answers.asks(question) {
                break;
            }
            write!(to, "{}", answers.question(question, setup))?;
            to.flush()?;
            let mut line = String::new();
            let is_end = from.read_line(&mut line)? == 0;
            match answers.answer(question, &line, path, setup) {
                Ok(()) => break,
                Err(objection) => writeln!(to, "{objection}")?,
            }
            if is_end {
                break;
            }
        }
    }
    Ok(answers.draft().text(setup))
}

fn measured(path: &Path) -> Result<String, Error> {
    let places = places(&[path.to_owned()], None, true)?;
    say_passed_over(&places, false);
    if let Some(error) = places.failed.into_iter().next() {
        return Err(error.into());
    }
    let measured = UseMeasurement::of(&path.display().to_string(), &places.sources)?;
    measured.warning().iter().for_each(|warning| say(&format!("warning: {warning}")));
    measured.note().iter().for_each(|note| say(&format!("note: {note}")));
    Ok(measured.draft()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shared::TableFlags;
    use farebox::input::workload::load;

    fn answered(typed: &str) -> (String, String) {
        let flags = TableFlags { at: Some("2026-11-22".into()), ..TableFlags::default() };
        let (setup, mut said) = (flags.setup().unwrap(), Vec::new());
        let text = asked(Path::new("farebox.yaml"), &setup, &mut typed.as_bytes(), &mut said).unwrap();
        load(Path::new("farebox.yaml"), &text, setup.at.date()).expect("a workload that can be used");
        (text, String::from_utf8(said).unwrap())
    }

    #[test]
    fn what_is_typed_becomes_the_plan() {
        let (text, said) = answered("a tutor\n40 students\ntwice a week\n200 words\ngpt-4o\na year\n60 USD\n");
        for part in [
            "model: openai/gpt-4o ",
            "calls: {users: 40, sessions: 2 per week} ",
            "output: 267 ",
            "months: 12 ",
            "budget: {total: 60 USD} ",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains('"'), "{text}");
        assert_eq!(said.matches("] ").count(), Question::ALL.len(), "{said}");
    }

    #[test]
    fn nothing_typed_takes_what_is_in_brackets() {
        assert_eq!(answered("").0, answered("\n\n\n\n\n\n\n").0);
        assert!(answered("").0.contains("model: openai/gpt-6-luna"));
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_asked_again() {
        let (text, said) = answered(
            "zebra\nchatbot\nmany\n10\nnever\ndaily\nloud\n100-300\ngpt-4o-minni\ngpt-4o\nsoon\n3\nlots\n10 XOF\n10 EUR\n",
        );
        for reason in [
            "not one of them",
            "not how many",
            "not how often",
            "not a length",
            "no model is called \"gpt-4o-minni\"",
            "not a number of months",
            "not an amount",
            "no exchange rate of XOF",
        ] {
            assert!(said.contains(reason), "{reason} is not in\n{said}");
        }
        assert!(
            text.contains("output: 100..300") && text.contains("sessions: 1 per day") && text.contains("currency: EUR"),
            "{text}"
        );
        // The end of the input instead of a better answer.
        assert!(answered("1\n\n\n\nno such model").0.contains("gpt-6-luna"));
    }
}
