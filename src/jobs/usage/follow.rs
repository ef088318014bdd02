//! Usage of files that grow: [`Follower`] goes on from where it stopped.
//!
//! A request may stand on several lines, and its last one counts: until its file has been quiet for [`QUIET`], what it
//! costs is added to the sums again each time they are asked for, and its row waits. What only a later line would sum up or
//! end waits longer, until its file has been quiet for [`GIVEN_UP`]. The files know of each other: a request, a session or a
//! trace that is in two of them counts once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::{RecordTaker, UsageQuery, UsageTotals};
use crate::input::calls::each_in;
use crate::input::calls::sequence::{Common, Sequence};
use crate::input::calls::stream::{ChunkResult, StreamWarning, TakeItems};
use crate::input::calls::tail::{Grown, Tail};
use crate::input::text::Source;
use crate::input::walk::Seen;
use crate::jobs::Setup;
use crate::jobs::error::with_help;

/// A file that did not grow for this long has written its requests to their ends.
const QUIET: Duration = Duration::from_secs(2);

/// A file that did not grow for this long will not end what it began: no agent works as long without a line.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// What a [`Follower`] has to say at once.
#[derive(Debug)]
pub enum FollowNews<'n> {
    /// Something about a file that a user may want to know.
    Note(String),
    /// A file that cannot be read.
    Warning(String),
    /// A record has no price: its file, its line, and why.
    Unpriced(&'n str, u64, &'n str),
    /// So many bytes were read.
    Read(u64),
}

/// Where news go.
pub(crate) type TakeNews<'t> = dyn FnMut(FollowNews) + 't;

/// A file with what waits in it.
struct FollowedFile {
    name: Arc<str>,
    tail: Tail,
    sequence: Sequence,
    /// When it grew last.
    grew: Duration,
    /// Whether what it began was given up since.
    is_given_up: bool,
    /// Whether it is missing, or cannot grow: said once.
    is_missing: bool,
    never: bool,
}

/// Reads files as they grow, and prices what comes. It has no clock: whoever asks says how long it is after the beginning.
pub struct Follower<'s> {
    query: &'s UsageQuery,
    setup: &'s Setup,
    /// What is settled.
    settled: RecordTaker<'s>,
    /// What waits, priced again each time.
    open: RecordTaker<'s>,
    files: Vec<FollowedFile>,
    known: FxHashSet<PathBuf>,
    seen: Seen,
    /// What is known of all files: what is in one may be in others too.
    common: Common,
    rows: Vec<u8>,
    /// How many records have no price, and how many hold something that was not read, with what waits.
    refused: (u64, u64),
    /// Names of what was not read, each said once.
    unread: FxHashSet<String>,
}

impl<'s> Follower<'s> {
    /// Follows nothing yet.
    #[must_use]
    pub fn new(query: &'s UsageQuery, setup: &'s Setup) -> Self {
        Follower {
            query,
            setup,
            settled: RecordTaker::new(query, setup),
            open: RecordTaker::new(query, setup),
            files: Vec::new(),
            known: FxHashSet::default(),
            seen: Seen::default(),
            common: Common::in_turns(),
            rows: Vec::new(),
            refused: (0, 0),
            unread: FxHashSet::default(),
        }
    }

    /// Follows a file too, unless it is followed already.
    pub fn add(&mut self, source: Source, now: Duration) {
        let Source::File(path) = source else { return };
        // A file that is not there yet has no real path: its name is looked at first.
        if !self.known.insert(path.clone()) || path.exists() && self.seen.before(&path).is_some() {
            return;
        }
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(FollowedFile {
            name: path.display().to_string().into(),
            tail: Tail::new(&path),
            sequence: Sequence::of_file(number),
            grew: now,
            is_given_up: false,
            is_missing: false,
            never: false,
        });
    }

    /// Reads what came. Says whether anything did.
    pub fn read(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let mut changed = false;
        for place in 0..self.files.len() {
            let before = self.files.get(place).map_or(0, |file| file.tail.offset());
            changed |= self.read_file(place, now, news);
            if let Some(file) = self.files.get(place) {
                news(FollowNews::Read(file.tail.offset().saturating_sub(before)));
            }
        }
        if changed {
            self.say_unread(news);
        }
        changed
    }

    /// Says each name of what was not read once, also of what waits.
    fn say_unread(&mut self, news: &mut TakeNews) {
        let totals = self.totals();
        for (key, warning) in totals.unread_by_key() {
            if self.unread.insert(key.to_owned()) {
                news(FollowNews::Warning(warning));
            }
        }
        self.refused = (totals.unpriced(), totals.unread_records());
    }

    fn read_file(&mut self, place: usize, now: Duration, news: &mut TakeNews) -> bool {
        let Some(file) = self.files.get_mut(place).filter(|file| !file.never) else { return false };
        let FollowedFile { name, tail, sequence, .. } = file;
        let (taker, reading, mut result) = (&mut self.settled, &self.query.reading, ChunkResult::default());
        let mut take = |source: &str, line, item| taker.take(source, line, &item, &mut result);
        let grown = sequence.with(&mut self.common, |sequence| {
            sequence.begin(name);
            let grown = match tail.grow(reading, &mut |line, item| {
                sequence.take(line, item, &mut |line, item| take(name, line, item));
            }) {
                // What does not grow is read to its end at once.
                Ok(Grown::Never(why)) => {
                    let source = Source::File(tail.path().to_owned());
                    let read = each_in(&source, reading, sequence, &mut |line, item| take(name, line, item));
                    read.map(|()| Grown::Never(why))
                }
                grown => grown,
            };
            sequence.take_late(&mut take);
            grown
        });
        let changed = match grown {
            Ok(Grown::Same) => false,
            Ok(Grown::More) => true,
            Ok(Grown::Again(why)) => {
                let what = "reading it from its start, and what was counted before stays";
                news(FollowNews::Note(format!("{name}: {why}; {what}")));
                true
            }
            Ok(Grown::Never(why)) => {
                news(FollowNews::Note(format!("{name}: {why} and does not grow line by line; it is read once")));
                file.never = true;
                true
            }
            Err(error) => {
                if !file.is_missing {
                    news(FollowNews::Warning(format!("{}; waiting for it", with_help(&error, error.help()))));
                }
                file.is_missing = true;
                return false;
            }
        };
        file.is_missing = false;
        if changed {
            (file.grew, file.is_given_up) = (now, false);
        }
        keep(&mut self.rows, &file.name, &result, news);
        changed
    }

    /// Hands out what waited in files that are quiet. Says whether there is something new to show.
    pub fn settle(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let mut given_up = false;
        for file in &mut self.files {
            let quiet = now.saturating_sub(file.grew);
            let gives_up = quiet >= GIVEN_UP && !file.is_given_up;
            if !gives_up && (!self.query.rows || quiet < QUIET || !file.sequence.has_waiting()) {
                continue;
            }
            let (taker, name) = (&mut self.settled, &*file.name);
            let mut result = ChunkResult::default();
            let mut take = |line, item| taker.take(name, line, &item, &mut result);
            file.sequence.with(&mut self.common, |sequence| {
                if gives_up { sequence.give_up(&mut take) } else { sequence.settle(&mut take) }
            });
            given_up |= std::mem::replace(&mut file.is_given_up, gives_up) != gives_up;
            keep(&mut self.rows, name, &result, news);
        }
        if self.query.rows {
            self.settle_spans(now, news);
        }
        if given_up {
            self.say_unread(news);
        }
        given_up && !self.query.rows || !self.rows.is_empty()
    }

    /// Hands out traces that are in no file that grows; a member of an archive grows with none.
    fn settle_spans(&mut self, now: Duration, news: &mut TakeNews) {
        let is_busy = |file: &&FollowedFile| now.saturating_sub(file.grew) < QUIET;
        let busy: FxHashSet<&str> = self.files.iter().filter(is_busy).map(|file| &*file.name).collect();
        let (taker, rows) = (&mut self.settled, &mut self.rows);
        self.common.settle_spans(&|source| !busy.contains(source), &mut |source, line, item| {
            let mut result = ChunkResult::default();
            taker.take(source, line, &item, &mut result);
            keep(rows, source, &result, news);
        });
    }

    /// The new rows as lines of JSON.
    pub fn take_rows(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rows)
    }

    /// How many records have no price, as of the last time that something was read.
    #[must_use]
    pub fn unpriced(&self) -> u64 {
        self.refused.0
    }

    /// How many records hold something that was not read, as of the last time that something was read.
    #[must_use]
    pub fn unread_records(&self) -> u64 {
        self.refused.1
    }

    /// One line about the sums, with what waits.
    pub fn sentence(&mut self) -> String {
        self.totals().sentence(self.setup)
    }

    fn totals(&mut self) -> UsageTotals {
        let (open, files) = (&mut self.open, &self.files);
        self.common.would_count(files.iter().map(|file| (&*file.name, &file.sequence)), &mut |source, line, entry| {
            open.entry(source, line, entry, &mut ChunkResult::default());
        });
        let mut totals = self.settled.totals.clone();
        totals.merge(std::mem::take(&mut self.open.totals));
        totals
    }
}

fn keep(rows: &mut Vec<u8>, name: &str, result: &ChunkResult, news: &mut TakeNews) {
    rows.extend_from_slice(&result.rows);
    let unpriced = |warning: &StreamWarning| news(FollowNews::Unpriced(name, warning.line, &warning.text));
    result.warnings.iter().for_each(unpriced);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::jobs::AsOf;
    use crate::pricing::PriceTable;

    /// A folder whose files are written to, and what a follower of it has said.
    struct Run {
        folder: tempfile::TempDir,
        query: UsageQuery,
        setup: Setup,
    }

    impl Run {
        fn new(rows: bool) -> Self {
            let at = "2026-01-01T00:00:00Z".parse().unwrap();
            let (table, as_of) = (PriceTable::bundled().into(), AsOf::Named);
            let setup = Setup { table, at, as_of, currency: None, vocabularies: None, strict: false };
            Run { folder: tempfile::tempdir().unwrap(), query: UsageQuery { rows, ..UsageQuery::default() }, setup }
        }

        /// What the sums and the rows are when this was written to files, one after the other, a second apart, and then nothing
        /// for so many seconds: records with a price and prompt tokens of all, and how many rows and warnings there are.
        fn follow(&self, parts: &[(&str, &str)], quiet: u64) -> (u64, u64, usize, Vec<String>) {
            let mut follower = Follower::new(&self.query, &self.setup);
            let (mut warnings, mut now) = (Vec::new(), 0);
            let mut take = |news: FollowNews| match news {
                FollowNews::Warning(text) => warnings.push(text),
                FollowNews::Unpriced(_, _, text) => warnings.push(text.to_owned()),
                FollowNews::Note(_) | FollowNews::Read(_) => {}
            };
            for (name, text) in parts {
                let path = self.folder.path().join(name);
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
                writeln!(file, "{text}").unwrap();
                follower.add(Source::File(path), Duration::from_secs(now));
                follower.read(Duration::from_secs(now), &mut take);
                now += 1;
            }
            follower.settle(Duration::from_secs(now - 1 + quiet), &mut take);
            let rows = follower.take_rows().iter().filter(|byte| **byte == b'\n').count();
            let all = follower.totals().all;
            (all.records, all.input, rows, warnings)
        }
    }

    /// The sums, whether or not rows are written.
    fn sums(parts: &[(&str, &str)], quiet: u64) -> (u64, u64) {
        let found = [false, true].map(|rows| Run::new(rows).follow(parts, quiet));
        assert_eq!((found[0].0, found[0].1), (found[1].0, found[1].1));
        (found[0].0, found[0].1)
    }

    fn answer(id: &str, input: u64) -> String {
        format!(
            r#"{{"object":"chat.completion","id":"{id}","created":1764547200,"model":"gpt-4o","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":1}}}}"#
        )
    }

    fn span(id: &str, parent: &str, operation: &str, input: u64) -> String {
        format!(
            r#"{{"traceId":"t","spanId":"{id}","parentSpanId":"{parent}","startTimeUnixNano":"1764547200000000000","attributes":{{"gen_ai.provider.name":"openai","gen_ai.operation.name":"{operation}","gen_ai.request.model":"gpt-4o","gen_ai.usage.input_tokens":{input},"gen_ai.usage.output_tokens":0}}}}"#
        )
    }

    #[test]
    fn a_request_in_two_files_counts_once() {
        let (one, other) = (answer("chatcmpl-abcdefgh1", 5), answer("chatcmpl-abcdefgh2", 70));
        for quiet in [0, 5, 1_000] {
            let parts = [("a", one.as_str()), ("b", &one), ("b", &other), ("a", &other)];
            assert_eq!(sums(&parts, quiet), (2, 75));
            // Two of one file are two requests.
            assert_eq!(sums(&[("a", &one), ("a", &one), ("b", &one)], quiet), (2, 10));
        }
    }

    #[test]
    fn a_trace_counts_once_however_long_it_is_written() {
        let (agent, first, second) =
            (span("a", "", "invoke_agent", 9), span("b", "a", "chat", 4), span("c", "a", "chat", 5));
        for quiet in [0, 5, 1_000] {
            assert_eq!(sums(&[("a", &first), ("b", &second), ("a", &agent)], quiet), (2, 9));
            assert_eq!(sums(&[("a", &agent), ("a", &first), ("b", &second)], quiet), (2, 9));
        }
        // Quiet in between: the sum was handed out, and what it held does not count again.
        let run = Run::new(true);
        let mut follower = Follower::new(&run.query, &run.setup);
        let path = run.folder.path().join("a");
        for (at, line) in [(0, &agent), (10, &first), (20, &second)] {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
            writeln!(file, "{line}").unwrap();
            follower.add(Source::File(path.clone()), Duration::from_secs(at));
            follower.read(Duration::from_secs(at), &mut |_| ());
            follower.settle(Duration::from_secs(at + 5), &mut |_| ());
        }
        assert_eq!(follower.totals().all.input, 9);
    }

    #[test]
    fn a_sum_and_its_requests_in_two_files_count_once() {
        let session = |input: u64| {
            format!(
                "{}\n{}\n{}",
                r#"{"timestamp":"2025-12-01T10:00:00Z","type":"session_meta","payload":{"id":"thread-1","timestamp":"2025-12-01T10:00:00Z","cwd":"/p","originator":"codex","cli_version":"0.50.0"}}"#,
                r#"{"timestamp":"2025-12-01T10:00:05Z","type":"turn_context","payload":{"model":"gpt-5-codex","cwd":"/p"}}"#,
                format_args!(
                    r#"{{"timestamp":"2025-12-01T10:00:30Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{input},"cached_input_tokens":0,"output_tokens":5,"reasoning_output_tokens":0,"total_tokens":105}},"last_token_usage":{{"input_tokens":{input},"cached_input_tokens":0,"output_tokens":5,"reasoning_output_tokens":0,"total_tokens":105}}}}}}}}"#
                )
            )
        };
        let run = "{\"type\":\"thread.started\",\"thread_id\":\"thread-1\"}\n{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":100,\"cached_input_tokens\":0,\"output_tokens\":5}}";
        for quiet in [0, 5, 1_000] {
            let run_of = |parts: &[(&str, &str)]| {
                let mut with_model = Run::new(false);
                with_model.query.wishes.model = Some("gpt-5-codex".into());
                with_model.follow(parts, quiet).1
            };
            assert_eq!(run_of(&[("a", &session(100)), ("b", run)]), 100);
            assert_eq!(run_of(&[("b", run), ("a", &session(100))]), 100);
        }
    }

    #[test]
    fn what_only_a_later_line_would_end_is_not_lost() {
        let chunk =
            r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"delta":{}}]}"#;
        let silent = |quiet| Run::new(true).follow(&[("a", chunk)], quiet);
        assert_eq!((silent(5).2, silent(5).3.len()), (0, 0));
        assert_eq!(silent(1_000).2, 1, "a row for a stream that never said what it used");
        assert!(!Run::new(false).follow(&[("a", chunk)], 1_000).3.is_empty());
        let run = [
            r#"{"type":"system","subtype":"init","session_id":"s","model":"claude-sonnet-4-5","cwd":"/p"}"#,
            r#"{"type":"assistant","session_id":"s","uuid":"u","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","usage":{"input_tokens":50,"output_tokens":1}}}"#,
        ];
        // A message stands on a line for each of its blocks.
        let parts = [("a", run[0]), ("a", run[1]), ("a", run[1])];
        // The run goes on: its request counts, and is handed out when the run is given up.
        assert_eq!(sums(&parts, 5), (1, 50));
        assert_eq!(Run::new(true).follow(&parts, 5).2, 0);
        assert_eq!(Run::new(true).follow(&parts, 1_000).2, 1);
        assert_eq!(sums(&parts, 1_000), (1, 50));
    }

    #[test]
    fn what_is_not_read_of_a_record_that_waits_is_said() {
        let line = r#"{"type":"assistant","sessionId":"s","requestId":"r","timestamp":"2025-12-01T10:00:00Z","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","usage":{"input_tokens":50,"output_tokens":1,"zorkmid_tokens":7}}}"#;
        let (_, _, _, warnings) = Run::new(false).follow(&[("a", line)], 0);
        assert!(warnings.iter().any(|text| text.contains("usage.zorkmid_tokens is 7")), "{warnings:?}");
    }
}
