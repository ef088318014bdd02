//! A workload file to edit, drafted from answers, from what was used, or as a commented example; the caller writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;

use super::life::life_text;
use super::{AsOf, JobError, Setup, plural};
use crate::calculator::workload::last_moment;
use crate::context::Dimension;
use crate::input::calls::{Reading, each_of};
use crate::input::dialect::{Entry, Item, State};
use crate::input::text::Source;
use crate::input::workload::{load, mean_of};
use crate::jobs::error::with_help;
use crate::meter::Meter;
use crate::report::inert;

/// The commented example, with every key.
pub const EXAMPLE: &str = farebox_data::WORKLOAD;

/// The workload with its start in the month after `--at`, where that was given: without a start a plan begins in the month
/// after the day on which it is made.
#[must_use]
pub fn starting(text: String, setup: &Setup) -> String {
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

/// Says which models of a workload the table does not have at the setup's instant, or no longer at the end of the plan; nothing about a text that
/// is no workload.
#[must_use]
pub fn model_warnings(path: &Path, text: &str, setup: &Setup) -> Vec<String> {
    let Ok((workload, _)) = load(path, text, setup.at.date()) else { return Vec::new() };
    let (mut seen, last) = (BTreeSet::new(), last_moment(&workload));
    let routes = workload.features.iter().flat_map(|feature| &feature.routes);
    let warning = |model: &String| match setup.table.find(model, setup.at) {
        Err(unknown) => Some(with_help(&unknown, unknown.help())),
        Ok(found) => {
            let (id, life) = (found.ending_id(), setup.table.life_of(&found, last));
            let text =
                || format!("{id} is {} by the end of the plan: plan with another model", life_text(life, &found.model));
            (!life.is_live()).then(text)
        }
    };
    routes.map(|route| &route.model).filter(|model| seen.insert(*model)).filter_map(warning).collect()
}

/// What is asked, and the answer that an empty line gives.
pub const QUESTIONS: [(&str, &str); 8] = [
    ("What is it called?", "my project"),
    ("Which model?", "openai/gpt-6-luna"),
    ("A file with a typical prompt, or its number of tokens?", "500"),
    ("Turns of a conversation?", "1"),
    ("Tokens of an answer (low..expected..high)?", "150..300..600"),
    ("How often does it run?", "100 per day"),
    ("Growth a month?", "0%"),
    ("Budget for a year?", "100 USD"),
];

/// What a plan needs most, as somebody types it: an answer to each of the [`QUESTIONS`].
#[derive(Clone, Debug)]
pub struct InitAnswers([String; 8]);

impl Default for InitAnswers {
    fn default() -> Self {
        InitAnswers(QUESTIONS.map(|(_, default)| default.to_owned()))
    }
}

impl InitAnswers {
    /// Replaces an answer; an empty text brings the default back.
    pub fn answer(&mut self, question: usize, text: &str) {
        let default = QUESTIONS.get(question).map_or("", |(_, default)| default);
        if let Some(answer) = self.0.get_mut(question) {
            *answer = if text.is_empty() { default } else { text }.to_owned();
        }
    }

    /// The workload of the answers; a model that the table has under another name gets its full id.
    #[must_use]
    pub fn draft(mut self, setup: &Setup) -> String {
        if let Some(found) = setup.table.get(&self.0[1], setup.at) {
            self.0[1] = found.full_id();
        }
        self.text()
    }

    fn text(&self) -> String {
        let InitAnswers(answers) = self;
        let [name, model, prompt, turns, output, calls, growth, budget] =
            answers.each_ref().map(|text| serde_json::Value::from(text.as_str()).to_string());
        format!(
            "# Written by `farebox init`; `farebox init --example FILE` shows every key.\nversion: 1\nname: {name}\nbudget: {{total: {budget}}}\nmonths: 12\nfeatures:\n  main:\n    model: {model}\n    prompt: {prompt}\n    turns: {turns}\n    output: {output}\n    calls: {calls}\n    growth: {growth}\n"
        )
    }

    /// What is wrong with an answer, and what to do about it, given that all others can be used.
    ///
    /// * `path`: where the workload is to be; prompt files are looked for next to it.
    #[must_use]
    pub fn objection(&self, path: &Path, setup: &Setup) -> Option<String> {
        let InitAnswers([_, model, ..]) = self;
        if let Err(error) = setup.table.find(model, setup.at) {
            return Some(with_help(&error, error.help()));
        }
        let problems = load(path, &self.text(), setup.at.date()).err()?;
        let problem = problems.first()?;
        Some(format!("{}\n  help: {}", problem.message, problem.help.as_deref().unwrap_or("try again")))
    }
}

/// What a model was used for.
#[derive(Clone, Debug, Default)]
struct ModelUse {
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
#[derive(Clone, Debug, Default)]
pub struct UseMeasurement {
    name: String,
    models: BTreeMap<String, ModelUse>,
    bad: u64,
    first_bad: Option<String>,
    /// Requests that were not paid for, amounts on bills.
    others: u64,
}

impl UseMeasurement {
    /// Measures what sources hold; `name` is what the user calls them.
    ///
    /// # Errors
    /// [`JobError`] where one cannot be read.
    pub fn of(name: &str, sources: &[Source]) -> Result<UseMeasurement, JobError> {
        let mut measured = UseMeasurement { name: name.to_owned(), ..UseMeasurement::default() };
        each_of(sources, &Reading::default(), &mut |line, item| measured.take(line, item))?;
        Ok(measured)
    }

    /// What could not be read.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let (lines, first) = (plural(self.bad, "line"), self.first_bad.as_deref().unwrap_or_default());
        (self.bad > 0).then(|| format!("{}: left out {lines} that could not be read as records; {first}", self.name))
    }

    /// What was left out although it could be read.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let records = plural(self.others, "record");
        (self.others > 0).then(|| format!("{}: left out {records} of requests that were not paid for", self.name))
    }

    /// A workload with a feature for each model, every number an average of what was used.
    ///
    /// # Errors
    /// [`JobError`] where nothing was measured.
    pub fn draft(&self) -> Result<String, JobError> {
        if self.models.is_empty() {
            let help = "each line is a record such as {\"model\": \"gpt-4o\", \"usage\": {\"input_tokens\": 10, \"output_tokens\": 5}}";
            return Err(JobError::asked(format!("{} has no records to measure", self.name), help));
        }
        let mut text = format!(
            "# Measured by `farebox init --from {}`: every number is an average of what was used.\nversion: 1\nmonths: 12\nfeatures:\n",
            inert(&self.name)
        );
        for (index, (id, used)) in self.models.iter().enumerate() {
            // The id stays as the log has it: an alias that moves later moves in the plan, too.
            text += &feature(index, id, used);
        }
        Ok(text)
    }

    fn take(&mut self, line: u64, item: Item<'static>) {
        let result = match item {
            Item::Entry(entry) => self.entry(&entry),
            Item::Event(_) => return,
            Item::Bad(error) => Err(with_help(&error, error.help().map(str::to_owned))),
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

/// One feature for one model: what the cache had becomes its instructions, the rest its prompt.
fn feature(index: usize, id: &str, used: &ModelUse) -> String {
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
