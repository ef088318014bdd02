//! What `estimate` and `compare` share on the command line: the flags of prompts and work, how they become something to
//! price, and the exit code that refusals ask for.

use rust_decimal::Decimal;

use super::chat::{Input, MediaFlags};
use super::draft::share;
use super::say;
use super::shared::{OutputFlags, Setup, whole_number};
use super::work::{TextFlags, stdin_is_empty};
use crate::cli::error::Error;
use farebox::calculator::Refusal;
use farebox::calculator::quote::{Quote, Steps, WorkSpec};
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
    /// Prompt tokens, instead of text: 10000, 10k, or a range LOW..HIGH
    #[arg(long, value_name = "N", conflicts_with = "text")]
    pub input_tokens: Option<Range<u64>>,
    /// Answer tokens: 500, 1k, a range LOW..HIGH, or LOW..EXPECTED..HIGH
    #[arg(long, value_name = "N")]
    pub output_tokens: Option<Range<u64>>,
    /// Thinking before each answer, on models that think: tokens, a range LOW..HIGH, an effort such as high, or 0 for none
    /// [default: what the model does by default, as a range]
    #[arg(long, visible_alias = "reasoning", value_name = "N|EFFORT")]
    pub thinking_tokens: Option<AskedThinking<u64>>,
    /// How many of the prompt's tokens are read from the provider's cache
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole_number)]
    pub cached_tokens: u64,
    /// What share of every prompt is read from the provider's cache, such as 80%; what is written to it is not priced
    #[arg(long, value_name = "PERCENT", conflicts_with = "cached_tokens")]
    pub cache: Option<String>,
    /// Requests of an agent that works in steps: each sends again what was there before it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub steps: Option<u64>,
    /// Tokens that a step writes to call a tool [default: 100, as an assumption]
    #[arg(long, value_name = "N", value_parser = whole_number, requires = "steps")]
    pub step_call: Option<u64>,
    /// Tokens that come back from the tool [default: 600, as an assumption]
    #[arg(long, value_name = "N", value_parser = whole_number, requires = "steps")]
    pub step_result: Option<u64>,
    /// Images that each request makes
    #[arg(long = "images", value_name = "N", value_parser = whole_number)]
    pub made_images: Option<u64>,
    /// Seconds of video or sound that each request makes
    #[arg(long, value_name = "N", value_parser = whole_number)]
    pub seconds: Option<u64>,
    /// Documents that each request puts in order, on models that rerank
    #[arg(long, value_name = "N", value_parser = whole_number)]
    pub documents: Option<u64>,
    /// How often each prompt is sent
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1, value_parser = whole_number)]
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
    pub(crate) fn spec(&self) -> Result<WorkSpec, Error> {
        let cache = self.cache.as_ref().map(|text| share("--cache", text)).transpose()?;
        Ok(WorkSpec {
            cached_share: cache.map(|percent| percent / Decimal::ONE_HUNDRED),
            steps: self.steps.map(|count| Steps::of(count, self.step_call, self.step_result)),
            seconds: self.seconds,
            documents: self.documents,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            thinking: self.thinking_tokens.unwrap_or_default(),
            cached_tokens: self.cached_tokens,
            requests: self.requests,
            batch: self.batch,
            stated: self.stated.clone(),
            answers: self.made_images,
        })
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
    /// Nothing is told but what failed.
    Quiet,
}

impl RequestNotes {
    /// * `quiet`: whether the user asked for no notes at all.
    pub(crate) fn unless(self, quiet: bool) -> Self {
        if quiet { RequestNotes::Quiet } else { self }
    }
}

/// Prices what was read; what a person should know goes to stderr.
///
/// # Errors
/// [`Error::Usage`] where the flags do not go together; what is wrong with an input.
pub(crate) fn price(
    flags: &PromptFlags,
    inputs: Vec<Input<'_>>,
    attachments: &MediaFlags,
    models: &[Found],
    spec: &WorkSpec,
    setup: &Setup,
    notes: RequestNotes,
) -> Result<PricedInputs, Error> {
    let quiet = notes == RequestNotes::Quiet;
    let media = attachments.read()?;
    refuse_attachments(&inputs, &media)?;
    if media.is_empty() {
        flags.work.refuse_more_cached()?;
    }
    let what = InputsToPrice { inputs, media, binary: flags.text.binary };
    let tell = &mut |notice| match notice {
        InputNotice::Failed(text) => say(&format!("warning: {text}")),
        InputNotice::Text(text) if !quiet => say(&format!("warning: {text}")),
        InputNotice::Model(text) if notes == RequestNotes::Told => say(&format!("note: {text}")),
        InputNotice::ReadAs(text) if !quiet => say(&format!("note: {text}")),
        _ => {}
    };
    Ok(price_inputs(what, models, spec, setup, tell)?)
}

/// Prompt and answer tokens of work that nothing was said of but the models.
const ASSUMED_WORK: (u64, u64) = (1_000, 500);

/// What was typed: the inputs by name, the models among bare arguments, and the work.
pub(crate) struct Asked {
    pub sources: Vec<Source>,
    pub models: Vec<String>,
    pub media: MediaFlags,
    pub spec: WorkSpec,
}

impl PromptFlags {
    /// Sorts what was typed, and assumes some work where models alone were.
    ///
    /// # Errors
    /// [`Error::Usage`] where it does not go together, or there is nothing to read.
    pub(crate) fn asked(&self, setup: &Setup, quiet: bool) -> Result<Asked, Error> {
        let mut typed = self.text.typed(&|| Ok(setup.clone()), quiet)?;
        let mut spec = self.work.spec()?;
        if let (Some(_), Some(source)) = (spec.input_tokens, typed.sources.first()) {
            return Err(Error::Usage(format!(
                "both --input-tokens and {:?} are given\n  help: give one of the two",
                source.name()
            )));
        }
        let mut media = self.media.clone();
        typed.sources.retain(|source| !media.takes(source));
        let is_bare = typed.sources.is_empty() && media.is_empty() && spec.input_tokens.is_none();
        if is_bare && !typed.models.is_empty() && stdin_is_empty() {
            let (prompt, answer) = ASSUMED_WORK;
            spec.input_tokens = Some(Range::exactly(prompt));
            spec.output_tokens = spec.output_tokens.or(Some(Range::exactly(answer)));
            if !quiet {
                let (prompt, answer) = (grouped(prompt), spec.output_tokens.map_or(answer, |tokens| tokens.expected));
                say(&format!(
                    "note: no prompt given: {prompt} prompt tokens and {} answer tokens are assumed; name a file, or give --text or --input-tokens",
                    grouped(answer)
                ));
            }
        }
        let models = std::mem::take(&mut typed.models);
        // Nothing is read where tokens or attachments alone were named.
        let reads = spec.input_tokens.is_none() && (media.is_empty() || !typed.sources.is_empty());
        let sources = if reads { typed.or_stdin("--text TEXT or --input-tokens N")? } else { Vec::new() };
        Ok(Asked { sources, models, media, spec })
    }

    /// Opens every source and decides what it is.
    pub(crate) fn open<'s>(&self, sources: &'s [Source]) -> Result<Vec<Input<'s>>, Error> {
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
