//! `farebox count`: how many tokens a text is, for tokenizers or for models.

use std::cell::RefCell;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;

use super::chat::{Input, MediaFlags, ReadAs};
use super::choice::choice;
use super::out::Out;
use super::progress::Progress;
use super::settings::{default_models, models_instead};
use super::shared::{OutputFlags, TableFlags};
use super::work::{TextFlags, Typed, stdin_looks_like_json};
use super::{data, say};
use crate::cli::error::Error;
use farebox::input::chat::Api;
use farebox::input::text::Source;
use farebox::jobs::JobError;
use farebox::jobs::count::{CountAdded, CountOrder, CountQuery, CountTools, CountView, CountWith, Counting, count};
use farebox::money::grouped;
use farebox::report::Format;
use farebox::tokenizer::chat::Template;

/// Count the tokens of text: files, folders, standard input or --text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  farebox count prompt.txt
  farebox count 'hello world' -m gpt-4o,claude-opus-4-6
  farebox count --text 'hello world' -m gpt-4o -m claude-opus-4-6 -m gemini-2.5-pro
  farebox count src docs --tokenizer o200k_base
  farebox count --jsonl text --tokenizer cl100k_base --format jsonl prompts.jsonl
  farebox count src --tree --min-share 2 -m gpt-4o -m claude-opus-4-6
  farebox count book.txt -m gpt-4o --budget 100000
  farebox count src -m gpt-4o --top 10 --budget 200000
  cat notes.md | farebox count -m gpt-4o
  farebox count -m gpt-4o -m claude-opus-4-6 request.json
  farebox count --explain -m gpt-4o -m claude-opus-4-6 request.json
  farebox count --system AGENTS.md --tools mcp-tools.json -m claude-opus-4-6
  farebox count --chat-template qwen3 requests.jsonl
  farebox count -m gpt-4o -m claude-opus-4-6 --image photo.jpg --image 1024x768:low

A count of plain text is the text alone: no special tokens and no message frame. A named file, or standard input, that
holds requests or a batch is counted for a model as its provider bills it: messages, tools and attachments with the frame
around them. A tokenizer without a model, --jsonl, --tree and the files of a folder are always plain text. A note says what an
input was taken for; --chat and --plain decide it. A file of tools, such as what an MCP server answers to tools/list, is
counted as what its tools add to each request.

--budget is for the whole input: the exit code is 1 when everything together is more.")]
pub(crate) struct CountArgs {
    /// Count as this model does: provider/model, a model id, or an alias; repeatable, or with commas [default: those that requests name, FAREBOX_MODEL, a configuration file, or the newest of five makers]
    #[arg(long = "model", short = 'm', value_name = "MODEL", value_delimiter = ',')]
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
    /// Show what each part of a request costs: instructions, messages, attachments, each tool, frame; they add up to the whole
    #[arg(long, conflicts_with_all = ["jsonl", "tree", "plain", "tokenizers", "verify", "summary", "top", "sort"])]
    explain: bool,
    /// Instructions to send with every request, such as AGENTS.md or a SKILL.md; alone, what they add to one; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jsonl", "tree", "plain", "verify"], help_heading = "Requests")]
    system: Vec<PathBuf>,
    /// Tools to send with every request: a list, or an MCP server's answer to tools/list; alone, what they add; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jsonl", "tree", "plain", "verify"], help_heading = "Requests")]
    tools: Vec<PathBuf>,
    /// The API that requests are for, where their form does not say it
    #[arg(long, value_parser = choice(Api::ALL, Api::name, Api::about), value_name = "API",
          conflicts_with_all = ["jsonl", "tree", "plain"], help_heading = "Requests")]
    api: Option<Api>,
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
    #[arg(long, value_parser = choice(CountOrder::ALL, CountOrder::name, CountOrder::about), value_name = "KEY",
          conflicts_with_all = ["tree", "summary"])]
    sort: Option<CountOrder>,
    /// Show the totals only
    #[arg(long, conflicts_with = "tree")]
    summary: bool,
    /// Exit with 1 when the whole input is more tokens than this; for a single text, say where it has to end
    #[arg(long, value_name = "TOKENS", value_parser = super::shared::whole_number)]
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

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a share is a number of percent, such as 2.5".to_owned())?;
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("a share is between 0 and 100 percent".to_owned()) }
}

pub(crate) fn run(args: CountArgs) -> Result<(), Error> {
    let typed = args.text.typed(&|| args.prices.setup(), args.output.quiet)?;
    let query = query(&args, &typed)?;
    let counting = what_to_count_with(&args, typed.models, &query)?;
    let mut out = Out::open(args.output.output.as_deref())?;
    let lines = (args.output.format == Format::Jsonl).then_some(&mut out as &mut dyn Write);
    let progress = RefCell::new(Progress::on_terminal(args.output.quiet));
    let tools = CountTools {
        say: &mut |line| {
            progress.borrow_mut().iter_mut().for_each(Progress::clear);
            say(line);
        },
        prices: &mut || Ok(args.prices.setup()?),
        progress: &mut |bytes, total| progress.borrow_mut().iter_mut().for_each(|shown| shown.at(bytes, total)),
    };
    let outcome = count(&query, &counting, tools, lines);
    progress.borrow_mut().iter_mut().for_each(Progress::clear);
    let outcome = match outcome {
        Err(JobError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        other => other?,
    };
    match outcome.report {
        Some(report) => args.output.write_to(report, out)?,
        None => out.finish()?,
    }
    if !args.output.quiet {
        outcome.verification.confirmed.iter().for_each(|line| say(&format!("note: {line}")));
    }
    if let Some(failure) = outcome.verification.failure {
        return Err(Error::Failed(failure));
    }
    match args.budget {
        _ if outcome.failed > 0 && args.strict => Err(Error::Strict(outcome.failed)),
        Some(budget) if !outcome.over.is_empty() => {
            Err(Error::Failed(format!("{}, more than the budget of {}", outcome.over.join("; "), grouped(budget))))
        }
        _ => Ok(()),
    }
}

fn what_to_count_with(args: &CountArgs, bare: Vec<String>, query: &CountQuery) -> Result<Vec<Counting>, Error> {
    let (tokenizers, templates) = (args.tokenizers.clone(), args.templates.clone());
    let mut models: Vec<String> = args.models.iter().cloned().chain(bare).collect();
    if models.is_empty() && tokenizers.is_empty() && templates.is_empty() && !names_own_models(query) {
        // Not every model can be sent an attachment.
        models = match args.media.is_empty() {
            true => models_instead(&args.prices.setup()?, args.output.quiet)?,
            false => default_models()?,
        };
    }
    let with = CountWith { tokenizers, models, templates };
    let mut counting = with.load(data::tokenizers().ok().as_ref(), &mut || Ok(args.prices.setup()?))?;
    if args.verify {
        counting.iter_mut().try_for_each(Counting::verify)?;
    }
    Ok(counting)
}

/// Whether every input holds requests, which name their own models; tools by themselves name none.
fn names_own_models(query: &CountQuery) -> bool {
    let holds = |source: &Source| match source {
        Source::Stdin => query.read_as == ReadAs::Requests || stdin_looks_like_json(),
        // What cannot be opened is said where it is counted; a pipe gives its bytes only once.
        Source::File(path) if path.is_file() => {
            Input::open(source, query.read_as).is_ok_and(|input| input.holds_requests && !input.holds_tools)
        }
        Source::File(_) | Source::Text(_) => query.read_as == ReadAs::Requests,
    };
    let as_text = query.jsonl.is_some() || query.tree.is_some() || query.read_as == ReadAs::Text;
    !as_text && !query.sources.is_empty() && query.sources.iter().all(holds)
}

fn query(args: &CountArgs, typed: &Typed) -> Result<CountQuery, Error> {
    let file = |path: &PathBuf| if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path.clone()) };
    let files = |paths: &[PathBuf]| paths.iter().map(file).collect();
    let added = CountAdded { system: files(&args.system), tools: files(&args.tools) };
    // Where attachments, instructions or tools alone were named there is nothing else to read.
    let is_enough = args.jsonl.is_none() && !(args.media.is_empty() && added.is_empty()) && typed.sources.is_empty();
    let read_as = if args.explain && !args.text.plain { ReadAs::Requests } else { args.text.read_as() };
    Ok(CountQuery {
        sources: if is_enough { Vec::new() } else { typed.or_stdin("--text TEXT")? },
        attachments: args.media.attachments(),
        // A text that is sent with instructions or tools is a prompt.
        read_as: if args.explain && !added.is_empty() { args.text.read_as() } else { read_as },
        api: args.api,
        added,
        explain: args.explain,
        jsonl: args.jsonl.clone(),
        tree: args.tree.then_some(args.min_share),
        view: CountView {
            order: args.sort,
            top: args.top.map(|top| top.get() as usize),
            summary: args.summary,
            budget: args.budget,
        },
        verify: args.verify,
        binary: args.text.binary,
        list_skipped: args.list_skipped,
        threads: args.threads.map(|threads| usize::from(threads.get())),
        quiet: args.output.quiet,
    })
}
