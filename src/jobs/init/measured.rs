//! A workload file measured from what was used: [`UseMeasurement`].

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::draft::scalar;
use crate::context::Dimension;
use crate::input::calls::{Reading, each_of};
use crate::input::dialect::{Entry, Item, State};
use crate::input::text::Source;
use crate::input::workload::mean_of;
use crate::jobs::error::with_help;
use crate::jobs::{JobError, plural};
use crate::meter::Meter;
use crate::range::Range;
use crate::report::inert;

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
            "# Measured by `farebox init --from {}`: every number is an average of what was used.\n# Change what will be different; `farebox init --example FILE` shows every key.\nversion: 1\n# currency: EUR                        # shown instead of dollars, at the European Central Bank's rate\n# budget: {{monthly: 100 USD}}           # or total: 500 EUR; `farebox plan` says when it ends\nmonths: 12\nfeatures:\n",
            inert(&self.name)
        );
        let mut taken = BTreeSet::new();
        for (id, used) in &self.models {
            // The id stays as the log has it: an alias that moves later moves in the plan, too.
            text += &feature(&name_of(id, &mut taken), id, used);
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

/// The name of a feature: that of its model without the provider, with a number where two have the same.
fn name_of(id: &str, taken: &mut BTreeSet<String>) -> String {
    let name = id.rsplit('/').next().unwrap_or(id);
    let names = std::iter::once(name.to_owned()).chain((2_u64..).map(|n| format!("{name} {n}")));
    let mut free = names.filter(|name| !taken.contains(name));
    let name = free.next().unwrap_or_default();
    taken.insert(name.clone());
    name
}

/// One feature for one model: what the cache had becomes its instructions, the rest its prompt.
fn feature(name: &str, id: &str, used: &ModelUse) -> String {
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
        format!("{} in {}", plural(used.calls, "call"), plural(days, "day"))
    } else {
        format!("{} without a time, taken for one day", plural(used.calls, "call"))
    };
    let mut text = format!("  {}:\n    model: {}\n", scalar(name), scalar(id));
    if cached > 0 {
        text += &format!(
            "    {:<34} # what was read from the cache\n    cache: {{parts: [system], hit_rate: {}%, minimum: 0}}\n",
            format!("system: {cached}"),
            share(used.hits)
        );
    }
    let answers = mean_of(&used.answers);
    // A tenth of a token is closer than anybody measures.
    let rounded = Range {
        low: answers.low.floor(),
        expected: answers.expected.round_dp(1).normalize(),
        high: answers.high.ceil(),
    };
    let output = if used.are_sums { mean(used.answered, used.calls).to_string() } else { rounded.to_string() };
    text += &format!("    {:<34} # tokens\n", format!("prompt: {prompt}"));
    text +=
        &format!("    {:<34} # tokens, the mean of {}\n", format!("output: {output}"), plural(used.calls, "answer"));
    if used.batches > 0 {
        text += &format!("    batch: {}%\n", share(used.batches));
    }
    text + &format!("    {:<34} # {counted}\n", format!("calls: {calls} per day"))
}
