//! What a run shows as it goes on: rows, warnings, and progress on a terminal.

use std::collections::HashMap;
use std::io::Write;

use crate::cli::error::Error;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::say;
use farebox::input::calls::account::InputAccount;
use farebox::input::calls::places::Places;
use farebox::input::calls::stream::{SourceTally, StreamSink, StreamWarning};
use farebox::input::text::{InputError, Source};

/// Where a run's rows, warnings and progress go.
pub(crate) struct ReadingScreen {
    out: Option<Out>,
    error: Option<std::io::Error>,
    failed: Option<InputError>,
    /// Why records have no price, one of each kind, with the file of the first.
    warnings: Vec<(String, StreamWarning)>,
    /// The place of each kind.
    kinds: HashMap<String, usize>,
    progress: Option<Progress>,
    /// What was found in each source.
    found: Vec<SourceTally>,
}

/// How many kinds of refusals are listed; the rest are counted.
pub(super) const WARNINGS: u64 = 20;

/// How many kinds are told apart.
const KINDS: usize = 10_000;

impl ReadingScreen {
    pub(crate) fn new(out: Option<Out>, sources: &[Source], quiet: bool) -> Self {
        let found = vec![SourceTally::default(); sources.len()];
        ReadingScreen {
            out,
            error: None,
            failed: None,
            warnings: Vec::new(),
            kinds: HashMap::new(),
            progress: Progress::on_terminal(quiet).map(|shown| shown.of(sources.iter().map(Source::size).sum())),
            found,
        }
    }

    /// Says which sources held no usage or were not read whole, once everything was read, and hands out what became of each.
    pub(crate) fn judge(&mut self, places: &Places) -> InputAccount {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        let account = places.account(&self.found);
        if self.error.is_some() {
            return account;
        }
        let (errors, warning) = places.without_usage(&self.found);
        warning.into_iter().for_each(|warning| say(&format!("warning: {warning}")));
        account.warning().into_iter().for_each(|warning| say(&format!("warning: {warning}")));
        errors.into_iter().for_each(|error| self.failed(error));
        account
    }

    pub(crate) fn end(mut self) -> Result<(Option<Out>, Option<InputError>), Error> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        self.say_warnings();
        match self.error {
            // A reader that went away is not a failure.
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok((self.out, self.failed)),
        }
    }
}

impl ReadingScreen {
    /// One line for each kind of refusal, and how many are not listed.
    fn say_warnings(&self) {
        let listed = self.warnings.iter().take(WARNINGS as usize);
        for (source, StreamWarning { line, text, records, .. }) in listed {
            let (reason, help) =
                text.split_once('\n').map_or((text.as_str(), None), |(reason, help)| (reason, Some(help)));
            let more = if *records > 1 { format!("; {} more like it", records - 1) } else { String::new() };
            let help = help.map_or_else(String::new, |help| format!("\n{help}"));
            say(&format!("warning: {source}:{line}: {reason}{more}{help}"));
        }
        let rest = self.warnings.iter().skip(WARNINGS as usize);
        let more = rest.fold(0_u64, |sum, (_, warning)| sum.saturating_add(warning.records));
        if more > 0 {
            let refusals = if more == 1 { "refusal was" } else { "refusals were" };
            say(&format!("warning: {more} more {refusals} not listed; `farebox usage --format jsonl` lists every one"));
        }
    }
}

impl StreamSink for ReadingScreen {
    fn rows(&mut self, rows: &[u8]) -> bool {
        let Some(out) = &mut self.out else { return true };
        match out.write_all(rows).and_then(|()| out.flush()) {
            Ok(()) => true,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn warn(&mut self, source: &str, warning: &StreamWarning) {
        if let Some((_, known)) = self.kinds.get(&warning.kind).and_then(|place| self.warnings.get_mut(*place)) {
            known.records += warning.records;
        } else if self.warnings.len() < KINDS {
            self.kinds.insert(warning.kind.clone(), self.warnings.len());
            self.warnings.push((source.to_owned(), warning.clone()));
        } else if let Some((_, last)) = self.warnings.last_mut() {
            last.records += warning.records;
        }
    }

    fn failed(&mut self, error: InputError) {
        if let Some(earlier) = self.failed.replace(error) {
            say(&format!("error: {earlier}"));
        }
    }

    fn read(&mut self, source: usize, bytes: u64, found: SourceTally) {
        if let Some(sum) = self.found.get_mut(source) {
            *sum += found;
        }
        if let Some(progress) = &mut self.progress {
            progress.add(bytes);
        }
    }
}
