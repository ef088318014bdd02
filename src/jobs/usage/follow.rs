//! Usage of files that grow: [`Follower`] goes on from where it stopped.
//!
//! A request may stand on several lines, and its last one counts: until its file has been quiet for [`QUIET`], what it
//! costs is added to the sums again each time they are asked for, and its row waits. What only a later line would sum up or
//! end waits longer, until its file has been quiet for [`GIVEN_UP`]. The files know of each other: a request, a session or a
//! trace that is in two of them counts once.
//!
//! Logs are rotated. A file that was renamed or deleted is read on until it has been quiet for [`GONE`], next to the one that
//! took its place; where it turns up under another name it is known again. A file that was copied and cut short goes on in
//! its copy behind what was read of it, and a copy of what is followed does not count (`known`).

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;

use self::known::{KnownFiles, MetFile, Origin, Progress};
use super::{RecordTaker, UsageQuery, UsageTotals};
use crate::input::calls::each_in;
use crate::input::calls::sequence::{Common, Sequence};
use crate::input::calls::stream::{ChunkResult, StreamWarning, TakeItems};
use crate::input::calls::tail::{FileId, Grown, Likeness, Tail};
use crate::input::dialect::Item;
use crate::input::text::Source;
use crate::input::walk::Seen;
use crate::jobs::Setup;
use crate::jobs::error::with_help;

mod known;

/// A file that did not grow for this long has written its requests to their ends.
const QUIET: Duration = Duration::from_secs(2);

/// A file whose name leads elsewhere, and that did not grow for this long, has lost its writer.
const GONE: Duration = Duration::from_secs(60);

/// So many files are kept open, those that grew last.
const HELD: usize = 100;

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
    /// Each has another; those of later files are larger.
    number: u32,
    tail: Tail,
    sequence: Sequence,
    /// When it grew last.
    grew: Duration,
    /// Whether what it began was given up since.
    is_given_up: bool,
    /// Whether it is missing, or cannot grow: said once.
    is_missing: bool,
    never: bool,
    /// Whether it is among those that grew last.
    is_recent: bool,
}

impl FollowedFile {
    /// How far it was read; `None` where it does not begin like this.
    fn progress(&self, start: &[u8]) -> Option<Progress<'_>> {
        let read = self.tail.begins_like(start).then(|| self.tail.read_so_far()).flatten()?;
        Some(Progress { name: &self.name, tail: &self.tail, read })
    }
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
    /// How many files were followed.
    numbers: u32,
    /// Whether anything was read: files that are met later may be old ones under other names.
    has_begun: bool,
    /// The names that lead to what is followed.
    names: FxHashSet<PathBuf>,
    /// Those that were met before anything was read.
    seen: Seen,
    known: KnownFiles,
    /// The numbers of the files that grew last and are kept open.
    recent: VecDeque<u32>,
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
            numbers: 0,
            has_begun: false,
            names: FxHashSet::default(),
            seen: Seen::default(),
            known: KnownFiles::default(),
            recent: VecDeque::new(),
            common: Common::in_turns(),
            rows: Vec::new(),
            refused: (0, 0),
            unread: FxHashSet::default(),
        }
    }

    /// Follows a file too, unless it is followed already, under this name or another, or is a copy of one that is.
    pub fn add(&mut self, source: Source, now: Duration) {
        let Source::File(path) = source else { return };
        if self.names.contains(&path) {
            return;
        }
        if !self.has_begun {
            // A file that is not there yet has no real path: its name is looked at first.
            if !path.exists() || self.seen.before(&path).is_none() {
                self.push(path.clone(), Tail::new(&path), now);
            }
            return;
        }
        let id = std::fs::metadata(&path).ok().and_then(|meta| FileId::of(&meta));
        if id.is_some_and(|id| self.is_further_name(&path, id)) {
            return;
        }
        // What cannot be read is said when it is to be followed.
        let origin = MetFile::open(&path).map_or(Origin::New, |met| {
            let alike = self.files.iter().filter_map(|file| file.progress(met.start()));
            self.known.origin(&met, alike, now)
        });
        match origin {
            Origin::New => self.push(path.clone(), Tail::new(&path), now),
            Origin::GoesOn(read) => self.push(path.clone(), Tail::behind(&path, read), now),
            Origin::Copy => {}
        }
    }

    /// Whether a name leads to a file that is followed under another. Some network file systems give several files one
    /// number, so the text has to be the same, too.
    fn is_further_name(&mut self, path: &Path, id: FileId) -> bool {
        if self.known.has(path, &id) {
            return true;
        }
        let Some(file) = self.files.iter().find(|file| file.tail.id() == Some(&id)) else { return false };
        // Where nothing was read yet, the next look tells.
        let Some(read) = file.tail.read_so_far() else { return true };
        let likeness = File::open(path).and_then(|mut file| read.likeness(&mut file));
        let is_same = likeness.is_ok_and(|likeness| likeness != Likeness::Other);
        if is_same {
            self.known.insert(path.to_owned(), id);
        }
        is_same
    }

    fn push(&mut self, path: PathBuf, tail: Tail, now: Duration) {
        self.files.push(FollowedFile {
            name: path.display().to_string().into(),
            number: self.numbers,
            tail,
            sequence: Sequence::of_file(self.numbers),
            grew: now,
            is_given_up: false,
            is_missing: false,
            never: false,
            is_recent: false,
        });
        self.numbers = self.numbers.saturating_add(1);
        self.names.insert(path);
    }

    /// Reads what came. Says whether anything did.
    pub fn read(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let (mut changed, mut place) = (false, 0);
        self.known.take_notes().into_iter().for_each(|note| news(FollowNews::Note(note)));
        // What took the place of another file is read behind it, in the same turn.
        while place < self.files.len() {
            self.part_from_replaced(place, now, news);
            let before = self.files.get(place).map_or(0, |file| file.tail.offset());
            changed |= self.read_file(place, now, news);
            if let Some(file) = self.files.get(place) {
                news(FollowNews::Read(file.tail.offset().saturating_sub(before)));
            }
            place += 1;
        }
        self.has_begun = true;
        if changed {
            self.say_unread(news);
        }
        changed
    }

    /// Where the name of a file leads to another now, or to none: both are read on.
    fn part_from_replaced(&mut self, place: usize, now: Duration, news: &mut TakeNews) {
        let Some(file) = self.files.get_mut(place).filter(|file| file.tail.is_replaced() && !file.never) else {
            return;
        };
        if !file.tail.leave() {
            return;
        }
        let (path, name) = (file.tail.path().to_owned(), file.name.clone());
        let is_missing = !path.exists();
        let what =
            if is_missing { "it was renamed or deleted; waiting for another" } else { "another file took its place" };
        news(FollowNews::Note(format!("{name}: {what}; what is still written to it is read, too")));
        file.grew = now;
        self.push(path.clone(), Tail::new(&path), now);
        if let Some(new) = self.files.last_mut() {
            new.is_missing = is_missing;
        }
    }

    /// Keeps a file open, and closes the one that did not grow for longest where there are too many. A file whose name leads
    /// elsewhere stays open.
    fn keep_open(&mut self, place: usize) {
        let Some(file) = self.files.get_mut(place).filter(|file| !file.is_recent) else { return };
        file.is_recent = true;
        self.recent.push_back(file.number);
        let over = self.recent.len().saturating_sub(HELD);
        for number in self.recent.drain(..over) {
            let place = self.files.binary_search_by_key(&number, |file| file.number);
            if let Some(file) = place.ok().and_then(|place| self.files.get_mut(place)) {
                file.is_recent = false;
                file.tail.release();
            }
        }
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
        let is_first = tail.id().is_none();
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
                self.known.remember(name, tail.take_before());
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
        if changed || is_first {
            self.keep_open(place);
        } else if !file.is_recent {
            file.tail.release();
        }
        changed
    }

    /// Hands out what waited in files that are quiet. Says whether there is something new to show.
    pub fn settle(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let mut given_up = self.end_gone(now, news);
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

    /// Reads files to their ends whose names lead elsewhere and that nothing writes to. Says whether there were any.
    fn end_gone(&mut self, now: Duration, news: &mut TakeNews) -> bool {
        let is_over = |file: &mut FollowedFile| file.tail.is_gone() && now.saturating_sub(file.grew) >= GONE;
        let over: Vec<FollowedFile> = self.files.extract_if(.., is_over).collect();
        let has_any = !over.is_empty();
        for FollowedFile { name, mut tail, mut sequence, .. } in over {
            let (taker, reading, mut result) = (&mut self.settled, &self.query.reading, ChunkResult::default());
            let mut take = |line, item: Item<'static>| taker.take(&name, line, &item, &mut result);
            let ended = sequence.with(&mut self.common, |sequence| {
                sequence.begin(&name);
                let ended = tail.finish(reading, &mut |line, item| sequence.take(line, item, &mut take));
                sequence.give_up(&mut take);
                ended
            });
            if let Err(error) = ended {
                news(FollowNews::Warning(with_help(&error, error.help())));
            }
            self.known.remember(&name, tail.read_so_far());
            keep(&mut self.rows, &name, &result, news);
        }
        has_any
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

    /// How many files of a folder this process has open.
    #[cfg(target_os = "linux")]
    fn open_below(folder: &Path) -> usize {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|file| std::fs::read_link(file.path()).ok()).filter(|path| path.starts_with(folder)).count()
    }

    /// A home of many sessions has more files than a process may open.
    #[cfg(target_os = "linux")]
    #[test]
    fn few_of_many_files_are_kept_open() {
        let run = Run::new(false);
        let mut follower = Follower::new(&run.query, &run.setup);
        let all = 3 * HELD;
        for number in 0..all {
            let path = run.folder.path().join(format!("{number}.jsonl"));
            std::fs::write(&path, answer(&format!("chatcmpl-{number:08}"), 1) + "\n").unwrap();
            follower.add(Source::File(path), Duration::ZERO);
        }
        let mut most = 0;
        follower.read(Duration::ZERO, &mut |_| most = most.max(open_below(run.folder.path())));
        assert!((HELD..=HELD + 1).contains(&most), "{most}");
        assert_eq!(follower.totals().all.input, all as u64);
    }

    /// What happens to a log.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        /// A record is written.
        Write,
        /// The first half of one is written, the rest with what comes next.
        Half,
        /// It is renamed; who writes to it goes on.
        Rename,
        /// Who writes goes on in a new file of its name.
        Reopen,
        /// It is copied and cut short.
        Copy,
        /// It is deleted; who writes to it goes on.
        Delete,
        /// It is looked at, after a number of seconds.
        Look(u64),
    }

    /// A log with who writes to it, and what must be counted of it.
    struct World {
        folder: tempfile::TempDir,
        writer: std::fs::File,
        /// Whether there is a file of its name that the writer writes to.
        is_there: bool,
        /// Whether the file of the writer was in the folder when somebody looked.
        was_seen: bool,
        /// What is written of a record and not yet.
        rest: String,
        records: u64,
        rotated: u64,
        /// Tokens: written, of which in the file that the writer has.
        written: u64,
        here: u64,
        /// Of files that were deleted before anybody looked.
        lost: u64,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let writer = Self::open(folder.path());
            World {
                folder,
                writer,
                is_there: true,
                was_seen: false,
                rest: String::new(),
                records: 0,
                rotated: 0,
                written: 0,
                here: 0,
                lost: 0,
            }
        }

        fn open(folder: &Path) -> std::fs::File {
            std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap()
        }

        fn record(&mut self) -> String {
            self.records += 1;
            let tokens = self.records;
            (self.written, self.here) = (self.written + tokens, self.here + tokens);
            format!(
                "{{\"model\":\"gpt-4o\",\"timestamp\":\"2025-12-01T10:00:00Z\",\"input_tokens\":{tokens},\"output_tokens\":0}}\n"
            )
        }

        fn complete(&mut self) {
            let rest = std::mem::take(&mut self.rest);
            self.writer.write_all(rest.as_bytes()).unwrap();
        }

        /// A name for what is rotated.
        fn next(&mut self) -> PathBuf {
            self.rotated += 1;
            self.folder.path().join(format!("log.{}", self.rotated))
        }

        fn happen(&mut self, what: Happens) {
            let log = self.folder.path().join("log");
            match what {
                Happens::Write => {
                    self.complete();
                    let record = self.record();
                    self.writer.write_all(record.as_bytes()).unwrap();
                }
                Happens::Half => {
                    self.complete();
                    let record = self.record();
                    let (begin, rest) = record.split_at(30);
                    self.writer.write_all(begin.as_bytes()).unwrap();
                    self.rest = rest.to_owned();
                }
                Happens::Rename if self.is_there => {
                    std::fs::rename(log, self.next()).unwrap();
                    self.is_there = false;
                }
                Happens::Copy if self.is_there => {
                    // What is written between copying and cutting is lost to everybody.
                    self.complete();
                    std::fs::copy(&log, self.next()).unwrap();
                    self.writer.set_len(0).unwrap();
                    self.here = 0;
                }
                Happens::Delete if self.is_there => {
                    std::fs::remove_file(log).unwrap();
                    self.is_there = false;
                    // Nobody can read a file that was never there when they looked.
                    if !self.was_seen {
                        self.complete();
                        self.lost += self.here;
                        self.writer = std::fs::OpenOptions::new().append(true).create(true).open(self.next()).unwrap();
                        (self.here, self.was_seen) = (0, false);
                    }
                }
                Happens::Reopen if !self.is_there => {
                    self.complete();
                    self.writer = Self::open(self.folder.path());
                    (self.is_there, self.was_seen, self.here) = (true, false, 0);
                }
                _ => {}
            }
        }

        /// Looks as the program does.
        fn look(&mut self, follower: &mut Follower, now: u64, said: &mut Vec<String>) {
            let now = Duration::from_secs(now);
            let mut take = |news: FollowNews| {
                if let FollowNews::Note(text) | FollowNews::Warning(text) = news {
                    said.push(text);
                }
            };
            follower.read(now, &mut take);
            follower.settle(now, &mut take);
            let mut files: Vec<_> =
                std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort();
            files.into_iter().for_each(|file| follower.add(Source::File(file), now));
            follower.read(now, &mut take);
            self.was_seen = true;
        }
    }

    fn happens() -> impl proptest::strategy::Strategy<Value = Happens> {
        use proptest::prelude::*;
        prop_oneof![
            4 => Just(Happens::Write),
            2 => Just(Happens::Half),
            2 => Just(Happens::Rename),
            2 => Just(Happens::Reopen),
            2 => Just(Happens::Copy),
            1 => Just(Happens::Delete),
            4 => (0..3_u64).prop_map(Happens::Look),
        ]
    }

    proptest::proptest! {
        #![proptest_config(farebox_testing::laws::cases(200))]
        /// Whatever happens to a log, everything counts once that anybody could read.
        #[test]
        fn logs_are_rotated_copied_and_deleted(all in proptest::collection::vec(happens(), 0..25)) {
            let run = Run::new(false);
            let mut follower = Follower::new(&run.query, &run.setup);
            let (mut world, mut said, mut now) = (World::new(), Vec::new(), 0);
            for what in &all {
                match what {
                    Happens::Look(seconds) => {
                        now += seconds;
                        world.look(&mut follower, now, &mut said);
                    }
                    other => world.happen(*other),
                }
            }
            world.complete();
            for seconds in [1, 2, 20, 70, 1] {
                now += seconds;
                world.look(&mut follower, now, &mut said);
            }
            let totals = follower.totals().all;
            proptest::prop_assert_eq!(totals.input, world.written - world.lost, "{:?}: {:?}", all, said);
            proptest::prop_assert_eq!(totals.unpriced, 0);
        }
    }

    #[test]
    fn what_is_not_read_of_a_record_that_waits_is_said() {
        let line = r#"{"type":"assistant","sessionId":"s","requestId":"r","timestamp":"2025-12-01T10:00:00Z","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","usage":{"input_tokens":50,"output_tokens":1,"zorkmid_tokens":7}}}"#;
        let (_, _, _, warnings) = Run::new(false).follow(&[("a", line)], 0);
        assert!(warnings.iter().any(|text| text.contains("usage.zorkmid_tokens is 7")), "{warnings:?}");
    }
}
