//! `farebox count`: how many tokens a text is, for tokenizers or for models.

use std::cell::OnceCell;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::chat::{Input, MediaFlags, ReadAs, Spot, alone};
use super::count_requests::OwnModels;
use super::count_tree::{self, Node};
use super::data::load;
use super::out::Out;
use super::shared::{OutputFlags, Setup, TableFlags};
use super::verify::{self, Second};
use super::work::{Choice, TextFlags, count_fields, warn_of};
use super::{plural, say};
use crate::cli::error::Error;
use farebox::calculator::attached::Attached;
use farebox::calculator::attached::{Billing, billed_by};
use farebox::calculator::limits::may_be_too_long;
use farebox::input::lines::{Lines, text_field};
use farebox::input::text::{InputError, Source, read_blocks_of};
use farebox::input::walk::{Walked, hidden_files, source_files};
use farebox::money::grouped;
use farebox::period::Instant;
use farebox::pricing::Found;
use farebox::range::Range;
use farebox::report::{Cell, Column, Format, Report, Tone, write_json_line};
use farebox::tokenizer::chat::{self, Framing, Template};
use farebox::tokenizer::limit::{Limit, Place};
use farebox::tokenizer::parallel;
use farebox::tokenizer::{Basis, StreamCounter, TokenCount, Tokenizer, from_file};

/// Count the tokens of text: files, folders, standard input or --text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox count prompt.txt -m gpt-4o
  farebox count --text 'hello world' -m gpt-4o -m claude-opus-4-6 -m gemini-2.5-pro
  farebox count src docs --tokenizer o200k_base
  farebox count --jsonl text --tokenizer cl100k_base --format jsonl prompts.jsonl
  farebox count src --tree --min-share 2 -m gpt-4o -m claude-opus-4-6
  farebox count book.txt -m gpt-4o --budget 100000
  farebox count src -m gpt-4o --top 10 --budget 200000
  cat notes.md | farebox count -m gpt-4o
  farebox count -m gpt-4o -m claude-opus-4-6 request.json
  farebox count --chat-template qwen3 requests.jsonl
  farebox count -m gpt-4o -m claude-opus-4-6 --image photo.jpg --image 1024x768:low

A count of plain text is the text alone: no special tokens and no message frame. A named file, or standard input, that
holds requests or a batch is counted for a model as its provider bills it: messages, tools and attachments with the frame
around them. A tokenizer without a model, --jsonl, --tree and the files of a folder are always plain text. A note says what an
input was taken for; --chat and --plain decide it.

--budget is for the whole input: the exit code is 1 when everything together is more.")]
pub(crate) struct Args {
    /// Count as this model does: provider/model, a model id, or an alias; repeatable
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    models: Vec<String>,
    /// Count with this tokenizer: a name such as o200k_base, or the path of a tokenizer.json; repeatable
    #[arg(long = "tokenizer", value_name = "NAME|FILE")]
    tokenizers: Vec<String>,
    /// Count the string in this field of each line of JSON Lines input
    #[arg(long, value_name = "FIELD", conflicts_with = "chat")]
    jsonl: Option<String>,
    /// Read requests and count the prompt that this published template writes; repeatable
    #[arg(long = "chat-template", value_name = "NAME", conflicts_with_all = ["jsonl", "tree", "plain", "models", "tokenizers"],
          value_parser = clap::builder::PossibleValuesParser::new(Template::ALL.iter().map(|t| t.name())))]
    templates: Vec<String>,
    /// Show folders with their share of the tokens, the largest first
    #[arg(long, conflicts_with_all = ["jsonl", "chat"])]
    tree: bool,
    // `requires` is not enforced where --tree conflicts with another flag: the conflicts have to be said here too.
    /// With --tree: sum up what has less than this share of the tokens, in percent
    #[arg(long, value_name = "PERCENT", requires = "tree", conflicts_with_all = ["jsonl", "chat", "templates"],
          default_value_t = 0.0, value_parser = percent)]
    min_share: f64,
    /// Show only the N largest inputs, lines or requests; totals are for all
    #[arg(long, value_name = "N", conflicts_with_all = ["tree", "summary"])]
    top: Option<NonZero<u32>>,
    /// Order of the rows: by tokens, the most first, or by name [default: as they are read; with --top: tokens]
    #[arg(long, value_enum, value_name = "KEY", conflicts_with_all = ["tree", "summary"])]
    sort: Option<Sort>,
    /// Show the totals only
    #[arg(long, conflicts_with = "tree")]
    summary: bool,
    /// Exit with 1 when the whole input is more tokens than this; for a single text, say where it has to end
    #[arg(long, value_name = "TOKENS")]
    pub budget: Option<u64>,
    /// List the binary files of a folder that were skipped
    #[arg(long)]
    list_skipped: bool,
    /// Maximum number of threads [default: all CPUs]
    #[arg(long, value_name = "N", value_parser = super::shared::threads)]
    threads: Option<NonZero<u16>>,
    /// Exit with 3 when a line or file could not be counted
    #[arg(long)]
    strict: bool,
    /// Count a second time with a reference crate, whole and slowly, and exit with 1 on any difference
    #[arg(long, conflicts_with_all = ["chat", "templates"])]
    verify: bool,
    #[command(flatten)]
    pub text: TextFlags,
    #[command(flatten)]
    media: MediaFlags,
    #[command(flatten)]
    pub prices: TableFlags,
    #[command(flatten)]
    pub output: OutputFlags,
}

/// What rows are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    /// The most tokens first.
    Tokens,
    /// By name.
    Name,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a share is a number of percent, such as 2.5".to_owned())?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("a share is between 0 and 100 percent".to_owned()) }
}

/// One thing to count with: a tokenizer, and the model that it is for where one was asked for.
pub(crate) struct Counting {
    tokenizer: Arc<dyn Tokenizer>,
    choice: Choice,
    model: Option<(String, String)>,
    /// The card of that model, and the instant it is read at: what it can read, and which attachments have tokens at all.
    card: Option<(Found, Instant)>,
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
        if name.trim().is_empty() {
            return Err(Error::Usage(
                "--tokenizer: the name is empty\n  help: give a name such as o200k_base; `farebox tokenizers` lists them"
                    .into(),
            ));
        }
        let is_file = name.ends_with(".json") || name.contains(['/', '\\']) || Path::new(name).is_file();
        let tokenizer = if is_file { from_file(name)? } else { load(name)? };
        let choice = Choice { name: tokenizer.name().to_owned(), assumed: false };
        let requests = Requests::Framed(Box::default());
        Ok(Counting { tokenizer, choice, model: None, card: None, second: None, requests })
    }

    pub fn of_model(asked: &str, setup: &Setup) -> Result<Counting, Error> {
        let found = setup.find(asked)?;
        let choice = Choice::of(&found, setup);
        let model = Some((found.provider.id.clone(), found.model.id.clone()));
        let tokenizer = load(&choice.name)?;
        let requests = Requests::Framed(Box::default());
        let card = Some((found, setup.at));
        Ok(Counting { tokenizer, choice, model, card, second: None, requests })
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
        for part in counted.attached.iter().map(Attached::from) {
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

    /// Whether it counts requests as requests unless the user said how to read them: a tokenizer alone counts their text.
    pub const fn bills_requests(&self) -> bool {
        self.model.is_some() || matches!(self.requests, Requests::Template(_))
    }

    fn context_window(&self) -> Option<u64> {
        self.card.as_ref()?.0.model.info.context_window
    }

    /// Whether a prompt with its answer can be longer than the context window.
    pub fn is_too_long(&self, prompt: u64, answer: u64) -> bool {
        self.card.as_ref().is_some_and(|(found, _)| may_be_too_long(&found.model, Range::exactly(prompt), answer))
    }

    /// The fields of machine-readable formats that say what was counted with.
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
    let mut sink = Sink::open(&args)?;
    let mut run = Run { args: &args, counting: &counting, failed: 0, totals: Vec::new(), skipped: Vec::new() };
    let result = match &args.jsonl {
        Some(field) => run.count_lines(field, &mut sink),
        None if args.tree => run.count_tree(&mut sink),
        None => run.count_inputs(&mut sink),
    };
    match result {
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
        other => other?,
    }
    run.tell_skipped();
    let Run { failed, totals, .. } = run;
    let over = totals.iter().filter(|total| total.is_over(args.budget)).map(Total::over_text).collect::<Vec<_>>();
    sink.finish(&totals)?;
    verify::judge(counting.iter().filter_map(|counting| counting.second.as_ref()), args.output.quiet)?;
    match args.budget {
        _ if failed > 0 && args.strict => Err(Error::Strict(failed)),
        Some(budget) if !over.is_empty() => {
            Err(Error::Failed(format!("{}, more than the budget of {}", over.join("; "), grouped(budget))))
        }
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
    // Requests name their own models; whether an input holds some is known when it is open.
    if counting.is_empty() && (args.jsonl.is_some() || args.tree || args.text.read_as() == ReadAs::Text) {
        return Err(nothing_to_count_with());
    }
    Ok(counting)
}

fn nothing_to_count_with() -> Error {
    Error::Usage(
        "no model or tokenizer given\n  help: give --model gpt-4o or --tokenizer o200k_base; both repeat, `farebox models` lists the models"
            .into(),
    )
}

/// One run of the command: what it counts with, what it has counted, and what went wrong so far.
pub(crate) struct Run<'a> {
    pub args: &'a Args,
    pub counting: &'a [Counting],
    pub failed: u64,
    totals: Vec<Total>,
    /// Binary files of folders.
    skipped: Vec<String>,
}

/// A count, and where the text has to end to stay within the budget if it is longer.
pub(crate) type Counted = (TokenCount, Option<Place>);

/// Everything that was counted with one model or tokenizer.
pub(crate) struct Total {
    name: String,
    identity: Map<String, Value>,
    context_window: Option<u64>,
    count: TokenCount,
    /// How many files, texts and attachments, how many of them are files, and how many lines and requests.
    inputs: u64,
    files: u64,
    requests: u64,
}

impl Total {
    /// Whether the sum can be more than a budget.
    fn is_over(&self, budget: Option<u64>) -> bool {
        budget.is_some_and(|budget| self.count.high > budget)
    }

    /// `openai/gpt-4o: 2,345,678 tokens`
    fn over_text(&self) -> String {
        let range = if self.count.high > self.count.tokens { "up to " } else { "" };
        format!("{}: {range}{}", self.name, plural(self.count.high, "token"))
    }

    /// What the sum is over, for people.
    fn of_what(&self) -> String {
        let inputs = plural(self.inputs, if self.files == self.inputs { "file" } else { "input" });
        match (self.inputs, self.requests) {
            (_, 0) => inputs,
            (0, requests) => plural(requests, "request"),
            (_, requests) => format!("{inputs} and {}", plural(requests, "request")),
        }
    }

    /// `within the budget of 200,000`
    fn verdict(&self, budget: Option<u64>) -> Option<String> {
        let is = if self.is_over(budget) { "over" } else { "within" };
        budget.map(|budget| format!("{is} the budget of {}", grouped(budget)))
    }

    /// `openai/gpt-4o: 2,345,678 tokens in 49 files, exact; context window: 1832.6 % of 128,000`
    fn sum_text(&self) -> String {
        let count = self.count;
        let range = match count.basis {
            Basis::Exact => String::new(),
            _ => format!(" ({} to {})", grouped(count.low), grouped(count.high)),
        };
        let fit = self
            .context_window
            .filter(|_| self.requests == 0)
            .map_or_else(String::new, |window| format!("; context window: {}", share_cell(count.high, window).people));
        let (tokens, what) = (plural(count.tokens, "token"), self.of_what());
        format!("{}: {tokens}{range} in {what}, {}{fit}", self.name, count.basis)
    }

    fn json(&self, budget: Option<u64>) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("source".into(), json!("total"));
        row.extend(self.identity.clone());
        count_fields(&mut row, self.count);
        row.insert("inputs".into(), json!(self.inputs));
        row.insert("requests".into(), json!(self.requests));
        // Requests are sent one by one, so their sum is not held against the context window.
        if let (Some(window), 0) = (self.context_window, self.requests) {
            row.insert("context_window".into(), json!(window));
            row.insert("context_share_percent".into(), json!(share_cell(self.count.high, window).exact));
            row.insert("fits".into(), json!(self.count.high <= window));
        }
        if let Some(budget) = budget {
            row.insert("budget".into(), json!(budget));
            row.insert("over_budget".into(), json!(self.is_over(Some(budget))));
        }
        row
    }
}

/// What a row is about: an input that is counted whole, or one of the lines or requests in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    File,
    /// A text, standard input, or an attachment.
    Input,
    /// A request, or a line of JSON Lines.
    Request,
}

impl Run<'_> {
    /// Adds a count to the total of what it was counted with.
    pub fn add(&mut self, counting: &Counting, count: TokenCount, unit: Unit) {
        let name = counting.name();
        let at = self.totals.iter().position(|total| total.name == name).unwrap_or_else(|| {
            self.totals.push(Total {
                name,
                identity: counting.identity(),
                context_window: counting.context_window(),
                count: TokenCount::default(),
                inputs: 0,
                files: 0,
                requests: 0,
            });
            self.totals.len() - 1
        });
        let total = &mut self.totals[at];
        total.count += count;
        total.inputs += u64::from(unit != Unit::Request);
        total.files += u64::from(unit == Unit::File);
        total.requests += u64::from(unit == Unit::Request);
    }

    /// Files, folders, standard input or `--text`: a row for each text, and for each request where an input holds some.
    fn count_inputs(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let sources = self.sources()?;
        let mut own = OwnModels::default();
        let is_single = sources.len() == 1;
        for (source, from_folder) in &sources {
            match self.count_input(source, *from_folder, is_single, &mut own, sink) {
                Err(Error::Input(error)) if *from_folder || !is_single => self.passed(error, *from_folder),
                other => other?,
            }
        }
        self.each_attachment(|_, name, counting, counted| sink.row(name, Spot::default(), counting, counted, 0))
    }

    fn count_input(
        &mut self,
        source: &Source,
        from_folder: bool,
        is_single: bool,
        own: &mut OwnModels,
        sink: &mut Sink,
    ) -> Result<(), Error> {
        let read_as = match self.args.text.read_as() {
            _ if !self.args.templates.is_empty() => ReadAs::Requests,
            // A folder is counted as what it is: text that somebody may paste.
            ReadAs::Detected if from_folder => ReadAs::Text,
            other => other,
        };
        let mut input = Input::open(source, read_as)?;
        let (asks, reads) = (self.requests_with(read_as), self.reads_as_text(read_as));
        if !input.holds_requests {
            return self.count_one_text(input, from_folder, is_single, sink);
        }
        if self.args.verify {
            return Err(Error::Usage(format!(
                "{}: --verify counts plain text again, and this holds requests\n  help: count it as text with --plain",
                input.name
            )));
        }
        if !asks {
            self.note(
                &input.name,
                &["holds requests, counted as plain text for a tokenizer; --model MODEL counts what is billed".into()],
            );
            return self.count_one_text(input, from_folder, is_single, sink);
        }
        let again = if reads { Some(input.again(source)?) } else { None };
        self.count_requests(input, read_as, own, sink)?;
        again.map_or(Ok(()), |again| self.count_one_text(again, from_folder, false, sink))
    }

    /// Whether requests are counted as such: for a model, or where they were asked for.
    fn requests_with(&self, read_as: ReadAs) -> bool {
        read_as == ReadAs::Requests || self.counting.is_empty() || self.counting.iter().any(Counting::bills_requests)
    }

    /// Whether their text is counted too: for a tokenizer without a model, unless the user asked for requests.
    fn reads_as_text(&self, read_as: ReadAs) -> bool {
        read_as != ReadAs::Requests && self.counting.iter().any(|counting| !counting.bills_requests())
    }

    fn count_one_text(
        &mut self,
        input: Input<'_>,
        from_folder: bool,
        is_single: bool,
        sink: &mut Sink,
    ) -> Result<(), Error> {
        if self.counting.is_empty() {
            return Err(nothing_to_count_with());
        }
        let (name, held, is_file) = (input.name.clone(), input.holds_requests, input.is_file);
        let budget = self.args.budget.filter(|_| is_single);
        let counts = self.count_text(input, budget)?;
        for (counting, counted) in texts_of(self.counting, held).zip(counts) {
            self.add(counting, counted.0, if is_file { Unit::File } else { Unit::Input });
            if !from_folder {
                self.warn_of_length(&name, counting, counted.0, 0);
            }
            sink.row(&name, Spot::default(), counting, counted, 0)?;
        }
        Ok(())
    }

    /// Says where a prompt, with the longest answer that it allows, is longer than the context window.
    pub fn warn_of_length(&self, place: &str, counting: &Counting, count: TokenCount, answer: u64) {
        let Some(window) = counting.context_window().filter(|_| counting.is_too_long(count.high, answer)) else {
            return;
        };
        if self.args.output.quiet {
            return;
        }
        let certain = if counting.is_too_long(count.low, answer) { "do not fit" } else { "may not fit" };
        let answer = if answer > 0 { format!(" with an answer of {}", grouped(answer)) } else { String::new() };
        let (tokens, name) = (plural(count.high, "token"), counting.name());
        say(&format!("warning: {place}: {tokens}{answer} {certain} the context window of {name}, {}", grouped(window)));
    }

    /// The same as a tree of folders.
    fn count_tree(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let mut root = Node::default();
        let sources = self.sources()?;
        for (source, from_folder) in &sources {
            let counted = Input::open(source, ReadAs::Text).map_err(Error::from);
            match counted.and_then(|input| self.count_text(input, None)) {
                Ok(counts) => {
                    let counts: Vec<TokenCount> = counts.into_iter().map(|(count, _)| count).collect();
                    let with = self.counting;
                    with.iter().zip(&counts).for_each(|(counting, count)| self.add(counting, *count, Unit::File));
                    root.add(&source.name(), &counts);
                }
                Err(Error::Input(error)) if *from_folder || sources.len() > 1 => self.passed(error, *from_folder),
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
        let names: Vec<_> = self.counting.iter().map(|c| (c.name(), c.identity())).collect();
        sink.report = count_tree::report(&root, &names, self.args.min_share);
        sink.is_tree = true;
        Ok(())
    }

    /// Counts every attachment that a flag names, for every model.
    fn each_attachment(
        &mut self,
        mut take: impl FnMut(&Self, &str, &Counting, Counted) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let with = self.counting;
        for (name, media) in self.args.media.read()? {
            if with.is_empty() {
                return Err(nothing_to_count_with());
            }
            let request = alone(media);
            for counting in with {
                let counted = counting.framing()?.count(&request)?;
                counting.refuse_unbilled(&counted)?;
                self.note(&format!("{name}: {}", counting.name()), &counted.notes);
                self.add(counting, counted.count, Unit::Input);
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
            error => say(&format!("warning: {error}")),
        }
    }

    fn tell_skipped(&self) {
        const NAMED: usize = 3;
        let skipped = &self.skipped;
        if self.args.list_skipped {
            skipped.iter().for_each(|path| say(&format!("note: {path}: binary, skipped")));
        } else if !skipped.is_empty() && !self.args.output.quiet {
            let more = skipped.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = skipped.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let files = plural(skipped.len() as u64, "binary file");
            say(&format!(
                "note: {files} skipped: {named}{more} (--list-skipped lists them, --binary counts them as text)"
            ));
        }
    }

    /// What a person should know about a count.
    pub fn note(&self, place: &str, notes: &[String]) {
        if !self.args.output.quiet {
            notes.iter().for_each(|note| say(&format!("note: {place}: {note}")));
        }
    }

    /// Everything to read, and whether it is from a folder: nothing where attachments alone were named.
    fn sources(&mut self) -> Result<Vec<(Source, bool)>, Error> {
        let mut sources = Vec::new();
        if !self.args.media.is_empty() && !self.args.text.is_given() {
            return Ok(sources);
        }
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

    fn count_text(&mut self, mut input: Input<'_>, budget: Option<u64>) -> Result<Vec<Counted>, Error> {
        let threads = self.args.threads.map(|threads| usize::from(threads.get()));
        let all = texts_of(self.counting, input.holds_requests)
            .map(|c| Counter::new(&c.tokenizer, &c.choice, budget, threads));
        let mut counters: Vec<Counter> = all.collect();
        let mut whole = String::new();
        let take = &mut |block: &str| {
            counters.iter_mut().for_each(|counter| counter.push(block));
            if self.args.verify {
                whole.push_str(block);
            }
        };
        let read = read_blocks_of(&input.name, &mut *input.reader, self.args.text.binary, take)?;
        warn_of(&input.name, &read, self.args.output.quiet);
        self.verify(&input.name, 1, &whole);
        Ok(counters.into_iter().map(Counter::finish).collect())
    }

    /// Counts a text again where that was asked for.
    fn verify(&self, name: &str, line: u64, text: &str) {
        for (counting, second) in self.counting.iter().filter_map(|c| Some((c, c.second.as_ref()?))) {
            second.check(name, line, &*counting.tokenizer, text);
        }
    }

    /// One string of each line of JSON Lines input: a row for each line, in order. A bad line costs only itself.
    fn count_lines(&mut self, field: &str, sink: &mut Sink) -> Result<(), Error> {
        for source in self.args.text.sources("--text TEXT")? {
            // Somebody may wait for the answer to every line that comes through a pipe.
            let at_once = if matches!(source, Source::File(_)) && self.threads() > 1 { LINES_AT_ONCE } else { 1 };
            let mut lines = Lines::open(&source)?;
            let (mut texts, mut bytes) = (Vec::new(), 0);
            loop {
                match lines.next_line() {
                    Ok(None) => break,
                    Ok(Some((number, line))) => match text_field(line, field) {
                        Ok(None) => {}
                        Ok(Some(text)) => {
                            bytes += text.len();
                            texts.push((number, text.into_owned()));
                        }
                        Err(problem) => self.bad_line(&format!("{}:{number}: {problem}", source.name())),
                    },
                    Err(error @ InputError::LongLine { .. }) => self.bad_line(&error.to_string()),
                    Err(error) => return Err(error.into()),
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

    fn bad_line(&mut self, problem: &str) {
        say(&format!("warning: {problem}"));
        self.failed += 1;
    }

    /// A row for each of some lines, in order.
    fn count_some(&mut self, source: &Source, lines: &[(u64, String)], sink: &mut Sink) -> Result<(), Error> {
        let counting = self.counting;
        let with: Vec<_> = counting.iter().map(|counting| (&counting.tokenizer, &counting.choice)).collect();
        let count = |(_, text): &(u64, String)| -> Vec<Counted> {
            let one = |(tokenizer, choice): &(&Arc<dyn Tokenizer>, &Choice)| {
                let mut counter = Counter::new(tokenizer, choice, None, Some(1));
                counter.push(text);
                counter.finish()
            };
            with.iter().map(one).collect()
        };
        let counts = parallel::map(self.threads(), lines, count);
        for ((number, text), counts) in lines.iter().zip(counts) {
            self.verify(&source.name(), *number, text);
            for (counting, counted) in counting.iter().zip(counts) {
                self.add(counting, counted.0, Unit::Request);
                sink.row(&source.name(), Spot::line(*number), counting, counted, 0)?;
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

/// What counts the text of an input: where it holds requests, only what does not count them as such.
fn texts_of(counting: &[Counting], holds_requests: bool) -> impl Iterator<Item = &Counting> {
    counting.iter().filter(move |counting| !holds_requests || !counting.bills_requests())
}

/// Where rows go: straight out as JSON Lines, since a million lines need no table in memory, or into a report.
pub(crate) struct Sink {
    flags: OutputFlags,
    out: Out,
    report: Report,
    is_tree: bool,
    /// Whether the totals are all that is shown.
    is_summary: bool,
    budget: Option<u64>,
    /// The rows that wait to be put in order, where they are: those of one input, line or request together.
    waiting: Option<Vec<Group>>,
    order: Sort,
    top: usize,
}

/// The rows of one input, line or request: one for each model or tokenizer.
struct Group {
    source: String,
    spot: Spot,
    tokens: u64,
    rows: Vec<([Cell; 10], Map<String, Value>)>,
}

impl Sink {
    fn open(args: &Args) -> Result<Sink, Error> {
        let flags = args.output.clone();
        let mut columns = vec![
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
        ];
        if args.summary {
            columns.push(Column::number("inputs", "inputs"));
            columns.push(Column::number("requests", "requests"));
        }
        let mut report = Report::new(columns);
        report.machine.insert("unit".into(), json!("tokens"));
        Ok(Sink {
            out: Out::open(flags.output.as_deref())?,
            flags,
            report,
            is_tree: false,
            is_summary: args.summary,
            budget: args.budget,
            waiting: (args.top.is_some() || args.sort.is_some()).then(Vec::new),
            order: args.sort.unwrap_or(Sort::Tokens),
            top: args.top.map_or(usize::MAX, |top| top.get() as usize),
        })
    }

    /// Takes a row; `answer` is the longest answer that a request allows.
    pub fn row(
        &mut self,
        source: &str,
        spot: Spot,
        counting: &Counting,
        counted: Counted,
        answer: u64,
    ) -> Result<(), Error> {
        if self.is_summary {
            return Ok(());
        }
        let machine = row_json(source, spot, counting, counted, answer);
        if self.flags.format == Format::Jsonl && self.waiting.is_none() {
            write_json_line(&machine, &mut self.out)?;
            return Ok(());
        }
        let cells = row_cells(source, spot, counting, counted);
        let Some(groups) = &mut self.waiting else {
            self.report.push(cells, Value::Object(machine));
            return Ok(());
        };
        match groups.last_mut().filter(|group| group.source == source && group.spot == spot) {
            Some(group) => group.rows.push((cells, machine)),
            None => {
                let (source, tokens) = (source.to_owned(), counted.0.tokens);
                groups.push(Group { source, spot, tokens, rows: vec![(cells, machine)] });
            }
        }
        Ok(())
    }

    /// Puts what waited in order and hands it on. The largest are chosen by their first count, whatever the order.
    fn in_order(&mut self) -> Result<(), Error> {
        let Some(mut groups) = self.waiting.take() else { return Ok(()) };
        let name = |group: &Group| (group.source.clone(), group.spot.line, group.spot.item);
        groups.sort_by_cached_key(|group| (std::cmp::Reverse(group.tokens), name(group)));
        let hidden = groups.len().saturating_sub(self.top);
        groups.truncate(self.top);
        if self.order == Sort::Name {
            groups.sort_by_cached_key(name);
        }
        for (cells, machine) in groups.into_iter().flat_map(|group| group.rows) {
            if self.flags.format == Format::Jsonl {
                write_json_line(&machine, &mut self.out)?;
            } else {
                self.report.push(cells, Value::Object(machine));
            }
        }
        if hidden > 0 {
            self.report.notes.push(format!("{hidden} smaller not shown."));
        }
        self.report.machine.insert("not_shown".into(), json!(hidden));
        Ok(())
    }

    /// What everything is together: rows of a summary, else notes where there is more than one row.
    fn totals(&mut self, totals: &[Total]) {
        for total in totals {
            let is_sum = !self.is_summary && total.inputs + total.requests > 1;
            if let Some(verdict) = total.verdict(self.budget) {
                let tokens = if is_sum { total.sum_text() } else { total.over_text() };
                self.report.notes.push(format!("{tokens}; {verdict}"));
            } else if is_sum {
                self.report.notes.push(total.sum_text());
            }
        }
        if let Some(budget) = self.budget {
            let is_over = totals.iter().any(|total| total.is_over(Some(budget)));
            self.report.machine.insert("budget".into(), json!(budget));
            self.report.machine.insert("over_budget".into(), json!(is_over));
        }
        let list: Vec<Value> = totals.iter().map(|total| Value::Object(total.json(self.budget))).collect();
        let is_one = totals.iter().all(|total| total.inputs + total.requests == 1);
        if !list.is_empty() && (self.budget.is_some() || self.is_summary || self.is_tree || !is_one) {
            self.report.machine.insert("totals".into(), list.into());
        }
    }

    fn finish(mut self, totals: &[Total]) -> Result<(), Error> {
        self.in_order()?;
        if self.is_summary {
            for total in totals {
                self.report.push(total_cells(total), Value::Object(total.json(self.budget)));
            }
        }
        if self.flags.format == Format::Jsonl && !self.is_tree && !self.is_summary {
            // The rows have gone out already; the verdict follows them.
            for total in totals.iter().filter(|_| self.budget.is_some()) {
                write_json_line(&total.json(self.budget), &mut self.out)?;
            }
            self.out.finish()?;
            return Ok(());
        }
        self.totals(totals);
        self.flags.write_to(self.report, self.out)
    }
}

fn row_cells(source: &str, spot: Spot, counting: &Counting, (count, place): Counted) -> [Cell; 10] {
    let model = counting.model.as_ref().map(|_| Cell::text(counting.name()));
    let bound = |n| if count.basis == Basis::Exact { Cell::default() } else { Cell::quantity(n) };
    [
        Cell::text(source),
        spot.line.map_or_else(Cell::default, Cell::quantity),
        model.unwrap_or_default(),
        Cell::text(&counting.choice.name),
        Cell::quantity(count.tokens),
        bound(count.low),
        bound(count.high),
        Cell::text(count.basis.to_string()),
        counting.context_window().map_or_else(Cell::default, |window| share_cell(count.high, window)),
        place.map_or_else(Cell::default, place_cell),
    ]
}

fn total_cells(total: &Total) -> [Cell; 12] {
    let count = total.count;
    let bound = |n| if count.basis == Basis::Exact { Cell::default() } else { Cell::quantity(n) };
    let number = |n: u64| if n == 0 { Cell::default() } else { Cell::quantity(n) };
    let named = |key: &str| total.identity.get(key).and_then(Value::as_str).unwrap_or_default();
    let model = if named("model").is_empty() { Cell::default() } else { Cell::text(&total.name) };
    let window = total.context_window.filter(|_| total.requests == 0);
    [
        Cell::text("total"),
        Cell::default(),
        model,
        Cell::text(named("tokenizer")),
        Cell::quantity(count.tokens),
        bound(count.low),
        bound(count.high),
        Cell::text(count.basis.to_string()),
        window.map_or_else(Cell::default, |window| share_cell(count.high, window)),
        Cell::default(),
        number(total.inputs),
        number(total.requests),
    ]
}

/// The share of a context window; what does not fit is marked.
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

fn row_json(source: &str, spot: Spot, counting: &Counting, (count, place): Counted, answer: u64) -> Map<String, Value> {
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
    if let Some(window) = counting.context_window() {
        row.insert("context_window".into(), json!(window));
        row.insert("context_share_percent".into(), json!(share_cell(count.high, window).exact));
        row.insert("fits".into(), json!(!counting.is_too_long(count.high, answer)));
    }
    if let Some(Place { byte, line, column, kept }) = place {
        row.insert("cut_at".into(), json!({"byte": byte, "line": line, "column": column, "tokens": kept.tokens}));
    }
    row
}
