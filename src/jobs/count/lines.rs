//! One string of each line of JSON Lines: a row for each line, in order.

use std::sync::Arc;

use super::rows::CountedText;
use super::total::CountUnit;
use super::{CountRun, TextCounter};
use crate::input::lines::{Lines, text_field};
use crate::input::requests::Spot;
use crate::input::text::{InputError, Source};
use crate::jobs::JobError;
use crate::jobs::tokenizers::TokenizerChoice;
use crate::tokenizer::{Tokenizer, parallel};

/// Lines, and bytes in them, that are counted together.
const LINES_AT_ONCE: usize = 1 << 14;
const BYTES_AT_ONCE: usize = 8 << 20;

impl CountRun<'_> {
    /// A bad line costs only itself.
    pub(crate) fn count_lines(&mut self, sources: &[Source], field: &str) -> Result<(), JobError> {
        self.all_bytes = sources.iter().map(Source::size).sum();
        sources.iter().try_for_each(|source| self.count_lines_of(source, field))
    }

    fn count_lines_of(&mut self, source: &Source, field: &str) -> Result<(), JobError> {
        // Somebody may wait for the answer to every line that comes through a pipe.
        let at_once = if matches!(source, Source::File(_)) && self.threads() > 1 { LINES_AT_ONCE } else { 1 };
        let mut lines = Lines::open(source)?;
        let (mut texts, mut bytes) = (Vec::new(), 0);
        loop {
            match lines.next_line() {
                Ok(None) => break,
                Ok(Some((number, line))) => {
                    self.bytes.add(line.len() + 1);
                    match text_field(line, field) {
                        Ok(None) => {}
                        Ok(Some(text)) => {
                            bytes += text.len();
                            texts.push((number, text.into_owned()));
                        }
                        Err(problem) => self.bad_line(&format!("{}:{number}: {problem}", source.name())),
                    }
                }
                Err(error @ InputError::LongLine { .. }) => self.bad_line(&JobError::from(error).with_help()),
                Err(error) => return Err(error.into()),
            }
            if texts.len() >= at_once || bytes >= BYTES_AT_ONCE {
                self.count_some(source, &texts)?;
                texts.clear();
                bytes = 0;
            }
        }
        self.count_some(source, &texts)
    }

    fn bad_line(&mut self, problem: &str) {
        self.say(&format!("warning: {problem}"));
        self.failed += 1;
    }

    /// A row for each of some lines, in order.
    fn count_some(&mut self, source: &Source, lines: &[(u64, String)]) -> Result<(), JobError> {
        self.tick();
        let counting = self.counting;
        let with: Vec<_> = counting.iter().map(|counting| (&counting.tokenizer, &counting.choice)).collect();
        let count = |(_, text): &(u64, String)| -> Vec<CountedText> {
            let one = |(tokenizer, choice): &(&Arc<dyn Tokenizer>, &TokenizerChoice)| {
                let mut counter = TextCounter::new(tokenizer, choice, None, Some(1));
                counter.push(text);
                counter.finish()
            };
            with.iter().map(one).collect()
        };
        let counts = parallel::map(self.threads(), lines, count);
        for ((number, text), counts) in lines.iter().zip(counts) {
            self.verify(&source.name(), *number, text);
            for (counting, counted) in counting.iter().zip(counts) {
                self.add(counting, counted.0, CountUnit::Request);
                self.rows.row(&source.name(), Spot::line(*number), counting, counted, 0)?;
            }
        }
        Ok(())
    }

    fn threads(&self) -> usize {
        self.query.threads.unwrap_or_else(parallel::available)
    }
}
