//! `farebox init`: writes a workload file to edit, from a few questions, from what was used, or as a commented example.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use super::plural;
use super::say;
use super::shared::{Setup, TableFlags};
use super::usage::places::{places, say_passed_over};
use crate::cli::error::Error;
use farebox::context::Dimension;
use farebox::files::{self, NewFile};
use farebox::input::calls::{Reading, each_of};
use farebox::input::dialect::{Entry, Item, State};
use farebox::input::workload::{DEFAULT_FILE, load, mean_of};
use farebox::jobs::AsOf;
use farebox::meter::Meter;
use farebox::period::Instant;
use farebox::pricing::PriceTable;

/// Write a workload file to edit; asks on a terminal, and never overwrites
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox init
  farebox init plans/tutor.yaml
  farebox init --from usage.jsonl")]
pub(crate) struct Args {
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

const EXAMPLE: &str = farebox_data::WORKLOAD;

pub(crate) fn run(args: Args) -> Result<(), Error> {
    refuse_existing(&args.file)?;
    let setup = args.table.setup()?;
    let text = match &args.from {
        Some(path) => measured(path)?,
        None if !args.example && io::stdin().is_terminal() && io::stderr().is_terminal() => {
            asked(&args.file, &setup.table, setup.at, &mut io::stdin().lock(), &mut io::stderr())?
        }
        None => EXAMPLE.to_owned(),
    };
    let text = starting(text, &setup);
    warn_of_models(&args.file, &text, &setup);
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

/// The workload with its start in the month after `--at`, where that was given: without a start a plan begins in the month
/// after the day on which it is made.
fn starting(text: String, setup: &Setup) -> String {
    if setup.as_of != AsOf::Named {
        return text;
    }
    let month = setup.at.date().first_of_month();
    let Ok(start) = month.checked_add(jiff::Span::new().months(1)) else { return text };
    let start = format!("start: {start}                      # the first of the month after --at\n");
    let is_start = |line: &str| line.starts_with("# start:");
    if text.lines().any(is_start) {
        let lines = text.split_inclusive('\n').map(|line| if is_start(line) { start.as_str() } else { line });
        return lines.collect();
    }
    text.replacen("\nfeatures:\n", &format!("\n{start}features:\n"), 1)
}

/// Says which models of the workload the table does not have at the command's instant, or no longer.
fn warn_of_models(path: &Path, text: &str, setup: &Setup) {
    let Ok((workload, _)) = load(path, text, setup.at.date()) else { return };
    let mut seen = BTreeSet::new();
    for route in workload.features.iter().flat_map(|feature| &feature.routes) {
        if !seen.insert(&route.model) {
            continue;
        }
        match setup.table.find(&route.model, setup.at) {
            Err(unknown) => say(&format!("warning: {unknown}")),
            Ok(found) if found.model.is_retired(setup.at) => {
                say(&format!("warning: {} is retired at that time: plan with another model", found.full_id()));
            }
            Ok(_) => {}
        }
    }
}

fn refuse_existing(path: &Path) -> Result<(), Error> {
    if path.is_symlink() || path.exists() {
        let help = "help: name another file, or remove it first; init never overwrites";
        return Err(Error::Usage(format!("{} exists already\n  {help}", path.display())));
    }
    Ok(())
}

/// What a plan needs most, as somebody types it.
struct Answers([String; 8]);

/// What is asked, and the answer that an empty line gives.
const QUESTIONS: [(&str, &str); 8] = [
    ("What is it called?", "my project"),
    ("Which model?", "openai/gpt-4o-mini"),
    ("A file with a typical prompt, or its number of tokens?", "500"),
    ("Turns of a conversation?", "1"),
    ("Tokens of an answer (low..expected..high)?", "150..300..600"),
    ("How often does it run?", "100 per day"),
    ("Growth a month?", "0%"),
    ("Budget for a year?", "100 USD"),
];

impl Answers {
    fn text(&self) -> String {
        let Answers(answers) = self;
        let [name, model, prompt, turns, output, calls, growth, budget] =
            answers.each_ref().map(|text| serde_json::Value::from(text.as_str()).to_string());
        format!(
            "# Written by `farebox init`; `farebox init --example FILE` shows every key.\nversion: 1\nname: {name}\nbudget: {{total: {budget}}}\nmonths: 12\nfeatures:\n  main:\n    model: {model}\n    prompt: {prompt}\n    turns: {turns}\n    output: {output}\n    calls: {calls}\n    growth: {growth}\n"
        )
    }

    /// What is wrong with an answer, given that all others can be used.
    fn objection(&self, path: &Path, table: &PriceTable, at: Instant) -> Option<String> {
        let Answers([_, model, ..]) = self;
        if let Err(error) = table.find(model, at) {
            return Some(error.to_string());
        }
        let problems = load(path, &self.text(), at.date()).err()?;
        let problem = problems.first()?;
        Some(format!("{}\n  help: {}", problem.message, problem.help.as_deref().unwrap_or("try again")))
    }
}

/// Asks until every answer can be used; the end of the input answers the rest with what stands in brackets.
fn asked(
    path: &Path,
    table: &PriceTable,
    at: Instant,
    from: &mut impl BufRead,
    to: &mut impl Write,
) -> io::Result<String> {
    let mut answers = Answers(QUESTIONS.map(|(_, default)| default.to_owned()));
    for (index, (question, default)) in QUESTIONS.iter().enumerate() {
        loop {
            write!(to, "{question} [{default}] ")?;
            to.flush()?;
            let mut line = String::new();
            let is_end = from.read_line(&mut line)? == 0;
            let line = line.trim();
            if let (false, Some(answer)) = (line.is_empty(), answers.0.get_mut(index)) {
                line.clone_into(answer);
            }
            let Some(objection) = answers.objection(path, table, at) else { break };
            writeln!(to, "{objection}")?;
            if let Some(answer) = answers.0.get_mut(index) {
                (*default).clone_into(answer);
            }
            if is_end {
                break;
            }
        }
    }
    if let Some(found) = answers.0.get(1).and_then(|model| table.get(model, at)) {
        answers.0[1] = found.full_id();
    }
    Ok(answers.text())
}

/// What a model was used for.
#[derive(Default)]
struct Used {
    calls: u64,
    batches: u64,
    hits: u64,
    prompt: u64,
    read: u64,
    /// Tokens of all answers.
    answered: u64,
    /// Tokens of each answer, or their mean in each sum.
    answers: Vec<u64>,
    /// Whether sums of several requests are among them, which say nothing about how answers differ.
    are_sums: bool,
    first: Option<i64>,
    last: Option<i64>,
}

/// The use of every model, and what of a log says nothing about it.
#[derive(Default)]
struct Measured {
    models: BTreeMap<String, Used>,
    bad: u64,
    first_bad: Option<String>,
    /// Requests that nobody paid for, amounts on bills.
    others: u64,
}

impl Measured {
    fn take(&mut self, line: u64, item: Item<'static>) {
        let result = match item {
            Item::Entry(entry) => self.entry(&entry),
            Item::Event(_) => return,
            Item::Bad(error) => Err(error.to_string()),
        };
        if let Err(reason) = result {
            self.bad += 1;
            self.first_bad.get_or_insert_with(|| format!("line {line}: {reason}"));
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        if !matches!(entry.state, State::Done | State::Local) {
            self.others += 1;
            return Ok(());
        }
        let model = entry.model.as_deref().ok_or("the record names no model")?;
        let calls = match &entry.bucket {
            Some(bucket) => bucket.requests.filter(|n| *n > 0).ok_or("a sum of nobody knows how many requests")?,
            None => 1,
        };
        let id = entry.provider.as_ref().map_or_else(|| model.to_owned(), |p| format!("{p}/{model}"));
        let used = self.models.entry(id).or_default();
        let read = entry.usage.tokens(Meter::CacheRead);
        used.calls = used.calls.saturating_add(calls);
        if entry.context.get(Dimension::Processing) == Some("batch") {
            used.batches = used.batches.saturating_add(calls);
        }
        if read > 0 {
            used.hits = used.hits.saturating_add(calls);
        }
        used.prompt = used.prompt.saturating_add(entry.usage.prompt_tokens());
        used.read = used.read.saturating_add(read);
        used.answered = used.answered.saturating_add(entry.usage.answer_tokens());
        used.answers.push(entry.usage.answer_tokens() / calls);
        used.are_sums |= entry.bucket.is_some();
        if let Some(at) = entry.at {
            let until = entry.bucket.as_ref().and_then(|b| b.until).map_or(at.unix(), |until| until.unix() - 1);
            used.first = Some(used.first.map_or(at.unix(), |first| first.min(at.unix())));
            used.last = Some(used.last.map_or(until, |last| last.max(until)));
        }
        Ok(())
    }
}

fn measured(path: &Path) -> Result<String, Error> {
    let mut measured = Measured::default();
    let places = places(&[path.to_owned()], None, true)?;
    say_passed_over(&places, false);
    if let Some(error) = places.failed.into_iter().next() {
        return Err(error.into());
    }
    each_of(&places.sources, &Reading::default(), &mut |line, item| measured.take(line, item))?;
    let Measured { models, bad, first_bad, others } = measured;
    let shown = path.display();
    if bad > 0 {
        say(&format!(
            "warning: {shown}: left out {} that could not be read as records; {}",
            plural(bad, "line"),
            first_bad.unwrap_or_default()
        ));
    }
    if others > 0 {
        say(&format!("note: {shown}: left out {} of requests that were not paid for", plural(others, "record")));
    }
    if models.is_empty() {
        let help = "help: each line is a record such as {\"model\": \"gpt-4o\", \"usage\": {\"input_tokens\": 10, \"output_tokens\": 5}}";
        return Err(Error::Usage(format!("{shown} has no records to measure\n  {help}")));
    }
    let mut text = format!(
        "# Measured by `farebox init --from {}`: every number is an average of what was used.\nversion: 1\nmonths: 12\nfeatures:\n",
        farebox::report::inert(&shown.to_string())
    );
    for (index, (id, used)) in models.iter().enumerate() {
        // The id stays as the log has it: an alias that moves later moves in the plan, too.
        text += &feature(index, id, used);
    }
    Ok(text)
}

/// One feature for one model: what the cache had becomes its instructions, the rest its prompt.
fn feature(index: usize, id: &str, used: &Used) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mean = |sum: u64, n: u64| (sum + n / 2).checked_div(n).unwrap_or(0);
    let cached = mean(used.read, used.hits);
    let share = |part: u64| {
        (Decimal::from(part) * Decimal::ONE_HUNDRED / Decimal::from(used.calls.max(1))).round_dp(2).normalize()
    };
    let prompt = mean(used.prompt, used.calls).saturating_sub(cached);
    let seconds = used.first.zip(used.last).map_or(0, |(first, last)| last.saturating_sub(first));
    let days = u64::try_from(seconds / 86_400).unwrap_or(0) + 1;
    let calls = (Decimal::from(used.calls) / Decimal::from(days)).round_dp(3).normalize();
    let counted = if used.first.is_some() {
        format!("{} calls in {days} days", used.calls)
    } else {
        format!("{} calls without a time, taken for one day", used.calls)
    };
    let mut text = format!("  {}:\n    model: {}\n", quoted(&format!("use-{}", index + 1)), quoted(id));
    if cached > 0 {
        text += &format!(
            "    system: {cached}\n    cache: {{parts: [system], hit_rate: {}%, minimum: 0}}\n",
            share(used.hits)
        );
    }
    let output =
        if used.are_sums { mean(used.answered, used.calls).to_string() } else { mean_of(&used.answers).to_string() };
    text += &format!("    prompt: {prompt}\n    output: {output}   # mean of {} answers\n", used.calls);
    if used.batches > 0 {
        text += &format!("    batch: {}%\n", share(used.batches));
    }
    text + &format!("    calls: {calls} per day   # {counted}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(typed: &str) -> (String, String) {
        let (table, at) = (PriceTable::bundled(), "2026-11-22".parse().unwrap());
        let mut said = Vec::new();
        let text = asked(Path::new("farebox.yaml"), &table, at, &mut typed.as_bytes(), &mut said).unwrap();
        load(Path::new("farebox.yaml"), &text, at.date()).expect("a workload that can be used");
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
        assert!(answered("").0.contains(r#"model: "openai/gpt-4o-mini""#));
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_asked_again() {
        let (text, said) = answered("x\ngpt-4o-minni\ngpt-4o\nnowhere.txt\n700\n1\n9..3..1\n1..3..9\n10\n10 per day\n");
        for reason in ["no model is called \"gpt-4o-minni\"", "no such file", "contradicts itself", "400 per day"] {
            assert!(said.contains(reason), "{reason} is not in\n{said}");
        }
        assert!(text.contains(r#"output: "1..3..9""#) && text.contains(r#"calls: "10 per day""#), "{text}");
        // The end of the input in the place of a better answer.
        assert!(answered("x\nno such model").0.contains("gpt-4o-mini"));
    }
}
