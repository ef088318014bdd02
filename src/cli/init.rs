//! `farebox init`: writes a workload file to edit, from a few questions, from what was used, or as a commented example.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use super::say;
use crate::context::Dimension;
use crate::error::Error;
use crate::input::lines::Lines;
use crate::input::record::parse;
use crate::input::text::Source;
use crate::input::workload::{DEFAULT_FILE, mean_of};
use crate::meter::Meter;
use crate::pricing::PriceTable;

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
    /// Measure what was used: records as `farebox usage` reads them
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Write the commented example without asking
    #[arg(long, conflicts_with = "from")]
    example: bool,
}

const EXAMPLE: &str = include_str!("../../data/examples/farebox.yaml");

pub(crate) fn run(args: Args) -> Result<(), Error> {
    refuse_existing(&args.file)?;
    let text = match &args.from {
        Some(path) => measured(path)?,
        None if !args.example && io::stdin().is_terminal() && io::stderr().is_terminal() => asked()?,
        None => EXAMPLE.to_owned(),
    };
    // Between the look above and here somebody may have made it: creating anew refuses that too.
    let file = std::fs::File::create_new(&args.file);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return refuse_existing(&args.file),
        Err(error) => {
            return Err(io::Error::new(error.kind(), format!("cannot write {}: {error}", args.file.display())).into());
        }
        Ok(file) => file,
    };
    file.write_all(text.as_bytes())?;
    let w = if args.file == Path::new(DEFAULT_FILE) { String::new() } else { format!(" -w {}", args.file.display()) };
    say(&format!("{} is written: edit it, then run `farebox plan{w}`", args.file.display()));
    Ok(())
}

fn refuse_existing(path: &Path) -> Result<(), Error> {
    if path.exists() {
        let help = "help: name another file, or remove it first; init never overwrites";
        return Err(Error::Usage(format!("{} exists already\n  {help}", path.display())));
    }
    Ok(())
}

/// Asks what a plan needs most; an empty answer takes the value in brackets.
fn asked() -> Result<String, Error> {
    let ask = |question: &str, default: &str| -> io::Result<String> {
        write!(io::stderr(), "{question} [{default}] ")?;
        io::stderr().flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        let line = line.trim();
        Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
    };
    let name = ask("What is it called?", "my project")?;
    let table = PriceTable::bundled();
    let at = crate::period::Instant::from_unix(jiff::Timestamp::now().as_second());
    let model = loop {
        let model = ask("Which model?", "openai/gpt-4o-mini")?;
        match table.find(&model, at) {
            Ok(found) => break found.full_id(),
            Err(error) => say(&error.to_string()),
        }
    };
    let prompt = ask("A file with a typical prompt, or its number of tokens?", "500")?;
    let output = ask("Tokens of an answer (low..expected..high)?", "150..300..600")?;
    let turns = ask("Turns of a conversation?", "1")?;
    let calls = ask("How often does it run?", "100 per day")?;
    let growth = ask("Growth a month?", "0%")?;
    let budget = ask("Budget for a year?", "100 USD")?;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    Ok(format!(
        "# Written by `farebox init`; `farebox init --example FILE` shows every key.\nversion: 1\nname: {}\nbudget: {{total: {}}}\nmonths: 12\nfeatures:\n  main:\n    model: {}\n    prompt: {}\n    turns: {}\n    output: {}\n    calls: {}\n    growth: {}\n",
        quoted(&name),
        quoted(&budget),
        quoted(&model),
        quoted(&prompt),
        quoted(&turns),
        quoted(&output),
        quoted(&calls),
        quoted(&growth)
    ))
}

/// What a model was used for.
#[derive(Default)]
struct Used {
    calls: u64,
    batches: u64,
    hits: u64,
    prompt: u64,
    read: u64,
    answers: Vec<u64>,
    first: Option<i64>,
    last: Option<i64>,
}

fn measured(path: &Path) -> Result<String, Error> {
    let source = Source::File(path.to_owned());
    let mut lines = Lines::open(&source)?;
    let mut models: BTreeMap<String, Used> = BTreeMap::new();
    let (mut bad, mut first_bad) = (0_u64, None);
    while let Some((number, line)) = lines.next_line()? {
        let Ok(text) = std::str::from_utf8(line) else {
            bad += 1;
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        let record = match parse(text) {
            Ok(record) => record,
            Err(error) => {
                bad += 1;
                first_bad = first_bad.or_else(|| Some(format!("line {number}: {error}")));
                continue;
            }
        };
        let id = record.provider.as_ref().map_or_else(|| record.model.to_string(), |p| format!("{p}/{}", record.model));
        let used = models.entry(id).or_default();
        let read = record.usage.tokens(Meter::CacheRead);
        used.calls += 1;
        used.batches += u64::from(record.context.get(Dimension::Processing) == Some("batch"));
        used.hits += u64::from(read > 0);
        used.prompt = used.prompt.saturating_add(record.usage.prompt_tokens());
        used.read = used.read.saturating_add(read);
        used.answers.push(record.usage.answer_tokens());
        if let Some(at) = record.at {
            used.first = Some(used.first.map_or(at.unix(), |first| first.min(at.unix())));
            used.last = Some(used.last.map_or(at.unix(), |last| last.max(at.unix())));
        }
    }
    if bad > 0 {
        say(&format!(
            "warning: {}: {bad} lines are no records and were left out; {}",
            path.display(),
            first_bad.unwrap_or_default()
        ));
    }
    if models.is_empty() {
        let help = "help: each line is a record such as {\"model\": \"gpt-4o\", \"usage\": {\"input_tokens\": 10, \"output_tokens\": 5}}";
        return Err(Error::Usage(format!("{} has no records to measure\n  {help}", path.display())));
    }
    let mut text = format!(
        "# Measured by `farebox init --from {}`: every number is an average of what was used.\nversion: 1\nmonths: 12\nfeatures:\n",
        crate::report::inert(&path.display().to_string())
    );
    for (index, (id, used)) in models.iter().enumerate() {
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
    text +=
        &format!("    prompt: {prompt}\n    output: {}   # mean of {} answers\n", mean_of(&used.answers), used.calls);
    if used.batches > 0 {
        text += &format!("    batch: {}%\n", share(used.batches));
    }
    text + &format!("    calls: {calls} per day   # {counted}\n")
}
