//! How many tokens texts and requests are, for tokenizers or for models: [`count`].
//!
//! What is counted with is found first ([`CountWith::load`]); then inputs are read one by one, each once, and rows go out as
//! they are made. A text is never held whole, whatever its length.

mod added;
mod explained;
mod fields;
mod lines;
mod requests;
mod rows;
mod total;
mod tree;
mod verify;
mod with;

use std::cell::Cell;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

pub use self::added::CountAdded;
pub use self::explained::{CountPartRow, CountRule, PartCount};
pub use self::fields::{CountFields, CountIdentity};
pub use self::rows::{CountHead, CountOrder, CountRow, CountView, CutRow};
pub use self::total::CountTotalRow;
pub use self::tree::{CountTreeRow, NamedCount};
pub(crate) use self::verify::Verification;
pub use self::with::{CountWith, Counting};

use self::explained::ExplainedRequests;
use self::requests::OwnModels;
use self::rows::{CountRows, CountedText};
use self::total::{CountTotal, CountUnit};
use self::tree::TreeNode;
use super::tokenizers::TokenizerChoice;
use super::{JobError, Setup, plural};
use crate::conversation::{Conversation, Message, Role};
use crate::input::chat::Api;
use crate::input::media::NamedAttachments;
use crate::input::requests::{Input, ReadAs, Spot, alone};
use crate::input::text::{InputError, Source, read_blocks_of};
use crate::money::grouped;
use crate::report::Report;
use crate::tokenizer::limit::Limit;
use crate::tokenizer::{StreamCounter, TokenCount, Tokenizer};

/// What to count, and how.
#[derive(Clone, Debug)]
pub struct CountQuery {
    /// What to read: files, folders, standard input or a text at hand.
    pub sources: Vec<Source>,
    /// Attachments to count as a request with each alone.
    pub attachments: NamedAttachments,
    /// What inputs are to be taken for.
    pub read_as: ReadAs,
    /// The API that requests are for, where their form does not say it.
    pub api: Option<Api>,
    /// What is sent with every request.
    pub added: CountAdded,
    /// Show the parts of each request.
    pub explain: bool,
    /// Count the string in this field of each line of JSON Lines.
    pub jsonl: Option<String>,
    /// Show folders; what has less than this share of the tokens, in percent, is summed up.
    pub tree: Option<f64>,
    /// How rows are to be shown.
    pub view: CountView,
    /// Refuse requests, which no second counter counts.
    pub verify: bool,
    /// Count the bytes of binary files as text.
    pub binary: bool,
    /// List the binary files of folders that were skipped.
    pub list_skipped: bool,
    /// The most threads to use; as many as the machine runs at once where it is not given.
    pub threads: Option<usize>,
    /// Leave out what is only good to know.
    pub quiet: bool,
}

/// What a count asks of its caller.
pub struct CountTools<'t> {
    /// Takes warnings and notes as they arise: the rows of a long input come at the same time.
    pub say: &'t mut dyn FnMut(&str),
    /// Gives the price table, where requests name models of their own.
    pub prices: &'t mut dyn FnMut() -> Result<Setup, JobError>,
    /// Takes how many bytes were read, of how many where that is known.
    pub progress: &'t mut dyn FnMut(u64, Option<u64>),
}

/// What came of a count.
#[derive(Clone, Debug, Default)]
pub struct CountOutcome {
    /// The rows; nothing where they went out as lines.
    pub report: Option<Report>,
    /// How many lines and files could not be counted; each was said.
    pub failed: u64,
    /// What is over the budget, such as `openai/gpt-4o: 12 tokens`.
    pub over: Vec<String>,
    /// What came of the second counts, where there were some.
    pub verification: Verification,
}

/// Counts.
///
/// * `counting`: what to count with; requests are counted for the models that they name where it is empty;
/// * `lines`: where rows go as lines of JSON at once; a report is made where it is not given, and of trees and summaries.
///
/// # Errors
/// [`JobError`] where the only input cannot be read, or rows cannot be written. One of several inputs that cannot be read is
/// said and costs only itself.
pub fn count<'a>(
    query: &'a CountQuery,
    counting: &'a [Counting],
    tools: CountTools<'a>,
    lines: Option<&'a mut dyn Write>,
) -> Result<CountOutcome, JobError> {
    let lines = lines.filter(|_| query.tree.is_none() && !query.view.summary && !query.explain);
    let rows = CountRows::new(query.view, lines);
    let (totals, skipped) = (Vec::new(), Vec::new());
    let bytes = BytesRead::default();
    let added = query.added.read()?;
    let explained = query.explain.then(ExplainedRequests::default);
    let mut run =
        CountRun { query, counting, tools, rows, added, explained, failed: 0, totals, skipped, bytes, all_bytes: None };
    match (&query.jsonl, query.tree) {
        (Some(field), _) => run.count_lines(&query.sources, field)?,
        (None, Some(least_percent)) => run.count_tree(least_percent)?,
        (None, None) => run.count_inputs()?,
    }
    run.tell_skipped();
    let CountRun { mut rows, failed, totals, explained, .. } = run;
    if let Some(explained) = explained {
        rows.explained(explained.report());
    }
    let budget = query.view.budget;
    Ok(CountOutcome {
        over: totals.iter().filter(|total| total.is_over(budget)).map(CountTotal::over_text).collect(),
        report: rows.finish(&totals)?,
        failed,
        verification: verify::judge(counting.iter().filter_map(|counting| counting.second.as_ref())),
    })
}

/// The error of a count for which nothing was named to count with.
#[must_use]
pub fn nothing_to_count_with() -> JobError {
    JobError::asked(
        "no model or tokenizer given",
        "give --model gpt-4o or --tokenizer o200k_base; both repeat, `farebox models` lists the models",
    )
}

/// One count: what it counts with, what it has counted, and what went wrong so far.
struct CountRun<'a> {
    query: &'a CountQuery,
    counting: &'a [Counting],
    tools: CountTools<'a>,
    rows: CountRows<'a>,
    /// What is sent with every request.
    added: Conversation,
    /// The parts of requests, where they were asked for.
    explained: Option<ExplainedRequests>,
    failed: u64,
    totals: Vec<CountTotal>,
    /// Binary files of folders.
    skipped: Vec<String>,
    /// How much was read, and how much there is.
    bytes: BytesRead,
    all_bytes: Option<u64>,
}

/// How many bytes were read, by whichever readers.
#[derive(Clone, Default)]
struct BytesRead(Rc<Cell<u64>>);

impl BytesRead {
    fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes as u64));
    }

    /// The same input, whose bytes are counted as they are read.
    fn of<'s>(&self, input: Input<'s>) -> Input<'s> {
        Input { reader: Box::new(WatchedReader { reader: input.reader, bytes: self.clone() }), ..input }
    }
}

struct WatchedReader<'s> {
    reader: Box<dyn Read + 's>,
    bytes: BytesRead,
}

impl Read for WatchedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer).inspect(|read| self.bytes.add(*read))
    }
}

impl CountRun<'_> {
    fn say(&mut self, line: &str) {
        (self.tools.say)(line);
    }

    /// Says how far it is.
    fn tick(&mut self) {
        (self.tools.progress)(self.bytes.0.get(), self.all_bytes);
    }

    /// What a person should know about a count.
    fn note(&mut self, place: &str, notes: &[String]) {
        if !self.query.quiet {
            notes.iter().for_each(|note| self.say(&format!("note: {place}: {note}")));
        }
    }

    /// Adds a count to the total of what it was counted with.
    fn add(&mut self, counting: &Counting, count: TokenCount, unit: CountUnit) {
        let name = counting.name();
        let at = self.totals.iter().position(|total| total.name == name).unwrap_or_else(|| {
            self.totals.push(CountTotal::new(counting.identity.clone(), counting.context_window()));
            self.totals.len() - 1
        });
        self.totals[at].add(count, unit);
    }

    /// Files, folders, standard input or a text: a row for each text, and for each request where an input holds some.
    fn count_inputs(&mut self) -> Result<(), JobError> {
        let sources = self.files_of_all()?;
        let mut own = OwnModels::default();
        let is_single = sources.len() == 1;
        for (source, from_folder) in &sources {
            match self.count_input(source, *from_folder, is_single, &mut own) {
                Err(JobError::Input(error)) if *from_folder || !is_single => self.passed(error, *from_folder),
                other => other?,
            }
        }
        if sources.is_empty() && !self.query.added.is_empty() {
            self.count_added()?;
        }
        self.each_attachment(|run, name, counting, counted| run.rows.row(name, Spot::default(), counting, counted, 0))
    }

    fn count_input(
        &mut self,
        source: &Source,
        from_folder: bool,
        is_single: bool,
        own: &mut OwnModels,
    ) -> Result<(), JobError> {
        let read_as = match self.query.read_as {
            _ if self.counting.iter().any(Counting::is_template) => ReadAs::Requests,
            // A folder is counted as what it is: text that somebody may paste.
            ReadAs::Detected if from_folder => ReadAs::Text,
            other => other,
        };
        let mut input = self.bytes.of(Input { api: self.query.api, ..Input::open(source, read_as)? });
        if !input.holds_requests && !self.query.added.is_empty() && !from_folder {
            return self.count_prompt(input);
        }
        if !input.holds_requests {
            return self.count_one_text(input, from_folder, is_single);
        }
        if self.query.verify {
            return Err(JobError::asked(
                format!("{}: --verify counts plain text again, and this holds requests", input.name),
                "count it as text with --plain",
            ));
        }
        if !self.asks_for_requests(read_as) {
            let note = "holds requests, counted as plain text for a tokenizer; --model MODEL counts what is billed";
            self.note(&input.name, &[note.into()]);
            return self.count_one_text(input, from_folder, is_single);
        }
        let again = if self.reads_as_text(read_as) { Some(input.again(source)?) } else { None };
        self.count_requests(input, read_as, own)?;
        again.map_or(Ok(()), |again| self.count_one_text(again, from_folder, false))
    }

    /// Whether requests are counted as such: for a model, or where they were asked for.
    fn asks_for_requests(&self, read_as: ReadAs) -> bool {
        read_as == ReadAs::Requests || self.counting.is_empty() || self.counting.iter().any(Counting::bills_requests)
    }

    /// Whether their text is counted too: for a tokenizer without a model, unless the user asked for requests.
    fn reads_as_text(&self, read_as: ReadAs) -> bool {
        read_as != ReadAs::Requests && self.counting.iter().any(|counting| !counting.bills_requests())
    }

    /// A text that is sent with instructions and tools: a request of one message.
    fn count_prompt(&mut self, mut input: Input<'_>) -> Result<(), JobError> {
        let mut text = String::new();
        read_blocks_of(&input.name, &mut *input.reader, self.query.binary, &mut |block| text.push_str(block))?;
        let asks = Conversation { messages: vec![Message::text(Role::User, text)], ..Conversation::default() };
        self.count_framed(&input.name, added::with_added(&self.added, asks))
    }

    /// What is sent with every request, by itself.
    fn count_added(&mut self) -> Result<(), JobError> {
        let all = self.query.added.system.iter().chain(&self.query.added.tools);
        let name = all.map(Source::name).collect::<Vec<_>>().join(" + ");
        self.count_framed(&name, self.added.clone())
    }

    fn count_framed(&mut self, name: &str, request: Conversation) -> Result<(), JobError> {
        if self.counting.is_empty() {
            return Err(nothing_to_count_with());
        }
        let with = self.counting;
        with.iter().try_for_each(|counting| self.count_one(name, Spot::default(), counting, &request))
    }

    fn count_one_text(&mut self, input: Input<'_>, from_folder: bool, is_single: bool) -> Result<(), JobError> {
        if self.counting.is_empty() {
            return Err(nothing_to_count_with());
        }
        let (name, held, is_file) = (input.name.clone(), input.holds_requests, input.is_file);
        let budget = self.query.view.budget.filter(|_| is_single);
        let counts = self.count_text(input, budget)?;
        for (counting, counted) in texts_of(self.counting, held).zip(counts) {
            self.add(counting, counted.0, if is_file { CountUnit::File } else { CountUnit::Input });
            if !from_folder {
                self.warn_of_length(&name, counting, counted.0, 0);
            }
            self.rows.row(&name, Spot::default(), counting, counted, 0)?;
        }
        Ok(())
    }

    /// Says where a prompt, with the longest answer that it allows, is longer than the context window.
    fn warn_of_length(&mut self, place: &str, counting: &Counting, count: TokenCount, answer: u64) {
        let Some(window) = counting.context_window().filter(|_| counting.is_too_long(count.high, answer)) else {
            return;
        };
        if self.query.quiet {
            return;
        }
        let is_certain = counting.is_too_long(count.low, answer);
        let (certain, rejects) = match is_certain {
            true => ("do not fit", "rejects"),
            false => ("may not fit", "may reject"),
        };
        let answer = if answer > 0 { format!(" with an answer of {}", grouped(answer)) } else { String::new() };
        let (tokens, name, window) = (plural(count.high, "token"), counting.name(), grouped(window));
        self.say(&format!(
            "warning: {place}: {tokens}{answer} {certain} the context window of {name}, {window}: the API {rejects} it"
        ));
    }

    /// Says where a request asks for a longer answer than its model writes.
    fn warn_of_answer(&mut self, place: &str, counting: &Counting, answer: u64) {
        let Some(longest) = counting.longest_answer().filter(|longest| answer > *longest && !self.query.quiet) else {
            return;
        };
        let (answer, name, longest) = (grouped(answer), counting.name(), grouped(longest));
        self.say(&format!(
            "warning: {place}: it asks for an answer of up to {answer} tokens, and {name} writes at most {longest}: the API rejects it"
        ));
    }

    /// The same as a tree of folders.
    fn count_tree(&mut self, least_percent: f64) -> Result<(), JobError> {
        let mut root = TreeNode::default();
        let sources = self.files_of_all()?;
        for (source, from_folder) in &sources {
            let opened = Input::open(source, ReadAs::Text).map_err(JobError::from);
            match opened.map(|input| self.bytes.of(input)).and_then(|input| self.count_text(input, None)) {
                Ok(counts) => {
                    let counts: Vec<TokenCount> = counts.into_iter().map(|(count, _)| count).collect();
                    let with = self.counting;
                    with.iter().zip(&counts).for_each(|(counting, count)| self.add(counting, *count, CountUnit::File));
                    root.add(&source.name(), &counts);
                }
                Err(JobError::Input(error)) if *from_folder || sources.len() > 1 => self.passed(error, *from_folder),
                Err(error) => return Err(error),
            }
        }
        let mut attached: Vec<(String, Vec<TokenCount>)> = Vec::new();
        self.each_attachment(|_, name, _, (count, _)| {
            match attached.last_mut().filter(|(last, _)| last == name) {
                Some((_, counts)) => counts.push(count),
                None => attached.push((name.to_owned(), vec![count])),
            }
            Ok(())
        })?;
        attached.iter().for_each(|(name, counts)| root.add(name, counts));
        let with: Vec<_> = self.counting.iter().map(|counting| counting.identity.clone()).collect();
        self.rows.tree(tree::report(&root, &with, least_percent));
        Ok(())
    }

    /// Counts every attachment that was named, for every model.
    fn each_attachment(
        &mut self,
        mut take: impl FnMut(&mut Self, &str, &Counting, CountedText) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let with = self.counting;
        for (name, media) in self.query.attachments.read()? {
            if with.is_empty() {
                return Err(nothing_to_count_with());
            }
            let request = alone(media);
            for counting in with {
                let counted = counting.count_attachment(&request)?;
                self.note(&format!("{name}: {}", counting.name()), &counted.notes);
                self.add(counting, counted.count, CountUnit::Input);
                take(self, &name, counting, (counted.count, None))?;
            }
        }
        Ok(())
    }

    /// A file that cannot be counted costs only itself. A folder holds all kinds of files: those that are not text are told
    /// together.
    fn passed(&mut self, error: InputError, from_folder: bool) {
        self.failed += 1;
        match error {
            InputError::Binary { path, .. } if from_folder => self.skipped.push(path),
            error => self.warn(error),
        }
    }

    fn warn(&mut self, error: InputError) {
        self.say(&format!("warning: {}", JobError::from(error).with_help()));
    }

    fn tell_skipped(&mut self) {
        const NAMED: usize = 3;
        let skipped = std::mem::take(&mut self.skipped);
        if self.query.list_skipped {
            skipped.iter().for_each(|path| self.say(&format!("note: {path}: binary, skipped")));
        } else if !skipped.is_empty() && !self.query.quiet {
            let more = skipped.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = skipped.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let files = plural(skipped.len() as u64, "binary file");
            self.say(&format!(
                "note: {files} skipped: {named}{more} (--list-skipped lists them, --binary counts them as text)"
            ));
        }
    }

    /// Every file to read, and whether it is from a folder.
    fn files_of_all(&mut self) -> Result<Vec<(Source, bool)>, JobError> {
        let mut sources = Vec::new();
        for source in &self.query.sources {
            match source {
                Source::File(path) => {
                    let files = self.files(path)?;
                    sources.extend(files.into_iter().map(|file| (Source::File(file), path.is_dir())));
                }
                other => sources.push((other.clone(), false)),
            }
        }
        self.all_bytes = sources.iter().map(|(source, _)| source.size()).sum();
        Ok(sources)
    }

    /// The files that a path means, with what is passed over said.
    #[cfg(feature = "folders")]
    fn files(&mut self, path: &Path) -> Result<Vec<PathBuf>, JobError> {
        let crate::input::walk::Walked { files, skipped } = crate::input::walk::source_files(path)?;
        let nothing = files.is_empty() && skipped.is_empty();
        for error in skipped {
            self.warn(error);
            self.failed += 1;
        }
        let hidden = if path.is_dir() { crate::input::walk::hidden_files(path, files.len(), MOST_HIDDEN) } else { 0 };
        let about = match hidden {
            0 if nothing => return Err(no_files(path, "")),
            0 => return Ok(files),
            1 => "1 hidden or ignored file".to_owned(),
            n if n < MOST_HIDDEN => format!("{n} hidden or ignored files"),
            _ => format!("at least {MOST_HIDDEN} hidden or ignored files"),
        };
        if nothing {
            return Err(no_files(path, &format!(" but {about}")));
        }
        let note = format!("{about} left out (names with a dot, .gitignore and the like); name one to count it");
        self.note(&path.display().to_string(), &[note]);
        Ok(files)
    }

    /// Without the feature `folders`, a folder is an error when it is opened.
    #[cfg(not(feature = "folders"))]
    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    fn files(&mut self, path: &Path) -> Result<Vec<PathBuf>, JobError> {
        Ok(vec![path.to_owned()])
    }

    fn count_text(&mut self, mut input: Input<'_>, budget: Option<u64>) -> Result<Vec<CountedText>, JobError> {
        let threads = self.query.threads;
        let all = texts_of(self.counting, input.holds_requests)
            .map(|c| TextCounter::new(&c.tokenizer, &c.choice, budget, threads));
        let mut counters: Vec<TextCounter> = all.collect();
        let mut whole = String::new();
        let (progress, bytes, all) = (&mut *self.tools.progress, &self.bytes, self.all_bytes);
        let take = &mut |block: &str| {
            progress(bytes.0.get(), all);
            counters.iter_mut().for_each(|counter| counter.push(block));
            if self.query.verify {
                whole.push_str(block);
            }
        };
        let read = read_blocks_of(&input.name, &mut *input.reader, self.query.binary, take)?;
        if let Some(note) = read.note().filter(|_| !self.query.quiet) {
            self.say(&format!("warning: {}: {note}", input.name));
        }
        self.verify(&input.name, 1, &whole);
        Ok(counters.into_iter().map(TextCounter::finish).collect())
    }

    /// Counts a text again where that was asked for.
    fn verify(&mut self, name: &str, line: u64, text: &str) {
        for (counting, second) in self.counting.iter().filter_map(|c| Some((c, c.second.as_ref()?))) {
            second.check(name, line, &*counting.tokenizer, text, self.tools.say);
        }
    }
}

/// Hidden and ignored files are counted up to this number: a folder of dependencies may hold millions.
#[cfg(feature = "folders")]
const MOST_HIDDEN: usize = 100_000;

#[cfg(feature = "folders")]
fn no_files(folder: &Path, why: &str) -> JobError {
    JobError::Input(InputError::Nothing {
        path: folder.display().to_string(),
        what: format!("no file to count in this folder{why}"),
        help: "name the files themselves".to_owned(),
    })
}

/// Counts one text, and looks for its end within a budget where there is one.
struct TextCounter<'a> {
    choice: &'a TokenizerChoice,
    stream: StreamCounter,
    limit: Option<Limit>,
}

impl<'a> TextCounter<'a> {
    fn new(
        tokenizer: &Arc<dyn Tokenizer>,
        choice: &'a TokenizerChoice,
        budget: Option<u64>,
        threads: Option<usize>,
    ) -> Self {
        let limit = budget.map(|tokens| Limit::new(tokenizer.clone(), choice.certain(tokens)));
        TextCounter { choice, stream: StreamCounter::with_threads(tokenizer.clone(), threads), limit }
    }

    fn push(&mut self, block: &str) {
        self.stream.push(block);
        self.limit.iter_mut().for_each(|limit| limit.push(block));
    }

    fn finish(self) -> CountedText {
        (self.choice.finish(self.stream), self.limit.and_then(Limit::finish))
    }
}

/// What counts the text of an input: where it holds requests, only what does not count them as such.
fn texts_of(counting: &[Counting], holds_requests: bool) -> impl Iterator<Item = &Counting> {
    counting.iter().filter(move |counting| !holds_requests || !counting.bills_requests())
}
