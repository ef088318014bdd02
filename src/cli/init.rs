//! `farebox init`: writes a workload file to edit, from a few questions, from what was used, or as a commented example.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::say;
use super::shared::{Setup, TableFlags};
use super::usage::places::{places, say_passed_over};
use crate::cli::error::Error;
use farebox::files::{self, NewFile};
use farebox::input::workload::DEFAULT_FILE;
use farebox::jobs::init::{EXAMPLE, InitAnswers, QUESTIONS, UseMeasurement, model_warnings, starting};

/// Write a workload file to edit; asks on a terminal, and never overwrites
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init
  farebox init plans/tutor.yaml
  farebox init --from usage.jsonl")]
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
    #[command(flatten)]
    table: TableFlags,
}

pub(crate) fn run(args: InitArgs) -> Result<(), Error> {
    refuse_existing(&args.file)?;
    let setup = args.table.setup()?;
    let text = match &args.from {
        Some(path) => measured(path)?,
        None if !args.example && io::stdin().is_terminal() && io::stderr().is_terminal() => {
            asked(&args.file, &setup, &mut io::stdin().lock(), &mut io::stderr())?
        }
        None => EXAMPLE.to_owned(),
    };
    let text = starting(text, &setup);
    model_warnings(&args.file, &text, &setup).iter().for_each(|warning| say(&format!("warning: {warning}")));
    write_new(&args.file, &text)?;
    let w = if args.file == Path::new(DEFAULT_FILE) { String::new() } else { format!(" -w {}", args.file.display()) };
    say(&format!("{} is written: edit it, then run `farebox plan{w}`", args.file.display()));
    Ok(())
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

/// Asks until every answer can be used; the end of the input answers the rest with the defaults in brackets.
fn asked(path: &Path, setup: &Setup, from: &mut impl BufRead, to: &mut impl Write) -> io::Result<String> {
    let mut answers = InitAnswers::default();
    for (index, (question, default)) in QUESTIONS.iter().enumerate() {
        loop {
            write!(to, "{question} [{default}] ")?;
            to.flush()?;
            let mut line = String::new();
            let is_end = from.read_line(&mut line)? == 0;
            answers.answer(index, line.trim());
            let Some(objection) = answers.objection(path, setup) else { break };
            writeln!(to, "{objection}")?;
            answers.answer(index, "");
            if is_end {
                break;
            }
        }
    }
    Ok(answers.draft(setup))
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
        let (text, said) = answered("Tutor \"A\"\ngpt-4o\n700\n3\n10..20..40\n5 per week\n2%\n60 USD\n");
        for part in [
            r#"name: "Tutor \"A\"""#,
            r#"model: "openai/gpt-4o""#,
            r#"prompt: "700""#,
            r#"turns: "3""#,
            r#"output: "10..20..40""#,
            r#"calls: "5 per week""#,
            r#"growth: "2%""#,
            r#"total: "60 USD""#,
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(said.matches("? [").count(), QUESTIONS.len());
    }

    #[test]
    fn nothing_typed_takes_what_stands_in_brackets() {
        assert_eq!(answered("").0, answered("\n\n\n\n\n\n\n\n").0);
        assert!(answered("").0.contains(r#"model: "openai/gpt-6-luna""#));
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_asked_again() {
        let (text, said) = answered("x\ngpt-4o-minni\ngpt-4o\nnowhere.txt\n700\n1\n9..3..1\n1..3..9\n10\n10 per day\n");
        for reason in ["no model is called \"gpt-4o-minni\"", "no such file", "contradicts itself", "400 per day"] {
            assert!(said.contains(reason), "{reason} is not in\n{said}");
        }
        assert!(text.contains(r#"output: "1..3..9""#) && text.contains(r#"calls: "10 per day""#), "{text}");
        // The end of the input in the place of a better answer.
        assert!(answered("x\nno such model").0.contains("gpt-6-luna"));
    }
}
