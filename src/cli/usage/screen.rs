//! What a run shows as it goes on: rows, warnings, and progress on a terminal.

use std::io::Write;

use crate::cli::error::Error;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::say;
use farebox::input::calls::places::Places;
use farebox::input::calls::stream::{SourceTally, StreamSink};
use farebox::input::text::{InputError, Source};

/// Where a run's rows, warnings and progress go.
pub(crate) struct ReadingScreen {
    out: Option<Out>,
    error: Option<std::io::Error>,
    failed: Option<InputError>,
    warned: u64,
    progress: Option<Progress>,
    /// What was found in each source.
    found: Vec<SourceTally>,
}

/// How many refusals are listed one by one; the rest are counted.
pub(super) const WARNINGS: u64 = 20;

impl ReadingScreen {
    pub(crate) fn new(out: Option<Out>, sources: &[Source], quiet: bool) -> Self {
        let found = vec![SourceTally::default(); sources.len()];
        ReadingScreen {
            out,
            error: None,
            failed: None,
            warned: 0,
            progress: Progress::on_terminal(quiet).map(|shown| shown.of(sources.iter().map(Source::size).sum())),
            found,
        }
    }

    /// Says which sources held no usage, once everything was read.
    pub(crate) fn judge(&mut self, places: &Places) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.error.is_some() {
            return;
        }
        let (errors, warning) = places.without_usage(&self.found);
        warning.into_iter().for_each(|warning| say(&format!("warning: {warning}")));
        errors.into_iter().for_each(|error| self.failed(error));
    }

    pub(crate) fn end(mut self) -> Result<(Option<Out>, Option<InputError>), Error> {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.warned > WARNINGS {
            say(&format!(
                "warning: {} more refusals were not listed; `farebox usage --format jsonl` lists every one",
                self.warned - WARNINGS
            ));
        }
        match self.error {
            // A reader that went away is not a failure.
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok((self.out, self.failed)),
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

    fn warn(&mut self, source: &str, line: u64, what: &str) {
        self.warned += 1;
        if self.warned <= WARNINGS {
            say(&format!("warning: {source}:{line}: {what}"));
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
