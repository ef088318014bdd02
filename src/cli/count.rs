//! `farebox count`: how many tokens a text is, for tokenizers or for models.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::chat::{MediaFlags, Place, each_request};
use super::out::Out;
use super::say;
use super::shared::{OutputFlags, PriceFlags, Setup};
use super::work::{Choice, TextFlags, warn_of};
use crate::conversation::Conversation;
use crate::error::Error;
use crate::input::lines::{Lines, text_field};
use crate::input::text::{Source, read_blocks, walk};
use crate::report::{Cell, Column, Format, Report, write_json_line};
use crate::tokenizer::chat::{Counted, Framing, Refused, Template};
use crate::tokenizer::{Basis, StreamCounter, TokenCount, Tokenizer, from_file, load};

/// Count the tokens of text: files, folders, standard input or --text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox count prompt.txt -m gpt-4o
  farebox count --text 'hello world' -m gpt-4o -m claude-opus-4-6 -m gemini-2.5-pro
  farebox count src docs --tokenizer o200k_base
  farebox count --jsonl text --tokenizer cl100k_base --format jsonl prompts.jsonl
  cat notes.md | farebox count -m gpt-4o
  farebox count --chat -m gpt-4o -m claude-opus-4-6 request.json
  farebox count --chat-template qwen3 requests.jsonl
  farebox count -m gpt-4o -m claude-opus-4-6 --image photo.jpg --image 1024x768:low

A count of plain text is the text alone: no special tokens and no message frame. With --chat it is what the provider
bills for the request: messages, tools and attachments with the frame around them.")]
pub(crate) struct Args {
    #[command(flatten)]
    text: TextFlags,
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
    #[arg(long, conflicts_with = "jsonl")]
    chat: bool,
    /// Read requests and count the prompt that this published template writes; repeatable
    #[arg(long = "chat-template", value_name = "NAME", conflicts_with_all = ["jsonl", "models", "tokenizers"],
          value_parser = clap::builder::PossibleValuesParser::new(Template::ALL.iter().map(|t| t.name())))]
    templates: Vec<String>,
    #[command(flatten)]
    media: MediaFlags,
    /// Exit with 3 when a line or file could not be counted
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    prices: PriceFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// One thing to count with: a tokenizer, and the model it stands for where one was asked for.
struct Counting {
    tokenizer: Arc<dyn Tokenizer>,
    choice: Choice,
    model: Option<(String, String)>,
    /// How its requests are counted.
    requests: Requests,
}

/// How a request is turned into a prompt.
enum Requests {
    Framed(Framing),
    Template(Template),
}

impl Counting {
    fn of_name(name: &str) -> Result<Counting, Error> {
        let is_file = name.ends_with(".json") || name.contains(['/', '\\']) || Path::new(name).is_file();
        let tokenizer = if is_file { from_file(name)? } else { load(name)? };
        let choice = Choice { name: tokenizer.name().to_owned(), assumed: false };
        let requests = Requests::Framed(Framing::of("", tokenizer.clone(), false));
        Ok(Counting { tokenizer, choice, model: None, requests })
    }

    fn of_model(asked: &str, setup: &Setup) -> Result<Counting, Error> {
        let found = setup.find(asked)?;
        let choice = Choice::of(&found, setup);
        let model = Some((found.provider.id.clone(), found.model.id.clone()));
        let tokenizer = load(&choice.name)?;
        let requests = Requests::Framed(Framing::of(&found.full_id(), tokenizer.clone(), choice.assumed));
        Ok(Counting { tokenizer, choice, model, requests })
    }

    fn of_template(name: &str) -> Result<Counting, Error> {
        let template = Template::named(name).ok_or_else(|| Error::Usage(format!("no template is called {name:?}")))?;
        let tokenizer = load(template.tokenizer())?;
        let choice = Choice { name: tokenizer.name().to_owned(), assumed: false };
        Ok(Counting { tokenizer, choice, model: None, requests: Requests::Template(template) })
    }

    /// The framing of a model: attachments have no rule without one.
    fn requests_framing(&self) -> Result<&Framing, Error> {
        match &self.requests {
            Requests::Framed(framing) if self.model.is_some() => Ok(framing),
            _ => Err(Error::Usage(
                "what an attachment costs depends on the model\n  help: give one, such as --model gpt-4o".into(),
            )),
        }
    }

    fn count_request(&self, request: &Conversation) -> Result<Counted, Refused> {
        match &self.requests {
            Requests::Framed(framing) => framing.count(request),
            Requests::Template(template) => {
                Ok(Counted { count: template.count(request)?, notes: request.unread.clone() })
            }
        }
    }

    /// `provider/model`, or the tokenizer's name.
    fn name(&self) -> String {
        self.model.as_ref().map_or_else(|| self.choice.name.clone(), |(provider, model)| format!("{provider}/{model}"))
    }

    fn count(&self, text: &str) -> TokenCount {
        let mut counter = StreamCounter::new(self.tokenizer.clone());
        counter.push(text);
        self.choice.finish(counter)
    }
}

impl Args {
    fn reads_requests(&self) -> bool {
        self.chat || !self.templates.is_empty()
    }
}

pub(crate) fn run(args: Args) -> Result<(), Error> {
    let counting = what_to_count_with(&args)?;
    let mut sink = Sink::open(&args.output)?;
    let mut failed = 0_u64;
    let result = match &args.jsonl {
        Some(field) => count_lines(&args, field, &counting, &mut sink, &mut failed),
        None if args.reads_requests() => count_requests(&args, &counting, &mut sink, &mut failed),
        None => count_texts(&args, &counting, &mut sink, &mut failed),
    };
    match result {
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
        other => other?,
    }
    sink.finish()?;
    if failed > 0 && args.strict { Err(Error::Strict(failed)) } else { Ok(()) }
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

/// Files, folders, standard input or `--text`: a row for each, and a total where there are several.
fn count_texts(args: &Args, counting: &[Counting], sink: &mut Sink, failed: &mut u64) -> Result<(), Error> {
    let mut sources = Vec::new();
    let media = args.media.read()?;
    let given = if media.is_empty() || args.text.is_given() { args.text.sources("--text TEXT")? } else { Vec::new() };
    for source in given {
        match source {
            Source::File(path) => {
                sources.extend(walk(&path)?.into_iter().map(|file| (Source::File(file), path.is_dir())))
            }
            other => sources.push((other, false)),
        }
    }
    let mut totals = vec![TokenCount::default(); counting.len()];
    for (source, from_folder) in &sources {
        let counts = match count_text(source, counting, args) {
            Ok(counts) => counts,
            // A folder holds all kinds of files: one that is not text is named and passed over.
            Err(Error::Input(error)) if *from_folder || sources.len() > 1 => {
                say(&format!("warning: {error}"));
                *failed += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        for ((counting, count), total) in counting.iter().zip(counts).zip(&mut totals) {
            *total += count;
            sink.row(&source.name(), Place::default(), counting, count)?;
        }
    }
    for (name, media) in &media {
        for (counting, total) in counting.iter().zip(&mut totals) {
            let request = super::chat::alone(media.clone());
            let counted = counting.requests_framing()?.count(&request)?;
            sink.notes(name, &counted.notes);
            *total += counted.count;
            sink.row(name, Place::default(), counting, counted.count)?;
        }
    }
    if sources.len() + media.len() > 1 {
        sink.totals(counting, &totals, sources.len() + media.len());
    }
    Ok(())
}

fn count_text(source: &Source, counting: &[Counting], args: &Args) -> Result<Vec<TokenCount>, Error> {
    let mut counters: Vec<StreamCounter> = counting.iter().map(|c| StreamCounter::new(c.tokenizer.clone())).collect();
    let read = read_blocks(source, args.text.binary, &mut |block| counters.iter_mut().for_each(|c| c.push(block)))?;
    warn_of(source, &read, args.output.quiet);
    Ok(counting.iter().zip(counters).map(|(c, counter)| c.choice.finish(counter)).collect())
}

/// One string of each line of JSON Lines input: a row for each line, in order. A bad line costs only itself.
fn count_lines(
    args: &Args,
    field: &str,
    counting: &[Counting],
    sink: &mut Sink,
    failed: &mut u64,
) -> Result<(), Error> {
    for source in args.text.sources("--text TEXT")? {
        let mut lines = Lines::open(&source)?;
        while let Some((number, line)) = lines.next_line()? {
            match text_field(line, field) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    for counting in counting {
                        sink.row(&source.name(), Place::line(number), counting, counting.count(&text))?;
                    }
                }
                Err(problem) => {
                    say(&format!("warning: {}:{number}: {problem}", source.name()));
                    *failed += 1;
                }
            }
        }
    }
    Ok(())
}

/// Requests: a row for each, in order, for each model; the request's own model where none was asked for.
fn count_requests(args: &Args, counting: &[Counting], sink: &mut Sink, failed: &mut u64) -> Result<(), Error> {
    let setup = if counting.is_empty() { Some(args.prices.setup()?) } else { None };
    let mut own: Vec<(String, Counting)> = Vec::new();
    for source in args.text.sources("--text REQUEST")? {
        each_request(&source, &mut |place, read| {
            let problem = |sink: &mut Sink, what: &str| sink.warn(&format!("{}:{place}: {what}", source.name()));
            let request = match read {
                Ok(request) => request,
                Err(what) => {
                    *failed += 1;
                    problem(sink, &what);
                    return Ok(());
                }
            };
            let counting = match &setup {
                None => counting,
                Some(setup) => match named_by(&request, &mut own, setup) {
                    Ok(counting) => std::slice::from_ref(counting),
                    Err(error) => {
                        *failed += 1;
                        problem(sink, &error.to_string());
                        return Ok(());
                    }
                },
            };
            for counting in counting {
                match counting.count_request(&request) {
                    Ok(counted) => {
                        sink.notes(&format!("{}:{place}: {}", source.name(), counting.name()), &counted.notes);
                        sink.row(&source.name(), place, counting, counted.count)?;
                    }
                    Err(refused) => {
                        *failed += 1;
                        problem(sink, &refused.to_string());
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// What counts for the model that a request names.
fn named_by<'o>(
    request: &Conversation,
    own: &'o mut Vec<(String, Counting)>,
    setup: &Setup,
) -> Result<&'o Counting, Error> {
    let Some(model) = &request.model else {
        return Err(Error::Usage("the request names no model\n  help: give one, such as --model gpt-4o".into()));
    };
    let at = match own.iter().position(|(name, _)| name == model) {
        Some(at) => at,
        None => {
            own.push((model.clone(), Counting::of_model(model, setup)?));
            own.len() - 1
        }
    };
    Ok(&own[at].1)
}

/// Where rows go: straight out as JSON Lines, since a million lines need no table in memory, or into a report.
struct Sink {
    flags: OutputFlags,
    out: Out,
    report: Report,
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
        ]);
        report.machine.insert("unit".into(), json!("tokens"));
        Ok(Sink { out: Out::open(flags.output.as_deref())?, flags: flags.clone(), report })
    }

    fn row(&mut self, source: &str, place: Place, counting: &Counting, count: TokenCount) -> Result<(), Error> {
        let machine = row_json(source, place, counting, count);
        if self.flags.format == Format::Jsonl {
            write_json_line(&machine, &mut self.out)?;
            return Ok(());
        }
        let model = counting.model.as_ref().map(|(provider, model)| format!("{provider}/{model}"));
        let bound = |n| if count.basis == Basis::Exact { Cell::default() } else { Cell::quantity(n) };
        let cells = [
            Cell::text(source),
            place.line.map_or_else(Cell::default, Cell::quantity),
            model.map_or_else(Cell::default, Cell::text),
            Cell::text(&counting.choice.name),
            Cell::quantity(count.tokens),
            bound(count.low),
            bound(count.high),
            Cell::text(count.basis.to_string()),
        ];
        self.report.push(cells, Value::Object(machine));
        Ok(())
    }

    /// What a person should know about a count.
    fn notes(&self, place: &str, notes: &[String]) {
        if !self.flags.quiet {
            notes.iter().for_each(|note| say(&format!("note: {place}: {note}")));
        }
    }

    fn warn(&self, what: &str) {
        say(&format!("warning: {what}"));
    }

    fn totals(&mut self, counting: &[Counting], totals: &[TokenCount], files: usize) {
        let mut list = Vec::new();
        for (counting, total) in counting.iter().zip(totals) {
            let name = counting.name();
            let range =
                if total.basis == Basis::Exact { String::new() } else { format!(" ({} to {})", total.low, total.high) };
            self.report.notes.push(format!(
                "{name}: {} tokens{range} in {files} files, {}",
                Cell::quantity(total.tokens).people,
                total.basis
            ));
            list.push(Value::Object(row_json("total", Place::default(), counting, *total)));
        }
        self.report.machine.insert("totals".into(), list.into());
    }

    fn finish(self) -> Result<(), Error> {
        if self.flags.format == Format::Jsonl {
            self.out.finish()?;
            return Ok(());
        }
        drop(self.out);
        self.flags.write(self.report)
    }
}

fn row_json(source: &str, place: Place, counting: &Counting, count: TokenCount) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("source".into(), json!(source));
    if let Some(line) = place.line {
        row.insert("line".into(), json!(line));
    }
    if let Some(item) = place.item {
        row.insert("item".into(), json!(item));
    }
    if let Some((provider, model)) = &counting.model {
        row.insert("provider".into(), json!(provider));
        row.insert("model".into(), json!(model));
    }
    row.insert("tokenizer".into(), json!(counting.choice.name));
    if let Requests::Template(template) = &counting.requests {
        row.insert("template".into(), json!(template.name()));
    }
    row.insert("tokens".into(), json!(count.tokens));
    row.insert("basis".into(), json!(count.basis));
    if count.basis != Basis::Exact {
        row.insert("low".into(), json!(count.low));
        row.insert("high".into(), json!(count.high));
    }
    row
}
