//! `farebox count`: how many tokens a text is, for tokenizers or for models.

use std::cell::OnceCell;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::chat::{MediaFlags, Spot, alone};
use super::count_tree::{self, Node};
use super::data::load;
use super::out::Out;
use super::say;
use super::shared::{OutputFlags, Setup, TableFlags};
use super::verify::{self, Second};
use super::work::{Choice, TextFlags, attached, count_fields, warn_of};
use crate::calculator::attached::{Billing, billed_by};
use crate::error::Error;
use crate::input::lines::{Lines, text_field};
use crate::input::text::{InputError, Source, read_blocks};
use crate::input::walk::{Walked, hidden_files, source_files};
use crate::period::Instant;
use crate::pricing::Found;
use crate::report::{Cell, Column, Format, Report, Tone, write_json_line};
use crate::tokenizer::chat::{self, Framing, Template};
use crate::tokenizer::limit::{Limit, Place};
use crate::tokenizer::parallel;
use crate::tokenizer::{Basis, StreamCounter, TokenCount, Tokenizer, from_file};

/// Count the tokens of text: files, folders, standard input or --text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox count prompt.txt -m gpt-4o
  farebox count --text 'hello world' -m gpt-4o -m claude-opus-4-6 -m gemini-2.5-pro
  farebox count src docs --tokenizer o200k_base
  farebox count --jsonl text --tokenizer cl100k_base --format jsonl prompts.jsonl
  farebox count src --tree --min-share 2 -m gpt-4o -m claude-opus-4-6
  farebox count book.txt -m gpt-4o --budget 100000
  cat notes.md | farebox count -m gpt-4o
  farebox count --chat -m gpt-4o -m claude-opus-4-6 request.json
  farebox count --chat-template qwen3 requests.jsonl
  farebox count -m gpt-4o -m claude-opus-4-6 --image photo.jpg --image 1024x768:low

A count of plain text is the text alone: no special tokens and no message frame. With --chat it is what the provider
bills for the request: messages, tools and attachments with the frame around them.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub text: TextFlags,
    /// Count as this model does: provider/model, a model id, or an alias; repeatable
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Count with this tokenizer: a name such as o200k_base, or the path of a tokenizer.json; repeatable
    #[arg(long = "tokenizer", value_name = "NAME|FILE")]
    tokenizers: Vec<String>,
    /// Count the string in this field of each line of JSON Lines input
    #[arg(long, value_name = "FIELD")]
    jsonl: Option<String>,
    /// Read requests (messages, tools …) in any provider's form and count what is billed, frame included
    #[arg(long, conflicts_with_all = ["jsonl", "tree"])]
    pub chat: bool,
    /// Read requests and count the prompt that this published template writes; repeatable
    #[arg(long = "chat-template", value_name = "NAME", conflicts_with_all = ["jsonl", "tree", "models", "tokenizers"],
          value_parser = clap::builder::PossibleValuesParser::new(Template::ALL.iter().map(|t| t.name())))]
    templates: Vec<String>,
    #[command(flatten)]
    media: MediaFlags,
    /// Show folders with their share of the tokens, the largest first
    #[arg(long, conflicts_with = "jsonl")]
    tree: bool,
    /// With --tree: sum up what has less than this share of the tokens, in percent
    #[arg(long, value_name = "PERCENT", requires = "tree", default_value_t = 0.0, value_parser = percent)]
    min_share: f64,
    /// Say where a text has to end to be at most so many tokens; exit with 1 when one is longer
    #[arg(long, value_name = "TOKENS", conflicts_with = "tree")]
    pub budget: Option<u64>,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = super::shared::threads)]
    threads: Option<NonZero<u16>>,
    /// Exit with 3 when a line or file could not be counted
    #[arg(long)]
    strict: bool,
    /// Count a second time with a reference crate, whole and slowly, and exit with 1 on any difference
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    pub prices: TableFlags,
    #[command(flatten)]
    pub output: OutputFlags,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a share is a number of percent, such as 2.5".to_owned())?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("a share is between 0 and 100 percent".to_owned()) }
}

/// One thing to count with: a tokenizer, and the model it stands for where one was asked for.
pub(crate) struct Counting {
    tokenizer: Arc<dyn Tokenizer>,
    choice: Choice,
    model: Option<(String, String)>,
    /// The card of that model, and the instant it is read at: which attachments have tokens at all.
    card: Option<(Found, Instant)>,
    context_window: Option<u64>,
    /// What counts a second time.
    second: Option<Second>,
    /// How its requests are counted.
    pub requests: Requests,
}

/// How a request is turned into a prompt.
pub(crate) enum Requests {
    /// By the rules of its model, which are looked up at the first request.
    Framed(Box<OnceCell<Framing>>),
    Template(Template),
}

impl Counting {
    fn of_name(name: &str) -> Result<Counting, Error> {
        let is_file = name.ends_with(".json") || name.contains(['/', '\\']) || Path::new(name).is_file();
        let tokenizer = if is_file { from_file(name)? } else { load(name)? };
        let choice = Choice { name: tokenizer.name().to_owned(), assumed: false };
        let requests = Requests::Framed(Box::default());
        Ok(Counting { tokenizer, choice, model: None, card: None, context_window: None, second: None, requests })
    }

    pub fn of_model(asked: &str, setup: &Setup) -> Result<Counting, Error> {
        let found = setup.find(asked)?;
        let choice = Choice::of(&found, setup);
        let model = Some((found.provider.id.clone(), found.model.id.clone()));
        let context_window = found.model.info.context_window;
        let tokenizer = load(&choice.name)?;
        let requests = Requests::Framed(Box::default());
        let card = Some((found, setup.at));
        Ok(Counting { tokenizer, choice, model, card, context_window, second: None, requests })
    }

    fn of_template(name: &str) -> Result<Counting, Error> {
        let template = Template::named(name).ok_or_else(|| Error::Usage(format!("no template is called {name:?}")))?;
        let tokenizer = load(template.tokenizer())?;
        let choice = Choice { name: tokenizer.name().to_owned(), assumed: false };
        Ok(Counting {
            tokenizer,
            choice,
            model: None,
            card: None,
            context_window: None,
            second: None,
            requests: Requests::Template(template),
        })
    }

    /// How requests are framed for the model, or for none in particular.
    pub fn framed<'f>(&self, framing: &'f OnceCell<Framing>) -> &'f Framing {
        let model = || if self.model.is_some() { self.name() } else { String::new() };
        framing.get_or_init(|| Framing::of(&model(), self.tokenizer.clone(), self.choice.assumed))
    }

    /// The framing of a model: attachments have no rule without one.
    fn framing(&self) -> Result<&Framing, Error> {
        match &self.requests {
            Requests::Framed(framing) if self.model.is_some() => Ok(self.framed(framing)),
            _ => Err(Error::Usage(
                "what an attachment costs depends on the model\n  help: give one, such as --model gpt-4o".into(),
            )),
        }
    }

    /// Refuses attachments that the model is not billed for in tokens: it cannot be sent them, or bills something else.
    pub fn refuse_unbilled(&self, counted: &chat::Counted) -> Result<(), Error> {
        let Some((found, at)) = &self.card else { return Ok(()) };
        let Some(card) = found.model.rates_at(*at).or(found.model.rate_cards.last()) else { return Ok(()) };
        for part in counted.attached.iter().map(attached) {
            let billing = billed_by(&found.provider, &found.model, card, &part)
                .map_err(|refusal| Error::Usage(refusal.to_string()))?;
            if let Billing::Amount(meter) = billing {
                let (id, name) = (found.full_id(), part.modality.name());
                return Err(Error::Usage(format!(
                    "{id} bills {name} by {meter}, not by tokens\n  help: `farebox estimate -m {id}` with the same attachment prices it"
                )));
            }
        }
        Ok(())
    }

    /// `provider/model`, or the tokenizer's name where no model was asked for.
    pub fn name(&self) -> String {
        self.model.as_ref().map_or_else(|| self.choice.name.clone(), |(provider, model)| format!("{provider}/{model}"))
    }

    /// The fields of machine forms that say what was counted with.
    fn identity(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some((provider, model)) = &self.model {
            fields.insert("provider".into(), json!(provider));
            fields.insert("model".into(), json!(model));
        }
        fields.insert("tokenizer".into(), json!(self.choice.name));
        if let Requests::Template(template) = &self.requests {
            fields.insert("template".into(), json!(template.name()));
        }
        fields
    }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let mut counting = what_to_count_with(&args)?;
    if args.verify {
        for counting in &mut counting {
            counting.second = Some(Second::of(&*counting.tokenizer)?);
        }
    }
    let mut sink = Sink::open(&args.output)?;
    let mut run = Run { args: &args, counting: &counting, failed: 0, over_budget: 0 };
    let result = match &args.jsonl {
        Some(field) => run.count_lines(field, &mut sink),
        None if args.chat || !args.templates.is_empty() => run.count_requests(&mut sink),
        None if args.tree => run.count_tree(&mut sink),
        None => run.count_texts(&mut sink),
    };
    match result {
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
        other => other?,
    }
    let Run { failed, over_budget, .. } = run;
    sink.finish()?;
    verify::judge(counting.iter().filter_map(|counting| counting.second.as_ref()), args.output.quiet)?;
    match args.budget {
        _ if failed > 0 && args.strict => Err(Error::Strict(failed)),
        Some(budget) if over_budget > 0 => Err(Error::Failed(format!(
            "{over_budget} {} more than {budget} tokens",
            if over_budget == 1 { "count is" } else { "counts are" }
        ))),
        _ => Ok(()),
    }
}

fn what_to_count_with(args: &Args) -> Result<Vec<Counting>, Error> {
    let mut counting = args.tokenizers.iter().map(|name| Counting::of_name(name)).collect::<Result<Vec<_>, _>>()?;
    if !args.models.is_empty() {
        let setup = args.prices.setup()?;
        for model in &args.models {
            counting.push(Counting::of_model(model, &setup)?);
        }
    }
    for name in &args.templates {
        counting.push(Counting::of_template(name)?);
    }
    if counting.is_empty() && !args.chat {
        return Err(Error::Usage("count for which model?\n  help: give --model gpt-4o or --tokenizer o200k_base; both repeat, `farebox models` lists the models".into()));
    }
    Ok(counting)
}

/// One run of the command: what it counts with, and what went wrong so far.
pub(crate) struct Run<'a> {
    pub args: &'a Args,
    pub counting: &'a [Counting],
    pub failed: u64,
    pub over_budget: u64,
}

/// A count, and where the text has to end to stay within the budget if it is longer.
pub(crate) type Counted = (TokenCount, Option<Place>);

impl Run<'_> {
    /// Files, folders, standard input or `--text`: a row for each, and a total where there are several.
    fn count_texts(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let mut totals = vec![TokenCount::default(); self.counting.len()];
        let files = self.each_text(|run, name, counts| {
            for ((counting, (count, place)), total) in run.counting.iter().zip(counts).zip(&mut totals) {
                *total += count;
                sink.row(name, Spot::default(), counting, (count, place))?;
            }
            Ok(())
        })?;
        if files > 1 {
            sink.totals(self.counting, &totals, files);
        }
        Ok(())
    }

    /// The same as a tree of folders.
    fn count_tree(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let mut root = Node::default();
        self.each_text(|_, name, counts| {
            let counts: Vec<TokenCount> = counts.into_iter().map(|(count, _)| count).collect();
            root.add(name, &counts);
            Ok(())
        })?;
        let names: Vec<_> = self.counting.iter().map(|c| (c.name(), c.identity())).collect();
        sink.report = count_tree::report(&root, &names, self.args.min_share);
        sink.is_tree = true;
        Ok(())
    }

    /// Counts every text and every attachment in turn, and says how many there are.
    ///
    /// A folder holds all kinds of files: one that is not text is named and passed over.
    fn each_text(
        &mut self,
        mut take: impl FnMut(&Self, &str, Vec<Counted>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let media = self.args.media.read()?;
        let sources = if media.is_empty() || self.args.text.is_given() { self.sources()? } else { Vec::new() };
        for (source, from_folder) in &sources {
            match self.count_text(source) {
                Ok(counts) => take(self, &source.name(), counts)?,
                Err(Error::Input(error)) if *from_folder || sources.len() > 1 => {
                    say(&format!("warning: {error}"));
                    self.failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        for (name, media) in &media {
            let request = alone(media.clone());
            let mut counts = Vec::with_capacity(self.counting.len());
            for counting in self.counting {
                let counted = counting.framing()?.count(&request)?;
                counting.refuse_unbilled(&counted)?;
                self.note(&format!("{name}: {}", counting.name()), &counted.notes);
                counts.push((counted.count, None));
            }
            take(self, name, counts)?;
        }
        Ok(sources.len() + media.len())
    }

    /// What a person should know about a count.
    pub fn note(&self, place: &str, notes: &[String]) {
        if !self.args.output.quiet {
            notes.iter().for_each(|note| say(&format!("note: {place}: {note}")));
        }
    }

    /// Everything to read, and whether it is from a folder.
    fn sources(&mut self) -> Result<Vec<(Source, bool)>, Error> {
        let mut sources = Vec::new();
        for source in self.args.text.sources("--text TEXT")? {
            match source {
                Source::File(path) => {
                    let files = self.files(&path)?;
                    sources.extend(files.into_iter().map(|file| (Source::File(file), path.is_dir())));
                }
                other => sources.push((other, false)),
            }
        }
        Ok(sources)
    }

    /// The files that a path means, with what is passed over said.
    fn files(&mut self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let Walked { files, skipped } = source_files(path)?;
        for error in &skipped {
            say(&format!("warning: {error}"));
            self.failed += 1;
        }
        let hidden = if path.is_dir() { hidden_files(path, files.len(), MOST_HIDDEN) } else { 0 };
        let about = match hidden {
            0 => return if files.is_empty() && skipped.is_empty() { Err(no_files(path, "")) } else { Ok(files) },
            1 => "1 hidden or ignored file".to_owned(),
            n if n < MOST_HIDDEN => format!("{n} hidden or ignored files"),
            _ => format!("at least {MOST_HIDDEN} hidden or ignored files"),
        };
        if files.is_empty() && skipped.is_empty() {
            return Err(no_files(path, &format!(" but {about}")));
        }
        self.note(
            &path.display().to_string(),
            &[format!("{about} left out (names with a dot, .gitignore and the like); name one to count it")],
        );
        Ok(files)
    }

    fn count_text(&mut self, source: &Source) -> Result<Vec<Counted>, Error> {
        let threads = self.args.threads.map(|threads| usize::from(threads.get()));
        let all = self.counting.iter();
        let mut counters: Vec<Counter> =
            all.map(|c| Counter::new(&c.tokenizer, &c.choice, self.args.budget, threads)).collect();
        let mut whole = String::new();
        let take = &mut |block: &str| {
            counters.iter_mut().for_each(|counter| counter.push(block));
            if self.args.verify {
                whole.push_str(block);
            }
        };
        let read = read_blocks(source, self.args.text.binary, take)?;
        warn_of(source, &read, self.args.output.quiet);
        self.verify(source, 1, &whole);
        Ok(counters.into_iter().map(|counter| self.finished(counter)).collect())
    }

    /// Counts a text again where that was asked for.
    fn verify(&self, source: &Source, line: u64, text: &str) {
        for (counting, second) in self.counting.iter().filter_map(|c| Some((c, c.second.as_ref()?))) {
            second.check(&source.name(), line, &*counting.tokenizer, text);
        }
    }

    fn finished(&mut self, counter: Counter) -> Counted {
        let counted = counter.finish();
        self.over_budget += u64::from(counted.1.is_some());
        counted
    }

    /// One string of each line of JSON Lines input: a row for each line, in order. A bad line costs only itself.
    fn count_lines(&mut self, field: &str, sink: &mut Sink) -> Result<(), Error> {
        for source in self.args.text.sources("--text TEXT")? {
            // Somebody may wait for the answer to every line that comes through a pipe.
            let at_once = if matches!(source, Source::File(_)) && self.threads() > 1 { LINES_AT_ONCE } else { 1 };
            let mut lines = Lines::open(&source)?;
            let (mut texts, mut bytes) = (Vec::new(), 0);
            while let Some((number, line)) = lines.next_line()? {
                match text_field(line, field) {
                    Ok(None) => {}
                    Ok(Some(text)) => {
                        bytes += text.len();
                        texts.push((number, text.into_owned()));
                    }
                    Err(problem) => {
                        say(&format!("warning: {}:{number}: {problem}", source.name()));
                        self.failed += 1;
                    }
                }
                if texts.len() >= at_once || bytes >= BYTES_AT_ONCE {
                    self.count_some(&source, &texts, sink)?;
                    texts.clear();
                    bytes = 0;
                }
            }
            self.count_some(&source, &texts, sink)?;
        }
        Ok(())
    }

    /// A row for each of some lines, in order.
    fn count_some(&mut self, source: &Source, lines: &[(u64, String)], sink: &mut Sink) -> Result<(), Error> {
        let (counting, budget) = (self.counting, self.args.budget);
        let with: Vec<_> = counting.iter().map(|counting| (&counting.tokenizer, &counting.choice)).collect();
        let count = |(_, text): &(u64, String)| -> Vec<Counted> {
            let one = |(tokenizer, choice): &(&Arc<dyn Tokenizer>, &Choice)| {
                let mut counter = Counter::new(tokenizer, choice, budget, Some(1));
                counter.push(text);
                counter.finish()
            };
            with.iter().map(one).collect()
        };
        let counts = parallel::map(self.threads(), lines, count);
        for ((number, text), counts) in lines.iter().zip(counts) {
            self.verify(source, *number, text);
            for (counting, counted) in counting.iter().zip(counts) {
                self.over_budget += u64::from(counted.1.is_some());
                sink.row(&source.name(), Spot::line(*number), counting, counted)?;
            }
        }
        Ok(())
    }

    fn threads(&self) -> usize {
        self.args.threads.map_or_else(parallel::available, |threads| usize::from(threads.get()))
    }
}

/// Hidden and ignored files are counted up to this number: a folder of dependencies may hold millions.
const MOST_HIDDEN: usize = 100_000;

fn no_files(folder: &Path, why: &str) -> Error {
    Error::Input(InputError::Nothing {
        path: folder.display().to_string(),
        what: format!("no file to count in this folder{why}"),
        help: "name the files themselves".to_owned(),
    })
}

/// Lines, and bytes in them, that are counted together.
const LINES_AT_ONCE: usize = 1 << 14;
const BYTES_AT_ONCE: usize = 8 << 20;

/// Counts one text, and looks for its end within a budget where there is one.
struct Counter<'a> {
    choice: &'a Choice,
    stream: StreamCounter,
    limit: Option<Limit>,
}

impl<'a> Counter<'a> {
    fn new(tokenizer: &Arc<dyn Tokenizer>, choice: &'a Choice, budget: Option<u64>, threads: Option<usize>) -> Self {
        let limit = budget.map(|tokens| Limit::new(tokenizer.clone(), choice.certain(tokens)));
        Counter { choice, stream: StreamCounter::with_threads(tokenizer.clone(), threads), limit }
    }

    fn push(&mut self, block: &str) {
        self.stream.push(block);
        self.limit.iter_mut().for_each(|limit| limit.push(block));
    }

    fn finish(self) -> Counted {
        (self.choice.finish(self.stream), self.limit.and_then(Limit::finish))
    }
}

/// Where rows go: straight out as JSON Lines, since a million lines need no table in memory, or into a report.
pub(crate) struct Sink {
    flags: OutputFlags,
    out: Out,
    report: Report,
    is_tree: bool,
}

impl Sink {
    fn open(flags: &OutputFlags) -> Result<Sink, Error> {
        let mut report = Report::new([
            Column::text("source", "source"),
            Column::number("line", "line"),
            Column::text("model", "model"),
            Column::text("tokenizer", "tokenizer"),
            Column::number("tokens", "tokens"),
            Column::number("low", "low"),
            Column::number("high", "high"),
            Column::text("basis", "basis"),
            Column::number("context_share_percent", "context window"),
            Column::text("cut_at", "to fit, cut at"),
        ]);
        report.machine.insert("unit".into(), json!("tokens"));
        Ok(Sink { out: Out::open(flags.output.as_deref())?, flags: flags.clone(), report, is_tree: false })
    }

    pub fn row(&mut self, source: &str, spot: Spot, counting: &Counting, counted: Counted) -> Result<(), Error> {
        let machine = row_json(source, spot, counting, counted);
        if self.flags.format == Format::Jsonl {
            write_json_line(&machine, &mut self.out)?;
            return Ok(());
        }
        let (count, place) = counted;
        let model = counting.model.as_ref().map(|_| Cell::text(counting.name()));
        let bound = |n| if count.basis == Basis::Exact { Cell::default() } else { Cell::quantity(n) };
        let cells = [
            Cell::text(source),
            spot.line.map_or_else(Cell::default, Cell::quantity),
            model.unwrap_or_default(),
            Cell::text(&counting.choice.name),
            Cell::quantity(count.tokens),
            bound(count.low),
            bound(count.high),
            Cell::text(count.basis.to_string()),
            counting.context_window.map_or_else(Cell::default, |window| share_cell(count.high, window)),
            place.map_or_else(Cell::default, place_cell),
        ];
        self.report.push(cells, Value::Object(machine));
        Ok(())
    }

    fn totals(&mut self, counting: &[Counting], totals: &[TokenCount], files: usize) {
        let mut list = Vec::new();
        for (counting, total) in counting.iter().zip(totals) {
            let range =
                if total.basis == Basis::Exact { String::new() } else { format!(" ({} to {})", total.low, total.high) };
            let fit = counting.context_window.map_or_else(String::new, |window| {
                format!("; context window: {}", share_cell(total.high, window).people)
            });
            self.report.notes.push(format!(
                "{}: {} tokens{range} in {files} files, {}{fit}",
                counting.name(),
                Cell::quantity(total.tokens).people,
                total.basis
            ));
            list.push(Value::Object(row_json("total", Spot::default(), counting, (*total, None))));
        }
        self.report.machine.insert("totals".into(), list.into());
    }

    fn finish(self) -> Result<(), Error> {
        if self.flags.format == Format::Jsonl && !self.is_tree {
            self.out.finish()?;
            return Ok(());
        }
        self.flags.write_to(self.report, self.out)
    }
}

/// The share of a context window; what does not fit stands out.
fn share_cell(tokens: u64, window: u64) -> Cell {
    let percent = Decimal::from(tokens).checked_mul(Decimal::ONE_HUNDRED).and_then(|n| n.checked_div(window.into()));
    let Some(percent) = percent else { return Cell::default() };
    let shown = match percent.round_dp(1) {
        small if small.is_zero() && tokens > 0 => "< 0.1 %".to_owned(),
        rounded => format!("{} %", rounded.normalize()),
    };
    let shown = format!("{shown} of {}", Cell::quantity(window).people);
    let cell = Cell::pair(shown, percent.round_dp(4).normalize().to_string());
    if tokens > window { cell.tone(Tone::Bad) } else { cell }
}

fn place_cell(place: Place) -> Cell {
    let line = Cell::quantity(place.line).people;
    Cell::pair(format!("line {line}, column {}", place.column), place.byte.to_string())
}

fn row_json(source: &str, spot: Spot, counting: &Counting, (count, place): Counted) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("source".into(), json!(source));
    if let Some(line) = spot.line {
        row.insert("line".into(), json!(line));
    }
    if let Some(item) = spot.item {
        row.insert("item".into(), json!(item));
    }
    row.extend(counting.identity());
    count_fields(&mut row, count);
    if let Some(window) = counting.context_window {
        row.insert("context_window".into(), json!(window));
        row.insert("context_share_percent".into(), json!(share_cell(count.high, window).exact));
        row.insert("fits".into(), json!(count.high <= window));
    }
    if let Some(Place { byte, line, column, kept }) = place {
        row.insert("cut_at".into(), json!({"byte": byte, "line": line, "column": column, "tokens": kept.tokens}));
    }
    row
}
