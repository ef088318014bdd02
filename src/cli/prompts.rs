//! What `estimate` and `compare` share on the command line: the flags of prompts and work, how they become something to
//! price, and the exit code that refusals ask for.

use super::chat::{Input, MediaFlags};
use super::say;
use super::shared::{OutputFlags, Setup};
use super::work::TextFlags;
use crate::cli::error::Error;
use farebox::calculator::Refusal;
use farebox::calculator::quote::{Quote, WorkSpec};
use farebox::calculator::thinking::AskedThinking;
use farebox::context::Dimension;
use farebox::conversation::Media;
use farebox::input::text::Source;
use farebox::jobs::error::with_help;
use farebox::jobs::estimate::{InputNotice, InputsToPrice, PricedInputs, price_inputs};
use farebox::money::grouped;
use farebox::pricing::Found;
use farebox::range::Range;
use farebox::report::Readers;

/// The prompts, and what is known of the work besides them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PromptFlags {
    #[command(flatten)]
    pub text: TextFlags,
    #[command(flatten)]
    pub work: WorkFlags,
    #[command(flatten)]
    pub media: MediaFlags,
}

/// The assumptions of an estimate.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Work")]
pub(crate) struct WorkFlags {
    /// Prompt tokens, instead of text: 10000, or a range LOW..HIGH
    #[arg(long, value_name = "N", conflicts_with_all = ["text", "files"])]
    pub input_tokens: Option<Range<u64>>,
    /// Answer tokens: 500, a range LOW..HIGH, or LOW..EXPECTED..HIGH
    #[arg(long, value_name = "N")]
    pub output_tokens: Option<Range<u64>>,
    /// Thinking before each answer, on models that think: tokens, a range LOW..HIGH, an effort such as high, or 0 for none
    /// [default: what the model does by default, as a range]
    #[arg(long, visible_alias = "reasoning", value_name = "N|EFFORT")]
    pub thinking_tokens: Option<AskedThinking<u64>>,
    /// How many of the prompt's tokens are read from the provider's cache
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cached_tokens: u64,
    /// How often each prompt is sent
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1)]
    pub requests: u64,
    /// Price as batch requests
    #[arg(long)]
    pub batch: bool,
    /// What else the request states, such as service_tier=flex or inference_geo=us; repeatable
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = stated)]
    pub stated: Vec<(Dimension, String)>,
}

fn stated(text: &str) -> Result<(Dimension, String), String> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=VALUE, such as service_tier=flex"))?;
    Ok((key.parse().map_err(|e| format!("{e}"))?, value.to_owned()))
}

impl WorkFlags {
    /// What the flags say of the work.
    pub(crate) fn spec(&self) -> WorkSpec {
        WorkSpec {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            thinking: self.thinking_tokens.unwrap_or_default(),
            cached_tokens: self.cached_tokens,
            requests: self.requests,
            batch: self.batch,
            stated: self.stated.clone(),
            answers: None,
        }
    }

    /// # Errors
    /// [`Error::Usage`] where more tokens are said to be cached than the prompt has that was typed.
    fn refuse_more_cached(&self) -> Result<(), Error> {
        let Some(tokens) = self.input_tokens.filter(|tokens| self.cached_tokens > tokens.low) else { return Ok(()) };
        let (cached, prompt) = (grouped(self.cached_tokens), grouped(tokens.low));
        Err(Error::Usage(format!(
            "--cached-tokens: {cached} tokens are more than the prompt's {prompt}\n  help: cached tokens are a part of --input-tokens, which is the whole prompt"
        )))
    }
}

/// Whether notes about how a model takes a request are told: for each of a hundred candidates they would hide the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestNotes {
    Told,
    LeftOut,
}

/// Reads and prices what the flags name; what a person should know goes to stderr.
///
/// # Errors
/// [`Error::Usage`] where the flags do not go together, or text has no model; what is wrong with an input.
pub(crate) fn price(
    flags: &PromptFlags,
    models: &[Found],
    spec: &WorkSpec,
    setup: &Setup,
    notes: RequestNotes,
    quiet: bool,
) -> Result<PricedInputs, Error> {
    let sources = flags.sources()?;
    let media = flags.media.read()?;
    let inputs = flags.open(&sources)?;
    refuse_attachments(&inputs, &media)?;
    if models.is_empty() && !(inputs.iter().any(|i| i.holds_requests) && inputs.iter().all(|i| i.holds_requests)) {
        return Err(Error::Usage(
            "no model given\n  help: give --model gpt-4o, which repeats; `farebox models` lists the models".into(),
        ));
    }
    if media.is_empty() {
        flags.work.refuse_more_cached()?;
    }
    let what = InputsToPrice { inputs, media, binary: flags.text.binary };
    let tell = &mut |notice| match notice {
        InputNotice::Failed(text) => say(&format!("warning: {text}")),
        InputNotice::Text(text) if !quiet => say(&format!("warning: {text}")),
        InputNotice::Model(text) if !quiet && notes == RequestNotes::Told => say(&format!("note: {text}")),
        InputNotice::ReadAs(text) if !quiet => say(&format!("note: {text}")),
        _ => {}
    };
    Ok(price_inputs(what, models, spec, setup, tell)?)
}

impl PromptFlags {
    /// What is read: nothing where tokens or attachments alone were named.
    fn sources(&self) -> Result<Vec<Source>, Error> {
        let reads = self.work.input_tokens.is_none() && (self.media.is_empty() || self.text.is_given());
        if reads { self.text.sources("--text TEXT or --input-tokens N") } else { Ok(Vec::new()) }
    }

    /// Opens every source and decides what it is.
    fn open<'s>(&self, sources: &'s [Source]) -> Result<Vec<Input<'s>>, Error> {
        let read_as = self.text.read_as();
        Ok(sources.iter().map(|source| Input::open(source, read_as)).collect::<Result<Vec<_>, _>>()?)
    }
}

/// # Errors
/// [`Error::Usage`] where attachments are named next to requests, which carry their own.
fn refuse_attachments(inputs: &[Input], media: &[(String, Media)]) -> Result<(), Error> {
    let request = inputs.iter().find(|input| input.holds_requests);
    let (Some((name, _)), Some(input)) = (media.first(), request) else { return Ok(()) };
    Err(Error::Usage(format!(
        "--{name}: {} holds requests, which carry their own attachments\n  help: put it into the request, or read the file as text with --plain",
        input.name
    )))
}

/// The exit code that refusals ask for. Programs' formats get them on stderr too, where people will see them.
pub(crate) fn verdict(quotes: &[Quote], strict: bool, output: &OutputFlags) -> Result<(), Error> {
    let refused: Vec<&Refusal> = quotes.iter().filter_map(|quote| quote.result.as_ref().err()).collect();
    if output.format.readers() == Readers::Programs {
        refused.iter().for_each(|refusal| say(&format!("warning: {}", with_help(refusal, refusal.help()))));
        for quote in quotes {
            let line = quote.warning_line().map(|line| format!("{line} ({})", quote.found.full_id()));
            line.iter().for_each(|line| say(line));
        }
    }
    match refused.len() {
        0 => Ok(()),
        n if strict => Err(Error::Strict(n as u64)),
        n if n == quotes.len() => Err(Error::NothingPriced),
        _ => Ok(()),
    }
}
